/*
 * again.h - second handshakes on a connection that is connected: TLS 1.2's renegotiation (RFC 5746) and TLS 1.3's
 * post-handshake authentication (RFC 8446 section 4.6.2).
 *
 * t->hs exists again while one of them runs, with hs->second set, and t->connected stays. What the first handshake has
 * brought about holds until the second is complete: `before` has it meanwhile, and whoever asks the connection (information,
 * exporters, sessions) is answered from there. A second handshake that fails ends the connection.
 *
 * The block is allocated only where the config allows one of them; other connections pay a pointer.
 *
 * Private to core/tls.
 */
#ifndef DOR_TLS_AGAIN_H
#define DOR_TLS_AGAIN_H

#include "tls/kept.h"
#include "tls/tls12.h"

enum {
    DOR_REQUEST_CONTEXT_LEN = 16, /* random, so that nobody signs in advance: RFC 8446 section 4.3.2 */
    DOR_REQUESTS_MAX = 4,         /* a server's, that wait for their answers */
    DOR_REQUESTS_IN_A_ROW_MAX = 8 /* what a client takes without data between: each costs it a signature */
};

/** A CertificateRequest that waits for its answer. */
typedef struct dor_tls_request {
    struct dor_tls_request *next;
    uint8_t context[DOR_REQUEST_CONTEXT_LEN];
    dor_hash transcript; /* up to this request */
} dor_tls_request;

/** What held before the second handshake. */
typedef struct dor_tls_before {
    dor_certificate *peer, *anchor;
    dor_sig_scheme peer_scheme;
    bool peer_verified;
    /* of a renegotiation alone */
    const dor_suite *suite;
    dor_session *session;
    dor_tls_kept *kept;
    dor_group group;
    bool resumed, extended_master_secret;
} dor_tls_before;

struct dor_tls_again {
    dor_tls_before before; /* while t->hs->second */

    /* TLS 1.2 */
    uint8_t verify_data[2][DOR_VERIFY_DATA_12_LEN]; /* of the last handshake, by dor_tls_role */
    bool secure;      /* the peer has said that it binds renegotiations (RFC 5746) */
    bool asked;       /* server: a HelloRequest went out, and no ClientHello has come */
    uint16_t by_peer; /* renegotiations that the peer began */

    /* TLS 1.3 */
    bool post_auth; /* the client has offered it */
    bool transcript_kept;
    uint8_t request_count;     /* server: of requests; client: taken without data between */
    dor_tls_request *requests; /* server */
    dor_hash transcript;       /* up to the client's Finished */

    bool
        cut_off; /* our close_notify went out in the middle of one: what the peer still says in it is passed over */
    uint8_t tell; /* dor_tls_event_kind that is due, or 0 */
};

/** A renegotiation is going on. */
static inline bool dor__renegotiating(const dor_tls *t)
{
    return t->hs && t->hs->second && t->version == DOR_TLS_1_2;
}

/** What is in force: of `before` while a renegotiation is going on. */
static inline const dor_tls_kept *dor__kept_in_force(const dor_tls *t)
{
    return dor__renegotiating(t) ? t->again->before.kept : t->kept;
}

static inline bool dor__extended_in_force(const dor_tls *t)
{
    return dor__renegotiating(t) ? t->again->before.extended_master_secret : t->extended_master_secret;
}

/** t->again, made when it is not there yet. */
DOR_MUST_USE dor_result dor__again_need(dor_tls *t);

/** Makes t->hs for a second handshake by this script, and puts what is in force aside. */
DOR_MUST_USE dor_result dor__again_begin(dor_tls *t, const dor_script *script);

/** It is complete: what was before goes. `tell` is the event. */
void dor__again_done(dor_tls *t, uint8_t tell);

/** It did not come to it: what was before holds. Frees t->hs. */
void dor__again_abandon(dor_tls *t);

/** The second handshake is complete and has said nothing new of the peer: it is who it was. */
void dor__again_keep_peer(dor_tls *t);

/** Wipes and releases the block. */
void dor__again_free(dor_tls *t);

/** Heap bytes of it. */
size_t dor__again_memory(const dor_tls *t);

/** dor__handshake_complete, for both kinds of handshake: keeps what a second one will need, or is one's end. */
DOR_MUST_USE dor_result dor__again_note_first(dor_tls *t);

/* ---- renegotiation: message/renegotiation_12.c ----------------------------------------------------------------------- */

/** One side's verify_data, kept where the config allows renegotiation. */
DOR_MUST_USE dor_result dor__renegotiation_note(dor_tls *t, dor_tls_role writer,
                                                const uint8_t verify_data[DOR_VERIFY_DATA_12_LEN]);

/** Whether we may begin one: EINVAL, EALREADY, RENEGOTIATION_INSECURE. */
DOR_MUST_USE dor_result dor__renegotiation_may_start(const dor_tls *t);

/** Begins one by our own will: ClientHello or HelloRequest. */
DOR_MUST_USE dor_result dor__renegotiation_start(dor_tls *t);

/** Behind the hellos: what a renegotiation must leave as it was. Harmless in a first handshake. */
DOR_MUST_USE dor_result dor__renegotiation_check_hellos(const dor_tls *t);

/** The peer's chain is complete: its certificate is the one that it was. */
DOR_MUST_USE dor_result dor__renegotiation_check_peer(const dor_tls *t);

/** A warning no_renegotiation came. */
void dor__renegotiation_refused(dor_tls *t);

/* ---- post-handshake authentication: message/post_auth.c ---------------------------------------------------------------- */

/** Whether one may be asked for: EINVAL, EALREADY, NO_POST_AUTH, LIMIT. */
DOR_MUST_USE dor_result dor__post_auth_may_ask(const dor_tls *t);

/** Server: a CertificateRequest. */
DOR_MUST_USE dor_result dor__post_auth_request(dor_tls *t);

/** For the post actions of TLS 1.3. */
extern const dor_action dor__msg_post_certificate_request;
extern const dor_action dor__msg_post_certificate;

#endif
