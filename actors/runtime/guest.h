/*
 * guest.h - guests of a runtime: those with a mailbox who are not actors. Processes (process.c: a thread that may block)
 * and ports (port.c: somebody else's event loop). Both have pids of kind DOR_KIND_PROCESS and lie in one slab, so that
 * sending to them, monitoring them and giving them sockets is the same.
 *
 * `lock` guards what other threads touch: the queue of incoming messages and the watchers. What has been received and not
 * been asked for yet ("kept"), the notes of event mailboxes and the monitors belong to the speaker: the thread of a
 * process, or the one thread that has a port at the moment.
 *
 * Notes are kept in two lists: those that the present receive has yet to look into, and those where it found nothing.
 */
#ifndef DOR_RUNTIME_GUEST_H
#define DOR_RUNTIME_GUEST_H

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
    dor_message_list incoming;
    dor_message *watchers;
    bool waiting; /* a process sleeps until something comes */
    bool stopped;
    /* the speaker's */
    dor_pid pid;
    dor_message_list kept;
    dor_message *scanned; /* the last kept message that the present receive has looked at */
    dor_message_list unseen_notes;
    dor_message_list seen_notes;
    uint64_t scan; /* numbers the receive calls */
    uint32_t watching;
    uint32_t slot;
    bool events_next; /* takes turns between messages and events */
};

/* ---- guest.c ---- */

/** A new guest; the runtime is entered. */
DOR_MUST_USE dor_result dor__guest_begin(dor_runtime *runtime, dor_pid *pid);

/** The speaker ends it: watchers are told, its slot is free again. */
void dor__guest_end(dor_runtime *runtime, dor_guest *g, int reason);

/** The live guest of a pid, for its speaker; else NULL. */
dor_guest *dor__guest_find(dor_runtime *runtime, dor_pid pid);

/** The guest of a pid, locked, or NULL; the runtime is entered. */
dor_guest *dor__guest_lock(dor_runtime *runtime, dor_pid pid);

dor_watcher dor__guest_watcher(dor_runtime *runtime, dor_guest *g);

/* ---- guest_receive.c: for the speaker ---- */

typedef struct dor_receiving {
    dor_runtime *runtime;
    dor_guest *guest;
    dor_match_fn match; /* NULL: anything */
    void *arg;
} dor_receiving;

/** A new receive looks at everything again. */
void dor__guest_start_scan(dor_guest *g);

/** What others have sent becomes the guest's own. False when there was nothing. */
bool dor__guest_take_incoming(dor_guest *g);

/** The first message or event, of those that this receive has not looked at, that is wanted; or NULL. */
dor_message *dor__guest_search(const dor_receiving *r);

static inline void dor__list_append(dor_message_list *list, dor_message *m)
{
    m->next_ = NULL;
    if (list->first)
        list->last->next_ = m;
    else
        list->first = m;
    list->last = m;
}

#endif
