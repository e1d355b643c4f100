/* kx_x.c - X25519 and X448 (RFC 7748) through wolfCrypt. */
#include "base/ct.h"
#include "crypto/kx_family.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/curve25519.h>
#ifdef HAVE_CURVE448
#include <wolfssl/wolfcrypt/curve448.h>
#endif

enum { X25519_LEN = 32, X448_LEN = 56 };

static dor_result make_private(const dor_kx_info *info, dor_rng *rng, uint8_t *private_value)
{
    return dor__rng_fill(rng, private_value, info->private_len);
}

/* RFC 8446 section 7.4.2: points of small order give zero, whatever the scalar. */
static dor_result check_secret(const uint8_t *secret, size_t len)
{
    static const uint8_t zeros[X448_LEN];
    return dor__ct_equal(secret, zeros, len) ? dor__kx_bad_share() : DOR_SUCCESS;
}

/* ---- X25519 ------------------------------------------------------------------------------------------------- */

static dor_result x25519_public_of(const dor_kx_info *info, uint8_t *private_value, dor_rng *rng,
                                   uint8_t *public_value)
{
    (void)info, (void)rng;
    private_value[0] &= 0xf8; /* RFC 7748 section 5 */
    private_value[31] = (uint8_t)((private_value[31] & 0x7f) | 0x40);
    DOR_TRY_WC(wc_curve25519_make_pub(X25519_LEN, public_value, X25519_LEN, private_value));
    return DOR_SUCCESS;
}

/*
 * wolfCrypt 5.9.2's assembly for x86-64 was seen to give a wrong secret at u = 2 for about half of some thousand random scalars, and
 * at no other u that was tried (3 to 18, and the public values of random pairs). A handshake fails then, which may tell the peer that
 * chose u something of a scalar that is used once. At u + p, the same number, it was right for all of them; u is public.
 */
static void around_two(uint8_t u[X25519_LEN])
{
    static const uint8_t two[X25519_LEN] = {2};

    if (memcmp(u, two, sizeof(two)) != 0) return;
    memset(u, 0xff, X25519_LEN);
    u[0] = 0xed + 2; /* p = 2^255 - 19 */
    u[31] = 0x7f;
}

static dor_result x25519_derive(const dor_kx_info *info, const uint8_t *private_value, dor_span peer,
                                dor_rng *rng, uint8_t *secret)
{
    uint8_t u[X25519_LEN];

    (void)info, (void)rng;
    memcpy(u, peer.ptr, sizeof(u));
    u[31] &= 0x7f; /* RFC 7748 section 5: implementations mask the top bit */
    around_two(u);
    DOR_TRY_WC(wc_curve25519_generic(X25519_LEN, secret, X25519_LEN, private_value, X25519_LEN, u));
    return check_secret(secret, X25519_LEN);
}

const dor_kx_ops dor__kx_ops_x25519 = {make_private, x25519_public_of, x25519_derive, NULL};

/* ---- X448 --------------------------------------------------------------------------------------------------- */

#ifdef HAVE_CURVE448

static dor_result x448_public_of(const dor_kx_info *info, uint8_t *private_value, dor_rng *rng,
                                 uint8_t *public_value)
{
    (void)info, (void)rng;
    private_value[0] &= 0xfc; /* RFC 7748 section 5 */
    private_value[55] |= 0x80;
    DOR_TRY_WC(wc_curve448_make_pub(X448_LEN, public_value, X448_LEN, private_value));
    return DOR_SUCCESS;
}

static dor_result x448_derive(const dor_kx_info *info, const uint8_t *private_value, dor_span peer,
                              dor_rng *rng, uint8_t *secret)
{
    curve448_key ours, theirs;
    word32 len = X448_LEN;
    dor_result result = DOR_SUCCESS;

    (void)info, (void)rng;
    DOR_TRY_WC(wc_curve448_init(&ours));
    DOR_TRY_WC(wc_curve448_init(&theirs));
    DOR_TRY_WC_GOTO(result,
                    wc_curve448_import_private_ex(private_value, X448_LEN, &ours, EC448_LITTLE_ENDIAN));
    DOR_TRY_WC_GOTO(result, wc_curve448_import_public_ex(peer.ptr, X448_LEN, &theirs, EC448_LITTLE_ENDIAN));
    int code = wc_curve448_shared_secret_ex(&ours, &theirs, secret, &len, EC448_LITTLE_ENDIAN);
    if (code == ECC_OUT_OF_RANGE_E) /* zero; older ones leave it to us */
        result = dor__kx_bad_share();
    else
        DOR_TRY_WC_GOTO(result, code);
    if (dor__ok(result)) result = check_secret(secret, X448_LEN);
done:
    wc_curve448_free(&ours);
    wc_curve448_free(&theirs);
    dor__wipe(&ours, sizeof(ours));
    return result;
}

const dor_kx_ops dor__kx_ops_x448 = {make_private, x448_public_of, x448_derive, NULL};
const bool dor__kx_have_x448 = true;

#else

const dor_kx_ops dor__kx_ops_x448;
const bool dor__kx_have_x448 = false;

#endif
