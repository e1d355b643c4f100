/*
 * Out of memory at every point in turn, in what a bare connection does not use: sessions on both sides, ticket keys, hosts,
 * files of certificates and their renewal, the pause at the hello, key logs, exporters, transports, PROXY headers. One
 * allocation fails, whichever it is. What it hits says DOR_E_NOMEM, or is a connection that does not come to be; nothing
 * hangs, nothing leaks, and the listener goes on.
 */
#include "net_support.h"

#include "crypto/base64.h"
#include "ssl/pem_file.h"

enum { SOON_MS = 10000 };

/* ---- a connection whose every step may fail ------------------------------------------------------------------------ */

static bool is_of_memory(int code)
{
    return code == DOR_OK || code == DOR_E_NOMEM;
}

/* What a caller may learn who had to do with a connection: that there was no memory, here or at the other end, or its end. */
static void makes_sense(int code)
{
    dor_error_class c = dor_error_get_class(code);
    bool alert = c == DOR_CLASS_ALERT_RECEIVED && dor_error_get_alert(code) == DOR_ALERT_INTERNAL_ERROR;
    cr_assert(is_of_memory(code) || alert || c == DOR_CLASS_STATE || c == DOR_CLASS_IO,
              "an answer that makes no sense: %x", (unsigned)code);
}

static bool replied(dor_ref ref, dor_socket *socket)
{
    dor_message *m = NULL;
    int code = dor_receive_match(&m, is_reply_to, &ref, SOON_MS);
    cr_assert_eq(code, DOR_OK, "a reply is missing: %d", code);
    const dor_ssl_reply *reply = dor_message_payload(m);
    bool ok = reply->result == DOR_OK;
    makes_sense(reply->result);
    if (ok && socket) *socket = reply->socket;
    dor_message_free(m);
    return ok;
}

typedef struct step {
    void (*hello)(dor_socket server);                   /* of a handshake that has paused */
    void (*open)(dor_socket server, dor_socket client); /* when both ends are there */
} step;

static pair meet(world *w, const step *how)
{
    pair p = {0, 0};
    dor_ref connecting, accepting, shaking;
    bool connects =
        dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, 1500, &connecting) == DOR_OK;
    if (dor_ssl_transport_accept_async(w->listener, connects ? 200 : 0, &accepting) == DOR_OK &&
        replied(accepting, &p.server) && dor_ssl_accept_async(p.server, NULL, 700, &shaking) == DOR_OK &&
        replied(shaking, NULL) && how->hello)
        how->hello(p.server);
    if (connects) (void)replied(connecting, &p.client);
    if (p.server && p.client) {
        dor_ref sent, got;
        bool sends = dor_ssl_send_async(p.server, dor_buffer_new("x", 1), &sent) == DOR_OK;
        if (dor_ssl_recv_async(p.client, 1, 100, &got) == DOR_OK)
            (void)replied(got, NULL); /* tickets come before it */
        if (sends) (void)replied(sent, NULL);
        if (how->open) how->open(p.server, p.client);
    }
    return p;
}

/* ---- scenarios ------------------------------------------------------------------------------------------------------ */

typedef struct scenario {
    const char *name;
    void (*prepare)(world *w);
    void (*before)(world *w); /* while memory may fail, ahead of the connection */
    step step;
    const char *version;
} scenario;

static void remember(world *w)
{
    OK(dor_options_set_text(w->client, "session_tickets", "auto"));
}

static int allows(const dor_session_offer *offer, void *arg)
{
    (void)arg;
    return offer->id_len > 0;
}

static void remember_by_id(world *w)
{
    OK(dor_options_set_text(w->server, "session_tickets", "disabled"));
    OK(dor_options_set_reuse_session(w->server, allows, NULL));
    OK(dor_options_set_int(w->server, "max_sessions", 3));
}

static void remember_statefully(world *w)
{
    remember(w);
    OK(dor_options_set_text(w->server, "session_tickets", "stateful"));
}

static void write_and_read_session(dor_socket server, dor_socket client)
{
    dor_ssl_session *session = NULL, *again = NULL;
    static char data[8192];
    size_t len = 0;
    (void)server;
    int code = dor_ssl_get_session(client, &session);
    makes_sense(code);
    if (code) return;
    code = dor_ssl_session_serialise(session, data, sizeof data, &len);
    cr_assert(is_of_memory(code), "%d", code);
    if (!code) {
        code = dor_ssl_session_parse(data, len, &again);
        cr_assert(is_of_memory(code), "%d", code);
        if (!code) dor_ssl_session_unref(again);
    }
    dor_ssl_session_unref(session);
}

static void new_ticket_keys(world *w)
{
    static uint8_t keys[2 * DOR_TICKET_KEY_BYTES];
    dor_session_cache *cache = NULL;
    keys[0]++;
    keys[DOR_TICKET_KEY_BYTES] = (uint8_t)(keys[0] + 100);
    int code = dor_ssl_set_ticket_keys(w->listener, keys, 2, DOR_TICKET_KEY_BYTES);
    cr_assert(is_of_memory(code), "%d", code);
    code = dor_session_cache_new(w->server, &cache);
    cr_assert(is_of_memory(code), "%d", code);
    if (!code) dor_session_cache_unref(cache);
}

static void log_line(const char *line, void *arg)
{
    (void)line;
    atomic_fetch_add((atomic_int *)arg, 1);
}

static atomic_int lines;

static void log_keys(world *w)
{
    OK(dor_options_set_key_log(w->server, log_line, &lines));
    OK(dor_options_set_key_log(w->client, log_line, &lines));
    OK(dor_options_set_bool(w->client, "keep_secrets", 1));
}

static void log_keys_again(dor_socket server, dor_socket client)
{
    (void)server;
    makes_sense(dor_ssl_key_log_lines(client, log_line, &lines));
}

static void keep_exporters(world *w)
{
    OK(dor_options_set_bool(w->server, "exporters", 1));
    OK(dor_options_set_bool(w->client, "exporters", 1));
}

static void export_and_ask(dor_socket server, dor_socket client)
{
    uint8_t out[2][40];
    char *text = NULL;
    dor_buffer *der = NULL;
    int codes[2];
    for (int i = 0; i < 2; i++) {
        codes[i] = dor_ssl_export_keying_material(i ? client : server, "EXPERIMENTAL x", "c", 1, out[i],
                                                  sizeof out[i]);
        makes_sense(codes[i]);
    }
    if (!codes[0] && !codes[1])
        cr_assert_eq(memcmp(out[0], out[1], sizeof out[0]), 0, "the ends do not agree");
    int code = dor_ssl_prf(
        client, NULL, 0, "EXPERIMENTAL y",
        (const dor_prf_seed[]){{.kind = DOR_SEED_CLIENT_RANDOM}, {.kind = DOR_SEED_SERVER_RANDOM}}, 2, out[0],
        sizeof out[0]);
    makes_sense(code);
    code = dor_ssl_connection_information_json(client, &text);
    makes_sense(code);
    if (!code) dor_free(text);
    code = dor_ssl_peercert(client, &der);
    makes_sense(code);
    if (!code) dor_buffer_unref(der);
}

static void pause_at_hello(world *w)
{
    OK(dor_options_set_text(w->server, "handshake", "hello"));
    OK(dor_options_set_list(w->client, "alpn_advertised_protocols", "h2", "x", NULL));
}

static void go_on_with_options(dor_socket server)
{
    dor_ssl_hello hello;
    dor_ref ref;
    dor_options *more = dor_options_new();
    makes_sense(dor_ssl_get_hello(server, &hello));
    if (more && dor_options_set_list(more, "alpn_preferred_protocols", "h2", NULL) == DOR_OK) {
        int code = dor_ssl_handshake_continue_async(server, more, 700, &ref);
        makes_sense(code);
        if (!code) (void)replied(ref, NULL);
    }
    dor_options_free(more);
}

static void make_hosts(world *w)
{
    dor_host *host;
    OK(dor_host_new(w->server, &host));
    OK(dor_options_add_sni_host(w->server, "one.example", host));
    dor_host_unref(host);
    OK(dor_options_set_text(w->client, "server_name_indication", "one.example"));
}

static void make_another_host(world *w)
{
    dor_host *host = NULL;
    dor_options *o = dor_options_new();
    if (!o) return;
    int code = dor_options_use_development_certificate(o, "localhost", NULL);
    cr_assert(is_of_memory(code), "%d", code);
    if (!code) {
        code = dor_host_new(o, &host);
        cr_assert(is_of_memory(code), "%d", code);
    }
    if (!code) {
        code = dor_options_add_sni_host(o, "*.example", host);
        cr_assert(is_of_memory(code), "%d", code);
        dor_host_unref(host);
    }
    dor_options_free(o);
    (void)w;
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static char folder[64];

static const char *file(const char *name)
{
    static char paths[2][128];
    static int next;
    next ^= 1;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static void put(const char *name, const char *label, const dor_bytes *der)
{
    dor_bytes text = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__base64_encode(dor__bytes_span(der), &text)));
    FILE *f = fopen(file(name), "w");
    cr_assert_not_null(f);
    fprintf(f, "-----BEGIN %s-----\n%.*s-----END %s-----\n", label, (int)text.len, (const char *)text.ptr,
            label);
    fclose(f);
    dor__bytes_free(&text);
}

static void put_identity(const char *name)
{
    dor_bytes cert = DOR_BYTES_EMPTY, key = DOR_BYTES_EMPTY;
    uint8_t digest[32];
    cr_assert(dor__ok(dor__development_identity(name, &cert, &key, digest)));
    put("server.pem", "CERTIFICATE", &cert);
    put("server.key", "PRIVATE KEY", &key);
    dor__bytes_free(&cert);
    dor__bytes_free(&key);
}

static void certificates_in_files(world *w)
{
    strcpy(folder, "/tmp/dormouse-memory-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    put_identity("a.test");
    OK(dor_options_unset(w->server, "cert"));
    OK(dor_options_unset(w->server, "key"));
    OK(dor_options_set_text(w->server, "certfile", file("server.pem")));
    OK(dor_options_set_text(w->server, "keyfile", file("server.key")));
    OK(dor_options_set_text(w->client, "cacertfile", file("server.pem")));
}

/* What was read is forgotten, so everything is read and put in its place again. */
static void read_again(world *w)
{
    char why[200];
    dor_ref ref;
    OK(dor_ssl_clear_pem_cache(NULL));
    int code = dor_ssl_reload(w->listener, why, sizeof why);
    cr_assert(is_of_memory(code), "%d: %s", code, why);
    OK(dor_ssl_clear_pem_cache(NULL));
    code = dor_ssl_reload_async(w->listener, &ref);
    cr_assert(is_of_memory(code), "%d", code);
    if (!code) (void)replied(ref, NULL);
    dor_options *o = dor_options_new();
    if (o && dor_options_set_text(o, "certfile", file("server.pem")) == DOR_OK &&
        dor_options_set_text(o, "keyfile", file("server.key")) == DOR_OK) {
        OK(dor_ssl_clear_pem_cache(NULL));
        code = dor_ssl_set_certificates(w->listener, o);
        cr_assert(is_of_memory(code), "%d", code);
    }
    dor_options_free(o);
}

static void over_memory(world *w)
{
    OK(dor_options_set_text(w->server, "cb_info", "memory"));
    OK(dor_options_set_text(w->client, "cb_info", "memory"));
}

/* ---- PROXY headers ---------------------------------------------------------------------------------------------------- */

static dor_proxy_info whom_we_serve(void)
{
    return (dor_proxy_info){.known = 1,
                            .checked = 1,
                            .source = {.ip = "2001:db8::1", .port = 1234, .version = 6},
                            .destination = {.ip = "2001:db8::2", .port = 443, .version = 6},
                            .alpn = {"h2", 2},
                            .has_ssl = 1,
                            .ssl_version = {"TLSv1.3", 7}};
}

static void say_whom_we_serve(world *w)
{
    dor_proxy_info info = whom_we_serve();
    OK(dor_options_set_text(w->server, "proxy_protocol", "require"));
    OK(dor_options_set_list(w->server, "proxy_trust", "127.0.0.0/8", "unix:", NULL));
    OK(dor_options_set_text(w->client, "proxy_protocol", "v2"));
    OK(dor_options_set_proxy_header(w->client, &info));
}

static void say_it_in_a_line(world *w)
{
    say_whom_we_serve(w);
    OK(dor_options_set_text(w->client, "proxy_protocol", "v1"));
}

static void say_it_over_memory(world *w)
{
    say_whom_we_serve(w);
    over_memory(w);
}

/* A header that could not be set is as if nothing had been asked; the old one stays. */
static void make_options_with_header(world *w)
{
    dor_proxy_info info = whom_we_serve();
    int code = dor_options_set_proxy_header(w->client, &info);
    cr_assert(is_of_memory(code), "%d", code);
}

static void ask_for_header(dor_socket server, dor_socket client)
{
    dor_proxy_info info;
    (void)client;
    int code = dor_ssl_get_proxy_info(server, &info);
    makes_sense(code);
    if (code) return;
    cr_assert_str_eq(info.source.ip, "2001:db8::1");
    cr_assert_eq(info.source.port, 1234);
    dor_proxy_info_clear(&info);
}

static const scenario scenarios[] = {
    {"tickets of TLS 1.3", remember, NULL, {NULL, write_and_read_session}, "tlsv1.3"},
    {"stateful tickets", remember_statefully, NULL, {NULL, NULL}, "tlsv1.3"},
    {"tickets of TLS 1.2", remember, new_ticket_keys, {NULL, NULL}, "tlsv1.2"},
    {"sessions by id", remember_by_id, NULL, {NULL, write_and_read_session}, "tlsv1.2"},
    {"key log", log_keys, NULL, {NULL, log_keys_again}, "tlsv1.3"},
    {"key log", log_keys, NULL, {NULL, log_keys_again}, "tlsv1.2"},
    {"exporters", keep_exporters, NULL, {NULL, export_and_ask}, "tlsv1.3"},
    {"exporters", keep_exporters, NULL, {NULL, export_and_ask}, "tlsv1.2"},
    {"pause at the hello", pause_at_hello, NULL, {go_on_with_options, NULL}, "tlsv1.3"},
    {"pause at the hello", pause_at_hello, NULL, {go_on_with_options, NULL}, "tlsv1.2"},
    {"hosts", make_hosts, make_another_host, {NULL, NULL}, "tlsv1.3"},
    {"files", certificates_in_files, read_again, {NULL, NULL}, "tlsv1.3"},
    {"memory", over_memory, NULL, {NULL, NULL}, "tlsv1.3"},
    {"PROXY header", say_whom_we_serve, make_options_with_header, {NULL, ask_for_header}, "tlsv1.3"},
    {"PROXY line", say_it_in_a_line, make_options_with_header, {NULL, ask_for_header}, "tlsv1.2"},
    {"PROXY header over memory", say_it_over_memory, NULL, {NULL, ask_for_header}, "tlsv1.3"},
};

/* ---- the test --------------------------------------------------------------------------------------------------------- */

static void drop_all_messages(void)
{
    dor_message *m;
    while (dor_receive(&m, 0) == DOR_OK)
        dor_message_free(m);
}

/* A close needs a message, too: so both are closed when there is memory again. */
static void close_all(world *w, pair p)
{
    dor_socket s;
    if (p.server) OK(dor_ssl_close(p.server));
    if (p.client) OK(dor_ssl_close(p.client));
    while (dor_ssl_transport_accept(w->listener, 0, &s) == DOR_OK)
        OK(dor_ssl_close(s));
    WAIT_FOR(statistics(w).connections == 0);
    drop_all_messages();
}

static pair whole(world *w, const scenario *how)
{
    if (how->before) how->before(w);
    return meet(w, &how->step);
}

static void expect_served(world *w, const scenario *how)
{
    pair p = meet(w, &how->step);
    cr_assert(p.server && p.client, "%s: the listener does not go on", how->name);
    close_all(w, p);
}

/* One in `stride` of all allocations is tried; SLOW_BUILD leaves out more. */
static void fails_once(const scenario *how, long stride)
{
    world w;
    begin(&w, 1);
    OK(dor_options_set_int(w.server, "linger", 200));
    OK(dor_options_set_int(w.client, "linger", 200));
    OK(dor_options_set_list(w.server, "versions", how->version, NULL));
    how->prepare(&w);
    listen_in(&w);
    for (int i = 0; i < 3; i++)
        close_all(&w, whole(&w, how)); /* what is made once, and what is remembered, is there now */
    long calls = atomic_load(&allocations);
    pair p = whole(&w, how);
    calls = atomic_load(&allocations) - calls;
    cr_assert(p.server && p.client, "%s", how->name);
    close_all(&w, p);
    long failed = 0;
    for (long n = (long)(how - scenarios) % stride; n < calls + 5; n += stride) {
        atomic_store(&fail_after, n);
        p = whole(&w, how);
        atomic_store(&fail_after, -1);
        failed += !p.client;
        close_all(&w, p);
        if (n % 7 == 0) expect_served(&w, how);
    }
    expect_served(&w, how);
    cr_assert_gt(failed, 0, "%s: nothing has failed", how->name);
    if (*folder) {
        char line[100];
        snprintf(line, sizeof line, "rm -rf %s", folder);
        cr_assert_eq(system(line), 0);
        *folder = 0;
    }
    end(&w);
}

static void range(size_t from, size_t to, long stride)
{
    for (size_t i = from; i < to; i++)
        fails_once(&scenarios[i], SLOW_BUILD ? 11 : stride);
}

Test(memory_parts, sessions, .timeout = 100)
{
    range(0, 4, 2);
}

Test(memory_parts, key_logs_and_exporters, .timeout = 100)
{
    range(4, 8, 2);
}

Test(memory_parts, pause_hosts_files_and_transports, .timeout = 100)
{
    range(8, 13, 2);
}

Test(memory_parts, proxy_headers, .timeout = 100)
{
    range(13, sizeof scenarios / sizeof scenarios[0], 1);
}
