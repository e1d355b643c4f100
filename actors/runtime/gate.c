/* gate.c - see gate.h. The lock is held over a few instructions: what must be freed or told is, when it has been given back. */
#include "runtime/gate.h"

/* ---- beginning and end ---- */

dor_result dor__gate_new(dor_scheduler *s, const dor_mailbox_limits *limits, dor_gate **gate)
{
    void *item;
    uint32_t slot;
    DOR_TRY(dor__slab_take(&s->gates, &item, &slot));
    dor_gate *g = (dor_gate *)item;
    dor__lock(&g->lock);                 /* a note of an earlier life may be on its way */
    if (!g->scheduler) g->scheduler = s; /* written once: from then on it is read without the lock */
    g->slot = slot;
    g->noted = g->overrun = false;
    g->idle = true;
    g->own_put = g->own_taken = 0;
    dor__gauge_init(&g->gauge, limits);
    dor__unlock(&g->lock);
    *gate = g;
    return DOR_SUCCESS;
}

void dor__gate_free(dor_gate *g)
{
    dor__slab_kill(&g->item);
    dor__slab_give(&g->scheduler->gates, &g->item, g->slot);
}

void dor__gate_open(dor_gate *g, dor_pid owner)
{
    dor__lock(&g->lock);
    g->owner = owner;
    dor__unlock(&g->lock);
}

/* ---- the queues; under the lock ---- */

static void append(dor_gate_queue *queue, dor_message *m)
{
    m->next_ = NULL;
    if (queue->first)
        queue->last->next_ = m;
    else
        queue->first = m;
    queue->last = m;
}

static void put(dor_gate *g, dor_gate_queue *queue, dor_message *m)
{
    append(queue, m);
    DOR_FIGURE_ADD(g->depth, 1);
    DOR_FIGURE_ADD(g->bytes, m->size);
}

static void put_counted(dor_gate *g, dor_message *m)
{
    m->to_ = g->own_put;
    put(g, &g->counted, m);
}

static dor_message *pop(dor_gate *g, dor_gate_queue *queue)
{
    dor_message *m = queue->first;
    queue->first = (dor_message *)m->next_;
    m->next_ = NULL;
    DOR_FIGURE_ADD(g->depth, -1U);
    DOR_FIGURE_ADD(g->bytes, -m->size);
    return m;
}

/* A counted message leaves: it is received, or dropped. */
static dor_message *pop_counted(dor_gate *g)
{
    dor_message *m = pop(g, &g->counted);
    m->to_ = g->owner;
    dor__gauge_remove(&g->gauge, m);
    return m;
}

static dor_message *pop_own(dor_gate *g)
{
    g->own_taken++;
    return pop(g, &g->own);
}

/* Whether the oldest of all is a counted one. */
static bool counted_first(const dor_gate *g)
{
    return g->counted.first && (!g->own.first || g->counted.first->to_ <= g->own_taken);
}

static dor_message *pop_oldest(dor_gate *g)
{
    if (counted_first(g)) return pop_counted(g);
    return g->own.first ? pop_own(g) : NULL;
}

/* The processes whose turn it is put their messages in. */
static dor_send_waiter *serve(dor_gate *g)
{
    dor_send_waiter *served = dor__gauge_serve(&g->gauge);
    for (dor_send_waiter *w = served; w; w = w->next)
        put_counted(g, w->message);
    return served;
}

/* ---- telling the scheduler ---- */

/*
 * Something waits, or the actor is to end; under the lock. True when the caller, having given the lock back, is to post
 * the note. On the scheduler's own thread the actor goes straight onto the run queue.
 */
static bool note_wanted(dor_gate *g)
{
    bool own = dor__current == g->scheduler;
    bool wanted = (!g->noted || g->overrun) && !g->on_way && !own;
    g->noted = true;
    if (own) g->idle = false;
    if (wanted) g->on_way = true;
    return wanted;
}

static void post_note(dor_gate *g, bool urgent)
{
    g->note.type = DOR_MSG_GATE;
    if (urgent)
        dor__scheduler_push_urgent(g->scheduler, &g->note);
    else
        dor__scheduler_push(g->scheduler, &g->note);
}

/* On the scheduler's thread: the gate's actor is to run. */
static void run_owner(dor_scheduler *s, dor_pid owner)
{
    dor_actor *a = owner ? dor__actor_find(s, owner) : NULL;
    if (a && !(a->flags_ & DOR_ACTOR_QUEUED)) dor__actor_enqueue(s, a);
}

/* Likewise: it ends. */
static void end_owner(dor_scheduler *s, dor_pid owner)
{
    dor_actor *a = dor__actor_find(s, owner);
    if (a && a == s->current)
        dor__actor_leave(a, DOR_E_MAILBOX_FULL); /* it is in the middle of a message: after that */
    else if (a)
        dor__actor_end(a, DOR_E_MAILBOX_FULL);
}

bool dor__gate_act(dor_scheduler *s, dor_gate *g)
{
    dor__lock(&g->lock);
    dor_message *m = g->signals.first;
    g->signals.first = NULL;
    dor__unlock(&g->lock);
    bool some = m != NULL;
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__scheduler_deliver(s, m); /* this may be the actor's end */
        m = next;
    }
    return some;
}

void dor__gate_noted(dor_scheduler *s, dor_message *note)
{
    dor_gate *g = DOR_CONTAINER_OF(note, dor_gate, note);
    dor__lock(&g->lock);
    dor_pid owner = g->owner;
    bool overrun = g->overrun;
    g->on_way = g->idle = false; /* it must look, even if it runs for other reasons before */
    dor__unlock(&g->lock);
    (void)dor__gate_act(s, g);
    if (overrun)
        end_owner(s, owner);
    else
        run_owner(s,
                  owner); /* should nothing be there any more, it finds that, and says so to who comes next */
}

/* ---- sending ---- */

/* What a send leaves to be done when the lock has been given back. */
typedef struct sending {
    dor_message *unwanted; /* linked by next_ */
    dor_result result;
    uint32_t lost; /* how many were refused or dropped */
    bool put;      /* something has been put in, or the actor is to end */
    bool post;
    bool urgent;
} sending;

static void drop_oldest(dor_gate *g, sending *out)
{
    dor_message *m = pop_counted(g);
    m->next_ = out->unwanted;
    out->unwanted = m;
    out->lost++;
    out->result = dor__error(DOR_MESSAGE_DROPPED);
}

/* A counted message, under the lock. */
static void send_counted(dor_gate *g, dor_message *m, dor_send_waiter *w, sending *out)
{
    dor_verdict verdict = g->overrun ? DOR_VERDICT_KILL : dor__gauge_judge(&g->gauge, m);
    while (verdict == DOR_VERDICT_DROP_OLDEST) {
        drop_oldest(g, out);
        verdict = dor__gauge_judge(&g->gauge, m);
    }
    if (verdict == DOR_VERDICT_ADMIT) {
        dor__gauge_add(&g->gauge, m);
        put_counted(g, m);
        out->put = true;
        return;
    }
    out->result = dor__error(verdict == DOR_VERDICT_DROP_NEWEST ? DOR_MESSAGE_DROPPED : DOR_E_MAILBOX_FULL);
    if (verdict == DOR_VERDICT_REFUSE && w) {
        w->gate = g;
        dor__waiters_add(&g->gauge.waiters, w);
        return;
    }
    out->put = verdict == DOR_VERDICT_KILL && !g->overrun;
    if (out->put) g->overrun = true;
    out->unwanted = m;
    out->lost++;
}

static void free_all(dor_message *m)
{
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__message_undeliverable(m);
        m = next;
    }
}

/* The lock has been given back. */
static void finish(dor_gate *g, dor_pid to, const sending *out)
{
    dor_scheduler *s = g->scheduler;
    bool overrun = out->put && out->result.code == DOR_E_MAILBOX_FULL;
    if (out->post) post_note(g, overrun || out->urgent);
    if (out->put && dor__current == s) {
        if (overrun)
            end_owner(s, to);
        else
            run_owner(s, to);
    }
    if (out->lost) {
        /* relaxed: figures, of many writers. This is not the way of a message that has room. */
        atomic_fetch_add_explicit(&s->refused, out->lost, memory_order_relaxed);
        if (!dor__current)
            atomic_fetch_add_explicit(&s->runtime->undelivered, out->lost, memory_order_relaxed);
    }
    free_all(out->unwanted);
}

dor_result dor__gate_send(dor_gate *g, dor_pid to, dor_message *m, dor_send_waiter *w)
{
    sending out = {.result = DOR_SUCCESS};
    m->next_ = NULL;
    dor__lock(&g->lock);
    if (g->owner != to) {
        out.result = dor__error(DOR_E_NOPROC);
        out.unwanted = m;
    } else if (dor__counts(m->type)) {
        send_counted(g, m, w, &out);
    } else {
        put(g, &g->own, m);
        g->own_put++;
        out.put = true;
    }
    if (out.put) out.post = note_wanted(g);
    dor__unlock(&g->lock);
    finish(g, to, &out);
    return out.result;
}

bool dor__gate_signal(dor_gate *g, dor_pid to, dor_message *m)
{
    sending out = {.result = DOR_SUCCESS, .urgent = true};
    dor__lock(&g->lock);
    bool taken = g->owner == to;
    if (taken) {
        append(&g->signals, m);
        out.put = true;
        out.post = note_wanted(g);
    }
    dor__unlock(&g->lock);
    finish(g, to, &out);
    return taken;
}

bool dor__gate_withdraw(dor_gate *g, dor_send_waiter *w)
{
    sending out = {.result = DOR_SUCCESS};
    dor_send_waiter *served = NULL;
    dor__lock(&g->lock);
    dor_pid owner = g->owner;
    bool withdrawn = dor__waiters_withdraw(&g->gauge.waiters, w);
    if (withdrawn) served = serve(g); /* it may have been too big, and in the way of others */
    out.put = served != NULL;
    if (out.put) out.post = note_wanted(g);
    dor__unlock(&g->lock);
    finish(g, owner, &out);
    dor__waiters_tell(served);
    return withdrawn;
}

/* ---- receiving: on the scheduler's thread ---- */

dor_message *dor__gate_take(dor_gate *g)
{
    dor_send_waiter *served = NULL;
    dor__lock(&g->lock);
    dor_message *m = g->signals.first ? NULL : pop_oldest(g);
    g->idle = !m && !g->signals.first;
    if (g->idle)
        g->noted = false; /* who puts something in tells us */
    else if (m && g->gauge.waiters.first)
        served = serve(g);
    dor__unlock(&g->lock);
    if (served) dor__waiters_tell(served);
    return m;
}

bool dor__gate_pending(dor_gate *g)
{
    dor__lock(&g->lock);
    bool pending = g->counted.first || g->own.first || g->signals.first;
    if (!pending) g->noted = false;
    g->idle = !pending;
    dor__unlock(&g->lock);
    return pending;
}

dor_message *dor__gate_peek_own(dor_gate *g)
{
    dor__lock(&g->lock);
    dor_message *m = counted_first(g) ? NULL : g->own.first;
    dor__unlock(&g->lock);
    return m; /* nobody else takes it: only counted ones are dropped */
}

/* Both queues as one, in the order in which the messages came. */
static dor_message *merged(dor_message *counted, dor_message *own, uint64_t own_taken)
{
    dor_message *first = NULL, *last = NULL;
    while (counted || own) {
        bool from_counted = counted && (!own || counted->to_ <= own_taken);
        dor_message *m = from_counted ? counted : own;
        if (from_counted) {
            counted = (dor_message *)m->next_;
        } else {
            own = (dor_message *)m->next_;
            own_taken++;
        }
        m->next_ = NULL;
        if (last)
            last->next_ = m;
        else
            first = m;
        last = m;
    }
    return first;
}

dor_message *dor__gate_close(dor_gate *g, dor_message **signals)
{
    dor__lock(&g->lock);
    dor_send_waiter *waiting = dor__waiters_close(&g->gauge.waiters, dor__error(DOR_E_NOPROC));
    dor_message *counted = g->counted.first, *own = g->own.first;
    uint64_t own_taken = g->own_taken;
    *signals = g->signals.first;
    g->counted.first = g->own.first = g->signals.first = NULL;
    g->owner = DOR_PID_NONE;
    atomic_store_explicit(&g->depth, 0, memory_order_relaxed); /* relaxed: figures */
    atomic_store_explicit(&g->bytes, 0, memory_order_relaxed);
    dor__unlock(&g->lock);
    dor__waiters_tell(waiting);
    dor__gate_free(g);
    return merged(counted, own, own_taken);
}
