/*
 * links.h - who is tied to whom.
 *
 * A link has two halves, one with each of the two. A half is a dor_message of its own, made when the link is, and is on its
 * way or in a list, never both:
 *
 *     LINK           on its way to the other, whose half it becomes
 *     half           in its owner's list and table; to_ is the other, next_ and `previous` are the list's
 *     LINK_OVER      its owner has ended: waits its turn to be told (links.c)
 *     EXIT_LINKED    on its way to the other, or in the other's mailbox: the owner has ended. Counts for nothing when the
 *                    other has no half any more
 *     UNLINK         on its way to the other: whose half is to go
 *
 * So nothing but making a link needs memory. All of them travel the urgent lane (signals.c), which keeps their order.
 *
 * Both sides may link and unlink at the same time. So each call of dor_link has a number, a half remembers the calls that it
 * stands for (`mine` of its owner, `theirs` of the other, 0: none), UNLINK carries both numbers of the half that it was, and
 * clears in the other half those that are the same. A half with no number left goes. However the messages cross, either
 * both halves are there in the end or none.
 *
 * Threads: the halves of actors belong to their scheduler, those of a process or port lie under its lock.
 */
#ifndef DOR_RUNTIME_LINKS_H
#define DOR_RUNTIME_LINKS_H

#include "base/result.h"
#include "runtime/link_table.h"

/** The payload of all of the above. It begins as a dor_exit_notice does. */
typedef struct dor_link_half {
    dor_pid self; /* whose half it is; on its way: who sent it */
    union {
        int reason; /* LINK_OVER, EXIT_LINKED */
        uint32_t mine;
    };
    uint32_t theirs;
    dor_message *previous; /* in the owner's list */
    dor_message *chain;    /* in the table's bucket; in LINK_OVER: the next half to be told of the end */
} dor_link_half;

_Static_assert(offsetof(dor_link_half, self) == offsetof(dor_exit_notice, pid) &&
                   offsetof(dor_link_half, reason) == offsetof(dor_exit_notice, reason),
               "an EXIT_LINKED becomes a DOR_MSG_EXIT as it is");
_Static_assert(sizeof(dor_message) + sizeof(dor_link_half) <= 64 || sizeof(void *) != 8,
               "a half fits the pool's smallest blocks");

static inline dor_link_half *dor__half_of(const dor_message *m)
{
    return (dor_link_half *)(uintptr_t)(m + 1);
}

/** One who has links: an actor or a guest, and where its halves are. */
typedef struct dor_linker {
    dor_pid pid;
    dor_message **list;
    dor_link_table *table;
    uint32_t *last_number;
} dor_linker;

/** Two messages for dor__link_begin. */
DOR_MUST_USE dor_result dor__link_halves_new(dor_message *halves[2]);
void dor__link_halves_free(dor_message *halves[2]);

/**
 * Ties w to `other`: takes both messages, one as w's half; the other one is to be sent to `other` as it is. NULL, and both
 * are left to the caller, when there is a half already.
 */
dor_message *dor__link_begin(const dor_linker *w, dor_pid other, dor_message *halves[2]);

/** w unlinks: what is to be sent to `other`, NULL when there is no link. */
dor_message *dor__link_undo(const dor_linker *w, dor_pid other);

/** A LINK or UNLINK has come to w. Takes it; what is returned is to be freed. Two messages at most, linked by next_. */
dor_message *dor__link_arrived(const dor_linker *w, dor_message *m);

/** Whether w has a half towards other. */
bool dor__link_exists(const dor_linker *w, dor_pid other);

/** w knows of the other's end: its half, which is to be freed, or NULL. */
dor_message *dor__link_forget(const dor_linker *w, dor_pid other);

/** w has ended: its first half as a LINK_OVER, NULL when it has no links. dor__link_next gives the others. */
dor_message *dor__links_end(const dor_linker *w, int reason);

/** Makes a LINK_OVER an EXIT_LINKED, ready to be sent to to_, and gives the next LINK_OVER or NULL. */
dor_message *dor__link_next(dor_link_table *table, dor_message *over);

/** Nobody is there to get a LINK: it becomes an EXIT_LINKED that says so, to be sent to to_. */
void dor__link_refused(dor_message *link);

#endif
