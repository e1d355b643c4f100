/*
 * signature.c - the signature on a certificate: which scheme its AlgorithmIdentifier names, and whether it
 * verifies (RFC 5280 sections 4.1.1.2, 4.1.1.3 and 6.1.3 (a) (1)).
 */
#include "x509/certificate_parts.h"
#include "x509/oid.h"

/* The alert for weak ones is that of RFC 8446 section 4.4.2.4. */
#define WEAK        dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_WEAK)
#define UNSUPPORTED dor__alert(DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_UNSUPPORTED)

typedef enum parameter_rule {
    PARAMETERS_NULL,   /* RFC 4055 section 5: NULL, and absent is to be accepted too */
    PARAMETERS_ABSENT, /* RFC 5758 section 3.2, RFC 8410 section 3, RFC 9881 section 3 */
} parameter_rule;

typedef struct algorithm_row {
    dor_span oid;
    dor_sig_scheme scheme; /* 0: broken, and refused as weak */
    parameter_rule parameters;
} algorithm_row;

/* All but RSASSA-PSS, whose parameters say the rest. */
static const algorithm_row algorithms[] = {
    {OID_INIT(OID_SHA256_RSA), DOR_SIG_RSA_PKCS1_SHA256, PARAMETERS_NULL},
    {OID_INIT(OID_SHA384_RSA), DOR_SIG_RSA_PKCS1_SHA384, PARAMETERS_NULL},
    {OID_INIT(OID_SHA512_RSA), DOR_SIG_RSA_PKCS1_SHA512, PARAMETERS_NULL},
    {OID_INIT(OID_SHA256_ECDSA), DOR_SIG_ECDSA_SECP256R1_SHA256, PARAMETERS_ABSENT},
    {OID_INIT(OID_SHA384_ECDSA), DOR_SIG_ECDSA_SECP384R1_SHA384, PARAMETERS_ABSENT},
    {OID_INIT(OID_SHA512_ECDSA), DOR_SIG_ECDSA_SHA512, PARAMETERS_ABSENT},
    {OID_INIT(OID_ED25519), DOR_SIG_ED25519, PARAMETERS_ABSENT},
    {OID_INIT(OID_ED448), DOR_SIG_ED448, PARAMETERS_ABSENT},
    {OID_INIT(OID_MLDSA44), DOR_SIG_MLDSA44, PARAMETERS_ABSENT},
    {OID_INIT(OID_MLDSA65), DOR_SIG_MLDSA65, PARAMETERS_ABSENT},
    {OID_INIT(OID_MLDSA87), DOR_SIG_MLDSA87, PARAMETERS_ABSENT},
    {OID_INIT(OID_SHA1_RSA), 0, PARAMETERS_NULL},
    {OID_INIT(OID_SHA1_RSA_OIW), 0, PARAMETERS_NULL},
    {OID_INIT(OID_SHA1_ECDSA), 0, PARAMETERS_ABSENT},
    {OID_INIT(OID_SHA1_DSA), 0, PARAMETERS_ABSENT},
    {OID_INIT(OID_MD5_RSA), 0, PARAMETERS_NULL},
    {OID_INIT(OID_MD4_RSA), 0, PARAMETERS_NULL},
    {OID_INIT(OID_MD2_RSA), 0, PARAMETERS_NULL},
};

static bool is_null_or_absent(dor_span parameters)
{
    return parameters.len == 0 || dor__span_equal(parameters, dor__span("\x05\x00", 2));
}

/* HashAlgorithm of RFC 4055 section 2.1. */
static dor_result read_hash(dor_reader *r, dor_hash_id *hash)
{
    dor_span oid, parameters;
    DOR_TRY(dor__asn1_algorithm(r, &oid, &parameters));
    if (!is_null_or_absent(parameters)) return DOR_DER_ERROR;
    if (oid_is(oid, OID_SHA256))
        *hash = DOR_HASH_SHA256;
    else if (oid_is(oid, OID_SHA384))
        *hash = DOR_HASH_SHA384;
    else if (oid_is(oid, OID_SHA512))
        *hash = DOR_HASH_SHA512;
    else
        return oid_is(oid, OID_SHA1) ? WEAK : UNSUPPORTED;
    return DOR_SUCCESS;
}

/* MaskGenAlgorithm of RFC 4055 section 2.2: MGF1 over a hash. */
static dor_result read_mask_hash(dor_reader *r, dor_hash_id *hash)
{
    dor_span oid, parameters;
    DOR_TRY(dor__asn1_algorithm(r, &oid, &parameters));
    if (!oid_is(oid, OID_MGF1)) return UNSUPPORTED;
    dor_reader inner = rd_from(parameters);
    DOR_TRY(read_hash(&inner, hash));
    return der_end(&inner);
}

/*
 * RSASSA-PSS-params, RFC 4055 section 3.1: hash [0], mask generation [1], salt length [2], trailer [3]. TLS's
 * schemes are those with the same hash twice and a salt of its length (RFC 8446 section 4.2.3); others are
 * not supported. The defaults mean SHA-1, hence what leaves out a hash is weak; the trailer is always the
 * default, so it is never written.
 */
static dor_result read_pss_parameters(dor_span parameters, dor_hash_id *hash)
{
    dor_reader r = rd_from(parameters), params, field;
    dor_hash_id mask_hash;
    uint32_t salt_len;
    DOR_TRY(der_enter(&r, DER_SEQUENCE, &params));
    if (!der_next_is(&params, DER_CONTEXT_CONS(0))) return WEAK;
    DOR_TRY(der_enter(&params, DER_CONTEXT_CONS(0), &field));
    DOR_TRY(read_hash(&field, hash));
    DOR_TRY(der_end(&field));
    if (!der_next_is(&params, DER_CONTEXT_CONS(1))) return WEAK;
    DOR_TRY(der_enter(&params, DER_CONTEXT_CONS(1), &field));
    DOR_TRY(read_mask_hash(&field, &mask_hash));
    DOR_TRY(der_end(&field));
    if (!der_next_is(&params, DER_CONTEXT_CONS(2))) /* 20, as long as none of these hashes */
        return UNSUPPORTED;
    DOR_TRY(der_enter(&params, DER_CONTEXT_CONS(2), &field));
    DOR_TRY(dor__asn1_u32(&field, &salt_len));
    DOR_TRY(der_end(&field));
    DOR_TRY(der_end(&params));
    DOR_TRY(der_end(&r));
    return mask_hash == *hash && salt_len == dor__hash_len(*hash) ? DOR_SUCCESS : UNSUPPORTED;
}

/*
 * RFC 4055 section 3.3: a key for PSS alone may fix the parameters, and then signatures have exactly those.
 */
static dor_result check_pss_key(dor_span spki, dor_hash_id hash)
{
    dor_reader r = rd_from(spki), info;
    dor_span oid, parameters;
    dor_hash_id key_hash;
    DOR_TRY(der_enter(&r, DER_SEQUENCE, &info));
    DOR_TRY(dor__asn1_algorithm(&info, &oid, &parameters));
    if (parameters.len == 0) return DOR_SUCCESS;
    DOR_TRY(read_pss_parameters(parameters, &key_hash));
    return key_hash == hash ? DOR_SUCCESS : dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_SIGNATURE);
}

/* TLS numbers PSS apart by the kind of key that verifies it. */
static dor_result pss_scheme(dor_span parameters, const dor_certificate *issuer, dor_sig_scheme *scheme)
{
    dor_hash_id hash;
    DOR_TRY(read_pss_parameters(parameters, &hash));
    bool pss_key = issuer->key_type == DOR_KEY_RSA_PSS;
    if (pss_key) DOR_TRY(check_pss_key(issuer->spki, hash));
    if (hash == DOR_HASH_SHA256)
        *scheme = pss_key ? DOR_SIG_RSA_PSS_PSS_SHA256 : DOR_SIG_RSA_PSS_RSAE_SHA256;
    else if (hash == DOR_HASH_SHA384)
        *scheme = pss_key ? DOR_SIG_RSA_PSS_PSS_SHA384 : DOR_SIG_RSA_PSS_RSAE_SHA384;
    else
        *scheme = pss_key ? DOR_SIG_RSA_PSS_PSS_SHA512 : DOR_SIG_RSA_PSS_RSAE_SHA512;
    return DOR_SUCCESS;
}

static dor_result scheme_of(const dor_certificate *cert, const dor_certificate *issuer,
                            dor_sig_scheme *scheme)
{
    dor_reader r = rd_from(cert->signature_algorithm);
    dor_span oid, parameters;
    DOR_TRY(dor__asn1_algorithm(&r, &oid, &parameters));
    if (oid_is(oid, OID_RSASSA_PSS)) return pss_scheme(parameters, issuer, scheme);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const algorithm_row *row = &algorithms[i];
        if (!dor__span_equal(oid, row->oid)) continue;
        if (row->scheme == 0) return WEAK;
        if (row->parameters == PARAMETERS_NULL ? !is_null_or_absent(parameters) : parameters.len != 0)
            return DOR_DER_ERROR;
        *scheme = row->scheme;
        return DOR_SUCCESS;
    }
    return UNSUPPORTED;
}

dor_result dor__certificate_verify_signature(const dor_certificate *cert, const dor_certificate *issuer)
{
    const dor_result wrong = dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_SIGNATURE);
    dor_sig_scheme scheme = 0;
    dor_public_key *key;
    DOR_TRY(scheme_of(cert, issuer, &scheme));
    if (issuer->key_type == DOR_KEY_NONE) return UNSUPPORTED;
    if (!dor__sig_fits_key(scheme, issuer->key_type)) return wrong;
    DOR_TRY(dor__public_key_from_spki(&key, issuer->spki));
    dor_result result = dor__verify(key, scheme, cert->tbs, cert->signature);
    dor__public_key_free(key);
    /* A handshake's decrypt_error has no place here: for a certificate the alert is bad_certificate. */
    return dor_error_get_class(result.code) == DOR_CLASS_ALERT_SENT ? wrong : result;
}

dor_sig_scheme dor__certificate_sig_scheme(const dor_certificate *cert)
{
    static const dor_certificate any_rsa = {.key_type = DOR_KEY_RSA};
    dor_sig_scheme scheme = 0;
    return dor__ok(scheme_of(cert, &any_rsa, &scheme)) ? scheme : 0;
}
