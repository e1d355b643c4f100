/* test_derivation.c - hashes, HMAC, HKDF and the PRF over secret keys, and the comparisons that end handshakes. */
#include "support/secret.h"

#include "base/ct.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "tls/schedule_13.h"
#include "tls/session.h"

#include <criterion/criterion.h>

static const dor_hash_id hashes[] = {DOR_HASH_SHA256, DOR_HASH_SHA384, DOR_HASH_SHA512};
enum { HASHES = sizeof hashes / sizeof hashes[0] };

static uint8_t secret[1500];

static void begin(void)
{
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(i * 37 + 11);
    dor_rng *rng; /* sets wolfCrypt up */
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("x"))));
    dor__rng_free(rng);
    secret_mark(secret, sizeof secret);
}

TestSuite(derivation, .init = begin);

static void good(dor_result r)
{
    secret_reveal(&r, sizeof r);
    cr_assert(dor__ok(r));
}

Test(derivation, hash_of_a_secret)
{
    uint8_t digest[DOR_HASH_MAX_LEN];
    for (size_t i = 0; i < HASHES; i++)
        for (size_t len = 0; len < 200; len += 13) {
            dor_result r;
            CLEAN(r = dor__hash_once(hashes[i], dor__span(secret, len), digest));
            good(r);
            cr_expect(len == 0 || secret_is(digest, dor__hash_len(hashes[i])));
        }
}

Test(derivation, hmac)
{
    uint8_t mac[DOR_HASH_MAX_LEN];
    for (size_t i = 0; i < HASHES; i++)
        for (size_t len = 16; len < 200; len += 23) { /* also keys longer than a block */
            dor_span part = dor__span(secret + 1, len);
            dor_result r;
            CLEAN(r = dor__hmac(hashes[i], dor__span(secret, len), &part, 1, mac));
            good(r);
            cr_expect(secret_is(mac, dor__hash_len(hashes[i])));
        }
}

Test(derivation, hkdf)
{
    uint8_t prk[DOR_HASH_MAX_LEN], out[150];
    for (size_t i = 0; i < HASHES; i++) {
        dor_span key = dor__span(secret, dor__hash_len(hashes[i]));
        dor_result r;
        CLEAN(r = dor__hkdf_extract(hashes[i], key, key, prk));
        good(r);
        CLEAN(
            r = dor__hkdf_expand(hashes[i], dor__span(prk, key.len), dor__span_str("info"), out, sizeof out));
        good(r);
        CLEAN(
            r = dor__hkdf_expand_label(hashes[i], key, "c hs traffic", dor__span_str("hash"), out, key.len));
        good(r);
        cr_expect(secret_is(out, key.len));
    }
}

Test(derivation, prf_of_tls_1_2)
{
    uint8_t out[150];
    const dor_span seeds[] = {dor__span_str("client random"), dor__span_str("server random")};
    for (size_t i = 0; i < HASHES; i++) {
        dor_result r;
        CLEAN(
            r = dor__tls12_prf(hashes[i], dor__span(secret, 48), "master secret", seeds, 2, out, sizeof out));
        good(r);
        cr_expect(secret_is(out, sizeof out));
    }
}

/* ---- comparisons: the verdict is public (verdicts.c), and what leads to it is not ---------------------------- */

Test(derivation, finished_is_compared_in_constant_time)
{
    uint8_t mac[DOR_HASH_MAX_LEN], said[DOR_HASH_MAX_LEN];
    for (int i = -1; i < 32; i += 11) {
        dor_handshake hs = {0};
        dor_tls t = {.hs = &hs};
        dor_result r;
        CLEAN(r = dor__finished_mac(DOR_HASH_SHA256, secret, dor__span_str("transcript"), mac));
        good(r);
        memcpy(said, mac, sizeof said);
        if (i >= 0) said[i] ^= 1;
        CLEAN(r = dor__prove_finished(&t, dor__span(mac, 32), dor__span(said, 32)));
        cr_expect_eq(dor__ok(r), i < 0);
        cr_expect_eq(hs.proof_finished, i < 0);
    }
}

Test(derivation, binder)
{
    uint8_t binder[DOR_HASH_MAX_LEN];
    dor_result r;
    for (int external = 0; external < 2; external++) {
        CLEAN(r = dor__psk_binder(DOR_HASH_SHA256, dor__span(secret, 32), external,
                                  dor__span(secret + 40, 32), binder));
        good(r);
        cr_expect(secret_is(binder, 32));
    }
}

static const dor_aead_id aeads[] = {DOR_AEAD_AES_128_GCM, DOR_AEAD_AES_256_GCM, DOR_AEAD_CHACHA20_POLY1305};

/* Of secret keys, over secret plaintext; then with each byte of the tag wrong. */
Test(derivation, records_seal_and_open)
{
    uint8_t data[1200], tag[DOR_AEAD_TAG_LEN], nonce[DOR_AEAD_NONCE_LEN] = {1, 2, 3};
    for (size_t i = 0; i < sizeof aeads / sizeof aeads[0]; i++)
        for (size_t len = 0; len <= sizeof data; len += 171)
            for (int wrong = -1; wrong < DOR_AEAD_TAG_LEN; wrong += 8) {
                dor_aead *aead;
                dor_result r;
                dor_span aad = dor__span_str("header");
                memcpy(data, secret + 50, sizeof data);
                CLEAN(r = dor__aead_new(&aead, aeads[i], secret));
                good(r);
                CLEAN(r = dor__aead_seal(aead, nonce, aad, data, len, tag));
                good(r);
                secret_reveal(data, len);
                secret_reveal(tag, sizeof tag);
                if (wrong >= 0) tag[wrong] ^= 0x80;
                CLEAN(r = dor__aead_open(aead, nonce, aad, data, len, tag));
                secret_reveal(&r, sizeof r);
                cr_expect_eq(dor__ok(r), wrong < 0);
                CLEAN(dor__aead_free(aead));
            }
}

/* Names are public; which key opens is found by them. */
Test(derivation, tickets_seal_and_open)
{
    dor_ticket_key key;
    dor_rng *rng;
    dor_bytes ticket = DOR_BYTES_EMPTY, plain = DOR_BYTES_EMPTY;
    bool opened = false;
    dor_result r;
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("tickets"))));
    cr_assert(dor__ok(dor__ticket_key_make(&key, rng)));
    secret_mark(key.key, sizeof key.key);
    CLEAN(r = dor__ticket_seal(&key, rng, dor__span(secret, 120), &ticket));
    good(r);
    secret_reveal(ticket.ptr, ticket.len);
    CLEAN(r = dor__ticket_open(&key, dor__bytes_span(&ticket), &plain, &opened));
    good(r);
    cr_expect(opened);
    ticket.ptr[ticket.len - 1] ^= 1;
    dor__bytes_free(&plain);
    CLEAN(r = dor__ticket_open(&key, dor__bytes_span(&ticket), &plain, &opened));
    good(r);
    cr_expect_not(opened);
    dor__bytes_free(&plain);
    dor__bytes_free(&ticket);
    dor__rng_free(rng);
}
