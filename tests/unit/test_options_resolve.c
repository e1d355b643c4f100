/* From options to settings: files, what belongs together, what contradicts, and memory that runs out half-way. */
#include <criterion/criterion.h>

#include "base/alloc.h"
#include "crypto/base64.h"
#include "options_internal.h"
#include "ssl/pem_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder with two certificates, their keys, and files that are broken in one way each. */
static char folder[64];

static const char *file(const char *name)
{
    static char paths[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof(paths[next]), "%s/%s", folder, name);
    return paths[next];
}

static void write_text(const char *name, const char *mode, const char *text)
{
    FILE *f = fopen(file(name), mode);
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static void write_pem(const char *name, const char *mode, const char *label, dor_bytes der)
{
    dor_bytes text = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__base64_encode(dor__bytes_span(&der), &text)));
    FILE *f = fopen(file(name), mode);
    cr_assert_not_null(f);
    fprintf(f, "-----BEGIN %s-----\n%.*s-----END %s-----\n", label, (int)text.len, (const char *)text.ptr,
            label);
    fclose(f);
    dor__bytes_free(&text);
}

static dor_bytes cert_a, key_a, cert_b, key_b;

static void setup(void)
{
    uint8_t digest[32];
    strcpy(folder, "/tmp/dormouse-resolve-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert(dor__ok(dor__development_identity("a.test", &cert_a, &key_a, digest)));
    cr_assert(dor__ok(dor__development_identity("b.test", &cert_b, &key_b, digest)));
    write_pem("a.pem", "w", "CERTIFICATE", cert_a);
    write_pem("a.key", "w", "PRIVATE KEY", key_a);
    write_pem("b.key", "w", "PRIVATE KEY", key_b);
    write_pem("both.pem", "w", "CERTIFICATE", cert_a);
    write_pem("both.pem", "a", "PRIVATE KEY", key_a);
    write_pem("encrypted.key", "w", "ENCRYPTED PRIVATE KEY", key_a);
    write_pem("ssh.key", "w", "OPENSSH PRIVATE KEY", key_a);
    write_pem("nonsense.pem", "w", "CERTIFICATE", key_a);
    write_text("text.pem", "w", "no PEM at all\n");
    write_text("broken.pem", "w", "a comment\n\n-----BEGIN CERTIFICATE-----\nMII=====\n");
    write_text("empty.pem", "w", "");
}

static void teardown(void)
{
    static const char *const names[] = {"a.pem",   "a.key",        "b.key",    "both.pem",   "encrypted.key",
                                        "ssh.key", "nonsense.pem", "text.pem", "broken.pem", "empty.pem"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(file(names[i]));
    rmdir(folder);
    dor__bytes_free(&cert_a);
    dor__bytes_free(&key_a);
    dor__bytes_free(&cert_b);
    dor__bytes_free(&key_b);
}

TestSuite(options_resolve, .init = setup, .fini = teardown);

static dor_options *server_options(void)
{
    dor_options *o = dor_options_new();
    cr_assert_eq(dor_options_set_text(o, "certfile", file("a.pem")), DOR_OK);
    cr_assert_eq(dor_options_set_text(o, "keyfile", file("a.key")), DOR_OK);
    return o;
}

static dor_settings *resolved(const dor_options *o, dor_tls_role role)
{
    dor_settings *settings = NULL;
    dor_result result = dor__options_resolve(o, role, &settings);
    cr_assert(dor__ok(result), "%d: %s", result.code, dor_options_error(o));
    return settings;
}

static void expect_refused(const dor_options *o, dor_tls_role role, int code, const char *sentence)
{
    dor_settings *settings = NULL;
    dor_result result = dor__options_resolve(o, role, &settings);
    cr_expect_eq(result.code, code, "%d for %s", result.code, sentence);
    cr_expect(strstr(dor_options_error(o), sentence), "said %s\nnot  %s", dor_options_error(o), sentence);
    cr_expect_null(settings);
}

Test(options_resolve, a_server)
{
    dor_options *o = server_options();
    cr_expect_eq(dor_options_set_list(o, "alpn_preferred_protocols", "h2", "x", NULL), DOR_OK);
    cr_expect_eq(dor_options_set_int(o, "hibernate_after", 77), DOR_OK);
    cr_expect_eq(dor_options_set_text(o, "active", "once"), DOR_OK);
    cr_expect_eq(dor_options_set_int(o, "packet", 2), DOR_OK);
    cr_expect_eq(dor_options_set_int(o, "max_certificates", 3), DOR_OK);
    cr_expect_eq(dor_options_set_int(o, "ticket_count", 5), DOR_OK);
    cr_expect_eq(dor_options_set_int(o, "key_update_at", 388736063997), DOR_OK); /* more than 32 bits */
    cr_expect_eq(dor_options_set_text(o, "ip", "127.0.0.1"), DOR_OK);
    cr_expect_eq(dor_options_set_bool(o, "honor_cipher_order", 0), DOR_OK);
    dor_settings *s = resolved(o, DOR_TLS_SERVER);
    cr_expect_eq(s->tls->identity_count, 1);
    cr_expect_eq(s->tls->identities[0].chain_count, 1);
    cr_expect_not(s->tls->verify_peer);
    cr_expect_not(s->tls->honor_cipher_order);
    cr_expect_eq(s->tls->max_certificates, 3);
    cr_expect_eq(s->tls->ticket_count, 5);
    cr_expect_eq(s->tls->key_update_at, 388736063997u);
    cr_expect_eq(s->tls->alpn.len, 5);
    cr_expect_eq(memcmp(s->tls->alpn.ptr, "\2h2\1x", 5), 0);
    cr_expect_eq(s->hibernate_after_ms, 77);
    cr_expect_eq(s->modes.active, DOR_ACTIVE_ONCE);
    cr_expect_eq(s->modes.packet, DOR_PACKET_MODE_2);
    cr_expect_str_eq(s->ip, "127.0.0.1");
    cr_expect_not_null(s->keeper);
    cr_expect_eq(s->tls->store_ctx, s->keeper);
    dor__settings_unref(s);
    dor_options_free(o);
}

Test(options_resolve, the_key_may_stand_with_the_certificate)
{
    dor_options *o = dor_options_new();
    dor_options_set_text(o, "certfile", file("both.pem"));
    dor__settings_unref(resolved(o, DOR_TLS_SERVER));
    dor_options_free(o);
}

Test(options_resolve, der_wins_over_files)
{
    dor_options *o = server_options();
    cr_expect_eq(dor_options_set_bytes(o, "cert", cert_b.ptr, cert_b.len), DOR_OK);
    cr_expect_eq(dor_options_set_bytes(o, "key", key_b.ptr, key_b.len), DOR_OK);
    dor_settings *s = resolved(o, DOR_TLS_SERVER);
    cr_expect(dor__span_equal(s->tls->identities[0].chain[0]->der, dor__bytes_span(&cert_b)));
    dor__settings_unref(s);
    dor_options_free(o);
}

Test(options_resolve, identity_errors_name_option_file_and_line)
{
    static const struct {
        const char *certfile, *keyfile, *sentence;
        int code;
    } cases[] = {
        {"missing.pem", "a.key", "missing.pem: No such file or directory", DOR_E_FILE_UNREADABLE},
        {"a.pem", "missing.key", "option keyfile: cannot read ", DOR_E_FILE_UNREADABLE},
        {"text.pem", "a.key", "text.pem holds no certificate", DOR_E_FILE_MALFORMED},
        {"empty.pem", "a.key", "empty.pem holds no certificate", DOR_E_FILE_MALFORMED},
        {"broken.pem", "a.key", "broken.pem, line 3: a PEM block", DOR_E_FILE_MALFORMED},
        {"nonsense.pem", "a.key", "nonsense.pem, line 1: not a certificate", DOR_E_FILE_MALFORMED},
        {"a.pem", "a.pem", "a.pem holds no private key", DOR_E_FILE_MALFORMED},
        {"a.pem", "text.pem", "text.pem holds no private key", DOR_E_FILE_MALFORMED},
        {"a.pem", "ssh.key", "ssh.key, line 1: \"OPENSSH PRIVATE KEY\" is not supported",
         DOR_E_KEY_UNSUPPORTED},
        {"a.pem", "encrypted.key", "encrypted.key, line 1: the private key is encrypted",
         DOR_E_PASSWORD_NEEDED},
        {"a.pem", "b.key", "does not belong to the certificate in ", DOR_E_KEY_MISMATCH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dor_options *o = dor_options_new();
        dor_options_set_text(o, "certfile", file(cases[i].certfile));
        dor_options_set_text(o, "keyfile", file(cases[i].keyfile));
        expect_refused(o, DOR_TLS_SERVER, cases[i].code, cases[i].sentence);
        cr_expect_eq(strncmp(dor_options_error(o), "option ", 7), 0, "%s", dor_options_error(o));
        dor_options_free(o);
    }
    dor_options *o = dor_options_new();
    dor_options_set_text(o, "certfile", file("a.pem"));
    expect_refused(o, DOR_TLS_SERVER, DOR_E_FILE_MALFORMED, "give keyfile if it is elsewhere");
    dor_options_set_text(o, "keyfile", file("encrypted.key")); /* not encrypted at all, in truth */
    dor_options_set_text(o, "password", "opensesame");
    expect_refused(o, DOR_TLS_SERVER, DOR_E_FILE_MALFORMED, "encrypted.key, line 1: ");
    cr_expect_null(strstr(dor_options_error(o), "opensesame"));
    dor_options_free(o);
}

Test(options_resolve, what_belongs_together)
{
    dor_options *o = dor_options_new();
    expect_refused(o, DOR_TLS_SERVER, DOR_E_NO_OPTIONS, "a server needs a certificate");
    dor_options_set_text(o, "keyfile", file("a.key"));
    expect_refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT, "option keyfile needs cert or certfile");
    dor_options_unset(o, "keyfile");
    dor_options_set_bytes(o, "cert", cert_a.ptr, cert_a.len);
    expect_refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT, "option cert needs key or keyfile");
    dor_options_set_bytes(o, "key", key_a.ptr, key_a.len);
    dor_options_set_text(o, "verify", "verify_peer");
    expect_refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT, "needs cacertfile or cacerts");
    dor_options_set_text(o, "cacertfile", file("text.pem"));
    expect_refused(o, DOR_TLS_SERVER, DOR_E_FILE_MALFORMED, "option cacertfile: ");
    dor_options_set_text(o, "cacertfile", file("a.pem"));
    dor_settings *s = resolved(o, DOR_TLS_SERVER);
    cr_expect(s->tls->verify_peer);
    cr_expect_eq(dor__trust_store_count(s->tls->trust), 1);
    dor__settings_unref(s);
    dor_options_free(o);

    dor_settings *none = NULL;
    cr_expect_eq(dor__options_resolve(NULL, DOR_TLS_SERVER, &none).code, DOR_E_NO_OPTIONS);
}

Test(options_resolve, roles)
{
    dor_options *o = server_options();
    dor_options_set_text(o, "verify", "verify_none");
    dor_options_set_text(o, "alpn_advertised_protocols", "h2");
    expect_refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT,
                   "option alpn_advertised_protocols is for clients");
    dor_options_unset(o, "alpn_advertised_protocols");
    dor_options_set_int(o, "backlog", 5);
    expect_refused(o, DOR_TLS_CLIENT, DOR_E_OPTION_CONFLICT, "option backlog is for servers");
    dor_options_unset(o, "backlog");
    dor_options_set_text(o, "session_tickets", "manual");
    expect_refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT,
                   "option session_tickets: \"manual\" is for clients");
    dor_settings *s = resolved(o, DOR_TLS_CLIENT);
    cr_expect(s->tickets_manual);
    dor__settings_unref(s);
    dor_options_set_text(o, "session_tickets", "disabled");
    s = resolved(o, DOR_TLS_SERVER);
    cr_expect(s->tls->tickets_disabled);
    dor__settings_unref(s);
    dor_options_free(o);
}

Test(options_resolve, contradictions)
{
    dor_options *o = dor_options_new();
    dor_options_set_text(o, "verify", "verify_none");
    dor_options_set_text(o, "versions", "tlsv1.3");
    dor_options_set_text(o, "ciphers", "ECDHE-RSA-AES128-GCM-SHA256");
    expect_refused(o, DOR_TLS_CLIENT, DOR_E_OPTION_CONFLICT, "options versions and ciphers");
    dor_options_unset(o, "versions");
    dor_settings *s = resolved(o, DOR_TLS_CLIENT);
    cr_expect_eq(s->tls->max_version, DOR_TLS_1_2, "a version without a suite is not offered");
    dor__settings_unref(s);
    dor_options_set_int(o, "low_watermark", 5000);
    dor_options_set_int(o, "high_watermark", 5000);
    expect_refused(o, DOR_TLS_CLIENT, DOR_E_OPTION_CONFLICT,
                   "low_watermark (5000) and high_watermark (5000)");
    dor_options_unset(o, "low_watermark");
    dor_options_unset(o, "high_watermark");
    dor_options_set_int(o, "receive_high_watermark", 10);
    expect_refused(o, DOR_TLS_CLIENT, DOR_E_OPTION_CONFLICT, "receive_high_watermark (10)");
    dor_options_free(o);
}

Test(options_resolve, clients_verify_against_the_systems_store_by_default)
{
    dor_settings *first, *second;
    setenv("SSL_CERT_FILE", file("a.pem"), 1);
    first = resolved(NULL, DOR_TLS_CLIENT);
    second = resolved(NULL, DOR_TLS_CLIENT);
    cr_expect(first->tls->verify_peer && first->tls->verify_host && first->tls->send_server_name);
    cr_expect_eq(dor__trust_store_count(first->tls->trust), 1);
    cr_expect_eq(first->tls->trust, second->tls->trust, "read once, shared");
    dor__settings_unref(first);
    dor__settings_unref(second);

    dor_options *o = dor_options_new();
    setenv("SSL_CERT_FILE", file("missing.pem"), 1);
    expect_refused(o, DOR_TLS_CLIENT, DOR_E_FILE_UNREADABLE, "missing.pem");
    dor_options_set_text(o, "verify", "verify_none");
    first = resolved(o, DOR_TLS_CLIENT);
    cr_expect_not(first->tls->verify_peer);
    cr_expect_not(first->tls->verify_host);
    dor__settings_unref(first);
    dor_options_free(o);
}

Test(options_resolve, one_odd_certificate_in_the_systems_store_is_passed_over)
{
    write_pem("b.key", "w", "CERTIFICATE", key_a);
    write_pem("b.key", "a", "CERTIFICATE", cert_a);
    setenv("SSL_CERT_FILE", file("b.key"), 1);
    dor_settings *s = resolved(NULL, DOR_TLS_CLIENT);
    cr_expect_eq(dor__trust_store_count(s->tls->trust), 1);
    dor__settings_unref(s);
}

Test(options_resolve, cacerts_add_up)
{
    dor_options *o = dor_options_new();
    dor_options_set_bytes(o, "cacerts", cert_a.ptr, cert_a.len);
    dor_options_set_bytes(o, "cacerts", cert_b.ptr, cert_b.len);
    dor_settings *s = resolved(o, DOR_TLS_CLIENT);
    cr_expect_eq(dor__trust_store_count(s->tls->trust), 2);
    dor__settings_unref(s);
    dor_options_unset(o, "cacerts");
    dor_options_set_bytes(o, "cacerts", "\x30\x03\x01", 3);
    expect_refused(o, DOR_TLS_CLIENT, DOR_E_FILE_MALFORMED, "option cacerts: certificate 1 is not DER");
    dor_options_free(o);
}

Test(options_resolve, server_names)
{
    dor_options *o = dor_options_new();
    dor_options_set_bytes(o, "cacerts", cert_a.ptr, cert_a.len);
    dor_options_set_text(o, "server_name_indication", "name.test");
    dor_settings *s = resolved(o, DOR_TLS_CLIENT);
    cr_expect_str_eq(s->server_name, "name.test");
    cr_expect(s->send_server_name);
    dor__settings_unref(s);
    dor_options_set_text(o, "server_name_indication", "disable");
    s = resolved(o, DOR_TLS_CLIENT);
    cr_expect_str_eq(s->server_name, "");
    cr_expect_not(s->tls->send_server_name);
    cr_expect(s->tls->verify_host, "not sending the name is no reason not to check it");
    dor__settings_unref(s);
    dor_options_free(o);
}

Test(options_resolve, overriding)
{
    dor_options *o = server_options(), *more = dor_options_new();
    dor_options_set_int(o, "linger", 123);
    dor_settings *base = resolved(o, DOR_TLS_SERVER), *s = NULL;

    dor_options_set_int(more, "hibernate_after", 5);
    cr_assert(dor__ok(dor__options_override(base, more, DOR_TLS_SERVER, &s)));
    cr_expect_eq(s->linger_ms, 123);
    cr_expect_eq(s->hibernate_after_ms, 5);
    cr_expect_eq(s->keeper, base->keeper, "sessions are shared");
    cr_expect_eq(s->tls->identity_count, 1);
    cr_expect_neq(s->tls, base->tls);
    dor__settings_unref(s);

    dor_options_set_bytes(more, "cert", cert_b.ptr, cert_b.len);
    dor_options_set_bytes(more, "key", key_b.ptr, key_b.len);
    cr_assert(dor__ok(dor__options_override(base, more, DOR_TLS_SERVER, &s)));
    cr_expect_eq(s->tls->identity_count, 1);
    cr_expect(dor__span_equal(s->tls->identities[0].chain[0]->der, dor__bytes_span(&cert_b)));
    cr_expect_neq(s->keeper, base->keeper, "another certificate, other sessions");
    cr_expect(dor__span_equal(base->tls->identities[0].chain[0]->der, dor__bytes_span(&cert_a)));
    dor__settings_unref(s);

    cr_assert(dor__ok(dor__options_override(base, NULL, DOR_TLS_SERVER, &s)));
    cr_expect_eq(s->linger_ms, 123);
    dor__settings_unref(s);
    dor__settings_unref(base);
    dor_options_free(more);
    dor_options_free(o);
}

/* What an order holds goes back. */
static void forget(dor_ssl_command *c)
{
    dor__settings_unref(c->settings);
    dor__raw_unref(c->raw);
    *c = (dor_ssl_command){.modes = c->modes};
}

Test(options_resolve, open_connections)
{
    dor_ssl_command c = {
        .modes = {.active = DOR_ACTIVE_TRUE, .packet = DOR_PACKET_MODE_RAW, .packet_size = 9}};
    dor_options *o = dor_options_new();
    dor_options_set_int(o, "active", 5);
    cr_expect(dor__ok(dor__options_to_command(o, NULL, &c)));
    cr_expect(c.set_active && !c.set_packet && !c.set_cut && !c.set_inet && !c.settings);
    cr_expect_eq(c.modes.active, 5);
    cr_expect_eq(c.modes.packet_size, 9);
    dor_options_set_text(o, "packet", "line");
    cr_expect(dor__ok(dor__options_to_command(o, NULL, &c)));
    cr_expect(c.set_packet && !c.set_cut);
    cr_expect_eq(c.modes.packet, DOR_PACKET_MODE_LINE);
    dor_options_set_int(o, "line_delimiter", 0);
    dor_options_set_int(o, "header", 65535);
    cr_expect(dor__ok(dor__options_to_command(o, NULL, &c)));
    cr_expect(c.set_cut && c.modes.line_delimiter == 0 && c.modes.header_len == 65535 &&
              c.modes.packet_size == 9);
    dor_options_set_int(o, "depth", 1);
    cr_expect_eq(dor__options_to_command(o, NULL, &c).code, DOR_E_OPTION_CONFLICT);
    cr_expect(strstr(dor_options_error(o), "option depth cannot be changed"));
    cr_expect_eq(dor__options_to_command(NULL, NULL, &c).code, DOR_E_BADARG);
    dor_options_free(o);
}

Test(options_resolve, open_connections_and_the_system)
{
    dor_ssl_command c = {.set_inet = false};
    dor_options *o = dor_options_new();
    dor_options_set_int(o, "keepidle", 30);
    dor_options_set_bool(o, "nodelay", 0);
    cr_expect(dor__ok(dor__options_to_command(o, NULL, &c)));
    cr_expect(c.set_inet && !c.raw && !c.settings);
    cr_expect_eq(c.inet.values[DOR_INET_KEEPIDLE], 30);
    cr_expect_eq(c.inet.values[DOR_INET_NODELAY], 0);
    cr_expect_eq(c.inet.values[DOR_INET_TOS], DOR_INET_UNSET);
    forget(&c);
    cr_expect_eq(dor_options_add_raw(o, 6, 1, "abcd", 4), DOR_OK);
    cr_expect(dor__ok(dor__options_to_command(o, NULL, &c)));
    cr_expect(c.set_inet && dor__raw_item(c.raw, 0)->level == 6 && !dor__raw_item(c.raw, 1));
    forget(&c);
    dor_options_set_int(o, "depth", 1);
    cr_expect_eq(dor__options_to_command(o, NULL, &c).code, DOR_E_OPTION_CONFLICT);
    cr_expect_null(c.raw);
    dor_options_free(o);
}

Test(options_resolve, open_connections_that_vary)
{
    dor_ssl_command c = {.set_inet = false};
    dor_settings *present;
    dor_options *o = dor_options_new();
    cr_assert(dor__ok(dor__settings_new(&present)));
    dor_options_set_int(o, "send_timeout", 700);
    dor_options_set_bool(o, "send_timeout_close", 1);
    dor_options_set_int(o, "high_watermark", 100000);
    cr_expect(dor__ok(dor__options_to_command(o, present, &c)));
    cr_assert_not_null(c.settings);
    cr_expect_eq(c.settings->send_timeout_ms, 700u);
    cr_expect(c.settings->send_timeout_close);
    cr_expect_eq(c.settings->send_high, 100000u);
    cr_expect_eq(present->send_timeout_ms, DOR_INFINITY);
    cr_expect_eq(c.settings->tls, present->tls);
    forget(&c);
    cr_expect_eq(dor__options_to_command(o, NULL, &c).code, DOR_E_WOULD_DEADLOCK);
    dor_options_set_int(o, "high_watermark", 1);
    cr_expect_eq(dor__options_to_command(o, present, &c).code, DOR_E_OPTION_CONFLICT);
    cr_expect_null(c.settings);
    dor_options_free(o);
    dor__settings_unref(present);
}

Test(options_resolve, reading_back)
{
    char text[64];
    dor_options *o = server_options(), *values = dor_options_new();
    dor_options_set_int(o, "backlog", 7);
    dor_settings *s = resolved(o, DOR_TLS_SERVER);
    dor_socket_modes modes = {.active = DOR_ACTIVE_ONCE,
                              .packet = DOR_PACKET_MODE_HTTPH_BIN,
                              .packet_size = 50,
                              .header_len = 3,
                              .line_delimiter = 255};
    static const char *const wanted[][2] = {{"active", "once"},
                                            {"packet", "httph_bin"},
                                            {"packet_size", "50"},
                                            {"mode", "binary"},
                                            {"verify", "verify_none"},
                                            {"nodelay", "true"},
                                            {"keepalive", "false"},
                                            {"sndbuf", "0"},
                                            {"send_timeout", "infinity"},
                                            {"hibernate_after", "10000"},
                                            {"backlog", "7"},
                                            {"depth", "10"},
                                            {"header", "3"},
                                            {"line_delimiter", "255"},
                                            {"max_handshake_size", "65536"}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        cr_expect(dor__ok(dor__options_from_settings(s, &modes, wanted[i][0], values)), "%s", wanted[i][0]);
        cr_expect_eq(dor_options_get_text(values, wanted[i][0], text, sizeof(text)), DOR_OK, "%s",
                     wanted[i][0]);
        cr_expect_str_eq(text, wanted[i][1], "%s: %s", wanted[i][0], text);
    }
    cr_expect(dor__ok(dor__options_from_settings(s, NULL, "active", values)));
    cr_expect_eq(dor_options_get_text(values, "active", text, sizeof(text)), DOR_OK);
    cr_expect_str_eq(text, "true");
    cr_expect_eq(dor__options_from_settings(s, NULL, "certfile", values).code, DOR_E_NOT_SUPPORTED);
    cr_expect_eq(dor__options_from_settings(s, NULL, "nothing", values).code, DOR_E_OPTION_UNKNOWN);
    dor__settings_unref(s);
    dor_options_free(values);
    dor_options_free(o);
}

Test(options_resolve, development_certificate)
{
    char fingerprint[65];
    dor_options *o = dor_options_new();
    cr_expect_eq(dor_options_use_development_certificate(o, "host.test", fingerprint), DOR_OK);
    cr_expect_eq(strspn(fingerprint, "0123456789abcdef"), 64);
    cr_expect_eq(dor_options_use_development_certificate(o, NULL, NULL), DOR_OK);
    cr_expect_eq(dor_options_use_development_certificate(NULL, NULL, NULL), DOR_E_BADARG);
    dor__settings_unref(resolved(o, DOR_TLS_SERVER));
    dor_options_free(o);
}

/* ---- memory that runs out ------------------------------------------------------------------------------------------- */

static long allowance;

static void *scarce_malloc(size_t size)
{
    return allowance-- > 0 ? malloc(size) : NULL;
}

static void *scarce_calloc(size_t count, size_t size)
{
    return allowance-- > 0 ? calloc(count, size) : NULL;
}

static void *scarce_realloc(void *old, size_t size)
{
    return allowance-- > 0 ? realloc(old, size) : NULL;
}

static const dor_allocator scarce = {scarce_malloc, scarce_calloc, scarce_realloc, free};

static int whole_way(void)
{
    dor_settings *s = NULL;
    dor_options *o = dor_options_new();
    if (!o) return DOR_E_NOMEM;
    int code = dor_options_set_text(o, "certfile", file("a.pem"));
    if (code == DOR_OK) code = dor_options_set_text(o, "keyfile", file("a.key"));
    if (code == DOR_OK) code = dor_options_set_text(o, "cacertfile", file("a.pem"));
    if (code == DOR_OK) code = dor_options_set_list(o, "alpn_preferred_protocols", "h2", "http/1.1", NULL);
    if (code == DOR_OK) code = dor_options_set_bytes(o, "cacerts", cert_a.ptr, cert_a.len);
    for (int i = 0; i < 3 && code == DOR_OK; i++)
        code = dor_options_add_raw(o, 6, i, &i, sizeof i);
    if (code == DOR_OK) code = dor__options_resolve(o, DOR_TLS_SERVER, &s).code;
    dor_settings *copy = NULL;
    if (code == DOR_OK) code = dor__options_override(s, o, DOR_TLS_SERVER, &copy).code;
    dor__settings_unref(copy);
    dor__settings_unref(s);
    dor_options_free(o);
    return code;
}

static int change_open(dor_settings *present)
{
    dor_ssl_command c = {.set_inet = false};
    dor_options *o = dor_options_new();
    if (!o) return DOR_E_NOMEM;
    int code = dor_options_add_raw(o, 6, 1, "abcd", 4);
    if (code == DOR_OK) code = dor_options_set_int(o, "send_timeout", 9);
    if (code == DOR_OK) code = dor_options_set_int(o, "keepidle", 9);
    if (code == DOR_OK) code = dor__options_to_command(o, present, &c).code;
    cr_assert(code == DOR_OK ? c.settings && c.raw : !c.settings && !c.raw);
    forget(&c);
    dor_options_free(o);
    return code;
}

Test(options_resolve, open_connections_when_every_allocation_may_fail)
{
    int code = DOR_E_NOMEM;
    long limit = 0;
    dor_options *o = server_options();
    dor_settings *present = resolved(o, DOR_TLS_SERVER);
    dor__set_allocator(&scarce);
    for (; code != DOR_OK && limit < 1000; limit++) {
        allowance = limit;
        code = change_open(present);
        cr_assert(code == DOR_OK || code == DOR_E_NOMEM, "%ld allocations gave %d", limit, code);
    }
    dor__set_allocator(NULL);
    cr_expect_eq(code, DOR_OK);
    cr_expect_geq(limit, 4);
    dor__settings_unref(present);
    dor_options_free(o);
}

Test(options_resolve, every_allocation_may_fail)
{
    int code = DOR_E_NOMEM;
    long limit = 0;
    dor__set_allocator(&scarce);
    for (; code != DOR_OK && limit < 10000; limit++) {
        allowance = limit;
        code = whole_way();
        cr_assert(code == DOR_OK || code == DOR_E_NOMEM, "%ld allocations gave %d", limit, code);
    }
    dor__set_allocator(NULL);
    cr_expect_eq(code, DOR_OK);
    cr_expect_gt(limit, 20);
}

Test(options_resolve, json_when_every_allocation_may_fail)
{
    static const char text[] =
        "{\"versions\": [\"tlsv1.3\"], \"cacerts\": [\"MAA=\"], \"certfile\": \"x\", \"linger\": 1}";
    int code = DOR_E_NOMEM;
    dor__set_allocator(&scarce);
    for (long limit = 0; code != DOR_OK && limit < 1000; limit++) {
        dor_options *options = NULL;
        char error[200];
        allowance = limit;
        code = dor_options_from_json(text, sizeof(text) - 1, &options, error, sizeof(error));
        cr_assert(code == DOR_OK || code == DOR_E_NOMEM, "%ld allocations gave %d: %s", limit, code, error);
        dor_options_free(options);
    }
    dor__set_allocator(NULL);
    cr_expect_eq(code, DOR_OK);
}

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *format, ...)
{
    char command[512], line[600];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "{ %s; } >/dev/null 2>&1 </dev/null", command);
    return system(line);
}

Test(options_resolve, encrypted_keys_and_their_passwords)
{
    static const char *const makers[] = {"pkcs8 -topk8", "pkey -traditional -aes256"};
    if (shell("command -v openssl") != 0) cr_skip_test("there is no openssl command");
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(shell("openssl %s -passout 'pass:open sesame' -in %s -out %s", makers[i], file("a.key"),
                           file("encrypted.key")),
                     0);
        dor_options *o = server_options();
        dor_options_set_text(o, "keyfile", file("encrypted.key"));
        expect_refused(o, DOR_TLS_SERVER, DOR_E_PASSWORD_NEEDED,
                       "encrypted.key, line 1: the private key is encrypted");
        dor_options_set_text(o, "password", "open sesame!");
        expect_refused(o, DOR_TLS_SERVER, DOR_E_PASSWORD_WRONG, "encrypted.key, line 1: ");
        expect_refused(o, DOR_TLS_SERVER, DOR_E_PASSWORD_WRONG, "wrong password, or damaged");
        cr_expect_null(strstr(dor_options_error(o), "sesame"));
        dor_options_set_text(o, "password", "open sesame");
        dor__settings_unref(resolved(o, DOR_TLS_SERVER));
        dor_options_free(o);
    }
}

Test(options_resolve, an_encrypted_key_in_der)
{
    if (shell("openssl pkcs8 -topk8 -passout pass:x -in %s -outform DER -out %s", file("a.key"),
              file("encrypted.key")) != 0)
        cr_skip_test("there is no openssl command");
    dor_bytes der;
    cr_assert(dor__ok(dor__read_file(file("encrypted.key"), &der, NULL, 0)));
    dor_options *o = server_options();
    dor_options_set_bytes(o, "key", der.ptr, der.len);
    expect_refused(o, DOR_TLS_SERVER, DOR_E_PASSWORD_NEEDED, "option key: the private key is encrypted");
    dor_options_set_text(o, "password", "y");
    expect_refused(o, DOR_TLS_SERVER, DOR_E_PASSWORD_WRONG, "option key: ");
    dor_options_set_text(o, "password", "x");
    dor__settings_unref(resolved(o, DOR_TLS_SERVER));
    dor_options_free(o);
    dor__bytes_free(&der);
}

/* What is shown beside a certificate, from memory and from files; and what is wrong with either is said. */
static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

Test(options_resolve, stapled)
{
    char path[] = "/tmp/dormouse-stapled-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    dor_options *o = server_options();
    write_file(path, "0response", 9);
    cr_assert_eq(dor_options_set_text(o, "ocsp_responsefile", path), DOR_OK);
    cr_assert_eq(dor_options_set_bytes(o, "sct_list", "\0\3\0\1x", 5), DOR_OK);
    dor_settings *s = resolved(o, DOR_TLS_SERVER);
    cr_expect_eq(s->tls->identities[0].status.len, 9u);
    cr_expect_arr_eq(s->tls->identities[0].status.ptr, "0response", 9);
    cr_expect_eq(s->tls->identities[0].timestamps.len, 5u);

    dor_settings *copy;
    cr_assert(dor__ok(dor__settings_clone(s, &copy)));
    cr_expect_arr_eq(copy->tls->identities[0].status.ptr, "0response", 9);
    dor__settings_unref(copy);
    dor__settings_unref(s);

    write_file(path, "-----BEGIN", 10);
    expect_refused(o, DOR_TLS_SERVER, DOR_E_FILE_MALFORMED, "is no OCSP response in DER");
    cr_assert_eq(dor_options_set_bytes(o, "ocsp_response", "0memory", 7), DOR_OK); /* wins */
    s = resolved(o, DOR_TLS_SERVER);
    cr_expect_arr_eq(s->tls->identities[0].status.ptr, "0memory", 7);
    dor__settings_unref(s);
    cr_assert_eq(dor_options_set_bytes(o, "sct_list", "\0\3\0\2x", 5), DOR_OK);
    expect_refused(o, DOR_TLS_SERVER, DOR_E_FILE_MALFORMED, "option sct_list: it is no list of timestamps");
    cr_assert_eq(dor_options_unset(o, "sct_list"), DOR_OK);
    cr_assert_eq(dor_options_set_text(o, "sct_listfile", "/nonexistent/sct"), DOR_OK);
    expect_refused(o, DOR_TLS_SERVER, DOR_E_FILE_UNREADABLE, "/nonexistent/sct");
    cr_assert_eq(dor_options_unset(o, "certfile"), DOR_OK);
    cr_assert_eq(dor_options_unset(o, "keyfile"), DOR_OK);
    expect_refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT, "option ocsp_response needs cert or certfile");
    dor_options_free(o);
    unlink(path);
}
