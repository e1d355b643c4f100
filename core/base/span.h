/* span.h - a borrowed run of bytes that nobody may write through. */
#ifndef DOR_BASE_SPAN_H
#define DOR_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct dor_span {
    const uint8_t *ptr;
    size_t len;
} dor_span;

#define DOR_SPAN_EMPTY ((dor_span){NULL, 0})

static inline dor_span dor__span(const void *ptr, size_t len)
{
    return (dor_span){ptr, len};
}

static inline dor_span dor__span_str(const char *text)
{
    return (dor_span){(const uint8_t *)text, strlen(text)};
}

/** Equality of public bytes; secrets are compared by dor__ct_equal. */
static inline bool dor__span_equal(dor_span a, dor_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
