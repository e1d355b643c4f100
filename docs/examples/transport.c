/*
 * transport.c - a transport of one's own: it counts what goes through another, here the in-memory one. A client and a server
 * in one process talk TLS over it, without a descriptor.
 */
#include <dormouse.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 10000 };

static atomic_size_t sent, received; /* calls come from several schedulers */

/* What it adds nothing to, it passes on: connections and listeners are those of the other transport. */
static dor_transport_ops counting;

static int count_send(void *connection, const void *data, size_t len, size_t *count)
{
    int code = dor_transport_memory()->send(connection, data, len, count);
    if (code == DOR_TRANSPORT_DONE) atomic_fetch_add(&sent, *count);
    return code; /* after AGAIN the other one will call dor_transport_ready */
}

static int count_recv(void *connection, void *data, size_t len, size_t *count)
{
    int code = dor_transport_memory()->recv(connection, data, len, count);
    if (code == DOR_TRANSPORT_DONE) atomic_fetch_add(&received, *count);
    return code;
}

static int fail(const char *what, int code)
{
    char text[160];
    printf("%s: %s\n", what, dor_format_error(code, text, sizeof(text)));
    return 1;
}

static void echo(void *state, dor_socket socket, dor_message *message)
{
    dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL) dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL);
    dor_message_free(message), (void)state;
}

int main(void)
{
    dor_socket listener, socket;
    dor_address address;
    dor_buffer *answer;
    dor_options *server = dor_options_new(), *client = dor_options_new();
    counting = *dor_transport_memory();
    counting.send = count_send;
    counting.recv = count_recv;
    dor_options_use_development_certificate(server, "localhost", NULL);
    dor_options_set_transport(server, &counting, NULL);
    dor_options_set_transport(client, &counting, NULL);
    dor_options_set_text(client, "verify", "verify_none");
    dor_options_set_text(client, "active", "false");

    int code = dor_ssl_serve(NULL, 0, server, &(dor_server_spec){.receive = echo}, &listener);
    if (code) return fail(dor_options_error(server), code);
    dor_ssl_sockname(listener, &address);
    code = dor_ssl_connect(NULL, "in this process", address.port, client, TIMEOUT_MS, &socket);
    if (code) return fail("connect", code);
    code = dor_ssl_send(socket, "hello", 5);
    if (!code) code = dor_ssl_recv(socket, 5, TIMEOUT_MS, &answer);
    if (code) return fail("echo", code);
    printf("%.*s\n", (int)dor_buffer_len(answer), (const char *)dor_buffer_data(answer));
    dor_buffer_unref(answer);
    dor_ssl_close(socket);
    dor_ssl_close(listener);
    dor_options_free(server), dor_options_free(client);
    code = dor_runtime_stop(dor_runtime_default(), 5000);
    printf("sent and received: %s\n", sent && sent == received ? "the same" : "not the same");
    return code;
}
