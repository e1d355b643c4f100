/*
 * writer.c - big-endian integers and length-prefixed vectors at the end of a dor_bytes.
 *
 * A call that fails leaves the bytes as they were.
 */
#include "base/writer.h"

static dor_result put(dor_bytes *w, uint64_t v, size_t size)
{
    DOR_TRY(dor__bytes_reserve(w, size));
    for (size_t i = 0; i < size; i++)
        w->ptr[w->len + i] = (uint8_t)(v >> (8 * (size - 1 - i)));
    w->len += size;
    return DOR_SUCCESS;
}

static bool fits(size_t len, size_t len_size)
{
    return len_size >= 1 && len_size <= 3 && len < (size_t)1 << (8 * len_size);
}

dor_result wr_u8(dor_bytes *w, uint8_t v)
{
    return put(w, v, 1);
}

dor_result wr_u16(dor_bytes *w, uint16_t v)
{
    return put(w, v, 2);
}

dor_result wr_u24(dor_bytes *w, uint32_t v)
{
    if (v > 0xffffff) return dor__error(DOR_E_INTERNAL);
    return put(w, v, 3);
}

dor_result wr_u32(dor_bytes *w, uint32_t v)
{
    return put(w, v, 4);
}

dor_result wr_u64(dor_bytes *w, uint64_t v)
{
    return put(w, v, 8);
}

dor_result wr_bytes(dor_bytes *w, dor_span s)
{
    return dor__bytes_append(w, s);
}

dor_result wr_begin(dor_bytes *w, size_t len_size, size_t *mark)
{
    if (len_size < 1 || len_size > 3) return dor__error(DOR_E_INTERNAL);
    *mark = w->len;
    return put(w, 0, len_size);
}

dor_result wr_end(dor_bytes *w, size_t len_size, size_t mark)
{
    if (mark + len_size > w->len || !fits(w->len - mark - len_size, len_size))
        return dor__error(DOR_E_INTERNAL);

    size_t len = w->len - mark - len_size;
    for (size_t i = 0; i < len_size; i++)
        w->ptr[mark + i] = (uint8_t)(len >> (8 * (len_size - 1 - i)));
    return DOR_SUCCESS;
}

dor_result wr_vec(dor_bytes *w, size_t len_size, dor_span s)
{
    if (!fits(s.len, len_size)) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__bytes_reserve(w, len_size + s.len));
    DOR_TRY(put(w, s.len, len_size));
    return dor__bytes_append(w, s);
}
