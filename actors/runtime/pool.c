/* pool.c - see pool.h. Owning thread: a pool belongs to its scheduler; the depot has a lock. */
#include "runtime/pool.h"

#include "base/alloc.h"

#include <string.h>

int dor__depot_init(dor_depot *depot)
{
    memset(depot, 0, sizeof *depot);
    return uv_mutex_init(&depot->lock);
}

static void free_batch(dor_pool_block *block)
{
    while (block) {
        dor_pool_block *next = block->next;
        dor__free(block);
        block = next;
    }
}

void dor__depot_fini(dor_depot *depot)
{
    for (unsigned i = 0; i < DOR_POOL_CLASSES; i++) {
        dor_pool_block *batch = depot->classes[i].batches;
        while (batch) {
            dor_pool_block *next = batch->next_batch;
            free_batch(batch);
            batch = next;
        }
    }
    uv_mutex_destroy(&depot->lock);
}

void dor__pool_init(dor_pool *pool, dor_depot *depot)
{
    memset(pool, 0, sizeof *pool);
    pool->depot = depot;
}

void dor__pool_fini(dor_pool *pool)
{
    for (unsigned i = 0; i < DOR_POOL_CLASSES; i++) {
        free_batch(pool->classes[i].at_hand.first);
        free_batch(pool->classes[i].spare.first);
    }
}

void *dor__pool_refill(dor_pool *pool, unsigned class_)
{
    dor_pool_batch *at_hand = &pool->classes[class_].at_hand, *spare = &pool->classes[class_].spare;
    dor_depot *depot = pool->depot;
    if (spare->first) {
        *at_hand = *spare;
        *spare = (dor_pool_batch){NULL, 0};
        return dor__pool_get(pool, class_);
    }
    uv_mutex_lock(&depot->lock);
    dor_pool_block *batch = depot->classes[class_].batches;
    if (batch) {
        depot->classes[class_].batches = batch->next_batch;
        depot->classes[class_].count--;
    }
    uv_mutex_unlock(&depot->lock);
    if (!batch) return dor__malloc(dor__pool_class_size(class_));
    *at_hand = (dor_pool_batch){batch->next, DOR_POOL_BATCH - 1};
    return batch;
}

void dor__pool_spill(dor_pool *pool, unsigned class_)
{
    dor_pool_batch *at_hand = &pool->classes[class_].at_hand, *spare = &pool->classes[class_].spare;
    dor_depot *depot = pool->depot;
    dor_pool_block *full = spare->first;
    *spare = *at_hand;
    *at_hand = (dor_pool_batch){NULL, 0};
    if (!full) return;
    uv_mutex_lock(&depot->lock);
    if (depot->classes[class_].count < DOR_DEPOT_LEN / (dor__pool_class_size(class_) * DOR_POOL_BATCH)) {
        full->next_batch = depot->classes[class_].batches;
        depot->classes[class_].batches = full;
        depot->classes[class_].count++;
        full = NULL;
    }
    uv_mutex_unlock(&depot->lock);
    free_batch(full);
}
