/* reload.c - see reload.h. */
#include "ssl/reload.h"

#include "base/alloc.h"
#include "ssl/credential.h"
#include "ssl/hosts.h"
#include "ssl/pem_cache.h"

#include <stdio.h>

enum { TRIES = 8 }; /* against others who change the settings meanwhile */

struct dor_reload {
    uv_work_t work;
    dor_scheduler *scheduler;
    dor_listening *listening;
    dor_message *message; /* or NULL */
    void (*done)(void *arg);
    void *arg;
    dor_result result; /* from here on the worker's until it is done */
    bool changed;
    char why[DOR_RELOAD_WHY_CAP];
};

/* ---- settings ----------------------------------------------------------------------------------------------------- */

static bool same_chain(const dor_identity *a, const dor_identity *b)
{
    bool same = a->chain_count == b->chain_count;
    for (size_t i = 0; same && i < a->chain_count; i++)
        same = dor__span_equal(a->chain[i]->der, b->chain[i]->der);
    return same; /* and so is the key, for it belongs to the leaf */
}

static bool same_identities(const dor_tls_config *a, const dor_tls_config *b)
{
    bool same = a->identity_count == b->identity_count && a->trust == b->trust;
    for (size_t i = 0; same && i < a->identity_count; i++)
        same = same_chain(&a->identities[i], &b->identities[i]) &&
               dor__span_equal(dor__bytes_span(&a->identities[i].status),
                               dor__bytes_span(&b->identities[i].status)) &&
               dor__span_equal(dor__bytes_span(&a->identities[i].timestamps),
                               dor__bytes_span(&b->identities[i].timestamps));
    return same;
}

static dor_result reload_trust(dor_settings *s, char *why, size_t why_cap)
{
    char said[DOR_RELOAD_WHY_CAP - 32] = "";
    dor_trust_store *store;
    if (!s->cacertfile) return DOR_SUCCESS;
    dor_result result = dor__cached_trust(s->cacertfile, &store, said, sizeof(said));
    if (dor__failed(result)) {
        snprintf(why, why_cap, "option cacertfile: %s", said);
        return result;
    }
    dor__trust_store_unref(s->tls->trust);
    s->tls->trust = store;
    result = dor__tls_config_name_trusted(s->tls);
    if (result.code == DOR_E_TOO_BIG)
        snprintf(why, why_cap, "option certificate_authorities: there are too many of them");
    return result;
}

static dor_result reload_identities(dor_settings *s, char *why, size_t why_cap)
{
    dor_credential_trouble trouble = {.item = 0};
    dor_credentials *credentials = dor__credentials_ref(s->credentials);
    if (!credentials) return DOR_SUCCESS;
    dor_result result = dor__settings_drop_identities(s);
    if (dor__failed(result)) {
        dor__credentials_unref(credentials);
        return result;
    }
    s->credentials = credentials; /* takes the reference */
    result = dor__credentials_load(credentials, s->tls, s->tls->trust, &trouble);
    if (dor__failed(result) && credentials->count > 1)
        snprintf(why, why_cap, "option certs_keys, number %zu, %s: %s", trouble.item + 1, trouble.part,
                 trouble.why);
    else if (dor__failed(result))
        snprintf(why, why_cap, "option %s: %s", trouble.part, trouble.why);
    return result;
}

static dor_result reload_hosts(dor_settings *s, char *why, size_t why_cap)
{
    dor_hosts *fresh;
    if (!s->hosts) return DOR_SUCCESS;
    DOR_TRY(dor__hosts_reload(s->hosts, &fresh, why, why_cap));
    dor__hosts_unref(s->hosts);
    s->hosts = fresh;
    return DOR_SUCCESS;
}

dor_result dor__settings_reload(const dor_settings *settings, dor_settings **fresh, bool *changed, char *why,
                                size_t why_cap)
{
    dor_settings *copy;
    snprintf(why, why_cap, "out of memory");
    DOR_TRY(dor__settings_clone(settings, &copy));
    dor_result result = reload_trust(copy, why, why_cap);
    if (dor__ok(result)) result = reload_identities(copy, why, why_cap);
    if (dor__ok(result)) result = reload_hosts(copy, why, why_cap);
    if (dor__failed(result)) {
        dor__settings_unref(copy);
        return result;
    }
    *changed = !same_identities(settings->tls, copy->tls) || settings->hosts != copy->hosts;
    *fresh = copy;
    why[0] = '\0';
    return DOR_SUCCESS;
}

/* ---- on a worker -------------------------------------------------------------------------------------------------- */

static dor_result try_once(dor_reload *reload, bool *replaced)
{
    dor_settings *before = dor__listening_settings(reload->listening), *fresh;
    dor_result result =
        dor__settings_reload(before, &fresh, &reload->changed, reload->why, sizeof(reload->why));
    if (dor__ok(result)) {
        *replaced = !reload->changed || dor__listening_replace(reload->listening, before, fresh);
        dor__settings_unref(fresh);
    }
    dor__settings_unref(before);
    return result;
}

static void run_on_worker(uv_work_t *work)
{
    dor_reload *reload = DOR_CONTAINER_OF(work, dor_reload, work);
    bool replaced = false;
    for (int i = 0; i < TRIES && dor__ok(reload->result) && !replaced; i++)
        reload->result = try_once(reload, &replaced);
    if (dor__ok(reload->result) && !replaced) {
        reload->result = dor__error(DOR_E_BUSY);
        snprintf(reload->why, sizeof(reload->why), "the listener's options were changed at the same time");
    }
    dor__listening_note_reload(reload->listening, reload->result, reload->changed, reload->why);
}

/* ---- on the listener's scheduler ---------------------------------------------------------------------------------- */

static void answer(dor_reload *reload)
{
    dor_buffer *sentence = NULL;
    if (dor__failed(reload->result)) sentence = dor_buffer_new(reload->why, strlen(reload->why));
    dor__request_answer(reload->message, reload->result, sentence); /* without memory: without the sentence */
}

static void on_done(uv_work_t *work, int status)
{
    dor_reload *reload = DOR_CONTAINER_OF(work, dor_reload, work);
    dor__scheduler_polled(reload->scheduler);
    if (status < 0) reload->result = dor__error(DOR_E_CANCELLED);
    if (reload->message) answer(reload);
    if (reload->done) reload->done(reload->arg);
    dor__listening_unref(reload->listening);
    dor__scheduler_release(reload->scheduler);
    dor__free(reload);
}

void dor__reload_forget(dor_reload *reload)
{
    reload->done = NULL;
}

dor_result dor__reload_start(dor_scheduler *s, dor_listening *listening, dor_message *message,
                             void (*done)(void *arg), void *arg, dor_reload **out)
{
    dor_result result = dor__error(DOR_E_NOMEM);
    dor_reload *reload = dor__calloc(1, sizeof(*reload));
    if (reload) {
        reload->scheduler = s;
        reload->listening = dor__listening_ref(listening);
        reload->message = message;
        reload->done = done;
        reload->arg = arg;
        int status = uv_queue_work(dor__scheduler_loop(s), &reload->work, run_on_worker, on_done);
        result = status < 0 ? dor__errno(-status) : DOR_SUCCESS;
    }
    if (dor__failed(result)) {
        if (reload) dor__listening_unref(reload->listening);
        dor__free(reload);
        if (message) dor__request_answer(message, result, NULL);
        return result;
    }
    dor__scheduler_hold(s);
    if (out) *out = reload;
    return DOR_SUCCESS;
}
