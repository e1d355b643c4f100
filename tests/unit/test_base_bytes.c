/* test_base_bytes.c - growable bytes, the writer and the reader: edges, failures, and that nothing is left behind. */
#include "base/alloc.h"
#include "base/reader.h"
#include "base/writer.h"
#include "support/counting_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define OK(expr)         cr_assert(dor__ok(expr))
#define FAILS(expr, why) cr_assert_eq((expr).code, (why))

static const int decode_error =
    DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);

Test(base_bytes, append_grows_and_keeps)
{
    dor_bytes b = DOR_BYTES_EMPTY;
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        OK(dor__bytes_append(&b, dor__span(&byte, 1)));
    }
    cr_assert_eq(b.len, 5000);
    for (unsigned i = 0; i < 5000; i++)
        cr_assert_eq(b.ptr[i], (uint8_t)(i * 7));
    dor__bytes_free(&b);
    cr_assert_null(b.ptr);
    cr_assert_eq(b.len, 0);
    OK(dor__bytes_append(&b, dor__span_str("again")));
    dor__bytes_free(&b);
    dor__bytes_free(&b);
}

Test(base_bytes, growth_is_geometric)
{
    counting_alloc_install();
    dor_bytes b = DOR_BYTES_EMPTY;
    for (unsigned i = 0; i < 1 << 16; i++)
        OK(dor__bytes_append(&b, dor__span("x", 1)));
    cr_assert_leq(counting_alloc_calls(), 12);
    dor__bytes_free(&b);
    cr_assert_eq(counting_alloc_pieces(), 0);
}

/* Up to a bound that is known; and beyond it, where it was none. */
Test(base_bytes, growth_within_a_bound)
{
    static const size_t bounds[] = {1, 63, 64, 65, 1000, 16406, 65540};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        dor_bytes b = DOR_BYTES_EMPTY;
        for (size_t n = 0; n < bounds[i]; n++) {
            cr_assert(dor__ok(dor__bytes_reserve_within(&b, 1, bounds[i])));
            cr_assert(dor__ok(dor__bytes_append(&b, dor__span_str("x"))));
            cr_assert_leq(b.cap, bounds[i]);
            cr_assert_leq(b.cap, n < 32 ? 64 : 2 * (n + 1) + bounds[i] / 64);
        }
        cr_assert_eq(b.cap, bounds[i]);
        cr_assert(dor__ok(dor__bytes_reserve_within(&b, 10, bounds[i])));
        cr_assert_geq(b.cap, bounds[i] + 10);
        cr_assert(dor__failed(dor__bytes_reserve_within(&b, SIZE_MAX, bounds[i])));
        dor__bytes_free(&b);
    }
}

Test(base_bytes, empty_append_allocates_nothing)
{
    counting_alloc_install();
    dor_bytes b = DOR_BYTES_EMPTY;
    OK(dor__bytes_append(&b, DOR_SPAN_EMPTY));
    OK(dor__bytes_reserve(&b, 0));
    dor__bytes_drop_front(&b, 0);
    cr_assert_eq(counting_alloc_calls(), 0);
}

Test(base_bytes, failed_reserve_leaves_them)
{
    counting_alloc_install();
    dor_bytes b = DOR_BYTES_EMPTY;
    OK(dor__bytes_append(&b, dor__span_str("hello")));
    counting_alloc_fail_at(1);
    FAILS(dor__bytes_reserve(&b, 1000), DOR_E_NOMEM);
    FAILS(dor__bytes_reserve(&b, SIZE_MAX), DOR_E_NOMEM);
    FAILS(dor__bytes_reserve(&b, SIZE_MAX - 5), DOR_E_NOMEM);
    cr_assert(dor__span_equal(dor__bytes_span(&b), dor__span_str("hello")));
    counting_alloc_fail_at(0);
    dor__bytes_free(&b);
}

/* An allocator that looks at what it gets back. */
static size_t dirty;

static void checking_free(void *ptr)
{
    for (size_t i = 0; i < 64; i++) /* the first capacity */
        dirty += ((uint8_t *)ptr)[i] != 0;
    free(ptr);
}

Test(base_bytes, memory_is_wiped_before_it_goes)
{
    const dor_allocator a = {malloc, calloc, realloc, checking_free};
    dor__set_allocator(&a);
    dor_bytes b = DOR_BYTES_EMPTY;
    for (unsigned i = 0; i < 300; i++)
        OK(dor__bytes_append(&b, dor__span("S", 1)));
    b.ptr[b.len] = 'S'; /* behind the length too */
    dor__bytes_free(&b);
    cr_assert_eq(dirty, 0);
    dor__set_allocator(NULL);
}

Test(base_bytes, drop_front)
{
    dor_bytes b = DOR_BYTES_EMPTY;
    OK(dor__bytes_append(&b, dor__span_str("abcdefgh")));
    dor__bytes_drop_front(&b, 3);
    cr_assert(dor__span_equal(dor__bytes_span(&b), dor__span_str("defgh")));
    for (size_t i = 5; i < 8; i++)
        cr_assert_eq(b.ptr[i], 0, "what moved away is wiped");
    dor__bytes_drop_front(&b, 5);
    cr_assert_eq(b.len, 0);
    dor__bytes_free(&b);
}

Test(base_writer, integers_are_big_endian)
{
    static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    dor_bytes w = DOR_BYTES_EMPTY;
    OK(wr_u8(&w, 0x01));
    OK(wr_u16(&w, 0x0203));
    OK(wr_u24(&w, 0x040506));
    OK(wr_u32(&w, 0x0708090a));
    OK(wr_u64(&w, 0x0b0c0d0e0f101112));
    cr_assert(dor__span_equal(dor__bytes_span(&w), dor__span(expected, sizeof(expected))));
    FAILS(wr_u24(&w, 0x1000000), DOR_E_INTERNAL);
    cr_assert_eq(w.len, sizeof(expected));
    dor__bytes_free(&w);
}

Test(base_writer, vectors_get_their_length)
{
    static const uint8_t expected[] = {9, 0, 3, 'a', 'b', 'c', 0, 0, 1, 'd'};
    dor_bytes w = DOR_BYTES_EMPTY;
    size_t outer, middle;
    OK(wr_begin(&w, 1, &outer));
    OK(wr_begin(&w, 2, &middle));
    OK(wr_bytes(&w, dor__span_str("abc")));
    OK(wr_end(&w, 2, middle));
    OK(wr_vec(&w, 3, dor__span_str("d")));
    OK(wr_end(&w, 1, outer));
    cr_assert(dor__span_equal(dor__bytes_span(&w), dor__span(expected, sizeof(expected))));
    dor__bytes_free(&w);
}

Test(base_writer, lengths_that_do_not_fit)
{
    static const uint8_t zeros[70000];
    dor_bytes w = DOR_BYTES_EMPTY;
    size_t mark;
    FAILS(wr_begin(&w, 0, &mark), DOR_E_INTERNAL);
    FAILS(wr_begin(&w, 4, &mark), DOR_E_INTERNAL);
    FAILS(wr_vec(&w, 1, dor__span(zeros, 256)), DOR_E_INTERNAL);
    FAILS(wr_vec(&w, 2, dor__span(zeros, 65536)), DOR_E_INTERNAL);
    cr_assert_eq(w.len, 0);
    OK(wr_vec(&w, 1, dor__span(zeros, 255)));
    OK(wr_vec(&w, 2, dor__span(zeros, 65535)));
    OK(wr_vec(&w, 3, dor__span(zeros, 65536)));
    OK(wr_begin(&w, 1, &mark));
    OK(wr_bytes(&w, dor__span(zeros, 256)));
    FAILS(wr_end(&w, 1, mark), DOR_E_INTERNAL);
    FAILS(wr_end(&w, 2, w.len), DOR_E_INTERNAL);
    dor__bytes_free(&w);
}

Test(base_writer, every_allocation_may_fail)
{
    static const uint8_t some[100];
    counting_alloc_install();
    for (size_t n = 1; n < 4; n++) {
        dor_bytes w = DOR_BYTES_EMPTY;
        counting_alloc_fail_at(n);
        dor_result r = DOR_SUCCESS;
        for (int i = 0; i < 4 && dor__ok(r); i++)
            r = wr_vec(&w, 2, dor__span(some, sizeof(some)));
        FAILS(r, DOR_E_NOMEM);
        counting_alloc_fail_at(0);
        dor__bytes_free(&w);
        cr_assert_eq(counting_alloc_pieces(), 0);
    }
}

Test(base_reader, integers)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    dor_reader r = rd_from(dor__span(in, sizeof(in)));
    uint8_t a;
    uint16_t b;
    uint32_t c, d;
    uint64_t e;
    OK(rd_u8(&r, &a));
    OK(rd_u16(&r, &b));
    OK(rd_u24(&r, &c));
    OK(rd_u32(&r, &d));
    OK(rd_u64(&r, &e));
    OK(rd_end(&r));
    cr_assert_eq(a, 1);
    cr_assert_eq(b, 0x0203);
    cr_assert_eq(c, 0x040506);
    cr_assert_eq(d, 0x0708090a);
    cr_assert_eq(e, 0x0b0c0d0e0f101112);
    FAILS(rd_u8(&r, &a), decode_error);
}

Test(base_reader, one_byte_too_few_takes_nothing)
{
    static const uint8_t in[8];
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t e;
    dor_span s;
    dor_reader r = rd_from(dor__span(in, 0));
    FAILS(rd_u8(&r, &a), decode_error);
    r = rd_from(dor__span(in, 1));
    FAILS(rd_u16(&r, &b), decode_error);
    cr_assert_eq(rd_left(&r), 1);
    r = rd_from(dor__span(in, 2));
    FAILS(rd_u24(&r, &c), decode_error);
    r = rd_from(dor__span(in, 3));
    FAILS(rd_u32(&r, &c), decode_error);
    r = rd_from(dor__span(in, 7));
    FAILS(rd_u64(&r, &e), decode_error);
    FAILS(rd_bytes(&r, &s, 8), decode_error);
    FAILS(rd_end(&r), decode_error);
    cr_assert_eq(rd_left(&r), 7);
    s = rd_rest(&r);
    cr_assert_eq(s.len, 7);
    OK(rd_end(&r));
}

Test(base_reader, vectors_within_their_bounds)
{
    static const uint8_t in[] = {3, 'a', 'b', 'c', 0, 2, 'd', 'e', 0, 0, 1, 'f'};
    dor_reader r = rd_from(dor__span(in, sizeof(in)));
    dor_span s;
    OK(rd_vec8(&r, &s, 0, 32));
    cr_assert(dor__span_equal(s, dor__span_str("abc")));
    OK(rd_vec16(&r, &s, 2, 2));
    cr_assert(dor__span_equal(s, dor__span_str("de")));
    OK(rd_vec24(&r, &s, 1, 100));
    cr_assert(dor__span_equal(s, dor__span_str("f")));
    OK(rd_end(&r));

    r = rd_from(dor__span(in, sizeof(in)));
    FAILS(rd_vec8(&r, &s, 4, 32), decode_error);
    r = rd_from(dor__span(in, sizeof(in)));
    FAILS(rd_vec8(&r, &s, 0, 2), decode_error);
    r = rd_from(dor__span(in, 3));
    FAILS(rd_vec8(&r, &s, 0, 32), decode_error);
    r = rd_from(dor__span(in + 4, 3));
    FAILS(rd_vec16(&r, &s, 0, 32), decode_error);
    r = rd_from(dor__span(in + 8, 3));
    FAILS(rd_vec24(&r, &s, 0, 32), decode_error);
}

Test(base_reader, nothing_at_all)
{
    dor_reader r = rd_from(DOR_SPAN_EMPTY);
    dor_span s;
    cr_assert_eq(rd_left(&r), 0);
    OK(rd_end(&r));
    OK(rd_bytes(&r, &s, 0));
    cr_assert_eq(s.len, 0);
    s = rd_rest(&r);
    cr_assert_eq(s.len, 0);
}
