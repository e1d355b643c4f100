/*
 * information.h - questions about a connection that few ask; run on its scheduler, as queries of socket.h.
 *
 * ENOTCONN before the handshake is complete and for a listener; once the connection has gone: CLOSED, or why it failed.
 */
#ifndef DOR_SSL_INFORMATION_H
#define DOR_SSL_INFORMATION_H

#include "ssl/socket.h"
#include "tls/exporter.h"
#include <dormouse/information.h>

/** dor__tls_export, as a query's `in`. */
typedef struct dor_export_ask {
    const char *label;
    const dor_span *context; /* or NULL */
    uint8_t *out;
    size_t out_len;
} dor_export_ask;

DOR_MUST_USE dor_result dor__socket_export(dor_actor *a, const dor_export_ask *ask);

/** dor__tls_unique. */
DOR_MUST_USE dor_result dor__socket_tls_unique(dor_actor *a, uint8_t out[DOR_TLS_UNIQUE_LEN]);

/** dor__tls_prf; the public seeds have been checked. */
typedef struct dor_prf_ask {
    const dor_span *secret; /* or NULL */
    const char *label;
    const dor_prf_seed *seeds;
    size_t seed_count;
    uint8_t *out;
    size_t out_len;
} dor_prf_ask;

DOR_MUST_USE dor_result dor__socket_prf(dor_actor *a, const dor_prf_ask *ask);

/** The struct but for its suite, which api/ describes. */
DOR_MUST_USE dor_result dor__socket_information(dor_actor *a, dor_connection_information *information,
                                                const dor_suite **suite);

/** Of the external PSK, see dormouse/psk.h. */
DOR_MUST_USE dor_result dor__socket_psk_identity(dor_actor *a, uint8_t *identity, size_t cap, size_t *len);

DOR_MUST_USE dor_result dor__socket_key_log_lines(dor_actor *a, dor_key_log_fn fn, void *arg);

#endif
