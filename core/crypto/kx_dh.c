/*
 * kx_dh.c - Diffie-Hellman over the primes of RFC 7919, which are safe ones: (p - 1) / 2 is prime too.
 *
 * Exponents are short (section 5.2) and have their top bit set, so that all of a group are equally long; the secret keeps
 * its leading zeros (RFC 8446 section 7.4.1; in TLS 1.2, where RFC 5246 section 8.1.2 strips them, they are stripped by
 * who asks for that). wolfCrypt's SP code serves up to 4096 bits, its general arithmetic those above.
 */
#include "base/ct.h"
#include "crypto/kx_family.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/dh.h>
#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/wolfmath.h>

/* wc_DhAgree_ct came with 5.7.4. */
#if defined(HAVE_FFDHE_8192) && LIBWOLFSSL_VERSION_HEX >= 0x05007004 && defined(WOLFSSL_SP_MATH_ALL)

const bool dor__kx_have_dh = true;

static const DhParams *params_of(const dor_kx_info *info)
{
    switch (info->wc_id) {
    case WC_FFDHE_2048: return wc_Dh_ffdhe2048_Get();
    case WC_FFDHE_3072: return wc_Dh_ffdhe3072_Get();
    case WC_FFDHE_4096: return wc_Dh_ffdhe4096_Get();
    case WC_FFDHE_6144: return wc_Dh_ffdhe6144_Get();
    default: return wc_Dh_ffdhe8192_Get();
    }
}

static dor_result dh_make_private(const dor_kx_info *info, dor_rng *rng, uint8_t *private_value)
{
    DOR_TRY(dor__rng_fill(rng, private_value, info->private_len));
    private_value[0] |= 0x80;
    return DOR_SUCCESS;
}

/* Without the subgroup's order, which would have every peer's value raised to it, a long exponentiation. */
static dor_result key_init(const dor_kx_info *info, DhKey *key)
{
    const DhParams *params = params_of(info);
    DOR_TRY_WC(wc_InitDhKey_ex(key, NULL, INVALID_DEVID));
    int code = wc_DhSetKey(key, params->p, params->p_len, params->g, params->g_len);
    if (code == 0) return DOR_SUCCESS;
    wc_FreeDhKey(key);
    return dor__wc_result(code);
}

/* Moves a number of `have` bytes to the end of `len`; public values alone come this way. */
static void pad_left(uint8_t *value, size_t have, size_t len)
{
    memmove(value + len - have, value, have);
    memset(value, 0, len - have);
}

static dor_result dh_public_of(const dor_kx_info *info, uint8_t *private_value, dor_rng *rng,
                               uint8_t *public_value)
{
    DhKey key;
    word32 len = info->public_len;

    (void)rng;
    DOR_TRY(key_init(info, &key));
    int code = wc_DhGeneratePublic(&key, private_value, info->private_len, public_value, &len);
    wc_FreeDhKey(&key);
    DOR_TRY_WC(code);
    if (len > info->public_len) return dor__error(DOR_E_CRYPTO_FAILED);
    pad_left(public_value, len, info->public_len);
    return DOR_SUCCESS;
}

/* RFC 7919 section 5.1: 1 < y < p - 1. p is odd, so p - 1 differs from it in the last bit alone. */
static bool in_range(const dor_kx_info *info, dor_span y)
{
    const DhParams *params = params_of(info);
    size_t first = 0;

    while (first < y.len && y.ptr[first] == 0)
        first++;
    if (first == y.len || (first == y.len - 1 && y.ptr[first] == 1)) return false;
    int order = memcmp(y.ptr, params->p, y.len - 1);
    return order < 0 || (order == 0 && y.ptr[y.len - 1] < params->p[y.len - 1] - 1);
}

/* Above the sizes of SP: as many steps as the exponent has words, whatever it is. */
static dor_result agree_generally(const dor_kx_info *info, DhKey *key, const uint8_t *private_value,
                                  dor_span peer, uint8_t *secret)
{
    mp_int x, y, z;
    const int words = (int)(info->private_len / sizeof(mp_digit));
    dor_result result = DOR_SUCCESS;

    DOR_TRY_WC(mp_init_multi(&x, &y, &z, NULL, NULL, NULL));
    mp_forcezero(&x); /* words beyond its own are read too */
    DOR_TRY_WC_GOTO(result, mp_read_unsigned_bin(&x, private_value, info->private_len));
    DOR_TRY_WC_GOTO(result, mp_read_unsigned_bin(&y, peer.ptr, (word32)peer.len));
    DOR_TRY_WC_GOTO(result, mp_exptmod_ex(&y, &x, words, &key->p, &z));
    DOR_TRY_WC_GOTO(result, mp_to_unsigned_bin_len_ct(&z, secret, info->secret_len));
done:
    mp_forcezero(&x);
    mp_forcezero(&z);
    mp_clear(&y);
    return result;
}

static dor_result dh_derive(const dor_kx_info *info, const uint8_t *private_value, dor_span peer,
                            dor_rng *rng, uint8_t *secret)
{
    DhKey key;
    word32 len = info->secret_len;
    dor_result result;

    (void)rng;
    if (!in_range(info, peer)) return dor__kx_bad_share();
    DOR_TRY(key_init(info, &key));
    if (info->public_len > 512) {
        result = agree_generally(info, &key, private_value, peer, secret);
    } else {
        result = dor__wc_result(
            wc_DhAgree_ct(&key, secret, &len, private_value, info->private_len, peer.ptr, (word32)peer.len));
        if (dor__ok(result) && len != info->secret_len) result = dor__error(DOR_E_CRYPTO_FAILED);
    }
    wc_FreeDhKey(&key);
    return result;
}

const dor_kx_ops dor__kx_ops_dh = {dh_make_private, dh_public_of, dh_derive, NULL};

dor_span dor__kx_prime(dor_group group)
{
    const dor_kx_info *info = dor__kx_find(group);
    if (!info || info->family != DOR_GROUP_FFDHE) return DOR_SPAN_EMPTY;
    return dor__span(params_of(info)->p, params_of(info)->p_len);
}

#else

const bool dor__kx_have_dh = false;
const dor_kx_ops dor__kx_ops_dh;

dor_span dor__kx_prime(dor_group group)
{
    (void)group;
    return DOR_SPAN_EMPTY;
}

#endif

dor_span dor__kx_generator(dor_group group)
{
    static const uint8_t two = 2;
    return dor__kx_prime(group).len ? dor__span(&two, 1) : DOR_SPAN_EMPTY;
}

static dor_span without_zeros(dor_span number)
{
    while (number.len && number.ptr[0] == 0)
        number = dor__span(number.ptr + 1, number.len - 1);
    return number;
}

dor_group dor__kx_of_prime(dor_span prime, dor_span generator)
{
    dor_group group;
    for (size_t i = 0; (group = dor__kx_at(i)); i++)
        if (dor__kx_prime(group).len && dor__span_equal(without_zeros(prime), dor__kx_prime(group)) &&
            dor__span_equal(without_zeros(generator), dor__kx_generator(group)))
            return group;
    return 0;
}
