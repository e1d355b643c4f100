/* dormouse/suites.h: lists, filters, names both ways. */
#include <criterion/criterion.h>

#include <dormouse.h>
#include <string.h>

enum { CAP = 64 };

static size_t list(dor_suites_which which, const char *version, dor_cipher_suite *suites)
{
    size_t count = 0;
    cr_assert_eq(dor_cipher_suites(which, version, NULL, NULL, suites, CAP, &count), DOR_OK);
    cr_assert(count <= CAP);
    return count;
}

Test(suites, lists)
{
    dor_cipher_suite all[CAP], some[CAP];
    size_t count = list(DOR_SUITES_ALL, "tlsv1.3", all);
    cr_assert_eq(count, 9u);
    cr_assert_eq(list(DOR_SUITES_DEFAULT, "tlsv1.3", some), count);
    cr_assert_eq(list(DOR_SUITES_DEFAULT, "tlsv1.2", some), 6u);
    cr_assert_eq(list(DOR_SUITES_EXCLUSIVE, "tlsv1.2", some), 6u);
    cr_assert_eq(list(DOR_SUITES_EXCLUSIVE, "tlsv1.3", some), 3u);
    for (size_t i = 0; i < 3; i++)
        cr_assert_str_eq(some[i].version, "tlsv1.3");
}

Test(suites, names_lead_back)
{
    dor_cipher_suite all[CAP], found;
    size_t count = list(DOR_SUITES_ALL, "tlsv1.3", all);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(dor_cipher_suite_from_text(all[i].name, &found), DOR_OK);
        cr_assert_eq(found.id, all[i].id);
        cr_assert_eq(dor_cipher_suite_from_text(all[i].openssl_name, &found), DOR_OK);
        cr_assert_eq(found.id, all[i].id);
        cr_assert_eq(dor_cipher_suite_from_id(all[i].id, &found), DOR_OK);
        cr_assert_str_eq(found.name, all[i].name);
        cr_assert_str_eq(found.mac, "aead");
        cr_assert_eq(found.key_bits, strstr(found.name, "AES_128") ? 128 : 256);
        cr_assert_eq(strcmp(found.prf, "sha384") == 0, strstr(found.name, "SHA384") != NULL);
    }
}

Test(suites, one_in_full)
{
    dor_cipher_suite s;
    cr_assert_eq(dor_cipher_suite_from_text("ecdhe-rsa-aes256-gcm-sha384", &s), DOR_OK);
    cr_assert_eq(s.id, 0xc030);
    cr_assert_str_eq(s.name, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    cr_assert_str_eq(s.version, "tlsv1.2");
    cr_assert_str_eq(s.key_exchange, "ecdhe_rsa");
    cr_assert_str_eq(s.cipher, "aes_256_gcm");
    cr_assert_str_eq(s.prf, "sha384");
    cr_assert_eq(s.key_bits, 256);
}

static int is_chacha(const dor_cipher_suite *suite, void *arg)
{
    ++*(int *)arg;
    return strcmp(suite->cipher, "chacha20_poly1305") == 0;
}

Test(suites, filters)
{
    int asked = 0;
    size_t count = 0;
    dor_cipher_suite one;
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, "tlsv1.3", is_chacha, &asked, &one, 1, &count), DOR_OK);
    cr_assert_eq(count, 3u); /* of which one had room */
    cr_assert_eq(asked, 9);
    cr_assert_str_eq(one.cipher, "chacha20_poly1305");
}

/* A choice of suites goes into the option. */
Test(suites, for_the_option)
{
    dor_cipher_suite all[CAP];
    const char *names[CAP];
    size_t count = list(DOR_SUITES_EXCLUSIVE, "tlsv1.3", all);
    dor_options *o = dor_options_new();
    for (size_t i = 0; i < count; i++)
        names[i] = all[i].name;
    cr_assert_eq(dor_options_set_array(o, "ciphers", names, count), DOR_OK);
    dor_options_free(o);
}

Test(suites, used_badly)
{
    dor_cipher_suite s;
    size_t count = 0;
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, NULL, NULL, NULL, &s, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, "tlsv1.4", NULL, NULL, &s, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, "tlsv1.3", NULL, NULL, NULL, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, "tlsv1.3", NULL, NULL, &s, 1, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suites((dor_suites_which)9, "tlsv1.3", NULL, NULL, &s, 1, &count), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, "tlsv1.3", NULL, NULL, NULL, 0, &count), DOR_OK);
    cr_assert_eq(dor_cipher_suite_from_text(NULL, &s), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suite_from_text("TLS_NULL_WITH_NULL_NULL", &s), DOR_E_NOT_SUPPORTED);
    cr_assert_eq(dor_cipher_suite_from_id(0, &s), DOR_E_NOT_SUPPORTED);
    cr_assert_eq(dor_cipher_suite_from_id(0x1301, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_ssl_versions(NULL), DOR_E_BADARG);
}

/* What is supported is what a listener or connection can be told. */
Test(suites, versions)
{
    dor_versions v;
    dor_options *o = dor_options_new();
    cr_assert_eq(dor_ssl_versions(&v), DOR_OK);
    cr_assert_str_eq(v.library, dor_version());
    cr_assert_str_eq(v.supported[0], "tlsv1.3");
    cr_assert_str_eq(v.supported[1], "tlsv1.2");
    cr_assert_null(v.supported[2]);
    for (size_t i = 0; v.available[i]; i++) {
        cr_assert_str_eq(v.implemented[i], v.available[i]);
        cr_assert_eq(dor_options_set_list(o, "versions", v.available[i], NULL), DOR_OK);
    }
    dor_options_free(o);
}
