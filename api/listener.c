/*
 * listener.c - dormouse/listener.h: checks arguments and forwards to the listener; what dor_ssl_serve makes of its spec.
 *
 * Threads: any.
 */
#include "options_table.h"

#include <dormouse/ssl.h>

enum { PROTOCOL_MAX = 255 }; /* RFC 7301 section 3.1: opaque ProtocolName<1..2^8-1> */

/* ---- protocols of a spec ------------------------------------------------------------------------------------------ */

static dor_result check_protocols(const dor_options *options, const dor_server_spec *spec)
{
    if (spec->protocol_count > DOR_OPTIONS_LIST_MAX || (!spec->protocols && spec->protocol_count))
        return dor__options_fail(options, DOR_E_BADARG, "protocols: there are at most %d",
                                 DOR_OPTIONS_LIST_MAX);
    for (size_t i = 0; i < spec->protocol_count; i++) {
        const char *name = spec->protocols[i].name;
        size_t len = name ? strlen(name) : 0;
        if (len < 1 || len > PROTOCOL_MAX)
            return dor__options_fail(options, DOR_E_BADARG, "protocols, number %zu: a name has 1 to %d bytes",
                                     i + 1, PROTOCOL_MAX);
        for (size_t j = 0; j < i; j++)
            if (strcmp(spec->protocols[j].name, name) == 0)
                return dor__options_fail(options, DOR_E_BADARG,
                                         "protocols, number %zu: \"%s\" is there already", i + 1, name);
    }
    return DOR_SUCCESS;
}

/* Their names are the preference when options give none. */
static dor_result prefer_protocols(const dor_server_spec *spec, dor_settings *settings)
{
    if (settings->tls->alpn.len) return DOR_SUCCESS;
    for (size_t i = 0; i < spec->protocol_count; i++)
        DOR_TRY(dor__tls_config_add_alpn(settings->tls, dor__span_str(spec->protocols[i].name)));
    return DOR_SUCCESS;
}

dor_result dor__options_resolve_serve(const dor_options *options, const dor_server_spec *spec,
                                      dor_settings **out)
{
    dor_settings *settings;
    DOR_TRY(check_protocols(options, spec));
    DOR_TRY(dor__options_resolve(options, DOR_TLS_SERVER, &settings));
    dor_result r = settings->pause_at_hello
                       ? dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                                           "option handshake: nobody would go on after the hello")
                       : prefer_protocols(spec, settings);
    if (dor__failed(r)) {
        dor__settings_unref(settings);
        return r;
    }
    *out = settings;
    return r;
}
