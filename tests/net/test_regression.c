/*
 * What users of OTP's ssl suffered from, each under the number of the report that it was told in: the order of data and end,
 * failures that nobody is told of, timeouts, and clients that hold up others. test_regression_memory.c has what grew.
 * Reports that other suites guard have their number there.
 */
#include "net_support.h"
#include "hand_peer.h"

/* ---- data before the end ------------------------------------------------------------------------------------------ */

/* The last message and the end of a large transfer under {active, once}: the peer closes at once behind its data. */
static void once_until_the_end(const char *version, size_t len)
{
    world w;
    size_t got = 0;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "active", "once"));
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    listen_in(&w);
    pair p = connect_pair(&w);
    void *bytes;
    dor_buffer *sent = dor_buffer_alloc(len, &bytes);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(i * 7 + i / 4093);
    OK(dor_ssl_send_async(p.client, dor_buffer_ref(sent), NULL));
    OK(dor_ssl_close(p.client));
    for (;;) {
        dor_ssl_event event = {0};
        uint32_t type = next_event_within(p.server, PATIENCE_MS, &event);
        if (type != DOR_MSG_SSL) {
            cr_assert_eq(type, (uint32_t)DOR_MSG_SSL_CLOSED, "event %u", type);
            OK(event.reason);
            break;
        }
        size_t part = dor_buffer_len(event.data);
        cr_assert_leq(got + part, len);
        cr_assert_eq(memcmp(dor_buffer_data(event.data), (uint8_t *)bytes + got, part), 0);
        got += part;
        dor_buffer_unref(event.data);
        OK(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE));
    }
    cr_assert_eq(got, len, "%zu of %zu bytes before the end", got, len);
    dor_buffer_unref(sent);
    end(&w);
}

/* otp#3458: ssl_closed came before the last data, the more likely the larger the transfer. */
Test(regression, once_gets_all_data_before_the_end)
{
    once_until_the_end("tlsv1.3", 3 << 20);
    once_until_the_end("tlsv1.2", 3 << 20);
    for (size_t len = 1; len < 60000; len = len * 5 + 3)
        once_until_the_end("tlsv1.3", len);
}

/* otp#3410: the last record came in several segments, with the FIN right behind it, and the end was told first. */
Test(regression, the_last_record_in_pieces_and_a_fin)
{
    static const char *const modes[] = {"true", "once", "false"};
    static const size_t lens[] = {1, 3000, 16384};
    for (int notify = 0; notify < 2; notify++)
        for (int mode = 0; mode < 3; mode++)
            for (int l = 0; l < 3; l++) {
                world w;
                hand h;
                dor_buffer *data = NULL;
                size_t got = 0;
                static uint8_t bytes[16384];
                begin(&w, 1);
                OK(dor_options_set_text(w.server, "active", modes[mode]));
                listen_in(&w);
                dor_socket s = hand_connect(&h, &w);
                hand_seal(&h, bytes, lens[l]);
                if (notify) {
                    cr_assert(dor__ok(dor__tls_close(h.tls)));
                    hand_collect(&h);
                }
                size_t len = h.output.len, piece = len / 3 + 1;
                for (size_t at = 0; at < len; at += piece) {
                    hand_write(&h, h.output.ptr + at, len - at < piece ? len - at : piece);
                    if (at + piece < len) uv_sleep(2);
                }
                shutdown(h.fd, SHUT_WR);
                while (got < lens[l]) {
                    dor_ssl_event event = {0};
                    if (mode == 2) {
                        OK(dor_ssl_recv(s, 0, PATIENCE_MS, &event.data));
                    } else {
                        cr_assert_eq(next_event_within(s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL);
                    }
                    got += dor_buffer_len(event.data);
                    dor_buffer_unref(event.data);
                    if (mode == 1) OK(dor_ssl_set_active(s, DOR_ACTIVE_ONCE));
                }
                if (mode == 2)
                    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), notify ? DOR_E_CLOSED : DOR_E_TRUNCATED);
                else
                    expect_event(s, DOR_MSG_SSL_CLOSED, notify ? DOR_OK : DOR_E_TRUNCATED);
                hand_free(&h);
                end(&w);
            }
}

/* otp#3974: send, which had returned, and close right behind it: the data never left. Peers that read late, too. */
Test(regression, close_right_behind_a_send)
{
    world w;
    enum { LEN = 50000 };
    static char bytes[LEN];
    begin(&w, 2);
    listen_in(&w);
    for (unsigned i = 0; i < scaled(60) + 2; i++) {
        dor_buffer *data;
        pair p = connect_pair(&w);
        size_t len = i * 7919 % LEN + 1;
        memset(bytes, 'a' + (int)i % 26, len);
        OK(dor_ssl_send(i % 2 ? p.server : p.client, bytes, len));
        OK(dor_ssl_close(i % 2 ? p.server : p.client));
        if (i % 5 == 0) uv_sleep(3);
        dor_socket to = i % 2 ? p.client : p.server;
        OK(dor_ssl_recv(to, len, PATIENCE_MS, &data));
        expect_data(data, bytes, len);
        FAILS(dor_ssl_recv(to, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    }
    end(&w);
}

/* ---- who is told of the end --------------------------------------------------------------------------------------- */

/*
 * otp#4458 and #4771, which are two opinions: a passive socket gets no ssl_closed (4771), but arming it after the end is no
 * error and brings one (4458). Whatever was received before, and whether data is left.
 */
Test(regression, a_passive_owner_hears_of_the_end_when_it_asks)
{
    for (int left = 0; left < 2; left++)
        for (int how = 0; how < 3; how++) {
            static const int armed[] = {DOR_ACTIVE_ONCE, DOR_ACTIVE_TRUE, 3};
            world w;
            pair p = begin_pair(&w, 2);
            send_text(p.client, "answer");
            expect_recv(p.server, 6, "answer");
            if (left) send_text(p.client, "rest");
            OK(dor_ssl_close(p.client));
            expect_silence(p.server, 30); /* otp#4771 */
            OK(dor_ssl_set_active(p.server, armed[how]));
            if (left) expect_text_event(p.server, "rest");
            if (left && how == 0) OK(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE));
            expect_event(p.server, DOR_MSG_SSL_CLOSED, DOR_OK); /* otp#4458 */
            expect_silence(p.server, 5);
            FAILS(dor_ssl_set_active(p.server, DOR_ACTIVE_ONCE), DOR_E_CLOSED);
            end(&w);
        }
}

typedef struct other_sender {
    dor_socket s;
    int code;
} other_sender;

/* Until the peer's reset is found. */
static void *sends_until_it_fails(void *arg)
{
    other_sender *o = arg;
    uint64_t patience = now_ms() + PATIENCE_MS;
    do {
        o->code = dor_ssl_send(o->s, "anybody there?", 14);
    } while (o->code == DOR_OK && now_ms() < patience);
    return NULL;
}

/* otp#7431: a send failed, perhaps that of another process, and the owner of the socket never heard that it was dead. */
Test(regression, a_send_that_fails_is_followed_by_the_end)
{
    for (int who = 0; who < 2; who++)
        for (int active = 0; active < 2; active++) {
            world w;
            hand h;
            pthread_t thread;
            struct linger hard = {.l_onoff = 1};
            begin(&w, 2);
            OK(dor_options_set_text(w.server, "active", active ? "true" : "false"));
            listen_in(&w);
            other_sender o = {.s = hand_connect(&h, &w)};
            setsockopt(h.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            hand_cut(&h);
            if (who) {
                pthread_create(&thread, NULL, sends_until_it_fails, &o);
                pthread_join(thread, NULL);
            } else {
                (void)sends_until_it_fails(&o);
            }
            cr_assert_neq(o.code, DOR_OK);
            if (active) {
                dor_ssl_event event = {0};
                cr_assert_eq(next_event_within(o.s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_ERROR);
                cr_assert_eq(dor_error_get_errno(event.reason), ECONNRESET);
                expect_silence(o.s, 5);
            } else {
                dor_buffer *data;
                int code = dor_ssl_recv(o.s, 0, PATIENCE_MS, &data);
                cr_assert(dor_error_get_errno(code) == ECONNRESET || code == DOR_E_CLOSED, "%d", code);
            }
            hand_free(&h);
            end(&w);
        }
}

/* ---- timeouts ----------------------------------------------------------------------------------------------------- */

enum { SOON_MS = 60 };

/* A peer that keeps something coming, but never a whole record. */
typedef struct dripper {
    hand h;
    atomic_bool stop;
    size_t len;
} dripper;

static void *drips(void *arg)
{
    dripper *d = arg;
    for (size_t i = 0; i + 1 < d->len && !atomic_load(&d->stop); i++) {
        hand_write(&d->h, d->h.output.ptr + i, 1);
        uv_sleep(1);
    }
    return NULL;
}

/* otp#3501: a recv with a timeout waited for a day: for a peer gone silent in CLOSE_WAIT, after STARTTLS. */
Test(regression, recv_keeps_its_time)
{
    for (int i = 0; i < 6; i++) {
        world w;
        dripper d = {.stop = false};
        dor_buffer *data = NULL;
        pthread_t thread;
        static uint8_t bytes[16000];
        bool dripping = i == 1;
        begin(&w, 1);
        OK(dor_options_set_int(w.server, "hibernate_after", i == 2 ? 0 : 100000));
        OK(dor_options_set_text(w.server, "packet", i == 3 ? "4" : "raw"));
        OK(dor_options_set_bool(w.server, "exit_on_close", 0));
        listen_in(&w);
        dor_socket s = hand_connect(&d.h, &w);
        bytes[2] = 1; /* as a packet: 256 bytes, of which there are not so many */
        hand_seal(&d.h, bytes, i == 3 ? 200 : sizeof bytes);
        d.len = d.h.output.len;
        if (dripping) pthread_create(&thread, NULL, drips, &d);
        if (i == 2) hand_write(&d.h, d.h.output.ptr, 100); /* the beginning of a record, then sleep */
        if (i == 3) hand_flush(&d.h);                      /* the beginning of a packet */
        if (i == 4) OK(dor_ssl_send_async(s, dor_buffer_new(bytes, sizeof bytes), NULL));
        if (i == 5) OK(dor_ssl_shutdown(s, DOR_SHUTDOWN_WRITE)); /* and the peer neither answers nor goes */
        for (int again = 0; again < 3; again++)
            FAILS(dor_ssl_recv(s, 0, SOON_MS, &data), DOR_E_TIMEOUT);
        FAILS(dor_ssl_recv(s, 0, 0, &data), DOR_E_TIMEOUT);
        atomic_store(&d.stop, true);
        if (dripping) pthread_join(thread, NULL);
        hand_free(&d.h);
        OK(dor_runtime_stop(w.runtime, 5000));
        end_stopped(&w);
    }
}

/* otp#3501, as it was met: over a descriptor that was upgraded, whose peer has sent a FIN into the middle of a record. */
Test(regression, recv_ends_with_a_peer_that_has_gone)
{
    for (int timeout = 0; timeout < 2; timeout++) {
        world w;
        hand h;
        dor_buffer *data = NULL;
        begin(&w, 1);
        listen_in(&w);
        dor_socket s = hand_connect(&h, &w);
        hand_seal(&h, "half a record", 13);
        hand_write(&h, h.output.ptr, 9);
        shutdown(h.fd, SHUT_WR);
        FAILS(dor_ssl_recv(s, 0, timeout ? PATIENCE_MS : DOR_INFINITY, &data), DOR_E_TRUNCATED);
        hand_free(&h);
        end(&w);
    }
}

/* ---- slow clients ------------------------------------------------------------------------------------------------- */

static atomic_int greeted;

static void *greets(dor_socket socket, void *arg)
{
    (void)arg;
    atomic_fetch_add(&greeted, 1);
    (void)dor_ssl_send_async(socket, dor_buffer_new("hello", 5), NULL);
    return NULL;
}

/* otp#3287, ranch#44: who connects and then says nothing kept an acceptor, or the only one, busy. */
Test(regression, the_silent_hold_up_nobody)
{
    world w;
    enum { SILENT = 100 };
    int fds[SILENT];
    dor_address address;
    dor_server_spec spec = {.open = greets};
    begin(&w, 2);
    OK(dor_options_unset(w.server, "active"));
    OK(dor_options_set_int(w.server, "handshake_timeout", 3000));
    OK(dor_ssl_serve(w.runtime, 0, w.server, &spec, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    atomic_store(&greeted, 0);
    for (int i = 0; i < SILENT; i++) {
        fds[i] = raw_connect(address.port);
        if (i % 4 == 1) (void)send(fds[i], "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL); /* and no more */
        if (i % 4 == 2) (void)send(fds[i], "\x16", 1, MSG_NOSIGNAL);
        if (i % 4 == 3) shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < 10; i++) {
        dor_socket s;
        OK(dor_ssl_connect(w.runtime, "127.0.0.1", address.port, w.client, PATIENCE_MS, &s));
        expect_recv(s, 5, "hello");
        OK(dor_ssl_close(s));
    }
    WAIT_FOR(statistics(&w).connections == 0); /* their time is over, too */
    cr_assert_eq(atomic_load(&greeted), 10);
    cr_assert_eq(statistics(&w).handshakes_failed, SILENT);
    for (int i = 0; i < SILENT; i++)
        close(fds[i]);
    end(&w);
}
