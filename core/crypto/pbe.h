/*
 * pbe.h - what is encrypted under a password: PKCS#5's PBES2 (RFC 8018, RFC 7914), PKCS#12's own schemes (RFC 7292
 * appendices B and C), and what OpenSSL's traditional PEM does.
 *
 * Private to core/crypto. A file says itself how much work its password function is, so that work is bounded here: a hostile
 * file must not stop a program. Passwords are the caller's, plain texts too; everything between is wiped.
 */
#ifndef DOR_CRYPTO_PBE_H
#define DOR_CRYPTO_PBE_H

#include "base/bytes.h"
#include "base/reader.h"
#include "crypto/hash.h"

enum {
    /* Today's advice is 210,000 to 1,300,000, by the hash; two million take a second or two. */
    DOR_PBE_MAX_ITERATIONS = 2000000,
    DOR_PBE_MAX_SALT_LEN = 1024,
    DOR_PBE_MAX_PASSWORD_LEN = 1024,
    /* scrypt: N * r * 128 bytes are held, here at most 128 MiB; and N * r * p steps are done, here at most 2^21. */
    DOR_PBE_MAX_SCRYPT_BLOCKS = 1 << 20,
    DOR_PBE_MAX_SCRYPT_STEPS = 1 << 21
};

/**
 * Decrypts what an AlgorithmIdentifier (its content: OID and parameters) has encrypted, and takes the padding off. *plain is
 * empty before, and the caller's to free; empty on failure.
 * FILE_MALFORMED, NOT_SUPPORTED (the scheme, or one of its parts), LIMIT (iterations or memory beyond the bounds above),
 * PASSWORD_WRONG (the padding is not one: another password, or damage).
 */
DOR_MUST_USE dor_result dor__pbe_decrypt(dor_reader *algorithm, dor_span encrypted, dor_span password,
                                         dor_bytes *plain);

/**
 * The same for OpenSSL's traditional PEM (PEM_read_bio_PrivateKey(3)): dek_info is "AES-256-CBC,<IV in hexadecimal>", the
 * key comes from MD5 over password and IV.
 */
DOR_MUST_USE dor_result dor__pbe_decrypt_dek(dor_span dek_info, dor_span encrypted, dor_span password,
                                             dor_bytes *plain);

/**
 * PKCS#12's key derivation (RFC 7292 appendix B.2), for the key of its MAC (B.3, ID 3). out has room for out_len bytes.
 */
DOR_MUST_USE dor_result dor__pkcs12_mac_key(dor_hash_id hash, dor_span password, dor_span salt,
                                            uint32_t iterations, uint8_t *out, size_t out_len);

/** A count of iterations from 1 to DOR_PBE_MAX_ITERATIONS; LIMIT above. */
DOR_MUST_USE dor_result dor__pbe_iterations(dor_reader *r, uint32_t *iterations);

#endif
