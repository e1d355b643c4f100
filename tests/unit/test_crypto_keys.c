/*
 * test_crypto_keys.c - keys from DER: every format, what is not supported, and bytes that are no key at all.
 */
#include "crypto/sign.h"
#include "support/command.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr)         cr_assert(dor__ok(expr))
#define FAILS(expr, why) cr_assert_eq((expr).code, (why))

#define ALERT(alert, reason) DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_##alert, DOR_REASON_##reason)

static const int malformed = ALERT(BAD_CERTIFICATE, CERT_MALFORMED);
static const int unsupported = ALERT(UNSUPPORTED_CERTIFICATE, CERT_UNSUPPORTED);
static const int weak = ALERT(BAD_CERTIFICATE, CERT_WEAK);

static void begin(void)
{
    if (!command_exists("openssl")) cr_skip_test("there is no openssl command");
    command_begin();
}

TestSuite(crypto_keys, .init = begin, .fini = command_end);

#define GENPKEY_P256    "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
#define GENPKEY_P384    "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"
#define GENPKEY_RSA     "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"
#define GENPKEY_RSA_PSS "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048"
#define GENPKEY_ED25519 "-algorithm ED25519"

static void genpkey(const char *arguments)
{
    cr_assert_eq(command_run("openssl genpkey %s -out key.pem", arguments), 0);
    cr_assert_eq(command_run("openssl pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der"), 0);
    cr_assert_eq(command_run("openssl pkey -in key.pem -pubout -outform DER -out pub.der"), 0);
}

/* Into old.der, by way of PEM, since openssl's versions differ in what they write as DER. */
static void write_traditional(void)
{
    cr_assert_eq(command_run("openssl pkey -in key.pem -traditional -out old.pem"), 0);
    cr_assert_eq(system("grep -v -e '-----' old.pem | openssl base64 -d -out old.der"), 0);
    cr_assert_neq(command_run("cmp key.der old.der"), 0);
}

static int read_private(const char *name)
{
    dor_bytes der = command_read(name);
    dor_private_key *key;
    dor_result result = dor__private_key_from_der(&key, dor__bytes_span(&der));
    cr_assert_eq(key != NULL, dor__ok(result));
    dor__private_key_unref(key);
    dor__bytes_free(&der);
    return result.code;
}

static int read_public(const char *name)
{
    dor_bytes der = command_read(name);
    dor_public_key *key;
    dor_result result = dor__public_key_from_spki(&key, dor__bytes_span(&der));
    cr_assert_eq(key != NULL, dor__ok(result));
    dor__public_key_free(key);
    dor__bytes_free(&der);
    return result.code;
}

static void traditional_fits(const char *arguments, dor_key_type type)
{
    genpkey(arguments);
    write_traditional();
    dor_bytes pkcs8 = command_read("key.der"), old = command_read("old.der"), spki = command_read("pub.der");
    dor_private_key *a, *b;
    dor_public_key *public_key;
    OK(dor__private_key_from_der(&a, dor__bytes_span(&pkcs8)));
    OK(dor__private_key_from_der(&b, dor__bytes_span(&old)));
    OK(dor__public_key_from_spki(&public_key, dor__bytes_span(&spki)));
    cr_assert_eq(dor__private_key_type(a), type);
    cr_assert_eq(dor__private_key_type(b), type);
    cr_assert(dor__key_pair_fits(a, public_key));
    cr_assert(dor__key_pair_fits(b, public_key));
    dor__private_key_unref(a);
    dor__private_key_unref(b);
    dor__public_key_free(public_key);
    dor__bytes_free(&pkcs8);
    dor__bytes_free(&old);
    dor__bytes_free(&spki);
}

Test(crypto_keys, sec_1_and_pkcs_1)
{
    traditional_fits(GENPKEY_P256, DOR_KEY_EC_P256);
    traditional_fits(GENPKEY_P384, DOR_KEY_EC_P384);
    traditional_fits(GENPKEY_RSA, DOR_KEY_RSA);
}

Test(crypto_keys, the_public_half_may_be_left_out)
{
    genpkey(GENPKEY_P256);
    cr_assert_eq(command_run("openssl ec -in key.pem -no_public -outform DER -out old.der"), 0);
    cr_assert_eq(read_private("old.der"), DOR_OK);
}

Test(crypto_keys, what_is_not_supported)
{
    static const char *const arguments[] = {
        "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-224",
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        "-algorithm X25519",
        "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha1",
        "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 "
        "-pkeyopt rsa_pss_keygen_mgf1_md:sha512",
        "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 "
        "-pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:33",
    };
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
        genpkey(arguments[i]);
        cr_assert_eq(read_private("key.der"), DOR_E_KEY_UNSUPPORTED, "%s", arguments[i]);
        cr_assert_eq(read_public("pub.der"), unsupported, "%s", arguments[i]);
    }
}

Test(crypto_keys, short_rsa)
{
    genpkey("-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
    cr_assert_eq(read_private("key.der"), DOR_E_KEY_UNSUPPORTED);
    cr_assert_eq(read_public("pub.der"), weak);
    genpkey("-algorithm RSA -pkeyopt rsa_keygen_bits:2047");
    cr_assert_eq(read_private("key.der"), DOR_E_KEY_UNSUPPORTED);
    cr_assert_eq(read_public("pub.der"), weak);
}

Test(crypto_keys, encrypted)
{
    genpkey(GENPKEY_P256);
    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in key.pem -passout pass:secret -outform DER -out enc.der"), 0);
    cr_assert_eq(read_private("enc.der"), DOR_E_PASSWORD_NEEDED);
}

Test(crypto_keys, halves_that_do_not_belong_together)
{
    static const char *const kinds[] = {GENPKEY_P256, GENPKEY_P256, GENPKEY_RSA, GENPKEY_RSA,
                                        GENPKEY_ED25519};
    dor_private_key *private_keys[5];
    dor_public_key *public_keys[5];
    for (size_t i = 0; i < 5; i++) {
        genpkey(kinds[i]);
        dor_bytes der = command_read("key.der"), spki = command_read("pub.der");
        OK(dor__private_key_from_der(&private_keys[i], dor__bytes_span(&der)));
        OK(dor__public_key_from_spki(&public_keys[i], dor__bytes_span(&spki)));
        dor__bytes_free(&der);
        dor__bytes_free(&spki);
    }
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++)
            cr_assert_eq(dor__key_pair_fits(private_keys[i], public_keys[j]), i == j);
    for (size_t i = 0; i < 5; i++) {
        dor__private_key_unref(private_keys[i]);
        dor__public_key_free(public_keys[i]);
    }
}

/* On the heap and of the exact size, so that a sanitizer sees one byte too far. */
static dor_span exact_copy(dor_span s, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    cr_assert_not_null(copy);
    memcpy(copy, s.ptr, len);
    return dor__span(copy, len);
}

static void use_private(dor_private_key *key, dor_rng *rng)
{
    static const dor_sig_scheme schemes[] = {DOR_SIG_RSA_PSS_RSAE_SHA256, DOR_SIG_RSA_PSS_PSS_SHA256,
                                             DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SIG_ED25519};
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t len;
    for (size_t i = 0; i < 4; i++)
        (void)dor__ok(dor__sign(key, schemes[i], DOR_SPAN_EMPTY, rng, sig, sizeof(sig), &len));
}

/* Cut off at every byte it is refused; with any byte changed nothing breaks, whatever the answer. */
static void damage_private(dor_span der, dor_rng *rng)
{
    dor_private_key *key;
    for (size_t len = 0; len < der.len; len++) {
        dor_span cut = exact_copy(der, len);
        FAILS(dor__private_key_from_der(&key, cut), DOR_E_FILE_MALFORMED);
        free((void *)(uintptr_t)cut.ptr);
    }
    dor_span copy = exact_copy(der, der.len);
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t at = 0; at < der.len; at++) {
        static const uint8_t changes[] = {0x01, 0x80, 0xff};
        for (size_t c = 0; c < sizeof(changes); c++) {
            bytes[at] ^= changes[c];
            dor_result r = dor__private_key_from_der(&key, copy);
            if (dor__ok(r)) {
                if (c == 0 && at % 16 == 0) use_private(key, rng);
                dor__private_key_unref(key);
            } else {
                cr_assert(r.code == DOR_E_FILE_MALFORMED || r.code == DOR_E_KEY_UNSUPPORTED ||
                          r.code == DOR_E_PASSWORD_NEEDED);
            }
            bytes[at] ^= changes[c];
        }
    }
    free(bytes);
}

static void damage_public(dor_span spki)
{
    static const uint8_t sig[256] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    dor_public_key *key;
    for (size_t len = 0; len < spki.len; len++) {
        dor_span cut = exact_copy(spki, len);
        FAILS(dor__public_key_from_spki(&key, cut), malformed);
        free((void *)(uintptr_t)cut.ptr);
    }
    dor_span copy = exact_copy(spki, spki.len);
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t bit = 0; bit < spki.len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        dor_result r = dor__public_key_from_spki(&key, copy);
        if (dor__ok(r)) {
            cr_assert(dor__failed(dor__verify(key, DOR_SIG_ECDSA_SECP256R1_SHA256, spki, dor__span(sig, 8))));
            if (bit % 16 == 0)
                cr_assert(dor__failed(dor__verify(key, DOR_SIG_RSA_PKCS1_SHA256, spki, dor__span(sig, 256))));
            dor__public_key_free(key);
        } else {
            cr_assert(r.code == malformed || r.code == unsupported || r.code == weak);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(bytes);
}

static void damage(const char *arguments)
{
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    genpkey(arguments);
    dor_bytes der = command_read("key.der"), spki = command_read("pub.der");
    damage_private(dor__bytes_span(&der), rng);
    damage_public(dor__bytes_span(&spki));
    OK(dor__bytes_append(&der, dor__span_str("x")));
    OK(dor__bytes_append(&spki, dor__span_str("x")));
    dor_private_key *private_key;
    dor_public_key *public_key;
    FAILS(dor__private_key_from_der(&private_key, dor__bytes_span(&der)), DOR_E_FILE_MALFORMED);
    FAILS(dor__public_key_from_spki(&public_key, dor__bytes_span(&spki)), malformed);
    dor__bytes_free(&der);
    dor__bytes_free(&spki);
    dor__rng_free(rng);
}

Test(crypto_keys, damaged_p256)
{
    damage(GENPKEY_P256);
}

Test(crypto_keys, damaged_p384)
{
    damage(GENPKEY_P384);
}

Test(crypto_keys, damaged_ed25519)
{
    damage(GENPKEY_ED25519);
}

Test(crypto_keys, damaged_rsa)
{
    damage(GENPKEY_RSA);
}

Test(crypto_keys, damaged_rsa_pss)
{
    damage(GENPKEY_RSA_PSS " -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 "
                           "-pkeyopt rsa_pss_keygen_saltlen:32");
}

Test(crypto_keys, damaged_traditional_forms)
{
    static const char *const kinds[] = {GENPKEY_P256, GENPKEY_RSA};
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    for (size_t i = 0; i < 2; i++) {
        genpkey(kinds[i]);
        write_traditional();
        dor_bytes der = command_read("old.der");
        damage_private(dor__bytes_span(&der), rng);
        dor__bytes_free(&der);
    }
    dor__rng_free(rng);
}

Test(crypto_keys, every_allocation_may_fail)
{
    static const char *const kinds[] = {GENPKEY_P256, GENPKEY_RSA, GENPKEY_ED25519, GENPKEY_RSA_PSS};
    counting_alloc_install();
    for (size_t i = 0; i < 4; i++) {
        genpkey(kinds[i]);
        dor_bytes der = command_read("key.der"), spki = command_read("pub.der");
        size_t before = counting_alloc_pieces();
        for (size_t n = 1; n <= 2; n++) {
            dor_private_key *key;
            counting_alloc_fail_at(n);
            FAILS(dor__private_key_from_der(&key, dor__bytes_span(&der)), DOR_E_NOMEM);
            cr_assert_null(key);
        }
        dor_public_key *key;
        counting_alloc_fail_at(1);
        FAILS(dor__public_key_from_spki(&key, dor__bytes_span(&spki)), DOR_E_NOMEM);
        cr_assert_null(key);
        counting_alloc_fail_at(0);
        cr_assert_eq(counting_alloc_pieces(), before);
        dor__bytes_free(&der);
        dor__bytes_free(&spki);
    }
}

Test(crypto_keys, keys_are_counted)
{
    counting_alloc_install();
    genpkey(GENPKEY_P256);
    dor_bytes der = command_read("key.der");
    dor_private_key *key;
    OK(dor__private_key_from_der(&key, dor__bytes_span(&der)));
    dor__bytes_free(&der);
    cr_assert_leq(counting_alloc_bytes(), 256, "a key is kept small");
    cr_assert_eq(dor__private_key_ref(key), key);
    dor__private_key_unref(key);
    cr_assert_eq(dor__private_key_type(key), DOR_KEY_EC_P256);
    dor__private_key_unref(key);
    cr_assert_eq(counting_alloc_pieces(), 0);
    dor__private_key_unref(NULL);
    dor__public_key_free(NULL);
}

/* --- without the openssl command ------------------------------------------------------------------------------- */

static int public_code(const char *hex)
{
    uint8_t spki[1400];
    dor_public_key *key;
    size_t len = hex_read(hex, spki, sizeof(spki));
    cr_assert(len > 0);
    dor_result result = dor__public_key_from_spki(&key, dor__span(spki, len));
    dor__public_key_free(key);
    return result.code;
}

#define P256_X     "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define P256_Y     "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define EC_P256    "06072a8648ce3d020106082a8648ce3d030107"
#define EC_P256_ID "3013" EC_P256

Test(crypto_spki, ec_points)
{
    cr_assert_eq(public_code("3059" EC_P256_ID "03420004" P256_X P256_Y), DOR_OK);
    cr_assert_eq(public_code("3059" EC_P256_ID "03420104" P256_X P256_Y), malformed, "unused bits");
    cr_assert_eq(public_code("3059" EC_P256_ID "03420006" P256_X P256_Y), malformed, "hybrid form");
    cr_assert_eq(public_code("3059" EC_P256_ID "03420004" P256_Y P256_X), malformed, "off the curve");
    cr_assert_eq(public_code("3039" EC_P256_ID "03220003" P256_X), unsupported, "compressed");
    cr_assert_eq(public_code("3019" EC_P256_ID "03020000"), malformed, "infinity");
    cr_assert_eq(public_code("3017" EC_P256_ID "0300"), malformed);
    cr_assert_eq(public_code("304f300906072a8648ce3d020103420004" P256_X P256_Y), malformed, "no curve");
    cr_assert_eq(public_code("3051300b06072a8648ce3d0201050003420004" P256_X P256_Y), unsupported,
                 "implicit curve");
    cr_assert_eq(public_code("305b3015" EC_P256 "050003420004" P256_X P256_Y), malformed,
                 "more behind the curve");
    cr_assert_eq(public_code("308159" EC_P256_ID "03420004" P256_X P256_Y), malformed, "length in long form");
    cr_assert_eq(public_code("305b" EC_P256_ID "03420004" P256_X P256_Y "0500"), malformed,
                 "more behind the key");
    cr_assert_eq(public_code("3080" EC_P256_ID "03420004" P256_X P256_Y "0000"), malformed,
                 "indefinite length");
}

Test(crypto_spki, ed25519_points)
{
    cr_assert_eq(
        public_code(
            "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        DOR_OK);
    cr_assert_eq(
        public_code(
            "302c300706032b65700500032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        malformed, "parameters");
    cr_assert_eq(
        public_code("3029300506032b6570032000d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751"),
        malformed, "short");
    cr_assert_eq(
        public_code(
            "302a300506032b65700321000200000000000000000000000000000000000000000000000000000000000000"),
        malformed, "no point with this y");
    cr_assert_eq(
        public_code(
            "302a300506032b65700321000100000000000000000000000000000000000000000000000000000000000000"),
        malformed, "the neutral element");
}

/* An RSA key with these numbers; NULL parameters unless `params` says otherwise. */
static int rsa_code(const char *params, size_t n_len, uint8_t n_first, uint8_t n_last, const char *e_hex)
{
    static char hex[6000], n_hex[2600];
    char *at = n_hex;
    for (size_t i = 0; i < n_len; i++)
        at += sprintf(at, "%02x", i == 0 ? n_first : i == n_len - 1 ? n_last : 0xa5);
    size_t pad = n_first & 0x80 ? 1 : 0, e_len = strlen(e_hex) / 2, params_len = strlen(params) / 2;
    size_t numbers = 4 + pad + n_len + 2 + e_len, bits = 1 + 4 + numbers,
           whole = 2 + 11 + params_len + 4 + bits;
    sprintf(hex, "3082%04zx30%02zx06092a864886f70d010101%s0382%04zx003082%04zx0282%04zx%s%s02%02zx%s", whole,
            11 + params_len, params, bits, numbers, pad + n_len, pad ? "00" : "", n_hex, e_len, e_hex);
    return public_code(hex);
}

Test(crypto_spki, rsa_numbers)
{
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "010001"), DOR_OK);
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "03"), DOR_OK);
    cr_assert_eq(rsa_code("0500", 1024, 0x80, 0x01, "010001"), DOR_OK);
    cr_assert_eq(rsa_code("", 256, 0x80, 0x01, "010001"), malformed, "no NULL");
    cr_assert_eq(rsa_code("050100", 256, 0x80, 0x01, "010001"), malformed, "a NULL with something in it");
    cr_assert_eq(rsa_code("05000500", 256, 0x80, 0x01, "010001"), malformed);
    cr_assert_eq(rsa_code("0500", 256, 0x7f, 0x01, "010001"), weak, "2047 bits");
    cr_assert_eq(rsa_code("0500", 1025, 0x01, 0x01, "010001"), unsupported, "8193 bits");
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x02, "010001"), malformed, "an even modulus");
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "010000"), malformed, "an even exponent");
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "01"), malformed, "an exponent of one");
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "00"), malformed);
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, ""), malformed);
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "00010001"), malformed, "padded");
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "ff"), malformed, "negative");
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "7fffffffffffffff"), DOR_OK);
    cr_assert_eq(rsa_code("0500", 256, 0x80, 0x01, "01ffffffffffffffff"), unsupported, "longer than 64 bits");
}

/* RFC 6979's P-256 key in SEC 1 form, in parts. */
#define SCALAR "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define PUBLIC                                                                                               \
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1" \
    "b20c2d7e9f51"                                                                                           \
    "77a3c294d4462299"
#define CURVE "a00a06082a8648ce3d030107"

static int private_code(const char *hex)
{
    uint8_t der[400];
    dor_private_key *key;
    size_t len = hex_read(hex, der, sizeof(der));
    cr_assert(len > 0);
    dor_result result = dor__private_key_from_der(&key, dor__span(der, len));
    dor__private_key_unref(key);
    return result.code;
}

Test(crypto_sec1, variants)
{
    cr_assert_eq(private_code("30310201010420" SCALAR CURVE), DOR_OK);
    cr_assert_eq(private_code("30770201010420" SCALAR CURVE "a144034200" PUBLIC), DOR_OK);
    cr_assert_eq(private_code("30770201010420" SCALAR CURVE "a144034201" PUBLIC), DOR_E_FILE_MALFORMED,
                 "unused bits");
    cr_assert_eq(private_code("30250201010420" SCALAR), DOR_E_FILE_MALFORMED, "no curve");
    cr_assert_eq(private_code("302e0201010420" SCALAR "a00706052b81040022"), DOR_OK,
                 "P-384 with a short scalar");
    cr_assert_eq(private_code("302e0201010420" SCALAR "a00706052b8104000a"), DOR_E_KEY_UNSUPPORTED,
                 "secp256k1");
    cr_assert_eq(private_code("30310201020420" SCALAR CURVE), DOR_E_FILE_MALFORMED, "version 2");
    cr_assert_eq(private_code("30110201010400" CURVE), DOR_E_FILE_MALFORMED, "no scalar");
    cr_assert_eq(private_code("3012020101040100" CURVE), DOR_E_FILE_MALFORMED, "zero");
    cr_assert_eq(private_code("3012020101040101" CURVE), DOR_OK, "one: a number, if no secret");
    cr_assert_eq(
        private_code("30310201010420ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551" CURVE),
        DOR_E_FILE_MALFORMED, "the order");
    cr_assert_eq(private_code("3032020101042100" SCALAR CURVE), DOR_E_FILE_MALFORMED, "33 bytes");
    cr_assert_eq(private_code("30770201010420" SCALAR CURVE "a14403420004" P256_X P256_Y),
                 DOR_E_FILE_MALFORMED, "another's public key");
}

Test(crypto_sec1, nothing)
{
    dor_private_key *private_key;
    dor_public_key *public_key;
    FAILS(dor__private_key_from_der(&private_key, DOR_SPAN_EMPTY), DOR_E_FILE_MALFORMED);
    FAILS(dor__public_key_from_spki(&public_key, DOR_SPAN_EMPTY), malformed);
    cr_assert_null(private_key);
    cr_assert_null(public_key);
}
