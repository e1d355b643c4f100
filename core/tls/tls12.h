/*
 * tls12.h - what the files of TLS 1.2 share (RFC 5246, RFC 8422, RFC 7627). Private to core/tls.
 */
#ifndef DOR_TLS_TLS12_H
#define DOR_TLS_TLS12_H

#include "tls/handshake.h"

enum {
    DOR_VERIFY_DATA_12_LEN = 12, /* RFC 5246 section 7.4.9 */
    DOR_CURVE_TYPE_NAMED = 3,    /* RFC 8422 section 5.4 */
    DOR_CERT_TYPE_RSA_SIGN = 1,  /* ClientCertificateType, RFC 5246 section 7.4.4 */
    DOR_CERT_TYPE_ECDSA_SIGN = 64
};

/** Two keys, and two IVs of AEADs or two MAC keys of CBC, the longer of which is SHA-384's (RFC 5246 section 6.3). */
enum { DOR_KEY_BLOCK_12_LEN = 2 * DOR_AEAD_MAX_KEY_LEN + 2 * 48 };

/* ---- key schedule: schedule_12.c ------------------------------------------------------------------------- */

/** hs->shared_secret becomes the (extended) master secret and is wiped. ClientKeyExchange is in the transcript. */
DOR_MUST_USE dor_result dor__master_secret_make_12(dor_tls *t);

/** Takes the session's master secret. */
DOR_MUST_USE dor_result dor__master_secret_resume_12(dor_tls *t, const dor_session *session);

/** What protects the records of one side, from the master secret and the randoms. */
DOR_MUST_USE dor_result dor__protection_make_12(dor_tls *t, dor_tls_role writer, dor_protection *p);

/** verify_data of one side, over the transcript as it stands. */
DOR_MUST_USE dor_result dor__verify_data_12(const dor_tls *t, dor_tls_role writer,
                                            uint8_t verify_data[DOR_VERIFY_DATA_12_LEN]);

/* ---- sessions: resume_12.c ------------------------------------------------------------------------------- */

/** Server: the session that the client's ticket holds or else hs->session_id names, if it may be resumed in this handshake; NULL if not. A new reference. */
DOR_MUST_USE dor_result dor__session_find_12(dor_tls *t, dor_session **session);

/**
 * Server: a full handshake would come to the session's suite too, or there can be none. A session keeps its suite for as long as it
 * is resumed; where both ends have a better one by now, one that is there for old peers would outlive the reason for it.
 */
bool dor__session_best_12(dor_tls *t, const dor_session *session);

/** Server: an id for the session to come, or none (hs->v12.session_id_len 0) when it will not be kept. */
DOR_MUST_USE dor_result dor__session_id_make_12(dor_tls *t);

/** Server: this handshake ends with a ticket for the client, so the session needs no id. */
bool dor__ticket_due_12(const dor_tls *t);

/** Server: the session of this handshake, sealed; an empty ticket when it is too large for one. */
DOR_MUST_USE dor_result dor__ticket_make_12(dor_tls *t, uint32_t *lifetime_s, dor_bytes *ticket);

/** True when a session of this handshake may be resumed later: RFC 7627 section 5.4 wants the extension. */
bool dor__session_keepable_12(const dor_tls *t);

/** Both Finished are verified: keeps the session (t->session) and gives it to the server's store. */
DOR_MUST_USE dor_result dor__session_keep_12(dor_tls *t);

/* ---- DHE: dhe_12.c ----------------------------------------------------------------------------------------- */

/** ServerDHParams: the prime and generator of hs->kx_group, the public value of hs->kx. */
DOR_MUST_USE dor_result dor__dhe_params_write(const dor_tls *t, dor_bytes *w);

/** The same, read: which group of the config's it is (insufficient_security, DH_GROUP: none), and the server's value. */
DOR_MUST_USE dor_result dor__dhe_params_read(const dor_tls *t, dor_reader *r, dor_group *group,
                                             dor_span *value);

/**
 * dor__key_exchange_derive with a public value that may lack leading zeros; one that is out of range (1 < y < p - 1):
 * handshake_failure, BAD_KEY_SHARE.
 */
DOR_MUST_USE dor_result dor__dhe_derive(dor_tls *t, dor_span value);

/* ---- certificates ---------------------------------------------------------------------------------------- */

/** True when a key of this type goes with the suite (RFC 8422 section 2; RFC 8446 section 4.2.3 for RSASSA-PSS keys). */
/**
 * Client: judges the server's chain, once. Not while a CertificateStatus may still come, so that its response is at hand;
 * the messages behind it call this, too.
 */
DOR_MUST_USE dor_result dor__chain_settle_12(dor_tls *t);

/** Whether a certificate with such a key goes with a suite's key exchange (RFC 5246 section 7.4.2, RFC 8422 section 2). */
bool dor__kx_fits_key(dor_kx_kind kx, dor_key_type type);

#endif
