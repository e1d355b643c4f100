/*
 * certificate_authorities.c - RFC 8446 section 4.2.4: our choice among several certificates goes by it. Clients of both
 * versions send it; in TLS 1.2 nothing forbids a server to be guided by it, too.
 */
#include "tls/extension/extensions.h"

static bool certificate_authorities_should_send(const dor_tls *t, unsigned context)
{
    (void)context;
    return t->config->authorities.len > 0;
}

static dor_result certificate_authorities_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    (void)context;
    return wr_vec(w, 2, dor__bytes_span(&t->config->authorities));
}

static dor_result certificate_authorities_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list;
    (void)context;
    DOR_TRY(rd_vec16(&r, &list, 3, 65535));
    DOR_TRY(rd_end(&r));
    return dor__authorities_read(t, list);
}

const dor_extension dor__ext_certificate_authorities = {
    .type = DOR_EXT_CERTIFICATE_AUTHORITIES,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE_REQUEST,
    .min_version = DOR_TLS_1_2,
    .name = "certificate_authorities",
    .should_send = certificate_authorities_should_send,
    .send = certificate_authorities_send,
    .receive = certificate_authorities_receive,
};
