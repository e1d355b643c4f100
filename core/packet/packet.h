/*
 * packet.h - packet modes: how a stream of plaintext is cut into the units that the owner sees, and what send adds
 * (the reference's {packet, Mode}; inet:setopts/2, erlang:decode_packet/3).
 *
 * Pure functions over bytes that are there already; the caller buffers, and keeps where the last look at an unfinished
 * packet ended, so that a packet that comes byte by byte is not searched from its beginning each time.
 */
#ifndef DOR_PACKET_PACKET_H
#define DOR_PACKET_PACKET_H

#include "base/result.h"
#include "base/span.h"

#include <dormouse/http.h>

typedef enum dor_packet_mode {
    DOR_PACKET_MODE_RAW = 0,
    DOR_PACKET_MODE_1,
    DOR_PACKET_MODE_2,
    DOR_PACKET_MODE_4,
    DOR_PACKET_MODE_LINE,
    DOR_PACKET_MODE_ASN1,
    DOR_PACKET_MODE_CDR,
    DOR_PACKET_MODE_SUNRM,
    DOR_PACKET_MODE_FCGI,
    DOR_PACKET_MODE_TPKT,
    DOR_PACKET_MODE_HTTP,
    DOR_PACKET_MODE_HTTP_BIN, /* in C as HTTP: only the reference's form of data differs */
    DOR_PACKET_MODE_HTTPH,
    DOR_PACKET_MODE_HTTPH_BIN,
    DOR_PACKET_MODE_COUNT
} dor_packet_mode;

enum {
    DOR_PACKET_TAG_MAX = 16, /* bytes of an ASN.1 identifier; real ones have up to 3 */
    DOR_PACKET_HEADER_MAX =
        24, /* what a packet can take on top of `max`: the longest header is ASN.1's, 16 + 5 */
    DOR_PACKET_LENGTH_MAX =
        0x7fffff00 /* no packet is longer, whatever max says; in the reference: about as much */
};

/** What decides how the stream is cut. */
typedef struct dor_packet_rules {
    dor_packet_mode mode;
    uint8_t delimiter;  /* LINE: the last byte of a line */
    dor_http_part part; /* HTTP: what the next line is */
    bool last;          /* nothing follows the input: the peer has ended */
    uint32_t max;       /* packet_size: most bytes beside the header; 0: DOR_PACKET_LENGTH_MAX */
} dor_packet_rules;

typedef struct dor_packet {
    bool complete; /* false: more bytes are needed (need says how many in all, 0 when unknown) */
    size_t need;
    size_t seen;             /* not complete: where the next look at the same packet may begin */
    size_t consumed;         /* bytes of input that this packet takes */
    dor_span body;           /* what the owner sees; borrowed from the input */
    dor_http_part part;      /* the HTTP modes: what the line is */
    dor_http_part next_part; /* and what the next one is */
} dor_packet;

/**
 * Looks for one packet at the start of input; the first `seen` bytes of it were looked at before, under the same rules.
 * A packet over rules->max, and one that its mode does not allow, fails with INVALID_PACKET: as soon as its header
 * is there, or as no end was found within the limit. Raw: everything that is there is one packet, without a limit.
 * Rules->last: LINE gives what is there, the HTTP modes a header that nothing can continue any more.
 */
DOR_MUST_USE dor_result dor__packet_next(const dor_packet_rules *rules, dor_span input, size_t seen,
                                         dor_packet *packet);

/** The header that send puts before len bytes: its size (0 to 4) in *header_len. TOO_BIG when len does not fit. */
DOR_MUST_USE dor_result dor__packet_header(dor_packet_mode mode, size_t len, uint8_t header[4],
                                           size_t *header_len);

/** Whether packets of this mode are lines of HTTP, and what the first of them is. */
dor_http_part dor__packet_first_part(dor_packet_mode mode);

/** The mode of a name ("raw", "0", "1", "line", "http_bin", ...); false if there is none. */
bool dor__packet_mode_from_name(dor_span name, dor_packet_mode *mode);
const char *dor__packet_mode_name(dor_packet_mode mode);

#endif
