/*
 * alloc.c - the replaceable allocator behind every allocation of the library.
 *
 * Invariant: the table is written before the first other call into the library and only read afterwards,
 * so it needs no lock.
 */
#include "base/alloc.h"

#include "base/ct.h"

#include <stdlib.h>

static const dor_allocator libc_allocator = {malloc, calloc, realloc, free};
static dor_allocator allocator = {malloc, calloc, realloc, free};

void dor__set_allocator(const dor_allocator *a)
{
    allocator = a ? *a : libc_allocator;
}

void *dor__malloc(size_t size)
{
    return allocator.malloc_fn(size);
}

void *dor__calloc(size_t count, size_t size)
{
    return allocator.calloc_fn(count, size);
}

void *dor__realloc(void *ptr, size_t size)
{
    return allocator.realloc_fn(ptr, size);
}

void dor__free(void *ptr)
{
    if (ptr) allocator.free_fn(ptr);
}

void dor__free_wiped(void *ptr, size_t size)
{
    if (!ptr) return;
    dor__wipe(ptr, size);
    allocator.free_fn(ptr);
}
