/*
 * calls.h - the runtime's calls for the layers above, those behind dormouse/actor.h included. Needs no libuv.
 *
 * Threads: any, unless said otherwise. The effects are described where the public functions are.
 */
#ifndef DOR_RUNTIME_CALLS_H
#define DOR_RUNTIME_CALLS_H

#include "base/result.h"
#include <dormouse/actor.h>

/* ---- runtimes ---- */

DOR_MUST_USE dor_result dor__runtime_new(dor_runtime **runtime, const dor_runtime_options *options);
DOR_MUST_USE dor_result dor__runtime_stop(dor_runtime *runtime, uint32_t deadline_ms);
DOR_MUST_USE dor_result dor__runtime_default(dor_runtime **runtime);

/**
 * Keeps a runtime (NULL: the caller's, else the default one, made if need be) from going away until dor__runtime_leave. On one of the
 * runtime's own schedulers this costs nothing, elsewhere an atomic addition. STOPPED when it has gone, or is going.
 * A thread that stays inside for long holds up dor__runtime_stop.
 */
DOR_MUST_USE dor_result dor__runtime_enter(dor_runtime **runtime);
void dor__runtime_leave(dor_runtime *runtime);

/** The same for what needs threads and loops: a simulation is NOT_SUPPORTED. */
DOR_MUST_USE dor_result dor__runtime_enter_real(dor_runtime **runtime);

/** Enters the runtime that a pid, mailbox handle or timer belongs to; NULL when it has gone. */
dor_runtime *dor__runtime_enter_of(uint64_t name);

unsigned dor__runtime_scheduler_count(const dor_runtime *runtime);

/* ---- messages ---- */

/** NULL when out of memory. */
dor_message *dor__message_new(uint32_t type, size_t size, dor_message_destroy_fn destroy);
void dor__message_free(dor_message *message);
dor_message *dor__message_new_buffer(uint32_t type, dor_buffer *buffer);
const dor_buffer *dor__message_buffer(const dor_message *message);
dor_buffer *dor__message_take_buffer(dor_message *message);

/** Takes the message even on failure. NOPROC when it is known at once that there is nobody: no reason to worry. */
dor_result dor__send(dor_pid to, dor_message *message);

/** Of the calling process. Takes the message even on failure. */
dor_result dor__send_wait(dor_pid to, dor_message *message, uint32_t timeout_ms);

DOR_MUST_USE dor_result dor__send_after(dor_pid to, dor_message *message, uint32_t delay_ms, dor_ref *timer);
dor_result dor__cancel_timer(dor_ref timer);
dor_ref dor__make_ref(void);

/* ---- actors ---- */

DOR_MUST_USE dor_result dor__spawn(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid);
DOR_MUST_USE dor_result dor__spawn_link(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid);
DOR_MUST_USE dor_result dor__spawn_monitor(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid,
                                           dor_ref *ref);
DOR_MUST_USE dor_result dor__stop(dor_pid pid, int reason);
/** On behalf of the calling actor. */
DOR_MUST_USE dor_result dor__hibernate(void);
DOR_MUST_USE dor_result dor__set_heir(dor_pid heir);
dor_pid dor__self(void);

/** False when pid has certainly ended. True is only a hint: it may end at any moment. */
bool dor__pid_alive(dor_pid pid);

/** True on a scheduler's thread, where nothing may block. */
bool dor__on_scheduler(void);

/** False there, and on a thread that speaks for a port: where a call that waits for a message is refused. */
bool dor__may_block(void);

DOR_MUST_USE dor_result dor__exit(dor_pid pid, int reason);

/** On behalf of the calling actor, process or port. */
DOR_MUST_USE dor_result dor__exit_self(int reason); /* an actor only */
DOR_MUST_USE dor_result dor__trap_exit(bool trap);
DOR_MUST_USE dor_result dor__link(dor_pid pid);
dor_result dor__unlink(dor_pid pid);
DOR_MUST_USE dor_result dor__monitor(dor_pid pid, dor_ref *ref);
dor_result dor__demonitor(dor_ref ref);

/* ---- names ---- */

DOR_MUST_USE dor_result dor__register(dor_runtime *runtime, const char *name, dor_pid pid);
dor_result dor__unregister(dor_runtime *runtime, const char *name);
dor_pid dor__whereis(dor_runtime *runtime, const char *name);

typedef struct dor_named {
    dor_pid pid;
    char name[DOR_NAME_MAX + 1];
} dor_named;

/**
 * Walks over the names of the living: writes up to cap (> 0) of them and returns how many. *cursor is 0 at first, and 0
 * again when there are no more. Holds the table for as long as it copies, so with a small cap nobody waits for long.
 */
size_t dor__names_walk(dor_runtime *runtime, uint64_t *cursor, dor_named *named, size_t cap);

/* ---- requests ---- */

/** Each takes the message even on failure. Payloads must have room for a dor_ref. */
DOR_MUST_USE dor_result dor__request(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref);
dor_result dor__reply(dor_ref ref, dor_message *reply);
dor_result dor__cancel_request(dor_ref ref);
DOR_MUST_USE dor_result dor__call(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_message **reply);

/* ---- processes ---- */

/** limits may be NULL. */
DOR_MUST_USE dor_result dor__process_attach(dor_runtime *runtime, const dor_mailbox_limits *limits,
                                            dor_pid *pid);
dor_result dor__process_detach(void);
/** match may be NULL. */
DOR_MUST_USE dor_result dor__process_receive(dor_message **message, dor_match_fn match, void *arg,
                                             uint32_t timeout_ms);

/* ---- ports: dormouse/port.h ---- */

DOR_MUST_USE dor_result dor__port_new(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_pid *port);
dor_result dor__port_close(dor_pid port);
DOR_MUST_USE dor_result dor__port_fd(dor_pid port, int *fd);
/** *count is 0 when it fails. */
DOR_MUST_USE dor_result dor__port_drain(dor_pid port, dor_message **messages, size_t cap, size_t *count);
DOR_MUST_USE dor_result dor__port_enter(dor_pid port);
dor_result dor__port_leave(void);

/* ---- buffers ---- */

dor_buffer *dor__buffer_new(const void *data, size_t len);
dor_buffer *dor__buffer_alloc(size_t len, void **bytes);
dor_buffer *dor__buffer_ref(dor_buffer *buffer);
void dor__buffer_unref(dor_buffer *buffer);
const void *dor__buffer_data(const dor_buffer *buffer);
size_t dor__buffer_len(const dor_buffer *buffer);

/** The maker's: makes buffer shorter before anybody else has it. Much room that is left goes back; returns the buffer. */
dor_buffer *dor__buffer_trim(dor_buffer *buffer, size_t len);

#endif
