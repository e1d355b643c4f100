/*
 * dormouse/signer.h - private keys that are elsewhere: in an HSM, in another process, on another machine.
 *
 * A connection that needs a signature asks a function of the program's and waits, without holding up anybody else:
 *
 *     void sign(const dor_sign_request *request, dor_question *question, void *arg)   // on the scheduler: must not block
 *     {
 *         ... copies what it needs of *request, and hands it with question to whoever can sign ...
 *     }
 *     dor_question_sign(question, signature, len);     // there or then, by any thread
 *
 *     dor_options_set_signer(options, sign, arg);      // with certfile or cert, and no key
 *
 * Servers and clients, TLS 1.2 and 1.3. docs/keys.md shows it. For a key that the program has, but that should not hold up
 * the loop while it signs, there is the option "sign_off_loop".
 */
#ifndef DORMOUSE_SIGNER_H
#define DORMOUSE_SIGNER_H

#include <dormouse/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- questions ------------------------------------------------------------------------------------------- */

/*
 * A dor_question is what a connection waits for: counted, any thread, answered once. Whoever is given one has a reference,
 * and every answer takes one, also when it fails; so nothing is done with it after that. A question whose last reference is
 * released without an answer is refused, so none is lost. One that is never answered ends with the handshake's timeout.
 *
 * Answers say: DOR_OK, it was taken; DOR_E_CLOSED, nobody waits for it any more; DOR_E_EALREADY, somebody else was first
 * (who holds a reference of dor_question_ref, too); DOR_E_EINVAL, it is a question of another kind, and this reference is
 * gone. None of these does any harm.
 */

/** Another reference; NULL for NULL. */
DOR_API dor_question *dor_question_ref(dor_question *question);

/** Lets go of one. Harmless with NULL. */
DOR_API void dor_question_unref(dor_question *question);

/** Whether somebody still waits: 0 when the connection has ended, or there is an answer. For who would work in vain. */
DOR_API int dor_question_waits(const dor_question *question);

/**
 * The signature, as the protocol has it: ECDSA's as the DER of its two numbers, RSA's as long as the modulus. It is copied.
 * It is verified with the certificate's key before anything leaves: with a wrong one, or one of a wrong length, the
 * handshake fails (alert internal_error, reason SIGNER_WRONG). Also DOR_E_BADARG.
 */
DOR_API int dor_question_sign(dor_question *question, const void *signature, size_t len);

/**
 * No answer. A signature: the handshake fails, with reason as its code (DOR_E_TIMEOUT and so on; the peer gets its alert, or
 * internal_error if it has none); with 0 it is internal_error and SIGNER_FAILED. A session: there is none.
 */
DOR_API int dor_question_refuse(dor_question *question, int reason);

/* ---- signatures ------------------------------------------------------------------------------------------ */

/** What is to be signed, and with which key; all of it valid during the call alone. */
struct dor_sign_request {
    uint16_t scheme;         /**< IANA's number (TLS SignatureScheme): 0x0403 */
    const char *scheme_name; /**< and name: "ecdsa_secp256r1_sha256" */
    const uint8_t *content;  /**< what is signed, before it is hashed */
    size_t content_len;      /**< bytes */
    const uint8_t *digest;   /**< the scheme's hash of it; NULL for ed25519, which takes the content whole */
    size_t digest_len;       /**< bytes: 32, 48 or 64 */
    const uint8_t *cert;     /**< the certificate whose key it is, DER */
    size_t cert_len;         /**< bytes */
    const char *server_name; /**< whom the client calls; empty when it does not say */
    int server;              /**< not 0: we are the server of this connection */
};

/**
 * Option signer (ours): signatures with the key of cert or certfile are fn's business. fn runs on the connection's scheduler,
 * several at once where there are several; it must not block nor call into the connection, gets a reference to question, and
 * may answer at once. arg must live as long as the connections and listeners that these options are used for. A key given as
 * well (key, keyfile) is DOR_E_OPTION_CONFLICT from the call that uses the options; one in certfile is passed over. Several
 * certificates: the fields of dor_certs_key. When certificates are read again, fn stays. NULL: none.
 */
DOR_API int dor_options_set_signer(dor_options *options, dor_sign_fn fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
