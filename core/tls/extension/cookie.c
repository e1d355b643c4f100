/*
 * cookie.c - RFC 8446 section 4.2.2. A client gives back what a HelloRetryRequest brought; our server has no need of one.
 */
#include "tls/extension/extensions.h"

static bool cookie_should_send(const dor_tls *t, unsigned context)
{
    return context == DOR_CTX_CLIENT_HELLO && t->hs->cookie.len != 0;
}

static dor_result cookie_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    (void)context;
    return wr_vec(w, 2, t->hs->cookie);
}

static dor_result cookie_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span cookie;
    DOR_TRY(rd_vec16(&r, &cookie, 1, 65535));
    DOR_TRY(rd_end(&r));
    return context == DOR_CTX_HELLO_RETRY ? dor__arena_copy(&t->hs->arena, cookie, &t->hs->cookie)
                                          : DOR_SUCCESS;
}

const dor_extension dor__ext_cookie = {
    .type = DOR_EXT_COOKIE,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_HELLO_RETRY,
    .min_version = DOR_TLS_1_3,
    .name = "cookie",
    .should_send = cookie_should_send,
    .send = cookie_send,
    .receive = cookie_receive,
};
