/*
 * What a peer learns of a CBC record that it has altered (POODLE, Lucky 13, Zombie POODLE and their kin): that it was refused, and
 * nothing else. Wherever it was altered, so that the padding is wrong or the MAC or both, the verdict, the answer to the byte, and
 * how far the other side has counted are the same. How long it takes: ct/test_cbc.c.
 */
#include "support/proto_test.h"
#include "support/tls12_wire.h"

enum { ENCRYPT_THEN_MAC = 22, BLOCK = 16 };

static void cbc_set_up(void)
{
    set_up_version(DOR_TLS_1_2);
}

TestSuite(tls12_cbc, .init = cbc_set_up, .fini = tear_down, .timeout = 300);

typedef struct verdict {
    int64_t code;
    size_t len;
    uint8_t answer[256];
    uint64_t counted;
    size_t heard;
} verdict;

/* The same connection each time, to the byte; the client's record with one byte altered. len 0: how long it is. */
static verdict altered(uint16_t suite, bool encrypt_then_mac, size_t payload, size_t at, uint8_t by,
                       size_t *len)
{
    uint8_t data[64];
    verdict v = {0};
    memset(data, 'x', sizeof data);
    proto_only(client, 0, suite, 0);
    proto_only(server, 0, suite, 0);
    prepare(NULL, NULL);
    if (!encrypt_then_mac) wire_start_without(&pair, ENCRYPT_THEN_MAC);
    proto_pair_run(&pair);
    cr_assert(pair.client.connected && pair.server.connected, "%s", trouble());
    cr_assert_eq(dor__protection_encrypts_then_macs(&pair.server.tls->read), encrypt_then_mac);
    const size_t before = pair.server.plaintext.len;
    cr_assert(dor__ok(dor__tls_send(pair.client.tls, dor__span(data, payload))));
    dor_bytes wire = wire_take(&pair, DOR_TLS_CLIENT);
    *len = wire.len;
    if (at) wire.ptr[at] ^= by;
    proto_feed(&pair, DOR_TLS_SERVER, dor__bytes_span(&wire));
    dor__bytes_free(&wire);
    const dor_bytes *out = dor__tls_output(pair.server.tls);
    cr_assert_leq(out->len, sizeof v.answer);
    v.code = pair.server.result.code;
    v.len = out->len;
    if (out->len) memcpy(v.answer, out->ptr, out->len);
    v.counted = pair.server.tls->read.sequence;
    v.heard = pair.server.plaintext.len - before;
    return v;
}

static void all_alike(uint16_t suite, bool encrypt_then_mac, size_t payload)
{
    const int refused = DOR_ERROR_CODE(DOR_CLASS_ALERT_SENT, DOR_ALERT_BAD_RECORD_MAC, DOR_REASON_BAD_RECORD);
    size_t len;
    verdict good = altered(suite, encrypt_then_mac, payload, 0, 0, &len);
    cr_assert_eq(good.code, DOR_OK);
    cr_assert_eq(good.heard, payload);
    const verdict first = altered(suite, encrypt_then_mac, payload, 5, 1, &len);
    cr_assert_eq(first.code, refused);
    cr_assert_gt(first.len, 0u);
    for (size_t at = 5; at < len; at++) {
        const verdict v = altered(suite, encrypt_then_mac, payload, at, 0x40, &len);
        cr_assert_eq(memcmp(&v, &first, sizeof v), 0, "%04x, byte %zu of %zu", suite, at, len);
    }
    /* The last byte of the last block but one turns the length of the padding into every other. */
    const size_t mac_len = encrypt_then_mac ? dor__hash_len((dor_hash_id)pair.server.tls->suite->mac) : 0;
    for (unsigned by = 1; by < 256; by++) {
        const verdict v =
            altered(suite, encrypt_then_mac, payload, len - mac_len - BLOCK - 1, (uint8_t)by, &len);
        cr_assert_eq(memcmp(&v, &first, sizeof v), 0, "%04x, padding %02x", suite, by);
    }
}

Test(tls12_cbc, mac_then_encrypt)
{
    all_alike(0xc009, false, 1);
    all_alike(0xc023, false, 11);
    all_alike(0xc024, false, 0x20);
}

Test(tls12_cbc, encrypt_then_mac)
{
    all_alike(0xc009, true, 1);
    all_alike(0xc024, true, 0x20);
}
