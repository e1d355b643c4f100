/* address.c - IP addresses from text, as strict as inet_pton. */
#include "base/address.h"

static bool parse_octet(dor_span digits, uint8_t *octet)
{
    unsigned v = 0;

    if (digits.len < 1 || digits.len > 3 || (digits.len > 1 && digits.ptr[0] == '0')) return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
        v = v * 10 + (unsigned)(digits.ptr[i] - '0');
    }
    *octet = (uint8_t)v;
    return v <= 255;
}

/* What stands before the next `mark`; *text goes on behind it, and *more tells whether there was one. */
static dor_span next_part(dor_span *text, char mark, bool *more)
{
    const uint8_t *at = text->len ? memchr(text->ptr, mark, text->len) : NULL;
    dor_span part = *text;

    *more = at != NULL;
    if (at) {
        part.len = (size_t)(at - text->ptr);
        *text = dor__span(at + 1, text->len - part.len - 1);
    } else {
        *text = DOR_SPAN_EMPTY;
    }
    return part;
}

static bool parse_v4(dor_span text, uint8_t address[4])
{
    for (int i = 0; i < 4; i++) {
        bool more;
        if (!parse_octet(next_part(&text, '.', &more), &address[i]) || more != (i < 3)) return false;
    }
    return true;
}

static bool parse_group(dor_span digits, uint8_t group[2])
{
    unsigned v = 0;

    if (digits.len < 1 || digits.len > 4) return false;
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t c = digits.ptr[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (unsigned)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            v = v << 4 | (unsigned)(c - 'A' + 10);
        else
            return false;
    }
    group[0] = (uint8_t)(v >> 8);
    group[1] = (uint8_t)v;
    return true;
}

/* Groups up to the end; at an empty one ("::") *gap becomes the bytes so far. The count of bytes, or -1. */
static int parse_groups(dor_span text, uint8_t bytes[16], int *gap)
{
    int len = 0;
    bool more = true;

    while (more) {
        if (len == 16) return -1;
        dor_span whole = text;
        dor_span part = next_part(&text, ':', &more);
        if (part.len == 0) {
            if (*gap >= 0 || len == 0) return -1;
            *gap = len;
            if (more && text.len == 0) /* "1::" */
                return len;
            if (!more) return -1;
        } else if (!more && len <= 12 && memchr(whole.ptr, '.', whole.len)) {
            return parse_v4(whole, bytes + len) ? len + 4 : -1;
        } else {
            if (!parse_group(part, bytes + len)) return -1;
            len += 2;
        }
    }
    return len;
}

static bool parse_v6(dor_span text, uint8_t address[16])
{
    uint8_t bytes[16] = {0};
    int gap = -1, len = 0;

    if (text.len >= 2 && text.ptr[0] == ':' && text.ptr[1] == ':') {
        gap = 0;
        text = dor__span(text.ptr + 2, text.len - 2);
    }
    if (text.len) len = parse_groups(text, bytes, &gap);
    if (len < 0 || (gap < 0 ? len != 16 : len > 14)) return false;

    size_t before = gap < 0 ? 16 : (size_t)gap;
    size_t after = gap < 0 ? 0 : (size_t)(len - gap);
    memset(address, 0, 16);
    memcpy(address, bytes, before);
    memcpy(address + 16 - after, bytes + before, after);
    return true;
}

size_t dor__ip_parse(dor_span text, uint8_t address[16])
{
    if (parse_v4(text, address)) return 4;
    return parse_v6(text, address) ? 16 : 0;
}
