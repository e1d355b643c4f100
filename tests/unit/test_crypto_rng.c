/* test_crypto_rng.c - the generators: the system's differ from each other, seeded ones don't. */
#include "crypto/kx.h"
#include "crypto/rng.h"
#include "support/counting_alloc.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK(expr) cr_assert(dor__ok(expr))

Test(crypto_rng, system_fills_every_length)
{
    dor_rng *rng;
    uint8_t bytes[300];
    OK(dor__rng_new_system(&rng));
    for (size_t len = 0; len < sizeof(bytes); len++) {
        memset(bytes, 0, sizeof(bytes));
        OK(dor__rng_fill(rng, bytes, len));
        for (size_t i = len; i < sizeof(bytes); i++)
            cr_assert_eq(bytes[i], 0);
        if (len >= 32) {
            size_t zeros = 0;
            for (size_t i = 0; i < len; i++)
                zeros += bytes[i] == 0;
            cr_assert_lt(zeros, len / 4 + 8);
        }
    }
    static uint8_t many[200000]; /* more than wolfCrypt gives at once */
    OK(dor__rng_fill(rng, many, sizeof(many)));
    cr_assert(memcmp(many, many + 65536, 64) != 0);
    dor__rng_free(rng);
    dor__rng_free(NULL);
}

Test(crypto_rng, systems_differ)
{
    dor_rng *a, *b;
    uint8_t x[32], y[32];
    OK(dor__rng_new_system(&a));
    OK(dor__rng_new_system(&b));
    OK(dor__rng_fill(a, x, 32));
    OK(dor__rng_fill(b, y, 32));
    cr_assert(memcmp(x, y, 32) != 0);
    OK(dor__rng_fill(a, y, 32));
    cr_assert(memcmp(x, y, 32) != 0);
    dor__rng_free(a);
    dor__rng_free(b);
}

Test(crypto_rng, a_fork_gets_its_own)
{
    dor_rng *rng;
    uint8_t ours[32], theirs[32];
    int fds[2];
    OK(dor__rng_new_system(&rng));
    OK(dor__rng_fill(rng, ours, 32));
    cr_assert_eq(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        bool ok = dor__ok(dor__rng_fill(rng, theirs, 32)) && write(fds[1], theirs, 32) == 32;
        _exit(ok ? 0 : 1);
    }
    OK(dor__rng_fill(rng, ours, 32));
    cr_assert_eq(read(fds[0], theirs, 32), 32);
    cr_assert(memcmp(ours, theirs, 32) != 0);
    waitpid(child, NULL, 0);
    dor__rng_free(rng);
}

Test(crypto_rng, the_same_seed_gives_the_same)
{
    dor_rng *a, *b, *c;
    uint8_t x[1000], y[1000];
    OK(dor__rng_new_seeded(&a, dor__span_str("seed")));
    OK(dor__rng_new_seeded(&b, dor__span_str("seed")));
    OK(dor__rng_new_seeded(&c, dor__span_str("seed2")));
    OK(dor__rng_fill(a, x, sizeof(x)));
    OK(dor__rng_fill(b, y, sizeof(y)));
    cr_assert_arr_eq(x, y, sizeof(x));
    OK(dor__rng_fill(b, y, sizeof(y)));
    cr_assert(memcmp(x, y, sizeof(x)) != 0);
    OK(dor__rng_fill(c, y, sizeof(y)));
    cr_assert(memcmp(x, y, sizeof(x)) != 0);
    dor__rng_free(a);
    dor__rng_free(b);
    dor__rng_free(c);
}

Test(crypto_rng, seeded_key_pairs_are_deterministic)
{
    static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
    uint8_t public_values[2][3][DOR_KX_MAX_PUBLIC_LEN];
    for (size_t round = 0; round < 2; round++) {
        dor_rng *rng;
        OK(dor__rng_new_seeded(&rng, DOR_SPAN_EMPTY));
        for (size_t g = 0; g < 3; g++) {
            dor_kx *kx;
            OK(dor__kx_new(&kx, groups[g], rng));
            memset(public_values[round][g], 0, DOR_KX_MAX_PUBLIC_LEN);
            memcpy(public_values[round][g], dor__kx_public(kx).ptr, dor__kx_public(kx).len);
            dor__kx_free(kx);
        }
        dor__rng_free(rng);
    }
    cr_assert(memcmp(public_values[0], public_values[1], sizeof(public_values[0])) == 0);
}

Test(crypto_rng, out_of_memory)
{
    dor_rng *rng;
    counting_alloc_install();
    counting_alloc_fail_at(1);
    cr_assert_eq(dor__rng_new_system(&rng).code, DOR_E_NOMEM);
    cr_assert_null(rng);
    cr_assert_eq(dor__rng_new_seeded(&rng, DOR_SPAN_EMPTY).code, DOR_E_NOMEM);
    cr_assert_null(rng);
    counting_alloc_fail_at(0);
    OK(dor__rng_new_seeded(&rng, DOR_SPAN_EMPTY));
    dor__rng_free(rng);
    cr_assert_eq(counting_alloc_pieces(), 0);
}
