/*
 * suite.h - the cipher suites, versions and their names, as one table.
 */
#ifndef DOR_TLS_SUITE_H
#define DOR_TLS_SUITE_H

#include "crypto/aead.h"
#include "crypto/sign.h"

enum { DOR_TLS_1_2 = 0x0303, DOR_TLS_1_3 = 0x0304 };

typedef enum dor_kx_kind { DOR_KX_13, DOR_KX_ECDHE_ECDSA, DOR_KX_ECDHE_RSA } dor_kx_kind;

typedef struct dor_suite {
    uint16_t id;              /* IANA */
    uint16_t version;         /* the only version it is for */
    uint8_t kx;               /* dor_kx_kind */
    uint8_t aead;             /* dor_aead_id */
    uint8_t hash;             /* dor_hash_id of the transcript and key schedule */
    const char *name;         /* IANA: "TLS_AES_128_GCM_SHA256" */
    const char *openssl_name; /* "ECDHE-ECDSA-AES128-GCM-SHA256" */
} dor_suite;

/** The suite of an IANA number, or NULL. */
const dor_suite *dor__suite_find(uint16_t id);

/** By IANA or OpenSSL name, any case. */
const dor_suite *dor__suite_from_name(dor_span name);

/** All suites in our order of preference; *count of them. */
const dor_suite *dor__suite_all(size_t *count);

/** "tlsv1.2" and so on, the reference's spelling; NULL if unknown. */
const char *dor__version_name(uint16_t version);
uint16_t dor__version_from_name(dor_span name);

#endif
