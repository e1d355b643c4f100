/*
 * observe.h - figures of runtimes, schedulers and actors, and traces, for any thread. Needs no libuv.
 *
 * The effects are described where the public functions are: dormouse/observe.h. A NULL runtime is the default one.
 */
#ifndef DOR_RUNTIME_OBSERVE_H
#define DOR_RUNTIME_OBSERVE_H

#include "base/result.h"
#include <dormouse/observe.h>

DOR_MUST_USE dor_result dor__runtime_info(dor_runtime *runtime, dor_runtime_info *info);
DOR_MUST_USE dor_result dor__scheduler_info(dor_runtime *runtime, unsigned index, dor_scheduler_info *info);
DOR_MUST_USE dor_result dor__actor_info(dor_pid pid, dor_actor_info *info);
DOR_MUST_USE dor_result dor__actors_info(dor_runtime *runtime, uint64_t *cursor, dor_actor_info *infos,
                                         size_t cap, size_t *count);
DOR_MUST_USE dor_result dor__trace_set(dor_runtime *runtime, unsigned mask, dor_trace_fn fn, void *arg);

#endif
