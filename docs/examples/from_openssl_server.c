/* from_openssl_server.c - an echo server; docs/from-openssl.md has OpenSSL's beside it. */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void receive(void *state, dor_socket socket, dor_message *message)
{
    dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL && dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL))
        dor_ssl_close(socket); /* it sends and never reads: the queue is full */
    dor_message_free(message), (void)state;
}

static void failed(const char *peer, int reason, void *arg)
{
    char text[160];
    fprintf(stderr, "%s: %s\n", peer, dor_format_error(reason, text, sizeof text)), (void)arg;
}

int main(int argc, char **argv)
{
    dor_server_spec spec = {.receive = receive, .failed = failed};
    dor_options *options = dor_options_new();
    dor_socket listener;
    if (argc != 4 || dor_options_set_text(options, "certfile", argv[2]) ||
        dor_options_set_text(options, "keyfile", argv[3]) ||
        dor_ssl_serve(NULL, (uint16_t)atoi(argv[1]), options, &spec, &listener)) {
        fprintf(stderr, "%s\n", dor_options_error(options));
        return 1;
    }
    dor_options_free(options);
    puts("listening"), fflush(stdout);
    pause(); /* the connections are served by Dormouse's threads */
    return 0;
}
