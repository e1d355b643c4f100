/*
 * connect_report.c - what `dormouse connect` says on standard error: what was negotiated, or why not.
 */
#include "connect.h"
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_CAP = 4096 };

static void print_json(const char *event, const cli_field *fields, size_t count)
{
    char line[REPORT_CAP];
    size_t len = (size_t)snprintf(line, sizeof(line), "{\"event\":\"%s\"", event);
    cli_json_fields(line, sizeof(line) - 2, &len, fields, count);
    fprintf(stderr, "%.*s}\n", (int)len, line);
}

/* Who the peer is, where no certificate says so. */
static void report_psk(dor_socket socket)
{
    char identity[256];
    size_t len = 0;
    int code = dor_ssl_psk_identity(socket, identity, sizeof(identity), &len);
    if ((code != DOR_OK && code != DOR_E_TOO_BIG) || len == 0) return;
    fputs("by pre-shared key: ", stderr);
    for (size_t i = 0; i < len && i < sizeof(identity); i++)
        fputc(identity[i] >= ' ' && identity[i] <= '~' ? identity[i] : '?', stderr);
    fputc('\n', stderr);
}

void cli_report_connected(const cli_target *target, dor_socket socket)
{
    static const char *const outcomes[] = {
        [DOR_EARLY_DATA_NONE] = "none",
        [DOR_EARLY_DATA_ACCEPTED] = "accepted",
        [DOR_EARLY_DATA_REJECTED] = "rejected",
    };
    dor_connection_info info = {.protocol = ""};
    dor_address address = {.ip = ""};
    char peer[128];
    dor_ssl_connection_info(socket, &info);
    dor_ssl_peername(socket, &address);
    if (address.version == 0)
        snprintf(peer, sizeof(peer), "unix:%s", address.path);
    else
        snprintf(peer, sizeof(peer), address.version == 6 ? "[%s]:%u" : "%s:%u", address.ip, address.port);
    if (target->json) {
        cli_field fields[] = {{"host", target->host, 0},
                              {"peer", peer, 0},
                              {"protocol", info.protocol, 0},
                              {"cipher_suite", info.cipher_suite, 0},
                              {"group", info.group, 0},
                              {"peer_signature", info.peer_signature, 0},
                              {"alpn", info.alpn, 0},
                              {"server_name", info.server_name, 0},
                              {"resumed", NULL, info.resumed},
                              {"hello_retry", NULL, info.hello_retry},
                              {"early_data", outcomes[info.early_data], 0}};
        print_json("connected", fields, sizeof(fields) / sizeof(fields[0]));
        return;
    }
    fprintf(stderr, "connected to %s: %s %s%s%s%s%s, %s%s%s\n", peer, info.protocol, info.cipher_suite,
            info.group[0] ? " " : "", info.group, info.peer_signature[0] ? ", signed with " : "",
            info.peer_signature, info.resumed ? "resumed" : "not resumed",
            info.hello_retry ? ", hello retried" : "", info.alpn[0] ? "" : ", no alpn");
    if (info.early_data) fprintf(stderr, "early data: %s\n", outcomes[info.early_data]);
    if (info.alpn[0]) fprintf(stderr, "alpn: %s\n", info.alpn);
    report_psk(socket);
}

/* A second sentence where there is something that the reader can do. */
static const char *advice(int code)
{
    if (dor_error_get_class(code) != DOR_CLASS_ALERT_SENT) return NULL;
    switch (dor_error_get_reason(code)) {
    case DOR_REASON_CERT_UNKNOWN_CA:
    case DOR_REASON_CERT_SELFSIGNED:
        return "give --cacert FILE with its authority, or --insecure to go on unverified";
    case DOR_REASON_CERT_NAME_MISMATCH:
        return "if it is the right server under another name, give --servername NAME";
    default: return NULL;
    }
}

int cli_report_failure(const cli_target *target, const char *doing, const dor_options *options, int code)
{
    char text[160];
    int alert = dor_error_get_alert(code);
    const char *sentence = cli_explain(options, code, text, sizeof(text));
    if (target->json) {
        cli_field fields[] = {{"host", target->host, 0},
                              {"error", sentence, 0},
                              {"alert", alert >= 0 ? dor_alert_name(alert) : "", 0},
                              {"sent_by",
                               alert < 0                                           ? ""
                               : dor_error_get_class(code) == DOR_CLASS_ALERT_SENT ? "us"
                                                                                   : "peer",
                               0}};
        print_json("failed", fields, alert >= 0 ? 4 : 2);
    } else {
        char port[8] = ""; /* a path has none */
        if (target->port) snprintf(port, sizeof(port), ":%u", target->port);
        fprintf(stderr, "dormouse connect: %s %s%s: %s\n", doing, target->host, port, sentence);
        if (advice(code)) fprintf(stderr, "dormouse connect: %s\n", advice(code));
    }
    return alert >= 0 ? CLI_ALERT : CLI_FAILED;
}
