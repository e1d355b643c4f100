/* Links under load: the table, very many links, ends with no memory left, and both sides changing their mind at once. */
#include "runtime_support.h"

#include "runtime/private.h"

#include <dormouse/simulate.h>

TestSuite(runtime_links, .init = count_memory, .timeout = 100);

enum { NUMBER = DOR_MSG_USER, LINK_TO, LINK_TO_LATE, END, DONE, OPERATE };

/* xorshift: the same numbers in every run. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* ---- the table ---- */

typedef struct modelled {
    dor_message *half; /* NULL: not in the table */
    dor_pid self, other;
} modelled;

static void change_table(dor_link_table *t, modelled *m, unsigned count, unsigned steps, uint32_t *random,
                         bool grow)
{
    for (unsigned i = 0; i < steps; i++) {
        modelled *at = &m[next_random(random) % count];
        bool present = at->half != NULL;
        cr_assert_eq(dor__link_table_find(t, at->self, at->other), at->half);
        if (!present && (grow || next_random(random) % 4 == 0)) {
            at->half = malloc(sizeof(dor_message) + sizeof(dor_link_half));
            at->half->to_ = at->other;
            *dor__half_of(at->half) = (dor_link_half){.self = at->self};
            dor__link_table_add(t, at->half);
        } else if (present && (!grow || next_random(random) % 4 == 0)) {
            dor__link_table_remove(t, at->half);
            free(at->half);
            at->half = NULL;
        }
    }
}

static unsigned present_in(const modelled *m, unsigned count)
{
    unsigned present = 0;
    for (unsigned i = 0; i < count; i++)
        present += m[i].half != NULL;
    return present;
}

static void exercise_table(unsigned count, bool memory)
{
    dor_link_table t = {0};
    uint32_t random = 12345;
    modelled *m = calloc(count, sizeof *m);
    for (unsigned i = 0; i < count; i++) /* pids that differ in a few bits, as they do */
        m[i] = (modelled){NULL, UINT64_C(0x2000000000000001) + ((uint64_t)(i / 64) << 25),
                          UINT64_C(0x2002000000000001) + ((uint64_t)(i % 64) << 25)};
    if (!memory) atomic_store(&fail_after, 0);
    for (unsigned round = 0; round < 4; round++) {
        change_table(&t, m, count, count * 4, &random, true);
        cr_assert_eq(t.count, present_in(m, count));
        if (memory) cr_assert_geq(t.extra + 8, t.count * 3 / 4);
        change_table(&t, m, count, count * 4, &random, false);
        cr_assert_eq(t.count, present_in(m, count));
    }
    for (unsigned i = 0; i < count; i++) {
        if (!m[i].half) continue;
        dor__link_table_remove(&t, m[i].half);
        free(m[i].half);
    }
    atomic_store(&fail_after, -1);
    cr_assert_eq(t.count, 0);
    cr_assert_eq(t.extra, 0);
    cr_assert_null(t.bucket_0);
    cr_assert_eq(atomic_load(&live_blocks), 0);
    free(m);
}

Test(runtime_links, the_table_against_a_model)
{
    exercise_table(1, true);
    exercise_table(100, true);
    exercise_table(scaled(20000), true);
}

Test(runtime_links, the_table_without_memory)
{
    exercise_table(1000, false);
}

Test(runtime_links, a_half_is_small)
{
    cr_assert_leq(sizeof(dor_message) + sizeof(dor_link_half), 64);
}

/* ---- very many ---- */

static atomic_uint ended, notices;

static void count_end(void *state, int reason)
{
    (void)state;
    if (reason == DOR_E_CLOSED) atomic_fetch_add(&ended, 1);
}

/* Links to whom it is told to; its state, if any, is a pid that is told when it has. */
static void link_to(void *state, dor_message *m)
{
    if (m->type == LINK_TO) cr_assert_eq(dor_link(number_in(m)), DOR_OK);
    if (m->type == NUMBER) send_number(*(dor_pid *)state, DONE, 0);
    if (m->type == DOR_MSG_EXIT) atomic_fetch_add(&notices, 1);
    dor_message_free(m);
}

static void wait_for(dor_pid pid)
{
    send_number(pid, NUMBER, 0);
    receive_number(DONE);
}

static void chain_ends(unsigned schedulers)
{
    unsigned many = scaled(100000);
    dor_runtime *runtime = runtime_of(schedulers);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self(), *pids = malloc(many * sizeof *pids);
    atomic_store(&ended, 0);
    for (unsigned i = 0; i < many; i++) {
        pids[i] = spawn_on(runtime, DOR_ON(i % schedulers), link_to, count_end, &self);
        if (i > 0) send_number(pids[i], LINK_TO, pids[i - 1]);
    }
    for (unsigned i = many - schedulers; i < many; i++)
        wait_for(pids[i]);
    dor_exit(pids[many / 3], DOR_E_CLOSED);
    WAIT_FOR(atomic_load(&ended) == many);
    free(pids);
    stop_runtime(runtime);
}

Test(runtime_links, a_chain_of_many_ends)
{
    chain_ends(1);
}

Test(runtime_links, a_chain_over_schedulers_ends)
{
    chain_ends(3);
}

/* One is linked to all others, on both schedulers; who ends is the centre, or they. */
static void star_ends(bool centre_first, bool traps)
{
    unsigned many = scaled(100000);
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid centre, self = dor_self(), *pids = malloc(many * sizeof *pids);
    dor_actor_spec spec = {
        .receive = link_to, .stop = count_end, .state = &self, .scheduler = DOR_ON(0), .trap_exit = traps};
    atomic_store(&ended, 0);
    atomic_store(&notices, 0);
    cr_assert_eq(dor_spawn(runtime, &spec, &centre), DOR_OK);
    for (unsigned i = 0; i < many; i++) {
        pids[i] = spawn_on(runtime, DOR_ON(i % 2), link_to, count_end, &self);
        send_number(centre, LINK_TO, pids[i]);
    }
    wait_for(centre);
    if (centre_first) {
        dor_stop(centre, DOR_E_CLOSED);
        WAIT_FOR(atomic_load(&ended) == many + 1);
    } else if (traps) {
        for (unsigned i = 0; i < many; i++)
            dor_exit(pids[i], DOR_E_CLOSED);
        WAIT_FOR(atomic_load(&notices) == many);
        WAIT_FOR(atomic_load(&ended) == many);
        cr_assert(dor_is_alive(centre));
    } else {
        dor_exit(pids[many / 2], DOR_E_CLOSED);
        WAIT_FOR(atomic_load(&ended) == many + 1);
    }
    free(pids);
    stop_runtime(runtime);
}

Test(runtime_links, one_ends_who_is_linked_to_many)
{
    star_ends(true, false);
}

Test(runtime_links, many_end_who_are_linked_to_one)
{
    star_ends(false, false);
    star_ends(false, true);
}

/* Others have their turns while very many end. */
static void go_on(void *state, dor_message *m)
{
    atomic_fetch_add((atomic_uint *)state, 1);
    dor_send(dor_self(), m);
}

Test(runtime_links, actors_go_on_while_many_end)
{
    unsigned many = scaled(200000), enough = 0;
    atomic_uint turns = 0;
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self(), previous = DOR_PID_NONE;
    dor_pid busy = spawn_on(runtime, DOR_ON(0), go_on, NULL, &turns);
    atomic_store(&ended, 0);
    for (unsigned i = 0; i < many; i++) {
        dor_pid pid = spawn_on(runtime, DOR_ON(0), link_to, count_end, &self);
        if (i > 0) send_number(pid, LINK_TO, previous);
        previous = pid;
    }
    wait_for(previous);
    send_number(busy, NUMBER, 0);
    WAIT_FOR(atomic_load(&turns) > 0);
    dor_exit(previous, DOR_E_CLOSED);
    unsigned seen = 0, before = 0;
    while ((seen = atomic_load(&ended)) < many) {
        unsigned now = atomic_load(&turns);
        if (seen > 0 && now > before) enough++; /* it has run since we last looked, and not all have ended */
        before = now;
        sched_yield();
    }
    if (many > 100000) cr_assert_gt(enough, 1);
    stop_runtime(runtime);
}

/* ---- memory ---- */

static void link_and_unlink(void *state, dor_message *m)
{
    dor_pid other = number_in(m);
    for (unsigned i = 0; i < 2000; i++) {
        cr_assert_eq(dor_link(other), DOR_OK);
        cr_assert_eq(dor_unlink(other), DOR_OK);
    }
    dor_message_free(m);
    send_number(*(dor_pid *)state, DONE, 0);
}

Test(runtime_links, linking_costs_two_small_blocks)
{
#ifdef DOR_PLAIN_MALLOC
    cr_skip("no pools of memory in this build");
#endif
    dor_runtime *runtime = runtime_of(1);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid self = dor_self();
    dor_pid other = spawn_on(runtime, DOR_ON(0), link_to, NULL, &self);
    dor_pid linker = spawn_on(runtime, DOR_ON(0), link_and_unlink, NULL, &self);
    for (unsigned i = 0; i < 2; i++) {
        long before = atomic_load(&allocations);
        send_number(linker, NUMBER, other);
        receive_number(DONE);
        /* Blocks come back to the pool when the other has seen the UNLINK: from then on no more are needed. */
        if (i == 1) cr_assert_leq(atomic_load(&allocations) - before, 8);
    }
    stop_runtime(runtime);
}

static int told_reason;

static void remember_reason(void *state, dor_message *m)
{
    dor_exit_notice notice;
    if (m->type == DOR_MSG_EXIT) {
        memcpy(&notice, dor_message_payload(m), sizeof notice);
        told_reason = notice.reason;
        atomic_fetch_add((atomic_uint *)state, 1);
    } else {
        cr_assert_eq(dor_link(number_in(m)), DOR_OK);
        atomic_fetch_add((atomic_uint *)state, 1);
    }
    dor_message_free(m);
}

static void end_without_memory(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
    atomic_store(&fail_after, 0);
    (void)dor_exit_self(DOR_E_CLOSED);
}

Test(runtime_links, an_end_is_told_with_no_memory_left)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    for (int on = 0; on < 2; on++) {
        atomic_uint seen = 0;
        dor_pid watcher, dying = spawn_on(runtime, DOR_ON(0), end_without_memory, NULL, NULL);
        dor_actor_spec spec = {
            .receive = remember_reason, .state = &seen, .scheduler = DOR_ON(on), .trap_exit = 1};
        cr_assert_eq(dor_spawn(runtime, &spec, &watcher), DOR_OK);
        send_number(watcher, NUMBER, dying);
        WAIT_FOR(atomic_load(&seen) == 1);
        send_number(dying, END, 0);
        WAIT_FOR(atomic_load(&seen) == 2);
        atomic_store(&fail_after, -1);
        cr_assert_eq(told_reason, DOR_E_CLOSED);
    }
    stop_runtime(runtime);
}

/* Every call of ours, with each of its allocations failing in turn. */
static void calls_without_memory(void *state, dor_message *m)
{
    dor_pid other = number_in(m), child, tell = *(dor_pid *)state;
    dor_actor_spec spec = {.receive = link_to, .state = state, .scheduler = DOR_ON_THIS, .trap_exit = 1};
    unsigned failures = 0;
    int result = DOR_E_NOMEM;
    for (long i = 0; result == DOR_E_NOMEM; i++) { /* fails everything until it has all that it needs */
        atomic_store(&fail_after, i);
        result = dor_link(other);
        if (result == DOR_OK) result = dor_trap_exit(1);
        if (result == DOR_OK) result = dor_exit(dor_self(), 5);
        if (result == DOR_OK) result = dor_exit(other, DOR_OK);
        if (result == DOR_OK) result = dor_unlink(other);
        if (result == DOR_OK) result = dor_spawn_monitor(NULL, &spec, &child, NULL);
        if (result == DOR_OK) dor_exit(child, DOR_KILL);
        if (result == DOR_OK) result = dor_spawn_link(NULL, &spec, &child);
        atomic_store(&fail_after, -1);
        failures += result == DOR_E_NOMEM;
        if (result != DOR_OK) cr_assert_eq(dor_unlink(other), DOR_OK);
    }
    cr_assert_eq(result, DOR_OK);
    dor_exit(child, DOR_KILL);
    dor_message_free(m);
    send_number(tell, DONE, failures);
}

static void without_memory(void *state, dor_message *m)
{
    if (m->type == NUMBER)
        calls_without_memory(state, m);
    else
        dor_message_free(m);
}

Test(runtime_links, calls_that_find_no_memory)
{
    dor_runtime *runtime = dor_runtime_default();
    cr_assert_not_null(runtime);
    cr_assert_eq(dor_process_attach(NULL, NULL), DOR_OK);
    dor_pid self = dor_self();
    dor_pid other = spawn_on(runtime, DOR_ON(0), link_to, NULL, &self);
    dor_pid caller = spawn_on(runtime, DOR_ON(0), without_memory, NULL, &self);
    send_number(caller, NUMBER, other);
    (void)receive_number(DONE); /* how many failures depends on what the pools have */
    stop_runtime(runtime);
}

/* ---- runtimes ---- */

Test(runtime_links, across_runtimes)
{
    dor_runtime *here = runtime_of(1), *there = runtime_of(2);
    cr_assert_eq(dor_process_attach(here, NULL), DOR_OK);
    atomic_uint seen = 0;
    dor_pid self = dor_self(), watcher;
    dor_pid others[3];
    dor_actor_spec spec = {
        .receive = remember_reason, .state = &seen, .scheduler = DOR_ON(0), .trap_exit = 1};
    cr_assert_eq(dor_spawn(here, &spec, &watcher), DOR_OK);
    for (int i = 0; i < 3; i++)
        others[i] = spawn_on(there, DOR_ON(i % 2), link_to, NULL, &self);
    send_number(watcher, LINK_TO, others[0]);
    send_number(others[1], LINK_TO, watcher);
    wait_for(others[1]);
    WAIT_FOR(atomic_load(&seen) == 1);
    dor_exit(others[0], 7);
    WAIT_FOR(atomic_load(&seen) == 2);
    cr_assert_eq(told_reason, 7);
    send_number(watcher, LINK_TO, others[2]);
    WAIT_FOR(atomic_load(&seen) == 3);
    cr_assert_eq(dor_runtime_stop(there, 5000), DOR_OK);
    WAIT_FOR(atomic_load(&seen) == 5);
    cr_assert_eq(told_reason, DOR_E_STOPPED);
    send_number(watcher, LINK_TO, others[2]); /* its runtime has gone */
    WAIT_FOR(atomic_load(&seen) == 7);
    cr_assert_eq(told_reason, DOR_E_NOPROC);
    cr_assert_eq(dor_exit(others[2], DOR_KILL), DOR_OK);
    cr_assert_not(dor_is_alive(others[2]));
    stop_runtime(here);
}

/* When a runtime stops, its actors handle what they have, although those that they are linked to have ended. */
static void slow_count(void *state, dor_message *m)
{
    if (m->type == LINK_TO_LATE)
        while (dor_is_alive(number_in(m)))
            sched_yield();
    if (m->type == LINK_TO || m->type == LINK_TO_LATE) cr_assert_eq(dor_link(number_in(m)), DOR_OK);
    if (m->type == NUMBER) atomic_fetch_add((atomic_uint *)state, 1);
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    dor_message_free(m);
}

Test(runtime_links, a_stop_drains_the_linked_too)
{
    unsigned many = 20;
    atomic_uint received = 0;
    dor_runtime *runtime = runtime_of(2);
    dor_pid a = spawn_on(runtime, DOR_ON(0), slow_count, NULL, &received);
    dor_pid b = spawn_on(runtime, DOR_ON(1), slow_count, NULL, &received);
    dor_pid c = spawn_on(runtime, DOR_ON(0), slow_count, NULL, &received);
    send_number(a, LINK_TO, b);
    send_number(b, LINK_TO, c);
    for (unsigned i = 0; i < many; i++)
        send_number(b, NUMBER, 0);
    cr_assert_eq(dor_runtime_stop(runtime, 60000), DOR_OK);
    cr_assert_eq(atomic_load(&received), many);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

Test(runtime_links, a_stop_drains_who_links_to_one_that_it_has_ended)
{
    unsigned many = 20;
    atomic_uint received = 0;
    dor_runtime *runtime = runtime_of(2);
    dor_pid b = spawn_on(runtime, DOR_ON(1), slow_count, NULL, &received);
    dor_pid c = spawn_on(runtime, DOR_ON(0), slow_count, NULL, &received);
    send_number(b, LINK_TO_LATE, c); /* until the stop it waits */
    for (unsigned i = 0; i < many; i++)
        send_number(b, NUMBER, 0);
    cr_assert_eq(dor_runtime_stop(runtime, 60000), DOR_OK);
    cr_assert_eq(atomic_load(&received), many);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- native actors ---- */

typedef struct native {
    dor_actor actor;
    dor_timer timer;
    dor_scheduler *scheduler;
    dor_pid watcher;
    int asked; /* the reason it was asked with */
    atomic_int *log;
} native;

enum { STARTED = 1, ASKED = 2, DESTROYED = 4, TWICE = 8 };

static void native_receive(dor_actor *actor, dor_message *m)
{
    (void)actor;
    dor_message_free(m);
}

static void native_end(dor_timer *timer)
{
    native *n = DOR_CONTAINER_OF(timer, native, timer);
    dor__actor_end(&n->actor, n->asked);
}

static void native_exit(dor_actor *actor, int reason)
{
    native *n = DOR_CONTAINER_OF(actor, native, actor);
    atomic_fetch_or(n->log, atomic_load(n->log) & ASKED ? TWICE : ASKED);
    n->asked = reason;
    if (reason != 1) dor__timer_start(n->scheduler, &n->timer, 20, native_end); /* 1: it takes for ever */
}

static void native_destroy(dor_actor *actor)
{
    native *n = DOR_CONTAINER_OF(actor, native, actor);
    atomic_fetch_or(n->log, DESTROYED);
    dor__timer_stop(n->scheduler, &n->timer);
    free(n);
}

static const dor_actor_ops native_ops = {
    .receive = native_receive, .exit = native_exit, .destroy = native_destroy};

typedef struct native_start {
    dor_pid watcher;
    atomic_int *log;
    _Atomic dor_pid pid;
} native_start;

static void start_native(dor_scheduler *s, void *arg)
{
    native_start *start = arg;
    native *n = calloc(1, sizeof *n);
    n->scheduler = s;
    n->log = start->log;
    cr_assert(dor__ok(dor__actor_init(&n->actor, s, &native_ops)));
    cr_assert(dor__ok(dor__actor_link(&n->actor, start->watcher)));
    atomic_fetch_or(n->log, STARTED);
    atomic_store(&start->pid, n->actor.pid);
}

static dor_pid native_on(dor_runtime *runtime, dor_pid watcher, atomic_int *log)
{
    native_start start = {.watcher = watcher, .log = log};
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), start_native, &start)));
    WAIT_FOR(atomic_load(&start.pid));
    return atomic_load(&start.pid);
}

Test(runtime_links, native_actors_are_asked)
{
    atomic_uint seen = 0;
    dor_pid watcher;
    dor_runtime *runtime = runtime_of(2);
    dor_actor_spec spec = {
        .receive = remember_reason, .state = &seen, .scheduler = DOR_ON(1), .trap_exit = 1};
    cr_assert_eq(dor_spawn(runtime, &spec, &watcher), DOR_OK);

    atomic_int log = 0;
    dor_pid pid = native_on(runtime, watcher, &log);
    dor_exit(pid, DOR_OK); /* of no effect */
    dor_exit(pid, DOR_E_SHUTDOWN);
    dor_exit(pid, DOR_E_CLOSED); /* while it is ending already: nothing happens */
    WAIT_FOR(atomic_load(&log) == (STARTED | ASKED | DESTROYED));
    WAIT_FOR(atomic_load(&seen) == 1);
    cr_assert_eq(told_reason, DOR_E_SHUTDOWN);

    atomic_store(&log, 0);
    pid = native_on(runtime, watcher, &log); /* takes for ever, until it is killed */
    dor_exit(pid, 1);
    WAIT_FOR(atomic_load(&log) & ASKED);
    cr_assert(dor_is_alive(pid));
    dor_exit(pid, DOR_KILL);
    WAIT_FOR(atomic_load(&log) == (STARTED | ASKED | DESTROYED));
    WAIT_FOR(atomic_load(&seen) == 2);
    cr_assert_eq(told_reason, DOR_E_KILLED);

    atomic_store(&log, 0);
    pid = native_on(runtime, watcher, &log); /* over its link */
    dor_exit(watcher, DOR_KILL);
    WAIT_FOR(atomic_load(&log) == (STARTED | ASKED | DESTROYED));
    stop_runtime(runtime);
}

/* ---- both sides change their mind ---- */

enum { ACTORS = 48, SCHEDULERS = 3, THREADS = 3 };

static struct {
    dor_runtime *runtime;
    unsigned actors;
    bool simulated;
    _Atomic dor_pid present[ACTORS];
    atomic_uint notices, unheard, twice, checked;
} stress;

enum { KNOWN_MAX = 512 };

typedef struct known {
    unsigned count;
    dor_pid pid[KNOWN_MAX];
} known;

typedef struct life {
    known linked; /* whom it has linked to, and not heard of since */
    known ended;  /* whose end it has heard of, and not linked to since */
} life;

static bool know(known *k, dor_pid pid)
{
    for (unsigned i = 0; i < k->count; i++)
        if (k->pid[i] == pid) return false;
    if (k->count < KNOWN_MAX) k->pid[k->count++] = pid;
    return true;
}

static void forget(known *k, dor_pid pid)
{
    for (unsigned i = 0; i < k->count; i++)
        if (k->pid[i] == pid) k->pid[i--] = k->pid[--k->count];
}

/* Pairs that unlink sometimes; the others are told of each other's end without fail. */
static bool faithful(dor_pid a, dor_pid b)
{
    return ((a ^ b) >> DOR_NAME_GENERATION_BITS & 3) != 0;
}

static dor_pid random_partner(uint32_t random)
{
    return atomic_load(&stress.present[random % stress.actors]);
}

enum { ORDER = 99, BY_ITSELF = 97 };

static void hear(life *l, const dor_exit_notice *notice)
{
    atomic_fetch_add(&stress.notices, 1);
    if (notice->reason == ORDER) {
        dor_exit_self(BY_ITSELF);
    } else if (notice->reason != DOR_OK) { /* DOR_OK is somebody's dor_exit, and no end */
        forget(&l->linked, notice->pid);
        if (!know(&l->ended, notice->pid)) atomic_fetch_add(&stress.twice, 1);
    }
}

static void change_links(life *l, uint32_t random)
{
    dor_pid partner = random_partner(random >> 8);
    switch (random % 8) {
    case 4:
    case 5:
        if (faithful(partner, dor_self())) break;
        cr_assert_eq(dor_unlink(partner), DOR_OK);
        forget(&l->linked, partner);
        break;
    case 6:
        if (partner == dor_self()) break; /* DOR_OK would end it, and be taken for a signal of the living */
        cr_assert_eq(dor_exit(partner, random >> 16 & 1 ? ORDER : DOR_OK), DOR_OK);
        break;
    case 7:
        if (random >> 16 & 1) dor_exit_self(BY_ITSELF);
        break;
    default:
        if (l->linked.count == KNOWN_MAX || partner == dor_self()) break;
        cr_assert_eq(dor_link(partner), DOR_OK);
        (void)know(&l->linked, partner);
        forget(&l->ended, partner);
        break;
    }
}

/* Of those it has linked to and that have ended, it must have heard. */
static void check_all_heard(const life *l)
{
    for (unsigned i = 0; i < l->linked.count; i++)
        if (faithful(l->linked.pid[i], dor_self()) && !dor_is_alive(l->linked.pid[i]))
            atomic_fetch_add(&stress.unheard, 1);
    atomic_fetch_add(&stress.checked, 1);
}

static void operate(void *state, dor_message *m)
{
    dor_exit_notice notice;
    if (m->type == DOR_MSG_EXIT) {
        memcpy(&notice, dor_message_payload(m), sizeof notice);
        hear(state, &notice);
    } else if (m->type == OPERATE) {
        change_links(state, (uint32_t)number_in(m));
    } else {
        check_all_heard(state);
    }
    dor_message_free(m);
}

static void end_life(void *state, int reason)
{
    (void)reason;
    free(state);
}

static void be_born(unsigned index, int scheduler, int trap)
{
    dor_pid pid;
    dor_actor_spec spec = {.receive = operate,
                           .stop = end_life,
                           .state = calloc(1, sizeof(life)),
                           .scheduler = DOR_ON(scheduler),
                           .trap_exit = trap};
    if (index % 3 == 1) spec.mailbox.messages = 100000; /* signals take another way to an actor with limits */
    cr_assert_eq(dor_spawn(stress.runtime, &spec, &pid), DOR_OK);
    atomic_store(&stress.present[index], pid);
}

static void command_them(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg * 7919 + 1;
    for (unsigned i = 0; i < scaled(60000); i++) {
        unsigned index = next_random(&random) % ACTORS;
        dor_pid pid = atomic_load(&stress.present[index]);
        if (!dor_is_alive(pid) && index % THREADS == (uintptr_t)arg)
            be_born(index, (int)(random % SCHEDULERS), 1);
        send_number(pid, OPERATE, next_random(&random));
        if (i % 64 == 0) sched_yield();
    }
}

typedef struct pairs {
    dor_pid (*pair)[2];
    unsigned count;
    atomic_bool done;
} pairs;

/* All halves of a scheduler; in the order of the actors' slots. */
static void collect(dor_scheduler *s, void *arg)
{
    pairs *p = arg;
    unsigned in_table = 0;
    uint32_t used = dor__slab_used(&s->actors);
    for (uint32_t slot = 0; slot < used; slot++) {
        dor_actor_slot *at = dor__slab_at(&s->actors, slot);
        if ((atomic_load(&at->item.tag) & 3) != DOR_SLAB_LIVE) continue;
        for (dor_message *half = at->actor->links; half; half = half->next_) {
            cr_assert_eq(dor__half_of(half)->self, at->actor->pid);
            cr_assert_eq(dor__link_table_find(&s->links, at->actor->pid, half->to_), half);
            cr_assert(p->count < ACTORS * ACTORS);
            p->pair[p->count][0] = at->actor->pid;
            p->pair[p->count++][1] = half->to_;
            in_table++;
        }
    }
    /* What those that have ended have yet to tell is in the table, too. */
    if (!s->ends_first && !s->run_first) cr_assert_eq(s->links.count, in_table);
    atomic_store(&p->done, true);
}

static bool links_are_symmetric(unsigned *count)
{
    pairs p = {.pair = malloc(sizeof(dor_pid[2]) * ACTORS * ACTORS)};
    bool symmetric = true;
    for (unsigned i = 0; i < SCHEDULERS; i++) {
        dor_scheduler *s = dor__runtime_scheduler(stress.runtime, i);
        if (stress.simulated) {
            collect(s, &p);
            continue;
        }
        atomic_store(&p.done, false);
        cr_assert(dor__ok(dor__scheduler_call(s, collect, &p)));
        WAIT_FOR(atomic_load(&p.done));
    }
    for (unsigned i = 0; i < p.count && symmetric; i++) {
        bool found = false;
        for (unsigned j = 0; j < p.count && !found; j++)
            found = p.pair[i][0] == p.pair[j][1] && p.pair[i][1] == p.pair[j][0];
        symmetric = found;
    }
    *count = p.count;
    free(p.pair);
    return symmetric;
}

static bool all_have_heard(void)
{
    unsigned alive = 0;
    atomic_store(&stress.unheard, 0);
    atomic_store(&stress.checked, 0);
    for (unsigned i = 0; i < stress.actors; i++)
        alive += send_number(atomic_load(&stress.present[i]), DONE, 0) == DOR_OK;
    if (stress.simulated) cr_assert_eq(dor_simulation_run(stress.runtime, 1000000, NULL), DOR_OK);
    WAIT_FOR(atomic_load(&stress.checked) == alive);
    return atomic_load(&stress.unheard) == 0;
}

Test(runtime_links, both_sides_link_and_unlink_at_once)
{
    uv_thread_t threads_[THREADS];
    unsigned count = 0;
    stress.runtime = runtime_of(SCHEDULERS);
    stress.actors = ACTORS;
    for (unsigned i = 0; i < ACTORS; i++)
        be_born(i, (int)(i % SCHEDULERS), 1);
    for (uintptr_t i = 0; i < THREADS; i++)
        uv_thread_create(&threads_[i], command_them, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&threads_[i]);
    WAIT_FOR(links_are_symmetric(&count)); /* some messages may be under way yet */
    WAIT_FOR(all_have_heard());
    cr_assert_gt(atomic_load(&stress.notices), 0);
    cr_assert_eq(atomic_load(&stress.twice), 0);
    cr_assert_eq(dor_runtime_stop(stress.runtime, 20000), DOR_OK);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* The same, few and close together, in as many orders as there are seeds. */
static void link_by_seed(uint64_t seed)
{
    unsigned count;
    uint32_t random = (uint32_t)(seed * 2654435761u) | 1;
    dor_simulation_options options = {.schedulers = SCHEDULERS, .seed = seed};
    cr_assert_eq(dor_simulation_new(&stress.runtime, &options), DOR_OK);
    stress.simulated = true;
    stress.actors = 2 + (unsigned)(seed % 4);
    for (unsigned i = 0; i < stress.actors; i++)
        be_born(i, (int)(i % SCHEDULERS), 1);
    for (unsigned i = 0; i < 100; i++) {
        unsigned index = next_random(&random) % stress.actors;
        dor_pid pid = atomic_load(&stress.present[index]);
        if (!dor_is_alive(pid)) be_born(index, (int)(random >> 8 & 0xffff) % SCHEDULERS, random % 4 != 0);
        send_number(atomic_load(&stress.present[index]), OPERATE, next_random(&random));
        if (random % 3 == 0) (void)dor_simulation_run(stress.runtime, random >> 8 & 7, NULL);
    }
    cr_assert_eq(dor_simulation_run(stress.runtime, 1000000, NULL), DOR_OK);
    cr_assert(links_are_symmetric(&count), "seed %lu", (unsigned long)seed);
    cr_assert(all_have_heard(), "seed %lu", (unsigned long)seed);
    cr_assert_eq(atomic_load(&stress.twice), 0, "seed %lu", (unsigned long)seed);
    cr_assert_eq(dor_runtime_stop(stress.runtime, 1000), DOR_OK);
    cr_assert_eq(atomic_load(&live_blocks), 0, "seed %lu", (unsigned long)seed);
}

Test(runtime_links, every_seed_ends_symmetric)
{
    unsigned seeds = getenv("SEEDS") ? (unsigned)atoi(getenv("SEEDS")) : scaled(2000);
    for (uint64_t seed = 0; seed < seeds; seed++)
        link_by_seed(seed);
    cr_assert_gt(atomic_load(&stress.notices), 0);
}
