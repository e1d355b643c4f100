/*
 * cbc.h - AES-CBC with an HMAC beside it, the two halves of TLS 1.2's block cipher records (RFC 5246 section 6.2.3.2).
 *
 * A context holds what keys expand to, for one direction, and can be made again from the keys, as dor_aead. What goes
 * under the MAC and in which order is the caller's business (record/cbc.c). One thread at a time.
 */
#ifndef DOR_CRYPTO_CBC_H
#define DOR_CRYPTO_CBC_H

#include "crypto/hmac.h"

enum { DOR_CBC_BLOCK_LEN = 16, DOR_CBC_MAX_KEY_LEN = 32, DOR_CBC_MAX_MAC_LEN = 48 /* SHA-384 */ };

typedef struct dor_cbc dor_cbc;

/** key of 16 or 32 bytes, mac_key of dor__hash_len(mac) bytes (SHA1, SHA256 or SHA384). encrypts: or else decrypts. */
DOR_MUST_USE dor_result dor__cbc_new(dor_cbc **cbc, const uint8_t *key, size_t key_len, dor_hash_id mac,
                                     const uint8_t *mac_key, bool encrypts);

/** Heap bytes that a context takes. */
size_t dor__cbc_size(void);

/** Wipes and frees; harmless with NULL. */
void dor__cbc_free(dor_cbc *cbc);

/** len bytes where they stand, a whole number of blocks; encrypts or decrypts as the context is for. */
DOR_MUST_USE dor_result dor__cbc_crypt(dor_cbc *cbc, const uint8_t iv[DOR_CBC_BLOCK_LEN], uint8_t *data,
                                       size_t len);

/** The MAC over the parts. */
DOR_MUST_USE dor_result dor__cbc_mac(const dor_cbc *cbc, const dor_span *parts, size_t part_count,
                                     uint8_t *mac);

/**
 * The MAC over prefix and the first len bytes at data, where len is a secret of which only min_len <= len <= max_len is
 * known (dor__hmac_mac_ct).
 */
DOR_MUST_USE dor_result dor__cbc_mac_ct(const dor_cbc *cbc, dor_span prefix, const uint8_t *data,
                                        uint32_t len, size_t min_len, size_t max_len, uint8_t *mac);

#endif
