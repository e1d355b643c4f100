/* Ten thousand connections made and closed, from several threads: the server's memory ends where it was. */
#include <criterion/criterion.h>

#include <dormouse.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, WARM_UP = 500, ALLOWED_KIB = 1024 };

/* Few sessions are remembered, so that the store of sessions is full after the warming up and cannot grow any more. */
static const char config[] =
    "{\"host\": \"127.0.0.1\", \"schedulers\": 2, \"options\": {\"max_sessions\": 100}}";

static pid_t server;
static unsigned port;

static bool sanitized(void)
{
    const char *kind = getenv("DORMOUSE_SANITIZE");
    return kind && *kind;
}

static void start_server(void)
{
    int ends[2];
    char line[128] = "", path[] = "/tmp/dormouse-churn-XXXXXX";
    int file = mkstemp(path);
    cr_assert_eq(write(file, config, strlen(config)), (ssize_t)strlen(config));
    close(file);
    const char *program = getenv("DORMOUSE_BIN");
    cr_assert_eq(pipe(ends), 0);
    server = fork();
    if (server == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl(program ? program : "build/dormouse", "dormouse", "serve", "--config", path, "--port", "0",
              NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    cr_assert_not_null(fgets(line, sizeof(line), out));
    cr_assert_eq(sscanf(line, "listening on 127.0.0.1:%u", &port), 1, "%s", line);
    fclose(out);
    unlink(path);
}

static long resident_kib(void)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    fclose(file);
    return kib;
}

static size_t descriptors(void)
{
    char command[64];
    size_t count = 0;
    snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", (int)server);
    FILE *out = popen(command, "r");
    cr_assert_eq(fscanf(out, "%zu", &count), 1);
    pclose(out);
    return count;
}

/* One connection: a handshake in one version or the other, sometimes a word there and back, and a close. */
static int one(const dor_options *options, unsigned number)
{
    dor_socket socket;
    dor_buffer *data;
    int code = dor_ssl_connect(NULL, "127.0.0.1", (uint16_t)port, options, 20000, &socket);
    if (code == DOR_OK && number % 3 == 0) {
        code = dor_ssl_send(socket, "word", 4);
        if (code == DOR_OK) code = dor_ssl_recv(socket, 4, 20000, &data);
        if (code == DOR_OK) dor_buffer_unref(data);
    }
    if (code == DOR_OK) code = dor_ssl_close(socket);
    return code;
}

static void *many(void *arg)
{
    unsigned count = *(unsigned *)arg;
    dor_options *options[2];
    for (unsigned i = 0; i < 2; i++) {
        options[i] = dor_options_new();
        dor_options_set_text(options[i], "verify", "verify_none");
        dor_options_set_bool(options[i], "active", 0);
        dor_options_set_text(options[i], "versions", i ? "tlsv1.2" : "tlsv1.3");
    }
    int code = DOR_OK;
    for (unsigned i = 0; i < count && code == DOR_OK; i++)
        code = one(options[i % 2], i);
    dor_options_free(options[0]);
    dor_options_free(options[1]);
    *(unsigned *)arg = (unsigned)-code;
    return NULL;
}

static void connect_and_close(unsigned total)
{
    pthread_t threads[THREADS];
    unsigned counts[THREADS];
    char text[160];
    for (size_t i = 0; i < THREADS; i++) {
        counts[i] = total / THREADS;
        cr_assert_eq(pthread_create(&threads[i], NULL, many, &counts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(counts[i], 0, "%s", dor_format_error(-(int)counts[i], text, sizeof(text)));
    }
}

/* Until the server has closed its side of everything. */
static void settle(size_t idle_descriptors)
{
    size_t now;
    for (int i = 0; (now = descriptors()) > idle_descriptors && i < 200; i++)
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    cr_expect_leq(now, idle_descriptors, "%zu descriptors are open, it were %zu", now, idle_descriptors);
}

Test(churn, ten_thousand_connections, .timeout = 170)
{
    int status;
    unsigned total = sanitized() ? 1000 : 10000;
    start_server();
    size_t idle =
        descriptors() + 2; /* what the loops may still open for themselves; connections are thousands */
    connect_and_close(WARM_UP);
    settle(idle);
    long before = resident_kib();
    connect_and_close(total);
    settle(idle);
    long after = resident_kib();
    fprintf(stderr, "%u connections: %ld KiB before, %ld KiB after\n", total, before, after);
    if (!sanitized())
        cr_expect_leq(after, before + ALLOWED_KIB, "%ld KiB before, %ld KiB after", before, after);
    kill(server, SIGTERM);
    waitpid(server, &status, 0);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    dor_runtime_stop(dor_runtime_default(), 2000);
}
