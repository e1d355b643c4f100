/*
 * Tickets of TLS 1.2 (RFC 5077): the server keeps nothing, the client brings the session back, and whatever is wrong with
 * it is the same as no ticket at all.
 */
#include "support/proto_test.h"
#include "support/tls12_wire.h"

static dor_session *session;
static uint64_t seed = 900;

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
    server->tickets_12 = true;
}

static void clean_up(void)
{
    dor__session_unref(session);
    session = NULL;
    tear_down();
}

TestSuite(tls12_tickets, .init = set_up, .fini = clean_up);

static bool resumed(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info.resumed;
}

static void connect_with(dor_session *offered, size_t chunk)
{
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, NULL, offered, seed++);
    if (chunk) pair.chunk = chunk;
    proto_pair_run(&pair);
    works();
    cr_assert_eq(resumed(DOR_TLS_CLIENT), resumed(DOR_TLS_SERVER));
}

/* A full handshake; its session is what the others try to resume. */
static void first(void)
{
    connect_with(NULL, 0);
    cr_assert_not(resumed(DOR_TLS_CLIENT));
    dor__session_unref(session);
    session = dor__tls_session(pair.client.tls);
    cr_assert_not_null(session);
}

static bool again(void)
{
    connect_with(session, 0);
    return resumed(DOR_TLS_CLIENT);
}

Test(tls12_tickets, every_suite_and_nothing_is_kept)
{
    static const uint16_t suites[] = {0xc02b, 0xc02c, 0xcca9};
    for (size_t i = 0; i < COUNT(suites); i++) {
        proto_only(client, 0, suites[i], 0);
        first();
        cr_expect_gt(session->ticket.len, 0);
        cr_expect_eq(session->id_len, 0);
        cr_expect_eq(session->lifetime_s, server->session_lifetime_s);
        for (int n = 0; n < 3; n++)
            cr_expect(again());
        cr_expect_eq(store.count, 0);
    }
}

Test(tls12_tickets, one_byte_at_a_time)
{
    connect_with(NULL, 1);
    session = dor__tls_session(pair.client.tls);
    connect_with(session, 1);
    cr_expect(resumed(DOR_TLS_SERVER));
}

Test(tls12_tickets, serialised_by_the_client)
{
    dor_bytes bytes = DOR_BYTES_EMPTY;
    first();
    cr_assert(dor__ok(dor__session_serialise(session, &bytes)));
    dor__session_unref(session);
    session = NULL;
    cr_assert(dor__ok(dor__session_parse(dor__bytes_span(&bytes), &session)));
    dor__bytes_free(&bytes);
    cr_expect(again());
}

Test(tls12_tickets, an_altered_one_is_none)
{
    first();
    for (size_t i = 0; i < session->ticket.len; i++) {
        session->ticket.ptr[i] ^= (uint8_t)(1 << i % 8);
        cr_assert_not(again(), "byte %zu", i);
        session->ticket.ptr[i] ^= (uint8_t)(1 << i % 8);
    }
    cr_expect(again());
    size_t len = session->ticket.len;
    for (session->ticket.len = 1; session->ticket.len < len; session->ticket.len += 7)
        cr_assert_not(again());
    session->ticket.len = len;
    store.key.key[0] ^= 1;
    cr_expect_not(again(), "another key");
}

Test(tls12_tickets, of_a_client_with_a_certificate)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
    for (int omits = 0; omits < 2; omits++) {
        server->ticket_omits_cert = omits;
        first();
        cr_assert(again());
        cr_expect_eq(pair.server.tls->peer == NULL, omits == 1);
        cr_expect(pair.server.tls->peer_verified);
    }
    dor__trust_store_unref(server->trust);
    server->trust = pki_trust("root-pss tls-p256");
    cr_expect_not(again(), "the root of then is not trusted now, the certificate itself is");
}

Test(tls12_tickets, a_ticket_without_the_wanted_certificate_is_none)
{
    first();
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
    cr_expect_not(again());
}

Test(tls12_tickets, old_ones)
{
    first();
    session->created_ms -= (int64_t)session->lifetime_s * 1000;
    cr_expect_not(again(), "the client does not offer it");
    server->session_lifetime_s = 0;
    first();
    session->lifetime_s = 3600;
    cr_expect_not(again(), "the server does not take it");
}

Test(tls12_tickets, not_where_they_are_not_wanted)
{
    server->tickets_12 = false;
    first();
    cr_expect(session->ticket.len == 0 && session->id_len == 32, "by id, unless asked for");
    server->tickets_12 = true;
    server->tickets_disabled = true;
    first();
    cr_expect(session->ticket.len == 0 && session->id_len == 32, "by id, then");
    server->tickets_disabled = false;
    server->ticket_kind = DOR_TICKETS_STATEFUL;
    first();
    cr_expect(session->ticket.len == 0 && session->id_len == 32, "what stays here goes by id");
    server->ticket_kind = DOR_TICKETS_STATELESS;
    first();
    server->resumption = false;
    cr_expect_not(again());
    server->resumption = true;
    server->tickets_disabled = true;
    cr_expect_not(again());
    client->resumption = false;
    connect_with(session, 0);
    cr_expect_not(resumed(DOR_TLS_CLIENT));
    cr_expect_null(dor__tls_session(pair.client.tls));
}

/* A server that has both, and a client that shows a ticket: the id beside it means nothing (RFC 5077 section 3.4). */
Test(tls12_tickets, of_tls13_are_none)
{
    first();
    dor_session *other;
    dor_bytes plain = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__session_new(&other)));
    other->version = DOR_TLS_1_3;
    other->suite = 0x1301;
    other->secret_len = 32;
    other->lifetime_s = 3600;
    other->created_ms = session->created_ms;
    cr_assert(dor__ok(dor__session_serialise(other, &plain)));
    session->ticket.len = 0;
    dor_rng *rng;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("of_tls13"))));
    cr_assert(dor__ok(dor__ticket_seal(&store.key, rng, dor__bytes_span(&plain), &session->ticket)));
    cr_expect_not(again());
    dor__rng_free(rng);
    dor__bytes_free(&plain);
    dor__session_unref(other);
}
