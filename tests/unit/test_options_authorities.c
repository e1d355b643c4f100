/*
 * Option certificate_authorities: whom a config tells its peer to trust, from options to settings and their copies, and what is
 * too much; require_own_cert; certificates that are for some peers alone.
 */
#include <criterion/criterion.h>

#include "options_internal.h"
#include "ssl/pem_file.h"
#include "ssl/reload.h"
#include "support/pki.h"

#include <stdio.h>
#include <unistd.h>

static const char *path(const char *name)
{
    static char paths[4][600];
    static unsigned next;
    char *at = paths[next++ % 4];
    snprintf(at, sizeof paths[0], "%s/%s", pki_dir(), name);
    return at;
}

static dor_options *options_of(dor_tls_role role)
{
    dor_options *o = dor_options_new();
    if (role == DOR_TLS_SERVER) {
        cr_assert_eq(dor_options_set_text(o, "certfile", path("tls-p256.pem")), DOR_OK);
        cr_assert_eq(dor_options_set_text(o, "keyfile", path("c.key")), DOR_OK);
        cr_assert_eq(dor_options_set_text(o, "verify", "verify_peer"), DOR_OK);
    }
    cr_assert_eq(dor_options_set_text(o, "cacertfile", path("root.pem")), DOR_OK);
    return o;
}

static dor_settings *resolved(const dor_options *o, dor_tls_role role)
{
    dor_settings *s = NULL;
    dor_result result = dor__options_resolve(o, role, &s);
    cr_assert(dor__ok(result), "%d: %s", result.code, dor_options_error(o));
    return s;
}

static void refused(const dor_options *o, dor_tls_role role, int code, const char *sentence)
{
    dor_settings *s = NULL;
    cr_assert_eq(dor__options_resolve(o, role, &s).code, code);
    cr_assert_not_null(strstr(dor_options_error(o), sentence), "%s", dor_options_error(o));
}

/* They name the one authority of that certificate, or nobody. */
static void expect_named(const dor_settings *s, const char *name)
{
    const dor_span list = dor__bytes_span(&s->tls->authorities);
    if (!name) {
        cr_assert_eq(list.len, 0u);
        return;
    }
    dor_certificate *cert = pki_cert(name);
    cr_assert_eq(list.len, 2 + cert->subject.len);
    cr_assert_eq((size_t)list.ptr[0] << 8 | list.ptr[1], cert->subject.len);
    cr_assert_arr_eq(list.ptr + 2, cert->subject.ptr, cert->subject.len);
    dor__certificate_unref(cert);
}

Test(options_authorities, defaults_and_values)
{
    static const struct {
        dor_tls_role role;
        int value; /* -1: not set */
        bool named;
    } cases[] = {
        {DOR_TLS_SERVER, -1, true},  {DOR_TLS_SERVER, 1, true}, {DOR_TLS_SERVER, 0, false},
        {DOR_TLS_CLIENT, -1, false}, {DOR_TLS_CLIENT, 1, true}, {DOR_TLS_CLIENT, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dor_options *o = options_of(cases[i].role);
        if (cases[i].value >= 0)
            cr_assert_eq(dor_options_set_bool(o, "certificate_authorities", cases[i].value), DOR_OK);
        dor_settings *s = resolved(o, cases[i].role);
        expect_named(s, cases[i].named ? "root" : NULL);
        dor__settings_unref(s);
        dor_options_free(o);
    }
}

/* A copy has a list of its own; one with other authorities names those. */
Test(options_authorities, copies)
{
    dor_options *o = options_of(DOR_TLS_SERVER), *other = dor_options_new();
    dor_settings *s = resolved(o, DOR_TLS_SERVER), *copy;
    cr_assert(dor__ok(dor__settings_clone(s, &copy)));
    cr_assert_neq(copy->tls->authorities.ptr, s->tls->authorities.ptr);
    expect_named(copy, "root");
    dor__settings_unref(copy);
    cr_assert_eq(dor_options_set_text(other, "cacertfile", path("stranger.pem")), DOR_OK);
    cr_assert(dor__ok(dor__options_override(s, other, DOR_TLS_SERVER, &copy)));
    expect_named(copy, "stranger");
    expect_named(s, "root");
    dor__settings_unref(copy);
    cr_assert_eq(dor_options_set_bool(other, "certificate_authorities", 0), DOR_OK);
    cr_assert(dor__ok(dor__options_override(s, other, DOR_TLS_SERVER, &copy)));
    expect_named(copy, NULL);
    dor__settings_unref(copy);
    dor__settings_unref(s);
    dor_options_free(o);
    dor_options_free(other);
}

static void copy_file(const char *from, const char *to)
{
    char line[700];
    snprintf(line, sizeof line, "cp '%s' '%s'", from, to);
    cr_assert_eq(system(line), 0);
}

Test(options_authorities, read_again)
{
    char file[] = "/tmp/dormouse-authorities-XXXXXX", why[DOR_RELOAD_WHY_CAP];
    bool changed;
    int fd = mkstemp(file);
    cr_assert_geq(fd, 0);
    close(fd);
    copy_file(path("root.pem"), file);
    dor_options *o = options_of(DOR_TLS_SERVER);
    cr_assert_eq(dor_options_set_text(o, "cacertfile", file), DOR_OK);
    dor_settings *s = resolved(o, DOR_TLS_SERVER), *fresh;
    expect_named(s, "root");
    copy_file(path("stranger.pem"), file);
    cr_assert(dor__ok(dor__settings_reload(s, &fresh, &changed, why, sizeof why)), "%s", why);
    cr_assert(changed);
    expect_named(fresh, "stranger");
    dor__settings_unref(fresh);
    dor__settings_unref(s);
    dor_options_free(o);
    unlink(file);
}

/* A server by default says nothing then, rather than a part; who asked for it hears of it. */
Test(options_authorities, too_many)
{
    dor_options *o = options_of(DOR_TLS_SERVER);
    for (unsigned i = 0; i < 260; i++) {
        dor_bytes cert, key;
        uint8_t digest[32];
        char name[64];
        snprintf(name, sizeof name, "a-name-that-is-long-enough-for-this-%03u.authority.test", i);
        cr_assert(dor__ok(dor__development_identity(name, &cert, &key, digest)));
        cr_assert_eq(dor_options_set_bytes(o, "cacerts", cert.ptr, cert.len), DOR_OK);
        dor__bytes_free(&cert);
        dor__bytes_free(&key);
    }
    dor_settings *s = resolved(o, DOR_TLS_SERVER);
    cr_assert_eq(dor__trust_store_count(s->tls->trust), 260u);
    expect_named(s, NULL);
    dor__settings_unref(s);
    cr_assert_eq(dor_options_set_bool(o, "certificate_authorities", 1), DOR_OK);
    refused(o, DOR_TLS_SERVER, DOR_E_TOO_BIG, "option certificate_authorities");
    cr_assert_eq(dor_options_set_bool(o, "certificate_authorities", 0), DOR_OK);
    dor__settings_unref(resolved(o, DOR_TLS_SERVER));
    dor_options_free(o);
}

Test(options_authorities, a_client_that_has_to_show_itself)
{
    dor_options *o = options_of(DOR_TLS_CLIENT);
    cr_assert_eq(dor_options_set_bool(o, "require_own_cert", 1), DOR_OK);
    refused(o, DOR_TLS_CLIENT, DOR_E_OPTION_CONFLICT, "option require_own_cert");
    cr_assert_eq(dor_options_set_text(o, "certfile", path("tls-p256.pem")), DOR_OK);
    cr_assert_eq(dor_options_set_text(o, "keyfile", path("c.key")), DOR_OK);
    dor_settings *s = resolved(o, DOR_TLS_CLIENT);
    cr_assert(s->tls->require_own_cert);
    dor__settings_unref(s);
    dor_options_free(o);
    o = options_of(DOR_TLS_SERVER);
    cr_assert_eq(dor_options_set_bool(o, "require_own_cert", 1), DOR_OK);
    refused(o, DOR_TLS_SERVER, DOR_E_OPTION_CONFLICT, "option require_own_cert is for clients");
    dor_options_free(o);
}

Test(options_authorities, for_some_alone)
{
    char text[1400], why[300];
    dor_options *o;
    snprintf(text, sizeof text,
             "{\"certs_keys\": [{\"certfile\": \"%s\", \"keyfile\": \"%s\", \"only_for_issuers\": true},"
             "{\"certfile\": \"%s\", \"keyfile\": \"%s\", \"only_for_issuers\": false}]}",
             path("tls-p384.pem"), path("d.key"), path("tls-p256.pem"), path("c.key"));
    cr_assert_eq(dor_options_from_json(text, strlen(text), &o, why, sizeof why), DOR_OK, "%s", why);
    const dor_certs_key more = {
        .certfile = path("tls-rsa.pem"), .keyfile = path("rsa.key"), .only_for_issuers = 1};
    cr_assert_eq(dor_options_add_certs_key(o, &more), DOR_OK); /* which copies the others */
    dor_settings *s = resolved(o, DOR_TLS_SERVER), *copy;
    cr_assert(dor__ok(dor__settings_clone(s, &copy)));
    for (int i = 0; i < 2; i++) {
        const dor_identity *identities = (i ? copy : s)->tls->identities;
        cr_assert(identities[0].only_for_issuers && !identities[1].only_for_issuers &&
                  identities[2].only_for_issuers);
    }
    dor__settings_unref(copy);
    dor__settings_unref(s);
    dor_options_free(o);
}
