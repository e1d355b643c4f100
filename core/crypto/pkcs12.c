/*
 * pkcs12.c - see pkcs12.h. RFC 7292 section 4; the ASN.1 of its appendix D, of which a file of key and certificates needs:
 *
 *     PFX            version 3, ContentInfo (data: AuthenticatedSafe), MacData
 *     AuthenticatedSafe   SEQUENCE OF ContentInfo: data, or encryptedData under the password; in each SafeContents
 *     SafeContents   SEQUENCE OF SafeBag: key, shrouded key (PKCS#8 under the password), certificate; others are passed over
 */
#include "crypto/pkcs12.h"

#include "base/ct.h"
#include "crypto/der.h"
#include "crypto/pbe.h"

#define OID(...)                                                                                             \
    {                                                                                                        \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                               \
    }
#define BAG(kind) OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, kind)

static const dor_span oid_data = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01);
static const dor_span oid_encrypted_data = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06);
static const dor_span oid_x509_certificate = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01);
static const dor_span oid_sha1 = OID(0x2b, 0x0e, 0x03, 0x02, 0x1a);
static const dor_span bag_key = BAG(1), bag_shrouded_key = BAG(2), bag_certificate = BAG(3);

typedef struct opening {
    dor_pkcs12 *out;
    dor_span password;
    unsigned encrypted_parts;
} opening;

bool dor__is_pkcs12(dor_span der)
{
    dor_reader outer = rd_from(der), r;
    uint8_t version;
    return dor__ok(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r)) && dor__ok(dor__der_small(&r, &version)) &&
           version == 3 && dor__der_next_is(&r, DOR_DER_SEQUENCE);
}

/* [0] EXPLICIT around one element of this tag. */
static dor_result read_explicit(dor_reader *r, uint8_t tag, dor_span *content)
{
    dor_reader inside;
    DOR_TRY(dor__der_enter(r, DOR_DER_CONTEXT_CONSTRUCTED + 0, &inside));
    DOR_TRY(dor__der_read(&inside, tag, content));
    return rd_end(&inside);
}

/* ---- integrity ---------------------------------------------------------------------------------------------------- */

/* DigestInfo: { AlgorithmIdentifier, digest }. */
static dor_result read_digest(dor_reader *mac, dor_hash_id *hash, dor_span *digest)
{
    dor_reader info, algorithm;
    dor_span oid, null;
    DOR_TRY(dor__der_enter(mac, DOR_DER_SEQUENCE, &info));
    DOR_TRY(dor__der_enter(&info, DOR_DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__der_read(&algorithm, DOR_DER_OID, &oid));
    DOR_TRY(dor__der_read(&info, DOR_DER_OCTET_STRING, digest));
    DOR_TRY(rd_end(&info));
    *hash = dor__span_equal(oid, oid_sha1) ? DOR_HASH_SHA1 : dor__hash_of_oid(oid);
    if (*hash == DOR_HASH_NONE) return dor__error(DOR_E_NOT_SUPPORTED);
    if (rd_left(&algorithm)) DOR_TRY(dor__der_read(&algorithm, DOR_DER_NULL, &null));
    return rd_end(&algorithm);
}

/* Section 5.1: MacData { DigestInfo, macSalt, iterations DEFAULT 1 }. */
static dor_result check_mac(dor_reader *r, dor_span content, dor_span password)
{
    dor_reader mac;
    dor_hash_id hash;
    dor_span stated, salt;
    uint32_t iterations = 1;
    uint8_t key[DOR_HASH_MAX_LEN], digest[DOR_HASH_MAX_LEN];

    DOR_TRY(dor__der_enter(r, DOR_DER_SEQUENCE, &mac));
    DOR_TRY(read_digest(&mac, &hash, &stated));
    DOR_TRY(dor__der_read(&mac, DOR_DER_OCTET_STRING, &salt));
    if (rd_left(&mac)) DOR_TRY(dor__pbe_iterations(&mac, &iterations));
    DOR_TRY(rd_end(&mac));
    if (stated.len != dor__hash_len(hash)) return dor__error(DOR_E_FILE_MALFORMED);

    dor_result result = dor__pkcs12_mac_key(hash, password, salt, iterations, key, stated.len);
    if (dor__ok(result)) result = dor__hmac(hash, dor__span(key, stated.len), &content, 1, digest);
    if (dor__ok(result) && !dor__ct_equal(digest, stated.ptr, stated.len))
        result = dor__error(DOR_E_PASSWORD_WRONG);
    dor__wipe(key, sizeof(key));
    return result;
}

/* ---- bags --------------------------------------------------------------------------------------------------------- */

static dor_result take_certificate(opening *o, dor_span value)
{
    dor_reader outer = rd_from(value), r;
    dor_span oid, der;
    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &r));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_read(&r, DOR_DER_OID, &oid));
    if (!dor__span_equal(oid, oid_x509_certificate)) return DOR_SUCCESS; /* SDSI: nobody's */
    DOR_TRY(read_explicit(&r, DOR_DER_OCTET_STRING, &der));
    DOR_TRY(rd_end(&r));
    if (o->out->cert_count == DOR_PKCS12_MAX_CERTS) return dor__error(DOR_E_LIMIT);
    DOR_TRY(dor__bytes_append(&o->out->certs[o->out->cert_count], der));
    o->out->cert_count++;
    return DOR_SUCCESS;
}

static dor_result read_bag(opening *o, dor_reader *bags)
{
    dor_reader bag, inside;
    dor_span id, attributes;
    DOR_TRY(dor__der_enter(bags, DOR_DER_SEQUENCE, &bag));
    DOR_TRY(dor__der_read(&bag, DOR_DER_OID, &id));
    DOR_TRY(dor__der_enter(&bag, DOR_DER_CONTEXT_CONSTRUCTED + 0, &inside));
    if (rd_left(&bag)) DOR_TRY(dor__der_read(&bag, DOR_DER_SET, &attributes));
    DOR_TRY(rd_end(&bag));

    dor_span value = rd_rest(&inside);
    if (dor__span_equal(id, bag_certificate)) return take_certificate(o, value);
    if (o->out->key) return DOR_SUCCESS; /* one key is what we look for, and pay for */
    if (dor__span_equal(id, bag_key)) return dor__private_key_from_der(&o->out->key, value);
    if (dor__span_equal(id, bag_shrouded_key))
        return dor__private_key_decrypt(&o->out->key, value, o->password);
    return DOR_SUCCESS;
}

static dor_result read_safe_contents(opening *o, dor_span contents)
{
    dor_reader outer = rd_from(contents), bags;
    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &bags));
    DOR_TRY(rd_end(&outer));
    while (rd_left(&bags))
        DOR_TRY(read_bag(o, &bags));
    return DOR_SUCCESS;
}

/* RFC 5652 section 8: EncryptedData { version, { data, AlgorithmIdentifier, [0] IMPLICIT OCTET STRING } }. */
static dor_result read_encrypted(opening *o, dor_span value)
{
    dor_reader outer = rd_from(value), info, algorithm;
    dor_span type, encrypted;
    dor_bytes plain;
    uint8_t version;
    if (++o->encrypted_parts > DOR_PKCS12_MAX_PARTS) return dor__error(DOR_E_LIMIT);
    DOR_TRY(dor__der_small(&outer, &version));
    if (version != 0) return dor__error(DOR_E_NOT_SUPPORTED);
    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &info));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_read(&info, DOR_DER_OID, &type));
    if (!dor__span_equal(type, oid_data)) return dor__error(DOR_E_NOT_SUPPORTED);
    DOR_TRY(dor__der_enter(&info, DOR_DER_SEQUENCE, &algorithm));
    DOR_TRY(dor__der_read(&info, DOR_DER_CONTEXT + 0, &encrypted));
    DOR_TRY(rd_end(&info));
    DOR_TRY(dor__pbe_decrypt(&algorithm, encrypted, o->password, &plain));
    dor_result result = read_safe_contents(o, dor__bytes_span(&plain));
    dor__bytes_free(&plain);
    return result;
}

static dor_result read_part(opening *o, dor_reader *parts)
{
    dor_reader part;
    dor_span type, content;
    DOR_TRY(dor__der_enter(parts, DOR_DER_SEQUENCE, &part));
    DOR_TRY(dor__der_read(&part, DOR_DER_OID, &type));
    bool encrypted = dor__span_equal(type, oid_encrypted_data);
    if (!encrypted && !dor__span_equal(type, oid_data)) return dor__error(DOR_E_NOT_SUPPORTED);
    DOR_TRY(read_explicit(&part, encrypted ? DOR_DER_SEQUENCE : DOR_DER_OCTET_STRING, &content));
    DOR_TRY(rd_end(&part));
    return encrypted ? read_encrypted(o, content) : read_safe_contents(o, content);
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static dor_result read_pfx(opening *o, dor_span der)
{
    dor_reader outer = rd_from(der), pfx, info, safe, parts;
    dor_span type, content;
    uint8_t version;

    DOR_TRY(dor__der_enter(&outer, DOR_DER_SEQUENCE, &pfx));
    DOR_TRY(rd_end(&outer));
    DOR_TRY(dor__der_small(&pfx, &version));
    if (version != 3) return dor__error(DOR_E_FILE_MALFORMED);
    DOR_TRY(dor__der_enter(&pfx, DOR_DER_SEQUENCE, &info));
    DOR_TRY(dor__der_read(&info, DOR_DER_OID, &type));
    if (!dor__span_equal(type, oid_data))
        return dor__error(DOR_E_NOT_SUPPORTED); /* signed: public-key integrity */
    DOR_TRY(read_explicit(&info, DOR_DER_OCTET_STRING, &content));
    DOR_TRY(rd_end(&info));
    if (!rd_left(&pfx)) return dor__error(DOR_E_NOT_SUPPORTED); /* no MAC: nothing to tell damage by */
    DOR_TRY(check_mac(&pfx, content, o->password));
    DOR_TRY(rd_end(&pfx));

    safe = rd_from(content);
    DOR_TRY(dor__der_enter(&safe, DOR_DER_SEQUENCE, &parts));
    DOR_TRY(rd_end(&safe));
    while (rd_left(&parts))
        DOR_TRY(read_part(o, &parts));
    return DOR_SUCCESS;
}

dor_result dor__pkcs12_open(dor_pkcs12 *p12, dor_span der, dor_span password)
{
    opening o = {.out = p12, .password = password};
    *p12 = (dor_pkcs12){0};
    dor_result result = read_pfx(&o, der);
    if (dor__failed(result)) dor__pkcs12_fini(p12);
    return result.code == DOR_DECODE_ERROR.code ? dor__error(DOR_E_FILE_MALFORMED) : result;
}

void dor__pkcs12_fini(dor_pkcs12 *p12)
{
    for (size_t i = 0; i < p12->cert_count; i++)
        dor__bytes_free(&p12->certs[i]);
    dor__private_key_unref(p12->key);
    *p12 = (dor_pkcs12){0};
}
