/* certificate_request.c - CertificateRequest in TLS 1.3's form (RFC 8446 section 4.3.2). */
#include "tls/message/messages.h"

static dor_result certificate_request_send(dor_tls *t, dor_bytes *w)
{
    DOR_TRY(wr_vec(w, 1, t->hs->request_context)); /* empty within the handshake */
    return dor__extensions_send(t, DOR_CTX_CERTIFICATE_REQUEST, w);
}

static dor_result certificate_request_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span context, block;
    dor_ext_block found;
    bool have_identity;
    DOR_TRY(rd_vec8(&r, &context, 0, 255));
    DOR_TRY(rd_vec16(&r, &block, 0, 65535)); /* an empty one is short of signature_algorithms */
    DOR_TRY(rd_end(&r));
    if (!dor__span_equal(context, t->hs->request_context))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_REQUEST_CONTEXT);
    t->hs->peer_has_authorities = false; /* what an earlier request named is gone */
    DOR_TRY(dor__extensions_split(block, DOR_CTX_CERTIFICATE_REQUEST, &found));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_CERTIFICATE_REQUEST, &found));
    /* Nothing that the server would take: an empty Certificate says so, and the server decides; unless ours has to be shown. */
    dor__identity_choose(t, DOR_KX_13, &have_identity);
    return have_identity ? dor__property_set(t, DOR_PROPERTY_CLIENT_CERT)
                         : dor__identity_missing(t, dor__identity_none(t));
}

const dor_action dor__msg_certificate_request = {
    .name = "CertificateRequest",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE_REQUEST,
    .min_len = 1 + 2,
    .max_len = 1 + 255 + 2 + 65535,
    .send = certificate_request_send,
    .receive = certificate_request_receive,
};
