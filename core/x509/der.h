/*
 * der.h - a strict reader of DER (X.690), in the manner of base/reader.h.
 *
 *     DOR_TRY(der_enter(&r, DER_SEQUENCE, &name));
 *     DOR_TRY(der_oid(&name, &type));
 *     DOR_TRY(der_end(&name));
 *
 * DER has exactly one encoding of each value, so whatever is not that one is refused: indefinite or padded
 * lengths, padded INTEGERs, a TRUE that is not FF. Nothing here recurses; how deep a parser goes is written
 * in its own code, so the nesting of hostile input costs nothing. Every failure is the alert bad_certificate,
 * reason CERT_MALFORMED. Spans borrow from the input.
 */
#ifndef DOR_X509_DER_H
#define DOR_X509_DER_H

#include "base/reader.h"

#define DOR_DER_ERROR dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_MALFORMED)

/* Identifier octets (X.690 section 8.1.2). Tag numbers above 30 take several octets; X.509 has none. */
enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_TELETEX_STRING = 0x14,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31
};

#define DER_CONTEXT(number)      (0x80 | (number)) /* [number] of a primitive type, IMPLICIT */
#define DER_CONTEXT_CONS(number) (0xa0 | (number)) /* [number] EXPLICIT, or of a constructed type */

/** One element of any type: its identifier, its contents, and the whole of it. */
DOR_MUST_USE dor_result dor__asn1_element(dor_reader *r, uint8_t *tag, dor_span *contents, dor_span *whole);

/** An INTEGER's contents: two's complement, minimal. */
DOR_MUST_USE dor_result dor__asn1_integer(dor_reader *r, dor_span *contents);

/** An INTEGER that must not be negative; what does not fit is given as UINT32_MAX. */
DOR_MUST_USE dor_result dor__asn1_u32(dor_reader *r, uint32_t *value);

DOR_MUST_USE dor_result dor__asn1_boolean(dor_reader *r, bool *value);

/** BOOLEAN DEFAULT FALSE: absent is false, and an encoded FALSE is refused (X.690 section 11.5). */
DOR_MUST_USE dor_result dor__asn1_boolean_default_false(dor_reader *r, bool *value);

/** An OBJECT IDENTIFIER's contents, its subidentifiers checked. */
DOR_MUST_USE dor_result dor__asn1_oid(dor_reader *r, dor_span *contents);

/** The bits of a BIT STRING whose identifier is tag; unused bits (0 to 7) must be zero. */
DOR_MUST_USE dor_result dor__asn1_bit_string(dor_reader *r, uint8_t tag, dor_span *bits, uint8_t *unused);

/** Time of RFC 5280 section 4.1.2.5, in seconds since 1970. */
DOR_MUST_USE dor_result dor__asn1_time(dor_reader *r, int64_t *seconds);

/** AlgorithmIdentifier (RFC 5280 section 4.1.1.2): parameters is the whole element, empty when absent. */
DOR_MUST_USE dor_result dor__asn1_algorithm(dor_reader *r, dor_span *oid, dor_span *parameters);

/** True when the next element has this identifier; false at the end. */
static inline bool der_next_is(const dor_reader *r, uint8_t tag)
{
    return rd_left(r) > 0 && *r->ptr == tag;
}

/** Contents of the next element, which must have this identifier. */
static inline DOR_MUST_USE dor_result der_get(dor_reader *r, uint8_t tag, dor_span *contents)
{
    uint8_t found;
    dor_span whole;
    if (!der_next_is(r, tag)) return DOR_DER_ERROR;
    return dor__asn1_element(r, &found, contents, &whole);
}

/** The next element from its identifier on, which must be this one. */
static inline DOR_MUST_USE dor_result der_whole(dor_reader *r, uint8_t tag, dor_span *whole)
{
    uint8_t found;
    dor_span contents;
    if (!der_next_is(r, tag)) return DOR_DER_ERROR;
    return dor__asn1_element(r, &found, &contents, whole);
}

/** A reader over the contents of the next element. */
static inline DOR_MUST_USE dor_result der_enter(dor_reader *r, uint8_t tag, dor_reader *inner)
{
    dor_span contents;
    DOR_TRY(der_get(r, tag, &contents));
    *inner = rd_from(contents);
    return DOR_SUCCESS;
}

/** Nothing may be left. */
static inline DOR_MUST_USE dor_result der_end(const dor_reader *r)
{
    return r->ptr == r->end ? DOR_SUCCESS : DOR_DER_ERROR;
}

#endif
