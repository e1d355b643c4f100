/*
 * Names of authorities on the wire, both ways and in both versions: in pieces, without memory, with flipped bits, malformed, and
 * more of them than anybody needs. What is made of them is in test_tls_identities.c.
 */
#include "base/reader.h"
#include "support/proto_hostile.h"

static const uint16_t versions[] = {DOR_TLS_1_2, DOR_TLS_1_3};

static void raise_both(uint16_t version)
{
    set_up_version(version);
    proto_add_identity(client, "tls-rsa", "rsa");
    proto_add_identity(client, "tls-p256", "c");
    proto_add_identity(server, "tls-p384", "d");
    server->trust = pki_trust("root stranger");
    server->verify_peer = server->require_peer_cert = true;
    dor_tls_config *const both[] = {client, server};
    for (int i = 0; i < 2; i++) {
        both[i]->name_authorities = DOR_NAME_ALL;
        cr_assert(dor__ok(dor__tls_config_name_trusted(both[i])));
        cr_assert_gt(both[i]->authorities.len, 0u);
    }
}

#define EACH_VERSION                                                                                         \
    for (size_t v_ = 0; v_ < COUNT(versions); tear_down(), memset(&pair, 0, sizeof pair), v_++)              \
        for (bool first_ = (raise_both(versions[v_]), true); first_; first_ = false)

static void init(void)
{
    counting_alloc_install();
}

TestSuite(tls_authorities, .init = init, .timeout = 120);

Test(tls_authorities, in_pieces)
{
    EACH_VERSION works_in_pieces();
}

Test(tls_authorities, without_memory)
{
    EACH_VERSION fail_each_allocation_of(NULL);
}

Test(tls_authorities, each_bit)
{
    EACH_VERSION
    {
        flip_bits_of(DOR_TLS_CLIENT, 5);
        flip_bits_of(DOR_TLS_SERVER, 5);
    }
}

/* ---- lists that nobody would write ------------------------------------------------------------------------------- */

static void say_list(dor_tls_config *config, const void *list, size_t len)
{
    config->authorities.len = 0;
    cr_assert(dor__ok(dor__bytes_append(&config->authorities, dor__span(list, len))));
}

Test(tls_authorities, malformed)
{
    static const struct {
        const char *list;
        size_t len;
    } cases[] = {
        {"\0\0", 2},           /* a name of nothing */
        {"\0\2a", 3},          /* less than it says */
        {"\0\1a\0", 4},        /* half a length behind it */
        {"\0\1a\0\0\0\1b", 8}, /* a name of nothing between */
        {"\xff\xff", 2},
    };
    EACH_VERSION
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int role = 0; role < 2; role++) {
            dor_tls_config *speaker = role ? server : client, *other = role ? client : server;
            say_list(speaker, cases[i].list, cases[i].len);
            say_list(other, "\0\1a", 3);
            prepare(NULL, NULL);
            proto_pair_run(&pair);
            fails(role ? DOR_TLS_CLIENT : DOR_TLS_SERVER, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
        }
}

/* In TLS 1.2 an empty list is "any" (RFC 5246 section 7.4.4). */
Test(tls_authorities, none_at_all)
{
    EACH_VERSION
    {
        server->authorities.len = client->authorities.len = 0;
        run(NULL);
        works();
        dor_tls_info info;
        dor__tls_get_info(pair.server.tls, &info);
        cr_assert_eq(info.peer->key_type, DOR_KEY_RSA, "its first");
    }
}

/* Twenty thousand names of one byte: read, compared, and nothing of them kept. */
Test(tls_authorities, very_many)
{
    static uint8_t list[60000];
    for (size_t i = 0; i < sizeof list; i += 3)
        memcpy(list + i, "\0\1x", 3);
    EACH_VERSION
    {
        size_t held[2];
        for (int many = 0; many < 2; many++) {
            say_list(server, list, many ? sizeof list : 3);
            say_list(client, list, many ? sizeof list : 3);
            prepare(NULL, NULL);
            proto_pair_run(&pair);
            works();
            held[many] = dor__tls_memory(pair.client.tls) + dor__tls_memory(pair.server.tls);
        }
        cr_assert_eq(held[0], held[1]);
    }
}

/* One more than a message may have: its sender's own fault, or refused by its length. */
Test(tls_authorities, more_than_a_message_may_have)
{
    static uint8_t list[65535];
    for (size_t i = 0; i + 3 <= sizeof list; i += 3)
        memcpy(list + i, "\0\1x", 3);
    EACH_VERSION
    for (int role = 0; role < 2; role++) {
        say_list(role ? server : client, list, sizeof list);
        say_list(role ? client : server, list, 3);
        prepare(NULL, NULL);
        proto_pair_run(&pair);
        cr_assert(dor__failed(pair.client.result) && dor__failed(pair.server.result), "%s", trouble());
    }
}

/* ---- from the trust store ---------------------------------------------------------------------------------------- */

Test(tls_authorities, each_name_once)
{
    set_up_version(DOR_TLS_1_3);
    dor__trust_store_unref(client->trust);
    client->trust = pki_trust("root stranger int root");
    client->name_authorities = DOR_NAME_ALL;
    for (int again = 0; again < 2; again++) { /* not what was there before and the same once more */
        cr_assert(dor__ok(dor__tls_config_name_trusted(client)));
        dor_span name;
        size_t count = 0;
        for (dor_reader r = rd_from(dor__bytes_span(&client->authorities)); rd_left(&r); count++) {
            size_t cursor = 0;
            cr_assert(dor__ok(rd_vec16(&r, &name, 1, UINT16_MAX)));
            cr_assert_not_null(dor__trust_store_find(client->trust, name, &cursor));
        }
        cr_assert_eq(count, 3u);
    }
    client->name_authorities = DOR_NAME_NONE;
    cr_assert(dor__ok(dor__tls_config_name_trusted(client)));
    cr_assert_eq(client->authorities.len, 0u);
    tear_down();
}
