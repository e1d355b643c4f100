/* Event mailboxes: order, owners that change under traffic, water marks, and ends of producers and owners. */
#include "runtime_support.h"

#include "runtime/event_mailbox.h"
#include "runtime/private.h"

TestSuite(runtime_events, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, EVENT, OTHER_EVENT, TAKE_OVER, DONE, NOISE };

/* ---- a producer whose moves a test makes one by one ---- */

typedef struct producer {
    dor_actor base;
    dor_event_mailbox *mailbox;
    dor_mailbox_handle handle;
    dor_pid owner;
    atomic_bool ready;
    atomic_uint lows;
    atomic_bool destroyed;
} producer;

static void producer_receive(dor_actor *actor, dor_message *message)
{
    producer *p = DOR_CONTAINER_OF(actor, producer, base);
    if (message->type == DOR_MSG_EVENTS_LOW) atomic_fetch_add(&p->lows, 1);
    dor_message_free(message);
}

static void producer_destroy(dor_actor *actor)
{
    atomic_store(&DOR_CONTAINER_OF(actor, producer, base)->destroyed, true);
}

static const dor_actor_ops producer_ops = {.receive = producer_receive, .destroy = producer_destroy};

static void producer_start(dor_scheduler *s, void *arg)
{
    producer *p = arg;
    cr_assert(dor__ok(dor__actor_init(&p->base, s, &producer_ops)));
    cr_assert(dor__ok(dor__event_mailbox_new(&p->base, p->owner, &p->mailbox)));
    p->handle = dor__event_mailbox_handle(p->mailbox);
    atomic_store(&p->ready, true);
}

static void start_producer(producer *p, dor_runtime *runtime, unsigned scheduler, dor_pid owner)
{
    *p = (producer){.owner = owner};
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, scheduler), producer_start, p)));
    WAIT_FOR(atomic_load(&p->ready));
}

/* A move made on the producer's thread; the test waits for it. */
typedef struct move {
    producer *p;
    uint32_t type;
    uint64_t first, last;
    size_t bytes;
    bool discard;
    size_t answer;
    atomic_bool done;
} move;

static void make_move(producer *p, move *m, void (*fn)(dor_scheduler *, void *))
{
    m->p = p;
    cr_assert(dor__ok(dor__scheduler_call(p->base.scheduler, fn, m)));
    WAIT_FOR(atomic_load(&m->done));
}

static void move_post(dor_scheduler *s, void *arg)
{
    move *m = arg;
    (void)s;
    for (uint64_t n = m->first; n <= m->last; n++)
        m->answer = dor__event_mailbox_post(m->p->mailbox, number_message(m->type, n), m->bytes);
    atomic_store(&m->done, true);
}

static size_t post(producer *p, uint32_t type, uint64_t first, uint64_t last, size_t bytes)
{
    move m = {.type = type, .first = first, .last = last, .bytes = bytes};
    make_move(p, &m, move_post);
    return m.answer;
}

static void move_await_low(dor_scheduler *s, void *arg)
{
    move *m = arg;
    (void)s;
    m->answer = dor__event_mailbox_await_low(m->p->mailbox, m->bytes);
    atomic_store(&m->done, true);
}

static void move_sent(dor_scheduler *s, void *arg)
{
    move *m = arg;
    (void)s;
    m->answer = dor__event_mailbox_sent(m->p->mailbox, m->bytes, m->first);
    atomic_store(&m->done, true);
}

static void move_discard(dor_scheduler *s, void *arg)
{
    move *m = arg;
    (void)s;
    dor__event_mailbox_discard(m->p->mailbox);
    atomic_store(&m->done, true);
}

static void move_retire(dor_scheduler *s, void *arg)
{
    move *m = arg;
    (void)s;
    dor__event_mailbox_retire(m->p->mailbox, m->discard);
    dor__actor_end(&m->p->base, DOR_OK);
    atomic_store(&m->done, true);
}

static void retire(producer *p, bool discard)
{
    move m = {.discard = discard};
    make_move(p, &m, move_retire);
    WAIT_FOR(atomic_load(&p->destroyed));
}

static unsigned mailboxes_live(dor_runtime *runtime, unsigned scheduler)
{
    return dor__slab_live(&dor__runtime_scheduler(runtime, scheduler)->mailboxes);
}

static int type_is(const dor_message *message, void *arg)
{
    return message->type == *(uint32_t *)arg;
}

/* ---- a process as owner ---- */

Test(runtime_events, reach_a_process_in_order)
{
    producer p;
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    start_producer(&p, runtime, 0, dor_self());
    cr_assert_eq(dor__kind_of(p.handle), DOR_KIND_MAILBOX);
    cr_assert_eq(dor__handle_producer(p.handle), p.base.pid);
    cr_assert_eq(dor__handle_owner(p.handle), dor_self());
    for (unsigned round = 0; round < 10; round++) {
        cr_assert_eq(post(&p, EVENT, round * 300, round * 300 + 299, 10), 3000);
        for (unsigned i = 0; i < 300; i++)
            cr_assert_eq(receive_number(EVENT), round * 300 + i);
        cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    }
    retire(&p, false);
    cr_assert_eq(mailboxes_live(runtime, 0), 0);
    stop_runtime(runtime);
}

Test(runtime_events, two_mailboxes_and_a_sender_take_turns)
{
    producer a, b;
    dor_message *m;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    start_producer(&a, runtime, 0, dor_self());
    start_producer(&b, runtime, 1, dor_self());
    post(&a, EVENT, 0, 49, 1);
    post(&b, OTHER_EVENT, 0, 49, 1);
    for (unsigned i = 0; i < 50; i++)
        send_number(dor_self(), NUMBER, i);
    uint64_t next[3] = {0};
    for (unsigned i = 0; i < 150; i++) {
        cr_assert_eq(dor_receive(&m, 1000), DOR_OK);
        unsigned which = m->type == EVENT ? 0 : m->type == OTHER_EVENT ? 1 : 2;
        cr_assert_eq(number_in(m), next[which]++);
        dor_message_free(m);
        if (i == 20)
            cr_assert(next[0] > 2 && next[1] > 2 && next[2] > 2, "one of them keeps the others waiting");
    }
    stop_runtime(runtime);
}

Test(runtime_events, selective_receive_finds_events_and_leaves_the_rest)
{
    producer p;
    dor_message *m;
    uint32_t wanted = OTHER_EVENT, number = NUMBER;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    start_producer(&p, runtime, 0, dor_self());
    post(&p, EVENT, 0, 4, 1);
    post(&p, OTHER_EVENT, 100, 101, 1);
    post(&p, EVENT, 5, 9, 1);
    send_number(dor_self(), NUMBER, 77);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(dor_receive_match(&m, type_is, &wanted, 1000), DOR_OK);
        cr_assert_eq(number_in(m), 100 + i);
        dor_message_free(m);
    }
    cr_assert_eq(dor_receive_match(&m, type_is, &wanted, 3), DOR_E_TIMEOUT);
    cr_assert_eq(dor_receive_match(&m, type_is, &number, 1000), DOR_OK);
    dor_message_free(m);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(receive_number(EVENT), i);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    retire(&p, false);
    cr_assert_eq(mailboxes_live(runtime, 0), 0);
    stop_runtime(runtime);
}

typedef struct trickle {
    producer *p;
    unsigned count;
} trickle;

static void post_slowly(void *arg)
{
    trickle *t = arg;
    for (unsigned i = 0; i < t->count; i++) {
        post(t->p, EVENT, i, i, 1);
        if (i % 7 == 0) uv_sleep(1);
    }
    post(t->p, OTHER_EVENT, 4711, 4711, 1);
}

/* Events that are not wanted come one by one while the receive waits: it must be woken for each, and for the last. */
Test(runtime_events, a_selective_receive_is_woken_for_later_events)
{
    producer p;
    dor_message *m;
    uv_thread_t thread;
    uint32_t wanted = OTHER_EVENT;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    start_producer(&p, runtime, 0, dor_self());
    trickle t = {.p = &p, .count = 100};
    uv_thread_create(&thread, post_slowly, &t);
    cr_assert_eq(dor_receive_match(&m, type_is, &wanted, 20000), DOR_OK);
    cr_assert_eq(number_in(m), 4711);
    dor_message_free(m);
    uv_thread_join(&thread);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(receive_number(EVENT), i);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

typedef struct discarding {
    producer *p;
    bool retire;
    unsigned seen;
} discarding;

static int discard_while_looking(const dor_message *message, void *arg)
{
    discarding *d = arg;
    if (message->type != EVENT) return 0;
    if (d->seen++ == 2) {
        move m = {.discard = true};
        make_move(d->p, &m, d->retire ? move_retire : move_discard);
    }
    return number_in((dor_message *)(uintptr_t)message) == 9; /* the message is there still */
}

Test(runtime_events, discarded_while_a_process_looks)
{
    producer p[2];
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned i = 0; i < 2; i++) {
        start_producer(&p[i], runtime, 0, dor_self());
        discarding d = {.p = &p[i], .retire = i == 1};
        post(&p[i], EVENT, 0, 9, 1);
        cr_assert_eq(dor_receive_match(&m, discard_while_looking, &d, 5), DOR_E_TIMEOUT);
        cr_assert_eq(d.seen, 3);
        cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    }
    post(&p[0], EVENT, 5, 5, 1); /* that mailbox lives on */
    cr_assert_eq(receive_number(EVENT), 5);
    cr_assert_eq(mailboxes_live(runtime, 0), 1);
    stop_runtime(runtime);
}

/* ---- water marks ---- */

Test(runtime_events, the_producer_hears_of_low_water_once)
{
    producer p;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    start_producer(&p, runtime, 0, dor_self());
    move m = {.bytes = 250};
    make_move(&p, &m, move_await_low);
    cr_assert_eq(m.answer, 0, "low already: nothing will come");
    cr_assert_eq(post(&p, EVENT, 0, 9, 100), 1000);
    m = (move){.bytes = 250};
    make_move(&p, &m, move_await_low);
    cr_assert_eq(m.answer, 1000);
    for (unsigned i = 0; i < 7; i++)
        receive_number(EVENT);
    post(&p, EVENT, 10, 10, 0); /* a round trip: a note to the producer would have come by now */
    cr_assert_eq(atomic_load(&p.lows), 0);
    receive_number(EVENT);
    WAIT_FOR(atomic_load(&p.lows) == 1);
    for (unsigned i = 0; i < 3; i++)
        receive_number(EVENT);
    post(&p, EVENT, 11, 11, 0);
    cr_assert_eq(atomic_load(&p.lows), 1);
    stop_runtime(runtime);
}

static void move_set_high(dor_scheduler *s, void *arg)
{
    move *m = arg;
    (void)s;
    dor__event_mailbox_set_send_high(m->p->mailbox, (uint32_t)m->bytes);
    atomic_store(&m->done, true);
}

static void set_high(producer *p, uint32_t high)
{
    move m = {.bytes = high};
    make_move(p, &m, move_set_high);
}

static size_t sent(producer *p, size_t len, size_t low)
{
    move m = {.bytes = len, .first = low};
    make_move(p, &m, move_sent);
    return m.answer;
}

Test(runtime_events, the_send_queue_is_bounded_and_owes_one_writable)
{
    producer p;
    dor_pid to;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    start_producer(&p, runtime, 0, dor_self());
    set_high(&p, 0);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 1, true, &to).code, DOR_E_ENOTCONN);
    set_high(&p, 1000);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 600, true, &to).code, DOR_OK);
    cr_assert_eq(to, p.base.pid);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 600, true, &to).code, DOR_OK, "below the mark: any size");
    cr_assert_eq(dor__handle_send_queued(p.handle), 1200);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 1, true, &to).code, DOR_E_BUSY);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 1, false, &to).code, DOR_OK);
    cr_assert_eq(sent(&p, 600, 400), false);
    cr_assert_eq(sent(&p, 601, 400), true);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 10, true, &to).code, DOR_OK);
    cr_assert_eq(sent(&p, 10, 400), false, "owed once");
    retire(&p, false);
    cr_assert_eq(dor__handle_send_reserve(p.handle, 1, true, &to).code, DOR_E_CLOSED);
    cr_assert_eq(dor__handle_send_queued(p.handle), 0);
    stop_runtime(runtime);
}

/* ---- owners ---- */

static void silent(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static void forward(void *state, dor_message *message)
{
    dor_send(*(dor_pid *)state, message);
}

Test(runtime_events, attach_checks_who_asks_and_who_gets)
{
    producer p;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self();
    dor_pid other = spawn_on(runtime, DOR_ON(0), forward, NULL, &self),
            dead = spawn_on(runtime, DOR_ON(1), silent, NULL, NULL);
    dor_stop(dead, DOR_OK);
    WAIT_FOR(!dor__pid_alive(dead));
    start_producer(&p, runtime, 1, self);
    post(&p, EVENT, 0, 4, 1);
    cr_assert_eq(dor__handle_attach(p.handle, other, self).code, DOR_E_NOT_OWNER);
    cr_assert_eq(dor__handle_attach(p.handle, self, dead).code, DOR_E_NOPROC);
    cr_assert_eq(dor__handle_attach(p.handle, self, DOR_PID_NONE).code, DOR_E_NOPROC);
    cr_assert_eq(dor__handle_attach(self, self, other).code, DOR_E_CLOSED);
    cr_assert_eq(dor__handle_attach(0, self, other).code, DOR_E_CLOSED);
    cr_assert_eq(dor__handle_attach(p.handle, self, self).code, DOR_OK);
    cr_assert_eq(receive_number(EVENT), 0);
    cr_assert_eq(dor__handle_attach(p.handle, self, other).code, DOR_OK);
    cr_assert_eq(dor__handle_owner(p.handle), other);
    for (unsigned i = 1; i < 5; i++)
        cr_assert_eq(receive_number(EVENT), i, "the other one passes them on");
    cr_assert_eq(dor__handle_attach(p.handle, self, other).code, DOR_E_NOT_OWNER);
    stop_runtime(runtime);
}

Test(runtime_events, survive_their_producer)
{
    producer p;
    dor_message *m;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self(), other = spawn_on(runtime, DOR_ON(0), forward, NULL, &self);
    start_producer(&p, runtime, 1, self);
    post(&p, EVENT, 0, 9, 1);
    retire(&p, false);
    cr_assert_eq(dor__handle_producer(p.handle), DOR_PID_NONE);
    cr_assert_eq(mailboxes_live(runtime, 1), 1);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(receive_number(EVENT), i);
    cr_assert_eq(dor__handle_attach(p.handle, self, other).code, DOR_OK);
    for (unsigned i = 5; i < 10; i++)
        cr_assert_eq(receive_number(EVENT), i);
    WAIT_FOR(mailboxes_live(runtime, 1) == 0);
    cr_assert_eq(dor__handle_attach(p.handle, other, self).code, DOR_E_CLOSED);
    cr_assert_eq(dor__handle_owner(p.handle), DOR_PID_NONE);

    start_producer(&p, runtime, 1, self); /* the same entry */
    post(&p, EVENT, 0, 9, 1);
    retire(&p, true);
    cr_assert_eq(mailboxes_live(runtime, 1), 0);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

Test(runtime_events, of_a_dead_owner_go_when_the_producer_does)
{
    producer p[3];
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid owner = spawn_on(runtime, DOR_ON(0), silent, NULL, NULL);
    for (unsigned i = 0; i < 3; i++)
        start_producer(&p[i], runtime, 1, i == 2 ? dor_self() : owner);
    dor_stop(owner, DOR_OK);
    WAIT_FOR(!dor__pid_alive(owner));
    for (unsigned i = 0; i < 3; i++)
        post(&p[i], EVENT, 0, 9, 1);
    retire(&p[0], false);
    retire(&p[1], false);
    WAIT_FOR(mailboxes_live(runtime, 1) == 1);
    retire(&p[2], false); /* its owner, a process, has a note, and leaves */
    cr_assert_eq(receive_number(EVENT), 0);
    cr_assert_eq(dor_process_detach(), DOR_OK);
    cr_assert_eq(mailboxes_live(runtime, 1), 0);
    stop_runtime(runtime);
}

typedef struct mortal {
    unsigned left;
    atomic_uint got;
} mortal;

static void live_briefly(void *state, dor_message *message)
{
    mortal *m = state;
    atomic_fetch_add(&m->got, 1);
    dor_message_free(message);
    if (--m->left == 0)
        dor__actor_end(dor__scheduler_current()->current, DOR_OK); /* in the middle of a note */
}

Test(runtime_events, the_owner_ends_in_the_middle)
{
    producer p[2];
    dor_runtime *runtime = runtime_of(2);
    for (unsigned i = 0; i < 2; i++) {
        mortal m = {.left = 5};
        dor_pid owner = spawn_on(runtime, DOR_ON(i), live_briefly, NULL, &m);
        start_producer(&p[i], runtime, 0, owner);
        post(&p[i], EVENT, 0, 19, 1);
        WAIT_FOR(!dor__pid_alive(owner));
        uv_sleep(2);
        cr_assert_eq(atomic_load(&m.got), 5);
        retire(&p[i], false);
        WAIT_FOR(mailboxes_live(runtime, 0) == 0);
    }
    stop_runtime(runtime);
}

typedef struct passing_on {
    producer *p;
    dor_pid to;
    atomic_bool entered;
    atomic_bool go;
} passing_on;

static void pass_on_and_end(void *state, dor_message *message)
{
    passing_on *o = state;
    dor_message_free(message);
    atomic_store(&o->entered, true);
    while (!atomic_load(&o->go))
        uv_sleep(1);
    cr_assert(dor__ok(dor__handle_attach(o->p->handle, dor_self(), o->to)));
    dor__actor_end(dor__scheduler_current()->current, DOR_OK);
}

/* The note that an owner never looked at must not take with it what belongs to the next owner. */
Test(runtime_events, an_old_note_of_a_former_owner_is_worth_nothing)
{
    producer p;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    passing_on o = {.p = &p, .to = dor_self()};
    dor_pid owner = spawn_on(runtime, DOR_ON(0), pass_on_and_end, NULL, &o);
    start_producer(&p, runtime, 1, dor_self());
    post(&p, EVENT, 0, 9, 1);
    send_number(owner, NUMBER, 0);
    WAIT_FOR(atomic_load(&o.entered));
    cr_assert(dor__ok(dor__handle_attach(p.handle, dor_self(), owner)));
    retire(&p, false);
    atomic_store(&o.go, true);
    WAIT_FOR(!dor__pid_alive(owner));
    uv_sleep(2);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(receive_number(EVENT), i);
    cr_assert_eq(mailboxes_live(runtime, 1), 0);
    stop_runtime(runtime);
}

/* ---- handing over under traffic ---- */

enum { ACTOR_OWNERS = 6, PROCESS_OWNERS = 2, OWNERS = ACTOR_OWNERS + PROCESS_OWNERS, STREAMS = 3, LOOPS = 3 };

typedef struct stream {
    dor_actor base;
    dor_event_mailbox *mailbox;
    _Atomic dor_mailbox_handle handle;
    uint64_t posted;
    uint64_t count;
    atomic_uint_fast64_t taken; /* also the number of the next event */
    atomic_uint_fast64_t wrong;
    atomic_uint_fast64_t handed_over;
    atomic_bool owned_by[OWNERS];
    bool waits_for_low;
    unsigned lows;
    unsigned index;
} stream;

static stream streams[STREAMS];
static _Atomic dor_pid owners[OWNERS];

static void stream_work(stream *st)
{
    for (unsigned i = 0; i < 20 && st->posted < st->count && !st->waits_for_low; i++) {
        uint64_t number = (uint64_t)st->index << 48 | st->posted++;
        size_t waiting = dor__event_mailbox_post(st->mailbox, number_message(EVENT, number), 100);
        st->waits_for_low = waiting > 3000 && dor__event_mailbox_await_low(st->mailbox, 1000) > 1000;
    }
    if (st->posted < st->count && !st->waits_for_low) send_number(st->base.pid, NUMBER, 0);
}

static void stream_receive(dor_actor *actor, dor_message *message)
{
    stream *st = DOR_CONTAINER_OF(actor, stream, base);
    if (message->type == DOR_MSG_EVENTS_LOW) {
        st->waits_for_low = false;
        st->lows++;
    }
    dor_message_free(message);
    stream_work(st);
}

static void stream_destroy(dor_actor *actor)
{
    dor__event_mailbox_retire(DOR_CONTAINER_OF(actor, stream, base)->mailbox, false);
}

static const dor_actor_ops stream_ops = {.receive = stream_receive, .destroy = stream_destroy};

static void stream_start(dor_scheduler *s, void *arg)
{
    stream *st = arg;
    cr_assert(dor__ok(dor__actor_init(&st->base, s, &stream_ops)));
    cr_assert(dor__ok(dor__event_mailbox_new(&st->base, atomic_load(&owners[st->index]), &st->mailbox)));
    atomic_store(&st->owned_by[st->index], true);
    atomic_store(&st->handle, dor__event_mailbox_handle(st->mailbox));
    stream_work(st);
}

/* One event has come to owner `me`; now and then it hands the mailbox on. */
static void take_event(unsigned me, dor_message *message, uint64_t *random)
{
    uint64_t number = number_in(message);
    stream *st = &streams[number >> 48];
    dor_message_free(message);
    if (!atomic_load(&st->owned_by[me])) atomic_fetch_add(&st->wrong, 1);
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    bool hand_over = *random >> 60 < 4; /* one in four */
    unsigned to = (unsigned)(*random >> 33) % OWNERS;
    if (atomic_fetch_add(&st->taken, 1) != (number & 0xffffffffffff)) atomic_fetch_add(&st->wrong, 1);
    if (!hand_over || to == me) return;
    atomic_store(&st->owned_by[to], true);
    atomic_store(&st->owned_by[me],
                 false); /* before: the next owner may hand it back before attach returns */
    if (!dor__ok(
            dor__handle_attach(atomic_load(&st->handle), atomic_load(&owners[me]), atomic_load(&owners[to]))))
        atomic_fetch_add(&st->wrong, 1000000);
    atomic_fetch_add(&st->handed_over, 1);
}

typedef struct owning {
    unsigned index;
    uint64_t random;
} owning;

static void owner_receive(void *state, dor_message *message)
{
    owning *o = state;
    if (message->type == EVENT)
        take_event(o->index, message, &o->random);
    else
        dor_message_free(message);
}

static void owner_thread(void *arg)
{
    owning *o = arg;
    uint32_t event = EVENT;
    dor_message *m;
    cr_assert_eq(dor_process_attach(NULL, NULL), DOR_OK);
    atomic_store(&owners[o->index], dor_self());
    for (;;) {
        /* Half of the time only events will do, and the noise has to wait. */
        bool selective = o->random >> 62 & 1;
        int result = selective ? dor_receive_match(&m, type_is, &event, 1) : dor_receive(&m, 1000);
        o->random += 0x9e3779b97f4a7c15u;
        if (result == DOR_E_TIMEOUT) continue;
        cr_assert_eq(result, DOR_OK);
        if (m->type == DONE) {
            dor_message_free(m);
            return;
        }
        owner_receive(o, m);
    }
}

Test(runtime_events, hand_over_under_traffic_is_exact)
{
    static owning state[OWNERS];
    uv_thread_t thread[PROCESS_OWNERS];
    dor_runtime *runtime = runtime_of(LOOPS);
    for (unsigned i = 0; i < OWNERS; i++) {
        state[i] = (owning){.index = i, .random = i * 7919 + 17};
        if (i < ACTOR_OWNERS)
            atomic_store(&owners[i], spawn_on(runtime, DOR_ON(i % LOOPS), owner_receive, NULL, &state[i]));
        else
            uv_thread_create(&thread[i - ACTOR_OWNERS], owner_thread, &state[i]);
    }
    for (unsigned i = 0; i < OWNERS; i++)
        WAIT_FOR(atomic_load(&owners[i]) != 0);
    for (unsigned i = 0; i < STREAMS; i++) {
        streams[i].index = i;
        streams[i].count = scaled(20000);
        cr_assert(dor__ok(
            dor__scheduler_call(dor__runtime_scheduler(runtime, i % LOOPS), stream_start, &streams[i])));
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        uint64_t noise = 0, end = now_ms() + 50000;
        while (atomic_load(&streams[i].taken) < streams[i].count && now_ms() < end) {
            send_number(atomic_load(&owners[ACTOR_OWNERS + noise % PROCESS_OWNERS]), NOISE, noise);
            noise++;
            uv_sleep(1);
        }
    }
    uv_sleep(5); /* for events that should not come */
    for (unsigned i = 0; i < STREAMS; i++) {
        cr_assert_eq(atomic_load(&streams[i].taken), streams[i].count);
        cr_assert_eq(atomic_load(&streams[i].wrong), 0);
        cr_assert_gt(atomic_load(&streams[i].handed_over), streams[i].count / 8);
    }
    for (unsigned i = 0; i < PROCESS_OWNERS; i++)
        send_number(atomic_load(&owners[ACTOR_OWNERS + i]), DONE, 0);
    for (unsigned i = 0; i < PROCESS_OWNERS; i++)
        uv_thread_join(&thread[i]);
    dor_runtime *default_runtime =
        dor_runtime_default(); /* where the processes were: another one than the actors' */
    cr_assert_eq(dor_runtime_stop(default_runtime, 5000), DOR_OK);
    stop_runtime(runtime);
    for (unsigned i = 0; i < STREAMS; i++)
        cr_assert_gt(streams[i].lows, 0);
}

/* Producers and owners come and go, owned by actors and processes, with events left in every state. */
typedef struct brief_stream {
    dor_actor base;
    dor_event_mailbox *mailbox;
    dor_pid owner;
    uint64_t random;
} brief_stream;

static atomic_uint brief_left;

static void brief_receive(dor_actor *actor, dor_message *message)
{
    brief_stream *b = DOR_CONTAINER_OF(actor, brief_stream, base);
    dor_message_free(message);
    unsigned events = b->random & 7;
    for (unsigned i = 0; i < events; i++)
        dor__event_mailbox_post(b->mailbox, number_message(EVENT, i), 10);
    dor__event_mailbox_retire(b->mailbox, (b->random >> 3 & 3) == 0);
    dor__actor_end(actor, DOR_OK);
}

static void brief_destroy(dor_actor *actor)
{
    free(DOR_CONTAINER_OF(actor, brief_stream, base));
    atomic_fetch_sub(&brief_left, 1);
}

static const dor_actor_ops brief_ops = {.receive = brief_receive, .destroy = brief_destroy};

static void brief_start(dor_scheduler *s, void *arg)
{
    brief_stream *b = arg;
    cr_assert(dor__ok(dor__actor_init(&b->base, s, &brief_ops)));
    cr_assert(dor__ok(dor__event_mailbox_new(&b->base, b->owner, &b->mailbox)));
    send_number(b->base.pid, NUMBER, 0);
}

Test(runtime_events, churn_leaves_nothing)
{
    unsigned count = scaled(6000);
    uint64_t random = 99;
    dor_message *m;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid owner = DOR_PID_NONE;
    atomic_store(&brief_left, count);
    for (unsigned i = 0; i < count; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (i % 5 == 0) {
            dor_stop(owner, DOR_OK);
            owner = spawn_on(runtime, DOR_ON(random >> 40 & 1), silent, NULL, NULL);
        }
        brief_stream *b = malloc(sizeof *b);
        *b = (brief_stream){.owner = i % 3 ? owner : dor_self(), .random = random >> 33};
        cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, i & 1), brief_start, b)));
        if (i % 4 == 0)
            while (dor_receive(&m, 0) == DOR_OK)
                dor_message_free(m);
        if (i % 64 == 0) {
            cr_assert_eq(dor_process_detach(), DOR_OK);
            cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
        }
    }
    WAIT_FOR(atomic_load(&brief_left) == 0);
    while (dor_receive(&m, 20) == DOR_OK)
        dor_message_free(m);
    WAIT_FOR(mailboxes_live(runtime, 0) + mailboxes_live(runtime, 1) == 0);
    stop_runtime(runtime);
}

/* ---- an owner that ends among its events ---- */

typedef struct leaver {
    int (*way)(int reason);
    atomic_uint events;
} leaver;

static int leave_by_signal(int reason)
{
    return dor_exit(dor_self(), reason);
}

static void receive_and_leave(void *state, dor_message *m)
{
    leaver *l = state;
    dor_message_free(m);
    if (atomic_fetch_add(&l->events, 1) == 2) cr_assert_eq(l->way(DOR_E_CLOSED), DOR_OK);
}

Test(runtime_events, stay_when_the_owner_ends_among_them)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (int i = 0; i < 4; i++) {
        producer p;
        dor_ref ref;
        leaver l = {.way = i & 1 ? dor_exit_self : leave_by_signal};
        dor_pid owner = spawn_on(runtime, DOR_ON(i >> 1), receive_and_leave, NULL, &l);
        cr_assert_eq(dor_monitor(owner, &ref), DOR_OK);
        start_producer(&p, runtime, 0, owner);
        (void)post(&p, EVENT, 0, 9, 10);
        cr_assert_eq(receive_down().reason, DOR_E_CLOSED);
        cr_assert_eq(atomic_load(&l.events), 3);
        cr_assert_eq(post(&p, EVENT, 10, 10, 10),
                     80); /* seven of them wait for another owner, or for this: */
        retire(&p, true);
        WAIT_FOR(mailboxes_live(runtime, 0) == 0);
    }
    stop_runtime(runtime);
}
