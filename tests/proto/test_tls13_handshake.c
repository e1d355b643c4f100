/*
 * TLS 1.3 handshakes that succeed, in all their kinds, and those that must end in a certain alert.
 */
#include "support/pki.h"
#include "support/proto_pair.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
static const dor_group groups[] = {DOR_GROUP_X25519, DOR_GROUP_SECP256R1, DOR_GROUP_SECP384R1};
static const struct {
    const char *chain, *key;
    dor_sig_scheme scheme;
} identities[] = {
    {"tls-p256", "c", DOR_SIG_ECDSA_SECP256R1_SHA256}, {"leaf int", "c", DOR_SIG_ECDSA_SECP256R1_SHA256},
    {"tls-p384", "d", DOR_SIG_ECDSA_SECP384R1_SHA384}, {"tls-ed", "ed", DOR_SIG_ED25519},
    {"tls-rsa", "rsa", DOR_SIG_RSA_PSS_RSAE_SHA256},   {"tls-pss", "pss", DOR_SIG_RSA_PSS_PSS_SHA256},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *trouble(const proto_pair *pair)
{
    static char text[512];
    char c[160], s[160];
    snprintf(text, sizeof text, "client: %s; server: %s", dor_format_error(pair->client.result.code, c, sizeof c),
             dor_format_error(pair->server.result.code, s, sizeof s));
    return text;
}

Test(tls13, every_suite_group_and_certificate)
{
    for (size_t s = 0; s < COUNT(suites); s++)
        for (size_t g = 0; g < COUNT(groups); g++)
            for (size_t i = 0; i < COUNT(identities); i++) {
                dor_tls_config *client = proto_client_config("root");
                dor_tls_config *server = proto_server_config(identities[i].chain, identities[i].key, NULL);
                proto_pair pair;
                dor_tls_info info;
                proto_only(client, DOR_TLS_1_3, suites[s], groups[g]);
                proto_pair_init(&pair, client, server, NULL, NULL, 1);
                proto_pair_run(&pair);
                cr_assert(proto_pair_works(&pair), "suite %zu group %zu certificate %s: %s", s, g,
                          identities[i].chain, trouble(&pair));
                dor__tls_get_info(pair.client.tls, &info);
                cr_assert_eq(info.version, DOR_TLS_1_3);
                cr_assert_eq(info.suite->id, suites[s]);
                cr_assert_eq(info.group, groups[g]);
                cr_assert_eq(info.peer_scheme, identities[i].scheme);
                cr_assert_not(info.resumed || info.hello_retry);
                proto_pair_fini(&pair);
                dor__tls_config_unref(client);
                dor__tls_config_unref(server);
            }
}
