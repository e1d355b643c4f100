/*
 * options_hosts.c - option sni_hosts as options: what a host says is laid over what its listener says, and both become the
 * host's settings in the call that listens.
 *
 * Threads: one at a time per object, as dor_options.
 */
#include "options_table.h"

#include "base/alloc.h"
#include "ssl/hosts.h"
#include <dormouse/handshake.h>

/* ---- keeping them -------------------------------------------------------------------------------------------------- */

static void free_spec(dor_host_spec *spec)
{
    dor_options_free(spec->options);
    dor__free(spec);
}

void dor__options_drop_hosts(dor_options *options)
{
    for (dor_host_spec *next; options->hosts; options->hosts = next) {
        next = options->hosts->next;
        free_spec(options->hosts);
    }
}

void dor__options_drop_host(dor_options *options, const char *plain)
{
    for (dor_host_spec **at = &options->hosts; *at; at = &(*at)->next) {
        dor_host_spec *spec = *at;
        if (strcmp(spec->name, plain) != 0) continue;
        *at = spec->next;
        free_spec(spec);
        return;
    }
}

static void release_hosts(void *hosts)
{
    dor__hosts_unref(hosts);
}

/* So that the option counts as set, and whoever goes over the values comes across it. */
static int set_option(dor_options *options)
{
    dor_hosts *none;
    if (dor__options_get(options, "sni_hosts")) return DOR_OK;
    dor_result r = dor__hosts_new(&none);
    return dor__failed(r) ? r.code : dor__options_set_object(options, "sni_hosts", none, release_hosts);
}

int dor__options_add_host(dor_options *options, const char *name, dor_options *host)
{
    dor_host_spec *spec = dor__calloc(1, sizeof(*spec));
    int code = spec ? DOR_OK : DOR_E_NOMEM;
    if (spec && !dor__host_pattern(name, spec->name)) code = DOR_E_OPTION_TYPE;
    if (code == DOR_OK) code = set_option(options);
    if (code != DOR_OK) {
        dor_options_free(host);
        dor__free(spec);
        return code;
    }
    dor__options_drop_host(options, spec->name);
    spec->options = host;
    spec->next = options->hosts;
    options->hosts = spec;
    return DOR_OK;
}

/* ---- one over the other ---------------------------------------------------------------------------------------------- */

/* Who gives one of a group means all of it: half of the listener's certificate is of no use. */
static const char *const groups[][12] = {
    {"cert", "certfile", "key", "keyfile", "certs_keys", "password", "signer", "ocsp_response",
     "ocsp_responsefile", "sct_list", "sct_listfile", NULL},
    {"cacerts", "cacertfile", NULL},
    {"session_cache", "max_sessions", "max_session_bytes", "ticket_keys", "ticket_key_period",
     "ticket_key_overlap", NULL},
    {"key_log", "keylogfile", "keylog_environment", NULL},
};

/* A listener's alone; its memory of sessions is one of those, though not the keys of its tickets. */
static const char *const listeners_own[] = {"sni_hosts", "sni_fun", "ip", "ifaddr", "session_cache"};

static bool gives(const dor_options *options, const char *const *group)
{
    for (; *group; group++)
        if (dor__options_get(options, *group)) return true;
    return false;
}

static bool inherits(const dor_options *over, const char *name)
{
    for (size_t i = 0; i < sizeof(listeners_own) / sizeof(listeners_own[0]); i++)
        if (strcmp(listeners_own[i], name) == 0) return false;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (const char *const *member = groups[i]; *member; member++)
            if (strcmp(*member, name) == 0 && gives(over, groups[i])) return false;
    return true;
}

dor_result dor__options_resolve_over(const dor_options *options, const dor_options *base,
                                     dor_settings **settings)
{
    /* Its values are borrowed from both, so its memory is all that there is to free. */
    dor_options *merged = dor__calloc(1, sizeof(*merged) + dor__options_count * sizeof(dor_value));
    if (!merged) return dor__options_fail(options, DOR_E_NOMEM, "out of memory");
    merged->error = options->error;
    for (size_t i = 0; i < dor__options_count; i++) {
        if (options->values[i].kind)
            merged->values[i] = options->values[i];
        else if (inherits(options, dor__options_table[i].name))
            merged->values[i] = base->values[i];
    }
    dor_result r = dor__options_resolve(merged, DOR_TLS_SERVER, settings);
    dor__free(merged);
    return r;
}

/* ---- a listener's hosts ---------------------------------------------------------------------------------------------- */

static dor_result over_settings(const dor_options *options, const dor_settings *base, dor_settings **settings)
{
    DOR_TRY(dor__options_override(base, options, DOR_TLS_SERVER, settings));
    dor__hosts_unref((*settings)->hosts);
    (*settings)->hosts = NULL;
    (*settings)->sni = NULL;
    (*settings)->tls->ask_hello = (*settings)->pause_at_hello;
    return DOR_SUCCESS;
}

dor_result dor__options_settle_hosts(const dor_options *options, bool fresh, dor_settings *listener)
{
    for (const dor_host_spec *spec = options ? options->hosts : NULL; spec; spec = spec->next) {
        dor_settings *settings;
        dor_hosts *more;
        dor_result r = fresh ? dor__options_resolve_over(spec->options, options, &settings)
                             : over_settings(spec->options, listener, &settings);
        if (dor__failed(r))
            return dor__options_fail(options, r.code, "option sni_hosts, %s: %s", spec->name,
                                     dor_options_error(spec->options));
        r = dor__hosts_with(listener->hosts, spec->name, settings, &more);
        dor__settings_unref(settings);
        if (dor__failed(r)) return dor__options_fail(options, r.code, "option sni_hosts: no room for more");
        dor__hosts_unref(listener->hosts);
        listener->hosts = more;
    }
    return DOR_SUCCESS;
}
