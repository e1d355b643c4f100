/* test_base_error.c - every code has a sentence, and addresses are parsed as inet_pton does. */
#include "base/address.h"
#include "base/result.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code, reason;
    dor_error_class class_;
    const char *text;
} reasons[] = {
#define DOR_X(name, number, class_, text) {DOR_E_##name, DOR_REASON_##name, DOR_CLASS_##class_, text},
    DOR_REASONS(DOR_X)
#undef DOR_X
};

enum { REASON_COUNT = sizeof(reasons) / sizeof(reasons[0]) };

static const char *sentence(int code)
{
    static char text[160];
    memset(text, 'x', sizeof(text));
    return dor_format_error(code, text, sizeof(text));
}

Test(base_error, every_reason_has_its_sentence)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        cr_assert_str_eq(sentence(reasons[i].code), reasons[i].text);
        cr_assert_lt(strlen(reasons[i].text), 120);
        cr_assert_eq(dor_error_get_reason(reasons[i].code), reasons[i].reason);
        cr_assert_eq(dor_error_get_class(reasons[i].code), reasons[i].class_);
        cr_assert_eq(dor_error_get_alert(reasons[i].code), -1);
        cr_assert_eq(dor_error_get_errno(reasons[i].code), 0);
        for (size_t j = 0; j < i; j++) {
            cr_assert_neq(reasons[i].code, reasons[j].code);
            cr_assert_str_neq(reasons[i].text, reasons[j].text, "one sentence of its own for each");
        }
        cr_assert_gt(strlen(reasons[i].text), 5);
        cr_assert_null(strchr(reasons[i].text, '\n'), "one line: %s", reasons[i].text);
    }
}

Test(base_error, every_reason_may_explain_an_alert)
{
    char expected[200];
    for (size_t i = 0; i < REASON_COUNT; i++) {
        dor_result r = dor__alert(DOR_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE, (dor_reason)reasons[i].reason);
        snprintf(expected, sizeof(expected),
                 "bad certificate status response (alert 113, sent by this side): %s", reasons[i].text);
        cr_assert_str_eq(sentence(r.code), expected);
        cr_assert_lt(strlen(expected), 160);
        cr_assert_eq(dor_error_get_alert(r.code), 113);
        cr_assert_eq(dor_error_get_reason(r.code), reasons[i].reason);
    }
}

Test(base_error, who_sent_the_alert)
{
    cr_assert_str_eq(sentence(dor__alert(DOR_ALERT_CERTIFICATE_EXPIRED, DOR_REASON_CERT_EXPIRED).code),
                     "certificate expired (alert 45, sent by this side): a certificate has expired");
    cr_assert_str_eq(sentence(dor__peer_alert(40).code), "handshake failure (alert 40, sent by the peer)");
    cr_assert_str_eq(sentence(dor__peer_alert(0).code), "close notify (alert 0, sent by the peer)");
    cr_assert_str_eq(sentence(dor__peer_alert(199).code), "unknown alert (alert 199, sent by the peer)");
    cr_assert_str_eq(
        sentence(DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, 42, DOR_REASON_CERT_REJECTED)),
        "bad certificate (alert 42, sent by the peer): the application rejected the certificate");
}

Test(base_error, alert_names)
{
    int known = 0;
    for (int alert = -1; alert <= 256; alert++) {
        const char *name = dor_alert_name(alert);
        known += strcmp(name, "unknown_alert") != 0;
        for (const char *c = name; *c; c++)
            cr_assert(islower((unsigned char)*c) || *c == '_');
    }
    cr_assert_eq(known, 34);
    cr_assert_str_eq(dor_alert_name(DOR_ALERT_NO_APPLICATION_PROTOCOL), "no_application_protocol");
    cr_assert_str_eq(dor_alert_name(DOR_ALERT_CLOSE_NOTIFY), "close_notify");
}

Test(base_error, alerts_by_name)
{
    int known = 0;
    for (int alert = 0; alert < 256; alert++) {
        const char *name = dor_alert_name(alert);
        if (strcmp(name, "unknown_alert") == 0) continue;
        cr_assert_eq(dor_alert_from_name(name), alert);
        known++;
    }
    cr_assert_eq(known, 34);
    cr_assert_eq(dor_alert_from_name("handshake failure"), 40);
    static const char *const none[] = {
        "", "handshake", "handshake_failure_", "handshake__failure", "unknown_alert", "HANDSHAKE_FAILURE",
        "_"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        cr_assert_eq(dor_alert_from_name(none[i]), -1, "%s", none[i]);
    cr_assert_eq(dor_alert_from_name(NULL), -1);
}

Test(base_error, errno_text)
{
    char expected[200];
    dor_result r = dor__errno(ECONNRESET);
    cr_assert_eq(dor_error_get_errno(r.code), ECONNRESET);
    cr_assert_eq(dor_error_get_class(r.code), DOR_CLASS_IO);
    snprintf(expected, sizeof(expected), "the operating system refused: %s (errno %d)", strerror(ECONNRESET),
             ECONNRESET);
    cr_assert_str_eq(sentence(r.code), expected);
    for (int err = 1; err < 4096; err++)
        cr_assert_eq(dor_error_get_errno(dor__errno(err).code), err);
    cr_assert_not_null(strstr(sentence(dor__errno(4000).code), "4000"));
}

Test(base_error, anything_gives_a_sentence)
{
    cr_assert_str_eq(sentence(DOR_OK), "success");
    cr_assert_str_eq(sentence(7), "success");
    cr_assert_str_eq(sentence(-12345), "unknown error -12345");
    for (int code = -3000; code < 0; code++)
        cr_assert_gt(strlen(sentence(code * 65521)), 0);
    cr_assert_gt(strlen(sentence(INT_MIN)), 0);
    cr_assert_gt(strlen(sentence(INT_MIN + 1)), 0);
}

Test(base_error, room_is_respected)
{
    char text[32];
    for (size_t cap = 0; cap <= sizeof(text); cap++) {
        memset(text, '#', sizeof(text));
        cr_assert_eq(dor_format_error(DOR_E_TIMEOUT, text, cap), text);
        if (cap) cr_assert_lt(strlen(text), cap);
        for (size_t i = cap; i < sizeof(text); i++)
            cr_assert_eq(text[i], '#');
    }
    cr_assert_null(dor_format_error(DOR_E_TIMEOUT, NULL, 10));
}

static void same_as_inet_pton(const char *text, size_t len)
{
    uint8_t ours[16], theirs[16];
    size_t expected = inet_pton(AF_INET, text, theirs) == 1    ? 4
                      : inet_pton(AF_INET6, text, theirs) == 1 ? 16
                                                               : 0;
    size_t actual = dor__ip_parse(dor__span(text, len), ours);
    cr_assert_eq(actual, expected, "%s", text);
    cr_assert(memcmp(ours, theirs, actual) == 0, "%s", text);
}

Test(base_address, known_forms)
{
    static const char *const texts[] = {"0.0.0.0",
                                        "255.255.255.255",
                                        "192.0.2.1",
                                        "256.0.0.1",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "01.2.3.4",
                                        "1.2.3.",
                                        ".1.2.3",
                                        "1..2.3",
                                        "",
                                        "::",
                                        "::1",
                                        "1::",
                                        "1:2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:7",
                                        "1:2:3:4:5:6:7:8:9",
                                        "::2:3:4:5:6:7:8",
                                        "1:2:3:4:5:6:7::",
                                        "1::8",
                                        "1::3::8",
                                        ":::",
                                        ":",
                                        "1:",
                                        ":1",
                                        "12345::",
                                        "g::",
                                        "FE80::aBcD",
                                        "::ffff:192.0.2.1",
                                        "64:ff9b::192.0.2.33",
                                        "1:2:3:4:5:6:192.0.2.1",
                                        "1:2:3:4:5:6:7:192.0.2.1",
                                        "::192.0.2.1:1",
                                        "::192.0.2",
                                        "::192.0.2.256",
                                        "[::1]",
                                        "fe80::1%eth0",
                                        " 1.2.3.4",
                                        "1.2.3.4 ",
                                        "localhost"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        same_as_inet_pton(texts[i], strlen(texts[i]));
}

Test(base_address, mutations)
{
    static const char *const seeds[] = {
        "1.2.3.4",         "255.255.255.255",     "::",        "::ffff:1.2.3.4",
        "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "fe80::1:2", "1:2:3:4:5:6:7::"};
    unsigned state = 1;
    for (int round = 0; round < 200000; round++) {
        char text[48];
        size_t len = strlen(seeds[round % 8]);
        memcpy(text, seeds[round % 8], len + 1);
        for (int changes = 0; changes < 1 + round % 2; changes++) {
            state = state * 1103515245u + 12345u;
            size_t at = (state >> 16) % len;
            state = state * 1103515245u + 12345u;
            text[at] = (state >> 28) < 12 ? "0123456789abcdefF:::...g"[(state >> 16) % 24]
                                          : (char)(1 + (state >> 16) % 255);
        }
        same_as_inet_pton(text, len);
    }
}
