/*
 * runtime_support.h - what the tests of the runtime share: an allocator that counts across threads, messages with a
 * number in them, and a runtime whose end checks that nothing is left.
 */
#ifndef TESTS_RUNTIME_SUPPORT_H
#define TESTS_RUNTIME_SUPPORT_H

#include "base/alloc.h"
#include "runtime/calls.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

/* Less under tools that make everything ten or fifty times slower. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(DOR_PLAIN_MALLOC)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOW_BUILD 1
#endif
#endif
#ifndef SLOW_BUILD
#define SLOW_BUILD 0
#endif

static inline unsigned scaled(unsigned count)
{
    const char *preload = getenv("LD_PRELOAD");
    bool valgrind = preload && strstr(preload, "valgrind");
    return valgrind ? count / 50 + 1 : SLOW_BUILD ? count / 8 + 1 : count;
}

/* ---- memory ---- */

static atomic_long live_blocks, allocations;
static atomic_long fail_after = -1; /* so many more can be had; -1: any number */

static inline bool may_allocate(void)
{
    atomic_fetch_add(&allocations, 1);
    long left = atomic_load(&fail_after);
    while (left > 0 && !atomic_compare_exchange_weak(&fail_after, &left, left - 1))
        continue;
    return left != 0;
}

static inline void *counting_malloc(size_t size)
{
    void *p = may_allocate() ? malloc(size) : NULL;
    if (p) atomic_fetch_add(&live_blocks, 1);
    return p;
}

static inline void *counting_calloc(size_t count, size_t size)
{
    void *p = may_allocate() ? calloc(count, size) : NULL;
    if (p) atomic_fetch_add(&live_blocks, 1);
    return p;
}

static inline void *counting_realloc(void *old, size_t size)
{
    void *p = may_allocate() ? realloc(old, size) : NULL;
    if (p && !old) atomic_fetch_add(&live_blocks, 1);
    return p;
}

static inline void counting_free(void *p)
{
    if (p) atomic_fetch_sub(&live_blocks, 1);
    free(p);
}

static inline void count_memory(void)
{
    static const dor_allocator counting = {counting_malloc, counting_calloc, counting_realloc, counting_free};
    dor__set_allocator(&counting);
}

/* ---- time ---- */

static inline uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Waits for up to 30 s, which stands for ever. */
#define WAIT_FOR(condition)                                                                                  \
    do {                                                                                                     \
        uint64_t wait_end_ = now_ms() + 30000;                                                               \
        while (!(condition) && now_ms() < wait_end_)                                                         \
            uv_sleep(1);                                                                                     \
        cr_assert(condition, "waited too long for " #condition);                                             \
    } while (0)

/* ---- descriptors and threads ---- */

static inline unsigned count_entries(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    if (!dir) return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static inline unsigned open_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

static inline unsigned threads(void)
{
    return count_entries("/proc/self/task");
}

/* ---- runtimes ---- */

static inline dor_runtime *runtime_of(unsigned schedulers)
{
    dor_runtime *runtime = NULL;
    dor_runtime_options options = {.schedulers = schedulers};
    cr_assert_eq(dor_runtime_new(&runtime, &options), DOR_OK);
    cr_assert_eq(dor_runtime_scheduler_count(runtime), schedulers);
    return runtime;
}

/* Stops it, and checks that the library holds no memory afterwards: for tests with one runtime. */
static inline void stop_runtime(dor_runtime *runtime)
{
    cr_assert_eq(dor_runtime_stop(runtime, 5000), DOR_OK);
    cr_assert_eq(atomic_load(&live_blocks), 0, "%ld blocks are left", atomic_load(&live_blocks));
}

/* ---- messages with a number ---- */

static inline dor_message *number_message(uint32_t type, uint64_t number)
{
    dor_message *m = dor_message_new(type, sizeof number, NULL);
    cr_assert_not_null(m);
    memcpy(dor_message_payload(m), &number, sizeof number);
    return m;
}

static inline uint64_t number_in(dor_message *m)
{
    uint64_t number = 0;
    cr_assert_geq(m->size, sizeof number);
    memcpy(&number, dor_message_payload(m), sizeof number);
    return number;
}

static inline int send_number(dor_pid to, uint32_t type, uint64_t number)
{
    return dor_send(to, number_message(type, number));
}

/* Receives as a process, and checks the type. */
static inline uint64_t receive_number(uint32_t type)
{
    dor_message *m = NULL;
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, type, "type %x instead of %x", m->type, type);
    uint64_t number = number_in(m);
    dor_message_free(m);
    return number;
}

static inline dor_down receive_down(void)
{
    dor_message *m = NULL;
    cr_assert_eq(dor_receive(&m, 30000), DOR_OK);
    cr_assert_eq(m->type, (uint32_t)DOR_MSG_DOWN);
    dor_down down;
    memcpy(&down, dor_message_payload(m), sizeof down);
    dor_message_free(m);
    return down;
}

static inline dor_pid spawn_on(dor_runtime *runtime, int scheduler, dor_receive_fn receive, dor_stop_fn stop,
                               void *state)
{
    dor_pid pid = DOR_PID_NONE;
    dor_actor_spec spec = {.receive = receive, .stop = stop, .state = state, .scheduler = scheduler};
    cr_assert_eq(dor_spawn(runtime, &spec, &pid), DOR_OK);
    cr_assert_neq(pid, DOR_PID_NONE);
    return pid;
}

#endif
