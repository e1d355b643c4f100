/* suites.c - dormouse/suites.h: what core/tls has, in words. */
#include "suites.h"
#include <dormouse/version.h>
#include <string.h>
#include <strings.h>

enum { SUITES_MAX = 64 }; /* more than there are */

static const char *const key_exchanges[] = {"any", "ecdhe_ecdsa", "ecdhe_rsa", "dhe_rsa",
                                            "rsa"}; /* by dor_kx_kind */

static const char *mac_name(const dor_suite *suite)
{
    switch (suite->mac) {
    case DOR_HASH_NONE: return "aead";
    case DOR_HASH_SHA1: return "sha";
    case DOR_HASH_SHA256: return "sha256";
    case DOR_HASH_SHA384: return "sha384";
    default: return "unknown";
    }
}

static const char *cipher_name(const dor_suite *suite)
{
    if (dor__suite_is_cbc(suite)) return suite->cbc_key_len == 16 ? "aes_128_cbc" : "aes_256_cbc";
    switch (suite->aead) {
    case DOR_AEAD_AES_128_GCM: return "aes_128_gcm";
    case DOR_AEAD_AES_256_GCM: return "aes_256_gcm";
    case DOR_AEAD_CHACHA20_POLY1305: return "chacha20_poly1305";
    case DOR_AEAD_AES_128_CCM: return "aes_128_ccm";
    case DOR_AEAD_AES_256_CCM: return "aes_256_ccm";
    case DOR_AEAD_AES_128_CCM_8: return "aes_128_ccm_8";
    case DOR_AEAD_AES_256_CCM_8: return "aes_256_ccm_8";
    default: return "unknown";
    }
}

void dor__suite_describe(const dor_suite *suite, dor_cipher_suite *out)
{
    *out = (dor_cipher_suite){
        .name = suite->name,
        .openssl_name = suite->openssl_name,
        .version = dor__version_name(suite->version),
        .key_exchange = key_exchanges[suite->kx],
        .cipher = cipher_name(suite),
        .mac = mac_name(suite),
        .prf = suite->hash == DOR_HASH_SHA384 ? "sha384" : "sha256",
        .id = suite->id,
        .key_bits = (uint16_t)(8 * (dor__suite_is_cbc(suite) ? suite->cbc_key_len
                                                             : dor__aead_key_len((dor_aead_id)suite->aead))),
    };
}

int dor_cipher_suites(dor_suites_which which, const char *version, dor_suite_filter_fn filter, void *arg,
                      dor_cipher_suite *suites, size_t cap, size_t *count)
{
    size_t total, found = 0;
    if (!version || !count || (!suites && cap) || (unsigned)which > DOR_SUITES_ANONYMOUS) return DOR_E_BADARG;
    uint16_t highest = dor__version_from_name(dor__span_str(version));
    if (!highest) return DOR_E_BADARG;
    const dor_suite *all = dor__suite_all(&total);
    for (size_t i = 0; i < total; i++) {
        dor_cipher_suite one;
        if (which == DOR_SUITES_ANONYMOUS) break; /* all of ours authenticate by certificate */
        if (which == DOR_SUITES_DEFAULT && all[i].by_name) continue;
        if (which == DOR_SUITES_EXCLUSIVE ? all[i].version != highest : all[i].version > highest) continue;
        dor__suite_describe(&all[i], &one);
        if (filter && !filter(&one, arg)) continue;
        if (found < cap) suites[found] = one;
        found++;
    }
    *count = found;
    return DOR_OK;
}

/* Those that filter keeps are brought to the front, or to the back; both parts keep their order. Returns how many. */
static size_t part(dor_suite_filter_fn filter, void *arg, bool to_front, dor_cipher_suite *suites,
                   size_t count)
{
    size_t kept = 0, front = 0;
    for (size_t i = 0; i < count; i++) {
        dor_cipher_suite one = suites[i];
        bool keeps = filter(&one, arg) != 0;
        kept += keeps;
        if (keeps != to_front) continue;
        memmove(&suites[front + 1], &suites[front], (i - front) * sizeof one);
        suites[front++] = one;
    }
    return kept;
}

int dor_filter_cipher_suites(dor_suite_filter_fn filter, void *arg, dor_cipher_suite *suites, size_t *count)
{
    if (!filter || !count || (!suites && *count)) return DOR_E_BADARG;
    *count = part(filter, arg, true, suites, *count);
    return DOR_OK;
}

int dor_prepend_cipher_suites(dor_suite_filter_fn filter, void *arg, dor_cipher_suite *suites, size_t count)
{
    if (!filter || (!suites && count)) return DOR_E_BADARG;
    part(filter, arg, true, suites, count);
    return DOR_OK;
}

int dor_append_cipher_suites(dor_suite_filter_fn filter, void *arg, dor_cipher_suite *suites, size_t count)
{
    if (!filter || (!suites && count)) return DOR_E_BADARG;
    part(filter, arg, false, suites, count);
    return DOR_OK;
}

int dor_suite_is_named(const dor_cipher_suite *suite, void *arg)
{
    for (const char *const *name = arg; suite && name && *name; name++)
        if (strcasecmp(*name, suite->name) == 0 || strcasecmp(*name, suite->openssl_name) == 0) return 1;
    return 0;
}

int dor_options_set_cipher_suites(dor_options *options, const dor_cipher_suite *suites, size_t count)
{
    const char *suite_names[SUITES_MAX];
    if (!options || (!suites && count) || count > SUITES_MAX) return DOR_E_BADARG;
    for (size_t i = 0; i < count; i++)
        suite_names[i] = suites[i].name;
    return dor_options_set_array(options, "ciphers", suite_names, count);
}

static int tell(const dor_suite *found, dor_cipher_suite *suite)
{
    if (!found) return DOR_E_NOT_SUPPORTED;
    dor__suite_describe(found, suite);
    return DOR_OK;
}

int dor_cipher_suite_from_text(const char *name, dor_cipher_suite *suite)
{
    return name && suite ? tell(dor__suite_from_name(dor__span_str(name)), suite) : DOR_E_BADARG;
}

int dor_cipher_suite_from_id(uint16_t id, dor_cipher_suite *suite)
{
    return suite ? tell(dor__suite_find(id), suite) : DOR_E_BADARG;
}

int dor_ssl_versions(dor_versions *versions)
{
    static const char *const all[] = {"tlsv1.3", "tlsv1.2"}; /* on by default, each of them */
    if (!versions) return DOR_E_BADARG;
    *versions = (dor_versions){.library = dor_version()};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        versions->supported[i] = versions->available[i] = versions->implemented[i] = all[i];
    return DOR_OK;
}
