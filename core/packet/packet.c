/*
 * packet.c - packet modes, one row of a table each: its name, its header, and how it finds a packet.
 *
 * Pure functions; no state between calls. What the modes mean: inet:setopts/2 of the reference.
 */
#include "packet/packet.h"

typedef struct mode_ops {
    const char *name;
    uint8_t header_len; /* bytes of length, big-endian, before each packet */
    dor_result (*next)(const struct mode_ops *ops, uint32_t max, dor_span input, dor_packet *packet);
} mode_ops;

static dor_result need_more(dor_packet *packet, size_t need)
{
    *packet = (dor_packet){.complete = false, .need = need};
    return DOR_SUCCESS;
}

static dor_result found(dor_packet *packet, dor_span input, size_t header_len, size_t body_len)
{
    *packet = (dor_packet){
        .complete = true,
        .need = header_len + body_len,
        .consumed = header_len + body_len,
        .body = dor__span(input.ptr + header_len, body_len),
    };
    return DOR_SUCCESS;
}

/* Everything that is there. packet_size says nothing about raw data. */
static dor_result next_raw(const mode_ops *ops, uint32_t max, dor_span input, dor_packet *packet)
{
    (void)ops;
    (void)max;
    return input.len > 0 ? found(packet, input, 0, input.len) : need_more(packet, 1);
}

/*
 * A length of 1, 2 or 4 bytes, and as many bytes of body. The limit is on the body, and told as soon as the
 * length is.
 */
static dor_result next_counted(const mode_ops *ops, uint32_t max, dor_span input, dor_packet *packet)
{
    uint32_t body_len = 0;
    if (input.len < ops->header_len) return need_more(packet, ops->header_len);
    for (size_t i = 0; i < ops->header_len; i++)
        body_len = body_len << 8 | input.ptr[i];
    if (max > 0 && body_len > max) return dor__error(DOR_E_INVALID_PACKET);
    size_t whole_len = ops->header_len + (size_t)body_len;
    if (whole_len < body_len) /* can be where size_t has 32 bits */
        return dor__error(DOR_E_INVALID_PACKET);
    if (input.len < whole_len) return need_more(packet, whole_len);
    return found(packet, input, ops->header_len, body_len);
}

/* Up to and with the line feed. A line of more than max bytes comes in pieces of max. */
static dor_result next_line(const mode_ops *ops, uint32_t max, dor_span input, dor_packet *packet)
{
    (void)ops;
    size_t reach = max > 0 && max < input.len ? max : input.len;
    const uint8_t *end = reach > 0 ? memchr(input.ptr, '\n', reach) : NULL;
    if (end) return found(packet, input, 0, (size_t)(end - input.ptr) + 1);
    if (max > 0 && input.len >= max) return found(packet, input, 0, max);
    return need_more(packet, 0);
}

static const mode_ops modes[DOR_PACKET_MODE_COUNT] = {
    [DOR_PACKET_MODE_RAW] = {"raw", 0, next_raw},    [DOR_PACKET_MODE_1] = {"1", 1, next_counted},
    [DOR_PACKET_MODE_2] = {"2", 2, next_counted},    [DOR_PACKET_MODE_4] = {"4", 4, next_counted},
    [DOR_PACKET_MODE_LINE] = {"line", 0, next_line},
};

static const mode_ops *ops_of(dor_packet_mode mode)
{
    return (unsigned)mode < DOR_PACKET_MODE_COUNT ? &modes[mode] : NULL;
}

dor_result dor__packet_next(dor_packet_mode mode, uint32_t max, dor_span input, dor_packet *packet)
{
    const mode_ops *ops = ops_of(mode);
    *packet = (dor_packet){.complete = false};
    return ops ? ops->next(ops, max, input, packet) : dor__error(DOR_E_BADARG);
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
