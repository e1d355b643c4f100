/*
 * Post-handshake authentication in TLS 1.3 (RFC 8446 section 4.6.2): asked for once and several times, answered with and
 * without a certificate, by a key that is elsewhere, unasked, tampered with, starved; and keys that wear out.
 */
#include "support/counting_alloc.h"
#include "support/proto_again.h"
#include "tls/message/messages.h"
#include "tls/question.h"

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    proto_only(client, 0, 0x1301, 0);
    client->post_auth = server->post_auth = true;
    server->trust = pki_trust("root");
    server->verify_peer = true;
}

static void give_identity(void)
{
    proto_add_identity(client, "tls-p256", "c");
}

TestSuite(post_auth, .init = set_up, .fini = tear_down, .timeout = 300);

static void ask(void)
{
    dor_result r = dor__tls_request_certificate(pair.server.tls);
    cr_assert(dor__ok(r), "%x", -r.code);
}

static void authenticated(size_t times)
{
    cr_assert_eq(pair.server.authenticated_count, times, "%s", trouble());
    cr_assert_not(dor__tls_in_second(pair.client.tls));
    cr_assert_not(dor__tls_in_second(pair.server.tls));
    works();
}

/* ---- it works ------------------------------------------------------------------------------------------------------ */

Test(post_auth, with_a_certificate)
{
    static const size_t chunks[] = {0, 1};
    give_identity();
    for (size_t c = 0; c < 2; c++) {
        prepare(NULL, NULL);
        pair.chunk = chunks[c];
        proto_pair_run(&pair);
        works();
        cr_assert_null(again_info(DOR_TLS_SERVER).peer, "not in the handshake");
        for (size_t n = 1; n <= 3; n++) {
            ask();
            proto_talk(&pair);
            authenticated(n);
            cr_assert_not_null(again_info(DOR_TLS_SERVER).peer);
            cr_assert_neq(again_info(DOR_TLS_SERVER).peer_scheme, 0);
            cr_assert(pair.server.tls->peer_verified);
            cr_assert_not_null(again_info(DOR_TLS_CLIENT).peer, "the server stays who it was");
        }
    }
}

Test(post_auth, without_a_certificate)
{
    run(NULL);
    ask();
    proto_talk(&pair);
    authenticated(1);
    cr_assert_null(again_info(DOR_TLS_SERVER).peer);
    server->require_peer_cert = true;
    run(NULL);
    works(); /* it is not asked for in the handshake */
    ask();
    proto_talk(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_CERTIFICATE_REQUIRED, DOR_REASON_NO_CERTIFICATE);
}

/* Who has been known by a certificate is not forgotten by an empty answer. */
Test(post_auth, an_empty_answer_takes_nothing_away)
{
    give_identity();
    run(NULL);
    ask();
    proto_talk(&pair);
    client->identity_count = 0;
    ask();
    proto_talk(&pair);
    client->identity_count = 1;
    authenticated(2);
    cr_assert_not_null(again_info(DOR_TLS_SERVER).peer);
}

Test(post_auth, of_somebody_who_is_not_trusted)
{
    dor__trust_store_unref(server->trust);
    server->trust = pki_trust("root-ed");
    give_identity();
    run(NULL);
    ask();
    proto_talk(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
    cr_assert_eq(pair.server.authenticated_count, 0u);
}

Test(post_auth, several_requests_wait)
{
    give_identity();
    run(NULL);
    for (size_t i = 0; i < DOR_REQUESTS_MAX; i++)
        ask();
    cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_LIMIT);
    for (const dor_tls_request *a = pair.server.tls->again->requests; a; a = a->next)
        for (const dor_tls_request *b = a->next; b; b = b->next)
            cr_assert(memcmp(a->context, b->context, sizeof a->context) != 0);
    proto_talk(&pair);
    authenticated(DOR_REQUESTS_MAX);
    ask();
    proto_talk(&pair);
    authenticated(DOR_REQUESTS_MAX + 1);
}

/* Data and fresh keys, both ways, between a request and its answer. */
Test(post_auth, anything_may_come_between)
{
    give_identity();
    run(NULL);
    ask();
    dor_bytes request = *dor__tls_output(pair.server.tls);
    *dor__tls_output(pair.server.tls) = DOR_BYTES_EMPTY;
    proto_say(&pair, DOR_TLS_CLIENT, "data");
    cr_assert(dor__ok(dor__tls_update_keys(pair.client.tls, false)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    proto_feed(&pair, DOR_TLS_CLIENT, dor__bytes_span(&request));
    dor__bytes_free(&request);
    dor__bytes_free(&pair.server.plaintext);
    proto_talk(&pair);
    authenticated(1);
}

Test(post_auth, on_a_resumed_connection)
{
    give_identity();
    run(NULL);
    dor_session *session = dor__session_ref(pair.client.session);
    prepare(NULL, session);
    dor__session_unref(session);
    proto_pair_run(&pair);
    works();
    cr_assert(again_info(DOR_TLS_SERVER).resumed);
    ask();
    proto_talk(&pair);
    authenticated(1);
    cr_assert(again_info(DOR_TLS_SERVER).resumed);
    cr_assert_not_null(again_info(DOR_TLS_SERVER).peer);
}

static dor_result sign_it(dor_tls *tls)
{
    dor_tls_question q;
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t len;
    dor__tls_get_question(tls, &q);
    cr_assert_eq(q.kind, DOR_TLS_QUESTION_SIGN);
    cr_assert(dor__ok(dor__sign(q.identity->key, q.scheme, q.content, pair.rng[0], sig, sizeof sig, &len)));
    return dor__tls_answer_signature(tls, dor__span(sig, len));
}

/* While somebody signs, the client goes on sending, also under fresh keys; the answer comes in one piece. */
Test(post_auth, the_key_is_elsewhere)
{
    give_identity();
    client->ask_signature = true;
    run(NULL);
    ask();
    proto_talk(&pair);
    cr_assert(pair.client.asked);
    cr_assert_not(dor__tls_sends_wait(pair.client.tls));
    cr_assert(dor__ok(dor__tls_send(pair.client.tls, dor__span_str("one"))));
    cr_assert(dor__ok(dor__tls_update_keys(pair.client.tls, false)));
    cr_assert(dor__ok(dor__tls_send(pair.client.tls, dor__span_str("two"))));
    proto_talk(&pair);
    cr_assert(dor__ok(sign_it(pair.client.tls)));
    proto_resume(&pair, DOR_TLS_CLIENT);
    cr_assert(dor__span_equal(dor__bytes_span(&pair.server.plaintext), dor__span_str("onetwo")));
    dor__bytes_free(&pair.server.plaintext);
    authenticated(1);
}

Test(post_auth, nobody_signs)
{
    give_identity();
    client->ask_signature = true;
    run(NULL);
    ask();
    proto_talk(&pair);
    cr_assert(dor__failed(
        dor__tls_refuse(pair.client.tls, dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_FAILED))));
    pair.client.result = dor__tls_error(pair.client.tls);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    fails(DOR_TLS_CLIENT, DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_FAILED);
}

Test(post_auth, closed_while_somebody_signs)
{
    give_identity();
    client->ask_signature = true;
    run(NULL);
    ask();
    proto_talk(&pair);
    cr_assert(dor__ok(dor__tls_close(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert(pair.server.closed);
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
}

/* ---- it is not to be had --------------------------------------------------------------------------------------------- */

Test(post_auth, when_it_cannot_be_asked_for)
{
    prepare(NULL, NULL);
    cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_ENOTCONN);
    proto_pair_run(&pair);
    cr_assert_eq(dor__tls_request_certificate(pair.client.tls).code, DOR_E_EINVAL);
    cr_assert(dor__ok(dor__tls_close(pair.server.tls)));
    cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_CLOSED);
    client->post_auth = false;
    run(NULL);
    cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_NO_POST_AUTH);
    cr_assert_null(pair.client.tls->again);
    works();
    server->post_auth = false;
    give_identity();
    run(NULL);
    cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_EINVAL);
    cr_assert_not_null(again_info(DOR_TLS_SERVER).peer, "it was asked for in the handshake");
    client->max_version = DOR_TLS_1_2;
    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    server->post_auth = true;
    run(NULL);
    cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_EINVAL);
}

static const uint8_t request_body[] = {
    DOR_HS_CERTIFICATE_REQUEST, 0, 0, 13, 2, 'c', 'x', 0, 8, 0, 13, 0, 4, 0, 2, 4, 3};

Test(post_auth, a_request_that_was_not_offered_for)
{
    client->post_auth = false;
    run(NULL);
    again_say(DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(request_body, sizeof request_body));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
}

Test(post_auth, malformed_requests)
{
    static const struct {
        uint8_t message[24];
        size_t len;
        dor_alert alert;
        dor_reason reason;
    } cases[] = {
        {{13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3},
         15,
         DOR_ALERT_ILLEGAL_PARAMETER,
         DOR_REASON_REQUEST_CONTEXT},
        {{13, 0, 0, 4, 1, 'c', 0, 0}, 8, DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION},
        {{13, 0, 0, 3, 9, 'c', 0}, 7, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        run(NULL);
        again_say(DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(cases[i].message, cases[i].len));
        proto_deliver(&pair, DOR_TLS_CLIENT);
        fails(DOR_TLS_CLIENT, cases[i].alert, cases[i].reason);
    }
}

/* Each costs the client a signature. */
Test(post_auth, floods_of_requests)
{
    run(NULL);
    for (size_t i = 0; i < 3 * DOR_REQUESTS_IN_A_ROW_MAX; i++) {
        ask();
        proto_talk(&pair);
        if (i % 4 == 3) proto_say(&pair, DOR_TLS_SERVER, "x"); /* data between */
        cr_assert(dor__ok(pair.client.result), "%s", trouble());
    }
    for (size_t i = 0; i < DOR_REQUESTS_IN_A_ROW_MAX; i++) {
        ask();
        proto_talk(&pair);
    }
    ask();
    proto_talk(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_CERTIFICATE_REQUESTS);
}

/* ---- answers that are none --------------------------------------------------------------------------------------------- */

Test(post_auth, an_answer_that_nobody_asked_for)
{
    static const uint8_t empty[] = {DOR_HS_CERTIFICATE, 0, 0, 4, 0, 0, 0, 0},
                         other[] = {DOR_HS_CERTIFICATE, 0, 0, 5, 1, 'x', 0, 0, 0};
    run(NULL);
    again_say(DOR_TLS_CLIENT, DOR_CONTENT_HANDSHAKE, dor__span(empty, sizeof empty));
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    run(NULL);
    ask();
    dor__bytes_free(dor__tls_output(pair.server.tls));
    again_say(DOR_TLS_CLIENT, DOR_CONTENT_HANDSHAKE, dor__span(other, sizeof other));
    failed_by(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_REQUEST_CONTEXT);
}

/* Certificate and Finished of an answer, without anything between: data, other messages, alerts. */
Test(post_auth, an_answer_comes_in_one_piece)
{
    for (int what = 0; what < 4; what++) {
        run(NULL);
        ask();
        const uint8_t *context = pair.server.tls->again->requests->context;
        uint8_t certificate[4 + 1 + DOR_REQUEST_CONTEXT_LEN + 3] = {DOR_HS_CERTIFICATE, 0, 0, 20,
                                                                    DOR_REQUEST_CONTEXT_LEN};
        memcpy(certificate + 5, context, DOR_REQUEST_CONTEXT_LEN);
        dor__bytes_free(dor__tls_output(pair.server.tls));
        again_say(DOR_TLS_CLIENT, DOR_CONTENT_HANDSHAKE, dor__span(certificate, sizeof certificate));
        cr_assert(dor__tls_in_second(pair.server.tls), "%s", trouble());
        cr_assert_eq(dor__tls_request_certificate(pair.server.tls).code, DOR_E_EALREADY);
        cr_assert(dor__ok(dor__tls_send(pair.server.tls, dor__span_str("ours goes on"))));
        dor__bytes_free(dor__tls_output(pair.server.tls));
        if (what == 0) again_say(DOR_TLS_CLIENT, DOR_CONTENT_APPLICATION_DATA, dor__span_str("data"));
        if (what == 1) {
            cr_assert(dor__ok(dor__tls_update_keys(pair.client.tls, false)));
            proto_deliver(&pair, DOR_TLS_CLIENT);
        }
        if (what == 2)
            again_say(DOR_TLS_CLIENT, DOR_CONTENT_HANDSHAKE, dor__span(certificate, sizeof certificate));
        if (what == 3) {
            const uint8_t zero = 1;
            dor_bytes record = DOR_BYTES_EMPTY;
            dor_protection null;
            dor__protection_init_null(&null);
            cr_assert(dor__ok(dor__record_write(&null, DOR_CONTENT_CHANGE_CIPHER_SPEC, 0x0303, 16384,
                                                dor__span(&zero, 1), &record)));
            proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(&record));
            dor__bytes_free(&record);
        }
        failed_by(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    }
}

Test(post_auth, every_bit)
{
    retoucher r;
    give_identity();
    for (size_t bit = 0;; bit += again_stride(7)) {
        run(NULL);
        retouch_set_up(&r, bit);
        ask();
        pair.tamper = retouch;
        pair.tamper_ctx = &r;
        proto_talk(&pair);
        retouch_fini(&r);
        if (!r.done) {
            cr_assert_gt(bit, 4000u);
            break;
        }
        cr_assert_eq(pair.server.authenticated_count, 0u, "bit %zu", bit);
        cr_assert_null(again_info(DOR_TLS_SERVER).peer);
    }
}

static bool starve(size_t n, bool once)
{
    size_t pieces = counting_alloc_pieces();
    run(NULL);
    if (once)
        counting_alloc_fail_once_at(n);
    else
        counting_alloc_fail_at(n);
    dor_result r = dor__tls_request_certificate(pair.server.tls);
    if (dor__ok(r)) proto_talk(&pair);
    bool enough = counting_alloc_calls() < n;
    counting_alloc_fail_at(0);
    if (enough) authenticated(1);
    proto_pair_fini(&pair);
    cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    return enough;
}

Test(post_auth_starved, memory_runs_out)
{
    counting_alloc_install();
    set_up();
    give_identity();
    for (int once = 0; once < 2; once++) {
        size_t n = 1;
        while (!starve(n, once))
            n++;
        cr_assert_gt(n, 5);
    }
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0);
}

/* ---- keys wear out ------------------------------------------------------------------------------------------------------ */

static void wear(dor_tls_role writer, uint64_t records)
{
    again_tls(writer)->write.sequence = again_tls(again_other(writer))->read.sequence = records;
}

static const struct {
    uint16_t suite;
    uint64_t mark;
} marks[] = {{0x1301, 1 << 24}, {0x1302, 1 << 24}, {0x1303, 1 << 24}, {0x1304, 1 << 22}, {0x1305, 1 << 22}};

static void use_suite(uint16_t suite)
{
    client->suites[0] = server->suites[0] = suite;
    client->suite_count = server->suite_count = 1;
}

/* Before our own data, with nobody asking. */
Test(post_auth, our_keys_are_replaced_when_they_are_worn)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < COUNT(marks); i++) {
            dor_tls_role writer = r ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
            use_suite(marks[i].suite);
            run(NULL);
            wear(writer, marks[i].mark - 1);
            cr_assert(dor__ok(dor__tls_send(again_tls(writer), dor__span_str("under the old"))));
            cr_assert_eq(again_tls(writer)->write.sequence, marks[i].mark);
            cr_assert(dor__ok(dor__tls_send(again_tls(writer), dor__span_str("under the new"))));
            cr_assert_eq(again_tls(writer)->write.sequence, 1u, "suite %x", marks[i].suite);
            proto_talk(&pair);
            dor__bytes_free(&pair.client.plaintext);
            dor__bytes_free(&pair.server.plaintext);
            works();
        }
}

/* A peer that does not see to it is asked to, and asked again later if it does not do it. */
Test(post_auth, the_peer_is_asked_to_replace_worn_keys)
{
    enum { LATER = 1 << 16 };
    run(NULL);
    client->key_update_at = (uint64_t)1 << 60; /* no matter: what the cipher allows holds */
    wear(DOR_TLS_CLIENT, (1 << 24) - 1);
    dor_tls *t = pair.client.tls;
    cr_assert(
        dor__ok(dor__record_write(&t->write, 23, 0x0303, 16384, dor__span_str("x"), dor__tls_output(t))));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(pair.server.tls->write.sequence, 0u, "its own are fresh with it");
    dor__bytes_free(dor__tls_output(pair.server.tls)); /* and the client does not hear it */
    cr_assert(
        dor__ok(dor__record_write(&t->write, 23, 0x0303, 16384, dor__span_str("x"), dor__tls_output(t))));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(dor__tls_output(pair.server.tls)->len, 0u, "once is enough");
    wear(DOR_TLS_CLIENT, (1 << 24) + LATER - 1);
    cr_assert(
        dor__ok(dor__record_write(&t->write, 23, 0x0303, 16384, dor__span_str("x"), dor__tls_output(t))));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_gt(dor__tls_output(pair.server.tls)->len, 0u, "again");
}

Test(post_auth, key_update_at)
{
    client->key_update_at = 2 * 16384;
    run(NULL);
    for (int i = 0; i < 7; i++)
        cr_assert(dor__ok(dor__tls_send(pair.client.tls, dor__span_str("x"))));
    cr_assert_eq(pair.client.tls->write.sequence, 1u);
    proto_talk(&pair);
    cr_assert_eq(pair.server.plaintext.len, 7u, "%s", trouble());
    dor__bytes_free(&pair.server.plaintext);
    works();
}
