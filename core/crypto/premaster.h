/*
 * premaster.h - TLS 1.2's premaster secret encrypted to an RSA key (RFC 5246 section 7.4.7.1).
 *
 * Who opens it never says whether there was something in it (Bleichenbacher 1998, ROBOT 2017): a wrong one gives a random
 * secret, and the handshake goes on until its Finished does not verify.
 */
#ifndef DOR_CRYPTO_PREMASTER_H
#define DOR_CRYPTO_PREMASTER_H

#include "crypto/sign.h"

enum { DOR_PREMASTER_LEN = 48 };

/** True when the key is one that decrypts here: rsaEncryption of 2048, 3072 or 4096 bits, and not elsewhere. */
bool dor__private_key_decrypts(const dor_private_key *key);

/**
 * Makes a premaster secret for version (what the ClientHello offered) and encrypts it (RFC 8017 section 7.2.1). encrypted has
 * room for DOR_RSA_MAX_LEN bytes. BADARG for a key that is not rsaEncryption.
 */
DOR_MUST_USE dor_result dor__premaster_seal(const dor_public_key *key, uint16_t version, dor_rng *rng,
                                            uint8_t premaster[DOR_PREMASTER_LEN], uint8_t *encrypted,
                                            size_t *encrypted_len);

/**
 * Opens one, or gives a random one when it is wrong in whatever way; nothing tells which, not the time either. Fails only for
 * want of memory or randomness, whatever was sent, and with BADARG for a key that does not decrypt.
 */
DOR_MUST_USE dor_result dor__premaster_open(const dor_private_key *key, uint16_t version, dor_rng *rng,
                                            dor_span encrypted, uint8_t premaster[DOR_PREMASTER_LEN]);

/**
 * premaster, random so far, becomes what em (00 02 padding 00 secret; len bytes, 59 at least) holds if all of it and its
 * version is right. Neither branches nor addresses depend on em. For dor__premaster_open and the test of this.
 */
void dor__premaster_unpad(const uint8_t *em, size_t len, uint16_t version,
                          uint8_t premaster[DOR_PREMASTER_LEN]);

#endif
