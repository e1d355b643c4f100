/*
 * Ownership that changes while a connection sleeps, and while it ends: between an actor on the socket's scheduler, one
 * on another, a process and a port. Every event once, in order, to the owner of the moment.
 *
 * The test's thread is the process, and speaks for the port as well, so it decides about every step.
 */
#include "net_support.h"
#include "hand_peer.h"
#include "runtime/name.h"

enum { NEAR, FAR, THREAD, PORT, KINDS };

typedef struct stage {
    world w;
    dor_socket s;
    dor_pid pids[KINDS];
    atomic_uint owner; /* a kind; changed by the giver before it gives */
    atomic_uint next;  /* bytes that were taken: a byte of the stream is its place, modulo 251 */
    atomic_uint wrong, strangers, ends;
    atomic_int reason;
    atomic_uint quota; /* an actor that has taken so many events hands on by itself; 0: it keeps the socket */
    unsigned to[KINDS];
    atomic_uint moves, failed;
} stage;

static void takes(stage *t, unsigned kind, dor_message *m)
{
    if (m->type >= DOR_MSG_SSL && m->type <= DOR_MSG_SSL_TICKET) {
        dor_ssl_event *event = dor_message_payload(m);
        if (atomic_load(&t->owner) != kind) atomic_fetch_add(&t->strangers, 1);
        if (atomic_load(&t->ends)) atomic_fetch_add(&t->wrong, 1); /* the end is the last one */
        const uint8_t *bytes = m->type == DOR_MSG_SSL ? dor_buffer_data(event->data) : NULL;
        for (size_t i = 0; bytes && i < dor_buffer_len(event->data); i++)
            if (bytes[i] != atomic_fetch_add(&t->next, 1) % 251) atomic_fetch_add(&t->wrong, 1);
        if (m->type == DOR_MSG_SSL_CLOSED || m->type == DOR_MSG_SSL_ERROR) {
            atomic_store(&t->reason, event->reason);
            atomic_fetch_add(&t->ends, 1);
        }
    }
    dor_message_free(m);
}

/* By the present owner, on its own thread. */
static int gives(stage *t, unsigned from, unsigned to)
{
    atomic_store(&t->owner, to);
    int code = dor_ssl_controlling_process(t->s, t->pids[to]);
    if (code == DOR_OK) {
        atomic_fetch_add(&t->moves, 1);
    } else {
        atomic_store(&t->owner, from);
        atomic_fetch_add(&t->failed, 1);
    }
    return code;
}

typedef struct actor_member {
    stage *stage;
    unsigned kind;
} actor_member;

/* A message of the test tells it to whom to give the socket. */
static void actor_takes(void *state, dor_message *m)
{
    actor_member *a = state;
    stage *t = a->stage;
    bool data = m->type == DOR_MSG_SSL;
    if (m->type == DOR_MSG_USER) {
        unsigned to = (unsigned)number_in(m);
        dor_message_free(m);
        (void)gives(t, a->kind, to);
        return;
    }
    takes(t, a->kind, m);
    if (data && atomic_load(&t->quota) && atomic_fetch_sub(&t->quota, 1) == 1)
        (void)gives(t, a->kind, t->to[a->kind]);
}

/* What has come for the thread, or for its port; up to so many messages. */
static unsigned drain_thread(stage *t, unsigned most)
{
    dor_message *m;
    unsigned taken = 0;
    for (; taken < most && dor_receive(&m, 0) == DOR_OK; taken++)
        takes(t, THREAD, m);
    return taken;
}

static unsigned drain_port(stage *t, unsigned most)
{
    dor_message *m;
    size_t count = 1;
    unsigned taken = 0;
    for (; taken < most && count; taken += (unsigned)count) {
        OK(dor_port_drain(t->pids[PORT], &m, 1, &count));
        if (count) takes(t, PORT, m);
    }
    return taken;
}

static void drain(stage *t)
{
    (void)drain_thread(t, UINT_MAX);
    (void)drain_port(t, UINT_MAX);
}

static int hand_on(stage *t, unsigned to)
{
    unsigned from = atomic_load(&t->owner);
    if (from == NEAR || from == FAR) {
        unsigned moves = atomic_load(&t->moves), failed = atomic_load(&t->failed);
        OK(send_number(t->pids[from], DOR_MSG_USER, to));
        WAIT_FOR(atomic_load(&t->moves) > moves || atomic_load(&t->failed) > failed);
        return atomic_load(&t->failed) > failed ? DOR_E_CLOSED : DOR_OK;
    }
    if (from == PORT) OK(dor_port_enter(t->pids[PORT]));
    int code = gives(t, from, to);
    if (from == PORT) OK(dor_port_leave());
    return code;
}

static actor_member members[2];

static void begin_stage(stage *t, const char *packet)
{
    begin(&t->w, 2);
    OK(dor_options_set_text(t->w.server, "packet", packet));
    OK(dor_options_set_text(t->w.server, "active", "true"));
    OK(dor_options_set_int(t->w.server, "hibernate_after", 0));
    OK(dor_options_set_int(t->w.server, "linger", 500));
    listen_in(&t->w);
    OK(dor_port_new(t->w.runtime, NULL, &t->pids[PORT]));
    t->pids[THREAD] = DOR_PID_NONE;
}

static void place(stage *t, dor_socket s)
{
    int home = (int)dor__scheduler_index_of(s);
    t->s = s;
    t->pids[THREAD] = dor_self();
    atomic_store(&t->owner, THREAD);
    for (unsigned i = NEAR; i <= FAR; i++) {
        members[i] = (actor_member){t, i};
        t->pids[i] =
            spawn_on(t->w.runtime, DOR_ON(i == NEAR ? home : 1 - home), actor_takes, NULL, &members[i]);
    }
}

static void expect_all_well(stage *t, unsigned bytes)
{
    cr_assert_eq(atomic_load(&t->next), bytes, "%u of %u bytes", atomic_load(&t->next), bytes);
    cr_assert_eq(atomic_load(&t->wrong), 0);
    cr_assert_eq(atomic_load(&t->strangers), 0);
}

static void end_stage(stage *t)
{
    OK(dor_port_close(t->pids[PORT]));
    end(&t->w);
}

/* ---- asleep --------------------------------------------------------------------------------------------------------- */

static bool asleep(dor_socket s)
{
    dor_connection_info info;
    OK(dor_ssl_connection_info(s, &info));
    return info.hibernated;
}

/* Each of the four to each of the four, back and forth, while a byte that wakes it is just coming, or not yet. */
Test(owner_moves, handed_on_asleep_and_woken_on_the_way)
{
    stage t = {.quota = 0};
    hand h;
    begin_stage(&t, "raw");
    place(&t, hand_connect(&h, &t.w));
    unsigned sent = 0, rounds = scaled(320);
    for (unsigned r = 0; r < rounds; r++) {
        unsigned from = atomic_load(&t.owner), to = (from + 1 + r / KINDS % (KINDS - 1)) % KINDS;
        uint8_t bytes[2] = {(uint8_t)(sent % 251), (uint8_t)((sent + 1) % 251)};
        WAIT_FOR(asleep(t.s));
        if (r % 3 != 1)
            hand_send(&h, &bytes[0], 1); /* it wakes while it is handed on, or is awake again already */
        if (r % 7 == 6) uv_sleep(2);
        OK(hand_on(&t, to));
        if (r % 3 != 0) hand_send(&h, &bytes[r % 3 == 2], 1);
        sent += r % 3 == 2 ? 2 : 1;
        /* The former owner may have taken the first byte. What it has not taken is the new one's. */
        if (from == PORT || from == THREAD) cr_assert_eq(atomic_load(&t.next) <= sent, true);
        for (uint64_t end = now_ms() + PATIENCE_MS; atomic_load(&t.next) < sent && now_ms() < end;) {
            drain(&t);
            uv_sleep(0);
        }
        expect_all_well(&t, sent);
    }
    cr_assert_eq(atomic_load(&t.moves), rounds);
    hand_free(&h);
    end_stage(&t);
}

/* ---- ends ------------------------------------------------------------------------------------------------------------ */

enum { PACKETS = 12 };

/* The connection has gone, its events wait, and go round: each owner takes some, the last one the rest and the end. */
Test(owner_moves, what_waits_after_the_peers_close_goes_round)
{
    for (unsigned first = 0; first <= 4; first += 2)
        for (unsigned second = 0; second <= 4; second += 2)
            for (unsigned actor = NEAR; actor <= FAR; actor++) {
                stage t = {.quota = 0};
                begin_stage(&t, "1");
                OK(dor_options_set_text(t.w.client, "packet", "1"));
                pair p = connect_pair(&t.w);
                place(&t, p.server);
                t.to[actor] = THREAD;
                atomic_store(&t.quota, 3);
                for (uint8_t i = 0; i < PACKETS; i++)
                    OK(dor_ssl_send(p.client, &i, 1));
                OK(dor_ssl_close(p.client));
                WAIT_FOR(statistics(&t.w).connections == 0);
                cr_assert_eq(drain_thread(&t, first), first);
                OK(hand_on(&t, PORT));
                cr_assert_eq(drain_thread(&t, 5), 0);
                cr_assert_eq(drain_port(&t, second), second);
                OK(hand_on(&t, actor));
                cr_assert_eq(drain_port(&t, 5), 0);
                WAIT_FOR(atomic_load(&t.owner) == THREAD && atomic_load(&t.moves) == 3);
                cr_assert_eq(drain_thread(&t, 100), PACKETS - first - second - 3 + 1);
                expect_all_well(&t, PACKETS);
                cr_assert_eq(atomic_load(&t.ends), 1);
                OK(atomic_load(&t.reason));
                cr_assert_eq(hand_on(&t, PORT), DOR_E_CLOSED, "nothing is left to be handed on");
                end_stage(&t);
            }
}

/* The peer closes while the socket goes round under its last data. */
Test(owner_moves, during_the_peers_close)
{
    for (unsigned r = 0; r < scaled(60) + 4; r++) {
        stage t = {.quota = 0};
        begin_stage(&t, "1");
        OK(dor_options_set_text(t.w.client, "packet", "1"));
        pair p = connect_pair(&t.w);
        place(&t, p.server);
        for (uint8_t i = 0; i < PACKETS; i++)
            OK(dor_ssl_send_async(p.client, dor_buffer_new(&i, 1), NULL));
        OK(dor_ssl_close(p.client));
        uint64_t patience = now_ms() + PATIENCE_MS;
        for (unsigned to = r; atomic_load(&t.ends) == 0 && now_ms() < patience; to++) {
            if (to % KINDS != atomic_load(&t.owner)) (void)hand_on(&t, to % KINDS);
            (void)drain_thread(&t, 1);
            (void)drain_port(&t, 2);
        }
        expect_all_well(&t, PACKETS);
        uv_sleep(1);
        drain(&t);
        cr_assert_eq(atomic_load(&t.ends), 1, "one end for all of them");
        OK(atomic_load(&t.reason));
        end_stage(&t);
    }
}

typedef struct closer {
    stage *stage;
    unsigned after; /* bytes that were taken by then */
} closer;

static void *closes(void *arg)
{
    closer *c = arg;
    while (atomic_load(&c->stage->next) < c->after)
        sched_yield();
    OK(dor_ssl_close(c->stage->s));
    return NULL;
}

/* Somebody else closes our end while it goes round: the owner of the moment is told, once, behind what came before. */
Test(owner_moves, during_a_close_of_ours)
{
    for (unsigned r = 0; r < scaled(60) + 4; r++) {
        stage t = {.quota = 0};
        pthread_t thread;
        hand h;
        begin_stage(&t, "raw");
        place(&t, hand_connect(&h, &t.w));
        closer c = {&t, r % 9};
        pthread_create(&thread, NULL, closes, &c);
        unsigned sent = 0;
        uint64_t patience = now_ms() + PATIENCE_MS;
        for (unsigned to = r; atomic_load(&t.ends) == 0 && now_ms() < patience; to++) {
            uint8_t byte = (uint8_t)(sent % 251);
            if (sent < 2000) hand_send(&h, &byte, 1);
            sent++;
            if (to % KINDS != atomic_load(&t.owner)) (void)hand_on(&t, to % KINDS);
            (void)drain_thread(&t, 2);
            (void)drain_port(&t, 2);
        }
        pthread_join(thread, NULL);
        drain(&t);
        cr_assert_eq(atomic_load(&t.wrong), 0);
        cr_assert_eq(atomic_load(&t.strangers), 0);
        cr_assert_eq(atomic_load(&t.ends), 1);
        OK(atomic_load(&t.reason));
        hand_free(&h);
        end_stage(&t);
    }
}

/* The owner itself closes, with events that nobody has taken: they are nobody's any more. */
Test(owner_moves, after_the_owners_close_there_is_nothing_to_hand_on)
{
    stage t = {.quota = 0};
    begin_stage(&t, "1");
    OK(dor_options_set_text(t.w.client, "packet", "1"));
    for (unsigned kind = THREAD; kind <= PORT; kind++) {
        pair p = connect_pair(&t.w);
        place(&t, p.server);
        if (kind == PORT) OK(hand_on(&t, PORT));
        OK(dor_ssl_send(p.client, "\0", 1));
        uv_sleep(5);
        if (kind == PORT) OK(dor_port_enter(t.pids[PORT]));
        OK(dor_ssl_close(t.s));
        FAILS(dor_ssl_controlling_process(t.s, t.pids[FAR]), DOR_E_CLOSED);
        if (kind == PORT) OK(dor_port_leave());
        drain(&t);
        cr_assert_eq(atomic_load(&t.next) + atomic_load(&t.ends), 0);
        OK(dor_ssl_close(p.client));
    }
    end_stage(&t);
}
