/*
 * Key exchange over every group that this build has: both versions, HelloRetryRequest to each, which shares a client
 * sends, and shares that were altered on their way.
 */
#include "support/proto_test.h"
#include "tls/handshake.h"

enum { MAX_GROUPS = 16 };

static dor_group all[MAX_GROUPS];
static size_t count;

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    for (count = 0; count < MAX_GROUPS && dor__kx_at(count); count++)
        all[count] = dor__kx_at(count);
}

TestSuite(tls_groups, .init = set_up, .fini = tear_down);

static void groups_are(dor_tls_config *config, const dor_group *groups, size_t n)
{
    memcpy(config->groups, groups, n * sizeof *groups);
    config->group_count = n;
}

static dor_tls_info info_of(dor_tls_role role)
{
    dor_tls_info info;
    dor__tls_get_info(proto_end_of(&pair, role)->tls, &info);
    return info;
}

/* ---- handshakes -------------------------------------------------------------------------------------------- */

Test(tls_groups, each_in_tls_1_3)
{
    for (size_t i = 0; i < count; i++) {
        proto_only(client, 0, 0, all[i]);
        groups_are(server, all, count);
        run(NULL);
        works();
        cr_assert_eq(info_of(DOR_TLS_CLIENT).group, all[i]);
        cr_assert_eq(info_of(DOR_TLS_SERVER).group, all[i]);
        cr_assert_not(info_of(DOR_TLS_SERVER).hello_retry);
    }
}

Test(tls_groups, each_one_byte_at_a_time_with_a_client_certificate)
{
    server->verify_peer = server->require_peer_cert = true;
    server->trust = dor__trust_store_ref(client->trust);
    proto_add_identity(client, "tls-p256", "c");
    for (size_t i = 0; i < count; i++) {
        proto_only(client, 0, 0, all[i]);
        proto_only(server, 0, 0, all[i]);
        prepare(NULL, NULL);
        pair.chunk = 1;
        proto_pair_run(&pair);
        works();
    }
}

/* TLS 1.2: curves in ECDHE; the rest has no place there. */
Test(tls_groups, each_in_tls_1_2)
{
    for (size_t i = 0; i < count; i++) {
        dor_group groups[] = {all[i], DOR_GROUP_SECP256R1};
        proto_only(client, DOR_TLS_1_2, 0, 0);
        groups_are(client, groups, 2);
        groups_are(server, groups, 2);
        run(NULL);
        works();
        bool curve = dor__kx_family(all[i]) == DOR_GROUP_CURVE;
        cr_assert_eq(info_of(DOR_TLS_CLIENT).group, curve ? all[i] : DOR_GROUP_SECP256R1);
    }
}

Test(tls_groups, no_group_for_ecdhe)
{
    if (!dor__kx_known(DOR_GROUP_X25519MLKEM768)) cr_skip_test("this wolfCrypt has no ML-KEM");
    static const dor_group groups[] = {DOR_GROUP_X25519MLKEM768, DOR_GROUP_FFDHE2048};
    proto_only(client, DOR_TLS_1_2, 0, 0);
    groups_are(server, groups, 2);
    run(NULL);
    fails(DOR_TLS_SERVER, DOR_ALERT_HANDSHAKE_FAILURE, DOR_REASON_NO_GROUP);
}

Test(tls_groups, retry_to_each)
{
    for (size_t i = 0; i < count; i++) {
        dor_group first = all[i] == DOR_GROUP_SECP256R1 ? DOR_GROUP_SECP384R1 : DOR_GROUP_SECP256R1;
        dor_group groups[] = {first, all[i]};
        groups_are(client, groups, 2);
        proto_only(server, 0, 0, all[i]);
        run(NULL);
        works();
        cr_assert(info_of(DOR_TLS_CLIENT).hello_retry);
        cr_assert_eq(info_of(DOR_TLS_CLIENT).group, all[i]);
    }
}

/* ---- which shares there are -------------------------------------------------------------------------------- */

/* The groups that the client's first hello has shares for. */
static size_t shares_sent(dor_group groups[DOR_MAX_OWN_SHARES])
{
    size_t n = 0;
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    const dor_handshake *hs = pair.client.tls->hs;
    for (; n < DOR_MAX_OWN_SHARES && hs->shares[n]; n++)
        groups[n] = dor__kx_group(hs->shares[n]);
    return n;
}

Test(tls_groups, shares_by_default)
{
    static const struct {
        dor_group groups[3], shares[2];
    } cases[] = {
        {{DOR_GROUP_X25519, DOR_GROUP_SECP256R1}, {DOR_GROUP_X25519}},
        {{DOR_GROUP_X25519MLKEM768, DOR_GROUP_SECP256R1, DOR_GROUP_X25519},
         {DOR_GROUP_X25519MLKEM768, DOR_GROUP_X25519}},
        {{DOR_GROUP_X25519MLKEM768, DOR_GROUP_SECP256R1}, {DOR_GROUP_X25519MLKEM768}},
        {{DOR_GROUP_SECP256R1MLKEM768, DOR_GROUP_SECP256R1},
         {DOR_GROUP_SECP256R1MLKEM768, DOR_GROUP_SECP256R1}},
        {{DOR_GROUP_X25519, DOR_GROUP_X25519MLKEM768}, {DOR_GROUP_X25519}},
    };
    if (!dor__kx_known(DOR_GROUP_X25519MLKEM768)) cr_skip_test("this wolfCrypt has no ML-KEM");
    for (size_t i = 0; i < COUNT(cases); i++) {
        dor_group sent[DOR_MAX_OWN_SHARES];
        size_t groups = cases[i].groups[2] ? 3 : 2, expected = cases[i].shares[1] ? 2 : 1;
        groups_are(client, cases[i].groups, groups);
        cr_assert_eq(shares_sent(sent), expected, "%zu", i);
        cr_assert_arr_eq(sent, cases[i].shares, expected * sizeof sent[0]);
    }
}

Test(tls_groups, shares_that_the_config_names)
{
    static const dor_group groups[] = {DOR_GROUP_SECP256R1, DOR_GROUP_X25519, DOR_GROUP_SECP384R1,
                                       DOR_GROUP_SECP521R1};
    dor_group sent[DOR_MAX_OWN_SHARES];
    groups_are(client, groups, COUNT(groups));
    groups_are(server, groups, COUNT(groups));
    client->key_shares_given = true;
    client->key_shares[0] = DOR_GROUP_SECP384R1;
    client->key_shares[1] = DOR_GROUP_X25519;
    client->key_shares[2] = DOR_GROUP_FFDHE8192; /* not in groups: none is sent */
    client->key_share_count = 3;
    cr_assert_eq(shares_sent(sent), 2);
    cr_assert_eq(sent[0], DOR_GROUP_X25519); /* in the order of groups */
    cr_assert_eq(sent[1], DOR_GROUP_SECP384R1);
    run(NULL);
    works();
    cr_assert_eq(info_of(DOR_TLS_SERVER).group, DOR_GROUP_X25519);

    proto_only(server, 0, 0, DOR_GROUP_SECP384R1); /* the other one serves as well */
    run(NULL);
    works();
    cr_assert_not(info_of(DOR_TLS_SERVER).hello_retry);
    cr_assert_eq(info_of(DOR_TLS_CLIENT).group, DOR_GROUP_SECP384R1);

    client->key_share_count = 0; /* a hello without shares asks for a retry */
    cr_assert_eq(shares_sent(sent), 0);
    run(NULL);
    works();
    cr_assert(info_of(DOR_TLS_SERVER).hello_retry);
}

/* A server that asks for a group whose share it has already would have a client go round in circles. */
static void ask_again(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    if (from != DOR_TLS_SERVER) return;
    for (size_t i = 0; i + 6 <= data->len; i++) /* key_share of a retry: type, length 2, group */
        if (memcmp(data->ptr + i, "\x00\x33\x00\x02\x00\x18", 6) == 0) data->ptr[i + 5] = 0x17;
}

Test(tls_groups, retry_to_any_group_that_was_sent)
{
    static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
    groups_are(client, groups, 3);
    client->key_shares_given = true;
    client->key_shares[0] = DOR_GROUP_X25519;
    client->key_shares[1] = DOR_GROUP_SECP256R1;
    client->key_share_count = 2;
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1);
    prepare(NULL, NULL);
    pair.tamper = ask_again;
    proto_pair_run(&pair);
    fails(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HELLO_RETRY);
}

/* ---- altered shares ---------------------------------------------------------------------------------------- */

typedef struct alteration {
    dor_tls_role by;
    dor_group group;
    size_t bit;
    size_t share_len; /* found */
} alteration;

/* Where a KeyShareEntry of the group begins its key_exchange; its length is given out. */
static uint8_t *share_in(dor_bytes *data, dor_group group, size_t *len)
{
    for (size_t i = 0; i + 8 < data->len; i++) {
        const uint8_t *at = data->ptr + i;
        if (at[0] || at[1] != 0x33) continue;
        for (size_t j = 4; j <= 6; j += 2) { /* a client's has the length of its list in front */
            if (i + j + 4 >= data->len) continue;
            size_t n = (size_t)at[j + 2] << 8 | at[j + 3];
            if ((at[j] << 8 | at[j + 1]) != group || n < 32 || i + j + 4 + n > data->len) continue;
            *len = n;
            return data->ptr + i + j + 4;
        }
    }
    return NULL;
}

static void alter(void *ctx, dor_tls_role from, dor_bytes *data)
{
    alteration *a = ctx;
    size_t len = 0;
    if (from != a->by || a->share_len || !data->len || data->ptr[0] != 22) return;
    uint8_t *share = share_in(data, a->group, &len);
    cr_assert_not_null(share);
    a->share_len = len;
    share[a->bit / 8 % len] ^= (uint8_t)(1u << a->bit % 8);
}

/* However it was altered, the two do not come to talk: one says illegal_parameter, or the keys are not the same. */
static void altered(dor_tls_role by, dor_group group, size_t step)
{
    size_t bits = 1;
    for (size_t bit = 0; bit < bits; bit += step) {
        alteration a = {by, group, bit, 0};
        prepare(NULL, NULL);
        pair.tamper = alter;
        pair.tamper_ctx = &a;
        proto_pair_run(&pair);
        cr_assert(a.share_len);
        bits = a.share_len * 8;
        dor_tls_role judge = by == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
        dor_alert first = dor_error_get_alert(proto_end_of(&pair, judge)->result.code);
        cr_assert_not(pair.client.connected || pair.server.connected);
        cr_assert(dor__failed(pair.client.result) && dor__failed(pair.server.result));
        cr_assert(first == DOR_ALERT_ILLEGAL_PARAMETER || first == DOR_ALERT_BAD_RECORD_MAC, "%zu: %s", bit,
                  trouble());
    }
}

/* Every bit of the short ones; of the long ones one in each of their bytes, going round. */
static void alter_each(dor_tls_role by)
{
    for (size_t i = 0; i < count; i++) {
        bool is_slow = dor__kx_secret_len(all[i]) > 256, is_long = dor__kx_secret_len(all[i]) > 66;
        proto_only(client, 0, 0, all[i]);
        proto_only(server, 0, 0, all[i]);
        altered(by, all[i], dor__kx_family(all[i]) == DOR_GROUP_HYBRID ? 9 : is_slow ? 401 : is_long ? 9 : 1);
    }
}

Test(tls_groups, client_shares_altered, .timeout = 120)
{
    alter_each(DOR_TLS_CLIENT);
}

Test(tls_groups, server_shares_altered, .timeout = 120)
{
    alter_each(DOR_TLS_SERVER);
}
