/*
 * service.c - the sending that the services share, and echo and discard, which are little more than that.
 */
#include "service.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_bool draining; /* relaxed: it is a hint, and nothing is published with it */

void cli_service_drain(void)
{
    atomic_store_explicit(&draining, true, memory_order_relaxed);
}

bool cli_service_draining(void)
{
    return atomic_load_explicit(&draining, memory_order_relaxed);
}

int cli_outbox_send(cli_outbox *outbox, dor_socket socket, dor_buffer *buffer)
{
    if (!buffer) return DOR_E_NOMEM;
    int code = dor_ssl_send_async(socket, dor_buffer_ref(buffer), NULL);
    if (code == DOR_E_BUSY)
        outbox->waiting = buffer;
    else
        dor_buffer_unref(buffer);
    return code;
}

int cli_outbox_retry(cli_outbox *outbox, dor_socket socket)
{
    dor_buffer *buffer = outbox->waiting;
    if (!buffer) return DOR_OK;
    outbox->waiting = NULL;
    return cli_outbox_send(outbox, socket, buffer);
}

void cli_outbox_fini(cli_outbox *outbox)
{
    dor_buffer_unref(outbox->waiting);
    outbox->waiting = NULL;
}

/* ---- echo ----------------------------------------------------------------------------------------------------------- */

static void *echo_open(dor_socket socket, void *arg)
{
    (void)socket, (void)arg;
    return calloc(1, sizeof(cli_outbox));
}

static void echo_close(void *state)
{
    if (state) cli_outbox_fini(state);
    free(state);
}

/* The next data is asked for when this one is queued: so a peer that does not read is not read from either. */
static void echo_receive(void *state, dor_socket socket, dor_message *message)
{
    const dor_ssl_event *event = dor_message_payload(message);
    int code = DOR_E_BUSY; /* anything else that comes changes nothing */
    if (!state)
        code = DOR_E_NOMEM;
    else if (message->type == DOR_MSG_SSL)
        code = cli_outbox_send(state, socket, dor_buffer_ref(event->data));
    else if (message->type == DOR_MSG_SSL_WRITABLE)
        code = cli_outbox_retry(state, socket);
    if (code == DOR_OK) code = dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
    if (code != DOR_OK && code != DOR_E_BUSY) dor_ssl_close(socket);
    dor_message_free(message);
}

const cli_service cli_service_echo = {"echo", "once", echo_open, echo_receive, echo_close};

/* ---- discard -------------------------------------------------------------------------------------------------------- */

static void discard_receive(void *state, dor_socket socket, dor_message *message)
{
    (void)state, (void)socket;
    dor_message_free(message);
}

const cli_service cli_service_discard = {"discard", "true", NULL, discard_receive, NULL};
