/*
 * A stream of any bytes to the record reader, under each protection and in pieces of any size:
 *
 *     kind, piece size, stream
 *
 * Whatever comes out lies within what went in, everything is used up, and the same stream in one piece says the same.
 */
#include "record/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    size_t records, payload_len;
    int code;
} outcome;

static dor_result init_cbc(dor_protection *p, dor_hash_id mac, bool encrypt_then_mac)
{
    static const uint8_t zeros[48] = {0};
    const dor_cbc_keys keys = {zeros, zeros, 16, mac, encrypt_then_mac, false, NULL};
    return dor__protection_init_cbc(p, &keys);
}

static void init(dor_protection *p, uint8_t kind)
{
    static const uint8_t zeros[32] = {0};
    dor_result r = DOR_SUCCESS;
    switch ((kind & 0x7f) % 9) {
    case 0: dor__protection_init_null(p); break;
    case 1: r = dor__protection_init_12(p, DOR_AEAD_AES_128_GCM, zeros, zeros); break;
    case 2: r = dor__protection_init_12(p, DOR_AEAD_CHACHA20_POLY1305, zeros, zeros); break;
    case 3: r = dor__protection_init_13(p, DOR_AEAD_AES_256_GCM, zeros, zeros); break;
    case 4: r = dor__protection_init_13(p, DOR_AEAD_CHACHA20_POLY1305, zeros, zeros); break;
    case 5: r = dor__protection_init_12(p, DOR_AEAD_AES_128_CCM_8, zeros, zeros); break;
    case 6: r = init_cbc(p, DOR_HASH_SHA1, false); break;
    case 7: r = init_cbc(p, DOR_HASH_SHA384, false); break;
    default: r = init_cbc(p, DOR_HASH_SHA256, true); break;
    }
    if (dor__failed(r)) abort();
    p->plain_alerts = kind & 0x80;
}

static void take(outcome *o, const dor_record *record, const dor_protection *p, size_t len)
{
    if (record->payload.len > DOR_RECORD_MAX_PLAINTEXT || record->payload.len > p->ops->max_ciphertext)
        abort();
    if (record->payload.len > len) abort();
    o->records++;
    o->payload_len += record->payload.len;
}

static outcome read_all(uint8_t kind, size_t piece, const uint8_t *data, size_t size)
{
    dor_protection p;
    dor_record_reader reader = {0};
    outcome o = {0, 0, 0};
    init(&p, kind);
    for (size_t at = 0; at < size && o.code == 0; at += piece) {
        size_t len = size - at < piece ? size - at : piece, used = 0;
        uint8_t *copy = malloc(len);
        if (!copy) abort();
        memcpy(copy, data + at, len);
        while (used < len && o.code == 0) {
            size_t consumed;
            bool found;
            dor_record record;
            o.code = dor__record_read(&reader, &p, copy + used, len - used, &consumed, &record, &found).code;
            if (consumed > len - used || (o.code == 0 && !found && used + consumed != len)) abort();
            used += consumed;
            if (found) take(&o, &record, &p, size);
        }
        free(copy);
    }
    if (reader.partial.cap > DOR_RECORD_HEADER_LEN + DOR_RECORD_MAX_CIPHERTEXT_12) abort();
    dor__record_reader_fini(&reader);
    dor__protection_fini(&p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    size_t piece = data[1] ? data[1] : 1;
    outcome in_pieces = read_all(data[0], piece, data + 2, size - 2);
    outcome at_once = read_all(data[0], size, data + 2, size - 2);
    if (in_pieces.records != at_once.records || in_pieces.payload_len != at_once.payload_len ||
        in_pieces.code != at_once.code)
        abort();
    return 0;
}
