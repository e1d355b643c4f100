/*
 * proto_test.h - what the proto tests share on top of proto_pair.h: one connection with its configs, made anew for each
 * test, and assertions about how it ended. Criterion runs each test in a process of its own.
 */
#ifndef TESTS_SUPPORT_PROTO_TEST_H
#define TESTS_SUPPORT_PROTO_TEST_H

#include "support/pki.h"
#include "support/proto_pair.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static dor_tls_config *client, *server;
static proto_pair pair;
static proto_store store;

/** A client that trusts root, a server with a P-256 certificate and a store; one version for the client. */
static inline void set_up_version(uint16_t version)
{
    proto_store_init(&store);
    client = proto_client_config("root");
    server = proto_server_config("tls-p256", "c", &store);
    proto_only(client, version, 0, 0);
}

static inline void tear_down(void)
{
    proto_pair_fini(&pair);
    dor__tls_config_unref(client);
    dor__tls_config_unref(server);
    proto_store_fini(&store);
}

/** What both ends think of it, for messages. */
static inline const char *trouble(void)
{
    static char text[512];
    char c[160], s[160];
    snprintf(text, sizeof text, "client: %s; server: %s",
             dor_format_error(pair.client.result.code, c, sizeof c),
             dor_format_error(pair.server.result.code, s, sizeof s));
    return text;
}

/** Makes the pair, but does not run it. session may be NULL. */
static inline void prepare(const char *host, dor_session *session)
{
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, host, session, 7);
}

static inline void run(const char *host)
{
    prepare(host, NULL);
    proto_pair_run(&pair);
}

static inline void works(void)
{
    cr_assert(proto_pair_works(&pair), "%s", trouble());
}

/** `by` failed with this alert and reason, now and ever after, and has said so once. */
static inline void failed(dor_tls_role by, dor_alert alert, dor_reason reason)
{
    proto_end *end = proto_end_of(&pair, by);
    uint8_t byte = 22;
    size_t used;
    dor_tls_event event;
    cr_assert_eq(end->result.code, DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, (int)alert, (int)reason), "%s",
                 trouble());
    cr_assert_eq(dor__tls_error(end->tls).code, end->result.code);
    cr_assert_eq(dor__tls_receive(end->tls, &byte, 1, &used, &event).code, end->result.code);
    cr_assert_eq(dor__tls_send(end->tls, dor__span_str("x")).code, end->result.code);
    cr_assert_eq(dor__tls_close(end->tls).code, end->result.code);
    cr_assert_eq(dor__tls_output(end->tls)->len, 0u);
}

/** As failed, where what `by` wrote was not delivered. */
static inline void failed_by(dor_tls_role by, dor_alert alert, dor_reason reason)
{
    cr_assert(dor__tls_output(proto_end_of(&pair, by)->tls)->len != 0);
    dor__bytes_free(dor__tls_output(proto_end_of(&pair, by)->tls));
    failed(by, alert, reason);
}

/** As failed; and the other end has heard of it. */
static inline void fails(dor_tls_role by, dor_alert alert, dor_reason reason)
{
    proto_end *other = proto_end_of(&pair, by == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    failed(by, alert, reason);
    cr_assert_eq(other->result.code,
                 DOR_ERROR_CODE(DOR_CLASS_ALERT_RECEIVED, (int)alert, DOR_REASON_PEER_ALERT), "%s",
                 trouble());
}

#endif
