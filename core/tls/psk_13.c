/*
 * psk_13.c - tickets offered, chosen and bound (RFC 8446 section 4.2.11).
 *
 * A binder shows that whoever offers a ticket knows its secret; it covers the hello up to the binders themselves.
 */
#include "tls/psk_13.h"

#include "tls/extension/extensions.h"
#include "tls/schedule_13.h"

enum {
    MAX_IDENTITIES_TRIED = 8, /* each costs a decryption */
    BINDER_LEN_LEN = 1,
    BINDERS_LEN_LEN = 2,
    AGE_TOLERANCE_MS = 60 * 1000 /* between the client's idea of a ticket's age and ours */
};

static size_t hash_len_of(const dor_suite *suite)
{
    return dor__hash_len((dor_hash_id)suite->hash);
}

/* ---- client ----------------------------------------------------------------------------------------------- */

/* RFC 8446 section 4.2.11: a suite with the ticket's hash must be among those offered, or be the one settled. */
static bool hash_fits(const dor_tls *t, const dor_suite *suite)
{
    if (t->suite) return t->suite->hash == suite->hash;
    return dor__config_suite(t->config, suite->id, DOR_TLS_1_3) != NULL;
}

bool dor__session_offerable_13(const dor_tls *t)
{
    const dor_session *s = t->hs->session;
    /* A session was made by certificate; who wants a PSK alone does not want that. */
    if (t->config->psks && !t->config->psk_fallback) return false;
    if (!s || !t->config->resumption || s->version != DOR_TLS_1_3 || s->ticket.len == 0) return false;
    const dor_suite *suite = dor__suite_find(s->suite);
    if (!suite || suite->version != DOR_TLS_1_3 || s->secret_len != hash_len_of(suite) ||
        !hash_fits(t, suite))
        return false;
    if (!dor__config_has_version(t->config, DOR_TLS_1_3) || !dor__session_fresh(s, dor__now_ms(t)))
        return false;
    /* The ticket speaks for the server that it came from, as well as that one was verified. */
    return dor__span_equal(dor__bytes_span(&s->server_name), t->hs->host) && dor__session_peer_suits(t, s);
}

/* One that is offered, by its bit's number. */
typedef struct offer {
    dor_span identity, secret;
    dor_hash_id hash;
    uint32_t age;
    bool external;
} offer;

static offer offer_of(const dor_tls *t, unsigned number)
{
    const dor_session *s = t->hs->session;
    if (number > 0) {
        const dor_psk *psk = dor__psks_at(t->config->psks, number - 1);
        return (offer){psk->identity, psk->key, psk->hash, 0, true}; /* no age: section 4.2.11 */
    }
    int64_t now_ms = dor__now_ms(t);
    uint32_t age =
        now_ms > s->created_ms ? (uint32_t)(now_ms - s->created_ms) : 0; /* the clock was set back */
    return (offer){dor__bytes_span(&s->ticket), dor__span(s->secret, s->secret_len),
                   (dor_hash_id)dor__suite_find(s->suite)->hash, age + s->age_add, /* obfuscated: 4.2.11.1 */
                   false};
}

static bool external_fits(const dor_tls *t, const dor_psk *psk)
{
    if (t->suite) return (dor_hash_id)t->suite->hash == psk->hash;
    for (size_t i = 0; i < t->config->suite_count; i++) {
        const dor_suite *suite = dor__suite_find(t->config->suites[i]);
        if (suite && suite->version == DOR_TLS_1_3 && (dor_hash_id)suite->hash == psk->hash) return true;
    }
    return false;
}

uint16_t dor__psk_offers(const dor_tls *t)
{
    uint16_t offers = dor__session_offerable_13(t) ? 1 : 0;
    for (unsigned i = 0; i < dor__psks_count(t->config->psks) && i < DOR_PSKS_OFFERED_MAX; i++)
        if (external_fits(t, dor__psks_at(t->config->psks, i))) offers |= (uint16_t)(2u << i);
    return offers;
}

dor_result dor__psk_offer_write(dor_tls *t, dor_bytes *w)
{
    static const uint8_t zeros[DOR_HASH_MAX_LEN];
    uint16_t offers = t->hs->psk_offers = dor__psk_offers(t);
    size_t mark;
    DOR_TRY(wr_begin(w, 2, &mark));
    for (unsigned i = 0; offers >> i; i++) {
        if (!(offers >> i & 1)) continue;
        offer o = offer_of(t, i);
        DOR_TRY(wr_vec(w, 2, o.identity));
        DOR_TRY(wr_u32(w, o.age));
    }
    DOR_TRY(wr_end(w, 2, mark));
    DOR_TRY(wr_begin(w, BINDERS_LEN_LEN, &mark));
    for (unsigned i = 0; offers >> i; i++)
        if (offers >> i & 1)
            DOR_TRY(wr_vec(w, BINDER_LEN_LEN, dor__span(zeros, dor__hash_len(offer_of(t, i).hash))));
    return wr_end(w, BINDERS_LEN_LEN, mark);
}

/* The digest over what was said before and over a hello cut off in front of its binders. */
static dor_result cut_digest(const dor_tls *t, dor_hash_id hash, dor_span cut,
                             uint8_t digest[DOR_HASH_MAX_LEN])
{
    if (t->hs->properties & DOR_PROPERTY_RETRY)
        return dor__transcript_digest_with(&t->hs->transcript, cut, digest);
    return dor__hash_once(hash, cut, digest);
}

static size_t binders_len(const dor_tls *t)
{
    size_t len = BINDERS_LEN_LEN;
    for (unsigned i = 0; t->hs->psk_offers >> i; i++)
        if (t->hs->psk_offers >> i & 1) len += BINDER_LEN_LEN + dor__hash_len(offer_of(t, i).hash);
    return len;
}

dor_result dor__psk_binders_fill(dor_tls *t, dor_bytes *w)
{
    const size_t start = t->hs->message_start, cut_len = w->len - start - binders_len(t);
    const size_t body_len = w->len - start - DOR_HANDSHAKE_HEADER_LEN;
    uint8_t digest[DOR_HASH_MAX_LEN];
    uint8_t *header = w->ptr + start, *binder = header + cut_len + BINDERS_LEN_LEN;
    /* The digest covers the header, whose length is otherwise filled in when the message is complete. */
    header[1] = (uint8_t)(body_len >> 16);
    header[2] = (uint8_t)(body_len >> 8);
    header[3] = (uint8_t)body_len;
    for (unsigned i = 0; t->hs->psk_offers >> i; i++) {
        if (!(t->hs->psk_offers >> i & 1)) continue;
        offer o = offer_of(t, i);
        const size_t hash_len = dor__hash_len(o.hash);
        uint8_t mac[DOR_HASH_MAX_LEN];
        DOR_TRY(cut_digest(t, o.hash, dor__span(header, cut_len), digest));
        DOR_TRY(dor__psk_binder(o.hash, o.secret, o.external, dor__span(digest, hash_len), mac));
        memcpy(binder + BINDER_LEN_LEN, mac, hash_len);
        binder += BINDER_LEN_LEN + hash_len;
    }
    return DOR_SUCCESS;
}

dor_result dor__psk_chosen(dor_tls *t, uint16_t index, bool *known)
{
    *known = false;
    for (unsigned i = 0; t->hs->psk_offers >> i; i++) {
        if (!(t->hs->psk_offers >> i & 1) || index-- > 0) continue;
        *known = offer_of(t, i).hash == (dor_hash_id)t->suite->hash; /* section 4.2.11 */
        return *known && i > 0 ? dor__external_psk_use(t, dor__psks_at(t->config->psks, i - 1)) : DOR_SUCCESS;
    }
    return DOR_SUCCESS;
}

dor_span dor__psk_secret(const dor_tls *t)
{
    const dor_handshake *hs = t->hs;
    if (!(hs->properties & DOR_PROPERTY_RESUMED)) return DOR_SPAN_EMPTY;
    return hs->psk ? hs->psk->key : dor__span(hs->session->secret, hs->session->secret_len);
}

/* ---- server ----------------------------------------------------------------------------------------------- */

/* A ticket is for the same name, suite hash and at least the same authentication as this handshake is. */
static bool acceptable(const dor_tls *t, const dor_session *s, uint32_t obfuscated_age)
{
    const dor_suite *suite = dor__suite_find(s->suite);
    if (s->version != DOR_TLS_1_3 || !suite || suite->version != DOR_TLS_1_3 ||
        suite->hash != t->suite->hash || s->secret_len != hash_len_of(suite))
        return false;
    if (!dor__session_fresh(s, dor__now_ms(t))) return false;
    /* What the client takes for its age: past the lifetime it should not have come with it (section 4.2.11.1). */
    if ((uint64_t)(uint32_t)(obfuscated_age - s->age_add) > (uint64_t)s->lifetime_s * 1000 + AGE_TOLERANCE_MS)
        return false;
    return dor__span_equal(dor__bytes_span(&s->server_name), dor__server_name_get(t)) &&
           dor__session_peer_suits(t, s);
}

dor_result dor__ticket_session(dor_tls *t, dor_span ticket, dor_session **session)
{
    const dor_tls_config *config = t->config;
    dor_bytes plain = DOR_BYTES_EMPTY;
    bool opened = false;
    *session = NULL;
    if (config->ticket_kind == DOR_TICKETS_STATEFUL && config->ask_session) {
        DOR_TRY(dor__session_ask(t, DOR_TLS_1_3, ticket, session));
        if (*session) config->store->used(config->store_ctx, ticket);
        return DOR_SUCCESS;
    }
    if (config->ticket_kind == DOR_TICKETS_STATEFUL) {
        *session = config->store->take(config->store_ctx, dor__now_ms(t), ticket);
        return DOR_SUCCESS;
    }
    dor_result r = config->store->ticket_open(config->store_ctx, dor__now_ms(t), ticket, &plain, &opened);
    if (dor__ok(r) && opened) {
        dor_result parsed = dor__session_parse(dor__bytes_span(&plain), session);
        if (dor_error_get_class(parsed.code) == DOR_CLASS_MEMORY) r = parsed;
    }
    dor__bytes_free(&plain);
    return r;
}

static dor_result ticket_try(dor_tls *t, dor_span ticket, uint32_t age, bool *accepted)
{
    dor_session *session;
    DOR_TRY(dor__ticket_session(t, ticket, &session));
    if (session && acceptable(t, session, age) && dor__session_policy_agrees(t, session, ticket)) {
        dor__session_unref(t->hs->session);
        t->hs->session = session;
        t->hs->ticket_age_ms = (int64_t)(uint32_t)(age - session->age_add);
        session = NULL;
        *accepted = true;
    }
    dor__session_unref(session);
    return DOR_SUCCESS;
}

static dor_result binder_at(dor_span binders, unsigned index, dor_span *binder)
{
    dor_reader r = rd_from(binders);
    for (unsigned i = 0; i <= index; i++)
        DOR_TRY(rd_vec8(&r, binder, 32, 255));
    return DOR_SUCCESS;
}

/* The secret of which the client's binder must be made; a wrong one on purpose where there is none. */
static dor_result binder_check(dor_tls *t, dor_span secret, bool external)
{
    dor_handshake *hs = t->hs;
    dor_hash_id hash = (dor_hash_id)t->suite->hash;
    size_t hash_len = dor__hash_len(hash);
    uint8_t digest[DOR_HASH_MAX_LEN], expected[DOR_HASH_MAX_LEN];
    dor_span binder;
    /* pre_shared_key ends the hello, and the binders end pre_shared_key. */
    dor_span cut = dor__span(hs->message.ptr, hs->message.len - hs->psk_binders.len - BINDERS_LEN_LEN);
    DOR_TRY(binder_at(hs->psk_binders, hs->psk_index, &binder));
    DOR_TRY(cut_digest(t, hash, cut, digest));
    dor_result r = dor__psk_binder(hash, secret, external, dor__span(digest, hash_len), expected);
    if (dor__ok(r) && (binder.len != hash_len || !dor__ct_equal(binder.ptr, expected, hash_len)))
        r = dor__alert(DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
    dor__wipe(expected, sizeof expected);
    return r;
}

static dor_result tickets_try(dor_tls *t, bool *accepted)
{
    dor_handshake *hs = t->hs;
    const dor_tls_config *config = t->config;
    dor_reader identities = rd_from(hs->psk_identities);
    if (!config->resumption || !dor__tickets_possible(config)) return DOR_SUCCESS;
    for (uint16_t i = 0; !*accepted && i < MAX_IDENTITIES_TRIED && rd_left(&identities); i++) {
        dor_span ticket;
        uint32_t age;
        DOR_TRY(rd_vec16(&identities, &ticket, 1, 65535));
        DOR_TRY(rd_u32(&identities, &age));
        DOR_TRY(ticket_try(t, ticket, age, accepted));
        if (dor__asking(t)) return DOR_SUCCESS;
        hs->psk_index = i;
    }
    return DOR_SUCCESS;
}

/* A server that can do nothing else does for an unknown identity what it does for a wrong binder. */
static dor_result unknown_identity(dor_tls *t)
{
    uint8_t secret[DOR_HASH_MAX_LEN];
    if (t->config->identity_count > 0 || !dor__external_psks_taken(t)) return DOR_SUCCESS;
    t->hs->psk_index = 0;
    DOR_TRY(dor__rng_fill(t->env->rng, secret, sizeof secret));
    DOR_TRY(binder_check(t, dor__span(secret, sizeof secret), true));
    return dor__error(DOR_E_INTERNAL); /* 2^-256 */
}

dor_result dor__psk_choose(dor_tls *t, bool *accepted)
{
    dor_handshake *hs = t->hs;
    bool external = false;
    *accepted = false;
    if (!(hs->ext_received & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY))) return DOR_SUCCESS;
    if (!(hs->peer_psk_modes & t->config->psk_modes)) return DOR_SUCCESS;
    DOR_TRY(tickets_try(t, accepted));
    if (dor__asking(t)) return DOR_SUCCESS;
    if (!*accepted) {
        DOR_TRY(dor__external_psk_choose(t, &external));
        if (!external) return unknown_identity(t);
        *accepted = true;
    }
    dor_span secret = external ? hs->psk->key : dor__span(hs->session->secret, hs->session->secret_len);
    DOR_TRY(binder_check(t, secret, external));
    return external ? dor__external_psk_prove(t) : DOR_SUCCESS;
}
