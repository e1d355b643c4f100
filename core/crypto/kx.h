/*
 * kx.h - ephemeral key exchange over the named groups (RFC 8446 section 4.2.8, RFC 8422, RFC 7748, RFC 7919,
 * draft-ietf-tls-ecdhe-mlkem).
 *
 * Public values are in TLS 1.3's wire form: 32 or 56 bytes for X25519 and X448, an uncompressed point for the NIST
 * curves, a number as long as the prime for ffdhe, the parts one behind the other for a hybrid with ML-KEM.
 *
 * A KEM is not symmetric: who speaks first makes a pair (dor__kx_new) and takes the answer with dor__kx_derive; who
 * answers has both from dor__kx_respond. For the other groups dor__kx_respond is dor__kx_new and dor__kx_derive, so
 * TLS 1.3's server needs no second way; TLS 1.2, where the server speaks first, has no hybrids.
 */
#ifndef DOR_CRYPTO_KX_H
#define DOR_CRYPTO_KX_H

#include "crypto/rng.h"

typedef uint16_t dor_group; /* IANA "TLS Supported Groups" */

enum {
    DOR_GROUP_SECP256R1 = 0x0017,
    DOR_GROUP_SECP384R1 = 0x0018,
    DOR_GROUP_SECP521R1 = 0x0019,
    DOR_GROUP_X25519 = 0x001d,
    DOR_GROUP_X448 = 0x001e,
    DOR_GROUP_FFDHE2048 = 0x0100,
    DOR_GROUP_FFDHE3072 = 0x0101,
    DOR_GROUP_FFDHE4096 = 0x0102,
    DOR_GROUP_FFDHE6144 = 0x0103,
    DOR_GROUP_FFDHE8192 = 0x0104,
    DOR_GROUP_SECP256R1MLKEM768 = 0x11eb,
    DOR_GROUP_X25519MLKEM768 = 0x11ec,
    DOR_GROUP_SECP384R1MLKEM1024 = 0x11ed
};

/** What a group is made of; TLS 1.2 has the first two, each in suites of its own. */
typedef enum dor_group_family {
    DOR_GROUP_UNKNOWN,
    DOR_GROUP_CURVE, /* ECDHE */
    DOR_GROUP_FFDHE, /* DHE over a prime of RFC 7919 */
    DOR_GROUP_HYBRID /* a curve and ML-KEM; TLS 1.3 alone */
} dor_group_family;

enum {
    DOR_KX_MAX_PUBLIC_LEN = 97 + 1568, /* SecP384r1MLKEM1024, either way */
    DOR_KX_MAX_SECRET_LEN = 1024       /* ffdhe8192; all but ffdhe have at most 80 */
};

typedef struct dor_kx dor_kx;

/** True when this build can do the group. */
bool dor__kx_known(dor_group group);

/** UNKNOWN for groups that this build cannot do. */
dor_group_family dor__kx_family(dor_group group);

/** "x25519", "secp256r1", "X25519MLKEM768", ..., or NULL. */
const char *dor__kx_name(dor_group group);

/** The group of a name: IANA's ("secp256r1") or OpenSSL's ("prime256v1", "P-256", "X25519"), any case; 0 if unknown. */
dor_group dor__kx_from_name(dor_span name);

/** The i-th group that this build can do, in the order of their numbers; 0 behind the last. */
dor_group dor__kx_at(size_t i);

/** Bytes of the secret that two ends of the group come to share; 0 if unknown. */
size_t dor__kx_secret_len(dor_group group);

/** A fresh key pair. */
DOR_MUST_USE dor_result dor__kx_new(dor_kx **kx, dor_group group, dor_rng *rng);

/**
 * A pair from a known private value, for test vectors: 32 bytes for X25519 and 56 for X448 (clamped here), a number below
 * the order for the NIST curves, an exponent of the length that dor__kx_new would take for ffdhe, for hybrids ML-KEM's d and
 * z (32 bytes each) and then the curve's.
 */
DOR_MUST_USE dor_result dor__kx_from_scalar(dor_kx **kx, dor_group group, dor_span scalar);

/** Wipes and frees; harmless with NULL. */
void dor__kx_free(dor_kx *kx);
dor_group dor__kx_group(const dor_kx *kx);

/** Our public value; borrowed from kx. */
dor_span dor__kx_public(const dor_kx *kx);

/**
 * The shared secret (for curves the x coordinate; always at its full length, leading zeros kept) of our pair and what the
 * peer made of it. The peer's value is checked: length, on the curve, not a point of small order, 1 < y < p - 1; a bad one
 * fails with the alert illegal_parameter, reason BAD_KEY_SHARE. secret has room for dor__kx_secret_len bytes, and is
 * wiped on failure. An altered ML-KEM ciphertext of the right length gives another secret, not a failure (FIPS 203).
 */
DOR_MUST_USE dor_result dor__kx_derive(dor_kx *kx, dor_span peer_public, dor_rng *rng, uint8_t *secret,
                                       size_t *secret_len);

/**
 * Answers the peer's share: *kx has our public value (and nothing secret), secret is as above. Bad shares fail as above;
 * an ML-KEM key is also checked to have its coefficients below the modulus (FIPS 203 section 7.2). *kx is NULL on failure.
 */
DOR_MUST_USE dor_result dor__kx_respond(dor_kx **kx, dor_group group, dor_span peer_public, dor_rng *rng,
                                        uint8_t *secret, size_t *secret_len);

/** The prime of an ffdhe group, big-endian, and its generator (2); empty for others. */
dor_span dor__kx_prime(dor_group group);
dor_span dor__kx_generator(dor_group group);

/** The ffdhe group that these are the prime and the generator of (leading zeros do not matter); 0: of none. */
dor_group dor__kx_of_prime(dor_span prime, dor_span generator);

#endif
