/*
 * client_key_exchange_rsa_12.c - ClientKeyExchange of static RSA (RFC 5246 section 7.4.7.1): a secret that the client makes and
 * encrypts to the server's certificate. Off until a suite of this kind is asked for by name: whoever gets the key later reads
 * what was recorded today.
 *
 * The server takes whatever comes and answers nothing; see crypto/premaster.h. The client learns that the server has the key
 * when its Finished verifies (step_server_has_key in actions_12.c).
 */
#include "crypto/premaster.h"
#include "tls/message/messages.h"
#include "tls/tls12.h"

#include <assert.h>

static_assert(DOR_PREMASTER_LEN <= sizeof((dor_handshake *)0)->shared_secret, "a premaster secret has room");

static dor_result send_premaster(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    uint8_t encrypted[DOR_RSA_MAX_LEN];
    size_t len;

    dor__shares_free(hs); /* they were meant for TLS 1.3 */
    if (!hs->peer_key) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__premaster_seal(hs->peer_key, DOR_TLS_1_2, t->env->rng, hs->shared_secret, encrypted, &len));
    hs->shared_secret_len = DOR_PREMASTER_LEN;
    return wr_vec(w, 2, dor__span(encrypted, len));
}

static dor_result receive_premaster(dor_tls *t, dor_span body)
{
    dor_handshake *hs = t->hs;
    dor_reader r = rd_from(body);
    dor_span encrypted;

    DOR_TRY(rd_vec16(&r, &encrypted, 0, UINT16_MAX));
    DOR_TRY(rd_end(&r));
    if (!hs->identity) return dor__error(DOR_E_INTERNAL);
    /* The version that was offered, not the one that was chosen: rolling back would show. */
    DOR_TRY(dor__premaster_open(hs->identity->key, hs->client_version, t->env->rng, encrypted,
                                hs->shared_secret));
    hs->shared_secret_len = DOR_PREMASTER_LEN;
    return DOR_SUCCESS;
}

const dor_action dor__msg_client_key_exchange_rsa_12 = {
    .name = "ClientKeyExchange (RSA)",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CLIENT_KEY_EXCHANGE,
    .min_len = 2,
    .max_len = 2 + DOR_RSA_MAX_LEN,
    .send = send_premaster,
    .receive = receive_premaster,
};
