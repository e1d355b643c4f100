/*
 * early_data.c - RFC 8446 section 4.2.10. When it is offered and taken is decided in early_data_13.c; what a ticket allows,
 * new_session_ticket.c reads.
 */
#include "tls/early_data_13.h"
#include "tls/extension/extensions.h"

static bool early_data_should_send(const dor_tls *t, unsigned context)
{
    switch (context) {
    case DOR_CTX_CLIENT_HELLO: return dor__early_offerable(t);
    case DOR_CTX_ENCRYPTED_EXTENSIONS: return t->early == DOR_EARLY_ACCEPTED;
    default: return dor__early_possible(t->config);
    }
}

static dor_result early_data_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    return context == DOR_CTX_NEW_SESSION_TICKET ? wr_u32(w, t->config->max_early_data) : DOR_SUCCESS;
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
    .should_send = early_data_should_send,
    .send = early_data_send,
    .receive = early_data_receive,
};
