/*
 * signed_certificate_timestamp.c - RFC 6962 section 3.3.1: timestamps of certificate logs, asked for by a client and shown
 * by a server as they were given to it. In TLS 1.3 they stand with the certificate, in TLS 1.2 in ServerHello.
 */
#include "tls/extension/extensions.h"
#include "tls/stapled.h"

static bool timestamps_should_send(const dor_tls *t, unsigned context)
{
    const dor_handshake *hs = t->hs;
    if (context == DOR_CTX_CLIENT_HELLO) return t->config->ask_timestamps;
    if (context == DOR_CTX_CERTIFICATE_REQUEST) return false;
    return hs->identity && hs->identity->timestamps.len > 0 && !(hs->properties & DOR_PROPERTY_RESUMED);
}

static dor_result timestamps_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    if (context == DOR_CTX_CLIENT_HELLO) return DOR_SUCCESS;
    return wr_bytes(w, dor__bytes_span(&t->hs->identity->timestamps));
}

static dor_result timestamps_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    if (context == DOR_CTX_CLIENT_HELLO || context == DOR_CTX_CERTIFICATE_REQUEST) return rd_end(&r);
    DOR_TRY(dor__timestamps_check(data));
    if (t->version == DOR_TLS_1_3 && t->hs->chain_count > 0)
        return DOR_SUCCESS; /* of an authority's certificate */
    if (!t->stapled) DOR_TRY(dor__stapled_new(&t->stapled));
    t->stapled->timestamps.len = 0;
    return dor__bytes_append(&t->stapled->timestamps, data);
}

const dor_extension dor__ext_signed_certificate_timestamp = {
    .type = DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP,
    .contexts =
        DOR_CTX_CLIENT_HELLO | DOR_CTX_CERTIFICATE | DOR_CTX_CERTIFICATE_REQUEST | DOR_CTX_SERVER_HELLO_12,
    .name = "signed_certificate_timestamp",
    .should_send = timestamps_should_send,
    .send = timestamps_send,
    .receive = timestamps_receive,
};
