/*
 * What BoringSSL's black-box suite has taught us (docs/conformance.md), as cases of our own, since that suite is not in
 * this tree: alerts and their places, ends of flights, certificates that nobody verifies, the program's word about them.
 */
#include "support/proto_test.h"
#include "support/tls12_wire.h"

#include "tls/exporter.h"
#include "tls/extension/extensions.h"

static const uint16_t versions[] = {DOR_TLS_1_2, DOR_TLS_1_3};

static void set_up(void)
{
    set_up_version(0);
}

TestSuite(conformance, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- alerts ------------------------------------------------------------------------------------------------ */

/* RFC 8446 appendix D.4: a client's second flight begins with change_cipher_spec, also when it is an alert. */
Test(conformance, a_clients_alert_under_its_keys_stands_behind_change_cipher_spec)
{
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("stranger");
    proto_only(client, DOR_TLS_1_3, 0, 0);
    for (int compat = 0; compat < 2; compat++) {
        client->middlebox_compat = compat;
        prepare(NULL, NULL);
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
        proto_deliver(&pair, DOR_TLS_CLIENT);
        proto_deliver(&pair, DOR_TLS_SERVER);
        cr_assert(dor__failed(pair.client.result));
        const dor_bytes *out = dor__tls_output(pair.client.tls);
        cr_assert_eq(out->len, 5u + 2 + 1 + 16 + (compat ? 6 : 0));
        cr_assert_eq(out->ptr[0], compat ? 20 : 23);
        if (compat) cr_assert_eq(out->ptr[6], 23);
        proto_talk(&pair);
        fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
    }
}

/* Puts TLS_FALLBACK_SCSV into a hello of TLS 1.1, or not. */
static void make_old(void *ctx, dor_tls_role from, dor_bytes *data)
{
    const bool *scsv = ctx;
    if (from != DOR_TLS_CLIENT || data->ptr[0] != 22) return;
    uint8_t *m = data->ptr + 5;
    size_t gone = wire_cut_extension(m, data->len - 5, DOR_EXT_SUPPORTED_VERSIONS);
    data->len -= gone;
    wire_put_u16(data->ptr + 3, data->len - 5);
    m[5] = 2; /* legacy_version 3.2 */
    size_t suites_at = 4 + 2 + 32 + 1 + m[4 + 2 + 32];
    if (*scsv) wire_put_u16(m + suites_at + 2, 0x5600);
}

/* RFC 7507 section 3: inappropriate_fallback, also from a server that would not take the version at all. */
Test(conformance, a_fallback_below_all_our_versions)
{
    for (int i = 0; i < 2; i++) {
        bool scsv = i == 1;
        prepare(NULL, NULL);
        pair.tamper = make_old;
        pair.tamper_ctx = &scsv;
        proto_pair_run(&pair);
        if (scsv)
            fails(DOR_TLS_SERVER, DOR_ALERT_INAPPROPRIATE_FALLBACK, DOR_REASON_FALLBACK);
        else
            fails(DOR_TLS_SERVER, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
    }
}

/* ---- the end of a flight ----------------------------------------------------------------------------------- */

typedef struct glue {
    dor_tls_role from;
    size_t flight, seen; /* which of its deliveries */
    dor_span what;
    bool done;
} glue;

/* Appends bytes to the last record in the clear of a flight. */
static void glue_on(void *ctx, dor_tls_role from, dor_bytes *data)
{
    glue *g = ctx;
    if (from != g->from || g->seen++ != g->flight) return;
    size_t last = 0, at = 0;
    for (; at + 5 <= data->len && data->ptr[at] == 22; at += 5 + wire_u16(data->ptr + at + 3))
        last = at;
    if (at == 0) return;
    dor_bytes out = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__bytes_append(&out, dor__span(data->ptr, at))));
    cr_assert(dor__ok(dor__bytes_append(&out, g->what)));
    cr_assert(dor__ok(dor__bytes_append(&out, dor__span(data->ptr + at, data->len - at))));
    wire_put_u16(out.ptr + last + 3, wire_u16(out.ptr + last + 3) + g->what.len);
    dor__bytes_free(data);
    *data = out;
    g->done = true;
}

/* What stands behind the last message of a flight was written before it can have been answered. */
Test(conformance, nothing_stands_behind_a_flight_in_its_record)
{
    static const uint8_t half[] = {16}, whole[] = {0, 0, 0, 0}, header[] = {4, 0, 0, 9};
    const dor_span whats[] = {dor__span(half, 1), dor__span(whole, 4), dor__span(header, 4)};
    for (size_t v = 0; v < COUNT(versions); v++)
        for (int from = 0; from < 2; from++)
            for (size_t i = 0; i < COUNT(whats); i++) {
                dor_tls_role other = from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
                glue g = {.from = (dor_tls_role)from, .what = whats[i]};
                proto_only(client, versions[v], 0, 0);
                prepare(NULL, NULL);
                pair.tamper = glue_on;
                pair.tamper_ctx = &g;
                proto_pair_run(&pair);
                cr_assert(g.done);
                cr_assert_eq(proto_end_of(&pair, other)->result.code,
                             DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_UNEXPECTED_MESSAGE,
                                            (int)DOR_REASON_EXCESS_HANDSHAKE_DATA),
                             "version %zu, from %d, what %zu: %s", v, from, i, trouble());
            }
}

/* The same in front of a HelloRetryRequest: no keys change there. */
Test(conformance, nothing_stands_behind_a_hello_that_is_to_be_repeated)
{
    static const uint8_t half[] = {1};
    glue g = {.from = DOR_TLS_CLIENT, .what = dor__span(half, 1)};
    proto_only(client, DOR_TLS_1_3, 0, 0);
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
    prepare(NULL, NULL);
    pair.tamper = glue_on;
    pair.tamper_ctx = &g;
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EXCESS_HANDSHAKE_DATA);
}

/* ---- early data behind a HelloRetryRequest ------------------------------------------------------------------- */

/* Up to where the server waits for the second hello and passes over early data; that hello, taken from the client. */
static dor_bytes run_to_second_hello(void)
{
    proto_only(client, DOR_TLS_1_3, 0, 0);
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    proto_deliver(&pair, DOR_TLS_SERVER);
    pair.server.tls->hs->early_data_budget = 40000; /* as if the first had announced it */
    return wire_take(&pair, DOR_TLS_CLIENT);
}

static void feed_early_data(size_t len)
{
    uint8_t *record = calloc(1, 5 + len);
    cr_assert(record);
    record[0] = 23, record[1] = record[2] = 3;
    wire_put_u16(record + 3, len);
    proto_feed(&pair, DOR_TLS_SERVER, dor__span(record, 5 + len));
    free(record);
}

/* It is sealed, so its records are longer than those in the clear. */
Test(conformance, early_data_of_the_longest_records_is_passed_over)
{
    dor_bytes hello = run_to_second_hello();
    feed_early_data(16384 + 1 + 16);
    feed_early_data(16384 + 256);
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(&hello));
    proto_talk(&pair);
    works();
    dor__bytes_free(&hello);
    hello = run_to_second_hello();
    feed_early_data(16384 + 257);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    dor__bytes_free(&hello);
}

/* RFC 8446 section 5.1: no other record stands between the parts of a message, not even one to be passed over. */
Test(conformance, early_data_between_the_parts_of_a_hello)
{
    dor_bytes hello = run_to_second_hello();
    size_t at = hello.ptr[0] == 20 ? 6 : 0; /* behind change_cipher_spec */
    wire_feed_record(&pair, DOR_TLS_SERVER, 22, dor__span(hello.ptr + at + 5, 40));
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    feed_early_data(100);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    dor__bytes_free(&hello);
}

/* A client that does TLS 1.2 alone has nothing to use a hybrid with, and does not name it. */
Test(conformance, hybrids_are_not_offered_below_tls_13)
{
    for (size_t v = 0; v < COUNT(versions); v++) {
        client->groups[0] = DOR_GROUP_X25519MLKEM768;
        client->groups[1] = DOR_GROUP_SECP256R1; /* the certificate is on it */
        client->group_count = 2;
        proto_only(client, versions[v], 0, 0);
        prepare(NULL, NULL);
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
        const dor_bytes *out = dor__tls_output(pair.client.tls);
        uint8_t list[8] = {0, 10, 0, 4, 0, 2, 0, 0x17}; /* the extension: P-256 alone */
        size_t len = sizeof list;
        if (versions[v] == DOR_TLS_1_3) memcpy(list + 2, (const uint8_t[]){0, 6, 0, 4, 0x11, 0xec}, 6);
        cr_assert_not_null(memmem(out->ptr, out->len, list, len));
        proto_talk(&pair);
        works();
    }
}

/* ---- certificates ------------------------------------------------------------------------------------------ */

static size_t asked;
static dor_result verdict;

static dor_result verify(void *ctx, dor_certificate *const *chain, size_t count)
{
    cr_assert_eq(ctx, &asked);
    cr_assert(count >= 1 && chain[0]);
    asked++;
    return verdict;
}

static void use_verify(dor_tls_config *config)
{
    config->verify = verify;
    config->verify_ctx = &asked;
}

/* Behind everything else, once for each handshake, and its alert goes out. */
Test(conformance, the_programs_word_about_a_chain)
{
    use_verify(client);
    for (size_t v = 0; v < COUNT(versions); v++) {
        asked = 0;
        proto_only(client, versions[v], 0, 0);
        verdict = DOR_SUCCESS;
        run(NULL);
        works();
        cr_assert_eq(asked, 1u);
        verdict = dor__alert(DOR_ALERT_CERTIFICATE_UNKNOWN, DOR_REASON_CERT_REJECTED);
        run(NULL);
        fails(DOR_TLS_CLIENT, DOR_ALERT_CERTIFICATE_UNKNOWN, DOR_REASON_CERT_REJECTED);
        cr_assert_eq(asked, 2u);
        client->verify_peer = false; /* then nobody is asked */
        run(NULL);
        works();
        cr_assert_eq(asked, 2u);
        client->verify_peer = true;
    }
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("stranger"); /* it cannot say yes to what is wrong already */
    verdict = DOR_SUCCESS;
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
    cr_assert_eq(asked, 2u);
}

/* A session passes for its certificate, unless the program wants to be asked again. */
Test(conformance, the_programs_word_about_a_session)
{
    use_verify(client);
    for (size_t v = 0; v < COUNT(versions); v++) {
        verdict = DOR_SUCCESS;
        proto_only(client, versions[v], 0, 0);
        client->verify_resumed = false;
        run(NULL);
        works();
        dor_session *session = versions[v] == DOR_TLS_1_3 ? dor__session_ref(pair.client.session)
                                                          : dor__tls_session(pair.client.tls);
        verdict = dor__alert(DOR_ALERT_CERTIFICATE_UNKNOWN, DOR_REASON_CERT_REJECTED);
        prepare(NULL, session);
        proto_pair_run(&pair);
        works();
        client->verify_resumed = true;
        prepare(NULL, session);
        proto_pair_run(&pair);
        fails(DOR_TLS_CLIENT, DOR_ALERT_CERTIFICATE_UNKNOWN, DOR_REASON_CERT_REJECTED);
        dor__session_unref(session);
    }
}

/* What a key signs with is its own business, what the peer may sign with another. */
Test(conformance, schemes_of_an_identity)
{
    dor_tls_info info;
    dor_identity *identity = &server->identities[0];
    proto_only(client, DOR_TLS_1_3, 0, 0);
    server->schemes[0] = DOR_SIG_RSA_PSS_RSAE_SHA256;
    server->scheme_count = 1;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
    identity->schemes[0] = DOR_SIG_RSA_PSS_RSAE_SHA256; /* not for its key */
    identity->schemes[1] = DOR_SIG_ECDSA_SECP256R1_SHA256;
    identity->scheme_count = 2;
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.peer_scheme, DOR_SIG_ECDSA_SECP256R1_SHA256);
    identity->scheme_count = 1;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

/* ---- the rest ---------------------------------------------------------------------------------------------- */

/* RFC 5705 asks no more of a label than that both ends use the same. */
Test(conformance, an_empty_label_exports)
{
    uint8_t one[32], other[32], named[32];
    client->exporters = server->exporters = true;
    for (size_t v = 0; v < COUNT(versions); v++) {
        proto_only(client, versions[v], 0, 0);
        run(NULL);
        works();
        cr_assert(dor__ok(dor__tls_export(pair.client.tls, "", NULL, one, 32)));
        cr_assert(dor__ok(dor__tls_export(pair.server.tls, "", NULL, other, 32)));
        cr_assert(dor__ok(dor__tls_export(pair.server.tls, "x", NULL, named, 32)));
        cr_assert_eq(memcmp(one, other, 32), 0);
        cr_assert_neq(memcmp(one, named, 32), 0);
    }
}

/* RFC 8446 appendix D.4 allows it always; so a client that has sent no session id is helped through middleboxes, too. */
Test(conformance, a_compatible_server_sends_change_cipher_spec_to_everybody)
{
    proto_only(client, DOR_TLS_1_3, 0, 0);
    client->middlebox_compat = false;
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    const dor_bytes *out = dor__tls_output(pair.server.tls);
    cr_assert_eq(out->ptr[5 + wire_u16(out->ptr + 3)], 20);
    proto_talk(&pair);
    works();
}
