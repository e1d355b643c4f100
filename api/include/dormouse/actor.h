/*
 * dormouse/actor.h - the runtime: schedulers, actors, processes, messages, timers.
 *
 * A runtime has N schedulers, each a thread with one event loop. An actor lives on one scheduler; its
 * receive function runs only there, one message at a time, to completion, and must not block. A process is
 * an ordinary thread with a mailbox, which may block. Both are named by a dor_pid, a value that is safe to
 * keep and to use after the death of what it named: sending to the dead is harmless. Beside these two there are
 * ports (dormouse/port.h), for event loops that are not ours.
 *
 * Messages from one sender to one receiver arrive in the order they were sent. Exit signals overtake messages, and no
 * message overtakes an exit signal.
 *
 * Threads: every function here may be called from any thread unless it says otherwise.
 */
#ifndef DORMOUSE_ACTOR_H
#define DORMOUSE_ACTOR_H

#include <dormouse/buffer.h>
#include <limits.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Schedulers and all that lives on them. A program has one (dor_runtime_default) or several, which do not see each
 * other's names.
 */
typedef struct dor_runtime dor_runtime;

/** Names an actor or a process; 0 names nobody. */
typedef uint64_t dor_pid;
#define DOR_PID_NONE ((dor_pid)0)

/** Ties a reply to its request; unique in the process, never 0. */
typedef uint64_t dor_ref;

/** For timeouts in milliseconds: wait for ever. */
#define DOR_INFINITY UINT32_MAX

/* ---- messages --------------------------------------------------------------------------------------- */

/** Message types below DOR_MSG_USER are the library's own; an application numbers its own from there to DOR_MSG_USER_MAX. */
enum {
    DOR_MSG_DOWN = 1,          /**< dor_down: a monitored actor or process ended */
    DOR_MSG_EXIT = 2,          /**< dor_exit_notice: an exit signal, to one that traps exits */
    DOR_MSG_NO_REPLY = 3,      /**< dor_no_reply: a request will not be answered */
    DOR_MSG_HANDOVER = 4,      /**< dor_handover: the state of an actor that has ended, to its heir */
    DOR_MSG_SUPERVISOR = 5,    /**< dor_supervisor_reply (dormouse/supervisor.h) */
    DOR_MSG_SSL = 16,          /**< dor_ssl_event: data (dormouse/ssl.h) */
    DOR_MSG_SSL_CLOSED = 17,   /**< dor_ssl_event: the connection ended cleanly, or was cut (reason says) */
    DOR_MSG_SSL_ERROR = 18,    /**< dor_ssl_event: the connection failed */
    DOR_MSG_SSL_PASSIVE = 19,  /**< dor_ssl_event: {active, N} has run out */
    DOR_MSG_SSL_WRITABLE = 20, /**< dor_ssl_event: after DOR_E_BUSY, sending is possible again */
    DOR_MSG_SSL_TICKET =
        21, /**< dor_ssl_event: a client got a resumable session (option session_tickets manual) */
    DOR_MSG_SSL_REPLY = 22,       /**< dor_ssl_reply: an asynchronous call's outcome */
    DOR_MSG_USER = 0x10000,       /**< the first of an application's own */
    DOR_MSG_USER_MAX = 0x1fffffff /**< the last */
};

/** A message: this head, and its payload behind it. */
typedef struct dor_message dor_message;

/** Releases what the payload holds, not the message itself. Runs once, on the thread that frees the message. */
typedef void (*dor_message_destroy_fn)(dor_message *message);

/** The head of every message; the payload follows it. Fields with a trailing underscore are the runtime's. */
struct dor_message {
    void *next_;                     /**< the runtime's */
    dor_pid to_;                     /**< the runtime's */
    dor_message_destroy_fn destroy_; /**< the runtime's */
    uint32_t type;                   /**< a DOR_MSG_ value */
    uint32_t size;                   /**< bytes of payload; not to be changed */
};

/** DOR_MSG_DOWN's payload. */
typedef struct dor_down {
    dor_pid pid; /**< who ended */
    dor_ref ref; /**< what dor_monitor gave */
    int reason;  /**< DOR_OK for a normal end, else a code; DOR_E_NOPROC if it was dead already */
} dor_down;

/** DOR_MSG_EXIT's payload. */
typedef struct dor_exit_notice {
    dor_pid pid; /**< who ended, or called dor_exit */
    int reason;  /**< why */
} dor_exit_notice;

/** DOR_MSG_NO_REPLY's payload. */
typedef struct dor_no_reply {
    dor_ref ref; /**< what dor_request gave */
    int reason; /**< DOR_E_TIMEOUT, DOR_E_NOPROC, DOR_E_MAILBOX_FULL, or why the one that was asked has ended */
} dor_no_reply;

/** DOR_MSG_HANDOVER's payload; see dor_set_heir. */
typedef struct dor_handover {
    dor_pid pid; /**< who ended */
    int reason;  /**< and why */
    void *
        state; /**< set it to NULL to keep it; else the message's end releases it, on the thread that frees it */
    void (*release)(void *state, int reason); /**< the stop function of the actor that ended, or NULL */
} dor_handover;

/**
 * A message with `size` zeroed payload bytes and a type from DOR_MSG_USER to DOR_MSG_USER_MAX. destroy, or NULL, is
 * called once before the memory goes, to release what the payload holds. NULL when out of memory, or for another type.
 */
DOR_API dor_message *dor_message_new(uint32_t type, size_t size, dor_message_destroy_fn destroy);

/** Ends a message: destroy is called, the memory goes. For who owns it; harmless with NULL. Any thread. */
DOR_API void dor_message_free(dor_message *message);

/** Its payload, `size` bytes that live as long as the message. */
static inline void *dor_message_payload(dor_message *message)
{
    return message + 1;
}

/**
 * A message that carries a buffer without copying it. Takes the caller's reference, even on failure. Who receives the
 * message looks with dor_message_buffer, or moves the reference out with dor_message_take_buffer; what is not taken is
 * released with the message. Its payload begins with a dor_ref, so it can be a request or a reply. NULL when out of memory,
 * for another type than dor_message_new's, and for no buffer.
 */
DOR_API dor_message *dor_message_new_buffer(uint32_t type, dor_buffer *buffer);

/** The buffer of such a message, which keeps its reference; NULL when it has none (any more). */
DOR_API const dor_buffer *dor_message_buffer(dor_message *message);

/** Moves the reference to the caller; NULL as above. */
DOR_API dor_buffer *dor_message_take_buffer(dor_message *message);

/* ---- runtime ---------------------------------------------------------------------------------------- */

/** How a runtime is to be. */
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

/**
 * The runtime for programs that need one only; made on first use, stopped by dor_runtime_stop. NULL on failure.
 *
 * A call whose runtime is NULL means the one that the calling actor, process or port lives in, and on any other thread
 * this one.
 */
DOR_API dor_runtime *dor_runtime_default(void);

/** How many schedulers it has; 0 for NULL. */
DOR_API unsigned dor_runtime_scheduler_count(const dor_runtime *runtime);

/* ---- mailboxes with a limit ------------------------------------------------------------------------- */

/**
 * What happens to a message that has no room. Messages of the library's own, and replies, are not counted and always have
 * room. A message that is dropped is freed on the thread that sends the one which needs the room.
 */
typedef enum dor_mailbox_policy {
    DOR_MAILBOX_REFUSE =
        0, /**< it is freed, the sender gets DOR_E_MAILBOX_FULL; dor_send_wait waits for room */
    DOR_MAILBOX_DROP_NEWEST, /**< it is freed, the sender gets DOR_MESSAGE_DROPPED */
    DOR_MAILBOX_DROP_OLDEST, /**< the oldest are freed to make room, the sender gets DOR_MESSAGE_DROPPED */
    DOR_MAILBOX_KILL /**< the receiver ends with DOR_E_MAILBOX_FULL, which the sender gets too; even if it traps exits */
} dor_mailbox_policy;

/** What dor_send returns, beside DOR_OK, where the policy is to drop: a message had to go. Not an error, and above 0. */
#define DOR_MESSAGE_DROPPED 1

/** What may wait in a mailbox, and what happens beyond it. */
typedef struct dor_mailbox_limits {
    uint32_t messages; /**< how many may wait; 0: any number */
    uint32_t
        bytes; /**< of payload that may wait (dor_message.size, and a buffer's length); 0: any number. One
                          message always may. */
    dor_mailbox_policy policy; /**< what happens to a message that has no room */
} dor_mailbox_limits;

/* ---- actors ----------------------------------------------------------------------------------------- */

/** Handles one message and owns it: dor_message_free it, keep it, or send it on. */
typedef void (*dor_receive_fn)(void *state, dor_message *message);

/**
 * Called once on the actor's scheduler when it ends, whatever the reason; releases state. Those who monitor the actor or
 * are linked to it are told when it has returned. An actor with an heir is another matter: see dor_set_heir.
 */
typedef void (*dor_stop_fn)(void *state, int reason);

/** Shrinks or restores a state: see dor_hibernate. */
typedef void *(*dor_reshape_fn)(void *state);

/** Where an actor is to live: one of these, or DOR_ON(index). */
enum {
    DOR_ON_THIS = 0, /**< the calling actor's own scheduler (from elsewhere: like DOR_ON_ANY) */
    DOR_ON_ANY = -1  /**< the scheduler with the fewest actors */
};
#define DOR_ON(index) ((int)(index) + 1) /**< that scheduler; the first one has index 0 */

/** Only receive is needed; a zeroed field asks for nothing. */
typedef struct dor_actor_spec {
    dor_receive_fn receive;     /**< required */
    dor_stop_fn stop;           /**< or NULL */
    void *state;                /**< what receive and stop are given; released by stop */
    int scheduler;              /**< DOR_ON_THIS, DOR_ON_ANY or DOR_ON(index) */
    int trap_exit;              /**< as dor_trap_exit before the first message */
    dor_mailbox_limits mailbox; /**< all 0: no limit */
    dor_reshape_fn hibernate;   /**< see dor_hibernate; NULL: the state stays as it is */
    dor_reshape_fn wake;        /**< the way back; needed with hibernate, useless without */
    uint32_t
        hibernate_after_ms; /**< hibernates by itself when nothing has come for so long, or up to an eighth
                                    longer, so that not all do so at once; 0: never */
} dor_actor_spec;

/** On failure the caller still owns spec->state. The actor first runs when it gets its first message. */
DOR_API int dor_spawn(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid);

/**
 * dor_spawn and dor_link, or dor_monitor, in one, for an actor, a process or a port: there is no moment in which the new
 * actor can end unseen. On failure nothing has been spawned. DOR_E_NO_PROCESS; DOR_E_NOPROC in a stop function.
 */
DOR_API int dor_spawn_link(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid);
DOR_API int dor_spawn_monitor(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid, dor_ref *ref);

/** Asks an actor to end with `reason` after the messages it already has; harmless if it is dead. */
DOR_API int dor_stop(dor_pid pid, int reason);

/** The calling actor, process or port; DOR_PID_NONE on a thread that is none. */
DOR_API dor_pid dor_self(void);

/** False when pid has certainly ended. True is only a hint: it may end at any moment. */
DOR_API int dor_is_alive(dor_pid pid);

/**
 * Sends; takes the message even on failure. DOR_OK, DOR_MESSAGE_DROPPED, DOR_E_NOPROC if there is nobody (when that is
 * known at once), DOR_E_MAILBOX_FULL.
 */
DOR_API int dor_send(dor_pid to, dor_message *message);

/**
 * From a process: like dor_send, but where a mailbox that refuses has no room, waits up to timeout_ms for it. Those who
 * wait get room in the order in which they came, and before any dor_send. Messages that come for the caller meanwhile
 * stay as they are. Takes the message even on failure: it has been delivered on DOR_OK, and only then. DOR_E_TIMEOUT,
 * DOR_E_NOPROC (it ended meanwhile), DOR_E_MAILBOX_FULL (where a wait would be for ever: the caller's own mailbox, and the
 * policy to kill), DOR_E_EXITED, DOR_E_STOPPED, DOR_E_NO_PROCESS, DOR_E_WOULD_DEADLOCK on a scheduler thread.
 */
DOR_API int dor_send_wait(dor_pid to, dor_message *message, uint32_t timeout_ms);

/**
 * Sends message after delay_ms. Takes the message even on failure. *timer (may be NULL) is for dor_cancel_timer.
 * The timer belongs to the calling actor's scheduler, or to any when called from elsewhere.
 */
DOR_API int dor_send_after(dor_pid to, dor_message *message, uint32_t delay_ms, dor_ref *timer);

/** Stops a timer of dor_send_after. DOR_OK if it had not fired, then its message is freed; otherwise DOR_E_NOPROC. */
DOR_API int dor_cancel_timer(dor_ref timer);

/* ---- ends: exit signals, links, monitors ------------------------------------------------------------ */

/*
 * Every end has a reason: DOR_OK for a normal one, DOR_E_SHUTDOWN for one that a supervisor asked for, any other code of
 * dormouse/error.h, or a number above 0 that means something to the application.
 *
 * An exit signal comes from dor_exit, or over a link from one that ended. It is urgent: it overtakes all messages that
 * wait, those of its own sender too. One that traps exits gets a DOR_MSG_EXIT, before the other messages that wait. On one
 * that does not, a signal with DOR_OK has no effect, and any other ends it with the signal's reason: an actor at once,
 * between two messages; a process, being a thread, in its next call that receives or waits, which then answers
 * DOR_E_EXITED, and the process is detached; a port in its next dor_port_drain or dor_port_enter. One that ends otherwise
 * before it gets so far has ended by the signal all the same. Sockets and listeners, being asked by a signal, close.
 *
 * While a runtime stops, all its actors have been asked to end behind the messages that they have: that those they are
 * linked to end with DOR_E_STOPPED, or have ended before the link (DOR_E_NOPROC), ends none of them sooner.
 */

/** For dor_exit: ends even one that traps exits; those who hear of it are told DOR_E_KILLED. */
#define DOR_KILL INT_MIN

/**
 * Sends an exit signal, from any thread; harmless if pid is dead (DOR_OK). One to the calling actor itself is acted on
 * before this returns, as in dor_exit_self if it ends it; and to oneself DOR_OK ends, too, unless trapped. DOR_E_NOMEM.
 */
DOR_API int dor_exit(dor_pid pid, int reason);

/**
 * Ends the calling actor with `reason` when its callback returns, whether it traps exits or not: no further message is
 * received, the state stays valid until then, and the stop function is called after that. The first call counts.
 * DOR_E_NO_PROCESS when the caller is no actor, DOR_E_NOPROC in a stop function.
 */
DOR_API int dor_exit_self(int reason);

/**
 * Whether the caller, an actor, process or port, wants exit signals as messages, from now on. DOR_E_NOMEM,
 * DOR_E_NO_PROCESS, DOR_E_STOPPED; DOR_E_NOPROC in a stop function.
 */
DOR_API int dor_trap_exit(int trap);

/**
 * Ties the caller to pid: when either ends, the other gets an exit signal with the reason. One link at most holds two
 * together; linking again does nothing, nor does linking to oneself. When pid is dead already the caller gets a signal
 * with DOR_E_NOPROC. Errors as above.
 */
DOR_API int dor_link(dor_pid pid);

/**
 * Undoes it, whoever made it, and needs no memory. No signal of the link comes after this returns, not even one that waits
 * in the mailbox already. Harmless where there is none. Errors as above.
 */
DOR_API int dor_unlink(dor_pid pid);

/** Asks for one DOR_MSG_DOWN when pid ends (at once if it already has). From an actor, a process or a port. */
DOR_API int dor_monitor(dor_pid pid, dor_ref *ref);

/** No DOWN for ref arrives after this returns (one already taken aside). */
DOR_API int dor_demonitor(dor_ref ref);

/**
 * When the calling actor ends, for whatever reason, its state goes to `heir`, an actor, process or port, in a
 * DOR_MSG_HANDOVER instead of to its stop function. If the heir is dead by then, or does not keep the state, the stop
 * function releases it after all, where the message is freed: on the actor's scheduler in the first case, in the second
 * on the heir's thread. A state that is NULL counts as kept. An actor that ends asleep hands over what hibernate returned.
 * The HANDOVER comes before a DOWN of the same end; a linked heir's EXIT, being urgent, may overtake it.
 * DOR_PID_NONE: no heir any more. DOR_E_NOMEM, DOR_E_NO_PROCESS.
 */
DOR_API int dor_set_heir(dor_pid heir);

/* ---- names ------------------------------------------------------------------------------------------ */

enum { DOR_NAME_MAX = 63 /**< bytes of a registered name, without the NUL */ };

/**
 * Gives pid, which must be of this runtime (NULL: the caller's) and alive, a name; it may have several. A name ends with
 * pid, and is free at once then, or with dor_unregister. DOR_E_NAME_TAKEN, also by pid itself; DOR_E_NOPROC when pid is
 * dead; DOR_E_BADARG: the name is empty or too long, or pid is not of this runtime; DOR_E_NOMEM; DOR_E_LIMIT: there are
 * 65,536 names already; DOR_E_STOPPED.
 */
DOR_API int dor_register(dor_runtime *runtime, const char *name, dor_pid pid);

/** Takes a name away, anybody's. DOR_E_NOPROC when nobody has it; DOR_E_STOPPED. */
DOR_API int dor_unregister(dor_runtime *runtime, const char *name);

/** Who has the name, or DOR_PID_NONE. */
DOR_API dor_pid dor_whereis(dor_runtime *runtime, const char *name);

/* ---- requests --------------------------------------------------------------------------------------- */

/*
 * The payload of a request begins with a dor_ref, which dor_request fills in; whoever serves it gives that reference to
 * dor_reply, together with a message whose payload begins with a dor_ref too, which dor_reply fills in. So the asker
 * knows which of its requests a reply belongs to. For each request the asker gets exactly one of the reply and a
 * DOR_MSG_NO_REPLY; whatever comes later is dropped. Replies are not counted by the limits of the asker's mailbox, and
 * come in order with the other messages of the one who replies.
 */

/**
 * From an actor, a process or a port: sends a request, whose reply is waited for up to timeout_ms. Takes the message even
 * on failure. DOR_E_BADARG when the payload has no room for a dor_ref, or the type is the library's; DOR_E_NOMEM, DOR_E_NO_PROCESS,
 * DOR_E_STOPPED. That
 * `to` is dead (DOR_E_NOPROC), or its mailbox refuses (DOR_E_MAILBOX_FULL), is told by DOR_MSG_NO_REPLY. A mailbox that
 * drops messages drops requests too: then it is the timeout that tells. `to` may hand the request on to another, which
 * replies in its stead; but a NO_REPLY comes when `to` itself ends before.
 */
DOR_API int dor_request(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref);

/**
 * Answers a request, from any thread. Takes the message even on failure. DOR_E_NOPROC: nobody waits (any more); DOR_OK does
 * not promise that the reply comes in time. DOR_E_BADARG as above.
 */
DOR_API int dor_reply(dor_ref ref, dor_message *reply);

/**
 * For the one who made the request: neither a reply nor a NO_REPLY comes after this returns. DOR_E_NOPROC when it is over
 * already, that is, when one of the two has been received.
 */
DOR_API int dor_cancel_request(dor_ref ref);

/**
 * From a process: a request whose reply is waited for here; other messages stay. Takes the request even on failure.
 * DOR_E_TIMEOUT, DOR_E_NOPROC, the reason why the one asked has ended (DOR_E_NOPROC where that is not a code below 0),
 * DOR_E_MAILBOX_FULL, DOR_E_EXITED, DOR_E_STOPPED, DOR_E_NO_PROCESS, DOR_E_NOMEM, DOR_E_BADARG as dor_request,
 * DOR_E_WOULD_DEADLOCK on a scheduler thread, and when a process calls itself. A reply that comes after that is dropped.
 */
DOR_API int dor_call(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_message **reply);

/* ---- hibernation ------------------------------------------------------------------------------------ */

/**
 * From an actor: once its mailbox is empty, spec.hibernate is called, and the actor keeps what that returns in the place
 * of its state; before its next message spec.wake is called with that, and returns the state. Both may return what they
 * were given. NULL is neither a state nor a compact one: from hibernate it means "not now" (the actor stays awake until
 * it asks again, or hibernate_after_ms have passed again), from wake "out of memory": it is tried again a little later,
 * and no message is lost or overtaken. Both run on the actor's scheduler, with dor_self the actor. What needs no state
 * (a monitor, a link, its end) does not wake it. When the actor ends asleep, its stop function is given what hibernate
 * returned. DOR_E_EINVAL when the spec has no hibernate function, DOR_E_NO_PROCESS.
 */
DOR_API int dor_hibernate(void);

/** A fresh reference, to tell requests of one's own apart. */
DOR_API dor_ref dor_make_ref(void);

/* ---- processes -------------------------------------------------------------------------------------- */

/**
 * Gives the calling thread a mailbox in runtime (NULL: the default one, if it has none yet). Idempotent for the same runtime. Ends
 * with dor_process_detach or with the thread; monitors and links are told. DOR_E_WOULD_DEADLOCK on a scheduler thread.
 */
DOR_API int dor_process_attach(dor_runtime *runtime, dor_pid *pid);

/**
 * dor_process_attach with a limited mailbox; DOR_E_BADARG without limits. Messages that dor_receive_match has left count, too. On a
 * thread that is attached already it has no effect.
 */
DOR_API int dor_process_attach_limited(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_pid *pid);

/** Ends the calling thread's mailbox, with what is in it; monitors and links are told. DOR_E_NO_PROCESS when it has none. */
DOR_API int dor_process_detach(void);

/** The next message, waited for up to timeout_ms. DOR_E_TIMEOUT, DOR_E_NO_PROCESS, DOR_E_STOPPED, DOR_E_EXITED. */
DOR_API int dor_receive(dor_message **message, uint32_t timeout_ms);

/** True for the message that a selective receive waits for. Looks only: it must not receive, nor hand on what it sees. */
typedef int (*dor_match_fn)(const dor_message *message, void *arg);

/** The first message that match accepts; others stay, in order. */
DOR_API int dor_receive_match(dor_message **message, dor_match_fn match, void *arg, uint32_t timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
