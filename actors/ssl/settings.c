/*
 * settings.c - the defaults of listeners, connections and connect calls; copying and sharing them.
 *
 * A dor_settings has one maker until it is handed over; from then on it is read only, and its count is the only field
 * that changes. The count needs no order on its way up (the caller holds a reference already), and release/acquire on
 * its way down, so that whoever frees has seen every use.
 */
#include "ssl/settings.h"

#include "base/alloc.h"
#include "ssl/credential.h"
#include "ssl/hosts.h"
#include "ssl/session_store.h"

/*
 * The send queue's high mark bounds what a slow peer can make us hold: 256 KiB keep a 10 Gbit/s loop busy between two
 * of its turns, and a full queue on each of 10,000 connections is 2.5 GiB, not more. The low mark is a quarter of it, so
 * that an owner that waits is woken for a worthwhile amount.
 */
static const dor_settings defaults = {
    .send_server_name = true,
    .reuse = DOR_REUSE_TRUE,
    .max_early_data = 16384,
    .modes = {.active = DOR_ACTIVE_TRUE, .packet = DOR_PACKET_MODE_RAW, .line_delimiter = '\n'},
    .exit_on_close = true,
    .hibernate_after_ms = 10000,
    .handshake_timeout_ms = 30000,
    .linger_ms = 5000,
    .send_timeout_ms = DOR_INFINITY,
    .send_high = 256 * 1024,
    .send_low = 64 * 1024,
    .receive_high = 256 * 1024,
    .receive_low = 64 * 1024,
    .attempt_delay_ms = 250, /* RFC 8305 section 8 */
    .unix_mode = 0600,
    .backlog = 1024,
    .accept_budget = 32, /* a burst of a thousand then takes some thirty turns, in which others have theirs */
    .reuseaddr = true,
    .proxy_max_header = 4096,
    .log_alert = true,
};

dor_result dor__settings_new(dor_settings **settings)
{
    dor_settings *made = dor__malloc(sizeof(*made));
    if (!made) return dor__error(DOR_E_NOMEM);
    *made = defaults;
    made->inet = dor__inet_none;
    made->ref_count_ = 1;
    dor_result result = dor__tls_config_new(&made->tls);
    if (dor__failed(result)) {
        dor__free(made);
        return result;
    }
    *settings = made;
    return DOR_SUCCESS;
}

/* All from the field `first` on. The count in front of it may be changing while we read. */
#define COPY_BEHIND_COUNT(type, to, from, first)                                                             \
    memcpy((char *)(to) + offsetof(type, first), (const char *)(from) + offsetof(type, first),               \
           sizeof(type) - offsetof(type, first))

/* Everything but the identities, which are added one by one because the config counts what they hold. */
static dor_result config_copy(const dor_tls_config *from, bool with_identities, dor_tls_config **to)
{
    dor_tls_config *copy;
    DOR_TRY(dor__tls_config_new(&copy));
    dor__trust_store_unref(copy->trust);
    dor__bytes_free(&copy->alpn);

    COPY_BEHIND_COUNT(dor_tls_config, copy, from, min_version);
    copy->alpn = copy->authorities = DOR_BYTES_EMPTY;
    copy->identity_count = 0;
    memset(copy->identities, 0, sizeof(copy->identities));
    copy->psks = dor__psks_ref(from->psks);
    copy->trust = from->trust ? dor__trust_store_ref(from->trust) : NULL;

    dor_result result = dor__bytes_append(&copy->alpn, dor__bytes_span(&from->alpn));
    if (dor__ok(result)) result = dor__bytes_append(&copy->authorities, dor__bytes_span(&from->authorities));
    for (size_t i = 0; with_identities && dor__ok(result) && i < from->identity_count; i++) {
        const dor_identity *identity = &from->identities[i];
        result = dor__tls_config_add_identity(copy, identity->chain, identity->chain_count, identity->key);
        if (dor__ok(result))
            result = dor__tls_config_staple(copy, i, dor__bytes_span(&identity->status),
                                            dor__bytes_span(&identity->timestamps));
        if (dor__ok(result)) copy->identities[i].only_for_issuers = identity->only_for_issuers;
    }
    if (dor__failed(result)) {
        dor__tls_config_unref(copy);
        return result;
    }
    *to = copy;
    return DOR_SUCCESS;
}

/* Takes the reference to tls, even on failure. */
static dor_result copy_with(const dor_settings *from, dor_tls_config *tls, dor_settings **to)
{
    dor_settings *copy = dor__malloc(sizeof(*copy));
    if (!copy) {
        dor__tls_config_unref(tls);
        return dor__error(DOR_E_NOMEM);
    }
    COPY_BEHIND_COUNT(dor_settings, copy, from, tls);
    copy->ref_count_ = 1;
    copy->cacertfile = NULL;
    copy->tls = tls;
    dor_result result = dor__settings_set_cacertfile(copy, from->cacertfile);
    if (dor__failed(result)) {
        dor__tls_config_unref(tls);
        dor__free(copy);
        return result;
    }
    dor__credentials_ref(copy->credentials);
    if (copy->hosts) dor__hosts_ref(copy->hosts);
    if (copy->keeper) dor__session_keeper_ref(copy->keeper);
    dor__session_outside_ref(copy->outside);
    if (copy->session) dor__session_ref(copy->session);
    (void)dor_buffer_ref(copy->early_data);
    if (copy->key_log) dor__key_log_ref(copy->key_log);
    (void)dor_buffer_ref(copy->proxy_trust);
    (void)dor_buffer_ref(copy->proxy_header);
    if (copy->raw) dor__raw_ref(copy->raw);
    *to = copy;
    return DOR_SUCCESS;
}

dor_result dor__settings_clone(const dor_settings *from, dor_settings **to)
{
    dor_tls_config *tls;
    DOR_TRY(config_copy(from->tls, true, &tls));
    return copy_with(from, tls, to);
}

dor_result dor__settings_vary(dor_settings *from, dor_settings **to)
{
    return copy_with(from, dor__tls_config_ref(from->tls), to);
}

dor_result dor__settings_drop_identities(dor_settings *settings)
{
    dor_tls_config *copy;
    DOR_TRY(config_copy(settings->tls, false, &copy));
    dor__tls_config_unref(settings->tls);
    settings->tls = copy;
    dor__credentials_unref(settings->credentials);
    settings->credentials = NULL;
    return DOR_SUCCESS;
}

dor_result dor__settings_set_cacertfile(dor_settings *settings, const char *path)
{
    char *copy = NULL;
    if (path) {
        copy = dor__malloc(strlen(path) + 1);
        if (!copy) return dor__error(DOR_E_NOMEM);
        memcpy(copy, path, strlen(path) + 1);
    }
    dor__free(settings->cacertfile);
    settings->cacertfile = copy;
    return DOR_SUCCESS;
}

dor_settings *dor__settings_ref(dor_settings *settings)
{
    __atomic_add_fetch(&settings->ref_count_, 1, __ATOMIC_RELAXED);
    return settings;
}

void dor__settings_unref(dor_settings *settings)
{
    if (!settings || __atomic_sub_fetch(&settings->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    dor__tls_config_unref(settings->tls);
    dor__credentials_unref(settings->credentials);
    dor__free(settings->cacertfile);
    dor__hosts_unref(settings->hosts);
    if (settings->keeper) dor__session_keeper_unref(settings->keeper);
    dor__session_outside_unref(settings->outside);
    dor__session_unref(settings->session);
    dor_buffer_unref(settings->early_data);
    dor__key_log_unref(settings->key_log);
    dor_buffer_unref(settings->proxy_trust);
    dor_buffer_unref(settings->proxy_header);
    dor__raw_unref(settings->raw);
    dor__free(settings);
}
