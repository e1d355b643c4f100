/*
 * Exporters (RFC 5705, RFC 8446 section 7.5), TLS 1.2's PRF and what a connection keeps for them: both ends agree, labels
 * and contexts matter, and nothing is kept that nobody asked for. Known answers of another implementation are in
 * tests/interop/test_exporter.c, the RFC's exporter master secret is in test_tls13_vectors.c.
 */
#include "support/proto_test.h"

#include "support/counting_alloc.h"
#include "tls/exporter.h"
#include "tls/handshake.h"
#include "tls/kept.h"

#define LABEL "EXPERIMENTAL dormouse"

static void set_up(void)
{
    set_up_version(0);
    client->exporters = server->exporters = true;
}

TestSuite(exporter, .init = set_up, .fini = tear_down);

static dor_result export_from(dor_tls_role role, const char *label, const char *context, uint8_t *out,
                              size_t len)
{
    const dor_span given = context ? dor__span_str(context) : DOR_SPAN_EMPTY;
    return dor__tls_export(proto_end_of(&pair, role)->tls, label, context ? &given : NULL, out, len);
}

/* What both ends make of it. */
static void both(const char *label, const char *context, uint8_t out[64])
{
    uint8_t other[64];
    cr_assert(dor__ok(export_from(DOR_TLS_CLIENT, label, context, out, 64)));
    cr_assert(dor__ok(export_from(DOR_TLS_SERVER, label, context, other, 64)));
    cr_assert_eq(memcmp(out, other, 64), 0);
}

static void only(uint16_t version, uint16_t suite)
{
    client->exporters = true;
    proto_only(client, version, suite, 0);
    run(NULL);
    works();
}

static void label_and_context_matter(bool empty_is_none)
{
    uint8_t none[64], empty[64], some[64], other_label[64];
    both(LABEL, NULL, none);
    both(LABEL, "", empty);
    both(LABEL, "context", some);
    both(LABEL "!", NULL, other_label);
    cr_assert_eq(memcmp(none, empty, 64) == 0, empty_is_none);
    cr_assert_neq(memcmp(none, some, 64), 0);
    cr_assert_neq(memcmp(empty, some, 64), 0);
    cr_assert_neq(memcmp(none, other_label, 64), 0);
}

Test(exporter, both_ends_agree_in_tls13)
{
    only(DOR_TLS_1_3, 0x1301);
    label_and_context_matter(true);
    proto_pair_fini(&pair);
    only(0, 0x1302);
    label_and_context_matter(true);
}

Test(exporter, both_ends_agree_in_tls12)
{
    only(DOR_TLS_1_2, 0xc02b);
    label_and_context_matter(false);
    proto_pair_fini(&pair);
    only(0, 0xc02c);
    label_and_context_matter(false);
}

Test(exporter, arguments_out_of_range)
{
    static uint8_t out[DOR_EXPORT_MAX + 1];
    static const char *const reserved[] = {"client finished", "server finished", "master secret",
                                           "extended master secret", "key expansion"};
    char label[251];
    memset(label, 'x', 250);
    label[250] = 0;
    only(DOR_TLS_1_3, 0x1301);
    cr_assert_eq(export_from(DOR_TLS_CLIENT, label, NULL, out, 8).code, DOR_E_BADARG);
    cr_assert(dor__ok(export_from(DOR_TLS_CLIENT, label + 1, NULL, out, 8)));
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 0).code, DOR_E_BADARG);
    cr_assert(dor__ok(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 255 * 32)));
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 255 * 32 + 1).code, DOR_E_BADARG);
    for (size_t i = 0; i < COUNT(reserved); i++)
        cr_assert_eq(export_from(DOR_TLS_CLIENT, reserved[i], NULL, out, 8).code, DOR_E_BADARG);
    const dor_span big = dor__span(out, sizeof out);
    cr_assert_eq(dor__tls_export(pair.client.tls, LABEL, &big, out, 8).code, DOR_E_BADARG);
    proto_pair_fini(&pair);
    client->min_version = client->max_version = DOR_TLS_1_2;
    dor__tls_config_unref(client);
    client = proto_client_config("root");
    only(DOR_TLS_1_2, 0);
    cr_assert(dor__ok(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, DOR_EXPORT_MAX)));
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, sizeof out).code, DOR_E_BADARG);
}

Test(exporter, nothing_is_kept_unasked)
{
    uint8_t out[8];
    dor_tls_secrets secrets;
    client->exporters = false;
    prepare(NULL, NULL);
    pair.env[DOR_TLS_CLIENT].key_log = NULL;
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 8).code, DOR_E_ENOTCONN);
    proto_pair_run(&pair);
    works();
    cr_assert_null(pair.client.tls->kept);
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 8).code, DOR_E_NOT_KEPT);
    dor__tls_get_secrets(pair.client.tls, &secrets);
    cr_assert_eq(secrets.client_random.len + secrets.server_random.len + secrets.session_id.len, 0u);
    cr_assert(dor__ok(export_from(DOR_TLS_SERVER, LABEL, NULL, out, 8)));
    dor__tls_get_secrets(pair.server.tls, &secrets);
    cr_assert_eq(secrets.client_random.len, 32u);
    cr_assert_eq(secrets.master_secret.len, 0u);
}

/* A key log alone keeps no secret either. */
Test(exporter, a_key_log_keeps_no_secret)
{
    uint8_t out[8];
    client->exporters = false;
    run(NULL);
    works();
    cr_assert_not_null(pair.client.tls->kept);
    cr_assert_not(pair.client.tls->kept->have_secret);
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 8).code, DOR_E_NOT_KEPT);
}

/* RFC 7627 section 5.4. */
Test(exporter, tls12_without_extended_master_secret_exports_nothing)
{
    uint8_t out[8];
    only(DOR_TLS_1_2, 0);
    cr_assert(pair.client.tls->extended_master_secret);
    pair.client.tls->extended_master_secret =
        false; /* as after a handshake with a peer that does not know it */
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 8).code, DOR_E_EXPORT_UNSAFE);
}

static const dor_tls_seed randoms[] = {{DOR_TLS_SEED_CLIENT_RANDOM, {NULL, 0}},
                                       {DOR_TLS_SEED_SERVER_RANDOM, {NULL, 0}}};

Test(exporter, prf_of_tls12)
{
    uint8_t a[32], b[32], exported[64], huge[DOR_SEEDS_MAX * 2] = {0};
    dor_tls_seed seeds[DOR_SEEDS_MAX + 1];
    const dor_span secret = dor__span_str("a secret of ours");
    only(DOR_TLS_1_2, 0xc02b);
    /* With both randoms it is the exporter without context. */
    both(LABEL, NULL, exported);
    cr_assert(dor__ok(dor__tls_prf(pair.server.tls, NULL, LABEL, randoms, 2, a, 32)));
    cr_assert_eq(memcmp(a, exported, 32), 0);
    /* Given secrets are taken; how a seed is cut does not matter; bytes are what a random is. */
    dor_tls_secrets s;
    dor__tls_get_secrets(pair.server.tls, &s);
    const dor_tls_seed cut[] = {{DOR_TLS_SEED_BYTES, {s.client_random.ptr, 7}},
                                {DOR_TLS_SEED_BYTES, {s.client_random.ptr + 7, 25}},
                                {DOR_TLS_SEED_BYTES, s.server_random}};
    cr_assert(dor__ok(dor__tls_prf(pair.server.tls, NULL, LABEL, cut, 3, b, 32)));
    cr_assert_eq(memcmp(a, b, 32), 0);
    cr_assert(dor__ok(dor__tls_prf(pair.client.tls, &secret, LABEL, randoms, 2, b, 32)));
    cr_assert_neq(memcmp(a, b, 32), 0);
    cr_assert(dor__ok(dor__tls_prf(pair.client.tls, &secret, "key expansion", NULL, 0, b, 32)));
    cr_assert_eq(dor__tls_prf(pair.client.tls, NULL, "key expansion", randoms, 2, b, 32).code, DOR_E_BADARG);
    for (size_t i = 0; i < COUNT(seeds); i++)
        seeds[i] = (dor_tls_seed){DOR_TLS_SEED_BYTES, {huge, 1}};
    cr_assert(dor__ok(dor__tls_prf(pair.client.tls, &secret, LABEL, seeds, DOR_SEEDS_MAX, b, 32)));
    cr_assert_eq(dor__tls_prf(pair.client.tls, &secret, LABEL, seeds, COUNT(seeds), b, 32).code,
                 DOR_E_BADARG);
    cr_assert_eq(dor__tls_prf(pair.client.tls, NULL, "", randoms, 2, b, 32).code, DOR_E_BADARG);
    cr_assert_eq(dor__tls_prf(pair.client.tls, NULL, LABEL, randoms, 2, b, 0).code, DOR_E_BADARG);
}

Test(exporter, prf_of_tls13_is_the_exporter)
{
    uint8_t a[64], b[64];
    const dor_span secret = dor__span_str("a secret of ours");
    only(DOR_TLS_1_3, 0);
    both(LABEL, NULL, a);
    cr_assert(dor__ok(dor__tls_prf(pair.client.tls, NULL, LABEL, randoms, 2, b, 64)));
    cr_assert_eq(memcmp(a, b, 64), 0);
    cr_assert_eq(dor__tls_prf(pair.client.tls, &secret, LABEL, randoms, 2, b, 64).code, DOR_E_EINVAL);
    cr_assert_eq(dor__tls_prf(pair.client.tls, NULL, LABEL, randoms, 1, b, 64).code, DOR_E_EINVAL);
}

Test(exporter, gone_with_a_failure)
{
    uint8_t out[8],
        garbage[] = {23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    only(DOR_TLS_1_3, 0);
    proto_feed(&pair, DOR_TLS_CLIENT, dor__span(garbage, sizeof garbage));
    cr_assert_null(pair.client.tls->kept);
    cr_assert_eq(export_from(DOR_TLS_CLIENT, LABEL, NULL, out, 8).code, pair.client.result.code);
}

/* By a ticket of TLS 1.3; by id and by ticket in TLS 1.2, whose server knows the secret before it has made its random. */
Test(exporter, also_when_resumed)
{
    for (int how = 0; how < 3; how++) {
        uint8_t first[64], second[64];
        server->tickets_12 = how == 2;
        only(how ? DOR_TLS_1_2 : DOR_TLS_1_3, 0);
        both(LABEL, NULL, first);
        dor_session *session =
            how ? dor__tls_session(pair.client.tls) : dor__session_ref(pair.client.session);
        cr_assert_not_null(session);
        proto_pair_fini(&pair);
        proto_pair_init(&pair, client, server, NULL, session, 8); /* other randoms than the first one's */
        proto_pair_run(&pair);
        works();
        cr_assert(pair.client.tls->resumed);
        both(LABEL, NULL, second);
        cr_assert_neq(memcmp(first, second, 64), 0);
        dor__session_unref(session);
    }
}

/* ---- key log ------------------------------------------------------------------------------------------------- */

typedef struct gathered {
    char text[4096];
    size_t count;
} gathered;

static dor_result gather(void *arg, const char *line)
{
    gathered *g = arg;
    strcat(g->text, line);
    strcat(g->text, "\n");
    g->count++;
    return DOR_SUCCESS;
}

/* Every line that is told is one that was logged when it came to be. */
static void told_is_logged(dor_tls *tls, size_t count)
{
    gathered g = {.count = 0};
    cr_assert(dor__ok(dor__tls_key_log_lines(tls, gather, &g)));
    cr_assert_eq(g.count, count, "%s", g.text);
    for (char *line = strtok(g.text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_not_null(strstr(pair.key_log, line), "%s", line);
}

Test(exporter, key_log_lines_afterwards)
{
    gathered g = {.count = 0};
    client->keep_secrets = server->keep_secrets = true;
    only(DOR_TLS_1_3, 0);
    told_is_logged(pair.client.tls, 5);
    cr_assert(dor__ok(dor__tls_update_keys(pair.client.tls, true)));
    proto_say(&pair, DOR_TLS_CLIENT, "x");
    proto_say(&pair, DOR_TLS_SERVER, "x");
    cr_assert(dor__ok(dor__tls_update_keys(pair.client.tls, false)));
    proto_say(&pair, DOR_TLS_CLIENT, "x");
    told_is_logged(pair.client.tls, 7);
    told_is_logged(pair.server.tls, 7);
    cr_assert_not_null(strstr(pair.key_log, "CLIENT_TRAFFIC_SECRET_2 "));
    cr_assert_not_null(strstr(pair.key_log, "SERVER_TRAFFIC_SECRET_1 "));
    cr_assert_null(strstr(pair.key_log, "SERVER_TRAFFIC_SECRET_2 "));
    proto_pair_fini(&pair);
    client->keep_secrets = false;
    run(NULL);
    cr_assert_eq(dor__tls_key_log_lines(pair.client.tls, gather, &g).code, DOR_E_NOT_KEPT);
}

Test(exporter, key_log_lines_of_tls12)
{
    dor_tls_secrets s;
    client->keep_secrets = true;
    only(DOR_TLS_1_2, 0);
    told_is_logged(pair.client.tls, 1);
    dor__tls_get_secrets(pair.client.tls, &s);
    cr_assert_eq(s.master_secret.len, 48u);
    dor__tls_get_secrets(pair.server.tls, &s);
    cr_assert_eq(s.master_secret.len, 0u); /* exporters alone give it to nobody */
}

static dor_result refuse(void *arg, const char *line)
{
    (void)line;
    ++*(int *)arg;
    return dor__error(DOR_E_NOMEM);
}

Test(exporter, who_takes_no_line_is_told_no_more)
{
    int calls = 0;
    client->keep_secrets = true;
    only(DOR_TLS_1_3, 0);
    cr_assert_eq(dor__tls_key_log_lines(pair.client.tls, refuse, &calls).code, DOR_E_NOMEM);
    cr_assert_eq(calls, 1);
}

/* The config's key log gets what the environment's gets. */
static void count_line(void *ctx, const char *line)
{
    cr_assert_null(strchr(line, '\n'));
    ++*(int *)ctx;
}

Test(exporter, key_log_of_the_config)
{
    int lines = 0;
    client->key_log = count_line;
    client->key_log_ctx = &lines;
    only(DOR_TLS_1_3, 0);
    cr_assert_eq(lines, 5);
}

/* ---- tls-unique ------------------------------------------------------------------------------------------------ */

static dor_result unique_of(dor_tls_role role, uint8_t out[DOR_TLS_UNIQUE_LEN])
{
    return dor__tls_unique(proto_end_of(&pair, role)->tls, out);
}

/* Both ends have the same, another than `before`. */
static void both_unique(uint8_t before[DOR_TLS_UNIQUE_LEN])
{
    uint8_t a[DOR_TLS_UNIQUE_LEN], b[DOR_TLS_UNIQUE_LEN];
    cr_assert(dor__ok(unique_of(DOR_TLS_CLIENT, a)));
    cr_assert(dor__ok(unique_of(DOR_TLS_SERVER, b)));
    cr_assert_arr_eq(a, b, sizeof a);
    cr_assert_neq(memcmp(a, before, sizeof a), 0);
    memcpy(before, a, sizeof a);
}

/* Of a full handshake, and of one that resumes it: there the server's Finished is the first. */
Test(exporter, tls_unique)
{
    uint8_t unique[DOR_TLS_UNIQUE_LEN] = {0};
    only(DOR_TLS_1_2, 0xc02b);
    both_unique(unique);
    dor_session *session = dor__tls_session(pair.client.tls);
    cr_assert_not_null(session);
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, NULL, session, 8); /* other randoms than the first one's */
    proto_pair_run(&pair);
    works();
    cr_assert(pair.client.tls->resumed);
    both_unique(unique);
    dor__session_unref(session);
}

Test(exporter, tls_unique_is_not_for_everybody)
{
    uint8_t unique[DOR_TLS_UNIQUE_LEN] = {0};
    only(DOR_TLS_1_3, 0x1301);
    cr_assert_eq(unique_of(DOR_TLS_CLIENT, unique).code, DOR_E_EINVAL);
    cr_assert_eq(unique_of(DOR_TLS_SERVER, unique).code, DOR_E_EINVAL);
    client->exporters = false;
    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    prepare(NULL, NULL);
    cr_assert_eq(unique_of(DOR_TLS_CLIENT, unique).code, DOR_E_ENOTCONN);
    proto_pair_run(&pair);
    works();
    cr_assert_eq(unique_of(DOR_TLS_CLIENT, unique).code, DOR_E_NOT_KEPT);
    cr_assert(dor__ok(unique_of(DOR_TLS_SERVER, unique)));
    pair.server.tls->extended_master_secret = false; /* as if its peer had not known it */
    cr_assert(dor__ok(unique_of(DOR_TLS_SERVER, unique)), "a full handshake's is its own");
    pair.server.tls->resumed = true;
    cr_assert_eq(unique_of(DOR_TLS_SERVER, unique).code, DOR_E_EXPORT_UNSAFE);
}
