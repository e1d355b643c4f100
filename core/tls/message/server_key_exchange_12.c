/*
 * server_key_exchange_12.c - ServerKeyExchange of ECDHE (RFC 8422 section 5.4) and DHE (RFC 5246 section 7.4.3): the
 * server's ephemeral key, signed together with both randoms.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

/* prime, generator (which may have zeros in front) and value of ffdhe8192, with their lengths; a curve's are shorter */
enum { MAX_PARAMS = 3 * (2 + 1024), MAX_SIGNED = 2 * DOR_RANDOM_LEN + MAX_PARAMS };

static bool is_dhe(const dor_tls *t)
{
    return t->suite->kx == DOR_KX_DHE_RSA;
}

static dor_result write_params(const dor_tls *t, dor_bytes *w)
{
    if (is_dhe(t)) return dor__dhe_params_write(t, w);
    DOR_TRY(wr_u8(w, DOR_CURVE_TYPE_NAMED));
    DOR_TRY(wr_u16(w, t->hs->kx_group));
    return wr_vec(w, 1, dor__kx_public(t->hs->kx));
}

static dor_result read_params(const dor_tls *t, dor_reader *r, dor_group *group, dor_span *value)
{
    uint8_t curve_type;
    if (is_dhe(t)) return dor__dhe_params_read(t, r, group, value);
    DOR_TRY(rd_u8(r, &curve_type));
    DOR_TRY(rd_u16(r, group));
    /* RFC 8422 section 5.4: explicit curves are gone, and the group must be one that was offered. */
    if (curve_type != DOR_CURVE_TYPE_NAMED || !dor__config_has_group(t->config, *group) ||
        dor__kx_family(*group) != DOR_GROUP_CURVE)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_GROUP);
    return rd_vec8(r, value, 1, 255);
}

/** client_random || server_random || params: what the signature covers. */
static size_t gather_signed(const dor_handshake *hs, dor_span params, uint8_t out[MAX_SIGNED])
{
    memcpy(out, hs->client_random, DOR_RANDOM_LEN);
    memcpy(out + DOR_RANDOM_LEN, hs->server_random, DOR_RANDOM_LEN);
    memcpy(out + 2 * DOR_RANDOM_LEN, params.ptr, params.len);
    return 2 * DOR_RANDOM_LEN + params.len;
}

static dor_result send_key_exchange(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    uint8_t covered[MAX_SIGNED], sig[DOR_SIG_MAX_LEN];
    size_t params = w->len, sig_len;

    if (!hs->identity) return dor__error(DOR_E_INTERNAL);
    if (!hs->kx) /* else we come again, with the signature over this key */
        DOR_TRY(dor__kx_new(&hs->kx, hs->kx_group, t->env->rng));
    DOR_TRY(write_params(t, w));
    if (w->len - params > MAX_PARAMS) return dor__error(DOR_E_INTERNAL);
    size_t len = gather_signed(hs, dor__span(w->ptr + params, w->len - params), covered);

    DOR_TRY(dor__handshake_sign(t, dor__span(covered, len), sig, &sig_len));
    if (dor__asking(t)) return DOR_SUCCESS;
    DOR_TRY(wr_u16(w, hs->scheme));
    DOR_TRY(wr_vec(w, 2, dor__span(sig, sig_len)));
    t->group = hs->kx_group;
    return DOR_SUCCESS;
}

static dor_result receive_key_exchange(dor_tls *t, dor_span body)
{
    dor_handshake *hs = t->hs;
    dor_reader r = rd_from(body);
    uint8_t covered[MAX_SIGNED];
    uint16_t scheme;
    dor_group group;
    dor_span value, sig;

    DOR_TRY(dor__chain_settle_12(t));
    DOR_TRY(read_params(t, &r, &group, &value));
    dor_span params = dor__span(body.ptr, body.len - rd_left(&r));
    if (params.len > MAX_PARAMS) return DOR_DECODE_ERROR; /* numbers with more zeros than anybody sends */
    DOR_TRY(rd_u16(&r, &scheme));
    DOR_TRY(rd_vec16(&r, &sig, 0, UINT16_MAX));
    DOR_TRY(rd_end(&r));

    DOR_TRY(dor__peer_scheme_check(t, scheme));
    size_t len = gather_signed(hs, params, covered);
    DOR_TRY(dor__verify(hs->peer_key, scheme, dor__span(covered, len), sig));
    DOR_TRY(dor__prove_peer(t, DOR_PROOF_SIGNATURE));
    t->peer_scheme = scheme;
    t->group = hs->kx_group = group;
    return dor__arena_copy(&hs->arena, value, &hs->v12.server_point);
}

const dor_action dor__msg_server_key_exchange_12 = {
    .name = "ServerKeyExchange",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_SERVER_KEY_EXCHANGE,
    .min_len = 1 + 2 + 1,
    .send = send_key_exchange,
    .receive = receive_key_exchange,
};
