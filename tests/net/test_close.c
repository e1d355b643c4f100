/* How connections end: flush, linger, half-closes, truncation, death of the owner, stop of the runtime. */
#include "net_support.h"
#include "hand_peer.h"

/* ---- close flushes ---------------------------------------------------------------------------------------------- */

/* otp#3974: what was accepted before the close is sent. */
Test(close, ten_mebibytes_queued_arrive)
{
    world w;
    enum { LEN = 10 << 20 };
    void *bytes;
    dor_buffer *data;
    pair p = begin_pair(&w, 2);
    dor_buffer *big = dor_buffer_alloc(LEN, &bytes);
    for (size_t i = 0; i < LEN; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    OK(dor_ssl_send_async(p.client, dor_buffer_ref(big), NULL));
    uint64_t start = now_ms();
    OK(dor_ssl_close(p.client));
    cr_assert_lt(now_ms() - start, 1000, "close waits for nobody");
    OK(dor_ssl_recv(p.server, LEN, PATIENCE_MS, &data));
    expect_data(data, bytes, LEN);
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    dor_buffer_unref(big);
    end(&w);
}

/* The reply to a send says that the system has the ciphertext, or why not. */
Test(close, linger_bounds_the_flush)
{
    world w;
    dor_ref ref;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "linger", 200));
    OK(dor_options_set_int(w.client, "sndbuf", 20000));
    OK(dor_options_set_int(w.server, "recbuf", 20000));
    OK(dor_options_set_int(w.server, "receive_high_watermark", 10000));
    OK(dor_options_set_int(w.server, "receive_low_watermark", 5000));
    listen_in(&w);
    pair p = connect_pair(&w);
    void *bytes;
    dor_buffer *big = dor_buffer_alloc(8 << 20, &bytes);
    memset(bytes, 1, 8 << 20);
    OK(dor_ssl_send_async(p.client, big, &ref)); /* the server reads next to nothing */
    OK(dor_ssl_close(p.client));
    uint64_t start = now_ms();
    FAILS(await_reply(ref, NULL, NULL), DOR_E_TIMEOUT);
    cr_assert_lt(now_ms() - start, 5000);
    WAIT_FOR(statistics(&w).connections == 1);
    end(&w);
}

Test(close, data_of_a_peer_that_closes_at_once_survives_our_sends)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_text(w.client, "active", "true"));
    listen_in(&w);
    for (unsigned i = 0; i < scaled(50) + 1; i++) {
        pair p = connect_pair(&w);
        send_text(p.client, "request"); /* which the server never reads */
        send_text(p.server, "a full answer, and then the end");
        OK(dor_ssl_close(p.server));
        expect_text_event(p.client, "a full answer, and then the end");
        expect_event(p.client, DOR_MSG_SSL_CLOSED, DOR_OK);
    }
    end(&w);
}

/* ---- half-closes ------------------------------------------------------------------------------------------------ */

Test(close, writing_ends_and_reading_goes_on)
{
    world w;
    dor_buffer *data;
    begin(&w, 2);
    OK(dor_options_set_bool(w.server, "exit_on_close", 0));
    listen_in(&w);
    pair p = connect_pair(&w);
    send_text(p.client, "question");
    OK(dor_ssl_shutdown(p.client, DOR_SHUTDOWN_WRITE));
    FAILS(dor_ssl_send(p.client, "more", 4), DOR_E_CLOSED);
    expect_recv(p.server, 0, "question");
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    send_text(p.server, "answer after the end of the question");
    expect_recv(p.client, 0, "answer after the end of the question");
    OK(dor_ssl_shutdown(p.server, DOR_SHUTDOWN_WRITE));
    FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

Test(close, half_close_in_active_mode_has_one_end)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_bool(w.server, "exit_on_close", 0));
    OK(dor_options_set_text(w.server, "active", "true"));
    OK(dor_options_set_text(w.client, "active", "true"));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_shutdown(p.client, DOR_SHUTDOWN_WRITE));
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    for (int i = 0; i < 3; i++) {
        send_text(p.server, "still talking");
        expect_text_event(p.client, "still talking");
    }
    OK(dor_ssl_close(p.server));
    expect_event(p.client, DOR_MSG_SSL_CLOSED, DOR_OK);
    expect_silence(p.server, 30);
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

Test(close, by_default_the_peers_end_is_ours)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 2);
    OK(dor_ssl_shutdown(p.client, DOR_SHUTDOWN_WRITE));
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED); /* close_notify came back by itself */
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

Test(close, shutdown_of_reading)
{
    world w;
    dor_ref ref;
    dor_buffer *data;
    pair p = begin_pair(&w, 2);
    OK(dor_ssl_recv_async(p.server, 0, DOR_INFINITY, &ref));
    OK(dor_ssl_shutdown(p.server, DOR_SHUTDOWN_READ));
    FAILS(await_reply(ref, NULL, NULL), DOR_E_CLOSED);
    send_text(p.client, "into the void");
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    send_text(p.server, "I can still talk");
    expect_recv(p.client, 0, "I can still talk");
    OK(dor_ssl_close(p.client));
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

Test(close, shutdown_both_ways_sends_close_notify)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 2);
    send_text(p.server, "bye");
    OK(dor_ssl_shutdown(p.server, DOR_SHUTDOWN_READ_WRITE));
    expect_recv(p.client, 0, "bye");
    FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

/* ---- truncation and resets -------------------------------------------------------------------------------------- */

Test(close, truncation_is_told_apart)
{
    world w;
    dor_buffer *data;
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    for (int active = 0; active < 2; active++) {
        hand h;
        dor_socket s = hand_connect(&h, &w);
        if (!active) OK(dor_ssl_set_active(s, DOR_ACTIVE_FALSE));
        hand_send(&h, "half a story", 12);
        shutdown(h.fd, SHUT_WR);
        if (active) {
            expect_text_event(s, "half a story");
            expect_event(s, DOR_MSG_SSL_CLOSED, DOR_E_TRUNCATED);
        } else {
            expect_recv(s, 0, "half a story");
            FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_TRUNCATED);
            FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        }
        hand_free(&h);
    }
    end(&w);
}

Test(close, a_reset_is_an_error)
{
    world w;
    hand h;
    dor_ssl_event event = {0};
    struct linger hard = {.l_onoff = 1};
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    setsockopt(h.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    hand_cut(&h);
    cr_assert_eq(next_event_within(s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_ERROR);
    cr_assert_eq(dor_error_get_errno(event.reason), ECONNRESET);
    expect_silence(s, 20);
    hand_free(&h);
    end(&w);
}

Test(close, a_bad_record_is_an_error_after_the_data_before_it)
{
    world w;
    hand h;
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    hand_seal(&h, "good", 4);
    hand_seal(&h, "spoilt", 6);
    h.output.ptr[h.output.len - 1] ^= 1;
    hand_flush(&h);
    expect_text_event(s, "good");
    expect_event(s, DOR_MSG_SSL_ERROR,
                 DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD));
    expect_silence(s, 20);
    dor_result r = hand_read_until_end(&h);
    cr_assert_eq(r.code,
                 DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_PEER_ALERT));
    hand_free(&h);
    end(&w);
}

/* ---- the owner ---------------------------------------------------------------------------------------------------- */

static void *accepts_and_dies(void *arg)
{
    world *w = arg;
    dor_socket s;
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    send_text(s, "farewell");
    return NULL;
}

Test(close, the_owners_death_closes_with_close_notify)
{
    world w;
    pthread_t thread;
    dor_socket client;
    dor_buffer *data;
    begin(&w, 2);
    listen_in(&w);
    pthread_create(&thread, NULL, accepts_and_dies, &w);
    OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &client));
    expect_recv(client, 0, "farewell");
    FAILS(dor_ssl_recv(client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    pthread_join(thread, NULL);
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

static void *listens_and_dies(void *arg)
{
    world *w = arg;
    listen_in(w);
    return NULL;
}

Test(close, a_listeners_owner_takes_it_along)
{
    world w;
    pthread_t thread;
    dor_socket s;
    begin(&w, 2);
    pthread_create(&thread, NULL, listens_and_dies, &w);
    pthread_join(thread, NULL);
    WAIT_FOR(dor_ssl_transport_accept(w.listener, 0, &s) == DOR_E_CLOSED);
    end(&w);
}

/* ---- the runtime's end -------------------------------------------------------------------------------------------- */

Test(close, stopping_flushes_and_says_goodbye)
{
    world w;
    hand h;
    begin(&w, 2);
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    void *bytes;
    dor_buffer *big = dor_buffer_alloc(1 << 20, &bytes);
    memset(bytes, 7, 1 << 20);
    OK(dor_ssl_send_async(s, big, NULL));
    pthread_t thread;
    pthread_create(&thread, NULL, hand_reader, &h);
    OK(dor_runtime_stop(w.runtime, 5000));
    pthread_join(thread, NULL);
    cr_assert_eq(h.received, 1 << 20, "%zu bytes", h.received);
    cr_assert(h.closed, "no close_notify");
    hand_free(&h);
    end_stopped(&w);
}

static void *calls_forever(void *arg)
{
    dor_buffer *data;
    int code = dor_ssl_recv(*(dor_socket *)arg, 0, DOR_INFINITY, &data);
    cr_assert(code == DOR_E_STOPPED || code == DOR_E_CLOSED || code == DOR_E_NOT_OWNER, "%d", code);
    return NULL;
}

Test(close, stopping_in_the_middle_of_traffic)
{
    world w;
    pair p[8];
    pthread_t thread;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    for (int i = 0; i < 8; i++)
        p[i] = connect_pair(&w);
    pthread_create(&thread, NULL, calls_forever, &p[0].client);
    for (int k = 0; k < 50; k++)
        for (int i = 0; i < 8; i++)
            (void)dor_ssl_send_async(p[i].client, dor_buffer_new("some traffic that is on its way", 31),
                                     NULL);
    OK(dor_runtime_stop(w.runtime, 5000));
    pthread_join(thread, NULL);
    FAILS(dor_ssl_send(p[0].client, "x", 1), DOR_E_CLOSED);
    end_stopped(&w);
}
