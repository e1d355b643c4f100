/*
 * connect_join.c - standard input and output, joined to a connection.
 *
 * Two threads, each in a loop of two blocking calls, so memory is bounded by construction: nothing is read from the input
 * before what came earlier has been written to the system, and nothing is received before the output has taken what came
 * earlier. The main thread owns the socket and receives; the other one sends, and is told to stop through a pipe.
 */
#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_CAP = 64 * 1024 };

typedef struct sender {
    dor_socket socket;
    int stop_fd; /* readable: end */
    int result;  /* read after the thread was joined */
} sender;

static int io_error(int error)
{
    return DOR_ERROR_CODE(DOR_CLASS_IO, 0, DOR_REASON_ERRNO_BASE + error);
}

/* Waits for input; false when told to stop. */
static bool wait_for_input(const sender *s)
{
    struct pollfd fds[2] = {{.fd = s->stop_fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR) return true; /* then read() has the last word */
    return fds[0].revents == 0;
}

static void *send_input(void *arg)
{
    static char input[INPUT_CAP]; /* one sender per process */
    sender *s = arg;
    while (wait_for_input(s)) {
        ssize_t got = read(STDIN_FILENO, input, sizeof(input));
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) s->result = io_error(errno);
        if (got <= 0) break;
        s->result = dor_ssl_send(s->socket, input, (size_t)got);
        if (s->result != DOR_OK) return NULL; /* the receiving side learns the reason too */
    }
    dor_ssl_shutdown(s->socket, DOR_SHUTDOWN_WRITE);
    return NULL;
}

static int write_output(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDOUT_FILENO, data, len);
        if (written < 0 && errno == EAGAIN) {
            struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&out, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return io_error(errno);
        } else if (written > 0) {
            data += written;
            len -= (size_t)written;
        }
    }
    return DOR_OK;
}

static int receive_output(dor_socket socket)
{
    for (;;) {
        dor_buffer *data;
        int code = dor_ssl_recv(socket, 0, DOR_INFINITY, &data);
        if (code != DOR_OK) return code;
        code = write_output(dor_buffer_data(data), dor_buffer_len(data));
        dor_buffer_unref(data);
        if (code != DOR_OK) return code;
    }
}

int cli_join(dor_socket socket)
{
    int ends[2];
    pthread_t thread;
    if (pipe2(ends, O_CLOEXEC) != 0) return io_error(errno);
    sender s = {.socket = socket, .stop_fd = ends[0], .result = DOR_OK};
    int error = pthread_create(&thread, NULL, send_input, &s);
    int code = error ? io_error(error) : receive_output(socket);
    dor_ssl_close(socket); /* frees a sender that waits for the peer to take more */
    close(ends[1]);        /* and one that waits for input */
    if (!error) pthread_join(thread, NULL);
    close(ends[0]);
    if (code == DOR_E_CLOSED && s.result != DOR_OK && s.result != DOR_E_CLOSED) code = s.result;
    return code == DOR_E_CLOSED ? DOR_OK : code;
}
