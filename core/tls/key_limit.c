/*
 * key_limit.c - how many records one key protects (RFC 8446 section 5.5, RFC 5288, RFC 9147 section 4.5.3).
 *
 *   AES-GCM, and AES-CBC by the same reckoning    2^24.5 full records: an attacker's advantage stays below 2^-57
 *   AES-CCM                                       2^23
 *   ChaCha20-Poly1305                             none below that of the sequence number
 *
 * TLS 1.3 takes fresh keys by KeyUpdate well before that, in both directions: before our data when ours are worn, and by
 * asking the peer when its keys are. TLS 1.2 has no such message. It renegotiates there where the config allows it, and where
 * not, or where the peer does not want to, the connection ends at the limit (internal_error, KEY_LIMIT), for what would be sent
 * then is not protected as well as is believed. The peer's sending is its own concern in TLS 1.2.
 *
 * config->key_update_at (TLS 1.3) and renegotiate_at (TLS 1.2) lower the mark. They are in bytes, and every record counts as a full one, so that there is nothing
 * to count beside the sequence number: no more than so many bytes go under one key.
 *
 * What limits forgeries (section 5.5 of RFC 9147) is of no concern: the first record that does not authenticate ends the
 * connection.
 */
#include "tls/again.h"
#include "tls/internal.h"
#include "tls/message/messages.h"

enum { ASK_AGAIN_AFTER = 1 << 16 /* records, when nothing came of it */ };

typedef struct limits {
    uint64_t mark; /* here fresh ones are taken */
    uint64_t end;  /* and no further */
} limits;

static limits limits_of(const dor_tls *t, const dor_protection *p)
{
    limits l = {.mark = (uint64_t)1 << 24, .end = 23726566};
    switch (p->aead_id) {
    case DOR_AEAD_CHACHA20_POLY1305: l.end = UINT64_MAX; break;
    case DOR_AEAD_AES_128_CCM:
    case DOR_AEAD_AES_256_CCM:
    case DOR_AEAD_AES_128_CCM_8:
    case DOR_AEAD_AES_256_CCM_8: l = (limits){.mark = 1u << 22, .end = 1u << 23}; break;
    default: break;
    }
    const uint64_t at = t->version == DOR_TLS_1_2 ? t->config->renegotiate_at : t->config->key_update_at;
    const uint64_t records = at / DOR_RECORD_MAX_PLAINTEXT;
    if (at && records < l.mark) l.mark = records ? records : 1;
    return l;
}

/* 0 below the mark; then one more for every so many records. */
static uint64_t steps(uint64_t sequence, uint64_t mark)
{
    return sequence < mark ? 0 : 1 + (sequence - mark) / ASK_AGAIN_AFTER;
}

static dor_result renegotiate_if_possible(dor_tls *t)
{
    return dor__ok(dor__renegotiation_may_start(t)) ? dor__renegotiation_start(t) : DOR_SUCCESS;
}

dor_result dor__keys_before_data(dor_tls *t)
{
    const limits l = limits_of(t, &t->write);
    if (t->connected && t->version == DOR_TLS_1_3 && (t->answer_key_update || t->write.sequence >= l.mark))
        return dor__key_update_send(t, false);
    return t->write.sequence < l.end ? DOR_SUCCESS
                                     : dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_KEY_LIMIT);
}

dor_result dor__keys_behind_data(dor_tls *t, uint64_t before, uint64_t after)
{
    const uint64_t mark = limits_of(t, &t->write).mark;
    if (t->version != DOR_TLS_1_2 || steps(after, mark) == steps(before, mark)) return DOR_SUCCESS;
    return renegotiate_if_possible(t);
}

dor_result dor__keys_behind_record(dor_tls *t)
{
    const uint64_t now = t->read.sequence;
    if (!t->connected || now == 0 || t->write_closed || t->read_closed) return DOR_SUCCESS;
    const uint64_t mark = limits_of(t, &t->read).mark;
    if (steps(now, mark) == steps(now - 1, mark)) return DOR_SUCCESS;
    return t->version == DOR_TLS_1_3 ? dor__key_update_send(t, true) : renegotiate_if_possible(t);
}
