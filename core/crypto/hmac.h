/*
 * hmac.h - HMAC (RFC 2104) with a key that is used more than once.
 *
 * The key's two pad blocks are hashed once; every message after that starts from copies of those states. A
 * dor_hmac lives in the caller's memory; call dor__hmac_fini when done, also after a failure.
 */
#ifndef DOR_CRYPTO_HMAC_H
#define DOR_CRYPTO_HMAC_H

#include "crypto/hash.h"

typedef struct dor_hmac {
    dor_hash inner; /* after key ^ ipad */
    dor_hash outer; /* after key ^ opad */
} dor_hmac;

/** Takes the key in; key may be empty, and may be longer than a block. */
DOR_MUST_USE dor_result dor__hmac_init(dor_hmac *h, dor_hash_id id, dor_span key);

/** The MAC over the parts in order; h stays ready for the next. mac has room for dor__hash_len(id) bytes. */
DOR_MUST_USE dor_result dor__hmac_mac(const dor_hmac *h, const dor_span *parts, size_t part_count,
                                      uint8_t *mac);

/**
 * The MAC over prefix (shorter than a block) and the first len bytes at data. len is a secret: the time and the addresses
 * that are read depend on prefix.len, min_len and max_len alone, with min_len <= len <= max_len <= 2^24; all max_len
 * bytes have to be there. hmac_ct.c
 */
DOR_MUST_USE dor_result dor__hmac_mac_ct(const dor_hmac *h, dor_span prefix, const uint8_t *data,
                                         uint32_t len, size_t min_len, size_t max_len, uint8_t *mac);

void dor__hmac_fini(dor_hmac *h);

#endif
