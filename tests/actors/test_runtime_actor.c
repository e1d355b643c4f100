/* Actors: messages and their order, death, names that are never reused, placement, fairness. */
#include "runtime_support.h"

#include <dormouse/port.h>

TestSuite(runtime_actor, .init = count_memory, .timeout = 60);

enum { PING = DOR_MSG_USER, PONG, NUMBER, WORK, SPAWN };

/* ---- a counter that checks the order ---- */

typedef struct counter {
    atomic_uint_fast64_t received;
    atomic_uint_fast64_t wrong;
    atomic_int stopped; /* the reason, or 1 before */
} counter;

static void count(void *state, dor_message *message)
{
    counter *c = state;
    if (number_in(message) != atomic_load(&c->received)) atomic_fetch_add(&c->wrong, 1);
    atomic_fetch_add(&c->received, 1);
    dor_message_free(message);
}

static void count_stop(void *state, int reason)
{
    atomic_store(&((counter *)state)->stopped, reason);
}

Test(runtime_actor, messages_arrive_in_order)
{
    unsigned many = scaled(20000);
    counter c = {.stopped = 1};
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid = spawn_on(runtime, DOR_ON_ANY, count, count_stop, &c);
    for (unsigned i = 0; i < many; i++)
        cr_assert_eq(send_number(pid, NUMBER, i), DOR_OK);
    WAIT_FOR(atomic_load(&c.received) == many);
    cr_assert_eq(atomic_load(&c.wrong), 0);
    cr_assert_eq(atomic_load(&c.stopped), 1);
    stop_runtime(runtime);
    cr_assert_eq(atomic_load(&c.stopped), DOR_E_STOPPED);
}

Test(runtime_actor, stop_comes_after_the_messages_before_it)
{
    counter c = {.stopped = 1};
    dor_runtime *runtime = runtime_of(2);
    dor_pid pid = spawn_on(runtime, DOR_ON(1), count, count_stop, &c);
    for (unsigned i = 0; i < 1000; i++)
        send_number(pid, NUMBER, i);
    cr_assert_eq(dor_stop(pid, DOR_OK), DOR_OK);
    WAIT_FOR(atomic_load(&c.stopped) == DOR_OK);
    cr_assert_eq(atomic_load(&c.received), 1000);
    WAIT_FOR(send_number(pid, NUMBER, 1000) == DOR_E_NOPROC);
    cr_assert_eq(dor_stop(pid, DOR_OK), DOR_E_NOPROC);
    cr_assert_eq(atomic_load(&c.received), 1000);
    stop_runtime(runtime);
}

/* ---- what is sent to nobody ---- */

static atomic_int destroyed;

static void on_destroy(dor_message *message)
{
    (void)message;
    atomic_fetch_add(&destroyed, 1);
}

Test(runtime_actor, sends_to_nobody_are_harmless_and_free_the_message)
{
    dor_runtime *runtime = runtime_of(1);
    dor_pid nobody[] = {DOR_PID_NONE,     1, 12345, UINT64_MAX, UINT64_C(1) << 61, UINT64_C(3) << 61,
                        UINT64_C(7) << 61};
    for (unsigned i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        cr_assert_eq(dor_send(nobody[i], dor_message_new(PING, 8, on_destroy)), DOR_E_NOPROC);
        cr_assert_eq(dor_send_after(nobody[i], dor_message_new(PING, 8, on_destroy), 1, NULL), DOR_E_NOPROC);
        cr_assert_eq(dor_stop(nobody[i], DOR_OK), DOR_E_NOPROC);
    }
    cr_assert_eq(atomic_load(&destroyed), 2 * (int)(sizeof nobody / sizeof nobody[0]));
    stop_runtime(runtime);
    dor_message_free(NULL);
}

Test(runtime_actor, a_slot_is_reused_but_its_name_is_not)
{
    counter old = {.stopped = 1}, new = {.stopped = 1};
    dor_runtime *runtime = runtime_of(1);
    dor_pid first = spawn_on(runtime, DOR_ON(0), count, count_stop, &old);
    dor_stop(first, DOR_OK);
    WAIT_FOR(atomic_load(&old.stopped) == DOR_OK);
    dor_pid last = first;
    for (unsigned i = 0; i < 100; i++) {
        atomic_store(&new.stopped, 1);
        dor_pid next = spawn_on(runtime, DOR_ON(0), count, count_stop, &new);
        cr_assert_neq(next, first);
        cr_assert_neq(next, last);
        cr_assert_eq(send_number(last, NUMBER, 0), DOR_E_NOPROC);
        cr_assert_eq(send_number(first, NUMBER, 0), DOR_E_NOPROC);
        dor_stop(next, DOR_OK);
        WAIT_FOR(atomic_load(&new.stopped) == DOR_OK);
        last = next;
    }
    cr_assert_eq(atomic_load(&new.received), 0);
    stop_runtime(runtime);
}

Test(runtime_actor, names_of_an_earlier_runtime_are_dead_in_a_later_one)
{
    counter c = {.stopped = 1};
    dor_runtime *runtime = runtime_of(1);
    dor_pid old = spawn_on(runtime, DOR_ON(0), count, count_stop, &c);
    stop_runtime(runtime);
    cr_assert_eq(send_number(old, NUMBER, 0), DOR_E_NOPROC);
    for (unsigned i = 0; i < 130; i++) { /* twice round the registry */
        runtime = runtime_of(1);
        dor_pid pid = spawn_on(runtime, DOR_ON(0), count, count_stop, &c);
        cr_assert_neq(pid, old);
        cr_assert_eq(send_number(old, NUMBER, 0), DOR_E_NOPROC);
        stop_runtime(runtime);
    }
}

/* ---- ping-pong ---- */

typedef struct player {
    dor_pid other;
    unsigned left;
    dor_pid tell; /* a process, when done */
} player;

static void play(void *state, dor_message *message)
{
    player *p = state;
    if (message->type == PING) {
        memcpy(&p->other, dor_message_payload(message), sizeof p->other);
        dor_message_free(message);
        if (p->left) send_number(p->other, PONG, 0);
        return;
    }
    cr_assert_eq(message->type, (uint32_t)PONG);
    if (p->left-- > 0)
        dor_send(p->other, message); /* the same one goes to and fro */
    else
        dor_message_free(message);
    if (p->left == 0 && p->tell) send_number(p->tell, NUMBER, 1);
}

static void ping_pong(int first, int second)
{
    unsigned rounds = scaled(first == second ? 50000 : 5000);
    dor_pid self;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    player a = {.left = rounds, .tell = self}, b = {.left = UINT32_MAX};
    dor_pid pa = spawn_on(runtime, DOR_ON(first), play, NULL, &a),
            pb = spawn_on(runtime, DOR_ON(second), play, NULL, &b);
    b.other = pa;
    send_number(pa, PING, pb);
    cr_assert_eq(receive_number(NUMBER), 1);
    stop_runtime(runtime);
}

Test(runtime_actor, ping_pong_on_one_scheduler)
{
    ping_pong(0, 0);
}

Test(runtime_actor, ping_pong_between_schedulers)
{
    ping_pong(0, 1);
}

/* ---- many senders ---- */

enum { SENDERS = 4 };

typedef struct sink {
    uint64_t next[SENDERS];
    uint64_t received;
    uint64_t expected;
    bool wrong;
    dor_pid tell;
} sink;

static void sink_receive(void *state, dor_message *message)
{
    sink *s = state;
    uint64_t number = number_in(message);
    unsigned from = (unsigned)(number >> 32) % SENDERS;
    if ((uint32_t)number != s->next[from]++) s->wrong = true;
    dor_message_free(message);
    if (++s->received == s->expected) send_number(s->tell, NUMBER, s->wrong);
}

typedef struct source {
    dor_pid to;
    unsigned index;
    unsigned count;
    unsigned sent;
} source;

static void source_receive(void *state, dor_message *message)
{
    source *s = state;
    dor_message_free(message);
    for (unsigned i = 0; i < 64 && s->sent < s->count; i++)
        send_number(s->to, NUMBER, (uint64_t)s->index << 32 | s->sent++);
    if (s->sent < s->count) send_number(dor_self(), WORK, 0);
}

Test(runtime_actor, a_flood_from_other_schedulers_loses_nothing)
{
    unsigned each = scaled(50000);
    dor_pid self;
    dor_runtime *runtime = runtime_of(SENDERS + 1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    sink s = {.expected = (uint64_t)each * SENDERS, .tell = self};
    dor_pid to = spawn_on(runtime, DOR_ON(0), sink_receive, NULL, &s);
    source sources[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        sources[i] = (source){.to = to, .index = i, .count = each};
        send_number(spawn_on(runtime, DOR_ON(i + 1), source_receive, NULL, &sources[i]), WORK, 0);
    }
    cr_assert_eq(receive_number(NUMBER), 0, "out of order");
    stop_runtime(runtime);
}

static void thread_source(void *arg)
{
    source *s = arg;
    while (s->sent < s->count)
        send_number(s->to, NUMBER, (uint64_t)s->index << 32 | s->sent++);
}

Test(runtime_actor, a_flood_from_ordinary_threads_loses_nothing)
{
    dor_pid self;
    uv_thread_t thread[SENDERS];
    unsigned each = scaled(20000);
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    sink s = {.expected = (uint64_t)each * SENDERS, .tell = self};
    dor_pid to = spawn_on(runtime, DOR_ON(0), sink_receive, NULL, &s);
    source sources[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        sources[i] = (source){.to = to, .index = i, .count = each};
        cr_assert_eq(uv_thread_create(&thread[i], thread_source, &sources[i]), 0);
    }
    cr_assert_eq(receive_number(NUMBER), 0, "out of order");
    for (unsigned i = 0; i < SENDERS; i++)
        uv_thread_join(&thread[i]);
    stop_runtime(runtime);
}

/* ---- churn ---- */

static atomic_uint born, dead;

static void brief_receive(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static void brief_stop(void *state, int reason)
{
    (void)reason;
    free(state);
    atomic_fetch_add(&dead, 1);
}

static void breeder_receive(void *state, dor_message *message)
{
    unsigned *left = state;
    dor_message_free(message);
    for (unsigned i = 0; i < 50 && *left > 0; i++, --*left) {
        dor_pid pid = spawn_on(dor_runtime_default(),
                               *left % 3 == 0   ? DOR_ON_ANY
                               : *left % 3 == 1 ? DOR_ON_THIS
                                                : DOR_ON(0),
                               brief_receive, brief_stop, malloc(16));
        atomic_fetch_add(&born, 1);
        send_number(pid, NUMBER, 0);
        dor_stop(pid, DOR_OK);
        send_number(pid, NUMBER, 0); /* too late, or nobody */
    }
    if (*left > 0) send_number(dor_self(), WORK, 0);
}

Test(runtime_actor, births_and_deaths_leave_nothing)
{
    unsigned left[3], each = scaled(10000);
    dor_runtime *runtime = runtime_of(3);
    for (int i = 0; i < 3; i++) {
        left[i] = each;
        send_number(spawn_on(runtime, DOR_ON(i), breeder_receive, NULL, &left[i]), WORK, 0);
    }
    WAIT_FOR(atomic_load(&born) == 3 * each && atomic_load(&dead) == atomic_load(&born));
    cr_assert_eq(dor_runtime_stop(dor_runtime_default(), 5000), DOR_OK);
    stop_runtime(runtime);
}

/* ---- placement and arguments ---- */

static void where_receive(void *state, dor_message *message)
{
    dor_pid reply_to;
    memcpy(&reply_to, dor_message_payload(message), sizeof reply_to);
    dor_message_free(message);
    (void)state;
    dor_pid child = spawn_on(dor_runtime_default(), DOR_ON_THIS, brief_receive, NULL, NULL);
    send_number(reply_to, NUMBER, (child >> 49 & 63) == (dor_self() >> 49 & 63));
}

Test(runtime_actor, placement)
{
    dor_pid self, pid;
    dor_actor_spec spec = {.receive = brief_receive};
    dor_runtime_options options = {.schedulers = 65};
    dor_runtime *runtime = NULL;
    cr_assert_eq(dor_runtime_new(&runtime, &options), DOR_E_BADARG);
    cr_assert_eq(dor_runtime_new(NULL, NULL), DOR_E_BADARG);

    runtime = runtime_of(3);
    unsigned on[64] = {0};
    for (unsigned i = 0; i < 300; i++)
        on[spawn_on(runtime, DOR_ON_ANY, brief_receive, NULL, NULL) >> 49 & 63]++;
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(on[i], 100, "%u on scheduler %u", on[i], i);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(spawn_on(runtime, DOR_ON(i), brief_receive, NULL, NULL) >> 49 & 63, (unsigned)i);

    spec.scheduler = DOR_ON(3);
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_BADARG);
    spec.scheduler = -2;
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_BADARG);
    cr_assert_eq(dor_spawn(runtime, NULL, &pid), DOR_E_BADARG);
    spec = (dor_actor_spec){0};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_BADARG);
    cr_assert_eq(dor_send(1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);

    runtime = dor_runtime_default();
    cr_assert_not_null(runtime);
    cr_assert_eq(dor_runtime_default(), runtime);
    cr_assert_eq(dor_process_attach(NULL, &self), DOR_OK);
    for (unsigned i = 0; i < dor_runtime_scheduler_count(runtime); i++) {
        send_number(spawn_on(NULL, DOR_ON(i), where_receive, NULL, NULL), PING, self);
        cr_assert_eq(receive_number(NUMBER), 1);
    }
    stop_runtime(runtime);
}

static void bear_receive(void *state, dor_message *message)
{
    uint64_t to = number_in(message);
    dor_message_free(message);
    (void)state;
    send_number(to, NUMBER, spawn_on(NULL, 0, brief_receive, NULL, NULL));
}

static unsigned runtime_index_of(dor_pid pid)
{
    return pid >> 55 & 63;
}

Test(runtime_actor, no_runtime_means_the_callers_own)
{
    dor_pid self, pid;
    dor_port port;
    dor_runtime *one = runtime_of(1), *two = runtime_of(2), *three = runtime_of(1);
    cr_assert_eq(dor_process_attach(two, &self), DOR_OK);
    dor_pid of_one = spawn_on(one, 0, bear_receive, NULL, NULL),
            of_three = spawn_on(three, 0, brief_receive, NULL, NULL);
    send_number(of_one, PING, self);
    pid = receive_number(NUMBER);
    cr_assert_eq(runtime_index_of(pid), runtime_index_of(of_one), "an actor's");

    cr_assert_eq(dor_spawn(NULL, &(dor_actor_spec){.receive = brief_receive}, &pid), DOR_OK);
    cr_assert_eq(runtime_index_of(pid), runtime_index_of(self), "a process's");
    cr_assert_eq(dor_process_attach(NULL, NULL), DOR_OK, "already");

    cr_assert_eq(dor_port_new(three, NULL, &port), DOR_OK);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_spawn(NULL, &(dor_actor_spec){.receive = brief_receive}, &pid), DOR_OK);
    cr_assert_eq(runtime_index_of(pid), runtime_index_of(of_three), "a port's");
    cr_assert_eq(dor_port_leave(), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_OK);

    cr_assert_eq(dor_runtime_stop(two, 5000), DOR_OK);
    cr_assert_eq(dor_spawn(NULL, &(dor_actor_spec){.receive = brief_receive}, &pid), DOR_OK);
    cr_assert_neq(runtime_index_of(pid), runtime_index_of(of_one),
                  "of a runtime that has gone: the default one");
    cr_assert_eq(dor_runtime_stop(dor_runtime_default(), 5000), DOR_OK);
    cr_assert_eq(dor_runtime_stop(one, 5000), DOR_OK);
    stop_runtime(three);
}

/* ---- fairness ---- */

static void busy_receive(void *state, dor_message *message)
{
    (void)state;
    dor_send(dor_self(), message); /* for ever */
}

typedef struct victim {
    dor_pid tell;
    unsigned ticks;
} victim;

static void victim_receive(void *state, dor_message *message)
{
    victim *v = state;
    dor_message_free(message);
    if (++v->ticks == 20)
        send_number(v->tell, NUMBER, v->ticks);
    else
        dor_send_after(dor_self(), dor_message_new(WORK, 0, NULL), 2, NULL);
}

Test(runtime_actor, a_busy_actor_stops_neither_timers_nor_others)
{
    dor_pid self;
    victim v = {0};
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    v.tell = self;
    for (unsigned i = 0; i < 3; i++)
        send_number(spawn_on(runtime, DOR_ON(0), busy_receive, NULL, NULL), WORK, 0);
    uint64_t start = now_ms();
    send_number(spawn_on(runtime, DOR_ON(0), victim_receive, NULL, &v), WORK, 0);
    cr_assert_eq(receive_number(NUMBER), 20);
    cr_assert_lt(now_ms() - start, SLOW_BUILD ? 10000 : 2000);
    stop_runtime(runtime);
}

typedef struct shares {
    dor_pid tell;
    dor_pid greedy;
    dor_pid modest;
    unsigned received;
} shares;

static void greedy_receive(void *state, dor_message *message)
{
    dor_message_free(message);
    ((shares *)state)->received++;
}

static void modest_receive(void *state, dor_message *message)
{
    shares *s = state;
    dor_message_free(message);
    send_number(s->tell, NUMBER, s->received);
}

static void fill_receive(void *state, dor_message *message)
{
    shares *s = state;
    dor_message_free(message);
    for (unsigned i = 0; i < 5000; i++)
        send_number(s->greedy, NUMBER, i);
    send_number(s->modest, NUMBER, 0);
}

Test(runtime_actor, a_full_mailbox_is_not_emptied_in_one_go)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    shares s = {.tell = dor_self()};
    s.greedy = spawn_on(runtime, DOR_ON(0), greedy_receive, NULL, &s);
    s.modest = spawn_on(runtime, DOR_ON(0), modest_receive, NULL, &s);
    send_number(spawn_on(runtime, DOR_ON(0), fill_receive, NULL, &s), WORK, 0);
    uint64_t received = receive_number(NUMBER);
    cr_assert(received > 0 && received <= 200, "%u messages before the other had its turn",
              (unsigned)received);
    stop_runtime(runtime);
}

/* ---- references ---- */

static void make_refs(void *arg)
{
    dor_ref *refs = arg;
    for (unsigned i = 0; i < 10000; i++)
        refs[i] = dor_make_ref();
}

static int by_value(const void *a, const void *b)
{
    dor_ref x = *(const dor_ref *)a, y = *(const dor_ref *)b;
    return x < y ? -1 : x > y;
}

Test(runtime_actor, references_are_unique)
{
    static dor_ref refs[3 * 10000];
    uv_thread_t thread[3];
    for (unsigned i = 0; i < 3; i++)
        uv_thread_create(&thread[i], make_refs, &refs[i * 10000]);
    for (unsigned i = 0; i < 3; i++)
        uv_thread_join(&thread[i]);
    qsort(refs, 30000, sizeof refs[0], by_value);
    cr_assert_neq(refs[0], 0);
    for (unsigned i = 1; i < 30000; i++)
        cr_assert_neq(refs[i - 1], refs[i]);
}
