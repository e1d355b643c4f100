/*
 * credentials.c - which certificate and signature scheme we use, and what we make of the peer's.
 *
 * RFC 8446 sections 4.2.3 and 4.4.2; RFC 5246 sections 7.4.2 and 7.4.8.
 */
#include "tls/again.h"

#include <assert.h>

#include "crypto/premaster.h"
#include "tls/extension/grease.h"
#include "tls/internal.h"
#include "x509/host_name.h"
#include "x509/path.h"

static dor_result illegal(void)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
}

/* ---- ours ------------------------------------------------------------------------------------------------- */

/* RFC 8422 section 5.1: before TLS 1.3 a client's supported_groups says which curves it takes in certificates too. */
static bool curve_taken(const dor_handshake *hs, dor_key_type type)
{
    dor_group curve = dor__curve_of_key(type);
    return !curve || !hs->peer_has_groups || hs->peer_curves & dor__curve_bit(curve);
}

static bool key_fits(const dor_tls *t, dor_sig_scheme scheme, const dor_private_key *key, dor_kx_kind kx)
{
    dor_key_type type = dor__private_key_type(key);
    bool rsa = type == DOR_KEY_RSA || type == DOR_KEY_RSA_PSS;
    if (!dor__sig_fits_private(scheme, key)) return false;
    if (t->version == DOR_TLS_1_3) return dor__sig_allowed_in_tls13(scheme, type);
    if (!dor__sig_allowed_in_tls12(scheme, type)) return false;
    if (!curve_taken(t->hs, type)) return false;
    return !(dor__kx_is_rsa(kx) && !rsa) && !(kx == DOR_KX_ECDHE_ECDSA && rsa);
}

/* Under one of the authorities that the peer names (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4). */
static bool issuer_named(const dor_tls *t, size_t index)
{
    return t->hs->peer_has_authorities && t->hs->peer_authorities >> index & 1;
}

/* An identity that is for those who name its issuer is for nobody else, whatever else there is. */
static bool kept_out(const dor_tls *t, size_t index)
{
    return t->config->identities[index].only_for_issuers && !issuer_named(t, index);
}

/* RFC 8446 section 4.4.2.2 and RFC 5246 section 7.4.2: what the peer takes in certificates, and what the leaf is for. */
static bool chain_fits(const dor_tls *t, size_t index, dor_kx_kind kx, dor_chain_fit fit)
{
    const dor_identity *identity = &t->config->identities[index];
    if (kept_out(t, index)) return false;
    if (fit == DOR_FIT_ANY) return true;
    if (kx != DOR_KX_RSA && !identity->may_sign) return false;
    if (t->hs->peer_has_schemes && identity->chain_schemes & ~t->hs->peer_cert_schemes) return false;
    return fit != DOR_FIT_ISSUER || !t->hs->peer_has_authorities || issuer_named(t, index);
}

/* A certificate that says that its key is for signing alone must not make an oracle of it: not even if nothing else fits. */
static bool take_decrypting(dor_tls *t, const dor_identity *identity)
{
    if (!identity->may_decrypt || !dor__private_key_decrypts(identity->key)) return false;
    t->hs->identity = identity;
    t->hs->scheme = 0;
    return true;
}

bool dor__identity_take(dor_tls *t, size_t index, dor_kx_kind kx, dor_chain_fit fit)
{
    const dor_tls_config *config = t->config;
    const dor_identity *identity = &config->identities[index];
    if (!chain_fits(t, index, kx, fit)) return false;
    if (kx == DOR_KX_RSA) return take_decrypting(t, identity);
    const dor_sig_scheme *schemes = identity->scheme_count ? identity->schemes : config->schemes;
    size_t count = identity->scheme_count ? identity->scheme_count : config->scheme_count;
    for (size_t s = 0; s < count; s++) {
        uint32_t bit = dor__cert_scheme_bit(schemes[s]);
        if (bit == DOR_CERT_SCHEME_OTHER || !(t->hs->peer_schemes & bit) ||
            !key_fits(t, schemes[s], identity->key, kx))
            continue;
        t->hs->identity = identity;
        t->hs->scheme = schemes[s];
        return true;
    }
    return false;
}

void dor__identity_choose(dor_tls *t, dor_kx_kind kx, bool *found)
{
    *found = false;
    for (int fit = 0; fit < DOR_FITS && !*found; fit++)
        for (size_t i = 0; i < t->config->identity_count && !*found; i++)
            *found = dor__identity_take(t, i, kx, (dor_chain_fit)fit);
}

dor_reason dor__identity_none(const dor_tls *t)
{
    size_t out = 0;
    while (out < t->config->identity_count && kept_out(t, out))
        out++;
    return out && out == t->config->identity_count ? DOR_REASON_NO_ISSUER : DOR_REASON_NO_SIGNATURE_SCHEME;
}

dor_result dor__identity_missing(const dor_tls *t, dor_reason reason)
{
    if (!t->config->require_own_cert || !t->config->identity_count) return DOR_SUCCESS;
    return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, reason);
}

static bool issued_by(const dor_identity *identity, dor_span name)
{
    for (size_t i = 0; i < identity->chain_count; i++)
        if (dor__span_equal(identity->chain[i]->issuer, name)) return true;
    return false;
}

dor_result dor__authorities_read(dor_tls *t, dor_span list)
{
    static_assert(DOR_MAX_IDENTITIES <= 8, "a bit for each");
    dor_span name;
    t->hs->peer_has_authorities =
        list.len > 0; /* an empty list of TLS 1.2 means any (RFC 5246 section 7.4.4) */
    t->hs->peer_authorities = 0;
    for (dor_reader names = rd_from(list); rd_left(&names);) {
        DOR_TRY(rd_vec16(&names, &name, 1, UINT16_MAX));
        for (size_t i = 0; i < t->config->identity_count; i++)
            if (issued_by(&t->config->identities[i], name)) t->hs->peer_authorities |= (uint8_t)(1u << i);
    }
    return DOR_SUCCESS;
}

dor_result dor__schemes_write(const dor_tls *t, dor_bytes *w)
{
    size_t mark;
    DOR_TRY(wr_begin(w, 2, &mark));
    DOR_TRY(dor__grease_u16(t, DOR_GREASE_SCHEME, w));
    for (size_t i = 0; i < t->config->scheme_count; i++)
        DOR_TRY(wr_u16(w, t->config->schemes[i]));
    return wr_end(w, 2, mark);
}

/*
 * A chain's PSS signatures are called by the schemes of rsaEncryption keys (dor__certificate_sig_scheme), so who takes
 * those of PSS keys takes these.
 */
static uint32_t cert_bits(dor_sig_scheme scheme)
{
    uint32_t bit = dor__cert_scheme_bit(scheme);
    if (bit == DOR_CERT_SCHEME_OTHER) return 0;
    bool pss_key = scheme >= DOR_SIG_RSA_PSS_PSS_SHA256 && scheme <= DOR_SIG_RSA_PSS_PSS_SHA512;
    return pss_key ? bit | dor__cert_scheme_bit((dor_sig_scheme)(scheme - DOR_SIG_RSA_PSS_PSS_SHA256 +
                                                                 DOR_SIG_RSA_PSS_RSAE_SHA256))
                   : bit;
}

dor_result dor__cert_schemes_read(dor_tls *t, dor_reader *r)
{
    dor_span list;
    DOR_TRY(rd_vec16(r, &list, 2, 65534));
    dor_reader schemes = rd_from(list);
    t->hs->peer_cert_schemes = 0;
    while (rd_left(&schemes)) {
        dor_sig_scheme scheme;
        DOR_TRY(rd_u16(&schemes, &scheme));
        t->hs->peer_cert_schemes |= cert_bits(scheme);
    }
    return DOR_SUCCESS;
}

dor_result dor__schemes_read(dor_tls *t, dor_reader *r)
{
    dor_span list;
    DOR_TRY(rd_vec16(r, &list, 2, 65534));
    dor_reader schemes = rd_from(list);
    t->hs->peer_schemes = t->hs->peer_cert_schemes = 0;
    t->hs->peer_has_schemes = true;
    while (rd_left(&schemes)) {
        dor_sig_scheme scheme;
        DOR_TRY(rd_u16(&schemes, &scheme));
        t->hs->peer_cert_schemes |= cert_bits(scheme);
        t->hs->peer_schemes |= dor__cert_scheme_bit(scheme);
    }
    return DOR_SUCCESS;
}

/* ---- the peer's ------------------------------------------------------------------------------------------- */

dor_result dor__peer_chain_add(dor_tls *t, dor_span der)
{
    dor_handshake *hs = t->hs;
    if (hs->chain_count >= t->config->max_certificates || hs->chain_count >= DOR_PATH_MAX_CERTS)
        return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_CHAIN_TOO_LONG);
    dor_result r = dor__certificate_new(&hs->chain[hs->chain_count], der);
    if (dor_error_get_reason(r.code) == DOR_REASON_CERT_MALFORMED) /* it is no certificate, not a bad one */
        return dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_CERT_MALFORMED);
    DOR_TRY(r);
    hs->chain_count++;
    return DOR_SUCCESS;
}

/* The server's key is there to be encrypted to, and has nothing to sign. */
static bool peer_deciphers(const dor_tls *t)
{
    return dor__is_client(t) && t->version == DOR_TLS_1_2 && t->suite->kx == DOR_KX_RSA;
}

static dor_result path_check(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    bool client = dor__is_client(t);
    dor_path_result result;
    /* A name to be checked but not known would check nothing. */
    if (client && t->config->verify_host && hs->host.len == 0)
        return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
    const dor_path_params params = {
        .trust = t->config->trust,
        .now = dor__now_ms(t) / 1000,
        .purpose = client ? DOR_PURPOSE_SERVER : DOR_PURPOSE_CLIENT,
        .deciphers = peer_deciphers(t),
        .depth = t->config->depth,
        .host = client && t->config->verify_host ? hs->host : DOR_SPAN_EMPTY,
    };
    if (!params.trust) return dor__alert(DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
    DOR_TRY(dor__path_validate(&params, hs->chain, hs->chain_count, &result));
    t->anchor = dor__certificate_ref(result.anchor);
    return DOR_SUCCESS;
}

/*
 * RFC 8446 section 4.4.2.2 and RFC 5246 section 7.4.2: a certificate that says what its key is for says so for this, too,
 * whether or not anybody looks at the rest of it.
 */
static dor_result key_usage_check(const dor_tls *t)
{
    const dor_certificate *leaf = t->hs->chain[0];
    uint16_t wanted = peer_deciphers(t) ? DOR_KU_KEY_ENCIPHERMENT : DOR_KU_DIGITAL_SIGNATURE;
    if (!leaf->has_key_usage || leaf->key_usage & wanted) return DOR_SUCCESS;
    return dor__alert(DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_CERT_KEY_USAGE);
}

dor_result dor__peer_chain_verify(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    if (hs->chain_count == 0) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__renegotiation_check_peer(t));
    DOR_TRY(dor__public_key_from_spki(&hs->peer_key, hs->chain[0]->spki));
    DOR_TRY(key_usage_check(t));
    if (t->config->verify_peer) {
        DOR_TRY(path_check(t));
        if (t->config->verify) DOR_TRY(t->config->verify(t->config->verify_ctx, hs->chain, hs->chain_count));
        hs->chain_verified = true;
    }
    t->peer = dor__certificate_ref(hs->chain[0]);
    return DOR_SUCCESS;
}

dor_result dor__peer_scheme_check(dor_tls *t, dor_sig_scheme scheme)
{
    dor_key_type type = dor__public_key_type(t->hs->peer_key);
    bool fits = t->version == DOR_TLS_1_3 ? dor__sig_allowed_in_tls13(scheme, type)
                                          : dor__sig_allowed_in_tls12(scheme, type);
    for (size_t i = 0; fits && i < t->config->scheme_count; i++) {
        if (t->config->schemes[i] == scheme) {
            t->peer_scheme = scheme;
            return DOR_SUCCESS;
        }
    }
    return illegal();
}

/* Trusted now, whatever was trusted then. */
static dor_certificate *anchor_of(const dor_tls *t, const dor_session *session)
{
    return dor__trust_store_by_fingerprint(t->config->trust,
                                           dor__span(session->anchor, sizeof session->anchor));
}

dor_result dor__peer_from_session(dor_tls *t)
{
    DOR_TRY(dor__prove_peer(t, DOR_PROOF_SESSION));
    const dor_session *session = t->hs->session;
    const dor_tls_config *config = t->config;
    if (config->verify_peer && config->verify && config->verify_resumed && session->peer) {
        dor_certificate *const leaf[] = {session->peer};
        DOR_TRY(config->verify(config->verify_ctx, leaf, 1));
    }
    if (session->peer && !t->peer) t->peer = dor__certificate_ref(session->peer);
    /* What belongs to the certificate was shown with it; a TLS 1.2 server may say timestamps again, of whatever. */
    dor__stapled_unref(t->stapled);
    t->stapled = dor__stapled_ref(session->stapled);
    if (session->peer_verified && !t->anchor) t->anchor = dor__certificate_ref(anchor_of(t, session));
    return DOR_SUCCESS;
}

static bool valid_now(const dor_session *session, int64_t now)
{
    int64_t from = session->peer ? session->peer->not_before : session->peer_from;
    int64_t until = session->peer ? session->peer->not_after : session->peer_until;
    return now >= from && now <= until;
}

bool dor__session_peer_suits(const dor_tls *t, const dor_session *session)
{
    const dor_tls_config *config = t->config;
    if (!config->verify_peer) return true;
    if (!session->peer && !session->peer_omitted) return !dor__is_client(t) && !config->require_peer_cert;
    if (!session->peer_verified || !anchor_of(t, session)) return false;
    if (!valid_now(session, dor__now_ms(t) / 1000)) return false;
    return !dor__is_client(t) || !config->verify_host ||
           (session->peer && dor__ok(dor__certificate_check_host(session->peer, t->hs->host)));
}

bool dor__session_policy_agrees(const dor_tls *t, const dor_session *session, dor_span id)
{
    const dor_tls_config *config = t->config;
    return !config->reuse || config->reuse(config->reuse_fn, config->reuse_arg, session, id);
}

void dor__session_omit_peer(dor_session *session)
{
    if (!session->peer) return;
    session->peer_omitted = true;
    session->peer_from = session->peer->not_before;
    session->peer_until = session->peer->not_after;
    dor__certificate_unref(session->peer);
    session->peer = NULL;
}

dor_result dor__session_note_peer(const dor_tls *t, dor_session *session)
{
    session->peer = dor__certificate_ref(t->peer);
    session->stapled = dor__stapled_ref(t->stapled);
    session->peer_verified = t->peer_verified && t->anchor; /* none: who would trust it again? */
    return session->peer_verified ? dor__certificate_fingerprint(t->anchor, session->anchor) : DOR_SUCCESS;
}
