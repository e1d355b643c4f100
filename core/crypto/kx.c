/*
 * kx.c - X25519 and ECDH over P-256 and P-384 through wolfCrypt (RFC 7748, SP 800-56A).
 *
 * A pair is kept as bytes, about 100 to 150 of them; wolfCrypt's key structures (8 KB for a curve) exist on the
 * stack while they work. Private scalars come from the generator by rejection, so that a seeded one is deterministic.
 */
#include "crypto/kx.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/ec.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/curve25519.h>

#include <strings.h>

struct dor_kx {
    dor_group group;
    uint8_t public_len;
    uint8_t scalar_len;
    uint8_t bytes[]; /* the private scalar, then the public value */
};

typedef struct group_info {
    dor_group group;
    uint8_t scalar_len;
    uint8_t public_len;
    const dor_ec_curve *curve; /* NULL for X25519 */
    const char *names[4];      /* IANA's first */
} group_info;

static const group_info groups[] = {
    {DOR_GROUP_X25519, 32, 32, NULL, {"x25519"}},
    {DOR_GROUP_SECP256R1, 32, 65, &dor__ec_p256, {"secp256r1", "prime256v1", "P-256"}},
    {DOR_GROUP_SECP384R1, 48, 97, &dor__ec_p384, {"secp384r1", "P-384"}},
};

enum { GROUP_COUNT = sizeof(groups) / sizeof(groups[0]) };

static const group_info *find(dor_group group)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        if (groups[i].group == group) return &groups[i];
    return NULL;
}

bool dor__kx_known(dor_group group)
{
    return find(group) != NULL;
}

const char *dor__kx_name(dor_group group)
{
    const group_info *info = find(group);
    return info ? info->names[0] : NULL;
}

dor_group dor__kx_from_name(dor_span name)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        for (const char *const *known = groups[i].names; *known; known++)
            if (strlen(*known) == name.len && strncasecmp(*known, (const char *)name.ptr, name.len) == 0)
                return groups[i].group;
    return 0;
}

static dor_result x25519_public_of(uint8_t *scalar, uint8_t *public_value)
{
    scalar[0] &= 0xf8; /* RFC 7748 section 5 */
    scalar[31] = (uint8_t)((scalar[31] & 0x7f) | 0x40);
    DOR_TRY_WC(wc_curve25519_make_pub(32, public_value, 32, scalar));
    return DOR_SUCCESS;
}

static dor_kx *kx_alloc(const group_info *info)
{
    dor_kx *k = dor__malloc(sizeof(*k) + info->scalar_len + info->public_len);
    if (!k) return NULL;
    k->group = info->group;
    k->scalar_len = info->scalar_len;
    k->public_len = info->public_len;
    return k;
}

dor_result dor__kx_new(dor_kx **kx, dor_group group, dor_rng *rng)
{
    const group_info *info = find(group);
    dor_result result;

    *kx = NULL;
    if (!info) return dor__error(DOR_E_BADARG);
    dor_kx *k = kx_alloc(info);
    if (!k) return dor__error(DOR_E_NOMEM);
    uint8_t *scalar = k->bytes, *public_value = k->bytes + k->scalar_len;
    if (info->curve) {
        result = dor__ec_make_pair(info->curve, rng, scalar, public_value);
    } else {
        result = dor__rng_fill(rng, scalar, info->scalar_len);
        if (dor__ok(result)) result = x25519_public_of(scalar, public_value);
    }
    if (dor__failed(result)) {
        dor__kx_free(k);
        return result;
    }
    *kx = k;
    return DOR_SUCCESS;
}

dor_result dor__kx_from_scalar(dor_kx **kx, dor_group group, dor_span scalar)
{
    const group_info *info = find(group);
    dor_result result;

    *kx = NULL;
    if (!info || scalar.len != info->scalar_len) return dor__error(DOR_E_BADARG);
    dor_kx *k = kx_alloc(info);
    if (!k) return dor__error(DOR_E_NOMEM);
    memcpy(k->bytes, scalar.ptr, scalar.len);
    if (info->curve)
        result = dor__ec_public_of(info->curve, k->bytes, NULL, k->bytes + k->scalar_len);
    else
        result = x25519_public_of(k->bytes, k->bytes + k->scalar_len);
    if (dor__failed(result)) {
        dor__kx_free(k);
        return result;
    }
    *kx = k;
    return DOR_SUCCESS;
}

void dor__kx_free(dor_kx *kx)
{
    if (kx) dor__free_wiped(kx, sizeof(*kx) + kx->scalar_len + kx->public_len);
}

dor_group dor__kx_group(const dor_kx *kx)
{
    return kx->group;
}

dor_span dor__kx_public(const dor_kx *kx)
{
    return dor__span(kx->bytes + kx->scalar_len, kx->public_len);
}

static dor_result bad_share(void)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_KEY_SHARE);
}

static dor_result derive_x25519(const dor_kx *kx, dor_span peer, uint8_t *secret)
{
    static const uint8_t zeros[32];
    uint8_t u[32];

    memcpy(u, peer.ptr, sizeof(u));
    u[31] &= 0x7f; /* RFC 7748 section 5: implementations mask the top bit */
    DOR_TRY_WC(wc_curve25519_generic(32, secret, 32, kx->bytes, 32, u));
    /* RFC 8446 section 7.4.2: points of small order give zero, whatever the scalar. */
    return dor__ct_equal(secret, zeros, sizeof(zeros)) ? bad_share() : DOR_SUCCESS;
}

static dor_result derive_curve(const dor_ec_curve *curve, const dor_kx *kx, dor_span peer, dor_rng *rng,
                               uint8_t *secret)
{
    ecc_key ours, theirs;
    word32 len = (word32)curve->len;

    dor_result result = dor__ec_import_public(curve, peer, &theirs);
    if (dor__failed(result)) return result.code == DOR_E_BADARG ? bad_share() : result;
    result = dor__ec_import_private(curve, kx->bytes, &ours);
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

dor_result dor__kx_derive(dor_kx *kx, dor_span peer_public, dor_rng *rng, uint8_t *secret, size_t *secret_len)
{
    const group_info *info = find(kx->group);
    dor_result result;

    if (peer_public.len != kx->public_len) return bad_share();
    if (info->curve)
        result = derive_curve(info->curve, kx, peer_public, rng, secret);
    else
        result = derive_x25519(kx, peer_public, secret);
    if (dor__ok(result))
        *secret_len = info->scalar_len;
    else
        dor__wipe(secret, info->scalar_len);
    return result;
}
