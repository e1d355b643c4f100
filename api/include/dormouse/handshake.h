/*
 * dormouse/handshake.h - a say in handshakes while they go on: the pause at the peer's hello.
 *
 * With option "handshake" set to "hello" dor_ssl_accept and dor_ssl_connect return when the peer's hello is there, and
 * before anything is decided on a server. Then
 *
 *     dor_ssl_get_hello(socket, &hello);                       // what does it want?
 *     dor_ssl_handshake_continue(socket, options, timeout_ms); // go on, perhaps with options of its own
 *     dor_ssl_handshake_cancel(socket);                        // or not
 *
 * The whole handshake, the pause in it, is bounded by option "handshake_timeout"; then the socket is gone. Until the
 * handshake is complete the other calls answer as before it: send, recv and questions DOR_E_ENOTCONN. dor_ssl_close works.
 * docs/names-and-keys.md shows it.
 *
 * Threads: calls on sockets as dormouse/ssl.h says; those on options, one thread at a time for each object.
 */
#ifndef DORMOUSE_HANDSHAKE_H
#define DORMOUSE_HANDSHAKE_H

#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DOR_HELLO_NUMBERS_MAX = 64,  /**< of each kind in a dor_ssl_hello */
    DOR_HELLO_PROTOCOLS_MAX = 16 /**< in its list of protocols */
};

/**
 * A hello: on a server all that the client offers, best first; on a client what the server chose (one of each, groups and
 * schemes empty). Numbers are IANA's, and may be ones that this library does not know. What does not fit is left out.
 */
typedef struct dor_ssl_hello {
    char server_name[256];                    /**< SNI, or empty; on a client the name that it calls */
    char alpn[DOR_HELLO_PROTOCOLS_MAX][256];  /**< protocols, each ended by a NUL */
    uint16_t versions[DOR_HELLO_NUMBERS_MAX]; /**< 0x0304 is TLS 1.3, 0x0303 TLS 1.2 */
    uint16_t suites[DOR_HELLO_NUMBERS_MAX];   /**< cipher suites */
    uint16_t groups[DOR_HELLO_NUMBERS_MAX];   /**< supported_groups */
    uint16_t schemes[DOR_HELLO_NUMBERS_MAX];  /**< signature_algorithms */
    uint8_t alpn_count, version_count, suite_count, group_count, scheme_count; /**< how many of each */
} dor_ssl_hello;

/**
 * The hello of a handshake that has paused. Immediate. DOR_E_ENOTCONN before the pause and once the handshake goes on,
 * DOR_E_EINVAL on an open connection. Source: the extensions that handshake/2 returns with {handshake, hello}.
 */
DOR_API int dor_ssl_get_hello(dor_socket socket, dor_ssl_hello *hello);

/**
 * Goes on with a handshake that has paused, and returns when it is complete. options (may be NULL) override the socket's,
 * as with dor_ssl_accept; a client's may not change what its hello has offered already (versions, ciphers, groups,
 * signature_algs, protocols): DOR_E_OPTION_CONFLICT, and the pause goes on. DOR_E_EINVAL when it has not paused. On failure
 * of the handshake and on timeout the socket is gone. Source: handshake_continue/2,3.
 */
DOR_API int dor_ssl_handshake_continue(dor_socket socket, const dor_options *options, uint32_t timeout_ms);
DOR_API int dor_ssl_handshake_continue_async(dor_socket socket, const dor_options *options,
                                             uint32_t timeout_ms, dor_ref *ref);

/**
 * Ends a handshake that has paused: the peer gets user_canceled and close_notify, the socket is gone. Immediate.
 * DOR_E_EINVAL when it has not paused. Source: handshake_cancel/1.
 */
DOR_API int dor_ssl_handshake_cancel(dor_socket socket);

/* ---- one listener, several hosts --------------------------------------------------------------------------- */

/**
 * What a server goes by for clients that call it by a certain name: settled options, files read, immutable. Counted; any
 * thread.
 */
typedef struct dor_host dor_host;

/**
 * Settles options as dor_ssl_listen does (a certificate is needed), and fails as it does. They are complete: nothing is
 * taken over from the listener, but what belongs to it alone counts there (address, descriptors, max_connections). Each
 * host has a memory of sessions and ticket keys of its own, so that no session crosses from one to another. The
 * caller releases it.
 */
DOR_API int dor_host_new(const dor_options *options, dor_host **host);
DOR_API dor_host *dor_host_ref(dor_host *host);
DOR_API void dor_host_unref(dor_host *host);

/**
 * Settles options laid over others, such as the listener's: what options do not set is as base has it; otherwise as
 * dor_host_new, errors included. Who gives a part means the whole of it, and nothing of base's: certificate, key and password
 * (cert, certfile, key, keyfile, certs_keys); authorities (cacerts, cacertfile); the memory of sessions; the key log. Not
 * taken over are base's address, sni_hosts, sni_fun and session_cache, while ticket_keys are. DOR_E_BADARG, and what else is
 * wrong stands in dor_options_error(options). The caller releases *host. Source: sni_hosts, whose options go over the
 * listener's.
 */
DOR_API int dor_host_new_over(const dor_options *options, const dor_options *base, dor_host **host);

/**
 * Option sni_hosts: clients that call `name` are served by host. "*.example.org" stands for any one label in front; a name
 * itself beats it. Letter case and a final dot do not matter. Another host for the same name takes its place. Takes a
 * reference of its own. Who calls another name, or none, gets the listener's own options. DOR_E_OPTION_TYPE for what is no
 * name. Source: sni_hosts.
 */
DOR_API int dor_options_add_sni_host(dor_options *options, const char *name, dor_host *host);

/**
 * Chooses by the name that the client calls: lower case, without a final dot, ended by a NUL. DOR_OK with *host set: it
 * serves; the library takes the reference (dor_host_ref). DOR_OK with *host left NULL: the listener's own options. Anything
 * else: the client gets the alert unrecognized_name. Runs on a scheduler and must not block: make hosts beforehand.
 */
typedef int (*dor_sni_fn)(const char *server_name, dor_host **host, void *arg);

/** Option sni_fun; excludes sni_hosts (DOR_E_OPTION_CONFLICT from the call that listens). NULL takes it back. Source: sni_fun. */
DOR_API int dor_options_set_sni_fun(dor_options *options, dor_sni_fn fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
