/* Figures: what they count, that they can be read at any time from anywhere, and that they are of whom they say. */
#include "runtime_support.h"

#include "runtime/private.h"

#include <dormouse/observe.h>
#include <pthread.h>

TestSuite(runtime_observe, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, STOP_NOW, WAIT, BUSY };

static dor_actor_info actor_info(dor_pid pid)
{
    dor_actor_info info = {0};
    cr_assert_eq(dor_actor_get_info(pid, &info), DOR_OK);
    cr_assert_eq(info.pid, pid);
    return info;
}

static dor_scheduler_info scheduler_info(dor_runtime *runtime, unsigned index)
{
    dor_scheduler_info info = {0};
    cr_assert_eq(dor_scheduler_get_info(runtime, index, &info), DOR_OK);
    cr_assert_eq(info.index, index);
    return info;
}

static dor_runtime_info runtime_info(dor_runtime *runtime)
{
    dor_runtime_info info = {0};
    cr_assert_eq(dor_runtime_get_info(runtime, &info), DOR_OK);
    return info;
}

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

/* An actor that stands still in the middle of a message until it is let go. */
typedef struct held {
    uv_sem_t reached;
    uv_sem_t go;
} held;

static void held_init(held *h)
{
    uv_sem_init(&h->reached, 0);
    uv_sem_init(&h->go, 0);
}

static void held_fini(held *h)
{
    uv_sem_destroy(&h->reached);
    uv_sem_destroy(&h->go);
}

static void hold(void *state, dor_message *message)
{
    held *h = state;
    if (message->type == WAIT) {
        uv_sem_post(&h->reached);
        uv_sem_wait(&h->go);
    }
    dor_message_free(message);
}

/* ---- what is counted ---- */

Test(runtime_observe, an_actors_figures)
{
    held h;
    held_init(&h);
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid = spawn_on(runtime, DOR_ON(0), hold, NULL, &h);
    dor_actor_info info = actor_info(pid);
    cr_assert_eq(info.scheduler, 0);
    cr_assert_eq(info.state, DOR_ACTOR_STATE_IDLE);
    cr_assert_eq(info.messages + info.turns + info.busy_ns + info.mailbox_messages + info.mailbox_bytes, 0);

    send_number(pid, WAIT, 0);
    uv_sem_wait(&h.reached);
    cr_assert_eq(actor_info(pid).state, DOR_ACTOR_STATE_RUNNABLE, "it is doing something");
    for (unsigned i = 0; i < 10; i++)
        send_number(pid, NUMBER, i);
    send_number(pid, WAIT, 0);
    uv_sem_post(&h.go);
    uv_sem_wait(
        &h.reached); /* in the second WAIT: the ten have been received, within this turn of the actor or before */
    info = actor_info(pid);
    cr_assert_eq(info.state, DOR_ACTOR_STATE_RUNNABLE);
    cr_assert_eq(info.mailbox_messages, 0);
    for (unsigned i = 0; i < 3; i++)
        send_number(pid, NUMBER, i);
    uv_sem_post(&h.go);
    WAIT_FOR(actor_info(pid).messages == 15 && actor_info(pid).state == DOR_ACTOR_STATE_IDLE);
    info = actor_info(pid);
    cr_assert_leq(info.turns, 15);
    cr_assert_geq(info.turns, 2);
    cr_assert_eq(info.mailbox_messages, 0);
    cr_assert_eq(info.mailbox_bytes, 0);
    held_fini(&h);
    stop_runtime(runtime);
}

/* Sends a hundred to the other, looks at the figures, and tells. */
typedef struct sender {
    dor_pid tell;
    dor_pid other;
    dor_actor_info seen;
} sender;

static void send_hundred(void *state, dor_message *message)
{
    sender *s = state;
    dor_message_free(message);
    for (unsigned i = 0; i < 100; i++)
        send_number(s->other, NUMBER, i);
    s->seen = actor_info(s->other);
    send_number(s->tell, NUMBER, 0);
}

Test(runtime_observe, what_waits_in_a_mailbox)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    sender s = {.tell = dor_self(), .other = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL)};
    send_number(spawn_on(runtime, DOR_ON(0), send_hundred, NULL, &s), NUMBER, 0);
    receive_number(NUMBER);
    cr_assert_eq(s.seen.mailbox_messages, 100);
    cr_assert_eq(s.seen.mailbox_bytes, 800);
    cr_assert_eq(s.seen.state, DOR_ACTOR_STATE_RUNNABLE);
    WAIT_FOR(actor_info(s.other).messages == 100);
    WAIT_FOR(actor_info(s.other).state == DOR_ACTOR_STATE_IDLE);
    stop_runtime(runtime);
}

static void work(void *state, dor_message *message)
{
    uint64_t end = now_us() + number_in(message);
    (void)state;
    dor_message_free(message);
    while (now_us() < end)
        continue;
}

Test(runtime_observe, busy_time_goes_to_who_used_it)
{
    enum { US = 2000, TIMES = 10 };
    dor_runtime *runtime = runtime_of(1);
    dor_pid busy = spawn_on(runtime, DOR_ON(0), work, NULL, NULL),
            idle = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
    for (unsigned i = 0; i < TIMES; i++) {
        send_number(busy, NUMBER, US);
        WAIT_FOR(actor_info(busy).messages == i + 1 && actor_info(busy).state == DOR_ACTOR_STATE_IDLE);
        send_number(idle, NUMBER, 0);
        WAIT_FOR(actor_info(idle).messages == i + 1);
    }
    uint64_t least = (uint64_t)(US - 1) * TIMES * 1000; /* now_us rounds */
    cr_assert_geq(actor_info(busy).busy_ns, least, "%lu ns", (unsigned long)actor_info(busy).busy_ns);
    dor_scheduler_info info = scheduler_info(runtime, 0);
    cr_assert_geq(info.busy_ns, least);
    cr_assert_leq(info.busy_ns, runtime_info(runtime).uptime_ns);
    stop_runtime(runtime);
}

Test(runtime_observe, a_loop_that_sleeps_is_not_busy)
{
    dor_runtime *runtime = runtime_of(2);
    WAIT_FOR(scheduler_info(runtime, 1).loop_turns > 0);
    uv_sleep(300);
    uint64_t up = runtime_info(runtime).uptime_ns;
    for (unsigned i = 0; i < 2; i++)
        cr_assert_lt(scheduler_info(runtime, i).busy_ns, up - 100000000, "it slept for 0.3 s");
    stop_runtime(runtime);
}

Test(runtime_observe, a_schedulers_figures)
{
    enum { ACTORS = 20, EACH = 30 };
    dor_pid pids[ACTORS];
    held h;
    held_init(&h);
    dor_runtime *runtime = runtime_of(2);
    dor_scheduler_info before = scheduler_info(runtime, 1);
    for (unsigned i = 0; i < ACTORS; i++)
        pids[i] = spawn_on(runtime, DOR_ON(1), ignore, NULL, NULL);
    dor_pid holder = spawn_on(runtime, DOR_ON(1), hold, NULL, &h);
    cr_assert_eq(scheduler_info(runtime, 1).actors, ACTORS + 1);
    cr_assert_eq(scheduler_info(runtime, 1).spawned - before.spawned, ACTORS + 1);
    cr_assert_eq(scheduler_info(runtime, 0).spawned, 0);

    for (unsigned i = 0; i < ACTORS; i++)
        for (unsigned k = 0; k < EACH; k++)
            send_number(pids[i], NUMBER, k);
    dor_ref timer;
    cr_assert_eq(dor_send_after(pids[0], number_message(NUMBER, 0), 1, NULL), DOR_OK);
    cr_assert_eq(dor_send_after(pids[0], number_message(NUMBER, 0), 3600000, &timer), DOR_OK);
    WAIT_FOR(scheduler_info(runtime, 1).timers_fired == 1);
    WAIT_FOR(scheduler_info(runtime, 1).messages == ACTORS * EACH + 1);
    dor_scheduler_info after = scheduler_info(runtime, 1);
    cr_assert_eq(after.timers, 1);
    cr_assert_geq(after.from_outside, ACTORS * EACH);
    cr_assert_geq(after.actor_turns, ACTORS);
    cr_assert_gt(after.loop_turns, before.loop_turns);
    cr_assert_eq(after.ended, 0);
    cr_assert_eq(dor_cancel_timer(timer), DOR_OK);
    WAIT_FOR(scheduler_info(runtime, 1).timers == 0);

    WAIT_FOR(scheduler_info(runtime, 1).run_queue == 0);
    send_number(holder, WAIT, 0);
    uv_sem_wait(&h.reached);
    cr_assert_eq(scheduler_info(runtime, 1).run_queue, 0, "who runs does not wait");
    uv_sem_post(&h.go);
    for (unsigned i = 0; i < ACTORS; i++)
        cr_assert_eq(dor_stop(pids[i], DOR_OK), DOR_OK);
    WAIT_FOR(scheduler_info(runtime, 1).ended == ACTORS);
    cr_assert_eq(scheduler_info(runtime, 1).actors, 1);
    held_fini(&h);
    stop_runtime(runtime);
}

Test(runtime_observe, what_nobody_receives_is_counted)
{
    held h;
    held_init(&h);
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid pid = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL),
            holder = spawn_on(runtime, DOR_ON(0), hold, NULL, &h);
    cr_assert_eq(dor_stop(pid, DOR_OK), DOR_OK);
    WAIT_FOR(!dor__pid_alive(pid));
    cr_assert_eq(send_number(pid, NUMBER, 0), DOR_E_NOPROC);
    cr_assert_eq(runtime_info(runtime).undelivered, 1);
    send_number(holder, WAIT, 0);
    uv_sem_wait(&h.reached);
    cr_assert_eq(dor_stop(holder, DOR_OK), DOR_OK);
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(send_number(holder, NUMBER, i), DOR_OK,
                     "it is alive, and will end before it gets to these");
    uv_sem_post(&h.go);
    WAIT_FOR(runtime_info(runtime).undelivered == 6);
    cr_assert_eq(scheduler_info(runtime, 0).undelivered, 5);
    held_fini(&h);
    stop_runtime(runtime);
}

Test(runtime_observe, a_runtimes_figures)
{
    dor_runtime *runtime = runtime_of(3);
    dor_runtime_info info = runtime_info(runtime);
    cr_assert_eq(info.schedulers, 3);
    cr_assert_eq(info.actors, 0);
    cr_assert_eq(info.processes, 0);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (int i = 0; i < 6; i++)
        spawn_on(runtime, DOR_ON(i % 3), ignore, NULL, NULL);
    dor_runtime_info later = runtime_info(runtime);
    cr_assert_eq(later.actors, 6);
    cr_assert_eq(later.processes, 1);
    cr_assert_gt(later.uptime_ns, info.uptime_ns);
    stop_runtime(runtime);
}

/* ---- the walk ---- */

static size_t walk(dor_runtime *runtime, size_t cap, dor_actor_info *all, size_t most)
{
    uint64_t cursor = 0;
    size_t total = 0;
    dor_actor_info infos[64];
    cr_assert_leq(cap, 64);
    do {
        size_t count = 99;
        cr_assert_eq(dor_actors_get_info(runtime, &cursor, infos, cap, &count), DOR_OK);
        cr_assert_leq(count, cap);
        cr_assert_leq(total + count, most);
        memcpy(all + total, infos, count * sizeof *infos);
        total += count;
    } while (cursor != 0);
    return total;
}

Test(runtime_observe, the_walk_finds_each_actor_once)
{
    enum { ACTORS = 1000 };
    static dor_pid pids[ACTORS];
    static dor_actor_info all[ACTORS];
    static const size_t caps[] = {1, 7, 64};
    dor_runtime *runtime = runtime_of(3);
    cr_assert_eq(walk(runtime, 5, all, ACTORS), 0);
    for (int i = 0; i < ACTORS; i++)
        pids[i] = spawn_on(runtime, DOR_ON(i % 3), ignore, NULL, NULL);
    for (size_t k = 0; k < 3; k++) {
        cr_assert_eq(walk(runtime, caps[k], all, ACTORS), ACTORS);
        for (size_t i = 0; i < ACTORS; i++) {
            unsigned found = 0;
            for (size_t j = 0; j < ACTORS; j++)
                found += all[j].pid == pids[i];
            cr_assert_eq(found, 1);
        }
    }
    for (int i = 0; i < ACTORS; i += 2)
        dor_stop(pids[i], DOR_OK);
    WAIT_FOR(runtime_info(runtime).actors == ACTORS / 2);
    cr_assert_eq(walk(runtime, 64, all, ACTORS), ACTORS / 2);
    stop_runtime(runtime);
}

Test(runtime_observe, a_call_of_the_walk_is_short)
{
    enum { ACTORS = 20000 };
    static dor_pid pids[ACTORS];
    dor_actor_info infos[8];
    uint64_t cursor = 0;
    size_t count = 99;
    unsigned actors = scaled(ACTORS);
    if (actors < 10000) cr_skip("too few");
    dor_runtime *runtime = runtime_of(1);
    for (unsigned i = 0; i < actors; i++)
        pids[i] = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
    for (unsigned i = 0; i + 1 < actors; i++)
        dor_stop(pids[i], DOR_OK);
    WAIT_FOR(runtime_info(runtime).actors == 1);
    cr_assert_eq(dor_actors_get_info(runtime, &cursor, infos, 8, &count), DOR_OK);
    cr_assert_eq(count, 0, "the only one is far away");
    cr_assert_neq(cursor, 0);
    cr_assert_eq(walk(runtime, 8, infos, 8), 1);
    cr_assert_eq(infos[0].pid, pids[actors - 1]);
    stop_runtime(runtime);
}

/* ---- while everything moves ---- */

typedef struct churn {
    dor_runtime *runtime;
    int scheduler;
    atomic_bool over;
    _Atomic dor_pid latest;
} churn;

/* Actors that get exactly three messages each and end, one slot after another used again. */
static void *churn_run(void *arg)
{
    churn *c = arg;
    for (unsigned i = 0; !atomic_load(&c->over); i++) {
        dor_pid pid = spawn_on(c->runtime, DOR_ON(c->scheduler), ignore, NULL, NULL);
        atomic_store(&c->latest, pid);
        for (unsigned k = 0; k < 3; k++)
            send_number(pid, NUMBER, k);
        dor_stop(pid, DOR_OK);
        if (i % 64 == 0) WAIT_FOR(!dor__pid_alive(pid));
    }
    return NULL;
}

static void check_churned(const dor_actor_info *info)
{
    cr_assert_leq(info->messages, 4);
    cr_assert_leq(info->turns, 4);
    cr_assert_leq(info->mailbox_messages, 4);
    cr_assert_leq(info->mailbox_bytes, 3 * 8 + 4);
    cr_assert_leq(info->state, DOR_ACTOR_STATE_ENDING);
}

Test(runtime_observe, readers_among_births_and_deaths)
{
    churn churns[2];
    pthread_t thread[2];
    dor_runtime *runtime = runtime_of(2);
    for (int i = 0; i < 2; i++) {
        churns[i].runtime = runtime;
        churns[i].scheduler = i;
        atomic_init(&churns[i].over, false);
        atomic_init(&churns[i].latest, DOR_PID_NONE);
        pthread_create(&thread[i], NULL, churn_run, &churns[i]);
    }
    uint64_t ended[2] = {0};
    unsigned found = 0;
    for (unsigned i = 0, rounds = scaled(20000); i < rounds; i++) {
        dor_actor_info infos[16], info;
        uint64_t cursor = 0;
        size_t count;
        dor_pid pid = atomic_load(&churns[i % 2].latest);
        if (dor_actor_get_info(pid, &info) == DOR_OK) {
            cr_assert_eq(info.pid, pid);
            check_churned(&info);
            found++;
        }
        cr_assert_eq(dor_actors_get_info(runtime, &cursor, infos, 16, &count), DOR_OK);
        for (size_t k = 0; k < count; k++)
            check_churned(&infos[k]);
        dor_scheduler_info s = scheduler_info(runtime, i % 2);
        cr_assert_geq(s.ended, ended[i % 2], "a count does not go back");
        ended[i % 2] = s.ended;
    }
    for (int i = 0; i < 2; i++)
        atomic_store(&churns[i].over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    (void)found; /* however many there were */
    stop_runtime(runtime);
}

/* An actor reads figures as well, those of the other scheduler included. */
static void read_all(void *state, dor_message *message)
{
    dor_runtime *runtime = state;
    dor_actor_info infos[4];
    uint64_t cursor = 0;
    size_t count = 0;
    for (unsigned i = 0; i < 2; i++)
        scheduler_info(runtime, i);
    cr_assert_eq(dor_actors_get_info(runtime, &cursor, infos, 4, &count), DOR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(infos[0].pid, dor_self());
    cr_assert_eq(infos[0].state, DOR_ACTOR_STATE_RUNNABLE);
    dor_pid tell = (dor_pid)number_in(message);
    dor_message_free(message);
    send_number(tell, NUMBER, 1);
}

Test(runtime_observe, an_actor_may_look)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    send_number(spawn_on(runtime, DOR_ON(0), read_all, NULL, runtime), NUMBER, dor_self());
    cr_assert_eq(receive_number(NUMBER), 1);
    stop_runtime(runtime);
}

static void *stop_soon(void *arg)
{
    uv_sleep(20);
    cr_assert_eq(dor_runtime_stop(arg, 5000), DOR_OK);
    return NULL;
}

Test(runtime_observe, readers_while_the_runtime_stops)
{
    for (unsigned round = 0; round < 5; round++) {
        pthread_t thread;
        int code = DOR_OK;
        dor_runtime *runtime = runtime_of(2);
        for (int i = 0; i < 100; i++)
            spawn_on(runtime, DOR_ON(i % 2), ignore, NULL, NULL);
        pthread_create(&thread, NULL, stop_soon, runtime);
        while (code == DOR_OK) {
            dor_scheduler_info s;
            dor_actor_info infos[8];
            uint64_t cursor = 0;
            size_t count;
            code = dor_scheduler_get_info(runtime, 1, &s);
            if (code == DOR_OK) code = dor_actors_get_info(runtime, &cursor, infos, 8, &count);
        }
        cr_assert_eq(code, DOR_E_STOPPED);
        pthread_join(thread, NULL);
    }
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- bad use ---- */

Test(runtime_observe, bad_use)
{
    dor_actor_info info;
    dor_scheduler_info scheduler;
    dor_runtime_info whole;
    uint64_t cursor = 0;
    size_t count = 7;
    dor_runtime *runtime = runtime_of(2);
    dor_pid process, pid = spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL);
    cr_assert_eq(dor_process_attach(runtime, &process), DOR_OK);
    cr_assert_eq(dor_actor_get_info(pid, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_actor_get_info(DOR_PID_NONE, &info), DOR_E_NOPROC);
    cr_assert_eq(dor_actor_get_info(process, &info), DOR_E_NOPROC);
    cr_assert_eq(dor_actor_get_info(dor_make_ref(), &info), DOR_E_NOPROC);
    cr_assert_eq(dor_actor_get_info(pid + 1, &info), DOR_E_NOPROC, "another generation");
    cr_assert_eq(dor_actor_get_info(UINT64_C(0x3fffffffffffffff), &info), DOR_E_NOPROC);
    cr_assert_eq(dor_scheduler_get_info(runtime, 2, &scheduler), DOR_E_BADARG);
    cr_assert_eq(dor_scheduler_get_info(runtime, 0, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_runtime_get_info(runtime, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_actors_get_info(runtime, NULL, &info, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_actors_get_info(runtime, &cursor, NULL, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_actors_get_info(runtime, &cursor, &info, 0, &count), DOR_E_BADARG);
    cr_assert_eq(dor_actors_get_info(runtime, &cursor, &info, 1, NULL), DOR_E_BADARG);
    static const uint64_t wrong[] = {UINT64_C(2) << 32, UINT64_MAX, UINT32_MAX, (UINT64_C(1) << 24) + 1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cursor = wrong[i];
        cr_assert_eq(dor_actors_get_info(runtime, &cursor, &info, 1, &count), DOR_E_BADARG);
        cr_assert_eq(cursor, wrong[i]);
    }
    cr_assert_eq(count, 7);
    cr_assert_eq(dor_stop(pid, DOR_OK), DOR_OK);
    WAIT_FOR(!dor__pid_alive(pid));
    cr_assert_eq(dor_actor_get_info(pid, &info), DOR_E_NOPROC);
    stop_runtime(runtime);
    cursor = 0;
    cr_assert_eq(dor_actor_get_info(pid, &info), DOR_E_NOPROC);
    cr_assert_eq(dor_scheduler_get_info(runtime, 0, &scheduler), DOR_E_STOPPED);
    cr_assert_eq(dor_runtime_get_info(runtime, &whole), DOR_E_STOPPED);
    cr_assert_eq(dor_actors_get_info(runtime, &cursor, &info, 1, &count), DOR_E_STOPPED);
    dor_free(NULL);
}
