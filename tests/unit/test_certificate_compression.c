/*
 * zlib and brotli as certificates are compressed with them: there and back, shorter or not at all, and no peer's bytes that
 * come to more, less or something else than they say, or take more memory than they may.
 */
#include "ssl/certificate_compression.h"
#include "support/counting_alloc.h"
#include "support/pki.h"

#include <brotli/encode.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char *const names[] = {"zlib", "brotli"};

#define EACH(how)                                                                                            \
    for (size_t k_ = 0; k_ < 2; k_++)                                                                        \
        for (const dor_cert_compression *how = dor__cert_compression_by_name(names[k_]); how; how = NULL)

/* Something that can be compressed, but not to nothing. */
static void fill(uint8_t *data, size_t len)
{
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (uint8_t)(x >> 29);
    }
}

static bool there(dor_result r)
{
    return dor__ok(r);
}

/* Its maker's fault, and that is what the peer hears. */
static bool wrong(dor_result r)
{
    return r.code ==
           DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_DECOMPRESSION);
}

static void init(void)
{
    counting_alloc_install();
}

TestSuite(certificate_compression, .init = init, .timeout = 60);

Test(certificate_compression, names)
{
    cr_assert_eq(dor__cert_compression_by_name("zlib")->id, 1);
    cr_assert_eq(dor__cert_compression_by_name("brotli")->id, 2);
    cr_assert_null(dor__cert_compression_by_name("zstd"));
    cr_assert_null(dor__cert_compression_by_name(""));
}

Test(certificate_compression, there_and_back)
{
    static uint8_t in[65536], back[65536];
    static const size_t sizes[] = {100, 1000, 4096, 65535, 65536};
    fill(in, sizeof in);
    EACH(how)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dor_bytes out = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(dor__bytes_append(&out, dor__span_str("in front"))));
        cr_assert(dor__ok(how->compress(dor__span(in, sizes[i]), &out)));
        cr_assert_gt(out.len, 8u);
        cr_assert_lt(out.len, sizes[i], "%s", how->name);
        cr_assert_arr_eq(out.ptr, "in front", 8);
        cr_assert(there(how->decompress(dor__span(out.ptr + 8, out.len - 8), back, sizes[i])));
        cr_assert_arr_eq(back, in, sizes[i]);
        dor__bytes_free(&out);
    }
}

Test(certificate_compression, what_gets_no_shorter_stays)
{
    uint8_t in[64];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 151 + 7);
    EACH(how)
    {
        dor_bytes out = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(how->compress(dor__span(in, sizeof in), &out)));
        cr_assert_eq(out.len, 0u, "%s", how->name);
        cr_assert(dor__ok(how->compress(DOR_SPAN_EMPTY, &out)));
        cr_assert_eq(out.len, 0u, "%s", how->name);
        dor__bytes_free(&out);
    }
}

/* Exactly as long as it says, and all of it; nothing is written behind the end. */
Test(certificate_compression, another_length)
{
    static uint8_t in[3000], back[3001];
    fill(in, sizeof in);
    EACH(how)
    {
        dor_bytes out = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(how->compress(dor__span(in, sizeof in), &out)));
        cr_assert(wrong(how->decompress(dor__bytes_span(&out), back, sizeof in + 1)));
        for (size_t len = 1; len < sizeof in; len += 13) {
            memset(back, 0xee, sizeof back);
            cr_assert(wrong(how->decompress(dor__bytes_span(&out), back, len)), "%s %zu", how->name, len);
            cr_assert_eq(back[len], 0xee);
        }
        for (size_t len = 0; len < out.len; len++)
            cr_assert(wrong(how->decompress(dor__span(out.ptr, len), back, sizeof in)), "%s: cut", how->name);
        cr_assert(dor__ok(dor__bytes_append(&out, dor__span_str("x"))));
        cr_assert(wrong(how->decompress(dor__bytes_span(&out), back, sizeof in)), "%s: more behind",
                  how->name);
        dor__bytes_free(&out);
    }
}

/* 64 MiB of zeros in some kilobytes: no more than what was asked for comes out. */
Test(certificate_compression, bombs)
{
    const size_t size = (size_t)64 << 20;
    static uint8_t back[65537];
    uint8_t *zeros = calloc(1, size), *packed = malloc(1 << 20);
    uLongf zlib_len = 1 << 20;
    size_t brotli_len = 1 << 20;
    cr_assert(zeros && packed);
    cr_assert_eq(compress2(packed, &zlib_len, zeros, size, 9), Z_OK);
    back[65536] = 0xee;
    cr_assert(
        wrong(dor__cert_compression_by_name("zlib")->decompress(dor__span(packed, zlib_len), back, 65536)));
    cr_assert(BrotliEncoderCompress(1, 24, BROTLI_MODE_GENERIC, size, zeros, &brotli_len, packed));
    const size_t before = counting_alloc_pieces();
    cr_assert(wrong(
        dor__cert_compression_by_name("brotli")->decompress(dor__span(packed, brotli_len), back, 65536)));
    cr_assert_eq(counting_alloc_pieces(), before);
    cr_assert_eq(back[65536], 0xee);
    free(zeros);
    free(packed);
}

/* As others make it, brotli with a window as large as it gets. */
Test(certificate_compression, what_others_have_compressed)
{
    static uint8_t in[5000], back[5000], packed[10000];
    fill(in, sizeof in);
    for (int quality = 0; quality <= 11; quality++)
        for (int window = 10; window <= 24; window += 2) {
            size_t len = sizeof packed;
            cr_assert(
                BrotliEncoderCompress(quality, window, BROTLI_MODE_GENERIC, sizeof in, in, &len, packed));
            cr_assert(there(dor__cert_compression_by_name("brotli")->decompress(dor__span(packed, len), back,
                                                                                sizeof in)),
                      "quality %d, window %d", quality, window);
            cr_assert_arr_eq(back, in, sizeof in);
        }
    for (int level = 0; level <= 9; level++) {
        uLongf len = sizeof packed;
        cr_assert_eq(compress2(packed, &len, in, sizeof in, level), Z_OK);
        cr_assert(there(
            dor__cert_compression_by_name("zlib")->decompress(dor__span(packed, len), back, sizeof in)));
        cr_assert_arr_eq(back, in, sizeof in);
    }
}

/* Never a crash, never more than there is room for. */
Test(certificate_compression, flipped_bits)
{
    static uint8_t in[500], back[501];
    fill(in, sizeof in);
    EACH(how)
    {
        dor_bytes out = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(how->compress(dor__span(in, sizeof in), &out)));
        back[500] = 0xee;
        for (size_t bit = 0; bit < 8 * out.len; bit++) {
            out.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)how->decompress(dor__bytes_span(&out), back, sizeof in);
            cr_assert_eq(back[500], 0xee);
            out.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        cr_assert(there(how->decompress(dor__bytes_span(&out), back, sizeof in)));
        dor__bytes_free(&out);
    }
}

/* Without memory it is nobody's fault, and no certificate is called bad for it. */
static void each_allocation_fails(const dor_cert_compression *how, bool there, dor_span in, dor_span packed)
{
    static uint8_t back[3000];
    const size_t before = counting_alloc_pieces();
    for (size_t n = 1;; n++) {
        dor_bytes out = DOR_BYTES_EMPTY;
        counting_alloc_fail_once_at(n);
        dor_result r = there ? how->compress(in, &out) : how->decompress(packed, back, in.len);
        const bool done = counting_alloc_calls() < n;
        counting_alloc_fail_at(0);
        dor__bytes_free(&out);
        cr_assert_eq(counting_alloc_pieces(), before, "%s: something was left", how->name);
        cr_assert_eq(r.code, done ? DOR_OK : DOR_E_NOMEM, "%s, %d, allocation %zu", how->name, there, n);
        if (done) break;
    }
}

Test(certificate_compression, without_memory)
{
    static uint8_t in[3000];
    fill(in, sizeof in);
    EACH(how)
    {
        dor_bytes packed = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(how->compress(dor__span(in, sizeof in), &packed)));
        for (int there = 0; there < 2; there++)
            each_allocation_fails(how, there, dor__span(in, sizeof in), dor__bytes_span(&packed));
        dor__bytes_free(&packed);
    }
}

/* Its encoder would end the process without memory: what it is given beforehand has to be enough, whatever the input. */
Test(certificate_compression, brotli_needs_no_more)
{
    static uint8_t in[65536];
    const dor_cert_compression *brotli = dor__cert_compression_by_name("brotli");
    uint32_t x = 7;
    for (unsigned shift = 0; shift <= 32; shift += 4) { /* from noise to zeros */
        for (size_t i = 0; i < sizeof in; i++) {
            x = x * 1664525 + 1013904223;
            in[i] = shift < 32 ? (uint8_t)((x >> 24) & (0xffu >> shift / 4)) : 0;
        }
        for (size_t len = sizeof in; len > 0; len /= 3) {
            dor_bytes out = DOR_BYTES_EMPTY;
            counting_alloc_fail_at(3); /* the piece, and where it goes */
            cr_assert(dor__ok(brotli->compress(dor__span(in, len), &out)));
            cr_assert_leq(counting_alloc_calls(), 2u, "%zu bytes, %u", len, shift);
            counting_alloc_fail_at(0);
            dor__bytes_free(&out);
        }
    }
}
