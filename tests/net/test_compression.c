/*
 * Options certificate_compression, grease and ech_grease on sockets: both certificates, in each way. That the flights are shorter
 * for it is counted in bytes.
 */
#include "signer_support.h"

TestSuite(compression, .timeout = 60);

/* Signatures with RSA are of one length, so bytes can be compared. */
static void identities(world *w)
{
    char path[512];
    pki_path(path, "root", "pem");
    OK(dor_options_set_text(w->server, "verify", "verify_peer"));
    OK(dor_options_set_bool(w->server, "fail_if_no_peer_cert", 1));
    OK(dor_options_set_text(w->server, "cacertfile", path));
    OK(dor_options_unset(w->server, "cert"));
    OK(dor_options_unset(w->server, "key"));
    dor_options *const both[] = {w->server, w->client};
    for (int i = 0; i < 2; i++) {
        pki_path(path, "tls-rsa", "pem");
        OK(dor_options_set_text(both[i], "certfile", path));
        pki_path(path, "tls-rsa", "key");
        OK(dor_options_set_text(both[i], "keyfile", path));
    }
}

typedef struct figures {
    uint64_t client, server; /* bytes that each has had */
} figures;

/* One connection, with these ways at each end, or none. */
static figures figures_of(const char *server, const char *client, int grease)
{
    world w;
    dor_socket_statistics c, s;
    begin(&w, 2);
    identities(&w);
    set_version(&w, "tlsv1.3");
    if (server) OK(dor_options_set_text(w.server, "certificate_compression", server));
    if (client) OK(dor_options_set_text(w.client, "certificate_compression", client));
    OK(dor_options_set_bool(w.client, "grease", grease));
    OK(dor_options_set_bool(w.client, "ech_grease", grease));
    listen_in(&w);
    pair p = connect_pair(&w);
    send_text(p.client, "ping");
    expect_recv(p.server, 4, "ping");
    send_text(p.server, "pong");
    expect_recv(p.client, 4, "pong");
    OK(dor_ssl_getstat(p.client, &c));
    OK(dor_ssl_getstat(p.server, &s));
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
    end(&w);
    return (figures){.client = c.recv_oct, .server = s.recv_oct};
}

Test(compression, both_certificates_in_each_way)
{
    static const char *const ways[] = {"zlib", "brotli", "brotli,zlib"};
    tcp_only();
    const figures plain = figures_of(NULL, NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        const figures packed = figures_of(ways[i], ways[i], 0);
        cr_assert_lt(packed.client, plain.client, "%s", ways[i]);
        cr_assert_lt(packed.server, plain.server, "%s", ways[i]);
    }
    const figures nothing = figures_of("zlib", "brotli", 0); /* in common */
    cr_assert_geq(nothing.client, plain.client);
}

Test(compression, with_grease)
{
    tcp_only();
    const figures plain = figures_of(NULL, NULL, 0), greased = figures_of(NULL, NULL, 1);
    cr_assert_eq(greased.client, plain.client, "no server answers it");
    cr_assert_gt(greased.server, plain.server + 200);
    (void)figures_of("zlib", "zlib", 1);
}
