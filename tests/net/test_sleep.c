/* Hibernation: it comes by itself, goes by itself, and loses nothing. */
#include "net_support.h"
#include "hand_peer.h"

static void begin_sleepy(world *w, int after_ms)
{
    begin(w, 1);
    OK(dor_options_set_int(w->server, "hibernate_after", after_ms));
    OK(dor_options_set_text(w->client, "hibernate_after", "undefined"));
    listen_in(w);
}

static bool asleep(dor_socket s)
{
    dor_connection_info info;
    OK(dor_ssl_connection_info(s, &info));
    return info.hibernated;
}

Test(sleep, and_wake_and_sleep_again)
{
    world w;
    begin_sleepy(&w, 30);
    pair p = connect_pair(&w);
    for (int i = 0; i < 5; i++) {
        WAIT_FOR(statistics(&w).hibernated == 1);
        cr_assert(asleep(p.server));
        if (i % 2) {
            send_text(p.client, "wake up");
            expect_recv(p.server, 7, "wake up");
        } else {
            send_text(p.server, "talking in my sleep");
            expect_recv(p.client, 0, "talking in my sleep");
        }
    }
    OK(dor_ssl_close(p.client));
    WAIT_FOR(statistics(&w).hibernated == 0);
    end(&w);
}

Test(sleep, not_while_there_is_activity)
{
    world w;
    begin_sleepy(&w, 150);
    pair p = connect_pair(&w);
    uint64_t start = now_ms(), last = start, slept, now;
    while (last - start < 500) {
        send_text(p.client, ".");
        expect_recv(p.server, 1, ".");
        slept = statistics(&w).hibernated;
        now = now_ms();
        if (now - last < 150) cr_assert_eq(slept, 0); /* a busy machine may have kept us from any activity */
        last = now;
        uv_sleep(10);
    }
    WAIT_FOR(statistics(&w).hibernated == 1);
    end(&w);
}

Test(sleep, never_when_told_so)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "hibernate_after", "undefined"));
    listen_in(&w);
    (void)connect_pair(&w);
    uv_sleep(80);
    cr_assert_eq(statistics(&w).hibernated, 0);
    end(&w);
}

Test(sleep, with_half_a_record_at_every_place)
{
    world w;
    hand h;
    begin_sleepy(&w, 0);
    dor_socket s = hand_connect(&h, &w);
    static const size_t cuts[] = {1, 3, 5, 6, 15, 25};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        hand_seal(&h, "half and half", 13);
        hand_write(&h, h.output.ptr, cuts[i]);
        uv_sleep(20); /* it has read the half, and slept over it */
        WAIT_FOR(asleep(s));
        hand_write(&h, h.output.ptr + cuts[i], h.output.len - cuts[i]);
        dor__bytes_drop_front(&h.output, h.output.len);
        expect_recv(s, 13, "half and half");
    }
    hand_free(&h);
    end(&w);
}

Test(sleep, with_half_a_packet)
{
    world w;
    hand h;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "hibernate_after", 0));
    OK(dor_options_set_text(w.server, "packet", "4"));
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    hand_send(&h, "\0\0\0\6abc", 7);
    WAIT_FOR(asleep(s));
    uv_sleep(10);
    hand_send(&h, "def", 3);
    expect_text_event(s, "abcdef");
    hand_free(&h);
    end(&w);
}

Test(sleep, with_a_recv_that_waits)
{
    world w;
    dor_ref ref;
    dor_buffer *data;
    begin_sleepy(&w, 0);
    pair p = connect_pair(&w);
    OK(dor_ssl_recv_async(p.server, 5, DOR_INFINITY, &ref));
    WAIT_FOR(asleep(p.server));
    send_text(p.client, "ab");
    uv_sleep(20);
    WAIT_FOR(asleep(p.server));
    send_text(p.client, "cde");
    OK(await_reply(ref, NULL, &data));
    expect_data(data, "abcde", 5);
    end(&w);
}

Test(sleep, with_a_write_that_is_stuck)
{
    world w;
    enum { LEN = 6 << 20 };
    dor_ref ref;
    dor_buffer *data;
    void *bytes;
    begin_sleepy(&w, 20);
    OK(dor_options_set_int(w.client, "recbuf", 10000));
    pair p = connect_pair(&w);
    dor_buffer *big = dor_buffer_alloc(LEN, &bytes);
    for (size_t i = 0; i < LEN; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i * 13 + (i >> 7));
    OK(dor_ssl_send_async(p.server, dor_buffer_ref(big), &ref));
    WAIT_FOR(asleep(p.server)); /* the client reads no more than its buffer holds */
    OK(dor_ssl_recv(p.client, LEN, PATIENCE_MS, &data));
    OK(await_reply(ref, NULL, NULL));
    expect_data(data, bytes, LEN);
    dor_buffer_unref(big);
    end(&w);
}

Test(sleep, through_key_updates_both_ways)
{
    world w;
    begin_sleepy(&w, 0);
    pair p = connect_pair(&w);
    for (int i = 0; i < 4; i++) {
        WAIT_FOR(asleep(p.server));
        OK(dor_ssl_update_keys(i % 2 ? p.server : p.client, 1));
        send_text(p.client, "fresh");
        expect_recv(p.server, 5, "fresh");
        send_text(p.server, "keys");
        expect_recv(p.client, 4, "keys");
    }
    end(&w);
}

Test(sleep, tls12_sleeps_too)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    OK(dor_options_set_int(w.server, "hibernate_after", 0));
    OK(dor_options_set_int(w.client, "hibernate_after", 0));
    listen_in(&w);
    pair p = connect_pair(&w);
    for (int i = 0; i < 3; i++) {
        WAIT_FOR(statistics(&w).hibernated == 2);
        send_text(p.client, "ping");
        expect_recv(p.server, 4, "ping");
        send_text(p.server, "pong");
        expect_recv(p.client, 4, "pong");
    }
    end(&w);
}

Test(sleep, the_end_wakes_it)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "hibernate_after", 0));
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    pair p = connect_pair(&w);
    WAIT_FOR(asleep(p.server));
    OK(dor_ssl_close(p.client));
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    WAIT_FOR(statistics(&w).connections == 0 && statistics(&w).hibernated == 0);
    end(&w);
}
