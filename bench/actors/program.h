/*
 * program.h - the programs in C: what actors do in each case, with the public interface alone.
 *
 *     call         a loop that calls a function through a pointer
 *     ping-pong    two actors; `a` messages under way, b: a PING_PONG_ value
 *     ring         `a` actors; b tokens go round
 *     many-to-one  `a` producers on schedulers of their own, a consumer; b messages of each may be under way
 *     fan-out      one actor sends to `a`, which all answer
 *     spawn-stop   actors that are started and end, `a` at a time
 *     timers       as many timers as the count says; of every `a` one is cancelled (0: none)
 *     idle         as many actors as the count says, which do nothing
 *
 * Payloads are one number, and a message is freed where it is received and made where it is sent, unless said otherwise.
 */
#ifndef BENCH_ACTORS_PROGRAM_H
#define BENCH_ACTORS_PROGRAM_H

#include "bench.h"

#include <dormouse.h>

/* What a program is run with. */
typedef struct bench_stage {
    dor_runtime *runtime;
    dor_pid home; /* the main thread */
    unsigned schedulers;
    uint64_t a, b;
    dor_pid first; /* whom MSG_GO goes to, unless the program has a go of its own */
    void *own;
} bench_stage;

typedef struct bench_program {
    const char *name;
    void (*setup)(bench_stage *stage);
    uint64_t (*go)(bench_stage *stage, uint64_t count); /* NULL: MSG_GO to stage->first, one MSG_DONE back */
    void (*teardown)(bench_stage *stage); /* or NULL; actors and their states are gone by then */
} bench_program;

extern const bench_program bench_programs_messages[]; /* these end with a NULL name */
extern const bench_program bench_programs_lives[];

/* Every payload is one uint64_t. */
enum {
    MSG_GO = DOR_MSG_USER, /* do so many operations */
    MSG_DONE,              /* so many were done */
    MSG_PING,
    MSG_PONG,
    MSG_TOKEN, /* struct token, below */
    MSG_ITEM,
    MSG_CREDIT,
    MSG_FINISHED,
    MSG_TICK
};

/* ---- child.c ---- */

/** Ends the process: there is nothing to measure. */
_Noreturn void bench_give_up(const char *what);
void *bench_allocate(size_t count, size_t size);
/** `where`: as in dor_actor_spec. state goes with free, unless stop says otherwise. */
dor_pid bench_spawn(dor_runtime *runtime, int where, dor_receive_fn receive, void *state);
/** Waits for `reports` MSG_DONE and adds them up. */
uint64_t bench_gather(unsigned reports);

static inline void bench_send(dor_pid to, uint32_t type, uint64_t number)
{
    dor_message *m = dor_message_new(type, sizeof number, NULL);
    if (!m) bench_give_up("no memory for a message");
    *(uint64_t *)dor_message_payload(m) = number;
    dor_send(to, m);
}

/** The number in a message, which is freed. */
static inline uint64_t bench_take(dor_message *m)
{
    uint64_t number = *(uint64_t *)dor_message_payload(m);
    dor_message_free(m);
    return number;
}

#endif
