/*
 * client_key_exchange_12.c - ClientKeyExchange of ECDHE (RFC 8422 section 5.7) and DHE (RFC 5246 section 7.4.7.2): the
 * client's ephemeral key. Both ends have the premaster secret after it.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

static dor_result send_key_exchange(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    dor__shares_free(hs); /* they were meant for TLS 1.3 */
    dor__kx_free(hs->kx);
    hs->kx = NULL;
    DOR_TRY(dor__kx_new(&hs->kx, hs->kx_group, t->env->rng));
    bool dhe = t->suite->kx == DOR_KX_DHE_RSA;
    DOR_TRY(wr_vec(w, dhe ? 2 : 1, dor__kx_public(hs->kx)));
    return dhe ? dor__dhe_derive(t, hs->v12.server_point) : dor__key_exchange_derive(t, hs->v12.server_point);
}

static dor_result receive_key_exchange(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span value;
    bool dhe = t->suite->kx == DOR_KX_DHE_RSA;
    DOR_TRY(dhe ? rd_vec16(&r, &value, 1, UINT16_MAX) : rd_vec8(&r, &value, 1, 255));
    DOR_TRY(rd_end(&r));
    return dhe ? dor__dhe_derive(t, value) : dor__key_exchange_derive(t, value);
}

const dor_action dor__msg_client_key_exchange_12 = {
    .name = "ClientKeyExchange",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CLIENT_KEY_EXCHANGE,
    .min_len = 1 + 1,
    .max_len = 2 + 1024, /* ffdhe8192; a curve's is shorter */
    .send = send_key_exchange,
    .receive = receive_key_exchange,
};
