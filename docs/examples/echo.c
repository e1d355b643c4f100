#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>

static void receive(void *state, dor_socket socket, dor_message *message)
{
    dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL && dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL))
        dor_ssl_close(socket); /* a peer that sends and never reads */
    dor_message_free(message), (void)state;
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 4433;
    dor_socket listener;
    dor_options *options = dor_options_new();
    dor_options_use_development_certificate(options, "localhost", NULL);
    if (dor_ssl_serve(NULL, port, options, &(dor_server_spec){.receive = receive}, &listener)) return 1;
    puts("listening, until a line is entered"), fflush(stdout), getchar();
    return dor_options_free(options), dor_runtime_stop(dor_runtime_default(), 1000);
}
