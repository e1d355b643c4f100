/*
 * arena.h - memory that lives exactly as long as one piece of work, such as a handshake.
 *
 * Allocations are never freed one by one; dor__arena_fini wipes and releases everything. `limit` bounds
 * what a peer can make us hold.
 */
#ifndef DOR_BASE_ARENA_H
#define DOR_BASE_ARENA_H

#include "base/result.h"
#include "base/span.h"

typedef struct dor_arena_block dor_arena_block;

typedef struct dor_arena {
    dor_arena_block *blocks;
    size_t used;  /* bytes handed out so far, each piece rounded up to the alignment */
    size_t limit; /* over this, allocation fails with LIMIT */
} dor_arena;

void dor__arena_init(dor_arena *a, size_t limit);
void dor__arena_fini(dor_arena *a);

/** size bytes, zeroed, aligned for any type. NULL when the limit or memory is exhausted. */
void *dor__arena_alloc(dor_arena *a, size_t size);

/** A copy of s in the arena; an empty s gives an empty span. */
DOR_MUST_USE dor_result dor__arena_copy(dor_arena *a, dor_span s, dor_span *copy);

#endif
