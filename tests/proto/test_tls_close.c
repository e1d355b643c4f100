/*
 * Closing from our side, at every moment: after each byte of what the peer says, in either role, of a full handshake, one with a
 * retry and certificates of both, and a resumed one, in both versions. Whatever the moment, close works, says what RFC 8446
 * section 6.1 wants and nothing behind it; no other call of ours does anything from then on; and what the peer had on its way is
 * taken without a word, a failure that is ours, or more memory.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"
#include "tls/exporter.h"

typedef struct scene {
    uint16_t version;
    bool certificates, resumed;
} scene;

static dor_session *offered;

static void arrange(const scene *s)
{
    set_up_version(s->version);
    client->renegotiation = server->renegotiation = server->client_renegotiation = true;
    client->post_auth = server->post_auth = false;
    client->exporters = server->exporters = true;
    if (s->certificates) {
        proto_add_identity(client, "tls-rsa", "rsa");
        server->trust = pki_trust("root");
        server->verify_peer = true;
        if (s->version == DOR_TLS_1_3) proto_only(server, 0, 0, DOR_GROUP_SECP384R1); /* a retry */
    }
    if (!s->resumed) return;
    run(NULL);
    works();
    offered = pair.client.session ? dor__session_ref(pair.client.session) : dor__tls_session(pair.client.tls);
    cr_assert_not_null(offered);
}

static void clean_up(void)
{
    dor__session_unref(offered);
    offered = NULL;
    tear_down();
}

/* Delivers until `role` has heard `limit` bytes; what is left of the peer's words goes into rest. False: there were fewer. */
static bool go_on_until(dor_tls_role role, size_t limit, dor_bytes *rest)
{
    size_t heard = 0;
    prepare(NULL, offered);
    cr_assert(dor__ok(dor__tls_start(pair.server.tls)));
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    if (heard == limit) return true;
    for (int turn = 0; turn < 40; turn++) {
        const dor_tls_role from = turn % 2 ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
        if (from == role) {
            proto_deliver(&pair, from);
            continue;
        }
        dor_bytes *out = dor__tls_output(proto_end_of(&pair, from)->tls);
        dor_bytes data = *out;
        *out = DOR_BYTES_EMPTY;
        const size_t take = data.len < limit - heard ? data.len : limit - heard;
        if (take) proto_feed(&pair, role, dor__span(data.ptr, take));
        heard += take;
        if (heard == limit) {
            cr_assert(dor__ok(dor__bytes_append(rest, dor__span(data.ptr + take, data.len - take))));
            dor__bytes_free(&data);
            return true;
        }
        dor__bytes_free(&data);
    }
    return false;
}

/* Nothing of this may do anything on a connection that we have closed. */
static void all_is_over(dor_tls *t, bool was_connected)
{
    uint8_t key[16];
    cr_assert(dor__ok(dor__tls_close(t)) == was_connected);
    cr_assert(dor__failed(dor__tls_send(t, dor__span_str("x"))));
    cr_assert(dor__failed(dor__tls_update_keys(t, false)));
    cr_assert(dor__failed(dor__tls_update_keys(t, true)));
    cr_assert(dor__failed(dor__tls_renegotiate(t)));
    cr_assert(dor__failed(dor__tls_request_certificate(t)));
    cr_assert(dor__failed(dor__tls_send_early(t, dor__span_str("x"))));
    cr_assert(dor__ok(dor__tls_export(t, "EXPORTER-test", NULL, key, sizeof key)) == was_connected);
    cr_assert_eq(dor__tls_output(t)->len, 0u);
}

static void close_at(dor_tls_role role, dor_bytes *rest)
{
    proto_end *end = proto_end_of(&pair, role);
    dor_tls *t = end->tls;
    const bool connected = dor__tls_connected(t);
    cr_assert(dor__ok(end->result), "%s", trouble());
    dor__bytes_free(dor__tls_output(t)); /* what was said before */
    cr_assert(dor__ok(dor__tls_close(t)));
    const size_t said = dor__tls_output(t)->len;
    /* Two alerts, or one; or none, where we had not begun. */
    cr_assert(said != 0);
    cr_assert_leq(said, 2u * (5 + 2 + 16 + 8 + 48 + 16), "%zu", said);
    if (!connected) cr_assert_eq(dor__tls_error(t).code, DOR_E_CLOSED);
    dor__bytes_free(dor__tls_output(t));
    all_is_over(t, connected);
    const size_t before = counting_alloc_bytes();
    if (rest->len) proto_feed(&pair, role, dor__bytes_span(rest));
    if (!connected) {
        cr_assert_eq(end->result.code, rest->len ? DOR_E_CLOSED : DOR_OK);
        cr_assert_leq(counting_alloc_bytes(), before);
    }
    all_is_over(t, connected && dor__ok(end->result));
}

static void everywhere(const scene *s)
{
    counting_alloc_install();
    arrange(s);
    for (int role = 0; role < 2; role++) {
        dor_bytes rest = DOR_BYTES_EMPTY;
        size_t limit = 0, connected = 0;
        for (; go_on_until((dor_tls_role)role, limit, &rest); limit++) {
            connected += dor__tls_connected(proto_end_of(&pair, (dor_tls_role)role)->tls);
            close_at((dor_tls_role)role, &rest);
            dor__bytes_free(&rest);
        }
        cr_assert_gt(limit, 100u);
        cr_assert_gt(connected, 0u);
        cr_assert_lt(connected, limit);
    }
    clean_up();
}

#define EVERYWHERE(name, ...)                                                                                \
    Test(tls_close, name, .timeout = 300)                                                                    \
    {                                                                                                        \
        static const scene s = {__VA_ARGS__};                                                                \
        everywhere(&s);                                                                                      \
    }

EVERYWHERE(full_13, DOR_TLS_1_3, false, false)
EVERYWHERE(full_12, DOR_TLS_1_2, false, false)
EVERYWHERE(certificates_13, DOR_TLS_1_3, true, false)
EVERYWHERE(certificates_12, DOR_TLS_1_2, true, false)
EVERYWHERE(resumed_13, DOR_TLS_1_3, false, true)
EVERYWHERE(resumed_12, DOR_TLS_1_2, false, true)
