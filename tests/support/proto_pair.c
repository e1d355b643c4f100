#include "support/proto_pair.h"

#include "support/pki.h"
#include "x509/pem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void check(dor_result r, const char *what)
{
    char text[160];
    if (dor__ok(r)) return;
    fprintf(stderr, "test harness: %s: %s\n", what, dor_format_error(r.code, text, sizeof text));
    abort();
}

/* ---- a store --------------------------------------------------------------------------------------------- */

void proto_store_init(proto_store *store)
{
    memset(store, 0, sizeof *store);
    memset(store->key.name, 'n', sizeof store->key.name);
    memset(store->key.key, 'k', sizeof store->key.key);
}

void proto_store_fini(proto_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        dor__session_unref(store->sessions[i]);
    memset(store, 0, sizeof *store);
}

static void store_store(void *ctx, dor_session *session)
{
    proto_store *store = ctx;
    if (store->count == sizeof store->sessions / sizeof store->sessions[0]) return;
    store->sessions[store->count++] = dor__session_ref(session);
}

static size_t store_index(const proto_store *store, dor_span id)
{
    size_t i = 0;
    while (i < store->count &&
           !dor__span_equal(dor__span(store->sessions[i]->id, store->sessions[i]->id_len), id))
        i++;
    return i;
}

static dor_session *store_lookup(void *ctx, int64_t now_ms, dor_span id)
{
    (void)now_ms;
    proto_store *store = ctx;
    size_t i = store_index(store, id);
    return i < store->count ? dor__session_ref(store->sessions[i]) : NULL;
}

static void store_remove(void *ctx, dor_span id)
{
    proto_store *store = ctx;
    size_t i = store_index(store, id);
    if (i == store->count) return;
    dor__session_unref(store->sessions[i]);
    store->sessions[i] = store->sessions[--store->count];
}

static dor_result store_ticket_seal(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain,
                                    dor_bytes *ticket)
{
    proto_store *store = ctx;
    (void)now_ms;
    return dor__ticket_seal(&store->key, rng, plain, ticket);
}

static dor_result store_ticket_open(void *ctx, int64_t now_ms, dor_span ticket, dor_bytes *plain,
                                    bool *opened)
{
    proto_store *store = ctx;
    (void)now_ms;
    DOR_TRY(dor__ticket_open(&store->key, ticket, plain, opened));
    store->opened += *opened;
    return DOR_SUCCESS;
}

static dor_session *store_take(void *ctx, int64_t now_ms, dor_span id)
{
    dor_session *session = store_lookup(ctx, now_ms, id);
    if (session) store_remove(ctx, id);
    return session;
}

static bool store_early_once(void *ctx, int64_t now_ms, int64_t created_ms, dor_span binder)
{
    proto_store *store = ctx;
    return store->window && dor__replay_window_once(store->window, now_ms, created_ms, binder);
}

const dor_tls_store_ops proto_store_ops = {
    .take = store_take,
    .early_once = store_early_once,
    .store = store_store,
    .lookup = store_lookup,
    .remove = store_remove,
    .ticket_seal = store_ticket_seal,
    .ticket_open = store_ticket_open,
};

/* ---- configs --------------------------------------------------------------------------------------------- */

int64_t proto_now_ms(void)
{
    static int64_t now; /* one moment for the whole program */
    if (now == 0) now = ((int64_t)time(NULL) + 600) * 1000;
    return now;
}

dor_tls_config *proto_client_config(const char *trust)
{
    dor_tls_config *config;
    check(dor__tls_config_new(&config), "client's config");
    config->trust = pki_trust(trust);
    return config;
}

static dor_private_key *key_read(const char *name)
{
    char path[512];
    size_t len, line = 1;
    bool found;
    dor_pem_block block;
    dor_private_key *key;
    snprintf(path, sizeof path, "%s/%s.key", pki_dir(), name);
    char *text = pki_read_file(path, &len);
    dor_span rest = dor__span(text, len);
    check(dor__pem_next(&rest, &line, &block, &found), path);
    check(dor__private_key_from_der(&key, dor__bytes_span(&block.der)), path);
    dor__pem_block_fini(&block);
    free(text);
    return key;
}

void proto_add_identity(dor_tls_config *config, const char *chain, const char *key_name)
{
    dor_certificate *certs[8];
    size_t count = pki_certs(chain, certs, 8);
    dor_private_key *key = key_read(key_name);
    check(dor__tls_config_add_identity(config, certs, count, key), chain);
    dor__private_key_unref(key);
    for (size_t i = 0; i < count; i++)
        dor__certificate_unref(certs[i]);
}

dor_tls_config *proto_server_config(const char *chain, const char *key, proto_store *store)
{
    dor_tls_config *config;
    check(dor__tls_config_new(&config), "server's config");
    config->verify_peer = false;
    config->honor_cipher_order = true;
    if (chain) proto_add_identity(config, chain, key);
    if (store) {
        config->store = &proto_store_ops;
        config->store_ctx = store;
    }
    return config;
}

void proto_only(dor_tls_config *config, uint16_t version, uint16_t suite, dor_group group)
{
    if (version) config->min_version = config->max_version = version;
    if (suite) {
        config->suites[0] = suite;
        config->suite_count = 1;
    }
    if (group) {
        config->groups[0] = group;
        config->group_count = 1;
    }
}

void proto_leave_out(dor_tls_config *config, dor_group group)
{
    size_t count = 0;
    for (size_t i = 0; i < config->group_count; i++)
        if (config->groups[i] != group) config->groups[count++] = config->groups[i];
    config->group_count = count;
}

/* ---- a pair ---------------------------------------------------------------------------------------------- */

static int64_t pair_now(void *ctx)
{
    return ((proto_pair *)ctx)->now_ms;
}

static void pair_key_log(void *ctx, const char *line)
{
    proto_pair *pair = ctx;
    size_t len = strlen(line);
    pair->key_log = realloc(pair->key_log, pair->key_log_len + len + 2);
    if (!pair->key_log) abort();
    memcpy(pair->key_log + pair->key_log_len, line, len);
    pair->key_log_len += len + 1;
    memcpy(pair->key_log + pair->key_log_len - 1, "\n", 2);
}

void proto_pair_init(proto_pair *pair, dor_tls_config *client, dor_tls_config *server, const char *host,
                     dor_session *session, uint64_t seed)
{
    memset(pair, 0, sizeof *pair);
    pair->now_ms = proto_now_ms();
    for (size_t i = 0; i < 2;
         i++) { /* apart, so that what one end does is not changed by what the other does */
        const uint64_t seeds[2] = {seed, i};
        check(dor__rng_new_seeded(&pair->rng[i], dor__span(seeds, sizeof seeds)), "rng");
        pair->env[i] =
            (dor_tls_env){.now_ms = pair_now, .ctx = pair, .rng = pair->rng[i], .key_log = pair_key_log};
    }
    const dor_tls_peer peer = {.host = dor__span_str(host ? host : "host.example"), .session = session};
    pair->client.result =
        dor__tls_new(&pair->client.tls, DOR_TLS_CLIENT, client, &pair->env[DOR_TLS_CLIENT], &peer);
    pair->server.result =
        dor__tls_new(&pair->server.tls, DOR_TLS_SERVER, server, &pair->env[DOR_TLS_SERVER], NULL);
}

static void end_fini(proto_end *end)
{
    dor__tls_free(end->tls);
    dor__session_unref(end->session);
    dor__bytes_free(&end->plaintext);
    dor__bytes_free(&end->early);
    dor__bytes_free(&end->kept);
}

void proto_pair_fini(proto_pair *pair)
{
    end_fini(&pair->client);
    end_fini(&pair->server);
    free(pair->key_log);
    for (size_t i = 0; i < 2; i++)
        dor__rng_free(pair->rng[i]);
    memset(pair, 0, sizeof *pair);
}

proto_end *proto_end_of(proto_pair *pair, dor_tls_role role)
{
    return role == DOR_TLS_CLIENT ? &pair->client : &pair->server;
}

static void note(proto_end *end, dor_result r)
{
    if (dor__ok(end->result)) end->result = r;
}

static void event_take(proto_end *end, const dor_tls_event *event)
{
    switch (event->kind) {
    case DOR_TLS_EVENT_NONE: break;
    case DOR_TLS_EVENT_CONNECTED:
        end->connected = true;
        end->connected_count++;
        break;
    case DOR_TLS_EVENT_EARLY_DATA: note(end, dor__bytes_append(&end->early, event->data)); break;
    case DOR_TLS_EVENT_DATA: note(end, dor__bytes_append(&end->plaintext, event->data)); break;
    case DOR_TLS_EVENT_TICKET:
        dor__session_unref(end->session);
        end->session = event->session;
        end->ticket_count++;
        break;
    case DOR_TLS_EVENT_CLOSED: end->closed = true; break;
    case DOR_TLS_EVENT_QUESTION: end->asked = true; break;
    case DOR_TLS_EVENT_RENEGOTIATED: end->renegotiated_count++; break;
    case DOR_TLS_EVENT_RENEGOTIATION_REFUSED: end->refused_count++; break;
    case DOR_TLS_EVENT_PEER_AUTHENTICATED: end->authenticated_count++; break;
    }
}

/* One loan of bytes to the engine, in a block of just that size, so that a sanitizer sees what goes beyond. */
static dor_result feed_chunk(proto_pair *pair, proto_end *end, dor_span data)
{
    dor_tls_role role = end == &pair->client ? DOR_TLS_CLIENT : DOR_TLS_SERVER;
    if (end->asked) return dor__bytes_append(&end->kept, data);
    uint8_t *copy = malloc(data.len ? data.len : 1);
    if (!copy) abort();
    if (data.len) memcpy(copy, data.ptr, data.len);
    size_t at = 0, used;
    dor_tls_event event;
    dor_result r;
    do {
        r = dor__tls_receive(end->tls, copy + at, data.len - at, &used, &event);
        if (used > data.len - at) abort();
        at += used;
        event_take(end, &event);
        if (event.kind == DOR_TLS_EVENT_QUESTION) {
            pair->questions++;
            end->asked = !(pair->answer && pair->answer(pair->answer_ctx, role, end->tls));
            if (end->asked) {
                r = dor__bytes_append(&end->kept, dor__span(copy + at, data.len - at));
                break;
            }
        }
    } while (dor__ok(r) && (at < data.len || event.kind != DOR_TLS_EVENT_NONE));
    free(copy);
    return r;
}

void proto_feed(proto_pair *pair, dor_tls_role to, dor_span data)
{
    proto_end *end = proto_end_of(pair, to);
    size_t chunk = pair->chunk ? pair->chunk : data.len;
    for (size_t at = 0; at < data.len && end->tls; at += chunk) {
        dor_result r =
            feed_chunk(pair, end, dor__span(data.ptr + at, chunk < data.len - at ? chunk : data.len - at));
        note(end, r);
        if (dor__failed(r)) break;
    }
}

bool proto_deliver(proto_pair *pair, dor_tls_role from)
{
    proto_end *end = proto_end_of(pair, from);
    if (!end->tls) return false;
    dor_bytes *output = dor__tls_output(end->tls);
    if (output->len == 0) return false;
    dor_bytes data = *output;
    *output = DOR_BYTES_EMPTY;
    end->sent_len += data.len;
    if (pair->tamper) pair->tamper(pair->tamper_ctx, from, &data);
    proto_feed(pair, from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT, dor__bytes_span(&data));
    dor__bytes_free(&data);
    return true;
}

void proto_pair_run(proto_pair *pair)
{
    if (pair->server.tls) note(&pair->server, dor__tls_start(pair->server.tls));
    if (pair->client.tls) note(&pair->client, dor__tls_start(pair->client.tls));
    proto_talk(pair);
}

void proto_resume(proto_pair *pair, dor_tls_role of)
{
    proto_end *end = proto_end_of(pair, of);
    dor_bytes kept = end->kept;
    end->kept = DOR_BYTES_EMPTY;
    end->asked = false;
    note(end, feed_chunk(pair, end, dor__bytes_span(&kept)));
    dor__bytes_free(&kept);
    proto_talk(pair);
}

void proto_talk(proto_pair *pair)
{
    for (int i = 0; i < 100; i++) {
        bool client_spoke = proto_deliver(pair, DOR_TLS_CLIENT),
             server_spoke = proto_deliver(pair, DOR_TLS_SERVER);
        if (!client_spoke && !server_spoke) return;
    }
    fprintf(stderr, "test harness: the two never stop talking\n");
    abort();
}

void proto_say(proto_pair *pair, dor_tls_role from, const char *text)
{
    proto_end *end = proto_end_of(pair, from);
    note(end, dor__tls_send(end->tls, dor__span_str(text)));
    proto_deliver(pair, from);
}

static bool end_works(const proto_end *end)
{
    return end->tls && dor__ok(end->result) && end->connected && end->connected_count == 1 &&
           dor__tls_connected(end->tls) && dor__ok(dor__tls_error(end->tls));
}

static bool hears(proto_pair *pair, dor_tls_role from, const char *text)
{
    proto_end *to = proto_end_of(pair, from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    size_t before = to->plaintext.len;
    proto_say(pair, from, text);
    return dor__ok(to->result) &&
           dor__span_equal(dor__span(to->plaintext.ptr + before, to->plaintext.len - before),
                           dor__span_str(text));
}

bool proto_pair_works(proto_pair *pair)
{
    dor_tls_info c, s;
    if (!end_works(&pair->client) || !end_works(&pair->server)) return false;
    dor__tls_get_info(pair->client.tls, &c);
    dor__tls_get_info(pair->server.tls, &s);
    return c.version == s.version && c.suite == s.suite && c.group == s.group && c.resumed == s.resumed &&
           c.hello_retry == s.hello_retry && c.extended_master_secret == s.extended_master_secret &&
           dor__span_equal(c.alpn, s.alpn) && hears(pair, DOR_TLS_CLIENT, "from the client") &&
           hears(pair, DOR_TLS_SERVER, "from the server");
}
