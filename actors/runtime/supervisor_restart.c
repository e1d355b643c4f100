/*
 * supervisor_restart.c - see supervisor_private.h: children are started, and started again.
 *
 * The supervisor's scheduler. A start function is anybody's code, called as the supervisor: it may end the very
 * supervisor it runs for, which shows in base.state when it returns (the memory stays until nothing of it runs).
 */
#include "runtime/supervisor_private.h"

#include "base/alloc.h"

/* ---- the restarts of the last period ---- */

static dor_restart_time *log_entries(dor_restart_log *log)
{
    return log->entries ? log->entries : log->first_entries;
}

static dor_restart_time *log_at(dor_restart_log *log, uint32_t i)
{
    return &log_entries(log)[(log->first + i) % log->cap];
}

static bool log_grow(dor_restart_log *log)
{
    uint32_t cap = log->cap * 2;
    dor_restart_time *entries = (dor_restart_time *)dor__malloc(cap * sizeof *entries);
    if (!entries) return false;
    for (uint32_t i = 0; i < log->used; i++)
        entries[i] = *log_at(log, i);
    dor__free(log->entries);
    log->entries = entries;
    log->cap = cap;
    log->first = 0;
    return true;
}

void dor__restart_log_fini(dor_restart_log *log)
{
    dor__free(log->entries);
}

/* Counts a restart; false when it is one too many. */
static bool log_restart(dor_supervisor *sup)
{
    dor_restart_log *log = &sup->log;
    uint64_t now = dor__scheduler_now_ms(sup->base.scheduler);
    if (log->cap == 0) log->cap = sizeof log->first_entries / sizeof log->first_entries[0];
    while (log->used > 0 && log_at(log, 0)->ms + sup->period_ms < now) {
        log->restarts -= log_at(log, 0)->count;
        log->first = (log->first + 1) % log->cap;
        log->used--;
    }
    log->restarts++;
    if (log->restarts > sup->intensity) return false;
    bool same_time = log->used > 0 && log_at(log, log->used - 1)->ms == now;
    if (!same_time && (log->used < log->cap || log_grow(log))) {
        *log_at(log, log->used++) = (dor_restart_time){.ms = now, .count = 1};
    } else {
        /* Without memory the latest of the earlier ones is taken to be of now, too: that errs on the strict side. */
        log_at(log, log->used - 1)->ms = now;
        log_at(log, log->used - 1)->count++;
    }
    sup->restarts++;
    return true;
}

/* ---- starting ---- */

/* The pid that a start function gave becomes a child's: linked and watched, or to be ended at once. */
static dor_result adopt(dor_supervisor *sup, dor_child *c, dor_pid pid)
{
    if (dor__kind_of(pid) != DOR_KIND_ACTOR || pid == sup->base.pid || pid == sup->parent ||
        dor__child_find(sup, pid))
        return dor__error(DOR_E_BADARG);
    /* The link first: should the child end between the two, it tells the reason, where the monitor comes too late. */
    dor_result result = dor__actor_link(&sup->base, pid);
    if (dor__ok(result)) result = dor__actor_monitor(&sup->base, pid, &c->monitor);
    if (dor__failed(result)) {
        dor__supervisor_add_stray(sup, pid, true);
        return result;
    }
    dor__child_set_pid(sup, c, pid);
    dor__child_set_state(sup, c, DOR_CHILD_RUNNING);
    return DOR_SUCCESS;
}

/* What the start function may have done to the supervisor itself; false when it has ended it. */
static bool is_still_itself(dor_supervisor *sup)
{
    dor_actor *a = &sup->base;
    if (a->state ==
        DOR_ACTOR_LEAVING) { /* dor_exit_self: not as soon as this callback returns, but children first */
        int reason = a->reason;
        a->state = DOR_ACTOR_EXITING;
        if (reason == DOR_KILL)
            dor__actor_end(a, reason);
        else
            dor__supervisor_end(sup, reason);
    }
    if (a->state == DOR_ACTOR_DEAD) return false;
    a->flags_ |= DOR_ACTOR_TRAPS;
    return true;
}

dor_result dor__child_start(dor_supervisor *sup, dor_child *c)
{
    dor_pid pid = DOR_PID_NONE;
    DOR_TRY(dor__supervisor_ensure_spare(sup));
    int code = c->kind->spec.start(c->kind->spec.arg, c->extra, &pid);
    if (!is_still_itself(sup)) {
        bool runs = code == DOR_OK && dor__kind_of(pid) == DOR_KIND_ACTOR;
        if (runs && dor__failed(dor__exit(pid, DOR_KILL))) { /* nobody is left who could try again */
        }
        return dor__error(DOR_E_KILLED);
    }
    if (code != DOR_OK) return dor__error(code);
    if (pid != DOR_PID_NONE) return adopt(sup, c, pid);
    dor__child_set_state(sup, c, DOR_CHILD_STOPPED);
    return DOR_SUCCESS;
}

dor_result dor__children_start(dor_supervisor *sup, dor_child *from, dor_child **failed)
{
    dor_child *c = from ? from : sup->first;
    while (c && !sup->ending) {
        dor_child *next = c->next;
        dor_result result = dor__child_start(sup, c);
        if (dor__failed(result)) {
            *failed = c;
            return result;
        }
        if (c->state == DOR_CHILD_STOPPED && c->kind->spec.restart == DOR_TEMPORARY)
            dor__child_forget(sup, c); /* there is nothing to run, and never will be */
        c = next;
    }
    return DOR_SUCCESS;
}

/* ---- starting again ---- */

static void restart_one(dor_supervisor *sup, dor_child *c)
{
    dor__child_set_state(sup, c,
                         DOR_CHILD_ENDED); /* keeps its former pid, by which it may be asked for meanwhile */
    dor_result result = dor__child_start(sup, c);
    if (sup->base.state == DOR_ACTOR_DEAD) return;
    if (dor__failed(result))
        dor__child_retry_later(sup, c);
    else if (c->state == DOR_CHILD_STOPPED && dor__supervisor_is_simple(sup))
        dor__child_forget(sup, c);
}

void dor__children_restart(dor_supervisor *sup, dor_child *from)
{
    dor_child *failed = NULL;
    dor_result result = dor__children_start(sup, from, &failed);
    if (dor__failed(result) && sup->base.state != DOR_ACTOR_DEAD) dor__child_retry_later(sup, failed);
}

void dor__child_restart(dor_supervisor *sup, dor_child *c)
{
    if (dor__phase(sup->base.scheduler->runtime) != DOR_PHASE_RUNNING) {
        dor__supervisor_end(sup, DOR_E_STOPPED);
        return;
    }
    if (!log_restart(sup)) {
        dor__child_settle(sup, c);
        dor__supervisor_end(sup, DOR_E_RESTART_INTENSITY);
        return;
    }
    if (sup->strategy == DOR_ONE_FOR_ONE || dor__supervisor_is_simple(sup)) {
        restart_one(sup, c);
        return;
    }
    dor__child_set_state(sup, c, DOR_CHILD_STOPPED);
    sup->work = DOR_WORK_RESTART;
    sup->from = sup->strategy == DOR_REST_FOR_ONE ? c : NULL;
    sup->at = sup->last;
}

void dor__child_has_ended(dor_supervisor *sup, dor_child *c)
{
    dor_restart restart = c->kind->spec.restart;
    bool normal = c->reason == DOR_OK || c->reason == DOR_E_SHUTDOWN;
    if (restart == DOR_PERMANENT || (restart == DOR_TRANSIENT && !normal))
        dor__child_restart(sup, c);
    else
        dor__child_settle(sup, c);
}
