/*
 * bytes.h - a growable run of owned bytes: output being gathered, records being put together.
 *
 * Whatever memory it lets go of is wiped first, since it may have held plaintext or keys.
 */
#ifndef DOR_BASE_BYTES_H
#define DOR_BASE_BYTES_H

#include "base/result.h"
#include "base/span.h"

typedef struct dor_bytes {
    uint8_t *ptr;
    size_t len;
    size_t cap;
} dor_bytes;

#define DOR_BYTES_EMPTY ((dor_bytes){NULL, 0, 0})

/** Makes room for `more` bytes behind the present ones; fails with NOMEM and then leaves them as they were. */
DOR_MUST_USE dor_result dor__bytes_reserve(dor_bytes *b, size_t more);

/**
 * The same where it is known that `bound` bytes will be all: there is no more room than that, unless `more` needs it. What comes
 * within 1/64 of the bound gets all of it, so that the last few bytes do not move everything once more.
 */
DOR_MUST_USE dor_result dor__bytes_reserve_within(dor_bytes *b, size_t more, size_t bound);

/** Appends a copy of s. */
DOR_MUST_USE dor_result dor__bytes_append(dor_bytes *b, dor_span s);

/** Removes the first n bytes (n <= len) and moves the rest to the front. */
void dor__bytes_drop_front(dor_bytes *b, size_t n);

/** Wipes and releases the memory; b is empty and usable afterwards. */
void dor__bytes_free(dor_bytes *b);

static inline dor_span dor__bytes_span(const dor_bytes *b)
{
    return dor__span(b->ptr, b->len);
}

#endif
