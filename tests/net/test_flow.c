/* Flow control: what is bounded when somebody does not read, and that nothing locks up when nobody does. */
#include "net_support.h"
#include "hand_peer.h"
#include "sized_alloc.h"

#include <fcntl.h>

/* A peer floods a socket whose owner takes nothing. */
static void flood(const char *active, const char *packet)
{
    world w;
    hand h;
    enum { HIGH = 100000, LEN = 16000 };
    begin(&w, 1);
    count_bytes(); /* what was allocated before is counted off, which does not matter for a growth */
    OK(dor_options_set_text(w.server, "active", active));
    OK(dor_options_set_text(w.server, "packet", packet));
    OK(dor_options_set_int(w.server, "receive_high_watermark", HIGH));
    OK(dor_options_set_int(w.server, "receive_low_watermark", HIGH / 2));
    OK(dor_options_set_int(w.server, "recbuf", 65536));
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    char *bytes = malloc(LEN);
    memset(bytes, 0, LEN);
    for (int i = 0; i < LEN; i += 16)
        bytes[i + 3] = 12; /* packets of 12 bytes with a header of 4, or just bytes */
    long before = atomic_load(&live_bytes), most = 0;
    int block = 0;
    size_t sent = 0;
    fcntl(h.fd, F_SETFL, O_NONBLOCK);
    uint64_t stuck = now_ms();
    while (now_ms() - stuck < 200 && sent < (64u << 20)) {
        if (h.output.len == 0) hand_seal(&h, bytes, LEN);
        ssize_t n = send(h.fd, h.output.ptr, h.output.len, MSG_NOSIGNAL);
        if (n > 0) {
            dor__bytes_drop_front(&h.output, (size_t)n);
            sent += (size_t)n;
            stuck = now_ms();
        } else {
            uv_sleep(1);
        }
        long now = atomic_load(&live_bytes) - before;
        if (now > most) most = now;
        block++;
    }
    cr_assert_lt(sent, 64u << 20, "the server reads without end");
    cr_assert_lt(most, 8 * HIGH, "%ld bytes held for %zu sent", most, sent);
    /* And when the owner begins to take, everything goes on. */
    fcntl(h.fd, F_SETFL, 0);
    OK(dor_ssl_close(s));
    free(bytes);
    hand_free(&h);
    OK(dor_runtime_stop(w.runtime, 5000));
    dor_options_free(w.server);
    dor_options_free(w.client);
}

Test(flow, an_owner_that_takes_no_events_costs_a_bounded_amount)
{
    flood("true", "raw");
}

Test(flow, nor_does_one_with_packets)
{
    flood("true", "4");
}

/* otp#3989: 500 MB in a passive socket; counted for every packet mode in test_backpressure.c. */
Test(flow, a_passive_socket_buffers_a_bounded_amount)
{
    flood("false", "raw");
}

Test(flow, nor_does_a_passive_one_with_packets)
{
    flood("false", "4");
}

Test(flow, reading_starts_again_when_events_are_taken)
{
    world w;
    enum { COUNT = 400, LEN = 10000 };
    size_t got = 0;
    char bytes[LEN];
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "active", "true"));
    OK(dor_options_set_int(w.server, "receive_high_watermark", 50000));
    OK(dor_options_set_int(w.server, "receive_low_watermark", 20000));
    listen_in(&w);
    pair p = connect_pair(&w);
    memset(bytes, 'f', LEN);
    for (int i = 0; i < COUNT;) {
        int code = dor_ssl_send_async(p.client, dor_buffer_new(bytes, LEN), NULL);
        if (code == DOR_OK) {
            i++;
            continue;
        }
        cr_assert_eq(code, DOR_E_BUSY);
        dor_ssl_event event = {0};
        cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
        got += dor_buffer_len(event.data);
        dor_buffer_unref(event.data);
    }
    while (got < (size_t)COUNT * LEN) {
        dor_ssl_event event = {0};
        cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
        got += dor_buffer_len(event.data);
        dor_buffer_unref(event.data);
    }
    cr_assert_eq(got, (size_t)COUNT * LEN);
    end(&w);
}

/* ---- the send queue ----------------------------------------------------------------------------------------------- */

Test(flow, busy_and_then_writable)
{
    world w;
    enum { LEN = 8000 };
    char bytes[LEN] = {0};
    unsigned accepted = 0;
    int code;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "high_watermark", 50000));
    OK(dor_options_set_int(w.client, "low_watermark", 10000));
    OK(dor_options_set_int(w.client, "sndbuf", 20000));
    OK(dor_options_set_int(w.server, "recbuf", 20000));
    listen_in(&w);
    pair p = connect_pair(&w);
    while ((code = dor_ssl_send_async(p.client, dor_buffer_new(bytes, LEN), NULL)) == DOR_OK)
        cr_assert_lt(++accepted, 10000, "no end to what is accepted");
    cr_assert_eq(code, DOR_E_BUSY);
    for (unsigned rounds = 0; rounds < 3; rounds++) {
        dor_ssl_event event = {0};
        size_t taken = 0;
        while (taken < (size_t)accepted * LEN) {
            dor_buffer *data;
            OK(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data));
            taken += dor_buffer_len(data);
            dor_buffer_unref(data);
        }
        cr_assert_eq(next_event_within(p.client, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_WRITABLE);
        expect_silence(p.client, 10); /* once for each time it was busy */
        accepted = 0;
        while ((code = dor_ssl_send_async(p.client, dor_buffer_new(bytes, LEN), NULL)) == DOR_OK)
            accepted++;
        cr_assert_eq(code, DOR_E_BUSY);
    }
    end(&w);
}

Test(flow, a_blocking_send_waits_for_room)
{
    world w;
    enum { LEN = 2 << 20 };
    dor_ref ref;
    dor_buffer *data;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "high_watermark", 10000));
    OK(dor_options_set_int(w.client, "low_watermark", 5000));
    listen_in(&w);
    pair p = connect_pair(&w);
    char *bytes = malloc(LEN);
    memset(bytes, 'b', LEN);
    OK(dor_ssl_recv_async(p.server, LEN, DOR_INFINITY, &ref));
    OK(dor_ssl_send(p.client, bytes, LEN / 2));
    OK(dor_ssl_send(p.client, bytes, LEN / 2));
    OK(await_reply(ref, NULL, &data));
    expect_data(data, bytes, LEN);
    free(bytes);
    end(&w);
}

/* otp#3420: both send as fast as they can and read nothing, until both are told to wait; then both read everything. */
Test(flow, both_ends_flood)
{
    world w;
    enum { LEN = 10000 };
    unsigned sent[2] = {0, 0};
    char bytes[LEN];
    pair p = begin_pair(&w, 2);
    dor_socket s[2] = {p.server, p.client};
    memset(bytes, 'x', LEN);
    unsigned busy = 0;
    while (busy < 50) {
        bool any = false;
        for (int i = 0; i < 2; i++) {
            int code = dor_ssl_send_async(s[i], dor_buffer_new(bytes, LEN), NULL);
            cr_assert(code == DOR_OK || code == DOR_E_BUSY, "%d", code);
            sent[i] += code == DOR_OK;
            any = any || code == DOR_OK;
        }
        busy = any ? 0 : busy + 1;
        if (!any) uv_sleep(2);
    }
    for (int i = 0; i < 2; i++) {
        dor_buffer *data;
        OK(dor_ssl_recv(s[i], (size_t)sent[!i] * LEN, PATIENCE_MS, &data));
        cr_assert_eq(dor_buffer_len(data), (size_t)sent[!i] * LEN);
        dor_buffer_unref(data);
    }
    end(&w);
}

/* Two owner actors on one scheduler that answer each byte with two, as long as they may. */
typedef struct pump {
    dor_socket socket;
    atomic_ulong bytes;
    atomic_bool stop;
} pump;

static void pumps(void *state, dor_message *m)
{
    pump *p = state;
    bool push = m->type == DOR_MSG_USER || m->type == DOR_MSG_SSL_WRITABLE || m->type == DOR_MSG_SSL;
    if (m->type == DOR_MSG_SSL)
        atomic_fetch_add(&p->bytes, dor_buffer_len(((dor_ssl_event *)dor_message_payload(m))->data));
    dor_message_free(m);
    static char bytes[30000];
    while (push && !atomic_load(&p->stop) &&
           dor_ssl_send_async(p->socket, dor_buffer_new(bytes, sizeof bytes), NULL) == DOR_OK) {
    }
}

Test(flow, actors_at_full_speed_in_both_directions)
{
    world w;
    for (unsigned schedulers = 1; schedulers <= 2; schedulers++) {
        pump pumps_[2] = {{0}, {0}};
        dor_pid pids[2];
        pair p = begin_pair(&w, schedulers);
        for (unsigned i = 0; i < 2; i++) {
            pumps_[i].socket = i ? p.client : p.server;
            pids[i] = spawn_on(w.runtime, DOR_ON(i % schedulers), pumps, NULL, &pumps_[i]);
            OK(dor_ssl_set_active(pumps_[i].socket, DOR_ACTIVE_TRUE));
            OK(dor_ssl_controlling_process(pumps_[i].socket, pids[i]));
            OK(send_number(pids[i], DOR_MSG_USER, 0));
        }
        unsigned long want = scaled(50) * 1000000ul;
        WAIT_FOR(atomic_load(&pumps_[0].bytes) > want && atomic_load(&pumps_[1].bytes) > want);
        atomic_store(&pumps_[0].stop, true);
        atomic_store(&pumps_[1].stop, true);
        end(&w);
    }
}

Test(flow, empty_sends_are_answered)
{
    world w;
    dor_ref ref;
    pair p = begin_pair(&w, 1);
    OK(dor_ssl_send(p.client, NULL, 0));
    OK(dor_ssl_send_async(p.client, dor_buffer_new("", 0), &ref));
    OK(await_reply(ref, NULL, NULL));
    send_text(p.client, "x");
    expect_recv(p.server, 0, "x");
    end(&w);
}
