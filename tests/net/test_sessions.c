/* Servers' memories of sessions: bounded, shared by listeners, with ticket keys that are given and replaced. */
#include "net_support.h"
#include "support/pki.h"

/* One connection; its session afterwards, or NULL. resumed tells what came of `session`, which may be NULL. */
static dor_ssl_session *once(world *w, dor_socket listener, uint16_t port, dor_ssl_session *session,
                             bool *resumed)
{
    dor_ref ref;
    dor_socket server, client;
    dor_connection_info info;
    dor_ssl_session *got = NULL;
    OK(dor_options_set_session(w->client, session));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    send_text(server, "!"); /* behind it the tickets have come */
    expect_recv(client, 1, "!");
    OK(dor_ssl_connection_info(client, &info));
    if (resumed) *resumed = info.resumed;
    (void)dor_ssl_get_session(client, &got);
    OK(dor_ssl_close(client));
    OK(dor_ssl_close(server));
    return got;
}

static dor_socket listen_with(world *w, dor_options *options, uint16_t *port)
{
    dor_socket listener;
    dor_address address;
    OK(dor_ssl_listen(w->runtime, 0, options, &listener));
    OK(dor_ssl_sockname(listener, &address));
    *port = address.port;
    return listener;
}

static dor_session_statistics figures_of(dor_socket listener)
{
    dor_session_statistics s;
    OK(dor_ssl_get_session_statistics(listener, &s));
    return s;
}

/* The session manager that grows with every handshake: otp#6690, otp#6549. */
Test(sessions, many_handshakes_leave_a_bounded_memory)
{
    const unsigned many = scaled(10000), most = 40;
    world w;
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", "tlsv1.2", NULL));
    OK(dor_options_set_int(w.server, "max_sessions", most));
    OK(dor_options_set_bool(w.client, "reuse_sessions", 0)); /* so that each makes one */
    listen_in(&w);
    for (unsigned i = 0; i < many; i++)
        dor_ssl_session_unref(once(&w, w.listener, w.port, NULL, NULL));
    dor_session_statistics s = figures_of(w.listener);
    cr_expect_eq(s.stored, many);
    cr_expect_eq(s.sessions, many < most ? many : most);
    cr_expect_eq(s.evicted, many < most ? 0 : many - most);
    end(&w);
}

Test(sessions, a_cache_is_shared_by_listeners)
{
    world w;
    uint16_t ports[3];
    dor_socket listeners[3];
    dor_session_cache *cache = NULL;
    bool resumed;
    begin(&w, 2);
    for (int tls12 = 0; tls12 < 2; tls12++) {
        OK(dor_options_set_list(w.client, "versions", tls12 ? "tlsv1.2" : "tlsv1.3", NULL));
        OK(dor_options_set_text(w.server, "session_tickets",
                                tls12 ? "disabled" : "stateless")); /* by id, by ticket */
        OK(dor_session_cache_new(w.server, &cache));
        OK(dor_options_set_session_cache(w.server, cache));
        listeners[0] = listen_with(&w, w.server, &ports[0]);
        listeners[1] = listen_with(&w, w.server, &ports[1]);
        OK(dor_options_set_session_cache(w.server, NULL));
        listeners[2] = listen_with(&w, w.server, &ports[2]);
        dor_ssl_session *session = once(&w, listeners[0], ports[0], NULL, &resumed), *other;
        cr_expect_not(resumed);
        cr_assert_not_null(session);
        other = once(&w, listeners[1], ports[1], session, &resumed);
        cr_expect(resumed, "TLS 1.%d", tls12 ? 2 : 3);
        dor_ssl_session_unref(other);
        other = once(&w, listeners[2], ports[2], session, &resumed);
        cr_expect_not(resumed, "one of its own knows nothing of it");
        dor_ssl_session_unref(other);
        dor_ssl_session_unref(session);

        dor_session_statistics s;
        OK(dor_session_cache_get_statistics(cache, &s));
        if (tls12)
            cr_expect(s.hits == 1 && s.stored == 1);
        else
            cr_expect(s.tickets_opened == 1 && s.tickets_sealed == 3);
        dor_session_cache_unref(dor_session_cache_ref(cache));
        dor_session_cache_unref(cache);
        for (int i = 0; i < 3; i++)
            OK(dor_ssl_close(listeners[i]));
    }
    end(&w);
}

Test(sessions, ticket_keys_are_shared_and_replaced)
{
    world w;
    uint16_t ports[2];
    dor_socket listeners[2];
    uint8_t keys[2][DOR_TICKET_KEY_BYTES];
    bool resumed;
    begin(&w, 2);
    memset(keys[0], 7, sizeof keys[0]);
    memset(keys[1], 8, sizeof keys[1]);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.3", NULL));
    OK(dor_options_set_ticket_keys(w.server, keys, 2, sizeof keys[0]));
    for (int i = 0; i < 2; i++)
        listeners[i] = listen_with(&w, w.server, &ports[i]);
    dor_ssl_session *session = once(&w, listeners[0], ports[0], NULL, NULL), *second;
    second = once(&w, listeners[1], ports[1], session, &resumed);
    cr_expect(resumed, "another process would do as well");

    OK(dor_ssl_set_ticket_keys(listeners[1], keys[1], 1, sizeof keys[1]));
    dor_ssl_session_unref(once(&w, listeners[1], ports[1], session, &resumed));
    cr_expect_not(resumed, "the key has gone");
    dor_ssl_session *third = once(&w, listeners[1], ports[1], NULL, NULL);
    dor_ssl_session_unref(once(&w, listeners[0], ports[0], third, &resumed));
    cr_expect(resumed, "the second key opens, too");

    dor_session_statistics s = figures_of(listeners[1]);
    cr_expect_eq(s.tickets_refused, 1);
    dor_ssl_session_unref(session);
    dor_ssl_session_unref(second);
    dor_ssl_session_unref(third);
    end(&w);
}

/* Other rules for clients, and nothing of before is believed: given keys would bring in what was made by laxer ones. */
Test(sessions, rules_that_change_drop_the_ticket_keys)
{
    world w;
    uint16_t port;
    uint8_t key[DOR_TICKET_KEY_BYTES];
    bool resumed;
    begin(&w, 1);
    memset(key, 9, sizeof key);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.3", NULL));
    OK(dor_options_set_ticket_keys(w.server, key, 1, sizeof key));
    dor_socket listener = listen_with(&w, w.server, &port);
    dor_ssl_session *session = once(&w, listener, port, NULL, NULL);
    dor_options *other = dor_options_new(), *judging = dor_options_new();
    OK(dor_options_set_int(other, "accept_budget", 7));
    OK(dor_ssl_setopts(listener, other));
    dor_ssl_session_unref(once(&w, listener, port, session, &resumed));
    cr_expect(resumed, "an option that judges nobody leaves them");
    OK(dor_options_set_int(judging, "depth", 3));
    OK(dor_ssl_setopts(listener, judging));
    dor_ssl_session_unref(once(&w, listener, port, session, &resumed));
    cr_expect_not(resumed, "the given key has gone");
    dor_ssl_session *second = once(&w, listener, port, NULL, NULL);
    dor_ssl_session_unref(once(&w, listener, port, second, &resumed));
    cr_expect(resumed, "it has one of its own");

    OK(dor_options_set_int(judging, "depth", 4));
    OK(dor_options_set_ticket_keys(judging, key, 1,
                                   sizeof key)); /* whoever gives it again vouches for its tickets */
    OK(dor_ssl_setopts(listener, judging));
    dor_ssl_session_unref(once(&w, listener, port, session, &resumed));
    cr_expect(resumed, "given with the rules");
    dor_ssl_session_unref(once(&w, listener, port, second, &resumed));
    cr_expect_not(resumed, "its own has gone");
    dor_options_free(other);
    dor_options_free(judging);
    dor_ssl_session_unref(session);
    dor_ssl_session_unref(second);
    end(&w);
}

Test(sessions, what_is_wrong_is_refused)
{
    world w;
    uint8_t keys[17 * DOR_TICKET_KEY_BYTES] = {0};
    dor_session_cache *cache;
    dor_session_statistics s;
    dor_socket refused;
    pair p = begin_pair(&w, 1);
    dor_options *o = dor_options_new();
    for (uint8_t i = 0; i < 17; i++)
        keys[i * DOR_TICKET_KEY_BYTES] = i;
    FAILS(dor_options_set_ticket_keys(NULL, keys, 1, DOR_TICKET_KEY_BYTES), DOR_E_BADARG);
    FAILS(dor_options_set_ticket_keys(o, NULL, 1, DOR_TICKET_KEY_BYTES), DOR_E_BADARG);
    FAILS(dor_options_set_ticket_keys(o, keys, 1, DOR_TICKET_KEY_BYTES + 1), DOR_E_BADARG);
    FAILS(dor_options_set_ticket_keys(o, keys, 17, DOR_TICKET_KEY_BYTES), DOR_E_BADARG);
    FAILS(dor_options_set_ticket_keys(o, keys, 0, DOR_TICKET_KEY_BYTES), DOR_E_OPTION_TYPE);
    OK(dor_options_set_ticket_keys(o, keys, 16, DOR_TICKET_KEY_BYTES));
    OK(dor_options_set_ticket_keys(o, keys, 16, DOR_TICKET_KEY_BYTES)); /* they take each other's place */
    FAILS(dor_ssl_set_ticket_keys(w.listener, NULL, 1, DOR_TICKET_KEY_BYTES), DOR_E_BADARG);
    FAILS(dor_ssl_set_ticket_keys(w.listener, keys, 0, DOR_TICKET_KEY_BYTES), DOR_E_BADARG);
    FAILS(dor_ssl_set_ticket_keys(w.listener, keys, 1, 32), DOR_E_BADARG);
    FAILS(dor_ssl_set_ticket_keys(w.listener, memset(keys, 0, sizeof keys), 2, DOR_TICKET_KEY_BYTES),
          DOR_E_BADARG);
    FAILS(dor_ssl_set_ticket_keys(p.server, keys, 1, DOR_TICKET_KEY_BYTES), DOR_E_EINVAL);
    FAILS(dor_ssl_set_ticket_keys(DOR_SOCKET_NONE, keys, 1, DOR_TICKET_KEY_BYTES), DOR_E_CLOSED);
    FAILS(dor_ssl_get_session_statistics(p.client, &s), DOR_E_EINVAL);
    FAILS(dor_ssl_get_session_statistics(w.listener, NULL), DOR_E_BADARG);

    FAILS(dor_session_cache_new(NULL, NULL), DOR_E_BADARG);
    OK(dor_session_cache_new(NULL, &cache));
    FAILS(dor_session_cache_get_statistics(NULL, &s), DOR_E_BADARG);
    FAILS(dor_session_cache_get_statistics(cache, NULL), DOR_E_BADARG);
    FAILS(dor_options_set_session_cache(NULL, cache), DOR_E_BADARG);
    OK(dor_options_set_session_cache(w.server, cache));
    OK(dor_options_set_int(w.server, "max_sessions", 10));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &refused), DOR_E_OPTION_CONFLICT);
    cr_expect(strstr(dor_options_error(w.server), "session_cache"));
    OK(dor_options_set_session_cache(w.server, NULL));
    OK(dor_options_set_int(w.server, "ticket_key_period", 60));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &refused), DOR_E_OPTION_CONFLICT);
    cr_expect(strstr(dor_options_error(w.server), "ticket_key_period"));
    OK(dor_options_set_session_cache(w.client, cache));
    FAILS(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, 1, &refused), DOR_E_OPTION_CONFLICT);
    dor_session_cache_unref(cache);
    dor_options_free(o);
    end(&w);
}

/* ---- clients that resume by themselves -------------------------------------------------------------------------- */

/* A connection with w->client as it is; true when it was resumed. */
static bool again(world *w)
{
    bool resumed;
    dor_ssl_session_unref(once(w, w->listener, w->port, NULL, &resumed));
    return resumed;
}

static dor_session_statistics client_figures(world *w)
{
    dor_session_statistics s;
    OK(dor_ssl_get_client_session_statistics(w->runtime, &s));
    return s;
}

Test(client_sessions, tls12_resumes_by_itself)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    listen_in(&w);
    FAILS(dor_ssl_get_client_session_statistics(w.runtime, NULL), DOR_E_BADARG);
    OK(dor_options_set_bool(w.client, "reuse_sessions", 0));
    cr_expect_not(again(&w));
    cr_expect_not(again(&w));
    cr_expect_eq(client_figures(&w).stored, 0);
    OK(dor_options_set_bool(w.client, "reuse_sessions", 1));
    cr_expect_not(again(&w), "nothing was remembered");
    for (int i = 0; i < 5; i++)
        cr_expect(again(&w), "a session is resumed again and again, on whichever scheduler");
    OK(dor_options_set_text(w.client, "reuse_sessions", "save"));
    cr_expect_not(again(&w), "save: a full handshake");
    OK(dor_options_set_text(w.client, "reuse_sessions", "true"));
    cr_expect(again(&w));
    cr_expect_eq(client_figures(&w).sessions, 1);
    OK(dor_options_set_text(w.server, "reuse_sessions", "save"));
    dor_socket refused;
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &refused), DOR_E_OPTION_CONFLICT);
    end(&w);
}

Test(client_sessions, tls13_tickets_are_used_once)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_int(w.server, "ticket_count", 3));
    listen_in(&w);
    cr_expect_not(again(&w));
    cr_expect_not(again(&w), "only where session_tickets says auto");
    cr_expect_eq(client_figures(&w).stored, 0);
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    cr_expect_not(again(&w));
    cr_expect_eq(client_figures(&w).sessions, 3);
    for (int i = 0; i < 6; i++) /* each takes one and brings one */
        cr_expect(again(&w));
    dor_session_statistics s = client_figures(&w);
    cr_expect_eq(s.hits, 6);
    cr_expect_eq(s.sessions, 3);
    cr_expect_eq(s.stored, 9);
    end(&w);
}

Test(client_sessions, concurrent_connects_have_a_ticket_each)
{
    enum { TICKETS = 3, CONNECTS = 6 };
    world w;
    dor_ref refs[CONNECTS];
    dor_socket servers[CONNECTS], clients[CONNECTS];
    unsigned resumed = 0;
    begin(&w, 3);
    OK(dor_options_set_int(w.server, "ticket_count", TICKETS));
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    listen_in(&w);
    cr_expect_not(again(&w));
    OK(dor_options_set_session(w.client, NULL));
    for (int i = 0; i < CONNECTS; i++)
        OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &refs[i]));
    for (int i = 0; i < CONNECTS; i++)
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &servers[i]));
    /* All hellos are out before the first ticket of these can come. */
    while (client_figures(&w).hits + client_figures(&w).misses < CONNECTS + 1)
        usleep(1000);
    for (int i = 0; i < CONNECTS; i++)
        OK(dor_ssl_accept(servers[i], NULL, PATIENCE_MS));
    for (int i = 0; i < CONNECTS; i++) {
        dor_connection_info info;
        OK(await_reply(refs[i], &clients[i], NULL));
        OK(dor_ssl_connection_info(clients[i], &info));
        resumed += info.resumed;
    }
    cr_expect_eq(resumed, TICKETS, "%u", resumed);
    end(&w);
}

Test(client_sessions, other_rules_other_place)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    listen_in(&w);
    cr_expect_not(again(&w));
    cr_expect(again(&w));
    OK(dor_options_set_text(w.client, "server_name_indication", "other.example"));
    cr_expect_not(again(&w), "another name");
    OK(dor_options_unset(w.client, "server_name_indication"));
    OK(dor_options_set_int(w.client, "depth", 3));
    cr_expect_not(again(&w), "another way to judge");
    OK(dor_options_unset(w.client, "depth"));
    OK(dor_options_use_development_certificate(w.client, "client", NULL));
    cr_expect_not(again(&w), "another who we are");
    OK(dor_options_unset(w.client, "cert"));
    OK(dor_options_unset(w.client, "key"));
    cr_expect(again(&w), "what was there before is there still");
    cr_expect_eq(client_figures(&w).sessions, 4);

    /* Fewer places: the most recently used stays. */
    OK(dor_ssl_limit_client_sessions(w.runtime, 1, 1 << 20));
    cr_expect_eq(client_figures(&w).sessions, 1);
    cr_expect_eq(client_figures(&w).evicted, 3);
    cr_expect(again(&w));
    OK(dor_ssl_limit_client_sessions(w.runtime, 10, 16));
    cr_expect_eq(client_figures(&w).bytes, 0);
    cr_expect_not(again(&w), "nothing fits");
    OK(dor_ssl_limit_client_sessions(w.runtime, 0, 1 << 20));
    cr_expect_not(again(&w));
    cr_expect_not(again(&w));
    end(&w);
}

/* A server that would be refused now is not believed because it was believed then. */
Test(client_sessions, a_session_of_laxer_days_is_not_resumed)
{
    world w;
    dor_ref ref;
    dor_socket server, client;
    dor_buffer *stranger;
    uint16_t port;
    begin(&w, 1);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    dor_socket other = listen_with(&w, w.server, &port);
    OK(dor_options_use_development_certificate(w.server, "localhost", NULL));
    listen_in(&w);
    OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(other, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    OK(dor_ssl_peercert(client, &stranger));

    cr_expect_not(again(&w));
    cr_expect(again(&w));
    OK(dor_options_set_text(w.client, "verify", "verify_peer"));
    OK(dor_options_set_bytes(w.client, "cacerts", dor_buffer_data(stranger), dor_buffer_len(stranger)));
    dor_buffer_unref(stranger);
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    cr_expect_neq(dor_ssl_accept(server, NULL, PATIENCE_MS), DOR_OK);
    cr_expect_neq(await_reply(ref, &client, NULL), DOR_OK);
    end(&w);
}

/* ---- what a ticket is --------------------------------------------------------------------------------------------- */

Test(tickets, stateful_ones_are_of_use_once)
{
    world w;
    bool resumed;
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "session_tickets", "stateful"));
    listen_in(&w);
    dor_ssl_session *session = once(&w, w.listener, w.port, NULL, NULL);
    cr_expect_eq(figures_of(w.listener).sessions, 2);
    cr_expect_eq(figures_of(w.listener).tickets_sealed, 0);
    dor_ssl_session_unref(once(&w, w.listener, w.port, session, &resumed));
    cr_expect(resumed);
    dor_ssl_session_unref(once(&w, w.listener, w.port, session, &resumed));
    cr_expect_not(resumed, "the same one again");
    dor_ssl_session_unref(session);
    end(&w);
}

Test(tickets, disabled_means_none)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_list(w.client, "versions", "tlsv1.3", NULL));
    OK(dor_options_set_text(w.server, "session_tickets", "disabled"));
    OK(dor_options_set_int(w.server, "ticket_count", 2));
    listen_in(&w);
    cr_expect_null(once(&w, w.listener, w.port, NULL, NULL));
    end(&w);
}

/* Resumes with a client's certificate: 1 when it is at hand again, 0 when it is not, -1 when it was not resumed. */
static int kept_by(const char *tickets)
{
    world w;
    dor_ref ref;
    dor_socket server, client;
    dor_connection_info info = {0};
    dor_ssl_session *session = NULL;
    char path[3][512];
    const char *name[3] = {"tls-p256.pem", "c.key", "root.pem"};
    begin(&w, 1);
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", pki_dir(), name[i]);
    OK(dor_options_set_text(w.client, "certfile", path[0]));
    OK(dor_options_set_text(w.client, "keyfile", path[1]));
    OK(dor_options_set_text(w.server, "verify", "verify_peer"));
    OK(dor_options_set_bool(w.server, "fail_if_no_peer_cert", 1));
    OK(dor_options_set_text(w.server, "cacertfile", path[2]));
    OK(dor_options_set_text(w.server, "session_tickets", tickets));
    listen_in(&w);
    for (int round = 0; round < 3; round++) { /* the third resumes what a resumed one brought */
        dor_ssl_session *next = NULL;
        OK(dor_options_set_session(w.client, session));
        OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
        OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
        OK(await_reply(ref, &client, NULL));
        send_text(server, "!");
        expect_recv(client, 1, "!");
        OK(dor_ssl_connection_info(server, &info));
        if (round == 0) cr_expect(info.has_peercert && !info.resumed);
        (void)dor_ssl_get_session(client, &next);
        dor_ssl_session_unref(session);
        session = next;
        OK(dor_ssl_close(client));
    }
    dor_ssl_session_unref(session);
    end(&w);
    return info.resumed ? info.has_peercert : -1;
}

Test(tickets, with_and_without_the_clients_certificate)
{
    cr_expect_eq(kept_by("stateless"), 0);
    cr_expect_eq(kept_by("stateful"), 0);
    cr_expect_eq(kept_by("stateless_with_cert"), 1);
    cr_expect_eq(kept_by("stateful_with_cert"), 1);
    cr_expect_eq(kept_by("disabled"), -1);
}

/* ---- who decides --------------------------------------------------------------------------------------------------- */

typedef struct policy {
    atomic_int asked, answer;
    size_t id_len;
    char suite[64], protocol[16];
} policy;

static int decide(const dor_session_offer *offer, void *arg)
{
    policy *p = arg;
    p->id_len = offer->id_len;
    snprintf(p->suite, sizeof p->suite, "%s", offer->cipher_suite);
    snprintf(p->protocol, sizeof p->protocol, "%s", offer->protocol);
    cr_assert(offer->id && !offer->peer_cert && !offer->compression);
    atomic_fetch_add(&p->asked, 1);
    return atomic_load(&p->answer);
}

Test(policy, has_the_last_word)
{
    for (int tls12 = 0; tls12 < 2; tls12++) {
        world w;
        policy p = {0};
        bool resumed;
        begin(&w, 1);
        OK(dor_options_set_list(w.client, "versions", tls12 ? "tlsv1.2" : "tlsv1.3", NULL));
        FAILS(dor_options_set_reuse_session(NULL, decide, &p), DOR_E_BADARG);
        OK(dor_options_set_reuse_session(w.server, decide, &p));
        OK(dor_options_set_reuse_session(w.server, NULL, NULL));
        OK(dor_options_set_text(w.server, "session_tickets", "stateless"));
        OK(dor_options_set_reuse_session(w.server, decide, &p));
        listen_in(&w);
        dor_ssl_session *session = once(&w, w.listener, w.port, NULL, NULL);
        cr_expect_eq(atomic_load(&p.asked), 0);
        dor_ssl_session_unref(once(&w, w.listener, w.port, session, &resumed));
        cr_expect_not(resumed, "no");
        atomic_store(&p.answer, 1);
        dor_ssl_session_unref(once(&w, w.listener, w.port, session, &resumed));
        cr_expect(resumed, "yes");
        cr_expect_eq(atomic_load(&p.asked), 2);
        cr_expect_str_eq(p.protocol, tls12 ? "tlsv1.2" : "tlsv1.3");
        cr_expect(strncmp(p.suite, "TLS_", 4) == 0);
        cr_expect(p.id_len > 32);
        dor_ssl_session_unref(session);

        dor_socket refused;
        OK(dor_options_set_reuse_session(w.client, decide, &p));
        FAILS(dor_ssl_connect(w.runtime, test_host(), w.port, w.client, 1000, &refused),
              DOR_E_OPTION_CONFLICT);
        end(&w);
    }
}

/* ---- in bytes ------------------------------------------------------------------------------------------------------ */

Test(sessions, written_and_read_again)
{
    for (int tls12 = 0; tls12 < 2; tls12++) {
        world w;
        uint8_t bytes[8192];
        size_t len = 0, again_len = 0;
        bool resumed;
        dor_ssl_session *parsed;
        begin(&w, 1);
        OK(dor_options_set_list(w.client, "versions", tls12 ? "tlsv1.2" : "tlsv1.3", NULL));
        listen_in(&w);
        dor_ssl_session *session = once(&w, w.listener, w.port, NULL, NULL);
        FAILS(dor_ssl_session_serialise(NULL, bytes, sizeof bytes, &len), DOR_E_BADARG);
        FAILS(dor_ssl_session_serialise(session, NULL, 1, &len), DOR_E_BADARG);
        FAILS(dor_ssl_session_serialise(session, bytes, sizeof bytes, NULL), DOR_E_BADARG);
        FAILS(dor_ssl_session_serialise(session, NULL, 0, &len), DOR_E_TOO_BIG);
        FAILS(dor_ssl_session_serialise(session, bytes, len - 1, &again_len), DOR_E_TOO_BIG);
        OK(dor_ssl_session_serialise(session, bytes, len, &again_len));
        cr_assert_eq(len, again_len);

        OK(dor_ssl_session_parse(bytes, len, &parsed));
        dor_ssl_session_unref(once(&w, w.listener, w.port, parsed, &resumed));
        cr_expect(resumed);
        dor_ssl_session_unref(parsed);
        FAILS(dor_ssl_session_parse(NULL, len, &parsed), DOR_E_BADARG);
        FAILS(dor_ssl_session_parse(bytes, len, NULL), DOR_E_BADARG);
        for (size_t i = 0; i < len; i++)
            FAILS(dor_ssl_session_parse(bytes, i, &parsed), DOR_E_EINVAL);
        for (size_t bit = 0; bit < len * 8; bit++) { /* another session, or none, and no harm */
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int code = dor_ssl_session_parse(bytes, len, &parsed);
            cr_assert(code == DOR_OK || code == DOR_E_EINVAL, "bit %zu: %d", bit, code);
            if (code == DOR_OK) dor_ssl_session_unref(parsed);
            if (bit < 8) cr_assert_eq(code, DOR_E_EINVAL, "the form's version");
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        dor_ssl_session_unref(session);
        end(&w);
    }
}
