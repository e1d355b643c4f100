/*
 * certificate.h - an X.509 certificate as a view over its DER (RFC 5280 section 4).
 *
 * DER is read strictly, by our own reader: wolfCrypt's DecodedCert takes 2 KiB, accepts some BER and hides the raw
 * spans that path validation compares. A certificate owns a copy of its DER; every span points into it. Counted and
 * immutable: share it between connections and threads.
 */
#ifndef DOR_X509_CERTIFICATE_H
#define DOR_X509_CERTIFICATE_H

#include "base/result.h"
#include "base/span.h"
#include "crypto/sign.h"

/** Bits of keyUsage as RFC 5280 section 4.2.1.3 numbers them (bit 0 is the first). */
enum {
    DOR_KU_DIGITAL_SIGNATURE = 1 << 0,
    DOR_KU_NON_REPUDIATION = 1 << 1,
    DOR_KU_KEY_ENCIPHERMENT = 1 << 2,
    DOR_KU_DATA_ENCIPHERMENT = 1 << 3,
    DOR_KU_KEY_AGREEMENT = 1 << 4,
    DOR_KU_KEY_CERT_SIGN = 1 << 5,
    DOR_KU_CRL_SIGN = 1 << 6
};

enum {
    DOR_EKU_ANY = 1 << 0,
    DOR_EKU_SERVER_AUTH = 1 << 1,
    DOR_EKU_CLIENT_AUTH = 1 << 2,
    DOR_EKU_OTHER = 1 << 3 /* purposes that TLS does not care for */
};

typedef struct dor_certificate {
    uint32_t ref_count_; /* atomic; through _ref and _unref */
    uint8_t version;     /* 1, 2 or 3 */
    bool has_basic_constraints;
    bool is_ca;
    int16_t path_len; /* -1: no limit */
    bool has_key_usage;
    uint16_t key_usage; /* DOR_KU_ */
    bool has_ext_key_usage;
    uint8_t ext_key_usage; /* DOR_EKU_ */
    bool unknown_critical; /* a critical extension that we do not process */
    bool self_issued;      /* subject and issuer are the same name */
    dor_span der;
    dor_span tbs; /* what the signature covers */
    dor_span serial;
    dor_span issuer; /* DER of the Name */
    dor_span subject;
    dor_span spki;             /* DER of SubjectPublicKeyInfo */
    dor_span subject_alt_name; /* contents of the SEQUENCE, or empty */
    dor_span subject_key_id;
    dor_span authority_key_id;    /* keyIdentifier, or empty */
    dor_span signature_algorithm; /* DER of AlgorithmIdentifier */
    dor_span signature;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    dor_key_type key_type;
} dor_certificate;

/** Reads and copies der. Malformed: bad_certificate, CERT_MALFORMED; unknown key algorithms are not an error here. */
DOR_MUST_USE dor_result dor__certificate_new(dor_certificate **cert, dor_span der);
dor_certificate *dor__certificate_ref(dor_certificate *cert);
void dor__certificate_unref(dor_certificate *cert);

enum { DOR_FINGERPRINT_LEN = 32 };

/** SHA-256 over the DER. */
DOR_MUST_USE dor_result dor__certificate_fingerprint(const dor_certificate *cert,
                                                     uint8_t digest[DOR_FINGERPRINT_LEN]);

/** cert's signature checked with the issuer's key. bad_certificate with CERT_SIGNATURE, CERT_WEAK, CERT_UNSUPPORTED. */
DOR_MUST_USE dor_result dor__certificate_verify_signature(const dor_certificate *cert,
                                                          const dor_certificate *issuer);

/**
 * The scheme that the certificate is signed with, 0 for none of ours. An RSASSA-PSS signature is called by its scheme for
 * rsaEncryption keys, since the issuer's key, which would tell, is not at hand.
 */
dor_sig_scheme dor__certificate_sig_scheme(const dor_certificate *cert);

/** "CN=example, O=..." (RFC 4514 order as written, escaped) for people; truncated to cap with a NUL. */
char *dor__name_format(dor_span name, char *text, size_t cap);

#endif
