/*
 * sessions.c - resumption: two servers that share ticket keys, as two machines behind one name would, and a client whose
 * session outlives it as bytes. docs/sessions.md shows it.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, int code)
{
    char text[160];
    fprintf(stderr, "%s: %s\n", what, dor_format_error(code, text, sizeof text));
    return code;
}

static void *greet(dor_socket socket, void *arg)
{
    dor_buffer *hello = dor_buffer_new("hello", 5);
    if (hello) (void)dor_ssl_send_async(socket, hello, NULL);
    return arg;
}

/* A server with these keys; another machine would read them from where only its servers may. */
static int start_server(const dor_options *certificate, dor_socket *listener, dor_address *address)
{
    dor_server_spec spec = {.open = greet};
    int code = dor_ssl_serve(NULL, 0, certificate, &spec, listener);
    return code ? code : dor_ssl_sockname(*listener, address);
}

/* Connects, waits for the greeting (behind it the tickets have come) and says whether it was resumed. */
static int visit(const char *what, uint16_t port, dor_options *options, dor_ssl_session **session)
{
    dor_socket socket;
    dor_buffer *data;
    dor_connection_info info;
    int code = dor_ssl_connect(NULL, "127.0.0.1", port, options, 5000, &socket);
    if (code) return failed("connect", code);
    code = dor_ssl_recv(socket, 5, 5000, &data);
    if (!code) dor_buffer_unref(data);
    if (!code) code = dor_ssl_connection_info(socket, &info);
    if (!code) printf("%s: %s\n", what, info.resumed ? "resumed" : "full handshake");
    if (!code && session) code = dor_ssl_get_session(socket, session);
    dor_ssl_close(socket);
    return code;
}

/* To bytes and back, as a file would have it. */
static int through_bytes(dor_ssl_session **session)
{
    unsigned char bytes[8192];
    size_t len;
    int code = dor_ssl_session_serialise(*session, bytes, sizeof bytes, &len);
    dor_ssl_session_unref(*session);
    *session = NULL;
    if (!code) code = dor_ssl_session_parse(bytes, len, session);
    memset(bytes, 0, sizeof bytes); /* they are as secret as a password; a program would use explicit_bzero */
    return code;
}

int main(void)
{
    unsigned char key[DOR_TICKET_KEY_BYTES];
    dor_socket listener[2];
    dor_address address[2];
    dor_session_statistics figures;
    dor_ssl_session *session = NULL;
    dor_options *server = dor_options_new(), *client = dor_options_new();
    FILE *random = fopen("/dev/urandom", "rb");
    int code = random && fread(key, sizeof key, 1, random) == 1 ? DOR_OK : DOR_E_FILE_UNREADABLE;
    if (random) fclose(random);

    if (!code) code = dor_options_use_development_certificate(server, "localhost", NULL);
    if (!code) code = dor_options_set_ticket_keys(server, key, 1, sizeof key);
    for (int i = 0; i < 2 && !code; i++)
        code = start_server(server, &listener[i], &address[i]);

    if (!code) code = dor_options_set_text(client, "verify", "verify_none"); /* a development certificate */
    if (!code) code = dor_options_set_text(client, "active", "false");
    if (!code) code = dor_options_set_text(client, "session_tickets", "auto");
    if (!code) code = visit("first visit", address[0].port, client, NULL);
    if (!code) code = visit("second visit", address[0].port, client, &session);

    if (!code) code = through_bytes(&session);
    if (!code) code = dor_options_set_session(client, session);
    if (!code) code = visit("the other server", address[1].port, client, NULL);
    dor_ssl_session_unref(session);

    if (!code) code = dor_ssl_get_session_statistics(listener[1], &figures);
    if (!code) printf("the other server opened %d ticket\n", (int)figures.tickets_opened);
    if (code) failed("sessions", code);
    dor_options_free(server);
    dor_options_free(client);
    dor_process_detach();
    return dor_runtime_stop(dor_runtime_default(), 3000) || code;
}
