/*
 * Several certificates at one end: the first that fits what the other can verify; in both versions, on servers and on
 * clients; and what happens when nothing fits.
 */
#include "support/proto_test.h"

static const uint16_t versions[] = {DOR_TLS_1_2, DOR_TLS_1_3};

TestSuite(tls_identities, .fini = tear_down);

static void begin(uint16_t version, const char *trust)
{
    tear_down();
    memset(&pair, 0, sizeof(pair));
    proto_store_init(&store);
    client = proto_client_config(trust);
    server = proto_server_config("tls-p256", "c", &store);
    proto_only(client, version, 0, 0);
}

/* Replaces a config's identities: names of chains and keys in turn, NULL at the end. */
static void set_identities(dor_tls_config **config, const char *const *names)
{
    dor_tls_config *fresh = *config == server ? proto_server_config(names[0], names[1], &store) : *config;
    if (fresh == *config) proto_add_identity(fresh, names[0], names[1]);
    for (names += 2; *names; names += 2)
        proto_add_identity(fresh, names[0], names[1]);
    if (fresh != *config) {
        dor__tls_config_unref(*config);
        *config = fresh;
    }
}

static void only_schemes(dor_tls_config *config, const dor_sig_scheme *schemes)
{
    for (config->scheme_count = 0; schemes[config->scheme_count]; config->scheme_count++)
        config->schemes[config->scheme_count] = schemes[config->scheme_count];
}

static dor_key_type shown_to(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info.peer ? info.peer->key_type : DOR_KEY_NONE;
}

#define ECDSA_256 DOR_SIG_ECDSA_SECP256R1_SHA256
#define ECDSA_384 DOR_SIG_ECDSA_SECP384R1_SHA384
#define PSS_256   DOR_SIG_RSA_PSS_RSAE_SHA256

Test(tls_identities, a_servers_choice)
{
    static const char *const names[] = {"tls-ed", "ed",      "tls-p384", "d", "tls-p256",
                                        "c",      "tls-rsa", "rsa",      NULL};
    static const struct {
        dor_sig_scheme schemes[4];
        dor_key_type expected;
    } cases[] = {
        {{ECDSA_256, DOR_SIG_ED25519, PSS_256}, DOR_KEY_ED25519},
        {{PSS_256, ECDSA_256}, DOR_KEY_EC_P256},
        {{ECDSA_256, ECDSA_384}, DOR_KEY_EC_P384},
        {{PSS_256}, DOR_KEY_RSA}, /* its chain is signed by ECDSA all the same */
        {{DOR_SIG_ED25519}, DOR_KEY_ED25519},
    };
    for (size_t v = 0; v < COUNT(versions); v++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            begin(versions[v], "root");
            set_identities(&server, names);
            only_schemes(client, cases[i].schemes);
            run(NULL);
            works();
            /* In TLS 1.2 ecdsa_secp256r1_sha256 is SHA-256 with any curve, so P-384 stands first there. */
            dor_key_type expected = versions[v] == DOR_TLS_1_2 && cases[i].expected == DOR_KEY_EC_P256
                                        ? DOR_KEY_EC_P384
                                        : cases[i].expected;
            cr_expect_eq(shown_to(DOR_TLS_CLIENT), expected, "%zu %zu", v, i);
        }
}

Test(tls_identities, the_suite_may_decide_in_tls_1_2)
{
    static const char *const names[] = {"tls-p256", "c", "tls-rsa", "rsa", NULL};
    begin(DOR_TLS_1_2, "root");
    set_identities(&server, names);
    proto_only(client, DOR_TLS_1_2, 0xc02f, 0); /* ECDHE-RSA-AES128-GCM-SHA256 */
    run(NULL);
    works();
    cr_expect_eq(shown_to(DOR_TLS_CLIENT), DOR_KEY_RSA);

    /* Our order of certificates comes before anybody's order of suites. */
    static const char *const rsa_first[] = {"tls-rsa", "rsa", "tls-p256", "c", NULL};
    begin(DOR_TLS_1_2, "root");
    set_identities(&server, rsa_first);
    run(NULL);
    works();
    cr_expect_eq(shown_to(DOR_TLS_CLIENT), DOR_KEY_RSA);
}

Test(tls_identities, curves_bind_certificates_in_tls_1_2)
{
    static const char *const names[] = {"tls-p256", "c", "tls-rsa", "rsa", NULL};
    for (size_t v = 0; v < COUNT(versions); v++) {
        begin(versions[v], "root");
        set_identities(&server, names);
        proto_only(client, versions[v], 0, DOR_GROUP_X25519);
        run(NULL);
        works();
        cr_expect_eq(shown_to(DOR_TLS_CLIENT), versions[v] == DOR_TLS_1_2 ? DOR_KEY_RSA : DOR_KEY_EC_P256);
    }
}

Test(tls_identities, nothing_fits)
{
    static const char *const names[] = {"tls-p256", "c", "tls-ed", "ed", NULL};
    static const dor_sig_scheme schemes[] = {DOR_SIG_RSA_PSS_PSS_SHA256, 0};
    for (size_t v = 0; v < COUNT(versions); v++) {
        begin(versions[v], "root");
        set_identities(&server, names);
        only_schemes(client, schemes);
        run(NULL);
        fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
    }
}

/* Two certificates for one key: one signed with PKCS#1 v1.5, the other with ECDSA. */
static const char *const rsa_signed_first[] = {"sig-rsa-256", "rsa", "tls-rsa", "rsa", NULL};

static size_t chain_shown(void)
{
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_not_null(info.peer);
    return dor__certificate_sig_scheme(info.peer) == DOR_SIG_RSA_PKCS1_SHA256 ? 0 : 1;
}

Test(tls_identities, a_chain_that_the_client_can_verify_comes_first)
{
    static const dor_sig_scheme no_pkcs1[] = {PSS_256, ECDSA_256, 0};
    for (size_t v = 0; v < COUNT(versions); v++) {
        begin(versions[v], "root");
        set_identities(&server, rsa_signed_first);
        client->verify_peer = client->verify_host = false;
        run(NULL);
        works();
        cr_expect_eq(chain_shown(), 0u);
        only_schemes(client, no_pkcs1);
        run(NULL);
        works();
        cr_expect_eq(chain_shown(), 1u);
    }
}

/* Adds signature_algorithms_cert with these schemes to a TLS 1.2 ClientHello, in its one record. */
static void add_cert_schemes(void *ctx, dor_tls_role from, dor_bytes *data)
{
    const dor_sig_scheme *schemes = ctx;
    uint8_t extension[32] = {0, 50}, *p = extension + 6;
    if (from != DOR_TLS_CLIENT || data->len < 50 || data->ptr[0] != 22 || data->ptr[5] != 1) return;
    for (; *schemes; schemes++) {
        *p++ = (uint8_t)(*schemes >> 8);
        *p++ = (uint8_t)*schemes;
    }
    size_t len = (size_t)(p - extension), at = 5 + 4 + 2 + 32;
    extension[3] = (uint8_t)(len - 4);
    extension[5] = (uint8_t)(len - 6);
    at += 1u + data->ptr[at];                                   /* session id */
    at += 2 + (size_t)(data->ptr[at] << 8 | data->ptr[at + 1]); /* suites */
    at += 1u + data->ptr[at];                                   /* compression */
    cr_assert(dor__ok(dor__bytes_append(data, dor__span(extension, len))));
    const size_t lengths[] = {3, 7, at}; /* the low two bytes are enough */
    for (size_t i = 0; i < 3; i++) {
        size_t value = (size_t)(data->ptr[lengths[i]] << 8 | data->ptr[lengths[i] + 1]) + len;
        data->ptr[lengths[i]] = (uint8_t)(value >> 8);
        data->ptr[lengths[i] + 1] = (uint8_t)value;
    }
}

Test(tls_identities, signature_algorithms_cert_speaks_for_chains)
{
    static dor_sig_scheme only_ecdsa[] = {ECDSA_256, 0}, unknown[] = {0x0999, 0};
    dor_sig_scheme *const lists[] = {only_ecdsa, unknown};
    for (size_t i = 0; i < COUNT(lists); i++) {
        begin(DOR_TLS_1_2, "root");
        set_identities(&server, rsa_signed_first);
        client->verify_peer = client->verify_host = false;
        prepare(NULL, NULL);
        pair.tamper = add_cert_schemes;
        pair.tamper_ctx = lists[i];
        proto_pair_run(&pair);
        /* The hello was changed on its way, so it ends in Finished; but the certificate was shown by then. */
        cr_expect(dor__failed(pair.server.result));
        cr_expect_eq(chain_shown(), i == 0 ? 1u : 0u, "%zu: %s", i, trouble());
    }
}

Test(tls_identities, a_clients_choice)
{
    static const char *const names[] = {"tls-ed", "ed", "tls-rsa", "rsa", "tls-p256", "c", NULL};
    static const struct {
        dor_sig_scheme schemes[3];
        dor_key_type expected;
    } cases[] = {
        {{ECDSA_256}, DOR_KEY_EC_P256},
        {{ECDSA_256, PSS_256}, DOR_KEY_RSA},
        {{DOR_SIG_ED25519, ECDSA_256}, DOR_KEY_ED25519},
        {{DOR_SIG_ECDSA_SECP384R1_SHA384, 0}, DOR_KEY_NONE},
    };
    for (size_t v = 0; v < COUNT(versions); v++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            begin(versions[v], "root");
            set_identities(&client, names);
            server->verify_peer = true;
            server->trust = dor__trust_store_ref(client->trust);
            if (i == 3) { /* P-384 alone, and nobody else has it but in TLS 1.2, where curves are free */
                dor__tls_config_unref(server);
                server = proto_server_config("tls-p384", "d", &store);
                server->verify_peer = true;
                server->trust = dor__trust_store_ref(client->trust);
            }
            only_schemes(server, cases[i].schemes); /* what it asks for, and what it signs with */
            run(NULL);
            works();
            dor_key_type expected =
                i == 3 && versions[v] == DOR_TLS_1_2 ? DOR_KEY_EC_P256 : cases[i].expected;
            cr_expect_eq(shown_to(DOR_TLS_SERVER), expected, "%zu %zu", v, i);
        }
}

Test(tls_identities, a_key_that_may_not_sign_comes_last)
{
    static const char *const names[] = {"leaf-encrypts int", "c", "tls-rsa", "rsa", NULL};
    static const dor_sig_scheme ecdsa[] = {ECDSA_256, 0};
    for (size_t v = 0; v < COUNT(versions); v++) {
        begin(versions[v], "root");
        set_identities(&server, names);
        client->verify_peer = client->verify_host = false;
        run(NULL);
        works();
        cr_expect_eq(shown_to(DOR_TLS_CLIENT), DOR_KEY_RSA);
        only_schemes(client,
                     ecdsa); /* nothing else is left: the client is to judge, even one that verifies nobody */
        run(NULL);
        fails(DOR_TLS_CLIENT, DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_KEY_USAGE);
    }
}

/* ---- by issuer ------------------------------------------------------------------------------------------------ */

static void add_authority(dor_tls_config *config, const char *of)
{
    dor_certificate *cert = pki_cert(of);
    cr_assert(dor__ok(dor__tls_config_add_authority(config, cert->issuer)));
    dor__certificate_unref(cert);
}

/* One under "root", which signed the others, and one whose issuer is another name. */
static const char *const two_issuers[] = {"tls-p256", "c", "sig-p384", "d", NULL};

/* RFC 8446 section 4.2.4: a server with several chooses by the authorities that the client names, in both versions. */
Test(tls_identities, a_server_chooses_by_issuer)
{
    for (size_t v = 0; v < COUNT(versions); v++)
        for (int named = 0; named < 2; named++) {
            begin(versions[v], "root");
            set_identities(&server, two_issuers);
            client->verify_peer = client->verify_host = false;
            if (named) add_authority(client, "sig-p384");
            run(NULL);
            works();
            dor_tls_info info;
            dor__tls_get_info(pair.client.tls, &info);
            cr_expect_eq(dor__span_equal(info.peer->der, server->identities[1].chain[0]->der), named);
        }
}

/* And when none is under a name that was said, the first is worth a try: unless it is for those who name its issuer. */
Test(tls_identities, authorities_that_we_know_nothing_of)
{
    for (size_t v = 0; v < COUNT(versions); v++)
        for (int strict = 0; strict < 2; strict++) {
            begin(versions[v], "root");
            cr_assert(dor__ok(dor__tls_config_add_authority(client, dor__span_str("0\x02"
                                                                                  "1"))));
            server->identities[0].only_for_issuers = strict;
            run(NULL);
            if (strict)
                fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_ISSUER);
            else
                works();
        }
}

/* RFC 8446 section 4.4.2.3, RFC 5246 section 7.4.6: a client goes by what the request names. */
Test(tls_identities, a_client_chooses_by_issuer)
{
    for (size_t v = 0; v < COUNT(versions); v++)
        for (int named = 0; named < 2; named++) {
            begin(versions[v], "root");
            server->verify_peer = server->require_peer_cert = true;
            server->verify = NULL;
            server->trust = pki_trust("root");
            set_identities(&client, two_issuers);
            client->identities[0].only_for_issuers = true; /* root's, which is named or not */
            if (named) add_authority(server, "tls-p256");
            prepare(NULL, NULL);
            proto_pair_run(&pair);
            if (named)
                works();
            else
                cr_assert(
                    dor__failed(pair.server.result)); /* it was shown the other one, and has no trust in it */
        }
}

/* A client that has to show itself says so at once; another shows nothing, and the server decides. */
Test(tls_identities, a_client_that_has_to_show_itself)
{
    static const char *const names[] = {"tls-ed", "ed", NULL};
    static const dor_sig_scheme schemes[] = {ECDSA_256, 0};
    for (size_t v = 0; v < COUNT(versions); v++)
        for (int must = 0; must < 2; must++) {
            begin(versions[v], "root");
            server->verify_peer = true;
            server->trust = pki_trust("root");
            only_schemes(server, schemes);
            set_identities(&client, names);
            client->require_own_cert = must;
            run(NULL);
            if (must)
                fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
            else
                works();
        }
}

Test(tls_identities, authorities_have_a_limit)
{
    static uint8_t name[8192];
    begin(DOR_TLS_1_3, "root");
    cr_assert_eq(dor__tls_config_add_authority(client, DOR_SPAN_EMPTY).code, DOR_E_BADARG);
    cr_assert(dor__ok(dor__tls_config_add_authority(client, dor__span(name, sizeof name))));
    cr_assert_eq(dor__tls_config_add_authority(client, dor__span(name, sizeof name)).code, DOR_E_TOO_BIG);
}
