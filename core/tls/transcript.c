/*
 * transcript.c - the hash over all handshake messages (RFC 8446 section 4.4.1, RFC 5246 section 7.4.9).
 *
 * Messages are kept as they are until the suite, and with it the hash, is known.
 */
#include "tls/handshake.h"

void dor__transcript_init(dor_transcript *tr, size_t raw_limit)
{
    memset(tr, 0, sizeof *tr);
    tr->raw_limit = raw_limit;
}

void dor__transcript_fini(dor_transcript *tr)
{
    if (tr->hash.id != DOR_HASH_NONE) dor__hash_fini(&tr->hash);
    tr->hash.id = DOR_HASH_NONE;
    dor__bytes_free(&tr->raw);
}

dor_result dor__transcript_add(dor_transcript *tr, dor_span message)
{
    bool hashing = tr->hash.id != DOR_HASH_NONE;
    if (!hashing || tr->keep_raw) {
        if (message.len > tr->raw_limit - tr->raw.len) /* raw.len never exceeds raw_limit */
            return dor__error(DOR_E_LIMIT);
        DOR_TRY(dor__bytes_append(&tr->raw, message));
    }
    return hashing ? dor__hash_update(&tr->hash, message) : DOR_SUCCESS;
}

dor_result dor__transcript_start(dor_transcript *tr, dor_hash_id id)
{
    if (tr->hash.id != DOR_HASH_NONE) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__hash_init(&tr->hash, id));
    DOR_TRY(dor__hash_update(&tr->hash, dor__bytes_span(&tr->raw)));
    if (!tr->keep_raw) dor__bytes_free(&tr->raw);
    return DOR_SUCCESS;
}

dor_result dor__transcript_retry(dor_transcript *tr)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    dor_hash_id id = tr->hash.id;
    DOR_TRY(dor__transcript_digest(tr, digest));
    dor__hash_fini(&tr->hash);
    tr->hash.id = DOR_HASH_NONE;
    DOR_TRY(dor__hash_init(&tr->hash, id));
    const uint8_t header[DOR_HANDSHAKE_HEADER_LEN] = {DOR_HS_MESSAGE_HASH, 0, 0, (uint8_t)dor__hash_len(id)};
    DOR_TRY(dor__hash_update(&tr->hash, dor__span(header, sizeof header)));
    return dor__hash_update(&tr->hash, dor__span(digest, dor__hash_len(id)));
}

dor_result dor__transcript_digest(const dor_transcript *tr, uint8_t digest[DOR_HASH_MAX_LEN])
{
    if (tr->hash.id == DOR_HASH_NONE) return dor__error(DOR_E_INTERNAL);
    return dor__hash_peek(&tr->hash, digest);
}

dor_result dor__transcript_digest_with(const dor_transcript *tr, dor_span more,
                                       uint8_t digest[DOR_HASH_MAX_LEN])
{
    dor_hash copy;
    dor_result r;
    if (tr->hash.id == DOR_HASH_NONE) return dor__error(DOR_E_INTERNAL);
    DOR_TRY(dor__hash_copy(&copy, &tr->hash));
    DOR_TRY_GOTO(r, dor__hash_update(&copy, more));
    r = dor__hash_peek(&copy, digest);
done:
    dor__hash_fini(&copy);
    return r;
}

void dor__transcript_drop_raw(dor_transcript *tr)
{
    tr->keep_raw = false;
    if (tr->hash.id != DOR_HASH_NONE) dor__bytes_free(&tr->raw);
}
