/*
 * pbe.c - see pbe.h. RFC 8018 (PBES2, PBKDF2), RFC 7914 (scrypt), RFC 7292 appendices B and C (PKCS#12).
 *
 * Two steps each time: a key (and for the older schemes an IV) from the password, then CBC. No scheme here authenticates,
 * so whether the password was right shows in the padding, and behind it in whether the plain text makes sense; both are
 * PASSWORD_WRONG to whoever asked. These are local files: there is no peer who could learn from the difference.
 *
 * Single DES, RC4 and the MD5 schemes of PKCS#5 version 1 are left out.
 */
#include "crypto/pbe.h"

#include "base/alloc.h"
#include "base/ct.h"
#include "crypto/der.h"
#include "crypto/wc.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/des3.h>
#include <wolfssl/wolfcrypt/md5.h>
#include <wolfssl/wolfcrypt/pwdbased.h>
#include <wolfssl/wolfcrypt/sha.h>
#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/sha512.h>
#ifdef WC_RC2
#include <wolfssl/wolfcrypt/rc2.h>
#endif

#define OID(...)                                                                                             \
    {                                                                                                        \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                               \
    }

enum { MAX_KEY_LEN = 32, MAX_IV_LEN = 16, PKCS12_ID_KEY = 1, PKCS12_ID_IV = 2, PKCS12_ID_MAC = 3 };

typedef enum cbc_kind { CBC_AES, CBC_DES3, CBC_RC2 } cbc_kind;

typedef struct cbc_cipher {
    cbc_kind kind;
    uint8_t key_len, iv_len; /* iv_len is the block's length, too */
    dor_span oid;
    const char *dek_name; /* in DEK-Info, or NULL */
} cbc_cipher;

/* RFC 8018 appendix B.2, NIST's registry. */
static const cbc_cipher ciphers[] = {
    {CBC_AES, 16, 16, OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02), "AES-128-CBC"},
    {CBC_AES, 24, 16, OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16), "AES-192-CBC"},
    {CBC_AES, 32, 16, OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a), "AES-256-CBC"},
    {CBC_DES3, 24, 8, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07), "DES-EDE3-CBC"},
};

/* RFC 7292 appendix C: SHA-1, and a cipher with a key of so many bytes. */
static const cbc_cipher pkcs12_ciphers[] = {
    {CBC_DES3, 24, 8, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03), NULL},
#ifdef WC_RC2
    {CBC_RC2, 16, 8, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x05), NULL},
    {CBC_RC2, 5, 8, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x06), NULL},
#endif
};

/* RFC 8018 appendix B.1. */
static const struct {
    int wc_hash;
    dor_span oid;
} prfs[] = {
    {WC_SHA, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07)},
    {WC_SHA224, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x08)},
    {WC_SHA256, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09)},
    {WC_SHA384, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0a)},
    {WC_SHA512, OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b)},
};

static const dor_span oid_pbes2 = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d);
static const dor_span oid_pbkdf2 = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c);
static const dor_span oid_scrypt = OID(0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static dor_result malformed(void)
{
    return dor__error(DOR_E_FILE_MALFORMED);
}

static dor_result unsupported(void)
{
    return dor__error(DOR_E_NOT_SUPPORTED);
}

static const cbc_cipher *cipher_of(const cbc_cipher *table, size_t count, dor_span oid)
{
    for (size_t i = 0; i < count; i++)
        if (dor__span_equal(table[i].oid, oid)) return &table[i];
    return NULL;
}

/* ---- CBC ---------------------------------------------------------------------------------------------------------- */

static int decrypt_aes(const cbc_cipher *cipher, const uint8_t *key, const uint8_t *iv, dor_span in,
                       uint8_t *out)
{
    Aes aes;
    int code = wc_AesInit(&aes, NULL, INVALID_DEVID);
    if (code != 0) return code;
    code = wc_AesSetKey(&aes, key, cipher->key_len, iv, AES_DECRYPTION);
    if (code == 0) code = wc_AesCbcDecrypt(&aes, out, in.ptr, (word32)in.len);
    wc_AesFree(&aes);
    dor__wipe(&aes, sizeof(aes));
    return code;
}

static int decrypt_des3(const uint8_t *key, const uint8_t *iv, dor_span in, uint8_t *out)
{
    Des3 des;
    int code = wc_Des3Init(&des, NULL, INVALID_DEVID);
    if (code != 0) return code;
    code = wc_Des3_SetKey(&des, key, iv, DES_DECRYPTION);
    if (code == 0) code = wc_Des3_CbcDecrypt(&des, out, in.ptr, (word32)in.len);
    wc_Des3Free(&des);
    dor__wipe(&des, sizeof(des));
    return code;
}

static int decrypt_rc2(const cbc_cipher *cipher, const uint8_t *key, const uint8_t *iv, dor_span in,
                       uint8_t *out)
{
#ifdef WC_RC2
    Rc2 rc2;
    int code = wc_Rc2SetKey(&rc2, key, cipher->key_len, iv, (word32)cipher->key_len * 8);
    if (code == 0) code = wc_Rc2CbcDecrypt(&rc2, out, in.ptr, (word32)in.len);
    wc_Rc2Free(&rc2);
    dor__wipe(&rc2, sizeof(rc2));
    return code;
#else
    (void)cipher, (void)key, (void)iv, (void)in, (void)out;
    return NOT_COMPILED_IN;
#endif
}

/* RFC 8018 section 6.1.1, step 4: as many bytes as are missing to a block, each with that number. */
static dor_result take_padding_off(dor_bytes *plain, size_t block_len)
{
    uint8_t pad = plain->ptr[plain->len - 1];
    if (pad == 0 || pad > block_len) return dor__error(DOR_E_PASSWORD_WRONG);
    for (size_t i = 1; i <= pad; i++)
        if (plain->ptr[plain->len - i] != pad) return dor__error(DOR_E_PASSWORD_WRONG);
    plain->len -= pad;
    return DOR_SUCCESS;
}

static dor_result decrypt_cbc(const cbc_cipher *cipher, const uint8_t *key, const uint8_t *iv, dor_span in,
                              dor_bytes *plain)
{
    int code = 0;
    if (in.len == 0 || in.len % cipher->iv_len != 0 || in.len > INT32_MAX) return malformed();
    DOR_TRY(dor__bytes_reserve(plain, in.len));
    switch (cipher->kind) {
    case CBC_AES: code = decrypt_aes(cipher, key, iv, in, plain->ptr); break;
    case CBC_DES3: code = decrypt_des3(key, iv, in, plain->ptr); break;
    case CBC_RC2: code = decrypt_rc2(cipher, key, iv, in, plain->ptr); break;
    }
    plain->len = in.len;
    dor_result result = code < 0 ? dor__wc_result(code) : take_padding_off(plain, cipher->iv_len);
    if (dor__failed(result)) dor__bytes_free(plain);
    return result;
}

/* ---- PBES2 -------------------------------------------------------------------------------------------------------- */

static dor_result read_number(dor_reader *r, uint32_t *number)
{
    dor_span magnitude;
    DOR_TRY(dor__der_unsigned(r, &magnitude));
    if (magnitude.len > 4) return dor__error(DOR_E_LIMIT);
    *number = 0;
    for (size_t i = 0; i < magnitude.len; i++)
        *number = *number << 8 | magnitude.ptr[i];
    return *number == 0 ? malformed() : DOR_SUCCESS;
}

dor_result dor__pbe_iterations(dor_reader *r, uint32_t *iterations)
{
    DOR_TRY(read_number(r, iterations));
    return *iterations > DOR_PBE_MAX_ITERATIONS ? dor__error(DOR_E_LIMIT) : DOR_SUCCESS;
}

static dor_result read_salt(dor_reader *r, dor_span *salt)
{
    DOR_TRY(dor__der_read(r, DOR_DER_OCTET_STRING, salt));
    return salt->len == 0 || salt->len > DOR_PBE_MAX_SALT_LEN ? malformed() : DOR_SUCCESS;
}

/* keyLength INTEGER OPTIONAL must say what the cipher needs. */
static dor_result read_key_len(dor_reader *r, size_t key_len)
{
    uint32_t stated;
    if (!dor__der_next_is(r, DOR_DER_INTEGER)) return DOR_SUCCESS;
    DOR_TRY(read_number(r, &stated));
    return stated == key_len ? DOR_SUCCESS : malformed();
}

/* RFC 8018 appendix A.2: SEQUENCE { salt, iterationCount, keyLength OPTIONAL, prf DEFAULT hmacWithSHA1 }. */
static dor_result key_by_pbkdf2(dor_reader *params, dor_span password, size_t key_len, uint8_t *key)
{
    dor_span salt, oid, null;
    dor_reader prf;
    uint32_t iterations;
    int hash = WC_SHA;

    if (!dor__der_next_is(params, DOR_DER_OCTET_STRING)) return unsupported(); /* a salt from elsewhere */
    DOR_TRY(read_salt(params, &salt));
    DOR_TRY(dor__pbe_iterations(params, &iterations));
    DOR_TRY(read_key_len(params, key_len));
    if (rd_left(params)) {
        DOR_TRY(dor__der_enter(params, DOR_DER_SEQUENCE, &prf));
        DOR_TRY(dor__der_read(&prf, DOR_DER_OID, &oid));
        if (rd_left(&prf)) DOR_TRY(dor__der_read(&prf, DOR_DER_NULL, &null));
        DOR_TRY(rd_end(&prf));
        size_t i = 0;
        while (i < COUNT(prfs) && !dor__span_equal(prfs[i].oid, oid))
            i++;
        if (i == COUNT(prfs)) return unsupported();
        hash = prfs[i].wc_hash;
    }
    DOR_TRY(rd_end(params));
    DOR_TRY_WC(wc_PBKDF2(key, password.ptr, (int)password.len, salt.ptr, (int)salt.len, (int)iterations,
                         (int)key_len, hash));
    return DOR_SUCCESS;
}

/* RFC 7914 section 7.1: SEQUENCE { salt, N, r, p, keyLength OPTIONAL }; N is a power of two. */
static dor_result key_by_scrypt(dor_reader *params, dor_span password, size_t key_len, uint8_t *key)
{
#ifdef HAVE_SCRYPT
    dor_span salt;
    uint32_t n, r, p;
    DOR_TRY(read_salt(params, &salt));
    DOR_TRY(read_number(params, &n));
    DOR_TRY(read_number(params, &r));
    DOR_TRY(read_number(params, &p));
    DOR_TRY(read_key_len(params, key_len));
    DOR_TRY(rd_end(params));
    if (n < 2 || n & (n - 1)) return malformed();
    uint64_t blocks = (uint64_t)n * r;
    if (r > 8 || blocks > DOR_PBE_MAX_SCRYPT_BLOCKS || p > DOR_PBE_MAX_SCRYPT_STEPS / blocks)
        return dor__error(DOR_E_LIMIT);
    DOR_TRY_WC(wc_scrypt_ex(key, password.ptr, (int)password.len, salt.ptr, (int)salt.len, n, (int)r, (int)p,
                            (int)key_len));
    return DOR_SUCCESS;
#else
    (void)params, (void)password, (void)key_len, (void)key;
    return unsupported();
#endif
}

/* RFC 8018 appendix A.4: SEQUENCE { keyDerivationFunc, encryptionScheme }. */
static dor_result decrypt_pbes2(dor_reader *outer, dor_span encrypted, dor_span password, dor_bytes *plain)
{
    dor_reader both, kdf, scheme, params;
    dor_span kdf_oid, cipher_oid, iv;
    uint8_t key[MAX_KEY_LEN];

    DOR_TRY(dor__der_enter(outer, DOR_DER_SEQUENCE, &both));
    DOR_TRY(rd_end(outer));
    DOR_TRY(dor__der_enter(&both, DOR_DER_SEQUENCE, &kdf));
    DOR_TRY(dor__der_enter(&both, DOR_DER_SEQUENCE, &scheme));
    DOR_TRY(rd_end(&both));
    DOR_TRY(dor__der_read(&scheme, DOR_DER_OID, &cipher_oid));
    const cbc_cipher *cipher = cipher_of(ciphers, COUNT(ciphers), cipher_oid);
    if (!cipher) return unsupported();
    DOR_TRY(dor__der_read(&scheme, DOR_DER_OCTET_STRING, &iv));
    DOR_TRY(rd_end(&scheme));
    if (iv.len != cipher->iv_len) return malformed();

    DOR_TRY(dor__der_read(&kdf, DOR_DER_OID, &kdf_oid));
    bool pbkdf2 = dor__span_equal(kdf_oid, oid_pbkdf2);
    if (!pbkdf2 && !dor__span_equal(kdf_oid, oid_scrypt)) return unsupported();
    DOR_TRY(dor__der_enter(&kdf, DOR_DER_SEQUENCE, &params));
    DOR_TRY(rd_end(&kdf));
    dor_result result = pbkdf2 ? key_by_pbkdf2(&params, password, cipher->key_len, key)
                               : key_by_scrypt(&params, password, cipher->key_len, key);
    if (dor__ok(result)) result = decrypt_cbc(cipher, key, iv.ptr, encrypted, plain);
    dor__wipe(key, sizeof(key));
    return result;
}

/* ---- PKCS#12 ------------------------------------------------------------------------------------------------------ */

/* One character of UTF-8 (RFC 3629); 0 when it is none. */
static size_t utf8_next(dor_span text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.ptr[0];
    size_t len = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (len == 0 || len > text.len) return 0;
    uint32_t c = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (text.ptr[i] >> 6 != 2) return 0;
        c = c << 6 | (text.ptr[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    *character = c;
    return len;
}

static dor_result append_utf16(dor_bytes *out, uint32_t c)
{
    uint8_t units[4] = {(uint8_t)(c >> 8), (uint8_t)c};
    if (c < 0x10000) return dor__bytes_append(out, dor__span(units, 2));
    uint32_t high = 0xd800 + ((c - 0x10000) >> 10), low = 0xdc00 + (c & 0x3ff);
    units[0] = (uint8_t)(high >> 8), units[1] = (uint8_t)high;
    units[2] = (uint8_t)(low >> 8), units[3] = (uint8_t)low;
    return dor__bytes_append(out, dor__span(units, 4));
}

/*
 * RFC 7292 appendix B.1: two bytes a character, and a zero behind. What is not UTF-8 is taken byte by byte, as OpenSSL does.
 */
static dor_result bmp_password(dor_span password, dor_bytes *bmp)
{
    bool utf8 = true;
    uint32_t c;
    size_t taken;
    for (size_t at = 0; utf8 && at < password.len; at += taken) {
        taken = utf8_next(dor__span(password.ptr + at, password.len - at), &c);
        utf8 = taken > 0;
    }
    for (size_t at = 0; at < password.len; at += taken) {
        taken = 1;
        c = password.ptr[at];
        if (utf8) taken = utf8_next(dor__span(password.ptr + at, password.len - at), &c);
        DOR_TRY(append_utf16(bmp, c));
    }
    return append_utf16(bmp, 0);
}

static dor_result pkcs12_derive(int wc_hash, dor_span bmp, dor_span salt, uint32_t iterations, int id,
                                uint8_t *out, size_t out_len)
{
    DOR_TRY_WC(wc_PKCS12_PBKDF(out, bmp.ptr, (int)bmp.len, salt.ptr, (int)salt.len, (int)iterations,
                               (int)out_len, wc_hash, id));
    return DOR_SUCCESS;
}

/* RFC 7292 appendix C: SEQUENCE { salt, iterations }. */
static dor_result decrypt_pkcs12(const cbc_cipher *cipher, dor_reader *outer, dor_span encrypted,
                                 dor_span password, dor_bytes *plain)
{
    dor_reader params;
    dor_span salt;
    uint32_t iterations;
    uint8_t key[MAX_KEY_LEN], iv[MAX_IV_LEN];
    dor_bytes bmp = DOR_BYTES_EMPTY;
    dor_result result;

    DOR_TRY(dor__der_enter(outer, DOR_DER_SEQUENCE, &params));
    DOR_TRY(rd_end(outer));
    DOR_TRY(read_salt(&params, &salt));
    DOR_TRY(dor__pbe_iterations(&params, &iterations));
    DOR_TRY(rd_end(&params));
    DOR_TRY_GOTO(result, bmp_password(password, &bmp));
    DOR_TRY_GOTO(result, pkcs12_derive(WC_SHA, dor__bytes_span(&bmp), salt, iterations, PKCS12_ID_KEY, key,
                                       cipher->key_len));
    DOR_TRY_GOTO(result, pkcs12_derive(WC_SHA, dor__bytes_span(&bmp), salt, iterations, PKCS12_ID_IV, iv,
                                       cipher->iv_len));
    result = decrypt_cbc(cipher, key, iv, encrypted, plain);
done:
    dor__wipe(key, sizeof(key));
    dor__wipe(iv, sizeof(iv));
    dor__bytes_free(&bmp);
    return result;
}

dor_result dor__pkcs12_mac_key(dor_hash_id hash, dor_span password, dor_span salt, uint32_t iterations,
                               uint8_t *out, size_t out_len)
{
    dor_bytes bmp = DOR_BYTES_EMPTY;
    int wc_hash = hash == DOR_HASH_SHA1     ? WC_SHA
                  : hash == DOR_HASH_SHA256 ? WC_SHA256
                  : hash == DOR_HASH_SHA384 ? WC_SHA384
                                            : WC_SHA512;
    if (hash == DOR_HASH_NONE || salt.len == 0 || salt.len > DOR_PBE_MAX_SALT_LEN) return malformed();
    if (password.len > DOR_PBE_MAX_PASSWORD_LEN) return dor__error(DOR_E_LIMIT);
    dor_result result = dor__wc_init();
    if (dor__ok(result)) result = bmp_password(password, &bmp);
    if (dor__ok(result))
        result = pkcs12_derive(wc_hash, dor__bytes_span(&bmp), salt, iterations, PKCS12_ID_MAC, out, out_len);
    dor__bytes_free(&bmp);
    return result;
}

/* ---- the door ----------------------------------------------------------------------------------------------------- */

static dor_result decrypt(dor_reader *algorithm, dor_span encrypted, dor_span password, dor_bytes *plain)
{
    dor_span oid;
    DOR_TRY(dor__der_read(algorithm, DOR_DER_OID, &oid));
    if (dor__span_equal(oid, oid_pbes2)) return decrypt_pbes2(algorithm, encrypted, password, plain);
    const cbc_cipher *cipher = cipher_of(pkcs12_ciphers, COUNT(pkcs12_ciphers), oid);
    return cipher ? decrypt_pkcs12(cipher, algorithm, encrypted, password, plain) : unsupported();
}

static dor_result check_password(dor_span *password)
{
    if (password->len > DOR_PBE_MAX_PASSWORD_LEN) return dor__error(DOR_E_LIMIT);
    if (password->len == 0) *password = dor__span("", 0); /* wolfCrypt wants a pointer all the same */
    return dor__wc_init();
}

dor_result dor__pbe_decrypt(dor_reader *algorithm, dor_span encrypted, dor_span password, dor_bytes *plain)
{
    *plain = DOR_BYTES_EMPTY;
    DOR_TRY(check_password(&password));
    dor_result result = decrypt(algorithm, encrypted, password, plain);
    return result.code == DOR_DECODE_ERROR.code ? malformed() : result;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "AES-256-CBC,0123..." */
static dor_result read_dek_info(dor_span info, const cbc_cipher **cipher, uint8_t *iv)
{
    const uint8_t *comma = info.len ? memchr(info.ptr, ',', info.len) : NULL;
    if (!comma) return malformed();
    dor_span name = dor__span(info.ptr, (size_t)(comma - info.ptr));
    dor_span hex = dor__span(comma + 1, info.len - name.len - 1);
    *cipher = NULL;
    for (size_t i = 0; i < COUNT(ciphers); i++)
        if (dor__span_equal(name, dor__span_str(ciphers[i].dek_name))) *cipher = &ciphers[i];
    if (!*cipher) return unsupported();
    if (hex.len != 2u * (*cipher)->iv_len) return malformed();
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = hex_digit(hex.ptr[i]), low = hex_digit(hex.ptr[i + 1]);
        if (high < 0 || low < 0) return malformed();
        iv[i / 2] = (uint8_t)(high << 4 | low);
    }
    return DOR_SUCCESS;
}

dor_result dor__pbe_decrypt_dek(dor_span dek_info, dor_span encrypted, dor_span password, dor_bytes *plain)
{
    enum {
        DEK_SALT_LEN = 8
    }; /* EVP_BytesToKey(3) takes the IV's first eight bytes for a salt, and one round of MD5 */
    const cbc_cipher *cipher;
    uint8_t key[MAX_KEY_LEN], iv[MAX_IV_LEN];
    *plain = DOR_BYTES_EMPTY;
    DOR_TRY(check_password(&password));
    DOR_TRY(read_dek_info(dek_info, &cipher, iv));
    int code = wc_PBKDF1_ex(key, cipher->key_len, NULL, 0, password.ptr, (int)password.len, iv, DEK_SALT_LEN,
                            1, WC_MD5, NULL);
    dor_result result = code < 0 ? dor__wc_result(code) : decrypt_cbc(cipher, key, iv, encrypted, plain);
    dor__wipe(key, sizeof(key));
    return result;
}
