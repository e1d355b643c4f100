/* peer_gnutls.c - GnuTLS in the interoperation matrix (peer.h). */
#include "peer.h"

#include <ctype.h>
#include <gnutls/gnutls.h>

enum { STORED_MAX = 8, STORED_LEN = 8192, ID_LEN = 32, TURNS_MAX = 20 };

/* A server's sessions, for those that are named by an id. */
typedef struct stored {
    unsigned char id[ID_LEN], data[STORED_LEN];
    unsigned id_len, data_len;
} stored;

typedef struct state {
    const peer_task *task;
    gnutls_priority_t priority;
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    gnutls_datum_t ticket_key, saved;
    stored store[STORED_MAX];
    unsigned store_next;
} state;

/* TLS 1.2's names, and those of 1.3 where they differ. */
static const peer_name signatures[] = {
    {0x0401, "RSA-SHA256"},          {0x0501, "RSA-SHA384"},          {0x0601, "RSA-SHA512"},
    {0x0403, "ECDSA-SHA256"},        {0x0503, "ECDSA-SHA384"},        {0x0603, "ECDSA-SHA512"},
    {0x0804, "RSA-PSS-RSAE-SHA256"}, {0x0805, "RSA-PSS-RSAE-SHA384"}, {0x0806, "RSA-PSS-RSAE-SHA512"},
    {0x0807, "EdDSA-Ed25519"},       {0x0808, "EdDSA-Ed448"},         {0x0809, "RSA-PSS-SHA256"},
    {0x080a, "RSA-PSS-SHA384"},      {0x080b, "RSA-PSS-SHA512"},      {0, NULL}};
static const peer_name signatures_13[] = {{0x0403, "ECDSA-SECP256R1-SHA256"},
                                          {0x0503, "ECDSA-SECP384R1-SHA384"},
                                          {0x0603, "ECDSA-SECP521R1-SHA512"},
                                          {0, NULL}};

static bool good(const char *what, int code)
{
    if (code >= 0) return true;
    peer_fail("%s: %s", what, gnutls_strerror(code));
    return false;
}

static void version(char *text, size_t cap)
{
    snprintf(text, cap, "%s", gnutls_check_version(NULL));
}

/* ---- the priority string --------------------------------------------------------------------------------------- */

static void add(char *text, const char *kind, const char *name)
{
    size_t len = strlen(text);
    snprintf(text + len, 1500 - len, ":+%s", kind);
    for (len = strlen(text); *name && len < 1499; name++)
        text[len++] = *name == '_' ? '-' : *name;
    text[len] = 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: key exchange, cipher, MAC. */
static void add_suite(char *text, const char *suite)
{
    static const char *const macs[][2] = {{"_SHA256", "SHA256"}, {"_SHA384", "SHA384"}, {"_SHA", "SHA1"}};
    char name[96], cipher[96];
    const char *mac = "AEAD";
    snprintf(name, sizeof name, "%s", suite + strlen("TLS_"));
    char *with = strstr(name, "_WITH_");
    snprintf(cipher, sizeof cipher, "%s", with ? with + strlen("_WITH_") : name);
    if (with) *with = 0;
    for (int i = 0; i < 3; i++)
        if (ends_with(cipher, macs[i][0])) {
            cipher[strlen(cipher) - strlen(macs[i][0])] = 0;
            if (ends_with(cipher, "CBC")) mac = macs[i][1];
            break;
        }
    add(text, "", with ? name : "ECDHE_ECDSA");
    if (!with) add(text, "", "ECDHE_RSA");
    add(text, "", cipher);
    add(text, "", mac);
}

static void add_groups(char *text, const char *groups)
{
    char name[64];
    while (*groups) {
        size_t len = strcspn(groups, ",");
        snprintf(name, sizeof name, "%.*s", (int)len, groups);
        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        add(text, "GROUP-", name);
        groups += len + (groups[len] == ',');
    }
}

static void choose(state *s)
{
    const peer_task *t = s->task;
    char text[1500] = "NONE:+COMP-NULL:+CTYPE-ALL";
    const char *at = text;
    uint16_t ids[PEER_IDS_MAX];
    unsigned count = peer_ids(t, "scheme_ids", ids);
    bool tls13 = peer_is(t, "version", "1.3");
    add(text, "VERS-TLS", peer_get(t, "version"));
    add_suite(text, peer_get(t, "suite"));
    add_groups(text, peer_get(t, "groups"));
    for (unsigned i = 0; i < count; i++) {
        const char *name = tls13 ? peer_name_of(signatures_13, ids[i]) : "?";
        add(text, "SIGN-", *name == '?' ? peer_name_of(signatures, ids[i]) : name);
    }
    if (!count) add(text, "", "SIGN-ALL");
    if (peer_is(t, "extra", "encrypt_then_mac_off")) strcat(text, ":%NO_ETM");
    if (gnutls_priority_init(&s->priority, text, &at) != 0) peer_cannot("priority %.60s", at);
}

/* ---- sessions by id --------------------------------------------------------------------------------------------- */

static int put(void *state_, gnutls_datum_t id, gnutls_datum_t data)
{
    state *s = state_;
    stored *to = &s->store[s->store_next++ % STORED_MAX];
    if (id.size > ID_LEN || data.size > STORED_LEN) return -1;
    memcpy(to->id, id.data, to->id_len = id.size);
    memcpy(to->data, data.data, to->data_len = data.size);
    return 0;
}

static gnutls_datum_t get(void *state_, gnutls_datum_t id)
{
    state *s = state_;
    gnutls_datum_t found = {NULL, 0};
    for (int i = 0; i < STORED_MAX; i++)
        if (s->store[i].id_len == id.size && memcmp(s->store[i].id, id.data, id.size) == 0) {
            found.data = gnutls_malloc(found.size = s->store[i].data_len);
            memcpy(found.data, s->store[i].data, found.size);
            break;
        }
    return found;
}

static int drop(void *state_, gnutls_datum_t id)
{
    (void)state_, (void)id;
    return 0;
}

/* ---- a connection ----------------------------------------------------------------------------------------------- */

static void release(void *state_)
{
    state *s = state_;
    gnutls_free(s->ticket_key.data);
    gnutls_free(s->saved.data);
    gnutls_certificate_free_credentials(s->credentials);
    if (s->priority) gnutls_priority_deinit(s->priority);
    free(s);
}

static bool set_identity(state *s)
{
    const peer_task *t = s->task;
    char cert[512];
    snprintf(cert, sizeof cert, "%s", peer_file(t, "cert", ".pem"));
    if (*peer_get(t, "cert") &&
        !good("certificate", gnutls_certificate_set_x509_key_file(
                                 s->credentials, cert, peer_file(t, "cert", ".key"), GNUTLS_X509_FMT_PEM)))
        return false;
    return !*peer_get(t, "ca") ||
           good("authorities", gnutls_certificate_set_x509_trust_file(
                                   s->credentials, peer_file(t, "ca", ".pem"), GNUTLS_X509_FMT_PEM));
}

static void *configure(const peer_task *t)
{
    state *s = calloc(1, sizeof *s);
    s->task = t;
    choose(s);
    gnutls_certificate_allocate_credentials(&s->credentials);
    gnutls_certificate_set_known_dh_params(s->credentials, GNUTLS_SEC_PARAM_MEDIUM);
    gnutls_session_ticket_key_generate(&s->ticket_key);
    if (t->server && peer_is(t, "version", "1.3") && peer_is(t, "resume", "stateful"))
        peer_cannot("tickets of TLS 1.3 that name a session of the server");
    if (!set_identity(s)) {
        release(s);
        return NULL;
    }
    return s;
}

static void set_sessions(state *s)
{
    const peer_task *t = s->task;
    if (t->server && peer_is(t, "resume", "ticket"))
        gnutls_session_ticket_enable_server(s->session, &s->ticket_key);
    if (t->server && peer_is(t, "resume", "stateful")) {
        gnutls_db_set_ptr(s->session, s);
        gnutls_db_set_store_function(s->session, put);
        gnutls_db_set_retrieve_function(s->session, get);
        gnutls_db_set_remove_function(s->session, drop);
    }
    if (s->saved.size) gnutls_session_set_data(s->session, s->saved.data, s->saved.size);
}

static bool handshake(void *state_, int fd, unsigned turn)
{
    state *s = state_;
    const peer_task *t = s->task;
    static const gnutls_datum_t protocol = {(unsigned char *)"matrix", 6};
    unsigned flags = t->server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP;
    if (!t->server && peer_is(t, "version", "1.2") && !peer_is(t, "resume", "ticket"))
        flags |= GNUTLS_NO_TICKETS;
    const char *host = t->server ? NULL : peer_get(t, "host");
    int code;
    (void)turn;
    gnutls_init(&s->session, flags);
    gnutls_priority_set(s->session, s->priority);
    gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, s->credentials);
    if (host) gnutls_server_name_set(s->session, GNUTLS_NAME_DNS, host, strlen(host));
    if (*peer_get(t, "ca")) {
        gnutls_session_set_verify_cert(s->session, host, 0);
        if (t->server) gnutls_certificate_server_set_request(s->session, GNUTLS_CERT_REQUIRE);
    }
    if (peer_is(t, "extra", "alpn"))
        gnutls_alpn_set_protocols(s->session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
    if (peer_is(t, "extra", "max_fragment_length") && !t->server)
        gnutls_record_set_max_size(s->session, 1024);
    set_sessions(s);
    gnutls_transport_set_int(s->session, fd);
    do {
        code = gnutls_handshake(s->session);
    } while (code < 0 && code != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(code));
    return good("handshake", code);
}

static bool send_all(void *state_, const void *data, size_t len)
{
    state *s = state_;
    for (size_t sent = 0; sent < len;) {
        ssize_t n = gnutls_record_send(s->session, (const char *)data + sent, len - sent);
        if (n <= 0) return good("send", (int)n);
        sent += (size_t)n;
    }
    return true;
}

static bool recv_all(void *state_, void *data, size_t len)
{
    state *s = state_;
    int turns = 0;
    for (size_t have = 0; have < len;) {
        ssize_t n = gnutls_record_recv(s->session, (char *)data + have, len - have);
        if (n == GNUTLS_E_AGAIN && turns++ < TURNS_MAX) continue; /* it has read a ticket, or new keys */
        if (n == 0) peer_fail("the peer has closed");
        if (n <= 0) return n != 0 && good("recv", (int)n);
        have += (size_t)n;
    }
    return true;
}

static bool key_update(void *state_)
{
    state *s = state_;
    return good("key update", gnutls_session_key_update(s->session, GNUTLS_KU_PEER));
}

static unsigned id_of(const peer_name *names, const char *name)
{
    while (names->name && strcmp(names->name, name) != 0)
        names++;
    return names->id;
}

static void report(void *state_)
{
    state *s = state_;
    unsigned count = 0;
    gnutls_datum_t alpn;
    gnutls_group_t group = gnutls_group_get(s->session);
    int signature = s->task->server ? gnutls_sign_algorithm_get_client(s->session)
                                    : gnutls_sign_algorithm_get(s->session);
    const char *suite = gnutls_ciphersuite_get(s->session),
               *name = signature ? gnutls_sign_get_name(signature) : NULL;
    (void)suite;
    peer_tell("version=%s", gnutls_protocol_get_version(s->session) == GNUTLS_TLS1_3 ? "1.3" : "1.2");
    peer_tell("cipher=%s", gnutls_cipher_get_name(gnutls_cipher_get(s->session)));
    peer_tell("resumed=%d", gnutls_session_is_resumed(s->session) != 0);
    if (group != GNUTLS_GROUP_INVALID) peer_tell("group=%s", gnutls_group_get_name(group));
    if (name && !gnutls_session_is_resumed(s->session)) {
        unsigned id = id_of(signatures, name);
        peer_tell("peer_scheme_id=%u", id ? id : id_of(signatures_13, name));
    }
    peer_tell("peer_cert=%d", gnutls_certificate_get_peers(s->session, &count) != NULL);
    if (gnutls_alpn_get_selected_protocol(s->session, &alpn) == 0)
        peer_tell("alpn=%.*s", (int)alpn.size, (const char *)alpn.data);
    if (!s->task->server && !peer_is(s->task, "resume", "full")) {
        gnutls_free(s->saved.data);
        s->saved.data = NULL;
        (void)good("session", gnutls_session_get_data2(s->session, &s->saved));
    }
}

static void end(void *state_)
{
    state *s = state_;
    (void)gnutls_bye(s->session, s->task->server ? GNUTLS_SHUT_WR : GNUTLS_SHUT_RDWR);
    gnutls_deinit(s->session);
    s->session = NULL;
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
