/*
 * renegotiation_info.c - renegotiation_info (RFC 5746): on a first handshake an empty renegotiated_connection, which
 * says that this side would bind a renegotiation to the connection it happens on.
 *
 * Policy: a peer that lacks it is spoken to all the same, as RFC 5746 sections 4.1 and 4.3 allow. We never renegotiate, so
 * nothing of ours can be spliced behind somebody else's handshake; what a legacy server does to itself cannot be told
 * from here. Once renegotiation exists it will be refused to a peer without the indication.
 */
#include "tls/extension/extensions.h"

static dor_result send_info(dor_tls *t, unsigned context, dor_bytes *w)
{
    (void)t, (void)context;
    return wr_vec(w, 1, DOR_SPAN_EMPTY);
}

/* Sections 3.4 and 3.6: anything but an empty one on a first handshake is answered with handshake_failure. */
static dor_result receive_info(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span connection;
    (void)context;
    DOR_TRY(rd_vec8(&r, &connection, 0, 255));
    DOR_TRY(rd_end(&r));
    if (connection.len > 0) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INFO);
    t->hs->v12.renegotiation_info = true;
    return DOR_SUCCESS;
}

const dor_extension dor__ext_renegotiation_info = {
    .type = DOR_EXT_RENEGOTIATION_INFO,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO_12,
    .max_version = DOR_TLS_1_2,
    .name = "renegotiation_info",
    .send = send_info,
    .receive = receive_info,
};
