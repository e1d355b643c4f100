/*
 * verdicts.c - what our comparisons answer is public: whether a Finished, a binder or a tag is the right one, both ends
 * learn at once, and the code may branch on it. How the answer came about must not show.
 *
 * The linker puts these in front of the real ones (--wrap), in the programs of tests/ct alone; the library is the one that
 * is shipped.
 */
#include "support/secret.h"

#include "base/ct.h"
#include "crypto/ec.h"

bool __real_dor__ct_equal(const void *a, const void *b, size_t n);
bool __wrap_dor__ct_equal(const void *a, const void *b, size_t n);
bool __real_dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v);
bool __wrap_dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v);

bool __wrap_dor__ct_equal(const void *a, const void *b, size_t n)
{
    bool answer = __real_dor__ct_equal(a, b, n);
    secret_reveal(&answer, sizeof answer);
    return answer;
}

/* A scalar out of range is thrown away, or its key refused. */
bool __wrap_dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v)
{
    bool answer = __real_dor__ec_below_order(curve, v);
    secret_reveal(&answer, sizeof answer);
    return answer;
}
