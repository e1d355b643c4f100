/*
 * serve_config.c - the command line of `dormouse serve`, and its configuration file:
 *
 *     {"host": "127.0.0.1", "port": 4433, "service": "http", "schedulers": 2, "log": "json", "drain_timeout": 5,
 *      "options": {"certfile": "server.pem", "alpn_preferred_protocols": ["http/1.1"]}}
 *
 * The command line wins. Members have the flags' names with "_" for "-"; all that concerns TLS and sockets stands in
 * "options" by the library's names.
 */
#include "commands.h"
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_flag flags[] = {
    {"config", "FILE", "read FILE (JSON) first; the other options win over it"},
    {"host", "ADDR", "listen on this address, or at unix:PATH (default: every address, IPv4 and IPv6)"},
    {"port", "N", "listen on this port; 0: any free one (default 4433)"},
    {"activated", "[=NAME]", "listen on the descriptor that a service manager has opened (LISTEN_FDS)"},
    {"cert", "FILE", "certificate chain, PEM, leaf first (default: a development certificate)"},
    {"key", "FILE", "its private key, PEM (default: in the --cert file)"},
    {"cacert", "FILE", "authorities that clients' certificates may come from, PEM"},
    {"verify", "none|peer", "peer: ask clients for a certificate and verify it (default none)"},
    {"require-client-cert", NULL, "refuse clients without a certificate; means --verify peer"},
    {"alpn", "LIST", "application protocols, best first: h2,http/1.1"},
    {"psk-file", "FILE", "pre-shared keys of clients: lines of identity:key in hexadecimal"},
    {"psk-modes", "LIST", "how they are used: psk_dhe_ke,psk_ke (default the first alone)"},
    {"versions", "LIST", "protocol versions: tlsv1.2,tlsv1.3"},
    {"ciphers", "LIST", "cipher suites, best first, by IANA's or OpenSSL's names"},
    {"groups", "LIST", "key exchange groups, best first: X25519MLKEM768,x25519,secp256r1"},
    {"hibernate-after", "MS|off", "a connection silent for so long gives back memory (default 10000)"},
    {"schedulers", "N", "threads (default: one per processor)"},
    {"max-connections", "N", "connections at a time (default: no limit)"},
    {"service", "NAME", "echo, discard or http (default echo)"},
    {"drain-timeout", "SECONDS", "after SIGTERM, how long connections may go on (default 10)"},
    {"log", "text|json", "how to log, on standard error (default text)"},
    {"verbose", NULL, "log every connection"},
};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]), DEFAULT_LINGER_MS = 30000 };

static const cli_command command = {
    .name = "serve",
    .about = "A TLS server. When it is ready it prints \"listening on ADDR:PORT\" on standard output.",
    .epilogue = "SIGTERM or SIGINT: takes no more connections, lets those that are open go on for "
                "--drain-timeout seconds,\n"
                "then closes them. A second signal ends the server at once.",
    .flags = flags,
    .flag_count = FLAGS,
};

static const cli_service *const services[] = {&cli_service_echo, &cli_service_discard, &cli_service_http};

int cli_set_option(dor_options *options, const char *name, const char *value)
{
    return value ? dor_options_set_text(options, name, value) : DOR_OK;
}

const char *cli_explain(const dor_options *options, int code, char *text, size_t cap)
{
    const char *said = options ? dor_options_error(options) : "";
    return *said ? said : dor_format_error(code, text, cap);
}

/* ---- members and flags that are not options of the library ------------------------------------------------------------ */

/* Each takes a value's text; false when it is none of those it may be. */
static bool take_host(cli_serve_config *c, const char *value)
{
    free(c->host);
    c->host = strdup(value);
    return c->host != NULL;
}

static bool take_port(cli_serve_config *c, const char *value)
{
    int64_t number;
    if (!cli_args_number(value, 0, 65535, &number)) return false;
    c->port = (uint16_t)number;
    return true;
}

/* The flag alone is "", and true in a file means the same. */
static bool take_activated(cli_serve_config *c, const char *value)
{
    free(c->activated);
    c->activated = NULL;
    if (strcmp(value, "false") == 0) return true;
    c->activated = strdup(strcmp(value, "true") == 0 ? "" : value);
    return c->activated != NULL;
}

static bool take_service(cli_serve_config *c, const char *value)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (strcmp(services[i]->name, value) == 0) {
            c->service = services[i];
            return true;
        }
    return false;
}

static bool take_schedulers(cli_serve_config *c, const char *value)
{
    int64_t number;
    if (!cli_args_number(value, 1, 64, &number)) return false;
    c->schedulers = (unsigned)number;
    return true;
}

static bool take_drain_timeout(cli_serve_config *c, const char *value)
{
    int64_t number;
    if (!cli_args_number(value, 0, 86400, &number)) return false;
    c->drain_timeout_ms = (uint32_t)number * 1000;
    return true;
}

static bool take_log(cli_serve_config *c, const char *value)
{
    c->json = strcmp(value, "json") == 0;
    return c->json || strcmp(value, "text") == 0;
}

static bool take_verbose(cli_serve_config *c, const char *value)
{
    c->verbose = strcmp(value, "false") != 0;
    return *value == '\0' || strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
}

static const struct {
    const char *flag, *member, *wanted;
    bool (*take)(cli_serve_config *config, const char *value);
} own[] = {
    {"host", "host", "an address", take_host},
    {"port", "port", "a number from 0 to 65535", take_port},
    {"activated", "activated", "a name, true or false", take_activated},
    {"service", "service", "echo, discard or http", take_service},
    {"schedulers", "schedulers", "a number from 1 to 64", take_schedulers},
    {"drain-timeout", "drain_timeout", "seconds, from 0 to 86400", take_drain_timeout},
    {"log", "log", "text or json", take_log},
    {"verbose", "verbose", "true or false", take_verbose},
};

enum { OWN = sizeof(own) / sizeof(own[0]) };

static int take_member(const char *name, const char *value, void *arg)
{
    for (size_t i = 0; i < OWN; i++)
        if (strcmp(own[i].member, name) == 0) return own[i].take(arg, value) ? DOR_OK : DOR_E_OPTION_TYPE;
    return DOR_E_OPTION_UNKNOWN;
}

static int take_own_flags(const cli_given *given, cli_serve_config *config)
{
    for (size_t i = 0; i < OWN; i++) {
        const char *value = cli_args_get(&command, given, own[i].flag);
        if (value && !own[i].take(config, value))
            return cli_args_wrong(&command, "--%s: given \"%s\", wanted %s", own[i].flag, value,
                                  own[i].wanted);
    }
    return -1;
}

/* ---- flags that are options of the library ---------------------------------------------------------------------------- */

static const char *const texts[][2] = {
    {"cacert", "cacertfile"},   {"alpn", "alpn_preferred_protocols"}, {"versions", "versions"},
    {"ciphers", "ciphers"},     {"groups", "supported_groups"},       {"psk-file", "pskfile"},
    {"psk-modes", "psk_modes"},
};

/* Options of one kind that a flag replaces all of: --cert wins over a "cert" in the file, too. */
static void replace(dor_options *options, const char *const *names)
{
    for (; *names; names++)
        dor_options_unset(options, *names);
}

static int set_identity(const cli_given *given, cli_serve_config *config)
{
    const char *cert = cli_args_get(&command, given, "cert"), *key = cli_args_get(&command, given, "key");
    if (key && !cert) return cli_args_wrong(&command, "--key needs --cert");
    if (cli_args_get(&command, given, "cacert"))
        replace(config->options, (const char *const[]){"cacerts", NULL});
    if (!cert) return -1;
    replace(config->options, (const char *const[]){"cert", "key", "keyfile", "certs_keys", NULL});
    if (cli_set_option(config->options, "certfile", cert) == DOR_OK &&
        cli_set_option(config->options, "keyfile", key) == DOR_OK)
        return -1;
    return cli_args_wrong(&command, "--cert, --key: %s", dor_options_error(config->options));
}

static int set_verify(const cli_given *given, dor_options *options)
{
    const char *verify = cli_args_get(&command, given, "verify");
    bool require = cli_args_get(&command, given, "require-client-cert") != NULL;
    if (verify && strcmp(verify, "none") != 0 && strcmp(verify, "peer") != 0)
        return cli_args_wrong(&command, "--verify: given \"%s\", wanted none or peer", verify);
    if (require && verify && strcmp(verify, "none") == 0)
        return cli_args_wrong(&command, "--require-client-cert and --verify none contradict each other");
    if (require) verify = "peer";
    if (verify)
        dor_options_set_text(options, "verify", strcmp(verify, "peer") == 0 ? "verify_peer" : "verify_none");
    if (require) dor_options_set_bool(options, "fail_if_no_peer_cert", 1);
    return -1;
}

static int set_numbers(const cli_given *given, dor_options *options)
{
    const char *hibernate = cli_args_get(&command, given, "hibernate-after");
    const char *max = cli_args_get(&command, given, "max-connections");
    int64_t number;
    if (hibernate && strcmp(hibernate, "off") == 0)
        dor_options_set_text(options, "hibernate_after", "undefined");
    else if (hibernate && (!cli_args_number(hibernate, 0, INT64_MAX, &number) ||
                           dor_options_set_int(options, "hibernate_after", number) != DOR_OK))
        return cli_args_wrong(&command, "--hibernate-after: given \"%s\", wanted milliseconds, or off",
                              hibernate);
    if (max && (!cli_args_number(max, 0, INT64_MAX, &number) ||
                dor_options_set_int(options, "max_connections", number) != DOR_OK))
        return cli_args_wrong(&command, "--max-connections: given \"%s\", wanted a number", max);
    return -1;
}

static bool is_path(const char *host)
{
    return strncmp(host, "unix:", 5) == 0;
}

/* Whom a certificate for development is for. */
const char *cli_serve_host(const cli_serve_config *config)
{
    return config->host && !is_path(config->host) ? config->host : "localhost";
}

static int set_options(const cli_given *given, cli_serve_config *config)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (cli_set_option(config->options, texts[i][1], cli_args_get(&command, given, texts[i][0])) !=
            DOR_OK)
            return cli_args_wrong(&command, "--%s: %s", texts[i][0], dor_options_error(config->options));
    int status = set_identity(given, config);
    if (status < 0) status = set_verify(given, config->options);
    if (status < 0) status = set_numbers(given, config->options);
    if (status >= 0) return status;
    if (config->host && config->activated)
        return cli_args_wrong(&command, "--activated and --host contradict each other");
    if (config->host && dor_options_set_text(config->options, "ip", config->host) != DOR_OK)
        return is_path(config->host)
                   ? cli_args_wrong(&command, "--host: %s", dor_options_error(config->options))
                   : cli_args_wrong(&command, "--host: \"%s\" is no IPv4 or IPv6 address", config->host);
    return -1;
}

/* ---- all together ------------------------------------------------------------------------------------------------------ */

static bool is_set(const dor_options *options, const char *name)
{
    char text[8];
    return dor_options_get_text(options, name, text, sizeof(text)) != DOR_E_OPTION_UNKNOWN;
}

/* How data is delivered is the service's own affair, and failed handshakes are for the command's log. */
static int set_modes(cli_serve_config *config)
{
    static const char *const taken[] = {"active", "packet", "packet_size", "exit_on_close"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if (is_set(config->options, taken[i]))
            return cli_args_wrong(
                &command, "--config: option %s is not for a configuration: the service decides", taken[i]);
    dor_options_set_text(config->options, "active", config->service->active);
    /* A peer that has said all it wants to say still gets its answer. */
    dor_options_set_bool(config->options, "exit_on_close", 0);
    if (!is_set(config->options, "linger")) dor_options_set_int(config->options, "linger", DEFAULT_LINGER_MS);
    if (!is_set(config->options, "log_alert")) /* the log has them already, in its own form */
        dor_options_set_bool(config->options, "log_alert", 0);
    return -1;
}

static int make_certificate(cli_serve_config *config)
{
    if (is_set(config->options, "cert") || is_set(config->options, "certfile") ||
        is_set(config->options, "certs_keys") || is_set(config->options, "pskfile"))
        return -1;
    const char *host = config->host && is_path(config->host) ? cli_serve_host(config) : config->host;
    int code = dor_options_use_development_certificate(config->options, host, config->fingerprint);
    if (code == DOR_OK) return -1;
    fprintf(stderr, "dormouse serve: %s\n", dor_options_error(config->options));
    return CLI_FAILED;
}

static int read_config(const char *path, cli_serve_config *config)
{
    char error[2048];
    int code =
        path ? dor_options_from_config(path, take_member, config, &config->options, error, sizeof(error))
        : (config->options = dor_options_new()) ? DOR_OK
                                                : DOR_E_NOMEM;
    if (code == DOR_OK) return -1;
    if (!path) dor_format_error(code, error, sizeof(error));
    fprintf(stderr, "dormouse serve: %s\n", error);
    return code == DOR_E_FILE_UNREADABLE || code == DOR_E_NOMEM ? CLI_FAILED : CLI_USAGE;
}

int cli_serve_configure(int argc, char **argv, cli_serve_config *config)
{
    const char *values[FLAGS];
    cli_given given = {.values = values};
    *config = (cli_serve_config){
        .service = &cli_service_echo, .port = CLI_DEFAULT_PORT, .drain_timeout_ms = CLI_DEFAULT_DRAIN_MS};
    int status = cli_args_parse(&command, argc, argv, &given);
    if (status < 0) status = read_config(cli_args_get(&command, &given, "config"), config);
    if (status < 0) status = take_own_flags(&given, config);
    if (status < 0) status = set_options(&given, config);
    if (status < 0) status = set_modes(config);
    if (status < 0) status = make_certificate(config);
    if (status >= 0) cli_serve_config_fini(config);
    return status;
}

void cli_serve_config_fini(cli_serve_config *config)
{
    dor_options_free(config->options);
    free(config->host);
    free(config->activated);
    config->options = NULL;
    config->host = config->activated = NULL;
}
