/*
 * erlang_peer.h - Erlang's own ssl at the other end: one escript, tests/interop/erlang/peer.escript, for a test, to which
 * the test says what to do as Erlang expressions. What it answers comes as text.
 *
 *     erlang_peer e;
 *     start_erlang(&e);
 *     uint16_t port = erlang_listens(&e, "{versions, ['tlsv1.3']}");
 *     erlang_begins(&e, "{ok, S} = ssl:handshake(T)");      goes on at once, to connect
 *     ERLANG_SAYS(&e, "{ok,...}")                           what came of it
 *     ERLANG(&e, "ok", "ssl:send(S, <<\"hello\">>)")        both together
 */
#ifndef TESTS_INTEROP_ERLANG_PEER_H
#define TESTS_INTEROP_ERLANG_PEER_H

#include "net/net_support.h"
#include "support/pki.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/wait.h>

enum { ERLANG_PATIENCE_MS = 60000 };

typedef struct erlang_peer {
    pid_t pid;
    int in, out;
    size_t have, taken;
    char read[4096];
    char answer[16384];
} erlang_peer;

/* The next line it writes that is an answer, without "= ". */
static inline const char *erlang_says(erlang_peer *e)
{
    size_t len = 0;
    for (;;) {
        if (e->taken == e->have) {
            struct pollfd p = {.fd = e->out, .events = POLLIN};
            cr_assert_eq(poll(&p, 1, ERLANG_PATIENCE_MS), 1, "Erlang says nothing");
            ssize_t n = read(e->out, e->read, sizeof e->read);
            cr_assert_gt(n, 0, "Erlang has gone");
            e->have = (size_t)n;
            e->taken = 0;
        }
        char c = e->read[e->taken++];
        if (c != '\n') {
            if (len < sizeof e->answer - 1) e->answer[len++] = c;
            continue;
        }
        e->answer[len] = 0;
        if (strncmp(e->answer, "= ", 2) == 0) return e->answer + 2;
        fprintf(stderr, "erlang: %s\n", e->answer);
        len = 0;
    }
}

static inline void erlang_vbegins(erlang_peer *e, const char *format, va_list args)
{
    char line[8192];
    int len = vsnprintf(line, sizeof line - 3, format, args);
    cr_assert(len > 0 && len < (int)sizeof line - 3);
    strcpy(line + len, strcmp(line, "forget") == 0 ? "\n" : ".\n");
    for (char *c = line; *c; c++) /* the reader of lines ends one at the newline */
        if (*c == '\n' && c[1]) *c = ' ';
    len = (int)strlen(line);
    cr_assert_eq(write(e->in, line, (size_t)len), len);
}

/* Says an expression, and does not wait for its value: erlang_says. */
__attribute__((format(printf, 2, 3))) static inline void erlang_begins(erlang_peer *e, const char *format,
                                                                       ...)
{
    va_list args;
    va_start(args, format);
    erlang_vbegins(e, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static inline const char *erlang_value(erlang_peer *e,
                                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    erlang_vbegins(e, format, args);
    va_end(args);
    return erlang_says(e);
}

#define ERLANG_SAYS(e, text)                                                                                 \
    do {                                                                                                     \
        const char *says_ = erlang_says(e);                                                                  \
        cr_assert_str_eq(says_, text, "Erlang says %s instead of %s", says_, text);                          \
    } while (0)

#define ERLANG(e, text, ...)                                                                                 \
    do {                                                                                                     \
        erlang_begins(e, __VA_ARGS__);                                                                       \
        ERLANG_SAYS(e, text);                                                                                \
    } while (0)

static inline void start_erlang(erlang_peer *e)
{
    char script[600];
    const char *source = getenv("DORMOUSE_SOURCE");
    int in[2], out[2];
    if (system("command -v escript >/dev/null 2>&1") != 0) cr_skip_test("there is no escript here");
    snprintf(script, sizeof script, "%s/tests/interop/erlang/peer.escript", source ? source : ".");
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        setenv("ERL_CRASH_DUMP_SECONDS", "0", 1);
        setenv("HOME", "/", 0); /* the system asks for it */
        execlp("escript", "escript", script, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    *e = (erlang_peer){.pid = pid, .in = in[1], .out = out[0]};
    ERLANG_SAYS(e, "ready");
}

/* It ends with its input, as it does when this program ends. */
static inline void stop_erlang(erlang_peer *e)
{
    int status;
    close(e->in);
    cr_assert_eq(waitpid(e->pid, &status, 0), e->pid);
    cr_assert_eq(status, 0, "escript: %d", status);
    close(e->out);
}

/* ---- connections ---------------------------------------------------------------------------------------------- */

/* What these options do not say themselves: the first of two equal ones does not always count in OTP. */
static inline const char *unless(const char *options, const char *name, const char *otherwise)
{
    return strstr(options, name) ? "" : otherwise;
}

/* Erlang listens as L; if options ("" for none) do not say otherwise passive, and with the certificate tls-p256. */
static inline uint16_t erlang_listens(erlang_peer *e, const char *options)
{
    char certificate[1300];
    snprintf(certificate, sizeof certificate, ", {certfile, \"%s/tls-p256.pem\"}, {keyfile, \"%s/c.key\"}",
             pki_dir(), pki_dir());
    const char *port = erlang_value(
        e, "{ok, L} = ssl:listen(0, [binary, {ip, {127,0,0,1}}%s%s%s%s]), {ok, {_, P}} = ssl:sockname(L), P",
        unless(options, "{active,", ", {active, false}"), unless(options, "{certfile, ", certificate),
        *options ? ", " : "", options);
    cr_assert_gt(atoi(port), 0, "Erlang says %s", port);
    return (uint16_t)atoi(port);
}

/* Begins Erlang's accepting as S; its answer is "ok" or what went wrong. */
static inline void erlang_accepts(erlang_peer *e, unsigned number)
{
    erlang_begins(e,
                  "{ok, T%u} = ssl:transport_accept(L, 20000), "
                  "case ssl:handshake(T%u, 20000) of {ok, S%u} -> ok; F%u -> F%u end",
                  number, number, number, number, number);
}

/* Begins Erlang's connecting to us as S; passive, and without verifying, if options do not say otherwise. */
static inline void erlang_connects(erlang_peer *e, unsigned number, uint16_t port, const char *options)
{
    erlang_begins(
        e,
        "case ssl:connect(\"localhost\", %u, [binary, inet%s%s%s%s], 20000) of {ok, S%u} -> ok; F%u -> F%u "
        "end",
        port, unless(options, "{active,", ", {active, false}"),
        unless(options, "{verify,", ", {verify, verify_none}"), *options ? ", " : "", options, number, number,
        number);
}

/* We connect to Erlang; the socket is Erlang's S<number>. */
static inline dor_socket we_connect(world *w, erlang_peer *e, unsigned number, uint16_t port)
{
    dor_socket s;
    erlang_accepts(e, number);
    OK(dor_ssl_connect(w->runtime, "127.0.0.1", port, w->client, PATIENCE_MS, &s));
    ERLANG_SAYS(e, "ok");
    return s;
}

/* Erlang connects to us likewise. */
static inline dor_socket we_accept(world *w, erlang_peer *e, unsigned number, const char *options)
{
    dor_socket s;
    erlang_connects(e, number, w->port, options);
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    ERLANG_SAYS(e, "ok");
    return s;
}

#endif
