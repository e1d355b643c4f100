/*
 * renegotiation_12.c - one of the two wants to start over (RFC 5246 sections 7.4.1.1 and 7.4.1.2, RFC 5746).
 *
 * What is refused gets the warning no_renegotiation, and the connection goes on (section 7.2.2); a peer that keeps asking is
 * given up. A client follows a HelloRequest where config->renegotiation; a server takes a ClientHello that it has asked for,
 * and others where config->client_renegotiation; max_renegotiations of the peer's on one connection.
 *
 * What must hold, so that nothing can be spliced in front of or behind a renegotiation:
 *   - both ends have said that they bind it to the handshake before (RFC 5746); there is no other kind of renegotiation here;
 *   - version, server name and application protocol stay (ALPN is not negotiated again), extended master secret too;
 *   - the peer's certificate stays. A client that had shown none may show one now, and for that its server wants extended
 *     master secret: without it the two handshakes might not be with one peer (the triple handshake, CVE-2014-1295);
 *   - no session is resumed in it, which is what that attack began with.
 *
 * It runs under the old keys up to the change_cipher_spec of either side. Data of the peer's is taken until its first message
 * of the new handshake; ours waits from our first one on (dor__tls_sends_wait).
 */
#include "tls/again.h"
#include "tls/internal.h"
#include "tls/message/messages.h"

static bool wanted(const dor_tls_config *config)
{
    return config->renegotiation || config->client_renegotiation;
}

dor_result dor__renegotiation_note(dor_tls *t, dor_tls_role writer,
                                   const uint8_t verify_data[DOR_VERIFY_DATA_12_LEN])
{
    if (!wanted(t->config)) return DOR_SUCCESS;
    DOR_TRY(dor__again_need(t));
    memcpy(t->again->verify_data[writer], verify_data, DOR_VERIFY_DATA_12_LEN);
    return DOR_SUCCESS;
}

/* ---- refusing ------------------------------------------------------------------------------------------------------ */

static dor_result refuse(dor_tls *t)
{
    if (++t->renegotiation_requests > t->config->max_refused_renegotiations)
        return dor__alert(DOR_ALERT_NO_RENEGOTIATION, DOR_REASON_NO_RENEGOTIATION);
    if (t->write_closed) return DOR_SUCCESS; /* nothing follows our close_notify */
    return dor__alert_warn(t, DOR_ALERT_NO_RENEGOTIATION);
}

/* Whether the connection is one that can be renegotiated. */
static bool possible(const dor_tls *t)
{
    return t->again && t->again->secure && !t->write_closed && !t->read_closed &&
           (dor__is_client(t) || t->extended_master_secret);
}

/* The peer's wish: in a row it is also bounded by what it may be refused. */
static bool agree(dor_tls *t, bool allowed)
{
    const dor_tls_config *config = t->config;
    if (!allowed || !possible(t) || t->again->by_peer >= config->max_renegotiations) return false;
    t->again->by_peer++;
    return true;
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

static dor_result begin(dor_tls *t)
{
    DOR_TRY(dor__again_begin(t, &dor__script_12));
    t->hs->waiting = !dor__is_client(t);
    return DOR_SUCCESS;
}

dor_result dor__renegotiation_may_start(const dor_tls *t)
{
    if (!t->config->renegotiation || t->version != DOR_TLS_1_2) return dor__error(DOR_E_EINVAL);
    if (t->hs || (t->again && t->again->asked)) return dor__error(DOR_E_EALREADY);
    return possible(t) ? DOR_SUCCESS : dor__error(DOR_E_RENEGOTIATION_INSECURE);
}

dor_result dor__renegotiation_start(dor_tls *t)
{
    if (!dor__is_client(t)) {
        DOR_TRY(dor__message_write(t, DOR_HS_HELLO_REQUEST, DOR_SPAN_EMPTY));
        t->again->asked = true;
        return DOR_SUCCESS;
    }
    DOR_TRY(begin(t));
    return dor__handshake_run(t);
}

static dor_result receive_hello_request(dor_tls *t, dor_span body)
{
    if (!dor__is_client(t)) return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    if (body.len > 0) return DOR_DECODE_ERROR;
    if (!agree(t, t->config->renegotiation)) return refuse(t);
    DOR_TRY(begin(t));
    return dor__handshake_run(t);
}

/* The machine goes on with the same message, as the first of the new handshake. */
static dor_result receive_client_hello(dor_tls *t, dor_span body)
{
    (void)body; /* whatever it says, if it is refused */
    if (dor__is_client(t)) return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    bool asked = t->again && t->again->asked;
    if (asked ? !possible(t) : !agree(t, t->config->client_renegotiation)) return refuse(t);
    t->again->asked = false;
    return begin(t);
}

void dor__renegotiation_refused(dor_tls *t)
{
    if (t->version != DOR_TLS_1_2 || !t->again) return;
    bool unheard = dor__renegotiating(t) && dor__is_client(t) && !t->hs->heard;
    if (unheard) dor__again_abandon(t);
    if (!unheard && !t->again->asked) return;
    t->again->asked = false;
    t->again->tell = DOR_TLS_EVENT_RENEGOTIATION_REFUSED;
}

/* ---- what must stay ------------------------------------------------------------------------------------------------ */

dor_result dor__renegotiation_check_hellos(const dor_tls *t)
{
    if (!dor__renegotiating(t)) return DOR_SUCCESS;
    if (t->hs->v12.extended_master_secret != t->again->before.extended_master_secret)
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_EMS);
    return DOR_SUCCESS;
}

dor_result dor__renegotiation_check_peer(const dor_tls *t)
{
    if (!dor__renegotiating(t)) return DOR_SUCCESS;
    const dor_certificate *before = t->again->before.peer;
    const dor_certificate *now = t->hs->chain_count ? t->hs->chain[0] : NULL;
    if (!before && (!now || !dor__is_client(t))) return DOR_SUCCESS;
    if (before && now && dor__span_equal(before->der, now->der)) return DOR_SUCCESS;
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_PEER_CHANGED);
}

/* ---- the messages -------------------------------------------------------------------------------------------------- */

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
