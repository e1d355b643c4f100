/*
 * signature_algorithms.c - signature_algorithms and signature_algorithms_cert (RFC 8446 section 4.2.3).
 *
 * The second comes behind the first in the table, and then says alone what the peer takes in certificates.
 */
#include "tls/extension/extensions.h"

static dor_result signature_algorithms_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    (void)context;
    return dor__schemes_write(t, w);
}

static dor_result signature_algorithms_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    (void)context;
    DOR_TRY(dor__schemes_read(t, &r));
    return rd_end(&r);
}

/* In a ClientHello it may be missing beside a ticket; negotiate_13.c knows. */
static dor_result signature_algorithms_if_missing(dor_tls *t, unsigned context)
{
    (void)t;
    if (context == DOR_CTX_CERTIFICATE_REQUEST)
        return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
    return DOR_SUCCESS;
}

const dor_extension dor__ext_signature_algorithms = {
    .type = DOR_EXT_SIGNATURE_ALGORITHMS,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE_REQUEST,
    .name = "signature_algorithms",
    .send = signature_algorithms_send,
    .receive = signature_algorithms_receive,
    .if_missing = signature_algorithms_if_missing,
};

static bool never(const dor_tls *t, unsigned context)
{
    (void)t, (void)context;
    return false;
}

static dor_result signature_algorithms_cert_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    (void)context;
    DOR_TRY(dor__cert_schemes_read(t, &r));
    return rd_end(&r);
}

const dor_extension dor__ext_signature_algorithms_cert = {
    .type = DOR_EXT_SIGNATURE_ALGORITHMS_CERT,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE_REQUEST,
    .name = "signature_algorithms_cert",
    .should_send = never,
    .receive = signature_algorithms_cert_receive,
};
