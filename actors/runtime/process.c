/*
 * process.c - processes: ordinary threads with a mailbox, which may block. What they have in common with ports: guest.h.
 *
 * A thread knows its process by pid alone and enters the runtime for each call, so a runtime can be stopped, and its
 * memory freed, while threads are still attached to it: their next call answers DOR_E_STOPPED.
 */
#include "runtime/speaker.h"

/* ---- beginning and end ---- */

static void end_process(dor_runtime *runtime, dor_guest *g, int reason)
{
    dor__speaker.process = DOR_PID_NONE;
    dor__guest_end(runtime, g, reason);
}

void dor__process_exit(dor_runtime *runtime, dor_guest *g)
{
    end_process(runtime, g, g->exit_reason);
}

dor_result dor__process_detach(void)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_result result = dor__process_enter(&runtime, &g);
    if (result.code == DOR_E_WOULD_DEADLOCK) return result;
    dor__speaker.process = DOR_PID_NONE;
    DOR_TRY(result);
    end_process(runtime, g, DOR_OK);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}

dor_result dor__process_attach(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_pid *pid)
{
    static const dor_mailbox_limits none;
    dor_pid *self = &dor__speaker.process;
    dor_result result = DOR_SUCCESS;
    if (!dor__may_block()) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (limits && !dor__limits_good(limits)) return dor__error(DOR_E_BADARG);
    DOR_TRY(dor__speaker_prepare());
    DOR_TRY(dor__runtime_enter_real(&runtime));
    dor_runtime *present = *self ? dor__runtime_enter_of(*self) : NULL;
    if (present && !dor__guest_find(present, *self)) {
        dor__runtime_leave(present); /* it was of an earlier runtime */
        present = NULL;
    }
    if (present && present != runtime)
        result = dor__error(DOR_E_BADARG); /* one mailbox a thread */
    else if (!present)
        result = dor__guest_begin(runtime, limits ? limits : &none, NULL, self);
    if (present) dor__runtime_leave(present);
    dor__runtime_leave(runtime);
    if (dor__ok(result) && pid) *pid = *self;
    return result;
}

/* ---- receiving ---- */

/* Sleeps until something comes. Under the lock. */
static dor_result wait_until(dor_guest *g, uint32_t timeout_ms, uint64_t end_ns)
{
    while (!g->news) {
        uint64_t now = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime();
        if (g->stopped) return dor__error(DOR_E_STOPPED);
        if (timeout_ms != DOR_INFINITY && now >= end_ns) return dor__error(DOR_E_TIMEOUT);
        g->waiting = true;
        if (timeout_ms == DOR_INFINITY)
            uv_cond_wait(&g->changed, &g->lock);
        else
            uv_cond_timedwait(&g->changed, &g->lock, end_ns - now);
        g->waiting = false;
    }
    return DOR_SUCCESS;
}

/* Takes what has come. wait: after waiting for it, since nothing that was there is wanted. */
static dor_result take(dor_guest *g, bool wait, uint32_t timeout_ms, uint64_t end_ns)
{
    dor_message_list dropped = {NULL, NULL};
    dor_result result = DOR_SUCCESS;
    dor_message *notes = NULL;
    dor_send_waiter *served = NULL;
    uv_mutex_lock(&g->lock);
    if (wait) {
        served = dor__guest_put_back(g, &dropped); /* then something has come, and there is no wait */
        result = wait_until(g, timeout_ms, end_ns);
    }
    if (dor__ok(result)) notes = dor__guest_take(g);
    if (g->exit_due) result = dor__error(DOR_E_EXITED);
    uv_mutex_unlock(&g->lock);
    dor__waiters_tell(served);
    dor__guest_keep_notes(g, notes);
    dor__list_free(dropped.first);
    return result;
}

static void update_count(dor_guest *g)
{
    dor_message_list dropped = {NULL, NULL};
    if (!dor__guest_is_limited(g)) return; /* most are not: that spares them the lock */
    uv_mutex_lock(&g->lock);
    dor_send_waiter *served = dor__guest_put_back(g, &dropped);
    uv_mutex_unlock(&g->lock);
    dor__waiters_tell(served);
    dor__list_free(dropped.first);
}

dor_result dor__process_look(const dor_receiving *r)
{
    dor_result result = take(r->guest, false, 0, 0);
    if (dor__ok(result))
        dor__guest_start_scan(r->guest);
    else if (result.code == DOR_E_EXITED)
        dor__process_exit(r->runtime, r->guest);
    return result;
}

dor_result dor__process_wait(const dor_receiving *r, dor_message **message, uint32_t timeout_ms)
{
    dor_result result = DOR_SUCCESS;
    uint64_t end_ns = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime() + (uint64_t)timeout_ms * 1000000;
    while (dor__ok(result) && !(*message = dor__guest_search(r)))
        result = take(r->guest, true, timeout_ms, end_ns);
    if (result.code == DOR_E_EXITED)
        dor__process_exit(r->runtime, r->guest);
    else
        update_count(r->guest);
    return result;
}

dor_result dor__process_receive(dor_message **message, dor_match_fn match, void *arg, uint32_t timeout_ms)
{
    dor_receiving r = {.match = match, .arg = arg};
    DOR_TRY(dor__process_enter(&r.runtime, &r.guest));
    dor_result result = dor__process_look(&r);
    if (dor__ok(result)) result = dor__process_wait(&r, message, timeout_ms);
    dor__runtime_leave(r.runtime);
    return result;
}
