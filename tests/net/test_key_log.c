/* Key logs: a function, a file, the environment; both ends' lines are the same, and secrets do not lie about. */
#include "key_log_support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void make_dir(char dir[64], char path[96])
{
    strcpy(dir, "/tmp/dormouse-keylog-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, 96, "%s/keys", dir);
}

static void remove_dir(const char *dir, const char *path)
{
    (void)unlink(path);
    cr_assert_eq(rmdir(dir), 0);
}

static void read_all(const char *path, char text[8192])
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, 8191, file)] = 0;
    fclose(file);
}

Test(key_log, function_and_file_hear_the_same)
{
    world w;
    char dir[64], path[96], text[8192];
    struct stat is;
    static heard ours = {.lock = PTHREAD_MUTEX_INITIALIZER}, theirs = {.lock = PTHREAD_MUTEX_INITIALIZER};
    make_dir(dir, path);
    begin(&w, 2);
    OK(dor_options_set_key_log(w.client, hear, &ours));
    OK(dor_options_set_text(w.client, "keylogfile", path));
    OK(dor_options_set_key_log(w.server, hear, &theirs));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_update_keys(p.client, 1));
    send_text(p.client, "x");
    expect_recv(p.server, 1, "x");
    send_text(p.server, "y");
    expect_recv(p.client, 1, "y");
    read_all(path, text);
    cr_assert_str_eq(text, ours.text);
    cr_assert_eq(stat(path, &is), 0);
    cr_assert_eq(is.st_mode & 0777, 0600u);
    static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET ",
                                         "SERVER_HANDSHAKE_TRAFFIC_SECRET ",
                                         "CLIENT_TRAFFIC_SECRET_0 ",
                                         "SERVER_TRAFFIC_SECRET_0 ",
                                         "EXPORTER_SECRET ",
                                         "CLIENT_TRAFFIC_SECRET_1 ",
                                         "SERVER_TRAFFIC_SECRET_1 "};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        cr_assert_eq(count(text, labels[i]), 1u, "%s", labels[i]);
    cr_assert_eq(count(text, "\n"), 7u);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_not_null(strstr(theirs.text, line), "%s", line);
    /* A second connection appends. */
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    (void)connect_pair(&w);
    read_all(path, text);
    cr_assert_eq(count(text, "\n"), 8u);
    cr_assert_eq(count(text, "CLIENT_RANDOM "), 1u);
    end(&w);
    remove_dir(dir, path);
}

static int try_connect(world *w)
{
    dor_socket s;
    return dor_ssl_connect(w->runtime, "127.0.0.1", 1, w->client, 1000, &s);
}

Test(key_log, files_that_are_refused)
{
    world w;
    char dir[64], path[96], missing[128];
    make_dir(dir, path);
    begin(&w, 1);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    OK(dor_options_set_text(w.client, "keylogfile", path));
    cr_assert_neq(try_connect(&w), DOR_E_FILE_UNREADABLE);
    cr_assert_eq(fchmod(fd, 0640), 0);
    FAILS(try_connect(&w), DOR_E_FILE_UNREADABLE);
    cr_assert_not_null(strstr(dor_options_error(w.client), "0600"), "%s", dor_options_error(w.client));
    cr_assert_not_null(strstr(dor_options_error(w.client), path), "%s", dor_options_error(w.client));
    close(fd);
    snprintf(missing, sizeof missing, "%s/no/such", dir);
    OK(dor_options_set_text(w.client, "keylogfile", missing));
    FAILS(try_connect(&w), DOR_E_FILE_UNREADABLE);
    OK(dor_options_set_text(w.client, "keylogfile", dir));
    FAILS(try_connect(&w), DOR_E_FILE_UNREADABLE);
    (void)unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0); /* without a reader */
    OK(dor_options_set_text(w.client, "keylogfile", path));
    FAILS(try_connect(&w), DOR_E_FILE_UNREADABLE);
    dor_socket l;
    OK(dor_options_set_text(w.server, "keylogfile", path));
    FAILS(dor_ssl_listen(w.runtime, 0, w.server, &l), DOR_E_FILE_UNREADABLE);
    end(&w);
    remove_dir(dir, path);
}

Test(key_log, the_environment_counts_only_when_asked)
{
    world w;
    char dir[64], path[96], text[8192];
    make_dir(dir, path);
    cr_assert_eq(setenv("SSLKEYLOGFILE", path, 1), 0);
    begin(&w, 1);
    listen_in(&w);
    (void)connect_pair(&w);
    cr_assert_neq(access(path, F_OK), 0);
    OK(dor_options_set_bool(w.client, "keylog_environment", 1));
    (void)connect_pair(&w);
    read_all(path, text);
    cr_assert_eq(count(text, "\n"), 5u);
    cr_assert_eq(setenv("SSLKEYLOGFILE", "", 1), 0);
    (void)connect_pair(&w);
    end(&w);
    remove_dir(dir, path);
}

Test(key_log, set_badly)
{
    dor_options *o = dor_options_new();
    FAILS(dor_options_set_key_log(NULL, hear, NULL), DOR_E_BADARG);
    OK(dor_options_set_key_log(o, hear, NULL));
    OK(dor_options_set_key_log(o, NULL, NULL));
    FAILS(dor_options_set_text(o, "key_log", "x"), DOR_E_OPTION_TYPE);
    dor_options_free(o);
}
