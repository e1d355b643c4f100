/*
 * dormouse/suites.h - cipher suites and protocol versions: which there are, what they are made of, what they are called.
 *
 * Suites are listed in the order in which they are preferred on this machine. To use a choice of them, put their names
 * into option "ciphers" (dor_options_set_array).
 *
 * Threads: any. All texts are constants of the library.
 */
#ifndef DORMOUSE_SUITES_H
#define DORMOUSE_SUITES_H

#include <dormouse/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A cipher suite and what it is made of. */
typedef struct dor_cipher_suite {
    const char *name;         /**< IANA's: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" */
    const char *openssl_name; /**< OpenSSL's: "ECDHE-RSA-AES128-GCM-SHA256" */
    const char *version;      /**< the one version that it is for: "tlsv1.2" */
    const char *key_exchange; /**< "any" (TLS 1.3), "ecdhe_ecdsa", "ecdhe_rsa", "dhe_rsa", "rsa" */
    const char *cipher; /**< "aes_128_gcm", "chacha20_poly1305", "aes_256_ccm_8", "aes_128_cbc" and so on */
    const char *mac;    /**< "aead": the cipher authenticates by itself; of CBC "sha", "sha256", "sha384" */
    const char *prf;    /**< hash of the key schedule: "sha256", "sha384" */
    uint16_t id;        /**< IANA's number */
    uint16_t key_bits;  /**< of the cipher's key */
} dor_cipher_suite;

/** Which suites dor_cipher_suites lists. */
typedef enum dor_suites_which {
    DOR_SUITES_DEFAULT,   /**< used unless option "ciphers" says otherwise */
    DOR_SUITES_ALL,       /**< and those that are used only when named */
    DOR_SUITES_EXCLUSIVE, /**< for this version and no older one */
    DOR_SUITES_ANONYMOUS  /**< without certificates; there are none so far */
} dor_suites_which;

/** Nonzero: it stays. */
typedef int (*dor_suite_filter_fn)(const dor_cipher_suite *suite, void *arg);

/**
 * The suites of a connection whose highest version is `version` ("tlsv1.3", "tlsv1.2"): those of older versions, too,
 * unless only the exclusive ones are asked for. *count gets how many there are, of which the first `cap` are written to
 * suites (may be NULL with cap 0). filter may be NULL; it is called on this thread.
 * DOR_E_BADARG for a version that there is not. Source: cipher_suites/0,1 and later OTP's cipher_suites/2 and
 * filter_cipher_suites/2.
 */
DOR_API int dor_cipher_suites(dor_suites_which which, const char *version, dor_suite_filter_fn filter,
                              void *arg, dor_cipher_suite *suites, size_t cap, size_t *count);

/**
 * Those of suites that filter keeps, in their order, moved to the front; *count, which comes in as how many there are, goes
 * out as how many they are. The others are behind them in no order. DOR_E_BADARG. Source: filter_cipher_suites/2.
 */
DOR_API int dor_filter_cipher_suites(dor_suite_filter_fn filter, void *arg, dor_cipher_suite *suites,
                                     size_t *count);

/**
 * Makes those of suites that filter keeps the most preferred ones (prepend), or the least preferred ones (append); all keep
 * their order among each other. filter is called on this thread. DOR_E_BADARG. Source: prepend_cipher_suites/2, append_cipher_suites/2 with filters.
 */
DOR_API int dor_prepend_cipher_suites(dor_suite_filter_fn filter, void *arg, dor_cipher_suite *suites,
                                      size_t count);
DOR_API int dor_append_cipher_suites(dor_suite_filter_fn filter, void *arg, dor_cipher_suite *suites,
                                     size_t count);

/**
 * A filter: keeps the suites whose names, IANA's or OpenSSL's, are in arg, a list of texts (const char *const *) ended by
 * NULL. Nonzero or 0; cannot fail with a code.
 */
DOR_API int dor_suite_is_named(const dor_cipher_suite *suite, void *arg);

/**
 * Sets option ciphers to these suites, in their order; their names are copied. DOR_OK, or a code as dor_options_set_array;
 * DOR_E_BADARG for more than 64.
 */
DOR_API int dor_options_set_cipher_suites(dor_options *options, const dor_cipher_suite *suites, size_t count);

/** The suite of a name, IANA's or OpenSSL's, in any case. DOR_E_NOT_SUPPORTED when we have no such suite. */
DOR_API int dor_cipher_suite_from_text(const char *name, dor_cipher_suite *suite);

/** The suite of IANA's number. DOR_E_NOT_SUPPORTED. */
DOR_API int dor_cipher_suite_from_id(uint16_t id, dor_cipher_suite *suite);

/**
 * The name of any suite in IANA's registry, ours or not, such as those that a peer offers (dor_ssl_hello);
 * NULL for a number that has none there. Signalling values (0x00ff, 0x5600) have names, too. Source: suite_to_str/1.
 */
DOR_API const char *dor_cipher_suite_name(uint16_t id);

/** The name that OpenSSL has, or once had, for it; NULL: none. Source: later OTP's suite_to_openssl_str/1. */
DOR_API const char *dor_cipher_suite_openssl_name(uint16_t id);

/** The number behind a name of either kind, in any case. DOR_E_NOT_SUPPORTED: there is none. Source: str_to_suite/1. */
DOR_API int dor_cipher_suite_number(const char *name, uint16_t *id);

enum { DOR_VERSIONS_MAX = 8 /**< of each list, its NULL included */ };

/** Lists of names, newest first, each ended by NULL. */
typedef struct dor_versions {
    const char *library;                     /**< of Dormouse */
    const char *supported[DOR_VERSIONS_MAX]; /**< used unless option "versions" says otherwise */
    const char *available[DOR_VERSIONS_MAX]; /**< can be asked for by "versions" */
    const char
        *implemented[DOR_VERSIONS_MAX]; /**< are there, whether or not this machine's crypto can do them */
} dor_versions;

/** Which versions there are. DOR_E_BADARG for NULL. Source: versions/0. */
DOR_API int dor_ssl_versions(dor_versions *versions);

#ifdef __cplusplus
}
#endif
#endif
