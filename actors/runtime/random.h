/*
 * random.h - numbers that look random and follow from a seed: for simulations and their tests, never for secrets.
 *
 * The generator is a counter whose steps are mixed (SplitMix64, in the public domain): every seed is a good one, also 0
 * and 1, and sequences of neighbouring seeds have nothing in common.
 */
#ifndef DOR_RUNTIME_RANDOM_H
#define DOR_RUNTIME_RANDOM_H

#include <stdint.h>

typedef struct dor_random {
    uint64_t counter;
} dor_random;

/** Spreads each bit of x over all bits of the result; different x give different results. */
static inline uint64_t dor__mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint64_t dor__random_next(dor_random *r)
{
    r->counter += UINT64_C(0x9e3779b97f4a7c15); /* 2^64 divided by the golden ratio */
    return dor__mix(r->counter);
}

/** One of 0 .. count-1; count is not 0. */
static inline uint32_t dor__random_below(dor_random *r, uint32_t count)
{
    return (uint32_t)((dor__random_next(r) >> 32) * count >> 32);
}

#endif
