/*
 * signals.h - the urgent lane: links, monitors and exit signals on their way, and what they do to an actor.
 *
 * What goes from one to another on this lane keeps its order, and overtakes what waits in mailboxes. To other schedulers it
 * travels by an inbox of its own (dor_scheduler.urgent, intake.h).
 *
 * Within a scheduler there are two plain queues. `signals` has those that a callback has sent to actors beside it: they are
 * acted on before the next actor runs. `ends` has the links and the watchers of those that have ended (LINK_OVER,
 * DOWN_OVER), which have to be told one by one. There may be any number: one is linked to a hundred thousand, or to another
 * whose end is that of a third and so on. So of these a few are told before each actor's run, nothing recurses, and no turn
 * takes longer for it.
 *
 * Threads: as written.
 */
#ifndef DOR_RUNTIME_SIGNALS_H
#define DOR_RUNTIME_SIGNALS_H

#include "runtime/private.h"

/** Sends it on the urgent lane, from any thread. Takes m; a LINK or MONITOR to the dead is answered. */
void dor__signal_send(dor_pid to, dor_message *m);

/** The scheduler's thread: acts on a message of the lane. Takes it. */
void dor__signal_deliver(dor_scheduler *s, dor_message *m);

/**
 * The scheduler's thread: acts on the signals within it. Before anything that others have sent: an actor that has linked to
 * one beside it and then tells another thread of it has the link before that thread's signal ends the one.
 */
void dor__signals_act(dor_scheduler *s);

/** The scheduler's thread: acts on the signals within it, and tells of some ends. */
void dor__signals_run(dor_scheduler *s);

static inline bool dor__signals_wait(const dor_scheduler *s)
{
    return s->signals_first || s->ends_first;
}

/** The end of a: its links, for dor__ends_tell, or NULL. Needs no memory. */
dor_message *dor__actor_links_end(dor_actor *a);

/** Tells those who have to know of an end, little by little; `over` is a LINK_OVER or a DOWN_OVER. Needs no memory. */
void dor__ends_tell(dor_scheduler *s, dor_message *over);

/** a gets an EXIT_SIGNAL or EXIT_LINKED out of its mailbox. */
void dor__signal_receive(dor_actor *a, dor_message *m);

dor_linker dor__actor_linker(dor_actor *a);

/** What an EXIT_SIGNAL or EXIT_LINKED says. */
static inline const dor_exit_notice *dor__notice_of(const dor_message *m)
{
    return (const dor_exit_notice *)(const void *)(m + 1);
}

#endif
