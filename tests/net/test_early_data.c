/* Early data over sockets: what a client gives with its ticket, what the server's owner gets of it, and what neither gets. */
#include "net_support.h"

#include <poll.h>

typedef struct outcome {
    dor_connection_info client, server;
    dor_ssl_session *session;
    char first[64]; /* what the server's owner got before "behind" */
} outcome;

/* All that comes until "behind". */
static void read_until_behind(dor_socket server, char *text, size_t cap)
{
    size_t len = 0;
    for (;;) {
        dor_buffer *data;
        OK(dor_ssl_recv(server, 0, PATIENCE_MS, &data));
        cr_assert_lt(len + dor_buffer_len(data), cap);
        memcpy(text + len, dor_buffer_data(data), dor_buffer_len(data));
        len += dor_buffer_len(data);
        text[len] = 0;
        dor_buffer_unref(data);
        char *end = strstr(text, "behind");
        if (!end) continue;
        *end = 0;
        return;
    }
}

/* A connection with this session (NULL: none) and this early data (NULL: none). */
static outcome once(world *w, uint16_t port, dor_socket listener, dor_ssl_session *session, const char *early)
{
    outcome o = {.session = NULL};
    dor_ref ref;
    dor_socket server, client;
    if (session) OK(dor_options_set_session(w->client, session));
    if (early) OK(dor_options_set_bytes(w->client, "early_data", early, strlen(early)));
    OK(dor_ssl_connect_async(w->runtime, test_host(), port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    send_text(client, "behind");
    read_until_behind(server, o.first, sizeof o.first);
    send_text(server, "!"); /* behind it the tickets have come */
    expect_recv(client, 1, "!");
    OK(dor_ssl_connection_info(client, &o.client));
    OK(dor_ssl_connection_info(server, &o.server));
    (void)dor_ssl_get_session(client, &o.session);
    OK(dor_ssl_close(client));
    OK(dor_ssl_close(server));
    dor_options_unset(w->client, "early_data");
    dor_options_unset(w->client, "reuse_session");
    return o;
}

static void begin_early(world *w, const char *tickets)
{
    begin(w, 2);
    OK(dor_options_set_text(w->server, "early_data", "enabled"));
    OK(dor_options_set_text(w->server, "session_tickets", tickets));
    OK(dor_options_set_bool(w->client, "active", 0));
}

static dor_ssl_session *make_session(world *w)
{
    outcome o = once(w, w->port, w->listener, NULL, NULL);
    cr_assert_not_null(o.session);
    cr_assert_eq(o.client.early_data, DOR_EARLY_DATA_NONE);
    cr_assert_eq(o.server.early_data, DOR_EARLY_DATA_NONE);
    cr_assert_str_eq(o.first, "");
    return o.session;
}

static void expect_taken(const outcome *o, const char *text)
{
    cr_expect(o->client.resumed && o->server.resumed);
    cr_expect_eq(o->client.early_data, DOR_EARLY_DATA_ACCEPTED);
    cr_expect_eq(o->server.early_data, DOR_EARLY_DATA_ACCEPTED);
    cr_expect_str_eq(o->first, text);
}

static void expect_refused(const outcome *o, dor_early_data_outcome client)
{
    cr_expect_eq(o->client.early_data, client);
    cr_expect_eq(o->server.early_data, DOR_EARLY_DATA_NONE);
    cr_expect_str_eq(o->first, "");
}

Test(early_data, comes_first_and_once)
{
    static const char *const tickets[] = {"stateless", "stateful", "stateless_with_cert",
                                          "stateful_with_cert"};
    for (size_t i = 0; i < sizeof tickets / sizeof tickets[0]; i++) {
        world w;
        begin_early(&w, tickets[i]);
        listen_in(&w);
        dor_ssl_session *session = make_session(&w);
        outcome o = once(&w, w.port, w.listener, session, "early ");
        expect_taken(&o, "early ");
        dor_ssl_session_unref(session);
        session = o.session;
        o = once(&w, w.port, w.listener, session, "again ");
        expect_taken(&o, "again ");
        dor_ssl_session_unref(o.session);
        dor_ssl_session_unref(session);
        end(&w);
    }
}

/* A stateful ticket is of use once; a sealed one may resume again, and brings its early data again, as another hello. */
Test(early_data, a_ticket_that_was_used)
{
    for (int stateful = 0; stateful < 2; stateful++) {
        world w;
        begin_early(&w, stateful ? "stateful" : "stateless");
        listen_in(&w);
        dor_ssl_session *session = make_session(&w);
        outcome o = once(&w, w.port, w.listener, session, "early ");
        expect_taken(&o, "early ");
        dor_ssl_session_unref(o.session);
        o = once(&w, w.port, w.listener, session, "twice ");
        if (stateful)
            expect_refused(&o, DOR_EARLY_DATA_REJECTED);
        else
            expect_taken(&o, "twice ");
        cr_expect_eq(o.client.resumed, !stateful);
        dor_ssl_session_unref(o.session);
        dor_ssl_session_unref(session);
        end(&w);
    }
}

Test(early_data, is_off_by_default)
{
    world w;
    begin(&w, 2);
    OK(dor_options_set_bool(w.client, "active", 0));
    listen_in(&w);
    dor_ssl_session *session = make_session(&w);
    outcome o = once(&w, w.port, w.listener, session, "early ");
    cr_expect(o.client.resumed);
    expect_refused(&o, DOR_EARLY_DATA_NONE); /* the ticket does not allow it, so nothing was sent */
    dor_ssl_session_unref(o.session);
    dor_ssl_session_unref(session);
    end(&w);
}

/* Tickets that allow it come to a listener that does not. */
Test(early_data, is_passed_over_where_it_is_off)
{
    world w;
    dor_session_cache *cache;
    dor_socket second;
    dor_address address;
    begin_early(&w, "stateless");
    OK(dor_session_cache_new(NULL, &cache));
    OK(dor_options_set_session_cache(w.server, cache));
    listen_in(&w);
    OK(dor_options_set_text(w.server, "early_data", "disabled"));
    OK(dor_ssl_listen(w.runtime, 0, w.server, &second));
    OK(dor_ssl_sockname(second, &address));
    dor_ssl_session *session = make_session(&w);
    outcome o = once(&w, address.port, second, session, "early ");
    cr_expect(o.client.resumed);
    expect_refused(&o, DOR_EARLY_DATA_REJECTED);
    dor_ssl_session_unref(o.session);
    o = once(&w, w.port, w.listener, session, "early ");
    expect_taken(&o, "early ");
    dor_ssl_session_unref(o.session);
    dor_ssl_session_unref(session);
    dor_session_cache_unref(cache);
    OK(dor_ssl_close(second));
    end(&w);
}

Test(early_data, is_all_or_nothing)
{
    world w;
    begin_early(&w, "stateless");
    OK(dor_options_set_int(w.server, "max_early_data", 10));
    listen_in(&w);
    dor_ssl_session *session = make_session(&w);
    outcome o = once(&w, w.port, w.listener, session, "eleven byte");
    cr_expect(o.client.resumed);
    cr_expect_eq(o.client.early_data, DOR_EARLY_DATA_NONE);
    cr_expect_str_eq(o.first, "");
    dor_ssl_session_unref(session);
    session = o.session;
    o = once(&w, w.port, w.listener, session, "ten bytes!");
    expect_taken(&o, "ten bytes!");
    dor_ssl_session_unref(o.session);
    dor_ssl_session_unref(session);
    end(&w);
}

Test(early_data, with_tickets_that_are_kept_for_us)
{
    world w;
    begin_early(&w, "stateless");
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    listen_in(&w);
    outcome o = once(&w, w.port, w.listener, NULL, "early ");
    expect_refused(&o, DOR_EARLY_DATA_NONE);
    dor_ssl_session_unref(o.session);
    for (int i = 0; i < 3; i++) {
        o = once(&w, w.port, w.listener, NULL, "early ");
        expect_taken(&o, "early ");
        dor_ssl_session_unref(o.session);
    }
    end(&w);
}

Test(early_data, of_a_hello_that_is_asked_for_again)
{
    world w;
    begin_early(&w, "stateless");
    listen_in(&w);
    dor_ssl_session *session = make_session(&w);
    OK(dor_options_set_list(w.client, "supported_groups", "secp521r1", "secp256r1", NULL));
    outcome o = once(&w, w.port, w.listener, session, "early ");
    cr_expect(o.client.hello_retry);
    expect_refused(&o, DOR_EARLY_DATA_REJECTED);
    dor_ssl_session_unref(o.session);
    dor_ssl_session_unref(session);
    end(&w);
}

/* The owner of an active socket gets it as it gets all else. */
Test(early_data, is_an_event_for_who_has_events)
{
    world w;
    dor_ref ref;
    dor_socket server, client;
    begin_early(&w, "stateless");
    listen_in(&w);
    dor_ssl_session *session = make_session(&w);
    OK(dor_options_set_session(w.client, session));
    OK(dor_options_set_bytes(w.client, "early_data", "early", 5));
    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &client, NULL));
    OK(dor_ssl_set_active(server, DOR_ACTIVE_TRUE));
    expect_text_event(server, "early");
    dor_ssl_session_unref(session);
    end(&w);
}

/* ---- replays -------------------------------------------------------------------------------------------------------- */

/* What a client says before anybody answers it. */
static size_t first_flight(world *w, dor_ssl_session *session, uint8_t *flight, size_t cap)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    dor_ref ref;
    size_t len = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &address_len), 0);
    OK(dor_options_set_session(w->client, session));
    OK(dor_options_set_bytes(w->client, "early_data", "buy", 3));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", ntohs(address.sin_port), w->client, 1000, &ref));
    int peer = accept(fd, NULL, NULL);
    struct pollfd p = {.fd = peer, .events = POLLIN};
    while (poll(&p, 1, 300) == 1) {
        ssize_t n = recv(peer, flight + len, cap - len, 0);
        if (n <= 0) break;
        len += (size_t)n;
    }
    close(peer);
    close(fd);
    cr_assert_neq(await_reply(ref, NULL, NULL), DOR_OK);
    return len;
}

/* Nobody who has only seen a flight can complete the handshake, and before that the owner gets nothing. */
Test(early_data, a_copy_reaches_nobody)
{
    static const char *const tickets[] = {"stateless", "stateful"};
    tcp_only();
    for (size_t i = 0; i < 2; i++) {
        world w;
        uint8_t flight[8192];
        begin_early(&w, tickets[i]);
        OK(dor_options_set_int(w.server, "handshake_timeout", 300));
        listen_in(&w);
        dor_ssl_session *session = make_session(&w);
        const size_t len = first_flight(&w, session, flight, sizeof flight);
        cr_assert_gt(len, 200);
        for (int copy = 0; copy < 3; copy++) {
            dor_socket server;
            int fd = raw_connect(w.port);
            cr_assert_eq(send(fd, flight, len, 0), (ssize_t)len);
            OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
            cr_assert_eq(dor_ssl_accept(server, NULL, PATIENCE_MS), DOR_E_TIMEOUT);
            close(fd);
        }
        dor_ssl_session_unref(session);
        end(&w);
    }
}

/* Ticket keys that others may have are no ground for "once"; given later, they take it away. */
Test(early_data, with_ticket_keys_from_outside)
{
    world w;
    uint8_t key[DOR_TICKET_KEY_BYTES];
    dor_socket listener;
    memset(key, 7, sizeof key);
    begin_early(&w, "stateless");
    listen_in(&w);
    OK(dor_ssl_set_ticket_keys(w.listener, key, 1, sizeof key));
    dor_ssl_session *session = make_session(&w);
    outcome o = once(&w, w.port, w.listener, session, "early ");
    cr_expect(o.client.resumed);
    expect_refused(&o, DOR_EARLY_DATA_REJECTED);
    dor_ssl_session_unref(o.session);
    dor_ssl_session_unref(session);

    OK(dor_options_set_ticket_keys(w.server, key, 1, sizeof key));
    cr_assert_eq(dor_ssl_listen(w.runtime, 0, w.server, &listener), DOR_E_OPTION_CONFLICT);
    OK(dor_options_set_text(w.server, "anti_replay", "10k")); /* they are ours alone, then */
    OK(dor_ssl_close(w.listener));
    listen_in(&w);
    session = make_session(&w);
    o = once(&w, w.port, w.listener, session, "early ");
    expect_taken(&o, "early ");
    dor_ssl_session_unref(o.session);
    dor_ssl_session_unref(session);
    end(&w);
}

/* ---- options -------------------------------------------------------------------------------------------------------- */

static void conflicts(world *w, bool server, const char *about)
{
    dor_socket listener, socket;
    const dor_options *options = server ? w->server : w->client;
    int code = server ? dor_ssl_listen(w->runtime, 0, options, &listener)
                      : dor_ssl_connect(w->runtime, test_host(), 1, options, 100, &socket);
    cr_expect_eq(code, DOR_E_OPTION_CONFLICT);
    cr_expect(strstr(dor_options_error(options), about), "%s", dor_options_error(options));
}

Test(early_data, options_that_contradict_each_other)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_text(w.server, "anti_replay", "100k"));
    conflicts(&w, true, "anti_replay needs early_data");
    OK(dor_options_set_text(w.server, "early_data", "enabled"));
    OK(dor_options_set_text(w.server, "session_tickets", "stateful"));
    conflicts(&w, true, "of use once by itself");
    dor_options_unset(w.server, "anti_replay");
    OK(dor_options_set_text(w.server, "session_tickets", "disabled"));
    conflicts(&w, true, "session_tickets disabled");
    dor_options_unset(w.server, "session_tickets");
    OK(dor_options_set_bool(w.server, "reuse_sessions", 0));
    conflicts(&w, true, "reuse_sessions false");
    dor_options_unset(w.server, "reuse_sessions");
    OK(dor_options_set_list(w.server, "versions", "tlsv1.2", NULL));
    conflicts(&w, true, "for tlsv1.3");
    OK(dor_options_set_bytes(w.server, "early_data", "x", 1));
    conflicts(&w, true, "a server takes");

    OK(dor_options_set_text(w.client, "early_data", "enabled"));
    conflicts(&w, false, "as bytes");
    OK(dor_options_set_bytes(w.client, "early_data", "x", 1));
    conflicts(&w, false, "goes with a ticket");
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    conflicts(&w, false, "for tlsv1.3");
    cr_expect_neq(dor_options_set_text(w.client, "early_data", "perhaps"), DOR_OK);
    cr_expect_neq(dor_options_set_text(w.server, "anti_replay", "1k"), DOR_OK);
    cr_expect_neq(dor_options_set_int(w.server, "max_early_data", 0), DOR_OK);
    end(&w);
}
