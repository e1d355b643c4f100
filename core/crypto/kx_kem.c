/*
 * kx_kem.c - a curve together with ML-KEM (draft-ietf-tls-ecdhe-mlkem, FIPS 203): safe as long as one of them is.
 *
 *   client's share: encapsulation key and the curve's public value; server's: ciphertext and public value
 *   shared secret:  the KEM's 32 bytes and the curve's
 *   order:          X25519MLKEM768 has the KEM's part first, the other two the curve's, in shares and secret alike
 *
 * A private value is the KEM's seed d || z (64 bytes, FIPS 203 section 7.1), then the curve's scalar. The expanded key would
 * take 2.4 to 3.2 KB for as long as the peer takes to answer; making it again costs a few microseconds.
 *
 * wolfCrypt compares a decapsulated ciphertext in constant time, and gives the pseudo-random secret of FIPS 203 section
 * 6.3 when it was altered; so the handshake fails at its Finished, not here.
 */
#include "base/ct.h"
#include "crypto/kx_family.h"
#include "crypto/wc.h"

#ifdef WOLFSSL_HAVE_MLKEM
#if __has_include(<wolfssl/wolfcrypt/mlkem.h>)
#include <wolfssl/wolfcrypt/mlkem.h>
#endif
#include <wolfssl/wolfcrypt/wc_mlkem.h>

enum { KEM_SEED_LEN = 64, KEM_SECRET_LEN = 32, KEM_ENTROPY_LEN = 32 };

const bool dor__kx_have_kem = true;

static const dor_kx_info *curve_of(const dor_kx_info *info)
{
    return dor__kx_find(info->classical);
}

/* The two parts of a share or a secret of which the curve's has curve_len bytes. */
static void split(const dor_kx_info *info, dor_span whole, size_t curve_len, dor_span *kem, dor_span *curve)
{
    size_t kem_len = whole.len - curve_len;
    *kem = dor__span(whole.ptr + (info->kem_first ? 0 : curve_len), kem_len);
    *curve = dor__span(whole.ptr + (info->kem_first ? kem_len : 0), curve_len);
}

static uint8_t *kem_part(const dor_kx_info *info, uint8_t *whole, size_t curve_len)
{
    return whole + (info->kem_first ? 0 : curve_len);
}

static uint8_t *curve_part(const dor_kx_info *info, uint8_t *whole, size_t kem_len)
{
    return whole + (info->kem_first ? kem_len : 0);
}

static dor_result kem_make_private(const dor_kx_info *info, dor_rng *rng, uint8_t *private_value)
{
    const dor_kx_info *curve = curve_of(info);
    DOR_TRY(dor__rng_fill(rng, private_value, KEM_SEED_LEN));
    return curve->ops->make_private(curve, rng, private_value + KEM_SEED_LEN);
}

static void key_fini(MlKemKey *key)
{
    wc_MlKemKey_Free(key);
    dor__wipe(key, sizeof(*key));
}

/* The decapsulation key of a seed. */
static dor_result key_from_seed(const dor_kx_info *info, const uint8_t *seed, MlKemKey *key)
{
    DOR_TRY_WC(wc_MlKemKey_Init(key, info->wc_id, NULL, INVALID_DEVID));
    int code = wc_MlKemKey_MakeKeyWithRandom(key, seed, KEM_SEED_LEN);
    if (code == 0) return DOR_SUCCESS;
    key_fini(key);
    return dor__wc_result(code);
}

static dor_result kem_public_of(const dor_kx_info *info, uint8_t *private_value, dor_rng *rng,
                                uint8_t *public_value)
{
    const dor_kx_info *curve = curve_of(info);
    const size_t kem_len = (size_t)info->public_len - curve->public_len;
    MlKemKey key;

    DOR_TRY(key_from_seed(info, private_value, &key));
    int code =
        wc_MlKemKey_EncodePublicKey(&key, kem_part(info, public_value, curve->public_len), (word32)kem_len);
    key_fini(&key);
    DOR_TRY_WC(code);
    return curve->ops->public_of(curve, private_value + KEM_SEED_LEN, rng,
                                 curve_part(info, public_value, kem_len));
}

static dor_result kem_derive(const dor_kx_info *info, const uint8_t *private_value, dor_span peer,
                             dor_rng *rng, uint8_t *secret)
{
    const dor_kx_info *curve = curve_of(info);
    dor_span ciphertext, share;
    MlKemKey key;

    split(info, peer, curve->response_len, &ciphertext, &share);
    DOR_TRY(curve->ops->derive(curve, private_value + KEM_SEED_LEN, share, rng,
                               curve_part(info, secret, KEM_SECRET_LEN)));
    DOR_TRY(key_from_seed(info, private_value, &key));
    int code = wc_MlKemKey_Decapsulate(&key, kem_part(info, secret, curve->secret_len), ciphertext.ptr,
                                       (word32)ciphertext.len);
    key_fini(&key);
    DOR_TRY_WC(code);
    return DOR_SUCCESS;
}

/* FIPS 203 section 7.2: the key's length has been checked; decoding checks its coefficients, and fails otherwise. */
static dor_result encapsulate(const dor_kx_info *info, dor_span peer_key, dor_rng *rng, uint8_t *ciphertext,
                              uint8_t *secret)
{
    uint8_t entropy[KEM_ENTROPY_LEN];
    MlKemKey key;
    dor_result result = DOR_SUCCESS;

    DOR_TRY_WC(wc_MlKemKey_Init(&key, info->wc_id, NULL, INVALID_DEVID));
    int code = wc_MlKemKey_DecodePublicKey(&key, peer_key.ptr, (word32)peer_key.len);
    if (code != 0) {
        result = code == MEMORY_E ? dor__error(DOR_E_NOMEM) : dor__kx_bad_share();
        goto done;
    }
    DOR_TRY_GOTO(result, dor__rng_fill(rng, entropy, sizeof(entropy)));
    DOR_TRY_WC_GOTO(result,
                    wc_MlKemKey_EncapsulateWithRandom(&key, ciphertext, secret, entropy, KEM_ENTROPY_LEN));
done:
    dor__wipe(entropy, sizeof(entropy));
    key_fini(&key);
    return result;
}

static dor_result kem_respond(const dor_kx_info *info, dor_span peer, dor_rng *rng, uint8_t *response,
                              uint8_t *secret)
{
    const dor_kx_info *curve = curve_of(info);
    const size_t ciphertext_len = (size_t)info->response_len - curve->response_len;
    uint8_t scalar[DOR_EC_MAX_SCALAR_LEN];
    dor_span key, share;
    dor_result result;

    split(info, peer, curve->public_len, &key, &share);
    DOR_TRY_GOTO(result, encapsulate(info, key, rng, kem_part(info, response, curve->response_len),
                                     kem_part(info, secret, curve->secret_len)));
    DOR_TRY_GOTO(result, curve->ops->make_private(curve, rng, scalar));
    DOR_TRY_GOTO(result,
                 curve->ops->public_of(curve, scalar, rng, curve_part(info, response, ciphertext_len)));
    result = curve->ops->derive(curve, scalar, share, rng, curve_part(info, secret, KEM_SECRET_LEN));
done:
    dor__wipe(scalar, sizeof(scalar));
    return result;
}

const dor_kx_ops dor__kx_ops_kem = {kem_make_private, kem_public_of, kem_derive, kem_respond};

#else

const bool dor__kx_have_kem = false;
const dor_kx_ops dor__kx_ops_kem;

#endif
