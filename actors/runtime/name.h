/*
 * name.h - the 64 bits that name an actor, a process, an event mailbox, a timer or a monitor.
 *
 *     63      61 60       55 54         49 48        25 24             0
 *    |  kind 3  | runtime 6 | scheduler 6 |  slot 24   | generation 25  |
 *
 * Limits: 64 runtimes at a time in one OS process, 64 schedulers each, 16,777,216 of each kind alive per scheduler (of
 * processes: per runtime), 33,554,432 lives per slot. A slot whose generations are used up is never used again, so
 * within a runtime no name ever comes back; a later runtime in the same place starts where the former one ended.
 *
 * Kind 0 is for plain references (dor_make_ref), which are a counter and name nothing. So a pid, a mailbox handle and a
 * reference can be told apart by looking at them, and a wrong one is refused rather than believed.
 */
#ifndef DOR_RUNTIME_NAME_H
#define DOR_RUNTIME_NAME_H

#include <stdint.h>

enum {
    DOR_KIND_REF = 0,
    DOR_KIND_ACTOR = 1,
    DOR_KIND_PROCESS = 2,
    DOR_KIND_MAILBOX = 3,
    DOR_KIND_TIMER = 4,
    DOR_KIND_MONITOR = 5,        /* made by an actor: slot of its scheduler */
    DOR_KIND_PROCESS_MONITOR = 6 /* made by a process: slot of its runtime */
};

enum {
    DOR_NAME_GENERATION_BITS = 25,
    DOR_NAME_SLOT_BITS = 24,
    DOR_NAME_SCHEDULER_BITS = 6,
    DOR_NAME_RUNTIME_BITS = 6,
    DOR_NAME_HOME_SHIFT = DOR_NAME_GENERATION_BITS + DOR_NAME_SLOT_BITS,
    DOR_RUNTIMES_MAX = 1 << DOR_NAME_RUNTIME_BITS,
    DOR_SCHEDULERS_MAX = 1 << DOR_NAME_SCHEDULER_BITS,
    DOR_SLOTS_MAX = 1 << DOR_NAME_SLOT_BITS,
    DOR_GENERATION_MAX = (1 << DOR_NAME_GENERATION_BITS) - 1
};

_Static_assert(DOR_NAME_HOME_SHIFT + DOR_NAME_SCHEDULER_BITS + DOR_NAME_RUNTIME_BITS + 3 == 64,
               "a name has 64 bits");

/** All of a name but slot and generation: where its slot is to be looked up. */
static inline uint32_t dor__name_home(unsigned kind, unsigned runtime, unsigned scheduler)
{
    return kind << (DOR_NAME_RUNTIME_BITS + DOR_NAME_SCHEDULER_BITS) | runtime << DOR_NAME_SCHEDULER_BITS |
           scheduler;
}

static inline uint64_t dor__name(uint32_t home, uint32_t slot, uint32_t generation)
{
    return (uint64_t)home << DOR_NAME_HOME_SHIFT | (uint64_t)slot << DOR_NAME_GENERATION_BITS | generation;
}

static inline uint32_t dor__home_of(uint64_t name)
{
    return (uint32_t)(name >> DOR_NAME_HOME_SHIFT);
}

static inline unsigned dor__kind_of(uint64_t name)
{
    return (unsigned)(name >> 61);
}

static inline unsigned dor__runtime_index_of(uint64_t name)
{
    return dor__home_of(name) >> DOR_NAME_SCHEDULER_BITS & (DOR_RUNTIMES_MAX - 1);
}

static inline unsigned dor__scheduler_index_of(uint64_t name)
{
    return dor__home_of(name) & (DOR_SCHEDULERS_MAX - 1);
}

static inline uint32_t dor__slot_of(uint64_t name)
{
    return (uint32_t)(name >> DOR_NAME_GENERATION_BITS) & (DOR_SLOTS_MAX - 1);
}

static inline uint32_t dor__generation_of(uint64_t name)
{
    return (uint32_t)name & DOR_GENERATION_MAX;
}

#endif
