/*
 * renegotiation_info.c - renegotiation_info (RFC 5746): on a first handshake an empty renegotiated_connection, which
 * says that this side would bind a renegotiation to the connection it happens on; in a renegotiation the verify_data of the
 * handshake before: the client's from it, the client's and the server's from the server.
 *
 * A peer that lacks it is spoken to all the same, as RFC 5746 sections 4.1 and 4.3 allow, unless
 * config->require_secure_renegotiation; but nothing is ever renegotiated with it.
 */
#include "base/ct.h"
#include "tls/again.h"
#include "tls/extension/extensions.h"

enum { ONE = DOR_VERIFY_DATA_12_LEN, BOTH = 2 * DOR_VERIFY_DATA_12_LEN };

/* What the writer has to say; the verify_data lie behind each other as both have to be sent. */
static dor_span connection_by(const dor_tls *t, bool client)
{
    _Static_assert(DOR_TLS_CLIENT == 0 && DOR_TLS_SERVER == 1, "the client's verify_data comes first");
    if (!dor__renegotiating(t)) return DOR_SPAN_EMPTY;
    return dor__span(t->again->verify_data, client ? ONE : BOTH);
}

static dor_result send_info(dor_tls *t, unsigned context, dor_bytes *w)
{
    return wr_vec(w, 1, connection_by(t, context == DOR_CTX_CLIENT_HELLO));
}

static dor_result wrong(void)
{
    return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INFO);
}

/* Sections 3.4 to 3.7: anything else than what is due is answered with handshake_failure. */
static dor_result receive_info(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span connection, due = connection_by(t, context == DOR_CTX_CLIENT_HELLO);
    DOR_TRY(rd_vec8(&r, &connection, 0, 255));
    DOR_TRY(rd_end(&r));
    if (connection.len != due.len || (due.len && !dor__ct_equal(connection.ptr, due.ptr, due.len)))
        return wrong();
    /* Section 3.7: the SCSV says that this is a first handshake. */
    if (t->hs->v12.renegotiation_info && dor__renegotiating(t)) return wrong();
    t->hs->v12.renegotiation_info = true;
    return DOR_SUCCESS;
}

static dor_result missing_info(dor_tls *t, unsigned context)
{
    (void)context;
    if (dor__renegotiating(t)) return wrong();
    if (t->hs->v12.renegotiation_info || !t->config->require_secure_renegotiation) return DOR_SUCCESS;
    return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INSECURE);
}

const dor_extension dor__ext_renegotiation_info = {
    .type = DOR_EXT_RENEGOTIATION_INFO,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO_12,
    .max_version = DOR_TLS_1_2,
    .name = "renegotiation_info",
    .send = send_info,
    .receive = receive_info,
    .if_missing = missing_info,
};
