/*
 * Several addresses for one name (RFC 8305): which are tried, in which order, how many at a time, which one wins, and what
 * is left when it ends at any moment.
 */
#include "names_support.h"

#include "ssl/connector.h"

/* ---- the order --------------------------------------------------------------------------------------------------- */

static void expect_order(const char *const *from, const char *const *to, int family)
{
    fake_list list = {0};
    dor_targets targets;
    size_t count = 0;
    for (; from[count]; count++) {
        list.address[count] = address_of(from[count], 1);
        list.info[count] = (struct addrinfo){.ai_family = list.address[count].any.sa_family,
                                             .ai_addr = &list.address[count].any,
                                             .ai_next = from[count + 1] ? &list.info[count + 1] : NULL};
    }
    dor__targets_order(&targets, count ? list.info : NULL, family, 443);
    for (size_t i = 0; to[i]; i++) {
        char ip[INET6_ADDRSTRLEN];
        const dor_target *t = &targets.items[i];
        cr_assert_lt(i, targets.count);
        bool v4 = t->any.sa_family == AF_INET;
        (void)inet_ntop(t->any.sa_family, v4 ? (const void *)&t->v4.sin_addr : &t->v6.sin6_addr, ip,
                        sizeof ip);
        cr_expect_str_eq(ip, to[i], "number %zu is %s, not %s", i, ip, to[i]);
        cr_expect_eq(ntohs(v4 ? t->v4.sin_port : t->v6.sin6_port), 443);
        if (!to[i + 1]) cr_expect_eq(targets.count, i + 1);
    }
    if (!to[0]) cr_expect_eq(targets.count, 0);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(race, families_take_turns)
{
    expect_order(LIST("::1", "::2", "::3", "10.0.0.1", "10.0.0.2"),
                 LIST("::1", "10.0.0.1", "::2", "10.0.0.2", "::3"), AF_UNSPEC);
    expect_order(LIST("10.0.0.1", "::1", "::2", "10.0.0.2", "10.0.0.3", "10.0.0.4"),
                 LIST("10.0.0.1", "::1", "10.0.0.2", "::2", "10.0.0.3", "10.0.0.4"), AF_UNSPEC);
    expect_order(LIST("10.0.0.1", "10.0.0.2"), LIST("10.0.0.1", "10.0.0.2"), AF_UNSPEC);
    expect_order(LIST("::1", "10.0.0.1", "::2"), LIST("::1", "::2"), AF_INET6);
    expect_order(LIST("::1", "10.0.0.1", "::2"), LIST("10.0.0.1"), AF_INET);
    expect_order(LIST("::1"), LIST(NULL), AF_INET);
    expect_order(LIST(NULL), LIST(NULL), AF_UNSPEC);
    expect_order(LIST("10.0.0.1", "10.0.0.1", "::1", "10.0.0.1", "::1", "10.0.0.2"),
                 LIST("10.0.0.1", "::1", "10.0.0.2"), AF_UNSPEC);
}

/* What is too many of one family leaves room for the other. */
Test(race, not_more_than_sixteen)
{
    const char *from[GIVEN_MAX + 1] = {0}, *to[DOR_TARGETS_MAX + 1] = {0};
    static char text[GIVEN_MAX][16];
    for (int i = 0; i < GIVEN_MAX - 1; i++) {
        snprintf(text[i], sizeof text[i], "fd00::%d", i + 1);
        from[i] = text[i];
    }
    from[GIVEN_MAX - 1] = "10.0.0.1";
    to[0] = text[0];
    to[1] = "10.0.0.1";
    for (int i = 2; i < DOR_TARGETS_MAX; i++)
        to[i] = text[i - 1];
    expect_order(from, to, AF_UNSPEC);
}

/* What is no internet address is passed over. */
Test(race, other_kinds_of_addresses)
{
    struct sockaddr other = {.sa_family = AF_UNIX};
    any_address good = address_of("127.0.0.1", 0);
    struct addrinfo last = {.ai_family = AF_UNIX, .ai_addr = &other};
    struct addrinfo middle = {.ai_family = AF_INET, .ai_addr = &good.any, .ai_next = &last};
    struct addrinfo first = {.ai_family = AF_UNIX, .ai_addr = &other, .ai_next = &middle};
    dor_targets targets;
    dor__targets_order(&targets, &first, AF_UNSPEC, 1);
    cr_expect_eq(targets.count, 1);
    dor__targets_order(&targets, &last, AF_UNSPEC, 1);
    cr_expect_eq(targets.count, 0);
}

/* ---- who wins ---------------------------------------------------------------------------------------------------- */

static void connects(world *w, const char *server_ip)
{
    dor_ref ref;
    dor_socket server, client;
    dor_address address;
    OK(dor_ssl_connect_async(w->runtime, "several.test", w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    OK(dor_ssl_peername(client, &address));
    cr_assert_str_eq(address.ip, server_ip);
    send_text(client, "through");
    expect_recv(server, 7, "through");
    OK(dor_ssl_close(client));
    OK(dor_ssl_close(server));
}

static uint64_t timers_fired(world *w)
{
    dor_scheduler_info info;
    OK(dor_scheduler_get_info(w->runtime, 0, &info));
    return info.timers_fired;
}

Test(race, one_that_says_nothing_holds_up_nobody)
{
    world w;
    hole h;
    begin(&w, 1);
    listen_beside(&w, &h, "127.0.0.2");
    GIVE("127.0.0.2", "127.0.0.1", "127.0.0.3");
    watch(w.port);
    uint64_t fired = timers_fired(&w);
    connects(&w, "127.0.0.1");
    cr_assert_eq(strcmp(attempts[0], "127.0.0.2"), 0);
    cr_assert_eq(strcmp(attempts[1], "127.0.0.1"), 0);
    cr_assert_geq(atomic_load(&most_under_way), 2, "side by side");
    cr_assert_geq(timers_fired(&w), fired + 1, "the second begins by the clock");
    hole_close(&h);
    end(&w);
}

/* Where it is refused nothing is waited for: the delay's timer does not fire, as long as it is. */
Test(race, the_next_one_begins_at_once_when_the_last_has_failed)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_int(w.client, "connection_attempt_delay", 2000));
    listen_in(&w);
    refusals[0].ip = "127.0.0.8"; /* at once, and 127.0.0.9 a little later, by the system */
    refusals[0].error = ENETUNREACH;
    GIVE("127.0.0.8", "127.0.0.9", "127.0.0.1", "127.0.0.3");
    watch(w.port);
    connects(&w, "127.0.0.1");
    EXPECT_ATTEMPTS("127.0.0.8", "127.0.0.9", "127.0.0.1");
    end(&w);
}

Test(race, both_families)
{
    world w;
    begin(&w, 1);
    OK(dor_options_unset(w.server, "ip"));
    listen_in(&w);
    GIVE("::1", "127.0.0.1");
    watch(w.port);
    connects(&w, "::1");
    cr_assert_str_eq(attempts[0], "::1");
    GIVE("127.0.0.1", "::1");
    watch(w.port);
    connects(&w, "127.0.0.1");
    cr_assert_str_eq(attempts[0], "127.0.0.1");
    end(&w);
}

/* ---- nobody wins ------------------------------------------------------------------------------------------------- */

Test(race, the_most_telling_reason)
{
    static const struct {
        int errors[3], told;
    } cases[] = {{{ECONNREFUSED, ENETUNREACH, ENETUNREACH}, ECONNREFUSED},
                 {{ENETUNREACH, ECONNREFUSED, ETIMEDOUT}, ECONNREFUSED},
                 {{ENETUNREACH, ETIMEDOUT, EHOSTUNREACH}, ETIMEDOUT},
                 {{ENETUNREACH, EAFNOSUPPORT, EHOSTUNREACH}, EHOSTUNREACH},
                 {{EACCES, ECONNREFUSED, EADDRNOTAVAIL}, ECONNREFUSED}};
    world w;
    dor_socket s;
    begin(&w, 1);
    GIVE("192.0.2.1", "192.0.2.2", "192.0.2.3");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int j = 0; j < 3; j++) {
            refusals[j].ip = given[j];
            refusals[j].error = cases[i].errors[j];
        }
        watch(4433);
        FAILS(dor_ssl_connect(w.runtime, "nobody.test", 4433, w.client, PATIENCE_MS, &s),
              dor__errno(cases[i].told).code);
        EXPECT_ATTEMPTS("192.0.2.1", "192.0.2.2", "192.0.2.3");
    }
    GIVE("192.0.2.1");
    FAILS(dor_ssl_connect(w.runtime, "nobody.test", 4433, w.client, PATIENCE_MS, &s),
          dor__errno(EACCES).code);
    give(NULL, 0);
    FAILS(dor_ssl_connect(w.runtime, "nobody.test", 4433, w.client, PATIENCE_MS, &s), DOR_E_NXDOMAIN);
    end(&w);
}

/* Each attempt has a line of the log when all have failed; one alone has none: the call's answer says it. */
Test(race, the_log_has_them_all)
{
    world w;
    dor_socket s;
    char log[1024] = "";
    int ends[2], err = dup(STDERR_FILENO);
    begin(&w, 1);
    OK(dor_options_unset(w.client, "log_alert"));
    GIVE("192.0.2.1", "::2");
    refusals[0].ip = "192.0.2.1", refusals[0].error = ENETUNREACH;
    refusals[1].ip = "::2", refusals[1].error = ECONNREFUSED;
    watch(4433);
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    int code = dor_ssl_connect(w.runtime, "nobody.test", 4433, w.client, PATIENCE_MS, &s);
    GIVE("192.0.2.1");
    int alone = dor_ssl_connect(w.runtime, "nobody.test", 4433, w.client, PATIENCE_MS, &s);
    dup2(err, STDERR_FILENO);
    close(err);
    close(ends[1]);
    for (ssize_t n, len = 0; (n = read(ends[0], log + len, sizeof log - 1 - (size_t)len)) > 0;)
        len += n;
    close(ends[0]);
    cr_expect_eq(code, dor__errno(ECONNREFUSED).code);
    cr_expect_eq(alone, dor__errno(ENETUNREACH).code);
    const char *first = strstr(log, "client, 192.0.2.1:4433 connect: ");
    const char *second = strstr(log, "client, [::2]:4433 connect: ");
    cr_assert(first && second, "%s", log);
    cr_expect_lt(first, second);
    cr_expect_null(strstr(second, "192.0.2.1"), "%s", log);
    end(&w);
}

/* Eight at a time; the oldest makes room when it has had its share of the call's time, and then that is over. */
Test(race, so_many_at_a_time)
{
    static char text[12][16];
    const char *list[12];
    hole holes[12] = {0};
    world w;
    dor_socket s;
    begin(&w, 1);
    listen_beside(&w, &holes[0], "127.0.0.2");
    for (int i = 0; i < 12; i++) {
        snprintf(text[i], sizeof text[i], "127.0.0.%d", i + 2);
        list[i] = text[i];
        if (i) cr_assert(hole_open(&holes[i], list[i], w.port), "%s has no such port", list[i]);
    }
    give(list, 12);
    OK(dor_options_set_int(w.client, "connection_attempt_delay", 10));
    watch(w.port);
    FAILS(dor_ssl_connect(w.runtime, "silent.test", w.port, w.client, 1000, &s), DOR_E_TIMEOUT);
    cr_expect_gt(atomic_load(&attempt_count), 8);
    cr_expect_leq(atomic_load(&attempt_count), 12);
    cr_expect_eq(atomic_load(&most_under_way), 8, "%d", atomic_load(&most_under_way));
    for (int i = 0; i < 12; i++)
        hole_close(&holes[i]);
    end(&w);
}

/* ---- it ends at any moment --------------------------------------------------------------------------------------- */

Test(race, its_time_is_over_at_any_moment)
{
    world w;
    hole h;
    dor_socket s;
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "connection_attempt_delay", 10));
    listen_beside(&w, &h, "127.0.0.2");
    GIVE("127.0.0.2", "127.0.0.9", "127.0.0.2", "::1", "127.0.0.1");
    unsigned descriptors = open_descriptors();
    for (uint32_t ms = 0; ms < 60; ms++) {
        int code = dor_ssl_connect(w.runtime, "slow.test", w.port, w.client, ms, &s);
        cr_assert_eq(code, DOR_E_TIMEOUT, "%d", code); /* nobody accepts at 127.0.0.1 */
    }
    hole_close(&h);
    WAIT_FOR(open_descriptors() <= descriptors + 2); /* libuv's threads have what they need by now */
    end(&w);
}

static void *begins_and_dies(void *arg)
{
    world *w = arg;
    dor_ref ref;
    dor_pid self;
    OK(dor_process_attach(w->runtime, &self));
    for (int i = 0; i < 3; i++)
        OK(dor_ssl_connect_async(w->runtime, "slow.test", w->port, w->client, DOR_INFINITY, &ref));
    if (atomic_load(&gate_closed)) {
        WAIT_FOR(atomic_load(&lookups_inside) > 0);
    } else {
        WAIT_FOR(atomic_load(&attempt_count) > 0);
    }
    OK(dor_process_detach());
    return NULL;
}

static void owner_dies(world *w)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, begins_and_dies, w), 0);
    pthread_join(thread, NULL);
}

Test(race, its_owner_dies)
{
    world w;
    hole h;
    begin(&w, 1);
    listen_beside(&w, &h, "127.0.0.2");
    GIVE("127.0.0.2", "127.0.0.2");
    unsigned descriptors = open_descriptors();
    for (int i = 0; i < 10; i++) {
        watch(w.port);
        owner_dies(&w);
    }
    WAIT_FOR(open_descriptors() <= descriptors + 4);
    atomic_store(&gate_closed, true);
    owner_dies(&w);
    atomic_store(&gate_closed, false);
    hole_close(&h);
    end(&w);
}

static void *opens_the_gate(void *arg)
{
    (void)arg;
    uv_sleep(20);
    atomic_store(&gate_closed, false);
    return NULL;
}

/* A look-up cannot always be called back: the runtime's end waits for the resolver, and is not confused by it. */
Test(race, the_runtime_stops)
{
    for (int round = 0; round < 4; round++) {
        world w;
        hole h;
        dor_ref ref;
        pthread_t thread;
        begin(&w, 2);
        listen_beside(&w, &h, "127.0.0.2");
        GIVE("127.0.0.2", "127.0.0.2", "127.0.0.1");
        watch(w.port);
        atomic_store(&gate_closed, round < 2);
        for (int i = 0; i < 6; i++) /* more than libuv has threads: some are still in its queue */
            OK(dor_ssl_connect_async(w.runtime, "slow.test", w.port, w.client, DOR_INFINITY, &ref));
        if (round >= 2) WAIT_FOR(atomic_load(&attempt_count) > 0);
        cr_assert_eq(pthread_create(&thread, NULL, opens_the_gate, NULL), 0);
        OK(dor_runtime_stop(w.runtime, 10000));
        pthread_join(thread, NULL);
        hole_close(&h);
        end_stopped(&w);
    }
}

static void drop_messages(void)
{
    dor_message *m;
    while (dor_receive(&m, 0) == DOR_OK)
        dor_message_free(m);
}

Test(race, each_allocation_fails_once)
{
    world w;
    hole h;
    dor_socket s;
    begin(&w, 1);
    OK(dor_options_set_int(w.client, "connection_attempt_delay", 10));
    OK(dor_options_set_int(w.client, "linger", 100));
    listen_beside(&w, &h, "127.0.0.2");
    GIVE("127.0.0.9", "127.0.0.2", "127.0.0.9");
    OK(dor_ssl_close(w.listener));
    for (long n = 0; n < 80; n++) {
        atomic_store(&fail_after, n);
        int code = dor_ssl_connect(w.runtime, "several.test", w.port, w.client, 40, &s);
        atomic_store(&fail_after, -1);
        cr_assert_neq(code, DOR_OK);
        drop_messages();
    }
    FAILS(dor_ssl_connect(w.runtime, "several.test", w.port, w.client, 100, &s), DOR_E_TIMEOUT);
    hole_close(&h);
    end(&w);
}

/* ---- the option -------------------------------------------------------------------------------------------------- */

Test(race, the_delay_has_bounds)
{
    dor_options *o = dor_options_new();
    FAILS(dor_options_set_int(o, "connection_attempt_delay", 9), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_int(o, "connection_attempt_delay", 2001), DOR_E_OPTION_TYPE);
    OK(dor_options_set_int(o, "connection_attempt_delay", 10));
    OK(dor_options_set_int(o, "connection_attempt_delay", 2000));
    dor_options_free(o);
}
