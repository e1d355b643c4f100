/*
 * dormouse/actor.h - the runtime: schedulers, actors, processes, messages, timers.
 *
 * A runtime has N schedulers, each a thread with one event loop. An actor lives on one scheduler; its
 * receive function runs only there, one message at a time, to completion, and must not block. A process is
 * an ordinary thread with a mailbox, which may block. Both are named by a dor_pid, a value that is safe to
 * keep and to use after the death of what it named: sending to the dead is harmless.
 *
 * Messages from one sender to one receiver arrive in the order they were sent.
 *
 * Threads: every function here may be called from any thread unless it says otherwise.
 */
#ifndef DORMOUSE_ACTOR_H
#define DORMOUSE_ACTOR_H

#include <dormouse/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dor_runtime dor_runtime;

/** Names an actor or a process; 0 names nobody. */
typedef uint64_t dor_pid;
#define DOR_PID_NONE ((dor_pid)0)

/** Ties a reply to its request; unique in the process, never 0. */
typedef uint64_t dor_ref;

/** For timeouts in milliseconds: wait for ever. */
#define DOR_INFINITY UINT32_MAX

/* ---- messages --------------------------------------------------------------------------------------- */

/** Message types below DOR_MSG_USER are the library's own; an application numbers its own from there. */
enum {
    DOR_MSG_DOWN = 1,          /**< dor_down: a monitored actor or process ended */
    DOR_MSG_SSL = 16,          /**< dor_ssl_event: data (dormouse/ssl.h) */
    DOR_MSG_SSL_CLOSED = 17,   /**< dor_ssl_event: the connection ended cleanly, or was cut (reason says) */
    DOR_MSG_SSL_ERROR = 18,    /**< dor_ssl_event: the connection failed */
    DOR_MSG_SSL_PASSIVE = 19,  /**< dor_ssl_event: {active, N} has run out */
    DOR_MSG_SSL_WRITABLE = 20, /**< dor_ssl_event: after DOR_E_BUSY, sending is possible again */
    DOR_MSG_SSL_TICKET =
        21, /**< dor_ssl_event: a client got a resumable session (option session_tickets manual) */
    DOR_MSG_SSL_REPLY = 22, /**< dor_ssl_reply: an asynchronous call's outcome */
    DOR_MSG_USER = 0x10000
};

typedef struct dor_message dor_message;
typedef void (*dor_message_destroy_fn)(dor_message *message);

/** The head of every message; the payload follows it. Fields with a trailing underscore are the runtime's. */
struct dor_message {
    void *next_;
    dor_pid to_;
    dor_message_destroy_fn destroy_;
    uint32_t type; /**< a DOR_MSG_ value */
    uint32_t size; /**< bytes of payload; not to be changed */
};

/** DOR_MSG_DOWN's payload. */
typedef struct dor_down {
    dor_pid pid; /**< who ended */
    dor_ref ref; /**< what dor_monitor gave */
    int reason;  /**< DOR_OK for a normal end, else a code; DOR_E_NOPROC if it was dead already */
} dor_down;

/**
 * A message with `size` zeroed payload bytes. destroy, or NULL, is called once before the memory goes,
 * to release what the payload holds. NULL when out of memory.
 */
DOR_API dor_message *dor_message_new(uint32_t type, size_t size, dor_message_destroy_fn destroy);
DOR_API void dor_message_free(dor_message *message);

static inline void *dor_message_payload(dor_message *message)
{
    return message + 1;
}

/* ---- runtime ---------------------------------------------------------------------------------------- */

typedef struct dor_runtime_options {
    unsigned schedulers; /**< 0: one per processor that the process may use (at most 64) */
} dor_runtime_options;

/** Starts the scheduler threads. options may be NULL. */
DOR_API int dor_runtime_new(dor_runtime **runtime, const dor_runtime_options *options);

/**
 * Ends every actor (reason DOR_E_STOPPED), waits for up to deadline_ms for what they still do (sockets send
 * close_notify), joins the threads and frees everything. Not from a scheduler thread (DOR_E_WOULD_DEADLOCK).
 */
DOR_API int dor_runtime_stop(dor_runtime *runtime, uint32_t deadline_ms);

/** The runtime that calls with a NULL runtime use; made on first use, stopped by dor_runtime_stop. NULL on failure. */
DOR_API dor_runtime *dor_runtime_default(void);

DOR_API unsigned dor_runtime_scheduler_count(const dor_runtime *runtime);

/* ---- actors ----------------------------------------------------------------------------------------- */

/** Handles one message and owns it: dor_message_free it, keep it, or send it on. */
typedef void (*dor_receive_fn)(void *state, dor_message *message);

/** Called once on the actor's scheduler when it ends, whatever the reason; releases state. */
typedef void (*dor_stop_fn)(void *state, int reason);

enum {
    DOR_ON_ANY = -1, /**< the scheduler with the fewest actors */
    DOR_ON_THIS = -2 /**< the calling actor's own scheduler (from elsewhere: like DOR_ON_ANY) */
};

typedef struct dor_actor_spec {
    dor_receive_fn receive;
    dor_stop_fn stop; /**< or NULL */
    void *state;
    int scheduler; /**< an index, DOR_ON_ANY or DOR_ON_THIS */
} dor_actor_spec;

/** On failure the caller still owns spec->state. */
DOR_API int dor_spawn(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid);

/** Asks an actor to end with `reason` after the messages it already has; harmless if it is dead. */
DOR_API int dor_stop(dor_pid pid, int reason);

/** The calling actor or process; DOR_PID_NONE on a thread that is neither. */
DOR_API dor_pid dor_self(void);

/** Sends; takes the message even on failure. DOR_E_NOPROC if there is nobody (when that is known at once). */
DOR_API int dor_send(dor_pid to, dor_message *message);

/**
 * Sends message after delay_ms. Takes the message even on failure. *timer (may be NULL) is for dor_cancel_timer.
 * The timer belongs to the calling actor's scheduler, or to any when called from elsewhere.
 */
DOR_API int dor_send_after(dor_pid to, dor_message *message, uint32_t delay_ms, dor_ref *timer);

/** DOR_OK if it had not fired, then its message is freed; otherwise DOR_E_NOPROC. */
DOR_API int dor_cancel_timer(dor_ref timer);

/** Asks for one DOR_MSG_DOWN when pid ends (at once if it already has). From an actor or a process. */
DOR_API int dor_monitor(dor_pid pid, dor_ref *ref);

/** No DOWN for ref arrives after this returns (one already taken aside). */
DOR_API int dor_demonitor(dor_ref ref);

/** A fresh reference. */
DOR_API dor_ref dor_make_ref(void);

/* ---- processes -------------------------------------------------------------------------------------- */

/**
 * Gives the calling thread a mailbox in runtime (NULL: the default one). Idempotent for the same runtime. Ends
 * with dor_process_detach or with the thread; monitors are told. DOR_E_WOULD_DEADLOCK on a scheduler thread.
 */
DOR_API int dor_process_attach(dor_runtime *runtime, dor_pid *pid);
DOR_API int dor_process_detach(void);

/** The next message, waited for up to timeout_ms. DOR_E_TIMEOUT, DOR_E_NO_PROCESS, DOR_E_STOPPED. */
DOR_API int dor_receive(dor_message **message, uint32_t timeout_ms);

/** True for the message that a selective receive waits for. Looks only: it must not receive, nor hand on what it sees. */
typedef int (*dor_match_fn)(const dor_message *message, void *arg);

/** The first message that match accepts; others stay, in order. */
DOR_API int dor_receive_match(dor_message **message, dor_match_fn match, void *arg, uint32_t timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
