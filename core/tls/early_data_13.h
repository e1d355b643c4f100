/*
 * early_data_13.h - data of a client in its first flight, under the key of a ticket (RFC 8446 sections 2.3, 4.2.10 and 8).
 *
 * Off on both sides until asked for, for it may be replayed. t->early says how far it came.
 */
#ifndef DOR_TLS_EARLY_DATA_13_H
#define DOR_TLS_EARLY_DATA_13_H

#include "tls/handshake.h"

/** Client: whether the hello that is being written says that early data will follow. */
bool dor__early_offerable(const dor_tls *t);

/** Client: the hello is out; if it said so, keys for early data are put to use. */
DOR_MUST_USE dor_result dor__early_begin(dor_tls *t);

/** Client: a HelloRetryRequest; what follows is in the clear again. */
DOR_MUST_USE dor_result dor__early_retry(dor_tls *t);

/** Client: EncryptedExtensions have been read. accepted: early_data was among them. */
DOR_MUST_USE dor_result dor__early_settle(dor_tls *t, bool accepted);

/**
 * Server, once the ticket is chosen, its binder verified and ALPN settled: takes early data if everything of section 4.2.10
 * holds and it is no replay; then the script has EndOfEarlyData. age_ms: what the client says of the ticket's age.
 */
DOR_MUST_USE dor_result dor__early_judge(dor_tls *t);

/** Server: early data's keys for reading, where it was accepted; behind dor__schedule_early. */
DOR_MUST_USE dor_result dor__early_secret(dor_tls *t);

/** A step behind EndOfEarlyData: handshake keys for what the client writes from there on. */
DOR_MUST_USE dor_result dor__early_end(dor_tls *t, dor_bytes *w);

/** Server: a record of data while the handshake runs; *taken is false when that is not early data's time. */
DOR_MUST_USE dor_result dor__early_take(dor_tls *t, dor_span payload, bool *taken);

/** Server: it has taken early data, and its own flight is out: it may send data before the client's Finished. */
bool dor__early_answerable(const dor_tls *t);

#endif
