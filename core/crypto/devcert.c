/*
 * devcert.c - a self-signed certificate for development (RFC 5280), written out field by field.
 *
 * wolfCrypt can make certificates too, but takes its time from time(); here the caller's `now` decides.
 */
#include "crypto/devcert.h"

#include "base/address.h"
#include "base/ct.h"
#include "base/writer.h"
#include "crypto/der.h"
#include "crypto/ec.h"
#include "crypto/sign.h"

#include <stdio.h>

enum {
    SCALAR_LEN = 32,
    POINT_LEN = 65,
    SERIAL_LEN = 16,
    MAX_HOST_LEN = 253,       /* RFC 1035 section 2.3.4 */
    MAX_COMMON_NAME_LEN = 64, /* RFC 5280 appendix A.1, ub-common-name */
    BEFORE_S = 3600,
    AFTER_S = 30 * 86400,
    GENERAL_NAME_DNS = DOR_DER_CONTEXT + 2,
    GENERAL_NAME_ADDRESS = DOR_DER_CONTEXT + 7
};

#define BYTES(...) dor__span((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* id-at-commonName, the extensions 2.5.29.*, and id-kp-serverAuth. */
#define OID_COMMON_NAME        BYTES(0x55, 0x04, 0x03)
#define OID_SUBJECT_KEY_ID     BYTES(0x55, 0x1d, 0x0e)
#define OID_KEY_USAGE          BYTES(0x55, 0x1d, 0x0f)
#define OID_SUBJECT_ALT_NAME   BYTES(0x55, 0x1d, 0x11)
#define OID_BASIC_CONSTRAINTS  BYTES(0x55, 0x1d, 0x13)
#define OID_EXTENDED_KEY_USAGE BYTES(0x55, 0x1d, 0x25)
#define OID_SERVER_AUTH        BYTES(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01)

typedef struct calendar {
    int64_t year;
    int month, day, hour, minute, second;
} calendar;

/*
 * Seconds since 1970 to the proleptic Gregorian calendar. Years are counted from March, so that the leap
 * day comes last, in eras of 400 years (146,097 days).
 */
static calendar to_calendar(int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468; /* from 0000-03-01 to 1970-01-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */

    calendar c = {.year = year_of_era + era * 400 + (month >= 10),
                  .month = (int)(month < 10 ? month + 3 : month - 9),
                  .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
                  .hour = (int)(rest / 3600),
                  .minute = (int)(rest / 60 % 60),
                  .second = (int)(rest % 60)};
    return c;
}

/* RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
static dor_result write_time(dor_bytes *w, int64_t seconds)
{
    calendar c = to_calendar(seconds);
    char text[32];

    if (c.year < 1950 || c.year > 9999) return dor__error(DOR_E_BADARG);
    int year = (int)c.year;
    bool utc = year < 2050;
    if (utc)
        snprintf(text, sizeof(text), "%02d%02d%02d%02d%02d%02dZ", year % 100, c.month, c.day, c.hour,
                 c.minute, c.second);
    else
        snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ", year, c.month, c.day, c.hour, c.minute,
                 c.second);
    return dor__der_write(w, utc ? DOR_DER_UTC_TIME : DOR_DER_GENERALIZED_TIME, dor__span_str(text));
}

static dor_result write_algorithm(dor_bytes *w, dor_span oid, dor_span params_oid)
{
    size_t mark;

    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &mark));
    DOR_TRY(dor__der_write(w, DOR_DER_OID, oid));
    if (params_oid.len) DOR_TRY(dor__der_write(w, DOR_DER_OID, params_oid));
    return dor__der_end(w, mark);
}

static dor_result write_bits(dor_bytes *w, dor_span bits)
{
    size_t mark;

    DOR_TRY(dor__der_begin(w, DOR_DER_BIT_STRING, &mark));
    DOR_TRY(wr_u8(w, 0)); /* no unused bits */
    DOR_TRY(wr_bytes(w, bits));
    return dor__der_end(w, mark);
}

static dor_result write_name(dor_bytes *w, dor_span common_name)
{
    size_t name, set, pair;

    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &name));
    DOR_TRY(dor__der_begin(w, DOR_DER_SET, &set));
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &pair));
    DOR_TRY(dor__der_write(w, DOR_DER_OID, OID_COMMON_NAME));
    DOR_TRY(dor__der_write(w, DOR_DER_UTF8_STRING, common_name));
    DOR_TRY(dor__der_end(w, pair));
    DOR_TRY(dor__der_end(w, set));
    return dor__der_end(w, name);
}

static dor_result write_alt_name(dor_bytes *w, const char *host)
{
    uint8_t address[16];

    size_t len = dor__ip_parse(dor__span_str(host), address);
    if (len) return dor__der_write(w, GENERAL_NAME_ADDRESS, dor__span(address, len));
    return dor__der_write(w, GENERAL_NAME_DNS, dor__span_str(host));
}

static dor_result write_alt_names(dor_bytes *w, const char *host)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    bool listed = false;
    size_t mark;

    for (size_t i = 0; i < 3; i++)
        listed |= strcmp(host, always[i]) == 0;
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &mark));
    if (!listed) DOR_TRY(write_alt_name(w, host));
    for (size_t i = 0; i < 3; i++)
        DOR_TRY(write_alt_name(w, always[i]));
    return dor__der_end(w, mark);
}

/* Up to the value, which the caller writes into the OCTET STRING before extension_end. */
typedef struct extension_marks {
    size_t whole, value;
} extension_marks;

static dor_result extension_begin(dor_bytes *w, dor_span oid, bool critical, extension_marks *marks)
{
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &marks->whole));
    DOR_TRY(dor__der_write(w, DOR_DER_OID, oid));
    if (critical) DOR_TRY(dor__der_write(w, DOR_DER_BOOLEAN, BYTES(0xff)));
    return dor__der_begin(w, DOR_DER_OCTET_STRING, &marks->value);
}

static dor_result extension_end(dor_bytes *w, const extension_marks *marks)
{
    DOR_TRY(dor__der_end(w, marks->value));
    return dor__der_end(w, marks->whole);
}

static dor_result write_extensions(dor_bytes *w, const char *host, dor_span point)
{
    uint8_t digest[32];
    size_t outer, list, inner;
    extension_marks marks;

    DOR_TRY(dor__der_begin(w, DOR_DER_CONTEXT_CONSTRUCTED + 3, &outer));
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &list));

    DOR_TRY(extension_begin(w, OID_BASIC_CONSTRAINTS, true, &marks));
    DOR_TRY(dor__der_write(w, DOR_DER_SEQUENCE, DOR_SPAN_EMPTY)); /* no authority */
    DOR_TRY(extension_end(w, &marks));

    DOR_TRY(extension_begin(w, OID_KEY_USAGE, true, &marks));
    DOR_TRY(dor__der_write(w, DOR_DER_BIT_STRING, BYTES(7, 0x80))); /* digitalSignature, bit 0 */
    DOR_TRY(extension_end(w, &marks));

    DOR_TRY(extension_begin(w, OID_EXTENDED_KEY_USAGE, false, &marks));
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &inner));
    DOR_TRY(dor__der_write(w, DOR_DER_OID, OID_SERVER_AUTH));
    DOR_TRY(dor__der_end(w, inner));
    DOR_TRY(extension_end(w, &marks));

    DOR_TRY(extension_begin(w, OID_SUBJECT_ALT_NAME, false, &marks));
    DOR_TRY(write_alt_names(w, host));
    DOR_TRY(extension_end(w, &marks));

    /* RFC 7093 section 2, method 1: the leftmost 160 bits of the key's SHA-256. */
    DOR_TRY(dor__hash_once(DOR_HASH_SHA256, point, digest));
    DOR_TRY(extension_begin(w, OID_SUBJECT_KEY_ID, false, &marks));
    DOR_TRY(dor__der_write(w, DOR_DER_OCTET_STRING, dor__span(digest, 20)));
    DOR_TRY(extension_end(w, &marks));

    DOR_TRY(dor__der_end(w, list));
    return dor__der_end(w, outer);
}

static dor_result write_to_be_signed(dor_bytes *w, dor_rng *rng, const char *host, int64_t now,
                                     dor_span point)
{
    size_t tbs, mark, len = strlen(host);
    uint8_t serial[SERIAL_LEN];
    dor_span name = len <= MAX_COMMON_NAME_LEN ? dor__span(host, len) : dor__span_str("localhost");

    DOR_TRY(dor__rng_fill(rng, serial, sizeof(serial)));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and of one length */

    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &tbs));
    DOR_TRY(wr_bytes(w, BYTES(DOR_DER_CONTEXT_CONSTRUCTED + 0, 3, DOR_DER_INTEGER, 1, 2))); /* version 3 */
    DOR_TRY(dor__der_write(w, DOR_DER_INTEGER, dor__span(serial, sizeof(serial))));
    DOR_TRY(write_algorithm(w, dor__oid_ecdsa_sha256, DOR_SPAN_EMPTY));
    DOR_TRY(write_name(w, name));
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &mark));
    DOR_TRY(write_time(w, now - BEFORE_S));
    DOR_TRY(write_time(w, now + AFTER_S));
    DOR_TRY(dor__der_end(w, mark));
    DOR_TRY(write_name(w, name));
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &mark));
    DOR_TRY(write_algorithm(w, dor__oid_ec_public_key, dor__oid_p256));
    DOR_TRY(write_bits(w, point));
    DOR_TRY(dor__der_end(w, mark));
    DOR_TRY(write_extensions(w, host, point));
    return dor__der_end(w, tbs);
}

/* PrivateKeyInfo around an ECPrivateKey. */
static dor_result write_key(dor_bytes *w, dor_span scalar, dor_span point)
{
    size_t whole, octets, inner, mark;

    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &whole));
    DOR_TRY(dor__der_write(w, DOR_DER_INTEGER, BYTES(0)));
    DOR_TRY(write_algorithm(w, dor__oid_ec_public_key, dor__oid_p256));
    DOR_TRY(dor__der_begin(w, DOR_DER_OCTET_STRING, &octets));
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &inner));
    DOR_TRY(dor__der_write(w, DOR_DER_INTEGER, BYTES(1)));
    DOR_TRY(dor__der_write(w, DOR_DER_OCTET_STRING, scalar));
    DOR_TRY(dor__der_begin(w, DOR_DER_CONTEXT_CONSTRUCTED + 1, &mark));
    DOR_TRY(write_bits(w, point));
    DOR_TRY(dor__der_end(w, mark));
    DOR_TRY(dor__der_end(w, inner));
    DOR_TRY(dor__der_end(w, octets));
    return dor__der_end(w, whole);
}

static dor_result write_certificate(dor_bytes *w, dor_rng *rng, dor_span tbs, dor_span key_der)
{
    dor_private_key *key;
    uint8_t sig[128];
    size_t sig_len, mark;

    DOR_TRY(dor__private_key_from_der(&key, key_der));
    dor_result result = dor__sign(key, DOR_SIG_ECDSA_SECP256R1_SHA256, tbs, rng, sig, sizeof(sig), &sig_len);
    dor__private_key_unref(key);
    DOR_TRY(result);
    DOR_TRY(dor__der_begin(w, DOR_DER_SEQUENCE, &mark));
    DOR_TRY(wr_bytes(w, tbs));
    DOR_TRY(write_algorithm(w, dor__oid_ecdsa_sha256, DOR_SPAN_EMPTY));
    DOR_TRY(write_bits(w, dor__span(sig, sig_len)));
    return dor__der_end(w, mark);
}

static bool host_is_usable(const char *host)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < len; i++)
        if (host[i] <= ' ' || host[i] >= 0x7f) /* an IA5String, and nothing that looks like another name */
            return false;
    return len > 0 && len <= MAX_HOST_LEN;
}

dor_result dor__devcert_make(dor_rng *rng, const char *host, int64_t now, dor_bytes *cert_der,
                             dor_bytes *key_der)
{
    uint8_t scalar[SCALAR_LEN], point[POINT_LEN];
    dor_bytes tbs = DOR_BYTES_EMPTY;
    dor_result result;

    *cert_der = DOR_BYTES_EMPTY;
    *key_der = DOR_BYTES_EMPTY;
    if (!host_is_usable(host) || now < 0 || now > INT64_MAX / 2) return dor__error(DOR_E_BADARG);
    DOR_TRY_GOTO(result, dor__ec_make_pair(&dor__ec_p256, rng, scalar, point));
    DOR_TRY_GOTO(result, write_key(key_der, dor__span(scalar, SCALAR_LEN), dor__span(point, POINT_LEN)));
    DOR_TRY_GOTO(result, write_to_be_signed(&tbs, rng, host, now, dor__span(point, POINT_LEN)));
    DOR_TRY_GOTO(result, write_certificate(cert_der, rng, dor__bytes_span(&tbs), dor__bytes_span(key_der)));
done:
    dor__wipe(scalar, sizeof(scalar));
    dor__bytes_free(&tbs);
    if (dor__failed(result)) {
        dor__bytes_free(cert_der);
        dor__bytes_free(key_der);
    }
    return result;
}
