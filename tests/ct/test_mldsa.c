/* test_mldsa.c - ML-DSA: keys made of a secret seed, and signatures of a secret key. */
#include "crypto/key.h"
#include "support/secret.h"

#include <criterion/criterion.h>

static dor_rng *rng;

static void set_up(void)
{
    if (!dor__mldsa_built) cr_skip_test("this wolfCrypt has no ML-DSA");
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("mldsa"))));
}

static void tear_down(void)
{
    dor__rng_free(rng);
}

TestSuite(mldsa, .init = set_up, .fini = tear_down);

static const struct {
    dor_sig_scheme scheme;
    uint8_t oid;
} levels[] = {{DOR_SIG_MLDSA44, 0x11}, {DOR_SIG_MLDSA65, 0x12}, {DOR_SIG_MLDSA87, 0x13}};

static dor_private_key *read_key(size_t level)
{
    uint8_t der[54] = {0x30, 0x34, 2,    1, 0, 0x30, 0x0b, 6,    9,    0x60, 0x86,
                       0x48, 0x01, 0x65, 3, 4, 3,    0,    0x04, 0x22, 0x80, 0x20};
    dor_private_key *key;
    dor_result r;
    der[17] = levels[level].oid;
    secret_mark(der + 22, 32);
    CLEAN(r = dor__private_key_from_der(&key, dor__span(der, sizeof der)));
    cr_assert(dor__ok(r));
    return key;
}

static void sign(size_t level)
{
    static const char *const messages[] = {"message", "another", "one more",
                                           "and one that is rejected more often"};
    dor_private_key *key = read_key(level);
    const dor_public_key *public_half = dor__private_key_public(key);
    /* behind the matrix's seed, which stands in the public key, and in front of the public key's hash and behind it */
    secret_reveal(key->secret, 32);
    secret_mark(key->secret + 32, 32);
    secret_reveal(key->secret + 64, 64);
    secret_mark(key->secret + 128, key->secret_len - 128);
    secret_reveal((void *)(uintptr_t)public_half->bytes, public_half->n_len);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        uint8_t sig[DOR_SIG_MAX_LEN];
        size_t sig_len;
        dor_result r;
        CLEAN(r = dor__sign(key, levels[level].scheme, dor__span_str(messages[i]), rng, sig, sizeof sig,
                            &sig_len));
        cr_assert(dor__ok(r));
        secret_reveal(sig, sizeof sig);
        cr_expect(dor__ok(dor__verify(public_half, levels[level].scheme, dor__span_str(messages[i]),
                                      dor__span(sig, sig_len))));
    }
    CLEAN(dor__private_key_unref(key));
}

Test(mldsa, level_44)
{
    sign(0);
}

Test(mldsa, level_65)
{
    sign(1);
}

Test(mldsa, level_87)
{
    sign(2);
}
