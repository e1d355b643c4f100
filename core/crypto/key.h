/*
 * key.h - what a key is inside: checked bytes, from which each operation makes wolfCrypt's structure.
 *
 * Private to core/crypto. wolfCrypt writes into its key structures while it works (state, generator), and they are
 * large (16 KB for RSA). Bytes can be shared by any number of threads, and loading them costs a microsecond or two.
 */
#ifndef DOR_CRYPTO_KEY_H
#define DOR_CRYPTO_KEY_H

#include "base/reader.h"
#include "crypto/ec.h"
#include "crypto/sign.h"

#include <stdatomic.h>

struct dor_public_key {
    dor_key_type type;
    dor_hash_id pss_hash; /* the only hash that an id-RSASSA-PSS key allows, or NONE for any */
    size_t n_len;         /* RSA: bytes of the modulus; others: of the whole */
    size_t e_len;         /* RSA: bytes of the public exponent; others: 0 */
    uint8_t
        bytes[]; /* RSA: modulus, exponent; EC: uncompressed point; Ed25519: 32 bytes; Ed448: 57; ML-DSA */
};

struct dor_private_key {
    atomic_uint refs;
    dor_public_key *public_half;
    void *holder;                  /* of a key that is not here: whoever signs with it */
    void (*release)(void *holder); /* not NULL: such a key */
    size_t secret_len;
    uint8_t
        secret[]; /* RSA: RSAPrivateKey in DER (RFC 8017 A.1.2); EC: scalar; EdDSA: seed; ML-DSA: expanded */
};

/** How a scheme signs. */
typedef enum dor_sig_kind {
    DOR_SIG_KIND_PKCS1,
    DOR_SIG_KIND_PSS,
    DOR_SIG_KIND_ECDSA,
    DOR_SIG_KIND_ED25519,
    DOR_SIG_KIND_ED448,
    DOR_SIG_KIND_MLDSA
} dor_sig_kind;

typedef struct dor_sig_info {
    dor_sig_scheme scheme;
    dor_sig_kind kind;
    dor_hash_id hash;
    dor_key_type tls13; /* the one type of key that it goes with in TLS 1.3, or NONE */
    const char *name;
} dor_sig_info;

const dor_sig_info *dor__sig_info(dor_sig_scheme scheme);

/** NULL for types that are no curve's. */
const dor_ec_curve *dor__key_curve(dor_key_type type);

/** True when the scheme goes with the key, also by the hash that the key may prescribe. */
bool dor__sig_fits_public(const dor_sig_info *info, const dor_public_key *key);

/** A key over copies of the parts. NULL when memory is out. */
dor_public_key *dor__public_key_new(dor_key_type type, dor_span n, dor_span e);

/** The hash that RSASSA-PSS-params (RFC 8017 A.2.3) prescribe; absent parameters prescribe none. */
DOR_MUST_USE dor_result dor__read_pss_params(dor_reader *params, dor_hash_id *hash);

/** Checks a modulus and exponent: 2048 to 8192 bits, odd; else CERT_WEAK, CERT_UNSUPPORTED or CERT_MALFORMED. */
dor_reason dor__check_rsa_public(dor_span n, dor_span e);

/* rsa.c: digest is the message's hash; sig has key's n_len bytes. A wrong signature fails with BAD_SIGNATURE. */
DOR_MUST_USE dor_result dor__rsa_sign(const dor_private_key *key, const dor_sig_info *info,
                                      const uint8_t *digest, dor_rng *rng, uint8_t *sig);
DOR_MUST_USE dor_result dor__rsa_verify(const dor_public_key *key, const dor_sig_info *info,
                                        const uint8_t *digest, dor_span sig);

/**
 * rsa.c: the operation alone, no padding; in and out have key's n_len bytes (premaster.c). What decrypts is blinded or constant in
 * time; a number that RSA is not done with (0, 1, n - 1, or above) gives zeros, and nothing but a want of memory fails it.
 */
DOR_MUST_USE dor_result dor__rsa_encrypt_raw(const dor_public_key *key, const uint8_t *in, uint8_t *out);
DOR_MUST_USE dor_result dor__rsa_decrypt_raw(const dor_private_key *key, const uint8_t *in, dor_rng *rng,
                                             uint8_t *out);

/* ed448.c: keys and points of 57 bytes; a bad point is BADARG, a wrong signature fails with BAD_SIGNATURE. */
enum { DOR_ED448_KEY_LEN = 57, DOR_ED448_SIG_LEN = 114 };
extern const bool dor__ed448_built;
DOR_MUST_USE dor_result dor__ed448_check(dor_span point);
DOR_MUST_USE dor_result dor__ed448_public_of(const uint8_t *seed, uint8_t *point);
DOR_MUST_USE dor_result dor__ed448_sign(const dor_private_key *key, dor_span message, uint8_t *sig,
                                        size_t *sig_len);
DOR_MUST_USE dor_result dor__ed448_verify(const dor_public_key *key, dor_span message, dor_span sig);

/* mldsa.c: public keys have no wrong values, lengths are 0 for other types and where wolfCrypt has no ML-DSA. */
enum { DOR_MLDSA_SEED_LEN = 32, DOR_MLDSA_MAX_SECRET_LEN = 4896, DOR_MLDSA_MAX_POINT_LEN = 2592 };
extern const bool dor__mldsa_built;
dor_key_type dor__mldsa_of_oid(dor_span oid); /* NONE for others */
size_t dor__mldsa_public_len(dor_key_type type);
size_t dor__mldsa_secret_len(dor_key_type type);
size_t dor__mldsa_sig_len(dor_key_type type);

/** FIPS 204's KeyGen_internal: both halves of what a seed stands for. secret and point have room for the type's lengths. */
DOR_MUST_USE dor_result dor__mldsa_expand(dor_key_type type, const uint8_t *seed, uint8_t *secret,
                                          uint8_t *point);
DOR_MUST_USE dor_result dor__mldsa_sign(const dor_private_key *key, dor_span message, dor_rng *rng,
                                        uint8_t *sig, size_t *sig_len);
DOR_MUST_USE dor_result dor__mldsa_verify(const dor_public_key *key, dor_span message, dor_span sig);

/** The peer's signature does not fit: alert decrypt_error, reason BAD_SIGNATURE. */
dor_result dor__bad_signature(void);

#endif
