/*
 * guest_request.c - requests of guests (guest.h), and the call that waits: dor_call. The speaker's thread.
 */
#include "runtime/speaker.h"

#include <string.h>

dor_result dor__guest_ask(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_result result = dor__guest_enter_self(&runtime, &g);
    if (dor__failed(result)) {
        dor__message_free(request);
        return result;
    }
    dor_watcher watcher = dor__guest_watcher(runtime, g);
    result = dor__ask(&watcher, to, request, timeout_ms, ref);
    dor__runtime_leave(runtime);
    return result;
}

dor_result dor__guest_ask_no_more(dor_ref ref)
{
    dor_runtime *runtime;
    dor_guest *g;
    DOR_TRY(dor__guest_enter_self(&runtime, &g));
    dor_watcher watcher = dor__guest_watcher(runtime, g);
    dor_result result = dor__ask_no_more(&watcher, ref);
    dor__runtime_leave(runtime);
    return result;
}

/* ---- dor_call ---- */

/* What a call returns that got a NO_REPLY. */
static dor_result no_reply(dor_message *m)
{
    dor_no_reply told;
    memcpy(&told, dor_message_payload(m), sizeof told);
    dor__message_free(m);
    return dor__error(told.reason < 0 ? told.reason : DOR_E_NOPROC);
}

/* The runtime is entered. Takes the request. */
static dor_result call(dor_receiving *r, dor_pid to, dor_message *request, uint32_t timeout_ms,
                       dor_message **reply)
{
    dor_guest *g = r->guest;
    dor_message *m;
    dor_watcher watcher = dor__guest_watcher(r->runtime, g);
    g->scanned = g->kept.first ? g->kept.last : NULL; /* what came before the request is not its reply */
    /* The timeout is that of the wait: no timer is needed. */
    DOR_TRY(dor__ask(&watcher, to, request, DOR_INFINITY, &r->answer_to));
    dor_result result = dor__process_wait(r, &m, timeout_ms);
    if (result.code == DOR_E_EXITED) return result; /* the request has ended with the process */
    if (dor__failed(result)) {
        (void)dor__ask_no_more(&watcher, r->answer_to);
        return result;
    }
    if (m->type == DOR_MSG_NO_REPLY) return no_reply(m);
    *reply = m;
    return DOR_SUCCESS;
}

dor_result dor__call(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_message **reply)
{
    dor_receiving r = {0};
    dor_result result = dor__process_enter(&r.runtime, &r.guest);
    if (dor__failed(result)) {
        dor__message_free(request);
        return result;
    }
    if (to == r.guest->pid)
        result = dor__error(DOR_E_WOULD_DEADLOCK); /* nobody is left to receive the request */
    if (dor__ok(result)) result = dor__process_look(&r);
    if (dor__ok(result))
        result = call(&r, to, request, timeout_ms, reply);
    else
        dor__message_free(request);
    dor__runtime_leave(r.runtime);
    return result;
}
