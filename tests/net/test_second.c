/*
 * Second handshakes on sockets: renegotiation of TLS 1.2 and certificates that are asked for later in TLS 1.3. Who begins, what
 * is refused, what waits and for how long, and whatever ends in the middle of one.
 */
#include "hand_peer.h"
#include "signer_support.h"

enum { SHORT_MS = 200 };

static void allow(world *w)
{
    OK(dor_options_set_bool(w->client, "renegotiation", 1));
    OK(dor_options_set_bool(w->server, "renegotiation", 1));
    OK(dor_options_set_bool(w->server, "client_renegotiation", 1));
}

static void begin_version(world *w, const char *version)
{
    begin(w, 2);
    set_version(w, version);
}

static void ping(dor_socket from, dor_socket to)
{
    send_text(from, "ping");
    expect_recv(to, 4, "ping");
}

static void still_works(pair p)
{
    ping(p.client, p.server);
    ping(p.server, p.client);
}

static void close_both(pair p)
{
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
}

/* A server that verifies clients, and what a client of ours shows. */
static void verify_clients(world *w)
{
    char path[512];
    pki_path(path, "root", "pem");
    OK(dor_options_set_text(w->server, "verify", "verify_peer"));
    OK(dor_options_set_text(w->server, "cacertfile", path));
}

static void show_own(world *w, const char *name)
{
    char path[512];
    pki_path(path, name, "pem");
    OK(dor_options_set_text(w->client, "certfile", path));
    pki_path(path, name, "key");
    OK(dor_options_set_text(w->client, "keyfile", path));
}

/* ---- renegotiation -------------------------------------------------------------------------------------------------- */

Test(second, renegotiation_by_either_side)
{
    world w;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    listen_in(&w);
    pair p = connect_pair(&w);
    for (int i = 0; i < 6; i++) {
        dor_socket by = i % 2 ? p.server : p.client;
        OK(dor_ssl_renegotiate(by, PATIENCE_MS));
        still_works(p);
    }
    close_both(p);
    end(&w);
}

Test(second, what_is_sent_meanwhile_arrives_in_order)
{
    world w;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    listen_in(&w);
    pair p = connect_pair(&w);
    for (int round = 0; round < 10; round++) {
        dor_ref ref;
        char all[64 * 8 + 1] = "", one[9];
        OK(dor_ssl_renegotiate_async(round % 2 ? p.server : p.client, PATIENCE_MS, &ref));
        for (int i = 0; i < 64; i++) {
            snprintf(one, sizeof one, "%08d", i);
            send_text(p.client, one);
            send_text(p.server, one);
            strcat(all, one);
        }
        OK(await_reply(ref, NULL, NULL));
        expect_recv(p.server, strlen(all), all);
        expect_recv(p.client, strlen(all), all);
    }
    close_both(p);
    end(&w);
}

Test(second, a_peer_that_may_refuse_does)
{
    world w;
    begin_version(&w, "tlsv1.2");
    OK(dor_options_set_bool(w.client, "renegotiation", 1));
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_renegotiate(p.server, PATIENCE_MS), DOR_E_EINVAL);
    for (int i = 0; i < 3; i++) {
        FAILS(dor_ssl_renegotiate(p.client, PATIENCE_MS), DOR_E_RENEGOTIATION_REFUSED);
        still_works(p);
    }
    close_both(p);
    OK(dor_options_set_bool(w.client, "renegotiation", 0));
    OK(dor_options_set_bool(w.server, "renegotiation", 1));
    dor_socket listener = w.listener;
    listen_in(&w);
    OK(dor_ssl_close(listener));
    p = connect_pair(&w);
    FAILS(dor_ssl_renegotiate(p.client, PATIENCE_MS), DOR_E_EINVAL);
    FAILS(dor_ssl_renegotiate(p.server, PATIENCE_MS), DOR_E_RENEGOTIATION_REFUSED);
    still_works(p);
    close_both(p);
    end(&w);
}

Test(second, calls_that_make_no_sense)
{
    world w;
    begin_version(&w, "tlsv1.3");
    allow(&w);
    listen_in(&w);
    pair p = connect_pair(&w);
    dor_ref ref;
    FAILS(dor_ssl_renegotiate(p.client, PATIENCE_MS), DOR_E_EINVAL);
    FAILS(dor_ssl_request_certificate(p.client, PATIENCE_MS), DOR_E_EINVAL);
    FAILS(dor_ssl_request_certificate(p.server, PATIENCE_MS), DOR_E_EINVAL);
    FAILS(dor_ssl_renegotiate(w.listener, PATIENCE_MS), DOR_E_ENOTCONN);
    FAILS(dor_ssl_request_certificate(w.listener, PATIENCE_MS), DOR_E_ENOTCONN);
    FAILS(dor_ssl_renegotiate_async(p.client, PATIENCE_MS, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_request_certificate_async(p.client, PATIENCE_MS, NULL), DOR_E_BADARG);
    still_works(p);
    close_both(p);
    FAILS(dor_ssl_renegotiate(p.client, PATIENCE_MS), DOR_E_CLOSED);
    FAILS(dor_ssl_request_certificate_async(p.server, PATIENCE_MS, &ref), DOR_E_CLOSED);
    end(&w);
}

Test(second, by_volume)
{
    world w;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    OK(dor_options_set_int(w.client, "renegotiate_at", 5 * 16384));
    OK(dor_options_set_bool(w.client, "keep_secrets", 1));
    listen_in(&w);
    pair p = connect_pair(&w);
    dor_connection_information before, after;
    OK(dor_ssl_connection_information(p.client, &before));
    for (int i = 0; i < 20; i++)
        ping(p.client, p.server);
    OK(dor_ssl_connection_information(p.client, &after));
    cr_assert_neq(memcmp(before.master_secret, after.master_secret, before.master_secret_len), 0);
    still_works(p);
    close_both(p);
    end(&w);
}

Test(second, options_that_contradict)
{
    world w;
    dor_socket s;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "renegotiate_at", 100000));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &s), DOR_E_OPTION_CONFLICT);
    OK(dor_options_unset(w.server, "renegotiate_at"));
    OK(dor_options_set_bool(w.server, "post_handshake_auth", 1));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &s), DOR_E_OPTION_CONFLICT);
    FAILS(dor_options_set_bool(w.server, "secure_renegotiate", 0), DOR_E_NOT_SUPPORTED);
    OK(dor_options_set_bool(w.server, "secure_renegotiate", 1));
    FAILS(dor_options_set_int(w.server, "client_renegotiation", 1), DOR_E_OPTION_TYPE);
    end(&w);
}

/* ---- a client by hand: it stops where the test wants ------------------------------------------------------------------ */

static dor_socket hand_second(hand *h, world *w, uint16_t version)
{
    dor_socket s;
    dor_ref ref;
    hand_init(h, w->port);
    h->config->min_version = h->config->max_version = version;
    h->config->renegotiation = h->config->post_auth = true;
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept_async(s, NULL, PATIENCE_MS, &ref));
    hand_shake(h);
    OK(await_reply(ref, NULL, NULL));
    return s;
}

/* Until the second handshake is over for the client, too. */
static void hand_finish(hand *h)
{
    hand_flush(h);
    while (!h->ended && dor__tls_in_second(h->tls)) {
        cr_assert(dor__ok(hand_read(h)));
        hand_flush(h);
    }
    cr_assert_not(h->ended);
}

static void hand_hello(hand *h)
{
    cr_assert(dor__ok(dor__tls_renegotiate(h->tls)));
    hand_flush(h);
}

/* The server's first flight is here, so it is in the middle. */
static void hand_hear_something(hand *h)
{
    struct pollfd ready = {.fd = h->fd, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, PATIENCE_MS), 1);
}

Test(second, one_at_a_time_and_its_time)
{
    world w;
    hand h;
    dor_ref ref;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
    OK(dor_ssl_renegotiate_async(s, PATIENCE_MS, &ref));
    FAILS(dor_ssl_renegotiate(s, PATIENCE_MS), DOR_E_EALREADY);
    hand_hear_something(&h);
    cr_assert(dor__ok(hand_read(&h))); /* the HelloRequest, which it follows */
    hand_finish(&h);
    OK(await_reply(ref, NULL, NULL));
    FAILS(dor_ssl_renegotiate(s, SHORT_MS), DOR_E_TIMEOUT);
    FAILS(dor_ssl_renegotiate(s, SHORT_MS), DOR_E_EALREADY);
    hand_send(&h, "late", 4); /* the connection lives */
    expect_recv(s, 4, "late");
    cr_assert(dor__ok(hand_read(&h))); /* and it comes to it all the same */
    hand_finish(&h);
    hand_send(&h, "done", 4);
    expect_recv(s, 4, "done");
    OK(dor_ssl_close(s));
    hand_free(&h);
    end(&w);
}

Test(second, handshake_timeout_bounds_it)
{
    world w;
    hand h;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    OK(dor_options_set_int(w.server, "handshake_timeout", 4000));
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
    hand_hello(&h);
    dor_buffer *data;
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_TIMEOUT);
    OK(dor_ssl_close(s));
    hand_free(&h);
    end(&w);
}

Test(second, sends_wait_and_no_hibernation)
{
    world w;
    hand h;
    dor_ref ref;
    dor_connection_info info;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    OK(dor_options_set_int(w.server, "hibernate_after", 20));
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
    hand_hello(&h);
    hand_hear_something(&h);
    OK(dor_ssl_send_async(s, dor_buffer_new("queued", 6), &ref));
    cr_assert_eq(dor_receive_match(&(dor_message *){NULL}, is_reply_to, &ref, SHORT_MS), DOR_E_TIMEOUT);
    OK(dor_ssl_connection_info(s, &info));
    cr_assert_eq(info.hibernated, 0);
    hand_finish(&h);
    OK(await_reply(ref, NULL, NULL));
    while (h.received < 6)
        cr_assert(dor__ok(hand_read(&h)));
    OK(dor_ssl_close(s));
    hand_free(&h);
    end(&w);
}

/* Whoever closes in the middle loses nothing that was sent before. */
Test(second, a_close_waits_for_what_was_sent)
{
    world w;
    hand h;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    OK(dor_options_set_int(w.server, "linger", PATIENCE_MS));
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
    hand_hello(&h);
    hand_hear_something(&h);
    OK(dor_ssl_send_async(s, dor_buffer_new("last words", 10), NULL));
    OK(dor_ssl_close(s));
    hand_finish(&h);
    cr_assert(dor__ok(hand_read_until_end(&h)));
    cr_assert_eq(h.received, 10);
    cr_assert(h.closed);
    hand_free(&h);
    end(&w);
}

/* Nothing is queued: close_notify at once. And a peer that never goes on is waited for no longer than linger. */
Test(second, a_close_that_has_nothing_to_wait_for)
{
    for (int queued = 0; queued < 2; queued++) {
        world w;
        hand h;
        begin_version(&w, "tlsv1.2");
        allow(&w);
        OK(dor_options_set_int(w.server, "linger", queued ? SHORT_MS : PATIENCE_MS));
        listen_in(&w);
        dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
        hand_hello(&h);
        hand_hear_something(&h);
        if (queued) OK(dor_ssl_send_async(s, dor_buffer_new("lost", 4), NULL));
        OK(dor_ssl_close(s));
        while (!h.ended && !h.closed)
            if (dor__failed(hand_read(&h))) break;
        cr_assert_eq(h.received, 0);
        cr_assert(h.ended || h.closed);
        hand_free(&h);
        end(&w);
    }
}

/* The runtime's end, the owner's and the peer's, while somebody waits. */
Test(second, ends_in_the_middle)
{
    for (int how = 0; how < 3; how++) {
        world w;
        hand h;
        dor_ref ref;
        begin_version(&w, "tlsv1.2");
        allow(&w);
        OK(dor_options_set_int(w.server, "linger", SHORT_MS));
        listen_in(&w);
        dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
        OK(dor_ssl_renegotiate_async(s, PATIENCE_MS, &ref));
        hand_hear_something(&h);
        if (how == 0) hand_cut(&h);
        if (how == 1) OK(dor_ssl_close(s));
        if (how < 2) {
            int code = await_reply(ref, NULL, NULL);
            cr_assert(code != DOR_OK && code != DOR_E_TIMEOUT, "%d", code); /* a cut may be a reset */
            (void)dor_ssl_close(s);
        }
        OK(dor_runtime_stop(w.runtime, 5000));
        hand_free(&h);
        end_stopped(&w);
    }
}

Test(second, no_downgrade_in_the_middle)
{
    world w;
    hand h;
    int fd;
    dor_buffer *rest;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
    hand_hello(&h);
    hand_hear_something(&h);
    FAILS(dor_ssl_downgrade(s, PATIENCE_MS, &fd, &rest), DOR_E_EALREADY);
    hand_finish(&h);
    hand_send(&h, "on", 2);
    expect_recv(s, 2, "on");
    OK(dor_ssl_close(s));
    hand_free(&h);
    end(&w);
}

/* ---- certificates that are asked for later ----------------------------------------------------------------------------- */

static void begin_post_auth(world *w)
{
    begin_version(w, "tlsv1.3");
    verify_clients(w);
    OK(dor_options_set_bool(w->client, "post_handshake_auth", 1));
    OK(dor_options_set_bool(w->server, "post_handshake_auth", 1));
}

Test(second, certificate_on_request)
{
    world w;
    dor_buffer *der;
    begin_post_auth(&w);
    show_own(&w, "tls-p256");
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_peercert(p.server, &der), DOR_E_NO_PEERCERT);
    for (int i = 0; i < 3; i++) {
        OK(dor_ssl_request_certificate(p.server, PATIENCE_MS));
        OK(dor_ssl_peercert(p.server, &der));
        dor_buffer_unref(der);
        still_works(p);
    }
    close_both(p);
    end(&w);
}

Test(second, client_without_a_certificate)
{
    for (int required = 0; required < 2; required++) {
        world w;
        dor_buffer *der;
        begin_post_auth(&w);
        OK(dor_options_set_bool(w.server, "fail_if_no_peer_cert", required));
        listen_in(&w);
        pair p = connect_pair(&w);
        int code = dor_ssl_request_certificate(p.server, PATIENCE_MS);
        if (required) {
            cr_assert_eq(dor_error_get_alert(code), DOR_ALERT_CERTIFICATE_REQUIRED, "%d", code);
        } else {
            cr_assert_eq(code, DOR_OK);
            FAILS(dor_ssl_peercert(p.server, &der), DOR_E_NO_PEERCERT);
            still_works(p);
        }
        close_both(p);
        end(&w);
    }
}

Test(second, client_that_has_not_offered_it)
{
    world w;
    begin_post_auth(&w);
    OK(dor_options_set_bool(w.client, "post_handshake_auth", 0));
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_request_certificate(p.server, PATIENCE_MS), DOR_E_NO_POST_AUTH);
    still_works(p);
    close_both(p);
    end(&w);
}

Test(second, requests_without_an_answer)
{
    world w;
    hand h;
    dor_ref ref;
    begin_post_auth(&w);
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_3);
    for (int i = 0; i < 4; i++)
        FAILS(dor_ssl_request_certificate(s, 20), DOR_E_TIMEOUT);
    FAILS(dor_ssl_request_certificate(s, PATIENCE_MS), DOR_E_LIMIT);
    hand_send(&h, "on", 2);
    expect_recv(s, 2, "on");
    OK(dor_ssl_send_async(s, dor_buffer_new("data goes on", 12), &ref));
    OK(await_reply(ref, NULL, NULL));
    OK(dor_ssl_close(s));
    hand_free(&h);
    end(&w);
}

/* The client's key is elsewhere: its answer comes later, or the connection has ended by then. */
Test(second, signatures_from_elsewhere)
{
    for (int i = 0; i < 8; i++) {
        world w;
        hsm h;
        const bool later = i & 1, tls13 = i & 2, ends = i & 4;
        dor_ref ref;
        begin_version(&w, tls13 ? "tlsv1.3" : "tlsv1.2");
        allow(&w);
        verify_clients(&w);
        hsm_init(&h, "tls-p256", 0);
        h.how = SIGNS_NOW;
        show(w.client, "tls-p256", &h);
        if (tls13) {
            OK(dor_options_set_bool(w.client, "post_handshake_auth", 1));
            OK(dor_options_set_bool(w.server, "post_handshake_auth", 1));
        }
        listen_in(&w);
        pair p = connect_pair(&w);
        if (later) h.how = SIGNS_LATER;
        OK(tls13 ? dor_ssl_request_certificate_async(p.server, PATIENCE_MS, &ref)
                 : dor_ssl_renegotiate_async(p.server, PATIENCE_MS, &ref));
        dor_question *question = later ? hsm_take(&h) : NULL;
        if (ends) {
            if (later) OK(dor_ssl_send_async(p.client, dor_buffer_new("words", 5), NULL));
            OK(dor_ssl_close(p.client));
        }
        if (later) (void)dor_question_sign(question, h.sig, h.sig_len);
        int code = await_reply(ref, NULL, NULL);
        if (!ends) {
            OK(code);
            cr_assert_eq(atomic_load(&h.asked), tls13 ? 1 : 2);
            still_works(p);
        } else if (later) {
            expect_recv(p.server, 5, "words");
        }
        (void)dor_ssl_close(p.client);
        (void)dor_ssl_close(p.server);
        hsm_fini(&h);
        end(&w);
    }
}

Test(second, a_signer_that_fails_ends_the_connection)
{
    const answer_how hows[] = {SIGNS_WRONG, SIGNS_SHORT, SIGNS_NOTHING, REFUSES, DROPS};
    for (size_t i = 0; i < sizeof hows / sizeof hows[0]; i++) {
        world w;
        hsm h;
        begin_post_auth(&w);
        hsm_init(&h, "tls-p256", 0);
        h.how = hows[i];
        show(w.client, "tls-p256", &h);
        listen_in(&w);
        pair p = connect_pair(&w);
        int code = dor_ssl_request_certificate(p.server, PATIENCE_MS);
        cr_assert_eq(dor_error_get_alert(code), DOR_ALERT_INTERNAL_ERROR, "case %zu: %d", i, code);
        dor_buffer *data;
        code = dor_ssl_recv(p.client, 0, PATIENCE_MS, &data);
        cr_assert_eq(dor_error_get_alert(code), DOR_ALERT_INTERNAL_ERROR, "case %zu: %d", i, code);
        close_both(p);
        hsm_fini(&h);
        end(&w);
    }
}

/* ---- what is left when something is missing ------------------------------------------------------------------------------ */

/* The peer closes in the middle, and the owner may go on sending: what has waited goes out, and who waits is told. */
Test(second, the_peer_closes_in_the_middle)
{
    world w;
    hand h;
    dor_ref asked, sent;
    dor_buffer *data;
    begin_version(&w, "tlsv1.2");
    allow(&w);
    OK(dor_options_set_bool(w.server, "exit_on_close", 0));
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_2);
    OK(dor_ssl_renegotiate_async(s, DOR_INFINITY, &asked));
    hand_hear_something(&h);
    cr_assert(dor__ok(hand_read(&h))); /* the request, which it follows */
    hand_flush(&h);
    hand_hear_something(&h);
    OK(dor_ssl_send_async(s, dor_buffer_new("waits", 5), &sent));
    cr_assert(dor__ok(dor__tls_close(h.tls)));
    hand_flush(&h);
    int code = await_reply(asked, NULL, NULL);
    cr_assert_eq(code, DOR_E_CLOSED, "%d", code);
    OK(await_reply(sent, NULL, NULL));
    FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_close(s));
    hand_free(&h);
    end(&w);
}

/* A request that waits for the peer does not keep anybody from going back to plain text. */
Test(second, downgrade_while_a_request_waits)
{
    world w;
    hand h;
    dor_ref asked, downgrade;
    begin_post_auth(&w);
    listen_in(&w);
    dor_socket s = hand_second(&h, &w, DOR_TLS_1_3);
    OK(dor_ssl_request_certificate_async(s, DOR_INFINITY, &asked));
    hand_hear_something(&h);
    OK(dor_ssl_downgrade_async(s, PATIENCE_MS, &downgrade));
    FAILS(await_reply(asked, NULL, NULL), DOR_E_CLOSED);
    while (!h.closed)
        cr_assert(dor__ok(hand_read(&h)));
    cr_assert(dor__ok(dor__tls_close(h.tls)));
    hand_flush(&h);
    dor_message *m = NULL;
    OK(dor_receive_match(&m, is_reply_to, &downgrade, PATIENCE_MS));
    const dor_ssl_reply *reply = dor_message_payload(m);
    OK(reply->result);
    close(reply->fd);
    dor_message_free(m);
    hand_free(&h);
    end(&w);
}

/* Whichever allocation fails: the caller is answered, and nothing is left. */
Test(second, each_allocation_fails)
{
    for (int tls13 = 0; tls13 < 2; tls13++) {
        world w;
        begin(&w, 1);
        set_version(&w, tls13 ? "tlsv1.3" : "tlsv1.2");
        allow(&w);
        verify_clients(&w);
        show_own(&w, "tls-p256");
        OK(dor_options_set_bool(w.client, "post_handshake_auth", tls13));
        OK(dor_options_set_bool(w.server, "post_handshake_auth", tls13));
        OK(dor_options_set_int(w.server, "linger", 100));
        OK(dor_options_set_int(w.client, "linger", 100));
        listen_in(&w);
        for (long n = 0; n < 120; n += SLOW_BUILD ? 11 : 3) {
            pair p = connect_pair(&w);
            dor_ref ref;
            atomic_store(&fail_after, n);
            int code = tls13 ? dor_ssl_request_certificate_async(p.server, 1000, &ref)
                             : dor_ssl_renegotiate_async(p.server, 1000, &ref);
            if (code == DOR_OK) (void)await_reply(ref, NULL, NULL);
            atomic_store(&fail_after, -1);
            (void)dor_ssl_close(p.client);
            (void)dor_ssl_close(p.server);
            WAIT_FOR(statistics(&w).connections == 0);
        }
        close_both(connect_pair(&w));
        end(&w);
    }
}
