/*
 * scheduler.h - one thread, one libuv loop, and the actors that live there; what actors of this library use of it.
 *
 * Owning thread: a scheduler's fields and everything below belong to its thread, but for what asks where one is
 * (current, runtime, index, the runtime's schedulers).
 */
#ifndef DOR_RUNTIME_SCHEDULER_H
#define DOR_RUNTIME_SCHEDULER_H

#include "base/result.h"
#include "runtime/timer_wheel.h"
#include <dormouse/actor.h>
#include <uv.h>

typedef struct dor_scheduler dor_scheduler;

#define DOR_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/** The scheduler of the calling thread, or NULL. */
dor_scheduler *dor__scheduler_current(void);

/** Scheduler number `index` of a runtime. */
dor_scheduler *dor__runtime_scheduler(dor_runtime *runtime, unsigned index);
dor_runtime *dor__scheduler_runtime(const dor_scheduler *s);
unsigned dor__scheduler_index(const dor_scheduler *s);

uv_loop_t *dor__scheduler_loop(dor_scheduler *s);

/** Monotonic milliseconds, cached once per loop iteration. */
uint64_t dor__scheduler_now_ms(const dor_scheduler *s);

/** Arms t (again) to call fn on this thread in delay_ms or a little later. */
void dor__timer_start(dor_scheduler *s, dor_timer *t, uint32_t delay_ms, dor_timer_fn fn);
void dor__timer_stop(dor_scheduler *s, dor_timer *t);

/**
 * Work for the end of the present turn: run once after the messages and I/O callbacks of the turn, before
 * the loop may sleep. Queueing one that is already queued does nothing. Sockets flush their output so.
 */
typedef struct dor_deferred {
    struct dor_deferred *next;
    void (*fn)(struct dor_deferred *d);
    struct dor_deferred **link; /* where the pointer to this node stands; NULL when it is not queued */
} dor_deferred;

void dor__scheduler_defer(dor_scheduler *s, dor_deferred *d);

/** Takes d out of the queue, if it is there (its memory is about to go). */
void dor__scheduler_undefer(dor_scheduler *s, dor_deferred *d);

/**
 * A pointer that a layer above keeps per scheduler (receive buffer, random generator, ...). make runs on the
 * scheduler's thread at first use, destroy when the scheduler ends: after its last actor, and after the close callbacks
 * of the actors' handles. It has no uv handles open then.
 */
typedef struct dor_local_ops {
    void *(*make)(dor_scheduler *s); /* NULL: out of memory */
    void (*destroy)(void *local);
} dor_local_ops;

/** One layer above exists (the ssl application), so there is one such slot. NULL when make failed. */
void *dor__scheduler_local(dor_scheduler *s, const dor_local_ops *ops);

/**
 * Poll has returned: to be called first thing in callbacks of handles and requests, so that their time counts as busy. What
 * it costs, but for the first of a round, is a branch.
 */
void dor__scheduler_polled(dor_scheduler *s);

/** Keeps the runtime's orderly stop waiting (up to its deadline) while something is still being finished. */
void dor__scheduler_hold(dor_scheduler *s);
void dor__scheduler_release(dor_scheduler *s);

#endif
