/* proxy.c - taking headers of the PROXY protocol apart; see proxy.h. Sections are the specification's. */
#include "proxy/proxy.h"
#include "base/address.h"
#include "base/reader.h"
#include "proxy/parts.h"

const uint8_t dor__proxy_signature[DOR_PROXY_SIGNATURE_LEN] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                               0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static const char v1_start[] = "PROXY ";

/* ---- where it ends ----------------------------------------------------------------------------------------------- */

static bool begins_like(dor_span data, const void *start, size_t start_len)
{
    return memcmp(data.ptr, start, data.len < start_len ? data.len : start_len) == 0;
}

static dor_result find_line_end(dor_span data, size_t *len)
{
    for (size_t i = 0; i < data.len && i < DOR_PROXY_V1_MAX; i++) {
        uint8_t c = data.ptr[i];
        bool after_cr = i > 0 && data.ptr[i - 1] == '\r';
        if (after_cr != (c == '\n')) return dor__error(DOR_E_PROXY_SYNTAX);
        if (c == '\n') {
            *len = i + 1;
            return DOR_SUCCESS;
        }
    }
    return data.len < DOR_PROXY_V1_MAX ? DOR_SUCCESS : dor__error(DOR_E_PROXY_TOO_LONG);
}

static dor_result check_fixed(uint8_t version_command, uint8_t family)
{
    if (version_command >> 4 != 2) return dor__error(DOR_E_PROXY_VERSION);
    if ((version_command & 0x0f) > 1) return dor__error(DOR_E_PROXY_COMMAND);
    /* A LOCAL header's family is ignored, whatever it is (section 2.2). */
    bool unassigned = family >> 4 > 3 || (family & 0x0f) > 2;
    return version_command == 0x21 && unassigned ? dor__error(DOR_E_PROXY_FAMILY) : DOR_SUCCESS;
}

dor_result dor__proxy_find_end(dor_span data, size_t max, size_t *len)
{
    *len = 0;
    if (data.len == 0) return DOR_SUCCESS;
    if (begins_like(data, v1_start, sizeof v1_start - 1)) return find_line_end(data, len);
    if (!begins_like(data, dor__proxy_signature, DOR_PROXY_SIGNATURE_LEN))
        return dor__error(DOR_E_PROXY_MISSING);
    if (data.len > 12 && data.ptr[12] >> 4 != 2) return dor__error(DOR_E_PROXY_VERSION);
    if (data.len > 13) DOR_TRY(check_fixed(data.ptr[12], data.ptr[13]));
    if (data.len < DOR_PROXY_V2_FIXED) return DOR_SUCCESS;
    size_t whole = DOR_PROXY_V2_FIXED + (size_t)(data.ptr[14] << 8 | data.ptr[15]);
    if (whole > max) return dor__error(DOR_E_PROXY_TOO_LONG);
    if (data.len >= whole) *len = whole;
    return DOR_SUCCESS;
}

/* ---- version 1 --------------------------------------------------------------------------------------------------- */

/* Up to the next space, or to the end. False without one where there must be. */
static bool take_word(dor_span *line, bool last, dor_span *word)
{
    const uint8_t *space = line->len ? memchr(line->ptr, ' ', line->len) : NULL;
    if (last != (space == NULL)) return false;
    *word = dor__span(line->ptr, space ? (size_t)(space - line->ptr) : line->len);
    *line = space ? dor__span(space + 1, line->len - word->len - 1) : DOR_SPAN_EMPTY;
    return word->len > 0;
}

static bool take_address(dor_span *line, size_t len, dor_proxy_end *end)
{
    dor_span word;
    return take_word(line, false, &word) && dor__ip_parse(word, end->ip) == len;
}

/* 0 to 65535, without zeros in front. */
static bool take_port(dor_span *line, bool last, dor_proxy_end *end)
{
    dor_span word;
    uint32_t port = 0;
    if (!take_word(line, last, &word) || word.len > 5 || (word.len > 1 && word.ptr[0] == '0')) return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9') return false;
        port = port * 10 + (uint32_t)(word.ptr[i] - '0');
    }
    end->port = (uint16_t)port;
    return port <= UINT16_MAX;
}

static dor_result parse_line(dor_span line, dor_proxy_header *h)
{
    dor_span word;
    h->version = 1;
    line = dor__span(line.ptr + sizeof v1_start - 1, line.len - (sizeof v1_start - 1) - 2);
    /* UNKNOWN may stand alone, and whatever follows it is ignored. */
    if (line.len >= 7 && memcmp(line.ptr, "UNKNOWN", 7) == 0 && (line.len == 7 || line.ptr[7] == ' '))
        return DOR_SUCCESS;
    if (!take_word(&line, false, &word) || word.len != 4 || memcmp(word.ptr, "TCP", 3) != 0 ||
        (word.ptr[3] != '4' && word.ptr[3] != '6'))
        return dor__error(DOR_E_PROXY_FAMILY);
    size_t len = word.ptr[3] == '4' ? 4 : 16;
    h->family = len == 4 ? DOR_PROXY_IPV4 : DOR_PROXY_IPV6;
    bool good = take_address(&line, len, &h->source) && take_address(&line, len, &h->destination) &&
                take_port(&line, false, &h->source) && take_port(&line, true, &h->destination);
    return good ? DOR_SUCCESS : dor__error(DOR_E_PROXY_ADDRESS);
}

/* ---- version 2 --------------------------------------------------------------------------------------------------- */

static dor_span path_of(dor_span field)
{
    size_t len = field.len;
    if (field.ptr[0]) {
        const uint8_t *end = memchr(field.ptr, 0, field.len);
        return dor__span(field.ptr, end ? (size_t)(end - field.ptr) : field.len);
    }
    while (len > 0 && !field.ptr[len - 1])
        len--;
    return dor__span(field.ptr, len);
}

static dor_result read_unix(dor_reader *r, dor_proxy_header *h)
{
    dor_span source, destination;
    DOR_TRY(rd_bytes(r, &source, DOR_PROXY_UNIX_LEN));
    DOR_TRY(rd_bytes(r, &destination, DOR_PROXY_UNIX_LEN));
    h->source.path = path_of(source);
    h->destination.path = path_of(destination);
    return DOR_SUCCESS;
}

static dor_result read_ip(dor_reader *r, size_t len, dor_proxy_header *h)
{
    dor_span source, destination;
    DOR_TRY(rd_bytes(r, &source, len));
    DOR_TRY(rd_bytes(r, &destination, len));
    memcpy(h->source.ip, source.ptr, len);
    memcpy(h->destination.ip, destination.ptr, len);
    DOR_TRY(rd_u16(r, &h->source.port));
    return rd_u16(r, &h->destination.port);
}

/* A second one of a kind would let two readers of one header see two different things. */
static dor_result take_once(dor_span *field, dor_span value, size_t max)
{
    if (field->ptr || value.len > max) return dor__error(DOR_E_PROXY_TLV);
    *field = value;
    return DOR_SUCCESS;
}

static dor_result read_ssl(dor_span value, dor_proxy_header *h)
{
    dor_reader r = rd_from(value);
    if (h->has_ssl) return dor__error(DOR_E_PROXY_TLV);
    h->has_ssl = true;
    DOR_TRY(rd_u8(&r, &h->ssl.client));
    DOR_TRY(rd_u32(&r, &h->ssl.verify));
    while (rd_left(&r)) {
        uint8_t type;
        dor_span sub;
        DOR_TRY(rd_u8(&r, &type));
        DOR_TRY(rd_vec16(&r, &sub, 0, UINT16_MAX));
        switch (type) {
        case DOR_PROXY_SUB_VERSION: DOR_TRY(take_once(&h->ssl.version, sub, SIZE_MAX)); break;
        case DOR_PROXY_SUB_CN: DOR_TRY(take_once(&h->ssl.common_name, sub, SIZE_MAX)); break;
        case DOR_PROXY_SUB_CIPHER: DOR_TRY(take_once(&h->ssl.cipher, sub, SIZE_MAX)); break;
        case DOR_PROXY_SUB_SIG_ALG: DOR_TRY(take_once(&h->ssl.sig_alg, sub, SIZE_MAX)); break;
        case DOR_PROXY_SUB_KEY_ALG: DOR_TRY(take_once(&h->ssl.key_alg, sub, SIZE_MAX)); break;
        default: break; /* section 2.2: what is not understood is skipped */
        }
    }
    return DOR_SUCCESS;
}

/* Of the whole header, with zeros in the place of the checksum. */
static dor_result check_crc32c(dor_span data, dor_span value, dor_proxy_header *h)
{
    static const uint8_t zeros[4];
    if (h->has_crc32c || value.len != 4) return dor__error(DOR_E_PROXY_TLV);
    h->has_crc32c = true;
    size_t before = (size_t)(value.ptr - data.ptr), behind = data.len - before - 4;
    uint32_t crc = dor__crc32c(0, dor__span(data.ptr, before));
    crc = dor__crc32c(crc, dor__span(zeros, 4));
    crc = dor__crc32c(crc, dor__span(value.ptr + 4, behind));
    uint32_t said = (uint32_t)value.ptr[0] << 24 | (uint32_t)value.ptr[1] << 16 |
                    (uint32_t)value.ptr[2] << 8 | value.ptr[3];
    return crc == said ? DOR_SUCCESS : dor__error(DOR_E_PROXY_CHECKSUM);
}

static dor_result read_tlvs(dor_reader *r, dor_span data, dor_proxy_header *h)
{
    h->tlvs = dor__span(r->ptr, rd_left(r));
    while (rd_left(r)) {
        uint8_t type;
        dor_span value;
        DOR_TRY(rd_u8(r, &type));
        DOR_TRY(rd_vec16(r, &value, 0, UINT16_MAX));
        switch (type) {
        case DOR_PROXY_ALPN: DOR_TRY(take_once(&h->alpn, value, UINT8_MAX)); break;
        case DOR_PROXY_AUTHORITY: DOR_TRY(take_once(&h->authority, value, SIZE_MAX)); break;
        case DOR_PROXY_CRC32C: DOR_TRY(check_crc32c(data, value, h)); break;
        case DOR_PROXY_UNIQUE_ID: DOR_TRY(take_once(&h->unique_id, value, DOR_PROXY_UNIQUE_ID_MAX)); break;
        case DOR_PROXY_SSL: DOR_TRY(read_ssl(value, h)); break;
        case DOR_PROXY_NETNS: DOR_TRY(take_once(&h->netns, value, SIZE_MAX)); break;
        default: break; /* NOOP, and what is not understood */
        }
    }
    return DOR_SUCCESS;
}

static dor_result parse_block(dor_span data, dor_proxy_header *h)
{
    dor_reader r = rd_from(dor__span(data.ptr + DOR_PROXY_V2_FIXED, data.len - DOR_PROXY_V2_FIXED));
    uint8_t family = data.ptr[13];
    dor_result addresses = DOR_SUCCESS, tlvs;
    h->version = 2;
    h->local = (data.ptr[12] & 0x0f) == 0;
    if (h->local) return DOR_SUCCESS; /* the block is to be discarded, whatever it holds */
    h->family = family == 0x11 ? DOR_PROXY_IPV4 : family == 0x21 ? DOR_PROXY_IPV6 : DOR_PROXY_UNIX;
    switch (family) {
    case 0x11: addresses = read_ip(&r, 4, h); break;
    case 0x21: addresses = read_ip(&r, 16, h); break;
    case 0x31: addresses = read_unix(&r, h); break;
    default: /* unspecified, or datagrams: taken for unspecified, so there is no telling where its TLVs begin */
        h->family = DOR_PROXY_UNKNOWN;
        return DOR_SUCCESS;
    }
    if (dor__failed(addresses)) return dor__error(DOR_E_PROXY_ADDRESS);
    tlvs = read_tlvs(&r, data, h);
    /* The reader's own failure is an alert of TLS, of which nothing has begun. */
    return dor_error_get_alert(tlvs.code) >= 0 ? dor__error(DOR_E_PROXY_TLV) : tlvs;
}

dor_result dor__proxy_parse(dor_span data, dor_proxy_header *header)
{
    size_t len;
    *header = (dor_proxy_header){0};
    DOR_TRY(dor__proxy_find_end(data, SIZE_MAX, &len));
    if (len == 0 || len != data.len) return dor__error(DOR_E_PROXY_SYNTAX);
    return data.ptr[0] == 'P' ? parse_line(data, header) : parse_block(data, header);
}
