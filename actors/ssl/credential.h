/*
 * credential.h - what options say about our own certificates and keys, kept so that the files can be read again, and the
 * reading.
 *
 * A dor_credentials is filled by one, then frozen and shared by count with every copy of the settings that were made from
 * it. It holds names, DER and passwords, wiped when the last holder lets go. Threads: any.
 */
#ifndef DOR_SSL_CREDENTIAL_H
#define DOR_SSL_CREDENTIAL_H

#include "ssl/pem_file.h"

/** One certificate chain and its key. Names and DER may be missing; DER wins over a file. */
typedef struct dor_credential {
    char *certfile, *keyfile, *password;
    char *status_file, *timestamps_file; /* of an OCSP response, and of a SignedCertificateTimestampList */
    dor_bytes cert, key;
    dor_bytes status, timestamps;
    bool only_for_issuers;
    dor_sign_fn sign; /* or NULL: the key is in one of those */
    void *sign_arg;
} dor_credential;

typedef struct dor_credentials {
    uint32_t ref_count_;
    size_t count;
    dor_credential items[DOR_MAX_IDENTITIES]; /* in order of preference */
} dor_credentials;

DOR_MUST_USE dor_result dor__credentials_new(dor_credentials **credentials);
dor_credentials *dor__credentials_ref(dor_credentials *credentials);
void dor__credentials_unref(dor_credentials *credentials);

/** Appends a copy of all that spec points to; LIMIT when full. Only before it is shared. */
DOR_MUST_USE dor_result dor__credentials_add(dor_credentials *credentials, const dor_certs_key *spec);

/** A new one with the same items and room for more. */
DOR_MUST_USE dor_result dor__credentials_copy(const dor_credentials *from, dor_credentials **to);

/** What went wrong, and in which item (from 0) and which of its parts ("certfile"). */
typedef struct dor_credential_trouble {
    size_t item;
    const char *part;
    char why[1024];
} dor_credential_trouble;

/**
 * Reads every item and adds it to config, which has no identity yet. A chain of which only the leaf was given is completed
 * from issuers (may be NULL). On failure config may hold some of them.
 */
DOR_MUST_USE dor_result dor__credentials_load(const dor_credentials *credentials, dor_tls_config *config,
                                              const dor_trust_store *issuers,
                                              dor_credential_trouble *trouble);

#endif
