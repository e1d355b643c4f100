/*
 * Records that are shorter than 2^14 because an end wants it so (record_size_limit, RFC 8449; max_fragment_length, RFC
 * 6066), because ours should be (max_send_fragment), or that are padded (RFC 8446 section 5.4).
 */
#include "support/hex.h"
#include "support/proto_hostile.h"
#include "support/tls12_wire.h"
#include "support/tls13_cases.h"

static void limits_set_up(void)
{
    counting_alloc_install();
    replay_set_up();
}

TestSuite(tls_limits, .init = limits_set_up, .fini = replay_clean_up, .timeout = 300);

/* ---- what goes over the wire ---------------------------------------------------------------------------------- */

/* The longest records of each end, and the lengths of the last; whole records arrive together here. */
typedef struct scales {
    size_t longest_clear[2], longest_sealed[2], last[2], odd[2];
    size_t multiple; /* inner plaintexts that are no multiple of it and one more are odd */
} scales;

static void weigh(void *ctx, dor_tls_role from, dor_bytes *data)
{
    scales *s = ctx;
    for (size_t at = 0; at + 5 <= data->len;) {
        size_t len = wire_u16(data->ptr + at + 3);
        bool sealed = data->ptr[at] == 23;
        size_t *longest = sealed ? &s->longest_sealed[from] : &s->longest_clear[from];
        if (len > *longest) *longest = len;
        s->last[from] = len;
        if (sealed && s->multiple && (len - 17) % s->multiple) s->odd[from]++;
        at += 5 + len;
    }
}

static scales weighed;

/* A handshake, and 40,000 bytes each way. */
static void run_weighed(void)
{
    static char text[40001];
    memset(text, 'x', sizeof text - 1);
    size_t multiple = weighed.multiple;
    weighed = (scales){.multiple = multiple};
    prepare(NULL, NULL);
    pair.tamper = weigh;
    pair.tamper_ctx = &weighed;
    proto_pair_run(&pair);
    works();
    for (int from = 0; from < 2; from++) {
        proto_end *to = proto_end_of(&pair, from ? DOR_TLS_CLIENT : DOR_TLS_SERVER);
        to->plaintext.len = 0;
        proto_say(&pair, (dor_tls_role)from, text);
        cr_assert_eq(to->plaintext.len, sizeof text - 1, "%s", trouble());
    }
}

enum { TAG = 16, TYPE = 1, GCM_NONCE = 8 };

Test(tls_limits, record_size_limit_of_either_end_13)
{
    static const uint16_t limits[] = {64, 65, 100, 512, 1200, 16383, 16384, 16385};
    for (size_t i = 0; i < COUNT(limits); i++) {
        client->record_size_limit = limits[i];
        server->record_size_limit = 0;
        run_weighed();
        cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], limits[i] + TAG, "limit %u", limits[i]);
        cr_assert_eq(weighed.longest_sealed[DOR_TLS_CLIENT], 16384 + TYPE + TAG);
        client->record_size_limit = 16385;
        server->record_size_limit = limits[i];
        run_weighed();
        cr_assert_eq(weighed.longest_sealed[DOR_TLS_CLIENT], limits[i] + TAG, "limit %u", limits[i]);
        cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], 16384 + TYPE + TAG);
    }
}

Test(tls_limits, record_size_limit_of_either_end_12)
{
    static const uint16_t limits[] = {64, 100, 512, 16384, 16385};
    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    for (size_t i = 0; i < COUNT(limits); i++) {
        size_t limit = limits[i] > 16384 ? 16384 : limits[i];
        client->record_size_limit = server->record_size_limit = limits[i];
        run_weighed();
        for (int from = 0; from < 2; from++)
            cr_assert_eq(weighed.longest_sealed[from], limit + GCM_NONCE + TAG, "limit %u", limits[i]);
        cr_assert_gt(weighed.longest_clear[DOR_TLS_SERVER],
                     100u); /* section 4: not of what is in the clear */
    }
}

/* A client that says nothing about sizes hears nothing about them. */
Test(tls_limits, nobody_asks)
{
    server->record_size_limit = 100;
    run_weighed();
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_CLIENT], 16384 + TYPE + TAG);
    cr_assert_eq(pair.server.tls->read_limit, 0);
    cr_assert_eq(pair.client.tls->read_limit, 0);
}

Test(tls_limits, max_fragment_length)
{
    static const uint16_t versions[] = {DOR_TLS_1_3, DOR_TLS_1_2};
    for (size_t v = 0; v < COUNT(versions); v++)
        for (uint16_t length = 512; length <= 4096; length = (uint16_t)(length * 2)) {
            client->min_version = client->max_version = versions[v];
            client->suites[0] = versions[v] == DOR_TLS_1_3 ? 0x1301 : 0xc02b;
            client->max_fragment_length = length;
            proto_leave_out(
                client,
                DOR_GROUP_X25519MLKEM768); /* the first hello, in front of any agreement, is short too */
            run_weighed();
            size_t overhead = versions[v] == DOR_TLS_1_3 ? TYPE + TAG : GCM_NONCE + TAG;
            for (int from = 0; from < 2; from++) {
                cr_assert_eq(weighed.longest_sealed[from], length + overhead);
                cr_assert_leq(weighed.longest_clear[from], (size_t)length);
            }
        }
}

/* RFC 8449 section 5. */
Test(tls_limits, record_size_limit_wins)
{
    client->max_fragment_length = 512;
    client->record_size_limit = 1000;
    run_weighed();
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], 1000 + TAG);
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_CLIENT], 16384 + TYPE + TAG);
}

Test(tls_limits, ours_for_the_sake_of_latency)
{
    server->max_send_fragment = 1300;
    run_weighed();
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], 1300 + TYPE + TAG);
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_CLIENT], 16384 + TYPE + TAG);
    client->record_size_limit = 800;
    run_weighed();
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], 800 + TAG);
    client->record_size_limit = 8000;
    run_weighed();
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], 1300 + TYPE + TAG);
}

Test(tls_limits, padding)
{
    static const uint16_t multiples[] = {2, 16, 255, 256, 4096, 16384};
    for (size_t i = 0; i < COUNT(multiples); i++) {
        server->record_padding = client->record_padding = weighed.multiple = multiples[i];
        run_weighed();
        cr_assert_eq(weighed.odd[0] + weighed.odd[1], 16384 % multiples[i] ? 4u : 0u, "padded to %u",
                     multiples[i]);
        for (size_t n = 1; n < 40; n++) { /* short data, and an alert */
            char text[41] = "";
            memset(text, 'y', n);
            proto_say(&pair, DOR_TLS_SERVER, text);
            cr_assert_eq(weighed.last[DOR_TLS_SERVER],
                         (n + multiples[i] - 1) / multiples[i] * multiples[i] + TYPE + TAG);
        }
        cr_assert(dor__ok(dor__tls_close(pair.server.tls)));
        proto_deliver(&pair, DOR_TLS_SERVER);
        cr_assert_eq(weighed.last[DOR_TLS_SERVER], multiples[i] + TYPE + TAG);
        cr_assert(pair.client.closed);
    }
}

Test(tls_limits, padding_is_no_longer_than_the_peer_allows)
{
    server->record_padding = 4096;
    client->record_size_limit = 1001;
    run_weighed();
    cr_assert_eq(weighed.longest_sealed[DOR_TLS_SERVER], 1001 + TAG);
    proto_say(&pair, DOR_TLS_SERVER, "short");
    cr_assert_eq(weighed.last[DOR_TLS_SERVER], 1001 + TAG);
    client->max_fragment_length = 512;
    client->record_size_limit = 0;
    run_weighed();
    proto_say(&pair, DOR_TLS_SERVER, "short");
    cr_assert_eq(weighed.last[DOR_TLS_SERVER], 512 + TYPE + TAG);
}

Test(tls_limits, tls12_has_no_padding)
{
    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    server->record_padding = client->record_padding = 1024;
    run_weighed();
    proto_say(&pair, DOR_TLS_SERVER, "short");
    cr_assert_eq(weighed.last[DOR_TLS_SERVER], 5 + GCM_NONCE + TAG);
}

/* ---- what a peer may not do ----------------------------------------------------------------------------------- */

/* The server says `len` bytes in one record, whatever was agreed. */
static void say_too_much(size_t len, uint16_t padding)
{
    static char text[16385];
    memset(text, 'z', sizeof text);
    text[len] = '\0';
    pair.server.tls->write_limit = 16384;
    server->record_padding = padding;
    proto_say(&pair, DOR_TLS_SERVER, text);
    server->record_padding = 0;
}

Test(tls_limits, one_byte_too_much)
{
    static const uint16_t limits[] = {64, 512, 1000, 16000};
    for (size_t i = 0; i < COUNT(limits); i++) {
        client->record_size_limit = limits[i];
        run(NULL);
        works();
        say_too_much(limits[i] - 1u, 0);
        cr_assert(dor__ok(pair.client.result), "%s", trouble());
        say_too_much(limits[i], 0);
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    }
}

Test(tls_limits, padding_counts)
{
    client->record_size_limit = 512;
    run(NULL);
    works();
    say_too_much(10, 511);
    cr_assert(dor__ok(pair.client.result), "%s", trouble());
    say_too_much(10, 512);
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
}

Test(tls_limits, one_byte_too_much_12)
{
    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    client->record_size_limit = 512;
    run(NULL);
    works();
    say_too_much(512, 0);
    cr_assert(dor__ok(pair.client.result), "%s", trouble());
    say_too_much(513, 0);
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
}

/* RFC 6066 section 4 speaks of the fragment; TLS 1.3's type and padding are not in it. */
Test(tls_limits, one_byte_too_much_for_a_fragment)
{
    client->max_fragment_length = 512;
    for (uint16_t version = DOR_TLS_1_2; version <= DOR_TLS_1_3; version++) {
        client->min_version = client->max_version = version;
        client->suites[0] = version == DOR_TLS_1_3 ? 0x1301 : 0xc02b;
        run(NULL);
        works();
        say_too_much(512, 0);
        say_too_much(100, 2048);
        cr_assert(dor__ok(pair.client.result), "%s", trouble());
        say_too_much(513, 0);
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    }
}

/* Padding that a record can hold: all of it, and around the end of what there may be (RFC 8446 section 5.4). */
Test(tls_limits, received_padding_at_its_extremes)
{
    run(NULL);
    works();
    pair.client.plaintext.len = 0;
    for (unsigned padding = 16370; padding < 16384; padding++) {
        say_too_much(1, (uint16_t)padding);
        cr_assert(dor__ok(pair.client.result), "%u: %s", padding, trouble());
    }
    say_too_much(16384, 0);
    cr_assert_eq(pair.client.plaintext.len, 14u + 16384u);
    /* 2^14 bytes and one of padding are one too many, though the plaintext is not. */
    dor_bytes *out = dor__tls_output(pair.server.tls);
    uint8_t one = 1;
    cr_assert(dor__ok(dor__bytes_reserve(out, 20000)));
    pair.server.tls->write.padding = 16384;
    out->ptr[5] = one;
    cr_assert(dor__ok(pair.server.tls->write.ops->seal(&pair.server.tls->write, 23, 0x0303, out->ptr, 1)));
    out->len = 5 + 1 + 1 + 16384 + TAG;
    proto_deliver(&pair, DOR_TLS_SERVER);
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
}

/* ---- the extensions themselves -------------------------------------------------------------------------------- */

#define LIMIT ILLEGAL(RECORD_LIMIT)

Test(tls_limits, as_a_server_reads_them)
{
    static const ext_case cases[] = {
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "0040", FINE},
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "ffff", FINE},
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "003f", LIMIT},
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "0000", LIMIT},
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "40", DECODE},
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "", DECODE},
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "004000", DECODE},
        {0, ADD_TWICE, DOR_EXT_RECORD_SIZE_LIMIT, "0040", DUPLICATE},
        {0, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "01", FINE},
        {0, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "04", FINE},
        {0, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "00", LIMIT},
        {0, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "05", LIMIT},
        {0, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "", DECODE},
        {0, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "0101", DECODE},
    };
    try_all(DOR_TLS_SERVER, FULL, cases, COUNT(cases));
}

Test(tls_limits, as_a_client_reads_them)
{
    static const ext_case cases[] = {
        {1, REPLACE, DOR_EXT_RECORD_SIZE_LIMIT, "4001", FINE},
        {1, REPLACE, DOR_EXT_RECORD_SIZE_LIMIT, "4002", LIMIT},
        {1, REPLACE, DOR_EXT_RECORD_SIZE_LIMIT, "003f", LIMIT},
        {1, REPLACE, DOR_EXT_RECORD_SIZE_LIMIT, "00", DECODE},
        {1, REMOVE, DOR_EXT_RECORD_SIZE_LIMIT, NULL, FINE},
        {1, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "02", LIMIT}, /* both: RFC 8449 section 5 */
        {0, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "1000", MISPLACED},
        {2, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "1000", MISPLACED},
    };
    client->record_size_limit = 16385;
    client->max_fragment_length = 1024;
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

Test(tls_limits, as_a_client_reads_what_it_asked_for)
{
    static const ext_case cases[] = {
        {1, REPLACE, DOR_EXT_MAX_FRAGMENT_LENGTH, "02", FINE},
        {1, REPLACE, DOR_EXT_MAX_FRAGMENT_LENGTH, "01", LIMIT},
        {1, REPLACE, DOR_EXT_MAX_FRAGMENT_LENGTH, "03", LIMIT},
        {1, REPLACE, DOR_EXT_MAX_FRAGMENT_LENGTH, "0202", DECODE},
        {1, REMOVE, DOR_EXT_MAX_FRAGMENT_LENGTH, NULL, FINE},
        {1, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "4001", UNSUPPORTED},
    };
    client->max_fragment_length = 1024;
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

Test(tls_limits, a_client_reads_what_it_did_not_ask_for)
{
    static const ext_case cases[] = {
        {1, ADD, DOR_EXT_MAX_FRAGMENT_LENGTH, "01", UNSUPPORTED},
        {1, ADD, DOR_EXT_RECORD_SIZE_LIMIT, "4001", UNSUPPORTED},
    };
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

/* ---- hostile -------------------------------------------------------------------------------------------------- */

Test(tls_limits, in_pieces)
{
    client->record_size_limit = 64;
    server->record_size_limit = 70;
    server->record_padding = 10;
    works_in_pieces();
    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    works_in_pieces();
}

Test(tls_limits, without_memory)
{
    client->record_size_limit = 64;
    server->record_size_limit = 70;
    fail_each_allocation_of(NULL);
}

Test(tls_limits, flipped_bits)
{
    client->record_size_limit = 200;
    server->record_padding = 32;
    flip_bits_of(DOR_TLS_SERVER, 13);
    flip_bits_of(DOR_TLS_CLIENT, 13);
}
