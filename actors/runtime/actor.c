/*
 * actor.c - an actor's life: beginning, turns, end.
 *
 * Owning thread: the scheduler's, but for dor__actor_begin, which any thread may call: the actor's slot is taken under
 * the slab's lock and published when the actor is complete, so the scheduler needs no word of it until the first message.
 */
#include "runtime/private.h"

#include "base/alloc.h"
#include "runtime/event_mailbox_private.h"
#include "runtime/gate.h"
#include "runtime/signals.h"

/* ---- beginning ---- */

/* release: who reads one of these zeroes with acquire, in observe.c, also reads that the former actor is dead. */
static void clear_figures(dor_actor_slot *at)
{
    atomic_store_explicit(&at->waiting, 0, memory_order_release);
    atomic_store_explicit(&at->messages, 0, memory_order_release);
    atomic_store_explicit(&at->turns, 0, memory_order_release);
    atomic_store_explicit(&at->busy_ns, 0, memory_order_release);
    atomic_store_explicit(&at->state, DOR_ACTOR_STATE_IDLE, memory_order_release);
}

/* relaxed: a hint for other threads. */
void dor__actor_show_state(dor_actor *a, dor_actor_state state)
{
    if (a->state != DOR_ACTOR_RUNNING) state = DOR_ACTOR_STATE_ENDING;
    atomic_store_explicit(&a->slot->state, state, memory_order_relaxed);
}

dor_result dor__actor_begin(dor_actor *actor, dor_scheduler *s, const dor_actor_ops *ops, dor_gate *gate,
                            dor_pid *pid)
{
    void *item;
    uint32_t slot;
    uv_mutex_lock(&s->actors.lock);
    dor_result result = dor__slab_take_locked(&s->actors, &item, &slot);
    if (dor__ok(result)) {
        dor_actor_slot *at = (dor_actor_slot *)item;
        *actor = (dor_actor){
            .ops = ops, .scheduler = s, .slot = at, .extra = actor->extra, .flags_ = actor->flags_};
        if (gate) actor->flags_ |= DOR_ACTOR_GATED;
        clear_figures(at);
        /* release: pairs with dor__slot_gate. */
        atomic_store_explicit(&at->gate, gate, memory_order_release);
        DOR_FIGURE_ADD(s->spawned, 1);
        /* The caller gets the pid from here: on another thread the actor may have ended when this returns. */
        *pid = actor->pid = dor__name(s->actor_home, slot, dor__slab_generation(&at->item));
        if (gate) dor__gate_open(gate, actor->pid);
        at->actor = actor;
        /* Still under the lock: a runtime that stops closes the slab and then finds every actor that got in before. */
        dor__slab_publish(&at->item);
    }
    uv_mutex_unlock(&s->actors.lock);
    if (dor__ok(result) && dor__traced(s->runtime, DOR_TRACE_SPAWN)) dor__trace_spawn(s->runtime, *pid);
    return result;
}

dor_result dor__actor_init(dor_actor *actor, dor_scheduler *s, const dor_actor_ops *ops)
{
    dor_pid pid;
    DOR_ASSERT_OWNER(s);
    actor->extra = NULL;
    actor->flags_ = 0;
    return dor__actor_begin(actor, s, ops, NULL, &pid);
}

dor_actor *dor__actor_lookup(dor_scheduler *s, dor_pid pid)
{
    DOR_ASSERT_OWNER(s);
    return dor__pid_is_on(pid, s) ? dor__actor_find(s, pid) : NULL;
}

bool dor__pid_is_on(dor_pid pid, const dor_scheduler *s)
{
    return dor__home_of(pid) == s->actor_home;
}

dor_pid dor__self(void)
{
    dor_scheduler *s = dor__current;
    if (!s) return dor__guest_self();
    return s->current ? s->current->pid : DOR_PID_NONE;
}

/* ---- the run queue ---- */

static void enqueue(dor_scheduler *s, dor_actor *a)
{
    DOR_ASSERT_OWNER(s);
    a->flags_ |= DOR_ACTOR_QUEUED;
    a->run_next = NULL;
    if (s->run_first)
        s->run_last->run_next = a;
    else
        s->run_first = a;
    s->run_last = a;
    DOR_FIGURE_ADD(s->figures.run_queue, 1);
}

void dor__actor_enqueue(dor_scheduler *s, dor_actor *a)
{
    dor__actor_show_state(a, DOR_ACTOR_STATE_RUNNABLE);
    enqueue(s, a);
}

/* ---- end ---- */

/* What waits at the gate goes behind what is in the plain queue, to be freed with it. Signals find a dead actor. */
static void close_gate(dor_actor *a)
{
    dor_message *signals, *m = dor__gate_close(dor__slot_gate(a->slot), &signals);
    a->flags_ &= (uint8_t)~DOR_ACTOR_GATED;
    /* relaxed: the gate has no owner any more, which is found under its lock. */
    atomic_store_explicit(&a->slot->gate, NULL, memory_order_relaxed);
    if (a->head)
        a->tail->next_ = m;
    else
        a->head = m;
    for (; m; m = (dor_message *)m->next_)
        a->tail = m;
    while (signals) {
        dor_message *next = (dor_message *)signals->next_;
        signals->next_ = NULL;
        dor__scheduler_deliver(a->scheduler, signals);
        signals = next;
    }
}

void dor__actor_end(dor_actor *a, int reason)
{
    dor_scheduler *s = a->scheduler;
    DOR_ASSERT_OWNER(s);
    if (a->state == DOR_ACTOR_DEAD) return;
    if (reason == DOR_KILL) reason = DOR_E_KILLED; /* the order to end is nobody's reason */
    a->state = DOR_ACTOR_DEAD;
    a->reason = reason;
    dor_actor_slot *at = a->slot;
    dor__slab_end(&at->item);
    DOR_FIGURE_ADD(s->figures.ended, 1);
    if (dor__scheduler_traced(s, DOR_TRACE_EXIT)) dor__trace_exit(s->runtime, a->pid, reason);
    if (a->flags_ & DOR_ACTOR_GATED) close_gate(a);
    /* Its memory may be in use further up the stack: the run queue comes to it when nothing of it runs. */
    if (!(a->flags_ & DOR_ACTOR_QUEUED)) enqueue(s, a);
}

/* Whether a message in the mailbox of one that has ended wants an answer: it has come since, behind all others. */
static bool is_late(const dor_message *m)
{
    return m->type == DOR_MSG_LINK || m->type == DOR_MSG_MONITOR;
}

/* Those who want to link or monitor one that has ended: it has told the others, and is not there any more. */
static void answer_late(dor_scheduler *s, dor_message *late)
{
    while (late) {
        dor_message *m = late;
        late = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__scheduler_deliver(s, m);
    }
}

/*
 * What the dead one has asked others to tell it, and what waits in its mailbox: there may be any number of either, so it is
 * as much as the turn has time for. False when something is left. The messages go only now, since their destructors may be
 * anything; requests are taken back before, since a timeout that waits in the mailbox is known to its request, too.
 */
__attribute__((noinline)) static bool clear(dor_scheduler *s, dor_actor *a)
{
    dor_watcher self = dor__actor_watcher(a);
    while (dor__unwatch_one(&self))
        if (dor__turn_over(s)) return false;
    while (a->head && !is_late(a->head)) {
        dor_message *m = a->head;
        a->head = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__message_undeliverable(m);
        if (dor__turn_over(s)) return false;
    }
    return true;
}

/*
 * Others are told last of all, so that who hears of an end knows that the state has been released: what it held, a file, a
 * name, a port, can be had again. That is why the slot is kept until then: whoever links or monitors it now is answered
 * when it has been told. Nothing else has found the actor since its end, so both lists are as they were.
 */
__attribute__((noinline)) static void destroy(dor_scheduler *s, dor_actor *a)
{
    dor_message *late = a->head;
    a->head = NULL;
    dor_pid pid = a->pid;
    int reason = a->reason;
    dor_actor_slot *at = a->slot;
    dor_message *watchers = a->watchers, *links = dor__actor_links_end(a);
    dor_actor_extra *extra = a->extra;
    dor__sleep_end(a);
    s->current = a;
    a->ops->destroy(a);
    s->current = NULL;
    dor__actor_extra_free(extra);
    dor__slab_kill(&at->item);
    dor__slab_give(&s->actors, &at->item, dor__slot_of(pid));
    dor__watchers_tell(watchers, pid, reason);
    if (links) dor__ends_tell(s, links);
    answer_late(s, late);
}

bool dor__actor_answers_late(dor_scheduler *s, dor_message *m)
{
    if (!is_late(m)) return false;
    dor_actor_slot *at = (dor_actor_slot *)dor__slab_find_in(&s->actors, m->to_, DOR_SLAB_ENDED);
    if (!at) return false;
    dor_actor *a = at->actor;
    dor_linker self = dor__actor_linker(a);
    m->next_ = NULL;
    if (m->type == DOR_MSG_LINK && dor__link_exists(&self, dor__half_of(m)->self)) {
        dor__message_free(m); /* the end is told over the half that is there */
        return true;
    }
    if (a->head)
        a->tail->next_ = m;
    else
        a->head = m;
    a->tail = m;
    return true;
}

void dor__actor_ask_to_end(dor_actor *a, int reason)
{
    if (a->state != DOR_ACTOR_RUNNING) return;
    a->state = DOR_ACTOR_EXITING;
    dor__actor_show_state(a, DOR_ACTOR_STATE_ENDING);
    if (a->ops->exit)
        a->ops->exit(a, reason == DOR_KILL ? DOR_E_KILLED : reason);
    else
        dor__actor_end(a, reason);
}

void dor__actor_leave(dor_actor *a, int reason)
{
    bool killed = reason == DOR_KILL;
    if (a->state != DOR_ACTOR_RUNNING && !(killed && a->state == DOR_ACTOR_EXITING)) return;
    a->state = DOR_ACTOR_LEAVING;
    a->reason = reason;
}

/* The callback in which a wanted to leave has returned. */
static void leave(dor_actor *a)
{
    int reason = a->reason;
    a->state = DOR_ACTOR_RUNNING;
    if (reason == DOR_KILL)
        dor__actor_end(a, reason);
    else
        dor__actor_ask_to_end(a, reason);
}

dor_actor_extra *dor__actor_extra(dor_actor *a)
{
    if (!a->extra) a->extra = (dor_actor_extra *)dor__calloc(1, sizeof *a->extra);
    return a->extra;
}

void dor__actor_extra_free(dor_actor_extra *extra)
{
    if (!extra) return;
    dor__message_free(extra->handover);
    dor__sleep_free(extra->sleep);
    dor__free(extra);
}

dor_result dor__stop(dor_pid pid, int reason)
{
    if (dor__kind_of(pid) != DOR_KIND_ACTOR) return dor__error(DOR_E_NOPROC);
    dor_message *m = dor__message_new(DOR_MSG_STOP, sizeof(int), NULL);
    if (!m) return dor__error(DOR_E_NOMEM);
    *(int *)dor_message_payload(m) = reason;
    return dor__send(pid, m);
}

static dor_actor *actor_of_slot(dor_scheduler *s, uint32_t slot)
{
    dor_actor_slot *at = (dor_actor_slot *)dor__slab_at(&s->actors, slot);
    /* acquire: see dor__slab_publish; another thread may have made this actor. */
    uint32_t tag = atomic_load_explicit(&at->item.tag, memory_order_acquire);
    return (tag & 3) == DOR_SLAB_LIVE ? at->actor : NULL;
}

void dor__actors_ask_to_stop(dor_scheduler *s)
{
    uint32_t used = dor__slab_used(&s->actors);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_actor *a = actor_of_slot(s, slot);
        if (!a || a->state != DOR_ACTOR_RUNNING) continue;
        if (dor__failed(dor__stop(a->pid, DOR_E_STOPPED)))
            dor__actor_ask_to_end(a, DOR_E_STOPPED); /* out of memory */
    }
}

void dor__actors_kill(dor_scheduler *s)
{
    uint32_t used = dor__slab_used(&s->actors);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_actor *a = actor_of_slot(s, slot);
        if (a) dor__actor_end(a, DOR_E_STOPPED);
    }
}

bool dor__actors_visit(dor_scheduler *s, uint32_t *slot, uint32_t most,
                       void (*visit)(dor_actor *actor, void *arg), void *arg)
{
    uint32_t used = dor__slab_used(&s->actors), end = used - *slot > most ? *slot + most : used;
    for (; *slot < end; (*slot)++) {
        dor_actor *a = actor_of_slot(s, *slot);
        if (a && a->state == DOR_ACTOR_RUNNING) visit(a, arg);
    }
    return *slot < used;
}

/* ---- turns ---- */

/*
 * Gives the actor what is in an event mailbox, event by event: each is taken only when the one before has been handled,
 * since that may have handed the mailbox to another owner. Returns how many were given.
 */
static unsigned receive_events(dor_scheduler *s, dor_actor *a, dor_message *note, unsigned most)
{
    unsigned given = 0;
    dor_take taken = DOR_TAKE_MORE;
    while (taken == DOR_TAKE_MORE && given < most && a->state < DOR_ACTOR_LEAVING && !s->turn_spent) {
        dor_message *event;
        taken = dor__event_mailbox_take(note, a->pid, &event);
        if (taken == DOR_TAKE_GONE) break;
        given++;
        dor__actor_receive(s, a, event);
        (void)dor__turn_over(s);
    }
    if (taken != DOR_TAKE_MORE)
        dor__note_free(note); /* it has done its work */
    else if (a->state == DOR_ACTOR_DEAD)
        dor__message_free(note); /* undone, and the mailbox should know */
    else
        dor__mailbox_push(s, a, note);
    return given ? given : 1;
}

/* A DOWN, a reply, or that there will be none. */
static void receive_due(dor_scheduler *s, dor_actor *a, dor_message *m)
{
    dor_watcher self = dor__actor_watcher(a);
    dor_monitor_entry *entry = dor__due_entry(&self, m);
    if (entry) {
        dor__due_receive(&self, entry, m);
        dor__actor_receive(s, a, m);
    } else {
        dor__message_free(m);
    }
}

/* A message that the runtime itself understands; returns how many it counts for. */
static unsigned receive_system(dor_scheduler *s, dor_actor *a, dor_message *m, unsigned most)
{
    int reason;
    switch (m->type) {
    case DOR_MSG_EVENTS_READY: return receive_events(s, a, m, most);
    case DOR_MSG_DOWN_DUE:
    case DOR_MSG_NO_REPLY_DUE: receive_due(s, a, m); return 1;
    case DOR_MSG_STOP:
        reason = *(int *)dor_message_payload(m);
        dor__message_free(m);
        dor__actor_ask_to_end(a, reason);
        return 1;
    case DOR_MSG_SUPERVISOR_CALL: dor__supervisor_call_message(a, m); return 1;
    case DOR_MSG_EXIT_SIGNAL:
    case DOR_MSG_EXIT_LINKED: dor__signal_receive(a, m); return 1;
    case DOR_MSG_SLEEP_ARM:
        dor__message_free(m);
        dor__sleep_arm(a);
        return 1;
    default:
        if (dor__is_reply(m->type))
            receive_due(s, a, m);
        else
            dor__actor_receive(s, a, m);
        return 1;
    }
}

/* The slot of the dead may be another's already, on its way to being used by another thread. */
static void count_run(dor_scheduler *s, dor_actor *a, unsigned messages)
{
    DOR_FIGURE_ADD(s->figures.messages, messages);
    DOR_FIGURE_ADD(s->figures.actor_turns, 1);
    if (a->state == DOR_ACTOR_DEAD) return;
    DOR_FIGURE_ADD(a->slot->messages, messages);
    DOR_FIGURE_ADD(a->slot->turns, 1);
}

/* The next message, which so leaves the mailbox. */
static inline dor_message *take_plain(dor_actor *a)
{
    dor_message *m = a->head;
    a->head = (dor_message *)m->next_;
    DOR_FIGURE_ADD(a->slot->waiting, -dor__weight_of(m));
    m->next_ = NULL;
    return m;
}

/* The same where there is a gate: then the plain queue holds what goes before all. */
__attribute__((noinline)) static dor_message *take_gated(dor_actor *a)
{
    dor_message *m = NULL;
    while (!m && a->flags_ & DOR_ACTOR_GATED && a->state < DOR_ACTOR_LEAVING) {
        dor_gate *gate = dor__slot_gate(a->slot);
        if (a->head)
            m = take_plain(a);
        else if (!(m = dor__gate_take(gate)) && !dor__gate_act(a->scheduler, gate))
            break;
    }
    return m;
}

static inline dor_message *take_message(dor_actor *a)
{
    if (a->head) return take_plain(a);
    return a->flags_ & DOR_ACTOR_GATED ? take_gated(a) : NULL;
}

bool dor__mailbox_empty(const dor_actor *a)
{
    return !a->head && !(a->flags_ & DOR_ACTOR_GATED && dor__gate_pending(dor__slot_gate(a->slot)));
}

/* Whether an actor has to be awake for a message. */
static bool needs_state(dor_actor *a, const dor_message *m)
{
    dor_watcher self = dor__actor_watcher(a);
    bool is_due = m->type == DOR_MSG_DOWN_DUE || m->type == DOR_MSG_NO_REPLY_DUE || dor__is_reply(m->type);
    if (is_due) return dor__watch_entry(&self, dor__due_ref(m)) != NULL;
    return m->type != DOR_MSG_STOP && m->type != DOR_MSG_SLEEP_ARM;
}

/* Deals with what an actor can be given asleep. True when it has been woken for the rest. Not to be in others' way. */
__attribute__((noinline)) static bool run_asleep(dor_scheduler *s, dor_actor *a)
{
    while (a->state < DOR_ACTOR_LEAVING && !dor__mailbox_empty(a)) {
        if (a->flags_ & DOR_ACTOR_GATED && dor__gate_act(s, dor__slot_gate(a->slot))) continue;
        dor_message *m = a->head ? a->head : dor__gate_peek_own(dor__slot_gate(a->slot));
        if (!m || needs_state(a, m)) return dor__sleep_wake(a);
        (void)receive_system(s, a, take_message(a), 1);
        if (dor__turn_over(s)) return false;
    }
    return false;
}

static void run(dor_scheduler *s, dor_actor *a)
{
    unsigned left = DOR_ACTOR_TURN_MESSAGES;
    dor_message *m;
    s->current = a;
    if (a->flags_ & DOR_ACTOR_ASLEEP && !run_asleep(s, a)) goto done;
    while (left > 0 && a->state < DOR_ACTOR_LEAVING && (m = take_message(a))) {
        if (dor__is_system_message(m->type)) {
            unsigned used = receive_system(s, a, m, left);
            left -= used < left ? used : left;
        } else {
            dor__actor_receive(s, a, m);
            left--;
        }
        if (dor__turn_over(s)) break;
    }
    if (a->flags_ & (DOR_ACTOR_DROWSY | DOR_ACTOR_STAMPED)) dor__sleep_after_run(a);
done:
    if (a->state == DOR_ACTOR_LEAVING) leave(a);
    s->current = NULL;
    count_run(s, a, DOR_ACTOR_TURN_MESSAGES - left);
}

/* Whether a has to run again: it has something, and it is not that it can't be woken for it. */
static bool has_more(const dor_actor *a)
{
    if (!(a->flags_ & (DOR_ACTOR_GATED | DOR_ACTOR_STUCK))) return a->head;
    if (a->flags_ & DOR_ACTOR_STUCK) return false;
    return a->head || !dor__slot_gate(a->slot)->idle;
}

void dor__actors_run(dor_scheduler *s)
{
    while (!s->turn_spent) {
        /* The signals that the last one has sent overtake what the next one has waiting. */
        if (dor__signals_wait(s)) dor__signals_run(s);
        dor_actor *a = s->run_first;
        if (!a) {
            if (dor__signals_wait(s)) continue;
            return;
        }
        s->run_first = a->run_next;
        DOR_FIGURE_ADD(s->figures.run_queue, -1U);
        if (a->state != DOR_ACTOR_DEAD) run(s, a);
        if (s->simulation) dor__simulation_has_run(s->simulation, a);
        /* The last of them: what it took is known only now. Of the others the readings on the way must be enough. */
        if (!s->run_first && !s->turn_spent) dor__turn_clock_charge(s, a);
        if (a->state == DOR_ACTOR_DEAD) {
            if (clear(s, a))
                destroy(s, a); /* still marked as queued: nothing puts it back */
            else
                enqueue(s, a);
            (void)dor__turn_over(s);
            continue;
        }
        a->flags_ &= (uint8_t)~DOR_ACTOR_QUEUED;
        if (has_more(a))
            enqueue(s, a); /* runnable, as before */
        else
            dor__actor_show_state(a, a->flags_ & DOR_ACTOR_ASLEEP ? DOR_ACTOR_STATE_ASLEEP
                                                                  : DOR_ACTOR_STATE_IDLE);
    }
}
