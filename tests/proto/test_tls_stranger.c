/*
 * What a stranger costs: the most bytes that one connection can be made to hold by a peer that has not shown who it is, in either
 * role, however it cuts and fills what it says. The numbers are those of docs/engine.md.
 */
#include "support/counting_alloc.h"
#include "support/proto_test.h"
#include "support/tls12_wire.h"

/* Bytes, beside the configs: while the end of a message is waited for, and at the worst moment. */
enum { WAITING_MAX = 200 * 1024, WORST_MAX = 264 * 1024, BODY_MAX = 64 * 1024 };

static void stranger_set_up(void)
{
    counting_alloc_install();
    set_up_version(0);
}

TestSuite(tls_stranger, .init = stranger_set_up, .fini = tear_down, .timeout = 300);

/* ---- counting ------------------------------------------------------------------------------------------------- */

typedef struct work {
    size_t pairs, secrets, signatures, verifications, decryptions; /* operations with keys */
    size_t tickets;                                                /* opened, or tried */
    size_t hashed;                                                 /* bytes */
} work;

static work done;

#define COUNTED(name, parameters, arguments, count)                                                          \
    dor_result __real_##name parameters;                                                                     \
    dor_result __wrap_##name parameters;                                                                     \
    dor_result __wrap_##name parameters                                                                      \
    {                                                                                                        \
        count;                                                                                               \
        return __real_##name arguments;                                                                      \
    }

COUNTED(dor__kx_new, (dor_kx * *kx, dor_group group, dor_rng *rng), (kx, group, rng), done.pairs++)
COUNTED(dor__kx_derive, (dor_kx * kx, dor_span peer, dor_rng *rng, uint8_t *secret, size_t *len),
        (kx, peer, rng, secret, len), done.secrets++)
COUNTED(dor__kx_respond,
        (dor_kx * *kx, dor_group group, dor_span peer, dor_rng *rng, uint8_t *secret, size_t *len),
        (kx, group, peer, rng, secret, len), (done.pairs++, done.secrets++))
COUNTED(dor__sign,
        (const dor_private_key *key, dor_sig_scheme scheme, dor_span message, dor_rng *rng, uint8_t *sig,
         size_t cap, size_t *len),
        (key, scheme, message, rng, sig, cap, len), done.signatures++)
COUNTED(dor__verify, (const dor_public_key *key, dor_sig_scheme scheme, dor_span message, dor_span sig),
        (key, scheme, message, sig), done.verifications++)
COUNTED(dor__premaster_open,
        (const dor_private_key *key, uint16_t version, dor_rng *rng, dor_span encrypted, uint8_t *premaster),
        (key, version, rng, encrypted, premaster), done.decryptions++)
COUNTED(dor__ticket_open, (const dor_ticket_key *key, dor_span ticket, dor_bytes *plain, bool *opened),
        (key, ticket, plain, opened), done.tickets++)
COUNTED(dor__hash_update, (dor_hash * h, dor_span data), (h, data), done.hashed += data.len)

/* One exchange and one signature; a hello's bytes pass through the hash a few times (transcript, binders, what a second hello
 * must not change), and the key schedule adds some KiB. */
static void little_work(size_t heard)
{
    cr_assert_leq(done.pairs, 1u, "%zu", done.pairs);
    cr_assert_leq(done.secrets, 1u, "%zu", done.secrets);
    cr_assert_leq(done.signatures, 1u, "%zu", done.signatures);
    cr_assert_eq(done.verifications + done.decryptions, 0u);
    cr_assert_leq(done.tickets, 8u, "%zu", done.tickets);
    cr_assert_leq(done.hashed, 3 * heard + 16384, "%zu", done.hashed);
}

static void put(dor_bytes *b, const void *data, size_t len)
{
    cr_assert(dor__ok(dor__bytes_append(b, dor__span(data, len))));
}

static void put_u16(dor_bytes *b, size_t v)
{
    const uint8_t two[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    put(b, two, 2);
}

/* ---- the largest hellos ---------------------------------------------------------------------------------------- */

typedef enum stuffing {
    ONE_EXTENSION,
    EXTENSIONS,
    NAMES,
    SHARES,
    IDENTITIES,
    TICKETS,
    GROUPS,
    SCHEMES,
    STUFFINGS
} stuffing;

static const uint16_t stuffed_type[] = {0x7a7b, 0, 16, 51, 41, 41, 10, 13};

/* Extension data of `room` bytes at most, as full as can be. */
static void stuff(dor_bytes *b, stuffing how, size_t room)
{
    static const uint8_t zeros[65536];
    static const uint8_t binder[33] = {32};
    const size_t list = room - 2;
    switch (how) {
    case ONE_EXTENSION: put(b, zeros, room); break;
    case NAMES:
        put_u16(b, list / 2 * 2);
        for (size_t i = 0; i < list / 2; i++)
            put(b, "\1x", 2);
        break;
    case SHARES: /* of groups that nobody knows */
        put_u16(b, list / 5 * 5);
        for (size_t i = 0; i < list / 5; i++)
            put(b, "\x7a\x7a\0\1x", 5);
        break;
    case TICKETS: /* under a key of ours, as far as their names tell */
    case IDENTITIES: {
        uint8_t identity[2 + 100 + 4] = {0, how == TICKETS ? 100 : 1, 'x'};
        const size_t len = how == TICKETS ? sizeof identity : 2 + 1 + 4,
                     n = (room - 4) / (len + sizeof binder);
        if (how == TICKETS) memcpy(identity + 2, store.key.name, sizeof store.key.name);
        put_u16(b, n * len);
        for (size_t i = 0; i < n; i++)
            put(b, identity, len);
        put_u16(b, n * sizeof binder);
        for (size_t i = 0; i < n; i++)
            put(b, binder, sizeof binder);
        break;
    }
    default: /* lists of numbers */
        put_u16(b, list / 2 * 2);
        for (size_t i = 0; i < list / 2; i++)
            put_u16(b, i == 0 ? (how == GROUPS ? 29u : 0x0403u) : 0x7a7au);
    }
}

/* A whole hello of BODY_MAX bytes, from an honest one: its extensions but the stuffed one, and that. */
static dor_bytes large_hello(dor_span hello, stuffing how)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    const uint16_t type = stuffed_type[how];
    size_t at = 4 + 2 + 32;
    at += 1u + hello.ptr[at];
    at += 2u + wire_u16(hello.ptr + at);
    at += 1u + hello.ptr[at];
    const size_t block = at;
    put(&out, hello.ptr, block + 2);
    for (at += 2; at + 4 <= hello.len; at += 4 + wire_u16(hello.ptr + at + 2))
        if (wire_u16(hello.ptr + at) != type) put(&out, hello.ptr + at, 4 + wire_u16(hello.ptr + at + 2));
    if (how == EXTENSIONS) {
        for (size_t t = 0x4000; out.len + 4 <= 4 + BODY_MAX; t++)
            put_u16(&out, t), put_u16(&out, 0);
    } else {
        dor_bytes data = DOR_BYTES_EMPTY;
        stuff(&data, how, 4 + BODY_MAX - out.len - 4);
        put_u16(&out, type), put_u16(&out, data.len);
        put(&out, data.ptr, data.len);
        dor__bytes_free(&data);
    }
    wire_put_u16(out.ptr + block, out.len - block - 2);
    wire_put_u24(out.ptr + 1, out.len - 4);
    cr_assert(out.len > BODY_MAX - 160 && out.len <= 4 + BODY_MAX);
    return out;
}

static void feed_fragments(dor_tls_role to, dor_span data, size_t fragment)
{
    for (size_t at = 0; at < data.len; at += fragment) {
        size_t n = data.len - at < fragment ? data.len - at : fragment;
        wire_feed_record(&pair, to, DOR_CONTENT_HANDSHAKE, dor__span(data.ptr + at, n));
    }
}

/* Held now and at the worst, beyond what was before. */
static size_t most_waiting, most_worst;

static void weigh(size_t before)
{
    /* What the two had before may be gone by now. */
    size_t now = counting_alloc_bytes() < before ? 0 : counting_alloc_bytes() - before,
           worst = counting_alloc_peak() - before;
    if (now > most_waiting) most_waiting = now;
    if (worst > most_worst) most_worst = worst;
    cr_assert_leq(now, (size_t)WAITING_MAX, "%zu", now);
    cr_assert_leq(worst, (size_t)WORST_MAX, "%zu", worst);
}

/* The numbers are bounds, and no idle ones. */
static void bounds_are_near(void)
{
    cr_assert_geq(most_waiting, (size_t)WAITING_MAX / 2, "%zu", most_waiting);
    cr_assert_geq(most_worst, (size_t)WORST_MAX / 2, "%zu", most_worst);
}

static size_t tickets_tried;

static void hello_to_a_server(stuffing how, size_t fragment)
{
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    dor_bytes wire = wire_take(&pair, DOR_TLS_CLIENT);
    dor_bytes hello = large_hello(dor__span(wire.ptr + 5, wire.len - 5), how);
    counting_alloc_reset_peak();
    const size_t before = counting_alloc_bytes();
    feed_fragments(DOR_TLS_SERVER, dor__span(hello.ptr, hello.len - 1), fragment);
    cr_assert(dor__ok(pair.server.result), "%d: %s", how, trouble());
    weigh(before);
    done = (work){0};
    feed_fragments(DOR_TLS_SERVER, dor__span(hello.ptr + hello.len - 1, 1), fragment);
    weigh(before);
    little_work(hello.len);
    tickets_tried = done.tickets > tickets_tried ? done.tickets : tickets_tried;
    dor__bytes_free(&hello);
    dor__bytes_free(&wire);
    cr_assert_not(pair.server.connected);
}

Test(tls_stranger, a_servers)
{
    static const size_t fragments[] = {1, 100, 16384};
    for (int v = 0; v < 2; v++) {
        client->min_version = DOR_TLS_1_2;
        client->max_version = v ? DOR_TLS_1_3 : DOR_TLS_1_2;
        for (unsigned how = 0; how < STUFFINGS; how++)
            for (size_t f = 0; f < COUNT(fragments); f++)
                hello_to_a_server((stuffing)how, fragments[f]);
    }
    cr_assert_eq(tickets_tried, 8u);
    cr_assert_eq(most_waiting, 4u + BODY_MAX); /* a buffer that doubles, up to what was announced */
    cr_assert_leq(most_worst, 2u * BODY_MAX, "%zu", most_worst); /* while half of it becomes the whole */
}

/*
 * A server that asks its clients for certificates keeps TLS 1.2's messages as they are until the signature has come; so the
 * largest hello is there while the largest certificate is waited for.
 */
Test(tls_stranger, a_servers_that_asks_for_certificates)
{
    proto_only(client, DOR_TLS_1_2, 0, 0);
    server->trust = pki_trust("root");
    server->verify_peer = true;
    static const uint8_t zeros[BODY_MAX];
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    dor_bytes wire = wire_take(&pair, DOR_TLS_CLIENT);
    dor_bytes hello = large_hello(dor__span(wire.ptr + 5, wire.len - 5), ONE_EXTENSION);
    counting_alloc_reset_peak();
    const size_t before = counting_alloc_bytes();
    feed_fragments(DOR_TLS_SERVER, dor__bytes_span(&hello), 1);
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    static const uint8_t header[] = {DOR_HS_CERTIFICATE, 1, 0, 0, 0, 0xff, 0xfd};
    feed_fragments(DOR_TLS_SERVER, dor__span(header, sizeof header), 1);
    feed_fragments(DOR_TLS_SERVER, dor__span(zeros, BODY_MAX - 4), 1);
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    weigh(before);
    bounds_are_near();
    feed_fragments(DOR_TLS_SERVER, dor__span(zeros, 1), 1);
    cr_assert(dor__failed(pair.server.result));
    dor__bytes_free(&hello);
    dor__bytes_free(&wire);
}

/* ---- and what a server may say to a client ----------------------------------------------------------------------- */

/* A chain of as many certificates as are taken, each with as much as there is room for; in the clear, as TLS 1.2 has it. */
static void chain_to_a_client(size_t fragment)
{
    static const uint8_t zeros[BODY_MAX - 3];
    wire_unit units[WIRE_MAX_UNITS];
    prepare(NULL, NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    proto_deliver(&pair, DOR_TLS_CLIENT);
    dor_bytes flight = wire_take(&pair, DOR_TLS_SERVER), message = DOR_BYTES_EMPTY;
    cr_assert_geq(wire_split(dor__bytes_span(&flight), units), (size_t)2);
    cr_assert(dor__ok(wr_u8(&message, DOR_HS_CERTIFICATE)));
    put(&message, "\1\0\0\0\xff\xfd", 6);
    put(&message, zeros, sizeof zeros);
    counting_alloc_reset_peak();
    const size_t before = counting_alloc_bytes();
    wire_feed_units(&pair, DOR_TLS_CLIENT, units, 1);
    feed_fragments(DOR_TLS_CLIENT, dor__span(message.ptr, message.len - 1), fragment);
    cr_assert(dor__ok(pair.client.result), "%s", trouble());
    weigh(before);
    feed_fragments(DOR_TLS_CLIENT, dor__span(message.ptr + message.len - 1, 1), fragment);
    weigh(before);
    cr_assert(dor__failed(pair.client.result));
    dor__bytes_free(&message);
    dor__bytes_free(&flight);
}

Test(tls_stranger, a_clients)
{
    proto_only(client, DOR_TLS_1_2, 0, 0);
    chain_to_a_client(1);
    chain_to_a_client(16384);
    cr_assert_geq(most_waiting, (size_t)WAITING_MAX / 4, "%zu", most_waiting);
}

/* A length that is too large is refused on its header, and what was announced is not believed. */
Test(tls_stranger, announcing_costs_nothing)
{
    static const uint8_t too_long[] = {DOR_HS_CLIENT_HELLO, 1, 0, 1},
                         longest[] = {DOR_HS_CLIENT_HELLO, 1, 0, 0};
    prepare(NULL, NULL);
    size_t before = counting_alloc_bytes();
    feed_fragments(DOR_TLS_SERVER, dor__span(longest, sizeof longest), 1);
    cr_assert(dor__ok(pair.server.result));
    cr_assert_leq(counting_alloc_bytes() - before, 128u);
    prepare(NULL, NULL);
    feed_fragments(DOR_TLS_SERVER, dor__span(too_long, sizeof too_long), 1);
    failed_by(DOR_TLS_SERVER, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_HANDSHAKE_TOO_BIG);
}

/* ---- work behind the hello ----------------------------------------------------------------------------------------- */

/* What `role` had to do, from beginning to end of an honest handshake. */
static dor_tls_role watched;
static work before_it, of_it;

static void count_for(void *ctx, dor_tls_role from, dor_bytes *data)
{
    (void)ctx;
    (void)data;
    /* Between two deliveries one end alone has worked: the one that writes now. */
    if (from == watched) {
        of_it.pairs += done.pairs - before_it.pairs;
        of_it.secrets += done.secrets - before_it.secrets;
        of_it.signatures += done.signatures - before_it.signatures;
        of_it.verifications += done.verifications - before_it.verifications;
        of_it.decryptions += done.decryptions - before_it.decryptions;
    }
    before_it = done;
}

static void run_counting(dor_tls_role role)
{
    watched = role;
    done = before_it = of_it = (work){0};
    prepare(NULL, NULL);
    pair.tamper = count_for;
    proto_pair_run(&pair);
    works();
    pair.tamper = NULL;
}

static void worked(size_t pairs, size_t secrets, size_t signatures, size_t verifications)
{
    cr_assert_eq(of_it.pairs, pairs, "%zu", of_it.pairs);
    cr_assert_eq(of_it.secrets, secrets, "%zu", of_it.secrets);
    cr_assert_eq(of_it.signatures, signatures, "%zu", of_it.signatures);
    cr_assert_eq(of_it.verifications, verifications, "%zu", of_it.verifications);
}

Test(tls_stranger, one_exchange_and_one_signature)
{
    proto_leave_out(client, DOR_GROUP_X25519MLKEM768);
    run_counting(DOR_TLS_SERVER);
    worked(1, 1, 1, 0);
    client->key_shares_given = true;
    client->key_share_count = 4; /* however many shares there are */
    client->key_shares[0] = DOR_GROUP_X25519, client->key_shares[1] = DOR_GROUP_SECP256R1;
    client->key_shares[2] = DOR_GROUP_SECP384R1, client->key_shares[3] = DOR_GROUP_SECP521R1;
    client->groups[client->group_count++] = DOR_GROUP_SECP521R1;
    run_counting(DOR_TLS_SERVER);
    worked(1, 1, 1, 0);
    client->key_share_count = 1;
    proto_only(server, 0, 0, DOR_GROUP_SECP384R1); /* a retry */
    run_counting(DOR_TLS_SERVER);
    worked(1, 1, 1, 0);
    proto_only(client, DOR_TLS_1_2, 0, 0);
    run_counting(DOR_TLS_SERVER);
    worked(1, 1, 1, 0);
}

/* Certificates beside the path cost their bytes, and no verification. */
Test(tls_stranger, a_long_chain_of_a_clients)
{
    server->trust = pki_trust("root");
    server->verify_peer = true;
    proto_leave_out(client, DOR_GROUP_X25519MLKEM768);
    proto_add_identity(client, "tls-rsa root leaf root leaf root leaf root", "rsa");
    for (uint16_t version = DOR_TLS_1_2; version <= DOR_TLS_1_3; version++) {
        proto_only(client, version, 0, 0);
        run_counting(DOR_TLS_SERVER);
        cr_assert_eq(of_it.signatures, 1u);
        cr_assert_geq(of_it.verifications, 2u);
        cr_assert_leq(of_it.verifications, 2u + 8u, "%zu", of_it.verifications);
    }
}
