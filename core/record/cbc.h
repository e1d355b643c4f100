/*
 * cbc.h - record protection by AES-CBC and HMAC, as TLS 1.2 has it: MAC-then-encrypt (RFC 5246 section 6.2.3.2) and
 * encrypt-then-MAC (RFC 7366).
 *
 * What the keys need beyond a dor_protection's own room is in a block behind its pointer, so that connections with AEADs
 * are no larger for it. Private to core/record and the tests; protection.h is for users.
 */
#ifndef DOR_RECORD_CBC_H
#define DOR_RECORD_CBC_H

#include "crypto/cbc.h"
#include "record/protection.h"

struct dor_cbc_state {
    dor_cbc *cipher; /* NULL while asleep */
    dor_rng *rng;    /* borrowed: the connection's. For IVs */
    uint8_t key[DOR_CBC_MAX_KEY_LEN];
    uint8_t mac_key[DOR_CBC_MAX_MAC_LEN];
    uint8_t key_len, mac; /* mac: dor_hash_id */
    bool encrypts;        /* this is for sending */
};

extern const dor_protection_ops dor__cbc_mac_then_encrypt_ops;
extern const dor_protection_ops dor__cbc_encrypt_then_mac_ops;

/**
 * MAC-then-encrypt, with the plaintext at data (payload, MAC, padding; len bytes, a whole number of blocks that has room
 * for the MAC and a byte of padding): all ones when padding and MAC are right, else zero, and *payload_len in the first
 * case. Neither branches nor addresses depend on what stands at data, except through the hash function. pseudo is the 13 bytes
 * in front of the payload under the MAC; their last two, the payload's length, are filled in.
 */
DOR_MUST_USE dor_result dor__cbc_check(const struct dor_cbc_state *s, uint8_t pseudo[13], const uint8_t *data,
                                       size_t len, uint32_t *good, uint32_t *payload_len);

/** Lets the context go. */
void dor__cbc_state_sleep(struct dor_cbc_state *s);

/** Wipes and frees; harmless with NULL. */
void dor__cbc_state_free(struct dor_cbc_state *s);

#endif
