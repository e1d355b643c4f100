/*
 * kdf.c - HKDF, HKDF-Expand-Label and the TLS 1.2 PRF on our HMAC.
 *
 * No allocation. A TLS 1.3 handshake makes some twenty expand-labels, nearly all of one digest or less; those take
 * the one-shot HMAC, which hashes no state that it does not need.
 */
#include "crypto/kdf.h"

#include "base/ct.h"
#include "crypto/hmac.h"

dor_result dor__hkdf_extract(dor_hash_id id, dor_span salt, dor_span ikm, uint8_t *prk)
{
    static const uint8_t zeros[DOR_HASH_MAX_LEN];

    /* An empty HMAC key already equals one of zeros. */
    if (ikm.len == 0) ikm = dor__span(zeros, dor__hash_len(id));
    return dor__hmac(id, salt, &ikm, 1, prk);
}

/* RFC 5869 section 2.3: T(i) = HMAC(PRK, T(i-1) || info || i). */
static dor_result expand_keyed(const dor_hmac *h, dor_span info, uint8_t *out, size_t out_len)
{
    size_t digest_len = dor__hash_len(h->inner.id);
    uint8_t block[DOR_HASH_MAX_LEN];
    uint8_t counter = 1;
    dor_result result = DOR_SUCCESS;

    if (digest_len == 0 || out_len > 255 * digest_len) return dor__error(DOR_E_BADARG);
    while (out_len > 0) {
        const dor_span parts[] = {{block, counter == 1 ? 0 : digest_len}, info, {&counter, 1}};
        size_t part = out_len < digest_len ? out_len : digest_len;
        DOR_TRY_GOTO(result, dor__hmac_mac(h, parts, 3, block));
        memcpy(out, block, part);
        out += part;
        out_len -= part;
        counter++;
    }
done:
    dor__wipe(block, sizeof(block));
    return result;
}

dor_result dor__hkdf_expand(dor_hash_id id, dor_span prk, dor_span info, uint8_t *out, size_t out_len)
{
    size_t digest_len = dor__hash_len(id);
    dor_hmac h;

    if (digest_len > 0 && out_len <= digest_len) {
        const uint8_t counter = 1;
        const dor_span parts[] = {info, {&counter, 1}};
        uint8_t block[DOR_HASH_MAX_LEN];
        DOR_TRY(dor__hmac(id, prk, parts, 2, block));
        if (out_len) memcpy(out, block, out_len);
        dor__wipe(block, sizeof(block));
        return DOR_SUCCESS;
    }
    dor_result result = dor__hmac_init(&h, id, prk);
    if (dor__ok(result)) result = expand_keyed(&h, info, out, out_len);
    dor__hmac_fini(&h);
    return result;
}

enum { MAX_LABEL_INFO = 2 + 1 + 255 + 1 + 255 };

/*
 * RFC 8446 section 7.1:
 *   struct { uint16 length; opaque label<7..255>; opaque context<0..255>; } HkdfLabel;
 */
static dor_result label_info(const char *label, dor_span context, size_t out_len, uint8_t *info,
                             size_t *info_len)
{
    static const char prefix[] = "tls13 ";
    enum { PREFIX_LEN = sizeof(prefix) - 1 };
    size_t label_len = strlen(label);
    size_t n = 0;

    if (label_len + PREFIX_LEN > 255 || context.len > 255 || out_len > UINT16_MAX)
        return dor__error(DOR_E_BADARG);
    info[n++] = (uint8_t)(out_len >> 8);
    info[n++] = (uint8_t)out_len;
    info[n++] = (uint8_t)(PREFIX_LEN + label_len);
    memcpy(info + n, prefix, PREFIX_LEN);
    n += PREFIX_LEN;
    memcpy(info + n, label, label_len);
    n += label_len;
    info[n++] = (uint8_t)context.len;
    if (context.len) memcpy(info + n, context.ptr, context.len);
    *info_len = n + context.len;
    return DOR_SUCCESS;
}

dor_result dor__hkdf_expand_label(dor_hash_id id, dor_span secret, const char *label, dor_span context,
                                  uint8_t *out, size_t out_len)
{
    uint8_t info[MAX_LABEL_INFO];
    size_t n;

    DOR_TRY(label_info(label, context, out_len, info, &n));
    return dor__hkdf_expand(id, secret, dor__span(info, n), out, out_len);
}

dor_result dor__hkdf_expand_label_keyed(const dor_hmac *secret, const char *label, dor_span context,
                                        uint8_t *out, size_t out_len)
{
    uint8_t info[MAX_LABEL_INFO];
    size_t n;

    DOR_TRY(label_info(label, context, out_len, info, &n));
    return expand_keyed(secret, dor__span(info, n), out, out_len);
}

/* RFC 5246 section 5: A(i) = HMAC(secret, A(i-1)); output HMAC(secret, A(i) || label || seed). */
dor_result dor__tls12_prf(dor_hash_id id, dor_span secret, const char *label, const dor_span *seed,
                          size_t seed_count, uint8_t *out, size_t out_len)
{
    enum { MAX_SEEDS = 6 };
    size_t digest_len = dor__hash_len(id);
    uint8_t a[DOR_HASH_MAX_LEN], block[DOR_HASH_MAX_LEN];
    dor_span parts[2 + MAX_SEEDS];
    dor_hmac h;
    dor_result result;

    if (digest_len == 0 || seed_count > MAX_SEEDS) return dor__error(DOR_E_BADARG);
    parts[0] = dor__span(a, digest_len);
    parts[1] = dor__span_str(label);
    for (size_t i = 0; i < seed_count; i++)
        parts[2 + i] = seed[i];

    DOR_TRY_GOTO(result, dor__hmac_init(&h, id, secret));
    DOR_TRY_GOTO(result, dor__hmac_mac(&h, parts + 1, 1 + seed_count, a));
    while (out_len > 0) {
        size_t part = out_len < digest_len ? out_len : digest_len;
        DOR_TRY_GOTO(result, dor__hmac_mac(&h, parts, 2 + seed_count, block));
        memcpy(out, block, part);
        out += part;
        out_len -= part;
        if (out_len > 0) DOR_TRY_GOTO(result, dor__hmac_mac(&h, parts, 1, a));
    }
done:
    dor__hmac_fini(&h);
    dor__wipe(a, sizeof(a));
    dor__wipe(block, sizeof(block));
    return result;
}
