/*
 * negotiate.c - what both versions need to agree on suites, groups and names; and the key log.
 */
#include "base/alloc.h"
#include "tls/again.h"

/* ---- names ------------------------------------------------------------------------------------------------ */

/* One block for all, since most connections have at most one. */
static dor_result names_set(dor_tls *t, dor_span alpn, dor_span server_name, dor_span psk_identity)
{
    if (alpn.len > UINT8_MAX || server_name.len > UINT8_MAX || psk_identity.len > UINT16_MAX)
        return dor__error(DOR_E_INTERNAL);
    size_t len = alpn.len + server_name.len + psk_identity.len;
    uint8_t *names = NULL;
    if (len) {
        names = dor__malloc(len);
        if (!names) return dor__error(DOR_E_NOMEM);
        if (alpn.len) memcpy(names, alpn.ptr, alpn.len);
        if (server_name.len) memcpy(names + alpn.len, server_name.ptr, server_name.len);
        if (psk_identity.len) memcpy(names + alpn.len + server_name.len, psk_identity.ptr, psk_identity.len);
    }
    dor__free(t->names);
    t->names = names;
    t->alpn_len = (uint8_t)alpn.len;
    t->server_name_len = (uint8_t)server_name.len;
    t->psk_identity_len = (uint16_t)psk_identity.len;
    return DOR_SUCCESS;
}

dor_result dor__alpn_set(dor_tls *t, dor_span protocol)
{
    return names_set(t, protocol, dor__server_name_get(t), dor__psk_identity_get(t));
}

dor_result dor__server_name_set(dor_tls *t, dor_span name)
{
    if (dor__renegotiating(t)) /* whom it calls was settled by the first handshake */
        return dor__span_equal(name, dor__server_name_get(t))
                   ? DOR_SUCCESS
                   : dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NAME_CHANGED);
    return names_set(t, dor__alpn_get(t), name, dor__psk_identity_get(t));
}

dor_result dor__psk_identity_set(dor_tls *t, dor_span identity)
{
    return names_set(t, dor__alpn_get(t), dor__server_name_get(t), identity);
}

dor_span dor__alpn_get(const dor_tls *t)
{
    return dor__span(t->names, t->alpn_len);
}

dor_span dor__server_name_get(const dor_tls *t)
{
    return t->server_name_len ? dor__span(t->names + t->alpn_len, t->server_name_len) : DOR_SPAN_EMPTY;
}

dor_span dor__psk_identity_get(const dor_tls *t)
{
    size_t start = (size_t)t->alpn_len + t->server_name_len;
    return t->psk_identity_len ? dor__span(t->names + start, t->psk_identity_len) : DOR_SPAN_EMPTY;
}

/* ---- what the config has ---------------------------------------------------------------------------------- */

bool dor__config_has_group(const dor_tls_config *config, dor_group group)
{
    for (size_t i = 0; i < config->group_count; i++)
        if (config->groups[i] == group) return dor__kx_known(group);
    return false;
}

static bool has_ffdhe(const dor_tls_config *config)
{
    for (size_t i = 0; i < config->group_count; i++)
        if (dor__kx_family(config->groups[i]) == DOR_GROUP_FFDHE) return true;
    return false;
}

/* A suite with DHE is there for those alone who name a group for it, too. */
static const dor_suite *possible(const dor_tls_config *config, uint16_t id, uint16_t version)
{
    const dor_suite *suite = dor__suite_find(id);
    if (!suite || suite->version != version) return NULL;
    return suite->kx != DOR_KX_DHE_RSA || has_ffdhe(config) ? suite : NULL;
}

const dor_suite *dor__config_suite(const dor_tls_config *config, uint16_t id, uint16_t version)
{
    for (size_t i = 0; i < config->suite_count; i++)
        if (config->suites[i] == id) return possible(config, id, version);
    return NULL;
}

bool dor__config_has_version(const dor_tls_config *config, uint16_t version)
{
    if (version < config->min_version || version > config->max_version || config->group_count == 0)
        return false;
    for (size_t i = 0; i < config->suite_count; i++)
        if (possible(config, config->suites[i], version)) return true;
    return false;
}

uint16_t dor__config_max_version(const dor_tls_config *config)
{
    for (uint16_t version = DOR_TLS_1_3; version >= DOR_TLS_1_2; version--)
        if (dor__config_has_version(config, version)) return version;
    return 0;
}

bool dor__has_version(const dor_tls *t, uint16_t version)
{
    return dor__config_has_version(t->config, version) && (!dor__renegotiating(t) || version == t->version);
}

uint16_t dor__max_version(const dor_tls *t)
{
    return dor__renegotiating(t) ? t->version : dor__config_max_version(t->config);
}

/* ---- choices ---------------------------------------------------------------------------------------------- */

static bool offers(dor_span suites, uint16_t id)
{
    for (size_t i = 0; i + 1 < suites.len; i += 2)
        if ((suites.ptr[i] << 8 | suites.ptr[i + 1]) == id) return true;
    return false;
}

static const dor_suite *usable(const dor_tls *t, uint16_t id, uint16_t version,
                               bool (*accept)(const dor_tls *t, const dor_suite *suite))
{
    const dor_suite *suite = dor__config_suite(t->config, id, version);
    return suite && (!accept || accept(t, suite)) ? suite : NULL;
}

const dor_suite *dor__suite_choose(const dor_tls *t, dor_span peer_suites, uint16_t version,
                                   bool (*accept)(const dor_tls *t, const dor_suite *suite))
{
    const dor_suite *suite;
    if (t->config->honor_cipher_order) {
        for (size_t i = 0; i < t->config->suite_count; i++)
            if (offers(peer_suites, t->config->suites[i]) &&
                (suite = usable(t, t->config->suites[i], version, accept)))
                return suite;
        return NULL;
    }
    for (size_t i = 0; i + 1 < peer_suites.len; i += 2)
        if ((suite =
                 usable(t, (uint16_t)(peer_suites.ptr[i] << 8 | peer_suites.ptr[i + 1]), version, accept)))
            return suite;
    return NULL;
}

static bool peer_has_group(const dor_handshake *hs, dor_group group)
{
    for (size_t i = 0; i < hs->peer_group_count; i++)
        if (hs->peer_groups[i] == group) return true;
    return false;
}

static bool of_families(dor_group group, unsigned families)
{
    return (families >> dor__kx_family(group) & 1u) != 0;
}

dor_group dor__group_choose(const dor_tls *t, unsigned families)
{
    const dor_handshake *hs = t->hs;
    if (!t->config->honor_cipher_order) { /* the peer's were cut down to ours when they were read */
        for (size_t i = 0; i < hs->peer_group_count; i++)
            if (of_families(hs->peer_groups[i], families)) return hs->peer_groups[i];
        return 0;
    }
    for (size_t i = 0; i < t->config->group_count; i++)
        if (of_families(t->config->groups[i], families) && peer_has_group(hs, t->config->groups[i]))
            return t->config->groups[i];
    return 0;
}
