/*
 * base64.c - RFC 4648 section 4 through wolfCrypt, whose table look-ups don't depend on the characters, since private
 * keys come this way.
 *
 * wolfCrypt has its own ideas of where a line may end, so white space is taken out here and it sees whole
 * groups of four only.
 */
#include "crypto/base64.h"

#include "base/ct.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/coding.h>

enum { GROUP_CHARS = 64, GROUP_BYTES = GROUP_CHARS / 4 * 3, LINE_BYTES = 48, LINE_CHARS = 64 };

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* len is a multiple of 4. */
static dor_result decode_group(const uint8_t *chars, size_t len, dor_bytes *out)
{
    word32 n = GROUP_BYTES;

    if (len == 0) return DOR_SUCCESS;
    DOR_TRY(dor__bytes_reserve(out, GROUP_BYTES));
    if (Base64_Decode(chars, (word32)len, out->ptr + out->len, &n) != 0)
        return dor__error(DOR_E_FILE_MALFORMED);
    out->len += n;
    return DOR_SUCCESS;
}

dor_result dor__base64_decode(dor_span text, dor_bytes *out)
{
    uint8_t group[GROUP_CHARS];
    size_t len = 0, padding = 0;
    dor_result result;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (is_space(c)) continue;
        if (c == 0 || padding > 2 || (padding && c != '=')) {
            result = dor__error(DOR_E_FILE_MALFORMED);
            goto done;
        }
        padding += c == '=';
        group[len++] = c;
        if (len == GROUP_CHARS) {
            DOR_TRY_GOTO(result, decode_group(group, len, out));
            len = 0;
            if (padding) padding = 3; /* nothing may follow */
        }
    }
    if (len % 4 != 0 || (len > 0 && padding > 2))
        result = dor__error(DOR_E_FILE_MALFORMED);
    else
        result = decode_group(group, len, out);
done:
    dor__wipe(group, sizeof(group));
    return result;
}

dor_result dor__base64_encode(dor_span data, dor_bytes *out)
{
    while (data.len > 0) {
        size_t part = data.len < LINE_BYTES ? data.len : LINE_BYTES;
        word32 n = LINE_CHARS + 1;
        DOR_TRY(dor__bytes_reserve(out, LINE_CHARS + 1));
        DOR_TRY_WC(Base64_Encode(data.ptr, (word32)part, out->ptr + out->len, &n));
        out->len += n;
        data = dor__span(data.ptr + part, data.len - part);
    }
    return DOR_SUCCESS;
}
