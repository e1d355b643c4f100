/*
 * The end of a listener that lets its connections end: who may go on for how long, who is closed and how, who is told.
 */
#include "net_support.h"
#include "hand_peer.h"

typedef struct tally {
    atomic_int opened, closed, told;
} tally;

static void *count_open(dor_socket socket, void *arg)
{
    atomic_fetch_add(&((tally *)arg)->opened, 1);
    (void)dor_ssl_send_async(socket, dor_buffer_new("hello", 5), NULL);
    return arg;
}

static void echo(void *state, dor_socket socket, dor_message *m)
{
    if (m->type == DOR_MSG_SSL_CLOSED && ((dor_ssl_event *)dor_message_payload(m))->reason == DOR_OK)
        atomic_fetch_add(&((tally *)state)->told, 1);
    if (m->type == DOR_MSG_SSL)
        (void)dor_ssl_send_async(socket, dor_buffer_ref(((dor_ssl_event *)dor_message_payload(m))->data),
                                 NULL);
    dor_message_free(m);
}

static void count_close(void *state)
{
    atomic_fetch_add(&((tally *)state)->closed, 1);
}

static void serve_in(world *w, tally *t)
{
    dor_address address;
    dor_server_spec spec = {.open = count_open, .receive = echo, .close = count_close, .arg = t};
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

static void expect_end(dor_socket s)
{
    dor_buffer *data;
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data),
          DOR_E_CLOSED); /* close_notify came, or it would be TRUNCATED */
}

static int reply_count(dor_ref ref, uint32_t *count)
{
    dor_message *m = NULL;
    OK(dor_receive_match(&m, is_reply_to, &ref, PATIENCE_MS));
    dor_ssl_reply *reply = dor_message_payload(m);
    int result = reply->result;
    *count = reply->count;
    dor_message_free(m);
    return result;
}

Test(drain, nothing_open)
{
    world w;
    tally t = {0};
    uint32_t closed = 99;
    begin(&w, 2);
    serve_in(&w, &t);
    OK(dor_ssl_drain(w.listener, DOR_INFINITY, &closed));
    cr_assert_eq(closed, 0);
    FAILS(dor_ssl_drain(w.listener, 10, &closed), DOR_E_CLOSED);
    dor_socket s;
    int code = dor_ssl_connect(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &s);
    cr_assert_eq(dor_error_get_errno(code), ECONNREFUSED);
    end(&w);
}

/* Connections that are open work on; the drain is over when the last one has ended by itself. */
Test(drain, waits_for_those_that_are_open)
{
    world w;
    tally t = {0};
    enum { COUNT = 6 };
    dor_socket s[COUNT];
    dor_listener_statistics f;
    dor_ref ref;
    uint32_t closed = 99;
    begin(&w, 2);
    serve_in(&w, &t);
    for (int i = 0; i < COUNT; i++)
        s[i] = greeted(&w);
    OK(dor_ssl_drain_async(w.listener, DOR_INFINITY, &ref));
    WAIT_FOR(dor_ssl_get_listener_statistics(w.listener, &f) == DOR_OK && f.acceptors == 0);
    cr_assert(f.draining);
    cr_assert_eq(f.open, COUNT);
    FAILS(dor_ssl_drain(w.listener, 0, &closed), DOR_E_EALREADY);
    FAILS(dor_ssl_suspend(w.listener), DOR_E_CLOSED);
    for (int i = 0; i < COUNT; i++) {
        send_text(s[i], "still here");
        expect_recv(s[i], 10, "still here");
        OK(dor_ssl_close(s[i]));
    }
    OK(reply_count(ref, &closed));
    cr_assert_eq(closed, 0);
    FAILS(dor_ssl_get_listener_statistics(w.listener, &f), DOR_E_CLOSED);
    WAIT_FOR(atomic_load(&t.closed) == COUNT);
    end(&w);
}

/* When the time is over the rest are closed, with close_notify behind what was sent, and their owners are told. */
Test(drain, closes_the_rest)
{
    world w;
    tally t = {0};
    enum { COUNT = 40 };
    dor_socket s[COUNT];
    uint32_t closed = 99;
    begin(&w, 2);
    serve_in(&w, &t);
    for (int i = 0; i < COUNT; i++)
        s[i] = greeted(&w);
    for (int i = 0; i < COUNT / 2; i++)
        OK(dor_ssl_close(s[i]));
    WAIT_FOR(atomic_load(&t.closed) == COUNT / 2);
    WAIT_FOR(statistics(&w).connections == COUNT);
    OK(dor_ssl_drain(w.listener, 30, &closed));
    cr_assert_eq(closed, COUNT / 2);
    for (int i = COUNT / 2; i < COUNT; i++)
        expect_end(s[i]);
    WAIT_FOR(atomic_load(&t.closed) == COUNT);
    cr_assert_eq(atomic_load(&t.told), COUNT);
    end(&w);
}

/* Of two listeners one is drained: connections of the other, of clients and upgraded ones are no concern of it. */
Test(drain, closes_its_own_alone)
{
    world w;
    tally t = {0};
    uint32_t closed = 99;
    begin(&w, 2);
    serve_in(&w, &t);
    dor_socket other = w.listener, stays = greeted(&w);
    serve_in(&w, &t);
    dor_socket goes = greeted(&w);
    OK(dor_ssl_drain(w.listener, 0, &closed));
    cr_assert_eq(closed, 1);
    expect_end(goes);
    send_text(stays, "I stay");
    expect_recv(stays, 6, "I stay");
    OK(dor_ssl_close(other));
    end(&w);
}

/* Connections of transport_accept have owners of all kinds: an active one is told, a passive one by its recv. */
Test(drain, owners_of_accepted_connections_are_told)
{
    world w;
    uint32_t closed = 99;
    pair active = begin_pair(&w, 2), passive = connect_pair(&w);
    dor_buffer *data;
    dor_socket early;
    OK(dor_ssl_set_active(active.server, DOR_ACTIVE_TRUE));
    int fd = raw_connect(w.port);
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &early)); /* before its handshake */
    OK(dor_ssl_drain(w.listener, 20, &closed));
    cr_assert_eq(closed, 3);
    expect_event(active.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    FAILS(dor_ssl_recv(passive.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    expect_end(active.client);
    expect_end(passive.client);
    FAILS(dor_ssl_accept(early, NULL, PATIENCE_MS), DOR_E_CLOSED);
    close(fd);
    end(&w);
}

/* Who waits in transport_accept is answered; who is in the backlog of a serving listener is served. */
Test(drain, waiters_and_the_backlog)
{
    world w;
    tally t = {0};
    dor_ref accept, ref;
    uint32_t closed = 99;
    begin(&w, 2);
    listen_in(&w);
    OK(dor_ssl_transport_accept_async(w.listener, DOR_INFINITY, &accept));
    OK(dor_ssl_drain(w.listener, DOR_INFINITY, NULL));
    FAILS(await_reply(accept, NULL, NULL), DOR_E_CLOSED);

    serve_in(&w, &t);
    OK(dor_ssl_suspend(w.listener));
    hand h;
    hand_init(&h, w.port);
    OK(dor_ssl_drain_async(w.listener, PATIENCE_MS, &ref));
    hand_shake(&h);
    cr_assert(h.connected);
    hand_free(&h);
    OK(reply_count(ref, &closed));
    cr_assert_eq(closed, 0);
    cr_assert_eq(atomic_load(&t.opened), 1);
    end(&w);
}

/* A drain that is given up: closing the listener, or its owner's death. Connections go on. */
Test(drain, given_up)
{
    world w;
    tally t = {0};
    dor_ref ref;
    uint32_t closed;
    begin(&w, 2);
    serve_in(&w, &t);
    dor_socket s = greeted(&w);
    OK(dor_ssl_drain_async(w.listener, PATIENCE_MS, &ref));
    OK(dor_ssl_close(w.listener));
    FAILS(reply_count(ref, &closed), DOR_E_CLOSED);
    send_text(s, "I go on");
    expect_recv(s, 7, "I go on");
    end(&w);
}

Test(drain, the_runtime_stops_meanwhile)
{
    world w;
    tally t = {0};
    dor_ref ref;
    begin(&w, 2);
    serve_in(&w, &t);
    for (int i = 0; i < 5; i++)
        (void)greeted(&w);
    OK(dor_ssl_drain_async(w.listener, DOR_INFINITY, &ref));
    end(&w);
    cr_assert_eq(atomic_load(&t.closed), 5);
}

Test(drain, bad_calls)
{
    world w;
    begin(&w, 1);
    listen_in(&w);
    FAILS(dor_ssl_drain_async(w.listener, 10, NULL), DOR_E_BADARG);
    end(&w);
}

/* Every allocation of it fails once: either there is an answer that says so and the listener listens on, or it drains. */
Test(drain, each_allocation_fails_once)
{
    world w;
    tally t = {0};
    dor_socket s;
    begin(&w, 2);
    for (long n = 0; n < 24; n++) {
        uint32_t closed = 99;
        serve_in(&w, &t);
        s = greeted(&w);
        atomic_store(&fail_after, n);
        int code = dor_ssl_drain(w.listener, 5, &closed);
        atomic_store(&fail_after, -1);
        if (code == DOR_OK) {
            dor_buffer *data;
            cr_assert_eq(closed, 1);
            int end_code =
                dor_ssl_recv(s, 0, PATIENCE_MS, &data); /* it was perhaps close_notify that had no memory */
            cr_assert(end_code == DOR_E_CLOSED || end_code == DOR_E_TRUNCATED, "%d", end_code);
        } else {
            cr_assert_eq(code, DOR_E_NOMEM, "%d", code);
            dor_socket as_ever = greeted(&w);
            OK(dor_ssl_close(as_ever));
            OK(dor_ssl_drain(w.listener, 0, &closed));
        }
        OK(dor_ssl_close(s));
        WAIT_FOR(statistics(&w).connections == 0);
    }
    end(&w);
}

/* ---- in a storm -------------------------------------------------------------------------------------------------- */

typedef struct storm {
    world w;
    atomic_int served, refused;
    atomic_bool stop;
    _Atomic uint32_t port;
} storm;

/* Whoever was connected gets an answer or a proper end; nobody sees half a connection. */
static void connect_often(void *arg)
{
    storm *st = arg;
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "verify", "verify_none"));
    OK(dor_options_set_text(o, "active", "false"));
    OK(dor_options_set_bool(o, "log_alert", 0));
    while (!atomic_load(&st->stop)) {
        dor_socket s;
        dor_buffer *data = NULL;
        uint16_t port = (uint16_t)atomic_load(&st->port);
        if (dor_ssl_connect(st->w.runtime, "127.0.0.1", port, o, PATIENCE_MS, &s) != DOR_OK) {
            atomic_fetch_add(&st->refused, 1);
            continue;
        }
        int code = dor_ssl_recv(s, 5, PATIENCE_MS, &data);
        cr_assert(code == DOR_OK || code == DOR_E_CLOSED, "%d", code);
        if (code == DOR_OK) dor_buffer_unref(data);
        atomic_fetch_add(&st->served, 1);
        (void)dor_ssl_close(s);
    }
    dor_options_free(o);
    (void)dor_process_detach();
}

static void suspend_often(void *arg)
{
    storm *st = arg;
    while (!atomic_load(&st->stop)) {
        dor_listener_statistics f;
        dor_socket listener = st->w.listener;
        (void)dor_ssl_suspend(listener);
        (void)dor_ssl_get_listener_statistics(listener, &f);
        (void)dor_ssl_resume(listener);
    }
    (void)dor_process_detach();
}

Test(drain, in_a_storm)
{
    enum { THREADS = 3 };
    static storm st;
    static tally t;
    uv_thread_t threads[THREADS], nuisance;
    begin(&st.w, 2);
    serve_in(&st.w, &t);
    atomic_store(&st.port, st.w.port);
    for (int i = 0; i < THREADS; i++)
        uv_thread_create(&threads[i], connect_often, &st);
    for (unsigned i = 0; i < scaled(60); i++) {
        int before = atomic_load(&st.served);
        WAIT_FOR(atomic_load(&st.served) > before + 3);
        dor_socket old = st.w.listener;
        tally *all = &t;
        dor_address address;
        dor_server_spec spec = {.open = count_open, .receive = echo, .close = count_close, .arg = all};
        dor_socket fresh;
        OK(dor_ssl_serve(st.w.runtime, 0, st.w.server, &spec, &fresh));
        OK(dor_ssl_sockname(fresh, &address));
        if (i == 0) {
            st.w.listener = fresh; /* for good: the nuisance is about one that lives */
            uv_thread_create(&nuisance, suspend_often, &st);
            OK(dor_ssl_drain(old, 2, NULL));
        }
        atomic_store(&st.port, address.port);
        if (i == 0) continue;
        WAIT_FOR(atomic_load(&st.served) > before + 6);
        OK(dor_ssl_drain(fresh, i % 3, NULL)); /* clients meet a listener that goes away under them */
        OK(dor_ssl_sockname(st.w.listener, &address));
        atomic_store(&st.port, address.port);
    }
    atomic_store(&st.stop, true);
    for (int i = 0; i < THREADS; i++)
        uv_thread_join(&threads[i]);
    uv_thread_join(&nuisance);
    OK(dor_ssl_drain(st.w.listener, PATIENCE_MS, NULL));
    WAIT_FOR(statistics(&st.w).connections == 0);
    cr_assert_eq(atomic_load(&t.opened), atomic_load(&t.closed));
    end(&st.w);
}
