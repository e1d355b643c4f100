/*
 * negotiate_13.c - what a TLS 1.3 server makes of a ClientHello (RFC 8446 sections 4.1.1, 4.2.8 and 9.2).
 */
#include "tls/extension/extensions.h"
#include "tls/psk_13.h"
#include "tls/schedule_13.h"

/*
 * How much refused early data is passed over. We hand out no tickets that allow any, so whatever comes is a remnant of
 * other days; a record's worth.
 */
enum { EARLY_DATA_BUDGET = 16384 };

static dor_result missing(void)
{
    return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
}

static const dor_key_share *share_of(const dor_handshake *hs, dor_group group)
{
    for (size_t i = 0; i < hs->peer_share_count; i++)
        if (hs->peer_shares[i].group == group) return &hs->peer_shares[i];
    return NULL;
}

/* The best group in common; but one that saves a round trip before one that is merely preferred. */
static dor_result share_choose(const dor_tls *t, dor_group *group, const dor_key_share **share)
{
    const dor_handshake *hs = t->hs;
    *group = dor__group_choose(t);
    if (*group == 0) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_GROUP);
    *share = share_of(hs, *group);
    for (size_t i = 0; !*share && i < t->config->group_count; i++)
        *share = share_of(hs, t->config->groups[i]);
    if (*share) *group = (*share)->group;
    return DOR_SUCCESS;
}

/* A second hello has exactly the share that was asked for (RFC 8446 section 4.1.2). */
static dor_result second_share_check(const dor_tls *t)
{
    const dor_handshake *hs = t->hs;
    if (hs->peer_share_total != 1 || hs->peer_share_count != 1 || hs->peer_shares[0].group != hs->retry_group)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HELLO_RETRY);
    return DOR_SUCCESS;
}

static dor_result key_exchange(dor_tls *t, const dor_key_share *share)
{
    dor_handshake *hs = t->hs;
    DOR_TRY(dor__kx_new(&hs->kx, share->group, t->env->rng));
    t->group = hs->kx_group = share->group;
    return dor__kx_derive(hs->kx, share->value, t->env->rng, hs->shared_secret, &hs->shared_secret_len);
}

/* Without a ticket: by certificate, ours and perhaps the client's. */
static dor_result authenticate_by_certificate(dor_tls *t)
{
    bool found;
    if (!t->hs->peer_has_schemes) return missing();
    dor__identity_choose(t, DOR_KX_13, &found);
    if (!found) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_SIGNATURE_SCHEME);
    return t->config->verify_peer ? dor__property_set(t, DOR_PROPERTY_CLIENT_AUTH) : DOR_SUCCESS;
}

static dor_result early_data_judge(dor_tls *t, bool again)
{
    dor_handshake *hs = t->hs;
    hs->early_data_budget = 0;
    if (!hs->peer_early_data) return DOR_SUCCESS;
    if (again || !(hs->ext_received & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY))) /* section 4.2.10 */
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    hs->early_data_budget = EARLY_DATA_BUDGET;
    return DOR_SUCCESS;
}

dor_result dor__negotiate_13(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const bool again = (hs->properties & DOR_PROPERTY_RETRY) != 0;
    const dor_key_share *share;
    dor_group group;
    bool resumed;

    const dor_suite *suite = dor__suite_choose(t, hs->peer_suites, DOR_TLS_1_3, NULL);
    if (!suite) return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
    DOR_TRY(dor__suite_settle(t, suite));
    DOR_TRY(share_choose(t, &group, &share));
    DOR_TRY(early_data_judge(t, again));
    if (again) {
        DOR_TRY(second_share_check(t));
    } else if (!share) {
        hs->retry_group = group;
        return dor__property_set(t, DOR_PROPERTY_RETRY);
    }
    DOR_TRY(dor__psk_choose(t, &resumed));
    if (dor__asking(t)) return DOR_SUCCESS;
    DOR_TRY(key_exchange(t, share));
    if (!resumed) {
        DOR_TRY(authenticate_by_certificate(t));
        return dor__schedule_early(t, DOR_SPAN_EMPTY);
    }
    DOR_TRY(dor__property_set(t, DOR_PROPERTY_RESUMED));
    DOR_TRY(dor__peer_from_session(t));
    return dor__schedule_early(t, dor__span(hs->session->secret, hs->session->secret_len));
}
