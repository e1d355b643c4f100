/*
 * signer.c - see signer.h.
 *
 * A worker has all that it needs in its job (key, content, question) and knows nothing of the connection, which may be gone by
 * then. What it made is verified there, too, so that no fault of the arithmetic gives the key away (RSA's with the Chinese
 * remainder theorem would); so the loop need not do it.
 */
#include "ssl/signer.h"

#include "base/alloc.h"

/* ---- a key elsewhere -------------------------------------------------------------------------------------------- */

typedef struct signer {
    dor_sign_fn fn;
    void *arg;
} signer;

dor_result dor__signer_key(const dor_certificate *leaf, dor_sign_fn fn, void *arg, dor_private_key **key)
{
    signer *holder = dor__malloc(sizeof *holder);
    if (!holder) return dor__error(DOR_E_NOMEM);
    *holder = (signer){fn, arg};
    return dor__private_key_elsewhere(key, leaf->spki, holder, dor__free);
}

static dor_result ask_program(const dor_tls_question *asked, bool server, dor_question *question)
{
    const signer *holder = dor__private_key_holder(asked->identity->key);
    const dor_hash_id hash = dor__sig_hash(asked->scheme);
    const dor_span name = asked->hello.server_name, cert = asked->identity->chain[0]->der;
    uint8_t digest[DOR_HASH_MAX_LEN];
    char server_name[256] = "";
    if (hash != DOR_HASH_NONE) {
        dor_result r = dor__hash_once(hash, asked->content, digest);
        if (dor__failed(r)) {
            dor__question_unref(question);
            return r;
        }
    }
    if (name.len > 0 && name.len < sizeof server_name) memcpy(server_name, name.ptr, name.len);
    const dor_sign_request request = {
        .scheme = asked->scheme,
        .scheme_name = dor__sig_name(asked->scheme),
        .content = asked->content.ptr,
        .content_len = asked->content.len,
        .digest = hash == DOR_HASH_NONE ? NULL : digest,
        .digest_len = hash == DOR_HASH_NONE ? 0 : dor__hash_len(hash),
        .cert = cert.ptr,
        .cert_len = cert.len,
        .server_name = server_name,
        .server = server,
    };
    holder->fn(&request, question, holder->arg);
    return DOR_SUCCESS;
}

/* ---- a key of ours, off the loop ---------------------------------------------------------------------------------- */

typedef struct sign_job {
    uv_work_t work;
    dor_scheduler *scheduler;
    dor_question *question;
    dor_private_key *key;
    dor_sig_scheme scheme;
    dor_bytes content;
    dor_result result; /* from here on the worker's until it is done */
    size_t sig_len;
    uint8_t sig[DOR_SIG_MAX_LEN];
} sign_job;

static void job_free(sign_job *job)
{
    dor__bytes_free(&job->content);
    dor__private_key_unref(job->key);
    dor__free(job);
}

static dor_result job_sign(sign_job *job)
{
    dor_rng *rng;
    dor_span content = dor__bytes_span(&job->content);
    DOR_TRY(dor__rng_new_system(&rng)); /* the loop's own is the loop's */
    dor_result r = dor__sign(job->key, job->scheme, content, rng, job->sig, sizeof job->sig, &job->sig_len);
    dor__rng_free(rng);
    DOR_TRY(r);
    r = dor__verify(dor__private_key_public(job->key), job->scheme, content,
                    dor__span(job->sig, job->sig_len));
    return dor_error_get_class(r.code) == DOR_CLASS_ALERT_SENT ? dor__error(DOR_E_CRYPTO_FAILED) : r;
}

static void run_on_worker(uv_work_t *work)
{
    sign_job *job = DOR_CONTAINER_OF(work, sign_job, work);
    /* After a storm of handshakes that have timed out, or as the runtime stops, there may be many for nobody. */
    if (dor__question_waits(job->question)) job->result = job_sign(job);
}

static void on_done(uv_work_t *work, int status)
{
    sign_job *job = DOR_CONTAINER_OF(work, sign_job, work);
    dor__scheduler_polled(job->scheduler);
    if (status < 0) job->result = dor__error(DOR_E_CANCELLED);
    if (dor__ok(job->result))
        (void)dor__question_answer(job->question, DOR_QUESTION_SIGN, dor__span(job->sig, job->sig_len));
    else
        (void)dor__question_refuse(job->question, job->result.code);
    dor__scheduler_release(job->scheduler);
    job_free(job);
}

static dor_result ask_worker(dor_scheduler *s, const dor_tls_question *asked, dor_question *question)
{
    sign_job *job = dor__calloc(1, sizeof *job);
    dor_result r = job ? dor__bytes_append(&job->content, asked->content) : dor__error(DOR_E_NOMEM);
    if (dor__ok(r)) {
        job->scheduler = s;
        job->question = question;
        job->key = dor__private_key_ref(asked->identity->key);
        job->scheme = asked->scheme;
        int status = uv_queue_work(dor__scheduler_loop(s), &job->work, run_on_worker, on_done);
        if (status < 0) r = dor__errno(-status);
    }
    if (dor__failed(r)) {
        dor__question_unref(question);
        if (job) job_free(job);
        return r;
    }
    dor__scheduler_hold(s);
    return DOR_SUCCESS;
}

dor_result dor__signer_ask(dor_scheduler *s, const dor_tls_question *asked, bool server,
                           dor_question *question)
{
    if (dor__private_key_is_elsewhere(asked->identity->key)) return ask_program(asked, server, question);
    return ask_worker(s, asked, question);
}
