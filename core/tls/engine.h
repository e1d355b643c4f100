/*
 * engine.h - one TLS connection without I/O: ciphertext in, events and ciphertext out.
 *
 *     dor__tls_start(t);                                      // a client writes its hello
 *     do {
 *         r = dor__tls_receive(t, data, len, &used, &event);  // until everything is used up and there is no event
 *         ... data += used, len -= used, act on event; send dor__tls_output(t), whether or not r is a failure ...
 *     } while (dor__ok(r) && (len || event.kind != DOR_TLS_EVENT_NONE));
 *
 * The first failure sticks: every later call answers with it, and the alert that the RFC names for it waits in the
 * output. No clock, no randomness of its own: both come through dor_tls_env.
 *
 * Memory: while the handshake runs there is one arena (dor_handshake), wiped and released when it is done. After that
 * a connection is this object, its keys, and the beginning of a record if one is half-way in; dor__tls_sleep lets the
 * cipher contexts go too, and any later call wakes it by itself.
 *
 * Threads: one at a time.
 */
#ifndef DOR_TLS_ENGINE_H
#define DOR_TLS_ENGINE_H

#include "tls/config.h"

typedef struct dor_tls dor_tls;

typedef enum dor_tls_role { DOR_TLS_CLIENT, DOR_TLS_SERVER } dor_tls_role;

/** The world outside; borrowed by every connection made with it, so it must outlive them. */
typedef struct dor_tls_env {
    int64_t (*now_ms)(void *ctx); /* milliseconds since 1970 */
    void *ctx;
    dor_rng *rng;
    /** Secrets for a debugger, NSS key log lines without the newline; NULL: none. */
    void (*key_log)(void *ctx, const char *line);
} dor_tls_env;

/** What a client knows of whom it calls; copied. */
typedef struct dor_tls_peer {
    dor_span host;        /* name or address, as verified and (if a name) sent in server_name */
    dor_session *session; /* to resume, or NULL; a reference is taken */
} dor_tls_peer;

typedef enum dor_tls_event_kind {
    DOR_TLS_EVENT_NONE = 0,
    DOR_TLS_EVENT_CONNECTED, /* the handshake is complete, both Finished verified: once */
    DOR_TLS_EVENT_DATA,      /* data: plaintext, until the next call with this connection */
    DOR_TLS_EVENT_EARLY_DATA, /* server: likewise, of a client that has not proved to be there: it may be a replay */
    DOR_TLS_EVENT_TICKET, /* client: session may be resumed; the reference goes to the caller */
    DOR_TLS_EVENT_CLOSED, /* the peer's close_notify: nothing more will come */
    DOR_TLS_EVENT_QUESTION, /* the handshake waits for an answer (tls/question.h), and takes nothing till then */
    DOR_TLS_EVENT_RENEGOTIATED,          /* TLS 1.2: a renegotiation is complete, whoever began it */
    DOR_TLS_EVENT_RENEGOTIATION_REFUSED, /* ours; the connection goes on */
    DOR_TLS_EVENT_PEER_AUTHENTICATED     /* TLS 1.3 server: a request for a certificate has been answered */
} dor_tls_event_kind;

typedef struct dor_tls_event {
    dor_tls_event_kind kind;
    dor_span data;
    dor_session *session;
} dor_tls_event;

/** What became of early data (RFC 8446 section 2.3). */
typedef enum dor_early {
    DOR_EARLY_NONE,    /* nobody spoke of it; for a server also: it was refused */
    DOR_EARLY_OFFERED, /* client: the server's answer is not there yet */
    DOR_EARLY_ACCEPTED,
    DOR_EARLY_REJECTED /* client: whatever was sent early was not heard; what is sent again is the caller's choice */
} dor_early;

/** What was negotiated; spans and pointers are borrowed from the connection. */
typedef struct dor_tls_info {
    uint16_t version;
    const dor_suite *suite;
    dor_group group;            /* 0: none (TLS 1.2 resumption) */
    dor_sig_scheme peer_scheme; /* what the peer signed with; 0: it did not */
    bool resumed;
    dor_early early;
    bool hello_retry;
    bool extended_master_secret; /* TLS 1.2; always in effect true for 1.3 */
    dor_span alpn;
    dor_span server_name;  /* server: as the client sent it; client: whom it called, a name or an address */
    dor_span psk_identity; /* of the external PSK that authenticates both ends; empty: it was not by one */
    dor_certificate *peer; /* or NULL */
    const dor_stapled *stapled; /* client: what the server showed beside it, or NULL */
} dor_tls_info;

/** Takes a reference to config. peer is for clients (NULL: an empty one). */
DOR_MUST_USE dor_result dor__tls_new(dor_tls **tls, dor_tls_role role, dor_tls_config *config,
                                     const dor_tls_env *env, const dor_tls_peer *peer);

/** Wipes and frees everything; harmless with NULL. */
void dor__tls_free(dor_tls *t);

/** Client: puts the ClientHello into the output. Server: nothing to do, and harmless. */
DOR_MUST_USE dor_result dor__tls_start(dor_tls *t);

/**
 * Takes ciphertext off data (which it may change: decryption is in place). Returns when everything is used up or an
 * event is there; *used tells how far it came. Call again with the rest, also when nothing is left (len 0) but there was
 * an event: one record may hold several tickets. After the peer's close_notify everything is used up and passed over.
 */
DOR_MUST_USE dor_result dor__tls_receive(dor_tls *t, uint8_t *data, size_t len, size_t *used,
                                         dor_tls_event *event);

/**
 * How many of the bytes at the front of data dor__tls_receive can do with at once. It keeps a copy of the others until the
 * rest of their record comes; a caller who is about to have that may give it only these, and the others with it.
 */
size_t dor__tls_receivable(const dor_tls *t, const uint8_t *data, size_t len);

/**
 * Seals plaintext into the output. ENOTCONN before the handshake is complete, CLOSED after our close_notify. A server that has taken
 * early data may answer it at once (RFC 8446 section 2.3), whoever it came from: what it says is for the eyes of who has the ticket.
 */
DOR_MUST_USE dor_result dor__tls_send(dor_tls *t, dor_span plaintext);

/**
 * Client, between dor__tls_start and the end of the server's flight: seals plaintext as early data, which the server may refuse,
 * or be made to take twice by somebody who replays it. EINVAL when there can be none (config->early_data, a session that allows
 * it, the same suite and ALPN) or its time is over; TOO_BIG beyond dor__tls_early_room.
 */
DOR_MUST_USE dor_result dor__tls_send_early(dor_tls *t, dor_span plaintext);

/** Bytes that dor__tls_send_early would take now. */
uint32_t dor__tls_early_room(const dor_tls *t);

/** Ciphertext to be written to the peer; the caller removes what it wrote, or takes the whole dor_bytes away. */
dor_bytes *dor__tls_output(dor_tls *t);

/** Puts close_notify into the output, once; receiving goes on. Before the handshake is complete: user_canceled first. */
DOR_MUST_USE dor_result dor__tls_close(dor_tls *t);

/** TLS 1.3: fresh sending keys; the peer is asked for fresh ones too. TLS 1.2: EINVAL. */
DOR_MUST_USE dor_result dor__tls_update_keys(dor_tls *t, bool ask_peer);

/**
 * TLS 1.2, config->renegotiation: begins a renegotiation (RFC 5746), of which an event tells. A server asks for one; its client
 * may refuse, or not answer. EALREADY when there is one; RENEGOTIATION_INSECURE when it cannot be made safe; EINVAL in TLS 1.3
 * and where the config does not allow it.
 */
DOR_MUST_USE dor_result dor__tls_renegotiate(dor_tls *t);

/**
 * TLS 1.3 server, config->post_auth and verify_peer: asks the client for a certificate (RFC 8446 section 4.6.2), to be judged
 * as in the handshake; an event tells of the answer. NO_POST_AUTH when the client has not offered it, LIMIT past four
 * requests without an answer, EALREADY in the middle of an answer; EINVAL otherwise.
 */
DOR_MUST_USE dor_result dor__tls_request_certificate(dor_tls *t);

/** A second handshake is going on: a renegotiation, or an answer to a request for a certificate. */
bool dor__tls_in_second(const dor_tls *t);

/** Data cannot be sent now, but will when the renegotiation is over; dor__tls_send gives BUSY. */
bool dor__tls_sends_wait(const dor_tls *t);

bool dor__tls_connected(const dor_tls *t);

/** DOR_SUCCESS, or the failure that sticks. */
dor_result dor__tls_error(const dor_tls *t);

/** Valid once connected. */
void dor__tls_get_info(const dor_tls *t, dor_tls_info *info);

/** TLS 1.2 client: the session that this connection can be resumed by, a new reference; NULL if none. */
dor_session *dor__tls_session(const dor_tls *t);

/** Releases what can be made again: cipher contexts, spare capacity. Harmless during a handshake (then it does nothing). */
void dor__tls_sleep(dor_tls *t);
bool dor__tls_asleep(const dor_tls *t);

/** Heap bytes that the connection holds itself (its share of counted objects excluded). */
size_t dor__tls_memory(const dor_tls *t);

#endif
