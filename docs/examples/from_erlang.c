/*
 * from_erlang.c - what docs/from-erlang.md shows beside the same in Erlang: an echo server of lines with {active, once}, whose
 * acceptor hands each connection to an owner of its own; and its client.
 *
 *     from_erlang serve PORT CERTFILE KEYFILE      echoes lines until it is killed; PORT 0: any free one
 *     from_erlang ask PORT CACERTFILE TEXT         sends one line to localhost and prints the answer
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GO = DOR_MSG_USER, TIMEOUT_MS = 5000 };

static int fail(const char *what, int code)
{
    char text[160];
    fprintf(stderr, "%s: %s\n", what, dor_format_error(code, text, sizeof text));
    return 1;
}

static void connection(void *state, dor_message *message)
{
    dor_socket socket = *(dor_socket *)state;
    dor_ssl_event *event = dor_message_payload(message);
    dor_ssl_reply *reply = dor_message_payload(message);
    dor_ref ref;
    int code = DOR_OK;
    switch (message->type) {
    case GO: code = dor_ssl_accept_async(socket, NULL, TIMEOUT_MS, &ref); break;
    case DOR_MSG_SSL_REPLY:
        code = reply->result ? reply->result : dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
        break;
    case DOR_MSG_SSL:
        code = dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL);
        if (!code) code = dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
        break;
    case DOR_MSG_SSL_CLOSED: dor_exit_self(DOR_OK); break;
    case DOR_MSG_SSL_ERROR: dor_exit_self(event->reason); break;
    default: break;
    }
    if (code) dor_exit_self(code); /* the socket closes with its owner */
    dor_message_free(message);
}

static void connection_stop(void *state, int reason)
{
    free(state), (void)reason;
}

static int hand_over(dor_socket socket)
{
    dor_socket *state = malloc(sizeof *state);
    dor_message *go = dor_message_new(GO, 0, NULL);
    dor_actor_spec spec = {
        .receive = connection, .stop = connection_stop, .state = state, .scheduler = DOR_ON_ANY};
    dor_pid pid;
    int code = state && go ? dor_spawn(NULL, &spec, &pid) : DOR_E_NOMEM;
    if (code) {
        free(state), dor_message_free(go);
        return code;
    }
    *state = socket; /* it runs when it gets its first message, and that is go */
    code = dor_ssl_controlling_process(socket, pid);
    if (!code) return dor_send(pid, go);
    dor_message_free(go);
    return dor_stop(pid, code);
}

static int serve(uint16_t port, const char *certfile, const char *keyfile)
{
    dor_socket listener, socket;
    dor_address address;
    dor_options *options = dor_options_new();
    dor_options_set_text(options, "certfile", certfile);
    dor_options_set_text(options, "keyfile", keyfile);
    dor_options_set_text(options, "packet", "line");
    dor_options_set_text(options, "active", "false");
    int code = dor_ssl_listen(NULL, port, options, &listener);
    if (code) return fail(dor_options_error(options), code);
    dor_options_free(options);
    if (dor_ssl_sockname(listener, &address) == DOR_OK)
        printf("listening on port %u\n", address.port), fflush(stdout);
    while ((code = dor_ssl_transport_accept(listener, DOR_INFINITY, &socket)) == DOR_OK)
        if (hand_over(socket)) dor_ssl_close(socket);
    return fail("accept", code);
}

static int ask(uint16_t port, const char *cacertfile, const char *text)
{
    dor_socket socket;
    dor_buffer *line;
    char question[256];
    dor_options *options = dor_options_new();
    dor_options_set_text(options, "cacertfile", cacertfile);
    dor_options_set_text(options, "packet", "line");
    dor_options_set_text(options, "active", "false");
    int code = dor_ssl_connect(NULL, "localhost", port, options, TIMEOUT_MS, &socket);
    if (code) return fail("connect", code);
    dor_options_free(options);
    snprintf(question, sizeof question, "%s\n", text);
    code = dor_ssl_send(socket, question, strlen(question));
    if (!code) code = dor_ssl_recv(socket, 0, TIMEOUT_MS, &line);
    if (code) return fail("no answer", code);
    fwrite(dor_buffer_data(line), 1, dor_buffer_len(line), stdout);
    dor_buffer_unref(line);
    return dor_ssl_close(socket);
}

int main(int argc, char **argv)
{
    int status = 2;
    uint16_t port = argc > 2 ? (uint16_t)atoi(argv[2]) : 0;
    if (argc == 5 && strcmp(argv[1], "serve") == 0) status = serve(port, argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "ask") == 0) status = ask(port, argv[3], argv[4]);
    return dor_runtime_stop(dor_runtime_default(), 1000) || status;
}
