/*
 * Renegotiation in TLS 1.2 (RFC 5746): begun by either side, refused, bounded, cut off, tampered with, starved; what has to
 * stay as it was; and what happens to data meanwhile.
 */
#include "support/counting_alloc.h"
#include "support/proto_again.h"
#include "support/tls12_wire.h"
#include "tls/exporter.h"
#include "tls/extension/extensions.h"
#include "tls/question.h"

static const dor_tls_role roles[] = {DOR_TLS_CLIENT, DOR_TLS_SERVER};

static void allow(void)
{
    client->renegotiation = server->renegotiation = server->client_renegotiation = true;
}

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
    allow();
}

TestSuite(renegotiation, .init = set_up, .fini = tear_down, .timeout = 300);

static void ask_for_certificate(void)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
}

static void start(dor_tls_role by)
{
    dor_result r = dor__tls_renegotiate(again_tls(by));
    cr_assert(dor__ok(r), "%x", -r.code);
}

static void renegotiated(size_t times)
{
    cr_assert_eq(pair.client.renegotiated_count, times, "%s", trouble());
    cr_assert_eq(pair.server.renegotiated_count, times, "%s", trouble());
    cr_assert_eq(pair.client.connected_count, 1u);
    works();
}

/* ---- it works ------------------------------------------------------------------------------------------------------ */

Test(renegotiation, by_either_side)
{
    static const size_t chunks[] = {0, 1};
    for (size_t r = 0; r < 2; r++)
        for (size_t c = 0; c < 2; c++) {
            prepare(NULL, NULL);
            pair.chunk = chunks[c];
            proto_pair_run(&pair);
            works();
            for (size_t n = 1; n <= 5; n++) {
                uint8_t before[DOR_AEAD_MAX_KEY_LEN];
                memcpy(before, pair.client.tls->write.key, sizeof before);
                start(roles[r]);
                cr_assert_eq(dor__tls_renegotiate(again_tls(roles[r])).code, DOR_E_EALREADY);
                proto_talk(&pair);
                renegotiated(n);
                cr_assert(memcmp(before, pair.client.tls->write.key, sizeof before) != 0, "fresh keys");
            }
        }
}

Test(renegotiation, either_side_after_the_other)
{
    run(NULL);
    for (size_t n = 1; n <= 6; n++) {
        start(roles[n % 2]);
        proto_talk(&pair);
        renegotiated(n);
    }
}

/* Both at once: the HelloRequest finds the client in the middle of a handshake, and is passed over. */
Test(renegotiation, by_both_at_once)
{
    run(NULL);
    start(DOR_TLS_SERVER);
    start(DOR_TLS_CLIENT);
    proto_talk(&pair);
    renegotiated(1);
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    renegotiated(2);
}

Test(renegotiation, with_client_certificates)
{
    ask_for_certificate();
    for (size_t r = 0; r < 2; r++) {
        run(NULL);
        start(roles[r]);
        proto_talk(&pair);
        renegotiated(1);
        cr_assert_not_null(again_info(DOR_TLS_SERVER).peer);
    }
}

Test(renegotiation, of_a_resumed_connection_is_a_full_handshake)
{
    run(NULL);
    dor_session *session = dor__tls_session(pair.client.tls);
    prepare(NULL, session);
    dor__session_unref(session);
    proto_pair_run(&pair);
    works();
    cr_assert(again_info(DOR_TLS_CLIENT).resumed);
    start(DOR_TLS_CLIENT);
    cr_assert(again_info(DOR_TLS_CLIENT).resumed, "so far");
    proto_talk(&pair);
    renegotiated(1);
    cr_assert_not(again_info(DOR_TLS_CLIENT).resumed);
    cr_assert_not(again_info(DOR_TLS_SERVER).resumed);
}

Test(renegotiation, another_suite_and_group)
{
    run(NULL);
    uint16_t suite = again_info(DOR_TLS_CLIENT).suite->id;
    server->suites[0] = suite == 0xc02b ? 0xc02c : 0xc02b;
    server->suite_count = 1;
    dor_tls_config *const both[] = {client, server};
    for (size_t i = 0; i < 2; i++) {
        both[i]->groups[0] = DOR_GROUP_SECP384R1;
        both[i]->groups[1] = DOR_GROUP_SECP256R1; /* the certificate's */
        both[i]->group_count = 2;
    }
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    renegotiated(1);
    cr_assert_eq(again_info(DOR_TLS_CLIENT).suite->id, server->suites[0]);
    cr_assert_eq(again_info(DOR_TLS_SERVER).group, DOR_GROUP_SECP384R1);
}

Test(renegotiation, the_application_protocol_stays)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("h2"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("h2"))));
    run(NULL);
    start(DOR_TLS_CLIENT);
    proto_talk(&pair);
    renegotiated(1);
    cr_assert(dor__span_equal(again_info(DOR_TLS_CLIENT).alpn, dor__span_str("h2")));
    cr_assert(dor__span_equal(again_info(DOR_TLS_SERVER).alpn, dor__span_str("h2")));
}

/* A server of both versions marks its random in a first handshake; a renegotiation has nothing to fall back from. */
Test(renegotiation, between_ends_that_also_have_tls13)
{
    for (size_t r = 0; r < 2; r++) {
        run(NULL);
        client->max_version = DOR_TLS_1_3;
        start(roles[r]);
        proto_talk(&pair);
        renegotiated(1);
        client->max_version = DOR_TLS_1_2;
    }
}

Test(renegotiation, keying_material_is_of_what_holds)
{
    uint8_t first[32], meanwhile[32], after[32];
    client->exporters = server->exporters = true;
    run(NULL);
    cr_assert(dor__ok(dor__tls_export(pair.client.tls, "label", NULL, first, sizeof first)));
    start(DOR_TLS_CLIENT);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    proto_deliver(&pair, DOR_TLS_SERVER);
    cr_assert(dor__tls_in_second(pair.client.tls));
    cr_assert(dor__ok(dor__tls_export(pair.client.tls, "label", NULL, meanwhile, sizeof meanwhile)));
    cr_assert_eq(memcmp(first, meanwhile, sizeof first), 0);
    proto_talk(&pair);
    renegotiated(1);
    cr_assert(dor__ok(dor__tls_export(pair.client.tls, "label", NULL, after, sizeof after)));
    cr_assert_neq(memcmp(first, after, sizeof first), 0);
    cr_assert(dor__ok(dor__tls_export(pair.server.tls, "label", NULL, first, sizeof first)));
    cr_assert_eq(memcmp(first, after, sizeof first), 0);
}

Test(renegotiation, information_is_of_what_holds)
{
    ask_for_certificate();
    run(NULL);
    dor_tls_info before = again_info(DOR_TLS_SERVER), now;
    start(DOR_TLS_CLIENT);
    for (int i = 0; i < 10 && pair.server.renegotiated_count == 0; i++) {
        now = again_info(DOR_TLS_SERVER);
        cr_assert_eq(now.suite, before.suite);
        cr_assert_eq(now.peer, before.peer);
        cr_assert_eq(now.group, before.group);
        cr_assert_eq(now.extended_master_secret, true);
        proto_deliver(&pair, i % 2 ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    }
    proto_talk(&pair);
    renegotiated(1);
}

static bool sign_for(void *ctx, dor_tls_role of, dor_tls *tls)
{
    dor_tls_question q;
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t len;
    dor__tls_get_question(tls, &q);
    cr_assert_eq(q.kind, DOR_TLS_QUESTION_SIGN);
    cr_assert(dor__ok(dor__sign(q.identity->key, q.scheme, q.content, pair.rng[of], sig, sizeof sig, &len)));
    return !ctx && dor__ok(dor__tls_answer_signature(tls, dor__span(sig, len)));
}

Test(renegotiation, asks_for_signatures)
{
    ask_for_certificate();
    client->ask_signature = server->ask_signature = true;
    prepare(NULL, NULL);
    pair.answer = sign_for;
    proto_pair_run(&pair);
    works();
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    renegotiated(1);
    cr_assert_eq(pair.questions, 4u);
}

Test(renegotiation, nothing_is_kept_where_it_is_off)
{
    client->renegotiation = server->renegotiation = server->client_renegotiation = false;
    run(NULL);
    works();
    cr_assert_null(pair.client.tls->again);
    cr_assert_null(pair.server.tls->again);
    for (size_t r = 0; r < 2; r++)
        cr_assert_eq(dor__tls_renegotiate(again_tls(roles[r])).code, DOR_E_EINVAL);
    works();
}

Test(renegotiation, is_for_tls12)
{
    client->max_version = DOR_TLS_1_3;
    prepare(NULL, NULL);
    cr_assert_eq(dor__tls_renegotiate(pair.client.tls).code, DOR_E_ENOTCONN);
    proto_pair_run(&pair);
    works();
    for (size_t r = 0; r < 2; r++)
        cr_assert_eq(dor__tls_renegotiate(again_tls(roles[r])).code, DOR_E_EINVAL);
}

/* ---- refused --------------------------------------------------------------------------------------------------------- */

Test(renegotiation, refused_by_the_peer)
{
    for (size_t r = 0; r < 2; r++) {
        run(NULL);
        proto_end *by = proto_end_of(&pair, roles[r]);
        client->renegotiation = roles[r] == DOR_TLS_CLIENT;
        server->client_renegotiation = false;
        for (size_t n = 1; n <= 3; n++) {
            start(roles[r]);
            proto_talk(&pair);
            cr_assert_eq(by->refused_count, n);
            works();
        }
        cr_assert_eq(by->renegotiated_count, 0u);
        allow();
        start(roles[r]);
        proto_talk(&pair);
        renegotiated(1);
    }
}

Test(renegotiation, so_many_by_the_peer)
{
    client->max_renegotiations = server->max_renegotiations = 2;
    for (size_t r = 0; r < 2; r++) {
        run(NULL);
        for (size_t n = 1; n <= 4; n++) {
            start(roles[r]);
            proto_talk(&pair);
            renegotiated(n < 2 ? n : 2);
            cr_assert_eq(proto_end_of(&pair, roles[r])->refused_count, n < 2 ? 0 : n - 2);
        }
    }
}

Test(renegotiation, who_refuses_for_ever_gives_up)
{
    server->client_renegotiation = false;
    server->max_refused_renegotiations = 0;
    run(NULL);
    start(DOR_TLS_CLIENT);
    proto_talk(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_NO_RENEGOTIATION, DOR_REASON_NO_RENEGOTIATION);
}

Test(renegotiation, peers_without_the_indication)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, DOR_EXT_RENEGOTIATION_INFO);
    proto_pair_run(&pair);
    works();
    for (size_t r = 0; r < 2; r++)
        cr_assert_eq(dor__tls_renegotiate(again_tls(roles[r])).code, DOR_E_RENEGOTIATION_INSECURE);
    dor_bytes none = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__message_write(pair.server.tls, DOR_HS_HELLO_REQUEST, dor__bytes_span(&none))));
    proto_talk(&pair);
    works();
    cr_assert_eq(pair.client.renegotiated_count, 0u);
}

Test(renegotiation, the_indication_may_be_required)
{
    server->require_secure_renegotiation = true;
    run(NULL);
    works();
    prepare(NULL, NULL);
    wire_start_without(&pair, DOR_EXT_RENEGOTIATION_INFO);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INSECURE);
    server->require_secure_renegotiation = false;
    client->require_secure_renegotiation = true;
    run(NULL);
    works();
    prepare(NULL, NULL);
    wire_start_without(&pair, DOR_EXT_RENEGOTIATION_INFO);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INSECURE);
}

/* RFC 7627: without extended master secret a server would not know whom it talks to. A client goes by the certificate. */
Test(renegotiation, servers_want_extended_master_secret)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, DOR_EXT_EXTENDED_MASTER_SECRET);
    proto_pair_run(&pair);
    works();
    cr_assert_eq(dor__tls_renegotiate(pair.server.tls).code, DOR_E_RENEGOTIATION_INSECURE);
    start(DOR_TLS_CLIENT);
    proto_talk(&pair);
    cr_assert_eq(pair.client.refused_count, 1u);
    works();
}

/* ---- what has to stay -------------------------------------------------------------------------------------------------- */

Test(renegotiation, wrong_verify_data)
{
    for (size_t i = 0; i < 4; i++) {
        run(NULL);
        dor_tls_role by = roles[i / 2];
        again_tls(by)->again->verify_data[i % 2][5] ^= 1;
        start(DOR_TLS_CLIENT);
        proto_talk(&pair);
        /* The client says its own; the server checks that, and then says both. */
        fails(i == 0 || i == 2 ? DOR_TLS_SERVER : DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE,
              DOR_REASON_RENEGOTIATION_INFO);
        cr_assert_eq(pair.client.renegotiated_count + pair.server.renegotiated_count, 0u);
    }
}

/* A first hello of another client, as an attacker would have it spliced in: without its message header. */
static dor_bytes foreign_hello(const char *host, uint16_t without, dor_span verify_data)
{
    dor_tls *t;
    const dor_tls_peer peer = {.host = dor__span_str(host)};
    cr_assert(dor__ok(dor__tls_new(&t, DOR_TLS_CLIENT, client, &pair.env[DOR_TLS_CLIENT], &peer)));
    cr_assert(dor__ok(dor__tls_start(t)));
    dor_bytes *out = dor__tls_output(t);
    size_t len = out->len - 5;
    if (without) len -= wire_cut_extension(out->ptr + 5, len, without);
    if (verify_data.len) len -= wire_cut_extension(out->ptr + 5, len, DOR_EXT_RENEGOTIATION_INFO);
    dor_bytes hello = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__bytes_append(&hello, dor__span(out->ptr + 5 + 4, len - 4))));
    dor__tls_free(t);
    if (!verify_data.len) return hello;
    size_t at = 2 + 32;
    at += 1u + hello.ptr[at];
    at += 2u + wire_u16(hello.ptr + at);
    at += 1u + hello.ptr[at];
    wire_put_u16(hello.ptr + at, wire_u16(hello.ptr + at) + 5 + verify_data.len);
    cr_assert(dor__ok(wr_u16(&hello, DOR_EXT_RENEGOTIATION_INFO)));
    cr_assert(dor__ok(wr_u16(&hello, (uint16_t)(1 + verify_data.len))));
    cr_assert(dor__ok(wr_vec(&hello, 1, verify_data)));
    return hello;
}

static void splice(const char *host, uint16_t without, bool informed, bool scsv)
{
    run(NULL);
    dor_span known = dor__span(pair.client.tls->again->verify_data[DOR_TLS_CLIENT], DOR_VERIFY_DATA_12_LEN);
    dor_bytes hello = foreign_hello(host, without, informed ? known : DOR_SPAN_EMPTY);
    if (scsv)
        wire_put_u16(hello.ptr + 2 + 32 + 1 + hello.ptr[34] + 2, 0x00ff); /* in place of the first suite */
    cr_assert(dor__ok(dor__message_write(pair.client.tls, DOR_HS_CLIENT_HELLO, dor__bytes_span(&hello))));
    dor__bytes_free(&hello);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(pair.server.renegotiated_count, 0u);
}

/* CVE-2009-3555: the hello of a client that believes that it begins. */
Test(renegotiation, first_hellos_are_not_taken)
{
    splice("host.example", 0, false, false);
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INFO);
    splice("host.example", DOR_EXT_RENEGOTIATION_INFO, false, false);
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INFO);
    splice("host.example", DOR_EXT_RENEGOTIATION_INFO, false, true); /* the SCSV alone */
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INFO);
    splice("host.example", 0, true, true); /* the SCSV beside the right extension */
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_INFO);
    splice("host.example", 0, true, false); /* the helper makes hellos that are good otherwise */
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    cr_assert(dor__tls_in_second(pair.server.tls));
}

Test(renegotiation, another_name)
{
    splice("www.example", 0, true, false);
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NAME_CHANGED);
}

Test(renegotiation, extended_master_secret_does_not_go)
{
    splice("host.example", DOR_EXT_EXTENDED_MASTER_SECRET, true, false);
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_EMS);
    run(NULL);
    pair.client.tls->extended_master_secret = false; /* as if it were new */
    start(DOR_TLS_CLIENT);
    proto_talk(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_RENEGOTIATION_EMS);
}

static void swap_identity(dor_tls_config *config, const char *chain, const char *key)
{
    config->identities[config->identity_count] = (dor_identity){0};
    proto_add_identity(config, chain, key);
    dor_identity first = config->identities[0];
    config->identities[0] = config->identities[1];
    config->identities[1] = first;
}

Test(renegotiation, another_server_certificate)
{
    run(NULL);
    swap_identity(server, "tls-p384", "d");
    start(DOR_TLS_CLIENT);
    proto_talk(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_PEER_CHANGED);
}

Test(renegotiation, another_client_certificate)
{
    ask_for_certificate();
    run(NULL);
    swap_identity(client, "tls-p384", "d");
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_PEER_CHANGED);
}

Test(renegotiation, a_client_certificate_does_not_go)
{
    ask_for_certificate();
    server->require_peer_cert = false;
    run(NULL);
    size_t count = client->identity_count;
    client->identity_count = 0;
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_PEER_CHANGED);
    client->identity_count = count;
}

Test(renegotiation, a_client_certificate_may_come)
{
    run(NULL);
    cr_assert_null(again_info(DOR_TLS_SERVER).peer);
    ask_for_certificate();
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    renegotiated(1);
    cr_assert_not_null(again_info(DOR_TLS_SERVER).peer);
}

Test(renegotiation, a_client_certificate_is_required_now)
{
    run(NULL);
    ask_for_certificate();
    client->identity_count = 0;
    start(DOR_TLS_SERVER);
    proto_talk(&pair);
    client->identity_count = 1;
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CERTIFICATE);
}

/* ---- data ------------------------------------------------------------------------------------------------------------- */

static bool heard(dor_tls_role by, const char *text)
{
    return dor__span_equal(dor__bytes_span(&proto_end_of(&pair, by)->plaintext), dor__span_str(text));
}

/* What the server had sent before it saw the ClientHello. */
Test(renegotiation, data_that_crosses_the_hello)
{
    run(NULL);
    start(DOR_TLS_CLIENT);
    cr_assert(dor__ok(dor__tls_send(pair.server.tls, dor__span_str("crossing"))));
    proto_deliver(&pair, DOR_TLS_SERVER);
    cr_assert(heard(DOR_TLS_CLIENT, "crossing"), "%s", trouble());
    proto_talk(&pair);
    dor__bytes_free(&pair.client.plaintext);
    renegotiated(1);
}

/* A server that has asked goes on until the client begins. */
Test(renegotiation, data_behind_a_hello_request)
{
    run(NULL);
    start(DOR_TLS_SERVER);
    cr_assert_not(dor__tls_sends_wait(pair.server.tls));
    cr_assert(dor__ok(dor__tls_send(pair.server.tls, dor__span_str("more"))));
    proto_talk(&pair);
    cr_assert(heard(DOR_TLS_CLIENT, "more"), "%s", trouble());
    dor__bytes_free(&pair.client.plaintext);
    renegotiated(1);
}

Test(renegotiation, our_data_waits)
{
    run(NULL);
    start(DOR_TLS_CLIENT);
    cr_assert(dor__tls_sends_wait(pair.client.tls));
    cr_assert_eq(dor__tls_send(pair.client.tls, dor__span_str("x")).code, DOR_E_BUSY);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(dor__tls_send(pair.server.tls, dor__span_str("x")).code, DOR_E_BUSY);
    proto_talk(&pair);
    renegotiated(1);
}

/* In the middle of the peer's half of the handshake data has no place. */
Test(renegotiation, data_in_between)
{
    for (size_t r = 0; r < 2; r++) {
        run(NULL);
        start(DOR_TLS_CLIENT);
        proto_deliver(&pair, DOR_TLS_CLIENT);
        if (roles[r] == DOR_TLS_SERVER) proto_deliver(&pair, DOR_TLS_SERVER);
        dor_tls *speaker = again_tls(roles[r]);
        dor__bytes_free(dor__tls_output(speaker));
        if (roles[r] ==
            DOR_TLS_SERVER) { /* the client's flight is out of the way, and with it its new keys */
            dor__bytes_free(dor__tls_output(pair.client.tls));
        }
        again_say(roles[r], DOR_CONTENT_APPLICATION_DATA, dor__span_str("data"));
        failed_by(again_other(roles[r]), DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    }
}

/* ---- cut off ----------------------------------------------------------------------------------------------------------- */

/* Delivers so many flights of a renegotiation that `by` begins. */
static void renegotiate_up_to(dor_tls_role by, size_t flights)
{
    run(NULL);
    start(by);
    for (size_t i = 0; i < flights; i++)
        proto_deliver(&pair, i % 2 ? again_other(by) : by);
}

Test(renegotiation, closed_at_every_position)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t flights = 0; flights < 5; flights++)
            for (size_t who = 0; who < 2; who++) {
                renegotiate_up_to(roles[r], flights);
                cr_assert(dor__ok(dor__tls_close(again_tls(roles[who]))));
                proto_talk(&pair);
                cr_assert(proto_end_of(&pair, again_other(roles[who]))->closed ||
                              dor__failed(proto_end_of(&pair, again_other(roles[who]))->result),
                          "%zu flights", flights);
                cr_assert_neq(pair.client.result.code, DOR_E_INTERNAL);
                cr_assert_neq(pair.server.result.code, DOR_E_INTERNAL);
            }
}

Test(renegotiation, alerts_at_every_position)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t flights = 0; flights < 4; flights++)
            for (unsigned alert = 0; alert < 256; alert++) {
                const uint8_t fatal[] = {2, (uint8_t)alert};
                renegotiate_up_to(roles[r], flights);
                dor_tls_role from = flights % 2 ? roles[r] : again_other(roles[r]);
                proto_end *to = proto_end_of(&pair, again_other(from));
                dor__bytes_free(dor__tls_output(again_tls(from)));
                bool ended = to->renegotiated_count > 0;
                again_say(from, DOR_CONTENT_ALERT, dor__span(fatal, 2));
                if (ended) continue;
                if (alert == DOR_ALERT_CLOSE_NOTIFY)
                    cr_assert(to->closed);
                else
                    cr_assert_eq(dor_error_get_class(to->result.code), DOR_CLASS_ALERT_RECEIVED, "%u", alert);
            }
}

Test(renegotiation, messages_out_of_place)
{
    for (unsigned type = 0; type < 256; type++)
        for (size_t flights = 1; flights < 3; flights++) {
            renegotiate_up_to(DOR_TLS_CLIENT, flights);
            dor_tls_role from = flights == 1 ? DOR_TLS_CLIENT : DOR_TLS_SERVER;
            const uint8_t message[] = {(uint8_t)type, 0, 0, 0};
            if (flights == 1 && type == DOR_HS_CLIENT_KEY_EXCHANGE) continue;
            if (flights == 2 && type == DOR_HS_HELLO_REQUEST) continue; /* passed over */
            if (flights == 2 && type == DOR_HS_NEW_SESSION_TICKET) continue;
            dor__bytes_free(dor__tls_output(again_tls(again_other(from))));
            again_say(from, DOR_CONTENT_HANDSHAKE, dor__span(message, sizeof message));
            dor_result r = proto_end_of(&pair, again_other(from))->result;
            cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_UNEXPECTED_MESSAGE, "type %u: %s", type,
                         trouble());
        }
}

Test(renegotiation, change_cipher_spec_out_of_place)
{
    const uint8_t one = 1;
    for (size_t flights = 0; flights < 2; flights++) {
        renegotiate_up_to(DOR_TLS_CLIENT, flights);
        dor_tls_role from = flights == 0 ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
        again_say(from, DOR_CONTENT_CHANGE_CIPHER_SPEC, dor__span(&one, 1));
        cr_assert_eq(dor_error_get_alert(proto_end_of(&pair, again_other(from))->result.code),
                     DOR_ALERT_UNEXPECTED_MESSAGE, "%s", trouble());
    }
}

/* Whatever bit of what is said under the old keys is another one on the other side: it does not come to an end. */
Test(renegotiation, every_bit)
{
    retoucher r;
    for (size_t by = 0; by < 2; by++)
        for (size_t bit = by;; bit += again_stride(7)) {
            run(NULL);
            retouch_set_up(&r, bit);
            start(roles[by]);
            pair.tamper = retouch;
            pair.tamper_ctx = &r;
            proto_talk(&pair);
            retouch_fini(&r);
            if (!r.done) {
                cr_assert_gt(bit, 4000u);
                break;
            }
            cr_assert_not(pair.client.renegotiated_count && pair.server.renegotiated_count, "bit %zu", bit);
        }
}

static bool starve(size_t n, bool once)
{
    size_t pieces = counting_alloc_pieces(), stored = store.count;
    run(NULL);
    if (once)
        counting_alloc_fail_once_at(n);
    else
        counting_alloc_fail_at(n);
    dor_result r = dor__tls_renegotiate(pair.client.tls);
    if (dor__ok(r)) proto_talk(&pair);
    bool enough = counting_alloc_calls() < n;
    counting_alloc_fail_at(0);
    if (enough) renegotiated(1);
    proto_pair_fini(&pair);
    while (store.count > stored)
        dor__session_unref(store.sessions[--store.count]);
    cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    return enough;
}

Test(renegotiation_starved, memory_runs_out)
{
    counting_alloc_install();
    set_up();
    ask_for_certificate();
    for (int once = 0; once < 2; once++) {
        size_t n = 1;
        while (!starve(n, once))
            n++;
        cr_assert_gt(n, 10);
    }
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0);
}

/* ---- keys wear out ------------------------------------------------------------------------------------------------------ */

/* As if so many records had gone. */
static void wear(dor_tls_role writer, uint64_t records)
{
    again_tls(writer)->write.sequence = again_tls(again_other(writer))->read.sequence = records;
}

enum { MARK = 1 << 24, END = 23726566 };

Test(renegotiation, by_itself_when_keys_are_worn)
{
    for (size_t r = 0; r < 2; r++)
        for (size_t writer = 0; writer < 2; writer++) {
            server->renegotiation = roles[r] == DOR_TLS_SERVER; /* else the client sees to it alone */
            run(NULL);
            wear(roles[writer], MARK - 2);
            proto_say(&pair, roles[writer], "one");
            cr_assert_eq(pair.client.renegotiated_count, 0u);
            proto_say(&pair, roles[writer], "two");
            proto_talk(&pair);
            cr_assert_eq(pair.client.renegotiated_count, 1u, "%s", trouble());
            dor__bytes_free(&pair.client.plaintext);
            dor__bytes_free(&pair.server.plaintext);
            renegotiated(1);
            cr_assert_lt(again_tls(roles[writer])->write.sequence, 100u);
        }
}

Test(renegotiation, worn_keys_are_not_used_on)
{
    for (size_t r = 0; r < 2; r++) {
        client->renegotiation = server->renegotiation = server->client_renegotiation = false;
        proto_only(client, 0, 0xc02b, 0);
        run(NULL);
        wear(roles[r], END - 1);
        proto_say(&pair, roles[r], "the last");
        cr_assert(heard(again_other(roles[r]), "the last"), "%s", trouble());
        cr_assert_eq(dor_error_get_reason(dor__tls_send(again_tls(roles[r]), dor__span_str("x")).code),
                     DOR_REASON_KEY_LIMIT);
        proto_deliver(&pair, roles[r]);
        cr_assert_eq(dor_error_get_alert(proto_end_of(&pair, again_other(roles[r]))->result.code),
                     DOR_ALERT_INTERNAL_ERROR);
    }
}

Test(renegotiation, chacha20_does_not_wear_out)
{
    client->renegotiation = server->renegotiation = false;
    proto_only(client, 0, 0xcca9, 0);
    run(NULL);
    wear(DOR_TLS_CLIENT, (uint64_t)1 << 40);
    works();
}

/* Not more bytes than the option says, each record counted as a full one. */
Test(renegotiation, renegotiate_at_sets_the_mark)
{
    client->renegotiate_at = 3 * 16384;
    run(NULL);
    pair.client.plaintext = pair.server.plaintext = DOR_BYTES_EMPTY;
    uint64_t now = pair.client.tls->write.sequence;
    for (uint64_t i = now; i < 3; i++)
        proto_say(&pair, DOR_TLS_CLIENT, "x");
    proto_talk(&pair);
    cr_assert_eq(pair.client.renegotiated_count, 1u, "%s", trouble());
}
