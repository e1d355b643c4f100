/*
 * Early data (RFC 8446 sections 2.3, 4.2.10, 8): taken, refused, replayed, too much of it, at the wrong time, and off until both
 * sides ask for it.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"

#include "tls/handshake.h"
#include "tls/replay_window.h"

static dor_session *ticket;
static const char request[] = "GET /early";

enum { BOUND = 20000 };

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    cr_assert(dor__ok(dor__replay_window_new(&store.window, proto_now_ms(), 64)));
    client->early_data = true;
    server->max_early_data = BOUND;
}

static void clean_up(void)
{
    dor__session_unref(ticket);
    dor__replay_window_free(store.window);
    tear_down();
}

TestSuite(early_data, .init = set_up, .fini = clean_up);

/* Each with other random numbers: the same ones would make the same hello, which is a replay. */
static void prepare_new(dor_session *session)
{
    static uint64_t seed = 100;
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, NULL, session, seed++);
}

static void get_ticket(void)
{
    prepare_new(NULL);
    proto_pair_run(&pair);
    works();
    dor__session_unref(ticket);
    ticket = dor__session_ref(pair.client.session);
    cr_assert_not_null(ticket);
}

/* A resumed connection whose client has said something already. */
static void begin_early(void)
{
    prepare_new(ticket);
    pair.now_ms += 1000;
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span_str(request))));
}

static void expect(dor_early at_client)
{
    dor_tls_info c, s;
    works();
    dor__tls_get_info(pair.client.tls, &c);
    dor__tls_get_info(pair.server.tls, &s);
    cr_assert_eq(c.early, at_client);
    cr_assert_eq(s.early, at_client == DOR_EARLY_ACCEPTED ? DOR_EARLY_ACCEPTED : DOR_EARLY_NONE);
    dor_span heard = at_client == DOR_EARLY_ACCEPTED ? dor__span_str(request) : DOR_SPAN_EMPTY;
    cr_assert(dor__span_equal(dor__bytes_span(&pair.server.early), heard));
    cr_assert_eq(dor__tls_send_early(pair.client.tls, dor__span_str("x")).code, DOR_E_EINVAL);
    cr_assert_eq(dor__tls_early_room(pair.client.tls), 0u);
}

static void early(dor_early at_client)
{
    begin_early();
    proto_pair_run(&pair);
    expect(at_client);
}

/* ---- taken --------------------------------------------------------------------------------------------------- */

Test(early_data, every_suite)
{
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
    for (size_t i = 0; i < COUNT(suites); i++) {
        proto_only(client, 0, suites[i], 0);
        get_ticket();
        cr_assert_eq(ticket->max_early_data, (uint32_t)BOUND);
        early(DOR_EARLY_ACCEPTED);
    }
}

Test(early_data, one_byte_at_a_time_and_without_compatibility)
{
    for (int i = 0; i < 4; i++) {
        client->middlebox_compat = i & 1;
        get_ticket();
        begin_early();
        pair.chunk = i & 2 ? 1 : 0;
        proto_pair_run(&pair);
        expect(DOR_EARLY_ACCEPTED);
    }
}

Test(early_data, with_tickets_that_are_used_up)
{
    server->ticket_kind = DOR_TICKETS_STATEFUL;
    get_ticket();
    early(DOR_EARLY_ACCEPTED);
    begin_early(); /* the ticket is gone, so the handshake is a full one */
    proto_pair_run(&pair);
    expect(DOR_EARLY_REJECTED);
}

/* The server's answer to the hello is there, and more comes before its Finished. */
Test(early_data, goes_on_until_the_server_has_finished)
{
    get_ticket();
    begin_early();
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert(dor__span_equal(dor__bytes_span(&pair.server.early), dor__span_str(request)));
    cr_assert(!pair.server.connected);
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span_str(" more"))));
    proto_talk(&pair);
    works();
    cr_assert(dor__span_equal(dor__bytes_span(&pair.server.early), dor__span_str("GET /early more")));
}

/* Half a round trip after the client has spoken, and one before it has proved to be there. */
Test(early_data, is_answered_at_once)
{
    server->key_update_at = 1; /* which is no reason for a KeyUpdate in the middle of a handshake */
    get_ticket();
    begin_early();
    cr_assert_eq(dor__tls_send(pair.server.tls, dor__span_str("x")).code, DOR_E_ENOTCONN);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    for (int i = 0; i < 3; i++)
        cr_assert(dor__ok(dor__tls_send(pair.server.tls, dor__span_str("200 OK "))));
    cr_assert(!pair.server.connected);
    proto_deliver(&pair, DOR_TLS_SERVER);
    cr_assert(pair.client.connected);
    cr_assert(
        dor__span_equal(dor__bytes_span(&pair.client.plaintext), dor__span_str("200 OK 200 OK 200 OK ")));
    cr_assert(!pair.server.connected);
    server->key_update_at = 0;
    proto_talk(&pair);
    works();
}

/* Nor does a server speak first to who has only a ticket, or whose early data it has passed over. */
Test(early_data, who_has_taken_none_waits)
{
    get_ticket();
    client->early_data = false;
    prepare_new(ticket);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(dor__tls_send(pair.server.tls, dor__span_str("x")).code, DOR_E_ENOTCONN);
    client->early_data = true;
    server->max_early_data = 0;
    begin_early();
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(dor__tls_send(pair.server.tls, dor__span_str("x")).code, DOR_E_ENOTCONN);
    proto_talk(&pair);
    expect(DOR_EARLY_REJECTED);
}

Test(early_data, an_offer_need_not_be_used)
{
    get_ticket();
    prepare(NULL, ticket);
    proto_pair_run(&pair);
    works();
    cr_assert_eq(pair.server.early.len, 0u);
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.early, DOR_EARLY_ACCEPTED);
}

/* How much longer a first flight gets by `len` bytes of early data. */
static size_t grows_by(size_t len)
{
    static const uint8_t data[600];
    begin_early();
    size_t before = dor__tls_output(pair.client.tls)->len;
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span(data, len))));
    size_t grown = dor__tls_output(pair.client.tls)->len - before;
    proto_pair_run(&pair);
    works();
    cr_assert_eq(pair.server.early.len, strlen(request) + len);
    return grown;
}

Test(early_data, in_records_of_the_size_and_padding_that_were_asked_for)
{
    const size_t around = 5 + 1 + 16; /* header, type, tag */
    get_ticket();
    cr_assert_eq(grows_by(600), 600 + around);
    client->max_send_fragment = 200;
    cr_assert_eq(grows_by(600), 600 + 3 * around);
    client->max_send_fragment = 0;
    client->record_padding = 256;
    cr_assert_eq(grows_by(1), grows_by(100), "one cannot tell them apart");
}

Test(early_data, is_in_the_key_log)
{
    get_ticket();
    early(DOR_EARLY_ACCEPTED);
    cr_assert_not_null(pair.key_log);
    cr_assert_not_null(strstr(pair.key_log, "CLIENT_EARLY_TRAFFIC_SECRET "));
}

/* ---- off ----------------------------------------------------------------------------------------------------- */

static void not_offered(void)
{
    prepare(NULL, ticket);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    cr_assert_eq(dor__tls_send_early(pair.client.tls, dor__span_str("x")).code, DOR_E_EINVAL);
    proto_pair_run(&pair);
    works();
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.early, DOR_EARLY_NONE);
}

Test(early_data, is_off_until_both_ask)
{
    server->max_early_data = 0;
    get_ticket();
    cr_assert_eq(ticket->max_early_data, 0u);
    not_offered();
    server->max_early_data = BOUND;
    client->early_data = false;
    get_ticket();
    not_offered();
}

Test(early_data, needs_protection_from_replays)
{
    dor_tls_store_ops ops = proto_store_ops;
    ops.early_once = NULL;
    server->store = &ops;
    get_ticket();
    cr_assert_eq(ticket->max_early_data, 0u);
}

Test(early_data, only_with_the_suite_and_protocol_of_the_ticket)
{
    get_ticket(); /* AES-128 */
    client->suites[0] = 0x1303;
    client->suite_count = 1;
    not_offered();
    client->suites[1] = 0x1301;
    client->suite_count = 2;
    server->suites[0] = 0x1303; /* of the same hash, and the server likes it better now */
    early(DOR_EARLY_REJECTED);
}

Test(early_data, only_with_the_protocol_of_the_ticket)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("one"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("two"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("one"))));
    get_ticket();
    early(DOR_EARLY_ACCEPTED);
    server->alpn.len = 0;
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("two"))));
    early(DOR_EARLY_REJECTED);
    client->alpn.len = 0;
    not_offered();
}

/* ---- refused ------------------------------------------------------------------------------------------------- */

Test(early_data, a_retry_refuses_it)
{
    get_ticket();
    for (int i = 0; i < 2; i++) {
        client->middlebox_compat = i;
        proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
        early(DOR_EARLY_REJECTED);
    }
}

Test(early_data, a_server_that_has_changed_its_mind)
{
    get_ticket();
    server->max_early_data = 0;
    early(DOR_EARLY_REJECTED);
    server->resumption = false;
    early(DOR_EARLY_REJECTED);
}

Test(early_data, refused_data_is_bounded)
{
    static uint8_t much[16000];
    get_ticket();
    server->max_early_data = 0;
    begin_early();
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span(much, sizeof much))));
    proto_pair_run(&pair);
    works();
    get_ticket();
    server->max_early_data = BOUND;
    get_ticket();
    server->max_early_data = 0;
    begin_early();
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span(much, sizeof much))));
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span(much, 3000))));
    proto_pair_run(&pair);
    failed(DOR_TLS_SERVER, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
}

/* Section 8.3: a hello that was held back. */
Test(early_data, a_ticket_has_to_be_as_old_as_the_client_says)
{
    static const struct {
        int64_t late_ms;
        dor_early early;
    } cases[] = {{0, DOR_EARLY_ACCEPTED},
                 {DOR_EARLY_AGE_TOLERANCE_MS, DOR_EARLY_ACCEPTED},
                 {DOR_EARLY_AGE_TOLERANCE_MS + 1, DOR_EARLY_REJECTED}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        get_ticket();
        begin_early();
        pair.now_ms += cases[i].late_ms;
        proto_pair_run(&pair);
        expect(cases[i].early);
    }
}

Test(early_data, more_than_the_ticket_allows)
{
    static uint8_t much[BOUND + 1];
    get_ticket();
    begin_early();
    cr_assert_eq(dor__tls_early_room(pair.client.tls), BOUND - (uint32_t)strlen(request));
    cr_assert_eq(dor__tls_send_early(pair.client.tls, dor__span(much, sizeof much)).code, DOR_E_TOO_BIG);
    pair.client.tls->hs->early_left = sizeof much;
    cr_assert(dor__ok(dor__tls_send_early(pair.client.tls, dor__span(much, sizeof much))));
    proto_pair_run(&pair);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EARLY_DATA_TOO_BIG);
}

/* ---- replays ------------------------------------------------------------------------------------------------- */

Test(early_data, is_taken_once)
{
    get_ticket();
    begin_early();
    dor_bytes copy = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__bytes_append(&copy, dor__bytes_span(dor__tls_output(pair.client.tls)))));
    proto_pair_run(&pair);
    expect(DOR_EARLY_ACCEPTED);
    for (int i = 0; i < 3; i++) { /* to a server of the same store, and later */
        prepare(NULL, NULL);
        pair.now_ms += 1000 + 5000 * i;
        cr_assert(dor__ok(dor__tls_start(pair.server.tls)));
        proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(&copy));
        cr_assert_eq(pair.server.early.len, 0u);
        cr_assert(dor__ok(pair.server.result));
    }
    dor__bytes_free(&copy);
}

/* The same bytes once more to the server as it is now; what it hears early of them is counted. */
static size_t heard_again(const dor_bytes *flight)
{
    prepare(NULL, NULL);
    pair.now_ms += 1000;
    cr_assert(dor__ok(dor__tls_start(pair.server.tls)));
    proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(flight));
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    return pair.server.early.len;
}

static void record_flight(dor_bytes *flight)
{
    *flight = DOR_BYTES_EMPTY;
    get_ticket();
    begin_early();
    cr_assert(dor__ok(dor__bytes_append(flight, dor__bytes_span(dor__tls_output(pair.client.tls)))));
}

Test(early_data, a_copy_with_a_ticket_that_is_used_up)
{
    dor_bytes flight;
    server->ticket_kind = DOR_TICKETS_STATEFUL;
    record_flight(&flight);
    cr_assert_eq(heard_again(&flight), strlen(request), "the first that comes is taken, whoever sends it");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(heard_again(&flight), 0u);
    dor__bytes_free(&flight);
}

Test(early_data, a_full_window_refuses)
{
    dor_bytes flight;
    record_flight(&flight);
    dor__replay_window_free(store.window);
    cr_assert(dor__ok(dor__replay_window_new(&store.window, proto_now_ms() - 1000000, 2)));
    uint64_t other[4] = {1, 2, 3, 4}; /* of two places, one is used */
    cr_assert(dor__replay_window_once(store.window, proto_now_ms(), proto_now_ms(),
                                      dor__span((const uint8_t *)other, sizeof other)));
    cr_assert_eq(heard_again(&flight), 0u);
    dor__bytes_free(&flight);
}

/* The new window knows nothing of what was taken before, and keys of tickets may outlive a process. */
Test(early_data, a_new_window_refuses_what_is_older)
{
    dor_bytes flight;
    record_flight(&flight);
    cr_assert_eq(heard_again(&flight), strlen(request));
    dor__replay_window_free(store.window);
    cr_assert(dor__ok(dor__replay_window_new(&store.window, proto_now_ms() + 1, 64)));
    cr_assert_eq(heard_again(&flight), 0u);
    dor__bytes_free(&flight);
}

static bool once(dor_replay_window *w, int64_t now_ms, uint64_t number)
{
    uint64_t binder[4] = {number * 0x9e3779b97f4a7c15u, number, 1, 2};
    return dor__replay_window_once(w, now_ms, 1000, dor__span((const uint8_t *)binder, sizeof binder));
}

Test(early_data, the_window)
{
    dor_replay_window *w;
    const int64_t long_ms = DOR_REPLAY_GENERATION_MS;
    cr_assert_eq(dor__replay_window_new(&w, 1000, 3).code, DOR_E_BADARG);
    cr_assert(dor__ok(dor__replay_window_new(&w, 1000, 8)));
    cr_assert(once(w, 1000, 1));
    cr_assert(!once(w, 1000, 1));
    cr_assert(!dor__replay_window_once(w, 1000, 1000, dor__span((const uint8_t *)"short", 5)));
    cr_assert(!once(w, 1000 + long_ms, 1), "in the generation before");
    cr_assert(!once(w, 1000 + 2 * long_ms - 1, 1));
    cr_assert(once(w, 1000 + 2 * long_ms, 1), "no copy of it would pass its age any more");
    cr_assert(!once(w, 999 + 2 * long_ms, 2), "a clock that goes back");
    for (uint64_t i = 10; i < 13; i++)
        cr_assert(once(w, 1000 + 2 * long_ms, i));
    cr_assert(!once(w, 1000 + 2 * long_ms, 13), "full");
    cr_assert(once(w, 1000 + 9 * long_ms, 13));
    dor__replay_window_free(w);
    cr_assert(dor__ok(dor__replay_window_new(&w, 2000, 8)));
    cr_assert(!once(w, 2000, 1), "a ticket from before the window began");
    cr_assert(once(w, 2000 + long_ms, 2));
    dor__replay_window_free(w);
}

/* ---- hostile peers ------------------------------------------------------------------------------------------- */

/* Writes as the client would, under the keys that it has at present. */
static void write_as_client(uint8_t type, const char *content, size_t len)
{
    dor_tls *t = pair.client.tls;
    cr_assert(dor__ok(dor__record_write(&t->write, type, DOR_TLS_1_2, DOR_RECORD_MAX_PLAINTEXT,
                                        dor__span((const uint8_t *)content, len), &t->output)));
}

Test(early_data, ends_too_early_or_twice_or_with_something_in_it)
{
    static const struct {
        const char *content;
        size_t len;
        dor_alert alert;
        dor_reason reason;
    } cases[] = {
        {"\5\0\0\0\5\0\0\0", 8, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EXCESS_HANDSHAKE_DATA},
        {"\5\0\0\1x", 5, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE},
        {"\24\0\0\40........................................", 36, DOR_ALERT_UNEXPECTED_MESSAGE,
         DOR_REASON_UNEXPECTED_MESSAGE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        get_ticket();
        begin_early();
        write_as_client(DOR_CONTENT_HANDSHAKE, cases[i].content, cases[i].len);
        proto_deliver(&pair, DOR_TLS_CLIENT);
        cr_assert_eq(pair.server.result.code,
                     DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, (int)cases[i].alert, (int)cases[i].reason),
                     "case %zu: %s", i, trouble());
    }
}

/* What is still under early data's keys behind the end of it does not authenticate. */
Test(early_data, nothing_comes_behind_its_end)
{
    get_ticket();
    begin_early();
    write_as_client(DOR_CONTENT_HANDSHAKE, "\5\0\0\0", 4);
    write_as_client(DOR_CONTENT_APPLICATION_DATA, "late", 4);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(pair.server.result.code,
                 DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD));
}

Test(early_data, no_data_between_the_pieces_of_a_message)
{
    get_ticket();
    begin_early();
    write_as_client(DOR_CONTENT_HANDSHAKE, "\5\0", 2);
    write_as_client(DOR_CONTENT_APPLICATION_DATA, "x", 1);
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert_eq(pair.server.result.code, DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_UNEXPECTED_MESSAGE,
                                                         DOR_REASON_UNEXPECTED_MESSAGE));
}

/* A server of TLS 1.2 behind the name whose ticket was TLS 1.3's. */
Test(early_data, is_not_for_an_older_server)
{
    get_ticket();
    client->min_version = DOR_TLS_1_2;
    server->max_version = DOR_TLS_1_2;
    begin_early();
    proto_pair_run(&pair);
    cr_assert_eq(pair.server.result.code == 0 ? pair.client.result.code : 0,
                 pair.server.result.code == 0
                     ? DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_EARLY_DATA)
                     : 0);
    cr_assert(!pair.client.connected && !pair.server.connected);
}

static size_t at_byte, first_flight_len;

static void flip(void *ctx, dor_tls_role from, dor_bytes *data)
{
    size_t *passed = ctx;
    if (from == DOR_TLS_CLIENT && *passed <= at_byte && at_byte < *passed + data->len)
        data->ptr[at_byte - *passed] ^= 0x20;
    if (from == DOR_TLS_CLIENT) *passed += data->len;
}

/* Behind the hello: whatever is changed, nobody hears other early data than what was sent. */
Test(early_data, every_byte_of_it_counts)
{
    get_ticket();
    begin_early();
    first_flight_len = dor__tls_output(pair.client.tls)->len;
    for (at_byte = first_flight_len - 22 - strlen(request); at_byte < first_flight_len; at_byte++) {
        size_t passed = 0;
        get_ticket();
        begin_early();
        pair.tamper = flip;
        pair.tamper_ctx = &passed;
        proto_pair_run(&pair);
        cr_assert(!pair.server.connected, "byte %zu", at_byte);
        cr_assert_eq(pair.server.early.len, 0u);
    }
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static bool with_failure_at(size_t n, bool just_once)
{
    size_t pieces = counting_alloc_pieces();
    dor__replay_window_free(store.window);
    cr_assert(dor__ok(dor__replay_window_new(&store.window, proto_now_ms(), 64)));
    proto_pair_init(&pair, client, server, "host.example", ticket, 7);
    pair.now_ms += 1000;
    if (just_once)
        counting_alloc_fail_once_at(n);
    else
        counting_alloc_fail_at(n);
    dor_result said = dor__tls_start(pair.client.tls);
    if (dor__ok(said)) said = dor__tls_send_early(pair.client.tls, dor__span_str(request));
    proto_pair_run(&pair);
    bool enough = counting_alloc_calls() < n;
    counting_alloc_fail_at(0);
    cr_assert(dor__ok(said) || !enough);
    if (enough) cr_assert(dor__span_equal(dor__bytes_span(&pair.server.early), dor__span_str(request)));
    proto_pair_fini(&pair);
    cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    return enough;
}

TestSuite(early_data_memory);

Test(early_data_memory, every_allocation_fails_once_and_for_good)
{
    counting_alloc_install();
    set_up();
    get_ticket();
    proto_pair_fini(&pair);
    for (int i = 0; i < 2; i++) {
        size_t n = 1;
        while (!with_failure_at(n, i))
            cr_assert_lt(n++, 400u);
    }
    clean_up();
    ticket = NULL;
    cr_assert_eq(counting_alloc_pieces(), 0u);
}
