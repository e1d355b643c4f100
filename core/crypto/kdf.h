/*
 * kdf.h - key derivation: HKDF (RFC 5869), TLS 1.3's HKDF-Expand-Label (RFC 8446 section 7.1) and the
 * TLS 1.2 PRF (RFC 5246 section 5).
 *
 * Outputs are secrets: whoever gets one wipes it.
 */
#ifndef DOR_CRYPTO_KDF_H
#define DOR_CRYPTO_KDF_H

#include "crypto/hmac.h"

/** PRK = HMAC(salt, ikm); an empty salt or ikm stands for a string of dor__hash_len zeros, as TLS 1.3 uses it. */
DOR_MUST_USE dor_result dor__hkdf_extract(dor_hash_id id, dor_span salt, dor_span ikm, uint8_t *prk);

/** out_len bytes, at most 255 digests. */
DOR_MUST_USE dor_result dor__hkdf_expand(dor_hash_id id, dor_span prk, dor_span info, uint8_t *out,
                                         size_t out_len);

/** label comes without the "tls13 " prefix. */
DOR_MUST_USE dor_result dor__hkdf_expand_label(dor_hash_id id, dor_span secret, const char *label,
                                               dor_span context, uint8_t *out, size_t out_len);

/**
 * The same with the secret taken into an HMAC before: for a secret from which several things are derived, since the
 * half of the work that depends on the secret alone is then done once.
 */
DOR_MUST_USE dor_result dor__hkdf_expand_label_keyed(const dor_hmac *secret, const char *label,
                                                     dor_span context, uint8_t *out, size_t out_len);

/** P_hash(secret, label || seed parts in order), RFC 5246 section 5. */
DOR_MUST_USE dor_result dor__tls12_prf(dor_hash_id id, dor_span secret, const char *label,
                                       const dor_span *seed, size_t seed_count, uint8_t *out, size_t out_len);

#endif
