/*
 * dormouse/simulate.h - a runtime without threads, whose every choice follows from a seed.
 *
 * Its schedulers are stepped on the calling thread, in an order that the seed decides: which of them runs next, how many
 * messages it takes from the others, which actor runs first and for how long, and how long a message is under way. A step
 * takes some microseconds of its time, or as the seed says up to 3 ms; when nobody has anything to do, the clock jumps
 * to the next timer. So a program that depends on an order it was not promised fails for some seeds, at once and every
 * time.
 *
 * What it has not: sockets, processes and ports (DOR_E_NOT_SUPPORTED). Actors are spawned and sent to from the thread that
 * made it; answers come to actors, or are left where the test finds them.
 *
 * What is not the same in two runs with one seed: the values of pids and references, and addresses in memory. A program
 * that chooses by them (the order of a hash table, for example) goes another way each time.
 *
 * Threads: everything on the thread that made it. To others the runtime is not there (DOR_E_NOPROC, DOR_E_STOPPED).
 */
#ifndef DORMOUSE_SIMULATE_H
#define DORMOUSE_SIMULATE_H

#include <dormouse/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a simulated runtime is to be. */
typedef struct dor_simulation_options {
    unsigned schedulers; /**< 0: 2 */
    uint64_t seed;       /**< decides every choice */
} dor_simulation_options;

/**
 * A runtime for dor_spawn, dor_send and everything else on actors. options may be NULL. Ends with dor_runtime_stop, whose
 * deadline is of simulated time; where nothing more can happen, it does not wait for it.
 */
DOR_API int dor_simulation_new(dor_runtime **runtime, const dor_simulation_options *options);

/**
 * Makes up to max_steps steps (one scheduler's turn each); *steps, which may be NULL, gets how many there were. DOR_OK
 * when nothing is left to do, not even a timer; DOR_E_LIMIT when something is; DOR_E_BADARG when it is no simulation;
 * DOR_E_STOPPED; DOR_E_WOULD_DEADLOCK from an actor.
 */
DOR_API int dor_simulation_run(dor_runtime *runtime, uint64_t max_steps, uint64_t *steps);

/**
 * As dor_simulation_run, but stops with DOR_E_TIMEOUT when so many milliseconds have passed since now and there is nothing more to do
 * before the clock goes on.
 */
DOR_API int dor_simulation_run_for(dor_runtime *runtime, uint32_t ms, uint64_t max_steps);

/** Milliseconds of simulated time since the start. */
DOR_API uint64_t dor_simulation_now_ms(const dor_runtime *runtime);

/** A number that all choices so far have gone into: equal in two runs that went the same way. */
DOR_API uint64_t dor_simulation_digest(const dor_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
