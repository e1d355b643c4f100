/*
 * port_poll.c - a TLS echo server inside an event loop of one's own: poll(2), a port, and another descriptor (the terminal).
 *
 *     port_poll [TCP port]        ends when a line is entered
 */
#include <dormouse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64 };

static dor_socket listener;
static dor_ref accepting; /* the reply that brings the next connection */

/* An asynchronous call of ours has come to an end: a connection has been accepted, or its handshake is over. */
static void on_reply(const dor_ssl_reply *reply)
{
    dor_ref handshake;
    if (reply->ref == accepting) {
        if (reply->result == DOR_OK) dor_ssl_accept_async(reply->socket, NULL, 5000, &handshake);
        dor_ssl_transport_accept_async(listener, DOR_INFINITY, &accepting);
    } else if (reply->result == DOR_OK) {
        dor_ssl_set_active(reply->socket, DOR_ACTIVE_TRUE);
    } /* else the handshake failed, and the socket has gone */
}

static void on_message(dor_message *message)
{
    const dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL_REPLY)
        on_reply(dor_message_payload(message));
    else if (message->type == DOR_MSG_SSL &&
             dor_ssl_send_async(event->socket, dor_buffer_ref(event->data), NULL))
        dor_ssl_close(event->socket); /* a peer that sends and never reads */
    dor_message_free(message);
}

/* The port's descriptor is readable. What is left after one batch keeps it so: the loop's other work comes in between. */
static int on_readable(dor_port port)
{
    dor_message *messages[BATCH];
    size_t count;
    int code = dor_port_drain(port, messages, BATCH, &count);
    if (code) return code;
    dor_port_enter(port); /* so that what is called in there is called in the port's name */
    for (size_t i = 0; i < count; i++)
        on_message(messages[i]);
    return dor_port_leave();
}

/* The port speaks: it owns the listener, and the connections that it accepts. */
static int start(dor_port port, uint16_t tcp_port)
{
    dor_options *options = dor_options_new();
    int code = dor_options_use_development_certificate(options, "localhost", NULL);
    dor_port_enter(port);
    if (!code) code = dor_ssl_listen(NULL, tcp_port, options, &listener);
    if (!code) code = dor_ssl_transport_accept_async(listener, DOR_INFINITY, &accepting);
    dor_port_leave();
    dor_options_free(options);
    return code;
}

int main(int argc, char **argv)
{
    dor_port port;
    char text[160];
    int code = dor_port_new(NULL, NULL, &port);
    if (!code) code = start(port, argc > 1 ? (uint16_t)atoi(argv[1]) : 4433);
    if (!code) puts("listening, until a line is entered"), fflush(stdout);
    struct pollfd watched[] = {{.fd = dor_port_fd(port), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (!code && poll(watched, 2, -1) > 0 && !watched[1].revents)
        if (watched[0].revents) code = on_readable(port);
    if (code) fprintf(stderr, "%s\n", dor_format_error(code, text, sizeof text));
    dor_port_close(port); /* its sockets close with it */
    dor_runtime_stop(NULL, 1000);
    return code != DOR_OK;
}
