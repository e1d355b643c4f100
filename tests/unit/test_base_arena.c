/* test_base_arena.c - arenas: alignment, limits, failures, wiping; and the constant-time helpers and the allocator. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/ct.h"
#include "support/counting_alloc.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdlib.h>

Test(base_arena, pieces_are_zeroed_aligned_and_apart)
{
    dor_arena a;
    uint8_t *pieces[200];
    dor__arena_init(&a, 1 << 20);
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * 13 % 400;
        pieces[i] = dor__arena_alloc(&a, size);
        cr_assert_not_null(pieces[i]);
        cr_assert_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < size; j++)
            cr_assert_eq(pieces[i][j], 0);
        memset(pieces[i], (int)i, size);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * 13 % 400; j++)
            cr_assert_eq(pieces[i][j], (uint8_t)i);
    dor__arena_fini(&a);
    cr_assert_null(a.blocks);
}

Test(base_arena, large_pieces_do_not_end_the_block)
{
    counting_alloc_install();
    dor_arena a;
    dor__arena_init(&a, 1 << 20);
    uint8_t *first = dor__arena_alloc(&a, 16);
    cr_assert_not_null(dor__arena_alloc(&a, 100000));
    uint8_t *second = dor__arena_alloc(&a, 16);
    cr_assert_eq(second, first + 16);
    cr_assert_eq(counting_alloc_calls(), 2);
    dor__arena_fini(&a);
    cr_assert_eq(counting_alloc_pieces(), 0);
}

Test(base_arena, limit)
{
    dor_arena a;
    dor_span copy;
    dor__arena_init(&a, 100);
    cr_assert_not_null(dor__arena_alloc(&a, 90));
    cr_assert_eq(a.used, 96, "a piece counts with its padding");
    cr_assert_null(dor__arena_alloc(&a, 16));
    cr_assert_eq(dor__arena_copy(&a, dor__span_str("0123456789"), &copy).code, DOR_E_LIMIT);
    cr_assert_null(dor__arena_alloc(&a, SIZE_MAX));
    cr_assert_null(dor__arena_alloc(&a, SIZE_MAX - 16));
    dor__arena_fini(&a);
    cr_assert_not_null(dor__arena_alloc(&a, 90), "usable again afterwards");
    dor__arena_fini(&a);
    dor__arena_init(&a, 0);
    cr_assert_null(dor__arena_alloc(&a, 0));
    dor__arena_fini(&a);
}

Test(base_arena, copy)
{
    dor_arena a;
    dor_span copy = dor__span_str("before");
    char text[] = "secret";
    dor__arena_init(&a, 1000);
    cr_assert(dor__ok(dor__arena_copy(&a, dor__span_str(text), &copy)));
    text[0] = 'x';
    cr_assert(dor__span_equal(copy, dor__span_str("secret")));
    cr_assert(dor__ok(dor__arena_copy(&a, DOR_SPAN_EMPTY, &copy)));
    cr_assert_eq(copy.len, 0);
    dor__arena_fini(&a);
}

Test(base_arena, out_of_memory)
{
    counting_alloc_install();
    dor_arena a;
    dor_span copy;
    dor__arena_init(&a, 1 << 20);
    counting_alloc_fail_at(1);
    cr_assert_null(dor__arena_alloc(&a, 10));
    cr_assert_eq(dor__arena_copy(&a, dor__span_str("abc"), &copy).code, DOR_E_NOMEM);
    cr_assert_eq(a.used, 0);
    counting_alloc_fail_at(0);
    cr_assert_not_null(dor__arena_alloc(&a, 10));
    dor__arena_fini(&a);
}

static size_t dirty, freed;

static void checking_free(void *ptr)
{
    const uint8_t *bytes = ptr;
    for (size_t i = 0; i < 200; i++)
        dirty += bytes[i] != 0;
    freed++;
    free(ptr);
}

Test(base_arena, memory_is_wiped_before_it_goes)
{
    const dor_allocator allocator = {malloc, calloc, realloc, checking_free};
    dor_arena a;
    dor__set_allocator(&allocator);
    dor__arena_init(&a, 1 << 20);
    memset(dor__arena_alloc(&a, 300), 'S', 300);
    memset(dor__arena_alloc(&a, 5000), 'S', 5000);
    dor__arena_fini(&a);
    cr_assert_eq(freed, 2);
    cr_assert_eq(dirty, 0);
    dor__set_allocator(NULL);
}

Test(base_alloc, freeing_nothing)
{
    dor__free(NULL);
    dor__free_wiped(NULL, 100);
}

Test(base_alloc, libc_behind_it)
{
    uint8_t *p = dor__calloc(10, 10);
    cr_assert_not_null(p);
    cr_assert_eq(p[99], 0);
    p = dor__realloc(p, 1000);
    cr_assert_not_null(p);
    dor__free_wiped(p, 1000);
}

Test(base_ct, equal)
{
    uint8_t a[64], b[64];
    for (size_t i = 0; i < 64; i++)
        a[i] = b[i] = (uint8_t)(i * 37);
    cr_assert(dor__ct_equal(a, b, 64));
    cr_assert(dor__ct_equal(a, b, 0));
    for (size_t bit = 0; bit < 64 * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(dor__ct_equal(a, b, 64));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(base_ct, masks)
{
    cr_assert_eq(dor__ct_mask_nonzero(0), 0);
    for (int bit = 0; bit < 32; bit++)
        cr_assert_eq(dor__ct_mask_nonzero(1u << bit), UINT32_MAX);
    cr_assert_eq(dor__ct_mask_nonzero(UINT32_MAX), UINT32_MAX);
    cr_assert_eq(dor__ct_select(UINT32_MAX, 5, 9), 5);
    cr_assert_eq(dor__ct_select(0, 5, 9), 9);
}

Test(base_ct, wipe)
{
    uint8_t bytes[9];
    memset(bytes, 'S', sizeof(bytes));
    dor__wipe(bytes + 1, 7);
    dor__wipe(bytes, 0);
    dor__wipe(NULL, 0);
    cr_assert_eq(bytes[0], 'S');
    cr_assert_eq(bytes[8], 'S');
    for (int i = 1; i < 8; i++)
        cr_assert_eq(bytes[i], 0);
}
