/*
 * ed448.c - Ed448 (RFC 8032 section 5.2) through wolfCrypt: pure, with an empty context, as RFC 8410 and RFC 8446 have it.
 *
 * wolfCrypt checks that a signature's scalar is below the order, so that none has a second encoding.
 */
#include "base/ct.h"
#include "crypto/key.h"
#include "crypto/wc.h"

#ifdef HAVE_ED448
#include <wolfssl/wolfcrypt/ed448.h>

const bool dor__ed448_built = true;

static const uint8_t nothing;

static const uint8_t *start_of(dor_span message)
{
    return message.len ? message.ptr : &nothing;
}

dor_result dor__ed448_check(dor_span point)
{
    ed448_key ed;
    if (point.len != DOR_ED448_KEY_LEN) return dor__error(DOR_E_BADARG);
    /* RFC 8032 section 5.2.3: y has 448 bits; wolfCrypt passes over those between it and x's sign */
    if (point.ptr[DOR_ED448_KEY_LEN - 1] & 0x7f) return dor__error(DOR_E_BADARG);
    DOR_TRY_WC(wc_ed448_init(&ed));
    int code = wc_ed448_import_public(point.ptr, DOR_ED448_KEY_LEN, &ed);
    wc_ed448_free(&ed);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    return code == 0 ? DOR_SUCCESS : dor__error(DOR_E_BADARG);
}

dor_result dor__ed448_public_of(const uint8_t *seed, uint8_t *point)
{
    ed448_key ed;
    DOR_TRY_WC(wc_ed448_init(&ed));
    int code = wc_ed448_import_private_only(seed, DOR_ED448_KEY_LEN, &ed);
    if (code == 0) code = wc_ed448_make_public(&ed, point, DOR_ED448_KEY_LEN);
    wc_ed448_free(&ed);
    dor__wipe(&ed, sizeof(ed));
    return dor__wc_result(code);
}

dor_result dor__ed448_sign(const dor_private_key *key, dor_span message, uint8_t *sig, size_t *sig_len)
{
    ed448_key ed;
    word32 len = DOR_ED448_SIG_LEN;
    dor_result result = DOR_SUCCESS;

    if (message.len > UINT32_MAX) return dor__error(DOR_E_BADARG);
    DOR_TRY_WC(wc_ed448_init(&ed));
    DOR_TRY_WC_GOTO(result,
                    wc_ed448_import_private_key_ex(key->secret, DOR_ED448_KEY_LEN, key->public_half->bytes,
                                                   DOR_ED448_KEY_LEN, &ed, 1));
    DOR_TRY_WC_GOTO(result,
                    wc_ed448_sign_msg(start_of(message), (word32)message.len, sig, &len, &ed, NULL, 0));
    *sig_len = len;
done:
    wc_ed448_free(&ed);
    dor__wipe(&ed, sizeof(ed));
    return result;
}

dor_result dor__ed448_verify(const dor_public_key *key, dor_span message, dor_span sig)
{
    ed448_key ed;
    int fits = 0;

    if (sig.len != DOR_ED448_SIG_LEN || message.len > UINT32_MAX) return dor__bad_signature();
    DOR_TRY_WC(wc_ed448_init(&ed));
    int code = wc_ed448_import_public_ex(key->bytes, DOR_ED448_KEY_LEN, &ed, 1);
    if (code == 0)
        code = wc_ed448_verify_msg(sig.ptr, DOR_ED448_SIG_LEN, start_of(message), (word32)message.len, &fits,
                                   &ed, NULL, 0);
    wc_ed448_free(&ed);
    if (code == MEMORY_E) return dor__error(DOR_E_NOMEM);
    return code == 0 && fits == 1 ? DOR_SUCCESS : dor__bad_signature();
}

#else

const bool dor__ed448_built = false;

dor_result dor__ed448_check(dor_span point)
{
    (void)point;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__ed448_public_of(const uint8_t *seed, uint8_t *point)
{
    (void)seed, (void)point;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__ed448_sign(const dor_private_key *key, dor_span message, uint8_t *sig, size_t *sig_len)
{
    (void)key, (void)message, (void)sig, (void)sig_len;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

dor_result dor__ed448_verify(const dor_public_key *key, dor_span message, dor_span sig)
{
    (void)key, (void)message, (void)sig;
    return dor__error(DOR_E_NOT_SUPPORTED);
}

#endif
