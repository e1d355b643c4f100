/* Sockets owned by ports: TLS driven by poll, epoll and another libuv loop; owners that change; ends. */
#include "net_support.h"

#include <poll.h>
#include <sys/epoll.h>

TestSuite(net_port, .timeout = 120);

enum { CLIENTS = 6, ROUNDS = 20, BATCH = 16 };

/* ---- an echo server and its clients, each behind a port, on one thread ---------------------------------------- */

typedef struct client {
    dor_socket socket;
    dor_ref ref;
    unsigned round;
    bool closed;
} client;

typedef struct party {
    world w;
    dor_port server, clients;
    bool passive; /* recv instead of events */
    dor_ref accepting;
    dor_socket accepted[CLIENTS];
    dor_ref handshake[CLIENTS];
    unsigned accepts, served, server_ends;
    client client[CLIENTS];
    unsigned client_ends;
} party;

static void as(dor_port port)
{
    OK(dor_port_enter(port));
    cr_assert_eq(dor_self(), port);
}

static void begin_party(party *p, bool passive)
{
    begin(&p->w, 2);
    p->passive = passive;
    OK(dor_port_new(p->w.runtime, NULL, &p->server));
    OK(dor_port_new(p->w.runtime, NULL, &p->clients));
    as(p->server);
    listen_in(&p->w);
    OK(dor_ssl_transport_accept_async(p->w.listener, PATIENCE_MS, &p->accepting));
    OK(dor_port_leave());
    as(p->clients);
    for (unsigned i = 0; i < CLIENTS; i++)
        OK(dor_ssl_connect_async(p->w.runtime, test_host(), p->w.port, p->w.client, PATIENCE_MS,
                                 &p->client[i].ref));
    OK(dor_port_leave());
}

static void end_party(party *p)
{
    as(p->server);
    OK(dor_ssl_close(p->w.listener));
    OK(dor_port_leave());
    OK(dor_port_close(p->clients));
    OK(dor_port_close(p->server));
    end(&p->w);
}

static void server_reply(party *p, const dor_ssl_reply *reply)
{
    cr_assert_eq(reply->result, DOR_OK);
    if (reply->ref == p->accepting) {
        unsigned i = p->accepts++;
        cr_assert_lt(i, CLIENTS);
        p->accepted[i] = reply->socket;
        OK(dor_ssl_accept_async(reply->socket, NULL, PATIENCE_MS, &p->handshake[i]));
        if (p->accepts < CLIENTS)
            OK(dor_ssl_transport_accept_async(p->w.listener, PATIENCE_MS, &p->accepting));
        return;
    }
    for (unsigned i = 0; i < p->accepts; i++) {
        if (p->handshake[i] != reply->ref) continue;
        p->served++;
        OK(dor_ssl_set_active(p->accepted[i], DOR_ACTIVE_TRUE));
    }
}

static void server_receives(party *p, dor_message *m)
{
    dor_ssl_event *event = dor_message_payload(m);
    if (m->type == DOR_MSG_SSL_REPLY) {
        server_reply(p, dor_message_payload(m));
    } else if (m->type == DOR_MSG_SSL) {
        OK(dor_ssl_send_async(event->socket, dor_buffer_ref(event->data), NULL));
    } else {
        cr_assert_eq(m->type, (uint32_t)DOR_MSG_SSL_CLOSED);
        p->server_ends++;
    }
}

static void client_goes_on(party *p, client *c)
{
    char text[32];
    if (c->round == ROUNDS) {
        OK(dor_ssl_close(c->socket));
        p->client_ends++;
        return;
    }
    snprintf(text, sizeof text, "%8u%8u", (unsigned)(c - p->client), c->round++);
    OK(dor_ssl_send_async(c->socket, dor_buffer_new(text, 16), NULL));
    if (p->passive)
        OK(dor_ssl_recv_async(c->socket, 16, PATIENCE_MS, &c->ref));
    else
        OK(dor_ssl_set_active(c->socket, DOR_ACTIVE_ONCE));
}

static void client_gets(party *p, client *c, const dor_buffer *data)
{
    char text[32];
    snprintf(text, sizeof text, "%8u%8u", (unsigned)(c - p->client), c->round - 1);
    cr_assert_eq(dor_buffer_len(data), 16);
    cr_assert_eq(memcmp(dor_buffer_data(data), text, 16), 0);
    client_goes_on(p, c);
}

static void client_receives(party *p, dor_message *m)
{
    const dor_ssl_reply *reply = dor_message_payload(m);
    const dor_ssl_event *event = dor_message_payload(m);
    for (unsigned i = 0; i < CLIENTS; i++) {
        client *c = &p->client[i];
        if (m->type == DOR_MSG_SSL_REPLY && reply->ref == c->ref) {
            cr_assert_eq(reply->result, DOR_OK);
            c->ref = 0;
            if (c->socket) {
                client_gets(p, c, reply->data);
            } else {
                c->socket = reply->socket;
                client_goes_on(p, c);
            }
            return;
        }
        if (m->type == DOR_MSG_SSL && event->socket == c->socket) {
            client_gets(p, c, event->data);
            return;
        }
    }
    cr_assert_fail("message %u for nobody", m->type);
}

/* The descriptor is readable. */
static void serve(party *p, dor_port port)
{
    dor_message *m[BATCH];
    size_t n;
    OK(dor_port_drain(port, m, BATCH, &n));
    as(port);
    for (size_t i = 0; i < n; i++) {
        if (port == p->server)
            server_receives(p, m[i]);
        else
            client_receives(p, m[i]);
        dor_message_free(m[i]);
    }
    OK(dor_port_leave());
}

static bool over(const party *p)
{
    return p->client_ends == CLIENTS && p->server_ends == CLIENTS;
}

static void run_poll(party *p)
{
    struct pollfd fds[2] = {{.fd = dor_port_fd(p->server), .events = POLLIN},
                            {.fd = dor_port_fd(p->clients), .events = POLLIN}};
    while (!over(p)) {
        cr_assert_gt(poll(fds, 2, PATIENCE_MS), 0, "%u and %u ends", p->client_ends, p->server_ends);
        if (fds[0].revents) serve(p, p->server);
        if (fds[1].revents) serve(p, p->clients);
    }
}

Test(net_port, exchanges_under_poll)
{
    static party p;
    begin_party(&p, false);
    run_poll(&p);
    cr_assert_eq(p.served, CLIENTS);
    end_party(&p);
}

Test(net_port, exchanges_passively_under_poll)
{
    static party p;
    begin_party(&p, true);
    run_poll(&p);
    end_party(&p);
}

Test(net_port, exchanges_under_epoll)
{
    static party p;
    begin_party(&p, false);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data = {.u64 = p.server}};
    cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, dor_port_fd(p.server), &e), 0);
    e.data.u64 = p.clients;
    cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, dor_port_fd(p.clients), &e), 0);
    while (!over(&p)) {
        cr_assert_eq(epoll_wait(epoll, &e, 1, PATIENCE_MS), 1);
        serve(&p, e.data.u64);
    }
    close(epoll);
    end_party(&p);
}

typedef struct watch {
    uv_poll_t poll;
    party *p;
    dor_port port;
} watch;

static void on_readable(uv_poll_t *poll, int status, int events)
{
    watch *w = poll->data;
    cr_assert_eq(status, 0);
    cr_assert(events & UV_READABLE);
    serve(w->p, w->port);
    if (over(w->p)) uv_stop(poll->loop);
}

static void on_late(uv_timer_t *timer)
{
    (void)timer;
    cr_assert_fail("nothing happens any more");
}

Test(net_port, exchanges_under_another_libuv_loop)
{
    static party p;
    static watch watches[2];
    uv_loop_t loop;
    uv_timer_t late;
    begin_party(&p, false);
    cr_assert_eq(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &late);
    uv_timer_start(&late, on_late, PATIENCE_MS, 0);
    for (unsigned i = 0; i < 2; i++) {
        watches[i] = (watch){.p = &p, .port = i ? p.clients : p.server};
        cr_assert_eq(uv_poll_init(&loop, &watches[i].poll, dor_port_fd(watches[i].port)), 0);
        watches[i].poll.data = &watches[i];
        cr_assert_eq(uv_poll_start(&watches[i].poll, UV_READABLE, on_readable), 0);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert(over(&p));
    uv_close((uv_handle_t *)&late, NULL);
    for (unsigned i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&watches[i].poll, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    end_party(&p);
}

/* ---- one socket ------------------------------------------------------------------------------------------------ */

static bool port_readable(dor_port port, int ms)
{
    struct pollfd fd = {.fd = dor_port_fd(port), .events = POLLIN};
    return poll(&fd, 1, ms) == 1;
}

/* The port's next event; its data's reference moves to *data, if that is wanted. */
static uint32_t next_of_port(dor_port port, dor_socket socket, dor_buffer **data)
{
    dor_message *m;
    size_t n = 0;
    while (n == 0) { /* a note of events that went elsewhere may bring us here for nothing */
        cr_assert(port_readable(port, PATIENCE_MS));
        OK(dor_port_drain(port, &m, 1, &n));
    }
    dor_ssl_event *event = dor_message_payload(m);
    uint32_t type = m->type;
    cr_assert_eq(event->socket, socket);
    if (data) {
        *data = event->data;
        event->data = NULL;
    }
    dor_message_free(m);
    return type;
}

/* Asks until the text has come, in one piece or more. */
static void expect_text(dor_port port, dor_socket socket, const char *text)
{
    size_t have = 0, len = strlen(text);
    while (have < len) {
        dor_buffer *data = NULL;
        cr_assert_eq(next_of_port(port, socket, &data), (uint32_t)DOR_MSG_SSL);
        cr_assert_leq(have + dor_buffer_len(data), len);
        cr_assert_eq(memcmp(dor_buffer_data(data), text + have, dor_buffer_len(data)), 0);
        have += dor_buffer_len(data);
        dor_buffer_unref(data);
    }
}

Test(net_port, takes_a_socket_over_with_its_events_and_gives_it_back)
{
    world w;
    dor_port port, other;
    dor_pid self;
    pair s = begin_pair(&w, 2);
    self = dor_self();
    OK(dor_port_new(w.runtime, NULL, &port));
    OK(dor_port_new(w.runtime, NULL, &other));
    OK(dor_ssl_set_active(s.server, DOR_ACTIVE_TRUE));
    send_text(s.client, "one");
    expect_text_event(s.server, "one");
    send_text(s.client, "two");
    send_text(s.client, "three");
    OK(dor_ssl_controlling_process(s.server, port));
    expect_text(port, s.server, "twothree");
    FAILS(dor_ssl_controlling_process(s.server, port), DOR_E_NOT_OWNER);
    FAILS(dor_ssl_set_active(s.server, DOR_ACTIVE_ONCE), DOR_E_NOT_OWNER);

    send_text(s.client, "four");
    cr_assert(port_readable(port, PATIENCE_MS)); /* it has come to the one, and is given to the other */
    as(port);
    FAILS(dor_ssl_controlling_process(s.client, other), DOR_E_NOT_OWNER);
    OK(dor_ssl_controlling_process(s.server, other));
    OK(dor_port_leave());
    dor_message *m;
    size_t n;
    OK(dor_port_drain(port, &m, 1, &n));
    cr_assert_eq(n, 0);
    cr_assert_not(port_readable(port, 0));
    expect_text(other, s.server, "four");

    send_text(s.client, "five");
    as(other);
    OK(dor_ssl_controlling_process(s.server, self));
    OK(dor_port_leave());
    expect_text_event(s.server, "five");
    OK(dor_port_close(port));
    FAILS(dor_ssl_controlling_process(s.server, port), DOR_E_NOPROC);
    OK(dor_port_close(other));
    end(&w);
}

Test(net_port, never_waits_in_a_blocking_form)
{
    world w;
    dor_port port;
    dor_socket made;
    dor_buffer *data;
    pair s = begin_pair(&w, 1);
    OK(dor_port_new(w.runtime, NULL, &port));
    OK(dor_ssl_controlling_process(s.server, port));
    as(port);
    FAILS(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, 1000, &made), DOR_E_WOULD_DEADLOCK);
    FAILS(dor_ssl_transport_accept(w.listener, 1000, &made), DOR_E_WOULD_DEADLOCK);
    FAILS(dor_ssl_accept(s.server, NULL, 1000), DOR_E_WOULD_DEADLOCK);
    FAILS(dor_ssl_send(s.server, "x", 1), DOR_E_WOULD_DEADLOCK);
    FAILS(dor_ssl_recv(s.server, 0, 1000, &data), DOR_E_WOULD_DEADLOCK);
    dor_connection_info info; /* what is immediate is so for ports too */
    OK(dor_ssl_connection_info(s.server, &info));
    OK(dor_ssl_set_active(s.server, DOR_ACTIVE_ONCE));
    OK(dor_port_leave());
    send_text(s.client, "x");
    expect_text(port, s.server, "x");
    OK(dor_port_close(port));
    end(&w);
}

Test(net_port, closes_its_sockets_when_it_is_closed)
{
    world w;
    dor_port port;
    pair s = begin_pair(&w, 2);
    OK(dor_port_new(w.runtime, NULL, &port));
    OK(dor_ssl_set_active(s.client, DOR_ACTIVE_TRUE));
    OK(dor_ssl_controlling_process(s.server, port));
    OK(dor_port_close(port));
    expect_event(s.client, DOR_MSG_SSL_CLOSED, DOR_OK);
    end(&w);
}

/* More data than a batch, and then the end: all data comes before it, and the descriptor tells of each rest. */
Test(net_port, gives_all_data_before_the_end)
{
    world w;
    dor_port port;
    pair s = begin_pair(&w, 2);
    enum { PIECES = 200, PIECE = 1000 };
    static char piece[PIECE];
    size_t got = 0;
    OK(dor_port_new(w.runtime, NULL, &port));
    OK(dor_ssl_set_active(s.server, DOR_ACTIVE_TRUE));
    OK(dor_ssl_controlling_process(s.server, port));
    for (unsigned i = 0; i < PIECES; i++)
        OK(dor_ssl_send(s.client, piece, PIECE));
    OK(dor_ssl_close(s.client));
    for (;;) {
        dor_buffer *data = NULL;
        uint32_t type = next_of_port(port, s.server, &data);
        if (type != DOR_MSG_SSL) {
            cr_assert_eq(type, (uint32_t)DOR_MSG_SSL_CLOSED);
            break;
        }
        got += dor_buffer_len(data);
        dor_buffer_unref(data);
    }
    cr_assert_eq(got, (size_t)PIECES * PIECE);
    cr_assert_not(port_readable(port, 0));
    OK(dor_port_close(port));
    end(&w);
}

Test(net_port, learns_of_the_runtimes_end)
{
    world w;
    dor_port port;
    dor_message *m[BATCH];
    size_t n;
    begin(&w, 2); /* libuv keeps descriptors of its own from here on */
    end(&w);
    unsigned before = open_descriptors();
    pair s = begin_pair(&w, 2);
    OK(dor_port_new(w.runtime, NULL, &port));
    OK(dor_ssl_set_active(s.server, DOR_ACTIVE_TRUE));
    OK(dor_ssl_controlling_process(s.server, port));
    send_text(s.client, "left there");
    OK(dor_runtime_stop(w.runtime, 5000));
    cr_assert(port_readable(port, 0));
    FAILS(dor_port_drain(port, m, BATCH, &n), DOR_E_STOPPED);
    OK(dor_ssl_close(s.server)); /* what has gone is closed */
    OK(dor_port_close(port));
    end_stopped(&w);
    cr_assert_eq(open_descriptors(), before);
}
