/*
 * listen_fds.c - socket activation: the descriptors that a service manager has left from 3 on, and what it says of them in
 * the environment (sd_listen_fds(3)).
 *
 * Threads: any; the environment is the process's.
 */
#include "listen_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3 };

static const char *const unnamed = "unknown"; /* so the protocol calls what has no name */

__attribute__((format(printf, 4, 5))) static dor_result complain(int code, char *why, size_t why_cap,
                                                                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (why_cap) vsnprintf(why, why_cap, format, args);
    va_end(args);
    return dor__error(code);
}

/* Decimal digits alone, from 1 to INT_MAX: strtol would take signs and spaces as well. */
static bool read_number(const char *text, long *number)
{
    long value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + (*text - '0');
        if (value > INT_MAX) return false;
    }
    *number = value;
    return value > 0;
}

static bool is_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (name[i] < ' ' || name[i] > '~') return false;
    return len < DOR_LISTEN_FD_NAME_CAP;
}

/* As many names as descriptors, with ":" between them. */
static dor_result read_names(const char *names, dor_listen_fd *fds, size_t count, char *why, size_t why_cap)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(names, ":");
        if (!is_name(names, len))
            return complain(DOR_E_BADARG, why, why_cap,
                            "LISTEN_FDNAMES: name number %zu is longer than %d bytes, or not printable ASCII",
                            i + 1, DOR_LISTEN_FD_NAME_CAP - 1);
        memcpy(fds[i].name, names, len);
        fds[i].name[len] = '\0';
        bool last = names[len] == '\0';
        if (last != (i + 1 == count))
            return complain(DOR_E_BADARG, why, why_cap,
                            "LISTEN_FDNAMES has %s names than the %zu descriptors of LISTEN_FDS",
                            last ? "fewer" : "more", count);
        names += len + !last;
    }
    return DOR_SUCCESS;
}

dor_result dor__listen_fds_parse(const dor_listen_variables *v, long own_pid, dor_listen_fd *fds, size_t cap,
                                 size_t *count, char *why, size_t why_cap)
{
    long pid, number;
    *count = 0;
    if (!v->pid) return DOR_SUCCESS;
    if (!read_number(v->pid, &pid))
        return complain(DOR_E_BADARG, why, why_cap, "LISTEN_PID: \"%.40s\" is no process id", v->pid);
    if (pid != own_pid || !v->fds) return DOR_SUCCESS;
    if (!read_number(v->fds, &number) || number > INT_MAX - FIRST)
        return complain(DOR_E_BADARG, why, why_cap, "LISTEN_FDS: \"%.40s\" is no number of descriptors",
                        v->fds);
    if ((size_t)number > cap)
        return complain(DOR_E_TOO_BIG, why, why_cap, "LISTEN_FDS: %ld descriptors, and room for %zu", number,
                        cap);
    for (int i = 0; i < (int)number; i++) {
        fds[i].fd = FIRST + i;
        strcpy(fds[i].name, unnamed);
    }
    if (v->names) DOR_TRY(read_names(v->names, fds, (size_t)number, why, why_cap));
    *count = (size_t)number;
    return DOR_SUCCESS;
}

/* All are looked at before one is touched. */
static dor_result close_on_exec(const dor_listen_fd *fds, size_t count, char *why, size_t why_cap)
{
    for (size_t i = 0; i < count; i++)
        if (fcntl(fds[i].fd, F_GETFD) < 0)
            return complain(DOR_E_BADARG, why, why_cap, "LISTEN_FDS: %zu descriptors, but %d is not open",
                            count, fds[i].fd);
    for (size_t i = 0; i < count; i++) {
        int flags = fcntl(fds[i].fd, F_GETFD);
        if (flags < 0 || fcntl(fds[i].fd, F_SETFD, flags | FD_CLOEXEC) < 0)
            return complain(DOR_ERROR_CODE(DOR_CLASS_IO, 0, DOR_REASON_ERRNO_BASE + errno), why, why_cap,
                            "descriptor %d cannot be closed on exec", fds[i].fd);
    }
    return DOR_SUCCESS;
}

int dor_listen_fds(int unset, dor_listen_fd *fds, size_t cap, size_t *count, char *error, size_t error_cap)
{
    static const char *const all[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"};
    size_t got;
    if (!fds || !count || (!error && error_cap)) return DOR_E_BADARG;
    if (error_cap) *error = '\0';
    dor_listen_variables v = {getenv("LISTEN_PID"), getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES")};
    dor_result r = dor__listen_fds_parse(&v, (long)getpid(), fds, cap, &got, error, error_cap);
    if (dor__ok(r)) r = close_on_exec(fds, got, error, error_cap);
    if (dor__ok(r)) *count = got;
    for (size_t i = 0; unset && i < sizeof all / sizeof all[0]; i++)
        (void)unsetenv(all[i]);
    return r.code;
}
