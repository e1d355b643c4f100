/*
 * dormouse/information.h - what a TLS connection knows of itself beyond dor_ssl_connection_info, and keying material
 * that both ends can derive from it.
 *
 * All calls are immediate in the sense of dormouse/ssl.h: done at once on the socket's own scheduler; a thread waits for
 * the socket's scheduler; an actor on another scheduler gets DOR_E_WOULD_DEADLOCK. Before the handshake is complete, and
 * for a listener, they answer DOR_E_ENOTCONN; afterwards DOR_E_CLOSED, or why the connection failed.
 */
#ifndef DORMOUSE_INFORMATION_H
#define DORMOUSE_INFORMATION_H

#include <dormouse/ssl.h>
#include <dormouse/suites.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what was negotiated ------------------------------------------------------------------------------------- */

/** All that dor_ssl_connection_info tells, and what few want to know. */
typedef struct dor_connection_information {
    dor_connection_info negotiated; /**< what dor_ssl_connection_info tells */
    dor_cipher_suite suite;         /**< selected_cipher_suite */
    uint16_t protocol_version;      /**< as on the wire: 0x0304 is TLS 1.3 */
    uint8_t server;                 /**< this end accepted the connection */
    uint8_t extended_master_secret; /**< RFC 7627; always so in TLS 1.3 */
    uint8_t has_randoms; /**< the next four are there: with option "exporters", "keep_secrets" or a key log */
    uint8_t session_id_len;    /**< at most 32; in TLS 1.3 the legacy one */
    uint8_t session_id[32];    /**< session_id_len bytes */
    uint8_t client_random[32]; /**< of the ClientHello */
    uint8_t server_random[32]; /**< of the ServerHello */
    uint8_t master_secret_len; /**< 48 in TLS 1.2 with option "keep_secrets", else 0 */
    uint8_t master_secret[48]; /**< the caller wipes it */
} dor_connection_information;

/** All that is known of a connection. Source: later OTP's connection_information/1,2; its item keylog: dor_ssl_key_log_lines. */
DOR_API int dor_ssl_connection_information(dor_socket socket, dor_connection_information *information);

/**
 * All that is known of a connection, for people and logs: one JSON object without the master secret; randoms and session id are hexadecimal.
 * *text ends with a NUL and is for dor_free.
 */
DOR_API int dor_ssl_connection_information_json(dor_socket socket, char **text);

/**
 * The connection's secrets as the lines of a key log, each given to fn, on the socket's scheduler: those of the handshake
 * and, after key updates, the newest of each direction. DOR_E_NOT_KEPT without option "keep_secrets".
 */
DOR_API int dor_ssl_key_log_lines(dor_socket socket, dor_key_log_fn fn, void *arg);

/* ---- keying material --------------------------------------------------------------------------------------- */

/**
 * Derives out_len bytes (1 to 65535; in TLS 1.3 at most 255 digests of the suite's hash) from the connection's secrets
 * under a label, such that the peer, with the same label and context, gets the same bytes and nobody else does: to bind
 * another protocol or an authentication to this connection.
 *
 * The connection must have been made with option "exporters" (or "keep_secrets"), else DOR_E_NOT_KEPT: a secret that
 * nobody asked for is not kept, nor are the bytes that it takes.
 *
 * @param label    0 to 249 bytes, as registered with IANA ("EXPORTER-Channel-Binding") or beginning with
 *                 "EXPERIMENTAL"; the labels of TLS 1.2 itself ("master secret", ...) are DOR_E_BADARG
 * @param context  context_len bytes, at most 65535, or NULL for none. In TLS 1.2 none is another thing than an empty
 *                 one (a pointer with context_len 0); in TLS 1.3 they give the same
 * @param out      out_len bytes; the caller wipes them after use
 *
 * TLS 1.2 without extended master secret: DOR_E_EXPORT_UNSAFE, since two connections of an attacker in between could
 * be made to export the same (RFC 7627 section 5.4).
 * Source: RFC 5705 section 4, RFC 8446 section 7.5; OTP's export_key_materials. The early exporter is not offered.
 */
DOR_API int dor_ssl_export_keying_material(dor_socket socket, const char *label, const void *context,
                                           size_t context_len, void *out, size_t out_len);

/**
 * The channel binding "tls-unique" of TLS 1.2, 12 bytes: for SCRAM and others that still ask for it. New protocols take
 * dor_ssl_export_keying_material with "EXPORTER-Channel-Binding" and 32 bytes ("tls-exporter", RFC 9266), in both versions.
 *
 * DOR_E_NOT_KEPT without option "exporters" (or "keep_secrets"); DOR_E_EINVAL in TLS 1.3, which has no such thing;
 * DOR_E_EXPORT_UNSAFE for a session that was resumed without extended master secret (RFC 7627 section 5.4). A
 * renegotiation changes it. Source: RFC 5929 section 3.
 */
DOR_API int dor_ssl_tls_unique(dor_socket socket, uint8_t out[12]);

/** What a part of a seed is: bytes of the caller's, or a random of the connection's. */
typedef enum dor_seed_kind {
    DOR_SEED_BYTES,         /**< the caller's */
    DOR_SEED_CLIENT_RANDOM, /**< 32 bytes */
    DOR_SEED_SERVER_RANDOM  /**< 32 bytes */
} dor_seed_kind;

/** One part of a seed; data and len are for DOR_SEED_BYTES. */
typedef struct dor_prf_seed {
    dor_seed_kind kind; /**< bytes, or one of the randoms */
    const void *data;   /**< DOR_SEED_BYTES: len bytes */
    size_t len;         /**< bytes at data */
} dor_prf_seed;

/**
 * out_len bytes (1 to 65535) of TLS 1.2's PRF (RFC 5246 section 5) with the suite's hash.
 *
 * @param secret  secret_len bytes, or NULL: the connection's master secret; that, and the randoms as seeds, need option
 *                "exporters" or "keep_secrets" (else DOR_E_NOT_KEPT). With it the labels of TLS 1.2 itself are
 *                DOR_E_BADARG: what comes out would be the connection's own keys
 * @param seeds   at most 64, together at most 65535 bytes, joined in order
 *
 * TLS 1.3 has no such function: the master secret with exactly the seeds client_random, server_random is answered by
 * the exporter without context, as later OTP releases do, anything else with DOR_E_EINVAL.
 * New protocols use dor_ssl_export_keying_material, which this does not protect as (RFC 7627). Source: prf/5.
 */
DOR_API int dor_ssl_prf(dor_socket socket, const void *secret, size_t secret_len, const char *label,
                        const dor_prf_seed *seeds, size_t seed_count, void *out, size_t out_len);

#ifdef __cplusplus
}
#endif
#endif
