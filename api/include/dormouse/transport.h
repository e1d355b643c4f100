/*
 * dormouse/transport.h - what TLS runs over: descriptors that somebody else has connected.
 *
 * Everything here gives or takes a dor_socket as dormouse/ssl.h knows it; docs/transports.md is the guide.
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

/** The same for actors and processes; DOR_OK means that fd is the library's. The reply names the socket. */
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

#ifdef __cplusplus
}
#endif
#endif
