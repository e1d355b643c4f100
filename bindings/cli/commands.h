/* commands.h - the subcommands: each takes what stands behind its name and returns the status to exit with. */
#ifndef DOR_CLI_COMMANDS_H
#define DOR_CLI_COMMANDS_H

#include "args.h"

#include <dormouse/options.h>

int cli_serve(int argc, char **argv);
int cli_connect(int argc, char **argv);

/** Sets a text or list option from a flag's value (NULL: not given, nothing is set). DOR_OK, or the setter's code. */
int cli_set_option(dor_options *options, const char *name, const char *value);

/** What options have to say about a failed call, or else what its code says. */
const char *cli_explain(const dor_options *options, int code, char *text, size_t cap);

#endif
