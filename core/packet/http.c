/*
 * http.c - one line of HTTP/1 taken apart (dormouse/http.h), by the rules of the reference's packet decoder.
 *
 * Pure functions: a reader walks over the line once, from left to right; what it finds points into the line. Whoever
 * cuts the stream into lines is packet.c.
 */
#include "base/span.h"

#include <dormouse/http.h>

/* ---- walking over the line ------------------------------------------------------------------------------------ */

static dor_http_text text(const uint8_t *ptr, size_t len)
{
    return (dor_http_text){(const char *)ptr, len};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* What a method or a field's name is made of: RFC 9110 section 5.6.2, and DEL, as in the reference. */
static bool is_token(uint8_t c)
{
    return c > ' ' && c < 0x80 && !memchr("()<>@,;:\\\"/[]?={}", c, 17);
}

static dor_http_text take_while(dor_span *in, bool (*wanted)(uint8_t c))
{
    const uint8_t *begin = in->ptr;
    while (in->len && wanted(*in->ptr)) {
        in->ptr++;
        in->len--;
    }
    return text(begin, (size_t)(in->ptr - begin));
}

static bool not_space(uint8_t c)
{
    return !is_space(c);
}

static bool take_byte(dor_span *in, uint8_t wanted)
{
    if (!in->len || *in->ptr != wanted) return false;
    in->ptr++;
    in->len--;
    return true;
}

/* Digits, at least one; false also when the number is of no use. */
static bool take_number(dor_span *in, uint16_t *number)
{
    uint32_t n = 0;
    dor_http_text digits = take_while(in, is_digit);
    if (!digits.len) return false;
    for (size_t i = 0; i < digits.len; i++) {
        n = 10 * n + (uint32_t)(digits.ptr[i] - '0');
        if (n > UINT16_MAX) return false;
    }
    *number = (uint16_t)n;
    return true;
}

static bool take_version(dor_span *in, uint16_t *major, uint16_t *minor)
{
    if (in->len < 5 || memcmp(in->ptr, "HTTP/", 5) != 0) return false;
    *in = dor__span(in->ptr + 5, in->len - 5);
    return take_number(in, major) && take_byte(in, '.') && take_number(in, minor);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool equal_nocase(const void *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(((const uint8_t *)a)[i]) != lower((uint8_t)b[i])) return false;
    return true;
}

/* ---- request line --------------------------------------------------------------------------------------------- */

static dor_http_method method_of(dor_http_text name)
{
    static const char *const names[] = {NULL, "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE"};
    for (unsigned i = 1; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == name.len && memcmp(names[i], name.ptr, name.len) == 0)
            return (dor_http_method)i;
    return DOR_HTTP_METHOD_OTHER;
}

static bool not_host_end(uint8_t c)
{
    return c != ':' && c != '/';
}

static bool not_bracket(uint8_t c)
{
    return c != ']';
}

static bool not_slash(uint8_t c)
{
    return c != '/';
}

/* Behind "http://": host, port, path. */
static void parse_authority(dor_span in, dor_http_uri *uri)
{
    static const uint8_t root[] = "/";
    const uint8_t *begin = in.ptr;
    uint16_t port = 0;
    if (in.len && *in.ptr == '[' && memchr(in.ptr, ']', in.len)) { /* an IPv6 address has colons of its own */
        (void)take_while(&in, not_bracket);
        (void)take_byte(&in, ']');
    }
    (void)take_while(&in, not_host_end);
    uri->host = text(begin, (size_t)(in.ptr - begin));
    uri->port = -1;
    if (take_byte(&in, ':')) {
        bool good = take_number(&in, &port) && port > 0 && (!in.len || *in.ptr == '/');
        if (good) uri->port = port;
        (void)take_while(&in, not_slash);
    }
    uri->path = in.len ? text(in.ptr, in.len) : text(root, 1);
}

static void parse_uri(dor_http_text whole, dor_http_uri *uri)
{
    const uint8_t *ptr = (const uint8_t *)whole.ptr;
    size_t len = whole.len;
    const uint8_t *colon = memchr(ptr, ':', len);
    *uri = (dor_http_uri){.form = DOR_HTTP_URI_OTHER, .text = whole, .port = -1};
    if (len == 1 && *ptr == '*') {
        uri->form = DOR_HTTP_URI_STAR;
    } else if (len <= 1 || *ptr == '/') {
        uri->form = DOR_HTTP_URI_PATH;
        uri->path = whole;
    } else if (colon) {
        size_t scheme_len = (size_t)(colon - ptr), rest_len = len - scheme_len - 1;
        bool web = (scheme_len == 4 || scheme_len == 5) && equal_nocase(ptr, "https", scheme_len);
        uri->form = DOR_HTTP_URI_SCHEME;
        uri->scheme = text(ptr, scheme_len);
        uri->path = text(colon + 1, rest_len);
        if (web && rest_len >= 2 && colon[1] == '/' && colon[2] == '/') {
            uri->form = DOR_HTTP_URI_ABSOLUTE;
            parse_authority(dor__span(colon + 3, rest_len - 2), uri);
        }
    }
}

/* Method SP URI [SP version]. What follows the version is not looked at. */
static bool parse_request(dor_span in, dor_http_request *request)
{
    request->method_name = take_while(&in, is_token);
    if (!request->method_name.len || !take_while(&in, is_space).len || !in.len) return false;
    request->method = method_of(request->method_name);
    parse_uri(take_while(&in, not_space), &request->uri);
    (void)take_while(&in, is_space);
    request->major = 0;
    request->minor = 9;
    return !in.len || take_version(&in, &request->major, &request->minor);
}

/* ---- status line, headers ------------------------------------------------------------------------------------- */

static bool parse_response(dor_span in, dor_http_response *response)
{
    if (!take_version(&in, &response->major, &response->minor)) return false;
    if (!take_while(&in, is_space).len || !take_number(&in, &response->status)) return false;
    if (!take_while(&in, is_space).len && in.len) return false;
    response->phrase = text(in.ptr, in.len);
    return true;
}

static const char *const field_names[] = {
#define FIELD_NAME(name, number, text) [number] = (text),
    DOR_HTTP_FIELDS(FIELD_NAME)
#undef FIELD_NAME
};
enum { FIELDS = sizeof field_names / sizeof field_names[0] };

const char *dor_http_field_name(dor_http_field field)
{
    return (unsigned)field < FIELDS ? field_names[field] : NULL;
}

static dor_http_field field_of(dor_http_text name)
{
    if (!name.len) return DOR_HTTP_FIELD_OTHER;
    uint8_t first = lower((uint8_t)name.ptr[0]);
    for (unsigned i = 1; i < FIELDS; i++) {
        const char *known = field_names[i];
        if (lower((uint8_t)known[0]) == first && strlen(known) == name.len &&
            equal_nocase(name.ptr, known, name.len))
            return (dor_http_field)i;
    }
    return DOR_HTTP_FIELD_OTHER;
}

static bool parse_header(dor_span in, dor_http_header *header)
{
    header->name = take_while(&in, is_token);
    if (!take_byte(&in, ':')) return false;
    (void)take_while(&in, is_space);
    header->value = text(in.ptr, in.len);
    header->field = field_of(header->name);
    header->field_name = field_names[header->field];
    return true;
}

/* ---- a line --------------------------------------------------------------------------------------------------- */

static dor_http_kind parse_start(dor_span in, dor_http_packet *packet)
{
    if (in.len >= 5 && memcmp(in.ptr, "HTTP/", 5) == 0)
        return parse_response(in, &packet->response) ? DOR_HTTP_RESPONSE : DOR_HTTP_ERROR;
    return parse_request(in, &packet->request) ? DOR_HTTP_REQUEST : DOR_HTTP_ERROR;
}

int dor_http_parse(dor_http_part part, const void *line, size_t len, dor_http_packet *packet)
{
    dor_span in = dor__span(line, len);
    if (!packet || (!line && len)) return DOR_E_BADARG;
    *packet = (dor_http_packet){.kind = DOR_HTTP_ERROR, .next = part, .line = text(in.ptr, len)};
    if (part != DOR_HTTP_PART_START && part != DOR_HTTP_PART_HEADER) return DOR_E_BADARG;
    if (!len) in = dor__span("", 0);
    if (in.len && in.ptr[in.len - 1] == '\n') in.len--;
    if (in.len && in.len < len && in.ptr[in.len - 1] == '\r') in.len--;
    if (part == DOR_HTTP_PART_START) {
        packet->kind = parse_start(in, packet);
        if (packet->kind != DOR_HTTP_ERROR) packet->next = DOR_HTTP_PART_HEADER;
    } else if (!in.len) {
        packet->kind = DOR_HTTP_END;
        packet->next = DOR_HTTP_PART_START;
    } else {
        packet->kind = parse_header(in, &packet->header) ? DOR_HTTP_HEADER : DOR_HTTP_ERROR;
    }
    return DOR_OK;
}
