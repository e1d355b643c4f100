/*
 * trust_store.h - the certificates that paths may end at. Filled, then frozen and shared by count.
 */
#ifndef DOR_X509_TRUST_STORE_H
#define DOR_X509_TRUST_STORE_H

#include "x509/certificate.h"

typedef struct dor_trust_store dor_trust_store;

DOR_MUST_USE dor_result dor__trust_store_new(dor_trust_store **store);
dor_trust_store *dor__trust_store_ref(dor_trust_store *store);
void dor__trust_store_unref(dor_trust_store *store);

/** Takes a reference of its own. Only before the store is shared. Adding the same DER twice is harmless. */
DOR_MUST_USE dor_result dor__trust_store_add(dor_trust_store *store, dor_certificate *cert);

/**
 * Every CERTIFICATE of a PEM text. A block that cannot be used is counted in *skipped, not fatal; blocks of other kinds
 * are passed over. added and skipped may be NULL. Fails only for want of memory.
 */
DOR_MUST_USE dor_result dor__trust_store_add_pem(dor_trust_store *store, dor_span pem, size_t *added,
                                                 size_t *skipped);

size_t dor__trust_store_count(const dor_trust_store *store);
dor_certificate *dor__trust_store_at(const dor_trust_store *store, size_t index);

/** The next anchor whose subject is `name`, starting from *cursor = 0; NULL when there is none left. Borrowed. */
dor_certificate *dor__trust_store_find(const dor_trust_store *store, dor_span name, size_t *cursor);

/** True when exactly this certificate is an anchor. */
bool dor__trust_store_has(const dor_trust_store *store, const dor_certificate *cert);

/** The anchor with the same DER as cert, or NULL. Borrowed. */
dor_certificate *dor__trust_store_same(const dor_trust_store *store, const dor_certificate *cert);

/** The anchor with this dor__certificate_fingerprint, or NULL. Borrowed. */
dor_certificate *dor__trust_store_by_fingerprint(const dor_trust_store *store, dor_span fingerprint);

#endif
