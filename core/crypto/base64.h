/* base64.h - RFC 4648 section 4, for PEM (RFC 7468). */
#ifndef DOR_CRYPTO_BASE64_H
#define DOR_CRYPTO_BASE64_H

#include "base/bytes.h"

/** Appends the decoded bytes; white space between characters is passed over. Fails with FILE_MALFORMED. */
DOR_MUST_USE dor_result dor__base64_decode(dor_span text, dor_bytes *out);

/** Appends the encoded text in lines of 64 characters, each ended by "\n". */
DOR_MUST_USE dor_result dor__base64_encode(dor_span data, dor_bytes *out);

#endif
