/*
 * settings.c - the engine's config as the flags want it, and where a server keeps its sessions.
 *
 * What the runner takes for the defaults of a stack (client's order of suites, renegotiation refused, sessions without
 * extended master secret resumed, ...) is set here where the engine's own default is another one.
 */
#include "bogo/shim.h"

#include "tls/handshake.h"

#include <stdio.h>
#include <string.h>

/* ---- sessions ---------------------------------------------------------------------------------------------- */

static void store_store(void *ctx, dor_session *session)
{
    bogo_world *world = ctx;
    world->stored++;
    if (world->session_count < BOGO_SESSIONS_MAX)
        world->sessions[world->session_count++] = dor__session_ref(session);
}

static size_t store_find(const bogo_world *world, dor_span id)
{
    for (size_t i = 0; i < world->session_count; i++)
        if (dor__span_equal(dor__span(world->sessions[i]->id, world->sessions[i]->id_len), id)) return i;
    return world->session_count;
}

dor_session *bogo_session_lookup(void *ctx, int64_t now_ms, dor_span id)
{
    bogo_world *world = ctx;
    (void)now_ms;
    size_t i = store_find(world, id);
    return i < world->session_count ? dor__session_ref(world->sessions[i]) : NULL;
}

static void store_remove(void *ctx, dor_span id)
{
    bogo_world *world = ctx;
    size_t i = store_find(world, id);
    if (i == world->session_count) return;
    dor__session_unref(world->sessions[i]);
    world->sessions[i] = world->sessions[--world->session_count];
}

static dor_result store_seal(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain, dor_bytes *ticket)
{
    const bogo_world *world = ctx;
    (void)now_ms;
    return dor__ticket_seal(&world->ticket_key, rng, plain, ticket);
}

static dor_result store_open(void *ctx, int64_t now_ms, dor_span ticket, dor_bytes *plain, bool *opened)
{
    const bogo_world *world = ctx;
    (void)now_ms;
    return dor__ticket_open(&world->ticket_key, ticket, plain, opened);
}

/* The runner sends no copies; who takes early data has to say that he would know them. */
static bool store_early_once(void *ctx, int64_t now_ms, int64_t created_ms, dor_span binder)
{
    (void)ctx, (void)now_ms, (void)created_ms, (void)binder;
    return true;
}

static const dor_tls_store_ops store_ops = {
    .store = store_store,
    .lookup = bogo_session_lookup,
    .remove = store_remove,
    .early_once = store_early_once,
    .ticket_seal = store_seal,
    .ticket_open = store_open,
};

/* ---- lists --------------------------------------------------------------------------------------------------- */

static int unimplemented(const char *what)
{
    fprintf(stderr, "unimplemented: %s\n", what);
    return BOGO_UNIMPLEMENTED;
}

static int set_versions(const bogo_flags *flags, dor_tls_config *config)
{
    long long low = flags->min_version > DOR_TLS_1_2 ? flags->min_version : DOR_TLS_1_2;
    long long high =
        flags->max_version && flags->max_version < DOR_TLS_1_3 ? flags->max_version : DOR_TLS_1_3;
    if (flags->no_tls13 && high == DOR_TLS_1_3) high = DOR_TLS_1_2;
    if (flags->no_tls12 && low == DOR_TLS_1_2) low = DOR_TLS_1_3;
    if (low > high) return unimplemented("none of our versions");
    config->min_version = (uint16_t)low;
    config->max_version = (uint16_t)high;
    return BOGO_PASSED;
}

static int set_groups(const bogo_flags *flags, dor_tls_config *config)
{
    if (!flags->curves.count) return BOGO_PASSED;
    if (flags->curves.count > DOR_MAX_GROUPS) return unimplemented("so many groups");
    config->group_count = 0;
    for (size_t i = 0; i < flags->curves.count; i++) {
        if (!dor__kx_known(flags->curves.values[i])) return unimplemented("a group that we have not");
        config->groups[config->group_count++] = flags->curves.values[i];
    }
    return BOGO_PASSED;
}

/* What the runner takes for the default: the first group, and the first with ML-KEM if that one is without, or without if not. */
static void guess_shares(dor_tls_config *config)
{
    config->key_shares[config->key_share_count++] = config->groups[0];
    bool hybrid = dor__kx_family(config->groups[0]) == DOR_GROUP_HYBRID;
    for (size_t i = 1; i < config->group_count; i++) {
        if ((dor__kx_family(config->groups[i]) == DOR_GROUP_HYBRID) == hybrid) continue;
        config->key_shares[config->key_share_count++] = config->groups[i];
        return;
    }
}

/* Behind the groups. */
static int set_shares(const bogo_flags *flags, dor_tls_config *config)
{
    config->key_shares_given = true;
    config->key_share_count = 0;
    if (flags->key_shares.count > DOR_MAX_OWN_SHARES) return unimplemented("so many shares");
    for (size_t i = 0; i < flags->key_shares.count; i++)
        config->key_shares[config->key_share_count++] = flags->key_shares.values[i];
    if (!flags->key_shares.count && !flags->no_key_shares) guess_shares(config);
    return BOGO_PASSED;
}

static void add_suite(dor_tls_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->suite_count; i++)
        if (config->suites[i] == id) return;
    if (config->suite_count < DOR_MAX_SUITES) config->suites[config->suite_count++] = id;
}

static void add_suites(dor_tls_config *config, uint16_t version)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++)
        if (all[i].version == version) add_suite(config, all[i].id);
}

/* An OpenSSL cipher string, as far as it is a list of names; it is about TLS 1.2 alone. */
static int set_suites(const bogo_flags *flags, dor_tls_config *config)
{
    config->suite_count = 0;
    add_suites(config, DOR_TLS_1_3);
    for (const char *at = flags->cipher ? flags->cipher : "ALL"; *at;) {
        dor_span name = dor__span(at, strcspn(at, ":"));
        const dor_suite *suite = dor__suite_from_name(name);
        if (suite)
            add_suite(config, suite->id);
        else if (dor__span_equal(name, dor__span_str("ALL")) ||
                 dor__span_equal(name, dor__span_str("DEFAULT")))
            add_suites(config, DOR_TLS_1_2);
        else
            return unimplemented(at);
        at += name.len + (at[name.len] == ':');
    }
    config->honor_cipher_order = flags->cipher || flags->server_preference;
    return BOGO_PASSED;
}

static int set_alpn(const bogo_flags *flags, dor_tls_config *config)
{
    dor_result r = DOR_SUCCESS;
    if (flags->server) {
        if (flags->select_alpn && !*flags->select_alpn) return unimplemented("no name in ALPN");
        if (flags->select_alpn) r = dor__tls_config_add_alpn(config, dor__span_str(flags->select_alpn));
        if (flags->reject_alpn) r = dor__tls_config_add_alpn(config, dor__span_str("nobody's protocol"));
    } else if (flags->advertise_alpn) { /* as on the wire */
        for (const char *at = flags->advertise_alpn; *at && dor__ok(r); at += 1 + *at) {
            if (strlen(at + 1) < (size_t)*at) return unimplemented("broken ALPN list");
            r = dor__tls_config_add_alpn(config, dor__span(at + 1, (size_t)*at));
        }
    }
    return dor__ok(r) ? BOGO_PASSED : BOGO_FAILED;
}

/* What the runner takes for the default: neither Ed25519 nor P-521 in the peer's signatures. */
static void drop_not_default(dor_tls_config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->scheme_count; i++)
        if (config->schemes[i] != DOR_SIG_ED25519 && config->schemes[i] != DOR_SIG_ECDSA_SHA512)
            config->schemes[count++] = config->schemes[i];
    config->scheme_count = count;
}

static int set_list(const bogo_list *list, dor_sig_scheme *schemes, size_t *count)
{
    if (list->count > DOR_MAX_SCHEMES) return unimplemented("so many schemes");
    for (size_t i = 0; i < list->count; i++) {
        if (!dor__sig_name(list->values[i])) return unimplemented("a signature scheme that we have not");
        schemes[i] = list->values[i];
    }
    *count = list->count;
    return BOGO_PASSED;
}

/* What a key signs with is the identity's, what the peer may sign with the config's. */
static int set_signing(const bogo_list *prefs, const dor_tls_config *config, dor_identity *identity)
{
    if (prefs->count) return set_list(prefs, identity->schemes, &identity->scheme_count);
    if (identity->scheme_count) return BOGO_PASSED; /* a key's that are not among the default ones */
    memcpy(identity->schemes, config->schemes, sizeof config->schemes);
    identity->scheme_count = config->scheme_count;
    return BOGO_PASSED;
}

/* Behind the credentials. */
static int set_schemes(const bogo_flags *flags, dor_tls_config *config)
{
    for (size_t i = 0; i < config->identity_count; i++) {
        const bogo_credential *from =
            i < flags->credential_count ? &flags->credentials[i] : &flags->credential;
        int r = set_signing(&from->signing_prefs, config, &config->identities[i]);
        if (r != BOGO_PASSED) return r;
    }
    if (flags->verify_prefs.count)
        return set_list(&flags->verify_prefs, config->schemes, &config->scheme_count);
    drop_not_default(config);
    return BOGO_PASSED;
}

/* -verify-fail, in the two ways that BoringSSL's shim can say no, and a client that does not like the status. */
static dor_result judge(void *ctx, dor_certificate *const *chain, size_t count)
{
    const bogo_connection *c = ctx;
    const bogo_flags *flags = c->tls->early == DOR_EARLY_REJECTED ? c->retry : c->flags;
    (void)chain, (void)count;
    if (flags->fail_ocsp_callback)
        return dor__alert(DOR_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE, DOR_REASON_CERT_STATUS);
    if (!flags->verify_fail) return DOR_SUCCESS;
    return dor__alert(flags->use_custom_verify_callback ? DOR_ALERT_CERTIFICATE_UNKNOWN
                                                        : DOR_ALERT_HANDSHAKE_FAILURE,
                      DOR_REASON_CERT_REJECTED);
}

enum { EARLY_DATA_MOST = 14336 }; /* what the runner takes for a server's */

static void set_peer(bogo_world *world, const bogo_flags *flags, dor_tls_config *config)
{
    config->verify_peer = flags->verify_peer || flags->require_any_client_certificate ||
                          (flags->expect_verify_result && !flags->verify_fail) ||
                          (flags->use_ocsp_callback && !flags->server);
    config->require_peer_cert = flags->require_any_client_certificate && !flags->verify_peer;
    config->verify_host = false;
    config->require_own_cert = true; /* what the runner takes for the default */
    if (flags->max_cert_list) config->max_handshake_len = (uint32_t)flags->max_cert_list;
    config->verify = judge;
    config->verify_resumed = flags->reverify_on_resume;
    config->max_certificates = DOR_PATH_MAX_CERTS;
    config->send_server_name = flags->host_name != NULL;
    config->resume_without_ems = true;
    config->tickets_disabled = flags->no_ticket;
    config->tickets_12 = true;
    config->store = &store_ops;
    config->store_ctx = world;
    config->ask_hello = true;
    config->ask_session = flags->async;
    config->ask_signature = flags->async || flags->expect_selected_credential; /* it tells which one signs */
    config->exporters = true;
    config->ask_status = flags->enable_ocsp_stapling;
    config->ask_timestamps = flags->enable_signed_cert_timestamps;
    config->max_send_fragment = (uint16_t)flags->max_send_fragment;
    config->grease = flags->enable_grease;
    config->ech_grease = flags->enable_ech_grease;
    config->early_data = flags->enable_early_data && !flags->server;
    config->max_early_data = flags->enable_early_data ? EARLY_DATA_MOST : 0;
    /* The runner takes a refusal to be fatal. */
    config->renegotiation =
        flags->renegotiate_freely || flags->renegotiate_once || flags->forbid_renegotiation_after_handshake;
    if (flags->renegotiate_once) config->max_renegotiations = 1;
    config->max_refused_renegotiations = flags->renegotiate_ignore ? UINT16_MAX : 0;
    config->require_secure_renegotiation = flags->no_legacy_server_connect;
}

int bogo_config_make(bogo_world *world, const bogo_flags *flags, dor_tls_config **config)
{
    static int (*const setters[])(const bogo_flags *, dor_tls_config *) = {
        set_versions, set_groups,           set_shares,  set_suites,
        set_alpn,     bogo_credentials_set, set_schemes, bogo_compression_set,
    };
    if (flags->fail_cert_callback && !flags->server)
        return unimplemented("a client that is asked about its certificate");
    if (dor__failed(dor__tls_config_new(config))) return BOGO_FAILED;
    set_peer(world, flags, *config);
    for (size_t i = 0; i < sizeof setters / sizeof setters[0]; i++) {
        int r = setters[i](flags, *config);
        if (r == BOGO_PASSED) continue;
        dor__tls_config_unref(*config);
        return r;
    }
    return BOGO_PASSED;
}
