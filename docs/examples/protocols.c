/*
 * protocols.c - several services on one port, told apart by the protocol that the client asks for (ALPN).
 *
 *     protocols [TCP port]        ends when a line is entered
 *
 * "echo" sends back what comes, "http/1.1" answers each request with a page; who asks for nothing is told what there is.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dor_options *lines; /* made once, only read afterwards */

static int say(dor_socket socket, const char *text)
{
    return dor_ssl_send_async(socket, dor_buffer_new(text, strlen(text)), NULL);
}

static void receive_echo(void *state, dor_socket socket, dor_message *message)
{
    const dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL && dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL))
        dor_ssl_close(socket);
    dor_message_free(message), (void)state;
}

/* An owner is opened before anything is delivered, so how data is cut can be its own affair. */
static void *open_http(dor_socket socket, void *arg)
{
    if (dor_ssl_setopts(socket, lines)) dor_ssl_close(socket);
    return arg;
}

static void receive_http(void *state, dor_socket socket, dor_message *message)
{
    static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nhello by HTTP\n";
    const dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL) {
        dor_http_packet p;
        dor_http_parse((dor_http_part)event->http, dor_buffer_data(event->data), dor_buffer_len(event->data),
                       &p);
        if (p.kind == DOR_HTTP_ERROR || (p.kind == DOR_HTTP_END && say(socket, page))) dor_ssl_close(socket);
    }
    dor_message_free(message), (void)state;
}

static void *open_other(dor_socket socket, void *arg)
{
    say(socket, "ask for echo or http/1.1\n");
    dor_ssl_close(socket); /* what was accepted for sending is still written */
    return arg;
}

static void failed(const char *peer, int reason, void *arg)
{
    char why[160];
    printf("%s: %s\n", peer, dor_format_error(reason, why, sizeof why)), fflush(stdout), (void)arg;
}

int main(int argc, char **argv)
{
    static const dor_protocol_spec protocols[] = {
        {.name = "http/1.1", .open = open_http, .receive = receive_http},
        {.name = "echo", .receive = receive_echo},
    };
    const dor_server_spec spec = {
        .open = open_other, .failed = failed, .protocols = protocols, .protocol_count = 2};
    uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 4433;
    dor_socket listener;
    dor_options *options = dor_options_new();
    lines = dor_options_new();
    if (!options || !lines || dor_options_set_text(lines, "packet", "http")) return 1;
    dor_options_use_development_certificate(options, "localhost", NULL);
    if (dor_ssl_serve(NULL, port, options, &spec, &listener)) return 1;
    puts("listening, until a line is entered"), fflush(stdout), getchar();
    int code = dor_runtime_stop(dor_runtime_default(), 1000);
    dor_options_free(options), dor_options_free(lines);
    return code;
}
