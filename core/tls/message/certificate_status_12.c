/*
 * certificate_status_12.c - CertificateStatus (RFC 6066 section 8): TLS 1.2's stapled response, behind the server's
 * Certificate. A server that has announced it may leave it out all the same, so a client learns of it as it arrives.
 */
#include "tls/extension/extensions.h"
#include "tls/message/messages.h"
#include "tls/tls12.h"

static dor_result status_send(dor_tls *t, dor_bytes *w)
{
    return dor__certificate_status_write(t, w);
}

static dor_result status_receive(dor_tls *t, dor_span body)
{
    if (!t->hs->v12.status_promised)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    DOR_TRY(dor__certificate_status_read(t, body));
    return dor__chain_settle_12(t);
}

const dor_action dor__msg_certificate_status_12 = {
    .name = "CertificateStatus",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_CERTIFICATE_STATUS,
    .min_len = 1 + 3 + 1,
    .send = status_send,
    .receive = status_receive,
};
