/*
 * protection.h - what stands between plaintext and the wire: null, AEAD as TLS 1.2 has it, AEAD as TLS 1.3 has it, and
 * TLS 1.2's CBC with a MAC (cbc.c).
 *
 * One direction of one connection. Record kinds are a small vtable. The key stays here and the cipher context, which is much larger, may be let go at any time:
 * dor__protection_sleep drops it and the next seal or open makes it again.
 *
 * Record sizes (RFC 8446 section 5.2, RFC 5246 section 6.2.3): plaintext at most 2^14; ciphertext at most
 * 2^14 + 256 in TLS 1.3 and 2^14 + 2048 in TLS 1.2.
 */
#ifndef DOR_RECORD_PROTECTION_H
#define DOR_RECORD_PROTECTION_H

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/rng.h"

enum {
    DOR_RECORD_HEADER_LEN = 5,
    DOR_RECORD_MAX_PLAINTEXT = 16384,
    DOR_RECORD_MAX_CIPHERTEXT_13 = 16384 + 256,
    DOR_RECORD_MAX_CIPHERTEXT_12 = 16384 + 2048,
    DOR_RECORD_MAX_OVERHEAD =
        DOR_RECORD_HEADER_LEN + 16 + 48 + 16 /* CBC: header, IV, HMAC-SHA-384, padding */
};

enum dor_content_type {
    DOR_CONTENT_CHANGE_CIPHER_SPEC = 20,
    DOR_CONTENT_ALERT = 21,
    DOR_CONTENT_HANDSHAKE = 22,
    DOR_CONTENT_APPLICATION_DATA = 23
};

typedef struct dor_protection dor_protection;

typedef struct dor_protection_ops {
    size_t max_ciphertext; /* the longest fragment that may follow a record header */
    size_t prefix_len;     /* bytes between the header and the payload (an explicit nonce or IV) */
    size_t suffix_len;     /* bytes behind the payload; of CBC the most there can be */

    /**
     * record[5 + prefix_len ...] holds len bytes; protects them in place and fills header, prefix and suffix. How long the
     * record is then, its header says.
     */
    dor_result (*seal)(dor_protection *p, uint8_t type, uint16_t version, uint8_t *record, size_t len);

    /**
     * A whole record (header and fragment of fragment_len). In place; gives the true type and the payload. A record
     * that does not authenticate leaves the protection as it was, so that a server may pass over early data that it
     * refused (RFC 8446 section 4.2.10).
     */
    dor_result (*open)(dor_protection *p, uint8_t *record, size_t fragment_len, uint8_t *type,
                       dor_span *payload);

    bool pads; /* seal puts p->padding zeros behind the payload (RFC 8446 section 5.4) */
} dor_protection_ops;

struct dor_protection {
    const dor_protection_ops *ops;
    union {
        dor_aead *aead;            /* NULL while asleep, or when there are no keys */
        struct dor_cbc_state *cbc; /* with is_cbc */
    };
    uint64_t sequence;
    uint8_t key[DOR_AEAD_MAX_KEY_LEN];
    uint8_t iv[DOR_AEAD_NONCE_LEN]; /* TLS 1.2 GCM: the implicit 4 bytes come first */
    uint8_t aead_id;
    bool is_cbc : 1; /* bits, for there are two of these in each connection */
    bool
        plain_alerts : 1; /* TLS 1.3, set by the engine: an alert in the clear passes as long as no record has opened */
    uint16_t padding; /* of the record that is sealed next, where ops->pads; record.c sets it */
};

/*
 * The _init functions take p as raw memory: what had keys goes through _fini first. On failure p is null protection.
 * Cipher contexts are made at the first record, so keys that see no record cost none.
 */

/** Plaintext records, as every connection begins. */
void dor__protection_init_null(dor_protection *p);
bool dor__protection_is_null(const dor_protection *p);

/** RFC 8446 section 5: nonce = iv xor sequence, the inner content type, any record claims to be application data. */
DOR_MUST_USE dor_result dor__protection_init_13(dor_protection *p, dor_aead_id aead, const uint8_t *key,
                                                const uint8_t iv[DOR_AEAD_NONCE_LEN]);

/** RFC 5288, RFC 6655 (GCM, CCM: 4 implicit, 8 explicit bytes, here the sequence number) and RFC 7905 (ChaCha20: as in TLS 1.3). */
DOR_MUST_USE dor_result dor__protection_init_12(dor_protection *p, dor_aead_id aead, const uint8_t *key,
                                                const uint8_t *iv);

/** Bytes of iv that the TLS 1.2 key block holds for aead: 4 or 12. */
size_t dor__protection_12_iv_len(dor_aead_id aead);

/** What CBC needs; key and mac_key are copied (key_len, and as many bytes as mac's digest has), rng is borrowed. */
typedef struct dor_cbc_keys {
    const uint8_t *key, *mac_key;
    size_t key_len;  /* 16 or 32 */
    dor_hash_id mac; /* SHA1, SHA256 or SHA384 */
    bool encrypt_then_mac;
    bool sends; /* seals; or else opens */
    dor_rng *rng;
} dor_cbc_keys;

/** RFC 5246 section 6.2.3.2 or, with encrypt_then_mac, RFC 7366. cbc.c */
DOR_MUST_USE dor_result dor__protection_init_cbc(dor_protection *p, const dor_cbc_keys *keys);
bool dor__protection_encrypts_then_macs(const dor_protection *p);

/** Lets the cipher context go; nothing else changes. */
void dor__protection_sleep(dor_protection *p);

/** True when there is no cipher context. */
bool dor__protection_asleep(const dor_protection *p);

/** Heap bytes that it holds. */
size_t dor__protection_memory(const dor_protection *p);

/** Wipes and releases everything; leaves null protection. */
void dor__protection_fini(dor_protection *p);

#endif
