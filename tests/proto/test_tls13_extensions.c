/*
 * What may stand in TLS 1.3's messages and what may not: each case takes a handshake to one of its messages, changes an
 * extension or a field there, and names the alert that must follow (RFC 8446 sections 4.1 to 4.4).
 */
#include "support/tls13_cases.h"

TestSuite(tls13_extensions, .init = replay_set_up, .fini = replay_clean_up);

#define ZEROS_32 "00000000000000000000000000000000 00000000000000000000000000000000"
#define NINES_32 "09000000000000000000000000000000 00000000000000000000000000000000"

Test(tls13_extensions, client_hello)
{
    static const ext_case cases[] = {
        {0, ADD, 0x7a7a, "", FINE},
        {0, ADD_FIRST, 0x7a7a, "00", FINE},
        {0, ADD_TWICE, 0x7a7a, "", DUPLICATE},
        {0, AGAIN, DOR_EXT_KEY_SHARE, NULL, DUPLICATE},
        {0, AGAIN, DOR_EXT_SUPPORTED_VERSIONS, NULL, DUPLICATE},
        {0, REMOVE, DOR_EXT_SUPPORTED_GROUPS, NULL, MISSING},
        {0, REMOVE, DOR_EXT_KEY_SHARE, NULL, MISSING},
        {0, REMOVE, DOR_EXT_SIGNATURE_ALGORITHMS, NULL, MISSING},
        {0, REMOVE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, NULL, FINE},
        {0, REMOVE, DOR_EXT_SERVER_NAME, NULL, FINE},

        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "04 7a7a 0304", FINE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "02 7a7a", DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "02 0302", DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "00", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "03 030403", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "02 0304 00", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "", DECODE},

        {0, REPLACE, DOR_EXT_SUPPORTED_GROUPS, "0000", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_GROUPS, "0003 001d00", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_GROUPS, "0002 001d 00", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_GROUPS, "0002 0018", ILLEGAL(BAD_KEY_SHARE)},
        {0, REPLACE, DOR_EXT_SUPPORTED_GROUPS, "0006 7a7a 001d 001d", FINE},

        {0, REPLACE, DOR_EXT_KEY_SHARE, "0000", FINE}, /* asks for a retry */
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0005 7a7a 0001 00", FINE},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0004 001d 0000", DECODE},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0024 001d 0020" ZEROS_32, ILLEGAL(BAD_KEY_SHARE)},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0024 001d 0020" NINES_32, FINE},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0048 001d 0020" NINES_32 "001d 0020" NINES_32,
         ILLEGAL(BAD_KEY_SHARE)},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0025 001d 0021" NINES_32 "00", ILLEGAL(BAD_KEY_SHARE)},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0045 0017 0041 04" ZEROS_32 NINES_32, ILLEGAL(BAD_KEY_SHARE)},

        {0, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0000", DECODE},
        {0, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0003 040304", DECODE},
        {0, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0002 0401", DOR_ALERT_HANDSHAKE_FAILURE,
         DOR_REASON_NO_SIGNATURE_SCHEME},
        {0, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0004 7a7a 0403", FINE},
        {0, ADD, DOR_EXT_SIGNATURE_ALGORITHMS_CERT, "0002 0403", FINE},
        {0, ADD, DOR_EXT_SIGNATURE_ALGORITHMS_CERT, "0000", DECODE},

        {0, REPLACE, DOR_EXT_SERVER_NAME, "0000", DECODE},
        {0, REPLACE, DOR_EXT_SERVER_NAME, "0004 00 0001 61", FINE},
        {0, REPLACE, DOR_EXT_SERVER_NAME, "0008 00 0001 61 00 0001 62", ILLEGAL(ILLEGAL_PARAMETER)},
        {0, REPLACE, DOR_EXT_SERVER_NAME, "0004 00 0001 00", ILLEGAL(ILLEGAL_PARAMETER)},
        {0, REPLACE, DOR_EXT_SERVER_NAME, "0003 00 0000", DECODE},
        {0, ADD, DOR_EXT_ALPN, "0003 02 6832", FINE}, /* the server has none itself */
        {0, ADD, DOR_EXT_ALPN, "0000", DECODE},
        {0, ADD, DOR_EXT_ALPN, "0002 00 00", DECODE},
        {0, ADD, DOR_EXT_ALPN, "0003 03 6832", DECODE},

        {0, REPLACE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, "00", DECODE},
        {0, REPLACE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, "02 00 7a", FINE},
        {0, ADD, DOR_EXT_EARLY_DATA, "", FINE}, /* ignored, and what comes is passed over */
        {0, ADD, DOR_EXT_EARLY_DATA, "00", DECODE},
        {0, ADD, DOR_EXT_COOKIE, "0001 61", FINE}, /* not ours, but not forbidden */
        {0, ADD, DOR_EXT_COOKIE, "0000", DECODE},
        {0, ADD, DOR_EXT_CERTIFICATE_AUTHORITIES, "0005 0003 300100", FINE},
        {0, ADD, DOR_EXT_CERTIFICATE_AUTHORITIES, "0000", DECODE},
    };
    try_all(DOR_TLS_SERVER, FULL, cases, COUNT(cases));
}

#define BINDER_32 "20" NINES_32

Test(tls13_extensions, client_hello_with_a_ticket)
{
    static const ext_case cases[] = {
        {0, ADD, 0x7a7a, "", ILLEGAL(ILLEGAL_PARAMETER)}, /* pre_shared_key is the last */
        {0, REMOVE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, NULL, MISSING},
        {0, REMOVE, DOR_EXT_PRE_SHARED_KEY, NULL, FINE},
        {0, REMOVE, DOR_EXT_SERVER_NAME, NULL, FINE}, /* the ticket is for another name: no resumption */
        {0, REPLACE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, "01 00",
         FINE}, /* PSK without key exchange: not with us */
        {0, ADD_FIRST, 0x7a7a, "", DOR_ALERT_DECRYPT_ERROR,
         DOR_REASON_BAD_BINDER}, /* binders cover everything */
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "0007 0001 61 00000000 0021" BINDER_32, FINE},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "0007 0001 61 00000000 0042" BINDER_32 BINDER_32,
         ILLEGAL(ILLEGAL_PARAMETER)},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "0006 0000 00000000 0021" BINDER_32, DECODE},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "0007 0001 61 00000000 0020 1f" ZEROS_32, DECODE},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "0007 0001 61 00000000", DECODE},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "", DECODE},
    };
    try_all(DOR_TLS_SERVER, RESUMED, cases, COUNT(cases));
}

#define POINT_P256 /* any point of P-256: the generator */                                                   \
    "04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"                                    \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"

Test(tls13_extensions, second_client_hello)
{
    static const ext_case cases[] = {
        {1, REPLACE, DOR_EXT_KEY_SHARE, "0045 0017 0041" POINT_P256, FINE},
        {1, REPLACE, DOR_EXT_KEY_SHARE, "0000", ILLEGAL(HELLO_RETRY)},
        {1, REPLACE, DOR_EXT_KEY_SHARE, "004a 0017 0041" POINT_P256 "7a7a 0001 00", ILLEGAL(HELLO_RETRY)},
        {1, REPLACE, DOR_EXT_KEY_SHARE, "0024 001d 0020" NINES_32, ILLEGAL(HELLO_RETRY)},
        {1, REMOVE, DOR_EXT_KEY_SHARE, NULL, MISSING},
        {1, REMOVE, DOR_EXT_SERVER_NAME, NULL, ILLEGAL(HELLO_RETRY)},
        {1, ADD, 0x7a7a, "", ILLEGAL(HELLO_RETRY)},
        {1, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "04 0304 7a7a", ILLEGAL(HELLO_RETRY)},
        {1, ADD, DOR_EXT_COOKIE, "0001 61", FINE},
        {1, ADD, DOR_EXT_PADDING, "0000", FINE},
        {1, ADD, DOR_EXT_EARLY_DATA, "", ILLEGAL(ILLEGAL_PARAMETER)},
    };
    try_all(DOR_TLS_SERVER, RETRY, cases, COUNT(cases));
}

Test(tls13_extensions, server_hello)
{
    static const ext_case cases[] = {
        {0, ADD, 0x7a7a, "", UNSUPPORTED},
        {0, AGAIN, DOR_EXT_KEY_SHARE, NULL, DUPLICATE},
        {0, REMOVE, DOR_EXT_KEY_SHARE, NULL, MISSING},
        {0, REMOVE, DOR_EXT_SUPPORTED_VERSIONS, NULL, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "0303", ILLEGAL(VERSION)},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "0305", ILLEGAL(VERSION)},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "03", DECODE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "030400", DECODE},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0017 0041" POINT_P256, ILLEGAL(BAD_KEY_SHARE)},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "001d 0020" ZEROS_32, ILLEGAL(BAD_KEY_SHARE)},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "001d 0020" NINES_32 "00", DECODE},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "001d 0000", DECODE},
        {0, ADD, DOR_EXT_SERVER_NAME, "", MISPLACED},
        {0, ADD, DOR_EXT_COOKIE, "0001 61", UNSUPPORTED},
        {0, ADD, DOR_EXT_PRE_SHARED_KEY, "0000", UNSUPPORTED},
        {0, ADD, DOR_EXT_ALPN, "0003 02 6832", UNSUPPORTED},
    };
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

Test(tls13_extensions, server_hello_that_resumes)
{
    static const ext_case cases[] = {
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "0001", ILLEGAL(ILLEGAL_PARAMETER)},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "00", DECODE},
        {0, REPLACE, DOR_EXT_PRE_SHARED_KEY, "000000", DECODE},
        {0, REMOVE, DOR_EXT_KEY_SHARE, NULL, MISSING},
    };
    try_all(DOR_TLS_CLIENT, RESUMED, cases, COUNT(cases));
}

Test(tls13_extensions, hello_retry_request)
{
    static const ext_case cases[] = {
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0018", FINE},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "0019", ILLEGAL(HELLO_RETRY)}, /* not offered */
        {0, REPLACE, DOR_EXT_KEY_SHARE, "001d", ILLEGAL(HELLO_RETRY)}, /* the share is there already */
        {0, REPLACE, DOR_EXT_KEY_SHARE, "00", DECODE},
        {0, REMOVE, DOR_EXT_KEY_SHARE, NULL, ILLEGAL(HELLO_RETRY)}, /* asks for nothing */
        {0, ADD, DOR_EXT_COOKIE, "0001 61", FINE},
        {0, ADD, DOR_EXT_COOKIE, "0000", DECODE},
        {0, ADD, 0x7a7a, "", UNSUPPORTED},
        {0, ADD, DOR_EXT_SUPPORTED_GROUPS, "0002 0017", MISPLACED},
        {0, AGAIN, DOR_EXT_KEY_SHARE, NULL, DUPLICATE_13},
        /* and what comes after it */
        {1, REPLACE, DOR_EXT_KEY_SHARE, "001d 0020" NINES_32, ILLEGAL(BAD_KEY_SHARE)},
        {1, REMOVE, DOR_EXT_SUPPORTED_VERSIONS, NULL, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION},
    };
    try_all(DOR_TLS_CLIENT, RETRY, cases, COUNT(cases));
}

Test(tls13_extensions, encrypted_extensions)
{
    static const ext_case cases[] = {
        {1, ADD, 0x7a7a, "", UNSUPPORTED},
        {1, ADD, DOR_EXT_ALPN, "0003 02 6832", UNSUPPORTED},
        {1, ADD, DOR_EXT_EARLY_DATA, "", UNSUPPORTED},
        {1, ADD, DOR_EXT_KEY_SHARE, "001d", MISPLACED},
        {1, ADD, DOR_EXT_SUPPORTED_VERSIONS, "0304", MISPLACED},
        {1, ADD, DOR_EXT_SIGNATURE_ALGORITHMS, "0002 0403", MISPLACED},
        {1, ADD, DOR_EXT_SUPPORTED_GROUPS, "0004 001d 0017", FINE},
        {1, ADD, DOR_EXT_SUPPORTED_GROUPS, "0000", DECODE},
        {1, REPLACE, DOR_EXT_SERVER_NAME, "00", DECODE},
        {1, AGAIN, DOR_EXT_SERVER_NAME, NULL, DUPLICATE},
        {1, REMOVE, DOR_EXT_SERVER_NAME, NULL, FINE},
    };
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

Test(tls13_extensions, certificate_request)
{
    static const ext_case cases[] = {
        {2, REMOVE, DOR_EXT_SIGNATURE_ALGORITHMS, NULL, MISSING},
        {2, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0000", DECODE},
        {2, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0002 7a7a",
         FINE}, /* nothing that we have: no certificate */
        {2, ADD, 0x7a7a, "", FINE},
        {2, ADD, DOR_EXT_KEY_SHARE, "001d", MISPLACED},
        {2, ADD, DOR_EXT_SIGNATURE_ALGORITHMS_CERT, "0002 0403", FINE},
        {2, ADD, DOR_EXT_CERTIFICATE_AUTHORITIES, "0005 0003 300100", FINE},
        {2, ADD_TWICE, 0x7a7a, "", DUPLICATE_13},
    };
    try_all(DOR_TLS_CLIENT, MUTUAL, cases, COUNT(cases));
}

Test(tls13_extensions, certificate)
{
    static const ext_case cases[] = {
        {2, ADD, 0x7a7a, "", UNSUPPORTED},
        {2, ADD, DOR_EXT_SERVER_NAME, "", MISPLACED},
        {2, ADD, DOR_EXT_ALPN, "0003 02 6832", UNSUPPORTED},
    };
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

/* ---- fields -------------------------------------------------------------------------------------------------- */

/* Message `at` with some of its bytes changed, or cut short, or longer; lengths inside stay. */
static void say_changed(dor_tls_role to, size_t at, size_t offset, const char *hex, int longer)
{
    dor_bytes m = DOR_BYTES_EMPTY;
    uint8_t bytes[64];
    size_t len = hex_read(hex, bytes, sizeof bytes);
    put(&m, said.messages[at].ptr, said.messages[at].len);
    memcpy(m.ptr + offset, bytes, len);
    if (longer > 0) put(&m, "\0\0\0\0", (size_t)longer);
    if (longer < 0) m.len -= (size_t)-longer;
    put_lengths(&m, 4, (size_t)(m.ptr[4] << 8 | m.ptr[5]));
    replay(to, at);
    say(to, at < said.clear_count, dor__bytes_span(&m));
    dor__bytes_free(&m);
    dor__bytes_free(dor__tls_output(proto_end_of(&pair, to)->tls));
}

enum { SESSION_ID_AT = 4 + 2 + 32 + 1, SUITE_AT = SESSION_ID_AT + 32, COMPRESSION_AT = SUITE_AT + 2 };

Test(tls13_extensions, client_hello_fields)
{
    record_what_is_said(DOR_TLS_CLIENT);
    size_t suites = SESSION_ID_AT + 32; /* its length, one suite, then the compression methods */
    say_changed(DOR_TLS_SERVER, 0, 4, "0300", 0);
    failed(DOR_TLS_SERVER, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
    say_changed(DOR_TLS_SERVER, 0, 4, "0404", 0); /* legacy_version means nothing beside supported_versions */
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    say_changed(DOR_TLS_SERVER, 0, suites + 4, "0101", 0);
    failed(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_COMPRESSION);
    say_changed(DOR_TLS_SERVER, 0, suites + 2, "7a7a", 0);
    failed(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
    say_changed(DOR_TLS_SERVER, 0, suites, "0001", 0);
    failed(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    say_changed(DOR_TLS_SERVER, 0, SESSION_ID_AT - 1, "21", 0);
    failed(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    for (int longer = -20; longer <= 4; longer++) {
        if (longer == 0) continue;
        say_changed(DOR_TLS_SERVER, 0, 0, "", longer);
        failed(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    }
}

Test(tls13_extensions, server_hello_fields)
{
    record_what_is_said(DOR_TLS_SERVER);
    say_changed(DOR_TLS_CLIENT, 0, 4, "0304", 0);
    failed(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_VERSION);
    say_changed(DOR_TLS_CLIENT, 0, SESSION_ID_AT, "00112233", 0);
    failed(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    say_changed(DOR_TLS_CLIENT, 0, SUITE_AT, "1302", 0); /* we know it, but did not offer it */
    failed(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_CIPHER);
    say_changed(DOR_TLS_CLIENT, 0, SUITE_AT, "c02b", 0);
    failed(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_CIPHER);
    say_changed(DOR_TLS_CLIENT, 0, COMPRESSION_AT, "01", 0);
    failed(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_COMPRESSION);
    for (int longer = -20; longer <= 4; longer++) {
        if (longer == 0) continue;
        say_changed(DOR_TLS_CLIENT, 0, 0, "", longer);
        failed(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    }
}

/* The suite of a HelloRetryRequest binds, and there is one retry at most. */
Test(tls13_extensions, after_hello_retry_request)
{
    static const uint16_t two[] = {0x1301, 0x1303};
    arrange(RETRY);
    memcpy(client->suites, two, sizeof two);
    client->suite_count = 2;
    record_what_is_said(DOR_TLS_SERVER);
    say_changed(DOR_TLS_CLIENT, 1, SUITE_AT, "1303", 0);
    failed(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HELLO_RETRY);
    replay(DOR_TLS_CLIENT, 1);
    say(DOR_TLS_CLIENT, true, dor__bytes_span(&said.messages[0]));
    dor__bytes_free(dor__tls_output(pair.client.tls));
    failed(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_HELLO_RETRY);
}

/* What a retry brings is given back. */
Test(tls13_extensions, cookie_is_echoed)
{
    static const uint8_t cookie[] = {0, 5, 0xc0, 0x0c, 0x1e, 0xc0, 0x0c};
    static const uint8_t echoed[] = {0, 44, 0, 7, 0, 5, 0xc0, 0x0c, 0x1e, 0xc0, 0x0c};
    arrange(RETRY);
    record_what_is_said(DOR_TLS_SERVER);
    for (int with_group = 0; with_group < 2; with_group++) {
        dor_bytes m = changed(dor__bytes_span(&said.messages[0]), ADD, DOR_EXT_COOKIE,
                              dor__span(cookie, sizeof cookie));
        if (!with_group) {
            dor_bytes without = changed(dor__bytes_span(&m), REMOVE, DOR_EXT_KEY_SHARE, DOR_SPAN_EMPTY);
            dor__bytes_free(&m);
            m = without;
        }
        replay(DOR_TLS_CLIENT, 0);
        say(DOR_TLS_CLIENT, true, dor__bytes_span(&m));
        cr_assert(dor__ok(pair.client.result), "%s", trouble());
        dor_bytes *out = dor__tls_output(pair.client.tls);
        cr_assert_not_null(memmem(out->ptr, out->len, echoed, sizeof echoed));
        dor__bytes_free(&m);
    }
}

Test(tls13_extensions, certificate_fields)
{
    record_what_is_said(DOR_TLS_SERVER);
    const uint8_t empty_chain[] = {11, 0, 0, 4, 0, 0, 0, 0}, context[] = {11, 0, 0, 5, 1, 9, 0, 0, 0},
                  empty_entry[] = {11, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0},
                  garbage[] = {11, 0, 0, 10, 0, 0, 0, 6, 0, 0, 1, 0x30, 0, 0};
    replay(DOR_TLS_CLIENT, 2);
    say(DOR_TLS_CLIENT, false, dor__span(empty_chain, sizeof empty_chain));
    dor__bytes_free(dor__tls_output(pair.client.tls));
    failed(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_NO_CERTIFICATE);
    replay(DOR_TLS_CLIENT, 2);
    say(DOR_TLS_CLIENT, false, dor__span(context, sizeof context));
    dor__bytes_free(dor__tls_output(pair.client.tls));
    failed(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_REQUEST_CONTEXT);
    replay(DOR_TLS_CLIENT, 2);
    say(DOR_TLS_CLIENT, false, dor__span(empty_entry, sizeof empty_entry));
    dor__bytes_free(dor__tls_output(pair.client.tls));
    failed(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    replay(DOR_TLS_CLIENT, 2);
    say(DOR_TLS_CLIENT, false, dor__span(garbage, sizeof garbage));
    dor__bytes_free(dor__tls_output(pair.client.tls));
    failed(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_CERT_MALFORMED);
    client->max_certificates = 0;
    replay(DOR_TLS_CLIENT, 2);
    say(DOR_TLS_CLIENT, false, dor__bytes_span(&said.messages[2]));
    dor__bytes_free(dor__tls_output(pair.client.tls));
    failed(DOR_TLS_CLIENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_CHAIN_TOO_LONG);
}

Test(tls13_extensions, certificate_verify_fields)
{
    record_what_is_said(DOR_TLS_SERVER);
    static const struct {
        const char *scheme;
        int alert;
        dor_reason reason;
    } schemes[] = {
        {"0503", ILLEGAL(ILLEGAL_PARAMETER)}, /* the key is on another curve */
        {"0804", ILLEGAL(ILLEGAL_PARAMETER)}, {"0401", ILLEGAL(ILLEGAL_PARAMETER)},
        {"0203", ILLEGAL(ILLEGAL_PARAMETER)}, {"7a7a", ILLEGAL(ILLEGAL_PARAMETER)},
    };
    for (size_t i = 0; i < COUNT(schemes); i++) {
        dor_bytes m = DOR_BYTES_EMPTY;
        uint8_t scheme[2];
        hex_read(schemes[i].scheme, scheme, 2);
        put(&m, said.messages[3].ptr, said.messages[3].len);
        memcpy(m.ptr + 4, scheme, 2);
        replay(DOR_TLS_CLIENT, 3);
        say(DOR_TLS_CLIENT, false, dor__bytes_span(&m));
        dor__bytes_free(&m);
        dor__bytes_free(dor__tls_output(pair.client.tls));
        failed(DOR_TLS_CLIENT, (dor_alert)schemes[i].alert, schemes[i].reason);
    }
    for (size_t at = 8; at < said.messages[3].len; at += 5) {
        dor_bytes m = DOR_BYTES_EMPTY;
        put(&m, said.messages[3].ptr, said.messages[3].len);
        m.ptr[at] ^= 1;
        replay(DOR_TLS_CLIENT, 3);
        say(DOR_TLS_CLIENT, false, dor__bytes_span(&m));
        dor__bytes_free(&m);
        dor__bytes_free(dor__tls_output(pair.client.tls));
        failed(DOR_TLS_CLIENT, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_SIGNATURE);
    }
}

Test(tls13_extensions, finished_fields)
{
    for (int to = 0; to < 2; to++) {
        dor_tls_role role = (dor_tls_role)to;
        size_t last = 0;
        for (size_t i = 0; i < said.count; i++)
            dor__bytes_free(&said.messages[i]);
        said.count = said.clear_count = 0;
        record_what_is_said(role == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
        last = said.count - 1;
        cr_assert_eq(said.messages[last].ptr[0], DOR_HS_FINISHED);
        for (size_t at = 4; at < 36; at++) {
            dor_bytes m = DOR_BYTES_EMPTY;
            put(&m, said.messages[last].ptr, 36);
            m.ptr[at] ^= 0x10;
            replay(role, last);
            say(role, false, dor__bytes_span(&m));
            dor__bytes_free(&m);
            dor__bytes_free(dor__tls_output(proto_end_of(&pair, role)->tls));
            failed(role, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_FINISHED);
        }
        static const uint8_t lens[] = {0, 31, 33, 48, 49, 255};
        for (size_t i = 0; i < COUNT(lens); i++) {
            uint8_t m[4 + 255] = {DOR_HS_FINISHED, 0, 0, lens[i]};
            replay(role, last);
            say(role, false, dor__span(m, 4u + lens[i]));
            dor__bytes_free(dor__tls_output(proto_end_of(&pair, role)->tls));
            if (lens[i] == 255) /* out of all bounds; else it is just not the right one */
                failed(role, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
            else
                failed(role, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_FINISHED);
        }
    }
}
