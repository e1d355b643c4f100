/*
 * Sessions that are shown where they do not belong: by a client that lies about whom a session is from, to another host of
 * the same listener; and by ours, where the rules have been changed in the middle of a handshake.
 *
 * A full handshake by the rules of the host that is called must come of it, never the verdict of another one.
 */
#include "net_support.h"
#include "support/pki.h"

#include "tls/session.h"

enum { NAME_MAX_LEN = 64 };

static char cert_file[512], key_file[512], ca_file[512];

static void find_files(void)
{
    snprintf(cert_file, sizeof cert_file, "%s/tls-p256.pem", pki_dir());
    snprintf(key_file, sizeof key_file, "%s/c.key", pki_dir());
    snprintf(ca_file, sizeof ca_file, "%s/root.pem", pki_dir());
}

/* What memory of sessions the hosts have. */
typedef enum memory { OWN, SHARED_CACHE, SHARED_KEYS, MEMORIES } memory;

typedef struct scene {
    world w;
    memory memory;
    const char *version, *tickets;
    bool by_function;
    dor_session_cache *cache;
    dor_host *open, *strict; /* a.test takes anybody and asks for a certificate, b.test insists on one */
} scene;

static void common(scene *s, dor_options *o)
{
    static const uint8_t key[48] = {1, 2, 3};
    OK(dor_options_set_text(o, "session_tickets", s->tickets));
    OK(dor_options_set_text(o, "verify", "verify_peer"));
    OK(dor_options_set_text(o, "cacertfile", ca_file));
    if (s->memory == SHARED_CACHE) OK(dor_options_set_session_cache(o, s->cache));
    if (s->memory == SHARED_KEYS) OK(dor_options_set_ticket_keys(o, key, 1, sizeof key));
}

static dor_host *host_of(scene *s, bool strict)
{
    dor_host *host;
    dor_options *o = dor_options_new();
    OK(dor_options_use_development_certificate(o, "localhost", NULL));
    OK(dor_options_set_text(o, "active", "false"));
    OK(dor_options_set_bool(o, "log_alert", 0));
    OK(dor_options_set_bool(o, "fail_if_no_peer_cert", strict));
    common(s, o);
    OK(dor_host_new(o, &host));
    dor_options_free(o);
    return host;
}

static int choose(const char *name, dor_host **host, void *arg)
{
    scene *s = arg;
    if (strcmp(name, "a.test") == 0) *host = dor_host_ref(s->open);
    if (strcmp(name, "b.test") == 0) *host = dor_host_ref(s->strict);
    return DOR_OK;
}

static void begin_scene(scene *s)
{
    world *w = &s->w;
    begin(w, 1);
    if (s->memory == SHARED_CACHE) {
        dor_options *o = dor_options_new();
        OK(dor_session_cache_new(o, &s->cache));
        dor_options_free(o);
    }
    common(s, w->server);
    s->open = host_of(s, false);
    s->strict = host_of(s, true);
    if (s->by_function) {
        OK(dor_options_set_sni_fun(w->server, choose, s));
    } else {
        OK(dor_options_add_sni_host(w->server, "a.test", s->open));
        OK(dor_options_add_sni_host(w->server, "b.test", s->strict));
    }
    OK(dor_options_set_list(w->client, "versions", s->version, NULL));
    OK(dor_options_set_bool(w->client, "reuse_sessions", 1));
    listen_in(w);
}

static void end_scene(scene *s)
{
    dor_host_unref(s->open);
    dor_host_unref(s->strict);
    dor_session_cache_unref(s->cache);
    end(&s->w);
}

/* As if it came from there: a client offers a session only to whom it is from. */
static dor_ssl_session *forge(dor_ssl_session *session, const char *name)
{
    static uint8_t bytes[65536];
    size_t len;
    dor_ssl_session *copy;
    OK(dor_ssl_session_serialise(session, bytes, sizeof bytes, &len));
    OK(dor_ssl_session_parse(bytes, len, &copy));
    dor_session *inside = (dor_session *)copy;
    dor__bytes_free(&inside->server_name);
    cr_assert(dor__ok(dor__bytes_append(&inside->server_name, dor__span_str(name))));
    return copy;
}

typedef struct outcome {
    int server, client;
    bool resumed, has_cert;
    dor_ssl_session *session;
} outcome;

/* name NULL: no SNI. */
static outcome call(world *w, const char *name, bool with_cert, dor_ssl_session *session)
{
    outcome o = {0};
    dor_ref ref;
    dor_socket server, client;
    dor_connection_info info = {0};
    OK(dor_options_set_text(w->client, "server_name_indication", name ? name : "disable"));
    OK(with_cert ? dor_options_set_text(w->client, "certfile", cert_file)
                 : dor_options_unset(w->client, "certfile"));
    OK(with_cert ? dor_options_set_text(w->client, "keyfile", key_file)
                 : dor_options_unset(w->client, "keyfile"));
    OK(dor_options_set_session(w->client, session));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &server));
    o.server = dor_ssl_accept(server, NULL, PATIENCE_MS);
    o.client = await_reply(ref, &client, NULL);
    if (o.server == DOR_OK) {
        OK(o.client);
        OK(dor_ssl_connection_info(server, &info));
        send_text(server, "!");
        expect_recv(client, 1, "!");
        (void)dor_ssl_get_session(client, &o.session);
        OK(dor_ssl_close(server));
    }
    if (o.client == DOR_OK) OK(dor_ssl_close(client));
    o.resumed = info.resumed;
    o.has_cert = info.has_peercert;
    return o;
}

static const char *const names[] = {"a.test", "b.test", "other.test", NULL};

static void lie_from(scene *s, size_t from, bool with_cert)
{
    world *w = &s->w;
    outcome first = call(w, names[from], with_cert, NULL);
    OK(first.server);
    cr_assert_eq(first.has_cert, with_cert);
    cr_assert_not_null(first.session);
    for (size_t to = 0; to < 4; to++) {
        dor_ssl_session *forged = forge(first.session, names[to] ? names[to] : "127.0.0.1");
        outcome o = call(w, names[to], false, forged);
        bool strict = to == 1;
        cr_expect(to == from || !o.resumed, "%s, %s: a session of %s is resumed by %s", s->version,
                  s->tickets, names[from] ? names[from] : "nobody", names[to] ? names[to] : "nobody");
        cr_expect(to == from || !o.has_cert, "somebody else's certificate");
        if (to != from) cr_expect_eq(o.server == DOR_OK, !strict, "%d", o.server);
        dor_ssl_session_unref(o.session);
        dor_ssl_session_unref(forged);
    }
    dor_ssl_session_unref(first.session);
    /* And where nobody lies it is resumed, so it is not for want of resumption that the others were not. */
    outcome honest = call(w, names[from], with_cert, NULL);
    OK(honest.server);
    outcome again = call(w, names[from], with_cert, honest.session);
    cr_expect(again.resumed, "%s, %s, memory %d: not even honestly", s->version, s->tickets, (int)s->memory);
    cr_expect_eq(again.has_cert, with_cert);
    dor_ssl_session_unref(honest.session);
    dor_ssl_session_unref(again.session);
}

static void lies(const char *version, const char *tickets)
{
    find_files();
    for (memory m = OWN; m < MEMORIES; m++) {
        for (int by_function = 0; by_function < 2; by_function++) {
            scene s = {.memory = m, .version = version, .tickets = tickets, .by_function = by_function};
            begin_scene(&s);
            lie_from(&s, 0, true);  /* verified at the one that does not insist */
            lie_from(&s, 0, false); /* not even that */
            lie_from(&s, 1, true);
            lie_from(&s, 2, true); /* of the listener itself, under a name that is nobody's */
            lie_from(&s, 3, true); /* and under none */
            end_scene(&s);
        }
    }
}

Test(hosts_cross, tickets_of_tls13)
{
    lies("tlsv1.3", "stateless_with_cert");
}

Test(hosts_cross, tickets_of_tls13_that_the_server_keeps)
{
    lies("tlsv1.3", "stateful_with_cert");
}

Test(hosts_cross, ids_of_tls12)
{
    lies("tlsv1.2", "stateful_with_cert");
}

Test(hosts_cross, tickets_of_tls12)
{
    lies("tlsv1.2", "stateless_with_cert");
}

/* ---- a client whose rules change in the middle ------------------------------------------------------------------- */

typedef struct change {
    const char *name, *value;
} change;

/* One connection that pauses, and goes on with `more` (may be NULL). The code of its end; *resumed. */
static int paused_call(world *w, const dor_options *more, bool *resumed)
{
    dor_ref ref, accepting;
    dor_socket server, client;
    dor_connection_info info = {0};
    OK(dor_options_set_text(w->client, "handshake", "hello"));
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept_async(server, NULL, PATIENCE_MS, &accepting));
    OK(await_reply(ref, &client, NULL));
    int code = dor_ssl_handshake_continue(client, more, PATIENCE_MS);
    if (code == DOR_E_OPTION_CONFLICT) OK(dor_ssl_handshake_cancel(client));
    int accepted = await_reply(accepting, NULL, NULL);
    if (code == DOR_OK) {
        OK(accepted);
        OK(dor_ssl_connection_info(client, &info));
        send_text(server, "!");
        expect_recv(client, 1, "!");
        OK(dor_ssl_close(client));
        OK(dor_ssl_close(server));
    }
    *resumed = info.resumed;
    return code;
}

static bool resumes(world *w)
{
    bool resumed;
    OK(paused_call(w, NULL, &resumed));
    return resumed;
}

/* What was made under other rules is not found by a connection that begins with ours, and the other way round. */
Test(hosts_cross, a_session_of_changed_rules_is_for_those_alone)
{
    static const char *const versions[] = {"tlsv1.2", "tlsv1.3"};
    find_files();
    for (int i = 0; i < 2; i++) {
        world w;
        bool resumed;
        begin(&w, 1);
        OK(dor_options_set_list(w.client, "versions", versions[i], NULL));
        OK(dor_options_set_text(w.client, "session_tickets", "auto"));
        listen_in(&w);
        dor_options *more = dor_options_new();
        OK(dor_options_set_int(more, "depth", 3));
        OK(paused_call(&w, more, &resumed)); /* the first of all */
        cr_expect_not(resumed);
        cr_expect_not(resumes(&w), "%s: made with another depth", versions[i]);
        cr_expect(resumes(&w), "%s: made with the same", versions[i]);
        OK(dor_options_set_int(w.client, "depth", 3));
        cr_expect(resumes(&w), "%s: remembered for the rules that it was made by", versions[i]);
        dor_options_free(more);
        end(&w);
    }
}

/* A session is being resumed already when the rules change: what it cannot answer for ends the handshake. */
Test(hosts_cross, a_resumption_does_not_survive_stricter_rules)
{
    static const change changes[] = {
        {"depth", NULL}, {"certfile", cert_file}, {"server_name_indication", "b.test"}};
    static const char *const versions[] = {"tlsv1.2", "tlsv1.3"};
    find_files();
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof changes / sizeof changes[0]; j++) {
            world w;
            bool resumed;
            dor_buffer *der;
            begin(&w, 1);
            OK(dor_options_set_text(w.server, "ip", "127.0.0.1"));
            listen_in(&w);
            pair p = connect_pair(&w);
            OK(dor_ssl_peercert(p.client, &der)); /* so that depth counts */
            OK(dor_options_set_text(w.client, "verify", "verify_peer"));
            OK(dor_options_set_bytes(w.client, "cacerts", dor_buffer_data(der), dor_buffer_len(der)));
            dor_buffer_unref(der);
            OK(dor_options_set_list(w.client, "versions", versions[i], NULL));
            OK(dor_options_set_text(w.client, "session_tickets", "auto"));
            cr_expect_not(resumes(&w));
            cr_expect(resumes(&w));
            dor_options *more = dor_options_new();
            if (changes[j].value) {
                OK(dor_options_set_text(more, changes[j].name, changes[j].value));
                if (j == 1) OK(dor_options_set_text(more, "keyfile", key_file));
            } else {
                OK(dor_options_set_int(more, changes[j].name, 2));
            }
            int code = paused_call(&w, more, &resumed);
            if (j < 2)
                cr_expect_eq(dor_error_get_reason(code), DOR_REASON_SESSION_MISMATCH, "%s: %d",
                             changes[j].name, code);
            else
                cr_expect_eq(code, DOR_E_OPTION_CONFLICT, "%d", code);
            dor_options_free(more);
            end(&w);
        }
    }
}
