/*
 * signals.c - see signals.h.
 */
#include "runtime/signals.h"

#include "runtime/gate.h"

enum { ENDS_BEFORE_A_RUN = 16 };

/* ---- the scheduler's own queues ---- */

static void append(dor_message **first, dor_message **last, dor_message *m)
{
    m->next_ = NULL;
    if (*first)
        (*last)->next_ = m;
    else
        *first = m;
    *last = m;
}

static dor_message *take_first(dor_message **first)
{
    dor_message *m = *first;
    *first = (dor_message *)m->next_;
    m->next_ = NULL;
    return m;
}

/* One link, or a watcher or two: the next one of the same owner goes behind what others have to tell. */
static void tell_of_end(dor_scheduler *s, dor_message *m)
{
    if (m->type == DOR_MSG_DOWN_OVER) {
        dor_message *rest = dor__watchers_tell_next(m);
        if (rest) append(&s->ends_first, &s->ends_last, rest);
        return;
    }
    dor_message *next = dor__link_next(&s->links, m);
    if (next) append(&s->ends_first, &s->ends_last, next);
    if (dor__home_of(m->to_) == s->actor_home)
        dor__signal_deliver(s, m);
    else
        dor__signal_send(m->to_, m);
}

/* All of them, since only callbacks make more: what one has made belongs to its share of the turn. */
void dor__signals_act(dor_scheduler *s)
{
    while (s->signals_first) {
        dor__signal_deliver(s, take_first(&s->signals_first));
        (void)dor__turn_over(s);
    }
}

void dor__signals_run(dor_scheduler *s)
{
    dor__signals_act(s);
    for (unsigned i = 0; i < ENDS_BEFORE_A_RUN && s->ends_first && !s->turn_spent; i++) {
        tell_of_end(s, take_first(&s->ends_first));
        (void)dor__turn_over(s);
        dor__signals_act(s); /* what a native actor, being asked to end, has sent */
    }
}

/* ---- sending ---- */

/* The runtime is entered. */
static bool send_to_actor(dor_runtime *runtime, dor_pid to, dor_message *m)
{
    unsigned index = dor__scheduler_index_of(to);
    if (index >= runtime->count) return false;
    dor_scheduler *s = &runtime->schedulers[index];
    dor_actor_slot *slot = (dor_actor_slot *)dor__slab_find(&s->actors, to);
    if (!slot && dor__slab_find_in(&s->actors, to, DOR_SLAB_ENDED)) {
        dor__scheduler_push_urgent(s, m); /* an answer may have to wait: dor__actor_answers_late */
        return true;
    }
    if (!slot) return false;
    dor_gate *gate = dor__slot_gate(slot);
    if (gate) return dor__gate_signal(gate, to, m);
    dor__scheduler_push_urgent(s, m);
    return true;
}

/*
 * Nobody is there to get m. What the dead has sent to the one who is answered was on its way when it was found to be dead,
 * and the answer must not overtake it: a LINK of the dead would otherwise make a half again, and its EXIT_LINKED tell of
 * the end once more. So the answer, too, goes the way of what other schedulers send.
 */
static void refused(dor_message *m)
{
    dor_scheduler *s = dor__current;
    if (m->type != DOR_MSG_LINK) {
        dor__message_undeliverable(m);
        return;
    }
    dor__link_refused(m);
    if (!s || s->closed || dor__home_of(m->to_) != s->actor_home)
        dor__signal_send(m->to_, m);
    else if (!send_to_actor(s->runtime, m->to_, m))
        dor__message_free(m); /* the one who asked has ended, too */
}

void dor__signal_send(dor_pid to, dor_message *m)
{
    dor_scheduler *s = dor__current;
    bool taken = false;
    m->to_ = to;
    if (s && dor__home_of(to) == s->actor_home) {
        append(&s->signals_first, &s->signals_last, m);
        return;
    }
    dor_runtime *runtime = dor__runtime_enter_of(to);
    if (runtime) {
        if (dor__kind_of(to) == DOR_KIND_ACTOR)
            taken = send_to_actor(runtime, to, m);
        else if (dor__kind_of(to) == DOR_KIND_PROCESS)
            taken = dor__guest_signal(runtime, to, m);
        dor__runtime_leave(runtime);
    }
    if (!taken) refused(m);
}

/* ---- acting ---- */

dor_linker dor__actor_linker(dor_actor *a)
{
    dor_scheduler *s = a->scheduler;
    return (dor_linker){a->pid, &a->links, &s->links, &s->link_number};
}

dor_message *dor__actor_links_end(dor_actor *a)
{
    dor_linker self = dor__actor_linker(a);
    return dor__links_end(&self, a->reason);
}

void dor__ends_tell(dor_scheduler *s, dor_message *over)
{
    append(&s->ends_first, &s->ends_last, over);
}

/*
 * Whether a signal may end an actor that does not trap. When a runtime stops, all its actors have been asked to end behind
 * what they have to do yet: that their partners have done so, now or before they were linked to, ends none of them sooner.
 */
static bool ends(dor_actor *a, int reason)
{
    bool by_the_stop = reason == DOR_E_STOPPED || reason == DOR_E_NOPROC;
    if (by_the_stop && dor__phase(a->scheduler->runtime) != DOR_PHASE_RUNNING) return false;
    return reason != DOR_OK;
}

static void exit_signal(dor_scheduler *s, dor_actor *a, dor_message *m)
{
    int reason = dor__notice_of(m)->reason;
    if (m->type == DOR_MSG_EXIT_SIGNAL && reason == DOR_KILL) {
        dor__actor_end(a, DOR_E_KILLED);
    } else if (a->flags_ & DOR_ACTOR_TRAPS) {
        dor__mailbox_push_urgent(s, a, m);
        return;
    } else if (ends(a, reason)) {
        dor__actor_ask_to_end(a, reason);
    }
    dor__message_free(m);
}

void dor__signal_deliver(dor_scheduler *s, dor_message *m)
{
    dor_actor *a = dor__actor_find(s, m->to_);
    if (!a) {
        if (!dor__actor_answers_late(s, m)) refused(m);
        return;
    }
    dor_linker self = dor__actor_linker(a);
    if (m->type == DOR_MSG_EXIT_SIGNAL) {
        exit_signal(s, a, m);
    } else if (m->type == DOR_MSG_EXIT_LINKED) {
        dor_pid other = dor__notice_of(m)->pid;
        if (!dor__link_exists(&self, other)) {
            dor__message_free(m); /* unlinked meanwhile */
            return;
        }
        /* One that traps may unlink until it receives this; its half goes then. */
        if (!(a->flags_ & DOR_ACTOR_TRAPS)) dor__message_free(dor__link_forget(&self, other));
        exit_signal(s, a, m);
    } else {
        dor_message *done = dor__link_arrived(&self, m);
        while (done) {
            dor_message *next = (dor_message *)done->next_;
            dor__message_free(done);
            done = next;
        }
    }
}

void dor__signal_receive(dor_actor *a, dor_message *m)
{
    if (a->extra->urgent_last == m) a->extra->urgent_last = NULL;
    if (m->type == DOR_MSG_EXIT_LINKED) {
        dor_linker self = dor__actor_linker(a);
        dor_message *half = dor__link_forget(&self, dor__notice_of(m)->pid);
        if (!half) {
            dor__message_free(m);
            return;
        }
        dor__message_free(half);
    }
    m->type = DOR_MSG_EXIT;
    dor__actor_receive(a->scheduler, a, m);
}
