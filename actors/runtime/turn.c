/*
 * turn.c - what a scheduler does once per round of its loop.
 *
 * libuv's round: timers, idle, prepare, poll (I/O callbacks), check, close callbacks. The turn is the prepare callback,
 * so everything that callbacks of a round have queued is seen before the next poll may block:
 *
 *     due timers, what other threads have sent, actors, deferred work, and again while the turn's time lasts
 *
 * When something is left after that, an idle handle is kept active: poll then looks for I/O and comes back at once.
 * Only a scheduler with nothing to do marks its inbox as asleep (inbox.h) and lets poll block until I/O, the wake-up
 * handle, or the loop's one timer, which is set to what the wheel knows to be next.
 */
#include "runtime/gate.h"
#include "runtime/signals.h"

#include <sched.h>

enum {
    STRIDE_MAX = 32,
    CHEAP_NS = 8000, /* between two readings of the clock: then fewer readings will do */
    DEAR_NS = 40000, /* and here more are needed to keep to the turn's length */
    POLL_AGAIN_NS = 100000
};

/* ---- time ---- */

static void clock_start(dor_scheduler *s)
{
    s->clock_last_ns = dor__clock_ns(s);
    s->turn_end_ns = s->clock_last_ns + DOR_TURN_NS;
    s->clock_left = s->simulation ? dor__simulation_share(s->simulation, s->clock_stride) : s->clock_stride;
    s->turn_spent = false;
}

/* Reads the clock, and charges what has passed to the actor, if there is one whose slot is still its own. */
static uint64_t clock_advance(dor_scheduler *s, dor_actor *a)
{
    uint64_t now = dor__clock_ns(s);
    uint64_t used = now - s->clock_last_ns;
    s->clock_last_ns = now;
    if (a && a->state != DOR_ACTOR_DEAD) DOR_FIGURE_ADD(a->slot->busy_ns, used);
    return used;
}

void dor__turn_clock_charge(dor_scheduler *s, dor_actor *a)
{
    /* A turn of few messages may end before the clock is due, however dear they were: the next one must know. */
    if (clock_advance(s, a) > DEAR_NS) s->clock_left = s->clock_stride = 1;
}

void dor__turn_clock_read(dor_scheduler *s)
{
    if (s->simulation) dor__simulation_has_counted(s->simulation, s->clock_stride);
    uint64_t used = clock_advance(s, s->current);
    if (used > DEAR_NS)
        s->clock_stride = 1;
    else if (used < CHEAP_NS && s->clock_stride < STRIDE_MAX)
        s->clock_stride *= 2;
    s->clock_left = s->clock_stride;
    s->turn_spent =
        s->clock_last_ns >= s->turn_end_ns || (s->simulation && dor__simulation_decides(s->simulation));
}

static bool timers_spent(void *arg)
{
    return dor__turn_over((dor_scheduler *)arg);
}

/* ---- the parts of a turn ---- */

void dor__scheduler_deliver(dor_scheduler *s, dor_message *m)
{
    dor_scheduled_call call;
    if (s->simulation) dor__simulation_has_delivered(s->simulation, m);
    if (dor__is_system_message(m->type)) {
        switch (m->type) {
        case DOR_MSG_CALL:
            call = *(dor_scheduled_call *)dor_message_payload(m);
            dor__message_free(m);
            call.fn(s, call.arg);
            return;
        case DOR_MSG_MONITOR: dor__monitor_message(s, m); return;
        case DOR_MSG_DEMONITOR: dor__demonitor_message(s, m); return;
        case DOR_MSG_GATE: dor__gate_noted(s, m); return;
        case DOR_MSG_TIMER_ARM: dor__timer_arm_message(s, m); return;
        case DOR_MSG_TIMER_DROP: dor__timer_drop_message(s, m); return;
        case DOR_MSG_EXIT_SIGNAL:
        case DOR_MSG_EXIT_LINKED:
        case DOR_MSG_LINK:
        case DOR_MSG_UNLINK: dor__signal_deliver(s, m); return;
        default: break; /* for an actor */
        }
    }
    dor_actor *a = dor__actor_find(s, m->to_);
    if (a)
        dor__mailbox_push(s, a, m);
    else
        dor__message_undeliverable(m);
}

/* Puts what is left of a queue before what was deferred since. */
static void put_back(dor_deferred_queue *to, dor_deferred_queue *from)
{
    if (!from->first) return;
    *from->end = to->first;
    if (to->first)
        to->first->link = from->end;
    else
        to->end = from->end;
    to->first = from->first;
    to->first->link = &to->first;
    from->first = NULL;
}

/*
 * What is queued now, or as much of it as there is time for: one at least. What these functions defer comes in the next
 * round. In the first round this part has a share of its own: sockets are flushed however busy the actors are.
 */
static void run_deferred(dor_scheduler *s, bool own_share)
{
    dor_deferred_queue *queue = &s->running_deferred;
    if (!s->deferred.first) return;
    if (own_share) clock_start(s);
    *queue = s->deferred;
    queue->first->link = &queue->first;
    s->deferred.first = NULL;
    s->deferred.end = &s->deferred.first;
    while (queue->first) {
        dor_deferred *d = queue->first;
        dor__scheduler_undefer(s, d);
        d->fn(d);
        if (dor__turn_over(s)) break;
    }
    put_back(&s->deferred, queue);
    queue->end = &queue->first;
}

/* ---- the end of the runtime ---- */

/* True when nothing but the scheduler's own handles is alive on the loop. */
static bool loop_is_bare(dor_scheduler *s)
{
    if (s->simulation) return true;
    uv_unref((uv_handle_t *)&s->wake_poll); /* the only one of them that counts */
    bool bare = !uv_loop_alive(&s->loop);
    uv_ref((uv_handle_t *)&s->wake_poll);
    return bare;
}

static void ask_to_stop(dor_scheduler *s, void *arg)
{
    (void)arg;
    dor__actors_ask_to_stop(s);
}

static void follow_phase(dor_scheduler *s, int phase)
{
    if (!s->asked_to_stop) {
        s->asked_to_stop = true;
        dor__slab_close(&s->actors);
        /* By way of the inbox, behind all that was sent before the runtime was asked to stop. */
        if (dor__failed(dor__scheduler_call(s, ask_to_stop, NULL))) dor__actors_ask_to_stop(s);
    }
    if (phase >= DOR_PHASE_KILLING && !s->killed) {
        s->killed = true;
        dor__actors_kill(s);
    }
    if (phase >= DOR_PHASE_FINISHING && !s->simulation) uv_stop(&s->loop);
    if (s->arrived || s->run_first || dor__signals_wait(s) || dor__slab_live(&s->actors) > 0) return;
    if (phase < DOR_PHASE_KILLING && (s->holds > 0 || s->deferred.first || !loop_is_bare(s))) return;
    s->arrived = true;
    dor__runtime_arrive(s->runtime);
}

/* ---- the turn ---- */

/* relaxed, in these two: a figure. */
static void poll_begins(dor_scheduler *s)
{
    uint64_t since = atomic_load_explicit(&s->figures.busy, memory_order_relaxed), now = uv_hrtime();
    atomic_store_explicit(&s->figures.busy, DOR_IN_POLL | (now - since), memory_order_relaxed);
    dor__spin_begin(&s->spin, now);
    s->polling = true;
}

void dor__scheduler_polled(dor_scheduler *s)
{
    DOR_ASSERT_OWNER(s);
    if (!s->polling) return;
    uint64_t busy_ns = atomic_load_explicit(&s->figures.busy, memory_order_relaxed) & ~DOR_IN_POLL;
    atomic_store_explicit(&s->figures.busy, uv_hrtime() - busy_ns, memory_order_relaxed);
    s->polling = false;
}

static void on_timer(uv_timer_t *handle)
{
    dor_scheduler *s = (dor_scheduler *)handle->data;
    dor__scheduler_polled(s);
    s->timer_ms =
        DOR_WHEEL_NEVER; /* poll has returned: all that was wanted. The turn looks at the wheel anyway. */
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle; /* being active is all it does: poll does not block then */
}

static void set_timer(dor_scheduler *s)
{
    uint64_t next = s->wheel.next_ms, now = uv_now(&s->loop);
    if (next == s->timer_ms) return;
    /* A timer that has been stopped is not worth setting a later time for: at worst poll returns once for nothing. */
    if (next > s->timer_ms && s->timer_ms > now) return;
    s->timer_ms = next;
    if (next == DOR_WHEEL_NEVER)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, next > now ? next - now : 0, 0);
}

static void set_idling(dor_scheduler *s, bool idling)
{
    if (s->idling == idling) return;
    s->idling = idling;
    if (idling)
        uv_idle_start(&s->idle, on_idle);
    else
        uv_idle_stop(&s->idle);
}

static void count_intake(dor_scheduler *s, unsigned taken)
{
    if (taken) DOR_FIGURE_ADD(s->figures.from_outside, taken);
    /* relaxed: a figure. */
    atomic_store_explicit(&s->figures.timers_fired, s->wheel.fired, memory_order_relaxed);
}

static void fire_timers(dor_scheduler *s)
{
    if (s->simulation && dor__simulation_withholds(s->simulation)) return;
    dor__wheel_advance(&s->wheel, dor__scheduler_now_ms(s), timers_spent, s);
    if (s->turn_spent) clock_start(s);
    dor__wheel_fire(&s->wheel, timers_spent, s);
}

static unsigned take_in(dor_scheduler *s)
{
    unsigned taken = 0;
    if (!s->simulation || !dor__simulation_withholds(s->simulation)) dor__intake(s, &taken);
    return taken;
}

/*
 * Nothing is left to do. True when messages have come in the meantime; false when from here on a push wakes the loop.
 * `taken`: messages that the inbox had.
 */
static bool wait_begins(dor_scheduler *s, unsigned taken)
{
    poll_begins(s);
    if (dor__spin(&s->spin, &s->inbox, &s->urgent, taken)) return true;
    s->spin.expecting = false;
    /* A wake-up too many, when only one lane sleeps, does no harm. */
    if (dor__inbox_sleep(&s->inbox) && dor__inbox_sleep(&s->urgent)) return false;
    if (taken == 0) sched_yield(); /* perhaps a producer was interrupted in the middle of its push */
    return true;
}

/* True when there is something to do. */
static bool turn(dor_scheduler *s)
{
    bool spent, first = true;
    uint64_t fired = s->wheel.fired;
    dor__scheduler_polled(s);
    clock_start(s);
    fire_timers(s);
    if (s->turn_spent || s->wheel.fired != fired) clock_start(s); /* what comes next has a share of its own */
    unsigned taken = take_in(s);
    /* What the inbox took is not to be charged to the first actor; a few messages do not matter. */
    if (s->turn_spent || taken > STRIDE_MAX) clock_start(s);
    count_intake(s, taken);
    if (s->simulation) dor__simulation_choose_actor(s);
    do {
        dor__actors_run(s);
        spent = s->turn_spent;
        run_deferred(s, first || spent);
        first = false;
    } while ((s->run_first || s->deferred.first) && !spent && !dor__turn_over(s));

    int phase = dor__phase(s->runtime);
    if (phase != DOR_PHASE_RUNNING) follow_phase(s, phase);
    bool busy = s->run_first || s->deferred.first || dor__wheel_pending(&s->wheel) || dor__signals_wait(s) ||
                dor__intake_pending(&s->intake);
    return busy || (!s->simulation && wait_begins(s, taken));
}

/* What comes while this thread spins is dealt with at once, without a poll, but not for long: sockets may be ready. */
void dor__turn(dor_scheduler *s)
{
    uint64_t begun_ns = 0;
    bool busy;
    DOR_FIGURE_ADD(s->figures.loop_turns, 1);
    do {
        busy = turn(s);
        if (begun_ns == 0) begun_ns = s->clock_last_ns;
    } while (busy && s->polling && s->clock_last_ns - begun_ns < POLL_AGAIN_NS);
    if (s->simulation) return;
    set_timer(s);
    set_idling(s, busy);
    if (busy) dor__scheduler_polled(s);
}
