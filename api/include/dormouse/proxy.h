/*
 * dormouse/proxy.h - the PROXY protocol: whom a connection was made for, said by a proxy in front of TLS.
 *
 * Servers ask for a header by option proxy_protocol "require" (and proxy_trust, whom to ask); clients send one by "v1" or
 * "v2". docs/transports.md is the guide. Source: HAProxy's "The PROXY protocol", versions 1 and 2.
 */
#ifndef DORMOUSE_PROXY_H
#define DORMOUSE_PROXY_H

#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that are no C string; data NULL: not there. */
typedef struct dor_proxy_text {
    const void *data; /**< NULL: not there */
    size_t len;       /**< bytes */
} dor_proxy_text;

/** Bits of dor_proxy_info.ssl_client. */
enum {
    DOR_PROXY_CLIENT_SSL = 1,       /**< by TLS */
    DOR_PROXY_CLIENT_CERT_CONN = 2, /**< a certificate was presented on this connection */
    DOR_PROXY_CLIENT_CERT_SESS = 4  /**< or at least once in its session */
};

/** What a header says. Everything but version and addresses is of version 2 alone. */
typedef struct dor_proxy_info {
    uint8_t version; /**< 1 or 2; without meaning for dor_options_set_proxy_header */
    uint8_t
        known; /**< 0: no addresses (LOCAL, UNKNOWN), the proxy's own connection perhaps, and nothing else either */
    uint8_t checked;                /**< a CRC32c came with it and is right; setting: one is sent */
    dor_address source;             /**< the client, as the proxy saw it: IPv4, IPv6, or a Unix-domain path */
    dor_address destination;        /**< where the client connected to; of the same kind */
    dor_proxy_text alpn;            /**< the application protocol, at most 255 bytes */
    dor_proxy_text authority;       /**< the host's name that the client called */
    dor_proxy_text unique_id;       /**< the connection's, at most 128 bytes */
    dor_proxy_text netns;           /**< the network namespace's name */
    uint8_t has_ssl;                /**< the client came by TLS; what follows says how */
    uint8_t ssl_client;             /**< DOR_PROXY_CLIENT_ bits */
    uint32_t ssl_verify;            /**< 0: it presented a certificate that was verified */
    dor_proxy_text ssl_version;     /**< "TLSv1.3" */
    dor_proxy_text ssl_common_name; /**< of its certificate */
    dor_proxy_text ssl_cipher;      /**< the cipher suite */
    dor_proxy_text ssl_sig_alg;     /**< how the proxy's certificate is signed */
    dor_proxy_text ssl_key_alg;     /**< and its key: "EC256" */
    dor_proxy_text
        tlvs; /**< all extensions as they came (type, length of two bytes, value); setting: not looked at */
    dor_buffer *memory; /**< what the texts point into; dor_proxy_info_clear releases it */
} dor_proxy_info;

/**
 * What the PROXY header in front of a server's connection says; the caller clears *info. DOR_E_NO_PROXY_HEADER when the
 * connection was served without one, or on a client; DOR_E_ENOTCONN before it has come; DOR_E_CLOSED afterwards.
 * dor_ssl_peername keeps to the transport's peer, the proxy: what it answers cannot be lied about. Immediate.
 */
DOR_API int dor_ssl_get_proxy_info(dor_socket socket, dor_proxy_info *info);

/** Releases what *info refers to. Any thread. */
DOR_API void dor_proxy_info_clear(dor_proxy_info *info);

/**
 * Clients: what the header says that option proxy_protocol "v1" or "v2" sends; info is copied. NULL, or never called: a
 * connection of our own (LOCAL, UNKNOWN). A gateway sets the peername and sockname of the connection that it serves.
 * DOR_E_BADARG: the addresses are not of one kind or no addresses, or a text is too long. One thread per options.
 */
DOR_API int dor_options_set_proxy_header(dor_options *options, const dor_proxy_info *info);

#ifdef __cplusplus
}
#endif
#endif
