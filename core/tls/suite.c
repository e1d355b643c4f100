/*
 * suite.c - the cipher suites (RFC 8446 appendix B.4, RFC 5289 section 3, RFC 7905 section 3, RFC 7251,
 * RFC 5246 appendix A.5) and version
 * names.
 *
 * Constant tables and pure functions. Two orders of preference: AES first where the processor has instructions for
 * it, ChaCha20 first where it has not; there a table-based AES would be slow and leak through the cache.
 */
#include "tls/suite.h"

#include <strings.h>

/* clang-format off */
#define SUITE_13(id_, aead_, hash_, name_) \
    {.id = id_, .version = DOR_TLS_1_3, .kx = DOR_KX_13, .aead = DOR_AEAD_##aead_, .hash = DOR_HASH_##hash_, \
     .name = name_, .openssl_name = name_}
#define SUITE_12(id_, kx_, aead_, hash_, name_, openssl_name_) \
    {.id = id_, .version = DOR_TLS_1_2, .kx = DOR_KX_##kx_, .aead = DOR_AEAD_##aead_, .hash = DOR_HASH_##hash_, \
     .name = name_, .openssl_name = openssl_name_}

#define SUITES_AES_13                                                                                              \
    SUITE_13(0x1301, AES_128_GCM, SHA256, "TLS_AES_128_GCM_SHA256"),                                               \
    SUITE_13(0x1302, AES_256_GCM, SHA384, "TLS_AES_256_GCM_SHA384")

#define SUITES_CHACHA_13                                                                                           \
    SUITE_13(0x1303, CHACHA20_POLY1305, SHA256, "TLS_CHACHA20_POLY1305_SHA256")

#define SUITES_AES_12                                                                                              \
    SUITE_12(0xc02b, ECDHE_ECDSA, AES_128_GCM, SHA256,                                                             \
             "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),                          \
    SUITE_12(0xc02f, ECDHE_RSA, AES_128_GCM, SHA256,                                                               \
             "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),                              \
    SUITE_12(0xc02c, ECDHE_ECDSA, AES_256_GCM, SHA384,                                                             \
             "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),                          \
    SUITE_12(0xc030, ECDHE_RSA, AES_256_GCM, SHA384,                                                               \
             "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384")

#define SUITES_CHACHA_12                                                                                           \
    SUITE_12(0xcca9, ECDHE_ECDSA, CHACHA20_POLY1305, SHA256,                                                       \
             "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),                    \
    SUITE_12(0xcca8, ECDHE_RSA, CHACHA20_POLY1305, SHA256,                                                         \
             "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305")

#define NAMED_13(id_, aead_, name_) \
    {.id = id_, .version = DOR_TLS_1_3, .kx = DOR_KX_13, .aead = DOR_AEAD_##aead_, .hash = DOR_HASH_SHA256, \
     .by_name = true, .name = name_, .openssl_name = name_}
#define NAMED_12(id_, kx_, aead_, hash_, name_, openssl_name_) \
    {.id = id_, .version = DOR_TLS_1_2, .kx = DOR_KX_##kx_, .aead = DOR_AEAD_##aead_, .hash = DOR_HASH_##hash_, \
     .by_name = true, .name = name_, .openssl_name = openssl_name_}

/* What is there for those who ask for it: CCM is slow, CCM_8 has half a tag. */
#define SUITES_NAMED_13                                                                                            \
    NAMED_13(0x1304, AES_128_CCM, "TLS_AES_128_CCM_SHA256"),                                                       \
    NAMED_13(0x1305, AES_128_CCM_8, "TLS_AES_128_CCM_8_SHA256")

/* RFC 7251; by RFC 6655 section 3 the PRF's hash is SHA-256. */
#define SUITES_CCM_12                                                                                              \
    NAMED_12(0xc0ac, ECDHE_ECDSA, AES_128_CCM, SHA256,                                                             \
             "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", "ECDHE-ECDSA-AES128-CCM"),                                        \
    NAMED_12(0xc0ad, ECDHE_ECDSA, AES_256_CCM, SHA256,                                                             \
             "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", "ECDHE-ECDSA-AES256-CCM"),                                        \
    NAMED_12(0xc0ae, ECDHE_ECDSA, AES_128_CCM_8, SHA256,                                                           \
             "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8"),                                     \
    NAMED_12(0xc0af, ECDHE_ECDSA, AES_256_CCM_8, SHA256,                                                           \
             "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", "ECDHE-ECDSA-AES256-CCM8")

#define CBC_12(id_, kx_, key_len_, mac_, hash_, name_, openssl_name_) \
    {.id = id_, .version = DOR_TLS_1_2, .kx = DOR_KX_##kx_, .cbc_key_len = key_len_, .mac = DOR_HASH_##mac_, \
     .hash = DOR_HASH_##hash_, .by_name = true, .name = name_, .openssl_name = openssl_name_}

/* RFC 8422, RFC 5289. Those with SHA-1 and those with SHA-256 have SHA-256 for their PRF (RFC 5246 section 5). */
#define SUITES_CBC_ECDHE_12                                                                                        \
    CBC_12(0xc023, ECDHE_ECDSA, 16, SHA256, SHA256,                                                                \
           "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"),                                \
    CBC_12(0xc027, ECDHE_RSA, 16, SHA256, SHA256,                                                                  \
           "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),                                    \
    CBC_12(0xc024, ECDHE_ECDSA, 32, SHA384, SHA384,                                                                \
           "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384"),                                \
    CBC_12(0xc028, ECDHE_RSA, 32, SHA384, SHA384,                                                                  \
           "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),                                    \
    CBC_12(0xc009, ECDHE_ECDSA, 16, SHA1, SHA256,                                                                  \
           "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"),                                      \
    CBC_12(0xc013, ECDHE_RSA, 16, SHA1, SHA256,                                                                    \
           "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),                                          \
    CBC_12(0xc00a, ECDHE_ECDSA, 32, SHA1, SHA256,                                                                  \
           "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),                                      \
    CBC_12(0xc014, ECDHE_RSA, 32, SHA1, SHA256,                                                                    \
           "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA")

/* RFC 5288, RFC 7905, RFC 6655, RFC 5246 appendix A.5: slower than a curve, and only over the primes of RFC 7919. */
#define SUITES_DHE_12                                                                                              \
    NAMED_12(0x009e, DHE_RSA, AES_128_GCM, SHA256,                                                                 \
             "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256"),                                  \
    NAMED_12(0x009f, DHE_RSA, AES_256_GCM, SHA384,                                                                 \
             "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"),                                  \
    NAMED_12(0xccaa, DHE_RSA, CHACHA20_POLY1305, SHA256,                                                           \
             "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "DHE-RSA-CHACHA20-POLY1305"),                            \
    NAMED_12(0xc09e, DHE_RSA, AES_128_CCM, SHA256, "TLS_DHE_RSA_WITH_AES_128_CCM", "DHE-RSA-AES128-CCM"),          \
    NAMED_12(0xc09f, DHE_RSA, AES_256_CCM, SHA256, "TLS_DHE_RSA_WITH_AES_256_CCM", "DHE-RSA-AES256-CCM"),          \
    NAMED_12(0xc0a2, DHE_RSA, AES_128_CCM_8, SHA256, "TLS_DHE_RSA_WITH_AES_128_CCM_8", "DHE-RSA-AES128-CCM8"),     \
    NAMED_12(0xc0a3, DHE_RSA, AES_256_CCM_8, SHA256, "TLS_DHE_RSA_WITH_AES_256_CCM_8", "DHE-RSA-AES256-CCM8"),     \
    CBC_12(0x0067, DHE_RSA, 16, SHA256, SHA256,                                                                    \
           "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", "DHE-RSA-AES128-SHA256"),                                        \
    CBC_12(0x006b, DHE_RSA, 32, SHA256, SHA256,                                                                    \
           "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "DHE-RSA-AES256-SHA256"),                                        \
    CBC_12(0x0033, DHE_RSA, 16, SHA1, SHA256, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA"),           \
    CBC_12(0x0039, DHE_RSA, 32, SHA1, SHA256, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA")

/* RFC 5288, RFC 6655, RFC 5246 appendix A.5: no forward secrecy, so behind all others. */
#define SUITES_RSA_12                                                                                              \
    NAMED_12(0x009c, RSA, AES_128_GCM, SHA256, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),            \
    NAMED_12(0x009d, RSA, AES_256_GCM, SHA384, "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),            \
    NAMED_12(0xc09c, RSA, AES_128_CCM, SHA256, "TLS_RSA_WITH_AES_128_CCM", "AES128-CCM"),                          \
    NAMED_12(0xc09d, RSA, AES_256_CCM, SHA256, "TLS_RSA_WITH_AES_256_CCM", "AES256-CCM"),                          \
    NAMED_12(0xc0a0, RSA, AES_128_CCM_8, SHA256, "TLS_RSA_WITH_AES_128_CCM_8", "AES128-CCM8"),                     \
    NAMED_12(0xc0a1, RSA, AES_256_CCM_8, SHA256, "TLS_RSA_WITH_AES_256_CCM_8", "AES256-CCM8"),                     \
    CBC_12(0x003c, RSA, 16, SHA256, SHA256, "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"),                   \
    CBC_12(0x003d, RSA, 32, SHA256, SHA256, "TLS_RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256"),                   \
    CBC_12(0x002f, RSA, 16, SHA1, SHA256, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),                           \
    CBC_12(0x0035, RSA, 32, SHA1, SHA256, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA")

#define SUITES_NAMED_12 SUITES_CCM_12, SUITES_CBC_ECDHE_12, SUITES_DHE_12, SUITES_RSA_12
/* clang-format on */

static const dor_suite aes_first[] = {SUITES_AES_13, SUITES_CHACHA_13, SUITES_NAMED_13,
                                      SUITES_AES_12, SUITES_CHACHA_12, SUITES_NAMED_12};
static const dor_suite chacha_first[] = {SUITES_CHACHA_13, SUITES_AES_13, SUITES_NAMED_13,
                                         SUITES_CHACHA_12, SUITES_AES_12, SUITES_NAMED_12};

enum { SUITE_COUNT = sizeof(aes_first) / sizeof(aes_first[0]) };

static bool has_aes_instructions(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    return true; /* all but the smallest boards; asking would take a system header that the core does without */
#else
    return false;
#endif
}

static bool same_text(dor_span name, const char *text)
{
    return strlen(text) == name.len && name.len > 0 &&
           strncasecmp((const char *)name.ptr, text, name.len) == 0;
}

const dor_suite *dor__suite_find(uint16_t id)
{
    for (size_t i = 0; i < SUITE_COUNT; i++)
        if (aes_first[i].id == id) return &aes_first[i];
    return NULL;
}

const dor_suite *dor__suite_from_name(dor_span name)
{
    for (size_t i = 0; i < SUITE_COUNT; i++)
        if (same_text(name, aes_first[i].name) || same_text(name, aes_first[i].openssl_name))
            return &aes_first[i];
    return NULL;
}

const dor_suite *dor__suite_all(size_t *count)
{
    *count = SUITE_COUNT;
    return has_aes_instructions() ? aes_first : chacha_first;
}

static const struct {
    uint16_t version;
    const char *name;
} versions[] = {{DOR_TLS_1_2, "tlsv1.2"}, {DOR_TLS_1_3, "tlsv1.3"}};

const char *dor__version_name(uint16_t version)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (versions[i].version == version) return versions[i].name;
    return NULL;
}

uint16_t dor__version_from_name(dor_span name)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (same_text(name, versions[i].name)) return versions[i].version;
    return 0;
}
