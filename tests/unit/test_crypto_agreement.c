/*
 * test_crypto_agreement.c - AEADs and HKDF at every length against another implementation: one digest over thousands of results.
 *
 * Bytes of 0xff drive Poly1305's and GHASH's carries; lengths up to 1199 pass every block count at which assembly changes its way.
 */
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))

enum { LENGTHS = 1200 };

static const struct {
    dor_aead_id id;
    const char *digest;
} sealed[] = {
    {DOR_AEAD_AES_128_GCM, "c4b258758240978bac0f189b3bf064901d3a6f9b694b7ad18fac6bbdc2021fcb"},
    {DOR_AEAD_AES_256_GCM, "afbe8447a8374e773757bb07e18bcf57121a2dd295171c62db05ff6927e57197"},
    {DOR_AEAD_CHACHA20_POLY1305, "095e24cc53ff5ba173b79a57659d16273dc68620377c7b294eb63f7ddbb71922"},
    {DOR_AEAD_AES_128_CCM, "d875a4fef898657fd70393b0433a29bf758e9d1a593fea03f515d68e129d9386"},
    {DOR_AEAD_AES_256_CCM, "7646067c1c3183e61100da4db0866845396241ebdff58753f10008126cd632e0"},
    {DOR_AEAD_AES_128_CCM_8, "8ac585d05e153cc37471e6e7922bbfc59ef3cacfef4bd668a0dd7d129692c495"},
    {DOR_AEAD_AES_256_CCM_8, "62fac62ed41a1c445582a1784bcdfd7768389643d727d8b4110703855c988026"},
};

static void digest_is(dor_hash *h, const char *hex)
{
    uint8_t digest[DOR_HASH_MAX_LEN], expected[32];
    OK(dor__hash_peek(h, digest));
    dor__hash_fini(h);
    cr_assert_eq(hex_read(hex, expected, sizeof expected), 32);
    cr_assert_arr_eq(digest, expected, 32);
}

/* Seals one message of each kind of content, opens it again, and adds ciphertext and tag to the digest. */
static void seal_and_add(dor_aead *aead, dor_aead_id id, size_t len, dor_hash *h)
{
    static uint8_t plain[LENGTHS], data[LENGTHS], ones[LENGTHS];
    memset(ones, 0xff, sizeof ones);
    for (unsigned kind = 0; kind < 3; kind++) {
        uint8_t nonce[12], tag[16];
        const dor_span aad = dor__span(ones, len % 37 * (1 + kind));
        memset(nonce, 0xff, sizeof nonce);
        nonce[0] = (uint8_t)len;
        nonce[1] = (uint8_t)(len >> 8);
        nonce[2] = (uint8_t)kind;
        for (size_t i = 0; i < len; i++)
            plain[i] = (uint8_t)(kind == 0 ? 0xff : kind == 1 ? 0 : i * 131 + len);
        memcpy(data, plain, sizeof data);
        OK(dor__aead_seal(aead, nonce, aad, data, len, tag));
        OK(dor__hash_update(h, dor__span(data, len)));
        OK(dor__hash_update(h, dor__span(tag, dor__aead_tag_len(id))));
        OK(dor__aead_open(aead, nonce, aad, data, len, tag));
        cr_assert(memcmp(data, plain, len) == 0);
    }
}

Test(crypto_agreement, aead)
{
    uint8_t key[32];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i + 1);
    for (size_t k = 0; k < sizeof sealed / sizeof sealed[0]; k++) {
        dor_aead *aead;
        dor_hash h;
        OK(dor__aead_new(&aead, sealed[k].id, key));
        OK(dor__hash_init(&h, DOR_HASH_SHA256));
        for (size_t len = 0; len < LENGTHS; len++)
            seal_and_add(aead, sealed[k].id, len, &h);
        digest_is(&h, sealed[k].digest);
        dor__aead_free(aead);
    }
}

static const struct {
    dor_hash_id id;
    const char *digest;
} expanded[] = {
    {DOR_HASH_SHA256, "799bb2ecc595ca044d4f0339d0ab83cad313a6dc26f0f796b5fbf258c4768caf"},
    {DOR_HASH_SHA384, "c2669816aa1473587ace35bff385c6a99abdfc22c7f47e5e74c56c061aebfada"},
    {DOR_HASH_SHA512, "bbd066a0aeca58c01a95553ebc0f7d61f886087d890750de83190850f8ee5c7a"},
};

Test(crypto_agreement, hkdf)
{
    static uint8_t okm[255 * 64];
    uint8_t ikm[200], salt[150], info[90], prk[DOR_HASH_MAX_LEN];
    for (size_t i = 0; i < sizeof ikm; i++)
        ikm[i] = (uint8_t)(i + 1);
    memset(salt, 0xaa, sizeof salt);
    memset(info, 0x55, sizeof info);
    for (size_t k = 0; k < sizeof expanded / sizeof expanded[0]; k++) {
        const dor_hash_id id = expanded[k].id;
        const size_t longest = 255 * dor__hash_len(id);
        dor_hash h;
        OK(dor__hash_init(&h, DOR_HASH_SHA256));
        for (size_t n = 1; n <= longest; n = n == 399 ? longest : n + 1) {
            OK(dor__hkdf_extract(id, dor__span(salt, n % 150), dor__span(ikm, 1 + n % 200), prk));
            OK(dor__hkdf_expand(id, dor__span(prk, dor__hash_len(id)), dor__span(info, n % 90), okm, n));
            OK(dor__hash_update(&h, dor__span(okm, n)));
        }
        digest_is(&h, expanded[k].digest);
        cr_assert_eq(
            dor__hkdf_expand(id, dor__span(prk, dor__hash_len(id)), DOR_SPAN_EMPTY, okm, longest + 1).code,
            DOR_E_BADARG);
    }
}
