/*
 * extensions.c - the extensions of a certificate (RFC 5280 section 4.2).
 *
 * One reader per extension that Dormouse processes, in a table. What is not in the table is passed over, and
 * remembered if it is critical, for section 4.2 has a path with such a certificate refused.
 */
#include "x509/certificate_parts.h"
#include "x509/oid.h"

/*
 * BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER (0..MAX) OPTIONAL },
 * 4.2.1.9.
 */
static dor_result read_basic_constraints(dor_certificate *cert, dor_reader *r)
{
    dor_reader constraints;
    uint32_t path_len;
    DOR_TRY(der_enter(r, DER_SEQUENCE, &constraints));
    DOR_TRY(dor__asn1_boolean_default_false(&constraints, &cert->is_ca));
    if (rd_left(&constraints) > 0) {
        DOR_TRY(dor__asn1_u32(&constraints, &path_len));
        if (!cert->is_ca) /* "MUST NOT ... unless the cA boolean is asserted" */
            return DOR_DER_ERROR;
        cert->path_len = path_len > INT16_MAX ? INT16_MAX : (int16_t)path_len; /* no path is that long */
    }
    cert->has_basic_constraints = true;
    return der_end(&constraints);
}

/*
 * KeyUsage ::= BIT STRING, section 4.2.1.3, which demands at least one bit. Nine bits are defined. Trailing
 * zero bits are against X.690 section 11.2.2 but in use; they change nothing, so they pass.
 */
static dor_result read_key_usage(dor_certificate *cert, dor_reader *r)
{
    dor_span bits;
    uint8_t unused;
    DOR_TRY(dor__asn1_bit_string(r, DER_BIT_STRING, &bits, &unused));
    if (bits.len < 1 || bits.len > 2) return DOR_DER_ERROR;
    uint16_t usage = 0;
    for (size_t bit = 0; bit < 8 * bits.len; bit++) {
        if (bits.ptr[bit / 8] & (0x80 >> (bit % 8))) usage = (uint16_t)(usage | 1u << bit);
    }
    if (usage == 0) return DOR_DER_ERROR;
    cert->key_usage = usage;
    cert->has_key_usage = true;
    return DOR_SUCCESS;
}

/* ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF OBJECT IDENTIFIER, section 4.2.1.12. */
static dor_result read_ext_key_usage(dor_certificate *cert, dor_reader *r)
{
    dor_reader purposes;
    dor_span oid;
    DOR_TRY(der_enter(r, DER_SEQUENCE, &purposes));
    do {
        DOR_TRY(dor__asn1_oid(&purposes, &oid));
        if (oid_is(oid, OID_EKU_ANY))
            cert->ext_key_usage |= DOR_EKU_ANY;
        else if (oid_is(oid, OID_EKU_SERVER_AUTH))
            cert->ext_key_usage |= DOR_EKU_SERVER_AUTH;
        else if (oid_is(oid, OID_EKU_CLIENT_AUTH))
            cert->ext_key_usage |= DOR_EKU_CLIENT_AUTH;
        else
            cert->ext_key_usage |= DOR_EKU_OTHER;
    } while (rd_left(&purposes) > 0);
    cert->has_ext_key_usage = true;
    return DOR_SUCCESS;
}

/*
 * SubjectAltName ::= SEQUENCE SIZE (1..MAX) OF GeneralName, section 4.2.1.6. The choices' identifiers are
 * checked here; what dNSName and iPAddress hold is host_name.c's matter: a name that makes no sense matches
 * no host.
 */
static dor_result read_subject_alt_name(dor_certificate *cert, dor_reader *r)
{
    dor_span contents;
    DOR_TRY(der_get(r, DER_SEQUENCE, &contents));
    dor_reader names = rd_from(contents);
    do {
        uint8_t tag;
        dor_span value, whole;
        DOR_TRY(dor__asn1_element(&names, &tag, &value, &whole));
        switch (tag) {
        case DER_CONTEXT_CONS(0): /* otherName */
        case DER_CONTEXT(1):      /* rfc822Name */
        case DER_CONTEXT(2):      /* dNSName */
        case DER_CONTEXT_CONS(3): /* x400Address */
        case DER_CONTEXT_CONS(4): /* directoryName */
        case DER_CONTEXT_CONS(5): /* ediPartyName */
        case DER_CONTEXT(6):      /* uniformResourceIdentifier */
        case DER_CONTEXT(7):      /* iPAddress */
        case DER_CONTEXT(8): /* registeredID */ break;
        default: return DOR_DER_ERROR;
        }
    } while (rd_left(&names) > 0);
    cert->subject_alt_name = contents;
    return DOR_SUCCESS;
}

/* SubjectKeyIdentifier ::= OCTET STRING, section 4.2.1.2. */
static dor_result read_subject_key_id(dor_certificate *cert, dor_reader *r)
{
    return der_get(r, DER_OCTET_STRING, &cert->subject_key_id);
}

/*
 * AuthorityKeyIdentifier, section 4.2.1.1: keyIdentifier [0], authorityCertIssuer [1],
 * authorityCertSerialNumber [2]. Only the first is used, to prefer one issuer to another.
 */
static dor_result read_authority_key_id(dor_certificate *cert, dor_reader *r)
{
    dor_reader id;
    dor_span ignored;
    DOR_TRY(der_enter(r, DER_SEQUENCE, &id));
    if (der_next_is(&id, DER_CONTEXT(0))) DOR_TRY(der_get(&id, DER_CONTEXT(0), &cert->authority_key_id));
    if (der_next_is(&id, DER_CONTEXT_CONS(1))) DOR_TRY(der_get(&id, DER_CONTEXT_CONS(1), &ignored));
    if (der_next_is(&id, DER_CONTEXT(2))) DOR_TRY(der_get(&id, DER_CONTEXT(2), &ignored));
    return der_end(&id);
}

/*
 * Name constraints (section 4.2.1.10) are not processed yet. Authorities often mark them non-critical for the
 * sake of old software, so ignoring those would let a restricted authority speak for everybody: they count as
 * critical.
 */
static dor_result refuse_name_constraints(dor_certificate *cert, dor_reader *r)
{
    (void)rd_rest(r);
    cert->unknown_critical = true;
    return DOR_SUCCESS;
}

/*
 * Certificate policies (section 4.2.1.4): no set of policies is asked for, so they cannot fail a path unless
 * policyConstraints demands one (section 6.1.5 (g)), and that extension, being critical, is refused.
 */
static dor_result pass_policies(dor_certificate *cert, dor_reader *r)
{
    (void)cert;
    (void)rd_rest(r);
    return DOR_SUCCESS;
}

typedef struct extension_reader {
    dor_span oid;
    dor_result (*read)(dor_certificate *cert, dor_reader *r);
} extension_reader;

/* clang-format off */
static const extension_reader extension_readers[] = {
    {OID_INIT(OID_BASIC_CONSTRAINTS), read_basic_constraints},
    {OID_INIT(OID_KEY_USAGE), read_key_usage},
    {OID_INIT(OID_EXT_KEY_USAGE), read_ext_key_usage},
    {OID_INIT(OID_SUBJECT_ALT_NAME), read_subject_alt_name},
    {OID_INIT(OID_SUBJECT_KEY_ID), read_subject_key_id},
    {OID_INIT(OID_AUTHORITY_KEY_ID), read_authority_key_id},
    {OID_INIT(OID_NAME_CONSTRAINTS), refuse_name_constraints},
    {OID_INIT(OID_CERTIFICATE_POLICIES), pass_policies},
};
/* clang-format on */

static const extension_reader *find_reader(dor_span oid)
{
    for (size_t i = 0; i < sizeof extension_readers / sizeof extension_readers[0]; i++) {
        if (dor__span_equal(oid, extension_readers[i].oid)) return &extension_readers[i];
    }
    return NULL;
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }, section 4.1. */
static dor_result read_extension(dor_certificate *cert, dor_reader *list, dor_span *oid)
{
    dor_reader extension, value;
    bool critical;
    DOR_TRY(der_enter(list, DER_SEQUENCE, &extension));
    DOR_TRY(dor__asn1_oid(&extension, oid));
    DOR_TRY(dor__asn1_boolean_default_false(&extension, &critical));
    DOR_TRY(der_enter(&extension, DER_OCTET_STRING, &value));
    DOR_TRY(der_end(&extension));

    const extension_reader *reader = find_reader(*oid);
    if (!reader) {
        cert->unknown_critical |= critical;
        return DOR_SUCCESS;
    }
    DOR_TRY(reader->read(cert, &value));
    return der_end(&value);
}

dor_result dor__certificate_read_extensions(dor_certificate *cert, dor_reader *r)
{
    dor_reader list;
    dor_span seen[DOR_CERT_MAX_EXTENSIONS];
    size_t count = 0;
    DOR_TRY(der_enter(r, DER_SEQUENCE, &list));
    do { /* SIZE (1..MAX) */
        if (count == DOR_CERT_MAX_EXTENSIONS) return DOR_DER_ERROR;
        DOR_TRY(read_extension(cert, &list, &seen[count]));
        for (size_t i = 0; i < count; i++) { /* section 4.2: no extension twice */
            if (dor__span_equal(seen[i], seen[count])) return DOR_DER_ERROR;
        }
        count++;
    } while (rd_left(&list) > 0);
    return DOR_SUCCESS;
}
