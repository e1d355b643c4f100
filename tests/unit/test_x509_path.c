/*
 * Certification paths: our verdict on each, and that `openssl verify` has the same one where both mean the same.
 */
#include "support/pki.h"
#include "x509/path.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAY = 24 * 3600 };

typedef struct path_case {
    const char *trust;
    const char *sent; /* the peer's first */
    int reason;       /* 0: valid */
    int alert;
    size_t at; /* failed_index */
    const char *host;
    int day; /* from today */
    dor_purpose purpose;
    int depth; /* as in the option, plus 1; 0 is 10 */
    bool deciphers;
    bool alone; /* openssl means something else; the case's comment says what */
} path_case;

#define OK      .reason = 0
#define BAD(r)  .reason = DOR_REASON_CERT_##r, .alert = DOR_ALERT_BAD_CERTIFICATE
#define KIND(r) .reason = DOR_REASON_CERT_##r, .alert = DOR_ALERT_UNSUPPORTED_CERTIFICATE
#define UNKNOWN .reason = DOR_REASON_CERT_UNKNOWN_CA, .alert = DOR_ALERT_UNKNOWN_CA
#define OLD     .reason = DOR_REASON_CERT_EXPIRED, .alert = DOR_ALERT_CERTIFICATE_EXPIRED
#define EARLY   .reason = DOR_REASON_CERT_NOT_YET_VALID, .alert = DOR_ALERT_CERTIFICATE_EXPIRED
#define ALONE   .alone = true

/* clang-format off */
static const path_case cases[] = {
    /* building */
    {"root", "leaf-root", OK},
    {"root", "leaf int", OK},
    {"stranger root root-384", "leaf int", OK},
    {"root", "leaf int root", OK},
    {"root", "leaf root int", OK},
    {"root", "leaf stranger int2 int3 root circle-a int leaf", OK},
    {"root", "by-int3 int3 int2 int", OK},
    {"root", "by-int3 int2 int int3", OK},
    {"root", "leaf", UNKNOWN},
    {"stranger", "leaf int", UNKNOWN, .at = 1},
    {"stranger", "leaf int root", UNKNOWN, .at = 2},
    {"", "leaf int root", UNKNOWN, .at = 2},
    {"int", "leaf", OK}, /* an anchor need not be self-signed */
    {"int", "leaf int root", OK},
    {"int2", "by-int3 int int3", OK},
    {"stranger", "leaf int root-cross", OK},
    {"stranger", "leaf root-cross int", OK},
    {"stranger", "leaf int root root-cross", OK, ALONE}, /* OpenSSL does not go back and try the other */
    {"stranger", "leaf int root-cross-short root-cross", OK, .day = 20}, /* the first way has expired */
    {"stranger root", "leaf int root-cross-short", OK, .day = 20},
    {"stranger", "leaf int root-cross-short", OLD, .at = 2, .day = 20},
    {"stranger", "by-circle circle-a circle-b", UNKNOWN, .at = 2}, /* ends, and blames where it went round */
    {"stranger", "by-circle circle-b circle-a circle-b circle-a", UNKNOWN, .at = 1},
    {"root-roll", "by-roll root-roll-new", OK},
    {"root-roll", "by-roll root-roll-new", OK, .depth = 1, ALONE}, /* self-issued ones do not count; they do there */
    {"twin root", "leaf int", OK}, /* a namesake among the anchors */
    {"twin", "leaf int", UNKNOWN, .at = 1},
    {"root", "leaf-namesake namesake", OK},
    {"root", "leaf-namesake int namesake", OK},
    {"root", "leaf-namesake int", UNKNOWN},
    {"root", "leaf-forged int", BAD(SIGNATURE)},
    {"root", "leaf-forged int namesake", OK, ALONE}, /* the second of two that might be; no going back there */
    {"root", "leaf int-odd-id", OK, ALONE}, /* key identifiers are hints; OpenSSL takes them for more */
    {"int-odd-id", "leaf", OK, ALONE},
    /* the peer trusted as it is */
    {"leaf", "leaf", OK},
    {"leaf", "leaf int root", OK},
    {"dev", "dev", OK, .host = "localhost"},
    {"dev", "dev", OK, .host = "::1"},
    {"dev", "dev", BAD(NAME_MISMATCH), .host = "elsewhere.example"},
    {"dev", "dev", OLD, .day = 4000},
    {"dev", "dev", KIND(EXTENDED_KEY_USAGE), .purpose = DOR_PURPOSE_CLIENT},
    {"leaf-critical", "leaf-critical", KIND(CRITICAL_EXTENSION)},
    {"root", "self", BAD(SELFSIGNED)},
    {"", "dev", BAD(SELFSIGNED)},
    {"root", "self int", BAD(SELFSIGNED)},
    /* validity */
    {"root", "leaf int", EARLY, .at = 1, .day = -1}, /* from the top, so the anchor is what fails */
    {"root", "leaf-future int", EARLY},
    {"root", "leaf-future int", OK, .day = 30},
    {"root", "leaf-short int", OLD, .day = 20},
    {"root", "leaf int-short", OLD, .at = 1, .day = 20},
    {"root", "leaf int-short int", OK, .day = 20},
    {"root", "leaf int", OLD, .at = 1, .day = 4000},
    {"root", "leaf-short", UNKNOWN, .day = 20}, /* the chain comes first */
    /* who may issue */
    {"root", "by-not int-not", BAD(NOT_CA), .at = 1},
    {"root", "by-none int-none", BAD(NOT_CA), .at = 1},
    {"root", "by-v1 int-v1", BAD(NOT_CA), .at = 1},
    {"root-v1", "by-root-v1", OK},
    {"root-plain", "by-root-plain", BAD(NOT_CA)},
    {"root", "by-no-sign int-no-sign", BAD(KEY_USAGE), .at = 1},
    {"int-no-sign", "by-no-sign", BAD(KEY_USAGE)},
    {"root", "by-bare int-bare", OK}, /* no keyUsage at all */
    {"root", "by-pathlen0 int-pathlen0", OK},
    {"root", "by-under int-under int-pathlen0", BAD(PATH_LENGTH), .at = 2},
    {"int-pathlen0", "by-under int-under", BAD(PATH_LENGTH), .at = 1}, /* an anchor's limit too */
    {"root", "by-int3 int3 int2 int", OK, .depth = 4},
    {"root", "by-int3 int3 int2 int", BAD(PATH_LENGTH), .at = 3, .depth = 3},
    {"root", "leaf int", BAD(PATH_LENGTH), .at = 1, .depth = 1},
    {"root", "leaf-root", OK, .depth = 1},
    {"leaf", "leaf", OK, .depth = 1},
    /* uses */
    {"root", "leaf int", OK, .purpose = DOR_PURPOSE_CLIENT},
    {"root", "leaf-bare int", OK},
    {"root", "leaf-code int", KIND(EXTENDED_KEY_USAGE)},
    {"root", "leaf-server int", OK},
    {"root", "leaf-server int", KIND(EXTENDED_KEY_USAGE), .purpose = DOR_PURPOSE_CLIENT},
    {"root", "leaf-client int", OK, .purpose = DOR_PURPOSE_CLIENT},
    {"root", "leaf-client int", KIND(EXTENDED_KEY_USAGE)},
    {"root", "leaf-any int", OK, ALONE}, /* OpenSSL wants the very purpose in the peer's own */
    {"root", "by-client int-client", KIND(EXTENDED_KEY_USAGE), .at = 1},
    {"root", "by-client int-client", OK, .purpose = DOR_PURPOSE_CLIENT},
    {"root", "by-any int-any", OK, ALONE}, /* likewise in an authority's */
    {"root", "leaf-encrypts int", KIND(KEY_USAGE), ALONE}, /* good for static RSA, which OpenSSL may do */
    {"root", "leaf-encrypts int", OK, .deciphers = true},
    {"root", "leaf int", KIND(KEY_USAGE), .deciphers = true, ALONE},
    /* extensions that are not understood */
    {"root", "leaf-critical int", KIND(CRITICAL_EXTENSION)},
    {"root", "leaf-odd int", OK},
    {"root", "by-critical int-critical", KIND(CRITICAL_EXTENSION), .at = 1},
    {"root", "by-names int-names", KIND(CRITICAL_EXTENSION), .at = 1, ALONE}, /* OpenSSL has name constraints */
    {"root", "by-names-soft int-names-soft", KIND(CRITICAL_EXTENSION), .at = 1, ALONE},
    {"root", "by-policies int-policies", OK},
    {"root", "by-needs-policy int-needs-policy", KIND(CRITICAL_EXTENSION), .at = 1, ALONE}, /* asked to, OpenSSL checks */
    /* names */
    {"root", "leaf int", OK, .host = "host.example"},
    {"root", "leaf int", OK, .host = "HOST.example"},
    {"root", "leaf int", OK, .host = "one.wild.example"},
    {"root", "leaf int", OK, .host = "192.0.2.7"},
    {"root", "leaf int", OK, .host = "2001:DB8:0::7"},
    {"root", "leaf int", BAD(NAME_MISMATCH), .host = "leaf"},
    {"root", "leaf int", BAD(NAME_MISMATCH), .host = "two.one.wild.example"},
    {"root", "leaf int", BAD(NAME_MISMATCH), .host = "wild.example"},
    {"root", "leaf int", BAD(NAME_MISMATCH), .host = "192.0.2.8"},
    /* algorithms */
    {"root", "sig-sha1", BAD(WEAK), ALONE}, /* OpenSSL's level 0 takes SHA-1 */
    {"root", "sig-ecdsa-384", OK},
    {"root", "sig-ecdsa-512", OK},
    {"root-384", "sig-p384", OK},
    {"root-384", "sig-p384-256", OK},
    {"root-ed", "sig-ed", OK},
    {"root-rsa", "sig-rsa-256", OK},
    {"root-rsa", "sig-rsa-384", OK},
    {"root-rsa", "sig-rsa-512", OK},
    {"root-rsa", "sig-rsa-224", KIND(UNSUPPORTED), ALONE},
    {"root-rsa", "sig-rsa-sha1", BAD(WEAK), ALONE},
    {"root-rsa", "sig-pss-256", OK},
    {"root-rsa", "sig-pss-384", OK},
    {"root-rsa", "sig-pss-512", OK},
    {"root-rsa", "sig-pss-salt-20", KIND(UNSUPPORTED), ALONE}, /* no scheme of TLS has this salt */
    {"root-rsa", "sig-pss-salt-10", KIND(UNSUPPORTED), ALONE},
    {"root-rsa", "sig-pss-mask", KIND(UNSUPPORTED), ALONE}, /* nor two hashes */
    {"root-rsa", "sig-pss-sha1", BAD(WEAK), ALONE},
    {"root-pss", "sig-pss-pss", OK},
    {"root-weak", "sig-weak", BAD(WEAK), ALONE}, /* RSA of 1024 bits */
    {"root-ed448", "sig-ed448", OK},
    {"root-p521", "leaf-p521", OK},
    {"root", "leaf-v1 int", OK}, /* a peer of version 1 cannot say what it is for */
};
/* clang-format on */

enum { CASE_COUNT = sizeof(cases) / sizeof(cases[0]), MAX_SENT = 40 };

/* The time after the certificates were made, which takes some. */
static int64_t now_with_pki(void)
{
    (void)pki_dir();
    return (int64_t)time(NULL);
}

static dor_result validate(const path_case *c, int64_t now, dor_path_result *result)
{
    dor_certificate *certs[MAX_SENT];
    size_t count = pki_certs(c->sent, certs, MAX_SENT);
    dor_trust_store *trust = pki_trust(c->trust);
    dor_path_params params = {
        .trust = trust,
        .now = now + (int64_t)c->day * DAY,
        .purpose = c->purpose,
        .deciphers = c->deciphers,
        .depth = (uint8_t)(c->depth ? c->depth - 1 : 10),
        .host = c->host ? dor__span_str(c->host) : DOR_SPAN_EMPTY,
    };
    dor_result r = dor__path_validate(&params, certs, count, result);
    cr_assert(dor__failed(r) == (result->anchor == NULL));
    for (size_t i = 0; i < count; i++)
        dor__certificate_unref(certs[i]);
    dor__trust_store_unref(trust);
    return r;
}

Test(x509_path, verdicts)
{
    int64_t now = now_with_pki();
    for (size_t i = 0; i < CASE_COUNT; i++) {
        const path_case *c = &cases[i];
        dor_path_result result;
        int code = validate(c, now, &result).code;
        int alert = code == 0 ? 0 : dor_error_get_alert(code);
        char text[200];
        cr_expect(dor_error_get_reason(code) == c->reason && alert == c->alert &&
                      result.failed_index == c->at,
                  "%s | %s | %s, day %d, depth %d: reason %d (wanted %d), alert %d (%d), at %zu (%zu): %s",
                  c->trust, c->sent, c->host ? c->host : "-", c->day, c->depth - 1,
                  dor_error_get_reason(code), c->reason, alert, c->alert, result.failed_index, c->at,
                  dor_format_error(code, text, sizeof(text)));
    }
}

/* Appends " option NAME.pem" for each word of names. */
static void add_files(char *command, size_t cap, const char *option, const char *names)
{
    char *copy = strdup(names), *state = NULL;
    for (char *name = strtok_r(copy, " ", &state); name; name = strtok_r(NULL, " ", &state)) {
        size_t len = strlen(command);
        snprintf(command + len, cap - len, " %s %s.pem", option, name);
    }
    free(copy);
}

static bool openssl_accepts(const path_case *c, int64_t now)
{
    char command[4096], peer[64];
    size_t peer_len = strcspn(c->sent, " ");
    snprintf(peer, sizeof(peer), "%.*s", (int)peer_len, c->sent);
    snprintf(command, sizeof(command),
             "cd '%s' && openssl verify -no-CAfile -no-CApath -no-CAstore -partial_chain -attime %lld "
             "-verify_depth %d -purpose %s %s%s",
             pki_dir(), (long long)(now + (int64_t)c->day * DAY), c->depth ? c->depth - 1 : 10,
             c->purpose == DOR_PURPOSE_SERVER ? "sslserver" : "sslclient",
             !c->host                                   ? ""
             : strpbrk(c->host, ":") || *c->host == '1' ? "-verify_ip "
                                                        : "-verify_hostname ",
             c->host ? c->host : "");
    add_files(command, sizeof(command), "-trusted", c->trust);
    add_files(command, sizeof(command), "-untrusted", c->sent + peer_len);
    add_files(command, sizeof(command), "", peer);
    strncat(command, " >/dev/null 2>&1", sizeof(command) - strlen(command) - 1);
    return system(command) == 0;
}

Test(x509_path, openssl_agrees)
{
    int64_t now = now_with_pki();
    for (size_t i = 0; i < CASE_COUNT; i++) {
        const path_case *c = &cases[i];
        bool accepts = openssl_accepts(c, now), wanted = c->reason == 0;
        if (!c->alone)
            cr_expect(accepts == wanted, "%s | %s | %s, day %d, depth %d: openssl says %s", c->trust, c->sent,
                      c->host ? c->host : "-", c->day, c->depth - 1, accepts ? "valid" : "not valid");
    }
}

Test(x509_path, arguments_and_limits)
{
    dor_certificate *certs[DOR_PATH_MAX_CERTS + 1];
    dor_trust_store *trust = pki_trust("root");
    dor_path_params params = {.trust = trust, .now = (int64_t)time(NULL), .depth = 10};
    dor_path_result result;
    certs[0] = pki_cert("leaf");
    certs[DOR_PATH_MAX_CERTS] = pki_cert("int");
    for (size_t i = 1; i < DOR_PATH_MAX_CERTS; i++)
        certs[i] = dor__certificate_ref(certs[DOR_PATH_MAX_CERTS]);

    cr_expect(dor__path_validate(&params, certs, 0, &result).code == DOR_E_BADARG);
    cr_expect(
        dor_error_get_reason(dor__path_validate(&params, certs, DOR_PATH_MAX_CERTS + 1, &result).code) ==
        DOR_REASON_CERT_CHAIN_TOO_LONG);
    cr_expect(dor__ok(dor__path_validate(&params, certs, DOR_PATH_MAX_CERTS, &result)));
    cr_expect(result.anchor == dor__trust_store_at(trust, 0));
    params.trust = NULL;
    cr_expect(dor_error_get_reason(dor__path_validate(&params, certs, 2, &result).code) ==
              DOR_REASON_CERT_UNKNOWN_CA);

    for (size_t i = 0; i <= DOR_PATH_MAX_CERTS; i++)
        dor__certificate_unref(certs[i]);
    dor__trust_store_unref(trust);
}
