/*
 * der.h - strict DER (X.690) in and out, as far as keys, signatures and the development certificate need it.
 *
 * Private to core/crypto. Reading takes low tag numbers, definite minimal lengths below 2^24 and minimal integers alone; every
 * failure is DOR_DECODE_ERROR, which the caller turns into its own.
 */
#ifndef DOR_CRYPTO_DER_H
#define DOR_CRYPTO_DER_H

#include "base/bytes.h"
#include "base/reader.h"
#include "crypto/hash.h"

enum {
    DOR_DER_BOOLEAN = 0x01,
    DOR_DER_INTEGER = 0x02,
    DOR_DER_BIT_STRING = 0x03,
    DOR_DER_OCTET_STRING = 0x04,
    DOR_DER_NULL = 0x05,
    DOR_DER_OID = 0x06,
    DOR_DER_UTF8_STRING = 0x0c,
    DOR_DER_UTC_TIME = 0x17,
    DOR_DER_GENERALIZED_TIME = 0x18,
    DOR_DER_SEQUENCE = 0x30,
    DOR_DER_SET = 0x31,
    DOR_DER_CONTEXT = 0x80,            /* + number, primitive */
    DOR_DER_CONTEXT_CONSTRUCTED = 0xa0 /* + number */
};

/** True when the next element has this tag. */
bool dor__der_next_is(const dor_reader *r, uint8_t tag);

/** One element with this tag: its content. */
DOR_MUST_USE dor_result dor__der_read(dor_reader *r, uint8_t tag, dor_span *content);

/** The same, ready to read what is inside. */
DOR_MUST_USE dor_result dor__der_enter(dor_reader *r, uint8_t tag, dor_reader *inside);

/** A non-negative INTEGER: its magnitude without leading zeros; zero has length 0. */
DOR_MUST_USE dor_result dor__der_unsigned(dor_reader *r, dor_span *magnitude);

/** An INTEGER from 0 to 255. */
DOR_MUST_USE dor_result dor__der_small(dor_reader *r, uint8_t *v);

/** A BIT STRING of whole bytes. */
DOR_MUST_USE dor_result dor__der_bits(dor_reader *r, dor_span *bits);

/** Starts an element; dor__der_end puts the length in once it is known. */
DOR_MUST_USE dor_result dor__der_begin(dor_bytes *w, uint8_t tag, size_t *mark);
DOR_MUST_USE dor_result dor__der_end(dor_bytes *w, size_t mark);

/** A whole element with this content. */
DOR_MUST_USE dor_result dor__der_write(dor_bytes *w, uint8_t tag, dor_span content);

/* Object identifiers, encoded. */
extern const dor_span dor__oid_rsa_encryption;
extern const dor_span dor__oid_rsassa_pss;
extern const dor_span dor__oid_mgf1;
extern const dor_span dor__oid_ec_public_key;
extern const dor_span dor__oid_p256;
extern const dor_span dor__oid_p384;
extern const dor_span dor__oid_p521;
extern const dor_span dor__oid_ed25519;
extern const dor_span dor__oid_ed448;
extern const dor_span dor__oid_mldsa44;
extern const dor_span dor__oid_mldsa65;
extern const dor_span dor__oid_mldsa87;
extern const dor_span dor__oid_ecdsa_sha256;

/** SHA-2's identifier; the hash of an identifier, or DOR_HASH_NONE. */
dor_span dor__oid_of_hash(dor_hash_id id);
dor_hash_id dor__hash_of_oid(dor_span oid);

#endif
