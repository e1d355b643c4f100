/*
 * session_store.h - a server's sessions kept outside: dormouse/session.h's dor_session_store_ops, behind the engine's store.
 *
 * Sessions by id go out and come back serialised; sealed tickets stay the keeper's, whose keys they need. There is nothing in
 * front of the store: what another machine has removed is gone here, too.
 *
 * A key in the store is the version, how the client is judged (whether it is verified, whether it has to show a certificate,
 * how long its path may be), and the id. So a session that was made under laxer rules is not found under stricter ones, and
 * nobody uses up a TLS 1.2 session by showing its id, which he has seen on the wire, as a ticket.
 *
 * Counted, immutable; any thread.
 */
#ifndef DOR_SSL_SESSION_STORE_H
#define DOR_SSL_SESSION_STORE_H

#include "ssl/question.h"
#include "ssl/session_keeper.h"

typedef struct dor_session_outside dor_session_outside;

/** ops are copied. */
DOR_MUST_USE dor_result dor__session_outside_new(const dor_session_store_ops *ops, void *arg,
                                                 dor_session_outside **outside);

/** The same for connections of this config; `keeper` has the ticket keys, a reference is taken. */
DOR_MUST_USE dor_result dor__session_outside_for(const dor_session_outside *from,
                                                 const dor_tls_config *config, dor_session_keeper *keeper,
                                                 dor_session_outside **outside);

dor_session_outside *dor__session_outside_ref(dor_session_outside *outside);
void dor__session_outside_unref(dor_session_outside *outside);

/** For dor_tls_config.store, with ask_session, and one of dor__session_outside_for as store_ctx. */
extern const dor_tls_store_ops dor__session_outside_ops;

/** Asks for a session; takes a user's reference to question. */
void dor__session_outside_lookup(const dor_session_outside *outside, uint16_t version, dor_span id,
                                 dor_question *question);

#endif
