/*
 * DHE of TLS 1.2 (RFC 5246, RFC 7919): which groups are sent and taken, hostile parameters and values, leading zeros.
 * Suites, resumption and client certificates of the good cases: test_tls_suites.c.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"
#include "support/tls12_wire.h"

#include "tls/tls12.h"

#include <stdlib.h>

enum { GCM = 0x009e, ECDHE_GCM = 0xc02f, SUPPORTED_GROUPS = 10 };

static const dor_group ffdhe[] = {DOR_GROUP_FFDHE2048, DOR_GROUP_FFDHE3072, DOR_GROUP_FFDHE4096,
                                  DOR_GROUP_FFDHE6144, DOR_GROUP_FFDHE8192};

static void set_groups(dor_tls_config *config, const dor_group *groups, size_t count)
{
    memcpy(config->groups, groups, count * sizeof groups[0]);
    config->group_count = count;
}

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
    dor__tls_config_unref(server);
    server = proto_server_config("tls-rsa", "rsa", &store);
    proto_only(server, 0, GCM, DOR_GROUP_FFDHE2048);
    proto_only(client, 0, GCM, DOR_GROUP_FFDHE2048);
}

TestSuite(dhe, .init = set_up, .fini = tear_down, .timeout = 300);

static dor_tls_info info_of(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info;
}

Test(dhe, every_group_and_says_so)
{
    for (size_t i = 0; i < COUNT(ffdhe); i++) {
        proto_only(server, 0, 0, ffdhe[i]);
        proto_only(client, 0, 0, ffdhe[i]);
        run(NULL);
        works();
        cr_assert_eq(info_of(DOR_TLS_CLIENT).group, ffdhe[i]);
        cr_assert_eq(info_of(DOR_TLS_SERVER).group, ffdhe[i]);
        cr_assert_eq(info_of(DOR_TLS_CLIENT).suite->id, GCM);
        cr_assert(pair.client.tls->peer_verified);
    }
}

Test(dhe, without_extended_master_secret)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, 23);
    proto_talk(&pair);
    works();
}

/* One that names both takes it with a server of TLS 1.2; its share of TLS 1.3 is not used for it. */
Test(dhe, a_client_of_both_versions)
{
    client->max_version = DOR_TLS_1_3;
    client->suites[client->suite_count++] = 0x1301;
    server->max_version = DOR_TLS_1_2;
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_CLIENT).suite->id, GCM);
}

/* ---- which group --------------------------------------------------------------------------------------------- */

Test(dhe, the_server_takes_one_that_the_client_names)
{
    set_groups(server, ffdhe, 3);
    proto_only(client, 0, 0, DOR_GROUP_FFDHE4096);
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_CLIENT).group, DOR_GROUP_FFDHE4096);
}

/* RFC 7919 section 4: no DHE then, and nothing else is left. */
Test(dhe, none_of_those_that_the_client_names)
{
    proto_only(client, 0, 0, DOR_GROUP_FFDHE3072);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_INSUFFICIENT_SECURITY, DOR_REASON_NO_GROUP);
}

/* Where something else is left, it is taken, whoever's order counts. */
Test(dhe, another_suite_when_no_group_fits)
{
    static const dor_group ours[] = {DOR_GROUP_FFDHE2048, DOR_GROUP_X25519},
                           theirs[] = {DOR_GROUP_FFDHE3072, DOR_GROUP_X25519};
    for (int honor = 0; honor < 2; honor++) {
        set_groups(server, ours, 2);
        set_groups(client, theirs, 2);
        server->honor_cipher_order = honor;
        server->suites[1] = client->suites[1] = ECDHE_GCM;
        server->suite_count = client->suite_count = 2;
        run(NULL);
        works();
        cr_assert_eq(info_of(DOR_TLS_SERVER).suite->id, ECDHE_GCM);
        cr_assert_eq(info_of(DOR_TLS_SERVER).group, DOR_GROUP_X25519);
    }
}

/* Each kind of exchange has its own group, whatever stands first. */
Test(dhe, curves_and_primes_side_by_side)
{
    static const dor_group both[] = {DOR_GROUP_X25519, DOR_GROUP_FFDHE2048};
    static const uint16_t suites[] = {GCM, ECDHE_GCM};
    for (size_t i = 0; i < 2; i++) {
        set_groups(server, both, 2);
        set_groups(client, both, 2);
        server->suites[0] = client->suites[0] = suites[i];
        server->suites[1] = client->suites[1] = suites[1 - i];
        server->suite_count = client->suite_count = 2;
        run(NULL);
        works();
        cr_assert_eq(info_of(DOR_TLS_CLIENT).suite->id, suites[i]);
        cr_assert_eq(info_of(DOR_TLS_CLIENT).group, both[1 - i]);
    }
}

/* A client that knows nothing of RFC 7919 leaves it to the server. */
Test(dhe, a_client_that_names_no_groups)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, SUPPORTED_GROUPS);
    proto_talk(&pair);
    works();
    cr_assert_eq(info_of(DOR_TLS_SERVER).group, DOR_GROUP_FFDHE2048);
}

/* Who has not named a group does not have the suites. */
Test(dhe, no_group_no_suite)
{
    proto_only(server, 0, 0, DOR_GROUP_X25519);
    run(NULL);
    cr_assert(dor__failed(pair.server.result));
    cr_assert_not(pair.server.connected);
    proto_only(server, 0, 0, DOR_GROUP_FFDHE2048);
    proto_only(client, 0, 0, DOR_GROUP_X25519);
    client->suites[1] = ECDHE_GCM;
    client->suite_count = 2;
    run(NULL); /* only ECDHE is in the hello */
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
}

Test(dhe, an_ecdsa_key_does_not_serve)
{
    dor__tls_config_unref(server);
    server = proto_server_config("tls-p256", "c", &store);
    proto_only(server, 0, GCM, DOR_GROUP_FFDHE2048);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

/* ---- the server's parameters ---------------------------------------------------------------------------------- */

/* The server's flight, with a ServerKeyExchange that it signs itself: params are what is given. */
static void serve_params(dor_span params)
{
    wire_unit units[WIRE_MAX_UNITS];
    uint8_t covered[64 + 4096], sig[DOR_SIG_MAX_LEN];
    size_t sig_len;
    dor_bytes message = DOR_BYTES_EMPTY;
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor_handshake *hs = pair.server.tls->hs;
    memcpy(covered, hs->client_random, 32);
    memcpy(covered + 32, hs->server_random, 32);
    cr_assert_leq(params.len, 4096);
    memcpy(covered + 64, params.ptr, params.len);
    cr_assert(
        dor__ok(dor__handshake_sign(pair.server.tls, dor__span(covered, 64 + params.len), sig, &sig_len)));
    size_t mark;
    cr_assert(dor__ok(wr_u8(&message, DOR_HS_SERVER_KEY_EXCHANGE)));
    cr_assert(dor__ok(wr_begin(&message, 3, &mark)));
    cr_assert(dor__ok(wr_bytes(&message, params)));
    cr_assert(dor__ok(wr_u16(&message, hs->scheme)));
    cr_assert(dor__ok(wr_vec(&message, 2, dor__span(sig, sig_len))));
    cr_assert(dor__ok(wr_end(&message, 3, mark)));
    dor_bytes flight = wire_take(&pair, DOR_TLS_SERVER);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    cr_assert_eq(units[2].bytes.ptr[0], DOR_HS_SERVER_KEY_EXCHANGE);
    units[2].bytes = dor__bytes_span(&message);
    wire_feed_units(&pair, DOR_TLS_CLIENT, units, count);
    dor__bytes_free(&flight);
    dor__bytes_free(&message);
}

static void serve_numbers(dor_span prime, dor_span generator, dor_span value)
{
    dor_bytes params = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(wr_vec(&params, 2, prime)));
    cr_assert(dor__ok(wr_vec(&params, 2, generator)));
    cr_assert(dor__ok(wr_vec(&params, 2, value)));
    serve_params(dor__bytes_span(&params));
    dor__bytes_free(&params);
}

static const uint8_t two = 2;

/* Logjam, and whoever makes up a group: refused, although the signature is good. */
Test(dhe, groups_that_the_client_does_not_take)
{
    dor_span prime = dor__kx_prime(DOR_GROUP_FFDHE2048), generator = dor__span(&two, 1);
    uint8_t altered[256], value[512] = {3}, five = 5;
    memcpy(altered, prime.ptr, 256);
    altered[100] ^= 1;
    const struct {
        const char *name;
        dor_span prime, generator;
        size_t value_len;
    } cases[] = {
        {"512 bits", dor__span(prime.ptr, 64), generator, 64},
        {"1024 bits", dor__span(prime.ptr, 128), generator, 128},
        {"a prime of one byte", dor__span((const uint8_t *)"\x17", 1), generator, 1},
        {"2048 bits of somebody's own", dor__span(altered, 256), generator, 256},
        {"another generator", prime, dor__span(&five, 1), 256},
        {"a group that was not named", dor__kx_prime(DOR_GROUP_FFDHE3072), generator, 384},
        {"zero", dor__span((const uint8_t *)"\0\0", 2), generator, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        serve_numbers(cases[i].prime, cases[i].generator, dor__span(value, cases[i].value_len));
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_INSUFFICIENT_SECURITY, DOR_REASON_DH_GROUP);
    }
}

static void values_out_of_range(void (*give)(dor_span value), dor_tls_role victim)
{
    dor_span prime = dor__kx_prime(DOR_GROUP_FFDHE2048);
    uint8_t value[300] = {0};
    for (int i = 0; i < 2; i++) { /* 0, 1, in the prime's length and short */
        memset(value, 0, sizeof value);
        value[255] = (uint8_t)i;
        give(dor__span(value, 256));
        failed_by(victim, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_BAD_KEY_SHARE);
        give(dor__span(value + 255, 1));
        failed_by(victim, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_BAD_KEY_SHARE);
    }
    for (int i = 0; i < 2; i++) { /* p - 1, p */
        memcpy(value, prime.ptr, 256);
        value[255] = (uint8_t)(value[255] - 1 + i);
        give(dor__span(value, 256));
        failed_by(victim, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_BAD_KEY_SHARE);
    }
    memset(value, 0xff, sizeof value); /* more than p, and longer */
    give(dor__span(value, 256));
    failed_by(victim, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_BAD_KEY_SHARE);
    give(dor__span(value, 257));
    failed_by(victim, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_BAD_KEY_SHARE);
}

static void give_ys(dor_span value)
{
    serve_numbers(dor__kx_prime(DOR_GROUP_FFDHE2048), dor__span(&two, 1), value);
}

Test(dhe, the_servers_value_out_of_range)
{
    values_out_of_range(give_ys, DOR_TLS_CLIENT);
}

Test(dhe, malformed_parameters)
{
    static const struct {
        const char *name;
        uint8_t bytes[12];
        size_t len;
    } cases[] = {
        {"no prime", {0, 0, 0, 1, 2, 0, 1, 9}, 8},
        {"no generator", {0, 1, 23, 0, 0, 0, 1, 9}, 8},
        {"no value", {0, 1, 23, 0, 1, 2, 0, 0}, 8},
        {"a prime cut short", {255, 255, 23, 0, 1, 2, 0, 1}, 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        serve_params(dor__span(cases[i].bytes, cases[i].len));
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    }
}

/* The signature covers all three numbers. */
Test(dhe, an_altered_value_does_not_verify)
{
    wire_unit units[WIRE_MAX_UNITS];
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor_bytes flight = wire_take(&pair, DOR_TLS_SERVER);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    uint8_t *exchange = (uint8_t *)(uintptr_t)units[2].bytes.ptr;
    exchange[4 + 2 + 256 + 2 + 1 + 2 + 100] ^= 1;
    wire_feed_units(&pair, DOR_TLS_CLIENT, units, count);
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
    dor__bytes_free(&flight);
}

/* ---- the client's value --------------------------------------------------------------------------------------- */

/* Up to ClientKeyExchange, in whose place the server is given this body. */
static void give_body(dor_span body)
{
    uint8_t message[4 + 2 + 2048] = {DOR_HS_CLIENT_KEY_EXCHANGE};
    cr_assert_leq(body.len, sizeof message - 4);
    wire_put_u24(message + 1, body.len);
    if (body.len) memcpy(message + 4, body.ptr, body.len);
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    proto_deliver(&pair, DOR_TLS_SERVER);
    dor_bytes flight = wire_take(&pair, DOR_TLS_CLIENT);
    wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(message, 4 + body.len));
    dor__bytes_free(&flight);
}

static void give_yc(dor_span value)
{
    uint8_t body[2 + 300];
    wire_put_u16(body, value.len);
    memcpy(body + 2, value.ptr, value.len);
    give_body(dor__span(body, 2 + value.len));
}

Test(dhe, the_clients_value_out_of_range)
{
    values_out_of_range(give_yc, DOR_TLS_SERVER);
}

Test(dhe, malformed_client_key_exchanges)
{
    static const uint8_t bodies[][8] = {{0, 0}, {0, 2, 1}, {0, 1, 5, 0}, {255, 255, 1}, {0}};
    static const size_t lens[] = {2, 3, 4, 3, 1};
    for (size_t i = 0; i < COUNT(lens); i++) {
        give_body(dor__span(bodies[i], lens[i]));
        failed_by(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    }
}

/* Zeros in front may be missing, or be more than needed. */
Test(dhe, leading_zeros_of_a_value_do_not_matter)
{
    uint8_t value[260] = {0};
    value[259] = 5;
    for (size_t len = 1; len <= sizeof value; len += 37) {
        give_yc(dor__span(value + sizeof value - len, len));
        cr_assert(dor__ok(pair.server.result), "%zu: %s", len, trouble());
        cr_assert(pair.server.tls->hs->v12.have_master_secret);
    }
}

/* A secret with zeros in front: the master secret is made of what is behind them (RFC 5246 section 8.1.2). */
Test(dhe, leading_zeros_of_the_secret_are_stripped)
{
    uint8_t secret[256] = {0}, expected[DOR_MASTER_SECRET_LEN];
    secret[2] = 7, secret[255] = 9;
    prepare(NULL, NULL);
    wire_start_without(&pair, 23); /* of the randoms alone */
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor_handshake *hs = pair.server.tls->hs;
    cr_assert(hs->kx_group == DOR_GROUP_FFDHE2048);
    hs->long_secret = dor__arena_alloc(&hs->arena, DOR_KX_MAX_SECRET_LEN);
    memcpy(hs->long_secret, secret, sizeof secret);
    hs->shared_secret_len = sizeof secret;
    const dor_span seed[2] = {dor__span(hs->client_random, 32), dor__span(hs->server_random, 32)};
    cr_assert(dor__ok(dor__tls12_prf(DOR_HASH_SHA256, dor__span(secret + 2, 254), "master secret", seed, 2,
                                     expected, sizeof expected)));
    cr_assert(dor__ok(dor__master_secret_make_12(pair.server.tls)));
    cr_assert_arr_eq(hs->v12.master_secret, expected, sizeof expected);
    for (size_t i = 0; i < sizeof secret; i++)
        cr_assert_eq(hs->long_secret[i], 0, "the secret is wiped");
}

/* Raccoon asks for a key that serves twice: there is none. */
Test(dhe, every_handshake_has_a_pair_of_its_own)
{
    uint8_t first[256];
    for (uint64_t i = 0; i < 2; i++) {
        proto_pair_fini(&pair);
        proto_pair_init(&pair, client, server, NULL, NULL, 100 + i);
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
        proto_deliver(&pair, DOR_TLS_CLIENT);
        dor_span public_value = dor__kx_public(pair.server.tls->hs->kx);
        if (i) cr_assert_neq(memcmp(first, public_value.ptr, 256), 0);
        memcpy(first, public_value.ptr, 256);
        proto_talk(&pair);
        works();
    }
}

/* ---- bits, bytes, memory -------------------------------------------------------------------------------------- */

typedef struct meddler {
    size_t flight, bit, seen;
    size_t len[4];
} meddler;

static void meddle(void *ctx, dor_tls_role from, dor_bytes *data)
{
    meddler *m = ctx;
    size_t n = m->seen++;
    (void)from;
    if (n < COUNT(m->len)) m->len[n] = data->len;
    if (n == m->flight) data->ptr[m->bit / 8] ^= (uint8_t)(1u << m->bit % 8);
}

static void run_meddled(meddler *m)
{
    prepare(NULL, NULL);
    m->seen = 0;
    pair.tamper = meddle;
    pair.tamper_ctx = m;
    proto_pair_run(&pair);
}

static size_t stride(void)
{
    const char *sanitize = getenv("DORMOUSE_SANITIZE");
    return (sanitize && *sanitize) || getenv("DORMOUSE_VALGRIND") ? 97 : 29;
}

Test(dhe, bits_of_the_handshake)
{
    meddler m = {.flight = SIZE_MAX};
    size_t len[4];
    run_meddled(&m);
    works();
    memcpy(len, m.len, sizeof len);
    for (m.flight = 0; m.flight < 4; m.flight++)
        for (m.bit = m.flight; m.bit < len[m.flight] * 8; m.bit += stride()) {
            if (m.flight <= 1 && m.bit / 8 == 2)
                continue; /* the record's minor version: nothing is agreed upon yet */
            run_meddled(&m);
            bool reader = m.flight % 2 ? pair.client.connected : pair.server.connected;
            cr_assert_not(reader, "flight %zu, bit %zu", m.flight, m.bit);
        }
}

static bool starve(size_t n)
{
    size_t pieces = counting_alloc_pieces(), stored = store.count;
    prepare(NULL, NULL);
    counting_alloc_fail_once_at(n);
    proto_pair_run(&pair);
    bool enough = counting_alloc_calls() < n;
    counting_alloc_fail_at(0);
    if (enough) works();
    proto_pair_fini(&pair);
    while (store.count > stored)
        dor__session_unref(store.sessions[--store.count]);
    cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    return enough;
}

Test(dhe_starved, memory_runs_out)
{
    counting_alloc_install();
    set_up();
    size_t n = 1;
    while (!starve(n))
        n++;
    cr_assert_gt(n, 10);
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0);
}
