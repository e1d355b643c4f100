/*
 * dormouse/simulate.h - a runtime without threads, whose every choice follows from a seed.
 *
 * Its schedulers are stepped on the calling thread, in an order that the seed decides: which of them runs next, how many
 * messages it takes from the others, which actor runs first and for how long, and how long a message is under way. Its
 * clock stands still while somebody has something to do, and then jumps to the next timer. So a program that depends on
 * an order it was not promised fails for some seeds, at once and every time. No sockets, no processes and no ports.
 *
 * Threads: everything on the thread that made it; other threads must not touch this runtime.
 */
#ifndef DORMOUSE_SIMULATE_H
#define DORMOUSE_SIMULATE_H

#include <dormouse/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dor_simulation_options {
    unsigned schedulers; /**< 0: 2 */
    uint64_t seed;
} dor_simulation_options;

/**
 * A runtime for dor_spawn, dor_send and everything else on actors. Ends with dor_runtime_stop, whose deadline is of
 * simulated time.
 */
DOR_API int dor_simulation_new(dor_runtime **runtime, const dor_simulation_options *options);

/**
 * Makes up to max_steps steps (one scheduler's choice each); *steps, which may be NULL, gets how many there were. DOR_OK
 * when nothing is left to do, not even a timer; DOR_E_LIMIT when something is; DOR_E_BADARG when it is no simulation.
 */
DOR_API int dor_simulation_run(dor_runtime *runtime, uint64_t max_steps, uint64_t *steps);

/** The same, but stops, with DOR_E_TIMEOUT, before the clock goes beyond so many milliseconds from now. */
DOR_API int dor_simulation_run_for(dor_runtime *runtime, uint32_t ms, uint64_t max_steps);

/** Milliseconds of simulated time since the start. */
DOR_API uint64_t dor_simulation_now_ms(const dor_runtime *runtime);

/** A number that all choices so far have gone into: equal in two runs that went the same way. */
DOR_API uint64_t dor_simulation_digest(const dor_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
