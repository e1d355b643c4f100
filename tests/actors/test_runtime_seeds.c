/*
 * Random programs under random schedules: see runtime_seeds.h for what is checked.
 *
 *   DORMOUSE_SEEDS=n    so many seeds instead of the suite's bounded number
 *   DORMOUSE_SEED=k     this one, or the first one
 */
#include "runtime_seeds.h"

TestSuite(runtime_seeds, .init = count_memory, .timeout = 36000);

/* ---- memory that fails now and then ---- */

static bool memory_fails(void)
{
    return w.scarce && below(w.scarce) == 0;
}

static void *scarce_malloc(size_t size)
{
    return memory_fails() ? NULL : counting_malloc(size);
}

static void *scarce_calloc(size_t count, size_t size)
{
    return memory_fails() ? NULL : counting_calloc(count, size);
}

static void *scarce_realloc(void *old, size_t size)
{
    return memory_fails() ? NULL : counting_realloc(old, size);
}

/* ---- at rest: everything under way has come ---- */

static dor_actor *actor_of(const node *n)
{
    return dor__actor_find(&w.runtime->schedulers[dor__scheduler_index_of(n->pid)], n->pid);
}

static void check_links(const node *n)
{
    dor_actor *a = actor_of(n);
    if (!a) return;
    dor_linker linker = dor__actor_linker(a);
    for (unsigned i = 1; i < w.node_count; i++) {
        const node *other = &w.nodes[i];
        if (!dor__link_exists(&linker, other->pid)) continue;
        dor_actor *b = actor_of(other);
        CHECK(b, "%u is linked to %u, which has ended", n->number, i);
        dor_linker back = dor__actor_linker(b);
        CHECK(dor__link_exists(&back, n->pid), "%u is linked to %u, but not the other way", n->number, i);
        CHECK(n->has_linked[i] || other->has_linked[n->number], "%u is linked to %u", n->number, i);
    }
}

static void check_nodes(void)
{
    for (unsigned i = 1; i < w.node_count; i++) {
        const node *n = &w.nodes[i];
        CHECK(n->ended == !dor_is_alive(n->pid), "%u", i);
        CHECK(n->ended || !n->doomed, "%u should have ended", i);
        if (n->ended) continue;
        for (unsigned j = 0; j < w.node_count; j++) {
            CHECK(n->received[j] == w.nodes[j].sent[i], "%u has not got all of %u's", i, j);
            CHECK(!n->traps || n->may_trap || n->exits_received[j] == w.nodes[j].exits_sent[i],
                  "%u has not got all of %u's signals", i, j);
        }
        check_links(n);
    }
}

/* What the runtime holds is what there is a reason for. */
static void check_holdings(void)
{
    unsigned monitors = 0, boxes = 0, live_monitors = 0, live_boxes = 0;
    for (unsigned i = 0; i < w.monitor_count; i++)
        monitors += w.monitors[i].fate == OPEN && !w.nodes[w.monitors[i].watcher].ended;
    for (unsigned i = 0; i < w.ask_count; i++)
        monitors += w.asks[i].fate == OPEN && !w.nodes[w.asks[i].asker].ended;
    for (unsigned i = 0; i < w.box_count; i++)
        boxes += !w.boxes[i].retired;
    for (unsigned i = 0; i < w.schedulers; i++) {
        dor_scheduler *s = &w.runtime->schedulers[i];
        CHECK(dor__slab_live(&s->timers) == 0, "%u timers are left", dor__slab_live(&s->timers));
        live_monitors += dor__slab_live(&s->monitors);
        live_boxes += dor__slab_live(&s->mailboxes);
    }
    CHECK(monitors == live_monitors, "%u monitors instead of %u", live_monitors, monitors);
    CHECK(boxes == live_boxes, "%u event mailboxes instead of %u", live_boxes, boxes);
}

static void check_at_rest(void)
{
    check_nodes();
    check_holdings();
    for (unsigned i = 0; i < w.monitor_count; i++) {
        const monitored *m = &w.monitors[i];
        CHECK(m->fate != OPEN || w.nodes[m->watcher].ended || !w.nodes[m->watched].ended,
              "%u was not told of %u's end", m->watcher, m->watched);
    }
    for (unsigned i = 0; i < w.timer_count; i++)
        CHECK(w.timers[i].fate != OPEN || w.nodes[w.timers[i].to].ended, "timer %u has not come", i);
    for (unsigned i = 0; i < w.ask_count; i++) {
        const asked *a = &w.asks[i];
        CHECK(a->fate != OPEN || w.nodes[a->asker].ended ||
                  (a->due_ms == UINT64_MAX && !w.nodes[a->server].ended),
              "request %u of %u has no outcome", i, a->asker);
    }
    for (unsigned i = 0; i < w.box_count; i++) {
        const box *b = &w.boxes[i];
        bool told = !b->wants_low || (b->posted - b->taken) * 10 > 15 || w.nodes[b->producer].ended;
        CHECK(w.nodes[b->owner].ended || b->taken == b->posted, "%u did not get all events of %u", b->owner,
              i);
        CHECK(told, "%u was not told that there is room", b->producer);
    }
}

/* ---- a seed ---- */

static void begin(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.random.counter = seed ^ UINT64_C(0x5eed); /* not the simulation's own numbers */
    w.schedulers = 1 + below(4);
    w.actions = 1 << (4 + below(7));
    choose_likings();
    w.node_count = 1;
    w.nodes[0].box = -1;
    dor_simulation_options options = {.schedulers = w.schedulers, .seed = seed};
    CHECK(dor_simulation_new(&w.runtime, &options) == DOR_OK, "no simulation");
    while (w.node_count < 5)
        spawn_plain(&w.nodes[0]);
    if (below(4) == 0) w.scarce = 20 + below(100);
}

static void finish(void)
{
    w.stopping = true;
    CHECK(dor_runtime_stop(w.runtime, below(3) ? 1000 : 0) == DOR_OK, "stop");
    for (unsigned i = 1; i < w.node_count; i++)
        CHECK(w.nodes[i].ended, "%u", i);
    CHECK(w.letters == 0, "%ld messages are left", w.letters);
    CHECK(atomic_load(&live_blocks) == 0, "%ld blocks are left", atomic_load(&live_blocks));
}

static bool somebody_lives(void)
{
    for (unsigned i = 1; i < w.node_count; i++)
        if (!w.nodes[i].ended) return true;
    return false;
}

static void run_seed(uint64_t seed)
{
    enum { ENOUGH = 1000000 };
    begin(seed);
    while (w.actions > 0 && somebody_lives()) {
        if (below(2)) act(&w.nodes[0]);
        if (below(64) == 0)
            (void)dor_simulation_run_for(w.runtime, below(30), below(100));
        else
            (void)dor_simulation_run(w.runtime, below(20), NULL);
    }
    if (below(8)) {
        CHECK(dor_simulation_run(w.runtime, ENOUGH, NULL) == DOR_OK, "does not come to rest");
        unsigned scarce = w.scarce;
        w.scarce = 0;
        check_at_rest();
        w.scarce = scarce;
    }
    finish();
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

Test(runtime_seeds, random_programs_under_random_schedules)
{
    static const dor_allocator scarce = {scarce_malloc, scarce_calloc, scarce_realloc, counting_free};
    bool one = getenv("DORMOUSE_SEED") && !getenv("DORMOUSE_SEEDS");
    uint64_t first = number_from("DORMOUSE_SEED", 0);
    uint64_t count = number_from("DORMOUSE_SEEDS", one ? 1 : scaled(4000));
    dor__set_allocator(&scarce);
    for (uint64_t i = 0; i < count; i++)
        run_seed(first + i);
}
