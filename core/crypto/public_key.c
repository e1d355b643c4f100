/*
 * public_key.c - SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7; algorithms: RFC 3279, 4055, 5480, 8410, 9881).
 *
 * All of a key's values are checked here, once; verifying trusts them.
 */
#include "base/alloc.h"
#include "crypto/der.h"
#include "crypto/key.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/ed25519.h>

enum { MIN_RSA_BITS = 2048, MAX_RSA_BITS = 8192, MAX_E_LEN = 8 };

static dor_result malformed(void)
{
    return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_MALFORMED);
}

static dor_result unsupported(void)
{
    return dor__alert(DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_UNSUPPORTED);
}

dor_public_key *dor__public_key_new(dor_key_type type, dor_span n, dor_span e)
{
    dor_public_key *key = dor__malloc(sizeof(*key) + n.len + e.len);
    if (!key) return NULL;
    key->type = type;
    key->pss_hash = DOR_HASH_NONE;
    key->n_len = n.len;
    key->e_len = e.len;
    memcpy(key->bytes, n.ptr, n.len);
    if (e.len) memcpy(key->bytes + n.len, e.ptr, e.len);
    return key;
}

void dor__public_key_free(dor_public_key *key)
{
    dor__free(key);
}

dor_key_type dor__public_key_type(const dor_public_key *key)
{
    return key->type;
}

static size_t bit_len(dor_span v)
{
    size_t bits = v.len * 8;

    if (v.len == 0) return 0;
    for (uint8_t top = v.ptr[0]; !(top & 0x80); top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

/*
 * The magnitudes come without leading zeros. An exponent of more than 64 bits has no use but to make verifying slow.
 */
dor_reason dor__check_rsa_public(dor_span n, dor_span e)
{
    if (n.len == 0 || e.len == 0 || !(n.ptr[n.len - 1] & 1) || !(e.ptr[e.len - 1] & 1) ||
        (e.len == 1 && e.ptr[0] == 1))
        return DOR_REASON_CERT_MALFORMED;
    if (bit_len(n) < MIN_RSA_BITS) return DOR_REASON_CERT_WEAK;
    if (bit_len(n) > MAX_RSA_BITS || e.len > MAX_E_LEN) return DOR_REASON_CERT_UNSUPPORTED;
    return DOR_REASON_NONE;
}

/* AlgorithmIdentifier of a hash: the OID, parameters NULL or absent (RFC 4055 section 2.1). */
static dor_result read_hash_algorithm(dor_reader *r, dor_hash_id *hash)
{
    dor_reader algorithm;
    dor_span oid, null;

    DOR_TRY(dor__der_enter(r, DOR_DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__der_read(&algorithm, DOR_DER_OID, &oid));
    if (rd_left(&algorithm)) {
        DOR_TRY(dor__der_read(&algorithm, DOR_DER_NULL, &null));
        if (null.len) return DOR_DECODE_ERROR;
    }
    DOR_TRY(rd_end(&algorithm));
    *hash = dor__hash_of_oid(oid);
    return DOR_SUCCESS;
}

/* [1] maskGenAlgorithm: MGF1 with a hash. NONE in *hash for any other function. */
static dor_result read_mgf(dor_reader *r, dor_hash_id *hash)
{
    dor_reader algorithm;
    dor_span oid;

    *hash = DOR_HASH_NONE;
    DOR_TRY(dor__der_enter(r, DOR_DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__der_read(&algorithm, DOR_DER_OID, &oid));
    if (!dor__span_equal(oid, dor__oid_mgf1)) return DOR_SUCCESS;
    DOR_TRY(read_hash_algorithm(&algorithm, hash));
    return rd_end(&algorithm);
}

/*
 * SEQUENCE { [0] hash DEFAULT sha1, [1] mgf DEFAULT mgf1SHA1, [2] saltLength DEFAULT 20, [3] trailer DEFAULT 1 }.
 * We know SHA-2 with MGF1 over the same hash and TLS's salt length, so the defaults are never what we can use.
 */
static dor_result read_pss_fields(dor_reader *r, dor_hash_id *hash, bool *usable)
{
    dor_hash_id digest = DOR_HASH_NONE, mask = DOR_HASH_NONE;
    uint8_t salt_len = 20, trailer = 1;
    dor_reader field;

    if (dor__der_next_is(r, DOR_DER_CONTEXT_CONSTRUCTED + 0)) {
        DOR_TRY(dor__der_enter(r, DOR_DER_CONTEXT_CONSTRUCTED + 0, &field));
        DOR_TRY(read_hash_algorithm(&field, &digest));
        DOR_TRY(rd_end(&field));
    }
    if (dor__der_next_is(r, DOR_DER_CONTEXT_CONSTRUCTED + 1)) {
        DOR_TRY(dor__der_enter(r, DOR_DER_CONTEXT_CONSTRUCTED + 1, &field));
        DOR_TRY(read_mgf(&field, &mask));
        DOR_TRY(rd_end(&field));
    }
    if (dor__der_next_is(r, DOR_DER_CONTEXT_CONSTRUCTED + 2)) {
        DOR_TRY(dor__der_enter(r, DOR_DER_CONTEXT_CONSTRUCTED + 2, &field));
        DOR_TRY(dor__der_small(&field, &salt_len));
        DOR_TRY(rd_end(&field));
    }
    if (dor__der_next_is(r, DOR_DER_CONTEXT_CONSTRUCTED + 3)) {
        DOR_TRY(dor__der_enter(r, DOR_DER_CONTEXT_CONSTRUCTED + 3, &field));
        DOR_TRY(dor__der_small(&field, &trailer));
        DOR_TRY(rd_end(&field));
    }
    DOR_TRY(rd_end(r));
    /* In a key the salt length is a minimum (RFC 4055 section 3.3). */
    *usable = digest != DOR_HASH_NONE && mask == digest && salt_len <= dor__hash_len(digest) && trailer == 1;
    *hash = digest;
    return DOR_SUCCESS;
}

dor_result dor__read_pss_params(dor_reader *params, dor_hash_id *hash)
{
    dor_reader fields;
    bool usable;

    *hash = DOR_HASH_NONE;
    if (rd_left(params) == 0) return DOR_SUCCESS;
    DOR_TRY(dor__der_enter(params, DOR_DER_SEQUENCE, &fields));
    DOR_TRY(rd_end(params));
    DOR_TRY(read_pss_fields(&fields, hash, &usable));
    return usable ? DOR_SUCCESS : unsupported();
}

static dor_result read_rsa(dor_key_type type, dor_span bits, dor_public_key **key)
{
    dor_reader outer = rd_from(bits), r;
    dor_span n, e;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r)); /* RFC 8017 A.1.1 */
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_unsigned(&r, &n));
    DOR_TRY(dor__der_unsigned(&r, &e));
    DOR_TRY(rd_end(&r));
    dor_reason reason = dor__check_rsa_public(n, e);
    if (reason == DOR_REASON_CERT_UNSUPPORTED) return unsupported();
    if (reason != DOR_REASON_NONE) return dor__alert(DOR_ALERT_BAD_CERTIFICATE, reason);
    *key = dor__public_key_new(type, n, e);
    return *key ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

static dor_result read_pss(dor_reader *params, dor_span bits, dor_public_key **key)
{
    dor_hash_id hash;

    DOR_TRY(dor__read_pss_params(params, &hash));
    DOR_TRY(read_rsa(DOR_KEY_RSA_PSS, bits, key));
    (*key)->pss_hash = hash;
    return DOR_SUCCESS;
}

/* RFC 5480 section 2.1.1: the curve by its name, never spelt out (CVE-2020-0601 came of those). */
static dor_result read_ec(dor_reader *params, dor_span bits, dor_public_key **key)
{
    dor_key_type type;
    dor_span oid;
    ecc_key ec;

    if (!dor__der_next_is(params, DOR_DER_OID)) return rd_left(params) ? unsupported() : malformed();
    DOR_TRY(dor__der_read(params, DOR_DER_OID, &oid));
    DOR_TRY(rd_end(params));
    if (dor__span_equal(oid, dor__oid_p256))
        type = DOR_KEY_EC_P256;
    else if (dor__span_equal(oid, dor__oid_p384))
        type = DOR_KEY_EC_P384;
    else if (dor__span_equal(oid, dor__oid_p521))
        type = DOR_KEY_EC_P521;
    else
        return unsupported();

    const dor_ec_curve *curve = dor__key_curve(type);
    if (bits.len == 1 + curve->len && (bits.ptr[0] == 2 || bits.ptr[0] == 3))
        return unsupported(); /* a compressed point, which TLS has given up (RFC 8422 section 5.1.2) */
    DOR_TRY(dor__ec_import_public(curve, bits, &ec));
    wc_ecc_free(&ec);
    *key = dor__public_key_new(type, bits, DOR_SPAN_EMPTY);
    return *key ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

static dor_result read_ed25519(dor_reader *params, dor_span bits, dor_public_key **key)
{
    ed25519_key ed;

    DOR_TRY(rd_end(params)); /* RFC 8410 section 3: absent */
    if (bits.len != ED25519_PUB_KEY_SIZE) return malformed();
    DOR_TRY_WC(wc_ed25519_init(&ed));
    int code = wc_ed25519_import_public(bits.ptr, ED25519_PUB_KEY_SIZE, &ed);
    wc_ed25519_free(&ed);
    if (code != 0) return malformed();
    *key = dor__public_key_new(DOR_KEY_ED25519, bits, DOR_SPAN_EMPTY);
    return *key ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

static dor_result read_ed448(dor_reader *params, dor_span bits, dor_public_key **key)
{
    DOR_TRY(rd_end(params)); /* RFC 8410 section 3: absent */
    dor_result result = dor__ed448_check(bits);
    if (dor__failed(result)) return result.code == DOR_E_NOT_SUPPORTED ? unsupported() : result;
    *key = dor__public_key_new(DOR_KEY_ED448, bits, DOR_SPAN_EMPTY);
    return *key ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

dor_key_type dor__mldsa_of_oid(dor_span oid)
{
    if (dor__span_equal(oid, dor__oid_mldsa44)) return DOR_KEY_MLDSA44;
    if (dor__span_equal(oid, dor__oid_mldsa65)) return DOR_KEY_MLDSA65;
    return dor__span_equal(oid, dor__oid_mldsa87) ? DOR_KEY_MLDSA87 : DOR_KEY_NONE;
}

static dor_result read_mldsa(dor_key_type type, dor_reader *params, dor_span bits, dor_public_key **key)
{
    if (!dor__mldsa_built) return unsupported();
    DOR_TRY(rd_end(params)); /* RFC 9881 section 3: absent */
    if (bits.len != dor__mldsa_public_len(type)) return malformed();
    *key = dor__public_key_new(type, bits, DOR_SPAN_EMPTY);
    return *key ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

static dor_result read_rsa_encryption(dor_reader *params, dor_span bits, dor_public_key **key)
{
    dor_span null;

    DOR_TRY(dor__der_read(params, DOR_DER_NULL, &null)); /* RFC 3279 section 2.3.1 */
    if (null.len) return DOR_DECODE_ERROR;
    DOR_TRY(rd_end(params));
    return read_rsa(DOR_KEY_RSA, bits, key);
}

static dor_result read_spki(dor_span spki, dor_public_key **key)
{
    dor_reader outer = rd_from(spki), r, algorithm;
    dor_span oid, bits;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_enter(&r, DOR_DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__der_bits(&r, &bits));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__der_read(&algorithm, DOR_DER_OID, &oid));
    if (dor__span_equal(oid, dor__oid_rsa_encryption)) return read_rsa_encryption(&algorithm, bits, key);
    if (dor__span_equal(oid, dor__oid_rsassa_pss)) return read_pss(&algorithm, bits, key);
    if (dor__span_equal(oid, dor__oid_ec_public_key)) return read_ec(&algorithm, bits, key);
    if (dor__span_equal(oid, dor__oid_ed25519)) return read_ed25519(&algorithm, bits, key);
    if (dor__span_equal(oid, dor__oid_ed448)) return read_ed448(&algorithm, bits, key);
    const dor_key_type mldsa = dor__mldsa_of_oid(oid);
    if (mldsa != DOR_KEY_NONE) return read_mldsa(mldsa, &algorithm, bits, key);
    return unsupported();
}

dor_result dor__public_key_from_spki(dor_public_key **key, dor_span spki)
{
    *key = NULL;
    dor_result result = read_spki(spki, key);
    if (result.code == DOR_DECODE_ERROR.code || result.code == DOR_E_BADARG) return malformed();
    return result;
}
