/* peer_dormouse.c - Dormouse itself in the interoperation matrix (peer.h), by its public calls alone. */
#include "peer.h"

#include <dormouse.h>

enum { PATIENCE_MS = 10000 };

typedef struct state {
    const peer_task *task;
    dor_options *options;
    dor_socket listener, socket;
    dor_ssl_session *session;
} state;

static bool good(const char *what, int code)
{
    char text[256];
    if (code == DOR_OK) return true;
    peer_fail("%s: %s", what, dor_format_error(code, text, sizeof text));
    return false;
}

static void version(char *text, size_t cap)
{
    snprintf(text, cap, "%s", dor_version());
}

/* Option `name` from a word with commas in it, if the word is there. */
static bool set_list(state *s, const char *name, const char *word)
{
    char text[512], *rest = NULL;
    const char *names[PEER_IDS_MAX];
    size_t count = 0;
    snprintf(text, sizeof text, "%s", word);
    for (char *at = strtok_r(text, ",", &rest); at && count < PEER_IDS_MAX; at = strtok_r(NULL, ",", &rest))
        names[count++] = at;
    if (count && dor_options_set_array(s->options, name, names, count) != DOR_OK)
        peer_cannot("%s", dor_options_error(s->options));
    return true;
}

static bool set(state *s, const char *name, const char *value)
{
    if (*value && dor_options_set_text(s->options, name, value) != DOR_OK)
        peer_cannot("%s", dor_options_error(s->options));
    return true;
}

static void set_sessions(state *s)
{
    const peer_task *t = s->task;
    const char *resume = peer_get(t, "resume");
    if (strcmp(resume, "full") == 0)
        set(s, "reuse_sessions", "false");
    else if (t->server)
        set(s, "session_tickets",
            strcmp(resume, "stateful") == 0 ? "stateful_with_cert" : "stateless_with_cert");
    else if (strcmp(resume, "ticket") == 0 || peer_is(t, "version", "1.3"))
        set(s, "session_tickets", "manual");
}

static void release(void *state_)
{
    state *s = state_;
    if (s->listener) dor_ssl_close(s->listener);
    dor_ssl_session_unref(s->session);
    dor_options_free(s->options);
    free(s);
}

static void *configure(const peer_task *t)
{
    state *s = calloc(1, sizeof *s);
    s->task = t;
    s->options = dor_options_new();
    set_list(s, "versions", peer_is(t, "version", "1.3") ? "tlsv1.3" : "tlsv1.2");
    set_list(s, "ciphers", peer_get(t, "suite"));
    set_list(s, "supported_groups", peer_get(t, "groups"));
    set_list(s, "signature_algs", peer_get(t, "schemes"));
    if (*peer_get(t, "cert")) {
        set(s, "certfile", peer_file(t, "cert", ".pem"));
        set(s, "keyfile", peer_file(t, "cert", ".key"));
    }
    set(s, "verify", *peer_get(t, "ca") ? "verify_peer" : "verify_none");
    if (*peer_get(t, "ca")) set(s, "cacertfile", peer_file(t, "ca", ".pem"));
    set(s, "active", "false");
    set(s, "log_alert", "false");
    if (t->server && *peer_get(t, "ca")) set(s, "fail_if_no_peer_cert", "true");
    if (t->server && peer_is(t, "authorities", "no")) set(s, "certificate_authorities", "false");
    if (!t->server) set(s, "server_name_indication", peer_get(t, "host"));
    if (t->server) set(s, "ip", "127.0.0.1");
    set_sessions(s);
    set(s, "resume_without_ems", peer_get(t, "resume_without_ems"));
    if (peer_is(t, "extra", "alpn"))
        set_list(s, t->server ? "alpn_preferred_protocols" : "alpn_advertised_protocols", "matrix");
    return s;
}

static bool listen_somewhere(void *state_, unsigned *port)
{
    state *s = state_;
    dor_address address;
    int code = dor_ssl_listen(dor_runtime_default(), 0, s->options, &s->listener);
    if (code != DOR_OK) {
        peer_fail("listen: %s", dor_options_error(s->options));
        return false;
    }
    if (!good("sockname", dor_ssl_sockname(s->listener, &address))) return false;
    *port = address.port;
    return true;
}

static bool handshake(void *state_, int fd, unsigned turn)
{
    state *s = state_;
    (void)fd, (void)turn;
    if (s->task->server)
        return good("transport_accept", dor_ssl_transport_accept(s->listener, PATIENCE_MS, &s->socket)) &&
               good("accept", dor_ssl_accept(s->socket, NULL, PATIENCE_MS));
    if (s->session && !good("set_session", dor_options_set_session(s->options, s->session))) return false;
    uint16_t port = (uint16_t)atoi(peer_get(s->task, "port"));
    return good("connect", dor_ssl_connect(dor_runtime_default(), "127.0.0.1", port, s->options, PATIENCE_MS,
                                           &s->socket));
}

static bool send_all(void *state_, const void *data, size_t len)
{
    state *s = state_;
    return good("send", dor_ssl_send(s->socket, data, len));
}

static bool recv_all(void *state_, void *data, size_t len)
{
    state *s = state_;
    dor_buffer *buffer;
    if (!good("recv", dor_ssl_recv(s->socket, len, PATIENCE_MS, &buffer))) return false;
    memcpy(data, dor_buffer_data(buffer), len);
    dor_buffer_unref(buffer);
    return true;
}

static bool key_update(void *state_)
{
    state *s = state_;
    return good("update_keys", dor_ssl_update_keys(s->socket, 1));
}

static void report(void *state_)
{
    state *s = state_;
    dor_connection_info info;
    if (!good("connection_info", dor_ssl_connection_info(s->socket, &info))) return;
    peer_tell("version=%s suite=%s", info.protocol + strlen("tlsv"), info.cipher_suite);
    peer_tell("resumed=%d retry=%d", info.resumed, info.hello_retry);
    peer_tell("peer_cert=%d", info.has_peercert);
    if (*info.group) peer_tell("group=%s", info.group);
    if (*info.peer_signature) peer_tell("peer_scheme=%s", info.peer_signature);
    if (*info.alpn) peer_tell("alpn=%s", info.alpn);
    if (!s->task->server && !peer_is(s->task, "resume", "full")) {
        dor_ssl_session_unref(s->session);
        s->session = NULL;
        (void)good("get_session", dor_ssl_get_session(s->socket, &s->session));
    }
}

static void end(void *state_)
{
    state *s = state_;
    if (s->socket) dor_ssl_close(s->socket);
    s->socket = DOR_SOCKET_NONE;
}

int main(void)
{
    static const peer_ops ops = {.version = version,
                                 .configure = configure,
                                 .listen = listen_somewhere,
                                 .handshake = handshake,
                                 .send = send_all,
                                 .recv = recv_all,
                                 .key_update = key_update,
                                 .report = report,
                                 .close = end,
                                 .release = release};
    int code = peer_main(&ops);
    (void)dor_runtime_stop(dor_runtime_default(), 1000);
    return code;
}
