/* peer_nss.c - NSS in the interoperation matrix (peer.h). Its data base of keys and trust is a folder that goes with the program. */
#include "peer.h"

#include <cert.h>
#include <certdb.h>
#include <keyhi.h>
#include <nspr.h>
#include <nss.h>
#include <pk11pub.h>
#include <private/pprio.h>
#include <secerr.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>
#include <unistd.h>

enum { PATIENCE_S = 10, FILE_MAX = 16384 };

typedef struct state {
    const peer_task *task;
    CERTCertificate *cert;
    SECKEYPrivateKey *key;
    PRFileDesc *fd;
} state;

static char folder[] = "/tmp/dormouse-nss-XXXXXX";

static bool good(const char *what, SECStatus status)
{
    if (status == SECSuccess) return true;
    const char *name = PR_ErrorToName(PR_GetError());
    peer_fail("%s: %s", what, name ? name : "?");
    return false;
}

static void version(char *text, size_t cap)
{
    snprintf(text, cap, "%s", NSS_GetVersion());
}

/* ---- certificates and keys -------------------------------------------------------------------------------------- */

static bool read_file(const char *path, SECItem *item)
{
    static unsigned char bytes[FILE_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) {
        peer_fail("no file %s", path);
        return false;
    }
    *item = (SECItem){siBuffer, bytes, (unsigned)fread(bytes, 1, sizeof bytes, f)};
    fclose(f);
    return true;
}

static CERTCertificate *read_cert(const char *path)
{
    SECItem der;
    if (!read_file(path, &der)) return NULL;
    CERTCertificate *cert = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &der, NULL, PR_FALSE, PR_TRUE);
    if (!cert) (void)good("certificate", SECFailure);
    return cert;
}

/* There is one authority in a run. */
static bool trust_authority(const char *path)
{
    static bool trusted;
    CERTCertTrust trust = {CERTDB_TRUSTED_CA | CERTDB_TRUSTED_CLIENT_CA | CERTDB_VALID_CA, 0, 0};
    CERTCertificate *ca = trusted ? NULL : read_cert(path);
    if (!ca) return trusted;
    PK11SlotInfo *slot = PK11_GetInternalKeySlot();
    trusted = good("authority", PK11_ImportCert(slot, ca, CK_INVALID_HANDLE, "ca", PR_FALSE)) &&
              good("trust", CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), ca, &trust));
    PK11_FreeSlot(slot);
    CERT_DestroyCertificate(ca);
    return trusted;
}

static bool set_identity(state *s)
{
    SECItem der, none = {siBuffer, NULL, 0};
    if (!*peer_get(s->task, "cert")) return true;
    s->cert = read_cert(peer_file(s->task, "cert", ".der"));
    if (!s->cert || !read_file(peer_file(s->task, "cert", ".p8"), &der)) return false;
    PK11SlotInfo *slot = PK11_GetInternalKeySlot();
    SECKEYPublicKey *public = CERT_ExtractPublicKey(s->cert);
    SECItem *value = &none;
    if (public && public->keyType == ecKey) value = &public->u.ec.publicValue;
    if (public && (public->keyType == rsaKey || public->keyType == rsaPssKey)) value = &public->u.rsa.modulus;
    SECStatus done = PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &der, NULL, value, PR_FALSE, PR_TRUE,
                                                              KU_ALL, &s->key, NULL);
    if (done != SECSuccess) peer_cannot("keys as of %s", strrchr(peer_get(s->task, "cert"), '/') + 1);
    SECKEY_DestroyPublicKey(public);
    PK11_FreeSlot(slot);
    return true;
}

static SECStatus choose_identity(void *arg, PRFileDesc *fd, CERTDistNames *names, CERTCertificate **cert,
                                 SECKEYPrivateKey **key)
{
    state *s = arg;
    (void)fd, (void)names;
    if (!s->cert) return SECFailure;
    *cert = CERT_DupCertificate(s->cert);
    *key = SECKEY_CopyPrivateKey(s->key);
    return SECSuccess;
}

/* ---- what is to be negotiated ----------------------------------------------------------------------------------- */

static void set_suite(PRFileDesc *fd, unsigned wanted)
{
    const PRUint16 *all = SSL_GetImplementedCiphers();
    bool found = false;
    for (unsigned i = 0; i < SSL_GetNumImplementedCiphers(); i++) {
        (void)SSL_CipherPrefSet(fd, all[i], all[i] == wanted);
        found |= all[i] == wanted;
    }
    if (!found) peer_cannot("suite %u", wanted);
}

static void choose(const peer_task *t, PRFileDesc *fd)
{
    uint16_t ids[PEER_IDS_MAX];
    SSLNamedGroup groups[PEER_IDS_MAX];
    SSLSignatureScheme schemes[PEER_IDS_MAX];
    PRUint16 wanted =
        peer_is(t, "version", "1.3") ? SSL_LIBRARY_VERSION_TLS_1_3 : SSL_LIBRARY_VERSION_TLS_1_2;
    SSLVersionRange range = {wanted, wanted};
    (void)SSL_VersionRangeSet(fd, &range);
    set_suite(fd, (unsigned)atoi(peer_get(t, "suite_id")));
    unsigned count = peer_ids(t, "group_ids", ids);
    for (unsigned i = 0; i < count; i++)
        groups[i] = (SSLNamedGroup)ids[i];
    if (count && SSL_NamedGroupConfig(fd, groups, count) != SECSuccess)
        peer_cannot("groups %s", peer_get(t, "groups"));
    count = peer_ids(t, "scheme_ids", ids);
    for (unsigned i = 0; i < count; i++)
        schemes[i] = (SSLSignatureScheme)ids[i];
    if (count && SSL_SignatureSchemePrefSet(fd, schemes, count) != SECSuccess)
        peer_cannot("schemes %s", peer_get(t, "schemes"));
}

static bool set_options(state *s, PRFileDesc *fd)
{
    const peer_task *t = s->task;
    static const unsigned char protocol[] = "\6matrix";
    bool asks = t->server && *peer_get(t, "ca");
    bool tickets = peer_is(t, "resume", "ticket") || (!t->server && peer_is(t, "version", "1.3"));
    (void)SSL_OptionSet(fd, SSL_SECURITY, PR_TRUE);
    (void)SSL_OptionSet(fd, SSL_HANDSHAKE_AS_SERVER, t->server);
    (void)SSL_OptionSet(fd, SSL_HANDSHAKE_AS_CLIENT, !t->server);
    (void)SSL_OptionSet(fd, SSL_NO_CACHE, peer_is(t, "resume", "full"));
    (void)SSL_OptionSet(fd, SSL_ENABLE_SESSION_TICKETS, tickets);
    (void)SSL_OptionSet(fd, SSL_ENABLE_EXTENDED_MASTER_SECRET, PR_TRUE);
    (void)SSL_OptionSet(fd, SSL_ENABLE_SERVER_DHE, PR_TRUE);
    (void)SSL_OptionSet(fd, SSL_REQUIRE_DH_NAMED_GROUPS, PR_FALSE);
    (void)SSL_OptionSet(fd, SSL_REQUEST_CERTIFICATE, asks);
    (void)SSL_OptionSet(fd, SSL_REQUIRE_CERTIFICATE, asks ? SSL_REQUIRE_ALWAYS : SSL_REQUIRE_NEVER);
    (void)SSL_AuthCertificateHook(fd, SSL_AuthCertificate, CERT_GetDefaultCertDB());
    if (peer_is(t, "extra", "alpn")) {
        (void)SSL_OptionSet(fd, SSL_ENABLE_ALPN, PR_TRUE);
        (void)SSL_SetNextProtoNego(fd, protocol, 7);
    }
    choose(t, fd);
    if (t->server) return good("server certificate", SSL_ConfigServerCert(fd, s->cert, s->key, NULL, 0));
    (void)SSL_GetClientAuthDataHook(fd, choose_identity, s);
    return good("name", SSL_SetURL(fd, peer_get(t, "host")));
}

/* ---- a connection ----------------------------------------------------------------------------------------------- */

static void release(void *state_)
{
    state *s = state_;
    if (s->cert) CERT_DestroyCertificate(s->cert);
    if (s->key) SECKEY_DestroyPrivateKey(s->key);
    if (!s->task->server) SSL_ClearSessionCache();
    free(s);
}

/* A socket that goes nowhere shows whether it can be done. */
static void *configure(const peer_task *t)
{
    state *s = calloc(1, sizeof *s);
    s->task = t;
    if (t->server && peer_is(t, "version", "1.3") && peer_is(t, "resume", "stateful"))
        peer_cannot("tickets of TLS 1.3 that name a session of the server");
    if (!set_identity(s) || (*peer_get(t, "ca") && !trust_authority(peer_file(t, "ca", ".der")))) {
        release(s);
        return NULL;
    }
    PRFileDesc *probe = SSL_ImportFD(NULL, PR_NewTCPSocket());
    choose(t, probe);
    PR_Close(probe);
    return s;
}

static bool handshake(void *state_, int fd, unsigned turn)
{
    state *s = state_;
    (void)turn;
    PRFileDesc *tcp = PR_ImportTCPSocket(dup(fd)); /* which it closes */
    s->fd = SSL_ImportFD(NULL, tcp);
    return set_options(s, s->fd) && good("handshake", SSL_ResetHandshake(s->fd, s->task->server)) &&
           good("handshake", SSL_ForceHandshakeWithTimeout(s->fd, PR_SecondsToInterval(PATIENCE_S)));
}

static bool send_all(void *state_, const void *data, size_t len)
{
    state *s = state_;
    for (size_t sent = 0; sent < len;) {
        PRInt32 n = PR_Send(s->fd, (const char *)data + sent, (PRInt32)(len - sent), 0,
                            PR_SecondsToInterval(PATIENCE_S));
        if (n <= 0) return good("send", SECFailure);
        sent += (size_t)n;
    }
    return true;
}

static bool recv_all(void *state_, void *data, size_t len)
{
    state *s = state_;
    for (size_t have = 0; have < len;) {
        PRInt32 n =
            PR_Recv(s->fd, (char *)data + have, (PRInt32)(len - have), 0, PR_SecondsToInterval(PATIENCE_S));
        if (n == 0) peer_fail("the peer has closed");
        if (n <= 0) return n != 0 && good("recv", SECFailure);
        have += (size_t)n;
    }
    return true;
}

static bool key_update(void *state_)
{
    state *s = state_;
    return good("key update", SSL_KeyUpdate(s->fd, PR_TRUE));
}

static void report(void *state_)
{
    state *s = state_;
    SSLChannelInfo info;
    SSLNextProtoState chosen;
    unsigned char alpn[64];
    unsigned alpn_len = 0;
    if (!good("channel info", SSL_GetChannelInfo(s->fd, &info, sizeof info))) return;
    CERTCertificate *peer = SSL_PeerCertificate(s->fd);
    peer_tell("version=%s", info.protocolVersion == SSL_LIBRARY_VERSION_TLS_1_3 ? "1.3" : "1.2");
    peer_tell("suite_id=%u resumed=%d", info.cipherSuite, info.resumed != 0);
    if (info.keaGroup != ssl_grp_none) peer_tell("group_id=%u", info.keaGroup);
    if (!s->task->server && !info.resumed && info.signatureScheme != ssl_sig_none)
        peer_tell("peer_scheme_id=%u", info.signatureScheme);
    peer_tell("peer_cert=%d", peer != NULL);
    if (peer) CERT_DestroyCertificate(peer);
    if (SSL_GetNextProto(s->fd, &chosen, alpn, &alpn_len, sizeof alpn) == SECSuccess && alpn_len)
        peer_tell("alpn=%.*s", (int)alpn_len, (const char *)alpn);
}

static void end(void *state_)
{
    state *s = state_;
    if (s->fd) PR_Close(s->fd); /* with close_notify */
    s->fd = NULL;
}

static bool begin(void)
{
    char name[64];
    if (!mkdtemp(folder)) return false;
    snprintf(name, sizeof name, "sql:%s", folder);
    if (NSS_InitReadWrite(name) != SECSuccess || NSS_SetDomesticPolicy() != SECSuccess) return false;
    PK11SlotInfo *slot = PK11_GetInternalKeySlot();
    SECStatus done = PK11_InitPin(slot, NULL, NULL);
    PK11_FreeSlot(slot);
    return done == SECSuccess && SSL_ConfigServerSessionIDCache(0, 0, 0, folder) == SECSuccess;
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
    static const char *const files[] = {"cert9.db", "key4.db", "pkcs11.txt"};
    int code = begin() ? peer_main(&ops) : 2;
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return code;
}
