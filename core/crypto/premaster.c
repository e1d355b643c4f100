/*
 * premaster.c - a premaster secret under an RSA key: made by clients, opened by servers without an oracle (RFC 5246
 * section 7.4.7.1).
 *
 * wolfCrypt does the private operation alone, in constant time; the padding is ours to judge. Every encrypted premaster secret goes the same way: a random one first, the operation, then padding, length and version
 * as one mask that chooses between the two. What is publicly wrong (a length, a number as large as the modulus) is a failed
 * operation and its random secret.
 */
#include "crypto/premaster.h"

#include "base/ct.h"
#include "crypto/der.h"
#include "crypto/key.h"

enum {
    MAX_MODULUS_LEN = DOR_RSA_MAX_LEN
}; /* and 256 bytes at least, so there is always room for the padding */

/* ---- constant time from here: em is a secret, its length is not -------------------------------------------------- */

void dor__premaster_unpad(const uint8_t *em, size_t len, uint16_t version,
                          uint8_t premaster[DOR_PREMASTER_LEN])
{
    /* A secret has one length, so the padding has one place: nothing is searched for. */
    const uint8_t *secret = em + len - DOR_PREMASTER_LEN;
    uint32_t wrong = em[0] | (uint32_t)(em[1] ^ 2) | secret[-1];
    for (const uint8_t *p = em + 2; p < secret - 1; p++)
        wrong |= dor__ct_mask_equal(*p, 0);
    wrong |= (uint32_t)(secret[0] ^ (version >> 8)) | (uint32_t)(secret[1] ^ (version & 0xff));
    uint32_t good = ~dor__ct_mask_nonzero(wrong);
    for (size_t i = 0; i < DOR_PREMASTER_LEN; i++)
        premaster[i] = (uint8_t)dor__ct_select(good, secret[i], premaster[i]);
}

/* ---- constant time up to here -------------------------------------------------------------------------------- */

static bool has_bits(dor_span number, size_t bits)
{
    return number.len == bits / 8 && number.ptr[0] & 0x80;
}

/*
 * wolfCrypt has code of constant time for three sizes, and primes of half of that. With others it counts the words of what it
 * has deciphered, and that is what Marvin (2023) was about. RSAPrivateKey: version, n, e, d, p, q and more.
 */
static bool deciphers_in_constant_time(const dor_private_key *key)
{
    dor_reader outer = rd_from(dor__span(key->secret, key->secret_len)), r;
    dor_span numbers[6];

    if (dor__failed(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r))) return false;
    for (size_t i = 0; i < 6; i++)
        if (dor__failed(dor__der_unsigned(&r, &numbers[i]))) return false;
    size_t bits = 8 * numbers[1].len;
    return (bits == 2048 || bits == 3072 || bits == 4096) && has_bits(numbers[1], bits) &&
           has_bits(numbers[4], bits / 2) && has_bits(numbers[5], bits / 2);
}

bool dor__private_key_decrypts(const dor_private_key *key)
{
    return dor__private_key_type(key) == DOR_KEY_RSA && !dor__private_key_is_elsewhere(key) &&
           deciphers_in_constant_time(key);
}

dor_result dor__premaster_open(const dor_private_key *key, uint16_t version, dor_rng *rng, dor_span encrypted,
                               uint8_t premaster[DOR_PREMASTER_LEN])
{
    uint8_t em[MAX_MODULUS_LEN] = {0};
    dor_result result;

    if (!dor__private_key_decrypts(key)) return dor__error(DOR_E_BADARG);
    size_t len = key->public_half->n_len;
    DOR_TRY(dor__rng_fill(rng, premaster, DOR_PREMASTER_LEN));
    if (encrypted.len != len || memcmp(encrypted.ptr, key->public_half->bytes, len) >= 0) return DOR_SUCCESS;
    DOR_TRY_GOTO(result, dor__rsa_decrypt_raw(key, encrypted.ptr, rng, em));
    dor__premaster_unpad(em, len, version, premaster);
done:
    dor__wipe_stack(); /* wolfCrypt's frames have had the key as a number */
    dor__wipe(em, sizeof(em));
    return result;
}

dor_result dor__premaster_seal(const dor_public_key *key, uint16_t version, dor_rng *rng,
                               uint8_t premaster[DOR_PREMASTER_LEN], uint8_t *encrypted,
                               size_t *encrypted_len)
{
    uint8_t em[MAX_MODULUS_LEN];
    dor_result result;

    if (key->type != DOR_KEY_RSA) return dor__error(DOR_E_BADARG);
    size_t len = key->n_len, padding = len - 3 - DOR_PREMASTER_LEN;
    DOR_TRY(dor__rng_fill(rng, premaster, DOR_PREMASTER_LEN));
    premaster[0] = (uint8_t)(version >> 8);
    premaster[1] = (uint8_t)version;
    em[0] = 0;
    em[1] = 2;
    DOR_TRY_GOTO(result, dor__rng_fill(rng, em + 2, padding));
    for (size_t i = 0; i < padding; i++)
        while (em[2 + i] == 0) /* one in 256: another byte */
            DOR_TRY_GOTO(result, dor__rng_fill(rng, em + 2 + i, 1));
    em[2 + padding] = 0;
    memcpy(em + 3 + padding, premaster, DOR_PREMASTER_LEN);
    DOR_TRY_GOTO(result, dor__rsa_encrypt_raw(key, em, encrypted));
    *encrypted_len = len;
done:
    dor__wipe_stack(); /* the padded secret was a number, too */
    dor__wipe(em, sizeof(em));
    if (dor__failed(result)) dor__wipe(premaster, DOR_PREMASTER_LEN);
    return result;
}
