/*
 * proxy.h - the PROXY protocol's header, versions 1 and 2 (HAProxy's "The PROXY protocol"): what a proxy sends in front
 * of a connection's bytes to say for whom it was made. Finding its end, taking it apart, putting one together.
 *
 * A header is looked for where one must be, never guessed. It may come in pieces; nothing is believed before all of it
 * is there, and a byte that cannot be right is an error at once. A line of version 1 has at most 107 bytes, a block of
 * version 2 as many as the caller allows.
 *
 * No I/O, no memory but what the writer appends; spans that parsing gives out borrow from the header.
 */
#ifndef DOR_PROXY_PROXY_H
#define DOR_PROXY_PROXY_H

#include "base/bytes.h"

enum {
    DOR_PROXY_V1_MAX = 107,       /* section 2.1, with CRLF */
    DOR_PROXY_V2_FIXED = 16,      /* section 2.2: signature, version and command, family, length */
    DOR_PROXY_UNIX_LEN = 108,     /* of one address */
    DOR_PROXY_UNIQUE_ID_MAX = 128 /* section 2.2.5 */
};

typedef enum dor_proxy_family {
    DOR_PROXY_UNKNOWN, /* LOCAL, UNKNOWN, or of a kind that no stream of ours has: there are no addresses */
    DOR_PROXY_IPV4,
    DOR_PROXY_IPV6,
    DOR_PROXY_UNIX
} dor_proxy_family;

typedef struct dor_proxy_end {
    uint8_t ip[16];
    uint16_t port;
    dor_span
        path; /* UNIX: up to its first NUL; an abstract name's first byte is one, and then up to the last other */
} dor_proxy_end;

typedef struct dor_proxy_ssl {
    uint8_t client;  /* bits of section 2.2.6 */
    uint32_t verify; /* 0: a certificate was presented and verified */
    dor_span version, common_name, cipher, sig_alg, key_alg;
} dor_proxy_ssl;

typedef struct dor_proxy_header {
    uint8_t version; /* 1 or 2 */
    bool local;      /* 2: the proxy's own connection */
    bool has_ssl, has_crc32c;
    dor_proxy_family family;
    dor_proxy_end source, destination;
    dor_span tlvs; /* all of them as they came; what follows is from there, ptr NULL where there is none */
    dor_span alpn, authority, unique_id, netns;
    dor_proxy_ssl ssl;
} dor_proxy_header;

/**
 * How long the header at the front of data is: *len, or 0 when more has to come to tell. max: of version 2's whole block.
 * PROXY_MISSING when what is there begins no header, PROXY_TOO_LONG, or what is wrong with the fixed part.
 */
DOR_MUST_USE dor_result dor__proxy_find_end(dor_span data, size_t max, size_t *len);

/** All of a header and nothing else. A checksum that is there is verified. */
DOR_MUST_USE dor_result dor__proxy_parse(dor_span data, dor_proxy_header *header);

/**
 * Appends a header of header->version: of version 1 there is no room for more than the addresses, and none for UNIX ones,
 * which become UNKNOWN. tlvs are not looked at. BADARG for what parsing would refuse.
 */
DOR_MUST_USE dor_result dor__proxy_write(const dor_proxy_header *header, dor_bytes *to);

/** CRC32c (RFC 4960 appendix B), to be begun with 0 and continued with its result. */
uint32_t dor__crc32c(uint32_t crc, dor_span data);

#endif
