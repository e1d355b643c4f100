/*
 * Sessions of TLS 1.2 by their ids: resumed by both ends, and every way in which a session and a handshake may not go together
 * (RFC 5246 section 7.3, RFC 7627 section 5.3, RFC 6066 section 3).
 */
#include "support/proto_test.h"
#include "support/tls12_wire.h"

static dor_session *session;

static void set_up(void)
{
    set_up_version(DOR_TLS_1_2);
}

static void clean_up(void)
{
    dor__session_unref(session);
    session = NULL;
    tear_down();
}

TestSuite(tls12_resume, .init = set_up, .fini = clean_up);

static dor_tls_info info_of(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info;
}

static uint64_t seed = 100; /* never the same twice: it makes the ids */

/** A full handshake; its session is what the others try to resume. */
static void first(void)
{
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, NULL, NULL, seed++);
    proto_pair_run(&pair);
    works();
    cr_assert_not(info_of(DOR_TLS_CLIENT).resumed);
    dor__session_unref(session);
    session = dor__tls_session(pair.client.tls);
}

static void prepare_again(const char *host)
{
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, host, session, seed++);
}

static void again(const char *host)
{
    prepare_again(host);
    proto_pair_run(&pair);
}

static void resumes(void)
{
    again(NULL);
    works();
    cr_assert(info_of(DOR_TLS_CLIENT).resumed);
    cr_assert(info_of(DOR_TLS_SERVER).resumed);
}

static void full_again(const char *host)
{
    again(host);
    works();
    cr_assert_not(info_of(DOR_TLS_CLIENT).resumed);
}

/* ---- it works ------------------------------------------------------------------------------------------------ */

Test(tls12_resume, every_suite)
{
    static const uint16_t suites[] = {0xc02b, 0xc02c, 0xcca9};
    for (size_t i = 0; i < COUNT(suites); i++) {
        proto_only(client, 0, suites[i], 0);
        first();
        cr_assert_not_null(session);
        cr_assert_eq(session->id_len, 32);
        cr_assert(session->extended_master_secret && session->peer_verified);
        for (size_t n = 0; n < 3; n++) {
            resumes();
            dor_tls_info info = info_of(DOR_TLS_CLIENT);
            cr_assert_eq(info.suite->id, suites[i]);
            cr_assert_eq(info.group, 0);
            cr_assert_eq(info.peer_scheme, 0);
            cr_assert(info.extended_master_secret);
            cr_assert_not_null(info.peer, "who it is, is known from the session");
        }
    }
}

Test(tls12_resume, one_byte_at_a_time)
{
    first();
    prepare_again(NULL);
    pair.chunk = 1;
    proto_pair_run(&pair);
    works();
    cr_assert(info_of(DOR_TLS_SERVER).resumed);
}

/* The keys are new all the same: other randoms. */
Test(tls12_resume, session_goes_on_and_keys_do_not)
{
    first();
    resumes();
    dor_session *next = dor__tls_session(pair.client.tls);
    cr_assert_eq(next, session);
    dor__session_unref(next);
    cr_assert_eq(store.count, 1);
    uint8_t key[DOR_AEAD_MAX_KEY_LEN];
    memcpy(key, pair.client.tls->write.key, sizeof key);
    resumes();
    cr_assert_neq(memcmp(key, pair.client.tls->write.key, sizeof key), 0);
}

Test(tls12_resume, of_a_server_that_is_not_trusted_any_more)
{
    first();
    resumes();
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("root-pss");
    again(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
}

/* Of either side's certificate. */
Test(tls12_resume, not_beyond_the_certificate)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
    for (int side = 0; side < 2; side++) {
        first();
        resumes();
        dor_certificate *cert = side ? store.sessions[store.count - 1]->peer : session->peer;
        cert->not_after = pair.now_ms / 1000 - 1;
        full_again(NULL);
    }
}

/* A server that has come to trust others. */
Test(tls12_resume, of_a_client_that_is_not_trusted_any_more)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-p256", "c");
    first();
    resumes();
    dor__trust_store_unref(server->trust);
    server->trust = pki_trust("root-pss");
    again(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
}

Test(tls12_resume, client_certificate_is_remembered)
{
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    first();
    resumes();
    cr_assert_not_null(info_of(DOR_TLS_SERVER).peer);
    cr_assert_eq(info_of(DOR_TLS_SERVER).peer_scheme, 0);
}

Test(tls12_resume, alpn_is_negotiated_anew)
{
    first();
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("h2"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("h2"))));
    resumes();
    cr_assert(dor__span_equal(info_of(DOR_TLS_SERVER).alpn, dor__span_str("h2")));
}

/* ---- sessions that are not made ------------------------------------------------------------------------------ */

Test(tls12_resume, none_without_a_store)
{
    server->store = NULL;
    first();
    cr_assert_null(session);
}

Test(tls12_resume, none_when_the_server_does_not_want)
{
    server->resumption = false;
    first();
    cr_assert_null(session);
    cr_assert_eq(store.count, 0);
}

Test(tls12_resume, none_when_the_client_does_not_want)
{
    client->resumption = false;
    first();
    cr_assert_null(session);
}

Test(tls12_resume, none_from_a_handshake_that_failed)
{
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("stranger");
    run(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
    cr_assert_null(dor__tls_session(pair.client.tls));
    cr_assert_eq(store.count, 0);
}

/* ---- the client does not offer it ---------------------------------------------------------------------------- */

static size_t offered_len;

static void look_at_offer(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    if (from == DOR_TLS_CLIENT && data->len > 44 && data->ptr[5] == 1)
        offered_len = data->ptr[5 + 4 + 2 + 32];
}

static void not_offered(const char *host)
{
    offered_len = 99;
    prepare_again(host);
    pair.tamper = look_at_offer;
    proto_pair_run(&pair);
    cr_assert_eq(offered_len, 0);
}

Test(tls12_resume, not_offered_when_old)
{
    first();
    session->created_ms -= (int64_t)session->lifetime_s * 1000;
    not_offered(NULL);
    works();
    session->created_ms += (int64_t)session->lifetime_s * 1000 + 60 * 1000 + 1; /* from the future, then */
    not_offered(NULL);
    works();
}

Test(tls12_resume, not_offered_to_another_host)
{
    first();
    not_offered("a.wild.example");
    works();
}

Test(tls12_resume, not_offered_when_not_wanted)
{
    first();
    client->resumption = false;
    not_offered(NULL);
    works();
}

Test(tls12_resume, not_offered_when_the_suite_is_not)
{
    first();
    proto_only(client, 0, 0xcca9, 0);
    not_offered(NULL);
    works();
}

/* Made without looking at the server, it is not for a client that wants to. */
Test(tls12_resume, not_offered_when_the_server_was_not_verified)
{
    client->verify_peer = client->verify_host = false;
    first();
    cr_assert_not(session->peer_verified);
    resumes();
    client->verify_peer = client->verify_host = true;
    not_offered(NULL);
    works();
}

Test(tls12_resume, not_offered_when_the_name_was_not_verified)
{
    client->verify_host = false;
    prepare("other.example", NULL);
    proto_pair_run(&pair);
    works();
    session = dor__tls_session(pair.client.tls);
    cr_assert(session->peer_verified);
    client->verify_host = true;
    not_offered("other.example");
    fails(DOR_TLS_CLIENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_NAME_MISMATCH);
}

Test(tls12_resume, not_offered_without_extended_master_secret)
{
    first();
    session->extended_master_secret = false;
    not_offered(NULL);
    works();
}

/* ---- the server does not take it ----------------------------------------------------------------------------- */

Test(tls12_resume, full_when_the_server_has_forgotten)
{
    first();
    proto_store_fini(&store);
    proto_store_init(&store);
    full_again(NULL);
    cr_assert_eq(store.count, 1);
}

/* Server's and client's copies are apart here, so that one can age without the other. */
static dor_session *server_copy(void)
{
    dor_bytes form = DOR_BYTES_EMPTY;
    dor_session *copy;
    cr_assert_eq(store.count, 1);
    cr_assert(dor__ok(dor__session_serialise(store.sessions[0], &form)));
    cr_assert(dor__ok(dor__session_parse(dor__bytes_span(&form), &copy)));
    dor__bytes_free(&form);
    dor__session_unref(store.sessions[0]);
    return store.sessions[0] = copy;
}

Test(tls12_resume, the_serialised_form_does_as_well)
{
    first();
    server_copy();
    resumes();
}

Test(tls12_resume, full_when_old_at_the_server)
{
    first();
    server_copy()->lifetime_s = 0;
    full_again(NULL);
}

Test(tls12_resume, full_when_the_server_has_dropped_the_suite)
{
    first();
    uint16_t suite = session->suite;
    proto_only(server, 0, suite == 0xc02b ? 0xc02c : 0xc02b, 0);
    full_again(NULL);
    cr_assert_neq(info_of(DOR_TLS_SERVER).suite->id, suite);
}

/* A session of a suite that is not the best in common any more would keep it for ever. */
Test(tls12_resume, full_when_there_is_a_better_suite)
{
    dor_tls_config *both[] = {client, server};
    for (size_t i = 0; i < 2; i++) {
        both[i]->suites[0] = 0xc009; /* CBC */
        both[i]->suite_count = 1;
    }
    first();
    resumes();
    for (size_t i = 0; i < 2; i++) {
        both[i]->suites[0] = 0xc02b;
        both[i]->suites[1] = 0xc009;
        both[i]->suite_count = 2;
    }
    full_again(NULL);
    cr_assert_eq(info_of(DOR_TLS_SERVER).suite->id, 0xc02b);
}

/* RFC 6066 section 3: not for another server_name. */
Test(tls12_resume, full_when_the_name_is_another)
{
    first();
    dor_session *copy = server_copy();
    copy->server_name.ptr[0] ^= 1;
    full_again(NULL);
}

Test(tls12_resume, full_when_of_another_version)
{
    first();
    dor_session *copy = server_copy();
    copy->version = DOR_TLS_1_3;
    full_again(NULL);
}

Test(tls12_resume, full_when_a_certificate_is_required_and_the_session_has_none)
{
    first();
    server->trust = pki_trust("root");
    server->verify_peer = server->require_peer_cert = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    full_again(NULL);
    cr_assert_not_null(info_of(DOR_TLS_SERVER).peer);
}

Test(tls12_resume, full_when_the_client_was_not_verified)
{
    server->trust = pki_trust("root");
    server->verify_peer = true;
    proto_add_identity(client, "tls-rsa", "rsa");
    first();
    server_copy()->peer_verified = false;
    full_again(NULL);
}

/* RFC 7627 section 5.3: a session without the extension, a hello with it. */
Test(tls12_resume, full_when_the_session_lacks_extended_master_secret)
{
    first();
    server_copy()->extended_master_secret = false;
    full_again(NULL);
    cr_assert(info_of(DOR_TLS_CLIENT).extended_master_secret);
    server->resume_without_ems = true;
    full_again(NULL);
}

/* ---- somebody is wrong, and it ends -------------------------------------------------------------------------- */

/* RFC 7627 section 5.3: a session with the extension, a hello without it. */
Test(tls12_resume, abort_when_the_hello_lacks_extended_master_secret)
{
    first();
    for (int lax = 0; lax < 2; lax++) {
        server->resume_without_ems = lax;
        prepare_again(NULL);
        wire_start_without(&pair, 23);
        proto_pair_run(&pair);
        fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_EXTENDED_MASTER_SECRET);
    }
}

/* Neither the session nor the hello: section 5.4 leaves it to the config. */
Test(tls12_resume, without_extended_master_secret_only_when_asked_for)
{
    client->resume_without_ems = server->resume_without_ems = true;
    prepare(NULL, NULL);
    wire_start_without(&pair, 23);
    proto_pair_run(&pair);
    works();
    session = dor__tls_session(pair.client.tls);
    cr_assert_not_null(session);
    cr_assert_not(session->extended_master_secret);
    cr_assert_eq(store.count, 1);

    prepare_again(NULL);
    wire_start_without(&pair, 23);
    proto_pair_run(&pair);
    works();
    cr_assert(info_of(DOR_TLS_CLIENT).resumed);
    cr_assert_not(info_of(DOR_TLS_CLIENT).extended_master_secret);

    server->resume_without_ems = false;
    prepare_again(NULL);
    wire_start_without(&pair, 23);
    proto_pair_run(&pair);
    works();
    cr_assert_not(info_of(DOR_TLS_CLIENT).resumed);
}

/* The client's session says one thing, the server's hello another: both ways round. */
Test(tls12_resume, abort_when_the_server_resumes_with_or_without)
{
    first();
    dor_session *copy = server_copy();
    client->resume_without_ems = true;
    session->extended_master_secret = false;
    again(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_EXTENDED_MASTER_SECRET);
    session->extended_master_secret = true;
    copy->extended_master_secret = false;
    server->resume_without_ems = true;
    prepare_again(NULL);
    wire_start_without(&pair, 23);
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_EXTENDED_MASTER_SECRET);
}

Test(tls12_resume, abort_when_the_server_resumes_with_another_suite)
{
    first();
    uint16_t other = session->suite == 0xc02b ? 0xcca9 : 0xc02b;
    session->suite = other; /* both ends have it, but the server's session says something else */
    server_copy()->suite = session->suite == 0xc02b ? 0xcca9 : 0xc02b;
    again(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_SESSION_MISMATCH);
}

Test(tls12_resume, abort_when_the_secrets_differ)
{
    first();
    server_copy()->secret[0] ^= 1;
    again(NULL);
    fails(DOR_TLS_CLIENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    cr_assert_eq(store.count, 1, "nobody proved anything, so nobody throws the session out");
}

/* A client of both versions makes up an id (RFC 8446 appendix D.4), and the server pretends to know it. */
static uint8_t made_up[32];

static bool is_hello(const dor_bytes *data)
{
    return data->ptr[0] == 22 && (data->ptr[5] == 1 || data->ptr[5] == 2) &&
           data->len > 5 + 4 + 2 + 32 + 1 + 32;
}

static void echo_id(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    if (from == DOR_TLS_CLIENT && is_hello(data)) memcpy(made_up, data->ptr + 5 + 4 + 2 + 32 + 1, 32);
    if (from == DOR_TLS_SERVER && is_hello(data)) memcpy(data->ptr + 5 + 4 + 2 + 32 + 1, made_up, 32);
}

Test(tls12_resume, abort_when_an_id_comes_back_that_is_no_session)
{
    client->max_version = DOR_TLS_1_3;
    server->max_version = DOR_TLS_1_2;
    prepare(NULL, NULL);
    pair.tamper = echo_id;
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_SESSION_MISMATCH);
}

/* A server may know a session that the client did not offer; saying its id resumes nothing. */
static void force_session_id(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    if (from == DOR_TLS_SERVER && is_hello(data)) memcpy(data->ptr + 5 + 4 + 2 + 32 + 1, session->id, 32);
}

Test(tls12_resume, what_was_not_offered_is_not_resumed)
{
    first();
    session->created_ms -= (int64_t)session->lifetime_s * 1000;
    prepare_again(NULL);
    pair.tamper = force_session_id;
    proto_pair_run(&pair);
    cr_assert_not(pair.client.connected || pair.server.connected);
    cr_assert_not(pair.client.tls->resumed);
}

/* ---- versions ------------------------------------------------------------------------------------------------ */

Test(tls12_resume, a_session_of_12_does_not_stand_in_the_way_of_13)
{
    first();
    client->max_version = DOR_TLS_1_3;
    full_again(NULL);
    cr_assert_eq(info_of(DOR_TLS_CLIENT).version, DOR_TLS_1_3);
}

Test(tls12_resume, a_ticket_of_13_does_not_stand_in_the_way_of_12)
{
    client->max_version = DOR_TLS_1_3;
    run(NULL);
    works();
    cr_assert_not_null(pair.client.session);
    session = dor__session_ref(pair.client.session);
    server->max_version = DOR_TLS_1_2;
    full_again(NULL);
    cr_assert_eq(info_of(DOR_TLS_CLIENT).version, DOR_TLS_1_2);
}

/* ---- forgetting ---------------------------------------------------------------------------------------------- */

/* RFC 5246 section 7.2.2: a fatal alert, ours or the peer's, makes an end forget the session. */
Test(tls12_resume, forgotten_after_a_fatal_alert)
{
    static const uint8_t junk[40] = {0};
    for (int who = DOR_TLS_CLIENT; who <= DOR_TLS_SERVER; who++) {
        dor_tls_role by = (dor_tls_role)who;
        first();
        resumes(); /* one that was resumed is forgotten like one that was made */
        cr_assert_eq(store.count, 1);
        wire_feed_record(&pair, by, 23, dor__span(junk, sizeof junk));
        proto_deliver(&pair, by);
        fails(by, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
        cr_assert_eq(store.count, 0);
        cr_assert_null(dor__tls_session(pair.client.tls));
    }
}

Test(tls12_resume, kept_after_close_notify)
{
    first();
    cr_assert(dor__ok(dor__tls_close(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    cr_assert(dor__ok(dor__tls_close(pair.server.tls)));
    proto_deliver(&pair, DOR_TLS_SERVER);
    cr_assert_eq(store.count, 1);
    resumes();
}
