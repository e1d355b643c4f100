/* Headers of the PROXY protocol: the specification's forms, in pieces, damaged, and put together again. */
#include "proxy/proxy.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) ((dor_span){(const uint8_t *)(text), sizeof(text) - 1})

enum { MAX = 4096 };

static dor_result parse(dor_span data, dor_proxy_header *h)
{
    size_t len = 0;
    dor_result r = dor__proxy_find_end(data, MAX, &len);
    if (dor__failed(r)) return r;
    cr_assert_eq(len, data.len);
    return dor__proxy_parse(data, h);
}

static int line(const char *text)
{
    dor_proxy_header h;
    size_t len = 0;
    dor_result r = dor__proxy_find_end(dor__span_str(text), MAX, &len);
    if (dor__ok(r) && len == 0) return 1;
    return dor__ok(r) ? dor__proxy_parse(dor__span(text, len), &h).code : r.code;
}

Test(proxy, lines)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", DOR_OK},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", DOR_OK},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
         "65535\r\n",
         DOR_OK},
        {"PROXY TCP6 ::1 2001:DB8::2 0 1\r\n", DOR_OK},
        {"PROXY UNKNOWN\r\n", DOR_OK},
        {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535\r\n",
         DOR_OK},
        {"PROXY UNKNOWN anything at all\r\n", DOR_OK},
        {"PROXY UNKNOWNS\r\n", DOR_E_PROXY_FAMILY},
        {"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", DOR_E_PROXY_FAMILY},
        {"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", DOR_E_PROXY_FAMILY},
        {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", DOR_E_PROXY_FAMILY},
        {"PROXY \r\n", DOR_E_PROXY_FAMILY},
        {"PROXY TCP4\r\n", DOR_E_PROXY_FAMILY},
        {"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 ::1 ::1 1 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", DOR_E_PROXY_ADDRESS},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", DOR_E_PROXY_SYNTAX},
        {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx", DOR_E_PROXY_SYNTAX},
        {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535 \r\n",
         DOR_E_PROXY_TOO_LONG},
        {"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", DOR_E_PROXY_MISSING},
        {"PROXYTCP4", DOR_E_PROXY_MISSING},
        {"GET / HTTP/1.1\r\n", DOR_E_PROXY_MISSING},
        {"\x16\x03\x01", DOR_E_PROXY_MISSING},
        {"\r\n\r\nx", DOR_E_PROXY_MISSING},
        {"PRO", 1},
        {"\r\n\r\n", 1},
        {"", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(line(cases[i].text), cases[i].code, "%s: %x", cases[i].text, line(cases[i].text));
}

Test(proxy, what_a_line_says)
{
    dor_proxy_header h;
    cr_assert(dor__ok(parse(BYTES("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"), &h)));
    cr_expect_eq(h.version, 1);
    cr_expect_eq(h.family, DOR_PROXY_IPV4);
    cr_expect_eq(memcmp(h.source.ip, "\xc0\xa8\0\1", 4), 0);
    cr_expect_eq(memcmp(h.destination.ip, "\xc0\xa8\0\x0b", 4), 0);
    cr_expect_eq(h.source.port, 56324);
    cr_expect_eq(h.destination.port, 443);
}

Test(proxy, blocks)
{
    const struct {
        dor_span data;
        int code;
    } cases[] = {
        {BYTES(SIGNATURE "\x20\x00\x00\x00"), DOR_OK},
        {BYTES(SIGNATURE "\x20\x77\x00\x03xyz"), DOR_OK}, /* LOCAL: whatever it holds is skipped */
        {BYTES(SIGNATURE "\x21\x00\x00\x02xy"), DOR_OK},
        {BYTES(SIGNATURE "\x21\x12\x00\x0c"
                         "abcdefghijkl"),
         DOR_OK}, /* UDP: as if unspecified */
        {BYTES(SIGNATURE "\x21\x11\x00\x0c\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb"), DOR_OK},
        {BYTES(SIGNATURE "\x21\x11\x00\x0f\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x04\0\0"), DOR_OK},
        {BYTES(SIGNATURE "\x21\x11\x00\x11\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x01\0\x02h2"), DOR_OK},
        {BYTES(SIGNATURE "\x21\x11\x00\x0b\1\2\3\4\5\6\7\x08\x01\xbb\x20"), DOR_E_PROXY_ADDRESS},
        {BYTES(SIGNATURE "\x21\x31\x00\x01x"), DOR_E_PROXY_ADDRESS},
        {BYTES(SIGNATURE "\x21\x11\x00\x0e\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x04\0"), DOR_E_PROXY_TLV},
        {BYTES(SIGNATURE "\x21\x11\x00\x0f\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x04\0\1"), DOR_E_PROXY_TLV},
        {BYTES(SIGNATURE "\x21\x11\x00\x12\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x01\0\0\x01\0\0"),
         DOR_E_PROXY_TLV},
        {BYTES(SIGNATURE "\x21\x11\x00\x12\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x20\0\3\1\0\0"),
         DOR_E_PROXY_TLV},
        {BYTES(SIGNATURE "\x21\x11\x00\x12\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x03\0\3\0\0\0"),
         DOR_E_PROXY_TLV},
        {BYTES(SIGNATURE "\x21\x11\x00\x13\1\2\3\4\5\6\7\x08\x01\xbb\x20\xfb\x03\0\4\0\0\0\0"),
         DOR_E_PROXY_CHECKSUM},
        {BYTES(SIGNATURE "\x11"), DOR_E_PROXY_VERSION},
        {BYTES(SIGNATURE "\x22\x11"), DOR_E_PROXY_COMMAND},
        {BYTES(SIGNATURE "\x21\x41"), DOR_E_PROXY_FAMILY},
        {BYTES(SIGNATURE "\x21\x13"), DOR_E_PROXY_FAMILY},
        {BYTES(SIGNATURE "\x21\x11\x0f\xf1"), DOR_E_PROXY_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dor_proxy_header h;
        cr_expect_eq(parse(cases[i].data, &h).code, cases[i].code, "%zu", i);
    }
}

/* RFC 3720 appendix B.4. */
Test(proxy, crc32c)
{
    uint8_t bytes[32] = {0};
    cr_expect_eq(dor__crc32c(0, dor__span(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    cr_expect_eq(dor__crc32c(0, dor__span(bytes, 32)), 0x62a8ab43);
    cr_expect_eq(dor__crc32c(dor__crc32c(0, BYTES("1234")), BYTES("56789")), 0xe3069283);
}

static void same(dor_span a, dor_span b)
{
    cr_expect(dor__span_equal(a, b));
    cr_expect_eq(a.ptr == NULL, b.ptr == NULL);
}

static dor_proxy_header full(void)
{
    return (dor_proxy_header){.version = 2,
                              .family = DOR_PROXY_IPV6,
                              .has_crc32c = true,
                              .has_ssl = true,
                              .source = {.ip = "\x20\x01\x0d\xb8 0123456789", .port = 1},
                              .destination = {.ip = "abcdefghijklmno", .port = 65535},
                              .alpn = BYTES("h2"),
                              .authority = BYTES("example.org"),
                              .unique_id = BYTES("\0\1\2"),
                              .netns = BYTES(""),
                              .ssl = {.client = 7,
                                      .verify = 0x80000001,
                                      .version = BYTES("TLSv1.3"),
                                      .common_name = BYTES("somebody"),
                                      .cipher = BYTES("TLS_AES_128_GCM_SHA256"),
                                      .sig_alg = BYTES("SHA256"),
                                      .key_alg = BYTES("EC256")}};
}

Test(proxy, written_and_read_again)
{
    dor_bytes bytes = DOR_BYTES_EMPTY;
    dor_proxy_header h = full(), back;
    cr_assert(dor__ok(dor__proxy_write(&h, &bytes)));
    cr_assert(dor__ok(parse(dor__bytes_span(&bytes), &back)));
    cr_expect_eq(memcmp(h.source.ip, back.source.ip, 16), 0);
    cr_expect_eq(memcmp(h.destination.ip, back.destination.ip, 16), 0);
    cr_expect_eq(back.destination.port, 65535);
    cr_expect(back.has_crc32c && back.has_ssl && !back.local);
    cr_expect_eq(back.ssl.client, 7);
    cr_expect_eq(back.ssl.verify, 0x80000001);
    same(back.alpn, h.alpn);
    same(back.authority, h.authority);
    same(back.unique_id, h.unique_id);
    same(back.netns, h.netns);
    same(back.ssl.version, h.ssl.version);
    same(back.ssl.common_name, h.ssl.common_name);
    same(back.ssl.cipher, h.ssl.cipher);
    same(back.ssl.sig_alg, h.ssl.sig_alg);
    same(back.ssl.key_alg, h.ssl.key_alg);
    for (size_t i = 0; i < bytes.len; i++) { /* in pieces, nothing is believed before the end */
        size_t len = 1;
        cr_assert(dor__ok(dor__proxy_find_end(dor__span(bytes.ptr, i), MAX, &len)));
        cr_assert_eq(len, 0);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) { /* the checksum sees each, where there is one */
        bytes.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        size_t len = 0;
        dor_result r = dor__proxy_find_end(dor__bytes_span(&bytes), MAX, &len);
        bool whole = dor__ok(r) && len == bytes.len;
        if (whole) r = dor__proxy_parse(dor__bytes_span(&bytes), &back);
        bool unseen =
            whole && dor__ok(r) && !back.has_crc32c; /* discarded, or the checksum itself is renamed */
        cr_assert(!whole || dor__failed(r) || unseen, "bit %zu", bit);
        bytes.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    dor__bytes_free(&bytes);
}

Test(proxy, what_cannot_be_written)
{
    uint8_t many[5000] = {0};
    dor_bytes bytes = DOR_BYTES_EMPTY;
    dor_proxy_header h = full();
    h.unique_id = dor__span(many, 129);
    cr_expect_eq(dor__proxy_write(&h, &bytes).code, DOR_E_BADARG);
    h = full();
    h.ssl.cipher = dor__span(many, 5000);
    cr_expect_eq(dor__proxy_write(&h, &bytes).code, DOR_E_BADARG);
    h = full();
    h.version = 3;
    cr_expect_eq(dor__proxy_write(&h, &bytes).code, DOR_E_BADARG);
    h = (dor_proxy_header){.version = 2, .family = DOR_PROXY_UNIX, .source = {.path = dor__span(many, 109)}};
    cr_expect_eq(dor__proxy_write(&h, &bytes).code, DOR_E_BADARG);
    dor__bytes_free(&bytes);
}

Test(proxy, lines_written)
{
    dor_bytes bytes = DOR_BYTES_EMPTY;
    dor_proxy_header h = {.version = 1,
                          .family = DOR_PROXY_IPV4,
                          .source = {.ip = {192, 0, 2, 1}, .port = 7}},
                     back;
    cr_assert(dor__ok(dor__proxy_write(&h, &bytes)));
    cr_expect(dor__span_equal(dor__bytes_span(&bytes), BYTES("PROXY TCP4 192.0.2.1 0.0.0.0 7 0\r\n")));
    dor__bytes_free(&bytes);
    h = full();
    h.version = 1;
    cr_assert(dor__ok(dor__proxy_write(&h, &bytes)));
    cr_assert(dor__ok(parse(dor__bytes_span(&bytes), &back)));
    cr_expect_eq(memcmp(h.source.ip, back.source.ip, 16), 0);
    cr_expect_eq(back.destination.port, 65535);
    dor__bytes_free(&bytes);
}
