/* Events: the active modes, their order, and the end of a connection as its owner sees it. */
#include "net_support.h"

static pair begin_active(world *w, const char *server_active)
{
    begin(w, 2);
    OK(dor_options_set_text(w->server, "active", server_active));
    listen_in(w);
    return connect_pair(w);
}

Test(active, data_comes_as_events)
{
    world w;
    pair p = begin_active(&w, "true");
    for (int i = 0; i < 3; i++) {
        send_text(p.client, "one");
        expect_text_event(p.server, "one");
    }
    OK(dor_ssl_close(p.client));
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    expect_silence(p.server, 50);
    FAILS(dor_ssl_send(p.server, "x", 1), DOR_E_CLOSED);
    end(&w);
}

Test(active, once_is_one_event)
{
    world w;
    pair p = begin_active(&w, "once");
    send_text(p.client, "first");
    expect_text_event(p.server, "first");
    send_text(p.client, "second");
    expect_silence(p.server, 50);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE));
    expect_text_event(p.server, "second");
    expect_silence(p.server, 20);
    end(&w);
}

Test(active, what_was_buffered_is_posted_before_set_active_returns)
{
    world w;
    pair p = begin_active(&w, "false");
    send_text(p.client, "abc");
    uv_sleep(50);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE));
    dor_ssl_event event = {0};
    cr_assert_eq(next_event_within(p.server, 0, &event), (uint32_t)DOR_MSG_SSL);
    expect_data(event.data, "abc", 3);
    end(&w);
}

Test(active, after_once_the_end_waits_for_the_next_arming)
{
    world w;
    pair p = begin_active(&w, "once");
    send_text(p.client, "last words");
    OK(dor_ssl_close(p.client));
    expect_text_event(p.server, "last words");
    expect_silence(p.server, 50);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE));
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    FAILS(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE), DOR_E_CLOSED);
    end(&w);
}

Test(active, n_runs_out_with_a_word)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "packet", "2"));
    OK(dor_options_set_text(w.client, "packet", "2"));
    OK(dor_options_set_int(w.server, "active", 2));
    listen_in(&w);
    pair p = connect_pair(&w);
    for (int i = 0; i < 5; i++)
        send_text(p.client, "packet");
    expect_text_event(p.server, "packet");
    expect_text_event(p.server, "packet");
    expect_event(p.server, DOR_MSG_SSL_PASSIVE, DOR_OK);
    expect_silence(p.server, 30);
    OK(dor_ssl_set_active(p.server, 1));
    expect_text_event(p.server, "packet");
    expect_event(p.server, DOR_MSG_SSL_PASSIVE, DOR_OK);
    expect_recv(p.server, 0, "packet");
    OK(dor_ssl_set_active(p.server, 20000));
    FAILS(dor_ssl_set_active(p.server, 20000), DOR_E_EINVAL);
    OK(dor_ssl_set_active(p.server, 3)); /* it adds */
    expect_text_event(p.server, "packet");
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_FALSE));
    end(&w);
}

Test(active, n_adds_up)
{
    world w;
    int64_t n;
    static const char *const names[] = {"active"};
    pair p = begin_active(&w, "false");
    OK(dor_ssl_set_active(p.server, 5));
    OK(dor_ssl_set_active(p.server, 7));
    dor_options *values = dor_options_new();
    OK(dor_ssl_getopts(p.server, names, 1, values));
    OK(dor_options_get_int(values, "active", &n));
    cr_assert_eq(n, 12);
    FAILS(dor_ssl_set_active(p.server, -3), DOR_E_BADARG);
    dor_options_free(values);
    end(&w);
}

/* otp#4771 */
Test(active, a_passive_socket_is_not_told_of_the_end)
{
    world w;
    dor_buffer *data;
    pair p = begin_active(&w, "false");
    OK(dor_ssl_close(p.client));
    expect_silence(p.server, 80);
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    expect_silence(p.server, 20);
    end(&w);
}

/* otp#4458 */
Test(active, a_passive_socket_that_goes_active_is_told_then)
{
    world w;
    pair p = begin_active(&w, "false");
    send_text(p.client, "kept");
    OK(dor_ssl_close(p.client));
    uv_sleep(80);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_TRUE));
    expect_text_event(p.server, "kept");
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    expect_silence(p.server, 20);
    end(&w);
}

/* otp#3458: many connections that send and close at once; for each all data comes, and then exactly one end. */
Test(active, all_data_before_the_end)
{
    world w;
    enum { LEN = 300000 };
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "active", "true"));
    listen_in(&w);
    char *bytes = malloc(LEN);
    for (int i = 0; i < LEN; i++)
        bytes[i] = (char)(i * 31 + i / 1000);
    for (unsigned round = 0; round < scaled(40) + 1; round++) {
        pair p = connect_pair(&w);
        size_t sent = (size_t)(round * 7919) % LEN + 1, got = 0;
        OK(dor_ssl_send_async(p.client, dor_buffer_new(bytes, sent), NULL));
        OK(dor_ssl_close(p.client));
        for (;;) {
            dor_ssl_event event = {0};
            uint32_t type = next_event_within(p.server, PATIENCE_MS, &event);
            if (type != DOR_MSG_SSL) {
                cr_assert_eq(type, (uint32_t)DOR_MSG_SSL_CLOSED);
                cr_assert_eq(event.reason, DOR_OK);
                break;
            }
            size_t len = dor_buffer_len(event.data);
            cr_assert_leq(got + len, sent);
            cr_assert_eq(memcmp(dor_buffer_data(event.data), bytes + got, len), 0);
            got += len;
            dor_buffer_unref(event.data);
        }
        cr_assert_eq(got, sent, "%zu of %zu bytes before the end", got, sent);
        expect_silence(p.server, 1);
    }
    free(bytes);
    end(&w);
}

Test(active, the_closing_owner_sees_no_more_events)
{
    world w;
    pair p = begin_active(&w, "true");
    for (int i = 0; i < 20; i++)
        send_text(p.client, "unseen");
    uv_sleep(30);
    OK(dor_ssl_close(p.server));
    expect_silence(p.server, 50);
    end(&w);
}

static void *closes(void *socket)
{
    OK(dor_ssl_close(*(dor_socket *)socket));
    return NULL;
}

Test(active, closed_by_another_the_owner_is_told)
{
    world w;
    pthread_t thread;
    pair p = begin_active(&w, "true");
    pthread_create(&thread, NULL, closes, &p.server);
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    pthread_join(thread, NULL);
    end(&w);
}

/* An application that reads a request at a time, while the peer sends in bursts. */
Test(active, once_after_once_loses_nothing)
{
    world w;
    enum { COUNT = 2000 };
    size_t got = 0;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "active", "once"));
    OK(dor_options_set_text(w.server, "packet", "4"));
    OK(dor_options_set_text(w.client, "packet", "4"));
    listen_in(&w);
    pair p = connect_pair(&w);
    for (uint32_t i = 0; i < COUNT; i++) {
        while (dor_ssl_send_async(p.client, dor_buffer_new(&i, sizeof i), NULL) == DOR_E_BUSY)
            uv_sleep(1);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        dor_ssl_event event = {0};
        cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
        cr_assert_eq(dor_buffer_len(event.data), sizeof i);
        cr_assert_eq(*(const uint32_t *)dor_buffer_data(event.data), i);
        dor_buffer_unref(event.data);
        got++;
        OK(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE));
    }
    cr_assert_eq(got, COUNT);
    end(&w);
}
