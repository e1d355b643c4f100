/* The PROXY protocol in front of TLS: servers that want a header, clients that send one, and those who get it wrong. */
#include "net_support.h"

#include <arpa/inet.h>
#include <dormouse/proxy.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

static void begin_proxied(world *w, const char *version)
{
    begin(w, 2);
    OK(dor_options_set_text(w->server, "proxy_protocol", "require"));
    if (version) OK(dor_options_set_text(w->client, "proxy_protocol", version));
}

static dor_proxy_info somebody(void)
{
    return (dor_proxy_info){.known = 1,
                            .checked = 1,
                            .source = {.ip = "192.0.2.1", .port = 1234, .version = 4},
                            .destination = {.ip = "198.51.100.7", .port = 443, .version = 4},
                            .authority = {"example.org", 11},
                            .has_ssl = 1,
                            .ssl_client = DOR_PROXY_CLIENT_SSL,
                            .ssl_verify = 1,
                            .ssl_version = {"TLSv1.3", 7}};
}

static void exchange(pair p)
{
    send_text(p.client, "question");
    expect_recv(p.server, 8, "question");
    send_text(p.server, "answer");
    expect_recv(p.client, 6, "answer");
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
}

Test(net_proxy, a_client_says_whom_it_serves)
{
    static const char *const versions[] = {"v1", "v2"};
    for (int i = 0; i < 2; i++) {
        world w;
        dor_proxy_info said = somebody(), got;
        dor_address peer;
        begin_proxied(&w, versions[i]);
        OK(dor_options_set_proxy_header(w.client, &said));
        listen_in(&w);
        pair p = connect_pair(&w);
        OK(dor_ssl_get_proxy_info(p.server, &got));
        cr_expect_eq(got.version, i + 1);
        cr_expect_eq(got.known, 1);
        cr_expect_str_eq(got.source.ip, "192.0.2.1");
        cr_expect_eq(got.source.port, 1234);
        cr_expect_eq(got.source.version, 4);
        cr_expect_str_eq(got.destination.ip, "198.51.100.7");
        cr_expect_eq(got.has_ssl, i);
        cr_expect_eq(got.checked, i);
        if (i) cr_expect_eq(memcmp(got.authority.data, "example.org", 11), 0);
        dor_proxy_info_clear(&got);
        dor_proxy_info_clear(&got);
        OK(dor_ssl_peername(p.server, &peer));
        cr_expect_str_neq(peer.ip, "192.0.2.1", "the proxy's");
        FAILS(dor_ssl_get_proxy_info(p.client, &got), DOR_E_NO_PROXY_HEADER);
        FAILS(dor_ssl_get_proxy_info(w.listener, &got), DOR_E_ENOTCONN);
        exchange(p);
        end(&w);
    }
}

Test(net_proxy, nobody_in_particular)
{
    static const char *const versions[] = {"v1", "v2"};
    for (int i = 0; i < 2; i++) {
        world w;
        dor_proxy_info got;
        begin_proxied(&w, versions[i]);
        listen_in(&w);
        pair p = connect_pair(&w);
        OK(dor_ssl_get_proxy_info(p.server, &got));
        cr_expect_eq(got.known, 0);
        cr_expect_eq(got.version, i + 1);
        dor_proxy_info_clear(&got);
        exchange(p);
        end(&w);
    }
}

Test(net_proxy, over_other_transports)
{
    for (int i = 0; i < 2; i++) {
        world w;
        dor_ref ref;
        pair p;
        dor_proxy_info said = somebody(), got;
        char name[64];
        (void)snprintf(name, sizeof name, "unix:@dormouse-test-proxy-%d", (int)getpid());
        begin_proxied(&w, "v2");
        if (i == 0) OK(dor_options_set_text(w.server, "ip", name));
        if (i == 1) OK(dor_options_set_text(w.server, "cb_info", "memory"));
        if (i == 1) OK(dor_options_set_text(w.client, "cb_info", "memory"));
        OK(dor_options_set_proxy_header(w.client, &said));
        OK(dor_options_set_list(w.server, "proxy_trust", "unix:", "10.0.0.0/8", NULL));
        OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
        dor_address address;
        OK(dor_ssl_sockname(w.listener, &address));
        OK(dor_ssl_connect_async(w.runtime, i == 0 ? name : "x", i == 0 ? 0 : address.port, w.client,
                                 PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &p.server));
        FAILS(dor_ssl_get_proxy_info(p.server, &got), DOR_E_ENOTCONN);
        OK(dor_ssl_accept(p.server, NULL, PATIENCE_MS));
        OK(await_reply(ref, &p.client, NULL));
        OK(dor_ssl_get_proxy_info(p.server, &got));
        cr_expect_str_eq(got.source.ip, "192.0.2.1");
        dor_proxy_info_clear(&got);
        exchange(p);
        end(&w);
    }
}

/* Whoever is not trusted is served without a header, and cannot bring one. */
Test(net_proxy, trust)
{
    static const struct {
        const char *list, *client;
        bool served, header;
    } cases[] = {
        {"127.0.0.0/8", "v2", true, true}, {"127.0.0.0/8", "disabled", false, false},
        {"127.0.0.1", "v1", true, true},   {"127.0.0.2", "disabled", true, false},
        {"127.0.0.2", "v2", false, false}, {"unix:", "disabled", true, false},
        {"::/0", "disabled", true, false}, {"0.0.0.0/0", "v1", true, true},
        {"126.0.0.0/7", "v1", true, true}, {"128.0.0.0/1", "v1", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        dor_ref ref;
        dor_proxy_info got;
        pair p;
        begin_proxied(&w, cases[i].client);
        OK(dor_options_set_list(w.server, "proxy_trust", cases[i].list, NULL));
        listen_in(&w);
        OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &p.server));
        int code = dor_ssl_accept(p.server, NULL, PATIENCE_MS);
        int theirs = await_reply(ref, &p.client, NULL);
        cr_assert_eq(code == DOR_OK, cases[i].served, "%zu: %x", i, code);
        cr_assert_eq(theirs == DOR_OK, cases[i].served, "%zu: %x", i, theirs);
        if (cases[i].served) {
            int info = dor_ssl_get_proxy_info(p.server, &got);
            cr_expect_eq(info, cases[i].header ? DOR_OK : DOR_E_NO_PROXY_HEADER, "%zu", i);
            if (info == DOR_OK) dor_proxy_info_clear(&got);
            exchange(p);
        }
        end(&w);
    }
}

static int call(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* A bad header, none, or half of one gets no answer: not a byte. */
Test(net_proxy, no_answer)
{
    static const struct {
        const char *bytes;
        int code;
    } cases[] = {{"GET / HTTP/1.1\r\n\r\n", DOR_E_PROXY_MISSING},
                 {"\x16\x03\x01\x02", DOR_E_PROXY_MISSING},
                 {"PROXY TCP9 ", DOR_E_TIMEOUT},
                 {"PROXY TCP4 x y 1 2\r\n", DOR_E_PROXY_ADDRESS},
                 {"", DOR_E_TIMEOUT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        dor_socket s;
        char byte;
        begin_proxied(&w, NULL);
        OK(dor_options_set_int(w.server, "handshake_timeout", cases[i].code == DOR_E_TIMEOUT ? 200 : 20000));
        listen_in(&w);
        int fd = call(w.port);
        cr_assert_eq(send(fd, cases[i].bytes, strlen(cases[i].bytes), MSG_NOSIGNAL),
                     (ssize_t)strlen(cases[i].bytes));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
        FAILS(dor_ssl_accept(s, NULL, PATIENCE_MS), cases[i].code);
        cr_expect_leq(recv(fd, &byte, 1, 0), 0, "%zu", i);
        close(fd);
        WAIT_FOR(statistics(&w).connections == 0);
        cr_expect_eq(statistics(&w).handshakes_failed, 1);
        end(&w);
    }
}

/* The header comes byte by byte, the last one together with the hello. */
Test(net_proxy, upgrade_in_pieces)
{
    static const char header[] = "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
    world w;
    int fds[2];
    dor_ref accepting, connecting;
    pair p;
    dor_proxy_info got;
    begin_proxied(&w, NULL);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    OK(dor_process_attach(w.runtime, NULL));
    OK(dor_ssl_accept_fd_async(w.runtime, fds[0], w.server, PATIENCE_MS, &accepting));
    for (size_t i = 0; header[i]; i++) {
        cr_assert_eq(send(fds[1], header + i, 1, MSG_NOSIGNAL), 1);
        uv_sleep(1);
    }
    OK(dor_options_set_bool(w.client, "verify_host", 0));
    OK(dor_ssl_connect_fd_async(w.runtime, fds[1], NULL, w.client, PATIENCE_MS, &connecting));
    OK(await_reply(accepting, &p.server, NULL));
    OK(await_reply(connecting, &p.client, NULL));
    OK(dor_ssl_get_proxy_info(p.server, &got));
    cr_expect_str_eq(got.source.ip, "2001:db8::1");
    cr_expect_eq(got.destination.port, 2);
    dor_proxy_info_clear(&got);
    exchange(p);
    end(&w);
}

Test(net_proxy, used_badly)
{
    world w;
    dor_socket s;
    dor_proxy_info info = somebody();
    begin(&w, 1);
    dor_options *o = dor_options_new();
    FAILS(dor_options_set_proxy_header(NULL, &info), DOR_E_BADARG);
    OK(dor_options_set_proxy_header(o, NULL));
    info.destination.version = 6;
    FAILS(dor_options_set_proxy_header(o, &info), DOR_E_BADARG);
    info = somebody();
    strcpy(info.source.ip, "localhost");
    FAILS(dor_options_set_proxy_header(o, &info), DOR_E_BADARG);
    info = somebody();
    info.alpn = (dor_proxy_text){info.source.ip, 256};
    FAILS(dor_options_set_proxy_header(o, &info), DOR_E_BADARG);
    FAILS(dor_ssl_get_proxy_info(1234567, &info), DOR_E_CLOSED);
    FAILS(dor_ssl_get_proxy_info(1234567, NULL), DOR_E_BADARG);
    OK(dor_options_set_text(w.server, "proxy_protocol", "v1"));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &s), DOR_E_OPTION_CONFLICT);
    OK(dor_options_set_text(w.client, "proxy_protocol", "require"));
    FAILS(dor_ssl_connect(w.runtime, "127.0.0.1", 1, w.client, 1000, &s), DOR_E_OPTION_CONFLICT);
    dor_options_free(o);
    end(&w);
}
