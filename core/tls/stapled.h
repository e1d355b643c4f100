/*
 * stapled.h - what a server shows beside its certificate: the status response of its authority (OCSP stapling, RFC 6066
 * section 8 and RFC 8446 section 4.4.2.1) and timestamps of certificate logs (RFC 6962 section 3.3).
 *
 * Looked at for form and passed on; what they say is for who judges certificates. Few connections have any, so it is a
 * block of its own: filled while the server's certificate arrives, counted and unchanged from then on, and remembered by
 * the sessions that are made.
 */
#ifndef DOR_TLS_STAPLED_H
#define DOR_TLS_STAPLED_H

#include "base/bytes.h"

typedef struct dor_stapled {
    uint32_t ref_count_;
    dor_bytes status;     /* OCSPResponse in DER; empty: none */
    dor_bytes timestamps; /* SignedCertificateTimestampList, with its length; empty: none */
} dor_stapled;

/** An empty one with one reference. */
DOR_MUST_USE dor_result dor__stapled_new(dor_stapled **stapled);
dor_stapled *dor__stapled_ref(dor_stapled *stapled);
void dor__stapled_unref(dor_stapled *stapled);

/** decode_error unless data is a list of at least one timestamp, none of them empty. */
DOR_MUST_USE dor_result dor__timestamps_check(dor_span data);

/** Heap bytes that it holds; 0 for NULL. */
size_t dor__stapled_memory(const dor_stapled *stapled);

#endif
