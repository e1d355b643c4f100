/* Packet modes over real connections: both directions, active, once and passive, in pieces, and hostile lengths. */
#include "net_support.h"
#include "hand_peer.h"

static const char *const modes[] = {"0", "1", "2", "4", "line"};
enum { MODES = sizeof modes / sizeof modes[0], RAW = 0, LINE = 4 };

/* The i-th packet of a mode: lengths from 0 (1 for raw and lines) up to what the mode holds. */
static size_t make_packet(int mode, unsigned i, char *bytes)
{
    size_t most = mode == 1 ? 255 : mode == 2 ? 5000 : 40000, len = (size_t)i * i * 37 % most;
    for (size_t k = 0; k < len; k++)
        bytes[k] = (char)('a' + (k + i) % 26);
    if (mode == LINE) bytes[len++] = '\n';
    return len;
}

static void begin_mode(world *w, int mode, const char *active)
{
    begin(w, 2);
    OK(dor_options_set_text(w->server, "packet", modes[mode]));
    OK(dor_options_set_text(w->client, "packet", modes[mode]));
    OK(dor_options_set_text(w->server, "active", active));
    OK(dor_options_set_text(w->client, "active", active));
    listen_in(w);
}

static void take_packet(dor_socket s, const char *active, const char *bytes, size_t len)
{
    dor_ssl_event event = {0};
    if (strcmp(active, "false") == 0) {
        OK(dor_ssl_recv(s, 0, PATIENCE_MS, &event.data));
    } else {
        uint32_t type;
        do { /* this end may have been told to wait when it was the one that sent */
            type = next_event_within(s, PATIENCE_MS, &event);
        } while (type == DOR_MSG_SSL_WRITABLE);
        cr_assert_eq(type, (uint32_t)DOR_MSG_SSL, "event %u", type);
        if (strcmp(active, "once") == 0) OK(dor_ssl_set_active(s, DOR_ACTIVE_ONCE));
    }
    expect_data(event.data, bytes, len);
}

static void many_packets(int mode, const char *active)
{
    world w;
    char *bytes = malloc(50000);
    unsigned count = scaled(60) + 3;
    begin_mode(&w, mode, active);
    pair p = connect_pair(&w);
    for (int way = 0; way < 2; way++) {
        dor_socket from = way ? p.server : p.client, to = way ? p.client : p.server;
        unsigned sent = 0, taken = 0;
        while (taken < count) {
            size_t len = make_packet(mode, sent, bytes);
            int code = sent < count ? dor_ssl_send_async(from, dor_buffer_new(bytes, len), NULL) : DOR_E_BUSY;
            cr_assert(code == DOR_OK || code == DOR_E_BUSY, "%d", code);
            if (code == DOR_OK) sent++;
            if (code == DOR_E_BUSY || sent - taken > 20) {
                len = make_packet(mode, taken, bytes);
                take_packet(to, active, bytes, len);
                taken++;
            }
        }
    }
    OK(dor_ssl_close(p.client));
    free(bytes);
    end(&w);
}

static void all_modes(const char *active)
{
    for (int mode = 1; mode < MODES; mode++)
        many_packets(mode, active);
}

Test(packet, active)
{
    all_modes("true");
}

Test(packet, once)
{
    all_modes("once");
}

Test(packet, passive)
{
    all_modes("false");
}

/* Each byte in a record and a segment of its own. */
Test(packet, one_byte_at_a_time)
{
    static const char *const streams[] = {"xyz", "\x03xyz\x01w", "\x00\x03xyz\x00\x01w",
                                          "\x00\x00\x00\x03xyz\x00\x00\x00\x01w", "xyz\nw\n"};
    static const size_t lens[] = {3, 6, 8, 12, 6};
    for (int mode = 1; mode < MODES; mode++) {
        world w;
        hand h;
        begin_mode(&w, mode, "true");
        dor_socket s = hand_connect(&h, &w);
        for (size_t i = 0; i < lens[mode]; i++) {
            hand_seal(&h, streams[mode] + i, 1);
            for (size_t k = 0; k < h.output.len; k++)
                hand_write(&h, h.output.ptr + k, 1);
            dor__bytes_drop_front(&h.output, h.output.len);
        }
        expect_text_event(s, mode == LINE ? "xyz\n" : "xyz");
        expect_text_event(s, mode == LINE ? "w\n" : "w");
        hand_free(&h);
        end(&w);
    }
}

Test(packet, several_in_one_record)
{
    world w;
    hand h;
    begin_mode(&w, 2, "false");
    dor_socket s = hand_connect(&h, &w);
    hand_send(&h,
              "\x00\x01"
              "a\x00\x02"
              "bc\x00\x00\x00\x03"
              "de",
              13);
    expect_recv(s, 0, "a");
    expect_recv(s, 0, "bc");
    expect_recv(s, 0, "");
    dor_buffer *data;
    FAILS(dor_ssl_recv(s, 0, 20, &data), DOR_E_TIMEOUT);
    hand_send(&h, "f", 1);
    expect_recv(s, 0, "def");
    hand_free(&h);
    end(&w);
}

Test(packet, the_last_line_needs_no_end)
{
    world w;
    dor_buffer *data;
    for (int active = 0; active < 2; active++) {
        begin_mode(&w, LINE, active ? "true" : "false");
        pair p = connect_pair(&w);
        send_text(p.client, "whole\nhalf");
        OK(dor_ssl_close(p.client));
        if (active) {
            expect_text_event(p.server, "whole\n");
            expect_text_event(p.server, "half");
            expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
        } else {
            expect_recv(p.server, 0, "whole\n");
            expect_recv(p.server, 0, "half");
            FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        }
        end(&w);
    }
}

/* A peer that announces two gigabytes is told off at once, not when they have come. */
Test(packet, hostile_lengths)
{
    world w;
    hand h;
    dor_buffer *data;
    for (int active = 0; active < 2; active++) {
        begin_mode(&w, 3, active ? "true" : "false");
        dor_socket s = hand_connect(&h, &w);
        hand_send(&h, "\x00\x00\x00\x02hi\x7f\xff\xff\xff", 10);
        if (active) {
            expect_text_event(s, "hi");
            expect_event(s, DOR_MSG_SSL_ERROR, DOR_E_INVALID_PACKET);
            expect_silence(s, 10);
        } else {
            expect_recv(s, 0, "hi");
            FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_INVALID_PACKET);
            FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        }
        WAIT_FOR(statistics(&w).connections == 0 || (hand_read(&h), h.ended && (hand_cut(&h), true)));
        hand_free(&h);
        OK(dor_runtime_stop(w.runtime, 5000));
        end_stopped(&w);
    }
}

Test(packet, size_is_bounded_by_packet_size)
{
    world w;
    char bytes[600] = {0};
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "packet", "2"));
    OK(dor_options_set_int(w.server, "packet_size", 500));
    OK(dor_options_set_text(w.server, "active", "true"));
    OK(dor_options_set_text(w.client, "packet", "2"));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_send(p.client, bytes, 500));
    dor_ssl_event event = {0};
    cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
    expect_data(event.data, bytes, 500);
    OK(dor_ssl_send(p.client, bytes, 501));
    expect_event(p.server, DOR_MSG_SSL_ERROR, DOR_E_INVALID_PACKET);
    end(&w);
}

/* More than the receive buffer's water mark, because packet_size says so. */
Test(packet, packets_larger_than_the_water_mark)
{
    world w;
    enum { LEN = 900000 };
    char *bytes = malloc(LEN);
    memset(bytes, 'z', LEN);
    for (int active = 0; active < 2; active++) {
        begin(&w, 1);
        OK(dor_options_set_text(w.server, "packet", "4"));
        OK(dor_options_set_int(w.server, "packet_size", LEN));
        OK(dor_options_set_text(w.server, "active", active ? "true" : "false"));
        OK(dor_options_set_text(w.client, "packet", "4"));
        listen_in(&w);
        pair p = connect_pair(&w);
        for (int i = 0; i < 3; i++) {
            OK(dor_ssl_send_async(p.client, dor_buffer_new(bytes, LEN), NULL));
            take_packet(p.server, active ? "true" : "false", bytes, LEN);
        }
        end(&w);
    }
    free(bytes);
}

Test(packet, what_does_not_fit_its_header_is_not_sent)
{
    world w;
    char bytes[300] = {0};
    begin_mode(&w, 1, "false");
    pair p = connect_pair(&w);
    FAILS(dor_ssl_send(p.client, bytes, 256), DOR_E_TOO_BIG);
    OK(dor_ssl_send(p.client, bytes, 255));
    dor_buffer *data;
    OK(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data));
    expect_data(data, bytes, 255);
    end(&w);
}

Test(packet, the_mode_may_change_in_the_middle)
{
    world w;
    begin_mode(&w, 3, "false");
    pair p = connect_pair(&w);
    dor_options *o = dor_options_new();
    send_text(p.client, "framed");
    expect_recv(p.server, 0, "framed");
    OK(dor_options_set_text(o, "packet", "raw"));
    OK(dor_ssl_setopts(p.client, o));
    send_text(p.client, "a line\nand the rest");
    OK(dor_options_set_text(o, "packet", "line"));
    OK(dor_ssl_setopts(p.server, o));
    expect_recv(p.server, 0, "a line\n");
    OK(dor_options_set_text(o, "packet", "raw"));
    OK(dor_ssl_setopts(p.server, o));
    expect_recv(p.server, 7, "and the");
    dor_options_free(o);
    end(&w);
}
