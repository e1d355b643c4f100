/*
 * Callback modules: one that wraps the in-memory transport and behaves well, badly, or impossibly. Nothing crashes or hangs, and
 * a socket whose module fails ends with an error.
 */
#include "net_support.h"

#include <errno.h>

typedef struct wrapped {
    void *inner;
    dor_transport_handle *handle;
} wrapped;

/* How it behaves; -1: not so. Counted over all connections. */
static atomic_long fail_at = -1, calls, live;
static atomic_int fail_with, short_counts, spurious, late_connect, bad_count = -1;

static const dor_transport_ops *memory(void)
{
    return dor_transport_memory();
}

static int wrap(int code, void *inner, void **connection)
{
    if (code != DOR_TRANSPORT_DONE) return code;
    wrapped *w = calloc(1, sizeof *w);
    w->inner = inner;
    atomic_fetch_add(&live, 1);
    *connection = w;
    return code;
}

static int w_connect(void *arg, const char *host, uint16_t port, void **connection)
{
    void *inner = NULL;
    cr_assert_str_eq(arg, "the argument");
    int code = memory()->connect(NULL, host, port, &inner);
    code = wrap(code, inner, connection);
    return code == DOR_TRANSPORT_DONE && atomic_load(&late_connect) ? DOR_TRANSPORT_AGAIN : code;
}

static int w_listen(void *arg, const char *address, uint16_t *port, int backlog, dor_transport_handle *handle,
                    void **listener)
{
    return memory()->listen(arg, address, port, backlog, handle, listener);
}

static int w_accept(void *listener, void **connection)
{
    void *inner = NULL;
    int code = memory()->accept(listener, &inner);
    return wrap(code, inner, connection);
}

static void w_unlisten(void *listener)
{
    memory()->unlisten(listener);
}

static void w_watch(void *connection, dor_transport_handle *handle)
{
    wrapped *w = connection;
    w->handle = dor_transport_handle_ref(handle);
    memory()->watch(w->inner, handle);
    if (atomic_load(&late_connect)) dor_transport_ready(handle, DOR_TRANSPORT_WRITE);
}

/* True when the answer is *code, whatever the transport would say. */
static bool misbehaves(wrapped *w, unsigned what, int *code)
{
    long n = atomic_fetch_add(&calls, 1);
    if (atomic_load(&spurious)) {
        dor_transport_ready(w->handle, DOR_TRANSPORT_READ | DOR_TRANSPORT_WRITE | 0xf0);
        dor_transport_ready(w->handle, 0);
        *code = DOR_TRANSPORT_AGAIN;
        if (n % 3) {
            dor_transport_ready(w->handle, what);
            return true;
        }
    }
    if (atomic_load(&fail_at) < 0 || n < atomic_load(&fail_at)) return false;
    *code = atomic_load(&fail_with);
    return true;
}

static int w_send(void *connection, const void *data, size_t len, size_t *count)
{
    int code;
    wrapped *w = connection;
    if (misbehaves(w, DOR_TRANSPORT_WRITE, &code)) {
        if (atomic_load(&bad_count) >= 0) *count = atomic_load(&bad_count) ? len + 1 : 0;
        return code;
    }
    return memory()->send(w->inner, data, atomic_load(&short_counts) ? 1 : len, count);
}

static int w_recv(void *connection, void *data, size_t len, size_t *count)
{
    int code;
    wrapped *w = connection;
    if (misbehaves(w, DOR_TRANSPORT_READ, &code)) {
        if (atomic_load(&bad_count) >= 0) *count = atomic_load(&bad_count) ? len + 1 : 0;
        return code;
    }
    return memory()->recv(w->inner, data, atomic_load(&short_counts) ? 1 : len, count);
}

static void w_close(void *connection)
{
    wrapped *w = connection;
    memory()->close(w->inner);
    dor_transport_handle_unref(w->handle); /* NULL: closed before it was watched */
    free(w);
    atomic_fetch_sub(&live, 1);
}

static atomic_int nodelays;

static int w_setopts(void *connection, const char *name, int64_t value)
{
    (void)connection;
    if (strcmp(name, "nodelay") == 0 && value == 1) atomic_fetch_add(&nodelays, 1);
    return DOR_E_NOT_SUPPORTED;
}

static atomic_int get_fails;

static int w_getopts(void *connection, const char *name, int64_t *value)
{
    (void)connection;
    if (atomic_load(&get_fails)) return atomic_load(&get_fails);
    if (strcmp(name, "sndbuf") == 0) *value = 4711;
    if (strcmp(name, "keepalive") == 0) *value = 1;
    return strcmp(name, "recbuf") == 0 ? DOR_E_NOT_SUPPORTED : DOR_OK;
}

static void w_shutdown(void *connection)
{
    memory()->shutdown(((wrapped *)connection)->inner);
}

static const dor_transport_ops wrapping = {.connect = w_connect,
                                           .listen = w_listen,
                                           .accept = w_accept,
                                           .unlisten = w_unlisten,
                                           .watch = w_watch,
                                           .send = w_send,
                                           .recv = w_recv,
                                           .shutdown = w_shutdown,
                                           .close = w_close,
                                           .setopts = w_setopts,
                                           .getopts = w_getopts};

static void begin_wrapped(world *w, unsigned schedulers)
{
    begin(w, schedulers);
    OK(dor_options_set_transport(w->server, &wrapping, NULL));
    OK(dor_options_set_transport(w->client, &wrapping, "the argument"));
    OK(dor_options_set_int(w->server, "linger", 50));
    OK(dor_options_set_int(w->client, "linger", 50));
    listen_in(w);
}

static void end_wrapped(world *w)
{
    WAIT_FOR(statistics(w).connections == 0);
    cr_assert_eq(atomic_load(&live), 0, "every connection was closed, once");
    end(w);
}

static void exchange(world *w, size_t len)
{
    void *bytes;
    dor_buffer *data;
    pair p = connect_pair(w);
    dor_buffer *big = dor_buffer_alloc(len, &bytes);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i ^ i >> 8);
    OK(dor_ssl_send_async(p.client, dor_buffer_ref(big), NULL));
    OK(dor_ssl_send_async(p.server, dor_buffer_ref(big), NULL));
    OK(dor_ssl_recv(p.server, len, PATIENCE_MS, &data));
    expect_data(data, bytes, len);
    OK(dor_ssl_recv(p.client, len, PATIENCE_MS, &data));
    expect_data(data, bytes, len);
    dor_buffer_unref(big);
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_close(p.server));
}

Test(transport, is_asked_for_its_options)
{
    static const char *const names[] = {"nodelay", "keepalive", "sndbuf", "linger", "recbuf"};
    world w;
    int64_t number;
    begin_wrapped(&w, 2);
    OK(dor_options_set_int(w.client, "linger", 77));
    pair p = connect_pair(&w);
    dor_options *values = dor_options_new();
    OK(dor_ssl_getopts(p.client, names, 4, values));
    OK(dor_options_get_int(values, "nodelay", &number));
    cr_expect_eq(number, 0, "as the module says, whatever the option");
    OK(dor_options_get_int(values, "keepalive", &number));
    cr_expect_eq(number, 1);
    OK(dor_options_get_int(values, "sndbuf", &number));
    cr_expect_eq(number, 4711);
    FAILS(dor_ssl_getopts(p.client, names + 4, 1, values), DOR_E_NOT_SUPPORTED);
    OK(dor_options_get_int(values, "linger", &number));
    cr_expect_eq(number, 77, "and is not asked for this");
    atomic_store(&get_fails, DOR_E_CLOSED);
    FAILS(dor_ssl_getopts(p.client, names, 1, values), DOR_E_CLOSED);
    atomic_store(&get_fails, 12345); /* no code at all */
    FAILS(dor_ssl_getopts(p.client, names, 1, values), DOR_E_INTERNAL);
    OK(dor_ssl_getopts(p.client, names + 3, 1, values));
    atomic_store(&get_fails, 0);
    dor_options_free(values);
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
    end_wrapped(&w);
}

Test(transport, a_module_carries_it_all)
{
    world w;
    dor_address address;
    begin_wrapped(&w, 2);
    exchange(&w, 500000);
    cr_assert_eq(atomic_load(&nodelays), 2);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_peername(p.client, &address), DOR_E_NOT_SUPPORTED);
    int fd;
    dor_buffer *rest;
    FAILS(dor_ssl_downgrade(p.client, 1000, &fd, &rest), DOR_E_NOT_SUPPORTED);
    send_text(p.client, "goes on");
    expect_recv(p.server, 7, "goes on");
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
    end_wrapped(&w);
}

Test(transport, one_byte_at_a_time)
{
    world w;
    begin_wrapped(&w, 2);
    atomic_store(&short_counts, 1);
    exchange(&w, 3000);
    end_wrapped(&w);
}

Test(transport, readiness_that_is_none)
{
    world w;
    begin_wrapped(&w, 2);
    atomic_store(&spurious, 1);
    exchange(&w, 200000);
    atomic_store(&short_counts, 1);
    exchange(&w, 1000);
    end_wrapped(&w);
}

Test(transport, a_connection_that_takes_its_time)
{
    world w;
    begin_wrapped(&w, 2);
    atomic_store(&late_connect, 1);
    exchange(&w, 1000);
    end_wrapped(&w);
}

/* From the call number n on every send and recv answers the same: an error, an end, nonsense, an impossible count. */
Test(transport, failures_at_any_point)
{
    static const int answers[] = {DOR_TRANSPORT_END, DOR_E_NOMEM,        -12345678,         77,
                                  INT_MIN,           DOR_TRANSPORT_DONE, DOR_TRANSPORT_DONE};
    world w;
    begin_wrapped(&w, 2);
    for (size_t a = 0; a < sizeof answers / sizeof *answers; a++) {
        for (long n = 0; n < 24; n += SLOW_BUILD ? 5 : 1) {
            dor_ref connecting, accepting;
            dor_socket client = 0, server = 0;
            atomic_store(&fail_with, answers[a]);
            atomic_store(&bad_count, answers[a] != DOR_TRANSPORT_DONE ? -1 : (int)(a & 1));
            atomic_store(&calls, 0);
            atomic_store(&fail_at, n);
            OK(dor_ssl_connect_async(w.runtime, "any", w.port, w.client, 5000, &connecting));
            OK(dor_ssl_transport_accept(w.listener, 5000, &server));
            OK(dor_ssl_accept_async(server, NULL, 5000, &accepting));
            bool open = await_reply(accepting, NULL, NULL) == DOR_OK;
            open = await_reply(connecting, &client, NULL) == DOR_OK && open;
            cr_assert(n > 4 || !open);
            if (open) {
                dor_buffer *data = NULL;
                dor_ref ref;
                if (dor_ssl_recv_async(server, 4, 5000, &ref) == DOR_OK) {
                    (void)dor_ssl_send(client, "data", 4);
                    (void)dor_ssl_close(client);
                    (void)await_reply(ref, NULL, &data);
                    dor_buffer_unref(data);
                }
            }
            OK(dor_ssl_close(server));
            if (client) OK(dor_ssl_close(client));
            WAIT_FOR(statistics(&w).connections == 0);
            atomic_store(&fail_at, -1);
        }
    }
    atomic_store(&bad_count, -1);
    exchange(&w, 1000); /* and then all is as ever */
    end_wrapped(&w);
}

Test(transport, an_active_owner_is_told_of_a_modules_error)
{
    world w;
    dor_ssl_event event = {0};
    begin_wrapped(&w, 1);
    pair p = connect_pair(&w);
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_TRUE));
    atomic_store(&fail_with, dor__errno(EIO).code);
    atomic_store(&fail_at, 0);
    (void)dor_ssl_send_async(p.client, dor_buffer_new("x", 1), NULL);
    OK(dor_ssl_close(p.client));
    dor_ssl_send_async(p.server, dor_buffer_new("y", 1), NULL);
    cr_assert_eq(next_event_within(p.server, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_ERROR);
    cr_assert_eq(dor_error_get_errno(event.reason), EIO);
    end_wrapped(&w);
}

Test(transport, bad_calls)
{
    world w;
    dor_socket s;
    dor_transport_ops none = {.connect = w_connect}, passive = wrapping, deaf = wrapping;
    begin(&w, 1);
    dor_options *o = dor_options_new();
    FAILS(dor_options_set_transport(NULL, &wrapping, NULL), DOR_E_BADARG);
    FAILS(dor_options_set_transport(o, &none, NULL), DOR_E_BADARG);
    FAILS(dor_options_set_text(o, "cb_info", "carrier pigeon"), DOR_E_OPTION_TYPE);
    passive.connect = NULL;
    deaf.listen = NULL;
    OK(dor_options_set_transport(w.client, &passive, NULL));
    FAILS(dor_ssl_connect(w.runtime, "any", 1, w.client, 1000, &s), DOR_E_NOT_SUPPORTED);
    OK(dor_options_set_transport(w.server, &deaf, NULL));
    FAILS(dor_ssl_listen(w.runtime, 1, w.server, &s), DOR_E_NOT_SUPPORTED);
    OK(dor_options_set_text(w.client, "cb_info", "memory"));
    int code = dor_ssl_connect(w.runtime, "any", 1, w.client, 1000, &s);
    cr_assert_eq(dor_error_get_errno(code), ECONNREFUSED);
    OK(dor_options_set_text(w.server, "cb_info", "memory"));
    listen_in(&w);
    code = dor_ssl_listen(w.runtime, w.port, w.server, &s);
    cr_assert_eq(dor_error_get_errno(code), EADDRINUSE);
    OK(dor_ssl_close(w.listener));
    OK(dor_ssl_listen(w.runtime, w.port, w.server, &s)); /* free again as soon as the close has returned */
    dor_transport_ready(NULL, DOR_TRANSPORT_READ);
    dor_transport_handle_unref(dor_transport_handle_ref(NULL));
    dor_options_free(o);
    end(&w);
}

/* The backlog is a bound; a listener that closes ends those who wait in it. */
Test(transport, a_backlog_in_memory)
{
    world w;
    dor_ref refs[3];
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "cb_info", "memory"));
    OK(dor_options_set_text(w.client, "cb_info", "memory"));
    OK(dor_options_set_int(w.server, "backlog", 2));
    listen_in(&w);
    for (int i = 0; i < 3; i++)
        OK(dor_ssl_connect_async(w.runtime, "any", w.port, w.client, PATIENCE_MS, &refs[i]));
    int refused = 0;
    OK(dor_ssl_close(w.listener));
    for (int i = 0; i < 3; i++) {
        int code = await_reply(refs[i], NULL, NULL);
        cr_assert_neq(code, DOR_OK);
        refused += dor_error_get_errno(code) == EAGAIN || dor_error_get_errno(code) == ECONNREFUSED;
    }
    cr_assert_geq(refused, 1);
    WAIT_FOR(statistics(&w).connections == 0);
    end(&w);
}
