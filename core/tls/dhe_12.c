/*
 * dhe_12.c - what DHE puts into TLS 1.2's key exchange messages (RFC 5246 sections 7.4.3 and 7.4.7.2, RFC 7919).
 *
 * The server's message has a prime and a generator. Only the groups of RFC 7919 that the config names are sent and taken:
 * who would judge a stranger's prime has to test it, and a small or a weak one is what Logjam was about. Public values
 * may come without their leading zeros; the range is checked where the secret is computed.
 */
#include "tls/tls12.h"

enum { MAX_NUMBER_LEN = 1024 /* of ffdhe8192 */ };

static dor_span without_zeros(dor_span number)
{
    while (number.len && number.ptr[0] == 0)
        number = dor__span(number.ptr + 1, number.len - 1);
    return number;
}

dor_result dor__dhe_params_write(const dor_tls *t, dor_bytes *w)
{
    const dor_handshake *hs = t->hs;
    DOR_TRY(wr_vec(w, 2, dor__kx_prime(hs->kx_group)));
    DOR_TRY(wr_vec(w, 2, dor__kx_generator(hs->kx_group)));
    return wr_vec(w, 2, dor__kx_public(hs->kx));
}

dor_result dor__dhe_params_read(const dor_tls *t, dor_reader *r, dor_group *group, dor_span *value)
{
    dor_span prime, generator;
    DOR_TRY(rd_vec16(r, &prime, 1, UINT16_MAX));
    DOR_TRY(rd_vec16(r, &generator, 1, UINT16_MAX));
    DOR_TRY(rd_vec16(r, value, 1, UINT16_MAX));
    *group = dor__kx_of_prime(prime, generator);
    if (!*group || !dor__config_has_group(t->config, *group))
        return dor__alert(DOR_ALERT_INSUFFICIENT_SECURITY, DOR_REASON_DH_GROUP);
    return DOR_SUCCESS;
}

dor_result dor__dhe_derive(dor_tls *t, dor_span value)
{
    uint8_t padded[MAX_NUMBER_LEN];
    dor_span number = without_zeros(value);
    size_t len = dor__kx_prime(t->hs->kx_group).len;
    dor_result result = dor__alert(DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_BAD_KEY_SHARE);

    if (len == 0 || len > sizeof padded) return dor__error(DOR_E_INTERNAL);
    if (number.len <= len) {
        memset(padded, 0, len - number.len);
        if (number.len) memcpy(padded + len - number.len, number.ptr, number.len);
        dor_result derived = dor__key_exchange_derive(t, dor__span(padded, len));
        /* RFC 7919 sections 3 and 4 have this alert for a value out of range, where TLS 1.3 has illegal_parameter. */
        if (dor_error_get_reason(derived.code) != DOR_REASON_BAD_KEY_SHARE) result = derived;
    }
    return result;
}
