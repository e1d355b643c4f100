/* buffer.c - dormouse/buffer.h: checks arguments and forwards. */
#include "runtime/calls.h"

dor_buffer *dor_buffer_new(const void *data, size_t len)
{
    return data || len == 0 ? dor__buffer_new(data, len) : NULL;
}

dor_buffer *dor_buffer_alloc(size_t len, void **bytes)
{
    return bytes ? dor__buffer_alloc(len, bytes) : NULL;
}

dor_buffer *dor_buffer_ref(dor_buffer *buffer)
{
    return buffer ? dor__buffer_ref(buffer) : NULL;
}

void dor_buffer_unref(dor_buffer *buffer)
{
    dor__buffer_unref(buffer);
}

const void *dor_buffer_data(const dor_buffer *buffer)
{
    return buffer ? dor__buffer_data(buffer) : NULL;
}

size_t dor_buffer_len(const dor_buffer *buffer)
{
    return buffer ? dor__buffer_len(buffer) : 0;
}
