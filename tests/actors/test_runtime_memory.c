/* Memory: none is asked for in the steady state, little is held, and its lack is survived everywhere. */
#include "runtime_support.h"

#include "runtime/event_mailbox.h"
#include "runtime/private.h"
#include <dormouse/observe.h>

TestSuite(runtime_memory, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, START, EVENT };

/* ---- the steady state ---- */

typedef struct steady {
    dor_pid tell;
    dor_pid other;
    unsigned left;
    long before;
} steady;

/* Makes a new message for each that it gets, as an application would. */
static void run_steady(void *state, dor_message *message)
{
    steady *s = state;
    dor_message_free(message);
    if (s->left == 90) s->before = atomic_load(&allocations);
    if (s->left-- > 0)
        send_number(s->other, NUMBER, s->left);
    else
        send_number(s->tell, NUMBER, (uint64_t)(atomic_load(&allocations) - s->before));
}

Test(runtime_memory, messages_on_one_scheduler_allocate_nothing)
{
#ifdef DOR_PLAIN_MALLOC
    cr_skip("there are no pools in this build");
#endif
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    steady a = {.tell = dor_self(), .left = 100}, b = a;
    b.left = 1000;
    a.other = spawn_on(runtime, DOR_ON(0), run_steady, NULL, &b);
    b.other = spawn_on(runtime, DOR_ON(0), run_steady, NULL, &a);
    send_number(b.other, START, 0);
    cr_assert_eq(receive_number(NUMBER), 0, "allocations in 180 messages");
    stop_runtime(runtime);
}

/* Holds `held` buffers of `len` bytes at a time, many times over, as a stream of data does. */
typedef struct stream {
    dor_pid tell;
    size_t len;
    unsigned held;
} stream;

static void run_stream(void *state, dor_message *message)
{
    stream *s = state;
    dor_buffer *buffers[8];
    long before = 0;
    dor_message_free(message);
    for (unsigned round = 0; round < 100; round++) {
        if (round == 1) before = atomic_load(&allocations);
        for (unsigned i = 0; i < s->held; i++) {
            void *bytes;
            buffers[i] = dor_buffer_alloc(s->len, &bytes);
            memset(bytes, 1, s->len);
        }
        for (unsigned i = 0; i < s->held; i++)
            dor_buffer_unref(buffers[i]);
    }
    send_number(s->tell, NUMBER, (uint64_t)(atomic_load(&allocations) - before));
}

Test(runtime_memory, streams_use_the_same_blocks_again)
{
#ifdef DOR_PLAIN_MALLOC
    cr_skip("there are no pools in this build");
#endif
    static const size_t lens[] = {8192, 16384, 20000, 33000, 65536};
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        stream s = {.tell = dor_self(), .len = lens[i], .held = 4};
        send_number(spawn_on(runtime, DOR_ON(0), run_stream, NULL, &s), START, 0);
        cr_assert_eq(receive_number(NUMBER), 0, "allocations for buffers of %zu bytes", lens[i]);
    }
    stop_runtime(runtime);
}

Test(runtime_memory, a_trimmed_buffer_keeps_its_bytes)
{
    static const size_t lens[] = {100, 9000, 16384, 40000, 65536};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++)
        for (size_t len = 0; len <= lens[i]; len += lens[i] / 10 + 1) {
            void *bytes;
            dor_buffer *buffer = dor_buffer_alloc(lens[i], &bytes);
            for (size_t k = 0; k < lens[i]; k++)
                ((uint8_t *)bytes)[k] = (uint8_t)(k * 7);
            buffer = dor__buffer_trim(buffer, len);
            cr_assert_eq(dor_buffer_len(buffer), len);
            for (size_t k = 0; k < len; k++)
                cr_assert_eq(((const uint8_t *)dor_buffer_data(buffer))[k], (uint8_t)(k * 7));
            dor_buffer_unref(buffer);
        }
}

typedef struct burst {
    dor_pid tell;
    dor_pid sink;
    unsigned rounds;
    unsigned received;
    long before;
} burst;

static void burst_sink(void *state, dor_message *message)
{
    burst *b = state;
    dor_message_free(message);
    if (++b->received % 1000 == 0) send_number(b->tell, NUMBER, 0);
}

static void burst_source(void *state, dor_message *message)
{
    burst *b = state;
    dor_message_free(message);
    for (unsigned i = 0; i < 1000; i++)
        send_number(b->sink, NUMBER, i);
}

Test(runtime_memory, messages_between_schedulers_come_back_through_the_depot)
{
#ifdef DOR_PLAIN_MALLOC
    cr_skip("there are no pools in this build");
#endif
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    burst b = {.tell = dor_self()};
    b.sink = spawn_on(runtime, DOR_ON(1), burst_sink, NULL, &b);
    dor_pid source = spawn_on(runtime, DOR_ON(0), burst_source, NULL, &b);
    for (unsigned round = 0; round < 100; round++) {
        if (round == 20) b.before = atomic_load(&allocations);
        send_number(source, START, 0);
        receive_number(NUMBER);
    }
    long per_round = (atomic_load(&allocations) - b.before) / 80;
    cr_assert_leq(per_round, 150, "%ld allocations per 1000 messages", per_round);
    stop_runtime(runtime);
}

/* ---- what an actor costs ---- */

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static atomic_size_t held;

/* What glibc's malloc takes for it: its own word, and all of it in steps of 16. */
static size_t block(size_t size)
{
    size_t taken = (size + 8 + 15) & ~(size_t)15;
    return taken < 32 ? 32 : taken;
}

static void *sizing_malloc(size_t size)
{
    atomic_fetch_add(&held, block(size));
    return malloc(size);
}

static void *sizing_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&held, block(count * size));
    return calloc(count, size);
}

/* A million of them, slots and the tables that lead to them included; and no more once they have worked. */
Test(runtime_memory, an_actor_costs_at_most_256_bytes)
{
    static const dor_allocator sizing = {sizing_malloc, sizing_calloc, realloc, free};
    unsigned count = scaled(1000000), last = count - 1;
    dor_actor_info info;
    dor__set_allocator(&sizing);
    dor_runtime *runtime = runtime_of(1);
    dor_pid *pids = malloc(count * sizeof *pids);
    size_t before = atomic_load(&held);
    for (unsigned i = 0; i < count; i++)
        pids[i] = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
    size_t spawned = atomic_load(&held) - before;
    cr_assert_leq(spawned, (size_t)count * 256, "%zu bytes each", spawned / count);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(send_number(pids[i % count], NUMBER, i), DOR_OK);
    cr_assert_eq(send_number(pids[last], NUMBER, 0), DOR_OK);
    WAIT_FOR(dor_actor_get_info(pids[last], &info) == DOR_OK && info.messages > 0);
    size_t messages = 1001 * block(sizeof(dor_message) + 64); /* at most: the pool has them now */
    cr_assert_leq(atomic_load(&held) - before, spawned + messages);
    free(pids);
    cr_assert_eq(dor_runtime_stop(runtime, 30000), DOR_OK);
}

/* ---- the lack of it ---- */

typedef struct producer {
    dor_actor base;
    dor_event_mailbox *mailbox;
    dor_pid owner;
} producer;

static atomic_uint producers;

static void producer_receive(dor_actor *actor, dor_message *message)
{
    producer *p = DOR_CONTAINER_OF(actor, producer, base);
    dor_message *event = dor_message_new(EVENT, 8, NULL);
    dor_message_free(message);
    if (event) dor__event_mailbox_post(p->mailbox, event, 10);
}

static void producer_destroy(dor_actor *actor)
{
    producer *p = DOR_CONTAINER_OF(actor, producer, base);
    if (p->mailbox) dor__event_mailbox_retire(p->mailbox, false);
    free(p);
    atomic_fetch_sub(&producers, 1);
}

static const dor_actor_ops producer_ops = {.receive = producer_receive, .destroy = producer_destroy};

static void producer_start(dor_scheduler *s, void *arg)
{
    producer *p = arg;
    dor_ref ref;
    if (!dor__ok(dor__actor_init(&p->base, s, &producer_ops))) {
        free(p);
        atomic_fetch_sub(&producers, 1);
        return;
    }
    if (!dor__ok(dor__event_mailbox_new(&p->base, p->owner, &p->mailbox))) p->mailbox = NULL;
    if (!p->mailbox || !dor__ok(dor__actor_monitor(&p->base, p->owner, &ref))) {
        dor__actor_end(&p->base, DOR_E_NOMEM);
        return;
    }
    for (unsigned i = 0; i < 5; i++) {
        dor_message *m = dor_message_new(NUMBER, 0, NULL);
        if (m) dor_send(p->base.pid, m);
    }
}

/* A little of everything; any part of it may fail. */
static void use_everything(dor_runtime *runtime)
{
    dor_pid pid;
    dor_ref ref, timer;
    dor_message *m;
    dor_actor_spec spec = {.receive = ignore, .scheduler = DOR_ON_ANY};
    bool attached = dor_process_attach(runtime, NULL) == DOR_OK;
    for (unsigned i = 0; i < 4; i++) {
        if (dor_spawn(runtime, &spec, &pid) != DOR_OK) continue;
        m = dor_message_new(NUMBER, 700, NULL);
        if (m) dor_send(pid, m);
        m = dor_message_new(NUMBER, 8, NULL);
        if (m && dor_send_after(pid, m, 1, &timer) == DOR_OK && i % 2) dor_cancel_timer(timer);
        if (attached && dor_monitor(pid, &ref) == DOR_OK && i % 2) dor_demonitor(ref);
        dor_stop(pid, DOR_OK);
        producer *p = calloc(1, sizeof *p);
        atomic_fetch_add(&producers, 1);
        p->owner = attached ? dor_self() : pid;
        if (!dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, i % 2), producer_start, p))) {
            free(p);
            atomic_fetch_sub(&producers, 1);
        }
    }
    while (attached && dor_receive(&m, 1) == DOR_OK)
        dor_message_free(m);
    if (attached) cr_assert_eq(dor_process_detach(), DOR_OK);
}

Test(runtime_memory, every_lack_of_it_is_survived)
{
    for (long allowed = 0; allowed < (SLOW_BUILD ? 60 : 120); allowed++) {
        dor_runtime *runtime = NULL;
        dor_runtime_options options = {.schedulers = 2};
        atomic_store(&fail_after, allowed);
        int result = dor_runtime_new(&runtime, &options);
        if (result == DOR_OK) use_everything(runtime);
        cr_assert(result == DOR_OK || result == DOR_E_NOMEM);
        if (allowed % 3 == 0) atomic_store(&fail_after, -1);
        if (result == DOR_OK) cr_assert_eq(dor_runtime_stop(runtime, 1000), DOR_OK);
        atomic_store(&fail_after, -1);
        cr_assert_eq(atomic_load(&live_blocks), 0, "%ld blocks left when only %ld could be had",
                     atomic_load(&live_blocks), allowed);
        cr_assert_eq(atomic_load(&producers), 0);
    }
}

/* An owner that could not be told of its events is told later, though the producer be gone by then. */
typedef struct untold {
    producer *p;
    bool retire;
    atomic_bool done;
} untold;

static void post_without_memory(dor_scheduler *s, void *arg)
{
    untold *u = arg;
    dor_message *event = number_message(EVENT, 5);
    (void)s;
    atomic_store(&fail_after, 0);
    dor__event_mailbox_post(u->p->mailbox, event, 10);
    if (u->retire) {
        dor__event_mailbox_retire(u->p->mailbox, false);
        u->p->mailbox = NULL;
        dor__actor_end(&u->p->base, DOR_OK);
    }
    atomic_store(&u->done, true);
}

static void await_low_without_memory(dor_scheduler *s, void *arg)
{
    untold *u = arg;
    (void)s;
    dor__event_mailbox_post(u->p->mailbox, number_message(EVENT, 5), 10);
    atomic_store(&fail_after, 0);
#ifdef DOR_PLAIN_MALLOC /* elsewhere a pool may have something left */
    cr_assert_eq(dor__event_mailbox_await_low(u->p->mailbox, 3), 3);
#endif
    atomic_store(&fail_after, -1);
    cr_assert_eq(dor__event_mailbox_await_low(u->p->mailbox, 3), 10);
    atomic_store(&u->done, true);
}

static void quiet_start(dor_scheduler *s, void *arg)
{
    untold *u = arg;
    cr_assert(dor__ok(dor__actor_init(&u->p->base, s, &producer_ops)));
    cr_assert(dor__ok(dor__event_mailbox_new(&u->p->base, u->p->owner, &u->p->mailbox)));
    atomic_store(&u->done, true);
}

static void call_and_wait(dor_runtime *runtime, void (*fn)(dor_scheduler *, void *), untold *u)
{
    atomic_store(&u->done, false);
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), fn, u)));
    WAIT_FOR(atomic_load(&u->done));
}

Test(runtime_memory, events_are_told_of_when_there_is_memory_again)
{
    for (unsigned i = 0; i < 2; i++) {
        dor_message *m;
        dor_runtime *runtime = runtime_of(1);
        cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
        untold u = {.p = calloc(1, sizeof *u.p), .retire = i};
        u.p->owner = dor_self();
        atomic_fetch_add(&producers, 1);
        call_and_wait(runtime, quiet_start, &u);
        call_and_wait(runtime, post_without_memory, &u);
        cr_assert_eq(dor_receive(&m, 25), DOR_E_TIMEOUT);
        atomic_store(&fail_after, -1);
        cr_assert_eq(receive_number(EVENT), 5);
        if (!u.retire) call_and_wait(runtime, await_low_without_memory, &u);
        stop_runtime(runtime);
    }
}
