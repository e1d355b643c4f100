/* The strict DER reader: what it takes, and what it refuses although BER would take it. */
#include "support/der_text.h"
#include "x509/der.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

static uint8_t bytes[1 << 16];

static dor_reader reader_of(const char *text)
{
    return rd_from(dor__span(bytes, der_text(text, bytes, sizeof(bytes))));
}

static bool reads_whole(dor_result r, const dor_reader *reader)
{
    if (dor__failed(r)) cr_expect(dor_error_get_reason(r.code) == DOR_REASON_CERT_MALFORMED);
    if (dor__failed(r)) cr_expect(dor_error_get_alert(r.code) == DOR_ALERT_BAD_CERTIFICATE);
    return dor__ok(r) && rd_left(reader) == 0;
}

static bool element_ok(const char *text)
{
    dor_reader r = reader_of(text);
    uint8_t tag;
    dor_span contents, whole;
    return reads_whole(dor__asn1_element(&r, &tag, &contents, &whole), &r);
}

Test(x509_der, lengths)
{
    cr_expect(element_ok("0400"));
    cr_expect(element_ok("0401ff"));
    cr_expect(!element_ok(""));
    cr_expect(!element_ok("04"));
    cr_expect(!element_ok("0401"));
    cr_expect(!element_ok("0480 0000"), "indefinite");
    cr_expect(!element_ok("048101 ff"), "padded");
    cr_expect(!element_ok("04820001 ff"), "padded");
    cr_expect(!element_ok("0484000000ff"), "four octets");
    cr_expect(!element_ok("04ff"));
    cr_expect(!element_ok("1f8101 0100"), "tag of several octets");

    for (size_t len = 0x7e; len < 0x20000; len = len * 2 + 1) { /* both sides of 0x80, 0x100, 0x10000 */
        for (size_t n = len; n < len + 4; n++) {
            uint8_t head[5] = {0x04};
            size_t head_len = n < 0x80 ? 2 : n < 0x100 ? 3 : n < 0x10000 ? 4 : 5;
            for (size_t i = head_len - 1, rest = n; i >= (head_len > 2 ? 2 : 1); i--, rest >>= 8)
                head[i] = (uint8_t)rest;
            if (head_len > 2) head[1] = (uint8_t)(0x80 + head_len - 2);
            uint8_t *copy = malloc(head_len + n);
            memcpy(copy, head, head_len);
            memset(copy + head_len, 0xaa, n);
            dor_reader r = rd_from(dor__span(copy, head_len + n));
            uint8_t tag;
            dor_span contents, whole;
            cr_expect(reads_whole(dor__asn1_element(&r, &tag, &contents, &whole), &r), "%zu", n);
            cr_expect(contents.len == n && whole.len == n + head_len);
            free(copy);
        }
    }
}

static bool integer_ok(const char *text)
{
    dor_reader r = reader_of(text);
    dor_span v;
    return reads_whole(dor__asn1_integer(&r, &v), &r);
}

static int64_t u32_of(const char *text)
{
    dor_reader r = reader_of(text);
    uint32_t v;
    return reads_whole(dor__asn1_u32(&r, &v), &r) ? (int64_t)v : -1;
}

Test(x509_der, integers)
{
    cr_expect(integer_ok("020100"));
    cr_expect(integer_ok("02{0080}"));
    cr_expect(integer_ok("02{ff7f}"));
    cr_expect(integer_ok("02{80}"));
    cr_expect(!integer_ok("0200"));
    cr_expect(!integer_ok("02{0000}"));
    cr_expect(!integer_ok("02{007f}"));
    cr_expect(!integer_ok("02{ff80}"));
    cr_expect(!integer_ok("04{01}"));
    cr_expect(u32_of("02{00}") == 0);
    cr_expect(u32_of("02{7f}") == 127);
    cr_expect(u32_of("02{00ffffffff}") == UINT32_MAX);
    cr_expect(u32_of("02{0100000000}") == UINT32_MAX);
    cr_expect(u32_of("02{7fffffffffffffffffffffffff}") == UINT32_MAX);
    cr_expect(u32_of("02{ff}") == -1, "negative");
}

static int boolean_of(const char *text, bool defaults)
{
    dor_reader r = reader_of(text);
    bool v;
    dor_result result = defaults ? dor__asn1_boolean_default_false(&r, &v) : dor__asn1_boolean(&r, &v);
    return reads_whole(result, &r) ? v : -1;
}

Test(x509_der, booleans)
{
    cr_expect(boolean_of("0101ff", false) == 1);
    cr_expect(boolean_of("010100", false) == 0);
    cr_expect(boolean_of("010101", false) == -1);
    cr_expect(boolean_of("0100", false) == -1);
    cr_expect(boolean_of("0102ffff", false) == -1);
    cr_expect(boolean_of("", false) == -1);
    cr_expect(boolean_of("", true) == 0);
    cr_expect(boolean_of("0101ff", true) == 1);
    cr_expect(boolean_of("010100", true) == -1, "a default written out");
}

static bool oid_ok(const char *text)
{
    dor_reader r = reader_of(text);
    dor_span v;
    return reads_whole(dor__asn1_oid(&r, &v), &r);
}

Test(x509_der, object_identifiers)
{
    cr_expect(oid_ok("06{550403}"));
    cr_expect(oid_ok("06{2a8648ce3d0301078101}"));
    cr_expect(!oid_ok("0600"));
    cr_expect(!oid_ok("06{5580}"), "no end");
    cr_expect(!oid_ok("06{558003}"), "padded");
    cr_expect(!oid_ok("06{8055}"), "padded at the beginning");
}

static bool bits_ok(const char *text)
{
    dor_reader r = reader_of(text);
    dor_span bits;
    uint8_t unused;
    return reads_whole(dor__asn1_bit_string(&r, DER_BIT_STRING, &bits, &unused), &r);
}

Test(x509_der, bit_strings)
{
    cr_expect(bits_ok("03{00}"));
    cr_expect(bits_ok("03{00ff}"));
    cr_expect(bits_ok("03{05a0}"));
    cr_expect(bits_ok("03{0780}"));
    cr_expect(!bits_ok("0300"));
    cr_expect(!bits_ok("03{01}"), "unused bits of nothing");
    cr_expect(!bits_ok("03{0800}"));
    cr_expect(!bits_ok("03{05a1}"), "unused bits that are set");
}

static bool time_of(const char *text, int64_t *seconds)
{
    dor_reader r = reader_of(text);
    *seconds = 0;
    return reads_whole(dor__asn1_time(&r, seconds), &r);
}

Test(x509_der, times)
{
    int64_t t;
    cr_expect(time_of("17{'700101000000Z'}", &t) && t == 0);
    cr_expect(time_of("17{'000229235959Z'}", &t) && t == 951868799);
    cr_expect(time_of("17{'491231235959Z'}", &t) && t == 2524607999);
    cr_expect(time_of("17{'500101000000Z'}", &t) && t == -631152000, "1950");
    cr_expect(time_of("18{'20500101000000Z'}", &t) && t == 2524608000);
    cr_expect(time_of("18{'99991231235959Z'}", &t) && t == 253402300799);
    cr_expect(time_of("18{'00000101000000Z'}", &t) && t == -62167219200);
    static const char *const wrong[] = {
        "17{'7001010000Z'}",
        "17{'700101000000'}",
        "17{'700101000000+0000'}",
        "17{'700101000000z'}",
        "17{'701301000000Z'}",
        "17{'700001000000Z'}",
        "17{'700132000000Z'}",
        "17{'700100000000Z'}",
        "17{'700229000000Z'}",
        "17{'700101240000Z'}",
        "17{'700101006000Z'}",
        "17{'700101000060Z'}",
        "17{'7001010000 0Z'}",
        "17{'-00101000000Z'}",
        "17{'19700101000000Z'}",
        "18{'700101000000Z'}",
        "18{'20500101000000.5Z'}",
        "18{'20500101000000+0100'}",
        "18{'205001010000Z'}",
        "18{'21000229000000Z'}",
        "1700",
        "1800",
        "04{'700101000000Z'}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect(!time_of(wrong[i], &t), "%s", wrong[i]);
}

Test(x509_der, every_day_of_two_centuries)
{
    for (int64_t day = -25567; day < 60000; day++) { /* 1900 to 2134 */
        time_t at = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char text[64];
        int64_t t;
        gmtime_r(&at, &tm);
        strftime(text, sizeof(text), "18{'%Y%m%d%H%M%SZ'}", &tm);
        cr_assert(time_of(text, &t) && t == (int64_t)at, "%s", text);
    }
}

static bool algorithm_ok(const char *text)
{
    dor_reader r = reader_of(text);
    dor_span oid, parameters;
    return reads_whole(dor__asn1_algorithm(&r, &oid, &parameters), &r);
}

Test(x509_der, algorithms)
{
    cr_expect(algorithm_ok("30{06{2a03}}"));
    cr_expect(algorithm_ok("30{06{2a03} 0500}"));
    cr_expect(!algorithm_ok("30{06{2a03} 0500 0500}"));
    cr_expect(!algorithm_ok("30{0500}"));
    cr_expect(!algorithm_ok("31{06{2a03}}"));
}
