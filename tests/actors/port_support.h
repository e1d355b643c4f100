/* port_support.h - what the tests of ports share. */
#ifndef TESTS_PORT_SUPPORT_H
#define TESTS_PORT_SUPPORT_H

#include "runtime_support.h"

#include <dormouse/port.h>
#include <poll.h>

enum { NUMBER = DOR_MSG_USER, EVENT, LAST, BATCH = 64 };

static inline dor_port port_with(dor_runtime *runtime, const dor_mailbox_limits *limits)
{
    dor_port port = DOR_PID_NONE;
    cr_assert_eq(dor_port_new(runtime, limits, &port), DOR_OK);
    cr_assert_neq(port, DOR_PID_NONE);
    return port;
}

static inline bool readable_within(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, ms);
    cr_assert_geq(n, 0);
    cr_assert(!(p.revents & (POLLNVAL | POLLERR | POLLHUP)), "revents %x", (unsigned)p.revents);
    return n == 1;
}

static inline bool readable(dor_port port)
{
    return readable_within(dor_port_fd(port), 0);
}

/* How often it was written to since it was last read, as the system tells; -1 where it does not. */
static inline int written(int fd)
{
    char path[64], line[128];
    int count = -1;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "eventfd-count:", 14) == 0) count = (int)strtol(line + 14, NULL, 16);
    if (f) fclose(f);
    return count;
}

static inline size_t drain(dor_port port, dor_message **m, size_t cap)
{
    size_t count = 99;
    int code = dor_port_drain(port, m, cap, &count);
    cr_assert_eq(code, DOR_OK, "code %d", code);
    cr_assert_leq(count, cap);
    return count;
}

static inline void expect_drain(dor_port port, int code)
{
    dor_message *m[1];
    size_t count = 1;
    cr_assert_eq(dor_port_drain(port, m, 1, &count), code);
    if (code) cr_assert_eq(count, 0);
}

/* The next message, waited for; its number. */
static inline uint64_t next_number(dor_port port, uint32_t type)
{
    dor_message *m;
    cr_assert(readable_within(dor_port_fd(port), 30000));
    cr_assert_eq(drain(port, &m, 1), 1);
    cr_assert_eq(m->type, type, "type %x", m->type);
    uint64_t number = number_in(m);
    dor_message_free(m);
    return number;
}

static inline dor_down next_down(dor_port port)
{
    dor_message *m;
    cr_assert(readable_within(dor_port_fd(port), 30000));
    cr_assert_eq(drain(port, &m, 1), 1);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_DOWN);
    dor_down down;
    memcpy(&down, dor_message_payload(m), sizeof down);
    dor_message_free(m);
    return down;
}

/* Descriptors when no runtime is there; libuv opens some for good when it is first used. */
static inline unsigned descriptors_without_runtime(void)
{
    stop_runtime(runtime_of(1));
    return open_descriptors();
}

static inline void close_and_stop(dor_port port, dor_runtime *runtime)
{
    cr_assert_eq(dor_port_close(port), DOR_OK);
    stop_runtime(runtime);
}

static inline void expect_numbers(dor_port port, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++)
        cr_assert_eq(next_number(port, NUMBER), n);
    cr_assert_not(readable(port));
}

static inline void ignore(void *state, dor_message *message)
{
    (void)state;
    dor_message_free(message);
}

#endif
