/* test_tool.c - the tool reports what it is there to report, and only that. Without this, silence would prove nothing. */
#include "support/secret.h"

#include "base/ct.h"

#include <criterion/criterion.h>
#include <string.h>

bool __real_dor__ct_equal(const void *a, const void *b, size_t n);

static volatile uint8_t table[256];
static volatile unsigned sink;

/* Not inlined, so that what they do is not decided at compile time. */

__attribute__((noinline)) static void branch_on(const uint8_t *byte)
{
    if (*byte & 1) sink = sink + 1;
}

__attribute__((noinline)) static void index_by(const uint8_t *byte)
{
    sink = table[*byte];
}

__attribute__((noinline)) static void loop_to(const uint8_t *byte)
{
    for (unsigned i = 0; i < *byte; i++)
        sink = sink + i;
}

__attribute__((noinline)) static bool naive_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i]) return false;
    return true;
}

__attribute__((noinline)) static void select_by(const uint8_t *byte, uint32_t *out)
{
    *out = dor__ct_select(dor__ct_mask_nonzero(*byte & 1u), 0x11111111, 0x22222222);
}

Test(tool, catches_a_branch)
{
    uint8_t byte = 3;
    secret_mark(&byte, 1);
    CAUGHT(branch_on(&byte));
}

Test(tool, catches_a_table_index)
{
    uint8_t byte = 3;
    secret_mark(&byte, 1);
    CAUGHT(index_by(&byte));
}

Test(tool, catches_a_loop_bound)
{
    uint8_t byte = 3;
    secret_mark(&byte, 1);
    CAUGHT(loop_to(&byte));
}

Test(tool, catches_a_comparison_that_stops_early)
{
    uint8_t a[32] = {1}, b[32] = {1};
    secret_mark(a, sizeof a);
    CAUGHT(sink = naive_equal(a, b, sizeof a));
}

Test(tool, catches_memcmp)
{
    uint8_t a[32] = {1}, b[32] = {2};
    volatile size_t len = sizeof a; /* the library's function, not the compiler's */
    secret_mark(a, sizeof a);
    CAUGHT(sink = memcmp(a, b, len) == 0);
}

/* Each report counts, also the same one again: a test is not passed because an earlier one has failed already. */
Test(tool, catches_the_same_again)
{
    uint8_t byte = 3;
    secret_mark(&byte, 1);
    CAUGHT(branch_on(&byte));
    CAUGHT(branch_on(&byte));
}

Test(tool, catches_what_was_copied_and_added)
{
    uint8_t byte = 3, copy;
    secret_mark(&byte, 1);
    memcpy(&copy, &byte, 1);
    byte = 0;
    copy = (uint8_t)(copy * 7 + 1);
    cr_expect(secret_is(&copy, 1));
    CAUGHT(branch_on(&copy));
}

Test(tool, is_silent_on_what_is_public)
{
    uint8_t byte = 3;
    CLEAN(branch_on(&byte), index_by(&byte), loop_to(&byte));
    secret_mark(&byte, 1);
    secret_reveal(&byte, 1);
    CLEAN(branch_on(&byte), index_by(&byte), loop_to(&byte));
    cr_expect_eq(byte, 3); /* marking does not change it */
}

Test(tool, is_silent_on_arithmetic)
{
    uint8_t byte = 3;
    uint32_t chosen = 0;
    secret_mark(&byte, 1);
    CLEAN(select_by(&byte, &chosen));
    cr_expect(secret_is(&chosen, sizeof chosen));
    secret_reveal(&chosen, sizeof chosen);
    cr_expect_eq(chosen, 0x11111111u);
}

Test(constant_time, equal_depends_on_the_length_alone)
{
    uint8_t a[64], b[64];
    for (size_t n = 0; n <= sizeof a; n++) {
        for (int different = 0; different <= (n > 0); different++) {
            memset(a, 7, sizeof a);
            memset(b, 7, sizeof b);
            if (different) a[n - 1] ^= 0x80;
            secret_mark(a, sizeof a);
            secret_mark(b, sizeof b);
            bool answer = false;
            CLEAN(answer = __real_dor__ct_equal(a, b, n));
            cr_expect(n == 0 || secret_is(&answer, sizeof answer));
            secret_reveal(&answer, sizeof answer);
            cr_expect_eq(answer, !different);
        }
    }
}

Test(constant_time, mask_depends_on_nothing)
{
    static const uint32_t values[] = {0, 1, 2, 0x80, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint32_t v = values[i], mask = 0;
        secret_mark(&v, sizeof v);
        CLEAN(mask = dor__ct_mask_nonzero(v));
        secret_reveal(&mask, sizeof mask);
        cr_expect_eq(mask, values[i] ? UINT32_MAX : 0);
    }
}

Test(constant_time, wiping_depends_on_nothing)
{
    uint8_t bytes[40];
    memset(bytes, 9, sizeof bytes);
    secret_mark(bytes, sizeof bytes);
    CLEAN(dor__wipe(bytes, sizeof bytes));
    cr_expect(!secret_is(bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++)
        cr_expect_eq(bytes[i], 0);
}
