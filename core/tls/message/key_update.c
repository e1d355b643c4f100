/* key_update.c - KeyUpdate (RFC 8446 section 4.6.3). */
#include "tls/kept.h"
#include "tls/message/messages.h"
#include "tls/schedule_13.h"

enum { UPDATE_NOT_REQUESTED = 0, UPDATE_REQUESTED = 1 };

dor_result dor__key_update_send(dor_tls *t, bool ask_peer)
{
    const uint8_t request = ask_peer ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED;
    dor_protection keys;
    DOR_TRY(dor__message_write(t, DOR_HS_KEY_UPDATE, dor__span(&request, 1)));
    DOR_TRY(dor__traffic_secret_update(t, t->write_secret));
    dor__key_log_update(t, true, dor__span(t->write_secret, dor__hash_len((dor_hash_id)t->suite->hash)));
    DOR_TRY(dor__traffic_keys(t, t->write_secret, &keys));
    t->answer_key_update = false; /* any update answers */
    return dor__write_keys_set(t, &keys);
}

/*
 * However often it asks, it gets one answer, in front of our next data. How often it may update without sending data
 * is limited: each costs us a key schedule.
 */
dor_result dor__key_update_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    uint8_t request;
    dor_protection keys;
    DOR_TRY(rd_u8(&r, &request));
    DOR_TRY(rd_end(&r));
    if (request > UPDATE_REQUESTED)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    if (t->key_updates >= t->config->max_key_updates)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_KEY_UPDATES);
    t->key_updates++;
    DOR_TRY(dor__traffic_secret_update(t, t->read_secret));
    dor__key_log_update(t, false, dor__span(t->read_secret, dor__hash_len((dor_hash_id)t->suite->hash)));
    DOR_TRY(dor__traffic_keys(t, t->read_secret, &keys));
    DOR_TRY(dor__read_keys_set(t, &keys));
    if (request == UPDATE_REQUESTED) t->answer_key_update = true;
    return DOR_SUCCESS;
}
