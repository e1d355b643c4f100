/* Listeners: who gets which connection, limits, slow and hostile clients, and the server in one call. */
#include "net_support.h"
#include "hand_peer.h"
#include "crypto/devcert.h"

#include <fcntl.h>
#include <sys/resource.h>

/* ---- transport_accept --------------------------------------------------------------------------------------------- */

Test(accept, times_out_and_loses_no_connection)
{
    world w;
    dor_socket s;
    dor_ref early, later;
    begin(&w, 2);
    listen_in(&w);
    uint64_t start = now_ms();
    FAILS(dor_ssl_transport_accept(w.listener, 50, &s), DOR_E_TIMEOUT);
    cr_assert_geq(now_ms() - start, 50);
    OK(dor_ssl_transport_accept_async(w.listener, DOR_INFINITY, &later));
    OK(dor_ssl_transport_accept_async(w.listener, 40, &early)); /* asked later, gives up earlier */
    FAILS(await_reply(early, NULL, NULL), DOR_E_TIMEOUT);
    int fd = raw_connect(w.port);
    OK(await_reply(later, &s, NULL));
    close(fd);
    end(&w);
}

Test(accept, first_come_first_served)
{
    world w;
    enum { COUNT = 10 };
    dor_ref refs[COUNT];
    int fds[COUNT];
    dor_address address;
    struct sockaddr_in name;
    begin(&w, 2);
    listen_in(&w);
    for (int i = 0; i < COUNT; i++)
        OK(dor_ssl_transport_accept_async(w.listener, PATIENCE_MS, &refs[i]));
    for (int i = 0; i < COUNT; i++) {
        dor_socket s;
        socklen_t len = sizeof name;
        fds[i] = raw_connect(w.port);
        OK(await_reply(refs[i], &s,
                       NULL)); /* the i-th that asked gets the i-th that came, whatever the shard */
        OK(dor_ssl_peername(s, &address));
        getsockname(fds[i], (struct sockaddr *)&name, &len);
        cr_assert_eq(address.port, ntohs(name.sin_port));
    }
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    end(&w);
}

/* Without anybody who asks, connections wait in the backlog of whichever shard the kernel put them to. */
Test(accept, the_backlog_is_served_when_somebody_asks)
{
    world w;
    enum { COUNT = 40 };
    int fds[COUNT];
    begin(&w, 4);
    listen_in(&w);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++)
            fds[i] = raw_connect(w.port);
        uv_sleep(30);
        cr_assert_eq(statistics(&w).accepted, (uint64_t)round * COUNT);
        for (int i = 0; i < COUNT; i++) {
            dor_socket s;
            OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
            OK(dor_ssl_close(s));
        }
        for (int i = 0; i < COUNT; i++)
            close(fds[i]);
    }
    end(&w);
}

static void *accepts_some(void *arg)
{
    world *w = arg;
    for (int i = 0; i < 10; i++) {
        dor_socket s;
        OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
        OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
        send_text(s, "from the pool");
        OK(dor_ssl_close(s));
    }
    return NULL;
}

Test(accept, a_pool_of_threads)
{
    world w;
    pthread_t threads_[4];
    begin(&w, 2);
    listen_in(&w);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads_[i], NULL, accepts_some, &w);
    for (int i = 0; i < 40; i++) {
        dor_socket s;
        OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s));
        expect_recv(s, 0, "from the pool");
        OK(dor_ssl_close(s));
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads_[i], NULL);
    end(&w);
}

static void *asks_and_dies(void *arg)
{
    world *w = arg;
    dor_ref ref;
    OK(dor_process_attach(w->runtime, NULL));
    OK(dor_ssl_transport_accept_async(w->listener, DOR_INFINITY, &ref));
    return NULL;
}

Test(accept, the_dead_do_not_take_connections)
{
    world w;
    pthread_t thread;
    dor_ref ref;
    dor_socket s;
    begin(&w, 2);
    listen_in(&w);
    pthread_create(&thread, NULL, asks_and_dies, &w);
    pthread_join(thread, NULL);
    OK(dor_ssl_transport_accept_async(w.listener, PATIENCE_MS, &ref));
    int fd = raw_connect(w.port);
    OK(await_reply(ref, &s, NULL));
    close(fd);
    end(&w);
}

Test(accept, closing_answers_those_who_wait)
{
    world w;
    dor_ref ref;
    dor_socket s;
    begin(&w, 2);
    listen_in(&w);
    OK(dor_ssl_transport_accept_async(w.listener, DOR_INFINITY, &ref));
    OK(dor_ssl_close(w.listener));
    FAILS(await_reply(ref, NULL, NULL), DOR_E_CLOSED);
    FAILS(dor_ssl_transport_accept(w.listener, 10, &s), DOR_E_CLOSED);
    OK(dor_ssl_close(w.listener));
    /* Nobody listens any more when close has returned. */
    FAILS(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s),
          dor__errno(ECONNREFUSED).code);
    end(&w);
}

Test(accept, open_connections_outlive_the_listener)
{
    world w;
    pair p = begin_pair(&w, 2);
    OK(dor_ssl_stop_listening(w.listener));
    send_text(p.client, "still here");
    expect_recv(p.server, 0, "still here");
    FAILS(dor_ssl_stop_listening(p.server), DOR_E_EINVAL);
    end(&w);
}

Test(accept, a_port_that_is_taken_is_an_error)
{
    world w;
    dor_socket s;
    begin(&w, 2);
    listen_in(&w);
    FAILS(dor_ssl_listen(w.runtime, w.port, w.server, &s), dor__errno(EADDRINUSE).code);
    OK(dor_ssl_close(w.listener));
    OK(dor_ssl_listen(w.runtime, w.port, w.server, &w.listener));
    (void)connect_pair(&w);
    end(&w);
}

Test(accept, a_port_may_be_shared_on_request)
{
    world w;
    dor_socket s;
    begin(&w, 2);
    OK(dor_options_set_bool(w.server, "reuseport", 1));
    listen_in(&w);
    OK(dor_ssl_listen(w.runtime, w.port, w.server, &s));
    OK(dor_ssl_close(s));
    (void)connect_pair(&w);
    end(&w);
}

/* ---- handshakes ------------------------------------------------------------------------------------------------- */

/* otp#3287, ranch#44: the handshake is the connection's, not the acceptor's. */
Test(accept, slow_clients_hold_up_nobody)
{
    world w;
    enum { SLOW = 20 };
    const uint32_t patience = scaled(1000) < 100 ? 10000 : 600;
    int fds[SLOW];
    dor_ref refs[SLOW];
    begin(&w, 1);
    listen_in(&w);
    for (int i = 0; i < SLOW; i++) {
        dor_socket s;
        fds[i] = raw_connect(w.port);
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
        OK(dor_ssl_accept_async(s, NULL, patience, &refs[i]));
    }
    uint64_t start = now_ms();
    pair p = connect_pair(&w);
    send_text(p.client, "quick");
    expect_recv(p.server, 0, "quick");
    cr_assert_lt(now_ms() - start, patience - 100);
    for (int i = 0; i < SLOW; i++) {
        FAILS(await_reply(refs[i], NULL, NULL), DOR_E_TIMEOUT);
        close(fds[i]);
    }
    cr_assert_eq(statistics(&w).handshakes_failed, SLOW);
    end(&w);
}

Test(accept, one_byte_at_a_time)
{
    world w;
    hand h;
    dor_socket s;
    dor_ref ref;
    begin(&w, 1);
    listen_in(&w);
    hand_init(&h, w.port);
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &ref));
    cr_assert(dor__ok(dor__tls_start(h.tls)));
    while (!h.connected) {
        hand_collect(&h);
        for (size_t i = 0; i < h.output.len; i++)
            hand_write(&h, h.output.ptr + i, 1);
        dor__bytes_drop_front(&h.output, h.output.len);
        cr_assert(dor__ok(hand_read(&h)));
    }
    hand_collect(&h); /* Finished, and data right behind it in the same bytes */
    hand_seal(&h, "drip", 4);
    for (size_t i = 0; i < h.output.len; i++)
        hand_write(&h, h.output.ptr + i, 1);
    dor__bytes_drop_front(&h.output, h.output.len);
    OK(await_reply(ref, NULL, NULL));
    expect_recv(s, 4, "drip");
    hand_free(&h);
    end(&w);
}

static void expect_failure(world *w, const char *bytes, size_t len, int code)
{
    dor_socket s;
    dor_ref ref;
    dor_buffer *data;
    int fd = raw_connect(w->port);
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &ref));
    cr_assert_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    if (!len) shutdown(fd, SHUT_WR);
    int got = await_reply(ref, NULL, NULL);
    cr_assert_eq(dor_error_get_class(got), dor_error_get_class(code), "%d", got);
    cr_assert_eq(dor_error_get_alert(got), dor_error_get_alert(code), "alert %d", dor_error_get_alert(got));
    FAILS(dor_ssl_recv(s, 0, 10, &data), DOR_E_CLOSED);
    if (len) {
        uint8_t answer[64];
        ssize_t n = recv(fd, answer, sizeof answer,
                         MSG_WAITALL); /* to the end: an alert, and FIN rather than a reset */
        cr_assert_eq(n, 7, "%zd bytes", n);
        cr_assert_eq(answer[0], 21);
        cr_assert_eq(answer[6], dor_error_get_alert(code));
    }
    close(fd);
}

Test(accept, garbage_gets_an_alert)
{
    world w;
    char junk[3000];
    begin(&w, 1);
    listen_in(&w);
    memset(junk, 0xff, sizeof junk);
    int unexpected =
        DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE);
    expect_failure(&w, junk, sizeof junk, unexpected);
    static const char http[] = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
    expect_failure(&w, http, sizeof http - 1, unexpected);
    static const char hello[] = "\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00";
    expect_failure(&w, hello, sizeof hello - 1,
                   DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_DECODE_ERROR, 0));
    expect_failure(&w, "", 0, DOR_E_CLOSED);
    WAIT_FOR(statistics(&w).connections == 0);
    cr_assert_eq(statistics(&w).handshakes_failed, 4);
    end(&w);
}

Test(accept, a_client_that_rejects_the_certificate_tells_both_ends)
{
    world w;
    dor_socket s;
    dor_ref ref;
    begin(&w, 2);
    dor_rng *rng;
    dor_bytes cert = DOR_BYTES_EMPTY,
              key = DOR_BYTES_EMPTY; /* of an authority that has nothing to do with it */
    cr_assert(dor__ok(dor__rng_new_system(&rng)));
    cr_assert(dor__ok(dor__devcert_make(rng, "other.example", (int64_t)time(NULL), &cert, &key)));
    OK(dor_options_unset(w.client, "verify"));
    OK(dor_options_set_bytes(w.client, "cacerts", cert.ptr, cert.len));
    dor__bytes_free(&cert);
    dor__bytes_free(&key);
    dor__rng_free(rng);
    listen_in(&w);
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    int server = dor_ssl_accept(s, NULL, PATIENCE_MS), client = await_reply(ref, NULL, NULL);
    cr_assert_eq(dor_error_get_class(client), DOR_CLASS_ALERT_SENT, "%d", client);
    cr_assert_eq(dor_error_get_class(server), DOR_CLASS_ALERT_RECEIVED, "%d", server);
    cr_assert_eq(dor_error_get_alert(client), dor_error_get_alert(server));
    end(&w);
}

/* An alert is a line on standard error; when nobody reads that, lines are lost and nothing waits. */
Test(accept, alerts_are_logged_without_waiting)
{
    world w;
    int ends[2], before = dup(STDERR_FILENO);
    char line[400] = "", full[4096] = {0};
    begin(&w, 1);
    OK(dor_options_set_bool(w.server, "log_alert", 1));
    listen_in(&w);
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    expect_failure(
        &w, "no TLS at all", 13,
        DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE));
    ssize_t len = read(ends[0], line, sizeof line - 1);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], full, sizeof full) > 0) {
    }
    fcntl(ends[1], F_SETFL, 0);
    expect_failure(
        &w, "no TLS at all", 13,
        DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE));
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[0]);
    close(ends[1]);
    cr_assert_gt(len, 0);
    cr_assert_not_null(strstr(line, "dormouse: server, 127.0.0.1:"), "%s", line);
    cr_assert_not_null(strstr(line, "unexpected message"), "%s", line);
    end(&w);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

Test(accept, max_connections_refuses_and_counts)
{
    world w;
    pair p[3];
    dor_socket s;
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "max_connections", 3));
    listen_in(&w);
    for (int i = 0; i < 3; i++)
        p[i] = connect_pair(&w);
    dor_ref ref;
    OK(dor_ssl_transport_accept_async(w.listener, DOR_INFINITY, &ref));
    int refused = dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s);
    cr_assert(refused == DOR_E_CLOSED || dor_error_get_errno(refused) == ECONNRESET, "%d", refused);
    cr_assert_eq(statistics(&w).refused, 1);
    OK(dor_ssl_close(p[0].server)); /* makes room */
    OK(dor_ssl_close(p[0].client));
    WAIT_FOR(statistics(&w).connections == 4);
    dor_ref client;
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &client));
    OK(await_reply(ref, &s, NULL));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    OK(await_reply(client, NULL, NULL));
    end(&w);
}

/* ---- serve ------------------------------------------------------------------------------------------------------ */

typedef struct served {
    atomic_int opened, closed, failures, last_failure;
    char peer[64];
} served;

typedef struct echo_state {
    served *all;
    dor_socket socket;
} echo_state;

static void *echo_open(dor_socket socket, void *arg)
{
    echo_state *e = malloc(sizeof *e);
    *e = (echo_state){arg, socket};
    atomic_fetch_add(&e->all->opened, 1);
    return e;
}

static void echo_receive(void *state, dor_socket socket, dor_message *m)
{
    echo_state *e = state;
    if (m->type == DOR_MSG_SSL && socket == e->socket) {
        dor_ssl_event *event = dor_message_payload(m);
        if (memcmp(dor_buffer_data(event->data), "close", dor_buffer_len(event->data) < 5 ? 1 : 5) == 0)
            (void)dor_ssl_close(socket);
        else
            (void)dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL);
    }
    dor_message_free(m);
}

static void echo_close(void *state)
{
    echo_state *e = state;
    atomic_fetch_add(&e->all->closed, 1);
    free(e);
}

static void echo_failed(const char *peer, int reason, void *arg)
{
    served *all = arg;
    snprintf(all->peer, sizeof all->peer, "%s", peer);
    atomic_store(&all->last_failure, reason);
    atomic_fetch_add(&all->failures, 1);
}

static void serve_in(world *w, served *all)
{
    dor_address address;
    dor_server_spec spec = {
        .open = echo_open, .receive = echo_receive, .close = echo_close, .failed = echo_failed, .arg = all};
    OK(dor_ssl_serve(w->runtime, 0, w->server, &spec, &w->listener));
    OK(dor_ssl_sockname(w->listener, &address));
    w->port = address.port;
}

Test(serve, owners_come_and_go_with_their_connections)
{
    world w;
    served all = {0};
    dor_socket s[20];
    begin(&w, 2);
    OK(dor_options_unset(w.server, "active"));
    serve_in(&w, &all);
    for (int i = 0; i < 20; i++) {
        OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s[i]));
        send_text(s[i], "echo this");
        expect_recv(s[i], 9, "echo this");
    }
    cr_assert_eq(atomic_load(&all.opened), 20);
    cr_assert_eq(atomic_load(&all.closed), 0);
    for (int i = 0; i < 20; i += 2)
        OK(dor_ssl_close(s[i]));
    for (int i = 1; i < 20; i += 2) {
        dor_buffer *data;
        send_text(s[i], "close"); /* the owner closes: it ends, too, though no event tells it */
        FAILS(dor_ssl_recv(s[i], 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    }
    WAIT_FOR(atomic_load(&all.closed) == 20);
    WAIT_FOR(statistics(&w).connections == 0);
    FAILS(dor_ssl_transport_accept(w.listener, 10, &s[0]), DOR_E_EINVAL);
    end(&w);
}

Test(serve, stopping_ends_the_owners)
{
    world w;
    served all = {0};
    dor_socket s;
    begin(&w, 2);
    OK(dor_options_unset(w.server, "active"));
    serve_in(&w, &all);
    for (int i = 0; i < 5; i++) {
        OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s));
        send_text(s, "echo this");
        expect_recv(s, 9, "echo this");
    }
    end(&w);
    cr_assert_eq(atomic_load(&all.closed), 5);
}

Test(serve, failed_handshakes_are_reported)
{
    world w;
    served all = {0};
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "handshake_timeout", 80));
    serve_in(&w, &all);
    int fd = raw_connect(w.port), silent;
    cr_assert_eq(send(fd, "no TLS here", 11, MSG_NOSIGNAL), 11);
    WAIT_FOR(atomic_load(&all.failures) == 1);
    cr_assert_eq(dor_error_get_class(atomic_load(&all.last_failure)), DOR_CLASS_ALERT_SENT);
    cr_assert_eq(strncmp(all.peer, "127.0.0.1:", 10), 0, "%s", all.peer);
    silent = raw_connect(w.port);
    WAIT_FOR(atomic_load(&all.failures) == 2);
    cr_assert_eq(atomic_load(&all.last_failure), DOR_E_TIMEOUT);
    cr_assert_eq(atomic_load(&all.opened), 0);
    close(fd);
    close(silent);
    end(&w);
}

static void *quick_open(dor_socket socket, void *arg)
{
    (void)arg;
    (void)dor_ssl_set_active(socket, DOR_ACTIVE_ONCE);
    (void)dor_ssl_send_async(socket, dor_buffer_new("greetings", 9), NULL);
    return NULL;
}

static void counts_events(void *state, dor_socket socket, dor_message *m)
{
    (void)state;
    if (m->type == DOR_MSG_SSL) (void)dor_ssl_send_async(socket, dor_buffer_new("once", 4), NULL);
    dor_message_free(m);
}

Test(serve, open_may_greet_and_choose_its_mode)
{
    world w;
    dor_address address;
    dor_socket s;
    dor_buffer *data;
    dor_server_spec spec = {.open = quick_open, .receive = counts_events};
    begin(&w, 2);
    OK(dor_options_unset(w.server, "active"));
    OK(dor_ssl_serve(w.runtime, 0, w.server, &spec, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    OK(dor_ssl_connect(w.runtime, test_host(), address.port, w.client, PATIENCE_MS, &s));
    expect_recv(s, 9, "greetings");
    send_text(s, "a");
    expect_recv(s, 4, "once");
    send_text(s, "b");
    FAILS(dor_ssl_recv(s, 0, 60, &data), DOR_E_TIMEOUT);
    end(&w);
}

Test(serve, what_is_in_the_backlog_is_served_when_the_listener_stops)
{
    world w;
    served all = {0};
    begin(&w, 2);
    OK(dor_options_unset(w.server, "active"));
    serve_in(&w, &all);
    hand h[10];
    for (int i = 0; i < 10; i++)
        hand_init(&h[i], w.port);
    OK(dor_ssl_close(w.listener));
    for (int i = 0; i < 10; i++) {
        hand_shake(&h[i]);
        cr_assert(h[i].connected);
        hand_free(&h[i]);
    }
    end(&w);
}

/* Descriptors run out: what cannot be served is refused and counted, what is open goes on, and then all is well again. */
Test(serve, out_of_descriptors)
{
    world w;
    served all = {0};
    struct rlimit before, few;
    enum { COUNT = 8, LEFT = 4, MANY = 256 };
    dor_socket s, more;
    if (scaled(1000) < 100) return; /* valgrind has descriptors, and limits, of its own */
    begin(&w, 1);
    OK(dor_options_unset(w.server, "active"));
    serve_in(&w, &all);
    OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &s));
    int fds[COUNT], filling[MANY], filled = 0;
    for (int i = 0; i < COUNT; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = MANY;
    setrlimit(RLIMIT_NOFILE, &few);
    while (filled < MANY && (filling[filled] = open("/dev/null", O_RDONLY)) >= 0)
        filled++;
    cr_assert_gt(filled, LEFT);
    for (int i = 0; i < LEFT; i++)
        close(filling[--filled]);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(w.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
    WAIT_FOR(statistics(&w).refused == COUNT - LEFT);
    dor_listener_statistics of;
    WAIT_FOR(dor_ssl_get_listener_statistics(w.listener, &of) == DOR_OK && of.backed_off > 0);
    cr_assert_eq(of.refused_descriptors, COUNT - LEFT);
    cr_assert(of.refused_limit == 0 && of.refused_memory == 0);
    send_text(s, "I go on");
    expect_recv(s, 7, "I go on");
    while (filled > 0)
        close(filling[--filled]);
    setrlimit(RLIMIT_NOFILE, &before);
    OK(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &more));
    send_text(more, "and so do others");
    expect_recv(more, 16, "and so do others");
    cr_assert_eq(statistics(&w).accepted, 2 + COUNT);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    end(&w);
}
