/*
 * reader.h - a bounded cursor over bytes that came from somebody else.
 *
 * Parsers read like the schema in the RFC:
 *
 *     DOR_TRY(rd_u16(&r, &version));
 *     DOR_TRY(rd_vec8(&r, &session_id, 0, 32));
 *     DOR_TRY(rd_end(&r));
 *
 * Every failure is the alert decode_error (RFC 8446 section 6.2), the answer to a length that does not fit.
 * Spans that a reader gives out borrow from its input. All integers are big-endian.
 */
#ifndef DOR_BASE_READER_H
#define DOR_BASE_READER_H

#include "base/result.h"
#include "base/span.h"

typedef struct dor_reader {
    const uint8_t *ptr;
    const uint8_t *end;
} dor_reader;

#define DOR_DECODE_ERROR dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE)

static inline dor_reader rd_from(dor_span s)
{
    return (dor_reader){s.ptr, s.len ? s.ptr + s.len : s.ptr};
}

static inline size_t rd_left(const dor_reader *r)
{
    return r->ptr ? (size_t)(r->end - r->ptr) : 0;
}

static inline DOR_MUST_USE dor_result rd_u8(dor_reader *r, uint8_t *v)
{
    if (rd_left(r) < 1) return DOR_DECODE_ERROR;
    *v = *r->ptr++;
    return DOR_SUCCESS;
}

static inline DOR_MUST_USE dor_result rd_u16(dor_reader *r, uint16_t *v)
{
    if (rd_left(r) < 2) return DOR_DECODE_ERROR;
    *v = (uint16_t)(r->ptr[0] << 8 | r->ptr[1]);
    r->ptr += 2;
    return DOR_SUCCESS;
}

static inline DOR_MUST_USE dor_result rd_u24(dor_reader *r, uint32_t *v)
{
    if (rd_left(r) < 3) return DOR_DECODE_ERROR;
    *v = (uint32_t)r->ptr[0] << 16 | (uint32_t)r->ptr[1] << 8 | r->ptr[2];
    r->ptr += 3;
    return DOR_SUCCESS;
}

static inline DOR_MUST_USE dor_result rd_u32(dor_reader *r, uint32_t *v)
{
    if (rd_left(r) < 4) return DOR_DECODE_ERROR;
    *v = (uint32_t)r->ptr[0] << 24 | (uint32_t)r->ptr[1] << 16 | (uint32_t)r->ptr[2] << 8 | r->ptr[3];
    r->ptr += 4;
    return DOR_SUCCESS;
}

static inline DOR_MUST_USE dor_result rd_u64(dor_reader *r, uint64_t *v)
{
    uint32_t high, low;
    if (rd_left(r) < 8) return DOR_DECODE_ERROR;
    DOR_TRY(rd_u32(r, &high));
    DOR_TRY(rd_u32(r, &low));
    *v = (uint64_t)high << 32 | low;
    return DOR_SUCCESS;
}

/** Exactly len bytes. */
static inline DOR_MUST_USE dor_result rd_bytes(dor_reader *r, dor_span *s, size_t len)
{
    if (rd_left(r) < len) return DOR_DECODE_ERROR;
    *s = dor__span(r->ptr, len);
    if (len) /* ptr may be NULL, to which C adds nothing, not even zero */
        r->ptr += len;
    return DOR_SUCCESS;
}

/** All that is left, which may be nothing. */
static inline dor_span rd_rest(dor_reader *r)
{
    dor_span s = dor__span(r->ptr, rd_left(r));
    r->ptr = r->end;
    return s;
}

/** opaque v<min..max> with a one-byte length. */
static inline DOR_MUST_USE dor_result rd_vec8(dor_reader *r, dor_span *s, size_t min, size_t max)
{
    uint8_t len;
    DOR_TRY(rd_u8(r, &len));
    if (len < min || len > max) return DOR_DECODE_ERROR;
    return rd_bytes(r, s, len);
}

/** opaque v<min..max> with a two-byte length. */
static inline DOR_MUST_USE dor_result rd_vec16(dor_reader *r, dor_span *s, size_t min, size_t max)
{
    uint16_t len;
    DOR_TRY(rd_u16(r, &len));
    if (len < min || len > max) return DOR_DECODE_ERROR;
    return rd_bytes(r, s, len);
}

/** opaque v<min..max> with a three-byte length. */
static inline DOR_MUST_USE dor_result rd_vec24(dor_reader *r, dor_span *s, size_t min, size_t max)
{
    uint32_t len;
    DOR_TRY(rd_u24(r, &len));
    if (len < min || len > max) return DOR_DECODE_ERROR;
    return rd_bytes(r, s, len);
}

/** Nothing may be left. */
static inline DOR_MUST_USE dor_result rd_end(const dor_reader *r)
{
    return r->ptr == r->end ? DOR_SUCCESS : DOR_DECODE_ERROR;
}

#endif
