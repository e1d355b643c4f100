/*
 * wc.h - the door to wolfCrypt: its configuration, and its return codes as results.
 *
 * Private to core/crypto. Only this header and the .c files here include <wolfssl/...>; options.h has to
 * come first.
 */
#ifndef DOR_CRYPTO_WC_H
#define DOR_CRYPTO_WC_H

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>

#include "base/result.h"
#include "crypto/rng.h"

/** wolfCrypt's own global set-up, once per process; safe from any thread. Every generator starts with it. */
DOR_MUST_USE dor_result dor__wc_init(void);

/** The result of a wolfCrypt call that returns 0 or a negative code. */
dor_result dor__wc_result(int code);

/** Leaves the function with the failure of a wolfCrypt call, if it is one. */
#define DOR_TRY_WC(expr)                                                                                     \
    do {                                                                                                     \
        int dor_wc_code_ = (expr);                                                                           \
        if (dor_wc_code_ < 0) return dor__wc_result(dor_wc_code_);                                           \
    } while (0)

/** Sets `result` and leaves by the label `done` if the wolfCrypt call failed. */
#define DOR_TRY_WC_GOTO(result, expr)                                                                        \
    do {                                                                                                     \
        int dor_wc_code_ = (expr);                                                                           \
        if (dor_wc_code_ < 0) {                                                                              \
            (result) = dor__wc_result(dor_wc_code_);                                                         \
            goto done;                                                                                       \
        }                                                                                                    \
    } while (0)

/**
 * wolfCrypt's view of the generator, for calls that want one. Of a seeded generator it is set afresh from
 * the stream each time, so that what it yields depends on the seed and the calls so far alone. NULL when that fails.
 */
WC_RNG *dor__rng_wc(dor_rng *rng);

#endif
