/*
 * kept.h - what a connection keeps beyond its keys, when the config asks for it: randoms, session id and the secret that
 * exporters and the PRF begin with; and the key log, which is written from the same.
 *
 * None of it is needed to send and receive, and a secret that is not there cannot be lost. So the block is allocated by
 * the handshake only for config->exporters, config->keep_secrets or a key log, and a connection without costs a pointer.
 *
 * Private to core/tls; exporter.h is for users.
 */
#ifndef DOR_TLS_KEPT_H
#define DOR_TLS_KEPT_H

#include "tls/exporter.h"
#include "tls/handshake.h"

/** Traffic secrets of TLS 1.3, as the key log names them; kept only for keep_secrets. */
typedef enum dor_kept_traffic {
    DOR_KEPT_CLIENT_HANDSHAKE,
    DOR_KEPT_SERVER_HANDSHAKE,
    DOR_KEPT_CLIENT_FIRST,
    DOR_KEPT_SERVER_FIRST,
    DOR_KEPT_TRAFFIC_COUNT
} dor_kept_traffic;

struct dor_tls_kept {
    uint8_t client_random[DOR_RANDOM_LEN];
    uint8_t server_random[DOR_RANDOM_LEN];
    uint8_t session_id[DOR_SESSION_ID_MAX];
    uint8_t secret[DOR_MASTER_SECRET_LEN]; /* TLS 1.2: master secret; 1.3: exporter master secret */
    union {
        struct {
            uint32_t reads, writes; /* TLS 1.3: key updates so far, of the peer's sending keys and of ours */
        };
        uint8_t finished[DOR_TLS_UNIQUE_LEN]; /* TLS 1.2: the first Finished of the handshake */
    };
    uint8_t session_id_len;
    bool have_secret;
    bool have_finished;
    bool have_traffic;
    uint8_t traffic[][DOR_SECRET_MAX_LEN]; /* by dor_kept_traffic */
};

_Static_assert(sizeof(dor_tls_kept) <= 160, "what docs/options.md and docs/information.md say of it");
_Static_assert(DOR_MASTER_SECRET_LEN >= DOR_SECRET_MAX_LEN, "secret[] takes both");

/** Makes t->kept if the config wants one, with what the hellos say. */
DOR_MUST_USE dor_result dor__keep(dor_tls *t);

/** A server that resumes a TLS 1.2 session knows its secret before it has made its random: this one tells of that. */
void dor__keep_server_random(dor_tls *t);

/** Takes the secret for exporters: TLS 1.2's master secret, or TLS 1.3's exporter master secret. */
void dor__keep_secret(dor_tls *t, dor_span secret);
void dor__keep_traffic(dor_tls *t, dor_kept_traffic which, dor_span secret);

/** TLS 1.2: verify_data of a Finished that went or was found right; the first in a handshake is kept. */
void dor__keep_finished(dor_tls *t, const uint8_t verify_data[DOR_TLS_UNIQUE_LEN]);

/** Wipes and releases it. */
void dor__kept_free(dor_tls *t);

/** Its bytes. */
size_t dor__kept_memory(const dor_tls *t);

/* ---- key log: key_log.c ----------------------------------------------------------------------------------- */

/** Whether anybody reads it: what is only made for it need not be made. */
bool dor__key_log_wanted(const dor_tls *t);

/** One line for the config's and the environment's key log: label, client random, secret. */
void dor__key_log(const dor_tls *t, const char *label, dor_span secret);

/** A key update has been made: counts it, and logs the new secret of whoever writes with it. */
void dor__key_log_update(dor_tls *t, bool ours, dor_span secret);

#endif
