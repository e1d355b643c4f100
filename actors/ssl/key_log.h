/*
 * key_log.h - where the secrets of connections go when a program asked for it: a function, a file, or both.
 *
 * Shared by count among settings; used on the scheduler of whichever connection has a line.
 */
#ifndef DOR_SSL_KEY_LOG_H
#define DOR_SSL_KEY_LOG_H

#include "base/result.h"
#include <stddef.h>

typedef struct dor_key_log dor_key_log;

/**
 * fn may be NULL, and so may path. The file is made with mode 0600 when it is not there; one that is not a regular file,
 * or that others may read or write, is refused. why gets a sentence on failure.
 */
DOR_MUST_USE dor_result dor__key_log_new(void (*fn)(const char *line, void *arg), void *arg, const char *path,
                                         dor_key_log **log, char *why, size_t why_cap);

dor_key_log *dor__key_log_ref(dor_key_log *log);
void dor__key_log_unref(dor_key_log *log); /* harmless with NULL */

/** A line for both; ctx is the dor_key_log. As dor_tls_config.key_log wants it. */
void dor__key_log_line(void *ctx, const char *line);

#endif
