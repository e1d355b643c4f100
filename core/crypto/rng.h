/*
 * rng.h - the source of randomness that everything else is given: a DRBG of one owner (one per loop).
 *
 * dor__rng_new_system seeds from the operating system (SP 800-90A, wolfCrypt's Hash-DRBG), and again every 65,536 requests and
 * in the child of a fork. Without a seed to be had it fails with RNG_FAILED, as do later requests; there is no weaker source.
 * dor__rng_new_seeded is deterministic: the same seed gives the same handshakes, for tests and fuzzing only.
 * One thread at a time.
 */
#ifndef DOR_CRYPTO_RNG_H
#define DOR_CRYPTO_RNG_H

#include "base/result.h"
#include "base/span.h"

typedef struct dor_rng dor_rng;

DOR_MUST_USE dor_result dor__rng_new_system(dor_rng **rng);
DOR_MUST_USE dor_result dor__rng_new_seeded(dor_rng **rng, dor_span seed);
void dor__rng_free(dor_rng *rng);

DOR_MUST_USE dor_result dor__rng_fill(dor_rng *rng, uint8_t *out, size_t len);

#endif
