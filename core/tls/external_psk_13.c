/*
 * external_psk_13.c - external PSKs in a handshake: found by their identities, by a table or a question, and bound to a side
 * (RFC 8446 sections 4.2.11 and appendix E.6, RFC 9257).
 *
 * A server looks before it chooses its suite, for a PSK is of use with suites of its own hash alone. Tickets go first.
 *
 * Reflection (Selfie): two nodes that share a key and are both clients and servers of each other can be made to talk to
 * themselves, by whoever sends their hellos back. So the second half of a client's random is, where external PSKs are
 * offered, a MAC of the first half with a secret of the process; a server that finds its own process's there has met itself.
 * For everybody else it is as random as before.
 */
#include "tls/extension/extensions.h"
#include "tls/psk_13.h"

enum { MAX_IDENTITIES_LOOKED_AT = 8 };

/* ---- whom we meet ------------------------------------------------------------------------------------------- */

static dor_result reflection_mark(const dor_tls *t, const uint8_t *random, uint8_t mark[DOR_HASH_MAX_LEN])
{
    const dor_span half = dor__span(random, DOR_RANDOM_LEN / 2);
    const dor_span key = dor__span(t->config->reflection_secret, sizeof t->config->reflection_secret);
    return dor__hmac(DOR_HASH_SHA256, key, &half, 1, mark);
}

dor_result dor__reflection_sign(dor_tls *t)
{
    uint8_t mark[DOR_HASH_MAX_LEN];
    if (!t->config->psks || !t->config->has_reflection_secret) return DOR_SUCCESS;
    DOR_TRY(reflection_mark(t, t->hs->client_random, mark));
    memcpy(t->hs->client_random + DOR_RANDOM_LEN / 2, mark, DOR_RANDOM_LEN / 2);
    dor__wipe(mark, sizeof mark);
    return DOR_SUCCESS;
}

static dor_result reflection_check(const dor_tls *t)
{
    uint8_t mark[DOR_HASH_MAX_LEN];
    if (!t->config->has_reflection_secret || t->config->psk_reflection) return DOR_SUCCESS;
    DOR_TRY(reflection_mark(t, t->hs->client_random, mark));
    bool own = dor__ct_equal(t->hs->client_random + DOR_RANDOM_LEN / 2, mark, DOR_RANDOM_LEN / 2);
    dor__wipe(mark, sizeof mark);
    return own ? dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_PSK_REFLECTED) : DOR_SUCCESS;
}

/* ---- both --------------------------------------------------------------------------------------------------- */

static dor_result keep(dor_tls *t, const dor_psk *psk, const dor_psk **kept)
{
    dor_arena *arena = &t->hs->arena;
    dor_psk *copy = dor__arena_alloc(arena, sizeof *copy);
    if (!copy) return dor__error(DOR_E_NOMEM);
    copy->hash = psk->hash;
    DOR_TRY(dor__arena_copy(arena, psk->identity, &copy->identity));
    DOR_TRY(dor__arena_copy(arena, psk->key, &copy->key));
    *kept = copy;
    return DOR_SUCCESS;
}

dor_result dor__external_psk_use(dor_tls *t, const dor_psk *psk)
{
    DOR_TRY(keep(t, psk, &t->hs->psk));
    return dor__psk_identity_set(t, psk->identity);
}

/* ---- server ------------------------------------------------------------------------------------------------- */

bool dor__external_psks_taken(const dor_tls *t)
{
    const dor_tls_config *config = t->config;
    bool certificate_needed = config->verify_peer && config->require_peer_cert;
    return (config->psks || config->ask_psk) && !certificate_needed;
}

static dor_result identity_next(dor_reader *identities, dor_span *identity)
{
    uint32_t age; /* means nothing here: section 4.2.11 */
    DOR_TRY(rd_vec16(identities, identity, 1, 65535));
    return rd_u32(identities, &age);
}

static void found_at(dor_handshake *hs, uint16_t index)
{
    hs->known_psk_index = index;
    hs->known_psk_there = true;
}

/* What an earlier turn of the handler has found, a second hello may have at another place, or not at all. */
static dor_result find_again(dor_tls *t)
{
    dor_reader identities = rd_from(t->hs->psk_identities);
    for (uint16_t i = 0; i < MAX_IDENTITIES_LOOKED_AT && rd_left(&identities); i++) {
        dor_span identity;
        DOR_TRY(identity_next(&identities, &identity));
        if (!t->hs->known_psk_there && dor__span_equal(identity, t->hs->known_psk->identity))
            found_at(t->hs, i);
    }
    return DOR_SUCCESS;
}

static dor_result find_in_table(dor_tls *t)
{
    dor_reader identities = rd_from(t->hs->psk_identities);
    for (uint16_t i = 0; i < MAX_IDENTITIES_LOOKED_AT && rd_left(&identities); i++) {
        dor_span identity;
        DOR_TRY(identity_next(&identities, &identity));
        const dor_psk *psk = dor__psks_find(t->config->psks, identity);
        if (!psk || t->hs->known_psk) continue;
        DOR_TRY(keep(t, psk, &t->hs->known_psk));
        found_at(t->hs, i);
    }
    return DOR_SUCCESS;
}

/* A ticket of ours is nobody's identity. */
static dor_result is_own_ticket(dor_tls *t, dor_span identity, bool *own)
{
    const dor_tls_config *config = t->config;
    dor_bytes plain = DOR_BYTES_EMPTY;
    *own = false;
    if (!config->resumption || !dor__tickets_possible(config) || config->ticket_kind != DOR_TICKETS_STATELESS)
        return DOR_SUCCESS;
    dor_result r = config->store->ticket_open(config->store_ctx, dor__now_ms(t), identity, &plain, own);
    dor__wipe(plain.ptr, plain.len);
    dor__bytes_free(&plain);
    return r;
}

static dor_result ask(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    dor_reader identities = rd_from(hs->psk_identities);
    unsigned turn = 0;
    for (unsigned i = 0; i < MAX_IDENTITIES_LOOKED_AT && rd_left(&identities); i++) {
        dor_span identity;
        bool own;
        DOR_TRY(identity_next(&identities, &identity));
        if (identity.len > DOR_PSK_MAX_IDENTITY_LEN) continue;
        DOR_TRY(is_own_ticket(t, identity, &own));
        if (own || turn++ < hs->psk_asked) continue;
        if (hs->psk_asked >= DOR_PSK_QUESTIONS_MAX) return DOR_SUCCESS;
        DOR_TRY(dor__arena_copy(&hs->arena, identity, &hs->asked_identity));
        hs->answers &= (uint8_t) ~(1u << DOR_TLS_QUESTION_PSK); /* another question than before */
        dor__tls_ask(t, DOR_TLS_QUESTION_PSK);
        return DOR_SUCCESS;
    }
    return DOR_SUCCESS;
}

dor_result dor__external_psk_look(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    bool again = (hs->properties & DOR_PROPERTY_RETRY) != 0;
    hs->known_psk_there = false;
    if (!(hs->ext_received & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY)) || !dor__external_psks_taken(t))
        return DOR_SUCCESS;
    if (hs->known_psk) return find_again(t);
    if (again) return DOR_SUCCESS; /* who was not known then is not now */
    if (t->config->psks) DOR_TRY(find_in_table(t));
    return hs->known_psk || !t->config->ask_psk ? DOR_SUCCESS : ask(t);
}

dor_result dor__external_psk_answer(dor_tls *t, dor_span key, dor_hash_id hash)
{
    dor_handshake *hs = t->hs;
    const dor_psk psk = {hs->asked_identity, key, hash};
    if (key.len == 0) {
        hs->psk_asked++;
        return DOR_SUCCESS;
    }
    return keep(t, &psk, &hs->known_psk);
}

bool dor__external_psk_hash_fits(const dor_tls *t, const dor_suite *suite)
{
    return suite->hash == t->hs->known_psk->hash;
}

dor_result dor__external_psk_choose(dor_tls *t, bool *accepted)
{
    dor_handshake *hs = t->hs;
    if (!hs->known_psk_there || hs->known_psk->hash != t->suite->hash) return DOR_SUCCESS;
    hs->psk_index = hs->known_psk_index;
    DOR_TRY(dor__external_psk_use(t, hs->known_psk));
    *accepted = true;
    return DOR_SUCCESS;
}

dor_result dor__external_psk_prove(dor_tls *t)
{
    DOR_TRY(reflection_check(t));
    return dor__prove_peer(t, DOR_PROOF_PSK);
}
