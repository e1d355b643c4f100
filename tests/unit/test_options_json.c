/* Options from JSON: errors with places, files with folders, configurations, and text that is cut off anywhere. */
#include "options_table.h"

#include <criterion/criterion.h>

#include <dormouse/options.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int from(const char *text, dor_options **options, char *error, size_t cap)
{
    return dor_options_from_json(text, strlen(text), options, error, cap);
}

static void expect_error(const char *text, int code, const char *sentence)
{
    char error[1024] = "";
    dor_options *options = NULL;
    int got = from(text, &options, error, sizeof(error));
    cr_expect_eq(got, code, "%s: %d", text, got);
    cr_expect(strstr(error, sentence), "%s: said %s", text, error);
    cr_expect_null(options);
}

Test(options_json, errors_say_where_or_which)
{
    expect_error("{\"depth\": 1,\n \"depth\": 2}", DOR_E_JSON_MALFORMED, "line 2, column");
    expect_error("{\"depth\": 1,\n \"depth\": 2}", DOR_E_JSON_MALFORMED, "duplicate");
    expect_error("{\"depth\" 1}", DOR_E_JSON_MALFORMED, "line 1, column 1");
    expect_error("[]", DOR_E_JSON_MALFORMED, "a list");
    expect_error("", DOR_E_JSON_MALFORMED, "line 1");
    expect_error("{} x", DOR_E_JSON_MALFORMED, "line 1");
    expect_error("{\"dept\": 1}", DOR_E_OPTION_UNKNOWN, "did you mean \"depth\"");
    expect_error("{\"verify_fun\": 1}", DOR_E_NOT_SUPPORTED, "option verify_fun is not supported yet");
    expect_error("{\"depth\": 1.0}", DOR_E_OPTION_TYPE,
                 "option depth: given a number with a fraction, wanted an integer");
    expect_error("{\"depth\": null}", DOR_E_OPTION_TYPE, "option depth: given null");
    expect_error("{\"versions\": [\"tlsv1.3\", 2]}", DOR_E_OPTION_TYPE, "number 2 of the list is an integer");
    expect_error("{\"cert\": \"no base64 at all!\"}", DOR_E_OPTION_TYPE,
                 "option cert: the text is not base64");
    expect_error("{\"depth\": 99999999999999999999}", DOR_E_JSON_MALFORMED, "line 1");
    expect_error("{\"certfile\": \"a\\u0000b\"}", DOR_E_JSON_MALFORMED, "line 1");
    expect_error("{\"certfile\": \"\xff\"}", DOR_E_JSON_MALFORMED, "line 1");
}

Test(options_json, null_arguments)
{
    dor_options *options;
    cr_expect_eq(dor_options_from_json(NULL, 0, &options, NULL, 0), DOR_E_BADARG);
    cr_expect_eq(dor_options_from_json("{}", 2, NULL, NULL, 0), DOR_E_BADARG);
    cr_expect_eq(dor_options_from_json("{", 1, &options, NULL, 0), DOR_E_JSON_MALFORMED);
    cr_expect_eq(dor_options_from_file(NULL, &options, NULL, 0), DOR_E_BADARG);
}

/* Long enough to hold every kind of value. */
static const char whole[] =
    "{\"versions\": [\"tlsv1.3\", \"tlsv1.2\"], \"active\": \"once\", \"packet\": 4, \"hibernate_after\": "
    "5000,\n"
    " \"ciphers\": \"TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256\", \"verify_host\": true,\n"
    " \"cacerts\": [\"MAA=\", \"MAA=\"], \"nodelay\": false, \"server_name_indication\": \"example.org\"}";

Test(options_json, cut_off_at_every_byte)
{
    char error[256];
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        /* an allocation of exactly that length, so that a read past its end is seen */
        char *text = malloc(len + 1);
        dor_options *options = NULL;
        memcpy(text, whole, len);
        cr_expect_neq(dor_options_from_json(text, len, &options, error, sizeof(error)), DOR_OK, "%zu", len);
        cr_expect_null(options);
        free(text);
    }
    dor_options *options = NULL;
    cr_expect_eq(from(whole, &options, error, sizeof(error)), DOR_OK, "%s", error);
    dor_options_free(options);
}

Test(options_json, every_byte_changed)
{
    char text[sizeof(whole)], error[256];
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof(whole) - 1; i++)
        for (unsigned change = 1; change < 256; change <<= 1) {
            dor_options *options = NULL;
            memcpy(text, whole, sizeof(whole));
            text[i] = (char)(text[i] ^ change);
            if (dor_options_from_json(text, sizeof(whole) - 1, &options, error, sizeof(error)) == DOR_OK)
                taken++;
            dor_options_free(options);
        }
    cr_expect_gt(taken, 0, "some changes make another valid text");
}

Test(options_json, deep_nesting_is_refused)
{
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH + 16), error[256];
    dor_options *options = NULL;
    size_t head = (size_t)sprintf(text, "{\"depth\": ");
    memset(text + head, '[', DEPTH);
    cr_expect_eq(dor_options_from_json(text, head + DEPTH, &options, error, sizeof(error)),
                 DOR_E_JSON_MALFORMED);
    free(text);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static char folder[64], path[128];

static void write_file(const char *text)
{
    strcpy(folder, "/tmp/dormouse-options-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/o.json", folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(void)
{
    unlink(path);
    rmdir(folder);
}

Test(options_json, paths_in_a_file_are_relative_to_it)
{
    char error[512], value[256], wanted[256];
    dor_options *options = NULL;
    write_file("{\"certfile\": \"c.pem\", \"keyfile\": \"/etc/k.pem\", \"ip\": \"::1\"}");
    cr_assert_eq(dor_options_from_file(path, &options, error, sizeof(error)), DOR_OK, "%s", error);
    snprintf(wanted, sizeof(wanted), "%s/c.pem", folder);
    cr_expect_eq(dor_options_get_text(options, "certfile", value, sizeof(value)), DOR_OK);
    cr_expect_str_eq(value, wanted);
    cr_expect_eq(dor_options_get_text(options, "keyfile", value, sizeof(value)), DOR_OK);
    cr_expect_str_eq(value, "/etc/k.pem");
    dor_options_free(options);
    remove_file();
}

Test(options_json, file_errors_name_the_file)
{
    char error[512];
    dor_options *options = NULL;
    cr_expect_eq(dor_options_from_file("/nonexistent/o.json", &options, error, sizeof(error)),
                 DOR_E_FILE_UNREADABLE);
    cr_expect_str_eq(error, "cannot read /nonexistent/o.json: No such file or directory");
    write_file("{\n\n\"depth\": x}");
    cr_expect_eq(dor_options_from_file(path, &options, error, sizeof(error)), DOR_E_JSON_MALFORMED);
    cr_expect(strstr(error, path) && strstr(error, ": line 3, column"), "%s", error);
    remove_file();
    cr_expect_eq(dor_options_from_file("/tmp", &options, error, sizeof(error)), DOR_E_FILE_UNREADABLE);
    cr_expect_str_eq(error, "cannot read /tmp: Is a directory");
}

static int take_member(const char *name, const char *value, void *arg)
{
    char *log = arg;
    if (strcmp(name, "prot") == 0) return DOR_E_OPTION_UNKNOWN;
    if (strcmp(value, "bad") == 0) return DOR_E_OPTION_TYPE;
    snprintf(log + strlen(log), 200 - strlen(log), "%s=%s;", name, value);
    return DOR_OK;
}

Test(options_json, configurations_hold_more_than_options)
{
    char error[512], log[200] = "";
    int64_t depth = 0;
    dor_options *options = NULL;
    write_file("{\"port\": 4433, \"options\": {\"depth\": 2}, \"alpn\": [\"a\", \"b\"], \"quiet\": false}");
    cr_assert_eq(dor_options_from_config(path, take_member, log, &options, error, sizeof(error)), DOR_OK,
                 "%s", error);
    cr_expect(strstr(log, "port=4433;") && strstr(log, "alpn=a,b;") && strstr(log, "quiet=false;"), "%s",
              log);
    cr_expect_eq(dor_options_get_int(options, "depth", &depth), DOR_OK);
    cr_expect_eq(depth, 2);
    dor_options_free(options);
    remove_file();
}

static void expect_config_error(const char *text, int code, const char *sentence)
{
    char error[512], log[200] = "";
    dor_options *options = NULL;
    write_file(text);
    cr_expect_eq(dor_options_from_config(path, take_member, log, &options, error, sizeof(error)), code, "%s",
                 text);
    cr_expect(strstr(error, sentence) && strstr(error, path), "%s: said %s", text, error);
    cr_expect_null(options);
    remove_file();
}

Test(options_json, configuration_errors)
{
    expect_config_error("{\"prot\": 1}", DOR_E_OPTION_UNKNOWN, "\"prot\" is not known here");
    expect_config_error("{\"port\": \"bad\"}", DOR_E_OPTION_TYPE, "\"port\": given \"bad\"");
    expect_config_error("{\"port\": {}}", DOR_E_OPTION_TYPE, "\"port\": given an object");
    expect_config_error("{\"options\": {\"dept\": 1}}", DOR_E_OPTION_UNKNOWN, "did you mean");
    expect_config_error("{\"options\": 1}", DOR_E_JSON_MALFORMED, "given is an integer");
    expect_config_error("[]", DOR_E_JSON_MALFORMED, "given is a list");
}

/* Each of the table's, whatever value it is given: null is none that any of them takes, and so tells who was asked first. */
Test(options_json, a_host_has_no_say_in_what_is_the_listeners)
{
    int listeners = 0;
    for (size_t i = 0; i < dor__options_count; i++) {
        const dor_option *option = &dor__options_table[i];
        char text[160], sentence[160];
        bool is = option->scope & DOR_SCOPE_LISTENER;
        snprintf(text, sizeof(text), "{\"sni_hosts\": {\"a.test\": {\"%s\": null}}}", option->name);
        snprintf(sentence, sizeof(sentence),
                 is ? "option sni_hosts, a.test: option %s is the listener's"
                    : "option sni_hosts, a.test: option %s: given null",
                 option->name);
        expect_error(text, is ? DOR_E_OPTION_CONFLICT : DOR_E_OPTION_TYPE, sentence);
        listeners += is;
    }
    cr_expect_eq(listeners, 28);
}

/* What only a listener looks at, by name: a flag that is missing would make a host's word one that nobody hears. */
Test(options_json, which_are_the_listeners)
{
    static const char *const names[] = {
        "active",       "packet",           "packet_size",        "line_delimiter", "mode",
        "header",       "exit_on_close",    "sni_hosts",          "sni_fun",        "ip",
        "ifaddr",       "backlog",          "reuseaddr",          "reuseport",      "bind_to_device",
        "unix_mode",    "ipv6_v6only",      "acceptors",          "accept_budget",  "accept_rate",
        "accept_burst", "max_handshakes",   "max_connections",    "cb_info",        "proxy_protocol",
        "proxy_trust",  "proxy_max_header", "reload_certificates"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect(dor__option_find(names[i])->scope & DOR_SCOPE_LISTENER, "%s", names[i]);
}
