/* Sending that waits for room: nothing is lost, nobody is forgotten, those who wait are served in order. */
#include "runtime_support.h"

#include "runtime/gate.h"
#include "runtime/guest.h"
#include <dormouse/port.h>
#include <poll.h>

TestSuite(runtime_send_wait, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, BLOCK, BIG };

typedef struct slow {
    dor_pid pid;
    atomic_bool held;
    atomic_bool release;
    atomic_uint received;
    uint64_t next[8]; /* per sender */
    unsigned order[64];
} slow;

static void slow_receive(void *state, dor_message *message)
{
    slow *s = state;
    if (message->type == BLOCK) {
        atomic_store(&s->held, true);
        while (!atomic_load(&s->release))
            uv_sleep(1);
    } else {
        uint64_t number = message->type == NUMBER ? number_in(message) : 0;
        unsigned n = atomic_load(&s->received);
        if (n < 64) s->order[n] = (unsigned)number;
        if (message->type == NUMBER) {
            cr_assert_eq(number & UINT32_MAX, s->next[number >> 32]++, "all of each sender's, in order");
        }
        atomic_fetch_add(&s->received, 1);
    }
    dor_message_free(message);
}

static void spawn_slow(dor_runtime *runtime, int scheduler, slow *s, dor_mailbox_limits limits)
{
    dor_actor_spec spec = {.receive = slow_receive, .state = s, .scheduler = scheduler, .mailbox = limits};
    cr_assert_eq(dor_spawn(runtime, &spec, &s->pid), DOR_OK);
}

static void hold(slow *s)
{
    atomic_store(&s->release, false);
    atomic_store(&s->held, false);
    cr_assert_eq(send_number(s->pid, BLOCK, 0), DOR_OK);
    WAIT_FOR(atomic_load(&s->held));
}

/* ---- many senders through a narrow mailbox ---- */

typedef struct producer {
    dor_runtime *runtime;
    dor_pid to;
    unsigned index;
    unsigned count;
    uv_thread_t thread;
} producer;

static void produce(void *arg)
{
    producer *p = arg;
    cr_assert_eq(dor_process_attach(p->runtime, NULL), DOR_OK);
    for (unsigned i = 0; i < p->count; i++)
        cr_assert_eq(dor_send_wait(p->to, number_message(NUMBER, (uint64_t)p->index << 32 | i), DOR_INFINITY),
                     DOR_OK);
    cr_assert_eq(dor_process_detach(), DOR_OK);
}

static void run_producers(dor_mailbox_limits limits)
{
    enum { PRODUCERS = 4 };
    dor_runtime *runtime = runtime_of(2);
    slow s = {.pid = 0};
    producer p[PRODUCERS];
    unsigned count = scaled(20000);
    spawn_slow(runtime, DOR_ON(1), &s, limits);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        p[i] = (producer){.runtime = runtime, .to = s.pid, .index = i, .count = count};
        uv_thread_create(&p[i].thread, produce, &p[i]);
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        uv_thread_join(&p[i].thread);
    WAIT_FOR(atomic_load(&s.received) == PRODUCERS * count);
    stop_runtime(runtime);
}

Test(runtime_send_wait, nothing_is_lost_through_a_narrow_mailbox)
{
    run_producers((dor_mailbox_limits){.messages = 1});
    run_producers((dor_mailbox_limits){.messages = 5});
    run_producers((dor_mailbox_limits){.bytes = 20});
    run_producers((dor_mailbox_limits){.bytes = 1});
}

/* ---- the order of those who wait ---- */

static void send_one(void *arg)
{
    producer *p = arg;
    cr_assert_eq(dor_process_attach(p->runtime, NULL), DOR_OK);
    cr_assert_eq(dor_send_wait(p->to, number_message(NUMBER, (uint64_t)p->index << 32), 30000), DOR_OK);
}

static unsigned waiting_at(dor_pid pid, dor_runtime *runtime)
{
    dor_scheduler *s = dor__runtime_scheduler(runtime, 0);
    dor_actor_slot *slot = (dor_actor_slot *)dor__slab_at(&s->actors, dor__slot_of(pid));
    dor_gate *gate = dor__slot_gate(slot);
    unsigned count = 0;
    dor__lock(&gate->lock);
    for (dor_send_waiter *w = gate->gauge.waiters.first; w; w = w->next)
        count++;
    dor__unlock(&gate->lock);
    return count;
}

Test(runtime_send_wait, those_who_wait_are_served_in_order_and_not_overtaken)
{
    enum { WAITERS = 6 };
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    producer p[WAITERS];
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, (uint64_t)7 << 32), DOR_OK);
    for (unsigned i = 0; i < WAITERS; i++) {
        p[i] = (producer){.runtime = runtime, .to = s.pid, .index = i};
        uv_thread_create(&p[i].thread, send_one, &p[i]);
        WAIT_FOR(waiting_at(s.pid, runtime) == i + 1);
    }
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_E_MAILBOX_FULL);
    atomic_store(&s.release, true);
    for (unsigned i = 0; i < WAITERS; i++)
        uv_thread_join(&p[i].thread);
    WAIT_FOR(atomic_load(&s.received) == WAITERS + 1);
    stop_runtime(runtime);
    for (unsigned i = 0; i < WAITERS; i++)
        cr_assert_eq(s.next[i], 1);
}

/* ---- giving up ---- */

typedef struct attempt {
    dor_runtime *runtime;
    dor_pid to;
    size_t size;
    uint32_t timeout_ms;
    atomic_int result;
    dor_pid pid;
    uv_thread_t thread;
} attempt;

static void try_one(void *arg)
{
    attempt *a = arg;
    dor_pid pid;
    cr_assert_eq(dor_process_attach(a->runtime, &pid), DOR_OK);
    a->pid = pid;
    int result = dor_send_wait(a->to, dor_message_new(BIG, a->size, NULL), a->timeout_ms);
    atomic_store(&a->result, result);
}

static void start(attempt *a)
{
    atomic_store(&a->result, 1);
    uv_thread_create(&a->thread, try_one, a);
}

Test(runtime_send_wait, one_that_gives_up_leaves_nothing_behind)
{
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK);
    long before = atomic_load(&live_blocks);
    for (uint32_t timeout = 0; timeout < 4; timeout++)
        cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 9), timeout), DOR_E_TIMEOUT);
    cr_assert_eq(atomic_load(&live_blocks), before);
    cr_assert_eq(waiting_at(s.pid, runtime), 0);
    atomic_store(&s.release, true);
    WAIT_FOR(atomic_load(&s.received) == 1);
    cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 1), 0), DOR_OK);
    stop_runtime(runtime);
}

Test(runtime_send_wait, a_big_one_that_gives_up_lets_the_small_ones_behind_it_in)
{
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.bytes = 100});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK); /* 8 bytes */
    attempt big = {.runtime = runtime, .to = s.pid, .size = 99, .timeout_ms = 100};
    attempt small = {.runtime = runtime, .to = s.pid, .size = 10, .timeout_ms = DOR_INFINITY};
    start(&big);
    WAIT_FOR(waiting_at(s.pid, runtime) == 1 || atomic_load(&big.result) != 1);
    start(&small);
    uv_thread_join(&big.thread);
    cr_assert_eq(atomic_load(&big.result), DOR_E_TIMEOUT);
    uv_thread_join(&small.thread); /* although the receiver stands still */
    cr_assert_eq(atomic_load(&small.result), DOR_OK);
    cr_assert_eq(atomic_load(&s.received), 0);
    atomic_store(&s.release, true);
    WAIT_FOR(atomic_load(&s.received) == 2);
    stop_runtime(runtime);
}

/* Giving up and being served at the same moment: the message is either received or not, as the result says. */
Test(runtime_send_wait, timeouts_race_with_room)
{
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    unsigned sent = 0, refused = 0;
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    for (unsigned i = 0; i < scaled(3000); i++) {
        int result = dor_send_wait(s.pid, dor_message_new(BIG, 1, NULL), i % 2);
        cr_assert(result == DOR_OK || result == DOR_E_TIMEOUT);
        *(result == DOR_OK ? &sent : &refused) += 1;
    }
    WAIT_FOR(atomic_load(&s.received) == sent);
    stop_runtime(runtime);
}

static void tell_to_end(dor_runtime *runtime, dor_pid pid)
{
    dor_guest *g = dor__guest_lock(runtime, pid);
    cr_assert_not_null(g);
    dor__guest_exit(g, 3);
    uv_mutex_unlock(&g->lock);
}

Test(runtime_send_wait, the_receivers_end)
{
    for (unsigned how = 0; how < 3; how++) {
        dor_runtime *runtime = runtime_of(2);
        slow s = {.pid = 0};
        attempt a = {.runtime = runtime, .size = 1, .timeout_ms = DOR_INFINITY};
        spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
        hold(&s);
        cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK);
        a.to = s.pid;
        start(&a);
        WAIT_FOR(waiting_at(s.pid, runtime) == 1);
        if (how == 0) dor_exit(s.pid, 3);
        if (how == 1) tell_to_end(runtime, a.pid); /* the sender's own */
        if (how == 2) atomic_store(&s.release, true);
        if (how == 1) {
            WAIT_FOR(atomic_load(&a.result) != 1);
            cr_assert_eq(atomic_load(&a.result), DOR_E_EXITED);
            cr_assert_eq(waiting_at(s.pid, runtime), 0);
        }
        atomic_store(&s.release, true);
        uv_thread_join(&a.thread);
        cr_assert_eq(atomic_load(&a.result), how == 0 ? DOR_E_NOPROC : how == 1 ? DOR_E_EXITED : DOR_OK);
        stop_runtime(runtime);
    }
}

static void stop_it(void *arg)
{
    cr_assert_eq(dor_runtime_stop(arg, 30000), DOR_OK);
}

Test(runtime_send_wait, the_runtimes_end)
{
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    uv_thread_t stopper;
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK);
    attempt a = {.runtime = runtime, .to = s.pid, .size = 1, .timeout_ms = DOR_INFINITY};
    start(&a);
    WAIT_FOR(waiting_at(s.pid, runtime) == 1);
    uv_thread_create(&stopper, stop_it, runtime);
    uv_thread_join(&a.thread);
    cr_assert_eq(atomic_load(&a.result), DOR_E_STOPPED);
    atomic_store(&s.release, true);
    uv_thread_join(&stopper);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

Test(runtime_send_wait, a_receiver_of_another_runtime)
{
    dor_runtime *here = runtime_of(1), *there = runtime_of(1);
    slow s = {.pid = 0};
    spawn_slow(there, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK);
    attempt a = {.runtime = here, .to = s.pid, .size = 1, .timeout_ms = DOR_INFINITY};
    start(&a);
    WAIT_FOR(waiting_at(s.pid, there) == 1);
    dor_exit(s.pid, 1);
    atomic_store(&s.release, true);
    uv_thread_join(&a.thread);
    cr_assert_eq(atomic_load(&a.result), DOR_E_NOPROC);
    cr_assert_eq(dor_runtime_stop(there, 5000), DOR_OK);
    stop_runtime(here);
}

/* ---- receivers that are no actors ---- */

static void check_in_order(dor_message *m, uint64_t next[])
{
    uint64_t number = number_in(m);
    cr_assert_eq(number & UINT32_MAX, next[number >> 32]++);
    dor_message_free(m);
}

static unsigned start_producers(producer p[], unsigned count, dor_runtime *runtime, dor_pid to)
{
    for (unsigned i = 0; i < count; i++) {
        p[i] = (producer){.runtime = runtime, .to = to, .index = i, .count = scaled(5000)};
        uv_thread_create(&p[i].thread, produce, &p[i]);
    }
    return count * p[0].count;
}

static void into_a_process(dor_mailbox_limits limits)
{
    dor_runtime *runtime = runtime_of(1);
    dor_pid self;
    producer p[3];
    uint64_t next[3] = {0};
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_OK);
    unsigned left = start_producers(p, 3, runtime, self);
    for (; left > 0; left--) {
        dor_message *m;
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        check_in_order(m, next);
    }
    for (unsigned i = 0; i < 3; i++)
        uv_thread_join(&p[i].thread);
    stop_runtime(runtime);
}

Test(runtime_send_wait, into_a_process)
{
    into_a_process((dor_mailbox_limits){.messages = 1});
    into_a_process((dor_mailbox_limits){.messages = 7});
    into_a_process((dor_mailbox_limits){.bytes = 17});
}

Test(runtime_send_wait, into_a_port)
{
    dor_runtime *runtime = runtime_of(1);
    dor_mailbox_limits limits = {.messages = 3};
    dor_port port;
    producer p[3];
    uint64_t next[3] = {0};
    cr_assert_eq(dor_port_new(runtime, &limits, &port), DOR_OK);
    for (unsigned left = start_producers(p, 3, runtime, port); left > 0;) {
        dor_message *messages[2];
        size_t count;
        struct pollfd fd = {.fd = dor_port_fd(port), .events = POLLIN};
        cr_assert_eq(poll(&fd, 1, 30000), 1);
        cr_assert_eq(dor_port_drain(port, messages, 2, &count), DOR_OK);
        for (size_t i = 0; i < count; i++, left--)
            check_in_order(messages[i], next);
    }
    for (unsigned i = 0; i < 3; i++)
        uv_thread_join(&p[i].thread);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    stop_runtime(runtime);
}

static unsigned waiting_at_guest(dor_runtime *runtime, dor_pid pid)
{
    unsigned count = 0;
    dor_guest *g = dor__guest_lock(runtime, pid);
    if (!g) return 0;
    for (dor_send_waiter *w = g->waiters.first; w; w = w->next)
        count++;
    uv_mutex_unlock(&g->lock);
    return count;
}

Test(runtime_send_wait, a_guest_that_ends_and_one_that_gives_up)
{
    dor_runtime *runtime = runtime_of(1);
    dor_mailbox_limits limits = {.messages = 1};
    dor_port port;
    cr_assert_eq(dor_port_new(runtime, &limits, &port), DOR_OK);
    cr_assert_eq(send_number(port, NUMBER, 0), DOR_OK);
    attempt soon = {.runtime = runtime, .to = port, .size = 1, .timeout_ms = 5}, late = soon;
    late.timeout_ms = DOR_INFINITY;
    start(&soon);
    uv_thread_join(&soon.thread);
    cr_assert_eq(atomic_load(&soon.result), DOR_E_TIMEOUT);
    cr_assert_eq(waiting_at_guest(runtime, port), 0);
    start(&late);
    WAIT_FOR(waiting_at_guest(runtime, port) == 1);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    uv_thread_join(&late.thread);
    cr_assert_eq(atomic_load(&late.result), DOR_E_NOPROC);
    stop_runtime(runtime);
}

Test(runtime_send_wait, its_own_mailbox_is_not_waited_for)
{
    dor_runtime *runtime = runtime_of(1);
    dor_mailbox_limits limits = {.messages = 1};
    dor_pid self;
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_OK);
    cr_assert_eq(dor_send_wait(self, number_message(NUMBER, 1), DOR_INFINITY), DOR_OK);
    cr_assert_eq(dor_send_wait(self, number_message(NUMBER, 2), DOR_INFINITY), DOR_E_MAILBOX_FULL);
    cr_assert_eq(receive_number(NUMBER), 1);
    stop_runtime(runtime);
}

/* ---- while it waits ---- */

Test(runtime_send_wait, what_comes_for_the_sender_meanwhile_stays_in_order)
{
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    dor_pid self;
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){.messages = 1});
    hold(&s);
    cr_assert_eq(send_number(s.pid, NUMBER, 0), DOR_OK);
    for (unsigned i = 0; i < 10; i++) {
        send_number(self, NUMBER, i);
        cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 9), 1), DOR_E_TIMEOUT);
    }
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    atomic_store(&s.release, true);
    stop_runtime(runtime);
}

/* ---- bad use, and mailboxes that don't refuse ---- */

static atomic_int from_actor;

static void call_from_actor(void *state, dor_message *message)
{
    dor_message_free(message);
    atomic_store(&from_actor, dor_send_wait(*(dor_pid *)state, number_message(NUMBER, 0), 10));
}

Test(runtime_send_wait, bad_use)
{
    dor_runtime *runtime = runtime_of(1);
    slow s = {.pid = 0};
    dor_pid self;
    spawn_slow(runtime, DOR_ON(0), &s, (dor_mailbox_limits){0});
    cr_assert_eq(dor_send_wait(s.pid, NULL, 0), DOR_E_BADARG);
    cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 0), 0), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    atomic_store(&from_actor, 1);
    send_number(spawn_on(runtime, DOR_ON(0), call_from_actor, NULL, &s.pid), BLOCK, 0);
    WAIT_FOR(atomic_load(&from_actor) != 1);
    cr_assert_eq(atomic_load(&from_actor), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_send_wait(DOR_PID_NONE, number_message(NUMBER, 0), 10), DOR_E_NOPROC);
    cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 0), 10), DOR_OK, "no limits, no wait");
    cr_assert_eq(dor_send_wait(self, number_message(NUMBER, 3), DOR_INFINITY), DOR_OK);
    cr_assert_eq(receive_number(NUMBER), 3);
    WAIT_FOR(atomic_load(&s.received) == 1);
    dor_stop(s.pid, DOR_OK);
    WAIT_FOR(!dor_is_alive(s.pid));
    cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 0), 10), DOR_E_NOPROC);
    stop_runtime(runtime);
    cr_assert_eq(dor_send_wait(s.pid, number_message(NUMBER, 0), 10), DOR_E_STOPPED);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

Test(runtime_send_wait, mailboxes_that_drop_or_kill_are_not_waited_for)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned policy = 1; policy < 4; policy++) {
        slow s = {.pid = 0};
        spawn_slow(runtime, DOR_ON(0), &s,
                   (dor_mailbox_limits){.messages = 1, .policy = (dor_mailbox_policy)policy});
        hold(&s);
        cr_assert_eq(dor_send_wait(s.pid, dor_message_new(BIG, 0, NULL), DOR_INFINITY), DOR_OK);
        cr_assert_eq(dor_send_wait(s.pid, dor_message_new(BIG, 0, NULL), DOR_INFINITY),
                     policy == DOR_MAILBOX_KILL ? DOR_E_MAILBOX_FULL : DOR_MESSAGE_DROPPED);
        atomic_store(&s.release, true);
        dor_stop(s.pid, DOR_OK);
        WAIT_FOR(!dor_is_alive(s.pid));
    }
    stop_runtime(runtime);
}
