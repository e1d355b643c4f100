/*
 * dormouse/supervisor.h - actors that start others, watch them, and start them again.
 *
 * What it does, and in which order, is what OTP's supervisor does: children are started in the order of the list, each
 * when the one before has been started, and ended in the opposite order. A child that ends is started again, or not,
 * according to its `restart`, together with its siblings according to the strategy; more than `intensity` restarts within
 * `period_ms` end the supervisor, and all its children with it.
 *
 * A supervisor is linked to its children and to whoever started it (an actor, process or port), and ends, children first,
 * when that one ends.
 *
 * Source: OTP's supervisor behaviour.
 */
#ifndef DORMOUSE_SUPERVISOR_H
#define DORMOUSE_SUPERVISOR_H

#include <dormouse/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dor_strategy {
    DOR_ONE_FOR_ONE = 0,   /**< only the child that ended */
    DOR_ONE_FOR_ALL,       /**< all: the others are ended first */
    DOR_REST_FOR_ONE,      /**< it and those that were started after it */
    DOR_SIMPLE_ONE_FOR_ONE /**< any number of children of one kind, started by dor_supervisor_start_child */
} dor_strategy;

typedef enum dor_restart {
    DOR_PERMANENT = 0, /**< always started again */
    DOR_TRANSIENT,     /**< when it ended with a reason other than DOR_OK and DOR_E_SHUTDOWN */
    DOR_TEMPORARY      /**< never; and forgotten when it has ended */
} dor_restart;

typedef enum dor_child_type { DOR_WORKER = 0, DOR_SUPERVISOR } dor_child_type;

enum {
    DOR_SHUTDOWN_DEFAULT = 0, /**< 5,000 ms for a worker, without limit for a supervisor */
    DOR_SHUTDOWN_KILL = 1     /**< not asked, but killed at once */
};

/**
 * Starts one child, with dor_spawn or something that comes down to it, and gives its pid. Runs on the supervisor's
 * scheduler and must not block. `arg` is the child specification's; `extra` what dor_supervisor_start_child was given
 * (NULL in a restart of a child that was not started so). Returns DOR_OK or a code, which fails the start.
 */
typedef int (*dor_child_start_fn)(void *arg, void *extra, dor_pid *pid);

typedef struct dor_child_spec {
    const char *
        id; /**< up to DOR_NAME_MAX bytes, unique among its siblings; copied. Not used by SIMPLE_ONE_FOR_ONE */
    dor_child_start_fn start;
    void *arg;                  /**< must live as long as the supervisor, or until release is called */
    void (*release)(void *arg); /**< or NULL: called when the specification is forgotten */
    dor_restart restart;
    uint32_t shutdown_ms; /**< how long it may take to end, DOR_INFINITY, or one of DOR_SHUTDOWN_ */
    dor_child_type type;
} dor_child_spec;

typedef struct dor_supervisor_spec {
    dor_strategy strategy;
    uint32_t intensity;             /**< so many restarts are allowed ... */
    uint32_t period_ms;             /**< ... within so long; 0: 5,000 */
    int scheduler;                  /**< as in dor_actor_spec */
    const dor_child_spec *children; /**< copied; for SIMPLE_ONE_FOR_ONE exactly one, the kind */
    size_t child_count;
    void (*release_extra)(
        void *extra); /**< or NULL: called when the child that `extra` started is forgotten */
} dor_supervisor_spec;

/**
 * Starts a supervisor and its children, and links it to the caller if that is an actor, process or port. On a scheduler
 * thread the supervisor must be on that same scheduler (DOR_ON_THIS; else DOR_E_WOULD_DEADLOCK); elsewhere the call waits
 * until the last child has been started. When one cannot be, those before it are ended and its code is returned.
 */
DOR_API int dor_supervisor_start(dor_runtime *runtime, const dor_supervisor_spec *spec, dor_pid *pid);

/** Ends a supervisor, children first in the opposite order of their start, with DOR_E_SHUTDOWN: dor_exit with that. */
DOR_API int dor_supervisor_stop(dor_pid supervisor);

/* ---- calls ------------------------------------------------------------------------------------------- */

/*
 * Each call exists in two forms. With ref == NULL it waits for the answer (from a process: DOR_E_WOULD_DEADLOCK on a
 * scheduler thread, DOR_E_NO_PROCESS on one that is not attached, DOR_E_NOPROC when there is no such supervisor). With a
 * ref it returns at once, and a DOR_MSG_SUPERVISOR with that reference comes (DOR_MSG_NO_REPLY when the supervisor ends).
 */

/** DOR_MSG_SUPERVISOR's payload. */
typedef struct dor_supervisor_reply {
    dor_ref ref;
    int result;
    dor_pid
        pid; /**< of the child that was started, or of the one asked for; DOR_PID_NONE when it does not run */
} dor_supervisor_reply;

/** Adds a child and starts it. DOR_E_EALREADY when there is one of that id; what start returned. */
DOR_API int dor_supervisor_add_child(dor_pid supervisor, const dor_child_spec *child, dor_pid *pid,
                                     dor_ref *ref);

/** SIMPLE_ONE_FOR_ONE: starts one more child of the kind; `extra` goes to the start function, also when it is restarted. */
DOR_API int dor_supervisor_start_child(dor_pid supervisor, void *extra, dor_pid *pid, dor_ref *ref);

/** Ends a child and keeps its specification (a temporary one's is forgotten). DOR_E_NO_CHILD. */
DOR_API int dor_supervisor_terminate_child(dor_pid supervisor, const char *id, dor_ref *ref);

/** SIMPLE_ONE_FOR_ONE: ends the child of that pid. DOR_E_NO_CHILD. */
DOR_API int dor_supervisor_terminate_pid(dor_pid supervisor, dor_pid child, dor_ref *ref);

/** Starts a child again that has been terminated. DOR_E_NO_CHILD, DOR_E_CHILD_RUNNING. */
DOR_API int dor_supervisor_restart_child(dor_pid supervisor, const char *id, dor_pid *pid, dor_ref *ref);

/** Forgets the specification of a child that does not run. DOR_E_NO_CHILD, DOR_E_CHILD_RUNNING. */
DOR_API int dor_supervisor_delete_child(dor_pid supervisor, const char *id, dor_ref *ref);

/** Which pid the child of that id has now. DOR_E_NO_CHILD. */
DOR_API int dor_supervisor_which_child(dor_pid supervisor, const char *id, dor_pid *pid, dor_ref *ref);

typedef struct dor_child_counts {
    uint32_t specs;       /**< specifications (1 for SIMPLE_ONE_FOR_ONE) */
    uint32_t active;      /**< children that run */
    uint32_t supervisors; /**< of the specifications, or of the running children of SIMPLE_ONE_FOR_ONE */
    uint32_t workers;
    uint32_t restarts; /**< since the start */
} dor_child_counts;

/** From a process only: waits. */
DOR_API int dor_supervisor_count_children(dor_pid supervisor, dor_child_counts *counts);

typedef struct dor_child_info {
    char id[DOR_NAME_MAX + 1]; /**< "" for SIMPLE_ONE_FOR_ONE */
    dor_pid pid;               /**< DOR_PID_NONE when it does not run */
    dor_child_type type;
    dor_restart restart;
} dor_child_info;

/** From a process only: waits. Writes up to cap children, in the order of their start, and *count, which may be more. */
DOR_API int dor_supervisor_which_children(dor_pid supervisor, dor_child_info *children, size_t cap,
                                          size_t *count);

#ifdef __cplusplus
}
#endif
#endif
