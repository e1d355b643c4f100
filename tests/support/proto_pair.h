/*
 * proto_pair.h - a TLS client and a TLS server in memory, with a seeded random number generator and a clock that stands
 * still. What one writes is delivered to the other, whole or in small pieces, and may be tampered with on the way.
 *
 * A test makes two configs, a pair, runs it and looks at both ends. Failures of the harness itself end the test.
 */
#ifndef TESTS_SUPPORT_PROTO_PAIR_H
#define TESTS_SUPPORT_PROTO_PAIR_H

#include "tls/engine.h"

typedef struct proto_end {
    dor_tls *tls;
    dor_result result; /* the first failure of a call */
    bool connected;    /* the event came */
    bool closed;       /* the event came */
    bool asked;        /* the event came, and nobody has said go on: what arrives meanwhile is kept */
    dor_bytes kept;
    size_t connected_count;
    size_t ticket_count;
    size_t renegotiated_count, refused_count, authenticated_count;
    dor_session *session; /* of the last ticket; a reference */
    dor_bytes plaintext;  /* all data that came */
    dor_bytes early;      /* and before that, early data */
    size_t sent_len;      /* ciphertext delivered to the other end */
} proto_end;

typedef struct proto_pair proto_pair;

/** May change the bytes on their way. from is the writer. */
typedef void (*proto_tamper_fn)(void *ctx, dor_tls_role from, dor_bytes *data);

struct proto_pair {
    proto_end client, server;
    dor_tls_env env[2]; /* by dor_tls_role */
    dor_rng *rng[2];
    int64_t now_ms;
    /** Called at a question; true when it has been answered (or refused). NULL, or false: it waits for proto_resume. */
    bool (*answer)(void *ctx, dor_tls_role of, dor_tls *tls);
    void *answer_ctx;
    size_t questions;
    size_t chunk; /* bytes for each receive call; 0: all at once */
    proto_tamper_fn tamper;
    void *tamper_ctx;
    char *
        key_log; /* all lines, each ended by a newline; libc's memory, so that tests of the library's leave it alone */
    size_t key_log_len;
};

/** Sessions and a ticket key, for a server's config. */
typedef struct proto_store {
    dor_session *sessions[64];
    size_t count;
    dor_ticket_key key;
    size_t opened;             /* tickets */
    dor_replay_window *window; /* or NULL: early data of sealed tickets is refused */
} proto_store;

void proto_store_init(proto_store *store);
void proto_store_fini(proto_store *store);
extern const dor_tls_store_ops proto_store_ops;

/** The moment at which pairs live, milliseconds since 1970: certificates of support/pki.h are valid. */
int64_t proto_now_ms(void);

/** A client that trusts the words of `trust` (names of support/pki.h) and verifies name and path. */
dor_tls_config *proto_client_config(const char *trust);

/** A server with a chain ("tls-p256") and a key ("c"). store may be NULL. */
dor_tls_config *proto_server_config(const char *chain, const char *key, proto_store *store);

/** Adds a chain with its key. */
void proto_add_identity(dor_tls_config *config, const char *chain, const char *key);

/** Leaves one suite, group or version of what a config has; 0: as it was. */
void proto_only(dor_tls_config *config, uint16_t version, uint16_t suite, dor_group group);

/** Takes one group out of what a config has. */
void proto_leave_out(dor_tls_config *config, dor_group group);

/** Takes references to the configs. host NULL: "host.example". session may be NULL. */
void proto_pair_init(proto_pair *pair, dor_tls_config *client, dor_tls_config *server, const char *host,
                     dor_session *session, uint64_t seed);
void proto_pair_fini(proto_pair *pair);

/** Starts both ends, and delivers until nothing is left to be delivered. */
void proto_pair_run(proto_pair *pair);

/** Delivers what one end has written; false when there was nothing. */
bool proto_deliver(proto_pair *pair, dor_tls_role from);

/** Gives bytes to an end as if the other had written them. */
void proto_feed(proto_pair *pair, dor_tls_role to, dor_span data);

/** Goes on with an end whose question has been answered, first with what was kept; then the two talk on. */
void proto_resume(proto_pair *pair, dor_tls_role of);

/** Delivers until nothing is left to be delivered. */
void proto_talk(proto_pair *pair);

/** Sends text from one end and delivers it. */
void proto_say(proto_pair *pair, dor_tls_role from, const char *text);

/** Both ends are connected, without a failure, agree with each other and can talk. */
bool proto_pair_works(proto_pair *pair);

proto_end *proto_end_of(proto_pair *pair, dor_tls_role role);

#endif
