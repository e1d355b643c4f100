/*
 * intake.c - see intake.h.
 */
#include "runtime/private.h"
#include "runtime/signals.h"

#include <sched.h>

/* The next batch. The mark is needed only when there are signals: that is seldom so. */
static void take_batch(dor_scheduler *s)
{
    dor_intake *in = &s->intake;
    dor_message *m;
    in->next = in->count = 0;
    while (in->count < DOR_INTAKE_BATCH && (m = dor__inbox_pop(&s->inbox)))
        in->batch[in->count++] = m;
    in->ready = dor__inbox_is_empty(&s->urgent);
    if (in->ready || in->count == 0) return;
    in->marked = true;
    (void)dor__inbox_push(&s->urgent, &in->mark);
}

/* Signals up to the mark, or all, as many as there is time for. */
static void take_signals(dor_scheduler *s, unsigned *taken, unsigned most)
{
    dor_intake *in = &s->intake;
    while (!in->ready && *taken < most) {
        if (s->signals_first) dor__signals_act(s);
        dor_message *m = dor__inbox_pop(&s->urgent);
        if (m == &in->mark) in->marked = false;
        /* Without a mark, when there are none. With it: then a signal is on its way in whose sender was interrupted. */
        if (!m || m == &in->mark) {
            in->ready = !in->marked;
            if (!in->ready) sched_yield();
            return;
        }
        dor__scheduler_deliver(s, m);
        ++*taken;
        if (dor__turn_over(s)) return;
    }
}

void dor__intake(dor_scheduler *s, unsigned *taken)
{
    dor_intake *in = &s->intake;
    unsigned most = *taken + DOR_INBOX_TURN_MESSAGES;
    do {
        if (!dor__intake_pending(in)) take_batch(s);
        if (!in->ready) take_signals(s, taken, most);
        if (!in->ready || !dor__intake_pending(in) || s->turn_spent) return;
        while (dor__intake_pending(in)) {
            dor__scheduler_deliver(s, in->batch[in->next++]);
            ++*taken;
            if (dor__turn_over(s)) return; /* calls may take long */
        }
    } while (*taken < most);
}

void dor__intake_finish(dor_scheduler *s)
{
    dor_intake *in = &s->intake;
    dor_message *m;
    while ((m = dor__inbox_pop(&s->urgent)))
        if (m != &in->mark) dor__scheduler_deliver(s, m);
    in->marked = false;
    while (dor__intake_pending(in))
        dor__scheduler_deliver(s, in->batch[in->next++]);
    while ((m = dor__inbox_pop(&s->inbox)))
        dor__scheduler_deliver(s, m);
    assert(dor__inbox_sleep(&s->urgent) && dor__inbox_sleep(&s->inbox));
}
