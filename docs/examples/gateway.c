/*
 * gateway.c - a TLS gateway that says whom it serves: it ends its clients' TLS, connects to a backend for each of them, by TLS
 * again, and puts a PROXY header in front that tells the client's address and the protocol that was agreed on.
 *
 *     gateway PORT CERT.pem KEY.pem BACKEND_PORT ROOT.pem [v1|v2]        ends when a line is entered
 *
 * The backend is on this machine and has a certificate for "localhost" by ROOT.pem. What one side sends goes to the other one
 * piece at a time: the next is asked for when the last has been written, so a slow reader slows down its writer.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 10000, CLIENT = 0, BACKEND = 1 };

typedef struct gateway {
    uint16_t backend_port;
    const char *root, *version;
} gateway;

/* A client and its backend. One actor owns both sockets, so they end together. */
typedef struct visit {
    dor_socket sockets[2];
    dor_ref connecting, sending[2]; /* to the client, to the backend */
} visit;

/* A header is said by the options, so each connection has its own. */
static int set_header(dor_options *options, dor_socket client, const char *version)
{
    char alpn[256];
    dor_proxy_info info = {.known = 1};
    int code = dor_ssl_peername(client, &info.source);
    if (!code) code = dor_ssl_sockname(client, &info.destination);
    if (!code && dor_ssl_negotiated_protocol(client, alpn, sizeof alpn) == DOR_OK)
        info.alpn = (dor_proxy_text){alpn, strlen(alpn)};
    if (!code) code = dor_options_set_proxy_header(options, &info);
    if (!code) code = dor_options_set_text(options, "proxy_protocol", version);
    return code;
}

static int connect_backend(const gateway *g, visit *v)
{
    dor_options *options = dor_options_new();
    int code = set_header(options, v->sockets[CLIENT], g->version);
    if (!code) code = dor_options_set_text(options, "cacertfile", g->root);
    if (!code) code = dor_options_set_text(options, "active", "once");
    if (!code)
        code = dor_ssl_connect_async(NULL, "localhost", g->backend_port, options, CONNECT_MS, &v->connecting);
    dor_options_free(options);
    return code;
}

static void *open_visit(dor_socket socket, void *arg)
{
    visit *v = calloc(1, sizeof *v);
    if (v) v->sockets[CLIENT] = socket;
    if (!v || connect_backend(arg, v)) dor_ssl_close(socket);
    return v;
}

/* A reply: the backend is there, or a piece has been written and its writer may go on. */
static int on_reply(visit *v, const dor_ssl_reply *reply)
{
    if (reply->result) return reply->result;
    if (reply->ref == v->connecting) {
        v->sockets[BACKEND] = reply->socket;
        return dor_ssl_set_active(v->sockets[CLIENT], DOR_ACTIVE_ONCE);
    }
    return dor_ssl_set_active(v->sockets[reply->ref == v->sending[CLIENT] ? BACKEND : CLIENT],
                              DOR_ACTIVE_ONCE);
}

static int pass_on(visit *v, const dor_ssl_event *event)
{
    int to = event->socket == v->sockets[CLIENT] ? BACKEND : CLIENT;
    return dor_ssl_send_async(v->sockets[to], dor_buffer_ref(event->data), &v->sending[to]);
}

static void receive(void *state, dor_socket socket, dor_message *message)
{
    visit *v = state;
    int code = DOR_OK;
    if (!v) {
        code = DOR_E_NOMEM;
    } else if (message->type == DOR_MSG_SSL_REPLY) {
        code = on_reply(v, dor_message_payload(message));
    } else if (message->type == DOR_MSG_SSL) {
        code = pass_on(v, dor_message_payload(message));
    } else if (message->type == DOR_MSG_SSL_CLOSED || message->type == DOR_MSG_SSL_ERROR) {
        code = DOR_E_CLOSED; /* one end has gone, and the other goes with it */
    }
    if (code) {
        if (v && v->sockets[BACKEND]) dor_ssl_close(v->sockets[BACKEND]); /* what was sent is written first */
        dor_ssl_close(socket);
    }
    dor_message_free(message);
}

int main(int argc, char **argv)
{
    if (argc < 6) return 2;
    gateway g = {
        .backend_port = (uint16_t)atoi(argv[4]), .root = argv[5], .version = argc > 6 ? argv[6] : "v2"};
    dor_server_spec spec = {.open = open_visit, .receive = receive, .close = free, .arg = &g};
    dor_socket listener;
    dor_address address;
    dor_options *options = dor_options_new();
    dor_options_set_text(options, "certfile", argv[2]);
    dor_options_set_text(options, "keyfile", argv[3]);
    dor_options_set_list(options, "alpn_preferred_protocols", "http/1.1", NULL);
    dor_options_set_text(options, "active", "false"); /* until the backend is there */
    int code = dor_ssl_serve(NULL, (uint16_t)atoi(argv[1]), options, &spec, &listener);
    if (!code) code = dor_ssl_sockname(listener, &address);
    if (code) return fprintf(stderr, "%s\n", dor_options_error(options)), 1;
    printf("listening on port %u, until a line is entered\n", address.port), fflush(stdout), getchar();
    dor_options_free(options);
    return dor_runtime_stop(dor_runtime_default(), 1000);
}
