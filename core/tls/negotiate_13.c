/*
 * negotiate_13.c - what a TLS 1.3 server makes of a ClientHello (RFC 8446 sections 4.1.1, 4.2.8 and 9.2).
 */
#include "tls/early_data_13.h"
#include "tls/extension/extensions.h"
#include "tls/psk_13.h"
#include "tls/schedule_13.h"

/* How much refused early data is passed over, beside what our tickets allow: other days' tickets may allow some, too. */
enum { EARLY_DATA_BUDGET = 16384 };

static dor_result missing(void)
{
    return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
}

enum { ANY_FAMILY = 1u << DOR_GROUP_CURVE | 1u << DOR_GROUP_FFDHE | 1u << DOR_GROUP_HYBRID };

/* The best group in common; but one that saves a round trip before one that is merely preferred. share is empty for neither. */
static dor_result share_choose(const dor_tls *t, dor_group *group, dor_span *share)
{
    const dor_handshake *hs = t->hs;
    *share = DOR_SPAN_EMPTY;
    *group = dor__group_choose(t, ANY_FAMILY);
    if (*group == 0) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_GROUP);
    if (dor__peer_share(hs, *group, share)) return DOR_SUCCESS;
    for (size_t i = 0; i < t->config->group_count; i++) {
        if (!dor__peer_share(hs, t->config->groups[i], share)) continue;
        *group = t->config->groups[i];
        break;
    }
    return DOR_SUCCESS;
}

/* A second hello has exactly the share that was asked for (RFC 8446 section 4.1.2). */
static dor_result second_share_check(const dor_tls *t)
{
    dor_span share;
    if (dor__peer_share_count(t->hs) != 1 || !dor__peer_share(t->hs, t->hs->retry_group, &share))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HELLO_RETRY);
    return DOR_SUCCESS;
}

static dor_result key_exchange(dor_tls *t, dor_group group, dor_span share)
{
    t->group = group;
    return dor__key_exchange_respond(t, group, share);
}

/* Without a ticket: by certificate, ours and perhaps the client's. */
static dor_result authenticate_by_certificate(dor_tls *t)
{
    bool found;
    if (t->config->identity_count == 0) /* it is all by PSK here */
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, dor__external_psks_taken(t)
                                                           ? DOR_REASON_PSK_REQUIRED
                                                           : DOR_REASON_NO_SIGNATURE_SCHEME);
    if (!t->hs->peer_has_schemes) return missing();
    dor__identity_choose(t, DOR_KX_13, &found);
    if (!found) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, dor__identity_none(t));
    bool ask = t->config->verify_peer && !t->config->post_auth; /* else it is asked when there is reason to */
    return ask ? dor__property_set(t, DOR_PROPERTY_CLIENT_AUTH) : DOR_SUCCESS;
}

static dor_result early_data_judge(dor_tls *t, bool again)
{
    dor_handshake *hs = t->hs;
    hs->early_data_budget = 0;
    if (!hs->peer_early_data) return DOR_SUCCESS;
    if (again) /* section 4.2.10; without a PSK there is nothing to accept, but what comes is to be passed over */
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    hs->early_data_budget = EARLY_DATA_BUDGET + t->config->max_early_data;
    return DOR_SUCCESS;
}

/* With an external PSK a suite of its hash, if there is one; a second hello has the same suite again. */
static dor_result suite_settle(dor_tls *t)
{
    const dor_suite *suite = t->suite;
    dor_span offered = t->hs->peer_suites;
    if (!suite && t->hs->known_psk_there)
        suite = dor__suite_choose(t, offered, DOR_TLS_1_3, dor__external_psk_hash_fits);
    if (!suite) suite = dor__suite_choose(t, offered, DOR_TLS_1_3, NULL);
    if (!suite) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
    return dor__suite_settle(t, suite);
}

/* Only psk_ke is what the client and we have in common. */
static bool without_exchange(const dor_tls *t)
{
    return (t->hs->peer_psk_modes & t->config->psk_modes) == DOR_PSK_KE;
}

/* *retry: a HelloRetryRequest is due. */
static dor_result share_settle(dor_tls *t, bool again, dor_group *group, dor_span *share, bool *retry)
{
    *retry = false;
    if (!(t->hs->ext_received & dor__ext_bit(DOR_EXT_KEY_SHARE))) return missing();
    DOR_TRY(share_choose(t, group, share));
    if (again) return second_share_check(t);
    if (share->len) return DOR_SUCCESS;
    *retry = true;
    t->hs->retry_group = *group;
    return dor__property_set(t, DOR_PROPERTY_RETRY);
}

static dor_result authenticate(dor_tls *t, bool resumed)
{
    if (!resumed) return authenticate_by_certificate(t);
    DOR_TRY(dor__property_set(t, DOR_PROPERTY_RESUMED));
    return t->hs->psk ? DOR_SUCCESS : dor__peer_from_session(t);
}

dor_result dor__negotiate_13(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const bool again = (hs->properties & DOR_PROPERTY_RETRY) != 0;
    dor_span share = DOR_SPAN_EMPTY;
    dor_group group = 0;
    bool resumed = false, retry = false;

    DOR_TRY(dor__external_psk_look(t));
    if (dor__asking(t)) return DOR_SUCCESS;
    DOR_TRY(suite_settle(t));
    DOR_TRY(early_data_judge(t, again));
    if (without_exchange(t)) DOR_TRY(dor__psk_choose(t, &resumed));
    if (dor__asking(t)) return DOR_SUCCESS;
    hs->psk_ke = resumed;
    if (!hs->psk_ke) {
        DOR_TRY(share_settle(t, again, &group, &share, &retry));
        if (retry) return DOR_SUCCESS;
        if (!without_exchange(t)) DOR_TRY(dor__psk_choose(t, &resumed));
        if (dor__asking(t)) return DOR_SUCCESS;
        DOR_TRY(key_exchange(t, group, share));
    }
    DOR_TRY(authenticate(t, resumed));
    DOR_TRY(dor__early_judge(t));
    DOR_TRY(dor__schedule_early(t, dor__psk_secret(t)));
    return dor__early_secret(t);
}
