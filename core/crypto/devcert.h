/*
 * devcert.h - a throw-away certificate and key for development, made on the spot.
 */
#ifndef DOR_CRYPTO_DEVCERT_H
#define DOR_CRYPTO_DEVCERT_H

#include "base/bytes.h"
#include "crypto/rng.h"

/**
 * Makes a self-signed P-256 certificate for `host` (a DNS name or the text of an address) plus localhost, 127.0.0.1
 * and ::1 as subjectAltNames, serverAuth, version 3, random positive serial, valid from an hour before now for 30
 * days. `now` is in seconds since 1970. The key comes as PKCS#8 or SEC 1 DER. The caller frees both.
 */
DOR_MUST_USE dor_result dor__devcert_make(dor_rng *rng, const char *host, int64_t now, dor_bytes *cert_der,
                                          dor_bytes *key_der);

#endif
