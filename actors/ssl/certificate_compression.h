/*
 * certificate_compression.h - the ways to compress certificates that there are (RFC 8879), for dor_tls_config. Constant; any
 * thread.
 */
#ifndef DOR_SSL_CERTIFICATE_COMPRESSION_H
#define DOR_SSL_CERTIFICATE_COMPRESSION_H

#include "tls/config.h"

/** "brotli" or "zlib"; NULL for all else. */
const dor_cert_compression *dor__cert_compression_by_name(const char *name);

#endif
