/*
 * cbc.c - records under AES-CBC and HMAC in TLS 1.2.
 *
 *     MAC-then-encrypt (RFC 5246 section 6.2.3.2):   header | IV | E(payload | MAC | padding)
 *     encrypt-then-MAC (RFC 7366):                   header | IV | E(payload | padding) | MAC over the IV and all behind it
 *
 * The first can only be opened before it is known to be genuine, and whoever can tell a wrong padding from a wrong MAC, by
 * an alert or by time, reads plaintext byte by byte (Vaudenay 2002; Lucky 13, 2013). So padding and MAC are checked as one,
 * with the same work and the same memory accesses whatever the padding says, and there is one alert, at one place.
 *
 * IVs are random, each record's its own (BEAST). Padding that we write is the least there can be.
 *
 * Thread: the connection's. Invariants: as in protection.c.
 */
#include "record/cbc.h"

#include "base/alloc.h"
#include "base/ct.h"

#include <assert.h>

enum {
    BLOCK = DOR_CBC_BLOCK_LEN,
    PSEUDO_LEN = 8 + DOR_RECORD_HEADER_LEN, /* sequence number, type, version, length */
    MAX_PADDING = 256,                      /* with its length byte */
    MAX_SUFFIX = DOR_CBC_MAX_MAC_LEN + BLOCK
};

static_assert(DOR_RECORD_HEADER_LEN + BLOCK + MAX_SUFFIX <= DOR_RECORD_MAX_OVERHEAD, "5 + 16 + 48 + 16 = 85");

static dor_result bad_record(void)
{
    return dor__alert(DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
}

static void put_u16(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

/** seq_num + type + version + length, in front of what is under the MAC. */
static void make_pseudo(const dor_protection *p, const uint8_t *record, size_t len,
                        uint8_t pseudo[PSEUDO_LEN])
{
    uint64_t sequence = p->sequence;
    for (int i = 7; i >= 0; i--, sequence >>= 8)
        pseudo[i] = (uint8_t)sequence;
    memcpy(pseudo + 8, record, 3);
    put_u16(pseudo + 11, len);
}

static dor_result make_ready(dor_protection *p)
{
    struct dor_cbc_state *s = p->cbc;
    if (p->sequence == UINT64_MAX) return dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SEQUENCE_EXHAUSTED);
    if (s->cipher) return DOR_SUCCESS;
    return dor__cbc_new(&s->cipher, s->key, s->key_len, (dor_hash_id)s->mac, s->mac_key, s->encrypts);
}

static size_t mac_len_of(const dor_protection *p)
{
    return dor__hash_len((dor_hash_id)p->cbc->mac);
}

/* ---- sealing ------------------------------------------------------------------------------------------------- */

/** RFC 5246 section 6.2.3.2: up to a whole number of blocks, each byte being how many there are before the last. */
static size_t pad(uint8_t *data, size_t len)
{
    size_t padding = BLOCK - len % BLOCK;
    memset(data + len, (int)(padding - 1), padding);
    return len + padding;
}

static dor_result seal_mac_then_encrypt(dor_protection *p, uint8_t type, uint16_t version, uint8_t *record,
                                        size_t len)
{
    uint8_t pseudo[PSEUDO_LEN];
    uint8_t *iv = record + DOR_RECORD_HEADER_LEN, *data = iv + BLOCK;

    DOR_TRY(make_ready(p));
    DOR_TRY(dor__rng_fill(p->cbc->rng, iv, BLOCK));
    record[0] = type;
    put_u16(record + 1, version);
    make_pseudo(p, record, len, pseudo);
    const dor_span parts[] = {dor__span(pseudo, sizeof(pseudo)), dor__span(data, len)};
    DOR_TRY(dor__cbc_mac(p->cbc->cipher, parts, 2, data + len));
    size_t padded = pad(data, len + mac_len_of(p));
    DOR_TRY(dor__cbc_crypt(p->cbc->cipher, iv, data, padded));
    put_u16(record + 3, BLOCK + padded);
    p->sequence++;
    return DOR_SUCCESS;
}

static dor_result seal_encrypt_then_mac(dor_protection *p, uint8_t type, uint16_t version, uint8_t *record,
                                        size_t len)
{
    uint8_t pseudo[PSEUDO_LEN];
    uint8_t *iv = record + DOR_RECORD_HEADER_LEN, *data = iv + BLOCK;

    DOR_TRY(make_ready(p));
    DOR_TRY(dor__rng_fill(p->cbc->rng, iv, BLOCK));
    size_t padded = pad(data, len);
    DOR_TRY(dor__cbc_crypt(p->cbc->cipher, iv, data, padded));
    record[0] = type;
    put_u16(record + 1, version);
    put_u16(record + 3, BLOCK + padded + mac_len_of(p));
    /* RFC 7366 section 3: the length under the MAC is that of what is under the MAC. */
    make_pseudo(p, record, BLOCK + padded, pseudo);
    const dor_span parts[] = {dor__span(pseudo, sizeof(pseudo)), dor__span(iv, BLOCK + padded)};
    DOR_TRY(dor__cbc_mac(p->cbc->cipher, parts, 2, data + padded));
    p->sequence++;
    return DOR_SUCCESS;
}

/* ---- constant time from here ---------------------------------------------------------------------------------
 *
 * Public: len, mac_len and what only depends on them. Secret: everything at data, and what is computed from it. Secrets stand
 * in no condition and in no index.
 */

/** All ones when the padding is right: each of its bytes is its length, and it leaves `other` bytes. *padding: 1 to 256. */
static uint32_t check_padding(const uint8_t *data, size_t len, size_t other, uint32_t *padding)
{
    uint32_t value = data[len - 1], difference = 0;
    size_t reach = len < MAX_PADDING ? len : MAX_PADDING;
    uint32_t fits = dor__ct_mask_less((uint32_t)other + value, (uint32_t)len);
    for (size_t i = 0; i < reach; i++)
        difference |= dor__ct_mask_less((uint32_t)i, value + 1) & (data[len - 1 - i] ^ value);
    uint32_t good = fits & dor__ct_mask_equal(difference, 0);
    /* RFC 5246 section 6.2.3.2: with a wrong padding the MAC is computed as if there was none. */
    *padding = (good & value) + 1;
    return good;
}

/** mac_len bytes that begin somewhere from data[first] on, at the secret offset `at`, of len bytes: into mac. */
static void take_mac(const uint8_t *data, size_t first, size_t len, uint32_t at, size_t mac_len, uint8_t *mac)
{
    uint8_t turned[DOR_CBC_MAX_MAC_LEN] = {0}, other[DOR_CBC_MAX_MAC_LEN];
    uint32_t start = 0;

    /* Every byte is read; those of the MAC fall into a ring, in which it begins at `start`. */
    for (size_t i = first, slot = 0; i < len; i++) {
        uint32_t index = (uint32_t)i;
        uint32_t inside = ~dor__ct_mask_less(index, at) & dor__ct_mask_less(index, at + (uint32_t)mac_len);
        turned[slot] |= (uint8_t)(data[i] & inside);
        start |= (uint32_t)slot & dor__ct_mask_equal(index, at);
        slot = slot + 1 == mac_len ? 0 : slot + 1;
    }
    /* Turned back by one place, two places, four ..., each time or not as a bit of start says. */
    for (size_t places = 1; places < mac_len; places <<= 1) {
        uint32_t turn = ~dor__ct_mask_equal(start & (uint32_t)places, 0);
        for (size_t i = 0; i < mac_len; i++) {
            size_t from = i + places < mac_len ? i + places : i + places - mac_len;
            other[i] = (uint8_t)dor__ct_select(turn, turned[from], turned[i]);
        }
        memcpy(turned, other, mac_len);
    }
    memcpy(mac, turned, mac_len);
    dor__wipe(turned, sizeof(turned));
    dor__wipe(other, sizeof(other));
}

dor_result dor__cbc_check(const struct dor_cbc_state *s, uint8_t pseudo[PSEUDO_LEN], const uint8_t *data,
                          size_t len, uint32_t *good, uint32_t *payload_len)
{
    uint8_t expected[DOR_HASH_MAX_LEN], received[DOR_CBC_MAX_MAC_LEN];
    size_t mac_len = dor__hash_len((dor_hash_id)s->mac);
    /* The payload is this long at most, and at least so much shorter as a padding can be. */
    size_t most = len - mac_len - 1;
    size_t least = most < MAX_PADDING - 1 ? 0 : most - (MAX_PADDING - 1);
    uint32_t padding;

    *good = check_padding(data, len, mac_len, &padding);
    *payload_len = (uint32_t)(len - mac_len) - padding;
    pseudo[11] = (uint8_t)(*payload_len >> 8);
    pseudo[12] = (uint8_t)*payload_len;
    dor_result result =
        dor__cbc_mac_ct(s->cipher, dor__span(pseudo, PSEUDO_LEN), data, *payload_len, least, most, expected);
    take_mac(data, least, len, *payload_len, mac_len, received);
    uint32_t difference = 0;
    for (size_t i = 0; i < mac_len; i++)
        difference |= (uint32_t)(expected[i] ^ received[i]);
    *good &= dor__ct_mask_equal(difference, 0);
    dor__wipe(expected, sizeof(expected));
    dor__wipe(received, sizeof(received));
    return result;
}

/* ---- constant time up to here -------------------------------------------------------------------------------- */

static dor_result give(dor_protection *p, uint8_t *record, uint8_t *data, size_t len, uint8_t *type,
                       dor_span *payload)
{
    p->sequence++;
    if (len > DOR_RECORD_MAX_PLAINTEXT)
        return dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    *type = record[0];
    *payload = dor__span(data, len);
    return DOR_SUCCESS;
}

static dor_result open_mac_then_encrypt(dor_protection *p, uint8_t *record, size_t fragment_len,
                                        uint8_t *type, dor_span *payload)
{
    uint8_t pseudo[PSEUDO_LEN];
    uint8_t *iv = record + DOR_RECORD_HEADER_LEN, *data = iv + BLOCK;
    uint32_t good, payload_len;

    /* Whoever sees the record sees its length: nothing is told by refusing these at once. */
    if (fragment_len < BLOCK + mac_len_of(p) + 1 || fragment_len % BLOCK != 0) return bad_record();
    size_t len = fragment_len - BLOCK;
    DOR_TRY(make_ready(p));
    make_pseudo(p, record, 0, pseudo);
    DOR_TRY(dor__cbc_crypt(p->cbc->cipher, iv, data, len));
    DOR_TRY(dor__cbc_check(p->cbc, pseudo, data, len, &good, &payload_len));
    if (!good) { /* here, and only here, something becomes known of what was in it: whether it was right */
        dor__wipe(data, len);
        return bad_record();
    }
    return give(p, record, data, payload_len, type, payload);
}

static dor_result open_encrypt_then_mac(dor_protection *p, uint8_t *record, size_t fragment_len,
                                        uint8_t *type, dor_span *payload)
{
    uint8_t pseudo[PSEUDO_LEN], mac[DOR_HASH_MAX_LEN];
    uint8_t *iv = record + DOR_RECORD_HEADER_LEN, *data = iv + BLOCK;
    size_t mac_len = mac_len_of(p);
    uint32_t padding;

    if (fragment_len < BLOCK + BLOCK + mac_len || (fragment_len - mac_len) % BLOCK != 0) return bad_record();
    size_t len = fragment_len - mac_len - BLOCK;
    DOR_TRY(make_ready(p));
    make_pseudo(p, record, BLOCK + len, pseudo);
    const dor_span parts[] = {dor__span(pseudo, sizeof(pseudo)), dor__span(iv, BLOCK + len)};
    DOR_TRY(dor__cbc_mac(p->cbc->cipher, parts, 2, mac));
    if (!dor__ct_equal(mac, data + len, mac_len)) return bad_record();
    /* It is the peer's own from here on, and nobody's oracle. */
    DOR_TRY(dor__cbc_crypt(p->cbc->cipher, iv, data, len));
    if (!check_padding(data, len, 0, &padding)) {
        dor__wipe(data, len);
        return bad_record();
    }
    return give(p, record, data, len - padding, type, payload);
}

const dor_protection_ops dor__cbc_mac_then_encrypt_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_12, BLOCK, MAX_SUFFIX, seal_mac_then_encrypt, open_mac_then_encrypt, false};
const dor_protection_ops dor__cbc_encrypt_then_mac_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_12, BLOCK, MAX_SUFFIX, seal_encrypt_then_mac, open_encrypt_then_mac, false};

/* ---- life ------------------------------------------------------------------------------------------------------ */

dor_result dor__protection_init_cbc(dor_protection *p, const dor_cbc_keys *keys)
{
    size_t mac_len = dor__hash_len(keys->mac);

    dor__protection_init_null(p);
    if ((keys->key_len != 16 && keys->key_len != 32) || mac_len == 0 || mac_len > DOR_CBC_MAX_MAC_LEN)
        return dor__error(DOR_E_INTERNAL);
    struct dor_cbc_state *s = dor__calloc(1, sizeof(*s));
    if (!s) return dor__error(DOR_E_NOMEM);
    s->rng = keys->rng;
    s->key_len = (uint8_t)keys->key_len;
    s->mac = (uint8_t)keys->mac;
    s->encrypts = keys->sends;
    memcpy(s->key, keys->key, keys->key_len);
    memcpy(s->mac_key, keys->mac_key, mac_len);
    p->ops = keys->encrypt_then_mac ? &dor__cbc_encrypt_then_mac_ops : &dor__cbc_mac_then_encrypt_ops;
    p->cbc = s;
    p->is_cbc = true;
    return DOR_SUCCESS;
}

bool dor__protection_encrypts_then_macs(const dor_protection *p)
{
    return p->ops == &dor__cbc_encrypt_then_mac_ops;
}

void dor__cbc_state_sleep(struct dor_cbc_state *s)
{
    dor__cbc_free(s->cipher);
    s->cipher = NULL;
}

void dor__cbc_state_free(struct dor_cbc_state *s)
{
    if (!s) return;
    dor__cbc_free(s->cipher);
    dor__free_wiped(s, sizeof(*s));
}
