/* test_crypto_hash.c - SHA-2 and SHA-1 (FIPS 180-4 examples), HMAC (RFC 4231), and how a hash may be used. */
#include "crypto/hmac.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))

static void digest_is(dor_hash_id id, dor_span message, const char *hex)
{
    uint8_t expected[64], actual[64];
    size_t len = hex_read(hex, expected, sizeof(expected));
    cr_assert_eq(len, dor__hash_len(id));
    OK(dor__hash_once(id, message, actual));
    cr_assert_arr_eq(actual, expected, len);
}

static const char *const two_blocks = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmn"
                                      "opjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

Test(crypto_hash, fips_180_4)
{
    digest_is(DOR_HASH_SHA256, dor__span_str("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_is(DOR_HASH_SHA256, DOR_SPAN_EMPTY,
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_is(DOR_HASH_SHA256, dor__span_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    digest_is(DOR_HASH_SHA384, dor__span_str("abc"),
              "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
              "8086072ba1e7cc2358baeca134c825a7");
    digest_is(DOR_HASH_SHA384, dor__span_str(two_blocks),
              "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712"
              "fcc7c71a557e2db966c3e9fa91746039");
    digest_is(DOR_HASH_SHA512, dor__span_str("abc"),
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    digest_is(DOR_HASH_SHA512, dor__span_str(two_blocks),
              "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
              "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
    digest_is(DOR_HASH_SHA1, dor__span_str("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

Test(crypto_hash, a_million_a_in_uneven_pieces)
{
    static uint8_t a[1000];
    uint8_t digest[64], expected[64];
    dor_hash h;
    memset(a, 'a', sizeof(a));
    OK(dor__hash_init(&h, DOR_HASH_SHA256));
    size_t left = 1000000;
    for (size_t i = 1; left > 0; i = i % 997 + 1) {
        size_t part = i < left ? i : left;
        OK(dor__hash_update(&h, dor__span(a, part)));
        left -= part;
    }
    OK(dor__hash_final(&h, digest));
    dor__hash_fini(&h);
    hex_read("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", expected, 64);
    cr_assert_arr_eq(digest, expected, 32);
}

static const dor_hash_id ids[] = {DOR_HASH_SHA256, DOR_HASH_SHA384, DOR_HASH_SHA512, DOR_HASH_SHA1};

Test(crypto_hash, peek_lets_it_go_on)
{
    for (size_t i = 0; i < 4; i++) {
        uint8_t peeked[64], once[64];
        dor_hash h;
        OK(dor__hash_init(&h, ids[i]));
        for (size_t n = 0; n <= strlen(two_blocks); n++) {
            OK(dor__hash_peek(&h, peeked));
            OK(dor__hash_once(ids[i], dor__span(two_blocks, n), once));
            cr_assert_arr_eq(peeked, once, dor__hash_len(ids[i]));
            OK(dor__hash_update(&h, dor__span(two_blocks + n, n < strlen(two_blocks))));
        }
        dor__hash_fini(&h);
    }
}

Test(crypto_hash, a_copy_is_independent)
{
    for (size_t i = 0; i < 4; i++) {
        uint8_t of_copy[64], of_first[64], expected[64];
        dor_hash first, copy;
        OK(dor__hash_init(&first, ids[i]));
        OK(dor__hash_update(&first, dor__span_str("abc")));
        OK(dor__hash_copy(&copy, &first));
        OK(dor__hash_update(&copy, dor__span_str("def")));
        OK(dor__hash_peek(&first, of_first));
        dor__hash_fini(&first);
        OK(dor__hash_final(&copy, of_copy));
        dor__hash_fini(&copy);
        OK(dor__hash_once(ids[i], dor__span_str("abc"), expected));
        cr_assert_arr_eq(of_first, expected, dor__hash_len(ids[i]));
        OK(dor__hash_once(ids[i], dor__span_str("abcdef"), expected));
        cr_assert_arr_eq(of_copy, expected, dor__hash_len(ids[i]));
    }
}

Test(crypto_hash, no_hash_at_all)
{
    uint8_t digest[64];
    dor_hash h;
    cr_assert_eq(dor__hash_len(DOR_HASH_NONE), 0);
    cr_assert_eq(dor__hash_init(&h, DOR_HASH_NONE).code, DOR_E_BADARG);
    cr_assert(dor__failed(dor__hash_update(&h, dor__span_str("abc"))));
    cr_assert(dor__failed(dor__hash_peek(&h, digest)));
    cr_assert(dor__failed(dor__hash_final(&h, digest)));
    dor__hash_fini(&h);
    dor__hash_fini(&h);
    cr_assert(dor__failed(dor__hash_once(DOR_HASH_NONE, DOR_SPAN_EMPTY, digest)));
    cr_assert(dor__failed(dor__hmac(DOR_HASH_NONE, DOR_SPAN_EMPTY, NULL, 0, digest)));
}

Test(crypto_hash, nothing_is_left_after_fini)
{
    for (size_t i = 0; i < 4; i++) {
        dor_hash h;
        memset(&h, 0, sizeof(h));
        OK(dor__hash_init(&h, ids[i]));
        OK(dor__hash_update(&h, dor__span_str("a secret of some length")));
        dor__hash_fini(&h);
        for (size_t j = 0; j < sizeof(h.state); j++)
            cr_assert_eq(h.state[j], 0);
    }
}

typedef struct hmac_case {
    const char *key, *data, *sha256, *sha384, *sha512;
} hmac_case;

/* RFC 4231 test cases 1 to 4, 6 and 7 (5 cuts the MAC short). */
static const hmac_case hmac_cases[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
     "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
     "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4"
     "be9d914eeb61f1702e696c203a126854"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
     "caeab1a34d4a6b4b636e070a38bce737"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
     "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
     "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807"
     "b946a337bee8942674278859e13292fb"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
     "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
     "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063"
     "a5f19741120c4f2de2adebeb10a298dd"},
    {NULL,
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b65792046697"
     "27374",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
     "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
     "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e52"
     "95e64f73f63f0aec8b915a985d786598"},
};

Test(crypto_hmac, rfc_4231)
{
    for (size_t i = 0; i < sizeof(hmac_cases) / sizeof(hmac_cases[0]); i++) {
        const hmac_case *c = &hmac_cases[i];
        const char *expected_hex[] = {c->sha256, c->sha384, c->sha512};
        uint8_t key[131], data[200], expected[64], mac[64];
        size_t key_len = sizeof(key), data_len = hex_read(c->data, data, sizeof(data));
        if (c->key)
            key_len = hex_read(c->key, key, sizeof(key));
        else
            memset(key, 0xaa, sizeof(key)); /* longer than a block of either size */
        for (size_t h = 0; h < 3; h++) {
            dor_span part = dor__span(data, data_len);
            size_t len = hex_read(expected_hex[h], expected, sizeof(expected));
            OK(dor__hmac(ids[h], dor__span(key, key_len), &part, 1, mac));
            cr_assert_arr_eq(mac, expected, len);
        }
    }
}

Test(crypto_hmac, parts_and_reuse)
{
    const dor_span whole = dor__span_str("what do ya want for nothing?");
    const dor_span parts[] = {dor__span(whole.ptr, 4), DOR_SPAN_EMPTY,
                              dor__span(whole.ptr + 4, whole.len - 4)};
    for (size_t i = 0; i < 4; i++) {
        uint8_t expected[64], mac[64];
        dor_hmac h;
        OK(dor__hmac(ids[i], dor__span_str("Jefe"), &whole, 1, expected));
        OK(dor__hmac_init(&h, ids[i], dor__span_str("Jefe")));
        for (int round = 0; round < 3; round++) {
            OK(dor__hmac_mac(&h, parts, 3, mac));
            cr_assert_arr_eq(mac, expected, dor__hash_len(ids[i]));
        }
        dor__hmac_fini(&h);
        cr_assert(dor__failed(dor__hmac_mac(&h, parts, 3, mac)));
    }
}

Test(crypto_hmac, an_empty_key_is_a_key_of_zeros)
{
    static const uint8_t zeros[128];
    for (size_t i = 0; i < 4; i++) {
        uint8_t a[64], b[64];
        OK(dor__hmac(ids[i], DOR_SPAN_EMPTY, NULL, 0, a));
        OK(dor__hmac(ids[i], dor__span(zeros, dor__hash_len(ids[i])), NULL, 0, b));
        cr_assert_arr_eq(a, b, dor__hash_len(ids[i]));
    }
}
