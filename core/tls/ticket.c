/*
 * ticket.c - sealing and opening of tickets (RFC 5077 section 4 and RFC 8446 section 4.6.1 leave the form to us).
 *
 *     name[16] || nonce[12] || AES-256-GCM(plain) || tag[16]         with the name as additional data
 *
 * The nonce is random: a key may seal 2^32 tickets (SP 800-38D section 8.3), far more than one lives to see.
 * Pure functions; a key may be used by several threads at once.
 */
#include "tls/session.h"

#include "base/ct.h"
#include "crypto/aead.h"

enum { OVERHEAD = DOR_TICKET_NAME_LEN + DOR_AEAD_NONCE_LEN + DOR_AEAD_TAG_LEN };

dor_result dor__ticket_key_make(dor_ticket_key *key, dor_rng *rng)
{
    dor_result result = dor__rng_fill(rng, key->name, sizeof(key->name));
    if (dor__ok(result)) result = dor__rng_fill(rng, key->key, sizeof(key->key));
    if (dor__failed(result)) dor__wipe(key, sizeof(*key));
    return result;
}

dor_result dor__ticket_seal(const dor_ticket_key *key, dor_rng *rng, dor_span plain, dor_bytes *out)
{
    dor_aead *aead = NULL;
    dor_result result;

    if (plain.len > DOR_SESSION_MAX_TICKET - OVERHEAD) return dor__error(DOR_E_TOO_BIG);
    DOR_TRY(dor__bytes_reserve(out, OVERHEAD + plain.len));
    uint8_t *name = out->ptr + out->len;
    uint8_t *nonce = name + DOR_TICKET_NAME_LEN;
    uint8_t *data = nonce + DOR_AEAD_NONCE_LEN;

    memcpy(name, key->name, DOR_TICKET_NAME_LEN);
    if (plain.len > 0) memcpy(data, plain.ptr, plain.len);
    DOR_TRY_GOTO(result, dor__rng_fill(rng, nonce, DOR_AEAD_NONCE_LEN));
    DOR_TRY_GOTO(result, dor__aead_new(&aead, DOR_AEAD_AES_256_GCM, key->key));
    DOR_TRY_GOTO(result, dor__aead_seal(aead, nonce, dor__span(name, DOR_TICKET_NAME_LEN), data, plain.len,
                                        data + plain.len));
    out->len += OVERHEAD + plain.len;
done:
    if (dor__failed(result)) dor__wipe(name, OVERHEAD + plain.len);
    dor__aead_free(aead);
    return result;
}

dor_result dor__ticket_open(const dor_ticket_key *key, dor_span ticket, dor_bytes *plain, bool *opened)
{
    dor_aead *aead = NULL;
    dor_result result;

    *opened = false;
    if (ticket.len < OVERHEAD || ticket.len > DOR_SESSION_MAX_TICKET ||
        memcmp(ticket.ptr, key->name, DOR_TICKET_NAME_LEN) != 0)
        return DOR_SUCCESS;
    dor_span name = dor__span(ticket.ptr, DOR_TICKET_NAME_LEN);
    const uint8_t *nonce = name.ptr + name.len;
    const uint8_t *sealed = nonce + DOR_AEAD_NONCE_LEN;
    size_t len = ticket.len - OVERHEAD;

    DOR_TRY(dor__bytes_reserve(plain, len + 1)); /* never NULL */
    uint8_t *data = plain->ptr + plain->len;
    if (len > 0) memcpy(data, sealed, len);
    DOR_TRY_GOTO(result, dor__aead_new(&aead, DOR_AEAD_AES_256_GCM, key->key));
    result = dor__aead_open(aead, nonce, name, data, len, sealed + len);
    if (dor__ok(result)) {
        plain->len += len;
        *opened = true;
    } else if (dor_error_get_alert(result.code) == DOR_ALERT_BAD_RECORD_MAC) {
        result = DOR_SUCCESS; /* not ours: the same as no ticket at all */
    }
done:
    dor__aead_free(aead);
    return result;
}
