/*
 * timer_wheel.c - see timer_wheel.h.
 *
 * Invariants: on level l lie the timers whose deadline differs from time_ms in bits of that level but in none above;
 * so every timer of a lower level comes before every one of a higher level, and the earliest slot is the first
 * occupied one of the lowest occupied level. next_ms is never later than the start of the earliest occupied slot.
 *
 * While a slot is being taken apart, time_ms stays at its start, which keeps the invariant for what has moved down from it;
 * `moving` has the rest, and new timers that belong there join it, so that equal deadlines keep their order.
 */
#include "runtime/timer_wheel.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* ---- lists ---- */

static void list_clear(dor_timer_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(dor_timer_list *list, dor_timer *t)
{
    t->next = NULL;
    t->link = list->end;
    *list->end = t;
    list->end = &t->next;
}

/* All of `from`, in order, behind what is in `to`. */
static void list_move(dor_timer_list *to, dor_timer_list *from)
{
    if (!from->first) return;
    from->first->link = to->end;
    *to->end = from->first;
    to->end = from->end;
    list_clear(from);
}

void dor__wheel_init(dor_timer_wheel *w, uint64_t now_ms)
{
    memset(w, 0, sizeof *w);
    w->time_ms = now_ms;
    w->next_ms = DOR_WHEEL_NEVER;
    list_clear(&w->due);
    list_clear(&w->firing);
    list_clear(&w->moving);
    for (unsigned l = 0; l < DOR_WHEEL_LEVELS; l++)
        for (unsigned slot = 0; slot < DOR_WHEEL_SLOTS; slot++)
            list_clear(&w->slots[l][slot]);
}

/* ---- slots ---- */

static unsigned level_of(const dor_timer_wheel *w, uint64_t deadline_ms)
{
    unsigned level = (unsigned)(63 - __builtin_clzll(deadline_ms ^ w->time_ms)) / DOR_WHEEL_SLOT_BITS;
    assert(level < DOR_WHEEL_LEVELS); /* 2^42 ms are 139 years, and delays have 32 bits */
    return level;
}

static unsigned slot_of(uint64_t deadline_ms, unsigned level)
{
    return (unsigned)(deadline_ms >> (level * DOR_WHEEL_SLOT_BITS)) & (DOR_WHEEL_SLOTS - 1);
}

/* The start of a slot, given that the wheel's time agrees with it in all bits above the level's. */
static uint64_t slot_start(const dor_timer_wheel *w, unsigned level, unsigned slot)
{
    unsigned shift = level * DOR_WHEEL_SLOT_BITS;
    uint64_t above = w->time_ms >> (shift + DOR_WHEEL_SLOT_BITS);
    return (above << DOR_WHEEL_SLOT_BITS | slot) << shift;
}

/* Where t belongs at the wheel's time. */
static void place(dor_timer_wheel *w, dor_timer *t)
{
    if (t->deadline_ms <= w->time_ms) {
        list_append(&w->due, t);
        return;
    }
    unsigned level = level_of(w, t->deadline_ms), slot = slot_of(t->deadline_ms, level);
    list_append(&w->slots[level][slot], t);
    w->occupied[level] |= UINT64_C(1) << slot;
    uint64_t start = slot_start(w, level, slot);
    if (start < w->next_ms) w->next_ms = start;
}

void dor__wheel_add(dor_timer_wheel *w, dor_timer *t)
{
    if (w->moving.first && t->deadline_ms >= w->time_ms && t->deadline_ms < w->moving_until_ms)
        list_append(&w->moving, t);
    else
        place(w, t);
}

/* The last of its list goes: which list that is follows from the deadline. */
static void remove_last(dor_timer_wheel *w, const dor_timer *t)
{
    dor_timer_list *const others[] = {&w->due, &w->firing, &w->moving};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (others[i]->end != &t->next) continue;
        others[i]->end = t->link;
        return;
    }
    unsigned level = level_of(w, t->deadline_ms), slot = slot_of(t->deadline_ms, level);
    dor_timer_list *list = &w->slots[level][slot];
    assert(list->end == &t->next);
    list->end = t->link;
    if (!list->first) w->occupied[level] &= ~(UINT64_C(1) << slot);
}

void dor__wheel_remove(dor_timer_wheel *w, dor_timer *t)
{
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    else
        remove_last(w, t);
    t->link = NULL;
    t->next = NULL;
}

/* ---- time ---- */

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
    if (dor__wheel_pending(w)) return 0;
    if (!earliest(w, &level, &slot)) return earliest_ms;
    for (const dor_timer *t = w->slots[level][slot].first; t; t = t->next)
        if (t->deadline_ms < earliest_ms) earliest_ms = t->deadline_ms;
    return earliest_ms;
}

/* Moves the timers of the slot that is being taken apart. False when there was no time for all of them. */
static bool move_down(dor_timer_wheel *w, dor_wheel_spent_fn spent, void *arg)
{
    while (w->moving.first) {
        dor_timer *t = w->moving.first;
        dor__wheel_remove(w, t);
        place(w, t); /* on a lower level, or among those that are due */
        if (spent(arg)) return !w->moving.first;
    }
    return true;
}

void dor__wheel_advance(dor_timer_wheel *w, uint64_t now_ms, dor_wheel_spent_fn spent, void *arg)
{
    unsigned level, slot;
    if (!move_down(w, spent, arg) || now_ms <= w->time_ms) return;
    while (now_ms >= w->next_ms) {
        if (!earliest(w, &level, &slot)) {
            w->next_ms = DOR_WHEEL_NEVER;
            break;
        }
        uint64_t start = slot_start(w, level, slot);
        w->next_ms = start; /* exact again, however low the bound had become */
        if (start > now_ms) break;
        w->time_ms = start;
        w->occupied[level] &= ~(UINT64_C(1) << slot);
        if (level == 0) { /* one deadline: due as it is */
            list_move(&w->due, &w->slots[0][slot]);
            continue;
        }
        w->moving_until_ms = start + (UINT64_C(1) << (level * DOR_WHEEL_SLOT_BITS));
        list_move(&w->moving, &w->slots[level][slot]);
        if (!move_down(w, spent, arg)) return;
    }
    w->time_ms = now_ms;
}

void dor__wheel_fire(dor_timer_wheel *w, dor_wheel_spent_fn spent, void *arg)
{
    /* Those that were left over last time come first, and nothing joins them until they are done. */
    if (!w->firing.first) list_move(&w->firing, &w->due);
    while (w->firing.first) {
        dor_timer *t = w->firing.first;
        dor__wheel_remove(w, t);
        w->fired++;
        t->fn(t);
        if (spent(arg)) break;
    }
}
