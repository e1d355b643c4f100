/*
 * test_record_framing.c - records out of a stream that comes in any pieces, and payloads into records; what a peer can
 * make the reader hold.
 */
#include "record/record.h"
#include "support/counting_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const uint8_t key[32] = {1, 2, 3}, iv[12] = {4, 5, 6};

typedef struct kind {
    const char *name;
    uint16_t version; /* 0: null */
    dor_aead_id aead;
} kind;

static const kind kinds[] = {
    {"null", 0, DOR_AEAD_NONE},
    {"1.2 gcm", 0x0303, DOR_AEAD_AES_128_GCM},
    {"1.2 chacha", 0x0303, DOR_AEAD_CHACHA20_POLY1305},
    {"1.3 gcm", 0x0304, DOR_AEAD_AES_256_GCM},
    {"1.3 chacha", 0x0304, DOR_AEAD_CHACHA20_POLY1305},
    {"1.2 ccm", 0x0303, DOR_AEAD_AES_256_CCM},
    {"1.2 ccm_8", 0x0303, DOR_AEAD_AES_128_CCM_8},
    {"1.3 ccm", 0x0304, DOR_AEAD_AES_128_CCM},
    {"1.3 ccm_8", 0x0304, DOR_AEAD_AES_128_CCM_8},
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

static void init(dor_protection *p, const kind *k)
{
    if (k->version == 0)
        dor__protection_init_null(p);
    else
        cr_assert(dor__ok(k->version == 0x0304 ? dor__protection_init_13(p, k->aead, key, iv)
                                               : dor__protection_init_12(p, k->aead, key, iv)));
}

static uint8_t payload_byte(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

static uint8_t *make_payload(size_t len)
{
    uint8_t *payload = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        payload[i] = payload_byte(i);
    return payload;
}

/** Reads everything in steps of `step` bytes, each in a piece of memory of exactly that size. Bytes of payload seen. */
static size_t read_all(dor_protection *p, dor_span stream, size_t step, size_t *records)
{
    dor_record_reader reader = {0};
    size_t seen = 0;
    *records = 0;
    while (stream.len > 0) {
        size_t len = stream.len < step ? stream.len : step, used = 0;
        uint8_t *piece = malloc(len);
        memcpy(piece, stream.ptr, len);
        while (used < len) {
            size_t consumed;
            bool found;
            dor_record record;
            cr_assert(
                dor__ok(dor__record_read(&reader, p, piece + used, len - used, &consumed, &record, &found)));
            used += consumed;
            cr_assert(found || used == len, "either a record or everything used up");
            if (!found) continue;
            (*records)++;
            cr_assert_eq(record.type, 23);
            for (size_t i = 0; i < record.payload.len; i++)
                cr_assert_eq(record.payload.ptr[i], payload_byte(seen + i));
            seen += record.payload.len;
            cr_assert(!dor__record_reader_busy(&reader));
        }
        free(piece);
        stream = dor__span(stream.ptr + len, stream.len - len);
    }
    cr_assert(!dor__record_reader_busy(&reader));
    dor__record_reader_fini(&reader);
    return seen;
}

Test(record_framing, any_piece_size)
{
    static const size_t fragments[] = {1, 7, 100, 16383, 16384, 70000};
    static const size_t steps[] = {1, 2, 4, 5, 6, 13, 100, 1460, 16401, 16406, 1 << 20};
    enum { LEN = 40000 };
    uint8_t *payload = make_payload(LEN);
    for (size_t k = 0; k < KIND_COUNT; k++)
        for (size_t f = 0; f < sizeof(fragments) / sizeof(fragments[0]); f++) {
            size_t len = fragments[f] < 100 ? LEN / 100 : LEN; /* small records are many */
            size_t fragment = fragments[f] > 16384 ? 16384 : fragments[f];
            dor_protection writer;
            dor_bytes out = DOR_BYTES_EMPTY;
            init(&writer, &kinds[k]);
            cr_assert(
                dor__ok(dor__record_write(&writer, 23, 0x0303, fragments[f], dor__span(payload, len), &out)));
            for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
                dor_protection reader;
                size_t records;
                init(&reader, &kinds[k]);
                cr_assert_eq(read_all(&reader, dor__bytes_span(&out), steps[s], &records), len, "%s",
                             kinds[k].name);
                cr_assert_eq(records, (len + fragment - 1) / fragment);
                dor__protection_fini(&reader);
            }
            dor__bytes_free(&out);
            dor__protection_fini(&writer);
        }
    free(payload);
}

Test(record_framing, empty_payload_is_one_empty_record)
{
    for (size_t k = 0; k < KIND_COUNT; k++) {
        dor_protection writer, reader;
        dor_bytes out = DOR_BYTES_EMPTY;
        size_t records;
        init(&writer, &kinds[k]);
        init(&reader, &kinds[k]);
        cr_assert(dor__ok(dor__record_write(&writer, 23, 0x0303, 1, DOR_SPAN_EMPTY, &out)));
        cr_assert_eq(read_all(&reader, dor__bytes_span(&out), 1, &records), 0);
        cr_assert_eq(records, 1);
        dor__bytes_free(&out);
        dor__protection_fini(&writer);
        dor__protection_fini(&reader);
    }
}

Test(record_framing, appends_and_reserves_once)
{
    counting_alloc_install();
    uint8_t *payload = make_payload(50000);
    dor_protection p;
    dor_bytes out = DOR_BYTES_EMPTY;
    init(&p, &kinds[3]);
    cr_assert(dor__ok(dor__record_write(&p, 23, 0x0303, 16384, dor__span(payload, 1), &out)));
    size_t before = out.len;
    counting_alloc_fail_at(0);
    cr_assert(dor__ok(dor__record_write(&p, 23, 0x0303, 1000, dor__span(payload, 50000), &out)));
    cr_assert_eq(counting_alloc_calls(), 1, "fifty records, one allocation");
    cr_assert_eq(out.len, before + 50000 + 50 * (5 + 17));
    cr_assert_eq(dor__record_write(&p, 23, 0x0303, 0, dor__span(payload, 1), &out).code, DOR_E_BADARG);
    dor__bytes_free(&out);
    dor__protection_fini(&p);
    free(payload);
}

static dor_result read_bytes(dor_protection *p, uint8_t *bytes, size_t len, size_t *held)
{
    dor_record_reader reader = {0};
    dor_record record;
    size_t consumed;
    bool found;
    dor_result r = dor__record_read(&reader, p, bytes, len, &consumed, &record, &found);
    cr_assert(consumed <= len);
    if (held) *held = reader.partial.cap;
    dor__record_reader_fini(&reader);
    return r;
}

/* Nonsense is refused at the byte that shows it, with nothing held. */
Test(record_framing, headers)
{
    dor_protection p;
    dor__protection_init_null(&p);
    for (unsigned type = 0; type < 256; type++) {
        uint8_t bytes[1] = {(uint8_t)type};
        dor_result r = read_bytes(&p, bytes, 1, NULL);
        if (type >= 20 && type <= 23)
            cr_assert(dor__ok(r));
        else
            cr_assert_eq(r.code, dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE).code);
    }
    for (unsigned major = 0; major < 256; major++) {
        uint8_t bytes[2] = {22, (uint8_t)major};
        dor_result r = read_bytes(&p, bytes, 2, NULL);
        if (major == 3)
            cr_assert(dor__ok(r));
        else
            cr_assert_eq(r.code, dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_RECORD_VERSION).code);
    }
}

Test(record_framing, longest_records)
{
    counting_alloc_install();
    for (size_t k = 0; k < KIND_COUNT; k++) {
        dor_protection p;
        size_t bound = kinds[k].version == 0x0304   ? 16384 + 256
                       : kinds[k].version == 0x0303 ? 16384 + 2048
                                                    : 16384 + 256; /* early data; else 16384 */
        init(&p, &kinds[k]);
        for (size_t len = 0; len <= 65535; len++) {
            uint8_t header[5] = {23, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
            size_t held;
            if (len == 0 && kinds[k].version) continue; /* whole, and too short to open */
            dor_result r = read_bytes(&p, header, sizeof(header), &held);
            if (len <= bound)
                cr_assert(dor__ok(r), "%s, %zu", kinds[k].name, len);
            else
                cr_assert_eq(r.code, dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW).code);
            cr_assert(held <= 64, "a header alone costs next to nothing");
        }
        dor__protection_fini(&p);
    }
}

/* Before there are keys only what may be early data is longer than a plaintext. */
Test(record_framing, longest_records_in_the_clear)
{
    for (uint8_t type = 20; type <= 23; type++)
        for (size_t len = 16384; len <= 16385; len++) {
            uint8_t header[5] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
            dor_protection p;
            dor__protection_init_null(&p);
            dor_result r = read_bytes(&p, header, sizeof(header), NULL);
            cr_assert_eq(dor__ok(r), len == 16384 || type == 23, "type %u, %zu", type, len);
            dor__protection_fini(&p);
        }
}

/* TLS 1.2: a ciphertext within its bound may still hold too much plaintext (RFC 5246 section 6.2.1). */
Test(record_framing, too_much_plaintext_in_12)
{
    static uint8_t bytes[DOR_RECORD_MAX_CIPHERTEXT_12 + 64];
    for (size_t k = 1; k <= 2; k++)
        for (size_t len = DOR_RECORD_MAX_PLAINTEXT; len <= DOR_RECORD_MAX_PLAINTEXT + 1; len++) {
            dor_protection writer, reader;
            init(&writer, &kinds[k]);
            init(&reader, &kinds[k]);
            cr_assert(dor__ok(writer.ops->seal(&writer, 23, 0x0303, bytes, len)));
            size_t total = 5 + writer.ops->prefix_len + len + writer.ops->suffix_len;
            dor_result r = read_bytes(&reader, bytes, total, NULL);
            if (len == DOR_RECORD_MAX_PLAINTEXT)
                cr_assert(dor__ok(r));
            else
                cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_RECORD_OVERFLOW);
            dor__protection_fini(&writer);
            dor__protection_fini(&reader);
        }
}

/* What is held grows with what came, never beyond the record, and is let go when the record is done with. */
Test(record_framing, holds_no_more_than_the_record)
{
    counting_alloc_install();
    uint8_t *payload = make_payload(16384);
    dor_protection writer, p;
    dor_bytes out = DOR_BYTES_EMPTY;
    init(&writer, &kinds[3]);
    init(&p, &kinds[3]);
    cr_assert(dor__ok(dor__record_write(&writer, 23, 0x0303, 16384, dor__span(payload, 16384), &out)));

    dor_record_reader reader = {0};
    dor_record record;
    size_t consumed;
    bool found = false;
    for (size_t i = 0; i < out.len; i++) {
        cr_assert(!found);
        cr_assert(dor__ok(dor__record_read(&reader, &p, out.ptr + i, 1, &consumed, &record, &found)));
        cr_assert_eq(consumed, 1);
        cr_assert(reader.partial.cap <= out.len, "never more than the record");
        cr_assert(reader.partial.cap <= (i + 1 < 32 ? 64 : 2 * (i + 1) + out.len / 64),
                  "never much more than what came");
    }
    cr_assert(found);
    cr_assert(!dor__record_reader_busy(&reader));
    cr_assert_eq(record.payload.len, 16384);
    cr_assert_eq(memcmp(record.payload.ptr, payload, 16384), 0);
    dor__record_reader_settle(&reader);
    cr_assert_eq(reader.partial.cap, 0);

    dor__bytes_free(&out);
    dor__protection_fini(&writer);
    dor__protection_fini(&p);
    free(payload);
    cr_assert_eq(counting_alloc_pieces(), 0);
}

/* Whole records cost no allocation at all. */
Test(record_framing, whole_records_allocate_nothing)
{
    counting_alloc_install();
    for (size_t k = 0; k < KIND_COUNT; k++) {
        dor_protection writer, p;
        dor_bytes out = DOR_BYTES_EMPTY;
        dor_record_reader reader = {0};
        init(&writer, &kinds[k]);
        init(&p, &kinds[k]);
        for (unsigned i = 0; i < 10; i++)
            cr_assert(dor__ok(dor__record_write(&writer, 23, 0x0303, 16384, dor__span("hello", 5), &out)));
        size_t used = 0;
        for (unsigned i = 0; i < 10; i++) {
            size_t consumed;
            bool found;
            dor_record record;
            if (i == 1) counting_alloc_fail_at(1); /* the first one made the cipher context */
            cr_assert(dor__ok(
                dor__record_read(&reader, &p, out.ptr + used, out.len - used, &consumed, &record, &found)));
            cr_assert(found);
            used += consumed;
        }
        cr_assert_eq(used, out.len);
        counting_alloc_fail_at(0);
        dor__bytes_free(&out);
        dor__protection_fini(&writer);
        dor__protection_fini(&p);
    }
}

Test(record_framing, whole_records_at_the_front)
{
    enum { LEN = 300 };
    dor_protection p;
    dor_bytes wire = DOR_BYTES_EMPTY;
    dor_record_reader reader = {0};
    init(&p, &kinds[0]);
    uint8_t *payload = make_payload(LEN);
    cr_assert(
        dor__ok(dor__record_write(&p, DOR_CONTENT_HANDSHAKE, 0x0303, 100, dor__span(payload, LEN), &wire)));
    cr_assert_eq(wire.len, 3 * 105);
    for (size_t len = 0; len <= wire.len; len++)
        cr_assert_eq(dor__record_whole(&reader, wire.ptr, len), len / 105 * 105, "%zu bytes", len);

    /* Half-way in a record, only reading knows where the next one begins. */
    size_t used;
    bool found;
    dor_record record;
    cr_assert(dor__ok(dor__record_read(&reader, &p, wire.ptr, 7, &used, &record, &found)));
    cr_assert_eq(dor__record_whole(&reader, wire.ptr + 7, 200), 200);
    dor__record_reader_fini(&reader);

    /* A length that no protection allows is for reading to refuse. */
    wire.ptr[105 + 3] = 0xff;
    cr_assert_eq(dor__record_whole(&reader, wire.ptr, 200), 200);
    dor__bytes_free(&wire);
    free(payload);
}

Test(record_framing, out_of_memory_while_collecting)
{
    counting_alloc_install();
    dor_protection p;
    dor__protection_init_null(&p);
    for (size_t n = 1; n <= 3; n++) {
        uint8_t bytes[400] = {23, 3, 3, 1, 0x80};
        dor_record_reader reader = {0};
        dor_record record;
        bool found = false;
        dor_result r = DOR_SUCCESS;
        counting_alloc_fail_at(n);
        for (size_t i = 0; i < 300 && dor__ok(r); i++) {
            size_t consumed;
            r = dor__record_read(&reader, &p, bytes + i, 1, &consumed, &record, &found);
        }
        cr_assert_eq(r.code, DOR_E_NOMEM);
        counting_alloc_fail_at(0);
        dor__record_reader_fini(&reader);
        cr_assert_eq(counting_alloc_pieces(), 0);
    }
}

Test(record_framing, nothing_in_nothing_out)
{
    dor_protection p;
    dor_record_reader reader = {0};
    dor_record record;
    size_t consumed = 1;
    bool found = true;
    dor__protection_init_null(&p);
    cr_assert(dor__ok(dor__record_read(&reader, &p, NULL, 0, &consumed, &record, &found)));
    cr_assert_eq(consumed, 0);
    cr_assert(!found);
}
