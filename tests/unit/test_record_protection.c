/*
 * test_record_protection.c - sealing and opening of single records: RFC 8448's vectors, records that another
 * implementation sealed for TLS 1.2, and everything that must not open.
 */
#include "record/record.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>

typedef struct vector {
    const char *name;
    bool tls13;
    dor_aead_id aead;
    const char *key, *iv;
    uint64_t sequence;
    uint8_t type;
    const char *payload, *record;
} vector;

#define BYTES_16 "000102030405060708090a0b0c0d0e0f"
#define BYTES_32 BYTES_16 "101112131415161718191a1b1c1d1e1f"
#define SLEEPS   "646f726d6f75736520736c65657073" /* "dormouse sleeps" */

static const vector vectors[] = {
    /* RFC 8448 section 3: application data, close_notify and Finished of the client. */
    {"rfc8448 data", true, DOR_AEAD_AES_128_GCM, "17422dda596ed5d9acd890e3c63f5051",
     "5b78923dee08579033e523d9", 0, 23, BYTES_32 "202122232425262728292a2b2c2d2e2f3031",
     "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e"
     "1f5a6292a2977014bd1e3deae63aeebb21694915e4"},
    {"rfc8448 alert", true, DOR_AEAD_AES_128_GCM, "17422dda596ed5d9acd890e3c63f5051",
     "5b78923dee08579033e523d9", 1, 21, "0100", "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"},
    {"rfc8448 finished", true, DOR_AEAD_AES_128_GCM, "dbfaa693d1762c5b666af5d950258d01",
     "5bd3c71b836e0b76bb73265f", 0, 22,
     "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
     "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab"
     "6867d726c40546"},
    {"chacha 1.3", true, DOR_AEAD_CHACHA20_POLY1305, BYTES_32, "b0b1b2b3b4b5b6b7b8b9babb", 1, 23, SLEEPS,
     "1703030020faa93b130540166df2345bbd69796f080559bb7281d256e3c7a7a108feac0aa4"},
    /* RFC 5288 and RFC 7905, sealed by another implementation. */
    {"gcm128 1.2", false, DOR_AEAD_AES_128_GCM, BYTES_16, "a0a1a2a3", 0, 23, SLEEPS,
     "17030300270000000000000000ee32bcf028fa470a73b5464614ba0821329999404aeda63b5a8323bc75b0f4"},
    {"gcm128 1.2, second", false, DOR_AEAD_AES_128_GCM, BYTES_16, "a0a1a2a3", 1, 23, SLEEPS,
     "170303002700000000000000"
     "01221e6e9f03f10435a71f2a72be74e75fcea3008a86c486d8568e1a1518e372"},
    {"gcm256 1.2", false, DOR_AEAD_AES_256_GCM, BYTES_32, "a0a1a2a3", 1, 23, SLEEPS,
     "17030300270000000000000001d4c0cae30301b5d13ba9c10f1e1b7e0a3a84dfe1f5bcfca4b307c338db75d3"},
    {"chacha 1.2", false, DOR_AEAD_CHACHA20_POLY1305, BYTES_32, "b0b1b2b3b4b5b6b7b8b9babb", 0, 23, SLEEPS,
     "170303001ff31253c5929dfae26305fae3ca3aa0a3838c58e2456a854a9497475456e4d8"},
    {"chacha 1.2, second", false, DOR_AEAD_CHACHA20_POLY1305, BYTES_32, "b0b1b2b3b4b5b6b7b8b9babb", 1, 23,
     SLEEPS, "170303001ffaa93b130540166df2345bbd69796f378110b40d8cd1ebc3dc011ba0000ba8"},
    /* RFC 6655 and RFC 8446 appendix B.4, likewise. */
    {"ccm128 1.2", false, DOR_AEAD_AES_128_CCM, BYTES_16, "a0a1a2a3", 1, 23, SLEEPS,
     "17030300270000000000000001e27affbc715c4fea46ce038b2be738a43df7154e3337219eb8cb84a297919b"},
    {"ccm256 1.2", false, DOR_AEAD_AES_256_CCM, BYTES_32, "a0a1a2a3", 1, 23, SLEEPS,
     "17030300270000000000000001f14a61ce98dc5ce44ea4572a17d74ead6697932afc0435e874b02b6ee4007c"},
    {"ccm128_8 1.2", false, DOR_AEAD_AES_128_CCM_8, BYTES_16, "a0a1a2a3", 1, 23, SLEEPS,
     "170303001f0000000000000001e27affbc715c4fea46ce038b2be738a4acc16c1008fffe"},
    {"ccm256_8 1.2", false, DOR_AEAD_AES_256_CCM_8, BYTES_32, "a0a1a2a3", 0, 23, SLEEPS,
     "170303001f0000000000000000bdb1ccd4742a3e38314288e2e2004716596768a308bedd"},
    {"ccm128 1.3", true, DOR_AEAD_AES_128_CCM, BYTES_16, "b0b1b2b3b4b5b6b7b8b9babb", 1, 23, SLEEPS,
     "1703030020e0664addcd60be0345f59ae27cff095232bc5cdcccc839bce71cb64667b373f7"},
    {"ccm128_8 1.3", true, DOR_AEAD_AES_128_CCM_8, BYTES_16, "b0b1b2b3b4b5b6b7b8b9babb", 1, 23, SLEEPS,
     "1703030018e0664addcd60be0345f59ae27cff0952f323fbf1f4824562"},
};

enum { VECTOR_COUNT = sizeof(vectors) / sizeof(vectors[0]) };

static void init(dor_protection *p, const vector *v)
{
    uint8_t key[DOR_AEAD_MAX_KEY_LEN], iv[DOR_AEAD_NONCE_LEN];
    size_t key_len = hex_read(v->key, key, sizeof(key));
    size_t iv_len = hex_read(v->iv, iv, sizeof(iv));
    cr_assert_eq(key_len, dor__aead_key_len(v->aead));
    cr_assert_eq(iv_len, v->tls13 ? DOR_AEAD_NONCE_LEN : dor__protection_12_iv_len(v->aead));
    dor_result r = v->tls13 ? dor__protection_init_13(p, v->aead, key, iv)
                            : dor__protection_init_12(p, v->aead, key, iv);
    cr_assert(dor__ok(r));
    p->sequence = v->sequence;
}

/** Feeds one whole record; the payload lands in `payload`. */
static dor_result open_one(dor_protection *p, uint8_t *bytes, size_t len, dor_record *record)
{
    dor_record_reader reader = {0};
    size_t consumed;
    bool found;
    dor_result r = dor__record_read(&reader, p, bytes, len, &consumed, record, &found);
    cr_assert_eq(found, dor__ok(r));
    cr_assert(!dor__record_reader_busy(&reader));
    dor__record_reader_fini(&reader);
    return r;
}

Test(record_protection, seals_the_vectors)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        uint8_t payload[64], expected[128];
        size_t payload_len = hex_read(v->payload, payload, sizeof(payload));
        size_t expected_len = hex_read(v->record, expected, sizeof(expected));
        dor_protection p;
        dor_bytes out = DOR_BYTES_EMPTY;
        init(&p, v);
        cr_assert(dor__ok(dor__record_write(&p, v->type, 0x0303, DOR_RECORD_MAX_PLAINTEXT,
                                            dor__span(payload, payload_len), &out)));
        cr_expect(dor__span_equal(dor__bytes_span(&out), dor__span(expected, expected_len)), "%s", v->name);
        cr_expect_eq(p.sequence, v->sequence + 1);
        dor__bytes_free(&out);
        dor__protection_fini(&p);
    }
}

Test(record_protection, opens_the_vectors)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        uint8_t payload[64], bytes[128];
        size_t payload_len = hex_read(v->payload, payload, sizeof(payload));
        size_t len = hex_read(v->record, bytes, sizeof(bytes));
        dor_protection p;
        dor_record record;
        init(&p, v);
        cr_assert(dor__ok(open_one(&p, bytes, len, &record)), "%s", v->name);
        cr_expect_eq(record.type, v->type);
        cr_expect_eq(record.outer_type, 23);
        cr_expect_eq(record.version, 0x0303);
        cr_expect(dor__span_equal(record.payload, dor__span(payload, payload_len)), "%s", v->name);
        cr_expect(record.payload.ptr > bytes && record.payload.ptr < bytes + len, "opened in place");
        dor__protection_fini(&p);
    }
}

/* A flipped bit anywhere: never a payload, and past the header never anything but bad_record_mac. */
Test(record_protection, refuses_every_flipped_bit)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        uint8_t bytes[128], flipped[128];
        size_t len = hex_read(v->record, bytes, sizeof(bytes));
        for (size_t bit = 0; bit < len * 8; bit++) {
            if (bit / 8 == 3 || bit / 8 == 4) continue; /* the length: test_record_framing.c */
            dor_protection p;
            dor_record record;
            dor_record_reader reader = {0};
            size_t consumed;
            bool found;
            memcpy(flipped, bytes, len);
            flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool ccs = v->tls13 && flipped[0] == DOR_CONTENT_CHANGE_CIPHER_SPEC;
            init(&p, v);
            dor_result r = dor__record_read(&reader, &p, flipped, len, &consumed, &record, &found);
            cr_assert_eq(dor__ok(r), ccs, "%s, bit %zu", v->name, bit);
            if (bit >= 40) cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_BAD_RECORD_MAC);
            cr_assert_eq(p.sequence, v->sequence, "a record that fails does not move the sequence number");
            dor__record_reader_fini(&reader);
            dor__protection_fini(&p);
        }
    }
}

/* What failed can be passed over: the next record still opens (RFC 8446 section 4.2.10). */
Test(record_protection, goes_on_after_a_bad_record)
{
    const vector *v = &vectors[0];
    uint8_t bytes[256];
    size_t len = hex_read(v->record, bytes, sizeof(bytes));
    memcpy(bytes + len, bytes, len);
    bytes[10] ^= 1;
    dor_protection p;
    dor_record record;
    dor_record_reader reader = {0};
    size_t consumed;
    bool found;
    init(&p, v);
    cr_assert(dor__failed(dor__record_read(&reader, &p, bytes, 2 * len, &consumed, &record, &found)));
    cr_assert_eq(consumed, len);
    cr_assert(dor__ok(dor__record_read(&reader, &p, bytes + len, len, &consumed, &record, &found)));
    cr_assert(found);
    dor__protection_fini(&p);
}

Test(record_protection, too_short_to_hold_a_tag)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        dor_protection p;
        init(&p, &vectors[i]);
        size_t shortest = p.ops->prefix_len + dor__aead_tag_len(vectors[i].aead);
        for (size_t len = 0; len <= shortest; len++) {
            uint8_t bytes[64] = {23, 3, 3, 0, (uint8_t)len};
            dor_record record;
            dor_result r = open_one(&p, bytes, DOR_RECORD_HEADER_LEN + len, &record);
            cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_BAD_RECORD_MAC, "%zu bytes", len);
        }
        dor__protection_fini(&p);
    }
}

/** Seals inner (content, type and padding as given) for TLS 1.3 with sequence 0 of vector 0's key. */
static size_t seal_inner(uint8_t *record, const uint8_t *inner, size_t inner_len)
{
    uint8_t key[16], nonce[DOR_AEAD_NONCE_LEN];
    dor_aead *aead;
    hex_read(vectors[0].key, key, sizeof(key));
    hex_read(vectors[0].iv, nonce, sizeof(nonce));
    size_t fragment_len = inner_len + DOR_AEAD_TAG_LEN;
    record[0] = 23, record[1] = 3, record[2] = 3;
    record[3] = (uint8_t)(fragment_len >> 8), record[4] = (uint8_t)fragment_len;
    if (inner_len > 0) memcpy(record + 5, inner, inner_len);
    cr_assert(dor__ok(dor__aead_new(&aead, DOR_AEAD_AES_128_GCM, key)));
    cr_assert(dor__ok(
        dor__aead_seal(aead, nonce, dor__span(record, 5), record + 5, inner_len, record + 5 + inner_len)));
    dor__aead_free(aead);
    return 5 + fragment_len;
}

static dor_result open_inner(const uint8_t *inner, size_t inner_len, uint8_t *record, dor_record *got)
{
    dor_protection p;
    size_t len = seal_inner(record, inner, inner_len);
    init(&p, &vectors[0]);
    dor_result r = open_one(&p, record, len, got);
    dor__protection_fini(&p);
    return r;
}

Test(record_protection, padding)
{
    static uint8_t record[DOR_RECORD_MAX_CIPHERTEXT_13 + 64], inner[DOR_RECORD_MAX_PLAINTEXT + 32];
    dor_record got;

    inner[0] = 'x', inner[1] = 23;
    for (size_t padding = 0; padding <= 300; padding++) {
        cr_assert(dor__ok(open_inner(inner, 2 + padding, record, &got)));
        cr_assert_eq(got.type, 23);
        cr_assert_eq(got.payload.len, 1);
        cr_assert_eq(got.payload.ptr[0], 'x');
    }
    /* As much as fits, and one too many (section 5.4). */
    cr_assert(dor__ok(open_inner(inner, DOR_RECORD_MAX_PLAINTEXT + 1, record, &got)));
    dor_result r = open_inner(inner, DOR_RECORD_MAX_PLAINTEXT + 2, record, &got);
    cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_RECORD_OVERFLOW);

    /* Nothing but zeros, and nothing at all: no content type. */
    memset(inner, 0, 2);
    for (size_t len = 0; len <= 40; len++) {
        r = open_inner(inner, len, record, &got);
        cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_UNEXPECTED_MESSAGE);
    }
    /* Trailing zeros of the content itself stay. */
    inner[4] = 21;
    cr_assert(dor__ok(open_inner(inner, 5, record, &got)));
    cr_assert_eq(got.type, 21);
    cr_assert_eq(got.payload.len, 4);
}

Test(record_protection, inner_types)
{
    static uint8_t record[128];
    for (unsigned type = 1; type < 256; type++) {
        uint8_t inner[2] = {'x', (uint8_t)type};
        dor_record got;
        dor_result r = open_inner(inner, 2, record, &got);
        if (type >= 21 && type <= 23) {
            cr_assert(dor__ok(r));
            cr_assert_eq(got.type, type);
        } else {
            cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_UNEXPECTED_MESSAGE, "type %u", type);
        }
    }
}

/* Once there are keys, TLS 1.3 knows application_data, and change_cipher_spec in the clear. */
Test(record_protection, outer_types)
{
    for (unsigned type = 0; type < 256; type++) {
        uint8_t bytes[64] = {(uint8_t)type, 3, 3, 0, 32, 1};
        dor_protection p;
        dor_record got;
        init(&p, &vectors[0]);
        dor_result r = open_one(&p, bytes, 37, &got);
        if (type == DOR_CONTENT_CHANGE_CIPHER_SPEC) {
            cr_assert(dor__ok(r));
            cr_assert_eq(got.type, type);
            cr_assert_eq(got.payload.len, 32);
        } else if (type >= DOR_CONTENT_ALERT && type <= DOR_CONTENT_APPLICATION_DATA) {
            /* Not the peer's at all, whatever it claims to be: the tag covers the type. */
            cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_BAD_RECORD_MAC);
        } else {
            cr_assert_eq(dor_error_get_alert(r.code), DOR_ALERT_UNEXPECTED_MESSAGE, "type %u", type);
        }
        dor__protection_fini(&p);
    }
}

/* Sealed by the peer under another type than the one that TLS 1.3 has for what is sealed. */
Test(record_protection, an_authentic_record_of_a_wrong_outer_type)
{
    const uint8_t types[] = {21, 22};
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t bytes[64] = {types[i], 3, 3, 0, 18, 'x', 22}, nonce[DOR_AEAD_NONCE_LEN];
        dor_protection p;
        dor_record got;
        init(&p, &vectors[0]);
        dor_aead *aead;
        uint8_t key[32], iv[DOR_AEAD_NONCE_LEN];
        hex_read(vectors[0].key, key, sizeof key);
        hex_read(vectors[0].iv, iv, sizeof iv);
        cr_assert(dor__ok(dor__aead_new(&aead, (dor_aead_id)vectors[0].aead, key)));
        memcpy(nonce, iv, sizeof nonce); /* the first record's */
        cr_assert(dor__ok(dor__aead_seal(aead, nonce, dor__span(bytes, 5), bytes + 5, 2, bytes + 7)));
        dor_result r = open_one(&p, bytes, 5 + 18, &got);
        cr_assert_eq(r.code, DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_UNEXPECTED_MESSAGE,
                                            (int)DOR_REASON_RECORD_TYPE));
        dor__aead_free(aead);
        dor__protection_fini(&p);
    }
}

Test(record_protection, alerts_in_the_clear_until_a_record_opened)
{
    uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40}, bytes[128];
    size_t len = hex_read(vectors[0].record, bytes, sizeof(bytes));
    dor_protection p;
    dor_record got;
    init(&p, &vectors[0]);
    cr_assert(dor__failed(open_one(&p, alert, sizeof(alert), &got)));
    p.plain_alerts = true;
    cr_assert(dor__ok(open_one(&p, alert, sizeof(alert), &got)));
    cr_assert_eq(got.type, DOR_CONTENT_ALERT);
    cr_assert_eq(got.payload.len, 2);
    cr_assert(dor__ok(open_one(&p, bytes, len, &got)));
    cr_assert(dor__failed(open_one(&p, alert, sizeof(alert), &got)));
    dor__protection_fini(&p);
}

Test(record_protection, sequence_numbers_run_out)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        dor_protection p;
        dor_bytes out = DOR_BYTES_EMPTY;
        dor_record got;
        init(&p, &vectors[i]);
        p.sequence = UINT64_MAX - 1;
        cr_assert(dor__ok(dor__record_write(&p, 23, 0x0303, 16384, dor__span("x", 1), &out)));
        size_t len = out.len;
        dor_result r = dor__record_write(&p, 23, 0x0303, 16384, dor__span("x", 1), &out);
        cr_assert_eq(dor_error_get_reason(r.code), DOR_REASON_SEQUENCE_EXHAUSTED);
        cr_assert_eq(out.len, len, "nothing of the record that failed");
        r = open_one(&p, out.ptr, out.len, &got);
        cr_assert_eq(dor_error_get_reason(r.code), DOR_REASON_SEQUENCE_EXHAUSTED);
        dor__bytes_free(&out);
        dor__protection_fini(&p);
    }
}

/* Asleep it holds no cipher context; the next record makes it again and nothing else changes. */
Test(record_protection, sleeps_and_wakes)
{
    counting_alloc_install();
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        dor_protection seal, open;
        dor_bytes out = DOR_BYTES_EMPTY;
        init(&seal, &vectors[i]);
        init(&open, &vectors[i]);
        for (unsigned n = 0; n < 4; n++) {
            dor_record got;
            cr_assert(dor__ok(dor__record_write(&seal, 23, 0x0303, 16384, dor__span("zzz", 3), &out)));
            cr_assert(dor__ok(open_one(&open, out.ptr, out.len, &got)));
            cr_assert(dor__span_equal(got.payload, dor__span("zzz", 3)));
            dor__bytes_free(&out);
            dor__protection_sleep(&seal);
            dor__protection_sleep(&open);
            cr_assert_eq(counting_alloc_pieces(), 0);
        }
        dor__protection_fini(&seal);
        dor__protection_fini(&open);
    }
}

Test(record_protection, out_of_memory)
{
    counting_alloc_install();
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t bytes[128];
        size_t len = hex_read(vectors[i].record, bytes, sizeof(bytes));
        dor_protection p;
        dor_bytes out = DOR_BYTES_EMPTY;
        dor_record got;
        init(&p, &vectors[i]);
        counting_alloc_fail_at(1);
        cr_assert_eq(open_one(&p, bytes, len, &got).code, DOR_E_NOMEM);
        cr_assert_eq(dor__record_write(&p, 23, 0x0303, 9, dor__span("zzz", 3), &out).code, DOR_E_NOMEM);
        counting_alloc_fail_at(2);
        cr_assert_eq(dor__record_write(&p, 23, 0x0303, 9, dor__span("zzz", 3), &out).code, DOR_E_NOMEM);
        cr_assert_eq(out.len, 0);
        counting_alloc_fail_at(0);
        dor__bytes_free(&out);
        cr_assert(dor__ok(open_one(&p, bytes, len, &got)), "nothing was lost by it");
        dor__protection_fini(&p);
        cr_assert_eq(counting_alloc_pieces(), 0);
    }
}

Test(record_protection, no_such_aead)
{
    dor_protection p;
    uint8_t zeros[32] = {0};
    cr_assert(dor__failed(dor__protection_init_13(&p, DOR_AEAD_NONE, zeros, zeros)));
    cr_assert(dor__protection_is_null(&p));
}
