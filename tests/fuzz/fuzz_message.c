/*
 * One handshake message whose body is the input; all others are those of a real handshake, in front of it and behind.
 *
 *     kind, (with KIND_MORE: features,) number of the message, body
 *
 * The number counts one side's messages; those under TLS 1.3's handshake keys are got at. With KIND_FLIGHT the input is not
 * one body but stands for all that the record has from that message on, headers too. From AFTER on the handshake is over and
 * the message has type number - AFTER. Neither end may crash or leak, and where the body is not the real one no two
 * ends may come to be connected that have heard different things.
 */
#include "support/fuzz_features.h"
#include "support/pki.h"
#include "support/proto_inside.h"

#include "tls/handshake.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    KIND_12 = 1 << 0,
    KIND_BY_SERVER = 1 << 1, /* whose message it is */
    KIND_CLIENT_AUTH = 1 << 2,
    KIND_RESUME = 1 << 3,
    KIND_RETRY = 1 << 4,
    KIND_TICKETS_12 = 1 << 5,
    KIND_FLIGHT = 1 << 6,
    KIND_MORE = 1 << 7, /* support/fuzz_features.h */
    KINDS = 1 << 8,
    AFTER = 32
};

static dor_tls_config *clients[KINDS][FEATURES], *servers[KINDS][FEATURES];
static dor_session *sessions[KINDS][FEATURES];
static proto_store store;

static void must(dor_result r)
{
    char text[160];
    if (dor__ok(r)) return;
    fprintf(stderr, "fuzz_message: %s\n", dor_format_error(r.code, text, sizeof text));
    abort();
}

static dor_tls_config *client_make(uint8_t kind, uint8_t features)
{
    dor_tls_config *c = proto_client_config("root");
    must(dor__tls_config_add_alpn(c, dor__span_str("h2")));
    if (kind & KIND_12) c->max_version = DOR_TLS_1_2;
    if (kind & KIND_CLIENT_AUTH) proto_add_identity(c, "tls-p256", "c");
    fuzz_features_set(c, true, features);
    return c;
}

static dor_tls_config *server_make(uint8_t kind, uint8_t features)
{
    dor_tls_config *c = proto_server_config("tls-p256", "c", &store);
    must(dor__tls_config_add_alpn(c, dor__span_str("h2")));
    c->tickets_12 = kind & KIND_TICKETS_12;
    if (kind & KIND_RETRY) proto_only(c, 0, 0, DOR_GROUP_SECP256R1);
    c->trust = pki_trust("root");
    c->verify_peer = c->require_peer_cert = kind & KIND_CLIENT_AUTH;
    fuzz_features_set(c, false, features);
    return c;
}

static void make(uint8_t kind, uint8_t features)
{
    proto_pair pair;
    clients[kind][features] = client_make(kind, features);
    servers[kind][features] = server_make(kind, features);
    proto_pair_init(&pair, clients[kind][features], servers[kind][features], NULL, NULL,
                    1000u + kind + ((unsigned)features << 8)); /* so that no two sessions have one id */
    proto_pair_run(&pair);
    must(pair.client.result);
    must(pair.server.result);
    sessions[kind][features] =
        pair.client.session ? dor__session_ref(pair.client.session) : dor__tls_session(pair.client.tls);
    proto_pair_fini(&pair);
}

typedef struct exchange {
    dor_tls_role by;
    size_t number, seen;
    dor_span body;
    bool whole_flight;
    bool same; /* the body is the real one */
    bool said;
} exchange;

static void put_body(exchange *x, dor_span whole, dor_bytes *out)
{
    dor_span real = dor__span(whole.ptr + DOR_HANDSHAKE_HEADER_LEN, whole.len - DOR_HANDSHAKE_HEADER_LEN);
    uint8_t header[DOR_HANDSHAKE_HEADER_LEN] = {whole.ptr[0], (uint8_t)(x->body.len >> 16),
                                                (uint8_t)(x->body.len >> 8), (uint8_t)x->body.len};
    x->same = dor__span_equal(real, x->body);
    x->said = true;
    must(dor__bytes_append(out, dor__span(header, sizeof header)));
    must(dor__bytes_append(out, x->body));
}

/*
 * The same but for HelloRequests, of which a TLS 1.2 client passes over a few (handshake.c: MAX_STRAY_REQUESTS) while a
 * handshake lasts, and which nobody hashes.
 */
static bool says_the_same(dor_span real, dor_span body)
{
    static const uint8_t hello_request[DOR_HANDSHAKE_HEADER_LEN] = {DOR_HS_HELLO_REQUEST};
    for (int few = 4;
         few > 0 && body.len > real.len && memcmp(body.ptr, hello_request, sizeof hello_request) == 0; few--)
        body = dor__span(body.ptr + sizeof hello_request, body.len - sizeof hello_request);
    return dor__span_equal(real, body);
}

/* A record's content, which are whole messages. */
static void exchange_body(void *ctx, dor_tls_role from, bool sealed, dor_bytes *content)
{
    exchange *x = ctx;
    dor_bytes out = DOR_BYTES_EMPTY;
    (void)sealed;
    if (from != x->by) return;
    for (size_t at = 0, len; at + DOR_HANDSHAKE_HEADER_LEN <= content->len; at += len) {
        const uint8_t *h = content->ptr + at;
        len = DOR_HANDSHAKE_HEADER_LEN + ((size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3]);
        if (len > content->len - at) abort(); /* records hold whole messages here */
        bool here = x->seen++ == x->number;
        if (here && x->whole_flight) {
            x->said = true;
            x->same = says_the_same(dor__span(h, content->len - at), x->body);
            must(dor__bytes_append(&out, x->body));
            break;
        }
        if (here)
            put_body(x, dor__span(h, len), &out);
        else
            must(dor__bytes_append(&out, dor__span(h, len)));
    }
    dor__bytes_free(content);
    *content = out;
}

/* From a connected end: tickets, KeyUpdate, and what should not come any more. */
static void say_after(proto_pair *pair, const exchange *x)
{
    dor_tls *t = proto_end_of(pair, x->by)->tls;
    /* A client's answer to this can be its Certificate, and what follows. */
    if (x->number - AFTER == DOR_HS_CERTIFICATE && pair->server.tls->config->post_auth &&
        dor__ok(dor__tls_request_certificate(pair->server.tls)))
        proto_deliver(pair, DOR_TLS_SERVER);
    must(dor__message_write(t, (uint8_t)(x->number - AFTER), x->body));
    proto_talk(pair);
    proto_say(pair, x->by == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT, "still there?");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    static bool made;
    uint8_t kind = data[0], features = 0;
    if (kind & KIND_MORE) {
        features = data[1] % FEATURES;
        if (kind & (KIND_CLIENT_AUTH | KIND_12) && (features & FEATURE_EXCHANGE) == EXCHANGE_PSK)
            features &= (uint8_t)~FEATURE_EXCHANGE; /* which has nothing to do with certificates */
        data++;
        if (--size < 2) return 0;
    }
    if (!made) proto_store_init(&store);
    made = true;
    if (!clients[kind][features]) make(kind, features);

    size_t stored = store.count;
    proto_pair pair;
    exchange x = {.by = kind & KIND_BY_SERVER ? DOR_TLS_SERVER : DOR_TLS_CLIENT,
                  .number = data[1],
                  .whole_flight = (kind & KIND_FLIGHT) != 0,
                  .body = dor__span(data + 2, size - 2)};
    proto_inside inside = {.pair = &pair, .change = exchange_body, .ctx = &x};
    proto_pair_init(&pair, clients[kind][features], servers[kind][features], NULL,
                    kind & KIND_RESUME ? sessions[kind][features] : NULL, 7);
    pair.tamper = proto_inside_tamper;
    pair.tamper_ctx = &inside;
    proto_pair_run(&pair);
    pair.tamper = NULL;
    bool connected = pair.client.connected && pair.server.connected;
    if (connected != (!x.said || x.same)) abort();
    if (connected && x.number >= AFTER) say_after(&pair, &x);
    proto_inside_fini(&inside);
    proto_pair_fini(&pair);
    while (store.count > stored)
        dor__session_unref(store.sessions[--store.count]);
    return 0;
}
