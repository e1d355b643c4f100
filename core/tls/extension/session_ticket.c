/*
 * session_ticket.c - SessionTicket (RFC 5077 section 3.2), TLS 1.2's: a client's is empty (it takes tickets) or holds one; a
 * server's, always empty, says that a NewSessionTicket follows.
 */
#include "tls/extension/extensions.h"
#include "tls/tls12.h"

static bool should_send(const dor_tls *t, unsigned context)
{
    if (context == DOR_CTX_CLIENT_HELLO) return t->config->resumption && !t->config->tickets_disabled;
    return (t->hs->properties & DOR_PROPERTY_TICKET_12) != 0;
}

static dor_result send_it(dor_tls *t, unsigned context, dor_bytes *w)
{
    if (context != DOR_CTX_CLIENT_HELLO || !t->hs->v12.ticket_offered) return DOR_SUCCESS;
    return wr_bytes(w, dor__bytes_span(&t->hs->session->ticket));
}

static dor_result receive_it(dor_tls *t, unsigned context, dor_span data)
{
    if (context == DOR_CTX_CLIENT_HELLO) {
        t->hs->v12.peer_ticket = data;
        return DOR_SUCCESS;
    }
    if (data.len > 0) return DOR_DECODE_ERROR;
    return dor__property_set(t, DOR_PROPERTY_TICKET_12);
}

const dor_extension dor__ext_session_ticket = {
    .type = DOR_EXT_SESSION_TICKET,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO_12,
    .max_version = DOR_TLS_1_2,
    .name = "session_ticket",
    .should_send = should_send,
    .send = send_it,
    .receive = receive_it,
};
