/* hex.h - bytes written as hex in tests. */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>

static inline int hex_digit_(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** Reads lower-case hex, passing over everything else, into out (room for cap); the count, or 0 when it does not fit. */
static inline size_t hex_read(const char *text, uint8_t *out, size_t cap)
{
    size_t len = 0;
    int high = -1;
    for (; *text; text++) {
        int digit = hex_digit_(*text);
        if (digit < 0) continue;
        if (high < 0) {
            high = digit;
            continue;
        }
        if (len == cap) return 0;
        out[len++] = (uint8_t)(high << 4 | digit);
        high = -1;
    }
    return len;
}

#endif
