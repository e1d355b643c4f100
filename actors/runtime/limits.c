/* limits.c - see limits.h. Threads: whoever holds the gauge's guard. */
#include "runtime/limits.h"

#include "runtime/guest.h"

void dor__gauge_init(dor_gauge *g, const dor_mailbox_limits *limits)
{
    *g = (dor_gauge){.limits = *limits};
}

static bool has_room(const dor_gauge *g, const dor_message *m)
{
    if (g->messages == 0) return true;
    if (g->limits.messages && g->messages >= g->limits.messages) return false;
    return !g->limits.bytes || g->bytes + dor__message_weight(m) <= g->limits.bytes;
}

dor_verdict dor__gauge_judge(const dor_gauge *g, const dor_message *m)
{
    /* Room that somebody waits for is that one's: else a small message would always be faster than a big one. */
    if (!g->waiters.first && has_room(g, m)) return DOR_VERDICT_ADMIT;
    switch (g->limits.policy) {
    case DOR_MAILBOX_DROP_NEWEST: return DOR_VERDICT_DROP_NEWEST;
    case DOR_MAILBOX_DROP_OLDEST: return DOR_VERDICT_DROP_OLDEST;
    case DOR_MAILBOX_KILL: return DOR_VERDICT_KILL;
    case DOR_MAILBOX_REFUSE: break;
    }
    return DOR_VERDICT_REFUSE;
}

void dor__gauge_add(dor_gauge *g, const dor_message *m)
{
    g->messages++;
    g->bytes += dor__message_weight(m);
}

void dor__gauge_remove(dor_gauge *g, const dor_message *m)
{
    g->messages--;
    g->bytes -= dor__message_weight(m);
}

/* ---- those who wait ---- */

void dor__waiters_add(dor_waiters *waiters, dor_send_waiter *w)
{
    w->next = NULL;
    w->previous = waiters->last;
    if (waiters->last)
        waiters->last->next = w;
    else
        waiters->first = w;
    waiters->last = w;
    w->queued = true;
}

bool dor__waiters_withdraw(dor_waiters *waiters, dor_send_waiter *w)
{
    if (!w->queued) return false;
    if (w->previous)
        w->previous->next = w->next;
    else
        waiters->first = w->next;
    if (w->next)
        w->next->previous = w->previous;
    else
        waiters->last = w->previous;
    w->queued = false;
    return true;
}

dor_send_waiter *dor__gauge_serve(dor_gauge *g)
{
    dor_send_waiter *served = NULL, **end = &served;
    while (g->waiters.first && has_room(g, g->waiters.first->message)) {
        dor_send_waiter *w = g->waiters.first;
        (void)dor__waiters_withdraw(&g->waiters, w);
        dor__gauge_add(g, w->message);
        w->result = DOR_SUCCESS;
        w->next = NULL;
        *end = w;
        end = &w->next;
    }
    return served;
}

dor_send_waiter *dor__waiters_close(dor_waiters *waiters, dor_result result)
{
    dor_send_waiter *all = waiters->first;
    for (dor_send_waiter *w = all; w; w = w->next) {
        w->queued = false;
        w->result = result;
    }
    waiters->first = waiters->last = NULL;
    return all;
}

void dor__waiters_tell(dor_send_waiter *list)
{
    while (list) {
        dor_send_waiter *w = list;
        dor_guest *guest = w->guest;
        list = w->next;
        uv_mutex_lock(&guest->lock);
        w->done = true;                     /* from here on the waiter may be gone */
        uv_cond_broadcast(&guest->changed); /* not only for it: see dor_guest.awaited */
        uv_mutex_unlock(&guest->lock);
    }
}
