/* test_crypto_aead.c - AES-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439): vectors, every bit flipped, edges. */
#include "crypto/aead.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define OK(expr) cr_assert(dor__ok(expr))

static const int bad_record =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);

static const dor_aead_id ids[] = {DOR_AEAD_AES_128_GCM,  DOR_AEAD_AES_256_GCM, DOR_AEAD_CHACHA20_POLY1305,
                                  DOR_AEAD_AES_128_CCM,  DOR_AEAD_AES_256_CCM, DOR_AEAD_AES_128_CCM_8,
                                  DOR_AEAD_AES_256_CCM_8};
enum { ID_COUNT = sizeof(ids) / sizeof(ids[0]) };

#define CCM_KEY   "404142434445464748494a4b4c4d4e4f"
#define CCM_NONCE "101112131415161718191a1b"
#define CCM_AAD   "000102030405060708090a0b0c0d0e0f10111213"
#define CCM_PLAIN "202122232425262728292a2b2c2d2e2f3031323334353637"

typedef struct vector {
    dor_aead_id id;
    const char *key, *nonce, *aad, *plain, *cipher, *tag;
} vector;

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                                                            \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aed" \
    "f5aa0de657"                                                                                             \
    "ba637b39"

/* The GCM proposal's test cases 1 to 4 and 13 to 16 (its nonces of 96 bits), and RFC 8439 section 2.8.2. */
static const vector vectors[] = {
    {DOR_AEAD_AES_128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {DOR_AEAD_AES_128_GCM, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {DOR_AEAD_AES_128_GCM, GCM_KEY, "cafebabefacedbaddecaf888", "", GCM_PLAIN "1aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b3"
     "96a0aac97"
     "3d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {DOR_AEAD_AES_128_GCM, GCM_KEY, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b3"
     "96a0aac97"
     "3d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {DOR_AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {DOR_AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {DOR_AEAD_AES_256_GCM, GCM_KEY GCM_KEY, "cafebabefacedbaddecaf888", "", GCM_PLAIN "1aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6"
     "393ba7a0a"
     "bcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {DOR_AEAD_AES_256_GCM, GCM_KEY GCM_KEY, "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6"
     "393ba7a0a"
     "bcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {DOR_AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c6"
     "4206f6666"
     "657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642"
     "062652069"
     "742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0"
     "a9e060b29"
     "05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26"
     "586cec64b"
     "6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    /* SP 800-38C appendix C.3; the others with its inputs, by two other implementations. */
    {DOR_AEAD_AES_128_CCM_8, CCM_KEY, CCM_NONCE, CCM_AAD, CCM_PLAIN,
     "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5", "484392fbc1b09951"},
    {DOR_AEAD_AES_128_CCM, CCM_KEY, CCM_NONCE, CCM_AAD, CCM_PLAIN,
     "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5", "c87ae488918de93f17dd3e4934347f44"},
    {DOR_AEAD_AES_128_CCM, CCM_KEY, CCM_NONCE, CCM_AAD, "", "", "551d5d5f39de73135b5b67518627e990"},
    {DOR_AEAD_AES_256_CCM, CCM_KEY "505152535455565758595a5b5c5d5e5f", CCM_NONCE, CCM_AAD, CCM_PLAIN,
     "04f883aeb3bd0730eaf50bb6de4fa2212034e4e41b0e75e5", "9bba3f3a107f3239bd63902923f80371"},
    {DOR_AEAD_AES_256_CCM_8, CCM_KEY "505152535455565758595a5b5c5d5e5f", CCM_NONCE, CCM_AAD, CCM_PLAIN,
     "04f883aeb3bd0730eaf50bb6de4fa2212034e4e41b0e75e5", "2b48c8766f7e7649"},
};

static dor_aead *make(dor_aead_id id)
{
    dor_aead *aead;
    uint8_t key[32];
    for (size_t i = 0; i < 32; i++)
        key[i] = (uint8_t)(i + 1);
    OK(dor__aead_new(&aead, id, key));
    return aead;
}

Test(crypto_aead, published_vectors)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const vector *v = &vectors[i];
        uint8_t key[32], nonce[12], aad[32], plain[128], cipher[128], expected_tag[16], data[128], tag[16];
        cr_assert_eq(hex_read(v->key, key, 32), dor__aead_key_len(v->id));
        hex_read(v->nonce, nonce, 12);
        dor_span about = dor__span(aad, hex_read(v->aad, aad, sizeof(aad)));
        size_t len = hex_read(v->plain, plain, sizeof(plain));
        cr_assert_eq(hex_read(v->cipher, cipher, sizeof(cipher)), len);
        size_t tag_len = hex_read(v->tag, expected_tag, 16);
        cr_assert_eq(tag_len, dor__aead_tag_len(v->id));

        dor_aead *aead;
        OK(dor__aead_new(&aead, v->id, key));
        memcpy(data, plain, len);
        OK(dor__aead_seal(aead, nonce, about, data, len, tag));
        cr_assert(memcmp(data, cipher, len) == 0);
        cr_assert_arr_eq(tag, expected_tag, tag_len);
        OK(dor__aead_open(aead, nonce, about, data, len, tag));
        cr_assert(memcmp(data, plain, len) == 0);
        dor__aead_free(aead);
    }
}

Test(crypto_aead, every_length)
{
    static uint8_t data[2100], plain[2100];
    static const uint8_t nonce[12] = {7};
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 131 + 7);
    for (size_t k = 0; k < ID_COUNT; k++) {
        dor_aead *aead = make(ids[k]);
        for (size_t len = 0; len < sizeof(plain); len += len < 300 ? 1 : 61) {
            uint8_t tag[16];
            dor_span aad = dor__span(plain, len % 37);
            memcpy(data, plain, sizeof(plain));
            OK(dor__aead_seal(aead, nonce, aad, data, len, tag));
            cr_assert(memcmp(data + len, plain + len, sizeof(plain) - len) == 0, "nothing behind is touched");
            OK(dor__aead_open(aead, nonce, aad, data, len, tag));
            cr_assert(memcmp(data, plain, sizeof(plain)) == 0);
        }
        dor__aead_free(aead);
    }
}

Test(crypto_aead, data_need_not_be_aligned)
{
    static uint8_t room[600];
    static const uint8_t nonce[12] = {1};
    for (size_t k = 0; k < ID_COUNT; k++) {
        dor_aead *aead = make(ids[k]);
        uint8_t first[500], first_tag[16];
        for (size_t shift = 0; shift < 64; shift++) {
            uint8_t tag[16];
            memset(room, 0x5a, sizeof(room));
            OK(dor__aead_seal(aead, nonce, DOR_SPAN_EMPTY, room + shift, 500, tag));
            if (shift == 0) {
                memcpy(first, room, 500);
                memcpy(first_tag, tag, 16);
            }
            cr_assert_arr_eq(room + shift, first, 500);
            cr_assert_arr_eq(tag, first_tag, dor__aead_tag_len(ids[k]));
        }
        dor__aead_free(aead);
    }
}

/* What was opened wrongly must be refused, and leave no plaintext. */
static void refused(dor_aead *aead, const uint8_t *nonce, dor_span aad, const uint8_t *cipher, size_t len,
                    const uint8_t *tag)
{
    uint8_t data[80];
    memcpy(data, cipher, len);
    cr_assert_eq(dor__aead_open(aead, nonce, aad, data, len, tag).code, bad_record);
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(data[i], 0);
}

Test(crypto_aead, every_flipped_bit_is_refused)
{
    for (size_t k = 0; k < ID_COUNT; k++) {
        dor_aead *aead = make(ids[k]);
        uint8_t nonce[12] = {3}, aad[13] = "thirteen long", data[67], tag[16];
        const dor_span about = dor__span(aad, sizeof(aad));
        memset(data, 'P', sizeof(data));
        OK(dor__aead_seal(aead, nonce, about, data, sizeof(data), tag));
        uint8_t *const parts[] = {nonce, aad, data, tag};
        const size_t lens[] = {sizeof(nonce), sizeof(aad), sizeof(data), dor__aead_tag_len(ids[k])};
        for (size_t p = 0; p < 4; p++)
            for (size_t bit = 0; bit < lens[p] * 8; bit++) {
                parts[p][bit / 8] ^= (uint8_t)(1 << bit % 8);
                refused(aead, nonce, about, data, sizeof(data), tag);
                parts[p][bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        refused(aead, nonce, DOR_SPAN_EMPTY, data, sizeof(data), tag);
        refused(aead, nonce, about, data, sizeof(data) - 1, tag);
        refused(aead, nonce, about, data, 0, tag);
        OK(dor__aead_open(aead, nonce, about, data, sizeof(data), tag));
        dor__aead_free(aead);
    }
}

Test(crypto_aead, a_tag_alone_is_checked_too)
{
    for (size_t k = 0; k < ID_COUNT; k++) {
        dor_aead *aead = make(ids[k]);
        static const uint8_t nonce[12];
        uint8_t tag[16];
        OK(dor__aead_seal(aead, nonce, DOR_SPAN_EMPTY, NULL, 0, tag));
        OK(dor__aead_open(aead, nonce, DOR_SPAN_EMPTY, NULL, 0, tag));
        tag[dor__aead_tag_len(ids[k]) - 1] ^= 1;
        cr_assert_eq(dor__aead_open(aead, nonce, DOR_SPAN_EMPTY, NULL, 0, tag).code, bad_record);
        dor__aead_free(aead);
    }
}

Test(crypto_aead, unknown_or_none)
{
    static const uint8_t key[32];
    dor_aead *aead = (dor_aead *)1;
    cr_assert_eq(dor__aead_key_len(DOR_AEAD_NONE), 0);
    cr_assert_eq(dor__aead_new(&aead, DOR_AEAD_NONE, key).code, DOR_E_BADARG);
    cr_assert_null(aead);
    dor__aead_free(NULL);
}

Test(crypto_aead, one_allocation_each_and_it_may_fail)
{
    static const uint8_t key[32];
    dor_aead *aead;
    counting_alloc_install();
    for (size_t k = 0; k < ID_COUNT; k++) {
        counting_alloc_fail_at(1);
        cr_assert_eq(dor__aead_new(&aead, ids[k], key).code, DOR_E_NOMEM);
        cr_assert_null(aead);
        counting_alloc_fail_at(0);
        OK(dor__aead_new(&aead, ids[k], key));
        cr_assert_eq(counting_alloc_pieces(), 1);
        cr_assert_leq(counting_alloc_bytes(), ids[k] == DOR_AEAD_CHACHA20_POLY1305 ? 64 : 1536);
        dor__aead_free(aead);
        cr_assert_eq(counting_alloc_pieces(), 0);
    }
}
