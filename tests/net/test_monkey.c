/*
 * Threads that do anything at any time to sockets that everybody knows. No call may hang or crash, every answer is one
 * that the interface knows of, and when it is over nothing is left.
 */
#include "net_support.h"

enum { SOCKETS = 24, THREADS = 3 };

typedef struct monkey_world {
    world w;
    _Atomic dor_socket sockets[SOCKETS];
    _Atomic dor_pid pids[THREADS];
    atomic_bool stop;
    atomic_ulong calls;
} monkey_world;

typedef struct monkey {
    monkey_world *all;
    unsigned index;
    uint64_t seed;
} monkey;

static uint32_t next_random(monkey *m)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return (uint32_t)(m->seed >> 16);
}

static void check(int code)
{
    dor_error_class c = dor_error_get_class(code);
    cr_assert(code == DOR_OK || c == DOR_CLASS_STATE || c == DOR_CLASS_IO || c == DOR_CLASS_ALERT_RECEIVED ||
                  code == DOR_E_TOO_BIG || code == DOR_E_BADARG,
              "an answer that makes no sense: %d", code);
}

/* A new pair in two places, shut by whoever comes across it. */
static void new_pair(monkey *m)
{
    world *w = &m->all->w;
    dor_ref ref;
    dor_socket client = 0, server = 0;
    if (dor_ssl_connect_async(w->runtime, test_host(), w->port, w->client, 3000, &ref) != DOR_OK) return;
    if (dor_ssl_transport_accept(w->listener, 3000, &server) == DOR_OK)
        check(dor_ssl_accept(server, NULL, 3000));
    check(await_reply(ref, &client, NULL));
    dor_socket *fresh[] = {&client, &server};
    for (int i = 0; i < 2; i++) {
        unsigned at = next_random(m) % SOCKETS;
        dor_socket old = atomic_exchange(&m->all->sockets[at], *fresh[i]);
        if (old) check(dor_ssl_close(old));
    }
}

static void send_something(monkey *m, dor_socket s)
{
    static char bytes[20000];
    dor_ref ref;
    size_t len = next_random(m) % (next_random(m) % 4 ? 200 : sizeof bytes);
    bool reply = next_random(m) % 2;
    check(dor_ssl_send_async(s, dor_buffer_new(bytes, len), reply ? &ref : NULL));
}

static void set_something(monkey *m, dor_socket s)
{
    static const char *const modes[] = {"raw", "1", "2", "4", "line"};
    dor_options *o = dor_options_new();
    uint32_t what = next_random(m) % 8;
    if (what == 0) OK(dor_options_set_int(o, "linger", next_random(m) % 2000));
    if (what == 1) OK(dor_options_set_int(o, "send_timeout", next_random(m) % 300));
    if (what == 2) OK(dor_options_set_bool(o, "send_timeout_close", (int)(next_random(m) % 2)));
    if (what == 3 && strcmp(test_transport(), "tcp") == 0)
        OK(dor_options_set_int(o, "keepidle", 1 + next_random(m) % 100));
    if (what > 2) OK(dor_options_set_text(o, "packet", modes[next_random(m) % 5]));
    check(dor_ssl_setopts(s, o));
    dor_options_free(o);
}

static void act(monkey *m)
{
    static const int actives[] = {DOR_ACTIVE_TRUE, DOR_ACTIVE_ONCE, DOR_ACTIVE_FALSE, 1, 5};
    dor_socket s = atomic_load(&m->all->sockets[next_random(m) % SOCKETS]);
    dor_ref ref;
    dor_connection_info info;
    dor_address address;
    dor_buffer *data = NULL;
    switch (next_random(m) % 24) {
    case 0: new_pair(m); break;
    case 1: check(dor_ssl_close(s)); break;
    case 2: check(dor_ssl_shutdown(s, (dor_shutdown_how)(next_random(m) % 3))); break;
    case 3:
        check(dor_ssl_controlling_process(s, atomic_load(&m->all->pids[next_random(m) % THREADS])));
        break;
    case 4: check(dor_ssl_update_keys(s, next_random(m) % 2)); break;
    case 5: check(dor_ssl_connection_info(s, &info)); break;
    case 6: check(dor_ssl_peername(s, &address)); break;
    case 7: set_something(m, s); break;
    case 8:
        check(dor_ssl_recv(s, next_random(m) % 100, next_random(m) % 3, &data));
        dor_buffer_unref(data);
        break;
    case 9:
    case 10:
    case 11: check(dor_ssl_recv_async(s, next_random(m) % 1000, next_random(m) % 20, &ref)); break;
    case 12:
    case 13:
    case 14:
    case 15: check(dor_ssl_set_active(s, actives[next_random(m) % 5])); break;
    default: send_something(m, s); break;
    }
    atomic_fetch_add(&m->all->calls, 1);
}

static void *play(void *arg)
{
    monkey *m = arg;
    dor_pid pid;
    dor_message *message;
    OK(dor_process_attach(m->all->w.runtime, &pid));
    atomic_store(&m->all->pids[m->index], pid);
    for (unsigned i = 0; i < THREADS; i++)
        WAIT_FOR(atomic_load(&m->all->pids[i]));
    while (!atomic_load(&m->all->stop)) {
        act(m);
        while (next_random(m) % 4 &&
               dor_receive(&message, 0) == DOR_OK) /* events, replies; some wait longer */
            dor_message_free(message);
    }
    return NULL;
}

Test(monkey, anything_at_any_time)
{
    monkey_world all = {.stop = false};
    monkey monkeys[THREADS];
    pthread_t threads_[THREADS];
    begin(&all.w, 2);
    OK(dor_options_set_int(all.w.server, "hibernate_after", 5));
    OK(dor_options_set_int(all.w.server, "linger", 300));
    OK(dor_options_set_int(all.w.client, "linger", 300));
    OK(dor_options_set_int(all.w.client, "high_watermark", 40000));
    OK(dor_options_set_int(all.w.client, "low_watermark", 10000));
    OK(dor_options_set_int(all.w.server, "receive_high_watermark", 40000));
    OK(dor_options_set_int(all.w.server, "receive_low_watermark", 10000));
    OK(dor_options_set_bool(all.w.server, "exit_on_close", 0));
    listen_in(&all.w);
    for (unsigned i = 0; i < THREADS; i++) {
        monkeys[i] = (monkey){&all, i, 0x9e3779b97f4a7c15u * (i + 1) + (uint64_t)getpid()};
        pthread_create(&threads_[i], NULL, play, &monkeys[i]);
    }
    uv_sleep(1500);
    atomic_store(&all.stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads_[i], NULL);
    cr_assert_gt(atomic_load(&all.calls), 100);
    WAIT_FOR(statistics(&all.w).connections == 0); /* their owners are gone */
    end(&all.w);
}
