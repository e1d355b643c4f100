/*
 * gate.h - the mailbox of an actor that has limits.
 *
 * Such an actor's messages wait at its gate, under a lock of one byte, and not in the plain queue that other actors have:
 * senders on every thread see at once how full it is, may put in and throw out under the same lock, and nothing is under
 * way that is not counted. So the limits are exact, also when many send at once. Actors without limits have no gate; all
 * they pay is one look at a flag.
 *
 * A gate is an item of its scheduler's slab, so a sender with a stale pid finds a valid lock, and, under it, that the gate
 * is somebody else's. The scheduler hears of the first message by a note, which lies in the gate itself: there is at most
 * one of it, it needs no memory, and since a gate does not go away it may come late, when another actor has the gate.
 *
 * Two queues keep the counted messages and the library's own apart, so that the oldest counted one can be thrown out
 * without a search. The order between them is kept by a stamp: while a counted message waits, its to_ holds how many of
 * the library's own came before it.
 *
 * What the scheduler itself deals with (MONITOR, LINK, exit signals, ...) takes the same way, in a third queue, which is
 * emptied before a message is taken: whoever sends a signal first and a message then finds the signal acted upon first.
 *
 * Threads: the gate's fields are under its lock; functions say who may call them.
 */
#ifndef DOR_RUNTIME_GATE_H
#define DOR_RUNTIME_GATE_H

#include "runtime/limits.h"
#include "runtime/lock.h"

typedef struct dor_gate_queue {
    dor_message *first;
    dor_message *last;
} dor_gate_queue;

struct dor_gate {
    dor_slab_item item;
    dor_scheduler *scheduler; /* set before the gate is anybody's */
    uint32_t slot;
    dor_lock lock;
    bool noted;    /* the scheduler knows that something waits, or is being told */
    bool on_way;   /* the note is in one of the scheduler's inboxes */
    bool overrun;  /* DOR_MAILBOX_KILL: the actor is to end */
    dor_pid owner; /* DOR_PID_NONE: nobody's */
    dor_gauge gauge;
    dor_gate_queue counted;
    dor_gate_queue own;     /* the library's */
    dor_gate_queue signals; /* what is no message to the actor but about it */
    uint64_t own_put;       /* how many were ever put there */
    uint64_t own_taken;     /* and taken: the number of the first one */
    _Atomic uint32_t depth; /* all that wait; written under the lock, read by anybody */
    _Atomic uint32_t bytes; /* their payload */
    dor_message note;
    bool idle; /* the scheduler's thread alone: its last look found nothing, so it is going to be told */
};

_Static_assert(sizeof(struct dor_gate) <= 184 || sizeof(void *) != 8, "what docs/actors.md says of it");

/** A gate with these limits for an actor of s that is about to be made. Any thread. */
DOR_MUST_USE dor_result dor__gate_new(dor_scheduler *s, const dor_mailbox_limits *limits, dor_gate **gate);

/** Gives back a gate that no actor has had. */
void dor__gate_free(dor_gate *gate);

/** It is the gate of the actor with this pid from here on. */
void dor__gate_open(dor_gate *gate, dor_pid owner);

/** What its scheduler deals with, likewise, by dor__scheduler_deliver. False, and m not taken: the actor has ended. */
bool dor__gate_signal(dor_gate *gate, dor_pid to, dor_message *m);

/** The waiter gives up: true when it has its message back. Any thread. */
bool dor__gate_withdraw(dor_gate *gate, dor_send_waiter *w);

/* ---- on the scheduler's thread ---- */

/** The oldest message, which so leaves the mailbox; NULL when there is none, or signals are to be dealt with first. */
dor_message *dor__gate_take(dor_gate *gate);

/** Deals with the signals. False when there were none. */
bool dor__gate_act(dor_scheduler *s, dor_gate *gate);

/** Whether anything waits, signals included. */
bool dor__gate_pending(dor_gate *gate);

/** The oldest message if it is the library's own: it stays, and will be the next one to be taken. */
dor_message *dor__gate_peek_own(dor_gate *gate);

/** A note has come. */
void dor__gate_noted(dor_scheduler *s, dor_message *note);

/** The actor has ended: all that waits, and the signals, linked by next_, in order. The gate may be another's from here on. */
dor_message *dor__gate_close(dor_gate *gate, dor_message **signals);

#endif
