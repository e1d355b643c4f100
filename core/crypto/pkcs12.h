/*
 * pkcs12.h - a PKCS#12 file (RFC 7292): a private key and certificates under one password.
 *
 * Password integrity alone: the MAC is checked before anything inside is believed. Strict DER, as openssl and GnuTLS write it;
 * files with indefinite lengths are malformed here.
 */
#ifndef DOR_CRYPTO_PKCS12_H
#define DOR_CRYPTO_PKCS12_H

#include "base/bytes.h"
#include "crypto/sign.h"

enum { DOR_PKCS12_MAX_CERTS = 16, DOR_PKCS12_MAX_PARTS = 4 };

typedef struct dor_pkcs12 {
    dor_private_key *key;                  /* the first one, or NULL */
    dor_bytes certs[DOR_PKCS12_MAX_CERTS]; /* in DER, as they come */
    size_t cert_count;
} dor_pkcs12;

/** True for what looks like one: a SEQUENCE that begins with version 3 and a SEQUENCE. */
bool dor__is_pkcs12(dor_span der);

/**
 * FILE_MALFORMED; PASSWORD_WRONG when the MAC does not fit (or the file is damaged); NOT_SUPPORTED (no MAC, PBMAC1, public-key
 * modes, an unknown encryption); LIMIT (work beyond pbe.h's bounds, more certificates or encrypted parts than above), and
 * what dor__private_key_from_der says. On failure there is nothing to release.
 */
DOR_MUST_USE dor_result dor__pkcs12_open(dor_pkcs12 *p12, dor_span der, dor_span password);
void dor__pkcs12_fini(dor_pkcs12 *p12);

#endif
