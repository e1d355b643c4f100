/*
 * heir.c - dor_set_heir: the state of an actor that ends goes to somebody else.
 *
 * The HANDOVER is made when the heir is named, so it can be told when no memory is left. It is sent when nothing of the
 * actor is on the stack any more, in the place where its stop function would be called, so the heir is never given what
 * is still in use. Whoever frees the message with the state still in it calls the stop function: the scheduler of the
 * actor if the heir was dead, else the thread on which the heir, or its end, freed it.
 *
 * Owning thread: the actor's.
 */
#include "runtime/private.h"

static void release_state(dor_message *m)
{
    dor_handover *h = (dor_handover *)dor_message_payload(m);
    if (h->state && h->release) h->release(h->state, h->reason);
}

dor_result dor__set_heir(dor_pid heir)
{
    dor_scheduler *s = dor__current;
    dor_actor *a = s ? s->current : NULL;
    if (!a) return dor__error(DOR_E_NO_PROCESS);
    if (heir == DOR_PID_NONE) {
        if (!a->extra) return DOR_SUCCESS;
        dor__message_free(a->extra->handover); /* there is no state in it yet */
        a->extra->handover = NULL;
        return DOR_SUCCESS;
    }
    if (!dor__actor_extra(a)) return dor__error(DOR_E_NOMEM);
    if (!a->extra->handover)
        a->extra->handover = dor__message_new(DOR_MSG_HANDOVER, sizeof(dor_handover), release_state);
    if (!a->extra->handover) return dor__error(DOR_E_NOMEM);
    a->extra->handover->to_ = heir;
    return DOR_SUCCESS;
}

bool dor__heir_takes(dor_actor *a, void *state, dor_stop_fn stop)
{
    dor_message *m = a->extra ? a->extra->handover : NULL;
    if (!m) return false;
    a->extra->handover = NULL;
    *(dor_handover *)dor_message_payload(m) =
        (dor_handover){.pid = a->pid, .reason = a->reason, .state = state, .release = stop};
    (void)dor__send(m->to_, m); /* nobody there: freed, and so the state */
    return true;
}
