/*
 * session_keeper.h - a server's memory of sessions: TLS 1.2 sessions by id (bounded, least recently used goes first,
 * lifetime) and the ticket keys (made at random, rotated, the previous one still opens).
 *
 * Shared by all connections of a listener, on several threads: one lock, held for a look-up.
 */
#ifndef DOR_SSL_SESSION_KEEPER_H
#define DOR_SSL_SESSION_KEEPER_H

#include "tls/config.h"

typedef struct dor_session_keeper dor_session_keeper;

enum { DOR_SESSION_KEEPER_DEFAULT_MAX = 20000 };

DOR_MUST_USE dor_result dor__session_keeper_new(dor_session_keeper **keeper, size_t max_sessions);
dor_session_keeper *dor__session_keeper_ref(dor_session_keeper *keeper);
void dor__session_keeper_unref(dor_session_keeper *keeper);

/** For dor_tls_config.store, with the keeper as store_ctx. */
extern const dor_session_store_ops dor__session_keeper_ops;

size_t dor__session_keeper_count(dor_session_keeper *keeper);

#endif
