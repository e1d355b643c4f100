/*
 * test_cbc.c - MAC-then-encrypt: neither the padding, nor where the MAC lies, nor whether either is right shows while they
 * are checked (Lucky 13). Only the verdict on the whole comes out.
 */
#include "support/secret.h"

#include "record/cbc.h"

#include <criterion/criterion.h>
#include <string.h>

static const dor_hash_id macs[] = {DOR_HASH_SHA1, DOR_HASH_SHA256, DOR_HASH_SHA384};

static void make_state(struct dor_cbc_state *s, dor_hash_id mac)
{
    memset(s, 0, sizeof *s);
    s->key_len = 16;
    s->mac = (uint8_t)mac;
    for (size_t i = 0; i < sizeof s->mac_key; i++)
        s->mac_key[i] = (uint8_t)(i + 1);
    cr_assert(dor__ok(dor__cbc_new(&s->cipher, s->key, 16, mac, s->mac_key, false)));
}

/* payload | MAC | padding in len bytes, the MAC right for this payload */
static void compose(struct dor_cbc_state *s, uint8_t *data, size_t len, size_t padding)
{
    size_t mac_len = dor__hash_len((dor_hash_id)s->mac), payload = len - mac_len - padding;
    uint8_t pseudo[13] = {0, 0, 0, 0, 0, 0, 0, 9, 23, 3, 3, (uint8_t)(payload >> 8), (uint8_t)payload};
    memset(data, 'd', payload);
    const dor_span parts[] = {dor__span(pseudo, 13), dor__span(data, payload)};
    cr_assert(dor__ok(dor__cbc_mac(s->cipher, parts, 2, data + payload)));
    memset(data + len - padding, (int)(padding - 1), padding);
}

static void check(const struct dor_cbc_state *s, const uint8_t *data, size_t len, bool right, size_t padding)
{
    uint8_t pseudo[13] = {0, 0, 0, 0, 0, 0, 0, 9, 23, 3, 3}, copy[512];
    uint32_t good = 7, payload_len = 0;
    dor_result r = DOR_SUCCESS;
    memcpy(copy, data, len);
    secret_mark(copy, len);
    CLEAN(r = dor__cbc_check(s, pseudo, copy, len, &good, &payload_len));
    if (secret_watched())
        cr_expect(secret_is(&good, sizeof good) && secret_is(&payload_len, sizeof payload_len));
    secret_reveal(&r, sizeof r);
    secret_reveal(&good, sizeof good);
    secret_reveal(&payload_len, sizeof payload_len);
    cr_assert(dor__ok(r));
    cr_expect_eq(good, right ? UINT32_MAX : 0);
    if (right) cr_expect_eq(payload_len, len - dor__hash_len((dor_hash_id)s->mac) - padding);
}

Test(cbc, every_padding)
{
    static uint8_t data[512];
    const size_t len = 320;
    for (size_t m = 0; m < 3; m++) {
        struct dor_cbc_state s;
        make_state(&s, macs[m]);
        for (size_t padding = 1; padding <= 256; padding++) {
            compose(&s, data, len, padding);
            check(&s, data, len, true, padding);
        }
        dor__cbc_free(s.cipher);
    }
}

Test(cbc, wrong_padding_and_wrong_mac)
{
    static uint8_t data[512];
    for (size_t m = 0; m < 3; m++) {
        struct dor_cbc_state s;
        make_state(&s, macs[m]);
        for (size_t len = 64; len <= 320; len += 64) {
            compose(&s, data, len, 7);
            data[len - 3] ^= 1;
            check(&s, data, len, false, 0);
            compose(&s, data, len, 7);
            data[len - 7 - dor__hash_len(macs[m])] ^= 1;
            check(&s, data, len, false, 0);
            memset(data, 0xff, len); /* claims more than there is, or all of it */
            check(&s, data, len, false, 0);
            memset(data, 0, len);
            check(&s, data, len, false, 0);
        }
        dor__cbc_free(s.cipher);
    }
}

/* The whole way from the wire, the record being what comes out of the cipher: nothing before the verdict tells. */
Test(cbc, keys_and_plaintext_of_a_record)
{
    for (size_t m = 0; m < 3; m++) {
        struct dor_cbc_state s;
        uint8_t data[64], iv[16] = {0};
        make_state(&s, macs[m]);
        dor__cbc_free(s.cipher);
        s.cipher = NULL;
        memset(data, 1, sizeof data);
        secret_mark(s.key, sizeof s.key);
        secret_mark(s.mac_key, sizeof s.mac_key);
        dor_result r = DOR_SUCCESS;
        CLEAN(r = dor__cbc_new(&s.cipher, s.key, 16, macs[m], s.mac_key, true));
        cr_assert(dor__ok(r));
        CLEAN(r = dor__cbc_crypt(s.cipher, iv, data, sizeof data));
        cr_assert(dor__ok(r));
        dor__cbc_free(s.cipher);
    }
}
