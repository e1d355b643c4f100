/*
 * supervisor_private.h - a supervisor's struct, for the files supervisor*.c alone.
 *
 *   supervisor.c           its beginning, messages and end
 *   supervisor_child.c     the records of children, and finding them
 *   supervisor_restart.c   starting children, and starting them again
 *   supervisor_shutdown.c  ending them
 *   supervisor_calls.c     what others ask of it
 *
 * Owning thread: all of it belongs to the supervisor's scheduler; records of children are made on the thread that asks
 * for the child, and move with the message.
 *
 * A supervisor never waits in place. What takes time, because a child is being waited for, is its `work`; messages that
 * come meanwhile and that the work does not wait for are kept in `kept` and handled afterwards, in their order.
 */
#ifndef DOR_RUNTIME_SUPERVISOR_PRIVATE_H
#define DOR_RUNTIME_SUPERVISOR_PRIVATE_H

#include "runtime/private.h"
#include "runtime/signals.h"
#include "runtime/supervisor_calls.h"

enum {
    DOR_SUPERVISOR_PERIOD_MS = 5000,   /* where the specification says 0 */
    DOR_SUPERVISOR_SHUTDOWN_MS = 5000, /* a worker's, where it says DOR_SHUTDOWN_DEFAULT */
    DOR_SUPERVISOR_POLL_MS = 5,        /* between two attempts at what no message will tell of */
    DOR_SUPERVISOR_BATCH = 64,         /* children, or kept messages, that are dealt with in one go */
    DOR_SUPERVISOR_FIRST_BUCKETS = 8   /* power of two */
};

/* ---- children ---- */

typedef enum dor_child_state {
    DOR_CHILD_STOPPED = 0, /* does not run, and is not going to by itself */
    DOR_CHILD_RUNNING,
    DOR_CHILD_ENDED,     /* has ended, and the message that says so is still kept */
    DOR_CHILD_RESTARTING /* could not be started again, and is tried again soon */
} dor_child_state;

/* What a child is found by. */
enum { DOR_BY_PID = 0, DOR_BY_ID = 1 };

typedef struct dor_child dor_child;

/* A specification: a child's own, or that of all children of a SIMPLE_ONE_FOR_ONE. */
typedef struct dor_child_kind {
    dor_child_spec spec; /* its id points to the one here */
    char id[DOR_NAME_MAX + 1];
} dor_child_kind;

struct dor_child {
    dor_child *next; /* in the order of their start */
    dor_child *previous;
    dor_child *chain[2]; /* in the same bucket: DOR_BY_PID, DOR_BY_ID */
    dor_child *retry_next;
    dor_child *retry_previous;
    dor_child_kind *kind;
    void *extra;
    void (*release_extra)(void *extra);
    dor_pid pid; /* found by it unless STOPPED; of one that is RESTARTING, the former */
    dor_ref monitor;
    int reason; /* ENDED: why */
    uint8_t state;
    bool own_kind; /* the kind lies behind this record and goes with it */
};

/* Chains of children by pid or by id. Growing may fail: then chains are longer. */
typedef struct dor_child_table {
    dor_child *first_buckets[DOR_SUPERVISOR_FIRST_BUCKETS];
    dor_child **buckets;
    uint32_t mask;
    uint32_t count;
    unsigned by;
} dor_child_table;

/* Somebody who must have ended before anything is started: a child that could not be linked, a supervisor that failed. */
typedef struct dor_stray {
    struct dor_stray *next;
    dor_pid pid;
    dor_ref monitor;
    bool kill;    /* and it has to be made to */
    bool watched; /* a DOWN will come */
    bool dead;    /* and not watched */
} dor_stray;

/* ---- the supervisor ---- */

typedef struct dor_restart_time {
    uint64_t ms;
    uint32_t count;
} dor_restart_time;

/* The restarts of the last period: a ring. */
typedef struct dor_restart_log {
    dor_restart_time first_entries[4];
    dor_restart_time *entries; /* NULL: the first ones */
    uint32_t cap;
    uint32_t first;
    uint32_t used;
    uint64_t restarts; /* sum of their counts */
} dor_restart_log;

typedef enum dor_supervisor_work {
    DOR_WORK_NONE = 0,
    DOR_WORK_RESTART,   /* ends the children from `from` on, then starts them */
    DOR_WORK_TERMINATE, /* ends one child, then answers `asked_by` */
    DOR_WORK_END        /* ends all, then itself */
} dor_supervisor_work;

/* A thread that waits for dor__supervisor_start. */
typedef struct dor_supervisor_starter {
    uv_sem_t done;
    int code;
} dor_supervisor_starter;

typedef struct dor_supervisor {
    dor_actor base;
    dor_pid parent;                  /* who started it, or DOR_PID_NONE */
    dor_supervisor_starter *starter; /* until it has been told */
    dor_strategy strategy;
    uint32_t intensity;
    uint32_t period_ms;
    /* children */
    dor_child *first; /* in the order of their start */
    dor_child *last;
    uint32_t children;
    uint32_t running;
    uint32_t restarts; /* in all */
    dor_child_table by_pid;
    dor_child_table by_id;
    dor_child_kind *kind;   /* SIMPLE_ONE_FOR_ONE's */
    dor_child *retry_first; /* to be tried again, in this order */
    dor_child *retry_last;
    dor_restart_log log;
    /* work */
    dor_supervisor_work work;
    dor_child *at;         /* the next child to end, or the one that is waited for; those after it are done */
    dor_child *from;       /* the last child to end; NULL: all */
    dor_message *asked_by; /* TERMINATE */
    int signal;            /* what `at`, or all children of a SIMPLE_ONE_FOR_ONE, are being sent */
    bool waiting;          /* for the end of `at` */
    bool unsent;           /* for lack of memory the signal could not be sent */
    bool sweeping;         /* SIMPLE_ONE_FOR_ONE's end: children from `at` on have not been sent the signal */
    bool begun;            /* the first children have been started, or failed to */
    bool ending;           /* END comes next, or is the work already */
    int end_reason;
    dor_stray *strays;
    dor_stray *spare;    /* for the next child that is started: see dor__child_start */
    dor_message *doubts; /* DOWN messages that know no reason, while the link may still tell one */
    dor_message *kept_first;
    dor_message *kept_last;
    dor_deferred more;  /* kept messages and retries */
    dor_timer deadline; /* of the child that is waited for */
    dor_timer poll;     /* strays, doubts and unsent signals */
} dor_supervisor;

extern const dor_actor_ops dor__supervisor_ops;

static inline dor_supervisor *dor__supervisor_of(dor_actor *actor)
{
    return DOR_CONTAINER_OF(actor, dor_supervisor, base);
}

static inline bool dor__supervisor_is_simple(const dor_supervisor *sup)
{
    return sup->strategy == DOR_SIMPLE_ONE_FOR_ONE;
}

/** True while messages have to wait. */
static inline bool dor__supervisor_is_busy(const dor_supervisor *sup)
{
    return sup->work != DOR_WORK_NONE || sup->ending || sup->strays || !sup->begun;
}

/* ---- supervisor.c ---- */

/** Ends it, children first. The first reason counts. */
void dor__supervisor_end(dor_supervisor *sup, int reason);
/** Does what can be done of its work; then what was kept, a little later. */
void dor__supervisor_step(dor_supervisor *sup);
/** m has to wait until the work is done. */
void dor__supervisor_keep(dor_supervisor *sup, dor_message *m);
void dor__supervisor_poll_soon(dor_supervisor *sup);
/** pid has to have ended before anything is started. kill: and is to be killed. The spare record is there. */
void dor__supervisor_add_stray(dor_supervisor *sup, dor_pid pid, bool kill);
DOR_MUST_USE dor_result dor__supervisor_ensure_spare(dor_supervisor *sup);

/* ---- supervisor_child.c ---- */

/** A record with a kind of its own. Takes the specification even on failure. */
dor_child *dor__child_new(const dor_child_spec *spec);
/** One more of a SIMPLE_ONE_FOR_ONE's. Takes extra even on failure. */
dor_child *dor__child_new_simple(void *extra, void (*release)(void *extra));
/** Releases what it holds. It is in no list. */
void dor__child_free(dor_child *c);
dor_child_kind *dor__child_kind_new(const dor_child_spec *spec);
void dor__child_kind_free(dor_child_kind *kind);

void dor__child_table_init(dor_child_table *table, unsigned by);
void dor__child_table_fini(dor_child_table *table);
dor_child *dor__child_find(dor_supervisor *sup, dor_pid pid);
dor_child *dor__child_find_id(dor_supervisor *sup, const char *id);
/** The last child from now on. */
void dor__child_add(dor_supervisor *sup, dor_child *c);
/** Takes it out of everything and frees it. */
void dor__child_forget(dor_supervisor *sup, dor_child *c);
/** It does not run any more; a temporary one, or one of a SIMPLE_ONE_FOR_ONE, is forgotten. */
void dor__child_settle(dor_supervisor *sup, dor_child *c);
/** pid becomes the child's. */
void dor__child_set_pid(dor_supervisor *sup, dor_child *c, dor_pid pid);
void dor__child_set_state(dor_supervisor *sup, dor_child *c, dor_child_state state);
void dor__child_retry_later(dor_supervisor *sup, dor_child *c);
void dor__child_retry_forget(dor_supervisor *sup, dor_child *c);

/* ---- supervisor_restart.c ---- */

/** Calls the start function. The child runs then, or is STOPPED: when it failed, or there is nothing to run. */
DOR_MUST_USE dor_result dor__child_start(dor_supervisor *sup, dor_child *c);
/** Starts all children, or those from `from` on, until one fails, which is given in *failed. */
DOR_MUST_USE dor_result dor__children_start(dor_supervisor *sup, dor_child *from, dor_child **failed);
/** A child has ended by itself: what its restart and the strategy say. */
void dor__child_has_ended(dor_supervisor *sup, dor_child *c);
void dor__child_restart(dor_supervisor *sup, dor_child *c);
/** The second half of RESTART. */
void dor__children_restart(dor_supervisor *sup, dor_child *from);
void dor__restart_log_fini(dor_restart_log *log);

/* ---- supervisor_shutdown.c ---- */

/** Ends children of the present work; true when all have ended. */
bool dor__children_end(dor_supervisor *sup);
void dor__child_send_signal(dor_supervisor *sup);
void dor__supervisor_on_deadline(dor_timer *timer);
/** c, which was running, has ended; m says so, and is taken. */
void dor__child_ended(dor_supervisor *sup, dor_child *c, int reason, dor_message *m);

/* ---- supervisor_calls.c ---- */

void dor__supervisor_handle_call(dor_supervisor *sup, dor_message *m);
void dor__supervisor_answer(dor_message *m, int result, dor_pid pid);

#endif
