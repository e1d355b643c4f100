/*
 * certificate_verify_12.c - the client's CertificateVerify (RFC 5246 section 7.4.8): a signature over all messages so
 * far, hashed as the signature scheme says and not as the suite does, which is why the messages were kept.
 */
#include "tls/message/messages.h"
#include "tls/tls12.h"

static dor_result send_verify(dor_tls *t, dor_bytes *w)
{
    dor_handshake *hs = t->hs;
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t sig_len;

    if (!hs->identity || !hs->transcript.keep_raw) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__handshake_sign(t, dor__bytes_span(&hs->transcript.raw), sig, &sig_len));
    if (dor__asking(t)) return DOR_SUCCESS;
    dor__transcript_drop_raw(&hs->transcript);
    DOR_TRY(wr_u16(w, hs->scheme));
    return wr_vec(w, 2, dor__span(sig, sig_len));
}

static dor_result receive_verify(dor_tls *t, dor_span body)
{
    dor_handshake *hs = t->hs;
    dor_reader r = rd_from(body);
    uint16_t scheme;
    dor_span sig;

    DOR_TRY(rd_u16(&r, &scheme));
    DOR_TRY(rd_vec16(&r, &sig, 0, UINT16_MAX));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__peer_scheme_check(t, scheme));
    if (!hs->transcript.keep_raw) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__verify(hs->peer_key, scheme, dor__bytes_span(&hs->transcript.raw), sig));
    dor__transcript_drop_raw(&hs->transcript);
    t->peer_scheme = scheme;
    return dor__prove_peer(t, DOR_PROOF_SIGNATURE);
}

const dor_action dor__msg_certificate_verify_12 = {
    .name = "CertificateVerify",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_CLIENT,
    .type = DOR_HS_CERTIFICATE_VERIFY,
    .min_len = 2 + 2,
    .max_len = 2 + 2 + DOR_SIG_MAX_LEN,
    .send = send_verify,
    .receive = receive_verify,
};
