/*
 * TLS 1.3 with ML-DSA (draft-ietf-tls-mldsa): chains and handshakes signed with it, by both ends, for those who have named it.
 *
 * No tool at hand makes such certificates, so they are made here.
 */
#include "crypto/key.h"
#include "support/der_text.h"
#include "support/proto_test.h"

enum { LEVELS = 3, MAX_CERT = 12000 };

typedef struct identity {
    dor_certificate *cert;
    dor_private_key *key;
} identity;

static const struct {
    dor_sig_scheme scheme;
    const char *oid;
} levels[LEVELS] = {{DOR_SIG_MLDSA44, "6086480165030403 11"},
                    {DOR_SIG_MLDSA65, "6086480165030403 12"},
                    {DOR_SIG_MLDSA87, "6086480165030403 13"}};

static dor_rng *rng;
static identity root, leaves[LEVELS]; /* the root's key is of the last level */

static dor_private_key *key_make(size_t level, char seed)
{
    uint8_t der[64];
    char text[200];
    dor_private_key *key;
    snprintf(text, sizeof text, "30{ 020100 30{06{%s}} 04{ 80{'a seed of thirty-two characters%c'} } }",
             levels[level].oid, seed);
    cr_assert(dor__ok(dor__private_key_from_der(&key, dor__span(der, der_text(text, der, sizeof der)))));
    return key;
}

static char *hex_of(dor_span bytes)
{
    char *hex = malloc(2 * bytes.len + 1);
    if (!hex) abort();
    for (size_t i = 0; i < bytes.len; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes.ptr[i]);
    return hex;
}

/* Some years valid, signed by the root's key: its own certificate, or one for host.example. */
static dor_certificate *cert_make(size_t level, const dor_private_key *key, bool authority)
{
    static char text[3 * MAX_CERT];
    static uint8_t tbs[MAX_CERT], der[MAX_CERT], sig[DOR_SIG_MAX_LEN];
    const char *root_oid = levels[LEVELS - 1].oid;
    const dor_public_key *public_half = dor__private_key_public(key);
    size_t sig_len;
    dor_certificate *cert;
    char *point = hex_of(dor__span(public_half->bytes, public_half->n_len));
    snprintf(text, sizeof text,
             "30{ a0{02{02}} 02{01%02zx} 30{06{%s}} 30{31{30{06{550403} 0c{'root'}}}}"
             "30{17{'200101000000Z'} 17{'450101000000Z'}} 30{31{30{06{550403} 0c{'%s'}}}}"
             "30{30{06{%s}} 03{00 %s}} a3{30{%s}} }",
             level, root_oid, authority ? "root" : "leaf", levels[level].oid, point,
             authority ? "30{06{551d13} 0101ff 04{30{0101ff}}} 30{06{551d0f} 0101ff 04{03{0204}}}"
                       : "30{06{551d11} 04{30{82{'host.example'}}}} 30{06{551d0f} 0101ff 04{03{0780}}}");
    const dor_span signed_part = dor__span(tbs, der_text(text, tbs, sizeof tbs));
    cr_assert(
        dor__ok(dor__sign(root.key, levels[LEVELS - 1].scheme, signed_part, rng, sig, sizeof sig, &sig_len)));
    char *tbs_hex = hex_of(signed_part), *sig_hex = hex_of(dor__span(sig, sig_len));
    snprintf(text, sizeof text, "30{ %s 30{06{%s}} 03{00 %s} }", tbs_hex, root_oid, sig_hex);
    cr_assert(dor__ok(dor__certificate_new(&cert, dor__span(der, der_text(text, der, sizeof der)))));
    free(point);
    free(tbs_hex);
    free(sig_hex);
    return cert;
}

static dor_trust_store *trust_root(void)
{
    dor_trust_store *store_of_roots;
    cr_assert(dor__ok(dor__trust_store_new(&store_of_roots)));
    cr_assert(dor__ok(dor__trust_store_add(store_of_roots, root.cert)));
    return store_of_roots;
}

/* ML-DSA is in nobody's list until it is named. */
static void name_schemes(dor_tls_config *config)
{
    for (size_t i = 0; i < LEVELS; i++)
        config->schemes[config->scheme_count++] = levels[i].scheme;
}

static void trust_in(dor_tls_config *config)
{
    dor__trust_store_unref(config->trust);
    config->trust = trust_root();
}

static void serve(size_t level)
{
    dor__tls_config_unref(server);
    server = proto_server_config(NULL, NULL, &store);
    cr_assert(dor__ok(dor__tls_config_add_identity(server, &leaves[level].cert, 1, leaves[level].key)));
}

static void set_up(void)
{
    if (!dor__mldsa_built) cr_skip_test("this wolfCrypt has no ML-DSA");
    set_up_version(DOR_TLS_1_3);
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("certificates"))));
    root.key = key_make(LEVELS - 1, 'r');
    root.cert = cert_make(LEVELS - 1, root.key, true);
    for (size_t i = 0; i < LEVELS; i++) {
        leaves[i].key = key_make(i, 'l');
        leaves[i].cert = cert_make(i, leaves[i].key, false);
    }
    trust_in(client);
    name_schemes(client);
    serve(0);
}

static void release(identity *of)
{
    dor__private_key_unref(of->key);
    dor__certificate_unref(of->cert);
}

static void finish(void)
{
    release(&root);
    for (size_t i = 0; i < LEVELS; i++)
        release(&leaves[i]);
    dor__rng_free(rng);
    tear_down();
}

TestSuite(tls13_mldsa, .init = set_up, .fini = finish);

Test(tls13_mldsa, a_server_of_each_level)
{
    for (size_t i = 0; i < LEVELS; i++) {
        dor_tls_info info;
        serve(i);
        run(NULL);
        works();
        dor__tls_get_info(pair.client.tls, &info);
        cr_assert_eq(info.peer_scheme, levels[i].scheme);
    }
}

Test(tls13_mldsa, a_client_of_each_level)
{
    server->verify_peer = server->require_peer_cert = true;
    trust_in(server);
    name_schemes(server);
    for (size_t i = 0; i < LEVELS; i++) {
        dor_tls_info info;
        dor__tls_config_unref(client);
        client = proto_client_config("root");
        trust_in(client);
        name_schemes(client);
        cr_assert(dor__ok(dor__tls_config_add_identity(client, &leaves[i].cert, 1, leaves[i].key)));
        run(NULL);
        works();
        dor__tls_get_info(pair.server.tls, &info);
        cr_assert_eq(info.peer_scheme, levels[i].scheme);
    }
}

Test(tls13_mldsa, in_small_pieces)
{
    static const size_t chunks[] = {1, 7, 1000};
    serve(LEVELS - 1);
    for (size_t i = 0; i < COUNT(chunks); i++) {
        prepare(NULL, NULL);
        pair.chunk = chunks[i];
        proto_pair_run(&pair);
        works();
    }
}

Test(tls13_mldsa, nobody_gets_what_he_has_not_named)
{
    client->scheme_count -= LEVELS;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
    client->schemes[client->scheme_count++] = DOR_SIG_MLDSA87; /* of the chain, but the leaf's is another */
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

/* What the server signs with is its key's matter; its own list says what it takes of clients. */
Test(tls13_mldsa, a_server_with_two_keys_shows_what_the_client_takes)
{
    dor_tls_info info;
    proto_add_identity(server, "tls-p256", "c");
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.peer_scheme, DOR_SIG_MLDSA44);

    client->scheme_count -= LEVELS;
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("root");
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.peer_scheme, DOR_SIG_ECDSA_SECP256R1_SHA256);
}

Test(tls13_mldsa, tls_1_2_has_none)
{
    client->min_version = client->max_version = DOR_TLS_1_2;
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
}

/* A server that only has a key for TLS 1.3, and a client that could do both. */
Test(tls13_mldsa, the_newer_version_is_taken_for_it)
{
    dor_tls_info info;
    client->min_version = DOR_TLS_1_2;
    run(NULL);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.version, DOR_TLS_1_3);
}

Test(tls13_mldsa, a_key_of_another_level_is_no_match)
{
    for (size_t i = 0; i < LEVELS; i++)
        for (size_t j = 0; j < LEVELS; j++) {
            dor_tls_config *config = proto_server_config(NULL, NULL, NULL);
            dor_result r = dor__tls_config_add_identity(config, &leaves[i].cert, 1, leaves[j].key);
            cr_assert_eq(r.code, i == j ? 0 : DOR_E_KEY_MISMATCH);
            dor__tls_config_unref(config);
        }
}

/* The chain ends at somebody of the same name with another key: the signature is looked at. */
Test(tls13_mldsa, a_chain_that_somebody_else_has_signed)
{
    identity other = {.key = key_make(LEVELS - 1, 'o')}, rightful = root;
    root = other;
    other.cert = cert_make(LEVELS - 1, other.key, true);
    root = other;
    trust_in(client);
    root = rightful;
    run(NULL);
    cr_assert(dor__failed(pair.client.result));
    cr_assert_not(pair.client.connected);
    cr_assert_not(pair.server.connected);
    release(&other);
}

Test(tls13_mldsa, sessions_are_resumed)
{
    dor_tls_info info;
    run(NULL);
    works();
    dor_session *session = dor__session_ref(pair.client.session);
    prepare(NULL, session);
    proto_pair_run(&pair);
    works();
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert(info.resumed);
    dor__session_unref(session);
}
