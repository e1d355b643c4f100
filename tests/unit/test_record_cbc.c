/*
 * test_record_cbc.c - CBC records of TLS 1.2, both orders of MAC and encryption: records that another implementation sealed,
 * every padding there can be, and everything that must not open, always with the same failure.
 */
#include "record/cbc.h"
#include "record/record.h"
#include "support/counting_alloc.h"
#include "support/hex.h"

#include <criterion/criterion.h>

typedef struct vector {
    const char *name;
    size_t key_len;
    dor_hash_id mac;
    bool encrypt_then_mac;
    uint64_t sequence;
    const char *record;
} vector;

#define SLEEPS "dormouse sleeps"
#define IV     "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"

/* Keys are 00 01 .., MAC keys 80 81 ..; sealed by Erlang's crypto. */
static const vector vectors[] = {
    {"aes128 sha", 16, DOR_HASH_SHA1, false, 1,
     "1703030040" IV
     "6d7c2a448c9062432f3e40df7eab4dadabe68e04c1244ecaee81e0704b513e37e388be788acbcd69b1414b241e460c20"},
    {"aes256 sha", 32, DOR_HASH_SHA1, false, 0,
     "1703030040" IV
     "fb4bda94316fcc8be2ed663269a5dea47f383bbf20ec4375d9f9095ea818d15c72dc7f16967be41fdc554423107ecbfe"},
    {"aes128 sha256", 16, DOR_HASH_SHA256, false, 1,
     "1703030040" IV
     "902522718f04c4c625bd81ff5c2ce03b07e364c5c293addd658f977776f1be88b404c7782ad85ed4d447f50eefc80147"},
    {"aes256 sha256", 32, DOR_HASH_SHA256, false, 1,
     "1703030040" IV
     "a5403858f64f79cdf1be6288d28e4b0a7242cb30558cecb6945925da5e9ba978521296e628d20bfe2607e56e9060457a"},
    {"aes256 sha384", 32, DOR_HASH_SHA384, false, 1,
     "1703030050" IV
     "9eeaad5f6478c0ea5acd00202ef2c5578b6396c4b099b1ade90bc7f01d83b2e98552bbca5f989695e5260bdb4879d952"
     "9d091c3089e0b71b0d13fdf75cbf9f45"},
    {"aes128 sha, encrypt-then-MAC", 16, DOR_HASH_SHA1, true, 1,
     "1703030034" IV "c489472434d0eee302f47c433dd30e4efb8ccf4fe4ff9ead1d73c2574165deeae5f46a3a"},
    {"aes256 sha, encrypt-then-MAC", 32, DOR_HASH_SHA1, true, 0,
     "1703030034" IV "b45874bbd1532ae46c8099eea791fd082b56c488d3f1fd02cc9764a05498d49ed6177d9d"},
    {"aes128 sha256, encrypt-then-MAC", 16, DOR_HASH_SHA256, true, 1,
     "1703030040" IV
     "c489472434d0eee302f47c433dd30e4e1d9a65d2f243571564ae5c0b7cedc79b13b28675eb98b01741f70ed9b9687b87"},
    {"aes256 sha256, encrypt-then-MAC", 32, DOR_HASH_SHA256, true, 1,
     "1703030040" IV
     "b45874bbd1532ae46c8099eea791fd08e9d41881d94f3430fb19f20022d7af909723fb175ac1cab1a749029e91679b0c"},
    {"aes256 sha384, encrypt-then-MAC", 32, DOR_HASH_SHA384, true, 1,
     "1703030050" IV
     "b45874bbd1532ae46c8099eea791fd08bbe00f1edcb1c9f5965ecb8fb3f7c1fc4acc6c2c8156d1f8ecb24c41bca9fede"
     "a95162941cc4c629cdf87f690cff5d7f"},
};

enum { VECTOR_COUNT = sizeof(vectors) / sizeof(vectors[0]) };

static const int bad_record =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
static dor_rng *rng;

static void init(dor_protection *p, const vector *v, bool sends)
{
    uint8_t key[32], mac_key[48];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(mac_key); i++)
        mac_key[i] = (uint8_t)(0x80 + i);
    if (!rng) cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("cbc"))));
    const dor_cbc_keys keys = {key, mac_key, v->key_len, v->mac, v->encrypt_then_mac, sends, rng};
    cr_assert(dor__ok(dor__protection_init_cbc(p, &keys)));
    p->sequence = v->sequence;
}

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

/* What is under the encryption of a record, made by hand: nothing about it has to be right. */
typedef struct inside {
    uint8_t bytes[DOR_RECORD_MAX_CIPHERTEXT_12];
    size_t payload_len, len;
} inside;

static void fill_padding(inside *in, size_t padding)
{
    memset(in->bytes + in->len, (int)(padding - 1), padding);
    in->len += padding;
}

/* payload | MAC | padding, right in all (MAC-then-encrypt), or payload | padding */
static void compose(inside *in, dor_protection *p, const vector *v, size_t payload_len, size_t padding)
{
    uint8_t pseudo[13] = {0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          (uint8_t)v->sequence,
                          23,
                          3,
                          3,
                          (uint8_t)(payload_len >> 8),
                          (uint8_t)payload_len};
    for (size_t i = 0; i < payload_len; i++)
        in->bytes[i] = (uint8_t)(i * 3 + 1);
    in->payload_len = in->len = payload_len;
    if (!v->encrypt_then_mac) {
        const dor_span parts[] = {dor__span(pseudo, sizeof(pseudo)), dor__span(in->bytes, payload_len)};
        cr_assert(dor__ok(dor__cbc_mac(p->cbc->cipher, parts, 2, in->bytes + payload_len)));
        in->len += dor__hash_len(v->mac);
    }
    fill_padding(in, padding);
}

/* The record around it; the MAC of encrypt-then-MAC is right. */
static size_t wrap(const inside *in, dor_protection *p, const vector *v, uint8_t *record)
{
    size_t mac_len = v->encrypt_then_mac ? dor__hash_len(v->mac) : 0, len = 16 + in->len;
    uint8_t pseudo[13] = {0,           0, 0, 0, 0, 0, 0, (uint8_t)v->sequence, 23, 3, 3, (uint8_t)(len >> 8),
                          (uint8_t)len};
    memcpy(record, "\x17\x03\x03", 3);
    record[3] = (uint8_t)((len + mac_len) >> 8);
    record[4] = (uint8_t)(len + mac_len);
    memset(record + 5, 0x99, 16);
    memcpy(record + 5 + 16, in->bytes, in->len);
    cr_assert(dor__ok(dor__cbc_crypt(p->cbc->cipher, record + 5, record + 5 + 16, in->len)));
    const dor_span parts[] = {dor__span(pseudo, sizeof(pseudo)), dor__span(record + 5, len)};
    if (mac_len) cr_assert(dor__ok(dor__cbc_mac(p->cbc->cipher, parts, 2, record + 5 + len)));
    return 5 + len + mac_len;
}

/* A sender whose context is there, so that compose and wrap can use it. */
static void init_maker(dor_protection *p, const vector *v)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    init(p, v, true);
    cr_assert(dor__ok(dor__record_write(p, 23, 0x0303, 100, dor__span_str("x"), &out)));
    dor__bytes_free(&out);
}

static void expect_open(const inside *in, dor_protection *maker, const vector *v, bool opens)
{
    static uint8_t record[DOR_RECORD_MAX_CIPHERTEXT_12 + 100];
    dor_protection p;
    dor_record got;
    size_t len = wrap(in, maker, v, record);
    init(&p, v, false);
    dor_result r = open_one(&p, record, len, &got);
    if (opens) {
        cr_assert(dor__ok(r), "%s: payload %zu, inside %zu", v->name, in->payload_len, in->len);
        cr_assert(dor__span_equal(got.payload, dor__span(in->bytes, in->payload_len)));
        cr_assert_eq(p.sequence, v->sequence + 1);
    } else {
        cr_assert_eq(r.code, bad_record, "%s: payload %zu, inside %zu", v->name, in->payload_len, in->len);
        cr_assert_eq(p.sequence, v->sequence);
        for (size_t i = 5 + 16; !v->encrypt_then_mac && i < len; i++)
            cr_assert_eq(record[i], 0, "no plaintext is left");
    }
    dor__protection_fini(&p);
}

Test(record_cbc, opens_what_others_sealed)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t bytes[128];
        size_t len = hex_read(vectors[i].record, bytes, sizeof(bytes));
        dor_protection p;
        dor_record record;
        init(&p, &vectors[i], false);
        cr_assert(dor__ok(open_one(&p, bytes, len, &record)), "%s", vectors[i].name);
        cr_expect_eq(record.type, 23);
        cr_expect(dor__span_equal(record.payload, dor__span_str(SLEEPS)), "%s", vectors[i].name);
        dor__protection_fini(&p);
    }
}

/* Our own records differ from the vectors in the IV alone: with theirs in its place it is the same record. */
Test(record_cbc, seals_every_length_with_the_least_padding)
{
    static uint8_t payload[16385];
    memset(payload, 'p', sizeof(payload));
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        size_t mac_len = dor__hash_len(v->mac);
        dor_protection writer, reader;
        init(&writer, v, true);
        init(&reader, v, false);
        for (size_t len = 0; len <= 16384; len += len < 600 ? 1 : 3157) {
            dor_bytes out = DOR_BYTES_EMPTY;
            dor_record got;
            cr_assert(dor__ok(dor__record_write(&writer, 23, 0x0303, 16384, dor__span(payload, len), &out)));
            size_t covered = v->encrypt_then_mac ? len : len + mac_len;
            size_t expected = 5 + 16 + (covered / 16 + 1) * 16 + (v->encrypt_then_mac ? mac_len : 0);
            cr_assert_eq(out.len, expected, "%s, %zu: %zu", v->name, len, out.len);
            cr_assert(dor__ok(open_one(&reader, out.ptr, out.len, &got)));
            cr_assert(dor__span_equal(got.payload, dor__span(payload, len)));
            dor__bytes_free(&out);
        }
        dor__protection_fini(&writer);
        dor__protection_fini(&reader);
    }
}

Test(record_cbc, every_iv_is_another)
{
    uint8_t ivs[64][16];
    dor_protection p;
    init(&p, &vectors[0], true);
    for (size_t n = 0; n < 64; n++) {
        dor_bytes out = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(dor__record_write(&p, 23, 0x0303, 100, dor__span_str("same"), &out)));
        memcpy(ivs[n], out.ptr + 5, 16);
        for (size_t m = 0; m < n; m++)
            cr_assert(memcmp(ivs[m], ivs[n], 16) != 0);
        dor__bytes_free(&out);
    }
    dor__protection_fini(&p);
}

Test(record_cbc, refuses_every_flipped_bit)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t whole[128], bytes[128];
        size_t len = hex_read(vectors[i].record, whole, sizeof(whole));
        for (size_t bit = 0; bit < len * 8; bit++) {
            if (bit / 8 == 3 || bit / 8 == 4) continue; /* lengths: below */
            dor_protection p;
            dor_record record;
            memcpy(bytes, whole, len);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            init(&p, &vectors[i], false);
            dor_result r = open_one(&p, bytes, len, &record);
            cr_assert(dor__failed(r));
            if (bit >= 24) cr_assert_eq(r.code, bad_record, "%s, bit %zu", vectors[i].name, bit);
            dor__protection_fini(&p);
        }
    }
}

/* Any length of fragment: too short, no whole number of blocks, or cut; all the same failure. */
Test(record_cbc, refuses_every_other_length)
{
    static uint8_t bytes[400];
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        uint8_t whole[128];
        size_t len = hex_read(vectors[i].record, whole, sizeof(whole));
        for (size_t fragment = 0; fragment < 300; fragment++) {
            dor_protection p;
            dor_record record;
            if (5 + fragment == len) continue;
            memset(bytes, 0, sizeof(bytes));
            memcpy(bytes, whole, len);
            bytes[3] = (uint8_t)(fragment >> 8);
            bytes[4] = (uint8_t)fragment;
            init(&p, &vectors[i], false);
            cr_assert_eq(open_one(&p, bytes, 5 + fragment, &record).code, bad_record, "%s, %zu",
                         vectors[i].name, fragment);
            dor__protection_fini(&p);
        }
    }
}

/* RFC 5246 section 6.2.3.2: up to 255 bytes before the last, as long as the blocks are whole. */
Test(record_cbc, takes_every_padding)
{
    static inside in;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        size_t mac_len = v->encrypt_then_mac ? 0 : dor__hash_len(v->mac);
        dor_protection maker;
        init_maker(&maker, v);
        for (size_t padding = 1; padding <= 256; padding++)
            for (size_t extra = 0; extra <= 320; extra += 64 + 16 * (padding % 2)) {
                size_t payload = (16 - (mac_len + padding) % 16) % 16 + extra;
                compose(&in, &maker, v, payload, padding);
                expect_open(&in, &maker, v, true);
            }
        dor__protection_fini(&maker);
    }
}

/* One wrong byte, at every place of every padding; the last says how long it is, so it may be right another way. */
Test(record_cbc, refuses_a_wrong_byte_of_padding)
{
    static const size_t paddings[] = {2, 3, 15, 16, 17, 100, 255, 256};
    static inside in;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        size_t mac_len = v->encrypt_then_mac ? 0 : dor__hash_len(v->mac);
        dor_protection maker;
        init_maker(&maker, v);
        for (size_t k = 0; k < sizeof(paddings) / sizeof(paddings[0]); k++) {
            size_t padding = paddings[k];
            compose(&in, &maker, v, (16 - (mac_len + padding) % 16) % 16 + 32, padding);
            /* Without a MAC behind it another length is another padding, which may be right. */
            size_t end = v->encrypt_then_mac ? in.len - 1 : in.len;
            for (size_t at = in.len - padding; at < end; at++) {
                in.bytes[at] ^= 0x01;
                expect_open(&in, &maker, v, false);
                in.bytes[at] ^= 0x81;
                expect_open(&in, &maker, v, false);
                in.bytes[at] ^= 0x80;
            }
        }
        dor__protection_fini(&maker);
    }
}

/* A padding that claims more than there is: the whole record, or what the MAC needs. */
Test(record_cbc, refuses_a_padding_that_leaves_no_room)
{
    static inside in;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        size_t mac_len = v->encrypt_then_mac ? 0 : dor__hash_len(v->mac);
        dor_protection maker;
        init_maker(&maker, v);
        for (size_t blocks = (mac_len + 16) / 16; blocks <= 17; blocks++)
            for (size_t padding = 1; padding <= 256; padding++) {
                in.len = blocks * 16;
                in.payload_len = 0;
                memset(in.bytes, (int)(padding - 1), in.len); /* a padding as long as one likes */
                bool opens = v->encrypt_then_mac && padding <= in.len;
                if (opens) in.payload_len = in.len - padding;
                expect_open(&in, &maker, v, opens);
            }
        dor__protection_fini(&maker);
    }
}

/* Every bit of the MAC under the encryption, and of what it covers, with every padding: the MAC moves about in the blocks. */
Test(record_cbc, refuses_a_wrong_mac)
{
    static inside in;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        size_t mac_len = dor__hash_len(v->mac);
        dor_protection maker;
        if (v->encrypt_then_mac) continue; /* refuses_every_flipped_bit has them */
        init_maker(&maker, v);
        for (size_t padding = 1; padding <= 256; padding += padding < 40 ? 1 : 27) {
            size_t payload = (16 - (mac_len + padding) % 16) % 16 + 16;
            compose(&in, &maker, v, payload, padding);
            for (size_t at = 0; at < payload + mac_len; at++) {
                in.bytes[at] ^= (uint8_t)(1 << at % 8);
                expect_open(&in, &maker, v, false);
                in.bytes[at] ^= (uint8_t)(1 << at % 8);
            }
        }
        dor__protection_fini(&maker);
    }
}

Test(record_cbc, too_much_plaintext)
{
    static inside in;
    static uint8_t record[DOR_RECORD_MAX_CIPHERTEXT_12 + 100];
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        size_t mac_len = v->encrypt_then_mac ? 0 : dor__hash_len(v->mac);
        dor_protection maker;
        init_maker(&maker, v);
        for (size_t payload = 16384; payload <= 16385; payload++) {
            dor_protection p;
            dor_record got;
            compose(&in, &maker, v, payload, 256 - (payload + mac_len) % 16);
            size_t len = wrap(&in, &maker, v, record);
            init(&p, v, false);
            dor_result r = open_one(&p, record, len, &got);
            if (payload == 16384)
                cr_assert(dor__ok(r));
            else
                cr_assert_eq(r.code, dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW).code);
            dor__protection_fini(&p);
        }
        dor__protection_fini(&maker);
    }
}

/* The MAC whose end is a secret is the MAC, for every length and every range in which it may lie. */
Test(record_cbc, mac_of_secret_length)
{
    static const dor_hash_id macs[] = {DOR_HASH_SHA1, DOR_HASH_SHA256, DOR_HASH_SHA384};
    static uint8_t data[800];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + 5);
    for (size_t m = 0; m < 3; m++) {
        dor_hmac h;
        uint8_t pseudo[13] = "thirteen byte", expected[64], got[64];
        size_t mac_len = dor__hash_len(macs[m]);
        cr_assert(dor__ok(dor__hmac_init(&h, macs[m], dor__span_str("the key of the MAC"))));
        for (size_t most = 0; most <= 700; most += most < 300 ? 1 : 13) {
            size_t least = most < 255 ? 0 : most - 255;
            for (size_t len = least; len <= most; len += most % 16 == 0 ? 1 : 5) {
                const dor_span parts[] = {dor__span(pseudo, 13), dor__span(data, len)};
                cr_assert(dor__ok(dor__hmac_mac(&h, parts, 2, expected)));
                cr_assert(dor__ok(
                    dor__hmac_mac_ct(&h, dor__span(pseudo, 13), data, (uint32_t)len, least, most, got)));
                cr_assert_arr_eq(expected, got, mac_len, "%zu of %zu to %zu", len, least, most);
            }
        }
        cr_assert_eq(dor__hmac_mac_ct(&h, dor__span(data, 128), data, 0, 0, 1, got).code, DOR_E_BADARG);
        cr_assert_eq(dor__hmac_mac_ct(&h, dor__span(pseudo, 13), data, 0, 2, 1, got).code, DOR_E_BADARG);
        dor__hmac_fini(&h);
    }
}

Test(record_cbc, sleeps_and_wakes)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        dor_protection writer, reader;
        init(&writer, &vectors[i], true);
        init(&reader, &vectors[i], false);
        cr_assert(dor__protection_asleep(&writer) && !dor__protection_is_null(&writer));
        cr_assert_eq(dor__protection_encrypts_then_macs(&writer), vectors[i].encrypt_then_mac);
        size_t least = dor__protection_memory(&writer);
        for (size_t n = 0; n < 3; n++) {
            dor_bytes out = DOR_BYTES_EMPTY;
            dor_record got;
            cr_assert(dor__ok(dor__record_write(&writer, 23, 0x0303, 100, dor__span_str(SLEEPS), &out)));
            cr_assert(dor__ok(open_one(&reader, out.ptr, out.len, &got)));
            cr_assert(dor__span_equal(got.payload, dor__span_str(SLEEPS)));
            cr_assert(!dor__protection_asleep(&writer) && !dor__protection_asleep(&reader));
            cr_assert_gt(dor__protection_memory(&writer), least);
            dor__protection_sleep(&writer);
            dor__protection_sleep(&reader);
            cr_assert_eq(dor__protection_memory(&writer), least);
            dor__bytes_free(&out);
        }
        dor__protection_fini(&writer);
        dor__protection_fini(&reader);
        cr_assert(dor__protection_is_null(&writer) && dor__protection_asleep(&writer));
    }
}

Test(record_cbc, out_of_memory)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const vector *v = &vectors[i];
        uint8_t key[48] = {0}, bytes[128];
        size_t len = hex_read(v->record, bytes, sizeof(bytes));
        dor_protection p;
        dor_record got;
        init(&p, v, false); /* makes the generator, too */
        dor__protection_fini(&p);
        counting_alloc_install();
        const dor_cbc_keys keys = {key, key, v->key_len, v->mac, v->encrypt_then_mac, false, rng};
        counting_alloc_fail_at(1);
        cr_assert_eq(dor__protection_init_cbc(&p, &keys).code, DOR_E_NOMEM);
        cr_assert(dor__protection_is_null(&p));
        counting_alloc_fail_at(0);
        init(&p, v, false);
        counting_alloc_fail_at(1);
        cr_assert_eq(open_one(&p, bytes, len, &got).code, DOR_E_NOMEM);
        counting_alloc_fail_at(0);
        cr_assert(dor__ok(open_one(&p, bytes, len, &got)), "nothing was lost by it");
        dor__protection_fini(&p);
        cr_assert_eq(counting_alloc_pieces(), 0);
    }
}

Test(record_cbc, unfit_keys)
{
    static const uint8_t key[64];
    static const struct {
        size_t key_len;
        dor_hash_id mac;
    } unfit[] = {{24, DOR_HASH_SHA1}, {0, DOR_HASH_SHA1}, {16, DOR_HASH_NONE}, {16, DOR_HASH_SHA512}};
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        dor_protection p;
        dor_cbc *cbc;
        const dor_cbc_keys keys = {key, key, unfit[i].key_len, unfit[i].mac, false, true, NULL};
        cr_assert_eq(dor__protection_init_cbc(&p, &keys).code, DOR_E_INTERNAL);
        cr_assert(dor__protection_is_null(&p));
        cr_assert_eq(dor__cbc_new(&cbc, key, unfit[i].key_len, unfit[i].mac, key, true).code, DOR_E_BADARG);
        cr_assert_null(cbc);
    }
    dor__cbc_free(NULL);
}

Test(record_cbc, sequence_numbers_end)
{
    dor_protection p;
    dor_bytes out = DOR_BYTES_EMPTY;
    init(&p, &vectors[0], true);
    p.sequence = UINT64_MAX;
    cr_assert_eq(dor__record_write(&p, 23, 0x0303, 100, dor__span_str("x"), &out).code,
                 dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SEQUENCE_EXHAUSTED).code);
    dor__bytes_free(&out);
    dor__protection_fini(&p);
}
