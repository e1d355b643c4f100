/*
 * hash.c - SHA-2 and SHA-1 through wolfCrypt, one interface over its structures (FIPS 180-4).
 *
 * wolfCrypt's software hashes own no memory of their own, so a structure that is wiped is gone; the Free
 * calls are made all the same for builds where that differs. wolfCrypt keeps SHA-384 in a wc_Sha512.
 */
#include "crypto/hash.h"

#include "base/ct.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/sha.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/sha512.h>

#include <assert.h>

static_assert(sizeof(wc_Sha256) <= DOR_HASH_STATE_LEN, "a dor_hash holds a wc_Sha256");
static_assert(sizeof(wc_Sha512) <= DOR_HASH_STATE_LEN, "a dor_hash holds a wc_Sha512");
static_assert(sizeof(wc_Sha) <= DOR_HASH_STATE_LEN, "a dor_hash holds a wc_Sha");
static_assert(_Alignof(wc_Sha256) <= _Alignof(dor_hash) && _Alignof(wc_Sha512) <= _Alignof(dor_hash) &&
                  _Alignof(wc_Sha) <= _Alignof(dor_hash),
              "a dor_hash is aligned for each");

/* wolfCrypt's copy functions take the source without const, but only read it. */
static inline void *state_of(const dor_hash *h)
{
    return (void *)(uintptr_t)h->state;
}

size_t dor__hash_len(dor_hash_id id)
{
    switch (id) {
    case DOR_HASH_SHA256: return 32;
    case DOR_HASH_SHA384: return 48;
    case DOR_HASH_SHA512: return 64;
    case DOR_HASH_SHA1: return 20;
    case DOR_HASH_NONE: break;
    }
    return 0;
}

dor_result dor__hash_init(dor_hash *h, dor_hash_id id)
{
    h->id = id;
    switch (id) {
    case DOR_HASH_SHA256: DOR_TRY_WC(wc_InitSha256(state_of(h))); return DOR_SUCCESS;
    case DOR_HASH_SHA384: DOR_TRY_WC(wc_InitSha384(state_of(h))); return DOR_SUCCESS;
    case DOR_HASH_SHA512: DOR_TRY_WC(wc_InitSha512(state_of(h))); return DOR_SUCCESS;
    case DOR_HASH_SHA1: DOR_TRY_WC(wc_InitSha(state_of(h))); return DOR_SUCCESS;
    case DOR_HASH_NONE: break;
    }
    h->id = DOR_HASH_NONE;
    return dor__error(DOR_E_BADARG);
}

static int update(dor_hash *h, const uint8_t *data, uint32_t len)
{
    switch (h->id) {
    case DOR_HASH_SHA256: return wc_Sha256Update(state_of(h), data, len);
    case DOR_HASH_SHA384: return wc_Sha384Update(state_of(h), data, len);
    case DOR_HASH_SHA512: return wc_Sha512Update(state_of(h), data, len);
    case DOR_HASH_SHA1: return wc_ShaUpdate(state_of(h), data, len);
    case DOR_HASH_NONE: break;
    }
    return BAD_FUNC_ARG;
}

dor_result dor__hash_update(dor_hash *h, dor_span data)
{
    while (data.len > UINT32_MAX) { /* wolfCrypt's lengths have 32 bits */
        const uint32_t part = 1u << 31;
        DOR_TRY_WC(update(h, data.ptr, part));
        data = dor__span(data.ptr + part, data.len - part);
    }
    if (data.len) DOR_TRY_WC(update(h, data.ptr, (uint32_t)data.len));
    return DOR_SUCCESS;
}

dor_result dor__hash_final(dor_hash *h, uint8_t *digest)
{
    switch (h->id) {
    case DOR_HASH_SHA256: DOR_TRY_WC(wc_Sha256Final(state_of(h), digest)); return DOR_SUCCESS;
    case DOR_HASH_SHA384: DOR_TRY_WC(wc_Sha384Final(state_of(h), digest)); return DOR_SUCCESS;
    case DOR_HASH_SHA512: DOR_TRY_WC(wc_Sha512Final(state_of(h), digest)); return DOR_SUCCESS;
    case DOR_HASH_SHA1: DOR_TRY_WC(wc_ShaFinal(state_of(h), digest)); return DOR_SUCCESS;
    case DOR_HASH_NONE: break;
    }
    return dor__error(DOR_E_BADARG);
}

dor_result dor__hash_chain(const dor_hash *h, uint8_t *chain)
{
    switch (h->id) {
    case DOR_HASH_SHA256: DOR_TRY_WC(wc_Sha256FinalRaw(state_of(h), chain)); return DOR_SUCCESS;
    case DOR_HASH_SHA384: DOR_TRY_WC(wc_Sha384FinalRaw(state_of(h), chain)); return DOR_SUCCESS;
    case DOR_HASH_SHA1: DOR_TRY_WC(wc_ShaFinalRaw(state_of(h), chain)); return DOR_SUCCESS;
    case DOR_HASH_SHA512:
    case DOR_HASH_NONE: break;
    }
    return dor__error(DOR_E_BADARG);
}

dor_result dor__hash_copy(dor_hash *to, const dor_hash *from)
{
    to->id = from->id;
#ifdef WOLFSSL_SMALL_STACK_CACHE
    memset(to->state, 0, sizeof(to->state)); /* the copy functions free what the target holds first */
#endif
    switch (from->id) {
    case DOR_HASH_SHA256: DOR_TRY_WC(wc_Sha256Copy(state_of(from), state_of(to))); return DOR_SUCCESS;
    case DOR_HASH_SHA384: DOR_TRY_WC(wc_Sha384Copy(state_of(from), state_of(to))); return DOR_SUCCESS;
    case DOR_HASH_SHA512: DOR_TRY_WC(wc_Sha512Copy(state_of(from), state_of(to))); return DOR_SUCCESS;
    case DOR_HASH_SHA1: DOR_TRY_WC(wc_ShaCopy(state_of(from), state_of(to))); return DOR_SUCCESS;
    case DOR_HASH_NONE: break;
    }
    return dor__error(DOR_E_BADARG);
}

dor_result dor__hash_peek(const dor_hash *h, uint8_t *digest)
{
    dor_hash copy;
    dor_result result;

    DOR_TRY_GOTO(result, dor__hash_copy(&copy, h));
    DOR_TRY_GOTO(result, dor__hash_final(&copy, digest));
done:
    dor__hash_fini(&copy);
    return result;
}

void dor__hash_fini(dor_hash *h)
{
    size_t len = sizeof(h->state);

    switch (h->id) {
    case DOR_HASH_SHA256:
        wc_Sha256Free(state_of(h));
        len = sizeof(wc_Sha256);
        break;
    case DOR_HASH_SHA384:
        wc_Sha384Free(state_of(h));
        len = sizeof(wc_Sha384);
        break;
    case DOR_HASH_SHA512:
        wc_Sha512Free(state_of(h));
        len = sizeof(wc_Sha512);
        break;
    case DOR_HASH_SHA1:
        wc_ShaFree(state_of(h));
        len = sizeof(wc_Sha);
        break;
    case DOR_HASH_NONE: break;
    }
    dor__wipe(h->state, len);
    h->id = DOR_HASH_NONE;
}

dor_result dor__hash_once(dor_hash_id id, dor_span data, uint8_t *digest)
{
    dor_hash h;
    dor_result result;

    DOR_TRY_GOTO(result, dor__hash_init(&h, id));
    DOR_TRY_GOTO(result, dor__hash_update(&h, data));
    DOR_TRY_GOTO(result, dor__hash_final(&h, digest));
done:
    dor__hash_fini(&h);
    return result;
}
