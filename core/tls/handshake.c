/*
 * handshake.c - the machine that walks through a script: our actions are taken, the peer's are waited for.
 *
 * RFC 8446 section 4 and appendix A, RFC 5246 section 7.3. The order of messages is in actions_13.c and actions_12.c.
 */
#include "tls/handshake.h"

#include "base/alloc.h"
#include "tls/again.h"
#include "tls/internal.h"
#include "tls/message/messages.h"

/* Before the ServerHello nobody knows what the rest will be; both scripts begin so. */
static const dor_script_line hello_lines[] = {
    {&dor__msg_client_hello, 0, 0}, {&dor__msg_server_hello, 0, 0}, {NULL, 0, 0}};
static const dor_property_rule no_rules[] = {{0, 0, 0}};
static const dor_script hellos = {.lines = hello_lines, .rules = no_rules};

static dor_result unexpected(dor_reason reason)
{
    return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, reason);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

dor_result dor__handshake_new(dor_tls *t, const dor_tls_peer *peer)
{
    dor_handshake *hs = dor__calloc(1, sizeof *hs);
    if (!hs) return dor__error(DOR_E_NOMEM);
    t->hs = hs;
    hs->script = &hellos;
    hs->waiting = !dor__is_client(t); /* a client begins */
    dor__arena_init(&hs->arena, t->config->max_handshake_memory);
    dor__transcript_init(&hs->transcript, t->config->max_handshake_memory);
    if (!peer || !dor__is_client(t)) return DOR_SUCCESS;
    if (peer->host.len > DOR_SESSION_MAX_NAME) return dor__error(DOR_E_BADARG);
    if (peer->session) hs->session = dor__session_ref(peer->session);
    DOR_TRY(dor__arena_copy(&hs->arena, peer->host, &hs->host));
    return dor__server_name_set(t, peer->host); /* also when it is an address: tickets are filed by it */
}

void dor__handshake_free(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    if (!hs) return;
    t->hs = NULL;
    for (size_t i = 0; i < hs->chain_count; i++)
        dor__certificate_unref(hs->chain[i]);
    dor__public_key_free(hs->peer_key);
    dor__kx_free(hs->kx);
    dor__shares_free(hs);
    dor__session_unref(hs->session);
    dor__session_unref(hs->outside);
    dor__transcript_fini(&hs->transcript);
    dor__bytes_free(&hs->flight);
    dor__arena_fini(&hs->arena);
    dor__free_wiped(hs, sizeof *hs);
}

/* ---- scripts ---------------------------------------------------------------------------------------------- */

static bool applies(const dor_script_line *line, unsigned properties)
{
    return (properties & line->needs) == line->needs && !(properties & line->unless);
}

const dor_script_line *dor__script_line(const dor_script *script, unsigned properties, size_t position)
{
    const dor_script_line *line = script->lines + position;
    while (line->action && !applies(line, properties))
        line++;
    return line;
}

bool dor__script_allows(const dor_script *script, unsigned properties)
{
    if (properties & ~(unsigned)script->properties) return false;
    for (const dor_property_rule *rule = script->rules; rule->property; rule++)
        if (properties & rule->property &&
            ((properties & rule->needs) != rule->needs || properties & rule->excludes))
            return false;
    return true;
}

static const dor_script_line *next_line(const dor_handshake *hs)
{
    return dor__script_line(hs->script, hs->properties, hs->position);
}

static void step_past(dor_handshake *hs)
{
    hs->position = (size_t)(next_line(hs) - hs->script->lines) + 1;
}

/* What has been done must be the same in both. */
static bool same_so_far(const dor_handshake *hs, const dor_script *next, unsigned properties)
{
    for (size_t i = 0; i < hs->position; i++) {
        bool was = applies(&hs->script->lines[i], hs->properties);
        if (next->lines[i].action != hs->script->lines[i].action ||
            applies(&next->lines[i], properties) != was)
            return false; /* so it goes no further than where the shorter one ends */
    }
    return true;
}

static dor_result script_change(dor_tls *t, const dor_script *next, unsigned properties)
{
    dor_handshake *hs = t->hs;
    if (!dor__script_allows(next, properties) || !same_so_far(hs, next, properties))
        return dor__error(DOR_E_INTERNAL);
    hs->script = next;
    hs->properties = properties;
    return DOR_SUCCESS;
}

dor_result dor__property_set(dor_tls *t, unsigned properties)
{
    return script_change(t, t->hs->script, t->hs->properties | properties);
}

dor_result dor__version_settle(dor_tls *t, uint16_t version)
{
    if (t->hs->version_settled) return t->version == version ? DOR_SUCCESS : dor__error(DOR_E_INTERNAL);
    t->version = version;
    t->hs->version_settled = true;
    t->record_version = DOR_TLS_1_2; /* both versions write it from here on */
    return script_change(t, version == DOR_TLS_1_3 ? &dor__script_13 : &dor__script_12, t->hs->properties);
}

dor_result dor__suite_settle(dor_tls *t, const dor_suite *suite)
{
    if (t->suite) return t->suite == suite ? DOR_SUCCESS : dor__error(DOR_E_INTERNAL);
    t->suite = suite;
    t->hs->transcript.keep_raw = t->version == DOR_TLS_1_2; /* until CertificateVerify cannot come any more */
    return dor__transcript_start(&t->hs->transcript, (dor_hash_id)suite->hash);
}

/* ---- our turn --------------------------------------------------------------------------------------------- */

dor_result dor__records_send(dor_tls *t, uint8_t type, dor_span payload)
{
    size_t max = t->write_limit;
    if (t->limits_protected && dor__protection_is_null(&t->write)) /* RFC 8449 section 4 */
        max = DOR_RECORD_MAX_PLAINTEXT;
    if (t->config->max_send_fragment && max > t->config->max_send_fragment)
        max = t->config->max_send_fragment;
    return dor__record_write_padded(&t->write, type, t->record_version, max, t->config->record_padding,
                                    payload, &t->output);
}

dor_result dor__flight_flush(dor_tls *t)
{
    dor_bytes *flight = &t->hs->flight;
    if (flight->len == 0) return DOR_SUCCESS;
    DOR_TRY(dor__records_send(t, DOR_CONTENT_HANDSHAKE, dor__bytes_span(flight)));
    flight->len = 0;
    return DOR_SUCCESS;
}

dor_result dor__ccs_write(dor_tls *t)
{
    static const uint8_t one = 1;
    DOR_TRY(dor__flight_flush(t));
    /* In TLS 1.3 it is for middleboxes and goes in the clear, whatever the keys (RFC 8446 appendix D.4). */
    dor_protection null;
    dor__protection_init_null(&null);
    return dor__record_write(t->version == DOR_TLS_1_3 ? &null : &t->write, DOR_CONTENT_CHANGE_CIPHER_SPEC,
                             t->record_version, DOR_RECORD_MAX_PLAINTEXT, dor__span(&one, 1), &t->output);
}

dor_result dor__compat_ccs_write(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    /* A client sent a session id if its config says so. A server has to answer one with it, and may always. */
    bool due = hs->session_id_len != 0 || (!dor__is_client(t) && t->config->middlebox_compat);
    if (hs->compat_ccs_sent || !due) return DOR_SUCCESS;
    hs->compat_ccs_sent = true;
    return dor__ccs_write(t);
}

static dor_result message_send(dor_tls *t, const dor_action *action)
{
    dor_bytes *w = &t->hs->flight;
    size_t start = w->len, mark;
    t->hs->message_start = start;
    DOR_TRY(wr_u8(w, action->type));
    DOR_TRY(wr_begin(w, 3, &mark));
    DOR_TRY(action->send(t, w));
    if (dor__asking(t)) { /* written anew when the answer is there */
        w->len = start;
        return DOR_SUCCESS;
    }
    DOR_TRY(wr_end(w, 3, mark));
    return dor__transcript_add(&t->hs->transcript, dor__span(w->ptr + start, w->len - start));
}

static dor_result action_take(dor_tls *t, const dor_action *action)
{
    switch (action->kind) {
    case DOR_ACTION_MESSAGE: return message_send(t, action);
    case DOR_ACTION_CCS: DOR_TRY(dor__ccs_write(t)); return action->send(t, NULL);
    default: return action->send(t, NULL);
    }
}

static bool is_ours(const dor_tls *t, const dor_action *action)
{
    return action->writer == DOR_BY_BOTH || action->writer == t->role;
}

/*
 * Where it is our turn the peer's flight has ended; what lies behind it in the same record was written before it can have
 * heard us. An attacker who may put plaintext there has it taken for an answer (the STARTTLS injections' cousin).
 */
static dor_result peer_has_stopped(const dor_tls *t)
{
    return t->handshake_left ? unexpected(DOR_REASON_EXCESS_HANDSHAKE_DATA) : DOR_SUCCESS;
}

dor_result dor__handshake_run(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_script_line *line;
    hs->waiting = false;
    while ((line = next_line(hs))->action) { /* a script ends */
        if (is_ours(t, line->action)) {
            if (line->action->kind != DOR_ACTION_STEP) DOR_TRY(peer_has_stopped(t));
            hs->position = (size_t)(line - hs->script->lines);
            DOR_TRY(action_take(t, line->action));
        } else if (line->action->kind != DOR_ACTION_STEP) {
            break;
        }
        if (dor__asking(t)) /* the peer may as well have what there is, but where nothing may come between */
            return hs->second && t->version == DOR_TLS_1_3 ? DOR_SUCCESS : dor__flight_flush(t);
        step_past(hs);
    }
    if (!line->action) DOR_TRY(peer_has_stopped(t));
    DOR_TRY(dor__flight_flush(t));
    hs->waiting = line->action != NULL;
    if (!line->action) dor__handshake_free(t);
    return DOR_SUCCESS;
}

dor_result dor__message_write(dor_tls *t, uint8_t type, dor_span body)
{
    dor_bytes single = DOR_BYTES_EMPTY;
    const bool alone = !t->hs || t->hs->second;
    dor_bytes *w = alone ? &single : &t->hs->flight;
    dor_result r;
    DOR_TRY_GOTO(r, wr_u8(w, type));
    DOR_TRY_GOTO(r, wr_vec(w, 3, body));
    if (alone) r = dor__records_send(t, DOR_CONTENT_HANDSHAKE, dor__bytes_span(w));
done:
    dor__bytes_free(&single);
    return r;
}

/* ---- the peer's turn -------------------------------------------------------------------------------------- */

static const dor_action *find_in(const dor_action *const *actions, uint8_t writer, uint8_t type)
{
    for (; *actions; actions++)
        if ((*actions)->writer == writer && (*actions)->type == type) return *actions;
    return NULL;
}

static bool is_message(const dor_action *action, uint8_t writer, uint8_t type)
{
    return action->kind == DOR_ACTION_MESSAGE && action->writer == writer && action->type == type;
}

/* The one of that type that may come in this action's place: itself, or what stands in for it. NULL: neither. */
static const dor_action *as_message(const dor_tls *t, const dor_action *action, uint8_t writer, uint8_t type)
{
    if (is_message(action, writer, type)) return action;
    const dor_action *other = action->instead;
    return other && is_message(other, writer, type) && other->may_come(t) ? other : NULL;
}

/* What a client learns when a message comes whose line would else be passed over; 0: that may not be. */
static unsigned learnt_by(const dor_handshake *hs, const dor_script_line *line)
{
    unsigned missing = line->needs & ~hs->properties, after = hs->properties | missing;
    bool possible = missing && !(missing & ~(unsigned)hs->script->by_arrival) && applies(line, after) &&
                    dor__script_allows(hs->script, after);
    return possible ? missing : 0;
}

/* The message of this type that may come now, or NULL. May learn a property from it. */
static dor_result expected_message(dor_tls *t, uint8_t type, const dor_action **expected)
{
    uint8_t peer = dor__is_client(t) ? DOR_BY_SERVER : DOR_BY_CLIENT;
    dor_handshake *hs = t->hs;
    *expected = NULL;
    if (!hs) {
        *expected =
            find_in(t->version == DOR_TLS_1_3 ? dor__post_actions_13 : dor__post_actions_12, peer, type);
        return DOR_SUCCESS;
    }
    if (!hs->waiting) return DOR_SUCCESS;
    for (const dor_script_line *line = hs->script->lines + hs->position; line->action; line++) {
        const dor_action *fitting = as_message(t, line->action, peer, type);
        bool now = applies(line, hs->properties), fits = fitting != NULL;
        unsigned learnt = fits && !now && dor__is_client(t) ? learnt_by(hs, line) : 0;
        if (learnt) DOR_TRY(dor__property_set(t, learnt));
        if (fits && (now || learnt)) *expected = fitting;
        if (now || *expected) break;
    }
    return DOR_SUCCESS;
}

/* RFC 5246 section 7.4.1.1: a client in the middle of a handshake ignores HelloRequest. A few, for each is work. */
enum { MAX_STRAY_REQUESTS = 4 };

static bool is_stray_hello_request(const dor_tls *t, uint8_t type, uint32_t len)
{
    return type == DOR_HS_HELLO_REQUEST && len == 0 && dor__is_client(t) && t->hs &&
           !(t->hs->version_settled && t->version == DOR_TLS_1_3);
}

/* Judges a header before its body is waited for. *action stays NULL for a message to be passed over. */
static dor_result header_check(dor_tls *t, dor_span header, const dor_action **action, uint32_t *len)
{
    dor_reader r = rd_from(header);
    uint8_t type;
    *action = NULL;
    DOR_TRY(rd_u8(&r, &type));
    DOR_TRY(rd_u24(&r, len));
    DOR_TRY(expected_message(t, type, action));
    if (!*action) {
        if (!is_stray_hello_request(t, type, *len)) return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
        return t->hs->stray_requests < MAX_STRAY_REQUESTS ? DOR_SUCCESS
                                                          : unexpected(DOR_REASON_NO_RENEGOTIATION);
    }
    /* What no such message can have first (RFC 8446 section 6, "an out-of-range length"), then what is only our limit. */
    if (*len < (*action)->min_len || ((*action)->max_len && *len > (*action)->max_len))
        return DOR_DECODE_ERROR;
    if (*len > t->config->max_handshake_len)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HANDSHAKE_TOO_BIG);
    return DOR_SUCCESS;
}

static dor_result message_take(dor_tls *t, const dor_action *action, dor_span whole)
{
    dor_span body = dor__span(whole.ptr + DOR_HANDSHAKE_HEADER_LEN, whole.len - DOR_HANDSHAKE_HEADER_LEN);
    if (!t->hs) {
        if (t->tell_connected && t->version == DOR_TLS_1_2) /* in Finished's record, which ends a flight */
            return unexpected(DOR_REASON_EXCESS_HANDSHAKE_DATA);
        DOR_TRY(action->receive(t, body));
        if (!t->hs) return DOR_SUCCESS;
        const dor_action *first = next_line(t->hs)->action;
        if (first->type != action->type) return DOR_SUCCESS; /* HelloRequest: no message of the handshake */
        action = first; /* it has begun a second one, of which it is the first */
    }
    t->hs->heard = true;
    t->hs->message = whole;
    t->hs->position = (size_t)(next_line(t->hs) - t->hs->script->lines);
    DOR_TRY(action->receive(t, body));
    t->hs->message = DOR_SPAN_EMPTY;
    if (dor__asking(t)) return DOR_SUCCESS; /* it is given again when the answer is there */
    DOR_TRY(dor__transcript_add(&t->hs->transcript, whole));
    step_past(t->hs);
    return dor__handshake_run(t);
}

/* What is left of a record after its whole messages waits for more, its header judged as soon as it is there. */
static dor_result keep_rest(dor_tls *t, dor_span in)
{
    const dor_action *action;
    uint32_t len;
    if (in.len == 0) return DOR_SUCCESS;
    if (t->tell_connected && t->version == DOR_TLS_1_2) return unexpected(DOR_REASON_EXCESS_HANDSHAKE_DATA);
    if (in.len >= DOR_HANDSHAKE_HEADER_LEN) {
        DOR_TRY(header_check(t, in, &action, &len));
        DOR_TRY(dor__bytes_reserve_within(&t->message, in.len, DOR_HANDSHAKE_HEADER_LEN + (size_t)len));
    }
    return dor__bytes_append(&t->message, in);
}

/* All whole messages of `in`, up to one that is an event; keeps the rest. t->message is empty at the beginning. */
static dor_result messages_take(dor_tls *t, dor_span in, dor_tls_event *event)
{
    while (in.len >= DOR_HANDSHAKE_HEADER_LEN) {
        const dor_action *action;
        uint32_t len;
        DOR_TRY(header_check(t, in, &action, &len));
        size_t whole = DOR_HANDSHAKE_HEADER_LEN + (size_t)len;
        if (in.len < whole) break;
        t->handshake_left = in.len - whole > UINT16_MAX ? UINT16_MAX : (uint16_t)(in.len - whole);
        if (action)
            DOR_TRY(message_take(t, action, dor__span(in.ptr, whole)));
        else
            t->hs->stray_requests++;
        bool asking = dor__asking(t), again = asking && next_line(t->hs)->action == action;
        if (!again) in = dor__span(in.ptr + whole, in.len - whole);
        if (asking) return dor__bytes_append(&t->message, in); /* untouched until the answer */
        if (t->ticket) {
            DOR_TRY(dor__bytes_append(&t->message, in)); /* before the event has the reference */
            event->kind = DOR_TLS_EVENT_TICKET;
            event->session = t->ticket;
            t->ticket = NULL;
            return DOR_SUCCESS;
        }
    }
    t->handshake_left = 0;
    return keep_rest(t, in);
}

/* True when t->message begins with a whole message. */
static dor_result first_is_whole(dor_tls *t, bool *whole)
{
    const dor_action *action;
    uint32_t len;
    *whole = false;
    if (t->message.len < DOR_HANDSHAKE_HEADER_LEN) return DOR_SUCCESS;
    DOR_TRY(header_check(t, dor__bytes_span(&t->message), &action, &len));
    *whole = t->message.len - DOR_HANDSHAKE_HEADER_LEN >= len;
    return DOR_SUCCESS;
}

dor_result dor__handshake_receive(dor_tls *t, dor_span payload, dor_tls_event *event)
{
    bool whole;
    if (t->message.len == 0) return messages_take(t, payload, event); /* the usual case: nothing is copied */
    if (t->message.len >= DOR_HANDSHAKE_HEADER_LEN) { /* judged already, so no more than this is to come */
        const uint8_t *header = t->message.ptr;
        size_t body = (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
        DOR_TRY(dor__bytes_reserve_within(&t->message, payload.len, DOR_HANDSHAKE_HEADER_LEN + body));
    }
    DOR_TRY(dor__bytes_append(&t->message, payload));
    DOR_TRY(first_is_whole(t, &whole));
    if (!whole) return DOR_SUCCESS;
    dor_bytes held = t->message;
    t->message = DOR_BYTES_EMPTY;
    dor_result r = messages_take(t, dor__bytes_span(&held), event);
    dor__bytes_free(&held);
    return r;
}

dor_result dor__handshake_resume(dor_tls *t, dor_tls_event *event)
{
    dor_handshake *hs = t->hs;
    hs->resume = false;
    if (is_ours(t, next_line(hs)->action))
        DOR_TRY(dor__handshake_run(t));
    else
        hs->waiting =
            true; /* it was a message of the peer's that led to the question, and it lies in front */
    return dor__asking(t) ? DOR_SUCCESS : dor__handshake_receive(t, DOR_SPAN_EMPTY, event);
}

dor_result dor__handshake_receive_ccs(dor_tls *t, bool *taken)
{
    const dor_action *next = next_line(t->hs)->action;
    *taken = t->hs->waiting && next->kind == DOR_ACTION_CCS && next->writer != t->role;
    if (!*taken) return DOR_SUCCESS;
    DOR_TRY(next->receive(t, DOR_SPAN_EMPTY));
    step_past(t->hs);
    return dor__handshake_run(t);
}

/* ---- keys ------------------------------------------------------------------------------------------------- */

dor_result dor__read_keys_set(dor_tls *t, dor_protection *next)
{
    /* RFC 8446 section 5.1: messages must not span key changes. */
    if (t->handshake_left || t->message.len) {
        dor__protection_fini(next);
        return unexpected(DOR_REASON_EXCESS_HANDSHAKE_DATA);
    }
    dor__protection_fini(&t->read);
    t->read = *next;
    dor__wipe(next, sizeof *next);
    return DOR_SUCCESS;
}

dor_result dor__write_keys_set(dor_tls *t, dor_protection *next)
{
    /* An answer to a request for a certificate waits for its signature, and goes out whole under whatever keys there are. */
    bool waits = t->hs && t->hs->second && t->version == DOR_TLS_1_3;
    dor_result r = t->hs && !waits ? dor__flight_flush(t) : DOR_SUCCESS;
    if (dor__failed(r)) {
        dor__protection_fini(next);
        return r;
    }
    dor__protection_fini(&t->write);
    t->write = *next;
    dor__wipe(next, sizeof *next);
    return DOR_SUCCESS;
}

/* ---- proofs ----------------------------------------------------------------------------------------------- */

/* A server that asks when there is reason to has not asked in the handshake. */
static bool asked_later(const dor_tls *t)
{
    return t->version == DOR_TLS_1_3 && t->config->post_auth && !t->hs->second;
}

/* The caller has seen that the peer has the key of its chain's first certificate. */
static dor_result key_proven(dor_tls *t)
{
    const dor_handshake *hs = t->hs;
    if (!hs->peer_key || (t->config->verify_peer && !hs->chain_verified)) return dor__error(DOR_E_INTERNAL);
    t->peer_verified = hs->chain_verified;
    return DOR_SUCCESS;
}

dor_result dor__prove_peer(dor_tls *t, dor_proof how)
{
    dor_handshake *hs = t->hs;
    const dor_tls_config *config = t->config;
    switch (how) {
    case DOR_PROOF_DECRYPTED:
        if (!dor__is_client(t) || !(hs->properties & DOR_PROPERTY_STATIC_RSA) || !hs->proof_finished)
            return dor__error(DOR_E_INTERNAL);
        DOR_TRY(key_proven(t));
        break;
    case DOR_PROOF_SIGNATURE: DOR_TRY(key_proven(t)); break;
    case DOR_PROOF_SESSION: /* as well proven as it was when the session was made */
        if (!hs->session || (dor__is_client(t) && config->verify_peer && !hs->session->peer_verified) ||
            (!dor__is_client(t) && config->verify_peer && (hs->session->peer || hs->session->peer_omitted) &&
             !hs->session->peer_verified) ||
            (!dor__is_client(t) && config->verify_peer && config->require_peer_cert && !hs->session->peer &&
             !hs->session->peer_omitted))
            return dor__error(DOR_E_INTERNAL);
        t->peer_verified = hs->session->peer_verified;
        break;
    case DOR_PROOF_PSK: /* the caller verified a binder or a Finished that was made with it */
        if (!hs->psk || (!dor__is_client(t) && config->verify_peer && config->require_peer_cert))
            return dor__error(DOR_E_INTERNAL);
        break;
    case DOR_PROOF_NOT_REQUIRED: /* a server's client, which has shown no certificate */
        if (dor__is_client(t) || hs->chain_count) return dor__error(DOR_E_INTERNAL);
        DOR_TRY(dor__renegotiation_check_peer(t)); /* one that had shown a certificate */
        if (config->verify_peer && config->require_peer_cert && !asked_later(t))
            return dor__alert(t->version == DOR_TLS_1_3 ? DOR_ALERT_CERTIFICATE_REQUIRED
                                                        : DOR_ALERT_HANDSHAKE_FAILURE,
                              DOR_REASON_NO_CERTIFICATE);
        break;
    }
    hs->proof_peer = true;
    return DOR_SUCCESS;
}

dor_result dor__prove_finished(dor_tls *t, dor_span expected, dor_span received)
{
    if (expected.len == 0 || received.len != expected.len ||
        !dor__ct_equal(expected.ptr, received.ptr, expected.len))
        return dor__alert(DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_FINISHED);
    t->hs->proof_finished = true;
    return DOR_SUCCESS;
}

dor_result dor__handshake_complete(dor_tls *t)
{
    if (!t->hs->proof_peer || !t->hs->proof_finished) return dor__error(DOR_E_INTERNAL);
    if (t->hs->second) {
        dor__again_done(t, DOR_TLS_EVENT_RENEGOTIATED);
        return DOR_SUCCESS;
    }
    DOR_TRY(dor__again_note_first(t));
    t->resumed = (t->hs->properties & DOR_PROPERTY_RESUMED) != 0 && !t->hs->psk;
    t->hello_retry = (t->hs->properties & DOR_PROPERTY_RETRY) != 0;
    t->connected = true;
    t->tell_connected = true;
    return DOR_SUCCESS;
}

static dor_result complete(dor_tls *t, dor_bytes *w)
{
    (void)w;
    return dor__handshake_complete(t);
}

const dor_action dor__step_complete = {
    .name = "complete", .kind = DOR_ACTION_STEP, .writer = DOR_BY_BOTH, .send = complete};
