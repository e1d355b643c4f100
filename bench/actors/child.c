/*
 * child.c - Dormouse's own side of a case: the lines that bench.h describes, around a program of program.h.
 *
 * The main thread is a process of the runtime: it starts the actors, tells the first of them to go, and waits.
 */
#include "program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_give_up(const char *what)
{
    fprintf(stderr, "dormouse-bench-actors: %s\n", what);
    exit(1);
}

void *bench_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) bench_give_up("out of memory");
    return memory;
}

static void free_state(void *state, int reason)
{
    (void)reason;
    free(state);
}

dor_pid bench_spawn(dor_runtime *runtime, int where, dor_receive_fn receive, void *state)
{
    dor_actor_spec spec = {.receive = receive, .stop = free_state, .state = state, .scheduler = where};
    dor_pid pid;
    if (dor_spawn(runtime, &spec, &pid) != DOR_OK) bench_give_up("an actor could not be started");
    return pid;
}

uint64_t bench_gather(unsigned reports)
{
    uint64_t sum = 0;
    while (reports-- > 0) {
        dor_message *m;
        if (dor_receive(&m, DOR_INFINITY) != DOR_OK) bench_give_up("the main thread cannot receive");
        sum += bench_take(m);
    }
    return sum;
}

static const bench_program *find_in(const bench_program *list, const char *name)
{
    for (; list->name; list++)
        if (strcmp(list->name, name) == 0) return list;
    return NULL;
}

static const bench_program *find_program(const char *name)
{
    const bench_program *program = find_in(bench_programs_messages, name);
    return program ? program : find_in(bench_programs_lives, name);
}

static uint64_t go(const bench_program *program, bench_stage *stage, uint64_t count)
{
    if (program->go) return program->go(stage, count);
    bench_send(stage->first, MSG_GO, count);
    return bench_gather(1);
}

static void follow_orders(const bench_program *program, bench_stage *stage)
{
    char line[64];
    printf("ready dormouse %s\n", dor_version());
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        uint64_t count;
        if (sscanf(line, "go %" SCNu64, &count) != 1) bench_give_up("an order that is none");
        printf("done %" PRIu64 "\n", go(program, stage, count));
        fflush(stdout);
    }
}

int bench_child_main(int argc, char **argv)
{
    const bench_program *program = argc == 4 ? find_program(argv[0]) : NULL;
    if (!program) {
        fprintf(stderr, "dormouse-bench-actors: --child takes PROGRAM SCHEDULERS A B\n");
        return 2;
    }
    bench_stage stage = {.schedulers = (unsigned)strtoul(argv[1], NULL, 10),
                         .a = strtoull(argv[2], NULL, 10),
                         .b = strtoull(argv[3], NULL, 10)};
    dor_runtime_options options = {.schedulers = stage.schedulers};
    if (dor_runtime_new(&stage.runtime, &options) != DOR_OK) bench_give_up("the runtime does not start");
    if (dor_process_attach(stage.runtime, &stage.home) != DOR_OK) bench_give_up("no mailbox");
    program->setup(&stage);
    follow_orders(program, &stage);
    dor_process_detach();
    if (dor_runtime_stop(stage.runtime, 10000) != DOR_OK) bench_give_up("the runtime does not stop");
    if (program->teardown) program->teardown(&stage);
    return 0;
}
