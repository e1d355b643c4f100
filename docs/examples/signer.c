/*
 * signer.c - a server that does not have its private key: threads of a pool ask the openssl command for each signature, as they
 * would ask an HSM or another machine.
 *
 *     signer CHAIN.pem KEY.pem [TCP port]        ends after a client has called "stop.example"
 *
 * The key is one of ECDSA or RSA.
 */
#include <dormouse.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, SIGNATURE_MAX = 1024, PATIENCE_MS = 10000 };

/* What a thread needs, and whom it answers. */
typedef struct job {
    struct job *next;
    dor_question *question;
    uint16_t scheme;
    size_t digest_len;
    uint8_t digest[64];
} job;

typedef struct pool {
    const char *key;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    job *first, **last;
    bool ends;
} pool;

/* On the connection's scheduler: must not block. What it is given lives until it returns. */
static void sign(const dor_sign_request *request, dor_question *question, void *arg)
{
    pool *p = arg;
    job *j = request->digest ? malloc(sizeof *j) : NULL; /* Ed25519 would have no digest */
    if (!j) {
        dor_question_refuse(question, 0);
        return;
    }
    *j = (job){.question = question, .scheme = request->scheme, .digest_len = request->digest_len};
    memcpy(j->digest, request->digest, j->digest_len);
    printf("asked for %s, called %s\n", request->scheme_name, request->server_name);
    pthread_mutex_lock(&p->lock);
    *p->last = j;
    p->last = &j->next;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* The bytes that the command prints; 0 when it failed. */
static size_t run_openssl(const char *key, const job *j, const char *file, uint8_t *signature)
{
    char command[1024];
    const char *padding = "";
    if (j->scheme >> 8 == 8) /* rsa_pss_rsae_..., rsa_pss_pss_... */
        padding = "-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest";
    snprintf(command, sizeof command,
             "openssl pkeyutl -sign -inkey '%s' -in '%s' -pkeyopt digest:sha%zu %s 2>/dev/null", key, file,
             j->digest_len * 8, padding);
    FILE *out = popen(command, "r");
    size_t len = out ? fread(signature, 1, SIGNATURE_MAX, out) : 0;
    return out && pclose(out) == 0 ? len : 0;
}

static void answer(const char *key, job *j)
{
    char file[] = "/tmp/dormouse-signer-XXXXXX";
    uint8_t signature[SIGNATURE_MAX];
    size_t len = 0;
    int fd = mkstemp(file);
    if (fd >= 0) {
        if (write(fd, j->digest, j->digest_len) == (ssize_t)j->digest_len)
            len = run_openssl(key, j, file, signature);
        close(fd);
        unlink(file);
    }
    if (len > 0)
        dor_question_sign(j->question, signature, len);
    else
        dor_question_refuse(j->question, 0);
    free(j);
}

static void *work(void *arg)
{
    pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        job *j = p->first;
        if (!j && p->ends) break;
        if (!j) {
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        p->first = j->next;
        if (!p->first) p->last = &p->first;
        pthread_mutex_unlock(&p->lock);
        answer(p->key, j);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* One connection; false when it was the last. */
static bool serve(dor_socket socket)
{
    static const char text[] = "signed elsewhere\n";
    dor_connection_info info;
    if (dor_ssl_accept(socket, NULL, PATIENCE_MS) || dor_ssl_connection_info(socket, &info)) return true;
    dor_ssl_send(socket, text, strlen(text));
    dor_ssl_close(socket);
    return strcmp(info.server_name, "stop.example") != 0;
}

int main(int argc, char **argv)
{
    pool p = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .last = &p.first};
    pthread_t threads[THREADS];
    dor_options *options = dor_options_new();
    dor_socket listener, socket;
    dor_address address;
    if (argc < 3 || !options) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    p.key = argv[2];
    if (dor_options_set_text(options, "certfile", argv[1]) || dor_options_set_signer(options, sign, &p) ||
        dor_ssl_listen(dor_runtime_default(), (uint16_t)(argc > 3 ? atoi(argv[3]) : 4433), options,
                       &listener)) {
        fprintf(stderr, "cannot listen: %s\n", dor_options_error(options));
        return 1;
    }
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, &p)) return 1;
    if (dor_ssl_sockname(listener, &address) == DOR_OK) printf("listening on port %d\n", address.port);
    while (dor_ssl_transport_accept(listener, DOR_INFINITY, &socket) == DOR_OK && serve(socket)) {
    }
    dor_ssl_close(listener);
    dor_options_free(options);
    int code = dor_runtime_stop(dor_runtime_default(), 1000);
    pthread_mutex_lock(&p.lock);
    p.ends = true;
    pthread_cond_broadcast(&p.changed);
    pthread_mutex_unlock(&p.lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return code;
}
