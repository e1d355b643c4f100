/*
 * One record whose inside is the input, under each protection, sealed here by the primitives alone with the right keys:
 *
 *     kind, how, value (2), inside
 *
 * So whatever stands inside gets past decryption: in TLS 1.3 content, type and padding; with CBC payload, MAC and padding, or
 * blocks of any bytes. What has to come of it is computed here, the slow and plain way, and held against what record/ says.
 * Altered on its way, it is bad_record_mac and leaves everything as it was.
 */
#include "record/cbc.h"

#include "base/bytes.h"
#include "crypto/hmac.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HOW_TYPE = 3, /* the header's content type: 20 and that */
    HOW_RAW =
        1 << 2, /* CBC: the inside is all there is, else a payload, behind which MAC and padding are put */
    HOW_CHANGED = 1 << 3, /* a bit is turned on the way: number `value` */
    HOW_CUT = 1 << 4,     /* or the end is cut off, down to `value` bytes */
    HOW_LATER = 1 << 5,   /* not the first record under these keys */
    HOW_PADDING = 1 << 6, /* CBC: `value` blocks more of padding than there have to be */
    HOW_LONG = 1 << 7,    /* the inside comes again and again, until `value` bytes are there */
    BLOCK = DOR_CBC_BLOCK_LEN,
    PSEUDO_LEN = 13,
    MAX_INSIDE = 18000
};

typedef struct kind {
    int version; /* 12, 13, or 0: null */
    dor_aead_id aead;
    dor_hash_id mac;
    size_t key_len; /* CBC's */
    bool encrypt_then_mac;
} kind;

static const kind kinds[] = {
    {0, DOR_AEAD_NONE, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_AES_128_GCM, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_AES_256_GCM, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_CHACHA20_POLY1305, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_AES_128_CCM, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_AES_256_CCM, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_AES_128_CCM_8, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_AES_256_CCM_8, DOR_HASH_NONE, 0, false},
    {13, DOR_AEAD_AES_128_GCM, DOR_HASH_NONE, 0, false},
    {13, DOR_AEAD_AES_256_GCM, DOR_HASH_NONE, 0, false},
    {13, DOR_AEAD_CHACHA20_POLY1305, DOR_HASH_NONE, 0, false},
    {13, DOR_AEAD_AES_128_CCM, DOR_HASH_NONE, 0, false},
    {13, DOR_AEAD_AES_128_CCM_8, DOR_HASH_NONE, 0, false},
    {12, DOR_AEAD_NONE, DOR_HASH_SHA1, 16, false},
    {12, DOR_AEAD_NONE, DOR_HASH_SHA256, 16, false},
    {12, DOR_AEAD_NONE, DOR_HASH_SHA384, 32, false},
    {12, DOR_AEAD_NONE, DOR_HASH_SHA1, 32, true},
    {12, DOR_AEAD_NONE, DOR_HASH_SHA256, 16, true},
    {12, DOR_AEAD_NONE, DOR_HASH_SHA384, 32, true},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* What has to come of a record. */
typedef struct outcome {
    int alert; /* -1: it opens */
    uint8_t type;
    dor_bytes payload;
} outcome;

static uint8_t key[32], mac_key[48], iv[DOR_AEAD_NONCE_LEN], record_iv[BLOCK];

static void must(dor_result r)
{
    if (dor__failed(r)) abort();
}

static void add(dor_bytes *b, const void *ptr, size_t len)
{
    must(dor__bytes_append(b, dor__span(ptr, len)));
}

static void put_u16(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

/* Sequence number, type, version, length: TLS 1.2's, under every MAC and tag. */
static void make_pseudo(uint64_t sequence, uint8_t type, size_t len, uint8_t pseudo[PSEUDO_LEN])
{
    for (int i = 7; i >= 0; i--, sequence >>= 8)
        pseudo[i] = (uint8_t)sequence;
    pseudo[8] = type;
    pseudo[9] = pseudo[10] = 3;
    put_u16(pseudo + 11, len);
}

static void make_nonce(const kind *k, uint64_t sequence, uint8_t nonce[DOR_AEAD_NONCE_LEN])
{
    memcpy(nonce, iv, DOR_AEAD_NONCE_LEN);
    for (size_t i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)(sequence >> (56 - 8 * i));
        if (k->version == 13 || k->aead == DOR_AEAD_CHACHA20_POLY1305)
            nonce[4 + i] ^= byte;
        else
            nonce[4 + i] = (uint8_t)(byte ^ 0x80); /* the explicit half is the writer's choice */
    }
}

static outcome refused(int alert)
{
    return (outcome){alert, 0, DOR_BYTES_EMPTY};
}

static outcome opened(uint8_t type, const uint8_t *payload, size_t len)
{
    outcome o = refused(-1);
    if (len > DOR_RECORD_MAX_PLAINTEXT) return refused(DOR_ALERT_RECORD_OVERFLOW);
    o.type = type;
    add(&o.payload, payload, len);
    return o;
}

/* ---- AEADs ---------------------------------------------------------------------------------------------------- */

static outcome expect_13(const uint8_t *inside, size_t len)
{
    if (len > DOR_RECORD_MAX_PLAINTEXT + 1) return refused(DOR_ALERT_RECORD_OVERFLOW);
    while (len > 0 && inside[len - 1] == 0)
        len--;
    if (len == 0 || inside[len - 1] < DOR_CONTENT_ALERT || inside[len - 1] > DOR_CONTENT_APPLICATION_DATA)
        return refused(DOR_ALERT_UNEXPECTED_MESSAGE);
    return opened(inside[len - 1], inside, len - 1);
}

static outcome seal_aead(const kind *k, uint64_t sequence, uint8_t type, dor_span inside, dor_bytes *record)
{
    uint8_t nonce[DOR_AEAD_NONCE_LEN], tag[DOR_AEAD_TAG_LEN], pseudo[PSEUDO_LEN];
    size_t tag_len = dor__aead_tag_len(k->aead);
    bool explicit_nonce = k->version == 12 && k->aead != DOR_AEAD_CHACHA20_POLY1305;
    size_t prefix = explicit_nonce ? 8 : 0, all = prefix + inside.len + tag_len;
    if (k->version == 13) type = DOR_CONTENT_APPLICATION_DATA;
    const uint8_t header[] = {type, 3, 3, (uint8_t)(all >> 8), (uint8_t)all};
    dor_aead *aead;
    make_nonce(k, sequence, nonce);
    make_pseudo(sequence, type, inside.len, pseudo);
    add(record, header, sizeof header);
    add(record, nonce + 4, prefix);
    add(record, inside.ptr, inside.len);
    dor_span aad = k->version == 13 ? dor__span(header, sizeof header) : dor__span(pseudo, PSEUDO_LEN);
    must(dor__aead_new(&aead, k->aead, key));
    must(dor__aead_seal(aead, nonce, aad, record->ptr + sizeof header + prefix, inside.len, tag));
    dor__aead_free(aead);
    add(record, tag, tag_len);
    return k->version == 13 ? expect_13(inside.ptr, inside.len) : opened(type, inside.ptr, inside.len);
}

/* ---- CBC ------------------------------------------------------------------------------------------------------ */

static void compute_mac(const kind *k, const uint8_t pseudo[PSEUDO_LEN], dor_span data, uint8_t *mac)
{
    dor_hmac h;
    const dor_span parts[] = {dor__span(pseudo, PSEUDO_LEN), data};
    must(dor__hmac_init(&h, k->mac, dor__span(mac_key, dor__hash_len(k->mac))));
    must(dor__hmac_mac(&h, parts, 2, mac));
    dor__hmac_fini(&h);
}

static void put_padding(dor_bytes *b, size_t blocks)
{
    size_t len = BLOCK - b->len % BLOCK + blocks * BLOCK;
    uint8_t value = (uint8_t)(len - 1);
    for (size_t i = 0; i < len; i++)
        add(b, &value, 1);
}

/* The padding that stands at the end, with its length byte; 0: none that leaves `other` bytes. */
static size_t padding_of(dor_span plain, size_t other)
{
    if (plain.len == 0) return 0;
    size_t len = plain.ptr[plain.len - 1] + 1u;
    if (len + other > plain.len) return 0;
    for (size_t i = 0; i < len; i++)
        if (plain.ptr[plain.len - 1 - i] != len - 1) return 0;
    return len;
}

/* Payload, MAC and padding, or anything. */
static outcome plain_mac_then_encrypt(const kind *k, uint64_t sequence, uint8_t type, bool raw, size_t blocks,
                                      dor_span inside, dor_bytes *plain)
{
    uint8_t pseudo[PSEUDO_LEN], mac[DOR_HASH_MAX_LEN];
    size_t mac_len = dor__hash_len(k->mac);
    add(plain, inside.ptr, inside.len);
    if (raw) {
        plain->len -= plain->len % BLOCK;
    } else {
        make_pseudo(sequence, type, inside.len, pseudo);
        compute_mac(k, pseudo, inside, mac);
        add(plain, mac, mac_len);
        put_padding(plain, blocks);
    }
    size_t padding = padding_of(dor__bytes_span(plain), mac_len);
    if (!padding) return refused(DOR_ALERT_BAD_RECORD_MAC);
    size_t len = plain->len - padding - mac_len;
    make_pseudo(sequence, type, len, pseudo);
    compute_mac(k, pseudo, dor__span(plain->ptr, len), mac);
    if (memcmp(mac, plain->ptr + len, mac_len) != 0) return refused(DOR_ALERT_BAD_RECORD_MAC);
    return opened(type, plain->ptr, len);
}

static outcome plain_encrypt_then_mac(uint8_t type, bool raw, size_t blocks, dor_span inside,
                                      dor_bytes *plain)
{
    add(plain, inside.ptr, inside.len);
    if (raw)
        plain->len -= plain->len % BLOCK;
    else
        put_padding(plain, blocks);
    size_t padding = padding_of(dor__bytes_span(plain), 0);
    return padding ? opened(type, plain->ptr, plain->len - padding) : refused(DOR_ALERT_BAD_RECORD_MAC);
}

static outcome seal_cbc(const kind *k, uint64_t sequence, uint8_t type, bool raw, size_t blocks,
                        dor_span inside, dor_bytes *record)
{
    dor_bytes plain = DOR_BYTES_EMPTY;
    dor_cbc *cbc;
    uint8_t pseudo[PSEUDO_LEN], mac[DOR_HASH_MAX_LEN];
    size_t mac_len = dor__hash_len(k->mac);
    outcome o = k->encrypt_then_mac ? plain_encrypt_then_mac(type, raw, blocks, inside, &plain)
                                    : plain_mac_then_encrypt(k, sequence, type, raw, blocks, inside, &plain);
    size_t all = BLOCK + plain.len + (k->encrypt_then_mac ? mac_len : 0);
    const uint8_t header[] = {type, 3, 3, (uint8_t)(all >> 8), (uint8_t)all};
    add(record, header, sizeof header);
    add(record, record_iv, BLOCK);
    add(record, plain.ptr, plain.len);
    must(dor__cbc_new(&cbc, key, k->key_len, k->mac, mac_key, true));
    if (plain.len)
        must(dor__cbc_crypt(cbc, record_iv, record->ptr + DOR_RECORD_HEADER_LEN + BLOCK, plain.len));
    dor__cbc_free(cbc);
    if (k->encrypt_then_mac) {
        make_pseudo(sequence, type, BLOCK + plain.len, pseudo);
        compute_mac(k, pseudo, dor__span(record->ptr + DOR_RECORD_HEADER_LEN, BLOCK + plain.len), mac);
        add(record, mac, mac_len);
    }
    dor__bytes_free(&plain);
    return o;
}

/* ---- the record ----------------------------------------------------------------------------------------------- */

static void init(dor_protection *p, const kind *k)
{
    const dor_cbc_keys keys = {key, mac_key, k->key_len, k->mac, k->encrypt_then_mac, false, NULL};
    if (k->version == 0)
        dor__protection_init_null(p);
    else if (k->mac != DOR_HASH_NONE)
        must(dor__protection_init_cbc(p, &keys));
    else if (k->version == 13)
        must(dor__protection_init_13(p, k->aead, key, iv));
    else
        must(dor__protection_init_12(p, k->aead, key, iv));
}

static void check(dor_protection *p, dor_bytes *record, const outcome *o)
{
    uint64_t before = p->sequence;
    uint8_t type = 0;
    dor_span payload = DOR_SPAN_EMPTY;
    dor_result r = p->ops->open(p, record->ptr, record->len - DOR_RECORD_HEADER_LEN, &type, &payload);
    if (dor__failed(r) != (o->alert >= 0)) abort();
    if (dor__failed(r)) {
        if (dor_error_get_alert(r.code) != o->alert) abort();
        if (o->alert == DOR_ALERT_BAD_RECORD_MAC && p->sequence != before) abort();
        return;
    }
    if (type != o->type || !dor__span_equal(payload, dor__bytes_span(&o->payload))) abort();
    if (payload.len && (payload.ptr < record->ptr || payload.ptr + payload.len > record->ptr + record->len))
        abort();
    if (!dor__protection_is_null(p) && p->sequence != before + 1) abort();
}

/* False: there is nothing to change. Without keys nobody notices, and what is changed here is what is expected. */
static bool change(const kind *k, uint8_t how, size_t value, dor_bytes *record, outcome *o)
{
    size_t fragment_len = record->len - DOR_RECORD_HEADER_LEN;
    if (k->version == 0 || fragment_len == 0) return false;
    if (how & HOW_CUT) {
        record->len = DOR_RECORD_HEADER_LEN + value % fragment_len;
        put_u16(record->ptr + 3, record->len - DOR_RECORD_HEADER_LEN);
    } else {
        value %= fragment_len * 8;
        record->ptr[DOR_RECORD_HEADER_LEN + value / 8] ^= (uint8_t)(1u << value % 8);
    }
    dor__bytes_free(&o->payload);
    *o = refused(DOR_ALERT_BAD_RECORD_MAC);
    return true;
}

/* A changed one is refused, and the record itself opens all the same behind it. */
static void deliver(const kind *k, uint8_t how, size_t value, uint64_t sequence, dor_bytes *record,
                    outcome *o)
{
    dor_protection p;
    dor_bytes copy = DOR_BYTES_EMPTY;
    outcome wrong = refused(-1);
    init(&p, k);
    p.sequence = sequence;
    add(&copy, record->ptr, record->len);
    /* A padding altered where it is not looked at would be no failure: with CBC all of it is. */
    if (how & (HOW_CHANGED | HOW_CUT) && change(k, how, value, &copy, &wrong)) check(&p, &copy, &wrong);
    dor__bytes_free(&copy);
    if (how & HOW_LATER) dor__protection_sleep(&p);
    check(&p, record, o);
    dor__bytes_free(&o->payload);
    dor__protection_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    const kind *k = &kinds[data[0] % KINDS];
    const uint8_t how = data[1], type = (uint8_t)(DOR_CONTENT_CHANGE_CIPHER_SPEC + (how & HOW_TYPE));
    const size_t value = (size_t)data[2] << 8 | data[3];
    const uint64_t sequence = how & HOW_LATER ? 0x123456789abc : 0;
    dor_bytes inside = DOR_BYTES_EMPTY, record = DOR_BYTES_EMPTY;
    outcome o;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i + 1);
    for (size_t i = 0; i < sizeof mac_key; i++)
        mac_key[i] = (uint8_t)(i * 3 + 7);
    for (size_t i = 0; i < sizeof iv; i++)
        iv[i] = (uint8_t)(0xa0 + i);
    add(&inside, data + 4, size - 4);
    while (how & HOW_LONG && size > 4 && inside.len < value % MAX_INSIDE)
        add(&inside, data + 4, size - 4);
    if (inside.len > MAX_INSIDE) inside.len = MAX_INSIDE;
    dor_span span = dor__bytes_span(&inside);

    if (k->version == 0) {
        const uint8_t header[] = {type, 3, 3, (uint8_t)(span.len >> 8), (uint8_t)span.len};
        if (span.len > DOR_RECORD_MAX_PLAINTEXT) span.len = DOR_RECORD_MAX_PLAINTEXT; /* framing sees to it */
        add(&record, header, sizeof header);
        add(&record, span.ptr, span.len);
        o = opened(type, span.ptr, span.len);
    } else if (k->mac != DOR_HASH_NONE) {
        size_t blocks = how & HOW_PADDING ? value % 16 : 0;
        o = seal_cbc(k, sequence, type, how & HOW_RAW, blocks, span, &record);
    } else {
        o = seal_aead(k, sequence, type, span, &record);
    }
    deliver(k, how, value, sequence, &record, &o);
    dor__bytes_free(&inside);
    dor__bytes_free(&record);
    return 0;
}
