/*
 * dormouse/inet.h - the system's side of a socket: options that have no name among ours, and what it has counted.
 *
 * Options with names (nodelay, keepalive, sndbuf, tos, ...) are set like all others, by dormouse/options.h when a socket is
 * made and by dor_ssl_setopts when it is open; dor_ssl_getopts asks the system for them. docs/socket-options.md is the
 * guide.
 *
 * The calls about a dor_socket are immediate in the sense of dormouse/ssl.h: at once on the socket's own scheduler; a
 * thread waits for that scheduler; an actor on another one gets DOR_E_WOULD_DEADLOCK. For a listener they answer
 * DOR_E_ENOTCONN, as also before a client's TCP connection is there, and DOR_E_CLOSED when there is none any more.
 */
#ifndef DORMOUSE_INET_H
#define DORMOUSE_INET_H

#include <dormouse/options.h>
#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- options without a name ---------------------------------------------------------------------------- */

/**
 * Adds to option raw: setsockopt(level, option) with these bytes, of which there may be up to 256, and up to 32 such
 * options. level, option and the bytes are the system's (<sys/socket.h>, <netinet/tcp.h>); they are not looked at, but for
 * one: SO_LINGER with a time to wait is DOR_E_OPTION_CONFLICT, since close() would hold up a scheduler for so long (with the
 * time 0 it may be set; to wait for what was sent, see option linger). All is copied.
 *
 * They are set behind the options with names, in this order: before connect, before bind on a listener (what accepted
 * connections inherit of it is the system's matter), by dor_ssl_accept and dor_ssl_setopts on a connection. A refusal is the
 * errno of that call. dor_options_unset(options, "raw") begins anew. Source: inet's {raw, Level, Option, Value}.
 */
DOR_API int dor_options_add_raw(dor_options *options, int level, int option, const void *value, size_t len);

/**
 * getsockopt: *len is the room at value, and then how much the system wrote there. An error of class IO is its errno;
 * DOR_E_NOT_SUPPORTED over a transport without a descriptor. Source: inet's {raw, Level, Option, Size} in getopts.
 */
DOR_API int dor_ssl_getopt_raw(dor_socket socket, int level, int option, void *value, size_t *len);

/* ---- statistics ---------------------------------------------------------------------------------------- */

/**
 * What TCP has counted since the connection began, TLS's handshake and overhead included, and what was said in the clear
 * before an upgrade. Octets are TCP's payload. Packets (cnt) are TCP segments with data, as the system cut them: how large a
 * send was cannot be told from them, so inet's recv_max, send_max and recv_dvi are not to be had.
 */
typedef struct dor_socket_statistics {
    uint64_t recv_oct;  /**< octets received in order (the peer's FIN counts as one) */
    uint64_t recv_cnt;  /**< in so many packets, repeated ones included */
    uint64_t recv_avg;  /**< octets for each */
    uint64_t send_oct;  /**< octets that the system has taken, each counted once */
    uint64_t send_cnt;  /**< packets sent, repeated ones included */
    uint64_t send_avg;  /**< octets sent for each */
    uint64_t send_pend; /**< send_queued and send_unacked together: accepted, and not known to have arrived */
    uint64_t
        send_queued; /**< of it, here: not sealed yet (counted as plaintext), or not taken by the system */
    uint64_t send_unacked;      /**< of it, in the system: not sent, or not acknowledged (SIOCOUTQ) */
    uint64_t retransmitted;     /**< octets that were sent again */
    uint32_t rtt_us;            /**< smoothed round trip, microseconds */
    uint32_t rtt_var_us;        /**< its mean deviation */
    uint32_t congestion_window; /**< packets that may be on their way */
    uint32_t mss;               /**< octets of the largest packet that may be sent */
} dor_socket_statistics;

/**
 * What TCP has counted on a connection. DOR_E_NOT_SUPPORTED over what is not TCP (Unix-domain sockets, callback modules), and on systems whose TCP does not count
 * octets (Linux does since 4.19). Source: inet:getstat/1,2 through ssl:getstat/1,2.
 */
DOR_API int dor_ssl_getstat(dor_socket socket, dor_socket_statistics *statistics);

/** What TCP has counted, as one JSON object with these names. *text ends with a NUL and is for dor_free. */
DOR_API int dor_ssl_getstat_json(dor_socket socket, char **text);

#ifdef __cplusplus
}
#endif
#endif
