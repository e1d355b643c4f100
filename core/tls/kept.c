/* kept.c - see kept.h. */
#include "tls/kept.h"

#include "base/alloc.h"

static size_t kept_size(const dor_tls *t)
{
    size_t traffic = t->config->keep_secrets && t->version == DOR_TLS_1_3 ? DOR_KEPT_TRAFFIC_COUNT : 0;
    return sizeof(dor_tls_kept) + traffic * DOR_SECRET_MAX_LEN;
}

dor_result dor__keep(dor_tls *t)
{
    const dor_handshake *hs = t->hs;
    if (!t->config->exporters && !t->config->keep_secrets && !dor__key_log_wanted(t)) return DOR_SUCCESS;
    if (t->kept) return dor__error(DOR_E_INTERNAL);
    dor_tls_kept *kept = dor__calloc(1, kept_size(t));
    if (!kept) return dor__error(DOR_E_NOMEM);
    memcpy(kept->client_random, hs->client_random, DOR_RANDOM_LEN);
    memcpy(kept->server_random, hs->server_random, DOR_RANDOM_LEN);
    bool old = t->version == DOR_TLS_1_2;
    kept->session_id_len = old ? hs->v12.session_id_len : hs->session_id_len;
    memcpy(kept->session_id, old ? hs->v12.session_id : hs->session_id, DOR_SESSION_ID_MAX);
    kept->have_traffic = t->config->keep_secrets && !old;
    t->kept = kept;
    return DOR_SUCCESS;
}

void dor__keep_server_random(dor_tls *t)
{
    if (t->kept) memcpy(t->kept->server_random, t->hs->server_random, DOR_RANDOM_LEN);
}

void dor__keep_secret(dor_tls *t, dor_span secret)
{
    if (!t->kept || !(t->config->exporters || t->config->keep_secrets)) return;
    memcpy(t->kept->secret, secret.ptr, secret.len);
    t->kept->have_secret = true;
}

void dor__keep_traffic(dor_tls *t, dor_kept_traffic which, dor_span secret)
{
    if (t->kept && t->kept->have_traffic) memcpy(t->kept->traffic[which], secret.ptr, secret.len);
}

void dor__keep_finished(dor_tls *t, const uint8_t verify_data[DOR_TLS_UNIQUE_LEN])
{
    if (!t->kept || t->kept->have_finished || !(t->config->exporters || t->config->keep_secrets)) return;
    memcpy(t->kept->finished, verify_data, DOR_TLS_UNIQUE_LEN);
    t->kept->have_finished = true;
}

size_t dor__kept_memory(const dor_tls *t)
{
    return t->kept ? kept_size(t) : 0;
}

void dor__kept_free(dor_tls *t)
{
    if (t->kept) dor__free_wiped(t->kept, kept_size(t));
    t->kept = NULL;
}
