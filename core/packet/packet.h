/*
 * packet.h - packet modes: how a stream of plaintext is cut into the units that the owner sees, and what send adds
 * (the reference's {packet, Mode}; inet:setopts/2).
 *
 * Pure functions over bytes that are there already; the caller buffers. raw, 1, 2, 4 and line now; the decoders of
 * asn1, cdr, sunrm, fcgi, tpkt and http take their places in the table of packet.c.
 */
#ifndef DOR_PACKET_PACKET_H
#define DOR_PACKET_PACKET_H

#include "base/result.h"
#include "base/span.h"

typedef enum dor_packet_mode {
    DOR_PACKET_MODE_RAW = 0,
    DOR_PACKET_MODE_1,
    DOR_PACKET_MODE_2,
    DOR_PACKET_MODE_4,
    DOR_PACKET_MODE_LINE,
    DOR_PACKET_MODE_COUNT
} dor_packet_mode;

typedef struct dor_packet {
    bool complete; /* false: more bytes are needed (need says how many in all, 0 when unknown) */
    size_t need;
    size_t consumed; /* bytes of input that this packet takes */
    dor_span body;   /* what the owner sees; borrowed from the input */
} dor_packet;

/**
 * Looks for one packet at the start of input. max is packet_size (0: none): a longer one fails with INVALID_PACKET;
 * in line mode a line longer than max is cut, as in the reference. Raw: everything that is there is one packet.
 */
DOR_MUST_USE dor_result dor__packet_next(dor_packet_mode mode, uint32_t max, dor_span input,
                                         dor_packet *packet);

/** The header that send puts before len bytes: its size (0 to 4) in *header_len. TOO_BIG when len does not fit. */
DOR_MUST_USE dor_result dor__packet_header(dor_packet_mode mode, size_t len, uint8_t header[4],
                                           size_t *header_len);

/** The mode of a name ("raw", "0", "1", "2", "4", "line"); false if there is none. */
bool dor__packet_mode_from_name(dor_span name, dor_packet_mode *mode);
const char *dor__packet_mode_name(dor_packet_mode mode);

#endif
