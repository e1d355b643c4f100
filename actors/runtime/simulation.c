/*
 * simulation.c - see simulation.h and dormouse/simulate.h.
 *
 * Owning thread: the one that made the simulation.
 *
 * A step is one turn of one scheduler. What the seed decides in it: which scheduler; how much time it takes; whether it
 * sees the timers that are due, and the messages from other schedulers, in this turn at all; which actor is first; and
 * how many messages each part of the turn handles. Its queues remain what they are, so the order that the runtime
 * promises, for each pair of sender and receiver, is kept; every other order is open.
 *
 * Each seed also has a character, chosen at the start: whether its turns are long or short, whether a scheduler keeps its
 * turn for long while others wait, whether steps take time. Uniform choices alone make some mishaps very unlikely, for
 * example that one scheduler does nothing for as long as another takes fifty turns.
 */
#include "runtime/private.h"

#include "base/alloc.h"
#include "runtime/random.h"
#include "runtime/signals.h"

#include <pthread.h>

enum {
    DEFAULT_SCHEDULERS = 2,
    LONG_SHARE = 2000,
    RUNNABLE_LOOKED_AT = 16,
    NS_PER_MS = 1000000,
    /* What a step, and each actor's part of it, take at least, so that who waits busily does not wait for ever. */
    STEP_NS = 1000,
    ACTOR_NS = 10000
};

struct dor_simulation {
    dor_runtime *runtime;
    pthread_t thread;
    dor_random random;
    uint64_t digest;
    uint64_t now_ns;
    uint64_t end_ns; /* the clock does not go beyond in the present run */
    bool running;
    bool exact;
    uint32_t exact_ns;
    uint64_t step_ns; /* what the latest step took */
    unsigned last;    /* the scheduler that had the latest step */
    /* the seed's character */
    uint32_t longest_share; /* messages that most parts of a turn handle at most */
    uint32_t stays;         /* a scheduler goes on with so many chances in ... */
    uint32_t of;            /* ... so many, if it has something to do */
    uint32_t pace_ns;       /* one step in four takes up to so much longer */
    uint32_t withheld;      /* chances in 16 that a part of a turn is skipped */
};

static void note(dor_simulation *sim, uint64_t value)
{
    sim->digest = dor__mix(sim->digest + UINT64_C(0x9e3779b97f4a7c15) + value);
}

static uint64_t clock_ms(const dor_simulation *sim)
{
    return sim->now_ns / NS_PER_MS;
}

static void pass(dor_simulation *sim, uint64_t ns)
{
    uint64_t left = sim->end_ns - sim->now_ns;
    sim->now_ns += ns < left ? ns : left;
}

/* ---- chance ---- */

/* One of 0 .. count-1. */
static uint32_t choose(dor_simulation *sim, uint32_t count)
{
    uint32_t choice = dor__random_below(&sim->random, count);
    note(sim, choice);
    return choice;
}

static void choose_character(dor_simulation *sim)
{
    static const uint32_t shares[] = {1, 3, 20, LONG_SHARE}, stays[] = {0, 1, 7, 40};
    static const uint32_t paces[] = {0, 0, 200 * 1000, 3 * NS_PER_MS}, withheld[] = {0, 4, 8, 12};
    sim->longest_share = shares[choose(sim, 4)];
    sim->stays = stays[choose(sim, 4)];
    sim->of = sim->stays + 1;
    sim->pace_ns = paces[choose(sim, 4)];
    sim->withheld = withheld[choose(sim, 4)];
}

uint32_t dor__simulation_share(dor_simulation *sim, uint32_t stride)
{
    if (sim->exact) return stride;
    return choose(sim, 8) == 0 ? (uint32_t)LONG_SHARE : 1 + choose(sim, sim->longest_share);
}

void dor__simulation_has_counted(dor_simulation *sim, uint32_t count)
{
    if (sim->exact) pass(sim, (uint64_t)count * sim->exact_ns);
}

bool dor__simulation_decides(const dor_simulation *sim)
{
    return !sim->exact;
}

bool dor__simulation_withholds(dor_simulation *sim)
{
    return !sim->exact && choose(sim, 16) < sim->withheld;
}

void dor__simulation_choose_actor(dor_scheduler *s)
{
    uint32_t count = 0;
    dor_actor *a = s->run_first, *previous = NULL;
    if (!a || s->simulation->exact) return;
    for (const dor_actor *b = a; b && count < RUNNABLE_LOOKED_AT; b = b->run_next)
        count++;
    for (uint32_t chosen = choose(s->simulation, count); chosen > 0; chosen--) {
        previous = a;
        a = a->run_next;
    }
    if (!previous) return;
    previous->run_next = a->run_next;
    if (s->run_last == a) s->run_last = previous;
    a->run_next = s->run_first;
    s->run_first = a;
}

void dor__simulation_has_run(dor_simulation *sim, const dor_actor *a)
{
    note(sim, dor__slot_of(a->pid) << 2 | a->state); /* the rest of a pid is another one in every run */
    if (!sim->exact) pass(sim, ACTOR_NS);
}

void dor__simulation_has_delivered(dor_simulation *sim, const dor_message *m)
{
    note(sim, (uint64_t)m->type << 32 | dor__slot_of(m->to_));
}

/* ---- time ---- */

uint64_t dor__simulation_clock_ns(const dor_simulation *sim)
{
    return sim->now_ns;
}

bool dor__simulation_is_here(const dor_simulation *sim)
{
    return pthread_equal(pthread_self(), sim->thread);
}

/* When the next timer is due, of all schedulers. */
static uint64_t next_timer_ms(const dor_runtime *runtime)
{
    uint64_t next = DOR_WHEEL_NEVER;
    for (unsigned i = 0; i < runtime->count; i++) {
        uint64_t earliest = dor__wheel_earliest(&runtime->schedulers[i].wheel);
        if (earliest < next) next = earliest;
    }
    return next;
}

/* ---- steps ---- */

static bool has_work(dor_scheduler *s)
{
    int phase = dor__phase(s->runtime);
    if (s->run_first || s->deferred.first || dor__signals_wait(s)) return true;
    if (dor__intake_pending(&s->intake) || !dor__inbox_sleep(&s->inbox) || !dor__inbox_sleep(&s->urgent))
        return true;
    if (phase >= DOR_PHASE_STOPPING && !s->asked_to_stop) return true;
    if (phase >= DOR_PHASE_KILLING && !s->killed) return true;
    /* next_ms is a lower bound: at worst a turn is made for nothing, and then it is exact. */
    return dor__wheel_pending(&s->wheel) || s->wheel.next_ms <= clock_ms(s->simulation);
}

/* The scheduler whose turn is next; NULL when none has anything to do. */
static dor_scheduler *choose_scheduler(dor_simulation *sim)
{
    dor_scheduler *able[DOR_SCHEDULERS_MAX];
    dor_runtime *runtime = sim->runtime;
    unsigned count = 0;
    bool last = false;
    for (unsigned i = 0; i < runtime->count; i++) {
        if (!has_work(&runtime->schedulers[i])) continue;
        able[count++] = &runtime->schedulers[i];
        if (i == sim->last) last = true;
    }
    if (count == 0) return NULL;
    if (last && count > 1 && choose(sim, sim->of) < sim->stays) return &runtime->schedulers[sim->last];
    dor_scheduler *chosen = able[count > 1 ? choose(sim, count) : 0];
    sim->last = chosen->index;
    return chosen;
}

static void step(dor_simulation *sim, dor_scheduler *s)
{
    if (!sim->exact) pass(sim, STEP_NS);
    if (!sim->exact && sim->pace_ns && choose(sim, 4) == 0) pass(sim, choose(sim, sim->pace_ns));
    note(sim, sim->now_ns << 8 | s->index);
    uint64_t begin_ns = sim->now_ns;
    dor__current = s;
    dor__turn(s);
    dor__current = NULL;
    sim->step_ns = sim->now_ns - begin_ns;
}

typedef enum outcome { QUIET, OUT_OF_STEPS, OUT_OF_TIME, ARRIVED } outcome;

/* Until nothing is left to do, or all have arrived, or so many steps were made, or the clock would go beyond end_ns. */
static outcome run(dor_simulation *sim, uint64_t max_steps, uint64_t end_ns, uint64_t *steps)
{
    dor_runtime *runtime = sim->runtime;
    sim->end_ns = end_ns;
    for (*steps = 0;;) {
        if (runtime->arrived == runtime->count) return ARRIVED;
        dor_scheduler *s = choose_scheduler(sim);
        if (s) {
            /* A deadline is one even for those who always have something to do. */
            if (sim->now_ns == end_ns && dor__phase(runtime) == DOR_PHASE_STOPPING) return OUT_OF_TIME;
            if (*steps == max_steps) return OUT_OF_STEPS;
            ++*steps;
            step(sim, s);
            continue;
        }
        uint64_t next_ms = next_timer_ms(runtime);
        if (next_ms == DOR_WHEEL_NEVER) return QUIET;
        if (next_ms > end_ns / NS_PER_MS) {
            sim->now_ns = end_ns;
            return OUT_OF_TIME;
        }
        sim->now_ns = next_ms * NS_PER_MS;
    }
}

static uint64_t end_after(const dor_simulation *sim, uint32_t ms)
{
    return ms == DOR_INFINITY ? UINT64_MAX : sim->now_ns + (uint64_t)ms * NS_PER_MS;
}

bool dor__simulation_arrives(dor_runtime *runtime, uint32_t deadline_ms)
{
    uint64_t steps;
    dor_simulation *sim = runtime->simulation;
    return run(sim, UINT64_MAX, end_after(sim, deadline_ms), &steps) == ARRIVED;
}

static dor_result run_steps(dor_runtime *runtime, uint32_t ms, uint64_t max_steps, uint64_t *steps)
{
    static const int codes[] = {
        [QUIET] = DOR_OK, [OUT_OF_STEPS] = DOR_E_LIMIT, [OUT_OF_TIME] = DOR_E_TIMEOUT};
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    if (!runtime) return dor__error(DOR_E_BADARG);
    DOR_TRY(dor__runtime_enter(&runtime));
    dor_simulation *sim = runtime->simulation;
    int code = sim ? codes[run(sim, max_steps, end_after(sim, ms), steps)] : DOR_E_BADARG;
    dor__runtime_leave(runtime);
    return dor__error(code);
}

/* ---- for the layer above ---- */

dor_result dor__simulation_run(dor_runtime *runtime, uint64_t max_steps, uint64_t *steps)
{
    uint64_t unwanted;
    return run_steps(runtime, DOR_INFINITY, max_steps, steps ? steps : &unwanted);
}

dor_result dor__simulation_run_for(dor_runtime *runtime, uint32_t ms, uint64_t max_steps)
{
    uint64_t unwanted;
    return run_steps(runtime, ms, max_steps, &unwanted);
}

uint64_t dor__simulation_now_ms(const dor_runtime *runtime)
{
    return runtime->simulation ? clock_ms(runtime->simulation) : 0;
}

uint64_t dor__simulation_digest(const dor_runtime *runtime)
{
    return runtime->simulation ? runtime->simulation->digest : 0;
}

dor_result dor__simulation_new(dor_runtime **runtime, const dor_simulation_options *options)
{
    unsigned count = options && options->schedulers ? options->schedulers : (unsigned)DEFAULT_SCHEDULERS;
    dor_simulation *sim = (dor_simulation *)dor__calloc(1, sizeof *sim);
    if (!sim) return dor__error(DOR_E_NOMEM);
    sim->thread = pthread_self();
    sim->random.counter = options ? options->seed : 0;
    choose_character(sim);
    dor_result result = dor__runtime_make(runtime, count, sim);
    if (dor__ok(result))
        sim->runtime = *runtime;
    else
        dor__free(sim);
    return result;
}

void dor__simulation_free(dor_simulation *sim)
{
    dor__free(sim);
}

/* ---- for tests ---- */

void dor__simulation_be_exact(dor_runtime *runtime, uint32_t ns)
{
    runtime->simulation->exact = true;
    runtime->simulation->exact_ns = ns;
}

uint64_t dor__simulation_step_ns(const dor_runtime *runtime)
{
    return runtime->simulation->step_ns;
}

void dor__simulation_pass(dor_runtime *runtime, uint64_t ns)
{
    pass(runtime->simulation, ns);
}
