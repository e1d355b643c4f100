/*
 * dormouse/ssl.h - TLS sockets that are actors: the reference's ssl application in C.
 *
 * A dor_socket names a listener or a connection. It is a value: keep it as long as you like; once the socket is gone,
 * calls with it answer DOR_E_CLOSED. Every connection has one owner, an actor or a process, to which it posts
 *
 *     DOR_MSG_SSL            data (in active mode)
 *     DOR_MSG_SSL_CLOSED     the end, after all data
 *     DOR_MSG_SSL_ERROR      the end, by failure; exactly one of these two comes
 *     DOR_MSG_SSL_PASSIVE    {active, N} has run out
 *     DOR_MSG_SSL_WRITABLE   sending is possible again after DOR_E_BUSY
 *     DOR_MSG_SSL_TICKET     a session to resume with (clients with session_tickets "manual")
 *
 * each with a dor_ssl_event as payload. The one who opens or accepts a socket owns it; dor_ssl_controlling_process
 * hands it on, together with the events that were not taken yet.
 *
 * Two forms of every call that may take time:
 *   - plain (dor_ssl_recv): blocks the calling thread, which becomes a process by it if it is none yet. On a scheduler
 *     thread it fails at once with DOR_E_WOULD_DEADLOCK;
 *   - dor_ssl_..._async: for actors (and processes); gives a reference at once, and the outcome arrives as
 *     DOR_MSG_SSL_REPLY with a dor_ssl_reply as payload.
 * Calls marked "immediate" never wait: an actor may use them for a socket of its own scheduler (as an owner that
 * dor_ssl_serve spawned always is, and one that connects). A thread waits until the socket's scheduler comes to it. An
 * actor on another scheduler cannot wait: its orders (set_active, close, shutdown, update_keys, stop_listening) are
 * passed on, DOR_OK meaning just that, in one order with what it sends, and carried out even if it has handed the socket on
 * by then; its questions, and setopts of more than active, get DOR_E_WOULD_DEADLOCK.
 *
 * Timeouts are in milliseconds, DOR_INFINITY for none. Lengths are in bytes. All calls answer DOR_OK or a code.
 */
#ifndef DORMOUSE_SSL_H
#define DORMOUSE_SSL_H

#include <dormouse/actor.h>
#include <dormouse/http.h>
#include <dormouse/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Names a listener or a connection. No two sockets of a process ever have one number. */
typedef uint64_t dor_socket;
#define DOR_SOCKET_NONE ((dor_socket)0)

/** A session that a client can resume; counted, immutable, any thread. */
DOR_API dor_ssl_session *dor_ssl_session_ref(dor_ssl_session *session);
DOR_API void dor_ssl_session_unref(dor_ssl_session *session);

/** Payload of the DOR_MSG_SSL_ events. What it points to is released with the message; take a reference to keep it. */
typedef struct dor_ssl_event {
    dor_socket socket; /**< whose event */
    dor_buffer *data;  /**< DOR_MSG_SSL; ERROR with DOR_E_INVALID_PACKET: what could not be cut, or NULL */
    dor_ssl_session *session; /**< DOR_MSG_SSL_TICKET */
    int reason;               /**< CLOSED: DOR_OK, or DOR_E_TRUNCATED without close_notify; ERROR: why */
    uint32_t header_len;      /**< SSL: the first so many bytes of data are what option "header" sets apart */
    uint8_t http; /**< SSL: the dor_http_part that data is, for dor_http_parse; 0 outside of the http modes */
} dor_ssl_event;

/** Payload of DOR_MSG_SSL_REPLY. */
typedef struct dor_ssl_reply {
    dor_ref ref;       /**< what the call gave */
    int result;        /**< DOR_OK or a code */
    dor_socket socket; /**< the new socket of connect, listen and transport_accept, else the one asked */
    dor_buffer *data;  /**< what recv received, else NULL */
    int fd; /**< downgrade: the descriptor, closed with the message unless the receiver puts -1 here; else -1 */
    uint32_t header_len; /**< of data, as in dor_ssl_event */
    uint8_t http;        /**< as in dor_ssl_event */
    uint32_t count;      /**< drain: how many connections were closed when the time was over */
} dor_ssl_reply;

/* ---- start and stop ------------------------------------------------------------------------------------- */

/**
 * Starts the ssl application, that is the default runtime (dor_runtime_default). Nobody has to: calls with runtime NULL start
 * it by themselves. Who does knows from then on that its threads could be had. Twice is fine. DOR_E_NOMEM or the
 * system's errno; DOR_E_STOPPED while another thread stops it. Any thread. Source: start/0,1.
 */
DOR_API int dor_ssl_start(void);

/**
 * Ends it with all its sockets, listeners and actors, as dor_runtime_stop does with the default runtime, and empties the
 * cache of PEM files. Other runtimes go on. DOR_OK also when it does not run, or another thread is stopping it. Calls with
 * sockets of before answer DOR_E_CLOSED; dor_ssl_start, or a call with runtime NULL, starts it anew. Not from a scheduler
 * thread (DOR_E_WOULD_DEADLOCK). Source: stop/0.
 */
DOR_API int dor_ssl_stop(uint32_t deadline_ms);

/* ---- listening and connecting ------------------------------------------------------------------------ */

/**
 * Listens on port (0: any free one; dor_ssl_sockname tells) of every scheduler, with SO_REUSEPORT. Options "ip" and
 * "backlog" say where and how; "ip" may be "unix:PATH", and then port is ignored (docs/transports.md). Certificates and keys are loaded here; DOR_E_NO_OPTIONS without any.
 * runtime may be NULL: see dor_runtime_default. Source: listen/2.
 */
DOR_API int dor_ssl_listen(dor_runtime *runtime, uint16_t port, const dor_options *options,
                           dor_socket *listener);

/** The next TCP connection; no TLS yet. The caller owns it. Source: transport_accept/1,2. */
DOR_API int dor_ssl_transport_accept(dor_socket listener, uint32_t timeout_ms, dor_socket *socket);
DOR_API int dor_ssl_transport_accept_async(dor_socket listener, uint32_t timeout_ms, dor_ref *ref);

/**
 * The server's handshake. options (may be NULL) override the listener's. On failure or timeout the socket is gone.
 * Source: ssl_accept/1,2,3.
 */
DOR_API int dor_ssl_accept(dor_socket socket, const dor_options *options, uint32_t timeout_ms);
DOR_API int dor_ssl_accept_async(dor_socket socket, const dor_options *options, uint32_t timeout_ms,
                                 dor_ref *ref);

/**
 * Connects to a host name or address (IPv4; IPv6, with a zone and in brackets if need be) and does the client's handshake.
 * Several addresses are tried side by side (RFC 8305); options ip, port and bind_to_device say where from. The peer's
 * certificate and name are verified unless options say otherwise. "unix:PATH" is a Unix-domain socket (port is ignored):
 * DOR_E_OPTION_CONFLICT when a name is to be verified and there is no server_name_indication. Source: connect/3,4.
 */
DOR_API int dor_ssl_connect(dor_runtime *runtime, const char *host, uint16_t port, const dor_options *options,
                            uint32_t timeout_ms, dor_socket *socket);
DOR_API int dor_ssl_connect_async(dor_runtime *runtime, const char *host, uint16_t port,
                                  const dor_options *options, uint32_t timeout_ms, dor_ref *ref);

/* ---- a server in one call ------------------------------------------------------------------------------ */

/** What the owners do of connections that speak one protocol (ALPN): each as in dor_server_spec. */
typedef struct dor_protocol_spec {
    const char *name;                                                      /**< "h2"; 1 to 255 bytes */
    void *(*open)(dor_socket socket, void *arg);                           /**< or NULL */
    void (*receive)(void *state, dor_socket socket, dor_message *message); /**< required */
    void (*close)(void *state);                                            /**< or NULL */
    void *arg;                                                             /**< what open is given */
} dor_protocol_spec;

/** What dor_ssl_serve calls. The functions of one connection run on its scheduler, one at a time. */
typedef struct dor_server_spec {
    /** A connection is ready (handshake done): makes the owner's state. Runs on the owner actor. NULL: state is arg. */
    void *(*open)(dor_socket socket, void *arg);

    /**
     * The owner's messages: events, replies, its own. Owns the message. After SSL_CLOSED or SSL_ERROR the owner ends, and
     * so it does when the connection has ended without one (it closed it, or a recv told it).
     */
    void (*receive)(void *state, dor_socket socket, dor_message *message);

    /** The owner has ended: releases state. May be NULL. */
    void (*close)(void *state);

    /** A handshake failed (peer's address and why); runs on some scheduler thread. May be NULL. */
    void (*failed)(const char *peer, int reason, void *arg);

    void *arg; /**< what open and failed are given */

    /**
     * protocol_count of them (0: none): a connection whose negotiated protocol has such a name gets an owner of that kind,
     * every other one an owner of the kind above. Without option alpn_preferred_protocols their names are the preference, in
     * this order. All of it is copied; docs/listeners.md has an example.
     */
    const dor_protocol_spec *protocols;
    size_t protocol_count; /**< how many */
} dor_server_spec;

/**
 * Listens, accepts, shakes hands, and spawns one owner actor per connection on the connection's own scheduler. DOR_E_BADARG
 * when a protocol of spec has no name, one that is too long, or that of another.
 */
DOR_API int dor_ssl_serve(dor_runtime *runtime, uint16_t port, const dor_options *options,
                          const dor_server_spec *spec, dor_socket *listener);

/* ---- data ---------------------------------------------------------------------------------------------- */

/**
 * Sends len bytes, framed as the packet mode says. Blocks until the ciphertext has been handed to the system;
 * for an actor: see the next. DOR_E_TIMEOUT with option send_timeout: some of it may have been sent, and then all of it
 * will be unless the connection ends; else it is withdrawn. Source: send/2.
 */
DOR_API int dor_ssl_send(dor_socket socket, const void *data, size_t len);

/**
 * Queues data for sending and never waits; any actor, process or thread. Takes the reference to data even on failure.
 * DOR_E_BUSY when the queue is at its high-water mark ("high_watermark"): nothing was queued, and the owner gets
 * DOR_MSG_SSL_WRITABLE when it is below the low one. With ref not NULL the caller (an actor or process) gets a reply when
 * the ciphertext has been written, or why it was not.
 */
DOR_API int dor_ssl_send_async(dor_socket socket, dor_buffer *data, dor_ref *ref);

/** A run of bytes somewhere in memory. */
typedef struct dor_part {
    const void *data; /**< len bytes */
    size_t len;       /**< bytes */
} dor_part;

/**
 * Sends data that lies in several places, as dor_ssl_send and dor_ssl_send_async do: in the packet modes one packet, and in all
 * of them accepted or refused as a whole. The parts are copied, once, before the call returns, as dor_ssl_send copies; who
 * has all of it in a counted buffer saves that by dor_ssl_send_async. A part of no bytes is fine, and so are no parts.
 * DOR_E_BADARG for a part that has a length and no data. Source: send/2 with an iolist.
 */
DOR_API int dor_ssl_sendv(dor_socket socket, const dor_part *parts, size_t count);
DOR_API int dor_ssl_sendv_async(dor_socket socket, const dor_part *parts, size_t count, dor_ref *ref);

/**
 * Receives in passive mode. Raw: exactly `length` bytes, or with 0 whatever is there (at least one byte); other packet
 * modes: one packet. DOR_E_EINVAL in active mode, DOR_E_EALREADY while another recv waits, DOR_E_TIMEOUT (nothing is
 * lost). After everything that came: DOR_E_CLOSED, or once the reason if the connection did not end with close_notify
 * (DOR_E_TRUNCATED, an alert, ...). length is at most 1 GiB. The caller releases *data. Source: recv/2,3.
 */
DOR_API int dor_ssl_recv(dor_socket socket, size_t length, uint32_t timeout_ms, dor_buffer **data);
DOR_API int dor_ssl_recv_async(dor_socket socket, size_t length, uint32_t timeout_ms, dor_ref *ref);

/* ---- options, ownership, end --------------------------------------------------------------------------- */

/** What dor_ssl_set_active takes; a positive number N adds {active, N}. */
enum {
    DOR_ACTIVE_FALSE = 0, /**< passive: dor_ssl_recv */
    DOR_ACTIVE_TRUE = -1, /**< everything comes as events */
    DOR_ACTIVE_ONCE = -2  /**< one event, then passive */
};

/**
 * Changes between active and passive: what comes is posted as events, or waits for dor_ssl_recv. N is 1 to 32767 and adds to
 * what is left; DOR_E_EINVAL when that gives more. Only the owner may (DOR_E_NOT_OWNER). Immediate.
 */
DOR_API int dor_ssl_set_active(dor_socket socket, int active);

/**
 * Options of an open socket: active, packet and how it is cut, the system's (nodelay, keepalive, raw, ...), and linger,
 * send_timeout, exit_on_close, the send queue's water marks; docs/options.md marks them with "o". On a listener any option of
 * servers, for later accepts; other rules for clients, or another certificate, end what can be resumed, ticket_keys with it
 * unless they are given again (docs/sessions.md). All that can be checked is checked before anything is changed; then the system's come first, and
 * when it refuses one (its errno, or DOR_E_NOT_SUPPORTED for one that this kind of socket does not have) those before it
 * stay set and all others are as they were. Immediate. Source: setopts/2.
 */
DOR_API int dor_ssl_setopts(dor_socket socket, const dor_options *options);

/**
 * Sets in `values` each of the named options, in this order, to its present value; the system is asked for its own. On a
 * listener: what later accepts will have. DOR_E_NOT_SUPPORTED for what cannot be read back (certificates, lists), or this
 * kind of socket does not have; dor_options_error(values) says which. Immediate. Source: getopts/2.
 */
DOR_API int dor_ssl_getopts(dor_socket socket, const char *const *names, size_t count, dor_options *values);

/**
 * Makes an actor or process the new owner. Only the present owner may (DOR_E_NOT_OWNER). Events not yet taken move too, in
 * order; the caller sees none of them after this returns. On a listener: moves the listener. Immediate, everywhere.
 */
DOR_API int dor_ssl_controlling_process(dor_socket socket, dor_pid new_owner);

/** Closes after what was accepted for sending is written (bounded by "linger" ms), with close_notify. Twice is fine. Immediate. */
DOR_API int dor_ssl_close(dor_socket socket);

/** Which direction dor_ssl_shutdown ends. */
typedef enum dor_shutdown_how {
    DOR_SHUTDOWN_READ,      /**< what still comes is dropped */
    DOR_SHUTDOWN_WRITE,     /**< close_notify and FIN */
    DOR_SHUTDOWN_READ_WRITE /**< both */
} dor_shutdown_how;

/**
 * Ends one direction, or both. Write: close_notify and FIN after what is queued, reading goes on. Read: what still comes is
 * dropped. Immediate. Source: shutdown/2.
 */
DOR_API int dor_ssl_shutdown(dor_socket socket, dor_shutdown_how how);

/** A listener stops taking connections; those that are open go on. Closing it (dor_ssl_close) does the same. Immediate. */
DOR_API int dor_ssl_stop_listening(dor_socket listener);

/* ---- information (immediate) --------------------------------------------------------------------------- */

/** An end of a connection. */
typedef struct dor_address {
    char ip[46];     /**< text form */
    uint16_t port;   /**< in the byte order of this machine */
    uint8_t version; /**< 4 or 6; 0: no IP address but what `path` says */
    char path
        [109]; /**< version 0: a Unix-domain socket's path, '@' before an abstract name; empty: it has none */
} dor_address;

/**
 * The peer's address, and ours; of a listener, where it listens. DOR_E_ENOTCONN for a listener's peer. Source:
 * peername/1, sockname/1.
 */
DOR_API int dor_ssl_peername(dor_socket socket, dor_address *address);
DOR_API int dor_ssl_sockname(dor_socket socket, dor_address *address);

/** What became of early data (option early_data, RFC 8446 section 2.3). */
typedef enum dor_early_data_outcome {
    DOR_EARLY_DATA_NONE, /**< there was none; a client's was not sent, for want of a ticket that allows so much */
    DOR_EARLY_DATA_ACCEPTED, /**< the server took it; to a server's owner it is the first data that comes */
    DOR_EARLY_DATA_REJECTED  /**< client: the server passed over it; nothing is sent again by itself */
} dor_early_data_outcome;

/** What was negotiated. All texts end with a NUL. */
typedef struct dor_connection_info {
    char protocol[16];       /**< "tlsv1.3" */
    char cipher_suite[64];   /**< IANA's name */
    char group[24];          /**< "x25519"; empty in a TLS 1.2 resumption */
    char peer_signature[40]; /**< scheme that the peer signed with; empty if it did not */
    char server_name[256];   /**< SNI, or empty */
    char alpn[256];          /**< or empty */
    uint8_t resumed;         /**< the handshake was abbreviated */
    uint8_t hello_retry;     /**< a HelloRetryRequest was needed */
    uint8_t hibernated;      /**< asleep when it was asked */
    uint8_t has_peercert;    /**< dor_ssl_peercert has one */
    uint8_t early_data;      /**< a dor_early_data_outcome */
} dor_connection_info;

/** What was negotiated; DOR_E_ENOTCONN before the handshake is complete. Source: connection_info/1. */
DOR_API int dor_ssl_connection_info(dor_socket socket, dor_connection_info *info);

/** The ALPN protocol with a NUL; DOR_E_PROTOCOL_NOT_NEGOTIATED. */
DOR_API int dor_ssl_negotiated_protocol(dor_socket socket, char *name, size_t cap);

/** The peer's certificate in DER; the caller releases it. DOR_E_NO_PEERCERT. */
DOR_API int dor_ssl_peercert(dor_socket socket, dor_buffer **der);

/**
 * What the server showed beside its certificate, to a client that asked (options request_ocsp, request_sct): the
 * certificate's status, an OCSP response in DER, and its timestamps, a SignedCertificateTimestampList with its two bytes of
 * length. Both are passed on as they came: that they have the form is all that is known of them. On a resumed connection what
 * the server showed when the session was made. The caller releases the buffer.
 * DOR_E_NOT_SHOWN when there is none. Source: RFC 6066 section 8, RFC 6962 section 3.3.
 */
DOR_API int dor_ssl_peer_ocsp_response(dor_socket socket, dor_buffer **der);
DOR_API int dor_ssl_peer_sct_list(dor_socket socket, dor_buffer **list);

/** A client's session as of now (TLS 1.3: the newest ticket); the caller releases it. DOR_E_NO_SESSION. */
DOR_API int dor_ssl_get_session(dor_socket socket, dor_ssl_session **session);

/** TLS 1.3 key update; DOR_E_EINVAL in TLS 1.2. Immediate. */
DOR_API int dor_ssl_update_keys(dor_socket socket, int ask_peer);

/**
 * TLS 1.2: a new handshake on the open connection (RFC 5746), with fresh keys; needs option renegotiation. A server asks its
 * client for one. DOR_OK when it is complete; what dor_ssl_connection_info and dor_ssl_peercert tell is new then, until then as
 * before. Data that is sent meanwhile follows it. From any thread or actor; blocks the calling thread.
 *
 * DOR_E_RENEGOTIATION_REFUSED: the peer does not want to, and the connection goes on; DOR_E_TIMEOUT: it has not said (the peer may
 * still come to it; a call before that answers DOR_E_EALREADY); DOR_E_RENEGOTIATION_INSECURE: the peer cannot bind it to the
 * handshake before; DOR_E_EALREADY: one is going on, or somebody waits for one; DOR_E_EINVAL: TLS 1.3, or the option is not
 * set; DOR_E_ENOTCONN, DOR_E_CLOSED. One that fails ends the connection, and the reason is the answer.
 *
 * timeout_ms: of this call; once begun it has handshake_timeout, too. Source: renegotiate/1.
 */
DOR_API int dor_ssl_renegotiate(dor_socket socket, uint32_t timeout_ms);

/** Renegotiates likewise, for actors and processes; DOR_MSG_SSL_REPLY with *ref, which is written at once, brings the outcome. */
DOR_API int dor_ssl_renegotiate_async(dor_socket socket, uint32_t timeout_ms, dor_ref *ref);

/**
 * TLS 1.3, servers with options post_handshake_auth and verify_peer: asks the client for its certificate (RFC 8446 section
 * 4.6.2), which is judged as in a handshake. DOR_OK when it has answered: dor_ssl_peercert has the certificate, or
 * DOR_E_NO_PEERCERT when the client has none and fail_if_no_peer_cert does not want one. Data goes both ways meanwhile. From any
 * thread or actor; blocks the calling thread.
 *
 * DOR_E_NO_POST_AUTH: the client has not offered it; DOR_E_TIMEOUT: no answer yet (a later one counts all the same, also as the
 * answer to a call that follows); DOR_E_EALREADY: somebody waits for one, or the client is in the middle of an answer;
 * DOR_E_LIMIT: four requests have no answer; DOR_E_EINVAL: a client, TLS 1.2, or the options are not set; DOR_E_ENOTCONN,
 * DOR_E_CLOSED. A certificate that is refused ends the connection, and the reason is the answer.
 *
 * timeout_ms: of this call. Source: ours; the reference has none.
 */
DOR_API int dor_ssl_request_certificate(dor_socket socket, uint32_t timeout_ms);

/** Asks likewise, for actors and processes; DOR_MSG_SSL_REPLY with *ref, which is written at once, brings the outcome. */
DOR_API int dor_ssl_request_certificate_async(dor_socket socket, uint32_t timeout_ms, dor_ref *ref);

/** Figures of the ssl application in a runtime. */
typedef struct dor_ssl_statistics {
    uint64_t connections;         /**< open now */
    uint64_t hibernated;          /**< of those, asleep now */
    uint64_t accepted;            /**< TCP connections since the start */
    uint64_t refused;             /**< of those: over a limit, out of descriptors or memory */
    uint64_t handshakes;          /**< completed, both roles */
    uint64_t handshakes_failed;   /**< both roles */
    uint64_t bytes_in, bytes_out; /**< plaintext */
} dor_ssl_statistics;

/** Figures of the ssl application in a runtime. Any thread; no waiting; each is exact at some recent moment. */
DOR_API int dor_ssl_get_statistics(dor_runtime *runtime, dor_ssl_statistics *statistics);

#ifdef __cplusplus
}
#endif
#endif
