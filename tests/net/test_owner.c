/* Ownership: handed on under traffic between actors, loops and threads, every event exactly once and in order. */
#include "net_support.h"
#include "hand_peer.h"

#include <poll.h>

enum { OWNERS = 5, ACTORS = 3 }; /* the rest are threads */

typedef struct relay relay;

typedef struct holder {
    relay *all;
    _Atomic dor_pid pid;
    unsigned index;
    unsigned count;
    atomic_int mine; /* above 0 between being given the socket and having given it away */
} holder;

struct relay {
    dor_socket socket;
    holder holders[OWNERS];
    pthread_mutex_t lock; /* for the log */
    uint32_t *log;
    uint32_t len, cap;
    atomic_uint strangers; /* events that came to one who had given the socket away */
    atomic_uint ends;
    atomic_uint moves;
};

static void give_on(holder *h)
{
    relay *all = h->all;
    holder *next = &all->holders[(h->index + 1 + h->count % 2) % OWNERS];
    if (next == h) return;
    atomic_fetch_add(&next->mine,
                     1); /* it may get events, and give them back, before our call has returned */
    int code = dor_ssl_controlling_process(all->socket, next->pid);
    if (code == DOR_OK) {
        atomic_fetch_sub(&h->mine, 1);
        atomic_fetch_add(&all->moves, 1);
    } else {
        atomic_fetch_sub(&next->mine, 1);
        cr_assert_eq(code, DOR_E_CLOSED, "%d", code);
    }
}

static void holder_takes(holder *h, dor_message *m)
{
    relay *all = h->all;
    bool data = m->type == DOR_MSG_SSL;
    if (m->type >= DOR_MSG_SSL && m->type <= DOR_MSG_SSL_TICKET && atomic_load(&h->mine) <= 0)
        atomic_fetch_add(&all->strangers, 1);
    if (data) {
        dor_ssl_event *event = dor_message_payload(m);
        pthread_mutex_lock(&all->lock);
        if (all->len < all->cap) memcpy(&all->log[all->len++], dor_buffer_data(event->data), 4);
        pthread_mutex_unlock(&all->lock);
    }
    if (m->type == DOR_MSG_SSL_CLOSED) atomic_fetch_add(&all->ends, 1);
    dor_message_free(m);
    if (data && ++h->count % 7 == 0) give_on(h);
}

static void holder_receives(void *state, dor_message *m)
{
    holder_takes(state, m);
}

static void *holder_thread(void *arg)
{
    holder *h = arg;
    dor_message *m;
    dor_pid pid;
    OK(dor_process_attach(dor_runtime_default(), &pid));
    h->pid = pid;
    OK(dor_send(h->all->holders[0].pid,
                dor_message_new(DOR_MSG_USER, 0, NULL))); /* only so that it is known alive */
    while (dor_receive(&m, PATIENCE_MS) == DOR_OK && m->type != DOR_MSG_USER + 1)
        holder_takes(h, m);
    dor_message_free(m);
    return NULL;
}

static void relay_traffic(unsigned schedulers)
{
    world w;
    relay all = {.cap = scaled(20000), .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads_[OWNERS];
    begin(&w, schedulers);
    dor_runtime_stop(w.runtime, 1000);
    w.runtime = dor_runtime_default(); /* which the threads find by themselves */
    OK(dor_options_set_text(w.server, "packet", "4"));
    OK(dor_options_set_text(w.client, "packet", "4"));
    listen_in(&w);
    pair p = connect_pair(&w);
    all.socket = p.server;
    all.log = malloc(all.cap * sizeof *all.log);
    for (unsigned i = 0; i < OWNERS; i++) {
        holder *h = &all.holders[i];
        h->all = &all;
        h->index = i;
        if (i < ACTORS)
            h->pid = spawn_on(w.runtime, DOR_ON(i % dor_runtime_scheduler_count(w.runtime)), holder_receives,
                              NULL, h);
        else
            pthread_create(&threads_[i], NULL, holder_thread, h);
    }
    for (unsigned i = ACTORS; i < OWNERS; i++)
        WAIT_FOR(atomic_load(&all.holders[i].pid));
    OK(dor_ssl_set_active(p.server, DOR_ACTIVE_TRUE));
    atomic_fetch_add(&all.holders[0].mine, 1);
    OK(dor_ssl_controlling_process(p.server, all.holders[0].pid));
    FAILS(dor_ssl_controlling_process(p.server, dor_self()), DOR_E_NOT_OWNER);
    for (uint32_t i = 0; i < all.cap; i++) {
        while (dor_ssl_send_async(p.client, dor_buffer_new(&i, 4), NULL) == DOR_E_BUSY)
            uv_sleep(1);
    }
    OK(dor_ssl_close(p.client));
    WAIT_FOR(atomic_load(&all.ends) == 1);
    cr_assert_eq(all.len, all.cap, "%u of %u events", all.len, all.cap);
    for (uint32_t i = 0; i < all.cap; i++)
        cr_assert_eq(all.log[i], i, "event %u is number %u", i, all.log[i]);
    cr_assert_eq(atomic_load(&all.strangers), 0);
    cr_assert_gt(atomic_load(&all.moves), all.cap / 20);
    for (unsigned i = ACTORS; i < OWNERS; i++) {
        OK(dor_send(all.holders[i].pid, dor_message_new(DOR_MSG_USER + 1, 0, NULL)));
        pthread_join(threads_[i], NULL);
    }
    free(all.log);
    end(&w);
}

Test(owner, handed_on_under_traffic)
{
    relay_traffic(2);
}

/* ---- eight owners of three kinds, bytes one by one --------------------------------------------------------------- */

enum { RING = 8, RING_ACTORS = 4, RING_PORTS = 2 }; /* the rest are processes */

typedef struct ring ring;

typedef struct member {
    ring *all;
    _Atomic dor_pid pid;
    unsigned index;
    atomic_int mine; /* as holder.mine */
} member;

/* A byte of the stream is its place, modulo 251. Only the owner of the moment writes `next`. */
struct ring {
    dor_socket socket;
    member members[RING];
    atomic_uint next, wrong, strangers, ends, moves;
    unsigned wanted;
    atomic_int reason; /* of the end */
    atomic_bool over;
};

static void ring_data(ring *all, const dor_ssl_event *event)
{
    const uint8_t *bytes = dor_buffer_data(event->data);
    for (size_t i = 0; i < dor_buffer_len(event->data); i++)
        if (bytes[i] != atomic_fetch_add(&all->next, 1) % 251) atomic_fetch_add(&all->wrong, 1);
}

static void ring_gives(member *m, unsigned step)
{
    ring *all = m->all;
    member *to = &all->members[(m->index + step) % RING];
    if (to == m) return;
    atomic_fetch_add(&to->mine, 1);
    if (dor_ssl_controlling_process(all->socket, to->pid) == DOR_OK) {
        atomic_fetch_sub(&m->mine, 1);
        atomic_fetch_add(&all->moves, 1);
    } else {
        atomic_fetch_sub(&to->mine, 1);
    }
}

/* A thread's orders are carried out when they return, so it is threads that change the mode. */
static void ring_arms(member *m, int active)
{
    int code = dor_ssl_set_active(m->all->socket, active);
    if (code != DOR_OK && code != DOR_E_CLOSED) atomic_fetch_add(&m->all->wrong, 1);
}

/* Takes one message; of an event it is the owner until it hands the socket on. */
static void ring_takes(member *m, dor_message *message)
{
    ring *all = m->all;
    uint32_t type = message->type;
    if (type >= DOR_MSG_SSL && type <= DOR_MSG_SSL_TICKET && atomic_load(&m->mine) <= 0)
        atomic_fetch_add(&all->strangers, 1);
    if (type == DOR_MSG_SSL) ring_data(all, dor_message_payload(message));
    if (type == DOR_MSG_SSL_CLOSED || type == DOR_MSG_SSL_ERROR) {
        atomic_store(&all->reason, ((dor_ssl_event *)dor_message_payload(message))->reason);
        atomic_fetch_add(&all->ends, 1);
    }
    dor_message_free(message);
    if (type != DOR_MSG_SSL && type != DOR_MSG_SSL_PASSIVE) return;
    unsigned moves = atomic_load(&all->moves);
    if (type == DOR_MSG_SSL_PASSIVE) { /* passive while it changes hands, until a thread has it */
        if (m->index < RING_ACTORS)
            ring_gives(m, RING_ACTORS + moves % (RING - RING_ACTORS) - m->index);
        else
            ring_arms(m, 17);
        return;
    }
    ring_gives(m, 1 + moves % 3);
}

/* Nothing came for a while: if the socket is its, it may be a passive one. */
static void ring_idles(member *m)
{
    if (atomic_load(&m->mine) <= 0) return;
    int code = dor_ssl_set_active(m->all->socket, 17);
    if (code != DOR_OK && code != DOR_E_CLOSED && code != DOR_E_NOT_OWNER)
        atomic_fetch_add(&m->all->wrong, 1);
}

static void ring_receives(void *state, dor_message *message)
{
    ring_takes(state, message);
}

static void *ring_process(void *arg)
{
    member *m = arg;
    dor_message *message;
    dor_pid pid;
    OK(dor_process_attach(dor_runtime_default(), &pid));
    atomic_store(&m->pid, pid);
    while (!atomic_load(&m->all->over))
        if (dor_receive(&message, 5) == DOR_OK)
            ring_takes(m, message);
        else
            ring_idles(m);
    OK(dor_process_detach());
    return NULL;
}

static void *ring_port(void *arg)
{
    member *m = arg;
    dor_message *messages[4];
    dor_port port;
    OK(dor_port_new(dor_runtime_default(), NULL, &port));
    OK(dor_port_enter(port));
    atomic_store(&m->pid, port);
    while (!atomic_load(&m->all->over)) {
        size_t count = 0;
        struct pollfd fd = {.fd = dor_port_fd(port), .events = POLLIN};
        (void)poll(&fd, 1, 5);
        OK(dor_port_drain(port, messages, 1,
                          &count)); /* one at a time: after it the socket may be another's */
        for (size_t i = 0; i < count; i++)
            ring_takes(m, messages[i]);
        if (count == 0) ring_idles(m);
    }
    OK(dor_port_leave());
    OK(dor_port_close(port));
    return NULL;
}

/* otp#3458: no ssl_closed before the last data, whoever owns the socket; and the oldest race of controlling_process. */
Test(owner, eight_owners_lose_repeat_and_reorder_nothing)
{
    world w;
    ring all = {.wanted = scaled(8000)};
    pthread_t threads_[RING];
    begin(&w, 3);
    dor_runtime_stop(w.runtime, 1000);
    w.runtime = dor_runtime_default();
    OK(dor_options_set_text(w.server, "packet", "1"));
    OK(dor_options_set_int(w.server, "hibernate_after", 1)); /* it falls asleep whenever the flood pauses */
    listen_in(&w);
    hand h;
    all.socket = hand_connect(&h, &w);
    for (unsigned i = 0; i < RING; i++) {
        member *m = &all.members[i];
        m->all = &all;
        m->index = i;
        if (i < RING_ACTORS)
            m->pid = spawn_on(w.runtime, DOR_ON(i % dor_runtime_scheduler_count(w.runtime)), ring_receives,
                              NULL, m);
        else
            pthread_create(&threads_[i], NULL, i < RING_ACTORS + RING_PORTS ? ring_port : ring_process, m);
    }
    for (unsigned i = 0; i < RING; i++)
        WAIT_FOR(atomic_load(&all.members[i].pid));
    OK(dor_ssl_set_active(all.socket, 17));
    atomic_fetch_add(&all.members[0].mine, 1);
    OK(dor_ssl_controlling_process(all.socket, all.members[0].pid));
    for (unsigned i = 0; i < all.wanted; i++) {
        uint8_t byte = (uint8_t)(i % 251);
        hand_send(&h, "\1", 1); /* a packet of a byte, in two records of a byte */
        hand_send(&h, &byte, 1);
        if (i % 1000 == 999) uv_sleep(4); /* hibernation */
    }
    cr_assert(dor__ok(dor__tls_close(h.tls)));
    hand_flush(&h);
    cr_assert_eq(shutdown(h.fd, SHUT_WR), 0);
    WAIT_FOR(atomic_load(&all.ends) == 1);
    atomic_store(&all.over, true);
    for (unsigned i = RING_ACTORS; i < RING; i++)
        pthread_join(threads_[i], NULL);
    OK(atomic_load(&all.reason));
    cr_assert_eq(atomic_load(&all.next), all.wanted, "%u of %u bytes", atomic_load(&all.next), all.wanted);
    cr_assert_eq(atomic_load(&all.wrong), 0);
    cr_assert_eq(atomic_load(&all.strangers), 0);
    cr_assert_eq(atomic_load(&all.ends), 1);
    cr_assert_gt(atomic_load(&all.moves), all.wanted / 2);
    hand_free(&h);
    end(&w);
}

Test(owner, the_new_owner_gets_what_the_old_one_did_not_take)
{
    world w;
    dor_ref ref;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "active", "true"));
    OK(dor_options_set_text(w.server, "packet", "2"));
    OK(dor_options_set_text(w.client, "packet", "2"));
    listen_in(&w);
    pair p = connect_pair(&w);
    relay all = {.cap = 10, .lock = PTHREAD_MUTEX_INITIALIZER, .socket = p.server};
    all.log = malloc(all.cap * sizeof *all.log);
    holder *h = &all.holders[0];
    h->all = &all;
    atomic_fetch_add(&h->mine, 1);
    h->pid = spawn_on(w.runtime, DOR_ON(1), holder_receives, NULL, h);
    for (uint32_t i = 0; i < 6; i++)
        OK(dor_ssl_send(p.client, &i, 4));
    OK(dor_ssl_close(
        p.client)); /* the events, the end among them, wait with us while the connection is gone already */
    WAIT_FOR(statistics(&w).connections == 0);
    OK(dor_ssl_controlling_process(p.server, h->pid));
    expect_silence(p.server, 20);
    WAIT_FOR(atomic_load(&all.ends) == 1);
    cr_assert_eq(all.len, 6);
    for (uint32_t i = 0; i < 6; i++)
        cr_assert_eq(all.log[i], i);
    OK(dor_monitor(h->pid, &ref));
    free(all.log);
    end(&w);
}

Test(owner, to_the_dead_it_is_not_given)
{
    world w;
    pair p = begin_pair(&w, 2);
    dor_ref ref;
    dor_pid pid = spawn_on(w.runtime, DOR_ON(0), holder_receives, NULL, NULL);
    OK(dor_monitor(pid, &ref));
    OK(dor_stop(pid, 0));
    (void)receive_down();
    FAILS(dor_ssl_controlling_process(p.server, pid), DOR_E_NOPROC);
    send_text(p.client, "still mine");
    expect_recv(p.server, 0, "still mine");
    end(&w);
}

static void does_nothing(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

/* The old owner may die: only the new one's death counts. */
Test(owner, the_old_owners_death_means_nothing_the_new_ones_does)
{
    world w;
    dor_buffer *data;
    pair p = begin_pair(&w, 2);
    dor_pid first = spawn_on(w.runtime, DOR_ON(0), does_nothing, NULL, NULL),
            second = spawn_on(w.runtime, DOR_ON(1), does_nothing, NULL, NULL);
    OK(dor_ssl_controlling_process(p.server, first));
    FAILS(dor_ssl_set_active(p.server, DOR_ACTIVE_TRUE), DOR_E_NOT_OWNER);
    OK(dor_stop(first, 0));
    FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);

    p = connect_pair(&w);
    first = spawn_on(w.runtime, DOR_ON(0), does_nothing, NULL, NULL);
    OK(dor_ssl_controlling_process(p.server, second));
    OK(dor_stop(first, 0));
    FAILS(dor_ssl_recv(p.client, 0, 50, &data), DOR_E_TIMEOUT);
    OK(dor_stop(second, 0));
    FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    end(&w);
}

Test(owner, before_the_handshake)
{
    world w;
    dor_ref ref;
    dor_socket server;
    begin(&w, 2);
    listen_in(&w);
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    dor_pid pid = spawn_on(w.runtime, DOR_ON(1), does_nothing, NULL, NULL);
    OK(dor_ssl_controlling_process(server, pid));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS)); /* anybody may shake hands */
    OK(await_reply(ref, NULL, NULL));
    FAILS(dor_ssl_set_active(server, DOR_ACTIVE_TRUE), DOR_E_NOT_OWNER);
    end(&w);
}

Test(owner, of_a_listener)
{
    world w;
    dor_socket s;
    begin(&w, 2);
    listen_in(&w);
    dor_pid pid = spawn_on(w.runtime, DOR_ON(1), does_nothing, NULL, NULL);
    OK(dor_ssl_controlling_process(w.listener, pid));
    FAILS(dor_ssl_controlling_process(w.listener, dor_self()), DOR_E_NOT_OWNER);
    FAILS(dor_ssl_setopts(w.listener, w.server), DOR_E_NOT_OWNER);
    (void)connect_pair(&w);
    OK(dor_stop(pid, 0));
    WAIT_FOR(dor_ssl_transport_accept(w.listener, 0, &s) == DOR_E_CLOSED);
    end(&w);
}

/* An owner on another scheduler than its socket: its orders are passed on. */
typedef struct far_owner {
    dor_socket socket;
    atomic_int active, info, closed, seen;
} far_owner;

static void orders_from_afar(void *state, dor_message *m)
{
    far_owner *o = state;
    dor_connection_info info;
    if (m->type == DOR_MSG_USER) {
        atomic_store(&o->active, dor_ssl_set_active(o->socket, DOR_ACTIVE_ONCE));
        atomic_store(&o->info, dor_ssl_connection_info(o->socket, &info));
    } else if (m->type == DOR_MSG_SSL) {
        atomic_fetch_add(&o->seen, 1);
        atomic_store(&o->closed, dor_ssl_close(o->socket));
    }
    dor_message_free(m);
}

Test(owner, on_another_scheduler)
{
    world w;
    dor_buffer *data;
    begin(&w, 2);
    listen_in(&w);
    for (int i = 0; i < 2; i++) { /* for one of the two the socket is on the other scheduler */
        pair p = connect_pair(&w);
        far_owner o = {.socket = p.server, .active = 1, .info = 1, .closed = 1};
        dor_pid pid = spawn_on(w.runtime, DOR_ON(i), orders_from_afar, NULL, &o);
        OK(dor_ssl_controlling_process(p.server, pid));
        OK(send_number(pid, DOR_MSG_USER, 0));
        send_text(p.client, "go");
        FAILS(dor_ssl_recv(p.client, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        cr_assert_eq(atomic_load(&o.seen), 1);
        OK(atomic_load(&o.active));
        WAIT_FOR(atomic_load(&o.closed) != 1); /* the peer may know before the call has returned */
        OK(atomic_load(&o.closed));
        int info = atomic_load(&o.info);
        cr_assert(info == DOR_OK || info == DOR_E_WOULD_DEADLOCK, "%d", info);
    }
    end(&w);
}
