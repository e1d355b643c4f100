/*
 * signer.h - signatures that a connection does not make itself: by a function of the program's, for keys that are elsewhere, or
 * on a worker thread with a key that is here (option sign_off_loop).
 */
#ifndef DOR_SSL_SIGNER_H
#define DOR_SSL_SIGNER_H

#include "runtime/scheduler.h"
#include "ssl/question.h"
#include "tls/question.h"

/** The key of a certificate, of which fn makes the signatures. Any thread. */
DOR_MUST_USE dor_result dor__signer_key(const dor_certificate *leaf, dor_sign_fn fn, void *arg,
                                        dor_private_key **key);

/**
 * Has the signature made that the engine asks for, and takes the user's reference to question, also on failure. The answer may
 * be there before this returns. On the connection's scheduler.
 */
DOR_MUST_USE dor_result dor__signer_ask(dor_scheduler *s, const dor_tls_question *asked, bool server,
                                        dor_question *question);

#endif
