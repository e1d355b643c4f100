/* server_process.c - see server_process.h. */
#include "server_process.h"
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void pin_to_first_processor(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int read_port(int fd)
{
    FILE *f = fdopen(fd, "r");
    char line[512];
    int port = -1;
    while (f && port < 0 && fgets(line, sizeof line, f)) {
        const char *colon = strrchr(line, ':');
        if (strncmp(line, "listening on ", 13) == 0 && colon) port = (int)strtol(colon + 1, NULL, 10);
    }
    if (f) fclose(f);
    return port;
}

int server_start(server_process *s, char *const argv[])
{
    int fds[2];
    if (pipe(fds) < 0) return -1;
    s->pid = fork();
    if (s->pid < 0) return -1;
    if (s->pid == 0) {
        pin_to_first_processor();
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        if (!freopen("/dev/null", "w", stderr)) _exit(126);
        execv(argv[0], argv);
        _exit(127);
    }
    close(fds[1]);
    s->port = read_port(fds[0]);
    if (s->port <= 0) {
        fprintf(stderr, "%s did not start\n", argv[0]);
        server_stop(s);
        return -1;
    }
    return 0;
}

int64_t server_cpu_ns(const server_process *s)
{
    char path[320];
    int64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)s->pid);
    DIR *tasks = opendir(path);
    for (struct dirent *e; tasks && (e = readdir(tasks));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)s->pid, e->d_name);
        FILE *f = fopen(path, "r");
        long long ns = 0;
        if (f && fscanf(f, "%lld", &ns) == 1) sum += ns;
        if (f) fclose(f);
    }
    if (tasks) closedir(tasks);
    return sum;
}

int64_t server_pss(const server_process *s)
{
    char path[64], line[256];
    long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)s->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %lld kB", &kib) == 1) break;
    if (f) fclose(f);
    return kib * 1024;
}

void server_stop(server_process *s)
{
    int status;
    if (s->pid <= 0) return;
    kill(s->pid, SIGTERM);
    for (int i = 0; i < 100; i++) {
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            s->pid = 0;
            return;
        }
        usleep(20000);
    }
    kill(s->pid, SIGKILL);
    waitpid(s->pid, &status, 0);
    s->pid = 0;
}
