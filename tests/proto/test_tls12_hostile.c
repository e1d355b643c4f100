/*
 * TLS 1.2 against a hostile peer or somebody in between: every bit flipped, every flight cut short, messages left out,
 * doubled, swapped and inserted, change_cipher_spec where it does not belong (CVE-2014-0224), memory that runs out.
 *
 * The rule for all: an end that got something else than its peer sent does not become connected, and nothing leaks.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"
#include "support/tls12_wire.h"

#include <stdlib.h>

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
}

TestSuite(tls12_hostile, .init = set_up, .fini = tear_down, .timeout = 300);

/** The longest full handshake: both sides with certificates. */
static void ask_for_certificate(void)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
}

static dor_session *make_session(void)
{
    run(NULL);
    works();
    dor_session *session = dor__tls_session(pair.client.tls);
    cr_assert_not_null(session);
    return session;
}

/* ---- flights that are changed or cut ------------------------------------------------------------------------- */

enum { MAX_FLIGHTS = 4, NO_FLIGHT = 1000 };

typedef struct meddler {
    size_t flight; /* which one, counted over both directions */
    size_t at;     /* bit, or length to keep */
    bool cut;
    size_t seen;
    size_t len[MAX_FLIGHTS];
    dor_tls_role from[MAX_FLIGHTS];
} meddler;

static void meddle(void *ctx, dor_tls_role from, dor_bytes *data)
{
    meddler *m = ctx;
    size_t n = m->seen++;
    if (n < MAX_FLIGHTS) {
        m->len[n] = data->len;
        m->from[n] = from;
    }
    if (n != m->flight) return;
    if (m->cut)
        data->len = m->at;
    else
        data->ptr[m->at / 8] ^= (uint8_t)(1u << m->at % 8);
}

static void run_meddled(meddler *m, dor_session *session)
{
    prepare(NULL, session);
    m->seen = 0;
    pair.tamper = meddle;
    pair.tamper_ctx = m;
    proto_pair_run(&pair);
}

/* The minor version of the first record each way: nothing is agreed upon yet, so it means nothing. */
static bool is_idle_bit(const meddler *m)
{
    return m->flight <= 1 && m->at / 8 == 2;
}

/** Sanitizers and valgrind take every nth bit, so that they end. */
static size_t stride(void)
{
    const char *sanitize = getenv("DORMOUSE_SANITIZE");
    return (sanitize && *sanitize) || getenv("DORMOUSE_VALGRIND") ? 7 : 1;
}

static void flip_everything(dor_session *session)
{
    meddler m = {.flight = NO_FLIGHT};
    run_meddled(&m, session);
    cr_assert(pair.client.connected && pair.server.connected, "%s", trouble());
    size_t flights = m.seen < MAX_FLIGHTS ? m.seen : MAX_FLIGHTS, offset = 0;
    size_t len[MAX_FLIGHTS];
    memcpy(len, m.len, sizeof len);
    cr_assert_geq(flights, 3);
    for (m.flight = 0; m.flight < flights; m.flight++)
        for (m.at = offset++ % stride(); m.at < len[m.flight] * 8; m.at += stride()) {
            if (is_idle_bit(&m)) continue;
            run_meddled(&m, session);
            dor_tls_role reader = m.from[m.flight] == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
            cr_assert_not(proto_end_of(&pair, reader)->connected, "flight %zu, bit %zu", m.flight, m.at);
            cr_assert_not(pair.client.connected && pair.server.connected);
        }
}

Test(tls12_hostile, every_bit_of_a_full_handshake)
{
    flip_everything(NULL);
}

Test(tls12_hostile, every_bit_of_a_resumed_handshake)
{
    dor_session *session = make_session();
    flip_everything(session);
    dor__session_unref(session);
}

Test(tls12_hostile, bits_of_a_handshake_with_two_certificates)
{
    meddler m = {.flight = NO_FLIGHT};
    ask_for_certificate();
    run_meddled(&m, NULL);
    cr_assert(pair.client.connected && pair.server.connected, "%s", trouble());
    /* The client's flight is the new one; a bit of every byte. */
    size_t len = m.len[2];
    m.flight = 2;
    for (size_t i = 0; i < len; i += stride()) {
        m.at = i * 8 + i % 8;
        run_meddled(&m, NULL);
        cr_assert_not(pair.server.connected, "byte %zu", i);
    }
}

static void cut_everything(dor_session *session)
{
    meddler m = {.flight = NO_FLIGHT, .cut = true};
    run_meddled(&m, session);
    cr_assert(pair.client.connected && pair.server.connected, "%s", trouble());
    size_t flights = m.seen < MAX_FLIGHTS ? m.seen : MAX_FLIGHTS;
    size_t len[MAX_FLIGHTS];
    memcpy(len, m.len, sizeof len);
    for (m.flight = 0; m.flight < flights; m.flight++)
        for (m.at = 0; m.at < len[m.flight]; m.at += m.at < 64 ? 1 : stride()) {
            run_meddled(&m, session);
            dor_tls_role reader = m.from[m.flight] == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
            cr_assert_not(proto_end_of(&pair, reader)->connected, "flight %zu, %zu bytes", m.flight, m.at);
            cr_assert(dor__ok(proto_end_of(&pair, reader)->result), "it waits for the rest: %s", trouble());
        }
}

Test(tls12_hostile, every_flight_cut_short)
{
    cut_everything(NULL);
    dor_session *session = make_session();
    cut_everything(session);
    dor__session_unref(session);
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

/** Runs up to where `from`'s flight number `turn` (0 is the hello) is ready, and takes it. */
static dor_bytes run_to_flight(dor_session *session, dor_tls_role from, size_t turn)
{
    prepare(NULL, session);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    for (size_t i = 0; i <= turn; i++) {
        if (from == DOR_TLS_CLIENT && i == turn) break;
        cr_assert(proto_deliver(&pair, DOR_TLS_CLIENT));
        if (from == DOR_TLS_SERVER && i == turn) break;
        cr_assert(proto_deliver(&pair, DOR_TLS_SERVER));
    }
    return wire_take(&pair, from);
}

/** `by` did not swallow it: it failed, or (waits) it still waits; and is not connected. */
static void refused(dor_tls_role by, bool may_wait, const char *what, size_t i, size_t j)
{
    proto_end *end = proto_end_of(&pair, by);
    int alert = dor_error_get_alert(end->result.code);
    cr_assert_not(end->connected, "%s %zu %zu", what, i, j);
    if (may_wait && dor__ok(end->result)) return;
    /* Ciphertext that is read in the clear may happen to begin as the message that is due, of any length. */
    if (dor_error_get_reason(end->result.code) == DOR_REASON_HANDSHAKE_TOO_BIG) return;
    cr_assert(alert == DOR_ALERT_UNEXPECTED_MESSAGE || alert == DOR_ALERT_BAD_RECORD_MAC ||
                  alert == DOR_ALERT_DECODE_ERROR,
              "%s %zu %zu: %s", what, i, j, trouble());
}

static void feed_and_refuse(dor_session *session, dor_tls_role from, size_t turn, const wire_unit *units,
                            size_t count, bool may_wait, const char *what, size_t i, size_t j)
{
    dor_tls_role to = from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
    wire_unit fresh[WIRE_MAX_UNITS];
    /* The pair is deterministic: what the flight of this run holds is what `units` were taken from. */
    dor_bytes flight = run_to_flight(session, from, turn);
    (void)wire_split(dor__bytes_span(&flight), fresh);
    wire_feed_units(&pair, to, units, count);
    refused(to, may_wait, what, i, j);
    dor__bytes_free(&flight);
}

static void leave_out(dor_session *s, dor_tls_role from, size_t turn, const wire_unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wire_unit changed[WIRE_MAX_UNITS];
        size_t n = 0;
        for (size_t k = 0; k < count; k++)
            if (k != i) changed[n++] = units[k];
        feed_and_refuse(s, from, turn, changed, n, i + 1 == count, "left out", i, 0);
    }
}

static void twice(dor_session *s, dor_tls_role from, size_t turn, const wire_unit *units, size_t count)
{
    /* The last one's double comes when the end may already be connected: see below. */
    for (size_t i = 0; i + 1 < count; i++) {
        wire_unit changed[WIRE_MAX_UNITS];
        size_t n = 0;
        for (size_t k = 0; k < count; k++) {
            changed[n++] = units[k];
            if (k == i) changed[n++] = units[k];
        }
        feed_and_refuse(s, from, turn, changed, n, false, "twice", i, 0);
    }
}

static void swapped(dor_session *s, dor_tls_role from, size_t turn, const wire_unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) {
            wire_unit changed[WIRE_MAX_UNITS];
            memcpy(changed, units, count * sizeof *units);
            changed[i] = units[j], changed[j] = units[i];
            feed_and_refuse(s, from, turn, changed, count, false, "swapped", i, j);
        }
}

static void inserted(dor_session *s, dor_tls_role from, size_t turn, const wire_unit *units, size_t count)
{
    static const uint8_t one = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t type = 0; type <= 27; type++) {
            uint8_t message[4 + 4] = {(uint8_t)type, 0, 0, 4};
            wire_unit extra = {DOR_CONTENT_HANDSHAKE, dor__span(message, sizeof message)};
            /* In its own place it is judged by what it says. */
            if (units[i].content_type == DOR_CONTENT_HANDSHAKE && units[i].bytes.ptr[0] == type) continue;
            if (type == 25) extra = (wire_unit){DOR_CONTENT_CHANGE_CIPHER_SPEC, dor__span(&one, 1)};
            if (type == 26) extra = (wire_unit){DOR_CONTENT_APPLICATION_DATA, dor__span(message, 4)};
            if (type == 27) extra = (wire_unit){DOR_CONTENT_CHANGE_CIPHER_SPEC, dor__span(message, 1)};
            wire_unit changed[WIRE_MAX_UNITS];
            memcpy(changed, units, i * sizeof *units);
            changed[i] = extra;
            memcpy(changed + i + 1, units + i, (count - i) * sizeof *units);
            feed_and_refuse(s, from, turn, changed, count + 1, false, "inserted", i, type);
        }
}

static void disorder(dor_session *session, dor_tls_role from, size_t turn)
{
    wire_unit units[WIRE_MAX_UNITS];
    dor_bytes flight = run_to_flight(session, from, turn);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    leave_out(session, from, turn, units, count);
    twice(session, from, turn, units, count);
    swapped(session, from, turn, units, count);
    inserted(session, from, turn, units, count);
    dor__bytes_free(&flight);
}

Test(tls12_hostile, order_of_the_first_hello)
{
    disorder(NULL, DOR_TLS_CLIENT, 0);
}

Test(tls12_hostile, order_of_the_servers_flight)
{
    disorder(NULL, DOR_TLS_SERVER, 0);
    ask_for_certificate();
    /* Without its CertificateRequest this is a flight like any other, until the transcripts are compared. */
    wire_unit units[WIRE_MAX_UNITS];
    dor_bytes flight = run_to_flight(NULL, DOR_TLS_SERVER, 0);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    cr_assert_eq(count, 5);
    twice(NULL, DOR_TLS_SERVER, 0, units, count);
    swapped(NULL, DOR_TLS_SERVER, 0, units, count);
    dor__bytes_free(&flight);
}

Test(tls12_hostile, order_of_the_clients_flight)
{
    disorder(NULL, DOR_TLS_CLIENT, 1);
}

Test(tls12_hostile, order_of_the_clients_flight_with_a_certificate)
{
    ask_for_certificate();
    disorder(NULL, DOR_TLS_CLIENT, 1);
}

Test(tls12_hostile, order_of_the_servers_last_flight)
{
    disorder(NULL, DOR_TLS_SERVER, 1);
}

Test(tls12_hostile, order_of_a_resumed_handshake)
{
    dor_session *session = make_session();
    disorder(session, DOR_TLS_SERVER, 0);
    disorder(session, DOR_TLS_CLIENT, 1);
    dor__session_unref(session);
}

/* ---- HelloRequest ---------------------------------------------------------------------------------------------- */

/* RFC 5246 section 7.4.1.1: passed over by a client in the middle of a handshake; but not for ever. */
Test(tls12_hostile, hello_requests_without_end)
{
    static const uint8_t requests[4 * 100];
    static const size_t few = 4;
    for (int flood = 0; flood < 2; flood++) {
        prepare(NULL, NULL);
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
        wire_feed_record(&pair, DOR_TLS_CLIENT, DOR_CONTENT_HANDSHAKE,
                         dor__span(requests, flood ? sizeof requests : 4 * few));
        if (flood) {
            failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_NO_RENEGOTIATION);
        } else {
            proto_pair_run(&pair);
            works();
        }
    }
}

/* RFC 8422 section 5.1: supported_groups is about certificates too, before TLS 1.3. */
Test(tls12_hostile, certificate_on_a_curve_that_was_not_offered)
{
    proto_only(client, 0, 0, DOR_GROUP_X25519);
    prepare(NULL, NULL);
    wire_start_without(&pair, 10);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_KEY_TYPE);
}

/* ---- change_cipher_spec ---------------------------------------------------------------------------------------- */

/* CVE-2014-0224: before there is a master secret there are no keys to change to. */
Test(tls12_hostile, early_change_cipher_spec)
{
    static const uint8_t one = 1;
    for (int to = DOR_TLS_CLIENT; to <= DOR_TLS_SERVER; to++)
        for (size_t after = 0; after < 4; after++) { /* flights delivered before it */
            prepare(NULL, NULL);
            cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
            for (size_t i = 0; i < after; i++)
                cr_assert(proto_deliver(&pair, i % 2 == 0 ? DOR_TLS_CLIENT : DOR_TLS_SERVER));
            proto_end *end = proto_end_of(&pair, (dor_tls_role)to);
            bool due = to == DOR_TLS_CLIENT && (after == 2 || after == 3);
            bool keyed = end->tls->read.aead_id != 0;
            wire_feed_record(&pair, (dor_tls_role)to, DOR_CONTENT_CHANGE_CIPHER_SPEC, dor__span(&one, 1));
            if (due && !keyed) continue; /* the server's turn to change: no harm in who said it first */
            cr_assert(dor__failed(end->result), "to %d after %zu flights", to, after);
            cr_assert(keyed || dor_error_get_alert(end->result.code) == DOR_ALERT_UNEXPECTED_MESSAGE);
            cr_assert(dor__protection_is_null(&end->tls->read));
        }
}

/* A message must end before the keys change (RFC 8446 section 5.1 says it; it was never different). */
Test(tls12_hostile, change_cipher_spec_within_a_message)
{
    static const uint8_t part[] = {DOR_HS_FINISHED, 0, 0}, one = 1;
    wire_unit units[WIRE_MAX_UNITS];
    dor_bytes flight = run_to_flight(NULL, DOR_TLS_CLIENT, 1);
    size_t count = wire_split(dor__bytes_span(&flight), units);
    cr_assert_eq(count, 3);
    wire_feed_units(&pair, DOR_TLS_SERVER, units, 1);
    wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(part, sizeof part));
    wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_CHANGE_CIPHER_SPEC, dor__span(&one, 1));
    refused(DOR_TLS_SERVER, false, "within a message", 0, 0);
    dor__bytes_free(&flight);
}

Test(tls12_hostile, data_before_finished)
{
    for (size_t after = 0; after < 3; after++) {
        for (int to = DOR_TLS_CLIENT; to <= DOR_TLS_SERVER; to++) {
            prepare(NULL, NULL);
            cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
            for (size_t i = 0; i < after; i++)
                cr_assert(proto_deliver(&pair, i % 2 == 0 ? DOR_TLS_CLIENT : DOR_TLS_SERVER));
            wire_feed_record(&pair, (dor_tls_role)to, DOR_CONTENT_APPLICATION_DATA,
                             dor__span_str("too early"));
            proto_end *end = proto_end_of(&pair, (dor_tls_role)to);
            cr_assert_eq(dor_error_get_alert(end->result.code), DOR_ALERT_UNEXPECTED_MESSAGE);
            cr_assert_eq(end->plaintext.len, 0);
        }
    }
}

/* A Finished in the clear is none, even the right one. */
Test(tls12_hostile, finished_without_change_cipher_spec)
{
    uint8_t finished[4 + 12] = {DOR_HS_FINISHED, 0, 0, 12};
    wire_unit units[WIRE_MAX_UNITS];
    dor_bytes flight = run_to_flight(NULL, DOR_TLS_CLIENT, 1);
    (void)wire_split(dor__bytes_span(&flight), units);
    wire_feed_units(&pair, DOR_TLS_SERVER, units, 1);
    wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(finished, sizeof finished));
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    dor__bytes_free(&flight);
}

/* ---- what is inside the messages ------------------------------------------------------------------------------- */

/** Delivers the server's first flight with one message's body replaced. */
static void replace_in_server_flight(uint8_t type, dor_span body)
{
    wire_unit units[WIRE_MAX_UNITS];
    dor_bytes flight = run_to_flight(NULL, DOR_TLS_SERVER, 0), message = DOR_BYTES_EMPTY;
    size_t count = wire_split(dor__bytes_span(&flight), units);
    cr_assert(dor__ok(wr_u8(&message, type)));
    cr_assert(dor__ok(wr_vec(&message, 3, body)));
    for (size_t i = 0; i < count; i++)
        if (units[i].bytes.ptr[0] == type) units[i].bytes = dor__bytes_span(&message);
    wire_feed_units(&pair, DOR_TLS_CLIENT, units, count);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor__bytes_free(&flight);
    dor__bytes_free(&message);
}

Test(tls12_hostile, server_key_exchange)
{
    static const struct {
        const char *name;
        uint8_t body[16];
        size_t len;
        int alert; /* as dor_error_get_alert gives it */
    } cases[] = {
        {"empty", {0}, 0, DOR_ALERT_DECODE_ERROR},
        {"explicit prime curve", {1, 0, 29, 1, 9, 4, 3, 0, 0}, 9, DOR_ALERT_ILLEGAL_PARAMETER},
        {"explicit char2 curve", {2, 0, 29, 1, 9, 4, 3, 0, 0}, 9, DOR_ALERT_ILLEGAL_PARAMETER},
        {"a group that was not offered", {3, 0, 30, 1, 9, 4, 3, 0, 0}, 9, DOR_ALERT_ILLEGAL_PARAMETER},
        {"no point", {3, 0, 29, 0, 4, 3, 0, 0}, 8, DOR_ALERT_DECODE_ERROR},
        {"a point cut short", {3, 0, 29, 9, 4, 3, 0, 0}, 8, DOR_ALERT_DECODE_ERROR},
        {"no signature", {3, 0, 29, 1, 9}, 5, DOR_ALERT_DECODE_ERROR},
        {"a scheme that was not offered", {3, 0, 29, 1, 9, 2, 3, 0, 0}, 9, DOR_ALERT_ILLEGAL_PARAMETER},
        {"a scheme of another kind of key", {3, 0, 29, 1, 9, 8, 4, 0, 0}, 9, DOR_ALERT_ILLEGAL_PARAMETER},
        {"an empty signature", {3, 0, 29, 1, 9, 4, 3, 0, 0}, 9, DOR_ALERT_DECRYPT_ERROR},
        {"something behind it", {3, 0, 29, 1, 9, 4, 3, 0, 0, 0}, 10, DOR_ALERT_DECODE_ERROR},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        replace_in_server_flight(DOR_HS_SERVER_KEY_EXCHANGE, dor__span(cases[i].body, cases[i].len));
        cr_assert_eq(dor_error_get_alert(pair.client.result.code), cases[i].alert, "%s: %s", cases[i].name,
                     trouble());
    }
}

Test(tls12_hostile, certificate_request)
{
    static const struct {
        const char *name;
        uint8_t body[16];
        size_t len;
        int alert; /* as dor_error_get_alert gives it */
    } cases[] = {
        {"empty", {0}, 0, DOR_ALERT_DECODE_ERROR},
        {"no types", {0, 0, 2, 4, 3, 0, 0, 0}, 8, DOR_ALERT_DECODE_ERROR},
        {"no schemes", {1, 64, 0, 0, 0, 0, 0, 0}, 8, DOR_ALERT_DECODE_ERROR},
        {"half a scheme", {1, 64, 0, 3, 4, 3, 4, 0, 0}, 9, DOR_ALERT_DECODE_ERROR},
        {"half a name", {1, 64, 0, 2, 4, 3, 0, 3, 0, 2, 9}, 11, DOR_ALERT_DECODE_ERROR},
        {"an empty name", {1, 64, 0, 2, 4, 3, 0, 2, 0, 0}, 10, DOR_ALERT_DECODE_ERROR},
        {"something behind it", {1, 64, 0, 2, 4, 3, 0, 0, 0}, 9, DOR_ALERT_DECODE_ERROR},
    };
    ask_for_certificate();
    for (size_t i = 0; i < COUNT(cases); i++) {
        replace_in_server_flight(DOR_HS_CERTIFICATE_REQUEST, dor__span(cases[i].body, cases[i].len));
        cr_assert_eq(dor_error_get_alert(pair.client.result.code), cases[i].alert, "%s: %s", cases[i].name,
                     trouble());
    }
}

/* Types that we have no key for: an empty Certificate, and the server decides (RFC 5246 section 7.4.6). */
Test(tls12_hostile, certificate_request_for_another_kind_of_key)
{
    static const uint8_t rsa_only[] = {1, 1, 0, 4, 4, 3, 8, 4, 0, 0},
                         unknown[] = {1, 20, 0, 4, 4, 3, 8, 4, 0, 0};
    ask_for_certificate();
    for (int i = 0; i < 2; i++) {
        replace_in_server_flight(DOR_HS_CERTIFICATE_REQUEST, i ? dor__span(unknown, sizeof unknown)
                                                               : dor__span(rsa_only, sizeof rsa_only));
        cr_assert(dor__ok(pair.client.result), "%s", trouble());
        proto_deliver(&pair, DOR_TLS_SERVER);
        fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CERTIFICATE);
    }
}

Test(tls12_hostile, server_hello_done_that_is_not_empty)
{
    replace_in_server_flight(DOR_HS_SERVER_HELLO_DONE, dor__span_str("x"));
    failed(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
}

Test(tls12_hostile, client_key_exchange)
{
    static const uint8_t zeros[1 + 97] = {0};
    for (size_t group = 0; group < 3; group++)
        for (size_t len = 0; len <= sizeof zeros; len++) {
            static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
            uint8_t message[4 + sizeof zeros] = {DOR_HS_CLIENT_KEY_EXCHANGE, 0, 0, (uint8_t)len};
            proto_only(server, 0, 0, groups[group]);
            dor_bytes flight = run_to_flight(NULL, DOR_TLS_CLIENT, 1);
            if (len > 0) message[4] = (uint8_t)(len - 1);
            if (len > 1) message[5] = 4;
            wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__span(message, 4 + len));
            int alert = dor_error_get_alert(pair.server.result.code);
            bool short_field = len < 2;
            if (group == 0 && len == 1 + 32) { /* a point like any other */
                dor__bytes_free(&flight);
                continue;
            }
            cr_assert_eq(alert, short_field ? DOR_ALERT_DECODE_ERROR : DOR_ALERT_ILLEGAL_PARAMETER, "%zu: %s",
                         len, trouble());
            dor__bytes_free(&flight);
        }
}

Test(tls12_hostile, record_version_after_it_is_settled)
{
    dor_bytes flight = run_to_flight(NULL, DOR_TLS_CLIENT, 1);
    flight.ptr[2] = 1;
    proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(&flight));
    proto_deliver(&pair, DOR_TLS_SERVER);
    fails(DOR_TLS_SERVER, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_RECORD_VERSION);
    dor__bytes_free(&flight);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/** A handshake in which the allocation number n fails, or that and all that follow. True when n was out of reach. */
static bool starve(dor_session *session, size_t n, bool once)
{
    size_t pieces = counting_alloc_pieces(), stored = store.count;
    prepare(NULL, session);
    if (once)
        counting_alloc_fail_once_at(n);
    else
        counting_alloc_fail_at(n);
    proto_pair_run(&pair);
    bool enough = counting_alloc_calls() < n;
    counting_alloc_fail_at(0);
    if (enough)
        works();
    else if (pair.client.connected && pair.server.connected) /* only the session may be done without */
        cr_assert(!session && !(pair.client.tls->session && pair.server.tls->session), "allocation %zu", n);
    proto_pair_fini(&pair);
    while (store.count > stored) /* what a server made before its client starved */
        dor__session_unref(store.sessions[--store.count]);
    cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    return enough;
}

static void starve_everywhere(dor_session *session)
{
    for (int once = 0; once < 2; once++) {
        size_t n = 1;
        while (!starve(session, n, once))
            n++;
        cr_assert_gt(n, 10);
    }
}

Test(tls12_starved, memory_runs_out)
{
    counting_alloc_install();
    set_up();
    starve_everywhere(NULL);
    ask_for_certificate();
    starve_everywhere(NULL);
    dor_session *session = make_session();
    proto_pair_fini(&pair);
    starve_everywhere(session);
    dor__session_unref(session);
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0);
}
