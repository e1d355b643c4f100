/*
 * key_encrypted.c - private keys under a password: PKCS#8's EncryptedPrivateKeyInfo (RFC 5958 section 3), and OpenSSL's
 * traditional PEM.
 *
 * No scheme tells by itself whether the password was right. Of 256 wrong ones one leaves a padding that looks well; then
 * what comes out is no key, which is the same failure to the user.
 */
#include "crypto/der.h"
#include "crypto/pbe.h"
#include "crypto/sign.h"

/* Takes and wipes plain. */
static dor_result key_of_plain(dor_bytes *plain, dor_private_key **key)
{
    dor_result result = dor__private_key_from_der(key, dor__bytes_span(plain));
    dor__bytes_free(plain);
    bool nonsense = result.code == DOR_E_FILE_MALFORMED || result.code == DOR_E_PASSWORD_NEEDED;
    return nonsense ? dor__error(DOR_E_PASSWORD_WRONG) : result;
}

static dor_result read_encrypted(dor_span der, dor_reader *algorithm, dor_span *encrypted)
{
    dor_reader outer = rd_from(der), r;
    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_enter(&r, DOR_DER_SEQUENCE, algorithm));
    DOR_TRY(dor__der_read(&r, DOR_DER_OCTET_STRING, encrypted));
    return rd_end(&r);
}

dor_result dor__private_key_decrypt(dor_private_key **key, dor_span der, dor_span password)
{
    dor_reader algorithm;
    dor_span encrypted;
    dor_bytes plain;

    *key = NULL;
    if (dor__failed(read_encrypted(der, &algorithm, &encrypted))) return dor__error(DOR_E_FILE_MALFORMED);
    DOR_TRY(dor__pbe_decrypt(&algorithm, encrypted, password, &plain));
    return key_of_plain(&plain, key);
}

dor_result dor__private_key_decrypt_dek(dor_private_key **key, dor_span dek_info, dor_span encrypted,
                                        dor_span password)
{
    dor_bytes plain;

    *key = NULL;
    DOR_TRY(dor__pbe_decrypt_dek(dek_info, encrypted, password, &plain));
    return key_of_plain(&plain, key);
}
