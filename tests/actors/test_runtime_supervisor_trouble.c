/*
 * test_runtime_supervisor_trouble.c - start functions that do what they should not, supervisors under supervisors that
 * fail, and memory that runs out.
 */
#include "supervisor_support.h"

TestSuite(supervisor_trouble, .timeout = 100);

/* ---- start functions ---- */

typedef enum deed {
    NOTHING_TO_RUN,
    ALREADY_DEAD,
    DIES_AT_ONCE,
    A_PROCESS,
    ITSELF,
    THE_SAME_AGAIN,
    ENDS_SUPERVISOR,
    KILLS_SUPERVISOR,
    STOPS_TRAPPING,
    CALLS_ITSELF
} deed;

typedef struct doer {
    deed what;
    dor_pid pid; /* a process's, or another child's */
    item it;
    atomic_int answers;
} doer;

static void end_at_once(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
    cr_assert_eq(dor_exit_self(9), DOR_OK);
}

static int run_item(doer *d, dor_pid *pid)
{
    dor_actor_spec spec = {
        .receive = item_receive, .stop = item_stop, .state = &d->it, .scheduler = DOR_ON_THIS};
    int code = dor_spawn(kids_runtime, &spec, pid);
    atomic_store(&d->it.pid, *pid);
    return code;
}

static int start_and_do(void *arg, void *extra, dor_pid *pid)
{
    doer *d = (doer *)arg;
    dor_actor_spec brief = {.receive = end_at_once, .scheduler = DOR_ON(1)};
    dor_child_counts counts;
    dor_ref ref;
    cr_assert_null(extra);
    cr_assert_eq(*pid, DOR_PID_NONE);
    atomic_fetch_add(&d->it.starts, 1);
    switch (d->what) {
    case NOTHING_TO_RUN: return DOR_OK;
    case ALREADY_DEAD: *pid = d->pid; return DOR_OK;
    case DIES_AT_ONCE:
        cr_assert_eq(dor_spawn_link(kids_runtime, &brief, pid), DOR_OK);
        send_number(*pid, MSG_END, 0);
        for (int i = 0; i < 20 && dor_is_alive(*pid); i++)
            uv_sleep(1);
        return DOR_OK;
    case A_PROCESS: *pid = d->pid; return DOR_OK;
    case ITSELF: *pid = dor_self(); return DOR_OK;
    case THE_SAME_AGAIN: *pid = d->pid; return DOR_OK;
    case ENDS_SUPERVISOR: cr_assert_eq(dor_exit_self(5), DOR_OK); break;
    case KILLS_SUPERVISOR: cr_assert_eq(dor_exit(dor_self(), DOR_KILL), DOR_OK); break;
    case STOPS_TRAPPING: cr_assert_eq(dor_trap_exit(0), DOR_OK); break;
    case CALLS_ITSELF:
        cr_assert_eq(dor_supervisor_count_children(dor_self(), &counts), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_supervisor_terminate_child(dor_self(), "d", NULL), DOR_E_WOULD_DEADLOCK);
        cr_assert_eq(dor_supervisor_which_child(dor_self(), "d", NULL, &ref), DOR_OK);
        break;
    }
    return run_item(d, pid);
}

static int start_doer(doer *d, family *f, dor_restart restart, dor_pid *supervisor)
{
    dor_child_spec children[3] = {kid_spec(&f->kids[0]),
                                  {.id = "d", .start = start_and_do, .arg = d, .restart = restart},
                                  kid_spec(&f->kids[1])};
    dor_supervisor_spec spec = {
        .intensity = 2, .period_ms = 60000, .scheduler = DOR_ON(0), .children = children, .child_count = 3};
    return dor_supervisor_start(kids_runtime, &spec, supervisor);
}

Test(supervisor_trouble, start_functions_that_give_no_child)
{
    static const deed deeds[] = {A_PROCESS, ITSELF, THE_SAME_AGAIN};
    family f;
    dor_pid supervisor;
    begin_test(2);
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        family_init(&f, 2);
        doer d = {.what = deeds[i], .pid = dor_self()};
        if (deeds[i] == THE_SAME_AGAIN) d.pid = 0;
        log_clear();
        if (deeds[i] == THE_SAME_AGAIN) {
            dor_pid first;
            cr_assert_eq(family_start(kids_runtime, &f, DOR_ONE_FOR_ONE, 0, &supervisor), DOR_OK);
            cr_assert_eq(dor_supervisor_which_child(supervisor, "b", &first, NULL), DOR_OK);
            d.pid = first;
            dor_child_spec spec = {.id = "d", .start = start_and_do, .arg = &d};
            cr_assert_eq(dor_supervisor_add_child(supervisor, &spec, NULL, NULL), DOR_E_BADARG);
            cr_assert_str_eq(running(supervisor), "a b", "and it is left alone");
            stop_supervisor(supervisor);
        } else {
            cr_assert_eq(start_doer(&d, &f, DOR_PERMANENT, &supervisor), DOR_E_BADARG);
            cr_assert(log_is("+a -a"), "%s", log_text);
        }
        expect_released_once(&f);
    }
    end_test();
}

Test(supervisor_trouble, nothing_to_run_is_no_failure)
{
    family f;
    dor_pid supervisor, pid;
    begin_test(1);
    for (int restart = DOR_PERMANENT; restart <= DOR_TEMPORARY; restart++) {
        family_init(&f, 2);
        doer d = {.what = NOTHING_TO_RUN};
        cr_assert_eq(start_doer(&d, &f, (dor_restart)restart, &supervisor), DOR_OK);
        cr_assert_str_eq(running(supervisor), "a b");
        cr_assert_eq(dor_supervisor_which_child(supervisor, "d", &pid, NULL),
                     restart == DOR_TEMPORARY ? DOR_E_NO_CHILD : DOR_OK);
        if (restart != DOR_TEMPORARY) {
            cr_assert_eq(dor_supervisor_restart_child(supervisor, "d", &pid, NULL), DOR_OK);
            cr_assert_eq(pid, DOR_PID_NONE);
            cr_assert_eq(dor_supervisor_delete_child(supervisor, "d", NULL), DOR_OK);
        }
        stop_supervisor(supervisor);
    }
    end_test();
}

/* It is a start and an end: permanent ones are started again until it was too often. */
Test(supervisor_trouble, children_that_are_dead_when_they_come)
{
    family f;
    dor_pid supervisor;
    dor_ref ref;
    begin_test(2);
    cr_assert_eq(dor_trap_exit(1), DOR_OK); /* it may end before we have unlinked it */
    kid brief = {.id = "z"};
    dor_pid dead = spawn_on(kids_runtime, DOR_ON(1), kid_receive, kid_stop, &brief);
    send_number(dead, MSG_END, 0);
    WAIT_FOR(!dor_is_alive(dead));
    for (int i = 0; i < 2; i++) {
        family_init(&f, 2);
        doer d = {.what = i ? DIES_AT_ONCE : ALREADY_DEAD, .pid = dead};
        cr_assert_eq(start_doer(&d, &f, DOR_PERMANENT, &supervisor), DOR_OK);
        cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
        int reason = wait_for_down(ref);
        cr_assert(reason == DOR_E_RESTART_INTENSITY || reason == DOR_E_NOPROC);
        cr_assert_eq(atomic_load(&d.it.starts), 3);
        expect_released_once(&f);
    }
    end_test();
}

/* The reason comes by the link that dor_spawn_link made, however early the end: 9 is not a normal one, DOR_OK is. */
static int start_brief(void *arg, void *extra, dor_pid *pid)
{
    item *it = (item *)arg;
    (void)extra;
    dor_actor_spec spec = {.receive = item_receive, .stop = item_stop, .state = it, .scheduler = DOR_ON(1)};
    atomic_fetch_add(&it->starts, 1);
    cr_assert_eq(dor_spawn_link(kids_runtime, &spec, pid), DOR_OK);
    send_number(*pid, MSG_END, 0);
    if (atomic_load(&it->starts) % 2) sched_yield();
    return DOR_OK;
}

Test(supervisor_trouble, an_early_end_has_its_reason)
{
    begin_test(2);
    unsigned many = scaled(2000);
    for (unsigned i = 0; i < many; i++) {
        item it = {0};
        dor_pid supervisor;
        dor_child_spec child = {.id = "x", .start = start_brief, .arg = &it, .restart = DOR_TRANSIENT};
        dor_supervisor_spec spec = {
            .intensity = 5, .scheduler = DOR_ON(0), .children = &child, .child_count = 1};
        cr_assert_eq(dor_supervisor_start(kids_runtime, &spec, &supervisor), DOR_OK);
        WAIT_FOR(atomic_load(&it.stops) == 1);
        stop_supervisor(supervisor);
        cr_assert_eq(atomic_load(&it.starts), 1, "a normal end, and no restart");
    }
    end_test();
}

Test(supervisor_trouble, start_functions_that_end_the_supervisor)
{
    family f;
    dor_pid supervisor;
    begin_test(2);
    family_init(&f, 2);
    doer d = {.what = ENDS_SUPERVISOR};
    log_clear();
    cr_assert_eq(start_doer(&d, &f, DOR_PERMANENT, &supervisor), 5);
    cr_assert(log_is("+a -a"), "%s", log_text);
    cr_assert_eq(atomic_load(&d.it.stops), 1);
    expect_released_once(&f);

    family_init(&f, 2);
    doer killer = {.what = KILLS_SUPERVISOR};
    cr_assert_eq(start_doer(&killer, &f, DOR_PERMANENT, &supervisor), DOR_E_KILLED);
    WAIT_FOR(atomic_load(&f.kids[0].stops) == 1);
    WAIT_FOR(atomic_load(&killer.it.stops) == 1);
    expect_released_once(&f);
    end_test();
}

Test(supervisor_trouble, start_functions_that_are_merely_odd)
{
    static const deed deeds[] = {STOPS_TRAPPING, CALLS_ITSELF};
    family f;
    dor_pid supervisor;
    begin_test(2);
    for (size_t i = 0; i < 2; i++) {
        family_init(&f, 2);
        doer d = {.what = deeds[i]};
        cr_assert_eq(start_doer(&d, &f, DOR_PERMANENT, &supervisor), DOR_OK);
        send_number(atomic_load(&d.it.pid), MSG_END, 4);
        WAIT_FOR(atomic_load(&d.it.starts) == 2);
        cr_assert_str_eq(running(supervisor), "a d b");
        stop_supervisor(supervisor);
        cr_assert_eq(atomic_load(&d.it.stops), 2);
    }
    end_test();
}

/* ---- supervisors under supervisors ---- */

typedef struct level {
    struct level *below;
    family f;
    uint32_t intensity;
    dor_restart restart;
    _Atomic dor_pid pid;
    atomic_int starts;
} level;

/* The children of a level: the kids before it, the level below, and the others. */
static int start_level(void *arg, void *extra, dor_pid *pid)
{
    level *l = (level *)arg;
    dor_child_spec children[KIDS_MAX + 1];
    size_t count = 0;
    (void)extra;
    atomic_fetch_add(&l->starts, 1);
    for (size_t i = 0; i < l->f.count; i++) {
        if (i == 1 && l->below)
            children[count++] = (dor_child_spec){.id = "below",
                                                 .start = start_level,
                                                 .arg = l->below,
                                                 .restart = l->below->restart,
                                                 .type = DOR_SUPERVISOR};
        children[count] = kid_spec(&l->f.kids[i]);
        children[count++].release = NULL;
    }
    dor_supervisor_spec spec = {.intensity = l->intensity,
                                .period_ms = 60000,
                                .scheduler = DOR_ON_THIS,
                                .children = children,
                                .child_count = count};
    int code = dor_supervisor_start(kids_runtime, &spec, pid);
    atomic_store(&l->pid, *pid);
    return code;
}

static void levels_init(level levels[3])
{
    static const char *const ids[3][2] = {{"a", "z"}, {"b", "y"}, {"c", "x"}};
    for (int i = 0; i < 3; i++) {
        memset(&levels[i], 0, sizeof levels[i]);
        family_init(&levels[i].f, 2);
        levels[i].f.kids[0].id = ids[i][0];
        levels[i].f.kids[1].id = ids[i][1];
        levels[i].f.kids[1].scheduler = DOR_ON(i % 2);
        levels[i].below = i < 2 ? &levels[i + 1] : NULL;
    }
}

Test(supervisor_trouble, three_levels)
{
    level levels[3];
    dor_pid top;
    begin_test(2);
    levels_init(levels);
    levels[2].f.kids[0].slow_ms = 20;
    cr_assert_eq(start_level(&levels[0], NULL, &top), DOR_OK);
    cr_assert(log_is("+a +b +c +x +y +z"), "%s", log_text);
    dor_child_counts counts;
    cr_assert_eq(dor_supervisor_count_children(atomic_load(&levels[1].pid), &counts), DOR_OK);
    cr_assert_eq(counts.supervisors, 1);
    cr_assert_eq(counts.workers, 2);
    log_clear();
    cr_assert_eq(stop_supervisor(top), DOR_E_SHUTDOWN);
    cr_assert(log_is("-z -y -x -c -b -a"), "%s", log_text);
    end_test();
}

/* What is too much for one level is a restart for the next; transient or permanent, since giving up is no normal end. */
Test(supervisor_trouble, giving_up_is_the_next_levels_business)
{
    for (int restart = DOR_PERMANENT; restart <= DOR_TRANSIENT; restart++) {
        level levels[3];
        dor_pid top;
        begin_test(2);
        levels_init(levels);
        levels[0].intensity = 1;
        levels[1].restart = levels[2].restart = (dor_restart)restart;
        cr_assert_eq(start_level(&levels[0], NULL, &top), DOR_OK);
        dor_pid middle = atomic_load(&levels[1].pid), bottom = atomic_load(&levels[2].pid);
        log_clear();
        end_kid(&levels[2].f.kids[0], DOR_E_TIMEOUT);
        expect_log("-c -x -y -b +b +c +x +y");
        cr_assert(!dor_is_alive(middle));
        cr_assert(!dor_is_alive(bottom));
        cr_assert_eq(atomic_load(&levels[0].starts), 1);
        cr_assert_eq(stop_supervisor(top), DOR_E_SHUTDOWN);
        end_test();
    }
}

/* A level that fails to start has ended all that it had started before it is tried again, and before the call returns. */
Test(supervisor_trouble, a_level_that_fails_to_start)
{
    level levels[3];
    dor_pid top;
    begin_test(2);
    levels_init(levels);
    levels[2].f.kids[0].slow_ms = 20;
    levels[2].f.kids[1].fail = 1;
    cr_assert_eq(start_level(&levels[0], NULL, &top), DOR_E_LIMIT);
    cr_assert(log_is("+a +b +c !x -c -b -a"), "%s", log_text);

    log_clear();
    levels[0].intensity = levels[1].intensity = 3;
    cr_assert_eq(start_level(&levels[0], NULL, &top), DOR_OK);
    log_clear();
    atomic_store(&levels[2].f.kids[1].fail, 1);
    cr_assert_eq(dor_supervisor_stop(atomic_load(&levels[2].pid)), DOR_OK);
    expect_log("-x -c +c !x -c +c +x");
    cr_assert_eq(stop_supervisor(top), DOR_E_SHUTDOWN);
    end_test();
}

/* ---- memory ---- */

static atomic_long until_failure = -1; /* so many allocations more, and one fails */

static bool fails_once(void)
{
    return atomic_load(&until_failure) >= 0 && atomic_fetch_sub(&until_failure, 1) == 0;
}

static void *malloc_or_fail(size_t size)
{
    return fails_once() ? NULL : counting_malloc(size);
}

static void *calloc_or_fail(size_t count, size_t size)
{
    return fails_once() ? NULL : counting_calloc(count, size);
}

static void *realloc_or_fail(void *old, size_t size)
{
    return fails_once() ? NULL : counting_realloc(old, size);
}

static void wait_for_end(dor_pid supervisor)
{
    dor_ref ref;
    cr_assert_eq(dor_monitor(supervisor, &ref), DOR_OK);
    (void)dor_supervisor_stop(supervisor);
    (void)wait_for_down(ref);
}

/* Memory is back a little after it has run out: who waits for an end that cannot be asked for without waits until then. */
static atomic_bool bringing;

static void *bring_back(void *unused)
{
    while (atomic_load(&bringing)) {
        uv_sleep(1);
        if (atomic_load(&fail_after) != 0) continue;
        uv_sleep(2);
        atomic_store(&fail_after, -1);
    }
    return unused;
}

/* Something of everything. What fails for lack of memory is left out, and the rest goes on. False: nothing failed. */
static bool live_a_life(bool once, long allocations_left)
{
    family f;
    kid x = {.id = "x", .scheduler = DOR_ON_THIS};
    item it = {0};
    dor_pid supervisor = DOR_PID_NONE, simple = DOR_PID_NONE, pid;
    bool asked = false;
    family_init(&f, 3);
    f.kids[1].scheduler = DOR_ON(1);
    log_clear();
    atomic_store(once ? &until_failure : &fail_after, allocations_left);
    if (family_start(kids_runtime, &f, DOR_REST_FOR_ONE, 9, &supervisor) == DOR_OK) {
        dor_child_info infos[4];
        size_t count;
        dor_child_spec spec = kid_spec(&x);
        asked = true;
        (void)dor_supervisor_add_child(supervisor, &spec, NULL, NULL);
        (void)dor_supervisor_terminate_child(supervisor, "b", NULL);
        (void)dor_supervisor_restart_child(supervisor, "b", NULL, NULL);
        (void)dor_stop(atomic_load(&f.kids[0].pid), 3);
        (void)dor_supervisor_which_children(supervisor, infos, 4, &count);
    }
    dor_child_spec kind = {.start = item_start, .restart = DOR_PERMANENT};
    dor_supervisor_spec spec = {.strategy = DOR_SIMPLE_ONE_FOR_ONE,
                                .intensity = 9,
                                .scheduler = DOR_ON(0),
                                .children = &kind,
                                .child_count = 1};
    int items = 0;
    if (dor_supervisor_start(kids_runtime, &spec, &simple) == DOR_OK) {
        items = 1;
        if (dor_supervisor_start_child(simple, &it, item_release, &pid, NULL) == DOR_OK)
            (void)dor_stop(pid, 4);
    }
    long left = atomic_exchange(once ? &until_failure : &fail_after, -1);
    if (!once && left < 0) left = 0; /* it has been brought back */
    if (simple != DOR_PID_NONE) wait_for_end(simple);
    if (supervisor != DOR_PID_NONE) wait_for_end(supervisor);
    expect_released_once(&f);
    for (size_t i = 0; i < f.count; i++)
        WAIT_FOR(atomic_load(&f.kids[i].starts) == atomic_load(&f.kids[i].stops));
    WAIT_FOR(atomic_load(&x.starts) == atomic_load(&x.stops));
    WAIT_FOR(atomic_load(&it.starts) == atomic_load(&it.stops));
    cr_assert_eq(atomic_load(&it.released), items);
    cr_assert_eq(atomic_load(&x.released), asked);
    return left <= 0;
}

static void expect_lives(bool once)
{
    static const dor_allocator failing = {malloc_or_fail, calloc_or_fail, realloc_or_fail, counting_free};
    unsigned step = SLOW_BUILD ? 3 : 1;
    begin_test(2);
    dor__set_allocator(&failing);
    cr_assert_eq(dor_trap_exit(1), DOR_OK);
    item_scheduler = DOR_ON(1);
    for (long n = 0; live_a_life(once, n); n += step)
        continue;
    end_test();
}

Test(supervisor_trouble, every_allocation_fails_once)
{
    expect_lives(true);
}

Test(supervisor_trouble, memory_runs_out_and_comes_back)
{
    pthread_t thread;
    atomic_store(&bringing, true);
    cr_assert_eq(pthread_create(&thread, NULL, bring_back, NULL), 0);
    expect_lives(false);
    atomic_store(&bringing, false);
    pthread_join(thread, NULL);
}
