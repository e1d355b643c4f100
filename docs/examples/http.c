/*
 * A small HTTP server by packet modes: lines come as events, one at a time, and a body is received raw.
 *
 * {active, once} matters: with active true the beginning of a body would have been cut into lines before anybody could
 * say that it is none.
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 1 << 20 };

typedef struct visit {
    char request[64];
    unsigned headers;
    unsigned long body;
} visit;

static dor_options *lines, *raw; /* made once, only read afterwards */

static void *open_visit(dor_socket socket, void *arg)
{
    (void)socket, (void)arg;
    return calloc(1, sizeof(visit));
}

static int answer(visit *v, dor_socket socket)
{
    char text[200], body[120];
    int len =
        snprintf(body, sizeof body, "%s: %u headers, %lu bytes of body\n", v->request, v->headers, v->body);
    len = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len, body);
    *v = (visit){.headers = 0};
    int code = dor_ssl_send_async(socket, dor_buffer_new(text, (size_t)len), NULL);
    return code ? code : dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
}

static int receive_body(visit *v, dor_socket socket)
{
    dor_ref ref;
    int code = dor_ssl_setopts(socket, raw);
    return code ? code : dor_ssl_recv_async(socket, v->body, 10000, &ref);
}

/* Texts have no NUL behind them. */
static int number(dor_http_text text, unsigned long *value)
{
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return 0;
        *value = 10 * *value + (unsigned long)(text.ptr[i] - '0');
        if (*value > BODY_MAX) return 0;
    }
    return text.len > 0;
}

static int on_line(visit *v, dor_socket socket, const dor_ssl_event *event)
{
    dor_http_packet p;
    dor_http_parse((dor_http_part)event->http, dor_buffer_data(event->data), dor_buffer_len(event->data), &p);
    switch (p.kind) {
    case DOR_HTTP_REQUEST:
        snprintf(v->request, sizeof v->request, "%.*s %.*s", (int)p.request.method_name.len,
                 p.request.method_name.ptr, (int)p.request.uri.text.len, p.request.uri.text.ptr);
        break;
    case DOR_HTTP_HEADER:
        v->headers++;
        if (p.header.field == DOR_HTTP_CONTENT_LENGTH && !number(p.header.value, &v->body))
            return DOR_E_TOO_BIG;
        break;
    case DOR_HTTP_END: return v->body ? receive_body(v, socket) : answer(v, socket);
    default: return DOR_E_INVALID_PACKET;
    }
    return dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
}

static void receive(void *state, dor_socket socket, dor_message *message)
{
    int code = DOR_OK;
    if (!state) {
        code = DOR_E_NOMEM;
    } else if (message->type == DOR_MSG_SSL) {
        code = on_line(state, socket, dor_message_payload(message));
    } else if (message->type == DOR_MSG_SSL_REPLY) { /* the body is here */
        code = ((dor_ssl_reply *)dor_message_payload(message))->result;
        if (!code) code = dor_ssl_setopts(socket, lines);
        if (!code) code = answer(state, socket);
    }
    if (code) dor_ssl_close(socket);
    dor_message_free(message);
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 4433;
    const dor_server_spec spec = {.open = open_visit, .receive = receive, .close = free};
    dor_socket listener;
    dor_options *options = dor_options_new();
    lines = dor_options_new();
    raw = dor_options_new();
    dor_options_use_development_certificate(options, "localhost", NULL);
    dor_options_set_text(options, "packet", "http");
    dor_options_set_text(options, "active", "once");
    dor_options_set_int(options, "packet_size", 8192); /* the longest line */
    dor_options_set_text(lines, "packet", "http");
    dor_options_set_text(raw, "packet", "raw");
    if (dor_ssl_serve(NULL, port, options, &spec, &listener)) return 1;
    puts("listening, until a line is entered"), fflush(stdout), getchar();
    int code = dor_runtime_stop(dor_runtime_default(), 1000);
    dor_options_free(options), dor_options_free(lines), dor_options_free(raw);
    return code;
}
