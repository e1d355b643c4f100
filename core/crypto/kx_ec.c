/* kx_ec.c - ECDH over the NIST curves (SP 800-56A, RFC 8422) through wolfCrypt. */
#include "crypto/kx_family.h"
#include "crypto/wc.h"

/* Candidates are as many bits as the order has; see dor__ec_make_scalar. */
static dor_result ec_make_private(const dor_kx_info *info, dor_rng *rng, uint8_t *private_value)
{
    return dor__ec_make_scalar(info->curve, rng, private_value);
}

static dor_result ec_public_of(const dor_kx_info *info, uint8_t *private_value, dor_rng *rng,
                               uint8_t *public_value)
{
    return dor__ec_public_of(info->curve, private_value, rng, public_value);
}

static dor_result ec_derive(const dor_kx_info *info, const uint8_t *private_value, dor_span peer,
                            dor_rng *rng, uint8_t *secret)
{
    const dor_ec_curve *curve = info->curve;
    ecc_key ours, theirs;
    word32 len = (word32)curve->len;

    dor_result result = dor__ec_import_public(curve, peer, &theirs);
    if (dor__failed(result)) return result.code == DOR_E_BADARG ? dor__kx_bad_share() : result;
    result = dor__ec_import_private(curve, private_value, &ours);
    if (dor__failed(result)) {
        wc_ecc_free(&theirs);
        return result;
    }
#ifdef ECC_TIMING_RESISTANT
    DOR_TRY_WC_GOTO(result, wc_ecc_set_rng(&ours, dor__rng_wc(rng)));
#else
    (void)rng;
#endif
    DOR_TRY_WC_GOTO(result, wc_ecc_shared_secret(&ours, &theirs, secret, &len));
    if (len != curve->len) /* wolfCrypt pads to the left; anything else is a defect */
        result = dor__error(DOR_E_CRYPTO_FAILED);
done:
    wc_ecc_free(&ours);
    wc_ecc_free(&theirs);
    return result;
}

const dor_kx_ops dor__kx_ops_ec = {ec_make_private, ec_public_of, ec_derive, NULL};
