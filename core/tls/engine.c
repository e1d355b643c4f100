/*
 * engine.c - the connection as its user sees it: records in, events and records out.
 *
 * Records are judged here (type, place, emptiness, RFC 8446 section 5); handshake messages go to handshake.c.
 */
#include "tls/internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "tls/again.h"
#include "tls/early_data_13.h"
#include "tls/message/messages.h"

/* Growth is a decision: this is what an idle connection costs, beside its two cipher contexts. */
static_assert(sizeof(dor_tls) <= 512, "a connection outgrew its budget");

static dor_result unexpected(dor_reason reason)
{
    return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, reason);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

dor_result dor__tls_new(dor_tls **tls, dor_tls_role role, dor_tls_config *config, const dor_tls_env *env,
                        const dor_tls_peer *peer)
{
    *tls = NULL;
    dor_tls *t = dor__calloc(1, sizeof *t);
    if (!t) return dor__error(DOR_E_NOMEM);
    t->role = (uint8_t)role;
    t->config = dor__tls_config_ref(config);
    t->env = env;
    /* RFC 8446 section 5.1: a client's first hello may claim 1.0, for the sake of old middleboxes. */
    t->record_version = role == DOR_TLS_CLIENT ? 0x0301 : DOR_TLS_1_2;
    t->write_limit = DOR_RECORD_MAX_PLAINTEXT;
    dor__protection_init_null(&t->read);
    dor__protection_init_null(&t->write);
    dor_result r = dor__handshake_new(t, peer);
    if (dor__failed(r)) {
        dor__tls_free(t);
        return r;
    }
    *tls = t;
    return DOR_SUCCESS;
}

void dor__keys_wipe(dor_tls *t)
{
    dor__protection_fini(&t->read);
    dor__protection_fini(&t->write);
    dor__record_reader_fini(&t->reader);
    dor__bytes_free(&t->message);
    dor__wipe(t->read_secret, sizeof t->read_secret);
    dor__wipe(t->write_secret, sizeof t->write_secret);
    dor__wipe(t->resumption_secret, sizeof t->resumption_secret);
    dor__again_free(t);
    dor__kept_free(t);
    dor__session_unref(t->ticket);
    t->ticket = NULL;
}

void dor__tls_free(dor_tls *t)
{
    if (!t) return;
    dor__handshake_free(t);
    dor__keys_wipe(t);
    dor__bytes_free(&t->output);
    dor__free(t->names);
    dor__certificate_unref(t->peer);
    dor__certificate_unref(t->anchor);
    dor__stapled_unref(t->stapled);
    dor__session_unref(t->session);
    dor__tls_config_unref(t->config);
    dor__free_wiped(t, sizeof *t);
}

dor_result dor__tls_start(dor_tls *t)
{
    if (dor__failed(t->error) || t->started) return t->error;
    t->started = true;
    if (!dor__is_client(t)) return DOR_SUCCESS;
    dor_result r = dor__handshake_run(t);
    if (dor__ok(r)) r = dor__early_begin(t);
    return dor__failed(r) ? dor__tls_fail(t, r) : r;
}

/* ---- receiving -------------------------------------------------------------------------------------------- */

/* In a row, so that a peer cannot keep us busy for nothing. */
static dor_result count_empty(dor_tls *t)
{
    if (t->empty_records >= t->config->max_empty_records) return unexpected(DOR_REASON_EMPTY_FRAGMENTS);
    t->empty_records++;
    return DOR_SUCCESS;
}

static void something_came(dor_tls *t)
{
    t->empty_records = 0;
    t->warning_alerts = 0;
}

/* Refused early data: at most so much of it is passed over (RFC 8446 section 4.2.10). */
static bool skip_early_data(dor_tls *t, size_t len)
{
    if (!t->hs || t->hs->early_data_budget == 0) return false;
    if (len >= t->hs->early_data_budget) {
        t->hs->early_data_budget = 0;
        return false;
    }
    t->hs->early_data_budget -= (uint32_t)len;
    return true;
}

static dor_result receive_data(dor_tls *t, const dor_record *record, dor_tls_event *event)
{
    if (t->message.len) /* nothing stands between a message's parts: RFC 8446 section 5.1 */
        return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
    if (t->hs && (!t->hs->second || t->hs->heard)) {
        bool taken;
        DOR_TRY(dor__early_take(t, record->payload, &taken));
        if (taken && record->payload.len == 0) return count_empty(t);
        if (taken) {
            something_came(t);
            event->kind = DOR_TLS_EVENT_EARLY_DATA;
            event->data = record->payload;
            return DOR_SUCCESS;
        }
        /* After a HelloRetryRequest early data arrives before there are keys: by its outer type it is known. */
        bool unprotected = t->read.ops->suffix_len == 0;
        if (unprotected && skip_early_data(t, record->payload.len + 1)) return DOR_SUCCESS;
        return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
    }
    if (record->payload.len == 0) return count_empty(t);
    something_came(t);
    t->key_updates = 0;
    t->renegotiation_requests = 0;
    if (t->again && dor__is_client(t)) t->again->request_count = 0;
    event->kind = DOR_TLS_EVENT_DATA;
    event->data = record->payload;
    return DOR_SUCCESS;
}

/*
 * TLS 1.2 has one place for it, which its script names. In TLS 1.3 it means nothing and may come, in the clear and with
 * the single byte 1, while the handshake lasts (RFC 8446 section 5).
 */
static dor_result receive_ccs(dor_tls *t, const dor_record *record)
{
    bool taken = false;
    if (record->outer_type != DOR_CONTENT_CHANGE_CIPHER_SPEC || record->payload.len != 1 ||
        record->payload.ptr[0] != 1)
        return unexpected(DOR_REASON_RECORD_TYPE);
    if (!t->hs || t->message.len || (t->hs->second && t->version == DOR_TLS_1_3))
        return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
    DOR_TRY(dor__handshake_receive_ccs(t, &taken));
    if (taken) return DOR_SUCCESS;
    if (t->hs->version_settled && t->version == DOR_TLS_1_3) return count_empty(t);
    return unexpected(DOR_REASON_UNEXPECTED_MESSAGE);
}

static dor_result receive_alert(dor_tls *t, const dor_record *record, dor_tls_event *event)
{
    bool closed;
    DOR_TRY(dor__alert_receive(t, record->payload, &closed));
    if (closed) {
        t->read_closed = true;
        dor__bytes_free(&t->message);
        event->kind = DOR_TLS_EVENT_CLOSED;
    }
    return DOR_SUCCESS;
}

static dor_result receive_record(dor_tls *t, const dor_record *record, dor_tls_event *event)
{
    bool settled = t->hs ? t->hs->version_settled : true;
    /* A client that did not get as far as knowing the version says so in a record of its first one. */
    bool plain_alert = record->type == DOR_CONTENT_ALERT && dor__protection_is_null(&t->read);
    if (settled && t->version == DOR_TLS_1_2 && record->version != DOR_TLS_1_2 && !plain_alert)
        return dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_RECORD_VERSION);
    if (t->again && t->again->cut_off &&
        (record->type == DOR_CONTENT_HANDSHAKE || record->type == DOR_CONTENT_CHANGE_CIPHER_SPEC))
        return count_empty(t);
    switch (record->type) {
    case DOR_CONTENT_APPLICATION_DATA: return receive_data(t, record, event);
    case DOR_CONTENT_HANDSHAKE:
        if (record->payload.len == 0) /* RFC 8446 section 5.1: no empty ones */
            return unexpected(DOR_REASON_EMPTY_FRAGMENTS);
        something_came(t);
        if (t->hs && t->read.ops->suffix_len) /* it authenticated, so refused early data is over */
            t->hs->early_data_budget = 0;
        return dor__handshake_receive(t, record->payload, event);
    case DOR_CONTENT_ALERT: return receive_alert(t, record, event);
    case DOR_CONTENT_CHANGE_CIPHER_SPEC: return receive_ccs(t, record);
    default: return unexpected(DOR_REASON_RECORD_TYPE);
    }
}

/* Trial decryption of what may be refused early data, under the handshake keys (RFC 8446 section 4.2.10). */
static bool is_refused_early_data(dor_tls *t, dor_result r, size_t len)
{
    return dor_error_get_alert(r.code) == DOR_ALERT_BAD_RECORD_MAC && t->read.ops->suffix_len &&
           skip_early_data(t, len);
}

/* Longer than what the peer was asked to keep to: RFC 8449 section 4, RFC 6066 section 4. */
static bool exceeds_limit(const dor_tls *t, const dor_record *record)
{
    if (t->read_limit == 0) return false;
    if (!t->limits_protected) return record->payload.len > t->read_limit;
    return record->inner_len > t->read_limit && !dor__protection_is_null(&t->read);
}

static dor_result receive_next(dor_tls *t, uint8_t *data, size_t len, size_t *used, dor_tls_event *event)
{
    dor_record record = {.outer_type = 0};
    bool found = false;
    const size_t before = dor__record_reader_busy(&t->reader) ? t->reader.partial.len : 0;
    dor_result r = dor__record_read(&t->reader, &t->read, data, len, used, &record, &found);
    if (dor__failed(r)) {
        const bool may_be = record.outer_type == DOR_CONTENT_APPLICATION_DATA;
        return may_be && is_refused_early_data(t, r, before + *used) ? DOR_SUCCESS : r;
    }
    if (!found)
        return *used == len ? DOR_SUCCESS : dor__error(DOR_E_INTERNAL); /* else this would never end */
    if (exceeds_limit(t, &record)) return dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    DOR_TRY(receive_record(t, &record, event));
    return dor__keys_behind_record(t);
}

size_t dor__tls_receivable(const dor_tls *t, const uint8_t *data, size_t len)
{
    return dor__record_whole(&t->reader, data, len);
}

/* What the machine has to tell beside the events that it made itself. */
static void handshake_events(dor_tls *t, dor_tls_event *event)
{
    if (event->kind != DOR_TLS_EVENT_NONE) return; /* the next call tells */
    if (t->again && t->again->tell) {
        event->kind = (dor_tls_event_kind)t->again->tell;
        t->again->tell = 0;
    } else if (t->tell_connected) {
        t->tell_connected = false;
        event->kind = DOR_TLS_EVENT_CONNECTED;
    } else if (dor__asking(t)) {
        event->kind = DOR_TLS_EVENT_QUESTION;
    }
}

dor_result dor__tls_receive(dor_tls *t, uint8_t *data, size_t len, size_t *used, dor_tls_event *event)
{
    dor_result r = DOR_SUCCESS;
    *used = 0;
    *event = (dor_tls_event){DOR_TLS_EVENT_NONE, DOR_SPAN_EMPTY, NULL};
    if (dor__failed(t->error)) return t->error;
    if (dor__asking(t)) {
        event->kind = DOR_TLS_EVENT_QUESTION;
        return DOR_SUCCESS;
    }
    handshake_events(t, event);
    if (event->kind != DOR_TLS_EVENT_NONE) return DOR_SUCCESS;
    if (t->hs && t->hs->resume) {
        r = dor__handshake_resume(t, event);
        handshake_events(t, event);
    } else if (!t->hs && t->message.len) /* messages that waited behind one that was an event */
        r = dor__handshake_receive(t, DOR_SPAN_EMPTY, event);
    if (dor__ok(r)) handshake_events(t, event);
    while (dor__ok(r) && event->kind == DOR_TLS_EVENT_NONE && *used < len) {
        size_t n = 0;
        if (t->read_closed) { /* RFC 8446 section 6.1: ignored */
            *used = len;
            break;
        }
        r = receive_next(t, data + *used, len - *used, &n, event);
        *used += n;
        handshake_events(t, event);
    }
    if (event->kind != DOR_TLS_EVENT_DATA && event->kind != DOR_TLS_EVENT_EARLY_DATA)
        dor__record_reader_settle(&t->reader);
    if (dor__failed(r)) {
        *event = (dor_tls_event){DOR_TLS_EVENT_NONE, DOR_SPAN_EMPTY, NULL};
        return dor__tls_fail(t, r);
    }
    return DOR_SUCCESS;
}

/* ---- sending ---------------------------------------------------------------------------------------------- */

dor_result dor__tls_send(dor_tls *t, dor_span plaintext)
{
    if (dor__failed(t->error)) return t->error;
    if (!t->connected && !dor__early_answerable(t)) return dor__error(DOR_E_ENOTCONN);
    if (t->write_closed) return dor__error(DOR_E_CLOSED);
    dor_result r = DOR_SUCCESS;
    if (dor__tls_sends_wait(t)) return dor__error(DOR_E_BUSY);
    const uint64_t before = t->write.sequence;
    if (plaintext.len) r = dor__keys_before_data(t);
    if (dor__ok(r) && plaintext.len) r = dor__records_send(t, DOR_CONTENT_APPLICATION_DATA, plaintext);
    if (dor__ok(r)) r = dor__keys_behind_data(t, t->write.sequence < before ? 0 : before, t->write.sequence);
    return dor__failed(r) ? dor__tls_fail(t, r) : r;
}

dor_bytes *dor__tls_output(dor_tls *t)
{
    return &t->output;
}

dor_result dor__tls_close(dor_tls *t)
{
    if (dor__failed(t->error)) return t->error;
    if (t->write_closed) return DOR_SUCCESS;
    dor_result r = DOR_SUCCESS;
    if (t->hs && t->started && !t->hs->second) /* RFC 8446 section 6.1: user_canceled, then close_notify */
        r = dor__alert_warn(t, DOR_ALERT_USER_CANCELED);
    if (dor__ok(r) && (t->connected || t->started)) r = dor__alert_warn(t, DOR_ALERT_CLOSE_NOTIFY);
    if (dor__failed(r)) return dor__tls_fail(t, r);
    t->write_closed = true;
    if (t->hs && t->hs->second) { /* the peer may have more to say, but not of this */
        dor__again_abandon(t);
        t->again->cut_off = true;
        return DOR_SUCCESS;
    }
    if (t->hs) { /* there is no going on without us */
        t->error = dor__error(DOR_E_CLOSED);
        dor__handshake_free(t);
        dor__keys_wipe(t);
    }
    return DOR_SUCCESS;
}

static dor_result check_open(const dor_tls *t)
{
    if (dor__failed(t->error)) return t->error;
    if (!t->connected) return dor__error(DOR_E_ENOTCONN);
    return t->write_closed || t->read_closed ? dor__error(DOR_E_CLOSED) : DOR_SUCCESS;
}

dor_result dor__tls_renegotiate(dor_tls *t)
{
    DOR_TRY(check_open(t));
    DOR_TRY(dor__renegotiation_may_start(t));
    dor_result r = dor__renegotiation_start(t);
    return dor__failed(r) ? dor__tls_fail(t, r) : r;
}

dor_result dor__tls_request_certificate(dor_tls *t)
{
    DOR_TRY(check_open(t));
    DOR_TRY(dor__post_auth_may_ask(t));
    dor_result r = dor__post_auth_request(t);
    return dor__failed(r) ? dor__tls_fail(t, r) : r;
}

bool dor__tls_in_second(const dor_tls *t)
{
    return t->hs && t->hs->second;
}

bool dor__tls_sends_wait(const dor_tls *t)
{
    return dor__renegotiating(t);
}

dor_result dor__tls_update_keys(dor_tls *t, bool ask_peer)
{
    if (dor__failed(t->error)) return t->error;
    if (!t->connected) return dor__error(DOR_E_ENOTCONN);
    if (t->write_closed) return dor__error(DOR_E_CLOSED);
    if (t->version != DOR_TLS_1_3) return dor__error(DOR_E_EINVAL);
    dor_result r = dor__key_update_send(t, ask_peer);
    return dor__failed(r) ? dor__tls_fail(t, r) : r;
}

/* ---- looking ---------------------------------------------------------------------------------------------- */

bool dor__tls_connected(const dor_tls *t)
{
    return t->connected;
}

dor_result dor__tls_error(const dor_tls *t)
{
    return t->error;
}

void dor__tls_get_info(const dor_tls *t, dor_tls_info *info)
{
    *info = (dor_tls_info){
        .version = t->version,
        .suite = t->suite,
        .group = t->group,
        .peer_scheme = t->peer_scheme,
        .resumed = t->resumed,
        .hello_retry = t->hello_retry,
        .early = (dor_early)t->early,
        .extended_master_secret = t->version == DOR_TLS_1_3 || dor__extended_in_force(t),
        .alpn = dor__alpn_get(t),
        .server_name = dor__server_name_get(t),
        .psk_identity = dor__psk_identity_get(t),
        .peer = t->peer,
        .stapled = t->stapled,
    };
    if (!dor__tls_in_second(t)) return;
    const dor_tls_before *before = &t->again->before;
    info->peer = before->peer;
    info->peer_scheme = before->peer_scheme;
    if (!dor__renegotiating(t)) return;
    info->suite = before->suite;
    info->group = before->group;
    info->resumed = before->resumed;
}

dor_session *dor__tls_session(const dor_tls *t)
{
    dor_session *session = dor__renegotiating(t) ? t->again->before.session : t->session;
    return session ? dor__session_ref(session) : NULL;
}

void dor__tls_sleep(dor_tls *t)
{
    if (t->hs) return;
    dor__record_reader_settle(&t->reader); /* a record that was given out: data lives until the next call */
    dor__protection_sleep(&t->read);
    dor__protection_sleep(&t->write);
    if (t->output.len == 0) dor__bytes_free(&t->output);
}

bool dor__tls_asleep(const dor_tls *t)
{
    return !t->hs && dor__protection_asleep(&t->read) && dor__protection_asleep(&t->write);
}

size_t dor__tls_memory(const dor_tls *t)
{
    size_t n = sizeof *t + t->output.cap + t->message.cap + t->reader.partial.cap + t->alpn_len +
               t->server_name_len + t->psk_identity_len;
    n += dor__protection_memory(&t->read) + dor__protection_memory(&t->write);
    n += dor__kept_memory(t) + dor__again_memory(t) + dor__stapled_memory(t->stapled);
    if (t->hs) n += sizeof *t->hs + t->hs->arena.used + t->hs->flight.cap + t->hs->transcript.raw.cap;
    return n;
}
