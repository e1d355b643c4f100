/*
 * psk_key_exchange_modes.c - RFC 8446 section 4.2.9: with a fresh key exchange (psk_dhe_ke) or without (psk_ke). What a
 * config allows is config->psk_modes; psk_ke, which has no forward secrecy, only when it was asked for.
 */
#include "tls/extension/extensions.h"
#include "tls/extension/grease.h"
#include "tls/psk_13.h"

enum { PSK_KE = 0, PSK_DHE_KE = 1 }; /* on the wire */

/* Without it many a server sends no tickets, so it goes with every hello that could use one later. */
static bool modes_should_send(const dor_tls *t, unsigned context)
{
    (void)context;
    return t->config->resumption || t->config->psks;
}

static dor_result modes_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    uint8_t modes[3];
    size_t count = 0;
    (void)context;
    if (dor__grease_mode(t, &modes[0])) count = 1;
    if (t->config->psk_modes & DOR_PSK_DHE_KE) modes[count++] = PSK_DHE_KE;
    if (t->config->psk_modes & DOR_PSK_KE) modes[count++] = PSK_KE;
    return wr_vec(w, 1, dor__span(modes, count));
}

static dor_result modes_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list;
    (void)context;
    DOR_TRY(rd_vec8(&r, &list, 1, 255));
    DOR_TRY(rd_end(&r));
    t->hs->peer_psk_modes = 0;
    if (memchr(list.ptr, PSK_KE, list.len)) t->hs->peer_psk_modes |= DOR_PSK_KE;
    if (memchr(list.ptr, PSK_DHE_KE, list.len)) t->hs->peer_psk_modes |= DOR_PSK_DHE_KE;
    return DOR_SUCCESS;
}

static dor_result modes_if_missing(dor_tls *t, unsigned context)
{
    (void)context;
    if (t->hs->ext_received & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY))
        return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
    /* Tickets that do not suit the modes of a hello should not be sent, says section 4.2.9. A hello without any says nothing
     * against them: OTP's client names its modes when it offers a ticket, so not before it has got its first. */
    t->hs->peer_psk_modes = DOR_PSK_DHE_KE;
    return DOR_SUCCESS;
}

const dor_extension dor__ext_psk_key_exchange_modes = {
    .type = DOR_EXT_PSK_KEY_EXCHANGE_MODES,
    .contexts = DOR_CTX_CLIENT_HELLO,
    .min_version = DOR_TLS_1_3,
    .name = "psk_key_exchange_modes",
    .should_send = modes_should_send,
    .send = modes_send,
    .receive = modes_receive,
    .if_missing = modes_if_missing,
};
