/*
 * key_log.c - see key_log.h.
 *
 * Each line goes to the file by one write() to a descriptor in append mode, so that lines of several threads, and of
 * several processes with the same file, do not mix. What the disk does not take is lost without a word: connections do
 * not fail for their log.
 *
 * Threads: any. The count needs no order on its way up (the caller holds a reference) and release/acquire on its way
 * down, so that whoever frees has seen every use.
 */
#include "ssl/key_log.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "tls/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct dor_key_log {
    uint32_t ref_count_;
    int fd; /* -1: no file */
    void (*fn)(const char *line, void *arg);
    void *arg;
};

static dor_result refuse(const char *path, const char *reason, char *why, size_t why_cap)
{
    (void)snprintf(why, why_cap, "%s: %s", path, reason);
    return dor__error(DOR_E_FILE_UNREADABLE);
}

/* O_NONBLOCK: a FIFO without a reader must not hold us up before it is refused. */
static dor_result open_file(const char *path, int *fd, char *why, size_t why_cap)
{
    struct stat is;
    int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (opened < 0) {
        char message[96];
        dor_format_error(dor__errno(errno).code, message, sizeof message);
        return refuse(path, message, why, why_cap);
    }
    const char *reason = NULL;
    if (fstat(opened, &is) < 0 || !S_ISREG(is.st_mode))
        reason = "a key log is a regular file";
    else if (is.st_mode & (S_IRWXG | S_IRWXO))
        reason = "others have access to the file, which is to hold secrets; its mode should be 0600";
    if (reason) {
        (void)close(opened);
        return refuse(path, reason, why, why_cap);
    }
    *fd = opened;
    return DOR_SUCCESS;
}

dor_result dor__key_log_new(void (*fn)(const char *line, void *arg), void *arg, const char *path,
                            dor_key_log **log, char *why, size_t why_cap)
{
    int fd = -1;
    if (path) DOR_TRY(open_file(path, &fd, why, why_cap));
    dor_key_log *made = dor__calloc(1, sizeof *made);
    if (!made) {
        if (fd >= 0) (void)close(fd);
        (void)snprintf(why, why_cap, "out of memory");
        return dor__error(DOR_E_NOMEM);
    }
    *made = (dor_key_log){.ref_count_ = 1, .fd = fd, .fn = fn, .arg = arg};
    *log = made;
    return DOR_SUCCESS;
}

dor_key_log *dor__key_log_ref(dor_key_log *log)
{
    __atomic_add_fetch(&log->ref_count_, 1, __ATOMIC_RELAXED);
    return log;
}

void dor__key_log_unref(dor_key_log *log)
{
    if (!log || __atomic_sub_fetch(&log->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    if (log->fd >= 0) (void)close(log->fd);
    dor__free(log);
}

static void write_line(int fd, const char *line)
{
    char text[DOR_KEY_LOG_LINE_MAX + 1];
    int len = snprintf(text, sizeof text, "%s\n", line);
    ssize_t written;
    if (len <= 0 || len >= (int)sizeof text) return;
    do {
        written = write(fd, text, (size_t)len);
    } while (written < 0 && errno == EINTR);
    dor__wipe(text, sizeof text);
}

void dor__key_log_line(void *ctx, const char *line)
{
    const dor_key_log *log = ctx;
    if (log->fn) log->fn(line, log->arg);
    if (log->fd >= 0) write_line(log->fd, line);
}
