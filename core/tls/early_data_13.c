/*
 * early_data_13.c - see early_data_13.h.
 *
 * Replays (section 8): a ticket that is an id in a store works once, as the store gives it away; of one that is sealed the
 * binder is remembered by the store (early_once), for as long as a copy of the hello could pass the check of its age.
 */
#include "tls/early_data_13.h"

#include "tls/extension/extensions.h"
#include "tls/kept.h"
#include "tls/psk_13.h"
#include "tls/schedule_13.h"

/* ---- client ----------------------------------------------------------------------------------------------- */

static bool alpn_offered(const dor_tls *t, dor_span protocol)
{
    dor_reader r = rd_from(dor__bytes_span(&t->config->alpn));
    dor_span name;
    while (protocol.len && rd_left(&r) && dor__ok(rd_vec8(&r, &name, 1, 255)))
        if (dor__span_equal(name, protocol)) return true;
    return protocol.len == 0;
}

bool dor__early_offerable(const dor_tls *t)
{
    const dor_session *s = t->hs->session;
    if (!t->config->early_data || t->hs->properties & DOR_PROPERTY_RETRY || !(dor__psk_offers(t) & 1))
        return false;
    return s->max_early_data > 0 && dor__config_suite(t->config, s->suite, DOR_TLS_1_3) &&
           alpn_offered(t, dor__bytes_span(&s->alpn));
}

dor_result dor__early_begin(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_protection keys;
    if (!(hs->ext_sent & dor__ext_bit(DOR_EXT_EARLY_DATA))) return DOR_SUCCESS;
    const dor_suite *suite = dor__suite_find(hs->session->suite);
    t->record_version = DOR_TLS_1_2;
    if (hs->session_id_len) {
        hs->compat_ccs_sent = true;
        DOR_TRY(dor__ccs_write(t));
    }
    DOR_TRY(dor__hash_once((dor_hash_id)suite->hash, dor__bytes_span(&hs->transcript.raw), digest));
    DOR_TRY(
        dor__early_traffic_secret(t, suite, dor__span(hs->session->secret, hs->session->secret_len), digest));
    DOR_TRY(dor__traffic_keys_of(suite, hs->early_secret, &keys));
    DOR_TRY(dor__write_keys_set(t, &keys));
    hs->early_left = hs->session->max_early_data;
    t->early = DOR_EARLY_OFFERED;
    return DOR_SUCCESS;
}

dor_result dor__early_retry(dor_tls *t)
{
    dor_protection clear;
    if (t->early != DOR_EARLY_OFFERED) return DOR_SUCCESS;
    t->early = DOR_EARLY_REJECTED;
    dor__protection_init_null(&clear);
    return dor__write_keys_set(t, &clear);
}

static bool session_fits(const dor_tls *t)
{
    const dor_session *s = t->hs->session;
    return t->hs->properties & DOR_PROPERTY_RESUMED && !t->hs->psk && s->suite == t->suite->id &&
           dor__span_equal(dor__bytes_span(&s->alpn), dor__alpn_get(t));
}

dor_result dor__early_settle(dor_tls *t, bool accepted)
{
    dor_protection keys;
    if (t->early != DOR_EARLY_OFFERED)
        return accepted ? dor__alert(DOR_ALERT_UNSUPPORTED_EXTENSION, DOR_REASON_UNSUPPORTED_EXTENSION)
                        : DOR_SUCCESS;
    if (accepted && !session_fits(t)) return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_EARLY_DATA);
    t->early = accepted ? DOR_EARLY_ACCEPTED : DOR_EARLY_REJECTED;
    if (accepted) return dor__property_set(t, DOR_PROPERTY_EARLY_DATA);
    DOR_TRY(dor__traffic_keys(t, t->hs->client_secret, &keys));
    return dor__write_keys_set(t, &keys);
}

static bool client_open(const dor_tls *t)
{
    return t->hs && dor__is_client(t) && !t->connected && !t->hs->early_over &&
           (t->early == DOR_EARLY_OFFERED || t->early == DOR_EARLY_ACCEPTED);
}

dor_result dor__tls_send_early(dor_tls *t, dor_span plaintext)
{
    if (dor__failed(t->error)) return t->error;
    bool open = client_open(t);
    if (!open) return dor__error(DOR_E_EINVAL);
    if (plaintext.len > t->hs->early_left) return dor__error(DOR_E_TOO_BIG);
    if (plaintext.len == 0) return DOR_SUCCESS;
    t->hs->early_left -= (uint32_t)plaintext.len;
    dor_result r = dor__records_send(t, DOR_CONTENT_APPLICATION_DATA, plaintext);
    return dor__failed(r) ? dor__tls_fail(t, r) : r;
}

uint32_t dor__tls_early_room(const dor_tls *t)
{
    bool open = client_open(t);
    return open && dor__ok(t->error) ? t->hs->early_left : 0;
}

/* ---- server ----------------------------------------------------------------------------------------------- */

/* What the client says of the ticket's age is what we know of it, but for a journey and two clocks' drift: section 8.3. */
static bool age_fits(const dor_tls *t)
{
    int64_t real = dor__now_ms(t) - t->hs->session->created_ms, said = t->hs->ticket_age_ms;
    int64_t apart = real > said ? real - said : said - real;
    return apart <= DOR_EARLY_AGE_TOLERANCE_MS;
}

static bool is_first(const dor_tls *t, dor_span binder)
{
    const dor_tls_config *config = t->config;
    if (config->ticket_kind == DOR_TICKETS_STATEFUL)
        return true; /* dor__ticket_session took it out of the store */
    return config->store->early_once &&
           config->store->early_once(config->store_ctx, dor__now_ms(t), t->hs->session->created_ms, binder);
}

bool dor__early_possible(const dor_tls_config *config)
{
    return config->max_early_data > 0 && config->store &&
           (config->ticket_kind == DOR_TICKETS_STATEFUL || config->store->early_once);
}

dor_result dor__early_judge(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    const dor_session *s = hs->session;
    dor_reader r = rd_from(hs->psk_binders);
    dor_span binder;
    if (!hs->peer_early_data || !(hs->properties & DOR_PROPERTY_RESUMED) ||
        hs->properties & DOR_PROPERTY_RETRY)
        return DOR_SUCCESS;
    if (hs->psk || hs->psk_index != 0 || !dor__early_possible(t->config) || s->max_early_data == 0)
        return DOR_SUCCESS;
    if (s->suite != t->suite->id || !dor__span_equal(dor__bytes_span(&s->alpn), dor__alpn_get(t)) ||
        !age_fits(t))
        return DOR_SUCCESS;
    DOR_TRY(rd_vec8(&r, &binder, 32, 255));
    if (!is_first(t, binder)) return DOR_SUCCESS; /* the last to be asked, as it remembers */
    hs->early_data_budget = 0;
    hs->early_left = s->max_early_data;
    t->early = DOR_EARLY_ACCEPTED;
    return dor__property_set(t, DOR_PROPERTY_EARLY_DATA);
}

dor_result dor__early_secret(dor_tls *t)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    const dor_session *s = t->hs->session;
    if (t->early != DOR_EARLY_ACCEPTED) return DOR_SUCCESS;
    DOR_TRY(dor__hash_once((dor_hash_id)t->suite->hash, t->hs->message, digest));
    return dor__early_traffic_secret(t, t->suite, dor__span(s->secret, s->secret_len), digest);
}

dor_result dor__early_take(dor_tls *t, dor_span payload, bool *taken)
{
    dor_handshake *hs = t->hs;
    *taken = !t->connected && !dor__is_client(t) && t->early == DOR_EARLY_ACCEPTED && !hs->early_over &&
             t->read.ops->suffix_len;
    if (!*taken) return DOR_SUCCESS;
    if (payload.len > hs->early_left)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EARLY_DATA_TOO_BIG);
    hs->early_left -= (uint32_t)payload.len;
    return DOR_SUCCESS;
}

bool dor__early_answerable(const dor_tls *t)
{
    return t->hs && !dor__is_client(t) && t->early == DOR_EARLY_ACCEPTED && t->hs->waiting;
}

/* ---- both ------------------------------------------------------------------------------------------------- */

dor_result dor__early_end(dor_tls *t, dor_bytes *w)
{
    dor_protection keys;
    (void)w;
    t->hs->early_over = true;
    t->hs->early_left = 0;
    dor__wipe(t->hs->early_secret, sizeof t->hs->early_secret);
    DOR_TRY(dor__traffic_keys(t, t->hs->client_secret, &keys));
    return dor__is_client(t) ? dor__write_keys_set(t, &keys) : dor__read_keys_set(t, &keys);
}
