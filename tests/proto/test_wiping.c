/*
 * test_wiping.c - no secret is left in memory that is released, nor on the stack: at the end of a handshake, after each of its
 * steps, and however it fails.
 *
 * The randomness is seeded, so the first run tells what the secrets of all further runs are: those that stand in a connection
 * between two bytes, and, since the linker puts __wrap_* in front of what makes them, all that come out of key exchanges and
 * key derivations, however short they live; private keys, as they are read.
 */
#include "support/proto_test.h"
#include "support/searching_alloc.h"

#include "base/alloc.h"
#include "crypto/premaster.h"
#include "tls/external_psk.h"
#include "tls/handshake.h"
#include "tls/replay_window.h"

typedef struct scene {
    const char *name;
    uint16_t version, suite;
    dor_group group;
    const char *chain, *key;
    enum {
        PLAIN,
        SHOWN,  /* with a certificate of the client's */
        RESUMED /* by a session of a connection before */
    } kind;
    void (*adjust)(void); /* the configs, before anything; may be NULL */
    void (*begin)(void);  /* a client that has started */
    void (*go_on)(void);  /* both ends are connected */
} scene;

static const scene *now;
static bool learning;
static dor_session *offered;
static size_t steps;
static size_t flip;    /* bit to turn in what arrives; SIZE_MAX: none */
static size_t fail_at; /* the allocation that fails, counted from the start; 0: none */
static size_t delivered, allocations;

static void learn_end(const dor_tls *t)
{
    if (!t) return;
    searching_learn("a read secret", t->read_secret, sizeof t->read_secret);
    searching_learn("a write secret", t->write_secret, sizeof t->write_secret);
    searching_learn("the resumption secret", t->resumption_secret, sizeof t->resumption_secret);
    searching_learn("a read key", t->read.key, sizeof t->read.key);
    searching_learn("a write key", t->write.key, sizeof t->write.key);
    const dor_handshake *hs = t->hs;
    if (!hs) return;
    searching_learn("the secret of the schedule", hs->secret, sizeof hs->secret);
    searching_learn("the client's handshake secret", hs->client_secret, sizeof hs->client_secret);
    searching_learn("the server's handshake secret", hs->server_secret, sizeof hs->server_secret);
    searching_learn("the client's traffic secret", hs->client_app_secret, sizeof hs->client_app_secret);
    searching_learn("the server's traffic secret", hs->server_app_secret, sizeof hs->server_app_secret);
    searching_learn("the master secret", hs->v12.master_secret, sizeof hs->v12.master_secret);
    if (hs->session) searching_learn("a session's secret", hs->session->secret, hs->session->secret_len);
}

/* ---- what is learnt where it is made ------------------------------------------------------------------------- */

#define WRAPPED(name, parameters, arguments, secret)                                                         \
    dor_result __real_##name parameters;                                                                     \
    dor_result __wrap_##name parameters;                                                                     \
    dor_result __wrap_##name parameters                                                                      \
    {                                                                                                        \
        dor_result r = __real_##name arguments;                                                              \
        if (learning && dor__ok(r)) secret;                                                                  \
        return r;                                                                                            \
    }

WRAPPED(dor__hkdf_extract, (dor_hash_id id, dor_span salt, dor_span ikm, uint8_t *prk), (id, salt, ikm, prk),
        searching_learn("an extracted secret", prk, dor__hash_len(id)))
WRAPPED(dor__hkdf_expand_label,
        (dor_hash_id id, dor_span secret, const char *label, dor_span context, uint8_t *out, size_t out_len),
        (id, secret, label, context, out, out_len), searching_learn(label, out, out_len))
WRAPPED(dor__hkdf_expand_label_keyed,
        (const dor_hmac *secret, const char *label, dor_span context, uint8_t *out, size_t out_len),
        (secret, label, context, out, out_len), searching_learn(label, out, out_len))
WRAPPED(dor__tls12_prf,
        (dor_hash_id id, dor_span secret, const char *label, const dor_span *seed, size_t seed_count,
         uint8_t *out, size_t out_len),
        (id, secret, label, seed, seed_count, out, out_len), searching_learn(label, out, out_len))
WRAPPED(dor__kx_derive, (dor_kx * kx, dor_span peer, dor_rng *rng, uint8_t *secret, size_t *secret_len),
        (kx, peer, rng, secret, secret_len), searching_learn_number("a shared secret", secret, *secret_len))
WRAPPED(dor__kx_respond,
        (dor_kx * *kx, dor_group group, dor_span peer, dor_rng *rng, uint8_t *secret, size_t *secret_len),
        (kx, group, peer, rng, secret, secret_len),
        searching_learn_number("a shared secret", secret, *secret_len))
WRAPPED(dor__premaster_seal,
        (const dor_public_key *key, uint16_t version, dor_rng *rng, uint8_t *premaster, uint8_t *out,
         size_t *len),
        (key, version, rng, premaster, out, len),
        searching_learn_number("a premaster secret", premaster, DOR_PREMASTER_LEN))

/* How long the private value is that stands in front of the public one. */
static size_t private_len(dor_group group)
{
    switch (group) {
    case DOR_GROUP_SECP384R1: return 48;
    case DOR_GROUP_X25519MLKEM768: return 64 + 32;
    default: return 32; /* the other two curves, and ffdhe2048 */
    }
}

WRAPPED(dor__kx_new, (dor_kx * *kx, dor_group group, dor_rng *rng), (kx, group, rng),
        searching_learn_number("a private value", dor__kx_public(*kx).ptr - private_len(group),
                               private_len(group)))

/* The scalar in PKCS#8's or SEC 1's DER; of RSA all numbers behind the exponent 65537. */
static void learn_private_key(dor_span der)
{
    static const uint8_t exponent[] = {2, 3, 1, 0, 1}, scalar[] = {4, 32};
    for (size_t at = 0; at + sizeof exponent < der.len; at++) {
        bool rsa = memcmp(der.ptr + at, exponent, sizeof exponent) == 0;
        if (!rsa && (der.len > 300 || at + 34 > der.len || memcmp(der.ptr + at, scalar, sizeof scalar) != 0))
            continue;
        if (!rsa) {
            searching_learn_number("a private key", der.ptr + at + 2, 32);
            return;
        }
        for (size_t n = at + sizeof exponent; n + 4 < der.len;) {
            size_t head = der.ptr[n + 1] == 0x82 ? 4 : der.ptr[n + 1] == 0x81 ? 3 : 2;
            size_t len = head == 4   ? (size_t)der.ptr[n + 2] << 8 | der.ptr[n + 3]
                         : head == 3 ? der.ptr[n + 2]
                                     : der.ptr[n + 1];
            if (der.ptr[n] != 2 || len > der.len - n - head) break;
            searching_learn_number("a number of a private key", der.ptr + n + head, len);
            n += head + len;
        }
        return;
    }
}

dor_result __real_dor__private_key_from_der(dor_private_key **key, dor_span der);
dor_result __wrap_dor__private_key_from_der(dor_private_key **key, dor_span der);
dor_result __wrap_dor__private_key_from_der(dor_private_key **key, dor_span der)
{
    size_t before = searching_known();
    learn_private_key(der);
    cr_assert(before || searching_known());
    return __real_dor__private_key_from_der(key, der);
}

/* ---- and what stands in a connection ------------------------------------------------------------------------- */

static void learn(void)
{
    learn_end(pair.client.tls);
    learn_end(pair.server.tls);
    if (pair.client.session)
        searching_learn("a ticket's secret", pair.client.session->secret, pair.client.session->secret_len);
    for (size_t i = 0; i < store.count; i++)
        searching_learn("a stored secret", store.sessions[i]->secret, store.sessions[i]->secret_len);
}

static void step(const char *what)
{
    steps++;
    if (learning)
        learn();
    else
        searching_checkpoint(what);
}

/* While it learns, a byte at a time, so that what lives for one message only is seen. */
static bool carry(dor_tls_role from)
{
    proto_end *end = proto_end_of(&pair, from);
    if (!end->tls || dor__tls_output(end->tls)->len == 0) return false;
    dor_bytes data = *dor__tls_output(end->tls);
    *dor__tls_output(end->tls) = DOR_BYTES_EMPTY;
    if (flip != SIZE_MAX && flip / 8 >= delivered && flip / 8 < delivered + data.len)
        data.ptr[flip / 8 - delivered] ^= (uint8_t)(1u << flip % 8);
    delivered += data.len;
    size_t piece = learning ? 1 : data.len;
    for (size_t at = 0; at < data.len; at += piece) {
        proto_feed(&pair, from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT,
                   dor__span(data.ptr + at, piece));
        step(from == DOR_TLS_CLIENT ? "the stack of a server" : "the stack of a client");
    }
    dor__bytes_free(&data);
    return true;
}

static void whole(void *arg)
{
    (void)arg;
    delivered = 0;
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, NULL, offered, 7);
    searching_fail_once_at(fail_at);
    if (pair.server.tls && dor__failed(dor__tls_start(pair.server.tls))) goto done;
    if (pair.client.tls && dor__failed(dor__tls_start(pair.client.tls))) goto done;
    step("the stack, after start");
    if (now->begin) now->begin();
    for (int i = 0; i < 20; i++) {
        bool spoke = carry(DOR_TLS_CLIENT);
        if (!carry(DOR_TLS_SERVER) && !spoke) break;
    }
    if (dor__ok(pair.client.result) && dor__ok(pair.server.result) && pair.client.connected &&
        pair.server.connected) {
        if (now->go_on) now->go_on();
        if (dor__ok(dor__tls_send(pair.client.tls, dor__span_str("hello")))) carry(DOR_TLS_CLIENT);
        if (dor__ok(dor__tls_close(pair.client.tls))) carry(DOR_TLS_CLIENT);
        step("the stack, connected");
    }
done:
    allocations = searching_calls();
    searching_fail_once_at(0);
    dor__tls_free(pair.client.tls);
    dor__tls_free(pair.server.tls);
    pair.client.tls = pair.server.tls = NULL;
    step("the stack, after free");
}

static void run_whole(void)
{
    searching_run(whole, NULL);
    proto_pair_fini(&pair);
}

static void arrange(const scene *s)
{
    now = s;
    searching_install();
    set_up_version(s->version);
    dor__tls_config_unref(server);
    server = proto_server_config(s->chain, s->key, &store);
    proto_only(client, 0, s->suite, s->group);
    proto_only(server, 0, s->suite, s->group); /* some are off until named */
    searching_learn("the ticket key", store.key.key, sizeof store.key.key);
    if (s->adjust) s->adjust();
    if (s->kind == SHOWN) {
        proto_add_identity(client, "tls-rsa", "rsa");
        server->trust = pki_trust("root");
        server->verify_peer = true;
    }
    if (s->kind == RESUMED) {
        run(NULL);
        works();
        offered =
            pair.client.session ? dor__session_ref(pair.client.session) : dor__tls_session(pair.client.tls);
        cr_assert_not_null(offered);
        proto_pair_fini(&pair);
    }
    flip = SIZE_MAX;
    learning = true;
    searching_run(whole, NULL);
    cr_assert(pair.client.connected && pair.server.connected, "%s", trouble());
    proto_pair_fini(&pair);
    learning = false;
    cr_assert_geq(searching_known(), 5u, "%s: only %zu secrets known", s->name, searching_known());
    searching_reset();
}

/* With the configs their private keys go, and pre-shared ones. */
static void clean_up(void)
{
    dor__session_unref(offered);
    offered = NULL;
    dor__replay_window_free(store.window);
    tear_down();
    cr_assert_eq(searching_found(), 0u, "configs:\n%s", searching_report());
}

static void nothing_left(const char *how, size_t n)
{
    cr_assert_eq(searching_found(), 0u, "%s, %s %zu:\n%s", now->name, how, n, searching_report());
}

/* ---- the scenes ---------------------------------------------------------------------------------------------- */

static void add_psk(dor_tls_config *config)
{
    static const uint8_t key[] = "a key that both have had from the beginning";
    const dor_psk psk = {dor__span_str("a sensor"), dor__span(key, sizeof key - 1), DOR_HASH_SHA256};
    cr_assert(dor__ok(dor__psks_new(&config->psks)));
    cr_assert(dor__ok(dor__psks_add(config->psks, &psk)));
    searching_learn("the pre-shared key", key, sizeof key - 1);
}

static void by_psk(void)
{
    add_psk(client);
    add_psk(server);
    server->psk_reflection = true;
}

static void by_psk_alone(void)
{
    by_psk();
    client->psk_modes = server->psk_modes = DOR_PSK_KE;
}

static void keep_all(void)
{
    client->exporters = server->exporters = client->keep_secrets = server->keep_secrets = true;
}

static void update_keys(void)
{
    for (int i = 0; i < 2; i++) {
        if (dor__failed(dor__tls_update_keys(pair.client.tls, true))) return;
        carry(DOR_TLS_CLIENT);
        if (dor__failed(dor__tls_send(pair.server.tls, dor__span_str("under new keys")))) return;
        carry(DOR_TLS_SERVER);
    }
}

static void take_early_data(void)
{
    client->early_data = true;
    server->max_early_data = 1000;
}

/* Each run is a replay of the one before, so each has a memory of its own. */
static void send_early(void)
{
    dor__replay_window_free(store.window);
    store.window = NULL;
    if (dor__failed(dor__replay_window_new(&store.window, proto_now_ms(), 8))) return;
    pair.now_ms += 1000;
    if (dor__failed(dor__tls_send_early(pair.client.tls, dor__span_str("early")))) return;
    cr_assert(!learning || offered->max_early_data);
}

static void let_renegotiate(void)
{
    client->renegotiation = server->client_renegotiation = true;
}

static void renegotiate(void)
{
    if (dor__failed(dor__tls_renegotiate(pair.client.tls))) return;
    step("the stack, renegotiating");
    for (int i = 0; i < 10; i++) {
        bool spoke = carry(DOR_TLS_CLIENT);
        if (!carry(DOR_TLS_SERVER) && !spoke) break;
    }
    cr_assert(!learning || pair.client.renegotiated_count == 1);
}

static const scene scenes[] = {
    {"1.3, X25519", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", .kind = PLAIN},
    {"1.3, P-384, SHA-384, RSA", DOR_TLS_1_3, 0x1302, DOR_GROUP_SECP384R1, "tls-rsa", "rsa", .kind = PLAIN},
    {"1.3, ChaCha20, client certificate", DOR_TLS_1_3, 0x1303, DOR_GROUP_SECP256R1, "tls-p256", "c",
     .kind = SHOWN},
    {"1.3, resumed", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", .kind = RESUMED},
    {"1.3, external PSK", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", .kind = PLAIN,
     .adjust = by_psk},
    {"1.3, PSK alone", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", .kind = PLAIN,
     .adjust = by_psk_alone},
    {"1.3, hybrid", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519MLKEM768, "tls-p256", "c", .kind = PLAIN},
    {"1.3, ffdhe2048", DOR_TLS_1_3, 0x1301, DOR_GROUP_FFDHE2048, "tls-p256", "c", .kind = PLAIN},
    {"1.3, all kept, key updates", DOR_TLS_1_3, 0x1302, DOR_GROUP_X25519, "tls-p256", "c", .kind = PLAIN,
     .adjust = keep_all, .go_on = update_keys},
    {"1.3, early data", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", .kind = RESUMED,
     .adjust = take_early_data, .begin = send_early},
    {"1.2, P-256", DOR_TLS_1_2, 0xc02b, DOR_GROUP_SECP256R1, "tls-p256", "c", .kind = PLAIN},
    {"1.2, RSA, client certificate", DOR_TLS_1_2, 0xc030, DOR_GROUP_SECP256R1, "tls-rsa", "rsa",
     .kind = SHOWN},
    {"1.2, resumed", DOR_TLS_1_2, 0xc02b, DOR_GROUP_SECP256R1, "tls-p256", "c", .kind = RESUMED},
    {"1.2, CBC, all kept", DOR_TLS_1_2, 0xc009, DOR_GROUP_SECP256R1, "tls-p256", "c", .kind = PLAIN,
     .adjust = keep_all},
    {"1.2, CBC, SHA-384", DOR_TLS_1_2, 0xc028, DOR_GROUP_X25519, "tls-rsa", "rsa", .kind = PLAIN},
    {"1.2, static RSA", DOR_TLS_1_2, 0x009c, 0, "tls-rsa-both", "rsa", .kind = PLAIN},
    {"1.2, DHE", DOR_TLS_1_2, 0x009e, DOR_GROUP_FFDHE2048, "tls-rsa", "rsa", .kind = PLAIN},
    {"1.2, renegotiated", DOR_TLS_1_2, 0xc02b, DOR_GROUP_SECP256R1, "tls-p256", "c", .kind = PLAIN,
     .adjust = let_renegotiate, .go_on = renegotiate},
};

/* The search finds what is there: a secret in a block that is released, and one on the stack. */
static const uint8_t known[32] = "0123456789abcdefghijklmnopqrstu";

__attribute__((noinline)) static void leave_on_the_stack(void)
{
    volatile uint8_t copy[32];
    for (size_t i = 0; i < sizeof copy; i++)
        copy[i] = known[i];
}

static void leave(void *arg)
{
    (void)arg;
    leave_on_the_stack();
    searching_checkpoint("the stack");
}

Test(wiping, the_search_finds)
{
    searching_install();
    searching_learn("it", known, sizeof known);
    cr_assert_eq(searching_known(), 2u);
    uint8_t *block = dor__malloc(100);
    memcpy(block + 7, known, sizeof known);
    dor__free(block);
    cr_expect_eq(searching_found(), 2u);
    searching_reset();
    block = dor__malloc(100);
    memcpy(block + 7, known, sizeof known);
    dor__free_wiped(block, 100);
    cr_expect_eq(searching_found(), 0u);
    searching_run(leave, NULL);
    cr_expect(!searching_has_stack() || searching_found() >= 2);
}

Test(wiping, whole_handshakes, .fini = clean_up)
{
    for (size_t i = 0; i < COUNT(scenes); i++) {
        if (i) clean_up();
        arrange(&scenes[i]);
        run_whole();
        nothing_left("whole, run", 1);
    }
}

/* Each bit of what is said, turned: at most some 60 of them in each handshake, spread over all. */
Test(wiping, wrong_messages, .fini = clean_up)
{
    enum { FLIPS = 60 };
    for (size_t i = 0; i < COUNT(scenes); i++) {
        if (i) clean_up();
        arrange(&scenes[i]);
        run_whole();
        size_t all = delivered * 8;
        for (size_t k = 0; k < FLIPS; k++) {
            flip = all * k / FLIPS + k % 8;
            run_whole();
            nothing_left("bit", flip);
        }
    }
}

/* Each failing allocation, wolfCrypt's included. */
Test(wiping, failing_allocations, .fini = clean_up)
{
    for (size_t i = 0; i < COUNT(scenes); i++) {
        if (i) clean_up();
        arrange(&scenes[i]);
        fail_at = 0;
        run_whole();
        size_t all = allocations;
        cr_assert_gt(all, 8u);
        for (fail_at = 1; fail_at <= all; fail_at++) {
            run_whole();
            nothing_left("allocation", fail_at);
        }
        fail_at = 0;
    }
}
