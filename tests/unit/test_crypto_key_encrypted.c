/*
 * test_crypto_key_encrypted.c - private keys under passwords, as the openssl command writes them, and damaged ones.
 */
#include "crypto/sign.h"
#include "support/command.h"
#include "x509/pem.h"

#include <criterion/criterion.h>

static void begin(void)
{
    if (!command_exists("openssl")) cr_skip_test("there is no openssl command");
    command_begin();
    cr_assert_eq(command_run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem"),
                 0);
    cr_assert_eq(command_run("openssl pkey -in key.pem -pubout -outform DER -out pub.der"), 0);
}

TestSuite(crypto_key_encrypted, .init = begin, .fini = command_end);

static bool is_the_key(const dor_private_key *key)
{
    dor_bytes spki = command_read("pub.der");
    dor_public_key *public_key;
    cr_assert(dor__ok(dor__public_key_from_spki(&public_key, dor__bytes_span(&spki))));
    bool fits = dor__key_pair_fits(key, public_key);
    dor__public_key_free(public_key);
    dor__bytes_free(&spki);
    return fits;
}

static int decrypt(dor_span der, const char *password)
{
    dor_private_key *key = NULL;
    dor_result result = dor__private_key_decrypt(&key, der, dor__span_str(password));
    cr_assert_eq(key != NULL, dor__ok(result));
    if (key) cr_assert(is_the_key(key));
    dor__private_key_unref(key);
    return result.code;
}

static int decrypt_file(const char *name, const char *password)
{
    dor_bytes der = command_read(name);
    int code = decrypt(dor__bytes_span(&der), password);
    dor__bytes_free(&der);
    return code;
}

Test(crypto_key_encrypted, every_scheme_that_openssl_writes, .timeout = 100)
{
    static const char *const v2[] = {"aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"};
    static const char *const prf[] = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 5; j++) {
            cr_assert_eq(
                command_run("openssl pkcs8 -topk8 -in key.pem -passout 'pass:open sesame' -v2 %s -v2prf "
                            "hmacWith%s -iter %d -outform DER -out enc.der",
                            v2[i], prf[j], 1 + (int)j * 777),
                0);
            cr_expect_eq(decrypt_file("enc.der", "open sesame"), DOR_OK, "%s %s", v2[i], prf[j]);
            cr_expect_eq(decrypt_file("enc.der", "open sesame "), DOR_E_PASSWORD_WRONG);
        }
    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:x -scrypt -outform DER -out enc.der"), 0);
    cr_expect_eq(decrypt_file("enc.der", "x"), DOR_OK, "scrypt");
    cr_expect_eq(decrypt_file("enc.der", ""), DOR_E_PASSWORD_WRONG);
}

Test(crypto_key_encrypted, pkcs12_schemes)
{
    static const char *const passwords[] = {"x", "gr\xc3\xbc\xc3\x9f dich", "\xf0\x9f\x94\x91 key", ""};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(
            command_run("openssl pkcs8 -topk8 -in key.pem -passout 'pass:%s' -v1 PBE-SHA1-3DES -outform DER "
                        "-out enc.der",
                        passwords[i]),
            0);
        cr_expect_eq(decrypt_file("enc.der", passwords[i]), DOR_OK, "%s", passwords[i]);
        cr_expect_eq(decrypt_file("enc.der", "y"), DOR_E_PASSWORD_WRONG);
    }
    static const char *const old[] = {"PBE-SHA1-RC2-40", "PBE-SHA1-RC2-128"};
    for (size_t i = 0; i < 2; i++) {
        if (command_run(
                "openssl pkcs8 -topk8 -in key.pem -passout pass:x -v1 %s -provider legacy -provider default "
                "-outform DER -out enc.der",
                old[i]) != 0)
            continue; /* an openssl without them */
        cr_expect_eq(decrypt_file("enc.der", "x"), DOR_OK, "%s", old[i]);
        cr_expect_eq(decrypt_file("enc.der", "y"), DOR_E_PASSWORD_WRONG);
    }
}

Test(crypto_key_encrypted, schemes_that_are_left_out)
{
    static const char *const options[] = {"-v2 camellia-256-cbc", "-v2 aes-256-ofb", "-v2 aria-128-cbc"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(
            command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:x %s -outform DER -out enc.der",
                        options[i]),
            0);
        cr_expect_eq(decrypt_file("enc.der", "x"), DOR_E_NOT_SUPPORTED, "%s", options[i]);
    }
}

/* ---- traditional PEM ----------------------------------------------------------------------------------------------- */

static int decrypt_pem(const char *name, const char *password)
{
    dor_bytes text = command_read(name);
    dor_span rest = dor__bytes_span(&text);
    dor_pem_block block = {0};
    dor_private_key *key = NULL;
    size_t line = 1;
    bool found = false;
    do {
        dor__pem_block_fini(&block);
        cr_assert(dor__ok(dor__pem_next(&rest, &line, &block, &found)) && found);
    } while (!dor__pem_is_private_key(block.label));
    cr_assert(block.encrypted);
    dor_result result = dor__private_key_decrypt_dek(&key, block.dek_info, dor__bytes_span(&block.der),
                                                     dor__span_str(password));
    if (key) cr_assert(is_the_key(key));
    dor__private_key_unref(key);
    dor__pem_block_fini(&block);
    dor__bytes_free(&text);
    return result.code;
}

Test(crypto_key_encrypted, traditional_pem)
{
    static const char *const ciphers[] = {"aes128", "aes192", "aes256", "des3"};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(
            command_run("openssl pkey -traditional -in key.pem -%s -passout pass:secret -out enc.pem",
                        ciphers[i]),
            0);
        cr_expect_eq(decrypt_pem("enc.pem", "secret"), DOR_OK, "%s", ciphers[i]);
        cr_expect_eq(decrypt_pem("enc.pem", "Secret"), DOR_E_PASSWORD_WRONG);
    }
    cr_assert_eq(
        command_run("openssl pkey -traditional -in key.pem -camellia128 -passout pass:secret -out enc.pem"),
        0);
    cr_expect_eq(decrypt_pem("enc.pem", "secret"), DOR_E_NOT_SUPPORTED);
}

Test(crypto_key_encrypted, dek_info_that_is_none)
{
    static const char *const infos[] = {"",
                                        ",",
                                        "AES-128-CBC",
                                        "AES-128-CBC,",
                                        "AES-128-CBC,00",
                                        "AES-128-CBC,000102030405060708090a0b0c0d0e0g",
                                        "AES-128-CBC,000102030405060708090a0b0c0d0e0f00"};
    static const uint8_t block[16];
    dor_private_key *key;
    for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
        cr_expect_eq(dor__private_key_decrypt_dek(&key, dor__span_str(infos[i]), dor__span(block, 16),
                                                  dor__span_str("x"))
                         .code,
                     i == 1 ? DOR_E_NOT_SUPPORTED : DOR_E_FILE_MALFORMED, "%s", infos[i]);
    dor_span good = dor__span_str("AES-128-CBC,000102030405060708090A0b0c0d0e0f");
    cr_expect_eq(dor__private_key_decrypt_dek(&key, good, dor__span(block, 0), dor__span_str("x")).code,
                 DOR_E_FILE_MALFORMED);
    cr_expect_eq(dor__private_key_decrypt_dek(&key, good, dor__span(block, 15), dor__span_str("x")).code,
                 DOR_E_FILE_MALFORMED);
    cr_expect_eq(dor__private_key_decrypt_dek(&key, good, dor__span(block, 16), dor__span_str("x")).code,
                 DOR_E_PASSWORD_WRONG);
}

/* ---- damage ------------------------------------------------------------------------------------------------------- */

static bool is_refusal(int code)
{
    return code == DOR_E_PASSWORD_WRONG || code == DOR_E_FILE_MALFORMED || code == DOR_E_NOT_SUPPORTED ||
           code == DOR_E_LIMIT || code == DOR_E_KEY_UNSUPPORTED;
}

static void make_cheap(const char *options)
{
    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:secret -iter 1 %s -outform DER -out "
                    "enc.der",
                    options),
        0);
}

/* One bit wrong: a refusal, or by luck (a byte that nobody looks at) the very same key, which decrypt checks. */
static void damage(const char *options)
{
    make_cheap(options);
    dor_bytes der = command_read("enc.der");
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *cut =
            malloc(len ? len : 1); /* of the exact size, so that a sanitizer sees one byte too far */
        memcpy(cut, der.ptr, len);
        cr_assert_eq(decrypt(dor__span(cut, len), "secret"), DOR_E_FILE_MALFORMED);
        free(cut);
    }
    for (size_t bit = 0; bit < der.len * 8; bit++) {
        der.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int code = decrypt(dor__bytes_span(&der), "secret");
        cr_assert(code == DOR_OK || is_refusal(code), "bit %zu: %d", bit, code);
        der.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(decrypt(dor__bytes_span(&der), "secret"), DOR_OK);
    dor__bytes_free(&der);
}

Test(crypto_key_encrypted, damage_pbkdf2, .timeout = 100)
{
    damage("-v2 aes-256-cbc -v2prf hmacWithSHA256");
}

Test(crypto_key_encrypted, damage_pkcs12, .timeout = 100)
{
    damage("-v1 PBE-SHA1-3DES");
}

Test(crypto_key_encrypted, every_wrong_password_is_told_alike)
{
    char password[16];
    make_cheap("-v2 aes-128-cbc");
    dor_bytes der = command_read("enc.der");
    for (int i = 0; i < 2000; i++) { /* some eight of them leave a padding that looks well */
        snprintf(password, sizeof(password), "guess %d", i);
        cr_assert_eq(decrypt(dor__bytes_span(&der), password), DOR_E_PASSWORD_WRONG);
    }
    dor__bytes_free(&der);
}

/* Replaces one run of bytes, which must stand there. */
static void patch(dor_bytes *der, dor_span from, const char *to)
{
    for (size_t at = 0; at + from.len <= der->len; at++)
        if (memcmp(der->ptr + at, from.ptr, from.len) == 0) {
            memcpy(der->ptr + at, to, from.len);
            return;
        }
    cr_assert_fail("nothing to patch");
}

static int decrypt_patched(dor_span from, const char *to)
{
    dor_bytes der = command_read("enc.der");
    patch(&der, from, to);
    int code = decrypt(dor__bytes_span(&der), "secret");
    dor__bytes_free(&der);
    return code;
}

Test(crypto_key_encrypted, a_file_that_asks_for_endless_work)
{
    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:secret -iter 2001 -outform DER -out "
                    "enc.der"),
        0);
    const dor_span count = dor__span_str("\x02\x02\x07\xd1");
    cr_expect_eq(decrypt_patched(count, "\x02\x02\x07\xd1"), DOR_OK);
    cr_expect_eq(decrypt_patched(dor__span("\x02\x02\x07\xd1", 4), "\x02\x02\x00\x01"), DOR_E_FILE_MALFORMED);
    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:secret -iter 65601 -outform DER -out "
                    "enc.der"),
        0);
    cr_expect_eq(decrypt_patched(dor__span("\x02\x03\x01\x00\x41", 5), "\x02\x03\x1e\x84\x81"), DOR_E_LIMIT,
                 "2,000,001");
    cr_expect_eq(decrypt_patched(dor__span("\x02\x03\x01\x00\x41", 5), "\x02\x03\x7f\xff\xff"), DOR_E_LIMIT);

    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:secret -scrypt -scrypt_N 1024 -outform "
                    "DER -out enc.der"),
        0);
    const dor_span numbers = dor__span("\x02\x02\x04\x00\x02\x01\x08\x02\x01\x01", 10); /* N, r, p */
    cr_expect_eq(decrypt_patched(numbers, "\x02\x02\x04\x00\x02\x01\x08\x02\x01\x01"), DOR_OK);
    cr_expect_eq(decrypt_patched(numbers, "\x02\x02\x04\x01\x02\x01\x08\x02\x01\x01"), DOR_E_FILE_MALFORMED);
    cr_expect_eq(decrypt_patched(numbers, "\x02\x02\x04\x00\x02\x01\x09\x02\x01\x01"), DOR_E_LIMIT);
    cr_expect_eq(decrypt_patched(numbers, "\x02\x02\x40\x00\x02\x01\x08\x02\x01\x7f"), DOR_E_LIMIT);
    cr_expect_eq(decrypt_patched(numbers, "\x02\x02\x04\x00\x02\x01\x08\x02\x01\x00"), DOR_E_FILE_MALFORMED);

    char endless[2000];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    cr_expect_eq(decrypt_file("enc.der", endless), DOR_E_LIMIT, "a password without end");
}
