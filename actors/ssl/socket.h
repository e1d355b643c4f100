/*
 * socket.h - what the public calls forward to; the socket, listener and connector actors stand behind it.
 *
 * Threads: any, unless said otherwise. Requests travel as messages to the actor; `reply_to` is the caller's pid. A
 * request whose caller is an actor on the socket's own scheduler is done at once.
 */
#ifndef DOR_SSL_SOCKET_H
#define DOR_SSL_SOCKET_H

#include "runtime/event_mailbox.h"
#include "ssl/settings.h"

/** Takes its own reference to settings. */
DOR_MUST_USE dor_result dor__ssl_listen(dor_runtime *runtime, uint16_t port, dor_settings *settings, dor_pid owner,
                                        dor_socket *listener);

/** As listen, plus a server_spec (copied): connections are accepted and owned by actors that it describes. */
DOR_MUST_USE dor_result dor__ssl_serve(dor_runtime *runtime, uint16_t port, dor_settings *settings,
                                       const dor_server_spec *spec, dor_socket *listener);

/* Requests: the reply (DOR_MSG_SSL_REPLY with ref) goes to reply_to, which becomes the owner of a new socket. */
DOR_MUST_USE dor_result dor__ssl_transport_accept(dor_socket listener, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_handshake(dor_socket socket, dor_settings *override, dor_pid reply_to, dor_ref ref,
                                           uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_connect(dor_runtime *runtime, const char *host, uint16_t port, dor_settings *settings,
                                         dor_pid reply_to, dor_ref ref, uint32_t timeout_ms);
DOR_MUST_USE dor_result dor__ssl_recv(dor_socket socket, size_t length, dor_pid reply_to, dor_ref ref, uint32_t timeout_ms);

/** ref 0: no reply. Takes data. BUSY past the high-water mark. */
DOR_MUST_USE dor_result dor__ssl_send(dor_socket socket, dor_buffer *data, dor_pid reply_to, dor_ref ref);

/**
 * The settings that a listener or an open socket goes by, a new reference: what dor_ssl_accept and dor_ssl_setopts
 * override. Immediate calls below run on the socket's own scheduler; the api layer gets there with dor__ssl_call.
 */

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

/* What queries do (run on the socket's scheduler; the actor may be a listener too, then ENOTCONN where it makes no sense). */
DOR_MUST_USE dor_result dor__socket_set_active(dor_actor *a, dor_pid caller, int active);
DOR_MUST_USE dor_result dor__socket_set_packet(dor_actor *a, dor_pid caller, dor_packet_mode mode, uint32_t packet_size);
DOR_MUST_USE dor_result dor__socket_set_settings(dor_actor *a, dor_pid caller, dor_settings *settings);
DOR_MUST_USE dor_result dor__socket_get_settings(dor_actor *a, dor_settings **settings);
DOR_MUST_USE dor_result dor__socket_get_modes(dor_actor *a, int *active, dor_packet_mode *mode, uint32_t *packet_size);
DOR_MUST_USE dor_result dor__socket_close(dor_actor *a, dor_pid caller);
DOR_MUST_USE dor_result dor__socket_shutdown(dor_actor *a, dor_pid caller, dor_shutdown_how how);
DOR_MUST_USE dor_result dor__socket_name(dor_actor *a, bool peer, dor_address *address);
DOR_MUST_USE dor_result dor__socket_info(dor_actor *a, dor_connection_info *info);
DOR_MUST_USE dor_result dor__socket_peercert(dor_actor *a, dor_buffer **der);
DOR_MUST_USE dor_result dor__socket_session(dor_actor *a, dor_session **session);
DOR_MUST_USE dor_result dor__socket_update_keys(dor_actor *a, bool ask_peer);

/** Sums over the runtime's schedulers. */
void dor__ssl_statistics(dor_runtime *runtime, dor_ssl_statistics *statistics);

#endif
