/* Every option's good and bad values, through JSON and through the setters: one table, one set of errors. */
#include "options_table.h"

#include <criterion/criterion.h>

#include <dormouse/options.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
    const char *name;
    const char *good[5]; /* JSON values */
    const char *bad[8];
} row;

/* clang-format off */
static const row rows[] = {
    {"active", {"true", "false", "\"once\"", "1", "32767"}, {"0", "32768", "\"twice\"", "-1", "[]", "1.5"}},
    {"packet", {"0", "\"raw\"", "4", "\"httph_bin\"", "\"2\""}, {"3", "\"five\"", "true", "5", "null", "{}"}},
    {"packet_size", {"0", "65536", "4294967295"}, {"-1", "4294967296", "\"big\"", "false"}},
    {"mode", {"\"binary\"", "\"list\""}, {"\"text\"", "1"}},
    {"header", {"0", "65535"}, {"-1", "65536", "\"0\"", "true"}},
    {"line_delimiter", {"0", "10", "255"}, {"-1", "256", "\"\\n\"", "null"}},
    {"exit_on_close", {"true", "false", "\"false\""}, {"0", "\"no\"", "null"}},
    {"cert", {"\"MAA=\"", "[\"MAA=\", \"MAA=\"]"}, {"\"$$\"", "1", "\"\"", "[1]", "[]", "[\"MA\"]"}},
    {"certfile", {"\"a.pem\""}, {"1", "true", "[\"a\"]", "\"\""}},
    {"key", {"\"MAA=\""}, {"\"$$\"", "1", "\"\""}},
    {"keyfile", {"\"a.pem\""}, {"1", "\"\""}},
    {"password", {"\"secret\""}, {"1", "\"\""}},
    {"signer", {NULL}, {"\"sign\"", "true", "1"}},
    {"sign_off_loop", {"true", "false"}, {"1", "\"yes\""}},
    {"verify", {"\"verify_peer\"", "\"verify_none\""}, {"\"peer\"", "true", "0"}},
    {"verify_host", {"true", "false"}, {"1", "\"host\""}},
    {"fail_if_no_peer_cert", {"true", "false"}, {"1", "\"yes\""}},
    {"depth", {"0", "255"}, {"-1", "256", "\"1\""}},
    {"cacerts", {"\"MAA=\"", "[\"MAA=\", \"MAA=\"]"}, {"\"*\"", "[]", "1"}},
    {"cacertfile", {"\"ca.pem\""}, {"[]", "\"\""}},
    {"versions", {"[\"tlsv1.3\"]", "[\"tlsv1.2\", \"tlsv1.3\"]", "\"tlsv1.2,tlsv1.3\""},
        {"[]", "[\"tlsv1.4\"]", "[1]", "1", "\"\"", "[\"TLSv13\"]"}},
    {"ciphers", {"[\"TLS_AES_128_GCM_SHA256\"]", "\"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256\"",
                 "[\"unknown\", \"TLS_CHACHA20_POLY1305_SHA256\"]"}, {"[\"unknown\"]", "\"\"", "[]", "7"}},
    {"supported_groups", {"[\"x25519\", \"secp256r1\"]", "\"P-256:X25519\""}, {"[\"x25518\"]", "[]", "29"}},
    {"key_shares", {"[\"x25519\", \"P-384\"]", "\"x25519\""},
     {"[\"x25518\"]", "[]", "29", "[\"x25519\", \"P-256\", \"P-384\", \"P-521\", \"x25519\"]"}},
    {"signature_algs", {"[\"ed25519\", \"rsa_pss_rsae_sha256\"]", "[\"eddsa_ed25519\"]"}, {"[\"rsa\"]", "[]", "1027"}},
    {"honor_cipher_order", {"true", "false"}, {"\"server\"", "1"}},
    {"alpn_advertised_protocols", {"[\"h2\", \"http/1.1\"]", "\"h2,http/1.1\""}, {"[\"\"]", "[]", "[null]"}},
    {"alpn_preferred_protocols", {"[\"h2\"]"}, {"[\"\"]", "[]", "true"}},
    {"server_name_indication", {"\"example.org\"", "\"disable\"", "\"_x.example\""}, {"\"a b\"", "1", "\"\"", "\"a/b\""}},
    {"middlebox_comp_mode", {"true", "false"}, {"1"}},
    {"exporters", {"true", "false"}, {"1", "\"yes\""}},
    {"key_log", {NULL}, {"\"x\"", "true", "1"}},
    {"keylogfile", {"\"keys.log\""}, {"1", "\"\"", "true"}},
    {"keylog_environment", {"true", "false"}, {"1", "\"x\""}},
    {"keep_secrets", {"true", "false"}, {"1", "\"debug\""}},
    {"psks", {NULL}, {"\"a:00\"", "true", "1"}},
    {"pskfile", {"\"keys.psk\""}, {"1", "\"\"", "true"}},
    {"user_lookup_fun", {NULL}, {"\"x\"", "true", "1"}},
    {"psk_modes", {"[\"psk_dhe_ke\"]", "\"psk_ke,psk_dhe_ke\""}, {"[]", "[\"psk\"]", "1", "\"\""}},
    {"psk_reflection", {"true", "false"}, {"1", "\"yes\""}},
    {"psk_fallback", {"true", "false"}, {"1", "\"yes\""}},
    {"sni_hosts", {"{}", "{\"a.example\": {\"depth\": 3}, \"*.b.example\": {}}"},
        {"\"a\"", "true", "1", "[]", "{\"a b\": {}}", "{\"a\": 1}"}},
    {"sni_fun", {NULL}, {"\"a\"", "true", "1"}},
    {"handshake", {"\"full\"", "\"hello\""}, {"\"half\"", "true"}},
    {"reuse_sessions", {"true", "false", "\"save\"", "\"true\""}, {"\"never\"", "1"}},
    {"reuse_session", {NULL}, {"\"id\"", "true", "1"}},
    {"session_tickets", {"\"disabled\"", "\"manual\"", "\"auto\"", "\"stateless\"", "\"stateful_with_cert\""}, {"\"on\"", "true"}},
    {"early_data", {"\"enabled\"", "\"disabled\""}, {"\"on\"", "true", "1"}},
    {"max_early_data", {"1", "1048576"}, {"0", "1048577"}},
    {"anti_replay", {"\"10k\"", "\"100k\""}, {"\"1k\"", "true", "10000"}},
    {"resume_without_ems", {"true", "false"}, {"1", "\"yes\""}},
    {"ticket_count", {"0", "16"}, {"17", "-1"}},
    {"session_lifetime", {"1", "604800"}, {"0", "604801"}},
    {"max_sessions", {"1", "20000"}, {"0", "\"all\""}},
    {"max_session_bytes", {"4096", "1099511627776"}, {"4095", "true"}},
    {"ocsp_response", {"\"MA==\""}, {"\"?\"", "true", "1"}},
    {"ocsp_responsefile", {"\"a.ocsp\""}, {"true", "1"}},
    {"sct_list", {"\"AAMAAWE=\""}, {"\"?\"", "true", "1"}},
    {"sct_listfile", {"\"a.sct\""}, {"true", "1"}},
    {"certificate_authorities", {"true", "false"}, {"1", "\"yes\"", "[]"}},
    {"require_own_cert", {"true", "false"}, {"1", "\"yes\""}},
    {"request_ocsp", {"true", "false"}, {"1", "\"staple\""}},
    {"request_sct", {"true", "false"}, {"1", "\"yes\""}},
    {"certificate_compression", {"[\"zlib\", \"brotli\"]", "\"brotli\""}, {"[]", "[\"zstd\"]", "[\"zlib\", \"zlib\"]", "1", "true"}},
    {"grease", {"true", "false"}, {"1", "\"yes\""}},
    {"ech_grease", {"true", "false"}, {"1", "\"yes\""}},
    {"max_fragment_length", {"512", "1024", "2048", "4096", "\"undefined\""}, {"511", "513", "1000", "4097", "8192", "true"}},
    {"record_size_limit", {"64", "16385"}, {"63", "16386", "true"}},
    {"max_send_fragment", {"64", "16384"}, {"63", "16385", "true"}},
    {"record_padding", {"0", "16384"}, {"-1", "16385", "true"}},
    {"certs_keys", {"[{\"certfile\": \"a.pem\"}]", "[{\"certfile\": \"a\", \"keyfile\": \"b\", \"password\": \"c\"}]",
                    "[{\"cert\": \"MA==\", \"key\": \"MA==\"}]", "[{\"cert\": \"MA==\", \"keyfile\": \"a\"}, {\"certfile\": \"b\"}]",
                    "[{\"certfile\": \"a\", \"only_for_issuers\": true}]"},
        {"\"a.pem\"", "true", "[\"a.pem\"]", "[{}]", "[{\"keyfile\": \"a\"}]", "[{\"cert\": \"MA==\"}]", "[{\"certfile\": \"a\", \"only_for_issuers\": \"yes\"}]",
            "[{\"certfile\": \"a\", \"only_for_issuers\": 1}]"}},
    {"reload_certificates", {"0", "60000"}, {"-1", "true"}},
    {"session_cb", {NULL}, {"\"redis\"", "true", "1"}},
    {"session_cache", {NULL}, {"\"shared\"", "true", "1"}},
    {"ticket_keys", {"\"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\"",
                     "[\"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\", "
                     "\"MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\"]"},
        {"\"MA==\"", "1", "[]", "\"\"",
         "[\"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\", "
         "\"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\"]"}},
    {"ticket_key_period", {"60", "31536000"}, {"59", "\"day\""}},
    {"ticket_key_overlap", {"0", "31536000"}, {"-1", "true"}},
    {"hibernate_after", {"0", "5000", "\"undefined\"", "\"off\"", "4294967294"}, {"-1", "4294967295", "\"soon\"", "true"}},
    {"handshake_timeout", {"1", "60000"}, {"0", "\"undefined\""}},
    {"linger", {"0", "5000"}, {"-1", "true"}},
    {"high_watermark", {"1", "1073741824"}, {"0", "1073741825"}},
    {"low_watermark", {"0", "1000"}, {"-1"}},
    {"receive_high_watermark", {"1"}, {"0"}},
    {"receive_low_watermark", {"0"}, {"-1", "\"x\""}},
    {"max_connections", {"0", "4294967295"}, {"-1", "4294967296"}},
    {"max_handshakes", {"0", "4294967295"}, {"-1", "4294967296"}},
    {"acceptors", {"0", "64"}, {"-1", "65", "true"}},
    {"accept_budget", {"1", "65535"}, {"0", "65536"}},
    {"accept_rate", {"0", "1000000"}, {"-1", "1000001"}},
    {"accept_burst", {"0", "1000000"}, {"-1", "1000001"}},
    {"max_handshake_size", {"1024"}, {"1023"}},
    {"max_handshake_memory", {"32768"}, {"1"}},
    {"max_certificates", {"1", "32"}, {"0", "33"}},
    {"max_key_updates", {"1"}, {"0", "65536"}},
    {"key_update_at", {"1", "388736063997"}, {"0", "-1"}},
    {"renegotiation", {"true", "false"}, {"1"}},
    {"client_renegotiation", {"true", "false"}, {"1"}},
    {"secure_renegotiate", {"true"}, {"1"}},
    {"renegotiate_at", {"1", "388736063997"}, {"0", "-1"}},
    {"post_handshake_auth", {"true", "false"}, {"1"}},
    {"max_empty_records", {"1"}, {"0", "65536"}},
    {"max_warning_alerts", {"1"}, {"0", "65536"}},
    {"ip", {"\"127.0.0.1\"", "\"::1\"", "\"fe80::1%eth0\"", "\"unix:/run/x.sock\""}, {"\"localhost\"", "\"unix:\"", "1", "\"1.2.3\"", "\"::1%\""}},
    {"ifaddr", {"\"127.0.0.1\"", "\"::1\""}, {"\"localhost\"", "\"\"", "1"}},
    {"port", {"0", "65535"}, {"-1", "65536", "\"http\""}},
    {"bind_to_device", {"\"lo\"", "\"fifteen-letters\""}, {"\"sixteen-letters-\"", "\"\"", "1"}},
    {"connection_attempt_delay", {"10", "250", "2000"}, {"9", "2001", "true"}},
    {"unix_mode", {"\"0600\"", "\"777\"", "\"0\""}, {"\"0800\"", "\"1777\"", "600", "\"rw\""}},
    {"ipv6_v6only", {"true", "false"}, {"1", "\"yes\""}},
    {"backlog", {"1", "65535"}, {"0", "65536"}},
    {"reuseaddr", {"true"}, {"1"}},
    {"reuseport", {"true"}, {"1"}},
    {"nodelay", {"false"}, {"0"}},
    {"keepalive", {"true"}, {"\"on\""}},
    {"sndbuf", {"0", "65536"}, {"-1"}},
    {"recbuf", {"0", "65536"}, {"-1"}},
    {"keepidle", {"1", "32767"}, {"0", "32768", "true"}},
    {"keepintvl", {"1"}, {"0", "32768"}},
    {"keepcnt", {"1", "127"}, {"0", "128"}},
    {"user_timeout", {"0", "2147483647"}, {"-1", "2147483648"}},
    {"priority", {"0", "6"}, {"-1"}},
    {"tos", {"0", "255"}, {"-1", "256"}},
    {"tclass", {"0", "255"}, {"-1", "256"}},
    {"ttl", {"1", "255"}, {"0", "256"}},
    {"send_timeout", {"0", "500", "\"infinity\""}, {"-1", "\"never\"", "true"}},
    {"send_timeout_close", {"true"}, {"1"}},
    {"raw",
     {"[{\"level\": 6, \"option\": 4, \"value\": 1}]", "[{\"level\": -1, \"option\": 0, \"value\": \"AAAA\"}]"},
     {"\"x\"", "[1]", "[{\"level\": 6, \"option\": 4}]",
      "[{\"level\": 6, \"option\": 4, \"value\": 4294967296}]",
      "[{\"level\": 6, \"option\": 4, \"value\": \"*\"}]",
      "[{\"level\": 6, \"option\": 4, \"value\": 1, \"more\": 1}]"}},
    {"cb_info", {"\"tcp\"", "\"memory\""}, {"\"udp\"", "1", "\"\""}},
    {"proxy_protocol", {"\"disabled\"", "\"require\"", "\"v1\"", "\"v2\""}, {"\"v3\"", "true", "\"\"", "1"}},
    {"proxy_trust", {"[\"192.0.2.1\", \"10.0.0.0/8\", \"2001:db8::/32\", \"::/0\", \"unix:\"]"},
        {"[]", "[\"192.0.2.1/24\"]", "[\"10.0.0.0/33\"]", "[\"10.0.0.0/\"]", "[\"host\"]", "[\"1.2.3.4/8x\"]"}},
    {"proxy_max_header", {"256", "65551"}, {"255", "65552"}},
    {"proxy_header", {NULL}, {"\"v2\"", "true", "1"}},
    {"log_alert", {"true", "false"}, {"1"}},
};
/* clang-format on */

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int read_json(const char *name, const char *value, dor_options **options, char *error, size_t cap)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "{\"%s\": %s}", name, value);
    return dor_options_from_json(text, (size_t)len, options, error, cap);
}

Test(options_values, every_option_has_a_row_and_a_line_about_it)
{
    const char *name, *about;
    size_t count = 0;
    for (; (name = dor_options_describe(count, &about)); count++) {
        size_t i = 0;
        while (i < ROWS && strcmp(rows[i].name, name) != 0)
            i++;
        cr_expect(i < ROWS, "%s is not in this test's table", name);
        cr_expect(strlen(about) > 10, "%s", name);
    }
    cr_expect_eq(count, ROWS);
    cr_expect_null(dor_options_describe((size_t)-1, &about));
    cr_expect_not_null(dor_options_describe(0, NULL));
}

Test(options_values, good_values_are_taken)
{
    char error[1024];
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < 5 && rows[i].good[j]; j++) {
            dor_options *options = NULL;
            int code = read_json(rows[i].name, rows[i].good[j], &options, error, sizeof(error));
            cr_expect_eq(code, DOR_OK, "%s: %s: %s", rows[i].name, rows[i].good[j], error);
            dor_options_free(options);
        }
}

Test(options_values, bad_values_are_refused_by_name)
{
    char error[1024];
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < 8 && rows[i].bad[j]; j++) {
            dor_options *options = (dor_options *)&error;
            int code = read_json(rows[i].name, rows[i].bad[j], &options, error, sizeof(error));
            cr_expect_eq(code, DOR_E_OPTION_TYPE, "%s: %s gave %d", rows[i].name, rows[i].bad[j], code);
            cr_expect(strstr(error, rows[i].name), "%s: %s: %s", rows[i].name, rows[i].bad[j], error);
            cr_expect_eq((void *)options, (void *)&error, "an out-parameter is only written on success");
        }
}

Test(options_values, what_was_given_and_what_is_wanted)
{
    dor_options *o = dor_options_new();
    cr_expect_eq(dor_options_set_int(o, "depth", 300), DOR_E_OPTION_TYPE);
    cr_expect_str_eq(dor_options_error(o), "option depth: given 300, wanted an integer from 0 to 255");
    cr_expect_eq(dor_options_set_text(o, "verify", "peer"), DOR_E_OPTION_TYPE);
    cr_expect_str_eq(dor_options_error(o),
                     "option verify: given the text \"peer\", wanted \"verify_peer\", \"verify_none\"");
    cr_expect_eq(dor_options_set_bool(o, "linger", 1), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_set_text(o, "linger", "5"), DOR_E_OPTION_TYPE, "a text is no number");
    cr_expect_eq(dor_options_set_bytes(o, "certfile", "x", 1), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_set_bytes(o, "cert", NULL, 0), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_set_list(o, "certfile", "x", NULL), DOR_E_OPTION_TYPE);
    dor_options_free(o);
}

Test(options_values, known_but_not_there_yet)
{
    static const char *const later[] = {"verify_fun",
                                        "crl_check",
                                        "crl_cache",
                                        "dh",
                                        "dhfile",
                                        "psk_identity",
                                        "srp_identity",
                                        "use_srtp",
                                        "partial_chain",
                                        "padding_check",
                                        "fallback",
                                        "next_protocols_advertised",
                                        "client_preferred_next_protocols"};
    dor_options *o = dor_options_new();
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        char sentence[128];
        snprintf(sentence, sizeof(sentence), "option %s is not supported yet", later[i]);
        cr_expect_eq(dor_options_set_bool(o, later[i], 1), DOR_E_NOT_SUPPORTED, "%s", later[i]);
        cr_expect_str_eq(dor_options_error(o), sentence);
    }
    cr_expect_eq(dor_options_set_list(o, "versions", "tlsv1.2", "tlsv1.1", NULL), DOR_E_NOT_SUPPORTED);
    cr_expect_str_eq(dor_options_error(o), "option versions: version tlsv1.1 is not supported yet");
    dor_options_free(o);
}

Test(options_values, unknown_names_get_a_suggestion)
{
    dor_options *o = dor_options_new();
    cr_expect_eq(dor_options_set_int(o, "hibernate_afer", 1), DOR_E_OPTION_UNKNOWN);
    cr_expect_str_eq(dor_options_error(o),
                     "no option is called \"hibernate_afer\"; did you mean \"hibernate_after\"?");
    cr_expect_eq(dor_options_set_int(o, "colour", 1), DOR_E_OPTION_UNKNOWN);
    cr_expect_str_eq(dor_options_error(o), "no option is called \"colour\"");
    char name[3000];
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    cr_expect_eq(dor_options_set_text(o, name, "1"), DOR_E_OPTION_UNKNOWN);
    cr_expect_eq(dor_options_set_text(o, "", "1"), DOR_E_OPTION_UNKNOWN);
    cr_expect_eq(dor_options_unset(o, "colour"), DOR_E_OPTION_UNKNOWN);
    dor_options_free(o);
}

Test(options_values, a_failed_setter_changes_nothing)
{
    char text[64];
    int64_t number;
    dor_options *o = dor_options_new();
    cr_expect_eq(dor_options_set_list(o, "versions", "tlsv1.3", NULL), DOR_OK);
    cr_expect_eq(dor_options_set_list(o, "versions", "tlsv1.2", "bad", NULL), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_get_text(o, "versions", text, sizeof(text)), DOR_OK);
    cr_expect_str_eq(text, "tlsv1.3");
    cr_expect_eq(dor_options_set_int(o, "depth", 3), DOR_OK);
    cr_expect_eq(dor_options_set_int(o, "depth", -3), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_get_int(o, "depth", &number), DOR_OK);
    cr_expect_eq(number, 3);
    dor_options_free(o);
}

Test(options_values, getters)
{
    char text[64];
    int64_t number = 7;
    dor_options *o = dor_options_new();
    cr_expect_eq(dor_options_get_int(o, "depth", &number), DOR_E_OPTION_UNKNOWN);
    cr_expect_eq(dor_options_get_int(o, "nonsense", &number), DOR_E_OPTION_UNKNOWN);
    cr_expect_eq(number, 7);
    cr_expect_eq(dor_options_set_bool(o, "nodelay", 2), DOR_OK);
    cr_expect_eq(dor_options_get_int(o, "nodelay", &number), DOR_OK);
    cr_expect_eq(number, 1);
    cr_expect_eq(dor_options_get_text(o, "nodelay", text, sizeof(text)), DOR_OK);
    cr_expect_str_eq(text, "true");
    cr_expect_eq(dor_options_set_int(o, "linger", 250), DOR_OK);
    cr_expect_eq(dor_options_get_text(o, "linger", text, sizeof(text)), DOR_OK);
    cr_expect_str_eq(text, "250");
    cr_expect_eq(dor_options_set_list(o, "alpn_preferred_protocols", "h2", "http/1.1", NULL), DOR_OK);
    cr_expect_eq(dor_options_get_text(o, "alpn_preferred_protocols", text, sizeof(text)), DOR_OK);
    cr_expect_str_eq(text, "h2,http/1.1");
    strcpy(text, "untouched");
    cr_expect_eq(dor_options_get_text(o, "alpn_preferred_protocols", text, 11), DOR_E_TOO_BIG);
    cr_expect_str_eq(text, "untouched");
    cr_expect_eq(dor_options_get_text(o, "alpn_preferred_protocols", text, 12), DOR_OK);
    cr_expect_eq(dor_options_get_int(o, "alpn_preferred_protocols", &number), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_set_bytes(o, "cert", "\x30", 1), DOR_OK);
    cr_expect_eq(dor_options_get_text(o, "cert", text, sizeof(text)), DOR_E_OPTION_TYPE);
    cr_expect_eq(dor_options_unset(o, "linger"), DOR_OK);
    cr_expect_eq(dor_options_get_int(o, "linger", &number), DOR_E_OPTION_UNKNOWN);
    dor_options_free(o);
}

Test(options_values, null_arguments_are_refused)
{
    char text[8];
    int64_t number;
    dor_options *o = dor_options_new();
    cr_expect_eq(dor_options_set_text(NULL, "ip", "x"), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_text(o, NULL, "x"), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_text(o, "ip", NULL), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_int(NULL, "depth", 1), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_bool(o, NULL, 1), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_array(o, "versions", NULL, 2), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_array(o, "versions", (const char *const[]){"tlsv1.3", NULL}, 2),
                 DOR_E_BADARG);
    cr_expect_eq(dor_options_set_bytes(o, "cert", NULL, 3), DOR_E_BADARG);
    cr_expect_eq(dor_options_get_text(o, "ip", NULL, 3), DOR_E_BADARG);
    cr_expect_eq(dor_options_get_text(o, "ip", text, 0), DOR_E_BADARG);
    cr_expect_eq(dor_options_get_int(NULL, "depth", &number), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_session(NULL, NULL), DOR_E_BADARG);
    cr_expect_eq(dor_options_set_session(o, NULL), DOR_OK);
    cr_expect_not_null(dor_options_error(NULL));
    dor_options_free(o);
    dor_options_free(NULL);
}

/* The column "for", the fourth one: what the table says. */
static void check_whom(const char *name, const char *line)
{
    const dor_option *option = dor__option_find(name);
    bool listeners = option->scope & DOR_SCOPE_LISTENER;
    char wanted[8] = "", cell[16];
    if (option->scope & DOR_SCOPE_CLIENT) strcat(wanted, " c");
    if (option->scope & DOR_SCOPE_SERVER) strcat(wanted, listeners ? " l" : " s");
    if (option->scope & DOR_SCOPE_OPEN) strcat(wanted, " o");
    cr_expect(!listeners || (option->scope & DOR_SCOPE_SERVER), "%s: a listener is a server", name);
    snprintf(cell, sizeof(cell), "|%s |", wanted);
    for (int i = 0; i < 4 && line; i++)
        line = strchr(line + 1, '|');
    cr_expect(line && strncmp(line, cell, strlen(cell)) == 0, "docs/options.md, option %s: it is for%s", name,
              wanted);
}

Test(options_values, the_documentation_lists_every_option)
{
    const char *source = getenv("DORMOUSE_SOURCE");
    char path[4096], *text;
    snprintf(path, sizeof(path), "%s/docs/options.md", source ? source : ".");
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text = calloc(1, 1 << 20);
    cr_assert(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    const char *name;
    for (size_t i = 0; (name = dor_options_describe(i, NULL)); i++) {
        char cell[80];
        snprintf(cell, sizeof(cell), "\n| `%s` |", name);
        const char *line = strstr(text, cell);
        cr_expect(line, "docs/options.md has no row for %s", name);
        if (line) check_whom(name, line);
    }
    free(text);
}
