/*
 * session_sweep.c - from time to time a scheduler looks through the keepers of sessions for what has expired.
 *
 * The scheduler on which a keeper got its first session does it, on a timer that is armed only while the keeper holds
 * something that time will take away. A round looks at a few hundred buckets a turn, so that it holds up no loop however
 * many sessions there are. The time between rounds is the reference's (60 s).
 *
 * Owning thread: the scheduler's.
 */
#include "ssl/session_keeper.h"

#include "base/alloc.h"
#include "ssl/local.h"

enum { ROUND_MS = 60 * 1000, STEP_MS = 1 };

struct dor_session_sweep {
    dor_timer timer;
    dor_ssl_local *local;
    dor_session_keeper *keeper;
    dor_session_sweep *next;
};

/* The keeper knows already. */
static void free_sweep(dor_session_sweep *sweep)
{
    dor_session_sweep **at = &sweep->local->sweeps;
    while (*at != sweep)
        at = &(*at)->next;
    *at = sweep->next;
    dor__timer_stop(sweep->local->scheduler, &sweep->timer);
    dor__free(sweep);
}

static void on_sweep(dor_timer *timer)
{
    dor_session_sweep *sweep = DOR_CONTAINER_OF(timer, dor_session_sweep, timer);
    dor_ssl_local *local = sweep->local;
    dor_sweep_state state = dor__session_keeper_sweep(sweep->keeper, local->env.now_ms(local));
    if (state == DOR_SWEEP_NOTHING)
        free_sweep(sweep);
    else
        dor__timer_start(local->scheduler, timer, state == DOR_SWEEP_MORE ? STEP_MS : ROUND_MS, on_sweep);
}

bool dor__session_sweep_start(dor_session_keeper *keeper)
{
    dor_scheduler *s = dor__scheduler_current();
    dor_ssl_local *local = s ? dor__ssl_local(s) : NULL;
    dor_session_sweep *sweep = local ? dor__calloc(1, sizeof(*sweep)) : NULL;
    if (!sweep) return false;
    sweep->local = local;
    sweep->keeper = keeper;
    sweep->next = local->sweeps;
    local->sweeps = sweep;
    dor__timer_start(s, &sweep->timer, ROUND_MS, on_sweep);
    return true;
}

void dor__session_sweeps_end(dor_ssl_local *local)
{
    while (local->sweeps) {
        dor__session_keeper_unsweep(local->sweeps->keeper);
        free_sweep(local->sweeps);
    }
}
