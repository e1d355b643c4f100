/* Monitors: in every direction, of the dead, taken back, and under load. */
#include "runtime_support.h"

#include "runtime/private.h"

TestSuite(runtime_monitor, .init = count_memory, .timeout = 60);

enum { NUMBER = DOR_MSG_USER, WATCH, UNWATCH, DONE };

/* An actor that monitors what it is told to and passes every DOWN on. */
typedef struct observer {
    dor_pid tell;
    dor_ref last;
} observer;

static void observe(void *state, dor_message *message)
{
    observer *o = state;
    dor_ref ref;
    switch (message->type) {
    case WATCH:
        cr_assert_eq(dor_monitor(number_in(message), &ref), DOR_OK);
        o->last = ref;
        send_number(o->tell, WATCH, ref);
        dor_message_free(message);
        break;
    case UNWATCH:
        send_number(o->tell, UNWATCH, (uint64_t)dor_demonitor(number_in(message)));
        dor_message_free(message);
        break;
    default: dor_send(o->tell, message); break; /* a DOWN goes on as it is */
    }
}

static void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

static void check_down(dor_pid pid, dor_ref ref, int reason)
{
    dor_down down = receive_down();
    cr_assert_eq(down.pid, pid);
    cr_assert_eq(down.ref, ref);
    cr_assert_eq(down.reason, reason, "reason %d", down.reason);
}

static void actor_watches_actor(int watcher_on, int watched_on)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    observer o = {.tell = dor_self()};
    dor_pid watcher = spawn_on(runtime, DOR_ON(watcher_on), observe, NULL, &o);
    dor_pid watched = spawn_on(runtime, DOR_ON(watched_on), ignore, NULL, NULL);
    dor_ref refs[3];
    for (unsigned i = 0; i < 3; i++) { /* as often as one likes */
        send_number(watcher, WATCH, watched);
        refs[i] = receive_number(WATCH);
    }
    cr_assert(refs[0] != refs[1] && refs[1] != refs[2] && refs[0] != refs[2]);
    send_number(watcher, UNWATCH, refs[1]);
    cr_assert_eq((int)receive_number(UNWATCH), DOR_OK);
    send_number(watcher, UNWATCH, refs[1]);
    cr_assert_eq((int)receive_number(UNWATCH), DOR_E_NOPROC);
    dor_stop(watched, DOR_E_CLOSED);
    dor_down first = receive_down(), second = receive_down();
    cr_assert_eq(first.ref + second.ref, refs[0] + refs[2]);
    cr_assert_eq(first.pid, watched);
    cr_assert_eq(second.reason, DOR_E_CLOSED);

    send_number(watcher, WATCH, watched); /* dead by now */
    dor_message *m[2];                    /* the answer and the DOWN, in either order */
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(dor_receive(&m[i], 10000), DOR_OK);
    dor_message *down = m[0]->type == DOR_MSG_DOWN ? m[0] : m[1], *ref = down == m[0] ? m[1] : m[0];
    cr_assert_eq(((dor_down *)dor_message_payload(down))->ref, number_in(ref));
    cr_assert_eq(((dor_down *)dor_message_payload(down))->reason, DOR_E_NOPROC);
    for (unsigned i = 0; i < 2; i++)
        dor_message_free(m[i]);
    cr_assert_eq(dor_receive(&m[0], 5), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

Test(runtime_monitor, actor_and_actor_on_one_scheduler)
{
    actor_watches_actor(0, 0);
}

Test(runtime_monitor, actor_and_actor_on_two_schedulers)
{
    actor_watches_actor(0, 1);
}

Test(runtime_monitor, process_watches_actor)
{
    dor_ref ref, other;
    dor_message *m;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid watched = spawn_on(runtime, DOR_ON(1), ignore, NULL, NULL);
    cr_assert_eq(dor_monitor(watched, &ref), DOR_OK);
    cr_assert_eq(dor_monitor(watched, &other), DOR_OK);
    cr_assert_eq(dor_demonitor(other), DOR_OK);
    cr_assert_eq(dor_demonitor(other), DOR_E_NOPROC);
    cr_assert_eq(dor_demonitor(dor_make_ref()), DOR_E_NOPROC);
    dor_stop(watched, DOR_OK);
    check_down(watched, ref, DOR_OK);
    cr_assert_eq(dor_monitor(watched, &ref), DOR_OK);
    check_down(watched, ref, DOR_E_NOPROC);
    cr_assert_eq(dor_monitor(DOR_PID_NONE, &ref), DOR_OK);
    check_down(DOR_PID_NONE, ref, DOR_E_NOPROC);
    cr_assert_eq(dor_receive(&m, 5), DOR_E_TIMEOUT);
    stop_runtime(runtime);
}

/* ---- processes that are watched ---- */

typedef struct subject {
    dor_runtime *runtime;
    dor_pid tell;
} subject;

static void be_watched(void *arg)
{
    subject *s = arg;
    cr_assert_eq(dor_process_attach(s->runtime, NULL), DOR_OK);
    send_number(s->tell, NUMBER, dor_self());
    receive_number(DONE);
}

Test(runtime_monitor, actor_and_process_watch_process)
{
    uv_thread_t thread;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    subject s = {.runtime = runtime, .tell = dor_self()};
    observer o = {.tell = dor_self()};
    dor_pid watcher = spawn_on(runtime, DOR_ON(1), observe, NULL, &o);
    uv_thread_create(&thread, be_watched, &s);
    dor_pid watched = receive_number(NUMBER);
    dor_ref mine, unwanted;
    cr_assert_eq(dor_monitor(watched, &mine), DOR_OK);
    cr_assert_eq(dor_monitor(watched, &unwanted), DOR_OK);
    cr_assert_eq(dor_demonitor(unwanted), DOR_OK);
    send_number(watcher, WATCH, watched);
    dor_ref its = receive_number(WATCH);
    send_number(watcher, WATCH, watched);
    dor_ref taken_back = receive_number(WATCH);
    send_number(watcher, UNWATCH, taken_back);
    cr_assert_eq((int)receive_number(UNWATCH), DOR_OK);
    send_number(watched, DONE, 0);
    dor_down first = receive_down(), second = receive_down();
    cr_assert((first.ref == mine && second.ref == its) || (first.ref == its && second.ref == mine));
    cr_assert_eq(first.reason, DOR_OK);
    cr_assert_eq(first.pid, watched);
    uv_thread_join(&thread);
    stop_runtime(runtime);
}

/* ---- demonitor is exact ---- */

typedef struct racer {
    dor_pid tell;
    dor_pid watched;
    dor_ref ref;
    unsigned late;
} racer;

static void race(void *state, dor_message *message)
{
    racer *r = state;
    dor_down down;
    switch (message->type) {
    case WATCH:
        r->watched = number_in(message);
        cr_assert_eq(dor_monitor(r->watched, &r->ref), DOR_OK);
        dor_stop(r->watched, DOR_OK);
        /* On another scheduler it ends meanwhile, and the DOWN is under way when the monitor is taken back. */
        if (!dor__pid_is_on(r->watched, dor__scheduler_current())) {
            while (dor__pid_alive(r->watched))
                sched_yield();
            if (dor_demonitor(r->ref) != DOR_OK) r->late++;
            r->ref = 0;
        }
        send_number(dor_self(), UNWATCH, 0);
        break;
    case UNWATCH: /* the DOWN may be under way, or in this very mailbox, or handled */
        if (r->ref && dor_demonitor(r->ref) != DOR_OK) r->late++;
        r->ref = 0;
        send_number(r->tell, DONE, 0);
        break;
    case DOR_MSG_DOWN:
        memcpy(&down, dor_message_payload(message), sizeof down);
        if (down.ref != r->ref) r->late += 1000;
        r->ref = 0;
        break;
    default: break;
    }
    dor_message_free(message);
}

Test(runtime_monitor, no_down_comes_after_demonitor)
{
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    racer r = {.tell = dor_self()};
    dor_pid watcher = spawn_on(runtime, DOR_ON(0), race, NULL, &r);
    for (unsigned i = 0; i < scaled(4000); i++) {
        send_number(watcher, WATCH, spawn_on(runtime, DOR_ON(i % 2), ignore, NULL, NULL));
        receive_number(DONE);
    }
    cr_assert_eq(r.late, 0);
    dor_ref ref;
    dor_message *m;
    for (unsigned i = 0; i < scaled(2000); i++) { /* the same for a process */
        dor_pid watched = spawn_on(runtime, DOR_ON(i % 2), ignore, NULL, NULL);
        cr_assert_eq(dor_monitor(watched, &ref), DOR_OK);
        dor_stop(watched, DOR_OK);
        if (i % 3 == 0) uv_sleep(0);
        cr_assert_eq(dor_demonitor(ref), DOR_OK);
        cr_assert_eq(dor_receive(&m, 0), DOR_E_TIMEOUT);
    }
    stop_runtime(runtime);
}

/* ---- many watchers of one ---- */

static void watch_and_end(void *state, dor_message *message)
{
    dor_pid *watched = state;
    dor_ref ref;
    dor_message_free(message);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(dor_monitor(*watched, &ref), DOR_OK);
}

static atomic_uint gone;

static void count_gone(void *state, int reason)
{
    (void)state;
    (void)reason;
    atomic_fetch_add(&gone, 1);
}

typedef struct look {
    dor_pid pid;
    atomic_int watched; /* -1: has not looked yet */
} look;

static void look_at_watchers(dor_scheduler *s, void *arg)
{
    look *l = arg;
    atomic_store(&l->watched, dor__actor_lookup(s, l->pid)->watchers != NULL);
}

static bool is_watched(dor_runtime *runtime, dor_pid pid)
{
    look l = {.pid = pid, .watched = -1};
    cr_assert(dor__ok(dor__scheduler_call(dor__runtime_scheduler(runtime, 0), look_at_watchers, &l)));
    WAIT_FOR(atomic_load(&l.watched) >= 0);
    return atomic_load(&l.watched);
}

Test(runtime_monitor, the_dead_watch_no_more)
{
    unsigned many = scaled(5000);
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    dor_pid targets[2] = {spawn_on(runtime, DOR_ON(0), ignore, NULL, NULL), dor_self()};
    long before = 0;
    for (unsigned round = 0; round < 4; round++) {
        atomic_store(&gone, 0);
        for (unsigned i = 0; i < many; i++) {
            dor_pid watcher =
                spawn_on(runtime, DOR_ON(i % 2), watch_and_end, count_gone, &targets[i / 2 % 2]);
            send_number(watcher, NUMBER, 0);
            dor_stop(watcher, DOR_OK);
        }
        WAIT_FOR(atomic_load(&gone) == many);
        WAIT_FOR(!is_watched(runtime, targets[0]));
        for (unsigned i = 0; i < 2; i++)
            cr_assert_eq(dor__slab_live(&dor__runtime_scheduler(runtime, i)->monitors), 0);
        if (round == 1) before = atomic_load(&live_blocks);
    }
    /* The process's list can't be looked at; but its nodes would be 3 x many more, when the pools have long grown. */
    if (many > 1000) WAIT_FOR(atomic_load(&live_blocks) < before + 2 * (long)many);
    stop_runtime(runtime);
}

Test(runtime_monitor, the_end_of_the_runtime_is_told_to_other_runtimes)
{
    dor_ref ref, never;
    dor_message *m;
    dor_runtime *here = runtime_of(1), *there = runtime_of(2);
    cr_assert_eq(dor_process_attach(here, NULL), DOR_OK);
    observer o = {.tell = dor_self()};
    dor_pid watcher = spawn_on(here, DOR_ON(0), observe, NULL, &o),
            watched = spawn_on(there, DOR_ON(1), ignore, NULL, NULL);
    cr_assert_eq(dor_monitor(watched, &ref), DOR_OK);
    send_number(watcher, WATCH, watched);
    dor_ref its = receive_number(WATCH);
    cr_assert_eq(dor_runtime_stop(there, 1000), DOR_OK);
    dor_down first = receive_down(), second = receive_down();
    cr_assert((first.ref == ref && second.ref == its) || (first.ref == its && second.ref == ref));
    cr_assert_eq(first.reason, DOR_E_STOPPED);
    cr_assert_eq(dor_monitor(watched, &never), DOR_OK);
    check_down(watched, never, DOR_E_NOPROC);
    cr_assert_eq(dor_receive(&m, 5), DOR_E_TIMEOUT);
    stop_runtime(here);
}

static atomic_uint released;

static void release_slowly(void *state, int reason)
{
    (void)state, (void)reason;
    uv_sleep(1);
    atomic_fetch_add(&released, 1);
}

Test(runtime_monitor, an_end_is_told_when_the_stop_function_has_returned)
{
    enum { ROUNDS = 30 };
    dor_ref ref;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    atomic_store(&released, 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        dor_pid pid = spawn_on(runtime, DOR_ON(i % 2), ignore, release_slowly, NULL);
        cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
        cr_assert_eq(dor_stop(pid, DOR_OK), DOR_OK);
        check_down(pid, ref, DOR_OK);
        cr_assert_eq(atomic_load(&released), i + 1);
    }
    stop_runtime(runtime);
}

static void release_later(void *state, int reason)
{
    (void)state, (void)reason;
    uv_sleep(20);
    atomic_fetch_add(&released, 1);
}

/* Its name is dead while its stop function runs; nobody who asks then is answered before that has returned. */
Test(runtime_monitor, who_comes_while_the_stop_function_runs_is_told_after_it)
{
    dor_ref ref;
    dor_message *m = NULL;
    dor_runtime *runtime = runtime_of(2);
    cr_assert_eq(dor_process_attach(runtime, NULL), DOR_OK);
    cr_assert_eq(dor_trap_exit(1), DOR_OK);
    atomic_store(&released, 0);
    for (unsigned i = 0; i < 6; i++) {
        dor_pid pid = spawn_on(runtime, DOR_ON(i % 2), ignore, release_later, NULL);
        cr_assert_eq(dor_stop(pid, DOR_E_TIMEOUT), DOR_OK);
        WAIT_FOR(!dor_is_alive(pid));
        if (i < 3) {
            cr_assert_eq(dor_monitor(pid, &ref), DOR_OK);
            check_down(pid, ref, DOR_E_NOPROC);
        } else {
            cr_assert_eq(dor_link(pid), DOR_OK);
            cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
            cr_assert_eq(m->type, (uint32_t)DOR_MSG_EXIT);
            cr_assert_eq(((dor_exit_notice *)dor_message_payload(m))->reason, DOR_E_NOPROC);
            dor_message_free(m);
        }
        cr_assert_eq(atomic_load(&released), i + 1);
    }
    stop_runtime(runtime);
}
