/*
 * session_keeper.h - a server's memory of sessions: by id (bounded in number and bytes, least recently used goes first,
 * lifetime), and the keys of its tickets.
 *
 * Shared by all connections of a listener, and by several listeners where they are told so, on several threads: one
 * lock, held for a look-up or an exchange of pointers.
 *
 * Two counts: a keeper is of use as long as somebody holds a reference, and is emptied with the last one; its shell stays
 * for as long as a scheduler's sweep knows of it.
 */
#ifndef DOR_SSL_SESSION_KEEPER_H
#define DOR_SSL_SESSION_KEEPER_H

#include "tls/config.h"
#include <dormouse/session.h>

typedef struct dor_session_keeper dor_session_keeper;

typedef struct dor_session_keeper_spec {
    size_t max_sessions;
    size_t max_bytes;
    int64_t key_period_ms, key_overlap_ms;
    dor_span ticket_keys; /* given ones, good; empty: made here */
} dor_session_keeper_spec;

/** 20000 sessions, 64 MiB, a key a day that opens for another day. */
extern const dor_session_keeper_spec dor__session_keeper_defaults;

DOR_MUST_USE dor_result dor__session_keeper_new(dor_session_keeper **keeper,
                                                const dor_session_keeper_spec *spec);
dor_session_keeper *dor__session_keeper_ref(dor_session_keeper *keeper);
void dor__session_keeper_unref(dor_session_keeper *keeper);

/** For dor_tls_config.store, with the keeper as store_ctx. */
extern const dor_tls_store_ops dor__session_keeper_ops;

void dor__session_keeper_statistics(dor_session_keeper *keeper, dor_session_statistics *statistics);

/**
 * Early data will come with sealed tickets: from the next one that is sealed on, binders are remembered, so many within the time
 * in which a copy could come (replay_window.h). Of what several listeners ask for before that, the most. With ticket keys that were
 * given, now or later, none is taken: others may have them too, and do not know of our memory; unless it is said that nobody has.
 */
void dor__session_keeper_remember_early(dor_session_keeper *keeper, uint32_t hellos, bool keys_are_ours);

/** True when its ticket keys came from outside. */
bool dor__session_keeper_keys_given(dor_session_keeper *keeper);

/** Other keys in the place of those there are. `given` is good (ticket_keys.h). */
void dor__session_keeper_set_ticket_keys(dor_session_keeper *keeper, dor_span given);

/* ---- for session_sweep.c ---------------------------------------------------------------------------------------------- */

typedef enum dor_sweep_state {
    DOR_SWEEP_MORE,  /* the round is not over */
    DOR_SWEEP_ROUND, /* it is, and something is left for later ones */
    DOR_SWEEP_NOTHING
} dor_sweep_state;

/**
 * Looks at the next few buckets and drops what has expired. NOTHING: the sweep has let go of the keeper, and a store starts
 * another when there is something again.
 */
dor_sweep_state dor__session_keeper_sweep(dor_session_keeper *keeper, int64_t now_ms);

/** For the sweep, until it ends in one of the two ways. */
void dor__session_keeper_hold(dor_session_keeper *keeper);

/** The sweep ends before the keeper is empty, and lets go of it. */
void dor__session_keeper_unsweep(dor_session_keeper *keeper);

/** Has the calling thread's scheduler sweep the keeper from now on; false when there is none, or no memory. */
bool dor__session_sweep_start(dor_session_keeper *keeper);

#endif
