/*
 * pem_cache.h - what certificate, key and authority files held when they were last read: parsed once, shared by count among
 * all listeners and connections of the process.
 *
 * Every use asks the system whether the file is still the same (device, inode, size, both times); if not it is read again. A
 * file that has changed within its file system's grain of time is read but not remembered, since a second change in the same
 * grain could not be seen. Pipes are never remembered. Entries are bounded in number and in bytes of their files; the least
 * recently used go first.
 *
 * Threads: any; one lock, not held while a file is read.
 */
#ifndef DOR_SSL_PEM_CACHE_H
#define DOR_SSL_PEM_CACHE_H

#include "ssl/pem_file.h"

enum { DOR_PEM_CACHE_ENTRIES = 64, DOR_PEM_CACHE_BYTES = 32 << 20 };

/* As the functions of pem_file.h without "cached", of which they give a new reference to the same result. */
DOR_MUST_USE dor_result dor__cached_chain(const char *path, const char *password, dor_chain *chain, char *why,
                                          size_t why_cap);
DOR_MUST_USE dor_result dor__cached_key(const char *path, const char *password, dor_private_key **key,
                                        char *why, size_t why_cap);
DOR_MUST_USE dor_result dor__cached_trust(const char *path, dor_trust_store **store, char *why,
                                          size_t why_cap);

/** Forgets all, the system's authorities too. What is in use stays in use. */
void dor__pem_cache_clear(void);

typedef struct dor_pem_cache_figures {
    size_t entries;
    uint64_t bytes; /* of the files */
    uint64_t hits, reads;
} dor_pem_cache_figures;

void dor__pem_cache_get_figures(dor_pem_cache_figures *figures);

#endif
