/*
 * Lines of HTTP/1: where they end and what is in them. The expectations are what erlang:decode_packet/3 of OTP 25 says of
 * the same bytes; where we mean to differ there is a test of its own.
 */
#include "packet/packet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct row {
    const char *input;
    size_t input_len;
    size_t consumed;
    const char *wanted;
} row;

/* clang-format off */
static const row starts[] = {
    {"GET / HTTP/1.1\r\n", 16, 16, "known GET path / 1.1"},
    {"GET / HTTP/1.1\n", 15, 15, "known GET path / 1.1"},
    {"GET /\r\n", 7, 7, "known GET path / 0.9"},
    {"GET / \r\n", 8, 8, "known GET path / 0.9"},
    {"GET  /x   HTTP/1.0 junk\r\n", 25, 25, "known GET path /x 1.0"},
    {"GET\r\n", 5, 5, "error"},
    {"GET  \r\n", 7, 7, "error"},
    {"\r\n", 2, 2, "error"},
    {"\n", 1, 1, "error"},
    {"OPTIONS * HTTP/1.1\r\n", 20, 20, "known OPTIONS star 1.1"},
    {"OPTIONS *x HTTP/1.1\r\n", 21, 21, "known OPTIONS other *x 1.1"},
    {"GET http://h/p HTTP/1.1\r\n", 25, 25, "known GET absolute http h -1 /p 1.1"},
    {"GET http://h:80/p HTTP/1.1\r\n", 28, 28, "known GET absolute http h 80 /p 1.1"},
    {"GET HTTPS://h HTTP/1.1\r\n", 24, 24, "known GET absolute https h -1 / 1.1"},
    {"GET HTTP://h:8x/p?a HTTP/1.1\r\n", 30, 30, "known GET absolute http h -1 /p?a 1.1"},
    {"GET http://h: HTTP/1.1\r\n", 24, 24, "known GET absolute http h -1 / 1.1"},
    {"GET http://h:0/ HTTP/1.1\r\n", 26, 26, "known GET absolute http h -1 / 1.1"},
    {"GET http://h:080/ HTTP/1.1\r\n", 28, 28, "known GET absolute http h 80 / 1.1"},
    {"GET http://a:b:80/c HTTP/1.1\r\n", 30, 30, "known GET absolute http a -1 /c 1.1"},
    {"GET http:// HTTP/1.1\r\n", 22, 22, "known GET absolute http  -1 / 1.1"},
    {"GET http:///x HTTP/1.1\r\n", 24, 24, "known GET absolute http  -1 /x 1.1"},
    {"GET http://u@h:80/x HTTP/1.1\r\n", 30, 30, "known GET absolute http u@h 80 /x 1.1"},
    {"GET http://h?q HTTP/1.1\r\n", 25, 25, "known GET absolute http h?q -1 / 1.1"},
    {"GET http:/x HTTP/1.1\r\n", 22, 22, "known GET scheme http /x 1.1"},
    {"GET httpx://h/ HTTP/1.1\r\n", 25, 25, "known GET scheme httpx //h/ 1.1"},
    {"CONNECT h:443 HTTP/1.1\r\n", 24, 24, "other CONNECT scheme h 443 1.1"},
    {"GET ftp://h/x HTTP/1.1\r\n", 24, 24, "known GET scheme ftp //h/x 1.1"},
    {"GET h HTTP/1.1\r\n", 16, 16, "known GET path h 1.1"},
    {"GET : HTTP/1.1\r\n", 16, 16, "known GET path : 1.1"},
    {"GET :x HTTP/1.1\r\n", 17, 17, "known GET scheme  x 1.1"},
    {"GET x: HTTP/1.1\r\n", 17, 17, "known GET scheme x  1.1"},
    {"GET a/b:c HTTP/1.1\r\n", 20, 20, "known GET scheme a/b c 1.1"},
    {"GET a.b HTTP/1.1\r\n", 18, 18, "known GET other a.b 1.1"},
    {"get / HTTP/1.1\r\n", 16, 16, "other get path / 1.1"},
    {"PATCH / HTTP/1.1\r\n", 18, 18, "other PATCH path / 1.1"},
    {"HEAD / HTTP/1.1\r\n", 17, 17, "known HEAD path / 1.1"},
    {"PUT / HTTP/1.1\r\n", 16, 16, "known PUT path / 1.1"},
    {"DELETE / HTTP/1.1\r\n", 19, 19, "known DELETE path / 1.1"},
    {"TRACE / HTTP/1.1\r\n", 18, 18, "known TRACE path / 1.1"},
    {"POST / http/1.1\r\n", 17, 17, "error"},
    {"POST / HTTP/1\r\n", 15, 15, "error"},
    {"POST / HTTP/1.\r\n", 16, 16, "error"},
    {"POST / HTTP/.1\r\n", 16, 16, "error"},
    {"POST / HTTP/12.34\r\n", 19, 19, "known POST path / 12.34"},
    {"POST / HTTP/1.1x\r\n", 18, 18, "known POST path / 1.1"},
    {"POST / HTTP/a.b\r\n", 17, 17, "error"},
    {"POST / HTTP/\r\n", 14, 14, "error"},
    {"POST / HTTPS/1.0\r\n", 18, 18, "error"},
    {"POST / HTTP/01.01\r\n", 19, 19, "known POST path / 1.1"},
    {"POST\t/\tHTTP/1.1\r\n", 17, 17, "known POST path / 1.1"},
    {" GET / HTTP/1.1\r\n", 17, 17, "error"},
    {"G(T / HTTP/1.1\r\n", 16, 16, "error"},
    {"G\200T / HTTP/1.1\r\n", 16, 16, "error"},
    {"G\001T / HTTP/1.1\r\n", 16, 16, "error"},
    {"GET\000 / HTTP/1.1\r\n", 17, 17, "error"},
    {"GET /\200\001 HTTP/1.1\r\n", 18, 18, "known GET path /%80%01 1.1"},
    {"GET /\013 HTTP/1.1\r\n", 17, 17, "known GET path /%0b 1.1"},
    {"GET / x HTTP/1.1\r\n", 18, 18, "error"},
    {"GET / HTTP/1.1\r\r\n", 17, 17, "known GET path / 1.1"},
    {"GET / HTTP/1.1\r\n X: y\r\n\r\n", 25, 16, "known GET path / 1.1"},
    {"HTTP/1.1 200 OK\r\n", 17, 17, "response 1.1 200 OK"},
    {"HTTP/1.1 200\r\n", 14, 14, "response 1.1 200 "},
    {"HTTP/1.1 200 \r\n", 15, 15, "response 1.1 200 "},
    {"HTTP/1.1\r\n", 10, 10, "error"},
    {"HTTP/1.1 OK\r\n", 13, 13, "error"},
    {"HTTP/\r\n", 7, 7, "error"},
    {"HTTP/1 200 OK\r\n", 15, 15, "error"},
    {"HTTP/1.1  200  Very Ok \r\n", 25, 25, "response 1.1 200 Very%20Ok%20"},
    {"HTTP/1.1 2x0 OK\r\n", 17, 17, "error"},
    {"HTTP/1.1 200OK\r\n", 16, 16, "error"},
    {"HTTP/1.1200 OK\r\n", 16, 16, "error"},
    {"http/1.1 200 OK\r\n", 17, 17, "error"},
    {"HTTP/x 200 OK\r\n", 15, 15, "error"},
    {"HTTP 200 OK\r\n", 13, 13, "error"},
    {"HTTP/.1 200 OK\r\n", 16, 16, "error"},
    {"HTTP/1. 200 OK\r\n", 16, 16, "error"},
    {"HTTP/1.1x 200 OK\r\n", 18, 18, "error"},
    {"HTTP/1.1\t200\tOK\r\n", 17, 17, "response 1.1 200 OK"},
    {"HTTP/1.1 -1 OK\r\n", 16, 16, "error"},
    {"HTTP/1.1 0200 OK\r\n", 18, 18, "response 1.1 200 OK"},
    {"HTTP/1.1 2 a\rb\r\n", 16, 16, "response 1.1 2 a%0db"},
    {"HTTP / HTTP/1.1\r\n", 17, 17, "other HTTP path / 1.1"},
    {"HTTP/1.1 / HTTP/1.1\r\n", 21, 21, "error"},
};
static const row headers[] = {
    {"\r\n", 2, 2, "end"},
    {"\n", 1, 1, "end"},
    {"\r\nX", 3, 2, "end"},
    {"\r\n X", 4, 2, "end"},
    {"\nX", 2, 1, "end"},
    {"A: b\r\n\r\n", 8, 6, "header 0 A b"},
    {"A: b\nX", 6, 5, "header 0 A b"},
    {"A: b\r\n c\r\nX", 11, 10, "header 0 A b%0d%0a%20c"},
    {"A: b\r\n\tc\r\n \r\nX", 14, 13, "header 0 A b%0d%0a%09c%0d%0a%20"},
    {"A: b\n c\nX", 9, 8, "header 0 A b%0a%20c"},
    {"A:\r\nX", 5, 4, "header 0 A "},
    {"A: \t b\r\nX", 9, 8, "header 0 A b"},
    {"A:\r\n b\r\nX", 9, 8, "header 0 A %0d%0a%20b"},
    {"A:b  \r\nX", 8, 7, "header 0 A b%20%20"},
    {"A : b\r\nX", 8, 7, "error"},
    {"A b\r\nX", 6, 5, "error"},
    {"A\r\nX", 4, 3, "error"},
    {":b\r\nX", 5, 4, "header 0  b"},
    {" A: b\r\nX", 8, 7, "error"},
    {"A:: b\r\nX", 8, 7, "header 0 A :%20b"},
    {"host: b\r\nX", 10, 9, "header 14 host b"},
    {"HOST: b\r\nX", 10, 9, "header 14 HOST b"},
    {"CONTENT-length: 5\r\nX", 20, 19, "header 38 CONTENT-length 5"},
    {"X-Forwarded-For: b\r\nX", 21, 20, "header 49 X-Forwarded-For b"},
    {"proxy-connection: b\r\nX", 22, 21, "header 52 proxy-connection b"},
    {"cache-control: b\r\nX", 19, 18, "header 1 cache-control b"},
    {"x-foo-BAR: b\r\nX", 15, 14, "header 0 x-foo-BAR b"},
    {"hos: b\r\nX", 9, 8, "header 0 hos b"},
    {"hosts: b\r\nX", 11, 10, "header 0 hosts b"},
    {"A(: b\r\nX", 8, 7, "error"},
    {"a\200z: b\r\nX", 9, 8, "error"},
    {"a\177z: b\r\nX", 9, 8, "header 0 a%7fz b"},
    {"A: b\r\rX\r\nX", 10, 9, "header 0 A b%0d%0dX"},
    {"A: b\000c\r\nX", 9, 8, "header 0 A b%00c"},
    {"A\r\n b: c\r\nX", 11, 10, "error"},
    {"x\n a: b\r\n:X", 11, 2, "error"},
    {" \n x: y\r\nX", 10, 2, "error"},
    {"\r\r\nX", 4, 3, "error"},
    {"a\n\n", 3, 2, "error"},
    {"a:\n\n", 4, 3, "header 0 a "},
    {"a\nb", 3, 2, "error"},
};
/* clang-format on */
enum { STARTS = sizeof starts / sizeof starts[0], HEADERS = sizeof headers / sizeof headers[0] };

/* ---- a parsed line as text ---------------------------------------------------------------------------------------- */

static void add(char *to, const char *format, long number)
{
    size_t len = strlen(to);
    snprintf(to + len, 500 - len, format, number);
}

static void add_text(char *to, dor_http_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        add(to, c > ' ' && c < 127 && c != '%' ? "%c" : "%%%02lx", c);
    }
}

static void add_uri(char *to, const dor_http_uri *uri)
{
    static const char *const forms[] = {"star", "path ", "absolute ", "scheme ", "other "};
    add(to, forms[uri->form], 0);
    switch (uri->form) {
    case DOR_HTTP_URI_STAR: return;
    case DOR_HTTP_URI_PATH: add_text(to, uri->path); return;
    case DOR_HTTP_URI_OTHER: add_text(to, uri->text); return;
    case DOR_HTTP_URI_SCHEME:
        add_text(to, uri->scheme);
        add(to, " ", 0);
        add_text(to, uri->path);
        return;
    case DOR_HTTP_URI_ABSOLUTE:
        add(to, uri->scheme.len == 5 ? "https " : "http ", 0);
        add_text(to, uri->host);
        add(to, " %ld ", uri->port);
        add_text(to, uri->path);
    }
}

/* The words of the tables above. */
static void describe(const dor_http_packet *p, char *to)
{
    to[0] = 0;
    switch (p->kind) {
    case DOR_HTTP_ERROR: add(to, "error", 0); break;
    case DOR_HTTP_END: add(to, "end", 0); break;
    case DOR_HTTP_REQUEST:
        add(to, p->request.method ? "known " : "other ", 0);
        add_text(to, p->request.method_name);
        add(to, " ", 0);
        add_uri(to, &p->request.uri);
        add(to, " %ld", p->request.major);
        add(to, ".%ld", p->request.minor);
        break;
    case DOR_HTTP_RESPONSE:
        add(to, "response %ld", p->response.major);
        add(to, ".%ld", p->response.minor);
        add(to, " %ld ", p->response.status);
        add_text(to, p->response.phrase);
        break;
    case DOR_HTTP_HEADER:
        add(to, "header %ld ", p->header.field);
        add_text(to, p->header.name);
        add(to, " ", 0);
        add_text(to, p->header.value);
    }
}

/* Cuts a line off a copy that ends where the input does, and describes it. */
static bool first_line(dor_packet_mode mode, const char *input, size_t len, uint32_t max, char *words,
                       dor_packet *p)
{
    const dor_packet_rules rules = {.mode = mode, .part = dor__packet_first_part(mode), .max = max};
    dor_http_packet parsed;
    char *exact = malloc(len ? len : 1);
    memcpy(exact, input, len);
    words[0] = 0;
    dor_result r = dor__packet_next(&rules, dor__span(exact, len), 0, p);
    if (dor__ok(r) && p->complete) {
        cr_expect_eq(dor_http_parse(p->part, p->body.ptr, p->body.len, &parsed), DOR_OK);
        cr_expect_eq(parsed.line.len, p->body.len);
        describe(&parsed, words);
    }
    free(exact);
    return dor__ok(r);
}

static void check(dor_packet_mode mode, const row *rows, size_t count)
{
    char words[500];
    dor_packet p;
    for (size_t i = 0; i < count; i++) {
        cr_assert(first_line(mode, rows[i].input, rows[i].input_len, 0, words, &p) && p.complete, "%s",
                  rows[i].input);
        cr_expect_eq(p.consumed, rows[i].consumed, "%s: %zu", rows[i].input, p.consumed);
        cr_expect_str_eq(words, rows[i].wanted, "%s: %s", rows[i].input, words);
    }
}

Test(packet_http, start_lines)
{
    check(DOR_PACKET_MODE_HTTP, starts, STARTS);
    check(DOR_PACKET_MODE_HTTP_BIN, starts, STARTS);
}

Test(packet_http, header_lines)
{
    check(DOR_PACKET_MODE_HTTPH, headers, HEADERS);
    check(DOR_PACKET_MODE_HTTPH_BIN, headers, HEADERS);
}

/* Numbers that wrap round in the reference make no line here, ports over 65535 no port, and brackets hold an address. */
Test(packet_http, where_we_differ)
{
    static const row rows[] = {
        {"GET / HTTP/1.65536\r\n", 20, 20, "error"},
        {"GET / HTTP/99999999999.1\r\n", 26, 26, "error"},
        {"GET / HTTP/1.65535\r\n", 20, 20, "known GET path / 1.65535"},
        {"HTTP/1.1 99999999999 OK\r\n", 25, 25, "error"},
        {"GET http://h:65536/ HTTP/1.1\r\n", 30, 30, "known GET absolute http h -1 / 1.1"},
        {"GET http://h:65535/ HTTP/1.1\r\n", 30, 30, "known GET absolute http h 65535 / 1.1"},
        {"GET http://[::1]:80/x HTTP/1.1\r\n", 32, 32, "known GET absolute http [::1] 80 /x 1.1"},
        {"GET http://[::1 HTTP/1.1\r\n", 26, 26, "known GET absolute http [ -1 / 1.1"},
    };
    check(DOR_PACKET_MODE_HTTP, rows, sizeof rows / sizeof rows[0]);
}

/* Whatever is cut off, and whichever bit is wrong: an answer, and nothing read beyond the end. */
Test(packet_http, every_prefix_and_every_bit)
{
    char words[500], changed[200];
    dor_packet p;
    for (size_t i = 0; i < STARTS + HEADERS; i++) {
        const row *r = i < STARTS ? &starts[i] : &headers[i - STARTS];
        dor_packet_mode mode = i < STARTS ? DOR_PACKET_MODE_HTTP : DOR_PACKET_MODE_HTTPH;
        for (size_t len = 0; len < r->input_len; len++) {
            cr_expect(first_line(mode, r->input, len, 0, words, &p));
            cr_expect(!p.complete || p.consumed <= len);
        }
        for (size_t bit = 0; bit < 8 * r->input_len; bit++) {
            memcpy(changed, r->input, r->input_len);
            changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
            cr_expect(first_line(mode, changed, r->input_len, 0, words, &p));
            cr_expect(!p.complete || p.consumed <= r->input_len);
        }
    }
}

/* The results of the reference again; the blank line passes under any limit. */
Test(packet_http, a_line_is_bounded)
{
    static const struct {
        dor_packet_mode mode;
        const char *input;
        uint32_t max;
        char wanted; /* c: complete, m: more, i: invalid */
    } rows[] = {
        {DOR_PACKET_MODE_HTTP, "GET /\r\n", 6, 'i'},
        {DOR_PACKET_MODE_HTTP, "GET /\r\n", 7, 'c'},
        {DOR_PACKET_MODE_HTTP, "GET /", 5, 'i'},
        {DOR_PACKET_MODE_HTTP, "GET /", 6, 'm'},
        {DOR_PACKET_MODE_HTTP, "\r\n", 1, 'c'},
        {DOR_PACKET_MODE_HTTPH, "A: b\r\nX", 5, 'i'},
        {DOR_PACKET_MODE_HTTPH, "A: b\r\nX", 6, 'c'},
        {DOR_PACKET_MODE_HTTPH, "A: b\r\n", 6, 'm'},
        {DOR_PACKET_MODE_HTTPH, "A: b", 5, 'm'},
        {DOR_PACKET_MODE_HTTPH, "A: b", 4, 'i'},
        {DOR_PACKET_MODE_HTTPH, "\r\n", 1, 'c'},
        {DOR_PACKET_MODE_HTTPH, "A: b\r\n c\r\nX", 8, 'i'},
        {DOR_PACKET_MODE_HTTPH, "A: b\r\n c\r\nX", 10, 'c'},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char words[500];
        dor_packet p;
        bool good = first_line(rows[i].mode, rows[i].input, strlen(rows[i].input), rows[i].max, words, &p);
        cr_expect_eq(good ? (p.complete ? 'c' : 'm') : 'i', rows[i].wanted, "%s, %u", rows[i].input,
                     rows[i].max);
    }
}

/* One byte more at a time: the search goes on where it was, and the end of the stream ends a header, too. */
Test(packet_http, a_message_byte_by_byte)
{
    static const char stream[] =
        "POST /x HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\nbad line\r\n\r\nHTTP/1.1 200 OK\nA: b\n";
    static const char *const wanted[] = {
        "known POST path /x 1.1", "header 14 Host a", "header 0 X b%0d%0a%20c", "error", "end",
        "response 1.1 200 OK",    "header 0 A b"};
    dor_packet_rules rules = {.mode = DOR_PACKET_MODE_HTTP, .part = DOR_HTTP_PART_START};
    size_t begin = 0, seen = 0, lines = 0, looked = 0, len = sizeof stream - 1;
    for (size_t at = 1; at <= len + 1; at++) {
        char words[500];
        dor_packet p;
        dor_http_packet parsed;
        rules.last = at > len;
        size_t end = rules.last ? len : at;
        looked += end - begin - seen;
        cr_assert(dor__ok(dor__packet_next(&rules, dor__span(stream + begin, end - begin), seen, &p)));
        seen = p.complete ? 0 : p.seen;
        if (!p.complete) continue;
        cr_assert_eq(dor_http_parse(p.part, p.body.ptr, p.body.len, &parsed), DOR_OK);
        describe(&parsed, words);
        cr_assert(lines < 7);
        cr_expect_str_eq(words, wanted[lines++]);
        cr_expect_eq(parsed.next, p.next_part);
        rules.part = p.next_part;
        begin += p.consumed;
    }
    cr_expect_eq(lines, 7);
    cr_expect_eq(begin, len);
    cr_expect_lt(looked, 2 * len, "%zu bytes looked at for %zu", looked, len);
}

/* httph never leaves the headers. */
Test(packet_http, headers_only)
{
    dor_packet_rules rules = {.mode = DOR_PACKET_MODE_HTTPH, .part = DOR_HTTP_PART_HEADER};
    dor_packet p;
    cr_assert(dor__ok(dor__packet_next(&rules, dor__span("\r\nX", 3), 0, &p)));
    cr_expect(p.complete && p.part == DOR_HTTP_PART_HEADER && p.next_part == DOR_HTTP_PART_HEADER);
    rules.part = DOR_HTTP_PART_NONE;
    cr_expect_eq(dor__packet_next(&rules, dor__span("\r\nX", 3), 0, &p).code, DOR_E_BADARG);
}

Test(packet_http, without_a_line_end_and_without_sense)
{
    char words[500];
    dor_http_packet p;
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_START, "GET / HTTP/1.1", 14, &p), DOR_OK);
    describe(&p, words);
    cr_expect_str_eq(words, "known GET path / 1.1");
    cr_expect_eq(p.request.method, DOR_HTTP_METHOD_GET);
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_HEADER, NULL, 0, &p), DOR_OK);
    cr_expect(p.kind == DOR_HTTP_END && p.next == DOR_HTTP_PART_START);
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_START, NULL, 0, &p), DOR_OK);
    cr_expect(p.kind == DOR_HTTP_ERROR && p.next == DOR_HTTP_PART_START && p.line.len == 0);
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_NONE, "x", 1, &p), DOR_E_BADARG);
    cr_expect_eq(dor_http_parse((dor_http_part)3, "x", 1, &p), DOR_E_BADARG);
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_START, NULL, 1, &p), DOR_E_BADARG);
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_START, "x", 1, NULL), DOR_E_BADARG);
}

Test(packet_http, known_fields)
{
    dor_http_packet p;
    char line[64];
    for (int field = 1; field <= DOR_HTTP_PROXY_CONNECTION; field++) {
        const char *name = dor_http_field_name((dor_http_field)field);
        cr_assert_not_null(name);
        snprintf(line, sizeof line, "%s:x", name);
        cr_expect_eq(dor_http_parse(DOR_HTTP_PART_HEADER, line, strlen(line), &p), DOR_OK);
        cr_expect(p.kind == DOR_HTTP_HEADER && (int)p.header.field == field, "%s", name);
        cr_expect_eq(p.header.field_name, name);
    }
    cr_expect_eq(dor_http_parse(DOR_HTTP_PART_HEADER, "Other:x", 7, &p), DOR_OK);
    cr_expect(p.header.field == DOR_HTTP_FIELD_OTHER && !p.header.field_name);
    cr_expect_null(dor_http_field_name(DOR_HTTP_FIELD_OTHER));
    cr_expect_null(dor_http_field_name((dor_http_field)53));
    cr_expect_null(dor_http_field_name((dor_http_field)-1));
}
