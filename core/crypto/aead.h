/*
 * aead.h - authenticated encryption in place (RFC 5116; AES-GCM: SP 800-38D; AES-CCM: SP 800-38C, RFC 6655;
 * ChaCha20-Poly1305: RFC 8439).
 *
 * A context holds the expanded key. It is on the heap, so that a connection that sleeps can let it go
 * and make it again from the key (about 240 ns). One thread at a time.
 */
#ifndef DOR_CRYPTO_AEAD_H
#define DOR_CRYPTO_AEAD_H

#include "base/result.h"
#include "base/span.h"

typedef enum dor_aead_id {
    DOR_AEAD_NONE = 0,
    DOR_AEAD_AES_128_GCM,
    DOR_AEAD_AES_256_GCM,
    DOR_AEAD_CHACHA20_POLY1305,
    DOR_AEAD_AES_128_CCM,
    DOR_AEAD_AES_256_CCM,
    DOR_AEAD_AES_128_CCM_8, /* a tag of 8 bytes: one forgery in 2^64 succeeds, for peers that count bytes */
    DOR_AEAD_AES_256_CCM_8
} dor_aead_id;

enum { DOR_AEAD_MAX_KEY_LEN = 32, DOR_AEAD_NONCE_LEN = 12, DOR_AEAD_TAG_LEN = 16 /* the longest */ };

typedef struct dor_aead dor_aead;

/** Bytes of a key: 16 or 32; 0 for DOR_AEAD_NONE. */
size_t dor__aead_key_len(dor_aead_id id);

/** Bytes of a tag: 16, or 8 of the two that say so. */
size_t dor__aead_tag_len(dor_aead_id id);

/** key has dor__aead_key_len(id) bytes and is copied in expanded form. */
DOR_MUST_USE dor_result dor__aead_new(dor_aead **aead, dor_aead_id id, const uint8_t *key);

/** Heap bytes that a context takes. */
size_t dor__aead_size(dor_aead_id id);

/** Wipes and frees; harmless with NULL. */
void dor__aead_free(dor_aead *aead);

/** Encrypts len bytes at data where they stand and writes dor__aead_tag_len bytes to tag. */
DOR_MUST_USE dor_result dor__aead_seal(dor_aead *aead, const uint8_t nonce[DOR_AEAD_NONCE_LEN], dor_span aad,
                                       uint8_t *data, size_t len, uint8_t *tag);

/**
 * Decrypts len bytes at data where they stand if tag fits; fails with the alert bad_record_mac if it does not,
 * and what stands at data is then worthless (no plaintext is left there).
 */
DOR_MUST_USE dor_result dor__aead_open(dor_aead *aead, const uint8_t nonce[DOR_AEAD_NONCE_LEN], dor_span aad,
                                       uint8_t *data, size_t len, const uint8_t *tag);

#endif
