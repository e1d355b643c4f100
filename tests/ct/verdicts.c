/*
 * verdicts.c - what our comparisons answer is public: whether a Finished, a binder or a tag is the right one, both ends
 * learn at once, and the code may branch on it. How the answer came about must not show.
 *
 * The linker puts these in front of the real ones (--wrap), in the programs of tests/ct alone; the library is the one that
 * is shipped.
 */
#include "support/secret.h"

#include "base/ct.h"
#include "crypto/ec.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/pwdbased.h>
#include <wolfssl/wolfcrypt/rsa.h>

bool __real_dor__ct_equal(const void *a, const void *b, size_t n);
bool __wrap_dor__ct_equal(const void *a, const void *b, size_t n);
bool __real_dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v);
bool __wrap_dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v);

bool __wrap_dor__ct_equal(const void *a, const void *b, size_t n)
{
    bool answer = __real_dor__ct_equal(a, b, n);
    secret_reveal(&answer, sizeof answer);
    return answer;
}

/* A scalar out of range is thrown away, or its key refused. */
bool __wrap_dor__ec_below_order(const dor_ec_curve *curve, const uint8_t *v)
{
    bool answer = __real_dor__ec_below_order(curve, v);
    secret_reveal(&answer, sizeof answer);
    return answer;
}

/*
 * WRAP(name, parameters, arguments, public): the primitive of wolfCrypt with its code made public, and what `public` says.
 * Whether it worked shows in what happens next; what it gives out is a signature or a public key.
 */
#define WRAP(name, parameters, arguments, public)                                                            \
    int __real_##name parameters;                                                                            \
    int __wrap_##name parameters;                                                                            \
    int __wrap_##name parameters                                                                             \
    {                                                                                                        \
        int code = __real_##name arguments;                                                                  \
        secret_reveal(&code, sizeof code);                                                                   \
        public;                                                                                              \
        return code;                                                                                         \
    }

#define NOTHING (void)0

/* clang-format off */
WRAP(wc_AesGcmDecrypt,
     (Aes *aes, byte *out, const byte *in, word32 len, const byte *iv, word32 iv_len, const byte *tag, word32 tag_len,
      const byte *aad, word32 aad_len),
     (aes, out, in, len, iv, iv_len, tag, tag_len, aad, aad_len), NOTHING)
WRAP(wc_ChaCha20Poly1305_Decrypt,
     (const byte *key, const byte *iv, const byte *aad, word32 aad_len, const byte *in, word32 len, const byte *tag,
      byte *out),
     (key, iv, aad, aad_len, in, len, tag, out), NOTHING)

WRAP(wc_ecc_import_private_key_ex,
     (const byte *scalar, word32 len, const byte *point, word32 point_len, ecc_key *key, int curve),
     (scalar, len, point, point_len, key, curve), NOTHING)
WRAP(wc_ecc_make_pub_ex, (ecc_key *key, ecc_point *out, WC_RNG *rng), (key, out, rng),
     secret_reveal(&key->pubkey, sizeof key->pubkey))
WRAP(wc_ecc_shared_secret, (ecc_key *ours, ecc_key *theirs, byte *out, word32 *len), (ours, theirs, out, len),
     secret_reveal(len, sizeof *len))
WRAP(wc_ecc_sign_hash, (const byte *in, word32 in_len, byte *out, word32 *len, WC_RNG *rng, ecc_key *key),
     (in, in_len, out, len, rng, key), (secret_reveal(len, sizeof *len), secret_reveal(out, *len)))

/* What it gives out stays as it is: it may be a premaster secret. */
WRAP(wc_RsaDirect,
     (const byte *in, word32 in_len, byte *out, word32 *len, RsaKey *key, int type, WC_RNG *rng),
     (in, in_len, out, len, key, type, rng), secret_reveal(len, sizeof *len))
WRAP(wc_RsaSSL_Sign, (const byte *in, word32 in_len, byte *out, word32 len, RsaKey *key, WC_RNG *rng),
     (in, in_len, out, len, key, rng), secret_reveal(out, len))
WRAP(wc_RsaPSS_Sign_ex,
     (const byte *in, word32 in_len, byte *out, word32 len, enum wc_HashType hash, int mgf, int salt, RsaKey *key,
      WC_RNG *rng),
     (in, in_len, out, len, hash, mgf, salt, key, rng), secret_reveal(out, len))

/* The key that a password becomes: what it decrypts is looked at with another test's eyes. */
WRAP(wc_PBKDF2,
     (byte *out, const byte *password, int password_len, const byte *salt, int salt_len, int iterations, int len,
      int hash),
     (out, password, password_len, salt, salt_len, iterations, len, hash), secret_reveal(out, (size_t)len))

/* And what is drawn inside wolfCrypt is secret from its first moment: ECDSA's nonce, blinding. */
WRAP(wc_RNG_GenerateBlock, (WC_RNG *rng, byte *out, word32 len), (rng, out, len), secret_mark(out, len))
/* clang-format on */

/*
 * wolfCrypt looks up a scalar's windows in a table (ct/wolfcrypt.supp has it), and what is loaded from a secret address counts
 * as public. So the index is marked again where the point for it is fetched; everything behind it is watched.
 */
#define WRAP_FETCH(name)                                                                                     \
    __attribute__((weak)) void __real_##name(void *point, const void *table, int index);                     \
    void __wrap_##name(void *point, const void *table, int index);                                           \
    void __wrap_##name(void *point, const void *table, int index)                                            \
    {                                                                                                        \
        secret_mark(&index, sizeof index);                                                                   \
        __real_##name(point, table, index);                                                                  \
    }

WRAP_FETCH(sp_256_get_entry_65_4)
WRAP_FETCH(sp_256_get_entry_65_avx2_4)
WRAP_FETCH(sp_256_get_point_33_4)
WRAP_FETCH(sp_256_get_point_33_avx2_4)
WRAP_FETCH(sp_384_get_entry_65_6)
WRAP_FETCH(sp_384_get_entry_65_avx2_6)
WRAP_FETCH(sp_384_get_point_33_6)
WRAP_FETCH(sp_384_get_point_33_avx2_6)
WRAP_FETCH(sp_521_get_entry_65_9)
WRAP_FETCH(sp_521_get_entry_65_avx2_9)
WRAP_FETCH(sp_521_get_point_33_9)
WRAP_FETCH(sp_521_get_point_33_avx2_9)
