/*
 * key_share.c - RFC 8446 section 4.2.8.
 *
 * A client sends one share, for its first group, or for the one that a HelloRetryRequest names.
 */
#include "tls/extension/extensions.h"

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

/* A retry for the sake of a cookie alone keeps the share. */
static dor_result client_share_make(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    dor_group group = hs->retry_group ? hs->retry_group : t->config->groups[0];
    if (hs->kx && hs->kx_group == group) return DOR_SUCCESS;
    dor__kx_free(hs->kx);
    hs->kx = NULL;
    hs->kx_group = group;
    return dor__kx_new(&hs->kx, group, t->env->rng);
}

static dor_result entry_write(const dor_handshake *hs, dor_bytes *w)
{
    DOR_TRY(wr_u16(w, hs->kx_group));
    return wr_vec(w, 2, dor__kx_public(hs->kx));
}

static dor_result key_share_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark;
    if (context == DOR_CTX_HELLO_RETRY) return wr_u16(w, t->hs->retry_group);
    if (context == DOR_CTX_SERVER_HELLO) return entry_write(t->hs, w);
    DOR_TRY(client_share_make(t));
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(entry_write(t->hs, w));
    return wr_end(w, 2, mark);
}

/* ---- receiving -------------------------------------------------------------------------------------------- */

/* A share is for a group that supported_groups has too, and each group has one at most. */
static dor_result client_share_check(const dor_handshake *hs, dor_group group)
{
    bool listed = false;
    for (size_t i = 0; i < hs->peer_group_count; i++)
        listed |= hs->peer_groups[i] == group;
    for (size_t i = 0; i < hs->peer_share_count; i++)
        if (hs->peer_shares[i].group == group) return illegal(DOR_REASON_BAD_KEY_SHARE);
    return listed ? DOR_SUCCESS : illegal(DOR_REASON_BAD_KEY_SHARE);
}

/* The shares for groups that we have ourselves are kept while the hello is handled; others are passed over. */
static dor_result client_shares_receive(dor_tls *t, dor_span data)
{
    dor_handshake *hs = t->hs;
    dor_reader r = rd_from(data);
    dor_span list;
    DOR_TRY(rd_vec16(&r, &list, 0, 65535));
    DOR_TRY(rd_end(&r));
    hs->peer_share_count = hs->peer_share_total = 0;
    for (r = rd_from(list); rd_left(&r); hs->peer_share_total++) {
        dor_key_share share;
        DOR_TRY(rd_u16(&r, &share.group));
        DOR_TRY(rd_vec16(&r, &share.value, 1, 65535));
        if (!dor__config_has_group(t->config, share.group)) continue;
        DOR_TRY(client_share_check(hs, share.group));
        if (hs->peer_share_count < DOR_MAX_KEY_SHARES) hs->peer_shares[hs->peer_share_count++] = share;
    }
    return DOR_SUCCESS;
}

/* Section 4.2.8: one of our groups, but not the one that we sent a share for. */
static dor_result retry_receive(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_group group;
    DOR_TRY(rd_u16(&r, &group));
    DOR_TRY(rd_end(&r));
    if (!dor__config_has_group(t->config, group) || group == t->hs->kx_group)
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
    DOR_TRY(rd_u16(&r, &group));
    DOR_TRY(rd_vec16(&r, &value, 1, 65535));
    DOR_TRY(rd_end(&r));
    if (!hs->kx || group != hs->kx_group) return illegal(DOR_REASON_BAD_KEY_SHARE);
    t->group = group;
    return dor__kx_derive(hs->kx, value, t->env->rng, hs->shared_secret, &hs->shared_secret_len);
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
        t->hs->peer_share_count = t->hs->peer_share_total = 0;
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
