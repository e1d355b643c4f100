/*
 * hibernate.c - actors that shrink while they have nothing to do.
 *
 * An actor falls asleep when its mailbox is empty: because it asked to (DROWSY), or, where its spec says so, because
 * nothing has come for a while. For the latter it costs one store per turn of the actor, to note down when that was, and
 * one timer, which does not move with the messages: when it fires too early it is set again for the rest of the time. The
 * time is a little longer for some than for others, as their pids say, so that many actors that were busy together don't
 * all shrink in the same millisecond.
 *
 * It wakes before what needs its state is taken out of its mailbox. If it can't for want of memory, its messages stay
 * where they are, and a timer tries again (STUCK).
 *
 * Owning thread: the actor's.
 */
#include "runtime/private.h"

#include "base/alloc.h"

enum { RETRY_MS = 10 };

struct dor_sleep {
    dor_actor *actor;
    void **state; /* where the actor keeps it */
    dor_reshape_fn hibernate;
    dor_reshape_fn wake;
    dor_timer timer;    /* awake: for falling asleep; asleep: for another try to wake */
    uint64_t active_ms; /* when the actor last did something */
    uint32_t after_ms;
};

static void on_quiet(dor_timer *timer);

/* ---- beginning and end ---- */

dor_result dor__sleep_new(dor_actor *a, void **state, const dor_actor_spec *spec)
{
    if (!dor__actor_extra(a)) return dor__error(DOR_E_NOMEM);
    dor_sleep *sleep = (dor_sleep *)dor__calloc(1, sizeof *sleep);
    if (!sleep) return dor__error(DOR_E_NOMEM);
    sleep->actor = a;
    sleep->state = state;
    sleep->hibernate = spec->hibernate;
    sleep->wake = spec->wake;
    sleep->after_ms = spec->hibernate_after_ms;
    a->extra->sleep = sleep;
    return DOR_SUCCESS;
}

void dor__sleep_free(dor_sleep *sleep)
{
    if (!sleep) return;
    assert(!dor__timer_armed(&sleep->timer));
    dor__free(sleep);
}

void dor__sleep_end(dor_actor *a)
{
    dor_sleep *sleep = a->extra ? a->extra->sleep : NULL;
    if (sleep) dor__timer_stop(a->scheduler, &sleep->timer);
}

/* ---- falling asleep ---- */

/* Up to an eighth longer for some: the multiplication spreads neighbouring slots (Knuth's multiplicative hash). */
static uint32_t patience(const dor_sleep *sleep)
{
    uint32_t spread = dor__slot_of(sleep->actor->pid) * UINT32_C(2654435761) >> 16;
    uint64_t longer = (uint64_t)(sleep->after_ms / 8) * spread >> 16;
    return longer > UINT32_MAX - sleep->after_ms ? UINT32_MAX : sleep->after_ms + (uint32_t)longer;
}

static void arm(dor_sleep *sleep)
{
    dor_scheduler *s = sleep->actor->scheduler;
    uint64_t quiet_ms = dor__scheduler_now_ms(s) - sleep->active_ms;
    uint32_t wanted = patience(sleep);
    dor__timer_start(s, &sleep->timer, quiet_ms < wanted ? wanted - (uint32_t)quiet_ms : 1, on_quiet);
}

static void active_now(dor_sleep *sleep)
{
    sleep->active_ms = dor__scheduler_now_ms(sleep->actor->scheduler);
}

static void fall_asleep(dor_actor *a)
{
    dor_sleep *sleep = a->extra->sleep;
    dor_scheduler *s = a->scheduler;
    dor_actor *current = s->current;
    s->current = a;
    void *compact = sleep->hibernate(*sleep->state);
    s->current = current;
    a->flags_ &= (uint8_t)~DOR_ACTOR_DROWSY; /* whatever hibernate may have called */
    if (!compact) return;                    /* not now */
    *sleep->state = compact;
    a->flags_ |= DOR_ACTOR_ASLEEP;
    dor__actor_show_state(a, DOR_ACTOR_STATE_ASLEEP);
    dor__timer_stop(s, &sleep->timer);
}

static void run_later(dor_actor *a)
{
    if (a->state != DOR_ACTOR_DEAD && !(a->flags_ & DOR_ACTOR_QUEUED)) dor__actor_enqueue(a->scheduler, a);
}

static void on_quiet(dor_timer *timer)
{
    dor_sleep *sleep = DOR_CONTAINER_OF(timer, dor_sleep, timer);
    dor_actor *a = sleep->actor;
    if (a->state != DOR_ACTOR_RUNNING || a->flags_ & DOR_ACTOR_ASLEEP) return;
    bool quiet = dor__scheduler_now_ms(a->scheduler) - sleep->active_ms >= patience(sleep);
    if (quiet && !(a->flags_ & DOR_ACTOR_QUEUED) && dor__mailbox_empty(a)) {
        active_now(sleep); /* should it not want to, it is asked again after as long a time */
        fall_asleep(a);
    }
    if (a->state != DOR_ACTOR_RUNNING)
        run_later(a); /* it has asked for its end meanwhile: that comes where a callback has returned */
    else if (!(a->flags_ & DOR_ACTOR_ASLEEP))
        arm(sleep);
}

void dor__sleep_arm(dor_actor *a)
{
    active_now(a->extra->sleep);
    arm(a->extra->sleep);
}

void dor__sleep_after_run(dor_actor *a)
{
    if (a->state != DOR_ACTOR_RUNNING || a->flags_ & DOR_ACTOR_ASLEEP) return;
    if (a->flags_ & DOR_ACTOR_STAMPED) active_now(a->extra->sleep);
    if (a->flags_ & DOR_ACTOR_DROWSY && dor__mailbox_empty(a)) fall_asleep(a);
}

dor_result dor__hibernate(void)
{
    dor_scheduler *s = dor__current;
    dor_actor *a = s ? s->current : NULL;
    if (!a) return dor__error(DOR_E_NO_PROCESS);
    if (!a->extra || !a->extra->sleep) return dor__error(DOR_E_EINVAL);
    a->flags_ |= DOR_ACTOR_DROWSY;
    return DOR_SUCCESS;
}

/* ---- waking ---- */

static void on_retry(dor_timer *timer)
{
    dor_actor *a = DOR_CONTAINER_OF(timer, dor_sleep, timer)->actor;
    a->flags_ &= (uint8_t)~DOR_ACTOR_STUCK;
    run_later(a);
}

bool dor__sleep_wake(dor_actor *a)
{
    dor_sleep *sleep = a->extra->sleep;
    void *state = sleep->wake(*sleep->state);
    if (!state) {
        a->flags_ |= DOR_ACTOR_STUCK;
        if (!dor__timer_armed(&sleep->timer))
            dor__timer_start(a->scheduler, &sleep->timer, RETRY_MS, on_retry);
        return false;
    }
    *sleep->state = state;
    a->flags_ &= (uint8_t) ~(DOR_ACTOR_ASLEEP | DOR_ACTOR_STUCK);
    dor__timer_stop(a->scheduler, &sleep->timer);
    if (a->flags_ & DOR_ACTOR_STAMPED && a->state == DOR_ACTOR_RUNNING) dor__sleep_arm(a);
    return true;
}
