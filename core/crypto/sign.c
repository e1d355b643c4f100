/*
 * sign.c - signing and verifying by TLS signature scheme (RFC 8446 section 4.2.3).
 *
 * ECDSA signatures are read strictly before wolfCrypt sees them: one DER form, both numbers within
 * [1, n - 1], nothing behind, so that no signature has a second encoding.
 */
#include "crypto/sign.h"

#include "base/ct.h"
#include "crypto/der.h"
#include "crypto/key.h"
#include "crypto/wc.h"

#include <strings.h>

#include <wolfssl/wolfcrypt/ed25519.h>

/* clang-format off */
static const dor_sig_info schemes[] = {
    {DOR_SIG_RSA_PKCS1_SHA256, DOR_SIG_KIND_PKCS1, DOR_HASH_SHA256, DOR_KEY_NONE, "rsa_pkcs1_sha256"},
    {DOR_SIG_RSA_PKCS1_SHA384, DOR_SIG_KIND_PKCS1, DOR_HASH_SHA384, DOR_KEY_NONE, "rsa_pkcs1_sha384"},
    {DOR_SIG_RSA_PKCS1_SHA512, DOR_SIG_KIND_PKCS1, DOR_HASH_SHA512, DOR_KEY_NONE, "rsa_pkcs1_sha512"},
    {DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SIG_KIND_ECDSA, DOR_HASH_SHA256, DOR_KEY_EC_P256, "ecdsa_secp256r1_sha256"},
    {DOR_SIG_ECDSA_SECP384R1_SHA384, DOR_SIG_KIND_ECDSA, DOR_HASH_SHA384, DOR_KEY_EC_P384, "ecdsa_secp384r1_sha384"},
    {DOR_SIG_ECDSA_SHA512, DOR_SIG_KIND_ECDSA, DOR_HASH_SHA512, DOR_KEY_EC_P521, "ecdsa_secp521r1_sha512"},
    {DOR_SIG_RSA_PSS_RSAE_SHA256, DOR_SIG_KIND_PSS, DOR_HASH_SHA256, DOR_KEY_RSA, "rsa_pss_rsae_sha256"},
    {DOR_SIG_RSA_PSS_RSAE_SHA384, DOR_SIG_KIND_PSS, DOR_HASH_SHA384, DOR_KEY_RSA, "rsa_pss_rsae_sha384"},
    {DOR_SIG_RSA_PSS_RSAE_SHA512, DOR_SIG_KIND_PSS, DOR_HASH_SHA512, DOR_KEY_RSA, "rsa_pss_rsae_sha512"},
    {DOR_SIG_ED25519, DOR_SIG_KIND_ED25519, DOR_HASH_NONE, DOR_KEY_ED25519, "ed25519"},
    {DOR_SIG_ED448, DOR_SIG_KIND_ED448, DOR_HASH_NONE, DOR_KEY_ED448, "ed448"},
    {DOR_SIG_RSA_PSS_PSS_SHA256, DOR_SIG_KIND_PSS, DOR_HASH_SHA256, DOR_KEY_RSA_PSS, "rsa_pss_pss_sha256"},
    {DOR_SIG_RSA_PSS_PSS_SHA384, DOR_SIG_KIND_PSS, DOR_HASH_SHA384, DOR_KEY_RSA_PSS, "rsa_pss_pss_sha384"},
    {DOR_SIG_RSA_PSS_PSS_SHA512, DOR_SIG_KIND_PSS, DOR_HASH_SHA512, DOR_KEY_RSA_PSS, "rsa_pss_pss_sha512"},
    {DOR_SIG_MLDSA44, DOR_SIG_KIND_MLDSA, DOR_HASH_NONE, DOR_KEY_MLDSA44, "mldsa44"},
    {DOR_SIG_MLDSA65, DOR_SIG_KIND_MLDSA, DOR_HASH_NONE, DOR_KEY_MLDSA65, "mldsa65"},
    {DOR_SIG_MLDSA87, DOR_SIG_KIND_MLDSA, DOR_HASH_NONE, DOR_KEY_MLDSA87, "mldsa87"},
};
/* clang-format on */

const dor_sig_info *dor__sig_info(dor_sig_scheme scheme)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (schemes[i].scheme == scheme) return &schemes[i];
    return NULL;
}

const char *dor__sig_name(dor_sig_scheme scheme)
{
    const dor_sig_info *info = dor__sig_info(scheme);
    return info ? info->name : NULL;
}

static bool is_built(const dor_sig_info *info)
{
    if (info->kind == DOR_SIG_KIND_ED448) return dor__ed448_built;
    return info->kind != DOR_SIG_KIND_MLDSA || dor__mldsa_built;
}

dor_sig_scheme dor__sig_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strcasecmp(schemes[i].name, name) == 0) return is_built(&schemes[i]) ? schemes[i].scheme : 0;
    return 0;
}

dor_hash_id dor__sig_hash(dor_sig_scheme scheme)
{
    const dor_sig_info *info = dor__sig_info(scheme);
    return info ? info->hash : DOR_HASH_NONE;
}

bool dor__sig_fits_key(dor_sig_scheme scheme, dor_key_type type)
{
    const dor_sig_info *info = dor__sig_info(scheme);

    if (!info) return false;
    switch (info->kind) {
    case DOR_SIG_KIND_PKCS1: return type == DOR_KEY_RSA;
    case DOR_SIG_KIND_ECDSA: return dor__key_curve(type) != NULL;
    case DOR_SIG_KIND_PSS:
    case DOR_SIG_KIND_ED25519:
    case DOR_SIG_KIND_ED448:
    case DOR_SIG_KIND_MLDSA: return type == info->tls13;
    }
    return false;
}

bool dor__sig_allowed_in_tls13(dor_sig_scheme scheme, dor_key_type type)
{
    const dor_sig_info *info = dor__sig_info(scheme);
    return info && type != DOR_KEY_NONE && info->tls13 == type;
}

bool dor__sig_allowed_in_tls12(dor_sig_scheme scheme, dor_key_type type)
{
    const dor_sig_info *info = dor__sig_info(scheme);
    return info && info->kind != DOR_SIG_KIND_MLDSA && dor__sig_fits_key(scheme, type);
}

bool dor__sig_fits_public(const dor_sig_info *info, const dor_public_key *key)
{
    return info && dor__sig_fits_key(info->scheme, key->type) &&
           (key->pss_hash == DOR_HASH_NONE || key->pss_hash == info->hash);
}

bool dor__sig_fits_private(dor_sig_scheme scheme, const dor_private_key *key)
{
    return dor__sig_fits_public(dor__sig_info(scheme), key->public_half);
}

const dor_ec_curve *dor__key_curve(dor_key_type type)
{
    switch (type) {
    case DOR_KEY_EC_P256: return &dor__ec_p256;
    case DOR_KEY_EC_P384: return &dor__ec_p384;
    case DOR_KEY_EC_P521: return &dor__ec_p521;
    default: return NULL;
    }
}

dor_result dor__bad_signature(void)
{
    return dor__alert(DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
}

static dor_result sign_ecdsa(const dor_private_key *key, dor_hash_id hash, const uint8_t *digest,
                             dor_rng *rng, uint8_t *sig, size_t cap, size_t *sig_len)
{
    ecc_key ec;
    word32 len = (word32)cap;
    dor_result result = DOR_SUCCESS;
    WC_RNG *wc = dor__rng_wc(rng);

    if (!wc) return dor__error(DOR_E_RNG_FAILED);
    DOR_TRY(dor__ec_import_private(dor__key_curve(key->public_half->type), key->secret, &ec));
    DOR_TRY_WC_GOTO(result, wc_ecc_sign_hash(digest, (word32)dor__hash_len(hash), sig, &len, wc, &ec));
    *sig_len = len;
done:
    wc_ecc_free(&ec);
    return result;
}

static dor_result sign_ed25519(const dor_private_key *key, dor_span message, uint8_t *sig, size_t *sig_len)
{
    static const uint8_t nothing;
    ed25519_key ed;
    word32 len = ED25519_SIG_SIZE;
    dor_result result = DOR_SUCCESS;

    if (message.len > UINT32_MAX) return dor__error(DOR_E_BADARG);
    DOR_TRY_WC(wc_ed25519_init(&ed));
    DOR_TRY_WC_GOTO(result,
                    wc_ed25519_import_private_key_ex(key->secret, ED25519_KEY_SIZE, key->public_half->bytes,
                                                     ED25519_PUB_KEY_SIZE, &ed, 1));
    DOR_TRY_WC_GOTO(result, wc_ed25519_sign_msg(message.len ? message.ptr : &nothing, (word32)message.len,
                                                sig, &len, &ed));
    *sig_len = len;
done:
    wc_ed25519_free(&ed);
    dor__wipe(&ed, sizeof(ed));
    return result;
}

static dor_result sign(const dor_private_key *key, dor_sig_scheme scheme, dor_span message, dor_rng *rng,
                       uint8_t *sig, size_t cap, size_t *sig_len)
{
    const dor_sig_info *info = dor__sig_info(scheme);
    uint8_t digest[DOR_HASH_MAX_LEN];

    if (key->release || !dor__sig_fits_public(info, key->public_half) ||
        cap < dor__private_key_max_sig_len(key))
        return dor__error(DOR_E_BADARG);
    if (info->kind == DOR_SIG_KIND_ED25519) return sign_ed25519(key, message, sig, sig_len);
    if (info->kind == DOR_SIG_KIND_ED448) return dor__ed448_sign(key, message, sig, sig_len);
    if (info->kind == DOR_SIG_KIND_MLDSA) return dor__mldsa_sign(key, message, rng, sig, sig_len);

    DOR_TRY(dor__hash_once(info->hash, message, digest));
    if (info->kind == DOR_SIG_KIND_ECDSA) return sign_ecdsa(key, info->hash, digest, rng, sig, cap, sig_len);
    DOR_TRY(dor__rsa_sign(key, info, digest, rng, sig));
    *sig_len = key->public_half->n_len;
    return DOR_SUCCESS;
}

dor_result dor__sign(const dor_private_key *key, dor_sig_scheme scheme, dor_span message, dor_rng *rng,
                     uint8_t *sig, size_t cap, size_t *sig_len)
{
    dor_result result = sign(key, scheme, message, rng, sig, cap, sig_len);
    dor__wipe_stack(); /* wolfCrypt's frames have had the key and the nonce as numbers */
    return result;
}

/* One of an ECDSA signature's numbers: minimal, within [1, n - 1]. */
static dor_result read_ecdsa_number(const dor_ec_curve *curve, dor_reader *r)
{
    uint8_t padded[DOR_EC_MAX_SCALAR_LEN] = {0};
    dor_span v;

    DOR_TRY(dor__der_unsigned(r, &v));
    if (v.len == 0 || v.len > curve->len) return DOR_DECODE_ERROR;
    memcpy(padded + curve->len - v.len, v.ptr, v.len);
    return dor__ec_below_order(curve, padded) ? DOR_SUCCESS : DOR_DECODE_ERROR;
}

/* RFC 3279 section 2.2.3: Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }. */
static dor_result check_ecdsa_form(const dor_ec_curve *curve, dor_span sig)
{
    dor_reader outer = rd_from(sig), r;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(read_ecdsa_number(curve, &r));
    DOR_TRY(read_ecdsa_number(curve, &r));
    return rd_end(&r);
}

static dor_result verify_ecdsa(const dor_public_key *key, dor_hash_id hash, const uint8_t *digest,
                               dor_span sig)
{
    const dor_ec_curve *curve = dor__key_curve(key->type);
    ecc_key ec;
    int fits = 0;

    if (dor__failed(check_ecdsa_form(curve, sig))) return dor__bad_signature();
    DOR_TRY(dor__ec_load_public(curve, dor__span(key->bytes, key->n_len), &ec));
    int code = wc_ecc_verify_hash(sig.ptr, (word32)sig.len, digest, (word32)dor__hash_len(hash), &fits, &ec);
    wc_ecc_free(&ec);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    return code == 0 && fits == 1 ? DOR_SUCCESS : dor__bad_signature();
}

static dor_result verify_ed25519(const dor_public_key *key, dor_span message, dor_span sig)
{
    static const uint8_t nothing;
    ed25519_key ed;
    int fits = 0;

    if (sig.len != ED25519_SIG_SIZE || message.len > UINT32_MAX) return dor__bad_signature();
    DOR_TRY_WC(wc_ed25519_init(&ed));
    int code = wc_ed25519_import_public_ex(key->bytes, ED25519_PUB_KEY_SIZE, &ed, 1);
    if (code == 0)
        code = wc_ed25519_verify_msg(sig.ptr, ED25519_SIG_SIZE, message.len ? message.ptr : &nothing,
                                     (word32)message.len, &fits, &ed);
    wc_ed25519_free(&ed);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    return code == 0 && fits == 1 ? DOR_SUCCESS : dor__bad_signature();
}

dor_result dor__verify(const dor_public_key *key, dor_sig_scheme scheme, dor_span message, dor_span sig)
{
    const dor_sig_info *info = dor__sig_info(scheme);
    uint8_t digest[DOR_HASH_MAX_LEN];

    if (!dor__sig_fits_public(info, key))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_SIGNATURE);
    if (info->kind == DOR_SIG_KIND_ED25519) return verify_ed25519(key, message, sig);
    if (info->kind == DOR_SIG_KIND_ED448) return dor__ed448_verify(key, message, sig);
    if (info->kind == DOR_SIG_KIND_MLDSA) return dor__mldsa_verify(key, message, sig);

    DOR_TRY(dor__hash_once(info->hash, message, digest));
    if (info->kind == DOR_SIG_KIND_ECDSA) return verify_ecdsa(key, info->hash, digest, sig);
    return dor__rsa_verify(key, info, digest, sig);
}
