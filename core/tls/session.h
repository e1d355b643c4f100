/*
 * session.h - what two ends remember of each other: TLS 1.2 sessions by id, TLS 1.3 tickets (RFC 8446 section 4.6.1).
 *
 * Counted and immutable once made, so that caches and threads can share them. The secret is wiped on release.
 */
#ifndef DOR_TLS_SESSION_H
#define DOR_TLS_SESSION_H

#include "base/bytes.h"
#include "crypto/rng.h"
#include "tls/stapled.h"
#include "x509/certificate.h"

enum {
    DOR_SESSION_MAX_SECRET = 48,
    DOR_SESSION_MAX_ID = 32,
    DOR_SESSION_MAX_NAME = 255,
    DOR_SESSION_MAX_TICKET = 65535
};

typedef struct dor_session {
    uint32_t ref_count_;
    uint16_t version;
    uint16_t suite;
    uint8_t secret[DOR_SESSION_MAX_SECRET]; /* 1.2: master secret; 1.3: the PSK of this ticket */
    uint8_t secret_len;
    uint8_t id[DOR_SESSION_MAX_ID]; /* 1.2 */
    uint8_t id_len;
    bool extended_master_secret;
    uint32_t age_add; /* 1.3 */
    uint32_t lifetime_s;
    uint32_t max_early_data; /* 1.3: bytes that may come early; 0: none */
    int64_t created_ms;      /* when made (server) or received (client), milliseconds since 1970 */
    dor_bytes ticket;        /* 1.3 client: what to send back */
    dor_bytes server_name;   /* as negotiated, may be empty; client: the host it called */
    dor_bytes alpn;
    dor_certificate *peer; /* the peer's certificate, or NULL */
    dor_stapled *stapled;  /* client: what stood beside it, or NULL; not serialised */
    bool
        peer_verified; /* its path (and a server's name) was validated in the handshake that made the session */
    bool peer_omitted;                   /* there was a certificate, but it is not kept; only its dates are */
    int64_t peer_from, peer_until;       /* seconds since 1970, with peer_omitted */
    uint8_t anchor[DOR_FINGERPRINT_LEN]; /* if so: the fingerprint of the trust anchor that vouched for it */
} dor_session;

/** A zeroed session with one reference, for its maker to fill. */
DOR_MUST_USE dor_result dor__session_new(dor_session **session);
dor_session *dor__session_ref(dor_session *session);
void dor__session_unref(dor_session *session);

/** False when it is past its lifetime (at most 7 days in TLS 1.3, 24 hours otherwise) or
 * from the future by more than a minute. */
bool dor__session_fresh(const dor_session *session, int64_t now_ms);

/** Heap bytes that it holds, its share of the peer's certificate included. */
size_t dor__session_memory(const dor_session *session);

/** The plaintext that goes into a ticket, and back. A ticket that we did not make fails to parse, never worse. */
DOR_MUST_USE dor_result dor__session_serialise(const dor_session *session, dor_bytes *out);
DOR_MUST_USE dor_result dor__session_parse(dor_span data, dor_session **session);

/* ---- tickets: sealed with AES-256-GCM under a named key; rotation is the owner's of the keys ------------ */

enum { DOR_TICKET_NAME_LEN = 16, DOR_TICKET_KEY_LEN = 32 };

typedef struct dor_ticket_key {
    uint8_t name[DOR_TICKET_NAME_LEN];
    uint8_t key[DOR_TICKET_KEY_LEN];
} dor_ticket_key;

DOR_MUST_USE dor_result dor__ticket_key_make(dor_ticket_key *key, dor_rng *rng);

/** name || nonce || ciphertext || tag, appended to out. */
DOR_MUST_USE dor_result dor__ticket_seal(const dor_ticket_key *key, dor_rng *rng, dor_span plain,
                                         dor_bytes *out);

/** *opened is false for anything that this key did not seal. */
DOR_MUST_USE dor_result dor__ticket_open(const dor_ticket_key *key, dor_span ticket, dor_bytes *plain,
                                         bool *opened);

#endif
