/*
 * pki.h - the certificates of tests/support/make_pki.sh, made when first needed and kept in the build directory, where
 * every test program of the next hours finds them. Failures end the test.
 */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include "x509/certificate.h"
#include "x509/trust_store.h"

/** The directory with NAME.pem and NAME.key. */
const char *pki_dir(void);

/** A whole file, from malloc, with a NUL behind it that len does not count. */
char *pki_read_file(const char *path, size_t *len);

/** NAME.pem as a certificate; the caller releases it. */
dor_certificate *pki_cert(const char *name);

/** NAME.pem as DER, from malloc. */
uint8_t *pki_der(const char *name, size_t *len);

/** The words of a text ("leaf int root"), up to max of them, as certificates; returns how many. */
size_t pki_certs(const char *names, dor_certificate **certs, size_t max);

/** A trust store of the words of a text. */
dor_trust_store *pki_trust(const char *names);

/** True when the openssl command may be run. */
bool pki_have_openssl(void);

#endif
