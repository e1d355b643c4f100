/*
 * signals.h - the urgent lane: LINK, UNLINK and exit signals on their way, and what they do to an actor.
 *
 * What goes from one to another on this lane keeps its order, and overtakes what waits in mailboxes. To other schedulers it
 * travels by an inbox of its own (dor_scheduler.urgent); within a scheduler by a plain queue, for the end of one may be the
 * end of a hundred thousand others that it is linked to, which must neither recurse nor take a turn for itself. Whoever
 * sends a signal to an actor of its own scheduler finds it acted upon before that actor runs again, unless more signals
 * wait than a turn has time for.
 *
 * Threads: as written.
 */
#ifndef DOR_RUNTIME_SIGNALS_H
#define DOR_RUNTIME_SIGNALS_H

#include "runtime/private.h"

/** Sends it on the urgent lane, from any thread. Takes m; a LINK to the dead is answered. */
void dor__signal_send(dor_pid to, dor_message *m);

/** The scheduler's thread: acts on a message of the lane. Takes it. */
void dor__signal_deliver(dor_scheduler *s, dor_message *m);

/** The scheduler's thread: acts on what is queued for actors of its own, as long as the turn lasts. False: some is left. */
bool dor__signals_run(dor_scheduler *s);

/** The end of a: those it is linked to are going to be told. */
void dor__actor_links_end(dor_actor *a, int reason);

/** a gets an EXIT_SIGNAL or EXIT_LINKED out of its mailbox. */
void dor__signal_receive(dor_actor *a, dor_message *m);

dor_linker dor__actor_linker(dor_actor *a);

#endif
