/* Where a client connects from (ip, port, bind_to_device, reuseaddr), and the forms that an address may have in text. */
#include "names_support.h"

/* The server's view of who connects. */
static dor_address seen_from(world *w, const char *host)
{
    dor_ref ref;
    dor_socket server, client;
    dor_address address, ours;
    OK(dor_ssl_connect_async(w->runtime, host, w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    OK(dor_ssl_peername(server, &address));
    OK(dor_ssl_sockname(client, &ours));
    cr_expect_eq(ours.port, address.port);
    cr_expect_str_eq(ours.ip, address.ip);
    OK(dor_ssl_close(client)); /* the client's end of it: its port rests, not the server's */
    OK(dor_ssl_close(server));
    return address;
}

static void begin_everywhere(world *w)
{
    begin(w, 1);
    OK(dor_options_unset(w->server, "ip"));
    listen_in(w);
}

static uint16_t free_port(const char *ip)
{
    any_address a = address_of(ip, 0);
    socklen_t len = len_of(&a);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, &a.any, len), 0);
    cr_assert_eq(getsockname(fd, &a.any, &len), 0);
    close(fd);
    return ntohs(a.v4.sin_port);
}

Test(binding, the_address)
{
    static const char *const names[] = {"ip", "ifaddr"};
    world w;
    dor_socket s;
    begin_everywhere(&w);
    for (int i = 0; i < 2; i++) {
        OK(dor_options_set_text(w.client, names[i], "127.0.0.5"));
        cr_expect_str_eq(seen_from(&w, "127.0.0.1").ip, "127.0.0.5");
        OK(dor_options_set_text(w.client, names[i], "::1"));
        cr_expect_str_eq(seen_from(&w, "::1").ip, "::1");
        OK(dor_options_unset(w.client, names[i]));
    }
    OK(dor_options_set_text(w.client, "ip", "127.0.0.5"));
    OK(dor_options_set_text(w.client, "ifaddr", "127.0.0.5"));
    FAILS(dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, 1000, &s), DOR_E_OPTION_CONFLICT);
    OK(dor_options_unset(w.client, "ifaddr"));
    OK(dor_options_set_text(w.client, "ip", "192.0.2.1"));
    FAILS(dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &s),
          dor__errno(EADDRNOTAVAIL).code);
    end(&w);
}

Test(binding, a_listener_by_either_name)
{
    world w;
    dor_address address;
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "ifaddr", "127.0.0.3"));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &w.listener), DOR_E_OPTION_CONFLICT);
    OK(dor_options_unset(w.server, "ip"));
    listen_in(&w);
    OK(dor_ssl_sockname(w.listener, &address));
    cr_expect_str_eq(address.ip, "127.0.0.3");
    end(&w);
}

/* Of a name's addresses those of our own address's family are tried; without any it is said. */
Test(binding, the_address_chooses_the_family)
{
    world w;
    dor_socket s;
    begin_everywhere(&w);
    OK(dor_options_set_text(w.client, "ip", "::1"));
    FAILS(dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, 1000, &s), DOR_E_OPTION_CONFLICT);
    cr_expect_str_eq(dor_options_error(w.client),
                     "option ip: ::1 is of IPv6, but the host 127.0.0.1 of IPv4");
    GIVE("127.0.0.1");
    FAILS(dor_ssl_connect(w.runtime, "four.test", w.port, w.client, 1000, &s), dor__errno(EAFNOSUPPORT).code);
    GIVE("127.0.0.1", "::1");
    watch(w.port);
    cr_expect_str_eq(seen_from(&w, "both.test").ip, "::1");
    EXPECT_ATTEMPTS("::1");
    OK(dor_options_set_text(w.client, "ip", "127.0.0.5"));
    FAILS(dor_ssl_connect(w.runtime, "[::1]", w.port, w.client, 1000, &s), DOR_E_OPTION_CONFLICT);
    watch(w.port);
    cr_expect_str_eq(seen_from(&w, "both.test").ip, "127.0.0.5");
    EXPECT_ATTEMPTS("127.0.0.1");
    end(&w);
}

Test(binding, the_port)
{
    world w;
    begin_everywhere(&w);
    uint16_t port = free_port("127.0.0.6");
    OK(dor_options_set_text(w.client, "ip", "127.0.0.6"));
    OK(dor_options_set_int(w.client, "port", port));
    cr_expect_eq(seen_from(&w, "127.0.0.1").port, port);
    OK(dor_options_unset(w.client, "ip"));
    OK(dor_options_set_int(w.client, "port", free_port("::1")));
    cr_expect_gt(seen_from(&w, "::1").port, 0);
    FAILS(dor_options_set_int(w.client, "port", 65536), DOR_E_OPTION_TYPE);
    end(&w);
}

/* Attempts side by side share the port; with reuseaddr false they have it one after another, and the call's time with it. */
Test(binding, a_port_and_several_addresses)
{
    for (int share = 0; share < 2; share++) {
        world w;
        hole h;
        dor_ref ref;
        dor_socket server, client;
        dor_address address;
        begin(&w, 1);
        listen_beside(&w, &h, "127.0.0.2");
        uint16_t port = free_port("127.0.0.7");
        OK(dor_options_set_text(w.client, "ip", "127.0.0.7"));
        OK(dor_options_set_int(w.client, "port", port));
        OK(dor_options_set_bool(w.client, "reuseaddr", share));
        OK(dor_options_set_int(w.client, "connection_attempt_delay", 10));
        GIVE("127.0.0.2", "127.0.0.1");
        watch(w.port);
        OK(dor_ssl_connect_async(w.runtime, "two.test", w.port, w.client, share ? PATIENCE_MS : 4000, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
        OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
        OK(await_reply(ref, &client, NULL));
        OK(dor_ssl_peername(server, &address));
        cr_expect_eq(address.port, port);
        EXPECT_ATTEMPTS("127.0.0.2", "127.0.0.1");
        cr_expect_eq(atomic_load(&most_under_way), share ? 2 : 1);
        hole_close(&h);
        end(&w);
    }
}

Test(binding, the_device)
{
    world w;
    dor_socket s;
    begin_everywhere(&w);
    OK(dor_options_set_text(w.client, "bind_to_device", "no-such-device0"));
    int code = dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &s);
    if (code == dor__errno(EPERM).code) cr_skip_test("needs a newer kernel, or more rights");
    cr_expect_eq(code, dor__errno(ENODEV).code, "%d", code);
    FAILS(dor_options_set_text(w.client, "bind_to_device", "sixteen-letters-"), DOR_E_OPTION_TYPE);
    OK(dor_options_set_text(w.client, "bind_to_device", "lo"));
    cr_expect_str_eq(seen_from(&w, "127.0.0.1").ip, "127.0.0.1");
    dor_socket other;
    OK(dor_options_set_text(w.server, "bind_to_device", "no-such-device0"));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &other), dor__errno(ENODEV).code);
    OK(dor_options_set_text(w.server, "bind_to_device", "lo"));
    OK(dor_ssl_listen(w.runtime, 0, w.server, &other));
    end(&w);
}

/* ---- addresses in text ------------------------------------------------------------------------------------------- */

Test(binding, forms_of_a_host)
{
    static const char *const six[] = {"::1", "[::1]", "0:0::0:1", "::1%lo", "[::1%lo]", "::1%1", "::0.0.0.1"};
    static const char *const four[] = {"127.0.0.1", "::ffff:127.0.0.1", "127.1", "0x7f000001"};
    world w;
    dor_socket s;
    begin_everywhere(&w);
    for (size_t i = 0; i < sizeof six / sizeof six[0]; i++)
        cr_expect_str_eq(seen_from(&w, six[i]).ip, "::1", "%s", six[i]);
    for (size_t i = 0; i < sizeof four / sizeof four[0]; i++)
        cr_expect_str_eq(seen_from(&w, four[i]).ip, "127.0.0.1", "%s", four[i]);
    FAILS(dor_ssl_connect(w.runtime, "fe80::1%no-such0", w.port, w.client, 1000, &s),
          dor__errno(ENODEV).code);
    FAILS(dor_ssl_connect(w.runtime, "fe80::1%", w.port, w.client, 1000, &s), dor__errno(ENODEV).code);
    OK(dor_options_set_text(w.client, "ip", "::1%lo"));
    cr_expect_str_eq(seen_from(&w, "::1").ip, "::1");
    FAILS(dor_options_set_text(w.client, "ip", "::1%"), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_text(w.client, "ip", "127.0.0.1%lo"), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_text(w.client, "ip", "::1%an-interface-with-a-long-name"), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_text(w.client, "ip", "[::1]"), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_text(w.client, "ip", "localhost"), DOR_E_OPTION_TYPE);
    end(&w);
}

/* A zone and brackets are ours alone: the certificate speaks of the address, and SNI of neither. */
Test(binding, the_certificate_knows_no_zone)
{
    static const char *const hosts[] = {"::1", "[::1]", "::1%lo", "[::1%lo]"};
    world w;
    dor_socket server, client;
    dor_ref ref;
    dor_buffer *der;
    dor_connection_info info;
    begin(&w, 1);
    OK(dor_options_unset(w.server, "ip"));
    OK(dor_options_use_development_certificate(w.server, "::1", NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_peercert(p.client, &der));
    dor_options *o = dor_options_new();
    OK(dor_options_set_bytes(o, "cacerts", dor_buffer_data(der), dor_buffer_len(der)));
    dor_buffer_unref(der);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        OK(dor_ssl_connect_async(w.runtime, hosts[i], w.port, o, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
        OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
        OK(await_reply(ref, &client, NULL));
        OK(dor_ssl_connection_info(server, &info));
        cr_expect_str_eq(info.server_name, "");
    }
    dor_options_free(o);
    end(&w);
}
