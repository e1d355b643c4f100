/*
 * dormouse/transport.h - what TLS runs over: descriptors that somebody else has connected, and callback modules.
 *
 * Everything here gives or takes a dor_socket as dormouse/ssl.h knows it; docs/transports.md is the guide. Calls answer
 * DOR_OK or a code.
 *
 * Threads: calls on sockets as dormouse/ssl.h says; those on options, one thread at a time for each object.
 */
#ifndef DORMOUSE_TRANSPORT_H
#define DORMOUSE_TRANSPORT_H

#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- upgrade: TLS over a connection that exists ------------------------------------------------------- */

/**
 * The client's handshake over fd, a connected stream socket (TCP, Unix): a protocol's STARTTLS. The caller owns the new
 * socket. host (may be NULL) is what the certificate is verified for and what SNI names; without one, and without
 * server_name_indication, verify_host must be false (DOR_E_OPTION_CONFLICT). Options, files and timeout are those of
 * dor_ssl_connect, errors too.
 *
 * Who owns fd: an error of class usage (dor_error_get_class: DOR_E_BADARG, a bad option, an unreadable file,
 * DOR_E_WOULD_DEADLOCK) leaves it with the caller, untouched. With every other outcome it is the library's from the call
 * on: it is closed when the handshake fails, times out, or cannot begin, and with the socket later. It may be blocking
 * and may be inherited by child processes when it comes; both are changed, for everybody who has a copy of it
 * (O_NONBLOCK belongs to the open socket, not to the number).
 *
 * Nobody may read from fd or a copy of it any more. Bytes that the caller has read from it already cannot be given
 * here, on purpose: what a peer sent in the clear behind its STARTTLS or the answer to it must not be taken for
 * something said under TLS (CVE-2011-0411). Stop reading at the end of that line, and when more has come, close.
 *
 * Any thread that is not a scheduler's. Source: the reference's connect/2,3 (upgrade).
 */
DOR_API int dor_ssl_connect_fd(dor_runtime *runtime, int fd, const char *host, const dor_options *options,
                               uint32_t timeout_ms, dor_socket *socket);

/** dor_ssl_connect_fd for actors and processes; DOR_OK means that fd is the library's. The reply names the socket. */
DOR_API int dor_ssl_connect_fd_async(dor_runtime *runtime, int fd, const char *host,
                                     const dor_options *options, uint32_t timeout_ms, dor_ref *ref);

/**
 * The server's handshake over fd; everything as for dor_ssl_connect_fd. Options are those of dor_ssl_listen, and as
 * there DOR_E_NO_OPTIONS says that there is no certificate. Who upgrades many connections with the same files pays for
 * reading them each time. Source: ssl_accept/2,3 on a connected socket.
 */
DOR_API int dor_ssl_accept_fd(dor_runtime *runtime, int fd, const dor_options *options, uint32_t timeout_ms,
                              dor_socket *socket);
DOR_API int dor_ssl_accept_fd_async(dor_runtime *runtime, int fd, const dor_options *options,
                                    uint32_t timeout_ms, dor_ref *ref);

/* ---- downgrade: back to plain text ---------------------------------------------------------------------- */

/**
 * Ends TLS and gives the descriptor back: what was accepted for sending is written, close_notify behind it; when the
 * peer's close_notify has come, too, *fd is the caller's (non-blocking), and *rest what had been read behind it: plain
 * bytes of the peer's, or NULL for none. The caller releases *rest. The socket is gone then; no event tells of its end.
 *
 * Only the owner may (DOR_E_NOT_OWNER). Whatever the peer sent under TLS and the owner has not received or been
 * posted is dropped: a dialogue that returns to plain text has said all it had to. A recv that waits is answered with
 * DOR_E_CLOSED.
 *
 * The side that answers a downgrade needs exit_on_close false: then the peer's close_notify leaves the connection to it
 * (it learns of it as usual, by DOR_MSG_SSL_CLOSED with reason DOR_OK or by a recv), and it downgrades in turn. With
 * exit_on_close true it may still be first; but when it is not, the peer's close_notify has ended the connection.
 *
 * DOR_E_TIMEOUT, and DOR_E_TRUNCATED when the peer ends the connection without close_notify: it is closed, and there is no
 * descriptor. DOR_E_EINVAL after dor_ssl_shutdown of writing, DOR_E_NOT_SUPPORTED over a transport without a
 * descriptor, DOR_E_EALREADY for a second call: with these, the connection goes on. Source: close/2 with a new
 * controller.
 */
DOR_API int dor_ssl_downgrade(dor_socket socket, uint32_t timeout_ms, int *fd, dor_buffer **rest);

/** The reply has fd, and the rest as data; take them out of it, or they go with the message. */
DOR_API int dor_ssl_downgrade_async(dor_socket socket, uint32_t timeout_ms, dor_ref *ref);

/* ---- callback modules: cb_info ------------------------------------------------------------------------- */

/**
 * Names the one who wants to hear of a module's readiness: a connection's socket, or a listener. Counted; the module
 * holds a reference from `watch` or `listen` on for as long as it may call dor_transport_ready. Any thread.
 */
typedef struct dor_transport_handle dor_transport_handle;
DOR_API dor_transport_handle *dor_transport_handle_ref(dor_transport_handle *handle);
DOR_API void dor_transport_handle_unref(dor_transport_handle *handle);

/** What may be tried; READ for a listener: there may be a connection to accept. */
enum {
    DOR_TRANSPORT_READ = 1, /**< recv, accept */
    DOR_TRANSPORT_WRITE = 2 /**< send */
};

/**
 * Tells that what would have blocked is worth another try. Any thread, at any time, the socket's scheduler and the
 * module's own calls included; cheap, cannot fail, allocates nothing. Once too often is harmless, once too seldom lets
 * a connection hang. Harmless also when the socket has ended.
 */
DOR_API void dor_transport_ready(dor_transport_handle *handle, unsigned what);

/** What a module's calls answer, or else a code of dormouse/error.h (another negative number is DOR_E_INTERNAL). */
enum {
    DOR_TRANSPORT_DONE = 0,  /**< it is done */
    DOR_TRANSPORT_AGAIN = 1, /**< it would block */
    DOR_TRANSPORT_END = 2    /**< recv: the peer sends no more */
};

/**
 * A transport: ordered, reliable streams of bytes. No call may block, and none may call back into the library but for
 * what is declared in this section. Calls about one connection come from one thread at a time (its scheduler), `connect`
 * and `accept` from any scheduler, several at a time. `watch`, `send`, `recv` and `close` are required; without
 * `connect`, or `listen`, `accept` and `unlisten`, those uses are DOR_E_NOT_SUPPORTED.
 *
 * Who answers AGAIN owes a dor_transport_ready with the same direction when that has changed.
 */
typedef struct dor_transport_ops {
    /** Begins a connection. DONE, or AGAIN: readiness to write tells when it is there, or that a send will say why not. */
    int (*connect)(void *arg, const char *host, uint16_t port, void **connection);

    /** address: option ip, or empty. *port 0: chooses one. Keeps a reference to handle, and tells it of connections. */
    int (*listen)(void *arg, const char *address, uint16_t *port, int backlog, dor_transport_handle *handle,
                  void **listener);
    /** DONE, AGAIN, or a code: then it is tried again a moment later. */
    int (*accept)(void *listener, void **connection);
    /** The last call for a listener: ends what was not accepted, and lets go of its handle. Any thread. */
    void (*unlisten)(void *listener);

    /** The first call for a connection, once: keeps a reference to handle, and tells it from here on. */
    void (*watch)(void *connection, dor_transport_handle *handle);

    /** Up to len bytes, len > 0. DONE with *count from 1 to len; AGAIN; END (recv): the peer sends no more. */
    int (*send)(void *connection, const void *data, size_t len, size_t *count);
    int (*recv)(void *connection, void *data, size_t len, size_t *count);

    /** Nothing more will be sent: the peer's recv answers END behind what was. May be NULL: then only close says so. */
    void (*shutdown)(void *connection);
    /** The last call for a connection. What was sent still reaches the peer. Lets go of the handle. */
    void (*close)(void *connection);

    /**
     * DOR_OK, or a code. May be NULL: DOR_E_NOT_SUPPORTED. Options of the system's sockets by their names (nodelay,
     * keepalive, sndbuf, ...; docs/socket-options.md): as a connection begins those that were asked for, of which it may
     * refuse any, and what dor_ssl_setopts sets, whose answer this is.
     */
    int (*setopts)(void *connection, const char *name, int64_t value);
    /** DOR_OK, or a code. May be NULL: DOR_E_NOT_SUPPORTED. */
    int (*peername)(void *connection, dor_address *address);
    int (*sockname)(void *connection, dor_address *address);

    /** The present value of what setopts sets, for dor_ssl_getopts; a code, too. May be NULL: DOR_E_NOT_SUPPORTED. */
    int (*getopts)(void *connection, const char *name, int64_t *value);
} dor_transport_ops;

/**
 * Sets the module for listen, serve and connect calls with these options (cb_info); NULL: TCP again. ops and arg are
 * borrowed until the last socket made with them has ended. DOR_E_BADARG when a required function is missing.
 */
DOR_API int dor_options_set_transport(dor_options *options, const dor_transport_ops *ops, void *arg);

/**
 * The in-memory transport, also by cb_info "memory": both ends in this process, on any schedulers of any runtimes.
 * Listeners have ports of their own (0: a free one; DOR_E_... of EADDRINUSE), one set for the process; connect takes
 * any host name. At most 64 KiB are on their way to each end. connect answers EAGAIN over the listener's backlog.
 * peername and sockname give version 0 and a path "memory:PORT".
 */
DOR_API const dor_transport_ops *dor_transport_memory(void);

#ifdef __cplusplus
}
#endif
#endif
