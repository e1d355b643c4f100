/*
 * packet.c - packet modes, one row of a table each: its name, the header that send adds, and how it finds a packet.
 *
 * Pure functions; no state between calls. What the modes mean: inet:setopts/2 and erlang:decode_packet/3 of the reference.
 * Every length is compared with the limit before it is added to anything.
 */
#include "packet/packet.h"

typedef struct mode_ops {
    const char *name;
    uint8_t
        header_len; /* bytes of length, big-endian, before each packet; added by send, taken off on receipt */
    dor_result (*next)(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet);
} mode_ops;

static const mode_ops modes[DOR_PACKET_MODE_COUNT];

static dor_result need_more(dor_packet *packet, size_t need, size_t seen)
{
    *packet = (dor_packet){.complete = false, .need = need, .seen = seen};
    return DOR_SUCCESS;
}

static dor_result found(dor_packet *packet, dor_span body, size_t consumed)
{
    *packet = (dor_packet){.complete = true, .need = consumed, .consumed = consumed, .body = body};
    return DOR_SUCCESS;
}

static dor_result invalid(void)
{
    return dor__error(DOR_E_INVALID_PACKET);
}

static size_t limit_of(const dor_packet_rules *rules)
{
    return rules->max && rules->max < DOR_PACKET_LENGTH_MAX ? rules->max : DOR_PACKET_LENGTH_MAX;
}

static uint32_t big_endian(const uint8_t *bytes, size_t len)
{
    uint32_t number = 0;
    for (size_t i = 0; i < len; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* ---- the ends of all: raw data, and packets whose header says their length ------------------------------------- */

/* Everything that is there. packet_size says nothing about raw data. */
static dor_result next_raw(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    (void)rules, (void)seen;
    return input.len > 0 ? found(packet, input, input.len) : need_more(packet, 1, 0);
}

/* A packet of header_len and rest_len bytes, header and all. */
static dor_result whole(const dor_packet_rules *rules, dor_span input, size_t header_len, uint32_t rest_len,
                        dor_packet *packet)
{
    if (rest_len > limit_of(rules)) return invalid();
    size_t len = header_len + rest_len;
    return input.len < len ? need_more(packet, len, 0) : found(packet, dor__span(input.ptr, len), len);
}

/* A length of 1, 2 or 4 bytes, which is taken off, and as many bytes. */
static dor_result next_counted(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    size_t header_len = modes[rules->mode].header_len;
    (void)seen;
    if (input.len < header_len) return need_more(packet, header_len, 0);
    DOR_TRY(whole(rules, input, header_len, big_endian(input.ptr, header_len), packet));
    if (packet->complete)
        packet->body = dor__span(packet->body.ptr + header_len, packet->body.len - header_len);
    return DOR_SUCCESS;
}

/*
 * ASN.1 BER, X.690 section 8.1: identifier (one byte, or more if its low five bits are set), length (one byte, or a
 * count and up to four), contents. The indefinite length 0x80 counts as no contents, as in the reference: the parts
 * follow as elements of their own.
 */
static dor_result next_asn1(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    size_t at = 1, count;
    (void)seen; /* the header is short */
    if (input.len < 2) return need_more(packet, 2, 0);
    if ((input.ptr[0] & 0x1f) == 0x1f) {
        while (at < input.len && at < DOR_PACKET_TAG_MAX && input.ptr[at] & 0x80)
            at++;
        if (at == DOR_PACKET_TAG_MAX) return invalid();
        at++; /* the last byte of the identifier */
    }
    if (input.len < at + 1) return need_more(packet, at + 1, 0);
    uint8_t length = input.ptr[at++];
    if (!(length & 0x80)) return whole(rules, input, at, length, packet);
    count = length & 0x7f;
    if (count > 4) return invalid();
    if (input.len < at + count) return need_more(packet, at + count, 0);
    return whole(rules, input, at + count, big_endian(input.ptr + at, count), packet);
}

/* CORBA GIOP: magic, version (2), flags (bit 0: little-endian), type, size (4). */
static dor_result next_cdr(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    enum { HEADER = 12 };
    const uint8_t *h = input.ptr;
    (void)seen;
    if (input.len < HEADER) return need_more(packet, HEADER, 0);
    if (memcmp(h, "GIOP", 4) != 0) return invalid();
    uint32_t size = big_endian(h + 8, 4);
    if (h[6] & 1) size = (uint32_t)h[11] << 24 | (uint32_t)h[10] << 16 | (uint32_t)h[9] << 8 | h[8];
    return whole(rules, input, HEADER, size, packet);
}

/* RPC record marking, RFC 5531 section 11: a bit for the last fragment, and 31 of length. A fragment is a packet. */
static dor_result next_sunrm(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    (void)seen;
    if (input.len < 4) return need_more(packet, 4, 0);
    return whole(rules, input, 4, big_endian(input.ptr, 4) & 0x7fffffff, packet);
}

/* FastCGI: version 1, type, id (2), content length (2), padding length, reserved. The padding is taken off. */
static dor_result next_fcgi(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    enum { HEADER = 8 };
    (void)seen;
    if (input.len < HEADER) return need_more(packet, HEADER, 0);
    if (input.ptr[0] != 1) return invalid();
    uint8_t padding = input.ptr[6];
    DOR_TRY(whole(rules, input, HEADER, big_endian(input.ptr + 4, 2) + padding, packet));
    if (packet->complete) packet->body.len -= padding;
    return DOR_SUCCESS;
}

/* TPKT, RFC 1006 section 6: version 3, reserved, length (2) of it all. */
static dor_result next_tpkt(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    enum { HEADER = 4 };
    (void)seen;
    if (input.len < HEADER) return need_more(packet, HEADER, 0);
    uint32_t len = big_endian(input.ptr + 2, 2);
    if (input.ptr[0] != 3 || len < HEADER) return invalid();
    return whole(rules, input, HEADER, len - HEADER, packet);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

/* Up to and with the delimiter. */
static dor_result next_line(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    size_t limit = limit_of(rules), reach = limit < input.len ? limit : input.len;
    const uint8_t *end = reach > seen ? memchr(input.ptr + seen, rules->delimiter, reach - seen) : NULL;
    size_t len = end ? (size_t)(end - input.ptr) + 1 : 0;
    if (end) return found(packet, dor__span(input.ptr, len), len);
    if (input.len > limit) return invalid();
    if (rules->last && input.len) return found(packet, input, input.len);
    return need_more(packet, 0, reach);
}

static dor_result found_http(const dor_packet_rules *rules, dor_span input, size_t len, dor_packet *packet)
{
    dor_http_packet parsed;
    DOR_TRY(found(packet, dor__span(input.ptr, len), len));
    packet->part = rules->part;
    packet->next_part = rules->part;
    if (dor__packet_first_part(rules->mode) == DOR_HTTP_PART_HEADER) return DOR_SUCCESS; /* httph: for ever */
    if (dor_http_parse(rules->part, input.ptr, len, &parsed) != DOR_OK) return dor__error(DOR_E_INTERNAL);
    packet->next_part = parsed.next;
    return DOR_SUCCESS;
}

/*
 * A header goes on in the next line if that begins with a space, so its end is known when the byte behind it is. A line of
 * up to two bytes cannot be continued, nor can a start line. `seen` may stand at the line feed that was last found.
 */
static dor_result next_http(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    size_t limit = limit_of(rules), at = seen;
    if (limit < 2) limit = 2; /* a blank line always passes, also when its bytes come apart */
    if (rules->part != DOR_HTTP_PART_START && rules->part != DOR_HTTP_PART_HEADER)
        return dor__error(DOR_E_BADARG);
    for (;;) {
        const uint8_t *end = at < input.len ? memchr(input.ptr + at, '\n', input.len - at) : NULL;
        if (!end) return input.len >= limit ? invalid() : need_more(packet, 0, input.len);
        size_t len = (size_t)(end - input.ptr) + 1;
        bool blank = len == 1 || (len == 2 && input.ptr[0] == '\r');
        if (blank) return found_http(rules, input, len, packet);
        if (len > limit) return invalid();
        if (rules->part == DOR_HTTP_PART_HEADER) {
            if (len == input.len && !rules->last) return need_more(packet, len + 1, len - 1);
            at = len;
            if (len < input.len && len > 2 && (input.ptr[len] == ' ' || input.ptr[len] == '\t')) continue;
        }
        return found_http(rules, input, len, packet);
    }
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const mode_ops modes[DOR_PACKET_MODE_COUNT] = {
    [DOR_PACKET_MODE_RAW] = {"raw", 0, next_raw},
    [DOR_PACKET_MODE_1] = {"1", 1, next_counted},
    [DOR_PACKET_MODE_2] = {"2", 2, next_counted},
    [DOR_PACKET_MODE_4] = {"4", 4, next_counted},
    [DOR_PACKET_MODE_LINE] = {"line", 0, next_line},
    [DOR_PACKET_MODE_ASN1] = {"asn1", 0, next_asn1},
    [DOR_PACKET_MODE_CDR] = {"cdr", 0, next_cdr},
    [DOR_PACKET_MODE_SUNRM] = {"sunrm", 0, next_sunrm},
    [DOR_PACKET_MODE_FCGI] = {"fcgi", 0, next_fcgi},
    [DOR_PACKET_MODE_TPKT] = {"tpkt", 0, next_tpkt},
    [DOR_PACKET_MODE_HTTP] = {"http", 0, next_http},
    [DOR_PACKET_MODE_HTTP_BIN] = {"http_bin", 0, next_http},
    [DOR_PACKET_MODE_HTTPH] = {"httph", 0, next_http},
    [DOR_PACKET_MODE_HTTPH_BIN] = {"httph_bin", 0, next_http},
};

static const mode_ops *ops_of(dor_packet_mode mode)
{
    return (unsigned)mode < DOR_PACKET_MODE_COUNT ? &modes[mode] : NULL;
}

dor_result dor__packet_next(const dor_packet_rules *rules, dor_span input, size_t seen, dor_packet *packet)
{
    const mode_ops *ops = ops_of(rules->mode);
    *packet = (dor_packet){.complete = false};
    if (!ops || seen > input.len) return dor__error(DOR_E_BADARG);
    return ops->next(rules, input, seen, packet);
}

dor_result dor__packet_header(dor_packet_mode mode, size_t len, uint8_t header[4], size_t *header_len)
{
    const mode_ops *ops = ops_of(mode);
    *header_len = 0;
    if (!ops) return dor__error(DOR_E_BADARG);
    if (ops->header_len > 0 && (uint64_t)len >> (8 * ops->header_len) != 0) return dor__error(DOR_E_TOO_BIG);
    for (size_t i = 0; i < ops->header_len; i++)
        header[i] = (uint8_t)(len >> (8 * (ops->header_len - 1 - i)));
    *header_len = ops->header_len;
    return DOR_SUCCESS;
}

dor_http_part dor__packet_first_part(dor_packet_mode mode)
{
    switch (mode) {
    case DOR_PACKET_MODE_HTTP:
    case DOR_PACKET_MODE_HTTP_BIN: return DOR_HTTP_PART_START;
    case DOR_PACKET_MODE_HTTPH:
    case DOR_PACKET_MODE_HTTPH_BIN: return DOR_HTTP_PART_HEADER;
    default: return DOR_HTTP_PART_NONE;
    }
}

bool dor__packet_mode_from_name(dor_span name, dor_packet_mode *mode)
{
    if (dor__span_equal(name, dor__span_str("0"))) { /* the reference's own word for raw */
        *mode = DOR_PACKET_MODE_RAW;
        return true;
    }
    for (unsigned i = 0; i < DOR_PACKET_MODE_COUNT; i++) {
        if (dor__span_equal(name, dor__span_str(modes[i].name))) {
            *mode = (dor_packet_mode)i;
            return true;
        }
    }
    return false;
}

const char *dor__packet_mode_name(dor_packet_mode mode)
{
    const mode_ops *ops = ops_of(mode);
    return ops ? ops->name : NULL;
}
