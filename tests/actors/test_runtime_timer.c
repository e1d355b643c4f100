/* Timers: the wheel against a plain list, and messages that are sent later. */
#include "runtime_support.h"

#include "runtime/private.h"

TestSuite(runtime_timer, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, START };

/* ---- the wheel by itself, with a clock of the test's own ---- */

typedef struct probe {
    dor_timer timer;
    uint64_t deadline_ms;
    unsigned fired;
    uint64_t order;
} probe;

static uint64_t test_now, fired_count;
static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void on_probe(dor_timer *timer)
{
    probe *p = DOR_CONTAINER_OF(timer, probe, timer);
    cr_assert_geq(test_now, p->deadline_ms);
    cr_assert_not(dor__timer_armed(timer));
    p->fired++;
    p->order = ++fired_count;
}

static bool never_spent(void *arg)
{
    (void)arg;
    return false;
}

static void arm(dor_timer_wheel *w, probe *p, uint64_t deadline_ms)
{
    p->deadline_ms = deadline_ms;
    p->timer.fn = on_probe;
    p->timer.deadline_ms = deadline_ms;
    dor__wheel_add(w, &p->timer);
}

static void go_to(dor_timer_wheel *w, uint64_t now)
{
    test_now = now;
    dor__wheel_advance(w, now, never_spent, NULL);
    dor__wheel_fire(w, never_spent, NULL);
    cr_assert_not(dor__wheel_pending(w));
}

Test(runtime_timer, wheel_against_a_list)
{
    enum { COUNT = 400 };
    static dor_timer_wheel wheel;
    static probe probes[COUNT];
    static const uint64_t spans[] = {2, 64, 70, 4096, 5000, 262144, 20000000, UINT32_MAX};
    test_now = 1234567;
    dor__wheel_init(&wheel, test_now);
    for (unsigned step = 0; step < scaled(60000); step++) {
        probe *p = &probes[next_random() % COUNT];
        uint64_t span = spans[next_random() % 8];
        switch (next_random() % 4) {
        case 0:
        case 1:
            if (dor__timer_armed(&p->timer)) dor__wheel_remove(&wheel, &p->timer);
            p->fired = 0;
            arm(&wheel, p, test_now + next_random() % span);
            break;
        case 2:
            if (dor__timer_armed(&p->timer)) dor__wheel_remove(&wheel, &p->timer);
            cr_assert_not(dor__timer_armed(&p->timer));
            break;
        default: go_to(&wheel, test_now + next_random() % span); break;
        }
        if (step % 16 != 0) continue;
        uint64_t earliest = DOR_WHEEL_NEVER;
        for (unsigned i = 0; i < COUNT; i++) {
            if (!dor__timer_armed(&probes[i].timer)) continue;
            cr_assert(probes[i].deadline_ms > test_now || wheel.due.first, "overdue and not due");
            if (probes[i].deadline_ms < earliest) earliest = probes[i].deadline_ms;
        }
        cr_assert_leq(wheel.due.first ? test_now : wheel.next_ms, earliest);
    }
    go_to(&wheel, test_now + UINT32_MAX + UINT64_C(1));
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_not(dor__timer_armed(&probes[i].timer));
    for (unsigned l = 0; l < DOR_WHEEL_LEVELS; l++)
        cr_assert_eq(wheel.occupied[l], 0);
}

Test(runtime_timer, wheel_fires_equal_deadlines_in_order)
{
    enum { COUNT = 50 };
    static dor_timer_wheel wheel;
    static probe probes[COUNT];
    static const uint64_t deadlines[] = {3, 64, 100, 5000, 300000, 1 << 24};
    dor__wheel_init(&wheel, 0);
    test_now = 0;
    for (unsigned d = 0; d < 6; d++) {
        uint64_t start = test_now, deadline = start + deadlines[d];
        for (unsigned i = 0; i < COUNT; i++) {
            arm(&wheel, &probes[i], deadline);
            /* Some are armed near the deadline, when the wheel knows it better. */
            if (i % 10 == 9) go_to(&wheel, start + deadlines[d] * i / (2 * COUNT));
        }
        go_to(&wheel, deadline);
        for (unsigned i = 1; i < COUNT; i++)
            cr_assert_lt(probes[i - 1].order, probes[i].order);
    }
}

Test(runtime_timer, wheel_wakes_rarely_for_the_far_future)
{
    static dor_timer_wheel wheel;
    probe p = {.fired = 0};
    unsigned wakes = 0;
    dor__wheel_init(&wheel, 999);
    test_now = 999;
    cr_assert_eq(wheel.next_ms, DOR_WHEEL_NEVER);
    arm(&wheel, &p, 999 + UINT64_C(40) * 24 * 3600 * 1000);
    while (!p.fired) {
        cr_assert_lt(wheel.next_ms, DOR_WHEEL_NEVER);
        go_to(&wheel, wheel.next_ms);
        wakes++;
    }
    cr_assert_leq(wakes, DOR_WHEEL_LEVELS);
    cr_assert_eq(test_now, p.deadline_ms);
    go_to(&wheel, test_now + 1);
    cr_assert_eq(wheel.next_ms, DOR_WHEEL_NEVER);
}

static dor_timer_wheel *rearming_wheel;

static void on_rearm(dor_timer *timer)
{
    probe *p = DOR_CONTAINER_OF(timer, probe, timer);
    p->fired++;
    timer->deadline_ms = 0; /* due at once, for ever */
    dor__wheel_add(rearming_wheel, timer);
}

Test(runtime_timer, wheel_is_not_held_up_by_one_that_is_always_due)
{
    static dor_timer_wheel wheel;
    probe p[2] = {{.fired = 0}, {.fired = 0}};
    rearming_wheel = &wheel;
    dor__wheel_init(&wheel, 10);
    for (unsigned i = 0; i < 2; i++) {
        p[i].timer.fn = on_rearm;
        p[i].timer.deadline_ms = 11;
        dor__wheel_add(&wheel, &p[i].timer);
    }
    dor__wheel_advance(&wheel, 20, never_spent, NULL);
    for (unsigned i = 1; i < 10; i++) {
        dor__wheel_fire(&wheel, never_spent, NULL);
        cr_assert(dor__wheel_pending(&wheel));
        cr_assert_eq(p[0].fired, i);
        cr_assert_eq(p[1].fired, i);
    }
    dor__wheel_remove(&wheel, &p[0].timer);
    dor__wheel_remove(&wheel, &p[1].timer);
    dor__wheel_fire(&wheel, never_spent, NULL);
    cr_assert_not(dor__wheel_pending(&wheel));
}

/* ---- messages ---- */

Test(runtime_timer, never_early)
{
    dor_message *m;
    static const uint32_t delays[] = {0, 1, 2, 3, 5, 10, 17, 40};
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 8; i++) {
            uint64_t start = now_us();
            cr_assert_eq(dor_send_after(dor_self(), number_message(NUMBER, 0), delays[i], NULL), DOR_OK);
            cr_assert_eq(dor_receive(&m, 10000), DOR_OK);
            uint64_t took = now_us() - start;
            cr_assert_geq(took, delays[i] * 1000u, "%u ms took %u us", delays[i], (unsigned)took);
            dor_message_free(m);
        }
    }
    stop_runtime(runtime);
}

/* An actor measures too: its clock is the loop's cached one. */
typedef struct measuring {
    dor_pid tell;
    uint64_t start;
    uint32_t delay;
    unsigned rounds;
} measuring;

static void measure(void *state, dor_message *message)
{
    measuring *m = state;
    if (message->type == NUMBER) {
        uint64_t took = now_us() - m->start;
        if (took < m->delay * 1000u || m->rounds == 0) {
            send_number(m->tell, NUMBER, took < m->delay * 1000u);
            dor_message_free(message);
            return;
        }
        m->rounds--;
    }
    uint64_t busy_until = now_us() + 1500; /* the cached time is old by now */
    while (now_us() < busy_until)
        continue;
    m->delay = m->rounds % 7;
    m->start = now_us();
    dor_send_after(dor_self(), number_message(NUMBER, 0), m->delay, NULL);
    dor_message_free(message);
}

Test(runtime_timer, never_early_for_an_actor_either)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    measuring m = {.tell = dor_self(), .rounds = 50};
    send_number(spawn_on(runtime, DOR_ON(0), measure, NULL, &m), START, 0);
    cr_assert_eq(receive_number(NUMBER), 0, "early");
    stop_runtime(runtime);
}

Test(runtime_timer, equal_delays_keep_the_order)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned i = 0; i < 100; i++)
        dor_send_after(dor_self(), number_message(NUMBER, i), 20, NULL);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(receive_number(NUMBER), i);
    stop_runtime(runtime);
}

static atomic_uint destroyed;

static void on_destroy(dor_message *message)
{
    (void)message;
    atomic_fetch_add(&destroyed, 1);
}

Test(runtime_timer, cancelled_from_a_thread)
{
    dor_ref timer;
    dor_message *m;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    cr_assert_eq(dor_cancel_timer(0), DOR_E_NOPROC);
    cr_assert_eq(dor_cancel_timer(dor_make_ref()), DOR_E_NOPROC);
    cr_assert_eq(dor_cancel_timer(dor_self()), DOR_E_NOPROC);
    for (unsigned i = 0; i < scaled(2000); i++) {
        m = dor_message_new(NUMBER, 8, on_destroy);
        cr_assert_eq(dor_send_after(dor_self(), m, 100000, &timer), DOR_OK);
        cr_assert_eq(dor_cancel_timer(timer), DOR_OK);
        cr_assert_eq(atomic_load(&destroyed), i + 1);
        cr_assert_eq(dor_cancel_timer(timer), DOR_E_NOPROC);
    }
    dor_send_after(dor_self(), number_message(NUMBER, 3), 1, &timer);
    cr_assert_eq(receive_number(NUMBER), 3);
    cr_assert_eq(dor_cancel_timer(timer), DOR_E_NOPROC);
    cr_assert_eq(dor_receive(&m, 5), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

/* Whoever wins, each message is either received or freed by the canceller, once. */
Test(runtime_timer, cancelling_races_with_firing)
{
    enum { COUNT = 200 };
    static dor_ref timers[COUNT];
    dor_message *m;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned round = 0; round < scaled(60) + 2; round++) {
        unsigned cancelled = 0, received = 0;
        for (unsigned i = 0; i < COUNT; i++)
            dor_send_after(dor_self(), number_message(NUMBER, i), i % 3, &timers[i]);
        uint64_t until = now_us() + round * 50;
        while (now_us() < until)
            continue;
        for (unsigned i = COUNT; i-- > 0;)
            cancelled += dor_cancel_timer(timers[i]) == DOR_OK;
        while (received + cancelled < COUNT && dor_receive(&m, 10000) == DOR_OK) {
            dor_message_free(m);
            received++;
        }
        cr_assert_eq(received + cancelled, COUNT);
    }
    cr_assert_eq(dor_receive(&m, 10), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

/* ---- many ---- */

typedef struct many {
    dor_pid tell;
    unsigned count;
    unsigned received;
    dor_ref *far;
} many;

static void run_many(void *state, dor_message *message)
{
    many *m = state;
    if (message->type == START) {
        for (unsigned i = 0; i < m->count; i++) {
            dor_send_after(dor_self(), number_message(NUMBER, i), 1 + i % 200, NULL);
            dor_send_after(dor_self(), number_message(NUMBER, i), 3600000 + i, &m->far[i]);
        }
    } else if (++m->received == m->count) {
        unsigned cancelled = 0;
        for (unsigned i = 0; i < m->count; i++)
            cancelled += dor_cancel_timer(m->far[i]) == DOR_OK;
        send_number(m->tell, NUMBER, cancelled);
    }
    dor_message_free(message);
}

Test(runtime_timer, a_hundred_thousand)
{
    many m = {.count = scaled(50000)};
    m.far = malloc(m.count * sizeof *m.far);
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    m.tell = dor_self();
    send_number(spawn_on(runtime, DOR_ON(0), run_many, NULL, &m), START, 0);
    cr_assert_eq(receive_number(NUMBER), m.count);
    stop_runtime(runtime);
    free(m.far);
}

static uint64_t thread_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

Test(runtime_timer, what_is_far_away_costs_no_time)
{
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (unsigned i = 0; i < 10000; i++)
        cr_assert_eq(dor_send_after(dor_self(), number_message(NUMBER, i), 400000 + i * 100, NULL), DOR_OK);
    uv_sleep(100); /* until all are armed */
    uint64_t before = thread_cpu_us();
    uv_sleep(300);
    cr_assert_lt(thread_cpu_us() - before, 30000, "the loop does not sleep");
    stop_runtime(runtime); /* frees those that are pending */
}
