/* The descriptor behind a port, and the pipe that takes its place where there is no eventfd. */
#include "runtime_support.h"

#include "runtime/wake_fd.h"
#include <poll.h>

/* The same file again, as other systems compile it. */
#define DOR_WAKE_FD_PIPE
#define dor__wake_fd_open  pipe_open
#define dor__wake_fd_close pipe_close
#define dor__wake_fd_set   pipe_set
#define dor__wake_fd_clear pipe_clear
dor_result pipe_open(dor_wake_fd *wake);
void pipe_close(const dor_wake_fd *wake);
void pipe_set(const dor_wake_fd *wake);
void pipe_clear(const dor_wake_fd *wake);
#include "runtime/wake_fd.c"
#undef dor__wake_fd_open
#undef dor__wake_fd_close
#undef dor__wake_fd_set
#undef dor__wake_fd_clear
dor_result dor__wake_fd_open(dor_wake_fd *wake);
void dor__wake_fd_close(const dor_wake_fd *wake);
void dor__wake_fd_set(const dor_wake_fd *wake);
void dor__wake_fd_clear(const dor_wake_fd *wake);

TestSuite(runtime_wake_fd, .timeout = 10);

static bool readable(const dor_wake_fd *wake)
{
    struct pollfd p = {.fd = wake->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void expect_flags(int fd)
{
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

typedef struct kind {
    dor_result (*open)(dor_wake_fd *wake);
    void (*close)(const dor_wake_fd *wake);
    void (*set)(const dor_wake_fd *wake);
    void (*clear)(const dor_wake_fd *wake);
} kind;

static void exercise(const kind *k)
{
    dor_wake_fd wake;
    unsigned before = open_descriptors();
    cr_assert(dor__ok(k->open(&wake)));
    expect_flags(wake.fd);
    expect_flags(wake.write_fd);
    for (unsigned i = 0; i < 100000; i++) { /* more than a pipe has room for */
        k->set(&wake);
        if (i % 1000 == 0) cr_assert(readable(&wake));
        k->clear(&wake);
        if (i % 1000 == 0) cr_assert_not(readable(&wake));
    }
    k->clear(&wake); /* does not block */
    k->close(&wake);
    cr_assert_eq(open_descriptors(), before);
}

Test(runtime_wake_fd, eventfd)
{
    exercise(&(kind){dor__wake_fd_open, dor__wake_fd_close, dor__wake_fd_set, dor__wake_fd_clear});
}

Test(runtime_wake_fd, pipe)
{
    exercise(&(kind){pipe_open, pipe_close, pipe_set, pipe_clear});
}
