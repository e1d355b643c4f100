/* dormouse/information.h over loopback: what a connection tells, and what it does not. */
#include "net_support.h"

#define LABEL "EXPERIMENTAL dormouse"

static const dor_prf_seed randoms[] = {{.kind = DOR_SEED_CLIENT_RANDOM}, {.kind = DOR_SEED_SERVER_RANDOM}};

static pair begin_version(world *w, const char *version, const char *option)
{
    begin(w, 2);
    OK(dor_options_set_list(w->client, "versions", version, NULL));
    if (option) {
        OK(dor_options_set_bool(w->client, option, 1));
        OK(dor_options_set_bool(w->server, option, 1));
    }
    listen_in(w);
    return connect_pair(w);
}

static void both_agree(const char *version)
{
    world w;
    uint8_t a[40], b[40];
    pair p = begin_version(&w, version, "exporters");
    OK(dor_ssl_export_keying_material(p.client, LABEL, NULL, 0, a, sizeof a));
    OK(dor_ssl_export_keying_material(p.server, LABEL, NULL, 0, b, sizeof b));
    cr_assert_eq(memcmp(a, b, sizeof a), 0);
    OK(dor_ssl_prf(p.server, NULL, 0, LABEL, randoms, 2, b, sizeof b)); /* which is the same */
    cr_assert_eq(memcmp(a, b, sizeof a), 0);
    OK(dor_ssl_export_keying_material(p.client, LABEL, "abc", 3, a, sizeof a));
    OK(dor_ssl_export_keying_material(p.server, LABEL, "abc", 3, b, sizeof b));
    cr_assert_eq(memcmp(a, b, sizeof a), 0);
    end(&w);
}

Test(information, exporters_agree)
{
    both_agree("tlsv1.3");
    both_agree("tlsv1.2");
}

Test(information, exporters_need_the_option)
{
    world w;
    uint8_t out[8];
    pair p = begin_version(&w, "tlsv1.3", NULL);
    FAILS(dor_ssl_export_keying_material(p.client, LABEL, NULL, 0, out, 8), DOR_E_NOT_KEPT);
    FAILS(dor_ssl_prf(p.client, NULL, 0, LABEL, randoms, 2, out, 8), DOR_E_NOT_KEPT);
    end(&w);
    p = begin_version(&w, "tlsv1.2", NULL);
    FAILS(dor_ssl_prf(p.client, "s", 1, LABEL, randoms, 2, out, 8), DOR_E_NOT_KEPT);
    OK(dor_ssl_prf(p.client, "s", 1, LABEL, &(dor_prf_seed){.data = "x", .len = 1}, 1, out, 8));
    end(&w);
}

Test(information, exporters_used_badly)
{
    world w;
    uint8_t out[8];
    dor_socket fresh;
    dor_ref ref;
    dor_prf_seed many[65] = {0};
    pair p = begin_version(&w, "tlsv1.2", "keep_secrets");
    FAILS(dor_ssl_export_keying_material(p.client, NULL, NULL, 0, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_export_keying_material(p.client, LABEL, NULL, 0, NULL, 8), DOR_E_BADARG);
    FAILS(dor_ssl_export_keying_material(p.client, LABEL, NULL, 1, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_export_keying_material(p.client, LABEL, NULL, 0, out, 0), DOR_E_BADARG);
    FAILS(dor_ssl_export_keying_material(DOR_SOCKET_NONE, LABEL, NULL, 0, out, 8), DOR_E_CLOSED);
    FAILS(dor_ssl_export_keying_material(w.listener, LABEL, NULL, 0, out, 8), DOR_E_ENOTCONN);
    FAILS(dor_ssl_prf(p.client, NULL, 1, LABEL, NULL, 0, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_prf(p.client, "s", 1, NULL, NULL, 0, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_prf(p.client, "s", 1, LABEL, NULL, 0, NULL, 8), DOR_E_BADARG);
    FAILS(dor_ssl_prf(p.client, "s", 1, LABEL, NULL, 1, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_prf(p.client, "s", 1, LABEL, many, 65, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_prf(p.client, "s", 1, LABEL, &(dor_prf_seed){.kind = (dor_seed_kind)9}, 1, out, 8),
          DOR_E_BADARG);
    FAILS(dor_ssl_prf(p.client, "s", 1, LABEL, &(dor_prf_seed){.len = 1}, 1, out, 8), DOR_E_BADARG);
    FAILS(dor_ssl_prf(w.listener, "s", 1, LABEL, NULL, 0, out, 8), DOR_E_ENOTCONN);

    OK(dor_ssl_connect_async(w.runtime, test_host(), w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &fresh));
    FAILS(dor_ssl_export_keying_material(fresh, LABEL, NULL, 0, out, 8), DOR_E_ENOTCONN);
    OK(dor_ssl_close(fresh));
    cr_assert_neq(await_reply(ref, NULL, NULL), DOR_OK);

    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_export_keying_material(p.client, LABEL, NULL, 0, out, 8), DOR_E_CLOSED);
    end(&w);
}

/* ---- what was negotiated --------------------------------------------------------------------------------------- */

static void add_line(const char *line, void *arg)
{
    strcat(strcat(arg, line), "\n");
}

static void all_items(const char *version, uint16_t number)
{
    world w;
    dor_connection_information c, s;
    char lines[4096] = "", theirs[4096] = "";
    pair p = begin_version(&w, version, "keep_secrets");
    OK(dor_ssl_connection_information(p.client, &c));
    OK(dor_ssl_connection_information(p.server, &s));
    cr_assert_str_eq(c.negotiated.protocol, version);
    cr_assert_eq(c.protocol_version, number);
    cr_assert_not(c.server);
    cr_assert(s.server);
    cr_assert(c.extended_master_secret);
    cr_assert_str_eq(c.suite.name, c.negotiated.cipher_suite);
    cr_assert_str_eq(s.suite.name, c.suite.name);
    cr_assert_eq(c.suite.key_bits, 128);
    cr_assert(c.has_randoms && s.has_randoms);
    cr_assert_eq(memcmp(c.client_random, s.client_random, 32), 0);
    cr_assert_eq(memcmp(c.server_random, s.server_random, 32), 0);
    cr_assert_neq(memcmp(c.client_random, c.server_random, 32), 0);
    cr_assert_eq(c.session_id_len, s.session_id_len);
    cr_assert_eq(memcmp(c.session_id, s.session_id, 32), 0);
    cr_assert_eq(c.master_secret_len, number == 0x0303 ? 48 : 0);
    cr_assert_eq(memcmp(c.master_secret, s.master_secret, 48), 0);
    OK(dor_ssl_key_log_lines(p.client, add_line, lines));
    OK(dor_ssl_key_log_lines(p.server, add_line, theirs));
    cr_assert_str_eq(lines, theirs);
    cr_assert_gt(strlen(lines), 100);
    end(&w);
}

Test(information, all_items_agree)
{
    all_items("tlsv1.3", 0x0304);
    all_items("tlsv1.2", 0x0303);
}

Test(information, as_json_without_secrets)
{
    world w;
    char *text;
    dor_connection_information i;
    pair p = begin_version(&w, "tlsv1.2", "keep_secrets");
    OK(dor_ssl_connection_information_json(p.server, &text));
    OK(dor_ssl_connection_information(p.server, &i));
    cr_assert_not_null(strstr(text, "{\"role\":\"server\",\"protocol\":\"tlsv1.2\",\"cipher_suite\":\"TLS_"),
                       "%s", text);
    cr_assert_not_null(strstr(text, "\"key_exchange\":\"ecdhe_ecdsa\""), "%s", text);
    cr_assert_not_null(strstr(text, "\"client_random\":\""), "%s", text);
    char hex[17];
    for (size_t k = 0; k < 8; k++)
        snprintf(hex + 2 * k, 3, "%02x", i.master_secret[k]);
    cr_assert_null(strstr(text, hex), "a master secret does not belong there");
    cr_assert_eq(text[strlen(text) - 1], '}');
    dor_free(text);
    end(&w);
}

Test(information, nothing_unasked)
{
    world w;
    char *text, lines[4096] = "";
    dor_connection_information i;
    pair p = begin_version(&w, "tlsv1.3", NULL);
    OK(dor_ssl_connection_information(p.client, &i));
    cr_assert_eq(i.has_randoms + i.master_secret_len + i.session_id_len, 0);
    OK(dor_ssl_connection_information_json(p.client, &text));
    cr_assert_null(strstr(text, "random"));
    dor_free(text);
    FAILS(dor_ssl_key_log_lines(p.client, add_line, lines), DOR_E_NOT_KEPT);
    FAILS(dor_ssl_key_log_lines(p.client, NULL, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_connection_information(p.client, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_connection_information(w.listener, &i), DOR_E_ENOTCONN);
    FAILS(dor_ssl_connection_information_json(w.listener, &text), DOR_E_ENOTCONN);
    FAILS(dor_ssl_connection_information_json(p.client, NULL), DOR_E_BADARG);
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_connection_information(p.client, &i), DOR_E_CLOSED);
    end(&w);
}
