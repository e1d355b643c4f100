/*
 * ticket_keys.h - the keys that a server's tickets are sealed with (RFC 5077 section 5.5, RFC 8446 section 4.6.1): made
 * here and changed after a period, or given from outside.
 *
 * The first key seals, all of them open. Keys that are made here open for a while after another has taken their place,
 * and are wiped then; given ones stay until others are given, which is what several machines need that share them.
 *
 * Threads: any; one lock, held to copy a key. Tickets are sealed and opened outside of it.
 */
#ifndef DOR_SSL_TICKET_KEYS_H
#define DOR_SSL_TICKET_KEYS_H

#include "tls/session.h"

#include <pthread.h>

enum {
    DOR_TICKET_KEYS_MAX = 16,
    DOR_TICKET_KEY_GIVEN_LEN =
        DOR_TICKET_NAME_LEN + DOR_TICKET_KEY_LEN /* as it comes from outside: name, then key */
};

typedef struct dor_timed_key {
    dor_ticket_key key;
    int64_t made_ms;
    int64_t retired_ms; /* when another took its place; meaningless for the first */
} dor_timed_key;

typedef struct dor_ticket_keys {
    pthread_mutex_t lock;
    dor_timed_key list[DOR_TICKET_KEYS_MAX]; /* youngest first */
    size_t count;
    bool given;         /* they came from outside: no change by itself */
    int64_t period_ms;  /* how long one seals */
    int64_t overlap_ms; /* how long it opens behind that */
    uint64_t sealed, opened, refused;
} dor_ticket_keys;

DOR_MUST_USE dor_result dor__ticket_keys_init(dor_ticket_keys *keys, int64_t period_ms, int64_t overlap_ms);

/** Wipes them. */
void dor__ticket_keys_fini(dor_ticket_keys *keys);

/** Wipes all of them; the next ticket makes a new one. */
void dor__ticket_keys_clear(dor_ticket_keys *keys);

/** True when count keys of DOR_TICKET_KEY_GIVEN_LEN bytes are as they should be: 1 to MAX, no name twice. */
bool dor__ticket_keys_good(dor_span given);

/** Takes the place of all keys there were. `given` is good. */
void dor__ticket_keys_replace(dor_ticket_keys *keys, dor_span given);

/** They came from outside. */
bool dor__ticket_keys_given(dor_ticket_keys *keys);

DOR_MUST_USE dor_result dor__ticket_keys_seal(dor_ticket_keys *keys, int64_t now_ms, dor_rng *rng,
                                              dor_span plain, dor_bytes *ticket);
DOR_MUST_USE dor_result dor__ticket_keys_open(dor_ticket_keys *keys, int64_t now_ms, dor_span ticket,
                                              dor_bytes *plain, bool *opened);

/** Wipes keys that open no more. False when none is left that time will take away. */
bool dor__ticket_keys_prune(dor_ticket_keys *keys, int64_t now_ms);

#endif
