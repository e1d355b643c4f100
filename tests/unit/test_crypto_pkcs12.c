/*
 * test_crypto_pkcs12.c - PKCS#12 files as the openssl command writes them, in its present form and in its old one, and what
 * becomes of damaged ones.
 */
#include "crypto/pkcs12.h"
#include "support/command.h"

#include <criterion/criterion.h>

static void begin(void)
{
    if (!command_exists("openssl")) cr_skip_test("there is no openssl command");
    command_begin();
    cr_assert_eq(
        command_run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -days 9 "
            "-keyout a.key -out a.pem"),
        0);
    cr_assert_eq(command_run("openssl x509 -in a.pem -outform DER -out a.der"), 0);
    cr_assert_eq(command_run("openssl pkey -in a.key -pubout -outform DER -out a.pub"), 0);
}

TestSuite(crypto_pkcs12, .init = begin, .fini = command_end);

/* What opens is this key and this certificate, and nothing else. */
static void expect_ours(const dor_pkcs12 *p12, bool key, size_t certs)
{
    dor_bytes der = command_read("a.der"), spki = command_read("a.pub");
    dor_public_key *public_key;
    cr_assert(dor__ok(dor__public_key_from_spki(&public_key, dor__bytes_span(&spki))));
    cr_assert_eq(p12->key != NULL, key);
    if (p12->key) cr_assert(dor__key_pair_fits(p12->key, public_key));
    cr_assert_eq(p12->cert_count, certs);
    if (certs) cr_assert(dor__span_equal(dor__bytes_span(&p12->certs[0]), dor__bytes_span(&der)));
    dor__public_key_free(public_key);
    dor__bytes_free(&der);
    dor__bytes_free(&spki);
}

static int open_as(dor_span der, const char *password, bool key, size_t certs)
{
    dor_pkcs12 p12;
    dor_result result = dor__pkcs12_open(&p12, der, dor__span_str(password));
    if (dor__ok(result)) expect_ours(&p12, key, certs);
    if (dor__failed(result)) cr_assert(!p12.key && p12.cert_count == 0);
    dor__pkcs12_fini(&p12);
    return result.code;
}

static int open_file(const char *password, bool key, size_t certs)
{
    dor_bytes der = command_read("a.p12");
    cr_assert(dor__is_pkcs12(dor__bytes_span(&der)));
    int code = open_as(dor__bytes_span(&der), password, key, certs);
    dor__bytes_free(&der);
    return code;
}

static int export_as(const char *options)
{
    return command_run("openssl pkcs12 -export -inkey a.key -in a.pem -out a.p12 %s", options);
}

Test(crypto_pkcs12, what_openssl_writes, .timeout = 100)
{
    static const char *const options[] = {
        "",
        "-macalg sha1",
        "-macalg sha384",
        "-macalg sha512 -iter 1 -maciter",
        "-nomaciter -noiter",
        "-certpbe NONE",
        "-certpbe NONE -keypbe NONE",
        "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES",
        "-certpbe AES-128-CBC -keypbe AES-192-CBC",
    };
    char line[200];
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        snprintf(line, sizeof(line), "-passout 'pass:gr\xc3\xbc\xc3\x9f dich' %s", options[i]);
        cr_assert_eq(export_as(line), 0, "%s", options[i]);
        cr_expect_eq(open_file("gr\xc3\xbc\xc3\x9f dich", true, 1), DOR_OK, "%s", options[i]);
        cr_expect_eq(open_file("gruss dich", true, 1), DOR_E_PASSWORD_WRONG, "%s", options[i]);
        cr_expect_eq(open_file("", true, 1), DOR_E_PASSWORD_WRONG);
    }
    cr_assert_eq(export_as("-passout pass:"), 0);
    cr_expect_eq(open_file("", true, 1), DOR_OK, "no password is an empty one");
    if (export_as("-legacy -passout pass:x") == 0) { /* RC2 with 40 bits, triple DES, SHA-1 */
        cr_expect_eq(open_file("x", true, 1), DOR_OK);
        cr_expect_eq(open_file("y", true, 1), DOR_E_PASSWORD_WRONG);
    }
    cr_assert_eq(export_as("-passout pass:x -nomac"), 0);
    cr_expect_eq(open_file("x", true, 1), DOR_E_NOT_SUPPORTED);
    cr_assert_eq(command_run("openssl pkcs12 -export -nokeys -in a.pem -passout pass:x -out a.p12"), 0);
    cr_expect_eq(open_file("x", false, 1), DOR_OK);
    cr_assert_eq(command_run("openssl pkcs12 -export -nocerts -inkey a.key -passout pass:x -out a.p12"), 0);
    cr_expect_eq(open_file("x", true, 0), DOR_OK);
}

Test(crypto_pkcs12, more_certificates_than_there_is_room_for)
{
    cr_assert_eq(system("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do cat a.pem; done >many.pem"),
                 0);
    cr_assert_eq(command_run("openssl pkcs12 -export -nokeys -in many.pem -passout pass:x -out a.p12"), 0);
    cr_expect_eq(open_file("x", false, 17), DOR_E_LIMIT);
}

/* Whatever is changed, what opens is ours; and inside what the MAC covers nothing can be. */
static void damage(const char *options)
{
    cr_assert_eq(export_as(options), 0);
    dor_bytes der = command_read("a.p12");
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *cut =
            malloc(len ? len : 1); /* of the exact size, so that a sanitizer sees one byte too far */
        memcpy(cut, der.ptr, len);
        cr_assert_eq(open_as(dor__span(cut, len), "x", true, 1), DOR_E_FILE_MALFORMED);
        free(cut);
    }
    for (size_t bit = 0; bit < der.len * 8; bit++) {
        der.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int code = open_as(dor__bytes_span(&der), "x", true, 1);
        cr_assert(code == DOR_E_PASSWORD_WRONG || code == DOR_E_FILE_MALFORMED ||
                      code == DOR_E_NOT_SUPPORTED || code == DOR_E_LIMIT,
                  "bit %zu: %d", bit, code);
        der.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(open_as(dor__bytes_span(&der), "x", true, 1), DOR_OK);
    dor__bytes_free(&der);
}

Test(crypto_pkcs12, damage, .timeout = 100)
{
    damage("-passout pass:x -noiter -nomaciter");
    damage("-passout pass:x -noiter -maciter -macalg sha1 -certpbe PBE-SHA1-3DES -keypbe NONE");
}

Test(crypto_pkcs12, what_is_none)
{
    static const uint8_t certificate_like[] = {0x30, 0x04, 0x30, 0x02, 0x05, 0x00};
    dor_bytes key;
    cr_assert_not(dor__is_pkcs12(DOR_SPAN_EMPTY));
    cr_assert_not(dor__is_pkcs12(dor__span(certificate_like, sizeof(certificate_like))));
    cr_assert_eq(command_run("openssl pkcs8 -topk8 -nocrypt -in a.key -outform DER -out key.der"), 0);
    key = command_read("key.der");
    cr_assert_not(dor__is_pkcs12(dor__bytes_span(&key)));
    cr_expect_eq(open_as(dor__bytes_span(&key), "x", true, 1), DOR_E_FILE_MALFORMED);
    dor__bytes_free(&key);
}
