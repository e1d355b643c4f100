/*
 * certificate_request_12.c - CertificateRequest (RFC 5246 section 7.4.4, RFC 8422 section 5.5) and ServerHelloDone
 * (RFC 5246 section 7.4.5), which ends the server's flight.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

/* ---- CertificateRequest -------------------------------------------------------------------------------------- */

static dor_result send_request(dor_tls *t, dor_bytes *w)
{
    static const uint8_t types[] = {DOR_CERT_TYPE_ECDSA_SIGN, DOR_CERT_TYPE_RSA_SIGN};
    DOR_TRY(wr_vec(w, 1, dor__span(types, sizeof(types))));
    DOR_TRY(dor__schemes_write(t, w));
    /* "If the list is empty, the client MAY send any certificate": it knows best, and we would only say no later. */
    return wr_vec(w, 2, dor__bytes_span(&t->config->authorities));
}

/** What the types leave of our keys: DOR_KX_13 for both kinds. *any is false when it is none that we have. */
static dor_kx_kind read_types(dor_span types, bool *any)
{
    bool rsa = false, ecdsa = false;
    for (size_t i = 0; i < types.len; i++) {
        rsa |= types.ptr[i] == DOR_CERT_TYPE_RSA_SIGN;
        ecdsa |= types.ptr[i] == DOR_CERT_TYPE_ECDSA_SIGN;
    }
    *any = rsa || ecdsa;
    return rsa && ecdsa ? DOR_KX_13 : rsa ? DOR_KX_ECDHE_RSA : DOR_KX_ECDHE_ECDSA;
}

/* Whether the types of keys alone are to blame: with others there would have been one. */
static dor_reason nothing_fits(dor_tls *t)
{
    bool found;
    dor__identity_choose(t, DOR_KX_13, &found);
    t->hs->identity = NULL;
    return found ? DOR_REASON_CERT_KEY_TYPE : dor__identity_none(t);
}

static dor_result receive_request(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span types, authorities;
    bool any, found = false;
    DOR_TRY(rd_vec8(&r, &types, 1, 255));
    DOR_TRY(dor__schemes_read(t, &r));
    DOR_TRY(rd_vec16(&r, &authorities, 0, UINT16_MAX));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__authorities_read(t, authorities));
    dor_kx_kind kind = read_types(types, &any);
    t->hs->identity = NULL;
    if (any) dor__identity_choose(t, kind, &found);
    if (found) return DOR_SUCCESS;
    t->hs->identity = NULL; /* an empty Certificate then: section 7.4.6 */
    return t->config->require_own_cert ? dor__identity_missing(t, nothing_fits(t)) : DOR_SUCCESS;
}

const dor_action dor__msg_certificate_request_12 = {
    .name = "CertificateRequest",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE_REQUEST,
    .min_len = 1 + 1 + 2 + 2 + 2,
    .send = send_request,
    .receive = receive_request,
};

/* ---- ServerHelloDone ----------------------------------------------------------------------------------------- */

static dor_result send_done(dor_tls *t, dor_bytes *w)
{
    (void)t, (void)w;
    return DOR_SUCCESS;
}

static dor_result receive_done(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    DOR_TRY(dor__chain_settle_12(t)); /* where there was no ServerKeyExchange */
    if (!(t->hs->properties & DOR_PROPERTY_CLIENT_AUTH)) dor__transcript_drop_raw(&t->hs->transcript);
    return rd_end(&r);
}

const dor_action dor__msg_server_hello_done_12 = {
    .name = "ServerHelloDone",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_SERVER_HELLO_DONE,
    .send = send_done,
    .receive = receive_done,
};
