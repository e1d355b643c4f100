/*
 * Every packet mode over real connections: active true, once, N and passive, both ways, both versions, one byte to a
 * record, several packets to a record, changes of mode in mid-stream, what is left at the end, what is no packet.
 */
#include "net_support.h"
#include "hand_peer.h"

typedef struct tested {
    const char *name;
    bool counted; /* send makes the header */
    bool http;
} tested;

static const tested modes[] = {
    {"1", true, false},         {"2", true, false},    {"4", true, false},        {"line", false, false},
    {"asn1", false, false},     {"cdr", false, false}, {"sunrm", false, false},   {"fcgi", false, false},
    {"tpkt", false, false},     {"http", false, true}, {"http_bin", false, true}, {"httph", false, true},
    {"httph_bin", false, true},
};
enum { MODES = sizeof modes / sizeof modes[0], ROOM = 70000 };

static size_t put(char *to, const char *head, size_t head_len, unsigned i, size_t len)
{
    memcpy(to, head, head_len);
    for (size_t k = 0; k < len; k++)
        to[head_len + k] = (char)('a' + (k + i) % 26);
    return head_len + len;
}

/* The i-th packet of a mode as it is sent, and as it is received: equal but for FastCGI's padding. */
static size_t make_packet(const char *mode, unsigned i, char *bytes, size_t *received)
{
    size_t big = i % 16 == 15 ? 40000 : (size_t)i * i * 37 % 3000, len, padding = 0;
    char h[16] = {0};
    if (strcmp(mode, "1") == 0) big %= 256;
    h[2] = (char)(big >> 8);
    h[3] = (char)big;
    if (strcmp(mode, "line") == 0) {
        len = put(bytes, "", 0, i, big);
        bytes[len++] = '\n';
    } else if (strcmp(mode, "asn1") == 0) {
        len = put(bytes, (const char[]){0x30, (char)0x82, h[2], h[3]}, 4, i, big);
    } else if (strcmp(mode, "cdr") == 0) {
        len = put(bytes, (const char[]){'G', 'I', 'O', 'P', 1, 2, 1, 0, h[3], h[2], 0, 0}, 12, i, big);
    } else if (strcmp(mode, "sunrm") == 0) {
        h[0] = (char)0x80;
        len = put(bytes, h, 4, i, big);
    } else if (strcmp(mode, "fcgi") == 0) {
        padding = i % 8;
        len = put(bytes, (const char[]){1, 6, 0, 1, h[2], h[3], (char)padding, 0}, 8, i, big + padding);
    } else if (strcmp(mode, "tpkt") == 0) {
        len = put(bytes, (const char[]){3, 0, (char)((big + 4) >> 8), (char)(big + 4)}, 4, i, big);
    } else if (strncmp(mode, "httph", 5) == 0 || (strncmp(mode, "http", 4) == 0 && i % 4)) {
        len = i % 4 == 3 ? 0 : put(bytes, "Header: ", 8, i, big);
        if (i % 4 == 1) len += put(bytes + len, "\r\n folded ", 10, i, 5);
        memcpy(bytes + len, "\r\n", 2);
        len += 2;
    } else if (strncmp(mode, "http", 4) == 0) {
        len = put(bytes, "GET /", 5, i, big);
        memcpy(bytes + len, " HTTP/1.1\r\n", 11);
        len += 11;
    } else {
        len = put(bytes, "", 0, i, big);
    }
    *received = len - padding;
    return len;
}

static void set_mode(dor_socket s, const char *mode)
{
    dor_options *o = dor_options_new(), *now = dor_options_new();
    const char *name = "packet";
    char text[16];
    OK(dor_options_set_text(o, "packet", mode));
    OK(dor_ssl_setopts(s, o));
    OK(dor_ssl_getopts(s, &name, 1, now));
    OK(dor_options_get_text(now, "packet", text, sizeof text));
    cr_assert_str_eq(text, mode);
    dor_options_free(o);
    dor_options_free(now);
}

/* active: DOR_ACTIVE_ or a number. */
static void take_packet(dor_socket s, int active, const tested *m, unsigned i)
{
    static char bytes[ROOM];
    size_t received;
    dor_ssl_event event = {0};
    (void)make_packet(m->name, i, bytes, &received);
    if (active == DOR_ACTIVE_FALSE) {
        OK(dor_ssl_recv(s, 7, PATIENCE_MS, &event.data)); /* the length says nothing outside of raw */
    } else {
        uint32_t type;
        while ((type = next_event_within(s, PATIENCE_MS, &event)) != DOR_MSG_SSL) {
            cr_assert(type == DOR_MSG_SSL_WRITABLE || type == DOR_MSG_SSL_PASSIVE, "%s: event %u", m->name,
                      type);
            if (type == DOR_MSG_SSL_PASSIVE) OK(dor_ssl_set_active(s, active));
        }
        if (active == DOR_ACTIVE_ONCE) OK(dor_ssl_set_active(s, active));
        cr_assert_eq(event.http != 0, m->http);
        if (m->http) cr_assert_eq(event.http, strncmp(m->name, "httph", 5) == 0 || i % 4 ? 2 : 1);
    }
    expect_data(event.data, bytes, received);
}

/* One pair in one way of receiving goes through all modes, which change in mid-stream, and both directions. */
static void all_modes(int active, const char *version)
{
    world w;
    static char bytes[ROOM];
    size_t received;
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    for (int k = 0; k < MODES; k++) {
        const tested *m = &modes[k];
        set_mode(p.server, m->name);
        set_mode(p.client, m->name);
        unsigned count = (scaled(32) + 7) / 4 * 4;
        for (int way = 0; way < 2; way++) {
            dor_socket from = way ? p.server : p.client, to = way ? p.client : p.server;
            unsigned sent = 0, taken = 0;
            OK(dor_ssl_set_active(to, active));
            while (taken < count) {
                int code = DOR_E_BUSY;
                if (sent < count) {
                    size_t len = make_packet(m->name, sent, bytes, &received);
                    code = dor_ssl_send_async(from, dor_buffer_new(bytes, len), NULL);
                    cr_assert(code == DOR_OK || code == DOR_E_BUSY, "%d", code);
                    sent += code == DOR_OK;
                }
                /* a header is known to be whole by what follows it, so there must be something */
                if ((code == DOR_E_BUSY || sent - taken > 12) && (sent == count || sent - taken > 4))
                    take_packet(to, active, m, taken++);
                else if (code == DOR_E_BUSY)
                    uv_sleep(1);
            }
            if (active > 0) { /* some of N may be left */
                OK(dor_ssl_set_active(to, DOR_ACTIVE_FALSE));
                while (next_event_within(to, 1, NULL))
                    continue;
            } else if (active != DOR_ACTIVE_FALSE) {
                OK(dor_ssl_set_active(to, DOR_ACTIVE_FALSE));
            }
        }
    }
    end(&w);
}

Test(packet_modes, active)
{
    all_modes(DOR_ACTIVE_TRUE, "tlsv1.3");
    all_modes(DOR_ACTIVE_TRUE, "tlsv1.2");
}

Test(packet_modes, once)
{
    all_modes(DOR_ACTIVE_ONCE, "tlsv1.3");
    all_modes(DOR_ACTIVE_ONCE, "tlsv1.2");
}

Test(packet_modes, n_at_a_time)
{
    all_modes(3, "tlsv1.3");
    all_modes(3, "tlsv1.2");
}

Test(packet_modes, passive)
{
    all_modes(DOR_ACTIVE_FALSE, "tlsv1.3");
    all_modes(DOR_ACTIVE_FALSE, "tlsv1.2");
}

/* Eight packets of a counted or framed mode as a stream; records of one byte, of seven bytes, and all in one. */
Test(packet_modes, however_records_cut)
{
    static char stream[8 * 3100], bytes[ROOM];
    static const size_t cuts[] = {1, 7, 16000};
    for (int k = 3; k < MODES; k++) {
        for (int c = 0; c < 3; c++) {
            world w;
            hand h;
            size_t len = 0, received, count = c ? 8 : 4;
            begin(&w, 1);
            OK(dor_options_set_text(w.server, "packet", modes[k].name));
            OK(dor_options_set_text(w.server, "active", c == 1 ? "false" : "true"));
            listen_in(&w);
            dor_socket s = hand_connect(&h, &w);
            for (unsigned i = 0; i < count; i++) {
                size_t one = make_packet(modes[k].name, i, bytes, &received);
                memcpy(stream + len, bytes, one);
                len += one;
            }
            for (size_t at = 0; at < len; at += cuts[c])
                hand_send(&h, stream + at, len - at < cuts[c] ? len - at : cuts[c]);
            for (unsigned i = 0; i < count; i++)
                take_packet(s, c == 1 ? DOR_ACTIVE_FALSE : DOR_ACTIVE_TRUE, &modes[k], i);
            hand_cut(&h);
            hand_free(&h);
            end(&w);
        }
    }
}

static void set_number(dor_socket s, const char *name, int value)
{
    dor_options *o = dor_options_new();
    OK(dor_options_set_int(o, name, value));
    OK(dor_ssl_setopts(s, o));
    dor_options_free(o);
}

Test(packet_modes, what_is_buffered_is_cut_again)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 1);
    send_text(p.client, "one;two\nthree;GET / HTTP/1.1\r\nA: b\r\n\r\nraw");
    set_mode(p.server, "line");
    set_number(p.server, "line_delimiter", ';');
    expect_recv(p.server, 0, "one;");
    set_number(p.server, "line_delimiter", '\n');
    expect_recv(p.server, 0, "two\n");
    set_number(p.server, "line_delimiter", ';');
    expect_recv(p.server, 0, "three;");
    set_mode(p.server, "http");
    expect_recv(p.server, 0, "GET / HTTP/1.1\r\n");
    set_number(p.server, "packet_size", 100); /* it stays between headers */
    expect_recv(p.server, 0, "A: b\r\n");
    set_mode(p.server, "raw");
    expect_recv(p.server, 2, "\r\n");
    set_mode(p.server, "4");
    FAILS(dor_ssl_recv(p.server, 0, 20, &data), DOR_E_TIMEOUT);
    end(&w);
}

Test(packet_modes, header_sets_bytes_apart)
{
    world w;
    dor_ssl_event event = {0};
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "header", 3));
    OK(dor_options_set_text(w.server, "packet", "line"));
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    pair p = connect_pair(&w);
    send_text(p.client, "abcdef\nx\n");
    cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    cr_assert_eq(event.header_len, 3);
    expect_data(event.data, "abcdef\n", 7);
    cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    cr_assert_eq(event.header_len, 2);
    expect_data(event.data, "x\n", 2);
    set_mode(p.server, "raw");
    send_text(p.client, "12345");
    cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    cr_assert_eq(event.header_len, 3);
    expect_data(event.data, "12345", 5);
    set_mode(p.server, "httph");
    send_text(p.client, "A: bcdef\r\n\r\n");
    cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    cr_assert_eq(event.header_len, 0);
    expect_data(event.data, "A: bcdef\r\n", 10);
    end(&w);
}

/* The reply says the same of passive data as the event of active data. */
Test(packet_modes, replies_say_it_too)
{
    world w;
    dor_ref ref;
    dor_message *m;
    pair p = begin_pair(&w, 1);
    set_mode(p.server, "http");
    set_number(p.server, "header", 2);
    for (int i = 0; i < 3; i++) {
        static const char *const lines[] = {"GET / HTTP/1.1\r\n", "\r\n", "?\r\n"};
        send_text(p.client, lines[i]);
        OK(dor_ssl_recv_async(p.server, 0, PATIENCE_MS, &ref));
        OK(dor_receive_match(&m, is_reply_to, &ref, PATIENCE_MS));
        dor_ssl_reply *reply = dor_message_payload(m);
        OK(reply->result);
        cr_assert_eq(reply->http, i == 1 ? DOR_HTTP_PART_HEADER : DOR_HTTP_PART_START);
        cr_assert_eq(reply->header_len, 0);
        cr_assert_eq(dor_buffer_len(reply->data), strlen(lines[i]));
        dor_message_free(m);
    }
    end(&w);
}

/* {invalid_packet, Data}: after the packets before it, with what it was. */
Test(packet_modes, what_is_no_packet_ends_the_connection)
{
    static const struct {
        const char *mode, *good, *bad;
        size_t bad_len;
    } rows[] = {
        {"cdr", NULL, "XIOP\1\1\1\1\1\1\1\1", 12},
        {"fcgi", NULL, "\2\1\1\1\1\1\1\1", 8},
        {"tpkt", NULL, "\4\1\1\1", 4},
        {"asn1", "\2\1x", "\60\205", 2},
        {"line", "ok\n", "a line that is too long", 23},
        {"http", "GET / HTTP/1.1\r\n", "A: a header too long", 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int passive = 0; passive < 2; passive++) {
            world w;
            dor_ssl_event event = {0};
            dor_ref ref;
            begin(&w, 1);
            OK(dor_options_set_text(w.server, "packet", rows[i].mode));
            OK(dor_options_set_int(w.server, "packet_size", 16));
            OK(dor_options_set_text(w.server, "active", passive ? "false" : "true"));
            listen_in(&w);
            pair p = connect_pair(&w);
            if (rows[i].good) {
                send_text(p.client, rows[i].good);
                if (passive)
                    expect_recv(p.server, 0, rows[i].good);
                else
                    expect_text_event(p.server, rows[i].good);
            }
            OK(dor_ssl_send(p.client, rows[i].bad, rows[i].bad_len));
            if (passive) {
                OK(dor_ssl_recv_async(p.server, 0, PATIENCE_MS, &ref));
                FAILS(await_reply(ref, NULL, &event.data), DOR_E_INVALID_PACKET);
                expect_data(event.data, rows[i].bad, rows[i].bad_len);
                FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &event.data), DOR_E_CLOSED);
            } else {
                cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_ERROR);
                cr_assert_eq(event.reason, DOR_E_INVALID_PACKET);
                expect_data(event.data, rows[i].bad, rows[i].bad_len);
                expect_silence(p.server, 5);
            }
            end(&w);
        }
    }
}

/* Of the modes only line gives what is left, and a header that nothing can continue is whole. */
/* With exit_on_close false the peer's close leaves the socket open; that what it has sent is no packet does not. */
Test(packet_modes, what_is_no_packet_ends_a_half_closed_connection)
{
    for (int passive = 0; passive < 2; passive++) {
        world w;
        dor_ssl_event event = {0};
        begin(&w, 1);
        OK(dor_options_set_text(w.server, "active", "false"));
        OK(dor_options_set_bool(w.server, "exit_on_close", 0));
        listen_in(&w);
        pair p = connect_pair(&w);
        OK(dor_ssl_send(p.client, "\377\377\377\377", 4));
        OK(dor_ssl_close(p.client));
        WAIT_FOR(statistics(&w).connections == 1);
        dor_options *o = dor_options_new();
        OK(dor_options_set_text(o, "packet", "4"));
        OK(dor_options_set_int(o, "packet_size", 100));
        OK(dor_ssl_setopts(p.server, o));
        dor_options_free(o);
        if (passive) {
            FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &event.data), DOR_E_INVALID_PACKET);
        } else {
            OK(dor_ssl_set_active(p.server, DOR_ACTIVE_TRUE));
            cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_ERROR);
            cr_assert_eq(event.reason, DOR_E_INVALID_PACKET);
            dor_buffer_unref(event.data);
        }
        WAIT_FOR(statistics(&w).connections == 0);
        end(&w);
    }
}

Test(packet_modes, what_is_left_at_the_end)
{
    for (int k = 0; k < MODES; k++) {
        world w;
        dor_buffer *data;
        pair p = begin_pair(&w, 1);
        bool line = strcmp(modes[k].name, "line") == 0, headers = strncmp(modes[k].name, "httph", 5) == 0;
        OK(dor_ssl_send(p.client, "0:\r\n", headers ? 4 : 1));
        OK(dor_ssl_close(p.client));
        set_mode(p.server, modes[k].name);
        if (line) expect_recv(p.server, 0, "0");
        if (headers) expect_recv(p.server, 0, "0:\r\n");
        FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        end(&w);
    }
}
