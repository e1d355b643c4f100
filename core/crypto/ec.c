/*
 * ec.c - P-256 and P-384 on wolfCrypt: points and scalars in and out (SP 800-186, SEC 1).
 */
#include "crypto/ec.h"

#include "base/ct.h"

/* clang-format off */
const dor_ec_curve dor__ec_p256 = {
    ECC_SECP256R1, 32,
    {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51},
};

const dor_ec_curve dor__ec_p384 = {
    ECC_SECP384R1, 48,
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
     0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff},
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
     0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73},
};
/* clang-format on */

/* 1 when a < b, else 0, for numbers of len bytes; constant time, since one of them may be a private scalar. */
static uint32_t less_than(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint32_t borrow = 0;

    for (size_t i = len; i-- > 0;)
        borrow = (((uint32_t)a[i] - b[i] - borrow) >> 8) & 1u;
    return borrow;
}

bool dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v)
{
    uint32_t any = 0;

    for (size_t i = 0; i < curve->len; i++)
        any |= v[i];
    return (less_than(v, curve->order, curve->len) & dor__ct_mask_nonzero(any)) != 0;
}

dor_result dor__ec_import_public(const dor_ec_curve *curve, dor_span point, ecc_key *key)
{
    if (point.len != dor__ec_point_len(curve) || point.ptr[0] != 4) return dor__error(DOR_E_BADARG);
    if (!less_than(point.ptr + 1, curve->prime, curve->len) ||
        !less_than(point.ptr + 1 + curve->len, curve->prime, curve->len))
        return dor__error(DOR_E_BADARG);

    DOR_TRY_WC(wc_ecc_init(key));
    int code = wc_ecc_import_x963_ex(point.ptr, (word32)point.len, key, curve->wc_id);
    if (code == 0) code = wc_ecc_point_is_on_curve(&key->pubkey, key->idx);
    if (code == 0) return DOR_SUCCESS;
    wc_ecc_free(key);
    return code == MEMORY_E ? dor__error(DOR_E_NOMEM) : dor__error(DOR_E_BADARG);
}

dor_result dor__ec_load_public(const dor_ec_curve *curve, dor_span point, ecc_key *key)
{
    DOR_TRY_WC(wc_ecc_init(key));
    int code = wc_ecc_import_x963_ex(point.ptr, (word32)point.len, key, curve->wc_id);
    if (code == 0) return DOR_SUCCESS;
    wc_ecc_free(key);
    return dor__wc_result(code);
}

dor_result dor__ec_import_private(const dor_ec_curve *curve, const uint8_t *scalar, ecc_key *key)
{
    if (!dor__ec_below_order(curve, scalar)) return dor__error(DOR_E_BADARG);
    DOR_TRY_WC(wc_ecc_init(key));
    int code = wc_ecc_import_private_key_ex(scalar, (word32)curve->len, NULL, 0, key, curve->wc_id);
    if (code == 0) return DOR_SUCCESS;
    wc_ecc_free(key);
    return dor__wc_result(code);
}

dor_result dor__ec_public_of(const dor_ec_curve *curve, const uint8_t *scalar, dor_rng *rng, uint8_t *point)
{
    ecc_key key;
    word32 len = (word32)dor__ec_point_len(curve);
    dor_result result = DOR_SUCCESS;

    DOR_TRY(dor__ec_import_private(curve, scalar, &key));
    WC_RNG *wc = rng ? dor__rng_wc(rng) : NULL;
    DOR_TRY_WC_GOTO(result, wc_ecc_make_pub_ex(&key, NULL, wc));
    DOR_TRY_WC_GOTO(result, wc_ecc_export_x963(&key, point, &len));
done:
    wc_ecc_free(&key);
    return result;
}

/* SP 800-56A section 5.6.1.2.2: candidates until one lies within [1, n - 1]; the first does but for 1 in 2^32. */
dor_result dor__ec_make_pair(const dor_ec_curve *curve, dor_rng *rng, uint8_t *scalar, uint8_t *point)
{
    do
        DOR_TRY(dor__rng_fill(rng, scalar, curve->len));
    while (!dor__ec_below_order(curve, scalar));
    return dor__ec_public_of(curve, scalar, rng, point);
}
