/*
 * bytes.c - growable owned bytes that are wiped before they are let go.
 *
 * Growth at least doubles, so that n appends copy O(n) bytes. It never uses realloc, which may move the
 * bytes and leave the old copy in the heap.
 */
#include "base/bytes.h"

#include "base/alloc.h"
#include "base/ct.h"

enum { FIRST_CAP = 64 };

dor_result dor__bytes_reserve(dor_bytes *b, size_t more)
{
    return dor__bytes_reserve_within(b, more, SIZE_MAX);
}

dor_result dor__bytes_reserve_within(dor_bytes *b, size_t more, size_t bound)
{
    if (b->cap - b->len >= more) return DOR_SUCCESS;
    if (more > SIZE_MAX - b->len) return dor__error(DOR_E_NOMEM);

    size_t needed = b->len + more;
    size_t cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
    if (cap < FIRST_CAP) cap = FIRST_CAP;
    if (cap > bound || bound - cap < cap / 64) cap = bound;
    if (cap < needed) cap = needed;

    uint8_t *grown = dor__malloc(cap);
    if (!grown) return dor__error(DOR_E_NOMEM);
    if (b->len) memcpy(grown, b->ptr, b->len);
    dor__free_wiped(b->ptr, b->cap);
    b->ptr = grown;
    b->cap = cap;
    return DOR_SUCCESS;
}

dor_result dor__bytes_append(dor_bytes *b, dor_span s)
{
    if (s.len == 0) return DOR_SUCCESS;
    DOR_TRY(dor__bytes_reserve(b, s.len));
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
    return DOR_SUCCESS;
}

void dor__bytes_drop_front(dor_bytes *b, size_t n)
{
    if (n == 0) return;
    memmove(b->ptr, b->ptr + n, b->len - n);
    b->len -= n;
    dor__wipe(b->ptr + b->len, n);
}

void dor__bytes_free(dor_bytes *b)
{
    dor__free_wiped(b->ptr, b->cap);
    *b = DOR_BYTES_EMPTY;
}
