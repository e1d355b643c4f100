/* from_openssl_client.c - sends a line, prints the answer; docs/from-openssl.md has OpenSSL's beside it. */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>

static int talk(uint16_t port, const char *cacertfile)
{
    dor_options *options = dor_options_new();
    dor_socket socket;
    dor_buffer *answer;
    dor_connection_info info;
    int code = dor_options_set_text(options, "cacertfile", cacertfile);
    if (!code) code = dor_options_set_text(options, "active", "false");
    if (!code) code = dor_ssl_connect(NULL, "localhost", port, options, 5000, &socket);
    dor_options_free(options);
    if (!code) code = dor_ssl_connection_info(socket, &info);
    if (!code) code = dor_ssl_send(socket, "hello\n", 6);
    if (!code) code = dor_ssl_recv(socket, 6, 5000, &answer);
    if (code) return code; /* a socket that is still open is closed with its owner, this thread */
    printf("%s: %.*s", info.protocol, (int)dor_buffer_len(answer), (const char *)dor_buffer_data(answer));
    dor_buffer_unref(answer);
    return dor_ssl_close(socket);
}

int main(int argc, char **argv)
{
    char text[160];
    int code = argc == 3 ? talk((uint16_t)atoi(argv[1]), argv[2]) : DOR_E_BADARG;
    if (code) fprintf(stderr, "%s\n", dor_format_error(code, text, sizeof text));
    dor_runtime_stop(dor_runtime_default(), 1000); /* writes what was sent, and close_notify */
    return code != DOR_OK;
}
