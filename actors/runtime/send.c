/*
 * send.c - the ways of a message to its receiver.
 *
 *   same scheduler      a slot look-up and a push onto a plain queue
 *   another scheduler   that scheduler's inbox (inbox.h)
 *   limits              the actor's gate, under its lock, from everywhere (gate.h)
 *   a process or port   its own queue, under its lock (guest.c)
 *
 * Each pair of sender and receiver always uses the same one of these, and each keeps the order.
 */
#include "runtime/gate.h"

/* Takes *m, and makes it NULL, on success, or when there is a gate: that sees to what it refuses. The runtime is entered. */
static dor_result send_to_actor(dor_runtime *runtime, dor_pid to, dor_message **m, dor_send_waiter *w)
{
    unsigned index = dor__scheduler_index_of(to);
    if (index >= runtime->count) return dor__error(DOR_E_NOPROC);
    dor_scheduler *s = &runtime->schedulers[index];
    dor_actor_slot *slot = (dor_actor_slot *)dor__slab_find(&s->actors, to);
    if (!slot) return dor__error(DOR_E_NOPROC);
    dor_message *taken = *m;
    dor_gate *gate = dor__slot_gate(slot);
    *m = NULL;
    if (gate) return dor__gate_send(gate, to, taken, w);
    dor__scheduler_push(s, taken);
    return DOR_SUCCESS;
}

/* Not inlined, so that the way within a scheduler saves no registers for it. */
__attribute__((noinline)) dor_result dor__send_far(dor_pid to, dor_message *m, dor_send_waiter *w)
{
    dor_result result = dor__error(DOR_E_NOPROC);
    dor_runtime *runtime = dor__runtime_enter_of(to);
    m->to_ = to;
    if (runtime) {
        if (dor__traced(runtime, DOR_TRACE_SEND)) dor__trace_send(runtime, to, m);
        if (dor__kind_of(to) == DOR_KIND_ACTOR)
            result = send_to_actor(runtime, to, &m, w);
        else if (dor__kind_of(to) == DOR_KIND_PROCESS)
            result = dor__guest_send(runtime, to, m, w);
        /* relaxed: a figure, of many writers. */
        if (dor__failed(result) && m && !dor__current && !(w && w->full))
            atomic_fetch_add_explicit(&runtime->undelivered, 1, memory_order_relaxed);
        dor__runtime_leave(runtime);
    }
    bool waits = w && w->full;
    /* DOR_MESSAGE_DROPPED: that has been seen to. */
    if (result.code < 0 && m && !waits) dor__message_undeliverable(m);
    return result;
}

static inline dor_result send_near(dor_scheduler *s, dor_pid to, dor_message *m)
{
    dor_actor *a = dor__actor_find(s, to);
    if (!a) {
        dor__message_undeliverable(m);
        return dor__error(DOR_E_NOPROC);
    }
    m->to_ = to;
    if (a->flags_ & DOR_ACTOR_GATED) return dor__gate_send(dor__slot_gate(a->slot), to, m, NULL);
    dor__mailbox_append(s, a, m);
    return DOR_SUCCESS;
}

__attribute__((noinline)) static dor_result send_near_traced(dor_scheduler *s, dor_pid to, dor_message *m)
{
    dor__trace_send(s->runtime, to, m);
    return send_near(s, to, m);
}

dor_result dor__send(dor_pid to, dor_message *m)
{
    dor_scheduler *s = dor__current;
    if (!s || dor__home_of(to) != s->actor_home) return dor__send_far(to, m, NULL);
    if (dor__scheduler_traced(s, DOR_TRACE_SEND)) return send_near_traced(s, to, m);
    return send_near(s, to, m);
}

bool dor__pid_alive_in(dor_runtime *runtime, dor_pid pid)
{
    unsigned index = dor__scheduler_index_of(pid);
    if (dor__kind_of(pid) == DOR_KIND_PROCESS) return dor__slab_find(&runtime->processes, pid) != NULL;
    if (dor__kind_of(pid) != DOR_KIND_ACTOR || index >= runtime->count) return false;
    return dor__slab_find(&runtime->schedulers[index].actors, pid) != NULL;
}

bool dor__pid_alive(dor_pid pid)
{
    dor_runtime *runtime = dor__runtime_enter_of(pid);
    if (!runtime) return false;
    bool alive = dor__pid_alive_in(runtime, pid);
    dor__runtime_leave(runtime);
    return alive;
}

dor_result dor__scheduler_call(dor_scheduler *s, void (*fn)(dor_scheduler *s, void *arg), void *arg)
{
    dor_runtime *runtime = s->runtime;
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_message *m = dor__message_new(DOR_MSG_CALL, sizeof(dor_scheduled_call), NULL);
    if (m) {
        dor_scheduled_call *call = (dor_scheduled_call *)dor_message_payload(m);
        call->fn = fn;
        call->arg = arg;
        dor__scheduler_push(s, m);
    }
    dor__runtime_leave(runtime);
    return m ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

dor_ref dor__make_ref(void)
{
    enum { BLOCK = 4096 };
    static _Atomic uint64_t blocks;
    static _Thread_local uint64_t next, end;
    if (next == end) {
        /* relaxed: an addition is atomic whatever its order, and that each block goes to one thread is all it is for. */
        uint64_t block = atomic_fetch_add_explicit(&blocks, 1, memory_order_relaxed);
        next = block * BLOCK + 1;
        end = next + BLOCK;
    }
    return next++; /* the kind bits stay zero for 2^61 references */
}
