/*
 * socket_calls.c - how the public calls get from their caller's thread to the socket's actor.
 *
 *   the socket's scheduler   at once, as a function call
 *   another scheduler        a message; nothing there may wait, so questions are refused
 *   any other thread         a message; questions and orders wait for the answer
 *
 * Threads: any.
 */
#include "ssl/admission.h"

typedef struct whereabouts {
    dor_pid pid;
    bool here;        /* on the calling thread's scheduler */
    dor_actor *actor; /* then: the actor itself */
} whereabouts;

static dor_result find(dor_pid pid, whereabouts *w)
{
    dor_scheduler *s = dor__scheduler_current();
    w->pid = pid;
    w->here = s && dor__pid_is_on(pid, s);
    w->actor = w->here ? dor__actor_lookup(s, pid) : NULL;
    return pid == DOR_PID_NONE || (w->here && !w->actor) ? dor__error(DOR_E_CLOSED) : DOR_SUCCESS;
}

static void handle(dor_actor *actor, dor_message *message)
{
    if (dor__is_listener(actor))
        dor__listener_request(actor, message);
    else
        dor__conn_request(dor__conn_of(actor), message);
}

/* A request that is answered by a reply, whatever becomes of it. */
static void forward(const whereabouts *w, dor_message *message)
{
    if (w->here)
        handle(w->actor, message);
    else
        (void)dor__send(w->pid, message); /* should there be nobody any more, its end is an answer */
}

/* ---- requests with a reply ------------------------------------------------------------------------------------ */

dor_result dor__ssl_transport_accept(dor_socket listener, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(listener), &w));
    dor_message *m =
        dor__request_new(DOR_MSG_SSL_ACCEPT, sizeof(dor_accept_request), reply_to, ref, listener);
    if (!m) return dor__error(DOR_E_NOMEM);
    ((dor_ssl_request *)dor__request_of(m))->timeout_ms = timeout_ms;
    forward(&w, m);
    return DOR_SUCCESS;
}

static void release_handshake(dor_ssl_request *request)
{
    dor_handshake_request *handshake = (dor_handshake_request *)request;
    dor__settings_unref(handshake->settings);
    handshake->settings = NULL;
}

static dor_result request_handshake(uint32_t type, dor_socket socket, dor_settings *override,
                                    dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(socket), &w));
    dor_message *m = dor__request_new(type, sizeof(dor_handshake_request), reply_to, ref, socket);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor_handshake_request *handshake = dor__request_of(m);
    handshake->request.timeout_ms = timeout_ms;
    handshake->request.release = release_handshake;
    if (override) handshake->settings = dor__settings_ref(override);
    forward(&w, m);
    return DOR_SUCCESS;
}

dor_result dor__ssl_handshake(dor_socket socket, dor_settings *override, dor_pid reply_to, dor_ref ref,
                              uint32_t timeout_ms)
{
    return request_handshake(DOR_MSG_SSL_HANDSHAKE, socket, override, reply_to, ref, timeout_ms);
}

dor_result dor__ssl_handshake_continue(dor_socket socket, dor_settings *override, dor_pid reply_to,
                                       dor_ref ref, uint32_t timeout_ms)
{
    return request_handshake(DOR_MSG_SSL_CONTINUE, socket, override, reply_to, ref, timeout_ms);
}

dor_result dor__ssl_recv(dor_socket socket, size_t length, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(socket), &w));
    dor_message *m = dor__request_new(DOR_MSG_SSL_RECV, sizeof(dor_recv_request), reply_to, ref, socket);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor_recv_request *recv = dor__request_of(m);
    recv->request.timeout_ms = timeout_ms;
    recv->length = length;
    forward(&w, m);
    return DOR_SUCCESS;
}

dor_result dor__ssl_downgrade(dor_socket socket, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(socket), &w));
    dor_message *m = dor__request_new(DOR_MSG_SSL_DOWNGRADE, sizeof(dor_ssl_request), reply_to, ref, socket);
    if (!m) return dor__error(DOR_E_NOMEM);
    ((dor_ssl_request *)dor__request_of(m))->timeout_ms = timeout_ms;
    forward(&w, m);
    return DOR_SUCCESS;
}

dor_result dor__ssl_reload(dor_socket listener, dor_pid reply_to, dor_ref ref)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(listener), &w));
    dor_message *m = dor__request_new(DOR_MSG_SSL_RELOAD, sizeof(dor_ssl_request), reply_to, ref, listener);
    if (!m) return dor__error(DOR_E_NOMEM);
    forward(&w, m);
    return DOR_SUCCESS;
}

dor_result dor__ssl_drain(dor_socket listener, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(listener), &w));
    dor_message *m = dor__request_new(DOR_MSG_SSL_DRAIN, sizeof(dor_ssl_request), reply_to, ref, listener);
    if (!m) return dor__error(DOR_E_NOMEM);
    ((dor_ssl_request *)dor__request_of(m))->timeout_ms = timeout_ms;
    forward(&w, m);
    return DOR_SUCCESS;
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

static void release_send(dor_ssl_request *request)
{
    dor_send_request *send = (dor_send_request *)request;
    dor__buffer_unref(send->data);
    send->data = NULL;
}

/* Nobody waits for a reply to it any more: the caller learns by the result. */
static dor_result refuse_send(dor_message *m, dor_result why)
{
    ((dor_ssl_request *)dor__request_of(m))->reply_to = DOR_PID_NONE;
    dor__message_free(m);
    return why;
}

dor_result dor__ssl_send(dor_socket socket, dor_buffer *data, dor_pid reply_to, dor_ref ref, bool bounded)
{
    size_t cost = dor__buffer_len(data) + DOR_SEND_COST;
    whereabouts w = {0};
    dor_pid pid = DOR_PID_NONE;
    dor_message *m = dor__request_new(DOR_MSG_SSL_SEND, sizeof(dor_send_request), reply_to, ref, socket);
    if (!m) {
        dor__buffer_unref(data);
        return dor__error(DOR_E_NOMEM);
    }
    dor_send_request *send = dor__request_of(m);
    send->request.release = release_send;
    send->data = data;
    send->reserved = cost;
    dor_result r = dor__handle_send_reserve(socket, cost, bounded, &pid);
    if (dor__ok(r)) r = find(pid, &w);
    if (dor__failed(r)) return refuse_send(m, r);
    if (w.here) {
        dor_connection *c = dor__conn_of(w.actor);
        r = dor__conn_can_send(c, dor__buffer_len(data));
        if (dor__failed(r)) {
            if (c->mailbox) (void)dor__event_mailbox_sent(c->mailbox, cost, 0);
            return refuse_send(m, r);
        }
    }
    bool waits = send->request.reply_to != DOR_PID_NONE;
    if (w.here) {
        dor__conn_request(dor__conn_of(w.actor), m);
        return DOR_SUCCESS;
    }
    r = dor__send(w.pid, m);
    return waits ? DOR_SUCCESS : r; /* who waits has been answered */
}

/* ---- ownership ------------------------------------------------------------------------------------------------ */

dor_result dor__ssl_give(dor_socket socket, dor_pid from, dor_pid to)
{
    dor_message *m = dor__message_new(DOR_MSG_SSL_OWNER, 0, NULL);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor_result r = dor__handle_attach(socket, from, to);
    whereabouts w;
    /* The actor is only told whom to watch; who gets the events has been settled. One that has ended watches nobody. */
    if (dor__failed(r) || dor__failed(find(dor__handle_producer(socket), &w)))
        dor__message_free(m);
    else
        forward(&w, m);
    return r;
}

/* ---- questions and orders ------------------------------------------------------------------------------------- */

/* A thread that waits; on its stack. */
typedef struct waiter {
    uv_mutex_t lock;
    uv_cond_t changed;
    bool done;
    dor_result result;
} waiter;

/* Payload of DOR_MSG_SSL_QUERY and DOR_MSG_SSL_COMMAND. */
typedef struct carrier {
    waiter *waiter; /* or NULL */
    dor_ssl_query *query;
    dor_ssl_command command;
    dor_listening **waits; /* for whom there is more to wait for when it has been handled */
    dor_result result;
} carrier;

/* Handled or not: the waiter goes on. */
static void destroy_carrier(dor_message *m)
{
    carrier *k = dor_message_payload(m);
    if (k->command.settings) dor__settings_unref(k->command.settings);
    dor__raw_unref(k->command.raw);
    if (!k->waiter) return;
    waiter *w = k->waiter;
    uv_mutex_lock(&w->lock);
    w->result = k->result;
    w->done = true;
    uv_cond_signal(&w->changed);
    uv_mutex_unlock(&w->lock);
}

static dor_message *new_carrier(uint32_t type, dor_ssl_query *query, const dor_ssl_command *command)
{
    dor_message *m = dor__message_new(type, sizeof(carrier), destroy_carrier);
    if (!m) return NULL;
    carrier *k = dor_message_payload(m);
    k->result = dor__error(DOR_E_CLOSED);
    k->query = query;
    if (command) {
        k->command = *command;
        if (command->settings) dor__settings_ref(command->settings);
        if (command->raw) dor__raw_ref(command->raw);
    }
    return m;
}

static dor_result carry_out(dor_actor *actor, const dor_ssl_command *command, dor_listening **waits)
{
    if (!dor__is_listener(actor)) return dor__conn_command(dor__conn_of(actor), command);
    if (command->order == DOR_ORDER_SUSPEND || command->order == DOR_ORDER_RESUME) {
        if (waits) *waits = dor__listening_ref(dor__listener_listening(actor));
        return dor__listening_suspend(dor__listener_listening(actor), command->order == DOR_ORDER_SUSPEND);
    }
    if (command->order == DOR_ORDER_SETTINGS) {
        if (command->caller != dor__listener_owner(actor)) return dor__error(DOR_E_NOT_OWNER);
        dor__listening_set_settings(dor__listener_listening(actor), command->settings);
        return DOR_SUCCESS;
    }
    if (command->order != DOR_ORDER_CLOSE && command->order != DOR_ORDER_STOP_LISTENING)
        return dor__error(DOR_E_ENOTCONN);
    if (waits) *waits = dor__listening_ref(dor__listener_listening(actor));
    dor__listener_close(actor);
    return DOR_SUCCESS;
}

void dor__ssl_run(dor_actor *actor, dor_message *m)
{
    carrier *k = dor_message_payload(m);
    k->result = k->query ? k->query->run(actor, k->query) : carry_out(actor, &k->command, k->waits);
    dor__message_free(m);
}

/* Sends the message and waits until it has been handled, or will not be. */
static dor_result send_and_wait(dor_pid pid, dor_message *m)
{
    waiter w = {.done = false};
    if (uv_mutex_init(&w.lock) < 0) {
        dor__message_free(m);
        return dor__error(DOR_E_NOMEM);
    }
    if (uv_cond_init(&w.changed) < 0) {
        uv_mutex_destroy(&w.lock);
        dor__message_free(m);
        return dor__error(DOR_E_NOMEM);
    }
    ((carrier *)dor_message_payload(m))->waiter = &w;
    (void)dor__send(pid, m);
    uv_mutex_lock(&w.lock);
    while (!w.done)
        uv_cond_wait(&w.changed, &w.lock);
    uv_mutex_unlock(&w.lock);
    uv_cond_destroy(&w.changed);
    uv_mutex_destroy(&w.lock);
    return w.result;
}

static void settle(dor_actor *actor)
{
    if (!dor__is_listener(actor)) dor__conn_settle(dor__conn_of(actor));
}

dor_result dor__ssl_call(dor_socket socket, dor_ssl_query *query)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(socket), &w));
    if (w.here) {
        dor_result r = query->run(w.actor, query);
        settle(w.actor);
        return r;
    }
    if (dor__on_scheduler()) return dor__error(DOR_E_WOULD_DEADLOCK);
    dor_message *m = new_carrier(DOR_MSG_SSL_QUERY, query, NULL);
    return m ? send_and_wait(w.pid, m) : dor__error(DOR_E_NOMEM);
}

/* From a scheduler other than the socket's. */
static dor_result command_from_afar(dor_socket socket, dor_pid pid, const dor_ssl_command *command)
{
    bool for_owner = command->order == DOR_ORDER_MODES || command->order == DOR_ORDER_SETTINGS;
    if (for_owner && dor__handle_owner(socket) != command->caller) return dor__error(DOR_E_NOT_OWNER);
    dor_message *m = new_carrier(DOR_MSG_SSL_COMMAND, NULL, command);
    return m ? dor__send(pid, m) : dor__error(DOR_E_NOMEM);
}

dor_result dor__ssl_command(dor_socket socket, const dor_ssl_command *command)
{
    whereabouts w;
    DOR_TRY(find(dor__handle_producer(socket), &w));
    if (w.here) {
        dor_result r = carry_out(w.actor, command, NULL);
        settle(w.actor);
        return r;
    }
    if (dor__on_scheduler()) return command_from_afar(socket, w.pid, command);
    dor_listening *waits = NULL;
    dor_message *m = new_carrier(DOR_MSG_SSL_COMMAND, NULL, command);
    if (!m) return dor__error(DOR_E_NOMEM);
    ((carrier *)dor_message_payload(m))->waits = &waits;
    dor_result r = send_and_wait(w.pid, m);
    if (waits) {
        /* So that nobody connects, or is accepted, any more when the call returns. */
        if (command->order == DOR_ORDER_SUSPEND)
            dor__listening_await_suspended(waits);
        else if (command->order != DOR_ORDER_RESUME)
            dor__listening_await_closed(waits);
        dor__listening_unref(waits);
    }
    return r;
}
