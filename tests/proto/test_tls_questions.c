/*
 * Handshakes that stop for an answer: both versions, both kinds of question, answered at once and later, refused, closed,
 * starved, and with bytes of the peer's that wait meanwhile.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"
#include "tls/handshake.h"
#include "tls/question.h"
#include "x509/pem.h"

#include <stdlib.h>

static const uint16_t versions[] = {DOR_TLS_1_3, DOR_TLS_1_2};

/* ---- answers ------------------------------------------------------------------------------------------------- */

static dor_tls_config *swapped; /* what a hello is answered with; NULL: the same config */
static size_t hellos, signatures;
static char name_seen[256], alpn_seen[256];
static dor_tls_hello hello_seen;

/* Signs with the key that the holder is: what stands for an HSM here. */
static dor_result sign_elsewhere(dor_tls *tls, const dor_tls_question *q)
{
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t len;
    const dor_private_key *real = dor__private_key_holder(q->identity->key);
    DOR_TRY(dor__sign(real, q->scheme, q->content, pair.rng[0], sig, sizeof sig, &len));
    return dor__tls_answer_signature(tls, dor__span(sig, len));
}

static dor_result give_answer(dor_tls *tls)
{
    dor_tls_question q;
    dor__tls_get_question(tls, &q);
    if (q.kind == DOR_TLS_QUESTION_SIGN) {
        signatures++;
        return sign_elsewhere(tls, &q);
    }
    cr_assert_eq(q.kind, DOR_TLS_QUESTION_HELLO);
    hellos++;
    hello_seen = q.hello;
    snprintf(name_seen, sizeof name_seen, "%.*s", (int)q.hello.server_name.len,
             (const char *)q.hello.server_name.ptr);
    snprintf(alpn_seen, sizeof alpn_seen, "%.*s", (int)q.hello.alpn.len, (const char *)q.hello.alpn.ptr);
    return dor__tls_answer_hello(tls, swapped);
}

static bool at_once(void *ctx, dor_tls_role of, dor_tls *tls)
{
    (void)ctx, (void)of;
    dor_result r = give_answer(tls);
    return dor__ok(r) || dor_error_get_class(r.code) == DOR_CLASS_MEMORY; /* then it sticks */
}

static void release_key(void *holder)
{
    dor__private_key_unref(holder);
}

/* Takes the key out of a config's identity and puts one there that only points to it. */
static void take_key_away(dor_tls_config *config)
{
    dor_private_key *key;
    dor_identity *identity = &config->identities[0];
    cr_assert(
        dor__ok(dor__private_key_elsewhere(&key, identity->chain[0]->spki, identity->key, release_key)));
    identity->key = key;
}

/* Every question that can be: the server's hello and key, the client's hello and key. */
static void ask_everything(void)
{
    proto_add_identity(client, "tls-p384", "d");
    take_key_away(client);
    take_key_away(server);
    server->verify_peer = true;
    server->require_peer_cert = true;
    server->trust = pki_trust("root");
    client->ask_hello = server->ask_hello = true;
}

static void run_answering(void)
{
    prepare(NULL, NULL);
    pair.answer = at_once;
    hellos = signatures = 0;
    proto_pair_run(&pair);
}

/* Answers whatever is open until nothing is. */
static void answer_later(void)
{
    for (int i = 0; i < 20 && (pair.client.asked || pair.server.asked); i++) {
        dor_tls_role of = pair.client.asked ? DOR_TLS_CLIENT : DOR_TLS_SERVER;
        cr_assert(dor__ok(give_answer(proto_end_of(&pair, of)->tls)));
        proto_resume(&pair, of);
    }
}

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    swapped = NULL;
}

TestSuite(questions, .init = set_up, .fini = tear_down);

/* ---- going on ------------------------------------------------------------------------------------------------ */

Test(questions, answered_at_once)
{
    ask_everything();
    for (size_t i = 0; i < COUNT(versions); i++) {
        proto_only(client, versions[i], 0, 0);
        run_answering();
        works();
        cr_assert_eq(hellos, 2u);
        cr_assert_eq(signatures, 2u);
    }
}

Test(questions, answered_later_and_byte_by_byte)
{
    ask_everything();
    for (size_t i = 0; i < COUNT(versions); i++)
        for (size_t chunk = 0; chunk < 3; chunk++) {
            proto_only(client, versions[i], 0, 0);
            prepare(NULL, NULL);
            pair.chunk = chunk;
            hellos = signatures = 0;
            proto_pair_run(&pair);
            answer_later();
            works();
            cr_assert_eq(hellos, 2u);
            cr_assert_eq(signatures, 2u);
        }
}

/* An end that asks takes nothing, and says so as often as it is tried. */
Test(questions, nothing_is_taken_meanwhile)
{
    uint8_t more[] = {22, 3, 3, 0, 1, 0};
    dor_tls_event event;
    size_t used = 9;
    server->ask_hello = true;
    run(NULL);
    for (int i = 0; i < 3; i++) {
        cr_assert(pair.server.asked);
        cr_assert(dor__ok(dor__tls_receive(pair.server.tls, more, sizeof more, &used, &event)));
        cr_assert_eq(event.kind, DOR_TLS_EVENT_QUESTION);
        cr_assert_eq(used, 0u);
    }
    dor__tls_sleep(pair.server.tls);
    cr_assert_not(dor__tls_asleep(pair.server.tls));
    cr_assert_eq(dor__tls_send(pair.server.tls, dor__span_str("x")).code, DOR_E_ENOTCONN);
    answer_later();
    works();
}

/* What came behind the hello is judged when its turn comes, not before and not never. */
Test(questions, bytes_that_wait_are_judged_afterwards)
{
    static const uint8_t data[] = {23, 3, 3, 0, 1, 'x'};
    server->ask_hello = true;
    run(NULL);
    cr_assert(pair.server.asked);
    proto_feed(&pair, DOR_TLS_SERVER, dor__span(data, sizeof data));
    cr_assert(dor__ok(pair.server.result));
    answer_later();
    fails(DOR_TLS_SERVER, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
}

static void glue_another_message(void *ctx, dor_tls_role from, dor_bytes *data)
{
    static const uint8_t finished[] = {20, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    size_t *done = ctx, len = (size_t)(data->ptr[3] << 8 | data->ptr[4]) + sizeof finished;
    if (from != DOR_TLS_CLIENT || (*done)++) return;
    cr_assert(dor__ok(dor__bytes_append(data, dor__span(finished, sizeof finished))));
    data->ptr[3] = (uint8_t)(len >> 8);
    data->ptr[4] = (uint8_t)len;
}

/* The same within one record: it must not get past the change of keys. */
Test(questions, a_message_behind_the_hello_in_its_record)
{
    server->ask_hello = true;
    for (size_t i = 0; i < COUNT(versions); i++) {
        size_t done = 0;
        proto_only(client, versions[i], 0, 0);
        prepare(NULL, NULL);
        pair.tamper = glue_another_message;
        pair.tamper_ctx = &done;
        proto_pair_run(&pair);
        cr_assert(dor__ok(pair.server.result));
        answer_later();
        failed(DOR_TLS_SERVER, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EXCESS_HANDSHAKE_DATA);
    }
}

/* ---- what a hello tells -------------------------------------------------------------------------------------- */

Test(questions, a_servers_hello)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("h2"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("x"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("x"))));
    server->ask_hello = true;
    client->min_version = DOR_TLS_1_2;
    run_answering();
    works();
    cr_assert_str_eq(name_seen, "host.example");
    cr_assert_str_eq(alpn_seen, "\2h2\1x");
    cr_assert_eq(hello_seen.version, DOR_TLS_1_2);
    cr_assert_eq(hello_seen.versions.len, 4u);
    cr_assert_eq(hello_seen.groups.len, 2 * client->group_count);
    cr_assert_eq(hello_seen.schemes.len, 2 * client->scheme_count);
    cr_assert_eq(hello_seen.suites.len, 2 * client->suite_count);
}

Test(questions, a_clients_hello)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("h2"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("x"))));
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("x"))));
    client->ask_hello = true;
    for (size_t i = 0; i < COUNT(versions); i++) {
        proto_only(client, versions[i], 0, 0);
        run_answering();
        works();
        cr_assert_eq(hellos, 1u);
        cr_assert_str_eq(alpn_seen, "x");
        cr_assert_eq(hello_seen.version, versions[i]);
        cr_assert_eq(hello_seen.suite->version, versions[i]);
    }
}

static void break_alpn(void *ctx, dor_tls_role from, dor_bytes *data)
{
    static const uint8_t alpn[] = {0, 16, 0, 5, 0, 3, 2, 'h', '2'};
    (void)ctx;
    if (from != DOR_TLS_CLIENT) return;
    uint8_t *at = memmem(data->ptr, data->len, alpn, sizeof alpn);
    if (at) at[6] = 3; /* a name that is longer than its list */
}

/* Nobody is asked about a hello that cannot be read. */
Test(questions, a_malformed_hello_is_no_question)
{
    cr_assert(dor__ok(dor__tls_config_add_alpn(client, dor__span_str("h2"))));
    server->ask_hello = true;
    prepare(NULL, NULL);
    pair.tamper = break_alpn;
    proto_pair_run(&pair);
    cr_assert_eq(pair.questions, 0u);
    fails(DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
}

Test(questions, a_second_hello_is_not_asked_about)
{
    client->groups[0] = DOR_GROUP_SECP384R1;
    client->groups[1] = DOR_GROUP_X25519;
    client->group_count = 2;
    client->ask_hello = server->ask_hello = true;
    swapped = proto_server_config("tls-rsa", "rsa", &store);
    proto_only(swapped, 0, 0, DOR_GROUP_X25519);
    swapped->ask_hello = true;
    client->ask_hello = false;
    run_answering();
    works();
    cr_assert_eq(hellos, 1u);
    dor_tls_info info;
    dor__tls_get_info(pair.client.tls, &info);
    cr_assert(info.hello_retry);
    cr_assert_eq(info.peer_scheme, DOR_SIG_RSA_PSS_RSAE_SHA256);
    dor__tls_config_unref(swapped);
}

/* ---- another config ------------------------------------------------------------------------------------------ */

Test(questions, a_server_goes_on_with_another_config)
{
    server->ask_hello = true;
    swapped = proto_server_config("tls-rsa", "rsa", &store);
    for (size_t i = 0; i < COUNT(versions); i++) {
        dor_tls_info info;
        proto_only(client, versions[i], 0, 0);
        run_answering();
        works();
        dor__tls_get_info(pair.client.tls, &info);
        cr_assert_eq(info.peer_scheme, DOR_SIG_RSA_PSS_RSAE_SHA256);
        cr_assert_eq(pair.server.tls->config, swapped);
    }
    proto_only(swapped, DOR_TLS_1_2, 0, 0);
    client->max_version = DOR_TLS_1_3;
    proto_only(client, DOR_TLS_1_3, 0, 0);
    run_answering();
    fails(DOR_TLS_SERVER, DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION);
    dor__tls_config_unref(swapped);
}

/* Its limits hold from then on, for the hello itself, too. */
Test(questions, the_other_configs_limits)
{
    server->ask_hello = true;
    swapped = proto_server_config("tls-p256", "c", NULL);
    swapped->max_handshake_len = 64;
    run_answering();
    fails(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HANDSHAKE_TOO_BIG);
    swapped->max_handshake_len = 65536;
    swapped->max_handshake_memory = 16; /* less than what is to be signed */
    take_key_away(swapped);
    run_answering();
    cr_assert_eq(pair.server.result.code, DOR_E_LIMIT, "%s", trouble());
    dor__tls_config_unref(swapped);
}

/* A client may change whom it trusts, not what it has said. */
Test(questions, a_clients_other_config)
{
    client->ask_hello = true;
    for (size_t i = 0; i < COUNT(versions); i++) {
        dor_tls_config *other = proto_client_config("stranger");
        proto_only(client, versions[i], 0, 0);
        prepare(NULL, NULL);
        proto_pair_run(&pair);
        cr_assert(pair.client.asked);
        cr_assert_eq(dor__tls_answer_hello(pair.client.tls, other).code, DOR_E_OPTION_CONFLICT);
        proto_only(other, versions[i], 0, 0);
        cr_assert(dor__ok(dor__tls_answer_hello(pair.client.tls, other)));
        proto_resume(&pair, DOR_TLS_CLIENT);
        fails(DOR_TLS_CLIENT, DOR_ALERT_UNKNOWN_CA, DOR_REASON_CERT_UNKNOWN_CA);
        dor__tls_config_unref(other);
    }
}

/* A certificate that the answer brings is used, in TLS 1.2 as well, where the messages had to be kept for it. */
Test(questions, a_client_gets_its_certificate_from_the_answer)
{
    server->verify_peer = server->require_peer_cert = true;
    server->trust = pki_trust("root");
    client->ask_hello = true;
    for (size_t i = 0; i < COUNT(versions); i++) {
        proto_only(client, versions[i], 0, 0);
        swapped = proto_client_config("root");
        proto_only(swapped, versions[i], 0, 0);
        proto_add_identity(swapped, "tls-p384", "d");
        run_answering();
        works();
        dor__tls_config_unref(swapped);
    }
}

static dor_session *make_session(void)
{
    run(NULL);
    works();
    dor_session *session =
        pair.client.session ? dor__session_ref(pair.client.session) : dor__tls_session(pair.client.tls);
    cr_assert_not_null(session);
    return session;
}

/* A resumed server shows no certificate, so whom it is measured by cannot change behind its back. */
Test(questions, a_client_that_resumes_looks_again)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        proto_only(client, versions[i], 0, 0);
        client->ask_hello = false;
        dor_session *session = make_session();
        client->ask_hello = true;
        prepare(NULL, session);
        proto_pair_run(&pair);
        cr_assert(pair.client.asked);
        dor_tls_config *other = proto_client_config("stranger");
        proto_only(other, versions[i], 0, 0);
        cr_assert_eq(
            dor__tls_answer_hello(pair.client.tls, other).code,
            DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_SESSION_MISMATCH));
        dor__tls_config_unref(other);
        prepare(NULL, session);
        proto_pair_run(&pair);
        cr_assert(dor__ok(dor__tls_answer_hello(pair.client.tls, NULL)));
        proto_resume(&pair, DOR_TLS_CLIENT);
        works();
        dor__session_unref(session);
    }
}

/* ---- no ------------------------------------------------------------------------------------------------------ */

Test(questions, refused)
{
    ask_everything();
    for (size_t i = 0; i < COUNT(versions); i++) {
        proto_only(client, versions[i], 0, 0);
        run(NULL);
        dor_result no = dor__alert(DOR_ALERT_UNRECOGNIZED_NAME, DOR_REASON_CERT_NAME_MISMATCH);
        cr_assert_eq(dor__tls_refuse(pair.client.tls, no).code, DOR_E_EINVAL);
        cr_assert_eq(dor__tls_refuse(pair.server.tls, DOR_SUCCESS).code, DOR_E_EINVAL);
        cr_assert_eq(dor__tls_refuse(pair.server.tls, no).code, no.code);
        proto_resume(&pair, DOR_TLS_SERVER);
        fails(DOR_TLS_SERVER, DOR_ALERT_UNRECOGNIZED_NAME, DOR_REASON_CERT_NAME_MISMATCH);
    }
}

/* A signer that fails: the peer hears internal_error, and no more. */
Test(questions, no_signature)
{
    take_key_away(server);
    for (size_t i = 0; i < COUNT(versions); i++) {
        dor_tls_question q;
        proto_only(client, versions[i], 0, 0);
        run(NULL);
        dor__tls_get_question(pair.server.tls, &q);
        cr_assert_eq(q.kind, DOR_TLS_QUESTION_SIGN);
        cr_assert_eq(dor__tls_answer_hello(pair.server.tls, NULL).code, DOR_E_EINVAL);
        (void)dor__tls_refuse(pair.server.tls, dor__error(DOR_E_CRYPTO_FAILED));
        proto_resume(&pair, DOR_TLS_SERVER);
        cr_assert_eq(pair.server.result.code, DOR_E_CRYPTO_FAILED);
        cr_assert_eq(
            pair.client.result.code,
            DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, DOR_ALERT_INTERNAL_ERROR, DOR_REASON_PEER_ALERT));
    }
}

Test(questions, signatures_of_a_wrong_length_and_wrong_ones)
{
    uint8_t sig[DOR_SIG_MAX_LEN + 1] = {0x30};
    take_key_away(server);
    for (size_t i = 0; i < COUNT(versions); i++) {
        proto_only(client, versions[i], 0, 0);
        run(NULL);
        size_t most = dor__private_key_max_sig_len(server->identities[0].key);
        dor_tls *t = pair.server.tls;
        cr_assert_eq(dor__tls_answer_signature(t, DOR_SPAN_EMPTY).code, DOR_E_BADARG);
        cr_assert_eq(dor__tls_answer_signature(t, dor__span(sig, most + 1)).code, DOR_E_BADARG);
        cr_assert_eq(dor__tls_answer_signature(t, dor__span(sig, sizeof sig)).code, DOR_E_BADARG);
        dor_result wrong = dor__alert(DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_WRONG);
        cr_assert_eq(dor__tls_answer_signature(t, dor__span(sig, most)).code, wrong.code);
        cr_assert_eq(dor__tls_answer_signature(t, dor__span(sig, most)).code, wrong.code, "it sticks");
        proto_resume(&pair, DOR_TLS_SERVER);
        fails(DOR_TLS_SERVER, DOR_ALERT_INTERNAL_ERROR, DOR_REASON_SIGNER_WRONG);
    }
}

Test(questions, nothing_is_asked)
{
    dor_tls_question q = {.kind = DOR_TLS_QUESTION_SIGN};
    run(NULL);
    works();
    dor__tls_get_question(pair.server.tls, &q);
    cr_assert_eq(q.kind, DOR_TLS_QUESTION_NONE);
    cr_assert_eq(dor__tls_answer_hello(pair.server.tls, NULL).code, DOR_E_EINVAL);
    cr_assert_eq(dor__tls_answer_signature(pair.server.tls, dor__span_str("x")).code, DOR_E_EINVAL);
    cr_assert_eq(dor__tls_refuse(pair.server.tls, dor__error(DOR_E_CLOSED)).code, DOR_E_EINVAL);
    works();
}

/* Stops at question number n of a handshake; false when there are fewer. */
static bool stop_at(size_t n, uint16_t version, dor_tls_role *at)
{
    proto_only(client, version, 0, 0);
    prepare(NULL, NULL);
    proto_pair_run(&pair);
    for (size_t i = 1; pair.client.asked || pair.server.asked; i++) {
        *at = pair.client.asked ? DOR_TLS_CLIENT : DOR_TLS_SERVER;
        if (i == n) return true;
        cr_assert(dor__ok(give_answer(proto_end_of(&pair, *at)->tls)));
        proto_resume(&pair, *at);
    }
    return false;
}

Test(questions, closed_or_gone_while_it_waits)
{
    dor_tls_role at;
    size_t n = 1;
    ask_everything();
    for (size_t i = 0; i < COUNT(versions); i++) {
        for (n = 1; stop_at(n, versions[i], &at); n++) {
            proto_end *end = proto_end_of(&pair, at);
            cr_assert(dor__ok(dor__tls_close(end->tls)));
            cr_assert_eq(dor__tls_answer_hello(end->tls, NULL).code, DOR_E_CLOSED);
            cr_assert_eq(dor__tls_answer_signature(end->tls, dor__span_str("x")).code, DOR_E_CLOSED);
            proto_resume(&pair, at);
            proto_end *other = proto_end_of(&pair, !at);
            if (other->asked) { /* hears of it when it goes on */
                cr_assert(dor__ok(give_answer(other->tls)));
                proto_resume(&pair, !at);
            }
            cr_assert_eq(dor_error_get_alert(other->result.code), DOR_ALERT_CLOSE_NOTIFY, "%zu %s", n,
                         trouble());
            cr_assert(stop_at(n, versions[i], &at)); /* and freed by prepare */
        }
        cr_assert_eq(n, 5u);
    }
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static void starve(uint16_t version)
{
    bool enough = false;
    proto_only(client, version, 0, 0);
    run_answering(); /* what is made once for the whole program is there now */
    proto_pair_fini(&pair);
    for (size_t n = 1; !enough; n++) {
        size_t pieces = counting_alloc_pieces(), stored = store.count;
        prepare(NULL, NULL);
        pair.answer = at_once;
        counting_alloc_fail_at(n);
        proto_pair_run(&pair);
        enough = counting_alloc_calls() < n;
        counting_alloc_fail_at(0);
        if (enough) works();
        proto_pair_fini(&pair);
        while (store.count > stored)
            dor__session_unref(store.sessions[--store.count]);
        cr_assert_eq(counting_alloc_pieces(), pieces, "allocation %zu", n);
    }
}

Test(questions_starved, memory_runs_out)
{
    counting_alloc_install();
    set_up();
    ask_everything();
    for (size_t i = 0; i < COUNT(versions); i++)
        starve(versions[i]);
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0u);
}
