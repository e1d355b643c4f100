/*
 * mldsa.c - ML-DSA (FIPS 204) through wolfCrypt: pure, with an empty context, hedged, as draft-ietf-tls-mldsa and RFC 9881 have it.
 *
 * A key is kept expanded (2.5 to 4.9 KB): to expand the seed for each signature would nearly double its cost. wolfCrypt's
 * structure is made for each operation, like those of other keys.
 */
#include "base/ct.h"
#include "crypto/key.h"
#include "crypto/wc.h"

#if defined(WOLFSSL_HAVE_MLDSA) && __has_include(<wolfssl/wolfcrypt/wc_mldsa.h>)
#include <wolfssl/wolfcrypt/wc_mldsa.h>

const bool dor__mldsa_built = true;

static_assert(DOR_MLDSA_MAX_SECRET_LEN == WC_MLDSA_87_KEY_SIZE, "room for an expanded key");
static_assert(DOR_MLDSA_MAX_POINT_LEN == WC_MLDSA_87_PUB_KEY_SIZE, "room for a public key");
static_assert(DOR_SIG_MAX_LEN == WC_MLDSA_87_SIG_SIZE, "room for a signature");
static_assert(DOR_MLDSA_SEED_LEN == MLDSA_SEED_SZ, "FIPS 204 has one length");

typedef struct mldsa_info {
    dor_key_type type;
    uint8_t level; /* wolfCrypt's name of it, and NIST's category */
    uint16_t public_len, secret_len, sig_len;
} mldsa_info;

static const mldsa_info kinds[] = {
    {DOR_KEY_MLDSA44, WC_ML_DSA_44, WC_MLDSA_44_PUB_KEY_SIZE, WC_MLDSA_44_KEY_SIZE, WC_MLDSA_44_SIG_SIZE},
    {DOR_KEY_MLDSA65, WC_ML_DSA_65, WC_MLDSA_65_PUB_KEY_SIZE, WC_MLDSA_65_KEY_SIZE, WC_MLDSA_65_SIG_SIZE},
    {DOR_KEY_MLDSA87, WC_ML_DSA_87, WC_MLDSA_87_PUB_KEY_SIZE, WC_MLDSA_87_KEY_SIZE, WC_MLDSA_87_SIG_SIZE},
};

static const uint8_t nothing;

static const uint8_t *start_of(dor_span message)
{
    return message.len ? message.ptr : &nothing;
}

static const mldsa_info *info_of(dor_key_type type)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].type == type) return &kinds[i];
    return NULL;
}

static dor_result key_init(const mldsa_info *info, wc_MlDsaKey *key)
{
    DOR_TRY_WC(wc_MlDsaKey_Init(key, NULL, INVALID_DEVID));
    DOR_TRY_WC(wc_MlDsaKey_SetParams(key, info->level));
    return DOR_SUCCESS;
}

static void key_fini(wc_MlDsaKey *key)
{
    wc_MlDsaKey_Free(key);
    dor__wipe(key, sizeof(*key));
}

size_t dor__mldsa_public_len(dor_key_type type)
{
    const mldsa_info *info = info_of(type);
    return info ? info->public_len : 0;
}

size_t dor__mldsa_secret_len(dor_key_type type)
{
    const mldsa_info *info = info_of(type);
    return info ? info->secret_len : 0;
}

size_t dor__mldsa_sig_len(dor_key_type type)
{
    const mldsa_info *info = info_of(type);
    return info ? info->sig_len : 0;
}

dor_result dor__mldsa_expand(dor_key_type type, const uint8_t *seed, uint8_t *secret, uint8_t *point)
{
    const mldsa_info *info = info_of(type);
    word32 secret_len = info->secret_len, point_len = info->public_len;
    wc_MlDsaKey key;
    dor_result result;

    DOR_TRY_GOTO(result, key_init(info, &key));
    DOR_TRY_WC_GOTO(result, wc_MlDsaKey_MakeKeyFromSeed(&key, seed));
    DOR_TRY_WC_GOTO(result, wc_MlDsaKey_ExportPrivRaw(&key, secret, &secret_len));
    DOR_TRY_WC_GOTO(result, wc_MlDsaKey_ExportPubRaw(&key, point, &point_len));
done:
    key_fini(&key);
    return result;
}

dor_result dor__mldsa_sign(const dor_private_key *key, dor_span message, dor_rng *rng, uint8_t *sig,
                           size_t *sig_len)
{
    const mldsa_info *info = info_of(key->public_half->type);
    uint8_t hedge[MLDSA_RND_SZ];
    word32 len = info->sig_len;
    wc_MlDsaKey wc;
    dor_result result;

    if (message.len > UINT32_MAX) return dor__error(DOR_E_BADARG);
    DOR_TRY(dor__rng_fill(rng, hedge, sizeof(hedge)));
    DOR_TRY_GOTO(result, key_init(info, &wc));
    DOR_TRY_WC_GOTO(result, wc_MlDsaKey_ImportPrivRaw(&wc, key->secret, (word32)key->secret_len));
    DOR_TRY_WC_GOTO(result, wc_MlDsaKey_SignCtxWithSeed(&wc, NULL, 0, sig, &len, start_of(message),
                                                        (word32)message.len, hedge));
    *sig_len = len;
done:
    key_fini(&wc);
    dor__wipe(hedge, sizeof(hedge));
    return result;
}

dor_result dor__mldsa_verify(const dor_public_key *key, dor_span message, dor_span sig)
{
    const mldsa_info *info = info_of(key->type);
    wc_MlDsaKey wc;
    int fits = 0, code = 0;

    if (sig.len != info->sig_len || message.len > UINT32_MAX) return dor__bad_signature();
    dor_result result = key_init(info, &wc);
    if (dor__ok(result)) {
        code = wc_MlDsaKey_ImportPubRaw(&wc, key->bytes, (word32)key->n_len);
        if (code == 0)
            code = wc_MlDsaKey_VerifyCtx(&wc, sig.ptr, (word32)sig.len, NULL, 0, start_of(message),
                                         (word32)message.len, &fits);
    }
    wc_MlDsaKey_Free(&wc);
    DOR_TRY(result);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    return code == 0 && fits == 1 ? DOR_SUCCESS : dor__bad_signature();
}

#else

const bool dor__mldsa_built = false;

size_t dor__mldsa_public_len(dor_key_type type)
{
    (void)type;
    return 0;
}

size_t dor__mldsa_secret_len(dor_key_type type)
{
    (void)type;
    return 0;
}

size_t dor__mldsa_sig_len(dor_key_type type)
{
    (void)type;
    return 0;
}

dor_result dor__mldsa_expand(dor_key_type type, const uint8_t *seed, uint8_t *secret, uint8_t *point)
{
    (void)type, (void)seed, (void)secret, (void)point;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__mldsa_sign(const dor_private_key *key, dor_span message, dor_rng *rng, uint8_t *sig,
                           size_t *sig_len)
{
    (void)key, (void)message, (void)rng, (void)sig, (void)sig_len;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__mldsa_verify(const dor_public_key *key, dor_span message, dor_span sig)
{
    (void)key, (void)message, (void)sig;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

#endif
