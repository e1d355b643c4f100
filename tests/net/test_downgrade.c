/* From TLS back to plain text: the descriptor comes back with what was behind the peer's close_notify, or not at all. */
#include "hand_peer.h"

#include <fcntl.h>

static pair upgrade(world *w, int fds[2])
{
    pair p;
    dor_ref ref;
    OK(dor_ssl_accept_fd_async(w->runtime, fds[1], w->server, PATIENCE_MS, &ref));
    OK(dor_ssl_connect_fd(w->runtime, fds[0], "localhost", w->client, PATIENCE_MS, &p.client));
    OK(await_reply(ref, &p.server, NULL));
    return p;
}

static void begin_local(world *w, unsigned schedulers, int fds[2])
{
    begin(w, schedulers);
    OK(dor_options_unset(w->server, "ip"));
    OK(dor_options_set_bool(w->server, "exit_on_close", 0));
    OK(dor_process_attach(w->runtime, NULL));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void plain(int from, int to, const char *text)
{
    char got[64];
    size_t len = strlen(text);
    fcntl(from, F_SETFL, fcntl(from, F_GETFL) & ~O_NONBLOCK);
    fcntl(to, F_SETFL, fcntl(to, F_GETFL) & ~O_NONBLOCK);
    cr_assert_eq(send(from, text, len, MSG_NOSIGNAL), (ssize_t)len);
    cr_assert_eq(recv(to, got, len, MSG_WAITALL), (ssize_t)len);
    cr_assert_eq(memcmp(got, text, len), 0);
}

static void expect_eof(int fd)
{
    char byte;
    ssize_t n;
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while ((n = recv(fd, &byte, 1, 0)) > 0) {
    }
    cr_assert(n == 0 || errno == ECONNRESET, "open still");
}

/* The reply's descriptor, taken out of it. */
static int await_fd(dor_ref ref, int *fd, dor_buffer **rest)
{
    dor_message *m = NULL;
    OK(dor_receive_match(&m, is_reply_to, &ref, PATIENCE_MS));
    dor_ssl_reply *reply = dor_message_payload(m);
    int result = reply->result;
    *fd = reply->fd;
    *rest = reply->data;
    reply->fd = -1;
    reply->data = NULL;
    dor_message_free(m);
    return result;
}

/* ---- there and back ------------------------------------------------------------------------------------------------ */

Test(downgrade, to_plain_text_and_up_again)
{
    world w;
    int fds[2];
    begin_local(&w, 2, fds);
    for (int i = 0; i < 6; i++) {
        dor_ref ref;
        dor_buffer *rest, *data;
        OK(dor_options_set_text(w.client, "versions", i & 1 ? "tlsv1.2" : "tlsv1.3"));
        pair p = upgrade(&w, fds);
        send_text(p.client, "under TLS");
        expect_recv(p.server, 9, "under TLS");
        OK(dor_ssl_downgrade_async(p.client, PATIENCE_MS, &ref));
        FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
        OK(dor_ssl_downgrade(p.server, PATIENCE_MS, &fds[1], &rest));
        cr_assert_null(rest);
        OK(await_fd(ref, &fds[0], &rest));
        cr_assert_null(rest);
        WAIT_FOR(statistics(&w).connections == 0);
        FAILS(dor_ssl_recv(p.server, 0, 1000, &data), DOR_E_CLOSED);
        FAILS(dor_ssl_downgrade(p.server, 1000, &fds[1], &rest), DOR_E_CLOSED);
        plain(fds[0], fds[1], "in the clear");
        plain(fds[1], fds[0], "and back");
    }
    close(fds[0]);
    close(fds[1]);
    end(&w);
}

Test(downgrade, both_begin_at_once)
{
    world w;
    int fds[2];
    begin_local(&w, 2, fds);
    OK(dor_options_set_bool(w.client, "exit_on_close", 0));
    for (unsigned i = 0; i < scaled(40) + 1; i++) {
        dor_ref refs[2];
        dor_buffer *rest;
        pair p = upgrade(&w, fds);
        OK(dor_ssl_downgrade_async(p.client, PATIENCE_MS, &refs[0]));
        OK(dor_ssl_downgrade_async(p.server, PATIENCE_MS, &refs[1]));
        OK(await_fd(refs[0], &fds[0], &rest));
        cr_assert_null(rest);
        OK(await_fd(refs[1], &fds[1], &rest));
        cr_assert_null(rest);
        plain(fds[0], fds[1], "clear");
    }
    close(fds[0]);
    close(fds[1]);
    end(&w);
}

Test(downgrade, what_was_queued_comes_first)
{
    world w;
    enum { LEN = 4 << 20 };
    int fds[2];
    void *bytes;
    dor_ref ref, sent;
    dor_buffer *data, *rest;
    begin_local(&w, 2, fds);
    OK(dor_options_set_int(w.client, "hibernate_after", 1));
    pair p = upgrade(&w, fds);
    WAIT_FOR(statistics(&w).hibernated == 1);
    dor_buffer *big = dor_buffer_alloc(LEN, &bytes);
    for (size_t i = 0; i < LEN; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    OK(dor_ssl_send_async(p.client, dor_buffer_ref(big), &sent));
    OK(dor_ssl_downgrade_async(p.client, PATIENCE_MS, &ref));
    OK(dor_ssl_recv(p.server, LEN, PATIENCE_MS, &data));
    expect_data(data, bytes, LEN);
    OK(await_reply(sent, NULL, NULL));
    OK(dor_ssl_downgrade(p.server, PATIENCE_MS, &fds[1], &rest));
    OK(await_fd(ref, &fds[0], &rest));
    plain(fds[0], fds[1], "clear");
    dor_buffer_unref(big);
    close(fds[0]);
    close(fds[1]);
    end(&w);
}

Test(downgrade, an_active_owner_is_told_of_the_peers_wish)
{
    world w;
    int fds[2];
    dor_ref ref;
    dor_buffer *rest;
    begin_local(&w, 2, fds);
    OK(dor_options_set_text(w.server, "active", "true"));
    OK(dor_options_set_text(w.client, "active", "true"));
    pair p = upgrade(&w, fds);
    send_text(p.client, "last words");
    OK(dor_ssl_downgrade_async(p.client, PATIENCE_MS, &ref));
    expect_text_event(p.server, "last words");
    expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK);
    send_text(p.server, "nobody listens to this");
    OK(dor_ssl_downgrade(p.server, PATIENCE_MS, &fds[1], &rest));
    OK(await_fd(ref, &fds[0], &rest));
    expect_silence(p.client, 20); /* what came under TLS behind the call is dropped, and no end is told */
    plain(fds[1], fds[0], "clear");
    close(fds[0]);
    close(fds[1]);
    end(&w);
}

/* ---- what comes behind close_notify ----------------------------------------------------------------------------------- */

static void close_with(hand *h, const void *text, size_t len)
{
    cr_assert(dor__ok(dor__tls_close(h->tls)));
    hand_collect(h);
    cr_assert(dor__ok(dor__bytes_append(&h->output, dor__span(text, len))));
    hand_write(h, h->output.ptr, h->output.len);
    dor__bytes_drop_front(&h->output, h->output.len);
}

static void read_until_closed(hand *h)
{
    while (!h->closed && !h->ended)
        cr_assert(dor__ok(hand_read(h)));
    cr_assert(h->closed);
}

/* In one segment with it, so that both are read at once; before our own close_notify and behind it; any length. */
Test(downgrade, plain_bytes_behind_close_notify_come_back)
{
    world w;
    static char text[70000];
    begin(&w, 1);
    OK(dor_options_set_bool(w.server, "exit_on_close", 0));
    listen_in(&w);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 23);
    static const size_t lens[] = {1, 4, 5, 1000, 60000, 70000};
    for (int i = 0; i < 24; i++) {
        hand h;
        int fd;
        dor_ref ref;
        dor_buffer *rest = NULL, *data;
        size_t len = lens[i / 4];
        dor_socket s = hand_connect(&h, &w);
        if (i & 1) hand_seal(&h, "data before", 11);
        if (i & 2) {
            OK(dor_ssl_downgrade_async(s, PATIENCE_MS, &ref));
            read_until_closed(&h);
            close_with(&h, text, len);
        } else {
            close_with(&h, text, len);
            if (i & 1) expect_recv(s, 11, "data before");
            FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
            OK(dor_ssl_downgrade_async(s, PATIENCE_MS, &ref));
            read_until_closed(&h);
        }
        OK(await_fd(ref, &fd, &rest));
        size_t had = rest ? dor_buffer_len(rest) : 0;
        cr_assert_leq(had, len);
        if (had) cr_assert_eq(memcmp(dor_buffer_data(rest), text, had), 0);
        dor_buffer_unref(rest);
        static char got[sizeof text];
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
        if (had < len) {
            cr_assert_eq(recv(fd, got, len - had, MSG_WAITALL), (ssize_t)(len - had));
            cr_assert_eq(memcmp(got, text + had, len - had), 0, "not a byte is lost or read twice");
        }
        cr_assert_eq(recv(fd, got, 1, MSG_DONTWAIT), -1);
        plain(fd, h.fd, "clear");
        close(fd);
        hand_free(&h);
    }
    end(&w);
}

/* Every byte of the peer's close_notify by itself. */
Test(downgrade, byte_by_byte)
{
    world w;
    hand h;
    int fd;
    dor_ref ref;
    dor_buffer *rest;
    begin(&w, 1);
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    OK(dor_ssl_downgrade_async(s, PATIENCE_MS, &ref));
    read_until_closed(&h);
    hand_seal(&h, "too late", 8);
    cr_assert(dor__ok(dor__tls_close(h.tls)));
    hand_collect(&h);
    cr_assert(dor__ok(dor__bytes_append(&h.output, dor__span("plain", 5))));
    for (size_t i = 0; i < h.output.len; i++) {
        hand_write(&h, h.output.ptr + i, 1);
        sched_yield();
    }
    OK(await_fd(ref, &fd, &rest));
    char got[5];
    size_t had = rest ? dor_buffer_len(rest) : 0;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (had) memcpy(got, dor_buffer_data(rest), had);
    if (had < 5) cr_assert_eq(recv(fd, got + had, 5 - had, MSG_WAITALL), (ssize_t)(5 - had));
    cr_assert_eq(memcmp(got, "plain", 5), 0);
    dor_buffer_unref(rest);
    close(fd);
    hand_free(&h);
    end(&w);
}

/* ---- no descriptor ------------------------------------------------------------------------------------------------------ */

Test(downgrade, failures_close_it)
{
    world w;
    int fd = -2;
    dor_buffer *rest;
    dor_ref ref;
    begin(&w, 1);
    listen_in(&w);
    for (int i = 0; i < 4; i++) {
        hand h;
        dor_socket s = hand_connect(&h, &w);
        if (i == 0) {
            FAILS(dor_ssl_downgrade(s, 50, &fd, &rest), DOR_E_TIMEOUT);
        } else {
            OK(dor_ssl_downgrade_async(s, PATIENCE_MS, &ref));
            read_until_closed(&h);
            if (i == 1) shutdown(h.fd, SHUT_WR);
            if (i == 2) hand_write(&h, "no TLS at all, and no close_notify", 34);
            if (i == 3) OK(dor_ssl_close(s));
            int code = await_reply(ref, NULL, NULL);
            if (i == 1) cr_assert_eq(code, DOR_E_TRUNCATED);
            if (i == 2) cr_assert_geq(dor_error_get_alert(code), 0);
            if (i == 3) cr_assert_eq(code, DOR_E_CLOSED);
            if (i >= 2) shutdown(h.fd, SHUT_WR);
        }
        expect_eof(h.fd);
        WAIT_FOR(statistics(&w).connections == 0);
        FAILS(dor_ssl_downgrade(s, 50, &fd, &rest), DOR_E_CLOSED);
        hand_free(&h);
    }
    cr_assert_eq(fd, -2, "out-parameters are written on success alone");
    end(&w);
}

Test(downgrade, a_reply_that_nobody_takes_apart_closes_the_descriptor)
{
    world w;
    hand h;
    dor_ref ref;
    begin(&w, 1);
    listen_in(&w);
    dor_socket s = hand_connect(&h, &w);
    OK(dor_ssl_downgrade_async(s, PATIENCE_MS, &ref));
    read_until_closed(&h);
    close_with(&h, "rest", 4);
    OK(await_reply(ref, NULL, NULL));
    expect_eof(h.fd);
    hand_free(&h);
    end(&w);
}

Test(downgrade, stop_and_death_of_the_owner_end_it)
{
    for (int stop = 0; stop < 2; stop++) {
        world w;
        hand h;
        dor_ref ref;
        begin(&w, 2);
        listen_in(&w);
        dor_socket s = hand_connect(&h, &w);
        OK(dor_ssl_downgrade_async(s, DOR_INFINITY, &ref));
        read_until_closed(&h);
        if (stop) {
            OK(dor_runtime_stop(w.runtime, 5000));
        } else {
            OK(dor_process_detach());
            shutdown(h.fd, SHUT_WR);
        }
        expect_eof(h.fd);
        hand_free(&h);
        if (!stop) WAIT_FOR(statistics(&w).connections == 0);
        stop ? end_stopped(&w) : end(&w);
    }
}

static atomic_int stranger_code = 1;

static void *stranger(void *arg)
{
    int fd;
    dor_buffer *rest;
    atomic_store(&stranger_code, dor_ssl_downgrade(*(dor_socket *)arg, 1000, &fd, &rest));
    (void)dor_process_detach();
    return NULL;
}

Test(downgrade, bad_calls_leave_the_connection_alone)
{
    world w;
    int fd;
    dor_ref first, second;
    dor_buffer *rest;
    pthread_t thread;
    begin(&w, 2);
    OK(dor_options_set_bool(w.server, "exit_on_close",
                            0)); /* or the peer's answer might come before the second call */
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_downgrade(p.client, 1000, NULL, &rest), DOR_E_BADARG);
    FAILS(dor_ssl_downgrade(p.client, 1000, &fd, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_downgrade_async(p.client, 1000, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_downgrade(w.listener, 1000, &fd, &rest), DOR_E_ENOTCONN);
    FAILS(dor_ssl_downgrade(DOR_SOCKET_NONE, 1000, &fd, &rest), DOR_E_CLOSED);
    cr_assert_eq(pthread_create(&thread, NULL, stranger, &p.client), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&stranger_code), DOR_E_NOT_OWNER);
    send_text(p.client, "alive");
    expect_recv(p.server, 5, "alive");
    OK(dor_ssl_downgrade_async(p.client, PATIENCE_MS, &first));
    OK(dor_ssl_downgrade_async(p.client, PATIENCE_MS, &second));
    FAILS(await_reply(second, NULL, NULL), DOR_E_EALREADY);
    FAILS(dor_ssl_send(p.client, "x", 1), DOR_E_CLOSED);
    OK(dor_ssl_close(p.server)); /* answers with close_notify, and goes */
    OK(await_reply(first, NULL, NULL));
    OK(dor_ssl_close(p.client));
    p = connect_pair(&w);
    OK(dor_ssl_shutdown(p.client, DOR_SHUTDOWN_WRITE));
    int code = dor_ssl_downgrade(p.client, 1000, &fd, &rest);
    cr_assert(code == DOR_E_EINVAL || code == DOR_E_CLOSED);
    end(&w);
}

Test(downgrade, each_allocation_fails_once)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_bool(w.server, "exit_on_close", 0));
    listen_in(&w);
    for (long n = 0; n < 30; n++) {
        hand h;
        dor_socket s = hand_connect(&h, &w);
        int fd = -1;
        dor_ref ref;
        dor_buffer *rest = NULL;
        bool first = n & 1;
        cr_assert(dor__ok(dor__tls_close(h.tls)));
        hand_collect(&h);
        cr_assert(dor__ok(dor__bytes_append(&h.output, dor__span("plain", 5))));
        atomic_store(&fail_after, n / 2);
        if (first) hand_write(&h, h.output.ptr, h.output.len);
        int code = dor_ssl_downgrade_async(s, 500, &ref);
        if (!first) hand_write(&h, h.output.ptr, h.output.len);
        if (code == DOR_OK) code = await_fd(ref, &fd, &rest);
        atomic_store(&fail_after, -1);
        cr_assert_eq(fd >= 0, code == DOR_OK);
        if (fd >= 0) close(fd);
        dor_buffer_unref(rest);
        OK(dor_ssl_close(s));
        hand_free(&h);
        WAIT_FOR(statistics(&w).connections == 0);
    }
    end(&w);
}
