/*
 * limits.h - mailboxes with limits: how full one is, what becomes of a message, and the processes that wait for room.
 *
 * Counted are the application's own messages; those of the library (DOWN, EXIT, replies, notes, ...) always have room. A
 * dor_gauge belongs to one mailbox and is guarded by whatever guards that: the lock of an actor's gate (gate.h) or of a
 * guest (guest.h). Nothing here locks, allocates or frees, but for dor__waiters_tell, which takes the waiters' locks.
 *
 * Invariant: gauge.messages and gauge.bytes are at all times what waits, and within the limits; bytes may be above them
 * only while a single message waits. While processes wait for room no other sender gets any, so each has its turn.
 */
#ifndef DOR_RUNTIME_LIMITS_H
#define DOR_RUNTIME_LIMITS_H

#include "runtime/private.h"

/** A process in dor_send_wait; it lies on the thread's stack. */
struct dor_send_waiter {
    dor_send_waiter *next; /* under the gauge's guard, as long as `queued` */
    dor_send_waiter *previous;
    dor_message *message; /* the waiter's own again when the result is a failure */
    dor_guest *guest;     /* who waits: type-stable, and its runtime is entered */
    dor_gate *gate;       /* where it waits: at an actor's gate, */
    dor_guest *full;      /* or at a guest's mailbox */
    dor_result result;    /* written before `done` */
    bool queued;          /* under the gauge's guard */
    bool done;            /* under guest->lock */
};

/** Those who wait for room in one mailbox, oldest first; under the mailbox's guard. */
typedef struct dor_waiters {
    dor_send_waiter *first;
    dor_send_waiter *last;
} dor_waiters;

typedef struct dor_gauge {
    dor_mailbox_limits limits;
    uint32_t messages; /* counted ones that wait */
    uint64_t bytes;    /* what they weigh */
    dor_waiters waiters;
} dor_gauge;

typedef enum dor_verdict {
    DOR_VERDICT_ADMIT = 0,
    DOR_VERDICT_REFUSE,      /* or wait */
    DOR_VERDICT_DROP_NEWEST, /* this one */
    DOR_VERDICT_DROP_OLDEST, /* drop the oldest one and ask again */
    DOR_VERDICT_KILL
} dor_verdict;

/** Whether limits make sense. */
static inline bool dor__limits_good(const dor_mailbox_limits *limits)
{
    return (unsigned)limits->policy <= DOR_MAILBOX_KILL;
}

static inline bool dor__limits_any(const dor_mailbox_limits *limits)
{
    return limits->messages || limits->bytes;
}

/** Whether a message of this type counts against the limits: an application's, unless it is a reply. */
static inline bool dor__counts(uint32_t type)
{
    return type >= (uint32_t)DOR_MSG_USER && type <= (uint32_t)DOR_MSG_USER_MAX;
}

/** What it counts for: its payload, and the buffer that it carries. */
uint64_t dor__message_weight(const dor_message *m);

void dor__gauge_init(dor_gauge *g, const dor_mailbox_limits *limits);

/** What is to become of a counted message that wants in. */
dor_verdict dor__gauge_judge(const dor_gauge *g, const dor_message *m);

/** A counted message goes in, or has left: it was received, or dropped. */
void dor__gauge_add(dor_gauge *g, const dor_message *m);
void dor__gauge_remove(dor_gauge *g, const dor_message *m);

/**
 * After dor__gauge_remove: those whose turn it is, in order, linked by next; their messages are counted already. The
 * caller appends each one's message, gives its guard back, and calls dor__waiters_tell.
 */
dor_send_waiter *dor__gauge_serve(dor_gauge *g);

/* ---- those who wait ---- */

/** Lets w, whose message was refused, wait for room. */
void dor__waiters_add(dor_waiters *waiters, dor_send_waiter *w);

/** It waits no longer: false when it has been served already, and will be told. */
bool dor__waiters_withdraw(dor_waiters *waiters, dor_send_waiter *w);

/** The mailbox ends: all who wait, for dor__waiters_tell; they keep their messages. */
dor_send_waiter *dor__waiters_close(dor_waiters *waiters, dor_result result);

/** Wakes the waiters of a list linked by next, without the guard. Nothing of a waiter may be touched afterwards. */
void dor__waiters_tell(dor_send_waiter *list);

#endif
