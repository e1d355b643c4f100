/* counting_alloc.c - see the header. Each piece has its size in front, in a header that keeps the alignment. */
#include "support/counting_alloc.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef union piece {
    size_t size;
    max_align_t align_;
} piece;

static size_t calls, fail_at, fail_to, bytes, pieces, peak;

static void *get(size_t size)
{
    calls++;
    if (fail_at && calls >= fail_at && calls <= fail_to) return NULL;
    piece *p = size > SIZE_MAX - sizeof(*p) ? NULL : malloc(sizeof(*p) + size);
    if (!p) return NULL;
    p->size = size;
    bytes += size;
    pieces++;
    if (bytes > peak) peak = bytes;
    return p + 1;
}

static void put(void *ptr)
{
    if (!ptr) return;
    piece *p = (piece *)ptr - 1;
    bytes -= p->size;
    pieces--;
    free(p);
}

static void *get_zeroed(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) return NULL;
    void *ptr = get(count * size);
    return ptr ? memset(ptr, 0, count * size) : NULL;
}

static void *resize(void *ptr, size_t size)
{
    void *grown = get(size);
    if (!grown || !ptr) return grown;
    size_t old = ((piece *)ptr - 1)->size;
    memcpy(grown, ptr, old < size ? old : size);
    put(ptr);
    return grown;
}

void counting_alloc_install(void)
{
    static const dor_allocator allocator = {get, get_zeroed, resize, put};
    calls = fail_at = bytes = pieces = peak = 0;
    dor__set_allocator(&allocator);
}

void counting_alloc_fail_at(size_t n)
{
    calls = 0;
    fail_at = n;
    fail_to = SIZE_MAX;
}

void counting_alloc_fail_once_at(size_t n)
{
    calls = 0;
    fail_at = fail_to = n;
}

size_t counting_alloc_calls(void)
{
    return calls;
}

size_t counting_alloc_bytes(void)
{
    return bytes;
}

size_t counting_alloc_pieces(void)
{
    return pieces;
}

size_t counting_alloc_peak(void)
{
    return peak;
}

void counting_alloc_reset_peak(void)
{
    peak = bytes;
}
