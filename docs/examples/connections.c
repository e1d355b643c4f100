/*
 * connections.c - a TLS echo server with one actor per connection, each a child of a supervisor: SIMPLE_ONE_FOR_ONE.
 *
 *     connections [TCP port]        ends when a line is entered
 *
 * A child waits for a connection, then has the next child started to wait in its place, and serves the one it got. So
 * every connection has had its owner from the beginning, and a fault in one ends that one alone.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>

enum { GO = DOR_MSG_USER, WAITING = 4 /* children that wait for a connection */ };

static dor_socket listener;

typedef struct connection {
    dor_pid supervisor;
    dor_socket socket;
    dor_ref next; /* the call that starts the next child */
} connection;

static void have_next_started(connection *c)
{
    if (dor_supervisor_start_child(c->supervisor, NULL, NULL, NULL, &c->next)) dor_exit_self(DOR_E_NOMEM);
}

static void on_reply(connection *c, const dor_ssl_reply *reply)
{
    dor_ref ref;
    if (reply->result != DOR_OK) {
        dor_exit_self(reply->result); /* the handshake failed, or the listener has gone */
    } else if (c->socket == DOR_SOCKET_NONE) {
        c->socket = reply->socket;
        have_next_started(c);
        if (dor_ssl_accept_async(c->socket, NULL, 5000, &ref)) dor_exit_self(DOR_E_NOMEM);
    } else {
        dor_ssl_set_active(c->socket, DOR_ACTIVE_TRUE); /* the handshake is done */
    }
}

static void connection_receive(void *state, dor_message *message)
{
    connection *c = state;
    const dor_ssl_event *event = dor_message_payload(message);
    dor_ref ref;
    switch (message->type) {
    case GO:
        if (dor_ssl_transport_accept_async(listener, DOR_INFINITY, &ref)) dor_exit_self(DOR_E_NOMEM);
        break;
    case DOR_MSG_SSL_REPLY: on_reply(c, dor_message_payload(message)); break;
    case DOR_MSG_SSL:
        if (dor_ssl_send_async(c->socket, dor_buffer_ref(event->data), NULL)) dor_exit_self(DOR_E_BUSY);
        break;
    case DOR_MSG_SSL_CLOSED:
    case DOR_MSG_SSL_ERROR: dor_exit_self(event->reason); break;
    default: break; /* DOR_MSG_SUPERVISOR: the next one waits now */
    }
    dor_message_free(message);
}

static void connection_stop(void *state, int reason)
{
    free(state), (void)reason; /* the socket closes with its owner, and says so to the peer */
}

static int connection_start(void *arg, void *extra, dor_pid *pid)
{
    connection *c = calloc(1, sizeof *c);
    dor_message *go = dor_message_new(GO, 0, NULL);
    int code = c && go ? DOR_OK : DOR_E_NOMEM;
    (void)arg, (void)extra; /* what dor_supervisor_start_child was given comes here */
    if (c) *c = (connection){.supervisor = dor_self()};
    dor_actor_spec spec = {
        .receive = connection_receive, .stop = connection_stop, .state = c, .scheduler = DOR_ON_ANY};
    if (!code) code = dor_spawn_link(NULL, &spec, pid);
    if (!code) return dor_send(*pid, go);
    dor_message_free(go);
    free(c);
    return code;
}

static int start(uint16_t port, dor_pid *supervisor)
{
    dor_child_spec kind = {.start = connection_start, .restart = DOR_TEMPORARY, .shutdown_ms = 2000};
    dor_supervisor_spec spec = {
        .strategy = DOR_SIMPLE_ONE_FOR_ONE, .scheduler = DOR_ON_ANY, .children = &kind, .child_count = 1};
    dor_options *options = dor_options_new();
    int code = dor_options_use_development_certificate(options, "localhost", NULL);
    if (!code) code = dor_ssl_listen(NULL, port, options, &listener);
    if (!code) code = dor_supervisor_start(NULL, &spec, supervisor);
    for (int i = 0; !code && i < WAITING; i++)
        code = dor_supervisor_start_child(*supervisor, NULL, NULL, NULL, NULL);
    dor_options_free(options);
    return code;
}

int main(int argc, char **argv)
{
    dor_pid supervisor;
    dor_child_counts counts;
    char text[160];
    int code = dor_process_attach(NULL, NULL);
    if (!code) code = start(argc > 1 ? (uint16_t)atoi(argv[1]) : 4433, &supervisor);
    if (!code) puts("listening, until a line is entered"), fflush(stdout), getchar();
    if (!code) code = dor_supervisor_count_children(supervisor, &counts);
    if (!code) printf("%u children\n", counts.active);
    if (code) fprintf(stderr, "%s\n", dor_format_error(code, text, sizeof text));
    dor_process_detach(); /* the supervisor ends with who started it, and with it all connections */
    return dor_runtime_stop(dor_runtime_default(), 3000) || code;
}
