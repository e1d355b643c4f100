/*
 * However busy an actor is: timers, sockets and messages from outside are served within a bounded slice.
 *
 * Two kinds of tests. In a simulation that is exact (dor__simulation_be_exact) a step is the very turn that a loop makes,
 * and the clock goes only when a callback says that it has taken time: so how long turns are, and how late timers, can be
 * stated to the nanosecond. On real loops nothing is measured: a callback notes down in which round of the loop something
 * became ready, another one in which round it was served.
 */
#include "runtime_support.h"

#include "runtime/private.h"
#include "runtime/simulation.h"

#include <sys/socket.h>
#include <unistd.h>

TestSuite(runtime_fairness, .init = count_memory, .timeout = 120);

enum { NUMBER = DOR_MSG_USER, TICK, STOP_NOW };

/*
 * Here whatever is counted takes 1 us. Then the clock is read every 8 times, and a share may be overdrawn by as much. There
 * are five: timers that move, timers that fire, what comes in, actors, deferred work.
 */
enum { SHARES = 5, EACH_NS = 1000, OVERDRAWN = 8 };
#define TURN_NS ((uint64_t)SHARES * (DOR_TURN_NS + OVERDRAWN * EACH_NS))

/* ---- turns of a simulated loop ---- */

typedef struct meter {
    dor_runtime *runtime;
    dor_timer timer;
    uint64_t due_ns;
    uint64_t rung_ns;    /* the timer; 0: not yet */
    uint64_t told_ns;    /* the actor */
    uint64_t longest_ns; /* turn */
} meter;

static meter gauge;

static uint64_t clock_ns(void)
{
    return dor__clock_ns(dor__runtime_scheduler(gauge.runtime, 0));
}

static void begin(unsigned schedulers)
{
    dor_simulation_options options = {.schedulers = schedulers, .seed = 1};
    gauge = (meter){.runtime = NULL};
    cr_assert_eq(dor_simulation_new(&gauge.runtime, &options), DOR_OK);
    dor__simulation_be_exact(gauge.runtime, EACH_NS);
}

/* One turn. False when nothing was left to do. */
static bool turn(void)
{
    int code = dor_simulation_run(gauge.runtime, 1, NULL);
    uint64_t took = dor__simulation_step_ns(gauge.runtime);
    if (took > gauge.longest_ns) gauge.longest_ns = took;
    return code != DOR_OK;
}

static void on_tick(void *state, dor_message *m)
{
    *(uint64_t *)state = clock_ns();
    dor_message_free(m);
}

static void on_bell(dor_timer *timer)
{
    (void)timer;
    gauge.rung_ns = clock_ns();
}

static void arm_bell(dor_scheduler *s, void *arg)
{
    dor__timer_start(s, arg, 5, on_bell);
}

/* In 5 ms a native actor's timer is due, and a plain one's message. */
static void tick_in_5_ms(void)
{
    dor_pid pid = spawn_on(gauge.runtime, DOR_ON(0), on_tick, NULL, &gauge.told_ns);
    gauge.told_ns = gauge.rung_ns = 0;
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(gauge.runtime, 0), arm_bell, &gauge.timer)));
    (void)turn();
    gauge.due_ns = clock_ns() + 5000000;
    cr_assert_eq(dor_send_after(pid, number_message(TICK, 0), 5, NULL), DOR_OK);
    (void)turn(); /* both are armed */
}

/*
 * Until both have come: two turns at most after it was due for the timer, the one that was under way and the one that sees
 * it; and for the message, which waits its turn behind other actors, `ahead_ns` more.
 */
static void check_timer_and_turns(uint64_t ahead_ns)
{
    while (!gauge.told_ns)
        (void)turn();
    uint64_t margin_ns = 2 * TURN_NS * dor_runtime_scheduler_count(gauge.runtime);
    cr_assert_leq(gauge.rung_ns, gauge.due_ns + margin_ns);
    cr_assert_geq(gauge.told_ns, gauge.due_ns);
    cr_assert_leq(gauge.told_ns - gauge.due_ns, margin_ns + ahead_ns);
    cr_assert_leq(gauge.longest_ns, TURN_NS, "a turn of %lu ns", (unsigned long)gauge.longest_ns);
}

static void again(void *state, dor_message *m)
{
    (void)state;
    dor_send(dor_self(), m);
}

Test(runtime_fairness, one_that_sends_to_itself_for_ever)
{
    begin(1);
    for (unsigned i = 0; i < 3; i++)
        send_number(spawn_on(gauge.runtime, DOR_ON(0), again, NULL, NULL), NUMBER, 0);
    tick_in_5_ms();
    check_timer_and_turns(0);
    stop_runtime(gauge.runtime);
}

static void bounce(void *state, dor_message *m)
{
    dor_send(*(dor_pid *)state, m);
}

Test(runtime_fairness, two_that_play_for_ever)
{
    for (int apart = 0; apart < 2; apart++) {
        dor_pid a, b;
        begin(2);
        a = spawn_on(gauge.runtime, DOR_ON(0), bounce, NULL, &b);
        b = spawn_on(gauge.runtime, DOR_ON(apart), bounce, NULL, &a);
        for (unsigned i = 0; i < 5000; i++)
            send_number(a, NUMBER, i);
        tick_in_5_ms();
        check_timer_and_turns(0);
        stop_runtime(gauge.runtime);
    }
}

/* They take turns, of a hundred messages at most: none has two while another one has none. */
typedef struct crowd {
    unsigned *parts; /* how many turns each has had */
    unsigned *last;
    unsigned number, in_a_row;
} crowd;

enum { CROWD = 40 };

static void crowd_receive(void *state, dor_message *m)
{
    crowd *c = state;
    if (*c->last != c->number) {
        c->in_a_row = 0;
        c->parts[c->number]++;
        for (unsigned i = 0; i < CROWD; i++)
            cr_assert_leq(c->parts[c->number], c->parts[i] + 1, "%u waits", i);
    }
    *c->last = c->number;
    cr_assert_leq(++c->in_a_row, DOR_ACTOR_TURN_MESSAGES);
    dor_send(dor_self(), m);
}

Test(runtime_fairness, many_that_are_always_busy_take_turns)
{
    static unsigned parts[CROWD];
    static crowd crowds[CROWD];
    unsigned last = CROWD;
    begin(1);
    for (unsigned i = 0; i < CROWD; i++) {
        crowds[i] = (crowd){parts, &last, i, 0};
        send_number(spawn_on(gauge.runtime, DOR_ON(0), crowd_receive, NULL, &crowds[i]), NUMBER, 0);
    }
    while (parts[0] < 100)
        (void)turn();
    stop_runtime(gauge.runtime);
}

/* ---- what comes from outside ---- */

static void swallow(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

Test(runtime_fairness, a_flood_of_messages)
{
    begin(1);
    dor_pid pid = spawn_on(gauge.runtime, DOR_ON(0), swallow, NULL, NULL);
    tick_in_5_ms();
    for (unsigned i = 0; i < 200; i++) { /* before each turn, more than a turn can take in or handle */
        for (unsigned j = 0; j < 3000; j++)
            send_number(pid, NUMBER, j);
        (void)turn();
    }
    check_timer_and_turns(0);
    stop_runtime(gauge.runtime);
}

static void slow_call(dor_scheduler *s, void *arg)
{
    (void)s;
    (void)arg;
    dor__simulation_pass(gauge.runtime, 100000);
}

Test(runtime_fairness, a_flood_of_calls_that_take_long)
{
    begin(1);
    tick_in_5_ms();
    for (unsigned i = 0; i < 2000; i++)
        cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(gauge.runtime, 0), slow_call, NULL)));
    while (!gauge.told_ns)
        (void)turn();
    /* One is all that the share may be overdrawn by, but for the first time: until it is known how long they take. */
    cr_assert_leq(gauge.longest_ns, DOR_TURN_NS + 8 * 100000);
    cr_assert_leq(gauge.told_ns - gauge.due_ns, 2 * (DOR_TURN_NS + 100000));
    stop_runtime(gauge.runtime);
}

static void count_exit(void *state, dor_message *m)
{
    ++*(unsigned *)state;
    dor_message_free(m);
}

/* Signals before messages, but a message waits only for those that were there before it. */
Test(runtime_fairness, a_flood_of_exit_signals)
{
    unsigned exits = 0;
    uint64_t other_ns = 0;
    begin(1);
    dor_actor_spec spec = {.receive = count_exit, .state = &exits, .scheduler = DOR_ON(0), .trap_exit = 1};
    dor_pid trapping, other;
    cr_assert_eq(dor_spawn(gauge.runtime, &spec, &trapping), DOR_OK);
    other = spawn_on(gauge.runtime, DOR_ON(0), on_tick, NULL, &other_ns);
    tick_in_5_ms();
    for (unsigned i = 0; i < 5000; i++)
        cr_assert_eq(dor_exit(trapping, 5), DOR_OK);
    send_number(other, NUMBER, 0);
    for (unsigned i = 0; i < 14 && !other_ns; i++) { /* 5,000 signals are ten turns' */
        (void)turn();
        for (unsigned j = 0; j < 5000; j++)
            cr_assert_eq(dor_exit(trapping, 5), DOR_OK);
    }
    cr_assert_neq(other_ns, 0, "the message from outside waits for signals that came after it");
    check_timer_and_turns(0);
    cr_assert_gt(exits, 5000);
    stop_runtime(gauge.runtime);
}

/* ---- deferred work ---- */

typedef struct flusher {
    dor_deferred deferred;
    dor_scheduler *scheduler;
    uint64_t runs;
    bool for_ever;
} flusher;

static void flush(dor_deferred *deferred)
{
    flusher *f = DOR_CONTAINER_OF(deferred, flusher, deferred);
    f->runs++;
    if (f->for_ever) dor__scheduler_defer(f->scheduler, deferred);
}

typedef struct flushers {
    flusher *all;
    unsigned count;
    bool for_ever;
} flushers;

static void defer_all(dor_scheduler *s, void *arg)
{
    flushers *fs = arg;
    for (unsigned i = 0; i < fs->count; i++) {
        fs->all[i] = (flusher){.deferred = {.fn = flush}, .scheduler = s, .for_ever = fs->for_ever};
        dor__scheduler_defer(s, &fs->all[i].deferred);
    }
}

Test(runtime_fairness, deferred_work_for_ever)
{
    static flusher all[20];
    flushers fs = {all, 20, true};
    begin(1);
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(gauge.runtime, 0), defer_all, &fs)));
    send_number(spawn_on(gauge.runtime, DOR_ON(0), again, NULL, NULL), NUMBER, 0);
    tick_in_5_ms();
    check_timer_and_turns(0);
    for (unsigned i = 0; i < 20; i++) {
        cr_assert_geq(all[i].runs + 1, all[0].runs);
        all[i].for_ever = false;
    }
    stop_runtime(gauge.runtime);
}

/* Ten thousand sockets with something to send, beside an actor that leaves them no time: half of it is theirs. */
Test(runtime_fairness, a_mass_of_deferred_work)
{
    enum { COUNT = 10000 };
    static flusher all[COUNT];
    flushers fs = {all, COUNT, false};
    begin(1);
    send_number(spawn_on(gauge.runtime, DOR_ON(0), again, NULL, NULL), NUMBER, 0);
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(gauge.runtime, 0), defer_all, &fs)));
    tick_in_5_ms();
    check_timer_and_turns(0);
    for (unsigned i = 0; i < COUNT * EACH_NS / DOR_TURN_NS; i++)
        (void)turn();
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(all[i].runs, 1);
    stop_runtime(gauge.runtime);
}

/* ---- timers ---- */

typedef struct bell {
    dor_timer timer;
    unsigned *rung;
    unsigned number;
} bell;

static void ring(dor_timer *timer)
{
    bell *a = DOR_CONTAINER_OF(timer, bell, timer);
    cr_assert_eq(a->number, (*a->rung)++, "in the order in which they were armed");
}

typedef struct bells {
    bell *all;
    unsigned count, delay_ms, rung;
} bells;

static void arm_all(dor_scheduler *s, void *arg)
{
    bells *as = arg;
    for (unsigned i = 0; i < as->count; i++) {
        as->all[i] = (bell){.rung = &as->rung, .number = i};
        dor__timer_start(s, &as->all[i].timer, as->delay_ms, ring);
    }
}

Test(runtime_fairness, a_mass_of_timers_due_at_once)
{
    enum { COUNT = 100000 };
    static bell all[COUNT];
    static const unsigned delays[] = {4, 100, 5000, 300000};
    for (unsigned i = 0; i < 4; i++) {
        bells as = {all, COUNT, delays[i], 0};
        begin(1);
        cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(gauge.runtime, 0), arm_all, &as)));
        cr_assert_eq(dor_simulation_run_for(gauge.runtime, delays[i] - 1, 1000), DOR_E_TIMEOUT);
        (void)turn();
        send_number(spawn_on(gauge.runtime, DOR_ON(0), again, NULL, NULL), NUMBER, 0);
        uint64_t other_ns;
        dor_pid pid = spawn_on(gauge.runtime, DOR_ON(0), on_tick, NULL, &other_ns);
        unsigned turns = 0;
        for (; as.rung < COUNT; turns++) {
            other_ns = 0;
            uint64_t sent_ns = clock_ns();
            send_number(pid, NUMBER, 0);
            (void)turn();
            cr_assert_neq(other_ns, 0, "a message from outside waits for longer than a turn (%u %u %u %lu)",
                          i, turns, as.rung, clock_ns());
            cr_assert_leq(other_ns - sent_ns, TURN_NS);
        }
        cr_assert_leq(gauge.longest_ns, TURN_NS);
        cr_assert_leq(turns, (2 + i) * (COUNT * EACH_NS / DOR_TURN_NS) + 2, "a part of each turn was theirs");
        stop_runtime(gauge.runtime);
    }
}

static bool one_more(void *arg)
{
    return --*(unsigned *)arg == 0;
}

static void nothing(dor_timer *timer)
{
    (void)timer;
}

/* Moving a slot's timers down a level is work like any other: so many at a time. New ones keep their place meanwhile. */
Test(runtime_fairness, the_wheel_moves_timers_little_by_little)
{
    enum { COUNT = 10000, AT_A_TIME = 64 };
    static dor_timer_wheel wheel;
    static bell all[COUNT + 4 * COUNT / AT_A_TIME];
    unsigned rung = 0, added = COUNT, calls = 0;
    dor__wheel_init(&wheel, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        all[i] = (bell){.timer = {.fn = nothing, .deadline_ms = 5000}, .rung = &rung, .number = i};
        dor__wheel_add(&wheel, &all[i].timer);
    }
    do {
        unsigned left = AT_A_TIME;
        dor__wheel_advance(&wheel, 4999, one_more, &left);
        cr_assert_leq(dor__wheel_earliest(&wheel), 5000);
        all[added] = (bell){.timer = {.fn = nothing, .deadline_ms = 5000}, .rung = &rung, .number = added};
        dor__wheel_add(&wheel, &all[added++].timer);
        dor__wheel_remove(&wheel, &all[calls * 3].timer);
        calls++;
    } while (dor__wheel_pending(&wheel));
    cr_assert_geq(calls, COUNT / AT_A_TIME);
    dor__wheel_advance(&wheel, 5000, one_more, &(unsigned){1000000});
    unsigned expected = 0;
    for (const dor_timer *t = wheel.due.first; t; t = t->next) {
        while (expected < calls * 3 && expected % 3 == 0)
            expected++;
        cr_assert_eq(DOR_CONTAINER_OF(t, bell, timer)->number, expected++);
    }
    cr_assert_eq(expected, added);
}

/* ---- ends ---- */

Test(runtime_fairness, the_end_of_one_with_a_full_mailbox)
{
    begin(1);
    dor_pid pid = spawn_on(gauge.runtime, DOR_ON(0), again, NULL, NULL);
    for (unsigned i = 0; i < 20000; i++)
        send_number(pid, NUMBER, i);
    for (unsigned i = 0; i < 50; i++)
        (void)turn(); /* they are in its mailbox now */
    tick_in_5_ms();
    cr_assert_eq(dor_exit(pid, DOR_KILL), DOR_OK);
    check_timer_and_turns(0);
    stop_runtime(gauge.runtime);
}

Test(runtime_fairness, many_ends_at_once)
{
    enum { COUNT = 20000 };
    begin(1);
    dor_pid *pids = malloc(COUNT * sizeof *pids);
    for (unsigned i = 0; i < COUNT; i++)
        pids[i] = spawn_on(gauge.runtime, DOR_ON(0), swallow, NULL, NULL);
    tick_in_5_ms();
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(dor_exit(pids[i], DOR_KILL), DOR_OK);
    check_timer_and_turns(COUNT * EACH_NS); /* the dead stand in the same queue */
    while (turn())
        continue;
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_not(dor_is_alive(pids[i]));
    cr_assert_leq(gauge.longest_ns, TURN_NS);
    free(pids);
    stop_runtime(gauge.runtime);
}

enum { WATCHED = 20000 };

typedef struct fan {
    dor_pid pids[WATCHED];
    unsigned downs;
} fan;

static void watch_all(void *state, dor_message *m)
{
    fan *f = state;
    if (m->type == DOR_MSG_DOWN) f->downs++;
    for (unsigned i = 0; m->type == NUMBER && i < WATCHED; i++)
        cr_assert_eq(dor_monitor(f->pids[number_in(m) ? 0 : i], NULL), DOR_OK);
    dor_message_free(m);
}

/* One with as many watchers, and one that watches as many: how many are dealt with in a turn? */
Test(runtime_fairness, the_end_of_one_that_is_watched_by_many_or_watches_many)
{
    static fan f;
    for (uint64_t same = 0; same < 2; same++) {
        begin(1);
        f.downs = 0;
        for (unsigned i = 0; i < (same ? 1 : WATCHED); i++)
            f.pids[i] = spawn_on(gauge.runtime, DOR_ON(0), swallow, NULL, NULL);
        dor_pid watcher = spawn_on(gauge.runtime, DOR_ON(0), watch_all, NULL, &f);
        send_number(watcher, NUMBER, same);
        while (turn())
            continue;
        dor_slab *monitors = &dor__runtime_scheduler(gauge.runtime, 0)->monitors;
        cr_assert_eq(dor__slab_live(monitors), WATCHED);
        send_number(spawn_on(gauge.runtime, DOR_ON(0), again, NULL, NULL), NUMBER, 0);
        cr_assert_eq(dor_exit(same ? f.pids[0] : watcher, DOR_KILL), DOR_OK);
        unsigned turns = 0;
        for (uint32_t left = WATCHED; left > 0; turns++) {
            (void)turn();
            uint32_t now = dor__slab_live(monitors);
            cr_assert_leq(left - now, TURN_NS / EACH_NS, "all in one turn");
            left = now;
        }
        cr_assert_gt(turns, 2);
        cr_assert_eq(f.downs, same ? WATCHED : 0);
        stop_runtime(gauge.runtime);
    }
}

/* ---- real loops: a socket, and a timer ---- */

typedef struct witness {
    dor_actor base;
    dor_scheduler *scheduler;
    uv_prepare_t prepare; /* runs in each round, before the turn */
    uv_poll_t poll;
    dor_timer timer;
    int ends[2];
    unsigned open_handles;
    bool written;
    uint64_t written_in;  /* which turn was the latest then */
    uint64_t round_ms;    /* the loop's time in this round */
    uint64_t previous_ms; /* in the one before */
    atomic_uint read, rung;
    atomic_uint late; /* what was served in a later round than it should */
} witness;

static uint64_t turns_of(dor_scheduler *s)
{
    return atomic_load_explicit(&s->figures.loop_turns, memory_order_relaxed);
}

static void on_round(uv_prepare_t *handle)
{
    witness *w = DOR_CONTAINER_OF(handle, witness, prepare);
    w->previous_ms = w->round_ms;
    w->round_ms = dor__scheduler_now_ms(w->scheduler);
    if (w->written) return;
    w->written = true;
    w->written_in = turns_of(w->scheduler);
    cr_assert_eq(write(w->ends[0], "x", 1), 1);
}

/* Written before a turn, it is there to be read in the poll after it. */
static void on_readable(uv_poll_t *handle, int status, int events)
{
    witness *w = DOR_CONTAINER_OF(handle, witness, poll);
    char c;
    cr_assert(status == 0 && events == UV_READABLE && read(w->ends[1], &c, 1) == 1);
    if (turns_of(w->scheduler) > w->written_in + 1) atomic_fetch_add(&w->late, 1);
    w->written = false;
    atomic_fetch_add(&w->read, 1);
}

/* In the first turn that begins after it was due. */
static void on_due(dor_timer *timer)
{
    witness *w = DOR_CONTAINER_OF(timer, witness, timer);
    if (w->timer.deadline_ms <= w->previous_ms) atomic_fetch_add(&w->late, 1);
    atomic_fetch_add(&w->rung, 1);
    dor__timer_start(w->scheduler, timer, 1, on_due);
}

static void witness_receive(dor_actor *actor, dor_message *m)
{
    (void)actor;
    dor_message_free(m);
}

static void witness_closed(uv_handle_t *handle)
{
    witness *w = handle->data;
    if (--w->open_handles > 0) return;
    close(w->ends[0]);
    close(w->ends[1]);
}

static void witness_destroy(dor_actor *actor)
{
    witness *w = DOR_CONTAINER_OF(actor, witness, base);
    dor__timer_stop(w->scheduler, &w->timer);
    uv_close((uv_handle_t *)&w->prepare, witness_closed);
    uv_close((uv_handle_t *)&w->poll, witness_closed);
}

static void witness_start(dor_scheduler *s, void *arg)
{
    static const dor_actor_ops ops = {.receive = witness_receive, .destroy = witness_destroy};
    witness *w = arg;
    w->scheduler = s;
    w->open_handles = 2;
    w->prepare.data = w->poll.data = w;
    cr_assert(dor__ok(dor__actor_init(&w->base, s, &ops)));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, w->ends), 0);
    cr_assert_eq(uv_prepare_init(dor__scheduler_loop(s), &w->prepare), 0);
    cr_assert_eq(uv_prepare_start(&w->prepare, on_round), 0);
    cr_assert_eq(uv_poll_init(dor__scheduler_loop(s), &w->poll, w->ends[1]), 0);
    cr_assert_eq(uv_poll_start(&w->poll, UV_READABLE, on_readable), 0);
    dor__timer_start(s, &w->timer, 1, on_due);
}

typedef struct flood {
    dor_pid to;
    bool signals;
    atomic_bool over;
} flood;

/* As fast as it can, but not beyond all memory. */
static void pour(void *arg)
{
    flood *f = arg;
    for (unsigned i = 0; !atomic_load(&f->over); i++) {
        if (f->signals)
            dor_exit(f->to, 5);
        else
            send_number(f->to, NUMBER, 0);
        if (i % 1000 == 999) uv_sleep(1);
    }
}

static void real_again(void *state, dor_message *m)
{
    (void)state;
    dor_send(dor_self(), m);
}

static void real_bounce(void *state, dor_message *m)
{
    dor_send(*(dor_pid *)state, m);
}

static void real_swallow(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

static void flush_for_ever(dor_deferred *deferred)
{
    flusher *f = DOR_CONTAINER_OF(deferred, flusher, deferred);
    if (f->for_ever) dor__scheduler_defer(f->scheduler, deferred);
}

static void defer_for_ever(dor_scheduler *s, void *arg)
{
    flusher *f = arg;
    *f = (flusher){.deferred = {.fn = flush_for_ever}, .scheduler = s, .for_ever = true};
    dor__scheduler_defer(s, &f->deferred);
}

static void stop_deferring(dor_scheduler *s, void *arg)
{
    (void)s;
    ((flusher *)arg)->for_ever = false;
}

static void serve_all(witness *w)
{
    unsigned enough = scaled(100);
    atomic_store(&w->read, 0);
    atomic_store(&w->rung, 0);
    WAIT_FOR(atomic_load(&w->read) >= enough && atomic_load(&w->rung) >= enough / 4);
    cr_assert_eq(atomic_load(&w->late), 0, "%u of %u and %u were late", atomic_load(&w->late),
                 atomic_load(&w->read), atomic_load(&w->rung));
}

Test(runtime_fairness, sockets_and_timers_of_a_loop_that_never_rests)
{
    static witness w;
    dor_pid a, b;
    flusher deferring;
    dor_runtime *runtime = runtime_of(2);
    dor_scheduler *s = dor__runtime_scheduler(runtime, 0);
    cr_assert(dor__ok(dor__scheduler_call(s, witness_start, &w)));
    serve_all(&w); /* at rest */
    send_number(spawn_on(runtime, DOR_ON(0), real_again, NULL, NULL), NUMBER, 0);
    serve_all(&w);
    a = spawn_on(runtime, DOR_ON(0), real_bounce, NULL, &b);
    b = spawn_on(runtime, DOR_ON(1), real_bounce, NULL, &a);
    for (unsigned i = 0; i < 500; i++)
        send_number(a, NUMBER, 0);
    serve_all(&w);
    cr_assert(dor__ok(dor__scheduler_call(s, defer_for_ever, &deferring)));
    serve_all(&w);
    cr_assert(dor__ok(dor__scheduler_call(s, stop_deferring, &deferring)));
    stop_runtime(runtime);
}

Test(runtime_fairness, sockets_and_timers_under_a_flood_from_other_threads)
{
    static witness w;
    dor_runtime *runtime = runtime_of(1);
    dor_pid pid;
    dor_actor_spec spec = {.receive = real_swallow, .trap_exit = 1, .scheduler = DOR_ON(0)};
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), witness_start, &w)));
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    for (unsigned signals = 0; signals < 2; signals++) {
        uv_thread_t thread[2];
        flood f = {.to = pid, .signals = signals};
        for (unsigned i = 0; i < 2; i++)
            uv_thread_create(&thread[i], pour, &f);
        serve_all(&w);
        atomic_store(&f.over, true);
        for (unsigned i = 0; i < 2; i++)
            uv_thread_join(&thread[i]);
    }
    stop_runtime(runtime);
}
