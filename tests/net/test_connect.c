/* Connecting: by address and by name, IPv4 and IPv6, and the many ways in which it fails. */
#include "net_support.h"
#include "hand_peer.h"

static bool have_ipv6(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool have = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    if (fd >= 0) close(fd);
    return have;
}

static void connects_to(world *w, const char *host, const char *server_sees, uint8_t version)
{
    dor_ref ref;
    dor_socket server, client;
    dor_address address;
    OK(dor_ssl_connect_async(w->runtime, host, w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    OK(dor_ssl_peername(server, &address));
    if (server_sees) cr_assert_str_eq(address.ip, server_sees);
    if (version) cr_assert_eq(address.version, version);
    OK(dor_ssl_close(client));
}

Test(connect, by_address_and_by_name)
{
    world w;
    begin(&w, 2);
    OK(dor_options_unset(w.server,
                         "ip")); /* every address: IPv4 comes in through IPv6 and still looks like IPv4 */
    listen_in(&w);
    connects_to(&w, "127.0.0.1", "127.0.0.1", 4);
    if (have_ipv6()) connects_to(&w, "::1", "::1", 6);
    connects_to(&w, "localhost", NULL, 0);
    end(&w);
}

Test(connect, a_listener_on_one_address_only)
{
    world w;
    begin(&w, 2);
    if (have_ipv6()) {
        OK(dor_options_set_text(w.server, "ip", "::1"));
        listen_in(&w);
        connects_to(&w, "::1", "::1", 6);
        dor_socket s;
        FAILS(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s),
              dor__errno(ECONNREFUSED).code);
    }
    end(&w);
}

/* localhost is ::1 first on most systems; where the server is on 127.0.0.1 alone, the second address must be tried. */
Test(connect, the_next_address_is_tried)
{
    world w;
    begin(&w, 1);
    listen_in(&w);
    connects_to(&w, "localhost", "127.0.0.1", 4);
    end(&w);
}

Test(connect, verifies_the_peer_and_its_name)
{
    world w;
    dor_socket server, client;
    dor_ref ref;
    dor_buffer *der;
    pair p = begin_pair(&w, 2);
    OK(dor_ssl_peercert(p.client, &der));
    dor_options *o = dor_options_new();
    OK(dor_options_set_bytes(o, "cacerts", dor_buffer_data(der), dor_buffer_len(der)));
    OK(dor_options_set_bool(o, "log_alert", 0));
    dor_buffer_unref(der);
    for (int i = 0; i < 3; i++) {
        if (i == 1) OK(dor_options_set_text(o, "server_name_indication", "localhost"));
        if (i == 2) OK(dor_options_set_text(o, "server_name_indication", "example.org"));
        OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, o, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
        int code = dor_ssl_accept(server, NULL, PATIENCE_MS), mine = await_reply(ref, &client, NULL);
        if (i < 2) {
            OK(code);
            OK(mine);
        } else {
            cr_assert_eq(dor_error_get_reason(mine), DOR_REASON_CERT_NAME_MISMATCH, "%d", mine);
        }
    }
    dor_options_free(o);
    end(&w);
}

Test(connect, refused)
{
    world w;
    dor_socket s;
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    begin(&w, 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, so nobody else takes it, and not listening */
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    getsockname(fd, (struct sockaddr *)&name, &len);
    FAILS(dor_ssl_connect(w.runtime, "127.0.0.1", ntohs(name.sin_port), w.client, PATIENCE_MS, &s),
          dor__errno(ECONNREFUSED).code);
    close(fd);
    end(&w);
}

Test(connect, unreachable)
{
    world w;
    dor_socket s;
    begin(&w, 1);
    /* Broadcast: the system refuses at once, without a packet. */
    int code = dor_ssl_connect(w.runtime, "255.255.255.255", 4433, w.client, PATIENCE_MS, &s);
    cr_assert_eq(dor_error_get_class(code), DOR_CLASS_IO, "%d", code);
    end(&w);
}

Test(connect, no_such_name)
{
    world w;
    dor_socket s;
    begin(&w, 1);
    int code = dor_ssl_connect(w.runtime, "no-such-host.invalid", 4433, w.client, 10000, &s);
    cr_assert(code == DOR_E_NXDOMAIN || code == DOR_E_TIMEOUT, "%d", code);
    FAILS(dor_ssl_connect(w.runtime, "not a name", 4433, w.client, 10000, &s), DOR_E_NXDOMAIN);
    end(&w);
}

/* A server that accepts (its backlog does) and says nothing. */
Test(connect, times_out)
{
    world w;
    dor_socket s;
    begin(&w, 1);
    listen_in(&w);
    uint64_t start = now_ms();
    FAILS(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, 100, &s), DOR_E_TIMEOUT);
    cr_assert_geq(now_ms() - start, 100);
    cr_assert_lt(now_ms() - start, 5000);
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}

static void *talks_nonsense(void *arg)
{
    int fd = accept(*(int *)arg, NULL, NULL);
    (void)!write(fd, "220 mail.example.org ESMTP ready\r\n", 34);
    uint8_t byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    close(fd);
    return NULL;
}

Test(connect, a_server_that_talks_something_else)
{
    world w;
    dor_socket s;
    pthread_t thread;
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    begin(&w, 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    listen(fd, 1);
    getsockname(fd, (struct sockaddr *)&name, &len);
    pthread_create(&thread, NULL, talks_nonsense, &fd);
    int code = dor_ssl_connect(w.runtime, "127.0.0.1", ntohs(name.sin_port), w.client, PATIENCE_MS, &s);
    cr_assert_eq(dor_error_get_class(code), DOR_CLASS_ALERT_SENT, "%d", code);
    pthread_join(thread, NULL);
    close(fd);
    end(&w);
}

/* The runtime ends while a connect waits for its peer: the call is answered, nothing is left. */
static void *connects(void *arg)
{
    world *w = arg;
    dor_socket s;
    int code = dor_ssl_connect(w->runtime, test_host(), w->port, w->client, DOR_INFINITY, &s);
    cr_assert(code == DOR_E_STOPPED || code == DOR_E_CLOSED || dor_error_get_class(code) == DOR_CLASS_IO,
              "%d", code);
    return NULL;
}

Test(connect, stopping_answers_it)
{
    world w;
    pthread_t thread;
    begin(&w, 2);
    listen_in(&w);
    pthread_create(&thread, NULL, connects, &w);
    WAIT_FOR(statistics(&w).connections == 1);
    OK(dor_runtime_stop(w.runtime, 5000));
    pthread_join(thread, NULL);
    end_stopped(&w);
}
