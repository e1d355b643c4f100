/*
 * ct.c - comparison and wiping for secrets.
 *
 * A barrier hides values from the optimiser where it could otherwise turn arithmetic back into a branch.
 */
#include "base/ct.h"

/* The compiler must take v for a value it knows nothing about. */
static inline uint32_t opaque(uint32_t v)
{
    __asm__("" : "+r"(v));
    return v;
}

/* Constant time from here: no branch and no index depends on the bytes. */

bool dor__ct_equal(const void *a, const void *b, size_t n)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    uint32_t difference = 0;

    for (size_t i = 0; i < n; i++)
        difference |= opaque((uint32_t)(left[i] ^ right[i]));
    return (bool)(~dor__ct_mask_nonzero(difference) & 1u);
}

uint32_t dor__ct_mask_nonzero(uint32_t v)
{
    /* The top bit of v | -v is set exactly when v is not zero. */
    uint32_t top = opaque(v | (0u - v)) >> 31;
    return 0u - top;
}

/* Constant time up to here. */

void dor__wipe(void *ptr, size_t n)
{
    if (n == 0) return;
    memset(ptr, 0, n);
    /* Says that somebody may read the zeros, so that the memset stays. */
    __asm__ volatile("" : : "r"(ptr) : "memory");
}

__attribute__((noinline)) void dor__wipe_stack(void)
{
    uint8_t below[32 * 1024];
    dor__wipe(below, sizeof below);
}
