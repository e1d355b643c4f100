/* Host names and addresses: which certificate is for whom. */
#include "support/der_text.h"
#include "x509/host_name.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static bool fits(const char *names, dor_span host)
{
    uint8_t der[2048];
    dor_certificate cert = {0};
    cert.subject_alt_name = dor__span(der, der_text(names, der, sizeof(der)));
    dor_result r = dor__certificate_check_host(&cert, host);
    if (dor__failed(r)) {
        cr_expect(dor_error_get_reason(r.code) == DOR_REASON_CERT_NAME_MISMATCH);
        cr_expect(dor_error_get_alert(r.code) == DOR_ALERT_BAD_CERTIFICATE);
    }
    return dor__ok(r);
}

typedef struct host_case {
    const char *names; /* GeneralNames: 82 is dNSName, 87 iPAddress */
    const char *host;
    bool fits;
} host_case;

/* clang-format off */
static const host_case host_cases[] = {
    {"82{'example.com'}", "example.com", true},
    {"82{'example.com'}", "EXAMPLE.com", true},
    {"82{'ExAmPlE.CoM'}", "example.com", true},
    {"82{'example.com'}", "example.com.", true},
    {"82{'example.com'}", "example.com..", false},
    {"82{'example.com.'}", "example.com", false},
    {"82{'example.com'}", "www.example.com", false},
    {"82{'www.example.com'}", "example.com", false},
    {"82{'example.com'}", "example.co", false},
    {"82{'example.co'}", "example.com", false},
    {"82{'a.example'} 82{'b.example'}", "b.example", true},
    {"81{'b.example'}", "b.example", false},               /* an e-mail address */
    {"86{'b.example'}", "b.example", false},               /* a URI */
    {"", "example.com", false},
    {"82{'localhost'}", "localhost", true},
    {"82{'my_service'}", "my_service", true},
    {"82{'xn--bcher-kva.example'}", "XN--bcher-KVA.example", true},
    /* wildcards */
    {"82{'*.example.com'}", "www.example.com", true},
    {"82{'*.EXAMPLE.com'}", "www.example.COM", true},
    {"82{'*.example.com'}", "www.example.com.", true},
    {"82{'*.example.com'}", "xn--bcher-kva.example.com", true},
    {"82{'*.example.com'}", "example.com", false},
    {"82{'*.example.com'}", ".example.com", false},
    {"82{'*.example.com'}", "a.b.example.com", false},
    {"82{'*.example.com'}", "www.example.org", false},
    {"82{'www.*.com'}", "www.example.com", false},
    {"82{'w*.example.com'}", "www.example.com", false},
    {"82{'*w.example.com'}", "www.example.com", false},
    {"82{'*.*.com'}", "www.example.com", false},
    {"82{'**.example.com'}", "www.example.com", false},
    {"82{'*'}", "localhost", false},
    {"82{'*'}", "example.com", false},
    {"82{'*.com'}", "example.com", false},
    {"82{'*.'}", "example", false},
    {"82{'*.com.'}", "example.com", false},
    {"82{'*.com.'}", "example.com.", false},
    {"82{'*..com'}", "example..com", false},
    {"82{'*.example.com'}", "*.example.com", false},       /* not a host */
    /* what is no name */
    {"82{'example.com' 00 '.evil.org'}", "example.com", false},
    {"82{'example.com' 00}", "example.com", false},
    {"82{' example.com'}", "example.com", false},
    {"82{'b' c3bc 'cher.example'}", "b\xc3\xbc" "cher.example", false},
    {"82{''}", "", false},
    {"82{'.'}", ".", false},
    {"82{'-a.example'}", "-a.example", false},
    /* addresses */
    {"87{c0000207}", "192.0.2.7", true},
    {"87{c0000207}", "192.0.2.8", false},
    {"82{'192.0.2.7'}", "192.0.2.7", false},
    {"82{'*.0.2.7'}", "192.0.2.7", false},
    {"82{'192.0.2.300'}", "192.0.2.300", false},
    {"87{c0000207 ffffff00}", "192.0.2.7", false},         /* a network is for constraints */
    {"87{20010db8000000000000000000000001}", "2001:db8::1", true},
    {"87{20010db8000000000000000000000001}", "[2001:DB8:0::1]", true},
    {"87{20010db8000000000000000000000001}", "2001:db8::2", false},
    {"87{00000000000000000000ffffc0000207}", "192.0.2.7", false}, /* mapped is another address */
    {"87{00000000000000000000ffffc0000207}", "::ffff:192.0.2.7", true},
    {"87{'a.example'}", "a.example", false},
    {"87{c0000207}", "192.0.2.7.", false},
};
/* clang-format on */

Test(x509_host_name, who_is_who)
{
    for (size_t i = 0; i < sizeof(host_cases) / sizeof(host_cases[0]); i++) {
        const host_case *c = &host_cases[i];
        cr_expect(fits(c->names, dor__span_str(c->host)) == c->fits, "%s for %s", c->names, c->host);
    }
    cr_expect(!fits("82{'example.com' 00 '.evil.org'}", dor__span("example.com\0.evil.org", 21)));
}

Test(x509_host_name, valid_names)
{
    static const char *const good[] = {"a",  "localhost",      "a.b",    "A-1.example", "1.example",
                                       "1a", "_dmarc.example", "xn--a.b"};
    static const char *const bad[] = {"",     ".",   "a.",  ".a",  "a..b", "-a",      "a-",
                                      "a.-b", "a b", "a/b", "*.a", "1",    "1.2.3.4", "a.1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(dor__host_name_valid(dor__span_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(!dor__host_name_valid(dor__span_str(bad[i])), "%s", bad[i]);
    cr_expect(!dor__host_name_valid(dor__span("a\0b", 3)));

    char text[300];
    memset(text, 'a', sizeof(text));
    cr_expect(dor__host_name_valid(dor__span(text, 63)));
    cr_expect(!dor__host_name_valid(dor__span(text, 64)));
    text[63] = text[127] = text[191] = '.';
    cr_expect(dor__host_name_valid(dor__span(text, 253)));
    cr_expect(!dor__host_name_valid(dor__span(text, 254)));
}

/* inet_pton is the judge of texts without brackets. */
static void compare_with_inet_pton(const char *text)
{
    uint8_t ours[16] = {0}, theirs[16] = {0};
    size_t len = dor__address_parse(dor__span_str(text), ours);
    size_t expected = inet_pton(AF_INET, text, theirs) == 1    ? 4
                      : inet_pton(AF_INET6, text, theirs) == 1 ? 16
                                                               : 0;
    cr_expect(len == expected && memcmp(ours, theirs, len) == 0, "%s: %zu, inet_pton %zu", text, len,
              expected);
}

Test(x509_host_name, addresses)
{
    static const char *const texts[] = {
        "::",
        "::1",
        "1::",
        "1::2",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2:3::4:5:6:7:8",
        "1::2::3",
        ":::",
        ":1",
        "1:",
        ":1::",
        "::1:",
        "12345::",
        "g::",
        "::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.256",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "fe80::1%eth0",
        "0:0:0:0:0:0:0:0",
        "FFFF:ffff::",
        "1.2.3.4",
        "1.2.3",
        "01.2.3.4",
        "1.2.3.4.",
        ".1.2.3.4",
        "1..3.4",
        "1.2.3.0",
        "0.0.0.0",
        "255.255.255.255",
        "256.1.1.1",
        "1.2.3.4 ",
        " 1.2.3.4",
        "0x7f.0.0.1",
        "127.1",
        "2130706433",
        "",
        ".",
        ":",
        "::ffff:1.2.3.4",
        "1:2:3:4:5:6::1.2.3.4",
        "1:2:3:4:5::1.2.3.4",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        compare_with_inet_pton(texts[i]);

    uint8_t address[16];
    cr_expect(dor__address_parse(dor__span_str("[::1]"), address) == 16);
    cr_expect(dor__address_parse(dor__span_str("[1.2.3.4]"), address) == 0);
    cr_expect(dor__address_parse(dor__span_str("[::1"), address) == 0);
    cr_expect(dor__address_parse(dor__span_str("::1]"), address) == 0);
    cr_expect(dor__address_parse(dor__span_str("[]"), address) == 0);
    cr_expect(dor__address_parse(dor__span_str("[::1]:443"), address) == 0);
    cr_expect(dor__address_parse(dor__span("1.2.3.4\0", 8), address) == 0);
}

Test(x509_host_name, random_addresses)
{
    static const char alphabet[] = "0123::::....afF";
    srand(20);
    for (int i = 0; i < 200000; i++) {
        char text[24];
        size_t len = (size_t)(rand() % 23);
        for (size_t k = 0; k < len; k++)
            text[k] = alphabet[rand() % (int)(sizeof(alphabet) - 1)];
        text[len] = '\0';
        compare_with_inet_pton(text);
    }
}
