/*
 * host_name.c - host names and addresses, and whether a certificate is for one of them (RFC 9525 section 6).
 *
 * Only the subjectAltName is asked (section 2): dNSName for names, iPAddress for addresses. Internationalised
 * names are compared as the A-labels that they are in certificates (section 6.3); the caller converts
 * U-labels before.
 */
#include "x509/host_name.h"

#include "base/address.h"
#include "x509/der.h"

size_t dor__address_parse(dor_span text, uint8_t address[16])
{
    bool bracketed = text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';
    if (!bracketed) return dor__ip_parse(text, address);
    /* As in a URL (RFC 3986 section 3.2.2), where only IPv6 is written so. */
    size_t len = dor__ip_parse(dor__span(text.ptr + 1, text.len - 2), address);
    return len == 16 ? len : 0;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/*
 * One label: 1 to 63 letters, digits, hyphens (not at its edges), and underscores, which are in use all the
 * same.
 */
static bool label_valid(dor_span label)
{
    if (label.len < 1 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = to_lower(label.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_')) return false;
    }
    return true;
}

/* Takes the first label off *name; false when there was none. */
static bool next_label(dor_span *name, dor_span *label)
{
    if (!name->ptr) return false;
    const uint8_t *dot = name->len > 0 ? memchr(name->ptr, '.', name->len) : NULL;
    if (!dot) {
        *label = *name;
        *name = DOR_SPAN_EMPTY;
        return true;
    }
    *label = dor__span(name->ptr, (size_t)(dot - name->ptr));
    *name = dor__span(dot + 1, name->len - label->len - 1);
    return true;
}

bool dor__host_name_valid(dor_span name)
{
    dor_span label = DOR_SPAN_EMPTY;
    if (name.len < 1 || name.len > 253) return false;
    while (next_label(&name, &label)) {
        if (!label_valid(label)) return false;
    }
    /* RFC 1123 section 2.1: a last label of digits alone is a broken address, not a name. */
    for (size_t i = 0; i < label.len; i++) {
        if (!is_digit(label.ptr[i])) return true;
    }
    return false;
}

static bool equal_ignoring_case(dor_span a, dor_span b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (to_lower(a.ptr[i]) != to_lower(b.ptr[i])) return false;
    }
    return true;
}

/*
 * RFC 9525 section 6.3. The host is valid here, so whatever else a presented name may hold (NUL, "*" inside a
 * label, other encodings) differs from it somewhere. A wildcard is the whole left-most label and stands for
 * exactly one label; at least two labels must follow it, for nobody answers for a whole top-level domain.
 */
static bool dns_id_matches(dor_span presented, dor_span host)
{
    dor_span rest = host, label;
    if (presented.len < 2 || presented.ptr[0] != '*' || presented.ptr[1] != '.')
        return equal_ignoring_case(presented, host);
    presented = dor__span(presented.ptr + 2, presented.len - 2);
    if (!memchr(presented.ptr, '.', presented.len)) return false;
    return next_label(&rest, &label) && equal_ignoring_case(presented, rest);
}

dor_result dor__certificate_check_host(const dor_certificate *cert, dor_span host)
{
    const dor_result mismatch = dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
    uint8_t address[16];
    size_t address_len = dor__address_parse(host, address);
    if (address_len == 0) {
        if (host.len > 0 &&
            host.ptr[host.len - 1] == '.') /* "example.com." is the same host, said absolutely */
            host.len--;
        if (!dor__host_name_valid(host)) return mismatch;
    }
    dor_reader names = rd_from(cert->subject_alt_name);
    while (rd_left(&names) > 0) {
        uint8_t tag;
        dor_span value, whole;
        DOR_TRY(dor__asn1_element(&names, &tag, &value, &whole));
        if (address_len == 0 && tag == DER_CONTEXT(2) && dns_id_matches(value, host)) /* dNSName */
            return DOR_SUCCESS;
        if (address_len > 0 && tag == DER_CONTEXT(7) &&
            dor__span_equal(value, dor__span(address, address_len)))
            return DOR_SUCCESS; /* iPAddress: the octets themselves, RFC 9525 section 6.5 */
    }
    return mismatch;
}
