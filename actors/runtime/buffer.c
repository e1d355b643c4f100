/*
 * buffer.c - immutable, counted bytes (dormouse/buffer.h).
 *
 * Threads: any. The bytes are written by the maker alone, before it hands out a reference.
 */
#include "runtime/calls.h"

#include "base/alloc.h"
#include "runtime/buffer_cache.h"

#include <stdatomic.h>
#include <string.h>

struct dor_buffer {
    _Atomic uint32_t references;
    uint32_t block_class; /* of its block (buffer_cache.h); DOR_BUFFER_CLASSES: one of its very own size */
    size_t len;
};

_Static_assert(sizeof(dor_buffer) % 16 == 0 || sizeof(void *) != 8, "the bytes keep malloc's alignment");

dor_buffer *dor__buffer_alloc(size_t len, void **bytes)
{
    if (len > SIZE_MAX - sizeof(dor_buffer)) return NULL;
    unsigned class_ = dor__buffer_class(sizeof(dor_buffer) + len);
    dor_buffer *buffer = (dor_buffer *)(class_ < DOR_BUFFER_CLASSES ? dor__buffer_block_get(class_)
                                                                    : dor__malloc(sizeof *buffer + len));
    if (!buffer) return NULL;
    atomic_init(&buffer->references, 1);
    buffer->block_class = class_;
    buffer->len = len;
    *bytes = buffer + 1;
    return buffer;
}

dor_buffer *dor__buffer_new(const void *data, size_t len)
{
    void *bytes;
    dor_buffer *buffer = dor__buffer_alloc(len, &bytes);
    if (buffer && len > 0) memcpy(bytes, data, len);
    return buffer;
}

dor_buffer *dor__buffer_ref(dor_buffer *buffer)
{
    /* relaxed: who has a reference needs no more of another one than that the count is right. */
    atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
    return buffer;
}

static void release(dor_buffer *buffer)
{
    if (buffer->block_class < DOR_BUFFER_CLASSES)
        dor__buffer_block_put(buffer->block_class, buffer);
    else
        dor__free(buffer);
}

void dor__buffer_unref(dor_buffer *buffer)
{
    if (!buffer) return;
    /*
     * release: our reads of the bytes come before the memory goes. acquire, for the one that frees: everybody's reads
     * do. Both in one operation, since the last one is not known beforehand.
     */
    if (atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) == 1) release(buffer);
}

dor_buffer *dor__buffer_trim(dor_buffer *buffer, size_t len)
{
    enum { WORTH_IT = 256 };
    size_t room = buffer->block_class < DOR_BUFFER_CLASSES ? dor__buffer_class_size(buffer->block_class)
                                                           : sizeof *buffer + buffer->len;
    size_t spare = room - sizeof *buffer - len;
    buffer->len = len;
    if (spare < WORTH_IT || spare < room / 2) return buffer; /* cheaper to keep than to move */
    dor_buffer *smaller = dor__buffer_new(buffer + 1, len);
    if (!smaller) return buffer;
    release(buffer);
    return smaller;
}

const void *dor__buffer_data(const dor_buffer *buffer)
{
    return buffer + 1;
}

size_t dor__buffer_len(const dor_buffer *buffer)
{
    return buffer->len;
}
