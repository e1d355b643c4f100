/*
 * spawn.c - actors of applications: a receive function, a stop function and a state.
 *
 * dor__spawn may run on any thread; the actor itself belongs to its scheduler.
 */
#include "runtime/gate.h"
#include "runtime/guest.h"

#include "base/alloc.h"

typedef struct plain_actor {
    dor_actor base;
    dor_receive_fn receive;
    dor_stop_fn stop;
    void *state;
} plain_actor;

_Static_assert(sizeof(plain_actor) + sizeof(dor_actor_slot) + 16 <= 256,
               "an actor's budget: its struct, its slot, and malloc's own words");

static void plain_receive(dor_actor *actor, dor_message *message)
{
    plain_actor *a = DOR_CONTAINER_OF(actor, plain_actor, base);
    a->receive(a->state, message);
}

static void plain_destroy(dor_actor *actor)
{
    plain_actor *a = DOR_CONTAINER_OF(actor, plain_actor, base);
    if (!dor__heir_takes(actor, a->state, a->stop) && a->stop) a->stop(a->state, actor->reason);
    dor__free(a);
}

static const dor_actor_ops plain_ops = {.receive = plain_receive, .destroy = plain_destroy};

/* The scheduler with the fewest actors. The counts may be a little old; ties go round. */
static dor_scheduler *least_loaded(dor_runtime *runtime)
{
    /* relaxed: only spreads the ties. */
    unsigned start = atomic_fetch_add_explicit(&runtime->placed, 1, memory_order_relaxed) % runtime->count;
    dor_scheduler *least = &runtime->schedulers[start];
    for (unsigned i = 1; i < runtime->count; i++) {
        dor_scheduler *s = &runtime->schedulers[(start + i) % runtime->count];
        if (dor__slab_live(&s->actors) < dor__slab_live(&least->actors)) least = s;
    }
    return least;
}

dor_result dor__scheduler_place(dor_runtime *runtime, int wanted, dor_scheduler **s)
{
    if (wanted == DOR_ON_THIS && dor__current && dor__current->runtime == runtime)
        *s = dor__current;
    else if (wanted == DOR_ON_THIS || wanted == DOR_ON_ANY)
        *s = least_loaded(runtime);
    else if (wanted > 0 && (unsigned)wanted <= runtime->count)
        *s = &runtime->schedulers[wanted - 1];
    else
        return dor__error(DOR_E_BADARG);
    return DOR_SUCCESS;
}

/* What the spec asks for beyond a plain actor; on failure the caller releases it. */
static dor_result prepare(plain_actor *a, dor_scheduler *s, const dor_actor_spec *spec, dor_gate **gate)
{
    dor_actor *base = &a->base;
    if (spec->trap_exit) base->flags_ |= DOR_ACTOR_TRAPS;
    if (spec->trap_exit && !dor__actor_extra(base)) return dor__error(DOR_E_NOMEM);
    if (spec->hibernate) DOR_TRY(dor__sleep_new(base, &a->state, spec));
    return dor__limits_any(&spec->mailbox) ? dor__gate_new(s, &spec->mailbox, gate) : DOR_SUCCESS;
}

/* Makes the actor, and gives it `arm`, which may be NULL, for its first message. */
static dor_result begin(plain_actor *a, dor_scheduler *s, const dor_actor_spec *spec, dor_message *arm,
                        dor_pid *pid)
{
    dor_gate *gate = NULL;
    a->base.extra = NULL;
    a->base.flags_ = arm ? DOR_ACTOR_STAMPED : 0;
    a->receive = spec->receive;
    a->stop = spec->stop;
    a->state = spec->state;
    dor_result result = prepare(a, s, spec, &gate);
    if (dor__ok(result)) result = dor__actor_begin(&a->base, s, &plain_ops, gate, pid);
    if (dor__ok(result) && arm) (void)dor__send(*pid, arm);
    if (dor__ok(result)) return result;
    if (gate) dor__gate_free(gate);
    dor__actor_extra_free(a->base.extra);
    return result;
}

/* The runtime is entered. */
static dor_result spawn(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid)
{
    dor_scheduler *s;
    if (!dor__limits_good(&spec->mailbox) || (spec->hibernate && !spec->wake))
        return dor__error(DOR_E_BADARG);
    DOR_TRY(dor__scheduler_place(runtime, spec->scheduler, &s));
    bool arms = spec->hibernate && spec->hibernate_after_ms;
    dor_message *arm = arms ? dor__message_new(DOR_MSG_SLEEP_ARM, 0, NULL) : NULL;
    plain_actor *a = (plain_actor *)dor__malloc(sizeof *a);
    dor_result result = a && (arm || !arms) ? begin(a, s, spec, arm, pid) : dor__error(DOR_E_NOMEM);
    if (dor__failed(result)) {
        dor__message_free(arm);
        dor__free(a);
    }
    return result;
}

dor_result dor__spawn(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid)
{
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_result result = spawn(runtime, spec, pid);
    dor__runtime_leave(runtime);
    return result;
}
