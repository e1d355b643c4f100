/*
 * buffer_cache.h - blocks for buffers of some records' size, half a megabyte of them per scheduler.
 *
 * Data that streams through a scheduler takes and releases one such block per read. From malloc alone each of them would
 * go back to the kernel and come again page by page, which costs more than the decryption of what it holds.
 *
 * Bounded: at most DOR_BUFFER_CACHE_LEN bytes, which is what two busy connections read in a turn. Every block comes from dor__malloc on its own, so any thread may
 * free one. Owning thread: the scheduler's. Under a sanitizer nothing is kept (pool.h).
 */
#ifndef DOR_RUNTIME_BUFFER_CACHE_H
#define DOR_RUNTIME_BUFFER_CACHE_H

#include <stddef.h>
#include <stdint.h>

enum {
    DOR_BUFFER_CLASSES = 3, /* 16, 32 and 64 KiB and the room for a head: one, two and four records */
    DOR_BUFFER_SMALLEST = 16 * 1024,
    DOR_BUFFER_HEAD = 512,
    DOR_BUFFER_CACHE_LEN = 512 * 1024
};

typedef struct dor_buffer_block {
    struct dor_buffer_block *next;
} dor_buffer_block;

typedef struct dor_buffer_cache {
    dor_buffer_block *free[DOR_BUFFER_CLASSES];
    size_t len; /* of all of them */
} dor_buffer_cache;

static inline size_t dor__buffer_class_size(unsigned class_)
{
    return ((size_t)DOR_BUFFER_SMALLEST << class_) + DOR_BUFFER_HEAD;
}

/** The class of a block of `size` bytes; DOR_BUFFER_CLASSES when it is not worth one: small, or too large. */
static inline unsigned dor__buffer_class(size_t size)
{
    unsigned class_ = 0;
    if (size <= DOR_BUFFER_SMALLEST / 2) return DOR_BUFFER_CLASSES;
    while (class_ < DOR_BUFFER_CLASSES && size > dor__buffer_class_size(class_))
        class_++;
    return class_;
}

/** A block of the class's size from the calling thread's scheduler or from malloc; NULL when out of memory. */
void *dor__buffer_block_get(unsigned class_);
void dor__buffer_block_put(unsigned class_, void *block);

void dor__buffer_cache_fini(dor_buffer_cache *cache);

#endif
