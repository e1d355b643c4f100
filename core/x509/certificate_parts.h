/*
 * certificate_parts.h - what the files behind certificate.h share among themselves.
 */
#ifndef DOR_X509_CERTIFICATE_PARTS_H
#define DOR_X509_CERTIFICATE_PARTS_H

#include "x509/certificate.h"
#include "x509/der.h"

/** More extensions than this are malformed; certificates in use have about ten. Bounds the search for
 * duplicates. */
enum { DOR_CERT_MAX_EXTENSIONS = 64 };

/** Extensions, RFC 5280 section 4.2: a non-empty SEQUENCE OF Extension, into the fields of cert. */
DOR_MUST_USE dor_result dor__certificate_read_extensions(dor_certificate *cert, dor_reader *r);

/** The type of key that a SubjectPublicKeyInfo holds; DOR_KEY_NONE when it is none that Dormouse knows. */
DOR_MUST_USE dor_result dor__spki_key_type(dor_span spki, dor_key_type *type);

#endif
