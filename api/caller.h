/*
 * caller.h - who calls: the actor, process or port to which replies go, and the wait for one.
 *
 * Threads: any; each function is about the calling one.
 */
#ifndef DOR_API_CALLER_H
#define DOR_API_CALLER_H

#include "runtime/calls.h"
#include "ssl/socket.h"

/* The calling actor, process or port, for calls that send it a reply. */
static inline dor_result need_self(dor_pid *self)
{
    *self = dor__self();
    return *self ? DOR_SUCCESS : dor__error(DOR_E_NO_PROCESS);
}

/* Makes the calling thread a process of runtime, if it is none yet. */
static inline dor_result become_process(dor_runtime *runtime, dor_pid *self)
{
    if (!dor__may_block()) return dor__error(DOR_E_WOULD_DEADLOCK);
    dor_result r = dor__process_attach(runtime, NULL, self);
    if (r.code != DOR_E_BADARG) return r;
    return need_self(self); /* of another runtime: its mailbox is as good */
}

/* The same, in the runtime of a socket. */
static inline dor_result become_process_for(dor_socket socket, dor_pid *self)
{
    if (!dor__may_block()) return dor__error(DOR_E_WOULD_DEADLOCK);
    dor_runtime *runtime = dor__runtime_enter_of(socket);
    if (!runtime) return dor__error(DOR_E_CLOSED);
    dor_result r = become_process(runtime, self);
    dor__runtime_leave(runtime);
    return r;
}

/* Who makes a listener owns it: an actor, a port, or else the thread. */
static inline dor_result become_owner(dor_runtime *runtime, dor_pid *self)
{
    return dor__may_block() ? become_process(runtime, self) : need_self(self);
}

/* A call that the socket's actor answers with a reply: dor__ssl_transport_accept and its like. */
typedef dor_result (*start_fn)(dor_socket socket, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms);

static inline int start_call(start_fn call, dor_socket socket, dor_pid self, uint32_t timeout_ms,
                             dor_ref *ref)
{
    dor_ref made = dor__make_ref();
    dor_result r = call(socket, self, made, timeout_ms);
    if (dor__ok(r)) *ref = made;
    return r.code;
}

/* Its _async form: the caller as it is hears of it. */
static inline int start_async(start_fn call, dor_socket socket, uint32_t timeout_ms, dor_ref *ref)
{
    dor_pid self;
    if (!ref) return DOR_E_BADARG;
    dor_result r = need_self(&self);
    return dor__failed(r) ? r.code : start_call(call, socket, self, timeout_ms, ref);
}

/* The other one: the thread as a process, which await() or await_message() makes wait for ref. */
static inline int start_as_process(start_fn call, dor_socket socket, uint32_t timeout_ms, dor_ref *ref)
{
    dor_pid self;
    dor_result r = become_process_for(socket, &self);
    return dor__failed(r) ? r.code : start_call(call, socket, self, timeout_ms, ref);
}

static inline int is_reply(const dor_message *message, void *arg)
{
    const dor_ssl_reply *reply = (const dor_ssl_reply *)(message + 1);
    return message->type == DOR_MSG_SSL_REPLY && reply->ref == *(const dor_ref *)arg;
}

/* Waits for the reply to ref, which always comes unless the runtime ends. Timeouts are the socket's matter. */
static inline dor_result await_message(dor_ref ref, dor_message **message)
{
    return dor__process_receive(message, is_reply, &ref, DOR_INFINITY);
}

/* Its result, and what it brings where that is wanted. */
static inline int await(dor_ref ref, dor_socket *socket, dor_buffer **data)
{
    dor_message *message;
    dor_result r = await_message(ref, &message);
    if (dor__failed(r)) return r.code;
    dor_ssl_reply *reply = dor_message_payload(message);
    int result = reply->result;
    if (result == DOR_OK && socket) *socket = reply->socket;
    if (result == DOR_OK && data) {
        *data = reply->data;
        reply->data = NULL;
    }
    dor__message_free(message);
    return result;
}

#endif
