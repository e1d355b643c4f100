/*
 * hmac_ct.c - HMAC over a message whose length is a secret: the check of a CBC record's MAC, whose message ends where a
 * padding begins that the peer has chosen (Lucky 13: AlFardan, Paterson, 2013).
 *
 * Blocks that belong to the message whatever its length are hashed as usual. From there to the last block that the longest
 * message could have, each block is put together under masks (message, then 0x80, zeros, length: FIPS 180-4 section 5.1), hashed,
 * and the chaining value of the one that is the real last is kept, under a mask as well. So how many blocks are hashed, and
 * what is read in which order, depends on min_len and max_len alone.
 */
#include "crypto/hmac.h"

#include "base/ct.h"

enum { MAX_BLOCK = 128 };

typedef struct shape {
    size_t block;    /* bytes of a block */
    size_t len_size; /* bytes of the length at the end */
} shape;

static shape shape_of(dor_hash_id id)
{
    bool wide = id == DOR_HASH_SHA384 || id == DOR_HASH_SHA512;
    return wide ? (shape){128, 16} : (shape){64, 8};
}

/* Constant time from here: no branch and no index depends on `end`, `last` or what they come from, nor on data. */

/** Byte `at` of the message with its padding; end is where 0x80 stands. */
static uint8_t byte_at(dor_span prefix, const uint8_t *data, size_t max_len, uint32_t at, uint32_t end)
{
    uint32_t value = 0;
    if (at < prefix.len)
        value = prefix.ptr[at];
    else if (at - prefix.len < max_len)
        value = data[at - prefix.len];
    return (uint8_t)((value & dor__ct_mask_less(at, end)) | (0x80u & dor__ct_mask_equal(at, end)));
}

/** The blocks from number `first` on, which may or may not be the last; h has taken in all before. */
static dor_result hash_tail(dor_hash *h, shape s, dor_span prefix, const uint8_t *data, uint32_t end,
                            size_t first, size_t max_len, uint8_t *digest)
{
    uint8_t block[MAX_BLOCK];
    _Alignas(16) uint8_t chain[DOR_HASH_MAX_LEN];
    size_t digest_len = dor__hash_len(h->id);
    size_t most = (prefix.len + max_len + s.len_size) / s.block;
    /* A division by a power of two that the compiler sees would be a shift; so it is one for certain. */
    uint32_t last = (end + (uint32_t)s.len_size) >> (s.block == 128 ? 7 : 6);
    uint32_t bits = (end + (uint32_t)s.block) * 8; /* with the pad block of the key */
    dor_result result = DOR_SUCCESS;

    memset(digest, 0, digest_len);
    for (size_t b = first; b <= most; b++) {
        uint32_t is_last = dor__ct_mask_equal((uint32_t)b, last);
        for (size_t i = 0; i < s.block; i++)
            block[i] = byte_at(prefix, data, max_len, (uint32_t)(b * s.block + i), end);
        for (size_t i = 0; i < 4; i++)
            block[s.block - 1 - i] |= (uint8_t)(is_last & bits >> 8 * i);
        DOR_TRY_GOTO(result, dor__hash_update(h, dor__span(block, s.block)));
        DOR_TRY_GOTO(result, dor__hash_chain(h, chain));
        for (size_t i = 0; i < digest_len; i++)
            digest[i] |= (uint8_t)(is_last & chain[i]);
    }
done:
    dor__wipe(block, sizeof(block));
    dor__wipe(chain, sizeof(chain));
    return result;
}

/* Constant time up to here. */

dor_result dor__hmac_mac_ct(const dor_hmac *h, dor_span prefix, const uint8_t *data, uint32_t len,
                            size_t min_len, size_t max_len, uint8_t *mac)
{
    shape s = shape_of(h->inner.id);
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_hash inner, outer;
    dor_result result;

    if (prefix.len >= s.block || min_len > max_len || max_len > 1u << 24) return dor__error(DOR_E_BADARG);
    outer.id = DOR_HASH_NONE;
    size_t first = (prefix.len + min_len) / s.block; /* blocks before it are full of message */
    DOR_TRY_GOTO(result, dor__hash_copy(&inner, &h->inner));
    DOR_TRY_GOTO(result, dor__hash_copy(&outer, &h->outer));
    if (first > 0) {
        DOR_TRY_GOTO(result, dor__hash_update(&inner, prefix));
        DOR_TRY_GOTO(result, dor__hash_update(&inner, dor__span(data, first * s.block - prefix.len)));
    }
    DOR_TRY_GOTO(result,
                 hash_tail(&inner, s, prefix, data, (uint32_t)prefix.len + len, first, max_len, digest));
    DOR_TRY_GOTO(result, dor__hash_update(&outer, dor__span(digest, dor__hash_len(outer.id))));
    DOR_TRY_GOTO(result, dor__hash_final(&outer, mac));
done:
    dor__wipe(digest, sizeof(digest));
    dor__hash_fini(&inner);
    dor__hash_fini(&outer);
    return result;
}
