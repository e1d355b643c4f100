/*
 * Keying material against other implementations: openssl's s_client and s_server, and GnuTLS's client, export under the
 * same label what we do, in both versions and both roles.
 */
#include "../net/net_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/wait.h>

#define LABEL "EXPERIMENTAL-dormouse"

enum { LEN = 42 };

static bool have(const char *tool)
{
    char line[100];
    snprintf(line, sizeof line, "command -v %s >/dev/null 2>&1", tool);
    return system(line) == 0;
}

static void as_hex(const uint8_t *bytes, char hex[2 * LEN + 1])
{
    for (size_t i = 0; i < LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

/* The hexadecimal digits behind `mark`, on one of the lines that come; empty when there is no such line. */
static void find_hex(FILE *lines, const char *mark, char hex[2 * LEN + 1])
{
    char line[1024];
    hex[0] = 0;
    while (!hex[0] && fgets(line, sizeof line, lines)) {
        const char *at = strcasestr(line, mark);
        if (at) sscanf(at + strlen(mark), "%84[0-9A-Fa-f]", hex);
    }
}

static void serves(const char *command, const char *mark, const char *version)
{
    world w;
    char line[512], theirs[2 * LEN + 1], ours[2 * LEN + 1];
    uint8_t material[LEN];
    dor_socket s;
    begin(&w, 1);
    OK(dor_options_set_bool(w.server, "exporters", 1));
    OK(dor_options_set_bool(w.server, "exit_on_close", 0)); /* the client may be gone before we ask */
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    listen_in(&w);
    snprintf(line, sizeof line, command, (unsigned)w.port);
    FILE *out = popen(line, "r");
    cr_assert_not_null(out);
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    OK(dor_ssl_export_keying_material(s, LABEL, NULL, 0, material, LEN));
    find_hex(out, mark, theirs);
    OK(dor_ssl_close(s));
    while (fgets(line, sizeof line, out))
        ;
    (void)pclose(out);
    as_hex(material, ours);
    cr_assert_eq(strcasecmp(ours, theirs), 0, "%s: %s and %s", command, ours, theirs);
    end(&w);
}

Test(exporter, openssl_client)
{
    if (!have("openssl")) cr_skip_test("there is no openssl here");
#define S_CLIENT                                                                                             \
    "echo Q | openssl s_client -connect 127.0.0.1:%u -keymatexport " LABEL " -keymatexportlen 42 "           \
    "2>/dev/null"
    serves(S_CLIENT, "Keying material: ", "tlsv1.3");
    serves(S_CLIENT, "Keying material: ", "tlsv1.2");
}

Test(exporter, gnutls_client)
{
    if (!have("gnutls-cli")) cr_skip_test("there is no gnutls-cli here");
#define GNUTLS_CLI                                                                                           \
    "gnutls-cli --insecure --keymatexport " LABEL                                                            \
    " --keymatexportsize 42 -p %u 127.0.0.1 2>/dev/null </dev/null"
    serves(GNUTLS_CLI, "Key material: ", "tlsv1.3");
    serves(GNUTLS_CLI, "Key material: ", "tlsv1.2");
}

/* ---- their server ------------------------------------------------------------------------------------------------ */

static uint16_t free_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    close(fd);
    return ntohs(any.sin_port);
}

static void connects(const char *version)
{
    world w;
    char command[600], dir[] = "/tmp/dormouse-exporter-XXXXXX", theirs[2 * LEN + 1], ours[2 * LEN + 1];
    uint8_t material[LEN];
    dor_socket s = DOR_SOCKET_NONE;
    int code = DOR_E_TIMEOUT;
    uint16_t port = free_port();
    cr_assert_not_null(mkdtemp(dir));
    begin(&w, 1);
    OK(dor_options_set_bool(w.client, "exporters", 1));
    OK(dor_options_set_list(w.client, "versions", version, NULL));
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c "
             "-subj "
             "/CN=localhost -days 2 2>/dev/null && mkfifo in && exec openssl s_server -accept 127.0.0.1:%u "
             "-cert c -key k "
             "-naccept 1 -keymatexport " LABEL " -keymatexportlen 42 2>&1 <>in",
             dir, (unsigned)port);
    FILE *out = popen(command, "r");
    cr_assert_not_null(out);
    for (int i = 0; i < 600 && code; i++) { /* until it listens */
        code = dor_ssl_connect(w.runtime, "127.0.0.1", port, w.client, PATIENCE_MS, &s);
        if (code) uv_sleep(50);
    }
    OK(code);
    OK(dor_ssl_export_keying_material(s, LABEL, NULL, 0, material, LEN));
    find_hex(out, "Keying material: ", theirs);
    OK(dor_ssl_close(s));
    while (fgets(command, sizeof command, out))
        ;
    (void)pclose(out);
    as_hex(material, ours);
    cr_assert_eq(strcasecmp(ours, theirs), 0, "%s and %s", ours, theirs);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
    end(&w);
}

Test(exporter, openssl_server)
{
    if (!have("openssl")) cr_skip_test("there is no openssl here");
    connects("tlsv1.3");
    connects("tlsv1.2");
}
