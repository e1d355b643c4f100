/*
 * certificate.c - reads an X.509 certificate (RFC 5280 section 4.1) into a view over its own copy of the DER.
 *
 * Invariant: a dor_certificate that exists is well-formed DER as far as its fields go, its inner and outer
 * signature algorithms are the same bytes, and no extension occurs twice. Whether it is good for anything is
 * path.c's matter.
 */
#include "x509/certificate.h"

#include "base/alloc.h"
#include "crypto/hash.h"
#include "x509/certificate_parts.h"
#include "x509/oid.h"

/*
 * Version ::= [0] EXPLICIT INTEGER DEFAULT v1, section 4.1.2.1. The default may not be written out (X.690
 * 11.5).
 */
static dor_result read_version(dor_certificate *cert, dor_reader *tbs)
{
    dor_reader explicit_version;
    uint32_t version;
    cert->version = 1;
    if (!der_next_is(tbs, DER_CONTEXT_CONS(0))) return DOR_SUCCESS;
    DOR_TRY(der_enter(tbs, DER_CONTEXT_CONS(0), &explicit_version));
    DOR_TRY(dor__asn1_u32(&explicit_version, &version));
    if (version < 1 || version > 2) return DOR_DER_ERROR;
    cert->version = (uint8_t)(version + 1);
    return der_end(&explicit_version);
}

/*
 * CertificateSerialNumber, section 4.1.2.2: conforming serial numbers are positive and have at most 20
 * octets, but users are told to handle zero. Private authorities also exceed the length. As Go's crypto/x509
 * does: negative ones are refused, zero and long ones pass; nothing here depends on either.
 */
static dor_result read_serial(dor_certificate *cert, dor_reader *tbs)
{
    DOR_TRY(dor__asn1_integer(tbs, &cert->serial));
    return cert->serial.ptr[0] & 0x80 ? DOR_DER_ERROR : DOR_SUCCESS;
}

/*
 * Name ::= SEQUENCE OF SET OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }, section 4.1.2.4. Names are
 * compared as bytes, so the values' types are left alone. An empty issuer is against the RFC yet harmless: it
 * names nobody else.
 */
static dor_result read_name(dor_reader *tbs, dor_span *name)
{
    DOR_TRY(der_whole(tbs, DER_SEQUENCE, name));
    dor_reader whole = rd_from(*name), names;
    DOR_TRY(der_enter(&whole, DER_SEQUENCE, &names));
    while (rd_left(&names) > 0) {
        dor_reader set, attribute;
        DOR_TRY(der_enter(&names, DER_SET, &set));
        do {
            uint8_t tag;
            dor_span type, value, element;
            DOR_TRY(der_enter(&set, DER_SEQUENCE, &attribute));
            DOR_TRY(dor__asn1_oid(&attribute, &type));
            DOR_TRY(dor__asn1_element(&attribute, &tag, &value, &element));
            DOR_TRY(der_end(&attribute));
        } while (rd_left(&set) > 0);
    }
    return DOR_SUCCESS;
}

/* Validity, section 4.1.2.5. One that ends before it begins is well-formed, and never valid. */
static dor_result read_validity(dor_certificate *cert, dor_reader *tbs)
{
    dor_reader validity;
    DOR_TRY(der_enter(tbs, DER_SEQUENCE, &validity));
    DOR_TRY(dor__asn1_time(&validity, &cert->not_before));
    DOR_TRY(dor__asn1_time(&validity, &cert->not_after));
    return der_end(&validity);
}

/*
 * Key parameters as RFC 3279 section 2.3.1, RFC 4055 section 1.2, RFC 5480 section 2.1.1, RFC 8410 section 3,
 * RFC 9881 section 3 have them.
 */
static dor_key_type key_type_of(dor_span oid, dor_span parameters)
{
    static const char null_element[] = "\x05\x00";
    static const char named_p256[] = "\x06\x08" OID_CURVE_P256;
    static const char named_p384[] = "\x06\x05" OID_CURVE_P384;
    static const char named_p521[] = "\x06\x05" OID_CURVE_P521;

    if (oid_is(oid, OID_RSA_ENCRYPTION))
        return dor__span_equal(parameters, OID_SPAN(null_element)) ? DOR_KEY_RSA : DOR_KEY_NONE;
    if (oid_is(oid, OID_RSASSA_PSS)) return DOR_KEY_RSA_PSS;
    if (oid_is(oid, OID_ED25519)) return parameters.len == 0 ? DOR_KEY_ED25519 : DOR_KEY_NONE;
    if (oid_is(oid, OID_ED448)) return parameters.len == 0 ? DOR_KEY_ED448 : DOR_KEY_NONE;
    if (oid_is(oid, OID_MLDSA44)) return parameters.len == 0 ? DOR_KEY_MLDSA44 : DOR_KEY_NONE;
    if (oid_is(oid, OID_MLDSA65)) return parameters.len == 0 ? DOR_KEY_MLDSA65 : DOR_KEY_NONE;
    if (oid_is(oid, OID_MLDSA87)) return parameters.len == 0 ? DOR_KEY_MLDSA87 : DOR_KEY_NONE;
    if (oid_is(oid, OID_EC_PUBLIC_KEY) && dor__span_equal(parameters, OID_SPAN(named_p256)))
        return DOR_KEY_EC_P256;
    if (oid_is(oid, OID_EC_PUBLIC_KEY) && dor__span_equal(parameters, OID_SPAN(named_p384)))
        return DOR_KEY_EC_P384;
    if (oid_is(oid, OID_EC_PUBLIC_KEY) && dor__span_equal(parameters, OID_SPAN(named_p521)))
        return DOR_KEY_EC_P521;
    return DOR_KEY_NONE;
}

dor_result dor__spki_key_type(dor_span spki, dor_key_type *type)
{
    dor_reader r = rd_from(spki), info;
    dor_span oid, parameters, key;
    uint8_t unused;
    DOR_TRY(der_enter(&r, DER_SEQUENCE, &info));
    DOR_TRY(dor__asn1_algorithm(&info, &oid, &parameters));
    DOR_TRY(dor__asn1_bit_string(&info, DER_BIT_STRING, &key, &unused));
    DOR_TRY(der_end(&info));
    *type = unused == 0 ? key_type_of(oid, parameters) : DOR_KEY_NONE;
    return der_end(&r);
}

/*
 * issuerUniqueID and subjectUniqueID, section 4.1.2.8: versions 2 and 3 may have them; nobody looks at them.
 */
static dor_result skip_unique_id(const dor_certificate *cert, dor_reader *tbs, uint8_t tag)
{
    dor_span bits;
    uint8_t unused;
    if (!der_next_is(tbs, tag)) return DOR_SUCCESS;
    if (cert->version < 2) return DOR_DER_ERROR;
    return dor__asn1_bit_string(tbs, tag, &bits, &unused);
}

/* TBSCertificate, section 4.1.2. */
static dor_result read_tbs(dor_certificate *cert)
{
    dor_reader whole = rd_from(cert->tbs), tbs;
    dor_span inner_algorithm;
    DOR_TRY(der_enter(&whole, DER_SEQUENCE, &tbs));
    DOR_TRY(read_version(cert, &tbs));
    DOR_TRY(read_serial(cert, &tbs));
    DOR_TRY(der_whole(&tbs, DER_SEQUENCE, &inner_algorithm));
    /* Section 4.1.1.2: the same in both places; only the inner one is covered by the signature. */
    if (!dor__span_equal(inner_algorithm, cert->signature_algorithm)) return DOR_DER_ERROR;
    DOR_TRY(read_name(&tbs, &cert->issuer));
    DOR_TRY(read_validity(cert, &tbs));
    DOR_TRY(read_name(&tbs, &cert->subject));
    cert->self_issued = dor__span_equal(cert->issuer, cert->subject);
    DOR_TRY(der_whole(&tbs, DER_SEQUENCE, &cert->spki));
    DOR_TRY(dor__spki_key_type(cert->spki, &cert->key_type));
    DOR_TRY(skip_unique_id(cert, &tbs, DER_CONTEXT(1)));
    DOR_TRY(skip_unique_id(cert, &tbs, DER_CONTEXT(2)));
    if (der_next_is(&tbs, DER_CONTEXT_CONS(3))) {
        dor_reader extensions;
        if (cert->version != 3) /* section 4.1.2.9 */
            return DOR_DER_ERROR;
        DOR_TRY(der_enter(&tbs, DER_CONTEXT_CONS(3), &extensions));
        DOR_TRY(dor__certificate_read_extensions(cert, &extensions));
        DOR_TRY(der_end(&extensions));
    }
    return der_end(&tbs);
}

/* Certificate, section 4.1.1. */
static dor_result read_certificate(dor_certificate *cert)
{
    dor_reader r = rd_from(cert->der), outer, algorithm;
    dor_span oid, parameters;
    uint8_t unused;
    DOR_TRY(der_enter(&r, DER_SEQUENCE, &outer));
    DOR_TRY(der_end(&r));
    DOR_TRY(der_whole(&outer, DER_SEQUENCE, &cert->tbs));
    DOR_TRY(der_whole(&outer, DER_SEQUENCE, &cert->signature_algorithm));
    algorithm = rd_from(cert->signature_algorithm);
    DOR_TRY(dor__asn1_algorithm(&algorithm, &oid, &parameters));
    DOR_TRY(dor__asn1_bit_string(&outer, DER_BIT_STRING, &cert->signature, &unused));
    if (unused != 0) /* every signature algorithm makes whole octets */
        return DOR_DER_ERROR;
    DOR_TRY(der_end(&outer));
    return read_tbs(cert);
}

dor_result dor__certificate_new(dor_certificate **cert, dor_span der)
{
    *cert = NULL;
    if (der.len == 0) return DOR_DER_ERROR;
    if (der.len > SIZE_MAX - sizeof(dor_certificate)) return dor__error(DOR_E_NOMEM);
    dor_certificate *c = dor__malloc(sizeof *c + der.len);
    if (!c) return dor__error(DOR_E_NOMEM);
    uint8_t *copy = (uint8_t *)(c + 1); /* the DER lives behind the structure, in the same piece of memory */
    memset(c, 0, sizeof *c);
    memcpy(copy, der.ptr, der.len);
    c->ref_count_ = 1;
    c->path_len = -1;
    c->der = dor__span(copy, der.len);

    dor_result result = read_certificate(c);
    if (dor__failed(result)) {
        dor__free(c);
        return result;
    }
    *cert = c;
    return DOR_SUCCESS;
}

dor_certificate *dor__certificate_ref(dor_certificate *cert)
{
    /* Relaxed: whoever hands out a reference holds one, so the memory cannot go away meanwhile. */
    if (cert) __atomic_fetch_add(&cert->ref_count_, 1, __ATOMIC_RELAXED);
    return cert;
}

void dor__certificate_unref(dor_certificate *cert)
{
    /*
     * Release: our last reads come before the count drops. Acquire: the one who frees sees everybody's as
     * done.
     */
    if (cert && __atomic_fetch_sub(&cert->ref_count_, 1, __ATOMIC_ACQ_REL) == 1) dor__free(cert);
}

dor_result dor__certificate_fingerprint(const dor_certificate *cert, uint8_t digest[32])
{
    return dor__hash_once(DOR_HASH_SHA256, cert->der, digest);
}
