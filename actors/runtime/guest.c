/*
 * guest.c - see guest.h: a guest's life, and what other threads do to it.
 *
 * Threads: a guest's lock lives as long as its slot, so a stale pid finds a lock too; a tag is killed under the lock only.
 */
#include "runtime/guest.h"

/* ---- beginning and end ---- */

dor_result dor__guests_init(dor_runtime *runtime, uint32_t first_generation)
{
    DOR_TRY(dor__slab_init(&runtime->processes, sizeof(dor_guest), first_generation));
    return dor__slab_init(&runtime->process_monitors, sizeof(dor_monitor_entry), first_generation);
}

/* The lock and the condition, once per slot. */
static dor_result make(dor_guest *g)
{
    if (g->made) return DOR_SUCCESS;
    DOR_TRY_UV(uv_mutex_init(&g->lock));
    int error = uv_cond_init(&g->changed);
    if (error) {
        uv_mutex_destroy(&g->lock);
        return dor__errno(-error);
    }
    g->made = true;
    return DOR_SUCCESS;
}

/* What is left of the slot's last life is the lock's business: who waits there may not have noticed yet. */
static void reset(dor_guest *g, const dor_mailbox_limits *limits, dor_port_record *port)
{
    g->limits = *limits;
    g->port = port;
    g->counted = g->held = g->taken = 0;
    g->counted_bytes = g->held_bytes = g->taken_bytes = 0;
    g->mark = g->scanned = g->scanned_exit = NULL;
    g->traps = false;
    g->news = g->waiting = g->readable = g->had = g->stopped = g->exit_due = g->events_next = false;
}

dor_result dor__guest_begin(dor_runtime *runtime, const dor_mailbox_limits *limits, dor_port_record *port,
                            dor_pid *pid)
{
    void *item;
    uint32_t slot;
    dor_result result = DOR_SUCCESS;
    uv_mutex_lock(&runtime->processes.lock);
    result = dor__slab_take_locked(&runtime->processes, &item, &slot);
    dor_guest *g = (dor_guest *)item;
    if (dor__ok(result)) {
        result = make(g);
    }
    if (dor__ok(result)) {
        uint32_t home = dor__name_home(DOR_KIND_PROCESS, runtime->index, 0);
        uv_mutex_lock(&g->lock);
        reset(g, limits, port);
        g->slot = slot;
        *pid = g->pid = dor__name(home, slot, dor__slab_generation(&g->item));
        /* Still under the slab's lock: a runtime that stops closes the slab and then finds every guest. */
        dor__slab_publish(&g->item);
        uv_mutex_unlock(&g->lock);
    }
    uv_mutex_unlock(&runtime->processes.lock);
    if (dor__failed(result) && item) dor__slab_give(&runtime->processes, &g->item, slot);
    if (dor__ok(result) && dor__traced(runtime, DOR_TRACE_SPAWN)) dor__trace_spawn(runtime, *pid);
    return result;
}

void dor__list_free(dor_message *m)
{
    while (m) {
        dor_message *next = (dor_message *)m->next_;
        m->next_ = NULL;
        dor__message_free(m);
        m = next;
    }
}

/* The end of a guest, whoever brings it about: its speaker, or the end of the runtime. */
static void end(dor_runtime *runtime, dor_guest *g, int reason)
{
    uv_mutex_lock(&g->lock);
    dor__slab_kill(&g->item);                 /* under the lock: no message comes in afterwards */
    if (g->exit_due) reason = g->exit_reason; /* whatever it ends by, the signal came first */
    dor_linker self = dor__guest_linker(g);
    dor_message *watchers = g->watchers, *over = dor__links_end(&self, reason);
    dor__list_join(&g->kept, &g->incoming);
    dor__list_join(&g->exits, &g->incoming_exits);
    dor__list_join(&g->unseen_notes, &g->incoming_notes);
    g->watchers = NULL;
    g->port = NULL;
    dor_send_waiter *waiters = dor__waiters_close(&g->waiters, dor__error(DOR_E_NOPROC));
    if (g->awaited) uv_cond_broadcast(&g->changed);
    uv_mutex_unlock(&g->lock);
    dor__waiters_tell(waiters);
    if (dor__traced(runtime, DOR_TRACE_EXIT)) dor__trace_exit(runtime, g->pid, reason);

    dor_message *lists[] = {g->kept.first, g->exits.first, g->unseen_notes.first, g->seen_notes.first};
    g->kept = g->exits = g->unseen_notes = g->seen_notes = (dor_message_list){NULL, NULL};
    dor_watcher watcher = dor__guest_watcher(runtime, g);
    while (dor__unwatch_one(&watcher))
        continue;
    dor__watchers_tell(watchers, g->pid, reason);
    dor__guest_tell_ends(g, over);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        dor__list_free(lists[i]);
}

void dor__guest_end(dor_runtime *runtime, dor_guest *g, int reason)
{
    uint32_t slot = g->slot;
    end(runtime, g, reason);
    dor__slab_give(&runtime->processes, &g->item, slot);
}

static dor_guest *live_slot(dor_runtime *runtime, uint32_t slot)
{
    dor_guest *g = (dor_guest *)dor__slab_at(&runtime->processes, slot);
    /* acquire: see dor__slab_publish. */
    uint32_t tag = atomic_load_explicit(&g->item.tag, memory_order_acquire);
    return (tag & 3) == DOR_SLAB_LIVE ? g : NULL;
}

void dor__guests_stop(dor_runtime *runtime)
{
    dor__slab_close(&runtime->processes);
    uint32_t used = dor__slab_used(&runtime->processes);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_guest *g = live_slot(runtime, slot);
        if (!g) continue;
        uv_mutex_lock(&g->lock);
        g->stopped = true;
        dor__guest_arrived(g);
        if (g->port) dor__port_record_orphan(g->port, g->pid, DOR_E_STOPPED);
        uv_mutex_unlock(&g->lock);
    }
}

void dor__guests_fini(dor_runtime *runtime)
{
    uint32_t used = dor__slab_used(&runtime->processes);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_guest *g = (dor_guest *)dor__slab_at(&runtime->processes, slot);
        if (live_slot(runtime, slot)) end(runtime, g, DOR_E_STOPPED);
        if (!g->made) continue;
        uv_mutex_destroy(&g->lock);
        uv_cond_destroy(&g->changed);
    }
    dor__slab_fini(&runtime->processes);
    dor__slab_fini(&runtime->process_monitors);
}

dor_guest *dor__guest_find(dor_runtime *runtime, dor_pid pid)
{
    return (dor_guest *)dor__slab_find(&runtime->processes, pid);
}

/* ---- for other threads ---- */

dor_guest *dor__guest_lock(dor_runtime *runtime, dor_pid pid)
{
    dor_guest *g = dor__guest_find(runtime, pid);
    if (!g) return NULL;
    uv_mutex_lock(&g->lock);
    if (dor__guest_find(runtime, pid)) return g;
    uv_mutex_unlock(&g->lock);
    return NULL;
}

void dor__guest_arrived(dor_guest *g)
{
    g->news = true;
    if (g->port && !g->readable) {
        g->readable = true;
        dor__wake_fd_set(&g->port->wake);
    }
    if (g->awaited) /* some of them may have waited for somebody who was in this slot before */
        uv_cond_broadcast(&g->changed);
    else if (g->waiting)
        uv_cond_signal(&g->changed);
    g->waiting = false; /* one signal will do */
}

void dor__guest_exit(dor_guest *g, int reason)
{
    if (g->exit_due) return;
    g->exit_due = true;
    g->exit_reason = reason;
    dor__guest_arrived(g);
}

dor_result dor__guest_send(dor_runtime *runtime, dor_pid to, dor_message *m, dor_send_waiter *w)
{
    dor_message_list dropped = {NULL, NULL};
    int code = DOR_OK;
    dor_guest *g = dor__guest_lock(runtime, to);
    if (!g) return dor__error(DOR_E_NOPROC);
    if (m->type == DOR_MSG_EVENTS_READY)
        dor__list_append(&g->incoming_notes, m);
    else
        code = dor__guest_admit(g, m, w, &dropped);
    if (code != DOR_E_MAILBOX_FULL && dropped.first != m) dor__guest_arrived(g);
    uv_mutex_unlock(&g->lock);
    dor__list_free(dropped.first);
    return dor__error(code);
}

void dor__guest_demonitor(dor_runtime *runtime, dor_pid pid, dor_message *node)
{
    dor_guest *g = dor__guest_lock(runtime, pid);
    if (!g) return;
    dor__watchers_remove(&g->watchers, node);
    uv_mutex_unlock(&g->lock);
    dor__message_free(node);
}

/* ---- monitors of the guest ---- */

dor_watcher dor__guest_watcher(dor_runtime *runtime, dor_guest *g)
{
    uint32_t home = dor__name_home(DOR_KIND_PROCESS_MONITOR, runtime->index, 0);
    return (dor_watcher){g->pid, &g->watching, &runtime->process_monitors, home};
}

dor_result dor__guest_watch(dor_pid watched, dor_ref *ref)
{
    dor_runtime *runtime;
    dor_guest *g;
    DOR_TRY(dor__guest_enter_self(&runtime, &g));
    dor_watcher watcher = dor__guest_watcher(runtime, g);
    dor_result result = dor__watch(&watcher, watched, ref);
    dor__runtime_leave(runtime);
    return result;
}

dor_result dor__guest_unwatch(dor_ref ref)
{
    dor_runtime *runtime;
    dor_guest *g;
    DOR_TRY(dor__guest_enter_self(&runtime, &g));
    dor_watcher watcher = dor__guest_watcher(runtime, g);
    dor_result result = dor__unwatch(&watcher, ref);
    dor__runtime_leave(runtime);
    return result;
}
