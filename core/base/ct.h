/*
 * ct.h - what touches secrets: comparison and selection without branches, and wiping.
 *
 * Nothing here branches on, or indexes by, the bytes it is given; lengths are public.
 */
#ifndef DOR_BASE_CT_H
#define DOR_BASE_CT_H

#include "base/span.h"

/** 1 when the n bytes are equal, else 0, in time that depends on n alone. */
bool dor__ct_equal(const void *a, const void *b, size_t n);

/** All ones when v is not zero, else zero. */
uint32_t dor__ct_mask_nonzero(uint32_t v);

/** The compiler must take v for a value that it knows nothing about, or it may make a branch of the arithmetic. */
static inline uint32_t dor__ct_hide(uint32_t v)
{
    __asm__("" : "+r"(v));
    return v;
}

/** All ones when a < b, else zero; both below 2^31. */
static inline uint32_t dor__ct_mask_less(uint32_t a, uint32_t b)
{
    return 0u - (dor__ct_hide(a - b) >> 31);
}

/** All ones when a == b, else zero; both below 2^31. */
static inline uint32_t dor__ct_mask_equal(uint32_t a, uint32_t b)
{
    return 0u - (dor__ct_hide((a ^ b) - 1u) >> 31);
}

/** mask must be all ones (then a) or zero (then b). */
static inline uint32_t dor__ct_select(uint32_t mask, uint32_t a, uint32_t b)
{
    return (mask & a) | (~mask & b);
}

/** Overwrites n bytes in a way that no optimiser removes. */
void dor__wipe(void *ptr, size_t n);

/**
 * Overwrites the stack below the caller's frame, 32 KiB of it: behind calls of a library that leaves secrets in its frames.
 * It costs less than a microsecond.
 */
void dor__wipe_stack(void);

#endif
