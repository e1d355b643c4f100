/*
 * socket.h - what the public calls forward to; the socket, listener and connector actors stand behind it.
 *
 * Threads: any, unless said otherwise. Requests travel as messages to the actor; `reply_to` is the caller's pid. A
 * request whose caller is an actor on the socket's own scheduler is done at once.
 */
#ifndef DOR_SSL_SOCKET_H
#define DOR_SSL_SOCKET_H

#include "ssl/settings.h"
#include <dormouse/inet.h>
#include <dormouse/listener.h>

typedef struct dor_actor dor_actor;

/** Takes its own reference to settings. */
DOR_MUST_USE dor_result dor__ssl_listen(dor_runtime *runtime, uint16_t port, dor_settings *settings,
                                        dor_pid owner, dor_socket *listener);

/** As listen, plus a server_spec (copied): connections are accepted and owned by actors that it describes. */
DOR_MUST_USE dor_result dor__ssl_serve(dor_runtime *runtime, uint16_t port, dor_settings *settings,
                                       const dor_server_spec *spec, dor_socket *listener);

/** Either over a socket that listens already: with a spec serve, else listen. Takes fd, even on failure, but for WOULD_DEADLOCK. */
DOR_MUST_USE dor_result dor__ssl_listen_fd(dor_runtime *runtime, int fd, dor_settings *settings,
                                           dor_pid owner, const dor_server_spec *spec, dor_socket *listener);

/* Requests: the reply (DOR_MSG_SSL_REPLY with ref) goes to reply_to, which becomes the owner of a new socket. */
DOR_MUST_USE dor_result dor__ssl_transport_accept(dor_socket listener, dor_pid reply_to, dor_ref ref,
                                                  uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_handshake(dor_socket socket, dor_settings *override, dor_pid reply_to,
                                           dor_ref ref, uint32_t timeout_ms);
/** A handshake that paused at the hello goes on; as dor__ssl_handshake. */
DOR_MUST_USE dor_result dor__ssl_handshake_continue(dor_socket socket, dor_settings *override,
                                                    dor_pid reply_to, dor_ref ref, uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_connect(dor_runtime *runtime, const char *host, uint16_t port,
                                         dor_settings *settings, dor_pid reply_to, dor_ref ref,
                                         uint32_t timeout_ms);
/** TLS over a stream socket that is connected. Takes fd, even on failure. host may be NULL, as it is for servers. */
DOR_MUST_USE dor_result dor__ssl_upgrade(dor_runtime *runtime, int fd, bool server, const char *host,
                                         dor_settings *settings, dor_pid reply_to, dor_ref ref,
                                         uint32_t timeout_ms);
/** The reply holds the descriptor and, in data, what came behind the peer's close_notify. */
DOR_MUST_USE dor_result dor__ssl_downgrade(dor_socket socket, dor_pid reply_to, dor_ref ref,
                                           uint32_t timeout_ms);
/** The reply comes when it is over, or its time is. */
DOR_MUST_USE dor_result dor__ssl_renegotiate(dor_socket socket, dor_pid reply_to, dor_ref ref,
                                             uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_request_certificate(dor_socket socket, dor_pid reply_to, dor_ref ref,
                                                     uint32_t timeout_ms);
/** A listener's files are read again; a failure's reply has a sentence in data. */
DOR_MUST_USE dor_result dor__ssl_reload(dor_socket listener, dor_pid reply_to, dor_ref ref);
/** A listener closes, and ends when its connections have, or were closed after the time: their number is in the reply. */
DOR_MUST_USE dor_result dor__ssl_drain(dor_socket listener, dor_pid reply_to, dor_ref ref,
                                       uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_recv(dor_socket socket, size_t length, dor_pid reply_to, dor_ref ref,
                                      uint32_t timeout_ms);

/**
 * ref 0: no reply. Takes data, even on failure. bounded: BUSY past the high-water mark; without it the caller is one who
 * waits for the reply before it sends again, so what is queued is bounded by the number of those.
 */
DOR_MUST_USE dor_result dor__ssl_send(dor_socket socket, dor_buffer *data, dor_pid reply_to, dor_ref ref,
                                      bool bounded);

/** Makes `to` the owner of a connection or a listener. */
DOR_MUST_USE dor_result dor__ssl_give(dor_socket socket, dor_pid from, dor_pid to);

/* Immediate calls run on the socket's own scheduler: questions by dor__ssl_call, orders by dor__ssl_command. */

/** Something to be done with a socket on its scheduler, soon and without waiting. */
typedef struct dor_ssl_query {
    dor_result (*run)(dor_actor *socket_actor, struct dor_ssl_query *query);
    void *in;  /* what run needs; lives until the query is answered */
    void *out; /* where run writes */
} dor_ssl_query;

/**
 * Runs query->run on the socket's scheduler and waits for it: at once when the caller is there already, by a request
 * from a thread, WOULD_DEADLOCK from another scheduler. CLOSED when the socket is gone.
 */
DOR_MUST_USE dor_result dor__ssl_call(dor_socket socket, dor_ssl_query *query);

typedef enum dor_ssl_order {
    DOR_ORDER_MODES,    /* active and packet mode; the owner's */
    DOR_ORDER_SETTINGS, /* of a listener, for later accepts; the owner's */
    DOR_ORDER_CLOSE,
    DOR_ORDER_CANCEL,         /* a handshake that paused at the hello */
    DOR_ORDER_STOP_LISTENING, /* EINVAL for a connection; and the next two */
    DOR_ORDER_SUSPEND,
    DOR_ORDER_RESUME,
    DOR_ORDER_SHUTDOWN,
    DOR_ORDER_KEYS
} dor_ssl_order;

typedef struct dor_ssl_command {
    dor_ssl_order order;
    dor_pid caller;
    bool set_active, set_packet, set_cut; /* MODES: active; packet; packet_size, header and line_delimiter */
    dor_socket_modes modes;
    bool set_inet; /* MODES: these, on the transport */
    dor_inet_options inet;
    dor_raw_options *raw;   /* and these; borrowed; or NULL */
    dor_settings *settings; /* SETTINGS; or MODES: to go by from now on, or NULL; borrowed */
    dor_shutdown_how how;   /* SHUTDOWN */
    bool ask_peer;          /* KEYS */
    bool judged;            /* the caller had the right when it said so */
} dor_ssl_command;

/**
 * Carries out an order: at once on the socket's own scheduler, waiting for it from a thread. An actor elsewhere does not
 * wait: the order follows what it sent the socket before, and the answer says that it is under way.
 */
DOR_MUST_USE dor_result dor__ssl_command(dor_socket socket, const dor_ssl_command *command);

/* What queries ask (run on the socket's scheduler; the actor may be a listener too, then ENOTCONN where it makes no sense). */
DOR_MUST_USE dor_result dor__socket_get_settings(dor_actor *a, dor_settings **settings);
/** ENOTCONN for a listener, which has the modes of its settings. */
DOR_MUST_USE dor_result dor__socket_get_modes(dor_actor *a, dor_socket_modes *modes);
/** What the transport has for the options whose bits (by dor_inet_id) are in `wanted`; a code for each. */
typedef struct dor_inet_ask {
    uint32_t wanted;
    int32_t values[DOR_INET_COUNT];
    int codes[DOR_INET_COUNT];
} dor_inet_ask;
/** Does nothing for a listener. */
void dor__socket_get_inet(dor_actor *a, dor_inet_ask *ask);
typedef struct dor_raw_ask {
    int level, option;
    void *value;
    size_t len; /* the room, then what there is */
} dor_raw_ask;
DOR_MUST_USE dor_result dor__socket_get_raw(dor_actor *a, dor_raw_ask *ask);
DOR_MUST_USE dor_result dor__socket_getstat(dor_actor *a, dor_socket_statistics *statistics);
DOR_MUST_USE dor_result dor__socket_name(dor_actor *a, bool peer, dor_address *address);
/** The PROXY header in front of it, a new reference. */
DOR_MUST_USE dor_result dor__socket_proxy_header(dor_actor *a, dor_buffer **header);
DOR_MUST_USE dor_result dor__socket_hello(dor_actor *a, dor_ssl_hello *hello);
bool dor__socket_is_client(dor_actor *a);
/** EINVAL for a connection. */
DOR_MUST_USE dor_result dor__socket_listener_statistics(dor_actor *a, dor_listener_statistics *statistics);
DOR_MUST_USE dor_result dor__socket_info(dor_actor *a, dor_connection_info *info);
DOR_MUST_USE dor_result dor__socket_peercert(dor_actor *a, dor_buffer **der);
DOR_MUST_USE dor_result dor__socket_stapled(dor_actor *a, bool timestamps, dor_buffer **shown);
DOR_MUST_USE dor_result dor__socket_session(dor_actor *a, dor_session **session);

/** Sums over the runtime's schedulers. */
void dor__ssl_statistics(dor_runtime *runtime, dor_ssl_statistics *statistics);

#endif
