/*
 * test_crypto_edwards.c - Ed25519 and Ed448 (RFC 8032), X25519 and X448 (RFC 7748) where encodings have more than one form:
 * scalars that are not reduced, points of small order, coordinates that are not below the prime.
 */
#include "crypto/kx.h"
#include "crypto/sign.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))

static const int bad_signature =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
static const int malformed =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_MALFORMED);

#define ED25519 "302a300506032b6570032100"
#define ED448   "3043300506032b6571033a00"

/* Bytes of a key and of half a signature, and the order of the base point, least significant byte first. */
typedef struct scheme {
    dor_sig_scheme scheme;
    size_t len;
    const char *order, *spki, *sig; /* sig is over "message" */
} scheme;

/* Signatures by another implementation; the seeds are 00 01 02 ... */
static const scheme schemes[] = {
    {DOR_SIG_ED25519, 32, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
     ED25519 "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
     "7bc0ea578290c8dcf6fc8a6e134a7f3e794ddd7e8922108bccd6202f95de532b"
     "92c2298dc8e161ac2b5e3653f92c5b0e12adf26b3d46e7bd2057715f25d3e205"},
    {DOR_SIG_ED448, 57,
     "f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7c"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffff3f00",
     ED448 "18d0a70e42a742dfb561279893385061d7b4dad8f6feed4791eaab66b2f4a4f0"
           "2fc09462a8bfb1842d0bac60e8a1b3e55ba2407f33226f3800",
     "05a93a2b3dbc9e9cff92d1525efce2637a40c74593c5adeda8e0fd956083bb1a4e4b3dd5489715b37c1b07c0d7638cbbe4b6ab"
     "86d3af6b868077bd98c946dfbd8c33f89cc70da2c590038f0241303001de5dc0590fdabf8284b07cab08ede50053ff3b118323"
     "0f4bbd12bd3e08880fe13b00"},
};

static dor_result read_key(const char *hex, dor_public_key **key)
{
    uint8_t spki[80];
    return dor__public_key_from_spki(key, dor__span(spki, hex_read(hex, spki, sizeof spki)));
}

static void refuses(const dor_public_key *key, const scheme *s, const uint8_t *sig, size_t len)
{
    cr_assert_eq(dor__verify(key, s->scheme, dor__span_str("message"), dor__span(sig, len)).code,
                 bad_signature);
}

/* s + order, as often as it has room: the same number to who does not look. */
static bool add_order(uint8_t *s, const uint8_t *order, size_t len)
{
    unsigned carry = 0;
    for (size_t i = 0; i < len; i++) {
        carry += (unsigned)s[i] + order[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return carry == 0;
}

Test(crypto_edwards, a_signature_has_one_form)
{
    for (size_t i = 0; i < 2; i++) {
        const scheme *s = &schemes[i];
        uint8_t right[115] = {0}, sig[115], order[57];
        dor_public_key *key;
        unsigned forms = 0;
        cr_assert_eq(hex_read(s->order, order, sizeof order), s->len);
        cr_assert_eq(hex_read(s->sig, right, sizeof right), 2 * s->len);
        OK(read_key(s->spki, &key));
        OK(dor__verify(key, s->scheme, dor__span_str("message"), dor__span(right, 2 * s->len)));
        memcpy(sig, right, sizeof sig);
        while (forms < 20 && add_order(sig + s->len, order, s->len)) {
            refuses(key, s, sig, 2 * s->len);
            forms++;
        }
        cr_assert_gt(forms, 10);
        memcpy(sig, right, sizeof sig);
        memcpy(sig + s->len, order, s->len); /* S = L */
        refuses(key, s, sig, 2 * s->len);
        memset(sig + s->len, 0, s->len); /* S = 0 */
        refuses(key, s, sig, 2 * s->len);
        memset(sig + s->len, 0xff, s->len);
        refuses(key, s, sig, 2 * s->len);
        memset(sig, 0, sizeof sig); /* R and S of zeros, and R the neutral element */
        refuses(key, s, sig, 2 * s->len);
        sig[0] = 1;
        refuses(key, s, sig, 2 * s->len);
        for (size_t bit = 0; bit < 2 * s->len * 8; bit++) {
            memcpy(sig, right, sizeof sig);
            sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refuses(key, s, sig, 2 * s->len);
        }
        for (size_t len = 0; len <= 2 * s->len + 1; len++)
            if (len != 2 * s->len) refuses(key, s, right, len);
        dor__public_key_free(key);
    }
}

#define FF8  "ffffffffffffffff"
#define FF16 FF8 FF8
#define ZZ8  "0000000000000000"
#define ZZ16 ZZ8 ZZ8

/* Under such a key a signature fits messages that nobody has signed. Also the forms with y not below the prime, or -0. */
Test(crypto_edwards, keys_of_small_order_and_keys_of_another_form)
{
    static const char *const keys[] = {
        /* order 1, 2, 4, 8 */
        ED25519 "0100000000000000" ZZ8 ZZ16,
        ED25519 "ecffffffffffffff" FF8 FF8 "ffffffffffffff7f",
        ED25519 "0000000000000000" ZZ8 ZZ16,
        ED25519 "0000000000000000" ZZ8 ZZ8 "0000000000000080",
        ED25519 "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        ED25519 "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        ED25519 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ED25519 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        /* the same with x = -0, and with y = p, p + 1 */
        ED25519 "0100000000000000" ZZ8 ZZ8 "0000000000000080",
        ED25519 "ecffffffffffffff" FF8 FF16,
        ED25519 "edffffffffffffff" FF8 FF8 "ffffffffffffff7f",
        ED25519 "edffffffffffffff" FF8 FF16,
        ED25519 "eeffffffffffffff" FF8 FF8 "ffffffffffffff7f",
        ED25519 "eeffffffffffffff" FF8 FF16,
        /* Ed448: order 1, 2, 4 */
        ED448 "01" ZZ16 ZZ16 ZZ16 "0000000000000000",
        ED448 "fe" FF16 "ffffffffffffffffffffff"
              "fe" FF16 "ffffffffffffffffffffff"
              "00",
        ED448 "00" ZZ16 ZZ16 ZZ16 "0000000000000000",
        ED448 "00" ZZ16 ZZ16 ZZ16 "0000000000000080",
        /* with x = -0, and with y = p, p + 1; bits that no number has */
        ED448 "01" ZZ16 ZZ16 ZZ16 "0000000000000080",
        ED448 "ff" FF16 "ffffffffffffffffffffff"
              "fe" FF16 "ffffffffffffffffffffff"
              "00",
        ED448 "00" ZZ16 "0000000000000000000000"
              "ff" FF16 "ffffffffffffffffffffff"
              "00",
        ED448 "18d0a70e42a742dfb561279893385061d7b4dad8f6feed4791eaab66b2f4a4f0"
              "2fc09462a8bfb1842d0bac60e8a1b3e55ba2407f33226f3801",
        ED448 "18d0a70e42a742dfb561279893385061d7b4dad8f6feed4791eaab66b2f4a4f0"
              "2fc09462a8bfb1842d0bac60e8a1b3e55ba2407f33226f3840",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        dor_public_key *key;
        uint8_t spki[80] = {0};
        size_t len = hex_read(keys[i], spki, sizeof spki);
        cr_assert_eq(len, spki[1] + 2u, "%zu", i);
        dor_result r = read_key(keys[i], &key);
        cr_expect_eq(r.code, malformed, "key %zu: %d", i, r.code);
        dor__public_key_free(key);
    }
}

/* Secrets by another implementation; the scalars are 01 08 0f ... and 0e 15 1c ... */
Test(crypto_edwards, x25519_at_two)
{
    static const char *const secrets[] = {"4c3e3fedc784bf6a21e655867741d806f362b4d63810a273bc5ae75d4a5f933d",
                                          "9c87b9d4206ecb2cbbaa32a35fca2253cacd26327df86563560695444b8da53f"};
    for (size_t s = 0; s < 2; s++) {
        uint8_t scalar[32], two[32] = {2}, secret[32], expected[32];
        size_t len;
        dor_kx *kx;
        dor_rng *rng;
        OK(dor__rng_new_seeded(&rng, dor__span_str("two")));
        for (size_t i = 0; i < sizeof scalar; i++)
            scalar[i] = (uint8_t)(i * 7 + s * 13 + 1);
        OK(dor__kx_from_scalar(&kx, DOR_GROUP_X25519, dor__span(scalar, sizeof scalar)));
        hex_read(secrets[s], expected, sizeof expected);
        for (int top = 0; top < 2; top++) { /* the top bit is not looked at */
            two[31] = (uint8_t)(top ? 0x80 : 0);
            OK(dor__kx_derive(kx, dor__span(two, sizeof two), rng, secret, &len));
            cr_assert_arr_eq(secret, expected, sizeof expected);
        }
        dor__kx_free(kx);
        dor__rng_free(rng);
    }
}

/* RFC 7748 section 5: numbers from p on are taken for what they are modulo p. */
Test(crypto_edwards, x25519_and_x448_take_numbers_that_are_not_reduced)
{
    static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_X448};
    dor_rng *rng;
    OK(dor__rng_new_seeded(&rng, dor__span_str("edwards")));
    for (size_t g = 0; g < 2; g++) {
        if (!dor__kx_known(groups[g])) continue;
        const size_t len = dor__kx_secret_len(groups[g]);
        dor_kx *kx;
        OK(dor__kx_new(&kx, groups[g], rng));
        for (uint8_t u = 2; u <= 18; u++) {
            uint8_t small[56] = {u}, large[56], x[56], y[56];
            size_t x_len, y_len;
            memset(large, g == 0 ? 0xff : 0, sizeof large);
            if (g == 0) { /* 2^255 - 19 + u */
                large[0] = (uint8_t)(0xed + u);
                large[31] = 0x7f;
            } else { /* 2^448 - 2^224 - 1 + u */
                memset(large + 28, 0xff, 28);
                large[0] = (uint8_t)(u - 1);
            }
            OK(dor__kx_derive(kx, dor__span(small, len), rng, x, &x_len));
            OK(dor__kx_derive(kx, dor__span(large, len), rng, y, &y_len));
            cr_assert_eq(x_len, y_len);
            cr_expect_arr_eq(x, y, x_len, "%s: u = %d", dor__kx_name(groups[g]), u);
        }
        dor__kx_free(kx);
    }
    dor__rng_free(rng);
}
