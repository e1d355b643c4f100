/*
 * Options that the system keeps, set and read back; raw ones; statistics; sends that time out.
 *
 * What was set is looked at in the kernel, through a copy of the descriptor or through getsockopt on the socket itself.
 */
#include "net_support.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/un.h>

/* ---- descriptors of our own ----------------------------------------------------------------------------------- */

static void tcp_pair(int family, int fds[2])
{
    struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (family == AF_INET)
        ((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&at)->sin6_addr = in6addr_loopback;
    int listening = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listening < 0 || bind(listening, (struct sockaddr *)&at, len) < 0) cr_skip_test("no such addresses");
    cr_assert_eq(listen(listening, 1), 0);
    cr_assert_eq(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    fds[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fds[0], (struct sockaddr *)&at, len), 0);
    fds[1] = accept(listening, NULL, NULL);
    cr_assert_geq(fds[1], 0);
    close(listening);
}

/* A pair over those, of which copies stay in fds. */
static pair over(world *w, int fds[2])
{
    pair p;
    dor_ref ref;
    int client = dup(fds[0]), server = dup(fds[1]);
    OK(dor_process_attach(w->runtime, NULL));
    OK(dor_ssl_accept_fd_async(w->runtime, server, w->server, PATIENCE_MS, &ref));
    OK(dor_ssl_connect_fd(w->runtime, client, "localhost", w->client, PATIENCE_MS, &p.client));
    OK(await_reply(ref, &p.server, NULL));
    return p;
}

static void begin_fds(world *w)
{
    begin(w, 2);
    OK(dor_options_unset(w->server, "ip"));
}

static void close_both(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static int in_kernel(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    cr_assert_eq(getsockopt(fd, level, option, &value, &len), 0, "%s", strerror(errno));
    return value;
}

static int64_t option_of(dor_socket s, const char *name)
{
    int64_t value = -1;
    dor_options *values = dor_options_new();
    OK(dor_ssl_getopts(s, &name, 1, values));
    OK(dor_options_get_int(values, name, &value));
    dor_options_free(values);
    return value;
}

static int getopts_code(dor_socket s, const char *name)
{
    dor_options *values = dor_options_new();
    int code = dor_ssl_getopts(s, &name, 1, values);
    if (code) cr_assert_neq(dor_options_error(values)[0], 0, "%s", name);
    dor_options_free(values);
    return code;
}

static int setopt_code(dor_socket s, const char *name, int64_t value, bool is_bool)
{
    dor_options *o = dor_options_new();
    OK(is_bool ? dor_options_set_bool(o, name, (int)value) : dor_options_set_int(o, name, value));
    int code = dor_ssl_setopts(s, o);
    dor_options_free(o);
    return code;
}

/* ---- options with names ------------------------------------------------------------------------------------------ */

static const struct named {
    const char *name;
    int level, option, value, other;
    bool is_bool;
} named[] = {
    {"nodelay", IPPROTO_TCP, TCP_NODELAY, 0, 1, true},
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE, 1, 0, true},
    {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, 33, 44, false},
    {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, 7, 8, false},
    {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, 5, 6, false},
    {"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 9000, 8000, false},
    {"ttl", IPPROTO_IP, IP_TTL, 9, 10, false},
    {"tos", IPPROTO_IP, IP_TOS, 0x10, 0x08, false},
    {"priority", SOL_SOCKET, SO_PRIORITY, 3, 4, false},
};
enum { NAMED = sizeof named / sizeof named[0] };

static void set_named(dor_options *o, bool other)
{
    for (size_t i = 0; i < NAMED; i++) {
        int value = other ? named[i].other : named[i].value;
        OK(named[i].is_bool ? dor_options_set_bool(o, named[i].name, value)
                            : dor_options_set_int(o, named[i].name, value));
    }
}

static void expect_named(dor_socket s, bool other)
{
    for (size_t i = 0; i < NAMED; i++) {
        int64_t value = option_of(s, named[i].name);
        cr_assert_eq(value, other ? named[i].other : named[i].value, "%s is %d", named[i].name, (int)value);
    }
}

Test(inet, options_of_listeners_reach_their_connections)
{
    world w;
    begin(&w, 2);
    set_named(w.server, false);
    set_named(w.client, true);
    listen_in(&w);
    for (int i = 0; i < 4; i++) { /* on either scheduler */
        pair p = connect_pair(&w);
        expect_named(p.server, false);
        expect_named(p.client, true);
        OK(dor_ssl_close(p.client));
    }
    expect_named(w.listener, false);
    end(&w);
}

Test(inet, setopts_on_a_listener_is_for_later_accepts)
{
    world w;
    begin(&w, 2);
    set_named(w.server, false);
    OK(dor_options_add_raw(w.server, IPPROTO_TCP, TCP_LINGER2, &(int){7}, sizeof(int)));
    listen_in(&w);
    pair before = connect_pair(&w);
    dor_options *o = dor_options_new();
    set_named(o, true);
    OK(dor_options_add_raw(o, IPPROTO_TCP, TCP_LINGER2, &(int){6}, sizeof(int)));
    OK(dor_ssl_setopts(w.listener, o));
    pair after = connect_pair(&w);
    expect_named(before.server, false);
    expect_named(after.server, true);
    expect_named(w.listener, true);
    int linger2 = 0;
    size_t len = sizeof linger2;
    OK(dor_ssl_getopt_raw(after.server, IPPROTO_TCP, TCP_LINGER2, &linger2, &len));
    cr_assert_eq(linger2, 6);
    dor_options_free(o);
    end(&w);
}

Test(inet, options_given_with_accept)
{
    world w;
    dor_ref ref;
    dor_socket server;
    begin(&w, 1);
    listen_in(&w);
    dor_options *o = dor_options_new();
    set_named(o, true);
    OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, o, PATIENCE_MS));
    OK(await_reply(ref, NULL, NULL));
    expect_named(server, true);
    dor_options_free(o);
    end(&w);
}

Test(inet, setopts_on_an_open_connection_changes_the_descriptor)
{
    world w;
    int fds[2];
    begin_fds(&w);
    tcp_pair(AF_INET, fds);
    pair p = over(&w, fds);
    for (int turn = 0; turn < 2; turn++) {
        dor_options *o = dor_options_new();
        set_named(o, turn == 1);
        OK(dor_ssl_setopts(p.client, o));
        for (size_t i = 0; i < NAMED; i++)
            cr_assert_eq(in_kernel(fds[0], named[i].level, named[i].option),
                         turn ? named[i].other : named[i].value, "%s", named[i].name);
        expect_named(p.client, turn == 1);
        dor_options_free(o);
    }
    cr_assert_eq(in_kernel(fds[1], IPPROTO_TCP, TCP_NODELAY), 1, "the other end is as it was");
    /* tos alone: the kernel would derive a priority from it. */
    OK(setopt_code(p.client, "tos", 0x10, false));
    cr_assert_eq(in_kernel(fds[0], SOL_SOCKET, SO_PRIORITY), 4);
    close_both(fds);
    end(&w);
}

Test(inet, sizes_of_the_systems_buffers)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "sndbuf", 20000));
    OK(dor_options_set_int(w.server, "recbuf", 30000));
    listen_in(&w);
    pair p = connect_pair(&w);
    cr_assert_eq(option_of(p.server, "sndbuf"), 40000, "Linux doubles what it is asked for");
    cr_assert_eq(option_of(p.server, "recbuf"), 60000);
    cr_assert_eq(option_of(w.listener, "recbuf"), 30000);
    OK(setopt_code(p.client, "sndbuf", 10000, false));
    cr_assert_eq(option_of(p.client, "sndbuf"), 20000);
    OK(setopt_code(p.client, "sndbuf", 0, false));
    cr_assert_eq(option_of(p.client, "sndbuf"), 20000);
    end(&w);
}

Test(inet, options_of_ipv6)
{
    world w;
    int fds[2];
    begin_fds(&w);
    OK(dor_options_set_int(w.client, "tclass", 0x20));
    OK(dor_options_set_int(w.client, "ttl", 12));
    tcp_pair(AF_INET6, fds);
    pair p = over(&w, fds);
    cr_assert_eq(in_kernel(fds[0], IPPROTO_IPV6, IPV6_TCLASS), 0x20);
    cr_assert_eq(in_kernel(fds[0], IPPROTO_IPV6, IPV6_UNICAST_HOPS), 12);
    cr_assert_eq(option_of(p.client, "tclass"), 0x20);
    OK(setopt_code(p.client, "tclass", 0x40, false));
    OK(setopt_code(p.client, "ttl", 13, false));
    cr_assert_eq(option_of(p.client, "tclass"), 0x40);
    cr_assert_eq(option_of(p.client, "ttl"), 13);
    close_both(fds);
    end(&w);
}

/* What one set of options says of other kinds of sockets is passed over; asked for by itself it is refused. */
Test(inet, options_of_other_kinds_of_sockets)
{
    world w;
    int fds[2];
    dor_socket_statistics s;
    begin_fds(&w);
    OK(dor_options_set_int(w.client, "tclass", 0x20));
    tcp_pair(AF_INET, fds);
    pair p = over(&w, fds);
    FAILS(setopt_code(p.client, "tclass", 0x20, false), DOR_E_NOT_SUPPORTED);
    FAILS(getopts_code(p.client, "tclass"), DOR_E_NOT_SUPPORTED);
    close_both(fds);

    set_named(w.client, false);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    p = over(&w, fds);
    cr_assert_eq(in_kernel(fds[0], SOL_SOCKET, SO_PRIORITY), 3);
    FAILS(setopt_code(p.client, "nodelay", 1, true), DOR_E_NOT_SUPPORTED);
    FAILS(setopt_code(p.client, "ttl", 3, false), DOR_E_NOT_SUPPORTED);
    FAILS(getopts_code(p.client, "keepidle"), DOR_E_NOT_SUPPORTED);
    FAILS(dor_ssl_getstat(p.client, &s), DOR_E_NOT_SUPPORTED);
    OK(setopt_code(p.client, "sndbuf", 30000, false));
    cr_assert_eq(option_of(p.client, "sndbuf"), 60000);
    close_both(fds);
    end(&w);
}

static int set_as_listening(world *w, const char *name, int64_t value)
{
    dor_socket listener;
    OK(dor_options_set_int(w->server, name, value));
    int code = dor_ssl_listen(w->runtime, 0, w->server, &listener);
    OK(dor_options_unset(w->server, name));
    return code;
}

/* Asked for, and not to be had: an error, not a silent difference. Only the privileged may take a priority over 6. */
Test(inet, a_refusal_is_an_error)
{
    world w;
    dor_ref ref;
    dor_socket server, client;
    begin(&w, 1);
    listen_in(&w);
    pair p = connect_pair(&w);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int may = setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &(int){77}, sizeof(int));
    close(fd);
    if (may == 0) { /* then by one that nobody may */
        dor_options *o = dor_options_new();
        OK(dor_options_add_raw(o, SOL_SOCKET, 9999, &(int){1}, sizeof(int)));
        cr_assert_eq(dor_error_get_errno(dor_ssl_setopts(p.client, o)), ENOPROTOOPT);
        OK(dor_options_add_raw(w.client, SOL_SOCKET, 9999, &(int){1}, sizeof(int)));
        cr_assert_eq(dor_error_get_errno(
                         dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &client)),
                     ENOPROTOOPT);
        OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, NULL, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
        cr_assert_eq(dor_error_get_errno(dor_ssl_accept(server, o, PATIENCE_MS)), ENOPROTOOPT);
        cr_assert_neq(await_reply(ref, NULL, NULL), DOR_OK);
        dor_options_free(o);
    } else {
        cr_assert_eq(dor_error_get_errno(setopt_code(p.client, "priority", 77, false)), EPERM);
        cr_assert_eq(dor_error_get_errno(set_as_listening(&w, "priority", 77)), EPERM);
        OK(dor_options_set_int(w.client, "priority", 77));
        cr_assert_eq(dor_error_get_errno(
                         dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &client)),
                     EPERM);
    }
    send_text(p.client, "goes on");
    expect_recv(p.server, 0, "goes on");
    end(&w);
}

Test(inet, several_at_once_and_in_any_order)
{
    world w;
    int64_t n;
    char text[16];
    static const char *const names[] = {"keepidle", "active", "linger", "tos", "keepidle", "send_timeout"};
    static const char *const bad[] = {"keepidle", "nonsense"};
    begin(&w, 1);
    listen_in(&w);
    pair p = connect_pair(&w);
    dor_options *o = dor_options_new(), *values = dor_options_new();
    OK(dor_options_set_int(o, "keepidle", 50));
    OK(dor_options_set_int(o, "linger", 77));
    OK(dor_options_set_text(o, "active", "once"));
    OK(dor_ssl_setopts(p.server, o));
    OK(dor_ssl_getopts(p.server, names, 6, values));
    OK(dor_options_get_int(values, "keepidle", &n));
    cr_assert_eq(n, 50);
    OK(dor_options_get_int(values, "linger", &n));
    cr_assert_eq(n, 77);
    OK(dor_options_get_text(values, "active", text, sizeof text));
    cr_assert_str_eq(text, "once");
    OK(dor_options_get_text(values, "send_timeout", text, sizeof text));
    cr_assert_str_eq(text, "infinity");
    FAILS(dor_ssl_getopts(p.server, bad, 2, values), DOR_E_OPTION_UNKNOWN);
    FAILS(dor_ssl_getopts(p.server, &(const char *){NULL}, 1, values), DOR_E_BADARG);
    FAILS(getopts_code(w.listener, "keepidle"), DOR_E_NOT_SUPPORTED);
    FAILS(setopt_code(p.server, "low_watermark", 1 << 20, false), DOR_E_OPTION_CONFLICT);
    /* One that is refused, and nothing of the rest. */
    OK(dor_options_set_int(o, "depth", 3));
    OK(dor_options_set_int(o, "linger", 99));
    FAILS(dor_ssl_setopts(p.server, o), DOR_E_OPTION_CONFLICT);
    cr_assert_eq(option_of(p.server, "linger"), 77);
    cr_assert_eq(option_of(p.client, "linger"), 5000, "the other's settings are its own");
    dor_options_free(o);
    dor_options_free(values);
    end(&w);
}

Test(inet, options_without_use_say_why)
{
    dor_options *o = dor_options_new();
    FAILS(dor_options_set_text(o, "deliver", "term"), DOR_E_NOT_SUPPORTED);
    cr_assert_not_null(strstr(dor_options_error(o), "option deliver has no use here: "));
    FAILS(dor_options_set_bool(o, "delay_send", 1), DOR_E_NOT_SUPPORTED);
    FAILS(dor_options_set_bool(o, "show_econnreset", 1), DOR_E_NOT_SUPPORTED);
    dor_options_free(o);
}

Test(inet, over_a_module_without_them)
{
    world w;
    int value;
    size_t len = sizeof value;
    dor_socket_statistics s;
    char *text;
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "cb_info", "memory"));
    OK(dor_options_set_text(w.client, "cb_info", "memory"));
    set_named(w.client, false); /* passed over */
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(setopt_code(p.client, "keepidle", 3, false), DOR_E_NOT_SUPPORTED);
    FAILS(getopts_code(p.client, "keepidle"), DOR_E_NOT_SUPPORTED);
    FAILS(dor_ssl_getopt_raw(p.client, IPPROTO_TCP, TCP_NODELAY, &value, &len), DOR_E_NOT_SUPPORTED);
    FAILS(dor_ssl_getstat(p.client, &s), DOR_E_NOT_SUPPORTED);
    FAILS(dor_ssl_getstat_json(p.client, &text), DOR_E_NOT_SUPPORTED);
    OK(setopt_code(p.client, "linger", 3, false));
    dor_options *o = dor_options_new();
    OK(dor_options_add_raw(o, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value));
    FAILS(dor_ssl_setopts(p.client, o), DOR_E_NOT_SUPPORTED);
    dor_options_free(o);
    end(&w);
}

/* ---- raw ----------------------------------------------------------------------------------------------------------- */

Test(inet, raw_options)
{
    world w;
    int value = 0;
    size_t len = sizeof value;
    struct linger linger = {0};
    begin(&w, 2);
    OK(dor_options_add_raw(w.client, IPPROTO_TCP, TCP_KEEPIDLE, &(int){21}, sizeof(int)));
    OK(dor_options_add_raw(w.client, IPPROTO_TCP, TCP_KEEPINTVL, &(int){22}, sizeof(int)));
    OK(dor_options_add_raw(w.server, IPPROTO_TCP, TCP_KEEPIDLE, &(int){23}, sizeof(int)));
    listen_in(&w);
    pair p = connect_pair(&w);
    cr_assert_eq(option_of(p.client, "keepidle"), 21);
    cr_assert_eq(option_of(p.client, "keepintvl"), 22, "more than one is kept");
    cr_assert_eq(option_of(p.server, "keepidle"), 23);
    OK(dor_ssl_getopt_raw(p.client, IPPROTO_TCP, TCP_KEEPINTVL, &value, &len));
    cr_assert_eq(len, sizeof value);
    cr_assert_eq(value, 22);

    dor_options *o = dor_options_new();
    OK(dor_options_add_raw(o, IPPROTO_TCP, TCP_KEEPIDLE, &(int){24}, sizeof(int)));
    OK(dor_options_add_raw(o, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
    OK(dor_ssl_setopts(p.server, o));
    cr_assert_eq(option_of(p.server, "keepidle"), 24);
    len = sizeof linger;
    OK(dor_ssl_getopt_raw(p.server, SOL_SOCKET, SO_LINGER, &linger, &len));
    cr_assert(linger.l_onoff == 1 && linger.l_linger == 0 && len == sizeof linger);
    dor_options_free(o);
    end(&w);
}

Test(inet, raw_options_used_badly)
{
    world w;
    int value;
    size_t len = sizeof value;
    uint8_t big[257] = {0};
    pair p = begin_pair(&w, 1);
    dor_options *o = dor_options_new();
    FAILS(dor_options_add_raw(NULL, 1, 1, big, 4), DOR_E_BADARG);
    FAILS(dor_options_add_raw(o, 1, 1, NULL, 4), DOR_E_BADARG);
    FAILS(dor_options_add_raw(o, 1, 1, big, 257), DOR_E_TOO_BIG);
    FAILS(dor_options_add_raw(o, SOL_SOCKET, SO_LINGER, &(struct linger){1, 5}, sizeof(struct linger)),
          DOR_E_OPTION_CONFLICT);
    cr_assert_not_null(strstr(dor_options_error(o), "linger"));
    for (int i = 0; i < 32; i++)
        OK(dor_options_add_raw(o, SOL_SOCKET, SO_KEEPALIVE, &i, sizeof i));
    FAILS(dor_options_add_raw(o, 1, 1, big, 4), DOR_E_LIMIT);
    FAILS(dor_options_set_int(o, "raw", 4), DOR_E_OPTION_TYPE);
    OK(dor_ssl_setopts(p.client, o));
    OK(dor_options_unset(o, "raw"));
    OK(dor_options_add_raw(o, SOL_SOCKET, 9999, NULL, 0));
    cr_assert_eq(dor_error_get_class(dor_ssl_setopts(p.client, o)), DOR_CLASS_IO);
    dor_options_free(o);

    FAILS(dor_ssl_getopt_raw(p.client, SOL_SOCKET, SO_KEEPALIVE, &value, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_getopt_raw(p.client, SOL_SOCKET, SO_KEEPALIVE, NULL, &len), DOR_E_BADARG);
    FAILS(dor_ssl_getopt_raw(w.listener, SOL_SOCKET, SO_KEEPALIVE, &value, &len), DOR_E_ENOTCONN);
    cr_assert_eq(dor_error_get_class(dor_ssl_getopt_raw(p.client, 9999, 9999, &value, &len)), DOR_CLASS_IO);
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_getopt_raw(p.client, SOL_SOCKET, SO_KEEPALIVE, &value, &len), DOR_E_CLOSED);
    FAILS(setopt_code(p.client, "keepidle", 3, false), DOR_E_CLOSED);
    end(&w);
}

Test(inet, raw_options_as_json)
{
    world w;
    char error[200], text[200];
    dor_options *o;
    pair p = begin_pair(&w, 1);
    snprintf(text, sizeof text,
             "{\"raw\": [{\"level\": %d, \"option\": %d, \"value\": 31}, {\"level\": %d, \"option\": %d, "
             "\"value\": \"IAAAAA==\"}]}",
             IPPROTO_TCP, TCP_KEEPIDLE, IPPROTO_TCP, TCP_KEEPINTVL);
    OK(dor_options_from_json(text, strlen(text), &o, error, sizeof error));
    OK(dor_ssl_setopts(p.client, o));
    cr_assert_eq(option_of(p.client, "keepidle"), 31);
    cr_assert_eq(option_of(p.client, "keepintvl"), 32);
    dor_options_free(o);
    end(&w);
}

/* A connection whose owner is elsewhere: what needs nothing of the socket's is passed on. */
typedef struct afar {
    dor_socket socket;
    atomic_int code, refused;
} afar;

static void sets_from_afar(void *state, dor_message *m)
{
    afar *a = state;
    dor_options *o = dor_options_new();
    (void)dor_options_set_int(o, "keepidle", 99);
    int code = dor_ssl_setopts(a->socket, o);
    (void)dor_options_set_int(o, "linger", 99);
    int second = dor_ssl_setopts(a->socket, o); /* the socket's own scheduler knows its settings */
    if (code == DOR_OK && second != DOR_OK && second != DOR_E_WOULD_DEADLOCK) code = second;
    if (second == DOR_E_WOULD_DEADLOCK) atomic_fetch_add(&a->refused, 1);
    atomic_store(&a->code, code ? code : 1);
    dor_options_free(o);
    dor_message_free(m);
}

Test(inet, setopts_from_another_scheduler)
{
    world w;
    afar a = {0};
    pair p = begin_pair(&w, 2);
    dor_pid pids[2];
    for (int i = 0; i < 2; i++) { /* one of them is not on the socket's */
        a.socket = p.client;
        atomic_store(&a.code, 0);
        dor_actor_spec spec = {.receive = sets_from_afar, .state = &a, .scheduler = DOR_ON(i)};
        OK(dor_spawn(w.runtime, &spec, &pids[i]));
        OK(dor_ssl_controlling_process(p.client, pids[i]));
        OK(dor_send(pids[i], dor_message_new(DOR_MSG_USER, 0, NULL)));
        WAIT_FOR(atomic_load(&a.code) != 0);
        cr_assert_eq(atomic_load(&a.code), 1);
        cr_assert_eq(option_of(p.client, "keepidle"), 99);
        p = connect_pair(&w);
    }
    cr_assert_leq(atomic_load(&a.refused), 2);
    end(&w);
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static dor_socket_statistics stat_of(dor_socket s)
{
    dor_socket_statistics found;
    OK(dor_ssl_getstat(s, &found));
    return found;
}

Test(inet, statistics_tell_what_was_sent)
{
    enum { LEN = 300000 };
    world w;
    dor_ref ref;
    void *bytes;
    dor_buffer *data, *big;
    char *text;
    begin(&w, 2);
    big = dor_buffer_alloc(LEN, &bytes);
    memset(bytes, 'x', LEN);
    listen_in(&w);
    pair p = connect_pair(&w);
    send_text(p.server, "quiet"); /* tickets are before it */
    expect_recv(p.client, 5, "quiet");
    dor_socket_statistics c = stat_of(p.client), s = stat_of(p.server);
    OK(dor_ssl_send_async(p.client, dor_buffer_ref(big), &ref));
    OK(dor_ssl_recv(p.server, LEN, PATIENCE_MS, &data));
    expect_data(data, bytes, LEN);
    OK(await_reply(ref, NULL, NULL));
    dor_socket_statistics c2 = stat_of(p.client), s2 = stat_of(p.server);
    uint64_t sent = c2.send_oct - c.send_oct, records = (LEN + 16383) / 16384;
    cr_assert_geq(sent, LEN + records * 22, "%d bytes became %d", LEN, (int)sent);
    cr_assert_leq(sent, LEN + records * 22 + 1000);
    cr_assert_eq(s2.recv_oct - s.recv_oct, sent, "the one's sent is the other's received");
    cr_assert_eq(c2.recv_oct, s2.send_oct);
    cr_assert_gt(c2.send_cnt, c.send_cnt);
    cr_assert_gt(s2.recv_cnt, s.recv_cnt);
    cr_assert_eq(s2.recv_avg, s2.recv_oct / s2.recv_cnt);
    cr_assert_gt(c2.send_avg, 0);
    WAIT_FOR(stat_of(p.client).send_pend == 0);
    cr_assert_gt(c2.mss, 500);
    cr_assert_gt(c2.congestion_window, 0);
    OK(dor_ssl_getstat_json(p.client, &text));
    cr_assert_eq(strncmp(text, "{\"recv_oct\":", 12), 0, "%s", text);
    cr_assert_not_null(strstr(text, ",\"send_oct\":"));
    cr_assert_eq(text[strlen(text) - 1], '}');
    dor_free(text);
    dor_buffer_unref(big);
    end(&w);
}

Test(inet, statistics_tell_what_is_pending)
{
    enum { LEN = 8 << 20 };
    world w;
    dor_ref ref;
    void *bytes;
    dor_buffer *data;
    begin(&w, 2);
    listen_in(&w);
    pair p = connect_pair(&w);
    dor_buffer *big = dor_buffer_alloc(LEN, &bytes);
    memset(bytes, 'y', LEN);
    dor_socket_statistics before = stat_of(p.client);
    OK(dor_ssl_send_async(p.client, dor_buffer_ref(big), &ref)); /* nobody receives */
    WAIT_FOR(stat_of(p.client).send_unacked > 0 && stat_of(p.client).send_queued > 0);
    dor_socket_statistics s = stat_of(p.client);
    cr_assert_eq(s.send_pend, s.send_queued + s.send_unacked);
    cr_assert_geq(s.send_oct - before.send_oct + s.send_queued, LEN);
    cr_assert_leq(s.send_oct - before.send_oct + s.send_queued, LEN + LEN / 100);
    OK(dor_ssl_recv(p.server, LEN, PATIENCE_MS, &data));
    expect_data(data, bytes, LEN);
    OK(await_reply(ref, NULL, NULL));
    WAIT_FOR(stat_of(p.client).send_pend == 0);
    dor_buffer_unref(big);
    end(&w);
}

Test(inet, statistics_used_badly)
{
    world w;
    char *text;
    dor_ref ref;
    dor_socket fresh;
    dor_socket_statistics s;
    pair p = begin_pair(&w, 1);
    FAILS(dor_ssl_getstat(p.client, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_getstat_json(p.client, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_getstat(w.listener, &s), DOR_E_ENOTCONN);
    FAILS(dor_ssl_getstat_json(w.listener, &text), DOR_E_ENOTCONN);
    OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &fresh));
    OK(dor_ssl_getstat(fresh, &s)); /* TCP is there before TLS */
    OK(dor_ssl_close(fresh));
    cr_assert_neq(await_reply(ref, NULL, NULL), DOR_OK);
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_getstat(p.client, &s), DOR_E_CLOSED);
    end(&w);
}

/* ---- sends that time out ------------------------------------------------------------------------------------------- */

enum { MORE_THAN_FITS = 16 << 20 };

static dor_buffer *much(void)
{
    void *bytes;
    dor_buffer *data = dor_buffer_alloc(MORE_THAN_FITS, &bytes);
    memset(bytes, 'z', MORE_THAN_FITS);
    return data;
}

static void receive_much(dor_socket s)
{
    dor_buffer *data;
    OK(dor_ssl_recv(s, MORE_THAN_FITS, PATIENCE_MS, &data));
    const char *bytes = dor_buffer_data(data);
    for (size_t i = 0; i < MORE_THAN_FITS; i++)
        if (bytes[i] != 'z') cr_assert_fail("byte %zu is %d", i, bytes[i]);
    dor_buffer_unref(data);
}

/* What was begun goes on, and is whole; what was not is withdrawn; and the connection lives. Regression list: otp#3420. */
static void time_out(const char *version)
{
    world w;
    dor_ref ref;
    begin(&w, 2);
    OK(dor_options_set_list(w.client, "versions", version, NULL));
    OK(dor_options_set_int(w.client, "send_timeout", 50));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_send_async(p.client, much(), &ref)); /* nobody receives */
    FAILS(await_reply(ref, NULL, NULL), DOR_E_TIMEOUT);
    for (int i = 0; i < 20; i++)
        FAILS(dor_ssl_send(p.client, "withdrawn", 9), DOR_E_TIMEOUT);
    dor_socket_statistics s = stat_of(p.client);
    cr_assert_leq(s.send_queued, MORE_THAN_FITS + 200 * 1024, "twenty that are withdrawn hold nothing");
    receive_much(p.server);
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "send_timeout", "infinity")); /* however busy this machine is */
    OK(dor_ssl_setopts(p.client, o));
    dor_options_free(o);
    send_text(p.client, "next");
    expect_recv(p.server, 0, "next");
    end(&w);
}

Test(inet, a_send_that_times_out)
{
    time_out("tlsv1.3");
    time_out("tlsv1.2");
}

Test(inet, sends_in_time_are_not_disturbed)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "send_timeout", 20000));
    OK(dor_options_set_bool(w.client, "send_timeout_close", 1));
    listen_in(&w);
    pair p = connect_pair(&w);
    for (int i = 0; i < 50; i++) {
        send_text(p.client, "in time");
        OK(dor_ssl_send_async(p.client, dor_buffer_new("", 0), NULL));
        expect_recv(p.server, 7, "in time");
    }
    OK(setopt_code(p.client, "linger", PATIENCE_MS, false));
    OK(dor_ssl_send_async(p.client, much(), NULL));
    OK(dor_ssl_close(p.client)); /* with sends that have time left */
    receive_much(p.server);
    end(&w);
}

Test(inet, a_send_that_times_out_and_closes)
{
    world w;
    dor_ref ref, other;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "send_timeout", 50));
    OK(dor_options_set_bool(w.client, "send_timeout_close", 1));
    OK(dor_options_set_text(w.client, "active", "true"));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_send_async(p.client, much(), &ref));
    int code = dor_ssl_send_async(p.client, dor_buffer_new("x", 1), NULL);
    cr_assert(code == DOR_E_BUSY || code == DOR_E_CLOSED, "%d", code); /* if it was quicker */
    FAILS(await_reply(ref, NULL, NULL), DOR_E_TIMEOUT);
    expect_event(p.client, DOR_MSG_SSL_ERROR, DOR_E_TIMEOUT);
    FAILS(dor_ssl_send(p.client, "x", 1), DOR_E_CLOSED);
    WAIT_FOR(statistics(&w).connections <= 1);

    /* The same for sends that nobody waits for, and for one that waits behind them. */
    p = connect_pair(&w);
    OK(dor_ssl_send_async(p.client, much(), NULL));
    code = dor_ssl_sendv_async(p.client, NULL, 0, &other);
    cr_assert(code == DOR_E_BUSY || code == DOR_E_CLOSED, "%d", code);
    expect_event(p.client, DOR_MSG_SSL_ERROR, DOR_E_TIMEOUT);
    end(&w);
}

/* Without the option, and then set on the open connection: sends from then on have it. */
Test(inet, send_timeout_on_an_open_connection)
{
    world w;
    dor_ref first;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "high_watermark", 1000));
    OK(dor_options_set_int(w.client, "low_watermark", 100));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_send_async(p.client, much(), &first));
    FAILS(dor_ssl_send_async(p.client, dor_buffer_new("x", 1), NULL), DOR_E_BUSY);
    OK(setopt_code(p.client, "send_timeout", 30, false));
    FAILS(dor_ssl_send(p.client, "x", 1), DOR_E_TIMEOUT);
    OK(setopt_code(p.client, "high_watermark", 100 << 20, false));
    OK(dor_ssl_send_async(p.client, dor_buffer_new("y", 1), NULL)); /* stays: nobody waits for it */
    receive_much(p.server);
    OK(await_reply(first, NULL, NULL));
    expect_recv(p.server, 0, "y");
    expect_event(p.client, DOR_MSG_SSL_WRITABLE, DOR_OK);
    end(&w);
}

/* Who was told BUSY is told when sends that were withdrawn have made room, though nobody has received anything. */
Test(inet, withdrawn_sends_make_room)
{
    enum { ONE = 16000, HIGH = 2000000, SENDS = HIGH / ONE + 400 };
    static dor_ref refs[SENDS];
    static char bytes[ONE];
    world w;
    int sent = 0, timed_out = 0, code = DOR_OK;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "send_timeout", 3000)); /* longer than it takes to fill the queue */
    OK(dor_options_set_int(w.client, "high_watermark", HIGH));
    OK(dor_options_set_int(w.client, "low_watermark", HIGH / 2));
    OK(dor_options_set_int(w.client, "sndbuf", 20000));
    OK(dor_options_set_int(w.server, "recbuf", 20000));
    OK(dor_options_set_int(w.server, "receive_high_watermark", 20000));
    OK(dor_options_set_int(w.server, "receive_low_watermark", 10000));
    listen_in(&w);
    pair p = connect_pair(&w);
    while (sent < SENDS && code == DOR_OK) {
        code = dor_ssl_send_async(p.client, dor_buffer_new(bytes, ONE), &refs[sent]);
        sent += code == DOR_OK;
    }
    FAILS(code, DOR_E_BUSY); /* and what the kernel and the server still take is far from half of it */
    expect_event(p.client, DOR_MSG_SSL_WRITABLE, DOR_OK);
    for (int i = 0; i < sent; i++)
        timed_out += await_reply(refs[i], NULL, NULL) == DOR_E_TIMEOUT;
    cr_assert_gt(timed_out, HIGH / 2 / ONE / 2);
    OK(dor_ssl_send_async(p.client, dor_buffer_new("x", 1), NULL));
    end(&w);
}

/* Every allocation of a send that has a time fails in turn: an error, never a hang or a loss. */
Test(inet, send_timeout_without_memory)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_int(w.client, "send_timeout", 10000));
    listen_in(&w);
    int good = 0;
    for (int i = 0; i < 12; i++) {
        dor_ref ref = 0;
        pair p = connect_pair(&w);
        dor_buffer *data = dor_buffer_new("memory", 6);
        atomic_store(&fail_after, i);
        int code = dor_ssl_send_async(p.client, data, &ref);
        if (code == DOR_OK) code = await_reply(ref, NULL, NULL);
        atomic_store(&fail_after, -1);
        /* Reading needs memory, too: one that gets none is closed, and the send with it. */
        cr_assert(code == DOR_OK || code == DOR_E_NOMEM || code == DOR_E_CLOSED, "%d", code);
        good += code == DOR_OK;
        OK(dor_ssl_close(p.client));
        OK(dor_ssl_close(p.server));
    }
    cr_assert_lt(good, 12);
    end(&w);
}
