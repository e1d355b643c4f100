/*
 * ALPN (RFC 7301) as a server's program sees it: owners by protocol, whose preference counts, the alert when nothing is
 * common, and what resumption makes of another choice.
 */
#include "net_support.h"

enum { KINDS = 3 };

static const char *const kind_names[KINDS] = {"own", "h2", "http/1.1"};

typedef struct kind {
    atomic_int opened, closed, received;
    const char *greeting;
} kind;

static void *greet(dor_socket socket, void *arg)
{
    kind *k = arg;
    atomic_fetch_add(&k->opened, 1);
    (void)dor_ssl_send_async(socket, dor_buffer_new(k->greeting, strlen(k->greeting)), NULL);
    return k;
}

static void count(void *state, dor_socket socket, dor_message *m)
{
    kind *k = state;
    (void)socket;
    if (m->type == DOR_MSG_SSL) atomic_fetch_add(&k->received, 1);
    dor_message_free(m);
}

static void count_close(void *state)
{
    atomic_fetch_add(&((kind *)state)->closed, 1);
}

typedef struct three {
    kind kinds[KINDS];
    atomic_int failures, reason;
} three;

static void on_failed(const char *peer, int reason, void *arg)
{
    three *t = arg; /* its first kind, where it begins */
    (void)peer;
    atomic_store(&t->reason, reason);
    atomic_fetch_add(&t->failures, 1);
}

/* The names are gone, and the array, when the call returns: all is copied. */
static void serve_three(world *w, three *t)
{
    char h2[8] = "h2", http[16] = "http/1.1";
    dor_address address;
    for (int i = 0; i < KINDS; i++)
        t->kinds[i].greeting = kind_names[i];
    dor_protocol_spec protocols[2] = {{h2, greet, count, count_close, &t->kinds[1]},
                                      {http, greet, count, count_close, &t->kinds[2]}};
    dor_server_spec spec = {.open = greet,
                            .receive = count,
                            .close = count_close,
                            .failed = on_failed,
                            .arg = &t->kinds[0],
                            .protocols = protocols,
                            .protocol_count = 2};
    OK(dor_options_unset(w->server, "active"));
    OK(dor_ssl_serve(w->runtime, 0, w->server, &spec, &w->listener));
    memset(protocols, 0, sizeof protocols);
    memset(h2, 'x', sizeof h2);
    memset(http, 'x', sizeof http);
    OK(dor_ssl_sockname(w->listener, &address));
    w->port = address.port;
}

static int connect_in(world *w, dor_socket *s)
{
    return dor_ssl_connect(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, s);
}

/* Connects, and is greeted by that kind of owner. */
static dor_socket expect_kind(world *w, int which)
{
    char name[16];
    dor_socket s;
    OK(connect_in(w, &s));
    expect_recv(s, strlen(kind_names[which]), kind_names[which]);
    if (which)
        OK(dor_ssl_negotiated_protocol(s, name, sizeof name));
    else
        FAILS(dor_ssl_negotiated_protocol(s, name, sizeof name), DOR_E_PROTOCOL_NOT_NEGOTIATED);
    if (which) cr_assert_str_eq(name, kind_names[which]);
    return s;
}

static void in_both_versions(void (*run)(const char *version))
{
    run("tlsv1.2");
    run("tlsv1.3");
}

static void by_protocol(const char *version)
{
    world w;
    three t = {0};
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    serve_three(&w, &t);
    dor_socket own = expect_kind(&w, 0);
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "http/1.1", NULL));
    dor_socket http = expect_kind(&w, 2);
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "unheard/of", "h2", NULL));
    dor_socket h2 = expect_kind(&w, 1);
    send_text(h2, "data of its own");
    WAIT_FOR(atomic_load(&t.kinds[1].received) == 1);
    cr_assert_eq(atomic_load(&t.kinds[0].received) + atomic_load(&t.kinds[2].received), 0);
    OK(dor_ssl_close(http));
    WAIT_FOR(atomic_load(&t.kinds[2].closed) == 1);
    OK(dor_ssl_close(own));
    OK(dor_ssl_close(h2));
    WAIT_FOR(atomic_load(&t.kinds[0].closed) == 1 && atomic_load(&t.kinds[1].closed) == 1);
    end(&w);
    for (int i = 0; i < KINDS; i++)
        cr_assert_eq(atomic_load(&t.kinds[i].opened), 1, "%s", kind_names[i]);
}

Test(protocols, each_has_owners_of_its_own)
{
    in_both_versions(by_protocol);
}

/* RFC 7301 section 3.2: no_application_protocol (120), and the connection ends. */
static void nothing_common(const char *version)
{
    world w;
    three t = {0};
    dor_socket s;
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "spdy/3", "h3", NULL));
    serve_three(&w, &t);
    int code = connect_in(&w, &s);
    cr_assert_eq(dor_error_get_class(code), DOR_CLASS_ALERT_RECEIVED, "%d", code);
    cr_assert_eq(dor_error_get_alert(code), 120);
    WAIT_FOR(atomic_load(&t.failures) == 1);
    cr_assert_eq(dor_error_get_alert(atomic_load(&t.reason)), 120);
    cr_assert_eq(dor_error_get_class(atomic_load(&t.reason)), DOR_CLASS_ALERT_SENT);
    for (int i = 0; i < KINDS; i++)
        cr_assert_eq(atomic_load(&t.kinds[i].opened), 0);
    end(&w);
}

Test(protocols, nothing_in_common_is_alert_120)
{
    in_both_versions(nothing_common);
}

/* The server's list decides: that of the protocols, or option alpn_preferred_protocols in its place. */
static void preference(const char *version)
{
    world w;
    three t = {0};
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "http/1.1", "h2", NULL));
    serve_three(&w, &t);
    (void)expect_kind(&w, 1);
    OK(dor_ssl_close(w.listener));
    OK(dor_options_set_list(w.server, "alpn_preferred_protocols", "http/1.1", "h2", NULL));
    serve_three(&w, &t);
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "h2", "http/1.1", NULL));
    (void)expect_kind(&w, 2);
    end(&w);
}

Test(protocols, the_server_s_preference_counts)
{
    in_both_versions(preference);
}

/* A protocol that is preferred and has no owners of its own gets the spec's. */
Test(protocols, one_without_owners_gets_the_spec_s)
{
    world w;
    three t = {0};
    dor_socket s;
    char name[16];
    begin(&w, 1);
    OK(dor_options_set_list(w.server, "alpn_preferred_protocols", "mqtt", "h2", NULL));
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "h2", "mqtt", NULL));
    serve_three(&w, &t);
    OK(connect_in(&w, &s));
    expect_recv(s, 3, "own");
    OK(dor_ssl_negotiated_protocol(s, name, sizeof name));
    cr_assert_str_eq(name, "mqtt");
    end(&w);
}

static dor_ssl_session *session_of(dor_socket s, bool ticket)
{
    dor_ssl_event event = {0};
    if (ticket) {
        cr_assert_eq(next_event_within(s, PATIENCE_MS, &event), (uint32_t)DOR_MSG_SSL_TICKET);
        return event.session;
    }
    OK(dor_ssl_get_session(s, &event.session));
    return event.session;
}

/*
 * RFC 7301 section 3.1: the protocol is negotiated anew in each handshake, resumed or not, and a session is not bound to
 * it. (RFC 8446 section 4.2.10 binds early data to it, which there is none of.)
 */
static void resumed(const char *version)
{
    world w;
    three t = {0};
    dor_connection_info info;
    bool v13 = strcmp(version, "tlsv1.3") == 0;
    begin(&w, 2);
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "h2", NULL));
    if (v13) OK(dor_options_set_text(w.client, "session_tickets", "manual"));
    serve_three(&w, &t);
    dor_socket s = expect_kind(&w, 1);
    dor_ssl_session *session = session_of(s, v13);
    OK(dor_options_set_session(w.client, session));
    dor_ssl_session_unref(session);

    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "http/1.1", NULL));
    s = expect_kind(&w, 2);
    OK(dor_ssl_connection_info(s, &info));
    cr_assert(info.resumed);
    cr_assert_str_eq(info.alpn, "http/1.1");

    OK(dor_options_unset(w.client, "alpn_advertised_protocols"));
    s = expect_kind(&w, 0);
    OK(dor_ssl_connection_info(s, &info));
    cr_assert(info.resumed);

    OK(dor_options_set_list(w.client, "alpn_advertised_protocols", "h3",
                            NULL)); /* a session is no way around it */
    int code = connect_in(&w, &s);
    cr_assert_eq(dor_error_get_alert(code), 120, "%d", code);
    end(&w);
}

Test(protocols, a_resumed_session_negotiates_anew)
{
    in_both_versions(resumed);
}

Test(protocols, bad_ones_are_refused)
{
    world w;
    dor_socket s;
    char longest[257];
    memset(longest, 'a', 256);
    longest[256] = 0;
    dor_protocol_spec p[2] = {{.name = "h2"}, {.name = "h2"}};
    dor_server_spec spec = {.protocols = p, .protocol_count = 2};
    begin(&w, 1);
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s), DOR_E_BADARG);
    cr_assert_not_null(strstr(dor_options_error(w.server), "number 2"), "%s", dor_options_error(w.server));
    p[1].name = NULL;
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s), DOR_E_BADARG);
    p[1].name = "";
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s), DOR_E_BADARG);
    p[1].name = longest;
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s), DOR_E_BADARG);
    longest[255] = 0;
    OK(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s));
    OK(dor_ssl_close(s));
    spec.protocols = NULL;
    FAILS(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s), DOR_E_BADARG);
    spec.protocol_count = 0;
    OK(dor_ssl_serve(w.runtime, 0, w.server, &spec, &s));
    OK(dor_ssl_close(s));
    end(&w);
}
