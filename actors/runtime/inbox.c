/*
 * inbox.c - see inbox.h. Messages are linked through next_, which other threads write: it is accessed atomically here.
 */
#include "runtime/inbox.h"

#define EMPTY ((uintptr_t)1)

/* next_ is a plain void * in the public header; these are its atomic accesses. */
static dor_message *load_next(dor_message *m)
{
    /* acquire: pairs with the release in link_to, so that the message is seen whole. */
    return (dor_message *)__atomic_load_n(&m->next_, __ATOMIC_ACQUIRE);
}

static void link_to(dor_message *m, dor_message *next)
{
    /* release: publishes the message that was filled in before it was pushed. */
    __atomic_store_n(&m->next_, (void *)next, __ATOMIC_RELEASE);
}

void dor__inbox_init(dor_inbox *q)
{
    q->stub = (dor_message){0};
    q->first = &q->stub;
    atomic_init(&q->last, (uintptr_t)&q->stub | EMPTY);
}

bool dor__inbox_push(dor_inbox *q, dor_message *m)
{
    /* relaxed: the release half of the exchange below orders it before any other producer's link to this message. */
    __atomic_store_n(&m->next_, NULL, __ATOMIC_RELAXED);
    /*
     * acq_rel: the release half hands m (with next_ == NULL) to the next producer; the acquire half takes the former
     * last message from the producer before, so that the link below comes after that one's NULL.
     */
    uintptr_t former = atomic_exchange_explicit(&q->last, (uintptr_t)m, memory_order_acq_rel);
    /* The former last message stays in memory until this link is there: the consumer hands out only linked ones. */
    link_to((dor_message *)(former & ~EMPTY), m);
    return former & EMPTY;
}

dor_message *dor__inbox_pop(dor_inbox *q)
{
    dor_message *first = q->first;
    dor_message *next = load_next(first);
    if (first == &q->stub) {
        if (!next) return NULL;
        q->first = first = next;
        next = load_next(first);
    }
    if (next) {
        q->first = next;
        return first;
    }
    /*
     * The last one that can be seen. relaxed: only compared; when they differ a producer is between its two steps and
     * the message can't be handed out, since that producer is going to write to it.
     */
    if (atomic_load_explicit(&q->last, memory_order_relaxed) != (uintptr_t)first) return NULL;
    /* Put the stub behind it, so that it has a successor and can go. The bit is not set here: q->first is no stub. */
    (void)dor__inbox_push(q, &q->stub);
    next = load_next(first);
    if (!next) return NULL; /* a producer came in between and has not linked yet */
    q->first = next;
    return first;
}

bool dor__inbox_is_empty(dor_inbox *q)
{
    /*
     * relaxed: only compared. Of a push that happened before what the consumer has seen, the exchange is seen, too; its
     * link, which may come later, is not asked for.
     */
    return (atomic_load_explicit(&q->last, memory_order_relaxed) & ~EMPTY) == (uintptr_t)&q->stub &&
           q->first == &q->stub;
}

bool dor__inbox_sleep(dor_inbox *q)
{
    uintptr_t empty = (uintptr_t)&q->stub;
    if (q->first != &q->stub) return false;
    /*
     * release: a producer that finds the bit set finds it after everything the consumer did. relaxed on failure:
     * nothing is read on the strength of it. The bit may be set already, when nothing came since.
     */
    return atomic_compare_exchange_strong_explicit(&q->last, &empty, empty | EMPTY, memory_order_release,
                                                   memory_order_relaxed) ||
           empty == ((uintptr_t)&q->stub | EMPTY);
}
