/*
 * kx.c - the table of groups, and pairs of any of them (RFC 8446 section 4.2.8).
 *
 * What the families compute is in kx_x.c, kx_ec.c, kx_dh.c and kx_kem.c. Private values come from the generator alone, so
 * that a seeded one is deterministic.
 */
#include "crypto/kx.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/kx_family.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/dh.h>

#include <strings.h>

#ifdef WOLFSSL_HAVE_MLKEM
#include <wolfssl/wolfcrypt/wc_mlkem.h>
#else
enum { WC_ML_KEM_768, WC_ML_KEM_1024 }; /* dor__kx_have_kem is false */
#endif

struct dor_kx {
    dor_group group;
    uint16_t private_len; /* 0: of who answered, whose private value has done its work */
    uint16_t public_len;
    uint8_t bytes[]; /* the private value, then the public one */
};

/*
 * The exponents of ffdhe are 32 bits and more above twice the strength of their primes (RFC 7919 appendix A: 225, 275, 325,
 * 375 and 400 bits at least), in whole words.
 */
/* clang-format off */
#define CURVE(id, len, params, ...)                                                                                    \
    {.group = DOR_GROUP_##id, .private_len = (len), .public_len = 1 + 2 * (len), .response_len = 1 + 2 * (len),        \
     .secret_len = (len), .ops = &dor__kx_ops_ec, .curve = &(params), .family = DOR_GROUP_CURVE, .names = {__VA_ARGS__}}
#define MONTGOMERY(id, len, x_ops, name)                                                                               \
    {.group = DOR_GROUP_##id, .private_len = (len), .public_len = (len), .response_len = (len), .secret_len = (len),   \
     .ops = &(x_ops), .family = DOR_GROUP_CURVE, .names = {name}}
#define FFDHE(bits, exponent_len)                                                                                      \
    {.group = DOR_GROUP_FFDHE##bits, .private_len = (exponent_len), .public_len = (bits) / 8,                          \
     .response_len = (bits) / 8, .secret_len = (bits) / 8, .ops = &dor__kx_ops_dh, .wc_id = WC_FFDHE_##bits,           \
     .family = DOR_GROUP_FFDHE, .names = {"ffdhe" #bits}}
#define HYBRID(id, half, private_half, public_half, secret_half, kem, key_len, ciphertext_len, first, name)            \
    {.group = DOR_GROUP_##id, .private_len = 64 + (private_half), .public_len = (key_len) + (public_half),             \
     .response_len = (ciphertext_len) + (public_half), .secret_len = 32 + (secret_half), .ops = &dor__kx_ops_kem,      \
     .classical = DOR_GROUP_##half, .wc_id = WC_ML_KEM_##kem, .kem_first = (first), .family = DOR_GROUP_HYBRID,        \
     .names = {name}}

static const dor_kx_info groups[] = {
    CURVE(SECP256R1, 32, dor__ec_p256, "secp256r1", "prime256v1", "P-256"),
    CURVE(SECP384R1, 48, dor__ec_p384, "secp384r1", "P-384"),
    CURVE(SECP521R1, 66, dor__ec_p521, "secp521r1", "P-521"),
    MONTGOMERY(X25519, 32, dor__kx_ops_x25519, "x25519"),
    MONTGOMERY(X448, 56, dor__kx_ops_x448, "x448"),
    FFDHE(2048, 32),
    FFDHE(3072, 40),
    FFDHE(4096, 48),
    FFDHE(6144, 56),
    FFDHE(8192, 56),
    HYBRID(SECP256R1MLKEM768, SECP256R1, 32, 65, 32, 768, 1184, 1088, false, "SecP256r1MLKEM768"),
    HYBRID(X25519MLKEM768, X25519, 32, 32, 32, 768, 1184, 1088, true, "X25519MLKEM768"),
    HYBRID(SECP384R1MLKEM1024, SECP384R1, 48, 97, 48, 1024, 1568, 1568, false, "SecP384r1MLKEM1024"),
};
/* clang-format on */

enum { GROUP_COUNT = sizeof(groups) / sizeof(groups[0]) };

static bool in_this_build(const dor_kx_info *info)
{
    if (info->ops == &dor__kx_ops_x448) return dor__kx_have_x448;
    if (info->ops == &dor__kx_ops_dh) return dor__kx_have_dh;
    return info->ops != &dor__kx_ops_kem || dor__kx_have_kem;
}

const dor_kx_info *dor__kx_find(dor_group group)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        if (groups[i].group == group) return in_this_build(&groups[i]) ? &groups[i] : NULL;
    return NULL;
}

bool dor__kx_known(dor_group group)
{
    return dor__kx_find(group) != NULL;
}

dor_group_family dor__kx_family(dor_group group)
{
    const dor_kx_info *info = dor__kx_find(group);
    return info ? (dor_group_family)info->family : DOR_GROUP_UNKNOWN;
}

const char *dor__kx_name(dor_group group)
{
    const dor_kx_info *info = dor__kx_find(group);
    return info ? info->names[0] : NULL;
}

dor_group dor__kx_from_name(dor_span name)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        for (const char *const *known = groups[i].names; *known; known++)
            if (strlen(*known) == name.len && strncasecmp(*known, (const char *)name.ptr, name.len) == 0)
                return in_this_build(&groups[i]) ? groups[i].group : 0;
    return 0;
}

dor_group dor__kx_at(size_t i)
{
    for (size_t g = 0; g < GROUP_COUNT; g++)
        if (in_this_build(&groups[g]) && i-- == 0) return groups[g].group;
    return 0;
}

size_t dor__kx_secret_len(dor_group group)
{
    const dor_kx_info *info = dor__kx_find(group);
    return info ? info->secret_len : 0;
}

dor_result dor__kx_bad_share(void)
{
    return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_BAD_KEY_SHARE);
}

/* ---- pairs -------------------------------------------------------------------------------------------------- */

static dor_kx *kx_alloc(const dor_kx_info *info, uint16_t private_len, uint16_t public_len)
{
    dor_kx *k = dor__malloc(sizeof(*k) + private_len + public_len);
    if (!k) return NULL;
    k->group = info->group;
    k->private_len = private_len;
    k->public_len = public_len;
    return k;
}

static uint8_t *public_part(dor_kx *kx)
{
    return kx->bytes + kx->private_len;
}

/* The private value is `given`, or a fresh one where that is empty. */
static dor_result kx_make(dor_kx **kx, const dor_kx_info *info, dor_span given, dor_rng *rng)
{
    dor_result result = DOR_SUCCESS;

    *kx = NULL;
    dor_kx *k = kx_alloc(info, info->private_len, info->public_len);
    if (!k) return dor__error(DOR_E_NOMEM);
    if (given.len)
        memcpy(k->bytes, given.ptr, given.len);
    else
        result = info->ops->make_private(info, rng, k->bytes);
    if (dor__ok(result)) result = info->ops->public_of(info, k->bytes, rng, public_part(k));
    dor__wipe_stack(); /* wolfCrypt's frames have had the private value as a number */
    if (dor__failed(result)) {
        dor__kx_free(k);
        return result;
    }
    *kx = k;
    return DOR_SUCCESS;
}

dor_result dor__kx_new(dor_kx **kx, dor_group group, dor_rng *rng)
{
    const dor_kx_info *info = dor__kx_find(group);
    *kx = NULL;
    return info ? kx_make(kx, info, DOR_SPAN_EMPTY, rng) : dor__error(DOR_E_BADARG);
}

dor_result dor__kx_from_scalar(dor_kx **kx, dor_group group, dor_span scalar)
{
    const dor_kx_info *info = dor__kx_find(group);
    *kx = NULL;
    if (!info || scalar.len != info->private_len) return dor__error(DOR_E_BADARG);
    return kx_make(kx, info, scalar, NULL);
}

void dor__kx_free(dor_kx *kx)
{
    if (kx) dor__free_wiped(kx, sizeof(*kx) + kx->private_len + kx->public_len);
}

dor_group dor__kx_group(const dor_kx *kx)
{
    return kx->group;
}

dor_span dor__kx_public(const dor_kx *kx)
{
    return dor__span(kx->bytes + kx->private_len, kx->public_len);
}

dor_result dor__kx_derive(dor_kx *kx, dor_span peer_public, dor_rng *rng, uint8_t *secret, size_t *secret_len)
{
    const dor_kx_info *info = dor__kx_find(kx->group);

    if (!info || kx->private_len == 0) return dor__error(DOR_E_BADARG);
    if (peer_public.len != info->response_len) return dor__kx_bad_share();
    dor_result result = info->ops->derive(info, kx->bytes, peer_public, rng, secret);
    dor__wipe_stack();
    if (dor__ok(result))
        *secret_len = info->secret_len;
    else
        dor__wipe(secret, info->secret_len);
    return result;
}

/* A fresh pair, whose private value is gone when it has been used. */
static dor_result respond_alike(const dor_kx_info *info, dor_span peer, dor_rng *rng, uint8_t *response,
                                uint8_t *secret)
{
    uint8_t private_value[DOR_EC_MAX_SCALAR_LEN]; /* the longest: the hybrids have an answer of their own */
    dor_result result;

    if (info->private_len > sizeof(private_value)) return dor__error(DOR_E_INTERNAL);
    DOR_TRY_GOTO(result, info->ops->make_private(info, rng, private_value));
    DOR_TRY_GOTO(result, info->ops->public_of(info, private_value, rng, response));
    result = info->ops->derive(info, private_value, peer, rng, secret);
done:
    dor__wipe(private_value, sizeof(private_value));
    return result;
}

dor_result dor__kx_respond(dor_kx **kx, dor_group group, dor_span peer_public, dor_rng *rng, uint8_t *secret,
                           size_t *secret_len)
{
    const dor_kx_info *info = dor__kx_find(group);

    *kx = NULL;
    if (!info) return dor__error(DOR_E_BADARG);
    if (peer_public.len != info->public_len) return dor__kx_bad_share();
    dor_kx *k = kx_alloc(info, 0, info->response_len);
    if (!k) return dor__error(DOR_E_NOMEM);
    dor_result result = info->ops->respond
                            ? info->ops->respond(info, peer_public, rng, public_part(k), secret)
                            : respond_alike(info, peer_public, rng, public_part(k), secret);
    dor__wipe_stack();
    if (dor__failed(result)) {
        dor__wipe(secret, info->secret_len);
        dor__kx_free(k);
        return result;
    }
    *kx = k;
    *secret_len = info->secret_len;
    return DOR_SUCCESS;
}
