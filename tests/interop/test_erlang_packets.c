/*
 * Packet modes with Erlang's ssl on the other side: 1, 2, 4 and line, both ends as server, in every way of receiving on
 * both sides, both directions at once, many small packets and some large ones; http; and packets that are none.
 */
#include "erlang_peer.h"

/* The packets: tests/interop/erlang/peer.escript has the same. */
typedef struct mode {
    const char *name;
    size_t big; /* of every twentieth */
    size_t max; /* what its header can say */
} mode;

static const mode modes[] = {
    {"1", 255, 255}, {"2", 65535, 65535}, {"4", 200000, SIZE_MAX}, {"line", 30000, SIZE_MAX}};

static size_t make_packet(const mode *m, unsigned i, char *bytes)
{
    size_t len = i % 20 == 19 ? m->big : i * i * 37 % 200;
    for (size_t k = 0; k < len; k++)
        bytes[k] = (char)('a' + (k + i) % 26);
    if (strcmp(m->name, "line") == 0) bytes[len++] = '\n';
    return len;
}

static void take_packet(dor_socket s, int active, const char *bytes, size_t len, const char *what)
{
    dor_ssl_event event = {0};
    if (active == DOR_ACTIVE_FALSE) {
        OK(dor_ssl_recv(s, 0, PATIENCE_MS, &event.data));
    } else {
        uint32_t type;
        while ((type = next_event_within(s, PATIENCE_MS, &event)) != DOR_MSG_SSL) {
            cr_assert(type == DOR_MSG_SSL_WRITABLE || type == DOR_MSG_SSL_PASSIVE, "%s: event %u", what,
                      type);
            if (type == DOR_MSG_SSL_PASSIVE) OK(dor_ssl_set_active(s, active));
        }
        if (active == DOR_ACTIVE_ONCE) OK(dor_ssl_set_active(s, active));
    }
    expect_data(event.data, bytes, len);
}

static const char *as_erlang(int active)
{
    return active == DOR_ACTIVE_TRUE ? "true" : active == DOR_ACTIVE_ONCE ? "once" : active ? "7" : "false";
}

/* Both send `count` packets to each other at the same time; we receive in one way, Erlang in another. */
static void exchange(erlang_peer *e, dor_socket s, const mode *m, int ours, int theirs, unsigned count)
{
    static char bytes[200001];
    erlang_begins(e, "exchange_packets(S1, {%s, %zu}, %s, %u)", m->name, m->big, as_erlang(theirs), count);
    OK(dor_ssl_set_active(s, ours));
    for (unsigned sent = 0, taken = 0; taken < count;) {
        int code = DOR_E_BUSY;
        if (sent < count) {
            size_t len = make_packet(m, sent, bytes);
            code = dor_ssl_send_async(s, dor_buffer_new(bytes, len), NULL);
            cr_assert(code == DOR_OK || code == DOR_E_BUSY, "%d", code);
            sent += code == DOR_OK;
        }
        if (code == DOR_E_BUSY || sent % 3 == 0) {
            size_t len = make_packet(m, taken++, bytes);
            take_packet(s, ours, bytes, len, m->name);
        }
    }
    if (ours != DOR_ACTIVE_FALSE) OK(dor_ssl_set_active(s, DOR_ACTIVE_FALSE));
    ERLANG_SAYS(e, "{ok,ok}");
}

/* Every pair of ways of receiving, over one connection. */
static void all_ways(erlang_peer *e, dor_socket s, const mode *m)
{
    static const int ways[] = {DOR_ACTIVE_TRUE, DOR_ACTIVE_ONCE, DOR_ACTIVE_FALSE, 7};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < 4; k++)
            exchange(e, s, m, ways[i], ways[k], scaled(60));
}

static void modes_of(const mode *m, const char *version)
{
    world w;
    erlang_peer e;
    char options[200], erlang_mode[100];
    start_erlang(&e);
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    OK(dor_options_set_text(w.server, "packet", m->name));
    OK(dor_options_set_text(w.client, "packet", m->name));
    OK(dor_options_set_int(w.client, "packet_size", 200000));
    OK(dor_options_set_int(w.server, "packet_size", 200000));
    snprintf(erlang_mode, sizeof erlang_mode, "{packet, %s}", m->name);
    snprintf(options, sizeof options, "{versions, ['%s']}, %s", version, erlang_mode);
    listen_in(&w);

    dor_socket s = we_accept(&w, &e, 1, erlang_mode);
    all_ways(&e, s, m);
    if (m->max != SIZE_MAX) { /* neither sends what the header cannot say */
        static char bytes[65536];
        FAILS(dor_ssl_send(s, bytes, m->max + 1), DOR_E_TOO_BIG);
        const char *said = erlang_value(&e, "ssl:send(S1, binary:copy(<<0>>, %zu))", m->max + 1);
        cr_assert_eq(strncmp(said, "{error,{badarg,{packet_to_large,", 32), 0, "Erlang says %s", said);
    }
    OK(dor_ssl_close(s));
    ERLANG(&e, "{error,closed}", "ssl:recv(S1, 0, 20000)");
    ERLANG(&e, "ok", "forget");

    uint16_t port = erlang_listens(&e, options);
    s = we_connect(&w, &e, 1, port);
    all_ways(&e, s, m);
    ERLANG(&e, "ok", "ssl:close(S1)");
    dor_buffer *data;
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_close(s));
    stop_erlang(&e);
    end(&w);
}

#define MODE(number, name)                                                                                   \
    Test(erlang_packets, name##_tls13)                                                                       \
    {                                                                                                        \
        modes_of(&modes[number], "tlsv1.3");                                                                 \
    }                                                                                                        \
    Test(erlang_packets, name##_tls12)                                                                       \
    {                                                                                                        \
        modes_of(&modes[number], "tlsv1.2");                                                                 \
    }

MODE(0, packet_1)
MODE(1, packet_2)
MODE(2, packet_4)
MODE(3, line)

/* ---- what is no packet ----------------------------------------------------------------------------------------- */

/* A line over packet_size ends our connection, whose data so far came first; Erlang's does likewise. */
Test(erlang_packets, too_large)
{
    world w;
    erlang_peer e;
    dor_buffer *data;
    start_erlang(&e);
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "packet", "2"));
    OK(dor_options_set_int(w.server, "packet_size", 10));
    listen_in(&w);
    dor_socket s = we_accept(&w, &e, 1, "{packet, 2}");
    ERLANG(&e, "{ok,ok}", "{ssl:send(S1, \"short\"), ssl:send(S1, \"eleven byte\")}");
    expect_recv(s, 0, "short");
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_INVALID_PACKET);
    OK(dor_ssl_close(s));
    ERLANG(&e, "{error,closed}", "ssl:recv(S1, 0, 20000)");
    ERLANG(&e, "ok", "forget");

    OK(dor_options_set_text(w.client, "packet", "2"));
    uint16_t port = erlang_listens(&e, "{packet, 2}, {packet_size, 10}");
    s = we_connect(&w, &e, 1, port);
    ERLANG(&e, "ok", "ssl:setopts(S1, [{active, true}])");
    send_text(s, "short");
    send_text(s, "eleven byte");
    ERLANG(&e, "{ssl,<<\"short\">>}", "event()");
    ERLANG(&e, "{ssl_error,{invalid_packet,<<0,11,101,108,101,118,101,110,32,98,121,116,101>>}}", "event()");
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_close(s));
    stop_erlang(&e);
    end(&w);
}

/* ---- http ------------------------------------------------------------------------------------------------------- */

static dor_http_packet next_line(dor_socket s, dor_http_kind kind, dor_buffer **data)
{
    dor_ssl_event event = {0};
    dor_http_packet p;
    cr_assert_eq(next_event_within(s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    OK(dor_http_parse((dor_http_part)event.http, dor_buffer_data(event.data), dor_buffer_len(event.data),
                      &p));
    cr_assert_eq(p.kind, kind);
    *data = event.data;
    return p;
}

static void expect_text(dor_http_text text, const char *expected)
{
    cr_assert(text.len == strlen(expected) && memcmp(text.ptr, expected, text.len) == 0, "%.*s",
              (int)text.len, text.ptr);
}

enum { LINES = 5 }; /* of a request's head */

/* Requests of Erlang's that we take apart, answers that Erlang does; and the other way round. */
static void http_of(const char *version, int active)
{
    world w;
    erlang_peer e;
    dor_buffer *data;
    char body[20001] = {0}, options[100];
    memset(body, 'b', 20000);
    start_erlang(&e);
    begin(&w, 1);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    OK(dor_options_set_text(w.server, "packet", "http"));
    listen_in(&w);
    snprintf(options, sizeof options, "{versions, ['%s']}, {packet, http_bin}", version);
    dor_socket s = we_accept(&w, &e, 1, options);
    dor_options *raw = dor_options_new(), *http = dor_options_new();
    OK(dor_options_set_text(raw, "packet", "raw"));
    OK(dor_options_set_text(http, "packet", "http"));
    for (int i = 0; i < 3; i++) {
        ERLANG(&e, "ok",
               "ssl:send(S1, [<<\"POST /page/%d?q HTTP/1.1\\r\\nHost: localhost\\r\\nX-Own: \\t value\\r\\n "
               "more\\r\\n\">>, "
               "<<\"Content-Length: 20000\\r\\n\\r\\n\">>, binary:copy(<<\"b\">>, 20000)])",
               i);
        OK(dor_ssl_set_active(s, active));
        dor_http_packet p = next_line(s, DOR_HTTP_REQUEST, &data);
        cr_assert(p.request.method == DOR_HTTP_METHOD_POST && p.request.major == 1 && p.request.minor == 1);
        cr_assert(p.request.uri.path.len == 9 && p.request.uri.path.ptr[6] == '0' + i);
        dor_buffer_unref(data);
        for (int h = 0; h < 3; h++) {
            static const char *values[] = {"localhost", "value\r\n more", "20000"};
            if (active == DOR_ACTIVE_ONCE) OK(dor_ssl_set_active(s, active));
            p = next_line(s, DOR_HTTP_HEADER, &data);
            expect_text(p.header.value, values[h]);
            dor_buffer_unref(data);
        }
        if (active == DOR_ACTIVE_ONCE) OK(dor_ssl_set_active(s, active));
        (void)next_line(s, DOR_HTTP_END, &data);
        dor_buffer_unref(data);
        if (active == LINES) expect_event(s, DOR_MSG_SSL_PASSIVE, 0);
        OK(dor_ssl_setopts(s, raw));
        expect_recv(s, 20000, body);
        OK(dor_ssl_setopts(s, http));
        send_text(s, "HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nx-own: 1\r\n\r\n");
        ERLANG(&e, "{ok,{http_response,{1,1},200,<<\"Fine\">>}}", "ssl:recv(S1, 0, 20000)");
        ERLANG(&e, "{ok,{http_header,42,'Content-Type',<<\"Content-Type\">>,<<\"text/plain\">>}}",
               "ssl:recv(S1, 0, 20000)");
        ERLANG(&e, "{ok,{http_header,0,<<\"X-Own\">>,<<\"x-own\">>,<<\"1\">>}}", "ssl:recv(S1, 0, 20000)");
        ERLANG(&e, "{ok,http_eoh}", "ssl:recv(S1, 0, 20000)");
    }
    OK(dor_ssl_close(s));
    dor_options_free(raw);
    dor_options_free(http);
    stop_erlang(&e);
    end(&w);
}

Test(erlang_packets, http_once_tls13)
{
    http_of("tlsv1.3", DOR_ACTIVE_ONCE);
}

Test(erlang_packets, http_counted_tls12)
{
    http_of("tlsv1.2", LINES);
}

/* Our requests to Erlang's server, which receives them as events; its answers come to us by recv. */
Test(erlang_packets, http_server)
{
    world w;
    erlang_peer e;
    dor_buffer *data;
    dor_http_packet p;
    static const char *answer[] = {"HTTP/1.1 404 Not Here\r\n", "Server: e\r\n", "\r\n"};
    start_erlang(&e);
    begin(&w, 1);
    OK(dor_options_set_text(w.client, "packet", "http"));
    uint16_t port = erlang_listens(&e, "{packet, http}");
    dor_socket s = we_connect(&w, &e, 1, port);
    ERLANG(&e, "ok", "ssl:setopts(S1, [{active, true}])");
    for (int i = 0; i < 2; i++) {
        send_text(s, "GET http://localhost:8080/x HTTP/1.0\r\nAccept: */*\r\n\r\n");
        ERLANG(&e, "{ssl,{http_request,'GET',{absoluteURI,http,\"localhost\",8080,\"/x\"},{1,0}}}",
               "event()");
        ERLANG(&e, "{ssl,{http_header,8,'Accept',\"Accept\",\"*/*\"}}", "event()");
        ERLANG(&e, "{ssl,http_eoh}", "event()");
        ERLANG(&e, "ok", "ssl:send(S1, \"HTTP/1.1 404 Not Here\\r\\nServer: e\\r\\n\\r\\n\")");
        for (int k = 0; k < 3; k++) {
            OK(dor_ssl_recv(s, 0, PATIENCE_MS, &data));
            OK(dor_http_parse(k ? DOR_HTTP_PART_HEADER : DOR_HTTP_PART_START, dor_buffer_data(data),
                              dor_buffer_len(data), &p));
            expect_text(p.line, answer[k]);
            if (k == 0) cr_assert_eq(p.response.status, 404);
            dor_buffer_unref(data);
        }
    }
    OK(dor_ssl_close(s));
    ERLANG(&e, "ssl_closed", "event()");
    stop_erlang(&e);
    end(&w);
}
