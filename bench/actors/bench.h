/*
 * bench.h - what the parts of dormouse-bench-actors share: cases, the systems that run them, and figures.
 *
 * Every case is a *program* with two numbers, written three times: in C with Dormouse (program_*.c), in Erlang
 * (peers/actors.erl) and in C++ with CAF (peers/actors_caf.cpp). Each run of one is a process of its own, started with
 *
 *     PROGRAM SCHEDULERS A B
 *
 * which sets its actors up and then speaks lines with the driver (system.c):
 *
 *     it says    ready NAME VERSION
 *     is told    go COUNT             as often as the driver likes
 *     it says    done COUNT           what its actors really handled: the driver compares
 *     end of file on its input        it ends
 *
 * Between "go" and "done" the driver measures, from outside and in the same way for all.
 */
#ifndef BENCH_ACTORS_BENCH_H
#define BENCH_ACTORS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_MAX_ROUNDS = 99 };

typedef enum bench_system { SYSTEM_DORMOUSE, SYSTEM_ERLANG, SYSTEM_CAF, SYSTEM_COUNT } bench_system;

/* bench_case.b of the program ping-pong. */
enum {
    PING_PONG_FAR = 0,     /* the second actor is on the last scheduler; a new message each way */
    PING_PONG_FORWARD = 1, /* the same message goes to and fro */
    PING_PONG_PARTNER = 2  /* the one spawns the other, and the system places it */
};

typedef struct bench_case {
    const char *name;
    const char *title;
    const char *unit; /* what one operation is */
    const char *program;
    unsigned schedulers;
    uint64_t a, b;  /* the program's numbers, see program.h */
    uint64_t count; /* operations of a round */
    unsigned lacks; /* bit per system that has no such thing */
    bool memory;    /* the figure is bytes, and CPU time of no interest */
} bench_case;

extern const bench_case bench_cases[];
extern const size_t bench_case_count;

const bench_case *bench_find_case(const char *name);

/** One case with its sizes settled. */
typedef struct bench_job {
    const bench_case *c;
    uint64_t a, b, count, warm_up;
} bench_job;

/** count: operations, or 0 for the case's own number; quick divides that by ten. */
bench_job bench_make_job(const bench_case *c, uint64_t count, bool quick);

typedef struct bench_figure {
    double cpu_ns, wall_ns; /* per operation */
    double bytes;
} bench_figure;

typedef struct bench_summary {
    int rounds; /* that were measured; 0: this system has no figure */
    bench_figure median, least, most;
} bench_summary;

/* ---- system.c ---- */

extern const char *const bench_system_names[SYSTEM_COUNT];

/** Finds out which systems are there. folder: where this program lies; self: its path. */
void bench_systems_find(const char *folder, const char *self);
bool bench_system_there(bench_system system);
/** NAME VERSION as its program said, or "" as long as it has not run. */
const char *bench_system_version(bench_system system);

/** Runs a job once. 0, or -1 after a word on stderr. */
int bench_measure(bench_system system, const bench_job *job, bench_figure *figure);

/* ---- report.c ---- */

typedef enum bench_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_MARKDOWN } bench_format;

void bench_report_begin(bench_format format);
void bench_report_row(bench_format format, const bench_job *job, const bench_summary summaries[SYSTEM_COUNT]);
/** complete: every figure that should be there is. */
void bench_report_end(bench_format format, int rounds, bool complete);

/* ---- child.c ---- */

/** `dormouse-bench-actors --child PROGRAM SCHEDULERS A B`: Dormouse's own side of the lines above. */
int bench_child_main(int argc, char **argv);

#endif
