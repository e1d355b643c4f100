/* peer_mbedtls.c - mbedTLS 2.28, which has TLS 1.2, in the interoperation matrix (peer.h). */
#include "peer.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/dhm.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>

enum { FIRST_FIELD = 0x0100 }; /* ffdhe2048, RFC 7919; below it stand curves */

typedef struct state {
    const peer_task *task;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_session saved;
    mbedtls_ssl_cache_context cache;
    mbedtls_ssl_ticket_context ticket;
    mbedtls_x509_crt cert, ca;
    mbedtls_pk_context key;
    mbedtls_net_context net;
    int suites[2], hashes[PEER_IDS_MAX + 1];
    mbedtls_ecp_group_id curves[PEER_IDS_MAX + 1];
    const char *protocols[2];
    bool have_saved, resumed;
} state;

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_bits;

static bool good(const char *what, int code)
{
    char text[200];
    if (code >= 0) return true;
    mbedtls_strerror(code, text, sizeof text);
    peer_fail("%s: %s", what, text);
    return false;
}

static void version(char *text, size_t cap)
{
    char name[16];
    mbedtls_version_get_string(name);
    snprintf(text, cap, "%s", name);
}

/* A scheme of TLS 1.2 is a hash and RSA or ECDSA; which of these, the key says. */
static int hash_of(uint16_t scheme)
{
    static const int hashes[] = {MBEDTLS_MD_NONE,   MBEDTLS_MD_MD5,    MBEDTLS_MD_SHA1,  MBEDTLS_MD_SHA224,
                                 MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512};
    unsigned kind = scheme & 0xff;
    return (scheme >> 8) <= 6 && (kind == 1 || kind == 3) ? hashes[scheme >> 8] : MBEDTLS_MD_NONE;
}

static void choose(state *s)
{
    uint16_t ids[PEER_IDS_MAX];
    unsigned used = 0, count = peer_ids(s->task, "scheme_ids", ids);
    if (!peer_is(s->task, "version", "1.2")) peer_cannot("TLS %s", peer_get(s->task, "version"));
    for (unsigned i = 0; i < count; i++)
        if ((s->hashes[i] = hash_of(ids[i])) == MBEDTLS_MD_NONE)
            peer_cannot("schemes %s", peer_get(s->task, "schemes"));
    s->hashes[count] = MBEDTLS_MD_NONE;
    if (count) mbedtls_ssl_conf_sig_hashes(&s->config, s->hashes);
    count = peer_ids(s->task, "group_ids", ids);
    for (unsigned i = 0; i < count; i++) {
        if (ids[i] >= FIRST_FIELD)
            continue; /* a client of it takes any, a server has the one that it is given */
        const mbedtls_ecp_curve_info *curve = mbedtls_ecp_curve_info_from_tls_id(ids[i]);
        if (curve)
            s->curves[used++] = curve->grp_id;
        else
            peer_cannot("groups %s", peer_get(s->task, "groups"));
    }
    s->curves[used] = MBEDTLS_ECP_DP_NONE;
    if (used) mbedtls_ssl_conf_curves(&s->config, s->curves);
    s->suites[0] = atoi(peer_get(s->task, "suite_id"));
    if (!mbedtls_ssl_ciphersuite_from_id(s->suites[0])) peer_cannot("suite %s", peer_get(s->task, "suite"));
    mbedtls_ssl_conf_ciphersuites(&s->config, s->suites);
}

static bool set_field(state *s)
{
    mbedtls_dhm_context field;
    if (!*peer_get(s->task, "field")) return true;
    mbedtls_dhm_init(&field);
    bool ok = good("field", mbedtls_dhm_parse_dhmfile(&field, peer_file(s->task, "field", ".params"))) &&
              good("field", mbedtls_ssl_conf_dh_param_ctx(&s->config, &field));
    mbedtls_dhm_free(&field);
    return ok;
}

static bool set_identity(state *s)
{
    const peer_task *t = s->task;
    if (*peer_get(t, "cert") &&
        (!good("certificate", mbedtls_x509_crt_parse_file(&s->cert, peer_file(t, "cert", ".pem"))) ||
         !good("key", mbedtls_pk_parse_keyfile(&s->key, peer_file(t, "cert", ".key"), NULL)) ||
         !good("own certificate", mbedtls_ssl_conf_own_cert(&s->config, &s->cert, &s->key))))
        return false;
    mbedtls_ssl_conf_authmode(&s->config,
                              *peer_get(t, "ca") ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
    if (!*peer_get(t, "ca")) return true;
    if (!good("authorities", mbedtls_x509_crt_parse_file(&s->ca, peer_file(t, "ca", ".pem")))) return false;
    mbedtls_ssl_conf_ca_chain(&s->config, &s->ca, NULL);
    return true;
}

static void set_sessions(state *s)
{
    const peer_task *t = s->task;
    bool tickets = peer_is(t, "resume", "ticket");
    mbedtls_ssl_cache_init(&s->cache);
    mbedtls_ssl_ticket_init(&s->ticket);
    if (!t->server) {
        mbedtls_ssl_conf_session_tickets(&s->config, tickets ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                                             : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    } else if (tickets) {
        (void)good("tickets", mbedtls_ssl_ticket_setup(&s->ticket, mbedtls_ctr_drbg_random, &random_bits,
                                                       MBEDTLS_CIPHER_AES_256_GCM, 3600));
        mbedtls_ssl_conf_session_tickets_cb(&s->config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                            &s->ticket);
    } else if (peer_is(t, "resume", "stateful")) {
        mbedtls_ssl_conf_session_cache(&s->config, &s->cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
    }
}

static void release(void *state_)
{
    state *s = state_;
    mbedtls_ssl_session_free(&s->saved);
    mbedtls_ssl_cache_free(&s->cache);
    mbedtls_ssl_ticket_free(&s->ticket);
    mbedtls_ssl_config_free(&s->config);
    mbedtls_x509_crt_free(&s->cert);
    mbedtls_x509_crt_free(&s->ca);
    mbedtls_pk_free(&s->key);
    free(s);
}

static void *configure(const peer_task *t)
{
    state *s = calloc(1, sizeof *s);
    s->task = t;
    mbedtls_ssl_config_init(&s->config);
    mbedtls_ssl_session_init(&s->saved);
    mbedtls_x509_crt_init(&s->cert);
    mbedtls_x509_crt_init(&s->ca);
    mbedtls_pk_init(&s->key);
    mbedtls_ssl_config_defaults(&s->config, t->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&s->config, mbedtls_ctr_drbg_random, &random_bits);
    mbedtls_ssl_conf_min_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    set_sessions(s);
    choose(s);
    if (peer_is(t, "extra", "encrypt_then_mac_off"))
        mbedtls_ssl_conf_encrypt_then_mac(&s->config, MBEDTLS_SSL_ETM_DISABLED);
    if (peer_is(t, "extra", "max_fragment_length") && !t->server)
        mbedtls_ssl_conf_max_frag_len(&s->config, MBEDTLS_SSL_MAX_FRAG_LEN_1024);
    s->protocols[0] = "matrix";
    if (peer_is(t, "extra", "alpn")) mbedtls_ssl_conf_alpn_protocols(&s->config, s->protocols);
    if (!set_field(s) || !set_identity(s)) {
        release(s);
        return NULL;
    }
    return s;
}

/* It does not tell whether a session was resumed: then it has not seen a certificate, or key exchange, in this handshake. */
static bool handshake(void *state_, int fd, unsigned turn)
{
    state *s = state_;
    bool keys = false;
    (void)turn;
    s->net.fd = fd;
    mbedtls_ssl_init(&s->ssl);
    if (!good("setup", mbedtls_ssl_setup(&s->ssl, &s->config))) return false;
    mbedtls_ssl_set_bio(&s->ssl, &s->net, mbedtls_net_send, mbedtls_net_recv, NULL);
    if (!s->task->server) {
        mbedtls_ssl_set_hostname(&s->ssl, peer_get(s->task, "host"));
        if (s->have_saved && !good("session", mbedtls_ssl_set_session(&s->ssl, &s->saved))) return false;
    }
    while (s->ssl.state != MBEDTLS_SSL_HANDSHAKE_OVER) {
        if (s->ssl.state == MBEDTLS_SSL_CLIENT_KEY_EXCHANGE) keys = true;
        if (!good("handshake", mbedtls_ssl_handshake_step(&s->ssl))) return false;
    }
    s->resumed = !keys;
    return true;
}

static bool send_all(void *state_, const void *data, size_t len)
{
    state *s = state_;
    for (size_t sent = 0; sent < len;) {
        int n = mbedtls_ssl_write(&s->ssl, (const unsigned char *)data + sent, len - sent);
        if (n <= 0) return good("write", n);
        sent += (size_t)n;
    }
    return true;
}

static bool recv_all(void *state_, void *data, size_t len)
{
    state *s = state_;
    for (size_t have = 0; have < len;) {
        int n = mbedtls_ssl_read(&s->ssl, (unsigned char *)data + have, len - have);
        if (n == 0) peer_fail("the peer has closed");
        if (n <= 0) return n != 0 && good("read", n);
        have += (size_t)n;
    }
    return true;
}

static void report(void *state_)
{
    state *s = state_;
    const char *alpn = mbedtls_ssl_get_alpn_protocol(&s->ssl);
    peer_tell("version=%s", mbedtls_ssl_get_version(&s->ssl) + strlen("TLSv"));
    peer_tell("suite_id=%d", mbedtls_ssl_get_ciphersuite_id(mbedtls_ssl_get_ciphersuite(&s->ssl)));
    peer_tell("resumed=%d", s->resumed);
    if (!s->resumed) peer_tell("peer_cert=%d", mbedtls_ssl_get_peer_cert(&s->ssl) != NULL);
    if (alpn) peer_tell("alpn=%s", alpn);
    if (!s->task->server && !peer_is(s->task, "resume", "full")) {
        mbedtls_ssl_session_free(&s->saved);
        s->have_saved = good("session", mbedtls_ssl_get_session(&s->ssl, &s->saved));
    }
}

static void end(void *state_)
{
    state *s = state_;
    (void)mbedtls_ssl_close_notify(&s->ssl);
    mbedtls_ssl_free(&s->ssl);
}

int main(void)
{
    static const peer_ops ops = {.version = version,
                                 .configure = configure,
                                 .handshake = handshake,
                                 .send = send_all,
                                 .recv = recv_all,
                                 .report = report,
                                 .close = end,
                                 .release = release};
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_bits);
    if (mbedtls_ctr_drbg_seed(&random_bits, mbedtls_entropy_func, &entropy, NULL, 0) != 0) return 2;
    return peer_main(&ops);
}
