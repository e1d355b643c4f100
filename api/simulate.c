/* simulate.c - dormouse/simulate.h: checks arguments and forwards. */
#include "runtime/simulation.h"

int dor_simulation_new(dor_runtime **runtime, const dor_simulation_options *options)
{
    return runtime ? dor__simulation_new(runtime, options).code : DOR_E_BADARG;
}

int dor_simulation_run(dor_runtime *runtime, uint64_t max_steps, uint64_t *steps)
{
    return dor__simulation_run(runtime, max_steps, steps).code;
}

int dor_simulation_run_for(dor_runtime *runtime, uint32_t ms, uint64_t max_steps)
{
    return dor__simulation_run_for(runtime, ms, max_steps).code;
}

uint64_t dor_simulation_now_ms(const dor_runtime *runtime)
{
    return runtime ? dor__simulation_now_ms(runtime) : 0;
}

uint64_t dor_simulation_digest(const dor_runtime *runtime)
{
    return runtime ? dor__simulation_digest(runtime) : 0;
}
