/* Connections that come and go, and ones that stay: nothing is left behind, and what one costs is known. */
#include "net_support.h"
#include "sized_alloc.h"

static atomic_int opened;

static void *answers(dor_socket socket, void *arg)
{
    (void)arg;
    atomic_fetch_add(&opened, 1);
    (void)dor_ssl_send_async(socket, dor_buffer_new("!", 1), NULL);
    return NULL;
}

static uint16_t serve_simply(world *w)
{
    dor_address address;
    dor_server_spec spec = {.open = answers};
    OK(dor_options_unset(w->server, "active"));
    OK(dor_ssl_serve(w->runtime, 0, w->server, &spec, &w->listener));
    OK(dor_ssl_sockname(w->listener, &address));
    w->port = address.port;
    return address.port;
}

static void churn(world *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        dor_socket s;
        OK(dor_ssl_connect(w->runtime, test_host(), w->port, w->client, PATIENCE_MS, &s));
        if (i % 3) expect_recv(s, 1, "!"); /* every third closes with data on its way to it */
        OK(dor_ssl_close(s));
    }
    WAIT_FOR(statistics(w).connections == 0);
}

/* Descriptors come back to the last one; of memory the pools of messages keep what they may, a mebibyte and a little. */
Test(churn, leaves_no_memory_and_no_descriptors)
{
    world w;
    unsigned count = scaled(2000);
    begin(&w, 2);
    count_bytes();
    serve_simply(&w);
    churn(&w, 50);
    unsigned fds = open_descriptors();
    long bytes = atomic_load(&live_bytes);
    churn(&w, count);
    WAIT_FOR(open_descriptors() <= fds);
    WAIT_FOR(atomic_load(&live_bytes) < bytes + (3 << 19));
    cr_assert_eq(statistics(&w).handshakes, 2 * ((uint64_t)count + 50));
    cr_assert_eq(statistics(&w).handshakes_failed, 0);
    OK(dor_runtime_stop(w.runtime, 5000));
    dor_options_free(w.server);
    dor_options_free(w.client);
}

/* The same, to the last block once the runtime has stopped. */
Test(churn, leaves_nothing_at_all_in_the_end)
{
    world w;
    begin(&w, 2);
    serve_simply(&w);
    churn(&w, scaled(200));
    end(&w);
}

/* ---- what a connection costs ---------------------------------------------------------------------------------------- */

/* emqx#3277, MongooseIM#4447 */
Test(churn, bytes_per_connection)
{
    enum { COUNT = 400 };
    world w;
    dor_socket s[COUNT];
    begin(&w, 1);
    count_bytes();
    OK(dor_options_set_int(w.server, "hibernate_after", 400));
    OK(dor_options_set_text(w.client, "hibernate_after", "undefined"));
    serve_simply(&w);
    churn(&w, 20);
    long before = atomic_load(&live_bytes);
    for (int i = 0; i < COUNT; i++) {
        OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s[i]));
        expect_recv(s[i], 1, "!");
    }
    long awake = atomic_load(&live_bytes) - before;
    WAIT_FOR(statistics(&w).hibernated == COUNT);
    long served_asleep = atomic_load(&live_bytes) - before;
    for (int i = 0; i < COUNT; i++)
        OK(dor_ssl_close(s[i]));
    /* The client's half holds tickets and the peer's certificate; only what sleep saves is the server's alone. */
    fprintf(stderr, "bytes per pair of connections: %ld awake, %ld with the server's half asleep\n",
            awake / COUNT, served_asleep / COUNT);
    cr_assert_lt(served_asleep, awake);
    WAIT_FOR(statistics(&w).connections == 0);
    OK(dor_runtime_stop(w.runtime, 5000));
    dor_options_free(w.server);
    dor_options_free(w.client);
}
