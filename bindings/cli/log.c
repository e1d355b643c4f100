/*
 * log.c - see log.h.
 *
 * A peer chooses some of what is logged (names, and how often), so texts are escaped and repeating events are counted
 * instead of written when there are too many of them.
 */
#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_CAP = 4096 }; /* PIPE_BUF: a write of so much to a pipe is not split */

static bool as_json; /* written once, before other threads exist */

void cli_log_init(bool json)
{
    as_json = json;
}

static void append(char *out, size_t cap, size_t *len, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void append(char *out, size_t cap, size_t *len, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int added = vsnprintf(out + *len, cap - *len, format, args);
    va_end(args);
    if (added > 0) *len = (size_t)added < cap - *len ? *len + (size_t)added : cap - 1;
}

/* The length of the UTF-8 sequence at s (RFC 3629), 0 when it is none. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* longer than needed */
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xed && s[1] > 0x9f) return 0; /* surrogates */
    if (s[0] == 0xf4 && s[1] > 0x8f) return 0; /* past U+10FFFF */
    return len;
}

void cli_json_text(char *out, size_t cap, size_t *len, const char *text)
{
    append(out, cap, len, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t part = utf8_len(c);
        if (part == 0)
            append(out, cap, len, "\\ufffd");
        else if (*c == '"' || *c == '\\')
            append(out, cap, len, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            append(out, cap, len, "\\u%04x", *c);
        else
            append(out, cap, len, "%.*s", (int)part, (const char *)c);
        c += part ? part : 1;
    }
    append(out, cap, len, "\"");
}

void cli_json_fields(char *out, size_t cap, size_t *len, const cli_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        append(out, cap, len, ",\"%s\":", fields[i].name);
        if (fields[i].text)
            cli_json_text(out, cap, len, fields[i].text);
        else
            append(out, cap, len, "%lld", fields[i].number);
    }
}

/* As it is when it is one plain word, else as a JSON string. */
static void text_value(char *out, size_t cap, size_t *len, const char *text)
{
    bool plain = *text != '\0';
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '"' || *c == '\\' || *c == '=')
            plain = false;
    if (plain)
        append(out, cap, len, "%s", text);
    else
        cli_json_text(out, cap, len, text);
}

/* How a line begins: the time and the event. */
static void begin(char *line, size_t cap, size_t *len, const char *event)
{
    char stamp[32];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    append(line, cap, len, as_json ? "{\"time\":\"%s.%03ldZ\",\"event\":\"%s\"" : "%s.%03ldZ %s", stamp,
           now.tv_nsec / 1000000, event);
}

void cli_log_object(const char *event, const char *object)
{
    char start[LINE_CAP];
    size_t len = 0;
    begin(start, sizeof(start), &len, event);
    append(start, sizeof(start), &len, as_json ? "," : " ");
    if (as_json) object++; /* its members become the line's */
    struct iovec parts[] = {
        {start, len}, {(void *)(uintptr_t)object, strlen(object)}, {(void *)(uintptr_t) "\n", 1}};
    ssize_t written = writev(STDERR_FILENO, parts, 3); /* as below */
    (void)written;
}

void cli_log(const char *event, const cli_field *fields, size_t count)
{
    char line[LINE_CAP];
    size_t len = 0;
    begin(line, sizeof(line), &len, event);
    if (as_json) {
        cli_json_fields(line, sizeof(line) - 2, &len, fields, count); /* 2: what follows always fits */
        append(line, sizeof(line), &len, "}\n");
    } else {
        for (size_t i = 0; i < count; i++) {
            append(line, sizeof(line) - 2, &len, " %s=", fields[i].name);
            if (fields[i].text)
                text_value(line, sizeof(line) - 2, &len, fields[i].text);
            else
                append(line, sizeof(line) - 2, &len, "%lld", fields[i].number);
        }
        append(line, sizeof(line), &len, "\n");
    }
    ssize_t written = write(STDERR_FILENO, line, len); /* nobody to tell when the log itself is gone */
    (void)written;
}

bool cli_log_allowed(unsigned per_second, long long *dropped)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static time_t second;
    static unsigned used;
    static long long refused;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&lock);
    if (now.tv_sec != second) {
        second = now.tv_sec;
        used = 0;
    }
    bool allowed = used < per_second;
    if (allowed) {
        used++;
        *dropped = refused;
        refused = 0;
    } else {
        refused++;
    }
    pthread_mutex_unlock(&lock);
    return allowed;
}
