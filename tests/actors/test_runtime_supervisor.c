/*
 * test_runtime_supervisor.c - supervisors: the orders in which children are started, ended and started again. What is
 * expected was checked against OTP's supervisor (OTP 25), scenario by scenario.
 */
#include "supervisor_support.h"

/* ---- start and stop ---- */

Test(supervisor, starts_in_order_and_ends_in_the_opposite_one)
{
    family f;
    begin_test(2);
    family_init(&f, 4);
    f.kids[1].scheduler = DOR_ON(0);
    f.kids[2].scheduler = DOR_ON(1);
    f.kids[3].slow_ms = 30;
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    cr_assert(log_is("+a +b +c +d"), "%s", log_text);
    for (size_t i = 0; i < f.count; i++)
        cr_assert_eq(atomic_load(&f.kids[i].parent), supervisor);
    cr_assert_str_eq(running(supervisor), "a b c d");
    log_clear();
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    cr_assert(log_is("-d -c -b -a"), "%s", log_text);
    for (size_t i = 0; i < f.count; i++)
        cr_assert_eq(atomic_load(&f.kids[i].reason), DOR_E_SHUTDOWN);
    end_test();
    expect_released_once(&f);
}

Test(supervisor, a_start_that_fails_ends_those_before)
{
    family f;
    begin_test(2);
    family_init(&f, 4);
    f.kids[0].slow_ms = 20;
    f.kids[1].scheduler = DOR_ON(1);
    f.kids[2].fail = 1;
    f.kids[2].fail_code = DOR_E_NXDOMAIN;
    dor_pid supervisor = 1;
    cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ALL, 5, &supervisor), DOR_E_NXDOMAIN);
    cr_assert_eq(supervisor, DOR_PID_NONE);
    cr_assert(log_is("+a +b !c -b -a"), "%s", log_text);
    expect_released_once(&f);
    dor_message *m = NULL;
    int code = dor_receive(&m, 0);
    cr_assert_eq(code, DOR_E_TIMEOUT, "the code is all that is told, not %d %x", code, m ? m->type : 0);
    end_test();
}

Test(supervisor, who_does_not_end_in_time_is_killed)
{
    family f;
    begin_test(2);
    family_init(&f, 4);
    f.kids[0].deaf = f.kids[1].deaf = true;
    f.kids[0].shutdown_ms = 30;
    f.kids[1].shutdown_ms = DOR_SHUTDOWN_KILL;
    f.kids[2].slow_ms = 50;
    f.kids[2].shutdown_ms = DOR_INFINITY;
    f.kids[3].slow_ms = 100000;
    f.kids[3].shutdown_ms = 20;
    f.kids[3].scheduler = DOR_ON(1);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    log_clear();
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    cr_assert(log_is("-d -c -b -a"), "%s", log_text);
    cr_assert_eq(atomic_load(&f.kids[0].reason), DOR_E_KILLED);
    cr_assert_eq(atomic_load(&f.kids[1].reason), DOR_E_KILLED);
    cr_assert_eq(atomic_load(&f.kids[2].reason), DOR_E_SHUTDOWN);
    cr_assert_eq(atomic_load(&f.kids[3].reason), DOR_E_KILLED);
    end_test();
    expect_released_once(&f);
}

/* ---- strategies, kinds of restart, reasons ---- */

typedef struct expectation {
    dor_strategy strategy;
    const char *again; /* the log, when b is started again after its end */
    const char *running;
} expectation;

/* Five children; d is temporary, the others permanent, but b, which is what the table says. */
static void expect_case(const expectation *e, dor_restart restart, int reason, unsigned spread)
{
    family f;
    family_init(&f, 5);
    member(&f, "d")->restart = DOR_TEMPORARY;
    member(&f, "b")->restart = restart;
    for (size_t i = 0; spread && i < f.count; i++) {
        f.kids[i].scheduler = DOR_ON(i % 2);
        f.kids[i].link = i % 3 == 0;
    }
    bool normal = reason == DOR_OK || reason == DOR_E_SHUTDOWN;
    bool again = restart == DOR_PERMANENT || (restart == DOR_TRANSIENT && !normal);
    dor_pid supervisor = start_family(&f, e->strategy, 1);
    log_clear();
    end_kid(member(&f, "b"), reason);
    expect_log(again ? e->again : "-b");
    const char *left = running(supervisor); /* is answered when the restart is done */
    cr_assert_str_eq(left, again ? e->running : "a c d e");
    cr_assert(log_is(again ? e->again : "-b"), "%s", log_text);
    dor_pid pid = 1;
    cr_assert_eq(dor_supervisor_which_child(supervisor, "b", &pid, NULL),
                 restart == DOR_TEMPORARY ? DOR_E_NO_CHILD : DOR_OK);
    if (restart != DOR_TEMPORARY) cr_assert_eq(pid, again ? atomic_load(&f.kids[1].pid) : DOR_PID_NONE);
    bool d_is_gone = again && e->strategy != DOR_ONE_FOR_ONE;
    cr_assert_eq(dor_supervisor_which_child(supervisor, "d", &pid, NULL),
                 d_is_gone ? DOR_E_NO_CHILD : DOR_OK);
    cr_assert_eq(atomic_load(&member(&f, "d")->released), d_is_gone);
    for (size_t i = 0; again && i < f.count; i++)
        if (i != 1 && atomic_load(&f.kids[i].stops))
            cr_assert_eq(atomic_load(&f.kids[i].reason), DOR_E_SHUTDOWN);
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    expect_released_once(&f);
}

static const expectation expectations[] = {
    {DOR_ONE_FOR_ONE, "-b +b", "a b c d e"},
    {DOR_ONE_FOR_ALL, "-b -e -d -c -a +a +b +c +e", "a b c e"},
    {DOR_REST_FOR_ONE, "-b -e -d -c +b +c +e", "a b c e"},
};

static void expect_cases(unsigned spread)
{
    static const int reasons[] = {DOR_OK, DOR_E_SHUTDOWN, DOR_E_TIMEOUT, 7};
    begin_test(2);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
        for (int restart = DOR_PERMANENT; restart <= DOR_TEMPORARY; restart++)
            for (size_t r = 0; r < sizeof reasons / sizeof *reasons; r++)
                expect_case(&expectations[i], (dor_restart)restart, reasons[r], spread);
    end_test();
}

Test(supervisor, every_strategy_kind_and_reason_on_one_scheduler)
{
    expect_cases(0);
}

Test(supervisor, every_strategy_kind_and_reason_on_two_schedulers)
{
    expect_cases(1);
}

/* Those that had been ended, or ended by themselves, are started with their siblings: in OTP, too. */
Test(supervisor, a_restart_starts_siblings_that_did_not_run)
{
    static const expectation expected[] = {
        {DOR_ONE_FOR_ONE, "-b +b", "b"},
        {DOR_ONE_FOR_ALL, "-b +a +b +c +d", "a b c d"},
        {DOR_REST_FOR_ONE, "-b +b +c +d", "b c d"},
    };
    begin_test(1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        family f;
        family_init(&f, 4);
        for (size_t k = 0; k < f.count; k++)
            f.kids[k].restart = DOR_TRANSIENT;
        dor_pid supervisor = start_family(&f, expected[i].strategy, 1);
        cr_assert_eq(dor_supervisor_terminate_child(supervisor, "a", NULL), DOR_OK);
        cr_assert_eq(dor_supervisor_terminate_child(supervisor, "d", NULL), DOR_OK);
        end_kid(member(&f, "c"), DOR_OK);
        expect_log("+a +b +c +d -a -d -c");
        cr_assert_str_eq(running(supervisor), "b");
        log_clear();
        end_kid(member(&f, "b"), DOR_E_TIMEOUT);
        expect_log(expected[i].again);
        cr_assert_str_eq(running(supervisor), expected[i].running);
        cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
        expect_released_once(&f);
        log_clear();
    }
    end_test();
}

/* ---- restarts that fail, and intensity ---- */

typedef struct failing {
    dor_strategy strategy;
    const char *who;
    int times;
    const char *log; /* b ends first */
} failing;

/* Three children, of which one cannot be started so many times; three restarts are allowed. */
static const failing failures[] = {
    {DOR_ONE_FOR_ONE, "a", 1, "-b +b"},
    {DOR_ONE_FOR_ONE, "b", 1, "-b !b +b"},
    {DOR_ONE_FOR_ONE, "b", 9, "-b !b !b !b -c -a"},
    {DOR_ONE_FOR_ALL, "a", 1, "-b -c -a !a +a +b +c"},
    {DOR_ONE_FOR_ALL, "a", 9, "-b -c -a !a !a !a"},
    {DOR_ONE_FOR_ALL, "b", 1, "-b -c -a +a !b -a +a +b +c"},
    {DOR_ONE_FOR_ALL, "b", 9, "-b -c -a +a !b -a +a !b -a +a !b -a"},
    {DOR_ONE_FOR_ALL, "c", 1, "-b -c -a +a +b !c -b -a +a +b +c"},
    {DOR_ONE_FOR_ALL, "c", 9, "-b -c -a +a +b !c -b -a +a +b !c -b -a +a +b !c -b -a"},
    {DOR_REST_FOR_ONE, "a", 1, "-b -c +b +c"},
    {DOR_REST_FOR_ONE, "b", 1, "-b -c !b +b +c"},
    {DOR_REST_FOR_ONE, "b", 9, "-b -c !b !b !b -a"},
    {DOR_REST_FOR_ONE, "c", 1, "-b -c +b !c +c"},
    {DOR_REST_FOR_ONE, "c", 9, "-b -c +b !c !c !c -b -a"},
};

static void expect_failing(const failing *e)
{
    family f;
    dor_ref ref;
    family_init(&f, 3);
    dor_pid supervisor = start_family(&f, e->strategy, 3);
    cr_assert_eq(dor_unlink(supervisor), DOR_OK);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    atomic_store(&member(&f, e->who)->fail, e->times);
    log_clear();
    end_kid(member(&f, "b"), DOR_E_TIMEOUT);
    expect_log(e->log);
    if (e->times > 1) {
        cr_assert_eq(receive_down().reason, DOR_E_RESTART_INTENSITY);
    } else {
        cr_assert_eq(dor_demonitor(ref), DOR_OK);
        cr_assert_str_eq(running(supervisor), "a b c");
        cr_assert(log_is(e->log));
        cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    }
    expect_released_once(&f);
}

Test(supervisor, a_restart_that_fails_is_tried_again_until_it_was_too_often)
{
    begin_test(2);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        expect_failing(&failures[i]);
    end_test();
}

Test(supervisor, too_many_restarts_end_it)
{
    family f;
    dor_ref ref;
    begin_test(1);
    family_init(&f, 2);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 20); /* more than the log has room for at first */
    dor_child_counts counts;
    for (int i = 0; i < 20; i++) {
        int starts = atomic_load(&f.kids[1].starts);
        end_kid(&f.kids[1], DOR_OK);
        WAIT_FOR(atomic_load(&f.kids[1].starts) == starts + 1);
    }
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK);
    cr_assert_eq(counts.restarts, 20);
    cr_assert_eq(counts.active, 2);
    cr_assert_eq(dor_unlink(supervisor), DOR_OK);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    log_clear();
    end_kid(&f.kids[1], DOR_OK);
    cr_assert_eq(receive_down().reason, DOR_E_RESTART_INTENSITY);
    cr_assert(log_is("-b -a"), "%s", log_text);
    expect_released_once(&f);
    end_test();
}

/* ---- what comes while it waits for a child ---- */

Test(supervisor, a_child_that_ends_while_another_is_waited_for)
{
    family f;
    begin_test(2);
    family_init(&f, 4);
    make_deaf(member(&f, "b"));
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 5);
    dor_ref ref;
    dor_message *m = NULL;
    log_clear();
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "b", &ref), DOR_OK);
    end_kid(member(&f, "c"), DOR_OK);
    WAIT_FOR(log_is("-c"));
    end_kid(member(&f, "b"), DOR_OK);
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_SUPERVISOR);
    dor_supervisor_reply reply = *(dor_supervisor_reply *)dor_message_payload(m);
    dor_message_free(m);
    cr_assert_eq(reply.ref, ref);
    cr_assert_eq(reply.result, DOR_OK);
    expect_log("-c -b +c");
    cr_assert_str_eq(running(supervisor), "a c d");
    stop_supervisor(supervisor);
    end_test();
}

/* Of those that are going to be ended anyway only one restart comes; the one to the left is a restart of its own. */
Test(supervisor, children_that_end_during_the_restart_of_others)
{
    family f;
    begin_test(2);
    family_init(&f, 5);
    make_deaf(member(&f, "e"));
    dor_pid supervisor = start_family(&f, DOR_REST_FOR_ONE, 2);
    log_clear();
    end_kid(member(&f, "c"), DOR_E_TIMEOUT);
    WAIT_FOR(log_is("-c"));
    end_kid(member(&f, "d"), DOR_E_TIMEOUT);
    WAIT_FOR(log_is("-c -d"));
    end_kid(member(&f, "b"), DOR_E_TIMEOUT);
    WAIT_FOR(log_is("-c -d -b"));
    end_kid(member(&f, "e"), DOR_OK);
    expect_log("-c -d -b -e +c +d +e");
    end_kid(member(&f, "e"), DOR_OK);
    expect_log("-c -d -b -e +c +d +e -e -d -c +b +c +d +e");
    dor_child_counts counts;
    cr_assert_eq(dor_supervisor_count_children(supervisor, &counts), DOR_OK);
    cr_assert_eq(counts.restarts, 2);
    log_clear();
    end_kid(member(&f, "e"), DOR_OK); /* once too often */
    expect_log("-e -d -c -b -a");
    end_test();
}

Test(supervisor, calls_wait_their_turn_and_are_answered_in_order)
{
    family f;
    kid more = {.id = "x", .scheduler = DOR_ON_THIS};
    begin_test(2);
    family_init(&f, 2);
    make_deaf(member(&f, "b"));
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 5);
    dor_child_spec spec = kid_spec(&more);
    dor_ref refs[5];
    cr_assert_eq(dor_supervisor_terminate_child(supervisor, "b", &refs[0]), DOR_OK);
    cr_assert_eq(dor_supervisor_delete_child(supervisor, "b", &refs[1]), DOR_OK);
    cr_assert_eq(dor_supervisor_add_child(supervisor, &spec, NULL, &refs[2]), DOR_OK);
    cr_assert_eq(dor_supervisor_which_child(supervisor, "x", NULL, &refs[3]), DOR_OK);
    cr_assert_eq(dor_supervisor_which_child(supervisor, "b", NULL, &refs[4]), DOR_OK);
    end_kid(member(&f, "b"), DOR_OK);
    static const int results[] = {DOR_OK, DOR_OK, DOR_OK, DOR_OK, DOR_E_NO_CHILD};
    for (int i = 0; i < 5; i++) {
        dor_message *m = NULL;
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        cr_assert_eq(m->type, (uint32_t)DOR_MSG_SUPERVISOR);
        dor_supervisor_reply reply = *(dor_supervisor_reply *)dor_message_payload(m);
        dor_message_free(m);
        cr_assert_eq(reply.ref, refs[i]);
        cr_assert_eq(reply.result, results[i], "%d: %d", i, reply.result);
        if (i == 2 || i == 3) cr_assert_eq(reply.pid, atomic_load(&more.pid));
    }
    expect_log("+a +b -b +x");
    stop_supervisor(supervisor);
    expect_released_once(&f);
    cr_assert_eq(atomic_load(&more.released), 1);
    end_test();
}

Test(supervisor, being_ended_while_it_restarts)
{
    family f;
    begin_test(2);
    dor_ref ref;
    family_init(&f, 4);
    make_deaf(member(&f, "c"));
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ALL, 5);
    log_clear();
    end_kid(member(&f, "b"), DOR_E_TIMEOUT);
    WAIT_FOR(log_is("-b -d")); /* c is being waited for */
    cr_assert_eq(dor_unlink(supervisor), DOR_OK);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    cr_assert_eq(dor_supervisor_stop(supervisor), DOR_OK);
    end_kid(member(&f, "c"), DOR_OK);
    cr_assert_eq(receive_down().reason, DOR_E_SHUTDOWN);
    cr_assert(log_is("-b -d -c -a"), "nothing is started to be ended at once: %s", log_text);
    expect_released_once(&f);
    end_test();
}

/* ---- children of no particular goodwill ---- */

Test(supervisor, a_child_that_unlinks_itself_is_seen_to_end)
{
    family f;
    begin_test(2);
    for (int spread = 0; spread < 2; spread++) {
        family_init(&f, 2);
        f.kids[1].scheduler = spread ? DOR_ON(1) : DOR_ON_THIS;
        f.kids[0].scheduler = DOR_ON(0);
        dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 5);
        log_clear();
        cr_assert_eq(send_number(atomic_load(&f.kids[1].pid), MSG_UNLINK, 0), DOR_OK);
        end_kid(&f.kids[1], DOR_E_TIMEOUT);
        expect_log("-b +b");
        cr_assert_eq(send_number(atomic_load(&f.kids[1].pid), MSG_UNLINK, 0), DOR_OK);
        cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
        cr_assert(log_is("-b +b -b -a"), "%s", log_text);
        log_clear();
    }
    end_test();
}

Test(supervisor, signals_of_children_and_strangers_mean_nothing)
{
    family f;
    begin_test(2);
    family_init(&f, 2);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    kid stranger = {.id = "s", .parent = supervisor};
    dor_pid pid = spawn_on(kids_runtime, DOR_ON(0), kid_receive, kid_stop, &stranger);
    cr_assert_eq(send_number(pid, MSG_SIGNAL, (uint64_t)(int64_t)DOR_E_TIMEOUT), DOR_OK);
    cr_assert_eq(send_number(pid, MSG_END, 0), DOR_OK);
    expect_log("+a +b -s");
    cr_assert_eq(send_number(atomic_load(&f.kids[0].pid), MSG_SIGNAL, (uint64_t)(int64_t)DOR_E_TIMEOUT),
                 DOR_OK);
    cr_assert_eq(send_number(atomic_load(&f.kids[1].pid), MSG_SIGNAL, (uint64_t)(int64_t)DOR_E_SHUTDOWN),
                 DOR_OK);
    uv_sleep(20);
    cr_assert_str_eq(running(supervisor), "a b");
    cr_assert(log_is("+a +b -s"));
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    end_test();
}

Test(supervisor, unknown_messages_are_thrown_away)
{
    family f;
    begin_test(1);
    family_init(&f, 1);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    cr_assert_eq(send_number(supervisor, DOR_MSG_USER, 1), DOR_OK);
    cr_assert_str_eq(running(supervisor), "a");
    stop_supervisor(supervisor);
    end_test();
}

/* ---- those who start it ---- */

static void *start_and_detach(void *arg)
{
    dor_pid *supervisor = (dor_pid *)arg;
    static family f;
    family_init(&f, 2);
    cr_assert_eq(dor_process_attach(kids_runtime, NULL), DOR_OK);
    cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ONE, 0, supervisor), DOR_OK);
    return NULL; /* the thread's end is the process's */
}

Test(supervisor, ends_with_the_process_that_started_it)
{
    dor_pid supervisor;
    dor_ref ref;
    pthread_t thread;
    begin_test(2);
    pthread_create(&thread, NULL, start_and_detach, &supervisor);
    pthread_join(thread, NULL);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    (void)receive_down(); /* the reason, or DOR_E_NOPROC if it has ended by now */
    expect_log("+a +b -b -a");
    end_test();
}

static void *start_unattached(void *arg)
{
    dor_pid *supervisor = (dor_pid *)arg;
    static family f;
    family_init(&f, 2);
    cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ONE, 0, supervisor), DOR_OK);
    cr_assert_eq(dor_self(), DOR_PID_NONE);
    cr_assert_eq(dor_supervisor_which_child(*supervisor, "a", NULL, NULL), DOR_E_NO_PROCESS);
    return NULL;
}

Test(supervisor, a_thread_that_is_no_process_may_start_one)
{
    dor_pid supervisor;
    pthread_t thread;
    begin_test(2);
    pthread_create(&thread, NULL, start_unattached, &supervisor);
    pthread_join(thread, NULL);
    cr_assert_str_eq(running(supervisor), "a b");
    cr_assert_eq(stop_supervisor(supervisor), DOR_E_SHUTDOWN);
    end_test();
}

Test(supervisor, its_starter_may_end_it_by_a_signal)
{
    family f;
    dor_ref ref;
    begin_test(2);
    family_init(&f, 2);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    cr_assert_eq(dor_trap_exit(1), DOR_OK);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    cr_assert_eq(dor_exit(supervisor, 42), DOR_OK);
    bool down = false, exited = false;
    for (int i = 0; i < 2; i++) {
        dor_message *m = NULL;
        cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
        if (m->type == DOR_MSG_DOWN) {
            cr_assert_eq(((dor_down *)dor_message_payload(m))->reason, 42);
            down = true;
        } else {
            cr_assert_eq(m->type, (uint32_t)DOR_MSG_EXIT);
            cr_assert_eq(((dor_exit_notice *)dor_message_payload(m))->pid, supervisor);
            exited = true;
        }
        dor_message_free(m);
    }
    cr_assert(down && exited);
    cr_assert(log_is("+a +b -b -a"), "%s", log_text);
    end_test();
}

Test(supervisor, killed_it_takes_its_children_along)
{
    family f;
    dor_ref ref;
    begin_test(2);
    family_init(&f, 3);
    f.kids[1].scheduler = DOR_ON(1);
    f.kids[2].scheduler = DOR_ON(0);
    dor_pid supervisor = start_family(&f, DOR_ONE_FOR_ONE, 0);
    cr_assert_eq(dor_unlink(supervisor), DOR_OK);
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    cr_assert_str_eq(running(supervisor), "a b c"); /* the signal would overtake the monitor */
    cr_assert_eq(dor_exit(supervisor, DOR_KILL), DOR_OK);
    int reason = receive_down().reason;
    cr_assert_eq(reason, DOR_E_KILLED, "%d", reason);
    for (size_t i = 0; i < f.count; i++) {
        WAIT_FOR(atomic_load(&f.kids[i].stops) == 1);
        cr_assert_eq(atomic_load(&f.kids[i].reason), DOR_E_KILLED);
    }
    expect_released_once(&f);
    end_test();
}

Test(supervisor, ends_with_its_runtime)
{
    family f;
    count_memory();
    kids_runtime = runtime_of(2);
    family_init(&f, 3);
    f.kids[1].deaf = true;
    f.kids[2].scheduler = DOR_ON(1);
    dor_pid supervisor;
    cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ALL, 1000, &supervisor), DOR_OK);
    stop_runtime(kids_runtime);
    expect_released_once(&f);
    for (size_t i = 0; i < f.count; i++)
        cr_assert_eq(atomic_load(&f.kids[i].starts), atomic_load(&f.kids[i].stops));
    family_init(&f, 1);
    cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ALL, 1000, &supervisor), DOR_E_STOPPED);
    expect_released_once(&f);
}
