/*
 * test_crypto_kx.c - X25519 (RFC 7748) and ECDH over the NIST curves (RFC 5903): vectors, and every way in which a peer's
 * value may be wrong.
 */
#include "crypto/kx.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))

static const int bad_share =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_KEY_SHARE);

static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};

static dor_rng *rng_new(void)
{
    dor_rng *rng;
    OK(dor__rng_new_seeded(&rng, dor__span_str("key exchange")));
    return rng;
}

static dor_kx *pair_of(dor_group group, const char *scalar_hex)
{
    uint8_t scalar[48];
    dor_kx *kx;
    OK(dor__kx_from_scalar(&kx, group, dor__span(scalar, hex_read(scalar_hex, scalar, sizeof(scalar)))));
    return kx;
}

static void derives(dor_kx *kx, const char *peer_hex, const char *secret_hex)
{
    uint8_t peer[97], expected[48], secret[48];
    size_t len = 0, expected_len = hex_read(secret_hex, expected, sizeof(expected));
    dor_rng *rng = rng_new();
    OK(dor__kx_derive(kx, dor__span(peer, hex_read(peer_hex, peer, sizeof(peer))), rng, secret, &len));
    cr_assert_eq(len, expected_len);
    cr_assert_arr_eq(secret, expected, len);
    dor__rng_free(rng);
}

static void has_public(dor_kx *kx, const char *hex)
{
    uint8_t expected[97];
    dor_span actual = dor__kx_public(kx);
    cr_assert_eq(actual.len, hex_read(hex, expected, sizeof(expected)));
    cr_assert_arr_eq(actual.ptr, expected, actual.len);
}

static void refuses(dor_kx *kx, const uint8_t *peer, size_t len)
{
    uint8_t secret[48];
    size_t secret_len = 12345;
    dor_rng *rng = rng_new();
    memset(secret, 0x5a, sizeof(secret));
    cr_assert_eq(dor__kx_derive(kx, dor__span(peer, len), rng, secret, &secret_len).code, bad_share);
    cr_assert_eq(secret_len, 12345);
    dor__rng_free(rng);
}

static void refuses_hex(dor_kx *kx, const char *hex)
{
    uint8_t peer[97];
    size_t len = hex_read(hex, peer, sizeof(peer));
    cr_assert_gt(len, 0);
    refuses(kx, peer, len);
}

Test(crypto_kx, names)
{
    cr_assert_str_eq(dor__kx_name(DOR_GROUP_X25519), "x25519");
    cr_assert_str_eq(dor__kx_name(DOR_GROUP_SECP256R1), "secp256r1");
    cr_assert_str_eq(dor__kx_name(DOR_GROUP_SECP384R1), "secp384r1");
    cr_assert_null(dor__kx_name(0x1234));
    cr_assert(dor__kx_known(DOR_GROUP_X25519));
    cr_assert_not(dor__kx_known(0));
    cr_assert_eq(dor__kx_from_name(dor__span_str("X25519")), DOR_GROUP_X25519);
    cr_assert_eq(dor__kx_from_name(dor__span_str("prime256v1")), DOR_GROUP_SECP256R1);
    cr_assert_eq(dor__kx_from_name(dor__span_str("p-256")), DOR_GROUP_SECP256R1);
    cr_assert_eq(dor__kx_from_name(dor__span_str("P-384")), DOR_GROUP_SECP384R1);
    cr_assert_eq(dor__kx_from_name(dor__span_str("secp384R1")), DOR_GROUP_SECP384R1);
    cr_assert_eq(dor__kx_from_name(dor__span_str("secp256r")), 0);
    cr_assert_eq(dor__kx_from_name(dor__span_str("secp256r11")), 0);
    cr_assert_eq(dor__kx_from_name(DOR_SPAN_EMPTY), 0);
}

Test(crypto_kx, x25519_rfc_7748)
{
    dor_kx *kx =
        pair_of(DOR_GROUP_X25519, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    derives(kx, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    dor__kx_free(kx);
    /* The top bit of this peer's value is set, and to be ignored. */
    kx = pair_of(DOR_GROUP_X25519, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d");
    derives(kx, "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
    dor__kx_free(kx);
}

Test(crypto_kx, x25519_rfc_8448)
{
    const char *client_public = "99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c";
    const char *server_public = "c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f";
    const char *shared = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";
    dor_kx *client =
        pair_of(DOR_GROUP_X25519, "49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005");
    dor_kx *server =
        pair_of(DOR_GROUP_X25519, "b1580eeadf6dd589b8ef4f2d5652578cc810e9980191ec8d058308cea216a21e");
    has_public(client, client_public);
    has_public(server, server_public);
    derives(client, server_public, shared);
    derives(server, client_public, shared);
    dor__kx_free(client);
    dor__kx_free(server);
}

Test(crypto_kx, x25519_points_of_small_order)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    dor_kx *kx =
        pair_of(DOR_GROUP_X25519, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        uint8_t point[32];
        hex_read(points[i], point, 32);
        refuses(kx, point, 32);
        point[31] |= 0x80; /* the same points once more */
        refuses(kx, point, 32);
    }
    dor__kx_free(kx);
}

static const char p256_scalar_i[] = "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433";
static const char p256_public_i[] =
    "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c37725811805271a0461cdb8252d6"
    "1f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3";
static const char p256_public_r[] =
    "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf6356fbf3ca366cc23e81"
    "57854c13c58d6aac23f046ada30f8353e74f33039872ab";

static const char p384_scalar_i[] =
    "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194";
static const char p384_public_i[] =
    "04667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa9482ed"
    "1fc0eeb9ca"
    "fc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c";
static const char p384_public_r[] =
    "04e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571dcfbec"
    "7aacf31964"
    "72169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c";

Test(crypto_kx, nist_curves_rfc_5903)
{
    const char *secret = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";
    dor_kx *i = pair_of(DOR_GROUP_SECP256R1, p256_scalar_i);
    dor_kx *r =
        pair_of(DOR_GROUP_SECP256R1, "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
    has_public(i, p256_public_i);
    has_public(r, p256_public_r);
    derives(i, p256_public_r, secret);
    derives(r, p256_public_i, secret);
    dor__kx_free(i);
    dor__kx_free(r);

    secret =
        "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746";
    i = pair_of(DOR_GROUP_SECP384R1, p384_scalar_i);
    r = pair_of(
        DOR_GROUP_SECP384R1,
        "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc");
    has_public(i, p384_public_i);
    has_public(r, p384_public_r);
    derives(i, p384_public_r, secret);
    derives(r, p384_public_i, secret);
    dor__kx_free(i);
    dor__kx_free(r);
}

Test(crypto_kx, points_off_the_curve)
{
    static const char *const scalars[] = {p256_scalar_i, p384_scalar_i};
    static const char *const publics[] = {p256_public_r, p384_public_r};
    for (size_t g = 0; g < 2; g++) {
        dor_kx *kx = pair_of(groups[1 + g], scalars[g]);
        uint8_t point[97], wrong[97];
        size_t len = hex_read(publics[g], point, sizeof(point));
        for (size_t bit = 0; bit < len * 8; bit++) { /* the form, either coordinate */
            memcpy(wrong, point, len);
            wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refuses(kx, wrong, len);
        }
        memset(wrong, 0, sizeof(wrong));
        refuses(kx, wrong, len); /* infinity, padded */
        wrong[0] = 4;
        refuses(kx, wrong, len); /* (0, 0) */
        memset(wrong + 1, 0xff, len - 1);
        refuses(kx, wrong, len);
        dor__kx_free(kx);
    }
}

/* x = 0 is on both curves; written as the prime itself it is the same number modulo it, but not a coordinate. */
Test(crypto_kx, coordinates_not_below_the_prime)
{
    dor_kx *kx = pair_of(DOR_GROUP_SECP256R1, p256_scalar_i);
    uint8_t zero[65] = {4}, secret[48];
    size_t len;
    dor_rng *rng = rng_new();
    hex_read("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", zero + 33, 32);
    OK(dor__kx_derive(kx, dor__span(zero, 65), rng, secret, &len));
    refuses_hex(kx, "04ffffffff00000001000000000000000000000000ffffffffffffffffffffffff66485c780e2f83d72433bd"
                    "5d84a06bb6541c"
                    "2af31dae871728bf856a174f93f4");
    dor__kx_free(kx);
    dor__rng_free(rng);
    kx = pair_of(DOR_GROUP_SECP384R1, p384_scalar_i);
    refuses_hex(
        kx, "04fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffff"
            "ffc306"
            "610fb0ae5a159cf45c06069f22a6c5eb3641c602d42dea2c4b4f75550793406d80d2b91ad54f9048bd487af1ade1");
    dor__kx_free(kx);
}

Test(crypto_kx, other_forms_and_lengths)
{
    uint8_t point[98] = {0};
    for (size_t g = 0; g < 3; g++) {
        dor_rng *rng = rng_new();
        dor_kx *kx, *peer;
        OK(dor__kx_new(&kx, groups[g], rng));
        OK(dor__kx_new(&peer, groups[g], rng));
        dor_span right = dor__kx_public(peer);
        memcpy(point, right.ptr, right.len);
        for (size_t len = 0; len <= sizeof(point); len++)
            if (len != right.len) refuses(kx, point, len);
        if (g > 0) {
            point[0] =
                (uint8_t)(2 + (point[right.len - 1] & 1)); /* compressed: a valid point, yet not for TLS */
            refuses(kx, point, 1 + right.len / 2);
            point[0] = (uint8_t)(6 + (point[right.len - 1] & 1)); /* hybrid */
            refuses(kx, point, right.len);
        }
        dor__kx_free(kx);
        dor__kx_free(peer);
        dor__rng_free(rng);
    }
}

Test(crypto_kx, fresh_pairs_agree)
{
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    for (size_t g = 0; g < 3; g++)
        for (int round = 0; round < 20; round++) {
            dor_kx *a, *b;
            uint8_t x[DOR_KX_MAX_SECRET_LEN], y[DOR_KX_MAX_SECRET_LEN];
            size_t x_len, y_len;
            OK(dor__kx_new(&a, groups[g], rng));
            OK(dor__kx_new(&b, groups[g], rng));
            cr_assert_eq(dor__kx_group(a), groups[g]);
            cr_assert_leq(dor__kx_public(a).len, DOR_KX_MAX_PUBLIC_LEN);
            OK(dor__kx_derive(a, dor__kx_public(b), rng, x, &x_len));
            OK(dor__kx_derive(b, dor__kx_public(a), rng, y, &y_len));
            cr_assert_eq(x_len, y_len);
            cr_assert_arr_eq(x, y, x_len);
            dor__kx_free(a);
            dor__kx_free(b);
        }
    dor__rng_free(rng);
    dor__kx_free(NULL);
}

Test(crypto_kx, scalars_out_of_range)
{
    static const uint8_t zeros[48];
    uint8_t order[48];
    dor_kx *kx;
    cr_assert_eq(dor__kx_from_scalar(&kx, DOR_GROUP_SECP256R1, dor__span(zeros, 32)).code, DOR_E_BADARG);
    cr_assert_eq(dor__kx_from_scalar(&kx, DOR_GROUP_SECP384R1, dor__span(zeros, 48)).code, DOR_E_BADARG);
    hex_read("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", order, 32);
    cr_assert_eq(dor__kx_from_scalar(&kx, DOR_GROUP_SECP256R1, dor__span(order, 32)).code, DOR_E_BADARG);
    cr_assert_null(kx);
    order[31]--; /* n - 1: the base point's negative */
    OK(dor__kx_from_scalar(&kx, DOR_GROUP_SECP256R1, dor__span(order, 32)));
    has_public(kx, "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296b01cbd1c01e58065711814b"
                   "583f061e9d431cc"
                   "a994cea1313449bf97c840ae0a");
    dor__kx_free(kx);
    cr_assert_eq(dor__kx_from_scalar(&kx, DOR_GROUP_SECP256R1, dor__span(order, 31)).code, DOR_E_BADARG);
    cr_assert_eq(dor__kx_from_scalar(&kx, 0x9999, dor__span(order, 32)).code, DOR_E_BADARG);
}

Test(crypto_kx, one_small_allocation_and_it_may_fail)
{
    counting_alloc_install();
    dor_rng *rng = rng_new();
    for (size_t g = 0; g < 3; g++) {
        dor_kx *kx;
        size_t before = counting_alloc_bytes();
        counting_alloc_fail_at(1);
        cr_assert_eq(dor__kx_new(&kx, groups[g], rng).code, DOR_E_NOMEM);
        cr_assert_null(kx);
        counting_alloc_fail_at(0);
        OK(dor__kx_new(&kx, groups[g], rng));
        cr_assert_leq(counting_alloc_bytes() - before, 160);
        dor__kx_free(kx);
    }
    cr_assert_eq(dor__kx_new(&(dor_kx *){NULL}, 0x6399, rng).code, DOR_E_BADARG);
    dor__rng_free(rng);
    cr_assert_eq(counting_alloc_pieces(), 0);
}
