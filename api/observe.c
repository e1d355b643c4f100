/* observe.c - dormouse/observe.h: checks arguments and forwards. */
#include "runtime/observe.h"

#include "base/alloc.h"

int dor_runtime_get_info(dor_runtime *runtime, dor_runtime_info *info)
{
    return info ? dor__runtime_info(runtime, info).code : DOR_E_BADARG;
}

int dor_scheduler_get_info(dor_runtime *runtime, unsigned scheduler, dor_scheduler_info *info)
{
    return info ? dor__scheduler_info(runtime, scheduler, info).code : DOR_E_BADARG;
}

int dor_actor_get_info(dor_pid pid, dor_actor_info *info)
{
    return info ? dor__actor_info(pid, info).code : DOR_E_BADARG;
}

int dor_actors_get_info(dor_runtime *runtime, uint64_t *cursor, dor_actor_info *infos, size_t cap,
                        size_t *count)
{
    if (!cursor || !infos || cap == 0 || !count) return DOR_E_BADARG;
    return dor__actors_info(runtime, cursor, infos, cap, count).code;
}

int dor_trace(dor_runtime *runtime, unsigned mask, dor_trace_fn fn, void *arg)
{
    if (mask & ~(unsigned)DOR_TRACE_ALL || (mask && !fn)) return DOR_E_BADARG;
    return dor__trace_set(runtime, mask, fn, arg).code;
}

void dor_free(void *text)
{
    dor__free(text);
}
