/*
 * supervisor_shutdown.c - see supervisor_private.h: children are ended.
 *
 * One after the other, the last first: each is asked, waited for until its deadline, killed, and waited for again. The
 * children of a SIMPLE_ONE_FOR_ONE are all asked at once, some in each turn, and have one deadline.
 *
 * A child has ended when its EXIT or its DOWN is here, whichever comes first: its stop function has run by then.
 */
#include "runtime/supervisor_private.h"

static uint32_t shutdown_ms(const dor_child_kind *kind)
{
    if (kind->spec.shutdown_ms != DOR_SHUTDOWN_DEFAULT) return kind->spec.shutdown_ms;
    return kind->spec.type == DOR_SUPERVISOR ? DOR_INFINITY : (uint32_t)DOR_SUPERVISOR_SHUTDOWN_MS;
}

static int first_signal(const dor_child_kind *kind)
{
    return kind->spec.shutdown_ms == DOR_SHUTDOWN_KILL ? DOR_KILL : DOR_E_SHUTDOWN;
}

static void start_deadline(dor_supervisor *sup, const dor_child_kind *kind)
{
    uint32_t ms = shutdown_ms(kind);
    if (sup->signal != DOR_KILL && ms != DOR_INFINITY)
        dor__timer_start(sup->base.scheduler, &sup->deadline, ms, dor__supervisor_on_deadline);
}

/* False when there is no memory for it; that somebody is dead already is as good as sent. */
static bool send_signal(const dor_supervisor *sup, const dor_child *c)
{
    return dor__exit(c->pid, sup->signal).code != DOR_E_NOMEM;
}

/* ---- one after the other ---- */

static bool end_in_order(dor_supervisor *sup)
{
    while (sup->at) {
        dor_child *c = sup->at, *previous = c == sup->from ? NULL : c->previous;
        if (c->state == DOR_CHILD_RUNNING) {
            sup->waiting = true;
            sup->signal = first_signal(c->kind);
            start_deadline(sup, c->kind);
            dor__child_send_signal(sup);
            return false;
        }
        dor__child_settle(sup, c);
        sup->at = previous;
    }
    return true;
}

/* ---- all at once ---- */

/* Sends the signal to some more; those that do not run are forgotten. */
static void sweep(dor_supervisor *sup)
{
    for (unsigned left = DOR_SUPERVISOR_BATCH; sup->at && left > 0; left--) {
        dor_child *c = sup->at;
        if (c->state != DOR_CHILD_RUNNING) {
            dor__child_forget(sup, c); /* moves on, too */
        } else if (send_signal(sup, c)) {
            sup->at = c->next;
        } else {
            sup->unsent = true;
            dor__supervisor_poll_soon(sup);
            return;
        }
    }
    sup->sweeping = sup->at != NULL;
    if (sup->sweeping)
        dor__scheduler_defer(sup->base.scheduler, &sup->more);
    else if (sup->first)
        start_deadline(sup, sup->kind);
}

static bool end_at_once(dor_supervisor *sup)
{
    if (!sup->waiting) {
        sup->waiting = sup->sweeping = true;
        sup->signal = first_signal(sup->kind);
        sup->at = sup->first;
    }
    if (sup->sweeping && !sup->unsent) sweep(sup);
    return !sup->first;
}

/* ---- both ---- */

bool dor__children_end(dor_supervisor *sup)
{
    if (dor__supervisor_is_simple(sup) && sup->work == DOR_WORK_END) return end_at_once(sup);
    return !sup->waiting && end_in_order(sup);
}

void dor__child_send_signal(dor_supervisor *sup)
{
    if (sup->sweeping) {
        sup->unsent = false;
        sweep(sup);
        return;
    }
    sup->unsent = !send_signal(sup, sup->at);
    if (sup->unsent) dor__supervisor_poll_soon(sup);
}

void dor__supervisor_on_deadline(dor_timer *timer)
{
    dor_supervisor *sup = DOR_CONTAINER_OF(timer, dor_supervisor, deadline);
    dor_scheduler *s = sup->base.scheduler;
    if (sup->base.state == DOR_ACTOR_DEAD || !sup->waiting) return;
    dor_actor *before = s->current;
    s->current = &sup->base;
    sup->signal = DOR_KILL;
    if (dor__supervisor_is_simple(sup) && sup->work == DOR_WORK_END) {
        sup->at = sup->first;
        sup->sweeping = true;
    }
    dor__child_send_signal(sup);
    s->current = before;
}

void dor__child_ended(dor_supervisor *sup, dor_child *c, int reason, dor_message *m)
{
    bool at_once = dor__supervisor_is_simple(sup) && sup->work == DOR_WORK_END;
    dor__actor_demonitor(&sup->base, c->monitor);
    dor__actor_unlink(&sup->base, c->pid);
    dor__child_set_state(sup, c, DOR_CHILD_ENDED);
    c->reason = reason;
    if (at_once) {
        dor__child_forget(sup, c);
        dor__message_free(m);
        if (!sup->first) dor__supervisor_step(sup); /* else the sweep goes on at its own pace */
        return;
    }
    if (sup->waiting && sup->at == c) {
        sup->waiting = sup->unsent = false;
        dor__timer_stop(sup->base.scheduler, &sup->deadline);
    } else if (dor__supervisor_is_busy(sup) || sup->kept_first) {
        dor__supervisor_keep(sup, m);
        return;
    } else {
        dor__child_has_ended(sup, c);
    }
    dor__message_free(m);
    dor__supervisor_step(sup);
}
