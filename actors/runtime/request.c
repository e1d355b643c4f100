/*
 * request.c - requests and their replies.
 *
 * A request is a monitor (monitor.c) with a timer. Its reference names the entry in the asker's slab, and for as long as
 * that entry lives the request is open. Three kinds of messages can end it, and each is on its way to the asker's mailbox
 * on its own account:
 *
 *   a reply         sent like any message; carries DOR_MSG_REPLY_MARK in its type until it is received
 *   DOWN_DUE        the monitor's node, when the one that was asked has ended; becomes a NO_REPLY_DUE
 *   NO_REPLY_DUE    the timeout, made with the request, so that it can be told when memory has run out
 *
 * The first that the asker comes to in its mailbox finds the entry, ends it, takes the others back and is received; those
 * that were under way find no entry, and are freed. So there is exactly one, and none after dor_cancel_request.
 *
 * Threads: an entry belongs to the asker's thread, but for its tag and for who the asker is, which whoever replies reads.
 * Slots of slabs stay, and both are atomic, so that is safe at any time. The entry may end between the two reads, and be
 * another asker's; the reply then goes to that one, who finds no entry of its own for the reference and throws it away. That
 * is what the reply would have come to anyway.
 */
#include "runtime/private.h"

#include <string.h>

/* Payload of an actor's timeout. Who receives it sees the first part alone. */
typedef struct timeout_notice {
    dor_no_reply told;
    dor_timer timer;
} timeout_notice;

static dor_no_reply *no_reply_of(dor_message *m)
{
    return (dor_no_reply *)dor_message_payload(m);
}

static void put_ref(dor_message *m, dor_ref ref)
{
    memcpy(dor_message_payload(m), &ref, sizeof ref);
}

/* ---- the timeout ---- */

static void on_timeout(dor_timer *timer)
{
    timeout_notice *notice = DOR_CONTAINER_OF(timer, timeout_notice, timer);
    dor_message *m = (dor_message *)(void *)notice - 1;
    dor_scheduler *s = dor__current;
    dor_monitor_entry *entry = (dor_monitor_entry *)dor__slab_find(&s->monitors, notice->told.ref);
    /* One that has ended and not come to taking this request back: its message goes now. */
    if (entry && !dor__actor_find(s, m->to_)) entry->timeout.timer = 0;
    (void)dor__send(m->to_, m);
}

static dor_result start_timer(const dor_watcher *w, dor_ref ref, dor_monitor_entry *entry,
                              uint32_t timeout_ms)
{
    bool is_actor = dor__kind_of(w->pid) == DOR_KIND_ACTOR;
    size_t size = is_actor ? sizeof(timeout_notice) : sizeof(dor_no_reply);
    dor_message *m = dor__message_new(DOR_MSG_NO_REPLY_DUE, size, NULL);
    if (!m) return dor__error(DOR_E_NOMEM);
    *no_reply_of(m) = (dor_no_reply){.ref = ref, .reason = DOR_E_TIMEOUT};
    if (!is_actor) return dor__send_after(w->pid, m, timeout_ms, &entry->timeout.timer);
    m->to_ = w->pid;
    entry->timeout.message = m;
    dor__timer_start(dor__current, &((timeout_notice *)dor_message_payload(m))->timer, timeout_ms,
                     on_timeout);
    return DOR_SUCCESS;
}

void dor__request_stop_timer(dor_monitor_entry *entry)
{
    if (!entry->timeout.timer) return;
    /* relaxed: this thread wrote it. */
    if (dor__kind_of(atomic_load_explicit(&entry->watcher, memory_order_relaxed)) != DOR_KIND_ACTOR) {
        (void)dor__cancel_timer(
            entry->timeout.timer); /* when it has fired its message is on its way, or there */
        return;
    }
    dor_message *m = entry->timeout.message;
    /* The entry lives, so the message has not been received: it waits for its time, or in the mailbox. */
    timeout_notice *notice = (timeout_notice *)dor_message_payload(m);
    if (!dor__timer_armed(&notice->timer)) return;
    dor__timer_stop(dor__current, &notice->timer);
    dor__message_free(m);
}

/* ---- asking ---- */

/* The request had no room where it was going. */
static dor_result refused(const dor_watcher *w, dor_ref ref)
{
    dor_message *m = dor__message_new(DOR_MSG_NO_REPLY_DUE, sizeof(dor_no_reply), NULL);
    if (!m) {
        (void)dor__ask_no_more(w, ref);
        return dor__error(DOR_E_NOMEM);
    }
    *no_reply_of(m) = (dor_no_reply){.ref = ref, .reason = DOR_E_MAILBOX_FULL};
    (void)dor__send(w->pid, m);
    return DOR_SUCCESS;
}

dor_result dor__ask(const dor_watcher *w, dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref)
{
    dor_monitor_entry *entry;
    dor_result result = dor__watch_make(w, to, ref, &entry);
    if (dor__ok(result)) {
        entry->timeout.timer = 0;
        entry->is_request = 1;
        if (timeout_ms != DOR_INFINITY) result = start_timer(w, *ref, entry, timeout_ms);
        if (dor__failed(result)) dor__watch_unmake(w, entry, dor__slot_of(*ref));
    }
    if (dor__failed(result)) {
        dor__message_free(request);
        return result;
    }
    put_ref(request, *ref);
    /* The monitor goes first, and no message overtakes it: an end cannot come between the two unseen. */
    dor__watch_send(entry);
    result = dor__send(to, request);
    return result.code == DOR_E_MAILBOX_FULL ? refused(w, *ref) : DOR_SUCCESS;
}

dor_result dor__ask_no_more(const dor_watcher *w, dor_ref ref)
{
    dor_monitor_entry *entry = dor__watch_entry(w, ref);
    if (!entry || !entry->is_request) return dor__error(DOR_E_NOPROC);
    dor__watch_end(w, entry, dor__slot_of(ref), NULL);
    return DOR_SUCCESS;
}

dor_result dor__request(dor_pid to, dor_message *request, uint32_t timeout_ms, dor_ref *ref)
{
    dor_scheduler *s = dor__current;
    if (!s) return dor__guest_ask(to, request, timeout_ms, ref);
    if (!s->current || s->current->state == DOR_ACTOR_DEAD) {
        dor__message_free(request);
        return dor__error(s->current ? DOR_E_NOPROC : DOR_E_NO_PROCESS);
    }
    dor_watcher w = dor__actor_watcher(s->current);
    return dor__ask(&w, to, request, timeout_ms, ref);
}

dor_result dor__cancel_request(dor_ref ref)
{
    dor_scheduler *s = dor__current;
    if (!s) return dor__guest_ask_no_more(ref);
    if (!s->current) return dor__error(DOR_E_NO_PROCESS);
    dor_watcher w = dor__actor_watcher(s->current);
    return dor__ask_no_more(&w, ref);
}

/* ---- replying ---- */

/* The slab in which a reference's entry is, if it is one; the runtime is entered. */
static dor_slab *slab_of(dor_runtime *runtime, dor_ref ref)
{
    unsigned index = dor__scheduler_index_of(ref);
    if (dor__kind_of(ref) == DOR_KIND_MONITOR && index < runtime->count)
        return &runtime->schedulers[index].monitors;
    if (dor__kind_of(ref) == DOR_KIND_PROCESS_MONITOR && index == 0) return &runtime->process_monitors;
    return NULL;
}

/* Who waits for a reply to ref, or may have a moment ago: another's, or nobody's, if that is over by now. */
static dor_pid asker_of(dor_ref ref)
{
    dor_pid asker = DOR_PID_NONE;
    dor_runtime *runtime = dor__runtime_enter_of(ref);
    if (!runtime) return asker;
    dor_slab *slab = slab_of(runtime, ref);
    dor_monitor_entry *entry = slab ? (dor_monitor_entry *)dor__slab_find(slab, ref) : NULL;
    /* relaxed: the tag's acquire has brought what was published with it. See the head for why a later one does no harm. */
    if (entry) asker = atomic_load_explicit(&entry->watcher, memory_order_relaxed);
    dor__runtime_leave(runtime);
    return asker;
}

dor_result dor__reply(dor_ref ref, dor_message *m)
{
    dor_pid asker = asker_of(ref);
    if (asker == DOR_PID_NONE) {
        dor__message_free(m);
        return dor__error(DOR_E_NOPROC);
    }
    put_ref(m, ref);
    m->type |= (uint32_t)DOR_MSG_REPLY_MARK;
    return dor__send(asker, m);
}

/* ---- receiving ---- */

dor_ref dor__due_ref(const dor_message *m)
{
    dor_ref ref;
    const char *payload = (const char *)(m + 1);
    memcpy(&ref, payload + (m->type == DOR_MSG_DOWN_DUE ? offsetof(dor_down, ref) : 0), sizeof ref);
    return ref;
}

dor_monitor_entry *dor__due_entry(const dor_watcher *w, dor_message *m)
{
    dor_monitor_entry *entry = dor__watch_entry(w, dor__due_ref(m));
    if (!entry) return NULL;
    if (m->type == DOR_MSG_DOWN_DUE) {
        if (!entry->is_request) return entry;
        dor_down down;
        memcpy(&down, dor_message_payload(m), sizeof down);
        m->type = DOR_MSG_NO_REPLY_DUE;
        *no_reply_of(m) = (dor_no_reply){.ref = down.ref, .reason = down.reason};
    }
    return entry->is_request ? entry : NULL;
}

void dor__due_receive(const dor_watcher *w, dor_monitor_entry *entry, dor_message *m)
{
    dor__watch_end(w, entry, dor__slot_of(dor__due_ref(m)), m);
    m->type = dor__due_shown(m->type);
}
