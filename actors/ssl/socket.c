/*
 * socket.c - the life of a socket actor: how it begins and ends, its messages, its owner.
 *
 * Owning thread: the actor's scheduler.
 */
#include "ssl/connection.h"
#include "ssl/listener.h"
#include "base/alloc.h"
#include "ssl/module.h"
#include "ssl/tcp.h"
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { RETRY_MS = 100 };

/* ---- beginning and end ---------------------------------------------------------------------------------------- */

dor_result dor__conn_new(dor_ssl_local *local, dor_settings *settings, dor_pid owner, bool monitor,
                         dor_connection **out)
{
    dor_connection *c = dor__calloc(1, sizeof *c);
    if (!c) return dor__error(DOR_E_NOMEM);
    c->local = local;
    dor_result r = dor__actor_init(&c->actor, local->scheduler, &dor__conn_ops);
    if (dor__failed(r)) {
        dor__free(c);
        return r;
    }
    c->settings = dor__settings_ref(settings);
    dor__conn_set_modes(c, &settings->modes);
    r = dor__event_mailbox_new(&c->actor, owner, &c->mailbox);
    if (dor__ok(r)) {
        c->handle = dor__event_mailbox_handle(c->mailbox);
        dor__event_mailbox_set_send_high(c->mailbox, settings->send_high);
        c->owner = owner;
        if (monitor) r = dor__actor_monitor(&c->actor, owner, &c->owner_ref);
    }
    if (dor__failed(r)) {
        c->state = DOR_CONN_SHUT;
        dor__conn_retire(c, true);
        dor__conn_settle(c);
        return r;
    }
    *out = c;
    return DOR_SUCCESS;
}

void dor__conn_begin(dor_scheduler *s, dor_settings *settings, dor_message *message)
{
    const dor_ssl_request *request = dor__request_of(message);
    dor_ssl_local *local = dor__ssl_local(s);
    dor_connection *c;
    dor_result r =
        local ? dor__conn_new(local, settings, request->reply_to, true, &c) : dor__error(DOR_E_NOMEM);
    if (dor__failed(r))
        dor__request_answer(message, r, NULL);
    else
        dor__conn_request(c, message);
}

void dor__conn_count(dor_connection *c)
{
    c->counted = true;
    dor__count(c->local, DOR_COUNT_CONNECTIONS, 1);
}

dor_result dor__conn_attach_fd(dor_connection *c, int fd)
{
    DOR_TRY(dor__tcp_new(&c->transport, c->local->scheduler, fd, dor__conn_ready, c));
    dor__conn_count(c);
    return DOR_SUCCESS;
}

dor_result dor__conn_attach_module(dor_connection *c, void *end)
{
    const dor_settings *s = c->settings;
    DOR_TRY(dor__module_new(&c->transport, s->transport, end, c->actor.pid, false, s, dor__conn_ready, c));
    dor__conn_count(c);
    return DOR_SUCCESS;
}

void dor__conn_retire(dor_connection *c, bool discard)
{
    if (!c->mailbox) return;
    dor__event_mailbox_retire(c->mailbox, discard);
    c->mailbox = NULL;
    if (c->owner_ref) dor__actor_demonitor(&c->actor, c->owner_ref);
    c->owner_ref = 0;
}

static void conn_destroy(dor_actor *actor)
{
    dor_connection *c = dor__conn_of(actor);
    c->ending = true;
    dor__conn_free_opening(c);
    dor__conn_answer_recv(c, dor__error(DOR_E_CLOSED), NULL);
    dor__conn_shut(c);
    dor__conn_retire(c, false);
    dor__serve_gone(c);
    dor__timer_stop(c->local->scheduler, &c->timer);
    if (c->listening) dor__listening_unref(c->listening);
    dor__session_unref(c->ticket);
    dor__bytes_free(&c->input);
    dor__settings_unref(c->settings);
    dor__free(c);
}

static void on_retry(dor_timer *timer)
{
    dor_connection *c = DOR_CONTAINER_OF(timer, dor_connection, timer);
    dor__conn_deliver(c);
    dor__conn_settle(c);
}

void dor__conn_settle(dor_connection *c)
{
    if (c->ending) return;
    dor__conn_watch_second(c);
    if (c->transport && c->state != DOR_CONN_CONNECTING) {
        unsigned want = (dor__conn_wants_read(c) ? DOR_WANT_READ : 0u) | (c->blocked ? DOR_WANT_WRITE : 0u);
        dor_result r = dor__transport_want(c->transport, want);
        if (dor__failed(r)) {
            dor__conn_fail(c, r);
            dor__conn_shut(c); /* a descriptor that cannot be watched: the alert has no way out either */
        }
    }
    if (c->state != DOR_CONN_SHUT) return;
    if (c->end_told) dor__conn_retire(c, false);
    if (!c->mailbox) {
        c->ending = true;
        dor__actor_end(&c->actor, DOR_OK);
    } else if (c->read_end && !c->end_told && c->active && !dor__timer_armed(&c->timer)) {
        /* There was no memory for the last event. The owner must hear of the end all the same. */
        dor__timer_start(c->local->scheduler, &c->timer, RETRY_MS, on_retry);
    }
}

static void conn_exit(dor_actor *actor, int reason)
{
    dor_connection *c = dor__conn_of(actor);
    /* Callers of ours are answered with codes: what an application means by a number above 0 is none. */
    dor_result why = dor__error(reason < 0 ? reason : DOR_E_CLOSED);
    dor__conn_hear(c);
    c->stopping = true;
    if (c->opening && c->opening->request) {
        dor__request_answer(c->opening->request, why, NULL);
        c->opening->request = NULL;
    }
    dor__conn_answer_recv(c, why, NULL);
    if (c->mailbox && c->active && !c->end_told && c->state >= DOR_CONN_OPEN)
        (void)dor__conn_post(c, DOR_MSG_SSL_ERROR, why.code, NULL);
    dor__conn_retire(c, false);
    dor__conn_second_over(c, why);
    dor__conn_begin_close(c, true);
    if (dor__conn_finishing_second(c) && dor__conn_asks(c)) dor__conn_second_failed(c, why);
    dor__conn_free_opening(c);
    if (c->state == DOR_CONN_DRAINING) dor__conn_shut(c);
    dor__conn_settle(c);
}

/* ---- the owner ------------------------------------------------------------------------------------------------ */

static void owner_died(dor_connection *c)
{
    dor__conn_retire(c, true);
    dor__conn_answer_recv(c, dor__error(DOR_E_OWNER_DOWN), NULL);
    if (c->state < DOR_CONN_OPEN)
        dor__conn_open_failed(c, dor__error(DOR_E_OWNER_DOWN));
    else
        dor__conn_begin_close(c, true);
}

void dor__conn_watch_owner(dor_connection *c)
{
    if (!c->mailbox) return;
    dor_pid now = dor__event_mailbox_owner(c->mailbox);
    if (now == c->owner) return;
    if (c->owner_ref) dor__actor_demonitor(&c->actor, c->owner_ref);
    c->owner_ref = 0;
    c->owner = now;
    if (now == c->served_owner) return; /* says so itself */
    /* One that is dead by now is reported dead, so no moment is missed. */
    dor_result r = dor__actor_monitor(&c->actor, now, &c->owner_ref);
    if (dor__failed(r)) dor__conn_fail(c, r);
}

void dor__conn_owner_gone(dor_connection *c)
{
    dor__conn_hear(c);
    c->served_owner = DOR_PID_NONE;
    if (c->mailbox && dor__event_mailbox_owner(c->mailbox) == c->owner && !c->owner_ref) owner_died(c);
    dor__conn_settle(c);
}

static void on_down(dor_connection *c, const dor_down *down)
{
    if (!c->mailbox || down->ref != c->owner_ref) return; /* of somebody whom we watched before */
    c->owner_ref = 0;
    if (dor__event_mailbox_owner(c->mailbox) == c->owner)
        owner_died(c);
    else
        dor__conn_watch_owner(
            c); /* it had handed the socket on, and the note about that is still on its way */
}

/* ---- messages ------------------------------------------------------------------------------------------------- */

static void destroy_event(dor_message *message)
{
    dor_ssl_event *event = dor_message_payload(message);
    dor__buffer_unref(event->data);
    dor__session_unref((dor_session *)event->session);
}

dor_message *dor__conn_event(dor_connection *c, uint32_t type)
{
    dor_message *message = dor__message_new(type, sizeof(dor_ssl_event), destroy_event);
    if (message) ((dor_ssl_event *)dor_message_payload(message))->socket = c->handle;
    return message;
}

bool dor__conn_post(dor_connection *c, uint32_t type, int reason, dor_session *session)
{
    if (!c->mailbox) return true; /* nobody listens */
    dor_message *message = dor__conn_event(c, type);
    if (!message) return false;
    dor_ssl_event *event = dor_message_payload(message);
    event->reason = reason;
    event->session = (dor_ssl_session *)(session ? dor__session_ref(session) : NULL);
    if (type == DOR_MSG_SSL_ERROR) event->data = dor__conn_misfit(c);
    size_t cost = DOR_EVENT_COST + (event->data ? dor__buffer_len(event->data) : 0);
    /* A served owner ends by itself with this event, and must not be ended before it has come to it. */
    bool end = type == DOR_MSG_SSL_CLOSED || type == DOR_MSG_SSL_ERROR;
    if (end && dor__event_mailbox_owner(c->mailbox) == c->served_owner) c->served_owner = DOR_PID_NONE;
    (void)dor__event_mailbox_post(c->mailbox, message, cost);
    return true;
}

void dor__conn_request(dor_connection *c, dor_message *message)
{
    switch (message->type) {
    case DOR_MSG_SSL_SEND: dor__conn_send(c, message); break;
    case DOR_MSG_SSL_RECV: dor__conn_recv(c, message); break;
    case DOR_MSG_SSL_HANDSHAKE: {
        dor_ssl_request *request = dor__request_of(message);
        dor__conn_start_handshake(c, message, request->timeout_ms);
        break;
    }
    case DOR_MSG_SSL_CONTINUE: dor__conn_continue(c, message); break;
    case DOR_MSG_SSL_ANSWER: dor__conn_answered(c, message); break;
    case DOR_MSG_SSL_CONNECT: dor__conn_connect(c, message); break;
    case DOR_MSG_SSL_UPGRADE: dor__conn_upgrade(c, message); break;
    case DOR_MSG_SSL_DOWNGRADE: dor__conn_downgrade(c, message); break;
    case DOR_MSG_SSL_RENEGOTIATE:
    case DOR_MSG_SSL_REQUEST_CERTIFICATE: dor__conn_second(c, message); break;
    case DOR_MSG_SSL_RELOAD:
    case DOR_MSG_SSL_DRAIN:
    case DOR_MSG_SSL_ACCEPT: dor__request_answer(message, dor__error(DOR_E_EINVAL), NULL); break;
    case DOR_MSG_SSL_OWNER:
        dor__message_free(message);
        dor__conn_watch_owner(c);
        break;
    case DOR_MSG_SSL_QUERY:
    case DOR_MSG_SSL_COMMAND: dor__ssl_run(&c->actor, message); break;
    default: dor__message_free(message);
    }
    dor__conn_settle(c);
}

static void hear(dor_connection *c, unsigned most)
{
    const dor_message *last = c->mailbox ? dor__event_mailbox_last_said(c->mailbox) : NULL;
    bool more = last != NULL;
    for (; more && most > 0 && c->mailbox; most--) {
        dor_message *message = dor__event_mailbox_hear(c->mailbox);
        more = message && message != last;
        if (message) dor__conn_request(c, message);
    }
}

void dor__conn_hear(dor_connection *c)
{
    hear(c, UINT_MAX);
}

/*
 * The word that something is said: as with messages, so many of them and then it is another actor's turn. As long as
 * something is there this word, or another one, is under way: who adds to it relies on that.
 */
static void on_said(dor_connection *c, dor_message *word)
{
    enum { MOST = 100 };
    hear(c, MOST);
    if (c->mailbox && dor__event_mailbox_last_said(c->mailbox))
        (void)dor__send(c->actor.pid, word);
    else
        dor__message_free(word);
}

static void conn_receive(dor_actor *actor, dor_message *message)
{
    dor_connection *c = dor__conn_of(actor);
    if (message->type == DOR_MSG_SAID) {
        on_said(c, message);
        return;
    }
    if (message->type == DOR_MSG_EVENTS_LOW) {
        dor__message_free(message);
        c->paused = false;
        dor__conn_deliver(c);
        dor__conn_settle(c);
    } else if (message->type == DOR_MSG_DOWN) {
        dor_down down = *(dor_down *)dor_message_payload(message);
        dor__message_free(message);
        dor__conn_hear(c); /* what the dead has said comes before its death */
        on_down(c, &down);
        dor__conn_settle(c);
    } else if (message->type == DOR_MSG_SSL_READY) {
        dor__module_woken(message);
        dor__conn_settle(c);
    } else {
        dor__conn_request(c, message);
    }
}

void dor__conn_ready(void *user, unsigned events)
{
    dor_connection *c = user;
    if (c->state == DOR_CONN_CONNECTING) {
        dor__conn_connect_ready(c);
    } else {
        if (events & DOR_WANT_READ) dor__conn_readable(c);
        if (events & DOR_WANT_WRITE && c->blocked) {
            c->blocked = false;
            dor__conn_flush(c);
        }
    }
    dor__conn_settle(c);
}

/* A line that standard error would not take at once is dropped: a log that nobody reads must not stop the scheduler. */
static void log_line(const char *line, int len)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (len > 0 && poll(&ready, 1, 0) == 1 && ready.revents & POLLOUT) {
        ssize_t written = write(STDERR_FILENO, line, (size_t)len);
        (void)written;
    }
}

void dor__conn_log(dor_connection *c, const char *what, int code)
{
    char line[320], text[160], peer[64] = "?"; /* within PIPE_BUF, so a line is written whole */
    dor_address address;
    if (!c->settings->log_alert) return;
    if (c->opening && c->opening->peer[0])
        (void)snprintf(peer, sizeof peer, "%s", c->opening->peer);
    else if (c->transport && dor__ok(c->transport->ops->name(c->transport, true, &address)))
        dor__address_text(&address, peer, sizeof peer);
    int len = snprintf(line, sizeof line, "dormouse: %s, %s %s: %s\n", c->server ? "server" : "client", peer,
                       what, dor_format_error(code, text, sizeof text));
    log_line(line, len < (int)sizeof line ? len : (int)sizeof line - 1);
}

const dor_actor_ops dor__conn_ops = {.receive = conn_receive, .exit = conn_exit, .destroy = conn_destroy};
