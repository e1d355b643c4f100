/* handshake.c - dormouse/handshake.h: hosts, and the options that choose among them. A dor_host is a dor_settings by its
 * public name. */
#include <dormouse/handshake.h>

#include "options_table.h"
#include "ssl/hosts.h"

static dor_settings *settings_of(dor_host *host)
{
    return (dor_settings *)host;
}

int dor_host_new(const dor_options *options, dor_host **host)
{
    dor_settings *settings;
    if (!host) return DOR_E_BADARG;
    dor_result r = dor__options_resolve(options, DOR_TLS_SERVER, &settings);
    if (dor__ok(r) && (settings->hosts || settings->sni)) {
        dor__settings_unref(settings);
        r = dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                              "options sni_hosts and sni_fun are a listener's");
    }
    if (dor__ok(r)) *host = (dor_host *)settings;
    return r.code;
}

int dor_host_new_over(const dor_options *options, const dor_options *base, dor_host **host)
{
    dor_settings *settings;
    if (!host || !options || !base) return DOR_E_BADARG;
    if (dor__options_get(options, "sni_hosts") || dor__options_get(options, "sni_fun"))
        return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                                 "options sni_hosts and sni_fun are a listener's")
            .code;
    dor_result r = dor__options_resolve_over(options, base, &settings);
    if (dor__ok(r)) *host = (dor_host *)settings;
    return r.code;
}

dor_host *dor_host_ref(dor_host *host)
{
    return host ? (dor_host *)dor__settings_ref(settings_of(host)) : NULL;
}

void dor_host_unref(dor_host *host)
{
    dor__settings_unref(settings_of(host));
}

static void release_hosts(void *hosts)
{
    dor__hosts_unref(hosts);
}

int dor_options_add_sni_host(dor_options *options, const char *name, dor_host *host)
{
    if (!options || !name || !host) return DOR_E_BADARG;
    const dor_value *present = dor__options_get(options, "sni_hosts");
    dor_hosts *more = NULL, *none = NULL;
    dor_result r = present ? DOR_SUCCESS : dor__hosts_new(&none);
    if (dor__ok(r)) r = dor__hosts_with(present ? present->object : none, name, settings_of(host), &more);
    dor__hosts_unref(none);
    if (r.code == DOR_E_BADARG)
        return dor__options_fail(options, DOR_E_OPTION_TYPE,
                                 "option sni_hosts: \"%.60s\" is no host name, nor \"*.\" in front of one",
                                 name)
            .code;
    if (dor__failed(r)) return dor__options_fail(options, r.code, "option sni_hosts: no room for more").code;
    int code = dor__options_set_object(options, "sni_hosts", more, release_hosts);
    char plain[DOR_HOST_NAME_MAX + 1];
    if (code == DOR_OK && dor__host_pattern(name, plain)) dor__options_drop_host(options, plain);
    return code;
}

int dor_options_set_sni_fun(dor_options *options, dor_sni_fn fn, void *arg)
{
    if (!options) return DOR_E_BADARG;
    if (!fn) return dor_options_unset(options, "sni_fun");
    return dor__options_set_function(options, "sni_fun", (void (*)(void))fn, NULL, arg);
}
