/*
 * A real handshake between two ends in memory, with changes on the way. The input is the kind of handshake and a list of
 * changes, so that what is fuzzed stays fresh when the messages change:
 *
 *     kind, then any number of { flight, offset (2), what, value }
 *
 * With KIND_INSIDE the changes are made to the plaintext of TLS 1.3's protected records, which then get past decryption.
 *
 * Two ends that both say they are connected agree on everything; nothing crashes, nothing leaks.
 */
#include "support/pki.h"
#include "support/proto_inside.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    KIND_CLIENT_12 = 1 << 0,
    KIND_SERVER_12 = 1 << 1,
    KIND_CLIENT_AUTH = 1 << 2,
    KIND_RESUME = 1 << 3,
    KIND_BYTEWISE = 1 << 4,
    KIND_RETRY = 1 << 5,
    KIND_INSIDE = 1 << 6,
    KINDS = 1 << 7,
    CHANGE_LEN = 5
};

static dor_tls_config *clients[KINDS], *servers[KINDS];
static dor_session *sessions[KINDS];
static proto_store store;

static void must(dor_result r)
{
    char text[160];
    if (dor__ok(r)) return;
    fprintf(stderr, "fuzz_handshake: %s\n", dor_format_error(r.code, text, sizeof text));
    abort();
}

static dor_tls_config *make_config(uint8_t kind, bool is_client)
{
    dor_tls_config *c =
        is_client ? proto_client_config("root") : proto_server_config("tls-p256", "c", &store);
    must(dor__tls_config_add_alpn(c, dor__span_str("h2")));
    if (kind & (is_client ? KIND_CLIENT_12 : KIND_SERVER_12)) c->max_version = DOR_TLS_1_2;
    if (kind & KIND_RETRY && !is_client) proto_only(c, 0, 0, DOR_GROUP_SECP256R1);
    if (!(kind & KIND_CLIENT_AUTH)) return c;
    if (is_client) {
        proto_add_identity(c, "tls-p256", "c");
    } else {
        c->trust = pki_trust("root");
        c->verify_peer = c->require_peer_cert = true;
    }
    return c;
}

static void make(uint8_t kind)
{
    proto_pair pair;
    clients[kind] = make_config(kind, true);
    servers[kind] = make_config(kind, false);
    proto_pair_init(&pair, clients[kind], servers[kind], NULL, NULL, 1000u + kind);
    proto_pair_run(&pair);
    sessions[kind] =
        pair.client.session ? dor__session_ref(pair.client.session) : dor__tls_session(pair.client.tls);
    proto_pair_fini(&pair);
}

typedef struct changes {
    const uint8_t *at;
    size_t count;
    size_t flight;
} changes;

static void insert(dor_bytes *data, size_t offset, size_t n, uint8_t value)
{
    must(dor__bytes_reserve(data, n));
    memmove(data->ptr + offset + n, data->ptr + offset, data->len - offset);
    memset(data->ptr + offset, value, n);
    data->len += n;
}

static void change(dor_bytes *data, size_t offset, uint8_t what, uint8_t value)
{
    if (data->len == 0) return;
    offset %= data->len;
    size_t n = value < data->len - offset ? value : data->len - offset;
    switch (what % 6) {
    case 0: data->ptr[offset] ^= value; break;
    case 1: data->ptr[offset] = value; break;
    case 2: insert(data, offset, value % 16, 0); break;
    case 3: /* n bytes gone */
        memmove(data->ptr + offset, data->ptr + offset + n, data->len - offset - n);
        data->len -= n;
        break;
    case 4: data->len = offset; break;
    default: /* the beginning again */
        insert(data, 0, offset, 0);
        memcpy(data->ptr, data->ptr + offset, offset < data->len - offset ? offset : data->len - offset);
        break;
    }
}

static void apply(changes *c, dor_bytes *data)
{
    for (size_t i = 0; i < c->count; i++) {
        const uint8_t *at = c->at + i * CHANGE_LEN;
        if (at[0] % 8 == c->flight) change(data, (size_t)at[1] << 8 | at[2], at[3], at[4]);
    }
    c->flight++;
}

static void meddle(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)from;
    apply(ctx, data);
}

static void meddle_inside(void *ctx, dor_tls_role from, bool sealed, dor_bytes *content)
{
    (void)from;
    if (sealed) apply(ctx, content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    uint8_t kind = data[0] % KINDS;
    if (store.count == 0) proto_store_init(&store);
    if (!clients[kind]) make(kind);

    size_t stored = store.count;
    proto_pair pair;
    changes c = {.at = data + 1};
    proto_inside inside = {.pair = &pair, .change = meddle_inside, .ctx = &c};
    c.count = (size - 1) / CHANGE_LEN < 64 ? (size - 1) / CHANGE_LEN : 64;
    proto_pair_init(&pair, clients[kind], servers[kind], NULL, kind & KIND_RESUME ? sessions[kind] : NULL, 7);
    pair.chunk = kind & KIND_BYTEWISE ? 1 : 0;
    pair.tamper = kind & KIND_INSIDE ? proto_inside_tamper : meddle;
    pair.tamper_ctx = kind & KIND_INSIDE ? (void *)&inside : (void *)&c;
    proto_pair_run(&pair);
    pair.tamper = NULL;
    bool talking = pair.client.connected && pair.server.connected && dor__ok(pair.client.result) &&
                   dor__ok(pair.server.result) && !pair.client.closed && !pair.server.closed;
    if (c.count == 0 && !talking) {
        must(pair.client.result);
        must(pair.server.result);
        abort();
    }
    if (pair.client.connected && pair.server.connected) {
        dor_tls_info client, server;
        dor__tls_get_info(pair.client.tls, &client);
        dor__tls_get_info(pair.server.tls, &server);
        if (client.version != server.version || client.suite != server.suite ||
            client.group != server.group || client.resumed != server.resumed ||
            !dor__span_equal(client.alpn, server.alpn))
            abort();
    }
    proto_inside_fini(&inside);
    proto_pair_fini(&pair);
    while (store.count > stored)
        dor__session_unref(store.sessions[--store.count]);
    return 0;
}
