/*
 * External pre-shared keys: both modes, with certificates beside them and without, tables and questions, unknown identities
 * and wrong keys, and a client that meets its own side.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"

#include "base/alloc.h"
#include "tls/handshake.h"
#include "tls/question.h"

static const uint8_t key[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};

static void add(dor_tls_config *config, const char *identity, dor_hash_id hash, uint8_t first)
{
    uint8_t mine[sizeof key];
    memcpy(mine, key, sizeof key);
    mine[0] = first;
    const dor_psk psk = {dor__span_str(identity), dor__span(mine, sizeof mine), hash};
    if (!config->psks) cr_assert(dor__ok(dor__psks_new(&config->psks)));
    cr_assert(dor__ok(dor__psks_add(config->psks, &psk)));
}

static void forget(dor_tls_config *config)
{
    dor__psks_unref(config->psks);
    config->psks = NULL;
}

static void without_certificates(void)
{
    for (size_t i = 0; i < server->identity_count; i++) {
        dor_identity *identity = &server->identities[i];
        for (size_t j = 0; j < identity->chain_count; j++)
            dor__certificate_unref(identity->chain[j]);
        dor__free(identity->chain);
        dor__private_key_unref(identity->key);
        *identity = (dor_identity){0};
    }
    server->identity_count = 0;
}

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    add(client, "sensor-7", DOR_HASH_SHA256, 1);
    add(server, "another", DOR_HASH_SHA256, 9);
    add(server, "sensor-7", DOR_HASH_SHA256, 1);
}

TestSuite(external_psk, .init = set_up, .fini = tear_down);

static void by_psk(const char *identity)
{
    works();
    for (int role = 0; role < 2; role++) {
        dor_tls_info info;
        dor__tls_get_info(proto_end_of(&pair, (dor_tls_role)role)->tls, &info);
        cr_assert(dor__span_equal(info.psk_identity, dor__span_str(identity)));
        cr_assert(!info.resumed);
        cr_assert_null(info.peer);
        cr_assert_eq(info.peer_scheme, 0);
    }
    cr_assert_eq(pair.client.ticket_count, 0u);
}

static dor_group group_of(void)
{
    dor_tls_info info;
    dor__tls_get_info(pair.server.tls, &info);
    return info.group;
}

/* ---- that it works ------------------------------------------------------------------------------------------- */

Test(external_psk, without_certificates)
{
    without_certificates();
    for (size_t chunk = 0; chunk < 2; chunk++) {
        prepare(NULL, NULL);
        pair.chunk = chunk;
        proto_pair_run(&pair);
        by_psk("sensor-7");
        cr_assert_neq(group_of(), 0);
    }
}

Test(external_psk, every_suite_and_its_hash)
{
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
    for (size_t i = 0; i < COUNT(suites); i++) {
        dor_hash_id hash = suites[i] == 0x1302 ? DOR_HASH_SHA384 : DOR_HASH_SHA256;
        forget(client);
        forget(server);
        add(client, "x", hash, 5);
        add(server, "x", hash, 5);
        proto_only(client, 0, suites[i], 0);
        run(NULL);
        by_psk("x");
    }
}

/* The server's own order would have another suite, for which the PSK is not made. */
Test(external_psk, decides_about_the_suite)
{
    dor_tls_info info;
    server->suites[0] = 0x1302;
    server->suites[1] = 0x1301;
    server->suite_count = 2;
    run(NULL);
    by_psk("sensor-7");
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.suite->id, 0x1301);
}

Test(external_psk, after_a_retry)
{
    for (int i = 0; i < 2; i++) {
        dor_tls_info info;
        proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
        if (i) without_certificates();
        run(NULL);
        by_psk("sensor-7");
        dor__tls_get_info(pair.server.tls, &info);
        cr_assert(info.hello_retry);
    }
}

Test(external_psk, several_are_offered)
{
    forget(client);
    add(client, "unknown", DOR_HASH_SHA256, 1);
    add(client, "for-384", DOR_HASH_SHA384, 1);
    add(client, "another", DOR_HASH_SHA256, 9);
    run(NULL);
    by_psk("another");
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1); /* the second hello leaves one out */
    run(NULL);
    by_psk("another");
}

/* RFC 8446 section 4.2.9 */
Test(external_psk, without_a_fresh_key_exchange_only_when_both_ask_for_it)
{
    client->psk_modes = server->psk_modes = DOR_PSK_KE;
    run(NULL);
    by_psk("sensor-7");
    cr_assert_eq(group_of(), 0);
    client->psk_modes = server->psk_modes = DOR_PSK_KE | DOR_PSK_DHE_KE;
    run(NULL);
    by_psk("sensor-7");
    cr_assert_neq(group_of(), 0);
    client->psk_modes = DOR_PSK_KE;
    server->psk_modes = DOR_PSK_DHE_KE;
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
}

Test(external_psk, tickets_go_by_the_modes_too)
{
    forget(client);
    forget(server);
    for (unsigned modes = DOR_PSK_KE; modes <= (DOR_PSK_KE | DOR_PSK_DHE_KE); modes++) {
        dor_tls_info info;
        client->psk_modes = server->psk_modes = (uint8_t)modes;
        run(NULL);
        works();
        dor_session *ticket = dor__session_ref(pair.client.session);
        cr_assert_not_null(ticket);
        prepare(NULL, ticket);
        proto_pair_run(&pair);
        works();
        dor__session_unref(ticket);
        dor__tls_get_info(pair.client.tls, &info);
        cr_assert(info.resumed);
        cr_assert_eq(info.group == 0, modes == DOR_PSK_KE);
    }
    server->psk_modes = DOR_PSK_DHE_KE;
    client->psk_modes = DOR_PSK_KE;
    run(NULL);
    works();
    cr_assert_eq(pair.client.ticket_count, 0u); /* that could not be used */
}

Test(external_psk, has_no_suite_of_its_hash)
{
    proto_only(client, 0, 0x1302, 0);
    run(NULL);
    cr_assert_eq(pair.client.result.code, DOR_E_OPTION_CONFLICT);
}

/* ---- that it does not ---------------------------------------------------------------------------------------- */

Test(external_psk, unknown_identities_and_wrong_keys_look_alike_without_certificates)
{
    without_certificates();
    forget(client);
    add(client, "nobody", DOR_HASH_SHA256, 1);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
    forget(client);
    add(client, "sensor-7", DOR_HASH_SHA256, 2);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
    forget(client);
    add(client, "sensor-7", DOR_HASH_SHA384, 1); /* with another hash it is another key */
    proto_only(client, 0, 0x1302, 0);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
    forget(client);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
}

Test(external_psk, a_wrong_key_is_not_passed_over)
{
    client->psk_fallback = true;
    forget(client);
    add(client, "sensor-7", DOR_HASH_SHA256, 2);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
}

/* Whoever has a certificate but not the key is not who was called. */
Test(external_psk, a_client_insists)
{
    forget(server);
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
    client->verify_peer = client->verify_host = false;
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
    client->min_version = DOR_TLS_1_2;
    server->max_version = DOR_TLS_1_2;
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_PSK_REQUIRED);
}

Test(external_psk, or_falls_back_when_told_to)
{
    dor_tls_info info;
    forget(server);
    client->psk_fallback = true;
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.psk_identity.len, 0u);
    cr_assert_not_null(info.peer);
    dor_session *ticket = dor__session_ref(pair.client.session);
    prepare(NULL, ticket); /* and beside a ticket */
    proto_pair_run(&pair);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert(info.resumed);
    add(server, "sensor-7", DOR_HASH_SHA256, 1);
    store.key.key[0] ^= 1; /* the ticket is none any more */
    prepare(NULL, ticket);
    proto_pair_run(&pair);
    by_psk("sensor-7");
    dor__session_unref(ticket);
}

/* A client's certificate is what such a server wants. */
Test(external_psk, is_no_certificate)
{
    server->verify_peer = server->require_peer_cert = true;
    server->trust = pki_trust("root");
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
    server->require_peer_cert = false;
    run(NULL);
    by_psk("sensor-7");
}

/* RFC 9257 section 4.1: both ends of a key are clients and servers, and somebody sends a hello back. */
Test(external_psk, a_node_does_not_talk_to_itself)
{
    client->has_reflection_secret = server->has_reflection_secret = true;
    memset(server->reflection_secret, 1, sizeof server->reflection_secret);
    memset(client->reflection_secret, 2, sizeof client->reflection_secret);
    run(NULL);
    by_psk("sensor-7");
    memset(client->reflection_secret, 1, sizeof client->reflection_secret);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_PSK_REFLECTED);
}

static void no_share(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    for (size_t i = 0; from == DOR_TLS_CLIENT && i + 4 < data->len; i++) /* psk_key_exchange_modes: dhe */
        if (memcmp(data->ptr + i, "\x00\x2d\x00\x02\x01", 5) == 0) data->ptr[i + 5] ^= 1;
}

/* The mode is under the binder. */
Test(external_psk, modes_cannot_be_changed_on_the_way)
{
    server->psk_modes = DOR_PSK_KE | DOR_PSK_DHE_KE;
    prepare(NULL, NULL);
    pair.tamper = no_share;
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
}

static size_t at_byte;

static void flip(void *ctx, dor_tls_role from, dor_bytes *data)
{
    size_t *passed = ctx;
    if (from == DOR_TLS_CLIENT && *passed == 0 && at_byte < data->len) data->ptr[at_byte] ^= 0x10;
    *passed += data->len;
}

/* Everything behind the record's header is bound: changed anywhere, it does not become a connection. */
Test(external_psk, every_byte_of_the_hello_counts)
{
    without_certificates();
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    size_t len = dor__tls_output(pair.client.tls)->len;
    for (at_byte = 5; at_byte < len; at_byte++) {
        size_t passed = 0;
        prepare(NULL, NULL);
        pair.tamper = flip;
        pair.tamper_ctx = &passed;
        proto_pair_run(&pair);
        cr_assert(!pair.server.connected && !pair.client.connected, "byte %zu", at_byte);
    }
}

/* ---- questions ----------------------------------------------------------------------------------------------- */

static size_t asked;
static const char *known;

static dor_result give(dor_tls *tls)
{
    dor_tls_question q;
    dor__tls_get_question(tls, &q);
    cr_assert_eq(q.kind, DOR_TLS_QUESTION_PSK);
    asked++;
    cr_assert_eq(dor__tls_answer_psk(tls, dor__span(key, 15), DOR_HASH_SHA256).code, DOR_E_BADARG);
    cr_assert_eq(dor__tls_answer_psk(tls, dor__span(key, 16), DOR_HASH_SHA1).code, DOR_E_BADARG);
    bool have = known && dor__span_equal(q.psk_identity, dor__span_str(known));
    return dor__tls_answer_psk(tls, have ? dor__span(key, sizeof key) : DOR_SPAN_EMPTY, DOR_HASH_SHA256);
}

static bool at_once(void *ctx, dor_tls_role of, dor_tls *tls)
{
    (void)ctx, (void)of;
    dor_result r = give(tls);
    return dor__ok(r) || dor_error_get_class(r.code) == DOR_CLASS_MEMORY;
}

static void run_asking(const char *name)
{
    known = name;
    asked = 0;
    prepare(NULL, NULL);
    pair.answer = at_once;
    proto_pair_run(&pair);
}

Test(external_psk, is_asked_for)
{
    without_certificates();
    forget(server);
    server->ask_psk = true;
    run_asking("sensor-7");
    by_psk("sensor-7");
    cr_assert_eq(asked, 1u);
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1); /* not again for the second hello */
    run_asking("sensor-7");
    by_psk("sensor-7");
    cr_assert_eq(asked, 1u);
    run_asking("somebody else");
    fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
}

Test(external_psk, is_answered_later_byte_by_byte)
{
    forget(server);
    server->ask_psk = true;
    prepare(NULL, NULL);
    pair.chunk = 1;
    known = "sensor-7";
    proto_pair_run(&pair);
    cr_assert(pair.server.asked);
    cr_assert_eq(dor__tls_answer_session(pair.server.tls, DOR_SPAN_EMPTY).code, DOR_E_EINVAL);
    cr_assert(dor__ok(give(pair.server.tls)));
    proto_resume(&pair, DOR_TLS_SERVER);
    by_psk("sensor-7");
    cr_assert_eq(dor__tls_answer_psk(pair.server.tls, DOR_SPAN_EMPTY, DOR_HASH_SHA256).code, DOR_E_EINVAL);
}

Test(external_psk, is_asked_for_a_few_times_at_most)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    forget(client);
    for (size_t i = 0; i < COUNT(names); i++)
        add(client, names[i], DOR_HASH_SHA256, 1);
    server->ask_psk = true;
    run_asking("c");
    by_psk("c");
    cr_assert_eq(asked, 3u);
    run_asking("h");
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_PSK_REQUIRED);
    cr_assert_eq(asked, (size_t)DOR_PSK_QUESTIONS_MAX);
}

/* Those that are in the table are not, nor are tickets of ours. */
Test(external_psk, is_not_asked_for_when_it_is_known)
{
    server->ask_psk = true;
    run_asking(NULL);
    by_psk("sensor-7");
    cr_assert_eq(asked, 0u);
    forget(client);
    run_asking(NULL);
    works();
    dor_session *ticket = dor__session_ref(pair.client.session);
    prepare(NULL, ticket);
    pair.answer = at_once;
    proto_pair_run(&pair);
    works();
    cr_assert_eq(asked, 0u);
    dor__session_unref(ticket);
}

/* ---- the table ----------------------------------------------------------------------------------------------- */

static int try_line(const char *text, size_t *line)
{
    dor_psks *psks;
    cr_assert(dor__ok(dor__psks_new(&psks)));
    int code = dor__psks_parse(psks, dor__span_str(text), line).code;
    dor__psks_unref(psks);
    return code;
}

Test(external_psk, lines_of_text)
{
    static const char *const wrong[] = {"x",
                                        "x:",
                                        ":00112233445566778899aabbccddeeff",
                                        "x:00112233445566778899aabbccddee",
                                        "x:0011223344556677889",
                                        "x:00112233445566778899aabbccddeefg",
                                        "x:00112233445566778899aabbccddeeff:sha1",
                                        "sha256:sha256"};
    size_t line;
    dor_psks *psks;
    for (size_t i = 0; i < COUNT(wrong); i++)
        cr_assert_eq(try_line(wrong[i], &line), DOR_E_BADARG, "%s", wrong[i]);
    cr_assert_eq(try_line("a:00112233445566778899aabbccddeeff\n\na:00112233445566778899aabbccddeeff", &line),
                 DOR_E_NAME_TAKEN);
    cr_assert_eq(line, 3u);
    cr_assert(dor__ok(dor__psks_new(&psks)));
    cr_assert(
        dor__ok(dor__psks_parse(psks,
                                dor__span_str("# two\r\n\r\nurn:a:b:00112233445566778899AABBccddeeff\r\n"
                                              "c:00112233445566778899aabbccddeeff:sha384"),
                                &line)));
    cr_assert_eq(dor__psks_count(psks), 2u);
    cr_assert_eq(dor__psks_find(psks, dor__span_str("urn:a:b"))->key.ptr[15], 0xff);
    cr_assert_eq(dor__psks_find(psks, dor__span_str("c"))->hash, DOR_HASH_SHA384);
    cr_assert_null(dor__psks_find(psks, dor__span_str("d")));
    dor__psks_unref(psks);
}

Test(external_psk, has_bounds)
{
    static const uint8_t big[DOR_PSK_MAX_IDENTITY_LEN + 1];
    dor_psks *psks;
    cr_assert(dor__ok(dor__psks_new(&psks)));
    dor_psk psk = {dor__span(big, sizeof big), dor__span(key, 16), DOR_HASH_SHA256};
    cr_assert_eq(dor__psks_add(psks, &psk).code, DOR_E_BADARG);
    psk.identity.len = 0;
    cr_assert_eq(dor__psks_add(psks, &psk).code, DOR_E_BADARG);
    psk.identity.len = DOR_PSK_MAX_IDENTITY_LEN;
    psk.key.len = 15;
    cr_assert_eq(dor__psks_add(psks, &psk).code, DOR_E_BADARG);
    psk.key = dor__span(big, DOR_PSK_MAX_KEY_LEN + 1);
    cr_assert_eq(dor__psks_add(psks, &psk).code, DOR_E_BADARG);
    for (uint32_t i = 0; i < DOR_PSKS_MAX; i++) {
        const dor_psk one = {dor__span((const uint8_t *)&i, sizeof i), dor__span(key, 16), DOR_HASH_SHA256};
        cr_assert(dor__ok(dor__psks_add(psks, &one)));
    }
    psk.key.len = 16;
    cr_assert_eq(dor__psks_add(psks, &psk).code, DOR_E_LIMIT);
    dor__psks_unref(psks);
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static bool with_failure_at(size_t n, bool once)
{
    size_t pieces = counting_alloc_pieces();
    proto_pair_init(&pair, client, server, "host.example", NULL, 7);
    pair.answer = at_once;
    if (once)
        counting_alloc_fail_once_at(n);
    else
        counting_alloc_fail_at(n);
    proto_pair_run(&pair);
    bool enough = counting_alloc_calls() < n;
    counting_alloc_fail_at(0);
    bool ok = pair.client.connected && pair.server.connected;
    cr_assert(ok || dor__failed(pair.client.result) || dor__failed(pair.server.result) || !enough);
    proto_pair_fini(&pair);
    cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    return enough;
}

TestSuite(external_psk_memory);

Test(external_psk_memory, every_allocation_fails_once_and_for_good)
{
    counting_alloc_install();
    set_up();
    forget(server);
    server->ask_psk = true;
    known = "sensor-7";
    for (int once = 0; once < 2; once++) {
        size_t n = 1;
        while (!with_failure_at(n, once))
            cr_assert_lt(n++, 400u);
    }
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0u);
}
