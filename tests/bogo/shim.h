/*
 * shim.h - what the shim's parts share: the world that the engine is given, its config, one connection, its checks.
 *
 * Messages go to stderr; a passing run has nothing there.
 */
#ifndef TESTS_BOGO_SHIM_H
#define TESTS_BOGO_SHIM_H

#include "bogo/flags.h"
#include "tls/question.h"

enum { BOGO_SESSIONS_MAX = 16, BOGO_CHAIN_MAX = 16 };

/** What outlives a connection: clock, randomness, the server's sessions and ticket key, the client's session. */
typedef struct bogo_world {
    dor_tls_env env;
    int64_t ahead_ms; /* -resumption-delay has turned the clock on by this */
    dor_session *sessions[BOGO_SESSIONS_MAX];
    size_t session_count;
    size_t stored; /* sessions kept since the connection began */
    dor_ticket_key ticket_key;
    dor_session *session; /* client: to be offered next */
    bool early_before;    /* the connection before: its tickets allowed early data, and the protocol it had */
    uint8_t alpn_before[255];
    size_t alpn_before_len;
} bogo_world;

typedef struct bogo_connection {
    bogo_world *world;
    const bogo_flags *flags, *retry; /* retry: what holds once a client's early data was refused */
    bool resumption;                 /* not the first one */
    dor_tls_config *config;
    dor_tls *tls;
    int fd;
    dor_session *offered;     /* client */
    dor_session *new_session; /* client: what this connection can be resumed by, if that is news */
    uint8_t input[16384 + 1024];
    size_t input_len, input_at; /* what of it has come, and what the engine has had */
    int selected;               /* the credential that signs, counted from 0; -1: none */
    bool connected, closed, ended;
    size_t early_len; /* client: so much of its first words went out early */
    long long renegotiations;
    bool failed; /* a check of ours; the message is out */
} bogo_connection;

/* credentials.c */

/** All certificates of a PEM file; false with a message. *count at most BOGO_CHAIN_MAX. */
bool bogo_read_chain(const char *path, dor_certificate *chain[BOGO_CHAIN_MAX], size_t *count);

/** A flag's base64, nothing for NULL; false when it is none. The caller frees. */
bool bogo_read_base64(const char *text, dor_bytes *out);

/** Adds -cert-file and -key-file, and -trust-cert. BOGO_PASSED, _FAILED or _UNIMPLEMENTED. */
int bogo_credentials_set(const bogo_flags *flags, dor_tls_config *config);

/* settings.c */

/** The engine's config for the flags. BOGO_PASSED, _FAILED or _UNIMPLEMENTED. */
int bogo_config_make(bogo_world *world, const bogo_flags *flags, dor_tls_config **config);

dor_session *bogo_session_lookup(void *ctx, int64_t now_ms, dor_span id);

/* compression.c */

/** The ways to compress certificates that the runner knows, best first, as far as the flags name them. */
int bogo_compression_set(const bogo_flags *flags, dor_tls_config *config);

/* connection.c */

/** Connects to the runner and does what the flags say. BOGO_PASSED or _FAILED. */
int bogo_connection_run(bogo_connection *c);

/** ":REASON:" for the error map; the peer's alerts as ":PEER_ALERT:decode_error:". */
void bogo_print_error(int code);

/* checks.c */

/** The question behind the peer's hello: the checks that are about it; false with a message. */
bool bogo_check_hello(bogo_connection *c, const dor_tls_hello *hello);

/** Right behind the handshake. */
bool bogo_check_connected(bogo_connection *c);

/** When all data has come. */
bool bogo_check_end(bogo_connection *c);

#endif
