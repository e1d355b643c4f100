/*
 * supported_versions.c - RFC 8446 section 4.2.1.
 *
 * What it says decides how everything else is to be read, so client_hello.c and server_hello.c read it before the other
 * extensions; here it is only written.
 */
#include "tls/extension/extensions.h"
#include "tls/extension/grease.h"

static bool supported_versions_should_send(const dor_tls *t, unsigned context)
{
    return context != DOR_CTX_CLIENT_HELLO || dor__has_version(t, DOR_TLS_1_3);
}

static dor_result supported_versions_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    size_t mark;
    if (context != DOR_CTX_CLIENT_HELLO) return wr_u16(w, t->version);
    DOR_TRY(wr_begin(w, 1, &mark));
    DOR_TRY(dor__grease_u16(t, DOR_GREASE_VERSION, w));
    for (uint16_t version = DOR_TLS_1_3; version >= DOR_TLS_1_2; version--)
        if (dor__has_version(t, version)) DOR_TRY(wr_u16(w, version));
    return wr_end(w, 1, mark);
}

static dor_result supported_versions_receive(dor_tls *t, unsigned context, dor_span data)
{
    (void)t, (void)context, (void)data;
    return DOR_SUCCESS;
}

const dor_extension dor__ext_supported_versions = {
    .type = DOR_EXT_SUPPORTED_VERSIONS,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO | DOR_CTX_HELLO_RETRY,
    .name = "supported_versions",
    .should_send = supported_versions_should_send,
    .send = supported_versions_send,
    .receive = supported_versions_receive,
};
