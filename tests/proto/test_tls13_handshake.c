/*
 * TLS 1.3 handshakes that succeed, in all their kinds, and those that must end in a certain alert.
 */
#include "support/proto_test.h"

static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
static const struct {
    const char *chain, *key;
    dor_sig_scheme scheme;
} identities[] = {
    {"tls-p256", "c", DOR_SIG_ECDSA_SECP256R1_SHA256}, {"leaf int", "c", DOR_SIG_ECDSA_SECP256R1_SHA256},
    {"tls-p384", "d", DOR_SIG_ECDSA_SECP384R1_SHA384}, {"tls-ed", "ed", DOR_SIG_ED25519},
    {"tls-p521", "e", DOR_SIG_ECDSA_SHA512},           {"tls-ed448", "ed448", DOR_SIG_ED448},
    {"tls-rsa", "rsa", DOR_SIG_RSA_PSS_RSAE_SHA256},   {"tls-pss", "pss", DOR_SIG_RSA_PSS_PSS_SHA256},
};

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
}

TestSuite(tls13, .init = set_up, .fini = tear_down);

Test(tls13, every_suite_group_and_certificate)
{
    for (size_t i = 0; i < COUNT(identities); i++) {
        dor__tls_config_unref(server);
        server = proto_server_config(identities[i].chain, identities[i].key, NULL);
        for (size_t s = 0; s < COUNT(suites); s++)
            for (size_t g = 0; g < COUNT(groups); g++) {
                dor_tls_info info;
                proto_only(client, DOR_TLS_1_3, suites[s], groups[g]);
                run(NULL);
                works();
                dor__tls_get_info(pair.client.tls, &info);
                cr_assert_eq(info.version, DOR_TLS_1_3);
                cr_assert_eq(info.suite->id, suites[s]);
                cr_assert_eq(info.group, groups[g]);
                cr_assert_eq(info.peer_scheme, identities[i].scheme);
                cr_assert_not(info.resumed || info.hello_retry);
            }
    }
}

Test(tls13, one_byte_at_a_time)
{
    proto_pair_init(&pair, client, server, NULL, NULL, 7);
    pair.chunk = 1;
    proto_pair_run(&pair);
    works();
}

Test(tls13, both_versions_agree_on_the_newer)
{
    dor_tls_info info;
    client->min_version = DOR_TLS_1_2;
    run(NULL);
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.version, DOR_TLS_1_3);
}

Test(tls13, version_not_in_common)
{
    server->max_version = DOR_TLS_1_2;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
}

Test(tls13, suite_not_in_common)
{
    proto_only(client, 0, 0x1301, 0);
    proto_only(server, DOR_TLS_1_3, 0x1302, 0);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
}

Test(tls13, group_not_in_common)
{
    proto_only(client, 0, 0, DOR_GROUP_SECP384R1);
    proto_only(server, 0, 0, DOR_GROUP_X25519);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_GROUP);
}

Test(tls13, scheme_not_in_common)
{
    client->schemes[0] = DOR_SIG_ED25519;
    client->scheme_count = 1;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

Test(tls13, preference_of_suites)
{
    static const uint16_t ours[] = {0x1302, 0x1301};
    dor_tls_info info;
    memcpy(server->suites, ours, sizeof ours);
    server->suite_count = 2;
    run(NULL);
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.suite->id, 0x1302);
    server->honor_cipher_order = false;
    run(NULL);
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.suite->id, client->suites[0]);
}

/* ---- HelloRetryRequest ------------------------------------------------------------------------------------- */

Test(tls13, retry_for_every_group)
{
    for (size_t chunk = 0; chunk < 2; chunk++)
        for (size_t first = 0; first < COUNT(groups); first++)
            for (size_t wanted = 0; wanted < COUNT(groups); wanted++) {
                dor_tls_info info;
                client->groups[0] = groups[first];
                client->groups[1] = groups[wanted];
                client->group_count = 2;
                proto_only(server, 0, 0, groups[wanted]);
                proto_pair_fini(&pair);
                proto_pair_init(&pair, client, server, NULL, NULL, 7);
                pair.chunk = chunk;
                proto_pair_run(&pair);
                works();
                dor__tls_get_info(pair.server.tls, &info);
                cr_assert_eq(info.hello_retry, first != wanted);
                cr_assert_eq(info.group, groups[wanted]);
            }
}

/* A share that is there is taken, although the server likes another group better. */
Test(tls13, no_retry_for_taste)
{
    dor_tls_info info;
    client->groups[0] = DOR_GROUP_SECP384R1;
    client->groups[1] = DOR_GROUP_X25519;
    client->group_count = 2;
    run(NULL);
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.group, DOR_GROUP_SECP384R1);
    cr_assert_not(info.hello_retry);
}

/* ---- certificates ------------------------------------------------------------------------------------------ */

Test(tls13, server_picks_the_identity_that_fits)
{
    dor_tls_info info;
    proto_add_identity(server, "tls-rsa", "rsa");
    proto_add_identity(server, "tls-ed", "ed");
    static const dor_sig_scheme takes[] = {DOR_SIG_ED25519, DOR_SIG_RSA_PSS_RSAE_SHA384,
                                           DOR_SIG_ECDSA_SECP256R1_SHA256};
    dor_sig_scheme all[DOR_MAX_SCHEMES];
    size_t count = client->scheme_count;
    memcpy(all, client->schemes, sizeof all);
    for (size_t i = 0; i < COUNT(takes); i++) {
        /* the certificates' own signatures are by the root's P-256 key */
        client->schemes[0] = takes[i];
        client->scheme_count = 1;
        run(NULL);
        works();
        dor__tls_get_info(pair.client.tls, &info);
        cr_assert_eq(info.peer_scheme, takes[i]);
    }
    memcpy(client->schemes, all, sizeof all);
    client->scheme_count = count;
}

Test(tls13, server_unknown)
{
    dor_tls_config *stranger = proto_client_config("stranger");
    proto_pair_init(&pair, stranger, server, NULL, NULL, 7);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
    dor__tls_config_unref(stranger);
}

Test(tls13, server_of_another_name)
{
    run("other.example");
    fails(DOR_TLS_CLIENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
}

Test(tls13, no_name_to_verify_is_no_name_verified)
{
    run("");
    fails(DOR_TLS_CLIENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
    client->verify_host = false;
    run("");
    works();
}

Test(tls13, server_by_address)
{
    dor_tls_info info;
    run("192.0.2.7");
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.server_name.len, 0u); /* no address in server_name */
}

Test(tls13, server_expired)
{
    proto_pair_init(&pair, client, server, NULL, NULL, 7);
    pair.now_ms += (int64_t)20 * 365 * 24 * 3600 * 1000;
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_CERTIFICATE_EXPIRED, DOR_REASON_CERT_EXPIRED);
}

Test(tls13, no_verification_when_not_wanted)
{
    client->verify_peer = client->verify_host = false;
    dor__trust_store_unref(client->trust);
    client->trust = NULL;
    run("other.example");
    works();
}

Test(tls13, no_trust_at_all)
{
    dor__trust_store_unref(client->trust);
    client->trust = NULL;
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
}

/* ---- client authentication --------------------------------------------------------------------------------- */

static void ask(bool require)
{
    server->trust = pki_trust("root");
    server->verify_peer = true;
    server->require_peer_cert = require;
}

Test(tls13, client_certificates_of_every_kind)
{
    ask(true);
    for (size_t chunk = 0; chunk < 2; chunk++)
        for (size_t i = 0; i < COUNT(identities); i++) {
            dor_tls_info info;
            dor_tls_config *c = proto_client_config("root");
            proto_only(c, DOR_TLS_1_3, 0, 0);
            proto_add_identity(c, identities[i].chain, identities[i].key);
            proto_pair_fini(&pair);
            proto_pair_init(&pair, c, server, NULL, NULL, 7);
            pair.chunk = chunk;
            proto_pair_run(&pair);
            works();
            dor__tls_get_info(pair.server.tls, &info);
            cr_assert_eq(info.peer_scheme, identities[i].scheme);
            cr_assert_not_null(info.peer);
            dor__tls_config_unref(c);
        }
}

Test(tls13, client_certificate_after_a_retry)
{
    ask(true);
    proto_add_identity(client, "tls-rsa", "rsa");
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
    run(NULL);
    works();
}

Test(tls13, client_certificate_missing_but_required)
{
    ask(true);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_CERTIFICATE_REQUIRED, DOR_REASON_NO_CERTIFICATE);
}

Test(tls13, client_certificate_missing_and_not_required)
{
    dor_tls_info info;
    ask(false);
    run(NULL);
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_null(info.peer);
}

Test(tls13, client_certificate_of_a_stranger)
{
    ask(false);
    dor__trust_store_unref(server->trust);
    server->trust = pki_trust("stranger");
    proto_add_identity(client, "tls-p256", "c");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
}

Test(tls13, client_certificate_that_is_for_servers_only)
{
    ask(true);
    proto_add_identity(client, "leaf-server int", "c");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_EXTENDED_KEY_USAGE);
}

/* ---- ALPN, server_name ------------------------------------------------------------------------------------- */

static void alpn(dor_tls_config *config, const char *name)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(config, dor__span_str(name))));
}

static dor_span alpn_of(dor_tls *tls)
{
    dor_tls_info info;
    dor__tls_get_info(tls, &info);
    return info.alpn;
}

Test(tls13, alpn_by_the_servers_preference)
{
    alpn(client, "http/1.1");
    alpn(client, "h2");
    alpn(server, "h2");
    alpn(server, "http/1.1");
    run(NULL);
    works();
    cr_assert(dor__span_equal(alpn_of(pair.client.tls), dor__span_str("h2")));
}

Test(tls13, alpn_none_in_common)
{
    alpn(client, "http/1.1");
    alpn(server, "h2");
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_NO_APPLICATION_PROTOCOL, DOR_REASON_NO_ALPN);
}

Test(tls13, alpn_of_one_side_alone)
{
    alpn(server, "h2");
    run(NULL);
    works();
    dor__tls_config_unref(server);
    server = proto_server_config("tls-p256", "c", NULL);
    alpn(client, "h2");
    run(NULL);
    works();
    cr_assert_eq(alpn_of(pair.client.tls).len, 0u);
}

/* A key that prescribes SHA-256 (RFC 4055 section 3.3), where another hash is liked better. */
Test(tls13, key_that_prescribes_its_hash)
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

Test(tls13, server_name)
{
    dor_tls_info info;
    run("host.example");
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert(dor__span_equal(info.server_name, dor__span_str("host.example")));
    run("host.example."); /* RFC 6066 section 3: without the dot */
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert(dor__span_equal(info.server_name, dor__span_str("host.example")));
    client->send_server_name = false;
    run("host.example");
    works();
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_eq(info.server_name.len, 0u);
}

/* ---- the wire ---------------------------------------------------------------------------------------------- */

static size_t records_in(dor_span data, uint8_t type)
{
    size_t count = 0;
    for (size_t at = 0; at + 5 <= data.len; at += 5 + (size_t)(data.ptr[at + 3] << 8 | data.ptr[at + 4]))
        count += data.ptr[at] == type;
    return count;
}

static size_t handshake_records, ccs_records, data_records;

static void count_records(void *ctx, dor_tls_role from, dor_bytes *data)
{
    if (from != *(dor_tls_role *)ctx) return;
    handshake_records += records_in(dor__bytes_span(data), 22);
    ccs_records += records_in(dor__bytes_span(data), 20);
    data_records += records_in(dor__bytes_span(data), 23);
}

/* ServerHello; then everything up to Finished in one record, and all tickets in another. */
Test(tls13, flights_are_gathered)
{
    dor_tls_role from = DOR_TLS_SERVER;
    proto_pair_init(&pair, client, server, NULL, NULL, 7);
    pair.tamper = count_records;
    pair.tamper_ctx = &from;
    proto_pair_run(&pair);
    cr_assert(pair.client.connected && pair.server.connected);
    cr_assert_eq(handshake_records, 1u);
    cr_assert_eq(ccs_records, 1u);
    cr_assert_eq(data_records, 2u);
    cr_assert_eq(pair.client.ticket_count, 2u);
}

Test(tls13, without_compatibility_there_is_no_change_cipher_spec)
{
    for (int from = DOR_TLS_CLIENT; from <= DOR_TLS_SERVER; from++) {
        dor_tls_role role = (dor_tls_role)from;
        client->middlebox_compat = server->middlebox_compat = false;
        proto_pair_init(&pair, client, server, NULL, NULL, 7);
        pair.tamper = count_records;
        pair.tamper_ctx = &role;
        proto_pair_run(&pair);
        works();
        proto_pair_fini(&pair);
    }
    cr_assert_eq(ccs_records, 0u);
}

Test(tls13, key_log_has_a_line_for_each_secret)
{
    static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET ",
                                         "SERVER_HANDSHAKE_TRAFFIC_SECRET ", "CLIENT_TRAFFIC_SECRET_0 ",
                                         "SERVER_TRAFFIC_SECRET_0 "};
    proto_only(client, 0, 0x1302, 0);
    run(NULL);
    works();
    for (size_t i = 0; i < COUNT(labels); i++) {
        const char *first = strstr(pair.key_log, labels[i]);
        cr_assert_not_null(first);
        const char *second = strstr(first + 1, labels[i]); /* both ends share the harness's log */
        cr_assert_not_null(second);
        size_t len = strcspn(first, "\n");
        cr_assert_eq(len, strlen(labels[i]) + 2 * 32 + 1 + 2 * 48); /* label, client random, secret */
        cr_assert_eq(strncmp(first, second, len), 0);
    }
}

Test(tls13, close_in_the_middle_of_a_handshake)
{
    proto_pair_init(&pair, client, server, NULL, NULL, 7);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    proto_deliver(&pair, DOR_TLS_SERVER);
    cr_assert(dor__ok(dor__tls_close(pair.server.tls)));
    proto_pair_run(&pair);
    cr_assert_eq(dor__tls_error(pair.server.tls).code, DOR_E_CLOSED);
    cr_assert_not(pair.server.connected);
}

Test(tls13, send_before_connected)
{
    proto_pair_init(&pair, client, server, NULL, NULL, 7);
    cr_assert_eq(dor__tls_send(pair.client.tls, dor__span_str("x")).code, DOR_E_ENOTCONN);
    cr_assert_eq(dor__tls_send(pair.server.tls, dor__span_str("x")).code, DOR_E_ENOTCONN);
    cr_assert_eq(dor__tls_update_keys(pair.client.tls, false).code, DOR_E_ENOTCONN);
    proto_pair_run(&pair);
    works();
}

static void spoil_suite(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    if (from == DOR_TLS_SERVER && data->ptr[0] == 22) data->ptr[5 + 4 + 2 + 32 + 1 + 32 + 1] ^= 0x40;
}

/* A client that cannot make sense of the ServerHello has no keys to complain under; the server listens all the same. */
Test(tls13, alert_in_the_clear_from_a_client_without_keys)
{
    prepare(NULL, NULL);
    pair.tamper = spoil_suite;
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_CIPHER);
}
