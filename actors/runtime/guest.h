/*
 * guest.h - guests of a runtime: those with a mailbox who are not actors. Processes (process.c: a thread that may block)
 * and ports (port.c: somebody else's event loop). Both have pids of kind DOR_KIND_PROCESS and lie in one slab, so that
 * sending to them, monitoring them and giving them sockets is the same.
 *
 * `lock` guards what other threads touch: the queues of what has come in, the count of what waits, the watchers and the
 * links. What has been taken from there and not been asked for yet ("kept"), the notes of event mailboxes and the monitors
 * belong to the speaker: the thread of a process, or the one thread that has a port at the moment.
 *
 * Notes are kept in two lists: those that the present receive has yet to look into, and those where it found nothing.
 *
 * Where the oldest messages may be dropped, what is kept goes back to the queue, as its first, before the speaker sleeps
 * or returns: then who sends finds the oldest there. What comes while the speaker looks is bounded by itself, and the
 * oldest of all are dropped when it is put together.
 */
#ifndef DOR_RUNTIME_GUEST_H
#define DOR_RUNTIME_GUEST_H

#include "runtime/limits.h"
#include "runtime/port_record.h"
#include "runtime/private.h"

typedef struct dor_message_list {
    dor_message *first;
    dor_message *last;
} dor_message_list;

struct dor_guest {
    dor_slab_item item;
    bool made; /* the lock and the condition; they live as long as the slot */
    uv_mutex_t lock;
    uv_cond_t changed;
    /* under the lock */
    uint32_t
        awaited; /* threads that wait to have a port that was in this slot; outlives the guest, as they may */
    dor_message_list incoming;
    dor_message_list incoming_notes;
    dor_message_list incoming_exits; /* of one that traps exits */
    dor_message *watchers;
    dor_message *links; /* see guest_links.c */
    dor_link_table link_table;
    uint32_t link_number;
    dor_mailbox_limits limits;
    dor_waiters waiters; /* processes that wait for room */
    uint32_t counted;    /* messages that wait, incoming or kept, and count against the limits */
    uint64_t counted_bytes;
    uint32_t held; /* one that drops its oldest: what the speaker looks at now, not in `counted` */
    uint64_t held_bytes;
    dor_port_record *port; /* a port's descriptor; NULL for a process */
    bool news;             /* something has come since the speaker last looked */
    bool waiting;          /* a process sleeps until something comes */
    bool readable;         /* a port's descriptor is */
    bool had;              /* a thread has the port */
    bool stopped;
    bool exit_due; /* it is to end, with this reason, when its speaker receives or waits next */
    int exit_reason;
    bool traps;
    dor_message *mark; /* `scanned`, while what was kept is with the incoming messages */
    /* the speaker's */
    dor_pid pid;
    dor_message_list kept;
    dor_message *scanned;   /* the last kept message that the present receive has looked at */
    dor_message_list exits; /* exit signals, kept: before all others */
    dor_message *scanned_exit;
    dor_message_list unseen_notes;
    dor_message_list seen_notes;
    uint64_t scan; /* numbers the receive calls */
    uint32_t watching;
    uint32_t slot;
    uint32_t taken; /* of what counts, since the count was last brought up to date */
    uint64_t taken_bytes;
    bool events_next; /* takes turns between messages and events */
};

/* ---- guest.c ---- */

/** A new guest; the runtime is entered. port NULL: a process. limits are good ones; all 0: none. */
DOR_MUST_USE dor_result dor__guest_begin(dor_runtime *runtime, const dor_mailbox_limits *limits,
                                         dor_port_record *port, dor_pid *pid);

/** The speaker ends it: watchers are told, its slot is free again. A port's descriptor stays the caller's. */
void dor__guest_end(dor_runtime *runtime, dor_guest *g, int reason);

/** The live guest of a pid, for its speaker; else NULL. */
dor_guest *dor__guest_find(dor_runtime *runtime, dor_pid pid);

/** The guest of a pid, locked, or NULL; the runtime is entered. */
dor_guest *dor__guest_lock(dor_runtime *runtime, dor_pid pid);

/** Something has come that the speaker should know of: it is woken, a port's descriptor becomes readable. Under the lock. */
void dor__guest_arrived(dor_guest *g);

/** It is to end; the first reason is the one that counts. Under the lock. */
void dor__guest_exit(dor_guest *g, int reason);

dor_watcher dor__guest_watcher(dor_runtime *runtime, dor_guest *g);

/* ---- guest_receive.c: for the speaker ---- */

typedef struct dor_receiving {
    dor_runtime *runtime;
    dor_guest *guest;
    dor_match_fn match; /* NULL: anything */
    void *arg;
    dor_ref answer_to; /* not 0: only what ends this request, whatever match says */
} dor_receiving;

/** A new receive looks at everything again. */
void dor__guest_start_scan(dor_guest *g);

/**
 * What others have sent becomes the guest's own, for the speaker to keep. Under the lock; returns notes, which are for
 * dor__guest_keep_notes without it.
 */
dor_message *dor__guest_take(dor_guest *g);
void dor__guest_keep_notes(dor_guest *g, dor_message *notes);

/** The first message or event, of those that this receive has not looked at, that is wanted; or NULL. */
dor_message *dor__guest_search(const dor_receiving *r);

/**
 * Before the speaker of a guest with limits sleeps or returns: brings the count up to date. Under the lock. What has to go,
 * for want of room, is appended to `dropped`, to be freed without it; those who have got room are returned, as by
 * dor__guest_serve.
 */
dor_send_waiter *dor__guest_put_back(dor_guest *g, dor_message_list *dropped);

/** True when the speaker has kept something, or may find some in event mailboxes. */
static inline bool dor__guest_keeps(const dor_guest *g)
{
    return g->kept.first || g->exits.first || g->unseen_notes.first || g->seen_notes.first;
}

/* ---- guest_links.c ---- */

/** An EXIT_SIGNAL or EXIT_LINKED that the speaker has kept: false when it has unlinked since. */
bool dor__guest_exit_pending(dor_guest *g, const dor_message *m);

/** It is being received: then the link is over. False as above. */
bool dor__guest_exit_received(dor_guest *g, const dor_message *m);

/** Of a guest that has ended: tells those it was linked to, starting with what dor__links_end gave. */
void dor__guest_tell_ends(dor_guest *g, dor_message *over);

dor_linker dor__guest_linker(dor_guest *g);

/* ---- guest_limits.c ---- */

/** Whether its mailbox has limits; from any thread that may touch it at all. */
static inline bool dor__guest_is_limited(const dor_guest *g)
{
    return dor__limits_any(&g->limits);
}

/**
 * Appends m to what is incoming, if there is room or room can be made; under the lock. DOR_OK; DOR_MESSAGE_DROPPED: a
 * message is in `dropped`, m or older ones; DOR_E_MAILBOX_FULL: m is still the caller's, or, where room can be waited for
 * and w is not NULL, w's.
 */
int dor__guest_admit(dor_guest *g, dor_message *m, dor_send_waiter *w, dor_message_list *dropped);

/** Lets those in who have waited for the room that there is now. Under the lock; for dor__waiters_tell without it. */
dor_send_waiter *dor__guest_serve(dor_guest *g);

/** A waiter gives up: true when it has its message back. Any thread. */
bool dor__guest_withdraw(dor_guest *g, dor_send_waiter *w);

/** Drops the oldest of what is incoming, but never the last, while there is more than may be. Under the lock. */
void dor__guest_trim(dor_guest *g, dor_message_list *dropped);

/* ---- process.c ---- */

/** Begins a receive or a call: takes what has come. EXITED: the process is over, and its guest not to be touched. */
DOR_MUST_USE dor_result dor__process_look(const dor_receiving *r);

/** The rest of it: searches, and sleeps until something comes. EXITED as above. */
DOR_MUST_USE dor_result dor__process_wait(const dor_receiving *r, dor_message **message, uint32_t timeout_ms);

/* ---- lists ---- */

static inline void dor__list_append(dor_message_list *list, dor_message *m)
{
    m->next_ = NULL;
    if (list->first)
        list->last->next_ = m;
    else
        list->first = m;
    list->last = m;
}

/** Puts all of `more` behind what is in `list`. */
static inline void dor__list_join(dor_message_list *list, dor_message_list *more)
{
    if (!more->first) return;
    if (list->first)
        list->last->next_ = more->first;
    else
        list->first = more->first;
    list->last = more->last;
    *more = (dor_message_list){NULL, NULL};
}

/** Takes m, which follows previous (NULL: is the first), out of the list. */
static inline void dor__list_remove(dor_message_list *list, dor_message *previous, dor_message *m)
{
    if (previous)
        previous->next_ = m->next_;
    else
        list->first = (dor_message *)m->next_;
    if (list->last == m) list->last = previous;
    m->next_ = NULL;
}

/** Frees a chain of messages. */
void dor__list_free(dor_message *first);

#endif
