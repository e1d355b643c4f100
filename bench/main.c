/*
 * dormouse-bench - what Dormouse's server costs, beside a careful libuv + OpenSSL server, in one run.
 *
 *   dormouse-bench [--quick] [--rounds N] [--together] [--json] [CASE ...]
 *
 * Every case runs both servers in turn, `rounds` times, on the same work from the same OpenSSL client; a figure is the
 * median. CPU figures are the server process's CPU time per operation, as the kernel accounts it, so that another load on
 * the machine shifts them little; the ratio of the two columns is what to quote. Memory is growth of the server's
 * proportional set size per connection.
 *
 * Servers are pinned to the first processor and the client to the second. Then the server's processor falls idle whenever
 * the client is the slower one, and each time it is woken is booked on the server: the quicker server is woken more
 * often. With --together both ends share the first processor, which is never idle, so both servers work at full load.
 */
#include "load.h"
#include "server_process.h"
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ROUNDS = 9, HIBERNATE_AFTER_MS = 300 };

typedef struct bench_paths {
    char ours[1024], peer[1024], folder[64], cert[128], key[128];
} bench_paths;

typedef struct bench_case {
    const char *name, *unit, *service;
    load_spec load;
    const char *hibernate; /* for ours */
    int (*run)(const struct bench_case *c, const server_process *server, int quick, double *figure);
} bench_case;

static int run_handshakes(const bench_case *c, const server_process *server, int quick, double *figure)
{
    load_spec load = c->load;
    int count = quick ? 400 : 4000;
    load.port = server->port;
    if (load_handshakes(&load, quick ? 50 : 200, 8) < 0) return -1;
    int64_t before = server_cpu_ns(server);
    if (load_handshakes(&load, count, 8) < 0) return -1;
    *figure = (double)(server_cpu_ns(server) - before) / count / 1000;
    return 0;
}

static int run_discard(const bench_case *c, const server_process *server, int quick, double *figure)
{
    load_spec load = c->load;
    uint64_t bytes = (uint64_t)(quick ? 64 : 1024) << 20;
    load.port = server->port;
    int64_t before = server_cpu_ns(server);
    if (load_discard(&load, bytes) < 0) return -1;
    *figure = (double)(server_cpu_ns(server) - before) / (double)bytes;
    return 0;
}

static int run_bulk_echo(const bench_case *c, const server_process *server, int quick, double *figure)
{
    load_spec load = c->load;
    uint64_t bytes = (uint64_t)(quick ? 64 : 512) << 20;
    load.port = server->port;
    int64_t before = server_cpu_ns(server);
    if (load_bulk_echo(&load, bytes) < 0) return -1;
    *figure = (double)(server_cpu_ns(server) - before) / (double)bytes;
    return 0;
}

static int run_small_echo(const bench_case *c, const server_process *server, int quick, double *figure)
{
    load_spec load = c->load;
    int count = quick ? 2000 : 20000;
    load.port = server->port;
    int64_t before = server_cpu_ns(server);
    if (load_echo(&load, 64, count) < 0) return -1;
    *figure = (double)(server_cpu_ns(server) - before) / count / 1000;
    return 0;
}

static int run_idle(const bench_case *c, const server_process *server, int quick, double *figure)
{
    load_spec load = c->load;
    load_idle *idle = NULL;
    int count = quick ? 300 : 3000;
    load.port = server->port;
    if (load_handshakes(&load, 16, 4) < 0) /* what the first connections make for all */
        return -1;
    int64_t before = server_pss(server);
    int result = load_idle_open(&load, count, 1, &idle);
    if (result == 0) {
        usleep((HIBERNATE_AFTER_MS * 3 + 500) * 1000);
        *figure = (double)(server_pss(server) - before) / count;
    }
    load_idle_close(idle);
    return result;
}

#define TLS13 .load.suite = "TLS_AES_128_GCM_SHA256", .load.group = "X25519"
#define TLS12 .load.tls12 = 1, .load.suite = "ECDHE-ECDSA-AES128-GCM-SHA256", .load.group = "P-256"

static const bench_case cases[] = {
    {.name = "handshake-13", .unit = "us", .service = "discard", TLS13, .run = run_handshakes},
    {.name = "handshake-12", .unit = "us", .service = "discard", TLS12, .run = run_handshakes},
    {.name = "resume-13", .unit = "us", .service = "discard", TLS13, .load.resume = 1, .run = run_handshakes},
    {.name = "discard-aes128", .unit = "ns/byte", .service = "discard", TLS13, .run = run_discard},
    {.name = "discard-chacha",
     .unit = "ns/byte",
     .service = "discard",
     .load.suite = "TLS_CHACHA20_POLY1305_SHA256",
     .run = run_discard},
    {.name = "echo-bulk", .unit = "ns/byte", .service = "echo", TLS13, .run = run_bulk_echo},
    {.name = "echo-64", .unit = "us", .service = "echo", TLS13, .run = run_small_echo},
    {.name = "idle-awake", .unit = "bytes", .service = "echo", TLS13, .hibernate = "off", .run = run_idle},
    {.name = "idle-hibernated", .unit = "bytes", .service = "echo", TLS13, .run = run_idle},
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

static int start_ours(const bench_paths *p, const bench_case *c, server_process *server)
{
    char hibernate[16];
    snprintf(hibernate, sizeof hibernate, "%d", HIBERNATE_AFTER_MS);
    char *argv[] = {(char *)p->ours,
                    "serve",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    "0",
                    "--cert",
                    (char *)p->cert,
                    "--key",
                    (char *)p->key,
                    "--service",
                    (char *)c->service,
                    "--schedulers",
                    "1",
                    "--hibernate-after",
                    c->hibernate ? (char *)c->hibernate : hibernate,
                    NULL};
    return server_start(server, argv);
}

static int start_peer(const bench_paths *p, const bench_case *c, server_process *server)
{
    char *argv[] = {(char *)p->peer, (char *)p->cert, (char *)p->key, (char *)c->service, NULL};
    return server_start(server, argv);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *figures, int count)
{
    qsort(figures, (size_t)count, sizeof *figures, compare);
    return figures[count / 2];
}

static int measure(const bench_paths *p, const bench_case *c, int rounds, int quick, double *ours,
                   double *peer)
{
    double figures[2][MAX_ROUNDS];
    for (int round = 0; round < rounds; round++)
        for (int side = 0; side < 2; side++) {
            server_process server = {0};
            int result = side == 0 ? start_ours(p, c, &server) : start_peer(p, c, &server);
            if (result == 0) result = c->run(c, &server, quick, &figures[side][round]);
            server_stop(&server);
            if (result < 0) {
                fprintf(stderr, "%s: failed with %s\n", c->name, side == 0 ? p->ours : p->peer);
                return -1;
            }
        }
    *ours = median(figures[0], rounds);
    *peer = median(figures[1], rounds);
    return 0;
}

static int prepare(bench_paths *p)
{
    char self[900];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return -1;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    snprintf(p->ours, sizeof p->ours, "%s/dormouse", self);
    snprintf(p->peer, sizeof p->peer, "%s/peers/peer_openssl_server", self);
    snprintf(p->folder, sizeof p->folder, "/tmp/dormouse-bench-XXXXXX");
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->cert, sizeof p->cert, "%s/cert.pem", p->folder);
    snprintf(p->key, sizeof p->key, "%s/key.pem", p->folder);
    return load_make_certificate(p->cert, p->key);
}

static void clean_up(const bench_paths *p)
{
    unlink(p->cert);
    unlink(p->key);
    rmdir(p->folder);
}

static int wanted(const bench_case *c, int argc, char **argv, int first)
{
    if (first >= argc) return 1;
    for (int i = first; i < argc; i++)
        if (strcmp(argv[i], c->name) == 0) return 1;
    return 0;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: dormouse-bench [--quick] [--rounds 1-%d] [--together] [--json] [CASE ...]\ncases:",
            MAX_ROUNDS);
    for (size_t i = 0; i < CASE_COUNT; i++)
        fprintf(stderr, " %s", cases[i].name);
    fprintf(stderr, "\n");
    return 2;
}

static int known(const char *name)
{
    for (size_t i = 0; i < CASE_COUNT; i++)
        if (strcmp(cases[i].name, name) == 0) return 1;
    return 0;
}

static int run_all(const bench_paths *p, int rounds, int quick, int json, int argc, char **argv, int first)
{
    int failed = 0;
    json_t *rows = json_array();
    if (!json) printf("%-18s %12s %12s %10s  %s\n", "case", "dormouse", "openssl", "ratio", "unit");
    for (size_t i = 0; i < CASE_COUNT; i++) {
        double ours = 0, peer = 0;
        if (!wanted(&cases[i], argc, argv, first)) continue;
        if (measure(p, &cases[i], rounds, quick, &ours, &peer) < 0) {
            failed = 1;
            continue;
        }
        json_array_append_new(rows,
                              json_pack("{s:s,s:s,s:f,s:f,s:f}", "case", cases[i].name, "unit", cases[i].unit,
                                        "dormouse", ours, "openssl", peer, "ratio", ours / peer));
        if (!json)
            printf("%-18s %12.3f %12.3f %10.2f  %s\n", cases[i].name, ours, peer, ours / peer, cases[i].unit);
        fflush(stdout);
    }
    if (json) {
        json_dumpf(rows, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        printf("\n");
    }
    json_decref(rows);
    return failed;
}

int main(int argc, char **argv)
{
    int quick = 0, json = 0, together = 0, rounds = 3, i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            quick = 1;
        else if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--together") == 0)
            together = 1;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = (int)strtol(argv[++i], NULL, 10);
        else
            return usage();
    }
    for (int k = i; k < argc; k++)
        if (!known(argv[k])) return usage();
    if (rounds < 1 || rounds > MAX_ROUNDS) return usage();
    signal(SIGPIPE, SIG_IGN);
    load_pin(!together);
    bench_paths paths = {0};
    if (prepare(&paths) < 0) {
        fprintf(stderr, "cannot prepare a certificate in a temporary folder\n");
        return 1;
    }
    int failed = run_all(&paths, rounds, quick, json, argc, argv, i);
    clean_up(&paths);
    return failed;
}
