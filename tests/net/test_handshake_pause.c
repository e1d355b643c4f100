/* The pause at the hello: what is told of it, going on with and without options, cancelling, time, owners. */
#include "net_support.h"
#include "crypto/devcert.h"

#include <time.h>

static void offer_protocols(world *w)
{
    OK(dor_options_set_list(w->client, "alpn_advertised_protocols", "h2", "x", NULL));
    OK(dor_options_set_list(w->server, "alpn_preferred_protocols", "x", NULL));
    OK(dor_options_set_text(w->client, "server_name_indication", "www.example"));
}

/* A server that has paused, and a client that waits for it. */
static dor_socket pause_server(world *w, dor_ref *connecting)
{
    dor_socket s;
    OK(dor_ssl_connect_async(w->runtime, test_host(), w->port, w->client, PATIENCE_MS, connecting));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    FAILS(dor_ssl_handshake_continue(s, NULL, PATIENCE_MS), DOR_E_EINVAL);
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    return s;
}

static dor_socket begin_paused(world *w, dor_ref *connecting)
{
    begin(w, 2);
    offer_protocols(w);
    OK(dor_options_set_text(w->server, "handshake", "hello"));
    listen_in(w);
    return pause_server(w, connecting);
}

static void talk(pair p)
{
    send_text(p.client, "ping");
    expect_recv(p.server, 4, "ping");
    send_text(p.server, "pong");
    expect_recv(p.client, 4, "pong");
}

Test(pause, a_server_sees_the_hello_and_goes_on)
{
    static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};
    for (int i = 0; i < 2; i++) {
        world w;
        pair p;
        dor_ref ref;
        dor_ssl_hello hello;
        begin(&w, 2);
        offer_protocols(&w);
        OK(dor_options_set_list(w.client, "versions", versions[i], NULL));
        OK(dor_options_set_text(w.server, "handshake", "hello"));
        listen_in(&w);
        p.server = pause_server(&w, &ref);
        OK(dor_ssl_get_hello(p.server, &hello));
        cr_assert_str_eq(hello.server_name, "www.example");
        cr_assert_eq(hello.alpn_count, 2);
        cr_assert_str_eq(hello.alpn[0], "h2");
        cr_assert_str_eq(hello.alpn[1], "x");
        cr_assert_eq(hello.versions[0], i == 0 ? 0x0304 : 0x0303);
        cr_assert(hello.suite_count && hello.group_count && hello.scheme_count);
        OK(dor_ssl_handshake_continue(p.server, NULL, PATIENCE_MS));
        OK(await_reply(ref, &p.client, NULL));
        FAILS(dor_ssl_get_hello(p.server, &hello), DOR_E_EINVAL);
        FAILS(dor_ssl_handshake_continue(p.server, NULL, PATIENCE_MS), DOR_E_EINVAL);
        FAILS(dor_ssl_handshake_cancel(p.server), DOR_E_EINVAL);
        talk(p);
        end(&w);
    }
}

Test(pause, options_of_the_second_half)
{
    world w;
    pair p;
    dor_ref ref;
    dor_connection_info info;
    p.server = begin_paused(&w, &ref);
    dor_options *more = dor_options_new();
    OK(dor_options_set_list(more, "alpn_preferred_protocols", "h2", NULL));
    OK(dor_options_set_int(more, "packet", 2));
    FAILS(dor_ssl_handshake_continue(p.server, w.client, PATIENCE_MS), DOR_E_OPTION_CONFLICT);
    OK(dor_ssl_handshake_continue(p.server, more, PATIENCE_MS));
    OK(await_reply(ref, &p.client, NULL));
    OK(dor_ssl_connection_info(p.client, &info));
    cr_assert_str_eq(info.alpn, "h2");
    OK(dor_ssl_send(p.server, "abc", 3));
    dor_buffer *data = NULL;
    OK(dor_ssl_recv(p.client, 5, PATIENCE_MS, &data));
    expect_data(data, "\0\3abc", 5);
    dor_options_free(more);
    end(&w);
}

Test(pause, other_calls_meanwhile)
{
    world w;
    dor_ref ref;
    dor_connection_info info;
    dor_address address;
    dor_buffer *data;
    dor_socket client, s = begin_paused(&w, &ref);
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_ENOTCONN);
    FAILS(dor_ssl_send(s, "x", 1), DOR_E_ENOTCONN);
    FAILS(dor_ssl_connection_info(s, &info), DOR_E_ENOTCONN);
    FAILS(dor_ssl_update_keys(s, 0), DOR_E_ENOTCONN);
    FAILS(dor_ssl_shutdown(s, DOR_SHUTDOWN_WRITE), DOR_E_ENOTCONN);
    FAILS(dor_ssl_accept(s, NULL, PATIENCE_MS), DOR_E_EALREADY);
    FAILS(dor_ssl_get_hello(s, NULL), DOR_E_BADARG);
    OK(dor_ssl_peername(s, &address));
    FAILS(dor_ssl_get_hello(w.listener, &(dor_ssl_hello){0}), DOR_E_ENOTCONN);
    FAILS(dor_ssl_handshake_cancel(w.listener), DOR_E_ENOTCONN);
    OK(dor_ssl_handshake_continue(s, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    end(&w);
}

Test(pause, cancelled)
{
    world w;
    dor_ref ref;
    dor_socket s = begin_paused(&w, &ref);
    OK(dor_ssl_handshake_cancel(s));
    int code = await_reply(ref, NULL, NULL);
    cr_assert_eq(dor_error_get_alert(code), DOR_ALERT_CLOSE_NOTIFY);
    FAILS(dor_ssl_handshake_cancel(s), DOR_E_CLOSED);
    FAILS(dor_ssl_handshake_continue(s, NULL, PATIENCE_MS), DOR_E_CLOSED);
    FAILS(dor_ssl_get_hello(s, &(dor_ssl_hello){0}), DOR_E_CLOSED);
    expect_silence(s, 20);
    end(&w);
}

Test(pause, closed_or_stopped_meanwhile)
{
    world w;
    dor_ref ref;
    dor_socket s = begin_paused(&w, &ref);
    OK(dor_ssl_close(s));
    cr_assert_lt(await_reply(ref, NULL, NULL), 0);
    (void)pause_server(&w, &ref); /* and the runtime stops with this one open */
    end(&w);
}

/* The call's own time ended with the call; the handshake's goes on. */
Test(pause, the_handshakes_time_bounds_it)
{
    world w;
    dor_ref ref;
    dor_socket s;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "handshake", "hello"));
    OK(dor_options_set_int(w.server, "handshake_timeout", 300));
    listen_in(&w);
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, 100));
    uv_sleep(150);
    OK(dor_ssl_get_hello(s, &(dor_ssl_hello){0}));
    cr_assert_lt(await_reply(ref, NULL, NULL), 0);
    FAILS(dor_ssl_handshake_continue(s, NULL, PATIENCE_MS), DOR_E_CLOSED);
    end(&w);
}

Test(pause, a_client)
{
    static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};
    for (int i = 0; i < 2; i++) {
        world w;
        pair p;
        dor_ref ref, accepting;
        dor_ssl_hello hello;
        begin(&w, 2);
        offer_protocols(&w);
        OK(dor_options_set_list(w.client, "versions", versions[i], NULL));
        OK(dor_options_set_text(w.client, "handshake", "hello"));
        listen_in(&w);
        OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &p.server));
        OK(dor_ssl_accept_async(p.server, NULL, PATIENCE_MS, &accepting));
        OK(await_reply(ref, &p.client, NULL));
        OK(dor_ssl_get_hello(p.client, &hello));
        cr_assert_eq(hello.alpn_count, 1);
        cr_assert_str_eq(hello.alpn[0], "x");
        cr_assert_eq(hello.versions[0], i == 0 ? 0x0304 : 0x0303);
        cr_assert_eq(hello.suite_count, 1);
        dor_options *more = dor_options_new();
        OK(dor_options_set_list(more, "alpn_advertised_protocols", "other", NULL));
        FAILS(dor_ssl_handshake_continue(p.client, more, PATIENCE_MS), DOR_E_OPTION_CONFLICT);
        OK(dor_ssl_get_hello(p.client, &hello)); /* it has said so already, and the pause goes on */
        OK(dor_options_unset(more, "alpn_advertised_protocols"));
        OK(dor_options_set_int(more, "packet", 1));
        OK(dor_ssl_handshake_continue(p.client, more, PATIENCE_MS));
        OK(await_reply(accepting, NULL, NULL));
        send_text(p.client, "abc");
        expect_recv(p.server, 4, "\3abc");
        dor_options_free(more);
        end(&w);
    }
}

/* A client that changes its mind about whom it trusts, when it has seen what the server chose. */
Test(pause, a_client_verifies_by_the_second_options)
{
    world w;
    dor_ref ref, accepting;
    dor_socket c, s;
    begin(&w, 2);
    OK(dor_options_set_text(w.client, "handshake", "hello"));
    listen_in(&w);
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &accepting));
    OK(await_reply(ref, &c, NULL));
    dor_options *more = dor_options_new();
    dor_bytes cert = DOR_BYTES_EMPTY, key = DOR_BYTES_EMPTY; /* an authority that has nothing to do with it */
    dor_rng *rng;
    cr_assert(dor__ok(dor__rng_new_system(&rng)));
    cr_assert(dor__ok(dor__devcert_make(rng, "other.example", (int64_t)time(NULL), &cert, &key)));
    OK(dor_options_set_text(more, "verify", "verify_peer"));
    OK(dor_options_set_bytes(more, "cacerts", cert.ptr, cert.len));
    dor__bytes_free(&cert);
    dor__bytes_free(&key);
    dor__rng_free(rng);
    int code = dor_ssl_handshake_continue(c, more, PATIENCE_MS);
    cr_assert_eq(dor_error_get_class(code), DOR_CLASS_ALERT_SENT);
    cr_assert_lt(await_reply(accepting, NULL, NULL), 0);
    dor_options_free(more);
    end(&w);
}

Test(pause, the_owner_dies)
{
    world w;
    dor_ref ref;
    (void)begin_paused(&w, &ref);
    OK(dor_process_detach());
    end(&w);
}

Test(pause, not_for_serve)
{
    world w;
    dor_server_spec spec = {0};
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "handshake", "hello"));
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, &spec, &w.listener), DOR_E_OPTION_CONFLICT);
    end(&w);
}
