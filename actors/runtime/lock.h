/*
 * lock.h - one byte of lock for what is held over a few instructions.
 *
 * It spins, and yields the processor when the holder seems to have lost its own. Nothing that may block, allocate or
 * call out is done under it.
 */
#ifndef DOR_RUNTIME_LOCK_H
#define DOR_RUNTIME_LOCK_H

#include <sched.h>
#include <stdatomic.h>

typedef struct dor_lock {
    atomic_bool held;
} dor_lock;

static inline void dor__lock(dor_lock *lock)
{
    unsigned spins = 0;
    /* acquire: what the former holder wrote is seen from here on. */
    while (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire)) {
        /* relaxed: only a hint that it is worth trying again. */
        while (atomic_load_explicit(&lock->held, memory_order_relaxed))
            if (++spins % 64 == 0) sched_yield();
    }
}

static inline void dor__unlock(dor_lock *lock)
{
    /* release: pairs with the acquire above. */
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}

#endif
