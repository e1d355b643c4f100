/* Simulations: what follows from a seed, their clock, their end, and that they refuse what they have not. */
#include "runtime_support.h"

#include "runtime/actor.h"
#include "runtime/random.h"
#include "runtime/simulation.h"

#include <dormouse/port.h>
#include <dormouse/ssl.h>

TestSuite(runtime_simulation, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, OTHER };

static dor_runtime *simulation_of(unsigned schedulers, uint64_t seed)
{
    dor_runtime *runtime = NULL;
    dor_simulation_options options = {.schedulers = schedulers, .seed = seed};
    cr_assert_eq(dor_simulation_new(&runtime, &options), DOR_OK);
    return runtime;
}

/* ---- random numbers ---- */

Test(runtime_simulation, random_numbers_are_those_of_the_published_generator)
{
    /* SplitMix64 with seed 1234567; the first numbers, as printed by the generator's own reference program. */
    static const uint64_t expected[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                        UINT64_C(9817491932198370423)};
    dor_random r = {1234567};
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(dor__random_next(&r), expected[i]);
    unsigned seen = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t n = dor__random_below(&r, 7);
        cr_assert_lt(n, 7);
        seen |= 1u << n;
    }
    cr_assert_eq(seen, 0x7f);
}

/* ---- the same seed, the same way ---- */

typedef struct gossip {
    dor_pid *others;
    unsigned count;
    unsigned number; /* which one this is */
    unsigned *order; /* who received, one after the other */
    unsigned *length;
} gossip;

enum { GOSSIPS = 6, LENGTH = 600 };

static void gossip_receive(void *state, dor_message *m)
{
    gossip *g = state;
    uint64_t left = number_in(m);
    dor_message_free(m);
    if (*g->length < LENGTH) g->order[(*g->length)++] = g->number;
    if (left == 0) return;
    send_number(g->others[(g->number * 5 + left) % g->count], NUMBER, left - 1);
    if (left % 3 == 0)
        dor_send_after(g->others[left % g->count], number_message(NUMBER, 0), (uint32_t)left, NULL);
}

static uint64_t run_gossip(uint64_t seed, unsigned *order, unsigned *length, uint64_t *steps)
{
    dor_pid pids[GOSSIPS];
    gossip states[GOSSIPS];
    dor_runtime *runtime = simulation_of(3, seed);
    *length = 0;
    for (unsigned i = 0; i < GOSSIPS; i++) {
        states[i] = (gossip){pids, GOSSIPS, i, order, length};
        pids[i] = spawn_on(runtime, DOR_ON(i % 3), gossip_receive, NULL, &states[i]);
    }
    for (unsigned i = 0; i < GOSSIPS; i++)
        send_number(pids[i], NUMBER, 40);
    cr_assert_eq(dor_simulation_run(runtime, 1000000, steps), DOR_OK);
    uint64_t digest = dor_simulation_digest(runtime);
    stop_runtime(runtime);
    return digest;
}

Test(runtime_simulation, goes_the_same_way_for_the_same_seed_and_another_for_another)
{
    static unsigned first[LENGTH], again[LENGTH], other[LENGTH];
    unsigned length, ways = 0;
    uint64_t steps, steps_again;
    for (uint64_t seed = 0; seed < scaled(200); seed++) {
        uint64_t digest = run_gossip(seed, first, &length, &steps);
        cr_assert_eq(length, GOSSIPS * (40 + 1 + 13));
        cr_assert_eq(run_gossip(seed, again, &length, &steps_again), digest);
        cr_assert_eq(memcmp(first, again, sizeof first), 0);
        cr_assert_eq(steps, steps_again);
        cr_assert_neq(run_gossip(seed + 1000000, other, &length, &steps), digest);
        if (memcmp(first, other, sizeof first) != 0) ways++;
    }
    cr_assert_gt(ways, scaled(200) * 9 / 10);
}

/* ---- order ---- */

typedef struct listener {
    uint64_t next[4]; /* of each sender */
    unsigned overtaken;
    uint64_t last;
} listener;

static void listen_receive(void *state, dor_message *m)
{
    listener *l = state;
    uint64_t n = number_in(m);
    cr_assert_eq(n % 1000, l->next[n / 1000]++);
    if (n / 1000 < l->last / 1000) l->overtaken++;
    l->last = n;
    dor_message_free(m);
}

static void burst_receive(void *state, dor_message *m)
{
    uint64_t n = number_in(m);
    dor_message_free(m);
    send_number(*(dor_pid *)state, NUMBER, n);
    if (n % 1000 < 9) send_number(dor_self(), NUMBER, n + 1);
}

/* Each pair keeps its order, and between pairs there is none. */
Test(runtime_simulation, keeps_the_order_of_each_pair_and_no_other)
{
    unsigned overtaken = 0;
    for (uint64_t seed = 0; seed < scaled(200) + 50; seed++) {
        listener l = {.last = 0};
        dor_runtime *runtime = simulation_of(2, seed);
        dor_pid to = spawn_on(runtime, DOR_ON(0), listen_receive, NULL, &l);
        for (unsigned i = 0; i < 4; i++)
            send_number(spawn_on(runtime, DOR_ON(i % 2), burst_receive, NULL, &to), NUMBER, i * 1000);
        cr_assert_eq(dor_simulation_run(runtime, 10000, NULL), DOR_OK);
        for (unsigned i = 0; i < 4; i++)
            cr_assert_eq(l.next[i], 10);
        overtaken += l.overtaken;
        stop_runtime(runtime);
    }
    cr_assert_gt(overtaken, 2 * (scaled(200) + 50));
}

/* ---- time ---- */

typedef struct clocked {
    dor_runtime *runtime;
    uint64_t at_ms[8];
    unsigned count;
} clocked;

static void clocked_receive(void *state, dor_message *m)
{
    clocked *c = state;
    cr_assert_geq(dor_simulation_now_ms(c->runtime), number_in(m), "early");
    c->at_ms[c->count++] = dor_simulation_now_ms(c->runtime);
    dor_message_free(m);
}

Test(runtime_simulation, time_passes_when_nobody_has_anything_to_do)
{
    static const uint32_t delays[] = {0, 1, 10, 3000, 86400000, 3000000000U};
    for (uint64_t seed = 0; seed < 50; seed++) {
        clocked c = {0};
        c.runtime = simulation_of(2, seed);
        dor_ref cancelled;
        dor_pid pid = spawn_on(c.runtime, DOR_ON(1), clocked_receive, NULL, &c);
        for (unsigned i = 0; i < 6; i++)
            cr_assert_eq(dor_send_after(pid, number_message(NUMBER, delays[i]), delays[i], NULL), DOR_OK);
        cr_assert_eq(dor_send_after(pid, number_message(NUMBER, 0), 4000000000U, &cancelled), DOR_OK);
        cr_assert_eq(dor_simulation_run_for(c.runtime, 5000, 100000), DOR_E_TIMEOUT);
        cr_assert_eq(c.count, 4);
        cr_assert_eq(dor_simulation_now_ms(c.runtime), 5000);
        cr_assert_eq(dor_simulation_run_for(c.runtime, 5000, 100000), DOR_E_TIMEOUT);
        cr_assert_eq(dor_simulation_now_ms(c.runtime), 10000);
        cr_assert_eq(dor_cancel_timer(cancelled), DOR_OK);
        cr_assert_eq(dor_simulation_run(c.runtime, 100000, NULL), DOR_OK);
        cr_assert_eq(c.count, 6);
        for (unsigned i = 0; i < 6; i++)
            cr_assert_leq(c.at_ms[i], delays[i] + 50, "seed %u: %u ms late", (unsigned)seed,
                          (unsigned)(c.at_ms[i] - delays[i]));
        cr_assert_lt(dor_simulation_now_ms(c.runtime), 3100000000U, "the cancelled one is not waited for");
        stop_runtime(c.runtime);
    }
}

static void again_receive(void *state, dor_message *m)
{
    if (*(bool *)state)
        dor_message_free(m);
    else
        dor_send(dor_self(), m);
}

static void flag_receive(void *state, dor_message *m)
{
    *(bool *)state = true;
    dor_message_free(m);
}

Test(runtime_simulation, who_waits_busily_waits_not_for_ever)
{
    for (uint64_t seed = 0; seed < scaled(20) + 2; seed++) {
        bool over = false;
        dor_runtime *runtime = simulation_of(1, seed);
        dor_pid flag = spawn_on(runtime, DOR_ON(0), flag_receive, NULL, &over);
        send_number(spawn_on(runtime, DOR_ON(0), again_receive, NULL, &over), NUMBER, 0);
        dor_send_after(flag, number_message(NUMBER, 0), 20, NULL);
        cr_assert_eq(dor_simulation_run(runtime, 1000, NULL), over ? DOR_OK : DOR_E_LIMIT);
        cr_assert_eq(dor_simulation_run(runtime, 100000, NULL), DOR_OK);
        cr_assert(over);
        stop_runtime(runtime);
    }
}

/* ---- the end ---- */

static void count_stop(void *state, int reason)
{
    if (reason == DOR_E_STOPPED) ++*(unsigned *)state;
}

static void ignore(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

Test(runtime_simulation, ends_with_all_it_holds_and_in_any_state)
{
    for (uint64_t seed = 0; seed < scaled(200); seed++) {
        unsigned stopped = 0;
        bool never = false;
        dor_pid pids[10];
        dor_runtime *runtime = simulation_of(1 + (unsigned)seed % 5, seed);
        for (unsigned i = 0; i < 10; i++)
            pids[i] = spawn_on(runtime, DOR_ON_ANY, ignore, count_stop, &stopped);
        dor_pid busy = spawn_on(runtime, DOR_ON_ANY, again_receive, NULL, &never);
        send_number(busy, NUMBER, 0);
        for (unsigned i = 0; i < 100; i++)
            send_number(pids[i % 10], NUMBER, i);
        dor_send_after(pids[0], number_message(NUMBER, 0), 1000, NULL);
        (void)dor_simulation_run(runtime, seed % 64, NULL);
        dor_pid late = spawn_on(runtime, DOR_ON(0), ignore, count_stop, &stopped);
        send_number(late, NUMBER, 0);
        stop_runtime(runtime);
        cr_assert_eq(stopped, 11);
        cr_assert_eq(dor_send(late, number_message(NUMBER, 0)), DOR_E_NOPROC);
        cr_assert_eq(dor_simulation_run(runtime, 1, NULL), DOR_E_STOPPED);
        cr_assert_eq(dor_runtime_stop(runtime, 0), DOR_E_STOPPED);
        cr_assert_eq(atomic_load(&live_blocks), 0);
    }
}

typedef struct stubborn {
    dor_actor base;
    dor_timer timer;
    uint32_t linger_ms;
    bool busy;
    bool destroyed;
    uint64_t asked_ms;
    uint64_t ended_ms;
} stubborn;

static void stubborn_receive(dor_actor *actor, dor_message *m)
{
    if (DOR_CONTAINER_OF(actor, stubborn, base)->busy)
        dor_send(actor->pid, m);
    else
        dor_message_free(m);
}

static void stubborn_lingered(dor_timer *timer)
{
    dor__actor_end(&DOR_CONTAINER_OF(timer, stubborn, timer)->base, DOR_OK);
}

static void stubborn_exit(dor_actor *actor, int reason)
{
    stubborn *n = DOR_CONTAINER_OF(actor, stubborn, base);
    cr_assert_eq(reason, DOR_E_STOPPED);
    n->asked_ms = dor__scheduler_now_ms(actor->scheduler);
    if (n->linger_ms != DOR_INFINITY)
        dor__timer_start(actor->scheduler, &n->timer, n->linger_ms, stubborn_lingered);
}

static void stubborn_destroy(dor_actor *actor)
{
    stubborn *n = DOR_CONTAINER_OF(actor, stubborn, base);
    n->ended_ms = dor__scheduler_now_ms(actor->scheduler);
    n->destroyed = true;
    dor__timer_stop(actor->scheduler, &n->timer);
}

static void stubborn_start(dor_scheduler *s, void *arg)
{
    static const dor_actor_ops ops = {stubborn_receive, stubborn_exit, stubborn_destroy};
    stubborn *n = arg;
    cr_assert(dor__ok(dor__actor_init(&n->base, s, &ops)));
    send_number(n->base.pid, NUMBER, 0);
}

Test(runtime_simulation, stops_within_a_deadline_of_its_own_time)
{
    for (uint64_t seed = 0; seed < scaled(24) + 2; seed++) {
        uint64_t begin_ms = now_ms();
        stubborn n[3] = {{.linger_ms = 100}, {.linger_ms = DOR_INFINITY}, {.busy = true}};
        n[2].linger_ms = DOR_INFINITY;
        dor_runtime *runtime = simulation_of(2, seed);
        for (unsigned i = 0; i < (seed % 2 ? 3 : 2); i++)
            cr_assert(
                dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, i % 2), stubborn_start, &n[i])));
        while (!n[0].base.pid || !n[1].base.pid || (seed % 2 && !n[2].base.pid))
            (void)dor_simulation_run(runtime, 1, NULL);
        uint64_t asked_ms = dor_simulation_now_ms(runtime);
        cr_assert_eq(dor_runtime_stop(runtime, 300), DOR_OK);
        cr_assert_eq(atomic_load(&live_blocks), 0);
        cr_assert(n[0].destroyed && n[1].destroyed);
        cr_assert_geq(n[0].ended_ms - n[0].asked_ms, 100);
        cr_assert_leq(n[0].ended_ms - n[0].asked_ms, 200);
        if (seed % 2) cr_assert(n[2].destroyed && n[1].ended_ms >= asked_ms + 300);
        cr_assert_lt(now_ms() - begin_ms, 50000, "of the machine's time it takes next to nothing");
    }
}

/* ---- what it has not ---- */

static void call_inside(void *state, dor_message *m)
{
    dor_runtime *runtime = state;
    dor_message *other;
    cr_assert_eq(dor_simulation_run(runtime, 1, NULL), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_simulation_run_for(runtime, 1, 1), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_runtime_stop(runtime, 1), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_receive(&other, 0), DOR_E_WOULD_DEADLOCK);
    dor_ref ref;
    cr_assert_eq(dor_ssl_connect_async(runtime, "127.0.0.1", 1, NULL, 1000, &ref), DOR_E_NOT_SUPPORTED);
    dor_message_free(m);
}

typedef struct stranger {
    dor_runtime *runtime;
    dor_pid pid;
    dor_ref timer;
} stranger;

static void touch(void *arg)
{
    stranger *s = arg;
    dor_actor_spec spec = {.receive = ignore};
    cr_assert_eq(dor_send(s->pid, number_message(NUMBER, 0)), DOR_E_NOPROC);
    cr_assert_eq(dor_send_after(s->pid, number_message(NUMBER, 0), 1, NULL), DOR_E_NOPROC);
    cr_assert_eq(dor_cancel_timer(s->timer), DOR_E_NOPROC);
    cr_assert_eq(dor_spawn(s->runtime, &spec, NULL), DOR_E_STOPPED);
    cr_assert_eq(dor_process_attach(s->runtime, NULL), DOR_E_STOPPED);
    cr_assert_eq(dor_runtime_stop(s->runtime, 0), DOR_E_STOPPED);
    cr_assert_eq(dor_simulation_run(s->runtime, 1, NULL), DOR_E_STOPPED);
}

Test(runtime_simulation, refuses_what_it_has_not)
{
    dor_runtime *runtime, *real = runtime_of(1);
    dor_socket socket;
    uv_thread_t thread;
    dor_simulation_options options = {.schedulers = 65};
    cr_assert_eq(dor_simulation_new(NULL, &options), DOR_E_BADARG);
    cr_assert_eq(dor_simulation_new(&runtime, &options), DOR_E_BADARG);
    cr_assert_eq(dor_simulation_run(NULL, 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_simulation_run(real, 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_simulation_run_for(NULL, 1, 1), DOR_E_BADARG);
    cr_assert_eq(dor_simulation_now_ms(NULL), 0);
    cr_assert_eq(dor_simulation_now_ms(real), 0);
    cr_assert_eq(dor_simulation_digest(NULL), 0);
    cr_assert_eq(dor_simulation_digest(real), 0);
    cr_assert_eq(dor_runtime_stop(real, 1000), DOR_OK);

    cr_assert_eq(dor_simulation_new(&runtime, NULL), DOR_OK);
    cr_assert_eq(dor_runtime_scheduler_count(runtime), 2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_E_NOT_SUPPORTED);
    cr_assert_eq(dor_ssl_connect(runtime, "127.0.0.1", 1, NULL, 1000, &socket), DOR_E_NOT_SUPPORTED);
    dor_port port;
    cr_assert_eq(dor_port_new(runtime, NULL, &port), DOR_E_NOT_SUPPORTED);
    dor_pid pid = spawn_on(runtime, DOR_ON(0), call_inside, NULL, runtime);
    send_number(pid, NUMBER, 0);
    stranger s = {.runtime = runtime, .pid = pid};
    cr_assert_eq(dor_send_after(pid, number_message(NUMBER, 0), 5, &s.timer), DOR_OK);
    uv_thread_create(&thread, touch, &s);
    uv_thread_join(&thread);
    cr_assert_eq(dor_simulation_run(runtime, 1000, NULL), DOR_OK);
    stop_runtime(runtime);
}

Test(runtime_simulation, without_memory)
{
    dor_runtime *runtime;
    for (long n = 0;; n++) {
        atomic_store(&fail_after, n);
        int code = dor_simulation_new(&runtime, NULL);
        atomic_store(&fail_after, -1);
        if (code == DOR_OK) break;
        cr_assert_eq(code, DOR_E_NOMEM);
        cr_assert_eq(atomic_load(&live_blocks), 0);
    }
    stop_runtime(runtime);
}

/* Beside a real one, on the same thread: messages go from the simulation to it. */
static void pass_on(void *state, dor_message *m)
{
    dor_send(*(dor_pid *)state, m);
}

Test(runtime_simulation, may_send_to_a_real_runtime)
{
    dor_runtime *real = runtime_of(1), *runtime = simulation_of(2, 7);
    cr_assert_eq(dor_process_attach(real, NULL), DOR_OK);
    dor_pid self = dor_self();
    dor_pid pid = spawn_on(runtime, DOR_ON(1), pass_on, NULL, &self);
    dor_ref ref;
    cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
    for (unsigned i = 0; i < 10; i++)
        send_number(pid, NUMBER, i);
    dor_stop(pid, 7);
    cr_assert_eq(dor_simulation_run(runtime, 1000, NULL), DOR_OK);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    dor_down down = receive_down();
    cr_assert(down.ref == ref && down.reason == 7);
    cr_assert_eq(dor_runtime_stop(real, 1000), DOR_OK);
    stop_runtime(runtime);
}
