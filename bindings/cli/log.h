/*
 * log.h - one line on stderr for each thing that happens: as text for people, or as JSON for machines.
 *
 * Threads: any, once cli_log_init has run. Each line is one write, so lines do not mix.
 */
#ifndef DOR_CLI_LOG_H
#define DOR_CLI_LOG_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_field {
    const char *name;
    const char *text; /* NULL: number counts */
    long long number;
} cli_field;

void cli_log_init(bool json);

/** "2026-01-31T12:00:00.000Z event name=text name=7", or {"time": ..., "event": ..., "name": "text", "name": 7}. */
void cli_log(const char *event, const cli_field *fields, size_t count);

/** The same with the members of a JSON object that is not empty; as text, the object is the rest of the line. */
void cli_log_object(const char *event, const char *object);

/** Appends text at *len as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. Stays within cap. */
void cli_json_text(char *out, size_t cap, size_t *len, const char *text);

/** Appends fields as ,"name": value. */
void cli_json_fields(char *out, size_t cap, size_t *len, const cli_field *fields, size_t count);

/** True for up to `per_second` calls in each second; *dropped gets how many were refused since the last true. */
bool cli_log_allowed(unsigned per_second, long long *dropped);

#endif
