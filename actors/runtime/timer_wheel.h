/*
 * timer_wheel.h - a hashed wheel per loop: arming and disarming cost nanoseconds and no memory of their own.
 *
 * Owned by one scheduler; everything here runs on its thread. Granularity is 1 ms; a timer never fires early.
 */
#ifndef DOR_RUNTIME_TIMER_WHEEL_H
#define DOR_RUNTIME_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dor_timer dor_timer;
typedef void (*dor_timer_fn)(dor_timer *timer);

/** Embedded in what it wakes (DOR_CONTAINER_OF finds it again). Zeroed means not armed. */
struct dor_timer {
    dor_timer *next;
    dor_timer **link; /* where the pointer to this node stands; NULL when not armed */
    dor_timer_fn fn;
    uint64_t deadline_ms; /* on the scheduler's clock */
};

static inline bool dor__timer_armed(const dor_timer *t)
{
    return t->link != 0;
}

#endif
