/*
 * What a network or a peer can do to a TLS 1.3 handshake without knowing any secret, and what runs out on our side: flipped
 * bits, cuts, early data, memory, limits. Nobody may believe in a connection that is not one, nothing may leak or crash,
 * and the first failure stays.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"

#include "base/alloc.h"
#include "tls/handshake.h"

#include <stdlib.h>

static void set_up(void)
{
    counting_alloc_install();
    set_up_version(DOR_TLS_1_3);
}

TestSuite(tls13_hostile, .init = set_up, .fini = tear_down, .timeout = 300);

/* How many cases to pass over between two: a sanitizer or valgrind costs ten to fifty times the time. */
static size_t stride(void)
{
    const char *sanitize = getenv("DORMOUSE_SANITIZE");
    if (getenv("DORMOUSE_VALGRIND")) return 211;
    return sanitize && *sanitize ? 5 : 1;
}

/* ---- flipped bits ------------------------------------------------------------------------------------------ */

typedef struct flip {
    dor_tls_role from;
    size_t bit;        /* of everything that end writes */
    size_t at;         /* bytes that went by */
    uint8_t header[5]; /* of the record at hand */
    size_t in_record;
    bool in_version; /* the flipped bit is in the version of a record in the clear: nothing vouches for it */
    bool done;
} flip;

/* Follows the records, so as to know what the bit belongs to. */
static void flip_one(void *ctx, dor_tls_role from, dor_bytes *data)
{
    flip *f = ctx;
    if (from != f->from) return;
    for (size_t i = 0; i < data->len; i++, f->at++) {
        size_t len = f->in_record >= 5 ? 5 + ((size_t)f->header[3] << 8 | f->header[4]) : 0;
        if (len && f->in_record == len) f->in_record = 0;
        if (f->in_record < 5) f->header[f->in_record] = data->ptr[i];
        if (f->at == f->bit / 8) {
            f->in_version = f->in_record == 2 && f->header[0] != 23;
            data->ptr[i] ^= (uint8_t)(1 << f->bit % 8);
            f->done = true;
        }
        f->in_record++;
    }
}

static bool believes(dor_tls_role role)
{
    proto_end *end = proto_end_of(&pair, role);
    return end->connected && dor__ok(end->result);
}

/* Every failure of one side is an alert of the one or the other, and stays. */
static void failure_is_orderly(dor_tls_role role)
{
    proto_end *end = proto_end_of(&pair, role);
    dor_error_class class = dor_error_get_class(end->result.code);
    if (dor__ok(end->result)) return;
    cr_assert(class == DOR_CLASS_ALERT_SENT || class == DOR_CLASS_ALERT_RECEIVED, "%s", trouble());
    cr_assert_eq(dor__tls_error(end->tls).code, end->result.code);
}

static void flip_all(dor_tls_role from, dor_session *session)
{
    prepare(NULL, session);
    proto_pair_run(&pair);
    const size_t bits = proto_end_of(&pair, from)->sent_len * 8;
    for (size_t bit = 0; bit < bits; bit += stride()) {
        flip f = {.from = from, .bit = bit};
        prepare(NULL, session);
        pair.tamper = flip_one;
        pair.tamper_ctx = &f;
        proto_pair_run(&pair);
        cr_assert(f.done || bit == 0);
        failure_is_orderly(DOR_TLS_CLIENT);
        failure_is_orderly(DOR_TLS_SERVER);
        bool both = believes(DOR_TLS_CLIENT) && believes(DOR_TLS_SERVER);
        /* Tickets come when both are connected: then it is the client's next record that fails or never ends. */
        if (both && !f.in_version) both = pair.client.ticket_count == server->ticket_count;
        cr_assert(!both || f.in_version, "bit %zu of byte %zu went by unseen", bit % 8, bit / 8);
    }
}

Test(tls13_hostile, every_bit_of_the_client)
{
    flip_all(DOR_TLS_CLIENT, NULL);
}

Test(tls13_hostile, every_bit_of_the_server)
{
    flip_all(DOR_TLS_SERVER, NULL);
}

Test(tls13_hostile, every_bit_with_client_authentication)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
    flip_all(DOR_TLS_CLIENT, NULL);
}

Test(tls13_hostile, every_bit_of_a_resumption)
{
    run(NULL);
    dor_session *ticket = dor__session_ref(pair.client.session);
    flip_all(DOR_TLS_CLIENT, ticket);
    flip_all(DOR_TLS_SERVER, ticket);
    dor__session_unref(ticket);
}

Test(tls13_hostile, every_bit_of_a_retry)
{
    proto_only(server, 0, 0, DOR_GROUP_SECP256R1);
    flip_all(DOR_TLS_CLIENT, NULL);
    flip_all(DOR_TLS_SERVER, NULL);
}

/* ---- cuts -------------------------------------------------------------------------------------------------- */

typedef struct cut {
    dor_tls_role from;
    size_t left;
} cut;

static void cut_off(void *ctx, dor_tls_role from, dor_bytes *data)
{
    cut *c = ctx;
    if (from != c->from) return;
    if (data->len > c->left) data->len = c->left;
    c->left -= data->len;
}

Test(tls13_hostile, cut_at_every_byte)
{
    run(NULL);
    const size_t lens[2] = {pair.client.sent_len, pair.server.sent_len};
    for (int from = 0; from < 2; from++)
        for (size_t len = 0; len < lens[from]; len += stride()) {
            cut c = {.from = (dor_tls_role)from, .left = len};
            prepare(NULL, NULL);
            pair.tamper = cut_off;
            pair.tamper_ctx = &c;
            proto_pair_run(&pair);
            cr_assert(dor__ok(pair.client.result) && dor__ok(pair.server.result));
            /* what is missing of the server's may be its tickets */
            cr_assert(!(pair.client.connected && pair.server.connected) || from == DOR_TLS_SERVER);
            cr_assert(!pair.server.connected || pair.client.ticket_count < 2);
        }
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static void run_and_release(dor_session *session)
{
    prepare(NULL, session);
    proto_pair_run(&pair);
}

/* Each allocation of a handshake fails once, and all after it. */
static void fail_each_allocation(dor_session *session)
{
    run_and_release(session); /* what is made once for the whole program is there now */
    proto_pair_fini(&pair);
    const size_t before = counting_alloc_pieces();
    bool done = false;
    for (size_t n = 1; !done; n += stride() > 3 ? 3 : 1) {
        prepare(NULL, session); /* the harness's own needs are met */
        counting_alloc_fail_at(n);
        proto_pair_run(&pair);
        done = counting_alloc_calls() < n;
        counting_alloc_fail_at(0);
        if (done) {
            works();
        } else {
            dor_error_class c = dor_error_get_class(pair.client.result.code);
            dor_error_class s = dor_error_get_class(pair.server.result.code);
            cr_assert(c == DOR_CLASS_MEMORY || s == DOR_CLASS_MEMORY, "allocation %zu: %s", n, trouble());
        }
        proto_pair_fini(&pair);
        cr_assert_eq(counting_alloc_pieces(), before, "allocation %zu: something was left", n);
    }
}

Test(tls13_hostile, no_memory)
{
    fail_each_allocation(NULL);
}

Test(tls13_hostile, no_memory_with_client_authentication)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    fail_each_allocation(NULL);
}

Test(tls13_hostile, no_memory_while_resuming)
{
    run_and_release(NULL);
    dor_session *ticket = dor__session_ref(pair.client.session);
    fail_each_allocation(ticket);
    dor__session_unref(ticket);
}

Test(tls13_hostile, no_memory_while_retrying)
{
    proto_only(server, 0, 0, DOR_GROUP_SECP256R1);
    fail_each_allocation(NULL);
}

Test(tls13_hostile, a_handshake_has_its_limit_of_memory)
{
    for (uint32_t limit = 0; limit < 4096; limit += 64) {
        client->max_handshake_memory = limit;
        run(NULL);
        if (dor__ok(pair.client.result)) works();
    }
    works();
    client->max_handshake_memory = 128; /* not even its hello */
    run(NULL);
    cr_assert_eq(dor_error_get_class(pair.client.result.code), DOR_CLASS_MEMORY, "%s", trouble());
}

/* An idle connection is one block, its cipher contexts, and the names of who it talks to. */
Test(tls13_hostile, nothing_is_kept_that_is_not_needed)
{
    server->ticket_count = 0;
    prepare(NULL, NULL);
    pair.env[DOR_TLS_SERVER].key_log = NULL; /* for which the randoms would be kept */
    proto_pair_run(&pair);
    works();
    dor__tls_sleep(pair.client.tls);
    dor__tls_sleep(pair.server.tls);
    dor__bytes_free(&pair.client.plaintext);
    dor__bytes_free(&pair.server.plaintext);
    size_t bytes = counting_alloc_bytes();
    dor__tls_free(pair.server.tls);
    pair.server.tls = NULL;
    cr_assert(bytes - counting_alloc_bytes() <= 512 + 32, "%zu bytes", bytes - counting_alloc_bytes());
}

/* ---- limits ------------------------------------------------------------------------------------------------ */

static void feed_server(const void *data, size_t len)
{
    proto_feed(&pair, DOR_TLS_SERVER, dor__span(data, len));
}

/* Longer than any hello can be; and than what we take. */
Test(tls13_hostile, a_message_announced_too_long)
{
    static const uint8_t never[] = {22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff},
                         limit[] = {22, 3, 1, 0, 4, 1, 1, 0, 1};
    prepare(NULL, NULL);
    feed_server(never, sizeof never);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    prepare(NULL, NULL);
    feed_server(limit, sizeof limit);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HANDSHAKE_TOO_BIG);
}

Test(tls13_hostile, a_hello_in_the_smallest_pieces_costs_little)
{
    uint8_t record[6] = {22, 3, 1, 0, 1, 0};
    prepare(NULL, NULL);
    const uint8_t header[] = {22, 3, 1, 0, 4, 1, 0, 0xff, 0xff};
    size_t before = counting_alloc_bytes();
    counting_alloc_reset_peak();
    feed_server(header, sizeof header);
    for (int i = 0; i < 60000; i++)
        feed_server(record, sizeof record);
    cr_assert(dor__ok(pair.server.result));
    cr_assert(counting_alloc_peak() - before < 4 * 65536, "%zu", counting_alloc_peak() - before);
}

Test(tls13_hostile, compatibility_records_are_bounded)
{
    static const uint8_t ccs[] = {20, 3, 3, 0, 1, 1};
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor__bytes_free(dor__tls_output(pair.server.tls));
    for (int i = 0; i < server->max_empty_records; i++)
        feed_server(ccs, sizeof ccs);
    cr_assert(dor__ok(pair.server.result));
    feed_server(ccs, sizeof ccs);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EMPTY_FRAGMENTS);
}

Test(tls13_hostile, change_cipher_spec_where_and_as_it_may_not_be)
{
    static const uint8_t good[] = {20, 3, 3, 0, 1, 1}, other[] = {20, 3, 3, 0, 1, 2},
                         two[] = {20, 3, 3, 0, 2, 1, 1}, none[] = {20, 3, 3, 0, 0};
    prepare(NULL, NULL);
    feed_server(good, sizeof good); /* before anything */
    failed_by(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_feed(&pair, DOR_TLS_CLIENT, dor__span(good, sizeof good));
    failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    const dor_span bad[] = {dor__span(other, sizeof other), dor__span(two, sizeof two),
                            dor__span(none, sizeof none)};
    for (size_t i = 0; i < COUNT(bad); i++) {
        prepare(NULL, NULL);
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
        proto_deliver(&pair, DOR_TLS_CLIENT);
        dor__bytes_free(dor__tls_output(pair.server.tls));
        proto_feed(&pair, DOR_TLS_SERVER, bad[i]);
        failed_by(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE);
    }
}

/* ---- early data that we refuse ------------------------------------------------------------------------------ */

typedef struct early {
    size_t len, count; /* records of what looks like early data, behind the hello */
    bool sent;
} early;

/* The hello says early_data, which cannot be added on the way; so the server is told that it did. */
static void add_early_data(void *ctx, dor_tls_role from, dor_bytes *data)
{
    early *e = ctx;
    if (from != DOR_TLS_CLIENT || e->sent) return;
    e->sent = true;
    proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(data));
    pair.server.tls->hs->early_data_budget = 16384;
    pair.server.tls->hs->peer_early_data = true; /* which a second hello does not repeat */
    data->len = 0;
    for (size_t i = 0; i < e->count; i++) {
        uint8_t record[5 + 1024] = {23, 3, 3, (uint8_t)(e->len >> 8), (uint8_t)e->len};
        memset(record + 5, 0x5a, e->len);
        cr_assert(dor__ok(dor__bytes_append(data, dor__span(record, 5 + e->len))));
    }
}

Test(tls13_hostile, early_data_is_passed_over)
{
    for (int retry = 0; retry < 2; retry++) {
        early e = {.len = 500, .count = 10};
        if (retry) proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
        prepare(NULL, NULL);
        pair.tamper = add_early_data;
        pair.tamper_ctx = &e;
        proto_pair_run(&pair);
        pair.tamper = NULL;
        works();
    }
}

Test(tls13_hostile, too_much_early_data)
{
    for (int retry = 0; retry < 2; retry++) {
        early e = {.len = 1000, .count = 17};
        if (retry) proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
        prepare(NULL, NULL);
        pair.tamper = add_early_data;
        pair.tamper_ctx = &e;
        proto_pair_run(&pair);
        fails(DOR_TLS_SERVER, retry ? DOR_ALERT_UNEXPECTED_MESSAGE : DOR_ALERT_BAD_RECORD_MAC,
              retry ? DOR_REASON_UNEXPECTED_MESSAGE : DOR_REASON_BAD_RECORD);
    }
}

/* Records that come in pieces count whole. */
Test(tls13_hostile, too_much_early_data_in_pieces)
{
    early e = {.len = 1000, .count = 17};
    prepare(NULL, NULL);
    pair.chunk = 7;
    pair.tamper = add_early_data;
    pair.tamper_ctx = &e;
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
}

/* Early data says that it is data. A message or an alert in the clear is none, and passed over by nobody. */
Test(tls13_hostile, what_is_no_early_data)
{
    for (uint8_t type = DOR_CONTENT_ALERT; type <= DOR_CONTENT_HANDSHAKE; type++) {
        uint8_t record[5 + 40] = {type, 3, 3, 0, 40, 20, 0, 0, 36};
        early e = {.count = 0};
        prepare(NULL, NULL);
        cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
        add_early_data(&e, DOR_TLS_CLIENT, dor__tls_output(pair.client.tls));
        dor__bytes_free(dor__tls_output(pair.server.tls));
        feed_server(record, sizeof record);
        if (type == DOR_CONTENT_ALERT)
            failed_by(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
        else
            failed_by(DOR_TLS_SERVER, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    }
}

/* RFC 8446 section 5.4. */
Test(tls13_hostile, empty_alert)
{
    for (int connected = 0; connected < 2; connected++) {
        dor_bytes record = DOR_BYTES_EMPTY;
        prepare(NULL, NULL);
        if (connected) {
            proto_pair_run(&pair);
            works();
        } else {
            cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
            proto_deliver(&pair, DOR_TLS_CLIENT);
            dor__bytes_free(dor__tls_output(pair.server.tls));
        }
        dor_protection null;
        dor__protection_init_null(&null);
        cr_assert(dor__ok(dor__record_write(connected ? &pair.client.tls->write : &null, DOR_CONTENT_ALERT,
                                            0x0303, 16384, DOR_SPAN_EMPTY, &record)));
        proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(&record));
        dor__bytes_free(&record);
        failed_by(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EMPTY_FRAGMENTS);
    }
}

/* ---- between ServerHello and keys ---------------------------------------------------------------------------- */

static void glue_finished(void *ctx, dor_tls_role from, dor_bytes *data)
{
    static const uint8_t finished[] = {20, 0, 0, 4, 0, 0, 0, 0};
    size_t *done = ctx, len = (size_t)(data->ptr[3] << 8 | data->ptr[4]) + sizeof finished;
    if (from != DOR_TLS_CLIENT || (*done)++) return;
    cr_assert(dor__ok(dor__bytes_append(data, dor__span(finished, sizeof finished))));
    data->ptr[3] = (uint8_t)(len >> 8);
    data->ptr[4] = (uint8_t)len;
}

/* The ServerHello is out when the server finds what spans the change of keys: its alert must be one that the client can read. */
Test(tls13_hostile, an_alert_behind_the_server_hello_can_be_read)
{
    for (int compat = 0; compat < 2; compat++) {
        size_t done = 0;
        client->middlebox_compat = compat;
        prepare(NULL, NULL);
        pair.tamper = glue_finished;
        pair.tamper_ctx = &done;
        proto_pair_run(&pair);
        fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EXCESS_HANDSHAKE_DATA);
    }
}
