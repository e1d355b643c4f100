/*
 * The order of TLS 1.3's handshake messages, held against everything that is not in it.
 *
 * A handshake between our two ends is run once, and what one of them says is taken apart into messages. Since the random
 * numbers are seeded, the other end can then be brought to any point of the same handshake again, and be given there what
 * does not belong.
 */
#include "support/proto_test.h"

#include "tls/handshake.h"
#include "tls/schedule_13.h"

enum { MAX_MESSAGES = 12 };

/* One end's messages: those in the clear, then those under its handshake keys. */
typedef struct recording {
    dor_bytes messages[MAX_MESSAGES];
    size_t count, clear_count;
    uint8_t secret[DOR_SECRET_MAX_LEN];
} recording;

typedef enum scene { FULL, MUTUAL, EMPTY_CERTIFICATE, RETRY, RESUMED } scene;

static recording said;
static dor_session *ticket;

static void set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    proto_only(client, 0, 0x1301, 0);
}

static void clean_up(void)
{
    for (size_t i = 0; i < said.count; i++)
        dor__bytes_free(&said.messages[i]);
    dor__session_unref(ticket);
    tear_down();
}

TestSuite(tls13_order, .init = set_up, .fini = clean_up);

static void arrange(scene s)
{
    if (s == MUTUAL) proto_add_identity(client, "tls-rsa", "rsa");
    if (s == MUTUAL || s == EMPTY_CERTIFICATE) {
        server->trust = pki_trust("root");
        server->verify_peer = true;
    }
    if (s == RETRY) proto_only(server, 0, 0, DOR_GROUP_SECP256R1);
    if (s == RESUMED) {
        run(NULL);
        works();
        ticket = dor__session_ref(pair.client.session);
    }
}

static void begin(void)
{
    prepare(NULL, ticket);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
}

/* Takes the messages out of what an end has written; its handshake keys are tried on what is not in the clear. */
static void take_apart(dor_tls *t, dor_span output)
{
    dor_protection keys, null;
    dor_record_reader reader = {0};
    dor_record record;
    bool found;
    size_t used;
    dor__protection_init_null(&null);
    cr_assert(dor__ok(dor__traffic_keys(t, said.secret, &keys)));
    while (output.len) {
        bool clear = output.ptr[0] != 23;
        dor_bytes copy = DOR_BYTES_EMPTY;
        cr_assert(dor__ok(dor__bytes_append(&copy, output)));
        cr_assert(dor__ok(
            dor__record_read(&reader, clear ? &null : &keys, copy.ptr, copy.len, &used, &record, &found)));
        output = dor__span(output.ptr + used, output.len - used);
        for (dor_span in = record.payload; record.type == 22 && in.len;) {
            size_t len = 4 + ((size_t)in.ptr[1] << 16 | (size_t)in.ptr[2] << 8 | in.ptr[3]);
            cr_assert(said.count < MAX_MESSAGES && len <= in.len);
            cr_assert(dor__ok(dor__bytes_append(&said.messages[said.count++], dor__span(in.ptr, len))));
            said.clear_count += clear;
            in = dor__span(in.ptr + len, in.len - len);
        }
        dor__bytes_free(&copy);
    }
    dor__protection_fini(&keys);
}

typedef struct wire_tap {
    dor_tls_role from;
    dor_bytes bytes;
} wire_tap;

static void tap(void *ctx, dor_tls_role from, dor_bytes *data)
{
    wire_tap *w = ctx;
    if (from != w->from) return;
    cr_assert(dor__ok(dor__bytes_append(&w->bytes, dor__bytes_span(data))));
}

static void note_secret(dor_tls_role from)
{
    const dor_handshake *hs = pair.server.tls->hs;
    if (hs && hs->version_settled)
        memcpy(said.secret, from == DOR_TLS_CLIENT ? hs->client_secret : hs->server_secret,
               sizeof said.secret);
}

/* Both handshake secrets are there while the server waits for the client's last flight. */
static void record_what_is_said(dor_tls_role from)
{
    wire_tap w = {.from = from, .bytes = DOR_BYTES_EMPTY};
    begin();
    pair.tamper = tap;
    pair.tamper_ctx = &w;
    for (int i = 0; i < 4 && !pair.server.connected; i++) {
        proto_deliver(&pair, DOR_TLS_CLIENT);
        note_secret(from);
        if (!pair.server.connected) proto_deliver(&pair, DOR_TLS_SERVER);
    }
    cr_assert(pair.server.connected, "%s", trouble());
    take_apart(pair.server.tls, dor__bytes_span(&w.bytes));
    dor__bytes_free(&w.bytes);
}

/* ---- bringing one end somewhere ---------------------------------------------------------------------------- */

static dor_protection mouth; /* what makes the records that the end under test hears */
static bool mouth_has_keys;

static void say(dor_tls_role to, bool clear, dor_span message)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    dor_protection null;
    dor__protection_init_null(&null);
    if (!clear && !mouth_has_keys) {
        cr_assert(dor__ok(dor__traffic_keys(proto_end_of(&pair, to)->tls, said.secret, &mouth)));
        mouth_has_keys = true;
    }
    cr_assert(dor__ok(dor__record_write(clear ? &null : &mouth, 22, 0x0303, 16384, message, &out)));
    proto_feed(&pair, to, dor__bytes_span(&out));
    dor__bytes_free(&out);
}

static void shut_mouth(void)
{
    if (mouth_has_keys) dor__protection_fini(&mouth);
    mouth_has_keys = false;
}

/* The same handshake from its beginning, up to where `to` has heard the first `count` messages of the other. */
static void replay(dor_tls_role to, size_t count)
{
    shut_mouth();
    begin();
    for (size_t i = 0; i < count; i++)
        say(to, i < said.clear_count, dor__bytes_span(&said.messages[i]));
    dor__bytes_free(dor__tls_output(proto_end_of(&pair, to)->tls));
    cr_assert(dor__ok(proto_end_of(&pair, to)->result), "after %zu messages: %s", count, trouble());
}

/* Whether a message of this type may come as number `at`: itself, and what a server is free to choose. */
static bool is_legal(dor_tls_role to, size_t at, uint8_t type)
{
    uint8_t recorded = said.messages[at].ptr[0];
    if (type == recorded) return true;
    if (to == DOR_TLS_SERVER) return false;
    if (type == DOR_MSG_HELLO_REQUEST) return at == 0; /* passed over before TLS 1.3 is settled */
    return (recorded == DOR_MSG_CERTIFICATE && type == DOR_MSG_CERTIFICATE_REQUEST &&
            said.messages[at - 1].ptr[0] == DOR_MSG_ENCRYPTED_EXTENSIONS) ||
           (recorded == DOR_MSG_CERTIFICATE_REQUEST && type == DOR_MSG_CERTIFICATE);
}

static dor_span message_of_type(uint8_t type, dor_bytes *made)
{
    for (size_t i = 0; i < said.count; i++)
        if (said.messages[i].ptr[0] == type) return dor__bytes_span(&said.messages[i]);
    const uint8_t empty[4] = {type, 0, 0, 0};
    made->len = 0;
    cr_assert(dor__ok(dor__bytes_append(made, dor__span(empty, 4))));
    return dor__bytes_span(made);
}

static void everything_in_every_place(dor_tls_role to, scene s)
{
    dor_tls_role from = to == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT;
    dor_bytes made = DOR_BYTES_EMPTY;
    arrange(s);
    record_what_is_said(from);
    /* The recording, played back, is the handshake. */
    replay(to, said.count);
    cr_assert(proto_end_of(&pair, to)->connected);
    for (size_t at = 0; at < said.count; at++)
        for (unsigned type = 0; type < 256; type++) {
            if (is_legal(to, at, (uint8_t)type)) continue;
            replay(to, at);
            say(to, at < said.clear_count, message_of_type((uint8_t)type, &made));
            cr_assert(dor__failed(proto_end_of(&pair, to)->result), "message %zu: type %u was taken", at,
                      type);
            cr_assert_not(proto_end_of(&pair, to)->connected);
            dor__bytes_free(dor__tls_output(proto_end_of(&pair, to)->tls));
            failed(to, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
        }
    dor__bytes_free(&made);
    shut_mouth();
}

Test(tls13_order, client_full)
{
    everything_in_every_place(DOR_TLS_CLIENT, FULL);
}

Test(tls13_order, client_with_certificate)
{
    everything_in_every_place(DOR_TLS_CLIENT, MUTUAL);
}

Test(tls13_order, client_retry)
{
    everything_in_every_place(DOR_TLS_CLIENT, RETRY);
}

Test(tls13_order, client_resumed)
{
    everything_in_every_place(DOR_TLS_CLIENT, RESUMED);
}

Test(tls13_order, server_full)
{
    everything_in_every_place(DOR_TLS_SERVER, FULL);
}

Test(tls13_order, server_with_certificate)
{
    everything_in_every_place(DOR_TLS_SERVER, MUTUAL);
}

Test(tls13_order, server_without_certificate)
{
    everything_in_every_place(DOR_TLS_SERVER, EMPTY_CERTIFICATE);
}

Test(tls13_order, server_retry)
{
    everything_in_every_place(DOR_TLS_SERVER, RETRY);
}

Test(tls13_order, server_resumed)
{
    everything_in_every_place(DOR_TLS_SERVER, RESUMED);
}
