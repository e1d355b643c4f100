/*
 * process.c - processes: ordinary threads with a mailbox, which may block. What they have in common with ports: guest.h.
 *
 * A thread knows its process by pid alone and enters the runtime for each call, so a runtime can be stopped, and its
 * memory freed, while threads are still attached to it: their next call answers DOR_E_STOPPED.
 */
#include "runtime/guest.h"

#include <pthread.h>

static _Thread_local dor_pid self;
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static bool exit_key_made;

/* ---- the calling thread's ---- */

dor_pid dor__guest_self(void)
{
    return self;
}

dor_result dor__guest_enter_self(dor_runtime **runtime, dor_guest **g)
{
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (self == DOR_PID_NONE) return dor__error(DOR_E_NO_PROCESS);
    *runtime = dor__runtime_enter_of(self);
    if (!*runtime) return dor__error(DOR_E_STOPPED);
    *g = dor__guest_find(*runtime, self);
    if (*g) return DOR_SUCCESS;
    dor__runtime_leave(*runtime);
    return dor__error(DOR_E_STOPPED);
}

/* ---- beginning and end ---- */

dor_result dor__process_detach(void)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_result result = dor__guest_enter_self(&runtime, &g);
    if (result.code == DOR_E_WOULD_DEADLOCK) return result;
    self = DOR_PID_NONE;
    DOR_TRY(result);
    dor__guest_end(runtime, g, DOR_OK);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}

static void on_thread_exit(void *value)
{
    (void)value;
    (void)dor__process_detach();
}

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, on_thread_exit) == 0;
}

dor_result dor__process_attach(dor_runtime *runtime, dor_pid *pid)
{
    dor_result result = DOR_SUCCESS;
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    pthread_once(&exit_key_once, make_exit_key);
    if (!exit_key_made) return dor__error(DOR_E_LIMIT);
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_runtime *present = self ? dor__runtime_enter_of(self) : NULL;
    if (present && !dor__guest_find(present, self)) {
        dor__runtime_leave(present); /* it was of an earlier runtime */
        present = NULL;
    }
    if (present && present != runtime)
        result = dor__error(DOR_E_BADARG); /* one mailbox a thread */
    else if (!present)
        result = dor__guest_begin(runtime, &self);
    /* The value only has to be something, so that the destructor is called when the thread ends. */
    if (dor__ok(result) && pthread_setspecific(exit_key, &exit_key) != 0 && !present) {
        (void)dor__process_detach();
        result = dor__error(DOR_E_NOMEM);
    }
    if (present) dor__runtime_leave(present);
    dor__runtime_leave(runtime);
    if (dor__ok(result) && pid) *pid = self;
    return result;
}

/* ---- receiving ---- */

/* Sleeps until something comes. */
static dor_result wait_until(dor_guest *g, uint32_t timeout_ms, uint64_t end_ns)
{
    dor_result result = DOR_SUCCESS;
    uv_mutex_lock(&g->lock);
    while (!g->incoming.first && dor__ok(result)) {
        uint64_t now = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime();
        if (g->stopped) {
            result = dor__error(DOR_E_STOPPED);
        } else if (timeout_ms != DOR_INFINITY && now >= end_ns) {
            result = dor__error(DOR_E_TIMEOUT);
        } else {
            g->waiting = true;
            if (timeout_ms == DOR_INFINITY)
                uv_cond_wait(&g->changed, &g->lock);
            else
                uv_cond_timedwait(&g->changed, &g->lock, end_ns - now);
            g->waiting = false;
        }
    }
    uv_mutex_unlock(&g->lock);
    return result;
}

dor_result dor__process_receive(dor_message **message, dor_match_fn match, void *arg, uint32_t timeout_ms)
{
    dor_receiving r = {.match = match, .arg = arg};
    dor_result result = dor__guest_enter_self(&r.runtime, &r.guest);
    uint64_t end_ns = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime() + (uint64_t)timeout_ms * 1000000;
    DOR_TRY(result);
    dor__guest_start_scan(r.guest);
    (void)dor__guest_take_incoming(r.guest);
    while (dor__ok(result) && !(*message = dor__guest_search(&r))) {
        if (!dor__guest_take_incoming(r.guest)) result = wait_until(r.guest, timeout_ms, end_ns);
    }
    dor__runtime_leave(r.runtime);
    return result;
}
