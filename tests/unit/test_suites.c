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
    cr_assert_gt(count, 9u); /* and those that are used only when named */
    cr_assert_eq(list(DOR_SUITES_DEFAULT, "tlsv1.3", some), 9u);
    cr_assert_eq(list(DOR_SUITES_DEFAULT, "tlsv1.2", some), 6u);
    cr_assert_eq(list(DOR_SUITES_EXCLUSIVE, "tlsv1.2", some), count - 5);
    cr_assert_eq(list(DOR_SUITES_EXCLUSIVE, "tlsv1.3", some), 5u);
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
        cr_assert_eq(strcmp(found.mac, "aead") == 0, strstr(found.name, "_CBC_") == NULL);
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
    dor_cipher_suite one, all[CAP];
    cr_assert_eq(dor_cipher_suites(DOR_SUITES_ALL, "tlsv1.3", is_chacha, &asked, &one, 1, &count), DOR_OK);
    cr_assert_eq(count, 4u); /* of which one had room */
    cr_assert_eq((size_t)asked, list(DOR_SUITES_ALL, "tlsv1.3", all));
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

/* ---- order ------------------------------------------------------------------------------------------------------- */

static int is_12(const dor_cipher_suite *suite, void *arg)
{
    (void)arg;
    return strcmp(suite->version, "tlsv1.2") == 0;
}

static void in_order(const dor_cipher_suite *suites, size_t from, size_t to, const dor_cipher_suite *all,
                     size_t count, int old)
{
    size_t at = from;
    for (size_t i = 0; i < count; i++)
        if (is_12(&all[i], NULL) == old) cr_assert_str_eq(suites[at++].name, all[i].name);
    cr_assert_eq(at, to);
}

Test(suites, prepended_and_appended)
{
    dor_cipher_suite all[CAP], some[CAP];
    size_t count = list(DOR_SUITES_ALL, "tlsv1.3", all);
    memcpy(some, all, sizeof all);
    cr_assert_eq(dor_prepend_cipher_suites(is_12, NULL, some, count), DOR_OK);
    size_t old = count - 5; /* of TLS 1.2 */
    in_order(some, 0, old, all, count, 1);
    in_order(some, old, count, all, count, 0);
    cr_assert_eq(dor_append_cipher_suites(is_12, NULL, some, count), DOR_OK);
    in_order(some, 0, 5, all, count, 0);
    in_order(some, 5, count, all, count, 1);
    static const char *const best[] = {"ECDHE-RSA-AES256-GCM-SHA384", "tls_aes_256_gcm_sha384", "unknown",
                                       NULL};
    cr_assert_eq(dor_prepend_cipher_suites(dor_suite_is_named, (void *)best, some, count), DOR_OK);
    cr_assert_str_eq(some[0].name, "TLS_AES_256_GCM_SHA384");
    cr_assert_str_eq(some[1].name, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    cr_assert_eq(dor_filter_cipher_suites(is_12, NULL, some, &count), DOR_OK);
    cr_assert_eq(count, old);
    cr_assert_str_eq(some[0].name, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    for (size_t i = 0; i < count; i++)
        cr_assert(is_12(&some[i], NULL));
    dor_options *o = dor_options_new();
    char text[1024];
    cr_assert_eq(dor_options_set_cipher_suites(o, some, 2), DOR_OK);
    cr_assert_eq(dor_options_get_text(o, "ciphers", text, sizeof text), DOR_OK);
    cr_assert_eq(strncmp(text, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,", 38), 0, "%s", text);
    cr_assert_eq(dor_options_set_cipher_suites(o, some, 0), DOR_E_OPTION_TYPE);
    cr_assert_eq(dor_options_set_cipher_suites(o, NULL, 1), DOR_E_BADARG);
    cr_assert_eq(dor_options_set_cipher_suites(o, some, 65), DOR_E_BADARG);
    cr_assert_eq(dor_options_set_cipher_suites(NULL, some, 1), DOR_E_BADARG);
    dor_options_free(o);
}

Test(suites, order_used_badly)
{
    dor_cipher_suite all[CAP];
    size_t count = list(DOR_SUITES_ALL, "tlsv1.3", all), none = 0;
    cr_assert_eq(dor_prepend_cipher_suites(NULL, NULL, all, count), DOR_E_BADARG);
    cr_assert_eq(dor_append_cipher_suites(is_12, NULL, NULL, count), DOR_E_BADARG);
    cr_assert_eq(dor_append_cipher_suites(is_12, NULL, NULL, 0), DOR_OK);
    cr_assert_eq(dor_filter_cipher_suites(is_12, NULL, NULL, &count), DOR_E_BADARG);
    cr_assert_eq(dor_filter_cipher_suites(is_12, NULL, all, NULL), DOR_E_BADARG);
    cr_assert_eq(dor_filter_cipher_suites(is_12, NULL, NULL, &none), DOR_OK);
    cr_assert_not(dor_suite_is_named(&all[0], NULL));
    cr_assert_eq(list(DOR_SUITES_ANONYMOUS, "tlsv1.3", all), 0u);
}

/* ---- names of all there are -------------------------------------------------------------------------------------- */

Test(suites, names_of_ours_are_those_of_the_registry)
{
    dor_cipher_suite all[CAP];
    size_t count = list(DOR_SUITES_ALL, "tlsv1.3", all);
    for (size_t i = 0; i < count; i++) {
        cr_assert_str_eq(dor_cipher_suite_name(all[i].id), all[i].name);
        cr_assert_str_eq(dor_cipher_suite_openssl_name(all[i].id), all[i].openssl_name);
    }
}

Test(suites, every_number_that_has_a_name_is_found_by_it)
{
    size_t named = 0;
    for (uint32_t id = 0; id <= UINT16_MAX; id++) {
        uint16_t found = 0;
        const char *name = dor_cipher_suite_name((uint16_t)id);
        const char *openssl_name = dor_cipher_suite_openssl_name((uint16_t)id);
        if (!name) {
            cr_assert_null(openssl_name);
            continue;
        }
        named++;
        cr_assert_eq(strncmp(name, "TLS_", 4), 0, "%s", name);
        cr_assert_eq(dor_cipher_suite_number(name, &found), DOR_OK);
        cr_assert_eq(found, id, "%s", name);
        if (!openssl_name) continue;
        cr_assert_eq(dor_cipher_suite_number(openssl_name, &found), DOR_OK);
        cr_assert_eq(found, id, "%s", openssl_name);
    }
    cr_assert_eq(named, 352u);
}

Test(suites, some_names)
{
    uint16_t id = 7;
    cr_assert_str_eq(dor_cipher_suite_name(0x0005), "TLS_RSA_WITH_RC4_128_SHA");
    cr_assert_str_eq(dor_cipher_suite_openssl_name(0xc014), "ECDHE-RSA-AES256-SHA");
    cr_assert_str_eq(dor_cipher_suite_name(0x00ff), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
    cr_assert_null(dor_cipher_suite_openssl_name(0x1306));
    cr_assert_null(dor_cipher_suite_name(0x0a0a)); /* GREASE */
    cr_assert_eq(dor_cipher_suite_number("des-cbc3-sha", &id), DOR_OK);
    cr_assert_eq(id, 0x000a);
    cr_assert_eq(dor_cipher_suite_number("", &id), DOR_E_NOT_SUPPORTED);
    cr_assert_eq(dor_cipher_suite_number("TLS_NONE", &id), DOR_E_NOT_SUPPORTED);
    cr_assert_eq(id, 0x000a);
    cr_assert_eq(dor_cipher_suite_number(NULL, &id), DOR_E_BADARG);
    cr_assert_eq(dor_cipher_suite_number("RC4-SHA", NULL), DOR_E_BADARG);
}
