/*
 * tls12_wire.h - a TLS 1.2 handshake's first flights are in the clear: taking them apart, changing them, and putting them
 * together again. On top of proto_test.h.
 */
#ifndef TESTS_SUPPORT_TLS12_WIRE_H
#define TESTS_SUPPORT_TLS12_WIRE_H

#include "tls/handshake.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static inline size_t wire_u16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static inline void wire_put_u16(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 8), at[1] = (uint8_t)v;
}

static inline void wire_put_u24(uint8_t *at, size_t v)
{
    at[0] = (uint8_t)(v >> 16), at[1] = (uint8_t)(v >> 8), at[2] = (uint8_t)v;
}

/** Takes an extension out of the hello message at m (header and all); returns how many bytes shorter it is. */
static inline size_t wire_cut_extension(uint8_t *m, size_t len, uint16_t type)
{
    size_t at = 4 + 2 + 32;
    at += 1u + m[at];            /* session id */
    at += 2u + wire_u16(m + at); /* suites */
    at += 1u + m[at];            /* compression */
    size_t block = at;
    for (at += 2; at + 4 <= len; at += 4 + wire_u16(m + at + 2)) {
        if (wire_u16(m + at) != type) continue;
        size_t gone = 4 + wire_u16(m + at + 2);
        memmove(m + at, m + at + gone, len - at - gone);
        wire_put_u16(m + block, wire_u16(m + block) - gone);
        wire_put_u24(m + 1, len - gone - 4);
        return gone;
    }
    return 0;
}

/**
 * Starts the client with a hello that lacks an extension, in its own transcript too: as a client that has never heard of
 * it. The client may still believe that it offered it.
 */
static inline void wire_start_without(proto_pair *p, uint16_t type)
{
    cr_assert(dor__ok(dor__tls_start(p->client.tls)));
    dor_bytes *raw = &p->client.tls->hs->transcript.raw;
    dor_bytes *out = dor__tls_output(p->client.tls);
    size_t gone = wire_cut_extension(out->ptr + 5, out->len - 5, type);
    cr_assert_gt(gone, 0, "no such extension in the hello");
    cr_assert_eq(wire_cut_extension(raw->ptr, raw->len, type), gone);
    raw->len -= gone;
    out->len -= gone;
    wire_put_u16(out->ptr + 3, out->len - 5);
}

/** Feeds `to` one record in the clear. */
static inline void wire_feed_record(proto_pair *p, dor_tls_role to, uint8_t type, dor_span payload)
{
    dor_bytes record = DOR_BYTES_EMPTY;
    dor_protection null;
    dor__protection_init_null(&null);
    cr_assert(dor__ok(dor__record_write(&null, type, 0x0303, 16384, payload, &record)));
    proto_feed(p, to, dor__bytes_span(&record));
    dor__bytes_free(&record);
}

/* ---- flights, taken apart ------------------------------------------------------------------------------------ */

/** A message, or a record that is none (change_cipher_spec, anything encrypted). */
typedef struct wire_unit {
    uint8_t content_type;
    dor_span bytes; /* into the flight: a message with its header, or a record's payload */
} wire_unit;

enum { WIRE_MAX_UNITS = 16 };

static inline size_t wire_split(dor_span flight, wire_unit units[WIRE_MAX_UNITS])
{
    size_t count = 0;
    bool clear = true;
    while (flight.len >= 5) {
        uint8_t type = flight.ptr[0];
        dor_span payload = dor__span(flight.ptr + 5, wire_u16(flight.ptr + 3));
        flight = dor__span(payload.ptr + payload.len, flight.len - 5 - payload.len);
        if (type == DOR_CONTENT_CHANGE_CIPHER_SPEC) clear = false;
        if (type != DOR_CONTENT_HANDSHAKE || !clear) {
            cr_assert_lt(count, WIRE_MAX_UNITS);
            units[count++] = (wire_unit){type, payload};
            continue;
        }
        while (payload.len > 0) {
            size_t len = 4 + ((size_t)payload.ptr[1] << 16 | wire_u16(payload.ptr + 2));
            cr_assert_lt(count, WIRE_MAX_UNITS);
            units[count++] = (wire_unit){type, dor__span(payload.ptr, len)};
            payload = dor__span(payload.ptr + len, payload.len - len);
        }
    }
    return count;
}

/** Each unit as a record of its own. */
static inline void wire_feed_units(proto_pair *p, dor_tls_role to, const wire_unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_feed_record(p, to, units[i].content_type, units[i].bytes);
}

/** Takes what an end has to say away from it; the caller frees. */
static inline dor_bytes wire_take(proto_pair *p, dor_tls_role from)
{
    dor_bytes *output = dor__tls_output(proto_end_of(p, from)->tls), taken = *output;
    *output = DOR_BYTES_EMPTY;
    return taken;
}

/** Runs the handshake up to the server's first flight and delivers that with another certificate in it (or none). */
static inline void wire_swap_certificate(proto_pair *p, dor_span der)
{
    wire_unit units[WIRE_MAX_UNITS];
    dor_bytes body = DOR_BYTES_EMPTY;
    size_t message, list;
    cr_assert(dor__ok(dor__tls_start(p->client.tls)));
    proto_deliver(p, DOR_TLS_CLIENT);
    dor_bytes flight = wire_take(p, DOR_TLS_SERVER);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    cr_assert(dor__ok(wr_u8(&body, DOR_HS_CERTIFICATE)));
    cr_assert(dor__ok(wr_begin(&body, 3, &message)));
    cr_assert(dor__ok(wr_begin(&body, 3, &list)));
    if (der.len > 0) cr_assert(dor__ok(wr_vec(&body, 3, der)));
    cr_assert(dor__ok(wr_end(&body, 3, list)));
    cr_assert(dor__ok(wr_end(&body, 3, message)));
    cr_assert_eq(units[1].bytes.ptr[0], DOR_HS_CERTIFICATE);
    units[1].bytes = dor__bytes_span(&body);
    wire_feed_units(p, DOR_TLS_CLIENT, units, count);
    dor__bytes_free(&flight);
    dor__bytes_free(&body);
}

#endif
