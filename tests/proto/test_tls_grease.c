/*
 * Grease (RFC 8701): values that nobody knows are passed over in every list, by both roles; a client that asks for it sends them,
 * drawn by the injected generator, and takes none of them back. And what looks like Encrypted Client Hello (RFC 9849 section 6.2).
 */
#include "support/hex.h"
#include "support/proto_hostile.h"
#include "support/tls13_cases.h"

static void set_up(void)
{
    counting_alloc_install();
    replay_set_up();
}

TestSuite(tls_grease, .init = set_up, .fini = replay_clean_up, .timeout = 300);

/* ---- passed over ---------------------------------------------------------------------------------------------- */

/* The scheme lists have what the certificate in use needs behind the rest. */
Test(tls_grease, by_a_server)
{
    static const ext_case cases[] = {
        {0, ADD_FIRST, 0x0a0a, "", FINE},
        {0, ADD, 0xfafa, "00", FINE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "06 fafa 0304 0a0a", FINE},
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "02 fafa", DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_VERSION},
        {0, REPLACE, DOR_EXT_SUPPORTED_GROUPS, "0006 2a2a 001d 3a3a", FINE},
        {0, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0006 4a4a 0403 5a5a", FINE},
        {0, ADD, DOR_EXT_SIGNATURE_ALGORITHMS_CERT, "0006 4a4a 0403 5a5a", FINE},
        {0, REPLACE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, "03 0b 01 e4", FINE},
        {0, REPLACE, DOR_EXT_PSK_KEY_EXCHANGE_MODES, "02 2a 49", FINE}, /* no tickets for it */
        {0, ADD, DOR_EXT_ALPN, "0009 02 0a0a 02 6832 02 fafa", FINE},
        {0, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "1a1a", FINE}, /* which it does not know */
    };
    cr_assert(dor__ok(dor__tls_config_add_alpn(server, dor__span_str("h2"))));
    try_all(DOR_TLS_SERVER, FULL, cases, COUNT(cases));
}

Test(tls_grease, by_a_server_in_shares)
{
    arrange(FULL);
    proto_leave_out(client, DOR_GROUP_X25519MLKEM768);
    record_what_is_said(DOR_TLS_CLIENT);
    dor_span hello = dor__bytes_span(&said.messages[0]);
    size_t at = block_at(hello) + 2;
    while ((hello.ptr[at] << 8 | hello.ptr[at + 1]) != DOR_EXT_KEY_SHARE)
        at += 4u + (size_t)(hello.ptr[at + 2] << 8 | hello.ptr[at + 3]);
    const dor_span shares =
        dor__span(hello.ptr + at + 6, (size_t)(hello.ptr[at + 4] << 8 | hello.ptr[at + 5]));
    dor_bytes data = DOR_BYTES_EMPTY;
    const uint8_t len[] = {0, (uint8_t)(shares.len + 12)};
    put(&data, len, 2);
    put(&data, "\x1a\x1a\0\2ab", 6); /* its group is in no list either */
    put(&data, shares.ptr, shares.len);
    put(&data, "\x2a\x2a\0\2ab", 6);
    dor_bytes m = changed(hello, REPLACE, DOR_EXT_KEY_SHARE, dor__bytes_span(&data));
    replay(DOR_TLS_SERVER, 0);
    say(DOR_TLS_SERVER, true, dor__bytes_span(&m));
    cr_assert(dor__ok(pair.server.result), "%s", trouble());
    cr_assert_eq(pair.server.tls->group, DOR_GROUP_X25519);
    dor__bytes_free(&m);
    dor__bytes_free(&data);
}

Test(tls_grease, by_a_client_in_a_certificate_request)
{
    static const ext_case cases[] = {
        {2, ADD, 0x0a0a, "", FINE},
        {2, ADD, 0xfafa, "00", FINE},
        {2, REPLACE, DOR_EXT_SIGNATURE_ALGORITHMS, "0006 4a4a 0804 5a5a", FINE},
        {2, ADD, DOR_EXT_SIGNATURE_ALGORITHMS_CERT, "0006 4a4a 0403 5a5a", FINE},
    };
    try_all(DOR_TLS_CLIENT, MUTUAL, cases, COUNT(cases));
}

/* A ticket with extensions that nobody knows; twice the same is one too many, known or not. */
Test(tls_grease, by_a_client_in_a_ticket)
{
    static const struct {
        const char *hex;
        bool taken;
    } tickets[] = {
        {"04000016 00000e10 00000001 01 07 0001 74 0005 6a6a 0001 09", true},
        {"0400001d 00000e10 00000001 01 07 0001 74 000c 6a6a 0000 7a7a 0004 01020304", true},
        {"04000019 00000e10 00000001 01 07 0001 74 0008 6a6a 0000 6a6a 0000", false},
    };
    server->ticket_count = 0;
    for (size_t i = 0; i < COUNT(tickets); i++) {
        uint8_t bytes[64];
        const size_t len = hex_read(tickets[i].hex, bytes, sizeof bytes);
        bytes[3] = (uint8_t)(len - 4);
        run(NULL);
        works();
        dor_tls *t = pair.server.tls;
        cr_assert(dor__ok(
            dor__record_write(&t->write, 22, 0x0303, 16384, dor__span(bytes, len), dor__tls_output(t))));
        proto_deliver(&pair, DOR_TLS_SERVER);
        cr_assert_eq(pair.client.ticket_count, tickets[i].taken ? 1u : 0u, "%s", trouble());
        cr_assert_eq(dor__ok(pair.client.result), tickets[i].taken, "%s", trouble());
    }
}

/* ---- sent ------------------------------------------------------------------------------------------------------- */

static bool is_grease(unsigned v)
{
    return (v & 0x0f0f) == 0x0a0a && (v >> 8) == (v & 0xff);
}

static unsigned at16(const uint8_t *p)
{
    return (unsigned)(p[0] << 8 | p[1]);
}

/* What stands in a hello, by extension; and its suites. */
typedef struct hello {
    dor_bytes bytes;
    dor_span suites, extensions;
} hello;

static void hello_read(hello *h, dor_span record)
{
    h->bytes = DOR_BYTES_EMPTY;
    put(&h->bytes, record.ptr + 5, record.len - 5);
    const uint8_t *p = h->bytes.ptr;
    size_t at = 4 + 2 + 32;
    at += 1u + p[at];
    h->suites = dor__span(p + at + 2, at16(p + at));
    at += 2 + h->suites.len;
    at += 1u + p[at];
    h->extensions = dor__span(p + at + 2, at16(p + at));
    cr_assert_eq(at + 2 + h->extensions.len, h->bytes.len);
}

static dor_span hello_ext(const hello *h, unsigned type)
{
    for (size_t at = 0; at < h->extensions.len;) {
        const uint8_t *p = h->extensions.ptr + at;
        if (at16(p) == type) return dor__span(p + 4, at16(p + 2));
        at += 4 + at16(p + 2);
    }
    return DOR_SPAN_EMPTY;
}

static size_t grease_extensions(const hello *h, unsigned types[8])
{
    size_t count = 0;
    for (size_t at = 0; at < h->extensions.len;) {
        const uint8_t *p = h->extensions.ptr + at;
        if (is_grease(at16(p)) && count < 8) types[count++] = at16(p);
        at += 4 + at16(p + 2);
    }
    return count;
}

static void first_hello(hello *h, uint64_t seed, dor_session *session)
{
    proto_pair_fini(&pair);
    proto_pair_init(&pair, client, server, NULL, session, seed);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    hello_read(h, dor__bytes_span(dor__tls_output(pair.client.tls)));
}

Test(tls_grease, not_unless_asked_for)
{
    hello h;
    unsigned types[8];
    first_hello(&h, 7, NULL);
    cr_assert_eq(grease_extensions(&h, types), 0u);
    cr_assert_not(is_grease(at16(h.suites.ptr)));
    cr_assert_eq(hello_ext(&h, DOR_EXT_ENCRYPTED_CLIENT_HELLO).len, 0u);
    dor__bytes_free(&h.bytes);
}

Test(tls_grease, in_each_list)
{
    unsigned suites[16] = {0}, different = 0;
    client->grease = true;
    for (uint64_t seed = 1; seed <= 64; seed++) {
        hello h;
        unsigned types[8];
        first_hello(&h, seed, NULL);
        const unsigned suite = at16(h.suites.ptr),
                       group = at16(hello_ext(&h, DOR_EXT_SUPPORTED_GROUPS).ptr + 2);
        cr_assert(is_grease(suite));
        cr_assert(is_grease(group));
        cr_assert_eq(at16(hello_ext(&h, DOR_EXT_KEY_SHARE).ptr + 2), group);
        cr_assert(is_grease(at16(hello_ext(&h, DOR_EXT_SUPPORTED_VERSIONS).ptr + 1)));
        cr_assert(is_grease(at16(hello_ext(&h, DOR_EXT_SIGNATURE_ALGORITHMS).ptr + 2)));
        cr_assert_eq((hello_ext(&h, DOR_EXT_PSK_KEY_EXCHANGE_MODES).ptr[1] - 0x0b) % 0x1f, 0);
        cr_assert_eq(grease_extensions(&h, types), 2u);
        cr_assert_neq(types[0], types[1]);
        if (!suites[suite >> 12]++) different++;
        proto_pair_run(&pair);
        works();
        dor__bytes_free(&h.bytes);
    }
    cr_assert_gt(different, 8u, "drawn, not chosen");
}

/* The last extension is the ticket's all the same. */
Test(tls_grease, with_a_ticket_and_in_tls12)
{
    client->grease = client->ech_grease = true;
    run(NULL);
    works();
    dor_session *session = dor__session_ref(pair.client.session);
    hello h;
    first_hello(&h, 3, session);
    cr_assert_neq(hello_ext(&h, DOR_EXT_PRE_SHARED_KEY).len, 0u);
    dor__bytes_free(&h.bytes);
    proto_pair_run(&pair);
    works();
    cr_assert(pair.client.tls->resumed);
    dor__session_unref(session);

    proto_only(client, DOR_TLS_1_2, 0xc02b, 0);
    first_hello(&h, 3, NULL);
    cr_assert(is_grease(at16(h.suites.ptr)));
    cr_assert_eq(hello_ext(&h, DOR_EXT_ENCRYPTED_CLIENT_HELLO).len, 0u);
    cr_assert_eq(hello_ext(&h, DOR_EXT_SUPPORTED_VERSIONS).len, 0u);
    dor__bytes_free(&h.bytes);
    proto_pair_run(&pair);
    works();
}

/* The same again, but for the shares. Our server compares. */
Test(tls_grease, after_a_retry)
{
    client->grease = client->ech_grease = true;
    arrange(RETRY);
    record_what_is_said(DOR_TLS_CLIENT);
    dor_span one = dor__bytes_span(&said.messages[0]), two = dor__bytes_span(&said.messages[1]);
    hello a, b;
    uint8_t record[2][2048] = {{0}};
    memcpy(record[0] + 5, one.ptr, one.len);
    memcpy(record[1] + 5, two.ptr, two.len);
    hello_read(&a, dor__span(record[0], one.len + 5));
    hello_read(&b, dor__span(record[1], two.len + 5));
    cr_assert(dor__span_equal(a.suites, b.suites));
    unsigned x[8], y[8];
    cr_assert_eq(grease_extensions(&a, x), 2u);
    cr_assert_eq(grease_extensions(&b, y), 2u);
    cr_assert(x[0] == y[0] && x[1] == y[1]);
    cr_assert_gt(hello_ext(&a, DOR_EXT_ENCRYPTED_CLIENT_HELLO).len, 100u);
    cr_assert(dor__span_equal(hello_ext(&a, DOR_EXT_ENCRYPTED_CLIENT_HELLO),
                              hello_ext(&b, DOR_EXT_ENCRYPTED_CLIENT_HELLO)));
    cr_assert_not(is_grease(at16(hello_ext(&b, DOR_EXT_KEY_SHARE).ptr + 2)));
    dor__bytes_free(&a.bytes);
    dor__bytes_free(&b.bytes);
}

/* Whoever takes one of them has taken what was not offered. */
Test(tls_grease, none_is_taken_back)
{
    static const ext_case cases[] = {
        {0, REPLACE, DOR_EXT_SUPPORTED_VERSIONS, "7a7a", ILLEGAL(VERSION)},
        {0, REPLACE, DOR_EXT_KEY_SHARE, "7a7a 0001 00", ILLEGAL(BAD_KEY_SHARE)},
        {0, ADD, 0x7a7a, "", UNSUPPORTED},
        {1, ADD, 0x7a7a, "", UNSUPPORTED},
        {2, ADD, 0x7a7a, "", UNSUPPORTED},
    };
    client->grease = true;
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

/* The very values that it has sent, whatever they are. */
Test(tls_grease, nor_those_that_it_has_sent)
{
    client->grease = true;
    record_what_is_said(DOR_TLS_SERVER);
    for (unsigned n = 0; n < 16; n++) {
        const unsigned v = 0x0a0a + 0x1010 * n;
        const uint8_t two[] = {(uint8_t)(v >> 8), (uint8_t)v, 0, 1, 0};
        dor_bytes m = DOR_BYTES_EMPTY;
        put(&m, said.messages[0].ptr, said.messages[0].len);
        const size_t suite_at = 4 + 2 + 32 + 1u + m.ptr[4 + 2 + 32];
        memcpy(m.ptr + suite_at, two, 2);
        replay(DOR_TLS_CLIENT, 0);
        say(DOR_TLS_CLIENT, true, dor__bytes_span(&m));
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_NO_CIPHER);
        dor__bytes_free(&m);
        const struct {
            unsigned type;
            size_t len;
            dor_reason reason;
        } of[] = {{DOR_EXT_SUPPORTED_VERSIONS, 2, DOR_REASON_VERSION},
                  {DOR_EXT_KEY_SHARE, 5, DOR_REASON_BAD_KEY_SHARE}};
        for (size_t i = 0; i < COUNT(of); i++) {
            m = changed(dor__bytes_span(&said.messages[0]), REPLACE, of[i].type, dor__span(two, of[i].len));
            replay(DOR_TLS_CLIENT, 0);
            say(DOR_TLS_CLIENT, true, dor__bytes_span(&m));
            failed_by(DOR_TLS_CLIENT, DOR_ALERT_ILLEGAL_PARAMETER, of[i].reason);
            dor__bytes_free(&m);
        }
        for (size_t at = 0; at < 3; at++) { /* ServerHello, EncryptedExtensions, Certificate */
            m = changed(dor__bytes_span(&said.messages[at]), ADD, v, DOR_SPAN_EMPTY);
            replay(DOR_TLS_CLIENT, at);
            say(DOR_TLS_CLIENT, at == 0, dor__bytes_span(&m));
            failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNSUPPORTED_EXTENSION, DOR_REASON_UNSUPPORTED_EXTENSION);
            dor__bytes_free(&m);
        }
        m = DOR_BYTES_EMPTY;
        put(&m, said.messages[3].ptr, said.messages[3].len); /* CertificateVerify */
        memcpy(m.ptr + 4, two, 2);
        replay(DOR_TLS_CLIENT, 3);
        say(DOR_TLS_CLIENT, false, dor__bytes_span(&m));
        cr_assert_eq(dor_error_get_alert(pair.client.result.code), DOR_ALERT_ILLEGAL_PARAMETER, "%s",
                     trouble());
        dor__bytes_free(&m);
    }
}

Test(tls_grease, the_group_of_a_retry)
{
    static const ext_case cases[] = {
        {0, REPLACE, DOR_EXT_KEY_SHARE, "7a7a", ILLEGAL(HELLO_RETRY)},
        {0, ADD, 0x7a7a, "", UNSUPPORTED},
    };
    client->grease = true;
    try_all(DOR_TLS_CLIENT, RETRY, cases, COUNT(cases));
}

/* ---- what looks like Encrypted Client Hello ------------------------------------------------------------------- */

Test(tls_grease, ech_has_the_right_form)
{
    size_t lengths = 0;
    unsigned seen[4] = {0}, aeads[4] = {0};
    client->ech_grease = true;
    for (uint64_t seed = 1; seed <= 32; seed++) {
        hello h;
        uint8_t type, config_id;
        uint16_t kdf, aead;
        dor_span enc, payload;
        first_hello(&h, seed, NULL);
        dor_reader r = rd_from(hello_ext(&h, DOR_EXT_ENCRYPTED_CLIENT_HELLO));
        cr_assert(dor__ok(rd_u8(&r, &type)) && dor__ok(rd_u16(&r, &kdf)) && dor__ok(rd_u16(&r, &aead)));
        cr_assert(dor__ok(rd_u8(&r, &config_id)) && dor__ok(rd_vec16(&r, &enc, 32, 32)) &&
                  dor__ok(rd_vec16(&r, &payload, 1, 1000)) && dor__ok(rd_end(&r)));
        cr_assert_eq(type, 0);
        cr_assert_eq(kdf, 1);
        cr_assert(aead == 1 || aead == 3);
        aeads[aead]++;
        cr_assert_eq((payload.len - 16) % 32, 0u);
        cr_assert(payload.len >= 160 + 16 && payload.len <= 256 + 16);
        if (!seen[(payload.len - 176) / 32]++) lengths++;
        dor_kx *kx; /* it is a public value that one can go on with */
        uint8_t secret[64];
        size_t secret_len = sizeof secret;
        cr_assert(dor__ok(dor__kx_new(&kx, DOR_GROUP_X25519, pair.rng[0])));
        cr_assert(dor__ok(dor__kx_derive(kx, enc, pair.rng[0], secret, &secret_len)));
        dor__kx_free(kx);
        dor__bytes_free(&h.bytes);
        proto_pair_run(&pair);
        works();
    }
    cr_assert_gt(lengths, 1u);
    cr_assert(aeads[1] && aeads[3]);
}

Test(tls_grease, ech_answers_are_read_and_forgotten)
{
    static const ext_case cases[] = {
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0009 badd 0005 0504030201", FINE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 badd 0000", FINE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0015 fe0d 0011 01 0020 0001 aa 0004 00010001 00 01 61 0000",
         FINE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO,
         "0019 fe0d 0015 01 0020 0001 aa 0004 00010001 00 01 61 0004 1234 0000", FINE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0000", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "baddeccc", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 badd 0001", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 badd 0000 00", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 fe0d 0000", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0014 fe0d 0010 01 0020 0000 0004 00010001 00 01 61 0000",
         DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0013 fe0d 000f 01 0020 0001 aa 0002 0001 00 01 61 0000",
         DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO,
         "0017 fe0d 0013 01 0020 0001 aa 0006 000100010001 00 01 61 0000", DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0014 fe0d 0010 01 0020 0001 aa 0004 00010001 00 00 0000",
         DECODE},
        {1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO,
         "0018 fe0d 0014 01 0020 0001 aa 0004 00010001 00 01 61 0003 123400", DECODE},
        {0, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 badd 0000", MISPLACED},
        {2, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 badd 0000", MISPLACED},
    };
    client->ech_grease = true;
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

Test(tls_grease, ech_in_a_retry)
{
    static const ext_case cases[] = {
        {0, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0102030405060708", FINE},
        {0, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "01020304050607", DECODE},
        {0, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "", DECODE},
    };
    client->ech_grease = true;
    try_all(DOR_TLS_CLIENT, RETRY, cases, COUNT(cases));
}

Test(tls_grease, ech_unasked)
{
    static const ext_case cases[] = {{1, ADD, DOR_EXT_ENCRYPTED_CLIENT_HELLO, "0004 badd 0000", UNSUPPORTED}};
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

/* ---- the hostile usual ------------------------------------------------------------------------------------------ */

Test(tls_grease, in_pieces_and_without_memory)
{
    client->grease = client->ech_grease = true;
    works_in_pieces();
    fail_each_allocation_of(NULL);
}
