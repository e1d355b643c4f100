/*
 * private_key.c - private keys from DER: PKCS#8 (RFC 5208, 5958), SEC 1 (RFC 5915), PKCS#1 (RFC 8017 A.1.2),
 * Ed25519 and Ed448 (RFC 8410) and ML-DSA (RFC 9881) in PKCS#8.
 *
 * The public half of a curve key is always computed from the private one; what the file says must agree.
 */
#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/der.h"
#include "crypto/key.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/ed25519.h>

static dor_result malformed(void)
{
    return dor__error(DOR_E_FILE_MALFORMED);
}

static dor_result unsupported(void)
{
    return dor__error(DOR_E_KEY_UNSUPPORTED);
}

/* Takes public_half, also when it fails. */
static dor_result key_new(dor_public_key *public_half, dor_span secret, dor_private_key **key)
{
    dor_private_key *k = public_half ? dor__malloc(sizeof(*k) + secret.len) : NULL;
    if (!k) {
        dor__public_key_free(public_half);
        return dor__error(DOR_E_NOMEM);
    }
    atomic_init(&k->refs, 1);
    k->public_half = public_half;
    k->holder = NULL;
    k->release = NULL;
    k->secret_len = secret.len;
    if (secret.len) memcpy(k->secret, secret.ptr, secret.len);
    *key = k;
    return DOR_SUCCESS;
}

dor_result dor__private_key_elsewhere(dor_private_key **key, dor_span spki, void *holder,
                                      void (*release)(void *holder))
{
    dor_public_key *public_half = NULL;
    dor_result r = dor__public_key_from_spki(&public_half, spki);
    if (dor__ok(r)) r = key_new(public_half, DOR_SPAN_EMPTY, key);
    if (dor__failed(r)) {
        release(holder);
        return r;
    }
    (*key)->holder = holder;
    (*key)->release = release;
    return DOR_SUCCESS;
}

void *dor__private_key_holder(const dor_private_key *key)
{
    return key->release ? key->holder : NULL;
}

bool dor__private_key_is_elsewhere(const dor_private_key *key)
{
    return key->release != NULL;
}

const dor_public_key *dor__private_key_public(const dor_private_key *key)
{
    return key->public_half;
}

dor_private_key *dor__private_key_ref(dor_private_key *key)
{
    /* Relaxed: whoever calls holds a reference already, so nothing has to become visible by this. */
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void dor__private_key_unref(dor_private_key *key)
{
    /* Release: our uses come before. Acquire: the last one sees everybody's uses before it frees. */
    if (!key || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1) return;
    if (key->release) key->release(key->holder);
    dor__public_key_free(key->public_half);
    dor__free_wiped(key, sizeof(*key) + key->secret_len);
}

dor_key_type dor__private_key_type(const dor_private_key *key)
{
    return key->public_half->type;
}

size_t dor__private_key_max_sig_len(const dor_private_key *key)
{
    const dor_public_key *public_half = key->public_half;

    switch (public_half->type) {
    case DOR_KEY_RSA:
    case DOR_KEY_RSA_PSS: return public_half->n_len;
    case DOR_KEY_EC_P256:
        return 2 + 2 * (2 + 1 + 32); /* SEQUENCE of two INTEGERs, each perhaps with a zero in front */
    case DOR_KEY_EC_P384: return 2 + 2 * (2 + 1 + 48);
    case DOR_KEY_EC_P521:
        return 3 + 2 * (2 + 66); /* the first byte of a number has one bit: no zero in front */
    case DOR_KEY_ED25519: return ED25519_SIG_SIZE;
    case DOR_KEY_ED448: return DOR_ED448_SIG_LEN;
    case DOR_KEY_MLDSA44:
    case DOR_KEY_MLDSA65:
    case DOR_KEY_MLDSA87: return dor__mldsa_sig_len(public_half->type);
    case DOR_KEY_NONE: break;
    }
    return 0;
}

bool dor__key_pair_fits(const dor_private_key *key, const dor_public_key *public_key)
{
    const dor_public_key *ours = key->public_half;

    return ours->type == public_key->type && ours->n_len == public_key->n_len &&
           ours->e_len == public_key->e_len &&
           memcmp(ours->bytes, public_key->bytes, ours->n_len + ours->e_len) == 0;
}

/*
 * RSAPrivateKey ::= SEQUENCE { version 0, n, e, d, p, q, d mod (p-1), d mod (q-1), 1/q mod p }. Version 1 has more
 * than two primes, which nobody makes.
 */
static dor_result read_rsa(dor_key_type type, dor_hash_id pss_hash, dor_span der, dor_private_key **key)
{
    dor_reader outer = rd_from(der), r;
    dor_span n, e, number;
    uint8_t version;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_small(&r, &version));
    if (version != 0) return version == 1 ? unsupported() : malformed();
    DOR_TRY(dor__der_unsigned(&r, &n));
    DOR_TRY(dor__der_unsigned(&r, &e));
    dor_reason reason = dor__check_rsa_public(n, e);
    if (reason != DOR_REASON_NONE) return reason == DOR_REASON_CERT_MALFORMED ? malformed() : unsupported();
    for (int i = 0; i < 6; i++) {
        DOR_TRY(dor__der_unsigned(&r, &number));
        if (number.len == 0 || number.len > n.len) return malformed();
    }
    DOR_TRY(rd_end(&r));

    DOR_TRY(key_new(dor__public_key_new(type, n, e), der, key));
    (*key)->public_half->pss_hash = pss_hash;
    return DOR_SUCCESS;
}

static dor_result curve_of_oid(dor_span oid, dor_key_type *type)
{
    if (dor__span_equal(oid, dor__oid_p256))
        *type = DOR_KEY_EC_P256;
    else if (dor__span_equal(oid, dor__oid_p384))
        *type = DOR_KEY_EC_P384;
    else if (dor__span_equal(oid, dor__oid_p521))
        *type = DOR_KEY_EC_P521;
    else
        return unsupported();
    return DOR_SUCCESS;
}

static dor_result make_ec(dor_key_type type, dor_span scalar, dor_span stated_public, dor_private_key **key)
{
    const dor_ec_curve *curve = dor__key_curve(type);
    uint8_t padded[DOR_EC_MAX_SCALAR_LEN] = {0}, point[DOR_EC_MAX_POINT_LEN];
    size_t point_len = dor__ec_point_len(curve);
    dor_result result;

    if (scalar.len == 0 || scalar.len > curve->len) /* shorter ones come from old tools that drop zeros */
        return malformed();
    memcpy(padded + curve->len - scalar.len, scalar.ptr, scalar.len);
    DOR_TRY_GOTO(result, dor__ec_public_of(curve, padded, NULL, point));
    if (stated_public.len && !dor__span_equal(stated_public, dor__span(point, point_len))) {
        result = malformed();
        goto done;
    }
    result = key_new(dor__public_key_new(type, dor__span(point, point_len), DOR_SPAN_EMPTY),
                     dor__span(padded, curve->len), key);
done:
    dor__wipe(padded, sizeof(padded));
    return result;
}

/*
 * ECPrivateKey ::= SEQUENCE { version 1, privateKey OCTET STRING, parameters [0] OPTIONAL, publicKey [1] OPTIONAL }.
 * `outer_type` is what PKCS#8 has said of the curve already, or NONE.
 */
static dor_result read_ec(dor_key_type outer_type, dor_span der, dor_private_key **key)
{
    dor_reader outer = rd_from(der), r, field;
    dor_key_type type = outer_type;
    dor_span scalar, oid, stated = DOR_SPAN_EMPTY;
    uint8_t version;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_small(&r, &version));
    if (version != 1) return malformed();
    DOR_TRY(dor__der_read(&r, DOR_DER_OCTET_STRING, &scalar));
    if (dor__der_next_is(&r, DOR_DER_CONTEXT_CONSTRUCTED + 0)) {
        DOR_TRY(dor__der_enter(&r, DOR_DER_CONTEXT_CONSTRUCTED + 0, &field));
        if (!dor__der_next_is(&field, DOR_DER_OID)) return unsupported(); /* a curve spelt out */
        DOR_TRY(dor__der_read(&field, DOR_DER_OID, &oid));
        DOR_TRY(rd_end(&field));
        DOR_TRY(curve_of_oid(oid, &type));
        if (outer_type != DOR_KEY_NONE && type != outer_type) return malformed();
    }
    if (dor__der_next_is(&r, DOR_DER_CONTEXT_CONSTRUCTED + 1)) {
        DOR_TRY(dor__der_enter(&r, DOR_DER_CONTEXT_CONSTRUCTED + 1, &field));
        DOR_TRY(dor__der_bits(&field, &stated));
        DOR_TRY(rd_end(&field));
    }
    DOR_TRY(rd_end(&r));
    return type == DOR_KEY_NONE ? malformed() : make_ec(type, scalar, stated, key);
}

/* RFC 8410 section 7: CurvePrivateKey ::= OCTET STRING. */
static dor_result read_ed25519(dor_span der, dor_private_key **key)
{
    uint8_t point[ED25519_PUB_KEY_SIZE];
    dor_reader r = rd_from(der);
    dor_span seed;
    ed25519_key ed;

    DOR_TRY(dor__der_read(&r, DOR_DER_OCTET_STRING, &seed));
    DOR_TRY(rd_end(&r));
    if (seed.len != ED25519_KEY_SIZE) return malformed();
    DOR_TRY_WC(wc_ed25519_init(&ed));
    int code = wc_ed25519_import_private_only(seed.ptr, ED25519_KEY_SIZE, &ed);
    if (code == 0) code = wc_ed25519_make_public(&ed, point, sizeof(point));
    wc_ed25519_free(&ed);
    dor__wipe(&ed, sizeof(ed));
    DOR_TRY_WC(code);
    return key_new(dor__public_key_new(DOR_KEY_ED25519, dor__span(point, sizeof(point)), DOR_SPAN_EMPTY),
                   seed, key);
}

/* The same, with 57 bytes. */
static dor_result read_ed448(dor_span der, dor_private_key **key)
{
    uint8_t point[DOR_ED448_KEY_LEN];
    dor_reader r = rd_from(der);
    dor_span seed;

    DOR_TRY(dor__der_read(&r, DOR_DER_OCTET_STRING, &seed));
    DOR_TRY(rd_end(&r));
    if (seed.len != DOR_ED448_KEY_LEN) return malformed();
    dor_result result = dor__ed448_public_of(seed.ptr, point);
    if (dor__failed(result)) return result.code == DOR_E_NOT_SUPPORTED ? unsupported() : result;
    return key_new(dor__public_key_new(DOR_KEY_ED448, dor__span(point, sizeof(point)), DOR_SPAN_EMPTY), seed,
                   key);
}

static dor_result mldsa_from_seed(dor_key_type type, dor_span seed, dor_private_key **key)
{
    uint8_t secret[DOR_MLDSA_MAX_SECRET_LEN], point[DOR_MLDSA_MAX_POINT_LEN];
    dor_result result;

    if (seed.len != DOR_MLDSA_SEED_LEN) return malformed();
    DOR_TRY_GOTO(result, dor__mldsa_expand(type, seed.ptr, secret, point));
    result = key_new(dor__public_key_new(type, dor__span(point, dor__mldsa_public_len(type)), DOR_SPAN_EMPTY),
                     dor__span(secret, dor__mldsa_secret_len(type)), key);
done:
    dor__wipe(secret, sizeof(secret));
    return result;
}

/*
 * RFC 9881 section 6: CHOICE { seed [0] OCTET STRING, expandedKey OCTET STRING, both SEQUENCE { seed, expandedKey } }. What
 * is there without its seed is not taken: the seed is what can be checked, and what the RFC asks for.
 */
static dor_result read_mldsa(dor_key_type type, dor_span der, dor_private_key **key)
{
    dor_reader r = rd_from(der), both;
    dor_span seed, expanded;

    if (!dor__mldsa_built || dor__der_next_is(&r, DOR_DER_OCTET_STRING)) return unsupported();
    if (!dor__der_next_is(&r, DOR_DER_SEQUENCE)) {
        DOR_TRY(dor__der_read(&r, DOR_DER_CONTEXT + 0, &seed));
        DOR_TRY(rd_end(&r));
        return mldsa_from_seed(type, seed, key);
    }
    DOR_TRY(dor__der_enter(&r, DOR_DER_SEQUENCE, &both));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__der_read(&both, DOR_DER_OCTET_STRING, &seed));
    DOR_TRY(dor__der_read(&both, DOR_DER_OCTET_STRING, &expanded));
    DOR_TRY(rd_end(&both));
    DOR_TRY(mldsa_from_seed(type, seed, key));
    if (expanded.len == (*key)->secret_len && dor__ct_equal((*key)->secret, expanded.ptr, expanded.len))
        return DOR_SUCCESS;
    dor__private_key_unref(*key);
    *key = NULL;
    return malformed(); /* section 8: one of them was altered */
}

static dor_result read_by_algorithm(dor_reader *algorithm, dor_span inner, dor_private_key **key)
{
    dor_key_type type;
    dor_hash_id hash;
    dor_span oid, params;

    DOR_TRY(dor__der_read(algorithm, DOR_DER_OID, &oid));
    if (dor__span_equal(oid, dor__oid_rsa_encryption)) {
        if (rd_left(algorithm)) /* NULL; some tools leave it out */
            DOR_TRY(dor__der_read(algorithm, DOR_DER_NULL, &params));
        DOR_TRY(rd_end(algorithm));
        return read_rsa(DOR_KEY_RSA, DOR_HASH_NONE, inner, key);
    }
    if (dor__span_equal(oid, dor__oid_rsassa_pss)) {
        DOR_TRY(dor__read_pss_params(algorithm, &hash));
        return read_rsa(DOR_KEY_RSA_PSS, hash, inner, key);
    }
    if (dor__span_equal(oid, dor__oid_ec_public_key)) {
        if (!dor__der_next_is(algorithm, DOR_DER_OID)) return unsupported();
        DOR_TRY(dor__der_read(algorithm, DOR_DER_OID, &params));
        DOR_TRY(rd_end(algorithm));
        DOR_TRY(curve_of_oid(params, &type));
        return read_ec(type, inner, key);
    }
    if (dor__span_equal(oid, dor__oid_ed25519)) {
        DOR_TRY(rd_end(algorithm));
        return read_ed25519(inner, key);
    }
    if (dor__span_equal(oid, dor__oid_ed448)) {
        DOR_TRY(rd_end(algorithm));
        return read_ed448(inner, key);
    }
    type = dor__mldsa_of_oid(oid);
    if (type != DOR_KEY_NONE) {
        DOR_TRY(rd_end(algorithm));
        return read_mldsa(type, inner, key);
    }
    return unsupported();
}

/*
 * PrivateKeyInfo ::= SEQUENCE { version 0 or 1, AlgorithmIdentifier, privateKey OCTET STRING, attributes [0] OPTIONAL,
 * publicKey [1] OPTIONAL }. The optional parts say nothing that we need.
 */
static dor_result read_pkcs8(dor_reader *r, dor_private_key **key)
{
    dor_reader algorithm;
    dor_span inner, skipped;
    uint8_t version;

    DOR_TRY(dor__der_small(r, &version));
    if (version > 1) return malformed();
    DOR_TRY(dor__der_enter(r, DOR_DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__der_read(r, DOR_DER_OCTET_STRING, &inner));
    if (dor__der_next_is(r, DOR_DER_CONTEXT_CONSTRUCTED + 0))
        DOR_TRY(dor__der_read(r, DOR_DER_CONTEXT_CONSTRUCTED + 0, &skipped));
    if (dor__der_next_is(r, DOR_DER_CONTEXT + 1)) DOR_TRY(dor__der_read(r, DOR_DER_CONTEXT + 1, &skipped));
    DOR_TRY(rd_end(r));
    return read_by_algorithm(&algorithm, inner, key);
}

/* Which of the formats it is shows in what follows the version. */
static dor_result read_any(dor_span der, dor_private_key **key)
{
    dor_reader outer = rd_from(der), r;
    dor_span version;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    if (dor__der_next_is(&r, DOR_DER_SEQUENCE)) /* EncryptedPrivateKeyInfo starts with its algorithm */
        return dor__error(DOR_E_PASSWORD_NEEDED);
    dor_reader whole = r;
    DOR_TRY(dor__der_unsigned(&r, &version));
    if (dor__der_next_is(&r, DOR_DER_SEQUENCE)) return read_pkcs8(&whole, key);
    if (dor__der_next_is(&r, DOR_DER_OCTET_STRING)) return read_ec(DOR_KEY_NONE, der, key);
    if (dor__der_next_is(&r, DOR_DER_INTEGER)) return read_rsa(DOR_KEY_RSA, DOR_HASH_NONE, der, key);
    return malformed();
}

dor_result dor__private_key_from_der(dor_private_key **key, dor_span der)
{
    *key = NULL;
    dor_result result = read_any(der, key);

    dor__wipe_stack(); /* wolfCrypt's frames have had it as a number */
    if (result.code == DOR_DECODE_ERROR.code || result.code == DOR_E_BADARG) return malformed();
    if (dor_error_get_class(result.code) == DOR_CLASS_ALERT_SENT) /* PSS parameters that we don't know */
        return unsupported();
    return result;
}
