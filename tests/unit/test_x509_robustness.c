/*
 * Hostile certificates and empty pockets: every truncation, every flipped bit, chains made to keep us busy, and no
 * memory at every point where some is asked for.
 */
#include "support/counting_alloc.h"
#include "support/pki.h"
#include "x509/host_name.h"
#include "x509/path.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now(void)
{
    (void)pki_dir();
    return (int64_t)time(NULL);
}

/* A copy of exactly len bytes, so that a sanitizer sees a read too far. */
static dor_result parse_copy(const uint8_t *der, size_t len, dor_certificate **cert)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, der, len);
    dor_result r = dor__certificate_new(cert, dor__span(copy, len));
    free(copy);
    return r;
}

Test(x509_robustness, truncations)
{
    static const char *const names[] = {"leaf", "root-rsa", "sig-pss-256", "root-v1", "by-names"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len;
        uint8_t *der = pki_der(names[i], &len);
        for (size_t cut = 0; cut < len; cut++) {
            dor_certificate *cert;
            cr_assert(dor__failed(parse_copy(der, cut, &cert)) && !cert, "%s cut at %zu", names[i], cut);
        }
        free(der);
    }
}

/* No certificate that differs in one bit from a good one may pass for it, whichever bit that is. */
static void flip_every_bit(const char *leaf, const char *root)
{
    size_t len;
    uint8_t *der = pki_der(leaf, &len);
    dor_trust_store *trust = pki_trust(root);
    dor_path_params params = {.trust = trust, .now = now(), .depth = 10};
    for (size_t bit = 0; bit < 8 * len; bit++) {
        dor_certificate *cert;
        dor_path_result result;
        der[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (dor__ok(parse_copy(der, len, &cert))) {
            char text[256];
            (void)dor__name_format(cert->subject, text, sizeof(text));
            (void)dor__name_format(cert->issuer, text, 17);
            cr_assert(dor__failed(dor__path_validate(&params, &cert, 1, &result)), "%s: bit %zu", leaf, bit);
        }
        dor__certificate_unref(cert);
        der[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    dor_certificate *cert;
    dor_path_result result;
    cr_assert(dor__ok(parse_copy(der, len, &cert)));
    cr_expect(dor__ok(dor__path_validate(&params, &cert, 1, &result)), "%s as it was", leaf);
    dor__certificate_unref(cert);
    dor__trust_store_unref(trust);
    free(der);
}

Test(x509_robustness, flipped_bits_ecdsa)
{
    flip_every_bit("leaf-root", "root");
}

Test(x509_robustness, flipped_bits_ed25519)
{
    flip_every_bit("sig-ed", "root-ed");
}

Test(x509_robustness, flipped_bits_rsa)
{
    flip_every_bit("sig-rsa-256", "root-rsa");
}

Test(x509_robustness, flipped_bits_rsa_pss)
{
    flip_every_bit("sig-pss-256", "root-rsa");
}

/* Random runs of bytes overwritten: only that nothing crashes, and that the host check copes with what parses. */
Test(x509_robustness, random_damage)
{
    static const char *const names[] = {"leaf",     "int",       "sig-pss-256",
                                        "by-names", "int-names", "int-pathlen0"};
    dor_certificate *issuer = pki_cert("root");
    srand(11);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len;
        uint8_t *der = pki_der(names[i], &len), *damaged = malloc(len);
        for (int round = 0; round < 8000; round++) {
            dor_certificate *cert;
            memcpy(damaged, der, len);
            for (int k = rand() % 4; k >= 0; k--)
                damaged[(size_t)rand() % len] = (uint8_t)(rand() % 3 ? rand() : rand() % 2 ? 0x30 : 0x80);
            if (dor__ok(parse_copy(damaged, len, &cert))) {
                (void)dor__certificate_check_host(cert, dor__span_str("host.example")).code;
                if (round % 16 == 0) (void)dor__certificate_verify_signature(cert, issuer).code;
                dor__certificate_unref(cert);
            }
        }
        free(damaged);
        free(der);
    }
    dor__certificate_unref(issuer);
}

/* Certificates of one name that certify each other: the ways through are many, the work done is not. */
Test(x509_robustness, mesh)
{
    dor_certificate *certs[DOR_PATH_MAX_CERTS];
    size_t count =
        pki_certs("by-mesh mesh-ba mesh-ca mesh-da mesh-ab mesh-cb mesh-db mesh-ac mesh-bc mesh-dc mesh-ad "
                  "mesh-bd mesh-cd mesh-aa mesh-bb mesh-cc mesh-dd",
                  certs, DOR_PATH_MAX_CERTS);
    dor_trust_store *trust = pki_trust("stranger");
    dor_path_params params = {.trust = trust, .now = now(), .depth = 255};
    dor_path_result result;
    clock_t start = clock();
    dor_result r = dor__path_validate(&params, certs, count, &result);
    cr_expect(dor_error_get_reason(r.code) == DOR_REASON_LIMIT, "%d", dor_error_get_reason(r.code));
    cr_expect(dor_error_get_alert(r.code) == DOR_ALERT_BAD_CERTIFICATE);
    cr_expect((double)(clock() - start) / CLOCKS_PER_SEC < 2.0);
    for (size_t i = 0; i < count; i++)
        dor__certificate_unref(certs[i]);
    dor__trust_store_unref(trust);
}

/* The whole way, from PEM to a verdict; what is held is given back. */
static dor_result whole_way(const char *pem, size_t pem_len, uint8_t *const *ders, const size_t *lens,
                            int64_t at)
{
    dor_trust_store *trust = NULL;
    dor_certificate *certs[2] = {NULL, NULL};
    dor_result r;
    size_t added = 0;
    DOR_TRY_GOTO(r, dor__trust_store_new(&trust));
    DOR_TRY_GOTO(r, dor__trust_store_add_pem(trust, dor__span(pem, pem_len), &added, NULL));
    DOR_TRY_GOTO(r, dor__certificate_new(&certs[0], dor__span(ders[0], lens[0])));
    DOR_TRY_GOTO(r, dor__certificate_new(&certs[1], dor__span(ders[1], lens[1])));
    dor_path_params params = {.trust = trust, .now = at, .depth = 10};
    dor_path_result result;
    r = dor__path_validate(&params, certs, 2, &result);
    cr_assert(dor__failed(r) || added == 1);
done:
    dor__certificate_unref(certs[0]);
    dor__certificate_unref(certs[1]);
    dor__trust_store_unref(trust);
    return r;
}

static void starve(const char *leaf, const char *other, const char *root)
{
    char path[512];
    size_t pem_len, lens[2];
    snprintf(path, sizeof(path), "%s/%s.pem", pki_dir(), root);
    char *pem = pki_read_file(path, &pem_len);
    uint8_t *ders[2] = {pki_der(leaf, &lens[0]), pki_der(other, &lens[1])};
    int64_t at = now();
    cr_assert(dor__ok(whole_way(pem, pem_len, ders, lens, at)), "%s", leaf);
    size_t n = 1;
    for (;; n++) {
        counting_alloc_fail_at(n);
        dor_result r = whole_way(pem, pem_len, ders, lens, at);
        cr_assert(counting_alloc_pieces() == 0, "%s: allocation %zu leaks", leaf, n);
        if (dor__ok(r)) break;
        cr_assert(dor_error_get_class(r.code) != DOR_CLASS_ALERT_SENT,
                  "%s: no memory at %zu is a verdict: %d", leaf, n, dor_error_get_reason(r.code));
        cr_assert(n < 2000);
    }
    cr_expect(n > 5 && counting_alloc_calls() < n, "%zu", n);
    counting_alloc_fail_at(0);
    free(pem);
    free(ders[0]);
    free(ders[1]);
}

Test(x509_robustness, no_memory)
{
    counting_alloc_install();
    starve("leaf", "int", "root");
    starve("sig-rsa-256", "int", "root-rsa");
    starve("sig-pss-256", "int", "root-rsa");
    starve("sig-p384", "int", "root-384");
    starve("sig-ed", "int", "root-ed");
}
