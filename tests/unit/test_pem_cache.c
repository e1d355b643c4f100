/* Files of certificates, keys and authorities are parsed once, shared, and read again when they have changed. */
#include <criterion/criterion.h>

#include "base/alloc.h"
#include "crypto/base64.h"
#include "options_internal.h"
#include "ssl/pem_cache.h"
#include <dormouse/certificates.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SETTLE_US = 250000 }; /* longer than the grain of time within which a file is not remembered */

static char folder[64];
static dor_bytes certs[2], keys[2];

static const char *file(const char *name)
{
    static _Thread_local char paths[4][128];
    static _Thread_local int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof(paths[next]), "%s/%s", folder, name);
    return paths[next];
}

/* Always of the same length, whatever is in it. */
static void write_pem(const char *name, const char *label, const dor_bytes *der)
{
    enum { LEN = 2000 };
    char content[LEN + 1];
    dor_bytes text = DOR_BYTES_EMPTY;
    cr_assert(dor__ok(dor__base64_encode(dor__bytes_span(der), &text)));
    int len = snprintf(content, sizeof(content), "-----BEGIN %s-----\n%.*s-----END %s-----\n", label,
                       (int)text.len, (const char *)text.ptr, label);
    cr_assert(len > 0 && len < LEN);
    memset(content + len, '\n', (size_t)(LEN - len));
    FILE *f = fopen(file(name), "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(content, 1, LEN, f), LEN);
    fclose(f);
    dor__bytes_free(&text);
}

static void setup(void)
{
    uint8_t digest[32];
    strcpy(folder, "/tmp/dormouse-cache-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    for (int i = 0; i < 2; i++)
        cr_assert(dor__ok(dor__development_identity(i ? "b.test" : "a.test", &certs[i], &keys[i], digest)));
    write_pem("ca.pem", "CERTIFICATE", &certs[0]);
    write_pem("a.key", "PRIVATE KEY", &keys[0]);
    usleep(SETTLE_US);
}

static void teardown(void)
{
    char line[100];
    snprintf(line, sizeof(line), "rm -rf %s", folder);
    cr_assert_eq(system(line), 0);
    for (int i = 0; i < 2; i++) {
        dor__bytes_free(&certs[i]);
        dor__bytes_free(&keys[i]);
    }
    dor__pem_cache_clear();
}

TestSuite(pem_cache, .init = setup, .fini = teardown);

static dor_pem_cache_figures figures(void)
{
    dor_pem_cache_figures f;
    dor__pem_cache_get_figures(&f);
    return f;
}

static dor_trust_store *trust(void)
{
    dor_trust_store *store;
    char why[512];
    dor_result r = dor__cached_trust(file("ca.pem"), &store, why, sizeof(why));
    cr_assert(dor__ok(r), "%s", why);
    return store;
}

static bool holds(const dor_trust_store *store, int which)
{
    return dor__trust_store_count(store) == 1 &&
           dor__span_equal(dor__trust_store_at(store, 0)->der, dor__bytes_span(&certs[which]));
}

/* emqx#3277, otp#6373 and others: what every connection has a copy of is what fills the memory. */
Test(pem_cache, ten_thousand_connects_hold_one_copy)
{
    enum { CONNECTS = 10000 };
    static dor_settings *settings[CONNECTS];
    dor_options *o = dor_options_new();
    cr_assert_eq(dor_options_set_text(o, "cacertfile", file("ca.pem")), DOR_OK);
    for (int i = 0; i < CONNECTS; i++)
        cr_assert(dor__ok(dor__options_resolve(o, DOR_TLS_CLIENT, &settings[i])));
    for (int i = 1; i < CONNECTS; i++)
        cr_assert_eq(settings[i]->tls->trust, settings[0]->tls->trust);
    cr_expect_eq(figures().reads, 1u);
    cr_expect_eq(figures().hits, CONNECTS - 1u);
    cr_expect_eq(figures().entries, 1u);
    for (int i = 0; i < CONNECTS; i++)
        dor__settings_unref(settings[i]);
    dor_options_free(o);
}

Test(pem_cache, a_file_that_has_changed_is_read_again)
{
    dor_trust_store *first = trust(), *same = trust();
    cr_expect_eq(first, same);
    write_pem("ca.pem", "CERTIFICATE", &certs[1]);
    dor_trust_store *second = trust();
    cr_expect(holds(second, 1));
    cr_expect(holds(first, 0), "who has the old one keeps it");
    dor__trust_store_unref(first);
    dor__trust_store_unref(same);
    dor__trust_store_unref(second);

    dor_trust_store *none;
    char why[512];
    unlink(file("ca.pem"));
    cr_expect_eq(dor__cached_trust(file("ca.pem"), &none, why, sizeof(why)).code, DOR_E_FILE_UNREADABLE);
    cr_expect(strstr(why, "ca.pem: No such file"), "%s", why);
    cr_expect_eq(figures().entries, 0u);
}

/* Many changes within one tick of the file system's clock, all of the same length: none may be missed. */
Test(pem_cache, quick_changes_are_not_missed)
{
    for (int i = 0; i < 300; i++) {
        write_pem("ca.pem", "CERTIFICATE", &certs[i % 2]);
        dor_trust_store *store = trust();
        cr_assert(holds(store, i % 2), "%d", i);
        dor__trust_store_unref(store);
    }
}

Test(pem_cache, clearing)
{
    dor_trust_store *first = trust();
    cr_expect_eq(figures().entries, 1u);
    cr_expect_gt(figures().bytes, 0u);
    cr_expect_eq(dor_ssl_clear_pem_cache(NULL), DOR_OK);
    cr_expect_eq(figures().entries, 0u);
    cr_expect_eq(figures().bytes, 0u);
    dor_trust_store *second = trust();
    cr_expect_neq(first, second);
    cr_expect(holds(first, 0));
    dor__trust_store_unref(first);
    dor__trust_store_unref(second);
}

Test(pem_cache, another_password_does_not_find_what_one_has_opened)
{
    char line[300];
    snprintf(line, sizeof(line), "openssl pkcs8 -topk8 -passout pass:x -in %s -out %s 2>/dev/null",
             file("a.key"), file("sealed.key"));
    if (system(line) != 0) cr_skip_test("there is no openssl command");
    usleep(SETTLE_US);
    dor_private_key *first, *second, *none = NULL;
    char why[512];
    cr_assert(dor__ok(dor__cached_key(file("sealed.key"), "x", &first, why, sizeof(why))));
    cr_assert(dor__ok(dor__cached_key(file("sealed.key"), "x", &second, why, sizeof(why))));
    cr_expect_eq(first, second);
    cr_expect_eq(dor__cached_key(file("sealed.key"), "y", &none, why, sizeof(why)).code,
                 DOR_E_PASSWORD_WRONG);
    cr_expect_eq(dor__cached_key(file("sealed.key"), NULL, &none, why, sizeof(why)).code,
                 DOR_E_PASSWORD_NEEDED);
    dor__private_key_unref(first);
    dor__private_key_unref(second);
}

Test(pem_cache, it_is_bounded)
{
    enum { FILES = DOR_PEM_CACHE_ENTRIES + 20 };
    char name[20];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "%d.pem", i);
        write_pem(name, "CERTIFICATE", &certs[0]);
    }
    usleep(SETTLE_US);
    for (int i = 0; i < FILES; i++) {
        dor_chain chain;
        snprintf(name, sizeof(name), "%d.pem", i);
        cr_assert(dor__ok(dor__cached_chain(file(name), NULL, &chain, NULL, 0)));
        cr_assert_eq(chain.count, 1u);
        dor__chain_fini(&chain);
        dor__trust_store_unref(trust()); /* used all the time: the others go first */
    }
    cr_expect_eq(figures().entries, (size_t)DOR_PEM_CACHE_ENTRIES);
    cr_expect_eq(figures().reads, FILES + 1u);
}

static void *reader(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        dor_trust_store *store = NULL;
        /* A file that is being written may be read half-way: then it is an error, never something wrong. */
        if (dor__failed(dor__cached_trust(file("ca.pem"), &store, NULL, 0))) continue;
        cr_assert(holds(store, 0) || holds(store, 1));
        dor__trust_store_unref(store);
        if (i % 50 == 0) dor__pem_cache_clear();
    }
    return NULL;
}

Test(pem_cache, many_threads, .timeout = 100)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, reader, NULL), 0);
    for (int i = 0; i < 50; i++)
        write_pem("ca.pem", "CERTIFICATE", &certs[i % 2]);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}
