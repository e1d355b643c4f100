/* program_lives.c - call, spawn-stop, timers, idle. Each state belongs to its actor's scheduler. */
#include "program.h"

#include <stdlib.h>

/* ---- call ---- */

static uint64_t add_one(uint64_t number)
{
    return number + 1;
}

static uint64_t (*volatile called)(uint64_t) =
    add_one; /* volatile: the compiler can't know what it points to */

static uint64_t run_call(bench_stage *stage, uint64_t count)
{
    uint64_t number = 0;
    (void)stage;
    for (uint64_t i = 0; i < count; i++)
        number = called(number);
    return number;
}

/* ---- spawn-stop ---- */

typedef struct spawner {
    dor_runtime *runtime;
    dor_pid home;
    uint64_t batch, wanted, started, ended;
} spawner;

static void never_receive(void *state, dor_message *m)
{
    (void)state;
    dor_message_free(m);
}

static void count_end(void *state, int reason)
{
    spawner *s = state; /* the children are on its scheduler */
    (void)reason;
    s->ended++;
}

static void spawn_some(spawner *s)
{
    dor_actor_spec spec = {.receive = never_receive, .stop = count_end, .state = s, .scheduler = DOR_ON_THIS};
    for (uint64_t i = 0; i < s->batch && s->started < s->wanted; i++, s->started++) {
        dor_pid pid;
        if (dor_spawn(s->runtime, &spec, &pid) != DOR_OK || dor_stop(pid, DOR_OK) != DOR_OK)
            bench_give_up("no actor");
    }
}

static void spawner_receive(void *state, dor_message *m)
{
    spawner *s = state;
    bool begins = m->type == MSG_GO;
    uint64_t number = bench_take(m);
    if (begins) {
        s->wanted = number;
        s->started = s->ended = 0;
    }
    spawn_some(s);
    if (s->ended < s->wanted)
        bench_send(dor_self(), MSG_TICK, 0);
    else
        bench_send(s->home, MSG_DONE, s->ended);
}

static void set_up_spawn_stop(bench_stage *stage)
{
    spawner *s = bench_allocate(1, sizeof *s);
    s->runtime = stage->runtime;
    s->home = stage->home;
    s->batch = stage->a;
    stage->first = bench_spawn(stage->runtime, DOR_ON(0), spawner_receive, s);
}

/* ---- timers ---- */

enum { SLICE = 1000 /* timers armed in one go */ };

typedef struct timekeeper {
    dor_pid home;
    uint64_t cancel_every, wanted, armed, cancelled, fired;
    uint64_t random;
    uint32_t
        least_ms; /* delays are from this to three times as much: all are armed before the first is due */
    dor_ref refs[SLICE];
} timekeeper;

static uint32_t next_delay(timekeeper *t)
{
    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    return t->least_ms + (uint32_t)(t->random >> 33) % (2 * t->least_ms);
}

static void arm_some(timekeeper *t)
{
    uint64_t count = t->wanted - t->armed < SLICE ? t->wanted - t->armed : SLICE;
    for (uint64_t i = 0; i < count; i++) {
        dor_message *m = dor_message_new(MSG_PONG, sizeof(uint64_t), NULL);
        if (!m || dor_send_after(dor_self(), m, next_delay(t), &t->refs[i]) != DOR_OK)
            bench_give_up("no timer");
    }
    t->armed += count;
    for (uint64_t i = 0; t->cancel_every && i < count; i += t->cancel_every)
        t->cancelled += dor_cancel_timer(t->refs[i]) == DOR_OK; /* else it has fired, and comes */
    if (t->armed < t->wanted) bench_send(dor_self(), MSG_TICK, 0);
}

static void timekeeper_receive(void *state, dor_message *m)
{
    timekeeper *t = state;
    uint32_t type = m->type;
    uint64_t number = bench_take(m);
    if (type == MSG_GO) {
        t->wanted = number;
        t->armed = t->cancelled = t->fired = 0;
        t->least_ms = number < 1000 ? 1 : (uint32_t)(number / 1000);
    }
    if (type == MSG_PONG)
        t->fired++;
    else
        arm_some(t);
    if (t->armed == t->wanted && t->fired + t->cancelled == t->wanted)
        bench_send(t->home, MSG_DONE, t->wanted);
}

static void set_up_timers(bench_stage *stage)
{
    timekeeper *t = bench_allocate(1, sizeof *t);
    t->home = stage->home;
    t->cancel_every = stage->a;
    t->random = 1;
    stage->first = bench_spawn(stage->runtime, DOR_ON(0), timekeeper_receive, t);
}

/* ---- idle ---- */

static uint64_t run_idle(bench_stage *stage, uint64_t count)
{
    dor_actor_spec spec = {.receive = never_receive, .scheduler = DOR_ON(0)};
    uint64_t made = 0;
    for (dor_pid pid; made < count && dor_spawn(stage->runtime, &spec, &pid) == DOR_OK; made++)
        continue;
    return made;
}

static void set_up_nothing(bench_stage *stage)
{
    (void)stage;
}

const bench_program bench_programs_lives[] = {
    {"call", set_up_nothing, run_call, NULL},
    {"spawn-stop", set_up_spawn_stop, NULL, NULL},
    {"timers", set_up_timers, NULL, NULL},
    {"idle", set_up_nothing, run_idle, NULL},
    {0},
};
