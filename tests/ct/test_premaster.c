/*
 * test_premaster.c - a premaster secret under an RSA key is opened: neither its padding, nor its version, nor whether they are
 * right shows (Bleichenbacher, ROBOT, Marvin).
 */
#include "support/secret.h"

#include "crypto/der.h"
#include "crypto/key.h"
#include "crypto/premaster.h"
#include "support/pki.h"
#include "x509/pem.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { N_LEN = 256, SECRET_AT = N_LEN - DOR_PREMASTER_LEN, VERSION = 0x0303 };

/* Byte `at` of what was deciphered is `value`; at N_LEN: all is right. */
static void compose(uint8_t em[N_LEN], size_t at, uint8_t value)
{
    memset(em, 0x5a, N_LEN);
    em[0] = 0, em[1] = 2;
    em[SECRET_AT - 1] = 0;
    em[SECRET_AT] = em[SECRET_AT + 1] = 3;
    if (at < N_LEN) em[at] = value;
}

static void unpad(size_t at, uint8_t value, bool right)
{
    uint8_t em[N_LEN], secret[DOR_PREMASTER_LEN];
    compose(em, at, value);
    memset(secret, 0xee, sizeof secret);
    secret_mark(em, sizeof em);
    secret_mark(secret, sizeof secret);
    CLEAN(dor__premaster_unpad(em, N_LEN, VERSION, secret));
    if (secret_watched()) cr_expect(secret_is(secret, sizeof secret), "the mark was lost on the way");
    secret_reveal(em, sizeof em);
    secret_reveal(secret, sizeof secret);
    cr_expect_eq(memcmp(secret, em + SECRET_AT, sizeof secret) == 0, right, "byte %zu", at);
    cr_expect_eq(secret[0] == 0xee && secret[47] == 0xee, !right, "byte %zu", at);
}

Test(premaster, right_and_wrong_are_the_same)
{
    unpad(N_LEN, 0, true);
    unpad(0, 1, false);
    unpad(1, 1, false);
    for (size_t at = 2; at < SECRET_AT - 1; at++)
        unpad(at, 0, false);
    unpad(SECRET_AT - 1, 1, false);
    unpad(SECRET_AT, 2, false);
    unpad(SECRET_AT + 1, 4, false);
}

/* As mark_rsa of test_keys.c. */
static void mark_key(dor_private_key *key)
{
    dor_reader outer = rd_from(dor__span(key->secret, key->secret_len)), r;
    dor_span number;
    cr_assert(dor__ok(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r)));
    for (int i = 0; i < 9; i++) {
        cr_assert(dor__ok(dor__der_unsigned(&r, &number)));
        if (i > 2) secret_mark(number.ptr + 1, number.len - 1);
    }
}

static dor_private_key *load(const char *name)
{
    char path[512];
    dor_pem_block block;
    dor_private_key *key;
    size_t len, line = 1;
    bool found;
    snprintf(path, sizeof path, "%s/%s.key", pki_dir(), name);
    char *text = pki_read_file(path, &len);
    dor_span rest = dor__span(text, len);
    cr_assert(dor__ok(dor__pem_next(&rest, &line, &block, &found)) && found);
    cr_assert(dor__ok(dor__private_key_from_der(&key, dor__bytes_span(&block.der))));
    dor__pem_block_fini(&block);
    free(text);
    return key;
}

/* With the key as a secret, what it deciphers is one. */
Test(premaster, opened_with_a_secret_key)
{
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {{N_LEN, 0}, {0, 1}, {1, 1}, {2, 0}, {100, 0}, {SECRET_AT - 1, 9}, {SECRET_AT + 1, 1}};
    dor_rng *rng;
    dor_private_key *key = load("rsa");
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("premaster"))));
    uint8_t encrypted[sizeof cases / sizeof cases[0]][N_LEN];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t em[N_LEN];
        compose(em, cases[i].at, cases[i].value);
        cr_assert(dor__ok(dor__rsa_encrypt_raw(dor__private_key_public(key), em, encrypted[i])));
    }
    mark_key(key);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t secret[DOR_PREMASTER_LEN], em[N_LEN];
        dor_result r;
        CLEAN(r = dor__premaster_open(key, VERSION, rng, dor__span(encrypted[i], N_LEN), secret));
        secret_reveal(&r, sizeof r);
        cr_assert(dor__ok(r));
        if (secret_watched()) cr_expect(secret_is(secret, sizeof secret), "the mark was lost on the way");
        secret_reveal(secret, sizeof secret);
        compose(em, cases[i].at, cases[i].value);
        cr_expect_eq(memcmp(secret, em + SECRET_AT, sizeof secret) == 0, i == 0);
    }
    dor__private_key_unref(key);
    dor__rng_free(rng);
}
