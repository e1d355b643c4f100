/* Hibernation: when actors fall asleep, what wakes them, and that nothing is lost by it. */
#include "runtime_support.h"

#include "runtime/private.h"
#include <dormouse/observe.h>

TestSuite(runtime_hibernate, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, SLEEP, PLAY, ASK };

/* An actor whose state is one of two blocks: `awake` while it is, `compact` while it sleeps. */
typedef struct dozer {
    dor_pid pid;
    dor_pid tell;
    int awake, compact; /* their addresses are the states */
    atomic_int hibernated, woken;
    atomic_int refuse_sleep; /* so many times NULL from hibernate */
    atomic_int refuse_wake;  /* and from wake */
    atomic_int stopped, reason, stopped_compact;
    atomic_int slept_result;
    void (*in_hibernate)(struct dozer *d);
} dozer;

/* Callbacks know only the state: one such actor at a time. */
static dozer *the;

static void doze_receive(void *state, dor_message *message)
{
    cr_assert_eq(state, &the->awake, "no message is handled asleep");
    switch (message->type) {
    case SLEEP: atomic_store(&the->slept_result, dor_hibernate()); break;
    case NUMBER: send_number(the->tell, NUMBER, number_in(message)); break;
    case PLAY:
        for (unsigned i = 0; i < 5; i++)
            send_number(the->pid, NUMBER, i);
        cr_assert_eq(dor_hibernate(), DOR_OK);
        break;
    default: send_number(the->tell, NUMBER, message->type); break;
    }
    dor_message_free(message);
}

static void *doze_hibernate(void *state)
{
    cr_assert_eq(state, &the->awake);
    cr_assert_eq(dor_self(), the->pid);
    if (the->in_hibernate) the->in_hibernate(the);
    if (atomic_fetch_sub(&the->refuse_sleep, 1) > 0) return NULL;
    atomic_store(&the->refuse_sleep, 0);
    atomic_fetch_add(&the->hibernated, 1);
    return &the->compact;
}

static void *doze_wake(void *state)
{
    cr_assert_eq(state, &the->compact);
    cr_assert_eq(dor_self(), the->pid);
    if (atomic_fetch_sub(&the->refuse_wake, 1) > 0) return NULL;
    atomic_store(&the->refuse_wake, 0);
    atomic_fetch_add(&the->woken, 1);
    return &the->awake;
}

static void doze_stop(void *state, int reason)
{
    atomic_store(&the->stopped_compact, state == &the->compact);
    cr_assert(state == &the->compact || state == &the->awake);
    atomic_store(&the->reason, reason);
    atomic_fetch_add(&the->stopped, 1);
}

static void spawn_dozer(dor_runtime *runtime, dozer *d, uint32_t after_ms, uint32_t limit)
{
    the = d;
    d->tell = dor_self();
    dor_actor_spec spec = {.receive = doze_receive,
                           .stop = doze_stop,
                           .state = &d->awake,
                           .mailbox = {.messages = limit},
                           .hibernate = doze_hibernate,
                           .wake = doze_wake,
                           .hibernate_after_ms = after_ms};
    cr_assert_eq(dor_spawn(runtime, &spec, &d->pid), DOR_OK);
}

static dor_runtime *begin(dozer *d, uint32_t after_ms, uint32_t limit)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    spawn_dozer(runtime, d, after_ms, limit);
    return runtime;
}

static void put_to_sleep(dozer *d)
{
    int before = atomic_load(&d->hibernated);
    send_number(d->pid, SLEEP, 0);
    WAIT_FOR(atomic_load(&d->hibernated) == before + 1);
    cr_assert_eq(atomic_load(&d->slept_result), DOR_OK);
}

/* Every test with a plain mailbox and with one that has limits: the way of the messages is another. */
#define BOTH(limit) for (uint32_t limit = 0; limit <= 100; limit += 100)

Test(runtime_hibernate, sleeps_when_asked_to_and_wakes_for_a_message)
{
    BOTH(limit)
    {
        dozer d = {0};
        dor_actor_info info;
        dor_runtime *runtime = begin(&d, 0, limit);
        for (unsigned i = 1; i <= 3; i++) {
            put_to_sleep(&d);
            WAIT_FOR(dor_actor_get_info(d.pid, &info) == DOR_OK && info.state == DOR_ACTOR_STATE_ASLEEP);
            send_number(d.pid, NUMBER, i);
            cr_assert_eq(receive_number(NUMBER), i);
            cr_assert_eq(atomic_load(&d.woken), (int)i);
        }
        stop_runtime(runtime);
        cr_assert_eq(atomic_load(&d.stopped), 1);
        cr_assert_eq(atomic_load(&d.stopped_compact), 0);
    }
}

Test(runtime_hibernate, only_when_the_mailbox_is_empty)
{
    BOTH(limit)
    {
        dozer d = {0};
        dor_runtime *runtime = begin(&d, 0, limit);
        send_number(d.pid, PLAY, 0); /* has five messages when it wants to sleep */
        for (unsigned i = 0; i < 5; i++)
            cr_assert_eq(receive_number(NUMBER), i);
        WAIT_FOR(atomic_load(&d.hibernated) == 1);
        cr_assert_eq(atomic_load(&d.woken), 0);
        stop_runtime(runtime);
    }
}

Test(runtime_hibernate, stop_is_given_what_hibernate_returned)
{
    for (unsigned how = 0; how < 6; how++) {
        dozer d = {0};
        dor_ref ref;
        dor_runtime *runtime = begin(&d, 0, how % 2 ? 10 : 0);
        cr_assert_eq(dor_monitor(d.pid, &ref), DOR_OK);
        put_to_sleep(&d);
        if (how / 2 == 0) cr_assert_eq(dor_stop(d.pid, 7), DOR_OK);
        if (how / 2 == 1) cr_assert_eq(dor_exit(d.pid, 7), DOR_OK);
        if (how / 2 == 2) {
            stop_runtime(runtime);
            cr_assert_eq(atomic_load(&d.reason), DOR_E_STOPPED);
        } else {
            cr_assert_eq(receive_down().reason, 7);
            stop_runtime(runtime);
            cr_assert_eq(atomic_load(&d.reason), 7);
        }
        cr_assert_eq(atomic_load(&d.stopped), 1);
        cr_assert_eq(atomic_load(&d.stopped_compact), 1, "case %u", how);
        cr_assert_eq(atomic_load(&d.woken), 0, "it was not woken for its end");
    }
}

Test(runtime_hibernate, what_needs_no_state_does_not_wake)
{
    BOTH(limit)
    {
        dozer d = {0};
        dor_ref ref;
        dor_runtime *runtime = begin(&d, 0, limit);
        put_to_sleep(&d);
        for (unsigned i = 0; i < 10; i++) {
            cr_assert_eq(dor_monitor(d.pid, &ref), DOR_OK);
            if (i % 2) cr_assert_eq(dor_demonitor(ref), DOR_OK);
            cr_assert_eq(dor_exit(d.pid, DOR_OK), DOR_OK); /* no effect on one that does not trap */
        }
        uv_sleep(20);
        cr_assert_eq(atomic_load(&d.woken), 0);
        cr_assert_eq(dor_exit(d.pid, 3), DOR_OK);
        for (unsigned i = 0; i < 5; i++)
            cr_assert_eq(receive_down().reason, 3);
        stop_runtime(runtime);
    }
}

Test(runtime_hibernate, not_now)
{
    dozer d = {.refuse_sleep = 1};
    dor_runtime *runtime = begin(&d, 0, 0);
    send_number(d.pid, SLEEP, 0);
    send_number(d.pid, NUMBER, 1);
    cr_assert_eq(receive_number(NUMBER), 1);
    WAIT_FOR(atomic_load(&d.refuse_sleep) <= 0);
    cr_assert_eq(atomic_load(&d.woken), 0);
    put_to_sleep(&d);
    stop_runtime(runtime);
}

Test(runtime_hibernate, without_memory_to_wake_nothing_is_lost_or_reordered)
{
    BOTH(limit)
    {
        dozer d = {0};
        dor_runtime *runtime = begin(&d, 0, limit);
        put_to_sleep(&d);
        atomic_store(&d.refuse_wake, 3);
        for (unsigned i = 0; i < 50; i++)
            send_number(d.pid, NUMBER, i);
        for (unsigned i = 0; i < 50; i++)
            cr_assert_eq(receive_number(NUMBER), i);
        cr_assert_eq(atomic_load(&d.woken), 1);
        stop_runtime(runtime);
    }
}

Test(runtime_hibernate, one_that_can_not_be_woken_can_be_stopped)
{
    for (unsigned how = 0; how < 4; how++) {
        dozer d = {0};
        dor_ref ref;
        dor_runtime *runtime = begin(&d, 0, how % 2 ? 10 : 0);
        cr_assert_eq(dor_monitor(d.pid, &ref), DOR_OK);
        put_to_sleep(&d);
        atomic_store(&d.refuse_wake, 1000000);
        send_number(d.pid, NUMBER, 1);
        if (how / 2) {
            cr_assert_eq(dor_exit(d.pid, 9), DOR_OK);
            cr_assert_eq(receive_down().reason, 9);
        }
        cr_assert_eq(dor_runtime_stop(runtime, 50), DOR_OK);
        cr_assert_eq(atomic_load(&live_blocks), 0);
        cr_assert_eq(atomic_load(&d.stopped_compact), 1);
    }
}

/* ---- by itself ---- */

Test(runtime_hibernate, falls_asleep_by_itself_when_nothing_comes)
{
    BOTH(limit)
    {
        dozer d = {0};
        dor_runtime *runtime = begin(&d, 20, limit);
        WAIT_FOR(atomic_load(&d.hibernated) == 1); /* without a first message, too */
        for (int i = 2; i < 5; i++) {
            send_number(d.pid, NUMBER, (unsigned)i);
            cr_assert_eq(receive_number(NUMBER), (uint64_t)i);
            WAIT_FOR(atomic_load(&d.hibernated) == i);
            cr_assert_eq(atomic_load(&d.woken), i - 1);
        }
        stop_runtime(runtime);
    }
}

Test(runtime_hibernate, stays_awake_while_something_comes)
{
    dozer d = {0};
    dor_runtime *runtime = begin(&d, 500, 0);
    uint64_t end = now_ms() + 1200;
    for (unsigned i = 0; now_ms() < end; i++) {
        uint64_t before = now_ms();
        send_number(d.pid, NUMBER, i);
        receive_number(NUMBER);
        if (now_ms() - before > 400) end = 0; /* the machine stood still: that says nothing about us */
        uv_sleep(10);
    }
    if (end) cr_assert_eq(atomic_load(&d.hibernated), 0);
    WAIT_FOR(atomic_load(&d.hibernated) == 1);
    stop_runtime(runtime);
}

Test(runtime_hibernate, asks_again_later_when_it_was_not_the_time)
{
    dozer d = {.refuse_sleep = 3};
    dor_runtime *runtime = begin(&d, 5, 0);
    WAIT_FOR(atomic_load(&d.hibernated) == 1);
    stop_runtime(runtime);
}

static atomic_uint asleep;

static void *herd_shape(void *state)
{
    atomic_fetch_add(&asleep, 1);
    return state;
}

static void herd_receive(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

Test(runtime_hibernate, a_herd_does_not_fall_asleep_at_once)
{
    enum { HERD = 1000, AFTER_MS = 400 };
    static int states[HERD];
    dor_runtime *runtime = runtime_of(1);
    dor_actor_spec spec = {.receive = herd_receive,
                           .scheduler = DOR_ON(0),
                           .hibernate = herd_shape,
                           .wake = herd_shape,
                           .hibernate_after_ms = AFTER_MS};
    for (unsigned i = 0; i < HERD; i++) {
        dor_pid pid;
        spec.state = &states[i];
        cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    }
    WAIT_FOR(atomic_load(&asleep) > 0);
    unsigned first = atomic_load(&asleep);
    cr_assert_lt(first, HERD, "%u of them at once", first);
    WAIT_FOR(atomic_load(&asleep) == HERD);
    stop_runtime(runtime);
}

/* ---- ends and bad use ---- */

static void leave_in_hibernate(dozer *d)
{
    (void)d;
    cr_assert_eq(dor_exit_self(11), DOR_OK);
}

Test(runtime_hibernate, it_may_end_while_it_falls_asleep)
{
    for (unsigned by_itself = 0; by_itself < 2; by_itself++) {
        dozer d = {.in_hibernate = leave_in_hibernate};
        dor_ref ref;
        dor_runtime *runtime = begin(&d, by_itself ? 5 : 0, 0);
        cr_assert_eq(dor_monitor(d.pid, &ref), DOR_OK);
        if (!by_itself) send_number(d.pid, SLEEP, 0);
        int reason = receive_down().reason;
        cr_assert(reason == 11 || reason == DOR_E_NOPROC);
        stop_runtime(runtime);
        cr_assert_eq(atomic_load(&d.stopped), 1);
    }
}

static void send_in_hibernate(dozer *d)
{
    send_number(d->pid, NUMBER, 77);
}

Test(runtime_hibernate, a_message_that_comes_meanwhile_wakes_it_again)
{
    BOTH(limit)
    {
        dozer d = {.in_hibernate = send_in_hibernate};
        dor_runtime *runtime = begin(&d, 0, limit);
        put_to_sleep(&d);
        cr_assert_eq(receive_number(NUMBER), 77);
        cr_assert_eq(atomic_load(&d.woken), 1);
        stop_runtime(runtime);
    }
}

static atomic_int plain_result;

static void plain_receive(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
    atomic_store(&plain_result, dor_hibernate());
}

Test(runtime_hibernate, bad_use)
{
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid;
    dor_actor_spec spec = {.receive = plain_receive, .hibernate = herd_shape};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_E_BADARG, "no way back");
    cr_assert_eq(dor_hibernate(), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    cr_assert_eq(dor_hibernate(), DOR_E_NO_PROCESS, "a process does not");
    pid = spawn_on(runtime, DOR_ON(0), plain_receive, NULL, NULL);
    atomic_store(&plain_result, 1);
    send_number(pid, NUMBER, 0);
    WAIT_FOR(atomic_load(&plain_result) != 1);
    cr_assert_eq(atomic_load(&plain_result), DOR_E_EINVAL);
    stop_runtime(runtime);
}

Test(runtime_hibernate, spawning_without_memory_leaves_nothing)
{
    for (long allowed = 0; allowed < 16; allowed++) {
        dozer d = {0};
        dor_pid pid;
        dor_runtime *runtime = runtime_of(1);
        the = &d;
        dor_actor_spec spec = {.receive = doze_receive,
                               .state = &d.awake,
                               .mailbox = {.messages = 3},
                               .hibernate = doze_hibernate,
                               .wake = doze_wake,
                               .hibernate_after_ms = 100000};
        atomic_store(&fail_after, allowed);
        int result = dor_spawn(runtime, &spec, &pid);
        atomic_store(&fail_after, -1);
        cr_assert(result == DOR_OK || result == DOR_E_NOMEM);
        cr_assert(allowed < 15 || result == DOR_OK);
        stop_runtime(runtime);
    }
}

/* Many turns of falling asleep and being woken, with senders on other threads: every message once, in order. */
typedef struct pusher {
    dor_pid to;
    unsigned count;
} pusher;

static void push(void *arg)
{
    pusher *p = arg;
    for (unsigned i = 0; i < p->count; i++)
        if (send_number(p->to, PLAY + 1 + i % 2, i) == DOR_E_MAILBOX_FULL) i--, uv_sleep(1);
}

typedef struct napper {
    bool asleep;
    atomic_uint received, naps;
    unsigned next;
} napper;

static void nap_receive(void *state, dor_message *message)
{
    napper *n = state;
    cr_assert_not(n->asleep);
    cr_assert_eq(number_in(message), n->next);
    n->next++;
    dor_message_free(message);
    atomic_fetch_add(&n->received, 1);
    cr_assert_eq(dor_hibernate(), DOR_OK);
}

static void *nap_hibernate(void *state)
{
    napper *n = state;
    n->asleep = true;
    atomic_fetch_add(&n->naps, 1);
    return n;
}

static void *nap_wake(void *state)
{
    napper *n = state;
    if (atomic_load(&n->naps) % 64 == 63) {
        atomic_fetch_add(&n->naps, 1);
        return NULL;
    }
    n->asleep = false;
    return n;
}

Test(runtime_hibernate, naps_between_messages_of_another_thread)
{
    BOTH(limit)
    {
        napper n = {0};
        dor_runtime *runtime = runtime_of(1);
        pusher p = {.count = scaled(20000)};
        dor_actor_spec spec = {.receive = nap_receive,
                               .state = &n,
                               .mailbox = {.messages = limit},
                               .hibernate = nap_hibernate,
                               .wake = nap_wake};
        cr_assert_eq(dor_spawn(runtime, &spec, &p.to), DOR_OK);
        uv_thread_t thread;
        uv_thread_create(&thread, push, &p);
        uv_thread_join(&thread);
        WAIT_FOR(atomic_load(&n.received) == p.count);
        cr_assert_gt(atomic_load(&n.naps), 0);
        stop_runtime(runtime);
    }
}
