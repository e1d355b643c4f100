/*
 * pool.h - memory for messages: freelists of a few sizes per scheduler, and a depot between them.
 *
 * A message is often made on one scheduler and released on another. Each keeps up to two batches of free blocks per
 * size to itself; whole batches travel through the runtime's depot, so the lock there is taken once in many messages.
 * Everything is bounded, and every block comes from dor__malloc on its own: any thread may simply free one.
 *
 * Under a sanitizer (or with DOR_PLAIN_MALLOC) there are no pools, so that the tools see each block's life.
 */
#ifndef DOR_RUNTIME_POOL_H
#define DOR_RUNTIME_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#if !defined(DOR_PLAIN_MALLOC) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__))
#define DOR_PLAIN_MALLOC
#endif
#if !defined(DOR_PLAIN_MALLOC) && defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define DOR_PLAIN_MALLOC
#endif
#endif

enum {
    DOR_POOL_CLASSES = 4, /* 64, 128, 256 and 512 bytes: a message's head is 32 */
    DOR_POOL_SMALLEST = 64,
    DOR_POOL_LARGEST = DOR_POOL_SMALLEST << (DOR_POOL_CLASSES - 1),
    DOR_POOL_BATCH = 64,       /* blocks per trip to the depot */
    DOR_DEPOT_LEN = 256 * 1024 /* what the depot keeps of each size, in bytes */
};

typedef struct dor_pool_block {
    struct dor_pool_block *next;
    struct dor_pool_block *next_batch; /* in the depot, of a batch's first block */
} dor_pool_block;

typedef struct dor_pool_batch {
    dor_pool_block *first;
    uint32_t count;
} dor_pool_batch;

typedef struct dor_depot {
    uv_mutex_t lock;
    struct {
        dor_pool_block *batches; /* full ones */
        uint32_t count;
    } classes[DOR_POOL_CLASSES];
} dor_depot;

/** Belongs to one thread. `at_hand` is used; `spare` is empty or full. */
typedef struct dor_pool {
    dor_depot *depot;
    struct {
        dor_pool_batch at_hand, spare;
    } classes[DOR_POOL_CLASSES];
} dor_pool;

/** 0, or what uv_mutex_init said. */
int dor__depot_init(dor_depot *depot);
void dor__depot_fini(dor_depot *depot);
void dor__pool_init(dor_pool *pool, dor_depot *depot);
void dor__pool_fini(dor_pool *pool);

/** The size class of a block of `size` bytes, or DOR_POOL_CLASSES when it is too large for any. */
static inline unsigned dor__pool_class(size_t size)
{
    if (size <= DOR_POOL_SMALLEST) return 0;
    return size > DOR_POOL_LARGEST ? (unsigned)DOR_POOL_CLASSES
                                   : 26u - (unsigned)__builtin_clz((unsigned)size - 1);
}

static inline size_t dor__pool_class_size(unsigned class_)
{
    return (size_t)DOR_POOL_SMALLEST << class_;
}

/** For dor__pool_get and dor__pool_put: the way past the batch at hand. */
void *dor__pool_refill(dor_pool *pool, unsigned class_);
void dor__pool_spill(dor_pool *pool, unsigned class_);

/** A block, or NULL when out of memory. */
static inline void *dor__pool_get(dor_pool *pool, unsigned class_)
{
    dor_pool_batch *batch = &pool->classes[class_].at_hand;
    dor_pool_block *block = batch->first;
    if (!block) return dor__pool_refill(pool, class_);
    batch->first = block->next;
    batch->count--;
    return block;
}

static inline void dor__pool_put(dor_pool *pool, unsigned class_, void *memory)
{
    dor_pool_batch *batch = &pool->classes[class_].at_hand;
    dor_pool_block *block = (dor_pool_block *)memory;
    if (batch->count == DOR_POOL_BATCH) dor__pool_spill(pool, class_);
    block->next = batch->first;
    batch->first = block;
    batch->count++;
}

#endif
