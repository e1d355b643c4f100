/*
 * ec.h - the NIST curves as key exchange and signatures both need them: constants, points, wolfCrypt keys.
 *
 * Private to core/crypto. An ecc_key is made on the stack for one operation and wiped after it; what is
 * kept between operations are bytes.
 */
#ifndef DOR_CRYPTO_EC_H
#define DOR_CRYPTO_EC_H

#include "crypto/wc.h"

#include "base/span.h"

#include <wolfssl/wolfcrypt/ecc.h>

enum { DOR_EC_MAX_SCALAR_LEN = 66, DOR_EC_MAX_POINT_LEN = 133 };

typedef struct dor_ec_curve {
    int wc_id;                            /* wolfCrypt's ECC_SECP256R1, ... */
    size_t len;                           /* bytes of a scalar and of a coordinate */
    uint8_t prime[DOR_EC_MAX_SCALAR_LEN]; /* of the field */
    uint8_t order[DOR_EC_MAX_SCALAR_LEN]; /* of the base point; the cofactor is 1 */
} dor_ec_curve;

extern const dor_ec_curve dor__ec_p256;
extern const dor_ec_curve dor__ec_p384;
extern const dor_ec_curve dor__ec_p521;

static inline size_t dor__ec_point_len(const dor_ec_curve *curve)
{
    return 1 + 2 * curve->len;
}

/**
 * key gets the uncompressed point, after full checks: form, coordinates below the prime, on the curve (which leaves
 * out infinity; with cofactor 1 no small subgroup is left). Fails with BADARG if the point is bad. On success the
 * caller ends key with wc_ecc_free.
 */
DOR_MUST_USE dor_result dor__ec_import_public(const dor_ec_curve *curve, dor_span point, ecc_key *key);

/** The same of a point that dor__ec_import_public has accepted before: not checked again. */
DOR_MUST_USE dor_result dor__ec_load_public(const dor_ec_curve *curve, dor_span point, ecc_key *key);

/** key gets the private scalar of curve->len bytes, 0 < scalar < order (else BADARG). Ends as above. */
DOR_MUST_USE dor_result dor__ec_import_private(const dor_ec_curve *curve, const uint8_t *scalar,
                                               ecc_key *key);

/** The uncompressed point that belongs to a scalar; point has room for dor__ec_point_len. */
DOR_MUST_USE dor_result dor__ec_public_of(const dor_ec_curve *curve, const uint8_t *scalar, dor_rng *rng,
                                          uint8_t *point);

/** A fresh private scalar of curve->len bytes. */
DOR_MUST_USE dor_result dor__ec_make_scalar(const dor_ec_curve *curve, dor_rng *rng, uint8_t *scalar);

/** The same and its point. */
DOR_MUST_USE dor_result dor__ec_make_pair(const dor_ec_curve *curve, dor_rng *rng, uint8_t *scalar,
                                          uint8_t *point);

/** True when 0 < v < order, for v of curve->len bytes; constant time but for the answer. */
bool dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v);

#endif
