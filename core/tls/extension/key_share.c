/*
 * key_share.c - RFC 8446 section 4.2.8.
 *
 * A client sends a share for its first group, and for the curve of that where it is a hybrid; or for those that its config
 * names; or for the one that a HelloRetryRequest names.
 */
#include "tls/extension/extensions.h"
#include "tls/extension/grease.h"

static dor_result illegal(dor_reason reason)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, reason);
}

/* ---- sending ---------------------------------------------------------------------------------------------- */

static bool key_share_should_send(const dor_tls *t, unsigned context)
{
    if (context == DOR_CTX_SERVER_HELLO) return t->hs->kx != NULL; /* psk_ke goes without */
    return context != DOR_CTX_HELLO_RETRY || t->hs->retry_group != 0;
}

/* The curve of a hybrid that has been measured to be worth a share of its own beside it. */
static dor_group beside(dor_group group)
{
    return group == DOR_GROUP_X25519MLKEM768       ? DOR_GROUP_X25519
           : group == DOR_GROUP_SECP256R1MLKEM768  ? DOR_GROUP_SECP256R1
           : group == DOR_GROUP_SECP384R1MLKEM1024 ? DOR_GROUP_SECP384R1
                                                   : 0;
}

/*
 * Whether a first hello has a share for the group. Without a word from the config: for the first, and where that is a
 * hybrid for its curve, so that a server without hybrids need not ask again.
 */
static bool gets_share(const dor_tls_config *config, dor_group group)
{
    if (!config->key_shares_given) return group == config->groups[0] || group == beside(config->groups[0]);
    for (size_t i = 0; i < config->key_share_count; i++)
        if (config->key_shares[i] == group) return true;
    return false;
}

static dor_kx **own_share(dor_handshake *hs, dor_group group)
{
    for (size_t i = 0; i < DOR_MAX_OWN_SHARES && hs->shares[i]; i++)
        if (dor__kx_group(hs->shares[i]) == group) return &hs->shares[i];
    return NULL;
}

static dor_result share_add(dor_tls *t, dor_group group, size_t *count)
{
    if (*count == DOR_MAX_OWN_SHARES || own_share(t->hs, group)) return DOR_SUCCESS;
    DOR_TRY(dor__kx_new(&t->hs->shares[*count], group, t->env->rng));
    ++*count;
    return DOR_SUCCESS;
}

/* In the order of supported_groups (section 4.2.8). A retry for the sake of a cookie alone keeps the shares. */
static dor_result client_shares_make(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_tls_config *config = t->config;
    size_t count = 0;
    if (hs->properties & DOR_PROPERTY_RETRY && !hs->retry_group) return DOR_SUCCESS;
    dor__shares_free(hs);
    if (hs->retry_group) return share_add(t, hs->retry_group, &count);
    for (size_t i = 0; i < config->group_count; i++)
        if (dor__kx_known(config->groups[i]) && gets_share(config, config->groups[i]))
            DOR_TRY(share_add(t, config->groups[i], &count));
    return DOR_SUCCESS;
}

static dor_result entry_write(const dor_kx *kx, dor_bytes *w)
{
    DOR_TRY(wr_u16(w, dor__kx_group(kx)));
    return wr_vec(w, 2, dor__kx_public(kx));
}

/* A server's public value is not needed any more once it is written. */
static dor_result server_share_send(dor_handshake *hs, dor_bytes *w)
{
    if (!hs->kx) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(entry_write(hs->kx, w));
    dor__kx_free(hs->kx);
    hs->kx = NULL;
    return DOR_SUCCESS;
}

static dor_result key_share_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    const dor_handshake *hs = t->hs;
    size_t mark;
    if (context == DOR_CTX_HELLO_RETRY) return wr_u16(w, hs->retry_group);
    if (context == DOR_CTX_SERVER_HELLO) return server_share_send(t->hs, w);
    DOR_TRY(client_shares_make(t));
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(dor__grease_share(t, w));
    for (size_t i = 0; i < DOR_MAX_OWN_SHARES && hs->shares[i]; i++)
        DOR_TRY(entry_write(hs->shares[i], w));
    return wr_end(w, 2, mark);
}

/* ---- receiving -------------------------------------------------------------------------------------------- */

static bool listed(const dor_handshake *hs, dor_group group)
{
    for (size_t i = 0; i < hs->peer_group_count; i++)
        if (hs->peer_groups[i] == group) return true;
    return false;
}

static dor_result share_read(dor_reader *r, dor_group *group, dor_span *value)
{
    DOR_TRY(rd_u16(r, group));
    return rd_vec16(r, value, 1, 65535);
}

/* Each group that we have ourselves: one share at most, and in supported_groups too. Those of others are passed over. */
static dor_result client_shares_check(const dor_tls *t, dor_span list)
{
    const dor_tls_config *config = t->config;
    uint32_t seen = 0;
    for (dor_reader r = rd_from(list); rd_left(&r);) {
        dor_group group;
        dor_span value;
        DOR_TRY(share_read(&r, &group, &value));
        for (size_t i = 0; i < config->group_count; i++) {
            if (config->groups[i] != group || !dor__kx_known(group)) continue;
            if (seen >> i & 1 || !listed(t->hs, group)) return illegal(DOR_REASON_BAD_KEY_SHARE);
            seen |= 1u << i;
        }
    }
    return DOR_SUCCESS;
}

static dor_result client_shares_receive(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list;
    DOR_TRY(rd_vec16(&r, &list, 0, 65535));
    DOR_TRY(rd_end(&r));
    DOR_TRY(client_shares_check(t, list));
    t->hs->peer_shares = list;
    return DOR_SUCCESS;
}

bool dor__peer_share(const dor_handshake *hs, dor_group group, dor_span *value)
{
    dor_group of;
    for (dor_reader r = rd_from(hs->peer_shares); rd_left(&r) && dor__ok(share_read(&r, &of, value));)
        if (of == group) return true;
    *value = DOR_SPAN_EMPTY;
    return false;
}

size_t dor__peer_share_count(const dor_handshake *hs)
{
    dor_group of;
    dor_span value;
    size_t count = 0;
    for (dor_reader r = rd_from(hs->peer_shares); rd_left(&r) && dor__ok(share_read(&r, &of, &value));)
        count++;
    return count;
}

/* Section 4.2.8: one of our groups, but not one that we sent a share for. */
static dor_result retry_receive(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_group group;
    DOR_TRY(rd_u16(&r, &group));
    DOR_TRY(rd_end(&r));
    if (!dor__config_has_group(t->config, group) || own_share(t->hs, group))
        return illegal(DOR_REASON_HELLO_RETRY);
    t->hs->retry_group = group;
    return DOR_SUCCESS;
}

static dor_result server_share_receive(dor_tls *t, dor_span data)
{
    dor_handshake *hs = t->hs;
    dor_reader r = rd_from(data);
    dor_group group;
    dor_span value;
    DOR_TRY(share_read(&r, &group, &value));
    DOR_TRY(rd_end(&r));
    dor_kx **share = own_share(hs, group);
    if (!share) return illegal(DOR_REASON_BAD_KEY_SHARE);
    dor__kx_free(hs->kx);
    hs->kx = *share;
    *share = NULL;
    t->group = hs->kx_group = group;
    DOR_TRY(dor__key_exchange_derive(t, value));
    dor__shares_free(hs);
    return DOR_SUCCESS;
}

static dor_result key_share_receive(dor_tls *t, unsigned context, dor_span data)
{
    switch (context) {
    case DOR_CTX_CLIENT_HELLO: return client_shares_receive(t, data);
    case DOR_CTX_HELLO_RETRY: return retry_receive(t, data);
    default: return server_share_receive(t, data);
    }
}

/*
 * Section 9.2. Without one, or without groups at all, a hello is for psk_ke alone; whether we do that is seen when the PSK is
 * chosen (negotiate_13.c, server_hello.c).
 */
static dor_result key_share_if_missing(dor_tls *t, unsigned context)
{
    const dor_handshake *hs = t->hs;
    bool offered =
        ((dor__is_client(t) ? hs->ext_sent : hs->ext_received) & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY)) != 0;
    if (context == DOR_CTX_HELLO_RETRY) /* it may be about a cookie */
        return DOR_SUCCESS;
    if (t->config->psk_modes & DOR_PSK_KE && offered && (dor__is_client(t) || !hs->peer_has_groups)) {
        t->hs->peer_shares = DOR_SPAN_EMPTY;
        return DOR_SUCCESS;
    }
    return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
}

const dor_extension dor__ext_key_share = {
    .type = DOR_EXT_KEY_SHARE,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO | DOR_CTX_HELLO_RETRY,
    .min_version = DOR_TLS_1_3,
    .name = "key_share",
    .should_send = key_share_should_send,
    .send = key_share_send,
    .receive = key_share_receive,
    .if_missing = key_share_if_missing,
};
