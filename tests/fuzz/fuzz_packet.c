/*
 * A stream of any bytes under any packet mode, given in pieces: first byte the mode, then delimiter, limit and sizes of
 * the pieces. Packets come out in order and lie within the stream; it does not matter how it was cut; every line of HTTP
 * is parsed, and what its view points to lies within it.
 */
#include "packet/packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(dor_span line, dor_http_text text)
{
    const uint8_t *ptr = (const uint8_t *)text.ptr;
    if (text.len && (ptr < line.ptr || text.len > line.len || (size_t)(ptr - line.ptr) > line.len - text.len))
        abort();
}

static void check_line(dor_http_part part, dor_span line, dor_http_part next)
{
    dor_http_packet p;
    if (dor_http_parse(part, line.ptr, line.len, &p) != DOR_OK) abort();
    if (p.next != next) abort();
    switch (p.kind) {
    case DOR_HTTP_REQUEST:
        check_text(line, p.request.method_name);
        check_text(line, p.request.uri.text);
        check_text(line, p.request.uri.scheme);
        check_text(line, p.request.uri.host);
        if (p.request.uri.form != DOR_HTTP_URI_ABSOLUTE) check_text(line, p.request.uri.path);
        if (p.request.uri.port > 65535) abort();
        break;
    case DOR_HTTP_RESPONSE: check_text(line, p.response.phrase); break;
    case DOR_HTTP_HEADER:
        check_text(line, p.header.name);
        check_text(line, p.header.value);
        break;
    default: break;
    }
}

/* Cuts the stream as it grows by `step` bytes; a number that tells the packets from others. */
static uint64_t cut(dor_packet_rules rules, dor_span stream, size_t step)
{
    size_t begin = 0, seen = 0, end = 0;
    uint64_t sum = 1469598103934665603u;
    rules.part = dor__packet_first_part(rules.mode);
    for (;;) {
        dor_packet p;
        dor_span input = dor__span(stream.ptr + begin, end - begin);
        rules.last = end == stream.len;
        dor_result r = dor__packet_next(&rules, input, seen, &p);
        if (dor__failed(r)) return r.code == DOR_E_INVALID_PACKET ? sum * 31 + 1 : (abort(), 0);
        if (!p.complete) {
            if (p.seen > input.len || p.consumed) abort();
            seen = p.seen;
            if (end == stream.len) return sum;
            end = stream.len - end < step ? stream.len : end + step;
            continue;
        }
        if (!p.consumed || p.consumed > input.len || p.body.len > p.consumed) abort();
        if (p.part && dor__packet_first_part(rules.mode) == DOR_HTTP_PART_START)
            check_line(p.part, p.body, p.next_part);
        for (size_t i = 0; i < p.body.len; i++)
            sum = (sum ^ p.body.ptr[i]) * 1099511628211u;
        sum = (sum ^ p.consumed) * 1099511628211u;
        rules.part = p.next_part;
        begin += p.consumed;
        seen = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    dor_packet_rules rules = {
        .mode = (dor_packet_mode)(data[0] % DOR_PACKET_MODE_COUNT), .delimiter = data[1], .max = data[2]};
    size_t step = data[3] % 32 + 1u;
    dor_span stream = dor__span(data + 4, size - 4);
    uint64_t whole = cut(rules, stream, stream.len ? stream.len : 1);
    if (rules.mode == DOR_PACKET_MODE_RAW) return 0; /* there it does matter */
    if (cut(rules, stream, step) != whole || cut(rules, stream, 1) != whole) abort();
    return 0;
}
