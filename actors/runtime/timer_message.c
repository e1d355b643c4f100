/*
 * timer_message.c - dor_send_after: messages that a timer sends.
 *
 * A timer is an item of its scheduler's slab and lies on that scheduler's wheel. Its tag decides who gets the message:
 * LIVE goes to CANCELLED once, by a compare-and-swap of the scheduler (it fires) or of any thread (it is cancelled), and
 * whoever does it owns the message. Only the scheduler takes the timer off the wheel and gives the slot back; other
 * threads ask it to (TIMER_ARM, TIMER_DROP).
 */
#include "runtime/private.h"

typedef struct timer_message {
    dor_slab_item item;
    dor_timer timer;
    /* Atomic because a canceller reads it before it knows that it has won. */
    _Atomic(dor_message *) message; /* its to_ says where it goes */
    uint32_t slot;
} timer_message;

/* Payload of TIMER_ARM and TIMER_DROP. */
typedef struct timer_request {
    dor_ref ref;
} timer_request;

dor_result dor__timers_init(dor_scheduler *s, uint32_t first_generation)
{
    return dor__slab_init(&s->timers, sizeof(timer_message), first_generation);
}

/* True for the one that ends the timer of this generation. */
static bool claim(timer_message *t, uint32_t generation)
{
    uint32_t live = dor__tag(generation, DOR_SLAB_LIVE);
    /*
     * acquire: what the maker wrote before it published is seen. relaxed otherwise: the loser does nothing, and the
     * winner writes nothing that others read.
     */
    return atomic_compare_exchange_strong_explicit(&t->item.tag, &live,
                                                   dor__tag(generation, DOR_SLAB_CANCELLED),
                                                   memory_order_acquire, memory_order_relaxed);
}

/* On the scheduler's thread: the timer is off the wheel and nobody else's any more. */
static void release(dor_scheduler *s, timer_message *t)
{
    uint32_t slot = t->slot;
    dor__slab_kill(&t->item);
    dor__slab_give(&s->timers, &t->item, slot);
}

static void fire(dor_timer *timer)
{
    timer_message *t = DOR_CONTAINER_OF(timer, timer_message, timer);
    dor_scheduler *s = dor__current;
    /* relaxed: who claims has the maker's writes by the claim's acquire. */
    dor_message *m = atomic_load_explicit(&t->message, memory_order_relaxed);
    bool won = claim(t, dor__slab_generation(&t->item));
    release(s, t);
    if (won) (void)dor__send(m->to_, m);
}

/* The item that a request speaks of, if it is still of that generation. */
static timer_message *requested(dor_scheduler *s, dor_message *m)
{
    timer_request *request = (timer_request *)dor_message_payload(m);
    timer_message *t = (timer_message *)dor__slab_at(&s->timers, dor__slot_of(request->ref));
    bool same = t && dor__slab_generation(&t->item) == dor__generation_of(request->ref);
    dor__message_free(m);
    return same ? t : NULL;
}

void dor__timer_arm_message(dor_scheduler *s, dor_message *m)
{
    timer_message *t = requested(s, m);
    if (t) dor__wheel_add(&s->wheel, &t->timer);
}

void dor__timer_drop_message(dor_scheduler *s, dor_message *m)
{
    timer_message *t = requested(s, m);
    if (!t) return; /* it has become due in the meantime, and found itself cancelled */
    dor__timer_stop(s, &t->timer);
    release(s, t);
}

/* Tells s, from another thread, of a timer of its own. */
static bool request(dor_scheduler *s, uint32_t type, dor_ref ref)
{
    dor_message *m = dor__message_new(type, sizeof(timer_request), NULL);
    if (!m) return false;
    ((timer_request *)dor_message_payload(m))->ref = ref;
    dor__scheduler_push(s, m);
    return true;
}

/* The scheduler whose wheel takes a timer of this caller: its own, or the receiver's, or any. */
static dor_scheduler *scheduler_for(dor_runtime *runtime, dor_pid to)
{
    unsigned index = dor__scheduler_index_of(to);
    if (dor__current && dor__current->runtime == runtime) return dor__current;
    if (dor__kind_of(to) != DOR_KIND_ACTOR) index = dor__slot_of(to) % runtime->count;
    return index < runtime->count ? &runtime->schedulers[index] : &runtime->schedulers[0];
}

/* The runtime is entered. Takes m on success only. */
static dor_result start(dor_scheduler *s, dor_message *m, uint32_t delay_ms, dor_ref *ref)
{
    void *item;
    uint32_t slot;
    DOR_TRY(dor__slab_take(&s->timers, &item, &slot));
    timer_message *t = (timer_message *)item;
    t->slot = slot;
    t->timer = (dor_timer){.fn = fire, .deadline_ms = dor__deadline_ms(s, delay_ms)};
    atomic_store_explicit(&t->message, m, memory_order_relaxed); /* relaxed: published with the tag */
    *ref = dor__name(s->timer_home, slot, dor__slab_generation(&t->item));
    dor__slab_publish(&t->item);
    if (s == dor__current) {
        dor__wheel_add(&s->wheel, &t->timer);
        return DOR_SUCCESS;
    }
    if (request(s, DOR_MSG_TIMER_ARM, *ref)) return DOR_SUCCESS;
    dor__slab_kill(&t->item); /* nobody has heard of it yet */
    dor__slab_give(&s->timers, &t->item, slot);
    return dor__error(DOR_E_NOMEM);
}

dor_result dor__send_after(dor_pid to, dor_message *m, uint32_t delay_ms, dor_ref *timer)
{
    dor_ref ref;
    dor_scheduler *own = dor__current;
    dor_runtime *runtime = own ? own->runtime : dor__runtime_enter_of(to);
    dor_result result = dor__error(DOR_E_NOPROC);
    m->to_ = to;
    if (runtime) {
        if (own && own->closed)
            result = dor__error(DOR_E_STOPPED);
        else
            result = start(scheduler_for(runtime, to), m, delay_ms, &ref);
        if (!own) dor__runtime_leave(runtime);
    }
    if (dor__failed(result))
        dor__message_free(m);
    else if (timer)
        *timer = ref;
    return result;
}

dor_result dor__cancel_timer(dor_ref ref)
{
    if (dor__kind_of(ref) != DOR_KIND_TIMER) return dor__error(DOR_E_NOPROC);
    dor_runtime *runtime = dor__runtime_enter_of(ref);
    dor_message *m = NULL;
    bool won = false;
    if (runtime && dor__scheduler_index_of(ref) < runtime->count) {
        dor_scheduler *s = &runtime->schedulers[dor__scheduler_index_of(ref)];
        timer_message *t = (timer_message *)dor__slab_at(&s->timers, dor__slot_of(ref));
        if (t) {
            /*
             * relaxed, and before the claim: after it the scheduler may reuse the slot at once. A message that is not
             * this generation's is not used, since then the claim fails.
             */
            m = atomic_load_explicit(&t->message, memory_order_relaxed);
            won = claim(t, dor__generation_of(ref));
        }
        if (won && s == dor__current) {
            dor__timer_stop(s, &t->timer);
            release(s, t);
        } else if (won) {
            (void)request(s, DOR_MSG_TIMER_DROP, ref); /* out of memory: then it goes when it becomes due */
        }
    }
    if (runtime) dor__runtime_leave(runtime);
    if (!won) return dor__error(DOR_E_NOPROC);
    dor__message_free(m);
    return DOR_SUCCESS;
}

void dor__timers_discard(dor_scheduler *s)
{
    uint32_t used = dor__slab_used(&s->timers);
    for (uint32_t slot = 0; slot < used; slot++) {
        timer_message *t = (timer_message *)dor__slab_at(&s->timers, slot);
        dor_message *m = atomic_load_explicit(&t->message, memory_order_relaxed);
        if (claim(t, dor__slab_generation(&t->item))) dor__message_free(m);
    }
}
