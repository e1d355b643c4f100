/*
 * Every cipher suite of both versions, those that are used only by name among them: a handshake, data of all sizes both
 * ways, resumption, hibernation, and that none of the latter is used unless it is asked for.
 */
#include "support/proto_test.h"

#include "tls/handshake.h"

static void set_up(void)
{
    set_up_version(0);
    client->verify_host = false; /* certificates of several kinds of key are used in turn */
}

TestSuite(tls_suites, .init = set_up, .fini = tear_down);

/* Behind the others: DHE needs one of RFC 7919's. */
static void add_ffdhe(dor_tls_config *config)
{
    if (!dor__config_has_group(config, DOR_GROUP_FFDHE2048))
        config->groups[config->group_count++] = DOR_GROUP_FFDHE2048;
}

/* Both ends have this suite alone, and the server the certificate that goes with it. */
static void arrange(const dor_suite *suite)
{
    bool rsa = dor__kx_is_rsa((dor_kx_kind)suite->kx);
    dor__tls_config_unref(server);
    server = proto_server_config(rsa ? "tls-rsa-both" : "tls-p256", rsa ? "rsa" : "c", &store);
    proto_only(server, suite->version, suite->id, 0);
    proto_only(client, suite->version, suite->id, 0);
    if (suite->kx == DOR_KX_DHE_RSA) {
        add_ffdhe(client);
        add_ffdhe(server);
    }
}

static dor_tls_info info_of(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info;
}

/* So many bytes from one end to the other, which has to have them as they were. */
static void transfer(dor_tls_role from, size_t len)
{
    static uint8_t data[40000];
    proto_end *to = proto_end_of(&pair, from == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + len);
    to->plaintext.len = 0;
    cr_assert(dor__ok(dor__tls_send(proto_end_of(&pair, from)->tls, dor__span(data, len))));
    proto_deliver(&pair, from);
    cr_assert(dor__span_equal(dor__bytes_span(&to->plaintext), dor__span(data, len)), "%zu bytes: %s", len,
              trouble());
}

static void sleep_both(void)
{
    dor__tls_sleep(pair.client.tls);
    dor__tls_sleep(pair.server.tls);
    cr_assert(dor__tls_asleep(pair.client.tls) && dor__tls_asleep(pair.server.tls));
}

static void talk(void)
{
    static const size_t lens[] = {1,  2,  3,  4,   5,   6,   7,     8,     9,     10,   11,
                                  12, 13, 14, 15,  16,  17,  31,    32,    33,    47,   48,
                                  49, 63, 64, 255, 256, 257, 16383, 16384, 16385, 40000};
    for (size_t i = 0; i < COUNT(lens); i++) {
        transfer(DOR_TLS_CLIENT, lens[i]);
        transfer(DOR_TLS_SERVER, lens[i]);
    }
    size_t awake = dor__tls_memory(pair.client.tls);
    sleep_both();
    cr_assert_lt(dor__tls_memory(pair.client.tls), awake);
    transfer(DOR_TLS_CLIENT, 100);
    transfer(DOR_TLS_SERVER, 100);
}

Test(tls_suites, every_one)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++) {
        arrange(&all[i]);
        run(NULL);
        cr_assert(proto_pair_works(&pair), "%s: %s", all[i].name, trouble());
        cr_assert_eq(info_of(DOR_TLS_CLIENT).suite->id, all[i].id);
        cr_assert_eq(info_of(DOR_TLS_SERVER).suite->id, all[i].id);
        talk();
    }
}

Test(tls_suites, every_one_a_byte_at_a_time)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++) {
        arrange(&all[i]);
        prepare(NULL, NULL);
        pair.chunk = 1;
        proto_pair_run(&pair);
        cr_assert(proto_pair_works(&pair), "%s: %s", all[i].name, trouble());
    }
}

Test(tls_suites, every_one_is_resumed)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++) {
        arrange(&all[i]);
        proto_pair_fini(&pair);
        proto_pair_init(&pair, client, server, NULL, NULL,
                        2000 + i); /* so that no two sessions have one id */
        proto_pair_run(&pair);
        works();
        dor_session *session = all[i].version == DOR_TLS_1_2 ? dor__tls_session(pair.client.tls)
                                                             : dor__session_ref(pair.client.session);
        cr_assert_not_null(session);
        proto_pair_fini(&pair);
        proto_pair_init(&pair, client, server, NULL, session, 1000 + i);
        dor__session_unref(session);
        proto_pair_run(&pair);
        cr_assert(proto_pair_works(&pair), "%s: %s", all[i].name, trouble());
        cr_assert(info_of(DOR_TLS_CLIENT).resumed && info_of(DOR_TLS_SERVER).resumed);
        cr_assert_eq(info_of(DOR_TLS_CLIENT).suite->id, all[i].id);
        talk();
    }
}

/* Client certificates do not depend on the suite, but what is done between the messages does. */
Test(tls_suites, every_one_with_a_client_certificate)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    proto_add_identity(client, "tls-p256", "c");
    for (size_t i = 0; i < count; i++) {
        arrange(&all[i]);
        server->trust = pki_trust("root");
        server->verify_peer = server->require_peer_cert = true;
        run(NULL);
        cr_assert(proto_pair_works(&pair), "%s: %s", all[i].name, trouble());
        cr_assert_not_null(info_of(DOR_TLS_SERVER).peer);
    }
}

/* One end names such a suite, the other does not: nothing in common. */
Test(tls_suites, only_by_name)
{
    size_t count;
    const dor_suite *all = dor__suite_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (!all[i].by_name) continue;
        for (dor_tls_role namer = DOR_TLS_CLIENT; namer <= DOR_TLS_SERVER; namer++) {
            dor__tls_config_unref(client);
            client = proto_client_config("root");
            client->verify_host = false;
            arrange(&all[i]);
            dor_tls_config *defaults;
            cr_assert(dor__ok(dor__tls_config_new(&defaults)));
            dor_tls_config *other = namer == DOR_TLS_CLIENT ? server : client;
            memcpy(other->suites, defaults->suites, sizeof other->suites);
            other->suite_count = defaults->suite_count;
            dor__tls_config_unref(defaults);
            run(NULL);
            fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_CIPHER);
        }
    }
}
