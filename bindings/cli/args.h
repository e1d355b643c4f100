/*
 * args.h - command lines: --name value, --name=value, positional words; help, version and usage come with it.
 */
#ifndef DOR_CLI_ARGS_H
#define DOR_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Exit statuses of the command. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_ALERT = 3 };

/** One flag. */
typedef struct cli_flag {
    const char *name; /* without the dashes */
    const char
        *value; /* what stands behind it, for people ("FILE"); "[=NAME]": it may be left out; NULL: nothing */
    const char *about;
} cli_flag;

typedef struct cli_command {
    const char *name;       /* "serve" */
    const char *positional; /* "HOST:PORT", or NULL: takes none */
    const char *about;
    const char *epilogue; /* printed below the flags; or NULL */
    const cli_flag *flags;
    size_t flag_count;
} cli_command;

/** What was given: one value for each flag ("" for one that takes none), NULL where it was not. */
typedef struct cli_given {
    const char **values;
    const char *positional;
} cli_given;

/**
 * Reads argv[0..argc) into given, whose values must have room for command->flag_count. Returns -1 to go on, or the
 * status to exit with: help and version were printed, or something was wrong and that was said on stderr.
 */
int cli_args_parse(const cli_command *command, int argc, char **argv, cli_given *given);

/** The value of a flag by its name, or NULL. */
const char *cli_args_get(const cli_command *command, const cli_given *given, const char *name);

/** Says "dormouse serve: " and the sentence on stderr, then the usage; returns CLI_USAGE. */
int cli_args_wrong(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A whole number from min to max; false for anything else. */
bool cli_args_number(const char *text, int64_t min, int64_t max, int64_t *number);

/** Prints "dormouse 0.1.0" on stdout; returns CLI_OK. */
int cli_print_version(void);

#endif
