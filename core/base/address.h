/* address.h - IP addresses in text (RFC 4291 section 2.2), without the socket library. */
#ifndef DOR_BASE_ADDRESS_H
#define DOR_BASE_ADDRESS_H

#include "base/span.h"

/**
 * Parses "192.0.2.1" or "2001:db8::1" (no zone, no brackets, no octal). Returns 4 or 16 and fills that many bytes of
 * address, or 0 when text is no address.
 */
size_t dor__ip_parse(dor_span text, uint8_t address[16]);

#endif
