/*
 * serve.c - dormouse serve: starts the server, says where it listens, and ends it in good order.
 *
 * The main thread only waits for signals, which are blocked before the schedulers start and so come to nobody else.
 */
#include "commands.h"
#include "log.h"
#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FAILURES_PER_SECOND = 20, STOP_MS = 2000, POLL_MS = 20 };

/* ---- what happens --------------------------------------------------------------------------------------------------- */

static void on_failed(const char *peer, int reason, void *arg)
{
    char text[160];
    long long dropped;
    (void)arg;
    if (!cli_log_allowed(FAILURES_PER_SECOND, &dropped)) return;
    cli_field fields[] = {{"peer", peer ? peer : "", 0},
                          {"error", dor_format_error(reason, text, sizeof(text)), 0},
                          {"not_shown", NULL, dropped}};
    cli_log("handshake_failed", fields, dropped ? 3 : 2);
}

static void format_address(const dor_address *address, char *text, size_t cap)
{
    if (address->version == 0)
        snprintf(text, cap, "unix:%s", address->path);
    else
        snprintf(text, cap, address->version == 6 ? "[%s]:%u" : "%s:%u", address->ip, address->port);
}

/* What is behind the service of each connection, with --verbose: a line when it opens, and its own end. */
typedef struct watched {
    const cli_service *service;
    void *state;
    char peer[128];
} watched;

static const cli_service *watched_service; /* written before the server starts */

static void log_open(dor_socket socket, const char *peer)
{
    dor_connection_info info;
    if (dor_ssl_connection_info(socket, &info) != DOR_OK) return;
    cli_field fields[] = {{"peer", peer, 0},
                          {"protocol", info.protocol, 0},
                          {"cipher_suite", info.cipher_suite, 0},
                          {"group", info.group, 0},
                          {"alpn", info.alpn, 0},
                          {"server_name", info.server_name, 0},
                          {"resumed", NULL, info.resumed}};
    cli_log("open", fields, sizeof(fields) / sizeof(fields[0]));
}

static void *watched_open(dor_socket socket, void *arg)
{
    dor_address address;
    watched *w = calloc(1, sizeof(*w));
    if (!w) return NULL;
    w->service = watched_service;
    if (dor_ssl_peername(socket, &address) == DOR_OK) format_address(&address, w->peer, sizeof(w->peer));
    log_open(socket, w->peer);
    if (w->service->open) w->state = w->service->open(socket, arg);
    return w;
}

static void watched_receive(void *state, dor_socket socket, dor_message *message)
{
    char text[160];
    watched *w = state;
    const dor_ssl_event *event = dor_message_payload(message);
    if (!w) {
        dor_ssl_close(socket);
        dor_message_free(message);
        return;
    }
    if (message->type == DOR_MSG_SSL_CLOSED || message->type == DOR_MSG_SSL_ERROR) {
        cli_field fields[] = {
            {"peer", w->peer, 0},
            {"error", event->reason ? dor_format_error(event->reason, text, sizeof(text)) : "", 0}};
        cli_log("closed", fields, event->reason ? 2 : 1);
    }
    w->service->receive(w->state, socket, message);
}

static void watched_close(void *state)
{
    watched *w = state;
    if (w && w->service->close) w->service->close(w->state);
    free(w);
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */

/* Each connection takes a descriptor, so as many as we may have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGUSR1);
    sigaddset(signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int failed(const char *what, const dor_options *options, int code)
{
    char text[160];
    cli_field fields[] = {{"doing", what, 0}, {"error", cli_explain(options, code, text, sizeof(text)), 0}};
    cli_log("failed", fields, 2);
    return CLI_FAILED;
}

/* fd: one that listens, or -1. */
static int serve(const cli_serve_config *config, dor_runtime *runtime, int fd, dor_socket *listener)
{
    const cli_service *service = config->service;
    dor_server_spec spec = {
        .open = service->open, .receive = service->receive, .close = service->close, .failed = on_failed};
    if (config->verbose) {
        watched_service = service;
        spec.open = watched_open;
        spec.receive = watched_receive;
        spec.close = watched_close;
    }
    return fd < 0 ? dor_ssl_serve(runtime, config->port, config->options, &spec, listener)
                  : dor_ssl_serve_fd(runtime, fd, config->options, &spec, listener);
}

static int start(const cli_serve_config *config, dor_runtime **runtime, dor_socket *listener)
{
    dor_runtime_options runtime_options = {.schedulers = config->schedulers};
    int fd = -1;
    if (config->activated && cli_activated(config, &fd) != CLI_OK) return CLI_FAILED;
    int code = dor_runtime_new(runtime, &runtime_options);
    if (code != DOR_OK) return failed("starting the schedulers", NULL, code);
    code = serve(config, *runtime, fd, listener);
    if (code != DOR_OK) {
        failed("listening", config->options, code);
        dor_runtime_stop(*runtime, STOP_MS);
        return CLI_FAILED;
    }
    return CLI_OK;
}

static void say_listening(const cli_serve_config *config, dor_runtime *runtime, dor_socket listener)
{
    dor_address address = {.ip = "?", .port = config->port};
    char text[128];
    dor_ssl_sockname(listener, &address);
    format_address(&address, text, sizeof(text));
    if (config->fingerprint[0]) {
        cli_field made[] = {
            {"host", cli_serve_host(config), 0}, {"days", NULL, 30}, {"sha256", config->fingerprint, 0}};
        cli_log("development_certificate", made, 3);
    }
    cli_field fields[] = {{"address", text, 0},
                          {"service", config->service->name, 0},
                          {"schedulers", NULL, dor_runtime_scheduler_count(runtime)}};
    cli_log("listening", fields, 3);
    printf("listening on %s\n", text);
    fflush(stdout);
    if (!config->fingerprint[0] || config->json) return;
    if (address.version == 0) {
        fprintf(stderr,
                "This is a server for development: its certificate was made just now. Talk to it with\n"
                "    dormouse connect %s --insecure\n"
                "    openssl s_client -unix %s\n",
                text, address.path);
        return;
    }
    fprintf(stderr,
            "This is a server for development: its certificate was made just now. Talk to it with\n"
            "    dormouse connect localhost:%u --insecure\n"
            "    openssl s_client -connect localhost:%u\n",
            address.port, address.port);
    if (config->service == &cli_service_http)
        fprintf(stderr, "    curl -k https://localhost:%u/\n", address.port);
}

/* ---- figures -------------------------------------------------------------------------------------------------------- */

/* Without the actors: they may be a million. */
static void log_figures(dor_runtime *runtime)
{
    char *json;
    int code = dor_runtime_get_json(runtime, 0, &json);
    if (code != DOR_OK) {
        failed("reading figures", NULL, code);
        return;
    }
    cli_log_object("figures", json);
    dor_free(json);
}

/* ---- ending --------------------------------------------------------------------------------------------------------- */

static uint64_t connections(dor_runtime *runtime)
{
    dor_ssl_statistics statistics = {0};
    return dor_ssl_get_statistics(runtime, &statistics) == DOR_OK ? statistics.connections : 0;
}

/* What a signal means while it drains: a second one ends the process. */
static void on_second(int second, dor_runtime *runtime)
{
    if (second == SIGUSR1) log_figures(runtime);
    if (second < 0 || second == SIGUSR1 || second == SIGHUP) return;
    cli_log("ended", (cli_field[]){{"signal", strsignal(second), 0}}, 1);
    _exit(128 + second);
}

/* Waits until every connection has ended, or was told to when the time was over; how many those were. */
static uint32_t drain(const sigset_t *signals, dor_runtime *runtime, dor_socket listener, uint32_t timeout_ms)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    dor_message *message;
    dor_pid self;
    dor_ref ref;
    int code = dor_process_attach(runtime, &self);
    if (code == DOR_OK) code = dor_ssl_drain_async(listener, timeout_ms, &ref);
    if (code != DOR_OK) {
        failed("draining", NULL, code);
        return 0;
    }
    while (dor_receive(&message, 0) != DOR_OK)
        on_second(sigtimedwait(signals, NULL, &pause), runtime);
    uint32_t closed = ((const dor_ssl_reply *)dor_message_payload(message))->count;
    dor_message_free(message);
    return closed;
}

static void log_statistics(dor_runtime *runtime, uint32_t cut_off)
{
    dor_ssl_statistics s = {0};
    if (dor_ssl_get_statistics(runtime, &s) != DOR_OK) return;
    cli_field fields[] = {{"accepted", NULL, (long long)s.accepted},
                          {"refused", NULL, (long long)s.refused},
                          {"handshakes", NULL, (long long)s.handshakes},
                          {"failed", NULL, (long long)s.handshakes_failed},
                          {"bytes_in", NULL, (long long)s.bytes_in},
                          {"bytes_out", NULL, (long long)s.bytes_out},
                          {"cut_off", NULL, cut_off}};
    cli_log("ended", fields, sizeof(fields) / sizeof(fields[0]));
}

/* Certificates, keys and authorities from their files again; on failure the server goes on with those that it has. */
static void reload(dor_socket listener)
{
    char error[2048];
    if (dor_ssl_reload(listener, error, sizeof(error)) == DOR_OK)
        cli_log("reloaded", NULL, 0);
    else
        cli_log("failed", (cli_field[]){{"doing", "reloading", 0}, {"error", error, 0}}, 2);
}

static int run(const cli_serve_config *config)
{
    sigset_t signals;
    dor_runtime *runtime;
    dor_socket listener;
    int signal_number = 0;
    block_signals(&signals);
    raise_descriptor_limit();
    int status = start(config, &runtime, &listener);
    if (status != CLI_OK) return status;
    say_listening(config, runtime, listener);

    while (sigwait(&signals, &signal_number) != 0 || signal_number == SIGUSR1 || signal_number == SIGHUP) {
        if (signal_number == SIGUSR1) log_figures(runtime);
        if (signal_number == SIGHUP) reload(listener);
    }
    cli_service_drain();
    cli_field fields[] = {{"signal", strsignal(signal_number), 0},
                          {"connections", NULL, (long long)connections(runtime)},
                          {"deadline_ms", NULL, config->drain_timeout_ms}};
    cli_log("draining", fields, 3);
    log_statistics(runtime, drain(&signals, runtime, listener, config->drain_timeout_ms));
    int code = dor_runtime_stop(runtime, STOP_MS);
    return code == DOR_OK ? CLI_OK : failed("stopping", NULL, code);
}

int cli_serve(int argc, char **argv)
{
    cli_serve_config config;
    int status = cli_serve_configure(argc, argv, &config);
    if (status >= 0) return status;
    cli_log_init(config.json);
    status = run(&config);
    cli_serve_config_fini(&config);
    return status;
}
