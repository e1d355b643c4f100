/* wake_fd.c - see wake_fd.h. DOR_WAKE_FD_PIPE: the pipe, where an eventfd is to be had too. */
#include "runtime/wake_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#if !defined(__linux__) && !defined(DOR_WAKE_FD_PIPE)
#define DOR_WAKE_FD_PIPE
#endif

#ifdef DOR_WAKE_FD_PIPE

static bool prepare(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

dor_result dor__wake_fd_open(dor_wake_fd *wake)
{
    int fds[2];
    if (pipe(fds) != 0) return dor__errno(errno);
    *wake = (dor_wake_fd){fds[0], fds[1]};
    if (prepare(fds[0]) && prepare(fds[1])) return DOR_SUCCESS;
    dor_result result = dor__errno(errno);
    dor__wake_fd_close(wake);
    return result;
}

#else

#include <sys/eventfd.h>

dor_result dor__wake_fd_open(dor_wake_fd *wake)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return dor__errno(errno);
    *wake = (dor_wake_fd){fd, fd};
    return DOR_SUCCESS;
}

#endif

void dor__wake_fd_close(const dor_wake_fd *wake)
{
    (void)close(wake->fd);
    if (wake->write_fd != wake->fd) (void)close(wake->write_fd);
}

void dor__wake_fd_set(const dor_wake_fd *wake)
{
    /* Eight bytes: an eventfd's counter, and as good as one in a pipe. One that is full is readable. */
    const uint64_t one = 1;
    while (write(wake->write_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void dor__wake_fd_clear(const dor_wake_fd *wake)
{
    uint64_t count;
    while (read(wake->fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}
