/*
 * actor.h - actors from the inside: the struct that a native actor (a socket, a listener) embeds.
 *
 * Owning thread: all fields belong to the actor's scheduler. Other threads know a pid only.
 */
#ifndef DOR_RUNTIME_ACTOR_H
#define DOR_RUNTIME_ACTOR_H

#include "runtime/scheduler.h"

typedef struct dor_actor dor_actor;
typedef struct dor_actor_slot dor_actor_slot;
typedef struct dor_actor_extra dor_actor_extra;

typedef struct dor_actor_ops {
    /** Handles one message and owns it. Never blocks. */
    void (*receive)(dor_actor *actor, dor_message *message);

    /**
     * The actor was asked to end, by dor_stop or by an exit signal that it does not trap, or its runtime stops. Called
     * once. It may finish work first; it ends by calling dor__actor_end. NULL: it ends at once. DOR_KILL is not asked.
     */
    void (*exit)(dor_actor *actor, int reason);

    /** The last call; releases the memory that embeds the actor (later, after handles are closed, if need be). */
    void (*destroy)(dor_actor *actor);
} dor_actor_ops;

struct dor_actor {
    const dor_actor_ops *ops;
    dor_scheduler *scheduler;
    dor_actor_slot *slot; /* its place in the scheduler's slab, with its figures */
    dor_pid pid;
    dor_message *head; /* the mailbox: a plain queue, since only this thread touches it */
    dor_message *tail;
    dor_actor *run_next;    /* the run queue */
    dor_message *watchers;  /* who monitors this actor: the DOWN messages to be */
    dor_message *links;     /* whom it is linked to: its halves of the links */
    dor_actor_extra *extra; /* what few actors need; NULL until then */
    uint32_t watching;      /* whom it monitors: the first entry's slot + 1 */
    int reason;             /* why it ended */
    uint8_t state;          /* runtime's own */
    uint8_t flags_;
};

_Static_assert(sizeof(dor_actor) <= 128,
               "an idle actor's own part; 256 bytes with all that the runtime adds");

/** Puts an actor on the calling thread's scheduler s. The memory stays the caller's until ops->destroy. */
DOR_MUST_USE dor_result dor__actor_init(dor_actor *actor, dor_scheduler *s, const dor_actor_ops *ops);

/** Ends the calling actor's life: the pid is dead from here on, monitors are told, destroy is called soon. */
void dor__actor_end(dor_actor *actor, int reason);

/** The live actor of a pid of the calling thread's scheduler, else NULL. Same-thread look-ups cost an index. */
dor_actor *dor__actor_lookup(dor_scheduler *s, dor_pid pid);

/**
 * Hands the running actors of the next `most` slots of this thread's scheduler to visit, which may end them; *slot is 0 at
 * first. False when there are no more.
 */
bool dor__actors_visit(dor_scheduler *s, uint32_t *slot, uint32_t most,
                       void (*visit)(dor_actor *actor, void *arg), void *arg);

/** True when pid lives (or lived) on s. */
bool dor__pid_is_on(dor_pid pid, const dor_scheduler *s);

/** The runtime of a pid, or NULL when it is gone. */
dor_runtime *dor__pid_runtime(dor_pid pid);

/** Runs fn(arg) as a message on scheduler s: how listeners and connectors start actors on other loops. */
DOR_MUST_USE dor_result dor__scheduler_call(dor_scheduler *s, void (*fn)(dor_scheduler *s, void *arg),
                                            void *arg);

/** Monitors `watched` on behalf of the actor `watcher` (of this thread): DOR_MSG_DOWN with *ref comes. */
DOR_MUST_USE dor_result dor__actor_monitor(dor_actor *watcher, dor_pid watched, dor_ref *ref);
void dor__actor_demonitor(dor_actor *watcher, dor_ref ref);

/** dor_trap_exit, dor_link and dor_unlink on behalf of an actor of this thread. */
DOR_MUST_USE dor_result dor__actor_trap_exit(dor_actor *actor, bool trap);
DOR_MUST_USE dor_result dor__actor_link(dor_actor *actor, dor_pid pid);
void dor__actor_unlink(dor_actor *actor, dor_pid pid);

#endif
