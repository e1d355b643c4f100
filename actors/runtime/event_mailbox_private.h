/*
 * event_mailbox_private.h - event mailboxes from the owner's side: notes, and how events are taken.
 *
 * A note (DOR_MSG_EVENTS_READY) is the owner's right and duty to look into a mailbox. As long as a mailbox with a living
 * owner holds events, one valid note of it exists: on its way to the owner, or kept by it. A note carries the mailbox's
 * epoch, which attach and discard advance; a note of an earlier epoch is worthless and is thrown away where it is met.
 * When there is no memory for a note, the mailbox's scheduler tries again a little later.
 */
#ifndef DOR_RUNTIME_EVENT_MAILBOX_PRIVATE_H
#define DOR_RUNTIME_EVENT_MAILBOX_PRIVATE_H

#include "runtime/event_mailbox.h"
#include "runtime/lock.h"
#include "runtime/private.h"

/* dor_event_mailbox.flags */
enum {
    DOR_MAILBOX_NOTED = 1,         /* the owner has a valid note */
    DOR_MAILBOX_RETIRED = 2,       /* the producer is gone; the entry lives on for the events that wait */
    DOR_MAILBOX_WRITABLE_OWED = 4, /* a send was refused since the queue was last low */
    DOR_MAILBOX_PEEKED = 8,        /* the owning process has found nothing it wants: wake it for more */
    DOR_MAILBOX_PEEKING = 16,      /* it looks at an event without the lock: nothing may be freed */
    DOR_MAILBOX_DISCARDED = 32     /* meanwhile everything was discarded: who peeks frees it */
};

/* Under the lock, but for item, home and slot. Events hang on next_; an event's to_ holds what it counts for. */
struct dor_event_mailbox {
    dor_slab_item item;
    dor_pid owner;
    dor_pid producer;
    dor_scheduler *home;
    dor_message *first;
    dor_message *last;
    dor_message *kept_note; /* the valid note, once the owning process keeps it */
    size_t bytes;
    size_t send_queued;
    /* What has been said to the producer: the youngest, whose next_ is the oldest. Written under the lock. */
    _Atomic(dor_message *) said;
    dor_message *low_message; /* EVENTS_LOW for the producer, made when it asked; its payload is the mark */
    uint32_t send_high;       /* 0: nothing can be sent */
    uint32_t slot;
    uint32_t epoch;
    dor_lock lock;
    uint8_t flags;
};

_Static_assert(sizeof(dor_event_mailbox) <= 104, "one per connection");

/* Payload of DOR_MSG_EVENTS_READY. What follows the epoch is for a process, which keeps notes; an actor's has it not. */
typedef struct dor_note {
    dor_mailbox_handle handle;
    uint32_t epoch;
    uint32_t is_seen;      /* 1: in the list of those where the present call has found nothing */
    uint64_t scan;         /* the receive call that `seen` belongs to */
    dor_message *seen;     /* the last event that call has looked at */
    dor_message *previous; /* in the process's list of notes; next_ is the other way */
} dor_note;

typedef enum dor_take {
    DOR_TAKE_GONE = 0, /* the note is worth nothing any more, or nothing was there: no event */
    DOR_TAKE_MORE = 1, /* an event; the note stays good, for there are more */
    DOR_TAKE_LAST = 2, /* an event, the last one; the note has done its work */
    DOR_TAKE_NONE = 3  /* no event that is wanted now; the note stays good */
} dor_take;

/** The oldest event, if `owner` still owns the mailbox of this note. */
dor_take dor__event_mailbox_take(const dor_message *note, dor_pid owner, dor_message **event);

/**
 * The oldest event that match accepts. match runs without the lock. Events that this `scan` has looked at before are
 * not shown again. With NONE the owner gets another note when the next event comes.
 */
dor_take dor__event_mailbox_take_match(dor_message *note, dor_pid owner, uint64_t scan, dor_match_fn match,
                                       void *arg, dor_message **event);

/**
 * A process has received a note. True: it is the valid one, to be kept. False: throw it away (dor__note_free); then *kept
 * is the valid one, if the process has it already and should look again, else NULL.
 */
bool dor__note_keep(dor_message *note, dor_pid owner, dor_message **kept);

/** Frees a note that has done its work or is worth nothing. dor__message_free is for one that is not done. */
void dor__note_free(dor_message *note);

/** Tells the owners that could not be told for want of memory. */
void dor__event_mailboxes_notify(dor_timer *timer);

/** Frees all events of all mailboxes of s: nobody runs any more. */
void dor__event_mailboxes_discard(dor_scheduler *s);

static inline dor_note *dor__note_of(const dor_message *note)
{
    return (dor_note *)(uintptr_t)(note + 1);
}

#endif
