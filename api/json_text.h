/*
 * json_text.h - writing JSON (RFC 8259) into a text that grows.
 *
 * Not by jansson, which would first build the whole of it out of small objects, of memory that dor__malloc knows nothing
 * of: a list of a million actors is to cost its text and nothing else.
 *
 * A failure sticks: what is written after it goes nowhere, and `failed` says so at the end. Any thread.
 */
#ifndef DOR_API_JSON_TEXT_H
#define DOR_API_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/** {0} is an empty one; bytes is for dor__free. */
typedef struct dor_json_text {
    char *bytes; /* ended by a NUL, unless it is NULL */
    size_t len;
    size_t cap;
    bool failed;
} dor_json_text;

/** Appends what printf would print. */
void dor__json_print(dor_json_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Appends text as a JSON string with its quotes; each byte that is not part of valid UTF-8 becomes U+FFFD. */
void dor__json_string(dor_json_text *t, const char *text);

#endif
