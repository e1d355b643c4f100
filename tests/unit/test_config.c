/* test_config.c - configurations: defaults, identities, ALPN. */
#include "crypto/devcert.h"
#include "support/counting_alloc.h"
#include "tls/config.h"

#include <criterion/criterion.h>

static void make_identity(const char *seed, dor_certificate **cert, dor_private_key **key)
{
    dor_rng *rng;
    dor_bytes cert_der = DOR_BYTES_EMPTY, key_der = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str(seed))));
    cr_assert(dor__ok(dor__devcert_make(rng, "test.example", 1700000000, &cert_der, &key_der)));
    cr_assert(dor__ok(dor__certificate_new(cert, dor__bytes_span(&cert_der))));
    cr_assert(dor__ok(dor__private_key_from_der(key, dor__bytes_span(&key_der))));
    dor__bytes_free(&cert_der);
    dor__bytes_free(&key_der);
    dor__rng_free(rng);
}

Test(config, defaults_are_safe)
{
    dor_tls_config *c;
    cr_assert(dor__ok(dor__tls_config_new(&c)));
    cr_expect_eq(c->min_version, DOR_TLS_1_2);
    cr_expect_eq(c->max_version, DOR_TLS_1_3);
    cr_expect_eq(c->suite_count, 9);
    const size_t hybrids = dor__kx_known(DOR_GROUP_X25519MLKEM768);
    if (hybrids) cr_expect_eq(c->groups[0], DOR_GROUP_X25519MLKEM768);
    cr_expect_eq(c->groups[hybrids], DOR_GROUP_X25519);
    cr_expect_eq(c->group_count, 3 + hybrids);
    cr_expect(c->verify_peer && c->verify_host && c->honor_cipher_order && c->send_server_name);
    cr_expect(!c->resume_without_ems);
    cr_expect_null(c->trust);
    for (size_t i = 0; i < c->scheme_count; i++) {
        cr_expect_not_null(dor__sig_name(c->schemes[i]));
        cr_expect_neq(c->schemes[i] >> 8, 2, "no SHA-1");
    }
    dor__tls_config_unref(c);
}

Test(config, counted_with_all_it_holds)
{
    counting_alloc_install();
    dor_tls_config *c;
    dor_certificate *cert;
    dor_private_key *key;
    make_identity("a", &cert, &key);
    cr_assert(dor__ok(dor__tls_config_new(&c)));
    cr_assert(dor__ok(dor__trust_store_new(&c->trust)));
    cr_assert(dor__ok(dor__tls_config_add_identity(c, &cert, 1, key)));
    cr_assert(dor__ok(dor__tls_config_add_alpn(c, dor__span_str("h2"))));
    dor__certificate_unref(cert);
    dor__private_key_unref(key);
    cr_assert_eq(dor__tls_config_ref(c), c);
    dor__tls_config_unref(c);
    cr_assert_eq(c->identities[0].chain_count, 1);
    dor__tls_config_unref(c);
    cr_assert_eq(counting_alloc_pieces(), 0);
    dor__tls_config_unref(NULL);
    cr_assert_null(dor__tls_config_ref(NULL));
}

Test(config, identities)
{
    dor_tls_config *c;
    dor_certificate *cert, *other_cert;
    dor_private_key *key, *other_key;
    make_identity("a", &cert, &key);
    make_identity("b", &other_cert, &other_key);
    cr_assert(dor__ok(dor__tls_config_new(&c)));
    cr_assert_eq(dor__tls_config_add_identity(c, &cert, 1, other_key).code, DOR_E_KEY_MISMATCH);
    cr_assert_eq(dor__tls_config_add_identity(c, &cert, 0, key).code, DOR_E_BADARG);
    cr_assert_eq(dor__tls_config_add_identity(c, &cert, 1, NULL).code, DOR_E_BADARG);
    cr_assert_eq(c->identity_count, 0);
    dor_certificate *chain[2] = {cert, other_cert};
    for (size_t i = 0; i < DOR_MAX_IDENTITIES; i++)
        cr_assert(dor__ok(dor__tls_config_add_identity(c, chain, 2, key)));
    cr_assert_eq(dor__tls_config_add_identity(c, &cert, 1, key).code, DOR_E_LIMIT);
    dor__tls_config_unref(c);
    dor__certificate_unref(cert);
    dor__certificate_unref(other_cert);
    dor__private_key_unref(key);
    dor__private_key_unref(other_key);
}

Test(config, alpn)
{
    static uint8_t name[256];
    dor_tls_config *c;
    cr_assert(dor__ok(dor__tls_config_new(&c)));
    cr_assert(dor__ok(dor__tls_config_add_alpn(c, dor__span_str("h2"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(c, dor__span_str("http/1.1"))));
    cr_assert(dor__span_equal(dor__bytes_span(&c->alpn), dor__span("\x02h2\x08http/1.1", 12)));
    cr_assert_eq(dor__tls_config_add_alpn(c, DOR_SPAN_EMPTY).code, DOR_E_BADARG);
    cr_assert_eq(dor__tls_config_add_alpn(c, dor__span(name, 256)).code, DOR_E_BADARG);
    dor_result r = DOR_SUCCESS;
    for (size_t i = 0; i < 300 && dor__ok(r); i++)
        r = dor__tls_config_add_alpn(c, dor__span(name, 255));
    cr_assert_eq(r.code, DOR_E_LIMIT);
    cr_assert_leq(c->alpn.len, 65533);
    dor__tls_config_unref(c);
}

Test(config, out_of_memory)
{
    counting_alloc_install();
    dor_tls_config *c;
    dor_certificate *cert;
    dor_private_key *key;
    make_identity("a", &cert, &key);
    counting_alloc_fail_at(1);
    cr_assert_eq(dor__tls_config_new(&c).code, DOR_E_NOMEM);
    cr_assert_null(c);
    counting_alloc_fail_at(0);
    cr_assert(dor__ok(dor__tls_config_new(&c)));
    size_t pieces = counting_alloc_pieces();
    dor_result r = dor__error(DOR_E_NOMEM);
    for (size_t n = 1; n < 50 && dor__failed(r); n++) {
        counting_alloc_fail_at(n);
        r = dor__tls_config_add_identity(c, &cert, 1, key);
        counting_alloc_fail_at(0);
        cr_assert(dor__ok(r) || counting_alloc_pieces() == pieces);
    }
    cr_assert(dor__ok(r));
    dor__tls_config_unref(c);
    dor__certificate_unref(cert);
    dor__private_key_unref(key);
    cr_assert_eq(counting_alloc_pieces(), 0);
}
