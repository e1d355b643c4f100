/* der.c - strict DER (X.690 sections 8 and 10). */
#include "crypto/der.h"

#include "base/writer.h"

#define OID(...)                                                                                             \
    {                                                                                                        \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                               \
    }

/* RFC 8017 appendix C, RFC 5480, RFC 8410, RFC 5758, RFC 9881. */
const dor_span dor__oid_rsa_encryption = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
const dor_span dor__oid_rsassa_pss = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a);
const dor_span dor__oid_mgf1 = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08);
const dor_span dor__oid_ec_public_key = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
const dor_span dor__oid_p256 = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);
const dor_span dor__oid_p384 = OID(0x2b, 0x81, 0x04, 0x00, 0x22);
const dor_span dor__oid_p521 = OID(0x2b, 0x81, 0x04, 0x00, 0x23);
const dor_span dor__oid_ed25519 = OID(0x2b, 0x65, 0x70);
const dor_span dor__oid_ed448 = OID(0x2b, 0x65, 0x71);
const dor_span dor__oid_mldsa44 = OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11);
const dor_span dor__oid_mldsa65 = OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12);
const dor_span dor__oid_mldsa87 = OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13);
const dor_span dor__oid_ecdsa_sha256 = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);

static const struct {
    dor_hash_id id;
    dor_span oid;
} hash_oids[] = {
    {DOR_HASH_SHA256, OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01)},
    {DOR_HASH_SHA384, OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02)},
    {DOR_HASH_SHA512, OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03)},
};

enum { HASH_OID_COUNT = sizeof(hash_oids) / sizeof(hash_oids[0]) };

dor_span dor__oid_of_hash(dor_hash_id id)
{
    for (size_t i = 0; i < HASH_OID_COUNT; i++)
        if (hash_oids[i].id == id) return hash_oids[i].oid;
    return DOR_SPAN_EMPTY;
}

dor_hash_id dor__hash_of_oid(dor_span oid)
{
    for (size_t i = 0; i < HASH_OID_COUNT; i++)
        if (dor__span_equal(hash_oids[i].oid, oid)) return hash_oids[i].id;
    return DOR_HASH_NONE;
}

bool dor__der_next_is(const dor_reader *r, uint8_t tag)
{
    return rd_left(r) > 0 && *r->ptr == tag;
}

static dor_result read_len(dor_reader *r, size_t *len)
{
    uint8_t first, byte;

    DOR_TRY(rd_u8(r, &first));
    if (first < 0x80) {
        *len = first;
        return DOR_SUCCESS;
    }
    size_t count = first & 0x7f, v = 0;
    if (count < 1 || count > 3) return DOR_DECODE_ERROR;
    for (size_t i = 0; i < count; i++) {
        DOR_TRY(rd_u8(r, &byte));
        v = v << 8 | byte;
    }
    if (v < 0x80 || v >> (8 * (count - 1)) == 0) /* would have fitted in less */
        return DOR_DECODE_ERROR;
    *len = v;
    return DOR_SUCCESS;
}

dor_result dor__der_read(dor_reader *r, uint8_t tag, dor_span *content)
{
    uint8_t actual;
    size_t len;

    DOR_TRY(rd_u8(r, &actual));
    if (actual != tag) return DOR_DECODE_ERROR;
    DOR_TRY(read_len(r, &len));
    return rd_bytes(r, content, len);
}

dor_result dor__der_enter(dor_reader *r, uint8_t tag, dor_reader *inside)
{
    dor_span content;

    DOR_TRY(dor__der_read(r, tag, &content));
    *inside = rd_from(content);
    return DOR_SUCCESS;
}

dor_result dor__der_unsigned(dor_reader *r, dor_span *magnitude)
{
    dor_span v;

    DOR_TRY(dor__der_read(r, DOR_DER_INTEGER, &v));
    if (v.len == 0 || v.ptr[0] & 0x80) return DOR_DECODE_ERROR;
    if (v.len > 1 && v.ptr[0] == 0 && !(v.ptr[1] & 0x80)) return DOR_DECODE_ERROR;
    *magnitude = v.ptr[0] == 0 ? dor__span(v.ptr + 1, v.len - 1) : v;
    return DOR_SUCCESS;
}

dor_result dor__der_small(dor_reader *r, uint8_t *v)
{
    dor_span magnitude;

    DOR_TRY(dor__der_unsigned(r, &magnitude));
    if (magnitude.len > 1) return DOR_DECODE_ERROR;
    *v = magnitude.len ? magnitude.ptr[0] : 0;
    return DOR_SUCCESS;
}

dor_result dor__der_bits(dor_reader *r, dor_span *bits)
{
    dor_reader inside;
    uint8_t unused;

    DOR_TRY(dor__der_enter(r, DOR_DER_BIT_STRING, &inside));
    DOR_TRY(rd_u8(&inside, &unused));
    if (unused != 0) return DOR_DECODE_ERROR;
    *bits = rd_rest(&inside);
    return DOR_SUCCESS;
}

dor_result dor__der_begin(dor_bytes *w, uint8_t tag, size_t *mark)
{
    DOR_TRY(wr_u8(w, tag));
    *mark = w->len;
    return wr_u8(w, 0);
}

dor_result dor__der_end(dor_bytes *w, size_t mark)
{
    size_t len = w->len - mark - 1;
    size_t extra = len < 0x80 ? 0 : len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;

    if (len > 0xffffff) return dor__error(DOR_E_INTERNAL);
    if (extra == 0) {
        w->ptr[mark] = (uint8_t)len;
        return DOR_SUCCESS;
    }
    DOR_TRY(dor__bytes_reserve(w, extra));
    memmove(w->ptr + mark + 1 + extra, w->ptr + mark + 1, len);
    w->ptr[mark] = (uint8_t)(0x80 | extra);
    for (size_t i = 0; i < extra; i++)
        w->ptr[mark + 1 + i] = (uint8_t)(len >> (8 * (extra - 1 - i)));
    w->len += extra;
    return DOR_SUCCESS;
}

dor_result dor__der_write(dor_bytes *w, uint8_t tag, dor_span content)
{
    size_t mark;

    DOR_TRY(dor__der_begin(w, tag, &mark));
    DOR_TRY(wr_bytes(w, content));
    return dor__der_end(w, mark);
}
