/* listen_fds.h - what dor_listen_fds reads, apart from where it stands. */
#ifndef DOR_API_LISTEN_FDS_H
#define DOR_API_LISTEN_FDS_H

#include "base/result.h"
#include <dormouse/listener.h>

/** The three variables; NULL: it is not set. */
typedef struct dor_listen_variables {
    const char *pid, *fds, *names;
} dor_listen_variables;

/**
 * The descriptors that they promise to the process own_pid, with their names: *count of them are in fds, of which there are
 * cap. None when they are for another process, or not there. Looks at no descriptor. why gets a sentence on failure, BADARG
 * or TOO_BIG.
 */
DOR_MUST_USE dor_result dor__listen_fds_parse(const dor_listen_variables *variables, long own_pid,
                                              dor_listen_fd *fds, size_t cap, size_t *count, char *why,
                                              size_t why_cap);

#endif
