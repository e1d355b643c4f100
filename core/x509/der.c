/*
 * der.c - a strict reader of DER (X.690). See der.h.
 */
#include "x509/der.h"

/*
 * Length octets (X.690 sections 8.1.3 and 10.1): definite, and the shortest form. Three octets of length
 * reach the 2^24-1 bytes that a certificate may have in TLS (RFC 8446 section 4.4.2).
 */
static dor_result read_length(dor_reader *r, size_t *len)
{
    uint8_t first;
    if (dor__failed(rd_u8(r, &first))) return DOR_DER_ERROR;
    if (first < 0x80) {
        *len = first;
        return DOR_SUCCESS;
    }
    size_t octets = first & 0x7f;
    if (octets < 1 || octets > 3) /* 0 is the indefinite form */
        return DOR_DER_ERROR;
    size_t value = 0;
    for (size_t i = 0; i < octets; i++) {
        uint8_t octet;
        if (dor__failed(rd_u8(r, &octet))) return DOR_DER_ERROR;
        value = value << 8 | octet;
    }
    if (value < 0x80 || (octets > 1 && value >> (8 * (octets - 1)) == 0)) return DOR_DER_ERROR;
    *len = value;
    return DOR_SUCCESS;
}

dor_result dor__asn1_element(dor_reader *r, uint8_t *tag, dor_span *contents, dor_span *whole)
{
    const uint8_t *start = r->ptr;
    size_t len;
    if (dor__failed(rd_u8(r, tag)) || (*tag & 0x1f) == 0x1f) return DOR_DER_ERROR;
    DOR_TRY(read_length(r, &len));
    if (dor__failed(rd_bytes(r, contents, len))) return DOR_DER_ERROR;
    *whole = dor__span(start, (size_t)(r->ptr - start));
    return DOR_SUCCESS;
}

/* X.690 section 8.3.2: the first nine bits are not all alike. */
dor_result dor__asn1_integer(dor_reader *r, dor_span *contents)
{
    dor_span v;
    DOR_TRY(der_get(r, DER_INTEGER, &v));
    if (v.len == 0) return DOR_DER_ERROR;
    if (v.len > 1 && ((v.ptr[0] == 0x00 && v.ptr[1] < 0x80) || (v.ptr[0] == 0xff && v.ptr[1] >= 0x80)))
        return DOR_DER_ERROR;
    *contents = v;
    return DOR_SUCCESS;
}

dor_result dor__asn1_u32(dor_reader *r, uint32_t *value)
{
    dor_span v;
    DOR_TRY(dor__asn1_integer(r, &v));
    if (v.ptr[0] & 0x80) return DOR_DER_ERROR;
    uint64_t sum = 0;
    for (size_t i = 0; i < v.len && sum <= UINT32_MAX; i++)
        sum = sum << 8 | v.ptr[i];
    *value = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
    return DOR_SUCCESS;
}

/* X.690 section 11.1. */
dor_result dor__asn1_boolean(dor_reader *r, bool *value)
{
    dor_span v;
    DOR_TRY(der_get(r, DER_BOOLEAN, &v));
    if (v.len != 1 || (v.ptr[0] != 0x00 && v.ptr[0] != 0xff)) return DOR_DER_ERROR;
    *value = v.ptr[0] != 0;
    return DOR_SUCCESS;
}

dor_result dor__asn1_boolean_default_false(dor_reader *r, bool *value)
{
    *value = false;
    if (!der_next_is(r, DER_BOOLEAN)) return DOR_SUCCESS;
    DOR_TRY(dor__asn1_boolean(r, value));
    return *value ? DOR_SUCCESS : DOR_DER_ERROR;
}

/* X.690 section 8.19: base 128, no subidentifier begins with a padding octet, and the last one ends. */
dor_result dor__asn1_oid(dor_reader *r, dor_span *contents)
{
    dor_span v;
    DOR_TRY(der_get(r, DER_OID, &v));
    if (v.len == 0) return DOR_DER_ERROR;
    bool at_start = true;
    for (size_t i = 0; i < v.len; i++) {
        if (at_start && v.ptr[i] == 0x80) return DOR_DER_ERROR;
        at_start = (v.ptr[i] & 0x80) == 0;
    }
    if (!at_start) return DOR_DER_ERROR;
    *contents = v;
    return DOR_SUCCESS;
}

/* X.690 sections 8.6.2 and 11.2.1. */
dor_result dor__asn1_bit_string(dor_reader *r, uint8_t tag, dor_span *bits, uint8_t *unused)
{
    dor_span v;
    DOR_TRY(der_get(r, tag, &v));
    if (v.len == 0 || v.ptr[0] > 7 || (v.len == 1 && v.ptr[0] != 0)) return DOR_DER_ERROR;
    if (v.ptr[v.len - 1] & ((1u << v.ptr[0]) - 1)) return DOR_DER_ERROR;
    *unused = v.ptr[0];
    *bits = dor__span(v.ptr + 1, v.len - 1);
    return DOR_SUCCESS;
}

/* Two decimal digits at text, or -1. */
static int two_digits(const uint8_t *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return -1;
    return (text[0] - '0') * 10 + (text[1] - '0');
}

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first day of a year from 0 to 9999 (negative before 1970). */
static int64_t days_before_year(int year)
{
    int64_t past = year - 1; /* full years since year 0, which itself is a leap year */
    int64_t leap_days = year > 0 ? past / 4 - past / 100 + past / 400 + 1 : 0;
    return (int64_t)year * 365 + leap_days - 719528; /* 719528 days lead from 0000-01-01 to 1970-01-01 */
}

/* text is MMDDHHMMSSZ; every field in its range, no leap second (RFC 5280 section 4.1.2.5.1 has 00 to 59). */
static dor_result time_in_year(int year, const uint8_t *text, int64_t *seconds)
{
    static const uint8_t days_in_month[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int month = two_digits(text), day = two_digits(text + 2);
    int hour = two_digits(text + 4), minute = two_digits(text + 6), second = two_digits(text + 8);
    if (month < 1 || month > 12 || text[10] != 'Z') return DOR_DER_ERROR;
    int month_days = days_in_month[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
    if (day < 1 || day > month_days || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59)
        return DOR_DER_ERROR;
    int64_t days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++)
        days += days_in_month[m - 1] + (m == 2 && is_leap_year(year) ? 1 : 0);
    *seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return DOR_SUCCESS;
}

/*
 * RFC 5280 sections 4.1.2.5.1 and 4.1.2.5.2: UTCTime as YYMMDDHHMMSSZ, where 50 to 99 are of the twentieth
 * century; GeneralizedTime as YYYYMMDDHHMMSSZ without fractions. A GeneralizedTime before 2050 is against the
 * letter of the RFC, but says what it means; it is accepted, as elsewhere.
 */
dor_result dor__asn1_time(dor_reader *r, int64_t *seconds)
{
    dor_span v;
    if (der_next_is(r, DER_UTC_TIME)) {
        DOR_TRY(der_get(r, DER_UTC_TIME, &v));
        int year = v.len == 13 ? two_digits(v.ptr) : -1;
        if (year < 0) return DOR_DER_ERROR;
        return time_in_year(year + (year >= 50 ? 1900 : 2000), v.ptr + 2, seconds);
    }
    DOR_TRY(der_get(r, DER_GENERALIZED_TIME, &v));
    int century = v.len == 15 ? two_digits(v.ptr) : -1;
    int year = v.len == 15 ? two_digits(v.ptr + 2) : -1;
    if (century < 0 || year < 0) return DOR_DER_ERROR;
    return time_in_year(century * 100 + year, v.ptr + 4, seconds);
}

dor_result dor__asn1_algorithm(dor_reader *r, dor_span *oid, dor_span *parameters)
{
    dor_reader algorithm;
    uint8_t tag;
    dor_span contents;
    DOR_TRY(der_enter(r, DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__asn1_oid(&algorithm, oid));
    *parameters = DOR_SPAN_EMPTY;
    if (rd_left(&algorithm) > 0) DOR_TRY(dor__asn1_element(&algorithm, &tag, &contents, parameters));
    return der_end(&algorithm);
}
