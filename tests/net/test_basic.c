/* Listening, connecting, sending and receiving in passive mode; what the calls answer, also when they may not. */
#include "net_support.h"

Test(basic, hello_both_ways)
{
    world w;
    pair p = begin_pair(&w, 2);
    send_text(p.client, "hello");
    expect_recv(p.server, 0, "hello");
    send_text(p.server, "welcome");
    expect_recv(p.client, 7, "welcome");
    OK(dor_ssl_close(p.client));
    dor_buffer *data;
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_close(p.server));
    end(&w);
}

Test(basic, names_and_what_was_negotiated)
{
    world w;
    dor_address address;
    dor_connection_info info;
    char name[32];
    begin(&w, 1);
    OK(dor_options_set_list(w.server, "alpn_preferred_protocols", "mqtt", "h2", NULL));
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "h2", "mqtt", NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_peername(p.client, &address));
    bool tcp = strcmp(test_transport(), "tcp") == 0;
    cr_assert_str_eq(address.ip, tcp ? "127.0.0.1" : "");
    cr_assert_eq(address.port, w.port);
    cr_assert_eq(address.version, tcp ? 4 : 0);
    dor_address local;
    OK(dor_ssl_sockname(p.client, &local));
    OK(dor_ssl_peername(p.server, &address));
    cr_assert_eq(local.port, address.port);
    OK(dor_ssl_connection_info(p.client, &info));
    cr_assert_str_eq(info.protocol, "tlsv1.3");
    cr_assert_str_eq(info.group, "X25519MLKEM768");
    cr_assert_str_eq(info.alpn, "mqtt");
    cr_assert_eq(info.has_peercert, 1);
    cr_assert(info.cipher_suite[0] && info.peer_signature[0] && !info.resumed);
    OK(dor_ssl_negotiated_protocol(p.server, name, sizeof name));
    cr_assert_str_eq(name, "mqtt");
    FAILS(dor_ssl_negotiated_protocol(p.server, name, 4), DOR_E_TOO_BIG);
    dor_buffer *der;
    OK(dor_ssl_peercert(p.client, &der));
    cr_assert_gt(dor_buffer_len(der), 100);
    dor_buffer_unref(der);
    FAILS(dor_ssl_peercert(p.server, &der), DOR_E_NO_PEERCERT);
    end(&w);
}

Test(basic, without_alpn_none_is_negotiated)
{
    world w;
    char name[32];
    pair p = begin_pair(&w, 1);
    FAILS(dor_ssl_negotiated_protocol(p.client, name, sizeof name), DOR_E_PROTOCOL_NOT_NEGOTIATED);
    end(&w);
}

Test(basic, tls12_too)
{
    world w;
    dor_connection_info info;
    begin(&w, 1);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_connection_info(p.client, &info));
    cr_assert_str_eq(info.protocol, "tlsv1.2");
    FAILS(dor_ssl_update_keys(p.client, 0), DOR_E_EINVAL);
    send_text(p.client, "old");
    expect_recv(p.server, 3, "old");
    send_text(p.server, "news");
    expect_recv(p.client, 0, "news");
    end(&w);
}

/* ---- recv ----------------------------------------------------------------------------------------------------- */

Test(basic, recv_of_an_exact_length)
{
    world w;
    pair p = begin_pair(&w, 1);
    send_text(p.client, "abc");
    send_text(p.client, "defgh");
    expect_recv(p.server, 2, "ab");
    expect_recv(p.server, 5, "cdefg");
    expect_recv(p.server, 0, "h");
    end(&w);
}

/* otp#3501; test_regression.c has peers that make it hard. */
Test(basic, recv_timeout_loses_nothing)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 1);
    FAILS(dor_ssl_recv(p.server, 0, 0, &data), DOR_E_TIMEOUT);
    send_text(p.client, "abc");
    uint64_t start = now_ms();
    FAILS(dor_ssl_recv(p.server, 4, 60, &data), DOR_E_TIMEOUT);
    cr_assert_geq(now_ms() - start, 60);
    expect_recv(p.server, 0, "abc");
    send_text(p.client, "d");
    expect_recv(p.server, 1, "d");
    end(&w);
}

Test(basic, too_little_for_recv_is_discarded_at_close)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 1);
    send_text(p.client, "abc");
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_recv(p.server, 4, PATIENCE_MS, &data), DOR_E_CLOSED);
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&w);
}

Test(basic, what_is_buffered_can_be_received_after_the_close)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 1);
    send_text(p.client, "abcdef");
    OK(dor_ssl_close(p.client));
    uv_sleep(50);
    expect_recv(p.server, 2, "ab");
    expect_recv(p.server, 0, "cdef");
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&w);
}

Test(basic, a_second_recv_is_refused)
{
    world w;
    dor_ref first, second;
    dor_buffer *data;
    pair p = begin_pair(&w, 1);
    OK(dor_ssl_recv_async(p.server, 3, DOR_INFINITY, &first));
    OK(dor_ssl_recv_async(p.server, 0, DOR_INFINITY, &second));
    FAILS(await_reply(second, NULL, NULL), DOR_E_EALREADY);
    send_text(p.client, "abc");
    OK(await_reply(first, NULL, &data));
    expect_data(data, "abc", 3);
    end(&w);
}

Test(basic, recv_is_not_for_active_sockets)
{
    world w;
    dor_buffer *data;
    dor_ref ref;
    pair p = begin_pair(&w, 1);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_TRUE));
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_EINVAL);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_FALSE));
    OK(dor_ssl_recv_async(p.server, 0, DOR_INFINITY, &ref));
    OK(dor_ssl_set_active(p.server,
                          DOR_ACTIVE_ONCE)); /* whoever waits is told that nothing will come this way */
    FAILS(await_reply(ref, NULL, NULL), DOR_E_EINVAL);
    end(&w);
}

Test(basic, large_data_both_ways)
{
    world w;
    enum { LEN = 3 << 20 };
    dor_ref ref;
    dor_buffer *data;
    void *bytes;
    pair p = begin_pair(&w, 2);
    dor_buffer *big = dor_buffer_alloc(LEN, &bytes);
    for (size_t i = 0; i < LEN; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i * 7 + (i >> 9));
    for (int i = 0; i < 2; i++) {
        OK(dor_ssl_send_async(i ? p.server : p.client, dor_buffer_ref(big), &ref));
        OK(dor_ssl_recv(i ? p.client : p.server, LEN, PATIENCE_MS, &data));
        OK(await_reply(ref, NULL, NULL));
        expect_data(data, bytes, LEN);
    }
    dor_buffer_unref(big);
    end(&w);
}

/* ---- what may not be -------------------------------------------------------------------------------------------- */

Test(basic, calls_on_a_socket_that_is_gone)
{
    world w;
    dor_address address;
    dor_buffer *data;
    dor_connection_info info;
    dor_ref ref;
    pair p = begin_pair(&w, 1);
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_send(p.client, "x", 1), DOR_E_CLOSED);
    FAILS(dor_ssl_send_async(p.client, dor_buffer_new("x", 1), NULL), DOR_E_CLOSED);
    FAILS(dor_ssl_recv(p.client, 0, 10, &data), DOR_E_CLOSED);
    FAILS(dor_ssl_recv_async(p.client, 0, 10, &ref), DOR_E_CLOSED);
    FAILS(dor_ssl_peername(p.client, &address), DOR_E_CLOSED);
    FAILS(dor_ssl_sockname(p.client, &address), DOR_E_CLOSED);
    FAILS(dor_ssl_connection_info(p.client, &info), DOR_E_CLOSED);
    FAILS(dor_ssl_set_active(p.client, DOR_ACTIVE_TRUE), DOR_E_CLOSED);
    FAILS(dor_ssl_shutdown(p.client, DOR_SHUTDOWN_WRITE), DOR_E_CLOSED);
    FAILS(dor_ssl_update_keys(p.client, 0), DOR_E_CLOSED);
    FAILS(dor_ssl_controlling_process(p.client, dor_self()), DOR_E_CLOSED);
    FAILS(dor_ssl_accept(p.client, NULL, 10), DOR_E_CLOSED);
    FAILS(dor_ssl_send(12345, "x", 1), DOR_E_CLOSED); /* and one that never was */
    FAILS(dor_ssl_peername(DOR_SOCKET_NONE, &address), DOR_E_CLOSED);
    end(&w);
}

Test(basic, a_listener_is_not_connected)
{
    world w;
    dor_address address;
    dor_buffer *data;
    dor_connection_info info;
    begin(&w, 2);
    listen_in(&w);
    FAILS(dor_ssl_send(w.listener, "x", 1), DOR_E_ENOTCONN);
    FAILS(dor_ssl_send_async(w.listener, dor_buffer_new("x", 1), NULL), DOR_E_ENOTCONN);
    FAILS(dor_ssl_recv(w.listener, 0, 10, &data), DOR_E_ENOTCONN);
    FAILS(dor_ssl_peercert(w.listener, &data), DOR_E_ENOTCONN);
    FAILS(dor_ssl_connection_info(w.listener, &info), DOR_E_ENOTCONN);
    FAILS(dor_ssl_peername(w.listener, &address), DOR_E_ENOTCONN);
    FAILS(dor_ssl_update_keys(w.listener, 0), DOR_E_ENOTCONN);
    FAILS(dor_ssl_shutdown(w.listener, DOR_SHUTDOWN_WRITE), DOR_E_ENOTCONN);
    FAILS(dor_ssl_accept(w.listener, NULL, 10), DOR_E_ENOTCONN);
    end(&w);
}

Test(basic, before_the_handshake_nothing_goes)
{
    world w;
    dor_ref ref;
    dor_socket server;
    dor_buffer *data;
    begin(&w, 1);
    listen_in(&w);
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    FAILS(dor_ssl_send(server, "x", 1), DOR_E_ENOTCONN);
    FAILS(dor_ssl_recv(server, 0, 10, &data), DOR_E_ENOTCONN);
    FAILS(dor_ssl_shutdown(server, DOR_SHUTDOWN_WRITE), DOR_E_ENOTCONN);
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    FAILS(dor_ssl_accept(server, NULL, PATIENCE_MS), DOR_E_EINVAL);
    OK(await_reply(ref, NULL, NULL));
    FAILS(dor_ssl_transport_accept(server, 10, &server), DOR_E_EINVAL);
    end(&w);
}

static void *sends_as_stranger(void *socket)
{
    dor_socket s = *(dor_socket *)socket;
    FAILS(dor_ssl_set_active(s, DOR_ACTIVE_TRUE), DOR_E_NOT_OWNER);
    FAILS(dor_ssl_controlling_process(s, dor_self()), DOR_E_BADARG); /* not even a process yet */
    send_text(s, "from another thread");
    FAILS(dor_ssl_controlling_process(s, dor_self()), DOR_E_NOT_OWNER);
    return NULL;
}

Test(basic, any_thread_sends_only_the_owner_owns)
{
    world w;
    pthread_t thread;
    pair p = begin_pair(&w, 2);
    pthread_create(&thread, NULL, sends_as_stranger, &p.client);
    expect_recv(p.server, 0, "from another thread");
    pthread_join(thread, NULL);
    end(&w);
}

static void tries_to_block(void *state, dor_message *m)
{
    dor_socket s = *(dor_socket *)dor_message_payload(m);
    dor_buffer *data;
    int *codes = state;
    codes[0] = dor_ssl_recv(s, 0, 10, &data);
    codes[1] = dor_ssl_send(s, "x", 1);
    codes[2] = dor_ssl_transport_accept(s, 10, &s);
    codes[3] = dor_ssl_connect(NULL, "127.0.0.1", 1, NULL, 10, &s);
    codes[4] = dor_ssl_accept(s, NULL, 10);
    dor_message_free(m);
    dor_stop(dor_self(), 0);
}

Test(basic, blocking_on_a_scheduler_is_refused)
{
    world w;
    dor_ref ref;
    int codes[5] = {0};
    pair p = begin_pair(&w, 2);
    for (int i = 0; i < 2; i++) {
        dor_pid pid = spawn_on(w.runtime, DOR_ON(i), tries_to_block, NULL, codes);
        OK(dor_monitor(pid, &ref));
        dor_message *m = dor_message_new(DOR_MSG_USER, sizeof p.client, NULL);
        memcpy(dor_message_payload(m), &p.client, sizeof p.client);
        OK(dor_send(pid, m));
        cr_assert_eq(receive_down().pid, pid);
        for (int k = 0; k < 5; k++)
            cr_assert_eq(codes[k], DOR_E_WOULD_DEADLOCK, "call %d: %d", k, codes[k]);
    }
    end(&w);
}

Test(basic, arguments_are_checked)
{
    world w;
    dor_socket s;
    dor_buffer *data;
    dor_ref ref;
    begin(&w, 1);
    listen_in(&w);
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_listen(w.runtime, 0, NULL, &s), DOR_E_NO_OPTIONS);
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, NULL, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect(w.runtime, NULL, 1, NULL, 10, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect(w.runtime, "", 1, NULL, 10, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect(w.runtime, "x", 0, NULL, 10, &s), DOR_E_BADARG);
    FAILS(dor_ssl_recv(w.listener, 0, 10, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_recv(w.listener, SIZE_MAX, 10, &data), DOR_E_BADARG);
    FAILS(dor_ssl_send(w.listener, NULL, 3), DOR_E_BADARG);
    FAILS(dor_ssl_send_async(w.listener, NULL, &ref), DOR_E_BADARG);
    FAILS(dor_ssl_transport_accept_async(w.listener, 10, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_shutdown(w.listener, (dor_shutdown_how)7), DOR_E_BADARG);
    FAILS(dor_ssl_controlling_process(w.listener, DOR_PID_NONE), DOR_E_BADARG);
    FAILS(dor_ssl_setopts(w.listener, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_get_statistics(w.runtime, NULL), DOR_E_BADARG);
    end(&w);
}

/* ---- options of open sockets ------------------------------------------------------------------------------------ */

Test(basic, getopts_and_setopts)
{
    world w;
    int64_t n;
    char text[16];
    static const char *const names[] = {"active", "packet", "packet_size"};
    pair p = begin_pair(&w, 1);
    dor_options *o = dor_options_new(), *values = dor_options_new();
    OK(dor_options_set_text(o, "packet", "2"));
    OK(dor_options_set_int(o, "packet_size", 500));
    OK(dor_ssl_setopts(p.server, o));
    OK(dor_ssl_getopts(p.server, names, 3, values));
    OK(dor_options_get_int(values, "packet_size", &n));
    cr_assert_eq(n, 500);
    OK(dor_options_get_text(values, "active", text, sizeof text));
    cr_assert_str_eq(text, "false");
    OK(dor_options_set_text(o, "packet", "2"));
    OK(dor_ssl_setopts(p.client, o));
    send_text(p.client, "one");
    send_text(p.client, "two");
    expect_recv(p.server, 0, "one");
    expect_recv(p.server, 0, "two");
    OK(dor_options_set_text(o, "certfile", "nowhere.pem"));
    FAILS(dor_ssl_setopts(p.server, o), DOR_E_OPTION_CONFLICT);
    dor_options_free(o);
    dor_options_free(values);
    end(&w);
}

Test(basic, a_listeners_options_hold_for_later_accepts)
{
    world w;
    begin(&w, 2);
    listen_in(&w);
    pair before = connect_pair(&w);
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "active", "once"));
    OK(dor_ssl_setopts(w.listener, o));
    pair after = connect_pair(&w);
    send_text(before.client, "a");
    expect_recv(before.server, 0, "a");
    send_text(after.client, "b");
    expect_text_event(after.server, "b");
    dor_options_free(o);
    end(&w);
}

Test(basic, accept_overrides_the_listeners_options)
{
    world w;
    dor_ref ref;
    dor_socket server, client;
    begin(&w, 1);
    listen_in(&w);
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "packet", "4"));
    OK(dor_options_set_text(w.client, "packet", "4"));
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, o, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    send_text(client, "framed");
    expect_recv(server, 0, "framed");
    dor_options_free(o);
    end(&w);
}

/* ---- keys and sessions ------------------------------------------------------------------------------------------ */

Test(basic, fresh_keys_on_request)
{
    world w;
    pair p = begin_pair(&w, 2);
    for (int i = 0; i < 5; i++) {
        OK(dor_ssl_update_keys(i & 1 ? p.server : p.client, 1));
        send_text(p.client, "with new keys");
        expect_recv(p.server, 13, "with new keys");
        send_text(p.server, "and back");
        expect_recv(p.client, 8, "and back");
    }
    end(&w);
}

static void resume(const char *version)
{
    world w;
    dor_ssl_session *session;
    dor_connection_info info;
    begin(&w, 1);
    OK(dor_options_set_list(w.client, "versions", version, NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    send_text(p.server, "x"); /* behind the tickets */
    expect_recv(p.client, 1, "x");
    OK(dor_ssl_get_session(p.client, &session));
    FAILS(dor_ssl_get_session(p.server, &session), DOR_E_NO_SESSION);
    OK(dor_options_set_session(w.client, session));
    dor_ssl_session_unref(session);
    pair again = connect_pair(&w);
    OK(dor_ssl_connection_info(again.client, &info));
    cr_assert_eq(info.resumed, 1);
    OK(dor_ssl_connection_info(again.server, &info));
    cr_assert_eq(info.resumed, 1);
    send_text(again.client, "resumed");
    expect_recv(again.server, 0, "resumed");
    end(&w);
}

Test(basic, sessions_resume_in_tls13)
{
    resume("tlsv1.3");
}

Test(basic, sessions_resume_in_tls12)
{
    resume("tlsv1.2");
}

Test(basic, tickets_as_events)
{
    world w;
    dor_ssl_event event = {0};
    begin(&w, 1);
    OK(dor_options_set_text(w.client, "session_tickets", "manual"));
    listen_in(&w);
    pair p = connect_pair(&w);
    cr_assert_eq(next_event_within(p.client, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_TICKET);
    cr_assert_not_null(event.session);
    dor_ssl_session_unref(event.session);
    end(&w);
}
