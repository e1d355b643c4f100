/*
 * TLS 1.3 after the handshake: data, key updates, tickets, alerts, closing, sleeping; and what may not come any more.
 *
 * "Raw" here means written with the sender's own keys but past its engine.
 */
#include "support/proto_test.h"

#include "tls/handshake.h"
#include "tls/kept.h"
#include "tls/schedule_13.h"

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    server->ticket_count = 0;
    run(NULL);
    works();
}

TestSuite(tls13_connected, .init = set_up, .fini = tear_down);

static const dor_tls_role roles[] = {DOR_TLS_CLIENT, DOR_TLS_SERVER};

static dor_tls *tls_of(dor_tls_role role)
{
    return proto_end_of(&pair, role)->tls;
}

static dor_tls_role peer_of(dor_tls_role role)
{
    return role == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
}

static void raw_record(dor_tls_role from, uint8_t type, const void *data, size_t len)
{
    dor_tls *t = tls_of(from);
    cr_assert(dor__ok(dor__record_write(&t->write, type, 0x0303, 16384, dor__span(data, len), &t->output)));
}

static void raw_message(dor_tls_role from, uint8_t type, const void *body, size_t len)
{
    cr_assert(dor__ok(dor__message_write(tls_of(from), type, dor__span(body, len))));
}

static void again(void)
{
    run(NULL);
    works();
}

/* ---- data -------------------------------------------------------------------------------------------------- */

Test(tls13_connected, data_of_every_size)
{
    static char text[70000];
    static const size_t sizes[] = {1, 2, 255, 256, 16383, 16384, 16385, 32768, 65535, 70000 - 1};
    memset(text, 'd', sizeof text);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t r = 0; r < 2; r++) {
            proto_end *to = proto_end_of(&pair, peer_of(roles[r]));
            dor__bytes_free(&to->plaintext);
            cr_assert(dor__ok(dor__tls_send(tls_of(roles[r]), dor__span(text, sizes[i]))));
            proto_deliver(&pair, roles[r]);
            cr_assert_eq(to->plaintext.len, sizes[i]);
            cr_assert_eq(memcmp(to->plaintext.ptr, text, sizes[i]), 0);
        }
    cr_assert(dor__ok(dor__tls_send(tls_of(DOR_TLS_CLIENT), DOR_SPAN_EMPTY)));
    cr_assert_eq(dor__tls_output(tls_of(DOR_TLS_CLIENT))->len, 0u);
}

Test(tls13_connected, empty_records_are_bounded)
{
    for (size_t i = 0; i < client->max_empty_records; i++)
        raw_record(DOR_TLS_SERVER, 23, "", 0);
    proto_say(&pair, DOR_TLS_SERVER, "still here");
    works();
    for (size_t i = 0; i <= client->max_empty_records; i++)
        raw_record(DOR_TLS_SERVER, 23, "", 0);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EMPTY_FRAGMENTS);
}

/* ---- key updates ------------------------------------------------------------------------------------------- */

Test(tls13_connected, key_update)
{
    for (size_t r = 0; r < 2; r++)
        for (int ask = 0; ask < 2; ask++) {
            uint8_t ours[DOR_SECRET_MAX_LEN], theirs[DOR_SECRET_MAX_LEN];
            memcpy(ours, tls_of(roles[r])->write_secret, sizeof ours);
            memcpy(theirs, tls_of(roles[r])->read_secret, sizeof theirs);
            cr_assert(dor__ok(dor__tls_update_keys(tls_of(roles[r]), ask)));
            cr_assert_neq(memcmp(ours, tls_of(roles[r])->write_secret, 32), 0);
            proto_deliver(&pair, roles[r]);
            works();
            /* the answer goes with the other's next data, which works() sent */
            cr_assert_eq(memcmp(theirs, tls_of(roles[r])->read_secret, 32) != 0, ask);
        }
}

Test(tls13_connected, many_requests_one_answer)
{
    for (int i = 0; i < 10; i++)
        cr_assert(dor__ok(dor__tls_update_keys(tls_of(DOR_TLS_CLIENT), true)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(dor__tls_output(tls_of(DOR_TLS_SERVER))->len, 0u);
    uint8_t before[DOR_SECRET_MAX_LEN];
    memcpy(before, tls_of(DOR_TLS_SERVER)->write_secret, sizeof before);
    works();
    cr_assert(dor__ok(dor__traffic_secret_update(tls_of(DOR_TLS_SERVER), before)));
    cr_assert_eq(memcmp(before, tls_of(DOR_TLS_SERVER)->write_secret, 32), 0);
}

Test(tls13_connected, key_update_storm)
{
    for (int i = 0; i <= server->max_key_updates; i++)
        cr_assert(dor__ok(dor__tls_update_keys(tls_of(DOR_TLS_CLIENT), true)));
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_KEY_UPDATES);
}

Test(tls13_connected, key_updates_with_data_between_may_be_as_many_as_they_like)
{
    for (int i = 0; i < 200; i++) {
        cr_assert(dor__ok(dor__tls_update_keys(tls_of(DOR_TLS_CLIENT), i % 2)));
        proto_say(&pair, DOR_TLS_CLIENT, "x");
    }
    works();
}

Test(tls13_connected, key_update_malformed)
{
    static const uint8_t bad_value[] = {2}, too_long[] = {0, 0};
    raw_message(DOR_TLS_CLIENT, DOR_HS_KEY_UPDATE, bad_value, 1);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    again();
    raw_message(DOR_TLS_CLIENT, DOR_HS_KEY_UPDATE, too_long, 2);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    again();
    raw_message(DOR_TLS_CLIENT, DOR_HS_KEY_UPDATE, too_long, 0);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
}

/* Whatever follows a KeyUpdate in its record is under the old keys, and wrong. */
Test(tls13_connected, key_update_ends_its_record)
{
    static const uint8_t two[] = {24, 0, 0, 1, 0, 24, 0, 0, 1, 0}, one_and_a_bit[] = {24, 0, 0, 1, 0, 24};
    raw_record(DOR_TLS_CLIENT, 22, two, sizeof two);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EXCESS_HANDSHAKE_DATA);
    again();
    raw_record(DOR_TLS_CLIENT, 22, one_and_a_bit, sizeof one_and_a_bit);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EXCESS_HANDSHAKE_DATA);
}

Test(tls13_connected, fresh_keys_before_the_old_are_used_up)
{
    uint8_t before[DOR_SECRET_MAX_LEN];
    dor_tls *c = tls_of(DOR_TLS_CLIENT), *s = tls_of(DOR_TLS_SERVER);
    c->write.sequence = s->read.sequence = (1u << 24) - 1;
    memcpy(before, c->write_secret, sizeof before);
    proto_say(&pair, DOR_TLS_CLIENT, "the last under these keys");
    cr_assert_eq(memcmp(before, c->write_secret, sizeof before), 0);
    works();
    cr_assert_neq(memcmp(before, c->write_secret, sizeof before), 0);
    cr_assert(c->write.sequence < 10);
}

/* ---- tickets that are wrong -------------------------------------------------------------------------------- */

Test(tls13_connected, tickets)
{
    static const uint8_t good[] = {0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 3, 't', 'i', 'c', 0, 0};
    static const uint8_t unknown_extension[] = {0, 0, 1,   0, 1, 2,    3,    4, 1, 9,
                                                0, 1, 't', 0, 5, 0x7a, 0x7a, 0, 1, 5};
    static const uint8_t early_data[] = {0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 1, 't', 0, 8, 0, 42, 0, 4, 0, 0, 1, 0};
    static const uint8_t zero_lifetime[] = {0, 0, 0, 0, 1, 2, 3, 4, 1, 9, 0, 3, 't', 'i', 'c', 0, 0};
    raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, good, sizeof good);
    raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, unknown_extension, sizeof unknown_extension);
    raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, early_data, sizeof early_data);
    raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, zero_lifetime, sizeof zero_lifetime);
    works();
    cr_assert_eq(pair.client.ticket_count, 3u);
    for (size_t len = 0; len < sizeof good; len++) {
        again();
        raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, good, len);
        proto_pair_run(&pair);
        fails(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    }
    static const uint8_t misplaced[] = {0, 0, 1, 0, 1, 2, 3, 4, 0, 0, 1, 't', 0, 6, 0, 51, 0, 2, 0, 29};
    again();
    raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, misplaced, sizeof misplaced);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_UNSUPPORTED_EXTENSION);
}

/* All in one record, so several events come from one record; and each over several records. */
Test(tls13_connected, tickets_coalesced_and_fragmented)
{
    static const uint8_t one[] = {4, 0, 0, 17, 0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 3, 't', 'i', 'c', 0, 0};
    uint8_t many[5 * sizeof one];
    for (size_t i = 0; i < 5; i++)
        memcpy(many + i * sizeof one, one, sizeof one);
    raw_record(DOR_TLS_SERVER, 22, many, sizeof many);
    works();
    cr_assert_eq(pair.client.ticket_count, 5u);
    for (size_t i = 0; i < sizeof many; i++)
        raw_record(DOR_TLS_SERVER, 22, many + i, 1);
    works();
    cr_assert_eq(pair.client.ticket_count, 10u);
    for (size_t i = 0; i < sizeof many; i += 7)
        raw_record(DOR_TLS_SERVER, 22, many + i, 7);
    works();
    cr_assert_eq(pair.client.ticket_count, 15u);
}

Test(tls13_connected, tickets_without_end_are_passed_over)
{
    static const uint8_t good[] = {0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 3, 't', 'i', 'c', 0, 0};
    for (int i = 0; i < 1000; i++)
        raw_message(DOR_TLS_SERVER, DOR_HS_NEW_SESSION_TICKET, good, sizeof good);
    works();
    cr_assert_eq(pair.client.ticket_count, 32u);
}

Test(tls13_connected, a_client_gives_no_tickets)
{
    static const uint8_t good[] = {0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 3, 't', 'i', 'c', 0, 0};
    raw_message(DOR_TLS_CLIENT, DOR_HS_NEW_SESSION_TICKET, good, sizeof good);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
}

/* ---- what may not come any more ---------------------------------------------------------------------------- */

Test(tls13_connected, no_other_message)
{
    for (unsigned type = 0; type < 256; type++)
        for (size_t r = 0; r < 2; r++) {
            if (type == DOR_HS_KEY_UPDATE ||
                (type == DOR_HS_NEW_SESSION_TICKET && roles[r] == DOR_TLS_SERVER))
                continue;
            again();
            raw_message(roles[r], (uint8_t)type, "\0\0\0\0", 4);
            proto_pair_run(&pair);
            fails(peer_of(roles[r]), DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
        }
}

Test(tls13_connected, no_change_cipher_spec)
{
    static const uint8_t ccs[] = {20, 3, 3, 0, 1, 1};
    for (size_t r = 0; r < 2; r++) {
        again();
        proto_feed(&pair, roles[r], dor__span(ccs, sizeof ccs));
        proto_pair_run(&pair);
        fails(roles[r], DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    }
}

Test(tls13_connected, no_empty_handshake_record)
{
    raw_record(DOR_TLS_CLIENT, 22, "", 0);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EMPTY_FRAGMENTS);
}

Test(tls13_connected, nothing_in_the_middle_of_a_message)
{
    raw_record(DOR_TLS_CLIENT, 22, "\x18\0\0", 3);
    raw_record(DOR_TLS_CLIENT, 23, "data", 4);
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    cr_assert(dor__span_equal(dor__bytes_span(&pair.server.plaintext), dor__span_str("from the client")));
}

Test(tls13_connected, flipped_bits_in_records)
{
    for (size_t bit = 0; bit < (5 + 16 + 1 + 3) * 8; bit++) {
        if (bit / 8 == 3 || bit / 8 == 4) continue; /* the length: see the next test */
        again();
        cr_assert(dor__ok(dor__tls_send(tls_of(DOR_TLS_CLIENT), dor__span_str("abc"))));
        dor__tls_output(tls_of(DOR_TLS_CLIENT))->ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        size_t before = pair.server.plaintext.len;
        proto_pair_run(&pair);
        cr_assert_eq(dor_error_get_class(pair.server.result.code), DOR_CLASS_ALERT_SENT);
        cr_assert_eq(pair.server.plaintext.len, before);
    }
}

/* ---- alerts and closing ------------------------------------------------------------------------------------ */

Test(tls13_connected, close_one_way_then_the_other)
{
    cr_assert(dor__ok(dor__tls_close(tls_of(DOR_TLS_CLIENT))));
    cr_assert(dor__ok(dor__tls_close(tls_of(DOR_TLS_CLIENT)))); /* once is enough */
    proto_pair_run(&pair);
    cr_assert(pair.server.closed);
    cr_assert_eq(dor__tls_send(tls_of(DOR_TLS_CLIENT), dor__span_str("x")).code, DOR_E_CLOSED);
    cr_assert_eq(dor__tls_update_keys(tls_of(DOR_TLS_CLIENT), false).code, DOR_E_CLOSED);
    size_t before = pair.client.plaintext.len;
    proto_say(&pair, DOR_TLS_SERVER, "the other half is open");
    cr_assert(pair.client.plaintext.len > before);
    cr_assert(dor__ok(dor__tls_close(tls_of(DOR_TLS_SERVER))));
    proto_pair_run(&pair);
    cr_assert(pair.client.closed);
    cr_assert(dor__ok(pair.client.result) && dor__ok(pair.server.result));
    /* what comes after close_notify is ignored */
    proto_feed(&pair, DOR_TLS_CLIENT, dor__span_str("garbage"));
    cr_assert(dor__ok(pair.client.result));
}

Test(tls13_connected, every_alert_but_two_is_the_end)
{
    for (unsigned level = 1; level <= 2; level++)
        for (unsigned alert = 1; alert < 256; alert++) {
            if (alert == DOR_ALERT_USER_CANCELED) continue;
            const uint8_t payload[2] = {(uint8_t)level, (uint8_t)alert};
            again();
            raw_record(DOR_TLS_SERVER, 21, payload, 2);
            proto_pair_run(&pair);
            cr_assert_eq(pair.client.result.code,
                         DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, (int)alert, DOR_REASON_PEER_ALERT));
        }
}

Test(tls13_connected, malformed_alerts)
{
    static const uint8_t alerts[][3] = {{1}, {1, 0, 0}};
    static const size_t lens[] = {1, 3};
    for (size_t i = 0; i < COUNT(lens); i++) {
        again();
        raw_record(DOR_TLS_SERVER, 21, alerts[i], lens[i]);
        proto_pair_run(&pair);
        fails(DOR_TLS_CLIENT, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    }
    again();
    raw_record(DOR_TLS_SERVER, 21, "\x03\x00", 2);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
}

Test(tls13_connected, warnings_are_bounded)
{
    for (size_t i = 0; i <= client->max_warning_alerts; i++)
        raw_record(DOR_TLS_SERVER, 21, "\x01\x5a", 2);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_WARNING_ALERTS);
}

/* The largest limits that the options allow are limits still. */
Test(tls13_connected, large_limits_are_kept)
{
    client->max_warning_alerts = client->max_empty_records = 65535;
    for (int alerts = 0; alerts < 2; alerts++) {
        again();
        for (size_t i = 0; i <= 65535; i++) {
            raw_record(DOR_TLS_SERVER, alerts ? 21 : 23, "\x01\x5a", alerts ? 2 : 0);
            if (i % 1024 == 0) proto_pair_run(&pair);
        }
        cr_assert(dor__ok(pair.client.result));
        proto_pair_run(&pair);
        fails(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE,
              alerts ? DOR_REASON_WARNING_ALERTS : DOR_REASON_EMPTY_FRAGMENTS);
    }
}

/* ---- sleeping ---------------------------------------------------------------------------------------------- */

static void both_sleep(void)
{
    for (size_t r = 0; r < 2; r++) {
        dor__tls_sleep(tls_of(roles[r]));
        cr_assert(dor__tls_asleep(tls_of(roles[r])));
    }
}

Test(tls13_connected, sleep_between_everything)
{
    for (int i = 0; i < 20; i++) {
        both_sleep();
        const dor_tls *t = tls_of(DOR_TLS_SERVER);
        cr_assert(dor__tls_memory(t) - dor__kept_memory(t) <= 512 + 64); /* the harness has a key log */
        works();
        both_sleep();
        cr_assert(dor__ok(dor__tls_update_keys(tls_of(roles[i % 2]), true)));
        dor__tls_sleep(tls_of(roles[i % 2])); /* with output waiting */
        proto_deliver(&pair, roles[i % 2]);
        works();
    }
    both_sleep();
    cr_assert(dor__ok(dor__tls_close(tls_of(DOR_TLS_CLIENT))));
    both_sleep();
}

/* The beginning of a record is no reason to stay awake, and nothing of it is lost. */
Test(tls13_connected, sleep_in_the_middle_of_a_record)
{
    cr_assert(dor__ok(dor__tls_send(tls_of(DOR_TLS_CLIENT), dor__span_str("in two parts"))));
    dor_bytes data = *dor__tls_output(tls_of(DOR_TLS_CLIENT));
    *dor__tls_output(tls_of(DOR_TLS_CLIENT)) = DOR_BYTES_EMPTY;
    dor__bytes_free(&pair.server.plaintext);
    for (size_t i = 0; i < data.len; i++) {
        proto_feed(&pair, DOR_TLS_SERVER, dor__span(data.ptr + i, 1));
        both_sleep();
    }
    cr_assert(dor__span_equal(dor__bytes_span(&pair.server.plaintext), dor__span_str("in two parts")));
    dor__bytes_free(&data);
}
