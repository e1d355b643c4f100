/*
 * spin.h - a scheduler that expects a message at once looks for it a little longer before it sleeps.
 *
 * To put a thread to sleep and to wake it again costs some 20 microseconds on a virtual machine, a hundred times what the
 * message costs. So where the last message from another thread came soon after poll had begun, the next one is waited for in a
 * loop of DOR_SPIN_NS at most. Each time in vain makes it rarer by half, down to one wait in DOR_SPIN_RARELY: what it may cost
 * a program that it does not suit is some 50 ns for each sleep. Who sleeps for long, or is woken by sockets and timers, never
 * spins, and neither does a runtime that has more threads than processors.
 *
 * Each look takes the inbox's cache line from those who push. Where they come in large batches, the next look is put off until
 * there may be another one.
 *
 * Owning thread: the scheduler's.
 */
#ifndef DOR_RUNTIME_SPIN_H
#define DOR_RUNTIME_SPIN_H

#include "runtime/inbox.h"

enum { DOR_SPIN_NS = 50000, DOR_SPIN_RARELY = 1023 };

typedef struct dor_spin {
    uint64_t since_ns; /* when the present wait, or the last one, began */
    uint32_t skip;     /* waits between two spins */
    uint32_t skipped;  /* of them, so far */
    bool allowed;      /* there are processors enough */
    bool expecting;    /* the last wait was short, and a message's arrival was its end */
} dor_spin;

/** A wait begins, now. */
static inline void dor__spin_begin(dor_spin *spin, uint64_t now_ns)
{
    spin->since_ns = now_ns;
}

/** True when one of the inboxes has something; false: it is time to sleep. `taken`: how many messages came last time. */
bool dor__spin(dor_spin *spin, dor_inbox *inbox, dor_inbox *urgent, unsigned taken);

/** A push has ended the wait in poll, now. */
void dor__spin_woken(dor_spin *spin, uint64_t now_ns);

#endif
