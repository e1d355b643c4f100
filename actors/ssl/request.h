/*
 * request.h - how calls reach a socket's actor, and how answers come back.
 *
 * A request is a message whose payload begins with a dor_ssl_request. The actor answers by sending the very same message
 * back as DOR_MSG_SSL_REPLY, so answering cannot fail for want of memory. A request that nobody handles (its actor has
 * ended) is answered with DOR_E_CLOSED as it is freed: whoever waits for a reply gets one.
 *
 * Threads: a request belongs to whoever has the message.
 */
#ifndef DOR_SSL_REQUEST_H
#define DOR_SSL_REQUEST_H

#include "runtime/calls.h"
#include "runtime/event_mailbox.h"
#include "runtime/system_message.h"
#include "ssl/socket.h"

enum {
    DOR_MSG_SSL_QUERY = DOR_MSG_SSL_FIRST, /* a thread waits while its dor_ssl_query runs here */
    DOR_MSG_SSL_COMMAND,                   /* from an actor elsewhere, which does not wait */
    DOR_MSG_SSL_ACCEPT,
    DOR_MSG_SSL_HANDSHAKE,
    DOR_MSG_SSL_CONNECT,
    DOR_MSG_SSL_UPGRADE,
    DOR_MSG_SSL_DOWNGRADE,
    DOR_MSG_SSL_RENEGOTIATE,
    DOR_MSG_SSL_REQUEST_CERTIFICATE,
    DOR_MSG_SSL_RELOAD,
    DOR_MSG_SSL_RECV,
    DOR_MSG_SSL_SEND,
    DOR_MSG_SSL_READY,  /* a module tells of readiness */
    DOR_MSG_SSL_OWNER,  /* the event mailbox has another owner */
    DOR_MSG_SSL_DEMAND, /* to a shard: somebody waits for a connection */
    DOR_MSG_SSL_STOP_SHARD,
    DOR_MSG_SSL_ANSWER,      /* to a question of the connection's (question.h) */
    DOR_MSG_SSL_DRAIN,       /* to a listener, which answers when it has ended */
    DOR_MSG_SSL_DRAINED,     /* to a listener: it is to look how far its drain is */
    DOR_MSG_SSL_DRAIN_SHARD, /* to a shard that has stayed for it */
    DOR_MSG_SSL_CONTINUE,    /* a handshake that has paused at the hello goes on; a dor_handshake_request */
    DOR_MSG_SSL_OPEN         /* to a served connection's owner: begin */
};

typedef struct dor_ssl_request {
    dor_ssl_reply reply; /* stands first, so that the request becomes its answer */
    dor_pid reply_to;    /* DOR_PID_NONE: nobody waits for an answer */
    uint32_t timeout_ms;
    void (*release)(struct dor_ssl_request *request); /* or NULL: lets go of what else it holds */
} dor_ssl_request;

typedef struct dor_send_limit dor_send_limit; /* socket_send_limit.c */

typedef struct dor_send_request {
    dor_ssl_request request;
    dor_message *next;     /* in the socket's queue */
    dor_send_limit *limit; /* there, and with option send_timeout; or NULL */
    dor_buffer *data;
    size_t reserved; /* counted against the water mark */
    size_t sealed;   /* bytes of header and data that are in records already */
    uint64_t end;    /* its last ciphertext byte, counted from the connection's first */
    uint8_t header[4];
    uint8_t header_len;
} dor_send_request;

typedef struct dor_recv_request {
    dor_ssl_request request;
    size_t length;
    dor_timer timer;
    dor_actor *socket;
} dor_recv_request;

typedef struct dor_handshake_request {
    dor_ssl_request request;
    dor_settings *settings; /* or NULL: as the listener's */
} dor_handshake_request;

typedef struct dor_connect_request {
    dor_ssl_request request;
    dor_settings *settings;
    uint16_t port;
    char host[256];
} dor_connect_request;

typedef struct dor_upgrade_request {
    dor_ssl_request request;
    dor_settings *settings;
    int fd; /* ours; -1 once a connection has it */
    bool server;
    char host[256]; /* clients; empty: none */
} dor_upgrade_request;

typedef struct dor_accept_request {
    dor_ssl_request request;
    dor_message *next;    /* in the listener's queue */
    uint64_t deadline_ms; /* 0: none */
} dor_accept_request;

/** A zeroed request of `size` bytes, of which reply_to will hear under ref. NULL when out of memory. */
dor_message *dor__request_new(uint32_t type, size_t size, dor_pid reply_to, dor_ref ref, dor_socket socket);

static inline void *dor__request_of(dor_message *message)
{
    return dor_message_payload(message);
}

/** Runs a DOR_MSG_SSL_QUERY or DOR_MSG_SSL_COMMAND on its socket's or listener's actor (socket_calls.c). */
void dor__ssl_run(dor_actor *actor, dor_message *message);

/** Answers and is done with the message. Takes data (may be NULL). */
void dor__request_answer(dor_message *message, dor_result result, dor_buffer *data);

/** The same, naming a new socket. */
void dor__request_answer_socket(dor_message *message, dor_socket socket);

#endif
