/* certificate_verify.c - CertificateVerify in TLS 1.3's form (RFC 8446 section 4.4.3). */
#include "tls/message/messages.h"

enum { PAD_LEN = 64, CONTENT_MAX_LEN = PAD_LEN + 33 + 1 + DOR_HASH_MAX_LEN };

/* What is signed: 64 spaces, whose signature it is, a zero, the transcript's digest up to Certificate. */
static dor_result content_make(const dor_tls *t, bool by_client, uint8_t content[CONTENT_MAX_LEN],
                               dor_span *signed_part)
{
    static const char server_context[] = "TLS 1.3, server CertificateVerify";
    static const char client_context[] = "TLS 1.3, client CertificateVerify";
    const size_t context_len = sizeof server_context; /* both are as long, and the zero is part of it */
    memset(content, ' ', PAD_LEN);
    memcpy(content + PAD_LEN, by_client ? client_context : server_context, context_len);
    *signed_part = dor__span(content, PAD_LEN + context_len + dor__hash_len((dor_hash_id)t->suite->hash));
    return dor__transcript_digest(&t->hs->transcript, content + PAD_LEN + context_len);
}

static dor_result certificate_verify_send(dor_tls *t, dor_bytes *w)
{
    uint8_t content[CONTENT_MAX_LEN], sig[DOR_SIG_MAX_LEN];
    dor_span signed_part;
    size_t sig_len;
    if (!t->hs->identity) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(content_make(t, dor__is_client(t), content, &signed_part));
    DOR_TRY(dor__handshake_sign(t, signed_part, sig, &sig_len));
    if (dor__asking(t)) return DOR_SUCCESS;
    DOR_TRY(wr_u16(w, t->hs->scheme));
    return wr_vec(w, 2, dor__span(sig, sig_len));
}

static dor_result certificate_verify_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    uint8_t content[CONTENT_MAX_LEN];
    dor_sig_scheme scheme;
    dor_span sig, signed_part;
    DOR_TRY(rd_u16(&r, &scheme));
    DOR_TRY(rd_vec16(&r, &sig, 0, 65535));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__peer_scheme_check(t, scheme));
    DOR_TRY(content_make(t, !dor__is_client(t), content, &signed_part));
    DOR_TRY(dor__verify(t->hs->peer_key, scheme, signed_part, sig));
    return dor__prove_peer(t, DOR_PROOF_SIGNATURE);
}

const dor_action dor__msg_server_certificate_verify = {
    .name = "server's CertificateVerify",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE_VERIFY,
    .min_len = 2 + 2,
    .max_len = 2 + 2 + DOR_SIG_MAX_LEN,
    .send = certificate_verify_send,
    .receive = certificate_verify_receive,
};

const dor_action dor__msg_client_certificate_verify = {
    .name = "client's CertificateVerify",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CERTIFICATE_VERIFY,
    .min_len = 2 + 2,
    .max_len = 2 + 2 + DOR_SIG_MAX_LEN,
    .send = certificate_verify_send,
    .receive = certificate_verify_receive,
};
