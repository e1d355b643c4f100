/*
 * signer_support.h - what stands for an HSM: keys that the options do not have, and ways to answer with them.
 */
#ifndef TESTS_NET_SIGNER_SUPPORT_H
#define TESTS_NET_SIGNER_SUPPORT_H

#include "net_support.h"

#include "crypto/sign.h"
#include "ssl/pem_cache.h"
#include "support/pki.h"

#include <pthread.h>

typedef enum answer_how {
    SIGNS_NOW,
    SIGNS_LATER, /* keeps it for answer_kept */
    SIGNS_WRONG,
    SIGNS_SHORT,
    SIGNS_LONG,
    SIGNS_NOTHING,
    REFUSES,
    REFUSES_WITH_ALERT,
    DROPS
} answer_how;

typedef struct hsm {
    dor_private_key *key;
    dor_certificate *cert;
    answer_how how;
    int server; /* what requests must say */
    atomic_int asked;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    dor_question *kept;
    uint8_t sig[DOR_SIG_MAX_LEN]; /* for the one that is kept */
    size_t sig_len;
} hsm;

/* Of a certificate the .pem, or the .key, which has a name of its own. */
static inline void pki_path(char path[512], const char *name, const char *kind)
{
    static const char *const keys[][2] = {
        {"tls-p256", "c"}, {"tls-p384", "d"}, {"tls-ed", "ed"}, {"tls-rsa", "rsa"}, {"tls-pss", "pss"}};
    for (int i = 0; i < 5 && strcmp(kind, "key") == 0; i++)
        if (strcmp(keys[i][0], name) == 0) name = keys[i][1];
    snprintf(path, 512, "%s/%s.%s", pki_dir(), name, kind);
}

static inline void hsm_init(hsm *h, const char *name, int server)
{
    char path[512], why[256];
    *h = (hsm){.server = server};
    pki_path(path, name, "key");
    cr_assert(dor__ok(dor__cached_key(path, NULL, &h->key, why, sizeof why)), "%s", why);
    h->cert = pki_cert(name);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
}

static inline void hsm_fini(hsm *h)
{
    dor__private_key_unref(h->key);
    dor__certificate_unref(h->cert);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->changed);
}

static inline size_t hsm_sign(const hsm *h, uint16_t scheme, dor_span content, uint8_t sig[DOR_SIG_MAX_LEN])
{
    dor_rng *rng;
    size_t len = 0;
    if (dor__failed(dor__rng_new_system(&rng))) return 0;
    if (dor__failed(dor__sign(h->key, scheme, content, rng, sig, DOR_SIG_MAX_LEN, &len))) len = 0;
    dor__rng_free(rng);
    return len;
}

/* What a request says fits together. */
static inline void request_check(const hsm *h, const dor_sign_request *r)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_hash_id hash = dor__sig_hash(r->scheme);
    cr_assert_str_eq(r->scheme_name, dor__sig_name(r->scheme));
    cr_assert_eq(!r->digest, hash == DOR_HASH_NONE);
    if (r->digest) {
        cr_assert_eq(r->digest_len, dor__hash_len(hash));
        cr_assert(dor__ok(dor__hash_once(hash, dor__span(r->content, r->content_len), digest)));
        cr_assert_eq(memcmp(digest, r->digest, r->digest_len), 0);
    }
    cr_assert(dor__span_equal(dor__span(r->cert, r->cert_len), h->cert->der));
    cr_assert_str_eq(r->server_name, "www.example");
    cr_assert_eq(r->server, h->server);
}

static inline void hsm_keep(hsm *h, dor_question *question, const uint8_t *sig, size_t len)
{
    pthread_mutex_lock(&h->lock);
    h->kept = question;
    memcpy(h->sig, sig, len);
    h->sig_len = len;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static inline void hsm_ask(const dor_sign_request *request, dor_question *question, void *arg)
{
    hsm *h = arg;
    uint8_t sig[DOR_SIG_MAX_LEN + 8] = {0};
    bool failing = atomic_load(&fail_after) >= 0;
    if (!failing) request_check(h, request);
    size_t len = hsm_sign(h, request->scheme, dor__span(request->content, request->content_len), sig);
    if (!failing) cr_assert_gt(len, 0);
    atomic_fetch_add(&h->asked, 1);
    switch (h->how) {
    case SIGNS_NOW: (void)dor_question_sign(question, sig, len); break;
    case SIGNS_LATER: hsm_keep(h, question, sig, len); break;
    case SIGNS_WRONG:
        sig[len - 1] ^= 1;
        (void)dor_question_sign(question, sig, len);
        break;
    case SIGNS_SHORT: (void)dor_question_sign(question, sig, len - 1); break;
    case SIGNS_LONG: (void)dor_question_sign(question, sig, sizeof sig); break;
    case SIGNS_NOTHING: (void)dor_question_sign(question, NULL, 0); break;
    case REFUSES: (void)dor_question_refuse(question, 0); break;
    case REFUSES_WITH_ALERT:
        (void)dor_question_refuse(question, DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_ACCESS_DENIED,
                                                           DOR_REASON_SIGNER_FAILED));
        break;
    case DROPS: dor_question_unref(question); break;
    }
}

/* Waits for the question that is kept, and takes it out. */
static inline dor_question *hsm_take(hsm *h)
{
    pthread_mutex_lock(&h->lock);
    while (!h->kept)
        pthread_cond_wait(&h->changed, &h->lock);
    dor_question *question = h->kept;
    h->kept = NULL;
    pthread_mutex_unlock(&h->lock);
    return question;
}

static inline void *hsm_answer_once(void *arg)
{
    hsm *h = arg;
    dor_question *question = hsm_take(h);
    cr_assert_eq(dor_question_waits(question), 1);
    OK(dor_question_sign(question, h->sig, h->sig_len));
    return NULL;
}

/* ---- options ------------------------------------------------------------------------------------------------- */

/* The certificate of that name, without its key. */
static inline void show(dor_options *options, const char *name, hsm *h)
{
    char path[512];
    pki_path(path, name, "pem");
    OK(dor_options_unset(options, "cert"));
    OK(dor_options_unset(options, "key"));
    OK(dor_options_set_text(options, "certfile", path));
    OK(dor_options_set_signer(options, hsm_ask, h));
}

static inline void set_version(world *w, const char *version)
{
    OK(dor_options_set_list(w->client, "versions", version, NULL));
    OK(dor_options_set_text(w->client, "server_name_indication", "www.example"));
}

/* Both ends of a handshake that may fail: their codes. */
typedef struct outcome {
    pair p;
    int server, client;
} outcome;

static inline outcome try_pair(world *w)
{
    outcome o = {.server = DOR_OK};
    dor_ref ref;
    OK(dor_ssl_connect_async(w->runtime, "127.0.0.1", w->port, w->client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w->listener, PATIENCE_MS, &o.p.server));
    o.server = dor_ssl_accept(o.p.server, NULL, PATIENCE_MS);
    o.client = await_reply(ref, &o.p.client, NULL);
    return o;
}

static inline void talk(pair p)
{
    send_text(p.client, "ping");
    expect_recv(p.server, 4, "ping");
    send_text(p.server, "pong");
    expect_recv(p.client, 4, "pong");
    OK(dor_ssl_close(p.client));
    OK(dor_ssl_close(p.server));
}

#endif
