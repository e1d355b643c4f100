/* A store of sessions outside, and OpenSSL's client, which keeps its session in a file: openssl s_client -sess_out, -sess_in. */
#include "net/store_support.h"
#include "support/pki.h"

static void *greets(dor_socket socket, void *arg)
{
    (void)arg;
    (void)dor_ssl_send_async(socket, dor_buffer_new("!", 1), NULL);
    (void)dor_ssl_close(socket);
    return NULL;
}

/* Calls once; true when the session was resumed. */
static bool call(uint16_t port, const char *arguments)
{
    char command[1024], line[512];
    bool reused = false, new = false;
    snprintf(command, sizeof command,
             "timeout 20 openssl s_client -connect 127.0.0.1:%d -servername host.example -ign_eof %s "
             "</dev/null 2>&1",
             port, arguments);
    FILE *out = popen(command, "r");
    cr_assert_not_null(out);
    while (fgets(line, sizeof line, out)) {
        reused |= strncmp(line, "Reused, ", 8) == 0;
        new |= strncmp(line, "New, ", 5) == 0;
    }
    (void)pclose(out);
    cr_assert(reused || new, "no handshake: %s", command);
    return reused;
}

static uint16_t serve_in(dor_runtime *runtime, dor_options *options, dor_socket *listener)
{
    dor_address address;
    const dor_server_spec spec = {.open = greets};
    OK(dor_ssl_serve(runtime, 0, options, &spec, listener));
    OK(dor_ssl_sockname(*listener, &address));
    return address.port;
}

static void calls_of(const char *version)
{
    world w;
    store s;
    dor_socket other;
    char file[] = "/tmp/dormouse-session-XXXXXX", first[256], again[256];
    begin(&w, 1);
    store_init(&s);
    int fd = mkstemp(file);
    cr_assert_geq(fd, 0);
    close(fd);
    OK(dor_options_unset(w.server, "active"));
    OK(dor_options_set_text(w.server, "session_tickets", "stateful"));
    OK(dor_options_set_session_store(w.server, &store_ops, &s));
    uint16_t port = serve_in(w.runtime, w.server, &w.listener);
    dor_runtime *runtime = runtime_of(1);
    uint16_t other_port = serve_in(runtime, w.server, &other);

    snprintf(first, sizeof first, "-%s -sess_out %s", version, file);
    snprintf(again, sizeof again, "-%s -sess_in %s -sess_out %s", version, file, file);
    cr_assert_not(call(port, first));
    cr_assert(call(port, again), "%s", version);
    cr_assert(call(other_port, again), "%s, the other server", version);
    pthread_mutex_lock(&s.lock);
    s.how = STORE_REFUSES;
    pthread_mutex_unlock(&s.lock);
    cr_assert_not(call(port, again));
    OK(dor_runtime_stop(runtime, 5000));
    unlink(file);
    end(&w);
}

Test(session_store_interop, openssl_tls13, .timeout = 100)
{
    if (!pki_have_openssl()) cr_skip_test("there is no openssl");
    calls_of("tls1_3");
}

Test(session_store_interop, openssl_tls12, .timeout = 100)
{
    if (!pki_have_openssl()) cr_skip_test("there is no openssl");
    calls_of("tls1_2");
}
