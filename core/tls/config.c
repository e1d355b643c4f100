/*
 * config.c - configurations: defaults, life, and what is checked while one is being filled.
 *
 * Threads: filled by one, then frozen and shared. The count is the only thing that changes afterwards.
 */
#include "tls/config.h"

#include "base/alloc.h"
#include "base/reader.h"
#include "base/writer.h"
#include "base/ct.h"

enum { HOUR_S = 3600 };

/* The order is preference: what is quick and short to sign first, PKCS#1 v1.5 last (TLS 1.2 and certificates). */
static const dor_sig_scheme default_schemes[] = {
    DOR_SIG_ECDSA_SECP256R1_SHA256,
    DOR_SIG_ED25519,
    DOR_SIG_ECDSA_SECP384R1_SHA384,
    DOR_SIG_RSA_PSS_RSAE_SHA256,
    DOR_SIG_RSA_PSS_RSAE_SHA384,
    DOR_SIG_RSA_PSS_RSAE_SHA512,
    DOR_SIG_RSA_PSS_PSS_SHA256,
    DOR_SIG_RSA_PSS_PSS_SHA384,
    DOR_SIG_RSA_PSS_PSS_SHA512,
    DOR_SIG_ECDSA_SHA512,
    DOR_SIG_ED448,
    DOR_SIG_RSA_PKCS1_SHA256,
    DOR_SIG_RSA_PKCS1_SHA384,
    DOR_SIG_RSA_PKCS1_SHA512,
};

static const dor_group default_groups[] = {DOR_GROUP_X25519MLKEM768, DOR_GROUP_X25519, DOR_GROUP_SECP256R1,
                                           DOR_GROUP_SECP384R1};

static void set_lists(dor_tls_config *c)
{
    size_t count;
    const dor_suite *suites = dor__suite_all(&count);
    for (size_t i = 0; i < count && c->suite_count < DOR_MAX_SUITES; i++)
        if (!suites[i].by_name) c->suites[c->suite_count++] = suites[i].id;
    for (size_t i = 0; i < sizeof(default_groups) / sizeof(default_groups[0]); i++)
        if (dor__kx_known(default_groups[i])) c->groups[c->group_count++] = default_groups[i];
    for (size_t i = 0; i < sizeof(default_schemes) / sizeof(default_schemes[0]); i++)
        c->schemes[c->scheme_count++] = default_schemes[i];
}

dor_result dor__tls_config_new(dor_tls_config **config)
{
    dor_tls_config *c = dor__calloc(1, sizeof(*c));
    *config = c;
    if (!c) return dor__error(DOR_E_NOMEM);

    c->ref_count_ = 1;
    c->min_version = DOR_TLS_1_2;
    c->max_version = DOR_TLS_1_3;
    set_lists(c);
    c->honor_cipher_order = true;
    c->verify_peer = true;
    c->verify_host = true;
    c->depth = 10;
    c->send_server_name = true;
    c->resumption = true;
    c->ticket_count = 2;
    c->psk_modes = DOR_PSK_DHE_KE;
    c->session_lifetime_s = 24 * HOUR_S;
    c->middlebox_compat = true;
    c->max_handshake_len = 64 * 1024;
    c->max_handshake_memory = 256 * 1024;
    c->max_certificates = 10;
    c->max_renegotiations = 16;
    c->max_refused_renegotiations = 4;
    c->max_key_updates = 32;
    c->max_empty_records = 32;
    c->max_warning_alerts = 4;
    return DOR_SUCCESS;
}

dor_tls_config *dor__tls_config_ref(dor_tls_config *config)
{
    /* Relaxed: whoever takes a reference already holds one, so the object is alive and its contents are visible. */
    if (config) __atomic_add_fetch(&config->ref_count_, 1, __ATOMIC_RELAXED);
    return config;
}

static void identity_fini(dor_identity *identity)
{
    for (size_t i = 0; i < identity->chain_count; i++)
        dor__certificate_unref(identity->chain[i]);
    dor__free(identity->chain);
    dor__private_key_unref(identity->key);
    dor__bytes_free(&identity->status);
    dor__bytes_free(&identity->timestamps);
    dor__packed_certificates_free(identity->packed);
    *identity = (dor_identity){0};
}

void dor__tls_config_unref(dor_tls_config *config)
{
    /* Release, so that each holder's reads come before the count falls; acquire, so that the last one frees after
     * all of them. */
    if (!config || __atomic_sub_fetch(&config->ref_count_, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < config->identity_count; i++)
        identity_fini(&config->identities[i]);
    dor__trust_store_unref(config->trust);
    dor__bytes_free(&config->alpn);
    dor__bytes_free(&config->authorities);
    dor__psks_unref(config->psks);
    dor__wipe(config->reflection_secret, sizeof config->reflection_secret);
    dor__free(config);
}

uint32_t dor__cert_scheme_bit(dor_sig_scheme scheme)
{
    static const dor_sig_scheme known[] = {
        DOR_SIG_RSA_PKCS1_SHA256,
        DOR_SIG_RSA_PKCS1_SHA384,
        DOR_SIG_RSA_PKCS1_SHA512,
        DOR_SIG_ECDSA_SECP256R1_SHA256,
        DOR_SIG_ECDSA_SECP384R1_SHA384,
        DOR_SIG_ECDSA_SHA512,
        DOR_SIG_RSA_PSS_RSAE_SHA256,
        DOR_SIG_RSA_PSS_RSAE_SHA384,
        DOR_SIG_RSA_PSS_RSAE_SHA512,
        DOR_SIG_RSA_PSS_PSS_SHA256,
        DOR_SIG_RSA_PSS_PSS_SHA384,
        DOR_SIG_RSA_PSS_PSS_SHA512,
        DOR_SIG_ED25519,
        DOR_SIG_ED448,
        DOR_SIG_MLDSA44,
        DOR_SIG_MLDSA65,
        DOR_SIG_MLDSA87,
    };
    for (uint32_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i] == scheme) return 1u << i;
    return DOR_CERT_SCHEME_OTHER;
}

static dor_result check_pair(const dor_certificate *leaf, const dor_private_key *key)
{
    dor_public_key *public_key = NULL;
    DOR_TRY(dor__public_key_from_spki(&public_key, leaf->spki));
    bool fits = dor__key_pair_fits(key, public_key);
    dor__public_key_free(public_key);
    return fits ? DOR_SUCCESS : dor__error(DOR_E_KEY_MISMATCH);
}

/* Of a key that signs in one way, and in none of the default ones: whoever gives it means it to sign so. */
static void set_only_scheme(dor_identity *identity, dor_key_type type)
{
    static const dor_sig_scheme by_name_only[] = {DOR_SIG_MLDSA44, DOR_SIG_MLDSA65, DOR_SIG_MLDSA87};
    for (size_t i = 0; i < sizeof(by_name_only) / sizeof(by_name_only[0]); i++)
        if (dor__sig_fits_key(by_name_only[i], type))
            identity->schemes[identity->scheme_count++] = by_name_only[i];
}

dor_result dor__tls_config_add_identity(dor_tls_config *config, dor_certificate *const *chain, size_t count,
                                        dor_private_key *key)
{
    if (count == 0 || count > DOR_PATH_MAX_CERTS || !key) return dor__error(DOR_E_BADARG);
    if (config->identity_count == DOR_MAX_IDENTITIES) return dor__error(DOR_E_LIMIT);
    /* A certificate of our own that cannot be read is a bad argument, not something to send a peer an alert for. */
    dor_result pair = check_pair(chain[0], key);
    if (dor__failed(pair))
        return dor_error_get_class(pair.code) == DOR_CLASS_ALERT_SENT ? dor__error(DOR_E_KEY_UNSUPPORTED)
                                                                      : pair;

    dor_identity *identity = &config->identities[config->identity_count];
    identity->chain = dor__calloc(count, sizeof(identity->chain[0]));
    if (!identity->chain) return dor__error(DOR_E_NOMEM);
    for (size_t i = 0; i < count; i++)
        identity->chain[i] = dor__certificate_ref(chain[i]);
    identity->chain_count = count;
    identity->may_sign = !chain[0]->has_key_usage || (chain[0]->key_usage & DOR_KU_DIGITAL_SIGNATURE) != 0;
    identity->may_decrypt = !chain[0]->has_key_usage || (chain[0]->key_usage & DOR_KU_KEY_ENCIPHERMENT) != 0;
    for (size_t i = 0; i < count;
         i++) /* a root's own signature is nobody's concern (RFC 8446 section 4.2.3) */
        if (!chain[i]->self_issued)
            identity->chain_schemes |= dor__cert_scheme_bit(dor__certificate_sig_scheme(chain[i]));
    identity->key = dor__private_key_ref(key);
    set_only_scheme(identity, dor__private_key_type(key));
    config->identity_count++;
    return DOR_SUCCESS;
}

dor_result dor__tls_config_add_authority(dor_tls_config *config, dor_span name)
{
    enum { MAX = 16384 }; /* a hello with all of them stays far below what servers take */
    if (name.len == 0) return dor__error(DOR_E_BADARG);
    if (name.len > MAX || config->authorities.len + 2 + name.len > MAX) return dor__error(DOR_E_TOO_BIG);
    return wr_vec(&config->authorities, 2, name);
}

static bool named_already(const dor_tls_config *config, dor_span name)
{
    dor_span one;
    for (dor_reader r = rd_from(dor__bytes_span(&config->authorities)); rd_left(&r);)
        if (dor__failed(rd_vec16(&r, &one, 1, UINT16_MAX)) || dor__span_equal(one, name)) return true;
    return false;
}

dor_result dor__tls_config_name_trusted(dor_tls_config *config)
{
    const size_t count =
        config->trust && config->name_authorities ? dor__trust_store_count(config->trust) : 0;
    dor_result result = DOR_SUCCESS;
    config->authorities.len = 0;
    for (size_t i = 0; i < count && dor__ok(result); i++) {
        const dor_span name = dor__trust_store_at(config->trust, i)->subject;
        if (name.len > 0 && !named_already(config, name))
            result = dor__tls_config_add_authority(config, name);
    }
    if (dor__ok(result)) return result;
    config->authorities.len = 0; /* half of them would send the others' clients away */
    const bool enough = result.code == DOR_E_TOO_BIG && config->name_authorities == DOR_NAME_IF_SHORT;
    return enough ? DOR_SUCCESS : result;
}

dor_result dor__tls_config_staple(dor_tls_config *config, size_t index, dor_span status, dor_span timestamps)
{
    enum { MAX_STATUS = 65535 - 1 - 3 }; /* it must fit an extension: RFC 8446 section 4.4.2.1 */
    if (index >= config->identity_count) return dor__error(DOR_E_BADARG);
    if (status.len > MAX_STATUS) return dor__error(DOR_E_TOO_BIG);
    dor_identity *identity = &config->identities[index];
    if (timestamps.len > 0 && dor__failed(dor__timestamps_check(timestamps)))
        return dor__error(DOR_E_FILE_MALFORMED);
    identity->status.len = identity->timestamps.len = 0;
    DOR_TRY(dor__bytes_append(&identity->status, status));
    return dor__bytes_append(&identity->timestamps, timestamps);
}

dor_result dor__tls_config_add_alpn(dor_tls_config *config, dor_span protocol)
{
    enum { MAX_LIST = 65535 - 2 }; /* it must fit an extension: RFC 7301 section 3.1 */
    if (protocol.len == 0 || protocol.len > 255) return dor__error(DOR_E_BADARG);
    if (config->alpn.len + 1 + protocol.len > MAX_LIST) return dor__error(DOR_E_LIMIT);
    DOR_TRY(dor__bytes_reserve(&config->alpn, 1 + protocol.len));
    config->alpn.ptr[config->alpn.len++] = (uint8_t)protocol.len;
    return dor__bytes_append(&config->alpn, protocol);
}
