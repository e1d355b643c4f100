/*
 * inbox.h - how messages come to a scheduler from other threads: an intrusive queue, many producers, one consumer.
 *
 * Producers swing `last` to their message with one exchange and then link the former last one to it. The low bit of
 * `last` says "empty, and the consumer may be asleep"; the exchange tells exactly one producer that it was set, and
 * that one wakes the consumer. The consumer sets the bit as its last act before it sleeps, and only if nothing came.
 *
 * Between a producer's exchange and its link the queue is cut: the consumer sees no successor although there is one.
 * It must come back rather than sleep, which dor__inbox_sleep sees to.
 */
#ifndef DOR_RUNTIME_INBOX_H
#define DOR_RUNTIME_INBOX_H

#include <dormouse/actor.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct dor_inbox {
    _Alignas(64) _Atomic uintptr_t last; /* message or stub; bit 0: empty */
    _Alignas(64) dor_message *first;     /* the consumer's own from here on */
    dor_message stub;
} dor_inbox;

void dor__inbox_init(dor_inbox *q);

/** Any thread. True when the consumer has to be woken. */
bool dor__inbox_push(dor_inbox *q, dor_message *m);

/** The consumer: the oldest message, or NULL when there is none, or none that can be reached yet. */
dor_message *dor__inbox_pop(dor_inbox *q);

/**
 * The consumer: true when there is nothing, not even something that cannot be reached yet, of what was sent before anything
 * that the consumer has seen, from whatever queue.
 */
bool dor__inbox_is_empty(dor_inbox *q);

/**
 * The consumer, before it sleeps: true when the queue is empty, and then the next push says that it must be woken.
 * False: something is there, or about to be.
 */
bool dor__inbox_sleep(dor_inbox *q);

#endif
