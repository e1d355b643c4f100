/* Ports: batches, the descriptor, who speaks for them, their end and their runtime's. */
#include "port_support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

TestSuite(runtime_port, .init = count_memory, .timeout = 60);

/* ---- messages and the descriptor ---- */

Test(runtime_port, gives_batches_in_order)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    dor_message *m[BATCH];
    uint64_t expected = 0;
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(send_number(port, NUMBER, i), DOR_OK);
    for (size_t n; (n = drain(port, m, BATCH)) > 0;) {
        cr_assert_eq(n, expected + BATCH <= 1000 ? BATCH : 1000 % BATCH);
        for (size_t i = 0; i < n; i++) {
            cr_assert_eq(number_in(m[i]), expected++);
            dor_message_free(m[i]);
        }
    }
    cr_assert_eq(expected, 1000);
    close_and_stop(port, runtime);
}

Test(runtime_port, is_readable_while_something_waits)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    dor_message *m[BATCH];
    int fd = dor_port_fd(port);
    cr_assert_geq(fd, 0);
    cr_assert_not(readable(port));
    expect_drain(port, DOR_OK);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++)
            send_number(port, NUMBER, i);
        cr_assert(readable(port));
        if (written(fd) >= 0) cr_assert_eq(written(fd), 1, "%d system calls for a burst", written(fd));
        cr_assert_eq(drain(port, m, 0), 0);
        cr_assert(readable(port));
        for (unsigned left = 100; left > 0;) {
            cr_assert(readable(port), "%u left", left);
            size_t n = drain(port, m, 30);
            left -= (unsigned)n;
            for (size_t i = 0; i < n; i++)
                dor_message_free(m[i]);
            if (written(fd) >= 0) cr_assert_eq(written(fd), left > 0);
        }
        cr_assert_not(readable(port));
    }
    cr_assert_eq(dor_port_fd(port), fd);
    close_and_stop(port, runtime);
}

Test(runtime_port, has_a_descriptor_that_exec_closes_and_that_never_blocks)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    cr_assert(fcntl(dor_port_fd(port), F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(dor_port_fd(port), F_GETFL) & O_NONBLOCK);
    close_and_stop(port, runtime);
}

/* ---- limits ---- */

Test(runtime_port, refuses_what_has_no_room)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 10});
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(send_number(port, NUMBER, i), i < 10 ? DOR_OK : DOR_E_MAILBOX_FULL);
    cr_assert_eq(next_number(port, NUMBER), 0);
    cr_assert_eq(send_number(port, NUMBER, 10), DOR_OK);
    cr_assert_eq(send_number(port, NUMBER, 11), DOR_E_MAILBOX_FULL);
    expect_numbers(port, 1, 10);
    close_and_stop(port, runtime);
}

Test(runtime_port, has_a_limit_of_its_own)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    for (unsigned i = 0; i < DOR_PORT_MESSAGES; i++)
        cr_assert_eq(send_number(port, NUMBER, i), DOR_OK);
    cr_assert_eq(send_number(port, NUMBER, 0), DOR_E_MAILBOX_FULL);
    close_and_stop(port, runtime);
}

Test(runtime_port, drops_the_newest_or_the_oldest)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port =
        port_with(runtime, &(dor_mailbox_limits){.messages = 10, .policy = DOR_MAILBOX_DROP_NEWEST});
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(send_number(port, NUMBER, i), i < 10 ? DOR_OK : DOR_MESSAGE_DROPPED);
    expect_numbers(port, 0, 9);
    cr_assert_eq(dor_port_close(port), DOR_OK);

    port = port_with(runtime, &(dor_mailbox_limits){.messages = 10, .policy = DOR_MAILBOX_DROP_OLDEST});
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(send_number(port, NUMBER, i), i < 10 ? DOR_OK : DOR_MESSAGE_DROPPED);
    cr_assert_eq(next_number(port, NUMBER),
                 10); /* the others have been looked at, and must be dropped still */
    for (unsigned i = 20; i < 25; i++)
        cr_assert_eq(send_number(port, NUMBER, i), i < 21 ? DOR_OK : DOR_MESSAGE_DROPPED);
    expect_numbers(port, 15, 24);
    close_and_stop(port, runtime);
}

Test(runtime_port, counts_bytes_and_lets_one_message_in_always)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.bytes = 100});
    cr_assert_eq(dor_send(port, dor_message_new(NUMBER, 60, NULL)), DOR_OK);
    cr_assert_eq(dor_send(port, dor_message_new(NUMBER, 41, NULL)), DOR_E_MAILBOX_FULL);
    cr_assert_eq(dor_send(port, dor_message_new(NUMBER, 40, NULL)), DOR_OK);
    dor_message *m[BATCH];
    cr_assert_eq(drain(port, m, BATCH), 2);
    dor_message_free(m[0]);
    dor_message_free(m[1]);
    cr_assert_eq(dor_send(port, dor_message_new(NUMBER, 1000, NULL)), DOR_OK);
    cr_assert_eq(dor_send(port, dor_message_new(NUMBER, 0, NULL)), DOR_E_MAILBOX_FULL);
    close_and_stop(port, runtime);
}

Test(runtime_port, may_be_ended_by_too_many_messages)
{
    dor_pid self;
    dor_ref ref;
    dor_runtime *runtime = runtime_of(1);
    unsigned before = open_descriptors();
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 1, .policy = DOR_MAILBOX_KILL});
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    cr_assert_eq(dor_monitor(port, &ref), DOR_OK);
    int fd = dor_port_fd(port);
    cr_assert_eq(send_number(port, NUMBER, 0), DOR_OK);
    cr_assert_eq(send_number(port, NUMBER, 1), DOR_E_MAILBOX_FULL);
    expect_drain(port, DOR_E_EXITED);
    dor_down down = receive_down();
    cr_assert_eq(down.reason, DOR_E_MAILBOX_FULL);
    /* Whoever watches the descriptor still has it, until the port is closed. */
    cr_assert_eq(dor_port_fd(port), fd);
    cr_assert(readable_within(fd, 0));
    expect_drain(port, DOR_E_EXITED);
    cr_assert_eq(dor_port_enter(port), DOR_E_EXITED);
    cr_assert_eq(send_number(port, NUMBER, 2), DOR_E_NOPROC);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_E_NOPROC);
    expect_drain(port, DOR_E_NOPROC);
    cr_assert_eq(open_descriptors(), before);
    stop_runtime(runtime);
}

static int is_last(const dor_message *m, void *arg)
{
    (void)arg;
    return m->type == LAST;
}

Test(runtime_port, limits_hold_for_processes_too)
{
    dor_pid self;
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach_limited(runtime, NULL, &self), DOR_E_BADARG);
    dor_mailbox_limits limits = {.messages = 4, .policy = (dor_mailbox_policy)9};
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_E_BADARG);
    limits.policy = DOR_MAILBOX_REFUSE;
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_OK);
    for (unsigned i = 0; i < 8; i++)
        cr_assert_eq(send_number(self, NUMBER, i), i < 4 ? DOR_OK : DOR_E_MAILBOX_FULL);
    cr_assert_eq(dor_receive_match(&m, is_last, NULL, 0), DOR_E_TIMEOUT);
    cr_assert_eq(send_number(self, NUMBER, 8), DOR_E_MAILBOX_FULL); /* what is kept counts */
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    cr_assert_eq(send_number(self, NUMBER, 8), DOR_OK);
    cr_assert_eq(dor_process_detach(), DOR_OK);

    limits.policy = DOR_MAILBOX_DROP_OLDEST;
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_OK);
    send_number(self, NUMBER, 0);
    send_number(self, LAST, 1);
    cr_assert_eq(dor_receive_match(&m, is_last, NULL, 0), DOR_OK);
    dor_message_free(m);
    for (unsigned i = 2; i < 8; i++)
        cr_assert_eq(send_number(self, NUMBER, i), i < 5 ? DOR_OK : DOR_MESSAGE_DROPPED);
    for (unsigned i = 4; i < 8; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    cr_assert_eq(dor_process_detach(), DOR_OK);

    limits.policy = DOR_MAILBOX_KILL;
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_OK);
    for (unsigned i = 0; i < 8; i++)
        cr_assert_eq(send_number(self, NUMBER, i), i < 4 ? DOR_OK : DOR_E_MAILBOX_FULL);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_EXITED);
    cr_assert_eq(dor_receive(&m, 0), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_self(), DOR_PID_NONE);
    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    stop_runtime(runtime);
}

typedef struct flooded {
    dor_pid self;
    atomic_bool full, done;
} flooded;

static void flood_then_last(void *arg)
{
    flooded *f = arg;
    for (uint64_t i = 0; i < scaled(20000); i++) {
        int code = send_number(f->self, NUMBER, i);
        cr_assert(code == DOR_OK || code == DOR_MESSAGE_DROPPED);
    }
    send_number(f->self, LAST, 7);
}

/* The waiting receive has looked at messages that are dropped under it. */
Test(runtime_port, drops_the_oldest_under_a_selective_receive)
{
    dor_pid self;
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    dor_mailbox_limits limits = {.messages = 8, .policy = DOR_MAILBOX_DROP_OLDEST};
    cr_assert_eq(dor_process_attach_limited(runtime, &limits, &self), DOR_OK);
    for (unsigned round = 0; round < 5; round++) {
        flooded f = {.self = self};
        uv_thread_t thread;
        cr_assert_eq(uv_thread_create(&thread, flood_then_last, &f), 0);
        cr_assert_eq(dor_receive_match(&m, is_last, NULL, 30000), DOR_OK);
        cr_assert_eq(number_in(m), 7);
        dor_message_free(m);
        uv_thread_join(&thread);
        uint64_t expected = scaled(20000) >= 7 ? scaled(20000) - 7 : 0;
        for (; expected < scaled(20000); expected++)
            cr_assert_eq(receive_number(NUMBER), expected);
        cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    }
    stop_runtime(runtime);
}

/* ---- speaking for a port ---- */

Test(runtime_port, monitors_and_is_monitored)
{
    dor_ref ref;
    dor_pid self;
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    dor_pid actor = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL),
            other = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_monitor(actor, &ref), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    dor_stop(actor, 5);
    dor_down down = next_down(port);
    cr_assert_eq(down.pid, actor);
    cr_assert_eq(down.ref, ref);
    cr_assert_eq(down.reason, 5);
    cr_assert_not(readable(port));

    /* A DOWN that is under way when the monitor is undone: nothing comes, and the descriptor does not stay readable. */
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_monitor(other, &ref), DOR_OK);
    dor_stop(other, 6);
    cr_assert(readable_within(dor_port_fd(port), 30000));
    cr_assert_eq(dor_demonitor(ref), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    expect_drain(port, DOR_OK);
    cr_assert_not(readable(port));

    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    cr_assert_eq(dor_monitor(port, &ref), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    down = receive_down();
    cr_assert_eq(down.pid, port);
    cr_assert_eq(down.reason, DOR_OK);
    cr_assert_eq(dor_port_enter(port), DOR_E_NOPROC);
    stop_runtime(runtime);
}

Test(runtime_port, lends_its_identity)
{
    dor_pid self;
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL), other = port_with(runtime, NULL);
    cr_assert_eq(dor_port_leave(), DOR_E_NO_PROCESS);
    for (unsigned attached = 0; attached < 2; attached++) {
        if (attached) cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
        cr_assert_eq(dor_self(), attached ? self : DOR_PID_NONE);
        cr_assert_eq(dor_port_enter(port), DOR_OK);
        cr_assert_eq(dor_self(), port);
        cr_assert_eq(dor_port_enter(port), DOR_E_EALREADY);
        cr_assert_eq(dor_port_enter(other), DOR_E_EALREADY);
        cr_assert_eq(dor_receive(&m, 0), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_process_attach(runtime, NULL), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_process_detach(), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(send_number(port, NUMBER, 1), DOR_OK);
        cr_assert_eq(send_number(other, NUMBER, 2), DOR_OK);
        cr_assert_eq(next_number(port, NUMBER), 1); /* draining is no receiving: it never waits */
        cr_assert_eq(next_number(other, NUMBER), 2);
        cr_assert_eq(dor_port_leave(), DOR_OK);
        cr_assert_eq(dor_self(), attached ? self : DOR_PID_NONE);
    }
    /* Closing the port that one speaks for leaves it. */
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    cr_assert_eq(dor_self(), self);
    cr_assert_eq(dor_port_leave(), DOR_E_NO_PROCESS);
    close_and_stop(other, runtime);
}

typedef struct visitor {
    dor_port port;
    atomic_bool entered, go, drained;
} visitor;

static void enter_and_end(void *arg)
{
    visitor *v = arg;
    cr_assert_eq(dor_port_enter(v->port), DOR_OK);
    atomic_store(&v->entered, true);
    WAIT_FOR(atomic_load(&v->go));
}

static void drain_one(void *arg)
{
    visitor *v = arg;
    dor_message *m;
    cr_assert_eq(drain(v->port, &m, 1), 1);
    atomic_store(&v->drained, true);
    dor_message_free(m);
}

Test(runtime_port, is_given_back_when_the_thread_ends)
{
    dor_runtime *runtime = runtime_of(1);
    visitor v = {.port = port_with(runtime, NULL)};
    uv_thread_t first, second;
    send_number(v.port, NUMBER, 1);
    cr_assert_eq(uv_thread_create(&first, enter_and_end, &v), 0);
    WAIT_FOR(atomic_load(&v.entered));
    cr_assert_eq(uv_thread_create(&second, drain_one, &v), 0);
    uv_sleep(20);
    cr_assert_not(atomic_load(&v.drained)); /* one at a time */
    atomic_store(&v.go, true);
    uv_thread_join(&first);
    uv_thread_join(&second);
    cr_assert(atomic_load(&v.drained));
    close_and_stop(v.port, runtime);
}

/* ---- bad use ---- */

typedef struct called {
    dor_port port;
    int codes[6];
    atomic_bool done;
} called;

static void call_everything(void *state, dor_message *message)
{
    called *c = state;
    dor_port made;
    dor_message *m;
    size_t count;
    dor_message_free(message);
    c->codes[0] = dor_port_new(NULL, NULL, &made);
    c->codes[1] = dor_port_drain(c->port, &m, 1, &count);
    c->codes[2] = dor_port_enter(c->port);
    c->codes[3] = dor_port_close(c->port);
    c->codes[4] = dor_port_fd(c->port);
    c->codes[5] = dor_process_attach_limited(NULL, &(dor_mailbox_limits){.messages = 1}, NULL);
    atomic_store(&c->done, true);
}

Test(runtime_port, answers_bad_use)
{
    dor_pid self;
    dor_message *m;
    size_t count;
    dor_runtime *runtime = runtime_of(1);
    called c = {.port = port_with(runtime, NULL)};
    cr_assert_eq(dor_port_new(runtime, NULL, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_port_new(runtime, &(dor_mailbox_limits){.policy = (dor_mailbox_policy)4}, &self),
                 DOR_E_BADARG);
    cr_assert_eq(dor_port_drain(c.port, NULL, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_port_drain(c.port, &m, 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_port_drain(c.port, NULL, 0, &count), DOR_OK);
    dor_pid actor = spawn_on(runtime, DOR_ON(0), call_everything, NULL, &c);
    send_number(actor, NUMBER, 0);
    WAIT_FOR(atomic_load(&c.done));
    for (size_t i = 0; i < sizeof c.codes / sizeof c.codes[0]; i++)
        cr_assert_eq(c.codes[i], DOR_E_WOULD_DEADLOCK, "call %zu: %d", i, c.codes[i]);

    cr_assert_eq(dor_process_attach(runtime, &self), DOR_OK);
    const dor_port wrong[] = {DOR_PID_NONE, 1, actor, self, c.port + 1, ~(dor_port)0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_eq(dor_port_close(wrong[i]), DOR_E_NOPROC);
        cr_assert_eq(dor_port_fd(wrong[i]), DOR_E_NOPROC);
        cr_assert_eq(dor_port_drain(wrong[i], &m, 1, &count), DOR_E_NOPROC);
        cr_assert_eq(dor_port_enter(wrong[i]), DOR_E_NOPROC);
    }
    cr_assert_eq(dor_port_close(c.port), DOR_OK);
    cr_assert_eq(dor_port_close(c.port), DOR_E_NOPROC);
    cr_assert_eq(dor_port_fd(c.port), DOR_E_NOPROC);
    cr_assert_eq(send_number(c.port, NUMBER, 0), DOR_E_NOPROC);
    cr_assert_not(dor_is_alive(c.port));
    stop_runtime(runtime);
}

/* ---- the end of the runtime ---- */

Test(runtime_port, outlives_its_runtime_as_a_descriptor)
{
    dor_message *m;
    size_t count;
    unsigned before = descriptors_without_runtime();
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL), unread = port_with(runtime, NULL),
             entered = port_with(runtime, NULL);
    int fd = dor_port_fd(port);
    send_number(unread, NUMBER, 1);
    cr_assert_eq(dor_port_enter(entered), DOR_OK);
    cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
    cr_assert_eq(dor_monitor(port, NULL), DOR_E_STOPPED);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert(readable_within(fd, 0)); /* not somebody else's file */
        cr_assert_eq(dor_port_fd(port), fd);
        cr_assert_eq(dor_port_drain(port, &m, 1, &count), DOR_E_STOPPED);
        cr_assert_eq(dor_port_enter(port), DOR_E_STOPPED);
    }
    cr_assert_eq(dor_port_drain(unread, &m, 1, &count), DOR_E_STOPPED);
    cr_assert_eq(send_number(port, NUMBER, 0), DOR_E_NOPROC);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    cr_assert_eq(dor_port_close(unread), DOR_OK);
    cr_assert_eq(dor_port_close(entered), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_E_NOPROC);
    cr_assert_eq(dor_port_drain(port, &m, 1, &count), DOR_E_NOPROC);
    cr_assert_eq(open_descriptors(), before);
    cr_assert_eq(atomic_load(&live_blocks), 0);
    runtime = runtime_of(1);
    cr_assert_eq(dor_port_drain(port, &m, 1, &count), DOR_E_NOPROC);
    stop_runtime(runtime);
    cr_assert_eq(dor_port_new(runtime, NULL, &port), DOR_E_STOPPED);
}

typedef struct stopper {
    dor_runtime *runtime;
    dor_port port;
    atomic_bool stop_entered, close;
} stopper;

/* Keeps its runtime from ending, so that the test sees it while it stops. */
static void slow_receive(void *state, dor_message *message)
{
    stopper *s = state;
    dor_message_free(message);
    WAIT_FOR(atomic_load(&s->close));
}

static void stop_it(void *arg)
{
    stopper *s = arg;
    cr_assert_eq(dor_runtime_stop(s->runtime, 20000), DOR_OK);
}

/* While the runtime stops: what waits is given out, then STOPPED comes; a port that another thread has can be closed. */
Test(runtime_port, tells_that_its_runtime_stops)
{
    dor_message *m[2];
    unsigned before = descriptors_without_runtime();
    stopper s = {.runtime = runtime_of(1)};
    visitor v = {.port = port_with(s.runtime, NULL)};
    uv_thread_t stopping, visiting;
    s.port = port_with(s.runtime, NULL);
    send_number(s.port, NUMBER, 1);
    send_number(spawn_on(s.runtime, DOR_ON(0), slow_receive, NULL, &s), NUMBER, 0);
    cr_assert_eq(uv_thread_create(&visiting, enter_and_end, &v), 0);
    WAIT_FOR(atomic_load(&v.entered));
    cr_assert_eq(uv_thread_create(&stopping, stop_it, &s), 0);
    cr_assert(readable_within(dor_port_fd(v.port), 30000)); /* nothing was sent to this one */
    cr_assert_eq(drain(s.port, m, 2), 1);
    dor_message_free(m[0]);
    cr_assert(readable_within(dor_port_fd(s.port), 30000));
    expect_drain(s.port, DOR_E_STOPPED);
    cr_assert(readable(s.port));
    expect_drain(v.port, DOR_E_STOPPED);
    cr_assert_eq(dor_port_close(s.port), DOR_OK);
    cr_assert_eq(dor_port_close(v.port), DOR_OK);
    cr_assert_eq(dor_port_close(v.port), DOR_E_NOPROC);
    atomic_store(&s.close, true);
    uv_thread_join(&stopping);
    atomic_store(&v.go, true);
    uv_thread_join(&visiting);
    cr_assert_eq(open_descriptors(), before);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- when there is no more ---- */

Test(runtime_port, comes_whole_or_not_at_all)
{
    dor_port port;
    dor_runtime *runtime = runtime_of(1);
    unsigned before = open_descriptors();
    int code = DOR_E_NOMEM;
    for (long n = 0; code != DOR_OK; n++) {
        cr_assert_lt(n, 20);
        long blocks = atomic_load(&live_blocks);
        atomic_store(&fail_after, n);
        code = dor_port_new(runtime, NULL, &port);
        atomic_store(&fail_after, -1);
        if (code == DOR_OK) break;
        cr_assert_eq(code, DOR_E_NOMEM);
        cr_assert_eq(open_descriptors(), before);
        cr_assert_leq(atomic_load(&live_blocks), blocks + 2); /* of the slab, which it keeps */
    }
    cr_assert_eq(dor_port_close(port), DOR_OK);

    struct rlimit limit, none;
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    code = dor_port_new(runtime, NULL, &port);
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_assert_eq(dor_error_get_errno(code), EMFILE);
    stop_runtime(runtime);
}
