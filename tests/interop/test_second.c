/*
 * Second handshakes with others: renegotiation with openssl's s_client and s_server, gnutls-cli and Erlang's ssl, whoever begins;
 * a certificate that is asked for later with openssl in both roles.
 */
#include "erlang_peer.h"

/* A program that reads commands and data, and whose output is looked through. */
typedef struct program {
    pid_t pid;
    int in, out;
    char text[65536];
    size_t len;
} program;

static bool have(const char *name)
{
    char command[100];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0;
}

static void start_program(program *p, const char *command)
{
    int in[2], out[2];
    *p = (program){.pid = -1};
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    p->pid = fork();
    if (p->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    p->in = in[1];
    p->out = out[0];
}

static void say(const program *p, const char *line)
{
    cr_assert_eq(write(p->in, line, strlen(line)), (ssize_t)strlen(line));
}

/* Waits until it has printed that, and forgets what came before. */
static void says(program *p, const char *what)
{
    char *found;
    while (!(found = strstr(p->text, what))) {
        struct pollfd ready = {.fd = p->out, .events = POLLIN};
        cr_assert_eq(poll(&ready, 1, PATIENCE_MS), 1, "nothing of \"%s\" in: %s", what, p->text);
        ssize_t n = read(p->out, p->text + p->len, sizeof p->text - 1 - p->len);
        cr_assert_gt(n, 0, "nothing of \"%s\" in: %s", what, p->text);
        p->len += (size_t)n;
        p->text[p->len] = '\0';
    }
    size_t taken = (size_t)(found - p->text) + strlen(what);
    memmove(p->text, p->text + taken, p->len + 1 - taken);
    p->len -= taken;
}

static void stop_program(program *p)
{
    close(p->in);
    close(p->out);
    kill(p->pid, SIGTERM);
    cr_assert_eq(waitpid(p->pid, NULL, 0), p->pid);
}

static void allow(world *w, const char *version)
{
    OK(dor_options_set_list(w->client, "versions", version, NULL));
    OK(dor_options_set_list(w->server, "versions", version, NULL));
    OK(dor_options_set_bool(w->client, "renegotiation", 1));
    OK(dor_options_set_bool(w->server, "renegotiation", 1));
    OK(dor_options_set_bool(w->server, "client_renegotiation", 1));
}

static void verify_clients(world *w)
{
    char path[512];
    snprintf(path, sizeof path, "%s/root.pem", pki_dir());
    OK(dor_options_set_text(w->server, "verify", "verify_peer"));
    OK(dor_options_set_text(w->server, "cacertfile", path));
}

/* In the command $port is ours, and $pki the folder with the certificates. */
static dor_socket accept_program(world *w, program *p, const char *command)
{
    dor_socket s;
    char line[2000];
    snprintf(line, sizeof line, "port=%u pki=%s; %s", (unsigned)w->port, pki_dir(), command);
    start_program(p, line);
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    return s;
}

/* s_client talks in lines. */
static void lines(dor_socket s, program *p, const char *word)
{
    char line[64];
    snprintf(line, sizeof line, "%s\n", word);
    say(p, line);
    expect_recv(s, strlen(line), line);
    snprintf(line, sizeof line, "heard-%s\n", word);
    send_text(s, line);
    says(p, line);
}

/* ---- renegotiation -------------------------------------------------------------------------------------------------- */

Test(second, openssl_client)
{
    world w;
    program p;
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.2");
    listen_in(&w);
    dor_socket s = accept_program(&w, &p, "exec openssl s_client -connect 127.0.0.1:$port -tls1_2 2>&1");
    lines(s, &p, "first");
    for (int i = 0; i < 3; i++) {
        say(&p, "R\n");
        says(&p, "RENEGOTIATING");
        lines(s, &p, "theirs");
        OK(dor_ssl_renegotiate(s, PATIENCE_MS));
        lines(s, &p, "ours");
    }
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

Test(second, openssl_client_that_may_not)
{
    world w;
    program p;
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.2");
    OK(dor_options_set_bool(w.server, "client_renegotiation", 0));
    listen_in(&w);
    dor_socket s = accept_program(
        &w, &p, "exec openssl s_client -connect 127.0.0.1:$port -tls1_2 -no_renegotiation 2>&1");
    lines(s, &p, "first");
    FAILS(dor_ssl_renegotiate(s, PATIENCE_MS), DOR_E_RENEGOTIATION_REFUSED);
    lines(s, &p, "then");
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

Test(second, gnutls_client)
{
    world w;
    program p;
    if (!have("gnutls-cli")) cr_skip_test("there is no gnutls-cli here");
    begin(&w, 1);
    allow(&w, "tlsv1.2");
    listen_in(&w);
    dor_socket s = accept_program(&w, &p,
                                  "exec gnutls-cli --insecure --rehandshake --priority "
                                  "NORMAL:-VERS-ALL:+VERS-TLS1.2 -p $port 127.0.0.1 2>&1");
    says(&p, "ReHandshake was completed");
    lines(s, &p, "then");
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

/* Connects to an s_server with these options. */
static dor_socket connect_program(world *w, program *p, const char *options)
{
    char line[2000];
    dor_socket s;
    snprintf(line, sizeof line,
             "exec openssl s_server -accept 127.0.0.1:0 -cert %s/tls-p256.pem -key %s/c.key -CAfile "
             "%s/root.pem %s 2>&1",
             pki_dir(), pki_dir(), pki_dir(), options);
    start_program(p, line);
    says(p, "ACCEPT 127.0.0.1:");
    while (!strchr(p->text, '\n')) {
        ssize_t n = read(p->out, p->text + p->len, 1);
        cr_assert_eq(n, 1);
        p->text[++p->len] = '\0';
    }
    int port = atoi(p->text);
    cr_assert(port > 0 && port < 65536);
    OK(dor_ssl_connect(w->runtime, "127.0.0.1", (uint16_t)port, w->client, PATIENCE_MS, &s));
    return s;
}

Test(second, openssl_server)
{
    world w;
    program p;
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.2");
    dor_socket s = connect_program(&w, &p, "-tls1_2 -client_renegotiation");
    lines(s, &p, "first");
    for (int i = 0; i < 3; i++) {
        say(&p, "r\n"); /* what comes with it would be dropped */
        says(&p, "SSL_do_handshake -> 1");
        lines(s, &p, "theirs");
        OK(dor_ssl_renegotiate(s, PATIENCE_MS));
        lines(s, &p, "ours");
    }
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

/* s_server's R asks for a certificate besides. */
Test(second, openssl_server_wants_a_certificate)
{
    world w;
    program p;
    char path[512];
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.2");
    snprintf(path, sizeof path, "%s/tls-p256.pem", pki_dir());
    OK(dor_options_set_text(w.client, "certfile", path));
    snprintf(path, sizeof path, "%s/c.key", pki_dir());
    OK(dor_options_set_text(w.client, "keyfile", path));
    dor_socket s = connect_program(&w, &p, "-tls1_2");
    lines(s, &p, "first");
    say(&p, "R\n");
    says(&p, "verify return:1");
    lines(s, &p, "then");
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

Test(second, openssl_server_that_may_not)
{
    world w;
    program p;
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.2");
    dor_socket s = connect_program(&w, &p, "-tls1_2 -no_renegotiation");
    lines(s, &p, "first");
    FAILS(dor_ssl_renegotiate(s, PATIENCE_MS), DOR_E_RENEGOTIATION_REFUSED);
    lines(s, &p, "then");
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

/* ---- Erlang ----------------------------------------------------------------------------------------------------------- */

static void erlang_pings(dor_socket s, erlang_peer *e)
{
    send_text(s, "ping");
    ERLANG(e, "{ok,<<\"ping\">>}", "ssl:recv(S1, 4, 20000)");
    ERLANG(e, "ok", "ssl:send(S1, \"pong\")");
    expect_recv(s, 4, "pong");
}

/* Erlang knows no extended master secret, without which a server of ours renegotiates with nobody. Its server refuses a client
   that comes again within twelve seconds, so each begins once. */
Test(second, erlang)
{
    for (int i = 0; i < 4; i++) {
        const bool client = i & 1, ours = i & 2;
        world w;
        erlang_peer e;
        dor_socket s;
        start_erlang(&e);
        begin(&w, 1);
        allow(&w, "tlsv1.2");
        if (client) {
            s = we_connect(&w, &e, 1, erlang_listens(&e, "{versions, ['tlsv1.2']}"));
        } else {
            listen_in(&w);
            s = we_accept(&w, &e, 1, "{versions, ['tlsv1.2']}");
        }
        erlang_pings(s, &e);
        if (ours)
            FAILS(dor_ssl_renegotiate(s, PATIENCE_MS), client ? DOR_OK : DOR_E_RENEGOTIATION_INSECURE);
        else
            ERLANG(&e, client ? "ok" : "{error,renegotiation_rejected}", "ssl:renegotiate(S1)");
        erlang_pings(s, &e);
        OK(dor_ssl_close(s));
        stop_erlang(&e);
        end(&w);
    }
}

/* ---- certificates that are asked for later ------------------------------------------------------------------------------ */

Test(second, openssl_client_shows_a_certificate_later)
{
    world w;
    program p;
    dor_buffer *der;
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.3");
    verify_clients(&w);
    OK(dor_options_set_bool(w.server, "post_handshake_auth", 1));
    listen_in(&w);
    dor_socket s = accept_program(&w, &p,
                                  "exec openssl s_client -connect 127.0.0.1:$port -tls1_3 -enable_pha "
                                  "-cert $pki/tls-p256.pem -key $pki/c.key 2>&1");
    lines(s, &p, "first");
    FAILS(dor_ssl_peercert(s, &der), DOR_E_NO_PEERCERT);
    for (int i = 0; i < 3; i++) {
        OK(dor_ssl_request_certificate(s, PATIENCE_MS));
        OK(dor_ssl_peercert(s, &der));
        dor_buffer_unref(der);
        lines(s, &p, "then");
    }
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}

Test(second, openssl_server_asks_later)
{
    world w;
    program p;
    char path[512];
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    begin(&w, 1);
    allow(&w, "tlsv1.3");
    OK(dor_options_set_bool(w.client, "post_handshake_auth", 1));
    snprintf(path, sizeof path, "%s/tls-p256.pem", pki_dir());
    OK(dor_options_set_text(w.client, "certfile", path));
    snprintf(path, sizeof path, "%s/c.key", pki_dir());
    OK(dor_options_set_text(w.client, "keyfile", path));
    dor_socket s = connect_program(&w, &p, "-tls1_3 -verify 5");
    lines(s, &p, "first");
    for (int i = 0; i < 2; i++) {
        say(&p, "c\n");
        says(&p, "verify return:1");
        lines(s, &p, "then");
    }
    OK(dor_ssl_close(s));
    stop_program(&p);
    end(&w);
}
