/*
 * Hosts by JSON and by files: what a host takes over from its listener, what is refused and how, and files that are read again
 * while the listener runs.
 */
#include "files_support.h"

/* NAME.pem: certificate and key number `which`. */
static void put(const char *name, int which)
{
    char text[6000];
    size_t len = pem_text(text, sizeof text, "CERTIFICATE", &certs[which]);
    len += pem_text(text + len, sizeof text - len, "PRIVATE KEY", &keys[which]);
    replace_text(name, text, len);
}

static void begin_files(world *w)
{
    static const char *const names[] = {"localhost", "localhost", "localhost", "localhost"};
    begin(w, 2);
    OK(dor_options_set_list(w->client, "alpn_advertised_protocols", "own", "one", "two", NULL));
    begin_identities(names, 4);
    put("own.pem", 0);
    put("one.pem", 1);
}

static void end_files(world *w)
{
    end_identities();
    end(w);
}

/* The world's server options from a file of the folder. */
static void read_server(world *w, const char *json)
{
    char error[2048] = "";
    replace_text("server.json", json, strlen(json));
    dor_options_free(w->server);
    int code = dor_options_from_file(file("server.json"), &w->server, error, sizeof error);
    cr_assert_eq(code, DOR_OK, "%s", error);
    OK(dor_options_set_text(w->server, "ip", "127.0.0.1"));
    OK(dor_options_set_text(w->server, "active", "false"));
    OK(dor_options_set_bool(w->server, "log_alert", 0));
}

static pair call(world *w, dor_socket listener, const char *name)
{
    dor_address address;
    dor_ref ref;
    pair p;
    OK(dor_ssl_sockname(listener, &address));
    OK(dor_options_set_text(w->client, "server_name_indication", name));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", address.port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(listener, PATIENCE_MS, &p.server));
    OK(dor_ssl_accept(p.server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &p.client, NULL));
    return p;
}

static void expect(world *w, dor_socket listener, const char *name, int which, const char *protocol)
{
    char got[32] = "";
    pair p = call(w, listener, name);
    cr_expect_eq(shown(p.client), which, "%s shows %d", name, shown(p.client));
    OK(dor_ssl_negotiated_protocol(p.client, got, sizeof got));
    cr_expect_str_eq(got, protocol, "%s speaks %s", name, got);
    close_pair(p);
}

static const char hosts_json[] =
    "{\"sni_hosts\": {\"one.test\": {\"certfile\": \"one.pem\"},"
    " \"*.Two.test.\": {\"alpn_preferred_protocols\": [\"two\"]},"
    " \"both.test\": {\"certfile\": \"one.pem\", \"alpn_preferred_protocols\": [\"one\"]}, \"same.test\": "
    "{}},"
    " \"certfile\": \"own.pem\", \"alpn_preferred_protocols\": [\"own\"], \"versions\": [\"tlsv1.3\"]}";

Test(hosts_files, what_a_host_does_not_say_its_listener_says)
{
    world w;
    begin_files(&w);
    read_server(&w, hosts_json);
    listen_in(&w);
    expect(&w, w.listener, "one.test", 1, "own");
    expect(&w, w.listener, "a.two.test", 0, "two");
    expect(&w, w.listener, "both.test", 1, "one");
    expect(&w, w.listener, "same.test", 0, "own");
    expect(&w, w.listener, "other.test", 0, "own");
    /* What is set behind the file's words holds for hosts that say nothing of it, and a host set in C takes its place. */
    dor_socket second;
    dor_host *host;
    dor_options *o = dor_options_new();
    OK(dor_options_set_list(w.server, "alpn_preferred_protocols", "two", NULL));
    OK(dor_options_set_list(o, "alpn_preferred_protocols", "own", NULL));
    OK(dor_host_new_over(o, w.server, &host));
    OK(dor_options_add_sni_host(w.server, "both.test", host));
    OK(dor_ssl_listen(w.runtime, 0, w.server, &second));
    expect(&w, second, "one.test", 1, "two");
    expect(&w, second, "both.test", 0, "own");
    /* unset means none */
    OK(dor_options_unset(w.server, "sni_hosts"));
    dor_socket third;
    OK(dor_ssl_listen(w.runtime, 0, w.server, &third));
    expect(&w, third, "one.test", 0, "two");
    dor_host_unref(host);
    dor_options_free(o);
    end_files(&w);
}

/* Half of a certificate, of authorities or of anything else that belongs together is never mixed. */
Test(hosts_files, who_gives_a_part_gives_it_all)
{
    world w;
    dor_host *host;
    dor_socket s;
    begin_files(&w);
    dor_options *base = dor_options_new(), *over = dor_options_new();
    OK(dor_options_set_bytes(base, "cert", certs[0].ptr,
                             certs[0].len)); /* cert wins over certfile, within one */
    OK(dor_options_set_bytes(base, "key", keys[0].ptr, keys[0].len));
    OK(dor_options_set_text(over, "certfile", file("one.pem")));
    OK(dor_host_new_over(over, base, &host));
    OK(dor_options_add_sni_host(w.server, "one.test", host));
    dor_host_unref(host);
    OK(dor_options_set_list(w.server, "alpn_preferred_protocols", "own", NULL));
    OK(dor_options_set_list(base, "alpn_preferred_protocols", "one", NULL));
    OK(dor_options_set_text(over, "session_tickets", "stateful"));
    OK(dor_options_set_text(base, "ifaddr", "127.0.0.1"));
    OK(dor_options_set_text(over, "ip", "127.0.0.1"));
    OK(dor_host_new_over(over, base, &host));
    OK(dor_options_add_sni_host(w.server, "two.test", host));
    dor_host_unref(host);
    OK(dor_ssl_listen(w.runtime, 0, w.server, &s));
    expect(&w, s, "two.test", 1, "one");

    OK(dor_options_unset(over, "certfile"));
    OK(dor_options_set_text(over, "keyfile", file("one.pem")));
    FAILS(dor_host_new_over(over, base, &host), DOR_E_OPTION_CONFLICT); /* a key, and nothing of base's */
    OK(dor_options_unset(over, "keyfile"));
    OK(dor_options_set_text(over, "verify", "verify_peer"));
    FAILS(dor_host_new_over(over, base, &host), DOR_E_OPTION_CONFLICT);
    OK(dor_options_set_text(base, "cacertfile", file("one.pem")));
    OK(dor_host_new_over(over, base, &host));
    dor_host_unref(host);
    OK(dor_options_set_text(over, "cacertfile", "/nowhere/ca.pem"));
    FAILS(dor_host_new_over(over, base, &host), DOR_E_FILE_UNREADABLE);
    cr_expect(strstr(dor_options_error(over), "option cacertfile: "), "%s", dor_options_error(over));
    FAILS(dor_host_new_over(NULL, base, &host), DOR_E_BADARG);
    FAILS(dor_host_new_over(over, NULL, &host), DOR_E_BADARG);
    FAILS(dor_host_new_over(over, base, NULL), DOR_E_BADARG);
    FAILS(dor_host_new_over(w.server, base, &host), DOR_E_OPTION_CONFLICT);
    dor_options_free(base);
    dor_options_free(over);
    end_files(&w);
}

static void refused(const char *json, int code, const char *sentence)
{
    char error[2048] = "";
    dor_options *o = NULL;
    FAILS(dor_options_from_json(json, strlen(json), &o, error, sizeof error), code);
    cr_expect_str_eq(error, sentence, "%s", error);
}

Test(hosts_files, what_is_wrong_is_said_of_whom)
{
    refused("{\"sni_hosts\": []}", DOR_E_OPTION_TYPE,
            "option sni_hosts: given a list, wanted an object, {\"name\": {options}, ...}");
    refused("{\"sni_hosts\": {\"a.test\": 1}}", DOR_E_OPTION_TYPE,
            "option sni_hosts, a.test: given an integer, wanted an object of options");
    refused("{\"sni_hosts\": {\"a b\": {}}}", DOR_E_OPTION_TYPE,
            "option sni_hosts: \"a b\" is no host name, nor \"*.\" in front of one");
    refused("{\"sni_hosts\": {\"a.test\": {\"certfle\": \"x\"}}}", DOR_E_OPTION_UNKNOWN,
            "option sni_hosts, a.test: no option is called \"certfle\"; did you mean \"certfile\"?");
    refused("{\"sni_hosts\": {\"a.test\": {\"depth\": 256}}}", DOR_E_OPTION_TYPE,
            "option sni_hosts, a.test: option depth: given 256, wanted an integer from 0 to 255");
    refused("{\"sni_hosts\": {\"a.test\": {\"active\": \"once\"}}}", DOR_E_OPTION_CONFLICT,
            "option sni_hosts, a.test: option active is the listener's");
    refused("{\"sni_hosts\": {\"a.test\": {\"sni_hosts\": {}}}}", DOR_E_OPTION_CONFLICT,
            "option sni_hosts, a.test: option sni_hosts is the listener's");

    world w;
    begin_files(&w);
    read_server(&w, "{\"certfile\": \"own.pem\", \"sni_hosts\": {\"a.test\": {\"certfile\": \"none.pem\"}}}");
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &w.listener), DOR_E_FILE_UNREADABLE);
    cr_expect_eq(strncmp(dor_options_error(w.server), "option sni_hosts, a.test: option certfile: ", 43), 0,
                 "%s", dor_options_error(w.server));
    cr_expect(strstr(dor_options_error(w.server), folder), "%s", dor_options_error(w.server));
    dor_socket s;
    FAILS(dor_ssl_connect(w.runtime, "127.0.0.1", 1, w.server, 1000, &s), DOR_E_OPTION_CONFLICT);
    end_files(&w);
}

/* ---- again ------------------------------------------------------------------------------------------------------- */

Test(hosts_files, read_again)
{
    world w;
    char error[2048] = "";
    dor_reload_statistics figures;
    begin_files(&w);
    read_server(&w, hosts_json);
    listen_in(&w);
    pair old = call(&w, w.listener, "one.test");
    cr_expect_eq(shown(old.client), 1);
    put("one.pem", 2);
    expect(&w, w.listener, "one.test", 1, "own");
    OK(dor_ssl_reload(w.listener, error, sizeof error));
    expect(&w, w.listener, "one.test", 2, "own");
    expect(&w, w.listener, "both.test", 2, "one");
    expect(&w, w.listener, "a.two.test", 0, "two");
    send_text(old.client, "as ever");
    expect_recv(old.server, 7, "as ever");
    cr_expect_eq(shown(old.client), 1);
    close_pair(old);
    /* the listener's own, which hosts have taken over */
    put("own.pem", 3);
    OK(dor_ssl_reload(w.listener, error, sizeof error));
    expect(&w, w.listener, "a.two.test", 3, "two");
    expect(&w, w.listener, "one.test", 2, "own");
    /* nothing has changed */
    OK(dor_ssl_reload(w.listener, error, sizeof error));
    OK(dor_ssl_get_reload_statistics(w.listener, &figures));
    cr_expect_eq(figures.reads, 3);
    cr_expect_eq(figures.replaced, 2);
    /* all, or nothing */
    put("own.pem", 0);
    replace_text("one.pem", "-----BEGIN CERT", 15);
    FAILS(dor_ssl_reload(w.listener, error, sizeof error), DOR_E_FILE_MALFORMED);
    cr_expect(strstr(error, "option sni_hosts, ") && strstr(error, ".test: option certfile: "), "%s", error);
    expect(&w, w.listener, "same.test", 3, "own");
    expect(&w, w.listener, "one.test", 2, "own");
    end_files(&w);
}

/* One host of two listeners: what one of them reads again is its own affair. */
Test(hosts_files, a_shared_host)
{
    world w;
    dor_host *host;
    dor_socket second;
    begin_files(&w);
    dor_options *o = dor_options_new();
    OK(dor_options_set_text(o, "certfile", file("one.pem")));
    OK(dor_options_set_list(o, "alpn_preferred_protocols", "one", NULL));
    OK(dor_options_set_text(o, "active", "false"));
    OK(dor_host_new(o, &host));
    OK(dor_options_add_sni_host(w.server, "a.test", host));
    OK(dor_options_add_sni_host(w.server, "b.test", host));
    dor_host_unref(host);
    listen_in(&w);
    OK(dor_ssl_listen(w.runtime, 0, w.server, &second));
    put("one.pem", 2);
    OK(dor_ssl_reload(w.listener, NULL, 0));
    expect(&w, w.listener, "a.test", 2, "one");
    expect(&w, w.listener, "b.test", 2, "one");
    expect(&w, second, "a.test", 1, "one");
    OK(dor_ssl_close(w.listener));
    expect(&w, second, "b.test", 1, "one");
    OK(dor_ssl_reload(second, NULL, 0));
    expect(&w, second, "b.test", 2, "one");
    dor_options_free(o);
    end_files(&w);
}

Test(hosts_files, watched)
{
    world w;
    dor_reload_statistics figures;
    begin_files(&w);
    read_server(&w, hosts_json);
    OK(dor_options_set_int(w.server, "reload_certificates", 10));
    listen_in(&w);
    put("one.pem", 2);
    WAIT_FOR(dor_ssl_get_reload_statistics(w.listener, &figures) == DOR_OK && figures.replaced > 0);
    expect(&w, w.listener, "one.test", 2, "own");
    end_files(&w);
}

/* Reading again with each allocation failing: the old ones stay, and nothing leaks. */
Test(hosts_files, each_allocation_fails_once)
{
    world w;
    begin_files(&w);
    read_server(&w, hosts_json);
    for (long n = 0; n < 400; n += SLOW_BUILD ? 9 : 1) {
        dor_socket s;
        atomic_store(&fail_after, n);
        int code = dor_ssl_listen(w.runtime, 0, w.server, &s);
        atomic_store(&fail_after, -1);
        if (code == DOR_OK) OK(dor_ssl_close(s));
    }
    listen_in(&w);
    for (long n = 0; n < 150; n += SLOW_BUILD ? 9 : 1) {
        put("one.pem", 1 + (int)(n & 1));
        atomic_store(&fail_after, n);
        (void)dor_ssl_reload(w.listener, NULL, 0);
        atomic_store(&fail_after, -1);
    }
    put("one.pem", 3);
    OK(dor_ssl_reload(w.listener, NULL, 0));
    expect(&w, w.listener, "one.test", 3, "own");
    end_files(&w);
}
