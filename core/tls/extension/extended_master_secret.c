/*
 * extended_master_secret.c - extended_master_secret (RFC 7627 section 5.1): empty, and binds the master secret to the
 * handshake that made it. What it means for resumption is decided where sessions are (resume_12.c).
 */
#include "tls/extension/extensions.h"

static dor_result receive_it(dor_tls *t, unsigned context, dor_span data)
{
    (void)context;
    if (data.len > 0) return DOR_DECODE_ERROR;
    t->hs->v12.extended_master_secret = true;
    return DOR_SUCCESS;
}

const dor_extension dor__ext_extended_master_secret = {
    .type = DOR_EXT_EXTENDED_MASTER_SECRET,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO_12,
    .max_version = DOR_TLS_1_2,
    .name = "extended_master_secret",
    .receive = receive_it,
};
