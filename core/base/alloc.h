/*
 * alloc.h - the one way to memory, so that tests can count it, bound it and make it fail.
 *
 * The functions may be replaced once, before any other call into the library. Threads: as safe as
 * the functions behind it (libc's by default).
 */
#ifndef DOR_BASE_ALLOC_H
#define DOR_BASE_ALLOC_H

#include <stddef.h>

typedef struct dor_allocator {
    void *(*malloc_fn)(size_t size);
    void *(*calloc_fn)(size_t count, size_t size);
    void *(*realloc_fn)(void *ptr, size_t size);
    void (*free_fn)(void *ptr);
} dor_allocator;

/** Replaces the allocator; NULL restores libc's. Copies *a. */
void dor__set_allocator(const dor_allocator *a);

void *dor__malloc(size_t size);
void *dor__calloc(size_t count, size_t size);
void *dor__realloc(void *ptr, size_t size);
void dor__free(void *ptr);

/** Wipes size bytes, then frees. Harmless with NULL. */
void dor__free_wiped(void *ptr, size_t size);

#endif
