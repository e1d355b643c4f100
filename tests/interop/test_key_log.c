/* Key logs against openssl's: for the same connection s_client -keylogfile writes the lines that we do. */
#include "../net/key_log_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void same_lines(const char *version, size_t expected)
{
    world w;
    heard ours = {.lock = PTHREAD_MUTEX_INITIALIZER};
    char path[] = "/tmp/dormouse-keylog-XXXXXX", line[512];
    dor_socket s;
    size_t lines = 0;
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    begin(&w, 1);
    OK(dor_options_set_key_log(w.server, hear, &ours));
    OK(dor_options_set_list(w.server, "versions", version, NULL));
    listen_in(&w);
    snprintf(line, sizeof line,
             "echo Q | openssl s_client -connect 127.0.0.1:%u -keylogfile %s >/dev/null 2>&1",
             (unsigned)w.port, path);
    FILE *client = popen(line, "r");
    cr_assert_not_null(client);
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &s));
    OK(dor_ssl_accept(s, NULL, PATIENCE_MS));
    (void)dor_ssl_close(s);
    (void)pclose(client);
    FILE *theirs = fopen(path, "r");
    cr_assert_not_null(theirs);
    while (fgets(line, sizeof line, theirs)) {
        if (line[0] == '#') continue;
        cr_assert_not_null(strcasestr(ours.text, line), "%s is not in %s", line, ours.text);
        lines++;
    }
    fclose(theirs);
    unlink(path);
    cr_assert_eq(lines, expected, "%zu lines", lines);
    end(&w);
}

Test(key_log, openssl_writes_the_same)
{
    if (system("command -v openssl >/dev/null 2>&1") != 0) cr_skip_test("there is no openssl here");
    same_lines("tlsv1.3", 5);
    same_lines("tlsv1.2", 1);
}
