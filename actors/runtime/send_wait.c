/*
 * send_wait.c - dor_send_wait: a process that sends to a full mailbox waits for room.
 *
 * It queues at the mailbox itself, under the mailbox's lock. Who takes a message out puts the message of the first one
 * that waits in, under the same lock, so room is handed over and never seen by others; nobody polls, and there is no
 * moment in which room that has become free is missed. Then the process is woken by its condition. It wakes, too, when its
 * time is up, its runtime stops or it is to end, and takes itself out of the queue; if it was served in that very moment,
 * it waits for the word and reports the success.
 *
 * Threads: the waiting process's own. It holds its own runtime and the receiver's entered all the while.
 */
#include "runtime/gate.h"
#include "runtime/speaker.h"

/* Why a process waits no longer although it has not been served; DOR_OK: it waits. Under its lock. */
static dor_result disturbance(const dor_guest *g, uint32_t timeout_ms, uint64_t end_ns, uint64_t now_ns)
{
    if (g->exit_due) return dor__error(DOR_E_EXITED);
    if (g->stopped) return dor__error(DOR_E_STOPPED);
    if (timeout_ms != DOR_INFINITY && now_ns >= end_ns) return dor__error(DOR_E_TIMEOUT);
    return DOR_SUCCESS;
}

/* True when the waiter was told; else *result says what came before that. */
static bool wait_to_be_told(dor_send_waiter *w, uint32_t timeout_ms, uint64_t end_ns, dor_result *result)
{
    dor_guest *g = w->guest;
    *result = DOR_SUCCESS;
    uv_mutex_lock(&g->lock);
    while (!w->done && dor__ok(*result)) {
        uint64_t now = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime();
        *result = disturbance(g, timeout_ms, end_ns, now);
        if (dor__failed(*result)) break;
        g->waiting = true; /* for what comes, too: it may be its end */
        if (timeout_ms == DOR_INFINITY)
            uv_cond_wait(&g->changed, &g->lock);
        else
            uv_cond_timedwait(&g->changed, &g->lock, end_ns - now);
        g->waiting = false;
    }
    bool done = w->done;
    uv_mutex_unlock(&g->lock);
    return done;
}

/* It has been served, and the word is on its way. */
static void wait_for_the_word(dor_send_waiter *w)
{
    uv_mutex_lock(&w->guest->lock);
    while (!w->done)
        uv_cond_wait(&w->guest->changed, &w->guest->lock);
    uv_mutex_unlock(&w->guest->lock);
}

static bool withdraw(dor_send_waiter *w)
{
    return w->gate ? dor__gate_withdraw(w->gate, w) : dor__guest_withdraw(w->full, w);
}

/* Both runtimes are entered. */
static dor_result send_and_wait(dor_guest *g, dor_pid to, dor_message *m, uint32_t timeout_ms,
                                uint64_t end_ns)
{
    dor_result disturbed;
    dor_send_waiter w = {.guest = g, .message = m};
    dor_result result = dor__send_far(to, m, &w);
    if (!w.gate && !w.full) return result;
    if (!wait_to_be_told(&w, timeout_ms, end_ns, &disturbed)) {
        if (withdraw(&w)) {
            dor__message_free(m);
            return disturbed;
        }
        wait_for_the_word(&w);
    }
    if (dor__failed(w.result)) dor__message_free(m);
    return w.result;
}

static bool is_to_end(dor_guest *g)
{
    uv_mutex_lock(&g->lock);
    bool due = g->exit_due;
    uv_mutex_unlock(&g->lock);
    return due;
}

/* The sender's runtime is entered. */
static dor_result send_from(dor_guest *g, dor_pid to, dor_message *m, uint32_t timeout_ms, uint64_t end_ns)
{
    if (is_to_end(g)) {
        dor__message_free(m);
        return dor__error(DOR_E_EXITED);
    }
    if (to == g->pid) return dor__send(to, m); /* its own mailbox: nobody else would make room */
    dor_runtime *theirs = dor__runtime_enter_of(to);
    if (!theirs) return dor__send(to, m); /* which answers that */
    dor_result result = send_and_wait(g, to, m, timeout_ms, end_ns);
    dor__runtime_leave(theirs);
    return result;
}

dor_result dor__send_wait(dor_pid to, dor_message *m, uint32_t timeout_ms)
{
    dor_runtime *own;
    dor_guest *g;
    uint64_t end_ns = timeout_ms == DOR_INFINITY ? 0 : uv_hrtime() + (uint64_t)timeout_ms * 1000000;
    dor_result result = dor__process_enter(&own, &g);
    if (dor__failed(result)) {
        dor__message_free(m);
        return result;
    }
    result = send_from(g, to, m, timeout_ms, end_ns);
    if (result.code == DOR_E_EXITED) dor__process_exit(own, g);
    dor__runtime_leave(own);
    return result;
}
