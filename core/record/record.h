/*
 * record.h - framing: bytes to records, payloads to records (RFC 8446 section 5.1, RFC 5246 section 6.2.1).
 *
 * The reader works in place on the bytes that the caller lends it. Only the beginning of a record whose end has not
 * come is copied, and that copy is released as soon as it is done with, so a connection that waits holds no buffer.
 */
#ifndef DOR_RECORD_RECORD_H
#define DOR_RECORD_RECORD_H

#include "base/bytes.h"
#include "record/protection.h"

typedef struct dor_record_reader {
    dor_bytes partial; /* empty when no record is half-way in */
    bool done_partial; /* partial holds a record that was given out and is dropped at the next call */
} dor_record_reader;

typedef struct dor_record {
    uint8_t type;
    uint16_t version; /* as the header said */
    dor_span payload; /* plaintext; points into the caller's bytes or into the reader, until the next call */
    uint8_t outer_type; /* as the header said */
    uint16_t inner_len; /* the plaintext that was protected: in TLS 1.3 with its type and padding */
} dor_record;

/**
 * Takes the next record off data. *consumed bytes are used up whatever happens; *found says whether record is filled.
 * Header checks: known type, version major 3, length within the protection's bound: record_overflow, and what RFC 8446
 * section 5.1 names. After a record that does not authenticate (bad_record_mac) reader and protection are as before it,
 * so that a server can pass over early data that it refused (RFC 8446 section 4.2.10). A change_cipher_spec record is
 * never decrypted in TLS 1.3 (its place is the caller's to judge).
 */
DOR_MUST_USE dor_result dor__record_read(dor_record_reader *r, dor_protection *p, uint8_t *data, size_t len,
                                         size_t *consumed, dor_record *record, bool *found);

/** Releases a record that was given out and that the caller is done with, if the reader still holds it. */
void dor__record_reader_settle(dor_record_reader *r);

/**
 * How many bytes at the front of data are whole records, going by their headers alone: with only these given to
 * dor__record_read nothing has to be copied. All of them while a record is half-way in, or where a header is nonsense
 * (reading finds out).
 */
size_t dor__record_whole(const dor_record_reader *r, const uint8_t *data, size_t len);

/** Wipes and releases everything; the reader is empty and usable afterwards. */
void dor__record_reader_fini(dor_record_reader *r);

/** True while the beginning of a record is held. */
bool dor__record_reader_busy(const dor_record_reader *r);

/**
 * Appends payload to out as one record or, past max_fragment (1 to 16384) bytes, several. version is the legacy
 * record version. An empty payload makes one empty record. On failure out is as it was, and the protection is not to
 * be used again.
 */
DOR_MUST_USE dor_result dor__record_write(dor_protection *p, uint8_t type, uint16_t version,
                                          size_t max_fragment, dor_span payload, dor_bytes *out);

/**
 * The same; where the protection can pad, payload and padding of each record make a multiple of pad_to bytes, or
 * max_fragment where that is less (RFC 8446 section 5.4). pad_to 0: no padding.
 */
DOR_MUST_USE dor_result dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                                 size_t max_fragment, size_t pad_to, dor_span payload,
                                                 dor_bytes *out);

#endif
