/*
 * slab.c - see slab.h. A radix of two levels above arrays of 256 items: 24 bits of slot number.
 */
#include "runtime/slab.h"

#include "base/alloc.h"

#include <string.h>

dor_result dor__slab_init(dor_slab *slab, size_t item_size, uint32_t first_generation)
{
    memset(slab, 0, sizeof *slab);
    slab->item_size = (uint32_t)item_size;
    slab->first_generation = first_generation;
    slab->last_generation = first_generation;
    int error = uv_mutex_init(&slab->lock);
    return error ? dor__errno(-error) : DOR_SUCCESS;
}

void dor__slab_fini(dor_slab *slab)
{
    for (unsigned i = 0; i < DOR_SLAB_FANOUT; i++) {
        /* relaxed, here and below: whoever ends a slab is alone with it. */
        dor_slab_link *inner = (dor_slab_link *)atomic_load_explicit(&slab->middle[i], memory_order_relaxed);
        if (!inner) break; /* filled in order */
        for (unsigned j = 0; j < DOR_SLAB_FANOUT; j++)
            dor__free(atomic_load_explicit(&inner[j], memory_order_relaxed));
        dor__free(inner);
    }
    uv_mutex_destroy(&slab->lock);
}

/* A zeroed array behind *link, unless there is one. Under the lock. */
static void *grown(dor_slab_link *link, size_t count, size_t size)
{
    void *array = atomic_load_explicit(link, memory_order_relaxed); /* relaxed: written under the lock only */
    if (array) return array;
    array = dor__calloc(count, size);
    /* release: pairs with dor__slab_at, so that no reader sees the array before its zeroes. */
    if (array) atomic_store_explicit(link, array, memory_order_release);
    return array;
}

static dor_result take_new(dor_slab *slab, dor_slab_item **item, uint32_t *slot)
{
    uint32_t number = slab->used;
    if (number >= DOR_SLOTS_MAX) return dor__error(DOR_E_LIMIT);
    dor_slab_link *inner = (dor_slab_link *)grown(&slab->middle[number >> (2 * DOR_SLAB_FANOUT_BITS)],
                                                  DOR_SLAB_FANOUT, sizeof *inner);
    if (!inner) return dor__error(DOR_E_NOMEM);
    char *items = (char *)grown(&inner[number >> DOR_SLAB_FANOUT_BITS & (DOR_SLAB_FANOUT - 1)],
                                DOR_SLAB_FANOUT, slab->item_size);
    if (!items) return dor__error(DOR_E_NOMEM);
    *item = (dor_slab_item *)(void *)(items + (size_t)(number & (DOR_SLAB_FANOUT - 1)) * slab->item_size);
    /* relaxed: the name is not out yet; dor__slab_publish is what others see. */
    atomic_store_explicit(&(*item)->tag, dor__tag(slab->first_generation, DOR_SLAB_FREE),
                          memory_order_relaxed);
    *slot = number;
    slab->used = number + 1;
    return DOR_SUCCESS;
}

dor_result dor__slab_take_locked(dor_slab *slab, void **item, uint32_t *slot)
{
    dor_result result = DOR_SUCCESS;
    dor_slab_item *taken = NULL;
    if (slab->closed) {
        result = dor__error(DOR_E_STOPPED);
    } else if (slab->free_first) {
        *slot = slab->free_first - 1;
        taken = (dor_slab_item *)dor__slab_at(slab, *slot);
        slab->free_first = taken->next_free;
    } else {
        result = take_new(slab, &taken, slot);
    }
    if (taken) {
        uint32_t generation = dor__slab_generation(taken);
        if (generation > slab->last_generation) slab->last_generation = generation;
        /* relaxed, here and below: a hint for placement; the lock orders its writers. */
        uint32_t live = atomic_load_explicit(&slab->live, memory_order_relaxed);
        atomic_store_explicit(&slab->live, live + 1, memory_order_relaxed);
    }
    *item = taken;
    return result;
}

dor_result dor__slab_take(dor_slab *slab, void **item, uint32_t *slot)
{
    uv_mutex_lock(&slab->lock);
    dor_result result = dor__slab_take_locked(slab, item, slot);
    uv_mutex_unlock(&slab->lock);
    return result;
}

void dor__slab_end(dor_slab_item *item)
{
    /* release: as in dor__slab_kill. */
    atomic_store_explicit(&item->tag, dor__tag(dor__slab_generation(item), DOR_SLAB_ENDED),
                          memory_order_release);
}

void dor__slab_kill(dor_slab_item *item)
{
    uint32_t next = dor__slab_generation(item) + 1;
    /*
     * release: who reads this tag and then acts on the death (answers "no such actor") acts after everything that the
     * dead did before. The number may be one past the maximum; dor__slab_give then keeps the slot.
     */
    atomic_store_explicit(&item->tag, dor__tag(next, DOR_SLAB_FREE), memory_order_release);
}

void dor__slab_give(dor_slab *slab, dor_slab_item *item, uint32_t slot)
{
    uv_mutex_lock(&slab->lock);
    if (dor__slab_generation(item) <= DOR_GENERATION_MAX) {
        item->next_free = slab->free_first;
        slab->free_first = slot + 1;
    }
    uint32_t live = atomic_load_explicit(&slab->live, memory_order_relaxed);
    atomic_store_explicit(&slab->live, live - 1, memory_order_relaxed);
    uv_mutex_unlock(&slab->lock);
}

void dor__slab_close(dor_slab *slab)
{
    uv_mutex_lock(&slab->lock);
    slab->closed = true;
    uv_mutex_unlock(&slab->lock);
}

uint32_t dor__slab_used(dor_slab *slab)
{
    uv_mutex_lock(&slab->lock);
    uint32_t used = slab->used;
    uv_mutex_unlock(&slab->lock);
    return used;
}

uint32_t dor__slab_next_generation(dor_slab *slab)
{
    uv_mutex_lock(&slab->lock);
    uint32_t next = slab->last_generation + 1;
    uv_mutex_unlock(&slab->lock);
    return next;
}
