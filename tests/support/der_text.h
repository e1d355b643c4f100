/*
 * der_text.h - DER written as text, so that a test can show the one thing that is wrong.
 *
 *     "30{ 02{05} 0c{'word'} }"
 *
 * Pairs of hexadecimal digits are bytes, words in quotes are characters, and braces put the length of what they hold
 * before it. White space is nothing. A malformed text ends the test.
 */
#ifndef TESTS_SUPPORT_DER_TEXT_H
#define TESTS_SUPPORT_DER_TEXT_H

#include <stddef.h>
#include <stdint.h>

/** Writes at most cap bytes, and returns how many. */
size_t der_text(const char *text, uint8_t *out, size_t cap);

#endif
