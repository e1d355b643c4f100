/* supported_groups.c - RFC 8446 section 4.2.7, RFC 8422 section 5.1.1. */
#include "tls/extension/extensions.h"
#include "tls/extension/grease.h"

/* RFC 7919 section 4: the numbers of finite-field groups, whether we know them or not. */
enum { FFDHE_FIRST = 256, FFDHE_LAST = 511 };

static bool supported_groups_should_send(const dor_tls *t, unsigned context)
{
    (void)t;
    return context == DOR_CTX_CLIENT_HELLO; /* a server may tell its own; nobody needs it */
}

static dor_result supported_groups_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark;
    (void)context;
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(dor__grease_u16(t, DOR_GREASE_GROUP, w));
    for (size_t i = 0; i < t->config->group_count; i++) {
        dor_group group = t->config->groups[i];
        /* TLS 1.2 has nothing that a hybrid could be used with. */
        bool usable =
            dor__kx_family(group) != DOR_GROUP_HYBRID || dor__config_has_version(t->config, DOR_TLS_1_3);
        if (usable) DOR_TRY(wr_u16(w, group));
    }
    return wr_end(w, 2, mark);
}

static bool is_new(const dor_handshake *hs, dor_group group)
{
    for (size_t i = 0; i < hs->peer_group_count; i++)
        if (hs->peer_groups[i] == group) return false;
    return hs->peer_group_count < DOR_MAX_GROUPS;
}

dor_group dor__curve_of_key(dor_key_type type)
{
    return type == DOR_KEY_EC_P256   ? DOR_GROUP_SECP256R1
           : type == DOR_KEY_EC_P384 ? DOR_GROUP_SECP384R1
           : type == DOR_KEY_EC_P521 ? DOR_GROUP_SECP521R1
                                     : 0;
}

uint8_t dor__curve_bit(dor_group group)
{
    return group == DOR_GROUP_SECP256R1   ? 1
           : group == DOR_GROUP_SECP384R1 ? 2
           : group == DOR_GROUP_SECP521R1 ? 4
                                          : 0;
}

static dor_result supported_groups_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_handshake *hs = t->hs;
    dor_reader r = rd_from(data);
    dor_span list;
    DOR_TRY(rd_vec16(&r, &list, 2, 65535));
    DOR_TRY(rd_end(&r));
    hs->peer_group_count = 0;
    hs->v12.peer_names_ffdhe = false;
    hs->peer_has_groups = context == DOR_CTX_CLIENT_HELLO;
    for (r = rd_from(list); rd_left(&r);) {
        dor_group group;
        DOR_TRY(rd_u16(&r, &group));
        hs->peer_curves |= dor__curve_bit(group);
        hs->v12.peer_names_ffdhe |= group >= FFDHE_FIRST && group <= FFDHE_LAST;
        if (dor__config_has_group(t->config, group) && is_new(hs, group))
            hs->peer_groups[hs->peer_group_count++] = group;
    }
    return DOR_SUCCESS;
}

/* RFC 8446 section 9.2. In TLS 1.2 there are other ways than these groups. */
static dor_result supported_groups_if_missing(dor_tls *t, unsigned context)
{
    bool without =
        t->config->psk_modes & DOR_PSK_KE && /* key_share is missing, too, or that is looked at there */
        t->hs->ext_received & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY) &&
        !(t->hs->ext_received & dor__ext_bit(DOR_EXT_KEY_SHARE));
    if (context == DOR_CTX_CLIENT_HELLO && t->version == DOR_TLS_1_3 && !without)
        return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
    return DOR_SUCCESS;
}

const dor_extension dor__ext_supported_groups = {
    .type = DOR_EXT_SUPPORTED_GROUPS,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_ENCRYPTED_EXTENSIONS,
    .name = "supported_groups",
    .should_send = supported_groups_should_send,
    .send = supported_groups_send,
    .receive = supported_groups_receive,
    .if_missing = supported_groups_if_missing,
};
