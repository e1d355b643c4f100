/*
 * socket_calls.c - how the public calls get from their caller's thread to the socket's actor.
 *
 *   the socket's scheduler   at once, as a function call
 *   another scheduler        a message; nothing there may wait, so questions are refused
 *   any other thread         a message; questions and orders wait for the answer
 *
 * Messages wait at the event mailbox (dor__handle_say), in the order in which they were said; a function call is carried
 * out behind those that were said before it. Who owns the socket when it says something has the right to, even when it has
 * handed the socket on before that is carried out.
 *
 * Threads: any.
 */
#include "ssl/admission.h"

/*
 * The socket's actor, for a caller on its scheduler. It hears first what others have said to it before: an order from
 * another scheduler may still be on its way, and who gave it may have handed the socket on since.
 */
static dor_result find_near(dor_socket socket, dor_actor **actor)
{
    dor_scheduler *s = dor__scheduler_current();
    dor_pid pid = dor__handle_producer(socket);
    *actor = pid == DOR_PID_NONE ? NULL : dor__actor_lookup(s, pid);
    if (!*actor) return dor__error(DOR_E_CLOSED);
    if (dor__is_listener(*actor))
        dor__listener_hear(*actor);
    else
        dor__conn_hear(dor__conn_of(*actor));
    *actor = dor__actor_lookup(s, pid); /* what it heard may have been its end */
    return *actor ? DOR_SUCCESS : dor__error(DOR_E_CLOSED);
}

static void handle(dor_actor *actor, dor_message *message)
{
    if (dor__is_listener(actor))
        dor__listener_request(actor, message);
    else
        dor__conn_request(dor__conn_of(actor), message);
}

/* Nobody waits for a reply to it any more: the caller learns by the result. */
static dor_result refuse(dor_message *m, dor_result why)
{
    ((dor_ssl_request *)dor__request_of(m))->reply_to = DOR_PID_NONE;
    dor__message_free(m);
    return why;
}

/* Takes a request that is answered by a reply, whatever becomes of it; or by the result, if it does not get there. */
static dor_result forward(dor_socket socket, dor_message *message)
{
    dor_actor *actor;
    bool near = dor__handle_is_near(socket);
    dor_result r = near ? find_near(socket, &actor) : dor__handle_say(socket, DOR_PID_NONE, message);
    if (dor__failed(r)) return refuse(message, r);
    if (near) handle(actor, message);
    return DOR_SUCCESS;
}

/* ---- requests with a reply ------------------------------------------------------------------------------------ */

/* One that says nothing but how long its caller waits. */
static dor_result request_plain(uint32_t type, size_t size, dor_socket socket, dor_pid reply_to, dor_ref ref,
                                uint32_t timeout_ms)
{
    dor_message *m = dor__request_new(type, size, reply_to, ref, socket);
    if (!m) return dor__error(DOR_E_NOMEM);
    ((dor_ssl_request *)dor__request_of(m))->timeout_ms = timeout_ms;
    return forward(socket, m);
}

dor_result dor__ssl_transport_accept(dor_socket listener, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    return request_plain(DOR_MSG_SSL_ACCEPT, sizeof(dor_accept_request), listener, reply_to, ref, timeout_ms);
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
    dor_message *m = dor__request_new(type, sizeof(dor_handshake_request), reply_to, ref, socket);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor_handshake_request *handshake = dor__request_of(m);
    handshake->request.timeout_ms = timeout_ms;
    handshake->request.release = release_handshake;
    if (override) handshake->settings = dor__settings_ref(override);
    return forward(socket, m);
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
    dor_message *m = dor__request_new(DOR_MSG_SSL_RECV, sizeof(dor_recv_request), reply_to, ref, socket);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor_recv_request *recv = dor__request_of(m);
    recv->request.timeout_ms = timeout_ms;
    recv->length = length;
    return forward(socket, m);
}

dor_result dor__ssl_downgrade(dor_socket socket, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    return request_plain(DOR_MSG_SSL_DOWNGRADE, sizeof(dor_ssl_request), socket, reply_to, ref, timeout_ms);
}

dor_result dor__ssl_renegotiate(dor_socket socket, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    return request_plain(DOR_MSG_SSL_RENEGOTIATE, sizeof(dor_ssl_request), socket, reply_to, ref, timeout_ms);
}

dor_result dor__ssl_request_certificate(dor_socket socket, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    return request_plain(DOR_MSG_SSL_REQUEST_CERTIFICATE, sizeof(dor_ssl_request), socket, reply_to, ref,
                         timeout_ms);
}

dor_result dor__ssl_reload(dor_socket listener, dor_pid reply_to, dor_ref ref)
{
    return request_plain(DOR_MSG_SSL_RELOAD, sizeof(dor_ssl_request), listener, reply_to, ref, 0);
}

dor_result dor__ssl_drain(dor_socket listener, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms)
{
    return request_plain(DOR_MSG_SSL_DRAIN, sizeof(dor_ssl_request), listener, reply_to, ref, timeout_ms);
}

/* ---- sending -------------------------------------------------------------------------------------------------- */

static void release_send(dor_ssl_request *request)
{
    dor_send_request *send = (dor_send_request *)request;
    dor__buffer_unref(send->data);
    send->data = NULL;
}

/* On the socket's scheduler: what is wrong with it can be said at once. */
static dor_result send_near(dor_socket socket, dor_message *m, bool bounded)
{
    const dor_send_request *send = dor__request_of(m);
    dor_actor *actor;
    dor_pid pid;
    DOR_TRY(find_near(socket, &actor));
    DOR_TRY(dor__handle_send_reserve(socket, send->reserved, bounded, &pid));
    dor_connection *c = dor__conn_of(actor);
    dor_result r = dor__conn_can_send(c, dor__buffer_len(send->data));
    if (dor__ok(r))
        dor__conn_request(c, m);
    else if (c->mailbox)
        (void)dor__event_mailbox_sent(c->mailbox, send->reserved, 0);
    return r;
}

dor_result dor__ssl_send(dor_socket socket, dor_buffer *data, dor_pid reply_to, dor_ref ref, bool bounded)
{
    size_t cost = dor__buffer_len(data) + DOR_SEND_COST;
    dor_message *m = dor__request_new(DOR_MSG_SSL_SEND, sizeof(dor_send_request), reply_to, ref, socket);
    if (!m) {
        dor__buffer_unref(data);
        return dor__error(DOR_E_NOMEM);
    }
    dor_send_request *send = dor__request_of(m);
    send->request.release = release_send;
    send->data = data;
    send->reserved = cost;
    dor_result r = dor__handle_is_near(socket) ? send_near(socket, m, bounded)
                                               : dor__handle_say_send(socket, m, cost, bounded);
    return dor__failed(r) ? refuse(m, r) : DOR_SUCCESS;
}

/* ---- ownership ------------------------------------------------------------------------------------------------ */

dor_result dor__ssl_give(dor_socket socket, dor_pid from, dor_pid to)
{
    dor_message *m = dor__message_new(DOR_MSG_SSL_OWNER, 0, NULL);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor_actor *actor;
    dor_result r = dor__handle_attach(socket, from, to), told = r;
    bool near = dor__handle_is_near(socket);
    /* The actor is only told whom to watch; who gets the events has been settled. One that has ended watches nobody. */
    if (dor__ok(r) && near) told = find_near(socket, &actor);
    if (dor__failed(told))
        dor__message_free(m);
    else if (near)
        handle(actor, m);
    else
        (void)dor__send(dor__handle_producer(socket), m); /* in whatever order: it looks up who that is now */
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
        if (!command->judged && command->caller != dor__listener_owner(actor))
            return dor__error(DOR_E_NOT_OWNER);
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

/* It does not get there: nobody waits for it any more. */
static dor_result refuse_carrier(dor_message *m, dor_result why)
{
    ((carrier *)dor_message_payload(m))->waiter = NULL;
    dor__message_free(m);
    return why;
}

/* Says it, and waits until it has been handled, or will not be. */
static dor_result say_and_wait(dor_socket socket, dor_pid by, dor_message *m)
{
    waiter w = {.done = false};
    if (uv_mutex_init(&w.lock) < 0) return refuse_carrier(m, dor__error(DOR_E_NOMEM));
    if (uv_cond_init(&w.changed) < 0) {
        uv_mutex_destroy(&w.lock);
        return refuse_carrier(m, dor__error(DOR_E_NOMEM));
    }
    ((carrier *)dor_message_payload(m))->waiter = &w;
    dor_result r = dor__handle_say(socket, by, m);
    if (dor__failed(r)) {
        (void)refuse_carrier(m, r);
    } else {
        uv_mutex_lock(&w.lock);
        while (!w.done)
            uv_cond_wait(&w.changed, &w.lock);
        uv_mutex_unlock(&w.lock);
        r = w.result;
    }
    uv_cond_destroy(&w.changed);
    uv_mutex_destroy(&w.lock);
    return r;
}

static void settle(dor_actor *actor)
{
    if (!dor__is_listener(actor)) dor__conn_settle(dor__conn_of(actor));
}

static dor_result is_there(dor_socket socket)
{
    return dor__handle_producer(socket) == DOR_PID_NONE ? dor__error(DOR_E_CLOSED) : DOR_SUCCESS;
}

dor_result dor__ssl_call(dor_socket socket, dor_ssl_query *query)
{
    if (dor__handle_is_near(socket)) {
        dor_actor *actor;
        DOR_TRY(find_near(socket, &actor));
        dor_result r = query->run(actor, query);
        settle(actor);
        return r;
    }
    DOR_TRY(is_there(socket));
    if (dor__on_scheduler()) return dor__error(DOR_E_WOULD_DEADLOCK);
    dor_message *m = new_carrier(DOR_MSG_SSL_QUERY, query, NULL);
    return m ? say_and_wait(socket, DOR_PID_NONE, m) : dor__error(DOR_E_NOMEM);
}

/* What makes no sense for a listener, or for a connection, is said at once, since an actor elsewhere hears no more of it. */
static dor_result makes_sense(dor_socket socket, dor_ssl_order order)
{
    bool for_listener = order == DOR_ORDER_SETTINGS || order == DOR_ORDER_STOP_LISTENING ||
                        order == DOR_ORDER_SUSPEND || order == DOR_ORDER_RESUME;
    if (order == DOR_ORDER_CLOSE) return DOR_SUCCESS;
    if (dor__handle_sends(socket)) return for_listener ? dor__error(DOR_E_EINVAL) : DOR_SUCCESS;
    return for_listener ? DOR_SUCCESS : dor__error(DOR_E_ENOTCONN);
}

/*
 * From another thread. Whether it is the caller's to say is judged now, in one step with saying it: by the time that it is
 * carried out the caller may have handed the socket on, and what it has said still holds.
 */
static dor_result command_from_afar(dor_socket socket, const dor_ssl_command *command, dor_listening **waits)
{
    bool for_owner = command->order == DOR_ORDER_MODES || command->order == DOR_ORDER_SETTINGS;
    dor_pid by = for_owner ? command->caller : DOR_PID_NONE;
    DOR_TRY(is_there(socket));
    DOR_TRY(makes_sense(socket, command->order));
    if (for_owner && by == DOR_PID_NONE) return dor__error(DOR_E_NOT_OWNER);
    dor_message *m = new_carrier(DOR_MSG_SSL_COMMAND, NULL, command);
    if (!m) return dor__error(DOR_E_NOMEM);
    carrier *k = dor_message_payload(m);
    k->command.judged = true;
    k->waits = waits;
    if (!dor__on_scheduler()) return say_and_wait(socket, by, m);
    dor_result r = dor__handle_say(socket, by, m);
    return dor__failed(r) ? refuse_carrier(m, r) : DOR_SUCCESS;
}

dor_result dor__ssl_command(dor_socket socket, const dor_ssl_command *command)
{
    if (dor__handle_is_near(socket)) {
        dor_actor *actor;
        DOR_TRY(find_near(socket, &actor));
        dor_result r = carry_out(actor, command, NULL);
        settle(actor);
        return r;
    }
    dor_listening *waits = NULL;
    dor_result r = command_from_afar(socket, command, dor__on_scheduler() ? NULL : &waits);
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
