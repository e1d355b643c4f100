/* Mailboxes with limits: the four policies, exact bounds with many senders at once, and what is not counted. */
#include "runtime_support.h"

#include <dormouse/observe.h>

TestSuite(runtime_limits, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, BLOCK, BIG };

/* ---- an actor that stands still until it is let go ---- */

typedef struct sink {
    dor_pid pid;
    dor_pid tell; /* gets every number on, or DOR_PID_NONE */
    atomic_bool held;
    atomic_bool release;
    atomic_uint received;
    atomic_uint stopped;
    atomic_int reason;
} sink;

static void sink_receive(void *state, dor_message *message)
{
    sink *s = state;
    if (message->type == BLOCK) {
        atomic_store(&s->held, true);
        while (!atomic_load(&s->release))
            uv_sleep(1);
        dor_message_free(message);
        return;
    }
    atomic_fetch_add(&s->received, 1);
    if (s->tell)
        dor_send(s->tell, message);
    else
        dor_message_free(message);
}

static void sink_stop(void *state, int reason)
{
    sink *s = state;
    atomic_store(&s->reason, reason);
    atomic_fetch_add(&s->stopped, 1);
}

static void spawn_sink(dor_runtime *runtime, int scheduler, sink *s, dor_mailbox_limits limits)
{
    dor_actor_spec spec = {
        .receive = sink_receive, .stop = sink_stop, .state = s, .scheduler = scheduler, .mailbox = limits};
    cr_assert_eq(dor_spawn(runtime, &spec, &s->pid), DOR_OK);
}

/* The actor is in the middle of a message from here on, and its mailbox empty. */
static void hold(sink *s)
{
    atomic_store(&s->release, false);
    atomic_store(&s->held, false);
    cr_assert_eq(send_number(s->pid, BLOCK, 0), DOR_OK);
    WAIT_FOR(atomic_load(&s->held));
}

static void let_go(sink *s)
{
    atomic_store(&s->release, true);
}

static uint64_t refused(dor_runtime *runtime, unsigned scheduler)
{
    dor_scheduler_info info;
    cr_assert_eq(dor_scheduler_get_info(runtime, scheduler, &info), DOR_OK);
    return info.refused;
}

/* ---- the policies, from another thread ---- */

Test(runtime_limits, refuse)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    sink s = {.tell = dor_self()};
    spawn_sink(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 3});
    hold(&s);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(send_number(s.pid, NUMBER, i), DOR_OK);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(send_number(s.pid, NUMBER, 100 + i), DOR_E_MAILBOX_FULL);
    cr_assert_eq(refused(runtime, 0), 5);
    let_go(&s);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    cr_assert_eq(send_number(s.pid, NUMBER, 7), DOR_OK, "there is room again");
    cr_assert_eq(receive_number(NUMBER), 7);
    stop_runtime(runtime);
}

Test(runtime_limits, drop_newest)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    sink s = {.tell = dor_self()};
    spawn_sink(runtime, DOR_ON(0), &s,
               (dor_mailbox_limits){.messages = 2, .policy = DOR_MAILBOX_DROP_NEWEST});
    hold(&s);
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(send_number(s.pid, NUMBER, i), i < 2 ? DOR_OK : DOR_MESSAGE_DROPPED);
    cr_assert_eq(refused(runtime, 0), 4);
    let_go(&s);
    cr_assert_eq(receive_number(NUMBER), 0);
    cr_assert_eq(receive_number(NUMBER), 1);
    stop_runtime(runtime);
}

Test(runtime_limits, drop_oldest)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    sink s = {.tell = dor_self()};
    spawn_sink(runtime, DOR_ON(0), &s,
               (dor_mailbox_limits){.messages = 3, .policy = DOR_MAILBOX_DROP_OLDEST});
    hold(&s);
    long before = atomic_load(&live_blocks);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(send_number(s.pid, NUMBER, i), i < 3 ? DOR_OK : DOR_MESSAGE_DROPPED);
    cr_assert_leq(atomic_load(&live_blocks), before + 3,
                  "what is dropped goes at once, wherever the receiver is");
    cr_assert_eq(refused(runtime, 0), 97);
    let_go(&s);
    for (unsigned i = 97; i < 100; i++)
        cr_assert_eq(receive_number(NUMBER), i, "the latest are the ones that stay");
    stop_runtime(runtime);
}

Test(runtime_limits, kill)
{
    dor_runtime *runtime = runtime_of(1);
    dor_ref ref;
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned round = 0; round < 3; round++) { /* its gate is used again, and starts afresh */
        sink s = {.tell = DOR_PID_NONE};
        spawn_sink(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 2, .policy = DOR_MAILBOX_KILL});
        cr_assert_eq(dor_monitor(s.pid, &ref), DOR_OK);
        hold(&s);
        for (unsigned i = 0; i < 5; i++)
            cr_assert_eq(send_number(s.pid, NUMBER, i), i < 2 ? DOR_OK : DOR_E_MAILBOX_FULL);
        let_go(&s);
        dor_down down = receive_down();
        cr_assert_eq(down.reason, DOR_E_MAILBOX_FULL);
        cr_assert_eq(down.pid, s.pid);
        WAIT_FOR(atomic_load(&s.stopped) == 1);
        cr_assert_eq(atomic_load(&s.reason), DOR_E_MAILBOX_FULL);
        cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_E_NOPROC);
    }
    stop_runtime(runtime);
}

/* ---- bytes ---- */

static int send_bytes(dor_pid to, size_t size)
{
    dor_message *m = dor_message_new(BIG, size, NULL);
    cr_assert_not_null(m);
    return dor_send(to, m);
}

Test(runtime_limits, bytes_and_one_message_always)
{
    dor_runtime *runtime = runtime_of(1);
    sink s = {.tell = DOR_PID_NONE};
    spawn_sink(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.bytes = 100});
    hold(&s);
    cr_assert_eq(send_bytes(s.pid, 60), DOR_OK);
    cr_assert_eq(send_bytes(s.pid, 41), DOR_E_MAILBOX_FULL);
    cr_assert_eq(send_bytes(s.pid, 40), DOR_OK);
    cr_assert_eq(send_bytes(s.pid, 1), DOR_E_MAILBOX_FULL);
    cr_assert_eq(send_bytes(s.pid, 0), DOR_OK);
    let_go(&s);
    WAIT_FOR(atomic_load(&s.received) == 3);
    hold(&s);
    cr_assert_eq(send_bytes(s.pid, 5000), DOR_OK, "one always has room");
    cr_assert_eq(send_bytes(s.pid, 0), DOR_E_MAILBOX_FULL);
    let_go(&s);
    WAIT_FOR(atomic_load(&s.received) == 4);
    stop_runtime(runtime);
}

Test(runtime_limits, drop_oldest_by_bytes_makes_as_much_room_as_is_needed)
{
    dor_runtime *runtime = runtime_of(1);
    sink s = {.tell = DOR_PID_NONE};
    spawn_sink(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.bytes = 100, .policy = DOR_MAILBOX_DROP_OLDEST});
    hold(&s);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(send_bytes(s.pid, 10), DOR_OK);
    cr_assert_eq(send_bytes(s.pid, 35), DOR_MESSAGE_DROPPED);
    cr_assert_eq(refused(runtime, 0), 4);
    cr_assert_eq(send_bytes(s.pid, 1000), DOR_MESSAGE_DROPPED);
    cr_assert_eq(refused(runtime, 0), 11);
    let_go(&s);
    WAIT_FOR(atomic_load(&s.received) == 1);
    stop_runtime(runtime);
}

Test(runtime_limits, a_buffer_counts_for_its_length)
{
    dor_runtime *runtime = runtime_of(1);
    sink s = {.tell = DOR_PID_NONE};
    void *bytes;
    spawn_sink(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.bytes = 3000});
    hold(&s);
    for (unsigned i = 0; i < 4; i++) {
        dor_buffer *buffer = dor_buffer_alloc(1000, &bytes);
        int result = dor_send(s.pid, dor_message_new_buffer(BIG, buffer));
        cr_assert_eq(result, i < 2 ? DOR_OK : DOR_E_MAILBOX_FULL);
    }
    let_go(&s);
    WAIT_FOR(atomic_load(&s.received) == 2);
    stop_runtime(runtime);
}

/* ---- from the same scheduler ---- */

typedef struct local {
    dor_pid other; /* DOR_PID_NONE: itself */
    dor_pid tell;
    unsigned ok, dropped, full, gone;
} local;

static void local_receive(void *state, dor_message *message)
{
    local *l = state;
    bool starts = message->type == BLOCK;
    dor_message_free(message);
    if (!starts) return;
    for (unsigned i = 0; i < 10; i++) {
        int result = send_number(l->other ? l->other : dor_self(), NUMBER, i);
        *(result == DOR_OK                ? &l->ok
          : result == DOR_MESSAGE_DROPPED ? &l->dropped
          : result == DOR_E_MAILBOX_FULL  ? &l->full
                                          : &l->gone) += 1;
    }
    send_number(l->tell, NUMBER, 0);
}

Test(runtime_limits, on_one_scheduler_and_to_oneself)
{
    static const struct {
        dor_mailbox_policy policy;
        unsigned ok, dropped, full, gone;
    } cases[] = {{DOR_MAILBOX_REFUSE, 4, 0, 6, 0},
                 {DOR_MAILBOX_DROP_NEWEST, 4, 6, 0, 0},
                 {DOR_MAILBOX_DROP_OLDEST, 4, 6, 0, 0},
                 {DOR_MAILBOX_KILL, 4, 0, 1, 5}};
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned i = 0; i < 8; i++) {
        bool itself = i % 2;
        dor_mailbox_limits limits = {.messages = 4, .policy = cases[i / 2].policy};
        local l = {.tell = dor_self()};
        sink s = {.tell = DOR_PID_NONE};
        dor_actor_spec spec = {.receive = local_receive, .state = &l};
        if (itself) spec.mailbox = limits;
        spawn_sink(runtime, DOR_ON(0), &s, limits);
        if (!itself) l.other = s.pid;
        dor_pid pid;
        cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
        send_number(pid, BLOCK, 0);
        receive_number(NUMBER);
        cr_assert_eq(l.ok, cases[i / 2].ok);
        cr_assert_eq(l.dropped, cases[i / 2].dropped);
        /* One that kills itself ends when its callback returns. */
        bool suicide = itself && limits.policy == DOR_MAILBOX_KILL;
        cr_assert_eq(l.full, suicide ? 6 : cases[i / 2].full);
        cr_assert_eq(l.gone, suicide ? 0 : cases[i / 2].gone);
        dor_stop(pid, DOR_OK);
        dor_stop(s.pid, DOR_OK);
        WAIT_FOR(atomic_load(&s.stopped) == 1);
    }
    stop_runtime(runtime);
}

/* ---- what is not counted ---- */

static void order_receive(void *state, dor_message *message)
{
    dor_pid tell = *(dor_pid *)state;
    uint64_t number = message->type == DOR_MSG_DOWN ? 1000 : number_in(message);
    if (message->type == BLOCK) {
        dor_ref ref;
        for (unsigned i = 0; i < 3; i++)
            cr_assert_eq(dor_monitor((dor_pid)1 << 61 | 77, &ref), DOR_OK); /* nobody: DOWN at once */
        for (unsigned i = 0; i < 4; i++)
            send_number(dor_self(), NUMBER, i);
        for (unsigned i = 0; i < 3; i++)
            cr_assert_eq(dor_monitor((dor_pid)1 << 61 | 77, &ref), DOR_OK);
        for (unsigned i = 4; i < 6; i++)
            send_number(dor_self(), NUMBER, i);
        cr_assert_eq(dor_stop(dor_self(), DOR_OK), DOR_OK);
    } else {
        send_number(tell, NUMBER, number);
    }
    dor_message_free(message);
}

/* Those dropped leave the order of the others as it was, and the library's own are never dropped. */
Test(runtime_limits, the_librarys_own_messages_always_have_room_and_keep_their_place)
{
    static const uint64_t expected[][8] = {
        {1000, 1000, 1000, 0, 1, 1000, 1000, 1000}, /* REFUSE: 2.. are refused */
        {1000, 1000, 1000, 0, 1, 1000, 1000, 1000},
        {1000, 1000, 1000, 1000, 1000, 1000, 4, 5}, /* DROP_OLDEST: 0..3 make room */
    };
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self(), pid;
    dor_ref ref;
    for (unsigned i = 0; i < 3; i++) {
        dor_actor_spec spec = {.receive = order_receive,
                               .state = &self,
                               .mailbox = {.messages = 2, .policy = (dor_mailbox_policy)i}};
        cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        send_number(pid, BLOCK, 0);
        for (unsigned k = 0; k < 8; k++)
            cr_assert_eq(receive_number(NUMBER), expected[i][k], "policy %u, message %u", i, k);
        cr_assert_eq(receive_down().reason, DOR_OK, "and the stop behind them all");
    }
    stop_runtime(runtime);
}

Test(runtime_limits, a_full_mailbox_is_stopped_and_killed_like_others)
{
    for (unsigned stop = 0; stop < 2; stop++) {
        dor_runtime *runtime = runtime_of(2);
        sink s = {.tell = DOR_PID_NONE};
        spawn_sink(runtime, DOR_ON(1), &s, (dor_mailbox_limits){.messages = 10});
        hold(&s);
        for (unsigned i = 0; i < 12; i++)
            send_number(s.pid, NUMBER, i);
        if (stop) cr_assert_eq(dor_stop(s.pid, 5), DOR_OK);
        let_go(&s);
        if (stop) {
            WAIT_FOR(atomic_load(&s.stopped) == 1);
            cr_assert_eq(atomic_load(&s.reason), 5);
            cr_assert_eq(atomic_load(&s.received), 10);
        }
        stop_runtime(runtime);
        cr_assert_eq(atomic_load(&s.stopped), 1);
    }
}

Test(runtime_limits, a_timers_message_that_has_no_room_is_freed)
{
    dor_runtime *runtime = runtime_of(2);
    sink s = {.tell = DOR_PID_NONE};
    spawn_sink(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK);
    long before = atomic_load(&live_blocks);
    for (unsigned i = 0; i < 8; i++)
        cr_assert_eq(dor_send_after(s.pid, number_message(NUMBER, i), 1, NULL), DOR_OK);
    let_go(&s); /* the timers are its scheduler's, so it must not stand still */
    WAIT_FOR(atomic_load(&s.received) + refused(runtime, 0) == 9);
    (void)before;
    stop_runtime(runtime);
}

Test(runtime_limits, bad_use)
{
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid = DOR_PID_NONE;
    dor_actor_spec spec = {.receive = sink_receive,
                           .mailbox = {.messages = 1, .policy = (dor_mailbox_policy)4}};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_BADARG);
    spec.mailbox.policy = (dor_mailbox_policy)-1;
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_BADARG);
    spec.mailbox = (dor_mailbox_limits){.policy = DOR_MAILBOX_KILL}; /* no limit: the policy says nothing */
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    stop_runtime(runtime);
}

/* ---- many senders at once ---- */

enum { FAN_IN = 4, FAN_LIMIT = 16 };

static atomic_int fan_alive, fan_most;

static void fan_destroy(dor_message *message)
{
    (void)message;
    atomic_fetch_sub(&fan_alive, 1);
}

typedef struct fan {
    dor_pid to;
    unsigned index;
    unsigned rounds;
    unsigned accepted;
    uv_thread_t thread;
} fan;

/* Messages that are alive: those that wait, one that is being received, and one in each sender's hands. */
static void fan_send(void *arg)
{
    fan *f = arg;
    for (unsigned i = 0; i < f->rounds; i++) {
        uint64_t number = (uint64_t)f->index << 32 | i;
        dor_message *m = dor_message_new(NUMBER, sizeof number, fan_destroy);
        memcpy(dor_message_payload(m), &number, sizeof number);
        int alive = atomic_fetch_add(&fan_alive, 1) + 1, most = atomic_load(&fan_most);
        while (alive > most && !atomic_compare_exchange_weak(&fan_most, &most, alive))
            continue;
        int result = dor_send(f->to, m);
        cr_assert(result == DOR_OK || result == DOR_E_MAILBOX_FULL || result == DOR_MESSAGE_DROPPED);
        f->accepted += result == DOR_OK;
    }
}

typedef struct fan_sink {
    uint64_t next[FAN_IN];
    atomic_uint received;
} fan_sink;

static void fan_receive(void *state, dor_message *message)
{
    fan_sink *s = state;
    uint64_t number = number_in(message);
    cr_assert_geq(number & UINT32_MAX, s->next[number >> 32], "in each sender's order");
    s->next[number >> 32] = (number & UINT32_MAX) + 1;
    dor_message_free(message);
    atomic_fetch_add(&s->received, 1);
}

static void fan_in(dor_mailbox_policy policy, bool by_bytes)
{
    dor_runtime *runtime = runtime_of(2);
    fan_sink sinks = {.received = 0};
    fan fans[FAN_IN];
    dor_mailbox_limits limits = {.policy = policy};
    dor_pid pid;
    if (by_bytes)
        limits.bytes = FAN_LIMIT * 8;
    else
        limits.messages = FAN_LIMIT;
    dor_actor_spec spec = {
        .receive = fan_receive, .state = &sinks, .scheduler = DOR_ON(1), .mailbox = limits};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    atomic_store(&fan_alive, 0);
    atomic_store(&fan_most, 0);
    unsigned accepted = 0;
    for (unsigned i = 0; i < FAN_IN; i++) {
        fans[i] = (fan){.to = pid, .index = i, .rounds = scaled(50000)};
        uv_thread_create(&fans[i].thread, fan_send, &fans[i]);
    }
    for (unsigned i = 0; i < FAN_IN; i++) {
        uv_thread_join(&fans[i].thread);
        accepted += fans[i].accepted;
    }
    WAIT_FOR(atomic_load(&fan_alive) == 0);
    cr_assert_leq(atomic_load(&fan_most), FAN_LIMIT + 1 + FAN_IN, "%d at once", atomic_load(&fan_most));
    if (policy != DOR_MAILBOX_DROP_OLDEST)
        cr_assert_eq(atomic_load(&sinks.received), accepted, "none was lost");
    stop_runtime(runtime);
}

Test(runtime_limits, fan_in_by_count)
{
    fan_in(DOR_MAILBOX_REFUSE, false);
}

Test(runtime_limits, fan_in_by_bytes)
{
    fan_in(DOR_MAILBOX_DROP_NEWEST, true);
}

Test(runtime_limits, fan_in_drops_the_oldest)
{
    fan_in(DOR_MAILBOX_DROP_OLDEST, false);
}

/* Actors with limits come and go while senders with old pids are at work: nothing is counted where it does not belong. */
typedef struct churn {
    atomic_uint_least64_t pid;
    atomic_bool end;
} churn;

static void churn_send(void *arg)
{
    churn *c = arg;
    while (!atomic_load(&c->end)) {
        dor_pid pid = atomic_load(&c->pid);
        for (unsigned i = 0; i < 50; i++)
            (void)send_number(pid, NUMBER, i);
    }
}

Test(runtime_limits, actors_come_and_go_while_others_send)
{
    dor_runtime *runtime = runtime_of(2);
    churn c = {.pid = 0};
    uv_thread_t threads[2];
    for (unsigned i = 0; i < 2; i++)
        uv_thread_create(&threads[i], churn_send, &c);
    for (unsigned i = 0; i < scaled(3000); i++) {
        sink s = {.tell = DOR_PID_NONE};
        dor_mailbox_limits limits = {.messages = 1 + i % 7, .policy = (dor_mailbox_policy)(i % 4)};
        spawn_sink(runtime, DOR_ON(i % 2), &s, i % 5 ? limits : (dor_mailbox_limits){0});
        atomic_store(&c.pid, s.pid);
        if (i % 3) dor_stop(s.pid, DOR_OK);
        if (i % 16 == 0) sched_yield();
        if (i % 4 != 3 || !(i % 5)) dor_stop(s.pid, DOR_OK);
        dor_stop(s.pid, DOR_OK);
        WAIT_FOR(atomic_load(&s.stopped) == 1);
    }
    atomic_store(&c.end, true);
    for (unsigned i = 0; i < 2; i++)
        uv_thread_join(&threads[i]);
    stop_runtime(runtime);
}

/* ---- the lack of memory ---- */

Test(runtime_limits, spawning_without_memory_leaves_nothing)
{
    for (long allowed = 0; allowed < 12; allowed++) {
        dor_runtime *runtime = runtime_of(1);
        dor_pid pid;
        dor_actor_spec spec = {.receive = sink_receive, .mailbox = {.messages = 1}};
        atomic_store(&fail_after, allowed);
        int result = dor_spawn(runtime, &spec, &pid);
        atomic_store(&fail_after, -1);
        cr_assert(result == DOR_OK || result == DOR_E_NOMEM);
        cr_assert(allowed < 10 || result == DOR_OK);
        stop_runtime(runtime);
    }
}
