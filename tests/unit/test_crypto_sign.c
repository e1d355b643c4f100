/*
 * test_crypto_sign.c - every signature scheme against the openssl command in both directions, published vectors, and
 * signatures that must not pass.
 */
#include "crypto/sign.h"
#include "support/command.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>
#include <pthread.h>

#define OK(expr)         cr_assert(dor__ok(expr))
#define FAILS(expr, why) cr_assert_eq((expr).code, (why))

static const int bad_signature =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
static const int misfit =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_SIGNATURE);

static const dor_sig_scheme all_schemes[] = {
    DOR_SIG_RSA_PKCS1_SHA256,       DOR_SIG_RSA_PKCS1_SHA384,
    DOR_SIG_RSA_PKCS1_SHA512,       DOR_SIG_ECDSA_SECP256R1_SHA256,
    DOR_SIG_ECDSA_SECP384R1_SHA384, DOR_SIG_ECDSA_SHA512,
    DOR_SIG_RSA_PSS_RSAE_SHA256,    DOR_SIG_RSA_PSS_RSAE_SHA384,
    DOR_SIG_RSA_PSS_RSAE_SHA512,    DOR_SIG_ED25519,
    DOR_SIG_RSA_PSS_PSS_SHA256,     DOR_SIG_RSA_PSS_PSS_SHA384,
    DOR_SIG_RSA_PSS_PSS_SHA512,     DOR_SIG_ED448,
};

enum { SCHEME_COUNT = sizeof(all_schemes) / sizeof(all_schemes[0]) };

static dor_rng *rng;

static void begin(void)
{
    OK(dor__rng_new_system(&rng));
    if (!command_exists("openssl")) cr_skip_test("there is no openssl command");
    command_begin();
}

static void end(void)
{
    command_end();
    dor__rng_free(rng);
}

TestSuite(crypto_sign, .init = begin, .fini = end);

/* A key made by openssl, in both halves. The files are key.pem, key.der, pub.pem, pub.der. */
typedef struct pair {
    dor_private_key *private_key;
    dor_public_key *public_key;
} pair;

static pair make_pair(const char *genpkey_arguments)
{
    pair p;
    cr_assert_eq(command_run("openssl genpkey %s -out key.pem", genpkey_arguments), 0);
    cr_assert_eq(command_run("openssl pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der"), 0);
    cr_assert_eq(command_run("openssl pkey -in key.pem -pubout -out pub.pem"), 0);
    cr_assert_eq(command_run("openssl pkey -in key.pem -pubout -outform DER -out pub.der"), 0);
    dor_bytes key = command_read("key.der"), spki = command_read("pub.der");
    OK(dor__private_key_from_der(&p.private_key, dor__bytes_span(&key)));
    OK(dor__public_key_from_spki(&p.public_key, dor__bytes_span(&spki)));
    dor__bytes_free(&key);
    dor__bytes_free(&spki);
    cr_assert(dor__key_pair_fits(p.private_key, p.public_key));
    return p;
}

static void free_pair(pair *p)
{
    dor__private_key_unref(p->private_key);
    dor__public_key_free(p->public_key);
}

static const char *digest_of(dor_sig_scheme scheme)
{
    switch (scheme & 0xff00) {
    case 0x0800:
        switch (scheme & 0x0f) {
        case 0x04:
        case 0x09: return "sha256";
        case 0x05:
        case 0x0a: return "sha384";
        default: return "sha512";
        }
    case 0x0400: return "sha256";
    case 0x0500: return "sha384";
    default: return "sha512";
    }
}

static const char *padding_of(dor_sig_scheme scheme)
{
    return scheme >> 8 == 8 ? "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest" : "";
}

static bool openssl_verifies(dor_sig_scheme scheme)
{
    if (scheme == DOR_SIG_ED25519 || scheme == DOR_SIG_ED448)
        return command_run("openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in message -sigfile sig") ==
               0;
    return command_run("openssl dgst -%s %s -verify pub.pem -signature sig message", digest_of(scheme),
                       padding_of(scheme)) == 0;
}

static dor_bytes openssl_signs(dor_sig_scheme scheme, const char *options)
{
    if (scheme == DOR_SIG_ED25519 || scheme == DOR_SIG_ED448)
        cr_assert_eq(command_run("openssl pkeyutl -sign -inkey key.pem -rawin -in message -out sig"), 0);
    else
        cr_assert_eq(
            command_run("openssl dgst -%s %s -sign key.pem -out sig message", digest_of(scheme), options), 0);
    return command_read("sig");
}

static void agrees_with_openssl(const pair *p, dor_sig_scheme scheme)
{
    static const char text[] = "what is signed, and of no particular length";
    const dor_span message = dor__span_str(text);
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t len;

    command_write("message", message);
    for (int round = 0; round < 4; round++) {
        OK(dor__sign(p->private_key, scheme, message, rng, sig, sizeof(sig), &len));
        cr_assert_leq(len, dor__private_key_max_sig_len(p->private_key));
        OK(dor__verify(p->public_key, scheme, message, dor__span(sig, len)));
        command_write("sig", dor__span(sig, len));
        cr_assert(openssl_verifies(scheme), "%s", dor__sig_name(scheme));

        dor_bytes theirs = openssl_signs(scheme, padding_of(scheme));
        OK(dor__verify(p->public_key, scheme, message, dor__bytes_span(&theirs)));
        FAILS(dor__verify(p->public_key, scheme, dor__span(text, sizeof(text) - 2), dor__bytes_span(&theirs)),
              bad_signature);
        dor__bytes_free(&theirs);
    }
}

/* No changed, shortened or lengthened signature passes; nor does the right one under another scheme. */
static void others_are_refused(const pair *p, dor_sig_scheme scheme)
{
    const dor_span message = dor__span_str("message");
    uint8_t sig[DOR_SIG_MAX_LEN + 1] = {0}, zeros[DOR_SIG_MAX_LEN] = {0};
    size_t len;

    OK(dor__sign(p->private_key, scheme, message, rng, sig, DOR_SIG_MAX_LEN, &len));
    for (size_t bit = 0; bit<len * 8; bit += len> 128 ? 5 : 1) {
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        FAILS(dor__verify(p->public_key, scheme, message, dor__span(sig, len)), bad_signature);
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < len; n++)
        FAILS(dor__verify(p->public_key, scheme, message, dor__span(sig, n)), bad_signature);
    FAILS(dor__verify(p->public_key, scheme, message, dor__span(sig, len + 1)), bad_signature);
    FAILS(dor__verify(p->public_key, scheme, message, dor__span(zeros, len)), bad_signature);
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (all_schemes[i] == scheme) continue;
        bool fits = dor__sig_fits_key(all_schemes[i], dor__public_key_type(p->public_key));
        FAILS(dor__verify(p->public_key, all_schemes[i], message, dor__span(sig, len)),
              fits ? bad_signature : misfit);
        if (!fits)
            FAILS(dor__sign(p->private_key, all_schemes[i], message, rng, sig, DOR_SIG_MAX_LEN, &len),
                  DOR_E_BADARG);
    }
    FAILS(dor__verify(p->public_key, 0x1234, message, dor__span(sig, len)), misfit);
    OK(dor__verify(p->public_key, scheme, message, dor__span(sig, len)));
}

static void check_all_schemes(const char *genpkey_arguments, dor_key_type type, size_t scheme_count)
{
    pair p = make_pair(genpkey_arguments);
    size_t count = 0;
    cr_assert_eq(dor__private_key_type(p.private_key), type);
    cr_assert_eq(dor__public_key_type(p.public_key), type);
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (!dor__sig_fits_key(all_schemes[i], type)) continue;
        agrees_with_openssl(&p, all_schemes[i]);
        others_are_refused(&p, all_schemes[i]);
        count++;
    }
    cr_assert_eq(count, scheme_count);
    free_pair(&p);
}

Test(crypto_sign, p256)
{
    check_all_schemes("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", DOR_KEY_EC_P256, 3);
}

Test(crypto_sign, p384)
{
    check_all_schemes("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", DOR_KEY_EC_P384, 3);
}

Test(crypto_sign, ed25519)
{
    check_all_schemes("-algorithm ED25519", DOR_KEY_ED25519, 1);
}

Test(crypto_sign, p521)
{
    check_all_schemes("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", DOR_KEY_EC_P521, 3);
}

Test(crypto_sign, ed448)
{
    check_all_schemes("-algorithm ED448", DOR_KEY_ED448, 1);
}

Test(crypto_sign, rsa_2048)
{
    check_all_schemes("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", DOR_KEY_RSA, 6);
}

/* With 8n + 1 bits the PSS encoding is a byte shorter than the modulus. */
Test(crypto_sign, rsa_2049)
{
    check_all_schemes("-algorithm RSA -pkeyopt rsa_keygen_bits:2049", DOR_KEY_RSA, 6);
}

Test(crypto_sign, rsa_3072_with_a_small_exponent)
{
    check_all_schemes("-algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3",
                      DOR_KEY_RSA, 6);
}

Test(crypto_sign, rsa_pss)
{
    check_all_schemes("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", DOR_KEY_RSA_PSS, 3);
}

Test(crypto_sign, rsa_pss_key_that_prescribes_its_hash)
{
    pair p = make_pair("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 "
                       "-pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48");
    uint8_t sig[256];
    size_t len;
    agrees_with_openssl(&p, DOR_SIG_RSA_PSS_PSS_SHA384);
    FAILS(dor__sign(p.private_key, DOR_SIG_RSA_PSS_PSS_SHA256, DOR_SPAN_EMPTY, rng, sig, 256, &len),
          DOR_E_BADARG);
    FAILS(dor__verify(p.public_key, DOR_SIG_RSA_PSS_PSS_SHA256, DOR_SPAN_EMPTY, dor__span(sig, 256)), misfit);
    free_pair(&p);
}

Test(crypto_sign, pss_salt_of_another_length)
{
    static const char *const lengths[] = {"0", "20", "31", "33", "max"};
    pair p = make_pair("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    const dor_span message = dor__span_str("message");
    char options[100];
    command_write("message", message);
    for (size_t i = 0; i < 5; i++) {
        snprintf(options, sizeof(options), "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:%s",
                 lengths[i]);
        dor_bytes sig = openssl_signs(DOR_SIG_RSA_PSS_RSAE_SHA256, options);
        FAILS(dor__verify(p.public_key, DOR_SIG_RSA_PSS_RSAE_SHA256, message, dor__bytes_span(&sig)),
              bad_signature);
        dor__bytes_free(&sig);
    }
    free_pair(&p);
}

Test(crypto_sign, pss_mask_over_another_hash)
{
    pair p = make_pair("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    const dor_span message = dor__span_str("message");
    command_write("message", message);
    dor_bytes sig =
        openssl_signs(DOR_SIG_RSA_PSS_RSAE_SHA256,
                      "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sigopt rsa_mgf1_md:sha1");
    FAILS(dor__verify(p.public_key, DOR_SIG_RSA_PSS_RSAE_SHA256, message, dor__bytes_span(&sig)),
          bad_signature);
    dor__bytes_free(&sig);
    free_pair(&p);
}

/* An encoded message `em` under the private key: what a forger with a loose verifier would like to get past it. */
static dor_bytes raw_rsa(const uint8_t *em, size_t len)
{
    command_write("em", dor__span(em, len));
    cr_assert_eq(
        command_run("openssl pkeyutl -decrypt -inkey key.pem -pkeyopt rsa_padding_mode:none -in em -out sig"),
        0);
    return command_read("sig");
}

static const uint8_t sha256_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

Test(crypto_sign, pkcs1_encodings_that_are_almost_right)
{
    pair p = make_pair("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    const dor_span message = dor__span_str("message");
    uint8_t em[256], digest[32];
    OK(dor__hash_once(DOR_HASH_SHA256, message, digest));

    /* 0: the right one; 1: block type 2; 2: a short fill with rubbish behind the digest (Bleichenbacher 2006); 3: no NULL in the
     * algorithm; 4: a zero within the fill; 5: a hole in the fill; 6: the digest alone; 7: length in long form */
    for (int kind = 0; kind < 8; kind++) {
        uint8_t info[64];
        size_t info_len = sizeof(sha256_info) + 32;
        memcpy(info, sha256_info, sizeof(sha256_info));
        memcpy(info + sizeof(sha256_info), digest, 32);
        if (kind == 3) {
            memmove(info + 15, info + 17, info_len - 17);
            info_len -= 2;
            info[1] -= 2;
            info[3] -= 2;
        }
        if (kind == 6) {
            memmove(info, digest, 32);
            info_len = 32;
        }
        if (kind == 7) {
            memmove(info + 2, info + 1, info_len - 1);
            info[1] = 0x81;
            info_len++;
        }
        memset(em, 0xff, sizeof(em));
        em[0] = 0;
        em[1] = kind == 1 ? 2 : 1;
        size_t at = kind == 2 ? 11 : sizeof(em) - info_len;
        em[at - 1] = 0;
        memcpy(em + at, info, info_len);
        if (kind == 4) em[100] = 0;
        if (kind == 5) em[100] = 0xfe;
        dor_bytes sig = raw_rsa(em, sizeof(em));
        FAILS(dor__verify(p.public_key, DOR_SIG_RSA_PKCS1_SHA256, message, dor__bytes_span(&sig)),
              kind == 0 ? DOR_OK : bad_signature);
        dor__bytes_free(&sig);
    }
    free_pair(&p);
}

Test(crypto_sign, rsa_signature_not_below_the_modulus)
{
    pair p = make_pair("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    const dor_span message = dor__span_str("message");
    dor_bytes spki = command_read("pub.der");
    const uint8_t *n = spki.ptr + spki.len - 5 - 256; /* ends with the exponent 02 03 01 00 01 */
    uint8_t sig[256];
    size_t len;
    unsigned carry;
    do { /* until signature + modulus still has 2048 bits */
        OK(dor__sign(p.private_key, DOR_SIG_RSA_PSS_RSAE_SHA256, message, rng, sig, sizeof(sig), &len));
        carry = 0;
        for (size_t i = 256; i-- > 0;) {
            carry += (unsigned)sig[i] + n[i];
            sig[i] = (uint8_t)carry;
            carry >>= 8;
        }
    } while (carry);
    FAILS(dor__verify(p.public_key, DOR_SIG_RSA_PSS_RSAE_SHA256, message, dor__span(sig, 256)),
          bad_signature);
    dor__bytes_free(&spki);
    free_pair(&p);
}

/* A private key with a wrong number in it, as a fault in the computer might make it: no signature may get out. */
Test(crypto_sign, a_faulty_rsa_key_signs_nothing)
{
    pair p = make_pair("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    dor_bytes der = command_read("key.der");
    size_t attempts = 0;
    for (size_t at = der.len - 1; at > der.len - 640; at -= 40) { /* p, q and what is derived of them */
        dor_private_key *key;
        uint8_t sig[256];
        size_t len;
        der.ptr[at] ^= 0x10;
        if (dor__ok(dor__private_key_from_der(&key, dor__bytes_span(&der)))) {
            memset(sig, 0x5a, sizeof(sig));
            cr_assert(
                dor__failed(dor__sign(key, DOR_SIG_RSA_PKCS1_SHA256, DOR_SPAN_EMPTY, rng, sig, 256, &len)));
            for (size_t i = 0; i < sizeof(sig); i++)
                cr_assert(sig[i] == 0 || sig[i] == 0x5a);
            dor__private_key_unref(key);
            attempts++;
        }
        der.ptr[at] ^= 0x10;
    }
    cr_assert_gt(attempts, 5);
    dor__bytes_free(&der);
    free_pair(&p);
}

Test(crypto_sign, room_for_the_signature)
{
    pair p = make_pair("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    uint8_t sig[72];
    size_t len;
    FAILS(dor__sign(p.private_key, DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SPAN_EMPTY, rng, sig, 71, &len),
          DOR_E_BADARG);
    OK(dor__sign(p.private_key, DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SPAN_EMPTY, rng, sig, 72, &len));
    OK(dor__verify(p.public_key, DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SPAN_EMPTY, dor__span(sig, len)));
    free_pair(&p);
}

static void *sign_often(void *argument)
{
    const pair *p = argument;
    dor_rng *own;
    uint8_t sig[256];
    size_t len;
    OK(dor__rng_new_system(&own));
    dor_private_key *key = dor__private_key_ref(p->private_key);
    dor_sig_scheme scheme = dor__private_key_type(key) == DOR_KEY_RSA ? DOR_SIG_RSA_PSS_RSAE_SHA256
                                                                      : DOR_SIG_ECDSA_SECP256R1_SHA256;
    for (int i = 0; i < 25; i++) {
        OK(dor__sign(key, scheme, dor__span(&i, sizeof(i)), own, sig, sizeof(sig), &len));
        OK(dor__verify(p->public_key, scheme, dor__span(&i, sizeof(i)), dor__span(sig, len)));
    }
    dor__private_key_unref(key);
    dor__rng_free(own);
    return NULL;
}

static void several_threads(const char *genpkey_arguments)
{
    pair p = make_pair(genpkey_arguments);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, sign_often, &p), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    free_pair(&p);
}

Test(crypto_sign, one_key_in_several_threads)
{
    several_threads("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    several_threads("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
}

Test(crypto_sign, a_seeded_generator_gives_the_same_signatures)
{
    static const dor_sig_scheme schemes[] = {DOR_SIG_RSA_PSS_RSAE_SHA256, DOR_SIG_ECDSA_SECP256R1_SHA256};
    static const char *const keys[] = {"-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
                                       "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"};
    for (size_t k = 0; k < 2; k++) {
        pair p = make_pair(keys[k]);
        uint8_t sigs[3][256];
        size_t lens[3];
        for (size_t round = 0; round < 2; round++) {
            dor_rng *seeded;
            OK(dor__rng_new_seeded(&seeded, dor__span_str("signatures")));
            OK(dor__sign(p.private_key, schemes[k], DOR_SPAN_EMPTY, seeded, sigs[round], 256, &lens[round]));
            OK(dor__sign(p.private_key, schemes[k], DOR_SPAN_EMPTY, seeded, sigs[2], 256, &lens[2]));
            dor__rng_free(seeded);
        }
        cr_assert_eq(lens[0], lens[1]);
        cr_assert_arr_eq(sigs[0], sigs[1], lens[0]);
        cr_assert(lens[0] != lens[2] || memcmp(sigs[0], sigs[2], lens[0]) != 0, "no nonce is used twice");
        free_pair(&p);
    }
}

static void every_allocation_fails(const char *genpkey_arguments, dor_sig_scheme scheme)
{
    pair p = make_pair(genpkey_arguments);
    const dor_span message = dor__span_str("message");
    uint8_t sig[256];
    size_t len;
    for (size_t n = 1;; n++) {
        counting_alloc_fail_at(n);
        dor_result r = dor__sign(p.private_key, scheme, message, rng, sig, sizeof(sig), &len);
        bool reached = counting_alloc_calls() >= n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, reached ? DOR_E_NOMEM : DOR_OK);
        if (!reached) break;
    }
    for (size_t n = 1;; n++) {
        counting_alloc_fail_at(n);
        dor_result r = dor__verify(p.public_key, scheme, message, dor__span(sig, len));
        bool reached = counting_alloc_calls() >= n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, reached ? DOR_E_NOMEM : DOR_OK);
        if (!reached) break;
    }
    free_pair(&p);
}

Test(crypto_sign, every_allocation_may_fail)
{
    dor__rng_free(rng);
    counting_alloc_install();
    OK(dor__rng_new_system(&rng));
    size_t before = counting_alloc_pieces();
    every_allocation_fails("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", DOR_SIG_RSA_PKCS1_SHA256);
    every_allocation_fails("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", DOR_SIG_RSA_PSS_RSAE_SHA512);
    every_allocation_fails("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", DOR_SIG_ECDSA_SECP384R1_SHA384);
    every_allocation_fails("-algorithm ED25519", DOR_SIG_ED25519);
    every_allocation_fails("-algorithm ED448", DOR_SIG_ED448);
    every_allocation_fails("-algorithm EC -pkeyopt ec_paramgen_curve:P-521", DOR_SIG_ECDSA_SHA512);
    cr_assert_eq(counting_alloc_pieces(), before);
}

/* --- without the openssl command ------------------------------------------------------------------------------- */

static dor_public_key *public_of(const char *spki_hex)
{
    uint8_t spki[200];
    dor_public_key *key;
    OK(dor__public_key_from_spki(&key, dor__span(spki, hex_read(spki_hex, spki, sizeof(spki)))));
    return key;
}

static void verifies(const dor_public_key *key, dor_sig_scheme scheme, dor_span message, const char *sig_hex,
                     int code)
{
    uint8_t sig[200];
    size_t len = hex_read(sig_hex, sig, sizeof(sig));
    FAILS(dor__verify(key, scheme, message, dor__span(sig, len)), code);
}

#define P256_SPKI "3059301306072a8648ce3d020106082a8648ce3d030107034200"

/* RFC 6979 appendix A.2.5, SHA-256, message "sample". */
static const char rfc6979_spki[] =
    P256_SPKI "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
#define R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define N "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

Test(crypto_verify, ecdsa_signatures_have_one_form)
{
    dor_public_key *key = public_of(rfc6979_spki);
    const dor_span sample = dor__span_str("sample");
    const dor_sig_scheme scheme = DOR_SIG_ECDSA_SECP256R1_SHA256;
    verifies(key, scheme, sample, "3046022100" R "022100" S, DOR_OK);
    verifies(key, scheme, dor__span_str("Sample"), "3046022100" R "022100" S, bad_signature);
    static const char *const wrong[] = {
        "",
        "30",
        "3000",
        "3046022100" R "022100" S "00",   /* something behind */
        "3048022100" R "022100" S "0500", /* something behind, inside */
        "304702220000" R "022100" S,      /* r is padded once more */
        "3047022100" R "02220000" S,      /* s is */
        "30810046022100" R "022100" S,    /* lengths in long form */
        "308146022100" R "022100" S,
        "304702812100" R "022100" S,
        "3080022100" R "022100" S "0000", /* indefinite length */
        "3145022100" R "022100" S,        /* a SET */
        "30440220" R "0220" S,            /* negative */
        "3045022100" R "0220" S,
        "3026020100022100" S,      /* r = 0 */
        "3026022100" R "020100",   /* s = 0 */
        "30250200022100" S,        /* r of no bytes */
        "3046022100" N "022100" S, /* r = n */
        "3046022100" R "022100" N, /* s = n */
        "3006020101020101",
        "3023022100" R, /* r alone */
        "3069022100" R "022100" S "022100" S,
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        verifies(key, scheme, sample, wrong[i], bad_signature);
    /* n - s verifies for whoever checks the mathematics alone, and so it does here: TLS does not ask for low s. */
    verifies(key, scheme, sample,
             "3045022100" R "02200834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9", DOR_OK);
    dor__public_key_free(key);
}

/* RFC 8032 section 7.1, tests 1 to 3. */
Test(crypto_verify, ed25519_rfc_8032)
{
    static const struct {
        const char *seed, *public_key, *message, *sig;
    } tests[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25"
         "bf5f0595bbe24"
         "655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
         "b2eaeb4302aee"
         "b00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7"
         "c15e9716ed28d"
         "c027beceea1ec40a"},
    };
    for (size_t i = 0; i < 3; i++) {
        uint8_t der[64], message[4], sig[64], expected[64];
        char text[200];
        dor_private_key *private_key;
        size_t len;
        snprintf(text, sizeof(text), "302e020100300506032b657004220420%s", tests[i].seed);
        OK(dor__private_key_from_der(&private_key, dor__span(der, hex_read(text, der, sizeof(der)))));
        snprintf(text, sizeof(text), "302a300506032b6570032100%s", tests[i].public_key);
        dor_public_key *public_key = public_of(text);
        cr_assert(dor__key_pair_fits(private_key, public_key));
        dor_span m = dor__span(message, hex_read(tests[i].message, message, sizeof(message)));
        OK(dor__sign(private_key, DOR_SIG_ED25519, m, NULL, sig, sizeof(sig), &len));
        hex_read(tests[i].sig, expected, 64);
        cr_assert_arr_eq(sig, expected, 64);
        OK(dor__verify(public_key, DOR_SIG_ED25519, m, dor__span(sig, 64)));
        dor__private_key_unref(private_key);
        dor__public_key_free(public_key);
    }
}

/* RFC 8032 section 5.1.7: S must be below the group's order, or a signature would have several forms. */
Test(crypto_verify, ed25519_s_not_reduced)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t sig[64];
    dor_public_key *key =
        public_of("302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    hex_read("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46"
             "bd25bf5f0595bbe24"
             "655141438e7a100b",
             sig, 64);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)sig[32 + i] + order[i];
        sig[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    FAILS(dor__verify(key, DOR_SIG_ED25519, DOR_SPAN_EMPTY, dor__span(sig, 64)), bad_signature);
    dor__public_key_free(key);
}

Test(crypto_verify, schemes_by_name_and_by_key)
{
    static const char *const names[] = {"rsa_pkcs1_sha256",       "rsa_pkcs1_sha384",
                                        "rsa_pkcs1_sha512",       "ecdsa_secp256r1_sha256",
                                        "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512",
                                        "rsa_pss_rsae_sha256",    "rsa_pss_rsae_sha384",
                                        "rsa_pss_rsae_sha512",    "ed25519",
                                        "rsa_pss_pss_sha256",     "rsa_pss_pss_sha384",
                                        "rsa_pss_pss_sha512",     "ed448"};
    size_t in_tls13 = 0;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        cr_assert_str_eq(dor__sig_name(all_schemes[i]), names[i]);
        for (int type = DOR_KEY_NONE; type <= DOR_KEY_MLDSA87; type++) {
            if (dor__sig_allowed_in_tls13(all_schemes[i], (dor_key_type)type)) {
                cr_assert(dor__sig_fits_key(all_schemes[i], (dor_key_type)type));
                in_tls13++;
            }
        }
    }
    cr_assert_eq(in_tls13, 11);
    cr_assert_null(dor__sig_name(0x0201));
    cr_assert_not(dor__sig_fits_key(0x0201, DOR_KEY_RSA));
    cr_assert_not(dor__sig_allowed_in_tls13(DOR_SIG_RSA_PKCS1_SHA256, DOR_KEY_RSA));
    cr_assert_not(dor__sig_allowed_in_tls13(DOR_SIG_RSA_PKCS1_SHA256, DOR_KEY_NONE));
    cr_assert_not(dor__sig_allowed_in_tls13(DOR_SIG_ECDSA_SHA512, DOR_KEY_EC_P384));
    cr_assert_not(dor__sig_allowed_in_tls13(DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_KEY_EC_P384));
    cr_assert(dor__sig_fits_key(DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_KEY_EC_P384));
    cr_assert_not(dor__sig_fits_key(DOR_SIG_RSA_PSS_RSAE_SHA256, DOR_KEY_RSA_PSS));
}
