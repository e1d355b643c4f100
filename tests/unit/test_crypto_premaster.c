/*
 * test_crypto_premaster.c - premaster secrets under an RSA key: what is right comes out, and whatever is wrong gives a random
 * secret, of which nobody is told.
 */
#include "support/command.h"
#include "support/counting_alloc.h"
#include "support/pki.h"

#include "crypto/key.h"
#include "crypto/premaster.h"
#include "tls/suite.h"
#include "x509/pem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_LEN = 256, SECRET_AT = N_LEN - DOR_PREMASTER_LEN };

static dor_rng *rng;
static dor_private_key *key;
static const dor_public_key *public_half;

static dor_private_key *load_file(const char *path)
{
    dor_pem_block block;
    dor_private_key *loaded;
    size_t len, line = 1;
    bool found;
    char *text = pki_read_file(path, &len);
    dor_span rest = dor__span(text, len);
    cr_assert(dor__ok(dor__pem_next(&rest, &line, &block, &found)) && found);
    cr_assert(dor__ok(dor__private_key_from_der(&loaded, dor__bytes_span(&block.der))));
    dor__pem_block_fini(&block);
    free(text);
    return loaded;
}

static dor_private_key *load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.key", pki_dir(), name);
    return load_file(path);
}

static void set_up(void)
{
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("premaster"))));
    key = load("rsa");
    public_half = dor__private_key_public(key);
    cr_assert_eq(public_half->n_len, (size_t)N_LEN);
}

static void tear_down(void)
{
    dor__private_key_unref(key);
    dor__rng_free(rng);
}

TestSuite(premaster, .init = set_up, .fini = tear_down);

/* 00 02, padding without zeros, 00, the version, 46 bytes */
static void compose(uint8_t em[N_LEN])
{
    for (size_t i = 0; i < N_LEN; i++)
        em[i] = (uint8_t)(1 + i % 255);
    em[0] = 0;
    em[1] = 2;
    em[SECRET_AT - 1] = 0;
    em[SECRET_AT] = 3;
    em[SECRET_AT + 1] = 3;
}

/* Opens what em encrypts to. */
static void open_em(const uint8_t em[N_LEN], uint8_t secret[DOR_PREMASTER_LEN])
{
    uint8_t encrypted[N_LEN];
    cr_assert(dor__ok(dor__rsa_encrypt_raw(public_half, em, encrypted)));
    cr_assert(
        dor__ok(dor__premaster_open(key, DOR_TLS_1_2, rng, dor__span(encrypted, sizeof encrypted), secret)));
}

static bool is_secret_of(const uint8_t em[N_LEN], const uint8_t secret[DOR_PREMASTER_LEN])
{
    return memcmp(secret, em + SECRET_AT, DOR_PREMASTER_LEN) == 0;
}

/* Twice the same bytes, twice another secret, and none of them has anything of what was sent. */
static void gives_random(const uint8_t em[N_LEN], const char *what, size_t i)
{
    uint8_t first[DOR_PREMASTER_LEN], second[DOR_PREMASTER_LEN];
    open_em(em, first);
    open_em(em, second);
    cr_assert_neq(memcmp(first, second, sizeof first), 0, "%s, %zu", what, i);
    cr_assert_not(is_secret_of(em, first) || is_secret_of(em, second), "%s, %zu", what, i);
}

Test(premaster, sealed_and_opened)
{
    uint8_t made[DOR_PREMASTER_LEN], opened[DOR_PREMASTER_LEN], encrypted[DOR_RSA_MAX_LEN];
    size_t len = 0;
    for (int i = 0; i < 50; i++) {
        cr_assert(dor__ok(dor__premaster_seal(public_half, DOR_TLS_1_2, rng, made, encrypted, &len)));
        cr_assert_eq(len, (size_t)N_LEN);
        cr_assert_eq(made[0], 3);
        cr_assert_eq(made[1], 3);
        cr_assert(dor__ok(dor__premaster_open(key, DOR_TLS_1_2, rng, dor__span(encrypted, len), opened)));
        cr_assert_arr_eq(made, opened, sizeof made);
    }
}

/* What is sealed has the form that everybody expects: RFC 8017 section 7.2.1. */
Test(premaster, form)
{
    uint8_t made[DOR_PREMASTER_LEN], encrypted[DOR_RSA_MAX_LEN], em[N_LEN];
    size_t len;
    cr_assert(dor__ok(dor__premaster_seal(public_half, DOR_TLS_1_2, rng, made, encrypted, &len)));
    cr_assert(dor__ok(dor__rsa_decrypt_raw(key, encrypted, rng, em)));
    cr_assert(em[0] == 0 && em[1] == 2 && em[SECRET_AT - 1] == 0);
    cr_assert_null(memchr(em + 2, 0, SECRET_AT - 3));
    cr_assert(is_secret_of(em, made));
}

Test(premaster, a_right_one_is_opened)
{
    uint8_t em[N_LEN], secret[DOR_PREMASTER_LEN];
    compose(em);
    open_em(em, secret);
    cr_assert(is_secret_of(em, secret));
}

Test(premaster, every_wrong_byte_of_the_padding)
{
    uint8_t em[N_LEN];
    for (size_t i = 0; i < SECRET_AT; i++) {
        compose(em);
        em[i] = i == 0 ? 1 : i == 1 ? 1 : i == SECRET_AT - 1 ? 7 : 0;
        gives_random(em, "byte", i);
    }
    for (unsigned type = 0; type < 256; type++) {
        if (type == 2) continue;
        compose(em);
        em[1] = (uint8_t)type;
        gives_random(em, "block type", type);
    }
}

Test(premaster, secrets_of_other_lengths)
{
    uint8_t em[N_LEN];
    for (size_t len = 0; len < N_LEN - 11; len += len < 64 ? 1 : 16) { /* the zero in another place */
        if (len == DOR_PREMASTER_LEN) continue;
        compose(em);
        memset(em + 2, 0x55, N_LEN - 2);
        em[N_LEN - 1 - len] = 0;
        if (len >= 2) em[N_LEN - len] = em[N_LEN - len + 1] = 3;
        gives_random(em, "length", len);
    }
    compose(em);
    memset(em + 2, 0x55, N_LEN - 2); /* and none at all */
    gives_random(em, "no zero", 0);
    memset(em + 2, 0, N_LEN - 2);
    gives_random(em, "zeros alone", 0);
}

Test(premaster, other_versions)
{
    static const uint16_t versions[] = {0x0000, 0x0002, 0x0300, 0x0301, 0x0302,
                                        0x0304, 0x0203, 0x0403, 0xffff};
    uint8_t em[N_LEN];
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        compose(em);
        em[SECRET_AT] = (uint8_t)(versions[i] >> 8);
        em[SECRET_AT + 1] = (uint8_t)versions[i];
        gives_random(em, "version", versions[i]);
    }
}

/* What everybody can see to be wrong looks the same. */
Test(premaster, no_ciphertext_of_this_key)
{
    static uint8_t bytes[N_LEN + 1];
    uint8_t first[DOR_PREMASTER_LEN], second[DOR_PREMASTER_LEN], less[N_LEN];
    memcpy(less, public_half->bytes, N_LEN);
    less[N_LEN - 1]--; /* n is odd: n - 1 */
    memset(bytes, 0x11, sizeof bytes);
    static const uint8_t zeros[N_LEN];
    uint8_t one[N_LEN] = {0}, ones[N_LEN];
    one[N_LEN - 1] = 1;
    memset(ones, 0xff, sizeof ones);
    const dor_span cases[] = {
        dor__span(zeros, N_LEN),
        dor__span(one, N_LEN),
        dor__span(less, N_LEN),
        dor__span(ones, N_LEN),
        dor__span(bytes, N_LEN - 1),
        dor__span(bytes, N_LEN + 1),
        DOR_SPAN_EMPTY,
        dor__span(public_half->bytes, N_LEN),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(dor__ok(dor__premaster_open(key, DOR_TLS_1_2, rng, cases[i], first)), "%zu", i);
        cr_assert(dor__ok(dor__premaster_open(key, DOR_TLS_1_2, rng, cases[i], second)), "%zu", i);
        cr_assert_neq(memcmp(first, second, sizeof first), 0, "%zu", i);
    }
}

Test(premaster, every_bit_of_the_ciphertext)
{
    uint8_t made[DOR_PREMASTER_LEN], opened[DOR_PREMASTER_LEN], encrypted[DOR_RSA_MAX_LEN];
    size_t len;
    cr_assert(dor__ok(dor__premaster_seal(public_half, DOR_TLS_1_2, rng, made, encrypted, &len)));
    for (size_t bit = 0; bit < len * 8; bit += 7) {
        encrypted[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert(dor__ok(dor__premaster_open(key, DOR_TLS_1_2, rng, dor__span(encrypted, len), opened)));
        cr_assert_neq(memcmp(made, opened, sizeof made), 0, "bit %zu", bit);
        encrypted[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void not_here(void *holder)
{
    (void)holder;
}

Test(premaster, keys_that_do_not_decrypt)
{
    static const char *const names[] = {"c", "ed", "pss"};
    uint8_t secret[DOR_PREMASTER_LEN], encrypted[DOR_RSA_MAX_LEN] = {0};
    size_t len;
    cr_assert(dor__private_key_decrypts(key));
    for (size_t i = 0; i < 3; i++) {
        dor_private_key *other = load(names[i]);
        cr_assert_not(dor__private_key_decrypts(other), "%s", names[i]);
        cr_assert_eq(dor__premaster_open(other, DOR_TLS_1_2, rng, dor__span(encrypted, N_LEN), secret).code,
                     DOR_E_BADARG);
        cr_assert_eq(
            dor__premaster_seal(dor__private_key_public(other), DOR_TLS_1_2, rng, secret, encrypted, &len)
                .code,
            DOR_E_BADARG);
        dor__private_key_unref(other);
    }
    dor_certificate *cert = pki_cert("tls-rsa");
    dor_private_key *elsewhere;
    cr_assert(dor__ok(dor__private_key_elsewhere(&elsewhere, cert->spki, NULL, not_here)));
    cr_assert_not(dor__private_key_decrypts(elsewhere));
    dor__private_key_unref(elsewhere);
    dor__certificate_unref(cert);
}

/* Only those sizes for which the operation is constant in time. */
Test(premaster, sizes)
{
    static const struct {
        int bits;
        bool decrypts;
    } sizes[] = {{2056, false}, {2304, false}, {3072, true}};
    command_begin();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t made[DOR_PREMASTER_LEN], opened[DOR_PREMASTER_LEN], encrypted[DOR_RSA_MAX_LEN];
        size_t len;
        cr_assert_eq(command_run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:%d -out sized.key",
                                 sizes[i].bits),
                     0);
        dor_private_key *sized = load_file("sized.key");
        const dor_public_key *half = dor__private_key_public(sized);
        cr_assert_eq(dor__private_key_decrypts(sized), sizes[i].decrypts, "%d bits", sizes[i].bits);
        cr_assert(dor__ok(dor__premaster_seal(half, DOR_TLS_1_2, rng, made, encrypted, &len)));
        dor_result r = dor__premaster_open(sized, DOR_TLS_1_2, rng, dor__span(encrypted, len), opened);
        cr_assert_eq(r.code, sizes[i].decrypts ? 0 : DOR_E_BADARG);
        if (sizes[i].decrypts) cr_assert_arr_eq(made, opened, sizeof made);
        dor__private_key_unref(sized);
    }
    command_end();
}

Test(premaster_starved, memory_runs_out)
{
    uint8_t made[DOR_PREMASTER_LEN], opened[DOR_PREMASTER_LEN], encrypted[DOR_RSA_MAX_LEN];
    size_t len = 0;
    counting_alloc_install();
    set_up();
    cr_assert(dor__ok(dor__premaster_seal(public_half, DOR_TLS_1_2, rng, made, encrypted, &len)));
    bool enough = false;
    for (size_t n = 1; !enough; n++) {
        size_t pieces = counting_alloc_pieces();
        counting_alloc_fail_at(n);
        dor_result r = dor__premaster_open(key, DOR_TLS_1_2, rng, dor__span(encrypted, len), opened);
        enough = counting_alloc_calls() < n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, enough ? 0 : DOR_E_NOMEM, "allocation %zu", n);
        cr_assert_eq(counting_alloc_pieces(), pieces);
        cr_assert_lt(n, 1000);
    }
    cr_assert_arr_eq(made, opened, sizeof made);
    tear_down();
    cr_assert_eq(counting_alloc_pieces(), 0);
}
