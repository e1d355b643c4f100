/*
 * proxied.h - the PROXY protocol in front of TLS: a transport around another, there only for connections that have to do
 * with it; and headers in the words of dormouse/proxy.h.
 */
#ifndef DOR_SSL_PROXIED_H
#define DOR_SSL_PROXIED_H

#include "ssl/transport.h"
#include <dormouse/proxy.h>

typedef struct dor_connection dor_connection;

enum { DOR_PROXY_TRUST_MAX = 256 };

/** An address prefix that is trusted; bytes are 4 or 16, or 0: Unix-domain peers. */
typedef struct dor_proxy_prefix {
    uint8_t bytes, bits, address[16];
} dor_proxy_prefix;

/** "192.0.2.0/24", "2001:db8::1", "unix:"; false for anything else. */
bool dor__proxy_prefix(const char *text, dor_proxy_prefix *prefix);

/** Puts the transport around c's, if its settings and its peer ask for it: from here on it sends or expects a header. */
DOR_MUST_USE dor_result dor__conn_proxy(dor_connection *c);

/** The header that t has brought, a new reference. NO_PROXY_HEADER, ENOTCONN: see dor_ssl_get_proxy_info. */
DOR_MUST_USE dor_result dor__proxied_header(dor_transport *t, dor_buffer **header);

/** A whole header taken apart. Takes the reference, which *info has on success. */
DOR_MUST_USE dor_result dor__proxy_read(dor_buffer *header, dor_proxy_info *info);

/** The other way, as version 2. */
DOR_MUST_USE dor_result dor__proxy_make(const dor_proxy_info *info, dor_buffer **header);

#endif
