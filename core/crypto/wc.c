/*
 * wc.c - wolfCrypt's set-up, and what its codes mean to us.
 *
 * Threads: dor__wc_init may be called by several at once. The first sets up, the others wait for it, which takes
 * well below a millisecond and happens once in a process; hence a spin and no lock.
 */
#include "crypto/wc.h"

#include "crypto/hash.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/wc_port.h>
#include <wolfssl/wolfcrypt/wolfmath.h> /* MP_MEM, in 5.7.2 */

#include <stdatomic.h>

enum { NOT_YET, UNDER_WAY, DONE, FAILED };

static atomic_int set_up = NOT_YET;

/*
 * wolfCrypt looks for the processor's instructions at the first use of each primitive and keeps the answer in plain
 * variables. One use of each, while nobody else is about, saves threads from doing that at the same time.
 */
static bool first_uses(void)
{
    static const uint8_t zeros[32];
    uint8_t scalar[32] = {[31] = 0x40}, out[64], tag[16];
    Aes aes;

    if (dor__failed(dor__hash_once(DOR_HASH_SHA256, dor__span(zeros, 1), out)) ||
        dor__failed(dor__hash_once(DOR_HASH_SHA384, dor__span(zeros, 1), out)) ||
        dor__failed(dor__hash_once(DOR_HASH_SHA1, dor__span(zeros, 1), out)) ||
        wc_ChaCha20Poly1305_Encrypt(zeros, zeros, NULL, 0, zeros, 32, out, tag) != 0 ||
        wc_curve25519_make_pub(32, out, 32, scalar) != 0 || wc_AesInit(&aes, NULL, INVALID_DEVID) != 0)
        return false;
    bool ok = wc_AesGcmSetKey(&aes, zeros, 16) == 0 &&
              wc_AesGcmEncrypt(&aes, out, zeros, 16, zeros, 12, tag, 16, NULL, 0) == 0;
    wc_AesFree(&aes);
    return ok;
}

static int set_up_wolfcrypt(void)
{
    if (wolfCrypt_Init() != 0) return FAILED;
#ifdef WOLFSSL_DRBG_SHA512
    /* Hash-DRBG over SHA-256 is as strong (256 bits) and, with SHA instructions, twice as fast. */
    if (wc_Sha512Drbg_Disable() != 0) return FAILED;
#endif
    return first_uses() ? DONE : FAILED;
}

dor_result dor__wc_init(void)
{
    int seen = NOT_YET;

    /* Acquire on every way out: what wolfCrypt has written is visible to whoever sees DONE, released below. */
    if (atomic_compare_exchange_strong_explicit(&set_up, &seen, UNDER_WAY, memory_order_acquire,
                                                memory_order_acquire)) {
        seen = set_up_wolfcrypt();
        atomic_store_explicit(&set_up, seen, memory_order_release);
    }
    while (seen == UNDER_WAY)
        seen = atomic_load_explicit(&set_up, memory_order_acquire);
    return seen == DONE ? DOR_SUCCESS : dor__error(DOR_E_CRYPTO_FAILED);
}

dor_result dor__wc_result(int code)
{
    switch (code) {
    case 0: return DOR_SUCCESS;
    case MEMORY_E:
    case MP_MEM: return dor__error(DOR_E_NOMEM);
    case RNG_FAILURE_E:
    case DRBG_CONT_FIPS_E:
    case OPEN_RAN_E:
    case READ_RAN_E: return dor__error(DOR_E_RNG_FAILED);
    default: return dor__error(DOR_E_CRYPTO_FAILED);
    }
}
