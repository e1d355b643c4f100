/*
 * timer_wheel.c - see timer_wheel.h.
 *
 * Invariants: on level l lie the timers whose deadline differs from time_ms in bits of that level but in none above;
 * so every timer of a lower level comes before every one of a higher level, and the earliest slot is the first
 * occupied one of the lowest occupied level. next_ms is never later than the start of the earliest occupied slot.
 */
#include "runtime/timer_wheel.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

void dor__wheel_init(dor_timer_wheel *w, uint64_t now_ms)
{
    memset(w, 0, sizeof *w);
    w->time_ms = now_ms;
    w->next_ms = DOR_WHEEL_NEVER;
    w->due_end = &w->due;
}

static void put_first(dor_timer **list, dor_timer *t)
{
    t->next = *list;
    if (t->next) t->next->link = &t->next;
    t->link = list;
    *list = t;
}

static void put_due(dor_timer_wheel *w, dor_timer *t)
{
    t->next = NULL;
    t->link = w->due_end;
    *w->due_end = t;
    w->due_end = &t->next;
}

/* The start of a slot, given that the wheel's time agrees with it in all bits above the level's. */
static uint64_t slot_start(const dor_timer_wheel *w, unsigned level, unsigned slot)
{
    unsigned shift = level * DOR_WHEEL_SLOT_BITS;
    uint64_t above = w->time_ms >> (shift + DOR_WHEEL_SLOT_BITS);
    return (above << DOR_WHEEL_SLOT_BITS | slot) << shift;
}

void dor__wheel_add(dor_timer_wheel *w, dor_timer *t)
{
    if (t->deadline_ms <= w->time_ms) {
        put_due(w, t);
        return;
    }
    uint64_t differs = t->deadline_ms ^ w->time_ms;
    unsigned level = (unsigned)(63 - __builtin_clzll(differs)) / DOR_WHEEL_SLOT_BITS;
    assert(level < DOR_WHEEL_LEVELS); /* 2^42 ms are 139 years, and delays have 32 bits */
    unsigned slot = (unsigned)(t->deadline_ms >> (level * DOR_WHEEL_SLOT_BITS)) & (DOR_WHEEL_SLOTS - 1);
    put_first(&w->slots[level][slot], t);
    w->occupied[level] |= UINT64_C(1) << slot;
    uint64_t start = slot_start(w, level, slot);
    if (start < w->next_ms) w->next_ms = start;
}

void dor__wheel_remove(dor_timer_wheel *w, dor_timer *t)
{
    dor_timer **link = t->link;
    *link = t->next;
    if (t->next)
        t->next->link = link;
    else if (w->due_end == &t->next)
        w->due_end = link;
    t->link = NULL;
    t->next = NULL;
    /* A slot that has become empty loses its bit. Which slot it is follows from where its head stands. */
    dor_timer **first = &w->slots[0][0], **end = first + DOR_WHEEL_LEVELS * DOR_WHEEL_SLOTS;
    if (*link == NULL && link >= first && link < end) {
        size_t index = (size_t)(link - first);
        w->occupied[index / DOR_WHEEL_SLOTS] &= ~(UINT64_C(1) << (index % DOR_WHEEL_SLOTS));
    }
}

static bool earliest(const dor_timer_wheel *w, unsigned *level, unsigned *slot)
{
    for (unsigned l = 0; l < DOR_WHEEL_LEVELS; l++) {
        if (!w->occupied[l]) continue;
        *level = l;
        *slot = (unsigned)__builtin_ctzll(w->occupied[l]);
        return true;
    }
    return false;
}

uint64_t dor__wheel_earliest(const dor_timer_wheel *w)
{
    unsigned level, slot;
    uint64_t earliest_ms = DOR_WHEEL_NEVER;
    if (w->due || w->firing) return 0;
    if (!earliest(w, &level, &slot)) return earliest_ms;
    for (const dor_timer *t = w->slots[level][slot]; t; t = t->next)
        if (t->deadline_ms < earliest_ms) earliest_ms = t->deadline_ms;
    return earliest_ms;
}

/* Takes a slot's timers, oldest first: slots are kept youngest first because they know only their head. */
static dor_timer *take_slot(dor_timer_wheel *w, unsigned level, unsigned slot)
{
    dor_timer *oldest = NULL;
    dor_timer *t = w->slots[level][slot];
    w->slots[level][slot] = NULL;
    w->occupied[level] &= ~(UINT64_C(1) << slot);
    while (t) {
        dor_timer *next = t->next;
        t->next = oldest;
        oldest = t;
        t = next;
    }
    return oldest;
}

void dor__wheel_advance(dor_timer_wheel *w, uint64_t now_ms)
{
    unsigned level, slot;
    if (now_ms <= w->time_ms) return;
    while (now_ms >= w->next_ms) {
        if (!earliest(w, &level, &slot)) {
            w->next_ms = DOR_WHEEL_NEVER;
            break;
        }
        uint64_t start = slot_start(w, level, slot);
        w->next_ms = start; /* exact again, however low the bound had become */
        if (start > now_ms) break;
        dor_timer *t = take_slot(w, level, slot);
        w->time_ms = start;
        while (t) {
            dor_timer *next = t->next;
            dor__wheel_add(w, t); /* to a lower level, or among those that are due */
            t = next;
        }
    }
    w->time_ms = now_ms;
}

bool dor__wheel_fire(dor_timer_wheel *w, bool (*spent)(void *arg), void *arg)
{
    /* Those that were left over last time come first, and nothing joins them until they are done. */
    if (!w->firing && w->due) {
        w->firing = w->due;
        w->firing->link = &w->firing;
        w->due = NULL;
        w->due_end = &w->due;
    }
    while (w->firing) {
        dor_timer *t = w->firing;
        dor__wheel_remove(w, t);
        w->fired++;
        t->fn(t);
        if (spent(arg)) break;
    }
    return !w->firing && !w->due;
}
