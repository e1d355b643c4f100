/*
 * test_crypto_rng_source.c - the generator and where its seeds come from: how often it takes one, and that nothing leaves it when
 * there is none.
 *
 * The system's source is replaced below: getrandom by this program's own, and the device that is the second choice by having no
 * descriptor left to open it with.
 */
#include "crypto/kx.h"
#include "crypto/rng.h"
#include "crypto/sign.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK(expr) cr_assert(dor__ok(expr))

enum { INTERVAL = 65536 }; /* requests between two seeds: rng.h */

typedef enum source { WORKS, FAILS, STUCK, SLOW } source;

static source now;
static unsigned asked; /* seeds that were asked for */

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    asked++;
    if (now == FAILS) {
        errno = ENOSYS;
        return -1;
    }
    if (now == STUCK) {
        memset(out, 0x42, len);
        return (ssize_t)len;
    }
    return syscall(SYS_getrandom, out, now == SLOW ? 1 : len, flags);
}

static void source_is(source what)
{
    struct rlimit limit;
    now = what;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = what == FAILS ? 0 : limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void nothing_comes(dor_rng *rng)
{
    uint8_t bytes[32], untouched[32];
    memset(bytes, 0x5a, sizeof bytes);
    memset(untouched, 0x5a, sizeof untouched);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(dor__rng_fill(rng, bytes, sizeof bytes).code, DOR_E_RNG_FAILED);
        cr_assert_arr_eq(bytes, untouched, sizeof bytes);
    }
}

static dor_rng *used_up(void)
{
    dor_rng *rng;
    uint8_t byte;
    OK(dor__rng_new_system(&rng));
    for (int i = 0; i < INTERVAL; i++)
        OK(dor__rng_fill(rng, &byte, 1));
    return rng;
}

Test(crypto_rng_source, a_seed_at_the_start_and_after_each_interval)
{
    uint8_t byte;
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    cr_assert_gt(asked, 0, "the seam is not in use");
    unsigned once = asked;
    for (int round = 0; round < 2; round++) {
        unsigned before = asked;
        for (int i = 0; i < INTERVAL; i++)
            OK(dor__rng_fill(rng, &byte, 1));
        cr_assert_eq(asked, before + (round ? once : 0));
    }
    dor__rng_free(rng);
}

Test(crypto_rng_source, a_source_that_gives_a_byte_at_a_time)
{
    dor_rng *rng;
    uint8_t bytes[32];
    source_is(SLOW);
    OK(dor__rng_new_system(&rng));
    OK(dor__rng_fill(rng, bytes, sizeof bytes));
    cr_assert_geq(asked, 32);
    dor__rng_free(rng);
}

Test(crypto_rng_source, none_at_the_start)
{
    static const source bad[] = {FAILS, STUCK};
    for (size_t i = 0; i < 2; i++) {
        dor_rng *rng = (dor_rng *)&rng;
        source_is(bad[i]);
        dor_result r = dor__rng_new_system(&rng);
        source_is(WORKS);
        cr_assert_eq(r.code, DOR_E_RNG_FAILED);
        cr_assert_null(rng);
        OK(dor__rng_new_system(&rng));
        dor__rng_free(rng);
    }
}

Test(crypto_rng_source, none_when_a_new_seed_is_due)
{
    static const source bad[] = {FAILS, STUCK};
    for (size_t i = 0; i < 2; i++) {
        dor_rng *rng = used_up();
        source_is(bad[i]);
        nothing_comes(rng);
        source_is(WORKS);
        nothing_comes(rng); /* what has failed stays so */
        dor__rng_free(rng);
    }
}

static dor_private_key *p256_key(void)
{
    /* SEC 1, the scalar alone */
    static const uint8_t der[] = {
        0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20, 0xc8, 0x8f, 0x01, 0xf5, 0x10, 0xd9, 0xac, 0x3f, 0x70, 0xa2,
        0x92, 0xda, 0xa2, 0x31, 0x6d, 0xe5, 0x44, 0xe9, 0xaa, 0xb8, 0xaf, 0xe8, 0x40, 0x49, 0xc6, 0x2a, 0x9c,
        0x57, 0x86, 0x2d, 0x14, 0x33, 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    dor_private_key *key;
    OK(dor__private_key_from_der(&key, dor__span(der, sizeof der)));
    return key;
}

/* Also what wolfCrypt takes by itself, as ECDSA's nonces are. */
Test(crypto_rng_source, no_keys_and_no_nonces_without_a_seed)
{
    dor_private_key *key = p256_key();
    uint8_t sig[72];
    size_t len;
    dor_rng *rng = used_up();
    source_is(FAILS);
    cr_assert_eq(
        dor__sign(key, DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SPAN_EMPTY, rng, sig, sizeof sig, &len).code,
        DOR_E_RNG_FAILED);
    dor_group group;
    for (size_t i = 0; (group = dor__kx_at(i)); i++) {
        dor_kx *kx;
        cr_assert_eq(dor__kx_new(&kx, group, rng).code, DOR_E_RNG_FAILED);
        cr_assert_null(kx);
    }
    source_is(WORKS);
    dor__private_key_unref(key);
    dor__rng_free(rng);
}

/* ---- forks ------------------------------------------------------------------------------------------------------ */

enum { CHILDREN = 6, TAKEN = 32 };

/* Bytes from a child of a process that has used rng: TAKEN of them, or none when the generator refuses. */
static size_t child_takes(dor_rng *rng, int generations, source what, uint8_t *bytes)
{
    int fds[2], status;
    cr_assert_eq(pipe(fds), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        uint8_t own[TAKEN];
        while (--generations > 0) {
            pid_t next = fork();
            if (next < 0) _exit(1);
            if (next > 0) _exit(waitpid(next, &status, 0) == next && status == 0 ? 0 : 1);
        }
        now = what;
        struct rlimit none = {0, 0};
        if (what == FAILS && setrlimit(RLIMIT_NOFILE, &none)) _exit(1);
        dor_result r = dor__rng_fill(rng, own, sizeof own);
        if (dor__failed(r)) _exit(r.code == DOR_E_RNG_FAILED ? 0 : 1);
        _exit(write(fds[1], own, sizeof own) == sizeof own ? 0 : 1);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], bytes, TAKEN);
    close(fds[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert(n == 0 || n == TAKEN);
    return (size_t)n;
}

Test(crypto_rng_source, a_process_and_its_children_and_theirs_differ)
{
    uint8_t taken[1 + 2 * CHILDREN][TAKEN];
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    OK(dor__rng_fill(rng, taken[0], TAKEN));
    for (int i = 0; i < CHILDREN; i++)
        cr_assert_eq(child_takes(rng, 1 + i % 3, WORKS, taken[1 + i]), TAKEN);
    for (int i = 0; i < CHILDREN; i++)
        OK(dor__rng_fill(rng, taken[1 + CHILDREN + i], TAKEN));
    for (size_t a = 0; a < sizeof taken / sizeof taken[0]; a++)
        for (size_t b = 0; b < a; b++)
            cr_assert(memcmp(taken[a], taken[b], TAKEN) != 0);
    dor__rng_free(rng);
}

Test(crypto_rng_source, a_child_that_gets_no_seed_gets_nothing)
{
    uint8_t bytes[TAKEN];
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    cr_assert_eq(child_takes(rng, 1, FAILS, bytes), 0);
    cr_assert_eq(child_takes(rng, 1, STUCK, bytes), 0);
    cr_assert_eq(child_takes(rng, 1, WORKS, bytes), TAKEN);
    OK(dor__rng_fill(rng, bytes, TAKEN));
    dor__rng_free(rng);
}

/* The same nonce under two messages would give the key away. */
Test(crypto_rng_source, a_child_signs_with_nonces_of_its_own)
{
    dor_private_key *key = p256_key();
    uint8_t ours[72] = {0}, theirs[72] = {0};
    size_t len;
    int fds[2], status;
    dor_rng *rng;
    OK(dor__rng_new_system(&rng));
    cr_assert_eq(pipe(fds), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        dor_result r = dor__sign(key, DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SPAN_EMPTY, rng, theirs, 72, &len);
        _exit(dor__ok(r) && write(fds[1], theirs, 72) == 72 ? 0 : 1);
    }
    cr_assert_eq(read(fds[0], theirs, 72), 72);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    OK(dor__sign(key, DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SPAN_EMPTY, rng, ours, 72, &len));
    cr_assert(memcmp(ours + 4, theirs + 4, 32) != 0, "r");
    dor__private_key_unref(key);
    dor__rng_free(rng);
}
