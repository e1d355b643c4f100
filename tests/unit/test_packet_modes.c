/* Packet modes: what comes out of a stream, however it is cut, and what goes before what is sent. */
#include "packet/packet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static dor_packet next(dor_packet_mode mode, uint32_t max, const char *bytes, size_t len)
{
    dor_packet p;
    cr_assert(dor__ok(dor__packet_next(mode, max, dor__span(bytes, len), &p)));
    return p;
}

static void expect_packet(dor_packet p, const char *body, size_t body_len, size_t consumed)
{
    cr_expect(p.complete);
    cr_expect(dor__span_equal(p.body, dor__span(body, body_len)));
    cr_expect(p.consumed == consumed, "%zu, not %zu", p.consumed, consumed);
}

Test(packet_modes, raw)
{
    expect_packet(next(DOR_PACKET_MODE_RAW, 0, "abc", 3), "abc", 3, 3);
    expect_packet(next(DOR_PACKET_MODE_RAW, 2, "abc", 3), "abc", 3, 3); /* packet_size is for packets */
    dor_packet p = next(DOR_PACKET_MODE_RAW, 0, NULL, 0);
    cr_expect(!p.complete && p.need == 1 && p.consumed == 0);
}

Test(packet_modes, counted)
{
    expect_packet(next(DOR_PACKET_MODE_1, 0, "\3abcd", 5), "abc", 3, 4);
    expect_packet(next(DOR_PACKET_MODE_2, 0, "\0\3abcd", 6), "abc", 3, 5);
    expect_packet(next(DOR_PACKET_MODE_4, 0, "\0\0\0\3abcd", 8), "abc", 3, 7);
    expect_packet(next(DOR_PACKET_MODE_1, 0, "\0x", 2), "", 0, 1);
    expect_packet(next(DOR_PACKET_MODE_4, 0, "\0\0\0\0", 4), "", 0, 4);
    dor_packet p = next(DOR_PACKET_MODE_4, 0, "\0\0", 2);
    cr_expect(!p.complete && p.need == 4);
    p = next(DOR_PACKET_MODE_2, 0, "\1\0abc", 5);
    cr_expect(!p.complete && p.need == 258 && p.consumed == 0);
}

Test(packet_modes, counted_limit)
{
    dor_packet p;
    expect_packet(next(DOR_PACKET_MODE_2, 3, "\0\3abc", 5), "abc", 3, 5);
    /* refused as soon as the length is there */
    cr_expect(dor__packet_next(DOR_PACKET_MODE_2, 3, dor__span("\0\4", 2), &p).code == DOR_E_INVALID_PACKET);
    cr_expect(dor__packet_next(DOR_PACKET_MODE_1, 3, dor__span("\4", 1), &p).code == DOR_E_INVALID_PACKET);
    cr_expect(dor__packet_next(DOR_PACKET_MODE_4, 1 << 20, dor__span("\xff\xff\xff\xff", 4), &p).code ==
              DOR_E_INVALID_PACKET);
#if SIZE_MAX > UINT32_MAX
    p = next(DOR_PACKET_MODE_4, 0, "\xff\xff\xff\xff", 4);
    cr_expect(!p.complete && p.need == (size_t)UINT32_MAX + 4);
#endif
}

Test(packet_modes, line)
{
    expect_packet(next(DOR_PACKET_MODE_LINE, 0, "ab\ncd", 5), "ab\n", 3, 3);
    expect_packet(next(DOR_PACKET_MODE_LINE, 0, "\n", 1), "\n", 1, 1);
    expect_packet(next(DOR_PACKET_MODE_LINE, 0, "a\r\n", 3), "a\r\n", 3, 3); /* CR is data */
    dor_packet p = next(DOR_PACKET_MODE_LINE, 0, "ab", 2);
    cr_expect(!p.complete && p.need == 0);
    p = next(DOR_PACKET_MODE_LINE, 0, NULL, 0);
    cr_expect(!p.complete && p.need == 0);
    /* longer lines than packet_size are cut */
    expect_packet(next(DOR_PACKET_MODE_LINE, 3, "ab\n", 3), "ab\n", 3, 3);
    expect_packet(next(DOR_PACKET_MODE_LINE, 2, "ab\n", 3), "ab", 2, 2);
    expect_packet(next(DOR_PACKET_MODE_LINE, 2, "abcd", 4), "ab", 2, 2);
    p = next(DOR_PACKET_MODE_LINE, 3, "ab", 2);
    cr_expect(!p.complete);
}

Test(packet_modes, headers)
{
    uint8_t header[4];
    size_t len;
    cr_expect(dor__ok(dor__packet_header(DOR_PACKET_MODE_RAW, 1 << 20, header, &len)) && len == 0);
    cr_expect(dor__ok(dor__packet_header(DOR_PACKET_MODE_LINE, 1 << 20, header, &len)) && len == 0);
    cr_expect(dor__ok(dor__packet_header(DOR_PACKET_MODE_1, 255, header, &len)) && len == 1 &&
              header[0] == 255);
    cr_expect(dor__packet_header(DOR_PACKET_MODE_1, 256, header, &len).code == DOR_E_TOO_BIG);
    cr_expect(dor__ok(dor__packet_header(DOR_PACKET_MODE_2, 0x1234, header, &len)) && len == 2);
    cr_expect(memcmp(header, "\x12\x34", 2) == 0);
    cr_expect(dor__packet_header(DOR_PACKET_MODE_2, 65536, header, &len).code == DOR_E_TOO_BIG);
    cr_expect(dor__ok(dor__packet_header(DOR_PACKET_MODE_4, 0x01020304, header, &len)) && len == 4);
    cr_expect(memcmp(header, "\1\2\3\4", 4) == 0);
#if SIZE_MAX > UINT32_MAX
    cr_expect(dor__packet_header(DOR_PACKET_MODE_4, (size_t)UINT32_MAX + 1, header, &len).code ==
              DOR_E_TOO_BIG);
#endif
    cr_expect(dor__packet_header(DOR_PACKET_MODE_COUNT, 1, header, &len).code == DOR_E_BADARG);
}

Test(packet_modes, names)
{
    dor_packet_mode mode;
    cr_expect(dor__packet_mode_from_name(dor__span_str("0"), &mode) && mode == DOR_PACKET_MODE_RAW);
    for (unsigned i = 0; i < DOR_PACKET_MODE_COUNT; i++) {
        const char *name = dor__packet_mode_name((dor_packet_mode)i);
        cr_expect(dor__packet_mode_from_name(dor__span_str(name), &mode) && mode == (dor_packet_mode)i, "%s",
                  name);
    }
    cr_expect(!dor__packet_mode_from_name(dor__span_str("3"), &mode));
    cr_expect(!dor__packet_mode_from_name(dor__span_str(""), &mode));
    cr_expect(!dor__packet_mode_from_name(dor__span_str("RAW"), &mode));
    cr_expect(dor__packet_mode_name(DOR_PACKET_MODE_COUNT) == NULL);
    cr_expect(dor__packet_mode_name((dor_packet_mode)-1) == NULL);
}

/* Packets of random sizes, given one byte more at a time: each comes out whole, at its last byte and not before. */
Test(packet_modes, one_byte_at_a_time)
{
    static const dor_packet_mode modes[] = {DOR_PACKET_MODE_1, DOR_PACKET_MODE_2, DOR_PACKET_MODE_4,
                                            DOR_PACKET_MODE_LINE};
    srand(7);
    for (size_t m = 0; m < 4; m++) {
        for (int round = 0; round < 200; round++) {
            uint8_t stream[4 + 300], header[4];
            size_t body_len = (size_t)(rand() % 250), header_len;
            if (modes[m] == DOR_PACKET_MODE_LINE) body_len++;
            cr_assert(dor__ok(dor__packet_header(modes[m], body_len, header, &header_len)));
            memcpy(stream, header, header_len);
            memset(stream + header_len, 'x', body_len);
            if (modes[m] == DOR_PACKET_MODE_LINE) stream[body_len - 1] = '\n';
            size_t whole = header_len + body_len;
            for (size_t len = 0; len <= whole; len++) {
                dor_packet p;
                uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read too far */
                memcpy(exact, stream, len);
                cr_assert(dor__ok(dor__packet_next(modes[m], 0, dor__span(exact, len), &p)));
                cr_assert(p.complete == (len == whole));
                if (!p.complete)
                    cr_assert(p.consumed == 0 && p.need <= whole && (p.need == 0 || p.need > len));
                if (p.complete) cr_assert(p.consumed == whole && p.body.len == body_len);
                free(exact);
            }
        }
    }
}
