/*
 * dormouse/psk.h - external pre-shared keys in TLS 1.3: both ends know a key, and need no certificate (docs/psk.md).
 *
 *     dor_options_add_psk(options, "sensor-7", 8, key, sizeof key, NULL);   // client and server: the same
 *
 * A key has 16 bytes of randomness at least; what people can remember is none. Source: RFC 8446 sections 2.2 and 4.2.11,
 * RFC 9257.
 *
 * Threads: calls on options, one thread at a time for each object; answers to questions, any.
 */
#ifndef DORMOUSE_PSK_H
#define DORMOUSE_PSK_H

#include <dormouse/signer.h>
#include <dormouse/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Adds one to option psks (ours). A client offers its first eight in each hello, and, without option psk_fallback, takes
 * nothing else: no certificate, no session. A server takes whoever knows one of its (4096 at most), beside certificates or
 * in their place. All is copied, and wiped when its last user has gone.
 *
 * @param identity  identity_len bytes, 1 to 16384; it goes over the wire in the clear
 * @param key       key_len bytes, 16 to 128
 * @param hash      "sha256" (NULL means that, too) or "sha384": only suites of this hash can use the key
 * @return DOR_OK; DOR_E_BADARG for what is none of these; DOR_E_OPTION_CONFLICT when the identity is there already;
 *         DOR_E_LIMIT; DOR_E_NOMEM
 */
DOR_API int dor_options_add_psk(dor_options *options, const void *identity, size_t identity_len,
                                const void *key, size_t key_len, const char *hash);

/**
 * Looks up the key of an identity. Runs on the connection's scheduler, several at once where there are several; it must not
 * block nor call into the connection. identity is valid during the call alone. The question comes with a reference: it is
 * answered by dor_question_psk there or later, by any thread; a refusal says that nobody has that identity.
 */
typedef void (*dor_psk_lookup_fn)(const void *identity, size_t identity_len, dor_question *question,
                                  void *arg);

/**
 * A server's option user_lookup_fun: fn is asked for identities that are not in psks or pskfile, up to four in one handshake;
 * tickets of earlier days may be among them. arg must live as long as the connections and listeners that these options are used
 * for. Answers DOR_OK or a code; NULL: none. Source: user_lookup_fun, which in OTP is for TLS 1.2's suites.
 */
DOR_API int dor_options_set_psk_lookup(dor_options *options, dor_psk_lookup_fn fn, void *arg);

/**
 * The answer, as signer.h says of answers: the key (copied) and its hash as above. DOR_E_BADARG, and nobody has that identity,
 * when the key is shorter than 16 bytes or longer than 128, or the hash is another.
 */
DOR_API int dor_question_psk(dor_question *question, const void *key, size_t key_len, const char *hash);

/**
 * The identity of the external key by which both ends of a connection are authenticated: who the peer is, where there is no
 * certificate. *len gets its length; at most cap bytes are written, and DOR_E_TOO_BIG says that there are more. len 0: this
 * connection was not made by one. Immediate, as information.h says; its codes.
 */
DOR_API int dor_ssl_psk_identity(dor_socket socket, void *identity, size_t cap, size_t *len);

#ifdef __cplusplus
}
#endif
#endif
