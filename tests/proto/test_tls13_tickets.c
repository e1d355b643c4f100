/*
 * Resumption in TLS 1.3: tickets that are taken, tickets that are passed over, and binders that do not fit.
 */
#include "support/proto_test.h"

#include "tls/handshake.h"

static dor_session *ticket;

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
}

static void clean_up(void)
{
    dor__session_unref(ticket);
    tear_down();
}

TestSuite(tls13_tickets, .init = set_up, .fini = clean_up);

/* A full handshake, for its last ticket. */
static void get_ticket(void)
{
    run(NULL);
    works();
    cr_assert_not_null(pair.client.session);
    dor__session_unref(ticket);
    ticket = dor__session_ref(pair.client.session);
}

static void resume(int64_t later_ms)
{
    prepare(NULL, ticket);
    pair.now_ms += later_ms;
    proto_pair_run(&pair);
}

static bool resumed(void)
{
    dor_tls_info c;
    works();
    dor__tls_get_info(pair.client.tls, &c);
    return c.resumed; /* works() has seen that both say the same */
}

Test(tls13_tickets, every_suite)
{
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
    for (size_t i = 0; i < COUNT(suites); i++) {
        dor_tls_info info;
        proto_only(client, 0, suites[i], 0);
        get_ticket();
        resume(1000);
        cr_assert(resumed());
        cr_assert_eq(pair.client.ticket_count, 1u);
        dor__tls_get_info(pair.client.tls, &info);
        cr_assert_eq(info.peer_scheme, 0);
        cr_assert_not_null(info.peer); /* as it was */
    }
}

Test(tls13_tickets, again_and_again)
{
    get_ticket();
    for (int i = 0; i < 5; i++) {
        resume(1000 * i);
        cr_assert(resumed());
        dor__session_unref(ticket);
        ticket = dor__session_ref(pair.client.session);
    }
}

Test(tls13_tickets, one_byte_at_a_time)
{
    get_ticket();
    prepare(NULL, ticket);
    pair.chunk = 1;
    proto_pair_run(&pair);
    cr_assert(resumed());
}

Test(tls13_tickets, after_a_retry)
{
    dor_tls_info info;
    get_ticket();
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
    resume(1000);
    cr_assert(resumed());
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert(info.hello_retry);
}

Test(tls13_tickets, how_many)
{
    for (uint8_t count = 0; count < 5; count++) {
        server->ticket_count = count;
        for (size_t chunk = 0; chunk < 2; chunk++) {
            prepare(NULL, NULL);
            pair.chunk = chunk;
            proto_pair_run(&pair);
            works();
            cr_assert_eq(pair.client.ticket_count, count);
        }
    }
}

Test(tls13_tickets, none_without_a_store_or_when_not_wanted)
{
    server->resumption = false;
    run(NULL);
    cr_assert_eq(pair.client.ticket_count, 0u);
    server->resumption = true;
    server->store = NULL;
    run(NULL);
    works();
    cr_assert_eq(pair.client.ticket_count, 0u);
    server->store = &proto_store_ops;
    client->resumption = false;
    run(NULL);
    works();
    cr_assert_eq(pair.client.ticket_count, 0u);
}

static dor_result too_big(void *ctx, int64_t now_ms, dor_rng *rng, dor_span plain, dor_bytes *sealed)
{
    (void)ctx, (void)now_ms, (void)rng, (void)plain, (void)sealed;
    return dor__error(DOR_E_TOO_BIG);
}

/* A client's certificate may be larger than a ticket: no reason to lose the connection. */
Test(tls13_tickets, none_where_the_session_does_not_fit)
{
    dor_tls_store_ops ops = proto_store_ops;
    ops.ticket_seal = too_big;
    server->store = &ops;
    run(NULL);
    works();
    cr_assert_eq(pair.client.ticket_count, 0u);
    server->store = &proto_store_ops;
}

Test(tls13_tickets, past_its_lifetime)
{
    get_ticket();
    resume((int64_t)server->session_lifetime_s * 1000 - 1000);
    cr_assert(resumed());
    resume((int64_t)server->session_lifetime_s * 1000 + 1000);
    cr_assert_not(resumed());
}

/* The client is sure that it is fresh; the server knows better. */
Test(tls13_tickets, past_its_lifetime_and_offered_all_the_same)
{
    server->session_lifetime_s = 100;
    get_ticket();
    ticket->lifetime_s = 7 * 24 * 3600;
    resume(200 * 1000);
    cr_assert_not(resumed());
    cr_assert_eq(store.opened, 1u);
}

Test(tls13_tickets, sealed_under_another_key)
{
    get_ticket();
    store.key.key[0] ^= 1;
    resume(1000);
    cr_assert_not(resumed());
}

Test(tls13_tickets, another_hash)
{
    proto_only(client, 0, 0x1301, 0);
    get_ticket();
    static const uint16_t both[] = {0x1302, 0x1301};
    memcpy(client->suites, both, sizeof both);
    client->suite_count = 2;
    proto_only(server, 0, 0x1302, 0);
    resume(1000);
    cr_assert_not(resumed());
    /* a suite of the same hash will do */
    static const uint16_t same_hash[] = {0x1303, 0x1301};
    memcpy(client->suites, same_hash, sizeof same_hash);
    proto_only(server, 0, 0x1303, 0);
    resume(1000);
    cr_assert(resumed());
}

Test(tls13_tickets, another_host)
{
    get_ticket();
    prepare("foo.wild.example", ticket);
    proto_pair_run(&pair);
    cr_assert_not(resumed());
    cr_assert_eq(store.opened, 0u); /* not even offered */
}

/* The secret is not the ticket's: the binder tells. */
Test(tls13_tickets, wrong_binder)
{
    for (int retry = 0; retry < 2; retry++) {
        get_ticket();
        ticket->secret[5] ^= 1;
        if (retry) proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
        resume(1000);
        fails(DOR_TLS_SERVER, DOR_ALERT_DECRYPT_ERROR, DOR_REASON_BAD_BINDER);
    }
}

Test(tls13_tickets, made_without_verification_is_worth_nothing_to_who_verifies)
{
    client->verify_peer = client->verify_host = false;
    get_ticket();
    resume(1000);
    cr_assert(resumed());
    client->verify_peer = true;
    resume(1000);
    cr_assert_not(resumed());
}

/* What was not looked at then is not taken as seen now. */
Test(tls13_tickets, made_without_looking_at_the_name_is_worth_nothing_to_who_looks)
{
    client->verify_host = false;
    run("wrong.example");
    works();
    ticket = dor__session_ref(pair.client.session);
    client->verify_host = true;
    prepare("wrong.example", ticket);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
    cr_assert_eq(store.opened, 0u);
}

Test(tls13_tickets, of_a_server_that_is_not_trusted_any_more)
{
    get_ticket();
    resume(1000);
    cr_assert(resumed());
    dor_session *second =
        dor__session_ref(pair.client.session); /* what vouched for the first vouches for it */
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("root-pss");
    for (int i = 0; i < 2; i++) {
        store.opened = 0;
        prepare(NULL, i ? second : ticket);
        proto_pair_run(&pair);
        fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
        cr_assert_eq(store.opened, 0u);
    }
    dor__session_unref(second);
}

Test(tls13_tickets, not_beyond_the_certificate)
{
    get_ticket();
    ticket->peer->not_after = pair.now_ms / 1000;
    resume(0);
    cr_assert(resumed());
    store.opened = 0;
    resume(1000);
    cr_assert_not(resumed());
    cr_assert_eq(store.opened, 0u);
}

Test(tls13_tickets, client_authentication_is_remembered)
{
    dor_tls_info info;
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    get_ticket();
    resume(1000);
    cr_assert(resumed());
    dor__tls_get_info(pair.server.tls, &info);
    cr_assert_not_null(info.peer);
}

Test(tls13_tickets, made_without_client_authentication_is_not_enough_where_it_is_required)
{
    get_ticket();
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    resume(1000);
    cr_assert_not(resumed());
}

Test(tls13_tickets, of_tls12_is_not_offered)
{
    dor_tls_info info;
    client->min_version = client->max_version = DOR_TLS_1_2;
    run(NULL);
    works();
    dor_session *old = dor__tls_session(pair.client.tls);
    client->min_version = client->max_version = DOR_TLS_1_3;
    ticket = old;
    resume(1000);
    cr_assert_not(resumed());
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert_eq(info.version, DOR_TLS_1_3);
}

/* A client that was too often told to resume holds no secret any more, and one that never gets tickets keeps one. */
Test(tls13_tickets, server_keeps_no_resumption_secret)
{
    static const uint8_t zeros[DOR_SECRET_MAX_LEN];
    get_ticket();
    cr_assert_eq(memcmp(pair.server.tls->resumption_secret, zeros, sizeof zeros), 0);
}
