/*
 * fuzz_keys.c - whatever the bytes are, they go through every reader of keys, signatures and base64 here. What is taken for a
 * key must then also work as one: sign, or refuse to; verify nothing that was not signed.
 */
#include "crypto/base64.h"
#include "crypto/sign.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
    if (!held) abort();
}

/* One scheme for each kind of signature. */
static const dor_sig_scheme schemes[] = {DOR_SIG_ECDSA_SECP256R1_SHA256, DOR_SIG_ED25519,
                                         DOR_SIG_RSA_PKCS1_SHA256, DOR_SIG_RSA_PSS_RSAE_SHA256,
                                         DOR_SIG_RSA_PSS_PSS_SHA256};

enum { SCHEME_COUNT = sizeof(schemes) / sizeof(schemes[0]) };

static void as_private_key(dor_span input, dor_rng *rng)
{
    dor_private_key *key;
    dor_result result = dor__private_key_from_der(&key, input);
    must(dor__ok(result) == (key != NULL));
    for (size_t i = 0; key && i < SCHEME_COUNT; i++) {
        uint8_t sig[DOR_SIG_MAX_LEN];
        size_t len;
        if (dor__ok(dor__sign(key, schemes[i], DOR_SPAN_EMPTY, rng, sig, sizeof(sig), &len)))
            must(len > 0 && len <= dor__private_key_max_sig_len(key));
    }
    dor__private_key_unref(key);
}

/* Without an EncryptedPrivateKeyInfo at hand mutations hardly ever get to the cipher, so the bytes go there directly too. */
static void as_encrypted_key(dor_span input)
{
    static const char dek[] = "AES-128-CBC,000102030405060708090a0b0c0d0e0f";
    dor_private_key *key;
    dor_result result = dor__private_key_decrypt(&key, input, dor__span_str("x"));
    must(dor__ok(result) == (key != NULL));
    dor__private_key_unref(key);
    result = dor__private_key_decrypt_dek(&key, dor__span_str(dek), input, dor__span_str("x"));
    must(dor__ok(result) == (key != NULL));
    dor__private_key_unref(key);
    result = dor__private_key_decrypt_dek(&key, input, input, dor__span_str("x"));
    must(dor__ok(result) == (key != NULL));
    dor__private_key_unref(key);
}

static void as_public_key(dor_span input)
{
    static const uint8_t small[256] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    dor_public_key *key;
    dor_result result = dor__public_key_from_spki(&key, input);
    must(dor__ok(result) == (key != NULL));
    for (size_t i = 0; key && i < SCHEME_COUNT; i++) {
        must(dor__failed(dor__verify(key, schemes[i], input, dor__span(small, 8))));
        must(dor__failed(dor__verify(key, schemes[i], input, dor__span(small, 64))));
        must(dor__failed(dor__verify(key, schemes[i], input, dor__span(small, 256))));
    }
    dor__public_key_free(key);
}

static void as_signature(dor_span input)
{
    /* The base point as P-256's key, and RFC 8032's first. */
    static const uint8_t p256[] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
        0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1,
        0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
        0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
        0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
        0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
    static const uint8_t ed25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21,
                                      0x00, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b,
                                      0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda,
                                      0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    const dor_span message = dor__span_str("nobody has signed this");
    dor_public_key *key;
    must(dor__ok(dor__public_key_from_spki(&key, dor__span(p256, sizeof(p256)))));
    must(dor__failed(dor__verify(key, DOR_SIG_ECDSA_SECP256R1_SHA256, message, input)));
    dor__public_key_free(key);
    must(dor__ok(dor__public_key_from_spki(&key, dor__span(ed25519, sizeof(ed25519)))));
    must(dor__failed(dor__verify(key, DOR_SIG_ED25519, message, input)));
    dor__public_key_free(key);
}

static void as_base64(dor_span input)
{
    dor_bytes bytes = DOR_BYTES_EMPTY, text = DOR_BYTES_EMPTY, again = DOR_BYTES_EMPTY;
    if (dor__ok(dor__base64_decode(input, &bytes))) {
        must(bytes.len <= input.len / 4 * 3);
        must(dor__ok(dor__base64_encode(dor__bytes_span(&bytes), &text)));
        must(dor__ok(dor__base64_decode(dor__bytes_span(&text), &again)));
        must(dor__span_equal(dor__bytes_span(&bytes), dor__bytes_span(&again)));
    }
    dor__bytes_free(&bytes);
    dor__bytes_free(&text);
    dor__bytes_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static dor_rng *rng;
    const dor_span input = dor__span(data, size);

    if (!rng) must(dor__ok(dor__rng_new_seeded(&rng, dor__span_str("fuzz"))));
    as_private_key(input, rng);
    as_encrypted_key(input);
    as_public_key(input);
    as_signature(input);
    as_base64(input);
    return 0;
}
