/* test_crypto_devcert.c - the development certificate, as the openssl command sees it. */
#include "crypto/devcert.h"
#include "crypto/base64.h"
#include "crypto/sign.h"
#include "support/command.h"
#include "support/counting_alloc.h"

#include <criterion/criterion.h>
#include <time.h>

#define OK(expr) cr_assert(dor__ok(expr))

static const int64_t in_2026 = 1790000000; /* 2026-09-21 14:13:20 UTC */

static dor_rng *rng;

static void begin(void)
{
    OK(dor__rng_new_seeded(&rng, dor__span_str("devcert")));
    if (!command_exists("openssl")) cr_skip_test("there is no openssl command");
    command_begin();
}

static void end(void)
{
    command_end();
    dor__rng_free(rng);
}

TestSuite(crypto_devcert, .init = begin, .fini = end);

static void write_pem(const char *name, const char *label, dor_span der)
{
    dor_bytes pem = DOR_BYTES_EMPTY;
    char line[80];
    snprintf(line, sizeof(line), "-----BEGIN %s-----\n", label);
    OK(dor__bytes_append(&pem, dor__span_str(line)));
    OK(dor__base64_encode(der, &pem));
    snprintf(line, sizeof(line), "-----END %s-----\n", label);
    OK(dor__bytes_append(&pem, dor__span_str(line)));
    command_write(name, dor__bytes_span(&pem));
    dor__bytes_free(&pem);
}

static void make(const char *host, int64_t now)
{
    dor_bytes cert, key;
    OK(dor__devcert_make(rng, host, now, &cert, &key));
    write_pem("cert.pem", "CERTIFICATE", dor__bytes_span(&cert));
    write_pem("key.pem", "PRIVATE KEY", dor__bytes_span(&key));
    dor__bytes_free(&cert);
    dor__bytes_free(&key);
}

static bool text_has(const char *wanted)
{
    cr_assert_eq(system("openssl x509 -in cert.pem -noout -text -dates -serial > text 2>/dev/null"), 0);
    dor_bytes text = command_read("text");
    OK(dor__bytes_append(&text, dor__span("", 1)));
    bool found = strstr((const char *)text.ptr, wanted) != NULL;
    dor__bytes_free(&text);
    return found;
}

Test(crypto_devcert, openssl_takes_it)
{
    make("example.test", (int64_t)time(NULL));
    cr_assert_eq(
        command_run(
            "openssl verify -CAfile cert.pem -purpose sslserver -verify_hostname example.test cert.pem"),
        0);
    cr_assert_eq(
        command_run("openssl verify -CAfile cert.pem -x509_strict -verify_hostname localhost cert.pem"), 0);
    cr_assert_eq(command_run("openssl verify -CAfile cert.pem -verify_ip 127.0.0.1 cert.pem"), 0);
    cr_assert_eq(command_run("openssl verify -CAfile cert.pem -verify_ip ::1 cert.pem"), 0);
    cr_assert_neq(command_run("openssl verify -CAfile cert.pem -verify_hostname other.test cert.pem"), 0);
    cr_assert_neq(command_run("openssl verify -CAfile cert.pem -purpose sslclient cert.pem"), 0);
    cr_assert_eq(command_run("openssl pkey -in key.pem -noout -check"), 0);
    cr_assert_eq(
        command_run(
            "openssl x509 -in cert.pem -noout -pubkey > a; openssl pkey -in key.pem -pubout > b; cmp a b"),
        0);
}

Test(crypto_devcert, what_it_says)
{
    make("example.test", in_2026);
    cr_assert(text_has("Version: 3 (0x2)"));
    cr_assert(text_has("Issuer: CN = example.test"));
    cr_assert(text_has("Subject: CN = example.test"));
    cr_assert(text_has("ASN1 OID: prime256v1"));
    cr_assert(
        text_has("DNS:example.test, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n"));
    cr_assert(text_has("TLS Web Server Authentication"));
    cr_assert(text_has("X509v3 Subject Key Identifier"));
    cr_assert(text_has("X509v3 Basic Constraints: critical\n                CA:FALSE"));
    cr_assert(text_has("X509v3 Key Usage: critical\n                Digital Signature\n"));
    cr_assert(text_has("notBefore=Sep 21 13:13:20 2026 GMT"));
    cr_assert(text_has("notAfter=Oct 21 14:13:20 2026 GMT"));
}

Test(crypto_devcert, hosts)
{
    make("192.0.2.7", in_2026);
    cr_assert(
        text_has("IP Address:192.0.2.7, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n"));
    make("2001:db8::7", in_2026);
    cr_assert(text_has("IP Address:2001:DB8:0:0:0:0:0:7, DNS:localhost"));
    make("localhost", in_2026);
    cr_assert(text_has("                DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n"));
    make("::1", in_2026);
    cr_assert(text_has("                DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n"));

    char host[260] = {0};
    memset(host, 'h', 253);
    for (size_t i = 63; i < 253; i += 64)
        host[i] = '.';
    make(host, in_2026);
    cr_assert(text_has("Subject: CN = localhost"), "a name that long is no common name");
    cr_assert(text_has(host));
}

Test(crypto_devcert, dates)
{
    static const struct {
        int64_t now;
        const char *from, *to;
    } dates[] = {
        {3600, "notBefore=Jan  1 00:00:00 1970 GMT", "notAfter=Jan 31 01:00:00 1970 GMT"},
        {951782400 + 3600, "notBefore=Feb 29 00:00:00 2000 GMT", "notAfter=Mar 30 01:00:00 2000 GMT"},
        {1709164800, "notBefore=Feb 28 23:00:00 2024 GMT", "notAfter=Mar 30 00:00:00 2024 GMT"},
        {2524608000, "notBefore=Dec 31 23:00:00 2049 GMT", "notAfter=Jan 31 00:00:00 2050 GMT"},
        {4107542400, "notBefore=Feb 28 23:00:00 2100 GMT", "notAfter=Mar 31 00:00:00 2100 GMT"},
    };
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        make("a.test", dates[i].now);
        cr_assert(text_has(dates[i].from), "%s", dates[i].from);
        cr_assert(text_has(dates[i].to), "%s", dates[i].to);
    }
}

Test(crypto_devcert, what_it_refuses)
{
    char too_long[255] = {0};
    memset(too_long, 'h', 254);
    const char *const hosts[] = {"",
                                 "a b",
                                 "a\nb",
                                 "\x7f",
                                 "b\xc3\xbc"
                                 "cher.test",
                                 too_long};
    dor_bytes cert, key;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        cr_assert_eq(dor__devcert_make(rng, hosts[i], in_2026, &cert, &key).code, DOR_E_BADARG);
    cr_assert_eq(dor__devcert_make(rng, "a.test", -1, &cert, &key).code, DOR_E_BADARG);
    cr_assert_eq(dor__devcert_make(rng, "a.test", INT64_MAX, &cert, &key).code, DOR_E_BADARG);
    cr_assert_eq(dor__devcert_make(rng, "a.test", 253402300800, &cert, &key).code, DOR_E_BADARG,
                 "the year 10000");
    cr_assert_null(cert.ptr);
    cr_assert_null(key.ptr);
}

Test(crypto_devcert, the_seed_decides)
{
    dor_bytes certs[2], keys[2];
    for (size_t i = 0; i < 2; i++) {
        dor_rng *seeded;
        OK(dor__rng_new_seeded(&seeded, dor__span_str("seed")));
        OK(dor__devcert_make(seeded, "a.test", in_2026, &certs[i], &keys[i]));
        dor__rng_free(seeded);
    }
    cr_assert(dor__span_equal(dor__bytes_span(&certs[0]), dor__bytes_span(&certs[1])));
    cr_assert(dor__span_equal(dor__bytes_span(&keys[0]), dor__bytes_span(&keys[1])));
    for (size_t i = 0; i < 2; i++) {
        dor__bytes_free(&certs[i]);
        dor__bytes_free(&keys[i]);
    }
}

Test(crypto_devcert, every_allocation_may_fail)
{
    dor__rng_free(rng);
    counting_alloc_install();
    OK(dor__rng_new_system(&rng));
    size_t before = counting_alloc_pieces();
    for (size_t n = 1;; n++) {
        dor_bytes cert, key;
        counting_alloc_fail_at(n);
        dor_result r = dor__devcert_make(rng, "a.test", in_2026, &cert, &key);
        bool reached = counting_alloc_calls() >= n;
        counting_alloc_fail_at(0);
        cr_assert_eq(r.code, reached ? DOR_E_NOMEM : DOR_OK);
        dor__bytes_free(&cert);
        dor__bytes_free(&key);
        cr_assert_eq(counting_alloc_pieces(), before);
        if (!reached) break;
    }
}
