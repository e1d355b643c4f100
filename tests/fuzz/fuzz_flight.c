/*
 * The records of one end, in an order and of a form that the input decides; the other end is fed with them.
 *
 *     kind, features, then any number of { what, value, ... } (see `act`)
 *
 * The speaker is a real engine in a real handshake: what it says is caught before it is protected, and waits. The input has it
 * delivered, kept back, repeated, swapped, cut, joined or changed, and puts records of its own between, under the listener's
 * present keys, in the clear, or as bytes that are no records. What is left of the handshake at the end is delivered as it
 * is. The listener's answers go to the speaker untouched. So flights of clients and of servers are reached alike, in the clear and
 * protected, early data, second handshakes and what comes after them.
 *
 * Whatever happens, the listener is connected only to a speaker that is connected to it, gives out no data before, never fails
 * by a fault of its own, and holds no more memory than what it was told is worth.
 *
 * Linked with --wrap, as proto/test_tls_order.c.
 */
#include "support/fuzz_features.h"
#include "support/pki.h"

#include "record/cbc.h"
#include "tls/handshake.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    KIND_12 = 1 << 0,
    KIND_BY_SERVER = 1 << 1, /* the speaker */
    KIND_CLIENT_AUTH = 1 << 2,
    KIND_RESUME = 1 << 3,
    KIND_RETRY = 1 << 4,
    KIND_TICKETS_12 = 1 << 5,
    KIND_STATEFUL = 1 << 6, /* TLS 1.3's tickets */
    KIND_BYTEWISE = 1 << 7,
    KINDS = 1 << 8,
    MAX_LEFT = 4, /* sessions of one handshake in the store */
    MAX_SAID = 128,
    MAX_ACTS = 64
};

static dor_tls_config *clients[KINDS][FEATURES], *servers[KINDS][FEATURES];
static dor_session *sessions[KINDS][FEATURES];
static proto_store store;

typedef struct left_behind {
    dor_session *sessions[MAX_LEFT];
    size_t count;
} left_behind;

static left_behind left[KINDS][FEATURES];

/* A record that the speaker has made. */
typedef struct said {
    uint8_t type;
    dor_bytes content, sealed;
    uint8_t key[DOR_AEAD_MAX_KEY_LEN]; /* it was under; zeros: none */
} said;

static proto_pair pair;
static proto_end *speaker, *listener;
static dor_tls_role listens;
static said queue[MAX_SAID];
static size_t queue_count;
static bool speaking;   /* the speaker is at work, and what is written is its own */
static size_t told_len; /* bytes that the listener has been given */

static void must(dor_result r)
{
    char text[160];
    if (dor__ok(r)) return;
    fprintf(stderr, "fuzz_flight: %s\n", dor_format_error(r.code, text, sizeof text));
    abort();
}

/* ---- what the speaker says ----------------------------------------------------------------------------------- */

dor_result __real_dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                           size_t max_fragment, size_t pad_to, dor_span payload,
                                           dor_bytes *out);
dor_result __wrap_dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                           size_t max_fragment, size_t pad_to, dor_span payload,
                                           dor_bytes *out);
dor_result __real_dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    dor_span payload, dor_bytes *out);
dor_result __wrap_dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    dor_span payload, dor_bytes *out);

static void key_of(const dor_protection *p, uint8_t key[DOR_AEAD_MAX_KEY_LEN])
{
    memcpy(key, p->is_cbc ? p->cbc->key : p->key, DOR_AEAD_MAX_KEY_LEN);
}

dor_result __wrap_dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version,
                                           size_t max_fragment, size_t pad_to, dor_span payload,
                                           dor_bytes *out)
{
    while (speaking && queue_count < MAX_SAID) { /* a record at a time */
        size_t len = payload.len < max_fragment ? payload.len : max_fragment, before = out->len;
        said *s = &queue[queue_count];
        *s = (said){.type = type};
        key_of(p, s->key);
        DOR_TRY(__real_dor__record_write_padded(p, type, version, max_fragment, pad_to,
                                                dor__span(payload.ptr, len), out));
        DOR_TRY(dor__bytes_append(&s->content, dor__span(payload.ptr, len)));
        DOR_TRY(dor__bytes_append(&s->sealed, dor__span(out->ptr + before, out->len - before)));
        queue_count++;
        payload = dor__span(payload.ptr + len, payload.len - len);
        if (payload.len == 0) return DOR_SUCCESS;
    }
    return __real_dor__record_write_padded(p, type, version, max_fragment, pad_to, payload, out);
}

dor_result __wrap_dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    dor_span payload, dor_bytes *out)
{
    return __wrap_dor__record_write_padded(p, type, version, max_fragment, 0, payload, out);
}

static void pop(void)
{
    dor__bytes_free(&queue[0].content);
    dor__bytes_free(&queue[0].sealed);
    memmove(queue, queue + 1, --queue_count * sizeof queue[0]);
}

/* ---- what the listener hears --------------------------------------------------------------------------------- */

static void check_listener(void)
{
    dor_result r = listener->result;
    const dor_tls_config *c = listener->tls->config;
    if (listener->plaintext.len && !listener->connected) abort();
    if (dor__failed(r) && dor_error_get_alert(r.code) < 0) abort();
    if (dor__failed(r) && dor_error_get_class(r.code) == DOR_CLASS_ALERT_SENT &&
        dor_error_get_alert(r.code) == DOR_ALERT_INTERNAL_ERROR)
        abort();
    if (dor__tls_memory(listener->tls) > c->max_handshake_memory + c->max_handshake_len + 8 * told_len)
        abort();
}

/* Bytes to the listener; its answer, to the speaker, whose answer then waits. */
static void tell(dor_span bytes)
{
    told_len += bytes.len;
    proto_feed(&pair, listens, bytes);
    check_listener();
    dor_bytes answer = *dor__tls_output(listener->tls);
    *dor__tls_output(listener->tls) = DOR_BYTES_EMPTY;
    speaking = true;
    if (answer.len)
        proto_feed(&pair, listens == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT,
                   dor__bytes_span(&answer));
    speaking = false;
    dor__bytes_free(&answer);
    dor__bytes_free(dor__tls_output(speaker->tls));
}

/* Under the listener's present keys, or in the clear. */
static void tell_record(uint8_t type, bool clear, size_t pad_to, dor_span content)
{
    const dor_protection *keys = &listener->tls->read;
    dor_protection p;
    dor_bytes out = DOR_BYTES_EMPTY;
    if (clear || dor__protection_is_null(keys) ||
        (keys->ops->pads && type == DOR_CONTENT_CHANGE_CIPHER_SPEC)) {
        dor__protection_init_null(&p);
    } else if (keys->is_cbc) {
        const struct dor_cbc_state *s = keys->cbc;
        const dor_cbc_keys k = {s->key,
                                s->mac_key,
                                s->key_len,
                                (dor_hash_id)s->mac,
                                dor__protection_encrypts_then_macs(keys),
                                true,
                                pair.rng[listens]};
        must(dor__protection_init_cbc(&p, &k));
    } else if (keys->ops->pads) {
        must(dor__protection_init_13(&p, (dor_aead_id)keys->aead_id, keys->key, keys->iv));
    } else {
        must(dor__protection_init_12(&p, (dor_aead_id)keys->aead_id, keys->key, keys->iv));
    }
    p.sequence = keys->sequence;
    must(dor__record_write_padded(&p, type, DOR_TLS_1_2, DOR_RECORD_MAX_PLAINTEXT, pad_to, content, &out));
    dor__protection_fini(&p);
    tell(dor__bytes_span(&out));
    dor__bytes_free(&out);
}

/* As the listener would have it. What is under keys that it has not (early data that it refuses) stays as it was. */
static void tell_said(const said *s, dor_span content)
{
    uint8_t now[DOR_AEAD_MAX_KEY_LEN];
    key_of(&listener->tls->read, now);
    if (memcmp(now, s->key, sizeof now) == 0)
        tell_record(s->type, false, 0, content);
    else
        tell(dor__bytes_span(&s->sealed));
}

static void tell_next(void)
{
    if (queue_count == 0) return;
    said next = queue[0];
    memmove(queue, queue + 1, --queue_count * sizeof queue[0]); /* while it is heard more may be said */
    tell_said(&next, dor__bytes_span(&next.content));
    dor__bytes_free(&next.content);
    dor__bytes_free(&next.sealed);
}

/* ---- the input ----------------------------------------------------------------------------------------------- */

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static size_t number(input *in)
{
    if (in->left == 0) return 0;
    in->left--;
    return *in->at++;
}

static dor_span bytes(input *in)
{
    size_t len = number(in);
    if (len & 0x80) len = (len & 0x7f) << 8 | number(in);
    if (len > in->left) len = in->left;
    dor_span s = dor__span(in->at, len);
    in->at += len;
    in->left -= len;
    return s;
}

static void cut_next(size_t at)
{
    if (queue_count == 0 || queue_count == MAX_SAID || queue[0].content.len < 2) return;
    said rest = {.type = queue[0].type};
    dor_bytes *content = &queue[0].content;
    at = 1 + at % (content->len - 1);
    memcpy(rest.key, queue[0].key, sizeof rest.key);
    must(dor__bytes_append(&rest.content, dor__span(content->ptr + at, content->len - at)));
    content->len = at;
    memmove(queue + 2, queue + 1, (queue_count++ - 1) * sizeof queue[0]);
    queue[1] = rest;
}

static void join_next(void)
{
    if (queue_count < 2 || queue[0].type != queue[1].type) return;
    said first = queue[0];
    must(dor__bytes_append(&first.content, dor__bytes_span(&queue[1].content)));
    queue[0] = queue[1];
    queue[1] = first;
    pop();
}

static void change_next(size_t where, uint8_t with)
{
    if (queue_count == 0 || queue[0].content.len == 0) return;
    queue[0].content.ptr[where % queue[0].content.len] ^= with;
}

/* What a program may do, with what comes of it. */
static void do_something(size_t what)
{
    proto_end *end = what & 8 ? listener : speaker;
    if (!dor__tls_connected(end->tls) || dor__failed(dor__tls_error(end->tls))) return;
    speaking = end == speaker;
    switch (what % 8) {
    case 0: (void)dor__tls_send(end->tls, dor__span_str("what one says")).code; break;
    case 1: (void)dor__tls_update_keys(end->tls, true).code; break;
    case 2: (void)dor__tls_request_certificate(end->tls).code; break;
    case 3: (void)dor__tls_renegotiate(end->tls).code; break;
    case 4: dor__tls_sleep(end->tls); break;
    case 5: (void)dor__tls_close(end->tls).code; break;
    default: break;
    }
    speaking = false;
    tell(DOR_SPAN_EMPTY);
}

static void act(input *in)
{
    size_t what = number(in), value = number(in);
    switch (what % 12) {
    case 0:
        for (size_t i = 0; i <= value && queue_count; i++)
            tell_next();
        break;
    case 1:
        if (queue_count) pop();
        break;
    case 2:
        if (queue_count) tell_said(&queue[0], dor__bytes_span(&queue[0].content));
        break;
    case 3: tell_record((uint8_t)value, false, 0, bytes(in)); break;
    case 4: tell_record((uint8_t)value, true, 0, bytes(in)); break;
    case 5: tell(bytes(in)); break;
    case 6: cut_next(value << 8 | number(in)); break;
    case 7: join_next(); break;
    case 8:
        if (queue_count > 1) {
            said first = queue[0];
            queue[0] = queue[1];
            queue[1] = first;
        }
        break;
    case 9: change_next(value << 8 | number(in), (uint8_t)number(in)); break;
    case 10: do_something(value); break;
    default: /* behind what the next record has */
        if (queue_count) must(dor__bytes_append(&queue[0].content, bytes(in)));
        break;
    }
}

/* ---- a run --------------------------------------------------------------------------------------------------- */

static dor_tls_config *config_make(uint8_t kind, uint8_t features, bool is_client)
{
    dor_tls_config *c =
        is_client ? proto_client_config("root") : proto_server_config("tls-p256", "c", &store);
    must(dor__tls_config_add_alpn(c, dor__span_str("h2")));
    if (kind & KIND_12) c->max_version = DOR_TLS_1_2;
    if (kind & KIND_RETRY && !is_client) proto_only(c, 0, 0, DOR_GROUP_SECP256R1);
    c->tickets_12 = kind & KIND_TICKETS_12;
    c->ticket_kind = kind & KIND_STATEFUL ? DOR_TICKETS_STATEFUL : DOR_TICKETS_STATELESS;
    if (kind & KIND_CLIENT_AUTH && is_client) proto_add_identity(c, "tls-p256", "c");
    if (!is_client) {
        c->trust = pki_trust("root");
        c->verify_peer = c->require_peer_cert = kind & KIND_CLIENT_AUTH;
    }
    fuzz_features_set(c, is_client, features);
    return c;
}

/* Each run begins with what the handshake that made its session left in the store, whatever runs there were before. */
static void store_set(const left_behind *of)
{
    while (store.count)
        dor__session_unref(store.sessions[--store.count]);
    for (size_t i = 0; of && i < of->count; i++)
        store.sessions[store.count++] = dor__session_ref(of->sessions[i]);
    dor__replay_window_free(store.window);
    store.window = NULL;
    if (of) must(dor__replay_window_new(&store.window, proto_now_ms() - 60000, 8));
}

static void store_keep(left_behind *of)
{
    if (store.count > MAX_LEFT) abort();
    for (; of->count < store.count; of->count++)
        of->sessions[of->count] = dor__session_ref(store.sessions[of->count]);
}

static void make(uint8_t kind, uint8_t features)
{
    static bool made;
    dor_session **session = &sessions[kind][features];
    if (!made) proto_store_init(&store);
    made = true;
    store_set(NULL);
    clients[kind][features] = config_make(kind, features, true);
    servers[kind][features] = config_make(kind, features, false);
    proto_pair_init(&pair, clients[kind][features], servers[kind][features], NULL, NULL,
                    1000u + kind + ((unsigned)features << 8)); /* so that no two sessions have one id */
    proto_pair_run(&pair);
    must(pair.client.result);
    must(pair.server.result);
    if (!pair.client.connected || !pair.server.connected) abort();
    *session =
        pair.client.session ? dor__session_ref(pair.client.session) : dor__tls_session(pair.client.tls);
    store_keep(&left[kind][features]);
    proto_pair_fini(&pair);
}

static void start(uint8_t kind, uint8_t features)
{
    proto_pair_init(&pair, clients[kind][features], servers[kind][features], NULL,
                    kind & KIND_RESUME ? sessions[kind][features] : NULL, 7);
    pair.now_ms += 1000;
    pair.chunk = kind & KIND_BYTEWISE ? 1 : 0;
    listens = kind & KIND_BY_SERVER ? DOR_TLS_CLIENT : DOR_TLS_SERVER;
    listener = proto_end_of(&pair, listens);
    speaker = listens == DOR_TLS_CLIENT ? &pair.server : &pair.client;
    told_len = 0;
    must(dor__tls_start(pair.server.tls));
    speaking = speaker == &pair.client;
    must(dor__tls_start(pair.client.tls));
    if (features & FEATURE_EARLY) (void)dor__tls_send_early(pair.client.tls, dor__span_str("early")).code;
    speaking = false;
    dor__bytes_free(dor__tls_output(speaker->tls));
    tell(DOR_SPAN_EMPTY); /* a client's first words */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    uint8_t kind = data[0], features = data[1] % FEATURES;
    if (kind & (KIND_CLIENT_AUTH | KIND_12) && (features & FEATURE_EXCHANGE) == EXCHANGE_PSK)
        features &= (uint8_t)~FEATURE_EXCHANGE; /* which has nothing to do with certificates */
    if (!clients[kind][features]) make(kind, features);
    store_set(&left[kind][features]);
    input in = {data + 2, size - 2};
    start(kind, features);
    for (size_t i = 0; i < MAX_ACTS && in.left; i++)
        act(&in);
    for (size_t i = 0; i < MAX_SAID && queue_count; i++)
        tell_next();
    if (listener->connected && !speaker->connected) abort();
    if (size == 2 && !listener->connected) {
        must(listener->result);
        must(speaker->result);
        abort();
    }
    while (queue_count)
        pop();
    proto_pair_fini(&pair);
    store_set(NULL);
    return 0;
}
