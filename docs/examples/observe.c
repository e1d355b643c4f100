/*
 * observe.c - looks at a running runtime: figures of schedulers, the actor that is busiest, a trace of a few messages, and
 * all of it as JSON.
 */
#include <dormouse.h>
#include <stdatomic.h>
#include <stdio.h>

enum { WORK = DOR_MSG_USER, WORKERS = 3, ROUNDS = 1000, BATCH = 64 };

/* ---- something to look at: workers, each slower than the one before ---- */

static void work(void *state, dor_message *message)
{
    const int *factor = state;
    volatile unsigned sum = 0;
    for (int i = 0; i < *factor * 2000; i++)
        sum += (unsigned)i;
    dor_message_free(message);
}

static void send_work(const dor_pid *workers, int rounds)
{
    for (int i = 0; i < rounds; i++)
        for (int k = 0; k < WORKERS; k++)
            dor_send(workers[k], dor_message_new(WORK, 100, NULL));
}

/* ---- figures ---- */

/* How busy a scheduler is follows from two looks, as all rates do. */
static void print_schedulers(dor_runtime *runtime)
{
    dor_runtime_info whole;
    dor_scheduler_info s;
    if (dor_runtime_get_info(runtime, &whole)) return;
    for (unsigned i = 0; i < whole.schedulers && dor_scheduler_get_info(runtime, i, &s) == DOR_OK; i++)
        printf("scheduler %u: %u actors, %llu messages in %llu turns, busy %.0f %% of its life\n", i,
               s.actors, (unsigned long long)s.messages, (unsigned long long)s.actor_turns,
               100.0 * (double)s.busy_ns / (double)whole.uptime_ns);
}

/* Walks over all actors, a batch at a time, while they go on. */
static dor_actor_info busiest(dor_runtime *runtime)
{
    dor_actor_info infos[BATCH], most = {0};
    uint64_t cursor = 0;
    size_t count;
    do {
        if (dor_actors_get_info(runtime, &cursor, infos, BATCH, &count)) break;
        for (size_t i = 0; i < count; i++)
            if (infos[i].busy_ns >= most.busy_ns) most = infos[i];
    } while (cursor != 0);
    return most;
}

/* ---- a trace ---- */

typedef struct tally {
    _Atomic unsigned sends, receives;
} tally;

/* On any thread, on several at once: quick, and no call of the library. */
static void count_event(void *arg, const dor_trace_event *event)
{
    tally *t = arg;
    if (event->type != WORK) return;
    atomic_fetch_add(event->what == DOR_TRACE_SEND ? &t->sends : &t->receives, 1);
}

static int trace_some(dor_runtime *runtime, const dor_pid *workers)
{
    tally t = {0};
    int code = dor_trace(runtime, DOR_TRACE_SEND | DOR_TRACE_RECEIVE, count_event, &t);
    if (code) return code;
    send_work(workers, 10);
    dor_trace(runtime, 0, NULL, NULL); /* from here on nobody uses t */
    printf("traced: %u sent, %s\n", t.sends,
           t.receives <= t.sends ? "no more received" : "too many received");
    return DOR_OK;
}

int main(void)
{
    static int factors[WORKERS] = {1, 4, 16};
    dor_runtime *runtime;
    dor_pid workers[WORKERS];
    char *json = NULL;
    int code = dor_runtime_new(&runtime, &(dor_runtime_options){.schedulers = 2});
    if (code) return 1;
    for (int i = 0; i < WORKERS && !code; i++)
        code = dor_spawn(runtime,
                         &(dor_actor_spec){.receive = work, .state = &factors[i], .scheduler = DOR_ON(i % 2)},
                         &workers[i]);
    if (!code) code = dor_register(runtime, "slowest", workers[WORKERS - 1]);
    if (!code) send_work(workers, ROUNDS);
    dor_actor_info last = {0}; /* what a poller would do: until the slowest one has nothing left */
    while (!code && last.messages < ROUNDS)
        code = dor_actor_get_info(workers[WORKERS - 1], &last);
    if (!code) {
        print_schedulers(runtime);
        printf("the busiest actor is %s\n",
               busiest(runtime).pid == dor_whereis(runtime, "slowest") ? "the slowest" : "another");
        code = trace_some(runtime, workers);
    }
    if (!code) code = dor_runtime_get_json(runtime, DOR_JSON_ACTORS, &json);
    if (json) puts(json);
    dor_free(json);
    dor_runtime_stop(runtime, 1000);
    return code != DOR_OK;
}
