/*
 * Certificates: the fields of real ones, and for each rule of RFC 5280 section 4 one that breaks it and nothing else.
 */
#include "support/der_text.h"
#include "support/pki.h"
#include "x509/der.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A certificate in der_text's notation, in the order of its fields. The signature is not one; nobody checks it here. */
typedef struct parts {
    const char *version, *serial, *algorithm, *issuer, *validity, *subject, *spki, *ids, *extensions;
    const char *outer_algorithm, *signature, *rest;
} parts;

#define ECDSA_SHA256 "30{06{2a8648ce3d040302}}"
#define NAME         "30{31{30{06{550403}0c{'x'}}}}"
#define VALIDITY     "30{17{'260101000000Z'}17{'350101000000Z'}}"
#define P256         "30{06{2a8648ce3d0201}06{2a8648ce3d030107}}"
#define SPKI         "30{" P256 "03{0004}}"

static const char *or_else(const char *text, const char *standard)
{
    return text ? text : standard;
}

static dor_result make(const parts *p, dor_certificate **cert)
{
    char text[8192];
    uint8_t der[8192];
    snprintf(text, sizeof(text), "30{30{%s%s%s%s%s%s%s%s%s}%s%s%s}", or_else(p->version, "a0{02{02}}"),
             or_else(p->serial, "02{01}"), or_else(p->algorithm, ECDSA_SHA256), or_else(p->issuer, NAME),
             or_else(p->validity, VALIDITY), or_else(p->subject, NAME), or_else(p->spki, SPKI),
             or_else(p->ids, ""), or_else(p->extensions, ""), or_else(p->outer_algorithm, ECDSA_SHA256),
             or_else(p->signature, "03{00 3000}"), or_else(p->rest, ""));
    return dor__certificate_new(cert, dor__span(der, der_text(text, der, sizeof(der))));
}

static bool accepted(parts p)
{
    dor_certificate *cert;
    dor_result r = make(&p, &cert);
    if (dor__failed(r)) {
        cr_expect(dor_error_get_reason(r.code) == DOR_REASON_CERT_MALFORMED);
        cr_expect(dor_error_get_alert(r.code) == DOR_ALERT_BAD_CERTIFICATE);
        cr_expect(cert == NULL);
    }
    dor__certificate_unref(cert);
    return dor__ok(r);
}

#define ACCEPTED(...) cr_expect(accepted((parts){__VA_ARGS__}))
#define REFUSED(...)  cr_expect(!accepted((parts){__VA_ARGS__}))

Test(x509_certificate, outer_form)
{
    ACCEPTED(.rest = NULL);
    REFUSED(.rest = "0500");
    REFUSED(.outer_algorithm = "30{06{2a8648ce3d040303}}"); /* not the inner one */
    REFUSED(.outer_algorithm = "30{06{2a8648ce3d040302}0500}");
    ACCEPTED(.algorithm = "30{06{2a03}0500}",
             .outer_algorithm = "30{06{2a03}0500}"); /* unknown, yet well-formed */
    REFUSED(.signature = "03{01 3000}");
    REFUSED(.signature = "04{00 3000}");
    REFUSED(.signature = "");
    dor_certificate *cert;
    cr_expect(dor__failed(dor__certificate_new(&cert, DOR_SPAN_EMPTY)) && cert == NULL);
}

Test(x509_certificate, versions)
{
    ACCEPTED(.version = "");
    ACCEPTED(.version = "a0{02{01}}");
    REFUSED(.version = "a0{02{00}}"); /* the default, written out */
    REFUSED(.version = "a0{02{03}}");
    REFUSED(.version = "a0{02{02}02{02}}");
    REFUSED(.version = "a0{}");
    REFUSED(.version = "02{02}");
    REFUSED(.version = "", .extensions = "a3{30{30{06{2a03}04{}}}}"); /* extensions are version 3's */
    REFUSED(.version = "a0{02{01}}", .extensions = "a3{30{30{06{2a03}04{}}}}");
    ACCEPTED(.version = "a0{02{01}}",
             .ids = "81{00aa}82{00bb}"); /* unique identifiers are version 2's and 3's */
    ACCEPTED(.ids = "82{00bb}");
    REFUSED(.version = "", .ids = "81{00aa}");
    REFUSED(.ids = "82{00bb}81{00aa}");
    REFUSED(.ids = "81{01ab}");
}

Test(x509_certificate, serial_numbers)
{
    ACCEPTED(.serial = "02{00}"); /* see certificate.c */
    ACCEPTED(.serial = "02{0102030405060708091011121314151617181920212223}");
    ACCEPTED(.serial = "02{00ff}");
    REFUSED(.serial = "02{ff}"); /* negative */
    REFUSED(.serial = "02{0001}");
    REFUSED(.serial = "02{}");
    REFUSED(.serial = "");
}

Test(x509_certificate, names_and_validity)
{
    ACCEPTED(.issuer = "3000");
    ACCEPTED(.subject = "30{31{30{06{550403}0c{'x'}}30{06{55040a}13{'y'}}}31{30{06{550406}13{'de'}}}}");
    REFUSED(.subject = "30{31{}}");
    REFUSED(.subject = "30{30{30{06{550403}0c{'x'}}}}");
    REFUSED(.subject = "30{31{30{06{550403}}}}");
    REFUSED(.subject = "30{31{30{06{550403}0c{'x'}0500}}}");
    REFUSED(.subject = "31{}");
    REFUSED(.validity = "30{17{'260101000000Z'}}");
    REFUSED(.validity = "30{17{'260101000000Z'}17{'350101000000Z'}17{'350101000000Z'}}");
    ACCEPTED(.validity = "30{17{'350101000000Z'}17{'260101000000Z'}}"); /* never valid */
}

static dor_key_type key_type(const char *spki)
{
    dor_certificate *cert;
    if (dor__failed(make(&(parts){.spki = spki}, &cert))) return (dor_key_type)-1;
    dor_key_type type = cert->key_type;
    dor__certificate_unref(cert);
    return type;
}

Test(x509_certificate, kinds_of_key)
{
    cr_expect(key_type(SPKI) == DOR_KEY_EC_P256);
    cr_expect(key_type("30{30{06{2a8648ce3d0201}06{2b81040022}}03{0004}}") == DOR_KEY_EC_P384);
    cr_expect(key_type("30{30{06{2a864886f70d010101}0500}03{003000}}") == DOR_KEY_RSA);
    cr_expect(key_type("30{30{06{2a864886f70d01010a}}03{003000}}") == DOR_KEY_RSA_PSS);
    cr_expect(key_type("30{30{06{2a864886f70d01010a}30{}}03{003000}}") == DOR_KEY_RSA_PSS);
    cr_expect(key_type("30{30{06{2b6570}}03{00aa}}") == DOR_KEY_ED25519);
    cr_expect(key_type("30{30{06{2b6571}}03{00aa}}") == DOR_KEY_ED448);
    cr_expect(key_type("30{30{06{2a8648ce3d0201}06{2b81040023}}03{0004}}") == DOR_KEY_EC_P521);
    /* what is not known is not an error, but no key either */
    cr_expect(key_type("30{30{06{2b6572}}03{00aa}}") == DOR_KEY_NONE);     /* no signature's */
    cr_expect(key_type("30{30{06{2b6570}0500}03{00aa}}") == DOR_KEY_NONE); /* with parameters */
    cr_expect(key_type("30{30{06{2a8648ce3d0201}06{2b8104000a}}03{0004}}") == DOR_KEY_NONE); /* secp256k1 */
    cr_expect(key_type("30{30{06{2a8648ce3d0201}30{}}03{0004}}") == DOR_KEY_NONE);   /* explicit curve */
    cr_expect(key_type("30{30{06{2a864886f70d010101}}03{003000}}") == DOR_KEY_NONE); /* no NULL */
    cr_expect(key_type("30{30{06{2a8648ce380401}0500}03{003000}}") == DOR_KEY_NONE); /* DSA */
    cr_expect(key_type("30{" P256 "04{0004}}") == (dor_key_type)-1);
    cr_expect(key_type("30{" P256 "03{0004}0500}") == (dor_key_type)-1);
}

/* One extension: OID, and what is in the OCTET STRING. */
static dor_certificate *with_extension(const char *oid, const char *critical, const char *value)
{
    char text[1024];
    dor_certificate *cert;
    snprintf(text, sizeof(text), "a3{30{30{06{%s}%s04{%s}}}}", oid, critical, value);
    parts p = {.extensions = text};
    return dor__ok(make(&p, &cert)) ? cert : NULL;
}

static bool extension_accepted(const char *oid, const char *value)
{
    dor_certificate *cert = with_extension(oid, "", value);
    dor__certificate_unref(cert);
    return cert != NULL;
}

Test(x509_certificate, list_of_extensions)
{
    ACCEPTED(.extensions = "a3{30{30{06{2a03}04{}}}}");
    ACCEPTED(.extensions = "a3{30{30{06{2a03}0101ff04{}}}}");
    ACCEPTED(.extensions = "a3{30{30{06{2a03}04{}}30{06{2a04}04{}}}}");
    REFUSED(.extensions = "a3{30{30{06{2a03}04{}}30{06{2a04}04{}}30{06{2a03}04{}}}}"); /* twice */
    REFUSED(.extensions = "a3{30{30{06{551d13}04{30{}}}30{06{551d13}04{30{}}}}}");
    REFUSED(.extensions = "a3{30{}}");
    REFUSED(.extensions = "a3{}");
    REFUSED(.extensions = "a3{30{30{06{2a03}04{}}}30{}}");
    REFUSED(.extensions = "a3{30{30{06{2a03}01010004{}}}}"); /* FALSE, the default */
    REFUSED(.extensions = "a3{30{30{06{2a03}01010104{}}}}");
    REFUSED(.extensions = "a3{30{30{06{2a03}04{}0500}}}");
    REFUSED(.extensions = "a3{30{30{06{2a03}}}}");

    char text[4096] = "a3{30{";
    for (unsigned i = 0; i < 65; i++) {
        char one[64];
        if (i == 64) { /* the bound */
            char whole[4200];
            snprintf(whole, sizeof(whole), "%s}}", text);
            ACCEPTED(.extensions = whole);
        }
        snprintf(one, sizeof(one), "30{06{2a%02x}04{}}", i);
        strcat(text, one);
    }
    strcat(text, "}}");
    REFUSED(.extensions = text);
}

static int is_unknown_critical(const char *oid, const char *critical, const char *value)
{
    dor_certificate *cert = with_extension(oid, critical, value);
    int unknown = cert ? cert->unknown_critical : -1;
    dor__certificate_unref(cert);
    return unknown;
}

Test(x509_certificate, critical_extensions)
{
    cr_expect(is_unknown_critical("2a03", "", "0500") == 0);
    cr_expect(is_unknown_critical("2a03", "0101ff", "0500") == 1);
    cr_expect(is_unknown_critical("551d13", "0101ff", "30{}") == 0);
    cr_expect(is_unknown_critical("551d20", "0101ff", "30{30{06{2a03}}}") == 0); /* policies */
    cr_expect(is_unknown_critical("551d24", "0101ff", "30{800100}") == 1);       /* policyConstraints */
    cr_expect(is_unknown_critical("551d24", "", "30{800100}") == 0);
    cr_expect(is_unknown_critical("551d1e", "0101ff", "30{}") == 1); /* nameConstraints, whatever it says */
    cr_expect(is_unknown_critical("551d1e", "", "30{}") == 1);
    cr_expect(is_unknown_critical("551d1f", "0101ff", "30{}") == 1); /* cRLDistributionPoints */
}

typedef struct constraints_case {
    const char *value;
    int is_ca; /* -1: malformed */
    int path_len;
} constraints_case;

Test(x509_certificate, basic_constraints)
{
    static const constraints_case constraints_cases[] = {
        {"30{}", 0, -1},
        {"30{0101ff}", 1, -1},
        {"30{0101ff 02{00}}", 1, 0},
        {"30{0101ff 02{05}}", 1, 5},
        {"30{0101ff 02{7fffffffff}}", 1, INT16_MAX},
        {"30{010100}", -1, 0},        /* FALSE, the default */
        {"30{02{00}}", -1, 0},        /* a length without cA */
        {"30{0101ff 02{ff}}", -1, 0}, /* negative */
        {"30{0101ff 02{0000}}", -1, 0},
        {"30{0101ff 02{00} 02{00}}", -1, 0},
        {"30{0101fe}", -1, 0},
        {"30{0101ff} 0500", -1, 0},
        {"", -1, 0},
        {"31{}", -1, 0},
    };
    for (size_t i = 0; i < sizeof(constraints_cases) / sizeof(constraints_cases[0]); i++) {
        const constraints_case *c = &constraints_cases[i];
        dor_certificate *cert = with_extension("551d13", "0101ff", c->value);
        cr_expect((cert != NULL) == (c->is_ca >= 0), "%s", c->value);
        if (cert) cr_expect(cert->has_basic_constraints && cert->is_ca == c->is_ca, "%s", c->value);
        if (cert) cr_expect(cert->path_len == c->path_len, "%s: %d", c->value, cert->path_len);
        dor__certificate_unref(cert);
    }
}

static int key_usage(const char *value)
{
    dor_certificate *cert = with_extension("551d0f", "0101ff", value);
    int usage = cert && cert->has_key_usage ? cert->key_usage : -1;
    dor__certificate_unref(cert);
    return usage;
}

Test(x509_certificate, usages)
{
    cr_expect(key_usage("03{0780}") == DOR_KU_DIGITAL_SIGNATURE);
    cr_expect(key_usage("03{0204}") == DOR_KU_KEY_CERT_SIGN);
    cr_expect(key_usage("03{0106}") == (DOR_KU_KEY_CERT_SIGN | DOR_KU_CRL_SIGN));
    cr_expect(key_usage("03{070080}") == 1 << 8);                 /* decipherOnly */
    cr_expect(key_usage("03{0080}") == DOR_KU_DIGITAL_SIGNATURE); /* trailing zeros: see extensions.c */
    cr_expect(key_usage("03{00}") == -1);
    cr_expect(key_usage("03{0700}") == -1);
    cr_expect(key_usage("03{00800000}") == -1);
    cr_expect(key_usage("03{0681}") == -1);

    dor_certificate *cert =
        with_extension("551d25", "", "30{06{2b06010505070301}06{2b06010505070302}06{2b06010505070303}}");
    cr_assert(cert && cert->has_ext_key_usage);
    cr_expect(cert->ext_key_usage == (DOR_EKU_SERVER_AUTH | DOR_EKU_CLIENT_AUTH | DOR_EKU_OTHER));
    dor__certificate_unref(cert);
    cert = with_extension("551d25", "", "30{06{551d2500}}");
    cr_assert(cert && cert->ext_key_usage == DOR_EKU_ANY);
    dor__certificate_unref(cert);
    cr_expect(!extension_accepted("551d25", "30{}"));
    cr_expect(!extension_accepted("551d25", "30{06{}}"));
    cr_expect(!extension_accepted("551d25", "30{0500}"));
}

Test(x509_certificate, names_and_key_ids)
{
    cr_expect(extension_accepted("551d11", "30{82{'a.example'}87{7f000001}a0{06{2a03}a0{0500}}}"));
    cr_expect(!extension_accepted("551d11", "30{}"));
    cr_expect(!extension_accepted("551d11", "30{0c{'a.example'}}"));
    cr_expect(!extension_accepted("551d11", "30{a2{'a.example'}}"));
    cr_expect(!extension_accepted("551d11", "30{89{}}"));
    cr_expect(!extension_accepted("551d11", "30{82{'a'}}30{82{'b'}}"));
    cr_expect(extension_accepted("551d0e", "04{0102}"));
    cr_expect(!extension_accepted("551d0e", "0102"));
    cr_expect(extension_accepted("551d23", "30{80{0102}}"));
    cr_expect(extension_accepted("551d23", "30{80{0102}a1{a4{30{}}}82{01}}"));
    cr_expect(extension_accepted("551d23", "30{}"));
    cr_expect(!extension_accepted("551d23", "30{82{01}80{0102}}"));
    cr_expect(!extension_accepted("551d23", "30{83{01}}"));
}

Test(x509_certificate, fields_of_a_real_one)
{
    dor_certificate *leaf = pki_cert("leaf"), *authority = pki_cert("int"), *root = pki_cert("root");
    char text[128];
    cr_expect(leaf->version == 3 && !leaf->is_ca && leaf->has_basic_constraints && !leaf->unknown_critical);
    cr_expect(leaf->has_key_usage && leaf->key_usage == DOR_KU_DIGITAL_SIGNATURE);
    cr_expect(leaf->ext_key_usage == (DOR_EKU_SERVER_AUTH | DOR_EKU_CLIENT_AUTH));
    cr_expect(leaf->key_type == DOR_KEY_EC_P256 && leaf->path_len == -1);
    cr_expect(leaf->not_after - leaf->not_before == 3650LL * 86400);
    cr_expect(llabs(leaf->not_before - (int64_t)time(NULL)) < 86400);
    cr_expect(dor__span_equal(leaf->issuer, authority->subject) && !leaf->self_issued);
    cr_expect(leaf->authority_key_id.len == 20);
    cr_expect(dor__span_equal(leaf->authority_key_id, authority->subject_key_id));
    cr_expect(authority->is_ca && authority->key_usage == (DOR_KU_KEY_CERT_SIGN | DOR_KU_CRL_SIGN));
    cr_expect(root->self_issued && dor__ok(dor__certificate_verify_signature(root, root)));
    cr_expect(dor__ok(dor__certificate_verify_signature(leaf, authority)));
    dor_result r = dor__certificate_verify_signature(leaf, root);
    cr_expect(dor_error_get_reason(r.code) == DOR_REASON_CERT_SIGNATURE);
    cr_expect(dor_error_get_alert(r.code) == DOR_ALERT_BAD_CERTIFICATE);
    cr_expect_str_eq(dor__name_format(leaf->subject, text, sizeof(text)), "O=Dormouse tests, CN=leaf");

    cr_expect(dor__certificate_ref(leaf) == leaf);
    dor__certificate_unref(leaf);
    cr_expect(leaf->version == 3);
    dor__certificate_unref(leaf);
    dor__certificate_unref(authority);
    dor__certificate_unref(root);
    dor__certificate_unref(NULL);
}

Test(x509_certificate, fingerprint)
{
    char command[512], line[200] = "", ours[100] = "";
    uint8_t digest[32];
    dor_certificate *cert = pki_cert("leaf");
    cr_assert(dor__ok(dor__certificate_fingerprint(cert, digest)));
    for (size_t i = 0; i < 32; i++)
        sprintf(ours + 3 * i, i < 31 ? "%02X:" : "%02X", digest[i]);
    snprintf(command, sizeof(command), "openssl x509 -in '%s/leaf.pem' -noout -fingerprint -sha256",
             pki_dir());
    FILE *openssl = popen(command, "r");
    cr_assert(openssl && fgets(line, sizeof(line), openssl));
    pclose(openssl);
    cr_expect(strstr(line, ours), "%s: %s", line, ours);
    dor__certificate_unref(cert);
}

static const char *formatted(const char *name)
{
    static char text[256];
    uint8_t der[512];
    return dor__name_format(dor__span(der, der_text(name, der, sizeof(der))), text, sizeof(text));
}

#define CN(value) "30{31{30{06{550403}" value "}}}"

Test(x509_certificate, names_as_text)
{
    cr_expect_str_eq(formatted("30{}"), "");
    cr_expect_str_eq(
        formatted("30{31{30{06{550406}13{'DE'}}}31{30{06{55040a}0c{'x'}}30{06{550403}0c{'y'}}}}"),
        "C=DE, O=x+CN=y");
    cr_expect_str_eq(formatted(CN("0c{'a,b+c\"d\\\\e<f>g;h=i'}")),
                     "CN=a\\,b\\+c\\\"d\\\\\\\\e\\<f\\>g\\;h\\=i");
    cr_expect_str_eq(formatted(CN("0c{' x '}")), "CN=\\ x\\ ");
    cr_expect_str_eq(formatted(CN("0c{'#x#'}")), "CN=\\#x#");
    cr_expect_str_eq(formatted(CN("0c{' '}")), "CN=\\ ");
    cr_expect_str_eq(formatted(CN("0c{'a' 00 0a 1b '[2J' 7f}")),
                     "CN=a\\00\\0A\\1B[2J\\7F"); /* nothing a terminal obeys */
    cr_expect_str_eq(formatted(CN("0c{c3a4 e282ac f09f90ad}")), "CN=\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xad");
    cr_expect_str_eq(formatted(CN("0c{c3}")), "CN=\\C3");
    cr_expect_str_eq(formatted(CN("0c{c080 eda080 f4908080}")), "CN=\\C0\\80\\ED\\A0\\80\\F4\\90\\80\\80");
    cr_expect_str_eq(formatted(CN("0c{c285}")), "CN=\\C2\\85");       /* a control character of two bytes */
    cr_expect_str_eq(formatted(CN("0c{e280ae}")), "CN=\\E2\\80\\AE"); /* right-to-left override */
    cr_expect_str_eq(formatted(CN("1e{00410042}")), "CN=#1E0400410042"); /* BMPString */
    cr_expect_str_eq(formatted("30{31{30{06{2a864886f70d010901}16{'a@b'}}}}"), "emailAddress=a@b");
    cr_expect_str_eq(formatted("30{31{30{06{883703}0c{'x'}}}}"), "2.999.3=x");
    cr_expect_str_eq(formatted("30{31{30{06{2a03}0c{'x'}}}}"), "1.2.3=x");

    uint8_t der[64];
    dor_span name = dor__span(der, der_text(CN("0c{'abcdef'}"), der, sizeof(der)));
    char text[16];
    for (size_t cap = 1; cap < sizeof(text); cap++) {
        memset(text, '!', sizeof(text));
        cr_expect(strlen(dor__name_format(name, text, cap)) < cap);
        cr_expect(text[cap] == '!');
    }
    cr_expect(dor__name_format(name, text, 0) == text);
}
