/*
 * suite.h - the cipher suites, versions and their names, as one table.
 */
#ifndef DOR_TLS_SUITE_H
#define DOR_TLS_SUITE_H

#include "crypto/aead.h"
#include "crypto/sign.h"

enum { DOR_TLS_1_2 = 0x0303, DOR_TLS_1_3 = 0x0304 };

/** How the premaster secret comes about, and whose key the server shows for it. */
typedef enum dor_kx_kind {
    DOR_KX_13, /* TLS 1.3: not the suite's business */
    DOR_KX_ECDHE_ECDSA,
    DOR_KX_ECDHE_RSA,
    DOR_KX_DHE_RSA, /* a finite field's group, signed like ECDHE_RSA */
    DOR_KX_RSA,     /* encrypted to the certificate's key: no ServerKeyExchange and no forward secrecy */
    DOR_KX_KINDS    /* how many */
} dor_kx_kind;

typedef struct dor_suite {
    uint16_t id;              /* IANA */
    uint16_t version;         /* the only version it is for */
    uint8_t kx;               /* dor_kx_kind */
    uint8_t aead;             /* dor_aead_id; NONE: CBC with a MAC */
    uint8_t cbc_key_len;      /* of CBC: AES with so many bytes of key, 16 or 32 */
    uint8_t mac;              /* of CBC: dor_hash_id of its HMAC, else NONE */
    uint8_t hash;             /* dor_hash_id of the transcript and key schedule */
    bool by_name;             /* neither offered nor taken until option ciphers names it */
    const char *name;         /* IANA: "TLS_AES_128_GCM_SHA256" */
    const char *openssl_name; /* "ECDHE-ECDSA-AES128-GCM-SHA256" */
} dor_suite;

/** The suite of an IANA number, or NULL. */
const dor_suite *dor__suite_find(uint16_t id);

/** By IANA or OpenSSL name, any case. */
const dor_suite *dor__suite_from_name(dor_span name);

static inline bool dor__suite_is_cbc(const dor_suite *suite)
{
    return suite->mac != DOR_HASH_NONE;
}

/** True for kinds that use a curve's group of TLS 1.2. */
static inline bool dor__kx_is_ecdhe(dor_kx_kind kx)
{
    return kx == DOR_KX_ECDHE_ECDSA || kx == DOR_KX_ECDHE_RSA;
}

/** True for kinds of TLS 1.2 that go with an RSA certificate alone. */
static inline bool dor__kx_is_rsa(dor_kx_kind kx)
{
    return kx == DOR_KX_ECDHE_RSA || kx == DOR_KX_DHE_RSA || kx == DOR_KX_RSA;
}

/** All suites in our order of preference, those that are used only by name among them; *count of them. */
const dor_suite *dor__suite_all(size_t *count);

/** "tlsv1.2" and so on, the reference's spelling; NULL if unknown. */
const char *dor__version_name(uint16_t version);
uint16_t dor__version_from_name(dor_span name);

#endif
