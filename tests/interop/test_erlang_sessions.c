/*
 * Resumption with Erlang's ssl, both ends as client: TLS 1.2 by id, TLS 1.3 by ticket, in every way in which OTP's client
 * (auto, manual) and server (stateless, stateful) have them, and ours. Both sides say whether a session was resumed. OTP's
 * TLS 1.2 has no extended master secret: it resumes with us where option resume_without_ems allows it, and only there.
 */
#include "erlang_peer.h"

enum { VISITS = 4 };

static void trust_root(world *w)
{
    char path[600];
    snprintf(path, sizeof path, "%s/root.pem", pki_dir());
    OK(dor_options_set_text(w->client, "verify", "verify_peer"));
    OK(dor_options_set_text(w->client, "cacertfile", path));
    OK(dor_options_set_text(w->client, "server_name_indication", "host.example"));
}

static bool is_resumed(dor_socket s)
{
    dor_connection_info info;
    OK(dor_ssl_connection_info(s, &info));
    return info.resumed;
}

static void expect_erlang_resumed(erlang_peer *e, int number, bool resumed)
{
    char expected[60];
    snprintf(expected, sizeof expected, "{ok,[{session_resumption,%s}]}", resumed ? "true" : "false");
    ERLANG(e, expected, "ssl:connection_information(S%d, [session_resumption])", number);
}

/* ---- we come again ------------------------------------------------------------------------------------------------ */

/* Our client's memory alone makes the later visits resume. */
static void we_visit(const char *version, const char *erlangs_options)
{
    world w;
    erlang_peer e;
    char options[200];
    start_erlang(&e);
    begin(&w, 2);
    trust_root(&w);
    bool tls12 =
        strcmp(version, "tlsv1.2") == 0; /* there OTP 25 says of no server's session that it was resumed */
    OK(dor_options_set_list(w.client, "versions", version, NULL));
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    OK(dor_options_set_bool(w.client, "resume_without_ems", 1));
    snprintf(options, sizeof options, "{versions, ['%s']}%s", version, erlangs_options);
    uint16_t port = erlang_listens(&e, options);
    for (int i = 0; i < VISITS; i++) {
        dor_socket s = we_connect(&w, &e, (unsigned)i, port);
        ERLANG(&e, "ok", "ssl:send(S%d, \"hello\")", i);
        expect_recv(s, 5, "hello"); /* behind it the tickets have come */
        cr_expect_eq(is_resumed(s), i > 0, "%s: visit %d", version, i);
        if (!tls12) expect_erlang_resumed(&e, i, i > 0);
        OK(dor_ssl_close(s));
        ERLANG(&e, "{error,closed}", "ssl:recv(S%d, 0, 20000)", i);
    }
    stop_erlang(&e);
    end(&w);
}

Test(erlang_sessions, we_come_again_by_id)
{
    we_visit("tlsv1.2", "");
}

Test(erlang_sessions, we_come_again_by_stateless_ticket)
{
    we_visit("tlsv1.3", ", {session_tickets, stateless}");
}

Test(erlang_sessions, we_come_again_by_stateful_ticket)
{
    we_visit("tlsv1.3", ", {session_tickets, stateful}");
}

/* A session in the program's own hands; and a server without tickets gives none. */
Test(erlang_sessions, our_manual_tickets)
{
    world w;
    erlang_peer e;
    dor_ssl_event event = {0};
    dor_ssl_session *none;
    start_erlang(&e);
    begin(&w, 1);
    trust_root(&w);
    OK(dor_options_set_text(w.client, "session_tickets", "manual"));
    uint16_t port = erlang_listens(&e, "{session_tickets, stateless}");
    for (int i = 0; i < 3; i++) {
        dor_socket s = we_connect(&w, &e, (unsigned)i, port);
        cr_assert_eq(next_event_within(s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_TICKET);
        cr_expect_eq(is_resumed(s), i > 0);
        OK(dor_options_set_session(w.client, event.session));
        dor_ssl_session_unref(event.session);
        OK(dor_ssl_close(s));
    }
    OK(dor_options_set_session(w.client, NULL));
    ERLANG(&e, "ok", "forget");
    port = erlang_listens(&e, "{session_tickets, disabled}");
    dor_socket s = we_connect(&w, &e, 1, port);
    ERLANG(&e, "ok", "ssl:send(S1, \"x\")");
    expect_recv(s, 1, "x");
    FAILS(dor_ssl_get_session(s, &none), DOR_E_NO_SESSION);
    OK(dor_ssl_close(s));
    stop_erlang(&e);
    end(&w);
}

/* ---- Erlang comes again ------------------------------------------------------------------------------------------- */

/*
 * Erlang's client verifies, else OTP remembers no session. In TLS 1.3 it calls us by the name of our certificate; in TLS 1.2 by
 * that of the host alone, and takes our certificate all the same: OTP 25 remembers sessions by the name that it calls and looks
 * for them by the host that it connects to, so with a server_name_indication of its own it never finds one.
 */
static void erlang_calls(char *options, size_t cap, const char *version, const char *more)
{
    if (strcmp(version, "tlsv1.2") == 0)
        snprintf(options, cap,
                 "{verify, verify_peer}, {cacertfile, \"%s/root.pem\"}, {verify_fun, {fun(_, {extension, _}, "
                 "U) -> "
                 "{unknown, U}; (_, _, U) -> {valid, U} end, []}}, {versions, ['tlsv1.2']}%s",
                 pki_dir(), more);
    else
        snprintf(options, cap,
                 "{verify, verify_peer}, {cacertfile, \"%s/root.pem\"}, {server_name_indication, "
                 "\"host.example\"}, {versions, ['%s']}%s",
                 pki_dir(), version, more);
}

static void serve_with_root(world *w, const char *session_tickets)
{
    char path[600];
    snprintf(path, sizeof path, "%s/tls-p256.pem", pki_dir());
    OK(dor_options_unset(w->server, "cert"));
    OK(dor_options_unset(w->server, "key"));
    OK(dor_options_set_text(w->server, "certfile", path));
    snprintf(path, sizeof path, "%s/c.key", pki_dir());
    OK(dor_options_set_text(w->server, "keyfile", path));
    if (session_tickets) OK(dor_options_set_text(w->server, "session_tickets", session_tickets));
    OK(dor_options_set_bool(w->server, "resume_without_ems", 1));
    listen_in(w);
}

/* OTP's client looks for what it remembers by itself: TLS 1.2 sessions, and tickets with session_tickets auto. */
static void erlang_visits(const char *version, const char *session_tickets, const char *erlangs_options)
{
    world w;
    erlang_peer e;
    char options[1000];
    start_erlang(&e);
    begin(&w, 2);
    serve_with_root(&w, session_tickets);
    erlang_calls(options, sizeof options, version, erlangs_options);
    for (int i = 0; i < VISITS; i++) {
        dor_socket s = we_accept(&w, &e, (unsigned)i, options);
        send_text(s, "hello");
        ERLANG(&e, "{ok,<<\"hello\">>}", "ssl:recv(S%d, 5, 20000)", i);
        cr_expect_eq(is_resumed(s), i > 0, "%s: visit %d", version, i);
        expect_erlang_resumed(&e, i, i > 0);
        ERLANG(&e, "ok", "ssl:close(S%d)", i);
        OK(dor_ssl_close(s));
    }
    stop_erlang(&e);
    end(&w);
}

/* What is resumed in OTP is a session that was saved beforehand: reuse_sessions save. */
Test(erlang_sessions, erlang_comes_again_by_id)
{
    world w;
    erlang_peer e;
    char options[1000];
    start_erlang(&e);
    begin(&w, 1);
    serve_with_root(&w, NULL);
    erlang_calls(options, sizeof options, "tlsv1.2", ", {reuse_sessions, save}");
    dor_socket s = we_accept(&w, &e, 0, options);
    cr_expect_not(is_resumed(s));
    ERLANG(&e, "ok", "ssl:close(S0)");
    OK(dor_ssl_close(s));
    erlang_calls(options, sizeof options, "tlsv1.2", "");
    for (int i = 1; i < VISITS; i++) {
        s = we_accept(&w, &e, (unsigned)i, options);
        cr_expect(is_resumed(s), "visit %d", i);
        ERLANG(&e, "ok", "ssl:close(S%d)", i);
        OK(dor_ssl_close(s));
    }
    stop_erlang(&e);
    end(&w);
}

/* By the id that the program itself has looked at. */
Test(erlang_sessions, erlang_comes_again_by_an_id_of_its_choice)
{
    world w;
    erlang_peer e;
    char options[1000];
    start_erlang(&e);
    begin(&w, 1);
    serve_with_root(&w, NULL);
    erlang_calls(options, sizeof options, "tlsv1.2", ", {reuse_sessions, save}");
    dor_socket s = we_accept(&w, &e, 0, options);
    ERLANG(&e, "32",
           "{ok, [{session_id, Id}]} = ssl:connection_information(S0, [session_id]), byte_size(Id)");
    OK(dor_ssl_close(s));
    erlang_calls(options, sizeof options, "tlsv1.2", ", {reuse_session, Id}");
    s = we_accept(&w, &e, 1, options);
    cr_expect(is_resumed(s));
    ERLANG(&e, "true", "{ok, [{session_id, Id}]} =:= ssl:connection_information(S1, [session_id])");
    OK(dor_ssl_close(s));
    erlang_calls(options, sizeof options, "tlsv1.2", ", {reuse_sessions, false}");
    s = we_accept(&w, &e, 2, options);
    cr_expect_not(is_resumed(s));
    OK(dor_ssl_close(s));
    stop_erlang(&e);
    end(&w);
}

Test(erlang_sessions, erlang_comes_again_by_stateless_ticket)
{
    erlang_visits("tlsv1.3", "stateless", ", {session_tickets, auto}");
}

Test(erlang_sessions, erlang_comes_again_by_ticket_with_certificate)
{
    erlang_visits("tlsv1.3", "stateless_with_cert", ", {session_tickets, auto}");
}

Test(erlang_sessions, erlang_comes_again_by_stateful_ticket)
{
    erlang_visits("tlsv1.3", "stateful", ", {session_tickets, auto}");
}

Test(erlang_sessions, erlangs_manual_tickets)
{
    world w;
    erlang_peer e;
    char options[1000];
    start_erlang(&e);
    begin(&w, 1);
    serve_with_root(&w, "stateful");
    erlang_calls(options, sizeof options, "tlsv1.3", ", {session_tickets, manual}, {active, true}");
    dor_socket s = we_accept(&w, &e, 0, options);
    for (int i = 1; i < 3; i++)
        ERLANG(&e, "true", "{ssl, #{ticket := _} = Ticket%d} = event(), true", i);
    OK(dor_ssl_close(s));
    ERLANG(&e, "ssl_closed", "event()");
    erlang_calls(options, sizeof options, "tlsv1.3", ", {session_tickets, manual}, {use_ticket, [Ticket1]}");
    for (int i = 1; i < 3; i++) { /* a stateful one is of use once */
        s = we_accept(&w, &e, (unsigned)i, options);
        cr_expect_eq(is_resumed(s), i == 1);
        expect_erlang_resumed(&e, i, i == 1);
        OK(dor_ssl_close(s));
    }
    stop_erlang(&e);
    end(&w);
}

/* A client that showed a certificate resumes, and counts as the same one. */
Test(erlang_sessions, clients_with_certificates)
{
    static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};
    world w;
    erlang_peer e;
    dor_buffer *der;
    char options[3000], trust[600];
    size_t len;
    uint8_t *leaf = pki_der("tls-p256", &len);
    start_erlang(&e);
    begin(&w, 1);
    snprintf(trust, sizeof trust, "%s/root.pem", pki_dir());
    OK(dor_options_set_text(w.server, "verify", "verify_peer"));
    OK(dor_options_set_text(w.server, "cacertfile", trust));
    OK(dor_options_set_bool(w.server, "fail_if_no_peer_cert", 1));
    serve_with_root(&w, NULL);
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 2; i++) {
            char more[1400];
            snprintf(more, sizeof more, ", {certfile, \"%s/tls-p256.pem\"}, {keyfile, \"%s/c.key\"}, %s",
                     pki_dir(), pki_dir(),
                     v ? i ? "{reuse_sessions, true}" : "{reuse_sessions, save}" : "{session_tickets, auto}");
            erlang_calls(options, sizeof options, versions[v], more);
            dor_socket s = we_accept(&w, &e, (unsigned)(2 * v + i), options);
            send_text(s, "hello");
            ERLANG(&e, "{ok,<<\"hello\">>}", "ssl:recv(S%d, 5, 20000)", 2 * v + i);
            cr_expect_eq(is_resumed(s), i, "%s: visit %d", versions[v], i);
            OK(dor_ssl_peercert(s, &der));
            expect_data(der, leaf, len);
            ERLANG(&e, "ok", "ssl:close(S%d)", 2 * v + i);
            OK(dor_ssl_close(s));
        }
    free(leaf);
    stop_erlang(&e);
    end(&w);
}

/* RFC 7627 section 5.3: without the option each is a full handshake, whoever is the client. */
Test(erlang_sessions, none_without_extended_master_secret)
{
    world w;
    erlang_peer e;
    char options[1000];
    start_erlang(&e);
    begin(&w, 1);
    serve_with_root(&w, NULL);
    trust_root(&w);
    dor_options *strict = dor_options_new();
    OK(dor_options_set_bool(strict, "resume_without_ems", 0));
    erlang_calls(options, sizeof options, "tlsv1.2", ", {reuse_sessions, save}");
    erlang_connects(&e, 0, w.port, options);
    dor_socket s;
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, strict, PATIENCE_MS));
    ERLANG_SAYS(&e, "ok");
    ERLANG(&e, "{ok,[{session_id,<<>>}]}", "ssl:connection_information(S0, [session_id])");
    OK(dor_ssl_close(s));
    dor_options_free(strict);
    ERLANG(&e, "ok", "forget");
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    uint16_t port = erlang_listens(&e, "");
    for (unsigned i = 0; i < 2; i++) {
        s = we_connect(&w, &e, i, port);
        cr_expect_not(is_resumed(s));
        OK(dor_ssl_close(s));
    }
    stop_erlang(&e);
    end(&w);
}
