/*
 * test_crypto_groups.c - X448, P-521, the finite fields of RFC 7919 and the hybrids with ML-KEM: vectors, what both ends
 * agree on, and every way in which a peer's value may be wrong.
 *
 * Sources: RFC 7748 sections 5.2 and 6.2; NIST CAVS 14.1, ECC CDH primitive, P-521 count 0; RFC 7919's formula evaluated, and
 * powers computed, by another implementation of arithmetic; ML-KEM by another implementation of FIPS 203, with the curve's
 * part from the same.
 */
#include "crypto/hash.h"
#include "crypto/kx.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))
#define NEEDS(group)                                                                                         \
    if (!dor__kx_known(group)) cr_skip_test("not in this build of wolfCrypt")

static const int bad_share =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_KEY_SHARE);

static dor_rng *rng;

static void set_up(void)
{
    OK(dor__rng_new_seeded(&rng, dor__span_str("groups")));
}

static void tear_down(void)
{
    dor__rng_free(rng);
}

TestSuite(crypto_groups, .init = set_up, .fini = tear_down);

static dor_kx *pair_of(dor_group group, const uint8_t *private_value, size_t len)
{
    dor_kx *kx;
    OK(dor__kx_from_scalar(&kx, group, dor__span(private_value, len)));
    return kx;
}

static dor_kx *pair_of_hex(dor_group group, const char *hex)
{
    uint8_t private_value[112];
    return pair_of(group, private_value, hex_read(hex, private_value, sizeof(private_value)));
}

static void is_hex(dor_span actual, const char *hex)
{
    uint8_t expected[256];
    cr_assert_eq(actual.len, hex_read(hex, expected, sizeof(expected)));
    cr_assert_arr_eq(actual.ptr, expected, actual.len);
}

static void digest_is(dor_span actual, const char *hex)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    OK(dor__hash_once(DOR_HASH_SHA256, actual, digest));
    is_hex(dor__span(digest, 32), hex);
}

static void derives(dor_kx *kx, const char *peer_hex, const char *secret_hex)
{
    uint8_t peer[256], secret[DOR_KX_MAX_SECRET_LEN];
    size_t len;
    OK(dor__kx_derive(kx, dor__span(peer, hex_read(peer_hex, peer, sizeof(peer))), rng, secret, &len));
    is_hex(dor__span(secret, len), secret_hex);
}

/* Both who spoke first and who answers refuse it; and leave nothing in the secret. */
static void refuses(dor_kx *kx, const uint8_t *peer, size_t len)
{
    uint8_t secret[DOR_KX_MAX_SECRET_LEN];
    size_t secret_len = 12345;
    dor_kx *answer;
    cr_assert_eq(dor__kx_derive(kx, dor__span(peer, len), rng, secret, &secret_len).code, bad_share);
    cr_assert_eq(
        dor__kx_respond(&answer, dor__kx_group(kx), dor__span(peer, len), rng, secret, &secret_len).code,
        bad_share);
    cr_assert_null(answer);
    cr_assert_eq(secret_len, 12345);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

Test(crypto_groups, both_ends_agree)
{
    dor_group group;
    size_t count;
    for (count = 0; (group = dor__kx_at(count)); count++) {
        dor_kx *first, *answer;
        uint8_t x[DOR_KX_MAX_SECRET_LEN], y[DOR_KX_MAX_SECRET_LEN];
        size_t x_len, y_len;
        cr_assert(dor__kx_known(group));
        cr_assert_neq(dor__kx_family(group), DOR_GROUP_UNKNOWN);
        cr_assert_eq(dor__kx_from_name(dor__span_str(dor__kx_name(group))), group);
        OK(dor__kx_new(&first, group, rng));
        OK(dor__kx_respond(&answer, group, dor__kx_public(first), rng, x, &x_len));
        OK(dor__kx_derive(first, dor__kx_public(answer), rng, y, &y_len));
        cr_assert_leq(dor__kx_public(first).len, DOR_KX_MAX_PUBLIC_LEN);
        cr_assert_leq(dor__kx_public(answer).len, DOR_KX_MAX_PUBLIC_LEN);
        cr_assert_eq(x_len, dor__kx_secret_len(group));
        cr_assert_eq(x_len, y_len);
        cr_assert_arr_eq(x, y, x_len);
        /* who answered has nothing left to derive with */
        cr_assert_eq(dor__kx_derive(answer, dor__kx_public(first), rng, y, &y_len).code, DOR_E_BADARG);
        dor__kx_free(first);
        dor__kx_free(answer);
    }
    cr_assert_geq(count, 3);
}

Test(crypto_groups, lengths_are_exact)
{
    static uint8_t longer[DOR_KX_MAX_PUBLIC_LEN + 1];
    dor_group group;
    for (size_t i = 0; (group = dor__kx_at(i)); i++) {
        dor_kx *kx, *peer;
        OK(dor__kx_new(&kx, group, rng));
        OK(dor__kx_new(&peer, group, rng));
        dor_span right = dor__kx_public(peer);
        memset(longer, 0, sizeof(longer));
        memcpy(longer, right.ptr, right.len);
        refuses(kx, longer, right.len - 1);
        refuses(kx, longer, right.len + 1);
        refuses(kx, longer, 0);
        dor__kx_free(kx);
        dor__kx_free(peer);
    }
}

/* Everything that is allocated may fail to be. */
Test(crypto_groups_memory, runs_out, .init = counting_alloc_install)
{
    dor_group group;
    OK(dor__rng_new_seeded(&rng, dor__span_str("groups")));
    for (size_t i = 0; (group = dor__kx_at(i)); i++) {
        dor_kx *kx, *answer;
        uint8_t secret[DOR_KX_MAX_SECRET_LEN];
        size_t len, pieces = counting_alloc_pieces();
        counting_alloc_fail_at(1);
        cr_assert_eq(dor__kx_new(&kx, group, rng).code, DOR_E_NOMEM);
        counting_alloc_fail_at(0);
        OK(dor__kx_new(&kx, group, rng));
        counting_alloc_fail_at(1);
        cr_assert_eq(dor__kx_respond(&answer, group, dor__kx_public(kx), rng, secret, &len).code,
                     DOR_E_NOMEM);
        counting_alloc_fail_at(0);
        dor__kx_free(kx);
        cr_assert_eq(counting_alloc_pieces(), pieces);
    }
    dor__rng_free(rng);
}

Test(crypto_groups, unknown)
{
    uint8_t secret[DOR_KX_MAX_SECRET_LEN];
    size_t len;
    dor_kx *kx;
    cr_assert_eq(dor__kx_respond(&kx, 0x6399, dor__span(secret, 32), rng, secret, &len).code, DOR_E_BADARG);
    cr_assert_null(kx);
    cr_assert_eq(dor__kx_family(0x6399), DOR_GROUP_UNKNOWN);
    cr_assert_eq(dor__kx_secret_len(0x6399), 0);
    cr_assert_eq(dor__kx_prime(DOR_GROUP_X25519).len, 0);
    cr_assert_eq(dor__kx_generator(DOR_GROUP_X25519).len, 0);
    if (dor__kx_known(DOR_GROUP_X25519MLKEM768))
        cr_assert_eq(dor__kx_from_name(dor__span_str("x25519mlkem768")), DOR_GROUP_X25519MLKEM768);
    cr_assert_eq(dor__kx_from_name(dor__span_str("P-521")), DOR_GROUP_SECP521R1);
}

/* ---- X448 ---------------------------------------------------------------------------------------------------- */

Test(crypto_groups, x448_vectors)
{
    NEEDS(DOR_GROUP_X448);
    dor_kx *kx = pair_of_hex(DOR_GROUP_X448, "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"
                                             "d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b");
    static const char bob[] = "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430"
                              "27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609";
    is_hex(dor__kx_public(kx), "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"
                               "22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0");
    derives(kx, bob,
            "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b"
            "b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d");
    dor__kx_free(kx);
    kx = pair_of_hex(DOR_GROUP_X448, "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121"
                                     "700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3");
    derives(kx,
            "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9"
            "814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086",
            "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239f"
            "e14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f");
    dor__kx_free(kx);
}

/* 0, 1, p - 1, and the first two again as p and p + 1, since RFC 7748 takes numbers that are not reduced. */
Test(crypto_groups, x448_points_of_small_order)
{
    NEEDS(DOR_GROUP_X448);
    dor_kx *kx;
    OK(dor__kx_new(&kx, DOR_GROUP_X448, rng));
    for (int i = 0; i < 5; i++) {
        uint8_t u[56] = {i == 1};
        if (i >= 2) { /* p = 2^448 - 2^224 - 1 */
            memset(u, 0xff, sizeof(u));
            u[28] = 0xfe;
            u[0] = i == 2 ? 0xfe : 0xff;
        }
        if (i == 4) { /* p + 1 */
            memset(u, 0, 28);
            u[28] = 0xff;
        }
        refuses(kx, u, sizeof(u));
    }
    dor__kx_free(kx);
}

/* ---- P-521 --------------------------------------------------------------------------------------------------- */

static const char p521_scalar[] = "017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4ea"
                                  "c6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47";
static const char p521_peer[] = "0400685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854"
                                "334b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d"
                                "01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83"
                                "bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676";

Test(crypto_groups, p521_vector_with_a_leading_zero)
{
    dor_kx *kx = pair_of_hex(DOR_GROUP_SECP521R1, p521_scalar);
    is_hex(dor__kx_public(kx),
           "0400602f9d0cf9e526b29e22381c203c48a886c2b0673033366314f1ffbcba240ba42f4ef38a76174635f9"
           "1e6b4ed34275eb01c8467d05ca80315bf1a7bbd945f550a501b7c85f26f5d4b2d7355cf6b02117659943"
           "762b6d1db5ab4f1dbc44ce7b2946eb6c7de342962893fd387d1b73d7a8672d1f236961170b7eb3579953"
           "ee5cdc88cd2d");
    derives(kx, p521_peer,
            "005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4"
            "c334a0ad9759436a4d3c5bf6e74b9578fac148c831");
    dor__kx_free(kx);
}

Test(crypto_groups, p521_points_off_the_curve)
{
    dor_kx *kx = pair_of_hex(DOR_GROUP_SECP521R1, p521_scalar);
    uint8_t point[133], wrong[133];
    cr_assert_eq(hex_read(p521_peer, point, sizeof(point)), 133);
    for (size_t bit = 0; bit < sizeof(point) * 8; bit++) {
        memcpy(wrong, point, sizeof(wrong));
        wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refuses(kx, wrong, sizeof(wrong));
    }
    memset(wrong, 0, sizeof(wrong));
    refuses(kx, wrong, sizeof(wrong)); /* infinity, padded */
    wrong[0] = 4;
    refuses(kx, wrong, sizeof(wrong)); /* (0, 0) */
    /* x = 0 is on the curve; written as the prime it is no coordinate */
    hex_read(
        "012df13601594a883ef2d935e44bb90bf4d6619b74e52af7552f97769011c0719eb439cfab2a88d40fe59a2bed1f435571"
        "69a2d0a2ccd280c607b92bbf51ffe0b078",
        wrong + 67, 66);
    uint8_t secret[66];
    size_t len;
    OK(dor__kx_derive(kx, dor__span(wrong, sizeof(wrong)), rng, secret, &len));
    wrong[1] = 1;
    memset(wrong + 2, 0xff, 65);
    refuses(kx, wrong, sizeof(wrong));
    /* compressed, and its hybrid forms */
    memcpy(wrong, point, sizeof(wrong));
    wrong[0] = 2;
    refuses(kx, wrong, 67);
    wrong[0] = 6;
    refuses(kx, wrong, sizeof(wrong));
    dor__kx_free(kx);
}

/* ---- ffdhe --------------------------------------------------------------------------------------------------- */

static const struct {
    dor_group group;
    size_t exponent_len;
    const char *prime;      /* its SHA-256 */
    const char *power;      /* SHA-256 of 2 to the exponent 80 81 82 ... */
    unsigned peer;          /* to that exponent it begins with a zero byte */
    const char *peer_power; /* SHA-256, all bytes */
} fields[] = {
    {DOR_GROUP_FFDHE2048, 32, "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966",
     "d6145dbacfc89afc33e9964ade97b23ec1fe7e31c4ca6d22c5a618c2514579cd", 429,
     "f8c081bd223f32eacaad6b7d2671afc407ea1bb1ef2eba9886ae6369052ea6bb"},
    {DOR_GROUP_FFDHE3072, 40, "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17",
     "9ba55ead711bdff70c2fc3d342360a7a99e90b86d4679085b4ba49554f071e4f", 414,
     "5d05042402fa1d765bf8d0ae13c3eb8c56a039e3ef6758795bfd04b5a20a010e"},
    {DOR_GROUP_FFDHE4096, 48, "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e",
     "2c81cdf9ae58653c32a6429f2d413234ed40d83bd2e6374d217ca68562f34f52", 573,
     "7f74949f82789b58c3a9532259ae460b1dc5fbab7006290a06263b309634bfdf"},
    {DOR_GROUP_FFDHE6144, 56, "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7",
     "e945f0d3f7d70a0b0a55f86d946d69ec923a9d0ceb812e0d6ba19736866d0ae9", 108,
     "300dc45738a49a8facaffd56077829cb84377bd48d2c6f2a3a9c1022eb325ec1"},
    {DOR_GROUP_FFDHE8192, 56, "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833",
     "772ad3c2596f35160c8aad39c14db8fb73a75563292766b6131187c083389ea2", 1271,
     "217deee22e097f6806c0540ba51d5eabc8b1a96c3571404f8468bfc9219d91ff"},
};

Test(crypto_groups, ffdhe_vectors_with_leading_zeros)
{
    NEEDS(DOR_GROUP_FFDHE2048);
    static const uint8_t two = 2, five = 5;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        static uint8_t peer[1024], secret[DOR_KX_MAX_SECRET_LEN];
        uint8_t exponent[64];
        size_t len, bytes = dor__kx_secret_len(fields[i].group);
        dor_span prime = dor__kx_prime(fields[i].group);
        digest_is(prime, fields[i].prime);
        cr_assert_eq(dor__kx_of_prime(prime, dor__span(&two, 1)), fields[i].group);
        cr_assert_eq(dor__kx_of_prime(prime, dor__span(&five, 1)), 0);
        cr_assert_eq(dor__kx_of_prime(dor__span(prime.ptr + 1, prime.len - 1), dor__span(&two, 1)), 0);

        for (size_t b = 0; b < fields[i].exponent_len; b++)
            exponent[b] = (uint8_t)(0x80 + b);
        dor_kx *kx = pair_of(fields[i].group, exponent, fields[i].exponent_len);
        digest_is(dor__kx_public(kx), fields[i].power);
        memset(peer, 0, sizeof(peer));
        peer[bytes - 2] = (uint8_t)(fields[i].peer >> 8);
        peer[bytes - 1] = (uint8_t)fields[i].peer;
        OK(dor__kx_derive(kx, dor__span(peer, bytes), rng, secret, &len));
        cr_assert_eq(len, bytes);
        cr_assert_eq(secret[0], 0);
        digest_is(dor__span(secret, len), fields[i].peer_power);
        dor__kx_free(kx);
    }
}

/* RFC 7919 section 5.1: 1 < y < p - 1. */
Test(crypto_groups, ffdhe_values_out_of_range)
{
    NEEDS(DOR_GROUP_FFDHE2048);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        static uint8_t y[1024], secret[DOR_KX_MAX_SECRET_LEN];
        size_t len, bytes = dor__kx_secret_len(fields[i].group);
        dor_span prime = dor__kx_prime(fields[i].group);
        dor_kx *kx;
        OK(dor__kx_new(&kx, fields[i].group, rng));
        memset(y, 0, sizeof(y));
        refuses(kx, y, bytes); /* 0 */
        y[bytes - 1] = 1;
        refuses(kx, y, bytes);
        y[bytes - 1] = 2;
        OK(dor__kx_derive(kx, dor__span(y, bytes), rng, secret, &len));
        memcpy(y, prime.ptr, bytes);
        refuses(kx, y, bytes);
        y[bytes - 1] -= 1; /* p - 1 */
        refuses(kx, y, bytes);
        y[bytes - 1] -= 1;
        OK(dor__kx_derive(kx, dor__span(y, bytes), rng, secret, &len));
        memset(y, 0xff, bytes); /* above p, whose middle is not all ones */
        refuses(kx, y, bytes);
        dor__kx_free(kx);
    }
}

/* All exponents of a group are equally long, so that how long one takes says nothing. */
Test(crypto_groups, ffdhe_pairs_differ)
{
    NEEDS(DOR_GROUP_FFDHE2048);
    uint8_t first[256];
    dor_kx *kx;
    OK(dor__kx_new(&kx, DOR_GROUP_FFDHE2048, rng));
    memcpy(first, dor__kx_public(kx).ptr, sizeof(first));
    dor__kx_free(kx);
    OK(dor__kx_new(&kx, DOR_GROUP_FFDHE2048, rng));
    cr_assert_arr_neq(first, dor__kx_public(kx).ptr, sizeof(first));
    dor__kx_free(kx);
}

/* ---- hybrids: the seed is 00 01 .. 3f, the scalars 01 02 .. and 41 42 .., the encapsulation's entropy 80 81 .. 9f ------- */

static const char ciphertext_768[] =
    "04c1e43bd82139e4600aa87fddc0793f7c147e0eb7dccc377f019d22c16ecdcbd22e05bb45e2fd38ca184e7bcc5bb504cdc1"
    "3fc6d915cc029057311814bd916923de25330a22a53b6061dc17d892c437276108f1cb12bbbb37dce17eb4fecff68859850d"
    "bac4e0b6fc218a24caa82a4434b0886e63e824632aa32b0dce207636cbeb40a22b8432c094f07f54af3793d6449322066890"
    "576e7d191347e34578f264c5406379e7c0c46dbc1857dcd07ced02dd14a5e882cb8073a0906ae293e7a639499321751b7d9b"
    "3de1e38eebf20fc0957fe72643106eb8a87b3862e680c235d99a7e432f7bce65ccbed16973ed46f23c207e4096a563a945a8"
    "67feaadb2a01d570d3bff7585c5f276a23e8f8995076904f89d0d044acf66a93550309326731ef4c0509047015e0068862de"
    "943e84cc9fab33850c86e295dca82d44b3ce236c186aad8120d9134d4f6597e7278534f42339286987c06c4ba0d52c82e451"
    "041106ceddb3c6154d72a8214de6ab4e7af96623684a36130d96498698724e4b5fe02f98e602e5d89f35335412bb7d3d9350"
    "bd61b99dd8f529b8f61e5d4f6cb78733d3048e491f3296fb9972ca8af433870287f2ee52ccf487166d7edbbafe475bd30c1a"
    "a831e5c34975e9b227c5005cce483d9feac2b392efbe5e7c1b81d72d61ef6a9c55f37170c694b40bae5e6b89274b25613db3"
    "de07d426bfb21db9a8f8cd2beb8756fdc9af863c904c2ff9453d21ce147c96c56e2e052dfaea6ad0ec6dc7eba35af185d2df"
    "99ee3d0ae22886d3135da04d90dc384857d128d38ea128f794d37d7c2dc74d5406455f04be7d75b5bcffc2b20fa34a5cb633"
    "c53874a3930abf387f16f5b0da53320dc5747956015f28a6ab54519d0528e4fe56515ace0109cbea117fefae7846e4c16773"
    "4880ea6adb062abb7a530f5855133017fcdf4b25617881eb16538bf69f363d6f4bf9800b3687e0b18f63489a5da21acb7825"
    "8f36c30e76b6d268c77131df64e8625aaf8fd1d43de92a1fa8578fb22ccde5b97e840fe97503c612199e7e99d7b4849035b3"
    "bd274228de0ad486fb788017e2124e34ebfb0885cfa1c5445d12f64da3694ca0eee205506950a08495f1be86ba0d756ce35c"
    "599e9507a3dbeea8403f78e71e1f0972a4b95519d34ab20b302a93902139666a6000f4549ed2db07ae211733c9050a10153d"
    "d55f3b02e9c345ffb4a58c0bd2ca34e23c3d3dc45ecd875321420f921527e7d1de27bf9525ae4c014ab52d147771be029d1d"
    "c18352d93f47c3ac7a2d2d6004d1a70da2207cb7de664166e2be537fdee44d9697f9a5ad80934cf189cd34c6160f05852de6"
    "01efc8e745543369ca94d7d6f661de020c32b63fffa0e5f85da87494f8286b49f03a3e3006df6a8b9cbc4dd7846809d24d23"
    "d0a1ae191cb8fd1946d713762a14a2c4e68927774570c1f6e472047550ed8b83e5a77cc150d700f80433502daf12c33da440"
    "9e0f776add4b990dc6ed9a4202ea3eca5dec9fbe0281ca2e9e62c218d3dc5cd92ffc040a9ce0";
static const char ciphertext_1024[] =
    "d8ef533e7140a34e897789c986153d0a021e43fb3db5696516fbed287a3097c8a0f644713f0341e24adf048b6960c62e695f"
    "3c70923ec6ef813e64f094343ba373e4e88a0be38686f58698942bcbd60ad7b4ed3cfea34f3a9de8f6cadf30462a5570ad65"
    "f24216764b9ef4b474fef8739fb8180c3687132d34ba22917573f6084018dbd938da9fab3595c867362d413300654d9a4689"
    "7d240c8094f3fdc1a4004d55ecf24d7b9b32505d969fb7f885d6bc42d2c725d67abfbb6174a0e0f668e0018bb5480f1fd414"
    "d9479c67490b96d3fe42fc22cf357622c167f6261ded8a0a0a57d8646ac7ec90caee5542093db5bcec3118c304b7c6e2df80"
    "f5022d9589a6409a78462ecf6ce52a850ff0480bde494dcefdcba0f9b019bfe3ab4574bba1e868cb52ebc170323fe260149e"
    "fa2cd862fa4a83f7e3cec429704812207425fa7738c3cc3b1b8b3575c60663055f13dc7c0b9852e6647e492ab8885ee1f42f"
    "8e1fcd66fcf9bfe3aac2cd952aee6a4ea47cd1e3fa703f355f28d5a2e2c1e3cf53f6f4cb456d2d998eaa949040a5bbeaaa34"
    "c27d7cd6635ad5f44037da432db6a6b33552965342132da9ae98507ec24fdb26f57f3c49063b1470554989af8b48916c3893"
    "26eb9f36e7a1600796e7ba726aaa107cfcd908abdf3af63715998628bb2f3839114293c6570563097b64f321f6aea148cc75"
    "c27a0b6500ee337c85a53453423c408843bb94bd907627200c6369c45917e6a462cf5b75e67c26ca92088e6d117952130775"
    "b7d184f03e906fa1fb282a70dd1988d91ffbdcaf8d458167cee93d7b151de2163800ea27a65c73ca6fbb9e98788b80d7126b"
    "7a6ffc8bc6b2a4ffd6bf61f25bf1d8e1a52de11ac20a5b8bb2e21acb99b5fa5a89e35cf42e1b3acf770526a75dbf10dfbef3"
    "1e545db85b9451e758135fc4fc5ba623a7be7f4e7950ae05b38a9912d3bada81c39fd44d5f7d6a2609eb6e6b69b2963ec5d5"
    "c31d7c90871cc00ba44a351f4c280d99f5b79c1250c907ef75311b5b09b7250a2a5fa88ceb32c6f5b94a97e4a145a5a34653"
    "095444059d7291a6c34953493d0e0ca7ee54d0865f8d315ad747daa0a019fe71c91061f7a8805ba9a69d20f313bbdfcee841"
    "00f1e668f5a079b8898f2dee5ba125710d594fc441a213bd8b99fe46f4b3918bfc82588310e3b9ab35343428df1b356eb9e2"
    "e5420b42e293b41101f8af8012960b8c503bc8cdca6578cfcb177b2dfedbdf47ce30df90cc33e80134755b75bd475a0fb80d"
    "3ae4d65c4c5d4f64f90fe25256efa446c650144d4a35c58d905009e1a2c78a3d5e3c05d228196d686c68abf3dc07589db9f0"
    "011881ef77e984936c14dd1f0661da4307e3161c9b3d6126a92831e33c06b25ad80d82909799bf04c4681e0cd5e26ddd7176"
    "8b98e7c05673ef609a356aaf7ae308cf6f951216c09807884c95d0182385f1c6af0646d0562640650cfa9e7b99c1c877b6e6"
    "eb5b436bca56323aac18690be8e37cedf2331920de48f0b716ce175940b39cf038b067d2edd40755c0585fbe56df50368dc1"
    "365d776ba6863122e4c2a20761936fea6543bc21f0ff38e0f065c20e5a2a8aa447a762ec9a6c8dcc652b2294020229d45d63"
    "17e9043d0e02c710f3d310b132f33d7619be4505ca26aca7cc3859df56c536ed48d4521a7340a1a0129a100d258e12b03c24"
    "ca2d6f4b16e192f43929e57bbf19f2caf6fd70b9ab69cb20db13b059c2d3864b66ef214fac77154ce522a05024725e3164ec"
    "40136257fd800814e2da3af67020d6c78f34a0b7fe5a95f694d470246dc9140fce853e6388b41eafdceab6332d442f0e7b0e"
    "13b84521a10f9d627d16974307c933a2c26ba299d937aed6ae239699197f84c657bfa1b93fed5f16d146262db4d9d9e4c96c"
    "032dddb45fec3e59870bcd277342c58770382765dd6cf96ecc839274c1015c3cd6704c1e6c7b732066e1d64aeed5dcb0b377"
    "bde52ba9bd9ed583f871f0cab9604d50b587eb514d97433b7428135a005f0cce73b3cdc82186bd33b9e268bd98ea2b43c675"
    "68d2b389c0a36e3695583bb9f5d7649b36c97e95f27d87e7be074373c9c9be16f17346872c7ec9f5495daccdd81b88b6e040"
    "03af88e1292a83a096f971ff8865b4b2a7233869950dc5d43314b7d20c7f0f3407602f236bce58a9a528bb12b876f0dd0561"
    "681a0938a941cf515f54b7df05f98cc23cb6";

static const struct {
    dor_group group;
    size_t scalar_len;
    bool kem_first;
    const char *key; /* SHA-256 of the encapsulation key */
    const char *ciphertext;
    const char *own, *peer; /* the curve's public values */
    const char *secret;
} hybrids[] = {
    {DOR_GROUP_X25519MLKEM768, 32, true, "0b7934c83125c788995e2ba6bd761e33046b3e40571be53e023309a29f398cc9",
     ciphertext_768, "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c",
     "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466",
     "ef91db44b6cd5b2c50f483481a3d6e2a08cc149764fcb8dc568851332da45ed9"
     "26c2c17fdb82161cb21ad16e721315355b64d1763119b10bfc962530dc7cc163"},
    {DOR_GROUP_SECP256R1MLKEM768, 32, false,
     "0b7934c83125c788995e2ba6bd761e33046b3e40571be53e023309a29f398cc9", ciphertext_768,
     "04515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f4536be3a50f318fbf9a5475902a221502bef0"
     "d57e08c53b2cc0a56f17d9f9354",
     "04261efbd3550cf068ef013ed7366ba32f5d6fe557b4b2abce8ade58cba168a55e1788a0b29a56a6abec4084c0c96bd3dcbca6b"
     "507f35dbea9e985708479d8bdc9",
     "7434f2c52e0d08dc73394aae3d2d55d5b88bc570f21cc2b8f8b80b273ddbf76f"
     "ef91db44b6cd5b2c50f483481a3d6e2a08cc149764fcb8dc568851332da45ed9"},
    {DOR_GROUP_SECP384R1MLKEM1024, 48, false,
     "c7b8fa0aa471d5ae18922d6ccad5b31e1d84f92ae723abfd13747018740a8530", ciphertext_1024,
     "04c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d2c9ab4cf01021c49ad9cabb3d0b97499aef2f0ab313fa02826bc1"
     "f83451b5c8962a75caff73588d4400a6296436154fb343c393e91048a6c7bcbadc83cd8a5f26feae883156f92a1",
     "04dcd1d3e36f25e675bda55b28b3cfbe3d284287e1f9d16ac575b76c3c7036df30fe2a8f9be472194323e98b7441fd8eab4f8c2"
     "842a047ff97feeb592f6c00f252d07c5089eff7b3dd47498178e64989c5fa1257dc00dbc644bbc864ba5616aae4",
     "4506b6844fec66eacaafa353f344ef68e64416f9ab4051a4c54c7c13c7d3f92df2449d0783dce977257e1029e3b0bcc7"
     "7d9404fdb9a12fafe778c3cec2c017de229fdb1c8564964830db5541970e8079"},
};

enum { HYBRIDS = sizeof(hybrids) / sizeof(hybrids[0]) };

static dor_kx *hybrid_of(size_t i)
{
    uint8_t private_value[64 + 48];
    for (size_t b = 0; b < sizeof(private_value); b++)
        private_value[b] = (uint8_t)(b < 64 ? b : b - 64 + 1);
    return pair_of(hybrids[i].group, private_value, 64 + hybrids[i].scalar_len);
}

/* The peer's answer: parts in the draft's order. */
static size_t answer_of(size_t i, uint8_t answer[DOR_KX_MAX_PUBLIC_LEN])
{
    const char *first = hybrids[i].kem_first ? hybrids[i].ciphertext : hybrids[i].peer;
    const char *second = hybrids[i].kem_first ? hybrids[i].peer : hybrids[i].ciphertext;
    size_t len = hex_read(first, answer, DOR_KX_MAX_PUBLIC_LEN);
    return len + hex_read(second, answer + len, DOR_KX_MAX_PUBLIC_LEN - len);
}

Test(crypto_groups, hybrid_vectors)
{
    NEEDS(DOR_GROUP_X25519MLKEM768);
    for (size_t i = 0; i < HYBRIDS; i++) {
        uint8_t answer[DOR_KX_MAX_PUBLIC_LEN], secret[DOR_KX_MAX_SECRET_LEN], own[97];
        dor_kx *kx = hybrid_of(i);
        dor_span share = dor__kx_public(kx);
        size_t own_len = hex_read(hybrids[i].own, own, sizeof(own)), key_len = share.len - own_len, len;
        digest_is(dor__span(share.ptr + (hybrids[i].kem_first ? 0 : own_len), key_len), hybrids[i].key);
        is_hex(dor__span(share.ptr + (hybrids[i].kem_first ? key_len : 0), own_len), hybrids[i].own);
        size_t answer_len = answer_of(i, answer);
        OK(dor__kx_derive(kx, dor__span(answer, answer_len), rng, secret, &len));
        is_hex(dor__span(secret, len), hybrids[i].secret);
        dor__kx_free(kx);
    }
}

/* FIPS 203 section 6.3: an altered ciphertext gives a secret that the other end does not have. */
Test(crypto_groups, hybrid_ciphertext_altered)
{
    NEEDS(DOR_GROUP_X25519MLKEM768);
    uint8_t answer[DOR_KX_MAX_PUBLIC_LEN], secret[DOR_KX_MAX_SECRET_LEN];
    dor_kx *kx = hybrid_of(0);
    size_t len, answer_len = answer_of(0, answer);
    answer[5] ^= 1;
    OK(dor__kx_derive(kx, dor__span(answer, answer_len), rng, secret, &len));
    is_hex(dor__span(secret, 32), "fd52eb83ab0333f5bf1dfd8df11902daef75db9aa3793ccda9245dfd72569237");
    dor__kx_free(kx);
}

/* FIPS 203 section 7.2: a key with a coefficient that is not below 3329 is none. */
Test(crypto_groups, hybrid_keys_are_checked)
{
    NEEDS(DOR_GROUP_X25519MLKEM768);
    for (size_t i = 0; i < HYBRIDS; i++) {
        uint8_t share[DOR_KX_MAX_PUBLIC_LEN], secret[DOR_KX_MAX_SECRET_LEN];
        dor_kx *kx = hybrid_of(i), *answer;
        dor_span right = dor__kx_public(kx);
        size_t curve_len = hex_read(hybrids[i].own, share, sizeof(share)), len;
        size_t key_at = hybrids[i].kem_first ? 0 : curve_len, polynomials = right.len - curve_len - 32;
        for (size_t at = 0; at < polynomials; at += 3) { /* two coefficients of 12 bits */
            memcpy(share, right.ptr, right.len);
            share[key_at + at] = 0x01; /* 0xd01: the modulus itself */
            share[key_at + at + 1] = (uint8_t)((share[key_at + at + 1] & 0xf0) | 0x0d);
            cr_assert_eq(
                dor__kx_respond(&answer, hybrids[i].group, dor__span(share, right.len), rng, secret, &len)
                    .code,
                bad_share);
        }
        dor__kx_free(kx);
    }
}

/* The curve's part of a hybrid is checked as the curve alone is, at either end. */
Test(crypto_groups, hybrid_points_are_checked)
{
    NEEDS(DOR_GROUP_X25519MLKEM768);
    for (size_t i = 0; i < HYBRIDS; i++) {
        uint8_t answer[DOR_KX_MAX_PUBLIC_LEN], secret[DOR_KX_MAX_SECRET_LEN], curve[97];
        dor_kx *kx = hybrid_of(i), *ours;
        size_t curve_len = hex_read(hybrids[i].own, curve, sizeof(curve)), answer_len = answer_of(i, answer),
               len;
        memset(answer + (hybrids[i].kem_first ? answer_len - curve_len : 0), 0, curve_len);
        cr_assert_eq(dor__kx_derive(kx, dor__span(answer, answer_len), rng, secret, &len).code, bad_share);
        dor_span right = dor__kx_public(kx);
        memcpy(answer, right.ptr, right.len);
        memset(answer + (hybrids[i].kem_first ? right.len - curve_len : 0), 0, curve_len);
        cr_assert_eq(
            dor__kx_respond(&ours, hybrids[i].group, dor__span(answer, right.len), rng, secret, &len).code,
            bad_share);
        cr_assert_null(ours);
        dor__kx_free(kx);
    }
}
