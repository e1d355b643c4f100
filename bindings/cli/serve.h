/* serve.h - what `dormouse serve` goes by: command line and configuration file together. */
#ifndef DOR_CLI_SERVE_H
#define DOR_CLI_SERVE_H

#include "service.h"

enum { CLI_DEFAULT_PORT = 4433, CLI_DEFAULT_DRAIN_MS = 10000 };

typedef struct cli_serve_config {
    dor_options *options;
    const cli_service *service;
    uint16_t port;
    unsigned schedulers; /* 0: one per processor */
    uint32_t drain_timeout_ms;
    bool json, verbose;
    char *host;           /* of the listener, or NULL; owned */
    char *activated;      /* name of the inherited descriptor, "": the only one; or NULL; owned */
    char fingerprint[65]; /* of the development certificate, or empty */
} cli_serve_config;

/** The descriptor that config->activated means, for dor_ssl_serve_fd; or CLI_FAILED, and it was said why. */
int cli_activated(const cli_serve_config *config, int *fd);

/** Fills *config; -1 to go on, or the status to exit with (then there is nothing to release). */
int cli_serve_configure(int argc, char **argv, cli_serve_config *config);
/** Whom a certificate for development is for. */
const char *cli_serve_host(const cli_serve_config *config);
void cli_serve_config_fini(cli_serve_config *config);

#endif
