/*
 * hash.h - SHA-2 digests and HMAC over them, on wolfCrypt (FIPS 180-4, RFC 2104).
 *
 * A dor_hash lives in the caller's memory and holds no other resource that the caller could see; call
 * dor__hash_fini when done with it, also after a failure.
 */
#ifndef DOR_CRYPTO_HASH_H
#define DOR_CRYPTO_HASH_H

#include "base/result.h"
#include "base/span.h"

#include <stddef.h>

typedef enum dor_hash_id {
    DOR_HASH_NONE = 0,
    DOR_HASH_SHA256,
    DOR_HASH_SHA384,
    DOR_HASH_SHA512,
    DOR_HASH_SHA1 /* certificates' key identifiers and legacy signatures only; never by default */
} dor_hash_id;

enum { DOR_HASH_MAX_LEN = 64, DOR_HASH_STATE_LEN = 256 };

typedef struct dor_hash {
    dor_hash_id id;
    /* The primitive's own structure; aligned as malloc aligns, since most of what contains one comes from there. */
    _Alignas(max_align_t) uint8_t state[DOR_HASH_STATE_LEN];
} dor_hash;

/** Bytes of a digest; 0 for DOR_HASH_NONE. */
size_t dor__hash_len(dor_hash_id id);

DOR_MUST_USE dor_result dor__hash_init(dor_hash *h, dor_hash_id id);
DOR_MUST_USE dor_result dor__hash_update(dor_hash *h, dor_span data);

/** The digest of what was fed so far; h goes on afterwards. digest has room for dor__hash_len bytes. */
DOR_MUST_USE dor_result dor__hash_peek(const dor_hash *h, uint8_t *digest);

/** The digest of what was fed; h is used up, only dor__hash_fini remains. Cheaper than peek. */
DOR_MUST_USE dor_result dor__hash_final(dor_hash *h, uint8_t *digest);

/**
 * The chaining value as bytes, cut to the digest's length, when whole blocks have been fed and nothing else: what the digest
 * is if the last of them was the padded one. SHA1, SHA256, SHA384. chain is aligned to 8 bytes and has DOR_HASH_MAX_LEN.
 */
DOR_MUST_USE dor_result dor__hash_chain(const dor_hash *h, uint8_t *chain);

/** to becomes an independent copy of from. */
DOR_MUST_USE dor_result dor__hash_copy(dor_hash *to, const dor_hash *from);

void dor__hash_fini(dor_hash *h);

DOR_MUST_USE dor_result dor__hash_once(dor_hash_id id, dor_span data, uint8_t *digest);

/** HMAC over the parts in order; mac has room for dor__hash_len(id) bytes. key may be empty. */
DOR_MUST_USE dor_result dor__hmac(dor_hash_id id, dor_span key, const dor_span *parts, size_t part_count,
                                  uint8_t *mac);

#endif
