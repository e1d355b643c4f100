/*
 * What a server shows beside its certificate: its status (OCSP stapling, RFC 6066 section 8, RFC 8446 section 4.4.2.1) and
 * timestamps (RFC 6962), passed on as they are to a client that asks.
 */
#include "support/hex.h"
#include "support/proto_hostile.h"
#include "support/tls12_wire.h"
#include "support/tls13_cases.h"
#include "tls/stapled.h"

static const char status[] = "0 what an authority says of a certificate";
static const uint8_t timestamps[] = {0, 9, 0, 4, 'l', 'o', 'g', '1', 0, 1, 'x'};

static void stapling_set_up(void)
{
    counting_alloc_install();
    replay_set_up();
    cr_assert(dor__ok(
        dor__tls_config_staple(server, 0, dor__span_str(status), dor__span(timestamps, sizeof timestamps))));
}

TestSuite(tls_stapling, .init = stapling_set_up, .fini = replay_clean_up, .timeout = 300);

static void only(uint16_t version)
{
    proto_only(client, version, version == DOR_TLS_1_3 ? 0x1301 : 0xc02b, 0);
}

static dor_span shown_status(void)
{
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    return info.stapled ? dor__bytes_span(&info.stapled->status) : DOR_SPAN_EMPTY;
}

static dor_span shown_timestamps(void)
{
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    return info.stapled ? dor__bytes_span(&info.stapled->timestamps) : DOR_SPAN_EMPTY;
}

static void shows(bool with_status, bool with_timestamps)
{
    works();
    cr_assert(dor__span_equal(shown_status(), with_status ? dor__span_str(status) : DOR_SPAN_EMPTY));
    cr_assert(dor__span_equal(shown_timestamps(),
                              with_timestamps ? dor__span(timestamps, sizeof timestamps) : DOR_SPAN_EMPTY));
    cr_assert_null(pair.server.tls->stapled);
}

Test(tls_stapling, as_asked_for)
{
    for (uint16_t version = DOR_TLS_1_2; version <= DOR_TLS_1_3; version++)
        for (int what = 0; what < 4; what++) {
            client->min_version = client->max_version = version;
            client->suites[0] = version == DOR_TLS_1_3 ? 0x1301 : 0xc02b;
            client->ask_status = what & 1;
            client->ask_timestamps = what & 2;
            run(NULL);
            shows(what & 1, what & 2);
        }
}

Test(tls_stapling, a_server_that_has_nothing)
{
    client->ask_status = client->ask_timestamps = true;
    cr_assert(dor__ok(dor__tls_config_staple(server, 0, DOR_SPAN_EMPTY, DOR_SPAN_EMPTY)));
    run(NULL);
    shows(false, false);
    only(DOR_TLS_1_2);
    run(NULL);
    shows(false, false);
}

/* The session remembers, for the certificate is not shown again. */
Test(tls_stapling, resumed)
{
    client->ask_status = client->ask_timestamps = true;
    for (uint16_t version = DOR_TLS_1_2; version <= DOR_TLS_1_3; version++) {
        client->min_version = client->max_version = version;
        client->suites[0] = version == DOR_TLS_1_3 ? 0x1301 : 0xc02b;
        run(NULL);
        shows(true, true);
        dor_session *session = version == DOR_TLS_1_3 ? dor__session_ref(pair.client.session)
                                                      : dor__tls_session(pair.client.tls);
        cr_assert_not_null(session);
        prepare(NULL, session);
        proto_pair_run(&pair);
        cr_assert(pair.client.tls->resumed);
        shows(true, true);
        dor__session_unref(session);
    }
}

/* A TLS 1.2 server may say timestamps in the hello that resumes, too (RFC 6962 forgot to forbid it): they change nothing. */
Test(tls_stapling, said_again_in_a_resumption)
{
    static const uint8_t others[] = {0, 3, 0, 1, 'y'};
    client->ask_status = client->ask_timestamps = true;
    only(DOR_TLS_1_2);
    server->tickets_12 = true;
    run(NULL);
    shows(true, true);
    dor_session *session = dor__tls_session(pair.client.tls);
    prepare(NULL, session);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert(
        dor__ok(dor__stapled_new(&pair.client.tls->stapled))); /* as its ServerHello would have left it */
    cr_assert(
        dor__ok(dor__bytes_append(&pair.client.tls->stapled->timestamps, dor__span(others, sizeof others))));
    proto_talk(&pair);
    cr_assert(pair.client.tls->resumed);
    shows(true, true);
    dor__session_unref(session);
}

/* The chain is judged with the response at hand, also in TLS 1.2, where it comes behind it; and judged it is. */
Test(tls_stapling, the_chain_is_judged_all_the_same)
{
    client->ask_status = true;
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("stranger");
    run(NULL);
    cr_assert_eq(dor_error_get_reason(pair.client.result.code), DOR_REASON_CERT_UNKNOWN_CA, "%s", trouble());
    only(DOR_TLS_1_2);
    run(NULL);
    cr_assert_eq(dor_error_get_reason(pair.client.result.code), DOR_REASON_CERT_UNKNOWN_CA, "%s", trouble());
    cr_assert_eq(dor_error_get_class(pair.client.result.code), DOR_CLASS_ALERT_SENT);
}

Test(tls_stapling, what_a_config_takes)
{
    static const char *const bad[] = {
        "00", "0000", "0002 0000", "0003 0001", "0004 0001 aa", "0003 0001 aa bb", "0003 0002 aa"};
    uint8_t data[16];
    for (size_t i = 0; i < COUNT(bad); i++)
        cr_assert_eq(dor__tls_config_staple(server, 0, DOR_SPAN_EMPTY,
                                            dor__span(data, hex_read(bad[i], data, sizeof data)))
                         .code,
                     DOR_E_FILE_MALFORMED, "%s", bad[i]);
    cr_assert_eq(dor__tls_config_staple(server, 1, DOR_SPAN_EMPTY, DOR_SPAN_EMPTY).code, DOR_E_BADARG);
    static uint8_t large[65536];
    cr_assert_eq(dor__tls_config_staple(server, 0, dor__span(large, sizeof large - 4), DOR_SPAN_EMPTY).code,
                 DOR_E_TOO_BIG);
}

/* ---- TLS 1.3: what may stand where ---------------------------------------------------------------------------- */

#define STATUS     DOR_ALERT_DECODE_ERROR, DOR_REASON_CERT_STATUS
#define TIMESTAMPS DOR_ALERT_DECODE_ERROR, DOR_REASON_CERT_TIMESTAMPS

Test(tls_stapling, as_a_server_reads_it)
{
    static const ext_case cases[] = {
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01 0000 0000", FINE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01 0003 0001aa 0002 bbcc", FINE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "02", FINE}, /* a type that nobody knows */
        {0, ADD, DOR_EXT_STATUS_REQUEST, "", DECODE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01", DECODE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01 0000", DECODE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01 0000 0000 00", DECODE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01 0002 0000 0000", DECODE},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "01 0003 0002aa 0000", DECODE},
        {0, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "", FINE},
        {0, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "00", DECODE},
    };
    try_all(DOR_TLS_SERVER, FULL, cases, COUNT(cases));
}

Test(tls_stapling, as_a_client_reads_it)
{
    static const ext_case cases[] = {
        {2, REMOVE, DOR_EXT_STATUS_REQUEST, NULL, FINE},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "01 000001 30", FINE},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "", STATUS},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "01", STATUS},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "01 000000", STATUS},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "01 000002 30", STATUS},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "01 000001 3031", STATUS},
        {2, REPLACE, DOR_EXT_STATUS_REQUEST, "02 000001 30", STATUS},
        {2, AGAIN, DOR_EXT_STATUS_REQUEST, NULL, DUPLICATE_13},
        {2, REPLACE, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0003 0001 aa", FINE},
        {2, REPLACE, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "", TIMESTAMPS},
        {2, REPLACE, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0000", TIMESTAMPS},
        {2, REPLACE, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0002 0000", TIMESTAMPS},
        {2, REPLACE, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0003 0001 aa bb", TIMESTAMPS},
        {1, ADD, DOR_EXT_STATUS_REQUEST, "01 000001 30", MISPLACED},
        {1, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0003 0001 aa", MISPLACED},
        {0, ADD, DOR_EXT_STATUS_REQUEST, "", MISPLACED},
    };
    client->ask_status = client->ask_timestamps = true;
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

Test(tls_stapling, a_client_that_did_not_ask)
{
    static const ext_case cases[] = {
        {2, ADD, DOR_EXT_STATUS_REQUEST, "01 000001 30", UNSUPPORTED},
        {2, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0003 0001 aa", UNSUPPORTED},
    };
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

/* A server may ask a client, too, by an empty extension (RFC 8446 section 4.4.2.1), as GnuTLS does; ours has nothing to
 * show. And our server asks nobody. */
Test(tls_stapling, in_a_certificate_request)
{
    static const ext_case cases[] = {
        {2, ADD, DOR_EXT_STATUS_REQUEST, "", FINE},
        {2, ADD, DOR_EXT_STATUS_REQUEST, "01 0000 0000", DECODE},
        {2, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "", FINE},
        {2, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "01", DECODE},
    };
    try_all(DOR_TLS_CLIENT, MUTUAL, cases, COUNT(cases));
}

Test(tls_stapling, in_a_clients_certificate)
{
    static const ext_case cases[] = {
        {1, ADD, DOR_EXT_STATUS_REQUEST, "01 000001 30", UNSUPPORTED},
        {1, ADD, DOR_EXT_SIGNED_CERTIFICATE_TIMESTAMP, "0003 0001 aa", UNSUPPORTED},
    };
    try_all(DOR_TLS_SERVER, MUTUAL, cases, COUNT(cases));
}

/* ---- TLS 1.2: CertificateStatus ------------------------------------------------------------------------------- */

/* The server's first flight in parts, the client waiting for it. */
static wire_unit units[WIRE_MAX_UNITS];
static size_t unit_count;
static dor_bytes flight;

static void up_to_the_servers_flight(void)
{
    dor__bytes_free(&flight);
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    flight = wire_take(&pair, DOR_TLS_SERVER);
    unit_count = wire_split(dor__bytes_span(&flight), units);
}

static void set_up_12(bool ask)
{
    only(DOR_TLS_1_2);
    client->ask_status = ask;
    client->ask_timestamps = false;
    up_to_the_servers_flight();
}

/* Takes message number `at` out, or puts one of those bytes in front of it. */
static void take_out(size_t at)
{
    memmove(&units[at], &units[at + 1], (--unit_count - at) * sizeof units[0]);
}

static void put_in(size_t at, const uint8_t *bytes, size_t len)
{
    memmove(&units[at + 1], &units[at], (unit_count++ - at) * sizeof units[0]);
    units[at] = (wire_unit){22, dor__span(bytes, len)};
}

static void deliver_flight(void)
{
    wire_feed_units(&pair, DOR_TLS_CLIENT, units, unit_count);
}

static const uint8_t some_status[] = {DOR_HS_CERTIFICATE_STATUS, 0, 0, 5, 1, 0, 0, 1, '0'};

Test(tls_stapling, a_promised_message_may_be_left_out)
{
    set_up_12(true);
    cr_assert_eq(units[2].bytes.ptr[0], DOR_HS_CERTIFICATE_STATUS);
    take_out(2);
    deliver_flight();
    cr_assert(dor__ok(pair.client.result), "%s", trouble());
    cr_assert(pair.client.tls->hs->chain_verified);
    cr_assert(pair.client.tls->hs->proof_peer);
    dor__bytes_free(&flight);
}

Test(tls_stapling, a_message_that_nobody_promised)
{
    set_up_12(false);
    put_in(2, some_status, sizeof some_status);
    deliver_flight();
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    dor__bytes_free(&flight);
}

Test(tls_stapling, a_message_in_another_place)
{
    for (size_t at = 0; at < 5; at++) {
        set_up_12(true);
        if (at == 2)
            put_in(at, some_status, sizeof some_status); /* twice */
        else {
            wire_unit it = units[2];
            take_out(2);
            put_in(at, it.bytes.ptr, it.bytes.len);
            if (at < 2) take_out(unit_count - 1); /* the client says so at once */
        }
        deliver_flight();
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    }
    dor__bytes_free(&flight);
}

Test(tls_stapling, a_malformed_message)
{
    static const struct {
        uint8_t bytes[12];
        size_t len;
        dor_reason reason;
    } bad[] = {
        {{22, 0, 0, 4, 1, 0, 0, 0}, 8, DOR_REASON_DECODE}, /* shorter than any */
        {{22, 0, 0, 5, 1, 0, 0, 0, '0'}, 9, DOR_REASON_CERT_STATUS},
        {{22, 0, 0, 5, 1, 0, 0, 2, '0'}, 9, DOR_REASON_CERT_STATUS},
        {{22, 0, 0, 6, 1, 0, 0, 1, '0', '1'}, 10, DOR_REASON_CERT_STATUS},
        {{22, 0, 0, 5, 2, 0, 0, 1, '0'}, 9, DOR_REASON_CERT_STATUS},
        {{22, 0, 0, 0}, 4, DOR_REASON_DECODE},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        set_up_12(true);
        units[2].bytes = dor__span(bad[i].bytes, bad[i].len);
        deliver_flight();
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, bad[i].reason);
    }
    dor__bytes_free(&flight);
}

/* ServerHello's extension says nothing but that it is there. */
Test(tls_stapling, a_promise_with_words)
{
    uint8_t hello[512];
    set_up_12(true);
    dor_span m = units[0].bytes;
    size_t block = 4 + 2 + 32 + 1u + m.ptr[4 + 2 + 32] + 2 + 1, at = block + 2;
    cr_assert_lt(m.len, sizeof hello - 1);
    while (wire_u16(m.ptr + at) != DOR_EXT_STATUS_REQUEST) {
        at += 4 + wire_u16(m.ptr + at + 2);
        cr_assert_lt(at, m.len, "no such extension");
    }
    memcpy(hello, m.ptr, at + 4);
    hello[at + 3] = 1, hello[at + 4] = 0;
    memcpy(hello + at + 5, m.ptr + at + 4, m.len - at - 4);
    wire_put_u16(hello + block, m.len + 1 - block - 2);
    wire_put_u24(hello + 1, m.len + 1 - 4);
    units[0].bytes = dor__span(hello, m.len + 1);
    unit_count = 1;
    deliver_flight();
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    dor__bytes_free(&flight);
}

/* ---- hostile -------------------------------------------------------------------------------------------------- */

Test(tls_stapling, in_pieces_without_memory_and_with_flipped_bits)
{
    client->ask_status = client->ask_timestamps = true;
    for (uint16_t version = DOR_TLS_1_2; version <= DOR_TLS_1_3; version++) {
        client->min_version = client->max_version = version;
        client->suites[0] = version == DOR_TLS_1_3 ? 0x1301 : 0xc02b;
        works_in_pieces();
        fail_each_allocation_of(NULL);
        flip_bits_of(DOR_TLS_SERVER, 11);
    }
}
