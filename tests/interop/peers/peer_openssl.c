/* peer_openssl.c - OpenSSL in the interoperation matrix (peer.h). */
#include "peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

typedef struct state {
    const peer_task *task;
    SSL_CTX *context;
    SSL *ssl;
    SSL_SESSION *session;
} state;

static const peer_name schemes[] = {{EVP_PKEY_RSA, "rsa_pkcs1"}, {EVP_PKEY_RSA_PSS, "rsa_pss"},
                                    {EVP_PKEY_EC, "ecdsa"},      {EVP_PKEY_ED25519, "ed25519"},
                                    {EVP_PKEY_ED448, "ed448"},   {0, NULL}};

static bool failed(const char *what)
{
    char text[200] = "";
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    peer_fail("%s: %s", what, text);
    return false;
}

static void version(char *text, size_t cap)
{
    snprintf(text, cap, "%s", OpenSSL_version(OPENSSL_VERSION_STRING));
}

/* Suites of TLS 1.2 are set by OpenSSL's own names. */
static bool set_suite(state *s, const char *name)
{
    if (SSL_CTX_set_cipher_list(s->context, "ALL:COMPLEMENTOFALL:@SECLEVEL=0") != 1) return false;
    if (peer_is(s->task, "version", "1.3")) return SSL_CTX_set_ciphersuites(s->context, name) == 1;
    STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(s->context);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
        if (strcmp(SSL_CIPHER_standard_name(c), name) == 0) {
            char list[120];
            snprintf(list, sizeof list, "%s:@SECLEVEL=0", SSL_CIPHER_get_name(c));
            return SSL_CTX_set_cipher_list(s->context, list) == 1;
        }
    }
    return false;
}

static const char *with_colons(const char *list)
{
    static char text[512];
    snprintf(text, sizeof text, "%s", list);
    for (char *c = text; *c; c++)
        if (*c == ',') *c = ':';
    return text;
}

/* In TLS 1.2 OpenSSL's server takes no group of the client's, but the one that it is given. */
static void set_field(state *s)
{
    BIO *file = BIO_new_file(peer_file(s->task, "field", ".params"), "r");
    EVP_PKEY *field = file ? PEM_read_bio_Parameters(file, NULL) : NULL;
    if (!field || SSL_CTX_set0_tmp_dh_pkey(s->context, field) != 1)
        peer_cannot("field %s", peer_get(s->task, "field"));
    BIO_free(file);
}

static bool choose(state *s)
{
    const peer_task *t = s->task;
    int wanted = peer_is(t, "version", "1.3") ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_min_proto_version(s->context, wanted);
    SSL_CTX_set_max_proto_version(s->context, wanted);
    if (!set_suite(s, peer_get(t, "suite"))) peer_cannot("suite %s", peer_get(t, "suite"));
    if (*peer_get(t, "groups") &&
        SSL_CTX_set1_groups_list(s->context, with_colons(peer_get(t, "groups"))) != 1)
        peer_cannot("groups %s", peer_get(t, "groups"));
    if (*peer_get(t, "field")) set_field(s);
    if (*peer_get(t, "schemes") &&
        SSL_CTX_set1_sigalgs_list(s->context, with_colons(peer_get(t, "schemes"))) != 1)
        peer_cannot("schemes %s", peer_get(t, "schemes"));
    return true;
}

static int take_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                     unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\6matrix";
    (void)ssl, (void)arg;
    return SSL_select_next_proto((unsigned char **)out, out_len, ours, 7, in, in_len) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    state *s = SSL_get_app_data(ssl);
    SSL_SESSION_free(s->session);
    s->session = session;
    return 1;
}

static void set_sessions(state *s)
{
    const peer_task *t = s->task;
    bool stateful = peer_is(t, "resume", "stateful");
    if (stateful && (t->server || peer_is(t, "version", "1.2")))
        SSL_CTX_set_options(s->context, SSL_OP_NO_TICKET);
    if (t->server) {
        SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_SERVER);
        SSL_CTX_set_session_id_context(s->context, (const unsigned char *)"matrix", 6);
    } else {
        SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(s->context, new_session);
    }
}

static bool set_identity(state *s)
{
    const peer_task *t = s->task;
    if (*peer_get(t, "cert") &&
        (SSL_CTX_use_certificate_chain_file(s->context, peer_file(t, "cert", ".pem")) != 1 ||
         SSL_CTX_use_PrivateKey_file(s->context, peer_file(t, "cert", ".key"), SSL_FILETYPE_PEM) != 1))
        return failed("certificate");
    if (*peer_get(t, "ca")) {
        if (SSL_CTX_load_verify_locations(s->context, peer_file(t, "ca", ".pem"), NULL) != 1)
            return failed("authorities");
        SSL_CTX_set_verify(s->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return true;
}

static void release(void *state_)
{
    state *s = state_;
    SSL_SESSION_free(s->session);
    SSL_CTX_free(s->context);
    free(s);
}

static void *configure(const peer_task *t)
{
    state *s = calloc(1, sizeof *s);
    s->task = t;
    s->context = SSL_CTX_new(t->server ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_options(s->context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    set_sessions(s);
    choose(s);
    if (peer_is(t, "extra", "encrypt_then_mac_off"))
        SSL_CTX_set_options(s->context, SSL_OP_NO_ENCRYPT_THEN_MAC);
    if (peer_is(t, "extra", "max_fragment_length") && !t->server)
        SSL_CTX_set_tlsext_max_fragment_length(s->context, TLSEXT_max_fragment_length_1024);
    if (peer_is(t, "extra", "alpn")) {
        SSL_CTX_set_alpn_select_cb(s->context, take_alpn, NULL);
        SSL_CTX_set_alpn_protos(s->context, (const unsigned char *)"\6matrix", 7);
    }
    if (!set_identity(s)) {
        release(s);
        return NULL;
    }
    return s;
}

static bool handshake(void *state_, int fd, unsigned turn)
{
    state *s = state_;
    (void)turn;
    s->ssl = SSL_new(s->context);
    SSL_set_app_data(s->ssl, s);
    SSL_set_fd(s->ssl, fd);
    if (s->task->server) return SSL_accept(s->ssl) == 1 || failed("accept");
    SSL_set_tlsext_host_name(s->ssl, peer_get(s->task, "host"));
    SSL_set1_host(s->ssl, peer_get(s->task, "host"));
    if (s->session) SSL_set_session(s->ssl, s->session);
    return SSL_connect(s->ssl) == 1 || failed("connect");
}

static bool send_all(void *state_, const void *data, size_t len)
{
    state *s = state_;
    return SSL_write(s->ssl, data, (int)len) == (int)len || failed("write");
}

static bool recv_all(void *state_, void *data, size_t len)
{
    state *s = state_;
    for (size_t have = 0; have < len;) {
        int n = SSL_read(s->ssl, (char *)data + have, (int)(len - have));
        if (n <= 0) return failed("read");
        have += (size_t)n;
    }
    return true;
}

static bool key_update(void *state_)
{
    state *s = state_;
    return SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 || failed("key update");
}

static void report(void *state_)
{
    state *s = state_;
    int type = 0;
    const unsigned char *alpn;
    unsigned alpn_len;
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    peer_tell("version=%s", SSL_version(s->ssl) == TLS1_3_VERSION ? "1.3" : "1.2");
    peer_tell("suite=%s", SSL_CIPHER_standard_name(SSL_get_current_cipher(s->ssl)));
    peer_tell("resumed=%d", SSL_session_reused(s->ssl));
    if (!SSL_session_reused(s->ssl) || SSL_version(s->ssl) == TLS1_3_VERSION) {
        const char *group = SSL_group_to_name(s->ssl, (int)SSL_get_negotiated_group(s->ssl));
        if (group) peer_tell("group=%s", group);
    }
    if (!SSL_session_reused(s->ssl) && SSL_get_peer_signature_type_nid(s->ssl, &type) == 1)
        peer_tell("peer_key=%s", peer_name_of(schemes, (unsigned)type));
    peer_tell("peer_cert=%d", cert != NULL);
    SSL_get0_alpn_selected(s->ssl, &alpn, &alpn_len);
    if (alpn_len) peer_tell("alpn=%.*s", (int)alpn_len, (const char *)alpn);
}

static void end(void *state_)
{
    state *s = state_;
    (void)SSL_shutdown(s->ssl);
    if (!s->task->server) (void)SSL_shutdown(s->ssl); /* waits for the peer's */
    SSL_free(s->ssl);
    s->ssl = NULL;
    ERR_clear_error();
}

int main(void)
{
    static const peer_ops ops = {.version = version,
                                 .configure = configure,
                                 .handshake = handshake,
                                 .send = send_all,
                                 .recv = recv_all,
                                 .key_update = key_update,
                                 .report = report,
                                 .close = end,
                                 .release = release};
    return peer_main(&ops);
}
