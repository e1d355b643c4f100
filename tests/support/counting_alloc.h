/*
 * counting_alloc.h - an allocator for tests: counts what is held, and fails when told to.
 *
 * One per process, not for several threads. counting_alloc_install comes before anything is allocated.
 */
#ifndef TESTS_COUNTING_ALLOC_H
#define TESTS_COUNTING_ALLOC_H

#include <stddef.h>

void counting_alloc_install(void);

/** The allocation number n (1 is the next) and all after it fail; 0: none does. */
void counting_alloc_fail_at(size_t n);

/** The allocation number n fails, those after it do not. */
void counting_alloc_fail_once_at(size_t n);

/** Allocations since install or the last fail_, those that failed included. */
size_t counting_alloc_calls(void);

/** Bytes and pieces held at present, and the most bytes there were since install or the last reset. */
size_t counting_alloc_bytes(void);
size_t counting_alloc_pieces(void);
size_t counting_alloc_peak(void);
void counting_alloc_reset_peak(void);

#endif
