/*
 * server_process.h - a server under measurement: another process, pinned to the first processor, whose CPU time and
 * memory are read from the kernel's own books.
 */
#ifndef DOR_BENCH_SERVER_PROCESS_H
#define DOR_BENCH_SERVER_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

typedef struct server_process {
    pid_t pid;
    int port;
} server_process;

/** Starts argv (NULL-ended) and waits for its "listening on ...:PORT" line. 0, or -1 with a word on stderr. */
int server_start(server_process *s, char *const argv[]);

/** CPU time of all its threads so far, in nanoseconds. */
int64_t server_cpu_ns(const server_process *s);

/** Proportional set size in bytes: what the process takes of the machine's memory. */
int64_t server_pss(const server_process *s);

void server_stop(server_process *s);

#endif
