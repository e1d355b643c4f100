/*
 * rng.c - randomness: wolfCrypt's Hash-DRBG seeded by the operating system, or a stream made from a seed.
 *
 * The DRBG is SP 800-90A's. It is seeded afresh from the system when it has answered RESEED_INTERVAL requests and when the
 * process's id is another than before (a fork); wolfCrypt tests each seed for repetitions. When the system has no seed to give,
 * the request fails and so does every later one: no byte leaves a generator that could not be seeded. It belongs to one owner
 * and takes no lock.
 *
 * The seeded stream is HMAC-SHA-256(SHA-256(seed), counter), block after block. Where wolfCrypt wants a WC_RNG of its own
 * (ECDSA nonces, PSS salts, blinding), the DRBG's working state is set from the stream right before, because wolfCrypt offers
 * no way to instantiate one from given entropy alone. That is for tests and fuzzing; nothing else makes a seeded generator.
 */
#include "crypto/rng.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/hmac.h"
#include "crypto/wc.h"

#include <assert.h>

#ifndef HAVE_HASHDRBG
#error "wolfCrypt is built without its Hash-DRBG (HAVE_HASHDRBG)"
#endif

/*
 * Requests between two seedings. SP 800-90A (table 2) would allow 2^48, wolfCrypt's own limit is a million or more, as it is
 * built; this one makes what somebody may have seen of the state worthless after some thousand handshakes.
 */
enum { RESEED_INTERVAL = 1 << 16 };
static_assert(RESEED_INTERVAL <= WC_RESEED_INTERVAL, "wolfCrypt's own count would be the shorter one");

struct dor_rng {
    WC_RNG wc;
    bool seeded;
    uint64_t counter;
    uint8_t key[32];
};

static dor_result rng_new(dor_rng **rng)
{
    *rng = NULL;
    DOR_TRY(dor__wc_init());
    dor_rng *r = dor__calloc(1, sizeof(*r));
    if (!r) return dor__error(DOR_E_NOMEM);
    int code = wc_InitRng(&r->wc);
    if (code != 0) {
        dor__free_wiped(r, sizeof(*r));
        return dor__error(code == MEMORY_E ? DOR_E_NOMEM : DOR_E_RNG_FAILED);
    }
    *rng = r;
    return DOR_SUCCESS;
}

dor_result dor__rng_new_system(dor_rng **rng)
{
    return rng_new(rng);
}

dor_result dor__rng_new_seeded(dor_rng **rng, dor_span seed)
{
    DOR_TRY(rng_new(rng));
    (*rng)->seeded = true;
    dor_result result = dor__hash_once(DOR_HASH_SHA256, seed, (*rng)->key);
    if (dor__failed(result)) {
        dor__rng_free(*rng);
        *rng = NULL;
    }
    return result;
}

void dor__rng_free(dor_rng *rng)
{
    if (!rng) return;
    wc_FreeRng(&rng->wc);
    dor__free_wiped(rng, sizeof(*rng));
}

static dor_result stream(dor_rng *rng, uint8_t *out, size_t len)
{
    uint8_t block[32], counter[8];
    const dor_span part = {counter, sizeof(counter)};

    while (len > 0) {
        size_t n = len < sizeof(block) ? len : sizeof(block);
        for (size_t i = 0; i < sizeof(counter); i++)
            counter[i] = (uint8_t)(rng->counter >> (8 * i));
        rng->counter++;
        DOR_TRY(dor__hmac(DOR_HASH_SHA256, dor__span(rng->key, sizeof(rng->key)), &part, 1, block));
        memcpy(out, block, n);
        out += n;
        len -= n;
    }
    dor__wipe(block, sizeof(block));
    return DOR_SUCCESS;
}

/* wolfCrypt counts requests, also those that its own functions make; told that its limit is reached, it reseeds at the next. */
static void reseed_when_due(dor_rng *rng)
{
    struct DRBG_internal *drbg = (struct DRBG_internal *)rng->wc.drbg;
    if (drbg && drbg->reseedCtr > RESEED_INTERVAL) drbg->reseedCtr = WC_RESEED_INTERVAL;
#ifdef WOLFSSL_DRBG_SHA512
    struct DRBG_SHA512_internal *wide = (struct DRBG_SHA512_internal *)rng->wc.drbg512;
    if (wide && wide->reseedCtr > RESEED_INTERVAL) wide->reseedCtr = WC_RESEED_INTERVAL;
#endif
}

dor_result dor__rng_fill(dor_rng *rng, uint8_t *out, size_t len)
{
    if (rng->seeded) return stream(rng, out, len);
    reseed_when_due(rng);
    while (len > 0) {
        size_t n = len < RNG_MAX_BLOCK_LEN ? len : RNG_MAX_BLOCK_LEN;
        if (wc_RNG_GenerateBlock(&rng->wc, out, (word32)n) != 0) return dor__error(DOR_E_RNG_FAILED);
        out += n;
        len -= n;
    }
    return DOR_SUCCESS;
}

/* V and C have the same meaning for either hash: SP 800-90A section 10.1.1.1. */
static dor_result set_drbg(dor_rng *rng)
{
#ifdef WOLFSSL_DRBG_SHA512
    struct DRBG_SHA512_internal *wide = (struct DRBG_SHA512_internal *)rng->wc.drbg512;
    if (wide) {
        DOR_TRY(stream(rng, wide->V, sizeof(wide->V)));
        DOR_TRY(stream(rng, wide->C, sizeof(wide->C)));
        wide->reseedCtr = 1;
    }
#endif
    struct DRBG_internal *drbg = (struct DRBG_internal *)rng->wc.drbg;
    if (drbg) {
        DOR_TRY(stream(rng, drbg->V, sizeof(drbg->V)));
        DOR_TRY(stream(rng, drbg->C, sizeof(drbg->C)));
        drbg->reseedCtr = 1;
    }
    return DOR_SUCCESS;
}

WC_RNG *dor__rng_wc(dor_rng *rng)
{
    if (!rng->seeded)
        reseed_when_due(rng);
    else if (dor__failed(set_drbg(rng)))
        return NULL;
    return &rng->wc;
}
