/* Exit signals: what ends whom, with which reason, and what overtakes what. */
#include "runtime_support.h"

#include <dormouse/simulate.h>

#include "runtime/private.h"

TestSuite(runtime_exit, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, COMMAND, RESULT, NOTICE, ENDED, HOLD };

/* What a puppet is told to do. */
typedef struct command {
    int (*run)(dor_pid pid, int argument);
    dor_pid pid;
    int argument;
} command;

/* What it tells. */
typedef struct report {
    uint64_t about; /* the puppet's number */
    dor_pid pid;
    int reason;
} report;

typedef struct puppet {
    dor_pid tell;
    uint64_t number;
    atomic_uint received;
} puppet;

static void tell(dor_pid to, uint32_t type, report r)
{
    dor_message *m = dor_message_new(type, sizeof r, NULL);
    cr_assert_not_null(m);
    memcpy(dor_message_payload(m), &r, sizeof r);
    dor_send(to, m);
}

static atomic_bool held, release;

static void puppet_receive(void *state, dor_message *m)
{
    puppet *p = state;
    command c;
    dor_exit_notice notice;
    atomic_fetch_add(&p->received, 1);
    switch (m->type) {
    case COMMAND:
        memcpy(&c, dor_message_payload(m), sizeof c);
        tell(p->tell, RESULT, (report){p->number, c.pid, c.run(c.pid, c.argument)});
        break;
    case DOR_MSG_EXIT:
        memcpy(&notice, dor_message_payload(m), sizeof notice);
        tell(p->tell, NOTICE, (report){p->number, notice.pid, notice.reason});
        break;
    case NUMBER: tell(p->tell, NUMBER, (report){p->number, 0, (int)number_in(m)}); break;
    case HOLD:
        atomic_store(&held, true);
        while (!atomic_load(&release))
            sched_yield();
        break;
    default: break;
    }
    dor_message_free(m);
}

static void puppet_stop(void *state, int reason)
{
    puppet *p = state;
    tell(p->tell, ENDED, (report){p->number, 0, reason});
}

static dor_pid puppet_on(dor_runtime *runtime, int scheduler, puppet *p, uint64_t number, int trap)
{
    dor_pid pid = DOR_PID_NONE;
    *p = (puppet){.tell = dor_self(), .number = number};
    dor_actor_spec spec = {.receive = puppet_receive,
                           .stop = puppet_stop,
                           .state = p,
                           .scheduler = scheduler,
                           .trap_exit = trap};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    return pid;
}

static void order(dor_pid who, int (*run)(dor_pid, int), dor_pid pid, int argument)
{
    command c = {run, pid, argument};
    dor_message *m = dor_message_new(COMMAND, sizeof c, NULL);
    memcpy(dor_message_payload(m), &c, sizeof c);
    cr_assert_eq(dor_send(who, m), DOR_OK);
}

typedef struct expected {
    uint32_t type;
    report r;
} expected;

/* These, in any order: they come from different actors. */
static void expect_all(const expected *all, unsigned count)
{
    bool seen[8] = {false};
    cr_assert_leq(count, 8);
    for (unsigned i = 0; i < count; i++) {
        dor_message *m = NULL;
        report r;
        unsigned j = 0;
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        memcpy(&r, dor_message_payload(m), sizeof r);
        while (j < count && (seen[j] || all[j].type != m->type || all[j].r.about != r.about ||
                             all[j].r.pid != r.pid || all[j].r.reason != r.reason))
            j++;
        cr_assert(j < count, "not expected: type %x about %lu of %lx, %d", m->type, (unsigned long)r.about,
                  (unsigned long)r.pid, r.reason);
        seen[j] = true;
        dor_message_free(m);
    }
}

static void expect(uint32_t type, uint64_t about, dor_pid pid, int reason)
{
    expect_all(&(expected){type, {about, pid, reason}}, 1);
}

static void expect_two(expected a, expected b)
{
    expect_all((const expected[]){a, b}, 2);
}

/* Orders it and waits until it is done. */
static void make(dor_pid who, uint64_t number, int (*run)(dor_pid, int), dor_pid pid, int argument,
                 int result)
{
    order(who, run, pid, argument);
    expect(RESULT, number, pid, result);
}

static int do_exit(dor_pid pid, int reason)
{
    return dor_exit(pid, reason);
}

static int do_exit_self(dor_pid pid, int reason)
{
    (void)pid;
    return dor_exit_self(reason);
}

static int do_trap(dor_pid pid, int trap)
{
    (void)pid;
    return dor_trap_exit(trap);
}

static int do_link(dor_pid pid, int argument)
{
    (void)argument;
    return dor_link(pid);
}

static int do_unlink(dor_pid pid, int argument)
{
    (void)argument;
    return dor_unlink(pid);
}

static dor_runtime *begin(unsigned schedulers)
{
    dor_runtime *runtime = runtime_of(schedulers);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    return runtime;
}

static void nothing_more(void)
{
    dor_message *m;
    cr_assert_eq(dor_receive(&m, 20), DOR_E_TIMEOUT);
}

/* ---- signals ---- */

Test(runtime_exit, what_a_signal_does)
{
    puppet p[3];
    dor_runtime *runtime = begin(2);
    for (int on = 0; on < 2; on++) {
        dor_pid plain = puppet_on(runtime, DOR_ON(on), &p[0], 0, 0),
                trapping = puppet_on(runtime, DOR_ON(on), &p[1], 1, 1);
        dor_pid sender = puppet_on(runtime, DOR_ON(0), &p[2], 2, 0);
        make(sender, 2, do_exit, plain, DOR_OK, DOR_OK); /* of no effect */
        order(sender, do_exit, trapping, DOR_OK);
        expect_two((expected){RESULT, {2, trapping, DOR_OK}}, (expected){NOTICE, {1, sender, DOR_OK}});
        cr_assert(dor_is_alive(plain) && dor_is_alive(trapping));
        order(sender, do_exit, trapping, 42); /* an application's own reason */
        expect_two((expected){RESULT, {2, trapping, DOR_OK}}, (expected){NOTICE, {1, sender, 42}});
        cr_assert_eq(dor_exit(plain, DOR_E_CLOSED), DOR_OK);
        expect(ENDED, 0, 0, DOR_E_CLOSED);
        cr_assert_not(dor_is_alive(plain));
        cr_assert_eq(dor_exit(plain, DOR_E_CLOSED), DOR_OK); /* harmless */
        cr_assert_eq(dor_exit(trapping, DOR_E_CLOSED), DOR_OK);
        expect(NOTICE, 1, dor_self(), DOR_E_CLOSED);
        cr_assert_eq(dor_exit(trapping, DOR_KILL), DOR_OK);
        expect(ENDED, 1, 0, DOR_E_KILLED);
        cr_assert_eq(dor_exit(sender, DOR_KILL), DOR_OK);
        expect(ENDED, 2, 0, DOR_E_KILLED);
    }
    cr_assert_eq(dor_exit(DOR_PID_NONE, DOR_E_CLOSED), DOR_OK);
    cr_assert_eq(dor_exit(dor_make_ref(), DOR_KILL), DOR_OK);
    nothing_more();
    stop_runtime(runtime);
}

Test(runtime_exit, who_traps_and_from_when_on)
{
    puppet p;
    dor_runtime *runtime = begin(1);
    dor_pid pid = puppet_on(runtime, DOR_ON(0), &p, 0, 0);
    make(pid, 0, do_trap, 0, 1, DOR_OK);
    make(pid, 0, do_trap, 0, 1, DOR_OK);
    cr_assert_eq(dor_exit(pid, DOR_E_SHUTDOWN), DOR_OK);
    expect(NOTICE, 0, dor_self(), DOR_E_SHUTDOWN);
    make(pid, 0, do_trap, 0, 0, DOR_OK);
    cr_assert_eq(dor_exit(pid, DOR_E_SHUTDOWN), DOR_OK);
    expect(ENDED, 0, 0, DOR_E_SHUTDOWN);
    stop_runtime(runtime);
}

static void exit_from_nowhere(void *arg)
{
    cr_assert_eq(dor_exit(*(dor_pid *)arg, DOR_E_CLOSED), DOR_OK);
    cr_assert_eq(dor_exit_self(DOR_OK), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_trap_exit(1), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_link(*(dor_pid *)arg), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_unlink(*(dor_pid *)arg), DOR_E_NO_PROCESS);
    dor_actor_spec spec = {.receive = puppet_receive};
    cr_assert_eq(dor_spawn_link(NULL, &spec, NULL), DOR_E_NO_PROCESS);
    cr_assert_eq(dor_spawn_monitor(NULL, &spec, NULL, NULL), DOR_E_NO_PROCESS);
}

Test(runtime_exit, from_a_thread_that_is_nobody)
{
    puppet p;
    uv_thread_t thread;
    dor_runtime *runtime = begin(1);
    dor_pid pid = puppet_on(runtime, DOR_ON(0), &p, 0, 1);
    uv_thread_create(&thread, exit_from_nowhere, &pid);
    expect(NOTICE, 0, DOR_PID_NONE, DOR_E_CLOSED);
    uv_thread_join(&thread);
    stop_runtime(runtime);
}

/* ---- order ---- */

/* The puppet is in a callback; what is sent to it waits. */
static void hold(dor_pid pid)
{
    atomic_store(&held, false);
    atomic_store(&release, false);
    send_number(pid, HOLD, 0);
    WAIT_FOR(atomic_load(&held));
}

Test(runtime_exit, signals_overtake_messages)
{
    puppet p;
    dor_runtime *runtime = begin(2);
    dor_pid pid = puppet_on(runtime, DOR_ON(1), &p, 0, 1);
    hold(pid);
    for (unsigned i = 0; i < 3; i++)
        send_number(pid, NUMBER, i);
    for (int i = 1; i <= 3; i++)
        dor_exit(pid, i);
    send_number(pid, NUMBER, 3);
    atomic_store(&release, true);
    for (int i = 1; i <= 3; i++)
        expect(NOTICE, 0, dor_self(), i); /* among themselves they keep their order */
    for (int i = 0; i <= 3; i++)
        expect(NUMBER, 0, 0, i);
    hold(pid);
    for (unsigned i = 0; i < 300; i++)
        send_number(pid, NUMBER, i);
    dor_exit(pid, DOR_E_CLOSED); /* waits before them, and is itself overtaken */
    dor_exit(pid, DOR_KILL);
    atomic_store(&release, true);
    expect(ENDED, 0, 0, DOR_E_KILLED);
    nothing_more();
    stop_runtime(runtime);
}

/* A message that was sent after the signal is never received. */
static void count_only(void *state, dor_message *m)
{
    atomic_fetch_add((atomic_uint *)state, 1);
    dor_message_free(m);
}

Test(runtime_exit, no_message_overtakes_a_signal)
{
    atomic_uint received = 0;
    dor_runtime *runtime = begin(2);
    for (unsigned i = 0; i < scaled(20000); i++) {
        dor_pid pid = spawn_on(runtime, DOR_ON(i % 2), count_only, NULL, &received);
        cr_assert_eq(dor_exit(pid, DOR_E_CLOSED), DOR_OK);
        send_number(pid, NUMBER, 0);
    }
    cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
    cr_assert_eq(atomic_load(&received), 0);
    cr_assert_eq(atomic_load(&live_blocks), 0);
}

/* ---- one's own end ---- */

Test(runtime_exit, one_who_ends_itself_receives_nothing_more)
{
    static int (*const ways[])(dor_pid, int) = {do_exit_self, do_exit};
    static const int reasons[] = {DOR_OK, DOR_E_CLOSED, 7, DOR_KILL};
    puppet p;
    dor_runtime *runtime = begin(1);
    for (unsigned i = 0; i < 8; i++) {
        int reason = reasons[i / 2];
        dor_pid pid = puppet_on(runtime, DOR_ON(0), &p, i, 0);
        dor_ref ref;
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        hold(pid);
        order(pid, ways[i % 2], pid, reason);
        order(pid, do_exit, pid, DOR_E_TIMEOUT); /* never received */
        for (unsigned j = 0; j < 10; j++)
            send_number(pid, NUMBER, j);
        atomic_store(&release, true);
        expect(RESULT, i, pid, DOR_OK); /* sent after the call, from a state that is there still */
        dor_down down;
        int ended = 0;
        for (unsigned j = 0; j < 2; j++) { /* DOWN and the stop function's message, in either order */
            dor_message *m;
            cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
            if (m->type == DOR_MSG_DOWN)
                memcpy(&down, dor_message_payload(m), sizeof down);
            else
                ended = ((report *)dor_message_payload(m))->reason;
            dor_message_free(m);
        }
        int told = reason == DOR_KILL ? DOR_E_KILLED : reason;
        cr_assert_eq(down.reason, told);
        cr_assert_eq(ended, told);
        cr_assert_eq(atomic_load(&p.received), 2);
    }
    nothing_more();
    stop_runtime(runtime);
}

Test(runtime_exit, a_signal_to_oneself_can_be_trapped)
{
    puppet p;
    dor_runtime *runtime = begin(1);
    dor_pid pid = puppet_on(runtime, DOR_ON(0), &p, 0, 1);
    hold(pid);
    order(pid, do_exit, pid, DOR_OK);
    send_number(pid, NUMBER, 1);
    atomic_store(&release, true);
    expect(RESULT, 0, pid, DOR_OK);
    expect(NOTICE, 0, pid, DOR_OK); /* before what waited */
    expect(NUMBER, 0, 0, 1);
    make(pid, 0, do_exit_self, pid, DOR_E_TIMEOUT, DOR_OK); /* not a signal: nothing to trap */
    expect(ENDED, 0, 0, DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

/* The stop function is called for a dead actor: what only the living can do says so, and nothing else happens. */
static void stop_with_calls(void *state, int reason)
{
    dor_pid tell = *(dor_pid *)state;
    (void)reason;
    dor_actor_spec spec = {.receive = puppet_receive};
    cr_assert_eq(dor_exit(dor_self(), DOR_KILL), DOR_OK);
    cr_assert_eq(dor_exit_self(1), DOR_E_NOPROC);
    cr_assert_eq(dor_trap_exit(1), DOR_E_NOPROC);
    cr_assert_eq(dor_link(tell), DOR_E_NOPROC);
    cr_assert_eq(dor_unlink(tell), DOR_E_NOPROC);
    cr_assert_eq(dor_spawn_link(NULL, &spec, NULL), DOR_E_NOPROC);
    cr_assert_eq(dor_spawn_monitor(NULL, &spec, NULL, NULL), DOR_E_NOPROC);
    send_number(tell, NUMBER, 1);
}

Test(runtime_exit, calls_of_the_dead)
{
    dor_runtime *runtime = begin(1);
    dor_pid self = dor_self();
    dor_pid pid = spawn_on(runtime, DOR_ON(0), puppet_receive, stop_with_calls, &self);
    dor_exit(pid, DOR_E_CLOSED);
    cr_assert_eq(receive_number(NUMBER), 1);
    stop_runtime(runtime);
}

/* ---- links ---- */

/* Who of 0 and 1 links, who ends. */
static void linked_end(dor_runtime *runtime, int second_on, unsigned linker, unsigned ender)
{
    puppet p[2];
    dor_pid pid[2] = {puppet_on(runtime, DOR_ON(0), &p[0], 0, 0),
                      puppet_on(runtime, DOR_ON(second_on), &p[1], 1, 1)};
    for (unsigned i = 0; i < 2; i++) /* again does nothing */
        make(pid[linker], linker, do_link, pid[!linker], 0, DOR_OK);
    make(pid[!linker], !linker, do_link, pid[linker], 0, DOR_OK);
    make(pid[linker], linker, do_link, pid[linker], 0, DOR_OK); /* nor does one's own pid */
    if (ender == 0) {
        make(pid[0], 0, do_exit_self, 0, DOR_E_CLOSED, DOR_OK);
        expect_two((expected){ENDED, {0, 0, DOR_E_CLOSED}}, (expected){NOTICE, {1, pid[0], DOR_E_CLOSED}});
        make(pid[1], 1, do_link, pid[0], 0, DOR_OK); /* to the dead */
        expect(NOTICE, 1, pid[0], DOR_E_NOPROC);
        make(pid[1], 1, do_unlink, pid[0], 0, DOR_OK);
        dor_exit(pid[1], DOR_KILL);
        expect(ENDED, 1, 0, DOR_E_KILLED);
    } else {
        dor_exit(pid[1], DOR_KILL); /* the one that is killed, and the one that hears of it */
        expect_two((expected){ENDED, {0, 0, DOR_E_KILLED}}, (expected){ENDED, {1, 0, DOR_E_KILLED}});
    }
    nothing_more();
}

Test(runtime_exit, links_tell_of_ends)
{
    dor_runtime *runtime = begin(2);
    for (unsigned i = 0; i < 8; i++)
        linked_end(runtime, (int)(i & 1), i >> 1 & 1, i >> 2 & 1);
    stop_runtime(runtime);
}

Test(runtime_exit, a_normal_end_ends_nobody_else)
{
    puppet p[3];
    dor_runtime *runtime = begin(2);
    for (int on = 0; on < 2; on++) {
        dor_pid a = puppet_on(runtime, DOR_ON(0), &p[0], 0, 0),
                b = puppet_on(runtime, DOR_ON(on), &p[1], 1, 0);
        dor_pid c = puppet_on(runtime, DOR_ON(on), &p[2], 2, 1);
        /* The latest link is told first: when c's notice has come, b has lost its half. */
        make(a, 0, do_link, c, 0, DOR_OK);
        make(a, 0, do_link, b, 0, DOR_OK);
        cr_assert_eq(dor_stop(a, DOR_OK), DOR_OK);
        expect_two((expected){ENDED, {0, 0, DOR_OK}}, (expected){NOTICE, {2, a, DOR_OK}});
        make(b, 1, do_link, a, 0, DOR_OK); /* the dead one's half is no more: NOPROC, which ends b */
        expect(ENDED, 1, 0, DOR_E_NOPROC);
        dor_exit(c, DOR_KILL);
        expect(ENDED, 2, 0, DOR_E_KILLED);
    }
    stop_runtime(runtime);
}

Test(runtime_exit, no_signal_after_unlink)
{
    puppet p[2];
    dor_runtime *runtime = begin(2);
    for (int i = 0; i < 4; i++) {
        dor_pid a = puppet_on(runtime, DOR_ON(0), &p[0], 0, 1),
                b = puppet_on(runtime, DOR_ON(i & 1), &p[1], 1, 0);
        make(a, 0, do_link, b, 0, DOR_OK);
        bool by_other = i & 2;
        make(by_other ? b : a, by_other, do_unlink, by_other ? a : b, 0, DOR_OK);
        make(a, 0, do_unlink, b, 0, DOR_OK); /* harmless */
        dor_exit(b, DOR_E_CLOSED);
        expect(ENDED, 1, 0, DOR_E_CLOSED);
        dor_exit(a, DOR_KILL);
        expect(ENDED, 0, 0, DOR_E_KILLED);
        nothing_more();
    }
    stop_runtime(runtime);
}

static dor_pid other; /* for a callback */

/* Two notices wait: the first one's receiver unlinks the second one's sender. */
static void unlink_other(void *state, dor_message *m)
{
    atomic_uint *notices = state;
    if (m->type == COMMAND) {
        cr_assert_eq(dor_link(number_in(m)), DOR_OK);
    } else if (m->type == HOLD) {
        atomic_store(&held, true);
        while (!atomic_load(&release))
            sched_yield();
    } else if (m->type == DOR_MSG_EXIT) {
        atomic_fetch_add(notices, 1);
        cr_assert_eq(dor_unlink(other), DOR_OK);
    }
    dor_message_free(m);
}

Test(runtime_exit, unlink_takes_back_a_notice_that_waits)
{
    atomic_uint notices = 0;
    puppet p[2];
    dor_pid pid;
    dor_runtime *runtime = begin(2);
    dor_actor_spec spec = {.receive = unlink_other, .state = &notices, .trap_exit = 1};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    dor_pid a = puppet_on(runtime, DOR_ON(1), &p[0], 0, 0);
    other = puppet_on(runtime, DOR_ON(1), &p[1], 1, 0);
    send_number(pid, COMMAND, a);
    send_number(pid, COMMAND, other);
    hold(pid);
    dor_exit(a, 1);
    expect(ENDED, 0, 0, 1);
    dor_exit(other, 2);
    expect(ENDED, 1, 0, 2);
    atomic_store(&release, true);
    dor_ref ref;
    cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
    cr_assert_eq(dor_stop(pid, DOR_OK), DOR_OK);
    cr_assert_eq(receive_down().reason, DOR_OK);
    cr_assert_eq(atomic_load(&notices), 1);
    stop_runtime(runtime);
}

/* ---- spawn and link ---- */

static puppet child_of_puppet;
static dor_pid child;

static int do_spawn_link(dor_pid runtime, int scheduler)
{
    dor_actor_spec spec = {.receive = puppet_receive,
                           .stop = puppet_stop,
                           .state = &child_of_puppet,
                           .scheduler = DOR_ON(scheduler)};
    return dor_spawn_link((dor_runtime *)(uintptr_t)runtime, &spec, &child);
}

Test(runtime_exit, spawn_link)
{
    puppet p;
    dor_runtime *runtime = begin(2);
    for (int i = 0; i < 4; i++) {
        child_of_puppet = (puppet){.tell = dor_self(), .number = 9};
        dor_pid parent = puppet_on(runtime, DOR_ON(0), &p, 0, i < 2);
        make(parent, 0, do_spawn_link, (uint64_t)(uintptr_t)runtime, i & 1, DOR_OK);
        if (i < 2) {
            dor_exit(child, 77);
            expect_two((expected){ENDED, {9, 0, 77}}, (expected){NOTICE, {0, child, 77}});
            dor_exit(parent, DOR_KILL);
            expect(ENDED, 0, 0, DOR_E_KILLED);
        } else {
            dor_exit(parent, 78);
            expect_two((expected){ENDED, {0, 0, 78}}, (expected){ENDED, {9, 0, 78}});
        }
    }
    dor_pid parent = puppet_on(runtime, DOR_ON(0), &p, 0, 0);
    make(parent, 0, do_spawn_link, (uint64_t)(uintptr_t)runtime, 2, DOR_E_BADARG);
    nothing_more();
    stop_runtime(runtime);
}

/* ---- what is tied to it from the start hears the true reason ---- */

/* A parent makes a child beside it and tells somebody elsewhere, who ends it at once: whatever the order of things. */
typedef struct story {
    dor_pid enemy;
    int heard; /* the reason */
} story;

static void child_receive(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

static void parent_receive(void *state, dor_message *m)
{
    story *s = state;
    dor_pid born;
    if (m->type == DOR_MSG_EXIT) {
        s->heard = ((dor_exit_notice *)dor_message_payload(m))->reason;
    } else {
        cr_assert_eq(dor_spawn_link(NULL, &(dor_actor_spec){.receive = child_receive}, &born), DOR_OK);
        send_number(s->enemy, NUMBER, born);
    }
    dor_message_free(m);
}

static void enemy_receive(void *state, dor_message *m)
{
    (void)state;
    dor_exit(number_in(m), 77);
    dor_message_free(m);
}

Test(runtime_exit, a_link_is_there_before_a_signal_from_elsewhere)
{
    for (uint64_t seed = 0; seed < scaled(2000); seed++) {
        story s = {0};
        dor_runtime *runtime;
        dor_pid parent;
        cr_assert_eq(dor_simulation_new(&runtime, &(dor_simulation_options){.schedulers = 2, .seed = seed}),
                     DOR_OK);
        s.enemy = spawn_on(runtime, DOR_ON(1), enemy_receive, NULL, NULL);
        dor_actor_spec spec = {
            .receive = parent_receive, .state = &s, .scheduler = DOR_ON(0), .trap_exit = 1};
        cr_assert_eq(dor_spawn(runtime, &spec, &parent), DOR_OK);
        send_number(parent, NUMBER, 0);
        cr_assert_eq(dor_simulation_run(runtime, 10000, NULL), DOR_OK);
        cr_assert_eq(s.heard, 77, "seed %lu: %d", (unsigned long)seed, s.heard);
        cr_assert_eq(dor_runtime_stop(runtime, 1000), DOR_OK);
    }
}

static void end_at_once(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
    dor_exit_self(5);
}

static const dor_actor_spec short_lived = {.receive = end_at_once, .scheduler = DOR_ON_ANY};

Test(runtime_exit, a_monitor_is_there_before_a_signal)
{
    dor_ref ref;
    dor_pid pid;
    dor_runtime *runtime = begin(2);
    for (unsigned i = 0; i < scaled(8000); i++) {
        if (i % 2) {
            cr_assert_eq(dor_spawn_monitor(runtime, &short_lived, &pid, &ref), DOR_OK);
        } else {
            cr_assert_eq(dor_spawn(runtime, &short_lived, &pid), DOR_OK);
            cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        }
        if (i & 2)
            send_number(pid, NUMBER, 0);
        else
            dor_exit(pid, 5);
        dor_down down = receive_down();
        cr_assert(down.pid == pid && down.ref == ref && down.reason == 5, "reason %d", down.reason);
    }
    stop_runtime(runtime);
}

/* An actor that spawns the short-lived, and counts what it hears of them. */
typedef struct spawner {
    dor_runtime *runtime;
    atomic_uint downs, exits, wrong;
    unsigned spawned;
} spawner;

static void spawn_more(void *state, dor_message *m)
{
    spawner *s = state;
    dor_pid pid = DOR_PID_NONE;
    int reason = 5;
    if (m->type == DOR_MSG_DOWN) {
        reason = ((dor_down *)dor_message_payload(m))->reason;
        atomic_fetch_add(&s->downs, 1);
    } else if (m->type == DOR_MSG_EXIT) {
        reason = ((dor_exit_notice *)dor_message_payload(m))->reason;
        atomic_fetch_add(&s->exits, 1);
    } else {
        dor_actor_spec spec = short_lived;
        spec.scheduler = DOR_ON(s->spawned / 2 % 2);
        if (s->spawned++ % 2)
            cr_assert_eq(dor_spawn_monitor(s->runtime, &spec, &pid, NULL), DOR_OK);
        else
            cr_assert_eq(dor_spawn_link(s->runtime, &spec, &pid), DOR_OK);
        if (s->spawned & 4)
            send_number(pid, NUMBER, 0);
        else
            dor_exit(pid, 5);
    }
    if (reason != 5) atomic_fetch_add(&s->wrong, 1);
    dor_message_free(m);
}

Test(runtime_exit, spawning_and_tying_is_one)
{
    unsigned many = scaled(8000);
    dor_pid pid;
    dor_runtime *runtime = begin(2);
    spawner s = {.runtime = runtime};
    dor_actor_spec spec = {.receive = spawn_more, .state = &s, .trap_exit = 1};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    for (unsigned i = 0; i < many; i++)
        send_number(pid, NUMBER, 0);
    WAIT_FOR(atomic_load(&s.downs) == many / 2 && atomic_load(&s.exits) == (many + 1) / 2);
    cr_assert_eq(atomic_load(&s.wrong), 0);
    spec.receive = NULL;
    cr_assert_eq(dor_spawn_monitor(runtime, &spec, NULL, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_spawn_link(runtime, &spec, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_spawn_link(runtime, NULL, NULL), DOR_E_BADARG);
    spec = (dor_actor_spec){.receive = spawn_more, .scheduler = DOR_ON(99)};
    cr_assert_eq(dor_spawn_monitor(runtime, &spec, NULL, NULL), DOR_E_BADARG);
    nothing_more(); /* its monitor is no more */
    stop_runtime(runtime);
}

/* ---- whatever it is at, nothing is left ---- */

static atomic_uint destroyed;

static void count_destroyed(dor_message *m)
{
    (void)m;
    atomic_fetch_add(&destroyed, 1);
}

static void send_counted(dor_pid to)
{
    dor_message *m = dor_message_new(NUMBER, 8, count_destroyed);
    cr_assert_not_null(m);
    dor_send(to, m);
}

Test(runtime_exit, messages_and_timers_of_the_killed)
{
    puppet p;
    dor_ref timers[8];
    dor_runtime *runtime = begin(2);
    for (unsigned i = 0; i < 12; i++) {
        dor_pid pid = puppet_on(runtime, DOR_ON(i & 1), &p, 0, (int)(i & 2));
        atomic_store(&destroyed, 0);
        hold(pid);
        for (unsigned j = 0; j < 300; j++) { /* more than a turn's share */
            send_counted(pid);
            if (j % 100 == 50 && i & 2) dor_exit(pid, DOR_E_CLOSED); /* notices among them */
        }
        for (unsigned j = 0; j < 8; j++)
            cr_assert_eq(dor_send_after(pid, dor_message_new(NUMBER, 8, count_destroyed), j % 2 ? 1 : 100000,
                                        &timers[j]),
                         DOR_OK);
        if (i < 4) {
            dor_exit(pid, DOR_KILL);
        } else if (i < 8) {
            order(pid, do_exit_self, pid, DOR_KILL); /* at the mailbox's end */
            dor_exit(pid, DOR_KILL);
        } else {
            uv_sleep(3);
            dor_exit(pid, DOR_KILL);
        }
        atomic_store(&release, true);
        expect(ENDED, 0, 0, DOR_E_KILLED);
        for (unsigned j = 0; j < 8; j += 2)
            cr_assert_eq(dor_cancel_timer(timers[j]), DOR_OK);
        WAIT_FOR(atomic_load(&destroyed) == 308);
    }
    nothing_more();
    stop_runtime(runtime);
}

/* ---- a flood ---- */

static struct {
    dor_pid target;
    atomic_bool enough;
    atomic_ulong sent, received, ticks, turns;
} flood;

/* Never stops, but for a backlog that keeps the scheduler at work for many turns. */
static void send_a_flood(void *arg)
{
    (void)arg;
    while (!atomic_load(&flood.enough)) {
        if (atomic_load(&flood.sent) - atomic_load(&flood.received) > scaled(100000)) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&flood.sent, 1);
        dor_exit(flood.target, 1);
    }
}

static void receive_flood(void *state, dor_message *m)
{
    if (m->type == NUMBER)
        send_number(*(dor_pid *)state, NUMBER, number_in(m));
    else
        atomic_fetch_add(&flood.received, 1);
    dor_message_free(m);
}

static void tick(void *state, dor_message *m)
{
    (void)state;
    atomic_fetch_add(&flood.ticks, 1);
    dor_send_after(dor_self(), m, 1, NULL);
}

static void take_turns(void *state, dor_message *m)
{
    (void)state;
    atomic_fetch_add(&flood.turns, 1);
    dor_send(dor_self(), m);
}

Test(runtime_exit, a_flood_of_signals_holds_nobody_up)
{
    uv_thread_t thread;
    dor_runtime *runtime = begin(1);
    dor_pid self = dor_self();
    dor_actor_spec spec = {.receive = receive_flood, .state = &self, .trap_exit = 1};
    cr_assert_eq(dor_spawn(runtime, &spec, &flood.target), DOR_OK);
    dor_pid neighbour = spawn_on(runtime, DOR_ON(0), receive_flood, NULL, &self);
    send_number(spawn_on(runtime, DOR_ON(0), tick, NULL, NULL), NUMBER, 0);
    send_number(spawn_on(runtime, DOR_ON(0), take_turns, NULL, NULL), NUMBER, 0);
    uv_thread_create(&thread, send_a_flood, NULL);
    WAIT_FOR(atomic_load(&flood.sent) > 1000);
    unsigned long ticks = atomic_load(&flood.ticks), turns = atomic_load(&flood.turns);
    WAIT_FOR(atomic_load(&flood.ticks) > ticks + 5); /* timers */
    WAIT_FOR(atomic_load(&flood.turns) > turns + 500);
    for (unsigned i = 0; i < 3;
         i++) { /* messages from outside, behind the signals that were sent before them */
        send_number(i % 2 ? flood.target : neighbour, NUMBER, i);
        cr_assert_eq(receive_number(NUMBER), i);
    }
    atomic_store(&flood.enough, true);
    uv_thread_join(&thread);
    stop_runtime(runtime);
}
