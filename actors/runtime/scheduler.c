/*
 * scheduler.c - a scheduler's beginning and end, and what its actors ask of it. Its turns: turn.c.
 *
 * Owning thread: the scheduler's own from dor__scheduler_main on; before that, and if its thread could not be started,
 * the thread that makes or unmakes the runtime.
 */
#include "runtime/private.h"

#include "runtime/event_mailbox_private.h"
#include "runtime/gate.h"
#include "runtime/signals.h"

#include <signal.h>

_Thread_local dor_scheduler *dor__current __attribute__((tls_model("initial-exec")));

dor_scheduler *dor__scheduler_current(void)
{
    return dor__current;
}

bool dor__on_scheduler(void)
{
    return dor__current != NULL;
}

dor_runtime *dor__scheduler_runtime(const dor_scheduler *s)
{
    return s->runtime;
}

unsigned dor__scheduler_index(const dor_scheduler *s)
{
    return s->index;
}

uv_loop_t *dor__scheduler_loop(dor_scheduler *s)
{
    DOR_ASSERT_OWNER(s);
    assert(!s->simulation);
    return &s->loop;
}

uint64_t dor__scheduler_now_ms(const dor_scheduler *s)
{
    DOR_ASSERT_OWNER(s);
    return s->simulation ? dor__simulation_clock_ns(s->simulation) / 1000000 : uv_now(&s->loop);
}

/* ---- timers ---- */

void dor__timer_start(dor_scheduler *s, dor_timer *t, uint32_t delay_ms, dor_timer_fn fn)
{
    DOR_ASSERT_OWNER(s);
    if (dor__timer_armed(t)) dor__wheel_remove(&s->wheel, t);
    t->fn = fn;
    t->deadline_ms = dor__deadline_ms(s, delay_ms);
    dor__wheel_add(&s->wheel, t);
}

void dor__timer_stop(dor_scheduler *s, dor_timer *t)
{
    DOR_ASSERT_OWNER(s);
    if (dor__timer_armed(t)) dor__wheel_remove(&s->wheel, t);
}

/* ---- deferred work ---- */

void dor__scheduler_defer(dor_scheduler *s, dor_deferred *d)
{
    DOR_ASSERT_OWNER(s);
    if (d->link) return;
    d->next = NULL;
    d->link = s->deferred.end;
    *d->link = d;
    s->deferred.end = &d->next;
}

void dor__scheduler_undefer(dor_scheduler *s, dor_deferred *d)
{
    DOR_ASSERT_OWNER(s);
    if (!d->link) return;
    *d->link = d->next;
    if (d->next)
        d->next->link = d->link;
    else if (s->deferred.end == &d->next)
        s->deferred.end = d->link;
    else
        s->running_deferred.end = d->link;
    d->link = NULL;
    d->next = NULL;
}

/* ---- what layers above keep here ---- */

void *dor__scheduler_local(dor_scheduler *s, const dor_local_ops *ops)
{
    DOR_ASSERT_OWNER(s);
    if (!s->local && !s->closed) {
        s->local = ops->make(s);
        s->local_ops = ops;
    }
    return s->local;
}

void dor__scheduler_hold(dor_scheduler *s)
{
    DOR_ASSERT_OWNER(s);
    s->holds++;
}

void dor__scheduler_release(dor_scheduler *s)
{
    DOR_ASSERT_OWNER(s);
    assert(s->holds > 0);
    s->holds--;
}

/* ---- beginning ---- */

static void on_wake(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    dor_scheduler *s = (dor_scheduler *)handle->data;
    dor__scheduler_polled(s);
    dor__spin_woken(&s->spin, uv_hrtime());
    /* Poll has returned: all that was wanted. The turn looks into the inbox anyway. */
    dor__wake_fd_clear(&s->wake);
}

static void on_prepare(uv_prepare_t *handle)
{
    dor__turn((dor_scheduler *)handle->data);
}

/*
 * None of these calls can fail once the loop is there, except for the first. A wake-up does not go through uv_async_t: up
 * to libuv 1.44 its reader spins, and yields, until a sender that it has preempted goes on, which cost ten times the rest.
 */
static dor_result init_handles(dor_scheduler *s)
{
    DOR_TRY_UV(uv_poll_init(&s->loop, &s->wake_poll, s->wake.fd));
    s->wake_poll.data = s;
    uv_poll_start(&s->wake_poll, UV_READABLE, on_wake);
    uv_prepare_init(&s->loop, &s->prepare);
    uv_idle_init(&s->loop, &s->idle);
    uv_timer_init(&s->loop, &s->timer);
    s->prepare.data = s->timer.data = s;
    uv_prepare_start(&s->prepare, on_prepare);
    /* The loop lives by the wake-up handle alone, so that follow_phase can tell whether actors have left anything. */
    uv_unref((uv_handle_t *)&s->prepare);
    uv_unref((uv_handle_t *)&s->idle);
    uv_unref((uv_handle_t *)&s->timer);
    return DOR_SUCCESS;
}

static dor_result init_loop(dor_scheduler *s)
{
    if (s->simulation) return DOR_SUCCESS;
    DOR_TRY_UV(uv_loop_init(&s->loop));
    dor_result result = dor__wake_fd_open(&s->wake);
    if (dor__ok(result)) {
        result = init_handles(s);
        if (dor__failed(result)) dor__wake_fd_close(&s->wake);
    }
    if (dor__failed(result)) uv_loop_close(&s->loop);
    return result;
}

static dor_result init_slabs(dor_scheduler *s, uint32_t first_generation)
{
    DOR_TRY(dor__slab_init(&s->actors, sizeof(dor_actor_slot), first_generation));
    DOR_TRY(dor__slab_init(&s->gates, sizeof(dor_gate), first_generation));
    DOR_TRY(dor__slab_init(&s->mailboxes, sizeof(dor_event_mailbox), first_generation));
    DOR_TRY(dor__slab_init(&s->monitors, sizeof(dor_monitor_entry), first_generation));
    return dor__timers_init(s, first_generation);
}

dor_result dor__scheduler_init(dor_scheduler *s, dor_runtime *runtime, unsigned index,
                               uint32_t first_generation)
{
    s->runtime = runtime;
    s->simulation = runtime->simulation;
    s->index = index;
    s->actor_home = dor__name_home(DOR_KIND_ACTOR, runtime->index, index);
    s->mailbox_home = dor__name_home(DOR_KIND_MAILBOX, runtime->index, index);
    s->timer_home = dor__name_home(DOR_KIND_TIMER, runtime->index, index);
    s->monitor_home = dor__name_home(DOR_KIND_MONITOR, runtime->index, index);
    s->clock_left = s->clock_stride = 1;
    s->timer_ms = DOR_WHEEL_NEVER;
    s->deferred.end = &s->deferred.first;
    s->running_deferred.end = &s->running_deferred.first;
    dor__inbox_init(&s->inbox);
    dor__inbox_init(&s->urgent);
    dor__pool_init(&s->pool, &runtime->depot);
    DOR_TRY(init_slabs(
        s, first_generation)); /* a mutex that can't be made: nothing to undo for it on any system we know */
    DOR_TRY(init_loop(s));
    atomic_init(&s->figures.busy, runtime->started_ns);
    dor__wheel_init(&s->wheel, s->simulation ? 0 : uv_now(&s->loop));
    return DOR_SUCCESS;
}

/* An embedder's signal handlers are not to run on scheduler threads; faults and profilers come through. */
static void block_signals(void)
{
    static const int let_through[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof let_through / sizeof let_through[0]; i++)
        sigdelset(&set, let_through[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---- end ---- */

static bool is_own(const dor_scheduler *s, const uv_handle_t *handle)
{
    return handle == (const uv_handle_t *)&s->wake_poll || handle == (const uv_handle_t *)&s->prepare ||
           handle == (const uv_handle_t *)&s->idle || handle == (const uv_handle_t *)&s->timer;
}

static void close_orphan(uv_handle_t *handle, void *arg)
{
    /* Nobody is left who would close it; its memory, if it has an owner at all, is that owner's leak. */
    if (!is_own((const dor_scheduler *)arg, handle) && !uv_is_closing(handle)) uv_close(handle, NULL);
}

static void close_own(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* Destroys the dead, who may have something to tell others yet; nobody else is left to run. */
static void empty_run_queue(dor_scheduler *s)
{
    while (s->run_first || dor__signals_wait(s)) {
        s->turn_spent = false;
        dor__actors_run(s);
    }
    assert(s->links.count == 0);
}

static void close_handles_of_others(dor_scheduler *s)
{
    uv_walk(&s->loop, close_orphan, s);
    uv_unref((uv_handle_t *)&s->wake_poll);
    uv_prepare_stop(&s->prepare);
    uv_run(&s->loop,
           UV_RUN_DEFAULT); /* close callbacks, and requests that threads of the pool are still at */
}

static void close_loop(dor_scheduler *s)
{
    uv_walk(&s->loop, close_own, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    int error = uv_loop_close(&s->loop);
    assert(error == 0);
    (void)error;
}

void dor__scheduler_finish(dor_scheduler *s)
{
    s->closed = true;
    dor__slab_close(&s->actors);
    dor__intake_finish(s); /* calls are made even now: what their argument holds must be released */
    dor__actors_kill(s);
    empty_run_queue(s);
    if (!s->simulation) close_handles_of_others(s);
    if (s->local) s->local_ops->destroy(s->local);
    s->local = NULL;
    dor__timers_discard(s);
    if (!s->simulation) close_loop(s);
    dor__pool_fini(&s->pool);
    dor__buffer_cache_fini(&s->buffers);
}

void dor__scheduler_main(void *scheduler)
{
    dor_scheduler *s = (dor_scheduler *)scheduler;
    block_signals();
    dor__current = s;
    uv_run(&s->loop, UV_RUN_DEFAULT); /* until a turn in DOR_PHASE_FINISHING */
    dor__runtime_gate(s->runtime);
    dor__scheduler_finish(s);
    dor__current = NULL;
}

void dor__scheduler_fini(dor_scheduler *s)
{
    dor__event_mailboxes_discard(s);
    dor__slab_fini(&s->actors);
    dor__slab_fini(&s->gates);
    dor__slab_fini(&s->mailboxes);
    dor__slab_fini(&s->timers);
    dor__slab_fini(&s->monitors);
    if (!s->simulation) dor__wake_fd_close(&s->wake);
}
