/*
 * dormouse/options.h - options of listeners, connections and sockets, by the reference's names.
 *
 * One table knows every option: its name, the kind of its value, its range, and whether it is for clients, servers
 * or both. The setters below and the JSON reader go through that table, so both give the same errors: an unknown
 * name, a value of the wrong kind or out of range is refused and named, and nothing is changed.
 *
 *     dor_options *o = dor_options_new();
 *     dor_options_set_text(o, "certfile", "server.pem");
 *     dor_options_set_text(o, "verify", "verify_peer");
 *     dor_options_set_list(o, "alpn_preferred_protocols", "h2", "http/1.1", NULL);
 *
 * A call that takes options copies what it needs; the options may be changed, used again or freed afterwards.
 * Files are read by the call that uses the options (listen, connect), not by the setter.
 *
 * Calls answer DOR_OK or a code, and what they are given is copied; a setter: DOR_E_OPTION_UNKNOWN, DOR_E_OPTION_TYPE,
 * DOR_E_NOT_SUPPORTED, DOR_E_NOMEM.
 *
 * Threads: one at a time per object.
 */
#ifndef DORMOUSE_OPTIONS_H
#define DORMOUSE_OPTIONS_H

#include <dormouse/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options that have been set, each by its name. */
typedef struct dor_options dor_options;
typedef struct dor_ssl_session dor_ssl_session; /* dormouse/ssl.h */

/** Options of which none is set; NULL when out of memory. The caller frees them. */
DOR_API dor_options *dor_options_new(void);

/** Wipes secrets and frees; harmless with NULL. */
DOR_API void dor_options_free(dor_options *options);

/** Text, for names, paths and atoms ("verify_peer"). The value is copied. */
DOR_API int dor_options_set_text(dor_options *options, const char *name, const char *value);

/** Integers; also for options that take an atom or an integer (active, hibernate_after). */
DOR_API int dor_options_set_int(dor_options *options, const char *name, int64_t value);
DOR_API int dor_options_set_bool(dor_options *options, const char *name, int value);

/** Lists of texts, ended by NULL. */
DOR_API int dor_options_set_list(dor_options *options, const char *name, ...) __attribute__((sentinel));
DOR_API int dor_options_set_array(dor_options *options, const char *name, const char *const *values,
                                  size_t count);

/** Sets an option to bytes (cert, key: DER). For cacerts each call adds one certificate. */
DOR_API int dor_options_set_bytes(dor_options *options, const char *name, const void *data, size_t len);

/** What a connection waits for; see dormouse/signer.h. */
typedef struct dor_question dor_question;
/** What is to be signed; see dormouse/signer.h. */
typedef struct dor_sign_request dor_sign_request;

/** Gets what is to be signed, and a reference to the question; see dor_options_set_signer. */
typedef void (*dor_sign_fn)(const dor_sign_request *request, dor_question *question, void *arg);

/**
 * One certificate chain and its key, for option certs_keys. Each in a file (PEM, DER, or PKCS#12, which holds both) or in
 * memory as DER, which wins. What is not given is NULL; without keyfile and key the key is looked for in certfile. With sign
 * the key is elsewhere, and none is looked for.
 */
typedef struct dor_certs_key {
    const char *certfile; /**< the chain, leaf first, perhaps with the key */
    const char *keyfile;  /**< the key */
    const char *password; /**< of an encrypted key, or of a PKCS#12 file */
    const void *cert;     /**< certificates in DER, leaf first, one behind the other */
    size_t cert_len;      /**< bytes at cert */
    const void *key;      /**< a private key in DER */
    size_t key_len;       /**< bytes at key */
    dor_sign_fn sign;     /**< or who signs with a key that is elsewhere, as dor_options_set_signer's */
    void *sign_arg;       /**< what sign is called with */
    const char
        *ocsp_responsefile; /**< servers: the leaf's status, an OCSP response in DER, for clients that ask */
    const void *ocsp_response; /**< or in memory, which wins */
    size_t ocsp_response_len;  /**< bytes at ocsp_response */
    const char
        *sct_listfile;    /**< servers: the leaf's timestamps, a SignedCertificateTimestampList (RFC 6962) */
    const void *sct_list; /**< or in memory, which wins; with its two bytes of length */
    size_t sct_list_len;  /**< bytes at sct_list */
    int only_for_issuers; /**< nonzero: shown to peers alone that name an authority of the chain's */
} dor_certs_key;

/**
 * Adds to certs_keys, the certificates from which one is chosen by what the peer can verify; the first that fits is taken,
 * so they stand in order of preference. At most eight. All is copied; files are read later, as always. DOR_E_OPTION_TYPE for
 * one without a certificate, or one with a certificate in DER and no key; DOR_E_OPTION_CONFLICT for one with a key and sign. Source: option certs_keys of later OTP releases.
 */
DOR_API int dor_options_add_certs_key(dor_options *options, const dor_certs_key *certs_key);

/** Puts an option back to its default. */
DOR_API int dor_options_unset(dor_options *options, const char *name);

/**
 * Options from a JSON object: {"versions": ["tlsv1.3"], "active": "once", "hibernate_after": 5000}. Lists may also be
 * given as a string with "," or ":" between, as OpenSSL does for ciphers; bytes are base64. On failure *options stays
 * untouched and error (may be NULL) gets a sentence that says what and where.
 */
DOR_API int dor_options_from_json(const char *text, size_t len, dor_options **options, char *error,
                                  size_t error_cap);

/** Reads a file of the same kind; relative paths inside it are taken from the file's own folder. */
DOR_API int dor_options_from_file(const char *path, dor_options **options, char *error, size_t error_cap);

/** Takes one member of a configuration file, as text; DOR_OK, or a code: DOR_E_OPTION_UNKNOWN for a name it does not know. */
typedef int (*dor_member_fn)(const char *name, const char *value, void *arg);

/**
 * For a program whose file holds more than options: {"port": 4433, "service": "echo", "options": {"certfile": ...}}.
 * Every member but "options" is given to `member` in turn, as text: "4433", "true", a list with "," between. Otherwise
 * as dor_options_from_file.
 */
DOR_API int dor_options_from_config(const char *path, dor_member_fn member, void *arg, dor_options **options,
                                    char *error, size_t error_cap);

/** What the last failed call with these options (a setter, or a listen or connect that used them) had to say. */
DOR_API const char *dor_options_error(const dor_options *options);

/** The value set, if any: the getters answer DOR_E_OPTION_UNKNOWN for one that was not set or is not known. */
DOR_API int dor_options_get_text(const dor_options *options, const char *name, char *value, size_t cap);
DOR_API int dor_options_get_int(const dor_options *options, const char *name, int64_t *value);

/** Gets a line of a key log; see dor_options_set_key_log. */
typedef void (*dor_key_log_fn)(const char *line, void *arg);

/**
 * Each secret of a connection as it comes to be (option key_log): a line of the NSS key log format without its newline, as
 * Wireshark and others read it; for debugging, since who has the lines reads the traffic. Called on the scheduler of the
 * connection, from several at once when there are several; it must not block nor call into the connection. line is gone
 * when it returns. arg must live as long as the connections and listeners that these options are used for. NULL: none.
 * Source: OTP's keylog items; draft-ietf-tls-keylogfile.
 */
DOR_API int dor_options_set_key_log(dor_options *options, dor_key_log_fn fn, void *arg);

/** A client's session to resume (option reuse_session); a reference is taken. NULL: none. */
DOR_API int dor_options_set_session(dor_options *options, dor_ssl_session *session);

/**
 * A throw-away certificate and key for development, made on the spot for `host` and for localhost. Its SHA-256 is
 * written to fingerprint as 64 hexadecimal digits and a NUL; may be NULL.
 */
DOR_API int dor_options_use_development_certificate(dor_options *options, const char *host,
                                                    char fingerprint[65]);

/** Every option's name in turn, for help texts: index from 0 on; NULL past the end. *about gets one line about it. */
DOR_API const char *dor_options_describe(size_t index, const char **about);

#ifdef __cplusplus
}
#endif
#endif
