/* pem.h - the blocks of a PEM text (RFC 7468, read as laxly as its section 3 allows between blocks). */
#ifndef DOR_X509_PEM_H
#define DOR_X509_PEM_H

#include "base/bytes.h"

typedef struct dor_pem_block {
    dor_span label;    /* "CERTIFICATE"; borrowed from the text */
    dor_bytes der;     /* owned; secrets are wiped by dor__pem_block_fini */
    bool encrypted;    /* old-style Proc-Type: 4,ENCRYPTED header */
    dor_span dek_info; /* what stands behind "DEK-Info: " then; borrowed from the text */
    size_t line;       /* of the BEGIN line, counted from 1 */
} dor_pem_block;

/** The text of one block, from BEGIN to END, is at most this long. */
enum { DOR_PEM_MAX_BLOCK_LEN = 4 << 20 };

/**
 * Takes the next block off the front of *text. *found is false at the end. FILE_MALFORMED on a broken block; then
 * block->line tells where, *text stands behind what is broken, and there is nothing to release.
 * *line is the number of the first line of *text and moves along with it; start with 1 (0 is taken as 1).
 * label is what stands there: "ENCRYPTED PRIVATE KEY" is PKCS#8 under a password, and encrypted stays false.
 */
DOR_MUST_USE dor_result dor__pem_next(dor_span *text, size_t *line, dor_pem_block *block, bool *found);
void dor__pem_block_fini(dor_pem_block *block);

/** True for "CERTIFICATE" and its old name "X509 CERTIFICATE". "TRUSTED CERTIFICATE" has OpenSSL's data appended: no. */
bool dor__pem_is_certificate(dor_span label);

/** True for "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY" and "ENCRYPTED PRIVATE KEY". */
bool dor__pem_is_private_key(dor_span label);

#endif
