/*
 * A ClientHello of any bytes to a server:
 *
 *     kind, body
 *
 * The server says no with an alert, or answers and waits; it is never connected, and holds no more than its limits.
 */
#include "support/fuzz_features.h"
#include "support/pki.h"

#include "tls/handshake.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    KIND_ONLY_12 = 1 << 0,
    KIND_CLIENT_AUTH = 1 << 1,
    KIND_ASK = 1 << 2, /* the hello is looked at from outside first */
    KIND_OUR_ORDER = 1 << 3,
    KIND_STATEFUL = 1 << 4,
    KIND_ALL =
        1 << 5, /* everything that is off by default is on, and there are keys that were there before */
    KINDS = 1 << 6,
    MAX_BODY = 1 << 14
};

static dor_tls_config *servers[KINDS];
static proto_store store;
static dor_tls_env env;

static int64_t now(void *ctx)
{
    (void)ctx;
    return proto_now_ms();
}

static void must(dor_result r)
{
    if (dor__failed(r)) abort();
}

static void allow_all(dor_tls_config *c)
{
    size_t count;
    const dor_suite *suites = dor__suite_all(&count);
    static const dor_group groups[] = {
        DOR_GROUP_X25519MLKEM768, DOR_GROUP_X25519,    DOR_GROUP_SECP256R1, DOR_GROUP_SECP521R1,
        DOR_GROUP_X448,           DOR_GROUP_FFDHE2048, DOR_GROUP_SECP384R1, DOR_GROUP_SECP256R1MLKEM768};
    fuzz_features_set(c, false, EXCHANGE_PSK | FEATURE_EXTRAS | FEATURE_EARLY);
    for (c->suite_count = 0; c->suite_count < count && c->suite_count < DOR_MAX_SUITES; c->suite_count++)
        c->suites[c->suite_count] = suites[c->suite_count].id;
    memcpy(c->groups, groups, sizeof groups);
    c->group_count = sizeof groups / sizeof groups[0];
}

static void make(uint8_t kind)
{
    dor_tls_config *c = servers[kind] = proto_server_config("tls-p256", "c", &store);
    proto_add_identity(c, "tls-rsa", "rsa");
    must(dor__tls_config_add_alpn(c, dor__span_str("h2")));
    if (kind & KIND_ONLY_12) c->max_version = DOR_TLS_1_2;
    c->ask_hello = kind & KIND_ASK;
    c->honor_cipher_order = kind & KIND_OUR_ORDER;
    c->tickets_12 = true;
    c->ticket_kind = kind & KIND_STATEFUL ? DOR_TICKETS_STATEFUL : DOR_TICKETS_STATELESS;
    if (kind & KIND_ALL) allow_all(c);
    if (!(kind & KIND_CLIENT_AUTH)) return;
    c->trust = pki_trust("root");
    c->verify_peer = true;
}

static void give(dor_tls *t, dor_bytes *record)
{
    dor_tls_event event;
    size_t used;
    dor_result r = dor__tls_receive(t, record->ptr, record->len, &used, &event);
    if (dor__ok(r) && event.kind == DOR_TLS_EVENT_QUESTION) {
        must(dor__tls_answer_hello(t, NULL));
        r = dor__tls_receive(t, record->ptr + used, record->len - used, &used, &event);
    }
    if (event.kind != DOR_TLS_EVENT_NONE || dor__tls_connected(t)) abort();
    if (dor__failed(r) && dor_error_get_alert(r.code) < 0) abort(); /* an alert, never an internal error */
    if (dor__tls_memory(t) > t->config->max_handshake_memory + t->config->max_handshake_len + (1u << 15))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MAX_BODY) return 0;
    uint8_t kind = data[0] % KINDS;
    if (store.count == 0) proto_store_init(&store);
    if (!servers[kind]) make(kind);

    dor_tls *t;
    dor_bytes record = DOR_BYTES_EMPTY;
    const uint8_t head[] = {DOR_CONTENT_HANDSHAKE,
                            3,
                            1,
                            (uint8_t)((size + 3) >> 8),
                            (uint8_t)(size + 3),
                            DOR_HS_CLIENT_HELLO,
                            0,
                            (uint8_t)((size - 1) >> 8),
                            (uint8_t)(size - 1)};
    env = (dor_tls_env){.now_ms = now};
    must(dor__rng_new_seeded(&env.rng, dor__span_str("hello")));
    must(dor__bytes_append(&record, dor__span(head, sizeof head)));
    must(dor__bytes_append(&record, dor__span(data + 1, size - 1)));
    must(dor__tls_new(&t, DOR_TLS_SERVER, servers[kind], &env, NULL));
    must(dor__tls_start(t));
    give(t, &record);
    dor__tls_free(t);
    dor__rng_free(env.rng);
    dor__bytes_free(&record);
    return 0;
}
