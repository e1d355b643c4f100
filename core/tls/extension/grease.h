/*
 * grease.h - values that mean nothing, in a client's hello (RFC 8701), and what looks like Encrypted Client Hello
 * (RFC 9849 section 6.2). Nothing of it where the config does not ask for it.
 */
#ifndef DOR_TLS_GREASE_H
#define DOR_TLS_GREASE_H

#include "tls/handshake.h"

typedef enum dor_grease_place {
    DOR_GREASE_SUITE,
    DOR_GREASE_GROUP,
    DOR_GREASE_VERSION,
    DOR_GREASE_SCHEME,
    DOR_GREASE_FIRST_EXTENSION,
    DOR_GREASE_SECOND_EXTENSION,
    DOR_GREASE_MODE,
    DOR_GREASE_PLACES
} dor_grease_place;

/** Client: draws this handshake's values, in front of its first hello. */
DOR_MUST_USE dor_result dor__grease_prepare(dor_tls *t);

/** Appends the value for that place, if there is one. */
DOR_MUST_USE dor_result dor__grease_u16(const dor_tls *t, dor_grease_place place, dor_bytes *w);

/** Appends a share for the unknown group; not in an answer to a HelloRetryRequest, which names its group. */
DOR_MUST_USE dor_result dor__grease_share(const dor_tls *t, dor_bytes *w);

/** Appends an extension: the first is empty, the second not. */
DOR_MUST_USE dor_result dor__grease_extension(const dor_tls *t, dor_grease_place place, dor_bytes *w);

/** A PSK mode; false: none. */
bool dor__grease_mode(const dor_tls *t, uint8_t *mode);

#endif
