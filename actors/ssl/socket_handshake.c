/*
 * socket_handshake.c - from a transport to an open connection, under a deadline.
 *
 * Handshakes run in the socket actor, so that a slow peer occupies nobody else. They end in one of two ways: the engine
 * says that it is connected (dor__conn_connected), or dor__conn_open_failed tells whoever waits, and sends the alert.
 */
#include "ssl/proxied.h"
#include "ssl/connection.h"
#include "ssl/listener.h"
#include "base/alloc.h"
#include "ssl/admission.h"

void dor__conn_free_opening(dor_connection *c)
{
    dor_opening *opening = c->opening;
    if (!opening) return;
    dor__conn_connect_cancel(c);
    dor__conn_second_over(c, dor__error(DOR_E_CLOSED));
    c->opening = NULL;
    if (opening->request) dor__request_answer(opening->request, dor__error(DOR_E_CLOSED), NULL);
    dor__bytes_free(&opening->rest);
    dor__bytes_free(&opening->kept);
    dor__question_abandon(opening->question);
    dor__free(opening);
}

void dor__conn_shaken(dor_connection *c)
{
    if (!c->shaking) return;
    c->shaking = false;
    dor__listening_handshake_over(c->listening, NULL);
}

static void on_deadline(dor_timer *timer)
{
    dor_connection *c = DOR_CONTAINER_OF(timer, dor_connection, timer);
    dor__conn_open_failed(c, dor__error(DOR_E_TIMEOUT));
    dor__conn_settle(c);
}

/* The earlier of what is set already and timeout_ms from now. */
void dor__conn_set_deadline(dor_connection *c, uint32_t timeout_ms)
{
    uint64_t now = dor__scheduler_now_ms(c->local->scheduler);
    if (timeout_ms == DOR_INFINITY) return;
    if (c->opening->deadline_ms && c->opening->deadline_ms <= now + timeout_ms) return;
    c->opening->deadline_ms = now + timeout_ms;
    dor__timer_start(c->local->scheduler, &c->timer, timeout_ms, on_deadline);
}

/* A client's: what the program gave, or else what the runtime remembers. A reference, or NULL. */
static dor_session *session_to_resume(dor_connection *c)
{
    const dor_settings *settings = c->settings;
    if (settings->session) return dor__session_ref(settings->session);
    return dor__client_sessions_take(c->local->clients, settings, c->local->env.now_ms(c->local->env.ctx));
}

void dor__conn_remember(dor_connection *c, dor_session *session)
{
    dor_tls_info info;
    dor__tls_get_info(c->tls, &info);
    /* What the program's own session has led to may go by other rules, and show others of us, than these settings say. */
    if (c->settings->session && info.resumed) return;
    dor__client_sessions_put(c->local->clients, c->settings, session);
}

void dor__conn_remember_session(dor_connection *c)
{
    dor_session *session = dor__tls_session(c->tls);
    if (!session) return;
    dor__conn_remember(c, session);
    dor__session_unref(session);
}

/* All of it or nothing, which the program sees by dor_connection_info. */
static dor_result send_early(dor_connection *c)
{
    const dor_buffer *data = c->settings->early_data;
    if (!data || dor__tls_early_room(c->tls) < dor_buffer_len(data)) return DOR_SUCCESS;
    c->early = true;
    return dor__tls_send_early(c->tls, dor__span(dor_buffer_data(data), dor_buffer_len(data)));
}

dor_result dor__conn_start_tls(dor_connection *c, const char *host)
{
    dor_settings *settings = c->settings;
    const char *name = settings->server_name[0] ? settings->server_name : host;
    dor_tls_peer peer = {0};
    if (name) peer.host = dor__span_str(name);
    DOR_TRY(dor__conn_proxy(c));
    c->state = DOR_CONN_HANDSHAKE;
    dor__conn_set_deadline(c, settings->handshake_timeout_ms);
    if (settings->handshake_timeout_ms != DOR_INFINITY)
        c->opening->limit_ms = dor__scheduler_now_ms(c->local->scheduler) + settings->handshake_timeout_ms;
    if (!c->server) peer.session = session_to_resume(c);
    dor_result r = dor__tls_new(&c->tls, c->server ? DOR_TLS_SERVER : DOR_TLS_CLIENT, settings->tls,
                                &c->local->env, c->server ? NULL : &peer);
    dor__session_unref(peer.session);
    DOR_TRY(r);
    dor__conn_lend_output(c);
    DOR_TRY(dor__tls_start(c->tls));
    DOR_TRY(send_early(c));
    if (dor__conn_has_output(c)) dor__conn_flush_later(c);
    return DOR_SUCCESS;
}

/* What ssl_accept gives beside the listener's settings takes their place. */
static dor_result override_settings(dor_connection *c, dor_message *message)
{
    dor_handshake_request *handshake = dor__request_of(message);
    dor_settings *settings = handshake->settings;
    if (!settings) return DOR_SUCCESS;
    handshake->settings = NULL;
    return dor__conn_override_settings(c, settings);
}

dor_result dor__conn_override_settings(dor_connection *c, dor_settings *settings)
{
    const dor_settings *before = c->settings;
    dor_result r = DOR_SUCCESS;
    if (c->transport)
        r = dor__transport_change_options(c->transport, &settings->inet, settings->raw, &before->inet,
                                          before->raw);
    dor__conn_take_settings(c, settings);
    return r;
}

void dor__conn_take_settings(dor_connection *c, dor_settings *settings)
{
    dor__settings_unref(c->settings);
    c->settings = settings;
    dor__conn_set_modes(c, &c->settings->modes);
    if (c->mailbox) dor__event_mailbox_set_send_high(c->mailbox, c->settings->send_high);
}

void dor__conn_start_handshake(dor_connection *c, dor_message *message, uint32_t timeout_ms)
{
    dor_result refused = DOR_SUCCESS;
    if (c->state > DOR_CONN_OPEN)
        refused = dor__error(DOR_E_CLOSED);
    else if (c->state != DOR_CONN_ACCEPTED)
        refused = dor__error(c->state == DOR_CONN_HANDSHAKE ? DOR_E_EALREADY : DOR_E_EINVAL);
    else if (!c->opening && !(c->opening = dor__calloc(1, sizeof *c->opening)))
        refused = dor__error(DOR_E_NOMEM);
    if (dor__failed(refused)) {
        if (message) dor__request_answer(message, refused, NULL);
        if (c->state == DOR_CONN_ACCEPTED) dor__conn_open_failed(c, refused);
        return;
    }
    dor_result r = message ? override_settings(c, message) : DOR_SUCCESS;
    c->opening->request = message;
    dor__conn_set_deadline(c, timeout_ms);
    if (dor__ok(r)) r = dor__conn_start_tls(c, NULL);
    if (dor__failed(r)) dor__conn_open_failed(c, r);
}

void dor__conn_connected(dor_connection *c)
{
    dor_message *request = c->opening->request;
    c->opening->request = NULL;
    dor__timer_stop(c->local->scheduler, &c->timer);
    dor__conn_free_opening(c);
    c->state = DOR_CONN_OPEN;
    dor__count(c->local, DOR_COUNT_HANDSHAKES, 1);
    if (c->listening) dor__listening_count(c->listening, DOR_LISTENER_HANDSHAKES_DONE);
    dor__conn_shaken(c);
    if (!c->server) dor__conn_remember_session(c);
    dor__conn_touch(c);
    dor__conn_sleep_later(c);
    if (request) dor__request_answer_socket(request, c->handle);
    if (c->served) {
        dor_result r = dor__serve_connected(c);
        if (dor__failed(r)) dor__conn_fail(c, r);
    }
}

void dor__conn_forget_session(dor_connection *c, dor_result why)
{
    if (!c->server && dor_error_get_alert(why.code) >= 0)
        dor__client_sessions_forget(c->local->clients, c->settings);
}

void dor__conn_open_failed(dor_connection *c, dor_result why)
{
    char peer[sizeof c->opening->peer] = "";
    dor_message *request = c->opening ? c->opening->request : NULL;
    bool alert = dor_error_get_class(why.code) != DOR_CLASS_STATE;
    if (c->state >= DOR_CONN_OPEN) return;
    if (c->state == DOR_CONN_HANDSHAKE) {
        dor__count(c->local, DOR_COUNT_HANDSHAKES_FAILED, 1);
        if (c->listening)
            dor__listening_count(c->listening, why.code == DOR_E_TIMEOUT ? DOR_LISTENER_HANDSHAKES_TIMED_OUT
                                                                         : DOR_LISTENER_HANDSHAKES_FAILED);
        if (alert) dor__conn_log(c, "handshake", why.code);
        dor__conn_forget_session(c, why);
    }
    dor__conn_connect_log(c, why);
    if (c->opening) {
        memcpy(peer, c->opening->peer, sizeof peer);
        c->opening->request = NULL;
    }
    dor__conn_shaken(c);
    dor__conn_retire(c, true);
    dor__conn_answer_recv(c, why, NULL);
    /* A timeout or a close is said to the peer, too (user_canceled); after an alert there is no more to say. */
    dor__conn_begin_close(c, !alert);
    dor__conn_free_opening(c);
    if (request) dor__request_answer(request, why, NULL);
    if (c->served) dor__listening_failed(c->listening, peer, why.code);
}
