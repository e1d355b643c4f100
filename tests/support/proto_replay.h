/*
 * proto_replay.h - takes one end's half of a TLS 1.3 handshake apart into messages, and brings the other end to any point
 * of the same handshake again, where the test may say something else.
 *
 * Works because each end's random numbers are seeded: the end under test does the same again when it hears the same.
 */
#ifndef TESTS_SUPPORT_PROTO_REPLAY_H
#define TESTS_SUPPORT_PROTO_REPLAY_H

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

static inline void replay_set_up(void)
{
    set_up_version(DOR_TLS_1_3);
    proto_only(client, 0, 0x1301, 0);
}

static inline void arrange(scene s)
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

static inline void begin(void)
{
    prepare(NULL, ticket);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
}

/* Takes the messages out of what an end has written; its handshake keys are tried on what is not in the clear. */
static inline void take_apart(dor_tls *t, dor_span output)
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

static inline void tap(void *ctx, dor_tls_role from, dor_bytes *data)
{
    wire_tap *w = ctx;
    if (from != w->from) return;
    cr_assert(dor__ok(dor__bytes_append(&w->bytes, dor__bytes_span(data))));
}

static inline void note_secret(dor_tls_role from)
{
    const dor_handshake *hs = pair.server.tls->hs;
    if (hs && hs->version_settled)
        memcpy(said.secret, from == DOR_TLS_CLIENT ? hs->client_secret : hs->server_secret,
               sizeof said.secret);
}

/* Both handshake secrets are there while the server waits for the client's last flight. */
static inline void record_what_is_said(dor_tls_role from)
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

static inline void say(dor_tls_role to, bool clear, dor_span message)
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

static inline void shut_mouth(void)
{
    if (mouth_has_keys) dor__protection_fini(&mouth);
    mouth_has_keys = false;
}

/* The same handshake from its beginning, up to where `to` has heard the first `count` messages of the other. */
static inline void replay(dor_tls_role to, size_t count)
{
    shut_mouth();
    begin();
    for (size_t i = 0; i < count; i++)
        say(to, i < said.clear_count, dor__bytes_span(&said.messages[i]));
    dor__bytes_free(dor__tls_output(proto_end_of(&pair, to)->tls));
    cr_assert(dor__ok(proto_end_of(&pair, to)->result), "after %zu messages: %s", count, trouble());
}

static inline void replay_clean_up(void)
{
    shut_mouth();
    for (size_t i = 0; i < said.count; i++)
        dor__bytes_free(&said.messages[i]);
    dor__session_unref(ticket);
    tear_down();
}

#endif
