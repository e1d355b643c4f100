/*
 * trace.c - see trace.h.
 *
 * Atomics. Marks (a scheduler's `tracing`, a target's `inside`) and the setting are Dekker's pair: one side writes its mark
 * and then reads the setting, the other writes the setting and then reads the marks. All four are sequentially consistent,
 * so that at least one of the two sees what the other wrote. A target is filled in before the setting that leads to it
 * is stored, and read after the setting was loaded (release, acquire). Marks are taken back with release and awaited with
 * acquire: what fn did comes before dor_trace returns, and before its target is filled in anew.
 */
#include "runtime/observe.h"

#include "runtime/private.h"

#include <sched.h>

enum { NUMBER_SHIFT = 4 };

/* True while the thread is in somebody's fn: what that calls of the library, against the rules, is not traced. */
static _Thread_local bool telling;

int dor__tracer_init(dor_tracer *tracer)
{
    atomic_init(&tracer->setting, UINT64_C(1) << NUMBER_SHIFT);
    return uv_mutex_init(&tracer->lock);
}

void dor__tracer_fini(dor_tracer *tracer)
{
    uv_mutex_destroy(&tracer->lock);
}

/* ---- telling ---- */

static dor_trace_target *target_of(dor_tracer *tracer, uint64_t setting)
{
    return &tracer->targets[setting >> NUMBER_SHIFT & 1];
}

/* `s` is the calling thread's scheduler, if it is one of the runtime's. */
static void mark(dor_scheduler *s, dor_trace_target *target, uint64_t setting)
{
    if (s)
        atomic_store_explicit(&s->tracing, setting, memory_order_seq_cst);
    else
        atomic_fetch_add_explicit(&target->inside, 1, memory_order_seq_cst);
}

static void unmark(dor_scheduler *s, dor_trace_target *target)
{
    if (s)
        atomic_store_explicit(&s->tracing, 0, memory_order_release);
    else
        atomic_fetch_sub_explicit(&target->inside, 1, memory_order_release);
}

void dor__trace_tell(dor_runtime *runtime, dor_trace_event *event)
{
    dor_tracer *tracer = &runtime->tracer;
    dor_scheduler *s = dor__current && dor__current->runtime == runtime ? dor__current : NULL;
    if (telling) return;
    uint64_t setting = atomic_load_explicit(&tracer->setting, memory_order_acquire);
    while (setting & event->what) {
        dor_trace_target *target = target_of(tracer, setting);
        mark(s, target, setting);
        uint64_t present = atomic_load_explicit(&tracer->setting, memory_order_seq_cst);
        if (present == setting) {
            event->at_ns = dor__clock_ns(&runtime->schedulers[0]);
            telling = true;
            target->fn(target->arg, event);
            telling = false;
            unmark(s, target);
            return;
        }
        unmark(s, target); /* it was about to be changed: again, with the new one */
        setting = present;
    }
}

/* ---- the events ---- */

void dor__trace_send(dor_runtime *runtime, dor_pid to, const dor_message *m)
{
    uint32_t type = dor__is_reply(m->type) ? m->type & ~(uint32_t)DOR_MSG_REPLY_MARK : m->type;
    dor_trace_event event = {
        .what = DOR_TRACE_SEND, .pid = to, .by = dor__self(), .type = type, .size = m->size};
    if (!dor__is_system_message(type)) dor__trace_tell(runtime, &event);
}

void dor__trace_receive(dor_runtime *runtime, dor_pid pid, const dor_message *m)
{
    dor_trace_event event = {.what = DOR_TRACE_RECEIVE, .pid = pid, .type = m->type, .size = m->size};
    if (!dor__is_system_message(m->type)) dor__trace_tell(runtime, &event);
}

void dor__trace_spawn(dor_runtime *runtime, dor_pid pid)
{
    dor_trace_event event = {.what = DOR_TRACE_SPAWN, .pid = pid, .by = dor__self()};
    dor__trace_tell(runtime, &event);
}

void dor__trace_exit(dor_runtime *runtime, dor_pid pid, int reason)
{
    dor_trace_event event = {.what = DOR_TRACE_EXIT, .pid = pid, .reason = reason};
    dor__trace_tell(runtime, &event);
}

/* ---- listening ---- */

static void wait_a_little(unsigned *round)
{
    if (++*round < 100)
        sched_yield();
    else
        uv_sleep(1);
}

/*
 * Returns when nobody is in the target of `setting`, which is not the present one any more. Nobody stays: each comes
 * out of one call of fn, and finds the new setting when it looks again.
 */
static void await_end(dor_runtime *runtime, uint64_t setting)
{
    unsigned round = 0;
    dor_trace_target *target = target_of(&runtime->tracer, setting);
    for (unsigned i = 0; i < runtime->count; i++) {
        dor_scheduler *s = &runtime->schedulers[i];
        while (atomic_load_explicit(&s->tracing, memory_order_seq_cst) == setting)
            wait_a_little(&round);
    }
    while (atomic_load_explicit(&target->inside, memory_order_seq_cst) != 0)
        wait_a_little(&round);
}

/* The runtime is entered. */
static void set(dor_runtime *runtime, unsigned mask, dor_trace_fn fn, void *arg)
{
    dor_tracer *tracer = &runtime->tracer;
    uv_mutex_lock(&tracer->lock);
    /* relaxed: changed under the lock only. */
    uint64_t former = atomic_load_explicit(&tracer->setting, memory_order_relaxed);
    uint64_t setting = ((former >> NUMBER_SHIFT) + 1) << NUMBER_SHIFT | mask;
    dor_trace_target *target = target_of(tracer, setting); /* nobody's since the change before this one */
    target->fn = fn;
    target->arg = arg;
    atomic_store_explicit(&tracer->setting, setting, memory_order_seq_cst);
    /* relaxed: a hook that does not see it yet has an event that is not after this call; who sees it asks again. */
    for (unsigned i = 0; i < runtime->count; i++)
        atomic_store_explicit(&runtime->schedulers[i].trace_mask, mask, memory_order_relaxed);
    await_end(runtime, former);
    uv_mutex_unlock(&tracer->lock);
}

dor_result dor__trace_set(dor_runtime *runtime, unsigned mask, dor_trace_fn fn, void *arg)
{
    if (dor__current || telling) return dor__error(DOR_E_WOULD_DEADLOCK);
    DOR_TRY(dor__runtime_enter(&runtime));
    set(runtime, mask, fn, arg);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}
