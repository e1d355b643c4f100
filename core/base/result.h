/*
 * result.h - what every internal call that can fail returns.
 *
 * A struct, so that an int that some crypto or system call returned cannot be mistaken for it. The code
 * inside is the public one (dormouse/error.h), so no layer translates.
 */
#ifndef DOR_BASE_RESULT_H
#define DOR_BASE_RESULT_H

#include <dormouse/error.h>
#include <stdbool.h>

#define DOR_MUST_USE __attribute__((warn_unused_result))

typedef struct dor_result {
    int code;
} dor_result;

#define DOR_SUCCESS ((dor_result){DOR_OK})

static inline bool dor__ok(dor_result r)
{
    return r.code == DOR_OK;
}

static inline bool dor__failed(dor_result r)
{
    return r.code != DOR_OK;
}

/** A failure with one of the DOR_E_ codes. */
static inline dor_result dor__error(int code)
{
    return (dor_result){code};
}

/** A failure that this side tells the peer of with `alert`. */
static inline dor_result dor__alert(dor_alert alert, dor_reason reason)
{
    return (dor_result){DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, (int)alert, (int)reason)};
}

/** The peer's fatal alert. */
static inline dor_result dor__peer_alert(uint8_t alert)
{
    return (dor_result){DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, (int)alert, DOR_REASON_PEER_ALERT)};
}

/** A system call's failure; err is a positive errno. */
static inline dor_result dor__errno(int err)
{
    return (dor_result){DOR_ERROR_CODE(DOR_CLASS_IO, 0, DOR_REASON_ERRNO_BASE + (err & 0xfff))};
}

/** Leaves the function with the failure of `expr`, if it is one. */
#define DOR_TRY(expr)                                                                                        \
    do {                                                                                                     \
        dor_result dor_try_result_ = (expr);                                                                 \
        if (dor__failed(dor_try_result_)) return dor_try_result_;                                            \
    } while (0)

/** Sets `result` and leaves by the label `done`, for functions that have something to release. */
#define DOR_TRY_GOTO(result, expr)                                                                           \
    do {                                                                                                     \
        (result) = (expr);                                                                                   \
        if (dor__failed(result)) goto done;                                                                  \
    } while (0)

#endif
