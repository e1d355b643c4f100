/*
 * path.h - from the peer's certificate to a trust anchor (RFC 5280 section 6, the part that TLS on the web needs).
 *
 * Name constraints, policies and revocation come later; their place is the step table in path.c. A critical
 * extension that is not processed yet fails the path, as RFC 5280 demands.
 */
#ifndef DOR_X509_PATH_H
#define DOR_X509_PATH_H

#include "x509/trust_store.h"

typedef enum dor_purpose { DOR_PURPOSE_SERVER, DOR_PURPOSE_CLIENT } dor_purpose;

enum { DOR_PATH_MAX_DEPTH = 255, DOR_PATH_MAX_CERTS = 32, DOR_PATH_MAX_SIGNATURES = 64 };

typedef struct dor_path_params {
    const dor_trust_store *trust;
    int64_t now;         /* seconds since 1970 */
    dor_purpose purpose; /* what the leaf is used as */
    bool deciphers;      /* the leaf's key: TLS 1.2's static RSA is encrypted to it; else it signs */
    uint8_t depth;       /* non-self-issued intermediates allowed */
    dor_span host;       /* checked for servers when not empty */
} dor_path_params;

typedef struct dor_path_result {
    size_t failed_index;     /* the sent certificate that the failure is about; 0 is the leaf */
    dor_certificate *anchor; /* borrowed from the trust store, on success */
} dor_path_result;

/**
 * certs[0] is the peer's; the rest may come in any order and hold superfluous ones. Tries alternative issuers with a
 * bounded amount of work. The alert of the failure is what the RFC and otp-semantics name: certificate_expired,
 * unknown_ca, bad_certificate, unsupported_certificate. The most telling failure wins over "unknown CA".
 */
DOR_MUST_USE dor_result dor__path_validate(const dor_path_params *params, dor_certificate *const *certs,
                                           size_t count, dor_path_result *result);

#endif
