/*
 * args.c - see args.h. Not getopt_long: that permutes, takes abbreviations, and talks to stderr in its own words.
 */
#include "args.h"

#include <dormouse/version.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_print_version(void)
{
    printf("dormouse %s\n", dor_version());
    return CLI_OK;
}

static void print_usage(const cli_command *command, FILE *out)
{
    fprintf(out, "usage: dormouse %s%s%s [OPTIONS]\n", command->name, command->positional ? " " : "",
            command->positional ? command->positional : "");
}

/* One whose value may be left out, and so stands behind "=" when it does not. */
static bool is_optional(const cli_flag *flag)
{
    return flag->value && flag->value[0] == '[';
}

static void print_help(const cli_command *command)
{
    print_usage(command, stdout);
    printf("\n%s\n\n", command->about);
    for (size_t i = 0; i < command->flag_count; i++) {
        const cli_flag *flag = &command->flags[i];
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", flag->name, flag->value && !is_optional(flag) ? " " : "",
                 flag->value ? flag->value : "");
        printf("  %-28s %s\n", left, flag->about);
    }
    printf("  %-28s %s\n  %-28s %s\n", "--help", "this text", "--version", "the version");
    if (command->epilogue) printf("\n%s\n", command->epilogue);
}

int cli_args_wrong(const cli_command *command, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "dormouse %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    print_usage(command, stderr);
    fprintf(stderr, "       dormouse %s --help lists the options\n", command->name);
    return CLI_USAGE;
}

bool cli_args_number(const char *text, int64_t min, int64_t max, int64_t *number)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || text[0] == ' ' || text[0] == '+' || value < min || value > max)
        return false;
    *number = value;
    return true;
}

static size_t find_flag(const cli_command *command, const char *name, size_t len)
{
    size_t i = 0;
    while (i < command->flag_count &&
           (strlen(command->flags[i].name) != len || memcmp(command->flags[i].name, name, len) != 0))
        i++;
    return i;
}

const char *cli_args_get(const cli_command *command, const cli_given *given, const char *name)
{
    size_t i = find_flag(command, name, strlen(name));
    return i < command->flag_count ? given->values[i] : NULL;
}

/* One "--name" at argv[*at]; steps *at over its value. -1 to go on. */
static int take_flag(const cli_command *command, int argc, char **argv, int *at, cli_given *given)
{
    const char *word = argv[*at] + 2;
    size_t len = strcspn(word, "=");
    const char *value = word[len] == '=' ? word + len + 1 : NULL;
    size_t i = find_flag(command, word, len);
    if (i == command->flag_count) return cli_args_wrong(command, "there is no option --%.*s", (int)len, word);
    if (!command->flags[i].value) {
        if (value) return cli_args_wrong(command, "--%s takes no value", command->flags[i].name);
        value = "";
    } else if (!value && is_optional(&command->flags[i])) {
        value = "";
    } else if (!value) {
        if (*at + 1 >= argc)
            return cli_args_wrong(command, "--%s needs a value: %s", command->flags[i].name,
                                  command->flags[i].value);
        value = argv[++*at];
    }
    given->values[i] = value;
    return -1;
}

int cli_args_parse(const cli_command *command, int argc, char **argv, cli_given *given)
{
    bool flags_over = false;
    for (size_t i = 0; i < command->flag_count; i++)
        given->values[i] = NULL;
    given->positional = NULL;
    for (int at = 0; at < argc; at++) {
        const char *word = argv[at];
        int status = -1;
        if (!flags_over && strcmp(word, "--") == 0) {
            flags_over = true;
        } else if (!flags_over && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            print_help(command);
            return CLI_OK;
        } else if (!flags_over && strcmp(word, "--version") == 0) {
            return cli_print_version();
        } else if (!flags_over && word[0] == '-' && word[1] == '-') {
            status = take_flag(command, argc, argv, &at, given);
        } else if (!flags_over && word[0] == '-' && word[1]) {
            status = cli_args_wrong(command, "there is no option %s", word);
        } else if (!command->positional || given->positional) {
            status = cli_args_wrong(command, "too many arguments: %s", word);
        } else {
            given->positional = word;
        }
        if (status >= 0) return status;
    }
    if (command->positional && !given->positional)
        return cli_args_wrong(command, "%s is missing", command->positional);
    return -1;
}
