/* load.c - see load.h. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16384 };

static int complain(const char *what)
{
    char text[160] = "";
    unsigned long e = ERR_get_error();
    if (e) ERR_error_string_n(e, text, sizeof text);
    fprintf(stderr, "load: %s %s%s%s\n", what, text, errno ? ", " : "", errno ? strerror(errno) : "");
    return -1;
}

void load_pin(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set); /* with one processor only, the scheduler decides */
}

static SSL_CTX *make_context(const load_spec *spec)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    int version = spec->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    int ok =
        c && SSL_CTX_set_min_proto_version(c, version) == 1 && SSL_CTX_set_max_proto_version(c, version) == 1;
    if (ok && spec->suite)
        ok = (spec->tls12 ? SSL_CTX_set_cipher_list(c, spec->suite)
                          : SSL_CTX_set_ciphersuites(c, spec->suite)) == 1;
    if (ok && spec->group) ok = SSL_CTX_set1_groups_list(c, spec->group) == 1;
    if (ok) {
        /* With a cache OpenSSL would mark a TLS 1.3 session as used up after its first resumption. */
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        return c;
    }
    complain("context");
    SSL_CTX_free(c);
    return NULL;
}

static int connect_tcp(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0) return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A connected SSL with its own descriptor, or NULL. */
static SSL *open_connection(SSL_CTX *context, int port, SSL_SESSION *session)
{
    int fd = connect_tcp(port);
    if (fd < 0) {
        complain("connect");
        return NULL;
    }
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (session) SSL_set_session(ssl, session);
    if (SSL_connect(ssl) != 1) {
        complain("handshake");
        SSL_free(ssl);
        close(fd);
        return NULL;
    }
    return ssl;
}

/* close_notify both ways: when this returns the server has taken everything in. */
static int close_connection(SSL *ssl)
{
    char rest[CHUNK];
    int fd = SSL_get_fd(ssl);
    int result = SSL_shutdown(ssl);
    shutdown(fd, SHUT_WR);
    while (result == 0 && SSL_read(ssl, rest, sizeof rest) > 0)
        ;
    ERR_clear_error();
    SSL_free(ssl);
    close(fd);
    return 0;
}

/* ---- handshakes -------------------------------------------------------------------------------------- */

typedef struct handshake_worker {
    pthread_t thread;
    SSL_CTX *context;
    SSL_SESSION *session;
    int port, count, failed;
} handshake_worker;

static void *run_handshakes(void *arg)
{
    handshake_worker *w = arg;
    for (int i = 0; i < w->count && !w->failed; i++) {
        SSL *ssl = open_connection(w->context, w->port, w->session);
        if (!ssl || (w->session && !SSL_session_reused(ssl))) w->failed = 1;
        if (ssl) close_connection(ssl);
    }
    return NULL;
}

/* A session to resume: TLS 1.3 tickets come with the first bytes after the handshake. */
static SSL_SESSION *first_session(SSL_CTX *context, int port)
{
    SSL *ssl = open_connection(context, port, NULL);
    if (!ssl) return NULL;
    char rest[CHUNK];
    SSL_shutdown(ssl);
    while (SSL_read(ssl, rest, sizeof rest) > 0)
        ;
    SSL_SESSION *session = SSL_get1_session(ssl);
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    close(fd);
    return session;
}

int load_handshakes(const load_spec *spec, int count, int threads)
{
    enum { MAX_THREADS = 64 };
    handshake_worker workers[MAX_THREADS] = {0};
    SSL_CTX *context = make_context(spec);
    SSL_SESSION *session = context && spec->resume ? first_session(context, spec->port) : NULL;
    int failed = !context || (spec->resume && !session);
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    int started = 0;
    for (; started < threads && !failed; started++) {
        handshake_worker *w = &workers[started];
        *w = (handshake_worker){.context = context,
                                .session = session,
                                .port = spec->port,
                                .count = count / threads + (started < count % threads)};
        if (pthread_create(&w->thread, NULL, run_handshakes, w) != 0) {
            failed = 1;
            break;
        }
    }
    for (int i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        failed |= workers[i].failed;
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
    return failed ? -1 : 0;
}

/* ---- data -------------------------------------------------------------------------------------------- */

static int send_all(SSL *ssl, uint64_t bytes)
{
    static const char chunk[CHUNK];
    while (bytes) {
        int len = bytes < CHUNK ? (int)bytes : CHUNK;
        if (SSL_write(ssl, chunk, len) != len) return complain("write");
        bytes -= (uint64_t)len;
    }
    return 0;
}

static int receive_all(SSL *ssl, uint64_t bytes)
{
    char chunk[CHUNK];
    while (bytes) {
        int n = SSL_read(ssl, chunk, bytes < CHUNK ? (int)bytes : CHUNK);
        if (n <= 0) return complain("read");
        bytes -= (uint64_t)n;
    }
    return 0;
}

int load_discard(const load_spec *spec, uint64_t bytes)
{
    SSL_CTX *context = make_context(spec);
    SSL *ssl = context ? open_connection(context, spec->port, NULL) : NULL;
    int result = ssl ? send_all(ssl, bytes) : -1;
    if (ssl) close_connection(ssl);
    SSL_CTX_free(context);
    return result;
}

int load_echo(const load_spec *spec, size_t len, int count)
{
    SSL_CTX *context = make_context(spec);
    SSL *ssl = context ? open_connection(context, spec->port, NULL) : NULL;
    int result = ssl ? 0 : -1;
    for (int i = 0; i < count && result == 0; i++)
        result = send_all(ssl, len) || receive_all(ssl, len) ? -1 : 0;
    if (ssl) close_connection(ssl);
    SSL_CTX_free(context);
    return result;
}

/*
 * An SSL object cannot be read and written by two threads at once, so bulk echo writes while the kernel's buffers have
 * room and reads otherwise, on a non-blocking descriptor.
 */
static int pump(SSL *ssl, uint64_t bytes)
{
    static const char out[CHUNK];
    char in[CHUNK];
    uint64_t unsent = bytes, unread = bytes;
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (unread) {
        struct timeval wait = {.tv_sec = 30};
        fd_set readable, writable;
        int fd = SSL_get_fd(ssl), n = 0;
        for (int i = 0; unsent && i < 8; i++, unsent -= (uint64_t)n)
            if ((n = SSL_write(ssl, out, unsent < CHUNK ? (int)unsent : CHUNK)) <= 0) break;
        int blocked = unsent && n <= 0;
        if (blocked && SSL_get_error(ssl, n) != SSL_ERROR_WANT_WRITE) return complain("write");
        while (unread && (n = SSL_read(ssl, in, CHUNK)) > 0)
            unread -= (uint64_t)n;
        if (unread && SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ) return complain("read");
        if (!unread || (unsent && !blocked)) continue;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_SET(fd, &readable);
        if (unsent) FD_SET(fd, &writable);
        if (select(fd + 1, &readable, &writable, NULL, &wait) <= 0) return complain("select");
    }
    return 0;
}

int load_bulk_echo(const load_spec *spec, uint64_t bytes)
{
    SSL_CTX *context = make_context(spec);
    SSL *ssl = context ? open_connection(context, spec->port, NULL) : NULL;
    int result = -1;
    if (ssl) {
        int fd = SSL_get_fd(ssl);
        BIO_socket_nbio(fd, 1);
        result = pump(ssl, bytes);
        BIO_socket_nbio(fd, 0);
        close_connection(ssl);
    }
    SSL_CTX_free(context);
    return result;
}

/* ---- idle connections ---------------------------------------------------------------------------------- */

struct load_idle {
    SSL_CTX *context;
    int count;
    int fds[];
};

int load_idle_open(const load_spec *spec, int count, int spoken, load_idle **idle)
{
    load_idle *l = calloc(1, sizeof *l + (size_t)count * sizeof(int));
    if (!l) return complain("memory");
    l->context = make_context(spec);
    *idle = l;
    if (!l->context) return -1;
    for (; l->count < count; l->count++) {
        SSL *ssl = open_connection(l->context, spec->port, NULL);
        if (!ssl) return -1;
        if (spoken && (send_all(ssl, 1) || receive_all(ssl, 1))) return -1;
        l->fds[l->count] = SSL_get_fd(ssl);
        SSL_set_quiet_shutdown(ssl, 1);
        SSL_free(ssl); /* the client's side of TLS may go; the connection stays */
    }
    return 0;
}

void load_idle_close(load_idle *l)
{
    if (!l) return;
    for (int i = 0; i < l->count; i++)
        close(l->fds[i]);
    SSL_CTX_free(l->context);
    free(l);
}

/* ---- certificate --------------------------------------------------------------------------------------- */

int load_make_certificate(const char *cert_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *cert_file = fopen(cert_path, "w"), *key_file = fopen(key_path, "w");
    int ok = key && cert && cert_file && key_file;
    if (ok) {
        X509_NAME *name = X509_get_subject_name(cert);
        X509_EXTENSION *san =
            X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
        ok = san && X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
             X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
             X509_gmtime_adj(X509_getm_notAfter(cert), 86400) &&
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                                        0) &&
             X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) && X509_add_ext(cert, san, -1) &&
             X509_sign(cert, key, EVP_sha256()) && PEM_write_X509(cert_file, cert) &&
             PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL);
        X509_EXTENSION_free(san);
    }
    if (cert_file) fclose(cert_file);
    if (key_file) fclose(key_file);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok ? 0 : complain("certificate");
}
