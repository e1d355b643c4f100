/*
 * hello.c - a server that looks at each client's hello before it goes on: who is called, and what for.
 *
 *     hello [TCP port]        ends after a client has called "stop.example"
 */
#include <dormouse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t patience_ms = 5000;

/* Speaks the first protocol that the client offers, whatever it is. */
static int go_on(dor_socket socket, const dor_ssl_hello *hello)
{
    const char *name = hello->alpn_count ? hello->alpn[0] : NULL;
    dor_options *more = dor_options_new();
    if (!more) return DOR_E_NOMEM;
    int code = name ? dor_options_set_array(more, "alpn_preferred_protocols", &name, 1) : DOR_OK;
    if (code == DOR_OK) code = dor_ssl_handshake_continue(socket, more, patience_ms);
    dor_options_free(more);
    return code;
}

/* One connection; false when it was the last. */
static bool serve(dor_socket socket)
{
    dor_ssl_hello hello;
    char line[300];
    if (dor_ssl_accept(socket, NULL, patience_ms) || dor_ssl_get_hello(socket, &hello)) return true;
    printf("called %s, protocols %d, version %04x\n", hello.server_name, hello.alpn_count, hello.versions[0]);
    if (strcmp(hello.server_name, "no.example") == 0) {
        dor_ssl_handshake_cancel(socket);
    } else if (go_on(socket, &hello) == DOR_OK) {
        snprintf(line, sizeof line, "this is %s\n", hello.server_name);
        dor_ssl_send(socket, line, strlen(line));
        dor_ssl_close(socket);
    }
    return strcmp(hello.server_name, "stop.example") != 0;
}

int main(int argc, char **argv)
{
    dor_options *options = dor_options_new();
    dor_socket listener, socket;
    dor_address address;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!options || dor_options_use_development_certificate(options, "localhost", NULL) ||
        dor_options_set_text(options, "handshake", "hello") ||
        dor_ssl_listen(dor_runtime_default(), (uint16_t)(argc > 1 ? atoi(argv[1]) : 4433), options,
                       &listener)) {
        fprintf(stderr, "cannot listen: %s\n", dor_options_error(options));
        return 1;
    }
    if (dor_ssl_sockname(listener, &address) == DOR_OK) printf("listening on port %d\n", address.port);
    while (dor_ssl_transport_accept(listener, DOR_INFINITY, &socket) == DOR_OK && serve(socket)) {
    }
    dor_ssl_close(listener);
    dor_options_free(options);
    return dor_runtime_stop(dor_runtime_default(), 1000);
}
