/*
 * host_name.h - does a certificate belong to this host? (RFC 9525; RFC 6125 before it)
 */
#ifndef DOR_X509_HOST_NAME_H
#define DOR_X509_HOST_NAME_H

#include "x509/certificate.h"

/** Parses "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". Returns 4 or 16 and fills address, or 0 when text is no address. */
size_t dor__address_parse(dor_span text, uint8_t address[16]);

/** True for what may stand in a DNS-ID or in server_name: letters, digits, hyphens, dots, at most 253 bytes. */
bool dor__host_name_valid(dor_span name);

/**
 * Checks DNS-IDs (or IP-IDs when host is an address) of the subjectAltName; a wildcard stands for exactly the left-most
 * label; the common name is never looked at. bad_certificate, CERT_NAME_MISMATCH if none fits.
 */
DOR_MUST_USE dor_result dor__certificate_check_host(const dor_certificate *cert, dor_span host);

#endif
