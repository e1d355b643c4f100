/*
 * encrypt_then_mac.c - encrypt_then_mac (RFC 7366): CBC suites of TLS 1.2 encrypt first and put the MAC over that.
 *
 * Offered whenever a CBC suite is, and taken up whenever one is chosen: there is no reason not to, and no option.
 */
#include "tls/extension/extensions.h"

static bool client_wants(const dor_tls *t)
{
    const dor_tls_config *config = t->config;
    if (!dor__config_has_version(config, DOR_TLS_1_2)) return false;
    for (size_t i = 0; i < config->suite_count; i++) {
        const dor_suite *suite = dor__suite_find(config->suites[i]);
        if (suite && dor__suite_is_cbc(suite)) return true;
    }
    return false;
}

/* A server answers only if it has chosen a suite that this is about (RFC 7366 section 3). */
static bool should_send(const dor_tls *t, unsigned context)
{
    return context == DOR_CTX_CLIENT_HELLO ? client_wants(t)
                                           : t->hs->v12.encrypt_then_mac && dor__suite_is_cbc(t->suite);
}

static dor_result receive_etm(dor_tls *t, unsigned context, dor_span data)
{
    if (data.len != 0) return DOR_DECODE_ERROR;
    if (context == DOR_CTX_SERVER_HELLO_12 && !dor__suite_is_cbc(t->suite))
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ENCRYPT_THEN_MAC);
    t->hs->v12.encrypt_then_mac = true;
    return DOR_SUCCESS;
}

const dor_extension dor__ext_encrypt_then_mac = {
    .type = DOR_EXT_ENCRYPT_THEN_MAC,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO_12,
    .max_version = DOR_TLS_1_2,
    .name = "encrypt_then_mac",
    .should_send = should_send,
    .receive = receive_etm,
};
