/*
 * key_exchange.c - the shared secret of a handshake: where it is kept, and how long.
 *
 * What a curve or a hybrid gives fits into the handshake; an ffdhe secret is as long as its prime, and stands in the
 * arena. Both are wiped as soon as the key schedule has them.
 */
#include "tls/handshake.h"

static dor_result room_for(dor_handshake *hs, dor_group group, uint8_t **room)
{
    size_t len = dor__kx_secret_len(group);
    *room = hs->shared_secret;
    if (len <= sizeof(hs->shared_secret)) return DOR_SUCCESS;
    if (!hs->long_secret) hs->long_secret = dor__arena_alloc(&hs->arena, DOR_KX_MAX_SECRET_LEN);
    if (!hs->long_secret) return dor__error(DOR_E_NOMEM);
    *room = hs->long_secret;
    return DOR_SUCCESS;
}

dor_result dor__key_exchange_derive(dor_tls *t, dor_span peer_public)
{
    dor_handshake *hs = t->hs;
    uint8_t *room;
    if (!hs->kx) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(room_for(hs, dor__kx_group(hs->kx), &room));
    DOR_TRY(dor__kx_derive(hs->kx, peer_public, t->env->rng, room, &hs->shared_secret_len));
    dor__kx_free(hs->kx); /* ephemeral means: gone when used */
    hs->kx = NULL;
    return DOR_SUCCESS;
}

dor_result dor__key_exchange_respond(dor_tls *t, dor_group group, dor_span peer_public)
{
    dor_handshake *hs = t->hs;
    uint8_t *room;
    dor__kx_free(hs->kx);
    hs->kx = NULL;
    DOR_TRY(room_for(hs, group, &room));
    hs->kx_group = group;
    return dor__kx_respond(&hs->kx, group, peer_public, t->env->rng, room, &hs->shared_secret_len);
}

dor_span dor__shared_secret(const dor_handshake *hs)
{
    bool inside = hs->shared_secret_len <= sizeof(hs->shared_secret);
    return dor__span(inside ? hs->shared_secret : hs->long_secret, hs->shared_secret_len);
}

void dor__shared_secret_wipe(dor_handshake *hs)
{
    dor__wipe(hs->shared_secret, sizeof(hs->shared_secret));
    if (hs->long_secret) dor__wipe(hs->long_secret, DOR_KX_MAX_SECRET_LEN);
    hs->shared_secret_len = 0;
}

void dor__shares_free(dor_handshake *hs)
{
    for (size_t i = 0; i < DOR_MAX_OWN_SHARES; i++) {
        dor__kx_free(hs->shares[i]);
        hs->shares[i] = NULL;
    }
}
