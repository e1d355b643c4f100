/*
 * runtime.c - runtimes: the registry that names lead through, the beginning, and the orderly end.
 *
 * Registry: a place for each runtime of the process, for ever (static memory). A thread that is not one of a runtime's
 * own schedulers enters the place before it touches the runtime, and leaves it after; stopping closes the place and
 * waits until nobody is inside. A runtime's own schedulers need no such thing, since it outlives their threads.
 *
 * The end, phase by phase (dor_phase). dor__runtime_stop, on the caller's thread, moves from one to the next:
 *
 *   STOPPING   no new actors; each actor is asked to end; processes that wait are woken. A scheduler arrives when it
 *              has no actors, no holds, no deferred work, and no handles but its own.
 *   KILLING    when all have arrived or the deadline has passed: actors that are left are ended. A scheduler arrives,
 *              if it has not, when it has no actors.
 *   (closed)   when all have arrived: the registry's place closes, and whoever is inside is waited for.
 *   FINISHING  loops are left. At the gate each waits for all: behind it no thread sends to another scheduler of this
 *              runtime, so inboxes can be emptied for good and wake-up handles closed.
 */
#include "runtime/private.h"

#include "base/alloc.h"
#include "runtime/speaker.h"

#include <pthread.h>
#include <sched.h>

#define OPEN ((uint64_t)1 << 63)

/* `inside` and `runtime` are for any thread; the rest is under registry_lock. */
static struct place {
    _Alignas(64) _Atomic uint64_t inside; /* how many threads are in, and OPEN */
    _Atomic(dor_runtime *) runtime;
    uint32_t generation; /* where the next runtime's generations start */
    bool taken;
    bool stopping;
} places[DOR_RUNTIMES_MAX];

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t default_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(dor_runtime *) default_runtime;
static unsigned last_place;

/* ---- entering and leaving ---- */

static dor_runtime *enter(struct place *place)
{
    /* acquire: pairs with the release that opened the place, so that the runtime is seen complete. */
    uint64_t before = atomic_fetch_add_explicit(&place->inside, 1, memory_order_acquire);
    if (before & OPEN) {
        /* relaxed: written before the place was opened, and not while anybody is inside. */
        dor_runtime *runtime = atomic_load_explicit(&place->runtime, memory_order_relaxed);
        /* To other threads a simulation is not there. */
        if (!runtime->simulation || dor__simulation_is_here(runtime->simulation)) return runtime;
    }
    /* relaxed: nothing was touched. */
    atomic_fetch_sub_explicit(&place->inside, 1, memory_order_relaxed);
    return NULL;
}

static void leave(struct place *place)
{
    /* release: pairs with the acquire in close_place; all we did with the runtime comes before it goes. */
    atomic_fetch_sub_explicit(&place->inside, 1, memory_order_release);
}

static void open_place(struct place *place, dor_runtime *runtime)
{
    /* relaxed, then release: who sees the place open sees the runtime. */
    atomic_store_explicit(&place->runtime, runtime, memory_order_relaxed);
    atomic_fetch_or_explicit(&place->inside, OPEN, memory_order_release);
}

/* Returns when nobody is inside. What people do inside is short, but for receives, and those have been woken. */
static void close_place(struct place *place)
{
    /*
     * acq_rel here and acquire below: who left before us left for good, and we see all it did. One atomic word holds
     * both the mark and the count, so whoever comes in later sees the mark.
     */
    atomic_fetch_and_explicit(&place->inside, ~OPEN, memory_order_acq_rel);
    for (unsigned i = 0; atomic_load_explicit(&place->inside, memory_order_acquire) != 0; i++) {
        if (i < 100)
            sched_yield();
        else
            uv_sleep(1);
    }
    atomic_store_explicit(&place->runtime, NULL, memory_order_relaxed);
}

dor_runtime *dor__runtime_enter_of(uint64_t name)
{
    dor_scheduler *s = dor__current;
    unsigned index = dor__runtime_index_of(name);
    if (dor__kind_of(name) == DOR_KIND_REF) return NULL;
    if (s && s->runtime->index == index) return s->closed ? NULL : s->runtime;
    return enter(&places[index]);
}

/* The runtime of the calling process or port. An actor's is only named. */
static bool enter_own(dor_runtime **runtime)
{
    const dor_speaker *speaker = &dor__speaker;
    if (dor__current) {
        *runtime = dor__current->runtime;
        return false;
    }
    if (speaker->port != DOR_PID_NONE)
        *runtime = dor__runtime_enter_of(speaker->port);
    else if (speaker->process != DOR_PID_NONE)
        *runtime = dor__runtime_enter_of(speaker->process);
    return *runtime != NULL;
}

dor_result dor__runtime_enter(dor_runtime **runtime)
{
    dor_scheduler *s = dor__current;
    if (!*runtime && enter_own(runtime)) return DOR_SUCCESS;
    if (!*runtime) DOR_TRY(dor__runtime_default(runtime));
    if (s && s->runtime == *runtime) return s->closed ? dor__error(DOR_E_STOPPED) : DOR_SUCCESS;
    /* The pointer may be of a runtime that has gone: it is only compared. */
    for (unsigned i = 0; i < DOR_RUNTIMES_MAX; i++) {
        if (atomic_load_explicit(&places[i].runtime, memory_order_relaxed) != *runtime) continue;
        if (s && s->runtime == *runtime) return s->closed ? dor__error(DOR_E_STOPPED) : DOR_SUCCESS;
        dor_runtime *entered = enter(&places[i]);
        if (entered == *runtime) return DOR_SUCCESS;
        if (entered) leave(&places[i]);
    }
    return dor__error(DOR_E_STOPPED);
}

void dor__runtime_leave(dor_runtime *runtime)
{
    dor_scheduler *s = dor__current;
    if (!s || s->runtime != runtime) leave(&places[runtime->index]);
}

dor_result dor__runtime_enter_real(dor_runtime **runtime)
{
    DOR_TRY(dor__runtime_enter(runtime));
    if (!(*runtime)->simulation) return DOR_SUCCESS;
    dor__runtime_leave(*runtime);
    return dor__error(DOR_E_NOT_SUPPORTED);
}

/* ---- what layers above ask ---- */

dor_scheduler *dor__runtime_scheduler(dor_runtime *runtime, unsigned index)
{
    return &runtime->schedulers[index];
}

unsigned dor__runtime_scheduler_count(const dor_runtime *runtime)
{
    return runtime->count;
}

dor_runtime *dor__pid_runtime(dor_pid pid)
{
    dor_runtime *runtime = dor__runtime_enter_of(pid);
    if (runtime) dor__runtime_leave(runtime);
    return runtime;
}

/* ---- beginning ---- */

static struct place *take_place(unsigned *index)
{
    struct place *place = NULL;
    pthread_mutex_lock(&registry_lock);
    for (unsigned i = 0; i < DOR_RUNTIMES_MAX && !place; i++) {
        /* In turn, so that old names meet an empty place rather than a new runtime for as long as possible. */
        *index = (last_place + 1 + i) % DOR_RUNTIMES_MAX;
        if (!places[*index].taken) place = &places[*index];
    }
    if (place) {
        last_place = *index;
        place->taken = true;
        place->stopping = false;
    }
    pthread_mutex_unlock(&registry_lock);
    return place;
}

static void give_place(struct place *place, uint32_t generation)
{
    pthread_mutex_lock(&registry_lock);
    /* Half of the generations are left to a runtime at least; after that names of very old runtimes may come back. */
    place->generation = generation > DOR_GENERATION_MAX / 2 ? 0 : generation;
    place->taken = false;
    pthread_mutex_unlock(&registry_lock);
}

static void free_runtime(dor_runtime *runtime)
{
    uint32_t generation = dor__slab_next_generation(&runtime->processes);
    for (unsigned i = 0; i < runtime->count; i++) {
        dor_scheduler *s = &runtime->schedulers[i];
        dor_slab *slabs[] = {&s->actors, &s->mailboxes, &s->timers, &s->monitors, &s->gates};
        for (size_t j = 0; j < sizeof slabs / sizeof slabs[0]; j++) {
            uint32_t next = dor__slab_next_generation(slabs[j]);
            if (next > generation) generation = next;
        }
        dor__scheduler_fini(s);
    }
    uint32_t next = dor__slab_next_generation(&runtime->process_monitors);
    if (next > generation) generation = next;
    dor__guests_fini(runtime);
    dor__names_fini(&runtime->names);
    dor__depot_fini(&runtime->depot);
    uv_mutex_destroy(&runtime->lock);
    uv_cond_destroy(&runtime->changed);
    dor__tracer_fini(&runtime->tracer);
    struct place *place = &places[runtime->index];
    dor__free(runtime->memory);
    dor__free(runtime);
    give_place(place, generation);
}

/* Ends a runtime whose schedulers' threads, as far as they were started, are past or at their gate. */
static void join_and_free(dor_runtime *runtime)
{
    dor_scheduler *caller = dor__current;
    for (unsigned i = 0; i < runtime->count; i++) {
        dor_scheduler *s = &runtime->schedulers[i];
        if (s->started) {
            uv_thread_join(&s->thread);
        } else {
            dor__current = s;
            dor__scheduler_finish(s);
            dor__current = caller;
        }
    }
    free_runtime(runtime);
}

static void set_phase(dor_runtime *runtime, dor_phase phase)
{
    /* release: pairs with the acquire in dor__phase. */
    atomic_store_explicit(&runtime->phase, (int)phase, memory_order_release);
    for (unsigned i = 0; i < runtime->count; i++)
        if (runtime->schedulers[i].started) dor__scheduler_wake(&runtime->schedulers[i]);
}

static unsigned started_count(const dor_runtime *runtime)
{
    unsigned started = 0;
    for (unsigned i = 0; i < runtime->count; i++)
        started += runtime->schedulers[i].started;
    return started;
}

/* What can be made before the schedulers. On failure nothing is left. */
static dor_result init_shared(dor_runtime *runtime, unsigned count, uint32_t first_generation)
{
    /* The schedulers' parts for other threads and for their own lie on cache lines of their own. */
    runtime->memory = dor__calloc(1, count * sizeof(dor_scheduler) + 64);
    if (!runtime->memory) return dor__error(DOR_E_NOMEM);
    runtime->schedulers = (dor_scheduler *)(((uintptr_t)runtime->memory + 63) & ~(uintptr_t)63);
    int error = dor__depot_init(&runtime->depot);
    if (!error) error = uv_mutex_init(&runtime->lock);
    if (!error) error = uv_cond_init(&runtime->changed);
    if (!error) error = dor__names_init(&runtime->names);
    if (!error) error = dor__tracer_init(&runtime->tracer);
    dor_result result = error ? dor__errno(-error) : dor__guests_init(runtime, first_generation);
    if (dor__failed(result)) dor__free(runtime->memory);
    return result;
}

static dor_result start_threads(dor_runtime *runtime)
{
    for (unsigned i = 0; i < runtime->count; i++) {
        dor_scheduler *s = &runtime->schedulers[i];
        s->started = true; /* before the thread reads anything */
        int error = uv_thread_create(&s->thread, dor__scheduler_main, s);
        if (error) {
            s->started = false;
            return dor__errno(-error);
        }
    }
    return DOR_SUCCESS;
}

static dor_result make(dor_runtime **made, struct place *place, unsigned index, unsigned count,
                       dor_simulation *simulation)
{
    dor_runtime *runtime = (dor_runtime *)dor__calloc(1, sizeof *runtime);
    if (runtime) {
        runtime->index = index;
        runtime->simulation = simulation;
        runtime->started_ns = simulation ? 0 : uv_hrtime();
    }
    unsigned processors = uv_available_parallelism();
    dor_result result = runtime ? init_shared(runtime, count, place->generation) : dor__error(DOR_E_NOMEM);
    if (dor__failed(result)) {
        dor__free(runtime);
        give_place(place, place->generation);
        return result;
    }
    while (dor__ok(result) && runtime->count < count) {
        dor_scheduler *s = &runtime->schedulers[runtime->count];
        result = dor__scheduler_init(s, runtime, runtime->count, place->generation);
        s->spin.allowed = processors > 1 && count <= processors;
        if (dor__ok(result)) runtime->count++;
    }
    if (dor__ok(result) && !simulation) result = start_threads(runtime);
    if (dor__failed(result)) {
        set_phase(runtime, DOR_PHASE_FINISHING);
        join_and_free(runtime);
        return result;
    }
    open_place(place, runtime);
    *made = runtime;
    return DOR_SUCCESS;
}

dor_result dor__runtime_make(dor_runtime **runtime, unsigned count, dor_simulation *simulation)
{
    unsigned index;
    if (count > DOR_SCHEDULERS_MAX) return dor__error(DOR_E_BADARG);
    struct place *place = take_place(&index);
    if (!place) return dor__error(DOR_E_LIMIT);
    return make(runtime, place, index, count, simulation);
}

dor_result dor__runtime_new(dor_runtime **runtime, const dor_runtime_options *options)
{
    unsigned count = options ? options->schedulers : 0;
    if (count == 0) {
        count = uv_available_parallelism();
        if (count > DOR_SCHEDULERS_MAX) count = DOR_SCHEDULERS_MAX;
    }
    return dor__runtime_make(runtime, count, NULL);
}

dor_result dor__runtime_default(dor_runtime **runtime)
{
    dor_result result = DOR_SUCCESS;
    /* acquire: pairs with the release below. The pointer is compared, and entered, before anybody looks behind it. */
    *runtime = atomic_load_explicit(&default_runtime, memory_order_acquire);
    if (*runtime) return result;
    pthread_mutex_lock(&default_lock);
    *runtime =
        atomic_load_explicit(&default_runtime, memory_order_relaxed); /* relaxed: written under the lock */
    if (!*runtime) {
        result = dor__runtime_new(runtime, NULL);
        if (dor__ok(result)) atomic_store_explicit(&default_runtime, *runtime, memory_order_release);
    }
    pthread_mutex_unlock(&default_lock);
    return result;
}

/* ---- end ---- */

void dor__runtime_arrive(dor_runtime *runtime)
{
    uv_mutex_lock(&runtime->lock);
    runtime->arrived++;
    uv_cond_broadcast(&runtime->changed);
    uv_mutex_unlock(&runtime->lock);
}

void dor__runtime_gate(dor_runtime *runtime)
{
    unsigned all = started_count(runtime);
    uv_mutex_lock(&runtime->lock);
    runtime->at_gate++;
    uv_cond_broadcast(&runtime->changed);
    while (runtime->at_gate < all)
        uv_cond_wait(&runtime->changed, &runtime->lock);
    uv_mutex_unlock(&runtime->lock);
}

/* Waits for all schedulers to arrive; false when the deadline came first. */
static bool all_arrived(dor_runtime *runtime, uint32_t deadline_ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)deadline_ms * 1000000;
    bool timely = true;
    if (runtime->simulation) return dor__simulation_arrives(runtime, deadline_ms);
    uv_mutex_lock(&runtime->lock);
    while (runtime->arrived < runtime->count && timely) {
        uint64_t now = uv_hrtime();
        if (deadline_ms == DOR_INFINITY)
            uv_cond_wait(&runtime->changed, &runtime->lock);
        else if (now >= end)
            timely = false;
        else
            uv_cond_timedwait(&runtime->changed, &runtime->lock, end - now);
    }
    uv_mutex_unlock(&runtime->lock);
    return timely;
}

/* The running runtime that the caller means, marked so that only one thread stops it. */
static dor_runtime *claim(dor_runtime *runtime)
{
    dor_runtime *claimed = NULL;
    pthread_mutex_lock(&registry_lock);
    if (!runtime) runtime = atomic_load_explicit(&default_runtime, memory_order_relaxed);
    for (unsigned i = 0; i < DOR_RUNTIMES_MAX && runtime && !claimed; i++) {
        struct place *place = &places[i];
        if (!place->taken || place->stopping) continue;
        /* acquire on `inside`: an open place is one whose runtime is complete; see open_place. */
        if (!(atomic_load_explicit(&place->inside, memory_order_acquire) & OPEN)) continue;
        if (atomic_load_explicit(&place->runtime, memory_order_relaxed) != runtime) continue;
        if (runtime->simulation && !dor__simulation_is_here(runtime->simulation)) continue;
        place->stopping = true;
        claimed = runtime;
    }
    pthread_mutex_unlock(&registry_lock);
    return claimed;
}

dor_result dor__runtime_stop(dor_runtime *runtime, uint32_t deadline_ms)
{
    if (dor__current) return dor__error(DOR_E_WOULD_DEADLOCK);
    runtime = claim(runtime);
    if (!runtime) return dor__error(DOR_E_STOPPED);
    set_phase(runtime, DOR_PHASE_STOPPING);
    dor__guests_stop(runtime);
    (void)all_arrived(runtime, deadline_ms);
    set_phase(runtime, DOR_PHASE_KILLING);
    (void)all_arrived(runtime, DOR_INFINITY);

    dor_runtime *expected = runtime;
    /* relaxed: from here on who finds NULL makes another one; who still has the pointer finds its place closed. */
    atomic_compare_exchange_strong_explicit(&default_runtime, &expected, NULL, memory_order_relaxed,
                                            memory_order_relaxed);
    close_place(&places[runtime->index]);
    set_phase(runtime, DOR_PHASE_FINISHING);
    dor_simulation *simulation = runtime->simulation;
    join_and_free(runtime);
    dor__simulation_free(simulation);
    return DOR_SUCCESS;
}
