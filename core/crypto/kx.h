/*
 * kx.h - ephemeral key exchange over the named groups (RFC 8446 section 4.2.8, RFC 8422, RFC 7748).
 *
 * Public values are in TLS wire form: 32 bytes for X25519, an uncompressed point for the NIST curves.
 */
#ifndef DOR_CRYPTO_KX_H
#define DOR_CRYPTO_KX_H

#include "crypto/rng.h"

typedef uint16_t dor_group; /* IANA "TLS Supported Groups" */

enum { DOR_GROUP_SECP256R1 = 0x0017, DOR_GROUP_SECP384R1 = 0x0018, DOR_GROUP_X25519 = 0x001d };

enum { DOR_KX_MAX_PUBLIC_LEN = 97, DOR_KX_MAX_SECRET_LEN = 48 };

typedef struct dor_kx dor_kx;

/** True when this build can do the group. */
bool dor__kx_known(dor_group group);

/** "x25519", "secp256r1", ..., or NULL. */
const char *dor__kx_name(dor_group group);

/** The group of a name: IANA's ("secp256r1") or OpenSSL's ("prime256v1", "P-256", "X25519"), any case; 0 if unknown. */
dor_group dor__kx_from_name(dor_span name);

/** A fresh key pair. */
DOR_MUST_USE dor_result dor__kx_new(dor_kx **kx, dor_group group, dor_rng *rng);

/** A pair from a known private scalar, for test vectors: 32 bytes for X25519 (clamped here), else a number below the order. */
DOR_MUST_USE dor_result dor__kx_from_scalar(dor_kx **kx, dor_group group, dor_span scalar);

/** Wipes and frees; harmless with NULL. */
void dor__kx_free(dor_kx *kx);
dor_group dor__kx_group(const dor_kx *kx);

/** Our public value; borrowed from kx. */
dor_span dor__kx_public(const dor_kx *kx);

/**
 * The shared secret (the x coordinate for curves, left-padded). The peer's value is checked: length, on the
 * curve, not a point of small order; a bad one fails with the alert illegal_parameter, reason BAD_KEY_SHARE.
 * secret has room for DOR_KX_MAX_SECRET_LEN bytes.
 */
DOR_MUST_USE dor_result dor__kx_derive(dor_kx *kx, dor_span peer_public, dor_rng *rng, uint8_t *secret,
                                       size_t *secret_len);

#endif
