/*
 * Certificates compressed (RFC 8879), both ways: as agreed on, once for everybody, bounded, and refused where the message is
 * not what it says. The compression is a toy, so that a test knows what it was asked for; real ones are in unit/.
 */
#include "support/hex.h"
#include "support/proto_hostile.h"
#include "support/tls13_cases.h"

enum { TOY = 0xff01, OTHER = 0xff02 };

static size_t packed, unpacked, largest;

/* The bytes from behind, all of them changed. */
static dor_result toy_compress(dor_span in, dor_bytes *out)
{
    packed++;
    DOR_TRY(dor__bytes_reserve(out, in.len));
    for (size_t i = in.len; i-- > 0;)
        out->ptr[out->len++] = in.ptr[i] ^ 0x5a;
    return DOR_SUCCESS;
}

static dor_result toy_decompress(dor_span in, uint8_t *out, size_t out_len)
{
    unpacked++;
    if (out_len > largest) largest = out_len;
    if (in.len != out_len) return dor__alert(DOR_ALERT_BAD_CERTIFICATE, DOR_REASON_CERT_DECOMPRESSION);
    for (size_t i = 0; i < in.len; i++)
        out[in.len - 1 - i] = in.ptr[i] ^ 0x5a;
    return DOR_SUCCESS;
}

static dor_result of_no_use(dor_span in, dor_bytes *out)
{
    (void)in, (void)out;
    packed++;
    return DOR_SUCCESS;
}

static const dor_cert_compression toy = {TOY, "toy", toy_compress, toy_decompress};
static const dor_cert_compression other = {OTHER, "other", toy_compress, toy_decompress};
static const dor_cert_compression useless = {TOY, "useless", of_no_use, toy_decompress};

static dor_result short_of_memory(dor_span in, uint8_t *out, size_t out_len)
{
    (void)in, (void)out, (void)out_len;
    return dor__error(DOR_E_NOMEM);
}

static const dor_cert_compression starved = {TOY, "starved", toy_compress, short_of_memory};

static void give(dor_tls_config *config, const dor_cert_compression *first,
                 const dor_cert_compression *second)
{
    config->compression_count = 0;
    if (first) config->compressions[config->compression_count++] = first;
    if (second) config->compressions[config->compression_count++] = second;
}

static void set_up(void)
{
    counting_alloc_install();
    replay_set_up();
    give(client, &toy, NULL);
    give(server, &toy, NULL);
    packed = unpacked = largest = 0;
}

TestSuite(tls_compression, .init = set_up, .fini = replay_clean_up, .timeout = 300);

/* The message of that type that an end says, or an empty one. */
static dor_span message_of(uint8_t type)
{
    for (size_t i = 0; i < said.count; i++)
        if (said.messages[i].ptr[0] == type) return dor__bytes_span(&said.messages[i]);
    return DOR_SPAN_EMPTY;
}

/* The same, and the two can talk on. */
static void record_and_talk(dor_tls_role from)
{
    record_what_is_said(from);
    pair.tamper = NULL; /* its notes are gone */
    works();
}

/* ---- as agreed on --------------------------------------------------------------------------------------------- */

Test(tls_compression, the_servers_certificate)
{
    record_and_talk(DOR_TLS_SERVER);
    dor_span m = message_of(DOR_HS_COMPRESSED_CERTIFICATE);
    cr_assert_gt(m.len, 12u);
    cr_assert_eq(message_of(DOR_HS_CERTIFICATE).len, 0u);
    cr_assert_eq(m.ptr[4] << 8 | m.ptr[5], TOY);
    cr_assert_eq(unpacked, 1u);
    cr_assert_not_null(pair.client.tls->peer);
    cr_assert(pair.client.tls->peer_verified);
}

Test(tls_compression, the_clients_certificate)
{
    arrange(MUTUAL);
    record_and_talk(DOR_TLS_CLIENT);
    cr_assert_gt(message_of(DOR_HS_COMPRESSED_CERTIFICATE).len, 12u);
    cr_assert_eq(message_of(DOR_HS_CERTIFICATE).len, 0u);
    cr_assert_eq(unpacked, 2u);
    cr_assert(pair.server.tls->peer_verified);
}

Test(tls_compression, a_client_without_one)
{
    arrange(EMPTY_CERTIFICATE);
    record_and_talk(DOR_TLS_CLIENT);
    cr_assert_gt(message_of(DOR_HS_CERTIFICATE).len, 0u);
    cr_assert_eq(unpacked, 1u);
}

Test(tls_compression, who_offers_it)
{
    for (int c = 0; c < 2; c++)
        for (int s = 0; s < 2; s++) {
            give(client, c ? &toy : NULL, NULL);
            give(server, s ? &toy : NULL, NULL);
            unpacked = 0;
            run(NULL);
            works();
            cr_assert_eq(unpacked, (size_t)(c && s));
        }
}

Test(tls_compression, the_senders_order_decides)
{
    give(client, &toy, &other);
    give(server, &other, &toy);
    record_and_talk(DOR_TLS_SERVER);
    dor_span m = message_of(DOR_HS_COMPRESSED_CERTIFICATE);
    cr_assert_eq(m.ptr[4] << 8 | m.ptr[5], OTHER);
}

Test(tls_compression, nothing_in_common)
{
    give(server, &other, NULL);
    run(NULL);
    works();
    cr_assert_eq(packed + unpacked, 0u);
}

Test(tls_compression, where_it_is_of_no_use)
{
    give(server, &useless, NULL);
    for (int i = 0; i < 3; i++) {
        run(NULL);
        works();
    }
    cr_assert_eq(unpacked, 0u);
    cr_assert_eq(packed, 1u, "tried once");
}

/* TLS 1.2 has no such message. */
Test(tls_compression, means_nothing_before_tls13)
{
    proto_only(client, 0, 0, 0);
    client->min_version = DOR_TLS_1_2;
    server->max_version = DOR_TLS_1_2;
    client->suites[client->suite_count++] = 0xc02b;
    run(NULL);
    works();
    cr_assert_eq(pair.client.tls->version, DOR_TLS_1_2);
    cr_assert_eq(packed + unpacked, 0u);
}

Test(tls_compression, with_a_retry_and_resumed)
{
    arrange(RETRY);
    run(NULL);
    works();
    cr_assert(pair.client.tls->hello_retry);
    cr_assert_eq(unpacked, 1u);
    dor_session *session = dor__session_ref(pair.client.session);
    prepare(NULL, session);
    proto_pair_run(&pair);
    works();
    cr_assert(pair.client.tls->resumed);
    cr_assert_eq(unpacked, 1u);
    dor__session_unref(session);
}

/* A stranger's hello costs no compression: once for each form that the certificate has. */
Test(tls_compression, is_done_once)
{
    static const char status[] = "0 a status";
    static const uint8_t timestamps[] = {0, 3, 0, 1, 'x'};
    cr_assert(dor__ok(
        dor__tls_config_staple(server, 0, dor__span_str(status), dor__span(timestamps, sizeof timestamps))));
    for (int i = 0; i < 16; i++) {
        client->ask_status = i & 1;
        client->ask_timestamps = i & 2;
        run(NULL);
        works();
        dor_tls_info info;
        dor__tls_get_info(pair.client.tls, &info);
        cr_assert_eq(info.stapled && info.stapled->status.len, (i & 1) != 0);
        cr_assert_eq(info.stapled && info.stapled->timestamps.len, (i & 2) != 0);
    }
    cr_assert_eq(packed, 4u);
    cr_assert_eq(unpacked, 16u);
}

/* Its CertificateRequest does not offer it there: the context that tells which request is answered would be inside. */
Test(tls_compression, not_after_the_handshake)
{
    arrange(MUTUAL);
    client->post_auth = server->post_auth = true;
    run(NULL);
    works();
    cr_assert_eq(unpacked, 1u);
    cr_assert(dor__ok(dor__tls_request_certificate(pair.server.tls)));
    proto_talk(&pair);
    works();
    cr_assert_eq(pair.server.authenticated_count, 1u, "%s", trouble());
    cr_assert_eq(unpacked, 1u);
}

/* ---- the extension -------------------------------------------------------------------------------------------- */

static const ext_case forms[] = {
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "02 1234", FINE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "04 ff01 0a0a", FINE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "", DECODE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "00", DECODE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "01 ff", DECODE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "03 ff0100", DECODE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "02 ff01 00", DECODE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "04 ff01", DECODE},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "04 ff01 ff01", ILLEGAL(ILLEGAL_PARAMETER)},
    {0, REPLACE, DOR_EXT_COMPRESS_CERTIFICATE, "06 1234 ff01 1234", ILLEGAL(ILLEGAL_PARAMETER)},
    {0, AGAIN, DOR_EXT_COMPRESS_CERTIFICATE, NULL, DUPLICATE},
};

Test(tls_compression, as_a_server_reads_it)
{
    try_all(DOR_TLS_SERVER, FULL, forms, COUNT(forms));
}

Test(tls_compression, in_a_certificate_request)
{
    ext_case cases[COUNT(forms) - 1];
    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i] = forms[i];
        cases[i].at = 2;
    }
    try_all(DOR_TLS_CLIENT, MUTUAL, cases, COUNT(cases));
}

Test(tls_compression, is_an_answer_to_nothing)
{
    static const ext_case cases[] = {
        {0, ADD, DOR_EXT_COMPRESS_CERTIFICATE, "02 ff01", MISPLACED},
        {1, ADD, DOR_EXT_COMPRESS_CERTIFICATE, "02 ff01", MISPLACED},
    };
    try_all(DOR_TLS_CLIENT, FULL, cases, COUNT(cases));
}

/* ---- the message ---------------------------------------------------------------------------------------------- */

static void put_u24(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 16);
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)value;
}

/* With its packed bytes cut down or made longer by `more`, and a length, id and rest of the test's choice. */
static void hears(dor_tls_role to, size_t at, unsigned id, long long len, int more, int rest, dor_alert alert,
                  dor_reason reason)
{
    uint8_t message[4096] = {0};
    const dor_bytes *m = &said.messages[at];
    const size_t head = 4 + 2 + 3 + 3;
    cr_assert_eq(m->ptr[0], DOR_HS_COMPRESSED_CERTIFICATE);
    cr_assert_lt(m->len + 16, sizeof message);
    memcpy(message, m->ptr, m->len);
    const size_t data = (size_t)((int)(m->len - head) + more), whole = head + data + (size_t)rest;
    put_u24(message + 1, whole - 4);
    message[4] = (uint8_t)(id >> 8);
    message[5] = (uint8_t)id;
    if (len >= 0) put_u24(message + 6, (size_t)len);
    put_u24(message + 9, data);
    unpacked = 0;
    replay(to, at);
    say(to, false, dor__span(message, whole));
    if (alert)
        failed_by(to, alert, reason);
    else
        cr_assert(dor__ok(proto_end_of(&pair, to)->result), "%s", trouble());
}

static void malformed(dor_tls_role to, size_t at)
{
    const dor_alert bad = DOR_ALERT_BAD_CERTIFICATE;
    hears(to, at, TOY, -1, 0, 0, (dor_alert)0, DOR_REASON_NONE);
    cr_assert_eq(unpacked, 1u);
    hears(to, at, OTHER, -1, 0, 0, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_COMPRESSION);
    hears(to, at, 1, -1, 0, 0, DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_CERT_COMPRESSION);
    hears(to, at, TOY, 0xffffff, 0, 0, bad, DOR_REASON_CERT_TOO_LARGE);
    hears(to, at, TOY, client->max_handshake_len + 1, 0, 0, bad, DOR_REASON_CERT_TOO_LARGE);
    hears(to, at, TOY, 0, 0, 0, bad, DOR_REASON_CERT_DECOMPRESSION);
    hears(to, at, TOY, 3, 0, 0, bad, DOR_REASON_CERT_DECOMPRESSION);
    cr_assert_eq(unpacked, 0u, "what cannot be believed is not decompressed");
    hears(to, at, TOY, client->max_handshake_len, 0, 0, bad, DOR_REASON_CERT_DECOMPRESSION);
    cr_assert_eq(unpacked, 1u);
    hears(to, at, TOY, 12, 0, 0, bad, DOR_REASON_CERT_DECOMPRESSION);
    hears(to, at, TOY, -1, 1, 0, bad, DOR_REASON_CERT_DECOMPRESSION);
    hears(to, at, TOY, -1, -1, 0, bad, DOR_REASON_CERT_DECOMPRESSION);
    hears(to, at, TOY, -1, 0, 1, DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE);
    cr_assert_leq(largest, client->max_handshake_len);
}

/* ServerHello, EncryptedExtensions, CompressedCertificate */
Test(tls_compression, a_malformed_one_of_the_server)
{
    record_what_is_said(DOR_TLS_SERVER);
    malformed(DOR_TLS_CLIENT, 2);
}

/* ClientHello, CompressedCertificate */
Test(tls_compression, a_malformed_one_of_the_client)
{
    arrange(MUTUAL);
    record_what_is_said(DOR_TLS_CLIENT);
    malformed(DOR_TLS_SERVER, 1);
}

/* What comes out is read as any other Certificate is. */
Test(tls_compression, what_is_inside_is_judged)
{
    static const struct {
        const char *hex; /* packed: from behind, changed */
        dor_alert alert;
        dor_reason reason;
    } inside[] = {
        {"5a5a5a5a", DOR_ALERT_DECODE_ERROR, DOR_REASON_NO_CERTIFICATE}, /* an empty list */
        {"5a5a5a5b", DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE},         /* a context that is not there */
        {"5a5a5a5a5a", DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE},       /* more behind it */
        {"5a5a5a5a5b5a5a5c5a5a5a5a", DOR_ALERT_DECODE_ERROR, DOR_REASON_DECODE},
    };
    record_what_is_said(DOR_TLS_SERVER);
    for (size_t i = 0; i < COUNT(inside); i++) {
        uint8_t m[64] = {DOR_HS_COMPRESSED_CERTIFICATE, 0, 0, 0, TOY >> 8, TOY & 0xff};
        const size_t len = hex_read(inside[i].hex, m + 12, sizeof m - 12);
        put_u24(m + 1, 8 + len);
        put_u24(m + 6, len);
        put_u24(m + 9, len);
        replay(DOR_TLS_CLIENT, 2);
        say(DOR_TLS_CLIENT, false, dor__span(m, 12 + len));
        failed_by(DOR_TLS_CLIENT, inside[i].alert, inside[i].reason);
    }
}

/* Nobody offered it: refused by its header, before the rest is waited for. */
static void not_offered(dor_tls_role to, size_t at)
{
    static const uint8_t header[] = {DOR_HS_COMPRESSED_CERTIFICATE, 0, 0x40, 0};
    give(client, NULL, NULL);
    give(server, NULL, NULL);
    record_what_is_said(to == DOR_TLS_CLIENT ? DOR_TLS_SERVER : DOR_TLS_CLIENT);
    replay(to, at);
    say(to, false, dor__span(header, sizeof header));
    failed_by(to, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
}

Test(tls_compression, a_client_that_did_not_offer_it)
{
    not_offered(DOR_TLS_CLIENT, 2);
}

Test(tls_compression, a_server_that_did_not_offer_it)
{
    arrange(MUTUAL);
    not_offered(DOR_TLS_SERVER, 1);
}

/* In no other place, however offered. */
Test(tls_compression, in_another_place)
{
    record_what_is_said(DOR_TLS_SERVER);
    dor_span m = dor__bytes_span(&said.messages[2]);
    for (size_t at = 0; at < said.count; at++) {
        if (at == 2) continue;
        replay(DOR_TLS_CLIENT, at);
        say(DOR_TLS_CLIENT, at < said.clear_count, m);
        failed_by(DOR_TLS_CLIENT, DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    }
}

/* ---- the hostile usual ------------------------------------------------------------------------------------------ */

Test(tls_compression, in_pieces)
{
    arrange(MUTUAL);
    works_in_pieces();
}

Test(tls_compression, each_bit)
{
    arrange(MUTUAL);
    flip_bits_of(DOR_TLS_SERVER, 5);
    flip_bits_of(DOR_TLS_CLIENT, 5);
}

Test(tls_compression, without_memory)
{
    arrange(MUTUAL);
    fail_each_allocation_of(NULL);
}

/* That is not the certificate's fault: internal_error. */
Test(tls_compression, decompressing_without_memory)
{
    give(client, &starved, NULL);
    prepare(NULL, NULL);
    proto_pair_run(&pair);
    cr_assert_eq(pair.client.result.code, DOR_E_NOMEM);
    cr_assert_eq(pair.server.result.code, dor__peer_alert(DOR_ALERT_INTERNAL_ERROR).code);
}

/* Where the certificate has not been compressed before. */
Test(tls_compression, without_memory_for_the_first_time)
{
    for (size_t n = 1;; n++) {
        dor__tls_config_unref(server);
        server = proto_server_config("tls-p256", "c", &store);
        give(server, &toy, NULL);
        prepare(NULL, NULL);
        counting_alloc_fail_once_at(n);
        proto_pair_run(&pair);
        const bool done = counting_alloc_calls() < n;
        counting_alloc_fail_at(0);
        if (done) break;
        proto_pair_fini(&pair);
        proto_store_fini(&store);
        proto_store_init(&store);
    }
    works();
}
