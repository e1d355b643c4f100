/*
 * guest_limits.c - see guest.h: what happens when more comes to a guest than it has room for.
 *
 * The count takes in what the speaker has kept, but for those who drop their oldest (see guest.h). Only applications'
 * messages are counted, refused or dropped.
 *
 * Threads: all under the guest's lock; nothing is freed here, since destructors may be anything.
 */
#include "runtime/guest.h"

/* One message may always wait, whatever its size. */
static bool exceeds(const dor_guest *g, uint32_t count, uint64_t bytes)
{
    const dor_mailbox_limits *limits = &g->limits;
    if (limits->messages && count > limits->messages) return true;
    return limits->bytes && count > 1 && bytes > limits->bytes;
}

void dor__guest_trim(dor_guest *g, dor_message_list *dropped)
{
    dor_message *previous = NULL, *m = g->incoming.first;
    while (m && m->next_ && exceeds(g, g->counted, g->counted_bytes)) {
        dor_message *next = (dor_message *)m->next_;
        if (dor__counts(m->type)) {
            g->counted--;
            g->counted_bytes -= dor__message_weight(m);
            if (g->mark == m) g->mark = previous;
            dor__list_remove(&g->incoming, previous, m);
            dor__list_append(dropped, m);
        } else {
            previous = m;
        }
        m = next;
    }
}

/* Room that somebody waits for is that one's. */
static bool has_room(const dor_guest *g, const dor_message *m)
{
    uint64_t bytes = g->counted_bytes + g->held_bytes + dor__message_weight(m);
    return !g->waiters.first && !exceeds(g, g->counted + g->held + 1, bytes);
}

int dor__guest_admit(dor_guest *g, dor_message *m, dor_send_waiter *w, dor_message_list *dropped)
{
    bool counts = dor__guest_is_limited(g) && dor__counts(m->type);
    bool too_much = counts && !has_room(g, m);
    if (too_much) {
        switch (g->limits.policy) {
        case DOR_MAILBOX_DROP_NEWEST: dor__list_append(dropped, m); return DOR_MESSAGE_DROPPED;
        case DOR_MAILBOX_KILL: dor__guest_exit(g, DOR_E_MAILBOX_FULL); return DOR_E_MAILBOX_FULL;
        case DOR_MAILBOX_DROP_OLDEST: break;
        case DOR_MAILBOX_REFUSE:
            if (w) {
                w->full = g;
                dor__waiters_add(&g->waiters, w);
            }
            return DOR_E_MAILBOX_FULL;
        }
    }
    dor__list_append(&g->incoming, m);
    if (counts) {
        g->counted++;
        g->counted_bytes += dor__message_weight(m);
    }
    if (!too_much) return DOR_OK;
    dor__guest_trim(g, dropped);
    return DOR_MESSAGE_DROPPED; /* perhaps not yet, while the speaker looks at the oldest */
}

dor_send_waiter *dor__guest_serve(dor_guest *g)
{
    dor_send_waiter *served = NULL, **end = &served, *w;
    while ((w = g->waiters.first)) {
        uint64_t weight = dor__message_weight(w->message);
        if (exceeds(g, g->counted + g->held + 1, g->counted_bytes + g->held_bytes + weight)) break;
        (void)dor__waiters_withdraw(&g->waiters, w);
        dor__list_append(&g->incoming, w->message);
        g->counted++;
        g->counted_bytes += weight;
        w->result = DOR_SUCCESS;
        w->next = NULL;
        *end = w;
        end = &w->next;
    }
    if (served) dor__guest_arrived(g);
    return served;
}

bool dor__guest_withdraw(dor_guest *g, dor_send_waiter *w)
{
    uv_mutex_lock(&g->lock);
    bool withdrawn = dor__waiters_withdraw(&g->waiters, w);
    /* It may have been too big, and in the way of others. */
    dor_send_waiter *served = withdrawn ? dor__guest_serve(g) : NULL;
    uv_mutex_unlock(&g->lock);
    dor__waiters_tell(served);
    return withdrawn;
}
