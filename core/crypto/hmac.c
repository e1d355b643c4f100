/*
 * hmac.c - HMAC (RFC 2104) straight on the hash.
 *
 * wolfCrypt's Hmac clears and carries a structure of 784 bytes; the two hash states alone are enough, and
 * whoever needs many MACs under one key (HKDF-Expand, the TLS 1.2 PRF) hashes the pads just once.
 */
#include "crypto/hmac.h"

#include "base/ct.h"

enum { MAX_BLOCK = 128, IPAD = 0x36, OPAD = 0x5c };

static size_t block_len(dor_hash_id id)
{
    return id == DOR_HASH_SHA384 || id == DOR_HASH_SHA512 ? 128 : 64;
}

/* Ready for the first and only message, which `inner` takes in itself. */
static dor_result init_pads(dor_hash *inner, dor_hash *outer, dor_hash_id id, dor_span key)
{
    uint8_t pad[MAX_BLOCK] = {0};
    size_t block = block_len(id);
    dor_result result;

    inner->id = outer->id = DOR_HASH_NONE;
    DOR_TRY_GOTO(result, dor__hash_init(inner, id));
    DOR_TRY_GOTO(result, dor__hash_init(outer, id));
    if (key.len > block)
        DOR_TRY_GOTO(result, dor__hash_once(id, key, pad));
    else if (key.len)
        memcpy(pad, key.ptr, key.len);

    for (size_t i = 0; i < block; i++)
        pad[i] ^= IPAD;
    DOR_TRY_GOTO(result, dor__hash_update(inner, dor__span(pad, block)));
    for (size_t i = 0; i < block; i++)
        pad[i] ^= IPAD ^ OPAD;
    DOR_TRY_GOTO(result, dor__hash_update(outer, dor__span(pad, block)));
done:
    dor__wipe(pad, sizeof(pad));
    return result;
}

/* Uses both states up. */
static dor_result finish(dor_hash *inner, dor_hash *outer, const dor_span *parts, size_t part_count,
                         uint8_t *mac)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_result result;

    for (size_t i = 0; i < part_count; i++)
        DOR_TRY_GOTO(result, dor__hash_update(inner, parts[i]));
    DOR_TRY_GOTO(result, dor__hash_final(inner, digest));
    DOR_TRY_GOTO(result, dor__hash_update(outer, dor__span(digest, dor__hash_len(outer->id))));
    DOR_TRY_GOTO(result, dor__hash_final(outer, mac));
done:
    dor__wipe(digest, sizeof(digest));
    return result;
}

dor_result dor__hmac_init(dor_hmac *h, dor_hash_id id, dor_span key)
{
    return init_pads(&h->inner, &h->outer, id, key);
}

dor_result dor__hmac_mac(const dor_hmac *h, const dor_span *parts, size_t part_count, uint8_t *mac)
{
    dor_hash inner, outer;
    dor_result result;

    outer.id = DOR_HASH_NONE;
    DOR_TRY_GOTO(result, dor__hash_copy(&inner, &h->inner));
    DOR_TRY_GOTO(result, dor__hash_copy(&outer, &h->outer));
    DOR_TRY_GOTO(result, finish(&inner, &outer, parts, part_count, mac));
done:
    dor__hash_fini(&inner);
    dor__hash_fini(&outer);
    return result;
}

void dor__hmac_fini(dor_hmac *h)
{
    dor__hash_fini(&h->inner);
    dor__hash_fini(&h->outer);
}

dor_result dor__hmac(dor_hash_id id, dor_span key, const dor_span *parts, size_t part_count, uint8_t *mac)
{
    dor_hash inner, outer;
    dor_result result;

    DOR_TRY_GOTO(result, init_pads(&inner, &outer, id, key));
    DOR_TRY_GOTO(result, finish(&inner, &outer, parts, part_count, mac));
done:
    dor__hash_fini(&inner);
    dor__hash_fini(&outer);
    return result;
}
