/* PEM blocks and trust anchors. */
#include "support/pki.h"
#include "x509/pem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct pem_case {
    const char *text;
    /* "label:len;" for each good block, "!line;" for each broken one, "*" after an encrypted one */
    const char *blocks;
} pem_case;

#define BEGIN   "-----BEGIN CERTIFICATE-----\n"
#define END     "-----END CERTIFICATE-----\n"
#define CRLF(s) s "\r\n"

static const pem_case pem_cases[] = {
    {"", ""},
    {"nothing here\n-----\n", ""},
    {BEGIN "AAAA\n" END, "CERTIFICATE:3;"},
    {BEGIN "AAAA\n-----END CERTIFICATE-----", "CERTIFICATE:3;"},
    {BEGIN "AAAA\nAA==\n" END, "CERTIFICATE:4;"},
    {"text\n\n" BEGIN "AAAA\n" END "between\n" BEGIN "AAAAAAAA\n" END "after",
     "CERTIFICATE:3;CERTIFICATE:6;"},
    {CRLF("-----BEGIN CERTIFICATE-----") CRLF("AAAA") CRLF("-----END CERTIFICATE-----"), "CERTIFICATE:3;"},
    {"-----BEGIN CERTIFICATE-----  \nAAAA \t\n-----END CERTIFICATE----- \n", "CERTIFICATE:3;"},
    {"\xef\xbb\xbf" BEGIN "AAAA\n" END, "CERTIFICATE:3;"},
    {BEGIN "\nAAAA\n\n" END, "CERTIFICATE:3;"},
    {"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "EC PRIVATE KEY:3;"},
    {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n"
     "-----END RSA PRIVATE KEY-----\n",
     "RSA PRIVATE KEY:3*;"},
    {BEGIN "Comment: one,\n two\n\nAAAA\n" END, "CERTIFICATE:3;"},
    {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
     "ENCRYPTED PRIVATE KEY:3;"},
    /* broken, and what comes after it */
    {BEGIN "AAAA\n", "!1;"},
    {BEGIN, "!1;"},
    {"\n\n" BEGIN "AAAA\n-----END X-----\n", "!3;"},
    {BEGIN END, "!1;"},
    {BEGIN "AAA\n" END BEGIN "AAAA\n" END, "!1;CERTIFICATE:3;"},
    {BEGIN "A*AA\n" END, "!1;"},
    {BEGIN "AAAA\n" BEGIN "AAAA\n" END, "!1;CERTIFICATE:3;"},
    {BEGIN "Comment: x\nAAAA\n" END, "!1;"}, /* no empty line */
    {BEGIN "Comment: x\n" END, "!1;"},
    {BEGIN "AAAA\nComment: x\n\n" END, "!1;"},
    {"x\n" BEGIN "!\n" END "x\n" BEGIN "!\n" END, "!2;!6;"},
};

Test(x509_pem, blocks)
{
    for (size_t i = 0; i < sizeof(pem_cases) / sizeof(pem_cases[0]); i++) {
        const pem_case *c = &pem_cases[i];
        char seen[256] = "";
        dor_span text = dor__span_str(c->text);
        size_t line = 1, rounds = 0;
        for (bool more = true; more;) {
            dor_pem_block block;
            bool found;
            char one[64] = "";
            dor_result r = dor__pem_next(&text, &line, &block, &found);
            if (dor__failed(r)) {
                cr_expect(r.code == DOR_E_FILE_MALFORMED && !found);
                snprintf(one, sizeof(one), "!%zu;", block.line);
            } else if (found) {
                snprintf(one, sizeof(one), "%.*s:%zu%s;", (int)block.label.len, (const char *)block.label.ptr,
                         block.der.len, block.encrypted ? "*" : "");
                dor__pem_block_fini(&block);
            } else {
                more = false;
            }
            strcat(seen, one);
            cr_assert(++rounds < 10, "no end: %s", c->text);
        }
        cr_expect_str_eq(seen, c->blocks, "%zu: %s", i, c->text);
    }
}

Test(x509_pem, lines)
{
    const char *pem = "a\nb\n" BEGIN "AAAA\n" END "c\n" BEGIN "AAAA\n" END "\n" BEGIN;
    static const size_t expected[] = {3, 7, 11};
    dor_span text = dor__span_str(pem);
    size_t line = 0; /* taken as 1 */
    for (size_t i = 0; i < 3; i++) {
        dor_pem_block block;
        bool found;
        cr_expect(dor__ok(dor__pem_next(&text, &line, &block, &found)) == (i < 2));
        cr_expect(block.line == expected[i], "%zu", block.line);
        dor__pem_block_fini(&block);
    }
}

Test(x509_pem, too_long)
{
    size_t len = DOR_PEM_MAX_BLOCK_LEN + 100;
    char *text = malloc(len);
    memset(text, 'A', len);
    for (size_t i = 64; i < len; i += 65)
        text[i] = '\n';
    memcpy(text, BEGIN, sizeof(BEGIN) - 1);
    memcpy(text + len - sizeof(END), "\n" END, sizeof(END));
    dor_span rest = dor__span(text, len);
    size_t line = 1;
    dor_pem_block block;
    bool found;
    cr_expect(dor__pem_next(&rest, &line, &block, &found).code == DOR_E_FILE_MALFORMED);
    free(text);
}

Test(x509_pem, labels)
{
    cr_expect(dor__pem_is_certificate(dor__span_str("CERTIFICATE")));
    cr_expect(dor__pem_is_certificate(dor__span_str("X509 CERTIFICATE")));
    cr_expect(!dor__pem_is_certificate(dor__span_str("TRUSTED CERTIFICATE")));
    cr_expect(!dor__pem_is_certificate(dor__span_str("CERTIFICATE REQUEST")));
    cr_expect(dor__pem_is_private_key(dor__span_str("ENCRYPTED PRIVATE KEY")));
    cr_expect(!dor__pem_is_private_key(dor__span_str("PUBLIC KEY")));
}

/* Every byte of a PEM changed in turn: no crash, and what decodes to the same DER is the only thing that parses. */
Test(x509_pem, mutations)
{
    char path[512];
    size_t len;
    snprintf(path, sizeof(path), "%s/leaf.pem", pki_dir());
    char *good = pki_read_file(path, &len);
    dor_certificate *cert = pki_cert("leaf");
    static const char changes[] = {'\0', '\n', '-', '=', 'A', (char)0xff};
    for (size_t i = 0; i < len; i++) {
        for (size_t k = 0; k < sizeof(changes); k++) {
            char *text = malloc(len); /* exact, so that a sanitizer sees a read too far */
            memcpy(text, good, len);
            text[i] = changes[k];
            dor_span rest = dor__span(text, len);
            size_t line = 1;
            dor_pem_block block;
            bool found;
            if (dor__ok(dor__pem_next(&rest, &line, &block, &found)) && found) {
                dor_certificate *parsed;
                if (dor__ok(dor__certificate_new(&parsed, dor__bytes_span(&block.der))))
                    cr_expect(parsed->der.len == cert->der.len);
                dor__certificate_unref(parsed);
                dor__pem_block_fini(&block);
            }
            free(text);
        }
    }
    for (size_t cut = 0; cut < len; cut++) {
        char *text = malloc(cut + 1);
        memcpy(text, good, cut);
        dor_span rest = dor__span(text, cut);
        size_t line = 1;
        dor_pem_block block;
        bool found;
        if (dor__ok(dor__pem_next(&rest, &line, &block, &found)) && found) dor__pem_block_fini(&block);
        free(text);
    }
    dor__certificate_unref(cert);
    free(good);
}

Test(x509_trust_store, find)
{
    dor_trust_store *store = pki_trust("root stranger twin root-384 root");
    dor_certificate *root = pki_cert("root"), *twin = pki_cert("twin"), *leaf = pki_cert("leaf");
    cr_expect(dor__trust_store_count(store) == 4, "the same twice is once");
    cr_expect(dor__trust_store_has(store, root) && dor__trust_store_has(store, twin));
    cr_expect(!dor__trust_store_has(store, leaf));
    cr_expect(dor__trust_store_at(store, 4) == NULL);

    size_t cursor = 0;
    dor_certificate *first = dor__trust_store_find(store, root->subject, &cursor);
    dor_certificate *second = dor__trust_store_find(store, root->subject, &cursor);
    cr_expect(first && dor__span_equal(first->der, root->der), "in the order of adding");
    cr_expect(second && dor__span_equal(second->der, twin->der));
    cr_expect(dor__trust_store_find(store, root->subject, &cursor) == NULL);
    cr_expect(dor__trust_store_find(store, root->subject, &cursor) == NULL);
    cursor = 0;
    cr_expect(dor__trust_store_find(store, leaf->subject, &cursor) == NULL);
    cursor = 0;
    cr_expect(dor__trust_store_find(NULL, leaf->subject, &cursor) == NULL);

    cr_expect(dor__trust_store_ref(store) == store);
    dor__trust_store_unref(store);
    cr_expect(dor__trust_store_count(store) == 4);
    dor__trust_store_unref(store);
    dor__trust_store_unref(NULL);
    dor__certificate_unref(root);
    dor__certificate_unref(twin);
    dor__certificate_unref(leaf);
}

/* leaf's DER with another serial number and subject each: enough of a difference for the table. */
static dor_certificate *variant(const uint8_t *der, size_t len, unsigned n)
{
    uint8_t *copy = malloc(len);
    dor_certificate *cert;
    memcpy(copy, der, len);
    cr_assert(dor__ok(dor__certificate_new(&cert, dor__span(der, len))));
    size_t at =
        (size_t)(cert->subject.ptr - cert->der.ptr) + cert->subject.len - 4; /* the common name's end */
    snprintf((char *)copy + at, 5, "%04x", n);
    copy[at + 4] = der[at + 4];
    dor__certificate_unref(cert);
    cr_assert(dor__ok(dor__certificate_new(&cert, dor__span(copy, len))));
    free(copy);
    return cert;
}

Test(x509_trust_store, thousands)
{
    enum { COUNT = 5000 };
    size_t len;
    uint8_t *der = pki_der("leaf", &len);
    dor_trust_store *store;
    cr_assert(dor__ok(dor__trust_store_new(&store)));
    for (unsigned i = 0; i < COUNT; i++) {
        dor_certificate *cert = variant(der, len, i);
        cr_assert(dor__ok(dor__trust_store_add(store, cert)));
        dor__certificate_unref(cert);
    }
    cr_expect(dor__trust_store_count(store) == COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        dor_certificate *cert = dor__trust_store_at(store, i);
        size_t cursor = 0;
        cr_assert(dor__trust_store_find(store, cert->subject, &cursor) == cert);
        cr_assert(dor__trust_store_find(store, cert->subject, &cursor) == NULL);
    }
    dor__trust_store_unref(store);
    free(der);
}

Test(x509_trust_store, pem)
{
    dor_trust_store *store;
    char *text = calloc(1, 65536);
    static const char *const names[] = {"root", "stranger", "root", "root-ed"};
    for (size_t i = 0; i < 4; i++) {
        char path[512];
        size_t len;
        snprintf(path, sizeof(path), "%s/%s.pem", pki_dir(), names[i]);
        char *one = pki_read_file(path, &len);
        strcat(strcat(text, one), "# a comment\n");
        free(one);
        if (i == 1) strcat(text, BEGIN "MAA=\n" END BEGIN "broken!\n" END);
        if (i == 1)
            strcat(text, "-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n");
        if (i == 2) strcat(text, "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    }
    size_t added, skipped;
    cr_assert(dor__ok(dor__trust_store_new(&store)));
    cr_expect(dor__ok(dor__trust_store_add_pem(store, dor__span_str(text), &added, &skipped)));
    cr_expect(added == 4 && skipped == 3, "%zu, %zu", added, skipped);
    cr_expect(dor__trust_store_count(store) == 3);
    cr_expect(dor__ok(dor__trust_store_add_pem(store, DOR_SPAN_EMPTY, NULL, NULL)));
    dor__trust_store_unref(store);
    free(text);
}
