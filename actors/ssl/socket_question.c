/*
 * socket_question.c - a handshake that waits for an answer: the pause at the hello, signatures, sessions.
 *
 * While the engine asks, nothing is read; what one read had brought beyond the question is kept in the opening, so at most
 * DOR_RECEIVE_LEN bytes. The deadline of the handshake goes on, and so do close, the owner's death and the runtime's stop.
 *
 * A second handshake (socket_second.c) may ask for a signature, too: then the connection is open, or ends.
 *
 * Owning thread: the connection's scheduler.
 */
#include "ssl/listener.h"
#include "base/alloc.h"
#include "ssl/hosts.h"
#include "ssl/session_store.h"
#include "ssl/signer.h"
#include "tls/question.h"

/* ---- waiting --------------------------------------------------------------------------------------------------- */

static void failed(dor_connection *c, dor_result why)
{
    if (c->state == DOR_CONN_FLUSHING)
        dor__conn_second_failed(c, why);
    else
        dor__conn_fail(c, why);
}

bool dor__conn_keep(dor_connection *c, dor_span data)
{
    if (!c->opening || !c->opening->asking) return false;
    dor_result r = dor__bytes_append(&c->opening->kept, data);
    if (dor__failed(r)) {
        c->opening->asking = false; /* whatever the answer, part of what the peer said is lost */
        failed(c, r);
    }
    return true;
}

static void wait_for_answer(dor_connection *c, dor_span rest)
{
    if (!c->opening && !(c->opening = dor__calloc(1, sizeof *c->opening))) {
        failed(c, dor__tls_refuse(c->tls, dor__error(DOR_E_NOMEM)));
        return;
    }
    c->opening->asking = true;
    (void)dor__conn_keep(c, rest);
}

/* The question has been answered: first what was kept, then what the descriptor has. */
static void go_on(dor_connection *c)
{
    dor_bytes kept = c->opening->kept;
    c->opening->kept = DOR_BYTES_EMPTY;
    c->opening->asking = false;
    dor__conn_lend_output(c);
    if (c->state == DOR_CONN_FLUSHING)
        dor__conn_feed_second(c, kept.ptr, kept.len);
    else
        dor__conn_feed(c, kept.ptr, kept.len);
    dor__bytes_free(&kept);
}

/* It has no answer, or a bad one. */
static void refuse(dor_connection *c, dor_result why)
{
    failed(c, dor__tls_refuse(c->tls, why));
}

/* ---- the hello -------------------------------------------------------------------------------------------------- */

/* The call that began the handshake is answered, and its own time does not bound what follows. */
static void pause_at_hello(dor_connection *c)
{
    dor_opening *opening = c->opening;
    dor_message *request = opening->request;
    uint64_t now = dor__scheduler_now_ms(c->local->scheduler);
    opening->request = NULL;
    opening->paused = true;
    opening->deadline_ms = 0;
    dor__timer_stop(c->local->scheduler, &c->timer);
    if (opening->limit_ms)
        dor__conn_set_deadline(c, opening->limit_ms > now ? (uint32_t)(opening->limit_ms - now) : 0);
    if (request) dor__request_answer_socket(request, c->handle);
}

/* A client has named the server in its hello, and has the certificate judged by that name. */
static bool renames(const dor_connection *c, const dor_settings *settings)
{
    return !c->server && settings && strcmp(settings->server_name, c->settings->server_name) != 0;
}

void dor__conn_continue(dor_connection *c, dor_message *message)
{
    dor_handshake_request *handshake = dor__request_of(message);
    dor_result r = DOR_SUCCESS;
    if (c->state > DOR_CONN_OPEN)
        r = dor__error(DOR_E_CLOSED);
    else if (!c->opening || !c->opening->paused)
        r = dor__error(DOR_E_EINVAL);
    else if (renames(c, handshake->settings))
        r = dor__error(DOR_E_OPTION_CONFLICT);
    else
        r = dor__tls_answer_hello(c->tls, handshake->settings ? handshake->settings->tls : c->settings->tls);
    if (dor__failed(r) &&
        (!c->tls || dor__ok(dor__tls_error(c->tls)))) { /* the question, if there is one, stays open */
        dor__request_answer(message, r, NULL);
        return;
    }
    c->opening->request = message;
    c->opening->paused = false;
    if (dor__ok(r) && handshake->settings)
        r = dor__conn_override_settings(c, dor__settings_ref(handshake->settings));
    if (dor__failed(r)) {
        dor__conn_open_failed(c, r);
        return;
    }
    dor__conn_set_deadline(c, handshake->request.timeout_ms);
    go_on(c);
}

/* The settings of whom the client calls; NULL: the listener's own. A reference. */
static dor_result find_host(const dor_settings *own, const char *name, dor_settings **settings)
{
    *settings = NULL;
    if (own->hosts) {
        dor_settings *found = dor__hosts_find(own->hosts, name);
        if (found) *settings = dor__settings_ref(found);
    } else if (own->sni) {
        dor_host *host = NULL;
        int refused = own->sni(name, &host, own->sni_arg);
        *settings = (dor_settings *)host; /* a dor_host is a dor_settings by its public name */
        if (refused) {
            dor__settings_unref(*settings);
            return dor__alert(DOR_ALERT_UNRECOGNIZED_NAME, DOR_REASON_UNRECOGNIZED_NAME);
        }
    }
    return DOR_SUCCESS;
}

static dor_result choose_host(dor_connection *c)
{
    dor_tls_question question;
    char name[DOR_HOST_NAME_MAX + 1];
    dor_settings *settings;
    dor__tls_get_question(c->tls, &question);
    if (!c->server || (!c->settings->hosts && !c->settings->sni) || /* or a name that nobody can have */
        !dor__host_name_plain(question.hello.server_name, name))
        return DOR_SUCCESS;
    DOR_TRY(find_host(c->settings, name, &settings));
    if (settings) dor__conn_take_settings(c, settings);
    return DOR_SUCCESS;
}

/* ---- signatures and sessions ------------------------------------------------------------------------------------ */

static dor_result ask_session(dor_connection *c, const dor_tls_question *asked)
{
    dor_question **question = &c->opening->question;
    if (!c->settings->outside) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__question_new(c->actor.pid, DOR_QUESTION_SESSION, 0, question));
    if (asked->session_version >= DOR_TLS_1_3) dor__question_set_once(*question);
    dor__session_outside_lookup(c->settings->outside, asked->session_version, asked->session_id, *question);
    return DOR_SUCCESS;
}

static dor_result ask_psk(dor_connection *c, const dor_tls_question *asked)
{
    const dor_settings *settings = c->settings;
    if (!settings->psk_lookup) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(
        dor__question_new(c->actor.pid, DOR_QUESTION_PSK, 1 + DOR_PSK_MAX_KEY_LEN, &c->opening->question));
    settings->psk_lookup(asked->psk_identity.ptr, asked->psk_identity.len, c->opening->question,
                         settings->psk_lookup_arg);
    return DOR_SUCCESS;
}

static dor_result ask_signature(dor_connection *c, const dor_tls_question *asked)
{
    DOR_TRY(dor__question_new(c->actor.pid, DOR_QUESTION_SIGN,
                              dor__private_key_max_sig_len(asked->identity->key), &c->opening->question));
    return dor__signer_ask(c->local->scheduler, asked, c->server, c->opening->question);
}

static void ask_outside(dor_connection *c, dor_span rest)
{
    dor_tls_question asked;
    wait_for_answer(c, rest);
    if (!c->opening || !c->opening->asking) return; /* no memory for the rest */
    dor__tls_get_question(c->tls, &asked);
    dor_result r = asked.kind == DOR_TLS_QUESTION_SESSION ? ask_session(c, &asked)
                   : asked.kind == DOR_TLS_QUESTION_PSK   ? ask_psk(c, &asked)
                                                          : ask_signature(c, &asked);
    if (dor__failed(r)) refuse(c, r);
}

static dor_result take_signature(dor_connection *c, const dor_answer *answer)
{
    if (answer->result == DOR_E_CANCELLED)
        return dor__tls_refuse(c->tls, dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_FAILED));
    if (answer->result != DOR_OK) return dor__tls_refuse(c->tls, dor__error(answer->result));
    dor_result r = dor__tls_answer_signature(c->tls, dor__bytes_span(&answer->data));
    if (r.code != DOR_E_BADARG) return r;
    return dor__tls_refuse(c->tls, dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_WRONG));
}

/* The hash, and the key; nothing: nobody has that identity. */
static dor_result take_psk(dor_connection *c, const dor_answer *answer)
{
    dor_span data = answer->result == DOR_OK ? dor__bytes_span(&answer->data) : DOR_SPAN_EMPTY;
    if (data.len < 1) return dor__tls_answer_psk(c->tls, DOR_SPAN_EMPTY, DOR_HASH_NONE);
    return dor__tls_answer_psk(c->tls, dor__span(data.ptr + 1, data.len - 1), (dor_hash_id)data.ptr[0]);
}

/* Whatever went wrong outside: it is as if there had been no session. */
static dor_result take_answer(dor_connection *c, const dor_answer *answer)
{
    dor_tls_question asked;
    dor__tls_get_question(c->tls, &asked);
    if (asked.kind == DOR_TLS_QUESTION_SIGN) return take_signature(c, answer);
    if (asked.kind == DOR_TLS_QUESTION_PSK) return take_psk(c, answer);
    return dor__tls_answer_session(c->tls, answer->result == DOR_OK ? dor__bytes_span(&answer->data)
                                                                    : DOR_SPAN_EMPTY);
}

void dor__conn_answered(dor_connection *c, dor_message *message)
{
    const dor_answer *answer = dor_message_payload(message);
    dor_opening *opening = c->opening;
    if (opening && opening->asking && opening->question == answer->question) {
        dor__question_abandon(opening->question);
        opening->question = NULL;
        /* A close may have ended what it is for. */
        bool wanted = c->state <= DOR_CONN_OPEN || dor__conn_finishing_second(c);
        dor_result r = wanted ? take_answer(c, answer) : DOR_SUCCESS;
        if (!wanted)
            opening->asking = false;
        else if (dor__ok(r))
            go_on(c);
        else
            failed(c, r);
    }
    dor__message_free(message);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static bool on_hello(dor_connection *c, dor_span rest)
{
    dor_result r = choose_host(c);
    if (dor__failed(r)) {
        refuse(c, r);
        return false;
    }
    if (c->settings->pause_at_hello && !c->served) {
        wait_for_answer(c, rest);
        if (c->opening && c->opening->asking) pause_at_hello(c);
        return false;
    }
    r = dor__tls_answer_hello(c->tls, c->settings->tls);
    if (dor__failed(r)) dor__conn_open_failed(c, r);
    return dor__ok(r);
}

bool dor__conn_question(dor_connection *c, dor_span rest)
{
    dor_tls_question question;
    dor__tls_get_question(c->tls, &question);
    if (question.kind == DOR_TLS_QUESTION_HELLO) return on_hello(c, rest);
    ask_outside(c, rest);
    return false;
}

/* ---- what it said ------------------------------------------------------------------------------------------------ */

static uint8_t numbers_of(dor_span list, uint16_t *numbers, size_t cap)
{
    uint8_t count = 0;
    for (size_t i = 0; i + 1 < list.len && count < cap; i += 2)
        numbers[count++] = (uint16_t)(list.ptr[i] << 8 | list.ptr[i + 1]);
    return count;
}

static void text_of(dor_span from, char *to, size_t cap)
{
    size_t len = from.len < cap ? from.len : cap - 1;
    if (len) memcpy(to, from.ptr, len);
    to[len] = '\0';
}

static uint8_t protocols_of(dor_span list, char names[][256], size_t cap)
{
    uint8_t count = 0;
    for (size_t at = 0; at < list.len && count < cap; at += 1u + list.ptr[at])
        text_of(dor__span(list.ptr + at + 1, list.ptr[at]), names[count++], 256);
    return count;
}

static void hello_tell(const dor_tls_hello *from, bool server, dor_ssl_hello *hello)
{
    *hello = (dor_ssl_hello){0};
    text_of(from->server_name, hello->server_name, sizeof hello->server_name);
    if (server) {
        hello->alpn_count = protocols_of(from->alpn, hello->alpn, DOR_HELLO_PROTOCOLS_MAX);
    } else if (from->alpn.len) {
        text_of(from->alpn, hello->alpn[0], sizeof hello->alpn[0]);
        hello->alpn_count = 1;
    }
    hello->version_count = numbers_of(from->versions, hello->versions, DOR_HELLO_NUMBERS_MAX);
    hello->suite_count = numbers_of(from->suites, hello->suites, DOR_HELLO_NUMBERS_MAX);
    hello->group_count = numbers_of(from->groups, hello->groups, DOR_HELLO_NUMBERS_MAX);
    hello->scheme_count = numbers_of(from->schemes, hello->schemes, DOR_HELLO_NUMBERS_MAX);
    if (hello->version_count == 0) {
        hello->versions[0] = from->version;
        hello->version_count = 1;
    }
    if (!server && from->suite) {
        hello->suites[0] = from->suite->id;
        hello->suite_count = 1;
    }
}

dor_result dor__socket_hello(dor_actor *a, dor_ssl_hello *hello)
{
    dor_tls_question question;
    if (dor__is_listener(a)) return dor__error(DOR_E_ENOTCONN);
    const dor_connection *c = dor__conn_of(a);
    if (c->state > DOR_CONN_OPEN) return dor__error(DOR_E_CLOSED);
    if (c->state == DOR_CONN_OPEN) return dor__error(DOR_E_EINVAL);
    if (!c->opening || !c->opening->paused) return dor__error(DOR_E_ENOTCONN);
    dor__tls_get_question(c->tls, &question);
    hello_tell(&question.hello, c->server, hello);
    return DOR_SUCCESS;
}

bool dor__socket_is_client(dor_actor *a)
{
    return !dor__is_listener(a) && !dor__conn_of(a)->server;
}
