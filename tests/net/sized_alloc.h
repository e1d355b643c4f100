/*
 * sized_alloc.h - an allocator that knows how many bytes are held, the C library's overhead left out.
 *
 * Installed in the middle of a run it counts growth: what was allocated before is only ever subtracted.
 */
#ifndef TESTS_NET_SIZED_ALLOC_H
#define TESTS_NET_SIZED_ALLOC_H

#include "base/alloc.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_long live_bytes;

static inline void *sized(void *p)
{
    if (p) atomic_fetch_add(&live_bytes, (long)malloc_usable_size(p));
    return p;
}

static inline void *sized_malloc(size_t n)
{
    return sized(malloc(n));
}

static inline void *sized_calloc(size_t count, size_t n)
{
    return sized(calloc(count, n));
}

static inline void sized_free(void *p)
{
    if (p) atomic_fetch_sub(&live_bytes, (long)malloc_usable_size(p));
    free(p);
}

static inline void *sized_realloc(void *p, size_t n)
{
    if (p) atomic_fetch_sub(&live_bytes, (long)malloc_usable_size(p));
    return sized(realloc(p, n));
}

static inline void count_bytes(void)
{
    static const dor_allocator a = {sized_malloc, sized_calloc, sized_realloc, sized_free};
    dor__set_allocator(&a);
}

#endif
