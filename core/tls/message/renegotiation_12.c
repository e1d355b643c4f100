/*
 * renegotiation_12.c - the peer wants to start over (RFC 5246 sections 7.4.1.1 and 7.4.1.2): it is told no_renegotiation,
 * a warning, and the connection goes on (section 7.2.2). A peer that keeps asking is given up.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

enum { MAX_REQUESTS = 4 };

static dor_result refuse(dor_tls *t)
{
    if (++t->renegotiation_requests > MAX_REQUESTS)
        return dor__alert(DOR_ALERT_NO_RENEGOTIATION, DOR_REASON_NO_RENEGOTIATION);
    if (t->write_closed) return DOR_SUCCESS; /* nothing follows our close_notify */
    return dor__alert_warn(t, DOR_ALERT_NO_RENEGOTIATION);
}

static dor_result receive_hello_request(dor_tls *t, dor_span body)
{
    if (!dor__is_client(t)) return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    if (body.len > 0) return DOR_DECODE_ERROR;
    return refuse(t);
}

static dor_result receive_client_hello(dor_tls *t, dor_span body)
{
    (void)body; /* whatever it says */
    if (dor__is_client(t)) return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    return refuse(t);
}

const dor_action dor__msg_hello_request_12 = {
    .name = "HelloRequest",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_HELLO_REQUEST,
    .max_len = 1, /* refused as soon as it is known not to be empty */
    .receive = receive_hello_request,
};

const dor_action dor__msg_client_hello_again_12 = {
    .name = "ClientHello",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CLIENT_HELLO,
    .max_len = 16384,
    .receive = receive_client_hello,
};
