/* json_text.c - see json_text.h. */
#include "json_text.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { FIRST_CAP = 1024 };

/* Room for `more` bytes and a NUL. */
static bool reserve(dor_json_text *t, size_t more)
{
    if (t->failed || more > SIZE_MAX / 4 - t->len) return false;
    if (t->len + more < t->cap) return true;
    size_t cap = t->cap ? t->cap : FIRST_CAP;
    while (cap <= t->len + more)
        cap *= 2;
    char *bytes = (char *)dor__realloc(t->bytes, cap);
    if (!bytes) return false;
    t->bytes = bytes;
    t->cap = cap;
    return true;
}

void dor__json_print(dor_json_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(t, (size_t)len)) {
        t->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(t->bytes + t->len, (size_t)len + 1, format, args);
    va_end(args);
    t->len += (size_t)len;
}

/* Bytes of the character at c (RFC 3629), 0 when it is none. */
static unsigned utf8_len(const unsigned char *c)
{
    unsigned len = *c < 0x80 ? 1 : *c >= 0xc2 && *c <= 0xdf ? 2 : (*c & 0xf0) == 0xe0 ? 3 : 0;
    if (*c >= 0xf0 && *c <= 0xf4) len = 4;
    for (unsigned i = 1; i < len; i++)
        if ((c[i] & 0xc0) != 0x80) return 0; /* the NUL too */
    /* Too long for what it means, surrogates, beyond U+10FFFF. */
    bool bad = (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] >= 0xa0) || (*c == 0xf0 && c[1] < 0x90) ||
               (*c == 0xf4 && c[1] >= 0x90);
    return len > 1 && bad ? 0 : len;
}

void dor__json_string(dor_json_text *t, const char *text)
{
    dor__json_print(t, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        unsigned len = utf8_len(c);
        if (len == 0)
            dor__json_print(t, "\\ufffd");
        else if (*c == '"' || *c == '\\')
            dor__json_print(t, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            dor__json_print(t, "\\u%04x", *c);
        else
            dor__json_print(t, "%.*s", (int)len, (const char *)c);
        c += len ? len : 1;
    }
    dor__json_print(t, "\"");
}
