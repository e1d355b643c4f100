/*
 * service.h - what `dormouse serve` does with a connection: one cli_service for each --service.
 *
 * Threads: the functions of a service run on the connection's own scheduler, one message at a time.
 */
#ifndef DOR_CLI_SERVICE_H
#define DOR_CLI_SERVICE_H

#include <dormouse.h>
#include <stdbool.h>

typedef struct cli_service {
    const char *name;
    const char *active; /* the option's value that it works with */
    void *(*open)(dor_socket socket, void *arg);
    void (*receive)(void *state, dor_socket socket, dor_message *message);
    void (*close)(void *state);
} cli_service;

extern const cli_service cli_service_echo;
extern const cli_service cli_service_discard;
extern const cli_service cli_service_http;

/** Set once when the server is told to end: connections that could go on should come to their end. */
void cli_service_drain(void);
bool cli_service_draining(void);

/*
 * Sending with backpressure: at most one buffer waits here for the socket's queue to have room again. While one waits,
 * the service must not ask for more data.
 */
typedef struct cli_outbox {
    dor_buffer *waiting;
} cli_outbox;

/** Takes the buffer (NULL counts as out of memory). DOR_OK: queued. DOR_E_BUSY: it waits. Else the connection is over. */
int cli_outbox_send(cli_outbox *outbox, dor_socket socket, dor_buffer *buffer);

/** On DOR_MSG_SSL_WRITABLE: tries what waits again. DOR_OK when nothing waits any more. */
int cli_outbox_retry(cli_outbox *outbox, dor_socket socket);

void cli_outbox_fini(cli_outbox *outbox);

#endif
