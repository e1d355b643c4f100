/*
 * TLS 1.2 handshakes that succeed, in all their kinds, those that must end in a certain alert, and how the two versions
 * are chosen between.
 */
#include "support/proto_test.h"
#include "support/tls12_wire.h"

static const struct {
    uint16_t ecdsa, rsa;
} suites[] = {{0xc02b, 0xc02f}, {0xc02c, 0xc030}, {0xcca9, 0xcca8}};
static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
static const struct {
    const char *chain, *key;
    bool rsa;
    dor_group curve; /* that the certificate needs the client to take */
    dor_sig_scheme scheme;
} identities[] = {
    {"tls-p256", "c", false, DOR_GROUP_SECP256R1, DOR_SIG_ECDSA_SECP256R1_SHA256},
    {"leaf int", "c", false, DOR_GROUP_SECP256R1, DOR_SIG_ECDSA_SECP256R1_SHA256},
    {"tls-p384", "d", false, DOR_GROUP_SECP384R1,
     DOR_SIG_ECDSA_SECP256R1_SHA256}, /* curve and hash are apart */
    {"tls-ed", "ed", false, 0, DOR_SIG_ED25519},
    {"tls-ed448", "ed448", false, 0, DOR_SIG_ED448},
    {"tls-rsa", "rsa", true, 0, DOR_SIG_RSA_PSS_RSAE_SHA256},
    {"tls-pss", "pss", true, 0, DOR_SIG_RSA_PSS_PSS_SHA256},
};

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
}

TestSuite(tls12, .init = set_up, .fini = tear_down);

static dor_tls_info info_of(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info;
}

/** `group` comes first, and the client takes the certificate's curve besides (RFC 8422 section 5.1). */
static void use_groups(dor_group group, dor_group curve)
{
    client->groups[0] = group;
    client->groups[1] = curve;
    client->group_count = curve && curve != group ? 2 : 1;
    proto_only(server, 0, 0, group);
}

Test(tls12, every_suite_group_and_certificate)
{
    for (size_t i = 0; i < COUNT(identities); i++) {
        dor__tls_config_unref(server);
        server = proto_server_config(identities[i].chain, identities[i].key, NULL);
        for (size_t s = 0; s < COUNT(suites); s++)
            for (size_t g = 0; g < COUNT(groups); g++) {
                uint16_t suite = identities[i].rsa ? suites[s].rsa : suites[s].ecdsa;
                proto_only(client, DOR_TLS_1_2, suite, 0);
                use_groups(groups[g], identities[i].curve);
                run(NULL);
                works();
                dor_tls_info info = info_of(DOR_TLS_CLIENT);
                cr_assert_eq(info.version, DOR_TLS_1_2);
                cr_assert_eq(info.suite->id, suite);
                cr_assert_eq(info.group, groups[g]);
                cr_assert_eq(info.peer_scheme, identities[i].scheme, "%s: %04x", identities[i].chain,
                             info.peer_scheme);
                cr_assert(info.extended_master_secret);
                cr_assert_not(info.resumed);
                cr_assert_not_null(info.peer);
                cr_assert_null(info_of(DOR_TLS_SERVER).peer);
            }
    }
}

Test(tls12, every_scheme_that_a_key_can_sign_with)
{
    static const struct {
        const char *chain, *key;
        dor_sig_scheme schemes[7];
    } keys[] = {
        {"tls-p256", "c", {DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SIG_ECDSA_SECP384R1_SHA384}},
        {"tls-p384", "d", {DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SIG_ECDSA_SECP384R1_SHA384}},
        {"tls-ed", "ed", {DOR_SIG_ED25519}},
        {"tls-rsa",
         "rsa",
         {DOR_SIG_RSA_PKCS1_SHA256, DOR_SIG_RSA_PKCS1_SHA384, DOR_SIG_RSA_PKCS1_SHA512,
          DOR_SIG_RSA_PSS_RSAE_SHA256, DOR_SIG_RSA_PSS_RSAE_SHA384, DOR_SIG_RSA_PSS_RSAE_SHA512}},
        {"tls-pss", "pss", {DOR_SIG_RSA_PSS_PSS_SHA256}},
    };
    for (size_t i = 0; i < COUNT(keys); i++) {
        dor__tls_config_unref(server);
        server = proto_server_config(keys[i].chain, keys[i].key, NULL);
        for (size_t s = 0; keys[i].schemes[s]; s++) {
            server->schemes[0] = keys[i].schemes[s];
            server->scheme_count = 1;
            run(NULL);
            works();
            cr_assert_eq(info_of(DOR_TLS_CLIENT).peer_scheme, keys[i].schemes[s]);
        }
    }
}

Test(tls12, one_byte_at_a_time)
{
    server->trust = pki_trust("root");
    server->verify_peer = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    prepare(NULL, NULL);
    pair.chunk = 1;
    proto_pair_run(&pair);
    works();
}

/* ---- choices ------------------------------------------------------------------------------------------------- */

Test(tls12, suite_not_in_common)
{
    proto_only(client, 0, 0xc02b, 0);
    proto_only(server, DOR_TLS_1_2, 0xc02c, 0);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
}

Test(tls12, group_not_in_common)
{
    proto_only(client, 0, 0, DOR_GROUP_SECP384R1);
    proto_only(server, 0, 0, DOR_GROUP_X25519);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_GROUP);
}

Test(tls12, scheme_not_in_common)
{
    proto_only(client, 0, 0xc02b, 0);
    client->schemes[0] = DOR_SIG_ED25519;
    client->scheme_count = 1;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

Test(tls12, certificate_on_a_curve_that_the_client_does_not_take)
{
    proto_only(client, 0, 0, DOR_GROUP_X25519);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
    proto_add_identity(server, "tls-rsa", "rsa"); /* is not on a curve */
    run(NULL);
    works();
}

/* The client's list counts here, whatever groups we exchange keys with. */
Test(tls12, certificate_on_a_curve_that_is_not_our_group)
{
    proto_only(server, 0, 0, DOR_GROUP_X25519);
    run(NULL);
    works();
}

Test(tls12, no_supported_groups_is_p256)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, 10);
    proto_pair_run(&pair);
    works();
    cr_assert_eq(info_of(DOR_TLS_CLIENT).group, DOR_GROUP_SECP256R1);
    client->groups[0] = DOR_GROUP_X25519;
    client->group_count = 1; /* the client's own rules still hold */
    dor__tls_config_unref(server);
    server = proto_server_config("tls-rsa", "rsa", &store);
    prepare(NULL, NULL);
    wire_start_without(&pair, 10);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_GROUP);
}

/* RFC 5246 section 7.4.1.4.1: that means SHA-1, and SHA-1 we do not sign with. */
Test(tls12, no_signature_algorithms)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, 13);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

Test(tls12, server_picks_the_identity_that_fits_the_suite)
{
    proto_add_identity(server, "tls-rsa", "rsa");
    proto_only(client, 0, 0xcca8, 0);
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_CLIENT).peer_scheme, DOR_SIG_RSA_PSS_RSAE_SHA256);
    proto_only(client, 0, 0xcca9, 0);
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_CLIENT).peer_scheme, DOR_SIG_ECDSA_SECP256R1_SHA256);
}

Test(tls12, preference_of_suites)
{
    static const uint16_t ours[] = {0xc02c, 0xc02b};
    memcpy(server->suites, ours, sizeof ours);
    server->suite_count = 2;
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_SERVER).suite->id, 0xc02c);
    server->honor_cipher_order = false;
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_SERVER).suite->id, 0xc02b);
}

/* ---- versions ------------------------------------------------------------------------------------------------ */

static const char sentinel[] = "DOWNGRD\x01";

static bool marked;

static void look_for_sentinel(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    /* record header, handshake header, version, random */
    if (from == DOR_TLS_SERVER && data->len > 43 && data->ptr[5] == 2)
        marked = memcmp(data->ptr + 5 + 4 + 2 + 24, sentinel, 8) == 0;
}

Test(tls12, version_mixes)
{
    static const struct {
        uint16_t client_min, client_max, server_min, server_max, version;
        bool marked;
    } mixes[] = {
        {0x0303, 0x0303, 0x0303, 0x0303, 0x0303, false}, {0x0303, 0x0303, 0x0303, 0x0304, 0x0303, true},
        {0x0303, 0x0304, 0x0303, 0x0303, 0x0303, false}, {0x0303, 0x0304, 0x0303, 0x0304, 0x0304, false},
        {0x0304, 0x0304, 0x0303, 0x0304, 0x0304, false}, {0x0303, 0x0304, 0x0304, 0x0304, 0x0304, false},
        {0x0304, 0x0304, 0x0303, 0x0303, 0, false},      {0x0303, 0x0303, 0x0304, 0x0304, 0, false},
    };
    for (size_t i = 0; i < COUNT(mixes); i++) {
        client->min_version = mixes[i].client_min;
        client->max_version = mixes[i].client_max;
        server->min_version = mixes[i].server_min;
        server->max_version = mixes[i].server_max;
        marked = false;
        proto_store_fini(&store); /* the same seed makes the same ids */
        proto_store_init(&store);
        prepare(NULL, NULL);
        pair.tamper = look_for_sentinel;
        proto_pair_run(&pair);
        if (mixes[i].version == 0) {
            fails(DOR_TLS_SERVER, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
            continue;
        }
        works();
        cr_assert_eq(info_of(DOR_TLS_CLIENT).version, mixes[i].version);
        cr_assert_eq(marked, mixes[i].marked, "mix %zu", i);
    }
}

/* RFC 8446 section 4.1.3: somebody in between took supported_versions out. */
Test(tls12, downgrade_is_noticed)
{
    client->max_version = DOR_TLS_1_3;
    prepare(NULL, NULL);
    wire_start_without(&pair, 43);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_DOWNGRADE);
}

static void add_fallback_scsv(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    if (from == DOR_TLS_CLIENT && data->ptr[5] == 1) {
        size_t suites_at = 5 + 4 + 2 + 32 + 1 + data->ptr[5 + 4 + 2 + 32];
        data->ptr[suites_at + 2] = 0x56, data->ptr[suites_at + 3] = 0x00; /* in place of the first */
    }
}

Test(tls12, fallback)
{
    prepare(NULL, NULL);
    pair.tamper = add_fallback_scsv;
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_INAPPROPRIATE_FALLBACK, DOR_REASON_FALLBACK);
    server->max_version =
        DOR_TLS_1_2; /* then it is no fallback; that the hello was changed shows in Finished */
    prepare(NULL, NULL);
    pair.tamper = add_fallback_scsv;
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
}

/* ---- certificates of the server ------------------------------------------------------------------------------ */

Test(tls12, server_unknown)
{
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("stranger");
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
}

Test(tls12, server_of_another_name)
{
    run("other.example");
    fails(DOR_TLS_CLIENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
}

Test(tls12, no_verification_when_not_wanted)
{
    client->verify_peer = client->verify_host = false;
    dor__trust_store_unref(client->trust);
    client->trust = NULL;
    run("other.example");
    works();
}

/* The suite says ECDSA, the certificate RSA: RFC 5246 section 7.4.2. */
Test(tls12, certificate_that_does_not_fit_the_suite)
{
    size_t len;
    uint8_t *rsa = pki_der("tls-rsa", &len);
    prepare(NULL, NULL);
    wire_swap_certificate(&pair, dor__span(rsa, len));
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_KEY_TYPE);
    free(rsa);
}

/* The right certificate, somebody else's key. */
Test(tls12, certificate_of_somebody_else)
{
    size_t len;
    uint8_t *other = pki_der("tls-p384", &len);
    prepare(NULL, NULL);
    wire_swap_certificate(&pair, dor__span(other, len));
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
    free(other);
}

Test(tls12, server_without_a_certificate)
{
    prepare(NULL, NULL);
    wire_swap_certificate(&pair, DOR_SPAN_EMPTY);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_NO_CERTIFICATE);
}

/* ---- client authentication --------------------------------------------------------------------------------- */

static void ask(bool require)
{
    server->trust = pki_trust("root");
    server->verify_peer = true;
    server->require_peer_cert = require;
}

Test(tls12, client_certificates_of_every_kind)
{
    ask(true);
    for (size_t chunk = 0; chunk < 2; chunk++)
        for (size_t i = 0; i < COUNT(identities); i++) {
            dor__tls_config_unref(client);
            client = proto_client_config("root");
            proto_only(client, DOR_TLS_1_2, 0, 0);
            proto_add_identity(client, identities[i].chain, identities[i].key);
            prepare(NULL, NULL);
            pair.chunk = chunk;
            proto_pair_run(&pair);
            works();
            cr_assert_eq(info_of(DOR_TLS_SERVER).peer_scheme, identities[i].scheme);
            cr_assert_not_null(info_of(DOR_TLS_SERVER).peer);
        }
}

Test(tls12, client_certificate_missing_but_required)
{
    ask(true);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CERTIFICATE);
}

Test(tls12, client_certificate_missing_and_not_required)
{
    ask(false);
    run(NULL);
    works();
    cr_assert_null(info_of(DOR_TLS_SERVER).peer);
}

/* A client that has one, but none that the server could check, has none. */
Test(tls12, client_certificate_that_fits_no_scheme)
{
    ask(false);
    server->schemes[0] = DOR_SIG_ECDSA_SECP256R1_SHA256;
    server->scheme_count = 1;
    proto_add_identity(client, "tls-ed", "ed");
    run(NULL);
    works();
    cr_assert_null(info_of(DOR_TLS_SERVER).peer);
}

Test(tls12, client_certificate_of_a_stranger)
{
    ask(false);
    dor__trust_store_unref(server->trust);
    server->trust = pki_trust("stranger");
    proto_add_identity(client, "tls-p256", "c");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
}

Test(tls12, client_certificate_that_is_for_servers_only)
{
    ask(true);
    proto_add_identity(client, "leaf-server int", "c");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_EXTENDED_KEY_USAGE);
}

/* ---- extensions ---------------------------------------------------------------------------------------------- */

static void alpn(dor_tls_config *config, const char *name)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(config, dor__span_str(name))));
}

Test(tls12, alpn_by_the_servers_preference)
{
    alpn(client, "http/1.1");
    alpn(client, "h2");
    alpn(server, "h2");
    alpn(server, "http/1.1");
    run(NULL);
    works();
    cr_assert(dor__span_equal(info_of(DOR_TLS_CLIENT).alpn, dor__span_str("h2")));
}

Test(tls12, alpn_none_in_common)
{
    alpn(client, "http/1.1");
    alpn(server, "h2");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_NO_APPLICATION_PROTOCOL, DOR_REASON_NO_ALPN);
}

/* A key that prescribes SHA-256 (RFC 4055 section 3.3), where another hash is liked better. */
Test(tls12, key_that_prescribes_its_hash)
{
    static const dor_sig_scheme liked[] = {DOR_SIG_RSA_PSS_PSS_SHA512, DOR_SIG_RSA_PSS_PSS_SHA256};
    dor__tls_config_unref(server);
    server = proto_server_config("tls-pss", "pss", NULL);
    memcpy(server->schemes, liked, sizeof liked);
    server->scheme_count = COUNT(liked);
    run(NULL);
    works();
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.peer_scheme, DOR_SIG_RSA_PSS_PSS_SHA256);
}

Test(tls12, server_name)
{
    run("host.example");
    works();
    cr_assert(dor__span_equal(info_of(DOR_TLS_SERVER).server_name, dor__span_str("host.example")));
}

/* RFC 7627 section 5.2: without it from either end, the old master secret. */
Test(tls12, without_extended_master_secret)
{
    for (size_t s = 0; s < COUNT(suites); s++) {
        proto_only(client, 0, suites[s].ecdsa, 0);
        prepare(NULL, NULL);
        wire_start_without(&pair, 23);
        proto_pair_run(&pair);
        works();
        cr_assert_not(info_of(DOR_TLS_CLIENT).extended_master_secret);
        cr_assert_not(info_of(DOR_TLS_SERVER).extended_master_secret);
        cr_assert_null(dor__tls_session(pair.client.tls), "such a session is not for resumption");
        cr_assert_eq(store.count, 0);
    }
}

/* RFC 5746 sections 4.1 and 4.3: spoken to all the same. */
Test(tls12, peer_without_renegotiation_info)
{
    prepare(NULL, NULL);
    wire_start_without(&pair, 0xff01);
    proto_pair_run(&pair);
    works();
}

static void spoil_renegotiation_info(void *ctx, dor_tls_role from, dor_bytes *data)
{
    static const uint8_t empty[] = {0xff, 0x01, 0x00, 0x01, 0x00};
    if (from != *(dor_tls_role *)ctx) return;
    for (size_t i = 0; i + sizeof empty < data->len; i++)
        if (memcmp(data->ptr + i, empty, sizeof empty) == 0) {
            /* As long as it was, but not empty any more: it swallows a byte of what follows. */
            data->ptr[i + 3] = 0x02, data->ptr[i + 4] = 0x01;
            return;
        }
}

Test(tls12, renegotiation_info_that_is_not_empty)
{
    for (int by = DOR_TLS_CLIENT; by <= DOR_TLS_SERVER; by++) {
        dor_tls_role from = by == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
        prepare(NULL, NULL);
        pair.tamper = spoil_renegotiation_info;
        pair.tamper_ctx = &from;
        proto_pair_run(&pair);
        cr_assert(dor__failed(proto_end_of(&pair, (dor_tls_role)by)->result));
        cr_assert_not(pair.client.connected || pair.server.connected);
    }
}

/* ---- once connected ------------------------------------------------------------------------------------------ */

static void ask_to_start_over(dor_tls_role from)
{
    dor_tls *t = proto_end_of(&pair, from)->tls;
    dor_span body = from == DOR_TLS_CLIENT ? dor__span_str("whatever it says") : DOR_SPAN_EMPTY;
    cr_assert(dor__ok(
        dor__message_write(t, from == DOR_TLS_CLIENT ? DOR_HS_CLIENT_HELLO : DOR_HS_HELLO_REQUEST, body)));
    proto_deliver(&pair, from);
}

/* RFC 5246 section 7.2.2: no_renegotiation is a warning and the connection goes on; but not for ever. */
Test(tls12, renegotiation_is_refused)
{
    for (int from = DOR_TLS_CLIENT; from <= DOR_TLS_SERVER; from++) {
        dor_tls_role to = from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
        run(NULL);
        works();
        for (size_t i = 0; i < 12; i++) {
            ask_to_start_over((dor_tls_role)from);
            cr_assert(dor__ok(proto_end_of(&pair, to)->result), "%s", trouble());
            cr_assert(proto_deliver(&pair, to), "a warning");
            proto_say(&pair, to, "and on it goes");
            if (i % 4 == 3) proto_say(&pair, (dor_tls_role)from, "and on it goes"); /* data between */
            cr_assert(dor__ok(proto_end_of(&pair, (dor_tls_role)from)->result), "%s", trouble());
        }
        for (size_t i = 0; i < 4; i++)
            ask_to_start_over((dor_tls_role)from);
        cr_assert(dor__ok(proto_end_of(&pair, to)->result), "%s", trouble());
        ask_to_start_over((dor_tls_role)from);
        proto_deliver(&pair, to);
        fails(to, DOR_ALERT_NO_RENEGOTIATION, DOR_REASON_NO_RENEGOTIATION);
    }
}

Test(tls12, other_messages_once_connected)
{
    for (int from = DOR_TLS_CLIENT; from <= DOR_TLS_SERVER; from++)
        for (unsigned type = 0; type < 256; type++) {
            dor_tls_role to = from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
            if (type == (from == DOR_TLS_CLIENT ? DOR_HS_CLIENT_HELLO : DOR_HS_HELLO_REQUEST)) continue;
            if (type > 26 && type < 254) continue;
            run(NULL);
            works();
            dor_tls *t = proto_end_of(&pair, (dor_tls_role)from)->tls;
            cr_assert(dor__ok(dor__message_write(t, (uint8_t)type, dor__span_str("body"))));
            proto_pair_run(&pair);
            fails(to, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
        }
}

Test(tls12, much_data_in_both_directions)
{
    static uint8_t much[100000];
    for (size_t s = 0; s < COUNT(suites); s++) {
        proto_only(client, 0, suites[s].ecdsa, 0);
        run(NULL);
        works();
        for (int from = DOR_TLS_CLIENT; from <= DOR_TLS_SERVER; from++) {
            proto_end *to = proto_end_of(&pair, from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
            size_t before = to->plaintext.len;
            cr_assert(dor__ok(
                dor__tls_send(proto_end_of(&pair, (dor_tls_role)from)->tls, dor__span(much, sizeof much))));
            proto_deliver(&pair, (dor_tls_role)from);
            cr_assert_eq(to->plaintext.len - before, sizeof much);
        }
    }
}

Test(tls12, sleeps_and_wakes)
{
    run(NULL);
    works();
    for (size_t i = 0; i < 3; i++) {
        dor__tls_sleep(pair.client.tls);
        dor__tls_sleep(pair.server.tls);
        cr_assert(dor__tls_asleep(pair.client.tls) && dor__tls_asleep(pair.server.tls));
        works();
        cr_assert_not(dor__tls_asleep(pair.client.tls) || dor__tls_asleep(pair.server.tls));
    }
}

Test(tls12, close_in_both_directions)
{
    run(NULL);
    works();
    cr_assert(dor__ok(dor__tls_close(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert(pair.server.closed);
    cr_assert(dor__ok(dor__tls_close(pair.server.tls)));
    proto_deliver(&pair, DOR_TLS_SERVER);
    cr_assert(pair.client.closed);
    cr_assert_eq(dor__tls_update_keys(pair.client.tls, false).code, DOR_E_CLOSED);
}

Test(tls12, key_updates_are_for_tls13)
{
    run(NULL);
    works();
    cr_assert_eq(dor__tls_update_keys(pair.client.tls, false).code, DOR_E_EINVAL);
    works();
}

Test(tls12, key_log_has_the_master_secret)
{
    static const char label[] = "CLIENT_RANDOM ";
    run(NULL);
    works();
    const char *first = pair.key_log;
    cr_assert_eq(strncmp(first, label, strlen(label)), 0);
    size_t len = strcspn(first, "\n");
    cr_assert_eq(len, strlen(label) + 2 * 32 + 1 + 2 * 48);
    cr_assert_eq(strncmp(first, first + len + 1, len), 0, "both ends say the same");
    cr_assert_eq(strlen(first), 2 * (len + 1));
}
