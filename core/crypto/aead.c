/*
 * aead.c - AES-GCM, AES-CCM and ChaCha20-Poly1305 through wolfCrypt.
 *
 * An AES context is wolfCrypt's Aes (its assembly reads the round keys there); ChaCha20-Poly1305 has
 * no expanded key worth keeping, so its context is the key alone.
 *
 * Opening writes plaintext before the tag is known to fit (both primitives work in one pass, in place). On
 * failure the bytes are wiped before the caller sees them.
 */
#include "crypto/aead.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>

#include <assert.h>

struct dor_aead {
    dor_aead_id id;
    union {
        Aes aes;
        uint8_t chacha_key[CHACHA20_POLY1305_AEAD_KEYSIZE];
    } u;
};

static_assert(_Alignof(struct dor_aead) <= _Alignof(max_align_t),
              "malloc's alignment is enough for the round keys");
static_assert(CHACHA20_POLY1305_AEAD_IV_SIZE == DOR_AEAD_NONCE_LEN, "RFC 8439 nonces");

size_t dor__aead_size(dor_aead_id id)
{
    if (id == DOR_AEAD_NONE) return 0;
    return id == DOR_AEAD_CHACHA20_POLY1305 ? offsetof(struct dor_aead, u) + CHACHA20_POLY1305_AEAD_KEYSIZE
                                            : sizeof(struct dor_aead);
}

size_t dor__aead_key_len(dor_aead_id id)
{
    switch (id) {
    case DOR_AEAD_AES_128_GCM:
    case DOR_AEAD_AES_128_CCM:
    case DOR_AEAD_AES_128_CCM_8: return 16;
    case DOR_AEAD_AES_256_GCM:
    case DOR_AEAD_AES_256_CCM:
    case DOR_AEAD_AES_256_CCM_8:
    case DOR_AEAD_CHACHA20_POLY1305: return 32;
    case DOR_AEAD_NONE: break;
    }
    return 0;
}

size_t dor__aead_tag_len(dor_aead_id id)
{
    return id == DOR_AEAD_AES_128_CCM_8 || id == DOR_AEAD_AES_256_CCM_8 ? 8 : DOR_AEAD_TAG_LEN;
}

static bool is_gcm(dor_aead_id id)
{
    return id == DOR_AEAD_AES_128_GCM || id == DOR_AEAD_AES_256_GCM;
}

dor_result dor__aead_new(dor_aead **aead, dor_aead_id id, const uint8_t *key)
{
    size_t key_len = dor__aead_key_len(id);
    dor_result result = DOR_SUCCESS;

    *aead = NULL;
    if (key_len == 0) return dor__error(DOR_E_BADARG);
    dor_aead *a = dor__malloc(dor__aead_size(id));
    if (!a) return dor__error(DOR_E_NOMEM);

    a->id = id;
    if (id == DOR_AEAD_CHACHA20_POLY1305) {
        memcpy(a->u.chacha_key, key, key_len);
        *aead = a;
        return DOR_SUCCESS;
    }
    DOR_TRY_WC_GOTO(result, wc_AesInit(&a->u.aes, NULL, INVALID_DEVID));
    DOR_TRY_WC_GOTO(result, is_gcm(id) ? wc_AesGcmSetKey(&a->u.aes, key, (word32)key_len)
                                       : wc_AesCcmSetKey(&a->u.aes, key, (word32)key_len));
    *aead = a;
done:
    if (dor__failed(result)) dor__free_wiped(a, dor__aead_size(id));
    return result;
}

void dor__aead_free(dor_aead *aead)
{
    if (!aead) return;
    size_t size = dor__aead_size(aead->id);
    if (aead->id != DOR_AEAD_CHACHA20_POLY1305) wc_AesFree(&aead->u.aes);
    dor__free_wiped(aead, size);
}

dor_result dor__aead_seal(dor_aead *aead, const uint8_t nonce[DOR_AEAD_NONCE_LEN], dor_span aad,
                          uint8_t *data, size_t len, uint8_t *tag)
{
    if (len > UINT32_MAX / 2 || aad.len > UINT32_MAX / 2) return dor__error(DOR_E_BADARG);
    if (aead->id == DOR_AEAD_CHACHA20_POLY1305) {
        uint8_t nothing = 0, *at = len ? data : &nothing; /* wolfCrypt refuses NULL even for no bytes */
        DOR_TRY_WC(wc_ChaCha20Poly1305_Encrypt(aead->u.chacha_key, nonce, aad.ptr, (word32)aad.len, at,
                                               (word32)len, at, tag));
        return DOR_SUCCESS;
    }
    if (is_gcm(aead->id))
        DOR_TRY_WC(wc_AesGcmEncrypt(&aead->u.aes, data, data, (word32)len, nonce, DOR_AEAD_NONCE_LEN, tag,
                                    DOR_AEAD_TAG_LEN, aad.ptr, (word32)aad.len));
    else
        DOR_TRY_WC(wc_AesCcmEncrypt(&aead->u.aes, data, data, (word32)len, nonce, DOR_AEAD_NONCE_LEN, tag,
                                    (word32)dor__aead_tag_len(aead->id), aad.ptr, (word32)aad.len));
    return DOR_SUCCESS;
}

dor_result dor__aead_open(dor_aead *aead, const uint8_t nonce[DOR_AEAD_NONCE_LEN], dor_span aad,
                          uint8_t *data, size_t len, const uint8_t *tag)
{
    int code;

    if (len > UINT32_MAX / 2 || aad.len > UINT32_MAX / 2) return dor__error(DOR_E_BADARG);
    if (aead->id == DOR_AEAD_CHACHA20_POLY1305) {
        uint8_t nothing = 0, *at = len ? data : &nothing;
        code = wc_ChaCha20Poly1305_Decrypt(aead->u.chacha_key, nonce, aad.ptr, (word32)aad.len, at,
                                           (word32)len, tag, at);
    } else if (!is_gcm(aead->id)) {
        code = wc_AesCcmDecrypt(&aead->u.aes, data, data, (word32)len, nonce, DOR_AEAD_NONCE_LEN, tag,
                                (word32)dor__aead_tag_len(aead->id), aad.ptr, (word32)aad.len);
    } else {
        code = wc_AesGcmDecrypt(&aead->u.aes, data, data, (word32)len, nonce, DOR_AEAD_NONCE_LEN, tag,
                                DOR_AEAD_TAG_LEN, aad.ptr, (word32)aad.len);
    }
    if (code == 0) return DOR_SUCCESS;
    dor__wipe(data, len);
    if (code == AES_GCM_AUTH_E || code == AES_CCM_AUTH_E || code == MAC_CMP_FAILED_E)
        return dor__alert(DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    return dor__wc_result(code);
}
