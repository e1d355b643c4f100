/*
 * wake_fd.h - a descriptor that is readable while somebody says so: an eventfd, or a pipe where there is none.
 *
 * Both are non-blocking and closed by exec. Threads: calls about one descriptor are ordered by its owner's lock.
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

/** Makes it readable: called when it is not. */
void dor__wake_fd_set(const dor_wake_fd *wake);
/** And unreadable, when it is. */
void dor__wake_fd_clear(const dor_wake_fd *wake);

#endif
