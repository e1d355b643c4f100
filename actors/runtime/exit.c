/*
 * exit.c - the calls behind dormouse/actor.h that make and undo links, send exit signals, and spawn what is tied to the
 * caller from the start. There whatever may fail is done before the spawn, which cannot be taken back: the new actor's state
 * would not be ours to release.
 *
 * Threads: any. They act for the caller: the actor whose callback runs here, or the guest that the thread speaks for.
 */
#include "runtime/signals.h"

/* ---- who calls ---- */

/* The actor whose callback runs on this scheduler's thread. */
static dor_result calling_actor(dor_actor **a)
{
    *a = dor__current->current;
    if (!*a) return dor__error(DOR_E_NO_PROCESS);
    if ((*a)->state == DOR_ACTOR_DEAD) return dor__error(DOR_E_NOPROC); /* in its stop function */
    return DOR_SUCCESS;
}

/* ---- exit signals ---- */

static dor_message *new_signal(dor_pid from, int reason)
{
    dor_message *m = dor__message_new(DOR_MSG_EXIT_SIGNAL, sizeof(dor_exit_notice), NULL);
    if (m) *(dor_exit_notice *)dor_message_payload(m) = (dor_exit_notice){.pid = from, .reason = reason};
    return m;
}

/* A signal to oneself is acted on before the call returns. Unlike another's, DOR_OK ends, too. */
static dor_result exit_caller(dor_actor *a, int reason)
{
    if (a->state == DOR_ACTOR_DEAD) return DOR_SUCCESS;
    if (reason == DOR_KILL || !(a->flags_ & DOR_ACTOR_TRAPS)) {
        dor__actor_leave(a, reason);
        return DOR_SUCCESS;
    }
    dor_message *m = new_signal(a->pid, reason);
    if (!m) return dor__error(DOR_E_NOMEM);
    m->to_ = a->pid;
    dor__mailbox_push_urgent(a->scheduler, a, m);
    return DOR_SUCCESS;
}

dor_result dor__exit(dor_pid pid, int reason)
{
    dor_pid self = dor__self();
    if (dor__current && pid != DOR_PID_NONE && pid == self) return exit_caller(dor__current->current, reason);
    dor_message *m = new_signal(self, reason);
    if (!m) return dor__error(DOR_E_NOMEM);
    dor__signal_send(pid, m);
    return DOR_SUCCESS;
}

dor_result dor__exit_self(int reason)
{
    dor_actor *a;
    if (!dor__current) return dor__error(DOR_E_NO_PROCESS);
    DOR_TRY(calling_actor(&a));
    dor__actor_leave(a, reason);
    return DOR_SUCCESS;
}

dor_result dor__actor_trap_exit(dor_actor *a, bool trap)
{
    DOR_ASSERT_OWNER(a->scheduler);
    if (trap && !dor__actor_extra(a)) return dor__error(DOR_E_NOMEM);
    if (trap)
        a->flags_ |= DOR_ACTOR_TRAPS;
    else
        a->flags_ &= (uint8_t)~DOR_ACTOR_TRAPS;
    return DOR_SUCCESS;
}

dor_result dor__trap_exit(bool trap)
{
    dor_actor *a;
    if (!dor__current) return dor__guest_trap_exit(trap);
    DOR_TRY(calling_actor(&a));
    return dor__actor_trap_exit(a, trap);
}

/* ---- links ---- */

static void link_halves(dor_actor *a, dor_pid pid, dor_message *halves[2])
{
    dor_linker self = dor__actor_linker(a);
    dor_message *m = dor__link_begin(&self, pid, halves);
    if (m)
        dor__signal_send(pid, m);
    else
        dor__link_halves_free(halves);
}

dor_result dor__actor_link(dor_actor *a, dor_pid pid)
{
    dor_message *halves[2];
    dor_linker self = dor__actor_linker(a);
    DOR_ASSERT_OWNER(a->scheduler);
    if (a->state == DOR_ACTOR_DEAD) return dor__error(DOR_E_NOPROC);
    if (pid == a->pid || dor__link_exists(&self, pid)) return DOR_SUCCESS;
    DOR_TRY(dor__link_halves_new(halves));
    link_halves(a, pid, halves);
    return DOR_SUCCESS;
}

void dor__actor_unlink(dor_actor *a, dor_pid pid)
{
    dor_linker self = dor__actor_linker(a);
    DOR_ASSERT_OWNER(a->scheduler);
    if (a->state == DOR_ACTOR_DEAD) return; /* it has told them all, or is about to */
    dor_message *m = dor__link_undo(&self, pid);
    if (m) dor__signal_send(pid, m);
}

dor_result dor__link(dor_pid pid)
{
    dor_actor *a;
    if (!dor__current) return dor__guest_link(pid);
    DOR_TRY(calling_actor(&a));
    return dor__actor_link(a, pid);
}

dor_result dor__unlink(dor_pid pid)
{
    dor_actor *a;
    if (!dor__current) return dor__guest_unlink(pid);
    DOR_TRY(calling_actor(&a));
    dor__actor_unlink(a, pid);
    return DOR_SUCCESS;
}

/* ---- spawning ---- */

dor_result dor__spawn_link(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid)
{
    dor_actor *a;
    dor_message *halves[2];
    if (!dor__current) return dor__guest_spawn_link(runtime, spec, pid);
    DOR_TRY(calling_actor(&a));
    DOR_TRY(dor__link_halves_new(halves));
    dor_result result = dor__spawn(runtime, spec, pid);
    /* Nobody knows the new one yet, so nothing can reach it before the LINK does. */
    if (dor__ok(result))
        link_halves(a, *pid, halves);
    else
        dor__link_halves_free(halves);
    return result;
}

dor_result dor__watch_spawned(const dor_watcher *w, dor_runtime *runtime, const dor_actor_spec *spec,
                              dor_pid *pid, dor_ref *ref)
{
    dor_monitor_entry *entry;
    DOR_TRY(dor__watch_make(w, DOR_PID_NONE, ref, &entry));
    dor_result result = dor__spawn(runtime, spec, pid);
    if (dor__failed(result)) {
        dor__watch_unmake(w, entry, dor__slot_of(*ref));
        return result;
    }
    entry->watched = entry->node->to_ = *pid;
    dor__watch_send(entry);
    return result;
}

dor_result dor__spawn_monitor(dor_runtime *runtime, const dor_actor_spec *spec, dor_pid *pid, dor_ref *ref)
{
    dor_actor *a;
    if (!dor__current) return dor__guest_spawn_monitor(runtime, spec, pid, ref);
    DOR_TRY(calling_actor(&a));
    dor_watcher self = dor__actor_watcher(a);
    return dor__watch_spawned(&self, runtime, spec, pid, ref);
}
