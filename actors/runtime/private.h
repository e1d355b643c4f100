/*
 * private.h - the structs of the runtime, for the files of this folder alone.
 *
 * A scheduler's struct has two parts: what other threads touch (the inbox, the wake-up handle, the slabs, each with its
 * own rules), and, on cache lines of its own, what belongs to the scheduler's thread.
 */
#ifndef DOR_RUNTIME_PRIVATE_H
#define DOR_RUNTIME_PRIVATE_H

#include "runtime/actor.h"
#include "runtime/calls.h"
#include "runtime/inbox.h"
#include "runtime/intake.h"
#include "runtime/names.h"
#include "runtime/buffer_cache.h"
#include "runtime/links.h"
#include "runtime/pool.h"
#include "runtime/simulation.h"
#include "runtime/slab.h"
#include "runtime/spin.h"
#include "runtime/system_message.h"
#include "runtime/trace.h"
#include "runtime/wake_fd.h"
#include <assert.h>

/* How much of a turn one actor, or all of them, may use. */
enum {
    DOR_ACTOR_TURN_MESSAGES = 100,
    DOR_TURN_NS = 500000,
    DOR_INBOX_TURN_MESSAGES = 2048 /* taken from other threads before actors run again */
};

/* dor_actor.state */
enum {
    DOR_ACTOR_RUNNING = 0,
    DOR_ACTOR_EXITING = 1, /* ops->exit was called; it ends when it is ready */
    DOR_ACTOR_LEAVING = 2, /* ends itself when its callback returns: receives nothing more */
    DOR_ACTOR_DEAD = 3     /* ended; destroy comes when the run queue gets there */
};

/* dor_actor.flags_ */
enum {
    DOR_ACTOR_QUEUED = 1, /* in the run queue */
    DOR_ACTOR_TRAPS = 2,  /* wants exit signals as messages */
    DOR_ACTOR_GATED = 4,  /* its mailbox has limits: see gate.h */
    DOR_ACTOR_DROWSY = 8, /* hibernates when its mailbox is empty */
    DOR_ACTOR_ASLEEP = 16,
    DOR_ACTOR_STAMPED = 32, /* hibernates by itself: when it last did something is noted down */
    DOR_ACTOR_STUCK = 64    /* could not be woken; a timer will try again */
};

typedef struct dor_gate dor_gate;
typedef struct dor_sleep dor_sleep;
typedef struct dor_send_waiter dor_send_waiter;

/* What few actors need, so that the others don't carry it. */
struct dor_actor_extra {
    dor_message *
        urgent_last; /* the last of the urgent messages, which stand first in the mailbox; NULL: there are none */
    dor_message *handover; /* the HANDOVER for its heir, made beforehand */
    dor_sleep *sleep;      /* how it hibernates */
};

/* A runtime's way from life to death; each scheduler follows at its own pace. */
typedef enum dor_phase {
    DOR_PHASE_RUNNING = 0,
    DOR_PHASE_STOPPING = 1, /* actors have been asked to end */
    DOR_PHASE_KILLING = 2,  /* actors that are left are ended */
    DOR_PHASE_FINISHING = 3 /* no thread outside can get in any more; loops are left */
} dor_phase;

typedef struct dor_deferred_queue {
    dor_deferred *first;
    dor_deferred **end;
} dor_deferred_queue;

/*
 * What a scheduler counts of itself: written by its thread alone, read by any. relaxed wherever they are touched, since
 * each is a fact by itself and nothing is done on the strength of it.
 */
typedef struct dor_scheduler_figures {
    _Atomic uint32_t run_queue;
    _Atomic uint64_t messages;
    _Atomic uint64_t actor_turns;
    _Atomic uint64_t loop_turns;
    _Atomic uint64_t from_outside;
    _Atomic uint64_t timers_fired;
    _Atomic uint64_t ended;
    _Atomic uint64_t undelivered;
    _Atomic uint64_t
        busy; /* in poll: DOR_IN_POLL | ns spent outside of it; else: the present time less those */
} dor_scheduler_figures;

/* One word, so that a reader has the time up to now from one load, and never less than the time before. */
#define DOR_IN_POLL (UINT64_C(1) << 63)

struct dor_scheduler {
    /* ---- any thread ---- */
    dor_inbox inbox;
    dor_inbox urgent; /* the lane for exits: emptied first */
    dor_wake_fd wake; /* open until no thread is left that could set it; a simulation has none */
    dor_slab actors;
    dor_slab mailboxes;
    dor_slab timers;
    dor_slab monitors;        /* taken and given by the owner alone; the lock is never contended */
    dor_slab gates;           /* of actors whose mailboxes have limits */
    _Atomic uint64_t spawned; /* written under the lock of `actors` */
    _Atomic uint64_t refused; /* messages that such a mailbox had no room for, or dropped for others */
    _Atomic uint64_t tracing; /* see trace.h: under which setting its thread is in fn; 0: it is not */

    /* ---- written before the thread starts, read by any ---- */
    _Alignas(64) dor_runtime *runtime;
    dor_simulation *simulation; /* NULL: there is a thread, and a loop */
    unsigned index;
    uint32_t actor_home; /* dor__name_home of each kind */
    uint32_t mailbox_home;
    uint32_t timer_home;
    uint32_t monitor_home;

    /* ---- the scheduler's thread ---- */
    _Alignas(64) dor_actor *run_first;
    dor_actor *run_last;
    dor_actor *current;         /* whose callback is running */
    dor_message *signals_first; /* the urgent lane within this scheduler: signals.h */
    dor_message *ends_first;
    _Atomic uint32_t trace_mask; /* the one thing here that others write: see trace.h */
    dor_scheduler_figures figures;
    uint32_t clock_left;   /* messages until the clock is read again */
    uint32_t clock_stride; /* messages between two readings: many when they are cheap */
    uint64_t clock_last_ns;
    uint64_t turn_end_ns;
    bool turn_spent;
    bool polling;       /* in poll, or so it was meant; or spinning */
    bool idling;        /* the idle handle keeps poll from blocking */
    bool closed;        /* sends from this thread go nowhere: the others' inboxes are being closed */
    bool asked_to_stop; /* has dealt with DOR_PHASE_STOPPING */
    bool killed;        /* has dealt with DOR_PHASE_KILLING */
    bool arrived;       /* has reported that nothing is left */
    uint32_t holds;
    uint64_t timer_ms; /* what the loop's timer is set to, DOR_WHEEL_NEVER when it is not */
    dor_spin spin;
    dor_deferred_queue deferred;
    dor_deferred_queue running_deferred;
    dor_timer_wheel wheel;
    dor_timer notes_timer; /* armed while event mailboxes lack a note: see dor__event_mailboxes_notify */
    dor_pool pool;
    dor_buffer_cache buffers;
    dor_message *signals_last;
    dor_message *ends_last;
    dor_intake intake;
    dor_link_table links; /* the halves of all its actors */
    uint32_t link_number; /* the latest call of dor_link */
    void *local;
    const dor_local_ops *local_ops;
    uv_loop_t loop;
    uv_poll_t wake_poll;
    uv_prepare_t prepare;
    uv_idle_t idle;
    uv_timer_t timer;
    uv_thread_t thread;
    bool started;
};

struct dor_runtime {
    unsigned index; /* in the registry, and in names */
    unsigned count;
    dor_simulation *simulation; /* NULL: it is none */
    dor_scheduler *schedulers;  /* aligned, within memory */
    void *memory;
    dor_depot depot;
    dor_slab processes;
    dor_slab process_monitors;
    dor_names names;
    dor_tracer tracer;
    _Atomic int phase;            /* a dor_phase */
    _Atomic unsigned placed;      /* rotates ties and timers without a home */
    _Atomic uint64_t undelivered; /* as a scheduler's, of senders that are on none */
    uint64_t started_ns;
    uv_mutex_t lock; /* for the two below */
    uv_cond_t changed;
    unsigned arrived; /* schedulers with nothing left to do */
    unsigned at_gate; /* schedulers that send no more */
};

/*
 * initial-exec: a read of this is one instruction even inside a shared library. It takes eight bytes of the static TLS
 * that the C library keeps in reserve for libraries opened later.
 */
extern _Thread_local dor_scheduler *dor__current __attribute__((tls_model("initial-exec")));

/* In builds for finding bugs, what belongs to a scheduler asserts that its thread is the one that touches it. */
#if defined(DOR_PLAIN_MALLOC) || !defined(__OPTIMIZE__)
#define DOR_ASSERT_OWNER(s) assert(dor__current == (s))
#else
#define DOR_ASSERT_OWNER(s) ((void)0)
#endif

#define DOR_TRY_UV(expr)                                                                                     \
    do {                                                                                                     \
        int dor_try_uv_ = (expr);                                                                            \
        if (dor_try_uv_ < 0) return dor__errno(-dor_try_uv_);                                                \
    } while (0)

/* ---- scheduler.c, turn.c ---- */

DOR_MUST_USE dor_result dor__scheduler_init(dor_scheduler *s, dor_runtime *runtime, unsigned index,
                                            uint32_t first_generation);
/** The thread's function: from the first turn to the closed loop. */
void dor__scheduler_main(void *scheduler);
/** Ends what is left and closes the loop: the thread's last act, or its creator's if there never was a thread. */
void dor__scheduler_finish(dor_scheduler *s);
/** Frees the memory; no scheduler of the runtime runs any more. */
void dor__scheduler_fini(dor_scheduler *s);

void dor__turn(dor_scheduler *s);

/** Counts one message against the turn; true when the turn's time is up. */
void dor__turn_clock_read(dor_scheduler *s);
/** Charges what has passed since the last reading to an actor that has just run. */
void dor__turn_clock_charge(dor_scheduler *s, dor_actor *a);
static inline bool dor__turn_over(dor_scheduler *s)
{
    if (--s->clock_left == 0) dor__turn_clock_read(s);
    return s->turn_spent;
}

/* Payload of DOR_MSG_CALL. */
typedef struct dor_scheduled_call {
    void (*fn)(dor_scheduler *s, void *arg);
    void *arg;
} dor_scheduled_call;

/** Handles a message that the inbox has brought. */
void dor__scheduler_deliver(dor_scheduler *s, dor_message *m);

/*
 * What time it is for a scheduler, from any thread: the machine's, or the simulation's. Nothing in this folder that
 * actors can notice asks any other clock.
 */
static inline uint64_t dor__clock_ns(const dor_scheduler *s)
{
    return s->simulation ? dor__simulation_clock_ns(s->simulation) : uv_hrtime();
}

/** The deadline of a timer: rounded up, so that it never comes early. */
static inline uint64_t dor__deadline_ms(const dor_scheduler *s, uint32_t delay_ms)
{
    uint64_t now = dor__clock_ns(s);
    return delay_ms > 0 ? (now + 999999) / 1000000 + delay_ms : now / 1000000;
}

/** Makes poll return, if it has not; a simulation looks into inboxes of its own accord. */
static inline void dor__scheduler_wake(dor_scheduler *s)
{
    if (!s->simulation) dor__wake_fd_set(&s->wake);
}

static inline void dor__scheduler_push(dor_scheduler *s, dor_message *m)
{
    if (dor__inbox_push(&s->inbox, m)) dor__scheduler_wake(s);
}

static inline void dor__scheduler_push_urgent(dor_scheduler *s, dor_message *m)
{
    if (dor__inbox_push(&s->urgent, m)) dor__scheduler_wake(s);
}

/* ---- trace.c ---- */

/** Whether an event of s, on its own thread, may be wanted. */
static inline bool dor__scheduler_traced(const dor_scheduler *s, unsigned what)
{
    /* relaxed: a hint that dor__trace_tell looks into. */
    return __builtin_expect(atomic_load_explicit(&s->trace_mask, memory_order_relaxed) & what, 0);
}

/** The same on any thread; the runtime is entered. */
static inline bool dor__traced(const dor_runtime *runtime, unsigned what)
{
    return __builtin_expect(
        (atomic_load_explicit(&runtime->tracer.setting, memory_order_relaxed) & what) != 0, 0);
}

/* ---- runtime.c ---- */

static inline int dor__phase(dor_runtime *runtime)
{
    /* acquire: pairs with the release in dor__runtime_stop; what was prepared for the phase is seen in it. */
    return atomic_load_explicit(&runtime->phase, memory_order_acquire);
}

/** dor__runtime_new, or, with a simulation, which the runtime takes on success, one that dor__turn makes go. */
DOR_MUST_USE dor_result dor__runtime_make(dor_runtime **runtime, unsigned count, dor_simulation *simulation);
/** A scheduler has nothing left to do. */
void dor__runtime_arrive(dor_runtime *runtime);
/** Waits until every scheduler's thread is here. */
void dor__runtime_gate(dor_runtime *runtime);

/* ---- actor.c ---- */

/*
 * An actor's slot: where the actor is, and what other threads may read of it at any time, since slots do not go away. The
 * figures are written by the owning scheduler alone (relaxed: each is a fact by itself).
 */
struct dor_actor_slot {
    dor_slab_item item;
    dor_actor *actor;
    _Atomic(dor_gate *) gate;  /* NULL: no limits. Else most of its mailbox is there, and counted there */
    _Atomic uint64_t waiting;  /* what the mailbox holds: dor__weight_of each message */
    _Atomic uint64_t messages; /* received in all */
    _Atomic uint64_t turns;
    _Atomic uint64_t busy_ns;
    _Atomic uint32_t state; /* a dor_actor_state, of actors that are not dead */
};

/* Adds to a figure that only the calling thread writes: a load and a store, not an atomic addition. */
#define DOR_FIGURE_ADD(figure, n)                                                                            \
    atomic_store_explicit(&(figure), atomic_load_explicit(&(figure), memory_order_relaxed) + (n),            \
                          memory_order_relaxed)

/** One message, and above it its bytes of payload: so both are counted by one addition. */
static inline uint64_t dor__weight_of(const dor_message *m)
{
    return (uint64_t)m->size << 32 | 1;
}

/** The live actor of a pid of s. */
static inline dor_actor *dor__actor_find(dor_scheduler *s, dor_pid pid)
{
    dor_actor_slot *slot = (dor_actor_slot *)dor__slab_find(&s->actors, pid);
    return slot ? slot->actor : NULL;
}

/** Appends a to the run queue. */
void dor__actor_enqueue(dor_scheduler *s, dor_actor *a);

/** Puts m into a mailbox without limits. */
static inline void dor__mailbox_append(dor_scheduler *s, dor_actor *a, dor_message *m)
{
    m->next_ = NULL;
    if (a->head)
        a->tail->next_ = m;
    else
        a->head = m;
    a->tail = m;
    DOR_FIGURE_ADD(a->slot->waiting, dor__weight_of(m));
    if (!(a->flags_ & DOR_ACTOR_QUEUED)) dor__actor_enqueue(s, a);
}

/** The gate that `slot` has, for whoever found it by its pid; the pid's actor may have ended since. */
static inline dor_gate *dor__slot_gate(dor_actor_slot *slot)
{
    /* acquire: pairs with the release in dor__actor_begin; a gate of a later actor's is seen complete too. */
    return atomic_load_explicit(&slot->gate, memory_order_acquire);
}

/**
 * gate.c: sends m to the actor `to`, whose gate this was a moment ago. Any thread; the runtime is entered. Takes the
 * message, unless the waiter w, which may be NULL, waits and keeps it: then w->gate is set.
 */
dor_result dor__gate_send(dor_gate *gate, dor_pid to, dor_message *m, dor_send_waiter *w);

/** Puts m into a's mailbox, or, where there is no room, does with it what the limits say. */
static inline void dor__mailbox_push(dor_scheduler *s, dor_actor *a, dor_message *m)
{
    if (a->flags_ & DOR_ACTOR_GATED)
        (void)dor__gate_send(dor__slot_gate(a->slot), a->pid, m, NULL);
    else
        dor__mailbox_append(s, a, m);
}

bool dor__mailbox_empty(const dor_actor *a);

/**
 * Puts m before everything in the mailbox but other urgent messages. a has its extra part, as all that trap exits do; and
 * m's type is one that the runtime looks at when it is received, to see to urgent_last.
 */
static inline void dor__mailbox_push_urgent(dor_scheduler *s, dor_actor *a, dor_message *m)
{
    dor_message *last = a->extra->urgent_last;
    m->next_ = last ? last->next_ : a->head;
    if (last)
        last->next_ = m;
    else
        a->head = m;
    if (!m->next_) a->tail = m;
    a->extra->urgent_last = m;
    DOR_FIGURE_ADD(a->slot->waiting, dor__weight_of(m));
    if (!(a->flags_ & DOR_ACTOR_QUEUED)) dor__actor_enqueue(s, a);
}

/** The extra part, made if need be; NULL when out of memory. */
dor_actor_extra *dor__actor_extra(dor_actor *a);
void dor__actor_extra_free(dor_actor_extra *extra);

/** What observe.h shows of it. */
void dor__actor_show_state(dor_actor *a, dor_actor_state state);

/** What dor_stop and exit signals do, on the actor's thread: ops->exit, or the end. Nothing when it is ending already. */
void dor__actor_ask_to_end(dor_actor *a, int reason);

/** The actor whose callback runs ends when that returns. */
void dor__actor_leave(dor_actor *a, int reason);

/** Hands a message to a's callback. */
static inline void dor__actor_receive(dor_scheduler *s, dor_actor *a, dor_message *m)
{
    if (dor__scheduler_traced(s, DOR_TRACE_RECEIVE)) dor__trace_receive(s->runtime, a->pid, m);
    a->ops->receive(a, m);
}

/** Runs actors until none has anything left, or the turn is over. */
void dor__actors_run(dor_scheduler *s);

/**
 * Makes actor a live actor of s; any thread. Of its fields, which are all set, the caller gives `extra` and `flags_`; on
 * failure `extra`, and the gate of one whose mailbox has limits, remain the caller's.
 */
DOR_MUST_USE dor_result dor__actor_begin(dor_actor *actor, dor_scheduler *s, const dor_actor_ops *ops,
                                         dor_gate *gate, dor_pid *pid);

/**
 * When m is a LINK or MONITOR for an actor of s that has ended, but has not told so yet, takes it, and answers it after that
 * has been told: true. It is for who has not found the actor alive.
 */
bool dor__actor_answers_late(dor_scheduler *s, dor_message *m);

/** Asks every actor of s to end, or ends it. */
void dor__actors_ask_to_stop(dor_scheduler *s);
void dor__actors_kill(dor_scheduler *s);

/* ---- hibernate.c ---- */

/** Makes a->extra->sleep, for an actor about to be born that keeps its state at *state. */
DOR_MUST_USE dor_result dor__sleep_new(dor_actor *a, void **state, const dor_actor_spec *spec);
void dor__sleep_free(dor_sleep *sleep);
/** a has ended: stops its timer. */
void dor__sleep_end(dor_actor *a);
/** Arms the timer of an actor that hibernates by itself: the SLEEP_ARM that it was born with has come. */
void dor__sleep_arm(dor_actor *a);
/** Wakes a, which is asleep. False when there is no memory for that: then it is tried again by a timer. */
bool dor__sleep_wake(dor_actor *a);
/** a has dealt with what it had: it may fall asleep. */
void dor__sleep_after_run(dor_actor *a);

/* ---- heir.c ---- */

/** Whether a, which has ended, hands its state over: then it is done, and its stop function must not be called. */
bool dor__heir_takes(dor_actor *a, void *state, dor_stop_fn stop);

/* ---- message.c, send.c ---- */

/** dor__send for other threads' actors and for guests; w: see dor__gate_send. */
dor_result dor__send_far(dor_pid to, dor_message *m, dor_send_waiter *w);

/** Whether a pid of this runtime, which is entered, is alive. */
bool dor__pid_alive_in(dor_runtime *runtime, dor_pid pid);

/** Frees a message that nobody takes, after answering it where it wants an answer. */
void dor__message_undeliverable(dor_message *m);

/* ---- timer_message.c ---- */

DOR_MUST_USE dor_result dor__timers_init(dor_scheduler *s, uint32_t first_generation);
void dor__timer_arm_message(dor_scheduler *s, dor_message *m);
void dor__timer_drop_message(dor_scheduler *s, dor_message *m);
/** Frees the messages of timers that will not fire any more. */
void dor__timers_discard(dor_scheduler *s);

/* ---- spawn.c ---- */

/** The scheduler that a dor_actor_spec's `scheduler` means; the runtime is entered. BADARG. */
DOR_MUST_USE dor_result dor__scheduler_place(dor_runtime *runtime, int wanted, dor_scheduler **s);

/* ---- supervisor_calls.c ---- */

/** a receives a SUPERVISOR_CALL, and answers it if it is no supervisor. */
void dor__supervisor_call_message(dor_actor *a, dor_message *m);

/* ---- monitor.c ---- */

/**
 * What the watcher keeps of a monitor, or of a request (request.c), which is a monitor too; the other end is the DOWN
 * message itself, with the watched.
 */
typedef struct dor_monitor_entry {
    dor_slab_item item;
    _Atomic dor_pid watcher; /* read by whoever replies, on any thread: see request.c */
    dor_pid watched;
    dor_message *node; /* where it lies may be looked at only while the watched lives */
    uint32_t next;     /* slot + 1, in the watcher's list */
    uint32_t previous : 31;
    uint32_t is_request : 1;
    union {
        dor_message *message; /* of an actor: the timer is within it */
        dor_ref timer;        /* of a process */
    } timeout;                /* of a request; 0: there is none */
} dor_monitor_entry;

/** Who asks: an actor or a process, and where its entries are. */
typedef struct dor_watcher {
    dor_pid pid;
    uint32_t *list; /* slot + 1 of the first entry */
    dor_slab *slab;
    uint32_t home;
} dor_watcher;

DOR_MUST_USE dor_result dor__watch(const dor_watcher *watcher, dor_pid watched, dor_ref *ref);
dor_result dor__unwatch(const dor_watcher *watcher, dor_ref ref);
/** Takes back one of its monitors and requests; false when there is none left. */
bool dor__unwatch_one(const dor_watcher *watcher);
/** dor__watch in two steps: the entry and the node are made; then, once the entry is complete, the watched is told. */
DOR_MUST_USE dor_result dor__watch_make(const dor_watcher *watcher, dor_pid watched, dor_ref *ref,
                                        dor_monitor_entry **entry);
void dor__watch_send(const dor_monitor_entry *entry);
/** Spawns an actor that is watched from the start. */
DOR_MUST_USE dor_result dor__watch_spawned(const dor_watcher *watcher, dor_runtime *runtime,
                                           const dor_actor_spec *spec, dor_pid *pid, dor_ref *ref);
/** Takes the first step back. */
void dor__watch_unmake(const dor_watcher *watcher, dor_monitor_entry *entry, uint32_t slot);
/** The watcher's own living entry of that reference, or NULL. */
dor_monitor_entry *dor__watch_entry(const dor_watcher *watcher, dor_ref ref);
/** Ends an entry; `node`, if that is its node, has come back and is the caller's, otherwise it is taken back. */
void dor__watch_end(const dor_watcher *watcher, dor_monitor_entry *entry, uint32_t slot,
                    const dor_message *node);
/** Tells everybody in a list of watchers that pid has ended; where they are many, on a scheduler, little by little. */
void dor__watchers_tell(dor_message *watchers, dor_pid pid, int reason);
/** Tells the one that a DOWN_OVER is for. Returns what is left: a DOWN_OVER, or NULL. */
dor_message *dor__watchers_tell_next(dor_message *over);
/** Puts a MONITOR into, or takes it out of, a list of watchers. */
void dor__watchers_add(dor_message **watchers, dor_message *node);
void dor__watchers_remove(dor_message **watchers, dor_message *node);
/** Answers a MONITOR whose target is dead. Takes it. */
void dor__watch_refused(dor_message *monitor);
void dor__monitor_message(dor_scheduler *s, dor_message *m);
void dor__demonitor_message(dor_scheduler *s, dor_message *m);
dor_watcher dor__actor_watcher(dor_actor *a);

/* ---- request.c ---- */

/**
 * Messages that depend on an entry of the receiver's, and are shown to it as something else, or not at all: DOWN_DUE,
 * NO_REPLY_DUE, and replies.
 */
static inline bool dor__is_reply(uint32_t type)
{
    return type >= (uint32_t)DOR_MSG_REPLY_MARK && type < (uint32_t)DOR_MSG_SYSTEM;
}
static inline bool dor__is_due(uint32_t type)
{
    return dor__is_reply(type) || type == DOR_MSG_DOWN_DUE || type == DOR_MSG_NO_REPLY_DUE;
}
/** As what its receiver will see a message of this type. */
static inline uint32_t dor__due_shown(uint32_t type)
{
    if (type == DOR_MSG_DOWN_DUE) return DOR_MSG_DOWN;
    if (type == DOR_MSG_NO_REPLY_DUE) return DOR_MSG_NO_REPLY;
    return dor__is_reply(type) ? type & ~(uint32_t)DOR_MSG_REPLY_MARK : type;
}
/** The reference that such a message is about. */
dor_ref dor__due_ref(const dor_message *m);
/** Whether it is still wanted: its entry, or NULL. May turn a DOWN_DUE into a NO_REPLY_DUE. */
dor_monitor_entry *dor__due_entry(const dor_watcher *watcher, dor_message *m);
/** It is being received: its entry is over, and the message shown as what it is. */
void dor__due_receive(const dor_watcher *watcher, dor_monitor_entry *entry, dor_message *m);

/** dor_request and dor_cancel_request on behalf of a watcher whose thread this is. */
DOR_MUST_USE dor_result dor__ask(const dor_watcher *watcher, dor_pid to, dor_message *request,
                                 uint32_t timeout_ms, dor_ref *ref);
dor_result dor__ask_no_more(const dor_watcher *watcher, dor_ref ref);
/** Takes the timeout of a request back. */
void dor__request_stop_timer(dor_monitor_entry *entry);

/* ---- guest.c: processes and ports, from outside; their struct: guest.h ---- */

typedef struct dor_guest dor_guest;

DOR_MUST_USE dor_result dor__guests_init(dor_runtime *runtime, uint32_t first_generation);
/** Wakes every blocked receive: the runtime stops. */
void dor__guests_stop(dor_runtime *runtime);
/** Ends the guests that are left; no thread can get at them any more. */
void dor__guests_fini(dor_runtime *runtime);
/** Takes the message unless the code is below 0; it may be DOR_MESSAGE_DROPPED. The runtime is entered. */
DOR_MUST_USE dor_result dor__guest_send(dor_runtime *runtime, dor_pid to, dor_message *m, dor_send_waiter *w);
/** Takes the node out of pid's watchers and frees it, if pid is alive. The runtime is entered. */
void dor__guest_demonitor(dor_runtime *runtime, dor_pid pid, dor_message *node);
/** dor_monitor and dor_demonitor of the guest that the calling thread speaks for. */
DOR_MUST_USE dor_result dor__guest_watch(dor_pid watched, dor_ref *ref);
dor_result dor__guest_unwatch(dor_ref ref);
/** Acts on a message of the urgent lane to a guest. Takes it, unless there is no such guest: false. The runtime is entered. */
bool dor__guest_signal(dor_runtime *runtime, dor_pid to, dor_message *m);
/** dor_link and so on of the guest that the calling thread speaks for. */
DOR_MUST_USE dor_result dor__guest_link(dor_pid pid);
dor_result dor__guest_unlink(dor_pid pid);
DOR_MUST_USE dor_result dor__guest_trap_exit(bool trap);
DOR_MUST_USE dor_result dor__guest_spawn_link(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid);
DOR_MUST_USE dor_result dor__guest_spawn_monitor(dor_runtime *runtime, const dor_actor_spec *spec,
                                                 dor_pid *pid, dor_ref *ref);

/* ---- guest_request.c ---- */

/** dor_request and dor_cancel_request of the guest that the calling thread speaks for. */
DOR_MUST_USE dor_result dor__guest_ask(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref);
dor_result dor__guest_ask_no_more(dor_ref ref);

/* ---- process.c ---- */

/** The guest that the calling thread speaks for, or DOR_PID_NONE. */
dor_pid dor__guest_self(void);
/** Finds it, and enters its runtime. NO_PROCESS, STOPPED, WOULD_DEADLOCK on a scheduler's thread. */
DOR_MUST_USE dor_result dor__guest_enter_self(dor_runtime **runtime, dor_guest **g);

#endif
