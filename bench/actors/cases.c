/* cases.c - what is measured. The counts are such that a round takes a good part of a second in the slowest system. */
#include "bench.h"

#include <string.h>

enum {
    NO_ERLANG = 1 << SYSTEM_ERLANG,
    NO_CAF = 1 << SYSTEM_CAF,
};

#define MILLION 1000000u

const bench_case bench_cases[] = {
    {.name = "call",
     .title = "a function call through a pointer, for scale",
     .unit = "call",
     .program = "call",
     .schedulers = 1,
     .count = 100 * MILLION,
     .lacks = NO_ERLANG | NO_CAF},
    {.name = "ping-pong",
     .title = "two actors, one scheduler, one message under way",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 1,
     .a = 1,
     .count = 4 * MILLION},
    {.name = "forward",
     .title = "the same, and the message received is the one that is sent back",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 1,
     .a = 1,
     .b = PING_PONG_FORWARD,
     .count = 4 * MILLION,
     .lacks = NO_ERLANG | NO_CAF},
    {.name = "ping-pong-64",
     .title = "two actors, one scheduler, 64 messages under way",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 1,
     .a = 64,
     .count = 4 * MILLION},
    {.name = "cross",
     .title = "two actors on two threads, one message under way",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 2,
     .a = 1,
     .count = 200000},
    {.name = "cross-64",
     .title = "two actors on two threads, 64 messages under way",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 2,
     .a = 64,
     .count = 4 * MILLION},
    {.name = "cross-1000",
     .title = "two actors on two threads, 1,000 messages under way",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 2,
     .a = 1000,
     .count = 4 * MILLION},
    {.name = "partner",
     .title = "two schedulers; an actor spawns another where the system puts it; one message under way",
     .unit = "message",
     .program = "ping-pong",
     .schedulers = 2,
     .a = 1,
     .b = PING_PONG_PARTNER,
     .count = 4 * MILLION},
    {.name = "ring",
     .title = "a ring of 100,000 actors, one token",
     .unit = "hop",
     .program = "ring",
     .schedulers = 1,
     .a = 100000,
     .b = 1,
     .count = 2 * MILLION},
    {.name = "ring-100",
     .title = "a ring of 100,000 actors, 100 tokens",
     .unit = "hop",
     .program = "ring",
     .schedulers = 1,
     .a = 100000,
     .b = 100,
     .count = 2 * MILLION},
    {.name = "many-to-one",
     .title = "two producers and a consumer on three threads",
     .unit = "message",
     .program = "many-to-one",
     .schedulers = 3,
     .a = 2,
     .b = 1000,
     .count = 4 * MILLION},
    {.name = "fan-out",
     .title = "one actor asks 1,000, all answer",
     .unit = "message",
     .program = "fan-out",
     .schedulers = 1,
     .a = 1000,
     .count = 4 * MILLION},
    {.name = "fan-out-10000",
     .title = "one actor asks 10,000, all answer",
     .unit = "message",
     .program = "fan-out",
     .schedulers = 1,
     .a = 10000,
     .count = 4 * MILLION},
    {.name = "spawn-stop",
     .title = "an actor begins and ends",
     .unit = "actor",
     .program = "spawn-stop",
     .schedulers = 1,
     .a = 100,
     .count = MILLION},
    {.name = "timers",
     .title = "a million timers, all delivered",
     .unit = "timer",
     .program = "timers",
     .schedulers = 1,
     .count = MILLION},
    {.name = "timers-cancel",
     .title = "a million timers, every second one cancelled",
     .unit = "timer",
     .program = "timers",
     .schedulers = 1,
     .a = 2,
     .count = MILLION,
     .lacks = NO_CAF},
    {.name = "idle",
     .title = "an idle actor, of a million",
     .unit = "bytes",
     .program = "idle",
     .schedulers = 1,
     .count = MILLION,
     .memory = true},
    {.name = "idle-hibernated",
     .title = "the same, Erlang's hibernated",
     .unit = "bytes",
     .program = "idle",
     .schedulers = 1,
     .b = 1,
     .count = MILLION,
     .memory = true},
};

const size_t bench_case_count = sizeof bench_cases / sizeof *bench_cases;

const bench_case *bench_find_case(const char *name)
{
    for (size_t i = 0; i < bench_case_count; i++)
        if (strcmp(bench_cases[i].name, name) == 0) return &bench_cases[i];
    return NULL;
}

/* Operations come in this many, so that every program does exactly what it is told. */
static uint64_t step(const bench_job *job)
{
    const char *program = job->c->program;
    if (strcmp(program, "ping-pong") == 0) return 2;
    if (strcmp(program, "fan-out") == 0) return 2 * job->a;
    if (strcmp(program, "ring") == 0) return job->b;
    if (strcmp(program, "many-to-one") == 0) return job->a;
    return 1;
}

static uint64_t round_up(uint64_t count, uint64_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

bench_job bench_make_job(const bench_case *c, uint64_t count, bool quick)
{
    bench_job job = {.c = c, .a = c->a, .b = c->b};
    bool crowd = strcmp(c->program, "ring") == 0 || strcmp(c->program, "fan-out") == 0;
    job.count = count ? count : quick ? c->count / 10 : c->count;
    if (crowd && job.a > job.count / 4) job.a = job.count / 4 + 1; /* a small run has a small crowd */
    job.warm_up = job.count / 10;
    if (c->memory && job.warm_up > 1000) job.warm_up = 1000;
    job.count = round_up(job.count, step(&job));
    job.warm_up = round_up(job.warm_up + 1, step(&job));
    return job;
}
