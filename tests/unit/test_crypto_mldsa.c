/*
 * test_crypto_mldsa.c - ML-DSA (FIPS 204): keys of RFC 9881's appendix, signatures that another implementation makes of the
 * same seed and randomness, and everything that is not one.
 */
#include "base/writer.h"
#include "crypto/key.h"
#include "crypto/sign.h"
#include "support/counting_alloc.h"
#include "support/hex.h"
#include "support/searching_alloc.h"

#include <criterion/criterion.h>

#define OK(expr)         cr_assert(dor__ok(expr))
#define FAILS(expr, why) cr_assert_eq((expr).code, (why))

static const int bad_signature =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
static const int misfit =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_SIGNATURE);
static const int malformed =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_MALFORMED);

/* The seed is 00 01 .. 1f, as in RFC 9881 appendix C; the digests are SHA-256, of its keys, and of what dilithium-py makes. */
typedef struct kind {
    dor_sig_scheme scheme;
    dor_key_type type;
    const char *oid; /* its last byte */
    size_t public_len, secret_len, sig_len;
    const char *spki, *secret, *sig; /* sig is over "message", with the randomness below */
} kind;

static const kind kinds[] = {
    {DOR_SIG_MLDSA44, DOR_KEY_MLDSA44, "11", 1312, 2560, 2420,
     "837832708c5236d951581f1fddf2b79991b3424a0486d16da1ddad0fd69701be",
     "04bf6b9f579166a627961dfc5c3bf9717df868db88863856356c4668c8b56b0b",
     "e12b1054ec35e43095f59c3fafac3b276d79ff22d122823e5737389c1cdc9a05"},
    {DOR_SIG_MLDSA65, DOR_KEY_MLDSA65, "12", 1952, 4032, 3309,
     "b8b62131bfbe84433efb2273d7f5b87f7a22854a2cfd366fc2aead86d837c52d",
     "9f1e24f47795fe50040384e3d6183988047170fa2d866406b70fe0a3f8216063",
     "c0faebd3c1f550eaaf11756808ac9d602a5d8e3d0081807d8aaa2033ad50f446"},
    {DOR_SIG_MLDSA87, DOR_KEY_MLDSA87, "13", 2592, 4896, 4627,
     "07e57c4f14dbad1267f621ec3777b4e2e6c4fbc4c22fbb87510ff8e0b3c6a642",
     "764d3e223ed90c07bc91a0ab6ecd170e5c66ffe39f7039298596039a36005435",
     "23e478fa1de6679f0b67674d2abff250d341832b72e378d5c8c5ff9d2326dea6"},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const char randomness[] = "60ee2e59b531e047a20f4a11bfe0f04bc51f789c6e0ff9ba3a12be5ddd7ef798";
static const char seed_hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static const kind *k; /* the one that a test is about */
static dor_rng *rng;
static dor_private_key *key;
static dor_public_key *public_key;
static uint8_t sig[DOR_SIG_MAX_LEN + 8];

static void digest_is(dor_span what, const char *hex)
{
    uint8_t expected[32], digest[32];
    hex_read(hex, expected, sizeof expected);
    OK(dor__hash_once(DOR_HASH_SHA256, what, digest));
    cr_expect_arr_eq(digest, expected, sizeof digest, "%s", dor__sig_name(k->scheme));
}

static void element(dor_bytes *w, uint8_t tag, dor_span content)
{
    OK(wr_u8(w, tag));
    if (content.len >= 256)
        OK(wr_u8(w, 0x82));
    else if (content.len >= 128)
        OK(wr_u8(w, 0x81));
    OK(content.len >= 256 ? wr_u16(w, (uint16_t)content.len) : wr_u8(w, (uint8_t)content.len));
    OK(dor__bytes_append(w, content));
}

/* AlgorithmIdentifier with these parameters, in hex. */
static void algorithm(dor_bytes *w, const char *parameters)
{
    char text[64];
    uint8_t bytes[32];
    snprintf(text, sizeof text, "06096086480165030403%s%s", k->oid, parameters);
    element(w, 0x30, dor__span(bytes, hex_read(text, bytes, sizeof bytes)));
}

static dor_result read_public(const char *parameters, dor_span bits, dor_public_key **read)
{
    dor_bytes string = DOR_BYTES_EMPTY, inside = DOR_BYTES_EMPTY, spki = DOR_BYTES_EMPTY;
    OK(wr_u8(&string, 0));
    OK(dor__bytes_append(&string, bits));
    algorithm(&inside, parameters);
    element(&inside, 0x03, dor__bytes_span(&string));
    element(&spki, 0x30, dor__bytes_span(&inside));
    dor_result r = dor__public_key_from_spki(read, dor__bytes_span(&spki));
    if (dor__ok(r)) digest_is(dor__bytes_span(&spki), k->spki);
    dor__bytes_free(&string);
    dor__bytes_free(&inside);
    dor__bytes_free(&spki);
    return r;
}

/* PKCS#8 whose privateKey is this. */
static dor_result read_private(const char *parameters, dor_span choice, dor_private_key **read)
{
    dor_bytes inside = DOR_BYTES_EMPTY, pkcs8 = DOR_BYTES_EMPTY;
    OK(dor__bytes_append(&inside, dor__span("\x02\x01\x00", 3)));
    algorithm(&inside, parameters);
    element(&inside, 0x04, choice);
    element(&pkcs8, 0x30, dor__bytes_span(&inside));
    dor_result r = dor__private_key_from_der(read, dor__bytes_span(&pkcs8));
    dor__bytes_free(&inside);
    dor__bytes_free(&pkcs8);
    return r;
}

static dor_bytes seed_choice(size_t len)
{
    uint8_t seed[64] = {0};
    dor_bytes choice = DOR_BYTES_EMPTY;
    hex_read(seed_hex, seed, sizeof seed);
    element(&choice, 0x80, dor__span(seed, len));
    return choice;
}

static dor_bytes both_choice(size_t seed_len, dor_span expanded)
{
    uint8_t seed[64] = {0};
    dor_bytes both = DOR_BYTES_EMPTY, choice = DOR_BYTES_EMPTY;
    hex_read(seed_hex, seed, sizeof seed);
    element(&both, 0x04, dor__span(seed, seed_len));
    element(&both, 0x04, expanded);
    element(&choice, 0x30, dor__bytes_span(&both));
    dor__bytes_free(&both);
    return choice;
}

static dor_span message(void)
{
    return dor__span_str("message");
}

static void begin(const kind *which)
{
    k = which;
    dor_bytes choice = seed_choice(32);
    OK(dor__rng_new_seeded(&rng, dor__span_str("mldsa")));
    OK(read_private("", dor__bytes_span(&choice), &key));
    OK(read_public("", dor__span(dor__private_key_public(key)->bytes, k->public_len), &public_key));
    dor__bytes_free(&choice);
    size_t len;
    OK(dor__sign(key, k->scheme, message(), rng, sig, sizeof sig, &len));
    cr_assert_eq(len, k->sig_len);
}

static void end(void)
{
    dor__private_key_unref(key);
    dor__public_key_free(public_key);
    dor__rng_free(rng);
}

#define EACH_KIND                                                                                            \
    for (size_t i = 0; i < KINDS; i++, end())                                                                \
        if (begin(&kinds[i]), true)

static void skip_without(void)
{
    if (!dor__mldsa_built) cr_skip_test("this wolfCrypt has no ML-DSA");
}

TestSuite(crypto_mldsa, .init = skip_without);

Test(crypto_mldsa, keys_and_signatures_are_those_of_others)
{
    uint8_t expected[32], drawn[32];
    EACH_KIND
    {
        cr_assert_eq(dor__private_key_type(key), k->type);
        cr_assert_eq(dor__public_key_type(public_key), k->type);
        cr_assert_eq(dor__private_key_max_sig_len(key), k->sig_len);
        cr_assert(dor__key_pair_fits(key, public_key));
        cr_assert_eq(key->secret_len, k->secret_len);
        digest_is(dor__span(key->secret, key->secret_len), k->secret);

        dor_rng *same;
        OK(dor__rng_new_seeded(&same, dor__span_str("mldsa")));
        OK(dor__rng_fill(same, drawn, sizeof drawn));
        dor__rng_free(same);
        hex_read(randomness, expected, sizeof expected);
        cr_assert_arr_eq(drawn, expected, sizeof drawn);
        digest_is(dor__span(sig, k->sig_len), k->sig);
        OK(dor__verify(public_key, k->scheme, message(), dor__span(sig, k->sig_len)));
    }
}

Test(crypto_mldsa, each_signature_has_randomness_of_its_own)
{
    EACH_KIND
    {
        uint8_t again[DOR_SIG_MAX_LEN];
        size_t len;
        OK(dor__sign(key, k->scheme, message(), rng, again, sizeof again, &len));
        cr_assert_eq(len, k->sig_len);
        cr_assert_neq(memcmp(again, sig, len), 0);
        OK(dor__verify(public_key, k->scheme, message(), dor__span(again, len)));
        OK(dor__sign(key, k->scheme, DOR_SPAN_EMPTY, rng, again, sizeof again, &len));
        OK(dor__verify(public_key, k->scheme, DOR_SPAN_EMPTY, dor__span(again, len)));
        FAILS(dor__verify(public_key, k->scheme, message(), dor__span(again, len)), bad_signature);
    }
}

/* All bits of the first kind's; the others, of one structure, a bit of each byte. */
Test(crypto_mldsa, a_flipped_bit_is_no_signature)
{
    EACH_KIND
    {
        for (size_t at = 0; at < k->sig_len; at++) {
            for (unsigned bit = i == 0 ? 0 : (unsigned)at % 8; bit < (i == 0 ? 8 : (unsigned)at % 8 + 1);
                 bit++) {
                sig[at] ^= (uint8_t)(1u << bit);
                FAILS(dor__verify(public_key, k->scheme, message(), dor__span(sig, k->sig_len)),
                      bad_signature);
                sig[at] ^= (uint8_t)(1u << bit);
            }
        }
        FAILS(dor__verify(public_key, k->scheme, dor__span_str("Message"), dor__span(sig, k->sig_len)),
              bad_signature);
    }
}

Test(crypto_mldsa, a_signature_has_one_length)
{
    EACH_KIND
    {
        for (size_t len = 0; len <= sizeof sig;
             len = len == 0 || len > k->sig_len - 3 ? len + 1 : k->sig_len - 2) {
            dor_result r = dor__verify(public_key, k->scheme, message(), dor__span(sig, len));
            cr_assert_eq(r.code, len == k->sig_len ? 0 : bad_signature, "%zu", len);
        }
        size_t len;
        FAILS(dor__sign(key, k->scheme, message(), rng, sig, k->sig_len - 1, &len), DOR_E_BADARG);
    }
}

Test(crypto_mldsa, a_scheme_goes_with_its_own_keys)
{
    static const dor_sig_scheme others[] = {DOR_SIG_ED25519, DOR_SIG_RSA_PSS_RSAE_SHA256,
                                            DOR_SIG_ECDSA_SECP256R1_SHA256, 0x0903, 0x0907};
    EACH_KIND
    {
        size_t len;
        for (size_t j = 0; j < KINDS; j++) {
            const dor_sig_scheme scheme = kinds[j].scheme;
            cr_assert_eq(dor__sig_fits_key(scheme, k->type), i == j);
            cr_assert_eq(dor__sig_allowed_in_tls13(scheme, k->type), i == j);
            cr_assert_not(dor__sig_allowed_in_tls12(scheme, k->type));
            if (i == j) continue;
            FAILS(dor__sign(key, scheme, message(), rng, sig, sizeof sig, &len), DOR_E_BADARG);
            FAILS(dor__verify(public_key, scheme, message(), dor__span(sig, k->sig_len)), misfit);
        }
        for (size_t j = 0; j < sizeof others / sizeof others[0]; j++)
            FAILS(dor__verify(public_key, others[j], message(), dor__span(sig, k->sig_len)), misfit);
        cr_assert_eq(dor__sig_by_name(dor__sig_name(k->scheme)), k->scheme);
    }
    cr_assert_eq(dor__sig_by_name("MLDSA44"), DOR_SIG_MLDSA44);
    cr_assert_eq(dor__sig_by_name("mldsa"), 0);
}

Test(crypto_mldsa, public_keys_that_are_none)
{
    EACH_KIND
    {
        uint8_t bits[DOR_MLDSA_MAX_POINT_LEN + 1] = {0};
        dor_public_key *read;
        FAILS(read_public("", dor__span(bits, k->public_len - 1), &read), malformed);
        FAILS(read_public("", dor__span(bits, k->public_len + 1), &read), malformed);
        FAILS(read_public("", DOR_SPAN_EMPTY, &read), malformed);
        FAILS(read_public("0500", dor__span(bits, k->public_len), &read), malformed);
        cr_assert_null(read);
    }
}

Test(crypto_mldsa, private_keys_in_three_forms)
{
    EACH_KIND
    {
        dor_private_key *read;
        dor_bytes both = both_choice(32, dor__span(key->secret, key->secret_len)), expanded = DOR_BYTES_EMPTY;
        OK(read_private("", dor__bytes_span(&both), &read));
        cr_assert(dor__key_pair_fits(read, public_key));
        dor__private_key_unref(read);
        /* what comes without its seed cannot be checked */
        element(&expanded, 0x04, dor__span(key->secret, key->secret_len));
        FAILS(read_private("", dor__bytes_span(&expanded), &read), DOR_E_KEY_UNSUPPORTED);
        cr_assert_null(read);
        dor__bytes_free(&expanded);
        dor__bytes_free(&both);
    }
}

Test(crypto_mldsa, private_keys_that_are_none)
{
    static const size_t lens[] = {0, 1, 31, 33, 64};
    EACH_KIND
    {
        dor_private_key *read;
        uint8_t secret[DOR_MLDSA_MAX_SECRET_LEN];
        memcpy(secret, key->secret, key->secret_len);
        for (size_t j = 0; j < sizeof lens / sizeof lens[0]; j++) {
            dor_bytes choice = seed_choice(lens[j]),
                      both = both_choice(lens[j], dor__span(secret, key->secret_len));
            FAILS(read_private("", dor__bytes_span(&choice), &read), DOR_E_FILE_MALFORMED);
            FAILS(read_private("", dor__bytes_span(&both), &read), DOR_E_FILE_MALFORMED);
            dor__bytes_free(&choice);
            dor__bytes_free(&both);
        }
        dor_bytes choice = seed_choice(32);
        FAILS(read_private("0500", dor__bytes_span(&choice), &read), DOR_E_FILE_MALFORMED);
        OK(wr_u8(&choice, 0));
        FAILS(read_private("", dor__bytes_span(&choice), &read), DOR_E_FILE_MALFORMED);
        FAILS(read_private("", DOR_SPAN_EMPTY, &read), DOR_E_FILE_MALFORMED);
        dor__bytes_free(&choice);

        /* RFC 9881 section 8: the two must agree */
        for (size_t at = 0; at < key->secret_len; at += 97) {
            secret[at] ^= 0x10;
            dor_bytes both = both_choice(32, dor__span(secret, key->secret_len));
            FAILS(read_private("", dor__bytes_span(&both), &read), DOR_E_FILE_MALFORMED);
            cr_assert_null(read);
            dor__bytes_free(&both);
            secret[at] ^= 0x10;
        }
        dor_bytes both = both_choice(32, dor__span(secret, key->secret_len - 1));
        FAILS(read_private("", dor__bytes_span(&both), &read), DOR_E_FILE_MALFORMED);
        dor__bytes_free(&both);
    }
}

Test(crypto_mldsa_memory, nothing_is_kept_when_it_is_out)
{
    if (!dor__mldsa_built) cr_skip_test("this wolfCrypt has no ML-DSA");
    counting_alloc_install();
    begin(&kinds[1]);
    const size_t before = counting_alloc_pieces();
    bool reached = true;
    for (size_t n = 1; reached; n++) {
        dor_private_key *read;
        uint8_t der[128];
        const size_t len = hex_read("3034020100300b0609608648016503040312042280203031323334353637383930313233"
                                    "343536373839303132333435363738393031",
                                    der, sizeof der);
        counting_alloc_fail_at(n);
        dor_result r = dor__private_key_from_der(&read, dor__span(der, len));
        reached = counting_alloc_calls() >= n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, reached ? DOR_E_NOMEM : 0);
        dor__private_key_unref(read);
        cr_assert_eq(counting_alloc_pieces(), before);
    }
    reached = true;
    for (size_t n = 1; reached; n++) {
        size_t len;
        counting_alloc_fail_at(n);
        dor_result r = dor__sign(key, k->scheme, message(), rng, sig, sizeof sig, &len);
        reached = counting_alloc_calls() >= n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, reached ? DOR_E_NOMEM : 0);
        cr_assert_eq(counting_alloc_pieces(), before);
    }
    reached = true;
    for (size_t n = 1; reached; n++) {
        counting_alloc_fail_at(n);
        dor_result r = dor__verify(public_key, k->scheme, message(), dor__span(sig, k->sig_len));
        reached = counting_alloc_calls() >= n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, reached ? DOR_E_NOMEM : 0);
        cr_assert_eq(counting_alloc_pieces(), before);
    }
    end();
}

static void signs_once(void *arg)
{
    size_t len;
    dor_result *r = arg;
    *r = dor__sign(key, k->scheme, message(), rng, sig, sizeof sig, &len);
}

static void reads_once(void *arg)
{
    dor_private_key *read;
    dor_result *r = arg;
    *r = read_private("", dor__span(sig, 34), &read);
    dor__private_key_unref(read);
}

/* The rest of an expanded key is public: the matrix's seed, and a hash of the public key. */
static void learn_key(void)
{
    searching_learn("K", key->secret + 32, 32);
    searching_learn("the secret vectors", key->secret + 128, key->secret_len - 128);
}

Test(crypto_mldsa_memory, secrets_are_wiped)
{
    if (!dor__mldsa_built) cr_skip_test("this wolfCrypt has no ML-DSA");
    searching_install();
    for (size_t i = 0; i < KINDS; i++) {
        dor_result r;
        begin(&kinds[i]);
        learn_key();
        cr_assert_gt(searching_known(), 100);
        searching_run(signs_once, &r);
        OK(r);
        dor_bytes choice = seed_choice(32);
        memcpy(sig, choice.ptr, choice.len);
        searching_run(reads_once, &r);
        OK(r);
        end();
        cr_expect_eq(searching_found(), 0, "%s", searching_report());
        searching_forget();
        searching_reset();
        dor__bytes_free(&choice);
    }
}
