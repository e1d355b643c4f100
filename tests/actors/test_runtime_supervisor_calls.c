/*
 * test_runtime_supervisor_calls.c - what is asked of a supervisor, and children of one kind.
 */
#include "supervisor_support.h"

#include <dormouse/port.h>

TestSuite(supervisor_calls, .timeout = 100);

enum { MSG_GO = DOR_MSG_USER + 200, MSG_DONE };

static int add(dor_pid supervisor, kid *k, dor_pid *pid)
{
    dor_child_spec spec = kid_spec(k);
    return dor_supervisor_add_child(supervisor, &spec, pid, NULL);
}

/* ---- calls by id ---- */

Test(supervisor_calls, children_come_and_go)
{
    family f;
    kid x = {.id = "x", .scheduler = DOR_ON(1)}, again = {.id = "x"},
        late = {.id = "l", .scheduler = DOR_ON_THIS};
    begin_test(2);
    family_init(&f, 2);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 5), pid = 1;
    cr_assert_eq(add(supervisor, &x, &pid), DOR_OK);
    cr_assert_eq(pid, atomic_load(&x.pid));
    cr_assert_eq(add(supervisor, &again, NULL), DOR_E_EALREADY);
    cr_assert_eq(atomic_load(&again.released), 1);
    cr_assert_eq(atomic_load(&again.starts), 0);
    late.fail = 1;
    late.fail_code = 17;
    cr_assert_eq(add(supervisor, &late, &pid), 17);
    cr_assert_eq(pid, DOR_PID_NONE);
    cr_assert_eq(atomic_load(&late.released), 1);
    cr_assert_str_eq(running(supervisor), "a b x");
    cr_assert_eq(add(supervisor, &late, &pid), DOR_OK, "its id is free");
    cr_assert_str_eq(running(supervisor), "a b x l");

    cr_assert_eq(dor_supervisor_restart_child(supervisor, "x", &pid, NULL), DOR_E_CHILD_RUNNING);
    cr_assert_eq(dor_supervisor_delete_child(supervisor, "x", NULL), DOR_E_CHILD_RUNNING);
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "x", NULL), DOR_OK);
    cr_assert_eq(atomic_load(&x.stops), 1);
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "x", NULL), DOR_OK);
    cr_assert_eq(dor_supervisor_which_child(supervisor, "x", &pid, NULL), DOR_OK);
    cr_assert_eq(pid, DOR_PID_NONE);
    atomic_store(&x.fail, 1);
    cr_assert_eq(dor_supervisor_restart_child(supervisor, "x", &pid, NULL), DOR_E_LIMIT);
    cr_assert_eq(dor_supervisor_restart_child(supervisor, "x", &pid, NULL), DOR_OK);
    cr_assert_eq(pid, atomic_load(&x.pid));
    cr_assert_str_eq(running(supervisor), "a b x l", "it has kept its place");
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "x", NULL), DOR_OK);
    cr_assert_eq(dor_supervisor_delete_child(supervisor, "x", NULL), DOR_OK);
    cr_assert_eq(atomic_load(&x.released), 1);

    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "x", NULL), DOR_E_NO_CHILD);
    cr_assert_eq(dor_supervisor_restart_child(supervisor, "x", &pid, NULL), DOR_E_NO_CHILD);
    cr_assert_eq(dor_supervisor_delete_child(supervisor, "x", NULL), DOR_E_NO_CHILD);
    cr_assert_eq(dor_supervisor_which_child(supervisor, "x", &pid, NULL), DOR_E_NO_CHILD);
    stop_supervisor(supervisor);
    expect_released_once(&f);
    end_test();
}

Test(supervisor_calls, a_temporary_child_is_forgotten_when_it_is_terminated)
{
    family f;
    begin_test(1);
    family_init(&f, 2);
    f.kids[1].restart = DOR_TEMPORARY;
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "b", NULL), DOR_OK);
    cr_assert_eq(atomic_load(&f.kids[1].released), 1);
    cr_assert_eq(dor_supervisor_which_child(supervisor, "b", NULL, NULL), DOR_E_NO_CHILD);
    stop_supervisor(supervisor);
    expect_released_once(&f);
    end_test();
}

Test(supervisor_calls, counts_and_lists)
{
    family f;
    begin_test(1);
    family_init(&f, 3);
    f.kids[1].restart = DOR_TRANSIENT;
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 5);
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "a", NULL), DOR_OK);
    dor_child_counts counts;
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK);
    cr_assert_eq(counts.specs, 3);
    cr_assert_eq(counts.active, 2);
    cr_assert_eq(counts.workers, 3);
    cr_assert_eq(counts.supervisors, 0);
    dor_child_info infos[3];
    size_t count = 0;
    cr_assert_eq(dor_supervisor_which_children(supervisor, NULL, 0, &count), DOR_OK);
    cr_assert_eq(count, 3);
    memset(infos, 0, sizeof infos);
    cr_assert_eq(dor_supervisor_which_children(supervisor, infos, 2, &count), DOR_OK);
    cr_assert_eq(count, 3);
    cr_assert_str_eq(infos[0].id, "a");
    cr_assert_eq(infos[0].pid, DOR_PID_NONE);
    cr_assert_str_eq(infos[1].id, "b");
    cr_assert_eq(infos[1].pid, atomic_load(&f.kids[1].pid));
    cr_assert_eq(infos[1].restart, DOR_TRANSIENT);
    cr_assert_eq(infos[2].pid, DOR_PID_NONE, "not written");
    stop_supervisor(supervisor);
    end_test();
}

/* ---- bad use ---- */

static int never_start(void *arg, void *extra, dor_pid *pid)
{
    (void)arg, (void)extra, (void)pid;
    cr_assert_fail("not to be started");
    return DOR_OK;
}

static void count_release(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

Test(supervisor_calls, bad_arguments)
{
    atomic_int released = 0;
    char long_id[DOR_NAME_MAX + 2];
    memset(long_id, 'x', sizeof long_id);
    long_id[DOR_NAME_MAX + 1] = 0;
    begin_test(1);
    const dor_child_spec good = {
        .id = "good", .start = never_start, .arg = &released, .release = count_release};
    dor_child_spec bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].id = NULL;
    bad[1].id = "";
    bad[2].id = long_id;
    bad[3].start = NULL;
    bad[4].restart = (dor_restart)3;
    bad[5].type = (dor_child_type)2;
    dor_pid pid = 7;
    for (size_t i = 0; i < 6; i++) {
        dor_child_spec children[2] = {good, bad[i]};
        dor_supervisor_spec spec = {.children = children, .child_count = 2};
        cr_assert_eq(dor_supervisor_start(kids_runtime, &spec, &pid), DOR_E_BADARG);
        cr_assert_eq(atomic_exchange(&released, 0), 2);
        cr_assert_eq(dor_supervisor_add_child(pid, &bad[i], NULL, NULL), DOR_E_BADARG);
        cr_assert_eq(atomic_exchange(&released, 0), 1);
    }
    dor_supervisor_spec twice = {.children = bad + 6, .child_count = 2};
    cr_assert_eq(dor_supervisor_start(kids_runtime, &twice, &pid), DOR_E_EALREADY);
    cr_assert_eq(atomic_exchange(&released, 0), 2);
    twice.strategy = DOR_SIMPLE_ONE_FOR_ONE;
    cr_assert_eq(dor_supervisor_start(kids_runtime, &twice, &pid), DOR_E_BADARG);
    cr_assert_eq(atomic_exchange(&released, 0), 2);
    twice.strategy = (dor_strategy)4;
    twice.child_count = 1;
    cr_assert_eq(dor_supervisor_start(kids_runtime, &twice, &pid), DOR_E_BADARG);
    cr_assert_eq(atomic_exchange(&released, 0), 1);
    twice.strategy = DOR_ONE_FOR_ONE;
    twice.scheduler = DOR_ON(1);
    cr_assert_eq(dor_supervisor_start(kids_runtime, &twice, &pid), DOR_E_BADARG, "no such scheduler");
    cr_assert_eq(atomic_exchange(&released, 0), 1);
    dor_supervisor_spec none = {.child_count = 1};
    cr_assert_eq(dor_supervisor_start(kids_runtime, &none, &pid), DOR_E_BADARG);
    none = (dor_supervisor_spec){.strategy = DOR_SIMPLE_ONE_FOR_ONE};
    cr_assert_eq(dor_supervisor_start(kids_runtime, &none, &pid), DOR_E_BADARG);
    cr_assert_eq(dor_supervisor_start(kids_runtime, NULL, &pid), DOR_E_BADARG);
    cr_assert_eq(dor_supervisor_add_child(pid, NULL, NULL, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_supervisor_terminate_child(pid, NULL, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_supervisor_restart_child(pid, long_id, NULL, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_supervisor_count_children(pid, NULL), DOR_E_BADARG);
    size_t count;
    cr_assert_eq(dor_supervisor_which_children(pid, NULL, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_supervisor_which_children(pid, NULL, 0, NULL), DOR_E_BADARG);
    end_test();
}

static void swallow(void *state, dor_message *m)
{
    atomic_fetch_add((atomic_int *)state, 1);
    dor_message_free(m);
}

Test(supervisor_calls, those_who_are_no_supervisors)
{
    atomic_int seen = 0;
    kid x = {.id = "x"};
    begin_test(2);
    dor_pid actor = spawn_on(kids_runtime, DOR_ON(1), swallow, NULL, &seen);
    family f;
    family_init(&f, 1);
    dor_pid dead = start_family(&f, DOR_ONE_FOR_ONE, 0);
    stop_supervisor(dead);
    const dor_pid nobodies[] = {actor, dead, dor_self(), DOR_PID_NONE};
    dor_child_counts counts;
    dor_child_info info;
    size_t count;
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(dor_supervisor_terminate_child(nobodies[i], "x", NULL), DOR_E_NOPROC);
        cr_assert_eq(dor_supervisor_terminate_pid(nobodies[i], 1, NULL), DOR_E_NOPROC);
        cr_assert_eq(dor_supervisor_count_children(nobodies[i], &counts), DOR_E_NOPROC);
        cr_assert_eq(dor_supervisor_which_children(nobodies[i], &info, 1, &count), DOR_E_NOPROC);
        cr_assert_eq(add(nobodies[i], &x, NULL), DOR_E_NOPROC);
        cr_assert_eq(atomic_exchange(&x.released, 0), 1);
        cr_assert_eq(dor_supervisor_start_child(nobodies[i], &x, kid_release, NULL, NULL), DOR_E_NOPROC);
        cr_assert_eq(atomic_exchange(&x.released, 0), 1);
    }
    cr_assert_eq(dor_supervisor_stop(dead), DOR_E_NOPROC);
    cr_assert_eq(dor_supervisor_stop(dor_self()), DOR_E_NOPROC);
    dor_ref ref;
    dor_message *m = NULL;
    cr_assert_eq(dor_supervisor_which_child(dead, "x", NULL, &ref), DOR_OK);
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_NO_REPLY);
    dor_message_free(m);
    cr_assert_eq(dor_supervisor_which_child(actor, "x", NULL, &ref), DOR_OK);
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_SUPERVISOR);
    cr_assert_eq(((dor_supervisor_reply *)dor_message_payload(m))->result, DOR_E_NOPROC);
    dor_message_free(m);
    cr_assert_eq(atomic_load(&seen), 0, "an actor never sees what was meant for a supervisor");
    end_test();
}

Test(supervisor_calls, calls_of_the_other_strategy)
{
    family f;
    kid x = {.id = "x", .scheduler = DOR_ON_THIS}, y = {.id = "y", .scheduler = DOR_ON_THIS};
    begin_test(1);
    family_init(&f, 1);
    dor_pid plain = start_family(&f, DOR_ONE_FOR_ALL, 0), simple = DOR_PID_NONE;
    dor_child_spec kind = kid_spec(&x);
    kind.id = NULL;
    dor_supervisor_spec spec = {
        .strategy = DOR_SIMPLE_ONE_FOR_ONE, .scheduler = DOR_ON_ANY, .children = &kind, .child_count = 1};
    cr_assert_eq(dor_supervisor_start(kids_runtime, &spec, &simple), DOR_OK);
    cr_assert_eq(dor_supervisor_start_child(plain, &y, kid_release, NULL, NULL), DOR_E_EINVAL);
    cr_assert_eq(atomic_exchange(&y.released, 0), 1);
    cr_assert_eq(dor_supervisor_terminate_pid(plain, atomic_load(&f.kids[0].pid), NULL), DOR_E_EINVAL);
    cr_assert_eq(add(simple, &y, NULL), DOR_E_EINVAL);
    cr_assert_eq(atomic_exchange(&y.released, 0), 1);
    cr_assert_eq(dor_supervisor_terminate_child(simple, "x", NULL), DOR_E_EINVAL);
    cr_assert_eq(dor_supervisor_restart_child(simple, "x", NULL, NULL), DOR_E_EINVAL);
    cr_assert_eq(dor_supervisor_delete_child(simple, "x", NULL), DOR_E_EINVAL);
    cr_assert_eq(dor_supervisor_which_child(simple, "x", NULL, NULL), DOR_E_EINVAL);
    stop_supervisor(simple);
    stop_supervisor(plain);
    cr_assert_eq(atomic_load(&x.released), 1);
    end_test();
}

/* ---- from actors ---- */

typedef struct client {
    dor_pid supervisor;
    dor_pid tell;
    family *f;
    kid extra;
    dor_ref ref;
} client;

/* Blocking forms are refused; the others answer by message. */
static void client_receive(void *state, dor_message *m)
{
    client *c = (client *)state;
    dor_child_counts counts;
    dor_child_spec spec = kid_spec(&c->extra);
    if (m->type == MSG_GO) {
        dor_pid started = 1;
        cr_assert_eq(dor_supervisor_terminate_child(c->supervisor, "a", NULL), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_supervisor_count_children(c->supervisor, &counts), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_supervisor_add_child(c->supervisor, &spec, NULL, NULL), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(atomic_exchange(&c->extra.released, 0), 1);
        dor_supervisor_spec elsewhere = {.scheduler = DOR_ON(0)};
        cr_assert_eq(dor_supervisor_start(kids_runtime, &elsewhere, &started), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_supervisor_add_child(c->supervisor, &spec, NULL, &c->ref), DOR_OK);
    } else if (m->type == DOR_MSG_SUPERVISOR) {
        dor_supervisor_reply reply = *(dor_supervisor_reply *)dor_message_payload(m);
        cr_assert_eq(reply.ref, c->ref);
        cr_assert_eq(reply.result, DOR_OK);
        cr_assert_eq(reply.pid, atomic_load(&c->extra.pid));
        send_number(c->tell, MSG_DONE, 0);
    }
    dor_message_free(m);
}

Test(supervisor_calls, from_an_actor)
{
    family f;
    begin_test(2);
    family_init(&f, 1);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    client c = {.supervisor = supervisor, .tell = dor_self(), .extra = {.id = "x"}};
    dor_pid actor = spawn_on(kids_runtime, DOR_ON(1), client_receive, NULL, &c);
    send_number(actor, MSG_GO, 0);
    (void)receive_number(MSG_DONE);
    cr_assert_str_eq(running(supervisor), "a x");
    stop_supervisor(supervisor);
    end_test();
}

/* An actor starts a supervisor on its own scheduler, and takes it along. */
static void founder_receive(void *state, dor_message *m)
{
    client *c = (client *)state;
    dor_child_spec children[KIDS_MAX];
    for (size_t i = 0; i < c->f->count; i++)
        children[i] = kid_spec(&c->f->kids[i]);
    dor_supervisor_spec spec = {.scheduler = DOR_ON_THIS, .children = children, .child_count = c->f->count};
    int code = dor_supervisor_start(kids_runtime, &spec, &c->supervisor);
    send_number(c->tell, MSG_DONE, (uint64_t)(int64_t)code);
    dor_message_free(m);
}

Test(supervisor_calls, an_actor_starts_one)
{
    family f;
    begin_test(2);
    family_init(&f, 3);
    f.kids[1].scheduler = DOR_ON(0);
    client c = {.tell = dor_self(), .f = &f};
    dor_pid actor = spawn_on(kids_runtime, DOR_ON(1), founder_receive, NULL, &c);
    send_number(actor, MSG_GO, 0);
    cr_assert_eq((int)receive_number(MSG_DONE), DOR_OK);
    cr_assert_str_eq(running(c.supervisor), "a b c");
    cr_assert_eq(dor_stop(actor, 5), DOR_OK);
    expect_log("+a +b +c -c -b -a");
    expect_released_once(&f);

    family_init(&f, 3);
    f.kids[0].slow_ms = 10;
    f.kids[2].fail = 1;
    log_clear();
    actor = spawn_on(kids_runtime, DOR_ON(1), founder_receive, NULL, &c);
    send_number(actor, MSG_GO, 0);
    cr_assert_eq((int)receive_number(MSG_DONE), DOR_E_LIMIT);
    cr_assert_eq(c.supervisor, DOR_PID_NONE);
    expect_log("+a +b !c -b -a");
    uv_sleep(10);
    cr_assert(dor_is_alive(actor), "it hears by the code alone");
    end_test();
    expect_released_once(&f);
}

Test(supervisor_calls, a_port_starts_one)
{
    family f;
    dor_port port;
    dor_pid supervisor;
    dor_ref ref;
    dor_message *m = NULL;
    size_t count = 0;
    count_memory();
    log_clear();
    kids_runtime = runtime_of(2);
    family_init(&f, 2);
    cr_assert_eq(dor_port_new(kids_runtime, NULL, &port), DOR_OK);
    cr_assert_eq(dor_port_enter(port), DOR_OK);
    cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ONE, 0, &supervisor), DOR_OK);
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "a", NULL), DOR_E_WOULD_DEADLOCK);
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "a", &ref), DOR_OK);
    cr_assert_eq(dor_port_leave(), DOR_OK);
    while (count == 0)
        cr_assert_eq(dor_port_drain(port, &m, 1, &count), DOR_OK);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_SUPERVISOR);
    cr_assert_eq(((dor_supervisor_reply *)dor_message_payload(m))->ref, ref);
    dor_message_free(m);
    cr_assert_eq(dor_port_close(port), DOR_OK); /* the supervisor's starter ends */
    expect_log("+a +b -a -b");
    stop_runtime(kids_runtime);
    expect_released_once(&f);
}

/* ---- children of one kind ---- */

static dor_pid start_items(dor_restart restart, uint32_t shutdown_ms, uint32_t intensity,
                           atomic_int *released)
{
    dor_pid supervisor = DOR_PID_NONE;
    dor_child_spec kind = {.start = item_start,
                           .arg = released,
                           .release = released ? count_release : NULL,
                           .restart = restart,
                           .shutdown_ms = shutdown_ms};
    dor_supervisor_spec spec = {.strategy = DOR_SIMPLE_ONE_FOR_ONE,
                                .intensity = intensity,
                                .period_ms = 60000,
                                .scheduler = DOR_ON(0),
                                .children = &kind,
                                .child_count = 1};
    cr_assert_eq(dor_supervisor_start(kids_runtime, &spec, &supervisor), DOR_OK);
    return supervisor;
}

Test(supervisor_calls, children_of_one_kind)
{
    item items[4] = {0};
    atomic_int released = 0;
    dor_pid pid;
    dor_child_counts counts;
    begin_test(2);
    item_scheduler = DOR_ON_ANY;
    dor_pid supervisor = start_items(DOR_TRANSIENT, DOR_SHUTDOWN_DEFAULT, 10, &released);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(dor_supervisor_start_child(supervisor, &items[i], item_release, &pid, NULL), DOR_OK);
        cr_assert_eq(pid, atomic_load(&items[i].pid));
    }
    atomic_store(&items[3].fail, 1);
    cr_assert_eq(dor_supervisor_start_child(supervisor, &items[3], item_release, &pid, NULL), DOR_E_BUSY);
    cr_assert_eq(pid, DOR_PID_NONE);
    cr_assert_eq(atomic_load(&items[3].released), 1);
    cr_assert_eq(dor_supervisor_start_child(supervisor, NULL, NULL, &pid, NULL), DOR_OK, "nothing to run");
    cr_assert_eq(pid, DOR_PID_NONE);
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK);
    cr_assert_eq(counts.specs, 1);
    cr_assert_eq(counts.active, 3);
    cr_assert_eq(counts.workers, 3);

    /* Started again with what it was started with, also when that fails at first. */
    dor_pid before = atomic_load(&items[1].pid);
    atomic_store(&items[1].fail, 2);
    cr_assert_eq(send_number(before, MSG_END, (uint64_t)(int64_t)DOR_E_TIMEOUT), DOR_OK);
    WAIT_FOR(atomic_load(&items[1].starts) == 2);
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK);
    cr_assert_eq(counts.active, 3);
    cr_assert_eq(counts.restarts, 3);
    cr_assert_eq(atomic_load(&items[1].released), 0);
    cr_assert_eq(dor_supervisor_terminate_pid(supervisor, before, NULL), DOR_E_NO_CHILD);

    /* A normal end of a transient one: forgotten. */
    cr_assert_eq(send_number(atomic_load(&items[0].pid), MSG_END, 0), DOR_OK);
    WAIT_FOR(atomic_load(&items[0].released) == 1);
    cr_assert_eq(dor_supervisor_terminate_pid(supervisor, atomic_load(&items[1].pid), NULL), DOR_OK);
    cr_assert_eq(atomic_load(&items[1].released), 1);
    cr_assert_eq(atomic_load(&items[1].stops), 2);
    cr_assert_eq(atomic_load(&items[1].reason), DOR_E_SHUTDOWN);
    dor_child_info infos[4];
    size_t count;
    cr_assert_eq(dor_supervisor_which_children(supervisor, infos, 4, &count), DOR_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(infos[0].pid, atomic_load(&items[2].pid));
    cr_assert_str_eq(infos[0].id, "");
    stop_supervisor(supervisor);
    cr_assert_eq(atomic_load(&items[2].released), 1);
    cr_assert_eq(atomic_load(&released), 1);
    end_test();
}

/* One that is to be tried again is found by the pid that it had. */
Test(supervisor_calls, a_child_that_is_tried_again_can_be_terminated)
{
    item it = {0}, other = {0};
    begin_test(1);
    item_scheduler = DOR_ON_THIS;
    dor_pid supervisor = start_items(DOR_PERMANENT, DOR_SHUTDOWN_DEFAULT, UINT32_MAX, NULL);
    cr_assert_eq(dor_supervisor_start_child(supervisor, &it, item_release, NULL, NULL), DOR_OK);
    cr_assert_eq(dor_supervisor_start_child(supervisor, &other, item_release, NULL, NULL), DOR_OK);
    dor_pid before = atomic_load(&it.pid);
    atomic_store(&it.fail, INT_MAX);
    cr_assert_eq(send_number(before, MSG_END, 1), DOR_OK);
    WAIT_FOR(atomic_load(&it.fail) < INT_MAX - 5);
    dor_child_counts counts;
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK, "it answers all the same");
    cr_assert_eq(counts.active, 1);
    cr_assert_eq(counts.workers, 2);
    cr_assert_eq(dor_supervisor_terminate_pid(supervisor, before, NULL), DOR_OK);
    cr_assert_eq(atomic_load(&it.released), 1);
    int left = atomic_load(&it.fail);
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK);
    cr_assert_eq(atomic_load(&it.fail), left);
    stop_supervisor(supervisor);
    end_test();
}

static void expect_many(uint32_t shutdown_ms, int reason)
{
    unsigned many = scaled(20000);
    item *items = (item *)calloc(many, sizeof *items);
    begin_test(2);
    item_scheduler = DOR_ON_ANY;
    dor_pid supervisor = start_items(DOR_TEMPORARY, shutdown_ms, 0, NULL);
    dor_ref ref;
    for (unsigned i = 0; i < many; i++)
        cr_assert_eq(dor_supervisor_start_child(supervisor, &items[i], item_release, NULL, &ref), DOR_OK);
    for (unsigned i = 0; i < many; i++) {
        dor_message *m = NULL;
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        cr_assert_eq(m->type, (uint32_t)DOR_MSG_SUPERVISOR);
        dor_message_free(m);
    }
    for (unsigned i = 0; i < many; i += 2) /* some end while it ends */
        cr_assert_eq(send_number(atomic_load(&items[i].pid), MSG_END, 3), DOR_OK);
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    for (unsigned i = 0; i < many; i++) {
        cr_assert_eq(atomic_load(&items[i].stops), 1);
        cr_assert_eq(atomic_load(&items[i].released), 1);
        if (i % 2) cr_assert_eq(atomic_load(&items[i].reason), reason);
    }
    end_test();
    free(items);
}

Test(supervisor_calls, very_many_children)
{
    expect_many(DOR_SHUTDOWN_DEFAULT, DOR_E_SHUTDOWN);
}

Test(supervisor_calls, very_many_children_that_are_killed)
{
    expect_many(DOR_SHUTDOWN_KILL, DOR_E_KILLED);
}

static int deaf_start(void *arg, void *extra, dor_pid *pid)
{
    dor_actor_spec spec = {.receive = item_receive, .stop = item_stop, .state = extra, .trap_exit = 1};
    (void)arg;
    return dor_spawn(kids_runtime, &spec, pid);
}

Test(supervisor_calls, children_of_one_kind_share_a_deadline)
{
    item items[5] = {0};
    dor_pid supervisor;
    begin_test(2);
    dor_child_spec kind = {.start = deaf_start, .shutdown_ms = 40};
    dor_supervisor_spec spec = {
        .strategy = DOR_SIMPLE_ONE_FOR_ONE, .scheduler = DOR_ON(1), .children = &kind, .child_count = 1};
    cr_assert_eq(dor_supervisor_start(kids_runtime, &spec, &supervisor), DOR_OK);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(dor_supervisor_start_child(supervisor, &items[i], item_release, NULL, NULL), DOR_OK);
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(atomic_load(&items[i].reason), DOR_E_KILLED);
        cr_assert_eq(atomic_load(&items[i].released), 1);
    }
    end_test();
}
