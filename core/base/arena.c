/*
 * arena.c - blocks of memory handed out piece by piece and released together.
 *
 * Small pieces share blocks of BLOCK_SIZE; a piece that is larger than a quarter of one gets a block of its
 * own behind the first, so that the room left in the first is not lost. Every piece is counted by its
 * size rounded up to the alignment.
 */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/ct.h"

#include <stddef.h>

struct dor_arena_block {
    dor_arena_block *next;
    size_t used; /* bytes of data handed out */
    size_t cap;  /* bytes of data */
    _Alignas(max_align_t) uint8_t data[];
};

enum {
    ALIGNMENT = _Alignof(max_align_t),
    BLOCK_SIZE = 4096 - 64, /* a page with the header and the allocator's own */
    LARGE = BLOCK_SIZE / 4
};

void dor__arena_init(dor_arena *a, size_t limit)
{
    *a = (dor_arena){NULL, 0, limit};
}

void dor__arena_fini(dor_arena *a)
{
    dor_arena_block *block = a->blocks;
    while (block) {
        dor_arena_block *next = block->next;
        dor__free_wiped(block, sizeof(*block) + block->cap);
        block = next;
    }
    a->blocks = NULL;
    a->used = 0;
}

static dor_arena_block *block_new(size_t cap)
{
    dor_arena_block *block = dor__malloc(sizeof(*block) + cap);
    if (!block) return NULL;
    block->next = NULL;
    block->used = 0;
    block->cap = cap;
    return block;
}

static dor_arena_block *block_for(dor_arena *a, size_t size)
{
    dor_arena_block *first = a->blocks;
    if (first && first->cap - first->used >= size) return first;

    dor_arena_block *block = block_new(size > LARGE ? size : BLOCK_SIZE);
    if (!block) return NULL;
    if (size > LARGE && first) {
        block->next = first->next;
        first->next = block;
    } else {
        block->next = first;
        a->blocks = block;
    }
    return block;
}

static dor_result take(dor_arena *a, size_t size, void **piece)
{
    if (size > SIZE_MAX - sizeof(dor_arena_block) - ALIGNMENT) return dor__error(DOR_E_LIMIT);
    size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    if (a->used > a->limit || size > a->limit - a->used) return dor__error(DOR_E_LIMIT);

    dor_arena_block *block = block_for(a, size);
    if (!block) return dor__error(DOR_E_NOMEM);
    *piece = block->data + block->used;
    block->used += size;
    a->used += size;
    memset(*piece, 0, size);
    return DOR_SUCCESS;
}

void *dor__arena_alloc(dor_arena *a, size_t size)
{
    void *piece;
    return dor__ok(take(a, size, &piece)) ? piece : NULL;
}

dor_result dor__arena_copy(dor_arena *a, dor_span s, dor_span *copy)
{
    void *piece;
    if (s.len == 0) {
        *copy = DOR_SPAN_EMPTY;
        return DOR_SUCCESS;
    }
    DOR_TRY(take(a, s.len, &piece));
    memcpy(piece, s.ptr, s.len);
    *copy = dor__span(piece, s.len);
    return DOR_SUCCESS;
}
