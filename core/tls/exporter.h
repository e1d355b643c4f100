/*
 * exporter.h - what a connected engine gives out beside data: keying material (RFC 5705, RFC 8446 section 7.5), the PRF
 * of TLS 1.2, and the secrets that the config had it keep.
 *
 * Outputs are secrets: whoever gets one wipes it.
 */
#ifndef DOR_TLS_EXPORTER_H
#define DOR_TLS_EXPORTER_H

#include "tls/engine.h"

enum {
    DOR_EXPORT_MAX = 65535,                                 /* bytes of output, and of a context */
    DOR_SEEDS_MAX = 64,                                     /* parts of a seed */
    DOR_KEY_LOG_LINE_MAX = 32 + 1 + 2 * 32 + 1 + 2 * 48 + 1 /* label, random, secret, NUL */
};

/**
 * Keying material for `label`. context NULL: none, which in TLS 1.2 is another thing than an empty one. BADARG for TLS
 * 1.2's own labels and lengths out of range; NOT_KEPT without config->exporters or ->keep_secrets;
 * EXPORT_UNSAFE in TLS 1.2 without extended master secret (RFC 7627 section 5.4).
 */
DOR_MUST_USE dor_result dor__tls_export(const dor_tls *t, const char *label, const dor_span *context,
                                        uint8_t *out, size_t out_len);

enum { DOR_TLS_UNIQUE_LEN = 12 };

/**
 * TLS 1.2's channel binding "tls-unique" (RFC 5929 section 3): the first Finished of the newest handshake. EINVAL in TLS 1.3, which
 * has none (RFC 9266); NOT_KEPT as above; EXPORT_UNSAFE on a connection that was resumed without extended master secret, where
 * somebody in between can have the same on both sides.
 */
DOR_MUST_USE dor_result dor__tls_unique(const dor_tls *t, uint8_t out[DOR_TLS_UNIQUE_LEN]);

typedef enum dor_tls_seed_kind {
    DOR_TLS_SEED_BYTES,
    DOR_TLS_SEED_CLIENT_RANDOM,
    DOR_TLS_SEED_SERVER_RANDOM
} dor_tls_seed_kind;

typedef struct dor_tls_seed {
    dor_tls_seed_kind kind;
    dor_span bytes;
} dor_tls_seed;

/**
 * TLS 1.2's PRF over a secret (NULL: the master secret), label and seeds in order. TLS 1.3 has none: there the master
 * secret with the seeds client_random, server_random is answered by the exporter, all else is EINVAL.
 */
DOR_MUST_USE dor_result dor__tls_prf(const dor_tls *t, const dor_span *secret, const char *label,
                                     const dor_tls_seed *seeds, size_t seed_count, uint8_t *out,
                                     size_t out_len);

/** What was kept of the handshake; spans borrow from the connection. Empty where nothing was. */
typedef struct dor_tls_secrets {
    dor_span client_random, server_random, session_id;
    dor_span master_secret; /* TLS 1.2 with keep_secrets */
} dor_tls_secrets;

void dor__tls_get_secrets(const dor_tls *t, dor_tls_secrets *secrets);

typedef dor_result (*dor_tls_line_fn)(void *arg, const char *line);

/**
 * The key log's lines as they can be told now, one call for each: those of the handshake and, after key updates, the
 * newest secret of each direction. NOT_KEPT without config->keep_secrets. The first failure of tell_line ends it.
 */
DOR_MUST_USE dor_result dor__tls_key_log_lines(const dor_tls *t, dor_tls_line_fn tell_line, void *arg);

#endif
