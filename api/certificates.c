/*
 * certificates.c - dormouse/certificates.h: checks arguments, makes settings of options, forwards to the listener.
 */
#include "caller.h"
#include "options_table.h"
#include "ssl/listener.h"
#include "ssl/pem_cache.h"
#include <stdio.h>

/* ---- again -------------------------------------------------------------------------------------------------------- */

static int start_reload(dor_socket listener, dor_pid self, dor_ref *ref)
{
    dor_ref made = dor__make_ref();
    dor_result r = dor__ssl_reload(listener, self, made);
    if (dor__ok(r)) *ref = made;
    return r.code;
}

int dor_ssl_reload_async(dor_socket listener, dor_ref *ref)
{
    dor_pid self;
    if (!ref) return DOR_E_BADARG;
    dor_result r = need_self(&self);
    return dor__failed(r) ? r.code : start_reload(listener, self, ref);
}

int dor_ssl_reload(dor_socket listener, char *error, size_t error_cap)
{
    dor_pid self;
    dor_ref ref;
    dor_message *message;
    if (error && error_cap > 0) error[0] = '\0';
    dor_result r = become_process_for(listener, &self);
    int code = dor__failed(r) ? r.code : start_reload(listener, self, &ref);
    if (code == DOR_OK) {
        r = await_message(ref, &message);
        code = r.code;
    }
    if (code == DOR_OK) {
        dor_ssl_reply *reply = dor_message_payload(message);
        code = reply->result;
        if (reply->data && error && error_cap > 0)
            snprintf(error, error_cap, "%.*s", (int)dor_buffer_len(reply->data),
                     (const char *)dor_buffer_data(reply->data));
        dor__message_free(message);
    }
    if (code != DOR_OK && error && error_cap > 0 && !error[0]) dor_format_error(code, error, error_cap);
    return code;
}

/* ---- others ------------------------------------------------------------------------------------------------------- */

typedef struct found_listener {
    dor_listening *listening;
    dor_pid owner;
} found_listener;

static dor_result find_listener(dor_actor *actor, dor_ssl_query *query)
{
    found_listener *found = query->out;
    if (!dor__is_listener(actor)) return dor__error(DOR_E_EINVAL);
    found->listening = dor__listening_ref(dor__listener_listening(actor));
    found->owner = found->listening->served ? DOR_PID_NONE : dor__listener_owner(actor);
    return DOR_SUCCESS;
}

static dor_result find_by(dor_socket listener, found_listener *found)
{
    return dor__ssl_call(listener, &(dor_ssl_query){.run = find_listener, .out = found});
}

static dor_result check_names(const dor_options *options)
{
    static const char *const taken[] = {"cert",
                                        "certfile",
                                        "key",
                                        "keyfile",
                                        "password",
                                        "certs_keys",
                                        "cacerts",
                                        "cacertfile",
                                        "session_cache",
                                        "session_cb",
                                        "signer",
                                        "ocsp_response",
                                        "ocsp_responsefile",
                                        "sct_list",
                                        "sct_listfile"};
    bool some = dor__options_get(options, "cert") || dor__options_get(options, "certfile") ||
                dor__options_get(options, "certs_keys");
    for (size_t i = 0; i < dor__options_count; i++) {
        bool known = !options->values[i].kind;
        for (size_t j = 0; !known && j < sizeof(taken) / sizeof(taken[0]); j++)
            known = strcmp(dor__options_table[i].name, taken[j]) == 0;
        if (!known)
            return dor__options_fail(options, DOR_E_OPTION_CONFLICT,
                                     "option %s is not about certificates; use dor_ssl_setopts",
                                     dor__options_table[i].name);
    }
    return some ? DOR_SUCCESS
                : dor__options_fail(options, DOR_E_NO_OPTIONS,
                                    "no certificate is given: set certfile, or cert");
}

int dor_ssl_set_certificates(dor_socket listener, const dor_options *options)
{
    found_listener found;
    if (!options) return DOR_E_BADARG;
    dor_result r = check_names(options);
    if (dor__ok(r)) r = find_by(listener, &found);
    if (dor__failed(r)) return r.code;
    if (found.owner != DOR_PID_NONE && found.owner != dor__self()) r = dor__error(DOR_E_NOT_OWNER);

    for (bool replaced = false; dor__ok(r) && !replaced;) {
        dor_settings *before = dor__listening_settings(found.listening), *fresh;
        r = dor__options_override(before, options, DOR_TLS_SERVER, &fresh);
        if (dor__ok(r)) {
            replaced = dor__listening_replace(found.listening, before, fresh);
            dor__settings_unref(fresh);
        }
        dor__settings_unref(before);
    }
    dor__listening_unref(found.listening);
    return r.code;
}

/* ---- figures, and the cache --------------------------------------------------------------------------------------- */

int dor_ssl_get_reload_statistics(dor_socket listener, dor_reload_statistics *statistics)
{
    found_listener found;
    if (!statistics) return DOR_E_BADARG;
    dor_result r = find_by(listener, &found);
    if (dor__failed(r)) return r.code;
    dor__listening_reloads(found.listening, statistics);
    dor__listening_unref(found.listening);
    return DOR_OK;
}

int dor_ssl_clear_pem_cache(dor_runtime *runtime)
{
    (void)runtime;
    dor__pem_cache_clear();
    return DOR_OK;
}
