/*
 * test_wiping.c - no secret is left in memory that is released, nor on the stack: at the end of a handshake, after each of its
 * steps, and however it fails.
 *
 * The randomness is seeded, so the first run tells what the secrets of all further runs are.
 */
#include "support/proto_test.h"
#include "support/searching_alloc.h"

#include "base/alloc.h"
#include "tls/handshake.h"

typedef struct scene {
    const char *name;
    uint16_t version, suite;
    dor_group group;
    const char *chain, *key;
    bool client_certificate;
    bool resumed;
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
    searching_learn("the shared secret", hs->shared_secret, hs->shared_secret_len);
    searching_learn("the master secret", hs->v12.master_secret, sizeof hs->v12.master_secret);
    if (hs->kx) { /* the scalar stands in front of the public value */
        dor_span share = dor__kx_public(hs->kx);
        size_t len = dor__kx_group(hs->kx) == DOR_GROUP_SECP384R1 ? 48 : 32;
        searching_learn("a private scalar", share.ptr - len, len);
    }
    if (hs->session) searching_learn("a session's secret", hs->session->secret, hs->session->secret_len);
}

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
    for (int i = 0; i < 20; i++) {
        bool spoke = carry(DOR_TLS_CLIENT);
        if (!carry(DOR_TLS_SERVER) && !spoke) break;
    }
    if (dor__ok(pair.client.result) && dor__ok(pair.server.result) && pair.client.connected &&
        pair.server.connected) {
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
    proto_only(server, 0, 0, s->group);
    if (s->client_certificate) {
        proto_add_identity(client, "tls-rsa", "rsa");
        server->trust = pki_trust("root");
        server->verify_peer = true;
    }
    if (s->resumed) {
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

static void clean_up(void)
{
    dor__session_unref(offered);
    offered = NULL;
    tear_down();
}

static void nothing_left(const char *how, size_t n)
{
    cr_assert_eq(searching_found(), 0u, "%s, %s %zu:\n%s", now->name, how, n, searching_report());
}

static const scene scenes[] = {
    {.name = "1.3, X25519", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", false, false},
    {.name = "1.3, P-384, SHA-384, RSA",
     DOR_TLS_1_3,
     0x1302,
     DOR_GROUP_SECP384R1,
     "tls-rsa",
     "rsa",
     false,
     false},
    {.name = "1.3, ChaCha20, client certificate",
     DOR_TLS_1_3,
     0x1303,
     DOR_GROUP_SECP256R1,
     "tls-p256",
     "c",
     true,
     false},
    {.name = "1.3, resumed", DOR_TLS_1_3, 0x1301, DOR_GROUP_X25519, "tls-p256", "c", false, true},
    {.name = "1.2, P-256", DOR_TLS_1_2, 0xc02b, DOR_GROUP_SECP256R1, "tls-p256", "c", false, false},
    {.name = "1.2, RSA, client certificate",
     DOR_TLS_1_2,
     0xc030,
     DOR_GROUP_SECP256R1,
     "tls-rsa",
     "rsa",
     true,
     false},
    {.name = "1.2, resumed", DOR_TLS_1_2, 0xc02b, DOR_GROUP_SECP256R1, "tls-p256", "c", false, true},
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
