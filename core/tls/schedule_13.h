/*
 * schedule_13.h - TLS 1.3's key schedule (RFC 8446 section 7.1).
 *
 *            0 -> HKDF-Extract <- PSK or 0      = early secret       -> binder keys
 *                      |
 *       "derived" -> HKDF-Extract <- (EC)DHE    = handshake secret   -> handshake traffic secrets
 *                      |
 *       "derived" -> HKDF-Extract <- 0          = master secret      -> application traffic, resumption
 *
 * dor_handshake.secret holds the latest of the three.
 */
#ifndef DOR_TLS_SCHEDULE_13_H
#define DOR_TLS_SCHEDULE_13_H

#include "tls/handshake.h"

/** The early secret; psk is empty without one. t->suite must be settled. */
DOR_MUST_USE dor_result dor__schedule_early(dor_tls *t, dor_span psk);

/** From the early secret, the shared secret and the transcript up to ServerHello: handshake traffic secrets. */
DOR_MUST_USE dor_result dor__schedule_handshake(dor_tls *t);

/** From the handshake secret and the transcript up to the server's Finished: application traffic secrets. */
DOR_MUST_USE dor_result dor__schedule_master(dor_tls *t);

/** resumption_master_secret, transcript up to the client's Finished, into t->resumption_secret. */
DOR_MUST_USE dor_result dor__schedule_resumption(dor_tls *t);

/** client_early_traffic_secret into t->hs->early_secret; digest is of the ClientHello alone. Goes to the key log. */
DOR_MUST_USE dor_result dor__early_traffic_secret(dor_tls *t, const dor_suite *suite, dor_span psk,
                                                  const uint8_t *digest);

/** Keys for one direction made of a traffic secret (RFC 8446 section 7.3); of a suite that is not settled yet. */
DOR_MUST_USE dor_result dor__traffic_keys_of(const dor_suite *suite, const uint8_t *secret,
                                             dor_protection *keys);
/** Likewise, of t->suite. */
DOR_MUST_USE dor_result dor__traffic_keys(const dor_tls *t, const uint8_t *secret, dor_protection *keys);

/** verify_data of Finished with a base key (section 4.4.4); hash_len bytes. */
DOR_MUST_USE dor_result dor__finished_mac(dor_hash_id hash, const uint8_t *base_key,
                                          dor_span transcript_digest, uint8_t mac[DOR_HASH_MAX_LEN]);

/** A binder (section 4.2.11.2): psk, whether it is external, and the digest over the hello cut off before its binders. */
DOR_MUST_USE dor_result dor__psk_binder(dor_hash_id hash, dor_span psk, bool external, dor_span digest,
                                        uint8_t binder[DOR_HASH_MAX_LEN]);

/** application_traffic_secret_N+1 over application_traffic_secret_N (section 7.2). */
DOR_MUST_USE dor_result dor__traffic_secret_update(const dor_tls *t, uint8_t *secret);

/** The PSK of a ticket (section 4.6.1), from t->resumption_secret. */
DOR_MUST_USE dor_result dor__ticket_psk(const dor_tls *t, dor_span nonce, uint8_t *psk);

#endif
