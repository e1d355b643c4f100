/* certificate.c - Certificate in TLS 1.3's form, the server's and the client's (RFC 8446 section 4.4.2). */
#include "tls/message/messages.h"

static dor_result certificate_write(dor_tls *t, dor_bytes *w)
{
    const dor_identity *identity = t->hs->identity;
    size_t list, entry;
    DOR_TRY(wr_vec(w, 1, t->hs->request_context)); /* that of the handshake is empty */
    DOR_TRY(wr_begin(w, 3, &list));
    for (size_t i = 0; identity && i < identity->chain_count; i++) {
        DOR_TRY(wr_vec(w, 3, identity->chain[i]->der));
        if (i == 0) { /* what there is to be shown is about the leaf */
            DOR_TRY(dor__extensions_send(t, DOR_CTX_CERTIFICATE, w));
            continue;
        }
        DOR_TRY(wr_begin(w, 2, &entry));
        DOR_TRY(wr_end(w, 2, entry));
    }
    return wr_end(w, 3, list);
}

static dor_result certificate_send(dor_tls *t, dor_bytes *w)
{
    size_t start = w->len;
    DOR_TRY(certificate_write(t, w));
    return dor__certificate_compress(t, w, start);
}

static dor_result entry_receive(dor_tls *t, dor_reader *list)
{
    dor_span der, block;
    dor_ext_block found;
    DOR_TRY(rd_vec24(list, &der, 1, 0xffffff));
    DOR_TRY(rd_vec16(list, &block, 0, 65535));
    DOR_TRY(dor__extensions_split(block, DOR_CTX_CERTIFICATE, &found));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_CERTIFICATE, &found));
    return dor__peer_chain_add(t, der);
}

static dor_result certificate_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span context, list;
    DOR_TRY(rd_vec8(&r, &context, 0, 255));
    DOR_TRY(rd_vec24(&r, &list, 0, 0xffffff));
    DOR_TRY(rd_end(&r));
    if (!dor__span_equal(context, t->hs->request_context))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_REQUEST_CONTEXT);
    for (dor_reader entries = rd_from(list); rd_left(&entries);)
        DOR_TRY(entry_receive(t, &entries));
    return DOR_SUCCESS;
}

/* Section 4.4.2.4: a server's must not be empty. */
static dor_result server_certificate_receive(dor_tls *t, dor_span body)
{
    DOR_TRY(certificate_receive(t, body));
    if (t->hs->chain_count == 0) return dor__alert(DOR_ALERT_DECODE_ERROR, DOR_REASON_NO_CERTIFICATE);
    return dor__peer_chain_verify(t);
}

static dor_result client_certificate_receive(dor_tls *t, dor_span body)
{
    DOR_TRY(certificate_receive(t, body));
    if (t->hs->chain_count == 0)
        return dor__prove_peer(t, DOR_PROOF_NOT_REQUIRED); /* or it is required: certificate_required */
    DOR_TRY(dor__property_set(t, DOR_PROPERTY_CLIENT_CERT));
    return dor__peer_chain_verify(t);
}

const dor_action dor__msg_server_certificate = {
    .name = "server's Certificate",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE,
    .min_len = 1 + 3,
    .send = certificate_send,
    .receive = server_certificate_receive,
    .instead = &dor__msg_server_compressed_certificate,
};

const dor_action dor__msg_client_certificate = {
    .name = "client's Certificate",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CERTIFICATE,
    .min_len = 1 + 3,
    .send = certificate_send,
    .receive = client_certificate_receive,
    .instead = &dor__msg_client_compressed_certificate,
};
