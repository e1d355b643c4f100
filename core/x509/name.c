/*
 * name.c - distinguished names as text for people (RFC 4514), in logs and in the command's output.
 *
 * Never for comparison. The text holds no control characters and is valid UTF-8, whatever the certificate
 * says.
 */
#include <stdio.h>

#include "x509/certificate_parts.h"
#include "x509/oid.h"

/* A bounded text; what does not fit whole is left out, together with all that follows. */
typedef struct text_out {
    char *text;
    size_t len;
    size_t cap;
    bool full;
} text_out;

static void put(text_out *out, const char *s, size_t len)
{
    if (out->full || len >= out->cap - out->len) {
        out->full = true;
        return;
    }
    memcpy(out->text + out->len, s, len);
    out->len += len;
    out->text[out->len] = '\0';
}

static void put_str(text_out *out, const char *s)
{
    put(out, s, strlen(s));
}

static void put_hex(text_out *out, const char *before, uint8_t byte)
{
    char piece[8];
    int len = snprintf(piece, sizeof piece, "%s%02X", before, byte);
    put(out, piece, (size_t)len);
}

typedef struct attribute_name {
    dor_span oid;
    const char *text;
} attribute_name;

/* RFC 4514 section 3, and three more that are often seen. */
static const attribute_name attribute_names[] = {
    {OID_INIT("\x55\x04\x03"), "CN"},
    {OID_INIT("\x55\x04\x07"), "L"},
    {OID_INIT("\x55\x04\x08"), "ST"},
    {OID_INIT("\x55\x04\x0a"), "O"},
    {OID_INIT("\x55\x04\x0b"), "OU"},
    {OID_INIT("\x55\x04\x06"), "C"},
    {OID_INIT("\x55\x04\x09"), "STREET"},
    {OID_INIT("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"), "DC"},
    {OID_INIT("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"), "UID"},
    {OID_INIT("\x55\x04\x05"), "serialNumber"},
    {OID_INIT("\x55\x04\x61"), "organizationIdentifier"},
    {OID_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"), "emailAddress"},
};

/* "2.5.4.3": RFC 4512's numericoid. */
static void put_dotted(text_out *out, dor_span oid)
{
    char piece[24];
    uint64_t value = 0;
    bool first = true;
    for (size_t i = 0; i < oid.len; i++) {
        if (value >> 57) { /* no registered arc is that large */
            put_str(out, ".?");
            return;
        }
        value = value << 7 | (oid.ptr[i] & 0x7f);
        if (oid.ptr[i] & 0x80) continue;
        if (first) { /* X.690 section 8.19.4: the first two arcs share a subidentifier */
            unsigned top = value < 40 ? 0 : value < 80 ? 1 : 2;
            snprintf(piece, sizeof piece, "%u.%llu", top, (unsigned long long)(value - 40 * top));
        } else {
            snprintf(piece, sizeof piece, ".%llu", (unsigned long long)value);
        }
        put_str(out, piece);
        first = false;
        value = 0;
    }
}

static void put_type(text_out *out, dor_span oid)
{
    for (size_t i = 0; i < sizeof attribute_names / sizeof attribute_names[0]; i++) {
        if (dor__span_equal(oid, attribute_names[i].oid)) {
            put_str(out, attribute_names[i].text);
            return;
        }
    }
    put_dotted(out, oid);
}

/* Bytes of the well-formed, printable UTF-8 character of several bytes at p (RFC 3629 section 4), or 0. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                 : (p[0] & 0xf0) == 0xe0        ? 3
                 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool beyond = p[0] == 0xf4 && p[1] > 0x8f;
    bool control = p[0] == 0xc2 && p[1] < 0xa0; /* U+0080 to U+009F */
    bool layout = p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0x8b) || p[1] == 0x81) && p[2] <= 0xaf &&
                  !(p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0xa7); /* zero-width, line and direction marks */
    return overlong || surrogate || beyond || control || layout ? 0 : len;
}

/* RFC 4514 section 2.4. */
static void put_text_value(text_out *out, dor_span value)
{
    for (size_t i = 0; i < value.len;) {
        uint8_t c = value.ptr[i];
        char escaped[2] = {'\\', (char)c};
        size_t wide = c >= 0x80 ? utf8_len(value.ptr + i, value.len - i) : 0;
        if (wide > 0) {
            put(out, (const char *)value.ptr + i, wide);
            i += wide;
            continue;
        }
        bool at_edge = (c == ' ' && (i == 0 || i == value.len - 1)) || (c == '#' && i == 0);
        if (c < 0x20 || c >= 0x7f)
            put_hex(out, "\\", c);
        else if (at_edge || memchr("\"+,;<>\\=", c, 8))
            put(out, escaped, 2);
        else
            put(out, (const char *)&value.ptr[i], 1);
        i++;
    }
}

static void put_attribute(text_out *out, dor_reader *set)
{
    dor_reader attribute;
    dor_span type, value, whole;
    uint8_t tag;
    if (dor__failed(der_enter(set, DER_SEQUENCE, &attribute)) ||
        dor__failed(dor__asn1_oid(&attribute, &type)) ||
        dor__failed(dor__asn1_element(&attribute, &tag, &value, &whole))) {
        (void)rd_rest(set); /* cannot be: certificate.c has read this name before */
        return;
    }
    put_type(out, type);
    put_str(out, "=");
    if (tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_IA5_STRING ||
        tag == DER_TELETEX_STRING) {
        put_text_value(out, value);
        return;
    }
    put_str(out, "#");
    for (size_t i = 0; i < whole.len && !out->full; i++)
        put_hex(out, "", whole.ptr[i]);
}

char *dor__name_format(dor_span name, char *text, size_t cap)
{
    text_out out = {text, 0, cap, false};
    dor_reader r = rd_from(name), names, set;
    if (cap == 0) return text;
    text[0] = '\0';
    if (dor__failed(der_enter(&r, DER_SEQUENCE, &names))) return text;
    for (bool first = true; rd_left(&names) > 0 && !out.full; first = false) {
        if (dor__failed(der_enter(&names, DER_SET, &set))) break;
        if (!first) put_str(&out, ", ");
        for (bool first_of_set = true; rd_left(&set) > 0 && !out.full; first_of_set = false) {
            if (!first_of_set) put_str(&out, "+");
            put_attribute(&out, &set);
        }
    }
    return text;
}
