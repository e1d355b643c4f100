/*
 * wc.c - wolfCrypt's set-up, and what its codes mean to us.
 *
 * Threads: dor__wc_init may be called by several at once. The first sets up, the others wait for it, which takes
 * microseconds and happens once in a process; hence a spin and no lock.
 */
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/wolfmath.h> /* MP_MEM, in 5.7.2 */

#include <wolfssl/wolfcrypt/wc_port.h>

#include <stdatomic.h>

enum { NOT_YET, UNDER_WAY, DONE, FAILED };

static atomic_int set_up = NOT_YET;

dor_result dor__wc_init(void)
{
    int seen = NOT_YET;

    /* Acquire on every way out: what wolfCrypt has written is visible to whoever sees DONE, released below. */
    if (atomic_compare_exchange_strong_explicit(&set_up, &seen, UNDER_WAY, memory_order_acquire,
                                                memory_order_acquire)) {
        seen = wolfCrypt_Init() == 0 ? DONE : FAILED;
#ifdef WOLFSSL_DRBG_SHA512
        /* Hash-DRBG over SHA-256 is as strong (256 bits) and, with SHA instructions, twice as fast. */
        if (seen == DONE && wc_Sha512Drbg_Disable() != 0) seen = FAILED;
#endif
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
