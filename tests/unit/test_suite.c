/* test_suite.c - the table of cipher suites and the names of versions. */
#include "tls/config.h"

#include <criterion/criterion.h>
#include <ctype.h>

static dor_span lowered(const char *name, char *room)
{
    size_t i = 0;
    for (; name[i]; i++)
        room[i] = (char)tolower((unsigned char)name[i]);
    return dor__span(room, i);
}

Test(suite, names_and_numbers_lead_to_the_same_suite)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    cr_assert_geq(count, 15);
    cr_assert_leq(count, DOR_MAX_SUITES);
    for (size_t i = 0; i < count; i++) {
        char room[64];
        const dor_suite *s = dor__suite_find(all[i].id);
        cr_assert_not_null(s);
        cr_expect_eq(s->id, all[i].id);
        cr_expect_eq(dor__suite_from_name(dor__span_str(all[i].name))->id, all[i].id);
        cr_expect_eq(dor__suite_from_name(dor__span_str(all[i].openssl_name))->id, all[i].id);
        cr_expect_eq(dor__suite_from_name(lowered(all[i].name, room))->id, all[i].id);
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(all[j].id, all[i].id);
    }
}

Test(suite, each_is_for_one_version_and_complete)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(all[i].kx == DOR_KX_13, all[i].version == DOR_TLS_1_3);
        bool cbc = dor__suite_is_cbc(&all[i]);
        cr_expect_eq(dor__aead_key_len((dor_aead_id)all[i].aead) == 0, cbc);
        cr_expect_eq(all[i].cbc_key_len == 16 || all[i].cbc_key_len == 32, cbc);
        /* SHA-384 goes with AES-256-GCM and by name, SHA-256 with the others: RFC 8446 B.4, RFC 5289, RFC 7905. */
        cr_expect_eq(all[i].hash == DOR_HASH_SHA384,
                     all[i].aead == DOR_AEAD_AES_256_GCM || all[i].mac == DOR_HASH_SHA384);
    }
}

Test(suite, tls13_comes_first)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 1; i < count; i++)
        cr_expect(all[i - 1].version >= all[i].version);
}

/* What has no forward secrecy, MACs before it encrypts, or has a short tag is for those who ask for it by name. */
Test(suite, defaults)
{
    static const uint16_t expected[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c,
                                        0xc02f, 0xc030, 0xcca8, 0xcca9};
    size_t count, defaults = 0;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < sizeof(expected) / sizeof(expected[0]); j++)
            found = found || expected[j] == all[i].id;
        cr_expect_eq(found, !all[i].by_name, "%s", all[i].name);
        defaults += !all[i].by_name;
    }
    cr_expect_eq(defaults, sizeof(expected) / sizeof(expected[0]));
}

Test(suite, unknown)
{
    cr_expect_null(dor__suite_find(0));
    cr_expect_null(dor__suite_find(0x00ff)); /* the SCSVs are no suites */
    cr_expect_null(dor__suite_find(0x5600));
    cr_expect_null(dor__suite_from_name(DOR_SPAN_EMPTY));
    cr_expect_null(dor__suite_from_name(dor__span_str("TLS_AES_128_GCM_SHA25")));
    cr_expect_null(dor__suite_from_name(dor__span_str("TLS_AES_128_GCM_SHA2566")));
}

Test(suite, versions)
{
    cr_expect_str_eq(dor__version_name(DOR_TLS_1_2), "tlsv1.2");
    cr_expect_str_eq(dor__version_name(DOR_TLS_1_3), "tlsv1.3");
    cr_expect_null(dor__version_name(0x0302));
    cr_expect_eq(dor__version_from_name(dor__span_str("TLSv1.2")), DOR_TLS_1_2);
    cr_expect_eq(dor__version_from_name(dor__span_str("tlsv1.3")), DOR_TLS_1_3);
    cr_expect_eq(dor__version_from_name(dor__span_str("tlsv1")), 0);
    cr_expect_eq(dor__version_from_name(DOR_SPAN_EMPTY), 0);
}

/* What nobody should talk by any more has no place in the table: export keys, RC4, DES and triple DES, NULL, anonymous. */
Test(suite, none_of_those_that_are_broken)
{
    static const uint16_t broken[] = {0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0008, 0x0009, 0x000a, 0x000d,
                                      0x0010, 0x0013, 0x0014, 0x0016, 0x0018, 0x001b, 0x0034, 0x003a, 0x003b,
                                      0x00a6, 0xc001, 0xc007, 0xc008, 0xc011, 0xc012, 0xc016, 0xc018, 0xc019};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        cr_expect_null(dor__suite_find(broken[i]), "0x%04x", broken[i]);
}
