/* Packet modes: what comes out of a stream, however it is cut, and what goes before what is sent. */
#include "packet/packet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static dor_result try_next(dor_packet_mode mode, uint32_t max, const char *bytes, size_t len, dor_packet *p)
{
    const dor_packet_rules rules = {
        .mode = mode, .delimiter = '\n', .part = dor__packet_first_part(mode), .max = max};
    char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read too far */
    if (len) memcpy(exact, bytes, len);
    dor_result r = dor__packet_next(&rules, dor__span(exact, len), 0, p);
    if (p->complete) p->body.ptr = (const uint8_t *)bytes + (p->body.ptr - (uint8_t *)exact);
    free(exact);
    return r;
}

static dor_packet next(dor_packet_mode mode, uint32_t max, const char *bytes, size_t len)
{
    dor_packet p;
    cr_assert(dor__ok(try_next(mode, max, bytes, len, &p)));
    return p;
}

static void expect_invalid(dor_packet_mode mode, uint32_t max, const char *bytes, size_t len)
{
    dor_packet p;
    cr_expect_eq(try_next(mode, max, bytes, len, &p).code, DOR_E_INVALID_PACKET);
    cr_expect(!p.complete);
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
    expect_packet(next(DOR_PACKET_MODE_2, 3, "\0\3abc", 5), "abc", 3, 5);
    /* refused as soon as the length is there */
    expect_invalid(DOR_PACKET_MODE_2, 3, "\0\4", 2);
    expect_invalid(DOR_PACKET_MODE_1, 3, "\4", 1);
    expect_invalid(DOR_PACKET_MODE_4, 1 << 20, "\xff\xff\xff\xff", 4);
    expect_invalid(DOR_PACKET_MODE_4, 0, "\x7f\xff\xff\xff", 4);
    dor_packet p = next(DOR_PACKET_MODE_4, 0, "\x7f\xff\xff\0", 4);
    cr_expect(!p.complete && p.need == (size_t)0x7fffff00 + 4);
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
    /* longer lines than packet_size are no lines */
    expect_packet(next(DOR_PACKET_MODE_LINE, 3, "ab\n", 3), "ab\n", 3, 3);
    expect_invalid(DOR_PACKET_MODE_LINE, 2, "ab\n", 3);
    expect_invalid(DOR_PACKET_MODE_LINE, 2, "abcd", 4);
    p = next(DOR_PACKET_MODE_LINE, 2, "ab", 2);
    cr_expect(!p.complete && p.seen == 2);
}

Test(packet_modes, line_by_another_delimiter_and_at_the_end)
{
    dor_packet p;
    dor_packet_rules rules = {.mode = DOR_PACKET_MODE_LINE, .delimiter = 0};
    cr_assert(dor__ok(dor__packet_next(&rules, dor__span("a\n\0b", 4), 0, &p)));
    expect_packet(p, "a\n", 3, 3);
    rules.delimiter = ';';
    rules.last = true;
    cr_assert(dor__ok(dor__packet_next(&rules, dor__span("ab", 2), 0, &p)));
    expect_packet(p, "ab", 2, 2);
    rules.max = 2;
    cr_assert(dor__ok(dor__packet_next(&rules, dor__span("ab", 2), 2, &p)));
    expect_packet(p, "ab", 2, 2);
    cr_expect_eq(dor__packet_next(&rules, dor__span("abc", 3), 2, &p).code, DOR_E_INVALID_PACKET);
    cr_expect_eq(dor__packet_next(&rules, dor__span("abc", 3), 4, &p).code, DOR_E_BADARG);
}

/* The rows from here on are what erlang:decode_packet/3 says, but where a comment says otherwise. */
Test(packet_modes, asn1)
{
    static const struct {
        const char *input;
        size_t len, consumed; /* 0: more is needed */
    } rows[] = {
        {"\2\1\5\11", 4, 3},
        {"\2", 1, 0},
        {"\2\1", 2, 0},
        {"\5\0", 2, 2},
        {"0\200\0\0", 4, 2}, /* indefinite length: the header alone */
        {"0\201\3\1\2\3\11", 7, 6},
        {"0\202\0\3\1\2\3\11", 8, 7},
        {"0\203\0\0\3\1\2\3", 8, 8},
        {"0\204\0\0\0\3\1\2\3", 9, 9},
        {"0\204\0\0\0", 5, 0},
        {"0\201", 2, 0},
        {"\37\201\1\2\7\10", 6, 6},
        {"\37\201", 2, 0},
        {"\37\1", 2, 0},
        {"\37\1\0", 3, 3},
        {"\77\200\200\1\0", 5, 5},
        {"\37\201\201\201\201\201\201\201\201\201\201\201\201\201\201\1\0", 17, 17},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dor_packet p = next(DOR_PACKET_MODE_ASN1, 0, rows[i].input, rows[i].len);
        cr_expect_eq(p.complete, rows[i].consumed > 0, "%zu", i);
        if (p.complete) expect_packet(p, rows[i].input, rows[i].consumed, rows[i].consumed);
        if (!p.complete) cr_expect(p.need > rows[i].len, "%zu", i);
    }
    expect_invalid(DOR_PACKET_MODE_ASN1, 0, "0\205\0\0\0\0\3\1\2\3", 10);
    expect_invalid(DOR_PACKET_MODE_ASN1, 0, "0\204\377\377\377\377", 6);
    expect_invalid(DOR_PACKET_MODE_ASN1, 0, "0\204\177\377\377\377", 6);
    expect_packet(next(DOR_PACKET_MODE_ASN1, 3, "\2\3abc", 5), "\2\3abc", 5, 5);
    expect_invalid(DOR_PACKET_MODE_ASN1, 3, "\2\4abc", 5);
    /* ours: told a little earlier, and an identifier has at most 16 bytes */
    expect_invalid(DOR_PACKET_MODE_ASN1, 0, "0\205", 2);
    expect_invalid(DOR_PACKET_MODE_ASN1, 0,
                   "\37\201\201\201\201\201\201\201\201\201\201\201\201\201\201\201\1\0", 18);
}

Test(packet_modes, cdr)
{
    expect_packet(next(DOR_PACKET_MODE_CDR, 0, "GIOP\1\0\0\0\0\0\0\2abc", 15), "GIOP\1\0\0\0\0\0\0\2ab", 14,
                  14);
    expect_packet(next(DOR_PACKET_MODE_CDR, 0, "GIOP\1\2\1\0\2\0\0\0abc", 15), "GIOP\1\2\1\0\2\0\0\0ab", 14,
                  14);
    expect_packet(next(DOR_PACKET_MODE_CDR, 0, "GIOP\1\0\2\0\0\0\0\2abc", 15), "GIOP\1\0\2\0\0\0\0\2ab", 14,
                  14);
    cr_expect_eq(next(DOR_PACKET_MODE_CDR, 0, "XIOP", 4).need, 12);
    cr_expect_eq(next(DOR_PACKET_MODE_CDR, 0, "GIOP\1\0\0\0\0\0\0\2a", 13).need, 14);
    expect_invalid(DOR_PACKET_MODE_CDR, 0, "XIOP\1\0\0\0\0\0\0\2ab", 14);
    expect_invalid(DOR_PACKET_MODE_CDR, 0, "GIOP\1\0\0\0\377\377\377\377", 12);
    expect_invalid(DOR_PACKET_MODE_CDR, 1, "GIOP\1\0\0\0\0\0\0\2ab", 14);
    expect_invalid(DOR_PACKET_MODE_CDR, 1, "GIOP\1\0\1\0\2\0\0\0ab", 14);
}

Test(packet_modes, sunrm)
{
    expect_packet(next(DOR_PACKET_MODE_SUNRM, 0, "\200\0\0\3abcd", 8), "\200\0\0\3abc", 7, 7);
    expect_packet(next(DOR_PACKET_MODE_SUNRM, 0, "\0\0\0\3abcd", 8), "\0\0\0\3abc", 7, 7);
    expect_packet(next(DOR_PACKET_MODE_SUNRM, 0, "\200\0\0\0\1", 5), "\200\0\0\0", 4, 4);
    cr_expect_eq(next(DOR_PACKET_MODE_SUNRM, 0, "\200\0\0", 3).need, 4);
    expect_invalid(DOR_PACKET_MODE_SUNRM, 0, "\377\377\377\377", 4);
    expect_invalid(DOR_PACKET_MODE_SUNRM, 2, "\200\0\0\3", 4);
}

Test(packet_modes, fcgi)
{
    expect_packet(next(DOR_PACKET_MODE_FCGI, 0, "\1\1\0\1\0\3\0\0abcd", 12), "\1\1\0\1\0\3\0\0abc", 11, 11);
    expect_packet(next(DOR_PACKET_MODE_FCGI, 0, "\1\1\0\1\0\3\2\0abcPPd", 14), "\1\1\0\1\0\3\2\0abc", 11, 13);
    expect_packet(next(DOR_PACKET_MODE_FCGI, 5, "\1\1\0\1\0\3\2\0abcPPd", 14), "\1\1\0\1\0\3\2\0abc", 11, 13);
    expect_invalid(DOR_PACKET_MODE_FCGI, 4, "\1\1\0\1\0\3\2\0abcPPd", 14);
    expect_invalid(DOR_PACKET_MODE_FCGI, 0, "\2\1\0\1\0\3\2\0abcPPd", 14);
    cr_expect_eq(next(DOR_PACKET_MODE_FCGI, 0, "\2", 1).need, 8);
    cr_expect_eq(next(DOR_PACKET_MODE_FCGI, 0, "\1\1\0\1\0\3\2\0abc", 11).need, 13);
}

Test(packet_modes, tpkt)
{
    expect_packet(next(DOR_PACKET_MODE_TPKT, 0, "\3\0\0\7abcd", 8), "\3\0\0\7abc", 7, 7);
    expect_packet(next(DOR_PACKET_MODE_TPKT, 0, "\3\11\0\7abcd", 8), "\3\11\0\7abc", 7, 7);
    expect_packet(next(DOR_PACKET_MODE_TPKT, 0, "\3\0\0\4\1", 5), "\3\0\0\4", 4, 4);
    expect_packet(next(DOR_PACKET_MODE_TPKT, 3, "\3\0\0\7abcd", 8), "\3\0\0\7abc", 7, 7);
    expect_invalid(DOR_PACKET_MODE_TPKT, 2, "\3\0\0\7abcd", 8);
    expect_invalid(DOR_PACKET_MODE_TPKT, 0, "\3\0\0\3\1", 5);
    expect_invalid(DOR_PACKET_MODE_TPKT, 0, "\4\0\0\7abcd", 8);
    cr_expect_eq(next(DOR_PACKET_MODE_TPKT, 0, "\4", 1).need, 4);
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

/* A packet with a body of len bytes in `stream`; its length there. */
static size_t make(dor_packet_mode mode, size_t len, char *stream)
{
    static const struct {
        const char *bytes;
        size_t len, at, width, extra; /* where the length stands, and what it counts beside the body */
    } heads[DOR_PACKET_MODE_COUNT] = {
        [DOR_PACKET_MODE_1] = {"", 1, 0, 1, 0},
        [DOR_PACKET_MODE_2] = {"\0", 2, 0, 2, 0},
        [DOR_PACKET_MODE_4] = {"\0\0\0", 4, 0, 4, 0},
        [DOR_PACKET_MODE_LINE] = {"", 0, 0, 0, 0},
        [DOR_PACKET_MODE_ASN1] = {"\77\201\1\202\0", 6, 4, 2, 0},
        [DOR_PACKET_MODE_CDR] = {"GIOP\1\0\0\0\0\0\0", 12, 8, 4, 0},
        [DOR_PACKET_MODE_SUNRM] = {"\200\0\0", 4, 0, 4, 0},
        [DOR_PACKET_MODE_FCGI] = {"\1\1\0\0\0\0\0", 8, 4, 2, 0},
        [DOR_PACKET_MODE_TPKT] = {"\3\0\0", 4, 2, 2, 4},
    };
    size_t head_len = heads[mode].len, number = len + heads[mode].extra;
    memcpy(stream, heads[mode].bytes, head_len);
    if (heads[mode].width) stream[heads[mode].at + heads[mode].width - 1] = (char)(number & 255);
    if (heads[mode].width > 1) stream[heads[mode].at + heads[mode].width - 2] = (char)(number >> 8);
    memset(stream + head_len, 'x', len);
    if (mode == DOR_PACKET_MODE_LINE) stream[len++] = '\n';
    return head_len + len;
}

/* Packets of random sizes, given one byte more at a time: each comes out whole, at its last byte and not before. */
Test(packet_modes, one_byte_at_a_time)
{
    srand(7);
    for (int m = DOR_PACKET_MODE_1; m <= DOR_PACKET_MODE_TPKT; m++) {
        const dor_packet_mode mode = (dor_packet_mode)m;
        const dor_packet_rules rules = {.mode = mode, .delimiter = '\n'};
        for (int round = 0; round < 100; round++) {
            char stream[400];
            size_t whole = make(mode, (size_t)(rand() % 250), stream), seen = 0;
            for (size_t len = 0; len <= whole; len++) {
                dor_packet p;
                char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read too far */
                memcpy(exact, stream, len);
                cr_assert(dor__ok(dor__packet_next(&rules, dor__span(exact, len), seen, &p)));
                cr_assert(p.complete == (len == whole), "%s: %zu of %zu", dor__packet_mode_name(mode), len,
                          whole);
                if (!p.complete)
                    cr_assert(p.consumed == 0 && p.need <= whole && (p.need == 0 || p.need > len) &&
                              p.seen <= len);
                if (p.complete) cr_assert(p.consumed == whole);
                seen = p.seen;
                free(exact);
            }
        }
    }
}

/* Random bytes under every mode: an answer, and what it says lies within the input. */
Test(packet_modes, any_bytes)
{
    srand(11);
    for (int round = 0; round < 20000; round++) {
        char bytes[40];
        size_t len = (size_t)(rand() % (int)sizeof bytes);
        dor_packet_mode mode = (dor_packet_mode)(rand() % DOR_PACKET_MODE_COUNT);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(rand() % 3 ? rand() % 4 : rand());
        dor_packet p;
        dor_result r = try_next(mode, (uint32_t)(rand() % 30), bytes, len, &p);
        cr_assert(dor__ok(r) || (r.code == DOR_E_INVALID_PACKET && !p.complete));
        cr_assert(!p.complete || (p.consumed > 0 && p.consumed <= len && p.body.len <= p.consumed));
        cr_assert(p.complete || (p.seen <= len && (p.need == 0 || p.need > len)));
    }
}
