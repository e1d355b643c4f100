/* test_keys.c - key exchange, signatures and the reading of private keys, with the private half marked as secret. */
#include "support/secret.h"

#include "crypto/der.h"
#include "crypto/key.h"
#include "crypto/kx.h"
#include "support/command.h"
#include "support/pki.h"
#include "x509/pem.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static dor_rng *rng;

static void begin(void)
{
    cr_assert(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("keys"))));
}

static void end(void)
{
    dor__rng_free(rng);
}

TestSuite(keys, .init = begin, .fini = end);

static void good(dor_result r)
{
    secret_reveal(&r, sizeof r);
    cr_assert(dor__ok(r));
}

/* ---- key exchange ------------------------------------------------------------------------------------------ */

static void exchange(dor_group group, size_t scalar_len)
{
    uint8_t scalar[DOR_KX_MAX_SECRET_LEN], shared[DOR_KX_MAX_SECRET_LEN];
    dor_kx *ours, *theirs;
    size_t len = 0;
    dor_result r;
    for (size_t i = 0; i < sizeof scalar; i++)
        scalar[i] = (uint8_t)(i * 7 + 1);
    cr_assert(dor__ok(dor__kx_new(&theirs, group, rng)));
    secret_mark(scalar, sizeof scalar);
    CLEAN(r = dor__kx_from_scalar(&ours, group, dor__span(scalar, scalar_len)));
    good(r);
    dor_span share = dor__kx_public(ours);
    secret_reveal(share.ptr, share.len);
    CLEAN(r = dor__kx_derive(ours, dor__kx_public(theirs), rng, shared, &len));
    good(r);
    cr_expect_eq(len, scalar_len);
    cr_expect(secret_is(shared, len), "the mark was lost on the way");
    CLEAN(dor__kx_free(ours));
    dor__kx_free(theirs);
}

Test(keys, x25519)
{
    exchange(DOR_GROUP_X25519, 32);
}

Test(keys, ecdh_p256)
{
    exchange(DOR_GROUP_SECP256R1, 32);
}

Test(keys, ecdh_p384)
{
    exchange(DOR_GROUP_SECP384R1, 48);
}

/* A pair of our own: its scalar comes from the generator. */
Test(keys, a_fresh_pair)
{
    static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        dor_kx *kx;
        dor_result r;
        CLEAN(r = dor__kx_new(&kx, groups[i], rng));
        good(r);
        dor__kx_free(kx);
    }
}

/* ---- signatures -------------------------------------------------------------------------------------------- */

static dor_span key_der(const char *name, dor_pem_block *block)
{
    char path[512];
    size_t len, line = 1;
    bool found;
    snprintf(path, sizeof path, "%s/%s.key", pki_dir(), name);
    char *text = pki_read_file(path, &len);
    dor_span rest = dor__span(text, len);
    cr_assert(dor__ok(dor__pem_next(&rest, &line, block, &found)) && found);
    free(text);
    return dor__bytes_span(&block->der);
}

/* RSAPrivateKey (RFC 8017 A.1.2): behind version, modulus and public exponent all numbers are secret. How long they are is not,
 * so their first byte, whose top bit decides about a zero in front, is not either. */
static void mark_rsa(uint8_t *der, size_t len)
{
    dor_reader outer = rd_from(dor__span(der, len)), r;
    dor_span number;
    cr_assert(dor__ok(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r)));
    for (int i = 0; i < 9; i++) {
        cr_assert(dor__ok(dor__der_unsigned(&r, &number)));
        if (i > 2) secret_mark(number.ptr + 1, number.len - 1);
    }
}

static void mark_key(dor_private_key *key)
{
    dor_key_type type = dor__private_key_type(key);
    if (type == DOR_KEY_RSA || type == DOR_KEY_RSA_PSS)
        mark_rsa(key->secret, key->secret_len);
    else
        secret_mark(key->secret, key->secret_len);
}

static void sign(const char *name, dor_sig_scheme scheme)
{
    dor_pem_block block;
    dor_private_key *key;
    uint8_t sig[DOR_SIG_MAX_LEN];
    size_t sig_len = 0;
    dor_result r;
    dor_span der = key_der(name, &block);
    cr_assert(dor__ok(dor__private_key_from_der(&key, der)));
    dor__pem_block_fini(&block);
    mark_key(key);
    CLEAN(r = dor__sign(key, scheme, dor__span_str("message"), rng, sig, sizeof sig, &sig_len));
    good(r);
    secret_reveal(sig, sizeof sig);
    secret_reveal(&sig_len, sizeof sig_len);
    cr_expect(dor__ok(dor__verify(dor__private_key_public(key), scheme, dor__span_str("message"),
                                  dor__span(sig, sig_len))));
    CLEAN(dor__private_key_unref(key));
}

Test(keys, ecdsa_p256)
{
    sign("c", DOR_SIG_ECDSA_SECP256R1_SHA256);
}

Test(keys, ecdsa_p384)
{
    sign("d", DOR_SIG_ECDSA_SECP384R1_SHA384);
}

Test(keys, ed25519)
{
    sign("ed", DOR_SIG_ED25519);
}

Test(keys, rsa_pkcs1)
{
    sign("rsa", DOR_SIG_RSA_PKCS1_SHA256);
}

Test(keys, rsa_pss)
{
    sign("rsa", DOR_SIG_RSA_PSS_RSAE_SHA256);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* A file's form is public, lengths and names; its numbers are not. */
static void mark_numbers(dor_span der, const dor_private_key *key)
{
    uint8_t *at = memmem(der.ptr, der.len, key->secret, key->secret_len);
    cr_assert_not_null(at);
    if (key->public_half->type == DOR_KEY_RSA)
        mark_rsa(at, key->secret_len);
    else
        secret_mark(at, key->secret_len);
}

static void read_key(const char *name)
{
    dor_pem_block block;
    dor_private_key *key;
    dor_result r;
    dor_span der = key_der(name, &block);
    cr_assert(dor__ok(dor__private_key_from_der(&key, der)));
    mark_numbers(der, key);
    dor__private_key_unref(key);
    CLEAN(r = dor__private_key_from_der(&key, der));
    good(r);
    CLEAN(dor__private_key_unref(key));
    CLEAN(dor__pem_block_fini(&block));
}

Test(keys, ec_key_is_read)
{
    read_key("c");
    read_key("d");
}

Test(keys, ed25519_key_is_read)
{
    read_key("ed");
}

Test(keys, rsa_key_is_read)
{
    read_key("rsa");
}

/* ---- passwords --------------------------------------------------------------------------------------------- */

static void opens(const char *how)
{
    static char password[] = "open sesame";
    const dor_span word = dor__span(password, strlen(password));
    dor_private_key *key;
    dor_result r;
    cr_assert_eq(
        command_run("openssl pkcs8 -topk8 -in '%s/c.key' -passout 'pass:open sesame' %s -outform DER "
                    "-out enc.der",
                    pki_dir(), how),
        0);
    dor_bytes der = command_read("enc.der");
    secret_mark(password, word.len);
    CLEAN(r = dor__private_key_decrypt(&key, dor__bytes_span(&der), word));
    good(r);
    secret_reveal(password, word.len);
    dor__private_key_unref(key);
    dor__bytes_free(&der);
}

/* As far as PBKDF2's output. scrypt looks into its memory by what came of the password: that is what it is (RFC 7914). */
Test(keys, password_of_pbkdf2, .init = command_begin, .fini = command_end)
{
    opens("-v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 50");
    opens("-v2 aes-128-cbc -v2prf hmacWithSHA512 -iter 3");
}
