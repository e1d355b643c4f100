/*
 * pre_shared_key.c - pre_shared_key and psk_key_exchange_modes (RFC 8446 sections 4.2.9 and 4.2.11). What a ticket is
 * worth is judged in psk_13.c.
 */
#include "tls/extension/extensions.h"
#include "tls/psk_13.h"

enum { PSK_DHE_KE = 1 };

static dor_result illegal(void)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
}

/* ---- psk_key_exchange_modes ------------------------------------------------------------------------------- */

/* Without it many a server sends no tickets, so it goes with every hello that could use one later. */
static bool modes_should_send(const dor_tls *t, unsigned context)
{
    (void)context;
    return t->config->resumption;
}

static dor_result modes_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    static const uint8_t mode = PSK_DHE_KE;
    (void)t, (void)context;
    return wr_vec(w, 1, dor__span(&mode, 1));
}

static dor_result modes_receive(dor_tls *t, unsigned context, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span list;
    (void)context;
    DOR_TRY(rd_vec8(&r, &list, 1, 255));
    DOR_TRY(rd_end(&r));
    t->hs->psk_dhe_ke = memchr(list.ptr, PSK_DHE_KE, list.len) != NULL;
    return DOR_SUCCESS;
}

static dor_result modes_if_missing(dor_tls *t, unsigned context)
{
    (void)context;
    if (t->hs->ext_received & dor__ext_bit(DOR_EXT_PRE_SHARED_KEY))
        return dor__alert(DOR_ALERT_MISSING_EXTENSION, DOR_REASON_MISSING_EXTENSION);
    /* Tickets that do not suit the modes of a hello should not be sent, says section 4.2.9. A hello without any says nothing
     * against them: OTP's client names its modes when it offers a ticket, so not before it has got its first. */
    t->hs->psk_dhe_ke = true;
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

/* ---- pre_shared_key --------------------------------------------------------------------------------------- */

static bool psk_should_send(const dor_tls *t, unsigned context)
{
    if (context == DOR_CTX_CLIENT_HELLO) return dor__session_offerable_13(t);
    return (t->hs->properties & DOR_PROPERTY_RESUMED) != 0;
}

static dor_result psk_send(dor_tls *t, unsigned context, dor_bytes *w)
{
    if (context == DOR_CTX_CLIENT_HELLO) return dor__psk_offer_write(t, w);
    return wr_u16(w, t->hs->psk_index);
}

/* The form alone; as many binders as identities. */
static dor_result offer_receive(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    dor_span identities, binders, s;
    uint32_t age;
    size_t identity_count = 0, binder_count = 0;
    DOR_TRY(rd_vec16(&r, &identities, 7, 65535));
    DOR_TRY(rd_vec16(&r, &binders, 33, 65535));
    DOR_TRY(rd_end(&r));
    for (r = rd_from(identities); rd_left(&r); identity_count++) {
        DOR_TRY(rd_vec16(&r, &s, 1, 65535));
        DOR_TRY(rd_u32(&r, &age));
    }
    for (r = rd_from(binders); rd_left(&r); binder_count++)
        DOR_TRY(rd_vec8(&r, &s, 32, 255));
    if (identity_count != binder_count) return illegal();
    t->hs->psk_identities = identities;
    t->hs->psk_binders = binders;
    return DOR_SUCCESS;
}

/* We offer one, so it is number 0, and the suite must have its hash (section 4.2.11). */
static dor_result choice_receive(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    const dor_suite *suite = dor__suite_find(t->hs->session->suite);
    uint16_t index;
    DOR_TRY(rd_u16(&r, &index));
    DOR_TRY(rd_end(&r));
    if (index != 0 || !suite || suite->hash != t->suite->hash) return illegal();
    return dor__property_set(t, DOR_PROPERTY_RESUMED);
}

static dor_result psk_receive(dor_tls *t, unsigned context, dor_span data)
{
    return context == DOR_CTX_CLIENT_HELLO ? offer_receive(t, data) : choice_receive(t, data);
}

const dor_extension dor__ext_pre_shared_key = {
    .type = DOR_EXT_PRE_SHARED_KEY,
    .contexts = DOR_CTX_CLIENT_HELLO | DOR_CTX_SERVER_HELLO,
    .min_version = DOR_TLS_1_3,
    .name = "pre_shared_key",
    .should_send = psk_should_send,
    .send = psk_send,
    .receive = psk_receive,
};
