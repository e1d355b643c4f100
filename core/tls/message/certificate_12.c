/*
 * certificate_12.c - Certificate as TLS 1.2 has it (RFC 5246 sections 7.4.2 and 7.4.6): a list without extensions.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

enum { MAX_LIST = 0xffffff };

static dor_result send_chain(dor_tls *t, dor_bytes *w)
{
    const dor_identity *identity = t->hs->identity;
    size_t list;
    DOR_TRY(wr_begin(w, 3, &list));
    for (size_t i = 0; identity && i < identity->chain_count; i++)
        DOR_TRY(wr_vec(w, 3, identity->chain[i]->der));
    return wr_end(w, 3, list);
}

static dor_result receive_chain(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span list;
    DOR_TRY(rd_vec24(&r, &list, 0, MAX_LIST));
    DOR_TRY(rd_end(&r));
    r = rd_from(list);
    while (rd_left(&r) > 0) {
        dor_span der;
        DOR_TRY(rd_vec24(&r, &der, 1, MAX_LIST));
        DOR_TRY(dor__peer_chain_add(t, der));
    }
    return DOR_SUCCESS;
}

bool dor__kx_fits_key(dor_kx_kind kx, dor_key_type type)
{
    switch (type) {
    case DOR_KEY_RSA: return kx != DOR_KX_ECDHE_ECDSA;
    case DOR_KEY_RSA_PSS:
        return kx != DOR_KX_ECDHE_ECDSA && kx != DOR_KX_RSA; /* it signs, and nothing else */
    case DOR_KEY_EC_P256:
    case DOR_KEY_EC_P384:
    case DOR_KEY_EC_P521:
    case DOR_KEY_ED25519:
    case DOR_KEY_ED448: return !dor__kx_is_rsa(kx); /* RFC 8422 section 2.1 puts these two with ECDSA */
    case DOR_KEY_MLDSA44:
    case DOR_KEY_MLDSA65:
    case DOR_KEY_MLDSA87: /* for TLS 1.3 alone */
    case DOR_KEY_NONE: break;
    }
    return false;
}

dor_result dor__chain_settle_12(dor_tls *t)
{
    if (t->hs->peer_key || !dor__is_client(t)) return DOR_SUCCESS;
    return dor__peer_chain_verify(t);
}

/* ---- the server's ------------------------------------------------------------------------------------------ */

static dor_result server_send(dor_tls *t, dor_bytes *w)
{
    if (!t->hs->identity) return dor__error(DOR_E_INTERNAL);
    return send_chain(t, w);
}

static dor_result server_receive(dor_tls *t, dor_span body)
{
    dor_handshake *hs = t->hs;
    DOR_TRY(receive_chain(t, body));
    if (hs->chain_count == 0) return dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_NO_CERTIFICATE);
    /* RFC 5246 section 7.4.2: the key must be one that the suite can use. */
    if (!dor__kx_fits_key((dor_kx_kind)t->suite->kx, hs->chain[0]->key_type))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_KEY_TYPE);
    /* RFC 8422 section 5.1: and on a curve that was offered. */
    dor_group curve = dor__curve_of_key(hs->chain[0]->key_type);
    if (curve && !dor__config_has_group(t->config, curve))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_KEY_TYPE);
    return hs->v12.status_promised ? DOR_SUCCESS : dor__chain_settle_12(t);
}

const dor_action dor__msg_server_certificate_12 = {
    .name = "server Certificate",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE,
    .min_len = 3,
    .send = server_send,
    .receive = server_receive,
};

/* ---- the client's ------------------------------------------------------------------------------------------ */

static dor_result client_send(dor_tls *t, dor_bytes *w)
{
    DOR_TRY(send_chain(t, w));
    if (t->hs->identity) return dor__property_set(t, DOR_PROPERTY_CLIENT_CERT);
    dor__transcript_drop_raw(&t->hs->transcript); /* nothing is going to be signed */
    return DOR_SUCCESS;
}

static dor_result client_receive(dor_tls *t, dor_span body)
{
    DOR_TRY(receive_chain(t, body));
    if (t->hs->chain_count > 0) {
        DOR_TRY(dor__peer_chain_verify(t));
        return dor__property_set(t, DOR_PROPERTY_CLIENT_CERT);
    }
    /* RFC 5246 section 7.4.6: the server's choice. */
    if (t->config->require_peer_cert)
        return dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CERTIFICATE);
    dor__transcript_drop_raw(&t->hs->transcript);
    return DOR_SUCCESS;
}

const dor_action dor__msg_client_certificate_12 = {
    .name = "client Certificate",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CERTIFICATE,
    .min_len = 3,
    .send = client_send,
    .receive = client_receive,
};
