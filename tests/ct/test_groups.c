/*
 * test_groups.c - the groups that are no part of test_keys.c: X448, P-521, ffdhe, and the hybrids with ML-KEM, whose seed,
 * decapsulated secret and verdict over a ciphertext are secrets too (FIPS 203; KyberSlash).
 */
#include "support/secret.h"

#include "crypto/kx.h"

#include <criterion/criterion.h>
#include <string.h>

static dor_rng *rng;

static void begin(void)
{
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("groups"))));
}

static void end(void)
{
    dor__rng_free(rng);
}

TestSuite(groups, .init = begin, .fini = end, .timeout = 500);

static void good(dor_result r)
{
    secret_reveal(&r, sizeof r);
    cr_assert(dor__ok(r), "%x", -r.code);
}

/* Both ways: a pair from a marked private value, which takes the other's answer; `altered`: an answer with a changed byte there. */
static void exchange(dor_group group, size_t private_len, size_t altered, bool same)
{
    uint8_t private_value[160], answer[DOR_KX_MAX_PUBLIC_LEN];
    static uint8_t shared[DOR_KX_MAX_SECRET_LEN], theirs[DOR_KX_MAX_SECRET_LEN];
    dor_kx *ours, *other;
    size_t len = 0, their_len = 0;
    dor_result r;
    if (!dor__kx_known(group)) return;
    for (size_t i = 0; i < sizeof private_value; i++)
        private_value[i] = (uint8_t)(i * 7 + 1);
    if (group == DOR_GROUP_SECP521R1) private_value[0] = 1; /* 521 bits */
    secret_mark(private_value, sizeof private_value);
    CLEAN(r = dor__kx_from_scalar(&ours, group, dor__span(private_value, private_len)));
    good(r);
    dor_span share = dor__kx_public(ours);
    secret_reveal(share.ptr, share.len);
    cr_assert(dor__ok(dor__kx_respond(&other, group, share, rng, theirs, &their_len)));
    dor_span public_value = dor__kx_public(other);
    memcpy(answer, public_value.ptr, public_value.len);
    secret_reveal(answer, sizeof answer);
    if (altered < public_value.len) answer[altered] ^= 1;
    CLEAN(r = dor__kx_derive(ours, dor__span(answer, public_value.len), rng, shared, &len));
    good(r);
    secret_reveal(&len, sizeof len);
    cr_assert_eq(len, their_len);
    cr_expect(secret_is(shared, len), "the mark was lost on the way");
    secret_reveal(shared, len);
    secret_reveal(theirs, len);
    cr_expect_eq(memcmp(shared, theirs, len) == 0, same);
    CLEAN(dor__kx_free(ours));
    dor__kx_free(other);
}

Test(groups, x448)
{
    exchange(DOR_GROUP_X448, 56, SIZE_MAX, true);
}

Test(groups, ecdh_p521)
{
    exchange(DOR_GROUP_SECP521R1, 66, SIZE_MAX, true);
}

Test(groups, ffdhe2048)
{
    exchange(DOR_GROUP_FFDHE2048, 32, SIZE_MAX, true);
}

Test(groups, hybrid_x25519)
{
    exchange(DOR_GROUP_X25519MLKEM768, 64 + 32, SIZE_MAX, true);
}

/* The other secret of FIPS 203 section 6.3 comes about like the right one. */
Test(groups, an_altered_ciphertext_is_like_any_other)
{
    exchange(DOR_GROUP_X25519MLKEM768, 64 + 32, 100, false);
}

Test(groups, hybrid_p256)
{
    exchange(DOR_GROUP_SECP256R1MLKEM768, 64 + 32, SIZE_MAX, true);
}

Test(groups, hybrid_p384)
{
    exchange(DOR_GROUP_SECP384R1MLKEM1024, 64 + 48, SIZE_MAX, true);
}

/* Pairs of our own, and answers: what the generator gives is secret from its first moment, where wolfCrypt draws it. */
Test(groups, fresh_ones)
{
    static const dor_group groups[] = {DOR_GROUP_X448, DOR_GROUP_SECP521R1, DOR_GROUP_X25519MLKEM768};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        dor_kx *kx;
        dor_result r;
        if (!dor__kx_known(groups[i])) continue;
        CLEAN(r = dor__kx_new(&kx, groups[i], rng));
        good(r);
        dor__kx_free(kx);
    }
}
