/* test_crypto_base64.c - RFC 4648's vectors, PEM's lines, and what is no base64. */
#include "crypto/base64.h"
#include "support/counting_alloc.h"

#include <criterion/criterion.h>

#define OK(expr) cr_assert(dor__ok(expr))

static void decodes(const char *text, const char *expected)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    OK(dor__base64_decode(dor__span_str(text), &out));
    cr_assert(dor__span_equal(dor__bytes_span(&out), dor__span_str(expected)), "%s", text);
    dor__bytes_free(&out);
}

static void refuses(dor_span text)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    cr_assert_eq(dor__base64_decode(text, &out).code, DOR_E_FILE_MALFORMED, "%.*s", (int)text.len,
                 (const char *)text.ptr);
    dor__bytes_free(&out);
}

Test(crypto_base64, rfc_4648)
{
    decodes("", "");
    decodes("Zg==", "f");
    decodes("Zm8=", "fo");
    decodes("Zm9v", "foo");
    decodes("Zm9vYg==", "foob");
    decodes("Zm9vYmE=", "fooba");
    decodes("Zm9vYmFy", "foobar");
    decodes("+/+/", "\xfb\xff\xbf");
}

Test(crypto_base64, white_space_anywhere)
{
    decodes("  Z m\n9\r\nv\tY\v\fmFy\n\n", "foobar");
    decodes("Z\nm\n8\n=\n", "fo");
    decodes(" \r\n ", "");
}

Test(crypto_base64, what_is_no_base64)
{
    static const char *const texts[] = {"Z",
                                        "Zg",
                                        "Zg=",
                                        "Zm9vY",
                                        "=",
                                        "====",
                                        "Z===",
                                        "Zg=a",
                                        "Zm8=Zm9v",
                                        "Zg==Zg==",
                                        "Zm9v=",
                                        "Zm9v====",
                                        "Zm9-",
                                        "Zm_v",
                                        "Zm9v!",
                                        "Zg== =",
                                        "\xc3\xa4\xc3\xa4",
                                        "Zm9v\x7f\x7f\x7f\x7f"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refuses(dor__span_str(texts[i]));
    refuses(dor__span("Zm\0v", 4));
    refuses(dor__span("\0\0\0\0", 4));
    refuses(dor__span("Zm9v\0\0\0\0", 8));
    /* Padding that ends exactly where a group of 64 characters does, and something behind it. */
    char text[80];
    memset(text, 'A', sizeof(text));
    text[63] = '=';
    dor_bytes out = DOR_BYTES_EMPTY;
    OK(dor__base64_decode(dor__span(text, 64), &out));
    cr_assert_eq(out.len, 47);
    dor__bytes_free(&out);
    refuses(dor__span(text, 68));
    text[64] = '=';
    refuses(dor__span(text, 65));
    text[62] = '=';
    refuses(dor__span(text, 66));
}

Test(crypto_base64, every_byte_value_alone)
{
    for (int c = 0; c < 256; c++) {
        char text[4] = {'A', (char)c, 'A', 'A'};
        bool valid = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                     c == '/';
        dor_bytes out = DOR_BYTES_EMPTY;
        cr_assert_eq(dor__ok(dor__base64_decode(dor__span(text, 4), &out)), valid, "%d", c);
        dor__bytes_free(&out);
    }
}

Test(crypto_base64, round_trips_of_every_length)
{
    uint8_t data[500];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 89 + (i >> 3));
    for (size_t len = 0; len < sizeof(data); len++) {
        dor_bytes text = DOR_BYTES_EMPTY, back = DOR_BYTES_EMPTY;
        OK(dor__base64_encode(dor__span(data, len), &text));
        size_t chars = (len + 2) / 3 * 4;
        cr_assert_eq(text.len, chars + (chars + 63) / 64);
        for (size_t i = 0; i < text.len; i++)
            cr_assert_eq(text.ptr[i] == '\n', i % 65 == 64 || i == text.len - 1);
        OK(dor__base64_decode(dor__bytes_span(&text), &back));
        cr_assert(dor__span_equal(dor__bytes_span(&back), dor__span(data, len)));
        dor__bytes_free(&text);
        dor__bytes_free(&back);
    }
}

Test(crypto_base64, appends_and_may_run_out_of_memory)
{
    counting_alloc_install();
    dor_bytes out = DOR_BYTES_EMPTY;
    OK(dor__bytes_append(&out, dor__span_str("> ")));
    OK(dor__base64_encode(dor__span_str("foo"), &out));
    cr_assert(dor__span_equal(dor__bytes_span(&out), dor__span_str("> Zm9v\n")));
    counting_alloc_fail_at(1);
    dor_bytes other = DOR_BYTES_EMPTY;
    cr_assert_eq(dor__base64_decode(dor__span_str("Zm9v"), &other).code, DOR_E_NOMEM);
    cr_assert_eq(dor__base64_encode(dor__span_str("foo"), &other).code, DOR_E_NOMEM);
    counting_alloc_fail_at(0);
    dor__bytes_free(&out);
    cr_assert_eq(counting_alloc_pieces(), 0);
}
