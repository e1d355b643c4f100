/*
 * sign.h - private keys that sign, public keys that verify, in TLS's signature schemes (RFC 8446 section 4.2.3).
 *
 * Keys are counted and immutable after they are made: one may be used by several threads at once (each
 * operation works on its own copy of what wolfCrypt would change). Private parts are wiped on release.
 */
#ifndef DOR_CRYPTO_SIGN_H
#define DOR_CRYPTO_SIGN_H

#include "crypto/hash.h"
#include "crypto/kx.h"

typedef enum dor_key_type {
    DOR_KEY_NONE = 0,
    DOR_KEY_RSA,     /* rsaEncryption */
    DOR_KEY_RSA_PSS, /* id-RSASSA-PSS */
    DOR_KEY_EC_P256,
    DOR_KEY_EC_P384,
    DOR_KEY_ED25519,
    DOR_KEY_EC_P521,
    DOR_KEY_ED448,
    DOR_KEY_MLDSA44,
    DOR_KEY_MLDSA65,
    DOR_KEY_MLDSA87
} dor_key_type;

typedef uint16_t dor_sig_scheme; /* IANA "TLS SignatureScheme" */

enum {
    DOR_SIG_RSA_PKCS1_SHA256 = 0x0401,
    DOR_SIG_RSA_PKCS1_SHA384 = 0x0501,
    DOR_SIG_RSA_PKCS1_SHA512 = 0x0601,
    DOR_SIG_ECDSA_SECP256R1_SHA256 = 0x0403, /* TLS 1.2 and certificates: any curve with SHA-256 */
    DOR_SIG_ECDSA_SECP384R1_SHA384 = 0x0503, /* TLS 1.2 and certificates: any curve with SHA-384 */
    DOR_SIG_ECDSA_SHA512 = 0x0603,           /* TLS 1.3: P-521; else any curve with SHA-512 */
    DOR_SIG_RSA_PSS_RSAE_SHA256 = 0x0804,
    DOR_SIG_RSA_PSS_RSAE_SHA384 = 0x0805,
    DOR_SIG_RSA_PSS_RSAE_SHA512 = 0x0806,
    DOR_SIG_ED25519 = 0x0807,
    DOR_SIG_ED448 = 0x0808,
    DOR_SIG_RSA_PSS_PSS_SHA256 = 0x0809,
    DOR_SIG_RSA_PSS_PSS_SHA384 = 0x080a,
    DOR_SIG_RSA_PSS_PSS_SHA512 = 0x080b,
    DOR_SIG_MLDSA44 = 0x0904,
    DOR_SIG_MLDSA65 = 0x0905,
    DOR_SIG_MLDSA87 = 0x0906
};

/* The longest are those of ML-DSA-87; the longest of RSA are as long as a modulus may be. */
enum { DOR_SIG_MAX_LEN = 4627, DOR_RSA_MAX_LEN = 1024 };

typedef struct dor_private_key dor_private_key;
typedef struct dor_public_key dor_public_key;

/** "ecdsa_secp256r1_sha256" and so on, or NULL. */
const char *dor__sig_name(dor_sig_scheme scheme);

/** The scheme of that name, whatever the case of its letters; 0 for none, and for what wolfCrypt was built without. */
dor_sig_scheme dor__sig_by_name(const char *name);

/** What a scheme hashes the message with; NONE for EdDSA and ML-DSA, which have it whole, and for unknown ones. */
dor_hash_id dor__sig_hash(dor_sig_scheme scheme);

/** True when a key of this type can make signatures of the scheme at all (RSA size aside). */
bool dor__sig_fits_key(dor_sig_scheme scheme, dor_key_type type);

/** The same for one key, with the hash that an RSASSA-PSS key may prescribe (RFC 4055 section 3.3). */
bool dor__sig_fits_private(dor_sig_scheme scheme, const dor_private_key *key);

/** As TLS 1.3 has it: no PKCS#1 v1.5, and ECDSA's curve is the scheme's. */
bool dor__sig_allowed_in_tls13(dor_sig_scheme scheme, dor_key_type type);

/** As TLS 1.2 has it: whatever the key can do, but no ML-DSA (draft-ietf-tls-mldsa section 4). */
bool dor__sig_allowed_in_tls12(dor_sig_scheme scheme, dor_key_type type);

/**
 * Reads a private key in DER: PKCS#8, SEC 1 or PKCS#1. Takes a copy. RSA from 2048 bits, e odd and > 1.
 * Fails with KEY_UNSUPPORTED or FILE_MALFORMED; PASSWORD_NEEDED when it is an EncryptedPrivateKeyInfo.
 */
DOR_MUST_USE dor_result dor__private_key_from_der(dor_private_key **key, dor_span der);

/**
 * The same for an EncryptedPrivateKeyInfo: PBES2 with PBKDF2 or scrypt, AES-CBC or triple DES, and PKCS#12's schemes.
 * PASSWORD_WRONG also stands for damage; FILE_MALFORMED, NOT_SUPPORTED (another scheme), LIMIT (more work than pbe.h's
 * bounds allow), and as above.
 */
DOR_MUST_USE dor_result dor__private_key_decrypt(dor_private_key **key, dor_span der, dor_span password);

/** The same for OpenSSL's traditional PEM; dek_info is what stands behind "DEK-Info:". */
DOR_MUST_USE dor_result dor__private_key_decrypt_dek(dor_private_key **key, dor_span dek_info,
                                                     dor_span encrypted, dor_span password);

/**
 * A key of which only the public half is here; somebody else signs. What the functions below say of such a key is true of
 * the real one, but dor__sign fails with BADARG. holder is for that somebody, and goes to release (not NULL) with the last
 * reference, or at once on failure. Fails as dor__public_key_from_spki does.
 */
DOR_MUST_USE dor_result dor__private_key_elsewhere(dor_private_key **key, dor_span spki, void *holder,
                                                   void (*release)(void *holder));
bool dor__private_key_is_elsewhere(const dor_private_key *key);
void *dor__private_key_holder(const dor_private_key *key);

dor_private_key *dor__private_key_ref(dor_private_key *key);
void dor__private_key_unref(dor_private_key *key);
dor_key_type dor__private_key_type(const dor_private_key *key);

/** Its public half, borrowed: to check what was signed with it. */
const dor_public_key *dor__private_key_public(const dor_private_key *key);

/** The longest signature the key makes, in bytes. */
size_t dor__private_key_max_sig_len(const dor_private_key *key);

/** Signs message (hashed inside as the scheme says). sig has room for cap bytes. */
DOR_MUST_USE dor_result dor__sign(const dor_private_key *key, dor_sig_scheme scheme, dor_span message,
                                  dor_rng *rng, uint8_t *sig, size_t cap, size_t *sig_len);

/** True when both halves belong together. */
bool dor__key_pair_fits(const dor_private_key *key, const dor_public_key *public_key);

/**
 * Reads a SubjectPublicKeyInfo in DER. Takes what it needs as a copy. Points are checked to be on their curve.
 * Fails with the alert bad_certificate (CERT_MALFORMED) or unsupported_certificate (CERT_UNSUPPORTED);
 * RSA below 2048 bits with CERT_WEAK, above 8192 with CERT_UNSUPPORTED.
 */
DOR_MUST_USE dor_result dor__public_key_from_spki(dor_public_key **key, dor_span spki);
void dor__public_key_free(dor_public_key *key);
dor_key_type dor__public_key_type(const dor_public_key *key);

/**
 * Checks a signature over message. A wrong one fails with the alert decrypt_error, reason BAD_SIGNATURE;
 * a scheme that does not fit the key with illegal_parameter.
 */
DOR_MUST_USE dor_result dor__verify(const dor_public_key *key, dor_sig_scheme scheme, dor_span message,
                                    dor_span sig);

#endif
