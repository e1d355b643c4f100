/* certificate_authorities.c - RFC 8446 section 4.2.4: read for its form; our choice of certificate goes by schemes. */
#include "tls/extension/extensions.h"

static bool never(const dor_tls *t, unsigned context)
{
    (void)t, (void)context;
    return false;
}

static dor_result certificate_authorities_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list, name;
    (void)t, (void)context;
    DOR_TRY(rd_vec16(&r, &list, 3, 65535));
    DOR_TRY(rd_end(&r));
    for (r = rd_from(list); rd_left(&r);)
        DOR_TRY(rd_vec16(&r, &name, 1, 65535));
    return DOR_SUCCESS;
}

const dor_extension dor__ext_certificate_authorities = {
    .type = DOR_EXT_CERTIFICATE_AUTHORITIES,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE_REQUEST,
    .min_version = DOR_TLS_1_3,
    .name = "certificate_authorities",
    .should_send = never,
    .receive = certificate_authorities_receive,
};
