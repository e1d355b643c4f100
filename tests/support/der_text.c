/* der_text.c - see the header. */
#include "support/der_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct state {
    const char *text;
    uint8_t *out;
    size_t len;
    size_t cap;
} state;

static void give_up(const char *text)
{
    fprintf(stderr, "malformed DER text at: %.40s\n", text);
    abort();
}

static void put(state *s, unsigned byte)
{
    if (s->len == s->cap) give_up(s->text);
    s->out[s->len++] = (uint8_t)byte;
}

static unsigned digit(state *s)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = *s->text ? strchr(digits, *s->text) : NULL;
    if (!at) give_up(s->text);
    s->text++;
    return (unsigned)(at - digits);
}

/* Moves what came since start to the right and puts its length before it. */
static void put_length(state *s, size_t start)
{
    size_t len = s->len - start, octets = len < 0x80 ? 1 : len < 0x100 ? 2 : len < 0x10000 ? 3 : 4;
    for (size_t i = 0; i < octets; i++)
        put(s, 0);
    memmove(s->out + start + octets, s->out + start, len);
    if (octets > 1) s->out[start] = (uint8_t)(0x80 | (octets - 1));
    for (size_t i = octets, rest = len; i-- > (octets > 1 ? 1 : 0); rest >>= 8)
        s->out[start + i] = (uint8_t)rest;
}

static void items(state *s, char end)
{
    while (*s->text != end) {
        if (*s->text == ' ' || *s->text == '\n') {
            s->text++;
        } else if (*s->text == '{') {
            size_t start = s->len;
            s->text++;
            items(s, '}');
            s->text++;
            put_length(s, start);
        } else if (*s->text == '\'') {
            for (s->text++; *s->text != '\''; s->text++) {
                if (*s->text == '\0') give_up(s->text);
                put(s, (unsigned char)*s->text);
            }
            s->text++;
        } else {
            unsigned high = digit(s);
            put(s, high << 4 | digit(s));
        }
    }
}

size_t der_text(const char *text, uint8_t *out, size_t cap)
{
    state s = {text, out, 0, cap};
    items(&s, '\0');
    return s.len;
}
