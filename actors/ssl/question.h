/*
 * question.h - what a connection waits for from outside: dormouse/signer.h's dor_question.
 *
 * Two sides hold it. The program's references are counted together (users); when the last one goes without an answer, that is
 * a refusal. The connection has one of its own, by which it says that it does not wait any more. The answer is a message
 * that was made with the question, so that giving it cannot fail for want of memory, and it goes to the connection's
 * actor like any other: from any thread, never lost while the actor lives, dropped when it does not.
 *
 * Threads: any; the state decides who is first.
 */
#ifndef DOR_SSL_QUESTION_H
#define DOR_SSL_QUESTION_H

#include "base/bytes.h"
#include "runtime/calls.h"
#include <dormouse/signer.h>

typedef enum dor_question_kind {
    DOR_QUESTION_SIGN,
    DOR_QUESTION_SESSION,
    DOR_QUESTION_PSK
} dor_question_kind;

/** DOR_MSG_SSL_ANSWER's payload. */
typedef struct dor_answer {
    dor_question *question; /* a reference */
    int result;             /* DOR_OK, or why there is none */
    dor_bytes data;         /* wiped as the message goes */
} dor_answer;

/** Asked by an actor, which holds one reference; the program's first one is for the caller, too. room: bytes of the answer. */
DOR_MUST_USE dor_result dor__question_new(dor_pid asker, dor_question_kind kind, size_t room,
                                          dor_question **question);

/** Before it is handed out: a session is asked for that is good for one use. */
void dor__question_set_once(dor_question *question);
bool dor__question_once(const dor_question *question);

/** The asker lets go of its own: nobody waits any more. NULL is harmless. */
void dor__question_abandon(dor_question *question);

/** An answer, copied. Takes a user's reference. A code as those of signer.h. */
int dor__question_answer(dor_question *question, dor_question_kind kind, dor_span data);
/** None, and why. Likewise. */
int dor__question_refuse(dor_question *question, int why);

/** The user's references. */
dor_question *dor__question_ref(dor_question *question);
void dor__question_unref(dor_question *question);
bool dor__question_waits(const dor_question *question);

#endif
