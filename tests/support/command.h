/*
 * command.h - for tests that ask another tool's opinion: a directory of their own, commands in it, files in it.
 *
 * Everything ends the test on failure. Header-only, static: include it in one file of a test.
 */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char command_dir[64];

/** Makes the directory and goes there; call command_end at the test's end. */
static inline void command_begin(void)
{
    strcpy(command_dir, "/tmp/dormouse-test-XXXXXX");
    cr_assert_not_null(mkdtemp(command_dir));
    cr_assert_eq(chdir(command_dir), 0);
}

static inline void command_end(void)
{
    char line[100];
    cr_assert_eq(chdir("/"), 0);
    snprintf(line, sizeof(line), "rm -rf %s", command_dir);
    cr_assert_eq(system(line), 0);
}

/** Runs a shell command quietly; its exit status. */
static inline __attribute__((format(printf, 1, 2))) int command_run(const char *format, ...)
{
    char line[1000];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    cr_assert(len > 0 && (size_t)len < sizeof(line) - 24);
    strcat(line, " >>log 2>&1 </dev/null");
    return system(line);
}

static inline bool command_exists(const char *name)
{
    char line[100];
    snprintf(line, sizeof(line), "command -v %s >/dev/null 2>&1", name);
    return system(line) == 0;
}

static inline dor_bytes command_read(const char *name)
{
    dor_bytes content = DOR_BYTES_EMPTY;
    uint8_t piece[4096];
    size_t len;
    FILE *file = fopen(name, "rb");
    cr_assert_not_null(file, "%s", name);
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
        cr_assert(dor__ok(dor__bytes_append(&content, dor__span(piece, len))));
    fclose(file);
    return content;
}

static inline void command_write(const char *name, dor_span content)
{
    FILE *file = fopen(name, "wb");
    cr_assert_not_null(file, "%s", name);
    cr_assert_eq(fwrite(content.ptr, 1, content.len, file), content.len);
    fclose(file);
}

#endif
