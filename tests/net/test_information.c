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

    OK(dor_ssl_connect_async(w.runtime, "127.0.0.1", w.port, w.client, PATIENCE_MS, &ref));
    OK(dor_ssl_transport_accept(w.listener, PATIENCE_MS, &fresh));
    FAILS(dor_ssl_export_keying_material(fresh, LABEL, NULL, 0, out, 8), DOR_E_ENOTCONN);
    OK(dor_ssl_close(fresh));
    cr_assert_neq(await_reply(ref, NULL, NULL), DOR_OK);

    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_export_keying_material(p.client, LABEL, NULL, 0, out, 8), DOR_E_CLOSED);
    end(&w);
}
