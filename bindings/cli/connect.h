/* connect.h - the parts of `dormouse connect`: what was asked for, what is said about it, and the joining of streams. */
#ifndef DOR_CLI_CONNECT_H
#define DOR_CLI_CONNECT_H

#include "commands.h"

#include <dormouse.h>

typedef struct cli_target {
    char host[256];
    uint16_t port;
    bool json;
} cli_target;

/** "HOST:PORT", "192.0.2.1:PORT", "[2001:db8::1]:PORT", "unix:PATH" (port 0); false for anything else. */
bool cli_target_parse(const char *text, cli_target *target);

/** Says on stderr what a connection has negotiated. */
void cli_report_connected(const cli_target *target, dor_socket socket);

/** Says on stderr why something failed, in words for people, and returns the status to exit with. */
int cli_report_failure(const cli_target *target, const char *doing, const dor_options *options, int code);

/**
 * Copies standard input to the connection and the connection to standard output until the peer closes; at the end of the
 * input our writing side is shut down. Blocks; socket must be passive and the caller's. Returns DOR_OK or a code.
 */
int cli_join(dor_socket socket);

#endif
