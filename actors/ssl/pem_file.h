/*
 * pem_file.h - certificates, keys and trusted authorities from files, with errors that say which file, which line and
 * what is wrong there.
 *
 * Every function takes room for a sentence (why, why_cap; may be NULL, 0) and writes it on failure; no sentence ever
 * holds a key's or a password's bytes. Threads: any; dor__system_trust shares one store behind a lock.
 */
#ifndef DOR_SSL_PEM_FILE_H
#define DOR_SSL_PEM_FILE_H

#include "crypto/base64.h"
#include "ssl/settings.h"

/* A file of certificates or keys is at most this long; the trust stores of today's systems are below 1 MiB. */
enum { DOR_PEM_FILE_MAX = 16 * 1024 * 1024, DOR_CHAIN_MAX = 16 };

/** A chain as it will be sent, leaf first. Released by dor__chain_fini. */
typedef struct dor_chain {
    dor_certificate *certs[DOR_CHAIN_MAX];
    size_t count;
} dor_chain;

void dor__chain_fini(dor_chain *chain);

/** A whole file, or pipe, of at most DOR_PEM_FILE_MAX bytes. The caller frees text, also where it was a key. */
DOR_MUST_USE dor_result dor__read_file(const char *path, dor_bytes *text, char *why, size_t why_cap);

/**
 * The CERTIFICATE blocks of a file, in its order; at least one. Files may also hold DER (certificates one behind the other),
 * or PKCS#12: then the key's certificate first, and password opens it.
 */
DOR_MUST_USE dor_result dor__pem_file_chain(const char *path, const char *password, dor_chain *chain,
                                            char *why, size_t why_cap);

/**
 * The first private key of a file, in PEM, DER or PKCS#12. password is for an encrypted one, NULL when none is given: PASSWORD_NEEDED then;
 * PASSWORD_WRONG when it does not open the key (or the key is damaged, which cannot be told apart).
 */
DOR_MUST_USE dor_result dor__pem_file_key(const char *path, const char *password, dor_private_key **key,
                                          char *why, size_t why_cap);

/**
 * Every certificate of a file; at least one. A block that cannot be read is an error, for somebody named the file, or is
 * passed over when lenient, for one odd certificate in the system's bundle must not make every connection fail.
 */
DOR_MUST_USE dor_result dor__pem_file_trust(const char *path, bool lenient, dor_trust_store **store,
                                            char *why, size_t why_cap);

/**
 * What a PKCS#12 file holds: the chain, and the key; either may be NULL. path is for the sentence. PASSWORD_WRONG,
 * PASSWORD_NEEDED, NOT_SUPPORTED, LIMIT, FILE_MALFORMED. See crypto/pkcs12.h.
 */
DOR_MUST_USE dor_result dor__pkcs12_read(const char *path, dor_span der, const char *password,
                                         dor_chain *chain, dor_private_key **key, char *why, size_t why_cap);

/** Certificates in DER, one behind the other. */
DOR_MUST_USE dor_result dor__der_chain(dor_span der, dor_chain *chain, char *why, size_t why_cap);
DOR_MUST_USE dor_result dor__der_trust(dor_span der, dor_trust_store **store, char *why, size_t why_cap);
/** A private key in DER; password as above. */
DOR_MUST_USE dor_result dor__der_key(dor_span der, const char *password, dor_private_key **key, char *why,
                                     size_t why_cap);

/**
 * Appends the issuers that `store` has for a chain of which only the leaf was given; a root is left out, because whoever
 * trusts it has it.
 */
void dor__chain_complete(dor_chain *chain, const dor_trust_store *store);

/**
 * The system's trust store, read on first use and shared by the whole process: $SSL_CERT_FILE if that is set, else the
 * first of the usual places that exists. A new reference.
 */
DOR_MUST_USE dor_result dor__system_trust(dor_trust_store **store, char *why, size_t why_cap);

/** Reads it again when it is asked for next. */
void dor__system_trust_forget(void);

/**
 * A throw-away certificate for `host` and its key, in DER, made on the spot; digest gets the certificate's SHA-256. The
 * caller frees both.
 */
DOR_MUST_USE dor_result dor__development_identity(const char *host, dor_bytes *cert, dor_bytes *key,
                                                  uint8_t digest[32]);

#endif
