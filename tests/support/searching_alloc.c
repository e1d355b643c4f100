/* searching_alloc.c - see the header. Each piece has its size in front, in a header that keeps the alignment. */
#include "support/searching_alloc.h"

#include "base/alloc.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/wolfcrypt/memory.h>

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

typedef union piece {
    size_t size;
    max_align_t align_;
} piece;

enum { PART = 16, MAX_PARTS = 4096, STACK_LEN = 256 * 1024, FRAMES = 12 };

typedef struct part {
    const char *name;
    uint8_t bytes[PART];
} part;

static part parts[MAX_PARTS];
static size_t part_count, calls, fail_at, found;
static uint8_t first_two[65536 / 8]; /* a bit for each beginning of a part: most places need no closer look */
static char report[2048];

/* ---- what is looked for ------------------------------------------------------------------------------------ */

static bool worth_it(const uint8_t *bytes)
{
    size_t different = 0;
    for (size_t i = 1; i < PART; i++)
        different += bytes[i] != bytes[0];
    for (size_t i = 0; i < part_count; i++)
        if (memcmp(parts[i].bytes, bytes, PART) == 0) return false;
    return different >= PART / 2;
}

static unsigned beginning(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static void learn_part(const char *name, const uint8_t *bytes)
{
    if (!worth_it(bytes)) return;
    if (part_count == MAX_PARTS) abort();
    parts[part_count].name = name;
    memcpy(parts[part_count++].bytes, bytes, PART);
    first_two[beginning(bytes) / 8] |= (uint8_t)(1u << (beginning(bytes) % 8));
}

void searching_learn(const char *name, const void *secret, size_t len)
{
    const uint8_t *bytes = secret;
    for (; len >= PART; bytes += PART, len -= PART)
        learn_part(name, bytes);
}

void searching_learn_number(const char *name, const void *secret, size_t len)
{
    const uint8_t *end = (const uint8_t *)secret + len;
    searching_learn(name, secret, len);
    for (; len >= PART; end -= PART, len -= PART) {
        uint8_t turned[PART];
        for (size_t i = 0; i < PART; i++)
            turned[i] = end[-1 - (ptrdiff_t)i];
        learn_part(name, turned);
    }
}

void searching_forget(void)
{
    part_count = 0;
    memset(first_two, 0, sizeof first_two);
}

size_t searching_known(void)
{
    return part_count;
}

static void note(const char *where, size_t len, size_t offset, const char *name)
{
    void *frames[FRAMES];
    size_t used = strlen(report);
    found++;
    if (used + 300 > sizeof report) return;
    used += (size_t)snprintf(report + used, sizeof report - used, "%s of %zu bytes: %s at %zu\n", where, len,
                             name, offset);
    if (getenv("SEARCHING_TRACE")) {
        fprintf(stderr, "%s of %zu bytes: %s at %zu\n", where, len, name, offset);
        backtrace_symbols_fd(frames, backtrace(frames, FRAMES), 2);
    }
}

__attribute__((no_sanitize("address"))) void searching_look(const char *where, const void *at, size_t len)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; part_count && i + PART <= len; i++) {
        unsigned b = beginning(bytes + i);
        if (!(first_two[b / 8] >> (b % 8) & 1)) continue;
        for (size_t k = 0; k < part_count; k++) {
            size_t n = 0;
            while (n < PART && bytes[i + n] == parts[k].bytes[n])
                n++;
            if (n == PART) note(where, len, i, parts[k].name);
        }
    }
}

size_t searching_found(void)
{
    return found;
}

const char *searching_report(void)
{
    return report;
}

void searching_reset(void)
{
    found = 0;
    report[0] = 0;
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static void *get(size_t size)
{
    calls++;
    if (fail_at && calls == fail_at) return NULL;
    piece *p = size > SIZE_MAX - sizeof(*p) ? NULL : malloc(sizeof(*p) + size);
    if (!p) return NULL;
    p->size = size;
    memset(p + 1, 0xa5, size);
    return p + 1;
}

static void put(void *ptr)
{
    if (!ptr) return;
    piece *p = (piece *)ptr - 1;
    searching_look("a block", ptr, p->size);
    memset(ptr, 0x5a, p->size);
    free(p);
}

static void *get_zeroed(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) return NULL;
    void *ptr = get(count * size);
    return ptr ? memset(ptr, 0, count * size) : NULL;
}

static void *resize(void *ptr, size_t size)
{
    void *grown = get(size);
    if (!grown || !ptr) return grown;
    size_t old = ((piece *)ptr - 1)->size;
    memcpy(grown, ptr, old < size ? old : size);
    put(ptr);
    return grown;
}

void searching_install(void)
{
    static const dor_allocator allocator = {get, get_zeroed, resize, put};
    calls = fail_at = 0;
    searching_forget();
    searching_reset();
    dor__set_allocator(&allocator);
    if (wolfSSL_SetAllocators(get, put, resize) != 0) abort();
}

void searching_fail_once_at(size_t n)
{
    calls = 0;
    fail_at = n;
}

size_t searching_calls(void)
{
    return calls;
}

/* ---- the stack --------------------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(DOR_PLAIN_MALLOC)

/* A sanitizer and valgrind have their own idea of stacks: there, released memory alone is looked through. */

bool searching_has_stack(void)
{
    return false;
}

void searching_checkpoint(const char *where)
{
    (void)where;
}

void searching_run(void (*fn)(void *arg), void *arg)
{
    fn(arg);
}

#else

bool searching_has_stack(void)
{
    return true;
}

static uint8_t *stack;
static ucontext_t outside, inside;
static void (*body)(void *);
static void *body_arg;
static const char *stop; /* why the inside has stopped: a checkpoint's name, or NULL at the end */
static uint8_t *alive;   /* frames from here up are in use */

static void enter(void)
{
    body(body_arg);
    stop = NULL;
}

__attribute__((noinline)) void searching_checkpoint(const char *where)
{
    stop = where;
    alive = __builtin_frame_address(0);
    swapcontext(&inside, &outside);
}

void searching_run(void (*fn)(void *arg), void *arg)
{
    body = fn;
    body_arg = arg;
    stack = malloc(STACK_LEN);
    if (!stack || getcontext(&inside) != 0) abort();
    memset(stack, 0xa5, STACK_LEN);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = STACK_LEN;
    inside.uc_link = &outside;
    makecontext(&inside, enter, 0);
    for (;;) {
        swapcontext(&outside, &inside);
        if (!stop) break;
        /* The red zone and what swapcontext pushed are below the frame's address, too; neither is ours to blame. */
        searching_look(stop, stack, (size_t)(alive - stack));
    }
    searching_look("the stack, at the end", stack, STACK_LEN);
    free(stack);
}

#endif
