/*
 * negotiate_12.c - what a TLS 1.2 handshake is going to be: suite, group, identity and scheme, or a session resumed
 * (RFC 5246 sections 7.4.1.2 and 7.4.1.3, RFC 8422 section 5.1, RFC 7919 section 4).
 *
 * The suite comes last of these: one is only chosen that the group, the keys at hand and the peer's signature schemes
 * can serve.
 */
#include "tls/again.h"

/* ---- server -------------------------------------------------------------------------------------------------- */

static dor_group choose_group(const dor_tls *t)
{
    if (t->hs->peer_has_groups) return dor__group_choose(t, 1u << DOR_GROUP_CURVE);
    /* RFC 8422 section 4: a client that names no groups leaves the choice to us; P-256 is what all of them have. */
    if (dor__config_has_group(t->config, DOR_GROUP_SECP256R1)) return DOR_GROUP_SECP256R1;
    for (size_t i = 0; i < t->config->group_count; i++)
        if (dor__kx_family(t->config->groups[i]) == DOR_GROUP_CURVE) return t->config->groups[i];
    return 0;
}

/*
 * RFC 7919 section 4: one that the client names, if it names any of this kind; a client that does not leaves the choice to us,
 * and judges what comes.
 */
static dor_group choose_dhe_group(const dor_tls *t)
{
    if (t->hs->v12.peer_names_ffdhe) return dor__group_choose(t, 1u << DOR_GROUP_FFDHE);
    for (size_t i = 0; i < t->config->group_count; i++)
        if (dor__kx_family(t->config->groups[i]) == DOR_GROUP_FFDHE) return t->config->groups[i];
    return 0;
}

static bool kind_usable(const dor_tls *t, const dor_suite *suite)
{
    return (t->hs->v12.usable_kinds & 1u << suite->kx) != 0;
}

static bool with_dhe(const dor_tls *t, const dor_suite *suite)
{
    (void)t;
    return suite->kx == DOR_KX_DHE_RSA;
}

/** handshake_failure, with the reason that helps most. */
static dor_result no_choice(const dor_tls *t)
{
    dor_reason reason = DOR_REASON_NO_CIPHER;
    bool dhe = dor__suite_choose(t, t->hs->peer_suites, DOR_TLS_1_2, with_dhe) != NULL;
    /* RFC 7919 section 4: DHE would have done, if only the client had named a group that we take. */
    if (dhe && t->hs->v12.peer_names_ffdhe && !t->hs->v12.dhe_group)
        return dor__alert(DOR_ALERT_INSUFFICIENT_SECURITY, DOR_REASON_NO_GROUP);
    if (dor__suite_choose(t, t->hs->peer_suites, DOR_TLS_1_2, NULL))
        reason =
            t->hs->kx_group || (dhe && t->hs->v12.dhe_group) ? dor__identity_none(t) : DOR_REASON_NO_GROUP;
    return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, reason);
}

/* Whether this handshake has the group that a kind of key exchange needs. */
static bool group_there(const dor_tls *t, dor_kx_kind kind)
{
    if (kind == DOR_KX_DHE_RSA) return t->hs->v12.dhe_group != 0;
    return !dor__kx_is_ecdhe(kind) || t->hs->kx_group;
}

/* The best suite that one of our identities can serve: the suite's authentication is the identity's key. */
static const dor_suite *suite_for(dor_tls *t, size_t identity, dor_chain_fit fit)
{
    t->hs->v12.usable_kinds = 0;
    for (int kind = DOR_KX_ECDHE_ECDSA; kind < DOR_KX_KINDS; kind++)
        if (group_there(t, (dor_kx_kind)kind) && dor__identity_take(t, identity, (dor_kx_kind)kind, fit))
            t->hs->v12.usable_kinds |= (uint8_t)(1u << kind);
    if (!t->hs->v12.usable_kinds) return NULL;
    const dor_suite *suite = dor__suite_choose(t, t->hs->peer_suites, DOR_TLS_1_2, kind_usable);
    if (!suite || !dor__identity_take(t, identity, (dor_kx_kind)suite->kx, fit)) return NULL;
    return suite;
}

/* Group, identity, scheme and suite of a full handshake; NULL: there can be none. */
static const dor_suite *choose(dor_tls *t)
{
    const dor_suite *suite = NULL;
    t->hs->kx_group = choose_group(t);
    t->hs->v12.dhe_group = choose_dhe_group(t);
    for (int fit = 0; fit < DOR_FITS && !suite; fit++)
        for (size_t i = 0; i < t->config->identity_count && !suite; i++)
            suite = suite_for(t, i, (dor_chain_fit)fit);
    return suite;
}

bool dor__session_best_12(dor_tls *t, const dor_session *session)
{
    const dor_suite *suite = choose(t);
    t->hs->identity = NULL;
    t->hs->scheme = 0;
    t->hs->kx_group = 0;
    return !suite || suite->id == session->suite;
}

static dor_result begin_full(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_suite *suite = choose(t);
    if (!suite) return no_choice(t);

    DOR_TRY(dor__suite_settle(t, suite));
    if (suite->kx == DOR_KX_DHE_RSA) hs->kx_group = hs->v12.dhe_group;
    if (suite->kx == DOR_KX_RSA) DOR_TRY(dor__property_set(t, DOR_PROPERTY_STATIC_RSA));
    DOR_TRY(dor__session_id_make_12(t));
    if (dor__ticket_due_12(t)) DOR_TRY(dor__property_set(t, DOR_PROPERTY_TICKET_12));
    if (t->config->verify_peer) return dor__property_set(t, DOR_PROPERTY_CLIENT_AUTH);
    dor__transcript_drop_raw(&hs->transcript); /* no CertificateVerify is going to want it */
    return DOR_SUCCESS;
}

/** Both roles: hs->session is what goes on. */
static dor_result begin_resumed(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_session *session = hs->session;

    DOR_TRY(dor__master_secret_resume_12(t, session));
    dor__transcript_drop_raw(&hs->transcript);
    t->resumed = true;
    /* A promise so far: the peer has to make it good with its Finished. */
    DOR_TRY(dor__peer_from_session(t));
    return dor__property_set(t, DOR_PROPERTY_RESUMED);
}

dor_result dor__negotiate_12(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    dor_session *session;

    DOR_TRY(dor__renegotiation_check_hellos(t));
    DOR_TRY(dor__session_find_12(t, &session));
    if (dor__asking(t)) return DOR_SUCCESS;
    if (!session) return begin_full(t);
    dor__session_unref(hs->session);
    hs->session = session;
    /* RFC 5077 section 3.4: with a ticket the client's id comes back, whatever it is; else it is the session's. */
    memcpy(hs->v12.session_id, hs->session_id, hs->session_id_len);
    hs->v12.session_id_len = hs->session_id_len;
    DOR_TRY(dor__suite_settle(t, dor__suite_find(session->suite)));
    return begin_resumed(t);
}

/* ---- client -------------------------------------------------------------------------------------------------- */

static bool same_id(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && a_len > 0 && memcmp(a, b, a_len) == 0;
}

static void give_up_session(dor_handshake *hs)
{
    dor__session_unref(hs->session);
    hs->session = NULL;
}

/** The server took the session up; what it says must be what the session says. */
static dor_result check_resumed(const dor_tls *t)
{
    const dor_session *session = t->hs->session;
    /* RFC 5246 section 7.4.1.3: the suite of the session. */
    if (session->suite != t->suite->id)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_SESSION_MISMATCH);
    /* RFC 7627 section 5.3: either way round it is somebody else's session. */
    if (session->extended_master_secret != t->hs->v12.extended_master_secret)
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_EXTENDED_MASTER_SECRET);
    return DOR_SUCCESS;
}

dor_result dor__server_hello_accept_12(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_handshake_12 *v12 = &hs->v12;
    /* One that is too old, say, was not put into our hello and is not going to be resumed. */
    bool offered = hs->session && hs->session->version == DOR_TLS_1_2 &&
                   (v12->ticket_offered ||
                    same_id(hs->session_id, hs->session_id_len, hs->session->id, hs->session->id_len));

    if (offered && same_id(v12->session_id, v12->session_id_len, hs->session_id, hs->session_id_len)) {
        DOR_TRY(check_resumed(t));
        return begin_resumed(t);
    }
    give_up_session(hs);
    DOR_TRY(dor__renegotiation_check_hellos(t));
    if (t->config->identity_count == 0 && !t->config->ask_hello) /* nothing to sign with, nor will there be */
        dor__transcript_drop_raw(&hs->transcript);
    if (t->suite->kx == DOR_KX_RSA) DOR_TRY(dor__property_set(t, DOR_PROPERTY_STATIC_RSA));
    /* Our id came back, but it was made up for the sake of TLS 1.3's middleboxes (RFC 8446 appendix D.4). */
    if (!offered && same_id(v12->session_id, v12->session_id_len, hs->session_id, hs->session_id_len))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_SESSION_MISMATCH);
    return DOR_SUCCESS;
}
