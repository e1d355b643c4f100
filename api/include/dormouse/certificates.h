/*
 * dormouse/certificates.h - certificates and keys of listeners that run: replaced without a connection lost; and the cache of
 * files behind them.
 *
 * New ones are for handshakes that begin after the call has answered, on every scheduler. A connection keeps what it began
 * with, and one that dor_ssl_transport_accept has returned already has begun. Whatever goes wrong, the old ones stay.
 * Every call here answers DOR_OK or a code.
 */
#ifndef DORMOUSE_CERTIFICATES_H
#define DORMOUSE_CERTIFICATES_H

#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Reads the listener's certfile, keyfile, cacertfile and those in certs_keys again, and those of its sni_hosts, off the loops.
 * What was given as bytes stays. Anybody may ask for it. DOR_E_FILE_UNREADABLE, DOR_E_FILE_MALFORMED, DOR_E_KEY_MISMATCH (half of a pair is written
 * so far) and others as dor_ssl_listen; then error (may be NULL) gets a sentence with option and file. DOR_E_EINVAL for a
 * connection; DOR_E_BUSY when others go on changing the listener's options at the same time.
 * Sessions and tickets stay good: they were made with this server, a client that resumes judges the certificate that it saw
 * then, and a client's certificate is judged by the authorities of now. Blocks; not on a scheduler.
 */
DOR_API int dor_ssl_reload(dor_socket listener, char *error, size_t error_cap);

/** dor_ssl_reload for actors. The reply's data is the sentence of a failure (not ended by a NUL), or NULL. */
DOR_API int dor_ssl_reload_async(dor_socket listener, dor_ref *ref);

/**
 * Other certificates for a listener: options cert, certfile, key, keyfile, password or certs_keys, and with them cacerts or
 * cacertfile; DOR_E_OPTION_CONFLICT for any other option. Files are read by the caller's thread, and are those that
 * dor_ssl_reload reads from now on. Only the owner may do it; for a listener of dor_ssl_serve, which has none, anybody.
 * Sessions and tickets made under the old certificates are forgotten: the listener gets a new memory of its own, or the
 * session_cache or session_cb that may be given here too; what a session_cb of before holds stays in it, and good.
 * dor_options_error(options) says what went wrong. Immediate.
 */
DOR_API int dor_ssl_set_certificates(dor_socket listener, const dor_options *options);

/** What has become of new certificates, since the listener began. */
typedef struct dor_reload_statistics {
    uint64_t
        reads; /**< how often files were read again: by dor_ssl_reload, or by option reload_certificates */
    uint64_t replaced;     /**< something had changed, and took its place */
    uint64_t failures;     /**< the old ones stayed */
    int last_result;       /**< of the latest reading; DOR_OK before the first */
    char last_error[1152]; /**< of the latest failure; empty when there was none */
} dor_reload_statistics;

/** What has become of a listener's new certificates. Immediate. DOR_E_EINVAL for a connection. */
DOR_API int dor_ssl_get_reload_statistics(dor_socket listener, dor_reload_statistics *statistics);

/**
 * Forgets what files of certificates, keys and authorities held; who uses it keeps it. They are looked at before each use
 * anyway, so this is for those who want a key out of memory, or do not trust a file's times. The cache is the process's,
 * whichever the runtime (NULL will do). Any thread. Source: clear_pem_cache/0.
 */
DOR_API int dor_ssl_clear_pem_cache(dor_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
