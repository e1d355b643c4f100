/*
 * external_psk.h - pre-shared keys that two ends have got by other ways than a handshake (RFC 8446 section 2.2, RFC 9257).
 *
 * A dor_psks is a table of identities and keys, filled by one maker, then frozen and shared by count. Keys are wiped when
 * the last holder lets go. Threads: any, once it is frozen.
 */
#ifndef DOR_TLS_EXTERNAL_PSK_H
#define DOR_TLS_EXTERNAL_PSK_H

#include "base/bytes.h"
#include "crypto/hash.h"

enum {
    DOR_PSK_MIN_KEY_LEN = 16, /* RFC 9257 section 6: 128 bits of entropy at least; this much can be checked */
    DOR_PSK_MAX_KEY_LEN = 128,
    DOR_PSK_MAX_IDENTITY_LEN = 16384, /* the wire has room for 65535; a hello for several such has not */
    DOR_PSKS_MAX = 4096,
    DOR_PSKS_OFFERED_MAX = 8, /* by a client in one hello */
    DOR_PSK_QUESTIONS_MAX = 4
};

/** psk_key_exchange_modes (RFC 8446 section 4.2.9), as bits 1 << mode. */
typedef enum dor_psk_mode { DOR_PSK_KE = 1 << 0, DOR_PSK_DHE_KE = 1 << 1 } dor_psk_mode;

typedef struct dor_psk {
    dor_span identity;
    dor_span key;
    dor_hash_id hash; /* SHA-256 or SHA-384: only suites of this hash can use it (RFC 8446 section 4.2.11) */
} dor_psk;

typedef struct dor_psks dor_psks;

DOR_MUST_USE dor_result dor__psks_new(dor_psks **psks);
dor_psks *dor__psks_ref(dor_psks *psks);
void dor__psks_unref(dor_psks *psks);

/** BADARG: an identity, key or hash that is none; NAME_TAKEN: the identity is there; LIMIT: full. Copies. */
DOR_MUST_USE dor_result dor__psks_add(dor_psks *psks, const dor_psk *psk);

size_t dor__psks_count(const dor_psks *psks); /* NULL: 0 */
const dor_psk *dor__psks_at(const dor_psks *psks, size_t index);

/** NULL: none. Compares with every entry, so that the time tells neither which one it is nor whether there is one. */
const dor_psk *dor__psks_find(const dor_psks *psks, dor_span identity);

/**
 * Adds what lines of text say: identity, colon, key in hexadecimal, and perhaps a colon and sha256 or sha384. Empty lines and
 * lines that begin with # are passed over. BADARG and the others of dor__psks_add; *line is then where, counted from 1.
 */
DOR_MUST_USE dor_result dor__psks_parse(dor_psks *psks, dor_span text, size_t *line);

#endif
