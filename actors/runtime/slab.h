/*
 * slab.h - numbered slots that never move and never go away before their slab: what names (name.h) lead to.
 *
 * A slot is found by its number in three loads, from any thread, without a lock. Its tag holds the generation that
 * lives there now, so whoever comes with an old name sees that it is old. Since slots are type-stable, even a look at a
 * slot that is being reused reads a valid tag.
 *
 * Threads: take and give lock; at and find do not. What lies in an item besides its tag follows the rules of its kind.
 */
#ifndef DOR_RUNTIME_SLAB_H
#define DOR_RUNTIME_SLAB_H

#include "base/result.h"
#include "runtime/name.h"
#include <stdatomic.h>
#include <uv.h>

enum {
    DOR_SLAB_FREE = 0,
    DOR_SLAB_LIVE = 1,
    DOR_SLAB_CANCELLED = 2, /* timers: somebody took the message away before it was due */
    DOR_SLAB_ENDED = 2,     /* actors: the name is dead, but that has not been told yet */
    DOR_SLAB_FANOUT_BITS = 8,
    DOR_SLAB_FANOUT = 1 << DOR_SLAB_FANOUT_BITS
};

/** Stands first in every item. */
typedef struct dor_slab_item {
    _Atomic uint32_t tag; /* generation << 2 | DOR_SLAB_FREE, LIVE, CANCELLED or ENDED */
    uint32_t next_free;   /* slot + 1 of the next free one; under the slab's lock */
} dor_slab_item;

typedef _Atomic(void *) dor_slab_link;

typedef struct dor_slab {
    dor_slab_link middle[DOR_SLAB_FANOUT]; /* -> arrays of DOR_SLAB_FANOUT links -> arrays of as many items */
    _Atomic uint32_t live; /* how many are taken: written under the lock, read by anybody as a hint */
    uint32_t item_size;
    uv_mutex_t lock;
    /* under the lock */
    uint32_t free_first; /* slot + 1 */
    uint32_t used;       /* slots that were ever taken */
    uint32_t first_generation;
    uint32_t last_generation; /* the highest one given out */
    bool closed;
} dor_slab;

DOR_MUST_USE dor_result dor__slab_init(dor_slab *slab, size_t item_size, uint32_t first_generation);

/** Releases the memory. The items' contents must have been taken care of. */
void dor__slab_fini(dor_slab *slab);

/**
 * A free item: zeroed at its first use, as the last one left it later. Its tag is FREE with the generation of the new
 * life; dor__slab_publish makes it findable. STOPPED when the slab is closed, NOMEM, LIMIT.
 */
DOR_MUST_USE dor_result dor__slab_take(dor_slab *slab, void **item, uint32_t *slot);

/** The same for a caller that has locked slab->lock, to publish the item before anybody can close the slab. */
DOR_MUST_USE dor_result dor__slab_take_locked(dor_slab *slab, void **item, uint32_t *slot);

/** Names of the item are stale from here on, but its generation lasts until dor__slab_kill. */
void dor__slab_end(dor_slab_item *item);

/** Ends the item's generation: names of it are stale from here on. */
void dor__slab_kill(dor_slab_item *item);

/** Makes the slot of a killed item free for others. The caller must not touch the item afterwards. */
void dor__slab_give(dor_slab *slab, dor_slab_item *item, uint32_t slot);

/** No more takes. */
void dor__slab_close(dor_slab *slab);

/** How many are taken at the moment; from other threads a hint. */
static inline uint32_t dor__slab_live(const dor_slab *slab)
{
    /* relaxed: for the thread that gives it is exact enough, for others it only steers placement. */
    return atomic_load_explicit(&slab->live, memory_order_relaxed);
}

/** How many slots were ever used: the bound for walking over all of them. */
uint32_t dor__slab_used(dor_slab *slab);

/** A generation that no name of this slab has had. */
uint32_t dor__slab_next_generation(dor_slab *slab);

static inline uint32_t dor__tag(uint32_t generation, uint32_t state)
{
    return generation << 2 | state;
}

static inline uint32_t dor__tag_generation(uint32_t tag)
{
    return tag >> 2;
}

/** The generation of an item that its caller has taken and not killed. */
static inline uint32_t dor__slab_generation(const dor_slab_item *item)
{
    /* relaxed: the caller owns this life of the item, so nobody else writes the generation. */
    return dor__tag_generation(atomic_load_explicit(&item->tag, memory_order_relaxed));
}

/** Lets the item be found by its name, complete with everything written to it before. */
static inline void dor__slab_publish(dor_slab_item *item)
{
    uint32_t tag = dor__tag(dor__slab_generation(item), DOR_SLAB_LIVE);
    /* release: pairs with the acquire in dor__slab_find, so that who finds the tag finds the contents. */
    atomic_store_explicit(&item->tag, tag, memory_order_release);
}

/** The item of a slot, or NULL if there never was one. */
static inline void *dor__slab_at(dor_slab *slab, uint32_t slot)
{
    /* acquire, twice: pairs with the release by which dor__slab_take publishes arrays that it has zeroed. */
    dor_slab_link *inner = (dor_slab_link *)atomic_load_explicit(
        &slab->middle[slot >> (2 * DOR_SLAB_FANOUT_BITS) & (DOR_SLAB_FANOUT - 1)], memory_order_acquire);
    if (!inner) return NULL;
    char *items = (char *)atomic_load_explicit(&inner[slot >> DOR_SLAB_FANOUT_BITS & (DOR_SLAB_FANOUT - 1)],
                                               memory_order_acquire);
    return items ? items + (size_t)(slot & (DOR_SLAB_FANOUT - 1)) * slab->item_size : NULL;
}

/** The item of that name in that state, or NULL when there is none. */
static inline void *dor__slab_find_in(dor_slab *slab, uint64_t name, uint32_t state)
{
    dor_slab_item *item = (dor_slab_item *)dor__slab_at(slab, dor__slot_of(name));
    if (!item) return NULL;
    /* acquire: see dor__slab_publish. */
    uint32_t tag = atomic_load_explicit(&item->tag, memory_order_acquire);
    return tag == dor__tag(dor__generation_of(name), state) ? item : NULL;
}

/** The live item that a name of this slab leads to, or NULL when the name is stale. */
static inline void *dor__slab_find(dor_slab *slab, uint64_t name)
{
    return dor__slab_find_in(slab, name, DOR_SLAB_LIVE);
}

#endif
