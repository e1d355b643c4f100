/*
 * trace.h - hooks that see what actors do, and the one who listens.
 *
 * A *setting* says for what events, and which of the runtime's two targets (a function and its argument) they go to. It is
 * one word and has a number of its own, never used twice. Who has an event reads it, marks that it is about to call under
 * that setting, and looks whether that is still the present one; so who changes it knows, once the marks of the former
 * setting are gone, that nobody is in the former function nor can get there any more.
 *
 * A hook asks a word of its thread's own cache line first, a copy of the setting's mask: one load and one branch.
 *
 * Threads: any, each function's own words aside.
 */
#ifndef DOR_RUNTIME_TRACE_H
#define DOR_RUNTIME_TRACE_H

#include "base/result.h"
#include <dormouse/observe.h>
#include <stdatomic.h>
#include <uv.h>

typedef struct dor_trace_target {
    dor_trace_fn fn;
    void *arg;
    _Atomic uint32_t inside; /* threads that are in fn or about to be, but for the runtime's own schedulers */
} dor_trace_target;

typedef struct dor_tracer {
    _Atomic uint64_t setting; /* number << 4 | mask, not 0; the number's lowest bit is the target's index */
    dor_trace_target targets[2];
    uv_mutex_t lock; /* one change at a time */
} dor_tracer;

_Static_assert(DOR_TRACE_ALL == 15, "a mask has four bits");

/** 0, or what uv_mutex_init said. */
int dor__tracer_init(dor_tracer *tracer);
void dor__tracer_fini(dor_tracer *tracer);

/** Hands an event of `runtime`, which is entered, to who listens; at_ns is filled in here. */
void dor__trace_tell(dor_runtime *runtime, dor_trace_event *event);

/* The events. Each only after its hook has found that it may be wanted. Messages of the runtime's own are left out. */
void dor__trace_send(dor_runtime *runtime, dor_pid to, const dor_message *m);
void dor__trace_receive(dor_runtime *runtime, dor_pid pid, const dor_message *m);
void dor__trace_spawn(dor_runtime *runtime, dor_pid pid);
void dor__trace_exit(dor_runtime *runtime, dor_pid pid, int reason);

#endif
