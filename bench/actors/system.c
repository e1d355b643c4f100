/*
 * system.c - the systems that are compared: how their programs are started, spoken to and measured.
 *
 * CPU time is the child's process clock, user and kernel time of all its threads, read by the driver when it says "go"
 * and when it hears "done". So all three are measured alike, and from outside.
 */
#include "bench.h"
#include "../server_process.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_MS = 60000, DONE_MS = 120000, END_MS = 20000, MAX_ARGS = 32, LINE_LEN = 160 };

const char *const bench_system_names[SYSTEM_COUNT] = {"dormouse", "erlang", "caf"};

static struct {
    char self[1024], caf[1100], beams[1100];
    bool there[SYSTEM_COUNT];
    char version[SYSTEM_COUNT][LINE_LEN];
} found;

/* ---- which are there ---- */

static bool in_path(const char *name)
{
    char path[4096], *rest = NULL;
    const char *value = getenv("PATH");
    snprintf(path, sizeof path, "%s", value ? value : "/usr/bin:/bin");
    for (char *folder = strtok_r(path, ":", &rest); folder; folder = strtok_r(NULL, ":", &rest)) {
        char file[4200];
        snprintf(file, sizeof file, "%s/%s", folder, name);
        if (access(file, X_OK) == 0) return true;
    }
    return false;
}

void bench_systems_find(const char *folder, const char *self)
{
    char beam[1200];
    snprintf(found.self, sizeof found.self, "%s", self);
    snprintf(found.beams, sizeof found.beams, "%s/peers", folder);
    snprintf(found.caf, sizeof found.caf, "%s/peers/peer_actors_caf", folder);
    snprintf(beam, sizeof beam, "%s/actors.beam", found.beams);
    found.there[SYSTEM_DORMOUSE] = true;
    found.there[SYSTEM_ERLANG] = access(beam, R_OK) == 0 && in_path("erl");
    found.there[SYSTEM_CAF] = access(found.caf, X_OK) == 0;
}

bool bench_system_there(bench_system system)
{
    return found.there[system];
}

const char *bench_system_version(bench_system system)
{
    return found.version[system];
}

/* ---- a child ---- */

typedef struct child {
    pid_t pid;
    int to, from;
} child;

typedef struct arguments {
    const char *list[MAX_ARGS];
    unsigned count;
    char text[4][32];
} arguments;

static void add(arguments *args, const char *word)
{
    if (args->count < MAX_ARGS - 1) args->list[args->count++] = word;
}

/*
 * As many schedulers as we have, and as few other threads as can be. No busy waiting: measured with it, the cases across
 * threads were no faster and took no less CPU time. No node name, so it neither listens nor starts epmd.
 */
static void add_erlang(arguments *args, unsigned schedulers)
{
    static const char *const words[] = {"+SDcpu", "1:1",       "+SDio", "1",        "+A",   "1",  "+sbwt",
                                        "none",   "+sbwtdcpu", "none",  "+sbwtdio", "none", "+P", "4000000"};
    snprintf(args->text[3], sizeof args->text[3], "%u:%u", schedulers, schedulers);
    add(args, "erl");
    add(args, "-boot");
    add(args, "no_dot_erlang");
    add(args, "-noshell");
    add(args, "+S");
    add(args, args->text[3]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        add(args, words[i]);
    add(args, "-pa");
    add(args, found.beams);
    add(args, "-s");
    add(args, "actors");
    add(args, "main");
    add(args, "-extra");
}

static void make_arguments(arguments *args, bench_system system, const bench_job *job)
{
    if (system == SYSTEM_ERLANG) {
        add_erlang(args, job->c->schedulers);
    } else if (system == SYSTEM_CAF) {
        add(args, found.caf);
    } else {
        add(args, found.self);
        add(args, "--child");
    }
    snprintf(args->text[0], sizeof args->text[0], "%u", job->c->schedulers);
    snprintf(args->text[1], sizeof args->text[1], "%" PRIu64, job->a);
    snprintf(args->text[2], sizeof args->text[2], "%" PRIu64, job->b);
    add(args, job->c->program);
    for (int i = 0; i < 3; i++)
        add(args, args->text[i]);
}

static int start(child *c, const arguments *args)
{
    int in[2], out[2];
    if (pipe(in) < 0) return -1;
    if (pipe(out) < 0) {
        close(in[0]);
        close(in[1]);
        return -1;
    }
    c->pid = fork();
    if (c->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        signal(SIGPIPE, SIG_DFL);
        setenv("ERL_CRASH_DUMP_SECONDS", "0", 1); /* none is written */
        execvp(args->list[0], (char *const *)args->list);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    c->to = in[1];
    c->from = out[0];
    return c->pid < 0 ? -1 : 0;
}

/* The next line without its end, or -1. Lines are few and short, so bytes come one by one. */
static int read_line(const child *c, char line[LINE_LEN], int timeout_ms)
{
    for (size_t len = 0; len < LINE_LEN - 1; len++) {
        struct pollfd p = {.fd = c->from, .events = POLLIN};
        int ready = poll(&p, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) {
            len--;
            continue;
        }
        if (ready <= 0 || read(c->from, &line[len], 1) != 1) return -1;
        line[len + 1] = 0;
        if (line[len] != '\n') continue;
        line[len] = 0;
        return 0;
    }
    return -1;
}

/* Tells it to end, and sees to it. */
static void end(child *c)
{
    int status;
    close(c->to);
    for (int waited = 0; waited < END_MS; waited += 5) {
        if (waitpid(c->pid, &status, WNOHANG) != 0) break;
        if (waited + 5 >= END_MS) {
            kill(c->pid, SIGKILL);
            waitpid(c->pid, &status, 0);
            break;
        }
        usleep(5000);
    }
    close(c->from);
}

/* ---- measuring ---- */

static double clock_ns(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int complain(bench_system system, const bench_job *job, const char *what, const char *line)
{
    fprintf(stderr, "%s, %s: %s%s%s\n", job->c->name, bench_system_names[system], what, *line ? ": " : "",
            line);
    return -1;
}

/* One "go" and its "done". */
static int run(const child *c, bench_system system, const bench_job *job, uint64_t count,
               bench_figure *figure)
{
    char order[48], line[LINE_LEN] = "";
    uint64_t done = 0;
    clockid_t clock;
    int64_t bytes = job->c->memory ? server_pss(&(server_process){.pid = c->pid}) : 0;
    int len = snprintf(order, sizeof order, "go %" PRIu64 "\n", count);
    if (clock_getcpuclockid(c->pid, &clock) != 0) return complain(system, job, "has no clock", "");
    double wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(clock);
    if (write(c->to, order, (size_t)len) != len || read_line(c, line, DONE_MS) < 0)
        return complain(system, job, "does not answer", line);
    figure->cpu_ns = (clock_ns(clock) - cpu) / (double)count;
    figure->wall_ns = (clock_ns(CLOCK_MONOTONIC) - wall) / (double)count;
    if (job->c->memory)
        figure->bytes = (double)(server_pss(&(server_process){.pid = c->pid}) - bytes) / (double)count;
    if (sscanf(line, "done %" SCNu64, &done) != 1 || done != count) {
        snprintf(order, sizeof order, "go %" PRIu64, count);
        fprintf(stderr, "%s was the order, ", order);
        return complain(system, job, "the answer is wrong", line);
    }
    return 0;
}

int bench_measure(bench_system system, const bench_job *job, bench_figure *figure)
{
    arguments args = {0};
    child c = {0};
    char line[LINE_LEN] = "";
    make_arguments(&args, system, job);
    if (start(&c, &args) < 0) return complain(system, job, "could not be started", strerror(errno));
    int result = 0;
    if (read_line(&c, line, READY_MS) < 0 || strncmp(line, "ready ", 6) != 0)
        result = complain(system, job, "is not ready", line);
    if (result == 0) {
        snprintf(found.version[system], LINE_LEN, "%s", line + 6);
        result = run(&c, system, job, job->warm_up, figure);
    }
    if (result == 0) result = run(&c, system, job, job->count, figure);
    end(&c);
    return result;
}
