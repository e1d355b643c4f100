/*
 * Downgrade with OpenSSL on the other side, by way of Python's SSLSocket.unwrap (SSL_shutdown until both close_notify have
 * gone): whoever begins, in both versions, plain text behind it.
 */
#include "net/net_support.h"

#include <fcntl.h>
#include <sys/wait.h>

/* It speaks over descriptor 3. argv: the version, and who begins: "peer" (this script) or "us". */
static const char script[] =
    "import socket, ssl, sys\n"
    "s = socket.socket(fileno=3)\n"
    "c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
    "c.check_hostname, c.verify_mode = False, ssl.CERT_NONE\n"
    "v = ssl.TLSVersion.TLSv1_3 if sys.argv[1] == 'tlsv1.3' else ssl.TLSVersion.TLSv1_2\n"
    "c.minimum_version = c.maximum_version = v\n"
    "t = c.wrap_socket(s, suppress_ragged_eofs=False)\n"
    "t.sendall(b'under TLS')\n"
    "if sys.argv[2] == 'us':\n"
    "    assert t.recv(10) == b'', 'close_notify'\n"
    "p = t.unwrap()\n"
    "p.sendall(b'plain')\n"
    "assert p.recv(5, socket.MSG_WAITALL) == b'clear'\n"
    "p.close()\n";

static pid_t run_python(int fd, const char *version, const char *begins)
{
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, 3);
        execlp("python3", "python3", "-c", script, version, begins, (char *)NULL);
        _exit(127);
    }
    close(fd);
    return pid;
}

static void downgrade_with(world *w, const char *version, bool we_begin)
{
    dor_socket s;
    dor_buffer *rest, *data;
    char got[5];
    int fds[2], fd, status;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pid_t pid = run_python(fds[0], version, we_begin ? "us" : "peer");
    OK(dor_ssl_accept_fd(w->runtime, fds[1], w->server, PATIENCE_MS, &s));
    expect_recv(s, 9, "under TLS");
    if (!we_begin) FAILS(dor_ssl_recv(s, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_downgrade(s, PATIENCE_MS, &fd, &rest));
    size_t had = rest ? dor_buffer_len(rest) : 0;
    cr_assert_leq(had, 5);
    if (had) memcpy(got, dor_buffer_data(rest), had);
    dor_buffer_unref(rest);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (had < 5) cr_assert_eq(recv(fd, got + had, 5 - had, MSG_WAITALL), (ssize_t)(5 - had));
    cr_assert_eq(memcmp(got, "plain", 5), 0);
    cr_assert_eq(send(fd, "clear", 5, MSG_NOSIGNAL), 5);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "python: %d", status);
    close(fd);
}

Test(downgrade, with_openssl)
{
    world w;
    begin(&w, 1);
    OK(dor_options_unset(w.server, "ip"));
    OK(dor_options_set_bool(w.server, "exit_on_close", 0));
    for (int i = 0; i < 4; i++)
        downgrade_with(&w, i & 1 ? "tlsv1.2" : "tlsv1.3", i & 2);
    end(&w);
}
