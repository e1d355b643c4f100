/*
 * activated.c - `dormouse serve --activated`: finds its descriptor among those that a service manager has opened. Before
 * the schedulers start, as the environment is changed.
 */
#include "args.h"
#include "log.h"
#include "serve.h"

#include <stdio.h>
#include <string.h>

enum { INHERITED_MAX = 64 };

static int failed(const char *error)
{
    cli_log("failed", (cli_field[]){{"doing", "taking the inherited descriptor", 0}, {"error", error, 0}}, 2);
    return CLI_FAILED;
}

int cli_activated(const cli_serve_config *config, int *fd)
{
    static dor_listen_fd fds[INHERITED_MAX]; /* 16 KiB */
    char error[512];
    const char *name = config->activated;
    size_t count, fitting = 0;
    if (dor_listen_fds(1, fds, INHERITED_MAX, &count, error, sizeof(error)) != DOR_OK) return failed(error);
    for (size_t i = 0; i < count; i++)
        if (!*name || strcmp(fds[i].name, name) == 0) {
            *fd = fds[i].fd;
            fitting++;
        }
    if (fitting == 1) return CLI_OK;
    if (count == 0)
        return failed("none was inherited: LISTEN_PID and LISTEN_FDS do not speak of any for this process");
    if (*name)
        snprintf(error, sizeof(error), "%zu of the %zu that were inherited have the name \"%.255s\"", fitting,
                 count, name);
    else
        snprintf(error, sizeof(error), "%zu were inherited: say which one, --activated=NAME", count);
    return failed(error);
}
