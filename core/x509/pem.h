/* pem.h - the blocks of a PEM text (RFC 7468, read as laxly as its section 3 allows between blocks). */
#ifndef DOR_X509_PEM_H
#define DOR_X509_PEM_H

#include "base/bytes.h"

typedef struct dor_pem_block {
    dor_span label; /* "CERTIFICATE"; borrowed from the text */
    dor_bytes der;  /* owned; secrets are wiped by dor__pem_block_fini */
    bool encrypted; /* old-style Proc-Type: 4,ENCRYPTED header */
    size_t line;    /* of the BEGIN line, counted from 1 */
} dor_pem_block;

/**
 * Takes the next block off the front of *text. *found is false at the end. FILE_MALFORMED on a broken block; then
 * block->line tells where.
 */
DOR_MUST_USE dor_result dor__pem_next(dor_span *text, size_t *line, dor_pem_block *block, bool *found);
void dor__pem_block_fini(dor_pem_block *block);

#endif
