/*
 * observe_json.c - figures as JSON. Members are named as the fields of dormouse/observe.h.
 *
 * Numbers are written as they are. Readers that have only doubles, JavaScript for one, see those above 2^53 rounded; of the
 * counts here the first to get there are nanoseconds, after 104 days, and those can spare the last digit.
 */
#include "json_text.h"

#include "base/alloc.h"
#include "runtime/calls.h"
#include "runtime/observe.h"

#include <inttypes.h>

enum { BATCH = 64 /* of actors or names at a time: a little stack, and no long stay inside */ };

static const char *const state_names[] = {"idle", "runnable", "asleep", "ending"};

static void write_runtime(dor_json_text *t, const dor_runtime_info *i)
{
    dor__json_print(t, "{\"schedulers\":%u,\"actors\":%" PRIu32 ",\"processes\":%" PRIu32, i->schedulers,
                    i->actors, i->processes);
    dor__json_print(t, ",\"uptime_ns\":%" PRIu64 ",\"undelivered\":%" PRIu64 "}", i->uptime_ns,
                    i->undelivered);
}

static void write_scheduler(dor_json_text *t, const dor_scheduler_info *i)
{
    dor__json_print(t, "{\"index\":%u,\"actors\":%" PRIu32 ",\"run_queue\":%" PRIu32 ",\"timers\":%" PRIu32,
                    i->index, i->actors, i->run_queue, i->timers);
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"messages", i->messages},
                  {"actor_turns", i->actor_turns},
                  {"loop_turns", i->loop_turns},
                  {"from_outside", i->from_outside},
                  {"timers_fired", i->timers_fired},
                  {"spawned", i->spawned},
                  {"ended", i->ended},
                  {"undelivered", i->undelivered},
                  {"refused", i->refused},
                  {"busy_ns", i->busy_ns},
                  {"cpu_ns", i->cpu_ns}};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        dor__json_print(t, ",\"%s\":%" PRIu64, counts[k].name, counts[k].value);
    dor__json_print(t, "}");
}

static void write_actor(dor_json_text *t, const dor_actor_info *i)
{
    dor__json_print(t, "{\"pid\":\"%016" PRIx64 "\",\"scheduler\":%u,\"state\":\"%s\"", i->pid, i->scheduler,
                    state_names[i->state]);
    dor__json_print(t, ",\"mailbox_messages\":%" PRIu32 ",\"mailbox_bytes\":%" PRIu32, i->mailbox_messages,
                    i->mailbox_bytes);
    dor__json_print(t, ",\"messages\":%" PRIu64 ",\"turns\":%" PRIu64 ",\"busy_ns\":%" PRIu64 "}",
                    i->messages, i->turns, i->busy_ns);
}

static void separate(dor_json_text *t, bool *first)
{
    if (!*first) dor__json_print(t, ",");
    *first = false;
}

static dor_result write_schedulers(dor_json_text *t, dor_runtime *runtime, unsigned count)
{
    dor_scheduler_info info;
    bool first = true;
    dor__json_print(t, ",\"schedulers\":[");
    for (unsigned i = 0; i < count; i++) {
        DOR_TRY(dor__scheduler_info(runtime, i, &info));
        separate(t, &first);
        write_scheduler(t, &info);
    }
    dor__json_print(t, "]");
    return DOR_SUCCESS;
}

static void write_names(dor_json_text *t, dor_runtime *runtime)
{
    dor_named named[BATCH];
    uint64_t cursor = 0;
    bool first = true;
    dor__json_print(t, ",\"names\":{");
    do {
        size_t count = dor__names_walk(runtime, &cursor, named, BATCH);
        for (size_t i = 0; i < count; i++) {
            separate(t, &first);
            dor__json_string(t, named[i].name);
            dor__json_print(t, ":\"%016" PRIx64 "\"", named[i].pid);
        }
    } while (cursor != 0 && !t->failed);
    dor__json_print(t, "}");
}

static dor_result write_actors(dor_json_text *t, dor_runtime *runtime)
{
    dor_actor_info infos[BATCH];
    uint64_t cursor = 0;
    bool first = true;
    dor__json_print(t, ",\"actors\":[");
    do {
        size_t count;
        DOR_TRY(dor__actors_info(runtime, &cursor, infos, BATCH, &count));
        for (size_t i = 0; i < count; i++) {
            separate(t, &first);
            write_actor(t, &infos[i]);
        }
    } while (cursor != 0 && !t->failed);
    dor__json_print(t, "]");
    return DOR_SUCCESS;
}

static dor_result write_all(dor_json_text *t, dor_runtime *runtime, unsigned flags)
{
    dor_runtime_info info;
    if (!runtime) { /* the same one from the beginning to the end */
        DOR_TRY(dor__runtime_enter(&runtime));
        dor__runtime_leave(runtime);
    }
    DOR_TRY(dor__runtime_info(runtime, &info));
    dor__json_print(t, "{\"runtime\":");
    write_runtime(t, &info);
    DOR_TRY(write_schedulers(t, runtime, info.schedulers));
    write_names(t, runtime);
    if (flags & DOR_JSON_ACTORS) DOR_TRY(write_actors(t, runtime));
    dor__json_print(t, "}");
    return t->failed ? dor__error(DOR_E_NOMEM) : DOR_SUCCESS;
}

int dor_runtime_get_json(dor_runtime *runtime, unsigned flags, char **text)
{
    dor_json_text t = {0};
    if (!text || flags & ~(unsigned)DOR_JSON_ACTORS) return DOR_E_BADARG;
    dor_result result = write_all(&t, runtime, flags);
    if (dor__ok(result))
        *text = t.bytes;
    else
        dor__free(t.bytes);
    return result.code;
}
