/*
 * oid.h - the object identifiers that X.509 needs here, as the contents of their DER encoding.
 *
 * One string per OID, so that a comparison reads oid_is(oid, OID_KEY_USAGE).
 */
#ifndef DOR_X509_OID_H
#define DOR_X509_OID_H

#include "base/span.h"

/* Extensions, RFC 5280 section 4.2.1: 2.5.29.n */
#define OID_SUBJECT_KEY_ID       "\x55\x1d\x0e"
#define OID_KEY_USAGE            "\x55\x1d\x0f"
#define OID_SUBJECT_ALT_NAME     "\x55\x1d\x11"
#define OID_BASIC_CONSTRAINTS    "\x55\x1d\x13"
#define OID_NAME_CONSTRAINTS     "\x55\x1d\x1e"
#define OID_CERTIFICATE_POLICIES "\x55\x1d\x20"
#define OID_AUTHORITY_KEY_ID     "\x55\x1d\x23"
#define OID_EXT_KEY_USAGE        "\x55\x1d\x25"

/* Purposes, RFC 5280 section 4.2.1.12: 2.5.29.37.0 and 1.3.6.1.5.5.7.3.n */
#define OID_EKU_ANY         "\x55\x1d\x25\x00"
#define OID_EKU_SERVER_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define OID_EKU_CLIENT_AUTH "\x2b\x06\x01\x05\x05\x07\x03\x02"

/* Keys: RFC 3279 sections 2.3.1 and 2.3.5, RFC 4055 section 1.2, RFC 5480 section 2.1.1, RFC 8410, RFC 9881 */
#define OID_RSA_ENCRYPTION "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_RSASSA_PSS     "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_MGF1           "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define OID_EC_PUBLIC_KEY  "\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_CURVE_P256     "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_CURVE_P384     "\x2b\x81\x04\x00\x22"
#define OID_CURVE_P521     "\x2b\x81\x04\x00\x23"
#define OID_ED25519        "\x2b\x65\x70"
#define OID_ED448          "\x2b\x65\x71"
#define OID_MLDSA44        "\x60\x86\x48\x01\x65\x03\x04\x03\x11"
#define OID_MLDSA65        "\x60\x86\x48\x01\x65\x03\x04\x03\x12"
#define OID_MLDSA87        "\x60\x86\x48\x01\x65\x03\x04\x03\x13"

/* Signatures: RFC 3279 section 2.2, RFC 4055 section 5, RFC 5758 section 3.2 */
#define OID_MD2_RSA      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"
#define OID_MD4_RSA      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x03"
#define OID_MD5_RSA      "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"
#define OID_SHA1_RSA     "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"
#define OID_SHA1_RSA_OIW "\x2b\x0e\x03\x02\x1d"
#define OID_SHA1_DSA     "\x2a\x86\x48\xce\x38\x04\x03"
#define OID_SHA1_ECDSA   "\x2a\x86\x48\xce\x3d\x04\x01"
#define OID_SHA256_RSA   "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
#define OID_SHA384_RSA   "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"
#define OID_SHA512_RSA   "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"
#define OID_SHA256_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define OID_SHA384_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x03"
#define OID_SHA512_ECDSA "\x2a\x86\x48\xce\x3d\x04\x03\x04"

/* Hashes, RFC 4055 section 2.1 */
#define OID_SHA1   "\x2b\x0e\x03\x02\x1a"
#define OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define OID_SHA384 "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define OID_SHA512 "\x60\x86\x48\x01\x65\x03\x04\x02\x03"

/* A span in a static table, and one in an expression. */
#define OID_INIT(literal)                                                                                    \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }
#define OID_SPAN(literal)    dor__span(literal, sizeof(literal) - 1)
#define oid_is(oid, literal) dor__span_equal(oid, OID_SPAN(literal))

#endif
