/*
 * simulation.h - the runtime without threads and without loops: where it differs, and who decides then.
 *
 * Everything that actors do runs the same code as ever, dor__turn included. A simulation takes the place of
 *
 *   the loop      it calls dor__turn on one scheduler after another, on one thread (dor__current says which is on)
 *   the clock     dor__clock_ns and dor__scheduler_now_ms
 *   the wake-up   dor__scheduler_wake does nothing
 *   chance        what threads, the kernel and the load of the machine decide otherwise: the functions below
 *
 * Owning thread: the one that made it, for all of it.
 */
#ifndef DOR_RUNTIME_SIMULATION_H
#define DOR_RUNTIME_SIMULATION_H

#include "base/result.h"
#include <dormouse/simulate.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dor_simulation dor_simulation;
struct dor_actor;
struct dor_scheduler;

/* ---- for the rest of the runtime ---- */

uint64_t dor__simulation_clock_ns(const dor_simulation *simulation);

/** Whether the calling thread is the one that made it. */
bool dor__simulation_is_here(const dor_simulation *simulation);

/** How many messages the part of a turn that begins now may take; `stride` where it is not for the seed to say. */
uint32_t dor__simulation_share(dor_simulation *simulation, uint32_t stride);

/** Whether that, and not the clock, ends the part. */
bool dor__simulation_decides(const dor_simulation *simulation);

/** So many things were done since the clock was read last. */
void dor__simulation_has_counted(dor_simulation *simulation, uint32_t count);

/** Whether something that has come, or has become due, is not seen yet in this turn. */
bool dor__simulation_withholds(dor_simulation *simulation);

/** Moves the actor that the seed names to the front of the run queue. */
void dor__simulation_choose_actor(struct dor_scheduler *s);

/** For the digest. */
void dor__simulation_has_run(dor_simulation *simulation, const struct dor_actor *actor);
void dor__simulation_has_delivered(dor_simulation *simulation, const dor_message *message);

/** Goes on until all schedulers have arrived; false when the deadline came first, or nothing more can happen. */
bool dor__simulation_arrives(dor_runtime *runtime, uint32_t deadline_ms);

/** NULL is none. */
void dor__simulation_free(dor_simulation *simulation);

/* ---- for the layer above (dormouse/simulate.h) ---- */

DOR_MUST_USE dor_result dor__simulation_new(dor_runtime **runtime, const dor_simulation_options *options);
dor_result dor__simulation_run(dor_runtime *runtime, uint64_t max_steps, uint64_t *steps);
dor_result dor__simulation_run_for(dor_runtime *runtime, uint32_t ms, uint64_t max_steps);
uint64_t dor__simulation_now_ms(const dor_runtime *runtime);
uint64_t dor__simulation_digest(const dor_runtime *runtime);

/* ---- for tests ---- */

/**
 * Leaves nothing to the seed but which scheduler is next: turns are what they would be on a loop, and end by the clock.
 * Whatever is counted against a turn takes `ns`, and otherwise the clock goes only as dor__simulation_pass says.
 */
void dor__simulation_be_exact(dor_runtime *runtime, uint32_t ns);

/** How long the latest step took. */
uint64_t dor__simulation_step_ns(const dor_runtime *runtime);

/** Time passes: a callback takes so long. */
void dor__simulation_pass(dor_runtime *runtime, uint64_t ns);

#endif
