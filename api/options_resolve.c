/*
 * options_resolve.c - from a dor_options to frozen settings: every value applied, files read, contradictions refused.
 *
 * Blocking (it reads files); any thread, one at a time per dor_options. What fails is said in dor_options_error.
 */
#include "options_table.h"

#include "base/ct.h"
#include "ssl/client_sessions.h"
#include "ssl/credential.h"
#include "ssl/pem_cache.h"
#include "ssl/pem_file.h"
#include "ssl/reflection.h"
#include "ssl/session_store.h"
#include "ssl/ticket_keys.h"

#include <stdlib.h>

/* What the parts of one resolve share. */
typedef struct resolving {
    const dor_options *options;
    dor_settings *settings;
    dor_tls_role role;
    bool fresh; /* from the defaults, not from a listener's settings */
    char why[1024];
} resolving;

static const char *text_of(const resolving *r, const char *name)
{
    const dor_value *value = dor__options_get(r->options, name);
    return value ? value->items[0] : NULL;
}

static bool is_set(const resolving *r, const char *name)
{
    return dor__options_get(r->options, name) != NULL;
}

static dor_result fail_as(const resolving *r, dor_result result, const char *name)
{
    if (result.code == DOR_E_NOMEM)
        return dor__options_fail(r->options, DOR_E_NOMEM, "option %s: out of memory", name);
    return dor__options_fail(r->options, result.code, "option %s: %s", name, r->why);
}

/* ---- one by one ---------------------------------------------------------------------------------------------------- */

static dor_result apply_all(resolving *r)
{
    unsigned wanted = r->role == DOR_TLS_SERVER ? DOR_SCOPE_SERVER : DOR_SCOPE_CLIENT;
    dor_draft draft = {.settings = r->settings, .role = r->role, .why = r->why, .why_cap = sizeof(r->why)};
    for (size_t i = 0; r->options && i < dor__options_count; i++) {
        const dor_option *option = &dor__options_table[i];
        const dor_value *value = &r->options->values[i];
        if (!value->kind) continue;
        if (!(option->scope & wanted))
            return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT, "option %s is for %s", option->name,
                                     r->role == DOR_TLS_SERVER ? "clients, this is a server"
                                                               : "servers, this is a client");
        dor_result result = dor__option_apply(option, &draft, value);
        if (dor__failed(result)) return fail_as(r, result, option->name);
    }
    return DOR_SUCCESS;
}

/* ---- whom to trust ------------------------------------------------------------------------------------------------- */

static dor_result load_trust(resolving *r, dor_trust_store **store)
{
    const dor_value *der = dor__options_get(r->options, "cacerts");
    const char *path = text_of(r, "cacertfile");
    dor_result result = DOR_SUCCESS;
    *store = NULL;
    if (der || path) result = dor__settings_set_cacertfile(r->settings, der ? NULL : path);
    if (dor__failed(result)) return dor__options_fail(r->options, result.code, "out of memory");
    if (der) {
        result = dor__der_trust(dor__bytes_span(&der->bytes), store, r->why, sizeof(r->why));
        return dor__failed(result) ? fail_as(r, result, "cacerts") : result;
    }
    if (path) {
        result = dor__cached_trust(path, store, r->why, sizeof(r->why));
        return dor__failed(result) ? fail_as(r, result, "cacertfile") : result;
    }
    return result;
}

/* Takes the reference to given, which may be NULL. */
static dor_result set_trust(resolving *r, dor_trust_store *given)
{
    dor_tls_config *tls = r->settings->tls;
    if (given) {
        dor__trust_store_unref(tls->trust);
        tls->trust = given;
    }
    if (!tls->verify_peer || (r->role == DOR_TLS_CLIENT && tls->psks && !tls->psk_fallback) ||
        (tls->trust && dor__trust_store_count(tls->trust) > 0))
        return DOR_SUCCESS;
    if (r->role == DOR_TLS_SERVER) /* never the system's: anybody can get a certificate from those */
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "option verify: a server that verifies its clients needs cacertfile or cacerts");

    dor_trust_store *store;
    dor_result result = dor__system_trust(&store, r->why, sizeof(r->why));
    if (dor__failed(result)) return fail_as(r, result, "verify");
    dor__trust_store_unref(tls->trust);
    tls->trust = store;
    return DOR_SUCCESS;
}

/* Servers ask nobody unless they verify, but clients may name theirs whatever they do with what comes. */
static dor_result name_trusted(resolving *r)
{
    dor_result result = dor__tls_config_name_trusted(r->settings->tls);
    if (result.code == DOR_E_TOO_BIG)
        return dor__options_fail(
            r->options, DOR_E_TOO_BIG,
            "option certificate_authorities: the names of all that are trusted are more than 16384 bytes");
    return dor__failed(result) ? dor__options_fail(r->options, result.code, "out of memory") : result;
}

/* ---- who we are ---------------------------------------------------------------------------------------------------- */

static dor_span bytes_of(const resolving *r, const char *name)
{
    const dor_value *value = dor__options_get(r->options, name);
    return value ? dor__bytes_span(&value->bytes) : DOR_SPAN_EMPTY;
}

/* A list of the one that the single options tell of; *gathered stays NULL when they tell of none. */
static dor_result gather_single(const resolving *r, dor_credentials **gathered)
{
    if (!is_set(r, "cert") && !is_set(r, "certfile")) {
        static const char *const followers[] = {
            "key", "keyfile", "signer", "ocsp_response", "ocsp_responsefile", "sct_list", "sct_listfile"};
        const char *lone = NULL;
        for (size_t i = 0; !lone && i < sizeof(followers) / sizeof(followers[0]); i++)
            if (is_set(r, followers[i])) lone = followers[i];
        return lone ? dor__options_fail(r->options, DOR_E_OPTION_CONFLICT, "option %s needs cert or certfile",
                                        lone)
                    : DOR_SUCCESS;
    }
    const dor_value *signer = dor__options_get(r->options, "signer");
    if (signer && (is_set(r, "key") || is_set(r, "keyfile")))
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT, "options signer and %s: give one of them",
                                 is_set(r, "key") ? "key" : "keyfile");
    if (!is_set(r, "key") && !is_set(r, "keyfile") && !is_set(r, "certfile") && !signer)
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT, "option cert needs key or keyfile");
    dor_span cert = bytes_of(r, "cert"), key = bytes_of(r, "key");
    dor_span ocsp = bytes_of(r, "ocsp_response"), sct = bytes_of(r, "sct_list");
    const dor_certs_key one = {.certfile = text_of(r, "certfile"),
                               .keyfile = text_of(r, "keyfile"),
                               .password = text_of(r, "password"),
                               .cert = cert.ptr,
                               .cert_len = cert.len,
                               .key = key.ptr,
                               .key_len = key.len,
                               .sign = signer ? (dor_sign_fn)signer->fn : NULL,
                               .sign_arg = signer ? signer->arg : NULL,
                               .ocsp_responsefile = text_of(r, "ocsp_responsefile"),
                               .ocsp_response = ocsp.ptr,
                               .ocsp_response_len = ocsp.len,
                               .sct_listfile = text_of(r, "sct_listfile"),
                               .sct_list = sct.ptr,
                               .sct_list_len = sct.len};
    dor_result result = dor__credentials_new(gathered);
    if (dor__ok(result)) result = dor__credentials_add(*gathered, &one);
    if (dor__ok(result)) return result;
    dor__credentials_unref(*gathered);
    return dor__options_fail(r->options, result.code, "out of memory");
}

static dor_result gather(const resolving *r, dor_credentials **gathered)
{
    static const char *const single[] = {
        "cert",          "certfile",          "key",      "keyfile",     "signer",
        "ocsp_response", "ocsp_responsefile", "sct_list", "sct_listfile"};
    const dor_value *several = dor__options_get(r->options, "certs_keys");
    *gathered = NULL;
    if (!several) return gather_single(r, gathered);
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
        if (is_set(r, single[i]))
            return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                     "options certs_keys and %s: give one of them", single[i]);
    *gathered = dor__credentials_ref(several->object);
    return DOR_SUCCESS;
}

static dor_result set_identity(resolving *r, const dor_trust_store *issuers)
{
    dor_credentials *gathered;
    dor_credential_trouble trouble = {.item = 0};
    DOR_TRY(gather(r, &gathered));
    if (!gathered) return DOR_SUCCESS;
    dor_result result = r->fresh ? DOR_SUCCESS : dor__settings_drop_identities(r->settings);
    if (dor__failed(result)) {
        dor__credentials_unref(gathered);
        return dor__options_fail(r->options, result.code, "out of memory");
    }
    r->settings->credentials = gathered; /* takes the reference */
    result = dor__credentials_load(gathered, r->settings->tls, issuers, &trouble);
    if (dor__ok(result)) return result;
    if (is_set(r, "certs_keys"))
        return dor__options_fail(r->options, result.code, "option certs_keys, number %zu, %s: %s",
                                 trouble.item + 1, trouble.part,
                                 result.code == DOR_E_NOMEM ? "out of memory" : trouble.why);
    memcpy(r->why, trouble.why, sizeof(r->why));
    return fail_as(r, result, trouble.part);
}

/* ---- pre-shared keys ------------------------------------------------------------------------------------------------ */

static dor_result read_psks(resolving *r, const char *path, dor_psks *psks)
{
    dor_bytes text = DOR_BYTES_EMPTY;
    size_t line = 0;
    dor_result result = dor__read_file(path, &text, r->why, sizeof(r->why));
    if (dor__failed(result)) return fail_as(r, result, "pskfile");
    for (size_t i = 0; dor__ok(result) && i < dor__psks_count(r->settings->tls->psks); i++)
        result = dor__psks_add(psks, dor__psks_at(r->settings->tls->psks, i));
    if (dor__ok(result)) result = dor__psks_parse(psks, dor__bytes_span(&text), &line);
    dor__wipe(text.ptr, text.len);
    dor__bytes_free(&text);
    if (dor__ok(result) || result.code == DOR_E_NOMEM)
        return dor__ok(result) ? result : fail_as(r, result, "pskfile");
    if (result.code == DOR_E_BADARG) result = dor__error(DOR_E_FILE_MALFORMED);
    return dor__options_fail(r->options, result.code, "option pskfile: %s, line %zu: %s", path, line,
                             result.code == DOR_E_NAME_TAKEN ? "the identity is there already"
                             : result.code == DOR_E_LIMIT    ? "too many"
                                                          : "wanted identity:key, the key 16 to 128 bytes in "
                                                            "hexadecimal, and perhaps :sha256 or :sha384");
}

/* What is in the file goes with what dor_options_add_psk was given. */
static dor_result set_psks(resolving *r)
{
    dor_tls_config *tls = r->settings->tls;
    const char *path = text_of(r, "pskfile");
    if (path) {
        dor_psks *psks;
        dor_result result = dor__psks_new(&psks);
        if (dor__failed(result)) return dor__options_fail(r->options, result.code, "out of memory");
        result = read_psks(r, path, psks);
        if (dor__failed(result)) {
            dor__psks_unref(psks);
            return result;
        }
        dor__psks_unref(tls->psks);
        tls->psks = psks;
    }
    if (!tls->psks && !tls->ask_psk) return DOR_SUCCESS;
    if (r->role == DOR_TLS_SERVER && tls->verify_peer && tls->require_peer_cert)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "option fail_if_no_peer_cert: who comes with a pre-shared key has no certificate");
    dor_result result = dor__reflection_secret(tls);
    return dor__failed(result) ? dor__options_fail(r->options, result.code, "no randomness") : result;
}

/* Whether there is no way but a pre-shared key: no certificate of ours (servers), or none of theirs that would do. */
static bool psk_alone(const resolving *r)
{
    const dor_tls_config *tls = r->settings->tls;
    if (r->role == DOR_TLS_SERVER) return (tls->psks || tls->ask_psk) && tls->identity_count == 0;
    return tls->psks && !tls->psk_fallback;
}

/* ---- what only shows when all is there ------------------------------------------------------------------------------ */

/* A version without a suite cannot be negotiated, so it is not offered; when none is left, that is a contradiction. */
static dor_result match_versions(const resolving *r)
{
    dor_tls_config *tls = r->settings->tls;
    uint16_t min = UINT16_MAX, max = 0;
    for (size_t i = 0; i < tls->suite_count; i++) {
        const dor_suite *suite = dor__suite_find(tls->suites[i]);
        if (!suite || suite->version < tls->min_version || suite->version > tls->max_version) continue;
        if (suite->version < min) min = suite->version;
        if (suite->version > max) max = suite->version;
    }
    if (max == 0)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "options versions and ciphers: none of the suites is for one of the versions");
    if (psk_alone(r) || tls->psks || tls->ask_psk) {
        if (max < DOR_TLS_1_3)
            return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                     "options psks and versions: pre-shared keys are for tlsv1.3");
        if (psk_alone(r)) min = DOR_TLS_1_3;
    }
    tls->min_version = min;
    tls->max_version = max;
    return DOR_SUCCESS;
}

/* What would be set, and never come to anything. */
static dor_result check_second(const resolving *r)
{
    const dor_tls_config *tls = r->settings->tls;
    if (r->role == DOR_TLS_SERVER && tls->post_auth && !tls->verify_peer)
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "option post_handshake_auth: a server needs verify verify_peer for it");
    if (tls->require_own_cert && tls->identity_count == 0)
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "option require_own_cert: there is no certificate of our own");
    if (tls->renegotiate_at && !tls->renegotiation)
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "option renegotiate_at needs option renegotiation");
    return DOR_SUCCESS;
}

static dor_result check_marks(const resolving *r)
{
    const dor_settings *s = r->settings;
    if (s->send_low >= s->send_high)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "options low_watermark (%u) and high_watermark (%u): low must be less than high", s->send_low,
            s->send_high);
    if (s->receive_low >= s->receive_high)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "options receive_low_watermark (%u) and receive_high_watermark (%u): low must be less than high",
            s->receive_low, s->receive_high);
    return DOR_SUCCESS;
}

/* What a memory of sessions is like; a shared one has it from its own options. */
static const char *const keeper_options[] = {"max_sessions", "max_session_bytes", "ticket_keys",
                                             "ticket_key_period", "ticket_key_overlap"};

static int64_t number_or(const dor_options *options, const char *name, int64_t otherwise)
{
    const dor_value *value = dor__options_get(options, name);
    return value ? value->number : otherwise;
}

/* lifetime_s: of the sessions, whose tickets the keys should open for as long. */
static dor_result new_keeper(const dor_options *options, int64_t lifetime_s, dor_session_keeper **keeper)
{
    dor_session_keeper_spec spec = dor__session_keeper_defaults;
    const dor_value *keys = dor__options_get(options, "ticket_keys");
    int64_t period_s = number_or(options, "ticket_key_period", spec.key_period_ms / 1000);
    int64_t overlap_s = number_or(options, "ticket_key_overlap", lifetime_s);
    if (overlap_s / period_s >= DOR_TICKET_KEYS_MAX - 1)
        return dor__options_fail(
            options, DOR_E_OPTION_CONFLICT,
            "options ticket_key_period (%lld s) and ticket_key_overlap (%lld s): more than %d keys "
            "would be open at a time",
            (long long)period_s, (long long)overlap_s, DOR_TICKET_KEYS_MAX);
    spec.max_sessions = (size_t)number_or(options, "max_sessions", (int64_t)spec.max_sessions);
    spec.max_bytes = (size_t)number_or(options, "max_session_bytes", (int64_t)spec.max_bytes);
    spec.key_period_ms = period_s * 1000;
    spec.key_overlap_ms = overlap_s * 1000;
    if (keys) spec.ticket_keys = dor__bytes_span(&keys->bytes);
    dor_result result = dor__session_keeper_new(keeper, &spec);
    if (dor__failed(result))
        return dor__options_fail(options, result.code, "the store of sessions could not be made");
    return result;
}

dor_result dor__options_keeper(const dor_options *options, dor_session_keeper **keeper)
{
    return new_keeper(options, number_or(options, "session_lifetime", 24 * 3600), keeper);
}

static bool any_set(const resolving *r, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_set(r, names[i])) return true;
    return false;
}

/* Sessions by id are outside; the keeper stays for its ticket keys. */
static dor_result set_outside(resolving *r)
{
    dor_settings *s = r->settings;
    dor_session_outside *outside;
    if (is_set(r, "session_cb") && (is_set(r, "max_sessions") || is_set(r, "max_session_bytes")))
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "options session_cb and %s: what is kept outside has no such bound",
                                 is_set(r, "max_sessions") ? "max_sessions" : "max_session_bytes");
    dor_result result = dor__session_outside_for(s->outside, s->tls, s->keeper, &outside);
    if (dor__failed(result)) return dor__options_fail(r->options, result.code, "out of memory");
    dor__session_outside_unref(s->outside);
    s->outside = outside;
    s->tls->store = &dor__session_outside_ops;
    s->tls->store_ctx = outside;
    s->tls->ask_session = true;
    return DOR_SUCCESS;
}

/*
 * A server's memory of sessions. Settings that override another's share it, except when they judge the client otherwise:
 * a session that was made under laxer rules must not come in by the side door.
 */
static dor_result set_keeper(resolving *r)
{
    static const char *const judging[] = {
        "verify", "fail_if_no_peer_cert", "depth", "cacerts", "cacertfile", "cert", "certfile", "certs_keys"};
    dor_tls_config *tls = r->settings->tls;
    bool own = any_set(r, keeper_options, sizeof(keeper_options) / sizeof(keeper_options[0]));
    if (is_set(r, "session_cache")) {
        if (own)
            return dor__options_fail(
                r->options, DOR_E_OPTION_CONFLICT,
                "option session_cache: how many sessions it holds and its ticket keys are "
                "options of the cache, not of the listener");
    } else if (r->fresh || own || any_set(r, judging, sizeof(judging) / sizeof(judging[0]))) {
        dor_session_keeper *keeper;
        DOR_TRY(new_keeper(r->options, tls->session_lifetime_s, &keeper));
        if (r->settings->keeper) dor__session_keeper_unref(r->settings->keeper);
        r->settings->keeper = keeper;
    }
    tls->store = &dor__session_keeper_ops;
    tls->store_ctx = r->settings->keeper;
    return r->settings->outside ? set_outside(r) : DOR_SUCCESS;
}

enum { DEFAULT_EARLY_REPLAYS = 20000 }; /* anti_replay 10k */

static dor_result server_early_data(const resolving *r)
{
    dor_settings *s = r->settings;
    dor_tls_config *tls = s->tls;
    tls->max_early_data = s->early_enabled ? s->max_early_data : 0;
    const bool sealed = tls->ticket_kind == DOR_TICKETS_STATELESS;
    if (!s->early_enabled)
        return !is_set(r, "anti_replay") ? DOR_SUCCESS
                                         : dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                                             "option anti_replay needs early_data enabled");
    if (tls->max_version < DOR_TLS_1_3)
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "options early_data and versions: early data is for tlsv1.3");
    if (tls->tickets_disabled || !tls->resumption || tls->ticket_count == 0)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "option early_data: it comes with a ticket, and %s means that there are none",
            tls->tickets_disabled ? "session_tickets disabled"
            : !tls->resumption    ? "reuse_sessions false"
                                  : "ticket_count 0");
    if (is_set(r, "anti_replay") && !sealed)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "options anti_replay and session_tickets: a stateful ticket is of use once by itself");
    if (sealed && !s->early_replays && dor__session_keeper_keys_given(s->keeper))
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "options early_data and ticket_keys: whoever else has the keys would take the same early data "
            "again; session_tickets stateful, or, if nobody has, say anti_replay");
    if (sealed)
        dor__session_keeper_remember_early(
            s->keeper, s->early_replays ? s->early_replays : DEFAULT_EARLY_REPLAYS, s->early_replays > 0);
    return DOR_SUCCESS;
}

static dor_result client_early_data(const resolving *r)
{
    const dor_settings *s = r->settings;
    if (!s->early_data) return DOR_SUCCESS;
    if (s->tls->max_version < DOR_TLS_1_3)
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "options early_data and versions: early data is for tlsv1.3");
    if (!s->tickets_auto && !s->session)
        return dor__options_fail(
            r->options, DOR_E_OPTION_CONFLICT,
            "option early_data goes with a ticket: session_tickets auto, or reuse_session");
    return DOR_SUCCESS;
}

/* The file of the key log: named by an option, or by the environment when an option says that it may. */
static const char *key_log_path(const resolving *r)
{
    const dor_value *asked = dor__options_get(r->options, "keylog_environment");
    const char *path = text_of(r, "keylogfile");
    if (path || !asked || !asked->number) return path;
    path = secure_getenv("SSLKEYLOGFILE"); /* not when we run with more rights than who started us */
    return path && *path ? path : NULL;
}

static dor_result set_key_log(resolving *r)
{
    const dor_value *given = dor__options_get(r->options, "key_log");
    const char *path = key_log_path(r);
    dor_key_log *log;
    if (!given && !path) return DOR_SUCCESS;
    dor_result result = dor__key_log_new(given ? (dor_key_log_fn)given->fn : NULL, given ? given->arg : NULL,
                                         path, &log, r->why, sizeof(r->why));
    if (dor__failed(result)) return fail_as(r, result, is_set(r, "keylogfile") ? "keylogfile" : "key log");
    dor__key_log_unref(r->settings->key_log);
    r->settings->key_log = log;
    r->settings->tls->key_log = dor__key_log_line;
    r->settings->tls->key_log_ctx = log;
    return DOR_SUCCESS;
}

static dor_result finish(resolving *r)
{
    dor_trust_store *given;
    DOR_TRY(load_trust(r, &given));
    dor_result result = set_identity(r, given);
    if (dor__failed(result)) {
        dor__trust_store_unref(given);
        return result;
    }
    result = set_psks(r);
    if (dor__failed(result)) {
        dor__trust_store_unref(given);
        return result;
    }
    DOR_TRY(set_trust(r, given));
    DOR_TRY(name_trusted(r));
    if (r->role == DOR_TLS_SERVER && r->settings->tls->identity_count == 0 && !psk_alone(r))
        return dor__options_fail(r->options, DOR_E_NO_OPTIONS,
                                 "a server needs a certificate: set certfile, or cert and key; or psks");
    if (!r->settings->tls->verify_peer) r->settings->tls->verify_host = false;
    DOR_TRY(match_versions(r));
    DOR_TRY(check_marks(r));
    DOR_TRY(check_second(r));
    if (is_set(r, "ip") && is_set(r, "ifaddr"))
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "options ip and ifaddr are the same: give one of them");
    if (is_set(r, "sni_hosts") && is_set(r, "sni_fun"))
        return dor__options_fail(r->options, DOR_E_OPTION_CONFLICT,
                                 "options sni_hosts and sni_fun exclude each other");
    r->settings->tls->ask_hello = r->settings->pause_at_hello || r->settings->hosts || r->settings->sni;
    DOR_TRY(set_key_log(r));
    if (r->role == DOR_TLS_SERVER) {
        DOR_TRY(set_keeper(r));
        return server_early_data(r);
    }
    DOR_TRY(client_early_data(r));
    result = dor__settings_renew_place(r->settings);
    return dor__failed(result) ? dor__options_fail(r->options, result.code, "out of memory") : result;
}

static dor_result run(resolving *r, dor_settings **settings)
{
    dor_result result = apply_all(r);
    if (dor__ok(result)) result = finish(r);
    if (dor__ok(result)) result = dor__options_settle_hosts(r->options, r->fresh, r->settings);
    if (dor__failed(result)) {
        dor__settings_unref(r->settings);
        return result;
    }
    *settings = r->settings;
    return result;
}

dor_result dor__options_resolve(const dor_options *options, dor_tls_role role, dor_settings **settings)
{
    resolving r = {.options = options, .role = role, .fresh = true};
    if (role == DOR_TLS_SERVER && !options) return dor__error(DOR_E_NO_OPTIONS);
    dor_result result = dor__settings_new(&r.settings);
    if (dor__failed(result)) return dor__options_fail(options, result.code, "out of memory");
    r.settings->tls->send_server_name = r.settings->send_server_name;
    r.settings->tls->verify_peer = r.settings->tls->verify_host = role == DOR_TLS_CLIENT;
    if (role == DOR_TLS_SERVER) r.settings->tls->name_authorities = DOR_NAME_IF_SHORT;
    return run(&r, settings);
}

dor_result dor__options_override(const dor_settings *base, const dor_options *options, dor_tls_role role,
                                 dor_settings **settings)
{
    resolving r = {.options = options, .role = role};
    dor_result result = dor__settings_clone(base, &r.settings);
    if (dor__failed(result)) return dor__options_fail(options, result.code, "out of memory");
    return run(&r, settings);
}
