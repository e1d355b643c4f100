/*
 * timer_wheel.h - a hierarchical wheel per loop: arming and disarming cost nanoseconds and no memory of their own.
 *
 * Owned by one scheduler; everything here runs on its thread. Granularity is 1 ms; a timer never fires early. Timers
 * with the same deadline fire in the order in which they were armed.
 *
 * Level l has 64 slots of 64^l ms each. A timer lies on the lowest level that can tell its deadline from the wheel's
 * time; when the time enters a slot of a higher level, what lies there moves down. So a timer of the far future costs
 * nothing for as long as it is in the far future. A million of them may lie in one slot: that they move down takes as many
 * calls of dor__wheel_advance as it takes time for.
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

enum { DOR_WHEEL_LEVELS = 7, DOR_WHEEL_SLOT_BITS = 6, DOR_WHEEL_SLOTS = 1 << DOR_WHEEL_SLOT_BITS };

#define DOR_WHEEL_NEVER UINT64_MAX

typedef struct dor_timer_list {
    dor_timer *first;
    dor_timer **end; /* where the next one's pointer goes */
} dor_timer_list;

typedef struct dor_timer_wheel {
    uint64_t time_ms;   /* every timer due until then has been taken off the slots */
    uint64_t next_ms;   /* nothing happens before: a lower bound, DOR_WHEEL_NEVER when the slots are empty */
    uint64_t fired;     /* how many, since the start */
    dor_timer_list due; /* past their deadline, waiting for dor__wheel_fire; oldest first */
    dor_timer_list firing;               /* those of the present call of dor__wheel_fire */
    dor_timer_list moving;               /* of a slot that is being taken apart */
    uint64_t moving_until_ms;            /* and ends there; it begins at time_ms */
    uint64_t occupied[DOR_WHEEL_LEVELS]; /* a bit per slot that is not empty */
    dor_timer_list slots[DOR_WHEEL_LEVELS][DOR_WHEEL_SLOTS];
} dor_timer_wheel;

void dor__wheel_init(dor_timer_wheel *w, uint64_t now_ms);

/** Arms t for t->deadline_ms; it must not be armed. */
void dor__wheel_add(dor_timer_wheel *w, dor_timer *t);
void dor__wheel_remove(dor_timer_wheel *w, dor_timer *t);

/** When the next timer is due, exactly (next_ms is a bound): walks over a slot. DOR_WHEEL_NEVER; 0 when one is due. */
uint64_t dor__wheel_earliest(const dor_timer_wheel *w);

/** Whether there is something to do now, whatever the time. */
static inline bool dor__wheel_pending(const dor_timer_wheel *w)
{
    return w->due.first || w->firing.first || w->moving.first;
}

/** Asked after every timer that was touched. */
typedef bool (*dor_wheel_spent_fn)(void *arg);

/**
 * Brings the wheel's time to now_ms and makes due what has become due, or as much of it as there is time for: what is left
 * over, dor__wheel_pending tells, and the next call goes on with it.
 */
void dor__wheel_advance(dor_timer_wheel *w, uint64_t now_ms, dor_wheel_spent_fn spent, void *arg);

/**
 * Calls what is due, each once, until `spent` says so; one at least. Timers that become due again meanwhile wait for the
 * next call.
 */
void dor__wheel_fire(dor_timer_wheel *w, dor_wheel_spent_fn spent, void *arg);

#endif
