/*
 * test_runtime_supervisor_seeds.c - random supervisors under random schedules, with children that end when they like, and
 * memory that fails now and then.
 *
 *   DORMOUSE_SEEDS=n    so many seeds instead of the suite's bounded number
 *   DORMOUSE_SEED=k     this one, or the first one
 *
 * Checked, for every seed: no child is started while the former one lives, nor, in the strategies that say so, while one
 * to its right does; children end from right to left; each call is answered once; each specification and each extra is
 * released once; and everything ends when it is told to.
 */
#include "runtime_support.h"

#include "runtime/random.h"
#include <dormouse/simulate.h>
#include <dormouse/supervisor.h>

TestSuite(supervisor_seeds, .init = count_memory, .timeout = 36000);

enum { KIDS = 6, ITEMS = 24, MSG_GO = DOR_MSG_USER, MSG_STEP, MSG_END, MSG_UNLINK };

typedef struct one {
    dor_pid pid; /* the latest */
    dor_pid parent;
    uint32_t alive;
    uint32_t releases;
    uint32_t order;   /* of a kid: its place */
    uint32_t slow_ms; /* traps exits, and ends so much later */
    bool deaf;        /* traps exits, and stays */
    bool shut_down;   /* the supervisor has asked it to end */
    bool used;        /* an item: has been given to the supervisor */
} one;

static struct {
    uint64_t seed;
    dor_random random;
    dor_runtime *runtime;
    dor_pid supervisor, founder, chaos;
    dor_strategy strategy;
    one kids[KIDS], items[ITEMS];
    unsigned kid_count, item_count, schedulers;
    uint32_t failing; /* one in so many starts fails; 0: none */
    uint32_t scarce;  /* one in so many allocations fails; 0: none */
    bool ordered;     /* nobody asks for what breaks the order */
    bool killed;      /* the supervisor: what traps exits then lives on */
    unsigned steps, asked, answered;
    int started;
} w;

#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            w.scarce = 0;                                                                                    \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            cr_assert(condition, "seed %llu", (unsigned long long)w.seed);                                   \
        }                                                                                                    \
    } while (0)

static uint32_t below(uint32_t count)
{
    return dor__random_below(&w.random, count);
}

static bool one_in(uint32_t count)
{
    return count && below(count) == 0;
}

/* ---- memory ---- */

static void *scarce_malloc(size_t size)
{
    return one_in(w.scarce) ? NULL : counting_malloc(size);
}

static void *scarce_calloc(size_t count, size_t size)
{
    return one_in(w.scarce) ? NULL : counting_calloc(count, size);
}

static void *scarce_realloc(void *old, size_t size)
{
    return one_in(w.scarce) ? NULL : counting_realloc(old, size);
}

/* ---- children ---- */

static void check_order(const one *o, const char *what)
{
    if (!w.ordered || w.killed || w.strategy == DOR_SIMPLE_ONE_FOR_ONE) return;
    for (unsigned i = o->order + 1; i < w.kid_count; i++)
        CHECK(!w.kids[i].alive, "%u %s while %u lives\n", o->order, what, i);
}

static void one_stop(void *state, int reason)
{
    one *o = (one *)state;
    o->alive--;
    if (reason == DOR_E_SHUTDOWN) check_order(o, "is ended");
}

static void one_receive(void *state, dor_message *m)
{
    one *o = (one *)state;
    uint32_t type = m->type;
    dor_exit_notice notice = {0};
    if (type == DOR_MSG_EXIT) memcpy(&notice, dor_message_payload(m), sizeof notice);
    dor_message_free(m);
    if (notice.pid == o->parent) o->shut_down = true;
    int reason = o->shut_down ? DOR_E_SHUTDOWN : DOR_E_CANCELLED;
    if (type == MSG_END) cr_assert_eq(dor_exit_self(below(2) ? DOR_OK : DOR_E_TIMEOUT), DOR_OK);
    if (type == MSG_UNLINK) cr_assert_eq(dor_unlink(o->parent), DOR_OK);
    if (type == MSG_STEP) cr_assert_eq(dor_exit_self(reason), DOR_OK);
    if (type != DOR_MSG_EXIT || !o->slow_ms) return;
    dor_message *end = dor_message_new(MSG_STEP, 0, NULL);
    if (!end || dor_send_after(dor_self(), end, o->slow_ms, NULL)) dor_exit_self(reason);
    o->slow_ms = 0; /* from now on it is deaf, until the step comes */
}

static int start_one(void *arg, void *extra, dor_pid *pid)
{
    one *o = (one *)(extra ? extra : arg);
    CHECK(!o->alive, "a second life before the end of the first\n");
    if (w.strategy == DOR_ONE_FOR_ALL || w.strategy == DOR_REST_FOR_ONE) check_order(o, "is started");
    if (one_in(w.failing)) return DOR_E_LIMIT;
    if (one_in(40)) return DOR_OK; /* nothing to run */
    o->parent = dor_self();
    o->shut_down = false;
    o->slow_ms = one_in(4) ? 1 + below(40) : 0;
    o->deaf = !o->slow_ms && one_in(8);
    dor_actor_spec spec = {.receive = one_receive,
                           .stop = one_stop,
                           .state = o,
                           .scheduler = below(2) ? DOR_ON_THIS : DOR_ON(below(w.schedulers)),
                           .trap_exit = o->slow_ms || o->deaf};
    int code = below(2) ? dor_spawn_link(w.runtime, &spec, pid) : dor_spawn(w.runtime, &spec, pid);
    if (code != DOR_OK) return code;
    o->alive++;
    o->pid = *pid;
    if (one_in(8)) (void)dor_stop(*pid, (int)below(3));
    return DOR_OK;
}

static void release_one(void *arg)
{
    ((one *)arg)->releases++;
}

/* ---- those who trouble it ---- */

static const char *const ids[KIDS] = {"0", "1", "2", "3", "4", "5"};

static void ask(void)
{
    dor_ref ref;
    int code = DOR_E_NOPROC;
    const char *id = ids[below(KIDS)];
    one *item = w.item_count < ITEMS ? &w.items[w.item_count] : NULL;
    uint32_t what = below(w.strategy == DOR_SIMPLE_ONE_FOR_ONE ? 3 : 7);
    if (what < 2 && item && w.strategy == DOR_SIMPLE_ONE_FOR_ONE) {
        item->used = true;
        w.item_count++;
        code = dor_supervisor_start_child(w.supervisor, item, release_one, NULL, &ref);
    } else if (what == 2 && w.item_count) {
        code = dor_supervisor_terminate_pid(w.supervisor, w.items[below(w.item_count)].pid, &ref);
    } else if (what < 4) {
        code = dor_supervisor_terminate_child(w.supervisor, id, &ref);
    } else if (what == 4) {
        code = dor_supervisor_restart_child(w.supervisor, id, NULL, &ref);
    } else if (what == 5) {
        code = dor_supervisor_delete_child(w.supervisor, id, &ref);
    } else {
        code = dor_supervisor_which_child(w.supervisor, id, NULL, &ref);
    }
    if (code == DOR_OK) w.asked++;
}

static void trouble_somebody(void)
{
    bool simple = w.strategy == DOR_SIMPLE_ONE_FOR_ONE;
    if (simple && !w.item_count) return;
    one *o = simple ? &w.items[below(w.item_count)] : &w.kids[below(w.kid_count)];
    uint32_t what = below(6);
    if (what == 0) {
        (void)dor_exit(o->pid, one_in(3) ? DOR_KILL : DOR_E_TIMEOUT);
    } else if (what == 1) {
        (void)dor_stop(o->pid, (int)below(2));
    } else if (what == 2) {
        (void)dor_exit(w.supervisor, DOR_E_TIMEOUT); /* a stranger's */
    } else {
        dor_message *m = dor_message_new(what == 3 ? MSG_UNLINK : MSG_END, 0, NULL);
        if (m) (void)dor_send(o->pid, m);
    }
}

static void end_it(void)
{
    w.scarce = 0;
    uint32_t how = below(4);
    if (how == 0 && w.founder) {
        cr_assert_eq(dor_stop(w.founder, 9), DOR_OK);
    } else if (how == 1) {
        w.killed = true;
        cr_assert_eq(dor_exit(w.supervisor, DOR_KILL), DOR_OK);
    } else {
        (void)dor_supervisor_stop(w.supervisor);
    }
}

static void next_step(void)
{
    uint32_t scarce = w.scarce;
    w.scarce = 0; /* the trouble itself does not fail */
    dor_message *m = dor_message_new(MSG_STEP, 0, NULL);
    cr_assert_eq(dor_send_after(dor_self(), m, below(30), NULL), DOR_OK);
    w.scarce = scarce;
}

static void chaos_receive(void *state, dor_message *m)
{
    uint32_t type = m->type;
    (void)state;
    dor_message_free(m);
    if (type == DOR_MSG_SUPERVISOR || type == DOR_MSG_NO_REPLY) w.answered++;
    if (type != MSG_STEP) return;
    if (w.steps == 0) {
        end_it();
        return;
    }
    w.steps--;
    if (w.strategy == DOR_SIMPLE_ONE_FOR_ONE ? below(2) : !w.ordered && below(2)) {
        ask();
    } else {
        trouble_somebody();
    }
    next_step();
}

static void start_it(void)
{
    static const uint32_t shutdowns[] = {DOR_SHUTDOWN_DEFAULT, DOR_SHUTDOWN_KILL, 20, 100};
    dor_child_spec children[KIDS];
    bool simple = w.strategy == DOR_SIMPLE_ONE_FOR_ONE;
    for (unsigned i = 0; i < w.kid_count; i++)
        children[i] = (dor_child_spec){.id = ids[i],
                                       .start = start_one,
                                       .arg = &w.kids[i],
                                       .release = release_one,
                                       .restart = (dor_restart)below(3),
                                       .shutdown_ms = shutdowns[below(4)],
                                       .type = one_in(9) ? DOR_SUPERVISOR : DOR_WORKER};
    for (unsigned i = 0; i < w.kid_count; i++)
        if (children[i].type == DOR_SUPERVISOR && children[i].shutdown_ms == DOR_SHUTDOWN_DEFAULT)
            children[i].shutdown_ms = 200; /* the deaf would be waited for without limit */
    dor_supervisor_spec spec = {.strategy = w.strategy,
                                .intensity = below(3) ? below(12) : 100000,
                                .period_ms = below(3) * 100,
                                .scheduler = w.founder ? DOR_ON_THIS : DOR_ON_ANY,
                                .children = children,
                                .child_count = simple ? 1 : w.kid_count};
    w.started = dor_supervisor_start(w.runtime, &spec, &w.supervisor);
}

static void founder_receive(void *state, dor_message *m)
{
    (void)state;
    if (m->type == MSG_GO) start_it();
    dor_message_free(m);
}

/* ---- a seed ---- */

static void set_up(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.random.counter = seed * 2 + 1; /* not the simulation's own numbers */
    w.schedulers = 1 + below(3);
    w.strategy = (dor_strategy)below(4);
    w.kid_count = w.strategy == DOR_SIMPLE_ONE_FOR_ONE ? 1 : 1 + below(KIDS);
    w.failing = below(3) == 0 ? 2 + below(10) : 0;
    w.ordered = below(2);
    w.steps = below(40);
    for (unsigned i = 0; i < KIDS; i++)
        w.kids[i].order = i;
    dor_simulation_options options = {.schedulers = w.schedulers, .seed = seed};
    cr_assert_eq(dor_simulation_new(&w.runtime, &options), DOR_OK);
    dor_actor_spec chaos = {.receive = chaos_receive, .scheduler = DOR_ON_ANY},
                   founder = {.receive = founder_receive, .scheduler = DOR_ON_ANY, .trap_exit = 1};
    cr_assert_eq(dor_spawn(w.runtime, &chaos, &w.chaos), DOR_OK);
    if (below(2)) cr_assert_eq(dor_spawn(w.runtime, &founder, &w.founder), DOR_OK);
}

static void run_seed(uint64_t seed)
{
    set_up(seed);
    uint32_t scarce = below(3) == 0 ? 4 + below(60) : 0;
    if (w.founder) {
        cr_assert_eq(dor_send(w.founder, dor_message_new(MSG_GO, 0, NULL)), DOR_OK);
        cr_assert_eq(dor_send_after(w.chaos, dor_message_new(MSG_STEP, 0, NULL), 50, NULL), DOR_OK);
        w.scarce = scarce;
    } else {
        w.scarce = scarce;
        start_it();
        w.scarce = 0;
        cr_assert_eq(dor_send(w.chaos, dor_message_new(MSG_STEP, 0, NULL)), DOR_OK);
        w.scarce = scarce;
    }
    int code = dor_simulation_run(w.runtime, 2000000, NULL);
    CHECK(code == DOR_OK, "it does not come to rest: %d\n", code);
    w.scarce = 0;
    CHECK(!w.supervisor || !dor_is_alive(w.supervisor), "it lives\n");
    CHECK(w.started == DOR_OK || !w.supervisor, "a pid of nobody\n");
    CHECK(w.asked == w.answered, "%u calls, %u answers\n", w.asked, w.answered);
    for (unsigned i = 0; i < w.kid_count && !w.killed; i++)
        CHECK(!w.kids[i].alive, "%u lives on\n", i);
    for (unsigned i = 0; i < ITEMS && !w.killed; i++)
        CHECK(!w.items[i].alive, "item %u lives on\n", i);
    cr_assert_eq(dor_runtime_stop(w.runtime, 1000), DOR_OK);
    for (unsigned i = 0; i < w.kid_count; i++)
        CHECK(w.kids[i].releases == 1 && !w.kids[i].alive, "%u was released %u times\n", i,
              w.kids[i].releases);
    for (unsigned i = 0; i < ITEMS; i++)
        CHECK(w.items[i].releases == w.items[i].used && !w.items[i].alive, "item %u was released %u times\n",
              i, w.items[i].releases);
    CHECK(atomic_load(&live_blocks) == 0, "%ld blocks are left\n", atomic_load(&live_blocks));
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

Test(supervisor_seeds, random_supervisors_under_random_schedules)
{
    static const dor_allocator scarce = {scarce_malloc, scarce_calloc, scarce_realloc, counting_free};
    bool single = getenv("DORMOUSE_SEED") && !getenv("DORMOUSE_SEEDS");
    uint64_t first = number_from("DORMOUSE_SEED", 0);
    uint64_t count = number_from("DORMOUSE_SEEDS", single ? 1 : scaled(2000));
    dor__set_allocator(&scarce);
    for (uint64_t i = 0; i < count; i++)
        run_seed(first + i);
}

/* ---- the period, on a clock that can be relied on ---- */

static void end_kid_receive(void *state, dor_message *m)
{
    one *o = (one *)state;
    dor_message_free(m);
    (void)dor_stop(o->pid, 3);
}

static int start_plain(void *arg, void *extra, dor_pid *pid)
{
    one *o = (one *)arg;
    dor_actor_spec spec = {.receive = one_receive, .state = o, .scheduler = DOR_ON_THIS};
    (void)extra;
    return dor_spawn(w.runtime, &spec, &o->pid) || !(*pid = o->pid);
}

/* A child ends at these times; two restarts are allowed in 100 ms. Whether the supervisor is still there at last. */
static bool outlives(const uint32_t *times, size_t count)
{
    dor_pid driver, supervisor;
    memset(&w, 0, sizeof w);
    dor_simulation_options options = {.schedulers = 1, .seed = count};
    cr_assert_eq(dor_simulation_new(&w.runtime, &options), DOR_OK);
    dor_child_spec child = {.id = "a", .start = start_plain, .arg = &w.kids[0]};
    dor_supervisor_spec spec = {.intensity = 2, .period_ms = 100, .children = &child, .child_count = 1};
    cr_assert_eq(dor_supervisor_start(w.runtime, &spec, &supervisor), DOR_OK);
    dor_actor_spec actor = {.receive = end_kid_receive, .state = &w.kids[0]};
    cr_assert_eq(dor_spawn(w.runtime, &actor, &driver), DOR_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(dor_send_after(driver, dor_message_new(MSG_STEP, 0, NULL), times[i], NULL), DOR_OK);
    cr_assert_eq(dor_simulation_run(w.runtime, 100000, NULL), DOR_OK);
    bool alive = dor_is_alive(supervisor);
    cr_assert_eq(dor_runtime_stop(w.runtime, 1000), DOR_OK);
    return alive;
}

Test(supervisor_seeds, restarts_count_for_a_period)
{
    static const uint32_t seldom[] = {10, 60, 130, 190, 250, 320, 390, 450, 520}, often[] = {10, 60, 90},
                          late[] = {10, 60, 130, 190, 200};
    cr_assert(outlives(seldom, 9));
    cr_assert(!outlives(often, 3));
    cr_assert(!outlives(late, 5));
}
