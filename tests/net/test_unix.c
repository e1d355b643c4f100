/* Unix-domain listeners and clients: paths, abstract names, files that are there, the end. */
#include "net_support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

static char path[64], address_text[80];

static void begin_at_path(world *w)
{
    (void)snprintf(path, sizeof path, "/tmp/dormouse-unix-%d.sock", (int)getpid());
    (void)snprintf(address_text, sizeof address_text, "unix:%s", path);
    begin(w, 2);
    OK(dor_options_set_text(w->server, "ip", address_text));
}

static void talk(world *w, const char *where)
{
    pair p;
    dor_ref ref;
    OK(dor_ssl_connect_async(w->runtime, where, 0, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &p.server));
    OK(dor_ssl_accept(p.server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &p.client, NULL));
    send_text(p.client, "by path");
    expect_recv(p.server, 7, "by path");
    dor_address address;
    OK(dor_ssl_peername(p.client, &address));
    cr_assert_str_eq(address.path, where + 5);
    cr_assert_eq(address.version, 0);
    OK(dor_ssl_peername(p.server, &address));
    cr_assert_str_eq(address.path, "");
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
}

Test(unix, at_a_path)
{
    world w;
    dor_address address;
    struct stat file;
    begin_at_path(&w);
    OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    cr_assert_str_eq(address.path, path);
    for (int i = 0; i < 5; i++)
        talk(&w, address_text);
    dor_socket second;
    int code = dor_ssl_listen(w.runtime, 0, w.server, &second);
    cr_assert_eq(dor_error_get_errno(code), EADDRINUSE, "somebody listens there");
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS,
                                &second)); /* the second one has asked who is there */
    OK(dor_ssl_close(second));
    talk(&w, address_text);
    OK(dor_ssl_close(w.listener));
    cr_assert_lt(stat(path, &file), 0, "the file goes with its listener");
    end(&w);
}

Test(unix, a_file_that_is_there)
{
    world w;
    dor_socket s;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    begin_at_path(&w);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
    int code = dor_ssl_listen(w.runtime, 0, w.server, &s);
    cr_assert_eq(dor_error_get_errno(code), EADDRINUSE, "no socket: it is left alone");
    cr_assert_eq(unlink(path), 0);
    strcpy(local.sun_path, path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(dead, (struct sockaddr *)&local, sizeof local), 0);
    close(dead); /* what a program that crashed leaves */
    OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
    talk(&w, address_text);
    end(&w);
}

static mode_t mode_of(void)
{
    struct stat file;
    cr_assert_eq(lstat(path, &file), 0);
    cr_assert(S_ISSOCK(file.st_mode));
    return file.st_mode & 0777;
}

Test(unix, the_files_mode)
{
    static const struct {
        const char *text;
        mode_t mode, mask;
    } cases[] = {{NULL, 0600, 022}, {NULL, 0600, 0777}, {"0660", 0660, 022}, {"666", 0666, 077}, {"0", 0, 0}};
    static const char *const bad[] = {"", "0888", "01777", "rw-------", "00600", "-1", "0x1"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        begin_at_path(&w);
        if (cases[i].text) OK(dor_options_set_text(w.server, "unix_mode", cases[i].text));
        mode_t before = umask(cases[i].mask);
        OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
        (void)umask(before);
        cr_expect_eq(mode_of(), cases[i].mode, "%zu", i);
        end(&w);
    }
    dor_options *o = dor_options_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        FAILS(dor_options_set_text(o, "unix_mode", bad[i]), DOR_E_OPTION_TYPE);
    dor_options_free(o);
}

/* What somebody else has put in the place of our file is not removed with our listener. */
Test(unix, another_ones_file)
{
    world w;
    dor_socket second;
    begin_at_path(&w);
    OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
    cr_assert_eq(unlink(path), 0);
    OK(dor_ssl_listen(w.runtime, 0, w.server, &second));
    OK(dor_ssl_close(w.listener));
    (void)mode_of();
    w.listener = second;
    talk(&w, address_text);
    cr_assert_eq(unlink(path), 0);
    FILE *file = fopen(path, "w");
    fclose(file);
    OK(dor_ssl_close(w.listener));
    cr_assert_eq(unlink(path), 0, "a plain file stays, too");
    end(&w);
}

Test(unix, abstract)
{
    world w;
    dor_socket second;
    dor_address address;
    char text[64];
    (void)snprintf(text, sizeof text, "unix:@dormouse-test-abstract-%d", (int)getpid());
    begin(&w, 2);
    OK(dor_options_set_text(w.server, "ip", text));
    OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
    OK(dor_ssl_sockname(w.listener, &address));
    cr_assert_str_eq(address.path, text + 5);
    talk(&w, text);
    int code = dor_ssl_listen(w.runtime, 0, w.server, &second);
    cr_assert_eq(dor_error_get_errno(code), EADDRINUSE);
    OK(dor_ssl_close(w.listener));
    OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener)); /* the name is free with the socket */
    talk(&w, text);
    end(&w);
}

static void *serve_open(dor_socket socket, void *arg)
{
    (void)socket;
    return arg;
}

static void serve_echo(void *state, dor_socket socket, dor_message *message)
{
    dor_ssl_event *event = dor_message_payload(message);
    if (message->type == DOR_MSG_SSL) dor_ssl_send_async(socket, dor_buffer_ref(event->data), NULL);
    dor_message_free(message);
    (void)state;
}

static void failed_with(const char *peer, int reason, void *arg)
{
    cr_expect_str_eq(peer, "unix:");
    atomic_store((atomic_int *)arg, reason);
}

Test(unix, served)
{
    world w;
    dor_socket s;
    atomic_int failure = 0;
    begin_at_path(&w);
    OK(dor_options_set_text(w.server, "active", "true"));
    dor_server_spec spec = {
        .open = serve_open, .receive = serve_echo, .failed = failed_with, .arg = &failure};
    OK(dor_ssl_serve(w.runtime, 0, w.server, &spec, &w.listener));
    for (int i = 0; i < 20; i++) {
        OK(dor_ssl_connect(w.runtime, address_text, 0, w.client, PATIENCE_MS, &s));
        send_text(s, "echo");
        expect_recv(s, 4, "echo");
        OK(dor_ssl_close(s));
    }
    OK(dor_options_set_list(w.client, "versions", "tlsv1.2", NULL));
    OK(dor_options_set_list(w.client, "ciphers", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", NULL));
    cr_assert_neq(dor_ssl_connect(w.runtime, address_text, 0, w.client, PATIENCE_MS, &s), DOR_OK);
    WAIT_FOR(atomic_load(&failure) != 0);
    end(&w);
}

/* A path is nobody's name: there is none to verify a certificate for, unless one is given. */
Test(unix, the_name_to_verify)
{
    world w;
    dor_socket s, server;
    dor_ref ref;
    dor_buffer *der;
    begin_at_path(&w);
    OK(dor_ssl_listen(w.runtime, 0, w.server, &w.listener));
    OK(dor_ssl_connect_async(w.runtime, address_text, 0, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
    OK(dor_ssl_accept(server, NULL, PATIENCE_MS));
    OK(await_reply(ref, &s, NULL));
    OK(dor_ssl_peercert(s, &der));
    OK(dor_ssl_close(s));
    OK(dor_ssl_close(server));

    dor_options *o = dor_options_new();
    OK(dor_options_set_bytes(o, "cacerts", dor_buffer_data(der), dor_buffer_len(der)));
    OK(dor_options_set_bool(o, "log_alert", 0));
    FAILS(dor_ssl_connect(w.runtime, address_text, 0, o, PATIENCE_MS, &s), DOR_E_OPTION_CONFLICT);
    cr_expect(strstr(dor_options_error(o), "verify_host"));
    OK(dor_options_set_text(o, "server_name_indication", "disable"));
    FAILS(dor_ssl_connect(w.runtime, address_text, 0, o, PATIENCE_MS, &s), DOR_E_OPTION_CONFLICT);
    for (int i = 0; i < 3; i++) {
        OK(dor_options_set_text(o, "server_name_indication", i == 0 ? "localhost" : "example.org"));
        if (i == 2) {
            OK(dor_options_unset(o, "server_name_indication"));
            OK(dor_options_set_bool(o, "verify_host", 0));
        }
        OK(dor_ssl_connect_async(w.runtime, address_text, 0, o, PATIENCE_MS, &ref));
        OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &server));
        int code = dor_ssl_accept(server, NULL, PATIENCE_MS), mine = await_reply(ref, &s, NULL);
        cr_expect_eq(mine == DOR_OK, i != 1, "%d: %x", i, mine);
        if (i == 1) cr_expect_eq(dor_error_get_reason(mine), DOR_REASON_CERT_NAME_MISMATCH);
        if (mine == DOR_OK) OK(dor_ssl_close(s));
        if (code == DOR_OK) OK(dor_ssl_close(server));
    }
    dor_buffer_unref(der);
    dor_options_free(o);
    end(&w);
}

Test(unix, errors)
{
    world w;
    dor_socket s;
    char text[200] = "unix:/";
    begin(&w, 1);
    memset(text + 6, 'a', 150);
    FAILS(dor_options_set_text(w.server, "ip", text), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_text(w.server, "ip", "unix:"), DOR_E_OPTION_TYPE);
    FAILS(dor_options_set_text(w.server, "ip", "unix:@"), DOR_E_OPTION_TYPE);
    text[6 + 106] = 0; /* 107 bytes and the slash: what sun_path holds is 107 and a NUL */
    cr_assert_eq(strlen(text), 5 + 107);
    OK(dor_options_set_text(w.server, "ip", text));
    text[6 + 106] = 'a';
    FAILS(dor_ssl_connect(w.runtime, text, 0, w.client, 1000, &s), DOR_E_BADARG);
    FAILS(dor_ssl_connect(w.runtime, "unix:", 0, w.client, 1000, &s), DOR_E_BADARG);
    int code = dor_ssl_connect(w.runtime, "unix:/nonexistent/socket", 0, w.client, 1000, &s);
    cr_assert_eq(dor_error_get_errno(code), ENOENT);
    OK(dor_options_set_text(w.server, "ip", "unix:/nonexistent/socket"));
    code = dor_ssl_listen(w.runtime, 0, w.server, &s);
    cr_assert_eq(dor_error_get_errno(code), ENOENT);
    end(&w);
}
