/*
 * path.c - certification paths: building (RFC 4158) and validation (RFC 5280 section 6.1).
 *
 * Building walks from the peer's certificate upwards, depth first: the issuers of a certificate are the
 * anchors, then the sent certificates, whose subject is its issuer's name; those whose key identifier fits
 * come first. A signature is checked as the step is taken, so no path is followed whose links do not hold. A
 * path that reaches an anchor is then validated from the anchor down to the peer, by the table of steps. When
 * it fails, the next one is tried.
 *
 * Invariants: every certificate on the path has signed the one below it. No subject and key occur twice on a
 * path, so a path ends. All work is bounded by DOR_PATH_MAX_SIGNATURES, whatever the peer sends.
 */
#include "x509/path.h"

#include "x509/host_name.h"

#define BAD_CERTIFICATE(reason)         dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_##reason)
#define UNSUPPORTED_CERTIFICATE(reason) dor__alert(DOR_ALERT_UNSUPPORTED_CERTIFICATE, DOR_REASON_##reason)

/* How much a failure tells; of two that tell as much, the first stays, for it is of the preferred path. */
typedef enum telling {
    TELLS_NOTHING,
    TELLS_UNKNOWN_CA, /* nobody is known who could have signed it */
    TELLS_LINK,       /* an issuer is there, but the signature is not its */
    TELLS_LIMIT,      /* the search was given up */
    TELLS_PATH,       /* a whole path is there, but is not valid */
    TELLS_FAULT       /* not the peer's doing; ends the search */
} telling;

typedef struct search {
    const dor_path_params *params;
    dor_certificate *const *sent;
    size_t sent_count;
    uint32_t candidates; /* bit i: sent[i] may be an issuer */
    unsigned signatures_left;
    const dor_certificate *path[DOR_PATH_MAX_CERTS + 1]; /* the peer's first */
    size_t sent_index[DOR_PATH_MAX_CERTS + 1]; /* where each was sent; an anchor has the one below's */
    size_t len;
    dor_result failure;
    size_t failed_index;
    telling failure_tells;
} search;

_Static_assert(DOR_PATH_MAX_CERTS <= 32, "candidates has a bit for each");

static void note_failure(search *s, telling tells, dor_result failure, size_t sent_index)
{
    if (tells <= s->failure_tells) return;
    s->failure_tells = tells;
    s->failure = failure;
    s->failed_index = sent_index;
}

/* An alert is a verdict on a certificate; anything else (no memory) is a fault of ours. */
static void note_verdict(search *s, telling tells, dor_result failure, size_t sent_index)
{
    bool verdict = dor_error_get_class(failure.code) == DOR_CLASS_ALERT_SENT;
    note_failure(s, verdict ? tells : TELLS_FAULT, failure, sent_index);
}

/* --- Validation ------------------------------------------------------------------------------------------- */

/* Where a certificate stands on a path that is whole: 0 is the peer's, the last one is the anchor. */
typedef struct position {
    const search *s;
    const dor_certificate *cert;
    size_t index;
} position;

static bool is_anchor(const position *p)
{
    return p->index == p->s->len - 1;
}

/*
 * Intermediates below: those between the peer and this certificate that are not self-issued (RFC 5280, 6.1.4
 * (l)).
 */
static size_t counted_below(const position *p)
{
    size_t count = 0;
    for (size_t i = 1; i < p->index; i++)
        count += !p->s->path[i]->self_issued;
    return count;
}

/* Section 6.1.4 (o) and 6.1.5 (f): whatever is critical has been processed, or the path fails. */
static dor_result check_critical_extensions(const position *p)
{
    return p->cert->unknown_critical ? UNSUPPORTED_CERTIFICATE(CERT_CRITICAL_EXTENSION) : DOR_SUCCESS;
}

/* Section 6.1.3 (a) (2); both ends belong to the validity (section 4.1.2.5). */
static dor_result check_validity(const position *p)
{
    if (p->s->params->now < p->cert->not_before)
        return dor__alert(DOR_ALERT_CERTIFICATE_EXPIRED, DOR_REASON_CERT_NOT_YET_VALID);
    if (p->s->params->now > p->cert->not_after)
        return dor__alert(DOR_ALERT_CERTIFICATE_EXPIRED, DOR_REASON_CERT_EXPIRED);
    return DOR_SUCCESS;
}

/*
 * Section 6.1.4 (k): an issuer of version 3 says that it is an authority. Older versions cannot say so, and
 * are taken as issuers only where somebody chose them: as anchors.
 */
static dor_result check_is_ca(const position *p)
{
    if (p->cert->version < 3 && is_anchor(p)) return DOR_SUCCESS;
    return p->cert->has_basic_constraints && p->cert->is_ca ? DOR_SUCCESS : BAD_CERTIFICATE(CERT_NOT_CA);
}

/* Section 6.1.4 (n). */
static dor_result check_may_sign(const position *p)
{
    if (p->cert->has_key_usage && !(p->cert->key_usage & DOR_KU_KEY_CERT_SIGN))
        return BAD_CERTIFICATE(CERT_KEY_USAGE);
    return DOR_SUCCESS;
}

/* Section 6.1.4 (l) and (m). */
static dor_result check_path_length(const position *p)
{
    if (p->cert->path_len >= 0 && counted_below(p) > (size_t)p->cert->path_len)
        return BAD_CERTIFICATE(CERT_PATH_LENGTH);
    return DOR_SUCCESS;
}

/*
 * The user's own limit, counted as the reference's option depth says: 0 is the peer right below the anchor.
 */
static dor_result check_depth(const position *p)
{
    if (is_anchor(p) && counted_below(p) > p->s->params->depth) return BAD_CERTIFICATE(CERT_PATH_LENGTH);
    return DOR_SUCCESS;
}

/*
 * Section 4.2.1.12 for the peer; for authorities, as is the custom, what they leave out they may not vouch
 * for.
 */
static dor_result check_ext_key_usage(const position *p)
{
    unsigned wanted = p->s->params->purpose == DOR_PURPOSE_SERVER ? DOR_EKU_SERVER_AUTH : DOR_EKU_CLIENT_AUTH;
    if (p->cert->has_ext_key_usage && !(p->cert->ext_key_usage & (wanted | DOR_EKU_ANY)))
        return UNSUPPORTED_CERTIFICATE(CERT_EXTENDED_KEY_USAGE);
    return DOR_SUCCESS;
}

/* RFC 8446 section 4.4.2.2, RFC 5246 section 7.4.2: the peer signs the handshake with this key, or deciphers with it. */
static dor_result check_peer_key_usage(const position *p)
{
    unsigned wanted = p->s->params->deciphers ? DOR_KU_KEY_ENCIPHERMENT : DOR_KU_DIGITAL_SIGNATURE;
    if (p->cert->has_key_usage && !(p->cert->key_usage & wanted))
        return UNSUPPORTED_CERTIFICATE(CERT_KEY_USAGE);
    return DOR_SUCCESS;
}

static dor_result check_host(const position *p)
{
    const dor_path_params *params = p->s->params;
    if (params->purpose != DOR_PURPOSE_SERVER || params->host.len == 0) return DOR_SUCCESS;
    return dor__certificate_check_host(p->cert, params->host);
}

enum { PEER = 1, ISSUER = 2, EVERY = PEER | ISSUER };

typedef struct step {
    unsigned who;
    dor_result (*check)(const position *p);
} step;

/*
 * What is checked of each certificate, in this order; section 6.1.3 (a) (1), the signature, was on the way
 * up.
 */
static const step steps[] = {
    {EVERY, check_critical_extensions},
    {EVERY, check_validity},
    /* revocation, section 6.1.3 (a) (3), has its place here */
    /* name constraints, section 6.1.3 (b) and (c); until then such certificates count as unknown_critical */
    /* policies, section 6.1.3 (d) to (f) */
    {ISSUER, check_is_ca},
    {ISSUER, check_may_sign},
    {ISSUER, check_path_length},
    {ISSUER, check_depth},
    {EVERY, check_ext_key_usage},
    {PEER, check_peer_key_usage},
    {PEER, check_host},
};

/*
 * From the anchor down, as section 6.1 goes. A peer that is an anchor itself is a path of one, and issues
 * nothing.
 */
static bool path_is_valid(search *s)
{
    for (size_t i = s->len; i-- > 0;) {
        position p = {s, s->path[i], i};
        for (size_t n = 0; n < sizeof(steps) / sizeof(steps[0]); n++) {
            if (!(steps[n].who & (i == 0 ? PEER : ISSUER))) continue;
            dor_result result = steps[n].check(&p);
            if (dor__failed(result)) {
                note_verdict(s, TELLS_PATH, result, s->sent_index[i]);
                return false;
            }
        }
    }
    return true;
}

/* --- Building --------------------------------------------------------------------------------------------- */

/* What the key identifiers say of an issuer (RFC 5280 sections 4.2.1.1 and 4.2.1.2): hints, not proof. */
typedef enum key_id_hint { KEY_ID_FITS, KEY_ID_SILENT, KEY_ID_DIFFERS, KEY_ID_HINTS } key_id_hint;

static key_id_hint key_id_says(const dor_certificate *cert, const dor_certificate *issuer)
{
    if (cert->authority_key_id.len == 0 || issuer->subject_key_id.len == 0) return KEY_ID_SILENT;
    return dor__span_equal(cert->authority_key_id, issuer->subject_key_id) ? KEY_ID_FITS : KEY_ID_DIFFERS;
}

/* RFC 4158 section 2.4.2: an entity (a name and a key) that is on the path already only leads in circles. */
static bool on_path(const search *s, const dor_certificate *cert)
{
    for (size_t i = 0; i < s->len; i++) {
        if (dor__span_equal(s->path[i]->subject, cert->subject) &&
            dor__span_equal(s->path[i]->spki, cert->spki))
            return true;
    }
    return false;
}

/* True when cert, an issuer by name, may be put on top of the path: the signature below is its. */
static bool link_holds(search *s, const dor_certificate *cert, key_id_hint hint)
{
    const dor_certificate *top = s->path[s->len - 1];
    size_t top_index = s->sent_index[s->len - 1];
    if (on_path(s, cert)) return false;
    if (s->signatures_left == 0) {
        note_failure(s, TELLS_LIMIT, BAD_CERTIFICATE(LIMIT), top_index);
        return false;
    }
    s->signatures_left--;
    dor_result result = dor__certificate_verify_signature(top, cert);
    if (dor__ok(result)) return true;
    /*
     * A namesake whose key identifier differs never claimed to be the issuer, so its failing tells nothing.
     */
    bool namesake = hint == KEY_ID_DIFFERS && dor_error_get_reason(result.code) == DOR_REASON_CERT_SIGNATURE;
    note_verdict(s, namesake ? TELLS_UNKNOWN_CA : TELLS_LINK,
                 namesake ? dor__alert(DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA) : result, top_index);
    return false;
}

static void push(search *s, const dor_certificate *cert, size_t sent_index)
{
    s->path[s->len] = cert;
    s->sent_index[s->len] = sent_index;
    s->len++;
}

/*
 * Ends the path at each anchor that signed its top; true when one makes a valid path, which stays in place.
 */
static bool try_anchors(search *s, key_id_hint hint)
{
    const dor_certificate *top = s->path[s->len - 1], *anchor;
    size_t cursor = 0;
    while ((anchor = dor__trust_store_find(s->params->trust, top->issuer, &cursor)) != NULL) {
        if (s->failure_tells == TELLS_FAULT) return false;
        if (key_id_says(top, anchor) != hint || !link_holds(s, anchor, hint)) continue;
        push(s, anchor, s->sent_index[s->len - 1]);
        if (path_is_valid(s)) return true;
        s->len--;
    }
    return false;
}

static bool extend(search *s);

/* Goes on with each sent certificate that signed the path's top. */
static bool try_sent(search *s, key_id_hint hint)
{
    const dor_certificate *top = s->path[s->len - 1];
    for (size_t i = 1; i < s->sent_count && s->failure_tells != TELLS_FAULT; i++) {
        const dor_certificate *cert = s->sent[i];
        if (!(s->candidates >> i & 1) || !dor__span_equal(cert->subject, top->issuer)) continue;
        if (key_id_says(top, cert) != hint || !link_holds(s, cert, hint)) continue;
        push(s, cert, i);
        if (extend(s)) return true;
        s->len--;
    }
    return false;
}

/*
 * True when the path could be brought to an anchor. Recursion ends: each level takes another of the sent
 * ones.
 */
static bool extend(search *s)
{
    for (int hint = KEY_ID_FITS; hint < KEY_ID_HINTS; hint++) {
        if (try_anchors(s, (key_id_hint)hint) || try_sent(s, (key_id_hint)hint)) return true;
    }
    note_failure(s, TELLS_UNKNOWN_CA, dor__alert(DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA),
                 s->sent_index[s->len - 1]);
    return false;
}

/* Issuers among the sent ones: each certificate once, and not those that are found as anchors. */
static uint32_t issuer_candidates(const search *s)
{
    uint32_t candidates = 0;
    for (size_t i = 1; i < s->sent_count; i++) {
        bool seen = dor__trust_store_has(s->params->trust, s->sent[i]);
        for (size_t k = 0; k < i && !seen; k++)
            seen = dor__span_equal(s->sent[k]->der, s->sent[i]->der);
        if (!seen) candidates |= (uint32_t)1 << i;
    }
    return candidates;
}

/* "Unknown CA" of a certificate that vouches for itself has a name of its own, and another alert. */
static void tell_self_signed(search *s)
{
    const dor_certificate *peer = s->sent[0];
    if (s->failure_tells == TELLS_UNKNOWN_CA && peer->self_issued &&
        dor__ok(dor__certificate_verify_signature(peer, peer)))
        s->failure = BAD_CERTIFICATE(CERT_SELFSIGNED);
}

dor_result dor__path_validate(const dor_path_params *params, dor_certificate *const *certs, size_t count,
                              dor_path_result *result)
{
    search s = {
        .params = params, .sent = certs, .sent_count = count, .signatures_left = DOR_PATH_MAX_SIGNATURES};
    *result = (dor_path_result){0, NULL};
    if (count == 0) return dor__error(DOR_E_BADARG);
    if (count > DOR_PATH_MAX_CERTS) return BAD_CERTIFICATE(CERT_CHAIN_TOO_LONG);

    const dor_certificate *trusted_peer = dor__trust_store_same(params->trust, certs[0]);
    push(&s, trusted_peer ? trusted_peer : certs[0], 0);
    s.candidates = issuer_candidates(&s);
    if (trusted_peer ? path_is_valid(&s) : extend(&s)) {
        result->anchor = dor__trust_store_same(params->trust, s.path[s.len - 1]);
        return DOR_SUCCESS;
    }
    tell_self_signed(&s);
    result->failed_index = s.failed_index;
    return s.failure;
}
