/*
 * searching_alloc.h - an allocator for tests that looks through whatever is released, ours and wolfCrypt's, for secrets that
 * the test knows; and a stack of its own to run on, which is looked through below the frames that are alive.
 *
 * One per process, not for several threads.
 */
#ifndef TESTS_SEARCHING_ALLOC_H
#define TESTS_SEARCHING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Before anything is allocated. */
void searching_install(void);

/** The allocation number n (1 is the next) fails, and those after it do not; 0: none does. */
void searching_fail_once_at(size_t n);

/** Allocations since that was said. */
size_t searching_calls(void);

/** From now on these bytes are looked for, each 16 of them by themselves; zeros and what is known already are not taken. */
void searching_learn(const char *name, const void *secret, size_t len);
/** The same of a big-endian number, which is also looked for as processors write it, least significant byte first. */
void searching_learn_number(const char *name, const void *secret, size_t len);
void searching_forget(void);
size_t searching_known(void);

/** How often a secret was found, and a sentence about the first finds (the backtrace tells where). */
size_t searching_found(void);
const char *searching_report(void);
void searching_reset(void);

/** Looks through any memory. */
void searching_look(const char *where, const void *at, size_t len);

/** Runs fn(arg) on a fresh stack of 256 KiB, and looks through all of it afterwards. */
void searching_run(void (*fn)(void *arg), void *arg);

/** False under a sanitizer and valgrind, where fn runs on the ordinary stack and that is not looked at. */
bool searching_has_stack(void);

/** Inside fn: looks through the stack below the caller's frame. */
void searching_checkpoint(const char *where);

#endif
