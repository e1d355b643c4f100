/*
 * rsa.c - RSA signatures: PKCS#1 v1.5 and PSS (RFC 8017); and the bare operation, for premaster.c.
 *
 * A v1.5 signature is verified by building the one encoding that the digest may have and comparing all of it
 * (RFC 8017 section 8.2.2 step 3), so there is nothing to parse and nothing to forge by it. PSS takes exactly one
 * salt length, the digest's (RFC 8446 section 4.2.3). Every signature we make is verified before it leaves: one made
 * wrongly, by a fault in the CRT, would give the private key away.
 */
#include "crypto/key.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/der.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/rsa.h>

enum { MAX_MODULUS_LEN = DOR_RSA_MAX_LEN, MIN_FILL = 8 };

static enum wc_HashType wc_hash_of(dor_hash_id id)
{
    switch (id) {
    case DOR_HASH_SHA256: return WC_HASH_TYPE_SHA256;
    case DOR_HASH_SHA384: return WC_HASH_TYPE_SHA384;
    default: return WC_HASH_TYPE_SHA512;
    }
}

static int wc_mgf_of(dor_hash_id id)
{
    switch (id) {
    case DOR_HASH_SHA256: return WC_MGF1SHA256;
    case DOR_HASH_SHA384: return WC_MGF1SHA384;
    default: return WC_MGF1SHA512;
    }
}

/* DigestInfo ::= SEQUENCE { SEQUENCE { hash OID, NULL }, OCTET STRING digest }, all lengths below 128. */
static size_t digest_info(dor_hash_id hash, const uint8_t *digest, uint8_t *out)
{
    dor_span oid = dor__oid_of_hash(hash);
    size_t digest_len = dor__hash_len(hash);
    size_t algorithm_len = 2 + oid.len + 2;
    size_t n = 0;

    out[n++] = DOR_DER_SEQUENCE;
    out[n++] = (uint8_t)(2 + algorithm_len + 2 + digest_len);
    out[n++] = DOR_DER_SEQUENCE;
    out[n++] = (uint8_t)algorithm_len;
    out[n++] = DOR_DER_OID;
    out[n++] = (uint8_t)oid.len;
    memcpy(out + n, oid.ptr, oid.len);
    n += oid.len;
    out[n++] = DOR_DER_NULL;
    out[n++] = 0;
    out[n++] = DOR_DER_OCTET_STRING;
    out[n++] = (uint8_t)digest_len;
    memcpy(out + n, digest, digest_len);
    return n + digest_len;
}

enum { MAX_DIGEST_INFO = 128 };

/* RFC 8017 section 9.2: 00 01 ff..ff 00 DigestInfo. */
static void encode_pkcs1(dor_hash_id hash, const uint8_t *digest, uint8_t *em, size_t em_len)
{
    uint8_t info[MAX_DIGEST_INFO];
    size_t info_len = digest_info(hash, digest, info);
    size_t fill = em_len - 3 - info_len; /* moduli have 256 bytes at least, so always more than MIN_FILL */

    em[0] = 0;
    em[1] = 1;
    memset(em + 2, 0xff, fill);
    em[2 + fill] = 0;
    memcpy(em + 3 + fill, info, info_len);
}

static dor_result load_public(const dor_public_key *key, RsaKey **rsa)
{
    *rsa = NULL;
    RsaKey *r = dor__malloc(sizeof(*r));
    if (!r) return dor__error(DOR_E_NOMEM);
    int code = wc_InitRsaKey(r, NULL);
    if (code == 0) {
        code = wc_RsaPublicKeyDecodeRaw(key->bytes, (word32)key->n_len, key->bytes + key->n_len,
                                        (word32)key->e_len, r);
        if (code == 0) {
            *rsa = r;
            return DOR_SUCCESS;
        }
        wc_FreeRsaKey(r);
    }
    dor__free(r);
    return dor__wc_result(code);
}

static dor_result load_private(const dor_private_key *key, RsaKey **rsa)
{
    word32 at = 0;

    *rsa = NULL;
    RsaKey *r = dor__malloc(sizeof(*r));
    if (!r) return dor__error(DOR_E_NOMEM);
    int code = wc_InitRsaKey(r, NULL);
    if (code == 0) {
        code = wc_RsaPrivateKeyDecode(key->secret, &at, r, (word32)key->secret_len);
        if (code == 0) {
            *rsa = r;
            return DOR_SUCCESS;
        }
        wc_FreeRsaKey(r);
    }
    dor__free_wiped(r, sizeof(*r));
    return dor__wc_result(code);
}

static void unload(RsaKey *rsa)
{
    if (!rsa) return;
    wc_FreeRsaKey(rsa);
    dor__free_wiped(rsa, sizeof(*rsa));
}

static dor_result verify_pkcs1(RsaKey *rsa, size_t n_len, dor_hash_id hash, const uint8_t *digest,
                               dor_span sig)
{
    uint8_t em[MAX_MODULUS_LEN], expected[MAX_MODULUS_LEN];
    word32 em_len = (word32)n_len;

    int code = wc_RsaDirect(sig.ptr, (word32)sig.len, em, &em_len, rsa, RSA_PUBLIC_DECRYPT, NULL);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    if (code < 0 || em_len != n_len) return dor__bad_signature();
    encode_pkcs1(hash, digest, expected, n_len);
    return memcmp(em, expected, n_len) == 0 ? DOR_SUCCESS : dor__bad_signature();
}

static dor_result verify_pss(RsaKey *rsa, dor_hash_id hash, const uint8_t *digest, dor_span sig)
{
    uint8_t em[MAX_MODULUS_LEN];
    int digest_len = (int)dor__hash_len(hash);

    int len = wc_RsaPSS_Verify_ex(sig.ptr, (word32)sig.len, em, sizeof(em), wc_hash_of(hash), wc_mgf_of(hash),
                                  digest_len, rsa);
    if (len == MEMORY_E) return dor__error(DOR_E_NOMEM);
    if (len < 0) return dor__bad_signature();
    int code = wc_RsaPSS_CheckPadding_ex(digest, (word32)digest_len, em, (word32)len, wc_hash_of(hash),
                                         digest_len, 0);
    return code == 0 ? DOR_SUCCESS : dor__bad_signature();
}

dor_result dor__rsa_verify(const dor_public_key *key, const dor_sig_info *info, const uint8_t *digest,
                           dor_span sig)
{
    RsaKey *rsa;

    /* RFC 8017 section 5.2.2: as long as the modulus, and smaller. */
    if (sig.len != key->n_len || memcmp(sig.ptr, key->bytes, key->n_len) >= 0) return dor__bad_signature();
    DOR_TRY(load_public(key, &rsa));
    dor_result result = info->kind == DOR_SIG_KIND_PKCS1
                            ? verify_pkcs1(rsa, key->n_len, info->hash, digest, sig)
                            : verify_pss(rsa, info->hash, digest, sig);
    unload(rsa);
    return result;
}

static dor_result make_signature(RsaKey *rsa, const dor_sig_info *info, const uint8_t *digest, WC_RNG *rng,
                                 uint8_t *sig, size_t n_len)
{
    int digest_len = (int)dor__hash_len(info->hash);
    int len;

#ifdef WC_RSA_BLINDING
    DOR_TRY_WC(wc_RsaSetRNG(rsa, rng));
#endif
    if (info->kind == DOR_SIG_KIND_PKCS1) {
        uint8_t encoded[MAX_DIGEST_INFO];
        size_t encoded_len = digest_info(info->hash, digest, encoded);
        len = wc_RsaSSL_Sign(encoded, (word32)encoded_len, sig, (word32)n_len, rsa, rng);
    } else {
        len = wc_RsaPSS_Sign_ex(digest, (word32)digest_len, sig, (word32)n_len, wc_hash_of(info->hash),
                                wc_mgf_of(info->hash), digest_len, rsa, rng);
    }
    if (len < 0) return dor__wc_result(len);
    return (size_t)len == n_len ? DOR_SUCCESS : dor__error(DOR_E_CRYPTO_FAILED);
}

dor_result dor__rsa_sign(const dor_private_key *key, const dor_sig_info *info, const uint8_t *digest,
                         dor_rng *rng, uint8_t *sig)
{
    const dor_public_key *public_half = key->public_half;
    RsaKey *rsa;
    WC_RNG *wc = dor__rng_wc(rng);

    if (!wc) return dor__error(DOR_E_RNG_FAILED);
    DOR_TRY(load_private(key, &rsa));
    dor_result result = make_signature(rsa, info, digest, wc, sig, public_half->n_len);
    unload(rsa);
    if (dor__ok(result)) {
        result = dor__rsa_verify(public_half, info, digest, dor__span(sig, public_half->n_len));
        if (dor__failed(result) && result.code != DOR_E_NOMEM) result = dor__error(DOR_E_CRYPTO_FAILED);
    }
    if (dor__failed(result)) dor__wipe(sig, public_half->n_len);
    return result;
}

/* ---- the operation alone ------------------------------------------------------------------------------------- */

dor_result dor__rsa_encrypt_raw(const dor_public_key *key, const uint8_t *in, uint8_t *out)
{
    word32 out_len = (word32)key->n_len;
    RsaKey *rsa;

    DOR_TRY(load_public(key, &rsa));
    int code = wc_RsaDirect(in, (word32)key->n_len, out, &out_len, rsa, RSA_PUBLIC_ENCRYPT, NULL);
    unload(rsa);
    if (code < 0) return dor__wc_result(code);
    return out_len == key->n_len ? DOR_SUCCESS : dor__error(DOR_E_CRYPTO_FAILED);
}

dor_result dor__rsa_decrypt_raw(const dor_private_key *key, const uint8_t *in, dor_rng *rng, uint8_t *out)
{
    size_t n_len = key->public_half->n_len;
    word32 out_len = (word32)n_len;
    WC_RNG *wc = dor__rng_wc(rng);
    RsaKey *rsa;
    int code = 0;

    memset(out, 0, n_len);
    if (!wc) return dor__error(DOR_E_RNG_FAILED);
    DOR_TRY(load_private(key, &rsa));
#ifdef WC_RSA_BLINDING
    code = wc_RsaSetRNG(rsa, wc);
#endif
    if (code == 0) code = wc_RsaDirect(in, (word32)n_len, out, &out_len, rsa, RSA_PRIVATE_DECRYPT, wc);
    unload(rsa);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    if (code < 0 || out_len != n_len) dor__wipe(out, n_len); /* whoever asks why is told nothing */
    return DOR_SUCCESS;
}
