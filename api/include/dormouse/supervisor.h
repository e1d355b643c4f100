/*
 * dormouse/supervisor.h - actors that start others, watch them, and start them again.
 *
 * What it does, and in which order, is what OTP's supervisor does: children are started in the order of the list, each
 * when the one before has been started, and ended in the opposite order. A child that ends is started again, or not,
 * according to its `restart`, together with its siblings according to the strategy; more than `intensity` restarts within
 * `period_ms` end the supervisor, and all its children with it.
 *
 * A supervisor is linked to its children and to whoever started it (an actor, process or port), and ends, children first,
 * when that one ends, with the same reason. It traps exits; signals from anybody else have no effect on it, but for
 * DOR_KILL. It ends with DOR_E_RESTART_INTENSITY when there were too many restarts. A child has ended for it when its stop
 * function has returned.
 *
 * Source: OTP's supervisor behaviour. docs/supervisors.md lists what differs.
 */
#ifndef DORMOUSE_SUPERVISOR_H
#define DORMOUSE_SUPERVISOR_H

#include <dormouse/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Who is started again when a child has ended. */
typedef enum dor_strategy {
    DOR_ONE_FOR_ONE = 0,   /**< only the child that ended */
    DOR_ONE_FOR_ALL,       /**< all: the others are ended first */
    DOR_REST_FOR_ONE,      /**< it and those that were started after it */
    DOR_SIMPLE_ONE_FOR_ONE /**< any number of children of one kind, started by dor_supervisor_start_child */
} dor_strategy;

/** When a child is started again. */
typedef enum dor_restart {
    DOR_PERMANENT = 0, /**< always started again */
    DOR_TRANSIENT,     /**< when it ended with a reason other than DOR_OK and DOR_E_SHUTDOWN */
    DOR_TEMPORARY      /**< never; and forgotten when it has ended */
} dor_restart;

/** Whether a child is a supervisor itself; decides DOR_SHUTDOWN_DEFAULT. */
typedef enum dor_child_type {
    DOR_WORKER = 0, /**< any actor */
    DOR_SUPERVISOR  /**< one that dor_supervisor_start started */
} dor_child_type;

enum {
    DOR_SHUTDOWN_DEFAULT = 0, /**< 5,000 ms for a worker, without limit for a supervisor */
    DOR_SHUTDOWN_KILL = 1     /**< not asked, but killed at once */
};

/**
 * Starts one child, with dor_spawn or something that comes down to it, and gives its pid. Runs on the supervisor's
 * scheduler, as the supervisor (dor_self), and must not block. `arg` is the child specification's; `extra` what
 * dor_supervisor_start_child was given, else NULL. Returns DOR_OK or a code, which fails the start.
 *
 * The supervisor links the child, if the function has not. It may live on any scheduler; if it is dead already, it has
 * ended like any other (with DOR_E_NOPROC, if it was not spawned with a link). With DOR_OK and no pid (DOR_PID_NONE, which
 * *pid is at first) there is nothing to run: the child counts as started, and does not run. A process or port, or one who
 * is a child already, cannot be a child: the start fails with DOR_E_BADARG.
 */
typedef int (*dor_child_start_fn)(void *arg, void *extra, dor_pid *pid);

/** How a child is started, ended and started again. */
typedef struct dor_child_spec {
    const char *
        id; /**< 1 to DOR_NAME_MAX bytes, unique among its siblings; copied. Not used by SIMPLE_ONE_FOR_ONE */
    dor_child_start_fn start; /**< required */
    void *arg;                /**< must live as long as the supervisor, or until release is called */
    /**
     * Or NULL. Called once when the specification is forgotten, also when the call that it was given to fails. On the
     * supervisor's scheduler, or, if it did not get there, on any thread.
     */
    void (*release)(void *arg);
    dor_restart restart;  /**< when it is started again */
    uint32_t shutdown_ms; /**< how long it may take to end, DOR_INFINITY, or one of DOR_SHUTDOWN_ */
    dor_child_type type;  /**< DOR_WORKER or DOR_SUPERVISOR */
} dor_child_spec;

/** What a supervisor is started with. */
typedef struct dor_supervisor_spec {
    dor_strategy strategy;          /**< who is started again */
    uint32_t intensity;             /**< so many restarts are allowed ... */
    uint32_t period_ms;             /**< ... within so long; 0: 5,000 */
    int scheduler;                  /**< as in dor_actor_spec */
    const dor_child_spec *children; /**< copied; for SIMPLE_ONE_FOR_ONE exactly one, the kind */
    size_t child_count;             /**< how many children */
} dor_supervisor_spec;

/**
 * Starts a supervisor and its children, and links it to the caller if that is an actor, process or port. On a scheduler
 * thread the supervisor must be on that same scheduler (DOR_ON_THIS; else DOR_E_WOULD_DEADLOCK); elsewhere the call waits
 * until the last child has been started. When one cannot be, those before it are ended and its code is returned: once they
 * have ended, but on a scheduler thread, and in a simulation, at once, while they end. (A supervisor whose start function
 * makes this call waits for them before it starts anything else.)
 *
 * DOR_E_BADARG; DOR_E_EALREADY when two children have the same id; DOR_E_STOPPED; DOR_E_NOMEM.
 */
DOR_API int dor_supervisor_start(dor_runtime *runtime, const dor_supervisor_spec *spec, dor_pid *pid);

/**
 * Asks a supervisor to end, children first in the opposite order of their start, with DOR_E_SHUTDOWN: dor_stop with that.
 * What it is at is finished first; calls that wait get no reply. Monitor it to learn when it is done. DOR_E_NOPROC,
 * DOR_E_NOMEM; harmless if it is dead.
 */
DOR_API int dor_supervisor_stop(dor_pid supervisor);

/* ---- calls ------------------------------------------------------------------------------------------- */

/*
 * Each call exists in two forms. With ref == NULL it waits for the answer (from a process: DOR_E_WOULD_DEADLOCK on a
 * scheduler thread, DOR_E_NO_PROCESS on one that is not attached, DOR_E_NOPROC when there is no such supervisor, or the
 * reason why it has ended meanwhile). With a ref it returns at once, and a DOR_MSG_SUPERVISOR with that reference comes
 * (DOR_MSG_NO_REPLY when the supervisor ends).
 *
 * Calls are answered one after the other; one that comes while the supervisor waits for a child to end waits, too. Those
 * of SIMPLE_ONE_FOR_ONE answer DOR_E_EINVAL to other strategies, and those by id to SIMPLE_ONE_FOR_ONE.
 */

/** DOR_MSG_SUPERVISOR's payload. */
typedef struct dor_supervisor_reply {
    dor_ref ref; /**< what the call gave */
    int result;  /**< DOR_OK or a code */
    dor_pid
        pid; /**< of the child that was started, or of the one asked for; DOR_PID_NONE when it does not run */
} dor_supervisor_reply;

/**
 * Adds a child, as the last one, and starts it. DOR_E_EALREADY when there is one of that id; what start returned, then the
 * child is forgotten. Takes the specification even on failure: see release.
 */
DOR_API int dor_supervisor_add_child(dor_pid supervisor, const dor_child_spec *child, dor_pid *pid,
                                     dor_ref *ref);

/**
 * SIMPLE_ONE_FOR_ONE: starts one more child of the kind; `extra` goes to the start function, also when it is restarted.
 * Takes extra even on failure: release, or NULL, is called with it once, when the child is forgotten (on the supervisor's
 * scheduler) or could not be started (on any thread).
 */
DOR_API int dor_supervisor_start_child(dor_pid supervisor, void *extra, void (*release)(void *extra),
                                       dor_pid *pid, dor_ref *ref);

/**
 * Ends a child and keeps its specification (a temporary one's is forgotten). Answers when it has ended; DOR_OK, too, when it
 * did not run. DOR_E_NO_CHILD.
 */
DOR_API int dor_supervisor_terminate_child(dor_pid supervisor, const char *id, dor_ref *ref);

/** SIMPLE_ONE_FOR_ONE: ends the child of that pid, and forgets it. DOR_E_NO_CHILD. */
DOR_API int dor_supervisor_terminate_pid(dor_pid supervisor, dor_pid child, dor_ref *ref);

/** Starts a child that does not run. DOR_E_NO_CHILD, DOR_E_CHILD_RUNNING; what start returned. */
DOR_API int dor_supervisor_restart_child(dor_pid supervisor, const char *id, dor_pid *pid, dor_ref *ref);

/** Forgets the specification of a child that does not run. DOR_E_NO_CHILD, DOR_E_CHILD_RUNNING. */
DOR_API int dor_supervisor_delete_child(dor_pid supervisor, const char *id, dor_ref *ref);

/** Which pid the child of that id has now. DOR_E_NO_CHILD. */
DOR_API int dor_supervisor_which_child(dor_pid supervisor, const char *id, dor_pid *pid, dor_ref *ref);

/** What dor_supervisor_count_children tells. */
typedef struct dor_child_counts {
    uint32_t specs;       /**< specifications (1 for SIMPLE_ONE_FOR_ONE) */
    uint32_t active;      /**< children that run */
    uint32_t supervisors; /**< of the specifications, or of the children of SIMPLE_ONE_FOR_ONE */
    uint32_t workers;     /**< likewise */
    uint32_t restarts;    /**< since the start; each attempt counts */
} dor_child_counts;

/** From a process only: waits. */
DOR_API int dor_supervisor_count_children(dor_pid supervisor, dor_child_counts *counts);

/** What dor_supervisor_which_children tells of each. */
typedef struct dor_child_info {
    char id[DOR_NAME_MAX + 1]; /**< "" for SIMPLE_ONE_FOR_ONE */
    dor_pid pid;               /**< DOR_PID_NONE when it does not run */
    dor_child_type type;       /**< as specified */
    dor_restart restart;       /**< as specified */
} dor_child_info;

/** From a process only: waits. Writes up to cap children, in the order of their start, and *count, which may be more. */
DOR_API int dor_supervisor_which_children(dor_pid supervisor, dor_child_info *children, size_t cap,
                                          size_t *count);

#ifdef __cplusplus
}
#endif
#endif
