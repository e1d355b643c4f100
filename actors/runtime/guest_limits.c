/*
 * guest_limits.c - see guest.h: what happens when more comes to a guest than it has room for.
 *
 * The count takes in what the speaker has kept, but for those who drop their oldest (see guest.h). Only applications'
 * messages are counted, refused or dropped.
 *
 * Threads: all under the guest's lock; nothing is freed here, since destructors may be anything.
 */
#include "runtime/guest.h"

bool dor__limits_good(const dor_mailbox_limits *limits)
{
    return (unsigned)limits->policy <= DOR_MAILBOX_KILL;
}

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
            g->counted_bytes -= m->size;
            if (g->mark == m) g->mark = previous;
            dor__list_remove(&g->incoming, previous, m);
            dor__list_append(dropped, m);
        } else {
            previous = m;
        }
        m = next;
    }
}

int dor__guest_admit(dor_guest *g, dor_message *m, dor_message_list *dropped)
{
    bool counts = dor__guest_is_limited(g) && dor__counts(m->type);
    bool too_much =
        counts && exceeds(g, g->counted + g->held + 1, g->counted_bytes + g->held_bytes + m->size);
    if (too_much) {
        switch (g->limits.policy) {
        case DOR_MAILBOX_DROP_NEWEST: dor__list_append(dropped, m); return DOR_MESSAGE_DROPPED;
        case DOR_MAILBOX_KILL: dor__guest_exit(g, DOR_E_MAILBOX_FULL); return DOR_E_MAILBOX_FULL;
        case DOR_MAILBOX_DROP_OLDEST: break;
        default: return DOR_E_MAILBOX_FULL;
        }
    }
    dor__list_append(&g->incoming, m);
    if (counts) {
        g->counted++;
        g->counted_bytes += m->size;
    }
    if (!too_much) return DOR_OK;
    dor__guest_trim(g, dropped);
    return DOR_MESSAGE_DROPPED; /* perhaps not yet, while the speaker looks at the oldest */
}
