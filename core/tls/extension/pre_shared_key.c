/*
 * pre_shared_key.c - RFC 8446 section 4.2.11. What a ticket is worth is judged in psk_13.c, who an external key is for in
 * external_psk_13.c.
 */
#include "tls/extension/extensions.h"
#include "tls/psk_13.h"

static dor_result illegal(void)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
}

static bool psk_should_send(const dor_tls *t, unsigned context)
{
    if (context == DOR_CTX_CLIENT_HELLO) return dor__psk_offers(t) != 0;
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

static dor_result choice_receive(dor_tls *t, dor_span data)
{
    dor_reader r = rd_from(data);
    uint16_t index;
    bool known;
    DOR_TRY(rd_u16(&r, &index));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__psk_chosen(t, index, &known));
    return known ? dor__property_set(t, DOR_PROPERTY_RESUMED) : illegal();
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
