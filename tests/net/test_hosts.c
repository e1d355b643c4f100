/* Hosts by the name that a client calls: exact and wildcard names, the function, refusals, sessions that do not cross. */
#include "net_support.h"

static dor_host *host_for(const char *protocol)
{
    dor_host *host;
    dor_options *o = dor_options_new();
    OK(dor_options_use_development_certificate(o, "localhost", NULL));
    OK(dor_options_set_list(o, "alpn_preferred_protocols", protocol, NULL));
    OK(dor_options_set_text(o, "active", "false"));
    OK(dor_options_set_bool(o, "log_alert", 0));
    OK(dor_host_new(o, &host));
    dor_options_free(o);
    return host;
}

/* A world whose clients offer all protocols: which is chosen tells the host. */
static void begin_hosts(world *w)
{
    begin(w, 2);
    OK(dor_options_set_list(w->server, "alpn_preferred_protocols", "own", NULL));
    OK(dor_options_set_list(w->client, "alpn_advertised_protocols", "own", "one", "two", NULL));
}

static int call(world *w, const char *name, char *protocol, dor_ssl_session **session)
{
    dor_ref ref;
    dor_socket s, c;
    OK(dor_options_set_text(w->client, "server_name_indication", name));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    int accepted = dor_ssl_accept(s, NULL, PATIENCE_MS), connected = await_reply(ref, &c, NULL);
    if (accepted) return connected;
    OK(connected);
    if (protocol) OK(dor_ssl_negotiated_protocol(c, protocol, 32));
    send_text(s, "hello"); /* behind TLS 1.3's tickets */
    expect_recv(c, 5, "hello");
    if (session) OK(dor_ssl_get_session(c, session));
    OK(dor_ssl_close(s));
    OK(dor_ssl_close(c));
    return DOR_OK;
}

static void expect_host(world *w, const char *name, const char *protocol)
{
    char got[32];
    OK(call(w, name, got, NULL));
    cr_assert_str_eq(got, protocol, "%s is served by %s", name, got);
}

Test(hosts, exact_beats_wildcard_beats_the_listener)
{
    world w;
    begin_hosts(&w);
    dor_host *one = host_for("one"), *two = host_for("two");
    OK(dor_options_add_sni_host(w.server, "*.example.org", two));
    OK(dor_options_add_sni_host(w.server, "WWW.example.org.", one));
    FAILS(dor_options_add_sni_host(w.server, "a b", one), DOR_E_OPTION_TYPE);
    FAILS(dor_options_add_sni_host(w.server, "*", one), DOR_E_OPTION_TYPE);
    FAILS(dor_options_add_sni_host(w.server, "", one), DOR_E_OPTION_TYPE);
    FAILS(dor_options_add_sni_host(w.server, "a.*.b", one), DOR_E_OPTION_TYPE);
    FAILS(dor_options_add_sni_host(w.server, "a", NULL), DOR_E_BADARG);
    dor_host_unref(one); /* the options have references of their own */
    dor_host_unref(two);
    listen_in(&w);
    expect_host(&w, "www.example.org", "one");
    expect_host(&w, "Www.Example.Org", "one");
    expect_host(&w, "mail.example.org", "two");
    expect_host(&w, "a.mail.example.org", "own");
    expect_host(&w, "example.org", "own");
    expect_host(&w, "disable", "own");
    end(&w);
}

/* ---- the function ------------------------------------------------------------------------------------------------- */

static dor_host *given;

static int by_name(const char *name, dor_host **host, void *arg)
{
    cr_assert_str_eq(arg, "arg");
    if (strcmp(name, "no.example") == 0) return DOR_E_NXDOMAIN;
    if (strcmp(name, "one.example") == 0) *host = dor_host_ref(given);
    return DOR_OK;
}

Test(hosts, by_a_function)
{
    world w;
    dor_host *host;
    begin_hosts(&w);
    given = host_for("one");
    OK(dor_options_set_sni_fun(w.server, by_name, "arg"));
    FAILS(dor_host_new(w.server, &host), DOR_E_OPTION_CONFLICT);
    listen_in(&w);
    expect_host(&w, "ONE.example", "one");
    expect_host(&w, "other.example", "own");
    expect_host(&w, "disable", "own");
    cr_assert_eq(dor_error_get_alert(call(&w, "no.example", NULL, NULL)), DOR_ALERT_UNRECOGNIZED_NAME);
    dor_socket both;
    OK(dor_options_add_sni_host(w.server, "a", given));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &both), DOR_E_OPTION_CONFLICT);
    dor_host_unref(given);
    end(&w);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

static bool resumes(world *w, const char *name, dor_ssl_session *session)
{
    dor_ref ref;
    dor_socket s, c;
    dor_connection_info info;
    OK(dor_options_set_text(w->client, "server_name_indication", name));
    OK(dor_options_set_session(w->client, session));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    OK(await_reply(ref, &c, NULL));
    OK(dor_ssl_connection_info(c, &info));
    OK(dor_ssl_close(s));
    OK(dor_ssl_close(c));
    OK(dor_options_unset(w->client, "reuse_session"));
    return info.resumed;
}

Test(hosts, sessions_stay_with_their_host)
{
    static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};
    world w;
    begin_hosts(&w);
    dor_host *one = host_for("one"), *two = host_for("two");
    OK(dor_options_add_sni_host(w.server, "one.example", one));
    OK(dor_options_add_sni_host(w.server, "two.example", two));
    listen_in(&w);
    for (int i = 0; i < 2; i++) {
        dor_ssl_session *session;
        OK(dor_options_set_list(w.client, "versions", versions[i], NULL));
        OK(call(&w, "one.example", NULL, &session));
        cr_assert(resumes(&w, "one.example", session));
        /* not even offered; a server that is offered one of another name passes it over (tests/proto) */
        cr_assert_not(resumes(&w, "two.example", session));
        dor_ssl_session_unref(session);
    }
    dor_host_unref(one);
    dor_host_unref(two);
    end(&w);
}
