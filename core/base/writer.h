/*
 * writer.h - puts a message together at the end of a dor_bytes, the mirror image of reader.h.
 *
 * A vector's length is filled in when it ends:
 *
 *     size_t mark;
 *     DOR_TRY(wr_begin(w, 2, &mark));       // two-byte length
 *     DOR_TRY(wr_bytes(w, name));
 *     DOR_TRY(wr_end(w, 2, mark));          // fails with INTERNAL when the length does not fit
 */
#ifndef DOR_BASE_WRITER_H
#define DOR_BASE_WRITER_H

#include "base/bytes.h"

DOR_MUST_USE dor_result wr_u8(dor_bytes *w, uint8_t v);
DOR_MUST_USE dor_result wr_u16(dor_bytes *w, uint16_t v);
DOR_MUST_USE dor_result wr_u24(dor_bytes *w, uint32_t v);
DOR_MUST_USE dor_result wr_u32(dor_bytes *w, uint32_t v);
DOR_MUST_USE dor_result wr_u64(dor_bytes *w, uint64_t v);
DOR_MUST_USE dor_result wr_bytes(dor_bytes *w, dor_span s);

/** Leaves len_size (1 to 3) bytes for a length and remembers where. */
DOR_MUST_USE dor_result wr_begin(dor_bytes *w, size_t len_size, size_t *mark);
DOR_MUST_USE dor_result wr_end(dor_bytes *w, size_t len_size, size_t mark);

/** A whole vector: length of len_size bytes, then s. */
DOR_MUST_USE dor_result wr_vec(dor_bytes *w, size_t len_size, dor_span s);

#endif
