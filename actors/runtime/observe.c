/*
 * observe.c - see observe.h: reads what the schedulers write down of themselves and of their actors.
 *
 * Threads: any. Nobody is asked and no actor's memory is looked at, only schedulers and slots, which stay where they are
 * as long as the runtime is entered. Figures are relaxed on the writer's side (DOR_FIGURE_ADD): each is a fact by itself.
 *
 * A slot's figures belong to one actor after another, so they are believed only if the slot's tag is the same before and
 * after they were read. The loads are acquire, so that the second look at the tag really comes after them, and so that
 * who reads a zero of the next actor's beginning (a release in actor.c, after the former one's tag was killed) finds the
 * tag changed. A figure that the next actor has counted up already is a relaxed store: there the language promises
 * less, but every processor that has one order of stores for all observers does the same. At worst a number is
 * wrong; nothing is reached through it.
 */
#include "runtime/observe.h"

#include "runtime/gate.h"

#include <pthread.h>
#include <time.h>

#define FIGURE(figure) atomic_load_explicit(&(figure), memory_order_relaxed)

/* Slots that one call of dor__actors_info looks at, beside those that it gives out. */
enum { WALK_SLOTS = 4096 };

/* ---- the runtime and its schedulers ---- */

static dor_runtime_info runtime_info(dor_runtime *runtime)
{
    dor_runtime_info info = {.schedulers = runtime->count,
                             .processes = dor__slab_live(&runtime->processes),
                             .uptime_ns = dor__clock_ns(&runtime->schedulers[0]) - runtime->started_ns,
                             .undelivered = FIGURE(runtime->undelivered)};
    for (unsigned i = 0; i < runtime->count; i++) {
        info.actors += dor__slab_live(&runtime->schedulers[i].actors);
        info.undelivered += FIGURE(runtime->schedulers[i].figures.undelivered);
    }
    return info;
}

dor_result dor__runtime_info(dor_runtime *runtime, dor_runtime_info *info)
{
    DOR_TRY(dor__runtime_enter(&runtime));
    *info = runtime_info(runtime);
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}

/* The thread is there, if only as a name, until it is joined, and that is after the last one has left the runtime. */
static uint64_t cpu_ns(const dor_scheduler *s)
{
#ifdef __APPLE__
    (void)s;
    return 0;
#else
    clockid_t clock;
    struct timespec t;
    if (s->simulation) return 0; /* it has no thread of its own */
    if (pthread_getcpuclockid(s->thread, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
#endif
}

/* A simulation does not know when it idles. */
static uint64_t busy_ns(dor_scheduler *s)
{
    uint64_t busy = FIGURE(s->figures.busy), now = dor__clock_ns(s);
    if (busy & DOR_IN_POLL) return busy & ~DOR_IN_POLL;
    return now > busy ? now - busy : 0;
}

static void scheduler_info(dor_scheduler *s, dor_scheduler_info *info)
{
    dor_scheduler_figures *f = &s->figures;
    *info = (dor_scheduler_info){.index = s->index,
                                 .actors = dor__slab_live(&s->actors),
                                 .run_queue = FIGURE(f->run_queue),
                                 .timers = dor__slab_live(&s->timers),
                                 .messages = FIGURE(f->messages),
                                 .actor_turns = FIGURE(f->actor_turns),
                                 .loop_turns = FIGURE(f->loop_turns),
                                 .from_outside = FIGURE(f->from_outside),
                                 .timers_fired = FIGURE(f->timers_fired),
                                 .spawned = FIGURE(s->spawned),
                                 .ended = FIGURE(f->ended),
                                 .undelivered = FIGURE(f->undelivered),
                                 .refused = FIGURE(s->refused),
                                 .busy_ns = busy_ns(s),
                                 .cpu_ns = cpu_ns(s)};
}

dor_result dor__scheduler_info(dor_runtime *runtime, unsigned index, dor_scheduler_info *info)
{
    DOR_TRY(dor__runtime_enter(&runtime));
    bool exists = index < runtime->count;
    if (exists) scheduler_info(&runtime->schedulers[index], info);
    dor__runtime_leave(runtime);
    return exists ? DOR_SUCCESS : dor__error(DOR_E_BADARG);
}

/* ---- actors ---- */

#define ACTOR_FIGURE(figure) atomic_load_explicit(&(figure), memory_order_acquire)

/* What the slot says of the actor that lives there; false when none does, or not any more. */
static bool read_slot(dor_scheduler *s, uint32_t slot, dor_actor_slot *at, dor_actor_info *info)
{
    /* acquire: see dor__slab_publish; this actor's figures, not those of the one before. */
    uint32_t tag = atomic_load_explicit(&at->item.tag, memory_order_acquire);
    if ((tag & 3) != DOR_SLAB_LIVE) return false;
    uint64_t waiting = ACTOR_FIGURE(at->waiting);
    *info = (dor_actor_info){.pid = dor__name(s->actor_home, slot, dor__tag_generation(tag)),
                             .scheduler = s->index,
                             .state = (dor_actor_state)ACTOR_FIGURE(at->state),
                             .mailbox_messages = (uint32_t)waiting,
                             .mailbox_bytes = (uint32_t)(waiting >> 32),
                             .messages = ACTOR_FIGURE(at->messages),
                             .turns = ACTOR_FIGURE(at->turns),
                             .busy_ns = ACTOR_FIGURE(at->busy_ns)};
    dor_gate *gate = dor__slot_gate(at);
    if (gate) { /* another's by now, perhaps: then so is the slot */
        info->mailbox_messages += ACTOR_FIGURE(gate->depth);
        info->mailbox_bytes += ACTOR_FIGURE(gate->bytes);
    }
    /* relaxed: the acquires above keep it behind them. */
    return atomic_load_explicit(&at->item.tag, memory_order_relaxed) == tag;
}

/* The runtime is entered. */
static bool actor_info(dor_runtime *runtime, dor_pid pid, dor_actor_info *info)
{
    unsigned index = dor__scheduler_index_of(pid);
    if (index >= runtime->count) return false;
    dor_scheduler *s = &runtime->schedulers[index];
    dor_actor_slot *at = (dor_actor_slot *)dor__slab_at(&s->actors, dor__slot_of(pid));
    return at && read_slot(s, dor__slot_of(pid), at, info) && info->pid == pid;
}

dor_result dor__actor_info(dor_pid pid, dor_actor_info *info)
{
    dor_actor_info found;
    if (dor__kind_of(pid) != DOR_KIND_ACTOR) return dor__error(DOR_E_NOPROC);
    dor_runtime *runtime = dor__runtime_enter_of(pid);
    if (!runtime) return dor__error(DOR_E_NOPROC);
    bool lives = actor_info(runtime, pid, &found);
    dor__runtime_leave(runtime);
    if (!lives) return dor__error(DOR_E_NOPROC);
    *info = found;
    return DOR_SUCCESS;
}

/*
 * The cursor is scheduler << 32 | slot of the next one to look at, and 0 at both ends: at the beginning that is the first
 * slot of all anyway. Slots are filled in order and their arrays stay, so where there is none the scheduler's are over.
 */
dor_result dor__actors_info(dor_runtime *runtime, uint64_t *cursor, dor_actor_info *infos, size_t cap,
                            size_t *count)
{
    DOR_TRY(dor__runtime_enter(&runtime));
    unsigned index = (unsigned)(*cursor >> 32), all = runtime->count;
    uint32_t slot = (uint32_t)*cursor;
    size_t given = 0;
    if (*cursor >> 32 >= all || slot > DOR_SLOTS_MAX) {
        dor__runtime_leave(runtime);
        return dor__error(DOR_E_BADARG);
    }
    for (size_t left = cap + WALK_SLOTS; left > 0 && given < cap && index < all; left--) {
        dor_scheduler *s = &runtime->schedulers[index];
        dor_actor_slot *at = slot < DOR_SLOTS_MAX ? (dor_actor_slot *)dor__slab_at(&s->actors, slot) : NULL;
        if (!at) {
            index++;
            slot = 0;
            continue;
        }
        given += read_slot(s, slot, at, &infos[given]);
        slot++;
    }
    *cursor = index < all ? (uint64_t)index << 32 | slot : 0;
    *count = given;
    dor__runtime_leave(runtime);
    return DOR_SUCCESS;
}
