/*
 * What grew in OTP's ssl and in what was built upon it, each under the number of its report: here it is counted in bytes that
 * nothing grows with connections, sessions, renewals or traffic that has passed. Reports that other suites guard have
 * their number there.
 */
#include "net_support.h"
#include "sized_alloc.h"

/*
 * What all sockets of two schedulers share: freelists of messages, cached buffers, spare output. They fill up and then stay
 * as they are; under a sanitizer there is the spare output alone, so what is counted there is closer.
 */
enum { SHARED = SLOW_BUILD ? 1 << 18 : 3 << 19 };

static void begin_counted(world *w)
{
    begin(w, 2);
    count_bytes(); /* what was allocated before is counted off, which does not matter for a growth */
}

static void end_counted(world *w)
{
    (void)dor_process_detach();
    OK(dor_runtime_stop(w->runtime, 5000));
    dor_options_free(w->server);
    dor_options_free(w->client);
}

static long held(void)
{
    return atomic_load(&live_bytes);
}

/* ---- what a connection keeps --------------------------------------------------------------------------------------- */

static void *opens(dor_socket socket, void *arg)
{
    (void)arg;
    (void)dor_ssl_send_async(socket, dor_buffer_new("!", 1), NULL);
    return NULL;
}

static void echoes(void *state, dor_socket socket, dor_message *m)
{
    (void)state;
    if (m->type == DOR_MSG_SSL)
        (void)dor_ssl_send_async(socket, dor_buffer_ref(((dor_ssl_event *)dor_message_payload(m))->data),
                                 NULL);
    dor_message_free(m);
}

enum { PAIRS = 150, PAYLOAD = 64 * 1024 };

static void serve_echo(world *w)
{
    dor_address address;
    dor_server_spec spec = {.open = opens, .receive = echoes};
    OK(dor_options_unset(w->server, "active"));
    OK(dor_ssl_serve(w->runtime, 0, w->server, &spec, &w->listener));
    OK(dor_ssl_sockname(w->listener, &address));
    w->port = address.port;
}

static void talk_all(dor_socket *sockets, const char *bytes)
{
    for (int i = 0; i < PAIRS; i++) {
        dor_buffer *data = NULL;
        OK(dor_ssl_send(sockets[i], bytes, PAYLOAD));
        OK(dor_ssl_recv(sockets[i], PAYLOAD, PATIENCE_MS, &data));
        dor_buffer_unref(data);
    }
}

/*
 * otp#6373: large payloads, then silence, and the sending half kept its memory, since hibernate_after was not for it. otp#6424
 * and #10286: memory of connections that have nothing to do any more. MongooseIM#4447: 80 KB of each, 20 with hibernation.
 * emqx#3277: 31 GB for 200,000 connections, 150 KB each.
 */
Test(regression_memory, of_traffic_that_has_passed_nothing_is_kept)
{
    static char bytes[PAYLOAD];
    world w;
    dor_socket s[PAIRS];
    begin_counted(&w);
    OK(dor_options_set_int(w.server, "hibernate_after", 50));
    OK(dor_options_set_int(w.client, "hibernate_after", 50));
    serve_echo(&w);
    long before = held();
    for (int i = 0; i < PAIRS; i++) {
        OK(dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &s[i]));
        expect_recv(s[i], 1, "!");
    }
    long awake = held() - before;
    WAIT_FOR(statistics(&w).hibernated == 2 * PAIRS);
    long fresh = held() - before;
    talk_all(s, bytes); /* now what is shared has its size */
    WAIT_FOR(statistics(&w).hibernated == 2 * PAIRS);
    long once = held() - before;
    for (int i = 0; i < 2; i++)
        talk_all(s, bytes);
    WAIT_FOR(statistics(&w).hibernated == 2 * PAIRS);
    long again = held() - before;
    /* A pair is two connections and an owner. What is shared is a part of it, with so few of them. */
    cr_expect_lt(awake / PAIRS, 8192 + SHARED / PAIRS, "awake: %ld bytes a pair", awake / PAIRS);
    cr_expect_lt(fresh, awake, "%ld bytes asleep, %ld awake", fresh, awake);
    cr_expect_lt(once - fresh, SHARED, "%ld bytes more after traffic", once - fresh);
    cr_expect_lt(again - once, PAIRS * 512, "%ld bytes more after more traffic", again - once);
    for (int i = 0; i < PAIRS; i++)
        OK(dor_ssl_close(s[i]));
    WAIT_FOR(statistics(&w).connections == 0);
    end_counted(&w);
}

/* otp#6424: what a connection that lives for long gathers. Thousands of fresh keys, both ways, on one of them. */
Test(regression_memory, thousands_of_new_keys_leave_nothing)
{
    world w;
    begin_counted(&w);
    listen_in(&w);
    pair p = connect_pair(&w);
    long most = 0, before = 0;
    for (unsigned i = 0; i < scaled(4000) + 200; i++) {
        OK(dor_ssl_update_keys(i % 2 ? p.server : p.client, 1));
        send_text(p.client, "k");
        expect_recv(p.server, 1, "k");
        send_text(p.server, "k");
        expect_recv(p.client, 1, "k");
        if (i == 100) before = held();
        if (i > 100 && held() - before > most) most = held() - before;
    }
    cr_assert_lt(most, SHARED, "%ld bytes", most);
    end_counted(&w);
}

/* ---- caches --------------------------------------------------------------------------------------------------------- */

typedef struct visitor {
    world *w;
    unsigned first, count;
    atomic_ulong *most;
} visitor;

/* 127.0.0.0/8 is all loopback, so each address is another server. */
static void *visits(void *arg)
{
    visitor *v = arg;
    dor_pid pid;
    OK(dor_process_attach(v->w->runtime, &pid));
    for (unsigned i = v->first; i < v->first + v->count; i++) {
        char host[32];
        dor_socket s;
        dor_buffer *data = NULL;
        dor_session_statistics now;
        snprintf(host, sizeof host, "127.%u.%u.%u", 1 + i / 62500, 1 + i / 250 % 250, 1 + i % 250);
        OK(dor_ssl_connect(v->w->runtime, host, v->w->port, v->w->client, PATIENCE_MS, &s));
        OK(dor_ssl_recv(s, 1, PATIENCE_MS, &data)); /* tickets have come before it */
        dor_buffer_unref(data);
        OK(dor_ssl_close(s));
        OK(dor_ssl_get_client_session_statistics(v->w->runtime, &now));
        for (unsigned long most = atomic_load(v->most);
             now.sessions > most && !atomic_compare_exchange_weak(v->most, &most, now.sessions);)
            continue;
    }
    OK(dor_process_detach());
    return NULL;
}

/*
 * otp#6549: a client's cache grew past its maximum, with a thousand workers that called ever other hosts. otp#6690: beside the
 * cache, which was bounded, the list of what is oldest grew: 687,706 entries for 654 sessions.
 */
static void many_hosts(const char *version)
{
    enum { VISITORS = 4, MOST = 30 };
    world w;
    pthread_t threads_[VISITORS];
    visitor visitors[VISITORS];
    atomic_ulong most = 0;
    begin_counted(&w);
    OK(dor_options_set_text(w.server, "ip", "0.0.0.0"));
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    serve_echo(&w);
    long bytes[2] = {0, 0};
    unsigned round = scaled(300) + MOST;
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned i = 0; i < VISITORS; i++) {
            visitors[i] = (visitor){&w, (k * VISITORS + i) * round, round, &most};
            pthread_create(&threads_[i], NULL, visits, &visitors[i]);
        }
        for (unsigned i = 0; i < VISITORS; i++)
            pthread_join(threads_[i], NULL);
        WAIT_FOR(statistics(&w).connections == 0);
        if (k == 0) {
            OK(dor_ssl_limit_client_sessions(w.runtime, MOST, 1 << 20));
            atomic_store(&most, 0);
        } else {
            bytes[k > 1] = held();
        }
    }
    dor_session_statistics s;
    OK(dor_ssl_get_client_session_statistics(w.runtime, &s));
    cr_expect_gt(s.stored, round * VISITORS);
    /* The bound is on servers; of a TLS 1.3 one up to four tickets are kept. */
    unsigned long per_server = strcmp(version, "tlsv1.3") == 0 ? 4 : 1;
    cr_expect_leq(atomic_load(&most), MOST * per_server, "%lu sessions at a time", atomic_load(&most));
    cr_expect_gt(s.sessions, 0);
    cr_expect_leq(s.bytes, 1u << 20);
    cr_expect_lt(bytes[1] - bytes[0], SHARED, "%ld bytes more after as many again", bytes[1] - bytes[0]);
    end_counted(&w);
}

Test(regression_memory, a_clients_cache_of_ever_other_hosts, .timeout = 100)
{
    many_hosts("tlsv1.2");
    many_hosts("tlsv1.3");
}

/* otp#4464: each server start left a process with a session cache behind. */
Test(regression_memory, listeners_that_come_and_go_leave_nothing)
{
    world w;
    long bytes = 0, most = 0;
    unsigned fds = 0;
    begin_counted(&w);
    for (unsigned i = 0; i < scaled(1500) + 60; i++) {
        OK(dor_options_set_text(w.server, "session_tickets", i % 2 ? "stateless" : "stateful"));
        listen_in(&w);
        if (i % 10 == 0) {
            pair p = connect_pair(&w);
            send_text(p.client, "x");
            expect_recv(p.server, 1, "x");
            OK(dor_ssl_close(p.client));
            OK(dor_ssl_close(p.server));
            WAIT_FOR(statistics(&w).connections == 0);
        }
        OK(dor_ssl_close(w.listener));
        if (i == 50) {
            bytes = held();
            fds = open_descriptors();
        }
        if (i > 50 && held() - bytes > most) most = held() - bytes;
    }
    cr_assert_lt(most, SHARED, "%ld bytes", most);
    WAIT_FOR(open_descriptors() <= fds);
    end_counted(&w);
}

/* Certificates that are renewed, and ticket keys: a server that runs for years does both some thousand times. */
Test(regression_memory, renewals_leave_nothing)
{
    world w;
    long bytes = 0, most = 0;
    uint8_t keys[2 * DOR_TICKET_KEY_BYTES] = {0};
    begin_counted(&w);
    listen_in(&w);
    for (unsigned i = 0; i < scaled(2000) + 60; i++) {
        memcpy(keys, &i, sizeof i);
        keys[DOR_TICKET_KEY_BYTES] = 1;
        memcpy(keys + DOR_TICKET_KEY_BYTES + 1, &i, sizeof i);
        OK(dor_ssl_set_ticket_keys(w.listener, keys, 2, DOR_TICKET_KEY_BYTES));
        OK(dor_ssl_setopts(w.listener, w.server)); /* settings are made anew, with all that they hold */
        if (i % 20 == 0) {
            pair p = connect_pair(&w);
            send_text(p.client, "x");
            expect_recv(p.server, 1, "x");
            OK(dor_ssl_close(p.client));
            OK(dor_ssl_close(p.server));
            WAIT_FOR(statistics(&w).connections == 0);
        }
        if (i == 50) bytes = held();
        if (i > 50 && held() - bytes > most) most = held() - bytes;
    }
    cr_assert_lt(most, SHARED, "%ld bytes", most);
    end_counted(&w);
}
