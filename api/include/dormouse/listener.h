/*
 * dormouse/listener.h - running a listener: suspending it, ending it in good order, its figures; sockets that listen
 * already.
 *
 * A listener is made by dor_ssl_listen or dor_ssl_serve (dormouse/ssl.h), or here from a descriptor. What limits it are
 * options: acceptors, accept_budget, accept_rate, max_connections, max_handshakes, handshake_timeout;
 * docs/listeners.md is the guide.
 *
 * Threads: any thread. Calls marked "immediate" and those that wait are as in dormouse/ssl.h.
 */
#ifndef DORMOUSE_LISTENER_H
#define DORMOUSE_LISTENER_H

#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sockets that listen already ----------------------------------------------------------------------- */

/**
 * Listens by fd, a stream socket (TCP or Unix) that somebody else has bound and made listen: a service manager, or the
 * process before this one. Everything else is as for dor_ssl_listen; all schedulers accept from the one queue. Options that
 * say where to listen (ip, ifaddr, bind_to_device, ipv6_v6only, unix_mode, cb_info) are DOR_E_OPTION_CONFLICT, and the
 * backlog is as long as it was made.
 *
 * Who owns fd: as with dor_ssl_accept_fd an error of class usage (DOR_E_BADARG when it does not listen, a bad option, an
 * unreadable file) leaves it with the caller, untouched. With every other outcome it is the library's: closed on
 * failure, and with the listener. It is made non-blocking for everybody who has a copy of it, and closed on exec here; as
 * long as others keep copies, clients can connect, and wait. Any thread.
 */
DOR_API int dor_ssl_listen_fd(dor_runtime *runtime, int fd, const dor_options *options, dor_socket *listener);

/** Serves by fd, whose owner is as above, as dor_ssl_serve does by a port; spec is copied. DOR_E_ codes as of both. */
DOR_API int dor_ssl_serve_fd(dor_runtime *runtime, int fd, const dor_options *options,
                             const dor_server_spec *spec, dor_socket *listener);

/** Bytes of a descriptor's name, the NUL included; the protocol's bound (sd_listen_fds(3)). */
#define DOR_LISTEN_FD_NAME_CAP 256

/** A descriptor that this process was started with. */
typedef struct dor_listen_fd {
    int fd;                            /**< 3 or more */
    char name[DOR_LISTEN_FD_NAME_CAP]; /**< "unknown" when the service manager gave none */
} dor_listen_fd;

/**
 * The descriptors that a service manager has started this process with, by systemd's protocol (sd_listen_fds(3)): LISTEN_PID
 * is whom they are for, LISTEN_FDS how many there are, from 3 on, and LISTEN_FDNAMES, if set, their names, with ":" between.
 * They are written to fds, an array of the caller's with room for cap, and their number to *count; each is made to be closed
 * on exec. 0 when nothing is said, or it is said to another process: then the program was started by hand, and opens a port.
 *
 * What kinds they are is not looked at: dor_ssl_serve_fd refuses one that does not listen. They stay the caller's until
 * it gives them away, and asking again gives the same.
 *
 * unset: whatever the answer is, these variables are taken out of the environment, so that no child takes them for its own.
 * Any thread, but while no other one uses the environment: best before there are others.
 *
 * DOR_E_BADARG for a malformed variable and for a descriptor that is not open, DOR_E_TOO_BIG for more than cap; then error
 * (may be NULL) gets a sentence that says which, and *count, the descriptors and their flags are as they were.
 */
DOR_API int dor_listen_fds(int unset, dor_listen_fd *fds, size_t cap, size_t *count, char *error,
                           size_t error_cap);

/* ---- suspending ---------------------------------------------------------------------------------------- */

/**
 * Accepts nothing until dor_ssl_resume: clients wait in the system's backlog (option backlog bounds it, and what does not
 * fit there is the client's to try again), transport_accept's callers wait too, and connections that are open or
 * shake hands go on. When a thread's call returns nothing is accepted any more; an actor's may overlap with
 * connections that other schedulers are just accepting. Twice is fine.
 *
 * Immediate; anybody may. DOR_E_CLOSED when the listener has closed or drains, DOR_E_EINVAL for a connection.
 */
DOR_API int dor_ssl_suspend(dor_socket listener);
DOR_API int dor_ssl_resume(dor_socket listener);

/* ---- draining ------------------------------------------------------------------------------------------ */

/**
 * Ends a listener in good order: listens no more; accepts what is in the backlog, as dor_ssl_stop_listening does; lets
 * connections go on until they end; and closes those that are left after timeout_ms (DOR_INFINITY: never) as
 * dor_ssl_close by somebody else than their owner does: what was accepted for sending is still written, close_notify
 * behind it, and owners in active mode get DOR_MSG_SSL_CLOSED. *closed (may be NULL) is how many those were: 0 means
 * that all ended by themselves.
 *
 * Returns when the last one has ended, or the rest have been told to. Those then have "linger" ms for what they have to
 * write; dor_runtime_stop waits for them. Until then the listener is there to be asked (dor_ssl_get_listener_statistics),
 * afterwards it is closed. It closes and drains no more, and connections simply go on, when meanwhile it is closed or its
 * owner dies: then the answer is DOR_E_CLOSED.
 *
 * DOR_E_EALREADY while it drains, DOR_E_CLOSED, DOR_E_EINVAL for a connection. Anybody may.
 */
DOR_API int dor_ssl_drain(dor_socket listener, uint32_t timeout_ms, uint32_t *closed);

/**
 * Drains without waiting: the reply has the number in `count`. For actors and processes (else DOR_E_NO_PROCESS); *ref is
 * written. Errors come in the reply, but for DOR_E_CLOSED, DOR_E_NOMEM and DOR_E_BADARG.
 */
DOR_API int dor_ssl_drain_async(dor_socket listener, uint32_t timeout_ms, dor_ref *ref);

/* ---- figures ------------------------------------------------------------------------------------------- */

/** Of one listener; counts go on from its beginning and never back. */
typedef struct dor_listener_statistics {
    uint32_t acceptors; /**< schedulers that accept for it; 0: it has closed */
    uint32_t open;      /**< connections now: what max_connections bounds */
    uint32_t
        handshakes; /**< of those, the ones that are not through their handshake: what max_handshakes bounds */
    uint32_t
        backlog; /**< connections that wait in the system's queue; 0 where it does not tell: not Linux, or not TCP */
    uint32_t backlog_max;          /**< as many may, or 0 likewise */
    uint8_t suspended;             /**< by dor_ssl_suspend */
    uint8_t draining;              /**< by dor_ssl_drain */
    uint64_t accepted;             /**< TCP connections, those that were refused included */
    uint64_t refused_limit;        /**< over max_connections */
    uint64_t refused_descriptors;  /**< EMFILE, ENFILE */
    uint64_t refused_memory;       /**< there was none for a connection */
    uint64_t handshakes_done;      /**< and so a connection was there for its owner */
    uint64_t handshakes_failed;    /**< by an alert, an end, a reset */
    uint64_t handshakes_timed_out; /**< not among those */
    uint64_t backed_off;           /**< times that accepting paused for want of descriptors or memory */
    uint64_t rate_waits;           /**< times that an acceptor waited for accept_rate */
    uint64_t handshake_waits;      /**< times that one waited for max_handshakes */
} dor_listener_statistics;

/** Reads the figures into *statistics, the caller's. Immediate. DOR_E_CLOSED, DOR_E_EINVAL for a connection. */
DOR_API int dor_ssl_get_listener_statistics(dor_socket listener, dor_listener_statistics *statistics);

/**
 * Writes the same figures as a JSON object, members named as the fields and "address" in front; suspended and draining are booleans. *text
 * ends with a NUL and is the caller's, for dor_free (dormouse/observe.h). Errors as above, and DOR_E_NOMEM.
 */
DOR_API int dor_ssl_get_listener_json(dor_socket listener, char **text);

#ifdef __cplusplus
}
#endif
#endif
