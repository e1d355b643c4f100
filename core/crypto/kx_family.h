/*
 * kx_family.h - what a family of groups has to give, behind kx.h. Private to core/crypto.
 *
 * A pair is kept as bytes; wolfCrypt's structures (up to 20 KB) exist on the stack while they work. Lengths have been
 * checked before a function here is called.
 */
#ifndef DOR_CRYPTO_KX_FAMILY_H
#define DOR_CRYPTO_KX_FAMILY_H

#include "crypto/ec.h"
#include "crypto/kx.h"

typedef struct dor_kx_info dor_kx_info;

typedef struct dor_kx_ops {
    /** A fresh private value. */
    dor_result (*make_private)(const dor_kx_info *info, dor_rng *rng, uint8_t *private_value);
    /** May bring the private value into its form (clamping); BADARG when it is none. rng may be NULL. */
    dor_result (*public_of)(const dor_kx_info *info, uint8_t *private_value, dor_rng *rng,
                            uint8_t *public_value);
    dor_result (*derive)(const dor_kx_info *info, const uint8_t *private_value, dor_span peer, dor_rng *rng,
                         uint8_t *secret);
    /** NULL: a fresh pair and derive. */
    dor_result (*respond)(const dor_kx_info *info, dor_span peer, dor_rng *rng, uint8_t *response,
                          uint8_t *secret);
} dor_kx_ops;

struct dor_kx_info {
    dor_group group;
    uint16_t private_len;
    uint16_t public_len;   /* of who speaks first */
    uint16_t response_len; /* of who answers */
    uint16_t secret_len;
    const dor_kx_ops *ops;
    const dor_ec_curve *curve; /* NIST curves */
    dor_group classical;       /* hybrids: the other half */
    int wc_id;                 /* ffdhe: wolfCrypt's name for it; hybrids: likewise ML-KEM's parameters */
    bool kem_first;            /* hybrids: in shares and in the secret */
    uint8_t family;            /* dor_group_family */
    const char *names[4];      /* IANA's first */
};

extern const dor_kx_ops dor__kx_ops_x25519, dor__kx_ops_x448; /* kx_x.c */
extern const dor_kx_ops dor__kx_ops_ec;                       /* kx_ec.c */
extern const dor_kx_ops dor__kx_ops_dh;                       /* kx_dh.c */
extern const dor_kx_ops dor__kx_ops_kem;                      /* kx_kem.c */

/** True where the wolfCrypt at hand has what the files need. */
extern const bool dor__kx_have_x448, dor__kx_have_dh, dor__kx_have_kem;

/** NULL for groups that this build cannot do. */
const dor_kx_info *dor__kx_find(dor_group group);

/** The peer's value is bad: illegal_parameter, BAD_KEY_SHARE. */
dor_result dor__kx_bad_share(void);

#endif
