/*
 * cbc.c - AES-CBC through wolfCrypt, and the HMAC that goes with it.
 *
 * With AES instructions the time of a block does not depend on key or data; without, wolfCrypt's AES is table-based and
 * its time may (the suites that use this are off by default).
 */
#include "crypto/cbc.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/aes.h>

#include <assert.h>

struct dor_cbc {
    dor_hmac hmac;
    Aes aes;
    bool encrypts;
};

size_t dor__cbc_size(void)
{
    return sizeof(struct dor_cbc) + _Alignof(struct dor_cbc);
}

/* The hash states want more alignment than malloc gives; what it gave is remembered in front of the context. */
static dor_cbc *allocate(void)
{
    uint8_t *piece = dor__malloc(dor__cbc_size());
    if (!piece) return NULL;
    size_t shift = _Alignof(struct dor_cbc) - (uintptr_t)piece % _Alignof(struct dor_cbc);
    piece[shift - 1] = (uint8_t)shift;
    return (dor_cbc *)(void *)(piece + shift);
}

static void release(dor_cbc *cbc)
{
    uint8_t *context = (uint8_t *)cbc;
    dor__free_wiped(context - context[-1], dor__cbc_size());
}

static_assert(_Alignof(struct dor_cbc) <= UINT8_MAX, "the shift fits its byte");

dor_result dor__cbc_new(dor_cbc **cbc, const uint8_t *key, size_t key_len, dor_hash_id mac,
                        const uint8_t *mac_key, bool encrypts)
{
    size_t mac_len = dor__hash_len(mac);
    dor_result result;

    *cbc = NULL;
    if ((key_len != 16 && key_len != 32) || mac_len == 0 || mac_len > DOR_CBC_MAX_MAC_LEN)
        return dor__error(DOR_E_BADARG);
    dor_cbc *c = allocate();
    if (!c) return dor__error(DOR_E_NOMEM);
    memset(c, 0, sizeof(*c));
    c->encrypts = encrypts;
    DOR_TRY_WC_GOTO(result, wc_AesInit(&c->aes, NULL, INVALID_DEVID));
    DOR_TRY_WC_GOTO(result, wc_AesSetKey(&c->aes, key, (word32)key_len, NULL,
                                         encrypts ? AES_ENCRYPTION : AES_DECRYPTION));
    if (!encrypts)
        dor__wipe_stack(); /* wolfCrypt turns a key for encryption round, and leaves it in its frame */
    DOR_TRY_GOTO(result, dor__hmac_init(&c->hmac, mac, dor__span(mac_key, mac_len)));
    *cbc = c;
    return DOR_SUCCESS;
done:
    release(c);
    return result;
}

void dor__cbc_free(dor_cbc *cbc)
{
    if (!cbc) return;
    dor__hmac_fini(&cbc->hmac);
    wc_AesFree(&cbc->aes);
    release(cbc);
}

dor_result dor__cbc_crypt(dor_cbc *cbc, const uint8_t iv[DOR_CBC_BLOCK_LEN], uint8_t *data, size_t len)
{
    if (len > UINT32_MAX / 2 || len % DOR_CBC_BLOCK_LEN != 0) return dor__error(DOR_E_BADARG);
    DOR_TRY_WC(wc_AesSetIV(&cbc->aes, iv));
    if (cbc->encrypts)
        DOR_TRY_WC(wc_AesCbcEncrypt(&cbc->aes, data, data, (word32)len));
    else
        DOR_TRY_WC(wc_AesCbcDecrypt(&cbc->aes, data, data, (word32)len));
    return DOR_SUCCESS;
}

dor_result dor__cbc_mac(const dor_cbc *cbc, const dor_span *parts, size_t part_count, uint8_t *mac)
{
    return dor__hmac_mac(&cbc->hmac, parts, part_count, mac);
}

dor_result dor__cbc_mac_ct(const dor_cbc *cbc, dor_span prefix, const uint8_t *data, uint32_t len,
                           size_t min_len, size_t max_len, uint8_t *mac)
{
    return dor__hmac_mac_ct(&cbc->hmac, prefix, data, len, min_len, max_len, mac);
}
