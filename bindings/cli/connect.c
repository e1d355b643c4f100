/*
 * connect.c - dormouse connect: a TLS client between standard input and output.
 *
 * With --resume N there are N + 1 connections: all but the last only fetch a session, each from the second on resumes the
 * one before, and the last is joined to the standard streams.
 */
#include "connect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_TIMEOUT_MS = 30000,
    SESSION_WAIT_MS = 2000,
    SESSION_POLL_MS = 100,
    MAX_RESUME = 1000,
    EARLY_DATA_MOST = 1 << 20,
    STOP_MS = 2000
};

typedef struct cli_early {
    char *bytes;
    size_t len;
    bool session; /* there is one for the last connection */
} cli_early;

static const cli_flag flags[] = {
    {"cacert", "FILE", "authorities to trust, PEM (default: the system's)"},
    {"insecure", NULL, "verify neither the certificate nor the name"},
    {"servername", "NAME", "the name to ask for and to verify (default: HOST); disable: ask for none"},
    {"cert", "FILE", "own certificate chain, PEM"},
    {"key", "FILE", "its private key, PEM (default: in the --cert file)"},
    {"alpn", "LIST", "application protocols to offer: h2,http/1.1"},
    {"psk-file", "FILE",
     "pre-shared keys in the place of certificates: lines of identity:key in hexadecimal"},
    {"psk-modes", "LIST", "how they are used: psk_dhe_ke,psk_ke (default the first alone)"},
    {"versions", "LIST", "protocol versions: tlsv1.2,tlsv1.3"},
    {"ciphers", "LIST", "cipher suites, best first, by IANA's or OpenSSL's names"},
    {"groups", "LIST", "key exchange groups, best first: X25519MLKEM768,x25519,secp256r1"},
    {"keylog", "FILE",
     "append the connection's secrets to FILE, for Wireshark; - takes the name from SSLKEYLOGFILE"},
    {"resume", "N", "connect N more times, each time resuming the session"},
    {"early-data", "FILE",
     "with --resume: what FILE holds goes out before the server answers, or after, if it must"},
    {"json", NULL, "say what was negotiated, or why not, in JSON"},
};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

static const cli_command command = {
    .name = "connect",
    .positional = "HOST:PORT",
    .about =
        "A TLS client: sends its standard input, prints what it receives, and says on standard error "
        "what was negotiated.\n"
        "unix:PATH in the place of HOST:PORT is a Unix-domain socket, and needs --servername or --insecure.\n"
        "At the end of the input it closes its side and goes on receiving until the peer closes.",
    .epilogue = "Exit status: 0 success; 1 failure; 2 wrong arguments; 3 the connection was refused or ended "
                "by an alert.",
    .flags = flags,
    .flag_count = FLAGS,
};

/* ---- arguments ------------------------------------------------------------------------------------------------------- */

bool cli_target_parse(const char *text, cli_target *target)
{
    int64_t port;
    const char *host = text, *colon = strrchr(text, ':');
    target->port = 0;
    if (strncmp(text, "unix:", 5) == 0) {
        int len = snprintf(target->host, sizeof(target->host), "%s", text);
        return len > 5 && (size_t)len < sizeof(target->host);
    }
    if (!colon) return false;
    size_t len = (size_t)(colon - text);
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    if (brackets) {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(target->host) || (!brackets && memchr(host, ':', len))) return false;
    if (!cli_args_number(colon + 1, 1, 65535, &port)) return false;
    memcpy(target->host, host, len);
    target->host[len] = '\0';
    target->port = (uint16_t)port;
    return true;
}

static int set_options(const cli_given *given, dor_options *options)
{
    static const char *const texts[][2] = {
        {"cacert", "cacertfile"},   {"servername", "server_name_indication"}, {"cert", "certfile"},
        {"key", "keyfile"},         {"alpn", "alpn_advertised_protocols"},    {"versions", "versions"},
        {"ciphers", "ciphers"},     {"groups", "supported_groups"},           {"psk-file", "pskfile"},
        {"psk-modes", "psk_modes"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (cli_set_option(options, texts[i][1], cli_args_get(&command, given, texts[i][0])) != DOR_OK)
            return cli_args_wrong(&command, "--%s: %s", texts[i][0], dor_options_error(options));
    if (cli_args_get(&command, given, "key") && !cli_args_get(&command, given, "cert"))
        return cli_args_wrong(&command, "--key needs --cert");
    const char *keylog = cli_args_get(&command, given, "keylog");
    if (keylog && strcmp(keylog, "-") == 0)
        dor_options_set_bool(options, "keylog_environment", 1);
    else if (cli_set_option(options, "keylogfile", keylog) != DOR_OK)
        return cli_args_wrong(&command, "--keylog: %s", dor_options_error(options));
    bool insecure = cli_args_get(&command, given, "insecure") != NULL;
    if (insecure && cli_args_get(&command, given, "cacert"))
        return cli_args_wrong(&command, "--insecure and --cacert contradict each other");
    if (insecure) dor_options_set_text(options, "verify", "verify_none");
    dor_options_set_bool(options, "active", 0);
    dor_options_set_bool(options, "log_alert", 0); /* said by us, once */
    return -1;
}

/* ---- connections ------------------------------------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * The session of a connection. A TLS 1.3 server sends tickets when it likes, some only along with data, so a while is
 * spent receiving; what comes meanwhile is not wanted.
 */
static dor_ssl_session *fetch_session(dor_socket socket)
{
    dor_ssl_session *session = NULL;
    int64_t end_ms = now_ms() + SESSION_WAIT_MS;
    while (dor_ssl_get_session(socket, &session) == DOR_E_NO_SESSION && now_ms() < end_ms) {
        dor_buffer *data = NULL;
        int code = dor_ssl_recv(socket, 0, SESSION_POLL_MS, &data);
        if (code == DOR_OK)
            dor_buffer_unref(data);
        else if (code != DOR_E_TIMEOUT)
            break;
    }
    return session;
}

static int connect_once(const cli_target *target, const dor_options *options, dor_socket *socket)
{
    int code = dor_ssl_connect(NULL, target->host, target->port, options, CONNECT_TIMEOUT_MS, socket);
    if (code != DOR_OK) return cli_report_failure(target, "cannot connect to", options, code);
    cli_report_connected(target, *socket);
    return CLI_OK;
}

/* One of the connections that only fetch a session for the next one. */
static int rehearse(const cli_target *target, dor_options *options, bool *some)
{
    dor_socket socket;
    int status = connect_once(target, options, &socket);
    if (status != CLI_OK) return status;
    dor_ssl_session *session = fetch_session(socket);
    if (session) {
        dor_options_set_session(options, session);
        dor_ssl_session_unref(session);
        *some = true;
    } else if (!target->json) {
        fprintf(stderr, "the server gave no session to resume\n");
    }
    dor_ssl_close(socket);
    return CLI_OK;
}

/* What a file holds; *len 0 and a sentence on standard error if that is not to be had. The caller frees it. */
static char *read_early(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(EARLY_DATA_MOST + 1);
    *len = file && bytes ? fread(bytes, 1, EARLY_DATA_MOST + 1, file) : 0;
    const char *why = !file || ferror(file) ? strerror(errno)
                      : !bytes              ? "out of memory"
                      : *len == 0           ? "it is empty"
                                            : NULL;
    if (*len > EARLY_DATA_MOST) why = "more than a mebibyte";
    if (file) fclose(file);
    if (!why) return bytes;
    cli_args_wrong(&command, "--early-data: %s: %s", path, why);
    free(bytes);
    *len = 0;
    return NULL;
}

/* The last connection, with early data: with a session it goes out at once; what was not taken is sent behind the handshake. */
static int connect_early(const cli_target *target, dor_options *options, const cli_early *early,
                         dor_socket *socket)
{
    dor_connection_info info = {.early_data = DOR_EARLY_DATA_NONE};
    if (early->session) dor_options_set_bytes(options, "early_data", early->bytes, early->len);
    int status = connect_once(target, options, socket);
    if (status != CLI_OK || early->len == 0) return status;
    (void)dor_ssl_connection_info(*socket, &info);
    if (info.early_data == DOR_EARLY_DATA_ACCEPTED) return CLI_OK;
    int code = dor_ssl_send(*socket, early->bytes, early->len);
    return code == DOR_OK ? CLI_OK : cli_report_failure(target, "connection to", NULL, code);
}

static int run(const cli_target *target, dor_options *options, int64_t resume, cli_early *early)
{
    dor_socket socket;
    for (int64_t i = 0; i < resume; i++) {
        int status = rehearse(target, options, &early->session);
        if (status != CLI_OK) return status;
    }
    int status = connect_early(target, options, early, &socket);
    if (status != CLI_OK) return status;
    int code = cli_join(socket);
    return code == DOR_OK ? CLI_OK : cli_report_failure(target, "connection to", NULL, code);
}

int cli_connect(int argc, char **argv)
{
    const char *values[FLAGS];
    cli_given given = {.values = values};
    cli_target target = {.port = 0};
    int64_t resume = 0;
    int status = cli_args_parse(&command, argc, argv, &given);
    if (status >= 0) return status;
    if (!cli_target_parse(given.positional, &target))
        return cli_args_wrong(&command, "\"%s\" is not HOST:PORT or unix:PATH", given.positional);
    const char *count = cli_args_get(&command, &given, "resume");
    if (count && !cli_args_number(count, 0, MAX_RESUME, &resume))
        return cli_args_wrong(&command, "--resume: given \"%s\", wanted a number from 0 to %d", count,
                              MAX_RESUME);
    target.json = cli_args_get(&command, &given, "json") != NULL;
    const char *early_path = cli_args_get(&command, &given, "early-data");
    cli_early early = {.bytes = NULL};
    if (early_path && resume == 0) return cli_args_wrong(&command, "--early-data needs --resume");
    if (early_path && !(early.bytes = read_early(early_path, &early.len))) return CLI_USAGE;

    dor_options *options = dor_options_new();
    if (!options) return cli_report_failure(&target, "cannot connect to", NULL, DOR_E_NOMEM);
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write() */
    status = set_options(&given, options);
    if (status < 0) {
        status = run(&target, options, resume, &early);
        dor_runtime *runtime = dor_runtime_default();
        if (runtime) dor_runtime_stop(runtime, STOP_MS);
    }
    dor_options_free(options);
    free(early.bytes);
    return status;
}
