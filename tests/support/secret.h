/*
 * secret.h - constant time, checked by a tool: under valgrind's memcheck a secret is memory that was never written.
 *
 * Memcheck follows such bytes through registers, arithmetic and assembly alike, bit by bit, and reports exactly where a
 * jump or an address depends on them. So a test marks what is secret, does its work, and asks for the reports in between:
 *
 *     secret_mark(key, sizeof key);
 *     CLEAN(result = dor__hmac(DOR_HASH_SHA256, dor__span(key, 32), &part, 1, mac));
 *     secret_reveal(mac, 32);           what comes out may be looked at now
 *
 * A return value can be secret as well (reveal it before it is judged); a verdict on a whole MAC is public by its nature, and
 * tests/ct/verdicts.c reveals the answers of our own comparisons. Copies and sums of secrets stay secret.
 *
 * Not seen: what a processor does with its operands by itself (a multiplication that is quicker for small ones), and code
 * that valgrind's processor does not have the instructions for (SHA and AVX-512 ones, at the time of writing), where the
 * library takes another way than it would without the tool.
 *
 * Where valgrind's header is missing nothing is marked; the programs of tests/ct are not run there.
 */
#ifndef TESTS_SUPPORT_SECRET_H
#define TESTS_SUPPORT_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define SECRET_TOOL 1
#endif
#endif

/** The tool looks on. */
static inline bool secret_watched(void)
{
#ifdef SECRET_TOOL
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/** From now on no jump and no address may depend on these bytes. */
static inline void secret_mark(const void *at, size_t len)
{
#ifdef SECRET_TOOL
    (void)VALGRIND_MAKE_MEM_UNDEFINED(at, len);
#else
    (void)at;
    (void)len;
#endif
}

/** They are public: a ciphertext, a signature, a verdict. */
static inline void secret_reveal(const void *at, size_t len)
{
#ifdef SECRET_TOOL
    (void)VALGRIND_MAKE_MEM_DEFINED(at, len);
#else
    (void)at;
    (void)len;
#endif
}

/** Some bit of these bytes is secret at present. */
static inline bool secret_is(const void *at, size_t len)
{
#ifdef SECRET_TOOL
    const unsigned char *bytes = (const unsigned char *)at;
    for (size_t i = 0; i < len; i++) {
        unsigned char bits = 0;
        if (VALGRIND_GET_VBITS(bytes + i, &bits, 1) == 1 && bits != 0) return true;
    }
#else
    (void)at;
    (void)len;
#endif
    return false;
}

/** Jumps and addresses found to depend on secrets, in this process so far; those on the list of suppressions left out. */
static inline size_t secret_reports(void)
{
#ifdef SECRET_TOOL
    return VALGRIND_COUNT_ERRORS;
#else
    return 0;
#endif
}

/* For tests of tests/ct, after <criterion/criterion.h>: does it, and nothing in it depended on a secret. */
#define CLEAN(...)                                                                                           \
    do {                                                                                                     \
        cr_assert(secret_watched(), "not under valgrind");                                                   \
        size_t secret_before_ = secret_reports();                                                            \
        __VA_ARGS__;                                                                                         \
        cr_expect_eq(secret_reports() - secret_before_, 0, "depends on a secret: %s", #__VA_ARGS__);         \
    } while (0)

/** Does it, and it is caught. */
#define CAUGHT(...)                                                                                          \
    do {                                                                                                     \
        cr_assert(secret_watched(), "not under valgrind");                                                   \
        size_t secret_before_ = secret_reports();                                                            \
        __VA_ARGS__;                                                                                         \
        cr_expect_gt(secret_reports() - secret_before_, 0, "was not caught: %s", #__VA_ARGS__);              \
    } while (0)

#endif
