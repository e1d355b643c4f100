/*
 * guest_links.c - exit signals and links of guests (guest.h).
 *
 * Threads: a guest's links lie under its lock, since whoever sends it a signal acts on it at once. What a signal does to
 * the guest, being a thread or another's event loop, is left to its speaker: to receive it, or to find that it has ended.
 */
#include "runtime/guest.h"
#include "runtime/signals.h"

dor_linker dor__guest_linker(dor_guest *g)
{
    return (dor_linker){g->pid, &g->links, &g->link_table, &g->link_number};
}

/* ---- what comes: under the lock; what is returned is to be freed without it ---- */

/* Its partners' ends by the end of the runtime end it no sooner than that does, which its speaker is told in other words. */
static bool ends(dor_runtime *runtime, const dor_guest *g, const dor_message *m)
{
    const dor_exit_notice *notice = dor__notice_of(m);
    bool by_the_stop = notice->reason == DOR_E_STOPPED || notice->reason == DOR_E_NOPROC;
    if (by_the_stop && dor__phase(runtime) != DOR_PHASE_RUNNING) return false;
    return notice->reason != DOR_OK || (m->type == DOR_MSG_EXIT_SIGNAL && notice->pid == g->pid);
}

static dor_message *exit_signal(dor_runtime *runtime, dor_guest *g, dor_message *m)
{
    const dor_exit_notice *notice = dor__notice_of(m);
    dor_linker self = dor__guest_linker(g);
    m->next_ = NULL;
    if (m->type == DOR_MSG_EXIT_LINKED && !dor__link_exists(&self, notice->pid)) return m;
    if (m->type == DOR_MSG_EXIT_SIGNAL && notice->reason == DOR_KILL) {
        dor__guest_exit(g, DOR_E_KILLED);
    } else if (g->traps) {
        dor__list_append(&g->incoming_exits, m);
        dor__guest_arrived(g);
        return NULL; /* its half of the link goes when it receives this */
    } else {
        if (m->type == DOR_MSG_EXIT_LINKED) m->next_ = dor__link_forget(&self, notice->pid);
        if (ends(runtime, g, m)) dor__guest_exit(g, notice->reason);
    }
    return m;
}

bool dor__guest_signal(dor_runtime *runtime, dor_pid to, dor_message *m)
{
    dor_message *done = NULL;
    dor_guest *g = dor__guest_lock(runtime, to);
    if (!g) return false;
    dor_linker self = dor__guest_linker(g);
    if (m->type == DOR_MSG_MONITOR)
        dor__watchers_add(&g->watchers, m);
    else if (m->type == DOR_MSG_LINK || m->type == DOR_MSG_UNLINK)
        done = dor__link_arrived(&self, m);
    else
        done = exit_signal(runtime, g, m);
    uv_mutex_unlock(&g->lock);
    dor__list_free(done);
    return true;
}

/* ---- what the speaker receives ---- */

bool dor__guest_exit_pending(dor_guest *g, const dor_message *m)
{
    if (m->type != DOR_MSG_EXIT_LINKED) return true;
    uv_mutex_lock(&g->lock);
    dor_linker self = dor__guest_linker(g);
    bool pending = dor__link_exists(&self, dor__notice_of(m)->pid);
    uv_mutex_unlock(&g->lock);
    return pending;
}

bool dor__guest_exit_received(dor_guest *g, const dor_message *m)
{
    if (m->type != DOR_MSG_EXIT_LINKED) return true;
    uv_mutex_lock(&g->lock);
    dor_linker self = dor__guest_linker(g);
    dor_message *half = dor__link_forget(&self, dor__notice_of(m)->pid);
    uv_mutex_unlock(&g->lock);
    dor__message_free(half);
    return half != NULL;
}

void dor__guest_tell_ends(dor_guest *g, dor_message *over)
{
    while (over) {
        dor_message *next = dor__link_next(&g->link_table, over);
        dor__signal_send(over->to_, over);
        over = next;
    }
}

/* ---- the speaker's calls ---- */

static void link_halves(dor_guest *g, dor_pid pid, dor_message *halves[2])
{
    uv_mutex_lock(&g->lock);
    dor_linker self = dor__guest_linker(g);
    dor_message *m = dor__link_begin(&self, pid, halves);
    uv_mutex_unlock(&g->lock);
    if (m)
        dor__signal_send(pid, m);
    else
        dor__link_halves_free(halves);
}

dor_result dor__guest_link(dor_pid pid)
{
    dor_runtime *runtime;
    dor_guest *g;
    dor_message *halves[2];
    DOR_TRY(dor__guest_enter_self(&runtime, &g));
    dor_result result = pid == g->pid ? DOR_SUCCESS : dor__link_halves_new(halves);
    if (dor__ok(result) && pid != g->pid) link_halves(g, pid, halves);
    dor__runtime_leave(runtime);
    return result;
}

dor_result dor__guest_unlink(dor_pid pid)
{
    dor_runtime *runtime;
    dor_guest *g;
    DOR_TRY(dor__guest_enter_self(&runtime, &g));
    uv_mutex_lock(&g->lock);
    dor_linker self = dor__guest_linker(g);
    dor_message *m = dor__link_undo(&self, pid);
    uv_mutex_unlock(&g->lock);
    if (m) dor__signal_send(pid, m);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}

dor_result dor__guest_trap_exit(bool trap)
{
    dor_runtime *runtime;
    dor_guest *g;
    DOR_TRY(dor__guest_enter_self(&runtime, &g));
    uv_mutex_lock(&g->lock);
    g->traps = trap;
    uv_mutex_unlock(&g->lock);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}

/* The guest's runtime is entered all the while, so that nothing can fail once the actor is there. */
dor_result dor__guest_spawn_link(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid)
{
    dor_runtime *own;
    dor_guest *g;
    dor_message *halves[2];
    DOR_TRY(dor__guest_enter_self(&own, &g));
    dor_result result = dor__link_halves_new(halves);
    if (dor__ok(result)) {
        result = dor__spawn(runtime, spec, pid);
        if (dor__ok(result))
            link_halves(g, *pid, halves);
        else
            dor__link_halves_free(halves);
    }
    dor__runtime_leave(own);
    return result;
}

dor_result dor__guest_spawn_monitor(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid,
                                    dor_ref *ref)
{
    dor_runtime *own;
    dor_guest *g;
    DOR_TRY(dor__guest_enter_self(&own, &g));
    dor_watcher self = dor__guest_watcher(own, g);
    dor_result result = dor__watch_spawned(&self, runtime, spec, pid, ref);
    dor__runtime_leave(own);
    return result;
}
