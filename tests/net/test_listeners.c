/*
 * What limits a listener, and its figures: suspended and resumed, handshakes, rate, acceptors, families of addresses.
 */
#include "net_support.h"
#include "hand_peer.h"

#include <errno.h>
#include <fcntl.h>

static dor_listener_statistics figures(const world *w)
{
    dor_listener_statistics s;
    OK(dor_ssl_get_listener_statistics(w->listener, &s));
    return s;
}

static void *greet(dor_socket socket, void *arg)
{
    if (arg) atomic_fetch_add((atomic_int *)arg, 1);
    (void)dor_ssl_send_async(socket, dor_buffer_new("hello", 5), NULL);
    return NULL;
}

static void drop(void *state, dor_socket socket, dor_message *m)
{
    (void)state, (void)socket;
    dor_message_free(m);
}

/* Owners that greet, and are counted. */
static void serve_in(world *w, atomic_int *opened)
{
    dor_address address;
    dor_server_spec spec = {.open = greet, .receive = drop, .arg = opened};
    OK(dor_options_unset(w->server, "active"));
    OK(dor_ssl_serve(w->runtime, 0, w->server, &spec, &w->listener));
    OK(dor_ssl_sockname(w->listener, &address));
    w->port = address.port;
}

static dor_socket greeted(world *w)
{
    dor_socket s;
    OK(dor_ssl_connect(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &s));
    expect_recv(s, 5, "hello");
    return s;
}

/* ---- suspending -------------------------------------------------------------------------------------------------- */

Test(listeners, a_suspended_one_lets_clients_wait)
{
    world w;
    enum { COUNT = 10 };
    dor_ref refs[COUNT];
    dor_socket s;
    begin(&w, 2);
    serve_in(&w, NULL);
    dor_socket before = greeted(&w);
    OK(dor_ssl_suspend(w.listener));
    OK(dor_ssl_suspend(w.listener)); /* twice is fine */
    cr_assert(figures(&w).suspended);
    cr_assert_eq(figures(&w).accepted, 1);
    for (int i = 0; i < COUNT; i++)
        OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &refs[i]));
    WAIT_FOR(figures(&w).backlog == COUNT);
    cr_assert_geq(figures(&w).backlog_max, COUNT);
    uv_sleep(20);
    cr_assert_eq(figures(&w).accepted, 1);
    send_text(before, "open ones go on");
    OK(dor_ssl_resume(w.listener));
    for (int i = 0; i < COUNT; i++) {
        OK(await_reply(refs[i], &s, NULL));
        expect_recv(s, 5, "hello");
    }
    dor_listener_statistics f = figures(&w);
    cr_assert_eq(f.accepted, COUNT + 1);
    cr_assert_eq(f.handshakes_done, COUNT + 1);
    cr_assert_eq(f.handshakes, 0);
    cr_assert_eq(f.backlog, 0);
    cr_assert(!f.suspended);
    OK(dor_ssl_resume(w.listener));
    end(&w);
}

/* transport_accept waits too, and its time goes on. */
Test(listeners, callers_of_a_suspended_one_wait)
{
    world w;
    dor_socket s;
    dor_ref ref;
    begin(&w, 2);
    listen_in(&w);
    OK(dor_ssl_suspend(w.listener));
    int fd = raw_connect(w.port);
    FAILS(dor_ssl_transport_accept(w.listener, 50, &s), DOR_E_TIMEOUT);
    OK(dor_ssl_transport_accept_async(w.listener, DOR_INFINITY, &ref));
    cr_assert_eq(figures(&w).accepted, 0);
    OK(dor_ssl_resume(w.listener));
    OK(await_reply(ref, &s, NULL));
    close(fd);
    end(&w);
}

Test(listeners, a_suspended_one_can_be_stopped)
{
    world w;
    atomic_int opened = 0;
    begin(&w, 2);
    serve_in(&w, &opened);
    OK(dor_ssl_suspend(w.listener));
    hand h;
    hand_init(&h, w.port);
    OK(dor_ssl_stop_listening(w.listener)); /* what is in the backlog is served, as ever */
    hand_shake(&h);
    cr_assert(h.connected);
    hand_free(&h);
    FAILS(dor_ssl_resume(w.listener), DOR_E_CLOSED);
    FAILS(dor_ssl_suspend(w.listener), DOR_E_CLOSED);
    WAIT_FOR(atomic_load(&opened) == 1);
    end(&w);
}

Test(listeners, only_listeners_can_be_suspended)
{
    world w;
    dor_listener_statistics f;
    char *text;
    uint32_t closed;
    pair p = begin_pair(&w, 1);
    FAILS(dor_ssl_suspend(p.client), DOR_E_EINVAL);
    FAILS(dor_ssl_resume(p.server), DOR_E_EINVAL);
    FAILS(dor_ssl_drain(p.server, 10, &closed), DOR_E_EINVAL);
    FAILS(dor_ssl_get_listener_statistics(p.server, &f), DOR_E_EINVAL);
    FAILS(dor_ssl_get_listener_statistics(w.listener, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_get_listener_json(p.server, &text), DOR_E_EINVAL);
    FAILS(dor_ssl_get_listener_json(w.listener, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_suspend(DOR_SOCKET_NONE), DOR_E_CLOSED);
    FAILS(dor_ssl_drain(DOR_SOCKET_NONE, 10, NULL), DOR_E_CLOSED);
    end(&w);
}

/* Suspended and resumed by a thread while connections rain in: none is lost, and none comes while it is suspended. */
typedef struct storm {
    world w;
    atomic_int done;
    atomic_bool stop;
} storm;

static void connect_often(void *arg)
{
    storm *st = arg;
    dor_socket s;
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "verify", "verify_none"));
    OK(dor_options_set_text(o, "active", "false"));
    while (!atomic_load(&st->stop)) {
        OK(dor_ssl_connect(st->w.runtime, "127.0.0.1", st->w.port, o, PATIENCE_MS, &s));
        expect_recv(s, 5, "hello");
        OK(dor_ssl_close(s));
        atomic_fetch_add(&st->done, 1);
    }
    dor_options_free(o);
    (void)dor_process_detach();
}

Test(listeners, suspended_and_resumed_in_a_storm)
{
    enum { THREADS = 3 };
    static storm st;
    uv_thread_t threads[THREADS];
    begin(&st.w, 2);
    serve_in(&st.w, NULL);
    for (int i = 0; i < THREADS; i++)
        uv_thread_create(&threads[i], connect_often, &st);
    for (unsigned i = 0; i < scaled(200); i++) {
        OK(dor_ssl_suspend(st.w.listener));
        uint64_t accepted = figures(&st.w).accepted;
        if (i % 4 == 0) uv_sleep(1);
        cr_assert_eq(figures(&st.w).accepted, accepted);
        OK(dor_ssl_resume(st.w.listener));
    }
    int before = atomic_load(&st.done);
    WAIT_FOR(atomic_load(&st.done) > before + THREADS);
    atomic_store(&st.stop, true);
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    WAIT_FOR(figures(&st.w).open == 0);
    cr_assert_eq(figures(&st.w).handshakes, 0);
    cr_assert_eq(figures(&st.w).handshakes_done, (uint64_t)atomic_load(&st.done));
    end(&st.w);
}

/* ---- handshakes -------------------------------------------------------------------------------------------------- */

/* ranch#44, otp#3287: who says nothing occupies no acceptor, and only so many places. */
Test(listeners, max_handshakes_leaves_the_rest_in_the_backlog)
{
    world w;
    enum { SILENT = 6, MOST = 4 };
    int fds[SILENT];
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "max_handshakes", MOST));
    serve_in(&w, NULL);
    for (int i = 0; i < SILENT; i++)
        fds[i] = raw_connect(w.port);
    WAIT_FOR(figures(&w).handshakes == MOST && figures(&w).backlog == SILENT - MOST);
    uv_sleep(20);
    cr_assert_eq(figures(&w).accepted, MOST);
    cr_assert_geq(figures(&w).handshake_waits, 1);
    for (int i = 0; i < SILENT; i++)
        close(fds[i]); /* an end makes room, too */
    (void)greeted(&w);
    WAIT_FOR(figures(&w).handshakes == 0);
    dor_listener_statistics f = figures(&w);
    cr_assert_eq(f.accepted, SILENT + 1);
    cr_assert_eq(f.handshakes_failed, SILENT);
    cr_assert_eq(f.handshakes_done, 1);
    end(&w);
}

Test(listeners, slow_handshakes_make_room_when_their_time_is_over)
{
    world w;
    enum { SILENT = 3 };
    int fds[SILENT];
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "max_handshakes", 1));
    OK(dor_options_set_int(w.server, "handshake_timeout", 40));
    serve_in(&w, NULL);
    for (int i = 0; i < SILENT; i++)
        fds[i] = raw_connect(w.port);
    WAIT_FOR(figures(&w).handshakes_timed_out == SILENT);
    cr_assert_eq(figures(&w).handshakes_failed, 0);
    for (int i = 0; i < SILENT; i++)
        close(fds[i]);
    end(&w);
}

/* One that is accepted and whose handshake nobody asked for counts as one that shakes hands. */
Test(listeners, max_handshakes_with_transport_accept)
{
    world w;
    dor_socket first, second;
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "max_handshakes", 1));
    listen_in(&w);
    int a = raw_connect(w.port), b = raw_connect(w.port);
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &first));
    FAILS(dor_ssl_transport_accept(w.listener, 50, &second), DOR_E_TIMEOUT);
    OK(dor_ssl_close(first));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &second));
    close(a);
    close(b);
    end(&w);
}

/* ---- the rate ---------------------------------------------------------------------------------------------------- */

Test(listeners, accept_rate_spreads_connections)
{
    world w;
    enum { BURST = 3, MORE = 6, RATE = 20 };
    int fds[BURST + MORE];
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "accept_rate", RATE));
    OK(dor_options_set_int(w.server, "accept_burst", BURST));
    serve_in(&w, NULL);
    uint64_t start = now_ms();
    for (int i = 0; i < BURST + MORE; i++)
        fds[i] = raw_connect(w.port);
    WAIT_FOR(figures(&w).accepted == BURST + MORE);
    cr_assert_geq(now_ms() - start,
                  (uint64_t)(MORE - 1) * 1000 / RATE); /* never sooner; later is not excluded */
    cr_assert_geq(figures(&w).rate_waits, 1);
    for (int i = 0; i < BURST + MORE; i++)
        close(fds[i]);
    end(&w);
}

/* A token that no connection came for goes back. (Who has taken the last one waits for the next, so that stays here.) */
Test(listeners, tokens_are_not_lost)
{
    world w;
    enum { BURST = 4 };
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "accept_rate", 1));
    OK(dor_options_set_int(w.server, "accept_burst", BURST));
    serve_in(&w, NULL);
    for (int i = 0; i < 20; i++) {
        OK(dor_ssl_suspend(w.listener));
        OK(dor_ssl_resume(w.listener)); /* each makes every shard ask, and find nobody */
    }
    for (int i = 0; i < BURST - 1; i++)
        (void)greeted(&w);
    cr_assert_eq(figures(&w).rate_waits, 0);
    end(&w);
}

/* The rate of a listener can be changed while it runs. */
Test(listeners, limits_may_change)
{
    world w;
    dor_ref ref;
    begin(&w, 1);
    dor_options *o = dor_options_new();
    OK(dor_options_set_int(w.server, "accept_rate", 1));
    OK(dor_options_set_int(w.server, "accept_burst", 1));
    listen_in(&w);
    OK(dor_options_set_int(o, "accept_rate", 0));
    OK(dor_options_set_int(o, "max_handshakes", 7));
    OK(dor_ssl_setopts(w.listener, o));
    dor_options_free(o);
    for (int i = 0; i < 5; i++) {
        dor_socket s;
        int fd = raw_connect(w.port);
        OK(dor_ssl_transport_accept_async(w.listener, PATIENCE_MS, &ref));
        OK(await_reply(ref, &s, NULL));
        close(fd);
        OK(dor_ssl_close(s));
    }
    cr_assert_eq(figures(&w).rate_waits, 0);
    end(&w);
}

/* ---- acceptors --------------------------------------------------------------------------------------------------- */

Test(listeners, as_many_acceptors_as_asked_for)
{
    world w;
    begin(&w, 3);
    OK(dor_options_set_int(w.server, "acceptors", 2));
    OK(dor_options_set_int(w.server, "accept_budget", 1));
    serve_in(&w, NULL);
    WAIT_FOR(figures(&w).acceptors == 2);
    for (int i = 0; i < 10; i++)
        (void)greeted(&w);
    cr_assert_eq(figures(&w).open, 10);
    OK(dor_options_set_int(w.server, "acceptors", 64)); /* more than there are schedulers */
    OK(dor_ssl_close(w.listener));
    serve_in(&w, NULL);
    WAIT_FOR(figures(&w).acceptors == 3);
    (void)greeted(&w);
    end(&w);
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

Test(listeners, refusals_are_counted_by_reason)
{
    world w;
    dor_socket s;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "max_connections", 2));
    serve_in(&w, NULL);
    (void)greeted(&w);
    (void)greeted(&w);
    int code = dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &s);
    cr_assert_neq(code, DOR_OK);
    dor_listener_statistics f = figures(&w);
    cr_assert_eq(f.refused_limit, 1);
    cr_assert_eq(f.refused_descriptors + f.refused_memory, 0);
    cr_assert_eq(f.accepted, 3);
    cr_assert_eq(f.open, 2);
    cr_assert_eq(f.handshakes, 0);
    end(&w);
}

Test(listeners, figures_as_json)
{
    world w;
    char *text = NULL, expected[80];
    begin(&w, 1);
    serve_in(&w, NULL);
    (void)greeted(&w);
    OK(dor_ssl_get_listener_json(w.listener, &text));
    snprintf(expected, sizeof expected, "{\"address\":\"127.0.0.1:%u\",\"acceptors\":1,\"open\":1,", w.port);
    cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
    cr_assert_not_null(strstr(text, ",\"handshakes_done\":1,"), "%s", text);
    cr_assert_not_null(strstr(text, ",\"suspended\":false,\"draining\":false}"), "%s", text);
    dor_free(text);
    end(&w);
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static bool has_ipv6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0) close(fd);
    return has;
}

static int try_connect(world *w, const char *host)
{
    dor_socket s;
    int code = dor_ssl_connect(w->runtime, host, w->port, w->client, PATIENCE_MS, &s);
    if (code == DOR_OK) {
        expect_recv(s, 5, "hello");
        OK(dor_ssl_close(s));
    }
    return code;
}

static int errno_of(int code)
{
    return dor_error_get_errno(code);
}

Test(listeners, every_address_is_of_both_families)
{
    world w;
    if (!has_ipv6()) cr_skip_test("there is no IPv6 here");
    begin(&w, 2);
    OK(dor_options_unset(w.server, "ip"));
    serve_in(&w, NULL);
    OK(try_connect(&w, "127.0.0.1"));
    OK(try_connect(&w, "::1"));
    OK(dor_ssl_close(w.listener));

    OK(dor_options_set_bool(w.server, "ipv6_v6only", 1)); /* IPv6 alone */
    serve_in(&w, NULL);
    OK(try_connect(&w, "::1"));
    cr_assert_eq(errno_of(try_connect(&w, "127.0.0.1")), ECONNREFUSED);
    OK(dor_ssl_close(w.listener));

    OK(dor_options_set_text(w.server, "ip", "::")); /* an address that was named is that one alone ... */
    OK(dor_options_unset(w.server, "ipv6_v6only"));
    serve_in(&w, NULL);
    OK(try_connect(&w, "::1"));
    cr_assert_eq(errno_of(try_connect(&w, "127.0.0.1")), ECONNREFUSED);
    OK(dor_ssl_close(w.listener));

    OK(dor_options_set_bool(w.server, "ipv6_v6only", 0)); /* ... unless said otherwise */
    serve_in(&w, NULL);
    OK(try_connect(&w, "::1"));
    OK(try_connect(&w, "127.0.0.1"));
    end(&w);
}

/* ---- one network interface ------------------------------------------------------------------------------------------ */

Test(listeners, of_one_interface)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "bind_to_device", "lo"));
    int code = dor_ssl_listen(w.runtime, 0, w.server, &w.listener);
    if (dor_error_get_errno(code) == EPERM) {
        end(&w);
        cr_skip_test("a listener may not bind to an interface here");
    }
    OK(code);
    dor_address address;
    OK(dor_ssl_sockname(w.listener, &address));
    w.port = address.port;
    pair p = connect_pair(&w);
    send_text(p.client, "by lo");
    expect_recv(p.server, 5, "by lo");
    dor_socket none;
    OK(dor_options_set_text(w.server, "bind_to_device", "dormouse-none"));
    cr_assert_eq(dor_error_get_errno(dor_ssl_listen(w.runtime, 0, w.server, &none)), ENODEV);
    end(&w);
}

/* ---- descriptors that listen already ----------------------------------------------------------------------------- */

static int listening_socket(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(listen(fd, 50), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

Test(listeners, by_an_inherited_descriptor)
{
    world w;
    dor_address address;
    dor_server_spec spec = {.open = greet, .receive = drop};
    begin(&w, 3);
    OK(dor_options_unset(w.server, "ip"));
    OK(dor_options_unset(w.server, "cb_info"));
    OK(dor_options_unset(w.server, "active"));
    int fd = listening_socket(&w.port), copy = dup(fd);
    hand early;
    hand_init(&early, w.port); /* who connected before is served, too */
    OK(dor_ssl_serve_fd(w.runtime, fd, w.server, &spec, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    cr_assert_eq(address.port, w.port);
    hand_shake(&early);
    cr_assert(early.connected);
    hand_free(&early);
    for (int i = 0; i < 10; i++)
        (void)greeted(&w);
    cr_assert_eq(figures(&w).backlog_max, 50); /* one queue for all */
    OK(dor_ssl_drain(w.listener, 0, NULL));
    cr_assert(!is_open(fd));

    OK(dor_options_set_text(w.server, "active",
                            "false")); /* its giver has it still, and another may go on with it */
    OK(dor_ssl_listen_fd(w.runtime, copy, w.server, &w.listener));
    pair p = connect_pair(&w);
    send_text(p.client, "and again");
    expect_recv(p.server, 9, "and again");
    end(&w);
}

Test(listeners, not_by_any_descriptor)
{
    world w;
    uint16_t port;
    dor_server_spec spec = {0};
    begin(&w, 1);
    int fd = listening_socket(&port), other = socket(AF_INET, SOCK_STREAM, 0);
    FAILS(dor_ssl_listen_fd(w.runtime, fd, w.server, &w.listener), DOR_E_OPTION_CONFLICT);
    cr_assert_not_null(strstr(dor_options_error(w.server), "option ip"), "%s", dor_options_error(w.server));
    OK(dor_options_unset(w.server, "ip"));
    OK(dor_options_unset(w.server, "cb_info"));
    FAILS(dor_ssl_listen_fd(w.runtime, other, w.server, &w.listener), DOR_E_BADARG);
    cr_assert_not_null(strstr(dor_options_error(w.server), "listens"), "%s", dor_options_error(w.server));
    FAILS(dor_ssl_listen_fd(w.runtime, -1, w.server, &w.listener), DOR_E_BADARG);
    FAILS(dor_ssl_listen_fd(w.runtime, fd, NULL, &w.listener), DOR_E_NO_OPTIONS);
    FAILS(dor_ssl_listen_fd(w.runtime, fd, w.server, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_serve_fd(w.runtime, fd, w.server, NULL, &w.listener), DOR_E_BADARG);
    cr_assert(is_open(fd) && is_open(other)); /* mistakes leave them with the caller */
    OK(dor_ssl_serve_fd(w.runtime, fd, w.server, &spec, &w.listener));
    close(other);
    end(&w);
}
