/* Our client's memory with OpenSSL as the server, by way of Python: it resumes by itself, in both versions. */
#include "net/net_support.h"
#include "support/pki.h"

#include <sys/wait.h>

enum { VISITS = 6 };

/* argv: certificate, key, how many connections. Writes its port, then for each connection whether it was resumed. */
static const char script[] = "import socket, ssl, sys\n"
                             "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
                             "c.load_cert_chain(sys.argv[1], sys.argv[2])\n"
                             "l = socket.create_server(('127.0.0.1', 0))\n"
                             "print(l.getsockname()[1], flush=True)\n"
                             "for i in range(int(sys.argv[3])):\n"
                             "    s, _ = l.accept()\n"
                             "    t = c.wrap_socket(s, server_side=True)\n"
                             "    t.sendall(b'hello')\n"
                             "    print('yes' if t.session_reused else 'no', flush=True)\n"
                             "    t.recv(1)\n"
                             "    t.unwrap().close()\n"; /* else OpenSSL takes the session for a bad one */

static pid_t run_server(FILE **out)
{
    int fds[2];
    char cert[512], key[512], visits[8];
    snprintf(cert, sizeof cert, "%s/tls-p256.pem", pki_dir());
    snprintf(key, sizeof key, "%s/c.key", pki_dir());
    snprintf(visits, sizeof visits, "%d", VISITS);
    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execlp("python3", "python3", "-c", script, cert, key, visits, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    *out = fdopen(fds[0], "r");
    return pid;
}

static void visits_of(const char *version)
{
    world w;
    FILE *out;
    char line[16] = "", trust[512];
    int status;
    begin(&w, 2);
    pid_t pid = run_server(&out);
    cr_assert_not_null(fgets(line, sizeof line, out), "is there no python3?");
    uint16_t port = (uint16_t)atoi(line);
    snprintf(trust, sizeof trust, "%s/root.pem", pki_dir());
    OK(dor_options_set_list(w.client, "versions", version, NULL));
    OK(dor_options_set_text(w.client, "verify", "verify_peer"));
    OK(dor_options_set_text(w.client, "cacertfile", trust));
    OK(dor_options_set_text(w.client, "server_name_indication", "host.example"));
    OK(dor_options_set_text(w.client, "session_tickets", "auto"));
    for (int i = 0; i < VISITS; i++) {
        dor_socket socket;
        OK(dor_ssl_connect(w.runtime, "127.0.0.1", port, w.client, PATIENCE_MS, &socket));
        expect_recv(socket, 5, "hello"); /* behind it the tickets have come */
        OK(dor_ssl_close(socket));
        cr_assert_not_null(fgets(line, sizeof line, out));
        cr_expect_str_eq(line, i ? "yes\n" : "no\n", "%s: visit %d", version, i);
    }
    fclose(out);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "python: %d", status);
    end(&w);
}

Test(client_sessions, tls13_with_openssl)
{
    visits_of("tlsv1.3");
}

Test(client_sessions, tls12_with_openssl)
{
    visits_of("tlsv1.2");
}
