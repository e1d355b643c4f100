/*
 * dormouse/observe.h - figures of a running runtime, and hooks that see what its actors do.
 *
 * Reading stops nobody and takes no lock that an actor could wait for, but for names: those it holds up registering for a
 * moment. Each figure is exact by itself, but figures that are read one after another are of slightly different
 * moments. Counts go on from the start of what they are of, and never go back.
 *
 * Threads: all of this from any thread unless it says otherwise; actors may read figures too. runtime may be NULL: see
 * dor_runtime_default.
 */
#ifndef DORMOUSE_OBSERVE_H
#define DORMOUSE_OBSERVE_H

#include <dormouse/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Figures of a runtime. */
typedef struct dor_runtime_info {
    unsigned schedulers;  /**< their number */
    uint32_t actors;      /**< alive now, sockets and the library's own included */
    uint32_t processes;   /**< attached now, and ports */
    uint64_t uptime_ns;   /**< of the monotonic clock */
    uint64_t undelivered; /**< messages that nobody received: the receiver had ended, or no room */
} dor_runtime_info;

/** Figures of one scheduler, since its start where nothing else is said. */
typedef struct dor_scheduler_info {
    unsigned index;        /**< which, from 0 */
    uint32_t actors;       /**< alive now, sockets and the library's own included */
    uint32_t run_queue;    /**< actors that wait for their turn */
    uint32_t timers;       /**< messages that wait for dor_send_after's time */
    uint64_t messages;     /**< handed to actors, the library's own included */
    uint64_t actor_turns;  /**< times that an actor was run, for up to 100 messages */
    uint64_t loop_turns;   /**< rounds of the loop */
    uint64_t from_outside; /**< messages that came from other threads, the library's own included */
    uint64_t timers_fired; /**< the library's own included */
    uint64_t spawned;      /**< actors */
    uint64_t ended;        /**< actors */
    uint64_t undelivered;  /**< as in dor_runtime_info: sent from here, or left in mailboxes of the dead */
    uint64_t
        refused; /**< what mailboxes with limits here had no room for, or dropped for others; undelivered has it, too */
    uint64_t busy_ns; /**< wall-clock time spent outside of poll, of the runtime's uptime */
    uint64_t cpu_ns;  /**< processor time of its thread, poll included; 0 where the system does not tell */
} dor_scheduler_info;

/** What an actor is at. */
typedef enum dor_actor_state {
    DOR_ACTOR_STATE_IDLE = 0, /**< waits for a message */
    DOR_ACTOR_STATE_RUNNABLE, /**< has something to do, or is doing it */
    DOR_ACTOR_STATE_ASLEEP,   /**< hibernates */
    DOR_ACTOR_STATE_ENDING    /**< has ended; not all has been told so yet */
} dor_actor_state;

/** Figures of one actor. */
typedef struct dor_actor_info {
    dor_pid pid;               /**< who */
    unsigned scheduler;        /**< where it lives */
    dor_actor_state state;     /**< what it is at */
    uint32_t mailbox_messages; /**< that wait */
    uint32_t mailbox_bytes;    /**< of payload */
    uint64_t messages;         /**< received since its start */
    uint64_t turns;            /**< times that it was run */
    uint64_t
        busy_ns; /**< an estimate: the clock is read every 1 to 32 messages, and the time given to who ran then */
} dor_actor_info;

/** Figures of a runtime. DOR_E_STOPPED. */
DOR_API int dor_runtime_get_info(dor_runtime *runtime, dor_runtime_info *info);

/** Figures of the scheduler with that index. DOR_E_BADARG when there is no such one; DOR_E_STOPPED. */
DOR_API int dor_scheduler_get_info(dor_runtime *runtime, unsigned scheduler, dor_scheduler_info *info);

/** Figures of an actor, all of this one even if it ends meanwhile. DOR_E_NOPROC when pid is dead, or is not an actor. */
DOR_API int dor_actor_get_info(dor_pid pid, dor_actor_info *info);

/**
 * Walks over all actors: writes up to cap (at least 1) of them, and *count. *cursor is 0 at first and not 0 as long as
 * there may be more; what it is otherwise is nobody's business. A call does a bounded amount of work, so it may well write
 * fewer than cap, or none, before the end. Actors that are born or end during the walk may be missed, none comes twice.
 * DOR_E_STOPPED; DOR_E_BADARG for a cursor that no call has given.
 */
DOR_API int dor_actors_get_info(dor_runtime *runtime, uint64_t *cursor, dor_actor_info *infos, size_t cap,
                                size_t *count);

enum { DOR_JSON_ACTORS = 1 /**< each actor too, not only the schedulers */ };

/**
 * All these figures as JSON: {"runtime": {...}, "schedulers": [{...}], "names": {"NAME": "PID"}, "actors": [{...}]}, member names as
 * the fields above. Pids are strings of 16 hexadecimal digits, states "idle", "runnable", "asleep" and "ending"; what is no
 * UTF-8 in a name becomes U+FFFD. An actor takes about 200 bytes. *text ends with a NUL and is for dor_free.
 * DOR_E_NOMEM, DOR_E_STOPPED; DOR_E_BADARG for a flag that there is not.
 */
DOR_API int dor_runtime_get_json(dor_runtime *runtime, unsigned flags, char **text);

/** Frees text that a call gave out. */
DOR_API void dor_free(void *text);

/* ---- trace ------------------------------------------------------------------------------------------ */

/*
 * An event is of the runtime of its `pid`: a message from one runtime to another is sent, and received, in the other.
 *
 * Births and ends are of actors, processes and ports. Sends are what anybody hands to dor_send and its kind, when it does,
 * or a timer when it is due, whether or not it finds its receiver alive and with room; but a reply that nobody waits for
 * is none. Received is what reaches a
 * callback or is handed out by dor_receive, notices of the library's own and events of sockets included; those have no
 * sends of their own.
 */
enum {
    DOR_TRACE_SPAWN = 1,   /**< births */
    DOR_TRACE_SEND = 2,    /**< what is sent */
    DOR_TRACE_RECEIVE = 4, /**< what is received */
    DOR_TRACE_EXIT = 8,    /**< ends */
    DOR_TRACE_ALL = 15     /**< all of them */
};

/** What dor_trace_fn is told of. */
typedef struct dor_trace_event {
    unsigned what; /**< one of DOR_TRACE_ */
    dor_pid pid;   /**< who was born, is sent to, receives, has ended */
    dor_pid
        by; /**< SPAWN, SEND: who does it; DOR_PID_NONE when it is nobody that has a pid, a timer for one */
    uint32_t type;  /**< SEND, RECEIVE: the message's */
    uint32_t size;  /**< and its bytes of payload */
    int reason;     /**< EXIT */
    uint64_t at_ns; /**< monotonic clock, or the simulation's */
} dor_trace_event;

/**
 * Called on the thread where it happens, on many at once. Must be quick and make no call of this library: what it does of
 * that kind is not traced. Events of one thread come in their order; SEND comes before the RECEIVE of that message.
 */
typedef void (*dor_trace_fn)(void *arg, const dor_trace_event *event);

/**
 * Sets what is traced: from now on events of `mask` go to fn with arg, and when this returns, what was set before is not
 * being called any more, so its arg may go. mask 0 (fn may be NULL) ends it, as the end of the runtime does. An event that
 * happens meanwhile goes to one of the two. While nothing is traced a hook costs one branch. Not from within fn, nor
 * from a scheduler thread (DOR_E_WOULD_DEADLOCK); DOR_E_BADARG; DOR_E_STOPPED.
 */
DOR_API int dor_trace(dor_runtime *runtime, unsigned mask, dor_trace_fn fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
