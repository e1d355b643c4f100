/* wc.c - what a wolfCrypt code means to us. */
#include "crypto/wc.h"

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
