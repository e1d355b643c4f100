/*
 * TLS 1.2 with the premaster secret encrypted to the server's certificate (RFC 5246 section 7.4.7.1): whatever is wrong with
 * what a client sends ends in the same way at the same place, and a server that has not the key does not get through.
 * Suites, resumption and client certificates of the good cases: test_tls_suites.c.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"
#include "support/tls12_wire.h"

#include "crypto/key.h"
#include "crypto/premaster.h"
#include "tls/tls12.h"

#include <stdlib.h>

enum { GCM = 0x009c, CBC = 0x002f, N_LEN = 256, SECRET_AT = N_LEN - DOR_PREMASTER_LEN };

static void serve_as(const char *chain)
{
    dor__tls_config_unref(server);
    server = proto_server_config(chain, "rsa", &store);
    proto_only(server, 0, GCM, 0);
}

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
    serve_as("tls-rsa-both");
    proto_only(client, 0, GCM, 0);
}

TestSuite(static_rsa, .init = set_up, .fini = tear_down, .timeout = 300);

Test(static_rsa, works_and_says_so)
{
    dor_tls_info info;
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.suite->id, GCM);
    cr_assert_not_null(info.peer);
    cr_assert_eq(info.group, 0);
    cr_assert(pair.client.tls->peer_verified);
}

Test(static_rsa, without_extended_master_secret)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, 23);
    proto_talk(&pair);
    works();
}

/* A client that offers TLS 1.3 too encrypts the version of its hello, which is 1.2. */
Test(static_rsa, a_client_of_both_versions)
{
    client->max_version = DOR_TLS_1_3;
    client->suites[client->suite_count++] = 0x1301;
    server->max_version = DOR_TLS_1_2;
    run(NULL);
    works();
}

/* ---- wrong premaster secrets ---------------------------------------------------------------------------------- */

/* Up to the client's second flight, whose units are left in units; the caller frees the flight. */
static dor_bytes flight_of_client(wire_unit units[WIRE_MAX_UNITS], size_t *count)
{
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    proto_deliver(&pair, DOR_TLS_SERVER);
    dor_bytes flight = wire_take(&pair, DOR_TLS_CLIENT);
    *count = wire_split(dor__bytes_span(&flight), units);
    cr_assert_eq(*count, 3u); /* ClientKeyExchange, change_cipher_spec, Finished */
    cr_assert_eq(units[0].bytes.ptr[0], DOR_HS_CLIENT_KEY_EXCHANGE);
    return flight;
}

/* The client sends its own Finished, but another ClientKeyExchange: nothing is said until Finished. */
static void ends_alike(dor_span encrypted, const char *what, size_t i)
{
    wire_unit units[WIRE_MAX_UNITS];
    size_t count;
    uint8_t message[4 + 2 + 2 * N_LEN] = {DOR_HS_CLIENT_KEY_EXCHANGE};
    cr_assert_leq(encrypted.len, (size_t)2 * N_LEN);
    wire_put_u24(message + 1, 2 + encrypted.len);
    wire_put_u16(message + 4, encrypted.len);
    if (encrypted.len) memcpy(message + 6, encrypted.ptr, encrypted.len);
    dor_bytes flight = flight_of_client(units, &count);
    wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(message, 6 + encrypted.len));
    cr_assert(dor__ok(pair.server.result), "%s %zu: %s", what, i, trouble());
    cr_assert_eq(dor__tls_output(pair.server.tls)->len, 0u, "%s %zu", what, i);
    wire_feed_units(&pair, DOR_TLS_SERVER, units + 1, 1);
    cr_assert(dor__ok(pair.server.result), "%s %zu: %s", what, i, trouble());
    cr_assert_eq(dor__tls_output(pair.server.tls)->len, 0u, "%s %zu", what, i);
    wire_feed_units(&pair, DOR_TLS_SERVER, units + 2, 1);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    dor__bytes_free(&flight);
}

static void compose(uint8_t em[N_LEN])
{
    memset(em, 0x5a, N_LEN);
    em[0] = 0, em[1] = 2;
    em[SECRET_AT - 1] = 0;
    em[SECRET_AT] = em[SECRET_AT + 1] = 3;
}

static void em_ends_alike(const uint8_t em[N_LEN], const char *what, size_t i)
{
    uint8_t encrypted[N_LEN];
    const dor_public_key *key = dor__private_key_public(server->identities[0].key);
    cr_assert(dor__ok(dor__rsa_encrypt_raw(key, em, encrypted)));
    ends_alike(dor__span(encrypted, N_LEN), what, i);
}

static void all_end_alike(void)
{
    static const size_t places[] = {
        0, 1, 2, 9, 10, 100, SECRET_AT - 2, SECRET_AT - 1, SECRET_AT, SECRET_AT + 1};
    uint8_t em[N_LEN];
    compose(em); /* well formed, but not what the client made its keys of */
    em_ends_alike(em, "another secret", 0);
    for (size_t i = 0; i < COUNT(places); i++) {
        compose(em);
        em[places[i]] = em[places[i]] == 0x5a ? 0 : 1;
        em_ends_alike(em, "place", places[i]);
    }
    for (size_t len = 0; len < 64; len += 7) { /* a secret of another length */
        memset(em, 0x5a, N_LEN);
        em[0] = 0, em[1] = 2;
        em[N_LEN - 1 - len] = 0;
        em_ends_alike(em, "length", len);
    }
    memset(em + 2, 0x5a, N_LEN - 2);
    em_ends_alike(em, "no zero", 0);
}

Test(static_rsa, every_wrong_premaster_ends_alike)
{
    all_end_alike();
}

Test(static_rsa, every_wrong_premaster_ends_alike_with_cbc)
{
    proto_only(server, 0, CBC, 0);
    proto_only(client, 0, CBC, 0);
    all_end_alike();
}

Test(static_rsa, what_is_no_ciphertext_ends_alike)
{
    static uint8_t bytes[2 * N_LEN];
    static const size_t lens[] = {0, 1, 48, N_LEN - 1, N_LEN + 1, 2 * N_LEN};
    for (size_t i = 0; i < COUNT(lens); i++)
        ends_alike(dor__span(bytes, lens[i]), "length", lens[i]);
    ends_alike(dor__span(bytes, N_LEN), "zero", 0);
    bytes[N_LEN - 1] = 1;
    ends_alike(dor__span(bytes, N_LEN), "one", 0);
    memset(bytes, 0xff, sizeof bytes);
    ends_alike(dor__span(bytes, N_LEN), "more than the modulus", 0);
}

/* The form of the message itself is for all to see. */
Test(static_rsa, malformed_messages)
{
    static const uint8_t messages[][8] = {
        {16, 0, 0, 0}, {16, 0, 0, 1, 0}, {16, 0, 0, 2, 0, 1}, {16, 0, 0, 3, 0, 0, 1}, {16, 0, 4, 3}};
    for (size_t i = 0; i < COUNT(messages); i++) {
        wire_unit units[WIRE_MAX_UNITS];
        size_t count, len = 4u + messages[i][3];
        dor_bytes flight = flight_of_client(units, &count);
        wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(messages[i], len));
        cr_assert_eq(dor_error_get_alert(pair.server.result.code), DOR_ALERT_DECODE_ERROR, "%zu: %s", i,
                     trouble());
        dor__bytes_free(&flight);
    }
}

/* ---- somebody in between ------------------------------------------------------------------------------------- */

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
    return (sanitize && *sanitize) || getenv("DORMOUSE_VALGRIND") ? 37 : 5;
}

Test(static_rsa, bits_of_the_handshake)
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

/* FREAK: a client that has agreed to static RSA takes no key but the certificate's. */
Test(static_rsa, server_key_exchange_is_not_taken)
{
    static const uint8_t exchange[4 + 16] = {DOR_HS_SERVER_KEY_EXCHANGE, 0, 0, 16, 0, 4, 1, 2, 3, 4};
    wire_unit units[WIRE_MAX_UNITS];
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor_bytes flight = wire_take(&pair, DOR_TLS_SERVER);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    cr_assert_eq(count, 3u); /* ServerHello, Certificate, ServerHelloDone */
    wire_feed_units(&pair, DOR_TLS_CLIENT, units, 2);
    wire_feed_record(&pair, DOR_TLS_CLIENT, DOR_CONTENT_HANDSHAKE, dor__span(exchange, sizeof exchange));
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    dor__bytes_free(&flight);
}

/* Who shows the certificate of another cannot read the secret. Keys from any other one do not open the client's Finished, and
 * a client that has heard nothing more does not believe anything. */
Test(static_rsa, the_client_believes_nothing_before_finished)
{
    wire_unit units[WIRE_MAX_UNITS];
    size_t count;
    dor_bytes flight = flight_of_client(units, &count);
    cr_assert_not(pair.client.tls->hs->proof_peer);
    cr_assert_not(pair.client.tls->peer_verified);
    cr_assert_eq(dor__prove_peer(pair.client.tls, DOR_PROOF_DECRYPTED).code, DOR_E_INTERNAL);
    cr_assert(dor__failed(dor__tls_send(pair.client.tls, dor__span_str("too early"))));
    dor__bytes_free(&flight);
}

/* A server that made its keys of another secret: it believes the client's Finished, and the client does not believe its own. */
Test(static_rsa, a_server_without_the_key)
{
    wire_unit units[WIRE_MAX_UNITS];
    size_t count;
    dor_bytes flight = flight_of_client(units, &count);
    wire_feed_units(&pair, DOR_TLS_SERVER, units, 1);
    cr_assert(pair.server.tls->hs->v12.have_master_secret);
    wire_feed_units(&pair, DOR_TLS_SERVER, units + 1, 1); /* its reading keys are right */
    pair.server.tls->hs->v12.master_secret[0] ^= 1;       /* its writing keys are not going to be */
    pair.server.tls->hs->proof_finished = true;
    dor_protection next;
    cr_assert(dor__ok(dor__protection_make_12(pair.server.tls, DOR_TLS_SERVER, &next)));
    cr_assert(dor__ok(dor__ccs_write(pair.server.tls)));
    cr_assert(dor__ok(dor__write_keys_set(pair.server.tls, &next)));
    static const uint8_t finished[4 + 12] = {DOR_HS_FINISHED, 0, 0, 12};
    cr_assert(
        dor__ok(dor__record_write(&pair.server.tls->write, DOR_CONTENT_HANDSHAKE, 0x0303, 16384,
                                  dor__span(finished, sizeof finished), dor__tls_output(pair.server.tls))));
    proto_deliver(&pair, DOR_TLS_SERVER);
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    cr_assert_not(pair.client.connected);
    dor__bytes_free(&flight);
}

/* ---- which keys ---------------------------------------------------------------------------------------------- */

/* A certificate for signing alone is not used, not even if there is no other. */
Test(static_rsa, a_key_for_signing_alone_serves_no_static_rsa)
{
    serve_as("tls-rsa");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

Test(static_rsa, a_key_for_deciphering_alone_serves)
{
    serve_as("tls-rsa-encipher");
    run(NULL);
    works();
}

Test(static_rsa, a_pss_key_does_not)
{
    dor__tls_config_unref(server);
    server = proto_server_config("tls-pss", "pss", &store);
    proto_only(server, 0, GCM, 0);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

/* The client looks for itself, with and without a path to judge. */
Test(static_rsa, the_client_looks_at_key_usage)
{
    for (int verify = 0; verify < 2; verify++) {
        serve_as("tls-rsa");
        server->identities[0].may_decrypt = true;
        client->verify_peer = verify;
        run(NULL);
        fails(DOR_TLS_CLIENT, DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_KEY_USAGE);
    }
}

static void not_here(void *holder)
{
    (void)holder;
}

Test(static_rsa, a_key_that_is_elsewhere_does_not)
{
    dor_private_key *elsewhere;
    dor_certificate *cert = pki_cert("tls-rsa-both");
    cr_assert(dor__ok(dor__private_key_elsewhere(&elsewhere, cert->spki, NULL, not_here)));
    dor__private_key_unref(server->identities[0].key);
    server->identities[0].key = elsewhere;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
    dor__certificate_unref(cert);
}

/* With both kinds named on both sides, there is forward secrecy; the order of the defaults has it first. */
Test(static_rsa, comes_last)
{
    dor_tls_info info;
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    dor_tls_config *ends[] = {client, server};
    for (size_t e = 0; e < 2; e++) {
        ends[e]->suite_count = 0;
        for (size_t i = 0; i < count; i++)
            ends[e]->suites[ends[e]->suite_count++] = all[i].id;
    }
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.suite->kx, DOR_KX_ECDHE_RSA);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

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

Test(static_rsa_starved, memory_runs_out)
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
