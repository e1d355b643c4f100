/*
 * monitor.c - who is told of whose end.
 *
 * The DOWN message is made when the monitor is: it travels to the watched as MONITOR, waits in a list there, and comes
 * back as DOWN_DUE when the watched ends; so an end can be told even when memory has run out. The watcher keeps an entry
 * of its own, named by the monitor's reference. Whether a DOWN_DUE is still wanted is decided when the watcher comes to
 * it: no entry, no DOWN. That makes dor_demonitor exact although messages may be under way.
 *
 * While a node waits, next_ links the list and the payload's `pid` holds the place that points to the node (so that it
 * can be taken out of the middle); to_ is the watcher.
 *
 * To the watched the urgent lane is taken, so that an exit signal that is sent after dor_monitor returned does not get
 * there first. Back it goes as a message, behind all others of the one that has ended.
 *
 * Threads: a list of watchers belongs to the watched actor's thread, or lies under the watched process's lock. A
 * watcher's entries belong to its thread.
 */
#include "runtime/signals.h"

/* Payload of DEMONITOR. */
typedef struct demonitor {
    dor_message *node;
} demonitor;

static dor_down *down_of(dor_message *node)
{
    return (dor_down *)dor_message_payload(node);
}

/* ---- the watched's list ---- */

void dor__watchers_add(dor_message **watchers, dor_message *node)
{
    dor_message *next = *watchers;
    node->type = DOR_MSG_DOWN_DUE;
    node->to_ = down_of(node)->pid; /* a MONITOR's payload says who watches */
    node->next_ = next;
    /* next_ is a void *, the list's head a dor_message *: a place of either is remembered as the node before, or 0. */
    down_of(node)->pid = 0;
    if (next) down_of(next)->pid = (uint64_t)(uintptr_t)node;
    *watchers = node;
}

void dor__watchers_remove(dor_message **watchers, dor_message *node)
{
    dor_message *next = (dor_message *)node->next_;
    dor_message *previous = (dor_message *)(uintptr_t)down_of(node)->pid;
    if (previous)
        previous->next_ = next;
    else
        *watchers = next;
    if (next) down_of(next)->pid = (uint64_t)(uintptr_t)previous;
}

static void tell(dor_message *node, dor_pid pid, int reason)
{
    node->next_ = NULL;
    node->type = DOR_MSG_DOWN_DUE;
    down_of(node)->pid = pid;
    down_of(node)->reason = reason;
    (void)dor__send(node->to_, node);
}

/*
 * Two or more that are to be told later, as one message, for which there need not be memory: the first one's `pid` leads
 * to the second, and that one holds what there is to tell.
 */
static dor_message *over(dor_message *first, dor_pid pid, int reason)
{
    dor_message *second = (dor_message *)first->next_;
    down_of(second)->pid = pid;
    down_of(second)->reason = reason;
    down_of(first)->pid = (uint64_t)(uintptr_t)second;
    first->type = DOR_MSG_DOWN_OVER;
    first->next_ = NULL;
    return first;
}

dor_message *dor__watchers_tell_next(dor_message *first)
{
    dor_message *second = (dor_message *)(uintptr_t)down_of(first)->pid;
    dor_pid pid = down_of(second)->pid;
    int reason = down_of(second)->reason;
    tell(first, pid, reason);
    if (second->next_) return over(second, pid, reason);
    tell(second, pid, reason);
    return NULL;
}

void dor__watchers_tell(dor_message *watchers, dor_pid pid, int reason)
{
    enum { AT_ONCE = 16 };
    /* The latest comes first in the list; the order between different watchers means nothing. */
    for (unsigned told = 0; watchers; told++) {
        dor_message *node = watchers;
        watchers = (dor_message *)node->next_;
        if (told >= AT_ONCE && watchers && dor__current) {
            dor__ends_tell(dor__current, over(node, pid, reason));
            return;
        }
        tell(node, pid, reason);
    }
}

void dor__watch_refused(dor_message *monitor)
{
    dor_down *down = down_of(monitor);
    dor_pid watcher = down->pid;
    monitor->type = DOR_MSG_DOWN_DUE;
    down->pid = monitor->to_;
    down->reason = DOR_E_NOPROC;
    (void)dor__send(watcher, monitor);
}

void dor__monitor_message(dor_scheduler *s, dor_message *m)
{
    dor_actor *a = dor__actor_find(s, m->to_);
    if (a)
        dor__watchers_add(&a->watchers, m);
    else if (!dor__actor_answers_late(s, m))
        dor__watch_refused(m);
}

void dor__demonitor_message(dor_scheduler *s, dor_message *m)
{
    /* When the watched is dead its nodes are on their way back, or gone: not to be touched. */
    dor_actor *a = dor__actor_find(s, m->to_);
    dor_message *node = ((demonitor *)dor_message_payload(m))->node;
    if (a) {
        dor__watchers_remove(&a->watchers, node);
        dor__message_free(node);
    }
    dor__message_free(m);
}

/* Takes the MONITOR to where the watched is. */
static void send_monitor(dor_message *m)
{
    dor_scheduler *s = dor__current;
    if (s && dor__home_of(m->to_) == s->actor_home)
        dor__monitor_message(s, m);
    else
        dor__signal_send(m->to_, m); /* a guest's goes to dor__guest_signal; the dead answer NOPROC */
}

static void send_demonitor(const dor_monitor_entry *entry)
{
    dor_scheduler *s = dor__current;
    if (s && dor__home_of(entry->watched) == s->actor_home) {
        dor_actor *a = dor__actor_find(s, entry->watched);
        if (!a) return;
        dor__watchers_remove(&a->watchers, entry->node);
        dor__message_free(entry->node);
        return;
    }
    if (dor__kind_of(entry->watched) == DOR_KIND_PROCESS) {
        dor_runtime *runtime = dor__runtime_enter_of(entry->watched);
        if (!runtime) return;
        dor__guest_demonitor(runtime, entry->watched, entry->node);
        dor__runtime_leave(runtime);
        return;
    }
    dor_message *m = dor__message_new(DOR_MSG_DEMONITOR, sizeof(demonitor), NULL);
    if (!m) return; /* the node waits there for nothing, and its DOWN will find no entry */
    ((demonitor *)dor_message_payload(m))->node = entry->node;
    dor__signal_send(entry->watched, m);
}

/* ---- the watcher's entries ---- */

dor_watcher dor__actor_watcher(dor_actor *a)
{
    dor_scheduler *s = a->scheduler;
    return (dor_watcher){a->pid, &a->watching, &s->monitors, s->monitor_home};
}

static dor_monitor_entry *entry_at(const dor_watcher *w, uint32_t slot_plus_1)
{
    return (dor_monitor_entry *)dor__slab_at(w->slab, slot_plus_1 - 1);
}

dor_monitor_entry *dor__watch_entry(const dor_watcher *w, dor_ref ref)
{
    if (dor__home_of(ref) != w->home) return NULL;
    dor_monitor_entry *entry = (dor_monitor_entry *)dor__slab_find(w->slab, ref);
    /* relaxed: if it is ours, this thread wrote it; if not, any value but ours will do, and only we write ours. */
    return entry && atomic_load_explicit(&entry->watcher, memory_order_relaxed) == w->pid ? entry : NULL;
}

static void forget(const dor_watcher *w, dor_monitor_entry *entry, uint32_t slot)
{
    if (entry->previous)
        entry_at(w, entry->previous)->next = entry->next;
    else
        *w->list = entry->next;
    if (entry->next) entry_at(w, entry->next)->previous = entry->previous;
    dor__slab_kill(&entry->item);
    dor__slab_give(w->slab, &entry->item, slot);
}

dor_result dor__watch_make(const dor_watcher *w, dor_pid watched, dor_ref *ref, dor_monitor_entry **made)
{
    void *item;
    uint32_t slot;
    dor_message *node = dor__message_new(DOR_MSG_MONITOR, sizeof(dor_down), NULL);
    if (!node) return dor__error(DOR_E_NOMEM);
    dor_result result = dor__slab_take(w->slab, &item, &slot);
    if (dor__failed(result)) {
        dor__message_free(node);
        return result;
    }
    dor_monitor_entry *entry = (dor_monitor_entry *)item;
    *ref = dor__name(w->home, slot, dor__slab_generation(&entry->item));
    /* relaxed: published with the tag. */
    atomic_store_explicit(&entry->watcher, w->pid, memory_order_relaxed);
    entry->watched = watched;
    entry->node = node;
    entry->is_request = 0;
    entry->previous = 0;
    entry->next = *w->list;
    if (entry->next) entry_at(w, entry->next)->previous = (slot + 1) & 0x7fffffff;
    *w->list = slot + 1;
    dor__slab_publish(&entry->item);
    node->to_ = watched;
    *down_of(node) = (dor_down){.pid = w->pid, .ref = *ref};
    *made = entry;
    return DOR_SUCCESS;
}

void dor__watch_send(const dor_monitor_entry *entry)
{
    send_monitor(entry->node);
}

void dor__watch_unmake(const dor_watcher *w, dor_monitor_entry *entry, uint32_t slot)
{
    dor_message *node = entry->node;
    forget(w, entry, slot);
    dor__message_free(node);
}

dor_result dor__watch(const dor_watcher *w, dor_pid watched, dor_ref *ref)
{
    dor_monitor_entry *entry;
    DOR_TRY(dor__watch_make(w, watched, ref, &entry));
    dor__watch_send(entry);
    return DOR_SUCCESS;
}

void dor__watch_end(const dor_watcher *w, dor_monitor_entry *entry, uint32_t slot, const dor_message *node)
{
    dor_monitor_entry copy = {.watched = entry->watched, .node = entry->node};
    if (entry->is_request) dor__request_stop_timer(entry);
    forget(w, entry, slot);
    if (copy.node != node) send_demonitor(&copy);
}

dor_result dor__unwatch(const dor_watcher *w, dor_ref ref)
{
    dor_monitor_entry *entry = dor__watch_entry(w, ref);
    if (!entry || entry->is_request) return dor__error(DOR_E_NOPROC);
    dor__watch_end(w, entry, dor__slot_of(ref), NULL);
    return DOR_SUCCESS;
}

bool dor__unwatch_one(const dor_watcher *w)
{
    if (!*w->list) return false;
    uint32_t slot = *w->list - 1;
    dor__watch_end(w, entry_at(w, slot + 1), slot, NULL);
    return true;
}

/* ---- for actors ---- */

dor_result dor__actor_monitor(dor_actor *watcher, dor_pid watched, dor_ref *ref)
{
    DOR_ASSERT_OWNER(watcher->scheduler);
    if (watcher->state == DOR_ACTOR_DEAD) return dor__error(DOR_E_NOPROC);
    dor_watcher w = dor__actor_watcher(watcher);
    return dor__watch(&w, watched, ref);
}

void dor__actor_demonitor(dor_actor *watcher, dor_ref ref)
{
    DOR_ASSERT_OWNER(watcher->scheduler);
    dor_watcher w = dor__actor_watcher(watcher);
    (void)dor__unwatch(&w, ref);
}

dor_result dor__monitor(dor_pid pid, dor_ref *ref)
{
    dor_scheduler *s = dor__current;
    if (!s) return dor__guest_watch(pid, ref);
    if (!s->current) return dor__error(DOR_E_NO_PROCESS);
    return dor__actor_monitor(s->current, pid, ref);
}

dor_result dor__demonitor(dor_ref ref)
{
    dor_scheduler *s = dor__current;
    if (!s) return dor__guest_unwatch(ref);
    if (!s->current) return dor__error(DOR_E_NO_PROCESS);
    dor_watcher w = dor__actor_watcher(s->current);
    return dor__unwatch(&w, ref);
}
