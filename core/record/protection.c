/*
 * protection.c - the record protections: null, AEAD of TLS 1.2 (RFC 5246 section 6.2.3.3, RFC 5288, RFC 6655, RFC 7905) and
 * AEAD of TLS 1.3 (RFC 8446 section 5.2).
 *
 * Thread: the connection's. Invariants: sequence counts the records that went through since the keys were set, and
 * moves only when one did; a nonce is never used twice, because a sequence number never is.
 */
#include "record/protection.h"

#include "base/ct.h"
#include "record/cbc.h"

enum {
    EXPLICIT_NONCE_LEN = 8, /* RFC 5288 section 3 */
    IMPLICIT_NONCE_LEN = 4,
    AAD_12_LEN = 8 + DOR_RECORD_HEADER_LEN,
    INNER_TYPE_LEN = 1,
    CCM_8_TAG_LEN = 8
};

static void put_u16(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put_u64(uint8_t *at, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        at[i] = (uint8_t)v;
}

static void put_header(uint8_t *record, uint8_t type, uint16_t version, size_t fragment_len)
{
    record[0] = type;
    put_u16(record + 1, version);
    put_u16(record + 3, fragment_len);
}

/** What both directions need before a record: keys expanded and a sequence number left (RFC 8446 section 5.3). */
static dor_result make_ready(dor_protection *p)
{
    if (p->sequence == UINT64_MAX) return dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SEQUENCE_EXHAUSTED);
    if (!p->aead) return dor__aead_new(&p->aead, (dor_aead_id)p->aead_id, p->key);
    return DOR_SUCCESS;
}

/** RFC 8446 section 5.3 and RFC 7905 section 2: the sequence number, left-padded, xor the IV. */
static void xor_nonce(const dor_protection *p, uint8_t nonce[DOR_AEAD_NONCE_LEN])
{
    uint8_t sequence[8];
    put_u64(sequence, p->sequence);
    memcpy(nonce, p->iv, DOR_AEAD_NONCE_LEN);
    for (size_t i = 0; i < sizeof(sequence); i++)
        nonce[DOR_AEAD_NONCE_LEN - sizeof(sequence) + i] ^= sequence[i];
}

/* ---- null ------------------------------------------------------------------------------------------------ */

static dor_result null_seal(dor_protection *p, uint8_t type, uint16_t version, uint8_t *record, size_t len)
{
    (void)p;
    put_header(record, type, version, len);
    return DOR_SUCCESS;
}

static dor_result null_open(dor_protection *p, uint8_t *record, size_t fragment_len, uint8_t *type,
                            dor_span *payload)
{
    (void)p;
    *type = record[0];
    *payload = dor__span(record + DOR_RECORD_HEADER_LEN, fragment_len);
    return DOR_SUCCESS;
}

static const dor_protection_ops null_ops = {DOR_RECORD_MAX_PLAINTEXT, 0, 0, null_seal, null_open, false};

/* ---- TLS 1.3, RFC 8446 section 5.2 ------------------------------------------------------------------------ */

static dor_result seal_13(dor_protection *p, uint8_t type, uint16_t version, uint8_t *record, size_t len)
{
    uint8_t nonce[DOR_AEAD_NONCE_LEN];
    uint8_t *payload = record + DOR_RECORD_HEADER_LEN;
    size_t inner_len = len + INNER_TYPE_LEN + p->padding;
    size_t tag_len = p->ops->suffix_len - INNER_TYPE_LEN;

    (void)version; /* legacy_record_version is always 0x0303 here */
    DOR_TRY(make_ready(p));
    payload[len] = type;
    if (p->padding) memset(payload + len + INNER_TYPE_LEN, 0, p->padding);
    put_header(record, DOR_CONTENT_APPLICATION_DATA, 0x0303, inner_len + tag_len);
    xor_nonce(p, nonce);
    DOR_TRY(dor__aead_seal(p->aead, nonce, dor__span(record, DOR_RECORD_HEADER_LEN), payload, inner_len,
                           payload + inner_len));
    p->sequence++;
    return DOR_SUCCESS;
}

/** RFC 8446 section 5.4: the content type is the last byte that is not zero. */
static dor_result strip_padding(const uint8_t *inner, size_t inner_len, uint8_t *type, dor_span *payload)
{
    size_t len = inner_len;
    while (len > 0 && inner[len - 1] == 0)
        len--;
    if (len == 0) return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE);
    *type = inner[len - 1];
    /* Section 5: a protected change_cipher_spec is as wrong as a type that nobody knows. */
    if (*type < DOR_CONTENT_ALERT || *type > DOR_CONTENT_APPLICATION_DATA)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE);
    *payload = dor__span(inner, len - INNER_TYPE_LEN);
    return DOR_SUCCESS;
}

static dor_result open_13(dor_protection *p, uint8_t *record, size_t fragment_len, uint8_t *type,
                          dor_span *payload)
{
    uint8_t nonce[DOR_AEAD_NONCE_LEN];
    uint8_t *inner = record + DOR_RECORD_HEADER_LEN;
    size_t tag_len = p->ops->suffix_len - INNER_TYPE_LEN;

    if (record[0] == DOR_CONTENT_CHANGE_CIPHER_SPEC ||
        (record[0] == DOR_CONTENT_ALERT && p->plain_alerts && p->sequence == 0))
        return null_open(p, record, fragment_len, type, payload);
    if (fragment_len < tag_len) return dor__alert(DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);

    size_t inner_len = fragment_len - tag_len;
    DOR_TRY(make_ready(p));
    xor_nonce(p, nonce);
    DOR_TRY(dor__aead_open(p->aead, nonce, dor__span(record, DOR_RECORD_HEADER_LEN), inner, inner_len,
                           inner + inner_len));
    p->sequence++;
    /* Judged behind the tag, which covers it: what is not even the peer's is bad_record_mac, whatever it claims to be. */
    if (record[0] != DOR_CONTENT_APPLICATION_DATA)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE);
    /* Section 5.4: padding does not stretch the limit. */
    if (inner_len > DOR_RECORD_MAX_PLAINTEXT + INNER_TYPE_LEN)
        return dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    return strip_padding(inner, inner_len, type, payload);
}

static const dor_protection_ops aead_13_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_13, 0, INNER_TYPE_LEN + DOR_AEAD_TAG_LEN, seal_13, open_13, true};
static const dor_protection_ops ccm_8_13_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_13, 0, INNER_TYPE_LEN + CCM_8_TAG_LEN, seal_13, open_13, true};

/* ---- TLS 1.2, RFC 5246 section 6.2.3.3 --------------------------------------------------------------------- */

/** additional_data = seq_num + TLSCompressed.type + version + length, the length being the plaintext's. */
static void make_aad_12(const dor_protection *p, const uint8_t *record, size_t len, uint8_t aad[AAD_12_LEN])
{
    put_u64(aad, p->sequence);
    memcpy(aad + 8, record, 3);
    put_u16(aad + 11, len);
}

static dor_result seal_12(dor_protection *p, uint8_t type, uint16_t version, uint8_t *record, size_t len)
{
    uint8_t nonce[DOR_AEAD_NONCE_LEN], aad[AAD_12_LEN];
    size_t prefix_len = p->ops->prefix_len;
    uint8_t *payload = record + DOR_RECORD_HEADER_LEN + prefix_len;

    DOR_TRY(make_ready(p));
    put_header(record, type, version, prefix_len + len + p->ops->suffix_len);
    make_aad_12(p, record, len, aad);
    if (prefix_len > 0) {
        /* RFC 5288 section 3 wants it unique; a counter cannot repeat, a random number can. */
        put_u64(record + DOR_RECORD_HEADER_LEN, p->sequence);
        memcpy(nonce, p->iv, IMPLICIT_NONCE_LEN);
        memcpy(nonce + IMPLICIT_NONCE_LEN, record + DOR_RECORD_HEADER_LEN, EXPLICIT_NONCE_LEN);
    } else {
        xor_nonce(p, nonce);
    }
    DOR_TRY(dor__aead_seal(p->aead, nonce, dor__span(aad, sizeof(aad)), payload, len, payload + len));
    p->sequence++;
    return DOR_SUCCESS;
}

static dor_result open_12(dor_protection *p, uint8_t *record, size_t fragment_len, uint8_t *type,
                          dor_span *payload)
{
    uint8_t nonce[DOR_AEAD_NONCE_LEN], aad[AAD_12_LEN];
    size_t prefix_len = p->ops->prefix_len, tag_len = p->ops->suffix_len;
    uint8_t *data = record + DOR_RECORD_HEADER_LEN + prefix_len;

    if (fragment_len < prefix_len + tag_len)
        return dor__alert(DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    size_t len = fragment_len - prefix_len - tag_len;
    DOR_TRY(make_ready(p));
    make_aad_12(p, record, len, aad);
    if (prefix_len > 0) {
        memcpy(nonce, p->iv, IMPLICIT_NONCE_LEN);
        memcpy(nonce + IMPLICIT_NONCE_LEN, record + DOR_RECORD_HEADER_LEN, EXPLICIT_NONCE_LEN);
    } else {
        xor_nonce(p, nonce);
    }
    DOR_TRY(dor__aead_open(p->aead, nonce, dor__span(aad, sizeof(aad)), data, len, data + len));
    p->sequence++;
    if (len > DOR_RECORD_MAX_PLAINTEXT)
        return dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    *type = record[0];
    *payload = dor__span(data, len);
    return DOR_SUCCESS;
}

/* GCM and CCM (RFC 6655 section 3) alike. */
static const dor_protection_ops gcm_12_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_12, EXPLICIT_NONCE_LEN, DOR_AEAD_TAG_LEN, seal_12, open_12, false};
static const dor_protection_ops ccm_8_12_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_12, EXPLICIT_NONCE_LEN, CCM_8_TAG_LEN, seal_12, open_12, false};
static const dor_protection_ops chacha_12_ops = {
    DOR_RECORD_MAX_CIPHERTEXT_12, 0, DOR_AEAD_TAG_LEN, seal_12, open_12, false};

/* ---- life -------------------------------------------------------------------------------------------------- */

void dor__protection_init_null(dor_protection *p)
{
    memset(p, 0, sizeof(*p));
    p->ops = &null_ops;
}

static dor_result init_keys(dor_protection *p, const dor_protection_ops *ops, dor_aead_id aead,
                            const uint8_t *key, const uint8_t *iv, size_t iv_len)
{
    size_t key_len = dor__aead_key_len(aead);
    dor__protection_init_null(p);
    if (key_len == 0) return dor__error(DOR_E_INTERNAL);
    p->ops = ops;
    p->aead_id = (uint8_t)aead;
    memcpy(p->key, key, key_len);
    memcpy(p->iv, iv, iv_len);
    return DOR_SUCCESS;
}

dor_result dor__protection_init_13(dor_protection *p, dor_aead_id aead, const uint8_t *key,
                                   const uint8_t iv[DOR_AEAD_NONCE_LEN])
{
    return init_keys(p, dor__aead_tag_len(aead) == CCM_8_TAG_LEN ? &ccm_8_13_ops : &aead_13_ops, aead, key,
                     iv, DOR_AEAD_NONCE_LEN);
}

size_t dor__protection_12_iv_len(dor_aead_id aead)
{
    return aead == DOR_AEAD_CHACHA20_POLY1305 ? DOR_AEAD_NONCE_LEN : IMPLICIT_NONCE_LEN;
}

dor_result dor__protection_init_12(dor_protection *p, dor_aead_id aead, const uint8_t *key, const uint8_t *iv)
{
    const dor_protection_ops *ops = aead == DOR_AEAD_CHACHA20_POLY1305         ? &chacha_12_ops
                                    : dor__aead_tag_len(aead) == CCM_8_TAG_LEN ? &ccm_8_12_ops
                                                                               : &gcm_12_ops;
    return init_keys(p, ops, aead, key, iv, dor__protection_12_iv_len(aead));
}

bool dor__protection_is_null(const dor_protection *p)
{
    return p->ops == &null_ops;
}

void dor__protection_sleep(dor_protection *p)
{
    if (p->is_cbc) {
        dor__cbc_state_sleep(p->cbc);
        return;
    }
    dor__aead_free(p->aead);
    p->aead = NULL;
}

bool dor__protection_asleep(const dor_protection *p)
{
    return p->is_cbc ? !p->cbc->cipher : !p->aead;
}

size_t dor__protection_memory(const dor_protection *p)
{
    if (p->is_cbc) return sizeof(*p->cbc) + (p->cbc->cipher ? dor__cbc_size() : 0);
    return p->aead ? dor__aead_size((dor_aead_id)p->aead_id) : 0;
}

void dor__protection_fini(dor_protection *p)
{
    if (p->is_cbc)
        dor__cbc_state_free(p->cbc);
    else
        dor__aead_free(p->aead);
    dor__wipe(p, sizeof(*p));
    dor__protection_init_null(p);
}
