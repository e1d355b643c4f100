/*
 * wake_fd.h - a descriptor that is readable while somebody says so: an eventfd, or a pipe where there is none.
 *
 * Both are non-blocking and closed by exec. Threads: any. A descriptor that is set again before it is cleared stays
 * readable; a pipe's for as many clears as there were sets, so whoever minds orders its calls by a lock.
 */
#ifndef DOR_RUNTIME_WAKE_FD_H
#define DOR_RUNTIME_WAKE_FD_H

#include "base/result.h"

typedef struct dor_wake_fd {
    int fd;       /* to be watched */
    int write_fd; /* the same one, or a pipe's other end */
} dor_wake_fd;

DOR_MUST_USE dor_result dor__wake_fd_open(dor_wake_fd *wake);
void dor__wake_fd_close(const dor_wake_fd *wake);

/** Makes it readable. */
void dor__wake_fd_set(const dor_wake_fd *wake);
/** And unreadable. */
void dor__wake_fd_clear(const dor_wake_fd *wake);

#endif
