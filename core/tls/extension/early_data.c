/*
 * early_data.c - RFC 8446 section 4.2.10. We neither send nor take early data; a server notes that some may come, to pass
 * over it, and a client that a ticket would allow it.
 */
#include "tls/extension/extensions.h"

static bool never(const dor_tls *t, unsigned context)
{
    (void)t, (void)context;
    return false;
}

static dor_result early_data_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    uint32_t max_early_data_size;
    if (context == DOR_CTX_NEW_SESSION_TICKET)
        DOR_TRY(rd_u32(&r, &max_early_data_size));
    else
        t->hs->peer_early_data = true;
    return rd_end(&r);
}

const dor_extension dor__ext_early_data = {
    .type = DOR_EXT_EARLY_DATA,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS | DOR_CTX_NEW_SESSION_TICKET,
    .min_version = DOR_TLS_1_3,
    .name = "early_data",
    .should_send = never,
    .receive = early_data_receive,
};
