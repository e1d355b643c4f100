/*
 * error.c - error codes and alerts in words (dormouse/error.h).
 *
 * Pure functions over constant tables. Needs libc alone.
 */
#undef _GNU_SOURCE /* the strerror_r of POSIX, which returns an int */
#define _POSIX_C_SOURCE 200809L

#include <dormouse/error.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct named_number {
    int number;
    const char *text;
} named_number;

/* RFC 8446 section 6, RFC 5246 section 7.2, RFC 6066 section 9, RFC 4279 section 2, RFC 7301, RFC 7507. */
static const named_number alerts[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {111, "certificate_unobtainable"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
};

static const named_number reasons[] = {
#define DOR_X(name, number, class_, text) {number, text},
    DOR_REASONS(DOR_X)
#undef DOR_X
};

static const char *find(const named_number *table, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].number == number) return table[i].text;
    return NULL;
}

const char *dor_alert_name(int alert)
{
    const char *name = find(alerts, sizeof(alerts) / sizeof(alerts[0]), alert);
    return name ? name : "unknown_alert";
}

/* The table's name, or the same with spaces, as sentences have it. */
static int same_name(const char *name, const char *given)
{
    for (; *name && (*given == *name || (*name == '_' && *given == ' ')); name++)
        given++;
    return !*name && !*given;
}

int dor_alert_from_name(const char *name)
{
    for (size_t i = 0; name && i < sizeof(alerts) / sizeof(alerts[0]); i++)
        if (same_name(alerts[i].text, name)) return alerts[i].number;
    return -1;
}

static const char *reason_text(int reason)
{
    const char *text = find(reasons, sizeof(reasons) / sizeof(reasons[0]), reason);
    return text ? text : "no further detail";
}

static void format_alert(int code, char *text, size_t cap)
{
    int alert = dor_error_get_alert(code);
    int reason = dor_error_get_reason(code);
    char name[40];

    snprintf(name, sizeof(name), "%s", dor_alert_name(alert));
    for (char *c = name; *c; c++)
        if (*c == '_') *c = ' ';
    if (dor_error_get_class(code) == DOR_CLASS_ALERT_SENT)
        snprintf(text, cap, "%s (alert %d, sent by this side): %s", name, alert, reason_text(reason));
    else if (reason == DOR_REASON_NONE || reason == DOR_REASON_PEER_ALERT)
        snprintf(text, cap, "%s (alert %d, sent by the peer)", name, alert);
    else
        snprintf(text, cap, "%s (alert %d, sent by the peer): %s", name, alert, reason_text(reason));
}

static void format_errno(int err, char *text, size_t cap)
{
    char message[128];

    if (strerror_r(err, message, sizeof(message)) != 0) snprintf(message, sizeof(message), "unknown error");
    snprintf(text, cap, "the operating system refused: %s (errno %d)", message, err);
}

char *dor_format_error(int code, char *text, size_t cap)
{
    if (!text || cap == 0) return text;
    if (code < -INT_MAX) code = -INT_MAX; /* has no negative; no call returns it */

    int reason = dor_error_get_reason(code);
    if (code >= 0) {
        snprintf(text, cap, "success");
    } else if (dor_error_get_alert(code) >= 0) {
        format_alert(code, text, cap);
    } else if (dor_error_get_errno(code)) {
        format_errno(dor_error_get_errno(code), text, cap);
    } else {
        const char *sentence = find(reasons, sizeof(reasons) / sizeof(reasons[0]), reason);
        if (sentence)
            snprintf(text, cap, "%s", sentence);
        else
            snprintf(text, cap, "unknown error %d", code);
    }
    return text;
}
