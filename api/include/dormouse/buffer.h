/*
 * dormouse/buffer.h - immutable, counted bytes: what travels in events and sends without being copied.
 *
 * Threads: the count is atomic and the bytes never change once shared, so a reference may be handed to
 * any thread. Each reference is released exactly once.
 */
#ifndef DORMOUSE_BUFFER_H
#define DORMOUSE_BUFFER_H

#include <dormouse/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes with a count of references. */
typedef struct dor_buffer dor_buffer;

/** A copy of len bytes at data, with one reference. data may be NULL when len is 0. NULL when out of memory. */
DOR_API dor_buffer *dor_buffer_new(const void *data, size_t len);

/**
 * A buffer of len bytes that its maker fills through *bytes before anybody else gets a reference.
 * NULL when out of memory.
 */
DOR_API dor_buffer *dor_buffer_alloc(size_t len, void **bytes);

/** One more reference; returns buffer. */
DOR_API dor_buffer *dor_buffer_ref(dor_buffer *buffer);

/** Releases a reference; harmless with NULL. */
DOR_API void dor_buffer_unref(dor_buffer *buffer);

/** Its bytes, which live as long as the reference; NULL for NULL. */
DOR_API const void *dor_buffer_data(const dor_buffer *buffer);

/** How many; 0 for NULL. */
DOR_API size_t dor_buffer_len(const dor_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
