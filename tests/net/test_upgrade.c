/* TLS over a descriptor that somebody else has connected: who owns it when, dialogues in the clear, failures. */
#include "hand_peer.h"

#include <fcntl.h>
#include <sys/un.h>

/* Two ends of a connection: over loopback TCP, or a Unix pair. */
static void connected(bool local, int fds[2])
{
    if (local) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        return;
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(listening, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(listening, 1), 0);
    cr_assert_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
    fds[0] = raw_connect(ntohs(address.sin_port));
    fds[1] = accept(listening, NULL, NULL);
    cr_assert_geq(fds[1], 0);
    close(listening);
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void hear(int fd, const char *text)
{
    char got[64];
    cr_assert_eq(recv(fd, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
    cr_assert_eq(memcmp(got, text, strlen(text)), 0);
}

static pair upgrade(world *w, int fds[2])
{
    pair p;
    dor_ref ref;
    OK(dor_ssl_accept_fd_async(w->runtime, fds[1], w->server, PATIENCE_MS, &ref));
    OK(dor_ssl_connect_fd(w->runtime, fds[0], "localhost", w->client, PATIENCE_MS, &p.client));
    OK(await_reply(ref, &p.server, NULL));
    return p;
}

static void begin_process(world *w, unsigned schedulers)
{
    begin(w, schedulers);
    OK(dor_options_unset(w->server, "ip"));
    OK(dor_process_attach(w->runtime, NULL));
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

Test(upgrade, after_a_dialogue_in_the_clear)
{
    world w;
    begin_process(&w, 2);
    for (int i = 0; i < 4; i++) {
        int fds[2];
        connected(i & 1, fds);
        OK(dor_options_set_text(w.client, "versions", i & 2 ? "tlsv1.2" : "tlsv1.3"));
        say(fds[1], "220 ready\r\n");
        hear(fds[0], "220 ready\r\n");
        say(fds[0], "STARTTLS\r\n");
        hear(fds[1], "STARTTLS\r\n");
        pair p = upgrade(&w, fds);
        send_text(p.client, "under TLS");
        expect_recv(p.server, 9, "under TLS");
        send_text(p.server, "so am I");
        expect_recv(p.client, 7, "so am I");
        dor_address address;
        OK(dor_ssl_peername(p.client, &address));
        cr_assert_eq(address.version, i & 1 ? 0 : 4);
        cr_assert_str_eq(address.path, "");
        cr_assert_eq(statistics(&w).connections, 2);
        OK(dor_ssl_close(p.client));
        dor_buffer *data;
        FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        WAIT_FOR(statistics(&w).connections == 0);
        cr_assert(!is_open(fds[0]) && !is_open(fds[1]));
    }
    end(&w);
}

/* The hello may be there before the server's side has asked for the descriptor to be taken. */
Test(upgrade, the_peers_hello_may_wait_already)
{
    world w;
    pair p;
    dor_ref ref;
    int fds[2];
    char byte;
    begin_process(&w, 1);
    connected(false, fds);
    OK(dor_ssl_connect_fd_async(w.runtime, fds[0], "localhost", w.client, PATIENCE_MS, &ref));
    cr_assert_eq(recv(fds[1], &byte, 1, MSG_PEEK), 1);
    OK(dor_ssl_accept_fd(w.runtime, fds[1], w.server, PATIENCE_MS, &p.server));
    OK(await_reply(ref, &p.client, NULL));
    send_text(p.client, "x");
    expect_recv(p.server, 1, "x");
    end(&w);
}

Test(upgrade, an_active_socket_like_any_other)
{
    world w;
    int fds[2];
    begin_process(&w, 2);
    OK(dor_options_set_text(w.server, "active", "true"));
    OK(dor_options_set_int(w.server, "packet", 4));
    OK(dor_options_set_int(w.client, "packet", 4));
    OK(dor_options_set_int(w.server, "hibernate_after", 1));
    connected(true, fds);
    pair p = upgrade(&w, fds);
    for (int i = 0; i < 3; i++) {
        WAIT_FOR(statistics(&w).hibernated == 1);
        send_text(p.client, "packet");
        expect_text_event(p.server, "packet");
    }
    OK(dor_ssl_close(p.client));
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    end(&w);
}

/* ---- errors that leave the descriptor with the caller ------------------------------------------------------------- */

Test(upgrade, a_bad_call_leaves_the_descriptor_alone)
{
    world w;
    dor_socket s;
    dor_ref ref;
    int fds[2], file = open("/dev/null", O_RDWR), udp = socket(AF_INET, SOCK_DGRAM, 0);
    char long_host[300];
    memset(long_host, 'a', sizeof long_host - 1);
    long_host[sizeof long_host - 1] = 0;
    begin_process(&w, 1);
    connected(true, fds);
    int flags = fcntl(fds[0], F_GETFL);
    dor_options *none = dor_options_new(), *missing = dor_options_new();
    OK(dor_options_set_text(missing, "certfile", "/nonexistent/file.pem"));
    FAILS(dor_ssl_connect_fd(w.runtime, -1, "localhost", w.client, 1000, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect_fd(w.runtime, file, "localhost", w.client, 1000, &s), DOR_E_BADARG);
    FAILS(dor_ssl_accept_fd(w.runtime, udp, w.server, 1000, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect_fd(w.runtime, fds[0], "", w.client, 1000, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect_fd(w.runtime, fds[0], long_host, w.client, 1000, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect_fd(w.runtime, fds[0], "localhost", w.client, 1000, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_connect_fd_async(w.runtime, fds[0], "localhost", w.client, 1000, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_accept_fd(w.runtime, fds[0], NULL, 1000, &s), DOR_E_NO_OPTIONS);
    FAILS(dor_ssl_accept_fd(w.runtime, fds[0], none, 1000, &s), DOR_E_NO_OPTIONS);
    FAILS(dor_ssl_accept_fd_async(w.runtime, fds[0], missing, 1000, &ref), DOR_E_FILE_UNREADABLE);
    FAILS(dor_ssl_connect_fd(w.runtime, fds[0], "localhost", missing, 1000, &s), DOR_E_FILE_UNREADABLE);
    FAILS(dor_ssl_accept_fd(w.runtime, fds[0], w.client, 1000, &s), DOR_E_NO_OPTIONS);
    cr_assert(is_open(fds[0]) && is_open(file) && is_open(udp));
    cr_assert_eq(fcntl(fds[0], F_GETFL), flags, "nor is it changed");
    say(fds[0], "still ours");
    hear(fds[1], "still ours");
    pair p = upgrade(&w, fds); /* and it can still be upgraded */
    send_text(p.client, "x");
    expect_recv(p.server, 1, "x");
    close(file);
    close(udp);
    dor_options_free(none);
    dor_options_free(missing);
    end(&w);
}

/* A certificate that is verified for no name at all would be anybody's. */
Test(upgrade, there_must_be_a_name_to_verify)
{
    world w;
    dor_socket s;
    dor_ref ref;
    dor_buffer *der;
    int fds[2];
    begin_process(&w, 1);
    connected(true, fds);
    pair p = upgrade(&w, fds);
    OK(dor_ssl_peercert(p.client, &der));
    dor_options *strict = dor_options_new();
    OK(dor_options_set_bytes(strict, "cacerts", dor_buffer_data(der), dor_buffer_len(der)));
    OK(dor_options_set_bool(strict, "log_alert", 0));
    connected(true, fds);
    FAILS(dor_ssl_connect_fd(w.runtime, fds[0], NULL, strict, 1000, &s), DOR_E_OPTION_CONFLICT);
    cr_assert(strstr(dor_options_error(strict), "verify_host"));
    OK(dor_ssl_accept_fd_async(w.runtime, fds[1], w.server, PATIENCE_MS, &ref));
    OK(dor_ssl_connect_fd(w.runtime, fds[0], "localhost", strict, PATIENCE_MS, &s));
    OK(await_reply(ref, NULL, NULL));
    connected(true, fds);
    OK(dor_ssl_accept_fd_async(w.runtime, fds[1], w.server, PATIENCE_MS, &ref));
    int code = dor_ssl_connect_fd(w.runtime, fds[0], "other.example", strict, PATIENCE_MS, &s);
    cr_assert_eq(dor_error_get_reason(code), DOR_REASON_CERT_NAME_MISMATCH);
    (void)await_reply(ref, NULL, NULL); /* in TLS 1.3 the server may have been content by then */
    OK(dor_options_set_bool(strict, "verify_host", 0));
    connected(true, fds);
    OK(dor_ssl_accept_fd_async(w.runtime, fds[1], w.server, PATIENCE_MS, &ref));
    OK(dor_ssl_connect_fd(w.runtime, fds[0], NULL, strict, PATIENCE_MS, &s));
    OK(await_reply(ref, NULL, NULL));
    dor_buffer_unref(der);
    dor_options_free(strict);
    end(&w);
}

Test(upgrade, a_listening_socket_carries_no_connection)
{
    world w;
    dor_socket s;
    struct sockaddr_in any = {.sin_family = AF_INET};
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    begin_process(&w, 1);
    cr_assert_eq(bind(listening, (struct sockaddr *)&any, sizeof any), 0);
    cr_assert_eq(listen(listening, 1), 0);
    FAILS(dor_ssl_accept_fd(w.runtime, listening, w.server, 1000, &s), DOR_E_BADARG);
    cr_assert(is_open(listening));
    close(listening);
    end(&w);
}

static atomic_int in_actor = 1;

static void upgrade_in_actor(void *state, dor_message *m)
{
    dor_socket s;
    world *w = state;
    if (m->type == DOR_MSG_USER) {
        int *fds = dor_message_payload(m);
        int code = dor_ssl_accept_fd(w->runtime, fds[1], w->server, 1000, &s);
        dor_ref ref;
        if (code == DOR_E_WOULD_DEADLOCK && is_open(fds[1]))
            code = dor_ssl_accept_fd_async(w->runtime, fds[1], w->server, PATIENCE_MS, &ref);
        if (code) atomic_store(&in_actor, code);
    } else if (m->type == DOR_MSG_SSL_REPLY) {
        atomic_store(&in_actor, ((dor_ssl_reply *)dor_message_payload(m))->result);
    }
    dor_message_free(m);
}

Test(upgrade, an_actor_upgrades_without_waiting)
{
    world w;
    dor_pid actor;
    dor_socket client;
    int fds[2];
    begin_process(&w, 2);
    connected(false, fds);
    dor_actor_spec spec = {.receive = upgrade_in_actor, .state = &w};
    OK(dor_spawn(w.runtime, &spec, &actor));
    dor_message *m = dor_message_new(DOR_MSG_USER, sizeof fds, NULL);
    memcpy(dor_message_payload(m), fds, sizeof fds);
    OK(dor_send(actor, m));
    OK(dor_ssl_connect_fd(w.runtime, fds[0], "localhost", w.client, PATIENCE_MS, &client));
    WAIT_FOR(atomic_load(&in_actor) <= 0);
    cr_assert_eq(atomic_load(&in_actor), DOR_OK);
    OK(dor_ssl_close(client));
    end(&w);
}

/* ---- once taken, it is the library's ------------------------------------------------------------------------------- */

/* The peer sees the end: nothing of ours holds the descriptor any more. */
static void expect_end(int fd)
{
    char rest[4096];
    ssize_t n;
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while ((n = recv(fd, rest, sizeof rest, 0)) > 0) {
    }
    cr_assert(n == 0 || errno == ECONNRESET, "the connection is open still");
    close(fd);
}

Test(upgrade, what_was_slipped_in_behind_starttls_fails_the_handshake)
{
    world w;
    dor_socket s;
    int fds[2];
    begin_process(&w, 1);
    for (int local = 0; local < 2; local++) {
        connected(local, fds);
        say(fds[0], "STARTTLS\r\nMAIL FROM:<mallory@example.org>\r\n");
        hear(fds[1], "STARTTLS\r\n");
        int code = dor_ssl_accept_fd(w.runtime, fds[1], w.server, 5000, &s);
        cr_assert_geq(dor_error_get_alert(code), 0, "an alert is what answers it");
        shutdown(fds[0], SHUT_WR);
        expect_end(fds[0]);
        WAIT_FOR(statistics(&w).connections == 0);
    }
    end(&w);
}

Test(upgrade, failures_close_it)
{
    world w;
    dor_socket s;
    int fds[2];
    begin_process(&w, 1);
    connected(true, fds);
    FAILS(dor_ssl_accept_fd(w.runtime, fds[1], w.server, 30, &s), DOR_E_TIMEOUT);
    shutdown(fds[0], SHUT_WR);
    expect_end(fds[0]);
    connected(true, fds);
    shutdown(fds[0], SHUT_WR); /* an end in place of a hello */
    FAILS(dor_ssl_accept_fd(w.runtime, fds[1], w.server, 5000, &s), DOR_E_CLOSED);
    expect_end(fds[0]);
    int lonely = socket(AF_INET, SOCK_STREAM, 0);
    int code = dor_ssl_connect_fd(w.runtime, lonely, "localhost", w.client, 5000, &s);
    cr_assert_eq(dor_error_get_class(code), DOR_CLASS_IO, "a socket that is not connected: %d", code);
    WAIT_FOR(!is_open(lonely) && statistics(&w).connections == 0);
    end(&w);
}

Test(upgrade, a_runtime_that_stops_closes_it)
{
    world w;
    dor_ref ref;
    dor_socket s;
    int fds[2], late[2];
    begin_process(&w, 2);
    connected(true, fds);
    connected(true, late);
    OK(dor_ssl_accept_fd_async(w.runtime, fds[1], w.server, DOR_INFINITY, &ref));
    OK(dor_runtime_stop(w.runtime, 5000));
    int code = dor_ssl_accept_fd(w.runtime, late[1], w.server, 1000, &s);
    cr_assert_neq(code, DOR_OK);
    if (dor_error_get_class(code) == DOR_CLASS_USAGE) close(late[1]);
    expect_end(fds[0]);
    expect_end(late[0]);
    end_stopped(&w);
}

Test(upgrade, the_owners_death_closes_it)
{
    world w;
    int fds[2];
    begin_process(&w, 2);
    connected(true, fds);
    pair p = upgrade(&w, fds);
    (void)p;
    OK(dor_process_detach());
    WAIT_FOR(statistics(&w).connections == 0);
    cr_assert(!is_open(fds[0]) && !is_open(fds[1]));
    end(&w);
}

/* One allocation fails, whichever it is: then the rule of classes still says whose the descriptor is. */
Test(upgrade, each_allocation_fails_once)
{
    world w;
    begin_process(&w, 1);
    OK(dor_options_set_int(w.server, "linger", 300));
    int fds[2];
    connected(true, fds);
    OK(dor_ssl_close(upgrade(&w, fds).client)); /* so that the scheduler has opened all that it keeps */
    WAIT_FOR(statistics(&w).connections == 0);
    for (long n = 0; n < 400; n += SLOW_BUILD ? 23 : 3) {
        dor_ref ref;
        dor_socket server = 0, client = 0;
        connected(true, fds);
        atomic_store(&fail_after, n);
        int accepting = dor_ssl_accept_fd_async(w.runtime, fds[1], w.server, 2000, &ref);
        int connecting = dor_ssl_connect_fd(w.runtime, fds[0], "localhost", w.client, 2000, &client);
        atomic_store(&fail_after, -1);
        if (accepting == DOR_OK && await_reply(ref, &server, NULL) == DOR_OK) OK(dor_ssl_close(server));
        if (connecting == DOR_OK) OK(dor_ssl_close(client));
        cr_assert_neq(dor_error_get_class(accepting), DOR_CLASS_USAGE);
        cr_assert_neq(dor_error_get_class(connecting), DOR_CLASS_USAGE);
        WAIT_FOR(statistics(&w).connections == 0);
        WAIT_FOR(!is_open(fds[0]) && !is_open(fds[1]));
        dor_message *m;
        while (dor_receive(&m, 0) == DOR_OK)
            dor_message_free(m);
    }
    end(&w);
}
