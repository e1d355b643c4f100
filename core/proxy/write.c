/* write.c - putting headers of the PROXY protocol together, and their checksum; see proxy.h. */
#include "base/writer.h"
#include "proxy/parts.h"
#include "proxy/proxy.h"
#include <stdio.h>

/* The reflected polynomial of Castagnoli, bit by bit: a header is short, and most have no checksum. */
uint32_t dor__crc32c(uint32_t crc, dor_span data)
{
    crc = ~crc;
    for (size_t i = 0; i < data.len; i++) {
        crc ^= data.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
    }
    return ~crc;
}

/* ---- version 1 --------------------------------------------------------------------------------------------------- */

/* Without "::", which nobody needs: it is in the specification's longest form, and always the same. */
static int ip_text(const dor_proxy_header *h, const dor_proxy_end *end, char *text, size_t cap)
{
    const uint8_t *b = end->ip;
    if (h->family == DOR_PROXY_IPV4) return snprintf(text, cap, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]);
    return snprintf(text, cap, "%x:%x:%x:%x:%x:%x:%x:%x", b[0] << 8 | b[1], b[2] << 8 | b[3],
                    b[4] << 8 | b[5], b[6] << 8 | b[7], b[8] << 8 | b[9], b[10] << 8 | b[11],
                    b[12] << 8 | b[13], b[14] << 8 | b[15]);
}

static dor_result write_line(const dor_proxy_header *h, dor_bytes *to)
{
    char line[DOR_PROXY_V1_MAX + 1], source[40], destination[40];
    if (h->family == DOR_PROXY_UNKNOWN || h->family == DOR_PROXY_UNIX)
        return wr_bytes(to, dor__span_str("PROXY UNKNOWN\r\n"));
    (void)ip_text(h, &h->source, source, sizeof source);
    (void)ip_text(h, &h->destination, destination, sizeof destination);
    (void)snprintf(line, sizeof line, "PROXY TCP%d %s %s %u %u\r\n", h->family == DOR_PROXY_IPV4 ? 4 : 6,
                   source, destination, (unsigned)h->source.port, (unsigned)h->destination.port);
    return wr_bytes(to, dor__span_str(line));
}

/* ---- version 2 --------------------------------------------------------------------------------------------------- */

static dor_result write_path(dor_bytes *to, dor_span path)
{
    static const uint8_t zeros[DOR_PROXY_UNIX_LEN];
    if (path.len > DOR_PROXY_UNIX_LEN) return dor__error(DOR_E_BADARG);
    DOR_TRY(wr_bytes(to, path));
    return wr_bytes(to, dor__span(zeros, DOR_PROXY_UNIX_LEN - path.len));
}

static dor_result write_addresses(const dor_proxy_header *h, dor_bytes *to)
{
    size_t len = h->family == DOR_PROXY_IPV4 ? 4 : 16;
    if (h->family == DOR_PROXY_UNKNOWN) return DOR_SUCCESS;
    if (h->family == DOR_PROXY_UNIX) {
        DOR_TRY(write_path(to, h->source.path));
        return write_path(to, h->destination.path);
    }
    DOR_TRY(wr_bytes(to, dor__span(h->source.ip, len)));
    DOR_TRY(wr_bytes(to, dor__span(h->destination.ip, len)));
    DOR_TRY(wr_u16(to, h->source.port));
    return wr_u16(to, h->destination.port);
}

static dor_result write_tlv(dor_bytes *to, uint8_t type, dor_span value, size_t max)
{
    if (!value.ptr) return DOR_SUCCESS;
    if (value.len > max) return dor__error(DOR_E_BADARG);
    DOR_TRY(wr_u8(to, type));
    return wr_vec(to, 2, value);
}

static dor_result write_ssl(const dor_proxy_ssl *ssl, dor_bytes *to)
{
    enum { MAX = 4096 };
    size_t mark;
    DOR_TRY(wr_u8(to, DOR_PROXY_SSL));
    DOR_TRY(wr_begin(to, 2, &mark));
    DOR_TRY(wr_u8(to, ssl->client));
    DOR_TRY(wr_u32(to, ssl->verify));
    DOR_TRY(write_tlv(to, DOR_PROXY_SUB_VERSION, ssl->version, MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_SUB_CN, ssl->common_name, MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_SUB_CIPHER, ssl->cipher, MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_SUB_SIG_ALG, ssl->sig_alg, MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_SUB_KEY_ALG, ssl->key_alg, MAX));
    return wr_end(to, 2, mark);
}

static dor_result write_tlvs(const dor_proxy_header *h, dor_bytes *to)
{
    enum { MAX = 4096 };
    DOR_TRY(write_tlv(to, DOR_PROXY_ALPN, h->alpn, UINT8_MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_AUTHORITY, h->authority, MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_UNIQUE_ID, h->unique_id, DOR_PROXY_UNIQUE_ID_MAX));
    DOR_TRY(write_tlv(to, DOR_PROXY_NETNS, h->netns, MAX));
    return h->has_ssl ? write_ssl(&h->ssl, to) : DOR_SUCCESS;
}

static dor_result write_block(const dor_proxy_header *h, dor_bytes *to)
{
    static const uint8_t families[] = {0x00, 0x11, 0x21, 0x31}, zeros[4];
    size_t begin = to->len, mark;
    bool addressed = !h->local && h->family != DOR_PROXY_UNKNOWN;
    DOR_TRY(wr_bytes(to, dor__span(dor__proxy_signature, DOR_PROXY_SIGNATURE_LEN)));
    DOR_TRY(wr_u8(to, h->local ? 0x20 : 0x21));
    DOR_TRY(wr_u8(to, addressed ? families[h->family] : 0));
    DOR_TRY(wr_begin(to, 2, &mark));
    if (addressed) {
        DOR_TRY(write_addresses(h, to));
        DOR_TRY(write_tlvs(h, to));
        if (h->has_crc32c) DOR_TRY(write_tlv(to, DOR_PROXY_CRC32C, dor__span(zeros, 4), 4));
    }
    DOR_TRY(wr_end(to, 2, mark));
    if (!addressed || !h->has_crc32c) return DOR_SUCCESS;
    uint32_t crc = dor__crc32c(0, dor__span(to->ptr + begin, to->len - begin));
    to->len -= 4;
    return wr_u32(to, crc);
}

dor_result dor__proxy_write(const dor_proxy_header *header, dor_bytes *to)
{
    if ((unsigned)header->family > DOR_PROXY_UNIX) return dor__error(DOR_E_BADARG);
    if (header->version == 1) return write_line(header, to);
    return header->version == 2 ? write_block(header, to) : dor__error(DOR_E_BADARG);
}
