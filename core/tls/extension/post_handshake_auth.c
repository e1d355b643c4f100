/* post_handshake_auth.c - RFC 8446 section 4.2.6: empty; a client that may be asked for a certificate later says so. */
#include "tls/extension/extensions.h"

static bool offered(const dor_tls *t, unsigned context)
{
    (void)context;
    return t->config->post_auth;
}

static dor_result receive_it(dor_tls *t, unsigned context, dor_span data)
{
    (void)t, (void)context; /* ext_received tells */
    return data.len ? DOR_DECODE_ERROR : DOR_SUCCESS;
}

const dor_extension dor__ext_post_handshake_auth = {
    .type = DOR_EXT_POST_HANDSHAKE_AUTH,
    .contexts = DOR_CTX_CLIENT_HELLO,
    .min_version = DOR_TLS_1_3,
    .name = "post_handshake_auth",
    .should_send = offered,
    .receive = receive_it,
};
