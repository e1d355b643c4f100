/* Ports under many threads, and the events that producers post to them. */
#include "port_support.h"

#include "runtime/event_mailbox.h"
#include "runtime/private.h"

TestSuite(runtime_port_races, .init = count_memory, .timeout = 60);

/* ---- races ---- */

enum { SENDERS = 4 };

typedef struct sender {
    dor_port port;
    uint64_t number, count;
} sender;

static void send_many(void *arg)
{
    sender *s = arg;
    for (uint64_t i = 0; i < s->count; i++)
        while (send_number(s->port, NUMBER, s->number << 32 | i) == DOR_E_MAILBOX_FULL)
            uv_sleep(0);
}

Test(runtime_port_races, loses_nothing_and_sleeps_through_nothing)
{
    dor_runtime *runtime = runtime_of(2);
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 100});
    uint64_t count = scaled(25000), next[SENDERS] = {0}, left = SENDERS * count;
    uv_thread_t threads_[SENDERS];
    sender senders[SENDERS];
    dor_message *m[BATCH];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (sender){port, i, count};
        cr_assert_eq(uv_thread_create(&threads_[i], send_many, &senders[i]), 0);
    }
    while (left > 0) {
        cr_assert(readable_within(dor_port_fd(port), 30000), "%lu left", (unsigned long)left);
        size_t n = drain(port, m, left % 3 ? BATCH : 7);
        for (size_t i = 0; i < n; i++) {
            uint64_t number = number_in(m[i]);
            cr_assert_eq(number & UINT32_MAX, next[number >> 32]++);
            dor_message_free(m[i]);
        }
        left -= n;
    }
    for (unsigned i = 0; i < SENDERS; i++)
        uv_thread_join(&threads_[i]);
    cr_assert_not(readable(port));
    close_and_stop(port, runtime);
}

/* ---- senders that wait for room ---- */

typedef struct waiting_sender {
    dor_runtime *runtime;
    dor_port port;
    uint64_t number, count;
    int code; /* of the last send */
} waiting_sender;

static void send_and_wait(void *arg)
{
    waiting_sender *s = arg;
    s->code = dor_process_attach(s->runtime, NULL);
    for (uint64_t i = 0; i < s->count && s->code == DOR_OK; i++)
        s->code = dor_send_wait(s->port, number_message(NUMBER, s->number << 32 | i), 60000);
}

Test(runtime_port_races, makes_senders_wait_and_loses_nothing)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 50});
    uint64_t count = scaled(25000), next[SENDERS] = {0}, left = SENDERS * count;
    uv_thread_t threads_[SENDERS];
    waiting_sender senders[SENDERS];
    dor_message *m[BATCH];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (waiting_sender){runtime, port, i, count, DOR_OK};
        cr_assert_eq(uv_thread_create(&threads_[i], send_and_wait, &senders[i]), 0);
    }
    while (left > 0) {
        cr_assert(readable_within(dor_port_fd(port), 30000), "%lu left", (unsigned long)left);
        size_t n = drain(port, m, left % 3 ? BATCH : 7);
        cr_assert_leq(n, 50);
        for (size_t i = 0; i < n; i++) {
            uint64_t number = number_in(m[i]);
            cr_assert_eq(number & UINT32_MAX, next[number >> 32]++);
            dor_message_free(m[i]);
        }
        left -= n;
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        uv_thread_join(&threads_[i]);
        cr_assert_eq(senders[i].code, DOR_OK);
    }
    cr_assert_not(readable(port));
    close_and_stop(port, runtime);
}

/* The port is closed, ended or stopped under senders that wait: each of them is told. */
Test(runtime_port_races, tells_senders_that_wait_of_its_end)
{
    for (unsigned round = 0; round < 3; round++) {
        dor_message *m;
        size_t n;
        dor_runtime *runtime = runtime_of(1);
        dor_port port = port_with(runtime, &(dor_mailbox_limits){.messages = 1});
        uv_thread_t threads_[SENDERS];
        waiting_sender senders[SENDERS];
        send_number(port, NUMBER, 0);
        for (unsigned i = 0; i < SENDERS; i++) {
            senders[i] = (waiting_sender){runtime, port, i, 1, DOR_OK};
            cr_assert_eq(uv_thread_create(&threads_[i], send_and_wait, &senders[i]), 0);
        }
        uv_sleep(20); /* most of them wait now */
        if (round == 0) cr_assert_eq(dor_port_close(port), DOR_OK);
        if (round == 1) {
            cr_assert_eq(dor_exit(port, 5), DOR_OK);
            cr_assert_eq(dor_port_drain(port, &m, 1, &n), DOR_E_EXITED);
        }
        if (round == 2) cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
        for (unsigned i = 0; i < SENDERS; i++) {
            uv_thread_join(&threads_[i]);
            cr_assert_eq(senders[i].code, round == 2 ? DOR_E_STOPPED : DOR_E_NOPROC, "%d", senders[i].code);
        }
        if (round > 0) cr_assert_eq(dor_port_close(port), DOR_OK);
        if (round < 2) cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
        cr_assert_eq(atomic_load(&live_blocks), 0);
    }
}

typedef struct drainer {
    dor_port port;
    atomic_uint *got;
    unsigned all;
    bool enters;
} drainer;

static void drain_until_all(void *arg)
{
    drainer *d = arg;
    dor_message *m[BATCH];
    size_t n = 0;
    while (atomic_load(d->got) < d->all) {
        if (d->enters) cr_assert_eq(dor_port_enter(d->port), DOR_OK);
        n = drain(d->port, m, 5);
        if (d->enters) cr_assert_eq(dor_port_leave(), DOR_OK);
        for (size_t i = 0; i < n; i++)
            dor_message_free(m[i]);
        atomic_fetch_add(d->got, (unsigned)n);
    }
}

Test(runtime_port_races, is_had_by_one_thread_at_a_time)
{
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL);
    atomic_uint got = 0;
    unsigned all = scaled(40000);
    drainer d[3];
    uv_thread_t threads_[3];
    for (unsigned i = 0; i < 3; i++) {
        d[i] = (drainer){port, &got, all, i == 0};
        cr_assert_eq(uv_thread_create(&threads_[i], drain_until_all, &d[i]), 0);
    }
    for (unsigned i = 0; i < all; i++)
        while (send_number(port, NUMBER, i) != DOR_OK)
            continue;
    for (unsigned i = 0; i < 3; i++)
        uv_thread_join(&threads_[i]);
    cr_assert_eq(atomic_load(&got), all);
    cr_assert_not(readable(port));
    close_and_stop(port, runtime);
}

static void use_until_gone(void *arg)
{
    drainer *d = arg;
    dor_message *m[BATCH];
    size_t n;
    for (;;) {
        int code = d->enters ? dor_port_enter(d->port) : DOR_OK;
        if (code == DOR_OK) {
            send_number(d->port, NUMBER, 0);
            code = dor_port_drain(d->port, m, 3, &n);
        }
        if (d->enters) (void)dor_port_leave();
        if (code == DOR_E_NOPROC || code == DOR_E_STOPPED || code == DOR_E_EXITED) return;
        cr_assert_eq(code, DOR_OK);
        while (n > 0)
            dor_message_free(m[--n]);
    }
}

Test(runtime_port_races, may_be_closed_under_use)
{
    unsigned before = descriptors_without_runtime();
    for (unsigned round = 0; round < scaled(100); round++) {
        dor_runtime *runtime = runtime_of(1);
        dor_port port = port_with(runtime, NULL);
        drainer d[3];
        uv_thread_t threads_[3];
        for (unsigned i = 0; i < 3; i++) {
            d[i] = (drainer){.port = port, .enters = i == 0};
            cr_assert_eq(uv_thread_create(&threads_[i], use_until_gone, &d[i]), 0);
        }
        uv_sleep(round % 3);
        if (round % 4 >= 2) cr_assert_eq(dor_exit(port, 5), DOR_OK);
        if (round % 2) cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
        cr_assert_eq(dor_port_close(port), DOR_OK);
        for (unsigned i = 0; i < 3; i++)
            uv_thread_join(&threads_[i]);
        if (round % 2 == 0) cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
        cr_assert_eq(atomic_load(&live_blocks), 0);
        cr_assert_eq(open_descriptors(), before);
    }
}

/* ---- events ---- */

typedef struct producer {
    dor_actor base;
    dor_event_mailbox *mailbox;
    dor_mailbox_handle handle;
    dor_pid owner;
    uint64_t first, last;
    atomic_bool done;
} producer;

static void producer_receive(dor_actor *actor, dor_message *message)
{
    (void)actor;
    dor_message_free(message);
}

static void producer_destroy(dor_actor *actor)
{
    (void)actor;
}

static const dor_actor_ops producer_ops = {.receive = producer_receive, .destroy = producer_destroy};

static void start(dor_scheduler *s, void *arg)
{
    producer *p = arg;
    cr_assert(dor__ok(dor__actor_init(&p->base, s, &producer_ops)));
    cr_assert(dor__ok(dor__event_mailbox_new(&p->base, p->owner, &p->mailbox)));
    p->handle = dor__event_mailbox_handle(p->mailbox);
    atomic_store(&p->done, true);
}

static void post_some(dor_scheduler *s, void *arg)
{
    producer *p = arg;
    (void)s;
    for (uint64_t n = p->first; n <= p->last; n++)
        (void)dor__event_mailbox_post(p->mailbox, number_message(EVENT, n), 1);
    atomic_store(&p->done, true);
}

static void on_loop(producer *p, dor_runtime *runtime, void (*fn)(dor_scheduler *, void *))
{
    atomic_store(&p->done, false);
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), fn, p)));
    WAIT_FOR(atomic_load(&p->done));
}

static void post(producer *p, dor_runtime *runtime, uint64_t first, uint64_t last)
{
    p->first = first;
    p->last = last;
    on_loop(p, runtime, post_some);
}

Test(runtime_port_races, is_readable_while_events_wait)
{
    static producer p, q;
    dor_message *m[BATCH];
    dor_runtime *runtime = runtime_of(1);
    dor_port port = port_with(runtime, NULL), other = port_with(runtime, NULL);
    p = (producer){.owner = port};
    q = (producer){.owner = port};
    on_loop(&p, runtime, start);
    on_loop(&q, runtime, start);
    cr_assert_not(readable(port));
    post(&p, runtime, 0, 9);
    post(&q, runtime, 100, 109);
    for (unsigned i = 0; i < 10; i++)
        send_number(port, NUMBER, 200 + i);
    cr_assert(readable(port));
    /* Sockets and senders take turns, and the sockets among themselves. */
    cr_assert_eq(drain(port, m, 12), 12);
    unsigned got[3] = {0};
    for (unsigned i = 0; i < 12; i++) {
        uint64_t number = number_in(m[i]);
        cr_assert_eq(number % 100, got[number / 100]++);
        dor_message_free(m[i]);
    }
    cr_assert_eq(got[0], 3);
    cr_assert_eq(got[1], 3);
    cr_assert_eq(got[2], 6);
    cr_assert(readable(port));
    cr_assert_eq(drain(port, m, BATCH), 18);
    for (unsigned i = 0; i < 18; i++)
        dor_message_free(m[i]);
    cr_assert_not(readable(port));
    post(&p, runtime, 10, 10);
    cr_assert_eq(next_number(port, EVENT), 10);

    /* What has not been taken moves to the new owner; the old one comes to drain for nothing, once. */
    post(&p, runtime, 11, 20);
    cr_assert_eq(next_number(port, EVENT), 11);
    cr_assert(dor__ok(dor__handle_attach(p.handle, port, other)));
    expect_drain(port, DOR_OK);
    cr_assert_not(readable(port));
    for (unsigned i = 12; i <= 20; i++)
        cr_assert_eq(next_number(other, EVENT), i);
    cr_assert_not(readable(other));
    cr_assert_eq(dor__handle_attach(p.handle, port, other).code, DOR_E_NOT_OWNER);
    cr_assert_eq(dor_port_close(other), DOR_OK);
    post(&q, runtime, 1, 5); /* and are left there when the runtime stops */
    cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
    cr_assert_eq(dor_port_close(port), DOR_OK);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}
